"""The database's functions, as Python calls; those of the inbound half are in glue.rpc_inbound."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from glue.calls import numbers
from glue.rpc_inbound import InboundCalls

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


@dataclass(frozen=True)
class CallGrant:
    """Leave to call HubSpot, or when to ask again; see the type hubspot_sync.call_grant."""

    granted: bool
    ticket: int | None
    wait: timedelta | None
    reason: str | None


class Rpc(InboundCalls):
    """All of them, over one connection; see Calls."""

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

    def get_booking(self, booking_id: str) -> dict[str, Any]:
        """A booking; see api.get_booking."""
        return self.call("api.get_booking", p_booking_id=booking_id)[0]

    def get_contact_credits(self, student_id: str, email: str) -> dict[str, Any]:
        """A contact's balances; see api.get_contact_credits."""
        return self.call("api.get_contact_credits", p_student_id=student_id, p_email=email)[0]

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
        return self.call("hubspot_sync.retry_changes", p_ids=numbers(ids))

    def retry_all(self, table: str | None = None) -> list[dict[str, Any]]:
        """The same for all that are dead or waiting, of a table or of all."""
        return self.call("hubspot_sync.retry_changes", p_table=table, p_all=True)

    def discard_changes(self, ids: list[int]) -> list[dict[str, Any]]:
        """Gives changes up; what became of each."""
        return self.call("hubspot_sync.discard_changes", p_ids=numbers(ids))

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
