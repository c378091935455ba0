"""The functions of the inbound half, as Python calls: inbox, polls, imports, comparisons."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from glue.calls import Calls, numbers


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
class PollPass:
    """Where a search for what changed begins; see the type hubspot_sync.poll_pass."""

    since: datetime | None
    until: datetime | None
    after: str | None
    recent_from: date
    started_at: datetime


class InboundCalls(Calls):
    """What workers of the inbox call."""

    def apply_records(self, table: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Merges HubSpot's records: applied (a number), refused {id: reason}, stale ids."""
        return self.call("hubspot_sync.apply_records", p_table=table, p_records=records)[0]

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

    def known_source(self) -> str | None:
        """By what id HubSpot's history tells our writes, None while that is not known."""
        return self.value("hubspot_sync.known_source")

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
        return self.call("hubspot_sync.retry_signals", p_ids=numbers(ids))

    def retry_all_signals(self, table: str | None = None) -> list[dict[str, Any]]:
        """The same for all that are dead or waiting, of a table or of all."""
        return self.call("hubspot_sync.retry_signals", p_table=table, p_all=True)

    def discard_signals(self, ids: list[int]) -> list[dict[str, Any]]:
        """Gives signals up; what became of each."""
        return self.call("hubspot_sync.discard_signals", p_ids=numbers(ids))

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
        return self.call("hubspot_sync.watch_signals", p_signals=numbers(signals))[0]

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

    def finish_reconciliation(self, run: int, left_out: list[str]) -> list[dict[str, Any]]:
        """What a comparison found and what became of it, a row a table."""
        return self.call(
            "hubspot_sync.finish_reconciliation",
            p_run=run,
            p_left_out="{" + ",".join(left_out) + "}",
        )

    def list_reconciliations(self, limit: int) -> list[dict[str, Any]]:
        """The last comparisons, a row a table."""
        return self.call("hubspot_sync.list_reconciliations", p_limit=limit)
