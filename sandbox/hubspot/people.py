"""What others do in the account between our requests: its users, its workflows, another
application.

Drawn by a seed, one action at a time: a record edited, archived, restored or merged with another,
search falling behind, another application taking part of the calls. Where a weight is given,
also: a balance topped up, a value written by a workflow, a link made or ended, a contact
forgotten.
"""

import random
from collections import Counter
from collections.abc import Callable

from sandbox.hubspot.definitions import CONTACT_TYPE, ObjectType, Property
from sandbox.hubspot.errors import HubSpotError
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.record import USER, WORKFLOW, Record, Source
from sandbox.hubspot.store import Store

# How often each action is drawn, against the others; 0 never.
WEIGHTS = {
    "edit": 10,
    "archive": 2,
    "restore": 2,
    "merge": 2,
    "lag": 1,
    "other_application": 1,
    "top_up": 0,
    "workflow": 0,
    "link": 0,
    "forget": 0,
}
_LAGS = (0, 1, 5, 30, 120)
_WORDS = ("Leeds", "London", "Online", "yes", "no", "left", "right")
_ALL = 1_000_000_000


class People:
    """The others of one account; nobody acts until :meth:`start`.

    Args:
        store: the records.
        limits: the limits they share with us.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store, self._limits = store, limits
        self._actions: dict[str, Callable[[], dict | None]] = {
            "edit": self._edit,
            "archive": self._archive,
            "restore": self._restore,
            "merge": self._merge,
            "lag": self._lag,
            "other_application": self._other_application,
            "top_up": self._top_up,
            "workflow": lambda: self._edit(WORKFLOW),
            "link": self._link,
            "forget": self._forget,
        }
        self.start(0, 0.0)

    def start(
        self,
        seed: int,
        intensity: float = 0.2,
        weights: dict[str, float] | None = None,
        types: list[str] | None = None,
    ) -> None:
        """Begin anew.

        Args:
            seed: of all they do.
            intensity: the chance that something is done before a request, 0 to 1; 0 for nothing.
            weights: action → weight, over those of :data:`WEIGHTS`.
            types: the object types they touch, by id or name; all but notes when None.

        Raises:
            ValueError: an unknown action, a negative weight, an intensity that is no chance.
            HubSpotError: 400, an unknown type.
        """
        if unknown := set(weights or {}) - set(WEIGHTS):
            raise ValueError(f"no actions {sorted(unknown)}; there are {sorted(WEIGHTS)}")
        if not 0 <= intensity <= 1:
            raise ValueError("intensity is a chance, 0 to 1")
        self._weights = WEIGHTS | (weights or {})
        if min(self._weights.values()) < 0 or not any(self._weights.values()):
            raise ValueError("weights are not negative, and not all 0")
        self._seed, self._intensity = seed, intensity
        self._rng = random.Random(f"{seed} people")
        self._done: Counter[str] = Counter()
        names = ["contacts", "bookings", "exams"] if types is None else types
        self._types = [self._store.type(name, by_name=True) for name in names]

    def meanwhile(self) -> None:
        """Perhaps act; asked before every request."""
        if self._intensity and self._rng.random() < self._intensity:
            self.act()

    def act(self, action: str | None = None) -> dict | None:
        """One action, drawn or named; what was done, None when there was nothing to do it to.

        Raises:
            ValueError: an unknown action.
        """
        if action is None:
            action = self._rng.choices(list(self._weights), list(self._weights.values()))[0]
        if action not in self._actions:
            raise ValueError(f"no action {action!r}; there are {sorted(self._actions)}")
        done = self._actions[action]()
        if done is None:
            return None
        self._done[action] += 1
        return {"action": action} | done

    def as_json(self) -> dict:
        """Who they are and how often they did what."""
        return {
            "seed": self._seed,
            "intensity": self._intensity,
            "weights": self._weights,
            "types": [kind.plural for kind in self._types],
            "done": dict(self._done),
        }

    def _edit(self, source: Source = USER) -> dict | None:
        (record,) = self._some(1) or [None]
        if record is None:
            return None
        kind = record.type
        chosen = self._rng.choice([p for p in kind.properties.values() if _editable(p, kind)])
        value = self._value(chosen)
        self._store.update(record, self._store.check(kind, {chosen.name: value}, record), source)
        return {"type": kind.plural, "id": record.id, "properties": {chosen.name: value}}

    def _archive(self) -> dict | None:
        (record,) = self._some(1) or [None]
        if record is None:
            return None
        self._store.archive(record, USER)
        return {"type": record.type.plural, "id": record.id}

    def _restore(self) -> dict | None:
        (record,) = self._some(1, archived=True) or [None]
        if record is None:
            return None
        try:
            self._store.restore(record)
        except HubSpotError:  # a new record has its unique value
            return None
        return {"type": record.type.plural, "id": record.id}

    def _merge(self) -> dict | None:
        pair = self._some(2)
        if pair is None:
            return None
        primary, other = pair
        left = self._store.merge(primary, other, new_id=self._rng.random() < 0.5)
        ids = {"primary": primary.id, "merged": other.id, "id": left.id}
        return {"type": left.type.plural} | ids

    def _lag(self) -> dict:
        lag = self._rng.choice(_LAGS)
        self._limits.change({"index_lag_seconds": lag})
        self._store.index.lag_seconds = lag
        return {"index_lag_seconds": lag}

    def _other_application(self) -> dict:
        settings = self._limits.settings
        calls = self._rng.randint(0, settings.burst // 2)
        searches = self._rng.randint(0, settings.search_per_second // 2)
        taken = {"other_calls": calls, "other_searches": searches}
        self._limits.change(taken)
        return taken

    def _top_up(self) -> dict | None:
        """A number is added to a balance of a contact: what is written is the sum, as it is what
        people see and type."""
        (record,) = self._some(1, types=self._contacts()) or [None]
        if record is None:
            return None
        kind = record.type
        numbers = [p for p in kind.properties.values() if p.type == "number" and _editable(p, kind)]
        if not numbers:
            return None
        name, added = self._rng.choice(numbers).name, self._rng.randint(1, 5)
        seen = record.version.properties.get(name, "0")
        value = f"{float(seen) + added:.15g}"
        self._store.update(record, self._store.check(kind, {name: value}, record), USER)
        return {"type": kind.plural, "id": record.id, "properties": {name: value}, "added": added}

    def _link(self) -> dict | None:
        """A record linked with one of another type, or, as often, a link of it ended."""
        (record,) = self._some(1) or [None]
        if record is None:
            return None
        ended = self._rng.random() < 0.5
        others = [kind for kind in self._types if kind is not record.type]
        found = [other for kind in others for other in self._linked(record, kind, ended)]
        if not found:
            return None
        other = self._rng.choice(found)
        change = self._store.unlink if ended else self._store.link
        change(record.type, record.id, other.type, other.id, USER)
        to = {"to": other.type.plural, "to_id": other.id}
        return {"type": record.type.plural, "id": record.id, "ended": ended} | to

    def _linked(self, record: Record, kind: ObjectType, linked: bool) -> list[Record]:
        """The live records of a type that are linked with a record, or are not."""
        ids = set(self._store.links.of(record.type, record.id, kind))
        return [one for one in self._store.live(kind) if (one.id in ids) == linked]

    def _forget(self) -> dict | None:
        (record,) = self._some(1, types=self._contacts()) or [None]
        if record is None:
            return None
        self._store.forget(record)
        return {"type": record.type.plural, "id": record.id}

    def _contacts(self) -> list[ObjectType]:
        return [kind for kind in self._types if kind.id == CONTACT_TYPE]

    def _some(
        self, number: int, *, archived: bool = False, types: list[ObjectType] | None = None
    ) -> list[Record] | None:
        """Records of one type, drawn among the types that have so many."""
        found = []
        for kind in self._types if types is None else types:
            records, _ = self._store.page(kind, 0, _ALL, archived=archived)
            if len(records) >= number:
                found.append(records)
        return self._rng.sample(self._rng.choice(found), number) if found else None

    def _value(self, definition: Property) -> str:
        if definition.options:
            return self._rng.choice(definition.options)
        if definition.type == "number":
            return str(self._rng.randint(0, 9))
        if definition.type in ("date", "datetime"):
            days = self._rng.randint(0, 60)
            return str((self._store.clock.ms() // 86_400_000 + days) * 86_400_000)
        return self._rng.choice(_WORDS)


def _editable(definition: Property, kind: ObjectType) -> bool:
    """Whether people change it: not what identifies a record, nor what HubSpot writes."""
    fixed = definition.read_only or definition.unique or definition.external
    return not fixed and definition.name not in kind.keys
