"""How much of HubSpot's allowed rate workers reach together, and whether any call is refused.

The workers make the smallest call there is, as fast as the budget lets them; a simulator in a
process of its own holds them to the limit of the smallest tier, 100 calls in any ten seconds.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg

from bench.figure import Figure
from glue.budget import Budget
from glue.config import HubSpotConfig
from glue.db import connect
from glue.errors import RateLimited
from glue.hubspot import HubSpot
from glue.rpc import Rpc
from sandbox.hubspot.definitions import BOOKING_TYPE, EXAM_TYPE
from sandbox.stack import start_hubspot

CALLS, PERIOD = 100, 10.0
WINDOW = 2 * PERIOD
ANSWER = 60  # milliseconds HubSpot takes
SLOW = 1000


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        simulator = start_hubspot(Path(folder), empty=True)
        try:
            account = HubSpotConfig(simulator.url, simulator.token, BOOKING_TYPE, EXAM_TYPE)
            for workers in (1, 2, 4):
                yield _figure(url, account, workers, ANSWER, "250 milliseconds")
            yield _figure(url, account, 16, SLOW, "250 milliseconds")
            yield _figure(url, account, 16, SLOW, None)
        finally:
            simulator.child.stop()


def _figure(
    url: str, account: HubSpotConfig, workers: int, answer: int, within: str | None
) -> Figure:
    made, refused = _run(url, account, workers, answer, within)
    allowed = CALLS * WINDOW / PERIOD
    counted = "" if within else ", counted until the answer"
    name = f"calls of {workers} workers in bulk, answered in {answer} ms{counted}"
    target = "ratio >= 0.95, no 429" if within else "no 429"
    met = refused == 0 and (within is None or made >= 0.95 * allowed)
    return Figure(
        f"{name}: {refused} refused",
        round(made, 1),
        "calls",
        allowed,
        round(made / allowed, 3),
        target,
        met,
    )


def _run(
    url: str, account: HubSpotConfig, workers: int, answer: int, within: str | None
) -> tuple[float, int]:
    """Calls made in a window, and 429 since the start.

    Workers come in waves: when all slots are used they wait for the first ones. So the window is
    moved over a whole wave, and the mean is taken.
    """
    _reset(url, within)
    stop = threading.Event()
    answered: list[float] = []

    def work() -> None:
        with connect(url) as connection, HubSpot(account) as hubspot:
            hubspot.meter = Budget(Rpc(connection))
            while not stop.is_set():
                try:
                    hubspot.list_objects("contacts", ["email"])
                    answered.append(time.monotonic())
                except RateLimited:
                    stop.wait(0.1)

    with (
        httpx.Client(base_url=account.base_url) as control,
        ThreadPoolExecutor(workers) as pool,
    ):
        control.post("/_sandbox/faults", json=[{"kind": "slow", "ms": answer}])
        time.sleep(PERIOD)  # what the run before has used
        control.post("/_sandbox/calls/reset")
        start = time.monotonic()
        running = [pool.submit(work) for _ in range(workers)]
        time.sleep(PERIOD * 2 + WINDOW)
        stop.set()
        for worker in running:
            worker.result()
        refused = control.get("/_sandbox/calls").json()["rate_limited"]
    moved = [start + PERIOD * (1 + i / 100) for i in range(100)]
    counts = [sum(begin < at <= begin + WINDOW for at in answered) for begin in moved]
    return statistics.mean(counts), refused


def _reset(url: str, within: str | None) -> None:
    """A budget nobody has used."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("truncate hubspot_sync.hubspot_slots")
        connection.execute("update hubspot_sync.hubspot_budget set others = 0,"
                           " paused_until = null, limited_at = null")  # fmt: skip
        connection.execute(
            "update hubspot_sync.settings set value = %s where key = 'counted_within'", [within]
        )
