"""A small world to race in: a few exams and students, and the statements people send."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from sessions import Session, Sessions, Step

SJ, CS = "Situational Judgment", "Clinical Skills"

_BOOK = """
  select *
    from api.create_booking(
      p_mock_exam_id => %(exam)s, p_student_id => %(student)s, p_email => %(email)s,
      p_idempotency_key => %(key)s)
"""
_CANCEL = "select * from api.cancel_booking(p_booking_id => %(booking_id)s)"
_WRITE_AS_ANOTHER_APPLICATION = """
  insert into hubspot_sync.hubspot_bookings
    (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
  values
    (%(hubspot_id)s, 'OLD-' || %(number)s, %(exam)s, 'C-' || %(student)s, %(student)s,
     %(student)s || '@example.com', 'Active')
  returning booking_id
"""
_PATIENT_FUNCTIONS = """
  select p.oid::regprocedure::text as function
    from pg_catalog.pg_proc p
   where p.pronamespace = 'api'::regnamespace
     and exists (select from unnest(p.proconfig) c where c like 'lock_timeout=%')
"""
_STATE = """
  select (select jsonb_agg(to_jsonb(t) order by t.id) from hubspot_sync.hubspot_bookings t),
         (select jsonb_agg(to_jsonb(t) order by t.id) from hubspot_sync.hubspot_mock_exams t),
         (select jsonb_agg(to_jsonb(t) order by t.id)
            from hubspot_sync.hubspot_contact_credits t),
         (select jsonb_agg(to_jsonb(t) order by t.exam) from hubspot_sync.exam_seats t),
         (select jsonb_agg(to_jsonb(t) order by t.id) from hubspot_sync.credit_ledger t),
         (select jsonb_agg(to_jsonb(t) order by t.id) from hubspot_sync.sync_queue t),
         (select jsonb_agg(to_jsonb(t) order by t.id) from hubspot_sync.supabase_audit_log t)
"""


def book(session: Session, student: str, exam: str = "E1", key: str | None = None) -> Step:
    """Begin a booking."""
    return session.start(_BOOK, exam=exam, student=student, email=f"{student}@example.com", key=key)


def cancel(session: Session, booking_id: str) -> Step:
    """Begin a cancellation."""
    return session.start(_CANCEL, booking_id=booking_id)


def set_capacity(session: Session, capacity: int, exam: str = "E1") -> Step:
    """Begin a change of an exam's capacity."""
    return session.start("select api.set_exam_capacity(%(exam)s, %(n)s)", exam=exam, n=capacity)


def call(session: Session, function: str, **arguments: Any) -> Step:
    """Begin a call of any function of api; arguments are named without their p_."""
    named = ", ".join(f"p_{name} => %({name})s" for name in arguments)
    return session.start(f"select r.* from api.{function}({named}) r", **arguments)


def move(session: Session, booking_id: str, exam: str) -> Step:
    """Begin moving a booking to another exam."""
    return call(session, "move_booking", booking_id=booking_id, mock_exam_id=exam)


def outcome(step: Step) -> str:
    """`done`, `replayed`, or the SQLSTATE of the refusal."""
    try:
        return "replayed" if step.row().get("replayed") else "done"
    except psycopg.Error as error:
        return error.sqlstate or str(error)


def change_exam(session: Session, assignment: str, exam: str = "E1") -> Step:
    """Begin a direct update of an exam, past the functions."""
    return session.start(
        f"update hubspot_sync.hubspot_mock_exams set {assignment} where hubspot_id = %(exam)s",
        exam=exam,
    )


def change_contact(session: Session, student: str, assignment: str) -> Step:
    """Begin a direct update of a contact, past the functions."""
    return session.start(
        f"update hubspot_sync.hubspot_contact_credits set {assignment}"
        " where student_id = %(student)s",
        student=student,
    )


def write_booking(
    session: Session, student: str, number: int, exam: str = "E1", *, synced: bool = True
) -> Step:
    """Begin the insert of a booking as another application makes it, past the functions.

    A booking that is not synced has no HubSpot id yet.
    """
    return session.start(
        _WRITE_AS_ANOTHER_APPLICATION,
        number=str(number),
        hubspot_id=str(number) if synced else None,
        exam=exam,
        student=student,
    )


def write_cancellation(session: Session, booking_id: str) -> Step:
    """Begin a cancellation as another application makes it, past the functions."""
    return session.start(
        "update hubspot_sync.hubspot_bookings set is_active = 'Cancelled'"
        " where booking_id = %(booking_id)s",
        booking_id=booking_id,
    )


class World:
    """A database with exams and students, and sessions that race in it."""

    def __init__(self, url: str, sessions: Sessions) -> None:
        self._sessions = sessions
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        # What waits here waits until the test lets go; a slow machine must not make it give up.
        self.lock_timeout("60s")

    def close(self) -> None:
        self._connection.close()

    def sessions(self, *names: str) -> list[Session]:
        """New sessions of these names."""
        return [self._sessions(name) for name in names]

    def execute(self, statement: str, **arguments: Any) -> list[dict[str, Any]]:
        """A statement in a transaction of its own, outside the race."""
        cursor = self._connection.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, **arguments: Any) -> Any:
        """The one value a query answers."""
        (row,) = self.execute(statement, **arguments)
        (value,) = row.values()
        return value

    def lock_timeout(self, timeout: str) -> None:
        """How long the functions wait for a lock before they answer MBBSY."""
        for row in self.execute(_PATIENT_FUNCTIONS):
            self.execute(f"alter function {row['function']} set lock_timeout = '{timeout}'")

    def exam(
        self,
        hubspot_id: str = "E1",
        *,
        capacity: int = 1,
        mock_type: str = SJ,
        days: int = 30,
        is_open: bool = True,
    ) -> None:
        """An exam so many days from now."""
        self.execute(
            "insert into hubspot_sync.hubspot_mock_exams"
            " (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)"
            " values (%(id)s, %(id)s, %(type)s, current_date + %(days)s::integer, '10:00',"
            " %(capacity)s, %(is_open)s)",
            is_open=str(is_open).lower(),
            id=hubspot_id,
            type=mock_type,
            days=days,
            capacity=capacity,
        )

    def students(self, *names: str, credits: int = 5) -> None:
        """Contacts that HubSpot knows, each with so many credits for the exams."""
        for name in names:
            self.execute(
                "insert into hubspot_sync.hubspot_contact_credits"
                " (hubspot_id, student_id, email, sj_credits)"
                " values ('C-' || %(name)s, %(name)s, %(name)s || '@example.com', %(credits)s)",
                name=name,
                credits=credits,
            )

    def booked(self, student: str, exam: str = "E1") -> str:
        """A booking made before the race; its booking_id."""
        (row,) = self.execute(
            _BOOK, exam=exam, student=student, email=f"{student}@example.com", key=None
        )
        return row["booking_id"]

    def day(self, days: int) -> str:
        """The date so many days from now, as the database counts them."""
        return str(self.value("select current_date + %(days)s::integer as day", days=days))

    def booking(self, booking_id: str) -> dict[str, Any]:
        """A booking's row."""
        (row,) = self.execute(
            "select * from hubspot_sync.hubspot_bookings where booking_id = %(id)s", id=booking_id
        )
        return row

    def seated(self, exam: str = "E1") -> list[str]:
        """Who has a seat, by student id."""
        rows = self.execute(
            "select student_id from hubspot_sync.hubspot_bookings"
            " where mock_exam_id = %(exam)s and is_active = 'Active' order by student_id",
            exam=exam,
        )
        return [row["student_id"] for row in rows]

    def credits(self, student: str) -> int:
        """A student's balance."""
        return self.value(
            "select sj_credits from hubspot_sync.hubspot_contact_credits"
            " where student_id = %(student)s",
            student=student,
        )

    def state(self) -> dict[str, Any]:
        """Everything a booking could have changed, to compare with later."""
        (row,) = self.execute(_STATE)
        return row

    def violations(self) -> list[dict[str, Any]]:
        """The broken invariants."""
        return self.execute("select * from api.verify() where violations > 0")
