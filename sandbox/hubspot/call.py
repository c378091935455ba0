"""One request as the verbs see it, and the answers they build."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.hubspot.clock import iso
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError, invalid
from sandbox.hubspot.limits import Settings
from sandbox.hubspot.record import Record
from sandbox.hubspot.store import Rule, Store


class Reply(NamedTuple):
    """An answer: HTTP status and JSON body, None for an empty one."""

    status: int
    body: dict | None = None


@dataclass(frozen=True)
class Call:
    """What a verb works with.

    ``query`` has every value of a parameter; ``raw`` is the body as it came; ``rule`` is the
    administrator's rule that is active, if any; ``partial`` says which of so many inputs is refused
    alone, and how.
    """

    store: Store
    settings: Settings
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    raw: bytes
    rule: Rule | None = None
    partial: Callable[[int], tuple[int, HubSpotError]] | None = None

    def kind(self, name: str = "objectType") -> ObjectType:
        """The object type a path parameter names; HubSpotError 400 when there is none."""
        return self.store.type(self.path[name])

    def body(self, *known: str) -> dict:
        """The JSON object of the request, with no other fields than ``known``.

        Raises:
            HubSpotError: 400 for anything else.
        """
        try:
            body = json.loads(self.raw or b"null")
        except ValueError as error:
            raise invalid(f"Invalid input JSON: {error}") from None
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON: an object is required")
        refuse_unknown(body, known)
        return body

    def check(self, kind: ObjectType, raw: dict, record=None) -> dict[str, str]:
        """Property values in stored form, checked against definitions, rules and other records."""
        return self.store.check(
            kind,
            raw,
            record,
            rule=self.rule,
            archived_keeps_unique=self.settings.archived_keeps_unique,
        )

    def to_read(self, kind: ObjectType, record_id: str, *, archived: bool = False) -> Record | None:
        """The record an id reads: ``store.get``, and what became of a merged id where set so."""
        follow = self.settings.merged_reads_follow and not archived
        return self.store.get(kind, record_id, archived=archived, follow=follow)

    def to_write(self, kind: ObjectType, record_id: str) -> Record | None:
        """The live record an id writes, likewise."""
        return self.store.get(kind, record_id, follow=self.settings.merged_writes_follow)

    def spoilt(self, size: int) -> tuple[int | None, HubSpotError | None]:
        """The input of a batch of ``size`` that a fault refuses alone, and its refusal."""
        return (None, None) if self.partial is None else self.partial(size)

    def names(self, parameter: str) -> list[str] | None:
        """A list parameter, repeated or comma-separated; None when absent."""
        values = self.query.get(parameter)
        if values is None:
            return None
        return [name for value in values for name in value.split(",") if name]

    def flag(self, parameter: str) -> bool:
        """A boolean parameter, false when absent; HubSpotError 400 for other words."""
        value = self.query.get(parameter, ["false"])[-1]
        if value not in ("true", "false"):
            raise invalid(f"{parameter} must be true or false")
        return value == "true"


def refuse_unknown(fields: dict, known: tuple[str, ...]) -> None:
    """HubSpotError 400 when an object has fields its schema does not."""
    for name in fields:
        if name not in known:
            raise invalid(f'Invalid input JSON: Unrecognized field "{name}"')


def inputs_of(body: dict, limit: int, *known: str) -> list[dict]:
    """The ``inputs`` of a batch.

    Args:
        body: the request.
        limit: how many there may be.
        known: the fields an input may have; ``id``, where known, is required and a string.

    Raises:
        HubSpotError: 400 when there are none or too many, or one is malformed.
    """
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(i, dict) for i in inputs):
        raise invalid("Some required fields were not set: [inputs]")
    if not inputs:
        raise invalid("The list of inputs is empty")
    if len(inputs) > limit:
        raise invalid(f"The maximum number of inputs supported in a batch request is {limit}")
    for item in inputs:
        refuse_unknown(item, known)
        if "id" in known and not isinstance(item.get("id"), str):
            raise invalid("Some required fields were not set: [id]")
        if "properties" in known and not isinstance(item.get("properties"), dict):
            raise invalid("Some required fields were not set: [properties]")
    return inputs


def batch_reply(call: Call, results: list[dict], errors: list[dict], status: int = 200) -> Reply:
    """The answer of a batch: results in no order, and 207 when there are errors."""
    call.store.rng.shuffle(results)
    now = iso(call.store.clock.ms())
    body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Reply(207 if errors else status, body)
