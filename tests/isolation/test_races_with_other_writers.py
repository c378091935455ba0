"""The old application writes bookings directly while the functions move, delete and cascade.

It never refuses and may overbook; whatever it does, seats, dates and credits stay true.
"""

import pytest
from world import (
    book,
    call,
    cancel,
    move,
    outcome,
    write_booking,
    write_cancellation,
)


def write_move(session, booking_id, exam):
    return session.start(
        "update hubspot_sync.hubspot_bookings set mock_exam_id = %(exam)s"
        " where booking_id = %(booking_id)s",
        exam=exam,
        booking_id=booking_id,
    )


def write_deletion(session, booking_id):
    return session.start(
        "delete from hubspot_sync.hubspot_bookings where booking_id = %(booking_id)s",
        booking_id=booking_id,
    )


def write_revival(session, booking_id):
    return session.start(
        "update hubspot_sync.hubspot_bookings set is_active = 'Active'"
        " where booking_id = %(booking_id)s",
        booking_id=booking_id,
    )


def ready(world, *, e1=5, e2=5):
    """Two exams; a booking of the old application's for E1; two sessions."""
    world.exam("E1", capacity=e1)
    world.exam("E2", capacity=e2, days=31)
    world.students("ann", "ben")
    first, second = world.sessions("first", "second")
    (written,) = write_booking(first, "ann", 1).rows()
    first.begin()
    return written["booking_id"], first, second


def delete(session, exam="E1"):
    return call(session, "delete_exam", mock_exam_id=exam)


def postpone(world, session, exam="E1"):
    return call(session, "upsert_exam", mock_exam_id=exam, exam_date=world.day(40))


def day_of(world, booking_id):
    return str(world.booking(booking_id)["exam_date"])[:10]


# Its insert


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBFUL"), ("rollback", "done")])
def test_a_move_waits_for_the_seat_another_application_takes(world, end, expected):
    booking_id, first, second = ready(world, e2=1)
    write_booking(first, "ben", 2, "E2").rows()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_another_application_takes_a_seat_beside_the_move_it_waited_for(world, end):
    booking_id, first, second = ready(world, e2=1)
    move(first, booking_id, "E2").row()
    step = write_booking(second, "ben", 2, "E2")
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.seated("E2") == (["ann", "ben"] if end == "commit" else ["ben"])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_finds_the_booking_another_application_is_writing(world, end):
    _, first, second = ready(world)
    write_booking(first, "ben", 2).rows()
    step = delete(second)
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (2 if end == "commit" else 1)
    assert world.seated("E1") == []


def test_a_booking_written_into_a_deleted_exam_is_reported(world):
    _, first, second = ready(world)
    delete(first).rows()
    step = write_booking(second, "ben", 2)
    step.waits_for(first)
    first.commit()
    (written,) = step.rows()
    assert [row["name"] for row in world.violations()] == ["deleted_exams_empty"]
    assert outcome(cancel(first, written["booking_id"])) == "done"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_takes_along_what_another_application_is_writing(world, end):
    _, first, second = ready(world)
    (written,) = write_booking(first, "ben", 2).rows()
    step = postpone(world, second)
    step.waits_for(first)
    first.run(end)
    step.row()
    if end == "commit":
        assert day_of(world, written["booking_id"]) == world.day(40)


@pytest.mark.parametrize("synced", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_written_while_its_exam_is_moved_has_the_date_the_exam_has(world, end, synced):
    _, first, second = ready(world)
    postpone(world, first).row()
    step = write_booking(second, "ben", 2, synced=synced)
    step.waits_for(first)
    first.run(end)
    (written,) = step.rows()
    day = world.day(40 if end == "commit" else 30)
    assert day_of(world, written["booking_id"]) == day


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_bookings_written_for_an_exam_nobody_knows_yet_are_a_double(world, end):
    _, first, second = ready(world)
    write_booking(first, "ben", 2, "E9").rows()
    step = write_booking(second, "ben", 3, "E9")
    step.waits_for(first)
    first.run(end)
    if end == "commit":
        assert step.refused() == "23505"
    else:
        step.rows()


# Its updates


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBSTA"), ("rollback", "done")])
def test_a_move_waits_for_another_applications_cancellation(world, end, expected):
    booking_id, first, second = ready(world)
    write_cancellation(first, booking_id).rows()
    step = move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_another_application_cancels_the_booking_where_it_was_moved_to(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = write_cancellation(second, booking_id)
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.seated("E1") == world.seated("E2") == []


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_waits_for_another_applications_cancellation(world, end):
    booking_id, first, second = ready(world)
    write_cancellation(first, booking_id).rows()
    step = delete(second)
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (0 if end == "commit" else 1)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_another_application_cancels_what_a_deletion_cancelled(world, end):
    booking_id, first, second = ready(world)
    delete(first).rows()
    step = write_cancellation(second, booking_id)
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.seated("E1") == []


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_waits_for_another_applications_cancellation(world, end):
    booking_id, first, second = ready(world)
    write_cancellation(first, booking_id).rows()
    step = postpone(world, second)
    step.waits_for(first)
    first.run(end)
    step.row()
    assert world.seated("E1") == ([] if end == "commit" else ["ann"])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_cancellation_counts_where_another_application_moved_the_booking(world, end):
    booking_id, first, second = ready(world)
    write_move(first, booking_id, "E2").rows()
    step = cancel(second, booking_id)
    step.waits_for(first)
    first.run(end)
    assert step.row()["mock_exam_id"] == ("E2" if end == "commit" else "E1")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_move_follows_another_applications_move(world, end):
    world.exam("E3", capacity=5, days=32)
    booking_id, first, second = ready(world)
    write_move(first, booking_id, "E2").rows()
    step = move(second, booking_id, "E3")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == "done"
    assert [world.seated(exam) for exam in ("E1", "E2", "E3")] == [[], [], ["ann"]]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_cancels_what_another_application_is_moving_to_its_exam(world, end):
    booking_id, first, second = ready(world)
    write_move(first, booking_id, "E2").rows()
    step = delete(second, "E2")
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (1 if end == "commit" else 0)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_spares_what_another_application_is_moving_away(world, end):
    booking_id, first, second = ready(world)
    write_move(first, booking_id, "E2").rows()
    step = delete(second, "E1")
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (0 if end == "commit" else 1)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_takes_along_what_another_application_moves_to_it(world, end):
    booking_id, first, second = ready(world)
    write_move(first, booking_id, "E2").rows()
    step = postpone(world, second, "E2")
    step.waits_for(first)
    first.run(end)
    step.row()
    assert day_of(world, booking_id) == world.day(40 if end == "commit" else 30)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_another_application_moves_has_the_date_its_exam_is_moved_to(world, end):
    booking_id, first, second = ready(world)
    postpone(world, first, "E2").row()
    step = write_move(second, booking_id, "E2")
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert day_of(world, booking_id) == world.day(40 if end == "commit" else 31)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_another_application_revives_has_the_date_its_exam_is_moved_to(world, end):
    booking_id, first, second = ready(world)
    cancel(second, booking_id).row()
    postpone(world, first).row()
    step = write_revival(second, booking_id)
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert day_of(world, booking_id) == world.day(40 if end == "commit" else 30)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_booking_another_application_revives_is_waited_for(world, end):
    booking_id, first, second = ready(world, e1=1)
    cancel(second, booking_id).row()
    write_revival(first, booking_id).rows()
    step = book(second, "ben")
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == ("MBFUL" if end == "commit" else "done")


# Its delete


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_seat_another_application_deletes_is_free_once_committed(world, end):
    booking_id, first, second = ready(world, e1=1)
    write_deletion(first, booking_id).rows()
    early = book(second, "ben")
    if early.settle(first):
        assert early.refused() == "MBFUL"
        early = None
    first.run(end)
    assert outcome(early or book(second, "ben")) == ("done" if end == "commit" else "MBFUL")


@pytest.mark.parametrize(("end", "expected"), [("commit", "MBNOF"), ("rollback", "done")])
@pytest.mark.parametrize("use", [cancel, lambda s, b: move(s, b, "E2")])
def test_a_booking_another_application_deletes_is_not_there(world, use, end, expected):
    booking_id, first, second = ready(world)
    write_deletion(first, booking_id).rows()
    step = use(second, booking_id)
    step.waits_for(first)
    first.run(end)
    assert outcome(step) == expected


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_many_cancellations_leave_out_what_another_application_deletes(world, end):
    booking_id, first, second = ready(world)
    ben = world.booked("ben")
    write_deletion(first, booking_id).rows()
    step = call(second, "cancel_bookings", booking_ids=[booking_id, ben])
    step.waits_for(first)
    first.run(end)
    told = [row["code"] for row in step.rows()]
    assert told == (["MBNOF", None] if end == "commit" else [None, None])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deleted_exam_leaves_out_what_another_application_deletes(world, end):
    booking_id, first, second = ready(world)
    write_deletion(first, booking_id).rows()
    step = delete(second)
    step.waits_for(first)
    first.run(end)
    assert len(step.rows()) == (0 if end == "commit" else 1)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_another_application_deletes_what_a_move_moved(world, end):
    booking_id, first, second = ready(world)
    move(first, booking_id, "E2").row()
    step = write_deletion(second, booking_id)
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.seated("E1") == world.seated("E2") == []


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_exam_that_is_moved_leaves_out_what_another_application_deletes(world, end):
    booking_id, first, second = ready(world)
    write_deletion(first, booking_id).rows()
    step = postpone(world, second)
    step.waits_for(first)
    first.run(end)
    step.row()
    assert world.seated("E1") == ([] if end == "commit" else ["ann"])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_another_application_deletes_what_a_moved_exam_took_along(world, end):
    booking_id, first, second = ready(world)
    postpone(world, first).row()
    step = write_deletion(second, booking_id)
    step.waits_for(first)
    first.run(end)
    step.rows()
    assert world.seated("E1") == []
