"""The full pass: what differs is found and sent, what agrees costs no call."""

import pytest
from hubspot_world import BOOKING_TYPE, BOOKINGS, CONTACTS, EXAMS, UPDATE_BOOKINGS

from glue import push
from glue.db import connect
from glue.drain import Drain
from glue.rpc import Rpc

RULE = {"kind": "validation_rule", "property": "attendance", "pattern": "^Mars$"}


@pytest.fixture
def pushed(world):
    """A function that runs the full pass; its report."""

    def run(*, everything: bool = False) -> push.PushReport:
        with connect(world.database.url) as connection, world.hubspot() as hubspot:
            rpc = Rpc(connection)
            return push.run(rpc, Drain(rpc, hubspot, lane="bulk"), everything=everything)

    return run


def behind_the_back(db, table: str, change: str, **arguments: object) -> None:
    """A change that no trigger of the outbox sees."""
    trigger = f"alter table hubspot_sync.{table} {{}} trigger {table}_outbox"
    db.rows(trigger.format("disable"))
    db.rows(f"update hubspot_sync.{table} set {change}", **arguments)
    db.rows(trigger.format("enable"))


def test_where_nothing_differs_nothing_is_sent(world, exam, pushed):
    db, account = world.database, world.account
    db.book("ann", exam)
    world.drain()
    account.calls()
    report = pushed()
    assert (report.checked, report.queued, report.drained.sent) == (5, 0, 0)
    assert account.calls() == 0


def test_what_changed_behind_the_triggers_is_found_and_that_alone_is_sent(world, exam, pushed):
    db, account = world.database, world.account
    ids = {student: db.book(student, exam) for student in ("ann", "ben")}
    world.drain()
    world.forget()
    behind_the_back(
        db, "hubspot_bookings", "attendance = 'Yes' where student_id = %(who)s", who="ann"
    )
    behind_the_back(db, "hubspot_mock_exams", "location = 'Leeds'")
    assert pushed().queued == 2
    assert [one["properties"] for one in world.sent(UPDATE_BOOKINGS)] == [{"attendance": "Yes"}]
    there = account.properties(BOOKINGS, "booking_id")
    assert there[ids["ann"]]["attendance"] == "Yes"
    assert account.records(EXAMS)[0]["properties"]["location"] == "Leeds"
    assert db.open_changes() == []
    assert pushed().queued == 0


def test_a_record_without_an_id_gets_it(world, exam, pushed):
    db = world.database
    booking = db.book("ann", exam)
    db.rows("delete from hubspot_sync.sync_queue where table_name = 'hubspot_bookings'")
    assert pushed().queued == 2  # the booking, and the exam's count that follows from it
    there = world.account.properties(BOOKINGS, "booking_id")[booking]
    assert db.value("select hubspot_id from hubspot_sync.hubspot_bookings") == there["hs_object_id"]
    assert world.account.links(BOOKINGS, "booking_id")[booking]["mock_exams"] == [exam]


def test_of_a_row_of_the_old_layout_only_what_is_ours_to_decide_is_sent(world, exam, pushed):
    db = world.database
    db.rows("delete from hubspot_sync.sync_shadow")
    world.forget()
    report = pushed()
    assert report.queued == 4
    sent = [one["properties"] for one in world.sent("contacts/batch/update")]
    credits = {"sj_credits", "cs_credits", "sjmini_credits", "mock_discussion_token"}
    assert [set(properties) for properties in sent] == [credits | {"shared_mock_credits"}] * 3
    (exam_sent,) = [one["properties"] for one in world.sent("2-50158913/batch/update")]
    assert set(exam_sent) == {"total_bookings"}
    assert pushed().queued == 0


def test_a_dead_letter_is_tried_once_a_pass_and_what_else_differs_does_not_wait_for_it(
    world, exam, pushed
):
    db, account = world.database, world.account
    booking = db.book("ann", exam)
    world.drain()
    account.fault(RULE)
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Mars'")
    assert world.drain().dead == 1
    behind_the_back(db, "hubspot_bookings", "dominant_hand = 'left'")
    pushed()
    there = account.properties(BOOKINGS, "booking_id")[booking]
    assert there["dominant_hand"] == "left"
    assert there.get("attendance") in (None, "")
    for _ in range(2):
        world.forget()
        assert pushed().drained.dead == 1
        tried = [one["properties"] for one in world.sent(UPDATE_BOOKINGS)]
        assert tried == [{"attendance": "Mars"}]
    account.fault()
    assert pushed().drained.dead == 0
    assert account.properties(BOOKINGS, "booking_id")[booking]["attendance"] == "Mars"
    assert db.open_changes() == []
    assert db.value("select count(*) from hubspot_sync.sync_errors where resolved_at is null") == 0


def test_a_dead_letter_that_no_longer_says_anything_new_is_settled(world, exam, pushed):
    db, account = world.database, world.account
    db.book("ann", exam)
    world.drain()
    account.fault(RULE)
    db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Mars'")
    world.drain()
    behind_the_back(db, "hubspot_bookings", "attendance = null")
    pushed()
    assert db.open_changes() == []


def test_a_dead_letter_of_a_deleted_record_gets_its_attempt(world, exam, pushed):
    db, account = world.database, world.account
    db.book("ann", exam)
    world.drain()
    db.rows("delete from hubspot_sync.hubspot_bookings")
    db.rows("update hubspot_sync.sync_queue set dead_at = now() where operation = 'delete'")
    assert len(account.records(BOOKINGS)) == 1
    assert pushed().queued == 1
    assert account.records(BOOKINGS) == []
    assert db.open_changes() == []


def test_a_change_that_is_on_its_way_is_left_alone(world, exam, pushed):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "locked", "path": BOOKING_TYPE, "count": 1})
    world.drain()
    before = len(db.open_changes())
    assert pushed().queued == 0
    assert len(db.open_changes()) == before


def test_a_contact_whose_student_id_another_has_is_told_of_and_never_sent(world, exam, pushed):
    db, account = world.database, world.account
    before = account.properties(CONTACTS, "student_id")["ann"]
    db.rows(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email)"
        " values ('ann', 'ann@elsewhere.com')"
    )
    pushed()
    account.calls()
    told = "contacts ann: another contact here has the student id ann, too"
    assert pushed().drained.errors == [told]
    assert account.calls() == 0
    assert account.properties(CONTACTS, "student_id")["ann"] == before


def test_everything_goes_when_everything_is_asked_for(world, exam, pushed):
    db, account = world.database, world.account
    booking = db.book("ann", exam)
    world.drain()
    account.edit(BOOKINGS, account.records(BOOKINGS)[0]["id"], attendance="Mars")
    assert pushed().queued == 0  # what was edited there is not seen from here
    assert pushed(everything=True).queued == 5
    assert account.properties(BOOKINGS, "booking_id")[booking].get("attendance") in (None, "")
    assert db.open_changes() == []
