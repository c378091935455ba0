"""Looks whether everything the glue talks to is there, and says what to do where it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from glue import config, display
from glue.db import connect
from glue.errors import Forbidden, GlueError, Rejected, WrongType
from glue.hubspot import HubSpot
from glue.parked import DEAD, Parking
from glue.records import SEATS, TABLES, has_property
from glue.rpc import BOOKINGS, CONTACTS, Rpc
from glue.words import counted

KEYS = {BOOKINGS: "booking_id", CONTACTS: "student_id"}
# What is weaker where HubSpot does not keep the property unique. It can be declared so only when
# the property is made.
WEAKER = {
    BOOKINGS: "A creation that HubSpot answered too late may leave a booking there twice.",
    CONTACTS: "Contacts are searched before they are made; only their email keeps them apart.",
}
UNKNOWN = (
    "Until a write of ours was read there, another application's edit of a balance may pass for"
    " ours where the value is one we sent. The setting hubspot_source_id may be given by hand."
)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ok, what was seen, and the next step where it is not ok.

    warning: it works, but a promise is weaker; the hint says which.
    """

    name: str
    ok: bool
    seen: str
    hint: str = ""
    warning: bool = False


def examine(env: Mapping[str, str]) -> list[Finding]:
    """Postgres, its functions, outbox and inbox; HubSpot, its token and types; Redis.

    Costs three HubSpot calls.
    """
    findings = []
    for name, look in (("Postgres", _postgres), ("HubSpot", _hubspot), ("Redis", _redis)):
        try:
            # One by one: what was found before an error counts.
            for finding in look(env):
                findings.append(finding)
        except GlueError as error:
            findings.append(Finding(name, False, error.message, error.hint))
        except (redis.RedisError, ValueError) as error:
            findings.append(
                Finding(name, False, f"cannot reach Redis: {error}", "Check REDIS_URL.")
            )
    return findings


def _postgres(env: Mapping[str, str]) -> Iterator[Finding]:
    with connect(config.database_url(env)) as connection:
        rpc = Rpc(connection)
        broken = [check["name"] for check in rpc.verify() if check["violations"]]
        status, pauses, inbox = rpc.queue_status(), rpc.list_pauses(), rpc.inbox_status()
        source = rpc.known_source()
        version = connection.info.server_version // 10_000
    if broken:
        names = ", ".join(broken)
        yield Finding("Postgres", False, f"broken invariants: {names}", "Run «glue verify».")
    else:
        yield Finding("Postgres", True, f"version {version}, every invariant holds")
    if source is None:
        seen = "our id in HubSpot's history is not known yet"
        yield Finding("balances", True, seen, UNKNOWN, warning=True)
    if dead := sum(row["dead"] for row in status):
        hint = "«glue queue list --state dead» says why."
        yield Finding("dead letters", False, str(dead), hint)
    if unread := sum(row["dead"] for row in inbox):
        hint = "«glue inbox list --state dead» says why."
        yield Finding("dead letters of the inbox", False, str(unread), hint)
    for pause in pauses:
        table = TABLES.get(pause["scope"], "")
        words = f"glue queue resume {table}".strip()
        hint = f"«{words}» once the reason is gone."
        yield Finding("paused", False, display.pause(pause), hint)
    yield Finding("outbox", True, _waiting(status, "change"))
    yield Finding("inbox", True, _waiting(inbox, "signal"))


def _waiting(status: list[dict[str, Any]], what: str) -> str:
    """How much of a queue is open, and for how long."""
    waiting = sum(row["due"] + row["waiting"] for row in status)
    if not waiting:
        return "nothing else waits" if any(row["dead"] for row in status) else "empty"
    oldest = max((row["oldest"] for row in status if row["oldest"]), default=None)
    return f"{counted(waiting, what)}, the oldest for {display.age(oldest)}"


def _hubspot(env: Mapping[str, str]) -> Iterator[Finding]:
    settings = config.hubspot(env)
    with HubSpot(settings) as hubspot:
        hubspot.list_objects(settings.exam_type, ["capacity"])
        yield Finding("HubSpot", True, f"{settings.base_url} answers, the token may read exams")
        yield _exams(hubspot, settings.exam_type)
        yield _unique(hubspot, BOOKINGS, settings.booking_type, "HUBSPOT_BOOKING_TYPE")
        yield _unique(hubspot, CONTACTS, "contacts", "the property's name")


def _exams(hubspot: HubSpot, object_type: str) -> Finding:
    """Whether what should be the exams' type has what only exams have."""
    try:
        if has_property(hubspot, object_type, SEATS):
            return Finding("HubSpot", True, f"{SEATS} of exams is there")
    except Forbidden as error:
        hint = f"Not known whether HUBSPOT_EXAM_TYPE is the exams' type: {error.message}"
        return Finding(
            "HubSpot", True, f"{SEATS} of exams: may not be looked at", hint, warning=True
        )
    hint = "Check HUBSPOT_EXAM_TYPE."
    return Finding("HubSpot", False, f"type {object_type} has no property {SEATS}", hint)


def _unique(hubspot: HubSpot, table: str, object_type: str, what: str) -> Finding:
    """Whether HubSpot keeps the property unique by which a table's records are written."""
    name = KEYS[table]
    where = f"{name} of {TABLES[table]}"
    try:
        definition = hubspot.get_property(object_type, name)
    except Forbidden as error:
        hint = f"Not known whether HubSpot keeps it unique: {error.message}"
        return Finding("HubSpot", True, f"{where}: may not be looked at", hint, warning=True)
    except (Rejected, WrongType) as error:
        return Finding("HubSpot", False, f"{where}: {error.message}", f"Check {what}.")
    if definition.get("hasUniqueValue"):
        return Finding("HubSpot", True, f"{where} is unique")
    return Finding("HubSpot", True, f"{where} is not unique", WEAKER[table], warning=True)


def _redis(env: Mapping[str, str]) -> Iterator[Finding]:
    url = config.redis_url(env)
    if url is None:
        yield Finding("Redis", True, "REDIS_URL is not set; everything works without Redis")
        return
    with redis.Redis.from_url(url, socket_connect_timeout=5) as client:
        version = client.info("server")["redis_version"]
    yield Finding("Redis", True, f"version {version}")
    with Parking(url) as parking:
        waiting, dead = parking.count(), parking.dead_count()
    if dead:
        hint = (
            f"«redis-cli XRANGE {DEAD} - +» says why; «redis-cli DEL {DEAD}» once it is dealt with."
        )
        yield Finding("webhooks", False, f"{counted(dead, 'request')} cannot be read", hint)
    if waiting:
        hint = "«glue serve» and «glue receive» move them into Postgres."
        yield Finding(
            "webhooks", True, f"{counted(waiting, 'request')} in Redis", hint, warning=True
        )
