"""Faults that can be switched on while the server runs.

A fault is a JSON object: ``kind``, and optionally ``count`` (how many times) or ``probability``
(0 to 1, drawn from a seeded generator; neither means every time), ``path`` (a path prefix) and
``type`` (an object type, by its id or ``contacts``), plus what its kind needs:

=========================  =============================================================
``unavailable``            503, nothing applied
``error_after_applying``   applied, then 502
``cut``                    applied, then the connection is closed without an answer
``slow``                   applied, then ``ms`` milliseconds of silence before the answer
``slow_before_applying``   ``ms`` milliseconds of silence, then applied and answered
``rate_limited``           429 TEN_SECONDLY_ROLLING; ``retry_after`` in seconds, optional
``daily_limit``            429 DAILY; ``retry_after`` likewise
``locked``                 423
``migrating``              477 with Retry-After, ``retry_after`` seconds (default 60)
``unauthorized``           401
``missing_scopes``         403
``validation_rule``        refuses values of ``property`` that match ``pattern`` (``message``)
=========================  =============================================================
"""

import random
import re
from dataclasses import asdict, dataclass, fields

from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError, missing_scopes, rate_limited, unauthorized

REFUSING = (
    "unavailable",
    "rate_limited",
    "daily_limit",
    "locked",
    "migrating",
    "unauthorized",
    "missing_scopes",
)
SPOILING = ("error_after_applying", "cut", "slow", "slow_before_applying")
KINDS = (*REFUSING, *SPOILING, "validation_rule")


@dataclass
class Fault:
    """One active fault; ``fired`` counts how often it struck."""

    kind: str
    count: int | None = None
    probability: float | None = None
    path: str = "/"
    type: str | None = None
    ms: int = 0
    retry_after: int | None = None
    property: str | None = None
    pattern: str = ".*"
    message: str = "This value is not allowed by a validation rule."
    fired: int = 0

    def refusal(self, scope: str) -> HubSpotError:
        """The answer of a refusing kind; ``scope`` is what a 403 says is missing."""
        if self.kind == "unavailable":
            return HubSpotError(503, "SERVICE_UNAVAILABLE", "The service is unavailable.")
        if self.kind == "locked":
            return HubSpotError(423, "LOCKED", "The resource is locked; wait before retrying.")
        if self.kind == "migrating":
            return HubSpotError(
                477,
                "MIGRATION_IN_PROGRESS",
                "This account is being migrated between data hosting locations.",
                headers={"Retry-After": str(60 if self.retry_after is None else self.retry_after)},
            )
        if self.kind == "unauthorized":
            return unauthorized()
        if self.kind == "missing_scopes":
            return missing_scopes(scope)
        policy = "DAILY" if self.kind == "daily_limit" else "TEN_SECONDLY_ROLLING"
        return rate_limited(policy, self.retry_after)


class Faults:
    """The active faults and their seeded chance.

    Args:
        seed: of the generator behind ``probability``.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = random.Random(seed)
        self._active: list[Fault] = []

    def replace(self, specifications: list[dict], seed: int | None = None) -> None:
        """Switch to these faults, and no others; ``seed`` restarts the generator.

        Raises:
            ValueError: an unknown kind or field, a number that is none, a rule without property,
                or a pattern that is no regular expression.
        """
        known = {f.name for f in fields(Fault)} - {"fired"}
        faults = []
        for specification in specifications:
            if specification.get("kind") not in KINDS:
                raise ValueError(f"no fault {specification.get('kind')!r}; there are {KINDS}")
            if unknown := set(specification) - known:
                raise ValueError(f"a fault has no {sorted(unknown)}")
            for name in ("count", "probability", "ms", "retry_after"):
                if not isinstance(specification.get(name, 0), int | float):
                    raise ValueError(f"{name} is a number")
            if specification["kind"] == "validation_rule" and "property" not in specification:
                raise ValueError("a validation_rule needs a property")
            try:
                re.compile(specification.get("pattern", ""))
            except (TypeError, re.error) as error:
                raise ValueError(f"pattern: {error}") from None
            faults.append(Fault(**specification))
        self._active = faults
        if seed is not None:
            self._rng = random.Random(seed)

    def active(self) -> list[dict]:
        """The faults with how often each fired."""
        return [asdict(fault) for fault in self._active]

    def draw(self, path: str, spellings: frozenset[str]) -> list[Fault]:
        """The faults that strike this request: spoiling ones up to the first that refuses it.

        Args:
            path: the request's path.
            spellings: the names of the object types it touches.
        """
        struck = []
        for fault in self._active:
            if fault.kind == "validation_rule" or not _meant(fault, path, spellings):
                continue
            if self._fires(fault):
                struck.append(fault)
                if fault.kind in REFUSING:
                    break
        return struck

    def rule(self, path: str):
        """The check of property values that the active ``validation_rule`` faults make."""
        rules = [f for f in self._active if f.kind == "validation_rule" and path.startswith(f.path)]

        def check(object_type: ObjectType, name: str, value: str) -> str | None:
            spellings = (None, object_type.id, *object_type.aliases)
            for fault in rules:
                if (
                    fault.property == name
                    and fault.type in spellings
                    and re.search(fault.pattern, value)
                    and self._fires(fault)
                ):
                    return fault.message
            return None

        return check if rules else None

    def _fires(self, fault: Fault) -> bool:
        if fault.count is not None and fault.fired >= fault.count:
            return False
        if fault.probability is not None and self._rng.random() >= fault.probability:
            return False
        fault.fired += 1
        return True


def _meant(fault: Fault, path: str, spellings: frozenset[str]) -> bool:
    return path.startswith(fault.path) and (fault.type is None or fault.type in spellings)
