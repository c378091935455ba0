"""Thousands of schedules of the outbox: whatever strikes, HubSpot ends with what Postgres has.

`make soak` plays as many as you like. A seed is a schedule: what it prints when it fails says how
to see it again.
"""

import os
from collections import Counter

import pytest
from both import THERE, BothWays
from plots import PLOTS
from schedule import CRASH_PLACES, FAULTS, Schedule, Violation, again

SEEDS = range(1, int(os.environ.get("SIMULATION_SEEDS", "60")) + 1)


@pytest.mark.timeout(1200)
def test_whatever_strikes_hubspot_ends_with_what_postgres_has(stage):
    struck: Counter[str] = Counter()
    for seed in SEEDS:
        schedule = Schedule(stage, seed)
        try:
            schedule.play()
        except Violation as violation:
            pytest.fail(f"{schedule.told()}\n\n{violation}\n\n{again(seed)}", pytrace=False)
        struck.update(schedule.struck)
    print(*(f"{times:7} {what}" for what, times in sorted(struck.items())), sep="\n")
    # The schedules were worth playing: all of it happened.
    expected = {
        *(f"crash {place}" for place in CRASH_PLACES),
        *FAULTS,
        "late send",
        "late acknowledgement",
        "late giving back",
        "acknowledgement past the lease",
        "giving back past the lease",
        "overwritten by a late request",
        "landed after all",
        "given up",
        "clock set back",
        "by hand: archived",
        "by hand: merged",
        "by hand: a rule",
        "transaction left open",
        "rolled back",
        "committed out of order",
        "in the way",
        "full pass",
        "retried",
        "given up by a person",
        "notes",
        *(f"plot: {plot.__name__.strip('_')}" for plot in PLOTS),
    }
    assert sorted(expected - {what for what, times in struck.items() if times}) == []


@pytest.mark.parametrize("seed", [3, 29])
def test_a_seed_plays_the_same_schedule_whatever_was_played_before(stage, seed):
    first, between, second = Schedule(stage, seed), Schedule(stage, seed + 1), Schedule(stage, seed)
    for schedule in (first, between, second):
        schedule.play()
    assert first.told() == second.told()
    assert first.struck == second.struck
    assert first.told() != between.told()


BOTH_WAYS = range(1, int(os.environ.get("SIMULATION_SEEDS_BOTH", "30")) + 1)


@pytest.mark.timeout(1200)
def test_whatever_strikes_both_sides_end_equal(stage):
    struck: Counter[str] = Counter()
    for seed in BOTH_WAYS:
        schedule = BothWays(stage, seed)
        try:
            schedule.play()
        except Violation as violation:
            pytest.fail(f"{schedule.told()}\n\n{violation}\n\n{again(seed)} --both", pytrace=False)
        struck.update(schedule.struck)
    print(*(f"{times:7} {what}" for what, times in sorted(struck.items())), sep="\n")
    expected = {
        *(f"there: {what}" for what in THERE),
        "webhook",
        "webhook known already",
        "webhook refused",
        "webhook's answer lost",
        "receiver",
        "poll",
        "crash after claim_signals",
        "crash before claim_signals",
        "full pass",
        "clock set back",
        "rolled back",
        "committed out of order",
    }
    assert sorted(expected - {what for what, times in struck.items() if times}) == []
