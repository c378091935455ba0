"""Sends the outbox to HubSpot: claim, HTTP with no transaction open, finish or fail.

What is sent next, in which order and when again, the database decides (claim_changes); what an
answer means for a record, glue.send.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from glue.errors import Busy, HubSpotError
from glue.hubspot import BATCH
from glue.notes import NoteSender
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, NOTES, ClaimedChange
from glue.send import Sender
from glue.worker import JAMS, Worker, lines

# Contacts first, so that a booking finds its contact's HubSpot id; exams last, because their
# count of bookings follows from the bookings sent; notes after all that they tell of.
ORDER = (CONTACTS, BOOKINGS, EXAMS, NOTES)
# Records of a claim: enough that each kind of call it needs is as full as can be.
CLAIM = 5 * BATCH


@dataclass
class DrainReport:
    """What a run did: records sent, given back for later, dead letters; a scope was missing."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    forbidden: bool = False
    errors: list[str] = field(default_factory=list)

    def __add__(self, other: "DrainReport") -> "DrainReport":
        """Two runs as one."""
        return DrainReport(
            self.sent + other.sent,
            self.failed + other.failed,
            self.dead + other.dead,
            self.forbidden or other.forbidden,
            [*self.errors, *(error for error in other.errors if error not in self.errors)],
        )


class Drain(Worker):
    """A worker of the outbox.

    lane: urgent sends what is urgent alone, bulk everything; None follows the setting «profile».
    """

    _jams = 0

    def run_once(self, tables: Sequence[str] = ORDER) -> DrainReport:
        """Sends until nothing is due. Raises Unauthorized and WrongType, having given all back."""
        report = DrainReport()
        self._run(tables, report)
        return report

    @property
    def _full(self) -> int:
        return CLAIM

    def _begin_round(self) -> None:
        self._rpc.write_notes(self._lane)

    def _claim(self, table: str, lane: str | None) -> list[ClaimedChange]:
        return self._rpc.claim_changes(table, CLAIM, self._lease, lane)

    def _work(
        self,
        table: str,
        claimed: list[ClaimedChange],
        in_time: Callable[[], None],
        report: DrainReport,
    ) -> HubSpotError | None:
        """Sends a claim and tells the database."""
        kind = NoteSender if table == NOTES else Sender
        sender = kind(self._hubspot, self._identity, table, in_time)
        stop: HubSpotError | None = None
        try:
            sender.send(claimed)
        except HubSpotError as error:
            sender.outcome.give_back(claimed, error)
            stop = error
        if results := sender.outcome.results():
            self._jams = 0
            self._finish(table, results, report)
        if failed := sender.outcome.failed:
            report.dead += self._rpc.fail_changes(table, failed)
            report.failed += len(failed)
            named = (
                {**f, "name": f["unique_value"] or f["hubspot_id"] or f["record"]} for f in failed
            )
            report.errors += [line for line in lines(table, named) if line not in report.errors]
        return stop

    def _finish(self, table: str, results: list[dict[str, Any]], report: DrainReport) -> None:
        """Acknowledges what was sent; a record somebody holds is left alone, and sent once more."""
        try:
            report.sent += self._rpc.finish_changes(table, results)
        except Busy as error:
            self._jams += 1
            self._resting.add(table)  # it would be met again at once
            if not error.locked or len(results) == 1 or self._jams >= JAMS:
                report.failed += len(results)
                report.errors += [error.message] if error.message not in report.errors else []
                return
            self._finish(table, results[::2], report)
            self._finish(table, results[1::2], report)
