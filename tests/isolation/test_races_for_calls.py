"""Races for HubSpot's calls: two workers, one call left."""

from sessions import Session, Step


def ask(worker: Session, lane: str = "urgent") -> Step:
    """Begin to ask for a call."""
    return worker.start("select * from hubspot_sync.reserve_call(%(lane)s)", lane=lane)


def use_up(worker: Session, leave: int) -> None:
    """Take all calls of the moment but so many."""
    worker.run(
        "select hubspot_sync.reserve_call('urgent') from generate_series(1, %(calls)s)",
        calls=100 - leave,
    )


def test_two_workers_never_get_the_same_call(world):
    first, second = world.sessions("first", "second")
    use_up(first, leave=1)
    first.begin()
    assert ask(first).row()["granted"]
    late = ask(second)
    late.waits_for(first)
    first.commit()
    assert not late.row()["granted"]


def test_a_call_that_was_not_granted_after_all_is_the_next_worker_s(world):
    first, second = world.sessions("first", "second")
    use_up(first, leave=1)
    first.begin()
    assert ask(first).row()["granted"]
    late = ask(second)
    late.waits_for(first)
    first.rollback()
    assert late.row()["granted"]


def test_two_workers_in_bulk_never_both_take_what_is_above_the_reserve(world):
    first, second = world.sessions("first", "second")
    use_up(first, leave=3)
    first.begin()
    assert ask(first, "bulk").row()["granted"]
    late = ask(second, "bulk")
    late.waits_for(first)
    first.commit()
    assert not late.row()["granted"]


def test_an_answer_waits_for_a_worker_that_is_being_granted_a_call(world):
    first, second = world.sessions("first", "second")
    ticket = ask(second).row()["ticket"]
    first.begin()
    ask(first).row()
    headers = '{"x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": "98"}'
    late = second.start(
        "select hubspot_sync.settle_call(%(ticket)s, 200, %(headers)s::jsonb)",
        ticket=ticket,
        headers=headers,
    )
    late.waits_for(first)
    first.commit()
    late.rows()
    (row,) = first.run("select others from hubspot_sync.hubspot_budget where limit_name = 'burst'")
    assert row["others"] == 0  # both calls are known to be ours
