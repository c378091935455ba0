"""A contact appears or changes while its bookings are made and cancelled."""

import pytest
from world import book, call, cancel, change_contact, move, outcome


def tell(session, student="new", email=None, **arguments):
    """Begin to make a student known."""
    return call(
        session,
        "upsert_contact",
        student_id=student,
        email=email or f"{student}@example.com",
        **arguments,
    )


def ready(world):
    world.exam(capacity=5)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    first.begin()
    return first, second


def count(world, student="new"):
    return world.value(
        "select count(*) from hubspot_sync.hubspot_contact_credits where student_id = %(s)s",
        s=student,
    )


# The same new student


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_of_two_who_bring_a_new_student_one_makes_the_contact(world, end):
    first, second = ready(world)
    tell(first, sj_credits=2).row()
    step = tell(second, sj_credits=3)
    step.waits_for(first)
    first.run(end)
    assert step.row()["sj_credits"] == (2 if end == "commit" else 3)
    assert count(world) == 1


def test_two_spellings_of_an_email_are_one_new_student(world):
    first, second = ready(world)
    tell(first, email="new@example.com", sj_credits=2).row()
    step = tell(second, email="NEW@Example.com", sj_credits=2)
    step.waits_for(first)
    first.commit()
    assert step.row()["email"] == "new@example.com"
    assert count(world) == 1
    assert world.credits("new") == 2


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBIDC"), ("rollback", "done")])
def test_one_hubspot_id_for_two_new_students_is_refused(world, end, expected):
    first, second = ready(world)
    tell(first, "new", hubspot_id="C-9").row()
    step = tell(second, "newer", hubspot_id="C-9")
    step.settle(first)
    first.run(end)
    assert outcome(step) == expected


def test_different_new_students_do_not_wait_for_each_other(world):
    first, second = ready(world)
    tell(first, "new").row()
    assert outcome(tell(second, "newer")) == "done"
    first.commit()


def test_ids_of_two_contacts_given_crosswise_are_refused_without_a_deadlock(world):
    world.students("ann", "ben")
    holder, first, second = world.sessions("holder", "first", "second")
    holder.begin()
    holder.run(
        "select from hubspot_sync.hubspot_contact_credits where student_id = 'ben' for update"
    )
    two = tell(second, "ann", hubspot_id="C-ben")
    two.waits_for(holder)
    one = tell(first, "ben", hubspot_id="C-ann")
    one.settle(holder, second)
    holder.rollback()
    assert [outcome(one), outcome(two)] == ["MBIDC", "MBIDC"]


# A new student books


@pytest.mark.parametrize(("end", "expected"), [("commit", "done"), ("rollback", "MBCON")])
def test_a_new_student_can_book_once_the_contact_has_committed(world, end, expected):
    first, second = ready(world)
    tell(first, sj_credits=1).row()
    early = book(second, "new")
    if early.settle(first):
        assert early.refused() == "MBCON"
        early = None
    first.run(end)
    assert outcome(early or book(second, "new")) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_known_student_told_again_spends_and_keeps_what_a_booking_left(world, end):
    first, second = ready(world)
    book(first, "ann").row()
    step = tell(second, "ann", sj_credits=9, firstname="Ann")
    step.waits_for(first)
    first.run(end)
    assert step.row()["sj_credits"] == (4 if end == "commit" else 5)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_waits_while_its_student_is_told_again(world, end):
    first, second = ready(world)
    tell(first, "ann", firstname="Ann").row()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert step.row()["student_name"] == ("Ann" if end == "commit" else None)


# A changed email


def rename(session, *, email="new@example.com"):
    return tell(session, "ann", email=email, hubspot_id="C-ann")


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBCON"), ("rollback", "done")])
def test_a_booking_under_the_old_email_is_refused_when_the_new_one_commits(world, end, expected):
    first, second = ready(world)
    rename(first).row()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_changed_email_reaches_the_booking_it_waited_for(world, end):
    first, second = ready(world)
    answer = book(first, "ann").row()
    step = rename(second)
    step.waits_for(first)
    first.run(end)
    step.row()
    if end == "commit":
        assert world.booking(answer["booking_id"])["student_email"] == "new@example.com"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_is_cancelled_and_refunded_while_its_students_email_changes(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    rename(first).row()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.run(end)
    email = "new@example.com" if end == "commit" else "ann@example.com"
    assert step.row()["student_email"] == email
    assert world.credits("ann") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_changed_email_waits_for_a_cancellation_and_touches_no_credit(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    cancel(first, booking_id).row()
    step = rename(second)
    step.waits_for(first)
    first.run(end)
    assert step.row()["sj_credits"] == (5 if end == "commit" else 4)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_is_moved_while_its_students_email_changes(world, end):
    world.exam("E2", days=31)
    first, second = ready(world)
    booking_id = world.booked("ann")
    rename(first).row()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    email = "new@example.com" if end == "commit" else "ann@example.com"
    assert world.booking(booking_id)["student_email"] == email


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_is_deleted_while_a_students_email_changes(world, end):
    first, second = ready(world)
    world.booked("ann")
    rename(first).row()
    step = call(second, "delete_exam", mock_exam_id="E1")
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == 1
    assert world.credits("ann") == 5


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_is_moved_while_a_students_email_changes(world, end):
    first, second = ready(world)
    booking_id = world.booked("ann")
    rename(first).row()
    step = call(second, "upsert_exam", mock_exam_id="E1", exam_date=world.day(40))
    step.settle(first)
    first.run(end)
    step.row()
    row = world.booking(booking_id)
    assert str(row["exam_date"])[:10] == world.day(40)
    assert row["student_email"] == ("new@example.com" if end == "commit" else "ann@example.com")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_student_told_again_does_not_undo_a_changed_email(world, end):
    first, second = ready(world)
    rename(first).row()
    step = tell(second, "ann", firstname="Ann")
    step.settle(first)
    first.run(end)
    step.row()
    email = world.value(
        "select email from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-ann'"
    )
    assert email == ("new@example.com" if end == "commit" else "ann@example.com")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_student_told_again_while_the_contact_is_deleted_is_there_afterwards(world, end):
    world.students("cat", credits=0)  # without a ledger, so that it can be deleted
    first, second = ready(world)
    first.run("delete from hubspot_sync.hubspot_contact_credits where student_id = 'cat'")
    step = tell(second, "cat", firstname="Cat")
    step.waits_for(first)
    first.run(end)
    assert step.row()["student_id"] == "cat"
    assert count(world, "cat") == 1


def test_a_cancellation_held_up_by_its_contact_holds_nobody_else_up(world):
    first, second = ready(world)
    booking_id = world.booked("ann")
    (third,) = world.sessions("third")
    first.run("select from hubspot_sync.hubspot_contact_credits for no key update")
    step = cancel(second, booking_id)
    step.waits_for(first)
    third.run("select from hubspot_sync.hubspot_bookings for update nowait")
    first.commit()
    assert outcome(step) == "done"


def test_a_new_name_and_a_moved_exam_do_not_wait_for_each_other_for_ever(world):
    """More bookings than PL/pgSQL fetches at a time lie between the two that matter."""
    world.exam("E1", capacity=5, days=30)
    world.exam("E2", capacity=5, days=40)
    world.students("ann")
    for number in range(21):
        world.execute(
            "insert into hubspot_sync.hubspot_bookings"
            " (id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)"
            " values (%(id)s, %(name)s, %(exam)s, 'C-ann', 'ann', 'ann@example.com', %(state)s)",
            id=f"{number:08}-0000-4000-8000-000000000000",
            name=f"B-{number}",
            exam="E1" if number == 20 else "E2",
            state="Active" if number in (0, 20) else "Cancelled",
        )
    holder, first, second = world.sessions("holder", "first", "second")
    holder.begin()
    holder.run("select from hubspot_sync.exam_seats for update")
    moving = call(first, "upsert_exam", mock_exam_id="E1", exam_date=world.day(40))
    moving.waits_for(holder)
    naming = tell(second, "ann", firstname="Ann")
    naming.waits_for(first)
    holder.rollback()
    assert [outcome(moving), outcome(naming)] == ["done", "replayed"]


# Another writer changes the contact


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_balance_another_application_writes_is_waited_for(world, end):
    first, second = ready(world)
    change_contact(first, "ann", "sj_credits = 1").rows()
    step = book(second, "ann")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert world.credits("ann") == (0 if end == "commit" else 4)
