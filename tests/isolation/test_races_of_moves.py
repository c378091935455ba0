"""A booking is moved while others want its seat, its target, or the booking itself."""

import pytest
from world import CS, SJ, book, call, cancel, move, outcome, set_capacity


def ready(world, *, e1=5, e2=5):
    """Two exams, ann booked for E1, ben and cat for none; her booking_id and two sessions."""
    world.exam("E1", capacity=e1)
    world.exam("E2", capacity=e2, days=31)
    world.students("ann", "ben", "cat")
    booking_id = world.booked("ann", "E1")
    first, second = world.sessions("first", "second")
    first.begin()
    return booking_id, first, second


def delete(session, exam):
    return call(session, "delete_exam", mock_exam_id=exam)


# The last seat of the target


def test_a_booking_is_refused_by_the_move_that_took_the_last_seat(world):
    booking_id, first, second = ready(world, e2=1)
    move(first, booking_id, "E2").row()
    step = book(second, "ben", "E2")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBFUL"
    assert world.seated("E2") == ["ann"]


def test_a_booking_gets_the_last_seat_of_a_move_that_is_rolled_back(world):
    booking_id, first, second = ready(world, e2=1)
    move(first, booking_id, "E2").row()
    step = book(second, "ben", "E2")
    step.waits_for(first)
    first.rollback()
    assert outcome(step) == "done"
    assert (world.seated("E1"), world.seated("E2")) == (["ann"], ["ben"])


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBFUL"), ("rollback", "done")])
def test_a_move_waits_for_the_booking_of_the_last_seat(world, end, expected):
    booking_id, first, second = ready(world, e2=1)
    book(first, "ben", "E2").row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == (["ben"] if end == "commit" else ["ann"])
    assert world.credits("ann") == 4


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBFUL"), ("rollback", "done")])
def test_of_two_moves_to_the_last_seat_one_is_refused(world, end, expected):
    ann, first, second = ready(world, e2=1)
    ben = world.booked("ben", "E1")
    move(first, ann, "E2").row()
    step = move(second, ben, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == (["ann"] if end == "commit" else ["ben"])


# The seat that is left


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_seat_a_move_leaves_can_be_booked_once_it_has_committed(world, end):
    booking_id, first, second = ready(world, e1=1)
    move(first, booking_id, "E2").row()
    early = book(second, "ben", "E1")
    if early.settle(first):
        assert early.refused() == "MBFUL"
        early = None
    first.run(end)
    step = early or book(second, "ben", "E1")
    assert outcome(step) == ("done" if end == "commit" else "MBFUL")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_of_the_exam_a_move_leaves_disturbs_neither(world, end):
    booking_id, first, second = ready(world)
    book(first, "ben", "E1").row()
    step = move(second, booking_id, "E2")
    step.settle(first)
    first.run(end)
    assert outcome(step) == "done"
    assert world.seated("E1") == (["ben"] if end == "commit" else [])


# Crosswise


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_students_who_swap_exams_wait_and_both_get_there(world, swapped, end):
    ann, first, second = ready(world)
    ben = world.booked("ben", "E2")
    moves = [(ann, "E2"), (ben, "E1")]
    if swapped:
        moves.reverse()
    move(first, *moves[0]).row()
    step = move(second, *moves[1])
    step.settle(first)
    first.run(end)
    assert outcome(step) == "done"
    seated = world.seated("E1") + world.seated("E2")
    assert sorted(seated) == ["ann", "ben"]


@pytest.mark.parametrize("held", ["E1", "E2"])
def test_moves_held_at_each_counter_in_turn_never_wait_for_each_other_for_ever(world, held):
    ann, first, second = ready(world)
    first.rollback()
    ben = world.booked("ben", "E2")
    (holder,) = world.sessions("holder")
    holder.begin()
    holder.run(
        "select from hubspot_sync.exam_seats s join hubspot_sync.hubspot_mock_exams e"
        " on e.id = s.exam where e.hubspot_id = %(held)s for update of s",
        held=held,
    )
    one, two = move(first, ann, "E2"), move(second, ben, "E1")
    one.waits_for(holder, second)
    two.waits_for(holder, first)
    holder.rollback()
    assert [outcome(one), outcome(two)] == ["done", "done"]
    assert (world.seated("E1"), world.seated("E2")) == (["ben"], ["ann"])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_students_cannot_swap_the_last_seats_of_two_full_exams(world, end):
    ann, first, second = ready(world, e1=1, e2=1)
    ben = world.booked("ben", "E2")
    assert move(first, ann, "E2").refused() == "MBFUL"
    first.run("rollback")
    first.begin()
    first.run("savepoint s")
    step = move(second, ben, "E1")
    assert step.refused() == "MBFUL"
    first.run(end)
    assert (world.seated("E1"), world.seated("E2")) == (["ann"], ["ben"])


def test_the_seat_one_gives_up_in_a_swap_is_free_for_the_other_once_committed(world):
    ann, first, second = ready(world, e1=1, e2=2)
    ben = world.booked("ben", "E2")
    move(first, ann, "E2").row()
    early = move(second, ben, "E1")
    if early.settle(first):
        assert early.refused() == "MBFUL"
        early = None
    first.commit()
    assert outcome(early or move(second, ben, "E1")) == "done"
    assert (world.seated("E1"), world.seated("E2")) == (["ben"], ["ann"])


# The same booking


def test_a_cancellation_that_waited_for_a_move_frees_the_new_seat(world):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.commit()
    assert step.row()["mock_exam_id"] == "E2"
    assert world.seated("E1") == world.seated("E2") == []
    assert world.credits("ann") == 5


def test_a_cancellation_frees_the_old_seat_when_the_move_is_rolled_back(world):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.rollback()
    assert step.row()["mock_exam_id"] == "E1"
    assert world.credits("ann") == 5


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_a_move_that_waited_for_a_cancellation_moves_no_cancelled_booking(world, end, expected):
    booking_id, first, second = ready(world)
    cancel(first, booking_id).row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == ([] if end == "commit" else ["ann"])
    assert world.credits("ann") == (5 if end == "commit" else 4)


@pytest.mark.parametrize(("end", "expected"), [("commit", "replayed"), ("rollback", "done")])
def test_the_same_move_twice_moves_once(world, end, expected):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    events = "select count(*) from hubspot_sync.supabase_audit_log where event_type = 'moved'"
    assert world.value(events) == 1


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_one_booking_moved_to_two_exams_sits_in_the_last(world, end):
    world.exam("E3", capacity=5, days=32)
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = move(second, booking_id, "E3")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert [world.seated(exam) for exam in ("E1", "E2", "E3")] == [[], [], ["ann"]]


# The same student


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBDUP"), ("rollback", "done")])
def test_a_booking_of_the_exam_the_student_is_moved_to_is_a_double(world, end, expected):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = book(second, "ann", "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == (4 if end == "commit" else 3)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBDUP"), ("rollback", "done")])
def test_a_move_to_the_exam_the_student_is_booking_is_a_double(world, end, expected):
    booking_id, first, second = ready(world)
    book(first, "ann", "E2").row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == ["ann"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_exam_a_student_is_moved_away_from_can_be_booked_again(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = book(second, "ann", "E1")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == ("done" if end == "commit" else "MBDUP")


# The target changes


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBINA"), ("rollback", "done")])
def test_a_move_that_waited_for_its_target_to_close_is_refused(world, end, expected):
    booking_id, first, second = ready(world)
    call(first, "deactivate_exam", mock_exam_id="E2").row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E1") == (["ann"] if end == "commit" else [])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_target_that_closes_waits_for_the_move_and_keeps_it(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = call(second, "deactivate_exam", mock_exam_id="E2")
    step.waits_for(first)
    first.run(end)
    assert step.row()["is_active"] is False
    assert world.seated("E2") == (["ann"] if end == "commit" else [])


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBFUL"), ("rollback", "done")])
def test_a_move_is_refused_by_the_smaller_capacity_it_waited_for(world, end, expected):
    booking_id, first, second = ready(world, e2=1)
    set_capacity(first, 0, "E2").rows()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_move_does_not_go_to_a_date_its_target_no_longer_has(world, end):
    booking_id, first, second = ready(world)
    call(first, "upsert_exam", mock_exam_id="E2", exam_date=world.day(40)).row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    told = outcome(step)
    assert told == "done" or (told == "MBBSY" and end == "commit")
    if told == "done":
        day = world.day(40 if end == "commit" else 31)
        assert str(world.booking(booking_id)["exam_date"])[:10] == day


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_takes_the_booking_along_that_is_being_moved_to_it(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = call(second, "upsert_exam", mock_exam_id="E2", exam_date=world.day(40))
    step.waits_for(first)
    first.run(end)
    step.row()
    day = world.day(40 if end == "commit" else 30)
    assert str(world.booking(booking_id)["exam_date"])[:10] == day


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_leaves_the_booking_alone_that_was_moved_away(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = call(second, "upsert_exam", mock_exam_id="E1", exam_date=world.day(40))
    step.settle(first)
    first.run(end)
    step.row()
    day = world.day(31 if end == "commit" else 40)
    assert str(world.booking(booking_id)["exam_date"])[:10] == day


# Deleted exams


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_move_that_waited_for_its_target_to_be_deleted_is_refused(world, end):
    booking_id, first, second = ready(world)
    delete(first, "E2").rows()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) in (("MBINA", "MBEXM") if end == "commit" else ("done",))
    assert world.seated("E1") == (["ann"] if end == "commit" else [])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_waits_for_the_move_to_its_exam_and_refunds_it(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = delete(second, "E2")
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (1 if end == "commit" else 0)
    assert world.booking(booking_id)["is_active"] == ("Cancelled" if end == "commit" else "Active")
    assert world.credits("ann") == (5 if end == "commit" else 4)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_of_the_exam_a_move_leaves_spares_the_booking(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = delete(second, "E1")
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.booking(booking_id)["is_active"] == ("Active" if end == "commit" else "Cancelled")
    assert world.credits("ann") == (4 if end == "commit" else 5)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_a_move_away_from_an_exam_that_is_deleted_comes_too_late(world, end, expected):
    booking_id, first, second = ready(world)
    delete(first, "E1").rows()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.seated("E2") == ([] if end == "commit" else ["ann"])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_move_and_the_deletion_of_both_its_exams_never_deadlock(world, swapped):
    booking_id, first, second = ready(world)
    first.rollback()
    (holder, third) = world.sessions("holder", "third")
    holder.begin()
    holder.run("select from hubspot_sync.exam_seats order by exam for update")
    moving = move(first, booking_id, "E2")
    moving.waits_for(holder)
    exams = ["E2", "E1"] if swapped else ["E1", "E2"]
    deletions = [delete(second, exams[0]), delete(third, exams[1])]
    for step in deletions:
        step.waits_for(holder, first, second, third)
    holder.rollback()
    assert outcome(moving) == "done"
    cancelled = [len(step.rows()) for step in deletions]
    assert sum(cancelled) == 1
    assert world.credits("ann") == 5


# Types


def test_a_credit_that_does_not_pay_for_the_other_type_is_told_after_the_wait(world):
    world.exam("E3", capacity=1, mock_type=CS, days=33)
    booking_id, first, second = ready(world)
    set_capacity(first, 9, "E3").rows()
    step = move(second, booking_id, "E3")
    step.settle(first)
    first.commit()
    assert step.refused() == "MBTYP"
    assert world.booking(booking_id)["mock_type"] == SJ
