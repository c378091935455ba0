"""Sends the outbox to HubSpot: claim, HTTP with no transaction open, finish or fail.

What is sent next, in which order and when again, the database decides (claim_changes); what an
answer means for a record, this module.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from glue.errors import Forbidden, HubSpotError, RateLimited, Rejected, Unauthorized, Unavailable
from glue.hubspot import BATCH, HubSpot
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, ClaimedChange, Rpc

# Contacts first, so that a booking finds its contact's HubSpot id; exams last, because their
# count of bookings follows from the bookings sent.
ORDER = (CONTACTS, BOOKINGS, EXAMS)
UNIQUE = {CONTACTS: "student_id", BOOKINGS: "booking_id"}
FORBIDDEN_PAUSE = 900.0  # seconds until a missing scope is asked for again


@dataclass
class DrainReport:
    """What a run did: records sent, given back for later, dead letters; a scope was missing."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    forbidden: bool = False
    errors: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a batch: HubSpot ids of what was sent, failures by record."""

    sent: dict[ClaimedChange, str | None] = field(default_factory=dict)
    failed: list[dict] = field(default_factory=list)


class Drain:
    """A worker. Any number may run at once.

    lease: seconds a claim is ours. clock: monotonic seconds. stopped: asked between batches.
    progress: told of every batch's size.
    """

    def __init__(
        self,
        rpc: Rpc,
        hubspot: HubSpot,
        *,
        lease: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        self._lease = lease
        self._clock = clock
        self._stopped = stopped
        self._progress = progress
        config = hubspot.config
        self._types = {
            CONTACTS: "contacts",
            BOOKINGS: config.booking_type,
            EXAMS: config.exam_type,
        }

    def run_once(self) -> DrainReport:
        """Sends until nothing is due. Raises Unauthorized, having given everything back."""
        report = DrainReport()
        while not self._stopped():
            claimed = 0
            for table in ORDER:
                for changes, until in self._claims(table):
                    claimed += len(changes)
                    if not self._send_and_answer(table, changes, until, report):
                        break
            if claimed == 0:
                break
        return report

    def _claims(self, table: str) -> Iterator[tuple[list[ClaimedChange], float]]:
        """Batches of a table, each with the moment its lease ends, until none is due."""
        while not self._stopped():
            until = self._clock() + self._lease
            changes = self._rpc.claim_changes(table, BATCH, self._lease)
            if not changes:
                return
            yield changes, until

    def _send_and_answer(
        self, table: str, changes: list[ClaimedChange], until: float, report: DrainReport
    ) -> bool:
        """Sends a batch and tells the database; False when this table should rest."""
        rest = False
        try:
            outcome = self._send(table, changes, until)
        except (Unauthorized, Forbidden, RateLimited, Unavailable) as error:
            outcome = Outcome(failed=[_failure(change, error) for change in changes])
            rest = True
            report.forbidden |= isinstance(error, Forbidden)
            if isinstance(error, Unauthorized):
                self._rpc.fail_changes(table, outcome.failed)
                raise
        if outcome.sent:
            report.sent += self._rpc.finish_changes(
                table,
                [
                    {
                        "record": str(change.record),
                        "epoch": change.epoch,
                        "hubspot_id": hubspot_id,
                        "keys": _keys(change),
                    }
                    for change, hubspot_id in outcome.sent.items()
                ],
            )
        if outcome.failed:
            report.dead += self._rpc.fail_changes(table, outcome.failed)
            report.failed += len(outcome.failed)
            report.errors += {failure["error"] for failure in outcome.failed} - set(report.errors)
        self._progress(len(changes))
        return not rest

    def _send(self, table: str, changes: list[ClaimedChange], until: float) -> Outcome:
        outcome = Outcome()
        # Create and delete before any send: HubSpot never heard of it.
        outcome.sent.update((c, None) for c in changes if c.operation == "nothing")
        upserts = [c for c in changes if c.operation == "upsert"]
        archives = [c for c in changes if c.operation == "archive"]
        if upserts:
            self._write(table, upserts, until, outcome)
        if archives:
            self._archive(table, archives, until)
            outcome.sent.update((change, None) for change in archives)
        return outcome

    def _in_time(self, until: float) -> None:
        """Refuses a request that could still run when the lease is over."""
        if self._clock() + self._hubspot.timeout > until:
            raise Unavailable("the lease is about to end, left for another run", unanswered=False)

    def _write(
        self, table: str, changes: list[ClaimedChange], until: float, outcome: Outcome
    ) -> None:
        """Writes records and their links. A batch refused whole is halved until one is left."""
        self._in_time(until)
        inputs = [_input(table, change) for change in changes]
        try:
            if table == EXAMS:
                result = self._hubspot.batch_update(self._types[table], inputs)
            else:
                result = self._hubspot.batch_upsert(self._types[table], inputs)
        except Rejected as error:
            if len(changes) == 1:
                outcome.failed.append(_failure(changes[0], error))
                return
            middle = len(changes) // 2
            self._write(table, changes[:middle], until, outcome)
            self._write(table, changes[middle:], until, outcome)
            return

        # Results come in any order: they are known by the unique property, or by their id.
        key = UNIQUE.get(table)
        ids = {
            (row["properties"].get(key) if key else row["id"]): row["id"] for row in result.results
        }
        written = {}
        for change in changes:
            hubspot_id = ids.get(change.unique_value if key else change.hubspot_id)
            if hubspot_id is not None:
                written[change] = hubspot_id
                continue
            reason = result.errors.get(str(change.record))
            outcome.failed.append(
                _failure(change, Rejected(reason or "HubSpot's answer does not name this record"))
                | {"permanent": reason is not None}
            )
        if table == BOOKINGS:
            self._associate(written, until, outcome)
        outcome.sent.update(written)

    def _associate(self, written: dict[ClaimedChange, str], until: float, outcome: Outcome) -> None:
        """Links bookings to contact and exam; takes out of `written` what could not be linked."""
        due = [c for c in written if c.associate or c.hubspot_id != written[c]]
        for to_type, target in (
            (self._types[CONTACTS], lambda c: c.contact_hubspot_id),
            (self._types[EXAMS], lambda c: c.exam_hubspot_id),
        ):
            linked = [c for c in due if c in written and target(c)]
            if not linked:
                continue
            try:
                self._in_time(until)
                self._hubspot.associate(
                    self._types[BOOKINGS], to_type, [(written[c], target(c)) for c in linked]
                )
            except HubSpotError as error:
                if isinstance(error, Unauthorized):
                    raise
                for change in linked:
                    del written[change]
                    outcome.failed.append(_failure(change, error) | {"permanent": False})

    def _archive(self, table: str, changes: list[ClaimedChange], until: float) -> None:
        """Archives deleted records, asking first for ids that were never answered."""
        self._in_time(until)
        ids = [c.hubspot_id for c in changes if c.hubspot_id]
        unknown = [c.unique_value for c in changes if not c.hubspot_id and c.unique_value]
        if unknown:
            key = UNIQUE[table]
            found = self._hubspot.batch_read(self._types[table], unknown, [key], key)
            ids += [row["id"] for row in found]
        if ids:
            self._hubspot.batch_archive(self._types[table], ids)


def _keys(change: ClaimedChange) -> list[str]:
    """The names of what was sent, links included, for a record that must be sent again."""
    return [*change.properties, *(("@contact", "@exam") if change.associate else ())]


def _input(table: str, change: ClaimedChange) -> dict:
    """One input of a batch. The trace id lets a bad record fail alone."""
    given = {"objectWriteTraceId": str(change.record), "properties": change.properties}
    if table == EXAMS:
        return {"id": change.hubspot_id, **given}
    return {"id": change.unique_value, "idProperty": UNIQUE[table], **given}


def _failure(change: ClaimedChange, error: HubSpotError) -> dict:
    """What fail_changes should know: whose fault, for how long, and whether it is unanswered."""
    failure = {
        "record": str(change.record),
        "epoch": change.epoch,
        "error": error.message,
        "permanent": isinstance(error, Rejected),
        "unanswered": isinstance(error, Unavailable) and error.unanswered,
        # An outage or a limit is no record's fault; 500 may be.
        "charged": isinstance(error, Rejected) or error.status == 500,
    }
    if isinstance(error, RateLimited):
        failure["retry_after"] = error.retry_after
    elif isinstance(error, Forbidden):
        failure["retry_after"] = FORBIDDEN_PAUSE
    return failure
