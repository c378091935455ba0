"""What a login may do: a student for themselves alone, an administrator everything."""

import json

import psycopg
import pytest
from psycopg.rows import dict_row

ADMINISTRATORS_ONLY = [
    "cancel_bookings(p_booking_ids => array['{booking}'])",
    "mark_attendance('{booking}', 'Yes')",
    "complete_past_bookings()",
    "check_idempotency_key('k')",
    "list_bookings()",
    "upsert_contact('x', 'x@example.com')",
    "grant_credits('ann', 'ann@example.com', 'sj_credits', 1, 'because')",
    "adjust_credits('ann', 'ann@example.com', 'sj_credits', 1, 'because')",
    "get_exam('E1')",
    "list_exams()",
    "upsert_exam('E1')",
    "set_exam_capacity('E1', 1)",
    "activate_exam('E1')",
    "activate_due_exams()",
    "deactivate_exam('E1')",
    "delete_exam('E1')",
    "verify()",
    "get_analytics()",
    "find_unprotected()",
]


@pytest.fixture
def admin(connect):
    connection = connect(autocommit=True, row_factory=dict_row)
    connection.execute(
        "insert into hubspot_sync.hubspot_mock_exams"
        " (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)"
        " select 'E' || n, 'Situational Judgment', current_date + 30 + n, '10:00', 5, 'true'"
        "   from generate_series(1, 2) n"
    )
    connection.execute(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)"
        " values ('ann', 'ann@example.com', 3), ('ben', 'ben@example.com', 3)"
    )
    connection.execute("insert into hubspot_sync.admin_users (email) values ('boss@example.com')")
    return connection


@pytest.fixture
def booking(admin):
    """ben's booking."""
    answer = admin.execute("select * from api.create_booking('E1', 'ben', 'ben@example.com')")
    return answer.fetchone()["booking_id"]


@pytest.fixture
def login(connect, admin):
    """A function that opens a connection as PostgREST would for an email."""

    def open_login(email):
        connection = connect(autocommit=True, row_factory=dict_row)
        claims = json.dumps({"role": "authenticated", "email": email})
        connection.execute("set role authenticated")
        connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        return connection

    return open_login


def refused(connection, call):
    with pytest.raises(psycopg.Error) as refusal:
        connection.execute(f"select * from api.{call}")
    return refusal.value.sqlstate


@pytest.mark.parametrize("call", ADMINISTRATORS_ONLY, ids=lambda call: call.partition("(")[0])
def test_a_student_may_not_do_what_administrators_do(login, booking, call):
    assert refused(login("ben@example.com"), call.format(booking=booking)) == "42501"


@pytest.mark.parametrize(
    "call", ["cancel_booking('{b}')", "move_booking('{b}', 'E2')", "get_booking(null, null, '{b}')"]
)
def test_a_booking_of_somebody_else_does_not_exist_for_a_student(login, booking, call):
    assert refused(login("ann@example.com"), call.format(b=booking)) == "MBNOF"


def test_a_student_books_for_nobody_else(login):
    call = "create_booking('E1', 'ben', 'ben@example.com')"
    assert refused(login("ann@example.com"), call) == "42501"


@pytest.mark.parametrize(
    "call",
    [
        "get_contact_credits('ben', 'ben@example.com')",
        "check_credits('Situational Judgment', 'ben', 'ben@example.com')",
        "list_contact_bookings('ben', 'ben@example.com')",
    ],
)
def test_a_student_reads_nothing_of_anybody_else(login, booking, call):
    assert refused(login("ann@example.com"), call) == "MBCON"


@pytest.mark.parametrize(
    "call",
    ["get_contact_credits()", "list_contact_bookings()", "get_booking(null, null, '{b}')"],
)
def test_a_student_reads_their_own(login, booking, call):
    answer = login("BEN@example.com").execute(f"select * from api.{call.format(b=booking)}")
    assert answer.fetchone()


def test_a_student_books_moves_and_cancels_for_themselves(login):
    student = login("ann@example.com")
    booking = student.execute("select * from api.create_booking('E1', 'ann')").fetchone()
    moved = student.execute(
        "select * from api.move_booking(%s, 'E2')", (booking["booking_id"],)
    ).fetchone()
    assert moved["mock_exam_id"] == "E2"
    cancelled = student.execute(
        "select * from api.cancel_booking(%s)", (booking["booking_id"],)
    ).fetchone()
    assert cancelled["is_active"] == "Cancelled"


def test_an_administrator_may_do_what_a_student_may_not(login, booking):
    connection = login("Boss@example.com")
    connection.execute("select * from api.set_exam_capacity('E1', 9)")
    granted = (
        "select * from api.grant_credits('ann', 'ann@example.com', 'sj_credits', 1, 'because')"
    )
    assert connection.execute(granted).fetchone()["sj_credits"] == 4
    done = connection.execute("select * from api.cancel_booking(%s)", (booking,)).fetchone()
    assert done["is_active"] == "Cancelled"


def test_a_login_without_an_email_may_do_nothing(login, booking):
    connection = login(None)
    for call in ("create_booking('E1', 'ann')", "get_contact_credits()", "verify()"):
        assert refused(connection, call) == "42501"


def test_the_ledger_names_the_administrator_who_granted(login, admin):
    login("Boss@example.com").execute(
        "select * from api.grant_credits('ann', 'ann@example.com', 'sj_credits', 1, 'because')"
    )
    row = admin.execute("select actor from hubspot_sync.credit_ledger where reason = 'grant'")
    assert row.fetchone()["actor"].lower() == "boss@example.com"
