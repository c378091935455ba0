"""Races for the seats of an exam: bookings, cancellations, administrators, other writers."""

import psycopg
from world import (
    book,
    cancel,
    change_exam,
    set_capacity,
    write_booking,
    write_cancellation,
)

# Two bookings


def who(step):
    """Who was booked, or the SQLSTATE of the refusal."""
    try:
        return step.row()["student_id"]
    except psycopg.Error as error:
        return error.sqlstate


def test_of_two_bookings_for_the_last_seat_the_second_is_refused_when_the_first_commits(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = book(second, "ben")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBFUL"
    assert world.seated() == ["ann"]
    assert world.credits("ben") == 5


def test_of_two_bookings_for_the_last_seat_the_second_books_when_the_first_rolls_back(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = book(second, "ben")
    step.waits_for(first)
    first.rollback()
    assert step.row()["student_id"] == "ben"
    assert world.seated() == ["ben"]
    assert (world.credits("ann"), world.credits("ben")) == (5, 4)


def test_of_many_waiting_for_the_last_seat_one_books_when_its_holder_rolls_back(world):
    students = ["ben", "cat", "dan", "eve", "fay", "gus"]
    world.exam(capacity=1)
    world.students("ann", *students)
    first, *others = world.sessions("first", *students)
    first.begin()
    book(first, "ann").row()
    steps = [book(session, session.name) for session in others]
    for step in steps:
        step.waits_for(first, *others)
    first.rollback()
    answers = [who(step) for step in steps]
    (booked,) = [student for student in students if student in answers]
    assert sorted(answers) == sorted(["MBFUL"] * 5 + [booked])
    assert world.seated() == [booked]


def test_of_many_waiting_for_the_last_seat_none_books_when_its_holder_commits(world):
    students = ["ben", "cat", "dan", "eve", "fay", "gus"]
    world.exam(capacity=1)
    world.students("ann", *students)
    first, *others = world.sessions("first", *students)
    first.begin()
    book(first, "ann").row()
    steps = [book(session, session.name) for session in others]
    for step in steps:
        step.waits_for(first, *others)
    first.commit()
    assert [who(step) for step in steps] == ["MBFUL"] * 6
    assert world.seated() == ["ann"]


def test_two_bookings_for_the_last_two_seats_both_succeed(world):
    world.exam(capacity=2)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = book(second, "ben")
    step.settle(first)
    first.commit()
    assert step.row()["replayed"] is False
    assert world.seated() == ["ann", "ben"]


def test_bookings_of_different_exams_do_not_wait_for_each_other(world):
    world.exam("E1")
    world.exam("E2")
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", "E1").row()
    assert book(second, "ben", "E2").row()["mock_exam_id"] == "E2"
    first.commit()


def test_a_seat_taken_and_given_back_in_one_transaction_is_free_for_who_waited(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    booking = book(first, "ann").row()
    step = book(second, "ben")
    step.waits_for(first)
    cancel(first, booking["booking_id"]).row()
    first.commit()
    assert step.row()["student_id"] == "ben"


# A booking and a cancellation


def test_the_seat_a_cancellation_frees_can_be_booked_as_soon_as_it_has_committed(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    cancel(first, booking_id).row()
    early = book(second, "ben")
    refused_at_once = early.settle(first)
    if refused_at_once:
        assert early.refused() == "MBFUL"
    first.commit()
    answer = book(second, "ben").row() if refused_at_once else early.row()
    assert answer["student_id"] == "ben"
    assert world.seated() == ["ben"]


def test_a_cancellation_that_rolls_back_frees_no_seat(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    cancel(first, booking_id).row()
    step = book(second, "ben")
    step.settle(first)
    first.rollback()
    assert step.refused() == "MBFUL"
    assert world.seated() == ["ann"]


def test_a_cancellation_waits_for_a_booking_of_the_same_exam_and_both_count(world):
    world.exam(capacity=2)
    world.students("ann", "ben")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ben").row()
    step = cancel(second, booking_id)
    step.settle(first)
    first.commit()
    assert step.row()["is_active"] == "Cancelled"
    assert world.seated() == ["ben"]


# A booking and an administrator


def test_a_booking_is_refused_when_the_capacity_it_waited_for_was_lowered(world):
    world.exam(capacity=2)
    world.students("ann", "ben")
    world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    set_capacity(first, 1).rows()
    step = book(second, "ben")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBFUL"
    assert world.seated() == ["ann"]


def test_a_booking_succeeds_when_the_lowering_it_waited_for_rolls_back(world):
    world.exam(capacity=2)
    world.students("ann", "ben")
    world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    set_capacity(first, 1).rows()
    step = book(second, "ben")
    step.waits_for(first)
    first.rollback()
    assert step.row()["student_id"] == "ben"


def test_capacity_lowered_under_a_booking_in_flight_keeps_it_and_shows_as_overbooked(world):
    world.exam(capacity=2)
    world.students("ann", "ben", "cat")
    world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ben").row()
    step = set_capacity(second, 1)
    step.waits_for(first)
    first.commit()
    step.rows()
    assert world.seated() == ["ann", "ben"]
    assert book(first, "cat").refused() == "MBFUL"


def test_a_seat_added_to_a_full_exam_can_be_booked_as_soon_as_it_has_committed(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    set_capacity(first, 2).rows()
    early = book(second, "ben")
    refused_at_once = early.settle(first)
    if refused_at_once:
        assert early.refused() == "MBFUL"
    first.commit()
    answer = book(second, "ben").row() if refused_at_once else early.row()
    assert answer["student_id"] == "ben"


def test_capacity_raised_while_a_booking_is_in_flight_lets_the_next_one_in(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second, third = world.sessions("first", "second", "third")
    first.begin()
    book(first, "ann").row()
    raising = set_capacity(second, 2)
    raising.waits_for(first)
    first.commit()
    raising.rows()
    assert book(third, "ben").row()["student_id"] == "ben"


def test_an_exam_deactivated_while_a_booking_waits_for_it_refuses_the_booking(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    change_exam(first, "is_active = 'false'").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBINA"
    assert world.seated() == []
    assert world.credits("ann") == 5


def test_a_booking_succeeds_when_the_deactivation_it_waited_for_rolls_back(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    change_exam(first, "is_active = 'false'").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert step.row()["is_active"] == "Active"


def test_a_deactivation_waits_for_a_booking_in_flight_and_keeps_it(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = change_exam(second, "is_active = 'false'")
    step.waits_for(first)
    first.commit()
    step.rows()
    assert world.seated() == ["ann"]
    assert book(first, "ben").refused() == "MBINA"


def test_a_booking_of_an_exam_that_is_being_moved_is_told_to_look_again(world):
    world.exam(capacity=5, days=30)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    change_exam(first, "exam_date = exam_date + 1").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBBSY"
    assert world.credits("ann") == 5
    again = book(second, "ann").row()
    moved_to = world.value("select exam_date from hubspot_sync.hubspot_mock_exams")
    assert again["exam_date"] == moved_to


def test_a_booking_succeeds_when_the_move_it_waited_for_rolls_back(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    change_exam(first, "exam_date = exam_date + 1").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert step.row()["is_active"] == "Active"


def test_an_exam_moved_into_the_past_takes_no_booking_that_waited_for_it(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    change_exam(first, "exam_date = current_date - 1").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() in ("MBBSY", "MBPST")
    assert book(second, "ann").refused() == "MBPST"
    assert world.seated() == []


def test_a_move_waits_for_a_booking_in_flight_and_keeps_it(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = change_exam(second, "exam_date = exam_date + 1")
    step.waits_for(first)
    first.commit()
    step.rows()
    assert world.seated() == ["ann"]


# A booking and another application


def test_a_seat_another_application_takes_is_counted_before_a_booking_that_waited(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    write_booking(first, "ann", 1).rows()
    step = book(second, "ben")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBFUL"
    assert world.seated() == ["ann"]


def test_a_booking_succeeds_when_another_application_gives_its_seat_up_again(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    write_booking(first, "ann", 1).rows()
    step = book(second, "ben")
    step.waits_for(first)
    first.rollback()
    assert step.row()["student_id"] == "ben"


def test_another_application_may_overbook_and_loses_nothing_by_waiting(world):
    world.exam(capacity=1)
    world.students("ann", "ben", "cat")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = write_booking(second, "ben", 1)
    step.waits_for(first)
    first.commit()
    step.rows()
    assert world.seated() == ["ann", "ben"]
    assert book(first, "cat").refused() == "MBFUL"


def test_the_same_student_booked_by_another_application_meanwhile_is_a_double(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    write_booking(first, "ann", 1).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBDUP"
    assert world.seated() == ["ann"]
    assert world.credits("ann") == 5


def test_the_same_student_books_when_another_application_rolls_its_booking_back(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    write_booking(first, "ann", 1).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert step.row()["replayed"] is False
    assert world.credits("ann") == 4


def test_the_seat_another_application_gives_up_can_be_booked_once_it_has_committed(world):
    world.exam(capacity=1)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    (written,) = write_booking(first, "ann", 1).rows()
    first.begin()
    write_cancellation(first, written["booking_id"]).rows()
    early = book(second, "ben")
    refused_at_once = early.settle(first)
    if refused_at_once:
        assert early.refused() == "MBFUL"
    first.commit()
    answer = book(second, "ben").row() if refused_at_once else early.row()
    assert answer["student_id"] == "ben"


def test_a_student_books_again_while_another_application_cancels_the_first_booking(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    (written,) = write_booking(first, "ann", 1).rows()
    first.begin()
    write_cancellation(first, written["booking_id"]).rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.row()["replayed"] is False
    assert world.seated() == ["ann"]


def test_a_cancellation_waits_for_another_applications_cancellation_and_refunds_once(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    (written,) = write_booking(first, "ann", 1).rows()
    first.begin()
    write_cancellation(first, written["booking_id"]).rows()
    step = cancel(second, written["booking_id"])
    step.waits_for(first)
    first.commit()
    assert step.row()["replayed"] is True
    assert world.credits("ann") == 5
