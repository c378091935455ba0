"""Races of one student with themselves: double clicks, retries, two tabs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
from world import book, cancel

# The same key


def test_of_two_requests_with_one_key_the_second_waits_and_replays_the_first(world):
    world.exam(capacity=1)  # full once the first has booked: a replay is no refusal
    world.students("ann", credits=1)
    first, second = world.sessions("first", "second")
    first.begin()
    answer = book(first, "ann", key="k1").row()
    step = book(second, "ann", key="k1")
    step.waits_for(first)
    first.commit()
    assert step.row() == answer | {"replayed": True}
    assert world.seated() == ["ann"]
    assert world.credits("ann") == 0


def test_a_replay_needs_no_credit_and_no_day_without_bookings(world):
    world.exam(capacity=5)
    world.students("ann", credits=1)
    first, second = world.sessions("first", "second")
    first.begin()
    answer = book(first, "ann", key="k1").row()
    step = book(second, "ann", key="k1")
    step.waits_for(first)
    first.commit()
    assert step.row() == answer | {"replayed": True}
    assert book(first, "ann", key="k1").row() == answer | {"replayed": True}


def test_of_two_requests_with_one_key_the_second_books_when_the_first_rolls_back(world):
    world.exam(capacity=1)
    world.students("ann", credits=1)
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", key="k1").row()
    step = book(second, "ann", key="k1")
    step.waits_for(first)
    first.rollback()
    assert step.row()["replayed"] is False
    assert world.seated() == ["ann"]
    assert world.credits("ann") == 0


def test_a_key_in_flight_for_another_exam_of_the_student_is_refused_when_it_commits(world):
    world.exam("E1")
    world.exam("E2", days=31)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", "E1", key="k1").row()
    step = book(second, "ann", "E2", key="k1")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBKEY"
    assert world.seated("E2") == []


def test_one_key_for_two_students_books_for_the_first_and_refuses_the_other(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", key="k1").row()
    step = book(second, "ben", key="k1")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBKEY"
    assert world.seated() == ["ann"]
    assert world.credits("ben") == 5


def test_one_key_for_two_students_books_for_the_other_when_the_first_rolls_back(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", key="k1").row()
    step = book(second, "ben", key="k1")
    step.waits_for(first)
    first.rollback()
    assert step.row()["student_id"] == "ben"
    assert world.seated() == ["ben"]


# No key


def test_the_same_booking_twice_without_a_key_is_a_double_and_never_a_raw_error(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBDUP"
    assert world.credits("ann") == 4


def test_the_same_booking_twice_with_one_credit_is_a_double_before_it_is_a_lack(world):
    world.exam(capacity=5)
    world.students("ann", credits=1)
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBDUP"
    assert world.credits("ann") == 0


def test_two_exams_of_one_type_and_day_are_a_double(world):
    world.exam("E1")
    world.exam("E2")
    world.students("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", "E1").row()
    step = book(second, "ann", "E2")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBDUP"
    assert world.seated("E2") == []


def test_one_credit_pays_for_one_of_two_exams(world):
    world.exam("E1")
    world.exam("E2", days=31)
    world.students("ann", credits=1)
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann", "E1").row()
    step = book(second, "ann", "E2")
    step.waits_for(first)
    first.commit()
    assert step.refused() == "MBCRD"
    assert world.credits("ann") == 0


def test_a_credit_that_arrives_while_a_booking_waits_is_spent(world):
    world.exam()
    world.students("ann", credits=0)
    first, second = world.sessions("first", "second")
    first.begin()
    first.run("update hubspot_sync.hubspot_contact_credits set sj_credits = 1")
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.row()["token_used"] == "Situational Judgment Token"
    assert world.credits("ann") == 0


# Cancelling


def test_a_booking_cancelled_twice_is_refunded_once(world):
    world.exam()
    world.students("ann")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    assert cancel(first, booking_id).row()["replayed"] is False
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.commit()
    assert step.row()["replayed"] is True
    assert world.credits("ann") == 5
    assert world.seated() == []


def test_the_second_cancellation_counts_when_the_first_rolls_back(world):
    world.exam()
    world.students("ann")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    cancel(first, booking_id).row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.rollback()
    assert step.row()["replayed"] is False
    assert world.credits("ann") == 5


def test_a_student_who_cancels_and_books_the_same_exam_again_waits_and_books(world):
    world.exam(capacity=5)
    world.students("ann", credits=1)
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    cancel(first, booking_id).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.commit()
    assert step.row()["booking_id"] != booking_id
    assert world.seated() == ["ann"]
    assert world.credits("ann") == 0


def test_a_new_booking_is_a_double_when_the_cancellation_it_waited_for_rolls_back(world):
    world.exam(capacity=5)
    world.students("ann")
    booking_id = world.booked("ann")
    first, second = world.sessions("first", "second")
    first.begin()
    cancel(first, booking_id).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.rollback()
    assert step.refused() == "MBDUP"
    assert world.seated() == ["ann"]


def test_cancelling_and_rebooking_at_the_same_moment_never_deadlocks(world):
    world.exam(capacity=5)
    world.students("ann")
    first, second = world.sessions("first", "second")
    together = threading.Barrier(2)

    def at_once(begin, *arguments):
        together.wait()
        try:
            return begin(*arguments).row()["is_active"]
        except psycopg.Error as error:
            return error.sqlstate

    booking_id = world.booked("ann")
    answers = set()
    with ThreadPoolExecutor(2) as threads:
        for _ in range(40):
            cancelled = threads.submit(at_once, cancel, first, booking_id)
            booked = threads.submit(at_once, book, second, "ann")
            assert cancelled.result() == "Cancelled"
            answers.add(booked.result())
            booking_id = world.value(
                "select max(booking_id) from hubspot_sync.hubspot_bookings"
                " where is_active = 'Active'"
            ) or world.booked("ann")
    assert answers <= {"Active", "MBDUP"}
    assert world.credits("ann") == 4
