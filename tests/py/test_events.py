"""The bus of booking events, against a real Valkey and a real Postgres.

Whatever dies or comes back older, in the end the stream holds what the log holds: each event once,
in order.
"""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
import redis
from hubspot_world import command, environment, glue, glue_here

from glue import events
from glue.db import connect as glue_connect
from glue.errors import BusDiverged, BusUnavailable, Refused
from glue.rpc import Rpc
from glue.stream import DEAD, POSITIONS, STREAM, Stream
from sandbox import valkey
from sandbox.children import Child, free_port

STUDENTS = 12


class Bus:
    """A Valkey that can be stopped and come back with what it had, with less, or with nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "valkey.conf"
        port = free_port()
        self._config.write_text(f'port {port}\nbind 127.0.0.1\nsave ""\ndir {folder}\n')
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        self.start()

    def start(self) -> None:
        self._child = Child("valkey", [valkey.binary(), self._config], self._folder)
        self._child.wait_until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return self.client.ping()
        return False

    def stop(self) -> None:
        """As a crash: whatever was not saved is gone."""
        self._child.process.kill()
        self._child.process.wait()
        self.client.connection_pool.disconnect()

    def lose(self) -> None:
        """Comes back empty."""
        self.stop()
        (self._folder / "dump.rdb").unlink(missing_ok=True)
        self.start()

    def save(self) -> None:
        """What it has now is what `fall_back` comes back with."""
        self.client.save()

    def fall_back(self) -> None:
        self.stop()
        self.start()


@pytest.fixture
def bus(tmp_path):
    bus = Bus(tmp_path)
    yield bus
    bus.stop()


@pytest.fixture
def stream(bus):
    with Stream(bus.url) as stream:
        yield stream


@pytest.fixture
def db(connect):
    """A connection of an app, with students who can pay and an exam for each of them."""
    connection = connect(autocommit=True)
    connection.execute(
        "insert into hubspot_sync.hubspot_mock_exams"
        " (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)"
        " select 'E-' || i, 'Mini-mock', current_date + 30, '09:00', 9, 'true'"
        "  from generate_series(0, %s) i",
        [STUDENTS],
    )
    connection.execute(
        "insert into hubspot_sync.hubspot_contact_credits"
        " (hubspot_id, student_id, email, sjmini_credits)"
        " select 'C-' || i, 'S-' || i, 's' || i || '@example.com', 9"
        "  from generate_series(0, %s) i",
        [STUDENTS],
    )
    return connection


@pytest.fixture
def rpc(db, database_url):
    with glue_connect(database_url) as connection:
        yield Rpc(connection)


@pytest.fixture
def env(database_url, bus):
    return environment(DATABASE_URL=database_url, REDIS_URL=bus.url)


def book(db, student):
    """One event; the booking's id. Each student has an exam of their own: nobody waits."""
    return db.execute(
        "select booking_id from api.create_booking(%s, %s, %s)",
        [f"E-{student}", f"S-{student}", f"s{student}@example.com"],
    ).fetchone()[0]


def happen(db, count):
    """So many events of one booking."""
    db.execute("select api.upsert_contact('S-99', 'many@example.com', p_sjmini_credits => 1)")
    exists = db.execute(
        "select booking_id from hubspot_sync.hubspot_bookings where student_id = 'S-99'"
    ).fetchone()
    if not exists:
        db.execute("select api.create_booking('E-1', 'S-99', 'many@example.com')")
        count -= 1
    for _ in range(count):
        db.execute(
            "update hubspot_sync.hubspot_bookings"
            "   set attending_location = coalesce(attending_location::int, 0) + 1"
            " where student_id = 'S-99'"
        )


def log(db):
    """The log: position, type, the booking's id."""
    return db.execute(
        "select sequence_number, event_type, event_data ->> 'booking_id'"
        "  from hubspot_sync.event_log order by sequence_number"
    ).fetchall()


def entries(bus):
    """The stream as the log should be; every payload must tell the same as its entry."""
    found = []
    for id, fields in bus.client.xrange(STREAM):
        payload = json.loads(fields["payload"])
        position, zero = id.split("-")
        assert zero == "0"
        assert set(fields) == {"event_type", "booking_id", "payload"}
        assert payload["sequence_number"] == int(position)
        assert payload["event_type"] == fields["event_type"]
        assert payload["booking_id"] == fields["booking_id"]
        found.append((int(position), fields["event_type"], fields["booking_id"]))
    return found


def happened(db):
    """What the audit log tells of bookings, in a word each: all that must be in the log."""
    return db.execute(
        "select count(*) from hubspot_sync.supabase_audit_log where event_type is not null"
    ).fetchone()[0]


def all_is_logged(db):
    """Every committed event has one position, and the positions have no gap."""
    positions = [row[0] for row in log(db)]
    assert positions == list(range(1, happened(db) + 1))
    assert db.execute("select name from api.verify() where violations > 0").fetchall() == []


def all_is_there(bus, db):
    """The end of every story: the stream is the log."""
    all_is_logged(db)
    assert entries(bus) == log(db)


def publish(rpc, stream):
    return events.Publisher(rpc, stream).run_once()


def consumer(rpc, stream, handle, **options):
    options = {"from_start": True, "retry": 0.0} | options
    return events.Consumer(rpc, stream, "mailer", handle, **options)


class Seen(list):
    """A handler that remembers positions, and fails at those it is told to."""

    def __init__(self, poison=()):
        self.poison = set(poison)

    def __call__(self, event, alive):
        position = event["payload"]["sequence_number"]
        self.append(position)
        return "it is poison" if position in self.poison else None


# The log


def test_what_commits_late_comes_late_and_is_not_missed(connect, db, rpc):
    late, early = connect(), connect()
    first, second = book(late, 1), book(early, 2)
    assert rpc.append_events(100) == 0
    early.commit()
    assert rpc.append_events(100) == 1
    assert rpc.append_events(100) == 0
    late.commit()
    assert rpc.append_events(100) == 1
    assert [row[2] for row in log(db)] == [second, first]
    all_is_logged(db)


def test_what_was_rolled_back_never_appears(connect, db, rpc):
    gone, kept = connect(), connect()
    book(gone, 1)
    with kept.transaction():
        with kept.transaction(force_rollback=True):
            book(kept, 2)
        book(kept, 3)
    gone.rollback()
    kept.commit()
    assert rpc.append_events(100) == 1
    assert happened(db) == 1
    all_is_logged(db)


def test_a_writer_that_stays_open_holds_up_nothing_but_its_own_event(connect, db, rpc):
    slow = connect()
    book(slow, 1)
    for student in range(2, 8):
        book(db, student)
        assert rpc.append_events(100) == 1
    slow.commit()
    assert rpc.append_events(100) == 1
    all_is_logged(db)


def test_a_prepared_transaction_has_its_event_when_it_commits(connect, db, rpc):
    if db.execute("show max_prepared_transactions").fetchone() == ("0",):
        pytest.skip("this server takes no prepared transactions")
    prepared = connect()
    prepared.tpc_begin("booking")
    book(prepared, 1)
    assert rpc.append_events(100) == 0  # the writer is known by its session
    prepared.tpc_prepare()
    book(db, 2)
    for _ in range(3):
        rpc.append_events(100)
    prepared.tpc_commit()
    assert rpc.append_events(100) == 1
    all_is_logged(db)


@pytest.mark.parametrize("seed", range(8))
def test_in_whatever_order_transactions_end_each_event_gets_one_position(connect, db, rpc, seed):
    chance = random.Random(seed)
    sessions = {connect(): set() for _ in range(4)}  # whom each has booked, not yet committed
    free = set(range(STUDENTS))
    for _ in range(120):
        session = chance.choice(list(sessions))
        booked = sessions[session]
        step = chance.choice(["book", "book", "commit", "rollback", "tick", "tick one"])
        if step == "book" and free:
            student = chance.choice(sorted(free))
            book(session, student)
            free.discard(student)
            booked.add(student)
        elif step == "commit":
            session.commit()
            booked.clear()
        elif step == "rollback":
            session.rollback()
            free |= booked
            booked.clear()
        else:
            # Everything committed is logged, whoever is still at it.
            while rpc.append_events(1 if step == "tick one" else 50):
                pass
            assert [row[0] for row in log(db)] == list(range(1, happened(db) + 1))
    for session in sessions:
        session.commit()
    rpc.append_events(1000)
    all_is_logged(db)


def test_many_tickers_and_writers_at_once_give_each_event_one_position(connect, db, database_url):
    stop, failures = threading.Event(), []

    def tick():
        with glue_connect(database_url) as connection:
            while not stop.is_set():
                Rpc(connection).append_events(3)

    def write(connection, student):
        book(connection, student)
        for place in range(20):
            connection.execute(
                "update hubspot_sync.hubspot_bookings set attending_location = %s"
                " where student_id = %s",
                [str(place), f"S-{student}"],
            )

    def guarded(function, *arguments):
        def run():
            try:
                function(*arguments)
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    tickers = [guarded(tick) for _ in range(3)]
    writers = [guarded(write, connect(autocommit=True), student) for student in range(4)]
    for thread in writers:
        thread.join()
    stop.set()
    for thread in tickers:
        thread.join()
    assert failures == []
    with glue_connect(database_url) as connection:
        while Rpc(connection).append_events(100):
            pass
    assert happened(db) == 84
    all_is_logged(db)


def test_a_snapshot_older_than_the_look_is_refused(connect):
    connection = connect()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("select hubspot_sync.append_events()")
    assert refused.value.sqlstate == "MBISO"


def test_bookings_that_were_there_before_begin_with_their_next_change(db, rpc):
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute(
            "insert into hubspot_sync.hubspot_bookings"
            " (booking_id, mock_exam_id, student_id, student_email, is_active)"
            " values ('OLD', 'E-9', 'S-old', 'old@example.com', 'Active')"
        )
    assert rpc.append_events(10) == 0
    db.execute("update hubspot_sync.hubspot_bookings set attending_location = 'Lab'")
    assert rpc.append_events(10) == 1
    assert log(db) == [(1, "modified", "OLD")]


# The publisher


def test_the_stream_holds_the_log(bus, stream, db, rpc):
    assert publish(rpc, stream) == events.Published(0, 0)
    booking = book(db, 1)
    book(db, 2)
    db.execute("select api.cancel_booking(%s)", [booking])
    assert publish(rpc, stream) == events.Published(3, 3)
    assert publish(rpc, stream) == events.Published(0, 0)
    assert [entry[1] for entry in entries(bus)] == ["created", "created", "cancelled"]
    all_is_there(bus, db)


def test_more_than_a_batch_is_published_in_one_run(bus, stream, db, rpc, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 7)
    happen(db, 30)
    assert publish(rpc, stream) == events.Published(30, 30)
    all_is_there(bus, db)


def test_publishers_at_once_double_nothing(bus, db, database_url, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 5)
    happen(db, 60)
    gate, failures = threading.Barrier(4), []

    def run():
        try:
            with Stream(bus.url) as stream, glue_connect(database_url) as connection:
                gate.wait()
                publish(Rpc(connection), stream)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    all_is_there(bus, db)


def test_a_publisher_killed_at_any_moment_is_replaced_by_the_next(bus, stream, db, rpc, env):
    chance = random.Random(4)
    for _ in range(6):
        publishers = [
            subprocess.Popen(
                command("events", "publish", "--follow"), env=env, stdout=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        # Once they are at work: kill them in the middle of it.
        before = len(log(db))
        happen(db, 5)
        while len(log(db)) == before:
            time.sleep(0.01)
        happen(db, chance.randrange(30))
        for publisher in publishers:
            publisher.kill()
            publisher.wait()
    publish(rpc, stream)
    all_is_there(bus, db)


class Dying:
    """A Redis that is gone before or after the so-manyth script, as the publisher sees it."""

    def __init__(self, client, number, after):
        self._client, self._left, self._after = client, number, after

    def __getattr__(self, name):
        return getattr(self._client, name)

    def eval(self, *arguments):
        self._left -= 1
        if self._left == 0 and not self._after:
            raise redis.ConnectionError("gone before")
        answer = self._client.eval(*arguments)
        if self._left == 0:
            raise redis.ConnectionError("gone after")
        return answer


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unanswered"])
def test_an_answer_of_redis_that_is_lost_doubles_nothing(
    bus, stream, db, rpc, monkeypatch, number, after
):
    monkeypatch.setattr(events, "BATCH", 6)
    happen(db, 24)
    whole = stream._redis
    stream._redis = Dying(whole, number, after)
    with pytest.raises(BusUnavailable):
        publish(rpc, stream)
    stream._redis = whole
    assert len(entries(bus)) == 6 * (number - 1 + after)
    publish(rpc, stream)
    all_is_there(bus, db)


def test_a_redis_that_lost_its_newest_entries_gets_them_again(bus, stream, db, rpc):
    happen(db, 5)
    publish(rpc, stream)
    bus.save()
    happen(db, 5)
    publish(rpc, stream)
    bus.fall_back()
    assert len(entries(bus)) == 5
    assert publish(rpc, stream).published == 5
    all_is_there(bus, db)


def test_an_empty_redis_is_filled_again(bus, stream, db, rpc):
    happen(db, 5)
    publish(rpc, stream)
    bus.lose()
    assert publish(rpc, stream) == events.Published(0, 5)
    all_is_there(bus, db)


def test_a_stream_deleted_between_two_batches_is_filled_from_the_start(
    bus, stream, db, rpc, monkeypatch
):
    monkeypatch.setattr(events, "BATCH", 5)
    happen(db, 20)
    append, batches = stream.append, []

    def append_then_lose(*arguments):
        batches.append(arguments)
        if len(batches) == 3:
            bus.client.delete(STREAM)
        return append(*arguments)

    monkeypatch.setattr(stream, "append", append_then_lose)
    publish(rpc, stream)
    all_is_there(bus, db)


def test_the_stream_keeps_the_newest_and_the_log_keeps_all(bus, stream, db, rpc):
    db.execute("update hubspot_sync.settings set value = '100' where key = 'stream_length'")
    happen(db, 450)
    publish(rpc, stream)
    happen(db, 10)
    publish(rpc, stream)
    kept = entries(bus)
    assert 100 <= len(kept) < 300  # Redis trims whole nodes, of a hundred entries each
    assert kept == log(db)[-len(kept) :]
    all_is_logged(db)
    bus.lose()
    publish(rpc, stream)
    assert entries(bus) == log(db)[-100:]


def test_entries_that_somebody_trimmed_away_do_not_stop_the_publisher(bus, stream, db, rpc):
    happen(db, 5)
    publish(rpc, stream)
    bus.client.xtrim(STREAM, maxlen=0)
    assert publish(rpc, stream).published == 0
    happen(db, 2)
    publish(rpc, stream)
    assert entries(bus) == log(db)[5:]


def set_back(db, position):
    """The database as it was when the log ended at a position, as a backup brings it back."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        audit = "select audit_id from hubspot_sync.event_log where sequence_number > %s"
        db.execute(f"delete from hubspot_sync.supabase_audit_log where id in ({audit})", [position])
        db.execute("delete from hubspot_sync.event_log where sequence_number > %s", [position])
        db.execute("delete from hubspot_sync.sync_status")
        db.execute(
            "update hubspot_sync.event_groups set position = least(position, %s)", [position]
        )


def test_a_database_that_was_set_back_is_noticed_and_the_stream_can_be_rebuilt(
    bus, stream, db, rpc, env
):
    happen(db, 9)
    publish(rpc, stream)
    set_back(db, 4)
    done = glue("events", "publish", "--once", env=env)
    assert done.returncode == 1
    assert "ends at 9-0, the log in Postgres at 4" in done.stderr
    assert "--rebuild" in done.stderr
    assert glue("events", "publish", "--follow", env=env).returncode == 1
    assert len(entries(bus)) == 9
    assert glue_here("events", "publish", "--once", "--rebuild", env=env).returncode == 0
    all_is_there(bus, db)


def test_it_is_noticed_too_when_the_log_has_overtaken_the_stream_since(bus, stream, db, rpc):
    happen(db, 9)
    publish(rpc, stream)
    set_back(db, 4)
    db.execute("select pg_sleep(0.01)")
    happen(db, 8)
    with pytest.raises(BusDiverged, match="another event at 9-0"):
        publish(rpc, stream)


def test_an_entry_that_somebody_else_added_is_noticed(bus, stream, db, rpc):
    happen(db, 3)
    publish(rpc, stream)
    bus.client.xadd(STREAM, {"what": "ever"})
    happen(db, 1)
    with pytest.raises(BusDiverged, match="somebody else"):
        publish(rpc, stream)
    with pytest.raises(BusDiverged):
        consumer(rpc, stream, Seen()).run_once()


# Consumers


def test_a_group_gets_every_event_once_in_order(stream, db, rpc):
    happen(db, 6)
    publish(rpc, stream)
    seen = Seen()
    assert consumer(rpc, stream, seen).run_once().done == 6
    assert consumer(rpc, stream, seen).run_once().done == 0
    happen(db, 2)
    publish(rpc, stream)
    assert consumer(rpc, stream, seen).run_once().done == 2
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert stream.groups()[0]["consumers"] == 0


def test_a_new_group_begins_with_what_happens_from_now_on(stream, db, rpc):
    happen(db, 4)
    publish(rpc, stream)
    seen = Seen()
    assert consumer(rpc, stream, seen, from_start=False).run_once().done == 0
    happen(db, 2)
    publish(rpc, stream)
    consumer(rpc, stream, seen, from_start=False).run_once()
    assert seen == [5, 6]


def test_a_consumer_gets_the_event_whole(stream, db, rpc):
    booking = book(db, 1)
    publish(rpc, stream)
    got = []
    consumer(rpc, stream, lambda event, alive: got.append(event)).run_once()
    (event,) = got
    assert (event["id"], event["event_type"], event["booking_id"]) == ("1-0", "created", booking)
    assert (event["delivery"], event["group"]) == (1, "mailer")
    assert event["payload"]["new_values"]["student_id"] == "S-1"


def test_consumers_of_one_group_at_once_keep_the_order(bus, db, rpc, database_url):
    happen(db, 40)
    seen, failures, gate = Seen(), [], threading.Barrier(4)
    with Stream(bus.url) as stream:
        publish(rpc, stream)

    def run():
        try:
            with Stream(bus.url) as stream, glue_connect(database_url) as connection:
                gate.wait()
                while len(seen) < 40:
                    consumer(Rpc(connection), stream, seen).run_once()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == list(range(1, 41))


def test_an_event_that_fails_is_tried_three_times_and_then_a_dead_letter(bus, stream, db, rpc):
    happen(db, 4)
    publish(rpc, stream)
    seen = Seen(poison={2})
    report = consumer(rpc, stream, seen).run_once()
    assert seen == [1, 2, 2, 2, 3, 4]
    assert (report.done, report.failed, report.dead) == (3, 2, 1)
    ((_, letter),) = bus.client.xrange(DEAD)
    assert set(letter) == {"original_event", "error", "retry_count", "group"}
    assert json.loads(letter["original_event"])["id"] == "2-0"
    assert (letter["error"], letter["retry_count"], letter["group"]) == (
        "it is poison",
        "3",
        "mailer",
    )
    assert consumer(rpc, stream, seen).run_once() == events.Consumed()
    assert bus.client.xpending(STREAM, "mailer")["pending"] == 0


def test_what_failed_waits_and_holds_up_what_comes_after_it(stream, db, rpc):
    happen(db, 3)
    publish(rpc, stream)
    seen = Seen(poison={1})
    patient = {"retry": 50.0, "idle": 100.0}
    assert consumer(rpc, stream, seen, **patient).run_once().failed == 1
    assert consumer(rpc, stream, seen, **patient).run_once() == events.Consumed()
    assert seen == [1]
    seen.poison.clear()
    assert consumer(rpc, stream, seen, idle=0).run_once().done == 3
    assert seen == [1, 1, 2, 3]


def die(event, alive):
    raise SystemExit  # as far as the group can see, the consumer is gone


def test_a_consumer_that_dies_at_an_event_leaves_it_to_the_next(stream, db, rpc):
    happen(db, 2)
    publish(rpc, stream)
    with pytest.raises(SystemExit):
        consumer(rpc, stream, die).run_once()
    seen = Seen()
    assert consumer(rpc, stream, seen).run_once() == events.Consumed()  # not so soon
    assert consumer(rpc, stream, seen, idle=0).run_once().done == 2
    assert seen == [1, 2]


def test_an_event_that_kills_its_consumer_three_times_is_not_handed_out_again(bus, stream, db, rpc):
    happen(db, 2)
    publish(rpc, stream)
    for _ in range(3):
        with pytest.raises(SystemExit):
            consumer(rpc, stream, die, idle=0).run_once()
    seen = Seen()
    report = consumer(rpc, stream, seen, idle=0).run_once()
    assert (seen, report.dead) == ([2], 1)
    ((_, letter),) = bus.client.xrange(DEAD)
    assert letter["retry_count"] == "3"
    assert "never answered" in letter["error"]


def test_two_who_give_up_the_same_event_write_one_letter(stream, db, rpc):
    happen(db, 1)
    publish(rpc, stream)

    def slow(event, alive):
        consumer(rpc, stream, Seen(), idle=0, attempts=1).run_once()
        return "too late"

    consumer(rpc, stream, slow, attempts=1).run_once()
    assert stream.dead_count() == 1


def test_a_consumer_at_work_is_not_taken_for_dead(stream, db, rpc):
    happen(db, 1)
    publish(rpc, stream)
    other = Seen()

    def long(event, alive):
        for _ in range(6):
            time.sleep(0.2)
            alive()
            assert consumer(rpc, stream, other, idle=0.8).run_once() == events.Consumed()

    assert consumer(rpc, stream, long, idle=0.8).run_once().done == 1
    assert other == []


@pytest.mark.parametrize("name", ["note_position", "settle"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("poison", [(), (1,)], ids=["done", "dead"])
def test_a_consumer_that_dies_while_it_acknowledges_doubles_nothing(
    bus, stream, db, rpc, monkeypatch, name, after, poison
):
    happen(db, 3)
    publish(rpc, stream)
    owner = rpc if name == "note_position" else stream
    whole = getattr(owner, name)

    def dies(*arguments):
        if after:
            whole(*arguments)
        raise SystemExit

    seen = Seen(poison)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dies)
        with pytest.raises(SystemExit):
            consumer(rpc, stream, seen, idle=0).run_once()
    consumer(rpc, stream, seen, idle=0).run_once()
    letters = [json.loads(f["original_event"])["id"] for _, f in bus.client.xrange(DEAD)]
    assert letters == ["1-0" for _ in poison]
    # Only an event whose end nobody noted is handed out once more.
    unnoted = not after and (name == "settle" if poison else name == "note_position")
    times = (3 if poison else 1) + (1 if unnoted and not poison else 0)
    assert seen == [1] * times + [2, 3]
    assert rpc.open_group("mailer") == 3


def test_a_redis_that_came_back_empty_hands_out_nothing_twice_and_misses_nothing(
    bus, stream, db, rpc
):
    happen(db, 5)
    publish(rpc, stream)
    seen = Seen()
    consumer(rpc, stream, seen).run_once()
    happen(db, 3)
    publish(rpc, stream)
    bus.lose()
    assert consumer(rpc, stream, seen).run_once().done == 0  # the publisher has not been there
    publish(rpc, stream)
    assert consumer(rpc, stream, seen).run_once().done == 3
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_redis_that_came_back_older_hands_out_nothing_twice(bus, stream, db, rpc):
    happen(db, 5)
    publish(rpc, stream)
    consumer(rpc, stream, Seen(), idle=0).run_once()
    bus.save()
    happen(db, 5)
    publish(rpc, stream)
    seen = Seen()
    consumer(rpc, stream, seen).run_once()
    bus.fall_back()
    publish(rpc, stream)
    happen(db, 1)
    publish(rpc, stream)
    consumer(rpc, stream, seen).run_once()
    assert seen == [6, 7, 8, 9, 10, 11]


def test_what_was_trimmed_before_it_was_read_comes_from_the_log(bus, stream, db, rpc):
    happen(db, 3)
    publish(rpc, stream)
    seen = Seen(poison={5})
    consumer(rpc, stream, seen).run_once()
    happen(db, 6)
    publish(rpc, stream)
    bus.client.xtrim(STREAM, maxlen=1, approximate=False)
    report = consumer(rpc, stream, seen).run_once()
    assert seen == [1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9]
    assert (report.done, report.dead, report.from_log) == (5, 1, 5)
    ((_, letter),) = bus.client.xrange(DEAD)
    assert (json.loads(letter["original_event"])["id"], letter["retry_count"]) == ("5-0", "3")


def test_what_was_trimmed_while_it_was_handed_out_comes_from_the_log(bus, stream, db, rpc):
    happen(db, 2)
    publish(rpc, stream)
    with pytest.raises(SystemExit):
        consumer(rpc, stream, die).run_once()
    bus.client.xtrim(STREAM, maxlen=0)
    seen = Seen()
    assert consumer(rpc, stream, seen, idle=0).run_once().from_log == 1
    assert seen == [1]
    happen(db, 1)
    publish(rpc, stream)
    assert consumer(rpc, stream, seen, idle=0).run_once().done == 2
    assert seen == [1, 2, 3]


def test_a_consumer_told_to_stop_finishes_the_event_in_hand(stream, db, rpc):
    happen(db, 3)
    publish(rpc, stream)
    seen = Seen()
    consumer(rpc, stream, seen, stopped=lambda: len(seen) == 2).run_once()
    assert seen == [1, 2]
    consumer(rpc, stream, seen).run_once()
    assert seen == [1, 2, 3]


# The commands

WRITE = "import json, sys; e = json.load(sys.stdin); open({path!r}, 'a').write(e['id'] + ' ')"


@pytest.fixture
def writes(tmp_path):
    """A command that appends each event's id to a file, and that file."""
    path = tmp_path / "seen"
    path.touch()
    return [sys.executable, "-c", WRITE.format(path=str(path))], path


def test_the_commands_carry_an_event_from_the_database_to_a_program(db, env, writes):
    program, path = writes
    happen(db, 3)
    done = glue_here("events", "publish", "--once", "--json", env=env)
    assert json.loads(done.stdout) == {"logged": 3, "published": 3}
    consume = ("events", "consume", "--group", "mailer", "--from-start", "--json", "--", *program)
    done = glue_here(*consume, env=env)
    assert (done.returncode, json.loads(done.stdout)["done"]) == (0, 3)
    assert path.read_text() == "1-0 2-0 3-0 "
    assert glue_here(*consume, env=env).returncode == 0
    assert path.read_text() == "1-0 2-0 3-0 "


def test_without_a_terminal_publisher_and_consumer_say_nothing_of_success(db, env, writes):
    program, _ = writes
    happen(db, 1)
    consume = ("events", "consume", "--group", "mailer", "--from-start", "--", *program)
    for words in (("events", "publish"), consume):
        done = glue_here(*words, env=env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), words
    assert glue_here("events", "dead", env=env).stdout == "no dead letters\n"


def test_a_consumer_killed_with_its_program_at_work_is_replaced(db, stream, rpc, env, tmp_path):
    happen(db, 2)
    publish(rpc, stream)
    began = tmp_path / "began"
    hang = f"open({str(began)!r}, 'w').close(); import time; time.sleep(120)"
    worker = subprocess.Popen(
        command("events", "consume", "--group", "mailer", "--from-start", "--follow", "--idle",
                "0.5", "--", sys.executable, "-c", hang),
        env=env, start_new_session=True,
    )  # fmt: skip
    while not began.exists():
        assert worker.poll() is None
        time.sleep(0.02)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    seen = Seen()
    while not seen:
        consumer(rpc, stream, seen, idle=0.5).run_once()
    assert seen == [1, 2]


def test_a_program_that_fails_is_told_of_and_its_dead_letter_can_be_tried_again(
    db, stream, rpc, env, writes
):
    happen(db, 2)
    publish(rpc, stream)
    consume = ("events", "consume", "--group", "mailer", "--from-start", "--retry", "0")
    fail = [sys.executable, "-c", "import sys; sys.exit('no such student')"]
    done = glue_here(*consume, "--attempts", "2", "--", *fail, env=env)
    assert done.returncode == 1
    assert done.stderr.count("now in sync_events_dlq") == 2
    assert "1-0: exit 1: no such student" in done.stderr
    shown = glue("events", "dead", env=env | {"COLUMNS": "200"})
    assert shown.returncode == 0
    assert "no such student" in shown.stdout
    letters = json.loads(glue_here("events", "dead", "--json", env=env).stdout)["letters"]
    assert [letter["original_event"]["id"] for letter in letters] == ["1-0", "2-0"]
    assert glue_here("events", "dead", "--group", "x", "--json", env=env).stdout == (
        '{"letters": []}\n'
    )
    redrive = ("events", "dead", "--group", "mailer", "--redrive", "--json", "--")
    assert glue_here(*redrive, *fail, env=env).returncode == 1
    assert stream.dead_count() == 2
    program, path = writes
    done = glue_here(*redrive, *program, env=env)
    assert (done.returncode, json.loads(done.stdout)["done"]) == (0, 2)
    assert path.read_text() == "1-0 2-0 "
    assert stream.dead_count() == 0


def test_a_failure_that_is_not_the_last_leaves_the_event_for_the_next_run(db, stream, rpc, env):
    happen(db, 1)
    publish(rpc, stream)
    fail = [sys.executable, "-c", "raise SystemExit(3)"]
    done = glue_here("events", "consume", "--group", "mailer", "--from-start", "--", *fail, env=env)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr.strip() == "1-0: exit 3: it said nothing"


def test_the_status_tells_how_far_each_is(db, stream, rpc, env):
    happen(db, 5)
    publish(rpc, stream)
    consumer(rpc, stream, Seen(poison={5}), attempts=1, stopped=lambda: False).run_once()
    rpc.open_group("mirror", True)
    happen(db, 2)
    rpc.append_events(10)
    seen = json.loads(glue_here("events", "status", "--json", env=env).stdout)
    del seen["log_at"]
    assert seen == {
        "log_position": 7,
        "stream_position": 5,
        "stream_lag": 2,
        "stream_entries": 5,
        "stream_first": 1,
        "dead": 1,
        "groups": [
            {"group": "mailer", "position": 5, "lag": 2, "pending": 0, "consumers": 0},
            {"group": "mirror", "position": 0, "lag": 7, "pending": 0, "consumers": 0},
        ],
    }
    shown = glue_here("events", "status", env=env).stdout
    for word in ("log", "stream", "group mailer", "group mirror", "1 dead letter"):
        assert word in shown
    assert events.figures(rpc, stream) == {"events_logged": 7, "events_in_stream": 5}


def test_an_empty_bus_has_a_status(env, db):
    seen = json.loads(glue_here("events", "status", "--json", env=env).stdout)
    assert (seen["log_position"], seen["stream_position"], seen["groups"]) == (0, 0, [])
    assert glue_here("events", "dead", env=env).returncode == 0


COMMANDS = {
    "publish": ("publish", "--once"),
    "consume": ("consume", "--group", "g", "--", "true"),
    "status": ("status",),
    "dead": ("dead",),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_without_redis_url_a_command_exits_with_2(name, database_url):
    done = glue_here("events", *COMMANDS[name], env=environment(DATABASE_URL=database_url))
    assert done.returncode == 2
    assert "REDIS_URL is not set" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_with_redis_away_a_command_exits_with_75(name, database_url):
    env = environment(DATABASE_URL=database_url, REDIS_URL="redis://:secret@127.0.0.1:9/0")
    done = glue_here("events", *COMMANDS[name], env=env)
    assert done.returncode == 75
    assert done.stderr.startswith("Error: cannot use Redis now")
    assert "secret" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_redis_url_that_is_none_exits_with_2(name, database_url):
    env = environment(DATABASE_URL=database_url, REDIS_URL="nonsense")
    done = glue_here("events", *COMMANDS[name], env=env)
    assert done.returncode == 2
    assert "REDIS_URL cannot be read" in done.stderr


def test_a_redis_that_refuses_the_login_exits_with_77(bus, env):
    bus.client.config_set("requirepass", "another")
    done = glue_here("events", "status", env=env)
    assert done.returncode == 77
    assert "Check the login" in done.stderr


def test_a_redis_without_memory_is_told_of_and_the_log_goes_on(bus, stream, db, rpc, env):
    happen(db, 2)
    publish(rpc, stream)
    bus.client.config_set("maxmemory", "1")
    happen(db, 2)
    done = glue_here("events", "publish", "--once", env=env)
    assert done.returncode == 75
    assert "cannot use Redis now" in done.stderr
    bus.client.config_set("maxmemory", "0")
    publish(rpc, stream)
    all_is_there(bus, db)


def test_a_redis_that_takes_no_writes_is_told_of(bus, stream, db, rpc, env):
    happen(db, 2)
    bus.client.replicaof("127.0.0.1", 9)
    done = glue_here("events", "publish", "--once", env=env)
    assert done.returncode == 75
    assert "cannot use Redis now" in done.stderr
    bus.client.replicaof("no", "one")
    publish(rpc, stream)
    all_is_there(bus, db)


def test_a_key_of_another_kind_in_the_streams_place_exits_with_1(bus, db, env):
    bus.client.set(STREAM, "mine")
    happen(db, 1)
    for name in ("publish", "status"):
        done = glue_here("events", *COMMANDS[name], env=env)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: Redis failed")


@pytest.mark.parametrize(
    "arguments",
    [
        ("consume", "--group", "g", "--", "no-such-program"),
        ("consume", "--group", "g"),
        ("consume", "--", "true"),
        ("dead", "--redrive", "--", "true"),
        ("dead", "--redrive", "--group", "g"),
        ("dead", "--", "true"),
        ("publish", "--follow", "--rebuild"),
    ],
    ids=" ".join,
)
def test_a_command_called_wrongly_exits_with_2(arguments, env):
    done = glue_here("events", *arguments, env=env)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_group_without_a_name_is_refused(env, db):
    done = glue_here("events", "consume", "--group", " ", "--", "true", env=env)
    assert done.returncode == 1
    assert "22023" in done.stderr


def test_rebuilding_forgets_the_stream_but_not_the_groups_nor_the_dead(bus, stream, db, rpc, env):
    happen(db, 3)
    publish(rpc, stream)
    consumer(rpc, stream, Seen(poison={1}), attempts=1).run_once()
    assert glue_here("events", "publish", "--once", "--rebuild", env=env).returncode == 0
    assert not bus.client.exists(POSITIONS)
    happen(db, 1)
    publish(rpc, stream)
    seen = Seen()
    consumer(rpc, stream, seen).run_once()
    assert seen == [4]
    assert stream.dead_count() == 1


def test_a_position_that_is_not_in_the_log_is_refused(rpc):
    rpc.open_group("mailer")
    with pytest.raises(Refused):
        rpc.note_position("mailer", 1)


# The page

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()


def fenced(mark):
    """The block that a page has between two comments."""
    return re.search(rf"<!-- {mark} -->.*?^```\w*\n(.*?)^```$", PAGE, re.S | re.M)[1]


def test_the_consumer_of_the_page_prints_what_the_page_shows(bus, stream, db, rpc, env):
    run = [sys.executable, "-c", fenced("consumer")]
    booking = book(db, 1)
    db.execute("select api.cancel_booking(%s)", [booking])
    publish(rpc, stream)
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == fenced("output")
    assert subprocess.run(run, env=env, capture_output=True, check=False).stdout == b""
    assert bus.client.xpending(STREAM, "counter")["pending"] == 0


def test_the_commands_of_the_page_run(db, env, writes):
    program, path = writes
    lines = re.findall(r"^(?:\* .*; )?glue (events .*?)(?: >/dev/null)?$", PAGE, re.M)
    assert len(lines) > 6
    for line in lines:
        if "--follow" in line:
            line = line.replace("--follow", "--once --from-start")
        arguments = line.replace(" --from-start", "" if "publish" in line else " --from-start")
        given, _, run = arguments.partition(" -- ")
        happen(db, 1)
        done = glue_here(*given.split(), *(["--", *program] if run else []), env=env)
        assert (done.returncode, done.stderr) == (0, ""), line
    assert path.read_text().startswith("1-0 ")


def test_the_query_of_the_page_runs(db, rpc):
    happen(db, 42)
    rpc.append_events(100)
    ((position, *_),) = db.execute(re.search(r"```sql\n(.*?)```", PAGE, re.S)[1]).fetchall()
    assert position == 42


def test_the_page_tells_of_every_field_of_every_event(db, rpc):
    booking = book(db, 1)
    db.execute("select api.move_booking(%s, 'E-2', 'asked for it')", [booking])
    db.execute("delete from hubspot_sync.hubspot_bookings")
    rpc.append_events(10)
    told = set(re.findall(r"`(\w+)`", PAGE))
    for event in rpc.read_events(0, 10):
        assert set(events.event_of(event)) - {"id"} <= told
        assert set(events.payload_of(event)) <= told
    kinds = db.execute(
        "select pg_get_constraintdef(oid) from pg_constraint"
        " where conname = 'audit_event_type_known'"
    ).fetchone()[0]
    assert set(re.findall(r"'(\w+)'", kinds)) <= told
