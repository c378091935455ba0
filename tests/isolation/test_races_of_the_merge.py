"""What is read of HubSpot meets what students, administrators and workers do at this moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from sessions import Session, Step
from test_races_in_the_outbox import claim, finish
from world import book, call, cancel, move, outcome

BOOKINGS, CONTACTS, EXAMS = "hubspot_bookings", "hubspot_contact_credits", "hubspot_mock_exams"
# Later than anything known; nothing far ahead of the clock is believed.
EARLIER, BETWEEN, LATER = (
    f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}Z" for hours in (1, 2, 3)
)


def apply(session: Session, table: str, *records: dict[str, Any]) -> Step:
    """Begin the merge of what was read."""
    return session.start(
        "select * from hubspot_sync.apply_records(%(table)s, %(records)s)",
        table=table,
        records=Jsonb(list(records)),
    )


def lose(session: Session, table: str, *ids: str) -> Step:
    """Begin to take over that records were deleted in HubSpot."""
    return session.start(
        "select hubspot_sync.apply_gone(%(table)s, %(gone)s) as refused",
        table=table,
        gone=Jsonb([{"id": hubspot_id, "archived": True} for hubspot_id in ids]),
    )


def contact(student: str, balances: list[int], version: str = EARLIER, **properties: str) -> dict:
    """A contact as HubSpot has it: its balance at first, and perhaps the one it was given later."""
    entries = [
        {"value": str(value), "timestamp": at, "sourceType": "CRM_UI", "sourceId": "userId:1"}
        for value, at in zip(balances, (EARLIER, LATER), strict=False)
    ]
    return {
        "id": f"C-{student}",
        "updatedAt": version,
        "properties": {
            "student_id": student,
            "email": f"{student}@example.com",
            "sj_credits": str(balances[-1]),
        }
        | properties,
        "propertiesWithHistory": {"sj_credits": entries[::-1]},
    }


def booking(world, booking_id: str, **edited: str) -> dict:
    """A booking as HubSpot has it: as it is here, but for what was edited there."""
    row = world.value(
        "select jsonb_build_object('id', b.hubspot_id, 'properties',"
        "  hubspot_sync.booking_properties(b) - '{@contact,@exam}'::text[]) as record"
        " from hubspot_sync.hubspot_bookings b where b.booking_id = %(id)s",
        id=booking_id,
    )
    row["properties"] |= edited
    return row | {"updatedAt": LATER}


def sent(world) -> None:
    """Everything that is open was sent and acknowledged before."""
    (worker,) = world.sessions("earlier worker")
    for table in (CONTACTS, BOOKINGS):
        if changes := claim(worker, table).rows():
            finish(worker, changes, table).row()


def balance(world, student: str) -> tuple[int, int]:
    """A balance, and what the ledger makes of it."""
    (row,) = world.execute(
        "select c.sj_credits, (select sum(l.delta) from hubspot_sync.credit_ledger l"
        "  where l.contact = c.id and l.credit = 'sj_credits')::integer as ledger"
        " from hubspot_sync.hubspot_contact_credits c where c.student_id = %(student)s",
        student=student,
    )
    return row["sj_credits"], row["ledger"]


@pytest.fixture
def known(world):
    """An exam with seats, and two students whom HubSpot was read to have with five credits."""
    world.exam(capacity=10)
    world.exam("E2", capacity=10, days=31)
    (reader,) = world.sessions("reader")
    apply(reader, CONTACTS, contact("ann", [5]), contact("ben", [5])).row()
    return world


# A contact is read


@pytest.mark.parametrize(("end", "balances"), [("commit", 7), ("rollback", 4)])
def test_a_booking_waits_for_a_top_up_and_both_count(known, end, balances):
    reader, student = known.sessions("reader", "student")
    reader.begin()
    apply(reader, CONTACTS, contact("ann", [5, 8], LATER)).row()
    step = book(student, "ann")
    step.waits_for(reader)
    reader.run(end)
    assert outcome(step) == "done"
    assert balance(known, "ann") == (balances, balances)


@pytest.mark.parametrize(("end", "balances"), [("commit", 7), ("rollback", 8)])
def test_a_top_up_waits_for_a_booking_and_both_count(known, end, balances):
    reader, student = known.sessions("reader", "student")
    student.begin()
    book(student, "ann").row()
    step = apply(reader, CONTACTS, contact("ann", [5, 8], LATER))
    step.waits_for(student)
    student.run(end)
    assert step.row()["applied"] == 1
    assert balance(known, "ann") == (balances, balances)


def test_the_last_credit_taken_away_in_hubspot_is_not_spent_as_well(known):
    reader, student = known.sessions("reader", "student")
    reader.begin()
    apply(reader, CONTACTS, contact("ann", [5, 0], LATER)).row()
    step = book(student, "ann")
    step.waits_for(reader)
    reader.commit()
    assert outcome(step) == "MBCRD"
    assert balance(known, "ann") == (0, 0)


def test_the_last_credit_spent_is_not_taken_away_in_hubspot_as_well(known):
    reader, student = known.sessions("reader", "student")
    student.begin()
    book(student, "ann").row()
    step = apply(reader, CONTACTS, contact("ann", [5, 0], LATER))
    step.waits_for(student)
    student.commit()
    assert step.row()["applied"] == 1
    assert balance(known, "ann") == (0, 0)
    assert known.value(
        "select decision from hubspot_sync.sync_conflicts where field = 'sj_credits'"
    ).endswith("stopped at 0")


@pytest.mark.parametrize("first", ["the reader", "the student"])
def test_a_refund_and_a_top_up_both_count(known, first):
    booking_id = known.booked("ann")
    reader, student = known.sessions("reader", "student")
    ahead, behind = (reader, student) if first == "the reader" else (student, reader)
    begin = {
        reader: lambda: apply(reader, CONTACTS, contact("ann", [5, 8], LATER)),
        student: lambda: cancel(student, booking_id),
    }
    ahead.begin()
    begin[ahead]().row()
    step = begin[behind]()
    step.waits_for(ahead)
    ahead.commit()
    step.rows()
    assert balance(known, "ann") == (8, 8)


def test_a_contact_read_by_two_gets_its_top_up_once(known):
    first, second = known.sessions("first", "second")
    first.begin()
    apply(first, CONTACTS, contact("ann", [5, 8], LATER)).row()
    step = apply(second, CONTACTS, contact("ann", [5, 8], LATER))
    step.waits_for(first)
    first.commit()
    assert step.row()["applied"] == 1
    assert balance(known, "ann") == (8, 8)


def test_an_acknowledgement_that_waits_for_a_newer_reading_is_sent_once_more(known):
    known.booked("ann")
    worker, reader = known.sessions("worker", "reader")
    changes = claim(worker, CONTACTS).rows()
    reader.begin()
    apply(reader, CONTACTS, contact("ann", [5, 8], LATER)).row()
    step = worker.start(
        "select hubspot_sync.finish_changes(%(table)s, %(results)s) as closed",
        table=CONTACTS,
        results=Jsonb(
            [
                {
                    "record": str(change["record"]),
                    "epoch": change["epoch"],
                    "hubspot_id": "C-ann",
                    "sent": change["properties"],
                    "version": BETWEEN,
                }
                for change in changes
            ]
        ),
    )
    step.waits_for(reader)
    reader.commit()
    assert step.row()["closed"] == 1
    assert balance(known, "ann") == (7, 7)
    (again,) = claim(worker, CONTACTS).rows()
    assert again["properties"] == {"sj_credits": "7"}


def test_contacts_read_and_bookings_cancelled_the_other_way_round_never_deadlock(known):
    ids = [known.booked("ann"), known.booked("ben")]
    holder, reader, admin = known.sessions("holder", "reader", "admin")
    first, second = known.execute(
        "select student_id from hubspot_sync.hubspot_contact_credits order by id"
    )
    holder.begin()
    holder.run(
        "select from hubspot_sync.hubspot_contact_credits where student_id = %(s)s for update",
        s=first["student_id"],
    )
    reading = apply(
        reader,
        CONTACTS,
        contact(second["student_id"], [5, 8], LATER, firstname="New"),
        contact(first["student_id"], [5, 8], LATER, firstname="New"),
    )
    reading.waits_for(holder)
    cancelling = call(admin, "cancel_bookings", booking_ids=ids[::-1])
    cancelling.waits_for(holder, reader)
    holder.commit()
    assert reading.row()["applied"] == 2
    assert [row["done"] for row in cancelling.rows()] == [True, True]
    assert balance(known, "ann") == balance(known, "ben") == (8, 8)


def test_a_merge_of_two_contacts_and_a_booking_of_the_one_that_goes_lose_no_credit(known):
    reader, student = known.sessions("reader", "student")
    reader.begin()
    apply(reader, CONTACTS, contact("ann", [5], LATER, hs_merged_object_ids="C-ben")).row()
    step = book(student, "ben")
    step.waits_for(reader)
    reader.commit()
    assert outcome(step) == "done"
    assert known.seated() == ["ann"]
    assert balance(known, "ann") == (9, 9)
    assert balance(known, "ben") == (0, 0)


def test_a_booking_of_a_contact_that_is_about_to_be_merged_moves_with_it(known):
    reader, student = known.sessions("reader", "student")
    student.begin()
    book(student, "ben").row()
    step = apply(reader, CONTACTS, contact("ann", [5], LATER, hs_merged_object_ids="C-ben"))
    step.waits_for(student)
    student.commit()
    assert step.row()["applied"] == 1
    assert known.seated() == ["ann"]
    assert balance(known, "ann") == (9, 9)


def test_a_cancellation_meets_the_merge_of_the_contact_that_paid(known):
    booking_id = known.booked("ben")
    reader, student = known.sessions("reader", "student")
    reader.begin()
    apply(reader, CONTACTS, contact("ann", [5], LATER, hs_merged_object_ids="C-ben")).row()
    step = cancel(student, booking_id)
    step.waits_for(reader)
    reader.commit()
    # It waited for a contact that is not the booking's any more.
    if outcome(step) == "MBBSY":
        assert outcome(cancel(student, booking_id)) == "done"
    assert known.seated() == []
    assert balance(known, "ann") == (10, 10)


# A booking is read


@pytest.mark.parametrize("first", ["the reader", "the student"])
def test_a_booking_cancelled_on_both_sides_is_refunded_once(known, first):
    booking_id = known.booked("ann")
    sent(known)
    record = booking(known, booking_id, is_active="Cancelled")
    reader, student = known.sessions("reader", "student")
    ahead, behind = (reader, student) if first == "the reader" else (student, reader)
    begin = {
        reader: lambda: apply(reader, BOOKINGS, record),
        student: lambda: cancel(student, booking_id),
    }
    ahead.begin()
    begin[ahead]().row()
    step = begin[behind]()
    step.waits_for(ahead)
    ahead.commit()
    step.rows()
    assert known.seated() == []
    assert balance(known, "ann") == (5, 5)


def test_a_seat_freed_in_hubspot_is_booked_only_when_that_is_certain(known):
    known.exam("E3", capacity=1, days=40)
    booking_id = known.booked("ann", "E3")
    sent(known)
    reader, student = known.sessions("reader", "student")
    reader.begin()
    apply(reader, BOOKINGS, booking(known, booking_id, is_active="Cancelled")).row()
    step = book(student, "ben", "E3")
    assert step.settle(reader) is False or step.refused() == "MBFUL"
    reader.rollback()
    assert known.seated("E3") == ["ann"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_that_is_moved_is_not_cancelled_by_what_was_read_before(known, end):
    booking_id = known.booked("ann")
    sent(known)
    record = booking(known, booking_id, is_active="Cancelled")
    admin, reader = known.sessions("admin", "reader")
    admin.begin()
    move(admin, booking_id, "E2").row()
    step = apply(reader, BOOKINGS, record)
    step.waits_for(admin)
    admin.run(end)
    assert step.row()["applied"] == 1
    # The cancellation was asked for of the booking, wherever it is.
    assert known.seated() == known.seated("E2") == []
    assert balance(known, "ann") == (5, 5)


def test_bookings_read_and_an_exam_deleted_never_deadlock(known):
    ids = [known.booked("ann"), known.booked("ben")]
    sent(known)
    records = [booking(known, id_, is_active="Cancelled") for id_ in ids]
    holder, admin, reader = known.sessions("holder", "admin", "reader")
    holder.begin()
    holder.run("select from hubspot_sync.hubspot_bookings where student_id = 'ben' for update")
    deleting = call(admin, "delete_exam", mock_exam_id="E1")
    deleting.waits_for(holder)
    reading = apply(reader, BOOKINGS, *records)
    reading.waits_for(admin, holder)
    holder.commit()
    assert len(deleting.rows()) == 2
    assert reading.row()["applied"] == 2
    assert balance(known, "ann") == balance(known, "ben") == (5, 5)


def test_bookings_deleted_in_hubspot_and_cancelled_the_other_way_round_never_deadlock(known):
    ids = [known.booked("ann"), known.booked("ben")]
    sent(known)
    holder, reader, admin = known.sessions("holder", "reader", "admin")
    (last,) = known.execute(
        "select student_id from hubspot_sync.hubspot_contact_credits order by id desc limit 1"
    )
    holder.begin()
    holder.run(
        "select from hubspot_sync.hubspot_contact_credits where student_id = %(s)s for update",
        s=last["student_id"],
    )
    losing = lose(reader, BOOKINGS, *(f"H-{id_}" for id_ in ids))
    losing.waits_for(holder)
    cancelling = call(admin, "cancel_bookings", booking_ids=ids[::-1])
    cancelling.waits_for(holder, reader)
    holder.commit()
    assert losing.row()["refused"] == {}
    assert [row["done"] for row in cancelling.rows()] == [True, True]
    assert known.seated() == []
    assert balance(known, "ann") == balance(known, "ben") == (5, 5)


def test_an_exam_deleted_in_hubspot_while_a_seat_is_booked_keeps_nobody(known):
    student, reader = known.sessions("student", "reader")
    student.begin()
    book(student, "ann").row()
    step = lose(reader, EXAMS, "E1")
    step.waits_for(student)
    student.commit()
    assert step.row()["refused"] == {}
    assert known.seated() == []
    assert balance(known, "ann") == (5, 5)
