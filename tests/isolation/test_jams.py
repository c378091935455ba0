"""Jams end with MBBSY and change nothing; isolation levels that would lie are refused."""

import pytest
from world import book, cancel, set_capacity

CONTACT = "select from hubspot_sync.hubspot_contact_credits where student_id = 'ann' for update"
COUNTER = "select from hubspot_sync.exam_seats for update"
BOOKING = "select from hubspot_sync.hubspot_bookings for update"


@pytest.mark.parametrize("jam", [CONTACT, COUNTER])
def test_a_booking_that_cannot_get_its_lock_is_busy_and_changes_nothing(world, jam):
    world.exam()
    world.students("ann")
    world.lock_timeout("50ms")
    holder, student = world.sessions("holder", "student")
    holder.begin()
    holder.run(jam)
    before = world.state()
    assert book(student, "ann", key="k1").refused() == "MBBSY"
    assert world.state() == before
    holder.rollback()
    assert book(student, "ann", key="k1").row()["replayed"] is False


def test_a_booking_that_waits_for_a_booking_too_long_is_busy(world):
    world.exam(capacity=2)
    world.students("ann", "ben")
    world.lock_timeout("50ms")
    first, second = world.sessions("first", "second")
    first.begin()
    book(first, "ann").row()
    assert book(second, "ben").refused() == "MBBSY"
    first.commit()
    assert world.seated() == ["ann"]


@pytest.mark.parametrize("jam", [CONTACT, COUNTER, BOOKING])
def test_a_cancellation_that_cannot_get_its_lock_is_busy_and_changes_nothing(world, jam):
    world.exam()
    world.students("ann")
    booking_id = world.booked("ann")
    world.lock_timeout("50ms")
    holder, student = world.sessions("holder", "student")
    holder.begin()
    holder.run(jam)
    before = world.state()
    assert cancel(student, booking_id).refused() == "MBBSY"
    assert world.state() == before
    holder.rollback()
    assert cancel(student, booking_id).row()["is_active"] == "Cancelled"


def test_a_change_of_capacity_that_cannot_get_its_lock_is_busy_and_changes_nothing(world):
    world.exam()
    world.lock_timeout("50ms")
    holder, administrator = world.sessions("holder", "administrator")
    holder.begin()
    holder.run(COUNTER)
    before = world.state()
    assert set_capacity(administrator, 9).refused() == "MBBSY"
    assert world.state() == before
    holder.rollback()


def test_the_functions_that_take_locks_give_up_by_themselves(database_url, connect):
    waits = connect().execute(
        "select p.proname from pg_catalog.pg_proc p"
        " where p.pronamespace = 'api'::regnamespace"
        "   and exists (select from unnest(p.proconfig) c where c like 'lock_timeout=%')"
    )
    names = {name for (name,) in waits}
    assert names >= {"create_booking", "cancel_booking", "set_exam_capacity"}


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_booking_and_cancelling_refuse_an_isolation_level_that_hides_others(world, level):
    world.exam()
    world.students("ann", "ben")
    booking_id = world.booked("ann")
    (session,) = world.sessions("session")
    before = world.state()
    for request in (lambda: book(session, "ben"), lambda: cancel(session, booking_id)):
        session.run(f"begin isolation level {level}")
        assert request().refused() == "MBISO"
        session.rollback()
    assert world.state() == before
