"""The records of one account, with what HubSpot keeps true about them.

Writes take values already in stored form (see :mod:`sandbox.hubspot.values`); ``check`` brings
them there and refuses what HubSpot refuses. One lock, held for a whole request, makes every
request atomic, whatever threads the application runs in.
"""

import random
import threading
import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable

from sandbox.hubspot.associations import Associations
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.definitions import (
    CONTACT_TYPE,
    ObjectType,
    Property,
    account_types,
    find_type,
)
from sandbox.hubspot.errors import (
    Problem,
    conflict,
    invalid,
    invalid_properties,
    not_found,
)
from sandbox.hubspot.events import Events
from sandbox.hubspot.index import SearchIndex
from sandbox.hubspot.record import MERGE, USER, Record, Source, Version
from sandbox.hubspot.values import stored, unique_key
from sandbox.hubspot.webhooks import Webhooks

Rule = Callable[[ObjectType, str, str], str | None]

_FIRST_ID = 32_104_550_000
APP_ID, PORTAL_ID = 2_718_281, 24_601_337


class Store:
    """Everything the account holds.

    Args:
        seed: of the generator that spaces ids and shuffles the results of batches.
        clock: the account's time.
        unique: False leaves ``student_id`` and ``booking_id`` without a unique constraint.
        keys: False leaves them out altogether.
        app_id: our own application, as histories and events name it.
        portal_id: the account, as events name it.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: Clock | None = None,
        unique: bool = True,
        keys: bool = True,
        app_id: int = APP_ID,
        portal_id: int = PORTAL_ID,
    ) -> None:
        self.clock = clock or Clock()
        self.rng = random.Random(seed)
        self._correlations = random.Random(f"{seed} correlation ids")
        self.types = account_types(unique, keys)
        self.lock = threading.RLock()
        self.links = Associations(self.types)
        self.index = SearchIndex(self.types)
        self.app_id, self.portal_id = app_id, portal_id
        self.own = Source("INTEGRATION", str(app_id))
        self.events = Events(portal_id, app_id)
        self.webhooks = Webhooks(self.clock, self.events)
        self._last_id = _FIRST_ID
        self._records: dict[str, dict[str, Record]] = {t: {} for t in self.types}
        self._order: dict[str, list[int]] = {t: [] for t in self.types}
        self._taken: dict[tuple[str, str], dict[str, str]] = {
            (t.id, name): {} for t in self.types.values() for name in t.unique
        }

    def correlation_id(self) -> str:
        """The id of one refusal, from a generator of its own: asking changes nothing else."""
        return str(uuid.UUID(int=self._correlations.getrandbits(128), version=4))

    def type(self, name: str, *, by_name: bool = False) -> ObjectType:
        """The object type a path names; HubSpotError 400 when there is none."""
        return find_type(self.types, name, by_name=by_name)

    def define(self, kind: ObjectType, definition: Property) -> None:
        """Add a property, or change one; values it had before it was removed are back.

        Raises:
            ValueError: uniqueness cannot change, nor come to a property that has values.
        """
        name, before = definition.name, kind.properties.get(definition.name)
        values = any(name in r.version.properties for r in self._records[kind.id].values())
        if before is None and definition.unique and values:
            raise ValueError(f"{name} has values, it cannot become unique")
        if before is not None and before.unique != definition.unique:
            raise ValueError(f"{name} was declared unique, or not, when it was created")
        kind.properties[name] = definition
        self._taken.setdefault((kind.id, name), {})

    def undefine(self, kind: ObjectType, name: str) -> None:
        """Remove a property; KeyError when there is none. Unique values become free."""
        del kind.properties[name]
        self._taken.pop((kind.id, name), None)

    def get(
        self, kind: ObjectType, record_id: str, *, archived: bool = False, follow: bool = False
    ) -> Record | None:
        """A live record, or with ``archived`` one in the recycling bin; None when not there.

        The id of a merged record is gone, or with ``follow`` that of the record it became.
        """
        record = self._records[kind.id].get(record_id)
        if follow and record is not None:
            record = self._became(record)
        if record is None or record.merged_into is not None:
            return None
        return record if (record.archived_ms is not None) == archived else None

    def find(self, kind: ObjectType, name: str, value: str) -> Record | None:
        """The live record with this value of a unique property."""
        record_id = self._taken[kind.id, name].get(unique_key(name, value))
        return None if record_id is None else self._records[kind.id][record_id]

    def find_archived(self, kind: ObjectType, name: str, value: str) -> Record | None:
        """A record in the recycling bin with this value of a unique property."""
        key = unique_key(name, value)
        for record in self._records[kind.id].values():
            held = record.version.properties.get(name, "")
            if record.archived_ms is not None and unique_key(name, held) == key:
                return record
        return None

    def live(self, kind: ObjectType) -> list[Record]:
        """Every live record of a type, by id."""
        records = self._records[kind.id]
        return [r for i in self._order[kind.id] if (r := records[str(i)]).live]

    def page(
        self, kind: ObjectType, after: int, limit: int, *, archived: bool
    ) -> tuple[list[Record], bool]:
        """Up to ``limit`` records with ids above ``after``, and whether more follow."""
        order, records = self._order[kind.id], self._records[kind.id]
        found: list[Record] = []
        for number in order[bisect_right(order, after) :]:
            record = records[str(number)]
            if record.merged_into is None and (record.archived_ms is not None) == archived:
                if len(found) == limit:
                    return found, True
                found.append(record)
        return found, False

    def check(
        self,
        kind: ObjectType,
        raw: dict[str, object],
        record: Record | None = None,
        *,
        rule: Rule | None = None,
        archived_keeps_unique: bool = False,
    ) -> dict[str, str]:
        """The values in stored form.

        Args:
            kind: the object type.
            raw: property values as the request carried them.
            record: the record to be updated; None for one to be created.
            rule: an administrator's rule, giving a sentence for a value it refuses.
            archived_keeps_unique: also refuse the unique values of archived records.

        Raises:
            HubSpotError: 400 VALIDATION_ERROR naming each bad value; 409 CONFLICT when a new
                record would share a unique value.
        """
        good: dict[str, str] = {}
        problems: list[Problem] = []
        for name, value in raw.items():
            definition = kind.properties.get(name)
            if definition is None:
                text = f'Property "{name}" does not exist'
                problems.append(Problem(name, "PROPERTY_DOESNT_EXIST", text))
            elif definition.read_only:
                text = f'"{name}" is a read only property; its value cannot be set.'
                problems.append(Problem(name, "READ_ONLY_VALUE", text))
            else:
                result = stored(definition, value)
                if isinstance(result, Problem):
                    problems.append(result)
                elif rule and result and (refusal := rule(kind, name, result)):
                    problems.append(Problem(name, "FAILED_CUSTOM_VALIDATION", refusal))
                else:
                    good[name] = result
        if problems:
            raise invalid_properties(problems)
        missing = [name for name in kind.required if record is None and not good.get(name)]
        if missing:
            text = f"Error creating {kind.name.upper()}. Some required properties were not set."
            raise invalid(text, properties=missing)
        self._check_unique(kind, good, record, archived_keeps_unique)
        return good

    def create(
        self,
        kind: ObjectType,
        properties: dict[str, str],
        source: Source | None = None,
        at_ms: int | None = None,
    ) -> Record:
        """A new record from checked values, created now or at ``at_ms``, by us or a source."""
        source = source or self.own
        record = self._new(kind, properties, source, at_ms)
        self.events.created(record, source)
        return record

    def update(
        self, record: Record, properties: dict[str, str], source: Source | None = None
    ) -> None:
        """Write checked values into a record. No two writes of one share a millisecond: the later
        is dated ahead of the clock."""
        source = source or self.own
        self.events.changed(record, self._write(record, properties, source), source)

    def archive(self, record: Record, source: Source | None = None) -> None:
        """Move to the recycling bin; the modified date stays, unique values become free."""
        self._release(record)
        record.archived_ms = self._moment(record)
        self.events.deleted(record, source or self.own, record.archived_ms)

    def restore(self, record: Record, source: Source = USER) -> None:
        """Take out of the recycling bin; 409 when another record took a unique value."""
        self._check_unique(record.type, record.version.properties, None, False)
        record.archived_ms = None
        self._claim(record)
        self.events.restored(record, source, self._moment(record))

    def forget(self, record: Record, source: Source = USER) -> None:
        """Delete a contact for good, with all that was merged into it, from wherever it is.

        Raises:
            ValueError: a record of another type.
        """
        kind, records = record.type, self._records[record.type.id]
        if kind.id != CONTACT_TYPE:
            raise ValueError(f"no {kind.name} is deleted for privacy, contacts are")
        if live := record.live:
            self._release(record)
        for one in [r for r in records.values() if self._became(r) is record]:
            self.links.drop(kind, one.id)
            self.index.drop(one)
            del self._order[kind.id][bisect_left(self._order[kind.id], int(one.id))]
        kept = {i: r for i, r in records.items() if self._became(r) is not record}
        self._records[kind.id] = kept
        if live:
            self.events.deleted(record, source, self._moment(record))
        self.events.forgotten(record, source, self._moment(record))

    def merge(self, primary: Record, other: Record, *, new_id: bool = False) -> Record:
        """Merge ``other`` into ``primary``: its values fill gaps, its links move, its id is gone.

        Args:
            primary: whose values win.
            other: the one that vanishes.
            new_id: let both ids vanish and give the result one of its own.

        Returns:
            The record that is left, with ``hs_merged_object_ids``, ``;``-separated.
        """
        kind, gone = primary.type, [other] + ([primary] if new_id else [])
        had = primary.version.properties
        values = other.version.properties | had
        merged = [values.pop("hs_merged_object_ids", ""), *(r.id for r in gone)]
        moved = {name: value for name, value in values.items() if name not in had}
        values["hs_merged_object_ids"] = ";".join(filter(None, merged))
        for record in gone:
            self._release(record)
        if new_id:
            result = self._new(kind, values, MERGE)
        else:
            result = primary
            self._write(primary, values, MERGE)
        for record in gone:
            record.merged_into = result.id
            self.links.move(kind, record.id, result.id)
        self.events.merged(primary, other, result, len(moved), USER)
        self.events.changed(result, moved, MERGE)
        return result

    def link(
        self, origin: ObjectType, a: str, target: ObjectType, b: str, source: Source | None = None
    ) -> None:
        """Link two records; linking again changes nothing."""
        if self.links.link(origin, a, target, b):
            ends, now = ((origin, a), (target, b)), self.clock.ms()
            self.events.linked(ends, source or self.own, now, removed=False)

    def unlink(
        self, origin: ObjectType, a: str, target: ObjectType, b: str, source: Source | None = None
    ) -> None:
        """End the link of two records; where there is none nothing changes."""
        if self.links.unlink(origin, a, target, b):
            ends, now = ((origin, a), (target, b)), self.clock.ms()
            self.events.linked(ends, source or self.own, now, removed=True)

    def _new(
        self,
        kind: ObjectType,
        properties: dict[str, str],
        source: Source,
        at_ms: int | None = None,
    ) -> Record:
        at_ms = self.clock.ms() if at_ms is None else at_ms
        self._last_id += self.rng.randint(1, 9)
        record = Record(kind, str(self._last_id), at_ms, Version({}, at_ms))
        record.write(properties, source, at_ms)
        self._records[kind.id][record.id] = record
        insort(self._order[kind.id], self._last_id)
        self._claim(record)
        self.index.put(record, self.clock.ms())
        return record

    def _write(self, record: Record, properties: dict[str, str], source: Source) -> dict[str, str]:
        self._release(record)
        changed = record.write(properties, source, self._moment(record))
        self._claim(record)
        self.index.put(record, self.clock.ms())
        return changed

    def _moment(self, record: Record) -> int:
        """Now, or where a record was written this very millisecond, the next."""
        return max(self.clock.ms(), record.version.updated_ms + 1)

    def _became(self, record: Record) -> Record:
        while record.merged_into is not None:
            record = self._records[record.type.id][record.merged_into]
        return record

    def _check_unique(
        self,
        kind: ObjectType,
        properties: dict[str, str],
        record: Record | None,
        archived_keeps_unique: bool,
    ) -> None:
        for name in kind.unique:
            value = properties.get(name)
            if not value:
                continue
            holder = self.find(kind, name, value)
            if holder is not None and holder is not record:
                if record is None:
                    raise conflict(kind.name.capitalize(), holder.id)
                text = f"Cannot set {name} on {record.id}. {holder.id} already has that value."
                raise invalid_properties([Problem(name, "CONFLICTING_UNIQUE_VALUE", text)])
            if archived_keeps_unique and self.find_archived(kind, name, value) is not None:
                text = f"An archived {kind.name} already has that value."
                raise invalid_properties([Problem(name, "CONFLICTING_UNIQUE_VALUE", text)])

    def _claim(self, record: Record) -> None:
        for name in record.type.unique:
            if value := record.version.properties.get(name):
                self._taken[record.type.id, name][unique_key(name, value)] = record.id

    def _release(self, record: Record) -> None:
        for name in record.type.unique:
            if value := record.version.properties.get(name):
                self._taken[record.type.id, name].pop(unique_key(name, value), None)


def require(record: Record | None, kind: ObjectType, record_id: str) -> Record:
    """The record, or HubSpotError 404."""
    if record is None:
        raise not_found(f"No {kind.name} with id {record_id}", id=[record_id])
    return record
