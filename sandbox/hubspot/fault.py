"""One thing that goes wrong with requests.

A fault is a JSON object: ``kind``, and optionally ``count`` (how many times) or ``probability``
(0 to 1, drawn from a seeded generator; neither means every time), ``path`` (a path prefix) and
``type`` (an object type, by its id or ``contacts``), plus what its kind needs:

=========================  =============================================================
``unavailable``            503 or ``status``, nothing applied
``error_after_applying``   applied, then 502 or ``status``
``cut``                    applied, then the connection is closed without an answer
``cut_before_applying``    the connection is closed, nothing applied
``slow``                   applied, then ``ms`` milliseconds of silence before the answer
``slow_before_applying``   ``ms`` milliseconds of silence, then applied and answered
``rate_limited``           429 TEN_SECONDLY_ROLLING; ``retry_after`` in seconds, optional
``daily_limit``            429 DAILY; ``retry_after`` likewise
``locked``                 423
``migrating``              477 with Retry-After, ``retry_after`` seconds (default 60)
``unauthorized``           401
``missing_scopes``         403
``partial``                one input of a batch write, drawn, is refused alone (207,
                           ``message``); in batches of objects only with trace ids
``validation_rule``        refuses values of ``property`` that match ``pattern`` (``message``)
=========================  =============================================================
"""

import re
from dataclasses import dataclass, fields

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
SPOILING = (
    "error_after_applying",
    "cut",
    "cut_before_applying",
    "slow",
    "slow_before_applying",
    "partial",
)
KINDS = (*REFUSING, *SPOILING, "validation_rule")
_PARTIAL = ("/batch/create", "/batch/update", "/batch/upsert", "/batch/associate/default")


@dataclass
class Fault:
    """One active fault; ``fired`` counts how often it struck."""

    kind: str
    count: int | None = None
    probability: float | None = None
    path: str = "/"
    type: str | None = None
    status: int | None = None
    ms: int = 0
    retry_after: int | None = None
    property: str | None = None
    pattern: str = ".*"
    message: str = "This value is not allowed by a validation rule."
    fired: int = 0

    @classmethod
    def read(cls, specification: dict) -> "Fault":
        """A fault from its JSON object.

        Raises:
            ValueError: an unknown kind or field, a number that is none, a status that is no 5xx, a
                rule without property, or a pattern that is no regular expression.
        """
        if specification.get("kind") not in KINDS:
            raise ValueError(f"no fault {specification.get('kind')!r}; there are {KINDS}")
        known = {f.name for f in fields(cls)} - {"fired"}
        if unknown := set(specification) - known:
            raise ValueError(f"a fault has no {sorted(unknown)}")
        for name in ("count", "probability", "ms", "retry_after", "status"):
            if not isinstance(specification.get(name, 0), int | float):
                raise ValueError(f"{name} is a number")
        if not 500 <= specification.get("status", 500) <= 599:
            raise ValueError("status is a 5xx")
        if specification["kind"] == "validation_rule" and "property" not in specification:
            raise ValueError("a validation_rule needs a property")
        try:
            re.compile(specification.get("pattern", ""))
        except re.error as error:
            raise ValueError(f"pattern: {error}") from None
        return cls(**specification)

    def meant(self, path: str, kinds: tuple[ObjectType, ...]) -> bool:
        """Whether a request to this path, about these object types, is one it may strike."""
        if self.kind == "partial" and not path.endswith(_PARTIAL):
            return False
        named = self.type is None or any(self.type in kind.names for kind in kinds)
        return named and path.startswith(self.path)

    def matches(self, kind: ObjectType, name: str, value: str) -> bool:
        """Whether a ``validation_rule`` refuses this value."""
        if self.property != name or (self.type is not None and self.type not in kind.names):
            return False
        return re.search(self.pattern, value) is not None

    def refusal(self, scope: str) -> HubSpotError:
        """The answer of a refusing kind; ``scope`` is what a 403 says is missing."""
        if self.kind == "unavailable":
            return gateway_error(self.status or 503)
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


def gateway_error(status: int) -> HubSpotError:
    """A 5xx."""
    category, text = {
        502: ("BAD_GATEWAY", "Bad gateway"),
        503: ("SERVICE_UNAVAILABLE", "The service is unavailable."),
        504: ("GATEWAY_TIMEOUT", "The gateway timed out."),
    }.get(status, ("INTERNAL_ERROR", "There was a problem with the request."))
    return HubSpotError(status, category, text)
