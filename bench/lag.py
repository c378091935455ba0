"""How long a change takes from its commit to HubSpot, while `glue drain --follow` runs.

Beside it: the same change sent by a drain that is started for it, which is as fast as it can be.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.figure import Figure, beside
from glue import importing
from glue.config import HubSpotConfig
from glue.db import connect
from glue.drain import Drain
from glue.hubspot import HubSpot
from glue.rpc import Rpc
from sandbox.stack import Stack, running

TURNS = 20
PATIENCE = 30.0
TARGET = 5.0  # seconds, in profile fast


def figures(_: str) -> Iterator[Figure]:
    """Measures on servers of its own: a simulator's account belongs to one database."""
    with running(valkey=False, migrate=True, own_database=True, contacts=100, exams=10) as stack:
        config = HubSpotConfig(
            stack.hubspot_base_url,
            stack.hubspot_access_token,
            stack.hubspot_booking_type,
            stack.hubspot_exam_type,
        )
        with connect(stack.database_url) as connection, HubSpot(config) as hubspot:
            rpc = Rpc(connection)
            importing.run(rpc, hubspot)
            exam = rpc.list_available_exams()[0]["mock_exam_id"]
            worker = Drain(rpc, hubspot)
            alone = [_lag(stack, rpc, exam, 1000 + n, worker) for n in range(TURNS)]
            with _following(stack):
                followed = [_lag(stack, rpc, exam, 2000 + n, None) for n in range(TURNS)]
    yield beside(
        "from commit to HubSpot, followed, beside a drain at once",
        followed,
        alone,
        unit="s",
        target=f"< {TARGET:g} s",
        met=lambda value, _: value < TARGET,
    )
    worst = max(followed)
    yield Figure(
        "the same, slowest of twenty", round(worst, 2), "s", None, None, f"< {TARGET:g} s",
        worst < TARGET,
    )  # fmt: skip


def _lag(stack: Stack, rpc: Rpc, exam: str, capacity: int, worker: Drain | None) -> float:
    """Seconds until HubSpot has an exam's new capacity."""
    rpc.call("api.set_exam_capacity", p_mock_exam_id=exam, p_capacity=capacity)
    began = time.perf_counter()
    if worker is not None:
        worker.run_once()
    url = f"{stack.hubspot_base_url}/_sandbox/records/{stack.hubspot_exam_type}"
    while time.perf_counter() - began < PATIENCE:
        for record in httpx.get(url, timeout=PATIENCE).json()["results"]:
            if record["id"] == exam and record["properties"]["capacity"] == str(capacity):
                return time.perf_counter() - began
        time.sleep(0.02)
    raise SystemExit(f"HubSpot did not get the capacity {capacity} in {PATIENCE:g} s")


@contextmanager
def _following(stack: Stack) -> Iterator[None]:
    """`glue drain --follow` in a process of its own."""
    environment = os.environ | {
        "DATABASE_URL": stack.database_url,
        "HUBSPOT_BASE_URL": stack.hubspot_base_url,
        "HUBSPOT_ACCESS_TOKEN": stack.hubspot_access_token,
        "HUBSPOT_BOOKING_TYPE": stack.hubspot_booking_type,
        "HUBSPOT_EXAM_TYPE": stack.hubspot_exam_type,
    }
    glue = Path(sys.executable).with_name("glue")
    process = subprocess.Popen(
        [glue, "drain", "--follow"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
