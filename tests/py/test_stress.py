"""Many connections at once, with seeded chance: whatever happens, nothing may be broken after.

The number of operations is fixed, never the time; no answer is expected in any order.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg.rows import dict_row

PATIENCE = 120.0
SJ = "Situational Judgment"
CS = "Clinical Skills"

BOOK = """
  select *
    from api.create_booking(
      p_mock_exam_id => %(exam)s, p_student_id => %(student)s,
      p_email => %(student)s || '@example.com', p_idempotency_key => %(key)s)
"""
CANCEL = "select * from api.cancel_booking(p_booking_id => %(booking_id)s)"


@dataclass
class Seen:
    """What one connection was told."""

    booked: list[dict] = field(default_factory=list)
    replayed: list[dict] = field(default_factory=list)
    cancelled: list[dict] = field(default_factory=list)
    refused: Counter = field(default_factory=Counter)


def add_exams(connection, exams):
    """Open exams: (HubSpot id, mock type, days from now, capacity)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into hubspot_sync.hubspot_mock_exams"
            " (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)"
            " values (%s, %s, current_date + %s::integer, '10:00', %s, 'true')",
            exams,
        )


def add_students(connection, students, *, credits):
    """Contacts with so many credits of each kind the exams need."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into hubspot_sync.hubspot_contact_credits"
            " (hubspot_id, student_id, email, sj_credits, cs_credits, shared_mock_credits)"
            " values ('C-' || %(s)s, %(s)s, %(s)s || '@example.com', %(n)s, %(n)s, 1)",
            [{"s": student, "n": credits} for student in students],
        )


def ask(connection, statement, **arguments):
    """The row a function answered, or the SQLSTATE with which it refused."""
    try:
        return connection.execute(statement, arguments).fetchone()
    except psycopg.Error as error:
        return error.sqlstate or repr(error)


def at_once(url, workers):
    """Run functions at the same moment, each with a connection of its own; their results."""
    together = threading.Barrier(len(workers))

    def run(worker):
        try:
            connection = psycopg.connect(
                url, autocommit=True, row_factory=dict_row, prepare_threshold=None
            )
        except psycopg.Error:
            together.abort()
            raise
        with connection:
            together.wait(PATIENCE)
            return worker(connection)

    with ThreadPoolExecutor(len(workers)) as threads:
        return [future.result() for future in [threads.submit(run, w) for w in workers]]


def deadlocks(connection, url):
    """How many deadlocks Postgres has counted, once all others have left the database."""
    deadline = time.monotonic() + PATIENCE
    left = threading.Event()
    while connection.execute(
        "select count(*) as n from pg_catalog.pg_stat_activity"
        " where datname = current_database() and backend_type = 'client backend'"
        "   and pid <> pg_backend_pid()"
    ).fetchone()["n"]:
        assert time.monotonic() < deadline, "connections stayed open"
        left.wait(0.02)
    with psycopg.connect(url) as fresh:
        (count,) = fresh.execute(
            "select deadlocks from pg_catalog.pg_stat_database where datname = current_database()"
        ).fetchone()
    return count


@pytest.fixture
def admin(connect):
    return connect(autocommit=True, row_factory=dict_row)


@pytest.fixture
def need_connections(admin):
    """Skip where the server does not take so many connections."""

    def need(count):
        most = int(admin.execute("show max_connections").fetchone()["max_connections"])
        if most < count + 20:
            pytest.skip(f"the server takes only {most} connections, {count} are needed")

    return need


@pytest.mark.parametrize("seed", [1, 2])
def test_random_bookings_and_cancellations_of_shared_students_break_nothing(
    admin, database_url, need_connections, seed
):
    connections, operations = 45, 40
    need_connections(connections)
    exams = [(f"E{n}", SJ if n % 2 else CS, 20 + n // 3, 2 + n % 4) for n in range(8)]
    students = [f"S{n}" for n in range(24)]
    add_exams(admin, exams)
    add_students(admin, students, credits=1)
    known: list[str] = []  # booking ids, shared by all connections

    def worker(number):
        chance = random.Random(f"{seed} {number}")

        def work(connection):
            seen = Seen()
            for step in range(operations):
                if known and chance.random() < 0.4:
                    booking_id = chance.choice(known[-12:])
                    answer = ask(connection, CANCEL, booking_id=booking_id)
                    told = seen.cancelled
                else:
                    student, exam = chance.choice(students), chance.choice(exams)[0]
                    of_others = f"K{chance.randrange(40)}"
                    key = chance.choice((None, None, f"{number}-{step}", of_others))
                    answer = ask(connection, BOOK, exam=exam, student=student, key=key)
                    told = seen.booked
                if isinstance(answer, str):
                    seen.refused[answer] += 1
                elif answer["replayed"]:
                    seen.replayed.append(answer)
                else:
                    told.append(answer)
                    known.append(answer["booking_id"])
            return seen

        return work

    told = at_once(database_url, [worker(number) for number in range(connections)])

    assert deadlocks(admin, database_url) == 0
    refusals = sum((seen.refused for seen in told), Counter())
    assert all(code.startswith("MB") for code in refusals), refusals
    booked = [answer["id"] for seen in told for answer in seen.booked]
    cancelled = [answer["id"] for seen in told for answer in seen.cancelled]
    assert booked
    assert cancelled
    assert len(set(booked)) == len(booked)
    assert len(set(cancelled)) == len(cancelled)
    rows = admin.execute("select id, is_active from hubspot_sync.hubspot_bookings").fetchall()
    assert {row["id"] for row in rows} == set(booked)
    assert {row["id"] for row in rows if row["is_active"] == "Cancelled"} == set(cancelled)
    assert {answer["id"] for seen in told for answer in seen.replayed} <= set(booked)
    overbooked = admin.execute(
        "select e.hubspot_id, e.capacity, count(*) as active"
        "  from hubspot_sync.hubspot_bookings b"
        "  join hubspot_sync.hubspot_mock_exams e on e.id = b.exam"
        " where b.is_active = 'Active'"
        " group by e.id having count(*) > e.capacity"
    ).fetchall()
    assert overbooked == []
    assert admin.execute("select * from api.verify() where violations > 0").fetchall() == []


def test_of_250_connections_at_one_exam_of_40_seats_exactly_40_book(
    admin, database_url, need_connections
):
    connections, seats = 250, 40
    need_connections(connections)
    add_exams(admin, [("E1", SJ, 30, seats)])
    add_students(admin, [f"S{n}" for n in range(connections)], credits=1)

    def worker(number):
        def work(connection):
            # Under a jam the answer is «send the same request again», and so this does.
            while (answer := ask(connection, BOOK, exam="E1", student=f"S{number}", key=None)) == (
                "MBBSY"
            ):
                pass
            return answer

        return work

    answers = at_once(database_url, [worker(number) for number in range(connections)])

    refusals = Counter(answer for answer in answers if isinstance(answer, str))
    assert refusals == {"MBFUL": connections - seats}
    booked = {answer["student_id"] for answer in answers if not isinstance(answer, str)}
    rows = admin.execute(
        "select student_id, is_active from hubspot_sync.hubspot_bookings"
    ).fetchall()
    assert sorted((row["student_id"], row["is_active"]) for row in rows) == sorted(
        (student, "Active") for student in booked
    )
    assert len(booked) == seats
    spent = admin.execute(
        "select student_id from hubspot_sync.hubspot_contact_credits where sj_credits = 0"
    ).fetchall()
    assert {row["student_id"] for row in spent} == booked
    assert deadlocks(admin, database_url) == 0
    assert admin.execute("select * from api.verify() where violations > 0").fetchall() == []


def test_twenty_retries_of_one_request_at_once_book_once(admin, database_url, need_connections):
    need_connections(20)
    add_exams(admin, [("E1", SJ, 30, 1)])
    add_students(admin, ["S1"], credits=1)

    def work(connection):
        return ask(connection, BOOK, exam="E1", student="S1", key="the-one")

    answers = at_once(database_url, [work] * 20)

    assert not [answer for answer in answers if isinstance(answer, str)]
    assert len({answer["id"] for answer in answers}) == 1
    assert Counter(answer["replayed"] for answer in answers) == {False: 1, True: 19}
    assert admin.execute("select * from api.verify() where violations > 0").fetchall() == []
