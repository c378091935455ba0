"""The full pass: compares every record here with what HubSpot holds, and sends what differs.

With `everything` all records are sent whatever HubSpot is known to hold: so an account that lost
them is filled again. Then what bookings are linked to goes first, each table by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from glue.drain import ORDER, Drain, DrainReport
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc

PAGE = 1000
REBUILT = (EXAMS, CONTACTS, BOOKINGS)


@dataclass
class PushReport:
    """Records compared, and queued because they differ; what the drain then did."""

    checked: int = 0
    queued: int = 0
    drained: DrainReport = field(default_factory=DrainReport)


def run(
    rpc: Rpc,
    worker: Drain,
    *,
    everything: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> PushReport:
    """Compares and sends, table by table. worker: of lane bulk. progress: of records compared."""
    report = PushReport()
    if not everything:
        for table in ORDER:
            _compare(rpc, table, report, progress)
        report.drained = worker.run_once()
        return report
    for table in REBUILT:
        _compare(rpc, table, report, progress, everything=True)
        report.drained += worker.run_once((table,))
    report.drained += worker.run_once()
    return report


def _compare(
    rpc: Rpc,
    table: str,
    report: PushReport,
    progress: Callable[[int], None],
    *,
    everything: bool = False,
) -> None:
    after = None
    while True:
        page = rpc.queue_differences(table, after, PAGE, everything)
        report.checked += page["checked"]
        report.queued += page["queued"]
        progress(page["checked"])
        after = page["last"]
        if after is None:
            return
