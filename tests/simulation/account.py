"""HubSpot's account in this process, and what people and the weather do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from times import Time

from glue.config import HubSpotConfig
from sandbox.hubspot.app import create_app
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.control import duplicates
from sandbox.hubspot.definitions import BOOKING_TYPE, EXAM_TYPE
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.record import USER, Record
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import InProcess

CONTACTS, BOOKINGS, EXAMS, NOTES = "contacts", BOOKING_TYPE, EXAM_TYPE, "notes"
CONFIG = HubSpotConfig(
    "http://hubspot.simulated",
    "token-of-the-simulation",
    booking_type=BOOKING_TYPE,
    exam_type=EXAM_TYPE,
)
KEYS = {CONTACTS: "student_id", BOOKINGS: "booking_id"}
VERSIONS = {CONTACTS: "lastname", BOOKINGS: "attending_location", EXAMS: "location"}
"""The property of each type into which every direct change writes a higher number."""

RULE = {
    "kind": "validation_rule",
    "type": BOOKINGS,
    "property": "dominant_hand",
    "pattern": "^Third$",
    "message": "Two hands at most.",
}


@dataclass(frozen=True)
class Version:
    """What a request said of one record: its number before and after."""

    trace: str
    record_id: str
    before: int
    after: int


class Account:
    """The account. rule: whether an administrator's rule refuses some bookings."""

    def __init__(self, seed: int, time: Time) -> None:
        clock = Clock(time.unix)
        limits = Limits(clock=clock)
        limits.change({"burst": 1_000_000, "daily": 1_000_000})
        self.store = Store(seed, clock)
        self.rule = False
        self._faults = Faults(seed)
        app = create_app(self.store, limits, self._faults, CONFIG.access_token)
        self.transport = InProcess(app, clock)

    def answer(self, request: httpx.Request, *faults: dict[str, Any]) -> httpx.Response:
        """The account's answer, with these faults on its way."""
        rules = [RULE] if self.rule else []
        self._faults.replace([*(fault | {"count": 1} for fault in faults), *rules])
        return self.transport.handle_request(request)

    def kind(self, name: str) -> Any:
        """An object type by the name a path gives it."""
        return self.store.type(name)

    def live(self, name: str) -> list[Record]:
        """The live records of a type."""
        return self.store.live(self.kind(name))

    def doubles(self) -> list[dict[str, Any]]:
        """Live records that share what must be unique."""
        return [
            one for name in (CONTACTS, BOOKINGS) for one in duplicates(self.store, self.kind(name))
        ]

    def linked(self, record: Record, name: str) -> set[str]:
        """The live records of a type that a record is linked with."""
        target = self.kind(name)
        ids = self.store.links.of(record.type, record.id, target)
        return {one for one in ids if self.store.get(target, one) is not None}

    # People

    def create(self, name: str, **properties: object) -> str:
        """A record made by hand, or by the old application; its id."""
        kind = self.kind(name)
        checked = self.store.check(kind, {key: str(value) for key, value in properties.items()})
        return self.store.create(kind, checked, USER).id

    def link(self, booking: str, name: str, other: str) -> None:
        """A link made by hand."""
        self.store.link(self.kind(BOOKINGS), booking, self.kind(name), other, USER)

    # What requests say

    def versions(self, request: httpx.Request) -> Iterator[tuple[str, Record | None]]:
        """The records a write names, by trace id; None for one that is not there yet."""
        path = request.url.path.split("/")
        if path[-1] not in ("upsert", "update"):
            return
        kind = self.kind(path[-3])
        for one in json.loads(request.content)["inputs"]:
            if "idProperty" in one:
                found = self.store.find(kind, one["idProperty"], one["id"])
            else:
                found = self.store.get(kind, one["id"])
            yield one.get("objectWriteTraceId", ""), found


def number(record: Record | None) -> int:
    """The number that the last direct change of a record bears, as HubSpot has it."""
    if record is None:
        return 0
    names = VERSIONS.get(record.type.id, VERSIONS[CONTACTS])
    digits = "".join(filter(str.isdigit, record.version.properties.get(names, "")))
    return int(digits or 0)


def told(request: httpx.Request) -> str:
    """A request in a few words."""
    path = request.url.path.split("/2026-09/")[-1]
    for kind, name in ((BOOKINGS, "bookings"), (EXAMS, "exams")):
        path = path.replace(kind, name)
    body = json.loads(request.content) if request.content else {}
    return f"{path} ({len(body.get('inputs', ()))})"
