"""Races of the outbox by hand: a retry or a discard with claims, answers and each other."""

import pytest
from psycopg.types.json import Jsonb
from sessions import Session, Step
from test_races_in_the_outbox import claim, finish, let_time_pass, open_changes, records


def by_hand(person: Session, function: str, ids: list[int]) -> Step:
    """Begin a retry or a discard of changes."""
    return person.start(
        f"select id, outcome from hubspot_sync.{function}(%(ids)s::bigint[])", ids=ids
    )


def outcomes(step: Step) -> list[str]:
    """What became of the changes, each outcome once."""
    return sorted({row["outcome"] for row in step.rows()})


def fail(worker: Session, changes: list[dict], *, permanent: bool = True) -> Step:
    """Begin giving claimed changes back."""
    failures = [
        {
            "record": str(change["record"]),
            "epoch": change["epoch"],
            "error": "refused",
            "permanent": permanent,
        }
        for change in changes
    ]
    return worker.start(
        "select hubspot_sync.fail_changes('hubspot_bookings', %(failures)s)",
        failures=Jsonb(failures),
    )


def change_ids(world) -> list[int]:
    """The ids of all open changes of bookings, the newest first: the order nobody locks in."""
    return [
        row["id"]
        for row in world.execute(
            "select id from hubspot_sync.sync_queue"
            " where table_name = 'hubspot_bookings' and not synced order by id desc"
        )
    ]


@pytest.fixture
def bookings(world):
    """Four bookings that HubSpot does not have; the ids of their changes."""
    world.exam(capacity=10)
    names = ("ann", "ben", "cat", "dan")
    world.students(*names)
    for name in names:
        world.booked(name)
    return change_ids(world)


@pytest.fixture
def letters(world, bookings):
    """The same as dead letters."""
    (worker,) = world.sessions("first worker")
    fail(worker, claim(worker).rows()).rows()
    return bookings


# A claim in flight


@pytest.mark.parametrize("function", ["retry_changes", "discard_changes"])
def test_what_a_claim_in_flight_takes_is_left_to_it(world, bookings, function):
    worker, person = world.sessions("worker", "person")
    worker.begin()
    changes = claim(worker, limit=3).rows()
    step = by_hand(person, function, bookings)
    step.waits_for(worker)
    worker.commit()
    done = {"retry_changes": "retried", "discard_changes": "discarded"}[function]
    assert outcomes(step) == sorted(["leased", done])
    assert finish(worker, changes).row()["closed"] == 3


@pytest.mark.parametrize("function", ["retry_changes", "discard_changes"])
def test_a_claim_waits_for_a_decision_and_takes_what_is_then_due(world, letters, function):
    worker, person = world.sessions("worker", "person")
    person.begin()
    by_hand(person, function, letters[:2]).rows()
    step = claim(worker)
    step.waits_for(person)
    person.commit()
    assert len(step.rows()) == (2 if function == "retry_changes" else 0)


def test_a_decision_that_rolls_back_leaves_the_dead_letters_dead(world, letters):
    worker, person = world.sessions("worker", "person")
    person.begin()
    by_hand(person, "retry_changes", letters).rows()
    step = claim(worker)
    step.waits_for(person)
    person.rollback()
    assert step.rows() == []
    assert change_ids(world) == letters


# Answers in flight


@pytest.mark.parametrize("function", ["retry_changes", "discard_changes"])
@pytest.mark.parametrize("answer", [finish, fail], ids=["finish", "fail"])
def test_an_answer_in_flight_is_waited_for(world, bookings, function, answer):
    """Its lease is over, so the person may act: whoever comes second sees what the first did."""
    worker, person = world.sessions("worker", "person")
    changes = claim(worker).rows()
    let_time_pass(world)
    worker.begin()
    answer(worker, changes).rows()
    step = by_hand(person, function, bookings)
    step.waits_for(worker)
    worker.commit()
    done = {"retry_changes": "retried", "discard_changes": "discarded"}[function]
    assert outcomes(step) == (["sent"] if answer is finish else [done])


def test_a_late_finish_that_waits_for_a_discard_closes_nothing_and_sends_once_more(world, bookings):
    slow, person = world.sessions("slow", "person")
    stale = claim(slow).rows()
    let_time_pass(world)
    person.begin()
    assert outcomes(by_hand(person, "discard_changes", bookings)) == ["discarded"]
    step = finish(slow, stale)
    step.waits_for(person)
    person.commit()
    assert step.row()["closed"] == 0
    assert open_changes(world) == len(bookings)  # HubSpot may hold what the slow one read
    again = claim(slow).rows()
    assert records(again) == records(stale)


def test_a_late_failure_that_waits_for_a_discard_makes_no_dead_letter(world, bookings):
    slow, person = world.sessions("slow", "person")
    stale = claim(slow).rows()
    let_time_pass(world)
    person.begin()
    by_hand(person, "discard_changes", bookings).rows()
    step = fail(slow, stale)
    step.waits_for(person)
    person.commit()
    step.rows()
    assert open_changes(world) == 0
    assert world.value("select count(*) from hubspot_sync.sync_errors") == 0


def test_a_dead_letter_that_a_later_change_settles_meanwhile_is_not_discarded(world, letters):
    """Both write what HubSpot holds and the record's error: they take turns."""
    worker, person = world.sessions("worker", "person")
    world.execute("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    changes = claim(worker).rows()
    assert len(changes) == 4
    worker.begin()
    finish(worker, changes).rows()
    step = by_hand(person, "discard_changes", letters)
    step.waits_for(worker)
    worker.commit()
    assert outcomes(step) == ["sent"]
    assert open_changes(world) == 0
    errors = "select count(*) from hubspot_sync.sync_errors where resolved_at is null"
    assert world.value(errors) == 0


# People


@pytest.mark.parametrize("second", ["retry_changes", "discard_changes"])
def test_two_people_who_decide_at_once_take_turns(world, letters, second):
    ann, ben = world.sessions("ann", "ben")
    ann.begin()
    assert outcomes(by_hand(ann, "discard_changes", letters)) == ["discarded"]
    step = by_hand(ben, second, list(reversed(letters)))
    step.waits_for(ann)
    ann.commit()
    assert outcomes(step) == ["sent"]


def test_a_writer_is_not_held_up_by_a_decision(world, letters):
    writer, person = world.sessions("writer", "person")
    person.begin()
    by_hand(person, "discard_changes", letters).rows()
    writer.run("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    person.commit()
    assert open_changes(world) == 4
    assert {row["attendance"] for row in world.execute(
        "select new_data ->> 'attendance' as attendance from hubspot_sync.sync_queue"
        " where not synced and table_name = 'hubspot_bookings'"
    )} == {"Yes"}  # fmt: skip


def test_pruning_neither_waits_for_a_claim_nor_touches_what_it_took(world, bookings):
    worker, janitor = world.sessions("worker", "janitor")
    finish(worker, claim(worker).rows()).rows()
    world.execute(
        "update hubspot_sync.sync_queue set synced_at = synced_at - interval '8 days',"
        " created_at = created_at - interval '9 days' where synced"
    )
    world.execute("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    worker.begin()
    changes = claim(worker).rows()
    (row,) = janitor.run("select changed from hubspot_sync.prune()")
    assert row["changed"] == len(bookings)
    worker.commit()
    assert finish(worker, changes).row()["closed"] == len(bookings)
