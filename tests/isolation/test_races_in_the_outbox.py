"""Races in the outbox: workers with workers, workers with writers, the import with the drain."""

import pytest
from psycopg.types.json import Jsonb
from sessions import Session, Step
from world import book, write_booking

BOOKINGS = "hubspot_bookings"
CONTACTS = "hubspot_contact_credits"


def claim(worker: Session, table: str = BOOKINGS, limit: int = 100) -> Step:
    """Begin a claim."""
    return worker.start(
        "select * from hubspot_sync.claim_changes(%(table)s, %(limit)s, '2 minutes')",
        table=table,
        limit=limit,
    )


def finish(worker: Session, changes: list[dict], table: str = BOOKINGS) -> Step:
    """Begin the acknowledgement of claimed changes, with ids as HubSpot would give them."""
    results = [
        {
            "record": str(change["record"]),
            "epoch": change["epoch"],
            "hubspot_id": change["hubspot_id"] or f"H-{change['unique_value']}",
            "sent": change["properties"]
            | {link: change[f"{link[1:]}_hubspot_id"] or "" for link in change["associate"]},
        }
        for change in changes
    ]
    return worker.start(
        "select hubspot_sync.finish_changes(%(table)s, %(results)s) as closed",
        table=table,
        results=Jsonb(results),
    )


def let_time_pass(world) -> None:
    """Let every lease and every wait for a later attempt be over."""
    world.execute("update hubspot_sync.sync_queue set next_attempt_at = now() where not synced")


def records(changes: list[dict]) -> set:
    """The records of a claim; none may be in it twice."""
    found = {change["record"] for change in changes}
    assert len(found) == len(changes)
    return found


def open_changes(world, table: str = BOOKINGS) -> int:
    return world.value(
        "select count(*) from hubspot_sync.sync_queue where table_name = %(table)s and not synced",
        table=table,
    )


@pytest.fixture
def four_bookings(world):
    """Four bookings that HubSpot does not have."""
    world.exam(capacity=10)
    world.students("ann", "ben", "cat", "dan")
    return [world.booked(student) for student in ("ann", "ben", "cat", "dan")]


# Workers


@pytest.mark.usefixtures("four_bookings")
def test_two_workers_who_claim_at_once_never_get_the_same_record(world):
    first, second = world.sessions("first", "second")
    first.begin()
    mine = claim(first, limit=3).rows()
    step = claim(second)
    step.settle(first)
    first.commit()
    theirs = step.rows()
    assert records(mine).isdisjoint(records(theirs))
    rest = claim(second).rows()
    assert records(mine) | records(theirs) | records(rest) == {
        row["id"] for row in world.execute("select id from hubspot_sync.hubspot_bookings")
    }


@pytest.mark.usefixtures("four_bookings")
def test_a_claim_that_rolls_back_leaves_its_records_to_the_next(world):
    first, second = world.sessions("first", "second")
    first.begin()
    mine = claim(first).rows()
    step = claim(second)
    step.settle(first)
    first.rollback()
    theirs = step.rows() or claim(second).rows()
    assert records(theirs) == records(mine)


def test_a_record_is_not_handed_out_again_when_an_earlier_change_of_it_commits_late(world):
    world.exam(capacity=10)
    world.students("ann")
    booking = world.booked("ann")
    first, second, late = world.sessions("first", "second", "late")
    world.execute("delete from hubspot_sync.sync_queue")
    late.begin()
    late.run(
        "insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)"
        " select 'hubspot_bookings', id, 'resend', '{\"attendance\": null}'"
        "   from hubspot_sync.hubspot_bookings where booking_id = %(booking)s",
        booking=booking,
    )
    world.execute("update hubspot_sync.hubspot_bookings set dominant_hand = 'left'")
    leased = claim(first).rows()
    assert len(leased) == 1
    late.commit()
    assert claim(second).rows() == []
    assert finish(first, leased).row()["closed"] == 1
    assert open_changes(world) == 1
    again = claim(second).rows()
    assert records(again) == records(leased)
    finish(second, again).rows()
    assert open_changes(world) == 0


def test_a_change_with_a_lower_number_that_commits_late_is_not_passed_over(world):
    world.exam(capacity=10)
    world.students("ann", "ben")
    writer, worker = world.sessions("writer", "worker")
    writer.begin()
    writer.run(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email)"
        " values ('new', 'new@example.com')"
    )
    world.execute(
        "update hubspot_sync.hubspot_contact_credits set firstname = 'Ben' where student_id = 'ben'"
    )
    changes = claim(worker, CONTACTS).rows()
    assert [change["unique_value"] for change in changes] == ["ben"]
    finish(worker, changes, CONTACTS).rows()
    writer.commit()
    changes = claim(worker, CONTACTS).rows()
    assert [change["unique_value"] for change in changes] == ["new"]


@pytest.mark.parametrize("late_one_answers", ["before", "after"])
def test_a_late_worker_closes_nothing_and_the_record_is_sent_once_more(world, late_one_answers):
    world.exam()
    world.students("ann")
    world.booked("ann")
    slow, quick = world.sessions("slow", "quick")
    stale = claim(slow).rows()
    let_time_pass(world)
    fresh = claim(quick).rows()
    assert records(stale) == records(fresh)
    assert stale[0]["epoch"] < fresh[0]["epoch"]
    if late_one_answers == "before":
        assert finish(slow, stale).row()["closed"] == 0
        assert finish(quick, fresh).row()["closed"] == 1
    else:
        assert finish(quick, fresh).row()["closed"] == 1
        assert finish(slow, stale).row()["closed"] == 0
    let_time_pass(world)
    again = claim(quick).rows()
    assert records(again) == records(stale)
    assert set(again[0]["properties"]) == set(stale[0]["properties"])
    finish(quick, again).rows()
    assert open_changes(world) == 0


@pytest.mark.usefixtures("four_bookings")
def test_a_late_worker_that_meets_the_next_claim_in_flight_closes_nothing(world):
    slow, quick = world.sessions("slow", "quick")
    stale = claim(slow).rows()
    let_time_pass(world)
    quick.begin()
    fresh = claim(quick).rows()
    step = finish(slow, stale)
    step.settle(quick)
    quick.commit()
    assert step.row()["closed"] == 0
    assert finish(quick, fresh).row()["closed"] == 4
    let_time_pass(world)
    assert records(claim(quick).rows()) == records(stale)


def test_a_late_worker_that_gives_up_does_not_take_the_record_from_the_next(world):
    world.exam()
    world.students("ann")
    world.booked("ann")
    slow, quick = world.sessions("slow", "quick")
    stale = claim(slow).rows()
    let_time_pass(world)
    fresh = claim(quick).rows()
    failure = {"record": str(stale[0]["record"]), "epoch": stale[0]["epoch"], "error": "late"}
    slow.run(
        "select hubspot_sync.fail_changes('hubspot_bookings', %(failures)s)",
        failures=Jsonb([failure | {"permanent": True}]),
    )
    assert finish(quick, fresh).row()["closed"] == 1
    assert world.value("select count(*) from hubspot_sync.sync_errors") == 0


def test_a_lease_that_ended_unanswered_is_sent_again_after_the_longest_request(world):
    world.exam()
    world.students("ann")
    world.booked("ann")
    lost, worker = world.sessions("lost", "worker")
    claim(lost).rows()
    let_time_pass(world)
    finish(worker, claim(worker).rows()).rows()
    resends = world.execute(
        "select next_attempt_at > now() as later from hubspot_sync.sync_queue"
        " where table_name = 'hubspot_bookings' and operation = 'resend' and not synced"
    )
    assert resends == [{"later": True}]
    assert claim(worker).rows() == []


def test_a_claim_a_late_acknowledgement_and_a_late_failure_never_deadlock(world):
    world.exam(capacity=10)
    # The ids of the records run against those of the rows.
    for number, record in ((1, "f" * 8), (2, "8" * 8), (3, "0" * 8)):
        world.execute(
            "insert into hubspot_sync.hubspot_bookings"
            " (id, booking_id, mock_exam_id, student_id, student_email)"
            " values ((%(record)s || '-0000-4000-8000-000000000000')::uuid, 'B' || %(number)s,"
            "         'E1', 'S' || %(number)s, %(number)s || '@example.com')",
            record=record,
            number=str(number),
        )
    world.execute("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    holder, slow, failing, quick = world.sessions("holder", "slow", "failing", "quick")
    stale = claim(slow).rows()
    assert len(stale) == 3
    let_time_pass(world)
    holder.begin()
    holder.run(
        "select from hubspot_sync.sync_queue where id = (select max(id) from"
        " hubspot_sync.sync_queue where table_name = 'hubspot_bookings') for update"
    )
    claiming = claim(quick)
    claiming.waits_for(holder)
    finishing = finish(slow, list(reversed(stale)))
    finishing.waits_for(holder, quick)
    failures = [
        {
            "record": str(change["record"]),
            "epoch": change["epoch"],
            "error": "late",
            "unanswered": True,
        }
        for change in reversed(stale)
    ]
    giving_back = failing.start(
        "select hubspot_sync.fail_changes('hubspot_bookings', %(failures)s)",
        failures=Jsonb(failures),
    )
    giving_back.waits_for(holder, quick, slow)
    holder.commit()
    fresh = claiming.rows()
    assert records(fresh) == records(stale)
    assert finishing.row()["closed"] == 0
    giving_back.rows()
    assert finish(quick, fresh).row()["closed"] == 3
    for _ in range(2):
        let_time_pass(world)
        finish(quick, claim(quick).rows()).rows()
    assert open_changes(world) == 0


def test_a_full_pass_an_acknowledgement_and_a_claim_never_deadlock(world):
    world.exam(capacity=10)
    for number, record in ((1, "f" * 8), (2, "0" * 8)):
        world.execute(
            "insert into hubspot_sync.hubspot_bookings"
            " (id, booking_id, mock_exam_id, student_id, student_email)"
            " values ((%(record)s || '-0000-4000-8000-000000000000')::uuid, 'B' || %(number)s,"
            "         'E1', 'S' || %(number)s, %(number)s || '@example.com')",
            record=record,
            number=str(number),
        )
    worker, passing, quick, holder = world.sessions("worker", "passing", "quick", "holder")
    finish(worker, claim(worker).rows()).rows()
    # Of both records there is a dead letter, and a change of the same property in flight.
    world.execute("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    world.execute(
        "update hubspot_sync.sync_queue set dead_at = now()"
        " where not synced and table_name = 'hubspot_bookings'"
    )
    world.execute("update hubspot_sync.hubspot_bookings set attendance = 'No'")
    changes = claim(worker).rows()
    assert len(changes) == 2
    holder.begin()
    holder.run(
        "select from hubspot_sync.sync_queue where id ="
        " (select max(id) from hubspot_sync.sync_queue where dead_at is not null) for update"
    )
    finishing = finish(worker, list(reversed(changes)))
    finishing.waits_for(holder)
    comparing = passing.start("select * from hubspot_sync.queue_differences('hubspot_bookings')")
    comparing.settle(holder, worker)
    claiming = claim(quick)
    claiming.settle(holder, worker, passing)
    holder.commit()
    assert finishing.row()["closed"] == 2
    comparing.rows()
    assert claiming.rows() == []
    assert open_changes(world) == 0


def test_a_full_pass_queues_a_change_that_is_being_made_neither_twice_nor_never(world):
    world.exam(capacity=10)
    world.students("ann")
    world.booked("ann")
    writer, passing, worker = world.sessions("writer", "passing", "worker")
    finish(worker, claim(worker).rows()).rows()
    writer.begin()
    writer.run("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    compare = "select queued from hubspot_sync.queue_differences('hubspot_bookings')"
    assert passing.run(compare) == [{"queued": 0}]
    writer.commit()
    assert passing.run(compare) == [{"queued": 0}]
    assert open_changes(world) == 1
    (change,) = claim(worker).rows()
    assert passing.run(compare) == [{"queued": 0}]
    finish(worker, [change]).rows()
    assert passing.run(compare) == [{"queued": 0}]
    assert open_changes(world) == 0


# Workers and writers


def test_a_writer_in_the_middle_of_a_change_does_not_hold_up_a_claim(world):
    world.exam()
    world.students("ann")
    world.booked("ann")
    writer, worker = world.sessions("writer", "worker")
    writer.begin()
    writer.run("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    changes = claim(worker).rows()
    assert [change["properties"]["attendance"] for change in changes] == [""]
    writer.commit()
    finish(worker, changes).rows()
    later = claim(worker).rows()
    assert [change["properties"] for change in later] == [{"attendance": "Yes"}]


def test_a_claim_in_flight_does_not_hold_up_a_writer(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    booking_id = world.booked("ann")
    writer, worker = world.sessions("writer", "worker")
    worker.begin()
    changes = claim(worker).rows()
    writer.run("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    book(writer, "ben").row()
    writer.run("select api.cancel_booking(%(id)s)", id=booking_id)
    worker.commit()
    finish(worker, changes).rows()
    sent = {change["unique_value"]: change["properties"] for change in claim(worker).rows()}
    assert sent[booking_id] == {"attendance": "Yes", "is_active": "Cancelled"}
    assert len(sent) == 2


def test_an_acknowledgement_waits_for_a_writer_and_keeps_the_change_for_the_next_claim(world):
    world.exam()
    world.students("ann")
    world.booked("ann")
    writer, worker = world.sessions("writer", "worker")
    changes = claim(worker).rows()
    writer.begin()
    writer.run("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    step = finish(worker, changes)
    step.settle(writer)
    writer.commit()
    assert step.row()["closed"] == 1
    later = claim(worker).rows()
    assert [change["properties"] for change in later] == [{"attendance": "Yes"}]
    assert later[0]["hubspot_id"] is not None


def test_an_acknowledgement_in_flight_does_not_hold_up_bookings_of_the_same_exam(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    world.booked("ann")
    worker, student = world.sessions("worker", "student")
    changes = claim(worker).rows()
    worker.begin()
    finish(worker, changes).rows()
    assert book(student, "ben").row()["student_id"] == "ben"
    worker.commit()
    assert world.seated() == ["ann", "ben"]


# The import and the drain touch the same rows; whoever is second waits, nobody deadlocks.


def test_an_import_of_contacts_and_an_acknowledgement_never_deadlock(world):
    for number, record in ((1, "f" * 8), (2, "0" * 8)):
        world.execute(
            "insert into hubspot_sync.hubspot_contact_credits"
            " (id, hubspot_id, student_id, email, firstname)"
            " values ((%(record)s || '-0000-4000-8000-000000000000')::uuid, %(number)s,"
            " 'S' || %(number)s, 'S' || %(number)s || '@example.com', 'Old')",
            record=record,
            number=str(number),
        )
    world.execute("update hubspot_sync.hubspot_contact_credits set sj_credits = 1")
    page = [
        {
            "id": str(number),
            "properties": {
                "student_id": f"S{number}",
                "email": f"s{number}@example.com",
                "firstname": "New",
                "sj_credits": "0",
            },
        }
        for number in (1, 2)
    ]
    holder, importer, worker = world.sessions("holder", "importer", "worker")
    changes = claim(worker, CONTACTS).rows()
    assert len(changes) == 2
    holder.begin()
    holder.run("select from hubspot_sync.hubspot_contact_credits where hubspot_id = '1' for update")
    importing = importer.start(
        "select * from hubspot_sync.apply_records('hubspot_contact_credits', %(page)s)",
        page=Jsonb(page),
    )
    importing.waits_for(holder)
    finishing = finish(worker, changes, CONTACTS)
    finishing.waits_for(holder, importer)
    holder.commit()
    assert importing.row() == {"applied": 2, "refused": {}, "stale": []}
    assert finishing.row()["closed"] == 2


def test_an_import_of_exams_and_an_acknowledgement_never_deadlock(world):
    for number, record in ((1, "f" * 8), (2, "0" * 8)):
        world.execute(
            "insert into hubspot_sync.hubspot_mock_exams"
            " (id, hubspot_id, mock_type, exam_date, start_time, capacity, is_active)"
            " values ((%(record)s || '-0000-4000-8000-000000000000')::uuid, %(number)s,"
            " 'Situational Judgment', current_date + 30 + %(days)s, '10:00', 5, 'true')",
            record=record,
            number=str(number),
            days=number,
        )
    world.students("ann")
    world.booked("ann", "1")
    world.booked("ann", "2")
    page = [
        {
            "id": row["hubspot_id"],
            "properties": {
                "mock_type": "Situational Judgment",
                "exam_date": row["exam_date"],
                "start_time": "10:00",
                "capacity": "9",
                "is_active": "true",
            },
        }
        for row in world.execute(
            "select hubspot_id, exam_date::text from hubspot_sync.hubspot_mock_exams"
        )
    ]
    holder, importer, worker = world.sessions("holder", "importer", "worker")
    changes = claim(worker).rows()
    assert len(changes) == 2
    holder.begin()
    holder.run("select from hubspot_sync.hubspot_mock_exams where hubspot_id = '1' for update")
    importing = importer.start(
        "select * from hubspot_sync.apply_records('hubspot_mock_exams', %(page)s)", page=Jsonb(page)
    )
    importing.waits_for(holder)
    finishing = finish(worker, changes)
    finishing.waits_for(holder, importer)
    holder.commit()
    assert importing.row() == {"applied": 2, "refused": {}, "stale": []}
    assert finishing.row()["closed"] == 2


def test_acknowledging_contacts_and_acknowledging_their_bookings_never_deadlock(world):
    world.exam(capacity=5)
    world.execute(
        "insert into hubspot_sync.hubspot_contact_credits (id, student_id, email, sj_credits)"
        " values ('00000000-0000-4000-8000-000000000000', 'ann', 'ann@example.com', 5),"
        "        ('ffffffff-0000-4000-8000-000000000000', 'ben', 'ben@example.com', 5)"
    )
    world.execute(
        "insert into hubspot_sync.hubspot_bookings"
        " (id, booking_id, mock_exam_id, student_id, student_email, is_active)"
        " values ('ffffffff-0000-4000-8000-000000000001', 'B1', 'E1', 'ann', 'ann@example.com',"
        "         'Active'),"
        "        ('00000000-0000-4000-8000-000000000001', 'B2', 'E1', 'ben', 'ben@example.com',"
        "         'Active')"
    )
    holder, first, second = world.sessions("holder", "first", "second")
    contacts, bookings = claim(first, CONTACTS).rows(), claim(second).rows()
    assert (len(contacts), len(bookings)) == (2, 2)
    holder.begin()
    holder.run("select from hubspot_sync.hubspot_bookings where booking_id = 'B1' for update")
    of_contacts = finish(first, contacts, CONTACTS)
    of_contacts.waits_for(holder)
    of_bookings = finish(second, bookings)
    of_bookings.waits_for(holder, first)
    holder.commit()
    assert of_contacts.row()["closed"] == 2
    assert of_bookings.row()["closed"] == 2
    linked = world.execute("select contact_id from hubspot_sync.hubspot_bookings")
    assert {row["contact_id"] for row in linked} == {"H-ann", "H-ben"}


def test_an_import_and_the_acknowledgement_of_a_contact_made_here_never_deadlock(world):
    world.execute(
        "insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)"
        " values ('00000000-0000-4000-8000-000000000000', null, 'ann', 'ann@example.com'),"
        "        ('ffffffff-0000-4000-8000-000000000000', '1', 'ben', 'ben@example.com')"
    )
    world.execute("update hubspot_sync.hubspot_contact_credits set sj_credits = 1")
    # HubSpot has both by now, and the import reads both before the worker has acknowledged.
    page = [
        {"id": number, "properties": {"student_id": name, "email": f"{name}@example.com"}}
        for number, name in (("1", "ben"), ("H-ann", "ann"))
    ]
    holder, importer, worker = world.sessions("holder", "importer", "worker")
    changes = claim(worker, CONTACTS).rows()
    assert len(changes) == 2
    holder.begin()
    holder.run("select from hubspot_sync.hubspot_contact_credits where hubspot_id = '1' for update")
    importing = importer.start(
        "select * from hubspot_sync.apply_records('hubspot_contact_credits', %(page)s)",
        page=Jsonb(page),
    )
    importing.waits_for(holder)
    finishing = finish(worker, changes, CONTACTS)
    finishing.waits_for(holder, importer)
    holder.commit()
    assert importing.row() == {"applied": 2, "refused": {}, "stale": []}
    assert finishing.row()["closed"] == 2
    ids = world.execute("select hubspot_id from hubspot_sync.hubspot_contact_credits")
    assert {row["hubspot_id"] for row in ids} == {"1", "H-ann"}


def test_an_import_of_exams_and_a_writer_of_many_bookings_never_deadlock(world):
    for number, record in (("1", "f" * 8), ("2", "0" * 8)):
        world.execute(
            "insert into hubspot_sync.hubspot_mock_exams"
            " (id, hubspot_id, mock_type, exam_date, start_time, capacity, is_active)"
            " values ((%(record)s || '-0000-4000-8000-000000000000')::uuid, %(number)s,"
            " 'Situational Judgment', current_date + 30, '10:00', 5, 'true')",
            record=record,
            number=number,
        )
    world.students("ann", "ben")
    holder, importer, writer = world.sessions("holder", "importer", "writer")
    write_booking(writer, "ann", 1, "1").rows()
    write_booking(writer, "ben", 2, "2").rows()
    page = [
        {
            "id": number,
            "properties": {
                "mock_type": "Situational Judgment",
                "exam_date": world.value("select (current_date + 30)::text"),
                "start_time": "10:00",
                "capacity": "9",
                "is_active": "true",
            },
        }
        for number in ("1", "2")
    ]
    holder.begin()
    holder.run(
        "select from hubspot_sync.exam_seats"
        " where exam = 'ffffffff-0000-4000-8000-000000000000' for update"
    )
    importing = importer.start(
        "select * from hubspot_sync.apply_records('hubspot_mock_exams', %(page)s)", page=Jsonb(page)
    )
    importing.waits_for(holder)
    writing = writer.start("update hubspot_sync.hubspot_bookings set is_active = 'Cancelled'")
    writing.waits_for(holder, importer)
    holder.commit()
    assert importing.row() == {"applied": 2, "refused": {}, "stale": []}
    writing.rows()
    assert world.seated("1") + world.seated("2") == []
