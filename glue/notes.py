"""Sends notes to HubSpot, each once.

A note has no unique property, so making it is not repeatable: where an answer is missing, the
notes of its contact are read first. Every note ends with our own id of it, by which it is known.
HubSpot may take a request late, after the second look; then the database has the note sent once
more, and what HubSpot has twice is archived.
"""

import re
from typing import Any

from glue.errors import Rejected, Unavailable
from glue.hubspot import BATCH
from glue.rpc import CONTACTS, ClaimedChange
from glue.send import SEARCH_LAG, Sender

BODY = "hs_note_body"
REF = re.compile(r"Ref\. ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
# The link from a note to a contact that HubSpot itself defines.
TO_CONTACT = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]


class NoteSender(Sender):
    """Sends one claim of notes."""

    def _update(self, changes: list[ClaimedChange]) -> list[ClaimedChange]:
        """Looks whether HubSpot has notes twice that it has; a note never changes."""
        doubles: list[str] = []
        kept: dict[ClaimedChange, str | None] = {}
        for change, ids in self._find(changes).items():
            # One that is gone was deleted by a person, and stays so.
            kept[change] = change.hubspot_id if change.hubspot_id in ids or not ids else ids[0]
            doubles += [one for one in ids if one != kept[change]]
        for start in range(0, len(doubles), BATCH):
            self._flying(changes)
            self._hubspot.batch_archive(self._type, doubles[start : start + BATCH])
        self.outcome.sent.update(kept)
        return []

    def _upsert(self, changes: list[ClaimedChange]) -> None:
        """Makes notes. One that HubSpot may have already is looked for first."""
        found = self._find([c for c in changes if c.unanswered])
        new = []
        for change in changes:
            if not change.contact_hubspot_id:
                reason = "HubSpot does not have the contact that this note is of"
                self.outcome.fail(change, Rejected(reason), permanent=False)
            elif found.get(change):
                self.outcome.sent[change] = found[change][0]
            elif change.unanswered and not change.settled:
                error = Unavailable("an earlier request may yet make this note", unanswered=False)
                self.outcome.fail(change, error, retry_after=SEARCH_LAG)
            else:
                new.append(change)
        self._in_batches(self._create, new, self.outcome.fail)

    def _create(self, batch: list[ClaimedChange]) -> None:
        self._flying(batch)
        inputs = [
            {
                "objectWriteTraceId": str(change.record),
                "properties": change.properties,
                "associations": [{"to": {"id": change.contact_hubspot_id}, "types": TO_CONTACT}],
            }
            for change in batch
        ]
        try:
            result = self._hubspot.batch_create(self._type, inputs)
        except Unavailable as error:
            for change in batch if error.unanswered else ():
                self.outcome.fail(change, error, retry_after=SEARCH_LAG)
            raise
        ids = {_ref(row): str(row["id"]) for row in result.results}
        for change in batch:
            if hubspot_id := ids.get(str(change.record)):
                self.outcome.sent[change] = hubspot_id
            elif reason := result.errors.get(str(change.record)):
                self.outcome.fail(change, Rejected(reason))
            else:
                error = Rejected("HubSpot's answer does not name this note")
                self.outcome.fail(
                    change, error, permanent=False, unanswered=True, retry_after=SEARCH_LAG
                )

    def _archive(self, changes: list[ClaimedChange]) -> None:
        """A note that is gone here went with its contact."""
        self.outcome.sent.update((change, None) for change in changes)

    def _find(self, changes: list[ClaimedChange]) -> dict[ClaimedChange, list[str]]:
        """HubSpot's ids of each note, oldest first, read from the notes of its contact."""
        contacts = sorted({c.contact_hubspot_id for c in changes if c.contact_hubspot_id})
        notes: set[str] = set()
        for start in range(0, len(contacts), BATCH):
            self._in_time()
            some = contacts[start : start + BATCH]
            linked = self._hubspot.linked(self._identity.types[CONTACTS], self._type, some)
            notes.update(note for ids in linked.values() for note in ids)
        found: dict[str | None, list[str]] = {str(change.record): [] for change in changes}
        there = sorted(notes, key=_age)
        for start in range(0, len(there), BATCH):
            self._in_time()
            rows = self._hubspot.batch_read(self._type, there[start : start + BATCH], [BODY])
            for row in rows:
                if (ref := _ref(row)) in found:
                    found[ref].append(str(row["id"]))
        return {change: sorted(found[str(change.record)], key=_age) for change in changes}


def _ref(row: dict[str, Any]) -> str | None:
    """Our id of a note in HubSpot: its last words, whatever else was quoted before."""
    said = REF.findall(str((row.get("properties") or {}).get(BODY)))
    return said[-1] if said else None


def _age(hubspot_id: str) -> tuple[int, str]:
    """Sorts HubSpot's ids as numbers."""
    return len(hubspot_id), hubspot_id
