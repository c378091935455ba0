"""Races in the inbox: workers with workers, workers with whoever asks for records to be read."""

import pytest
from psycopg.types.json import Jsonb
from sessions import Session, Step

EXAMS = "hubspot_mock_exams"


def store(session: Session, *ids: str, kind: str = "poll", lane: str = "bulk") -> Step:
    """Begin to ask for exams."""
    return session.start(
        "select hubspot_sync.store_signals(%(table)s, %(ids)s::text[], %(kind)s, %(lane)s)"
        " as stored",
        table=EXAMS,
        ids=list(ids),
        kind=kind,
        lane=lane,
    )


def claim(worker: Session, limit: int = 100) -> Step:
    """Begin a claim."""
    return worker.start(
        "select * from hubspot_sync.claim_signals(%(table)s, %(limit)s, '2 minutes')",
        table=EXAMS,
        limit=limit,
    )


def exam(hubspot_id: str, capacity: int = 5) -> dict:
    """An exam as HubSpot answers it."""
    return {
        "id": hubspot_id,
        "asked": [hubspot_id],
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-02T00:00:00Z",
        "properties": {"mock_type": "Mini-mock", "capacity": str(capacity)},
    }


def receive(worker: Session, claimed: list[dict]) -> Step:
    """Begin to take over what was read of a claim."""
    return worker.start(
        "select hubspot_sync.receive_records(%(table)s, %(epoch)s, %(records)s) as told",
        table=EXAMS,
        epoch=claimed[0]["epoch"],
        records=Jsonb([exam(one["hubspot_id"]) for one in claimed]),
    )


def fail(worker: Session, claimed: list[dict]) -> Step:
    """Begin to give a claim back."""
    failures = [
        {"hubspot_id": one["hubspot_id"], "epoch": one["epoch"], "error": "away"} for one in claimed
    ]
    return worker.start(
        "select hubspot_sync.fail_signals(%(table)s, %(failures)s) as dead",
        table=EXAMS,
        failures=Jsonb(failures),
    )


def ids(claimed: list[dict]) -> list[str]:
    """The records of a claim."""
    return [one["hubspot_id"] for one in claimed]


def closed(step: Step) -> int:
    return step.row()["told"]["closed"]


def let_time_pass(world) -> None:
    """Let every lease and every wait be over."""
    world.execute("update hubspot_sync.webhook_inbox set next_attempt_at = now()")


def open_signals(world) -> int:
    return world.value("select count(*) from hubspot_sync.webhook_inbox where done_at is null")


# Workers


def test_two_workers_who_claim_at_once_never_get_the_same_record(world):
    first, second = world.sessions("first", "second")
    store(first, "1", "2", "3", "4").rows()
    first.begin()
    mine = claim(first, limit=3).rows()
    step = claim(second)
    step.waits_for(first)
    first.commit()
    assert ids(mine) == ["1", "2", "3"]
    assert ids(step.rows()) == ["4"]


def test_a_worker_whose_claim_is_rolled_back_leaves_its_records_to_the_next(world):
    first, second = world.sessions("first", "second")
    store(first, "1").rows()
    first.begin()
    claim(first).rows()
    step = claim(second)
    step.waits_for(first)
    first.rollback()
    assert ids(step.rows()) == ["1"]


def test_a_worker_whose_lease_another_has_closes_nothing_of_it(world):
    late, quick = world.sessions("late", "quick")
    store(late, "1").rows()
    stale = claim(late).rows()
    let_time_pass(world)
    fresh = claim(quick).rows()
    assert ids(fresh) == ["1"]
    assert closed(receive(late, stale)) == 0
    assert fail(late, stale).row()["dead"] == 0
    assert open_signals(world) == 1
    assert closed(receive(quick, fresh)) == 1
    assert open_signals(world) == 0


@pytest.mark.parametrize("answer", [receive, fail])
def test_a_late_answer_and_the_claim_that_takes_over_never_deadlock(world, answer):
    late, quick, holder = world.sessions("late", "quick", "holder")
    store(late, "1", "2", "3").rows()
    stale = claim(late).rows()
    let_time_pass(world)
    holder.begin()
    holder.run("select from hubspot_sync.webhook_inbox where hubspot_id = '2' for update")
    claiming = claim(quick)
    claiming.waits_for(holder)
    answering = answer(late, list(reversed(stale)))
    answering.waits_for(holder, quick)
    holder.commit()
    fresh = claiming.rows()
    assert ids(fresh) == ["1", "2", "3"]
    answering.rows()
    assert closed(receive(quick, fresh)) == 3
    assert open_signals(world) == 0


def test_an_answer_and_an_acknowledgement_take_turns(world):
    reader, sender = world.sessions("reader", "sender")
    store(reader, "1").rows()
    claimed = claim(reader).rows()
    sender.begin()
    sender.run("select hubspot_sync.finish_changes('hubspot_bookings', '[]')")
    step = receive(reader, claimed)
    step.waits_for(sender)
    sender.commit()
    assert closed(step) == 1


# Whoever asks


def test_a_signal_that_comes_while_its_record_is_read_is_not_lost(world):
    worker, asker = world.sessions("worker", "asker")
    store(worker, "1").rows()
    claimed = claim(worker).rows()
    assert store(asker, "1").row()["stored"] == 1
    assert claim(asker).rows() == []
    assert closed(receive(worker, claimed)) == 1
    assert open_signals(world) == 1
    assert ids(claim(worker).rows()) == ["1"]


def test_a_signal_that_is_committed_after_its_record_was_read_is_not_lost(world):
    worker, asker = world.sessions("worker", "asker")
    store(worker, "1").rows()
    asker.begin()
    # Of a lower id than what comes later, and committed last.
    asker.run(
        "insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind)"
        f" values ('{EXAMS}', '1', 'propertyChange')"
    )
    claimed = claim(worker).rows()
    assert closed(receive(worker, claimed)) == 1
    store(worker, "1").rows()
    again = claim(worker).rows()
    asker.commit()
    assert closed(receive(worker, again)) == 1
    assert ids(claim(worker).rows()) == ["1"]


def test_nobody_who_asks_waits_for_a_claim_or_an_answer(world):
    worker, asker = world.sessions("worker", "asker")
    store(worker, "1").rows()
    worker.begin()
    claimed = claim(worker).rows()
    # The record is taken to be waiting still, and is read after this.
    assert store(asker, "1", "2", lane="urgent").row()["stored"] == 1
    worker.commit()
    worker.begin()
    receive(worker, claimed).rows()
    assert store(asker, "1", lane="urgent").row()["stored"] == 1
    worker.commit()
    assert open_signals(world) == 2


def test_who_asks_urgently_and_the_claim_of_the_same_record_never_deadlock(world):
    asker, worker = world.sessions("asker", "worker")
    store(asker, "1", "2", "3").rows()
    asker.begin()
    store(asker, "3", "1", lane="urgent").rows()
    step = claim(worker)
    step.waits_for(asker)
    store(asker, "2", lane="urgent").settle(worker)
    asker.commit()
    assert sorted(ids(step.rows())) == ["1", "2", "3"]


def test_a_signal_discarded_while_it_is_claimed_is_left_to_the_worker(world):
    worker, person = world.sessions("worker", "person")
    store(worker, "1").rows()
    worker.begin()
    claimed = claim(worker).rows()
    step = person.start(
        "select outcome from hubspot_sync.discard_signals("
        " array(select id from hubspot_sync.webhook_inbox))"
    )
    step.waits_for(worker)
    worker.commit()
    assert step.row()["outcome"] == "leased"
    assert closed(receive(worker, claimed)) == 1


def test_dead_letters_are_settled_once_though_a_person_retries_them_meanwhile(world):
    worker, person = world.sessions("worker", "person")
    store(worker, "1").rows()
    world.execute("update hubspot_sync.webhook_inbox set dead_at = now()")
    store(worker, "1").rows()
    claimed = claim(worker).rows()
    person.begin()
    person.run("select hubspot_sync.retry_signals(p_all => true)")
    step = receive(worker, claimed)
    step.waits_for(person)
    person.commit()
    # What a person wants read again is read again.
    assert closed(step) == 1
    assert open_signals(world) == 1
