"""How many calls HubSpot gets for a thousand mixed changes, beside the fewest that could do.

The whole way is real: the functions of api, the outbox, the drain, and the simulator over HTTP.
"""

import math
import random
from collections.abc import Iterator

import httpx

from bench.figure import Figure
from glue import importing
from glue.config import HubSpotConfig
from glue.db import connect
from glue.drain import Drain
from glue.hubspot import BATCH, HubSpot
from glue.rpc import Rpc
from sandbox.stack import Stack, running

CONTACTS, EXAMS = 1500, 60
BEFORE = 400  # bookings HubSpot has already, which are cancelled and moved
NEW, CANCELLED, MOVED, GRANTED, RESIZED = 400, 200, 100, 250, 50
TYPES = {
    "Situational Judgment": "sj_credits",
    "Clinical Skills": "cs_credits",
    "Mini-mock": "sjmini_credits",
    "Mock Discussion": "mock_discussion_token",
}


def figures(_: str) -> Iterator[Figure]:
    """Measures on servers of its own: a simulator's account belongs to one database."""
    with running(
        valkey=False, migrate=True, own_database=True, contacts=CONTACTS, exams=EXAMS
    ) as stack:
        config = HubSpotConfig(
            stack.hubspot_base_url,
            stack.hubspot_access_token,
            stack.hubspot_booking_type,
            stack.hubspot_exam_type,
        )
        with connect(stack.database_url) as connection, HubSpot(config) as hubspot:
            # Those are gathered by the minute: they would come into the count, or not.
            connection.execute("update hubspot_sync.settings set value = 'off' where key = 'notes'")
            yield from _Day(stack, Rpc(connection), hubspot).figures()


class _Day:
    """A day's changes, in any order, and what must be sent for them."""

    def __init__(self, stack: Stack, rpc: Rpc, hubspot: HubSpot) -> None:
        self._stack = stack
        self._rpc = rpc
        self._hubspot = hubspot
        self._chance = random.Random(1)

    def figures(self) -> Iterator[Figure]:
        importing.run(self._rpc, self._hubspot, lambda *_: None)
        exams = [e for e in self._rpc.list_available_exams() if e["mock_type"] in TYPES]
        for exam in exams:
            self._rpc.call(
                "api.set_exam_capacity", p_mock_exam_id=exam["mock_exam_id"], p_capacity=1000
            )
        students = iter(self._chance.sample(self._records("contacts"), CONTACTS))
        booked = [self._book(next(students), self._chance.choice(exams)) for _ in range(BEFORE)]
        self._drain()
        self._sandbox("POST", "calls/reset")

        contacts, bookings, seats = set(), set(), set()
        new = [
            (self._one_new, (next(students), exams, contacts, bookings, seats)) for _ in range(NEW)
        ]
        old = self._chance.sample(booked, CANCELLED + MOVED)
        gone = [(self._cancel, (b, contacts, bookings, seats)) for b in old[:CANCELLED]]
        moved = [(self._move, (b, exams, bookings, seats)) for b in old[CANCELLED:]]
        granted = [(self._grant, (next(students), contacts)) for _ in range(GRANTED)]
        resized = [(self._resize, (e, seats)) for e in self._chance.choices(exams, k=RESIZED)]
        changes = new + gone + moved + granted + resized
        self._chance.shuffle(changes)
        for change, arguments in changes:
            change(*arguments)
        self._drain()

        calls = self._sandbox("GET", "calls")
        fewest = {
            "contacts": math.ceil(len(contacts) / BATCH),
            "new bookings": math.ceil(NEW / BATCH),
            "known bookings": math.ceil((CANCELLED + MOVED) / BATCH),
            "links to contacts": math.ceil(NEW / BATCH),
            "links to exams": math.ceil((NEW + MOVED) / BATCH),
            "links that end": math.ceil(MOVED / BATCH),
            "exams": math.ceil(len(seats) / BATCH),
        }
        made, least = calls["total"], sum(fewest.values())
        yield Figure(
            f"HubSpot calls for {len(changes):,} mixed changes, beside the fewest",
            made,
            "calls",
            least,
            round(made / least, 2),
            "ratio <= 1.1",
            made / least <= 1.1,
        )

    def _drain(self) -> None:
        report = Drain(self._rpc, self._hubspot).run_once()
        if report.failed or any(r["due"] + r["waiting"] for r in self._rpc.queue_status()):
            raise RuntimeError(f"not everything was sent: {report}")

    def _book(self, student: dict, exam: dict) -> dict:
        self._rpc.call(
            "api.grant_credits",
            p_student_id=student["student_id"],
            p_email=student["email"],
            p_credit=TYPES[exam["mock_type"]],
            p_amount=2,
            p_reason="bench",
        )
        return self._rpc.create_booking(
            p_mock_exam_id=exam["mock_exam_id"],
            p_student_id=student["student_id"],
            p_email=student["email"],
        )

    def _one_new(
        self, student: dict, exams: list, contacts: set, bookings: set, seats: set
    ) -> None:
        exam = self._chance.choice(exams)
        bookings.add(self._book(student, exam)["booking_id"])
        contacts.add(student["student_id"])
        seats.add(exam["mock_exam_id"])

    def _cancel(self, booking: dict, contacts: set, bookings: set, seats: set) -> None:
        self._rpc.cancel_booking(booking["booking_id"])
        contacts.add(booking["student_id"])
        bookings.add(booking["booking_id"])
        seats.add(booking["mock_exam_id"])

    def _move(self, booking: dict, exams: list, bookings: set, seats: set) -> None:
        same = [
            e
            for e in exams
            if e["mock_type"] == booking["mock_type"]
            and e["mock_exam_id"] != booking["mock_exam_id"]
        ]
        to = self._chance.choice(same)
        self._rpc.call(
            "api.move_booking",
            p_booking_id=booking["booking_id"],
            p_mock_exam_id=to["mock_exam_id"],
        )
        bookings.add(booking["booking_id"])
        seats.update((booking["mock_exam_id"], to["mock_exam_id"]))

    def _grant(self, student: dict, contacts: set) -> None:
        self._rpc.call(
            "api.grant_credits",
            p_student_id=student["student_id"],
            p_email=student["email"],
            p_credit="cs_credits",
            p_amount=1,
            p_reason="bench",
        )
        contacts.add(student["student_id"])

    def _resize(self, exam: dict, seats: set) -> None:
        self._rpc.call(
            "api.set_exam_capacity",
            p_mock_exam_id=exam["mock_exam_id"],
            p_capacity=self._chance.randint(1001, 2000),
        )
        seats.add(exam["mock_exam_id"])

    def _records(self, kind: str) -> list[dict]:
        return [r["properties"] for r in self._sandbox("GET", f"records/{kind}")["results"]]

    def _sandbox(self, method: str, what: str) -> dict:
        url = f"{self._stack.hubspot_base_url}/_sandbox/{what}"
        answer = httpx.request(method, url, timeout=60)
        answer.raise_for_status()
        return answer.json()
