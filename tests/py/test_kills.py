"""kill -9 of workers and of the Postgres server while bookings are made and sent.

When it happens is a number of calls drawn from a seed, never a time. Afterwards nothing is lost,
nothing doubled, nothing stale.
"""

import random
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from hubspot_world import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    Database,
    World,
    command,
    eventually,
)

from glue.db import connect
from glue.drain import Drain
from glue.errors import DatabaseError
from glue.rpc import Rpc
from sandbox import postgres
from sandbox.stack import migrate

WORKERS = 3
ROUNDS = 20
NOTHING = dict.fromkeys(
    ("cs_credits", "sjmini_credits", "mock_discussion_token", "shared_mock_credits"), 0
)


def quiet(world):
    """Let workers run until nothing is due, whatever was left of leases and second sends."""
    for _ in range(ROUNDS):
        world.database.rows("delete from hubspot_sync.sync_pauses")
        world.database.let_time_pass()
        world.drain()
        if world.database.open_changes() == []:
            return
    pytest.fail(f"never quiet: {world.database.open_changes()}")


def check_equal(world):
    """HubSpot has every record once, as Postgres has it, with its links."""
    db, account = world.database, world.account
    here = db.rows("""
      select 'bookings' as kind, b.booking_id as key, b.hubspot_id,
             hubspot_sync.booking_properties(b) as properties
        from hubspot_sync.hubspot_bookings b
      union all
      select 'contacts', c.student_id, c.hubspot_id, hubspot_sync.contact_properties(c)
        from hubspot_sync.hubspot_contact_credits c
      union all
      select 'exams', e.hubspot_id, e.hubspot_id, hubspot_sync.exam_properties(e)
        from hubspot_sync.hubspot_mock_exams e
    """)
    for kind, key in ((BOOKINGS, "booking_id"), (CONTACTS, "student_id"), (EXAMS, "hs_object_id")):
        theirs = {row["properties"][key]: row for row in account.records(kind)}
        assert len(theirs) == len(account.records(kind))
        ours = {row["key"]: row for row in here if row["kind"] == kind}
        assert set(theirs) == set(ours)
        for name, row in ours.items():
            there = theirs[name]
            assert there["id"] == row["hubspot_id"]
            values = {k: v for k, v in row["properties"].items() if not k.startswith("@")}
            assert {k: there["properties"].get(k) or "" for k in values} == values
            if kind == BOOKINGS:
                links = there["associations"]
                assert links["contacts"] == [row["properties"]["@contact"]]
                assert links["mock_exams"] == [row["properties"]["@exam"]]
    assert account.duplicates() == []
    assert db.violations() == []


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_while_several_drain_lose_double_and_leave_stale_nothing(world, seed):
    chance = random.Random(seed)
    db, account = world.database, world.account
    students = [f"s{number}" for number in range(150)]
    for student in students:
        world.student(student, **NOTHING)
    exams = [world.exam(capacity=500), world.exam(mock_exam_name="Second", capacity=500)]
    world.bring_in()
    world.forget()
    # Long enough for a kill to meet requests on their way, both before and after they are applied.
    account.fault(
        {"kind": "slow_before_applying", "ms": 60, "probability": 0.5},
        {"kind": "slow", "ms": 60, "probability": 0.5},
    )
    account.calls()

    def hire():
        return subprocess.Popen(
            command("drain", "--follow"),
            env=world.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    workers = [hire() for _ in range(WORKERS)]
    booked: list[str] = []
    killed = 0
    try:
        for number, student in enumerate(students):
            booked.append(db.book(student, chance.choice(exams)))
            for _ in range(2):
                db.rows(
                    "update hubspot_sync.hubspot_bookings set attending_location = %(place)s"
                    " where booking_id = %(booking)s",
                    place=f"L{number}",
                    booking=chance.choice(booked),
                )
            if number % 15 == 14:
                calls, made = chance.randrange(1, 5), 0

                def enough(calls=calls):
                    nonlocal made
                    made += account.calls()
                    return made >= calls or db.open_changes() == []

                eventually(enough, f"{calls} calls")
                one = workers.pop(chance.randrange(len(workers)))
                one.kill()
                one.wait()
                killed += 1
                workers.append(hire())
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert killed == 10
    account.fault()
    quiet(world)
    assert set(account.properties(BOOKINGS, "booking_id")) == set(booked)
    check_equal(world)


# The server


class Server:
    """A Postgres of this test's own that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.now = postgres.start(folder)
        self.url = self.now.url
        migrate(self.url)

    def kill(self) -> None:
        """kill -9 of every process of the server at once, then a start on what it left."""
        parent = psutil.Process(self.now.child.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.now.child.process.wait()
        self.now = self.now.relaunch()


@pytest.fixture
def mortal():
    folder = Path(tempfile.mkdtemp(prefix="mortal-"))
    folder.chmod(0o755)
    server = Server(folder)
    try:
        yield server
    finally:
        server.now.child.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Calls:
    """Counts the calls of all clients and says when the next kill is due."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self._left = 0
        self.due = threading.Event()
        self.over = False
        self.again()

    def again(self) -> None:
        """Draw the number of calls until the next kill."""
        with self._lock:
            self._left = self._chance.randrange(30, 90)
            self.due.clear()

    def one(self) -> None:
        """A call begins."""
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.due.set()


def until_answered(url, calls, call):
    """Call again and again, on new connections, until the server lives to answer."""
    while True:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
                calls.one()
                return call(connection)
        except psycopg.OperationalError:
            if calls.over:
                raise


class Counting(Rpc):
    """An Rpc whose calls are counted."""

    def __init__(self, connection, calls):
        super().__init__(connection)
        self._calls = calls

    def call(self, function, **arguments):
        self._calls.one()
        return super().call(function, **arguments)


@pytest.mark.timeout(600)
def test_a_server_killed_while_it_books_claims_and_finishes_loses_nothing(server, mortal):
    account = server.new()
    world = World(account, Database(mortal.url))
    students = [f"s{number}" for number in range(120)]
    for student in students:
        world.student(student, **NOTHING)
    exam = world.exam(capacity=60)
    world.bring_in()
    calls = Calls(random.Random(7))
    answers: dict[str, str] = {}

    def book(student):
        def call(connection):
            try:
                row = connection.execute(
                    "select booking_id from api.create_booking(p_mock_exam_id => %(exam)s,"
                    " p_student_id => %(student)s, p_email => %(student)s || '@example.com',"
                    " p_idempotency_key => %(student)s)",
                    {"exam": exam, "student": student},
                ).fetchone()
            except psycopg.Error as error:
                if error.sqlstate == "MBFUL":
                    return
                if error.sqlstate in ("MBBSY", "57P01", "57P02"):
                    raise psycopg.OperationalError from error
                raise
            answers[student] = row[0]

        until_answered(mortal.url, calls, call)

    def work(_):
        while not calls.over:
            try:
                with connect(mortal.url) as connection, world.hubspot() as hubspot:
                    while not calls.over:
                        Drain(Counting(connection, calls), hubspot).run_once()
            except DatabaseError:
                continue

    killed = 0
    try:
        with ThreadPoolExecutor(6) as threads:
            workers = [threads.submit(work, number) for number in range(2)]
            bookers = [threads.submit(book, student) for student in students]
            try:
                for _ in range(4):
                    assert calls.due.wait(120), "too few calls"
                    mortal.kill()
                    killed += 1
                    calls.again()
                for booker in bookers:
                    booker.result()
            finally:
                calls.over = True
            for worker in workers:
                worker.result()
        assert killed == 4
        world.database.close()
        world.database = Database(mortal.url)
        assert len(answers) == 60
        kept = world.database.rows(
            "select student_id, booking_id from hubspot_sync.hubspot_bookings"
        )
        assert {row["student_id"]: row["booking_id"] for row in kept} == answers
        quiet(world)
        check_equal(world)
    finally:
        world.database.close()
        account.close()
