"""What the outbox would send now, and what it would not, without sending anything."""

from dataclasses import dataclass, field
from typing import Any

from glue.drain import ORDER
from glue.hubspot import BATCH
from glue.rpc import BOOKINGS, ClaimedChange, Rpc

# A claim that is rolled back still makes other workers wait while it lasts.
MOST = 1000
LEASE = 60.0
STUCK = ("dead", "paused", "waiting", "leased", "unanswered", "behind")


@dataclass
class Preview:
    """What a drain would do.

    records: in the order they would be sent. calls: the fewest HubSpot calls that takes. more:
    there is more than was looked at. stuck: changes that would not be sent, each with its state.
    pauses: what is paused.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    more: bool = False
    stuck: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[dict[str, Any]] = field(default_factory=list)


def preview(rpc: Rpc, most: int = MOST) -> Preview:
    """Claims as a worker would, looks at the claims and gives them back. most: records a table."""
    seen = Preview(pauses=rpc.list_pauses())
    with rpc.without_effect():
        for lane in ("urgent", None):
            for table in ORDER:
                _preview_table(rpc, table, lane, most, seen)
    for state in STUCK:
        seen.stuck += rpc.list_queue(state=state)
    return seen


def calls(table: str, changes: list[ClaimedChange]) -> int:
    """The fewest HubSpot calls that a batch of claimed records takes."""
    upserts = [c for c in changes if c.operation == "upsert"]
    archives = [c for c in changes if c.operation == "archive"]
    needed = [
        any(c.hubspot_id for c in upserts),
        any(not c.hubspot_id for c in upserts),
        any(c.hubspot_id for c in archives),
        any(not c.hubspot_id for c in archives),
    ]
    if table == BOOKINGS:
        linked = [c for c in upserts if c.associate]
        needed += [
            any(c.contact_hubspot_id for c in linked),
            any(c.exam_hubspot_id for c in linked),
            any(c.left_exam_hubspot_ids for c in upserts),
        ]
    return sum(needed)


def _preview_table(rpc: Rpc, table: str, lane: str | None, most: int, seen: Preview) -> None:
    looked = 0
    while changes := rpc.claim_changes(table, min(BATCH, most - looked) or 1, LEASE, lane):
        if looked == most:
            seen.more = True
            return
        looked += len(changes)
        seen.calls += calls(table, changes)
        known = {row["record"]: row for row in rpc.look_at_claims([c.record for c in changes])}
        for change in changes:
            row = known[change.record]
            seen.records.append(
                {
                    "table_name": table,
                    "record": change.record,
                    "name": row["name"],
                    "lane": change.lane,
                    "operation": change.operation,
                    "changes": row["changes"],
                    "age": row["age"],
                    "properties": sorted(change.properties),
                }
            )
