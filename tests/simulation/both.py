"""A schedule of both directions: HubSpot's users edit while apps do, and either hears of the other.

Webhooks come late, twice, in any order, or never; receivers and polls die where drains do. When all
is quiet both sides must be equal, every edit must stand, or be told in a conflict, every credit
that was added anywhere must be there once, and nothing may change any more.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from account import BOOKINGS, CONTACTS, EXAMS
from schedule import Labelled, Schedule, Violation
from stage import Stage
from times import LEASE
from truth import HERE, compare

from glue import push
from glue.drain import Drain
from glue.errors import DatabaseError
from glue.hubspot import HubSpot
from glue.poll import Poll
from glue.receive import Receive
from glue.rpc import Rpc
from sandbox.hubspot.record import APPLICATION, IMPORT, USER, WORKFLOW, Record, Source

URL = "https://glue.simulated/webhooks/hubspot"
SECRET = "secret-of-the-simulation"
TYPES = {
    "0-1": "hubspot_contact_credits",
    BOOKINGS: "hubspot_bookings",
    EXAMS: "hubspot_mock_exams",
}
TABLES = {CONTACTS: "hubspot_contact_credits"} | {
    kind: table for kind, table in TYPES.items() if kind != "0-1"
}
CREDITS = ("sj_credits", "cs_credits", "shared_mock_credits")
LEFT_OUT = frozenset({"delete", "leave", "come", "come_again", "insert", "rename"})
"""What takes rows away here, past the functions, has no counterpart among HubSpot's users."""
THERE = {
    "top_up": 10,
    "edit_exam": 6,
    "edit_contact": 3,
    "edit_booking": 6,
    "ask_of_booking": 5,
    "archive": 2,
    "restore": 2,
    "merge": 1,
}
"""What HubSpot's users do, and how often."""
ROUNDS = 12
PEOPLE = (USER, USER, WORKFLOW, APPLICATION, IMPORT)
INBOX_OPEN = "select from hubspot_sync.webhook_inbox where done_at is null limit 1"
OUTBOX_OPEN = "select from hubspot_sync.sync_queue where not synced limit 1"


@dataclass
class Edit:
    """What somebody set in HubSpot, and when."""

    kind: str
    record: str
    field: str
    value: str
    at: float


class BothWays(Schedule):
    """Plays one seed of both directions."""

    def __init__(self, stage: Stage, seed: int) -> None:
        super().__init__(stage, seed, without=LEFT_OUT)
        self._mood = replace(self._mood, notes=False)
        self._people = random.Random(f"people {seed}")
        self._losses = self._people.choice((0.0, 0.0, 0.3, 1.0))
        self._known = self._people.random() < 0.6
        """Whether our id in HubSpot's history was set. Until it is learnt, an edit of another
        application's cannot always be told from ours."""
        self.edits: list[Edit] = []
        self.top_ups: Counter[tuple[str, str]] = Counter()
        self.unsure: set[str] = set()
        """Contacts whose credits HubSpot's users moved by other means than an edit."""

    # Beginning

    def _begin(self) -> None:
        super()._begin()
        if self._known:
            self.stage.rows(
                "update hubspot_sync.settings set value = %(id)s"
                " where key = 'hubspot_source_id' returning 1",
                id=self.account.store.own.id,
            )
        self.account.store.webhooks.subscribe(
            URL,
            SECRET,
            seed=self.seed,
            split=0.3,
            duplicates=0.2,
            repeated_ids=0.3,
            disorder=0.3,
            late=0.3,
            late_seconds=600.0,
            losses=self._losses,
        )

    def _choices(self) -> list[tuple[float, Any, tuple]]:
        choices = [one for one in super()._choices() if one[1] != self._by_hand]
        choices = [one for one in choices if one[1] not in (self._handle, self.plots.play)]
        choices.append((16, self._edit_there, ()))
        if self.account.store.webhooks.due is not None:
            choices.append((12, self._deliver, ()))
        if len(self._workers) < 3:
            choices.append((12, self._receiver, ()))
            choices.append((3, self._poller, ()))
        return choices

    # What comes in

    def _deliver(self) -> None:
        """HubSpot sends what is due; the answer may get lost, before or after it was stored."""

        def send(body: bytes, headers: dict[str, str], url: str) -> int | None:
            fate = 0.0 if self._fair else self._people.random()
            if fate > 0.85:
                self.note("a webhook finds nobody")
                self.struck["webhook refused"] += 1
                return None
            with self.borrowed() as connection:
                try:
                    stored = Rpc(connection, sleep=lambda _: None).store_events(
                        json.loads(body), TYPES
                    )
                except DatabaseError as error:
                    self.note(f"a webhook is in the way: {type(error).__name__}")
                    return 503
            self.note(f"a webhook brings {stored['stored']} events")
            self.struck["webhook"] += 1
            self.struck["webhook known already"] += stored["duplicates"] > 0
            if fate > 0.75:
                self.struck["webhook's answer lost"] += 1
                return None
            return 204

        self.account.store.webhooks.deliver(send)

    def _receiver(self) -> None:
        def work(rpc: Labelled, hubspot: HubSpot) -> object:
            return Receive(rpc, hubspot, lease=LEASE, clock=self.time.monotonic).run_once()

        self.struck["receiver"] += 1
        self.begin_work("starts to receive", work, reads=True)

    def _poller(self) -> None:
        def work(rpc: Labelled, hubspot: HubSpot) -> object:
            return Poll(rpc, hubspot).run()

        self.struck["poll"] += 1
        self.begin_work("starts to poll", work, reads=True)

    # HubSpot's users

    def _edit_there(self) -> None:
        (name,) = self._people.choices(list(THERE), list(THERE.values()))
        if getattr(self, f"_{name}")():
            self.struck[f"there: {name}"] += 1

    def _some(self, kind: str) -> Record | None:
        records = self.account.live(kind)
        return self._people.choice(records) if records else None

    def _set(self, record: Record | None, source: Source | None = None, **values: str) -> bool:
        if record is None:
            return False
        source = source or self._people.choice(PEOPLE)
        checked = self.account.store.check(record.type, values, record)
        self.account.store.update(record, checked, source)
        name = self.name(record.version.properties.get("booking_id", record.id))
        kind = next(one for one in TABLES if self.account.kind(one) is record.type)
        for field, value in values.items():
            self.edits.append(Edit(kind, record.id, field, value, self.time.passed))
            self.note(f"somebody sets {field} of {name} to {value} in HubSpot")
        return True

    def _top_up(self) -> bool:
        record = self._some(CONTACTS)
        if record is None:
            return False
        credit, number = self._people.choice(CREDITS), self._people.choice((-1, 1, 2, 3))
        seen = int(record.version.properties.get(credit) or 0)
        value = max(0, seen + number)
        source = self._people.choice(PEOPLE if self._known else PEOPLE[:3])
        if value == seen or not self._set(record, source, **{credit: str(value)}):
            return False
        self.edits.pop()
        self.top_ups[record.id, credit] += value - seen
        return True

    def _edit_exam(self) -> bool:
        values = self._people.choice(
            (
                {"capacity": str(self._people.randrange(1, 6))},
                {"mock_exam_name": f"X{self._people.randrange(1000)}"},
                {"end_time": f"23:{self._people.randrange(46, 59)}"},
                {"is_active": self._people.choice(("true", "true", "false"))},
            )
        )
        return self._set(self._some(EXAMS), **values)

    def _edit_contact(self) -> bool:
        return self._set(self._some(CONTACTS), firstname=f"F{self._people.randrange(1000)}")

    def _edit_booking(self) -> bool:
        values = self._people.choice(
            (
                {"dominant_hand": self._people.choice(("Left", "Right"))},
                {"student_name": f"Y{self._people.randrange(1000)}"},
                {"token_used": "Shared Token"},
            )
        )
        return self._set(self._some(BOOKINGS), **values)

    def _ask_of_booking(self) -> bool:
        values = self._people.choice(
            (
                {"is_active": "Cancelled"},
                {"is_active": self._people.choice(("Active", "Completed"))},
                {"attendance": self._people.choice(("Yes", "No"))},
            )
        )
        return self._set(self._some(BOOKINGS), **values)

    def _archive(self) -> bool:
        record = self._some(self._people.choice((BOOKINGS, BOOKINGS, CONTACTS)))
        if record is None:
            return False
        self._doubt(record)
        self.account.store.archive(record, USER)
        self.note(f"somebody deletes {self.name(record.id)} in HubSpot")
        return True

    def _restore(self) -> bool:
        kind = self.account.kind(self._people.choice((BOOKINGS, CONTACTS)))
        records, _ = self.account.store.page(kind, 0, 10_000, archived=True)
        if not records:
            return False
        record = self._people.choice(records)
        try:
            self.account.store.restore(record)
        except Exception:  # another record has its unique value by now
            return False
        self.note(f"somebody restores {self.name(record.id)} in HubSpot")
        return True

    def _merge(self) -> bool:
        records = self.account.live(CONTACTS)
        if len(records) < 3:
            return False
        one, other = self._people.sample(records, 2)
        self._doubt(one)
        self._doubt(other)
        left = self.account.store.merge(one, other, new_id=self._people.random() < 0.5)
        self._doubt(left)
        self.editors.merged.add(left.id)
        self.note(f"somebody merges {self.name(other.id)} into {self.name(one.id)} in HubSpot")
        return True

    def _doubt(self, record: Record) -> None:
        self.unsure |= {record.id, record.version.properties.get("student_id", "")}

    # The end

    def _settle(self) -> None:
        self.note("faults stop")
        self._fair = True
        while self._open:
            self._end_transaction()
        self._finish_all()
        while self.flights:
            self.advance(10.0)
        before: set[str] = set()
        for _ in range(ROUNDS):
            self._round()
            quiet = not self.stage.rows(OUTBOX_OPEN) and not self.stage.rows(INBOX_OPEN)
            if quiet and before == self._state():
                break
            before = self._state()
        self._round(full=True)
        self._round()
        if wrong := [f"after quiet: {one}" for one in sorted(self._state() ^ before)]:
            raise Violation("\n".join(wrong[:20]))

    def _finish_all(self) -> None:
        while self._workers:
            ready = [w for w in self._workers if not self.waits(w)]
            if ready:
                self._go_on(ready)
            else:
                self.advance(60.0)

    def _round(self, full: bool = False) -> None:
        """Everything once: what HubSpot tells, what it is asked, what it is told."""
        self.advance(3700.0 + self.time.skew)
        self.stage.rows(
            "update hubspot_sync.sync_queue set dead_at = null, sync_attempts = 0"
            " where dead_at is not null returning 1"
        )
        self.stage.rows(
            "update hubspot_sync.webhook_inbox set dead_at = null, attempts = 0"
            " where dead_at is not null returning 1"
        )
        self._deliver()

        def work(rpc: Labelled, hubspot: HubSpot) -> None:
            poll = Poll(rpc, hubspot)
            poll.run(everything=True)
            poll.archived()
            Receive(rpc, hubspot, lease=LEASE, clock=self.time.monotonic).run_once()
            drain = Drain(rpc, hubspot, lease=LEASE, clock=self.time.monotonic)
            if full:
                push.run(rpc, drain)
            else:
                drain.run_once()

        self.begin_work("does all there is to do", work, reads=True)
        self._finish_all()

    def _state(self) -> set[str]:
        """What must not change any more once all is quiet."""
        store = self.account.store
        theirs = {
            f"{kind} {record.id} there: {json.dumps(record.version.properties, sort_keys=True)}"
            for kind in (CONTACTS, BOOKINGS, EXAMS)
            for record in store.live(self.account.kind(kind))
        }
        ours = {
            f"{row['kind']} {row['id']} here: {json.dumps(row['properties'], sort_keys=True)}"
            for row in self.stage.rows(HERE, bookings=BOOKINGS, exams=EXAMS)
        }
        conflicts = {
            f"conflict {row['id']}: {row['decision']}"
            for row in self.stage.rows("select id, decision from hubspot_sync.sync_conflicts")
        }
        return theirs | ours | conflicts

    def _differences(self) -> list[str]:
        gone = {
            row["id"]
            for row in self.stage.rows(
                "select id::text from hubspot_sync.hubspot_contact_credits"
                " where deleted_at is not null"
                " union all select id::text from hubspot_sync.hubspot_bookings"
                " where deleted_at is not null"
            )
        }
        # The links of a contact that was merged, or made anew, went to what it has become.
        self.editors.merged |= {
            record.id
            for record in self.account.live(CONTACTS)
            if record.version.properties.get("student_id") in self.unsure
        }
        found = compare(self, without=gone)
        found += self._lost_top_ups()
        if not self._losses:
            found += self._lost_edits()
        return found

    def _lost_top_ups(self) -> list[str]:
        """Credits that were added or taken in HubSpot and are not in the ledger, each once."""
        rows = self.stage.rows(
            "select c.hubspot_id, l.credit, sum(l.delta)::integer as delta"
            "  from hubspot_sync.credit_ledger l"
            "  join hubspot_sync.hubspot_contact_credits c on c.id = l.contact"
            " where l.reason = 'hubspot' and c.hubspot_id is not null"
            " group by 1, 2"
        )
        taken = {(row["hubspot_id"], row["credit"]): row["delta"] for row in rows}
        unsure = self.unsure | {
            row["hubspot_id"]
            for row in self.stage.rows(
                "select hubspot_id from hubspot_sync.hubspot_contact_credits"
                " where student_id = any (%(unsure)s)",
                unsure=sorted(self.unsure),
            )
        }
        stopped = {
            (row["hubspot_id"], row["field"])
            for row in self.stage.rows(
                "select c.hubspot_id, f.field from hubspot_sync.sync_conflicts f"
                "  join hubspot_sync.hubspot_contact_credits c on c.id = f.record"
                " where f.decision like '%stopped at 0'"
            )
        }
        return [
            f"{credit} of {self.name(record)}: {self.top_ups[record, credit]} in HubSpot,"
            f" {taken.get((record, credit), 0)} in the ledger"
            for record, credit in sorted(self.top_ups.keys() | taken.keys())
            if record not in unsure
            and (record, credit) not in stopped
            and self.top_ups[record, credit] != taken.get((record, credit), 0)
        ]

    def _lost_edits(self) -> list[str]:
        """Edits in HubSpot that neither stand nor were overwritten by whom a row names."""
        found = []
        last = {(one.record, one.field): one for one in self.edits}
        for one in last.values():
            record = self.account.store.get(self.account.kind(one.kind), one.record)
            if record is None or one.record in self.unsure:
                continue
            if record.version.properties.get(one.field, "") == one.value:
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
                    f"{one.field} of {self.name(one.record)} was set to {one.value!r} in HubSpot at"
                    f" {one.at:.2f}, and nothing tells what became of it"
                )
        return found
