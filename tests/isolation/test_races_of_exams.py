"""An exam is closed, opened, moved or deleted while others book and cancel."""

import pytest
from world import book, call, cancel, move, outcome, set_capacity


def deactivate(session, exam="E1"):
    return call(session, "deactivate_exam", mock_exam_id=exam)


def activate(session, exam="E1"):
    return call(session, "activate_exam", mock_exam_id=exam)


def delete(session, exam="E1"):
    return call(session, "delete_exam", mock_exam_id=exam)


def postpone(session, day, exam="E1"):
    return call(session, "upsert_exam", mock_exam_id=exam, exam_date=day)


def ready(world, *, is_open=True, capacity=5):
    """An exam, two students, two sessions of which the first has begun a transaction."""
    world.exam(capacity=capacity, is_open=is_open)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    return first, second


# Book and deactivate


def test_a_booking_is_refused_by_the_deactivation_it_waited_for(world):
    first, second = ready(world)
    deactivate(first).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBINA"
    assert world.credits("ann") == 5


def test_a_booking_succeeds_when_the_deactivation_is_rolled_back(world):
    first, second = ready(world)
    deactivate(first).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert outcome(step) == "done"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deactivation_waits_for_a_booking_and_closes_after_it(world, end):
    first, second = ready(world)
    book(first, "ann").row()
    step = deactivate(second)
    step.waits_for(first)
    first.run(end)
    assert step.row()["is_active"] is False
    assert world.seated() == (["ann"] if end == "commit" else [])
    assert book(first, "ben").refused() == "MBINA"


# The gate


def slots(world, session):
    """How many slots of a gate the session holds."""
    return world.value(
        "select count(*) from pg_catalog.pg_locks"
        " where locktype = 'advisory' and granted and objsubid = 2 and pid = %(pid)s",
        pid=session.pid,
    )


@pytest.mark.parametrize(
    ("use", "held"),
    [
        (lambda world, session: book(session, "ann"), 1),
        (lambda world, session: move(session, world.booked("ann", "E2"), "E1"), 1),
        (lambda world, session: delete(session), 4),
        (lambda world, session: postpone(session, world.day(40)), 4),
        (lambda world, session: set_capacity(session, 9), 0),
    ],
    ids=["book", "move", "delete", "postpone", "capacity"],
)
def test_a_booking_holds_one_slot_of_the_gate_and_a_change_of_the_exam_all(world, use, held):
    world.exam("E2", capacity=5, days=31)
    first, _ = ready(world)
    use(world, first).rows()
    assert slots(world, first) == held


# Book and activate


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_can_be_booked_once_its_activation_has_committed(world, end):
    first, second = ready(world, is_open=False)
    activate(first).row()
    early = book(second, "ann")
    if early.settle(first):
        assert early.refused() == "MBINA"
        early = None
    first.run(end)
    step = early or book(second, "ann")
    assert outcome(step) == ("done" if end == "commit" else "MBINA")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_activating_an_open_exam_disturbs_no_booking(world, end):
    first, second = ready(world)
    book(first, "ann").row()
    step = activate(second)
    step.settle(first)
    first.run(end)
    assert step.row()["is_active"] is True
    assert outcome(book(first, "ben")) == "done"


# Activate, deactivate, what is due


def due(world):
    world.execute(
        "update hubspot_sync.hubspot_mock_exams"
        " set scheduled_activation_at = now() - interval '1 minute'"
    )


def test_an_exam_being_deactivated_is_left_alone_by_what_activates_due_ones(world):
    first, second = ready(world, is_open=False)
    due(world)
    deactivate(first).row()
    assert call(second, "activate_due_exams").row()["changed"] == 0
    first.commit()
    assert call(second, "activate_due_exams").row()["changed"] == 0
    assert book(second, "ann").refused() == "MBINA"


def test_a_deactivation_that_rolls_back_leaves_the_exam_due(world):
    first, second = ready(world, is_open=False)
    due(world)
    deactivate(first).row()
    assert call(second, "activate_due_exams").row()["changed"] == 0
    first.rollback()
    assert call(second, "activate_due_exams").row()["changed"] == 1
    assert outcome(book(second, "ann")) == "done"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deactivation_that_waits_for_a_due_activation_has_the_last_word(world, end):
    first, second = ready(world, is_open=False)
    due(world)
    assert call(first, "activate_due_exams").row()["changed"] == 1
    step = deactivate(second)
    step.waits_for(first)
    first.run(end)
    assert step.row()["is_active"] is False
    assert call(second, "activate_due_exams").row()["changed"] == 0
    assert book(second, "ann").refused() == "MBINA"


def test_two_activations_of_what_is_due_activate_it_once(world):
    first, second = ready(world, is_open=False)
    due(world)
    assert call(first, "activate_due_exams").row()["changed"] == 1
    assert call(second, "activate_due_exams").row()["changed"] == 0
    first.commit()


# Book and an exam that is moved


def test_a_booking_that_waited_for_its_exam_to_be_moved_is_told_to_look_again(world):
    first, second = ready(world)
    postpone(first, world.day(40)).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBBSY"
    assert world.credits("ann") == 5
    assert str(book(second, "ann").row()["exam_date"]) == world.day(40)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBBSY"), ("rollback", "done")])
def test_a_booking_that_waited_for_another_start_time_is_told_to_look_again(world, end, expected):
    first, second = ready(world)
    call(first, "upsert_exam", mock_exam_id="E1", start_time="16:00").row()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


def test_a_booking_succeeds_when_the_move_of_its_exam_is_rolled_back(world):
    first, second = ready(world)
    postpone(first, world.day(40)).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert str(step.row()["exam_date"]) == world.day(30)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_waits_for_a_booking_and_takes_it_along(world, end):
    first, second = ready(world)
    answer = book(first, "ann").row()
    step = postpone(second, world.day(40))
    step.waits_for(first)
    first.run(end)
    assert str(step.row()["exam_date"]) == world.day(40)
    if end == "commit":
        moved = world.booking(answer["booking_id"])
        assert str(moved["exam_date"])[:10] == world.day(40)
    assert world.seated() == (["ann"] if end == "commit" else [])


def test_a_booking_on_the_day_an_exam_is_moved_to_waits_and_is_a_double(world):
    world.exam("E2", capacity=5, days=40)
    first, second = ready(world)
    world.booked("ann")
    postpone(first, world.day(40)).row()
    step = book(second, "ann", "E2")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBDUP"
    assert world.credits("ann") == 4


def test_a_booking_on_the_day_an_exam_is_not_moved_to_succeeds(world):
    world.exam("E2", capacity=5, days=40)
    first, second = ready(world)
    world.booked("ann")
    postpone(first, world.day(40)).row()
    step = book(second, "ann", "E2")
    step.waits_for(first)
    first.rollback()
    assert outcome(step) == "done"


def exempt(world):
    return world.value("select count(*) from hubspot_sync.hubspot_bookings where exempt")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_moved_to_the_day_of_a_booking_in_flight_keeps_both_and_says_so(world, end):
    world.exam("E2", capacity=5, days=40)
    first, second = ready(world)
    world.booked("ann")
    book(first, "ann", "E2").row()
    step = postpone(second, world.day(40))
    step.waits_for(first)
    first.run(end)
    step.row()
    assert exempt(world) == (1 if end == "commit" else 0)
    conflicts = world.value("select count(*) from hubspot_sync.sync_conflicts")
    assert conflicts == (1 if end == "commit" else 0)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_exams_moved_to_one_day_at_once_leave_one_booking_that_counts(world, end):
    world.exam("E2", capacity=5, days=31)
    first, second = ready(world)
    world.booked("ann")
    world.booked("ann", "E2")
    postpone(first, world.day(40)).row()
    step = postpone(second, world.day(40), "E2")
    step.waits_for(first)
    first.run(end)
    step.row()
    assert exempt(world) == (1 if end == "commit" else 0)


def test_two_exams_with_the_same_students_are_moved_to_one_day_without_a_deadlock(world):
    """One exam meets ann first, the other ben; a booking of cat's holds the first one up."""
    world.students("ann", "ben", "cat")
    world.exam("E1", capacity=5, days=30)
    world.exam("E2", capacity=5, days=31)
    world.exam("E3", capacity=5, days=40)
    for student, exam in (
        ("ann", "E1"), ("cat", "E1"), ("ben", "E1"), ("ben", "E2"), ("ann", "E2"),
    ):  # fmt: skip
        world.booked(student, exam)
    holder, first, second = world.sessions("holder", "first", "second")
    holder.begin()
    book(holder, "cat", "E3").row()
    one = postpone(first, world.day(40), "E1")
    one.waits_for(holder)
    two = postpone(second, world.day(40), "E2")
    two.settle(first, holder)
    holder.rollback()
    assert [outcome(one), outcome(two)] == ["done", "done"]


# Book and delete


def test_a_booking_is_refused_by_the_deletion_it_waited_for(world):
    first, second = ready(world)
    delete(first).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() in ("MBINA", "MBEXM")
    assert world.credits("ann") == 5


def test_a_booking_succeeds_when_the_deletion_is_rolled_back(world):
    first, second = ready(world)
    delete(first).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert outcome(step) == "done"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_waits_for_a_booking_and_refunds_it(world, end):
    first, second = ready(world)
    book(first, "ann").row()
    step = delete(second)
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (1 if end == "commit" else 0)
    assert world.seated() == []
    assert world.credits("ann") == 5


def test_of_two_deletions_at_once_the_second_finds_nothing(world):
    first, second = ready(world)
    world.booked("ann")
    assert len(delete(first).rows()) == 1
    step = delete(second)
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBEXM"
    assert world.credits("ann") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_repeated_request_is_replayed_though_its_exam_is_being_deleted(world, end):
    first, second = ready(world)
    answer = book(second, "ann", key="k1").row()
    delete(first).rows()
    step = book(second, "ann", key="k1")
    step.settle(first)
    first.run(end)
    assert step.row() == answer | {"replayed": True}


# Cancel and delete


def test_a_cancellation_that_waited_for_the_deletion_finds_it_done(world):
    first, second = ready(world)
    booking_id = world.booked("ann")
    delete(first).rows()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.commit()
    assert outcome(step) == "replayed"
    assert world.credits("ann") == 5


def test_a_cancellation_counts_when_the_deletion_is_rolled_back(world):
    first, second = ready(world)
    booking_id = world.booked("ann")
    delete(first).rows()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.rollback()
    assert outcome(step) == "done"
    assert world.credits("ann") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_waits_for_a_cancellation_and_refunds_only_what_is_left(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    world.booked("ben")
    cancel(first, booking_id).row()
    step = delete(second)
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (1 if end == "commit" else 2)
    assert (world.credits("ann"), world.credits("ben")) == (5, 5)
    assert world.seated() == []


# Cancel and an exam that is moved


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_cancellation_waits_while_its_exam_is_moved(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    postpone(first, world.day(40)).row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert world.credits("ann") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_waits_for_a_cancellation(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    cancel(first, booking_id).row()
    step = postpone(second, world.day(40))
    step.waits_for(first)
    first.run(end)
    step.row()
    assert world.seated() == ([] if end == "commit" else ["ann"])


# Changes of one exam at once


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize(
    ("change", "other"),
    [
        (deactivate, activate),
        (activate, deactivate),
        (deactivate, lambda session: set_capacity(session, 9)),
        (lambda session: set_capacity(session, 9), deactivate),
        (activate, delete),
        (lambda session: set_capacity(session, 9), delete),
    ],
)
def test_two_changes_of_one_exam_follow_each_other(world, change, other, end):
    first, second = ready(world)
    change(first).rows()
    step = other(second)
    step.settle(first)
    first.run(end)
    step.rows()


@pytest.mark.parametrize("change", [deactivate, activate, lambda s: set_capacity(s, 9)])
def test_a_change_of_an_exam_that_waited_for_its_deletion_finds_no_exam(world, change):
    first, second = ready(world)
    delete(first).rows()
    step = change(second)
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBEXM"
