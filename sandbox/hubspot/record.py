"""One record: its current version, its history, and how it looks in an answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.hubspot.clock import iso
from sandbox.hubspot.definitions import ObjectType


class Source(NamedTuple):
    """Who wrote a value, as the property history names it."""

    type: str
    id: str


USER = Source("CRM_UI", "userId:31415926")
WORKFLOW = Source("AUTOMATION_PLATFORM", "enrollmentId:5772156649")
APPLICATION = Source("INTEGRATION", "1414213")
IMPORT = Source("IMPORT", "1618033")
MERGE = Source("MERGE_OBJECTS", "userId:31415926")

# Those who write but for our own application, by the names the control routes have for them.
OTHERS = {"user": USER, "workflow": WORKFLOW, "application": APPLICATION, "import": IMPORT}


class Entry(NamedTuple):
    """One value a property had, from ``at_ms`` on."""

    value: str
    at_ms: int
    source: Source

    def as_json(self) -> dict:
        """The entry as ``propertiesWithHistory`` lists it."""
        return {
            "value": self.value,
            "timestamp": iso(self.at_ms),
            "sourceType": self.source.type,
            "sourceId": self.source.id,
        }


class Version(NamedTuple):
    """What a record was at one moment. ``properties`` is replaced on a write, never changed, so
    a version may be kept: the search index holds old ones on purpose."""

    properties: dict[str, str]
    updated_ms: int


@dataclass
class Record:
    """A CRM record. Times are Unix milliseconds; ``archived_ms`` is None while it is live."""

    type: ObjectType
    id: str
    created_ms: int
    version: Version
    history: dict[str, list[Entry]] = field(default_factory=dict)
    archived_ms: int | None = None
    merged_into: str | None = None

    @property
    def live(self) -> bool:
        """Neither archived nor merged away."""
        return self.archived_ms is None and self.merged_into is None

    def value(self, name: str, version: Version | None = None) -> str | None:
        """A property's value in ``version`` (the current one by default), None when empty."""
        version = version or self.version
        if name == "hs_object_id":
            return self.id
        if name == self.type.created:
            return iso(self.created_ms)
        if name == self.type.modified:
            return iso(version.updated_ms)
        return version.properties.get(name)

    def write(self, properties: dict[str, str], source: Source, at_ms: int) -> dict[str, str]:
        """Apply stored values; "" clears. Gives those that differ from what they replace.

        The modified date moves even when no value differs, but the history only grows by values
        that do, and keeps ``type.history_depth`` of them, newest first.
        """
        merged, changed = dict(self.version.properties), {}
        for name, value in properties.items():
            if merged.get(name, "") == value:
                continue
            changed[name] = value
            entries = self.history.setdefault(name, [])
            entries.insert(0, Entry(value, at_ms, source))
            del entries[self.type.history_depth :]
            if value == "":
                merged.pop(name, None)
            else:
                merged[name] = value
        self.version = Version(merged, at_ms)
        return changed

    def as_json(
        self,
        names: Iterable[str] | None = None,
        history: Iterable[str] = (),
        version: Version | None = None,
    ) -> dict:
        """The record as an answer shows it (schema ``SimplePublicObject``).

        Args:
            names: the properties asked for; None gives HubSpot's few defaults. An unknown name
                is silently left out, a known one without value is null.
            history: properties whose history is asked for.
            version: an older version, as the search index has it.
        """
        version = version or self.version
        if names is None:
            names = [n for n in ("email", "firstname", "lastname") if n in self.type.properties]
        wanted = dict.fromkeys([*self.type.always, *names])
        body = {
            "id": self.id,
            "properties": {n: self.value(n, version) for n in wanted if n in self.type.properties},
            "createdAt": iso(self.created_ms),
            "updatedAt": iso(version.updated_ms),
            "archived": self.archived_ms is not None,
        }
        if self.archived_ms is not None:
            body["archivedAt"] = iso(self.archived_ms)
        history = [n for n in history if n in self.type.properties]
        if history:
            body["propertiesWithHistory"] = {
                n: [entry.as_json() for entry in self.history.get(n, [])] for n in history
            }
        return body
