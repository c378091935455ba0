"""Both sides and what carries changes between them, one act at a time: no threads, no chance.

Every act is done when it returns. What a worker may meet is asked for by name: an answer that gets
lost after HubSpot did what it was told, or a death just before a call of the database.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from account import BOOKINGS, CONFIG, CONTACTS, EXAMS, Account
from stage import Stage
from times import LEASE, NOON, Time
from truth import HERE, compare
from turns import Crash

from glue import importing
from glue.drain import Drain
from glue.errors import HubSpotError
from glue.hubspot import HubSpot
from glue.poll import Poll
from glue.receive import Receive
from glue.rpc import Rpc
from sandbox.hubspot.errors import HubSpotError as Refusal
from sandbox.hubspot.record import Record, Source

SJ, CS = "Situational Judgment", "Clinical Skills"
CREDITS = {
    "Situational Judgment Token": "sj_credits",
    "Clinical Skills Token": "cs_credits",
    "Shared Token": "shared_mock_credits",
}
"""The balance that each token is of."""
OPENING = {"sj_credits": 2, "cs_credits": 1, "shared_mock_credits": 1}
TYPES = {
    "0-1": "hubspot_contact_credits",
    BOOKINGS: "hubspot_bookings",
    EXAMS: "hubspot_mock_exams",
}
TABLES = {CONTACTS: "hubspot_contact_credits"} | {
    kind: table for kind, table in TYPES.items() if kind != "0-1"
}
URL = "https://glue.simulated/webhooks/hubspot"
REQUEST = 0.1
"""Seconds between a worker's request and the answer."""
ROUNDS = 14


class Violation(AssertionError):
    """Something that must never happen."""


@dataclass
class Edit:
    """The last that somebody in HubSpot set one property to."""

    kind: str
    record: str
    field: str
    value: str


class Bin(Account):
    """An account that knows the links of what is in its recycling bin."""

    def linked(self, record: Record, name: str) -> set[str]:
        """All records of a type that a record is linked with."""
        return set(self.store.links.of(record.type, record.id, self.kind(name)))

    @property
    def merged(self) -> set[str]:
        """Contacts whose links are nobody's business: those in the bin."""
        binned, _ = self.store.page(self.kind(CONTACTS), 0, 1000, archived=True)
        return {record.id for record in binned}

    def kept(self, contact: str) -> dict[str, str]:
        """The properties of a contact in the bin."""
        record = self.store.get(self.kind(CONTACTS), contact, archived=True)
        return {} if record is None else record.version.properties


class Told(Rpc):
    """The functions of the database, told the time before each call."""

    def __init__(self, sides: Sides) -> None:
        super().__init__(sides.connection, sleep=lambda _: None, chance=lambda: 0.0)
        self._sides = sides

    def call(self, function: str, **arguments: Any) -> list[dict[str, Any]]:
        self._sides.tell_time()
        if function == self._sides.dies_before:
            self._sides.dies_before = None
            self._sides.happened[f"a death before {function}"] += 1
            raise Crash(f"before {function}")
        return super().call(function, **arguments)


class Wire(httpx.BaseTransport):
    """The way to HubSpot. lost: of how many writes the answer is lost from now on."""

    def __init__(self, account: Account, time: Time, happened: Counter[str]) -> None:
        self._account, self._time, self._happened = account, time, happened
        self.lost = 0
        self.written = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._time.pass_by(REQUEST)
        writes = not request.url.path.endswith(("/read", "/search")) and request.method != "GET"
        answer = self._account.answer(request)
        self.written += writes
        if writes and self.lost:
            self.lost -= 1
            self._happened["an answer lost"] += 1
            self._time.pass_by(CONFIG.timeout)
            raise httpx.ReadTimeout("silence", request=request)
        return answer


class Sides:
    """An account, a database that has imported it, and what the test knows of both.

    happened: counts what came of the acts. edits: what stands to be found again. granted, added:
    credits given here, and there.
    """

    def __init__(self, stage: Stage, happened: Counter[str]) -> None:
        self.stage = stage
        self.happened = happened
        self.time = Time()
        self.account = self.editors = Bin(1, self.time)
        self.wire = Wire(self.account, self.time, happened)
        self._told: object = None
        self.dies_before: str | None = None
        self.edits: dict[tuple[str, str], Edit] = {}
        self.granted: Counter[tuple[str, str]] = Counter()
        self.added: Counter[tuple[str, str]] = Counter()
        self.opened: dict[str, dict[str, int]] = {}
        self.lost_events = False
        self.given_up: frozenset[str] = frozenset()
        stage.reset()
        self.connection = stage.session(self.time, 0.5)
        self.rpc = Told(self)
        self.exams = [
            self.account.create(
                EXAMS,
                mock_exam_name=f"E{place}",
                mock_type=mock_type,
                exam_date=day(place),
                start_time="23:00",
                end_time="23:45",
                location="R0",
                capacity=2,
                total_bookings=0,
                is_active="true",
            )
            for place, mock_type in enumerate((SJ, SJ, CS))
        ]
        self.students = ["ann", "ben", "cat"]
        for student in self.students:
            self.account.create(
                CONTACTS,
                student_id=student,
                email=f"{student}@example.com",
                firstname=student.title(),
                lastname="N0",
                sjmini_credits=0,
                mock_discussion_token=0,
                **OPENING,
            )
            self.opened[student] = OPENING
        # Until it is learnt, nothing tells another application's entry from ours of the same value.
        stage.rows(
            "update hubspot_sync.settings set value = %(id)s where key = 'hubspot_source_id'"
            " returning 1",
            id=self.account.store.own.id,
        )
        with self.hubspot() as hubspot:
            importing.run(self.rpc, hubspot)

    def close(self) -> None:
        """Give the connection back."""
        self.stage.give_back(self.connection)

    def name(self, thing: object) -> str:
        """What a record is called: by its own name."""
        return str(thing)

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[psycopg.Connection]:
        """A connection for the length of a `with` block."""
        self.tell_time()
        yield self.connection

    def tell_time(self) -> None:
        """Set the database's clock."""
        if self._told != self.time.wall():
            self.stage.tell_time(self.connection, self.time)
            self._told = self.time.wall()

    def hubspot(self) -> HubSpot:
        """HubSpot as a worker has it."""
        return HubSpot(CONFIG, transport=self.wire)

    # Here

    def call(self, statement: str, **arguments: Any) -> dict[str, Any] | None:
        """The row an app's call answers; None when the function refuses."""
        self.time.pass_by(1.0)
        self.tell_time()
        (function,) = re.findall(r"\bapi\.\w+", statement)
        try:
            row = self.connection.execute(statement, arguments).fetchone()
            self.happened[function] += 1
            return row
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("MB") or error.sqlstate == "MBBSY":
                raise
            self.happened[f"{function} refused"] += 1
            return None

    def email(self, student: str) -> str:
        """A student's email as apps know it."""
        (row,) = self.stage.rows(
            "select email from hubspot_sync.hubspot_contact_credits"
            " where student_id = %(student)s and merged_into is null",
            student=student,
        )
        return row["email"]

    def book(self, student: str, exam: str, key: str | None) -> str | None:
        """A booking's id; None when it is refused."""
        row = self.call(
            "select booking_id from api.create_booking(p_mock_exam_id => %(exam)s,"
            " p_student_id => %(student)s, p_email => %(email)s, p_idempotency_key => %(key)s,"
            " p_attending_location => 'L0', p_dominant_hand => 'Right')",
            exam=exam,
            student=student,
            email=self.email(student),
            key=key,
        )
        return row and row["booking_id"]

    def grant(self, student: str, credit: str, number: int) -> None:
        """Credits given by an administrator here."""
        if self.call(
            "select 1 from api.grant_credits(p_student_id => %(student)s, p_email => %(email)s,"
            " p_credit => %(credit)s, p_amount => %(number)s, p_reason => 'a gift')",
            student=student,
            email=self.email(student),
            credit=credit,
            number=number,
        ):
            self.granted[student, credit] += number

    def make_known(self, student: str) -> None:
        """A student who is known here first."""
        self.call(
            "select 1 from api.upsert_contact(p_student_id => %(student)s,"
            " p_email => %(student)s || '@example.com', p_firstname => 'New',"
            " p_lastname => 'N0', p_sj_credits => 2)",
            student=student,
        )
        self.opened[student] = {"sj_credits": 2}

    # There

    def find(self, kind: str, key: str) -> Record | None:
        """A live record of HubSpot by its key."""
        if kind == EXAMS:
            return self.account.store.get(self.account.kind(kind), key)
        name = {CONTACTS: "student_id", BOOKINGS: "booking_id"}[kind]
        return self.account.store.find(self.account.kind(kind), name, key)

    def set(self, kind: str, key: str, who: Source, **values: str) -> Record | None:
        """Somebody sets properties; the record, None when HubSpot does not have it or refuses."""
        self.time.pass_by(1.0)
        if (record := self.find(kind, key)) is None:
            return None
        try:
            checked = self.account.store.check(record.type, values, record)
        except Refusal:
            return None
        had = dict(record.version.properties)
        self.account.store.update(record, checked, who)
        for field, value in values.items():
            if had.get(field, "") != value:
                self.happened[f"{TABLES[kind]}.{field} edited"] += 1
                self.edits[record.id, field] = Edit(kind, record.id, field, value)
        return record

    def add(self, student: str, credit: str, number: int, who: Source) -> None:
        """Somebody adds to a balance there: what is typed is the sum."""
        if (record := self.find(CONTACTS, student)) is None:
            return
        seen = int(record.version.properties.get(credit) or 0)
        value = max(0, seen + number)
        self.set(CONTACTS, student, who, **{credit: str(value)})
        self.edits.pop((record.id, credit), None)
        self.added[student, credit] += value - seen

    def archive(self, kind: str, key: str, who: Source) -> bool:
        """Somebody deletes a record there; whether there was one."""
        self.time.pass_by(1.0)
        if record := self.find(kind, key):
            self.account.store.archive(record, who)
            self.happened[f"{TABLES[kind]} archived"] += 1
        return record is not None

    def restore(self, kind: str, key: str) -> None:
        """Somebody takes a record out of HubSpot's recycling bin."""
        self.time.pass_by(1.0)
        name = {CONTACTS: "student_id", BOOKINGS: "booking_id"}[kind]
        record = self.account.store.find_archived(self.account.kind(kind), name, key)
        # Another record may have its unique value by now.
        with contextlib.suppress(Refusal):
            if record:
                self.account.store.restore(record)
                self.happened[f"{TABLES[kind]} restored"] += 1

    # In between

    def drain(self, lost: int = 0, dies_before: str | None = None) -> None:
        """A run of the drain. lost: of how many writes the answer is lost."""
        self.wire.lost = lost
        self.work(
            lambda hubspot: self.worker(Drain, hubspot).run_once(),
            dies_before=dies_before,
        )
        self.wire.lost = 0

    def receive(self, dies_before: str | None = None) -> None:
        """A run of the receiver."""
        self.work(
            lambda hubspot: self.worker(Receive, hubspot).run_once(),
            dies_before=dies_before,
        )

    def poll(self, everything: bool = False) -> None:
        """A poll."""
        self.work(lambda hubspot: Poll(self.rpc, hubspot).run(everything=everything))

    def look_into_the_bin(self) -> None:
        """A pass over HubSpot's recycling bin."""
        self.work(lambda hubspot: Poll(self.rpc, hubspot).archived())

    def worker(self, kind: type, hubspot: HubSpot) -> Any:
        """A worker by the one clock."""
        return kind(self.rpc, hubspot, lease=LEASE, clock=self.time.monotonic)

    def work(self, run: Callable[[HubSpot], object], *, dies_before: str | None = None) -> None:
        """One run of a worker, which may be ended by what HubSpot did not answer, or die."""
        self.time.pass_by(1.0)
        self.dies_before = dies_before
        with self.hubspot() as hubspot, contextlib.suppress(HubSpotError, Crash):
            run(hubspot)
        self.dies_before = None

    def deliver(self, *, stored: bool = True, heard: bool = True) -> None:
        """HubSpot posts what is due. stored: it comes to our inbox. heard: HubSpot learns so."""

        def send(body: bytes, _: dict[str, str], __: str) -> int | None:
            self.happened[f"a webhook{' stored' * stored}{' and heard of' * heard}"] += 1
            if stored:
                self.rpc.store_events(json.loads(body), TYPES)
            return 204 if stored and heard else None

        self.time.pass_by(1.0)
        self.account.store.webhooks.deliver(send)

    def lose_webhooks(self) -> None:
        """Nothing that waits is ever sent."""
        while (due := self.account.store.webhooks.due) is not None:
            self.lost_events = True
            self.happened["a webhook never sent"] += 1
            self.account.store.webhooks.take(due)

    # What must hold

    def violations(self) -> list[str]:
        """What must never be, whatever happens."""
        with self.borrowed() as connection:
            found = [
                f"{row['name']} is broken: {row['violations']} ({row['sample']})"
                for row in connection.execute("select * from api.verify()").fetchall()
                if row["violations"]
            ]
            found += [
                f"{row['student_id']} has less than nothing"
                for row in connection.execute(
                    "select c.student_id from hubspot_sync.hubspot_contact_credits c"
                    " where least(c.sj_credits, c.cs_credits, c.shared_mock_credits) < 0"
                )
            ]
            found += [
                f"{row['exam']}: {row['counted']} bookings, {row['taken']} seats taken"
                for row in connection.execute(
                    "select e.hubspot_id as exam, s.taken, count(b.id) as counted"
                    "  from hubspot_sync.hubspot_mock_exams e"
                    "  join hubspot_sync.exam_seats s on s.exam = e.id"
                    "  left join hubspot_sync.hubspot_bookings b"
                    "    on b.mock_exam_id = e.hubspot_id"
                    "   and b.is_active in ('Active', 'Completed')"
                    " group by e.hubspot_id, s.taken"
                    " having s.taken <> count(b.id)"
                )
            ]
        return found

    def settle(self) -> None:
        """All faults end, and everybody does all there is to do. Raises Violation."""
        before: list[str] = []
        for _ in range(ROUNDS):
            self.round()
            state = self.state()
            if state == before and self.quiet():
                break
            before = state
        else:
            told = sorted(set(before) ^ set(state)) or self.open()
            raise Violation("no end:\n" + "\n".join(told))
        written = self.wire.written
        self.round()
        if self.wire.written != written:
            raise Violation(f"{self.wire.written - written} writes to HubSpot for nothing")
        if changed := sorted(set(self.state()) ^ set(state)):
            raise Violation("changed for nothing:\n" + "\n".join(changed))
        if wrong := self.violations() + self.differences():
            raise Violation("\n".join(wrong))
        self._count()

    def _count(self) -> None:
        """What the database tells of what happened."""
        for row in self.stage.rows(
            "select 'decision: ' || regexp_replace(decision, '^\\S+ (more was taken away) .*"
            "(: stopped)|(: not done), .*$', '\\1\\2\\3') as what"
            "  from hubspot_sync.sync_conflicts"
            " union all select 'ledger: ' || reason from hubspot_sync.credit_ledger"
        ):
            self.happened[row["what"]] += 1

    def round(self) -> None:
        """Everything once: what HubSpot tells, what it is asked, what it is told."""
        self.time.pass_by(3700.0)
        self.deliver()
        self.poll(everything=True)
        self.look_into_the_bin()
        self.receive()
        self.drain()

    def quiet(self) -> bool:
        """Whether nothing waits anywhere."""
        return self.account.store.webhooks.due is None and not self.open()

    def open(self) -> list[str]:
        """What waits in the outbox and in the inbox."""
        rows = self.stage.rows(
            "select format('outbox: %s %s %s %s', q.table_name, q.operation, q.record,"
            "              q.last_error) as told"
            "  from hubspot_sync.sync_queue q where not q.synced"
            " union all "
            "select format('inbox: %s %s %s', i.table_name, i.hubspot_id, i.last_error)"
            "  from hubspot_sync.webhook_inbox i where i.done_at is null"
        )
        return [row["told"] for row in rows]

    def state(self) -> list[str]:
        """What must not change any more once all is quiet."""
        there = [
            f"{kind} {record.id} in HubSpot, written {record.version.updated_ms}:"
            f" {json.dumps(record.version.properties, sort_keys=True)}"
            for kind in (CONTACTS, BOOKINGS, EXAMS)
            for record in self.account.live(kind)
        ]
        here = [
            f"{row['kind']} {row['id']} here: {json.dumps(row['properties'], sort_keys=True)}"
            for row in self.stage.rows(HERE, bookings=BOOKINGS, exams=EXAMS)
        ]
        notes = [
            f"{row['what']} {row['id']}: {row['told']}"
            for row in self.stage.rows(
                "select 'conflict' as what, id, concat_ws(' ', entity, field, decision) as told"
                "  from hubspot_sync.sync_conflicts"
                " union all"
                " select 'audit', id, concat_ws(' ', table_name, changed_fields::text)"
                "  from hubspot_sync.supabase_audit_log"
                " union all"
                " select 'ledger', id, concat_ws(' ', credit, delta, reason)"
                "  from hubspot_sync.credit_ledger"
            )
        ]
        return sorted([*there, *here, *notes])

    def differences(self) -> list[str]:
        """What is wrong when all is quiet."""
        gone = {
            str(row["id"])
            for row in self.stage.rows(
                "select id from hubspot_sync.hubspot_contact_credits where deleted_at is not null"
                " union all"
                " select id from hubspot_sync.hubspot_bookings where deleted_at is not null"
            )
        }
        return compare(self, without=gone) + self._credits() + self._lost_edits()

    def _credits(self) -> list[str]:
        """Balances that are not what was given, added, taken and spent."""
        spent: Counter[tuple[str, str]] = Counter()
        for row in self.stage.rows(
            "select c.student_id, b.token_used, count(*)::integer as number"
            "  from hubspot_sync.hubspot_bookings b"
            "  join hubspot_sync.hubspot_contact_credits c on c.id = b.contact"
            " where b.is_active <> 'Cancelled' group by 1, 2"
        ):
            spent[row["student_id"], CREDITS[row["token_used"]]] = row["number"]
        stopped = {
            (row["student_id"], row["field"]): row["number"]
            for row in self.stage.rows(
                "select c.student_id, f.field,"
                "       sum(substring(f.decision from '^[0-9]+')::integer)::integer as number"
                "  from hubspot_sync.sync_conflicts f"
                "  join hubspot_sync.hubspot_contact_credits c on c.id = f.record"
                " where f.decision like '%%stopped at 0' group by 1, 2"
            )
        }
        ledger = {
            (row["student_id"], row["credit"]): row["number"]
            for row in self.stage.rows(
                "select c.student_id, l.credit, sum(l.delta)::integer as number"
                "  from hubspot_sync.credit_ledger l"
                "  join hubspot_sync.hubspot_contact_credits c on c.id = l.contact"
                " where l.reason = 'hubspot' group by 1, 2"
            )
        }
        found = []
        for row in self.stage.rows(
            "select student_id, sj_credits, cs_credits, shared_mock_credits"
            "  from hubspot_sync.hubspot_contact_credits where merged_into is null"
        ):
            student = row["student_id"]
            if self._replaced(student):
                continue
            for credit in CREDITS.values():
                which = (student, credit)
                added = self.added[which] + stopped.get(which, 0)
                if added != ledger.get(which, 0):
                    found.append(
                        f"{student}'s {credit}: {added} added in HubSpot,"
                        f" {ledger.get(which, 0)} in the ledger"
                    )
                due = (
                    self.opened[student].get(credit, 0) + self.granted[which] + added - spent[which]
                )
                if row[credit] != due:
                    found.append(f"{student} has {row[credit]} of {credit}, {due} are due")
        return found

    def _replaced(self, student: str) -> bool:
        """Whether a contact's first record in HubSpot is gone: what nobody read of it is, too."""
        return any(
            self.account.kept(one).get("student_id") == student for one in self.account.merged
        )

    def _lost_edits(self) -> list[str]:
        """Edits in HubSpot that neither stand nor were overwritten by whom a row names."""
        found: list[str] = []
        if self.lost_events:
            # Of an edit that we wrote over before anybody read it only its event tells.
            return found
        for one in self.edits.values():
            record = self.account.store.get(self.account.kind(one.kind), one.record)
            if record is None or record.version.properties.get(one.field, "") == one.value:
                continue
            told = self.stage.rows(
                "select from hubspot_sync.sync_conflicts f"
                f"  join hubspot_sync.{TABLES[one.kind]} r on r.id = f.record"
                " where r.hubspot_id = %(record)s and f.field = %(field)s"
                " union all"
                " select from hubspot_sync.supabase_audit_log a"
                f"  join hubspot_sync.{TABLES[one.kind]} r on r.id = a.record"
                " where r.hubspot_id = %(record)s and %(field)s = any (a.changed_fields)",
                record=one.record,
                field=one.field,
            )
            if not told:
                found.append(
                    f"{one.field} of {one.kind} {one.record} was set to {one.value!r} in HubSpot,"
                    " and nothing tells what became of it"
                )
        return found


def day(place: int) -> str:
    """The date so many days after the beginning."""
    return (NOON + timedelta(days=place)).date().isoformat()
