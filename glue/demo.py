"""The whole thing, for real, on this machine: import, a rush, the drain, the analytics.

A Postgres, a Valkey and a HubSpot simulator are started (or a database is made on the server of
DATABASE_URL) and removed again. What is shown was measured, and judged: an invariant that does
not hold makes the demo fail.
"""

import asyncio
import math
import os
import random
import time
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from glue import demo_there, drain, events, importing
from glue.config import HubSpotConfig
from glue.db import connect
from glue.errors import DemoFailed
from glue.hubspot import BATCH, HubSpot
from glue.rpc import Rpc
from glue.stream import Stream
from sandbox.stack import HUBSPOT, Stack, running

RUSH_EXAM = "Situational Judgment, rush day"
CONTACTS = 3000
EXAMS = 48
OTHER_BOOKINGS = 400
CANCELLED_SHARE = 0.1
CREDITS = (
    "sj_credits",
    "cs_credits",
    "sjmini_credits",
    "mock_discussion_token",
    "shared_mock_credits",
)
BOOK = (
    "select * from api.create_booking(p_mock_exam_id => %s, p_student_id => %s, p_email => %s,"
    " p_idempotency_key => %s)"
)


Shown = tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]


def run(*, students: int, seed: int, step: Any) -> Shown:
    """Runs it all. step: display.Step, or a stand-in.

    Answers the figures, the analytics, and where edits of both sides met.
    """
    started = time.perf_counter()
    # The demo writes to its own simulator and Redis, never to those the environment may name.
    for name in (*HUBSPOT, "REDIS_URL"):
        os.environ.pop(name, None)
    step("Start Postgres, Valkey and a HubSpot simulator; migrate")
    with running(
        migrate=True, own_database=True, seed=seed, contacts=CONTACTS, exams=EXAMS
    ) as stack:
        config = HubSpotConfig(
            stack.hubspot_base_url,
            stack.hubspot_access_token,
            stack.hubspot_booking_type,
            stack.hubspot_exam_type,
        )
        with connect(stack.database_url) as connection, HubSpot(config) as hubspot:
            show = _Demo(stack, Rpc(connection), hubspot, random.Random(seed), step)
            figures, analytics, met = show.run(students)
    figures["seconds"] = round(time.perf_counter() - started, 1)
    return figures, analytics, met


def judge(figures: dict[str, Any]) -> None:
    """Raises DemoFailed naming every figure that is not what it must be."""
    wanted = {
        "booked": min(figures["capacity"], figures["students"]),
        "refused_full": max(0, figures["students"] - figures["capacity"]),
        "overbooked": 0,
        "replayed": figures["booked"],
        "credits_spent": figures["credits_expected"],
        "outbox_pending": 0,
        "hubspot_bookings": figures["booked"],
        "hubspot_duplicates": 0,
        "refused_by_hubspot": 1,
        "redriven": 1,
        "events_in_stream": figures["events_logged"],
        "violations": 0,
        **demo_there.wanted(figures),
    }
    wrong = [
        f"{name} is {figures[name]}, not {value}"
        for name, value in wanted.items()
        if figures[name] != value
    ]
    if wrong:
        raise DemoFailed("; ".join(wrong), "This is a defect: please report it with the seed.")


class _Demo:
    """The acts of the demo, in order."""

    def __init__(
        self, stack: Stack, rpc: Rpc, hubspot: HubSpot, chance: random.Random, step: Any
    ) -> None:
        self.stack = stack
        self.rpc = rpc
        self.hubspot = hubspot
        self.chance = chance
        self.step = step
        self.touched: set[str] = set()

    def run(self, students: int) -> Shown:
        self.step("Import exams and contacts from HubSpot", CONTACTS + EXAMS)
        imported = importing.run(self.rpc, self.hubspot, lambda _, count: self.step.advance(count))
        exams = self.rpc.list_available_exams()
        rush = next(exam for exam in exams if exam["mock_exam_name"] == RUSH_EXAM)
        contacts = self._contacts()
        before = _credits(contacts)

        others, cancelled, other_exams = self._ordinary_day(exams, contacts, rush)
        answers, times = self._rush(rush, contacts, students)
        booked = [answer for answer in answers if isinstance(answer, dict)]
        replayed = self._replay(booked)

        self.step("Send the outbox to HubSpot", None)
        drain.Drain(self.rpc, self.hubspot, progress=self.step.advance).run_once()
        self.step("Refresh the analytics, check every invariant")
        self.rpc.refresh_analytics()
        analytics = self.rpc.get_analytics(weeks=2)
        calls = self._calls()
        refused, redriven = self._refusal()
        told = self._events()
        after = _credits(self._refetched(contacts))
        in_hubspot = self._records(self.hubspot.config.booking_type)
        of_rush = [r for r in in_hubspot if r["mock_exam_id"] == rush["mock_exam_id"]]
        seats = len({booking["id"] for booking in booked})
        batches = math.ceil((others + seats) / BATCH)
        figures = {
            "students": students,
            "capacity": rush["capacity"],
            "booked": seats,
            "refused_full": answers.count("MBFUL"),
            "overbooked": max(0, len(of_rush) - rush["capacity"]),
            "replayed": replayed,
            "other_bookings": others,
            "cancelled": cancelled,
            "credits_spent": before - after,
            "credits_expected": seats + others - cancelled,
            "outbox_pending": sum(r["due"] + r["waiting"] for r in self.rpc.queue_status()),
            "hubspot_bookings": len(of_rush),
            "hubspot_duplicates": len(in_hubspot) - len({r["booking_id"] for r in in_hubspot}),
            "hubspot_calls": calls,
            # Pages of the import; bookings, each batch with its two kinds of links; balances;
            # the notes of the same contacts; the exams' counts.
            "hubspot_calls_minimum": math.ceil(imported.exams / BATCH)
            + math.ceil(imported.contacts / BATCH)
            + 1  # the page that tells that there are no bookings yet
            + 3 * batches
            + 2 * math.ceil(len(self.touched) / BATCH)
            + math.ceil((1 + other_exams) / BATCH),
            "refused_by_hubspot": refused,
            "redriven": redriven,
            **told,
            "p50_ms": _percentile(times, 50),
            "p95_ms": _percentile(times, 95),
            "max_ms": round(max(times), 1),
        }
        there, met = demo_there.run(
            self.stack, self.rpc, self.hubspot, self.chance, contacts, self.step
        )
        figures |= there
        figures["violations"] = sum(check["violations"] for check in self.rpc.verify())
        return figures, analytics, met

    def _ordinary_day(
        self, exams: list[dict], contacts: dict[str, dict], rush: dict
    ) -> tuple[int, int, int]:
        """Students book other exams, one after another; one in ten cancels."""
        self.step("An ordinary day: students book and cancel", OTHER_BOOKINGS)
        other = [exam for exam in exams if exam["id"] != rush["id"]]
        booked, cancelled, touched = 0, 0, set()
        for student in self.chance.sample(sorted(contacts), OTHER_BOOKINGS):
            exam = self._choice(other, contacts[student])
            if exam is not None:
                answer = self.rpc.create_booking(
                    p_mock_exam_id=exam["mock_exam_id"],
                    p_student_id=student,
                    p_email=contacts[student]["email"],
                )
                exam["seats_left"] -= 1
                booked += 1
                self.touched.add(student)
                touched.add(exam["id"])
                if self.chance.random() < CANCELLED_SHARE:
                    self.rpc.cancel_booking(answer["booking_id"])
                    exam["seats_left"] += 1
                    cancelled += 1
            self.step.advance()
        return booked, cancelled, len(touched)

    def _choice(self, exams: list[dict], contact: dict) -> dict | None:
        """An exam this student can pay for, sooner ones likelier; None when there is none."""
        own = {
            "Situational Judgment": contact["sj_credits"] + contact["shared_mock_credits"],
            "Clinical Skills": contact["cs_credits"] + contact["shared_mock_credits"],
            "Mini-mock": contact["sjmini_credits"],
            "Mock Discussion": contact["mock_discussion_token"],
        }
        open_to = [e for e in exams if e["seats_left"] > 0 and own[e["mock_type"]] > 0]
        if not open_to:
            return None
        return open_to[int(len(open_to) * self.chance.random() ** 1.3)]

    def _rush(
        self, rush: dict, contacts: dict[str, dict], students: int
    ) -> tuple[list[dict | str], list[float]]:
        """Everybody books the one exam at the same moment, each over a connection of its own."""
        # Only those who booked meanwhile have other balances than before.
        spent = self._refetched({student: contacts[student] for student in self.touched})
        able = [
            student
            for student, contact in (contacts | spent).items()
            if contact["sj_credits"] + contact["shared_mock_credits"] > 0
        ]
        if len(able) < students:
            raise DemoFailed(f"only {len(able)} students have a credit", "Give --students fewer.")
        crowd = self.chance.sample(sorted(able), students)
        self.step(f"{students} students rush one exam of {rush['capacity']} seats", students)
        self.requests = {
            student: (rush["mock_exam_id"], student, contacts[student]["email"], f"rush-{student}")
            for student in crowd
        }
        answers, times = asyncio.run(self._all_at_once())
        self.touched |= {answer["student_id"] for answer in answers if isinstance(answer, dict)}
        return answers, times

    async def _all_at_once(self) -> tuple[list[dict | str], list[float]]:
        gate = asyncio.Event()
        ready = asyncio.Semaphore(0)

        left_out: list[str] = []

        async def book(request: tuple) -> tuple[dict | str, float]:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self.stack.database_url, autocommit=True, row_factory=dict_row
                )
            except psycopg.OperationalError as error:
                left_out.append(str(error))
                return "no connection", 0.0
            finally:
                ready.release()
            async with connection:
                await gate.wait()
                if left_out:
                    return "no rush", 0.0
                began = time.perf_counter()
                try:
                    answer = await (await connection.execute(BOOK, request)).fetchone()
                except psycopg.Error as error:
                    answer = error.sqlstate or str(error)
                took = (time.perf_counter() - began) * 1000
            self.step.advance()
            return answer, took

        tasks = [asyncio.create_task(book(request)) for request in self.requests.values()]
        for _ in tasks:
            await ready.acquire()
        gate.set()
        results = await asyncio.gather(*tasks)
        if left_out:
            raise DemoFailed(
                f"the server refused {len(left_out)} of {len(tasks)} connections",
                f"Give --students {max(1, len(tasks) - len(left_out) - 5)}, or unset DATABASE_URL.",
            )
        return [answer for answer, _ in results], [took for _, took in results]

    def _replay(self, booked: list[dict]) -> int:
        """The booked ones send their request again, as an app does that missed the answer."""
        count = 0
        for booking in booked:
            exam, student, email, key = self.requests[booking["student_id"]]
            again = self.rpc.create_booking(
                p_mock_exam_id=exam, p_student_id=student, p_email=email, p_idempotency_key=key
            )
            count += again["replayed"] and again["id"] == booking["id"]
        return count

    def _refusal(self) -> tuple[int, int]:
        """HubSpot refuses one new student of four, until its administrator gives in.

        Answers the dead letters, and how many of them HubSpot has after a second try by hand.
        """
        self.step("HubSpot refuses a value; a person sends it again")
        rules = f"{self.stack.hubspot_base_url}/_sandbox/rules"
        rule = {"type": "contacts", "property": "firstname", "pattern": "^X"}
        httpx.post(rules, json=rule, timeout=60).raise_for_status()
        for name in ("Ada", "Xenia", "Grace", "Emmy"):
            self.rpc.call(
                "api.upsert_contact",
                p_student_id=f"NEW-{name}",
                p_email=f"{name.lower()}@example.org",
                p_firstname=name,
            )
        refused = drain.Drain(self.rpc, self.hubspot).run_once().dead
        httpx.delete(f"{rules}/1", timeout=60).raise_for_status()
        self.rpc.retry_all()
        drain.Drain(self.rpc, self.hubspot).run_once()
        there = {record["student_id"] for record in self._records("contacts")}
        return refused, int("NEW-Xenia" in there)

    def _events(self) -> dict[str, int]:
        """Tells every booking's events on the Redis stream; how many were logged and are there."""
        self.step("Publish the bookings' events on a Redis stream")
        with Stream(self.stack.redis_url) as stream:
            events.Publisher(self.rpc, stream).run_once()
            return events.figures(self.rpc, stream)

    def _contacts(self) -> dict[str, dict]:
        """Every contact by student id, as HubSpot has them, with its balances here."""
        emails = {r["student_id"]: {"email": r["email"]} for r in self._records("contacts")}
        return self._refetched(emails)

    def _refetched(self, contacts: dict[str, dict]) -> dict[str, dict]:
        return {
            student: self.rpc.get_contact_credits(student, contact["email"])
            for student, contact in contacts.items()
        }

    def _records(self, object_type: str) -> list[dict]:
        """All live records of the simulator, read past the API so that no call is counted."""
        url = f"{self.stack.hubspot_base_url}/_sandbox/records/{object_type}"
        answer = httpx.get(url, timeout=60)
        answer.raise_for_status()
        return [record["properties"] for record in answer.json()["results"]]

    def _calls(self) -> int:
        answer = httpx.get(f"{self.stack.hubspot_base_url}/_sandbox/calls", timeout=60)
        answer.raise_for_status()
        return answer.json()["total"]


def _credits(contacts: dict[str, dict]) -> int:
    return sum(contact[credit] for contact in contacts.values() for credit in CREDITS)


def _percentile(times: list[float], percent: int) -> float:
    """The time within which so many percent of the requests were answered, in ms."""
    ordered = sorted(times)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 1)
