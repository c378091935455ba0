"""Links between records. Changing them touches no record, so nothing looks modified."""

from itertools import permutations

from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import invalid

_FIRST_TYPE_ID = 31
# What HubSpot defines itself is the same in every account.
_DEFINED = {("0-1", "0-46"): 201, ("0-46", "0-1"): 202}


class Associations:
    """Default (unlabelled) links, each stored in both directions.

    Args:
        types: the account's object types; every ordered pair of two has an association type id,
            HubSpot's own or, with a custom object in it, the account's.
    """

    def __init__(self, types: dict[str, ObjectType]) -> None:
        own = [pair for pair in permutations(types, 2) if pair not in _DEFINED]
        self._type_ids = {pair: n for n, pair in enumerate(own, start=_FIRST_TYPE_ID)} | _DEFINED
        self._links: dict[tuple[str, str], dict[str, dict[str, None]]] = {
            pair: {} for pair in self._type_ids
        }

    def type_id(self, origin: ObjectType, target: ObjectType) -> int:
        """The id of the default association; HubSpotError 400 when the pair has none."""
        try:
            return self._type_ids[origin.id, target.id]
        except KeyError:
            raise invalid(f"No association type between {origin.name} and {target.name}") from None

    def category(self, origin: ObjectType, target: ObjectType) -> str:
        """Who defined the default association: ``HUBSPOT_DEFINED`` or ``USER_DEFINED``."""
        return "HUBSPOT_DEFINED" if (origin.id, target.id) in _DEFINED else "USER_DEFINED"

    def target_of(self, origin: ObjectType, category: object, type_id: object) -> str | None:
        """The object type id an association type leads to from ``origin``, or None."""
        for pair, number in self._type_ids.items():
            defined = "HUBSPOT_DEFINED" if pair in _DEFINED else "USER_DEFINED"
            if (pair[0], number, defined) == (origin.id, type_id, category):
                return pair[1]
        return None

    def link(self, origin: ObjectType, a: str, target: ObjectType, b: str) -> bool:
        """Link two records; False when they are linked already."""
        self.type_id(origin, target)
        linked = self._links[origin.id, target.id].setdefault(a, {})
        if b in linked:
            return False
        linked[b] = None
        self._links[target.id, origin.id].setdefault(b, {})[a] = None
        return True

    def unlink(self, origin: ObjectType, a: str, target: ObjectType, b: str) -> bool:
        """End the link of two records; False when there is none."""
        self.type_id(origin, target)
        linked = self._links[origin.id, target.id].get(a, {})
        if b not in linked:
            return False
        del linked[b], self._links[target.id, origin.id][b][a]
        return True

    def of(self, origin: ObjectType, record_id: str, target: ObjectType) -> list[str]:
        """The ids linked to a record, oldest link first; live or not."""
        self.type_id(origin, target)
        return list(self._links[origin.id, target.id].get(record_id, ()))

    def move(self, kind: ObjectType, old: str, new: str) -> None:
        """Give one record's links to another of the same type."""
        for (from_id, to_id), links in self._links.items():
            if from_id != kind.id:
                continue
            for other in links.pop(old, {}):
                links.setdefault(new, {})[other] = None
                back = self._links[to_id, from_id].setdefault(other, {})
                back.pop(old, None)
                back[new] = None

    def drop(self, kind: ObjectType, record_id: str) -> None:
        """Forget all links of a record."""
        for (from_id, to_id), links in self._links.items():
            if from_id == kind.id:
                for other in links.pop(record_id, {}):
                    del self._links[to_id, from_id][other][record_id]
