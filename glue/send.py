"""Sends claimed records to HubSpot, and tells what became of each.

One `Sender` carries one claim of a table: writes by HubSpot's id where it is known, by the unique
property where it is not, then the links. What an answer means for a record is decided here; when
it is tried again, in the database.
"""

from collections.abc import Callable, Sequence

from glue.answers import in_line
from glue.errors import Forbidden, HubSpotError, Rejected, Unauthorized, Unavailable, WrongType
from glue.hubspot import BATCH, BatchResult, HubSpot
from glue.identity import Identity, same
from glue.outcome import Outcome
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, ClaimedChange

NOT_FOUND = 404
CONFLICT = 409
SEARCH_LAG = 60.0  # seconds until search has surely seen a new record


class Sender:
    """Sends what one claim took. in_time: raises when a request could outlast the lease."""

    def __init__(
        self,
        hubspot: HubSpot,
        identity: Identity,
        table: str,
        in_time: Callable[[], None],
    ) -> None:
        self._hubspot = hubspot
        self._identity = identity
        self._table = table
        self._type = identity.types[table]
        self._in_time = in_time
        self.outcome = Outcome()

    def send(self, changes: list[ClaimedChange]) -> None:
        """Sends a claim. Raises what ends it: what is settled by then stands in `outcome`."""
        # HubSpot has it already, or never heard of it.
        self.outcome.sent.update((c, None) for c in changes if c.operation == "nothing")
        for change in (c for c in changes if c.operation == "refused"):
            reason = f"another contact here has the student id {change.unique_value}, too"
            self.outcome.fail(change, Rejected(reason))
        upserts = [c for c in changes if c.operation == "upsert"]
        # A record HubSpot has is written by its id: its unique property may have changed.
        known = [c for c in upserts if c.hubspot_id]
        # Of these only the links change.
        self._wrote({c: c.hubspot_id for c in known if not c.properties})
        gone = self._update([c for c in known if c.properties])
        self._upsert([*(c for c in upserts if not c.hubspot_id), *gone])
        if reborn := self._link():
            self._upsert(reborn)
            self._link()
        self._archive([c for c in changes if c.operation == "archive"])

    def _flying(self, changes: Sequence[ClaimedChange]) -> None:
        self._in_time()
        self.outcome.flying = changes

    def _in_batches(
        self,
        send: Callable[[list[ClaimedChange]], None],
        changes: list[ClaimedChange],
        refused: Callable[[ClaimedChange, Rejected], None],
    ) -> None:
        """Sends in hundreds; one that is refused whole is halved until the culprit is alone."""
        if len(changes) > BATCH:
            for start in range(0, len(changes), BATCH):
                self._in_batches(send, changes[start : start + BATCH], refused)
        elif changes:
            try:
                send(changes)
            except Rejected as error:
                if len(changes) == 1:
                    refused(changes[0], error)
                    return
                middle = len(changes) // 2
                self._in_batches(send, changes[:middle], refused)
                self._in_batches(send, changes[middle:], refused)

    def _update(self, changes: list[ClaimedChange]) -> list[ClaimedChange]:
        """Writes records by HubSpot's id. Answers those that are gone there."""
        gone: list[ClaimedChange] = []

        def send(batch: list[ClaimedChange]) -> None:
            if not (batch := self._unanswered(batch)):
                return
            self._flying(batch)
            inputs = [{"id": c.hubspot_id, **_given(c)} for c in batch]
            result = self._hubspot.batch_update(self._type, inputs)
            ids = {str(row["id"]) for row in result.results}
            for change in batch:
                if change.hubspot_id in ids:
                    self._wrote({change: change.hubspot_id}, result)
                elif str(change.record) in result.missing and self._replaceable(change):
                    gone.append(change)
                elif str(change.record) in result.errors:
                    self._unwritten(change, result)
            self._halve_untraced(batch, result, gone)
            for change in [c for c in self._unanswered(batch) if c not in gone]:
                if self._table == EXAMS:
                    # To make it is no way to look for it: nothing of an exam is unique.
                    self._unwritten(change, result)
                else:
                    # What was written under another id was merged with another record.
                    gone.append(change)

        def refused(change: ClaimedChange, error: Rejected) -> None:
            if error.status == NOT_FOUND and self._replaceable(change):
                gone.append(change)
            else:
                self.outcome.fail(change, error)

        self._in_batches(send, changes, refused)
        return gone

    def _replaceable(self, change: ClaimedChange) -> bool:
        """Whether a record that is gone there may be made anew: exams are HubSpot's."""
        return self._table != EXAMS or change.may_create

    def _upsert(self, changes: list[ClaimedChange]) -> None:
        """Creates or updates records by their unique property, or after looking for them."""
        changes = self._renamed(changes)
        if not changes:
            return
        if self._table == EXAMS:
            self._create_exams(changes)
        elif self._identity.unique(self._table):
            self._in_batches(self._upsert_batch, changes, self._refused)
        else:
            self._in_batches(self._find_or_create, changes, self._refused)

    def _upsert_batch(self, batch: list[ClaimedChange]) -> None:
        if not (batch := self._unanswered(batch)):
            return
        self._flying(batch)
        key = self._identity.keys[self._table]
        inputs = [{"id": c.unique_value, "idProperty": key, **_given(c)} for c in batch]
        result = self._hubspot.batch_upsert(self._type, inputs)
        # Results come in any order, and perhaps in another case.
        self._created(batch, result, self._identity.ids(self._table, result.results))

    def _renamed(self, changes: list[ClaimedChange]) -> list[ClaimedChange]:
        """Writes records that may have been made under another unique value; answers the rest."""
        renamed = [c for c in changes if c.former_values]
        if not renamed:
            return changes
        self._in_time()
        found = self._identity.find_former(self._table, renamed)
        for change in renamed:
            if hubspot_id := found.get(change):
                self._write_to(change, hubspot_id)
            elif not change.settled:
                reason = "it may yet be made under its former name"
                error = Unavailable(reason, unanswered=False)
                self.outcome.fail(change, error, retry_after=SEARCH_LAG)
        return [c for c in changes if not c.former_values or (c.settled and c not in found)]

    def _create_exams(self, changes: list[ClaimedChange]) -> None:
        """Makes exams anew, one by one: nothing of theirs is unique to tell two answers apart.

        For the same reason an attempt without an answer is the last: a person must look.
        """
        for change in changes:
            if change.tried:
                error = Rejected("its making was not answered: look whether HubSpot has it")
                self.outcome.fail(change, error)
                continue
            self._flying([change])
            try:
                result = self._hubspot.batch_create(self._type, [_given(change)])
            except Unavailable as error:
                if error.unanswered:
                    self.outcome.fail(change, error, permanent=True)
                raise
            except Rejected as error:
                self.outcome.fail(change, error)
                continue
            if result.results:
                self._wrote({change: str(result.results[0]["id"])}, result)
            else:
                self._unwritten(change, result)

    def _find_or_create(self, batch: list[ClaimedChange]) -> None:
        """Where no property is unique: looks first, then updates what is there, creates the rest.

        A creation without an answer may be found only when HubSpot's search has seen it, so the
        next attempt waits.
        """
        if not (batch := self._unanswered(batch)):
            return
        self._in_time()
        key = self._identity.keys[self._table]
        found = self._identity.find(self._table, batch)
        known = [c for c in batch if c in found]
        if known:
            self._flying(known)
            inputs = [{"id": found[c], **_given(c)} for c in known]
            result = self._hubspot.batch_update(self._type, inputs)
            ids = {str(row["id"]) for row in result.results}
            ids = {same(c.unique_value): found[c] for c in known if found[c] in ids}
            self._created(known, result, ids)
        if unknown := [c for c in batch if c not in found]:
            self._flying(unknown)
            try:
                result = self._hubspot.batch_create(self._type, [_made(c, key) for c in unknown])
            except Unavailable as error:
                for change in unknown if error.unanswered else ():
                    self.outcome.fail(change, error, retry_after=SEARCH_LAG)
                raise
            self._created(unknown, result, self._identity.ids(self._table, result.results))

    def _created(
        self, batch: list[ClaimedChange], result: BatchResult, ids: dict[str, str]
    ) -> None:
        """Sorts what a batch wrote from what it refused; a conflict is settled one by one."""
        written = {c: ids[same(c.unique_value)] for c in batch if same(c.unique_value) in ids}
        self._wrote(written, result)
        for change in self._unanswered(batch):
            if existing := result.existing.get(str(change.record)):
                self._adopt(change, existing)
            elif str(change.record) in result.errors:
                self._unwritten(change, result)
        self._halve_untraced(batch, result)
        for change in self._unanswered(batch):
            self._unwritten(change, result)

    def _unanswered(self, changes: list[ClaimedChange]) -> list[ClaimedChange]:
        return [c for c in changes if not self.outcome.answered(c)]

    def _halve_untraced(
        self,
        batch: list[ClaimedChange],
        result: BatchResult,
        gone: Sequence[ClaimedChange] = (),
    ) -> None:
        """Refuses the rest of a batch where an error names no record, so that it is halved."""
        if result.untraced and any(c not in gone for c in self._unanswered(batch)):
            raise Rejected(result.untraced)

    def _refused(self, change: ClaimedChange, error: Rejected) -> None:
        """Takes what HubSpot refuses of one record, unless it names the record that it is."""
        if error.status == CONFLICT and error.existing_id:
            self._adopt(change, error.existing_id)
        else:
            self.outcome.fail(change, error)

    def _adopt(self, change: ClaimedChange, hubspot_id: str) -> None:
        """Writes to the record HubSpot says is the same, if it is nobody else's."""
        key = self._identity.keys[self._table]
        try:
            self._in_time()
            rows = self._hubspot.batch_read(self._type, [hubspot_id], [key])
        except Rejected as error:
            self.outcome.fail(change, error)
            return
        theirs = (rows[0].get("properties") or {}).get(key) if rows else None
        if theirs and same(theirs) != same(change.unique_value):
            reason = (
                f"HubSpot's record {hubspot_id} has the same email, but {key} {in_line(theirs)}"
            )
            self.outcome.fail(change, Rejected(reason))
        else:
            self._write_to(change, hubspot_id)

    def _write_to(self, change: ClaimedChange, hubspot_id: str) -> None:
        """Writes one record by an id that was looked up."""
        self._flying([change])
        try:
            result = self._hubspot.batch_update(self._type, [{"id": hubspot_id, **_given(change)}])
        except Rejected as error:
            self.outcome.fail(change, error)
            return
        if str(change.record) in result.errors or not result.results:
            self._unwritten(change, result)
        else:
            self._wrote({change: hubspot_id}, result)

    def _unwritten(self, change: ClaimedChange, result: BatchResult) -> None:
        """The failure of a record that an answer refuses, or does not name."""
        reason = result.errors.get(str(change.record), result.untraced)
        error = Rejected(reason or "HubSpot's answer does not name this record")
        self.outcome.fail(change, error, permanent=reason is not None)

    def _wrote(self, written: dict[ClaimedChange, str], result: BatchResult | None = None) -> None:
        """Notes what HubSpot has now; a booking only when its links are made."""
        versions = (
            {str(row["id"]): row.get("updatedAt") for row in result.results} if result else {}
        )
        for change, hubspot_id in written.items():
            self.outcome.versions[change] = versions.get(hubspot_id)
            linked = change.associate or change.left_exam_hubspot_ids
            if self._table == BOOKINGS and (linked or hubspot_id != change.hubspot_id):
                self.outcome.written[change] = hubspot_id
            else:
                self.outcome.sent[change] = hubspot_id

    def _link(self) -> list[ClaimedChange]:
        """Links what was written to contact and exam, and ends links to exams that were left.

        Answers bookings of which only links were to be written and that HubSpot has no more.
        """
        gone: list[ClaimedChange] = []
        outcome, written = self.outcome, self.outcome.written
        outcome.flying = ()
        bookings, contacts, exams = (self._identity.types[t] for t in (BOOKINGS, CONTACTS, EXAMS))

        def send_to(to_type: str, target: Callable[[ClaimedChange], str | None]) -> Callable:
            def send(batch: list[ClaimedChange]) -> None:
                self._in_time()
                pairs = [(written[c], target(c)) for c in batch]
                self._hubspot.associate(bookings, to_type, pairs)

            return send

        def leave(batch: list[ClaimedChange]) -> None:
            self._in_time()
            ends = [(written[c], c.left_exam_hubspot_ids) for c in batch]
            self._hubspot.dissociate(bookings, exams, ends)

        def contact(change: ClaimedChange) -> str | None:
            return change.contact_hubspot_id if self._is_due(change, "@contact") else None

        def exam(change: ClaimedChange) -> str | None:
            return change.exam_hubspot_id if self._is_due(change, "@exam") else None

        self._in_links(send_to(contacts, contact), contact, gone)
        self._in_links(send_to(exams, exam), exam, gone)
        self._in_links(leave, lambda change: change.left_exam_hubspot_ids, gone)
        outcome.sent.update(written)
        written.clear()
        return gone

    def _is_due(self, change: ClaimedChange, link: str) -> bool:
        """Whether a link is new, or its booking is another record than before."""
        return link in change.associate or self.outcome.written[change] != change.hubspot_id

    def _in_links(
        self,
        send: Callable[[list[ClaimedChange]], None],
        wanted: Callable[[ClaimedChange], object],
        gone: list[ClaimedChange],
    ) -> None:
        """Sends links in hundreds; a booking whose link fails is tried again as a whole."""
        written = self.outcome.written
        changes = [change for change in written if wanted(change)]

        def refused(change: ClaimedChange, error: HubSpotError) -> None:
            if isinstance(error, Rejected) and self._is_gone(change):
                gone.append(change)
                del written[change]
                return
            del written[change]
            self.outcome.fail(change, error, permanent=False, written=True)

        try:
            self._in_batches(send, changes, refused)
        except (Unauthorized, WrongType, Forbidden):
            raise
        except HubSpotError as error:
            for change in changes:
                if change in written:
                    refused(change, error)

    def _is_gone(self, change: ClaimedChange) -> bool:
        """Whether a booking of which nothing but links was to be written is gone in HubSpot."""
        if change.properties or self.outcome.written[change] != change.hubspot_id:
            return False
        self._in_time()
        return not self._hubspot.batch_read(self._type, [change.hubspot_id], [])

    def _archive(self, changes: list[ClaimedChange]) -> None:
        """Archives deleted records, asking first for ids that were never answered."""

        def send(batch: list[ClaimedChange]) -> None:
            self._flying(batch)
            ids = [c.hubspot_id for c in batch if c.hubspot_id]
            # One that was tried before may have been made without an answer, or anew.
            if unknown := [c for c in batch if c.unique_value and (c.tried or not c.hubspot_id)]:
                ids += self._identity.find_all(self._table, unknown)
            if ids:
                self._hubspot.batch_archive(self._type, sorted(set(ids)))
            self.outcome.sent.update((change, None) for change in batch)

        def refused(change: ClaimedChange, error: Rejected) -> None:
            if error.status == NOT_FOUND:  # archived already
                self.outcome.sent[change] = None
            else:
                self.outcome.fail(change, error)

        self._in_batches(send, changes, refused)


def _given(change: ClaimedChange) -> dict:
    """What every input of a write carries. The trace id lets a bad record fail alone."""
    return {"objectWriteTraceId": str(change.record), "properties": change.properties}


def _made(change: ClaimedChange, key: str) -> dict:
    """The input that makes a record: what it is found by next time must be among it."""
    given = _given(change)
    return given | {"properties": {key: change.unique_value} | change.properties}
