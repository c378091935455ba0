"""Sends the outbox to HubSpot: claim, HTTP with no transaction open, finish or fail.

What is sent next, in which order and when again, the database decides (claim_changes); what an
answer means for a record, glue.send.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from glue.errors import Forbidden, HubSpotError, LeaseEnding, RateLimited, Unauthorized, Unavailable
from glue.hubspot import BATCH, MIGRATING, HubSpot
from glue.identity import Identity
from glue.notes import NoteSender
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, NOTES, ClaimedChange, Rpc
from glue.send import Sender

# Contacts first, so that a booking finds its contact's HubSpot id; exams last, because their
# count of bookings follows from the bookings sent; notes after all that they tell of.
ORDER = (CONTACTS, BOOKINGS, EXAMS, NOTES)
# Records of a claim: enough that each kind of call it needs is as full as can be.
CLAIM = 5 * BATCH
SCOPE_PAUSE = 900.0  # seconds until a wrong token or a missing scope is tried again
OUTAGE = 60.0  # seconds within which HubSpot's being away again is the same outage
WELL = -1.0


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


class Drain:
    """A worker. Any number may run at once.

    lease: seconds a claim is ours. lane: urgent sends what is urgent alone, bulk everything;
    None follows the setting «profile». clock: monotonic seconds. stopped: asked between claims.
    progress: told of every claim's size.
    """

    def __init__(
        self,
        rpc: Rpc,
        hubspot: HubSpot,
        *,
        lease: float = 120.0,
        lane: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        self._identity = Identity(rpc, hubspot)
        self._lease = lease
        self._lane = lane
        self._clock = clock
        self._stopped = stopped
        self._progress = progress
        self._tables: Sequence[str] = ORDER
        self._resting: set[str] = set()
        self._well = False

    def run_once(self, tables: Sequence[str] = ORDER) -> DrainReport:
        """Sends until nothing is due. Raises Unauthorized, having given everything back."""
        self._tables = tables
        self._resting.clear()
        report = DrainReport()
        claimed = 1
        # After an error that is not of single records the next run is soon enough.
        while claimed and not self._resting and not self._stopped():
            self._rpc.write_notes(self._lane)
            claimed = 0
            for table in self._tables:
                for batch in self._claims(table, self._lane):
                    claimed += self._send_and_answer(table, batch, report)
                    if len(batch[0]) == CLAIM:
                        # What is urgent elsewhere does not wait for all of this table.
                        claimed += self._urgent(report)
        return report

    def _urgent(self, report: DrainReport) -> int:
        """Sends what is urgent of all tables; answers how many records it claimed."""
        return sum(
            self._send_and_answer(table, batch, report)
            for table in self._tables
            for batch in self._claims(table, "urgent")
        )

    def _claims(self, table: str, lane: str | None) -> Iterator[tuple[list[ClaimedChange], float]]:
        """Claims of a table, each with the moment its lease ends, until none is due."""
        while table not in self._resting and not self._stopped():
            until = self._clock() + self._lease
            changes = self._rpc.claim_changes(table, CLAIM, self._lease, lane)
            if not changes:
                return
            yield changes, until

    def _send_and_answer(
        self, table: str, batch: tuple[list[ClaimedChange], float], report: DrainReport
    ) -> int:
        """Sends a claim and tells the database; answers its size.

        After an error that is not of single records the table rests for the round.
        """
        changes, until = batch

        def in_time() -> None:
            if self._clock() + self._hubspot.timeout > until:
                reason = "the lease is about to end, left for another run"
                raise LeaseEnding(reason, unanswered=False)

        kind = NoteSender if table == NOTES else Sender
        sender = kind(self._hubspot, self._identity, table, in_time)
        urgent = any(change.lane == "urgent" for change in changes)
        self._hubspot.lane = "urgent" if urgent else "bulk"
        stop: HubSpotError | None = None
        try:
            sender.send(changes)
        except HubSpotError as error:
            sender.outcome.give_back(changes, error)
            stop = error
        if results := sender.outcome.results():
            report.sent += self._rpc.finish_changes(table, results)
        if failed := sender.outcome.failed:
            report.dead += self._rpc.fail_changes(table, failed)
            report.failed += len(failed)
            report.errors += sorted({f["error"] for f in failed} - set(report.errors))
        self._progress(len(changes))
        if stop is None:
            self._answered()
        else:
            self._resting.add(table)
            self._pause(table, stop)
            report.forbidden |= isinstance(stop, Forbidden)
            if isinstance(stop, Unauthorized):
                raise stop
        return len(changes)

    def _pause(self, table: str, error: HubSpotError) -> None:
        """Stops every worker where HubSpot refuses more than one request."""
        if isinstance(error, Unauthorized):
            self._rpc.pause("*", error.message, SCOPE_PAUSE)
        elif isinstance(error, Forbidden):
            self._rpc.pause(table, error.message, SCOPE_PAUSE)
        elif isinstance(error, RateLimited) and error.status == MIGRATING:
            self._rpc.pause("*", error.message, error.retry_after)
        elif isinstance(error, Unavailable) and not isinstance(error, LeaseEnding):
            self._outage(error)

    def _outage(self, error: Unavailable) -> None:
        """Stops every worker for a while when HubSpot was away before, each time longer."""
        self._well = False
        seen = self._rpc.recall("outage") or {"wait": WELL}
        again = seen["wait"] != WELL and 0 <= seen["age"] <= seen["wait"] + OUTAGE
        wait = min(max(2 * seen["wait"], OUTAGE / 12), 2 * OUTAGE) if again else 0.0
        self._rpc.remember("outage", {"wait": wait})
        if wait:
            self._rpc.pause("*", error.message, wait)

    def _answered(self) -> None:
        """Forgets an outage, if there was one; looks once a run."""
        if not self._well:
            seen = self._rpc.recall("outage")
            if seen and seen["wait"] != WELL:
                self._rpc.remember("outage", {"wait": WELL})
            self._well = True
