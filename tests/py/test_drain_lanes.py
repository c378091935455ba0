"""What goes first, what waits, and what stops everybody."""

import json

import pytest
from hubspot_world import (
    BOOKINGS,
    CONTACTS,
    EXAM_TYPE,
    EXAMS,
    TO_BOOKINGS,
    UPDATE_BOOKINGS,
    UPDATE_CONTACTS,
)

from glue.errors import Unauthorized


def thrifty(db) -> None:
    db.rows("update hubspot_sync.settings set value = 'thrifty' where key = 'profile'")


def pauses(db) -> dict[str, float]:
    """Seconds each pause lasts, by what it stops."""
    rows = db.rows(
        "select scope, extract(epoch from until - paused_at)::float8 as s"
        "  from hubspot_sync.sync_pauses where until > now()"
    )
    return {row["scope"]: row["s"] for row in rows}


def written(world) -> list[str]:
    """The paths of the writes, in their order, links left out."""
    paths = [request.url.path for request, _ in world.recorder.exchanges]
    return [path.rsplit("2026-09/", 1)[1] for path in paths if "/associations/" not in path]


# Urgent before bulk


@pytest.fixture
def small_claims(monkeypatch):
    """Claims of two records, so that a queue is soon a long one."""
    monkeypatch.setattr("glue.drain.CLAIM", 2)


@pytest.mark.usefixtures("small_claims")
def test_a_cancellation_overtakes_changes_that_were_made_before_it(world, exam):
    db = world.database
    ids = {student: db.book(student, exam) for student in ("ann", "ben", "cat")}
    world.drain()
    world.forget()
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'No'")
    db.cancel(ids["cat"])
    world.drain()
    batches = [
        [change["properties"] for change in json.loads(request.content)["inputs"]]
        for request, _ in world.recorder.exchanges
        if UPDATE_BOOKINGS in request.url.path
    ]
    assert {"is_active": "Cancelled", "attendance": "No"} in batches[0]
    assert sum(map(len, batches)) == 3


@pytest.mark.usefixtures("small_claims")
def test_what_is_urgent_in_one_table_waits_for_one_claim_of_another_not_for_all(world, exam):
    db = world.database
    db.rows("update hubspot_sync.hubspot_contact_credits set lastname = 'Early'")
    db.rows("select api.set_exam_capacity(%(exam)s, 7)", exam=exam)
    world.drain()
    exams = f"{EXAM_TYPE}/batch/update"
    assert written(world) == [UPDATE_CONTACTS, exams, UPDATE_CONTACTS]


@pytest.mark.usefixtures("small_claims")
def test_credits_that_were_given_by_hand_go_before_what_was_changed_before_them(world, exam):
    db = world.database
    db.rows("update hubspot_sync.hubspot_contact_credits set lastname = 'Late'")
    db.rows(
        "select api.grant_credits(p_student_id => 'cat', p_email => 'cat@example.com',"
        " p_credit => 'sj_credits', p_amount => 2, p_reason => 'goodwill')"
    )
    world.drain()
    first, *_ = world.sent(UPDATE_CONTACTS)
    assert first["properties"] == {"lastname": "Late", "sj_credits": "7"}


def test_all_changes_of_an_urgent_record_go_with_it(world, exam):
    db = world.database
    booking = db.book("ann", exam)
    world.drain()
    thrifty(db)
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'No'")
    db.cancel(booking)
    world.drain()
    there = world.account.properties(BOOKINGS, "booking_id")[booking]
    assert (there["attendance"], there["is_active"]) == ("No", "Cancelled")


# The profile


def test_a_thrifty_worker_sends_what_is_urgent_and_leaves_the_rest(world, exam):
    db, account = world.database, world.account
    gone = db.book("ann", exam)
    world.drain()
    thrifty(db)
    kept = db.book("ben", exam)
    account.calls()
    assert world.drain().sent == 0
    assert account.calls() == 0
    db.cancel(gone)
    assert world.drain().sent == 1
    bookings = account.properties(BOOKINGS, "booking_id")
    assert bookings[gone]["is_active"] == "Cancelled"
    assert kept not in bookings
    assert world.drain(lane="bulk").failed == 0
    assert kept in account.properties(BOOKINGS, "booking_id")
    assert db.open_changes() == []


def test_a_worker_of_the_urgent_lane_leaves_bulk_alone_whatever_the_profile(world, exam):
    world.database.book("ann", exam)
    assert world.drain(lane="urgent").sent == 0
    assert world.account.records(BOOKINGS) == []
    assert world.drain().sent == 3


# Pauses


def test_a_wrong_token_stops_every_worker_for_a_while(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "unauthorized", "count": 1})
    with pytest.raises(Unauthorized):
        world.drain()
    assert pauses(db) == {"*": 900.0}
    account.calls()
    assert world.drain().sent == 0
    assert account.calls() == 0
    db.let_time_pass()
    assert world.drain().failed == 0
    assert len(account.records(BOOKINGS)) == 1


def test_a_missing_scope_stops_its_table_and_the_others_go_on(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "missing_scopes", "path": TO_BOOKINGS, "count": 1})
    assert world.drain().forbidden
    assert pauses(db) == {"hubspot_bookings": 900.0}
    assert account.properties(CONTACTS, "student_id")["ann"]["sj_credits"] == "4"
    db.rows("select api.set_exam_capacity(%(exam)s, 7)", exam=exam)
    db.book("ben", exam)
    world.drain()
    assert account.records(EXAMS)[0]["properties"]["capacity"] == "7"
    assert account.records(BOOKINGS) == []
    db.let_time_pass()
    world.drain()
    assert len(account.records(BOOKINGS)) == 2


def test_an_account_on_the_move_stops_everything_as_long_as_hubspot_says(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "migrating", "retry_after": 7200, "count": 1})
    world.drain()
    assert pauses(db) == {"*": 7200.0}
    account.calls()
    world.drain()
    assert account.calls() == 0


def test_a_pause_by_hand_holds_until_somebody_ends_it(world, exam):
    db, account = world.database, world.account
    db.rows("select hubspot_sync.pause_sync('hubspot_bookings', 'a look at the account')")
    db.book("ann", exam)
    db.let_time_pass()
    world.drain()
    assert account.records(BOOKINGS) == []
    db.rows("delete from hubspot_sync.sync_pauses")
    world.drain()
    assert len(account.records(BOOKINGS)) == 1


def test_a_pause_made_while_the_clock_was_ahead_does_not_last_for_years(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    db.rows(
        "insert into hubspot_sync.sync_pauses (scope, reason, paused_by, paused_at, until)"
        " values ('*', '401', 'worker', now() + interval '9 years',"
        "         now() + interval '9 years 15 minutes')"
    )
    world.drain()
    assert len(account.records(BOOKINGS)) == 1
