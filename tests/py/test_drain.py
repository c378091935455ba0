"""The drain in fair weather, against a simulator over HTTP and a real Postgres."""

import pytest
from hubspot_contract import WHY_SKIPPED, available
from hubspot_world import (
    BOOKING_TYPE,
    BOOKINGS,
    CONTACTS,
    EXAM_TYPE,
    EXAMS,
    TO_BOOKINGS,
    UPDATE_BOOKINGS,
    UPDATE_CONTACTS,
    UPDATE_EXAMS,
    UPSERT_BOOKINGS,
)

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
        BOOKING_TYPE,
        f"{EXAM_TYPE}/capacity",
        f"{BOOKING_TYPE}/booking_id",
        f"{BOOKING_TYPE}/contacts/batch/read",
        f"{BOOKING_TYPE}/{EXAM_TYPE}/batch/read",
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
