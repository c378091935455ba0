"""Reads from HubSpot what the inbox asks for: claim, HTTP with no transaction open, take over.

What is read next, in which order and when again, the database decides (claim_signals), and what
becomes of it (receive_records); what became of a record in HubSpot, glue.reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from glue.errors import Busy, DatabaseError, HubSpotError, Refused
from glue.hubspot import BATCH
from glue.reading import Reading, failure
from glue.records import ORDER, storable
from glue.rpc_inbound import ClaimedSignal
from glue.worker import JAMS, Worker, lines

# Records of a claim: as many as one read takes, and what was read is one transaction.
CLAIM = BATCH


@dataclass
class ReceiveReport:
    """What a run did: records dealt with, left for later, dead letters; a scope was missing."""

    received: int = 0
    failed: int = 0
    dead: int = 0
    forbidden: bool = False
    errors: list[str] = field(default_factory=list)

    def tell(self, errors: Sequence[str]) -> None:
        """Adds what went wrong, each once."""
        self.errors += sorted(set(errors) - set(self.errors))


class Receive(Worker):
    """A worker of the inbox."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sizes: dict[str, int] = {}
        self._jams = 0

    def run_once(self, tables: Sequence[str] = ORDER) -> ReceiveReport:
        """Reads until nothing is due. Raises Unauthorized and WrongType, having given all back."""
        report = ReceiveReport()
        self._run(tables, report)
        return report

    @property
    def _full(self) -> int:
        return CLAIM

    def _claim(self, table: str, lane: str | None) -> list[ClaimedSignal]:
        return self._rpc.claim_signals(table, CLAIM, self._lease, lane)

    def _work(
        self,
        table: str,
        claimed: list[ClaimedSignal],
        in_time: Callable[[], None],
        report: ReceiveReport,
    ) -> HubSpotError | None:
        """Reads a claim and has it taken over."""
        reading = Reading(self._hubspot, self._identity, table, in_time, self._sizes)
        stop: HubSpotError | None = None
        try:
            reading.read(claimed)
        except HubSpotError as error:
            reading.give_back(error)
            stop = error
        signals = {signal.hubspot_id: signal for signal in claimed}
        self._jams = 0
        self._take(table, signals, storable(reading.records), reading.gone, report)
        self._fail(table, reading.failed, report)
        if self._jams:
            self._resting.add(table)  # it would be met again at once
        return stop

    def _take(
        self,
        table: str,
        signals: dict[str, ClaimedSignal],
        records: list[dict[str, Any]],
        gone: list[dict[str, Any]],
        report: ReceiveReport,
    ) -> None:
        """Has what was read taken over; what the database refuses is halved until it is alone."""
        if not records and not gone:
            return
        epoch = next(iter(signals.values())).epoch
        try:
            answer = self._rpc.receive_records(table, epoch, records, gone)
        except (Refused, DatabaseError) as error:
            busy = isinstance(error, Busy)
            self._jams += busy
            halved = not busy or (error.locked and self._jams < JAMS)
            if not halved or len(records) + len(gone) == 1:
                ids = [id_ for one in (*records, *gone) for id_ in one.get("asked", [one["id"]])]
                failed = [failure(signals[id_], error, charged=not busy) for id_ in ids]
                self._fail(table, failed, report)
                return
            for half in (slice(None, None, 2), slice(1, None, 2)):
                self._take(table, signals, records[half], gone[half], report)
            return
        report.received += answer["closed"]
        report.dead += answer["dead"]
        report.failed += len(answer["refused"]) + len(answer["stale"])
        report.tell(
            lines(
                table,
                ({"name": i, "error": e, "charged": True} for i, e in answer["refused"].items()),
            )
        )

    def _fail(self, table: str, failed: list[dict[str, Any]], report: ReceiveReport) -> None:
        if failed:
            report.dead += self._rpc.fail_signals(table, failed)
            report.failed += len(failed)
            report.tell(lines(table, ({**one, "name": one["hubspot_id"]} for one in failed)))
