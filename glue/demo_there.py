"""The demo's second half: HubSpot's users edit what students use, over webhooks.

What happens there while the same records change here: an exam's capacity, credits, a booking that
is cancelled. Webhooks come twice and out of order; in the end both sides are compared in full.
"""

import contextlib
import random
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from glue import drain, receive
from glue.config import ServeConfig, object_types
from glue.errors import DemoFailed
from glue.hubspot import HubSpot
from glue.reconcile import Reconcile
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc
from glue.serve.app import create_app
from glue.serve.state import open_state
from sandbox.hubspot.server import running
from sandbox.stack import Stack

TOP_UPS = 20
CANCELLED = 3
PATIENCE = 60.0


def run(
    stack: Stack,
    rpc: Rpc,
    hubspot: HubSpot,
    chance: random.Random,
    contacts: dict[str, dict],
    step: Any,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Plays it. Answers the figures, and the conflicts with their decisions."""
    there = _There(stack, hubspot)
    with _server(stack, hubspot) as (url, secret):
        there.subscribe(url, secret)
        step("HubSpot's users edit while students book", TOP_UPS + CANCELLED + 2)
        exam, other = chance.sample(rpc.list_available_exams(), 2)
        students = chance.sample(sorted(contacts), TOP_UPS)
        before = {student: _credits(rpc, contacts, student) for student in students}
        added = 0
        for student in students:
            # Typed over what is seen there, while somebody gives the student one here.
            seen = there.contact(student)
            number = chance.randint(1, 3)
            there.edit(
                "contacts",
                seen["id"],
                shared_mock_credits=int(seen["properties"]["shared_mock_credits"] or 0) + number,
            )
            rpc.call(
                "api.grant_credits",
                p_student_id=student,
                p_email=contacts[student]["email"],
                p_credit="shared_mock_credits",
                p_amount=1,
                p_reason="a present, at the same moment",
            )
            added += number + 1
            step.advance()
        booked = [one for one in there.bookings() if one["properties"]["is_active"] == "Active"]
        cancelled = chance.sample(booked, CANCELLED)
        for booking in cancelled:
            there.edit(BOOKINGS, booking["id"], is_active="Cancelled")
            step.advance()
        there.edit(EXAMS, exam["mock_exam_id"], location="Room 12", capacity=exam["capacity"] + 5)
        step.advance()
        # Both sides at once: what was changed here and is not there yet goes first.
        there.edit(EXAMS, other["mock_exam_id"], capacity=other["capacity"] + 7)
        rpc.call(
            "api.set_exam_capacity",
            p_mock_exam_id=other["mock_exam_id"],
            p_capacity=other["capacity"] + 2,
        )
        step.advance()
        step("Webhooks, read and merged; then both sides are compared", None)
        events = there.delivered()
        receive.Receive(rpc, hubspot, progress=step.advance).run_once()
        drain.Drain(rpc, hubspot, progress=step.advance).run_once()
        compared = Reconcile(rpc, hubspot).run(everything=True)
        there.end()
    after = {student: _credits(rpc, contacts, student) for student in students}
    rows = rpc.list_conflicts(100)
    arrived = rpc.call("api.get_exam", p_mock_exam_id=exam["mock_exam_id"])[0]
    undone = {one["properties"]["booking_id"] for one in cancelled}
    figures = {
        "edits_there": TOP_UPS + CANCELLED + 2,
        "events_told": events,
        "capacity_arrived": int(arrived["capacity"] == exam["capacity"] + 5),
        "credits_given": added,
        "credits_arrived": sum(after.values()) - sum(before.values()),
        "cancelled_there": CANCELLED,
        "cancelled_here": sum(
            rpc.call("api.get_booking", p_booking_id=one)[0]["is_active"] == "Cancelled"
            for one in undone
        ),
        "conflicts": len(rows),
        "compared": sum(row["checked"] for row in compared.tables),
        "drift": compared.drift,
    }
    return figures, rows


def wanted(figures: dict[str, Any]) -> dict[str, Any]:
    """What the figures must be."""
    return {
        "capacity_arrived": 1,
        "credits_arrived": figures["credits_given"],
        "cancelled_here": figures["cancelled_there"],
        "drift": 0,
    }


def _credits(rpc: Rpc, contacts: dict[str, dict], student: str) -> int:
    return rpc.get_contact_credits(student, contacts[student]["email"])["shared_mock_credits"]


class _Later:
    """An application that is made when its address is known."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@contextlib.contextmanager
def _server(stack: Stack, hubspot: HubSpot) -> Iterator[tuple[str, str]]:
    """«glue serve» on a free port: the address of its webhooks, and the secret."""
    secret = secrets.token_hex(16)
    later = _Later()
    with running(later) as base:
        url = f"{base}/webhooks/hubspot"
        state = open_state(
            ServeConfig(
                database_url=stack.database_url,
                redis_url=stack.redis_url,
                public_url=url,
                types=object_types(
                    {
                        "HUBSPOT_BOOKING_TYPE": hubspot.config.booking_type,
                        "HUBSPOT_EXAM_TYPE": hubspot.config.exam_type,
                    }
                ),
                client_secrets=(secret,),
                sync_secrets=(),
                door_secrets=(),
            )
        )
        later.app = create_app(state)
        try:
            yield url, secret
        finally:
            state.close()


class _There:
    """The account as its users see it, past the API."""

    def __init__(self, stack: Stack, hubspot: HubSpot) -> None:
        self._http = httpx.Client(base_url=f"{stack.hubspot_base_url}/_sandbox", timeout=PATIENCE)
        self._types = {
            CONTACTS: "contacts",
            BOOKINGS: hubspot.config.booking_type,
            EXAMS: hubspot.config.exam_type,
        }
        self._contacts: dict[str, dict] = {}

    def subscribe(self, url: str, secret: str) -> None:
        how = {"duplicates": 0.2, "disorder": 0.5, "split": 0.2}
        self._ask("POST", "webhooks", {"url": url, "secret": secret, "seed": 7} | how)

    def end(self) -> None:
        self._ask("DELETE", "webhooks")
        self._http.close()

    def contact(self, student: str) -> dict[str, Any]:
        if not self._contacts:
            rows = self._ask("GET", "records/contacts")["results"]
            self._contacts = {row["properties"]["student_id"]: row for row in rows}
        return self._contacts[student]

    def bookings(self) -> list[dict[str, Any]]:
        return self._ask("GET", f"records/{self._types[BOOKINGS]}")["results"]

    def edit(self, table: str, record_id: str, **properties: object) -> None:
        kind = self._types.get(table, table)
        body = {name: str(value) for name, value in properties.items()}
        self._ask("PATCH", f"records/{kind}/{record_id}", body)

    def delivered(self) -> int:
        """Waits until every event was acknowledged; how many there were."""
        until = time.monotonic() + PATIENCE
        while True:
            seen = self._ask("GET", "webhooks")
            due = seen["pending"]
            if not due:
                return seen["sent"]
            if time.monotonic() > until:
                raise DemoFailed(f"{due} events of webhooks were not acknowledged")
            # Second copies come up to a minute later: nobody waits for them by the real clock.
            self._ask("POST", "clock", {"advance_seconds": 60})
            time.sleep(0.05)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()
