"""Which HubSpot record is which of ours, where its id is not known yet.

An account has, or lacks, a property that HubSpot keeps unique: `student_id` of contacts,
`booking_id` of bookings. With it a write by that property finds or makes the record in one call,
and no record is ever made twice. Without it a record is looked for before it is made. HubSpot is
asked once a day which of the two holds; its schema is never changed.
"""

from collections.abc import Sequence
from typing import Any

from glue.errors import Rejected
from glue.hubspot import HubSpot
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, NOTES, ClaimedChange, Rpc

MINUTE, DAY = 60.0, 86_400.0
NOT_FOUND = 404


class Identity:
    """What an account calls its records. keys: the property by which each table's are known."""

    def __init__(self, rpc: Rpc, hubspot: HubSpot) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        config = hubspot.config
        self.types = {
            CONTACTS: "contacts",
            BOOKINGS: config.booking_type,
            EXAMS: config.exam_type,
            NOTES: "notes",
        }
        self.keys = {CONTACTS: "student_id", BOOKINGS: "booking_id"}

    def unique(self, table: str) -> bool:
        """Whether HubSpot keeps the table's key unique."""
        task = f"unique {self.types[table]} {self.keys[table]}"
        known = self._rpc.recall(task)
        # By a clock that was ahead it was noted in the future.
        if known is None or not -MINUTE <= known["age"] <= DAY:
            known = {"unique": self._ask(table)}
            self._rpc.remember(task, known)
        return known["unique"]

    def _ask(self, table: str) -> bool:
        try:
            answer = self._hubspot.get_property(self.types[table], self.keys[table])
        except Rejected as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return bool(answer.get("hasUniqueValue"))

    def ids(self, table: str, rows: Sequence[dict[str, Any]]) -> dict[str, str]:
        """HubSpot's ids of rows, by their key as `same` compares it.

        Where HubSpot keeps no key unique two may share one: then everybody means the older.
        """
        key = self.keys[table]
        rows = sorted(rows, key=lambda row: (len(str(row["id"])), str(row["id"])), reverse=True)
        return {
            same(value): str(row["id"])
            for row in rows
            if (value := (row.get("properties") or {}).get(key))
        }

    def find(self, table: str, changes: Sequence[ClaimedChange]) -> dict[ClaimedChange, str]:
        """The ids of records HubSpot has. Without a unique property, search must have seen them."""
        ids = self.ids(table, self._rows(table, [c.unique_value for c in changes]))
        return {c: ids[same(c.unique_value)] for c in changes if same(c.unique_value) in ids}

    def find_former(self, table: str, changes: Sequence[ClaimedChange]) -> dict[ClaimedChange, str]:
        """The ids of records HubSpot has under a former unique value."""
        found = {}
        for change in changes:
            if rows := self._rows(table, [*change.former_values, change.unique_value]):
                found[change] = str(rows[0]["id"])
        return found

    def find_all(self, table: str, changes: Sequence[ClaimedChange]) -> list[str]:
        """The ids of all records that have the keys, also where two share one."""
        return [str(row["id"]) for row in self._rows(table, [c.unique_value for c in changes])]

    def _rows(self, table: str, values: Sequence[str | None]) -> list[dict[str, Any]]:
        key, values = self.keys[table], [value for value in values if value]
        if self.unique(table):
            return self._hubspot.batch_read(self.types[table], values, [key], key)
        return self._hubspot.search(self.types[table], key, values, [key])


def same(value: str | None) -> str:
    """A unique value as it is compared: HubSpot may give it back in another case."""
    return str(value or "").strip().casefold()
