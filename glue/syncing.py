"""«Sync now»: one record, or all, brought up to date by this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from glue.drain import Drain
from glue.errors import GlueError, Refused
from glue.hubspot import HubSpot
from glue.receive import Receive
from glue.records import ORDER, TABLES
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc

PATIENCE = 30.0  # seconds for a record that another worker reads
LOOK_EVERY = 0.2
MANY = 10_000  # changes of a table that are looked through
READ_OF = {"exam": (EXAMS, BOOKINGS), "booking": (BOOKINGS,), "contact": (CONTACTS,), "all": ORDER}


@dataclass
class SyncReport:
    """What became of it.

    state: done, fresh, sending (HubSpot had none of it), queued (left for later) or dead (it cannot
    be sent or taken). records: how many were to be read again. sent, received: all that was
    urgent, that of others included. failed, dead, errors: of what was asked for. meanwhile: what
    went wrong with others.
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
    meanwhile: list[str] = field(default_factory=list)


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
    left = [] if kind == "all" else _unsent(rpc, kind, str(id).strip(), demand)
    worker = Receive(rpc, hubspot, lane=lane, stopped=stopped)
    held = _held(rpc, kind)
    until = clock() + PATIENCE
    while True:
        received = worker.run_once()
        report.received += received.received
        report.failed += received.failed
        report.dead += received.dead
        report.forbidden |= received.forbidden
        report.errors += [error for error in received.errors if error not in report.errors]
        seen = rpc.watch_signals(demand["signals"])
        # What failed here waits for its next attempt; what another worker has will be there soon.
        if not seen["waiting"] or held or received.failed or stopped() or clock() >= until:
            break
        sleep(LOOK_EVERY)
    report.failed += sent.failed
    report.dead += sent.dead
    report.forbidden |= sent.forbidden
    report.errors = [*sent.errors, *report.errors]
    if kind == "all":
        if report.state == "queued" and not report.failed:
            report.state = "done"
        return report
    _judge(report, seen, left, held)
    if report.state == "done":
        _require_known(rpc, kind, str(id), demand["hubspot_id"])
    return report


def _held(rpc: Rpc, kind: str) -> str:
    """The pauses of what is to be read, in words; empty where there is none."""
    pauses = {row["scope"]: row["reason"] for row in rpc.list_pauses()}
    held = [table for table in READ_OF[kind] if pauses.keys() & {"*", table}]
    if not held:
        return ""
    names = ", ".join(TABLES[table] for table in held)
    why = pauses.get(held[0], pauses.get("*"))
    return f"paused: {names} ({why}). «glue queue status» says until when"


def _unsent(rpc: Rpc, kind: str, id: str, demand: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of the records asked for that HubSpot did not get, dead letters among them."""
    rows = [
        row
        for table in READ_OF[kind]
        for row in rpc.list_queue(table=table, limit=MANY)
        # The others came since; a demand makes all that wait urgent.
        if row["state"] == "dead" or row["lane"] == "urgent"
    ]
    if not rows:
        return []
    names = {id.lower(), id}
    if there := demand["hubspot_id"]:
        shown = rpc.show_signal(p_hubspot_id=there, p_table=READ_OF[kind][0])
        names |= {str(shown["record"])} if shown else set()
    if there and kind == "exam":
        names |= {
            row["name"]
            for row in rows
            if row["table_name"] == BOOKINGS and _is_of(rpc, row["name"], there)
        } | {there}
    return [row for row in rows if row["name"] in names or str(row["record"]) in names]


def _is_of(rpc: Rpc, booking_id: str, exam: str) -> bool:
    """Whether a booking is one of an exam. One that is gone is of none."""
    try:
        return rpc.get_booking(booking_id)["mock_exam_id"] == exam
    except Refused:
        return False


def _judge(report: SyncReport, seen: dict[str, Any], left: list[dict[str, Any]], held: str) -> None:
    """Judges by what was asked for; the trouble of others is told as meanwhile.

    seen: what became of the signals. left: what was not sent. held: what is paused.
    """
    dead = [row for row in left if row["state"] == "dead"]
    report.failed = seen["waiting"] + len(left) - len(dead)
    report.dead = seen["dead"] + len(dead)
    if report.dead:
        report.state = "dead"
    elif report.failed:
        report.state = "queued"
    elif report.state == "queued":
        report.state = "done"
    lines = report.errors
    reasons = {
        row["last_error"]: f"{TABLES[row['table_name']]} {row['name']}: {row['last_error']}"
        for row in left
    }
    if seen["last_error"]:
        reasons[seen["last_error"]] = seen["last_error"]
    reasons.pop(None, None)
    report.errors = [line for line in lines if any(reason in line for reason in reasons)]
    report.errors += [
        text for reason, text in reasons.items() if not any(reason in line for line in lines)
    ]
    if report.failed and held:
        report.errors.insert(0, held)
    if report.state in ("queued", "dead") and not report.errors:
        # What stopped everything is told of no record.
        report.errors = lines or ["a worker has it, or it waits for its next attempt"]
    report.meanwhile = [line for line in lines if line not in report.errors]
    report.forbidden &= report.state in ("queued", "dead")


def _require_known(rpc: Rpc, kind: str, id: str, hubspot_id: str | None) -> None:
    """Raises GlueError where neither side has what was just read."""
    if hubspot_id is None:
        return
    shown = rpc.show_signal(p_hubspot_id=hubspot_id, p_table=READ_OF[kind][0])
    if shown is not None and shown["record"] is None:
        raise GlueError(
            f"there is no {kind} {id}, neither here nor in HubSpot",
            "A contact without a student_id is no student, and is left alone in HubSpot."
            if kind == "contact"
            else "Give our id, HubSpot's or a booking_id.",
        )
