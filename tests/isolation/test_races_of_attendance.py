"""Attendance is marked and past bookings completed while bookings are cancelled and moved."""

import pytest
from world import book, call, cancel, move, outcome


def ready(world, *, days):
    """ann and ben booked for E1, which was so many days ago; two sessions.

    The bookings are made while the exam is still to come, then time goes on.
    """
    world.exam("E1", capacity=5, days=30)
    world.exam("E2", capacity=5, days=100)
    world.students("ann", "ben")
    ann, ben = world.booked("ann"), world.booked("ben")
    world.execute(
        "create or replace function hubspot_sync.clock() returns timestamptz language sql stable"
        f" return now() + interval '{30 + days} days'"
    )
    first, second = world.sessions("first", "second")
    first.begin()
    return ann, ben, first, second


def mark(session, booking_id, attendance="No"):
    return call(session, "mark_attendance", booking_id=booking_id, attendance=attendance)


def complete(session):
    return call(session, "complete_past_bookings")


def status(world, booking_id):
    row = world.booking(booking_id)
    return row["is_active"], row["attendance"]


# Attendance and cancelling


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_attendance_that_waited_for_a_cancellation_is_not_marked(world, end, expected):
    ann, _, first, second = ready(world, days=1)
    cancel(first, ann).row()
    step = mark(second, ann)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_cancellation_that_waited_for_attendance_keeps_it(world, end):
    ann, _, first, second = ready(world, days=1)
    mark(first, ann).row()
    step = cancel(second, ann)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert status(world, ann) == ("Cancelled", "No" if end == "commit" else None)
    assert world.credits("ann") == 5


@pytest.mark.parametrize(("end", "expected"), [("commit", "replayed"), ("rollback", "done")])
def test_the_same_attendance_twice_is_marked_once(world, end, expected):
    ann, _, first, second = ready(world, days=1)
    mark(first, ann).row()
    step = mark(second, ann)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    events = "select count(*) from hubspot_sync.supabase_audit_log where event_type = 'no_show'"
    assert world.value(events) == 1


def test_of_two_attendances_the_later_stays(world):
    ann, _, first, second = ready(world, days=1)
    mark(first, ann, "No").row()
    step = mark(second, ann, "Yes")
    step.waits_for(first)
    first.commit()
    assert step.row()["attendance"] == "Yes"


# Attendance and completing


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_whose_attendance_is_being_marked_is_completed_by_the_next_run(world, end):
    ann, ben, first, second = ready(world, days=2)
    mark(first, ann).row()
    assert complete(second).row()["changed"] == 1
    first.run(end)
    assert complete(second).row()["changed"] == 1
    assert status(world, ann) == ("Completed", "No" if end == "commit" else None)
    assert status(world, ben)[0] == "Completed"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_attendance_waits_for_the_completion_and_is_marked(world, end):
    ann, _, first, second = ready(world, days=2)
    complete(first).row()
    step = mark(second, ann)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert status(world, ann) == ("Completed" if end == "commit" else "Active", "No")


# Completing and cancelling


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_that_is_being_cancelled_is_not_completed(world, end):
    ann, _, first, second = ready(world, days=2)
    cancel(first, ann).row()
    assert complete(second).row()["changed"] == 1
    first.run(end)
    assert complete(second).row()["changed"] == (0 if end == "commit" else 1)
    assert status(world, ann)[0] == ("Cancelled" if end == "commit" else "Completed")
    assert world.credits("ann") == (5 if end == "commit" else 4)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_a_cancellation_that_waited_for_the_completion_gives_nothing_back(world, end, expected):
    ann, _, first, second = ready(world, days=2)
    complete(first).row()
    step = cancel(second, ann)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == (4 if end == "commit" else 5)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_many_cancellations_that_waited_for_the_completion_give_nothing_back(world, end):
    ann, ben, first, second = ready(world, days=2)
    complete(first).row()
    step = call(second, "cancel_bookings", booking_ids=[ben, ann])
    step.waits_for(first)
    first.run(end)
    told = [row["code"] for row in step.rows()]
    assert told == (["MBSTA", "MBSTA"] if end == "commit" else [None, None])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_completions_at_once_complete_each_booking_once(world, end):
    _, _, first, second = ready(world, days=2)
    assert complete(first).row()["changed"] == 2
    assert complete(second).row()["changed"] == 0
    first.run(end)
    assert complete(second).row()["changed"] == (0 if end == "commit" else 2)


# Completing and moving


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_that_is_being_moved_to_a_later_exam_is_not_completed(world, end):
    ann, _, first, second = ready(world, days=2)
    move(first, ann, "E2").row()
    assert complete(second).row()["changed"] == 1
    first.run(end)
    assert complete(second).row()["changed"] == (0 if end == "commit" else 1)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_a_move_that_waited_for_the_completion_moves_nothing(world, end, expected):
    ann, _, first, second = ready(world, days=2)
    complete(first).row()
    step = move(second, ann, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == ([] if end == "commit" else ["ann"])


def test_a_booking_moved_while_others_are_completed_is_not_completed(world):
    """A trigger stops the completion at its first booking; the second one is moved meanwhile."""
    ann, ben, first, second = ready(world, days=2)
    moved = max(ann, ben, key=lambda booking_id: world.booking(booking_id)["id"])
    world.execute(
        "create function public.stop() returns trigger language plpgsql as"
        " 'begin perform pg_advisory_xact_lock(4711); return new; end'"
    )
    world.execute(
        "create trigger stop before update on hubspot_sync.hubspot_bookings for each row"
        " when (new.is_active = 'Completed') execute function public.stop()"
    )
    for way in ("hashjoin", "mergejoin"):  # so that it locks and changes one booking at a time
        second.run(f"set enable_{way} = off")
    (holder,) = world.sessions("holder")
    holder.begin()
    holder.run("select pg_advisory_xact_lock(4711)")
    step = complete(second)
    step.waits_for(holder)
    move(first, moved, "E2").row()
    first.commit()
    holder.rollback()
    step.row()
    assert status(world, moved)[0] == "Active"


def test_a_completion_does_not_disturb_bookings_of_its_students(world):
    _, _, first, second = ready(world, days=2)
    complete(first).row()
    assert outcome(book(second, "ann", "E2")) == "done"
    first.commit()
