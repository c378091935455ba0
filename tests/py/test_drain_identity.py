"""Which HubSpot record is which: unique properties or none, conflicts, merges, rebirths."""

import pytest
from hubspot_world import BOOKING_TYPE, BOOKINGS, CONTACTS, Database, World

from glue.errors import Rejected
from glue.hubspot import HubSpot
from glue.rpc import BOOKINGS as BOOKING_TABLE

OBJECTS = "/crm/objects/2026-09"
CREATE_BOOKINGS = f"{OBJECTS}/{BOOKING_TYPE}/batch/create"
UPSERT = "/batch/upsert"
NEW_CONTACT = (
    "insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)"
    " values (%(student)s, %(email)s, 5)"
)


@pytest.fixture
def plain(server, database_url):
    """A world whose account keeps neither student_id nor booking_id unique."""
    account, database = server.new(unique=False), Database(database_url)
    world = World(account, database, unique=False)
    try:
        yield world
        world.recorder.check()
        assert database.violations() == []
    finally:
        account.close()
        database.close()


@pytest.fixture
def plain_exam(plain):
    """An exam and three students of such an account; the exam's HubSpot id."""
    for name in ("ann", "ben", "cat"):
        plain.student(name)
    exam = plain.exam()
    plain.bring_in()
    plain.forget()
    return exam


# Without unique properties


def test_an_account_without_unique_properties_is_noticed_and_remembered_for_a_day(
    plain, plain_exam
):
    db = plain.database
    db.rows("delete from hubspot_sync.sync_status")
    db.book("ann", plain_exam)
    plain.drain()
    db.book("ben", plain_exam)
    plain.drain()
    asked = [r for r, _ in plain.recorder.exchanges if "/crm/properties/" in r.url.path]
    assert len(asked) == 1
    db.rows("update hubspot_sync.sync_status set last_run_at = last_run_at - interval '25 hours'")
    db.book("cat", plain_exam)
    plain.drain()
    asked = [r for r, _ in plain.recorder.exchanges if "/crm/properties/" in r.url.path]
    assert len(asked) == 2


def test_what_was_remembered_by_a_clock_that_was_ahead_is_asked_again(plain, plain_exam):
    db = plain.database
    db.rows(
        "update hubspot_sync.sync_status"
        "   set last_run_at = now() + interval '1 year', state = '{\"unique\": true}'"
    )
    db.book("ann", plain_exam)
    assert plain.drain().failed == 0
    assert len(plain.account.records(BOOKINGS)) == 1


def test_without_unique_properties_records_are_searched_before_they_are_made(plain, plain_exam):
    db, account = plain.database, plain.account
    there = account.create(BOOKINGS, booking_id="BK-1", attendance="No")
    db.rows(
        "insert into hubspot_sync.hubspot_bookings"
        " (booking_id, mock_exam_id, student_id, student_email, is_active)"
        " select 'BK-' || n, %(exam)s, 'S' || n, n || '@example.com', 'Active'"
        "   from generate_series(1, 3) n",
        exam=plain_exam,
    )
    assert plain.drain().failed == 0
    bookings = account.properties(BOOKINGS, "booking_id")
    assert set(bookings) == {"BK-1", "BK-2", "BK-3"}
    assert bookings["BK-1"]["hs_object_id"] == there
    assert bookings["BK-1"].get("attendance") in (None, "")
    assert plain.sent(UPSERT) == []
    links = account.links(BOOKINGS, "booking_id")
    assert [links[name]["mock_exams"] for name in sorted(links)] == [[plain_exam]] * 3
    here = db.rows("select booking_id, hubspot_id from hubspot_sync.hubspot_bookings")
    assert {row["booking_id"]: row["hubspot_id"] for row in here} == {
        name: row["hs_object_id"] for name, row in bookings.items()
    }
    assert db.open_changes() == []


def test_a_creation_without_an_answer_waits_until_search_has_seen_it(plain, plain_exam):
    db, account = plain.database, plain.account
    account.limits(index_lag_seconds=30)
    booking = db.book("ann", plain_exam)
    account.fault({"kind": "cut", "path": CREATE_BOOKINGS, "count": 1})
    plain.drain()
    wait = db.value(
        "select extract(epoch from min(next_attempt_at) - now()) from hubspot_sync.sync_queue"
        " where not synced and table_name = 'hubspot_bookings'"
    )
    assert wait > 50
    account.advance(60)
    db.let_time_pass()
    plain.drain()
    db.let_time_pass()
    plain.drain()
    assert set(account.properties(BOOKINGS, "booking_id")) == {booking}
    assert db.open_changes() == []


def test_of_two_records_search_lagged_behind_every_later_write_goes_to_one(plain, plain_exam):
    db, account = plain.database, plain.account
    account.limits(index_lag_seconds=600)
    booking = db.book("ann", plain_exam)
    account.fault({"kind": "cut", "path": CREATE_BOOKINGS, "count": 1})
    plain.drain()
    db.let_time_pass()
    plain.drain()
    # That much is not promised: search had not seen the first one yet.
    rows = account.records(BOOKINGS)
    assert [row["properties"]["booking_id"] for row in rows] == [booking] * 2
    written = db.value("select hubspot_id from hubspot_sync.hubspot_bookings")
    account.advance(601)
    db.let_time_pass()
    plain.drain()
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    plain.drain()
    assert len(account.records(BOOKINGS)) == 2
    attended = [r["id"] for r in account.records(BOOKINGS) if r["properties"].get("attendance")]
    assert attended == [written]
    assert db.open_changes() == []


def test_a_record_gone_in_hubspot_is_made_anew_with_its_key_and_once(plain, plain_exam):
    db, account = plain.database, plain.account
    booking = db.book("ann", plain_exam)
    plain.drain()
    (before,) = account.records(BOOKINGS)
    account.delete(BOOKINGS, before["id"])
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    plain.drain()
    db.let_time_pass()
    plain.drain()
    (after,) = account.records(BOOKINGS)
    assert after["properties"]["booking_id"] == booking
    assert after["properties"]["attendance"] == "Yes"
    assert after["properties"]["student_id"] == "ann"
    assert after["associations"] == before["associations"]
    assert db.value("select hubspot_id from hubspot_sync.hubspot_bookings") == after["id"]
    assert db.open_changes() == []


def test_without_unique_properties_a_bad_record_fails_alone_and_nothing_is_written_twice(
    plain, plain_exam
):
    db, account = plain.database, plain.account
    account.create(BOOKINGS, booking_id="BK-1")
    account.fault({"kind": "validation_rule", "property": "attendance", "pattern": "^Mars$"})
    db.rows(
        "insert into hubspot_sync.hubspot_bookings"
        " (booking_id, mock_exam_id, student_id, student_email, is_active, attendance)"
        " select 'BK-' || n, %(exam)s, 'S' || n, n || '@example.com', 'Active',"
        "        case when n = 3 then 'Mars' else 'Yes' end"
        "   from generate_series(1, 5) n",
        exam=plain_exam,
    )
    assert plain.drain().dead == 1
    assert set(account.properties(BOOKINGS, "booking_id")) == {"BK-1", "BK-2", "BK-4", "BK-5"}
    created = [one["properties"]["booking_id"] for one in plain.sent(CREATE_BOOKINGS)]
    assert len([name for name in created if name != "BK-3"]) == 3
    assert len(db.open_changes(BOOKING_TABLE)) == 1


def test_a_contact_with_an_email_hubspot_knows_is_adopted_without_unique_properties(plain):
    db, account = plain.database, plain.account
    there = account.create(CONTACTS, email="new@example.com", firstname="By hand")
    db.rows(NEW_CONTACT, student="new", email="new@example.com")
    assert plain.drain().failed == 0
    (contact,) = account.records(CONTACTS)
    assert contact["id"] == there
    assert contact["properties"]["student_id"] == "new"
    assert contact["properties"]["sj_credits"] == "5"
    assert db.value("select hubspot_id from hubspot_sync.hubspot_contact_credits") == there


# Conflicts


def test_a_conflict_names_a_record_without_owner_and_that_one_is_taken(world):
    db, account = world.database, world.account
    there = account.create(CONTACTS, email="new@example.com", firstname="By hand")
    db.rows(NEW_CONTACT, student="new", email="New@Example.com")
    assert world.drain().failed == 0
    (contact,) = account.records(CONTACTS)
    assert contact["id"] == there
    assert (contact["properties"]["student_id"], contact["properties"]["sj_credits"]) == (
        "new",
        "5",
    )
    assert db.value("select hubspot_id from hubspot_sync.hubspot_contact_credits") == there
    assert db.open_changes() == []


def test_a_conflict_with_somebody_elses_record_is_a_dead_letter_and_that_one_stays(world):
    db, account = world.database, world.account
    other = account.create(CONTACTS, student_id="other", email="new@example.com", sj_credits=1)
    db.rows(NEW_CONTACT, student="new", email="new@example.com")
    db.rows(NEW_CONTACT, student="fine", email="fine@example.com")
    report = world.drain()
    assert (report.sent, report.dead) == (1, 1)
    assert any(other in error and "other" in error for error in report.errors)
    contacts = account.properties(CONTACTS, "student_id")
    assert set(contacts) == {"other", "fine"}
    assert contacts["other"]["sj_credits"] == "1"
    assert (
        db.value(
            "select hubspot_id from hubspot_sync.hubspot_contact_credits where student_id = 'new'"
        )
        is None
    )


def test_two_contacts_here_for_one_there_are_told_to_a_person(world):
    db, account = world.database, world.account
    world.student("ann")
    world.bring_in()
    db.rows(NEW_CONTACT, student="ann", email="ann@elsewhere.com")
    world.drain()
    assert len(account.records(CONTACTS)) == 1
    (error,) = db.rows("select * from hubspot_sync.sync_errors where resolved_at is null")
    assert error["error_message"] == "another contact here has the student id ann, too"
    ids = db.rows("select hubspot_id from hubspot_sync.hubspot_contact_credits order by email")
    assert [row["hubspot_id"] is None for row in ids] == [True, False]


# Gone, merged, remade


@pytest.mark.parametrize("follows", [False, True], ids=["a merged id is gone", "it is followed"])
def test_a_booking_merged_with_another_in_hubspot_goes_on_under_its_own_record(
    world, exam, follows
):
    db, account = world.database, world.account
    first, second = db.book("ann", exam), db.book("ben", exam)
    world.drain()
    ids = {name: row["hs_object_id"] for name, row in _bookings(account).items()}
    account.merge(BOOKINGS, ids[first], ids[second])
    account.limits(merged_reads_follow=follows, merged_writes_follow=follows)
    db.rows(
        "update hubspot_sync.hubspot_bookings set attendance = 'Yes' where booking_id = %(id)s",
        id=second,
    )
    for _ in range(3):
        world.drain()
        db.let_time_pass()
    assert [c for c in db.open_changes() if c["dead_at"]] == []
    bookings = _bookings(account)
    assert bookings[first]["hs_object_id"] == ids[first]
    assert bookings[second]["attendance"] == "Yes"
    assert bookings[second]["student_id"] == "ben"


def test_a_link_of_a_booking_that_is_gone_in_hubspot_makes_it_anew(world, exam):
    db, account = world.database, world.account
    db.rows(NEW_CONTACT, student="new", email="new@example.com")
    booking = db.book("new", exam)
    account.fault({"kind": "locked", "count": 1, "type": "contacts"})
    world.drain()
    account.delete(BOOKINGS, account.records(BOOKINGS)[0]["id"])
    for _ in range(4):
        db.let_time_pass()
        world.drain()
    assert [c for c in db.open_changes() if c["dead_at"]] == []
    (there,) = account.records(BOOKINGS)
    assert there["properties"]["booking_id"] == booking
    assert there["properties"]["student_id"] == "new"
    contact = db.value(
        "select hubspot_id from hubspot_sync.hubspot_contact_credits where student_id = 'new'"
    )
    assert there["associations"] == {"contacts": [contact], "mock_exams": [exam]}


def test_a_deleted_record_that_was_doubled_is_archived_twice(plain, plain_exam):
    db, account = plain.database, plain.account
    booking = db.book("ann", plain_exam)
    plain.drain()
    account.create(BOOKINGS, booking_id=booking)
    db.rows("update hubspot_sync.hubspot_bookings set hubspot_id = null")
    db.rows("delete from hubspot_sync.hubspot_bookings")
    plain.drain()
    assert account.records(BOOKINGS) == []
    assert db.open_changes(BOOKING_TABLE) == []


# Answers that say little


def test_a_refusal_of_more_than_one_record_makes_no_dead_letters_at_once(world, exam, monkeypatch):
    db = world.database
    for student in ("ann", "ben", "cat"):
        db.book(student, exam)
    db.rows("delete from hubspot_sync.sync_status")

    def refuse(*_):
        raise Rejected("HubSpot answered 400: not today", status=400)

    monkeypatch.setattr(HubSpot, "get_property", refuse)
    report = world.drain()
    assert (report.failed, report.dead) == (3, 0)
    monkeypatch.undo()
    db.let_time_pass()
    world.drain()
    assert len(_bookings(world.account)) == 3


@pytest.mark.parametrize("known", [False, True], ids=["new", "known to HubSpot"])
def test_errors_without_trace_ids_are_traced_by_halving(world, exam, monkeypatch, known):
    db, account = world.database, world.account
    db.rows("delete from hubspot_sync.hubspot_bookings")
    db.rows(
        "insert into hubspot_sync.hubspot_bookings"
        " (booking_id, mock_exam_id, student_id, student_email, is_active)"
        " select 'BK-' || n, %(exam)s, 'S' || n, n || '@example.com', 'Active'"
        "   from generate_series(1, 7) n",
        exam=exam,
    )
    if known:
        world.drain()
    db.rows(
        "update hubspot_sync.hubspot_bookings"
        "   set attendance = case when booking_id in ('BK-3', 'BK-4') then 'Mars' else 'Yes' end"
    )
    account.fault({"kind": "validation_rule", "property": "attendance", "pattern": "^Mars$"})

    def untraced(self, object_type, verb, inputs):
        result = traced(self, object_type, verb, inputs)
        for reason in result.errors.values():
            result.untraced = reason
        result.errors = {}
        return result

    traced = HubSpot._batch
    monkeypatch.setattr(HubSpot, "_batch", untraced)
    assert world.drain().dead == 2
    there = {name: row.get("attendance") for name, row in _bookings(account).items()}
    assert [there.get(f"BK-{n}") for n in (1, 2, 5, 6, 7)] == ["Yes"] * 5
    assert {there.get("BK-3"), there.get("BK-4")} <= {None, ""}
    (error,) = {row["last_error"] for row in db.open_changes(BOOKING_TABLE)}
    assert "Mars" in error or "rule" in error or "attendance" in error


def test_a_renamed_contact_does_not_take_the_record_of_who_has_its_old_name_now(world):
    db, account = world.database, world.account
    db.rows(NEW_CONTACT, student="x", email="first@example.com")
    account.fault({"kind": "locked", "count": 1, "type": "contacts"})
    world.drain()
    db.rows("update hubspot_sync.hubspot_contact_credits set student_id = 'y'")
    db.rows(NEW_CONTACT, student="x", email="second@example.com")
    for _ in range(3):
        world.drain()
        db.let_time_pass()
    contacts = account.properties(CONTACTS, "student_id")
    assert {name: row["email"] for name, row in contacts.items()} == {
        "x": "second@example.com",
        "y": "first@example.com",
    }
    assert db.open_changes() == []


def _bookings(account):
    return account.properties(BOOKINGS, "booking_id")


def test_a_second_contact_of_a_student_id_does_not_take_the_first_ones_place(world, exam):
    db, account = world.database, world.account
    db.rows(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email, firstname)"
        " values ('ann', 'other@example.com', 'Other')"
    )
    before = account.properties(CONTACTS, "student_id")["ann"]
    report = world.drain()
    assert (report.sent, report.dead) == (0, 1)
    assert report.errors == ["contacts ann: another contact here has the student id ann, too"]
    assert account.properties(CONTACTS, "student_id")["ann"] == before
    db.rows(
        "update hubspot_sync.hubspot_contact_credits set student_id = 'ann2'"
        " where email = 'other@example.com'"
    )
    assert world.drain().dead == 0
    assert set(account.properties(CONTACTS, "student_id")) == {"ann", "ann2", "ben", "cat"}
