"""Compares both sides, and has what differs read and sent: the proof that they agree.

Hourly what changed since the last comparison, on demand everything. The comparing is the
database's (compare_records, compare_outgoing); what differs goes through inbox and outbox like any
other change, and what is then left is drift. In the profile thrifty what changed is not asked for
again: polls and pushes see it; ours is compared with what HubSpot is known to hold, at no call.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from glue.ahead import ahead
from glue.drain import Drain, DrainReport
from glue.errors import Forbidden, HubSpotError
from glue.hubspot import BATCH, HubSpot
from glue.importing import pages_of
from glue.poll import Poll, walk
from glue.receive import Receive, ReceiveReport
from glue.records import FIGURE, ORDER, PROPERTIES, object_type, storable
from glue.rpc import EXAMS, Rpc
from glue.weather import Weather

TASK = "reconcile"
PAGE = 1000  # of our records
ROUNDS = 3  # what was read may have to be sent, and what was sent is read again
MORE = {EXAMS: (FIGURE,)}


@dataclass
class ReconcileReport:
    """run: its number. tables: as reconciliations has them. skipped: paused ones. archived: found
    in HubSpot's recycling bin. forbidden: a scope is missing. stopped: before the end."""

    run: int
    tables: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    archived: int = 0
    received: ReceiveReport = field(default_factory=ReceiveReport)
    drained: DrainReport = field(default_factory=DrainReport)
    forbidden: bool = False
    stopped: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def drift(self) -> int:
        return sum(row["drift"] for row in self.tables)

    @property
    def agrees(self) -> bool:
        """Whether everything was compared, and nothing is left."""
        undone = any(run.failed or run.dead for run in (self.received, self.drained))
        return not (self.drift or self.skipped or self.forbidden or self.stopped or undone)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"drift": self.drift}


class Reconcile:
    """One comparison. lease: of what is then read and sent, seconds. stopped: asked between pages.

    hubspot: its meter must have a connection of its own: it fetches while rpc compares. progress:
    told of each page, (table, records).
    """

    def __init__(
        self,
        rpc: Rpc,
        hubspot: HubSpot,
        *,
        lease: float = 120.0,
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        self._lease = lease
        self._stopped = stopped
        self._progress = progress
        self._weather = Weather(rpc)

    def run(self, *, everything: bool = False) -> ReconcileReport:
        """Compares, reads, sends. Raises Unauthorized, RateLimited and Unavailable; what was found
        until then is stored, and the next comparison goes on there."""
        report = ReconcileReport(self._rpc.begin_reconciliation(everything))
        asks = everything or not self._rpc.is_thrifty()
        for table in self._tables(report) if asks else ():
            try:
                if everything:
                    self._listed(report.run, table)
                else:
                    self._changed(report.run, table)
                self._weather.answered()
            except HubSpotError as error:
                self._weather.stopped(table, error)
                if not isinstance(error, Forbidden):
                    raise
                report.forbidden = True
                report.errors.append(error.message)
        if everything and not report.forbidden:
            report.archived = (
                Poll(self._rpc, self._hubspot, stopped=self._stopped).archived().queued
            )
        for table in ORDER:
            self._outgoing(report.run, table)
        if asks:
            self._settle(report)
        left_out = list(ORDER) if self._stopped() or report.forbidden else report.skipped
        report.stopped = self._stopped()
        report.tables = self._rpc.finish_reconciliation(report.run, left_out)
        return report

    def _tables(self, report: ReconcileReport) -> Iterator[str]:
        paused = {row["scope"] for row in self._rpc.list_pauses()}
        for table in ORDER:
            if self._stopped():
                return
            if paused & {"*", table}:
                report.skipped.append(table)
            else:
                yield table

    def _listed(self, run: int, table: str) -> None:
        """Compares all records of a type as its list has them, then looks for those it lacks."""
        with ahead(pages_of(self._hubspot, {table: None}, MORE)) as pages:
            for page in pages:
                self._compare(run, table, page.records)
                if self._stopped():
                    return
        self._rpc.note_unlisted(run, table)

    def _changed(self, run: int, table: str) -> None:
        """Compares what changed in HubSpot since the last comparison.

        Search tells ids alone: what it says of values may be seconds old.
        """
        for went, page in walk(self._rpc, self._hubspot, TASK, table, everything=True):
            ids = [str(row["id"]) for row in page.rows]
            for start in range(0, len(ids), BATCH):
                records = self._hubspot.batch_read(
                    object_type(self._hubspot, table),
                    ids[start : start + BATCH],
                    [*PROPERTIES[table], *MORE.get(table, ())],
                )
                self._compare(run, table, records)
            self._rpc.note_poll(TASK, table, [], went.since, went.until, page.after)
            if self._stopped():
                return

    def _compare(self, run: int, table: str, records: list[dict[str, Any]]) -> None:
        if records:
            self._rpc.compare_records(run, table, storable(records))
        self._progress(table, len(records))

    def _outgoing(self, run: int, table: str) -> None:
        after = None
        while not self._stopped():
            after = self._rpc.compare_outgoing(run, table, after, PAGE)["last"]
            if after is None:
                return

    def _settle(self, report: ReconcileReport) -> None:
        """Reads and sends until neither brings anything."""
        options = {"lease": self._lease, "stopped": self._stopped}
        for _ in range(ROUNDS):
            if self._stopped():
                return
            received = Receive(self._rpc, self._hubspot, lane="bulk", **options).run_once()
            drained = Drain(self._rpc, self._hubspot, lane="bulk", **options).run_once()
            report.received.received += received.received
            report.received.failed += received.failed
            report.received.dead += received.dead
            report.received.tell(received.errors)
            report.drained += drained
            report.forbidden |= received.forbidden or drained.forbidden
            if not received.received and not drained.sent:
                return
