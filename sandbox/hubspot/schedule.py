"""Faults drawn by a seed, one request after another, for as long as it is asked.

The same seed and the same requests give the same faults. A limit, an outage, a lost token or a
missing scope strikes several requests in a row; a validation rule is added by an administrator and
taken away some requests later.
"""

import random
from collections import Counter
from dataclasses import asdict

from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.fault import KINDS, Fault

# How often each kind is drawn, against the others; 0 never.
WEIGHTS = {
    "unavailable": 6,
    "rate_limited": 6,
    "daily_limit": 1,
    "locked": 3,
    "migrating": 1,
    "unauthorized": 1,
    "missing_scopes": 1,
    "error_after_applying": 4,
    "cut": 4,
    "cut_before_applying": 2,
    "slow": 4,
    "slow_before_applying": 3,
    "partial": 4,
    "validation_rule": 2,
}
_IN_A_ROW = {
    "unavailable": 3,
    "rate_limited": 4,
    "daily_limit": 3,
    "migrating": 3,
    "unauthorized": 3,
    "missing_scopes": 5,
}
_STATUSES = (500, 502, 503, 504, 520)
_PATTERNS = ("[0-4]$", "[5-9]$", "^[A-M]", "^[N-Z]", "e", "^.{1,6}$")
_RULE_LIFE = 20  # requests, at most
_SHORTEST_MS, _LONGEST_MS = 100, 120_000


class Schedule:
    """What strikes each request.

    Args:
        seed: of all of it.
        intensity: the chance that something begins with a request, 0 to 1.
        weights: kind → weight, over those of :data:`WEIGHTS`.

    Raises:
        ValueError: an unknown kind, a negative weight, an intensity that is no chance.
    """

    def __init__(
        self, seed: int, intensity: float = 0.2, weights: dict[str, float] | None = None
    ) -> None:
        if unknown := set(weights or {}) - set(KINDS):
            raise ValueError(f"no faults {sorted(unknown)}; there are {KINDS}")
        if not 0 <= intensity <= 1:
            raise ValueError("intensity is a chance, 0 to 1")
        self.seed, self.intensity = seed, intensity
        self.weights = WEIGHTS | (weights or {})
        if min(self.weights.values()) < 0 or not any(self.weights.values()):
            raise ValueError("weights are not negative, and not all 0")
        self.rules: list[Fault] = []
        self._rng = random.Random(f"{seed} faults")
        self._row: Fault | None = None
        self._struck: Counter[str] = Counter()

    def draw(self, path: str, kinds: tuple[ObjectType, ...]) -> Fault | None:
        """What strikes this request, if anything; also where rules come and go."""
        for rule in self.rules:
            rule.count -= 1
        self.rules = [rule for rule in self.rules if rule.count > 0]
        fault = self._row
        if fault is None or fault.fired >= fault.count or not fault.meant(path, kinds):
            if self._rng.random() >= self.intensity:
                return None
            fault = self._begin(kinds)
        if fault is None or not fault.meant(path, kinds):
            return None
        fault.fired += 1
        self._struck[fault.kind] += 1
        return fault

    def as_json(self) -> dict:
        """The schedule, what struck so far, and the rules of this moment."""
        return {
            "seed": self.seed,
            "intensity": self.intensity,
            "weights": self.weights,
            "struck": dict(self._struck),
            "rules": [asdict(rule) for rule in self.rules],
        }

    def _begin(self, kinds: tuple[ObjectType, ...]) -> Fault | None:
        rng = self._rng
        kind = rng.choices(list(self.weights), list(self.weights.values()))[0]
        if kind == "validation_rule":
            if kinds:
                self.rules.append(self._rule(rng.choice(kinds)))
                self._struck[kind] += 1
            return None
        fault = Fault(kind, count=rng.randint(1, _IN_A_ROW.get(kind, 1)))
        if kind == "missing_scopes" and kinds:
            fault.type = rng.choice(kinds).id
        if kind in ("unavailable", "error_after_applying"):
            fault.status = rng.choice(_STATUSES)
        if kind in ("rate_limited", "daily_limit", "migrating"):
            fault.retry_after = rng.choice((None, 1, rng.randint(2, 60)))
        if kind in ("slow", "slow_before_applying"):
            fault.ms = round(_SHORTEST_MS * (_LONGEST_MS / _SHORTEST_MS) ** rng.random())
        self._row = fault
        return fault

    def _rule(self, kind: ObjectType) -> Fault:
        free = [p.name for p in kind.properties.values() if not (p.read_only or p.unique)]
        return Fault(
            "validation_rule",
            count=self._rng.randint(1, _RULE_LIFE),
            type=kind.id,
            property=self._rng.choice(free),
            pattern=self._rng.choice(_PATTERNS),
        )
