"""Many bookings are cancelled in one call while others want the same rows."""

import pytest
from world import book, call, cancel, move, outcome


def cancel_many(session, *booking_ids):
    return call(session, "cancel_bookings", booking_ids=list(booking_ids))


def ready(world, *, capacity=5):
    """ann and ben booked for E1; their booking_ids and two sessions."""
    world.exam("E1", capacity=capacity)
    world.students("ann", "ben", "cat")
    ann, ben = world.booked("ann"), world.booked("ben")
    first, second = world.sessions("first", "second")
    first.begin()
    return ann, ben, first, second


def done(step):
    """Which bookings the call cancelled or found cancelled, in its order."""
    return [row["done"] for row in step.rows()]


def cancellations(world):
    return world.value(
        "select count(*) from hubspot_sync.supabase_audit_log where event_type = 'cancelled'"
    )


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_same_bookings_in_opposite_order_wait_and_are_refunded_once(world, end):
    ann, ben, first, second = ready(world)
    assert done(cancel_many(first, ann, ben)) == [True, True]
    step = cancel_many(second, ben, ann)
    step.waits_for(first)
    first.run(end)
    assert done(step) == [True, True]
    assert (world.credits("ann"), world.credits("ben")) == (5, 5)
    assert cancellations(world) == 2


@pytest.mark.parametrize("held", ["ann", "ben"])
def test_opposite_orders_held_at_either_student_never_wait_for_each_other(world, held):
    ann, ben, first, second = ready(world)
    first.rollback()
    (holder,) = world.sessions("holder")
    holder.begin()
    holder.run(
        "select from hubspot_sync.hubspot_contact_credits where student_id = %(held)s for update",
        held=held,
    )
    one, two = cancel_many(first, ann, ben), cancel_many(second, ben, ann)
    one.waits_for(holder, second)
    two.waits_for(holder, first)
    holder.rollback()
    assert done(one) == done(two) == [True, True]
    assert cancellations(world) == 2


def test_many_cancellations_held_at_a_student_hold_no_booking(world):
    ann, ben, first, second = ready(world)
    first.run(
        "select from hubspot_sync.hubspot_contact_credits where student_id = 'ann'"
        " for no key update"
    )
    (third,) = world.sessions("third")
    step = cancel_many(second, ben, ann)
    step.waits_for(first)
    third.run("select from hubspot_sync.hubspot_bookings for update nowait")
    first.commit()
    assert done(step) == [True, True]


@pytest.mark.parametrize("swapped", [False, True])
def test_bookings_of_two_exams_in_opposite_order_never_wait_for_each_other(world, swapped):
    """Different students, so that only the counters meet."""
    world.exam("E2", capacity=5, days=31)
    world.exam("E1", capacity=5)
    world.students("ann", "ben", "cat", "dan")
    mine = [world.booked("ann", "E1"), world.booked("ben", "E2")]
    yours = [world.booked("cat", "E2"), world.booked("dan", "E1")]
    counters = world.execute("select exam from hubspot_sync.exam_seats order by exam")
    holder, first, second = world.sessions("holder", "first", "second")
    holder.begin()
    holder.run(
        "select from hubspot_sync.exam_seats where exam = %(exam)s for update",
        exam=counters[1 if swapped else 0]["exam"],
    )
    one, two = cancel_many(first, *mine), cancel_many(second, *yours)
    one.waits_for(holder, second)
    two.waits_for(holder, first)
    holder.rollback()
    assert done(one) == done(two) == [True, True]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_single_cancellation_among_many_counts_once(world, end):
    ann, ben, first, second = ready(world)
    cancel(first, ben).row()
    step = cancel_many(second, ann, ben)
    step.waits_for(first)
    first.run(end)
    assert done(step) == [True, True]
    assert (world.credits("ann"), world.credits("ben")) == (5, 5)
    assert cancellations(world) == 2


@pytest.mark.parametrize(("end", "expected"), [("commit", "replayed"), ("rollback", "done")])
def test_many_cancellations_before_a_single_one_count_once(world, end, expected):
    ann, ben, first, second = ready(world)
    cancel_many(first, ann, ben).rows()
    step = cancel(second, ben)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ben") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_seats_of_many_cancellations_can_be_booked_once_they_have_committed(world, end):
    ann, ben, first, second = ready(world, capacity=2)
    cancel_many(first, ann, ben).rows()
    early = book(second, "cat")
    if early.settle(first):
        assert early.refused() == "MBFUL"
        early = None
    first.run(end)
    step = early or book(second, "cat")
    assert outcome(step) == ("done" if end == "commit" else "MBFUL")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_many_cancellations_wait_for_a_booking_of_one_of_their_students(world, end):
    world.exam("E2", capacity=5, days=31)
    ann, ben, first, second = ready(world)
    book(first, "ann", "E2").row()
    step = cancel_many(second, ann, ben)
    step.waits_for(first)
    first.run(end)
    assert done(step) == [True, True]
    assert world.seated("E1") == []
    assert world.credits("ann") == (4 if end == "commit" else 5)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_student_books_anew_after_many_cancellations(world, end):
    ann, ben, first, second = ready(world)
    cancel_many(first, ann, ben).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == ("done" if end == "commit" else "MBDUP")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_waits_for_many_cancellations_and_refunds_the_rest(world, end):
    ann, ben, first, second = ready(world)
    cancel_many(first, ann).rows()
    step = call(second, "delete_exam", mock_exam_id="E1")
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (1 if end == "commit" else 2)
    assert (world.credits("ann"), world.credits("ben")) == (5, 5)
    assert ben


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_many_cancellations_that_waited_for_a_deletion_refund_nothing_twice(world, end):
    ann, ben, first, second = ready(world)
    call(first, "delete_exam", mock_exam_id="E1").rows()
    step = cancel_many(second, ben, ann)
    step.waits_for(first)
    first.run(end)
    assert done(step) == [True, True]
    assert (world.credits("ann"), world.credits("ben")) == (5, 5)
    assert cancellations(world) == 2


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_among_many_that_was_moved_is_cancelled_where_it_is(world, end):
    world.exam("E2", capacity=5, days=31)
    ann, ben, first, second = ready(world)
    move(first, ann, "E2").row()
    step = cancel_many(second, ben, ann)
    step.waits_for(first)
    first.run(end)
    assert done(step) == [True, True]
    assert world.seated("E1") == world.seated("E2") == []


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_move_that_waited_for_many_cancellations_moves_nothing(world, end):
    world.exam("E2", capacity=5, days=31)
    ann, ben, first, second = ready(world)
    cancel_many(first, ann, ben).rows()
    step = move(second, ben, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == ("MBSTA" if end == "commit" else "done")


def test_one_booking_named_twice_is_refunded_once(world):
    ann, ben, first, second = ready(world)
    cancel(first, ben).row()
    step = cancel_many(second, ann, ben, ann)
    step.waits_for(first)
    first.commit()
    assert done(step) == [True, True, True]
    assert world.credits("ann") == 5
