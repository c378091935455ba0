"""A server of webhooks as its tests need it: over HTTP, signed as HubSpot signs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from hubspot_world import BOOKING_TYPE, EXAM_TYPE

from glue.config import ServeConfig
from glue.serve.answers import Log
from glue.serve.app import create_app
from glue.serve.state import State, open_state
from glue.signature import sign
from sandbox.hubspot.server import running

PUBLIC_URL = "https://sync.example.org/webhooks/hubspot"
CLIENT_SECRET = "client-secret-of-the-app"
OLD_CLIENT_SECRET = "client-secret-until-now"
SYNC_SECRET, OLD_SYNC_SECRET = "sync-secret-of-the-app", "sync-secret-until-now"
DOOR_SECRET, OLD_DOOR_SECRET = "door-secret-of-zapier", "door-secret-until-now"
SECRETS = (
    CLIENT_SECRET, OLD_CLIENT_SECRET, SYNC_SECRET, OLD_SYNC_SECRET, DOOR_SECRET, OLD_DOOR_SECRET,
)  # fmt: skip
TYPES = {
    "0-1": "hubspot_contact_credits",
    BOOKING_TYPE: "hubspot_bookings",
    EXAM_TYPE: "hubspot_mock_exams",
}


def event(number: int, **more: Any) -> dict[str, Any]:
    """An event as HubSpot sends it, another for each number."""
    return {
        "eventId": number,
        "subscriptionId": 9,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1893499200000 + number,
        "subscriptionType": "object.propertyChange",
        "attemptNumber": 0,
        "objectId": 1000 + number,
        "objectTypeId": BOOKING_TYPE,
        "propertyName": "attendance",
        "propertyValue": "Yes",
        "changeSource": "CRM_UI",
        "sourceId": "userId:42",
    } | more


def headers_for(
    body: bytes, *, secret: str = CLIENT_SECRET, url: str = PUBLIC_URL, age: float = 0.0
) -> dict[str, str]:
    """What HubSpot would send with a body that it signed so many seconds ago."""
    timestamp = str(round((time.time() - age) * 1000))
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature-v3": sign(secret, "POST", url, body, timestamp),
    }


def empty(db: psycopg.Connection) -> None:
    """Leave no row that a test of this module can have made."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        for table in (
            "hubspot_bookings", "exam_seats", "hubspot_mock_exams", "credit_ledger",
            "hubspot_contact_credits", "supabase_audit_log", "sync_queue", "sync_shadow",
            "webhook_inbox",
        ):  # fmt: skip
            db.execute(f"delete from hubspot_sync.{table}")


@dataclass
class Server:
    """A running server. log: the lines it wrote."""

    url: str
    state: State
    log: list[str] = field(default_factory=list)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """A request; its answer is JSON, whatever was asked."""
        answer = httpx.post(f"{self.url}{path}", timeout=30, **options)
        answer.json()
        return answer

    def get(self, path: str) -> httpx.Response:
        answer = httpx.get(f"{self.url}{path}", timeout=30)
        answer.json()
        return answer

    def tell(self, *events: Any, **how: Any) -> httpx.Response:
        """HubSpot tells of events."""
        return self.tell_body(json.dumps(events).encode(), **how)

    def tell_body(self, body: bytes, **how: Any) -> httpx.Response:
        return self.post("/webhooks/hubspot", content=body, headers=headers_for(body, **how))


@contextlib.contextmanager
def serving(database_url: str, redis_url: str | None = None, **options: Any) -> Iterator[Server]:
    """Serve for the length of a `with` block. No secret may be in what it logged."""
    config = ServeConfig(
        database_url=database_url,
        redis_url=redis_url,
        public_url=PUBLIC_URL,
        types=TYPES,
        client_secrets=(CLIENT_SECRET, OLD_CLIENT_SECRET),
        sync_secrets=(SYNC_SECRET, OLD_SYNC_SECRET),
        door_secrets=(DOOR_SECRET, OLD_DOOR_SECRET),
    )
    state = open_state(config)
    lines: list[str] = []
    state.log = Log(lines.append, lines=10_000)
    for name, value in options.items():
        setattr(state, name, value)
    try:
        with running(create_app(state)) as url:
            yield Server(url, state, lines)
    finally:
        state.close()
    assert not [line for line in lines for secret in SECRETS if secret[:7] in line]
