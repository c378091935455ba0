"""`glue serve`: what it takes, what it refuses, and where an event is while Postgres is away."""

import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import redis
from hubspot_world import TYPES as TYPE_VARIABLES
from hubspot_world import command, environment, eventually, glue_here
from serving import (
    CLIENT_SECRET,
    DOOR_SECRET,
    OLD_CLIENT_SECRET,
    PUBLIC_URL,
    SYNC_SECRET,
    TYPES,
    empty,
    event,
    headers_for,
    serving,
)

from glue import doctor, parked
from glue.db import connect as glue_connect
from glue.errors import ConfigError, DatabaseError
from glue.parked import DEAD, STREAM, Moved, Parking
from glue.rpc import Rpc
from glue.serve.answers import Log
from glue.serve.run import bind
from sandbox import postgres
from sandbox.children import free_port
from sandbox.stack import migrate

NOBODY = "redis://127.0.0.1:1/0"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture(scope="module")
def database_url(databases, migrated):
    """One database for all tests here; `db` empties it."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def db(database_url, connect):
    connection = connect(autocommit=True)
    empty(connection)
    return connection


@pytest.fixture
def server(database_url, db):
    # A slow machine is none of what these tests are about.
    with serving(database_url, patience=8.0) as server:
        yield server


@pytest.fixture
def valkey(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


def stored(db):
    """The numbers of the events in the inbox, each as often as it is there."""
    rows = db.execute("select event ->> 'eventId' from hubspot_sync.webhook_inbox").fetchall()
    return sorted(int(row[0]) for row in rows)


def move(database_url, redis_url):
    with glue_connect(database_url) as connection, Parking(redis_url) as parking:
        return parked.move(Rpc(connection), parking, TYPES)


# Events


def test_events_are_stored_before_they_are_acknowledged(server, db):
    answer = server.tell(event(1), event(2), event(2), {"what": "is this"})
    assert answer.status_code == 200
    assert answer.json() == {"stored": 2, "duplicates": 1, "ignored": 1}
    rows = db.execute(
        "select table_name, hubspot_id, kind from hubspot_sync.webhook_inbox"
        " where done_at is null order by id"
    ).fetchall()
    assert sorted(rows) == [
        ("hubspot_bookings", "1001", "propertyChange"),
        ("hubspot_bookings", "1002", "propertyChange"),
    ]


def test_events_of_foreign_types_are_logged_once_a_minute(server, db):
    now = [100.0]
    server.state.now = lambda: now[0]
    foreign = [event(number, objectTypeId="2-999") for number in range(5)]
    server.tell(foreign[0], foreign[1], event(9), {"what": "is this"})
    server.tell(foreign[2])
    now[0] += 61
    server.tell(event(8), {"what": "is that"})
    server.tell(foreign[3])
    assert [line.partition(":")[0] for line in server.log] == [
        "2 events of types that are not synchronised",
        "1 event of types that are not synchronised",
    ]
    assert "are HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE right?" in server.log[0]


def test_a_request_may_hold_more_than_a_hundred_events_and_none(server, db):
    assert server.tell(*map(event, range(250))).json()["stored"] == 250
    assert server.tell().json() == {"stored": 0, "duplicates": 0, "ignored": 0}
    assert stored(db) == list(range(250))


def test_hundreds_of_requests_at_once_store_every_event_exactly_once(server, db):
    chance = random.Random(5)
    events = [event(number) for number in range(1000)]
    requests = []
    for start in range(0, 1000, 100):
        for attempt in range(6):  # HubSpot sends again what it has no answer to
            batch = [one | {"attemptNumber": attempt} for one in events[start : start + 100]]
            chance.shuffle(batch)
            requests.append(batch)
    chance.shuffle(requests)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda batch: server.tell(*batch), requests))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["stored"] for answer in answers) == 1000
    assert sum(answer.json()["duplicates"] for answer in answers) == 5000
    assert stored(db) == list(range(1000))


@pytest.mark.parametrize(
    "strange",
    [
        b'{"a": "\\u0000", "objectId": 5}',
        b'{"\\ud800": "\\udc00\\ud800"}',
        b'{"objectId": 1' + b"0" * 6000 + b', "objectTypeId": "0-1"}',
        b'{"objectId": 1e999}',
        b"\xef\xbb\xbf".join([b'{"a":', b"1}"]).replace(b"\xef\xbb\xbf", b""),
        b"[" * 500 + b"]" * 500,
        b'{"objectTypeId": "0-999", "objectId": 4}',
        b'{"a": "' + b"x" * 900_000 + b'"}',
        "{\"a\": \"\U0001f600 '; drop table x; --\"}".encode(),
    ],
    ids=["nul", "half letters", "a long number", "an endless number", "an object", "nested",
         "another type", "a long one", "words"],
)  # fmt: skip
def test_a_strange_event_is_kept_and_stops_no_other(server, db, strange):
    answer = server.tell_body(b"[" + strange + b"," + json.dumps(event(1)).encode() + b"]")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"stored": 1, "duplicates": 0, "ignored": 1}
    reasons = db.execute(
        "select last_error from hubspot_sync.webhook_inbox where done_at is not null"
    ).fetchall()
    assert len(reasons) == 1
    assert reasons[0][0]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'"text"', b"null", b"[1,", b"[NaN]", b"[Infinity]", b"\xff\xfe[]", b"[]]",
     b"[" * 100_000, b'["\0"]', json.dumps(event(1)).encode(), "[]".encode("utf-16")],
)  # fmt: skip
def test_what_is_no_array_is_refused_whoever_signed_it(server, db, body):
    answer = server.tell_body(body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "not_json"
    assert answer.json()["hint"]
    assert stored(db) == []


# Signatures


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({}, 200),
        ({"secret": OLD_CLIENT_SECRET}, 200),
        ({"age": 290}, 200),
        ({"age": -20}, 200),
        ({"age": 310}, 401),
        ({"age": -60}, 401),
        ({"secret": "somebody else's"}, 401),
        ({"secret": SYNC_SECRET}, 401),
        ({"secret": ""}, 401),
        ({"url": "https://sync.example.org/webhooks/other"}, 401),
        ({"url": "http://127.0.0.1/webhooks/hubspot"}, 401),
    ],
)
def test_only_what_hubspot_signed_just_now_is_taken(server, db, how, status):
    answer = server.tell(event(1), **how)
    assert answer.status_code == status
    assert stored(db) == ([1] if status == 200 else [])
    if status == 401:
        assert answer.json()["code"] == "not_signed"
        assert len(server.log) == 1
        assert answer.json()["message"] in server.log[0]


@pytest.mark.parametrize("missing", ["X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3"])
def test_a_request_that_is_not_signed_is_refused(server, missing):
    headers = headers_for(b"[]")
    del headers[missing]
    assert server.post("/webhooks/hubspot", content=b"[]", headers=headers).status_code == 401


def test_a_body_that_was_changed_on_its_way_is_refused(server, db):
    body = json.dumps([event(1)]).encode()
    headers = headers_for(body)
    answer = server.post("/webhooks/hubspot", content=body.replace(b"Yes", b"No!"), headers=headers)
    assert answer.status_code == 401
    assert stored(db) == []


def test_the_host_header_means_nothing(server):
    body = json.dumps([event(1)]).encode()
    for host in ("evil.example.org", "sync.example.org"):
        forged = headers_for(body, url=f"https://{host}/x") | {"Host": host}
        assert server.post("/webhooks/hubspot", content=body, headers=forged).status_code == 401
    genuine = headers_for(body) | {"Host": "evil.example.org"}
    assert server.post("/webhooks/hubspot", content=body, headers=genuine).status_code == 200


# Bodies


class Wire:
    """A connection that sends what it likes, when it likes."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=30)

    def begin(self, *headers):
        signed = [f"{name}: {value}" for name, value in headers_for(b"").items()]
        lines = ["POST /webhooks/hubspot HTTP/1.1", "Host: x", *signed, *headers, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())

    def send(self, data):
        self._socket.sendall(data)

    def answer(self):
        """The status and the JSON of the answer, after which the server hangs up."""
        received = b""
        while chunk := self._socket.recv(65536):
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    def close(self):
        self._socket.close()


@pytest.fixture
def wire(server):
    wire = Wire(server.url)
    yield wire
    wire.close()


def test_fifty_megabytes_are_refused_before_they_are_sent(wire):
    wire.begin("Content-Length: 52428800")
    status, answer = wire.answer()
    assert status == 413
    assert answer["code"] == "too_large"


def test_a_body_without_a_length_is_refused_where_it_becomes_too_large(wire):
    wire.begin("Transfer-Encoding: chunked")
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0
    try:
        while sent < 50:
            wire.send(megabyte)
            sent += 1
    except ConnectionError:
        pass
    assert sent < 50
    status, answer = wire.answer()
    assert status == 413
    assert answer["code"] == "too_large"


def test_a_body_just_small_enough_is_read(server, db):
    body = json.dumps([event(1)]).encode().ljust(1_000_000)
    assert server.tell_body(body).status_code == 200
    assert server.tell_body(body + b" ").status_code == 413
    assert stored(db) == [1]


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 40, ""])
def test_a_length_that_is_none_is_refused(server, length):
    wire = Wire(server.url)
    wire.begin(f"Content-Length: {length}")
    received = wire._socket.recv(65536)
    assert int(received.split()[1]) in (400, 413)
    wire.close()


def test_a_body_that_does_not_come_is_not_waited_for(database_url, db):
    with serving(database_url, slowest_body=0.2, patience=60.0) as server:
        wire = Wire(server.url)
        wire.begin("Content-Length: 100")
        wire.send(b"[")
        status, answer = wire.answer()
        assert status == 408
        assert answer["code"] == "too_slow"
        assert server.tell(event(1)).status_code == 200
        wire.close()


def test_whoever_hangs_up_in_a_body_disturbs_nobody(server, db):
    wire = Wire(server.url)
    wire.begin("Content-Length: 100")
    wire.send(b"[")
    wire.close()
    assert server.tell(event(1)).status_code == 200
    assert stored(db) == [1]


# Postgres is away


def test_without_postgres_events_wait_in_redis_and_are_moved_when_it_is_back(
    database_url, db, redis_url, valkey
):
    with serving(NOWHERE, redis_url) as server:
        for number in range(30):
            assert server.tell(event(number), event(number + 1)).json() == {"parked": 2}
        assert server.get("/readyz").json() == {
            "ready": True, "postgres": False, "redis": True, "parked": 30,
        }  # fmt: skip
    with serving(database_url, redis_url, patience=60.0) as server:
        assert server.tell(event(3)).json()["stored"] == 1
    assert move(database_url, redis_url) == Moved(moved=30)
    assert stored(db) == list(range(31))
    assert valkey.xlen(STREAM) == valkey.exists(DEAD) == 0
    assert move(database_url, redis_url) == Moved()


def test_without_both_hubspot_is_asked_to_send_again(valkey):
    for redis_away in (NOBODY, None):
        with serving(NOWHERE, redis_away) as server:
            answer = server.tell(event(1))
            assert answer.status_code == 503
            assert answer.json()["code"] == "unavailable"
            assert answer.headers["retry-after"]
            assert server.get("/readyz").status_code == 503
            assert server.get("/healthz").status_code == 200
            assert "nobody@" not in "".join(server.log)


def test_a_redis_that_does_not_answer_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with serving(NOWHERE, url, redis_patience=0.2) as server:
            assert server.tell(event(1)).status_code == 503
            assert "Redis does not answer" in server.log[-1]


def test_a_redis_that_is_away_disturbs_nobody_while_postgres_is_there(database_url, db):
    with serving(database_url, NOBODY) as server:
        assert server.tell(event(1)).status_code == 200
        ready = server.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (200, False)


def test_a_database_without_the_functions_is_no_place_for_events(empty_database_url, redis_url):
    with serving(empty_database_url, redis_url) as server:
        assert server.tell(event(1)).json() == {"parked": 1}
        assert not server.get("/readyz").json()["postgres"]
    with pytest.raises(Exception, match="lacks"):
        move(empty_database_url, redis_url)


def test_a_move_that_dies_after_it_stored_doubles_nothing(database_url, db, redis_url, valkey):
    with Parking(redis_url) as parking:
        parking.keep(json.dumps([event(1), event(2)]).encode())

        class Mortal(Parking):
            def remove(self, id):
                raise DatabaseError("killed")

        with (
            glue_connect(database_url) as connection,
            Mortal(redis_url) as mortal,
            pytest.raises(DatabaseError),
        ):
            parked.move(Rpc(connection), mortal, TYPES)
    assert stored(db) == [1, 2]
    assert valkey.xlen(STREAM) == 1
    assert move(database_url, redis_url) == Moved(moved=1)
    assert stored(db) == [1, 2]


def test_several_that_move_at_once_lose_and_double_nothing(database_url, db, redis_url, valkey):
    with Parking(redis_url) as parking:
        for number in range(100):
            parking.keep(json.dumps([event(number)]).encode())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: move(database_url, redis_url), range(4)))
    assert stored(db) == list(range(100))
    assert valkey.xlen(STREAM) == 0


def test_an_entry_nobody_can_read_is_moved_aside_with_its_reason(
    database_url, db, redis_url, valkey
):
    good = json.dumps([event(1)]).encode()
    for body in (b"{}", b"\xff", good, b"[" * 100_000):
        valkey.xadd(STREAM, {"body": body})
    valkey.xadd(STREAM, {"something": "else"})
    assert move(database_url, redis_url) == Moved(moved=1, dead=4)
    assert stored(db) == [1]
    assert valkey.xlen(STREAM) == 0
    dead = [fields for _, fields in valkey.xrange(DEAD)]
    assert [fields[b"body"] for fields in dead][:2] == [b"{}", b"\xff"]
    assert all(fields[b"reason"] and fields[b"id"] for fields in dead)


def test_a_move_stops_when_it_is_told(database_url, db, redis_url, valkey):
    valkey.xadd(STREAM, {"body": b"[]"})
    with glue_connect(database_url) as connection, Parking(redis_url) as parking:
        assert parked.move(Rpc(connection), parking, TYPES, stopped=lambda: True) == Moved()
    assert valkey.xlen(STREAM) == 1


def test_whoever_reads_the_inbox_brings_in_what_redis_keeps(database_url, db, redis_url, valkey):
    valkey.xadd(STREAM, {"body": json.dumps([event(1)]).encode()})
    with glue_connect(database_url) as connection:
        rpc = Rpc(connection)
        assert parked.bring_in(rpc, None, TYPES) == (Moved(), "")
        moved, trouble = parked.bring_in(rpc, NOBODY, TYPES)
        assert moved == Moved()
        assert "cannot use Redis" in trouble
        assert stored(db) == []
        assert parked.bring_in(rpc, redis_url, TYPES) == (Moved(moved=1), "")
    assert stored(db) == [1]


def test_the_doctor_tells_what_waits_in_redis_and_what_cannot_be_read(redis_url, valkey):
    def told():
        return {
            finding.seen: (finding.ok, finding.warning)
            for finding in doctor.examine({"REDIS_URL": redis_url})
            if finding.name == "webhooks"
        }

    assert told() == {}
    valkey.xadd(STREAM, {"body": b"[]"})
    valkey.xadd(DEAD, {"body": b"{", "reason": "why", "id": b"1-0"})
    assert told() == {
        "1 request in Redis": (True, True),
        "1 request cannot be read": (False, False),
    }


# A server that stops and hangs


@pytest.fixture
def mortal():
    folder = Path(tempfile.mkdtemp(prefix="mortal-"))
    folder.chmod(0o755)
    server = postgres.start(folder)
    migrate(server.url)
    holder = [server]
    try:
        yield holder
    finally:
        for_each(holder[0], "resume")
        holder[0].child.stop()
        shutil.rmtree(folder, ignore_errors=True)


def for_each(server, what):
    """Do it to every process of a server; one may end meanwhile."""
    for process in processes(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            getattr(process, what)()


def processes(server):
    try:
        parent = psutil.Process(server.child.process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def test_postgres_killed_and_hanging_midway_loses_and_doubles_no_event(mortal, redis_url, valkey):
    with serving(mortal[0].url, redis_url, patience=0.5) as server:

        def tell(number):
            """As HubSpot: again and again until it is acknowledged."""
            while server.tell(event(2 * number), event(2 * number + 1)).status_code != 200:
                pass

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(tell, range(50)))
            first = threads.map(tell, range(50, 100))
            for_each(mortal[0], "kill")
            list(first)
            mortal[0].child.process.wait()
            list(threads.map(tell, range(100, 110)))
            mortal[0] = mortal[0].relaunch()
            list(threads.map(tell, range(110, 160)))
            for_each(mortal[0], "suspend")
            list(threads.map(tell, range(160, 170)))
            assert server.get("/readyz").json()["postgres"] is False
            for_each(mortal[0], "resume")
            list(threads.map(tell, range(170, 200)))
        assert valkey.xlen(STREAM) >= 20
        eventually(lambda: server.get("/readyz").json()["postgres"], "Postgres is back")
    move(mortal[0].url, redis_url)
    with glue_connect(mortal[0].url) as connection:
        rows = connection.execute(
            "select (event ->> 'eventId')::int as number from hubspot_sync.webhook_inbox"
        ).fetchall()
    assert sorted(row["number"] for row in rows) == list(range(400))
    assert valkey.xlen(STREAM) == 0


# The process


def variables(database_url, **more):
    return environment(
        DATABASE_URL=database_url,
        WEBHOOK_PUBLIC_URL=PUBLIC_URL,
        HUBSPOT_CLIENT_SECRET=CLIENT_SECRET,
        **TYPE_VARIABLES,
        **more,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_served_process_tells_its_address_moves_what_waits_and_ends_on_sigterm(
    database_url, db, redis_url, valkey, workers
):
    valkey.xadd(STREAM, {"body": json.dumps([event(7)]).encode()})
    process = subprocess.Popen(
        command("serve", "--port", "0", "--workers", str(workers), "--json"),
        env=variables(database_url, REDIS_URL=redis_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = json.loads(process.stdout.readline())["url"]
        body = json.dumps([event(1)]).encode()

        def acknowledged():
            return httpx.post(
                f"{url}/webhooks/hubspot", content=body, headers=headers_for(body), timeout=30
            )

        assert acknowledged().status_code == 200
        eventually(lambda: stored(db) == [1, 7], "what waited in Redis is moved")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in process.stderr.read()


def test_a_request_in_hand_is_finished_before_the_process_ends(database_url, db):
    process = subprocess.Popen(
        command("serve", "--port", "0", "--json"),
        env=variables(database_url),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = json.loads(process.stdout.readline())["url"]
        wire = Wire(url)
        body = json.dumps([event(1)]).encode()
        signed = "\r\n".join(f"{name}: {value}" for name, value in headers_for(body).items())
        wire.send(
            f"POST /webhooks/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"Expect: 100-continue\r\n{signed}\r\n\r\n".encode()
        )
        assert b"100 Continue" in wire._socket.recv(1000)  # the server has it in hand
        process.send_signal(signal.SIGTERM)
        parts = urlsplit(url)

        def refused():
            try:
                socket.create_connection((parts.hostname, parts.port), timeout=5).close()
            except OSError:
                return True
            return False

        eventually(refused, "no new connection is taken")
        wire.send(body)
        assert wire.answer() == (200, {"stored": 1, "duplicates": 0, "ignored": 0})
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert stored(db) == [1]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"WEBHOOK_PUBLIC_URL": None}, "WEBHOOK_PUBLIC_URL is not set"),
        ({"WEBHOOK_PUBLIC_URL": "sync.example.org"}, "WEBHOOK_PUBLIC_URL is no address"),
        ({"HUBSPOT_CLIENT_SECRET": None}, "HUBSPOT_CLIENT_SECRET is not set"),
        ({"HUBSPOT_CLIENT_SECRET": "short"}, "fewer than 16"),
        ({"HUBSPOT_BOOKING_TYPE": None}, "HUBSPOT_BOOKING_TYPE is not set"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"SYNC_SECRET": "short"}, "fewer than 16"),
        ({"SYNC_SECRET": DOOR_SECRET, "DOOR_SECRET": DOOR_SECRET}, "share a value"),
        ({"SYNC_SECRET": CLIENT_SECRET}, "share a value"),
        (
            {"SYNC_SECRET": SYNC_SECRET, "DOOR_SECRET": "d" * 20,
             "DOOR_SECRET_PREVIOUS": SYNC_SECRET},
            "share a value",
        ),
    ],
)  # fmt: skip
def test_what_is_configured_wrongly_is_told_and_ends_with_2(missing, said):
    answer = glue_here("serve", "--port", "0", env=variables(NOWHERE) | missing)
    assert answer.returncode == 2
    assert said in answer.stderr
    for value in missing.values():
        assert value in (None, "sync.example.org") or value not in answer.stderr


def test_an_address_that_is_taken_is_told():
    port = free_port()
    listener = bind("127.0.0.1", port)
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("127.0.0.1", port)
    listener.close()


# Everything else


def test_what_is_not_there_is_answered_in_json(server):
    assert server.get("/").status_code == 404
    assert server.post("/webhooks/hubspot/").status_code == 404
    wrong = server.get("/webhooks/hubspot")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    long = server.get("/" + "%0a%1b" * 400)
    assert long.status_code == 404
    assert all("\n" not in line and "\x1b" not in line and len(line) < 300 for line in server.log)


def test_the_log_takes_so_many_lines_a_minute_and_says_what_it_left_out():
    lines, now = [], [0.0]
    log = Log(lines.append, now=lambda: now[0], lines=3, seconds=60)
    for number in range(100):
        log(f"line {number}")
    assert lines == ["line 0", "line 1", "line 2"]
    now[0] = 61
    log("later")
    assert lines[3:] == ["97 more lines were left out", "later"]


def test_nothing_that_was_sent_is_logged(server):
    server.tell_body(b'{"propertyValue": "PRIVATE"}')
    server.tell_body(b'["PRIVATE"', secret="PRIVATE-SECRET")
    server.tell_body(b'["PRIVATE", NaN]')
    assert len(server.log) == 3
    assert "PRIVATE" not in "".join(server.log)
