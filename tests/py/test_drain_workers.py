"""Workers that die, come late, or are many."""

import signal
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hubspot_world import BOOKINGS, EXAMS, TO_BOOKINGS, UPSERT_BOOKINGS, command, eventually

# Workers that die, and many of them


@pytest.mark.parametrize("session", ["ends with the worker", "outlives the worker"])
def test_a_worker_killed_before_its_acknowledgement_doubles_nothing(world, exam, connect, session):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Leeds'")
    holder = connect()
    holder.execute("select from hubspot_sync.hubspot_bookings for update")
    worker = subprocess.Popen(
        command("drain", "--once", "--json"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        backend = eventually(
            lambda: db.rows(
                "select a.pid from pg_catalog.pg_stat_activity a"
                " where a.datname = current_database() and a.query like '%%finish_changes%%'"
                "   and pg_catalog.pg_isolation_test_session_is_blocked(a.pid, %(holders)s)",
                holders=[holder.info.backend_pid],
            ),
            "the worker stands before its acknowledgement",
        )
        assert set(account.properties(BOOKINGS, "booking_id")) == {booking_id}
    finally:
        worker.kill()
        worker.wait()
    if session == "ends with the worker":
        db.rows("select pg_catalog.pg_terminate_backend(%(pid)s)", pid=backend[0]["pid"])
        eventually(
            lambda: (
                not db.rows(
                    "select from pg_catalog.pg_stat_activity where pid = %(pid)s",
                    pid=backend[0]["pid"],
                )
            ),
            "the worker's session is gone",
        )
    holder.rollback()
    if session == "outlives the worker":
        eventually(lambda: db.open_changes("hubspot_bookings") == [], "the session has committed")

    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Bristol'")
    db.let_time_pass()
    world.drain()
    (there,) = account.records(BOOKINGS)
    assert there["properties"]["booking_id"] == booking_id
    assert there["properties"]["attending_location"] == "Bristol"
    assert there["associations"]["mock_exams"] == [exam]
    assert db.value("select hubspot_id from hubspot_sync.hubspot_bookings") == there["id"]
    if session == "ends with the worker":
        resends = db.open_changes("hubspot_bookings")
        assert [change["operation"] for change in resends] == ["resend"]
        assert db.value(
            "select min(next_attempt_at) > now() from hubspot_sync.sync_queue where not synced"
        )
    db.let_time_pass()
    world.drain()
    assert db.open_changes() == []
    assert len(account.records(BOOKINGS)) == 1


def test_a_request_that_hubspot_applies_late_leaves_nothing_stale(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "slow_before_applying", "ms": 1500, "count": 1, "path": TO_BOOKINGS})
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(world.drain)
        eventually(
            lambda: [change for change in db.open_changes("hubspot_bookings") if change["epoch"]],
            "the late worker's claim",
        )
        db.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
        db.let_time_pass()  # and with it the late worker's lease
        assert world.drain().errors == []
        assert late.result().errors == []
    db.let_time_pass()
    world.drain()
    (there,) = account.properties(BOOKINGS, "booking_id").values()
    assert there["attendance"] == "Yes"
    assert db.open_changes() == []


def test_two_workers_at_once_lose_and_double_nothing(world):
    db, account = world.database, world.account
    students = [f"s{number}" for number in range(120)]
    for student in students:
        world.student(student)
    exam = world.exam(capacity=500)
    world.bring_in()
    world.forget()
    booked = {db.book(student, exam) for student in students}
    together = threading.Barrier(2)

    def work(_):
        together.wait()
        return world.drain()

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(work, range(2)))
    # What one worker left to the other's lease is due again at once.
    reports.append(world.drain())
    assert [report.errors for report in reports] == [[], [], []]
    assert set(account.properties(BOOKINGS, "booking_id")) == booked
    assert db.open_changes() == []
    sent = Counter(one["id"] for one in world.sent(UPSERT_BOOKINGS))
    assert set(sent.values()) == {1}
    linked = account.links(BOOKINGS, "booking_id").values()
    assert all(one["mock_exams"] == [exam] and len(one["contacts"]) == 1 for one in linked)
    (there,) = account.records(EXAMS)
    assert there["properties"]["total_bookings"] == "120"


def test_following_sends_a_new_booking_and_ends_with_0_on_sigterm(world, exam):
    db, account = world.database, world.account
    worker = subprocess.Popen(
        command("drain", "--follow"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = db.book("ann", exam)
        eventually(
            lambda: set(account.properties(BOOKINGS, "booking_id")) == {first}, "the first booking"
        )
        second = db.book("ben", exam)
        eventually(
            lambda: set(account.properties(BOOKINGS, "booking_id")) == {first, second},
            "the second booking",
        )
        eventually(lambda: db.open_changes() == [], "every acknowledgement")
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert errors == ""


def test_following_tells_why_something_was_not_sent(world, exam):
    db = world.database
    world.account.fault({"kind": "unavailable"})
    db.book("ann", exam)
    worker = subprocess.Popen(
        command("drain", "--follow"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(
            lambda: db.rows(
                "select 1 from hubspot_sync.sync_queue where table_name = 'hubspot_bookings'"
                " and last_error is not null"
            ),
            "a failure",
        )
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert "HubSpot answered 5" in errors


def test_following_survives_a_database_that_comes_and_goes(world, exam):
    db, account = world.database, world.account
    worker = subprocess.Popen(
        command("drain", "--follow"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        account.fault({"kind": "slow_before_applying", "ms": 300})
        db.book("ann", exam)
        eventually(
            lambda: db.rows(
                "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
                "   and query like '%%claim_changes%%'"
            ),
            "a session of the worker",
        )
        account.fault()
        booking_id = db.book("ben", exam)
        eventually(
            lambda: booking_id in account.properties(BOOKINGS, "booking_id"), "the worker is back"
        )
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert "Traceback" not in errors
