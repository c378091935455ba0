"""At a million bookings no call reads a large table from end to end, nor more than it must.

Rows and pages are counted, never time. Each call is looked at three times: as a session's first,
as its eighth, when Postgres may have changed to plans made without the values, and with such
plans forced.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import psycopg
import pytest
from plans import Watcher, Work

from bench import history

# Filling takes a minute, on a busy machine three.
pytestmark = pytest.mark.timeout(900)

LARGE = {
    "hubspot_bookings",
    "hubspot_contact_credits",
    "credit_ledger",
    "supabase_audit_log",
    "sync_queue",
    "hubspot_mock_exams",
}


class Call(NamedTuple):
    """A statement, and the most rows and pages of 8 kB it may look at."""

    statement: str
    rows: int
    pages: int


ONE = {"rows": 10, "pages": 100}
# A student's bookings: some dozens. Once to count, once to show.
STUDENT = {"rows": 200, "pages": 300}
# A change writes the booking, the contact, the ledger, the log, the outbox and the counter.
CHANGE = {"rows": 100, "pages": 1000}

CALLS = {
    "get_booking by id": Call("select api.get_booking(p_id => %(id)s)", **ONE),
    "get_booking by HubSpot id": Call(
        "select api.get_booking(p_hubspot_id => %(hubspot_id)s)", **ONE
    ),
    "get_booking": Call("select api.get_booking(p_booking_id => %(booking_id)s)", **ONE),
    "check_idempotency_key": Call("select api.check_idempotency_key(%(key)s)", **ONE),
    "get_contact_credits": Call("select api.get_contact_credits(%(student)s, %(email)s)", **ONE),
    "get_contact_credits by id": Call("select api.get_contact_credits(p_id => %(contact)s)", **ONE),
    "get_contact_credits by HubSpot id": Call(
        "select api.get_contact_credits(p_hubspot_id => %(contact_hubspot_id)s)", **ONE
    ),
    "check_credits": Call(
        "select api.check_credits('Clinical Skills', %(student)s, %(email)s)", **ONE
    ),
    "get_exam": Call("select api.get_exam(%(exam)s)", **ONE),
    "list_contact_bookings": Call(
        "select api.list_contact_bookings(%(student)s, %(email)s)", **STUDENT
    ),
    "list_contact_bookings by status": Call(
        "select api.list_contact_bookings(%(student)s, %(email)s, p_status => 'Active')", **STUDENT
    ),
    "list_contact_bookings of the busiest student": Call(
        "select api.list_contact_bookings(%(busy_student)s, %(busy_email)s)", rows=2000, pages=2000
    ),
    "list_available_exams": Call(
        # Every exam's counter, and of the exams those ahead.
        "select count(*) from api.list_available_exams()", rows=2000, pages=2000
    ),
    "list_available_exams of a type": Call(
        "select count(*) from api.list_available_exams('Mini-mock')", rows=2000, pages=2000
    ),
    "create_booking": Call(
        "select api.create_booking(%(open_exam)s, %(payer)s, %(payer_email)s, 'a new key')",
        **CHANGE,
    ),
    "cancel_booking": Call("select api.cancel_booking(%(booking_id)s)", **CHANGE),
    "move_booking": Call("select api.move_booking(%(booking_id)s, %(other_exam)s)", **CHANGE),
    "grant_credits": Call(
        "select api.grant_credits(%(student)s, %(email)s, 'sj_credits', 1, 'bought', 'key 2')",
        **CHANGE,
    ),
    "mark_attendance": Call(
        "select api.mark_attendance(%(past_booking_id)s, 'No')", **CHANGE
    ),
    "claim_changes": Call(
        # Of a hundred records.
        "select count(*) from hubspot_sync.claim_changes('hubspot_bookings', 100)",
        rows=1000,
        pages=5000,
    ),
    "store_events": Call(
        """
        select hubspot_sync.store_events(
                 jsonb_agg(jsonb_build_object(
                   'eventId', n, 'subscriptionType', 'object.propertyChange',
                   'objectTypeId', '2-1', 'objectId', 900000000 + n, 'propertyName', 'attendance',
                   'propertyValue', 'Yes', 'occurredAt', n)), '{"2-1": "hubspot_bookings"}')
          from generate_series(1, 100) n
        """,
        rows=1000,
        pages=10000,
    ),
    "complete_past_bookings": Call(
        # About a hundred.
        "select api.complete_past_bookings()", rows=1000, pages=10000
    ),
}  # fmt: skip

JIT_ABOVE_COST = 100_000  # as Postgres has it unless told otherwise

FILTERS = {
    "p_exam_date_from": "current_date - 7",
    "p_exam_date_to": "current_date + 7",
    "p_mock_type": "'Mini-mock'",
    "p_status": "'Active'",
    "p_mock_exam_id": "%(exam)s",
    "p_student_id": "%(student)s",
    "p_email": "%(email)s",
}
CHOICES = [chosen for size in range(8) for chosen in combinations(FILTERS, size)]
# Pages: in an index 10,000 bookings counted, and at most every active one sorted. The table has
# 60,000.
LISTED = 5000


@pytest.fixture(scope="module")
def million(databases, migrated) -> Iterator[str]:
    """The URL of a database with a million bookings."""
    with databases.new(migrated.template_dbname) as database:
        url = databases.url(database.dbname)
        with psycopg.connect(url) as connection:
            superuser = "select rolsuper from pg_roles where rolname = current_user"
            if connection.execute(superuser).fetchone() != (True,):
                pytest.skip("the role of DATABASE_URL is no superuser, so it cannot watch plans")
        history.fill(url, 1_000_000)
        yield url


@pytest.fixture(scope="module")
def values(million) -> dict[str, Any]:
    """A booking that is ahead, and who and what else the calls speak of."""
    with psycopg.connect(million) as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        booked = cursor.execute(
            """
            select b.id, b.hubspot_id, b.booking_id, b.idempotency_key as key,
                   b.student_id as student, b.student_email as email, b.contact,
                   b.contact_id as contact_hubspot_id, b.mock_exam_id as exam, b.mock_type
              from hubspot_sync.hubspot_bookings b
             where b.is_active = 'Active' and b.exam_date > now() + interval '20 days'
               and b.idempotency_key is not null and b.hubspot_id is not null
             order by b.booking_id
             limit 1
            """
        ).fetchone()
        free = """
            select e.hubspot_id as {name}
              from hubspot_sync.hubspot_mock_exams e
              join hubspot_sync.exam_seats s on s.exam = e.id
             where s.is_open and s.taken < s.capacity and e.mock_type = %(mock_type)s
               and e.starts_at > now() + interval '150 days'
               and not exists (select from hubspot_sync.hubspot_bookings b
                                where b.mock_exam_id = e.hubspot_id
                                  and b.student_id = %(student)s)
             order by e.starts_at
             limit 1
        """
        booked |= cursor.execute(free.format(name="other_exam"), booked).fetchone()
        booked |= cursor.execute(
            """
            select %(other_exam)s as open_exam, c.student_id as payer, c.email as payer_email
              from hubspot_sync.hubspot_contact_credits c
             where least(c.sj_credits, c.cs_credits, c.sjmini_credits, c.mock_discussion_token) > 0
               and not exists (select from hubspot_sync.hubspot_bookings b
                                where b.mock_exam_id = %(other_exam)s
                                  and b.student_id = c.student_id)
             order by c.student_id
             limit 1
            """,
            booked,
        ).fetchone()
        booked |= cursor.execute(
            """
            select b.student_id as busy_student, b.student_email as busy_email,
                   min(b.booking_id) filter (where b.is_active = 'Completed') as past_booking_id
              from hubspot_sync.hubspot_bookings b
             group by b.student_id, b.student_email
             order by count(*) desc
             limit 1
            """
        ).fetchone()
    return booked


@pytest.fixture(scope="module")
def sessions(million) -> Iterator[dict[str, Watcher]]:
    """Two watched sessions: one plans as Postgres likes, one without looking at values."""
    with psycopg.connect(million) as usual, psycopg.connect(million) as generic:
        yield {"usual": Watcher(usual), "generic": Watcher(generic, generic=True)}


def looks(sessions: dict[str, Watcher], statement: str, values: dict[str, Any]) -> list[Work]:
    """What the first and the eighth call of a session do, and the second with generic plans."""
    usual = [sessions["usual"].watch(statement, values) for _ in range(8)]
    generic = [sessions["generic"].watch(statement, values) for _ in range(2)]
    return [usual[0], usual[7], generic[1]]


def whole(work: Work) -> list[str]:
    """The large tables that were read from end to end."""
    return sorted({scan.relation for scan in work.scans if scan.whole} & LARGE)


def test_the_million_breaks_no_invariant(million):
    with psycopg.connect(million) as connection:
        broken = "select name, sample from api.verify() where violations > 0"
        assert connection.execute(broken).fetchall() == []
        counted = "select count(*) from hubspot_sync.hubspot_bookings"
        assert connection.execute(counted).fetchone()[0] >= 1_000_000


def test_the_watcher_sees_the_statements_inside_functions(sessions):
    """Else the guards would guard nothing."""
    inside = """
        create function pg_temp.count_all() returns bigint language plpgsql as $$
        begin
          return (select count(b.student_name) from hubspot_sync.hubspot_bookings b);
        end;
        $$;
        select pg_temp.count_all()
    """
    work = sessions["generic"].watch(inside, {})
    assert whole(work) == ["hubspot_bookings"]
    assert work.rows >= 1_000_000
    assert work.pages > 10_000


@pytest.mark.parametrize("name", CALLS)
def test_a_call_reads_no_large_table_whole_and_few_rows(sessions, values, name):
    call = CALLS[name]
    first, *later = looks(sessions, call.statement, values)
    for work in (first, *later):
        assert whole(work) == [], work.scans
        read = [scan for scan in work.scans if scan.relation in LARGE]
        assert sum(scan.rows for scan in read) <= call.rows, read
        # What seems dearer Postgres compiles first, anew for every call, for half a second.
        assert work.cost < JIT_ABOVE_COST
    # The first call of a session also reads the catalogue.
    assert max(work.pages for work in later) <= call.pages, later


def test_available_exams_are_found_by_their_start(sessions, values):
    call = CALLS["list_available_exams"]
    for work in looks(sessions, call.statement, values):
        indexes = {s.index for s in work.scans if s.relation == "hubspot_mock_exams"}
        assert indexes == {"idx_exams_starts_at"}


@pytest.mark.parametrize(
    "chosen", CHOICES, ids=lambda chosen: "+".join(n.removeprefix("p_") for n in chosen) or "none"
)
def test_a_list_of_bookings_reads_few_pages_whatever_the_filters(sessions, values, chosen):
    given = ", ".join(f"{name} => {FILTERS[name]}" for name in chosen)
    # The statement is made anew each time, so there are no generic plans to look at.
    work = sessions["usual"].watch(f"select api.list_bookings({given})", values)
    assert whole(work) == [], work.scans
    assert work.pages <= LISTED, work.scans


def test_a_week_of_any_year_costs_the_same(sessions):
    """Bookings of an old week lie far down the list of all."""
    week = "select api.list_bookings(current_date - %(days)s - 6, current_date - %(days)s)"
    for days in range(0, 1090, 40):
        work = sessions["usual"].watch(week, {"days": days})
        assert work.rows <= 20_000, (days, work.scans)
