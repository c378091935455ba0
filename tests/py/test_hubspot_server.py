"""The simulator over real HTTP: what only sockets, threads and processes show."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    OBJECTS,
    TOKEN,
    app_of,
    batch,
    faults,
    limits,
    live,
    upsert_of,
)

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.server import running
from sandbox.hubspot.store import Store


@pytest.fixture
def store():
    return Store(7, Clock())


@pytest.fixture
def hubspot(store):
    with (
        running(app_of(store)) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield client


@pytest.fixture
def written(store):
    """Set as soon as a record is written."""
    event, put = threading.Event(), store.index.put

    def noticed(record, now_ms):
        put(record, now_ms)
        event.set()

    store.index.put = noticed
    return event


def test_a_cut_connection_gives_no_answer_and_leaves_the_record_behind(hubspot):
    faults(hubspot, {"kind": "cut", "count": 1})
    with pytest.raises(httpx.TransportError):
        batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)])
    assert len(live(hubspot, "bookings")) == 1
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).json()["results"][0]["new"] is False
    assert hubspot.get("/_sandbox/calls").json()["statuses"] == {"cut": 1, "200": 1}


@pytest.mark.parametrize(("kind", "ms"), [("slow", 60_000), ("slow_before_applying", 400)])
def test_a_slow_request_is_applied_although_its_client_is_gone(hubspot, written, kind, ms):
    faults(hubspot, {"kind": kind, "ms": ms, "count": 1})
    body, url = {"inputs": [upsert_of(1)]}, f"{OBJECTS}/{BOOKINGS}/batch/upsert"
    with pytest.raises(httpx.ReadTimeout):
        hubspot.post(url, json=body, timeout=0.2)
    assert written.wait(30)
    assert len(live(hubspot, "bookings")) == 1


def test_parallel_upserts_of_the_same_records_make_no_duplicates(hubspot):
    limits(hubspot, burst=10_000)
    inputs = [upsert_of(n) for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: batch(hubspot, BOOKINGS, "upsert", inputs), range(24)))
    assert {a.status_code for a in answers} == {200}
    assert sum(row["new"] for a in answers for row in a.json()["results"]) == 50
    assert hubspot.get("/_sandbox/duplicates").json()["bookings"] == []
    assert len(live(hubspot, "bookings")) == 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_is_serves_and_ends_cleanly(number):
    command = [sys.executable, "-m", "sandbox.hubspot", "--contacts", "20", "--exams", "5"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {ready['token']}"}
            answer = httpx.get(f"{ready['url']}{OBJECTS}/{CONTACTS}?limit=100", headers=headers)
            assert len(answer.json()["results"]) == 20
        finally:
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
