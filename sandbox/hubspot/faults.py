"""The faults that are switched on, while the server runs: a list, or a schedule by seed.

Beside them stand the validation rules an administrator of the account has added.
"""

import random
from collections.abc import Callable
from dataclasses import asdict
from itertools import count

from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError
from sandbox.hubspot.fault import REFUSING, Fault
from sandbox.hubspot.schedule import Schedule
from sandbox.hubspot.store import Rule


class Faults:
    """The active faults and their seeded chance.

    Args:
        seed: of the generator behind ``probability`` and ``partial``.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = random.Random(seed)
        self._active: list[Fault] = []
        self._schedule: Schedule | None = None
        self._rules: dict[int, Fault] = {}
        self._numbers = count(1)

    @classmethod
    def from_seed(
        cls, seed: int, intensity: float = 0.2, weights: dict[str, float] | None = None
    ) -> "Faults":
        """Faults of all kinds, drawn for each request; the arguments are those of a schedule."""
        faults = cls(seed)
        faults.schedule(seed, intensity, weights)
        return faults

    def replace(self, specifications: list[dict], seed: int | None = None) -> None:
        """Switch to these faults, and no others; ``seed`` restarts the generator.

        Raises:
            ValueError: as :meth:`sandbox.hubspot.fault.Fault.read`.
        """
        self._active = [Fault.read(specification) for specification in specifications]
        self._schedule = None
        if seed is not None:
            self._rng = random.Random(seed)

    def schedule(
        self, seed: int, intensity: float = 0.2, weights: dict[str, float] | None = None
    ) -> None:
        """Switch to a schedule, and no other faults; ValueError as :class:`Schedule`."""
        self._schedule = Schedule(seed, intensity, weights)
        self._active = []
        self._rng = random.Random(seed)

    def active(self) -> list[dict] | dict:
        """The faults with how often each fired, or the schedule."""
        if self._schedule is not None:
            return self._schedule.as_json()
        return [asdict(fault) for fault in self._active]

    def add_rule(self, specification: dict) -> int:
        """Add an administrator's rule: the fields of a ``validation_rule``; gives its number."""
        rule = Fault.read({**specification, "kind": "validation_rule"})
        number = next(self._numbers)
        self._rules[number] = rule
        return number

    def remove_rule(self, number: int) -> None:
        """Take an administrator's rule away; KeyError when there is none."""
        del self._rules[number]

    def rules(self) -> list[dict]:
        """The administrator's rules, with their numbers."""
        return [{"number": number, **asdict(rule)} for number, rule in self._rules.items()]

    def draw(self, path: str, kinds: tuple[ObjectType, ...]) -> list[Fault]:
        """The faults that strike this request: spoiling ones up to the first that refuses it.

        Args:
            path: the request's path.
            kinds: the object types it is about.
        """
        if self._schedule is not None:
            fault = self._schedule.draw(path, kinds)
            return [] if fault is None else [fault]
        struck = []
        for fault in self._active:
            if fault.kind == "validation_rule" or not fault.meant(path, kinds):
                continue
            if self._fires(fault):
                struck.append(fault)
                if fault.kind in REFUSING:
                    break
        return struck

    def rule(self, path: str) -> Rule | None:
        """The check of property values that the rules of this moment make."""
        rules = [f for f in self._active if f.kind == "validation_rule" and path.startswith(f.path)]
        standing = [*self._rules.values(), *(self._schedule.rules if self._schedule else ())]

        def check(kind: ObjectType, name: str, value: str) -> str | None:
            for fault in standing:
                if fault.matches(kind, name, value):
                    fault.fired += 1
                    return fault.message
            for fault in rules:
                if fault.matches(kind, name, value) and self._fires(fault):
                    return fault.message
            return None

        return check if rules or standing else None

    def partial(self, fault: Fault) -> Callable[[int], tuple[int, HubSpotError]]:
        """What a ``partial`` fault does to a batch: which of so many inputs, and its refusal."""

        def choose(size: int) -> tuple[int, HubSpotError]:
            error = HubSpotError(400, "VALIDATION_ERROR", fault.message)
            return self._rng.randrange(size), error

        return choose

    def _fires(self, fault: Fault) -> bool:
        if fault.count is not None and fault.fired >= fault.count:
            return False
        if fault.probability is not None and self._rng.random() >= fault.probability:
            return False
        fault.fired += 1
        return True
