"""From an edit in HubSpot to Postgres: its webhook, the server, the inbox, the read."""

import json

import pytest
from hubspot_world import BOOKINGS, CONTACTS, EXAM_TYPE, EXAMS, eventually, glue_here
from serving import CLIENT_SECRET, event, serving

from glue.db import connect
from glue.incoming import read_events
from glue.parked import Parking, move
from glue.receive import Receive
from glue.rpc import Rpc

MANNERS = [
    {},
    {"duplicates": 0.5, "repeated_ids": 0.5, "disorder": 0.5, "split": 0.5,
     "bare_associations": True},
]  # fmt: skip


@pytest.mark.parametrize("manner", MANNERS, ids=["as they should be", "as they may be"])
def test_what_happens_in_hubspot_is_told_by_webhooks_and_read(world, exam, manner):
    account, db = world.account, world.database
    booking = db.book("ann", exam)
    world.drain()
    people = {
        record["properties"]["student_id"]: record["id"] for record in account.records(CONTACTS)
    }
    there = account.properties(BOOKINGS, "booking_id")[booking]["hs_object_id"]
    with serving(db.url, patience=60.0) as server:
        url = f"{server.url}/webhooks/hubspot"
        object.__setattr__(server.state.config, "public_url", url)
        account._ask("POST", "webhooks", {"url": url, "secret": CLIENT_SECRET, **manner})
        account.edit(EXAMS, exam, location="Leeds", capacity=17)
        account.edit(BOOKINGS, there, attending_location="Lab 7")
        account.edit(CONTACTS, people["ann"], firstname="Anna")
        account.merge(CONTACTS, people["ben"], people["cat"])
        new = world.exam(mock_exam_name="New")

        account.advance(120)  # second copies come up to a minute later

        def told():
            return account._ask("GET", "webhooks")["pending"] == 0

        eventually(told, "all events are sent")
        account._ask("DELETE", "webhooks")
        assert not any("not_signed" in line or "401" in line for line in server.log)
    asked = {
        row["record"]
        for row in db.rows(
            "select table_name || ' ' || hubspot_id as record from hubspot_sync.webhook_inbox"
            " where done_at is null"
        )
    }
    assert asked >= {
        f"hubspot_mock_exams {exam}",
        f"hubspot_mock_exams {new}",
        f"hubspot_bookings {there}",
        *(f"hubspot_contact_credits {people[name]}" for name in ("ann", "ben", "cat")),
    }
    events = db.rows("select event_key, count(*) from hubspot_sync.webhook_inbox group by 1")
    assert all(row["count"] == 1 for row in events)
    with connect(db.url) as connection, world.hubspot() as hubspot:
        Receive(Rpc(connection), hubspot).run_once()
    assert db.rows(
        "select hubspot_id, location, capacity from hubspot_sync.hubspot_mock_exams"
        " where hubspot_id = %(exam)s or hubspot_id = %(new)s and mock_exam_name = 'New'"
        " order by location",
        exam=exam,
        new=new,
    )[0] == {"hubspot_id": exam, "location": "Leeds", "capacity": 17}
    assert db.value(
        "select attending_location from hubspot_sync.hubspot_bookings"
        " where booking_id = %(booking)s",
        booking=booking,
    ) == "Lab 7"  # fmt: skip
    assert db.value(
        "select firstname from hubspot_sync.hubspot_contact_credits where student_id = 'ann'"
    ) == "Anna"  # fmt: skip
    left = db.rows("select last_error from hubspot_sync.webhook_inbox where done_at is null")
    assert left == []


def test_what_was_told_while_postgres_was_away_is_read_with_the_next_run(world, exam, redis_url):
    world.account.edit(EXAMS, exam, location="Leeds")
    with Parking(redis_url) as parking:
        told = event(1, objectId=int(exam), objectTypeId=EXAM_TYPE)
        parking.keep(json.dumps([told]).encode())
        answer = glue_here("receive", "--once", env=world.environment(REDIS_URL=redis_url))
        assert (answer.returncode, answer.stderr) == (0, "")
        assert parking.count() == 0
    assert world.database.value(
        "select location from hubspot_sync.hubspot_mock_exams where hubspot_id = %(exam)s",
        exam=exam,
    ) == "Leeds"  # fmt: skip


def test_what_cannot_be_written_for_its_depth_is_set_aside(world, redis_url):
    depth = 300
    while True:  # the deepest that can be read: to write it takes more
        try:
            read_events(b"[" * depth + b"]" * depth)
        except ValueError:
            break
        depth += 1
    with connect(world.database.url) as connection, Parking(redis_url) as parking:
        for one in range(depth - 20, depth):
            parking.keep(b"[" * one + b"]" * one)
        parking.keep(json.dumps([event(1, objectTypeId=EXAM_TYPE)]).encode())
        moved = move(Rpc(connection), parking, {EXAM_TYPE: "hubspot_mock_exams"})
        assert (moved.moved + moved.dead, parking.count()) == (21, 0)
        assert moved.dead > 0
