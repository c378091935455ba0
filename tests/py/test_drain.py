"""The drain against a simulator over HTTP and a real Postgres, in fair weather and in foul."""

import itertools
import json
import signal
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hubspot_contract import WHY_SKIPPED, available
from hubspot_world import (
    BOOKING_TYPE,
    BOOKINGS,
    CONTACTS,
    EXAM_TYPE,
    EXAMS,
    command,
    eventually,
    glue,
)

from glue.errors import Unauthorized

UPSERT_BOOKINGS = f"{BOOKING_TYPE}/batch/upsert"
UPSERT_CONTACTS = "contacts/batch/upsert"
UPDATE_BOOKINGS = f"{BOOKING_TYPE}/batch/update"
UPDATE_CONTACTS = "contacts/batch/update"
UPDATE_EXAMS = f"{EXAM_TYPE}/batch/update"
TO_BOOKINGS = f"/crm/objects/2026-09/{BOOKING_TYPE}"


# In fair weather


def test_bookings_reach_hubspot_with_links_counts_and_balances(world, exam):
    other = world.exam(mock_exam_name="CS", mock_type="Clinical Skills")
    world.account.edit(CONTACTS, world.account.records(CONTACTS)[0]["id"], cs_credits=1)
    dan = world.student("dan", cs_credits=1)
    world.bring_in()
    db, account = world.database, world.account
    ids = {student: db.book(student, exam) for student in ("ann", "ben")}
    ids["dan"] = db.book("dan", other)
    report = world.drain()
    assert report.sent == 3 + 3 + 2  # bookings, balances, the exams' counts
    assert (report.failed, report.dead, report.errors) == (0, 0, [])

    there = account.properties(BOOKINGS, "booking_id")
    assert set(there) == set(ids.values())
    date = db.value("select (current_date + 30)::text")
    assert there[ids["ann"]].items() >= {
        ("student_id", "ann"),
        ("student_name", "Ann Doe"),
        ("student_email", "ann@example.com"),
        ("mock_exam_id", exam),
        ("mock_type", "Situational Judgment"),
        ("exam_date", date),
        ("is_active", "Active"),
        ("token_used", "Situational Judgment Token"),
    }
    links = account.links(BOOKINGS, "booking_id")
    assert links[ids["dan"]] == {"contacts": [dan], "mock_exams": [other]}
    assert links[ids["ann"]]["mock_exams"] == [exam]

    balances = account.properties(CONTACTS, "student_id")
    assert [balances[s]["sj_credits"] for s in ("ann", "ben", "cat")] == ["4", "4", "5"]
    assert balances["dan"]["cs_credits"] == "0"
    counts = {row["id"]: row["properties"]["total_bookings"] for row in account.records(EXAMS)}
    assert counts == {exam: "2", other: "1"}
    here = db.rows("select hubspot_id, total_bookings from hubspot_sync.hubspot_mock_exams")
    assert {row["hubspot_id"]: row["total_bookings"] for row in here} == {exam: 2, other: 1}
    written_back = db.rows(
        "select booking_id, hubspot_id, hubspot_last_sync_at from hubspot_sync.hubspot_bookings"
    )
    assert {row["booking_id"]: row["hubspot_id"] for row in written_back} == {
        row["properties"]["booking_id"]: row["id"] for row in account.records(BOOKINGS)
    }
    assert all(row["hubspot_last_sync_at"] for row in written_back)
    assert db.open_changes() == []


def test_a_second_run_has_nothing_to_send(world, exam):
    world.database.book("ann", exam)
    world.drain()
    world.account.calls()
    assert world.drain().sent == 0
    assert world.account.calls() == 0


def test_many_changes_of_a_record_become_one_input_with_its_last_state(world, exam):
    db = world.database
    booking_id = db.book("ann", exam)
    for place in ("London", "Leeds", "Bristol"):
        db.rows(
            "update hubspot_sync.hubspot_bookings set attending_location = %(place)s", place=place
        )
    for name in ("Anna", "Annie"):
        db.rows(
            "update hubspot_sync.hubspot_contact_credits set firstname = %(name)s"
            " where student_id = 'ann'",
            name=name,
        )
    world.drain()
    (booking,) = world.sent(UPSERT_BOOKINGS)
    assert booking["id"] == booking_id
    assert booking["properties"]["attending_location"] == "Bristol"
    (contact,) = world.sent(UPDATE_CONTACTS)
    assert contact["properties"] == {"firstname": "Annie", "sj_credits": "4"}


def test_only_what_changed_is_sent_and_links_are_not_made_again(world, exam):
    db = world.database
    db.book("ann", exam)
    world.drain()
    world.forget()
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    world.drain()
    assert [one["properties"] for one in world.sent(UPDATE_BOOKINGS)] == [{"attendance": "Yes"}]
    assert world.sent("/associate/") == []
    (properties,) = world.account.properties(BOOKINGS, "booking_id").values()
    assert (properties["attendance"], properties["student_id"]) == ("Yes", "ann")


def test_what_an_import_brought_is_not_sent_back(world, exam):
    db, account = world.database, world.account
    account.edit(EXAMS, exam, capacity=20, location="Leeds")
    (ann,) = [r["id"] for r in account.records(CONTACTS) if r["properties"]["student_id"] == "ann"]
    account.edit(CONTACTS, ann, firstname="Anna", email="Anna@Example.com")
    world.bring_in()
    assert db.value("select capacity from hubspot_sync.exam_seats") == 20
    assert db.open_changes() == []
    account.calls()
    world.drain()
    assert account.calls() == 0


def test_a_change_here_survives_an_import_of_the_old_value_and_is_sent(world, exam):
    db = world.database
    db.rows("select api.set_exam_capacity(%(exam)s, 3)", exam=exam)
    world.bring_in()
    assert db.value("select capacity from hubspot_sync.exam_seats") == 3
    world.drain()
    (there,) = world.account.records(EXAMS)
    assert there["properties"]["capacity"] == "3"
    assert there["properties"]["location"] == "Online"


def test_a_cancellation_is_an_update_and_gives_the_credit_back_in_hubspot(world, exam):
    db = world.database
    booking_id = db.book("ann", exam)
    world.drain()
    world.forget()
    db.cancel(booking_id)
    world.drain()
    assert [one["properties"] for one in world.sent(UPDATE_BOOKINGS)] == [
        {"is_active": "Cancelled"}
    ]
    assert world.sent("/archive") == []
    assert world.account.properties(BOOKINGS, "booking_id")[booking_id]["is_active"] == "Cancelled"
    assert world.account.properties(CONTACTS, "student_id")["ann"]["sj_credits"] == "5"
    (there,) = world.account.records(EXAMS)
    assert there["properties"]["total_bookings"] == "0"


def test_a_moved_booking_is_linked_to_its_new_exam_alone_and_both_are_counted(world, exam):
    second, third = (world.exam(mock_exam_name=name) for name in ("Second", "Third"))
    world.bring_in()
    db, account = world.database, world.account
    booking = db.book("ann", exam)
    world.drain()
    db.move(booking, second)
    db.move(booking, third)
    world.drain()
    assert account.links(BOOKINGS, "booking_id")[booking]["mock_exams"] == [third]
    assert account.properties(BOOKINGS, "booking_id")[booking]["mock_exam_id"] == third
    counts = {row["id"]: row["properties"].get("total_bookings") for row in account.records(EXAMS)}
    assert (counts[exam], counts[third]) == ("0", "1")
    assert counts[second] in (None, "", "0")
    assert db.open_changes() == []
    assert db.violations() == []


def test_a_moved_booking_whose_answer_was_lost_leaves_its_old_exam_all_the_same(world, exam):
    second = world.exam(mock_exam_name="Second")
    world.bring_in()
    db, account = world.database, world.account
    booking = db.book("ann", exam)
    world.drain()
    db.move(booking, second)
    account.fault({"kind": "cut", "count": 1, "path": "/batch/archive"})
    world.drain()
    db.let_time_pass()
    world.drain()
    db.let_time_pass()
    world.drain()
    assert account.links(BOOKINGS, "booking_id")[booking]["mock_exams"] == [second]
    assert db.open_changes() == []


def test_booked_and_cancelled_before_any_run_arrives_as_cancelled(world, exam):
    booking_id = world.database.book("ann", exam)
    world.database.cancel(booking_id)
    world.drain()
    assert world.account.properties(BOOKINGS, "booking_id")[booking_id]["is_active"] == "Cancelled"


def test_a_deletion_is_an_archive(world, exam):
    db = world.database
    keep, gone = db.book("ann", exam), db.book("ben", exam)
    world.drain()
    db.rows("delete from hubspot_sync.hubspot_bookings where booking_id = %(id)s", id=gone)
    world.drain()
    assert set(world.account.properties(BOOKINGS, "booking_id")) == {keep}
    assert db.open_changes() == []


def test_a_record_made_and_deleted_before_any_run_is_never_sent(world, exam):
    db = world.database
    db.rows(
        "insert into hubspot_sync.hubspot_bookings"
        " (booking_id, mock_exam_id, student_id, student_email, is_active)"
        " values ('B1', %(exam)s, 'ann', 'ann@example.com', 'Active')",
        exam=exam,
    )
    db.rows("delete from hubspot_sync.hubspot_bookings")
    world.drain()
    assert world.sent(BOOKING_TYPE) == []
    assert db.open_changes("hubspot_bookings") == []


def test_a_record_whose_first_answer_was_lost_is_archived_when_it_is_deleted(world, exam):
    db = world.database
    db.rows(
        "insert into hubspot_sync.hubspot_bookings"
        " (booking_id, mock_exam_id, student_id, student_email, is_active)"
        " values ('B1', %(exam)s, 'ann', 'ann@example.com', 'Active')",
        exam=exam,
    )
    world.account.fault({"kind": "cut", "count": 1, "path": TO_BOOKINGS})
    world.drain()
    assert set(world.account.properties(BOOKINGS, "booking_id")) == {"B1"}
    db.rows("delete from hubspot_sync.hubspot_bookings")
    db.let_time_pass()
    world.drain()
    assert world.account.records(BOOKINGS) == []


def test_a_contact_born_here_gets_its_id_and_its_bookings_their_link_in_one_run(world, exam):
    db = world.database
    db.rows(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)"
        " values ('new', 'new@example.com', 1)"
    )
    booking_id = db.book("new", exam)
    world.drain()
    contact = db.value(
        "select hubspot_id from hubspot_sync.hubspot_contact_credits where student_id = 'new'"
    )
    links = world.account.links(BOOKINGS, "booking_id")[booking_id]
    assert links == {"contacts": [contact], "mock_exams": [exam]}
    assert db.value("select contact_id from hubspot_sync.hubspot_bookings") == contact
    assert db.open_changes() == []


def test_a_booking_sent_before_its_contact_is_linked_when_hubspot_has_the_contact(world, exam):
    db, account = world.database, world.account
    db.rows(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)"
        " values ('new', 'new@example.com', 1)"
    )
    booking_id = db.book("new", exam)
    account.fault({"kind": "locked", "count": 1, "type": "contacts"})
    world.drain()
    assert account.links(BOOKINGS, "booking_id")[booking_id] == {"mock_exams": [exam]}
    db.let_time_pass()
    world.drain()
    contact = account.properties(CONTACTS, "student_id")["new"]["hs_object_id"]
    assert account.links(BOOKINGS, "booking_id")[booking_id] == {
        "contacts": [contact],
        "mock_exams": [exam],
    }


def test_a_booking_deleted_in_hubspot_is_reborn_whole(world, exam):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    world.drain()
    (before,) = account.records(BOOKINGS)
    account.delete(BOOKINGS, before["id"])
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    world.drain()
    db.let_time_pass()  # the rest of it follows
    world.drain()
    (after,) = account.records(BOOKINGS)
    assert after["id"] != before["id"]
    assert after["associations"] == before["associations"]
    own = {"hs_object_id", "hs_createdate", "hs_lastmodifieddate", "attendance"}
    old, new = before["properties"], after["properties"]
    assert {k: v for k, v in new.items() if k not in own} == {
        k: v for k, v in old.items() if k not in own
    }
    assert new["attendance"] == "Yes"
    assert db.value("select hubspot_id from hubspot_sync.hubspot_bookings") == after["id"]
    assert new["booking_id"] == booking_id
    assert db.open_changes() == []


def test_a_contact_deleted_in_hubspot_is_reborn_whole_with_its_bookings(world, exam):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    world.drain()
    before = account.properties(CONTACTS, "student_id")["ann"]
    account.delete(CONTACTS, before["hs_object_id"])
    db.cancel(booking_id)
    world.drain()
    db.let_time_pass()  # the rest of it follows
    world.drain()
    after = account.properties(CONTACTS, "student_id")["ann"]
    assert after["hs_object_id"] != before["hs_object_id"]
    assert (after["firstname"], after["email"]) == ("Ann", "ann@example.com")
    assert (after["sj_credits"], after["cs_credits"]) == ("5", "0")
    links = account.links(BOOKINGS, "booking_id")[booking_id]
    assert after["hs_object_id"] in links["contacts"]
    assert db.open_changes() == []


def test_more_records_than_a_batch_holds_go_in_full_batches(world):
    for number in range(210):
        world.student(f"s{number}")
    exam = world.exam(capacity=300)
    world.bring_in()
    world.forget()
    for number in range(210):
        world.database.book(f"s{number}", exam)
    world.account.calls()
    report = world.drain()
    assert report.sent == 210 + 210 + 1
    # Three batches of balances, three of bookings with two kinds of links each, one of the count.
    assert world.account.calls() == 3 + 3 * 3 + 1
    assert len(world.account.properties(BOOKINGS, "booking_id")) == 210
    linked = world.account.links(BOOKINGS, "booking_id").values()
    assert all(len(one["contacts"]) == 1 and one["mock_exams"] == [exam] for one in linked)


# What HubSpot refuses


def test_a_record_that_breaks_a_rule_becomes_a_dead_letter_and_the_rest_is_written(world, exam):
    db, account = world.database, world.account
    db.rows(
        "update hubspot_sync.hubspot_contact_credits set lastname = 'Tables'"
        " where student_id = 'ben'"
    )
    ids = {student: db.book(student, exam) for student in ("ann", "ben", "cat")}
    rule = {
        "kind": "validation_rule",
        "type": BOOKING_TYPE,
        "property": "student_name",
        "pattern": "Tables",
        "message": "No furniture, please.",
    }
    account.fault(rule)
    report = world.drain()
    assert report.dead == 1
    assert set(account.properties(BOOKINGS, "booking_id")) == {ids["ann"], ids["cat"]}
    (letter,) = db.open_changes()
    assert letter["dead_at"] is not None
    (error,) = db.rows("select * from hubspot_sync.sync_errors")
    assert error["direction"] == "supabase_to_hubspot"
    assert error["entity"] == "hubspot_bookings"
    assert error["record"] == letter["record"]
    assert "No furniture, please." in error["error_message"]
    assert "\n" not in error["error_message"]
    db.let_time_pass()
    world.forget()
    world.drain()
    assert world.sent(BOOKING_TYPE) == []  # nobody tries a dead letter again by himself


def test_a_later_success_of_the_record_heals_its_error(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "locked", "count": 1, "path": TO_BOOKINGS})
    world.drain()
    assert db.value("select count(*) from hubspot_sync.sync_errors where resolved_at is null") == 1
    db.let_time_pass()
    world.drain()
    assert db.value("select count(*) from hubspot_sync.sync_errors where resolved_at is null") == 0


def test_a_batch_refused_whole_is_halved_until_only_the_bad_record_fails(world):
    db, account = world.database, world.account
    exams = [world.exam(mock_exam_name=f"E{n}") for n in range(7)]
    world.bring_in()
    account.limits(update_multi_status=False)
    account.fault({"kind": "validation_rule", "property": "location", "pattern": "^Mars$"})
    db.rows("update hubspot_sync.hubspot_mock_exams set location = 'Leeds'")
    db.rows(
        "update hubspot_sync.hubspot_mock_exams set location = 'Mars' where hubspot_id = %(bad)s",
        bad=exams[3],
    )
    report = world.drain()
    assert report.dead == 1
    places = {row["id"]: row["properties"]["location"] for row in account.records(EXAMS)}
    assert places == {exam: "Online" if exam == exams[3] else "Leeds" for exam in exams}
    dead = {row["record"] for row in db.open_changes()}
    bad = db.value(
        "select id from hubspot_sync.hubspot_mock_exams where hubspot_id = %(bad)s", bad=exams[3]
    )
    assert dead == {bad}


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


def test_a_missing_scope_ends_the_command_with_77(world, exam):
    world.database.book("ann", exam)
    world.account.fault({"kind": "missing_scopes", "path": TO_BOOKINGS})
    done = glue("drain", "--once", "--json", env=world.environment())
    assert any("403" in error for error in json.loads(done.stdout)["errors"])
    assert done.returncode == 77


# Workers that die, and many of them


@pytest.mark.parametrize("session", ["ends with the worker", "outlives the worker"])
def test_a_worker_killed_before_its_acknowledgement_doubles_nothing(world, exam, connect, session):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Leeds'")
    holder = connect()
    holder.execute("select from hubspot_sync.hubspot_bookings for update")
    worker = subprocess.Popen(
        command("drain", "--once", "--json"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        backend = eventually(
            lambda: db.rows(
                "select a.pid from pg_catalog.pg_stat_activity a"
                " where a.datname = current_database() and a.query like '%%finish_changes%%'"
                "   and pg_catalog.pg_isolation_test_session_is_blocked(a.pid, %(holders)s)",
                holders=[holder.info.backend_pid],
            ),
            "the worker stands before its acknowledgement",
        )
        assert set(account.properties(BOOKINGS, "booking_id")) == {booking_id}
    finally:
        worker.kill()
        worker.wait()
    if session == "ends with the worker":
        db.rows("select pg_catalog.pg_terminate_backend(%(pid)s)", pid=backend[0]["pid"])
        eventually(
            lambda: (
                not db.rows(
                    "select from pg_catalog.pg_stat_activity where pid = %(pid)s",
                    pid=backend[0]["pid"],
                )
            ),
            "the worker's session is gone",
        )
    holder.rollback()
    if session == "outlives the worker":
        eventually(lambda: db.open_changes("hubspot_bookings") == [], "the session has committed")

    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Bristol'")
    db.let_time_pass()
    world.drain()
    (there,) = account.records(BOOKINGS)
    assert there["properties"]["booking_id"] == booking_id
    assert there["properties"]["attending_location"] == "Bristol"
    assert there["associations"]["mock_exams"] == [exam]
    assert db.value("select hubspot_id from hubspot_sync.hubspot_bookings") == there["id"]
    if session == "ends with the worker":
        resends = db.open_changes("hubspot_bookings")
        assert [change["operation"] for change in resends] == ["resend"]
        assert db.value(
            "select min(next_attempt_at) > now() from hubspot_sync.sync_queue where not synced"
        )
    db.let_time_pass()
    world.drain()
    assert db.open_changes() == []
    assert len(account.records(BOOKINGS)) == 1


def test_a_request_that_hubspot_applies_late_leaves_nothing_stale(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "slow_before_applying", "ms": 1500, "count": 1, "path": TO_BOOKINGS})
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(world.drain)
        eventually(
            lambda: [change for change in db.open_changes("hubspot_bookings") if change["epoch"]],
            "the late worker's claim",
        )
        db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
        db.let_time_pass()  # and with it the late worker's lease
        assert world.drain().errors == []
        assert late.result().errors == []
    db.let_time_pass()
    world.drain()
    (there,) = account.properties(BOOKINGS, "booking_id").values()
    assert there["attendance"] == "Yes"
    assert db.open_changes() == []


def test_two_workers_at_once_lose_and_double_nothing(world):
    db, account = world.database, world.account
    students = [f"s{number}" for number in range(120)]
    for student in students:
        world.student(student)
    exam = world.exam(capacity=500)
    world.bring_in()
    world.forget()
    booked = {db.book(student, exam) for student in students}
    together = threading.Barrier(2)

    def work(_):
        together.wait()
        return world.drain()

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(work, range(2)))
    # What one worker left to the other's lease is due again at once.
    reports.append(world.drain())
    assert [report.errors for report in reports] == [[], [], []]
    assert set(account.properties(BOOKINGS, "booking_id")) == booked
    assert db.open_changes() == []
    sent = Counter(one["id"] for one in world.sent(UPSERT_BOOKINGS))
    assert set(sent.values()) == {1}
    linked = account.links(BOOKINGS, "booking_id").values()
    assert all(one["mock_exams"] == [exam] and len(one["contacts"]) == 1 for one in linked)
    (there,) = account.records(EXAMS)
    assert there["properties"]["total_bookings"] == "120"


def test_following_sends_a_new_booking_and_ends_with_0_on_sigterm(world, exam):
    db, account = world.database, world.account
    worker = subprocess.Popen(
        command("drain", "--follow"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = db.book("ann", exam)
        eventually(
            lambda: set(account.properties(BOOKINGS, "booking_id")) == {first}, "the first booking"
        )
        second = db.book("ben", exam)
        eventually(
            lambda: set(account.properties(BOOKINGS, "booking_id")) == {first, second},
            "the second booking",
        )
        eventually(lambda: db.open_changes() == [], "every acknowledgement")
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert errors == ""


def test_following_survives_a_database_that_comes_and_goes(world, exam):
    db, account = world.database, world.account
    worker = subprocess.Popen(
        command("drain", "--follow"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        account.fault({"kind": "slow_before_applying", "ms": 300})
        db.book("ann", exam)
        eventually(
            lambda: db.rows(
                "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
                "   and query like '%%claim_changes%%'"
            ),
            "a session of the worker",
        )
        account.fault()
        booking_id = db.book("ben", exam)
        eventually(
            lambda: booking_id in account.properties(BOOKINGS, "booking_id"), "the worker is back"
        )
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert "Traceback" not in errors


# The contract


@pytest.mark.skipif(not available(), reason=WHY_SKIPPED)
def test_every_kind_of_exchange_fits_hubspots_documents(world, exam):
    db = world.database
    other = world.exam(mock_exam_name="Second")
    world.bring_in()
    keep, gone, never = (db.book(student, exam) for student in ("ann", "ben", "cat"))
    db.rows("select hubspot_sync.claim_changes('hubspot_bookings')")  # by a worker that died
    db.rows("delete from hubspot_sync.hubspot_bookings where booking_id = %(id)s", id=never)
    world.account.fault(
        {"kind": "cut", "count": 1, "path": TO_BOOKINGS},
        {"kind": "rate_limited", "count": 1, "type": "contacts"},
        {"kind": "validation_rule", "property": "attendance", "pattern": "^Maybe$"},
    )
    for _ in range(3):
        db.let_time_pass()
        world.drain()
    db.rows("delete from hubspot_sync.hubspot_bookings where booking_id = %(id)s", id=gone)
    db.move(keep, other)
    world.drain()
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Maybe'")
    world.drain()
    world.bring_in()
    assert set(world.account.properties(BOOKINGS, "booking_id")) == {keep}
    paths = {request.url.path.rsplit("2026-09/", 1)[1] for request, _ in world.recorder.exchanges}
    assert paths == {
        "contacts",
        EXAM_TYPE,
        UPDATE_CONTACTS,
        UPSERT_BOOKINGS,
        UPDATE_BOOKINGS,
        UPDATE_EXAMS,
        f"{BOOKING_TYPE}/batch/read",
        f"{BOOKING_TYPE}/batch/archive",
        f"{BOOKING_TYPE}/contacts/batch/associate/default",
        f"{BOOKING_TYPE}/{EXAM_TYPE}/batch/associate/default",
        f"{BOOKING_TYPE}/{EXAM_TYPE}/batch/archive",
    }
    statuses = {answer.status_code for _, answer in world.recorder.exchanges if answer}
    assert statuses >= {200, 204, 207, 429}
    assert world.recorder.check() > 10


def test_a_run_ends_while_hubspot_is_away_however_soon_changes_are_due_again(world, exam):
    world.database.book("ann", exam)
    world.account.fault({"kind": "unavailable"})
    batches = []

    def time_passes(size: int) -> None:
        batches.append(size)
        world.database.let_time_pass()

    report = world.drain(progress=time_passes, stopped=lambda: len(batches) >= 50)
    assert (report.sent, report.dead) == (0, 0)
    assert len(batches) == 2  # contacts and bookings, once each
    world.account.fault()
    world.database.let_time_pass()
    assert world.drain().sent > 0
