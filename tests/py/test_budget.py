"""The budget of HubSpot calls: many workers, one limit, and no 429 that could be avoided."""

import itertools
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from hubspot_world import BOOKINGS, CONTACTS, command, eventually, glue_here

from glue.budget import Budget
from glue.db import connect
from glue.errors import DatabaseError, HubSpotError, OutOfBudget, RateLimited, Unavailable
from glue.hubspot import HubSpot
from glue.rpc import CallGrant, Rpc

FREE = """
    select b.calls - (select count(*) from hubspot_sync.hubspot_slots s
                       where s.limit_name = 'burst' and s.free_at > now())
      from hubspot_sync.hubspot_budget b
     where b.limit_name = 'burst'
"""


@contextmanager
def metered(world, *, lane="bulk", **options):
    """A worker's client, drawing from the budget over a connection of its own."""
    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        hubspot.meter = Budget(Rpc(connection), **options)
        hubspot.lane = lane
        yield hubspot


def call(hubspot: HubSpot) -> None:
    """The smallest call there is."""
    hubspot.list_objects(CONTACTS, ["email"])


def outcome(hubspot: HubSpot) -> type | None:
    """What a call came to: None, or the error's type."""
    try:
        return call(hubspot)
    except HubSpotError as error:
        return type(error)


def calls_until_refused(hubspot: HubSpot) -> tuple[int, OutOfBudget]:
    """Calls that were made before the budget refused one, and how it did."""
    for made in itertools.count():
        try:
            call(hubspot)
        except OutOfBudget as error:
            return made, error
    raise AssertionError


@pytest.fixture
def strict(world):
    """Every call counts until its answer: a machine too busy to take requests must not matter."""
    world.database.rows(
        "update hubspot_sync.settings set value = null where key = 'counted_within'"
    )


# Many workers


def test_many_workers_together_never_get_a_429(world, strict):
    world.account.limits(burst=20, interval_ms=500)

    def work(_: int) -> None:
        with metered(world) as hubspot:
            for _ in range(15):
                call(hubspot)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert world.account.rate_limited() == 0
    assert world.account.calls() == 8 * 15
    counted = "select sum(calls)::integer from hubspot_sync.hubspot_calls"
    assert world.database.value(counted) == 8 * 15
    with world.hubspot() as unmetered:
        refused = [outcome(unmetered) for _ in range(30)]
    assert RateLimited in refused  # the limit was there


def test_searches_have_a_limit_of_their_own(world, strict):
    search = f"/crm/objects/2026-09/{CONTACTS}/search"

    def work(_: int) -> None:
        with metered(world) as hubspot:
            for _ in range(3):
                hubspot._post(search, {"limit": 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert world.account.rate_limited() == 0
    assert world.account.calls() == 4 * 3
    world.recorder.exchanges.clear()  # the documents of searches are not ours to check here


def test_the_budget_follows_the_limits_hubspot_tells(world):
    world.account.limits(tier="enterprise")
    with metered(world) as hubspot:
        call(hubspot)
    told = world.database.rows(
        "select limit_name, calls, period, remaining from hubspot_sync.hubspot_budget"
        " where limit_name <> 'search' order by limit_name"
    )
    assert [tuple(row.values()) for row in told] == [
        ("burst", 190, timedelta(seconds=10), 189),
        ("daily", 1_000_000, timedelta(days=1), 999_999),
    ]
    assert world.database.value(FREE) == 189


def test_another_program_that_uses_half_of_the_calls_is_left_them_and_a_little_more(world):
    world.account.limits(burst=40, interval_ms=60_000)
    with world.hubspot() as other, metered(world, lane="urgent", patience=0) as hubspot:
        for _ in range(20):
            call(other)
        made, error = calls_until_refused(hubspot)
        assert made == 20 - 2  # a twentieth is to spare
        assert "used" in error.message
        for _ in range(2):
            call(other)
    assert world.account.rate_limited() == 0


def test_a_worker_killed_in_a_call_costs_the_others_one_slot_and_nothing_else(world):
    world.account.fault({"kind": "slow_before_applying", "ms": 30_000})
    world.student("ann")
    open_calls = "select count(*) from hubspot_sync.hubspot_slots where ticket is not null"
    worker = subprocess.Popen(command("import"), env=world.environment())
    try:
        eventually(lambda: world.database.value(open_calls) == 1, "a call under way")
    finally:
        worker.kill()
        worker.wait()
    world.account.fault()
    with metered(world, lane="urgent", patience=0) as hubspot:
        world.account.limits(burst=20)
        made, error = calls_until_refused(hubspot)
        assert made == 19
        assert error.retry_after <= 10
    assert world.account.rate_limited() == 0
    (row,) = world.database.rows(
        "select free_at - taken_at as held from hubspot_sync.hubspot_slots where ticket is not null"
    )
    assert row["held"] == timedelta(seconds=60 + 10)


# Two lanes


def test_urgent_calls_never_wait_behind_bulk(world, strict):
    world.account.limits(burst=40, interval_ms=400)
    stop, bulk_waits = threading.Event(), threading.Event()

    def rest(seconds: float) -> None:
        bulk_waits.set()
        time.sleep(seconds)

    def bulk() -> None:
        with metered(world, sleep=rest) as hubspot:
            while not stop.is_set():
                call(hubspot)

    def never(seconds: float) -> None:
        raise AssertionError(f"urgent was told to wait {seconds} s")

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(bulk) for _ in range(4)]
        try:
            with metered(world, lane="urgent", sleep=never) as hubspot:
                for _ in range(8):
                    # Bulk has more to do than it may, and leaves the reserve alone all the same.
                    bulk_waits.clear()
                    eventually(bulk_waits.is_set, "bulk is made to wait")
                    eventually(lambda: world.database.value(FREE) >= 2, "a reserve")
                    call(hubspot)
                    call(hubspot)
        finally:
            stop.set()
        for worker in workers:
            worker.result()
    assert world.account.rate_limited() == 0


def test_the_daily_cap_stops_bulk_and_lets_urgent_through(world):
    world.database.rows("update hubspot_sync.settings set value = 3 where key = 'daily_call_cap'")
    with metered(world) as hubspot:
        made, error = calls_until_refused(hubspot)
        assert made == 3
        assert "daily_call_cap" in error.message
        assert error.exit_code == 75
        hubspot.lane = "urgent"
        call(hubspot)
    counted = world.database.rows(
        "select lane, calls, rate_limited from hubspot_sync.hubspot_calls order by lane"
    )
    assert [tuple(row.values()) for row in counted] == [
        ("bulk", 3, 0),
        ("urgent", 1, 0),
    ]


def test_changes_the_cap_held_up_are_no_record_s_fault_and_go_out_later(world, exam):
    db = world.database
    db.book("ann", exam)
    world.account.calls()
    db.rows("update hubspot_sync.settings set value = 0 where key = 'daily_call_cap'")
    held_up = glue_here("drain", "--once", env=world.environment())
    assert held_up.returncode == 75
    waiting = db.open_changes()
    assert {row["sync_attempts"] for row in waiting} == {0}
    assert not any(row["dead_at"] or row["unanswered"] for row in waiting)
    db.rows("update hubspot_sync.settings set value = null where key = 'daily_call_cap'")
    db.let_time_pass()
    assert glue_here("drain", "--once", env=world.environment()).returncode == 0
    assert db.open_changes() == []
    assert db.value("select sum(calls) from hubspot_sync.hubspot_calls") == world.account.calls()


def test_an_urgent_change_does_not_wait_until_midnight_behind_what_the_cap_held_up(world, exam):
    db = world.database
    booking = db.book("ann", exam)
    world.drain()
    db.rows("update hubspot_sync.hubspot_bookings set dominant_hand = 'Left'")
    db.rows("update hubspot_sync.settings set value = 0 where key = 'daily_call_cap'")
    assert glue_here("drain", "--once", env=world.environment()).returncode == 75
    db.cancel(booking)
    db.rows(
        "update hubspot_sync.sync_queue"
        " set next_attempt_at = next_attempt_at - interval '5 minutes'"
        " where not synced and next_attempt_at > now()"
    )
    glue_here("drain", "--once", env=world.environment())
    there = world.account.properties(BOOKINGS, "booking_id")
    assert there[booking]["is_active"] == "Cancelled"


# 429


def test_after_a_429_all_workers_rest_as_long_as_hubspot_says(world):
    world.account.fault({"kind": "rate_limited", "count": 1, "retry_after": 7})
    with metered(world) as one, metered(world, lane="urgent", patience=0) as other:
        with pytest.raises(RateLimited):
            call(one)
        with pytest.raises(OutOfBudget, match="pause") as refused:
            call(other)
    assert 0 < refused.value.retry_after <= 7
    assert world.account.calls() == 1


def test_when_the_day_is_used_up_a_command_says_so_and_may_be_run_again(world):
    world.account.limits(daily=2)
    with metered(world) as hubspot:
        call(hubspot)
    world.account.fault({"kind": "daily_limit", "count": 1})
    first = glue_here("import", env=world.environment())
    second = glue_here("import", env=world.environment())
    assert (first.returncode, second.returncode) == (75, 75)
    assert "HubSpot answered 429" in first.stderr
    assert "calls of the day are used" in second.stderr
    assert world.account.calls() == 2
    paused = world.database.value(
        "select paused_until from hubspot_sync.hubspot_budget where limit_name = 'daily'"
    )
    assert (paused.hour, paused.minute, paused.second) == (0, 1, 0)


def test_the_last_call_of_the_day_is_the_last_one_made(world):
    world.account.limits(daily=5)
    with metered(world, patience=0) as hubspot:
        made, error = calls_until_refused(hubspot)
    assert made == 5
    assert "of the day" in error.message
    assert world.account.rate_limited() == 0


# The waiting


class Script:
    """An Rpc that answers what it was given, and keeps what it was told."""

    def __init__(self, *grants: CallGrant) -> None:
        self.grants = list(grants)
        self.asked: list[tuple] = []
        self.settled: list[tuple] = []

    def reserve_call(self, *arguments) -> CallGrant:
        self.asked.append(arguments)
        return self.grants.pop(0)

    def settle_call(self, *arguments) -> bool:
        self.settled.append(arguments)
        return True


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def wait(seconds: float, reason: str = "burst") -> CallGrant:
    return CallGrant(False, None, timedelta(seconds=seconds), reason)


GRANTED = CallGrant(True, 4711, timedelta(0), None)


def budget(script: Script, time: Time, **options) -> Budget:
    return Budget(script, sleep=time.sleep, clock=time.clock, **options)


def test_it_sleeps_what_the_database_says_and_asks_again():
    script, time = Script(wait(3), wait(0.5), GRANTED), Time()
    assert budget(script, time).reserve(lane="urgent", search=True).number == 4711
    assert time.slept == [3, 0.5]
    assert script.asked == [("urgent", True)] * 3


def test_it_never_sleeps_longer_than_its_patience():
    script, time = Script(wait(9), wait(2)), Time()
    with pytest.raises(OutOfBudget) as refused:
        budget(script, time, patience=10).reserve(lane="bulk")
    assert time.slept == [9]
    assert refused.value.retry_after == 2


def test_a_wait_of_nothing_is_still_a_wait():
    script, time = Script(wait(0), GRANTED), Time()
    budget(script, time).reserve(lane="bulk")
    assert time.slept[0] > 0


def test_a_settled_call_tells_its_time_and_only_the_headers_that_matter():
    script, time = Script(GRANTED), Time()
    meter = budget(script, time)
    ticket = meter.reserve(lane="bulk")
    time.sleep(1)
    meter.sent(ticket)
    time.sleep(2)
    headers = {"X-HubSpot-RateLimit-Max": "190", "Retry-After": "3", "Set-Cookie": "secret"}
    meter.settle(ticket, 429, headers, "DAILY")
    told = {"x-hubspot-ratelimit-max": "190", "retry-after": "3"}
    assert script.settled == [(4711, 429, told, "DAILY", 2)]


def test_a_postgres_that_is_away_does_not_hide_hubspot_s_answer():
    class Away(Script):
        def settle_call(self, *arguments):
            raise DatabaseError("cannot reach Postgres")

    time = Time()
    meter = budget(Away(GRANTED), time)
    meter.settle(meter.reserve(lane="bulk"), 200, {}, None)


# The client and its meter


class Notes:
    """A meter that lets everything through and keeps what it heard."""

    patience = 5.0

    def __init__(self) -> None:
        self.heard: list[tuple] = []

    def reserve(self, *, lane, search):
        self.heard.append(("reserve", lane, search))
        return "ticket"

    def sent(self, ticket):
        self.heard.append(("sent", ticket))

    def settle(self, ticket, status, headers, policy):
        self.heard.append(("settle", ticket, status, policy))


def test_a_call_is_reserved_before_it_is_sent_and_settled_after_its_answer(world):
    notes = Notes()
    with world.hubspot() as hubspot:
        hubspot.meter = notes
        call(hubspot)
        world.account.fault({"kind": "daily_limit", "count": 1})
        with pytest.raises(RateLimited):
            call(hubspot)
    begun = [("reserve", "bulk", False), ("sent", "ticket")]
    assert notes.heard == [
        *begun,
        ("settle", "ticket", 200, None),
        *begun,
        ("settle", "ticket", 429, "DAILY"),
    ]


def test_a_call_without_an_answer_is_settled_too(world):
    notes = Notes()
    world.account.fault({"kind": "cut"})
    with world.hubspot() as hubspot:
        hubspot.meter = notes
        with pytest.raises(Unavailable):
            call(hubspot)
    assert notes.heard[-1] == ("settle", "ticket", None, None)


@pytest.mark.parametrize("policy", [None, 3, {"a": 1}, ["DAILY"], "DA\0ILY"])
def test_a_policy_nobody_knows_is_none(world, policy):
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"policyName": policy})

    notes = Notes()
    with (
        HubSpot(world.config(), transport=httpx.MockTransport(answer), meter=notes) as hubspot,
        pytest.raises(RateLimited),
    ):
        call(hubspot)
    assert notes.heard == [("reserve", "bulk", False), ("settle", "ticket", 429, None)]


def test_the_longest_wait_belongs_to_the_time_a_call_may_take(world):
    with HubSpot(world.config(timeout=20.0)) as hubspot:
        assert hubspot.timeout == 20
        hubspot.meter = Notes()
        assert hubspot.timeout == 25


@pytest.mark.parametrize(
    ("seconds", "told"), [(6.2, "7 s"), (600, "10 min"), (3624.4, "1 h"), (5400, "1 h 30 min")]
)
def test_when_it_may_be_tried_again_is_told_in_words(seconds, told):
    hint = OutOfBudget("no call is left", retry_after=seconds).hint
    assert hint == f"It may be tried again in {told}."
