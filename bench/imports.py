"""How fast an account comes in, beside what HubSpot's limit allows and beside COPY.

The pages are those HubSpot would send, made here: what is measured is Postgres's part, the one that
could be too slow for HubSpot. COPY puts the same rows into the same tables, with their indexes and
without triggers.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench.database import migrated, processor
from bench.figure import Figure
from glue.db import connect
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc

PAGE = 100
COUNTS = {EXAMS: 1_000, CONTACTS: 10_000, BOOKINGS: 10_000}
LIMIT = 19 * PAGE  # records a second: 190 calls in ten seconds
TARGET = "ratio >= 1"
MOMENT = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%dT%H:%M:%S}.000Z"


@dataclass(frozen=True)
class Rates:
    """Records a second of the clock; of processor, None where that cannot be told."""

    clock: float
    processor: float | None


def figures(server_url: str) -> Iterator[Figure]:
    """Imports an account page by page into a new database, then copies the rows into another."""
    with migrated(server_url) as url, migrated(server_url) as copied:
        pages = {table: list(pages_of(table, count)) for table, count in COUNTS.items()}
        with connect(url) as connection:
            connection.execute("update hubspot_sync.settings set value = 'off' where key = 'notes'")
            rpc = Rpc(connection)
            rpc.begin_import(False)
            first = {table: _imported(connection, table, pages[table]) for table in COUNTS}
            rpc.begin_import(True)
            again = {table: _imported(connection, table, pages[table]) for table in COUNTS}
        with psycopg.connect(url) as source, psycopg.connect(copied) as target:
            plain = {table: _copied(source, target, table) for table in COUNTS}
    names = {EXAMS: "exams", CONTACTS: "contacts", BOOKINGS: "bookings"}
    for table, name in names.items():
        yield from _beside(f"new {name} imported a second", first[table])
    for table, name in names.items():
        yield from _beside(f"known {name} imported a second", again[table])
    for table, name in names.items():
        yield Figure(
            f"new {name} imported a second, beside COPY",
            round(first[table].clock, 1),
            "1/s",
            round(plain[table], 1),
            round(first[table].clock / plain[table], 3),
            "",
            None,
        )


def _beside(name: str, rates: Rates) -> Iterator[Figure]:
    for how, rate in (("", rates.clock), (", by processor time", rates.processor)):
        if rate is not None:
            ratio = rate / LIMIT
            yield Figure(
                f"{name}{how}, beside HubSpot's limit",
                round(rate, 1), "1/s", LIMIT, round(ratio, 2), TARGET, ratio >= 1,
            )  # fmt: skip


def _imported(
    connection: psycopg.Connection[Any], table: str, pages: list[list[dict[str, Any]]]
) -> Rates:
    rpc, busy = Rpc(connection), processor(connection)
    begun = time.perf_counter()
    for number, page in enumerate(pages, 1):
        rpc.import_page(table, page, str(number) if number < len(pages) else None)
    seconds, busy_after = time.perf_counter() - begun, processor(connection)
    done = sum(map(len, pages))
    spent = None if busy is None or busy_after is None else busy_after - busy
    return Rates(done / seconds, done / spent if spent else None)


def _copied(source: psycopg.Connection, target: psycopg.Connection, table: str) -> float:
    """Rows a second, from memory."""
    target.execute("set session_replication_role = replica")
    columns = ", ".join(
        name
        for (name,) in source.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            " and not attisdropped and attgenerated = '' order by attnum",
            [f"hubspot_sync.{table}"],
        )
    )
    with source.cursor().copy(f"copy hubspot_sync.{table} ({columns}) to stdout") as copy:
        rows = [bytes(row) for row in copy]
    begun = time.perf_counter()
    with target.cursor().copy(f"copy hubspot_sync.{table} ({columns}) from stdin") as copy:
        copy.write(b"".join(rows))
    target.commit()
    return len(rows) / (time.perf_counter() - begun)


def pages_of(table: str, count: int) -> Iterator[list[dict[str, Any]]]:
    """HubSpot's pages of so many records of a type."""
    chance = random.Random(1)
    make = {EXAMS: _exam, CONTACTS: _contact, BOOKINGS: _booking}[table]
    for first in range(0, count, PAGE):
        yield [
            {"createdAt": MOMENT, "updatedAt": MOMENT} | make(number, chance)
            for number in range(first, first + PAGE)
        ]


def _exam(number: int, _: random.Random) -> dict[str, Any]:
    return {
        "id": str(1_000_000 + number),
        "properties": {
            "mock_exam_name": f"Exam {number}",
            "mock_type": "Situational Judgment",
            "mock_set": "A",
            "exam_date": f"20{31 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}",
            "start_time": "09:00",
            "end_time": "11:00",
            "location": "Online",
            "capacity": "40",
            "is_active": "true",
            "scheduled_activation_at": None,
        },
    }


def _contact(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": str(2_000_000 + number),
        "properties": {
            "student_id": f"S{number:06}",
            "email": f"s{number}@example.com",
            "firstname": f"First {number}",
            "lastname": f"Last {number}",
            "sj_credits": str(chance.randrange(5)),
            "cs_credits": "1",
            "sjmini_credits": "",
            "mock_discussion_token": None,
            "shared_mock_credits": "2",
            "hs_merged_object_ids": None,
        },
    }


def _booking(number: int, chance: random.Random) -> dict[str, Any]:
    """Of a contact and one of the exams, each pair once."""
    contact, exam = number % COUNTS[CONTACTS], chance.randrange(COUNTS[EXAMS])
    return {
        "id": str(3_000_000 + number),
        "associations": {"contacts": [str(2_000_000 + contact)], "exams": [str(1_000_000 + exam)]},
        "properties": {
            "booking_id": f"BK-20300101-{number:06}",
            "student_id": f"S{contact:06}",
            "student_name": f"First {contact} Last {contact}",
            "student_email": f"s{contact}@example.com",
            "mock_exam_id": str(1_000_000 + exam),
            "mock_type": "Situational Judgment",
            "exam_date": _exam(exam, chance)["properties"]["exam_date"],
            "is_active": chance.choice(["Active", "Active", "Cancelled"]),
            "attendance": "",
            "attending_location": "Online",
            "dominant_hand": "right",
            "token_used": "Situational Judgment Token",
            "idempotency_key": "",
        },
    }
