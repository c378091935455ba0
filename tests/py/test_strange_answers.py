"""Answers HubSpot should never give: whatever comes, a run ends as it should, and so does the rest.

A gateway or a bug between us and HubSpot spoils the answer to a request that HubSpot has applied.
No run may end in a traceback, nothing that is no id may be kept as one, and once answers are sound
again HubSpot holds each record once, as it is here.
"""

import json
from collections.abc import Callable

import httpx
import pytest
from hubspot_world import BOOKINGS, CONTACTS, EXAMS, World

from glue.config import HubSpotConfig
from glue.db import connect
from glue.drain import Drain
from glue.errors import Unavailable
from glue.hubspot import HubSpot
from glue.importing import pages_of
from glue.rpc import EXAMS as EXAMS_TABLE
from glue.rpc import Rpc

Spoil = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Spoiling(httpx.BaseTransport):
    """Lets a request through and spoils its answer."""

    def __init__(self, spoil: Spoil) -> None:
        self._spoil = spoil
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        answer.read()
        return self._spoil(request, answer)

    def close(self) -> None:
        self._inner.close()


def body(content: bytes, status: int = 200, **headers: str) -> Spoil:
    """The same bytes whatever was asked."""
    return lambda *_: httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def rows(change: Callable[[dict], dict]) -> Spoil:
    """Every record of an answer changed."""

    def spoil(_: httpx.Request, answer: httpx.Response) -> httpx.Response:
        said = json.loads(answer.content or b"{}")
        said["results"] = [change(row) for row in said.get("results", [])]
        return httpx.Response(answer.status_code, content=json.dumps(said).encode())

    return spoil


ANSWERS = {
    "a page of a gateway": body(b"<html>"),
    "not what its encoding says": body(b"nonsense", **{"Content-Encoding": "gzip"}),
    "no UTF-8": body(b'{"results": "\xff"}'),
    "nested without end": body(b"[" * 100_000),
    "nothing": body(b""),
    "null": body(b"null"),
    "results that are no list": body(b'{"results": {"id": "1"}}'),
    "a 207 that names nobody": body(b'{"results": [], "errors": [{}]}', 207),
    "a 207 whose errors are a text": body(b'{"results": [], "errors": "all"}', 207),
    "a refusal with NUL": body(b'{"message": "a\\u0000b", "correlationId": "a\\u0000b"}', 400),
    "a refusal with half an emoji": body(b'{"message": "cut \\ud83d"}', 400),
    "a correlation id with half an emoji": body(b'{"correlationId": "\\ud83d"}', 400),
    "a refusal that is a list": body(b'["no"]', 400),
    "ids that are numbers": rows(lambda row: row | {"id": int(row.get("id", 0))}),
    "ids that are missing": rows(lambda row: {**row, "id": None}),
    "ids that are objects": rows(lambda row: row | {"id": {"value": row.get("id")}}),
    "ids that are true": rows(lambda row: row | {"id": True}),
    "ids with NUL": rows(lambda row: row | {"id": "1\0"}),
    "ids with half an emoji": rows(lambda row: row | {"id": "\ud83d"}),
    "ids without end": rows(lambda row: row | {"id": "9" * 100_000}),
    "properties that are a list": rows(lambda row: row | {"properties": ["booking_id"]}),
    "properties that are a text": rows(lambda row: row | {"properties": "booking_id"}),
    "keys that are objects": rows(
        lambda row: row | {"properties": {"booking_id": {}, "student_id": [1]}}
    ),
}


def send(world: World, spoil: Spoil) -> None:
    """A run of a worker whose answers are spoilt."""
    with (
        connect(world.database.url) as connection,
        HubSpot(world.config(), transport=Spoiling(spoil)) as hubspot,
    ):
        Drain(Rpc(connection), hubspot).run_once()


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_strange_answer_ends_no_run_and_leaves_nothing_behind(world, exam, answer):
    db, account = world.database, world.account
    booked = [db.book(student, exam) for student in ("ann", "ben")]
    for _ in range(3):
        send(world, ANSWERS[answer])
        db.let_time_pass()
    assert all(
        change["last_error"] for change in db.open_changes() if change["sync_attempts"] > 0
    ), "a worker left what it had claimed"

    with connect(db.url) as connection:
        Rpc(connection).retry_all()
    for _ in range(3):
        world.drain()
        db.let_time_pass()
    assert db.open_changes() == []
    assert db.rows("select * from hubspot_sync.sync_errors where resolved_at is null") == []
    there = {row["properties"]["booking_id"]: row["id"] for row in account.records(BOOKINGS)}
    here = db.rows("select booking_id, hubspot_id from hubspot_sync.hubspot_bookings")
    assert {row["booking_id"]: row["hubspot_id"] for row in here} == there
    assert sorted(there) == sorted(booked)
    assert [row["associations"].keys() for row in account.records(BOOKINGS)] == [
        {"contacts", "mock_exams"}
    ] * 2
    balances = account.properties(CONTACTS, "student_id")
    assert [balances[name]["sj_credits"] for name in ("ann", "ben")] == ["4", "4"]
    assert [row["properties"]["total_bookings"] for row in account.records(EXAMS)] == ["2"]


def test_an_exam_that_an_answer_does_not_name_is_not_made_a_second_time(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    world.drain()
    db.book("ben", exam)
    nothing = body(b'{"results": []}')
    for _ in range(4):
        send(
            world,
            lambda request, answer: (
                nothing(request, answer) if "/2-50158913/" in request.url.path else answer
            ),
        )
        db.let_time_pass()
    assert [row["id"] for row in account.records(EXAMS)] == [exam]
    (change,) = db.open_changes("hubspot_mock_exams")
    assert change["dead_at"] is not None
    assert change["last_error"] == "HubSpot's answer does not name this record"
    assert db.value("select hubspot_id from hubspot_sync.hubspot_mock_exams") == exam


LISTS = {
    "records": lambda hubspot: list(pages_of(hubspot, {EXAMS_TABLE: None})),
    "links": lambda hubspot: hubspot.linked(BOOKINGS, CONTACTS, ["1"]),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("cursors", ["7", "78"], ids=["stands still", "goes in a circle"])
def test_a_list_whose_cursor_leads_nowhere_is_not_read_for_ever(kind, cursors):
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        after = cursors[len(asked) % len(cursors)]
        asked.append(request)
        assert len(asked) < 10
        paging = {"paging": {"next": {"after": after}}}
        page = {"results": [{"id": "7", "from": {"id": "1"}, "to": [], **paging}], **paging}
        return httpx.Response(200, json=page)

    config = HubSpotConfig("https://hubspot.invalid", "token", "2-1", "2-2")
    with (
        HubSpot(config, transport=httpx.MockTransport(answer)) as hubspot,
        pytest.raises(Unavailable, match="does not go on"),
    ):
        LISTS[kind](hubspot)
