"""Both sides of the synchronisation: an account in the simulator, and the database beside it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from click.testing import CliRunner
from hubspot_contract import available, check_exchange
from psycopg.rows import dict_row
from starlette.types import ASGIApp, Receive, Scope, Send

from glue import importing
from glue import receive as receiving
from glue.cli import main
from glue.config import HubSpotConfig
from glue.db import connect
from glue.drain import Drain, DrainReport
from glue.hubspot import HubSpot
from glue.rpc import Rpc
from sandbox.hubspot.app import create_app
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.server import running
from sandbox.hubspot.store import Store

PATIENCE = 60.0
CONTACTS, BOOKINGS, EXAMS = "contacts", "bookings", "exams"
BOOKING_TYPE, EXAM_TYPE = "2-50158943", "2-50158913"
# Parts of the paths that the drain asks for.
UPSERT_BOOKINGS = f"{BOOKING_TYPE}/batch/upsert"
UPSERT_CONTACTS = "contacts/batch/upsert"
UPDATE_BOOKINGS = f"{BOOKING_TYPE}/batch/update"
UPDATE_CONTACTS = "contacts/batch/update"
UPDATE_EXAMS = f"{EXAM_TYPE}/batch/update"
TO_BOOKINGS = f"/crm/objects/2026-09/{BOOKING_TYPE}"
TYPES = {"HUBSPOT_BOOKING_TYPE": BOOKING_TYPE, "HUBSPOT_EXAM_TYPE": EXAM_TYPE}

T = TypeVar("T")


def eventually(probe: Callable[[], T], what: str) -> T:
    """The first true answer of `probe`; AssertionError saying `what` when none comes."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if answer := probe():
            return answer
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


class Simulators:
    """One HTTP server for a module of tests; every test gets an empty simulator behind it."""

    TOKEN = "sandbox-token"

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def new(self, *, unique: bool = True) -> Account:
        """An account without records, in place of the one before; perhaps without unique keys."""
        clock = Clock()
        store = Store(7, clock, unique)
        self._app = create_app(store, Limits(clock=clock), Faults(7), self.TOKEN)
        account = Account(self.url, self.TOKEN)
        account.store = store
        return account


@contextlib.contextmanager
def simulators() -> Iterator[Simulators]:
    """Serve simulators for the length of a `with` block."""
    server = Simulators()
    with running(server) as server.url:
        yield server


class Recorder:
    """Keeps the exchanges of all its transports; a request without an answer has None."""

    def __init__(self) -> None:
        self.exchanges: list[tuple[httpx.Request, httpx.Response | None]] = []

    def check(self) -> int:
        """Hold every exchange against HubSpot's documents; how many there were."""
        answered = [exchange for exchange in self.exchanges if exchange[1] is not None]
        if available():
            for request, response in answered:
                check_exchange(request, response)
        return len(answered)


class _Recording(httpx.BaseTransport):
    """Passes requests on and tells a recorder of every exchange."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._inner.handle_request(request)
            response.read()
        except httpx.TransportError:
            self._recorder.exchanges.append((request, None))
            raise
        self._recorder.exchanges.append((request, response))
        return response

    def close(self) -> None:
        self._inner.close()


class Account:
    """The simulator as its users, its administrators and the weather treat it.

    store: its records, for a test that puts in thousands at once.
    """

    store: Store

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._client = httpx.Client(base_url=url, timeout=PATIENCE)
        self.limits(burst=10_000)

    def close(self) -> None:
        self._client.close()

    def create(self, kind: str, **properties: object) -> str:
        """A record made by hand; its id."""
        return self._ask("POST", f"records/{kind}", _texts(properties))["id"]

    def edit(self, kind: str, record_id: str, **properties: object) -> None:
        """A record edited by hand."""
        self._ask("PATCH", f"records/{kind}/{record_id}", _texts(properties))

    def delete(self, kind: str, record_id: str) -> None:
        """A record deleted by hand."""
        self._ask("DELETE", f"records/{kind}/{record_id}")

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The live records of a type."""
        return self._ask("GET", f"records/{kind}")["results"]

    def properties(self, kind: str, key: str) -> dict[str, dict[str, str]]:
        """The properties of all live records by one of them, which no two may share."""
        rows = self.records(kind)
        found = {row["properties"][key]: row["properties"] for row in rows}
        assert len(found) == len(rows), f"{kind} share a {key}"
        return found

    def links(self, kind: str, key: str) -> dict[str, dict[str, list[str]]]:
        """What the live records of a type are associated with, by a property."""
        return {row["properties"][key]: row["associations"] for row in self.records(kind)}

    def merge(self, kind: str, primary: str, merged: str, *, new_id: bool = False) -> str:
        """Two records merged by hand; the id of what is left: the first one's, or a new one."""
        wanted = {"primary": primary, "merged": merged, "new_id": new_id}
        return self._ask("POST", f"records/{kind}/merge", wanted)["id"]

    def forget(self, kind: str, record_id: str) -> None:
        """A record deleted for good, for privacy."""
        self._ask("POST", f"records/{kind}/{record_id}/forget")

    def unlink(self, kind: str, record_id: str, to: str, to_id: str) -> None:
        """A link ended by hand."""
        self._ask("DELETE", f"records/{kind}/{record_id}/links/{to}/{to_id}")

    def advance(self, seconds: float) -> None:
        """Let the account's clock, and with it search, move on."""
        self._ask("POST", "clock", {"advance_seconds": seconds})

    def duplicates(self) -> list[dict[str, Any]]:
        """Live records that share what must be unique."""
        return [one for kind in self._ask("GET", "duplicates").values() for one in kind]

    def fault(self, *faults: dict[str, Any]) -> None:
        """Switch to these faults and no others."""
        self._ask("POST", "faults", list(faults))

    def limits(self, **settings: object) -> None:
        """Change limits."""
        self._ask("POST", "limits", settings)

    def calls(self) -> int:
        """Calls since the last time this was asked."""
        total = self._ask("GET", "calls")["total"]
        self._ask("POST", "calls/reset")
        return total

    def rate_limited(self) -> int:
        """Answers 429 since the calls were asked for last."""
        return self._ask("GET", "calls")["rate_limited"]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._client.request(method, f"/_sandbox/{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()


def _texts(properties: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in properties.items()}


class Database:
    """The database beside the account."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, **arguments: object) -> list[dict[str, Any]]:
        """What a statement answers."""
        cursor = self._connection.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, **arguments: object) -> Any:
        """The one value a query answers."""
        (row,) = self.rows(statement, **arguments)
        (value,) = row.values()
        return value

    def book(self, student: str, exam: str) -> str:
        """A booking; its booking_id. Students write as <student>@example.com."""
        return self.value(
            "select booking_id from api.create_booking(p_mock_exam_id => %(exam)s,"
            " p_student_id => %(student)s, p_email => %(student)s || '@example.com')",
            exam=exam,
            student=student,
        )

    def cancel(self, booking_id: str) -> None:
        """A cancellation."""
        self.rows("select api.cancel_booking(%(booking_id)s)", booking_id=booking_id)

    def move(self, booking_id: str, exam: str) -> None:
        """A move to another exam."""
        self.rows(
            "select api.move_booking(%(booking_id)s, %(exam)s)", booking_id=booking_id, exam=exam
        )

    def let_time_pass(self) -> None:
        """Let every lease, every wait for a later attempt and every pause be over."""
        self.rows("update hubspot_sync.sync_queue set next_attempt_at = now() where not synced")
        self.rows("update hubspot_sync.webhook_inbox set next_attempt_at = now()")
        self.rows("update hubspot_sync.sync_pauses set until = now() where until is not null")

    def open_changes(self, table: str = "%") -> list[dict[str, Any]]:
        """What the outbox still holds, oldest first."""
        return self.rows(
            "select * from hubspot_sync.sync_queue"
            " where not synced and table_name like %(table)s order by id",
            table=table,
        )

    def signal(self, table: str, *ids: str, kind: str = "poll", lane: str = "bulk") -> int:
        """Records to be read; how many signals that makes."""
        return self.value(
            "select hubspot_sync.store_signals(%(table)s, %(ids)s::text[], %(kind)s, %(lane)s)",
            table=table,
            ids=list(ids),
            kind=kind,
            lane=lane,
        )

    def open_signals(self) -> list[dict[str, Any]]:
        """What the inbox still holds, oldest first."""
        return self.rows(
            "select * from hubspot_sync.webhook_inbox where done_at is null order by id"
        )

    def violations(self) -> list[dict[str, Any]]:
        """The broken invariants."""
        return self.rows("select * from api.verify() where violations > 0")


class World:
    """An account, a database that imported it, and workers between them.

    notes: whether what happens to contacts and bookings is told in notes, too.
    """

    def __init__(
        self, account: Account, database: Database, *, unique: bool = True, notes: bool = False
    ) -> None:
        self.account = account
        self.database = database
        self.recorder = Recorder()
        # What every worker would ask once a day; it would be one more call in every test.
        for key in ("contacts student_id", f"{BOOKING_TYPE} booking_id"):
            database.rows(
                "select hubspot_sync.remember(%(task)s, %(state)s::jsonb)",
                task=f"unique {key}",
                state=json.dumps({"unique": unique}),
            )
        if not notes:
            database.rows("update hubspot_sync.settings set value = 'off' where key = 'notes'")

    def exam(self, **properties: object) -> str:
        """A future exam in HubSpot; its id."""
        defaults = {
            "mock_exam_name": "SJ",
            "mock_type": "Situational Judgment",
            "exam_date": self.database.value("select (current_date + 30)::text"),
            "start_time": "10:00",
            "end_time": "11:30",
            "location": "Online",
            "capacity": 10,
            "is_active": "true",
        }
        return self.account.create(EXAMS, **(defaults | properties))

    def student(self, name: str, **properties: object) -> str:
        """A contact in HubSpot with five credits; its id."""
        defaults = {
            "student_id": name,
            "email": f"{name}@example.com",
            "firstname": name.title(),
            "lastname": "Doe",
            "sj_credits": 5,
        }
        return self.account.create(CONTACTS, **(defaults | properties))

    def config(self, **changes: Any) -> HubSpotConfig:
        """How the glue reaches the account."""
        return replace(
            HubSpotConfig(self.account.url, self.account.token, BOOKING_TYPE, EXAM_TYPE), **changes
        )

    def hubspot(self, **changes: Any) -> HubSpot:
        """A client whose exchanges are recorded."""
        return HubSpot(self.config(**changes), transport=_Recording(self.recorder))

    def bring_in(self) -> importing.ImportReport:
        """The import."""
        with connect(self.database.url) as connection, self.hubspot() as hubspot:
            return importing.run(Rpc(connection), hubspot)

    def drain(self, *, timeout: float = 20.0, **options: Any) -> DrainReport:
        """A run of a worker."""
        with connect(self.database.url) as connection, self.hubspot(timeout=timeout) as hubspot:
            return Drain(Rpc(connection), hubspot, **options).run_once()

    def receive(
        self,
        *,
        timeout: float = 20.0,
        through: Callable[[httpx.BaseTransport], httpx.BaseTransport] = lambda inner: inner,
        **options: Any,
    ) -> receiving.ReceiveReport:
        """A run of a worker of the inbox. through: what stands between it and the account."""
        transport = through(_Recording(self.recorder))
        with (
            connect(self.database.url) as connection,
            HubSpot(self.config(timeout=timeout), transport=transport) as hubspot,
        ):
            return receiving.Receive(Rpc(connection), hubspot, **options).run_once()

    def asked(self, path_part: str) -> list[int]:
        """How many inputs each recorded request had whose path contains this."""
        return [
            len(json.loads(request.content)["inputs"])
            for request, _ in self.recorder.exchanges
            if path_part in request.url.path
        ]

    def sent(self, path_part: str) -> list[dict[str, Any]]:
        """The inputs of all recorded requests whose path contains this."""
        return [
            one
            for request, _ in self.recorder.exchanges
            if path_part in request.url.path
            for one in json.loads(request.content)["inputs"]
        ]

    def forget(self) -> None:
        """Forget what was sent so far, having checked it."""
        self.recorder.check()
        self.recorder.exchanges.clear()

    def environment(self, **changes: str | None) -> dict[str, str]:
        """The environment of a command; None takes a variable out."""
        wanted = {
            "DATABASE_URL": self.database.url,
            "HUBSPOT_BASE_URL": self.account.url,
            "HUBSPOT_ACCESS_TOKEN": self.account.token,
            **TYPES,
        }
        return environment(**(wanted | changes))


def environment(**variables: str | None) -> dict[str, str]:
    """The environment of a command: ours without what names a server, and `variables`."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_URL", "HUBSPOT_", "REDIS_URL", "PG"))
    }
    return ours | {name: value for name, value in variables.items() if value is not None}


def command(*arguments: str) -> list[str]:
    """The installed `glue` with arguments."""
    return [str(Path(sys.executable).with_name("glue")), *arguments]


def glue(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `glue` in a process of its own, as cron does."""
    return subprocess.run(
        command(*arguments), env=env, capture_output=True, text=True, timeout=PATIENCE
    )


def glue_here(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is quicker; a traceback is told on stderr all the same."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    absent = dict.fromkeys(set(os.environ) - set(env))
    try:
        done = CliRunner().invoke(main, arguments, prog_name="glue", env=env | absent)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stderr = done.stderr
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        stderr += "".join(traceback.format_exception(done.exception))
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, stderr)


def glue_watched(
    *arguments: str, env: dict[str, str], columns: int = 300
) -> subprocess.CompletedProcess[str]:
    """The same with a terminal as standard output, wide enough for every line unless told."""
    ours, theirs = os.openpty()
    said = bytearray()
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command(*arguments),
            env=env | {"COLUMNS": str(columns), "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=errors,
        ) as process,
    ):
        os.close(theirs)
        with contextlib.suppress(OSError):  # nobody writes to the terminal any more
            while part := terminal.read(4096):
                said += part
        process.wait(PATIENCE)
        errors.seek(0)
        stderr = errors.read()
    text = said.decode().replace("\r\n", "\n")
    return subprocess.CompletedProcess(arguments, process.returncode, text, stderr)
