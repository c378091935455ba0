"""«Sync now»: one record, or all, brought up to date by this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from glue.drain import Drain
from glue.errors import GlueError
from glue.hubspot import HubSpot
from glue.receive import Receive
from glue.records import ORDER, TABLES
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc

PATIENCE = 30.0  # seconds for a record that another worker reads
LOOK_EVERY = 0.2
READ_OF = {"exam": (EXAMS, BOOKINGS), "booking": (BOOKINGS,), "contact": (CONTACTS,), "all": ORDER}


@dataclass
class SyncReport:
    """What became of it.

    state: done, fresh, sending (HubSpot had none of it), or queued (left for later). records: how
    many were to be read again. sent, received: all that was urgent, that of others included.
    """

    state: str
    hubspot_id: str | None
    records: int
    sent: int = 0
    received: int = 0
    failed: int = 0
    dead: int = 0
    forbidden: bool = False
    errors: list[str] = field(default_factory=list)


def run(
    rpc: Rpc,
    hubspot: HubSpot,
    kind: str,
    id: str | None,
    older_than: float,
    *,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> SyncReport:
    """Sends what waits of a record (kind: exam, booking, contact; all), then reads it.

    older_than: seconds; what was read within them is not read again. Raises GlueError where nobody
    knows the id.
    """
    demand = rpc.demand_records(kind, id, older_than)
    if demand["state"] == "unknown":
        raise GlueError(
            f"there is no {kind} {id}", "Give our id, HubSpot's, a booking_id or a student_id."
        )
    report = SyncReport(demand["state"], demand["hubspot_id"], demand["records"])
    lane = "bulk" if kind == "all" else "urgent"
    sent = Drain(rpc, hubspot, lane=lane, stopped=stopped).run_once()
    report.sent = sent.sent
    worker = Receive(rpc, hubspot, lane=lane, stopped=stopped)
    paused = {row["scope"] for row in rpc.list_pauses()}
    held = [TABLES[table] for table in READ_OF[kind] if paused & {"*", table}]
    until = clock() + PATIENCE
    waiting = 0
    while True:
        received = worker.run_once()
        report.received += received.received
        report.failed += received.failed
        report.dead += received.dead
        report.forbidden |= received.forbidden
        report.errors += [error for error in received.errors if error not in report.errors]
        waiting = rpc.watch_signals(demand["signals"])["waiting"]
        # What failed here waits for its next attempt; what another worker has will be there soon.
        if not waiting or held or received.failed or stopped() or clock() >= until:
            break
        sleep(LOOK_EVERY)
    report.failed += sent.failed
    report.dead += sent.dead
    report.forbidden |= sent.forbidden
    report.errors = [*sent.errors, *report.errors]
    if waiting and held:
        report.errors.append(f"paused: {', '.join(held)}. «glue queue status» says why")
    if report.state == "queued" and not waiting and not report.failed:
        report.state = "done"
    return report
