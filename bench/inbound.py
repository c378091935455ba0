"""How long an edit in HubSpot takes until it is in Postgres, and how fast the inbox is worked off.

The first with the real processes over HTTP: the simulator posts its webhooks to `glue serve`, and
`glue receive --follow` reads; then without webhooks, from the start of a poll. The second without
HubSpot in between: what is timed is claim_signals and receive_records, called by one worker as
`glue receive` calls them.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from bench import database
from bench.figure import Figure
from bench.imports import PAGE, pages_of
from glue import importing
from glue.config import HubSpotConfig
from glue.db import connect
from glue.hubspot import HubSpot
from glue.reading import WITH_HISTORY
from glue.receive import CLAIM
from glue.records import BALANCES
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc
from sandbox.stack import Stack, running

TURNS = 20
PATIENCE = 60.0
TARGET = 5.0  # seconds, in profile fast
SECRET = "a-secret-of-the-benchmark"
RECORDS = 5_000
LEASE = 120.0
CALLS = 19  # a second that HubSpot allows: 190 in ten seconds
LATER = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z"  # after MOMENT
EDITED = "select from hubspot_sync.hubspot_mock_exams where hubspot_id = %s and location = %s"


def figures(server_url: str) -> Iterator[Figure]:
    """Lag on servers of its own, because a simulator's account belongs to one database."""
    yield from _lags()
    with database.migrated(server_url) as url:
        yield from _throughput(url)


# Lag


def _lags() -> Iterator[Figure]:
    with running(valkey=False, migrate=True, own_database=True, contacts=100, exams=30) as stack:
        config = HubSpotConfig(
            stack.hubspot_base_url,
            stack.hubspot_access_token,
            stack.hubspot_booking_type,
            stack.hubspot_exam_type,
        )
        with (
            ExitStack() as processes,
            connect(stack.database_url) as connection,
            HubSpot(config) as hubspot,
        ):
            importing.run(Rpc(connection), hubspot)
            port = _free_port()
            public = f"http://127.0.0.1:{port}/webhooks/hubspot"
            environment = _environment(stack) | {
                "WEBHOOK_PUBLIC_URL": public,
                "HUBSPOT_CLIENT_SECRET": SECRET,
            }
            processes.enter_context(_glue(environment, "serve", "--port", str(port)))
            processes.enter_context(_glue(environment, "receive", "--follow"))
            _wait_for(lambda: _is_up(port), "glue serve")
            edit = _Edits(stack, connection)

            edit.sandbox("POST", "webhooks", {"url": public, "secret": SECRET})
            yield from _told("webhooks, serve and receive as services", [
                edit.lag(number) for number in range(TURNS)
            ])  # fmt: skip

            edit.sandbox("DELETE", "webhooks")
            polled = [
                edit.lag(TURNS + number, lambda: _poll(environment)) for number in range(TURNS)
            ]
            yield from _told("no webhooks, from the start of «glue poll --once --now»", polled)


def _told(how: str, lags: list[float]) -> Iterator[Figure]:
    for name, value in (("median", statistics.median(lags)), ("slowest of twenty", max(lags))):
        yield Figure(
            f"from an edit in HubSpot to Postgres, {how}: {name}",
            round(value, 2), "s", None, None, f"< {TARGET:g} s", value < TARGET,
        )  # fmt: skip


class _Edits:
    """Edits of HubSpot's users, one at a time."""

    def __init__(self, stack: Stack, connection: psycopg.Connection[Any]) -> None:
        self._url = f"{stack.hubspot_base_url}/_sandbox"
        self._type = stack.hubspot_exam_type
        self._connection = connection
        today = str(datetime.now(UTC).date())
        self._exams = [
            one["id"]
            for one in self.sandbox("GET", f"records/{self._type}")["results"]
            if one["properties"]["exam_date"] >= today  # a poll leaves out old ones
        ]

    def sandbox(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the simulator's controls answer."""
        answer = httpx.request(method, f"{self._url}/{path}", json=body, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def lag(self, number: int, then: Callable[[], None] = lambda: None) -> float:
        """Seconds from an exam's new location until it is in Postgres. then: done after it."""
        exam, place = self._exams[number % len(self._exams)], f"Hall {number}"
        began = time.perf_counter()
        self.sandbox("PATCH", f"records/{self._type}/{exam}", {"location": place})
        then()
        _wait_for(
            lambda: bool(self._connection.execute(EDITED, [exam, place]).fetchall()),
            f"the location {place}",
        )
        return time.perf_counter() - began


def _poll(environment: dict[str, str]) -> None:
    subprocess.run(_command("poll", "--once", "--now"), env=environment, check=True)


def _wait_for(arrived: Callable[[], bool], what: str) -> None:
    until = time.perf_counter() + PATIENCE
    while not arrived():
        if time.perf_counter() > until:
            raise SystemExit(f"{what} did not come in {PATIENCE:g} s")
        time.sleep(0.02)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _environment(stack: Stack) -> dict[str, str]:
    environment = os.environ | stack.environment()
    environment.pop("REDIS_URL", None)
    return environment


def _command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from glue.cli import main; main()", *words]


@contextmanager
def _glue(environment: dict[str, str], *words: str) -> Iterator[None]:
    """A command as a process of its own."""
    process = subprocess.Popen(_command(*words), env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


# Throughput


def _throughput(url: str) -> Iterator[Figure]:
    with connect(url) as connection:
        connection.execute("update hubspot_sync.settings set value = 'off' where key = 'notes'")
        # Soon after the first write it is learnt who we are.
        connection.execute(
            "update hubspot_sync.settings set value = '7' where key = 'hubspot_source_id'"
        )
        rpc = Rpc(connection)
        rpc.begin_import(False)
        pages = {table: list(pages_of(table, RECORDS)) for table in (CONTACTS, BOOKINGS)}
        pages = {EXAMS: list(pages_of(EXAMS, 1_000))} | pages
        for table, some in pages.items():
            for number, page in enumerate(some, 1):
                rpc.import_page(table, page, str(number) if number < len(some) else None)
        connection.execute("vacuum analyze")
        # Bookings first: a contact's new name changes its bookings.
        for table, change, a_call, name in (
            (BOOKINGS, _changed_booking, PAGE, "bookings"),
            (CONTACTS, _changed_contact, WITH_HISTORY, "contacts, with their history"),
        ):
            there = {
                record["id"]: change(number, record)
                for number, record in enumerate(one for page in pages[table] for one in page)
            }
            # Read once more they bring nothing new, as after a write of ours.
            for kind in ("that changed", "that did not change"):
                connection.execute(
                    "select hubspot_sync.store_signals(%s, %s, 'poll')", [table, list(there)]
                )
                connection.execute("vacuum analyze hubspot_sync.webhook_inbox")
                clock, alone = _received(connection, rpc, table, there)
                for how, rate in (("", clock), (", by processor time", alone)):
                    if rate is not None:
                        yield _beside(f"{name} {kind}, received a second{how}", rate, a_call)


def _beside(name: str, rate: float, a_call: int) -> Figure:
    ceiling = CALLS * a_call
    ratio = rate / ceiling
    return Figure(
        f"{name}, beside HubSpot's ceiling",
        round(rate), "1/s", ceiling, round(ratio, 2), "ratio >= 1", ratio >= 1,
    )  # fmt: skip


def _received(
    connection: psycopg.Connection[Any], rpc: Rpc, table: str, there: dict[str, dict[str, Any]]
) -> tuple[float, float | None]:
    """Works off an inbox; records a second of the clock, and of processor."""
    began, busy, done = time.perf_counter(), database.processor(connection), 0
    while signals := rpc.claim_signals(table, CLAIM, LEASE):
        records = [there[one.hubspot_id] | {"asked": [one.hubspot_id]} for one in signals]
        answer = rpc.receive_records(table, signals[0].epoch, records, [])
        if answer["closed"] != len(records):
            raise SystemExit(f"not all was taken: {answer}")
        done += len(records)
    seconds, busy_after = time.perf_counter() - began, database.processor(connection)
    if done != len(there):
        raise SystemExit(f"{done} records of {table} were due, not {len(there)}")
    spent = None if busy is None or busy_after is None else busy_after - busy
    return done / seconds, done / spent if spent else None


def _changed_contact(number: int, record: dict[str, Any]) -> dict[str, Any]:
    """One in two has a top-up, the others a new name."""
    properties = dict(record["properties"])
    history = {name: [_entry(properties[name] or "", record["createdAt"])] for name in BALANCES}
    if number % 2:
        properties["cs_credits"] = "4"
        history["cs_credits"].insert(0, _entry("4", LATER))
    else:
        properties["lastname"] = f"New name {number}"
    return record | {
        "properties": properties,
        "propertiesWithHistory": history,
        "updatedAt": LATER,
    }


def _entry(value: str, at: str) -> dict[str, str]:
    return {"value": value, "timestamp": at, "sourceType": "CRM_UI", "sourceId": "userId:42"}


def _changed_booking(number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Each has another place."""
    properties = record["properties"] | {"attending_location": f"Room {number}"}
    return {"id": record["id"], "createdAt": record["createdAt"]} | {
        "properties": properties,
        "updatedAt": LATER,
    }
