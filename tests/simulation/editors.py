"""What apps and people do to the records while workers run: here, and in HubSpot by hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from account import BOOKINGS, CONTACTS, EXAMS
from times import NOON

if TYPE_CHECKING:
    from schedule import Schedule

SJ, CS = "Situational Judgment", "Clinical Skills"
STUDENTS = ("ann", "ben", "cat", "dan")
TYPES = (SJ, SJ, CS)

TABLES = {
    CONTACTS: "hubspot_contact_credits",
    BOOKINGS: "hubspot_bookings",
    EXAMS: "hubspot_mock_exams",
}

Run = Callable[..., list[dict[str, Any]]]


class Undone(Exception):
    """An edit that has nothing to work on."""


class Editors:
    """Draws edits and makes them; remembers what there is to be edited."""

    def __init__(
        self, schedule: Schedule, chance: random.Random, without: frozenset[str] = frozenset()
    ) -> None:
        self._schedule = schedule
        self._account = schedule.account
        self._chance = chance
        self._drawn = 0
        kept = [(do, weight) for do, weight in EDITS if do.__name__ not in without]
        self._edits, self._weights = zip(*kept, strict=True)
        self.exams: list[str] = []
        self.students: list[str] = []
        self.bookings: list[str] = []
        self.brief: list[str] = []
        self.gone: list[str] = []
        self.touched: list[tuple[str, str, str]] = []
        """What was changed in HubSpot by hand, and must be written once more from here."""
        self.merged: set[str] = set()
        """The ids in HubSpot of contacts that other contacts were merged into."""

    def set_up(self) -> None:
        """What HubSpot has before the database knows of it."""
        for place, mock_type in enumerate(TYPES):
            day = NOON + timedelta(days=place)
            self.exams.append(
                self._account.create(
                    EXAMS,
                    mock_exam_name=f"E{place}",
                    mock_type=mock_type,
                    exam_date=day.date().isoformat(),
                    start_time="23:00",
                    end_time="23:45",
                    location="R0",
                    capacity=3,
                    total_bookings=0,
                    is_active="true",
                )
            )
        for student in STUDENTS:
            self._account.create(
                CONTACTS,
                student_id=student,
                email=f"{student}@example.com",
                firstname=student.title(),
                lastname="N0",
                sj_credits=4,
                cs_credits=4,
                sjmini_credits=0,
                mock_discussion_token=0,
                shared_mock_credits=1,
            )
            self.students.append(student)

    def edit(self, run: Run) -> str:
        """One edit, told in a few words. Raises psycopg.Error when it is refused."""
        for _ in range(20):
            (do,) = self._chance.choices(self._edits, self._weights)
            try:
                return do(self, run)
            except Undone:
                continue
        return self.contact(run)

    def by_hand(self) -> str:
        """Something somebody does in HubSpot itself."""
        (do,) = self._chance.choices(BY_HAND, (3, 2, 1, 1))
        try:
            return do(self)
        except Undone:
            return "somebody looks at HubSpot and does nothing"

    def touch(self, run: Run) -> None:
        """Change here whatever was changed in HubSpot by hand."""
        for kind, key, record_id in self.touched:
            self._version(run, kind, key, record_id)
        self.touched.clear()

    def number(self, connection: psycopg.Connection, kind: str, record: str) -> None:
        """Change a record directly, with a new number."""
        column, letter = {
            CONTACTS: ("lastname", "N"),
            BOOKINGS: ("attending_location", "L"),
        }[kind]
        connection.execute(
            f"update hubspot_sync.{TABLES[kind]} set {column} = %s where id = %s".encode(),
            (f"{letter}{self._next()}", record),
        )

    def firstname(self, contact: str) -> str:
        """A contact's first name as it is."""
        query = "select firstname from hubspot_sync.hubspot_contact_credits where id = %(id)s"
        return self._schedule.stage.rows(query, id=contact)[0]["firstname"]

    # Parts

    def _next(self) -> int:
        self._drawn += 1
        return self._drawn

    def _pick(self, among: list[str]) -> str:
        if not among:
            raise Undone
        return self._chance.choice(among)

    def _version(
        self,
        run: Run,
        kind: str,
        key: str,
        record_id: str | None = None,
        unique: str | None = None,
    ) -> int:
        table, known_by, column, letter = {
            CONTACTS: ("hubspot_contact_credits", "student_id", "lastname", "N"),
            BOOKINGS: ("hubspot_bookings", "booking_id", "attending_location", "L"),
            EXAMS: ("hubspot_mock_exams", "hubspot_id", "location", "R"),
        }[kind]
        version = self._next()
        run(
            f"update hubspot_sync.{table} set {column} = %(value)s"
            f" where {unique or known_by} = %(key)s"
            "     or hubspot_id = %(record_id)s returning 1",
            value=f"{letter}{version}",
            key=key,
            record_id=record_id,
        )
        if record_id and kind == CONTACTS:
            # A merge fills what was empty with the other's.
            run(
                "update hubspot_sync.hubspot_contact_credits set firstname = %(value)s"
                " where student_id = %(key)s or hubspot_id = %(record_id)s returning 1",
                value=f"F{version}",
                key=key,
                record_id=record_id,
            )
        return version

    # Edits

    def book(self, run: Run) -> str:
        exam, student = self._pick(self.exams), self._pick(self.students)
        (answer,) = run(
            "select booking_id from api.create_booking(p_mock_exam_id => %(exam)s,"
            " p_student_id => %(student)s, p_email => %(student)s || '@example.com',"
            " p_idempotency_key => %(key)s, p_attending_location => %(place)s,"
            " p_dominant_hand => %(hand)s)",
            exam=exam,
            student=student,
            key=self._chance.choice((None, f"key-{self._next()}")),
            place=f"L{self._next()}",
            hand=self._chance.choice(("Left", "Right", "Right", "Right", "Third")),
        )
        self.bookings.append(answer["booking_id"])
        return f"{student} books {self._schedule.name(answer['booking_id'])}"

    def cancel(self, run: Run) -> str:
        booking = self._pick(self.bookings)
        run("select 1 from api.cancel_booking(p_booking_id => %(booking)s)", booking=booking)
        return f"{self._schedule.name(booking)} is cancelled"

    def move(self, run: Run) -> str:
        booking, exam = self._pick(self.bookings), self._pick(self.exams)
        run(
            "select 1 from api.move_booking(p_booking_id => %(booking)s,"
            " p_mock_exam_id => %(exam)s)",
            booking=booking,
            exam=exam,
        )
        return f"{self._schedule.name(booking)} is moved to {self._schedule.name(exam)}"

    def attend(self, run: Run) -> str:
        booking, said = self._pick(self.bookings), self._chance.choice(("Yes", "No"))
        run(
            "select 1 from api.mark_attendance(p_booking_id => %(booking)s,"
            " p_attendance => %(said)s)",
            booking=booking,
            said=said,
        )
        return f"{self._schedule.name(booking)}: attended {said}"

    def grant(self, run: Run) -> str:
        student = self._pick(self.students)
        credit = self._chance.choice(("sj_credits", "cs_credits", "shared_mock_credits"))
        run(
            "select 1 from api.grant_credits(p_student_id => %(student)s,"
            " p_email => %(student)s || '@example.com', p_credit => %(credit)s, p_amount => 1,"
            " p_reason => 'simulation')",
            student=student,
            credit=credit,
        )
        return f"{student} gets 1 of {credit}"

    def capacity(self, run: Run) -> str:
        exam, seats = self._pick(self.exams), self._chance.randrange(1, 6)
        run("select 1 from api.set_exam_capacity(%(exam)s, %(seats)s)", exam=exam, seats=seats)
        return f"{self._schedule.name(exam)} has {seats} seats"

    def contact(self, run: Run) -> str:
        """A student who is known here first."""
        student = f"new{self._next()}"
        run(
            "select 1 from api.upsert_contact(p_student_id => %(student)s,"
            " p_email => %(student)s || '@example.com', p_firstname => 'New',"
            " p_lastname => %(name)s, p_sj_credits => 2)",
            student=student,
            name=f"N{self._next()}",
        )
        self.students.append(student)
        return f"{student} is made known"

    def change(self, run: Run) -> str:
        """Another application writes a table itself, often what a worker holds just now."""
        held = self._schedule.held()
        if held and self._chance.random() < 0.5:
            kind, record = self._chance.choice(held)
            version = self._version(run, kind, record, unique="id")
            return f"{self._schedule.name(record)} is changed, number {version}"
        kind, among = self._chance.choice(
            ((BOOKINGS, self.bookings),) * 4
            + ((CONTACTS, self.students),) * 2
            + ((EXAMS, self.exams),)
        )
        key = self._pick(among)
        version = self._version(run, kind, key)
        return f"{self._schedule.name(key)} is changed, number {version}"

    def delete(self, run: Run) -> str:
        booking = self._pick(self.bookings)
        run(
            "delete from hubspot_sync.hubspot_bookings where booking_id = %(booking)s returning 1",
            booking=booking,
        )
        return f"{self._schedule.name(booking)} is deleted"

    def come(self, run: Run) -> str:
        """A contact without a booking or a credit."""
        return self._come(run, f"brief{self._next()}")

    def come_again(self, run: Run) -> str:
        """Who was deleted is made anew, under the same student id."""
        return self._come(run, self._pick(self.gone))

    def _come(self, run: Run, student: str) -> str:
        run(
            "insert into hubspot_sync.hubspot_contact_credits (student_id, email, lastname)"
            " values (%(student)s, %(student)s || '@example.com', %(name)s) returning 1",
            student=student,
            name=f"N{self._next()}",
        )
        self.brief.append(student)
        return f"{student} is inserted"

    def leave(self, run: Run) -> str:
        student = self._pick(self.brief)
        run(
            "delete from hubspot_sync.hubspot_contact_credits where student_id = %(student)s"
            " returning 1",
            student=student,
        )
        self.gone.append(student)
        return f"{student} is deleted"

    def insert(self, run: Run) -> str:
        """The old application writes a booking into the table alone; the outbox brings it."""
        student, exam = self._pick(self.students), self._pick(self.exams)
        booking = f"OLD-{self._next()}"
        run(
            "insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id,"
            " student_email, is_active, attending_location)"
            " values (%(booking)s, %(exam)s, %(student)s, %(student)s || '@example.com',"
            "         'Cancelled', %(place)s) returning 1",
            booking=booking,
            exam=exam,
            student=student,
            place=f"L{self._next()}",
        )
        self.bookings.append(booking)
        return f"{student}'s {self._schedule.name(booking)} is inserted"

    def due(self, run: Run) -> str:
        """What the glue does by the clock."""
        run("select 1 from api.complete_past_bookings()")
        return "past bookings are completed"

    def rename(self, run: Run) -> str:
        """A student's number is corrected, which is what HubSpot knows the student by."""
        student = self._pick([one for one in self.students if one.startswith("new")])
        renamed = f"new{self._next()}"
        run(
            "update hubspot_sync.hubspot_contact_credits"
            "   set student_id = %(renamed)s, email = %(renamed)s || '@example.com'"
            " where student_id = %(student)s returning 1",
            renamed=renamed,
            student=student,
        )
        self.students.append(renamed)
        return f"{student} is renamed {renamed}"

    # By hand, in HubSpot

    def archive_booking(self) -> str:
        return self._archive(BOOKINGS, "booking_id")

    def archive_contact(self) -> str:
        return self._archive(CONTACTS, "student_id")

    def _archive(self, kind: str, unique: str) -> str:
        records = self._account.live(kind)
        if not records:
            raise Undone
        record = self._chance.choice(records)
        key = record.version.properties[unique]
        self._account.store.archive(record)
        self.touched.append((kind, key, record.id))
        self._schedule.struck["by hand: archived"] += 1
        return f"somebody archives {self._schedule.name(key)} in HubSpot"

    def merge(self) -> str:
        # Not those who are renamed here: of them only HubSpot's old ids could tell who they are.
        contacts = [
            record
            for record in self._account.live(CONTACTS)
            if not record.version.properties["student_id"].startswith("new")
        ]
        if len(contacts) < 2:
            raise Undone
        one, other = self._chance.sample(contacts, 2)
        keys = [record.version.properties["student_id"] for record in (one, other)]
        self.touched += [
            (CONTACTS, key, record.id) for key, record in zip(keys, (one, other), strict=True)
        ]
        anew = self._chance.random() < 0.5
        left = self._account.store.merge(one, other, new_id=anew)
        self.merged.add(left.id)
        self._schedule.struck["by hand: merged"] += 1
        return f"somebody merges {keys[1]} into {keys[0]}{', under a new id' if anew else ''}"

    def rule(self) -> str:
        self._account.rule = not self._account.rule
        self._schedule.struck["by hand: a rule"] += 1
        return f"a rule of HubSpot's is {'made' if self._account.rule else 'dropped'}"


EDITS = (
    (Editors.change, 30),
    (Editors.book, 24),
    (Editors.cancel, 6),
    (Editors.move, 10),
    (Editors.attend, 2),
    (Editors.grant, 5),
    (Editors.capacity, 4),
    (Editors.contact, 5),
    (Editors.delete, 5),
    (Editors.come, 3),
    (Editors.come_again, 2),
    (Editors.leave, 3),
    (Editors.insert, 4),
    (Editors.due, 1),
    (Editors.rename, 2),
)
BY_HAND = (Editors.archive_booking, Editors.archive_contact, Editors.merge, Editors.rule)


def refusal(error: psycopg.Error) -> str:
    """What an edit that failed is told as."""
    return f"refused {error.sqlstate or type(error).__name__}"
