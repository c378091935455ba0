"""The drain while HubSpot limits, fails or refuses the token."""

import itertools
import json

import pytest
from hubspot_world import BOOKINGS, CONTACTS, TO_BOOKINGS, UPDATE_CONTACTS, glue

from glue.errors import Unauthorized

# Limits, outages, lost answers


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        ({"kind": "rate_limited", "retry_after": 7}, 7, 7),
        ({"kind": "rate_limited"}, 1, 60),
        ({"kind": "daily_limit"}, 60, 86_400),
        ({"kind": "locked"}, 2, 60),
        ({"kind": "migrating", "retry_after": 3600}, 3600, 3600),
    ],
    ids=["429", "429 without Retry-After", "429 DAILY", "423", "477"],
)
def test_a_limit_gives_records_back_uncharged_and_makes_them_wait(world, exam, fault, least, most):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    account.fault(fault | {"path": TO_BOOKINGS, "count": 1})
    report = world.drain()
    assert (report.failed, report.dead) == (1, 0)
    (change,) = db.open_changes()
    assert change["sync_attempts"] == 0
    assert change["epoch"] is None
    waits = db.value(
        "select extract(epoch from next_attempt_at - last_sync_attempt)::float"
        " from hubspot_sync.sync_queue where not synced"
    )
    assert least - 1 <= waits <= most + 1
    assert account.records(BOOKINGS) == []
    db.let_time_pass()
    world.drain()
    assert set(account.properties(BOOKINGS, "booking_id")) == {booking_id}
    assert db.open_changes() == []


def test_limits_however_long_make_no_dead_letter(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "rate_limited"})
    for _ in range(6):
        assert world.drain().dead == 0
        db.let_time_pass()
    account.fault()
    world.drain()
    assert len(account.records(BOOKINGS)) == 1
    assert db.open_changes() == []


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ({"kind": "unavailable"}, False),
        ({"kind": "error_after_applying"}, True),
        ({"kind": "cut"}, True),
        ({"kind": "slow", "ms": 3000}, True),
    ],
    ids=["503", "502 after applying", "cut connection", "time-out"],
)
def test_a_lost_answer_loses_nothing_and_doubles_nothing(world, exam, fault, applied):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    world.drain(timeout=20)  # opens nothing: the balance and the booking are both sent
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    new = db.book("ben", exam)
    account.fault(fault | {"path": f"{TO_BOOKINGS}/batch/upsert", "count": 1})
    report = world.drain(timeout=1)
    assert report.failed == 1
    assert report.dead == 0
    assert set(account.properties(BOOKINGS, "booking_id")) == {booking_id} | (
        {new} if applied else set()
    )
    db.let_time_pass()
    world.drain()
    there = account.properties(BOOKINGS, "booking_id")
    assert there[booking_id]["attendance"] == "Yes"
    assert set(there) == {booking_id, new}
    links = account.links(BOOKINGS, "booking_id")[new]
    assert links["mock_exams"] == [exam]
    assert len(links["contacts"]) == 1
    # HubSpot may still apply what it never answered: that is sent once more, later.
    resends = db.open_changes("hubspot_bookings")
    assert [change["operation"] for change in resends] == ["resend"]
    assert db.value(
        "select bool_and(next_attempt_at > now()) from hubspot_sync.sync_queue where not synced"
    )
    db.let_time_pass()
    world.drain()
    assert db.open_changes() == []
    assert set(account.properties(BOOKINGS, "booking_id")) == {booking_id, new}


def test_a_hubspot_that_is_not_there_loses_nothing(world, exam):
    db = world.database
    db.book("ann", exam)
    before = len(db.open_changes())
    gone = glue(
        "drain", "--once", "--json", env=world.environment(HUBSPOT_BASE_URL="http://127.0.0.1:9")
    )
    assert gone.returncode == 75
    assert "Traceback" not in gone.stderr
    assert len(db.open_changes()) == before
    assert {change["sync_attempts"] for change in db.open_changes()} == {0}


def test_links_that_fail_are_made_later_and_the_booking_is_not_lost(world, exam):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    account.fault({"kind": "unavailable", "count": 1, "path": "/crm/associations/"})
    world.drain()
    assert account.links(BOOKINGS, "booking_id")[booking_id] == {}
    db.let_time_pass()
    world.drain()
    links = account.links(BOOKINGS, "booking_id")[booking_id]
    assert links["mock_exams"] == [exam]
    assert len(links["contacts"]) == 1


def test_a_batch_that_no_longer_fits_its_lease_is_left_for_another_run(world, exam):
    db = world.database
    db.book("ann", exam)
    moments = itertools.count(step=15.0)  # between claim and request 15 of 30 seconds pass
    report = world.drain(lease=30.0, timeout=20.0, clock=lambda: next(moments))
    assert report.sent == 0
    assert report.dead == 0
    assert world.recorder.exchanges == []
    assert {change["sync_attempts"] for change in db.open_changes()} == {0}
    db.let_time_pass()
    world.drain()
    assert len(world.account.records(BOOKINGS)) == 1


# Permission


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "for programs"])
def test_a_wrong_token_ends_the_run_with_77_and_loses_nothing(world, exam, options):
    db = world.database
    db.book("ann", exam)
    before = {change["id"] for change in db.open_changes()}
    done = glue("drain", "--once", *options, env=world.environment(HUBSPOT_ACCESS_TOKEN="wrong"))
    assert done.returncode == 77
    assert "Traceback" not in done.stderr
    assert "wrong" not in done.stderr + done.stdout
    first, *hints = done.stderr.strip().splitlines()
    assert first.startswith("Error: HubSpot answered 401")
    assert [hint.strip() for hint in hints] == ["Check HUBSPOT_ACCESS_TOKEN."]
    changes = db.open_changes()
    assert {change["id"] for change in changes} == before
    assert {change["sync_attempts"] for change in changes} == {0}
    db.let_time_pass()
    assert glue("drain", "--once", *options, env=world.environment()).returncode == 0
    assert len(world.account.records(BOOKINGS)) == 1


def test_a_wrong_token_raises_with_everything_given_back(world, exam):
    db = world.database
    db.book("ann", exam)
    world.account.fault({"kind": "unauthorized", "path": TO_BOOKINGS})
    with pytest.raises(Unauthorized):
        world.drain()
    assert all(change["epoch"] is None for change in db.open_changes())


def test_a_missing_scope_rests_its_type_alone_and_charges_nobody(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "missing_scopes", "path": TO_BOOKINGS})
    report = world.drain()
    assert report.failed == 1
    assert report.dead == 0
    assert any("403" in error for error in report.errors)
    assert account.properties(CONTACTS, "student_id")["ann"]["sj_credits"] == "4"
    (change,) = db.open_changes()
    assert (change["table_name"], change["sync_attempts"]) == ("hubspot_bookings", 0)
    account.fault()
    db.let_time_pass()
    world.drain()
    assert len(account.records(BOOKINGS)) == 1


def test_a_missing_scope_holds_back_its_table_and_not_each_record_for_a_quarter_of_an_hour(
    world, exam
):
    """Whoever grants the scope and resumes the table sees it sent."""
    db = world.database
    db.book("ann", exam)
    world.account.fault({"kind": "missing_scopes", "path": TO_BOOKINGS})
    assert world.drain().forbidden
    waits = db.value(
        "select extract(epoch from next_attempt_at - last_sync_attempt)::float"
        " from hubspot_sync.sync_queue where not synced"
    )
    assert waits < 60
    assert db.value("select hubspot_sync.resume_sync('hubspot_bookings')")


def test_a_missing_scope_ends_the_command_with_77(world, exam):
    world.database.book("ann", exam)
    world.account.fault({"kind": "missing_scopes", "path": TO_BOOKINGS})
    done = glue("drain", "--once", "--json", env=world.environment())
    assert any("403" in error for error in json.loads(done.stdout)["errors"])
    assert done.returncode == 77


# An outage that lasts


def test_an_outage_that_lasts_rests_every_worker_longer_each_time(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "unavailable"})
    waits = []
    for _ in range(4):
        report = world.drain()
        assert report.failed
        waits += db.rows(
            "select reason, extract(epoch from until - paused_at)::float as wait"
            " from hubspot_sync.sync_pauses where scope = '*'"
        )
        db.let_time_pass()
    # Balance and booking fail in the first run: the second time is the same outage.
    assert [row["wait"] for row in waits] == sorted({row["wait"] for row in waits})
    assert len(waits) == 4
    assert "503" in waits[0]["reason"]
    assert db.value("select max(sync_attempts) from hubspot_sync.sync_queue where not synced") == 0
    account.fault()
    world.drain()
    assert len(account.records(BOOKINGS)) == 1


def test_one_request_without_an_answer_rests_nobody(world, exam):
    db, account = world.database, world.account
    for student in ("ann", "ben"):
        db.book(student, exam)
        account.fault({"kind": "cut", "path": UPDATE_CONTACTS, "count": 1})
        world.drain()
        assert db.rows("select scope from hubspot_sync.sync_pauses") == []
        db.let_time_pass()
        world.drain()


def test_a_scope_that_links_lack_rests_the_bookings(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "missing_scopes", "path": "/crm/associations/"})
    assert world.drain().forbidden
    assert [row["scope"] for row in db.rows("select scope from hubspot_sync.sync_pauses")] == [
        "hubspot_bookings"
    ]
    account.fault()
    db.let_time_pass()
    world.drain()
    (links,) = account.links(BOOKINGS, "booking_id").values()
    assert links["mock_exams"] == [exam]
