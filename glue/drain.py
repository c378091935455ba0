"""Sends the outbox to HubSpot: claim, HTTP with no transaction open, finish or fail.

What is sent next, in which order and when again, the database decides (claim_changes); what an
answer means for a record, this module.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from glue.errors import Forbidden, HubSpotError, RateLimited, Rejected, Unauthorized, Unavailable
from glue.hubspot import BATCH, BatchResult, HubSpot
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, ClaimedChange, Rpc

# Contacts first, so that a booking finds its contact's HubSpot id; exams last, because their
# count of bookings follows from the bookings sent.
ORDER = (CONTACTS, BOOKINGS, EXAMS)
UNIQUE = {CONTACTS: "student_id", BOOKINGS: "booking_id"}
NOT_FOUND = 404
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
    """What became of a batch: HubSpot ids of what was sent, failures by record.

    flying: what the request under way carries; HubSpot may apply it though no answer comes.
    """

    sent: dict[ClaimedChange, str | None] = field(default_factory=dict)
    failed: list[dict] = field(default_factory=list)
    flying: list[ClaimedChange] = field(default_factory=list)

    def give_back(self, changes: list[ClaimedChange], error: HubSpotError) -> None:
        """Fails what is not settled yet, because of an error that ended the batch."""
        settled = {failure["record"] for failure in self.failed}
        for change in changes:
            if change not in self.sent and str(change.record) not in settled:
                failure = _failure(change, error)
                failure["unanswered"] &= change in self.flying
                self.failed.append(failure)


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
        outcome = Outcome()
        stop = None
        try:
            self._send(table, changes, until, outcome)
        except (Unauthorized, Forbidden, RateLimited, Unavailable) as error:
            outcome.give_back(changes, error)
            report.forbidden |= isinstance(error, Forbidden)
            stop = error
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
        if isinstance(stop, Unauthorized):
            raise stop
        return stop is None

    def _send(
        self, table: str, changes: list[ClaimedChange], until: float, outcome: Outcome
    ) -> None:
        # Create and delete before any send: HubSpot never heard of it.
        outcome.sent.update((c, None) for c in changes if c.operation == "nothing")
        upserts = [c for c in changes if c.operation == "upsert"]
        archives = [c for c in changes if c.operation == "archive"]
        # A record HubSpot has is written by its id: its unique property may have changed.
        known = [c for c in upserts if c.hubspot_id]
        for batch, write in (
            (known, self._update),
            ([c for c in upserts if not c.hubspot_id], self._upsert),
            (archives, self._archive),
        ):
            if batch:
                write(table, batch, until, outcome)

    def _in_time(self, until: float) -> None:
        """Refuses a request that could still run when the lease is over."""
        if self._clock() + self._hubspot.timeout > until:
            raise Unavailable("the lease is about to end, left for another run", unanswered=False)

    def _halved(
        self,
        send: Callable[[list[ClaimedChange]], None],
        changes: list[ClaimedChange],
        refused: Callable[[ClaimedChange, Rejected], None],
    ) -> None:
        """Sends a batch; one that is refused whole is halved until the culprit stands alone."""
        try:
            send(changes)
        except Rejected as error:
            if len(changes) == 1:
                refused(changes[0], error)
                return
            middle = len(changes) // 2
            self._halved(send, changes[:middle], refused)
            self._halved(send, changes[middle:], refused)

    def _update(
        self, table: str, changes: list[ClaimedChange], until: float, outcome: Outcome
    ) -> None:
        """Writes records by HubSpot's id. One that is gone there is made anew."""
        gone: list[ClaimedChange] = []

        def send(batch: list[ClaimedChange]) -> None:
            self._in_time(until)
            outcome.flying = batch
            inputs = [{"id": c.hubspot_id, **_given(c)} for c in batch]
            result = self._hubspot.batch_update(self._types[table], inputs)
            ids = {str(row["id"]) for row in result.results}
            written = {c: c.hubspot_id for c in batch if c.hubspot_id in ids}
            for change in batch:
                if change in written:
                    continue
                if str(change.record) in result.missing and table in UNIQUE:
                    gone.append(change)
                else:
                    outcome.failed.append(_unwritten(change, result))
            self._wrote(table, written, until, outcome)

        def refused(change: ClaimedChange, error: Rejected) -> None:
            if error.status == NOT_FOUND and table in UNIQUE:
                gone.append(change)
            else:
                outcome.failed.append(_failure(change, error))

        self._halved(send, changes, refused)
        if gone:
            self._upsert(table, gone, until, outcome)

    def _upsert(
        self, table: str, changes: list[ClaimedChange], until: float, outcome: Outcome
    ) -> None:
        """Creates or updates records by their unique property."""
        key = UNIQUE[table]

        def send(batch: list[ClaimedChange]) -> None:
            self._in_time(until)
            outcome.flying = batch
            inputs = [{"id": c.unique_value, "idProperty": key, **_given(c)} for c in batch]
            result = self._hubspot.batch_upsert(self._types[table], inputs)
            # Results come in any order, and perhaps in another case.
            ids = {
                _same((row.get("properties") or {}).get(key)): str(row["id"])
                for row in result.results
            }
            written = {c: ids[_same(c.unique_value)] for c in batch if _same(c.unique_value) in ids}
            outcome.failed += [_unwritten(c, result) for c in batch if c not in written]
            self._wrote(table, written, until, outcome)

        self._halved(
            send, changes, lambda change, error: outcome.failed.append(_failure(change, error))
        )

    def _wrote(
        self, table: str, written: dict[ClaimedChange, str], until: float, outcome: Outcome
    ) -> None:
        """Notes what HubSpot has now; a booking only with its links."""
        if table == BOOKINGS:
            self._associate(written, until, outcome)
        outcome.sent.update(written)

    def _associate(self, written: dict[ClaimedChange, str], until: float, outcome: Outcome) -> None:
        """Links bookings to contact and exam; takes out of `written` what could not be linked."""
        due = [c for c in written if c.associate or c.hubspot_id != written[c]]

        def refused(change: ClaimedChange, error: HubSpotError) -> None:
            del written[change]
            outcome.failed.append(_failure(change, error) | {"permanent": False})

        for to_type, target in (
            (self._types[CONTACTS], lambda c: c.contact_hubspot_id),
            (self._types[EXAMS], lambda c: c.exam_hubspot_id),
        ):
            linked = [c for c in due if c in written and target(c)]
            if not linked:
                continue

            def send(
                batch: list[ClaimedChange], to_type: str = to_type, target: Callable = target
            ) -> None:
                self._in_time(until)
                self._hubspot.associate(
                    self._types[BOOKINGS], to_type, [(written[c], target(c)) for c in batch]
                )

            self._in_links(linked, written, send, refused)

        def leave(batch: list[ClaimedChange]) -> None:
            self._in_time(until)
            ends = [(written[c], c.left_exam_hubspot_ids) for c in batch]
            self._hubspot.dissociate(self._types[BOOKINGS], self._types[EXAMS], ends)

        moved = [c for c in written if c.left_exam_hubspot_ids]
        if moved:
            self._in_links(moved, written, leave, refused)

    def _in_links(
        self,
        changes: list[ClaimedChange],
        written: dict[ClaimedChange, str],
        send: Callable[[list[ClaimedChange]], None],
        refused: Callable[[ClaimedChange, HubSpotError], None],
    ) -> None:
        """Sends a batch of links; what fails is taken out of `written`."""
        try:
            self._halved(send, changes, refused)
        except Unauthorized:
            raise
        except HubSpotError as error:
            for change in changes:
                if change in written:
                    refused(change, error)

    def _archive(
        self, table: str, changes: list[ClaimedChange], until: float, outcome: Outcome
    ) -> None:
        """Archives deleted records, asking first for ids that were never answered."""

        def send(batch: list[ClaimedChange]) -> None:
            self._in_time(until)
            outcome.flying = batch
            ids = [c.hubspot_id for c in batch if c.hubspot_id]
            unknown = [c.unique_value for c in batch if not c.hubspot_id and c.unique_value]
            if unknown:
                key = UNIQUE[table]
                found = self._hubspot.batch_read(self._types[table], unknown, [key], key)
                ids += [str(row["id"]) for row in found]
            if ids:
                self._hubspot.batch_archive(self._types[table], ids)
            outcome.sent.update((change, None) for change in batch)

        def refused(change: ClaimedChange, error: Rejected) -> None:
            if error.status == NOT_FOUND:  # archived already
                outcome.sent[change] = None
            else:
                outcome.failed.append(_failure(change, error))

        self._halved(send, changes, refused)


def _keys(change: ClaimedChange) -> list[str]:
    """The names of what was sent, links included, for a record that must be sent again."""
    return [*change.properties, *(("@contact", "@exam") if change.associate else ())]


def _given(change: ClaimedChange) -> dict:
    """What every input of a write carries. The trace id lets a bad record fail alone."""
    return {"objectWriteTraceId": str(change.record), "properties": change.properties}


def _same(value: str | None) -> str:
    """A unique value as it is compared: HubSpot may give it back in another case."""
    return str(value or "").strip().casefold()


def _unwritten(change: ClaimedChange, result: BatchResult) -> dict:
    """The failure of a record that an answer refuses, or does not name."""
    reason = result.errors.get(str(change.record))
    failure = _failure(change, Rejected(reason or "HubSpot's answer does not name this record"))
    return failure | {"permanent": reason is not None}


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
