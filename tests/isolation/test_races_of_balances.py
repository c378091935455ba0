"""Grants and adjustments race with each other, with bookings and with cancellations."""

import pytest
from world import book, call, cancel, outcome


def grant(session, student="ann", amount=1, key=None):
    return call(
        session,
        "grant_credits",
        student_id=student,
        email=f"{student}@example.com",
        credit="sj_credits",
        amount=amount,
        reason="paid",
        idempotency_key=key,
    )


def adjust(session, student="ann", delta=-1, key=None):
    return call(
        session,
        "adjust_credits",
        student_id=student,
        email=f"{student}@example.com",
        credit="sj_credits",
        delta=delta,
        reason="corrected",
        idempotency_key=key,
    )


def ready(world, *, credits=5):
    world.exam(capacity=5)
    world.students("ann", "ben", credits=credits)
    first, second = world.sessions("first", "second")
    first.begin()
    return first, second


# Keys


@pytest.mark.parametrize(("end", "expected"), [("commit", "replayed"), ("rollback", "done")])
@pytest.mark.parametrize("post", [grant, adjust])
def test_of_two_requests_with_one_key_one_counts(world, post, end, expected):
    first, second = ready(world)
    answer = post(first, key="k1").row()
    step = post(second, key="k1")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert step.row()["sj_credits"] == answer["sj_credits"] == world.credits("ann")


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBKEY"), ("rollback", "done")])
def test_one_key_for_two_amounts_counts_for_the_first(world, end, expected):
    first, second = ready(world)
    grant(first, amount=1, key="k1").row()
    step = grant(second, amount=2, key="k1")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == (6 if end == "commit" else 7)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBKEY"), ("rollback", "done")])
def test_one_key_for_two_students_counts_for_the_first(world, end, expected):
    first, second = ready(world)
    grant(first, key="k1").row()
    step = grant(second, "ben", key="k1")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ben") == (5 if end == "commit" else 6)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBKEY"), ("rollback", "done")])
def test_one_key_for_a_grant_and_an_adjustment_counts_for_the_first(world, end, expected):
    first, second = ready(world)
    grant(first, key="k1").row()
    step = adjust(second, delta=1, key="k1")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == 6


def test_a_grant_that_is_replayed_tells_the_first_balance_though_it_changed_since(world):
    first, second = ready(world)
    first.rollback()
    answer = grant(first, key="k1").row()
    first.begin()
    grant(first, amount=3).row()
    step = grant(second, key="k1")
    step.settle(first)
    first.commit()
    assert step.row() == answer | {"replayed": True}


def test_an_adjustment_that_is_refused_leaves_its_key_free(world):
    first, second = ready(world, credits=0)
    grant(first).row()
    early = adjust(second, delta=-2, key="k1")
    early.waits_for(first)
    first.commit()
    assert early.refused() == "MBCRD"
    assert outcome(adjust(second, delta=-1, key="k1")) == "done"


# Without keys


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_grants_at_once_both_count(world, end):
    first, second = ready(world)
    grant(first).row()
    step = grant(second, amount=2)
    step.waits_for(first)
    first.run(end)
    assert step.row()["sj_credits"] == (8 if end == "commit" else 7)


# With bookings


@pytest.mark.parametrize(("end", "expected"), [("commit", "done"), ("rollback", "MBCRD")])
def test_a_booking_spends_the_credit_whose_grant_it_waited_for(world, end, expected):
    first, second = ready(world, credits=0)
    grant(first).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == 0


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_grant_adds_to_what_a_booking_left(world, end):
    first, second = ready(world)
    book(first, "ann").row()
    step = grant(second)
    step.waits_for(first)
    first.run(end)
    assert step.row()["sj_credits"] == (5 if end == "commit" else 6)


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBCRD"), ("rollback", "done")])
def test_a_booking_does_not_spend_what_an_adjustment_took_away(world, end, expected):
    first, second = ready(world, credits=1)
    adjust(first).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == 0


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBCRD"), ("rollback", "done")])
def test_an_adjustment_does_not_take_what_a_booking_spent(world, end, expected):
    first, second = ready(world, credits=1)
    book(first, "ann").row()
    step = adjust(second)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected
    assert world.credits("ann") == 0


# With cancellations


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_adjustment_counts_from_the_balance_a_refund_left(world, end):
    first, second = ready(world, credits=1)
    booking_id = world.booked("ann")
    cancel(first, booking_id).row()
    step = adjust(second)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == ("done" if end == "commit" else "MBCRD")
    assert world.credits("ann") == 0


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_refund_adds_to_what_a_grant_left(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    grant(first).row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert world.credits("ann") == (6 if end == "commit" else 5)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_refunds_to_the_balance_a_grant_left(world, end):
    first, second = ready(world)
    world.booked("ann")
    grant(first).row()
    step = call(second, "delete_exam", mock_exam_id="E1")
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.credits("ann") == (6 if end == "commit" else 5)


def test_the_ledger_itself_takes_no_second_refund_of_a_booking(world):
    first, _ = ready(world)
    world.booked("ann")
    refund = (
        "insert into hubspot_sync.credit_ledger"
        " (contact, credit, delta, balance_before, balance_after, booking, reason, actor)"
        " select l.contact, l.credit, 1, 4, 5, l.booking, 'refund', 'nobody'"
        "   from hubspot_sync.credit_ledger l where l.reason = 'booking'"
    )
    first.run(refund)
    assert first.start(refund).refused() == "23505"
    first.rollback()
