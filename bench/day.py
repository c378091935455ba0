"""How many calls HubSpot gets in a day, all paths together, by the crontabs of docs/operations.md.

A day of a simulated clock, from midnight to midnight: bookings, cancellations, edits of HubSpot's
users, webhooks at once, and every command when cron starts it; in profile fast the services look
once a minute. Functions, workers and simulator are the real ones; only time is not. The day before
is played as well, because how often polls are due follows from it.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from bench import database
from bench.figure import Figure
from glue import importing, push
from glue.config import HubSpotConfig
from glue.db import connect
from glue.drain import Drain
from glue.hubspot import HubSpot
from glue.poll import Poll
from glue.receive import Receive
from glue.reconcile import Reconcile
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, Rpc
from sandbox.hubspot.app import create_app
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.definitions import BOOKING_TYPE, EXAM_TYPE
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.record import IMPORT, USER, Record
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import InProcess

MIDNIGHT = datetime(2040, 5, 7, tzinfo=UTC)
DAY = 24 * 60  # minutes
DAYS = 2
OPEN, CLOSED = 8 * 60, 22 * 60  # when people book
TARGET = 100
TOP_UPS, EXAM_EDITS, OTHER_EDITS = 5, 3, 12
CANCELLED = 0.1
TYPES = {"0-1": CONTACTS, BOOKING_TYPE: BOOKINGS, EXAM_TYPE: EXAMS}
CREDITS = {
    "Situational Judgment": "sj_credits",
    "Clinical Skills": "cs_credits",
    "Mini-mock": "sjmini_credits",
    "Mock Discussion": "mock_discussion_token",
}
EXAMS_OF_A_TYPE = 10
CONFIG = HubSpotConfig("http://hubspot.bench", "token", BOOKING_TYPE, EXAM_TYPE)


def figures(server_url: str) -> Iterator[Figure]:
    """A day of each size and profile, each in a database of its own."""
    for profile, bookings, webhooks in (
        ("thrifty", 150, True),
        ("thrifty", 150, False),
        ("thrifty", 1000, True),
        ("fast", 150, True),
        ("fast", 1000, True),
    ):
        with database.migrated(server_url) as url:
            day = Day(url, profile, bookings, webhooks=webhooks)
            try:
                day.play()
            finally:
                day.close()
        told = f"HubSpot calls of a day, {profile}, {bookings:,} bookings" + (
            "" if webhooks else ", without webhooks"
        )
        aim = profile == "thrifty"
        yield Figure(
            told, day.calls.total(), "calls", None, None,
            f"< {TARGET}" if aim else "", day.calls.total() < TARGET if aim else None,
        )  # fmt: skip
        for (path, call), times in sorted(day.calls.items()):
            yield Figure(f"of these by {path}: {call}", times, "calls", None, None, "", None)
        yield Figure(
            "the same day: slowest from an edit there to its merge here, hours",
            round(day.slowest(day.inbound) / 60, 2), "h", None, None,
            "<= 2 h" if aim else "", day.slowest(day.inbound) <= 125 if aim else None,
        )  # fmt: skip
        yield Figure(
            "the same day: slowest from a booking here to HubSpot, hours",
            round(day.slowest(day.outbound) / 60, 2), "h", None, None,
            "<= 2 h" if aim else "", day.slowest(day.outbound) <= 125 if aim else None,
        )  # fmt: skip


@dataclass
class Waited:
    """What is on its way: since which minute, and until which it was."""

    since: int
    arrived: Callable[[], bool]
    until: int | None = None


@dataclass
class Day:
    """One day. calls: by command and route."""

    url: str
    profile: str
    bookings: int
    webhooks: bool = True
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    inbound: list[Waited] = field(default_factory=list)
    outbound: list[Waited] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.bookings}")
        self._minute = 0
        self._within = 0.0
        self._path = "import"
        self._clock = Clock(self._seconds)
        self._store = Store(1, self._clock)
        self._fill()
        limits = Limits(clock=self._clock)
        limits.change({"burst": 1_000_000, "daily": 1_000_000})
        app = create_app(self._store, limits, Faults(1), CONFIG.access_token)
        self._transport = Counting(InProcess(app, self._clock), self._count)
        self._connection = connect(self.url)
        stand(self._connection)
        self._tell_time()
        self._rpc = Rpc(self._connection)
        self._booked: list[str] = []
        everybody = self._live("contacts")
        self._students = iter(self._chance.sample(everybody, len(everybody)))

    def close(self) -> None:
        """Ends its connection."""
        self._connection.close()

    def slowest(self, waited: list[Waited]) -> float:
        """The longest wait in minutes, known to ten; what has not arrived counts until midnight."""
        return max(((w.until or DAYS * DAY) - w.since for w in waited), default=0)

    def play(self) -> None:
        """The account is brought in, yesterday's work is done, then the day begins."""
        self._setting("profile", self.profile)
        with self._hubspot() as hubspot:
            importing.run(self._rpc, hubspot)
            self._settle(hubspot)
        self._exams = self._rpc.list_available_exams()
        if self.webhooks:
            self._store.webhooks.subscribe("https://sync.bench/webhooks/hubspot", "secret", seed=1)
        for day in range(DAYS):
            self.calls.clear()
            self.inbound.clear()
            self.outbound.clear()
            plan = self._plan()
            for minute in range(DAY):
                self._minute = day * DAY + minute
                self._tell_time()
                for act in plan.get(minute, ()):
                    act()
                self._store.webhooks.deliver(self._take_events)
                self._cron(minute)
                self._look()

    # People

    def _plan(self) -> dict[int, list[Callable[[], None]]]:
        plan: dict[int, list[Callable[[], None]]] = {}

        def at(act: Callable[[], None], since: int = OPEN) -> int:
            minute = self._chance.randrange(since, CLOSED)
            plan.setdefault(minute, []).append(act)
            return minute

        students = iter([next(self._students) for _ in range(self.bookings)])
        for _ in range(self.bookings):
            student = next(students)
            at(lambda student=student: self._book(student))
        for _ in range(round(self.bookings * CANCELLED)):
            at(self._cancel, OPEN + 120)
        for _ in range(TOP_UPS):
            at(self._top_up)
        for _ in range(EXAM_EDITS):
            at(self._edit_exam)
        for _ in range(OTHER_EDITS):
            at(self._edit_other)
        return plan

    def _book(self, student: Record) -> None:
        properties = student.version.properties
        exam = self._chance.choice(self._exams)
        booking = self._rpc.create_booking(
            p_mock_exam_id=exam["mock_exam_id"],
            p_student_id=properties["student_id"],
            p_email=properties["email"],
        )
        id_ = booking["booking_id"]
        self._booked.append(id_)
        kind = self._store.type(BOOKING_TYPE)
        self._await(self.outbound, lambda: self._store.find(kind, "booking_id", id_) is not None)

    def _cancel(self) -> None:
        self._rpc.cancel_booking(self._booked.pop(self._chance.randrange(len(self._booked))))

    def _top_up(self) -> None:
        record = self._chance.choice(self._live("contacts"))
        seen = int(record.version.properties.get("cs_credits") or 0)
        self._edit(record, "cs_credits", str(seen + 3), "hubspot_contact_credits", None)

    def _edit_exam(self) -> None:
        record = self._chance.choice(self._live(EXAM_TYPE))
        self._edit(record, "location", f"Hall {self._minute}", "hubspot_mock_exams", "location")

    def _edit_other(self) -> None:
        records = self._live(BOOKING_TYPE)
        if records and self._chance.random() < 0.5:
            self._edit(
                self._chance.choice(records),
                "attending_location",
                f"Room {self._minute}",
                "hubspot_bookings",
                "attending_location",
            )
        else:
            record = self._chance.choice(self._live("contacts"))
            name = f"Name {self._minute}"
            self._edit(record, "lastname", name, "hubspot_contact_credits", "lastname")

    def _edit(self, record: Record, name: str, value: str, table: str, column: str | None) -> None:
        checked = self._store.check(record.type, {name: value}, record)
        self._store.update(record, checked, USER)
        query = (
            f"select from hubspot_sync.{table} where hubspot_id = %s and {column} = %s"
            if column
            else "select from hubspot_sync.credit_ledger l"
            " join hubspot_sync.hubspot_contact_credits c on c.id = l.contact"
            " where c.hubspot_id = %s and l.reason = 'hubspot' and l.delta = %s"
        )
        wanted: list[Any] = [record.id, value if column else 3]
        self._await(self.inbound, lambda: bool(self._connection.execute(query, wanted).fetchall()))

    def _await(self, waited: list[Waited], arrived: Callable[[], bool]) -> None:
        waited.append(Waited(self._minute, arrived))

    def _look(self) -> None:
        if self._minute % 10:
            return
        for one in (*self.inbound, *self.outbound):
            if one.until is None and one.arrived():
                one.until = self._minute

    def _live(self, name: str) -> list[Record]:
        return self._store.live(self._store.type(name))

    # Cron

    def _cron(self, of_day: int) -> None:
        hour, minute = divmod(of_day, 60)
        if minute % 5 == 0:
            self._rpc.call("api.activate_due_exams")
        looks = self.profile == "fast" or minute % 2 == 0
        if looks:
            self._run("drain", lambda hubspot: Drain(self._rpc, hubspot).run_once())
        if hour % 2 == 0 and minute == 10:
            self._run(
                "push", lambda hubspot: push.run(self._rpc, Drain(self._rpc, hubspot, lane="bulk"))
            )
        if minute % 5 == 0 and not self._rpc.poll_due():
            self._run("poll", lambda hubspot: Poll(self._rpc, hubspot).run())
        if looks:
            self._run("receive", lambda hubspot: Receive(self._rpc, hubspot).run_once())
        if minute == 40:
            self._run("reconcile", lambda hubspot: Reconcile(self._rpc, hubspot).run())
        if of_day == 2 * 60 + 20 and self.profile == "fast":  # weekly in the other
            self._run(
                "reconcile --full",
                lambda hubspot: Reconcile(self._rpc, hubspot).run(everything=True),
            )

    def _run(self, path: str, work: Callable[[HubSpot], object]) -> None:
        self._path = path
        with self._hubspot() as hubspot:
            work(hubspot)

    def _hubspot(self) -> HubSpot:
        return HubSpot(CONFIG, transport=self._transport)

    def _settle(self, hubspot: HubSpot) -> None:
        push.run(self._rpc, Drain(self._rpc, hubspot, lane="bulk"))
        Poll(self._rpc, hubspot).run(everything=True)
        Poll(self._rpc, hubspot).run()
        Reconcile(self._rpc, hubspot).run()

    def _take_events(self, body: bytes, headers: dict[str, str], url: str) -> int:
        self._rpc.store_events(json.loads(body), TYPES)
        return 204

    def _count(self, request: httpx.Request) -> None:
        path = request.url.path.replace(BOOKING_TYPE, "bookings").replace(EXAM_TYPE, "exams")
        route = path.split("/2026-09/")[-1]
        self.calls[self._path, f"{request.method} {route}"] += 1
        self._within += 0.2  # a call takes a while

    # Time

    def _seconds(self) -> float:
        return MIDNIGHT.timestamp() + 60 * self._minute + self._within

    def _tell_time(self) -> None:
        self._within = 0.0
        now = MIDNIGHT + timedelta(minutes=self._minute)
        self._connection.execute("select set_config('bench.now', %s, false)", [str(now)])

    def _setting(self, key: str, value: str) -> None:
        self._connection.execute(
            "update hubspot_sync.settings set value = %s where key = %s", [value, key]
        )

    def _fill(self) -> None:
        """An account in which nobody is refused for want of a seat or of credit."""
        midnight_ms = round(MIDNIGHT.timestamp() * 1000)
        for number in range(EXAMS_OF_A_TYPE * len(CREDITS)):
            mock_type = list(CREDITS)[number % len(CREDITS)]
            self._make(
                EXAM_TYPE,
                midnight_ms - 90 * 86_400_000 + number,
                mock_exam_name=f"{mock_type} {number}",
                mock_type=mock_type,
                exam_date=str((MIDNIGHT + timedelta(days=10 + number)).date()),
                start_time="10:00",
                end_time="12:00",
                location="Online",
                capacity="1000",
                is_active="true",
                total_bookings="0",
            )
        for number in range(3 * self.bookings):
            self._make(
                "contacts",
                midnight_ms - 80 * 86_400_000 + number,
                student_id=f"S{number:06}",
                email=f"s{number}@example.com",
                firstname=f"First {number}",
                lastname=f"Last {number}",
                **dict.fromkeys(CREDITS.values(), "2"),
            )

    def _make(self, name: str, made_ms: int, **properties: str) -> None:
        kind = self._store.type(name)
        self._store.create(kind, self._store.check(kind, properties), IMPORT, made_ms)


class Counting(httpx.BaseTransport):
    """Tells of every request before it is answered."""

    def __init__(
        self, transport: httpx.BaseTransport, tell: Callable[[httpx.Request], None]
    ) -> None:
        self._transport = transport
        self._tell = tell

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer."""
        self._tell(request)
        return self._transport.handle_request(request)


def stand(connection: psycopg.Connection) -> None:
    """From now on every rule and every default of a column goes by the setting bench.now."""
    connection.execute(
        "create or replace function hubspot_sync.clock() returns timestamptz language sql stable"
        " return current_setting('bench.now')::timestamptz"
    )
    for row in connection.execute(
        "select d.adrelid::regclass::text as relation, quote_ident(a.attname) as name"
        "  from pg_attrdef d"
        "  join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum"
        "  join pg_class c on c.oid = d.adrelid"
        " where c.relnamespace = 'hubspot_sync'::regnamespace"
        "   and pg_get_expr(d.adbin, d.adrelid) = 'now()'"
    ).fetchall():
        connection.execute(
            f"alter table {row['relation']} alter column {row['name']}"
            " set default hubspot_sync.clock()"
        )
