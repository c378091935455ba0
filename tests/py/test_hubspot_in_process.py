"""The simulator answers in the caller's thread, without a socket, and one seed gives one answer."""

import random
import re
import socket
import threading
from pathlib import Path

import httpx
import pytest

import sandbox.hubspot
from sandbox.hubspot.app import create_app
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.seed import fill
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import InProcess, standing

OBJECTS = "/crm/objects/2026-09"
CONTACTS, BOOKINGS = "contacts", "2-50158943"
START_MS = 1_790_000_000_000


class Here:
    """An account, its clock, and clients of it in this thread."""

    def __init__(self, seed=7, **options):
        self.clock = standing()
        self.store = Store(seed, self.clock, **options)
        app = create_app(self.store, Limits(clock=self.clock), Faults(seed), "t")
        self.transport = InProcess(app, self.clock)
        self.client = self.connect()

    def connect(self, **options):
        headers = {"Authorization": "Bearer t"}
        return httpx.Client(
            base_url="https://hubspot.test", headers=headers, transport=self.transport, **options
        )

    def fault(self, *faults):
        assert self.client.post("/_sandbox/faults", json=list(faults)).status_code == 200

    def upsert(self, number=1, **properties):
        item = {"id": f"BK-{number}", "idProperty": "booking_id", "properties": properties}
        return self.client.post(
            f"{OBJECTS}/{BOOKINGS}/batch/upsert", json={"inputs": [item]}, timeout=5
        )

    def bookings(self):
        kind = self.store.type(BOOKINGS)
        return [r.version.properties for r in self.store.live(kind)]


@pytest.fixture
def here():
    return Here()


def exchanges(seed):
    """Everything that is said in a bad hour, with faults and with others in the account."""
    here, rng, said = Here(seed), random.Random(seed), []
    fill(here.store, seed, contacts=30, exams=5)
    for path in ("faults", "people"):
        here.client.post(f"/_sandbox/{path}", json={"seed": seed, "intensity": 0.3})
    for _ in range(150):
        number = rng.randrange(6)
        try:
            answer = rng.choice(
                [
                    lambda n=number: here.upsert(n, attendance=str(n)),
                    lambda: here.client.get(f"{OBJECTS}/{CONTACTS}", params={"limit": 3}),
                    lambda: here.client.post(f"{OBJECTS}/{BOOKINGS}/search", json={}),
                    lambda: here.client.get(f"{OBJECTS}/{CONTACTS}/1"),
                ]
            )()
        except httpx.TransportError as error:
            said.append((error.request.content, repr(error)))
        else:
            said.append((answer.request.content, answer.status_code, *answer.headers.raw))
            said.append(answer.content)
        here.clock.advance(rng.random())
    return said


def test_two_runs_of_one_seed_give_the_same_bytes():
    first = exchanges(7)
    assert exchanges(7) == first
    assert exchanges(8) != first
    assert {repr(s) for s in ("ReadTimeout", "RemoteProtocolError")} <= {
        repr(one[1].partition("(")[0]) for one in first if isinstance(one[1], str)
    }


def test_it_needs_no_socket_and_no_thread(here, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a socket or a thread")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert here.upsert().status_code == 200
    assert here.client.get("/no/such/route").status_code == 404


def test_query_and_body_arrive_as_over_a_socket(here):
    here.upsert(1, attendance="ja, natürlich")
    (row,) = here.client.get(
        f"{OBJECTS}/{BOOKINGS}", params={"properties": "attendance,booking_id"}
    ).json()["results"]
    assert row["properties"]["attendance"] == "ja, natürlich"
    url = f"{OBJECTS}/{BOOKINGS}/BK-1"
    assert here.client.get(url, params={"idProperty": "booking_id"}).json()["id"] == row["id"]


def test_a_cut_comes_after_the_request_was_applied(here):
    here.fault({"kind": "cut", "count": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        here.upsert()
    assert len(here.bookings()) == 1


@pytest.mark.parametrize("kind", ["slow", "slow_before_applying"])
def test_a_silence_its_client_waits_out_moves_the_clock_alone(here, kind):
    here.fault({"kind": kind, "ms": 5000})
    assert here.upsert().status_code == 200
    assert here.clock.ms() == START_MS + 5000
    assert here.transport.late == []


def test_a_client_that_waits_for_ever_waits_out_every_silence(here):
    here.fault({"kind": "slow", "ms": 86_400_000})
    assert here.connect(timeout=None).get(f"{OBJECTS}/{CONTACTS}").status_code == 200
    assert here.clock.ms() == START_MS + 86_400_000


def test_a_client_that_gives_up_on_a_slow_answer_leaves_the_record_behind(here):
    here.fault({"kind": "slow", "ms": 5001})
    with pytest.raises(httpx.ReadTimeout):
        here.upsert()
    assert here.clock.ms() == START_MS + 5000
    assert len(here.bookings()) == 1


def test_a_request_its_client_gave_up_is_applied_at_its_moment_over_newer_values(here):
    here.fault({"kind": "slow_before_applying", "ms": 60_000, "count": 1})
    with pytest.raises(httpx.ReadTimeout):
        here.upsert(attendance="old")
    assert here.bookings() == []
    assert here.transport.late == [START_MS + 60_000]
    here.upsert(attendance="new")
    here.clock.advance(54.999)
    here.transport.settle()
    assert here.bookings()[0]["attendance"] == "new"
    here.clock.advance(0.001)
    here.transport.settle()
    assert here.bookings()[0]["attendance"] == "old"
    assert here.transport.late == []


def test_a_late_request_goes_on_before_the_next_one(here):
    here.fault({"kind": "slow_before_applying", "ms": 60_000, "count": 1})
    with pytest.raises(httpx.ReadTimeout):
        here.upsert(attendance="old")
    here.clock.advance(60)
    (row,) = here.upsert(attendance="new").json()["results"]
    assert (row["new"], here.bookings()[0]["attendance"]) == (False, "new")


def test_late_requests_go_on_in_the_order_of_their_moments(here):
    for ms, value in ((30_000, "second"), (20_000, "first")):
        here.fault({"kind": "slow_before_applying", "ms": ms, "count": 1})
        with pytest.raises(httpx.ReadTimeout):
            here.upsert(attendance=value)
    here.fault({"kind": "slow", "ms": 60_000, "count": 1})
    assert here.connect(timeout=None).get(f"{OBJECTS}/{CONTACTS}").status_code == 200
    (record,) = here.store.live(here.store.type(BOOKINGS))
    written = [(entry.value, entry.at_ms - START_MS) for entry in record.history["attendance"]]
    assert written == [("second", 30_000), ("first", 25_000)]


def test_the_example_of_the_page_runs():
    page = (Path(sandbox.hubspot.__file__).parent / "README.md").read_text()
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    made = {}
    exec(example, made)
    with httpx.Client(transport=made["transport"], base_url="http://x") as hubspot:
        assert hubspot.get(f"{OBJECTS}/{CONTACTS}").status_code == 401
