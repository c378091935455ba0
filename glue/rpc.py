"""The database's functions, as Python calls. This is all the SQL the glue has."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from glue.db import translated
from glue.errors import Busy

PAUSES = (0.05, 0.2)  # seconds before the second and the third try of a call that was in the way
BOOKINGS = "hubspot_bookings"
CONTACTS = "hubspot_contact_credits"
EXAMS = "hubspot_mock_exams"
NOTES = "sync_notes"


@dataclass(frozen=True, eq=False)
class ClaimedChange:
    """A leased record to send; see the type hubspot_sync.claimed_change."""

    table_name: str
    record: UUID
    epoch: int
    lane: str
    operation: str
    hubspot_id: str | None
    unique_value: str | None
    properties: dict[str, str]
    contact_hubspot_id: str | None
    exam_hubspot_id: str | None
    associate: list[str]
    left_exam_hubspot_ids: list[str]
    may_create: bool
    tried: bool
    settled: bool
    former_values: list[str]
    unanswered: bool


@dataclass(frozen=True, eq=False)
class ClaimedSignal:
    """A leased record to read; see the type hubspot_sync.claimed_signal."""

    hubspot_id: str
    epoch: int
    lane: str
    kinds: list[str]
    attempts: int
    record: UUID | None
    unique_value: str | None
    links: bool

    @property
    def privacy(self) -> bool:
        """Whether a person asked to be forgotten."""
        return "privacyDeletion" in self.kinds


@dataclass(frozen=True)
class CallGrant:
    """Leave to call HubSpot, or when to ask again; see the type hubspot_sync.call_grant."""

    granted: bool
    ticket: int | None
    wait: timedelta | None
    reason: str | None


@dataclass(frozen=True)
class PollPass:
    """Where a search for what changed begins; see the type hubspot_sync.poll_pass."""

    since: datetime | None
    until: datetime | None
    after: str | None
    recent_from: date
    started_at: datetime


class Rpc:
    """Calls functions over one connection. Raises Refused and DatabaseError.

    A call that lost a deadlock or a wait for a lock has changed nothing and is made again, three
    times in all. sleep: of seconds. chance: numbers from 0 to 1.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._chance = chance

    def call(self, function: str, **arguments: Any) -> list[dict[str, Any]]:
        """The rows of a function called with named arguments.

        function: with its schema, «api.verify». A dict or list goes as jsonb.
        """
        names = ", ".join(f"{name} => %({name})s" for name in arguments)
        values = {
            name: Jsonb(value) if isinstance(value, (dict, list)) else value
            for name, value in arguments.items()
        }
        for pause in (*PAUSES, None):
            try:
                with translated():
                    return self._connection.execute(
                        f"select * from {function}({names})", values
                    ).fetchall()
            except Busy:
                if pause is None or self._connection.info.transaction_status:
                    raise
                self._sleep(pause * (0.5 + self._chance()))
        raise AssertionError("the last try returns or raises")

    def value(self, function: str, **arguments: Any) -> Any:
        """The single value of a function that answers one."""
        return next(iter(self.call(function, **arguments)[0].values()))

    def claim_changes(
        self, table: str, limit: int, lease: float, lane: str | None = None
    ) -> list[ClaimedChange]:
        """Leases due records of a table. lease: seconds."""
        rows = self.call(
            "hubspot_sync.claim_changes",
            p_table=table,
            p_limit=limit,
            p_lease=timedelta(seconds=lease),
            p_lane=lane,
        )
        return [ClaimedChange(**row) for row in rows]

    def finish_changes(self, table: str, results: list[dict[str, Any]]) -> int:
        """Acknowledges sent records; answers how many were still leased."""
        return self.value("hubspot_sync.finish_changes", p_table=table, p_results=results)

    def fail_changes(self, table: str, failures: list[dict[str, Any]]) -> int:
        """Gives records back; answers how many became dead letters."""
        return self.value("hubspot_sync.fail_changes", p_table=table, p_failures=failures)

    def queue_differences(
        self, table: str, after: UUID | None, limit: int, everything: bool
    ) -> dict[str, Any]:
        """Queues the records of a page that HubSpot holds otherwise: checked, queued, last."""
        return self.call(
            "hubspot_sync.queue_differences",
            p_table=table,
            p_after=after,
            p_limit=limit,
            p_all=everything,
        )[0]

    def write_notes(self, lane: str | None = None) -> int:
        """Gathers what the audit log has not told HubSpot into notes; answers how many."""
        return self.value("hubspot_sync.write_notes", p_lane=lane)

    def pause(self, scope: str, reason: str, seconds: float | None) -> dict[str, Any]:
        """Stops the sending of a table, or of all («*»); the pause in force.

        seconds: None until somebody resumes it.
        """
        return self.call(
            "hubspot_sync.pause_sync",
            p_scope=scope,
            p_reason=reason,
            p_for=None if seconds is None else timedelta(seconds=seconds),
        )[0]

    def recall(self, task: str) -> dict[str, Any] | None:
        """What a task noted for its next run, and «age» in seconds."""
        return self.value("hubspot_sync.recall", p_task=task)

    def remember(self, task: str, state: dict[str, Any]) -> None:
        """Notes what a task must know in its next run."""
        self.call("hubspot_sync.remember", p_task=task, p_state=state)

    def queue_status(self) -> list[dict[str, Any]]:
        """What is open in the outbox, a row a table."""
        return self.call("hubspot_sync.queue_status")

    def apply_records(self, table: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Merges HubSpot's records: applied (a number), refused {id: reason}, stale ids."""
        return self.call("hubspot_sync.apply_records", p_table=table, p_records=records)[0]

    def refresh_analytics(self, force: bool = False) -> bool:
        """Refreshes the analytics; False when nothing had changed."""
        return self.value("hubspot_sync.refresh_analytics", p_force=force)

    def advance(self, function: str, progress: Callable[[int], None] = lambda _: None) -> int:
        """Runs a task that answers {changed, more} until no more is left; the total.

        progress: told what each step changed.
        """
        total = 0
        while True:
            (result,) = self.call(function)
            total += result["changed"]
            progress(result["changed"])
            if not result["more"]:
                return total

    def get_analytics(self, weeks: int) -> list[dict[str, Any]]:
        """The analytics, a row a week and mock type."""
        return self.call("api.get_analytics", p_weeks=weeks)

    def verify(self) -> list[dict[str, Any]]:
        """Every invariant with its violations."""
        return self.call("api.verify")

    def list_available_exams(self) -> list[dict[str, Any]]:
        """What can be booked now, soonest first."""
        return self.call("api.list_available_exams")

    def create_booking(self, **arguments: str) -> dict[str, Any]:
        """Books; see api.create_booking."""
        return self.call("api.create_booking", **arguments)[0]

    def cancel_booking(self, booking_id: str) -> dict[str, Any]:
        """Cancels; see api.cancel_booking."""
        return self.call("api.cancel_booking", p_booking_id=booking_id)[0]

    def get_contact_credits(self, student_id: str, email: str) -> dict[str, Any]:
        """A contact's balances; see api.get_contact_credits."""
        return self.call("api.get_contact_credits", p_student_id=student_id, p_email=email)[0]

    @contextmanager
    def without_effect(self) -> Iterator[None]:
        """What is called inside happens to nobody: it is rolled back."""
        with translated(), self._connection.transaction(force_rollback=True):
            yield

    @contextmanager
    def acting_as(self, actor: str) -> Iterator[None]:
        """What is called inside is one transaction, in this name for the audit log."""
        with translated(), self._connection.transaction():
            self.call("hubspot_sync.act_as", p_actor=actor)
            yield

    def list_queue(
        self,
        state: str | None = None,
        table: str | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[dict[str, Any]]:
        """Changes that are open or dead, oldest first; see hubspot_sync.list_queue."""
        return self.call(
            "hubspot_sync.list_queue", p_state=state, p_table=table, p_limit=limit, p_after=after
        )

    def show_change(self, **which: Any) -> dict[str, Any] | None:
        """All about the record of a change; see hubspot_sync.show_change."""
        return self.value("hubspot_sync.show_change", **which)

    def retry_changes(self, ids: list[int]) -> list[dict[str, Any]]:
        """Makes changes due at once; what became of each."""
        return self.call("hubspot_sync.retry_changes", p_ids=_numbers(ids))

    def retry_all(self, table: str | None = None) -> list[dict[str, Any]]:
        """The same for all that are dead or waiting, of a table or of all."""
        return self.call("hubspot_sync.retry_changes", p_table=table, p_all=True)

    def discard_changes(self, ids: list[int]) -> list[dict[str, Any]]:
        """Gives changes up; what became of each."""
        return self.call("hubspot_sync.discard_changes", p_ids=_numbers(ids))

    def resume_sync(self, scope: str) -> bool:
        """Ends a pause; False where there was none."""
        return self.value("hubspot_sync.resume_sync", p_scope=scope)

    def list_pauses(self) -> list[dict[str, Any]]:
        """The pauses in force."""
        return self.call("hubspot_sync.list_pauses")

    def look_at_claims(self, records: list[UUID]) -> list[dict[str, Any]]:
        """What the leases of these records cover."""
        return self.call(
            "hubspot_sync.look_at_claims",
            p_records="{" + ",".join(str(record) for record in records) + "}",
        )

    def reserve_call(self, lane: str, search: bool) -> CallGrant:
        """Asks for one call to HubSpot."""
        rows = self.call("hubspot_sync.reserve_call", p_lane=lane, p_search=search)
        return CallGrant(**rows[0])

    def settle_call(
        self,
        ticket: int,
        status: int | None,
        headers: dict[str, str],
        policy: str | None,
        elapsed: float | None,
    ) -> bool:
        """Tells what became of a granted call. elapsed: seconds from its sending."""
        return self.value(
            "hubspot_sync.settle_call",
            p_ticket=ticket,
            p_status=status,
            p_headers=headers,
            p_policy=policy,
            p_elapsed=None if elapsed is None else timedelta(seconds=elapsed),
        )

    def append_events(self, limit: int) -> int:
        """Logs committed events; answers how many, `limit` when there may be more."""
        return self.value("hubspot_sync.append_events", p_limit=limit)

    def read_events(self, after: int, limit: int) -> list[dict[str, Any]]:
        """The log's events after a position, in order."""
        return self.call("hubspot_sync.read_events", p_after=after, p_limit=limit)

    def event_status(self) -> dict[str, Any]:
        """Where the log ends: last_position, last_at; stream_length is a setting."""
        return self.call("hubspot_sync.event_status")[0]

    def open_group(self, group: str, from_start: bool = False) -> int:
        """The position of a group of consumers, made known if it is not."""
        return self.value("hubspot_sync.open_group", p_group=group, p_from_start=from_start)

    def note_position(self, group: str, position: int) -> int:
        """Notes how far a group has come; answers where it stands."""
        return self.value("hubspot_sync.note_position", p_group=group, p_position=position)

    def group_positions(self) -> list[dict[str, Any]]:
        """Every group of consumers with its position."""
        return self.call("hubspot_sync.group_positions")

    def store_events(self, events: list[Any], types: dict[str, str]) -> dict[str, int]:
        """Stores a webhook's events: stored, duplicates, ignored. types: {objectTypeId: table}."""
        return self.call("hubspot_sync.store_events", p_events=events, p_types=types)[0]

    def claim_signals(
        self, table: str, limit: int, lease: float, lane: str | None = "bulk"
    ) -> list[ClaimedSignal]:
        """Leases records of a table that are due to be read. lease: seconds. lane: None follows
        the setting «profile»."""
        rows = self.call(
            "hubspot_sync.claim_signals",
            p_table=table,
            p_limit=limit,
            p_lease=timedelta(seconds=lease),
            p_lane=lane,
        )
        return [ClaimedSignal(**row) for row in rows]

    def receive_records(
        self,
        table: str,
        epoch: int,
        records: list[dict[str, Any]],
        gone: list[dict[str, Any]],
    ) -> dict[str, Any]:
        """Takes over what was read: applied, refused, stale, closed, dead."""
        return self.value(
            "hubspot_sync.receive_records",
            p_table=table,
            p_epoch=epoch,
            p_records=records,
            p_gone=gone,
        )

    def fail_signals(self, table: str, failures: list[dict[str, Any]]) -> int:
        """Gives records back; answers how many became dead letters."""
        return self.value("hubspot_sync.fail_signals", p_table=table, p_failures=failures)

    def list_conflicts(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """Conflicts, newest first; see hubspot_sync.list_conflicts."""
        return self.call("hubspot_sync.list_conflicts", p_limit=limit, p_before=before)

    def inbox_status(self) -> list[dict[str, Any]]:
        """What is open in the inbox, a row a table."""
        return self.call("hubspot_sync.inbox_status")

    def list_signals(
        self,
        state: str | None = None,
        table: str | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[dict[str, Any]]:
        """Signals that are open or dead, oldest first; see hubspot_sync.list_signals."""
        return self.call(
            "hubspot_sync.list_signals", p_state=state, p_table=table, p_limit=limit, p_after=after
        )

    def show_signal(self, **which: Any) -> dict[str, Any] | None:
        """All the inbox knows of a record; see hubspot_sync.show_signal."""
        return self.value("hubspot_sync.show_signal", **which)

    def retry_signals(self, ids: list[int]) -> list[dict[str, Any]]:
        """Makes signals due at once; what became of each."""
        return self.call("hubspot_sync.retry_signals", p_ids=_numbers(ids))

    def retry_all_signals(self, table: str | None = None) -> list[dict[str, Any]]:
        """The same for all that are dead or waiting, of a table or of all."""
        return self.call("hubspot_sync.retry_signals", p_table=table, p_all=True)

    def discard_signals(self, ids: list[int]) -> list[dict[str, Any]]:
        """Gives signals up; what became of each."""
        return self.call("hubspot_sync.discard_signals", p_ids=_numbers(ids))

    def demand_records(self, kind: str, id: str | None, older_than: float) -> dict[str, Any]:
        """Asks for records to be read at once; see hubspot_sync.demand_records.

        older_than: seconds; what was read since is fresh.
        """
        return self.call(
            "hubspot_sync.demand_records",
            p_kind=kind,
            p_id=id,
            p_older_than=timedelta(seconds=older_than),
        )[0]

    def watch_signals(self, signals: list[int]) -> dict[str, Any]:
        """How many of these signals are waiting, how many dead, and last_error."""
        return self.call("hubspot_sync.watch_signals", p_signals=_numbers(signals))[0]

    def poll_state(self, task: str, table: str) -> PollPass:
        """From where a table is to be searched for what changed."""
        return PollPass(**self.call("hubspot_sync.poll_state", p_task=task, p_table=table)[0])

    def note_poll(
        self,
        task: str,
        table: str,
        rows: list[dict[str, Any]],
        since: datetime | None,
        until: datetime,
        after: str | None,
    ) -> dict[str, int]:
        """Takes a page of such a search: checked, queued, fresh. after: None ends the pass."""
        return self.call(
            "hubspot_sync.note_poll",
            p_task=task,
            p_table=table,
            p_rows=rows,
            p_since=since,
            p_until=until,
            p_after=after,
        )[0]

    def note_archived(self, table: str, ids: list[str]) -> dict[str, int]:
        """Takes ids of HubSpot's recycling bin: checked, queued."""
        return self.call(
            "hubspot_sync.note_archived", p_table=table, p_ids="{" + ",".join(ids) + "}"
        )[0]

    def poll_due(self) -> timedelta:
        """How long until the next poll is due."""
        return self.value("hubspot_sync.poll_due")

    def note_pace(self, fresh: int, queued: int) -> timedelta:
        """Notes a whole poll; the interval until the next."""
        return self.value("hubspot_sync.note_pace", p_fresh=fresh, p_queued=queued)

    def begin_import(self, restart: bool) -> list[dict[str, Any]]:
        """Where the import of each table goes on, or begins."""
        return self.call("hubspot_sync.begin_import", p_restart=restart)

    def import_page(
        self, table: str, records: list[dict[str, Any]], after: str | None
    ) -> dict[str, int]:
        """Takes a page and notes where the next begins: applied, refused."""
        return self.call(
            "hubspot_sync.import_page", p_table=table, p_records=records, p_after=after
        )[0]

    def finish_import(self) -> int:
        """Gives every exam the figure of its bookings; how many changed."""
        return self.value("hubspot_sync.finish_import")

    def import_summary(self) -> list[dict[str, Any]]:
        """What the last import read, and what is here; a row a table."""
        return self.call("hubspot_sync.import_summary")

    def list_refused(self, limit: int) -> list[dict[str, Any]]:
        """Records of HubSpot that cannot be taken, and why."""
        return self.call("hubspot_sync.list_refused", p_limit=limit)

    def is_thrifty(self) -> bool:
        """Whether calls to HubSpot are to be saved (the setting «profile»)."""
        return self.value("hubspot_sync.is_thrifty")

    def begin_reconciliation(self, everything: bool) -> int:
        """The number of a new comparison of both sides."""
        return self.value("hubspot_sync.begin_reconciliation", p_everything=everything)

    def compare_records(
        self, run: int, table: str, records: list[dict[str, Any]]
    ) -> dict[str, int]:
        """Compares HubSpot's records with ours: checked, equal, differing, missing."""
        return self.call(
            "hubspot_sync.compare_records", p_run=run, p_table=table, p_records=records
        )[0]

    def note_unlisted(self, run: int, table: str) -> int:
        """Asks for ours that HubSpot did not list; how many."""
        return self.value("hubspot_sync.note_unlisted", p_run=run, p_table=table)

    def compare_outgoing(
        self, run: int, table: str, after: UUID | None, limit: int
    ) -> dict[str, Any]:
        """Queues the records of a page that HubSpot holds otherwise: compared, queued, last."""
        return self.call(
            "hubspot_sync.compare_outgoing",
            p_run=run,
            p_table=table,
            p_after=after,
            p_limit=limit,
        )[0]

    def finish_reconciliation(self, run: int) -> list[dict[str, Any]]:
        """What a comparison found and what became of it, a row a table."""
        return self.call("hubspot_sync.finish_reconciliation", p_run=run)

    def list_reconciliations(self, limit: int) -> list[dict[str, Any]]:
        """The last comparisons, a row a table."""
        return self.call("hubspot_sync.list_reconciliations", p_limit=limit)


def _numbers(ids: list[int]) -> str:
    """An array as Postgres reads it: a list would go as jsonb."""
    return "{" + ",".join(str(number) for number in ids) + "}"
