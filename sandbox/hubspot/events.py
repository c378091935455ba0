"""What the account tells of its changes: the events of webhooks, as HubSpot words them.

Contacts and custom objects are told of, notes are not. A link is told twice, once from either
side; what a merge does to links is told by the merge alone.
"""

from collections.abc import Callable

from sandbox.hubspot.definitions import CONTACT_TYPE, NOTE_TYPE, ObjectType
from sandbox.hubspot.record import Record, Source

_CHANGES = ("creation", "propertyChange", "deletion", "merge", "restore", "associationChange")
TYPES = (
    *(f"contact.{change}" for change in _CHANGES),
    "contact.privacyDeletion",
    *(f"object.{change}" for change in _CHANGES),
)

# Takes one event, still without the number of its subscription and its own.
Sink = Callable[[dict], None]


class Events:
    """Words every change for ``sink``; with None there, as at first, it costs nothing.

    Args:
        portal_id: the account.
        app_id: our application.
    """

    def __init__(self, portal_id: int, app_id: int) -> None:
        self.sink: Sink | None = None
        self._ids = {"portalId": portal_id, "appId": app_id}

    def created(self, record: Record, source: Source) -> None:
        """A record was made; each of its values is a change of its own besides."""
        if self.sink is not None:
            self._tell(record.type, "creation", record.id, source, record.created_ms)
            self.changed(record, record.version.properties, source)

    def changed(self, record: Record, values: dict[str, str], source: Source) -> None:
        """Properties of a record have new values; "" for one that was cleared."""
        if self.sink is None:
            return
        for name, value in values.items():
            fields = {"propertyName": name, "propertyValue": value}
            at_ms = record.version.updated_ms
            self._tell(record.type, "propertyChange", record.id, source, at_ms, fields)

    def deleted(self, record: Record, source: Source, at_ms: int) -> None:
        """A record went, to the recycling bin or for good."""
        self._tell(record.type, "deletion", record.id, source, at_ms)

    def restored(self, record: Record, source: Source, at_ms: int) -> None:
        """A record was taken out of the recycling bin."""
        self._tell(record.type, "restore", record.id, source, at_ms)

    def forgotten(self, record: Record, source: Source, at_ms: int) -> None:
        """A contact was deleted for good, as the law of privacy wants it."""
        self._tell(record.type, "privacyDeletion", record.id, source, at_ms)

    def merged(self, primary: Record, other: Record, left: Record, moved: int, by: Source) -> None:
        """Two records are one, under the id of the first or one of its own."""
        fields = {
            "primaryObjectId": int(primary.id),
            "mergedObjectIds": [int(other.id)],
            "newObjectId": int(left.id),
            "numberOfPropertiesMoved": moved,
        }
        self._tell(left.type, "merge", left.id, by, left.version.updated_ms, fields)

    def linked(
        self,
        ends: tuple[tuple[ObjectType, str], tuple[ObjectType, str]],
        source: Source,
        at_ms: int,
        *,
        removed: bool,
    ) -> None:
        """Two records were linked, or are linked no longer."""
        if self.sink is None or any(kind.id == NOTE_TYPE for kind, _ in ends):
            return
        for (kind, record_id), (other, other_id) in (ends, ends[::-1]):
            fields = {
                "fromObjectId": int(record_id),
                "fromObjectTypeId": kind.id,
                "toObjectId": int(other_id),
                "toObjectTypeId": other.id,
                "associationRemoved": removed,
                "isPrimaryAssociation": False,
            }
            self._tell(kind, "associationChange", record_id, source, at_ms, fields)

    def _tell(
        self,
        kind: ObjectType,
        change: str,
        record_id: str,
        source: Source,
        at_ms: int,
        fields: dict | None = None,
    ) -> None:
        if self.sink is None or kind.id == NOTE_TYPE:
            return
        family = "contact" if kind.id == CONTACT_TYPE else "object"
        self.sink(
            self._ids
            | {
                "occurredAt": at_ms,
                "subscriptionType": f"{family}.{change}",
                "attemptNumber": 0,
                "objectId": int(record_id),
                "objectTypeId": kind.id,
                "changeSource": source.type,
                "sourceId": source.id,
            }
            | (fields or {})
        )
