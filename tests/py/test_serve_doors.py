"""`POST /sync/…` and `POST /door/…`: who may, what is answered, and what it costs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hubspot_world import eventually
from serving import (
    CLIENT_SECRET,
    DOOR_SECRET,
    OLD_DOOR_SECRET,
    OLD_SYNC_SECRET,
    SYNC_SECRET,
    empty,
    serving,
)

from glue.serve import sync

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
SYNC = {"Authorization": f"Bearer {SYNC_SECRET}"}
DOOR = {"Authorization": f"Bearer {DOOR_SECRET}"}


@pytest.fixture(scope="module")
def database_url(databases, migrated):
    """One database for all tests here; `db` empties it."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def db(database_url, connect):
    """An app's connection; an exam with two bookings, and two contacts, that were never read."""
    connection = connect(autocommit=True)
    empty(connection)
    connection.execute(
        "insert into hubspot_sync.hubspot_mock_exams"
        " (hubspot_id, mock_type, exam_date, start_time, capacity)"
        " values ('11', 'Mini-mock', '2099-02-01', '09:00', 5)"
    )
    connection.execute(
        "insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)"
        " values ('21', 'S-1', 'ann@example.com'), (null, 'S-2', 'bob@example.com')"
    )
    connection.execute(
        "insert into hubspot_sync.hubspot_bookings"
        " (hubspot_id, booking_id, mock_exam_id, student_id, student_email)"
        " values ('31', 'BK-1', '11', 'S-1', 'ann@example.com'),"
        "        ('32', 'BK-2', '11', 'S-2', 'bob@example.com')"
    )
    return connection


@pytest.fixture
def server(database_url, db):
    with serving(database_url, patience=60.0) as server:
        yield server


def signals(db):
    return db.execute(
        "select hubspot_id, lane from hubspot_sync.webhook_inbox"
        " where done_at is null and dead_at is null order by hubspot_id"
    ).fetchall()


def read(db, outcome="done_at"):
    """A worker has read what waits."""
    db.execute(f"update hubspot_sync.webhook_inbox set {outcome} = now() where done_at is null")
    db.execute(
        "insert into hubspot_sync.sync_shadow (record, table_name, properties, read_at)"
        " select id, 'hubspot_mock_exams', '{}'::jsonb, now() from hubspot_sync.hubspot_mock_exams"
        " union all"
        " select id, 'hubspot_bookings', '{}', now() from hubspot_sync.hubspot_bookings"
        " on conflict (record) do update set read_at = now()"
    )


def wait_and_read(db, outcome="done_at"):
    """The same, once somebody has asked."""
    eventually(lambda: signals(db), "somebody asks")
    read(db, outcome)


# Sync


def test_whoever_waits_is_told_when_the_exam_and_its_bookings_have_been_read(server, db):
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(server.post, "/sync/exam/11?wait=30", headers=SYNC)
        eventually(lambda: len(signals(db)) == 3, "three signals")
        assert signals(db) == [("11", "urgent"), ("31", "urgent"), ("32", "urgent")]
        read(db)
        answer = asked.result()
    assert (answer.status_code, answer.json()) == (
        200, {"state": "done", "hubspot_id": "11", "records": 3, "age": 0.0},
    )  # fmt: skip
    again = server.post("/sync/exam/11", headers=SYNC)
    assert (again.status_code, again.json()["state"]) == (200, "fresh")
    assert again.json()["age"] < 60
    assert signals(db) == []


def test_twenty_who_ask_at_once_cause_one_signal_and_all_wait_for_it(server, db, monkeypatch):
    ask, asking = sync._demand, []

    async def counted(*arguments):
        asking.append(await ask(*arguments))
        return asking[-1]

    monkeypatch.setattr(sync, "_demand", counted)
    with ThreadPoolExecutor(20) as threads:
        asked = [
            threads.submit(server.post, "/sync/booking/BK-1?wait=30", headers=SYNC)
            for _ in range(20)
        ]
        eventually(lambda: len(asking) == 20, "all have asked")
        assert len({tuple(demand["signals"]) for demand in asking}) == 1
        read(db)
        assert {one.result().json()["state"] for one in asked} == {"done"}
    assert db.execute("select count(*) from hubspot_sync.webhook_inbox").fetchone() == (1,)


def test_twenty_wait_and_nobody_keeps_a_connection_for_it(server, db, connect):
    with ThreadPoolExecutor(20) as threads:
        asked = [
            threads.submit(server.post, "/sync/booking/BK-1?wait=50", headers=SYNC)
            for _ in range(20)
        ]
        eventually(lambda: signals(db), "somebody asks")
        answer = server.tell({"objectId": 5, "objectTypeId": "0-1"})  # others are served meanwhile
        assert answer.json()["stored"] == 1
        connections = db.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
        ).fetchone()[0]
        assert connections <= 10

        def answered() -> bool:
            read(db)  # on a slow machine some ask only after the first reading
            return all(one.done() for one in asked)

        eventually(answered, "all are answered")
        assert {one.result().status_code for one in asked} == {200}


def test_who_does_not_wait_is_told_that_it_is_queued(server, db):
    answer = server.post("/sync/contact/S-1?wait=0", headers=SYNC)
    assert answer.status_code == 202
    assert answer.json() == {"state": "queued", "hubspot_id": "21", "records": 1, "age": None}
    assert signals(db) == [("21", "urgent")]


def test_what_cannot_be_read_is_told_to_who_waits(server, db):
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(server.post, "/sync/booking/31?wait=30", headers=SYNC)
        wait_and_read(db, "dead_at")
        answer = asked.result()
    assert (answer.status_code, answer.json()["code"]) == (502, "failed")


def test_only_what_is_older_than_asked_is_read(server, db):
    read(db)
    db.execute("update hubspot_sync.sync_shadow set read_at = now() - interval '100 s'")
    fresh = server.post("/sync/exam/11?older_than=200", headers=SYNC)
    assert fresh.json()["state"] == "fresh"
    assert 99 < fresh.json()["age"] < 200
    assert server.post("/sync/exam/11?older_than=50&wait=0", headers=SYNC).status_code == 202


def test_what_hubspot_does_not_have_is_sent_first(server):
    answer = server.post("/sync/contact/S-2", headers=SYNC)
    assert (answer.status_code, answer.json()["state"]) == (200, "sending")


def test_everything_is_asked_for_and_not_waited_for(server, db):
    answer = server.post("/sync/all", headers=SYNC)
    assert (answer.status_code, answer.json()["records"]) == (202, 4)
    assert len(signals(db)) == 4


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/sync/note/1", 404, "unknown_kind"),
        ("/sync/%0aexam/1", 404, "unknown_kind"),
        ("/sync/exam/E-9", 404, "unknown"),
        ("/sync/exam/%00", 400, "22021"),
        ("/sync/exam/%20", 400, "22023"),
        ("/sync/exam/" + "9" * 600, 400, "22023"),
        ("/sync/exam", 404, "not_found"),
        ("/sync/exam/11?wait=soon", 400, "bad_parameter"),
        ("/sync/exam/11?wait=-1", 400, "bad_parameter"),
        ("/sync/exam/11?wait=nan", 400, "bad_parameter"),
        ("/sync/exam/11?wait=1e9", 400, "bad_parameter"),
        ("/sync/exam/11?older_than=inf", 400, "bad_parameter"),
        ("/sync/all?older_than=x", 400, "bad_parameter"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_and_says_what_can(server, db, path, status, code):
    answer = server.post(path, headers=SYNC)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["hint"]
    assert signals(db) == []


def test_a_wait_ends_when_it_is_over(server, db, monkeypatch):
    looks = []
    monkeypatch.setattr(sync, "LOOK_EVERY", 0.01)
    look = sync._look

    async def counted(state, signals):
        looks.append(signals)
        return await look(state, signals)

    monkeypatch.setattr(sync, "_look", counted)
    assert server.post("/sync/exam/11?wait=0.5", headers=SYNC).status_code == 202
    assert len(looks) > 1


# Who may


@pytest.mark.parametrize("path", ["/sync/exam/11", "/sync/all", "/door/exams", "/door/contacts"])
def test_only_the_secret_of_a_path_opens_it(server, db, path):
    own, former, others = (
        (SYNC_SECRET, OLD_SYNC_SECRET, [DOOR_SECRET, OLD_DOOR_SECRET])
        if path.startswith("/sync")
        else (DOOR_SECRET, OLD_DOOR_SECRET, [SYNC_SECRET, OLD_SYNC_SECRET])
    )

    def ask(authorization):
        headers = {} if authorization is None else {"Authorization": authorization}
        return server.post(f"{path}?wait=0", json={}, headers=headers)

    wrong = [
        None, "Bearer", own, f"Basic {own}", f"Bearer {own[:-1]}",
        f"Bearer {own}x", f"Bearer {own.upper()}", f"Bearer {CLIENT_SECRET}", "Bearer \xff",
        *(f"Bearer {other}" for other in others),
    ]  # fmt: skip
    for authorization in wrong:
        answer = ask(authorization and authorization.encode("latin-1"))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), authorization
        assert answer.headers["www-authenticate"] == "Bearer"
    assert signals(db) == []
    for authorization in (f"Bearer {own}", f"bearer  {former}"):
        assert ask(authorization).status_code in (200, 202, 422)


def test_a_path_whose_secret_is_not_set_is_shut(database_url, db):
    with serving(database_url, patience=60.0) as server:
        object.__setattr__(server.state.config, "sync_secrets", ())
        for given in ("Bearer", f"Bearer {SYNC_SECRET}"):
            answer = server.post("/sync/all", headers={"Authorization": given})
            assert (answer.status_code, answer.json()["code"]) == (403, "shut")


def test_without_postgres_both_say_so():
    with serving(NOWHERE) as server:
        for path, headers in (("/sync/exam/1", SYNC), ("/door/exams", DOOR)):
            answer = server.post(path, json={"mock_exam_id": "1"}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "nobody" not in answer.text


# The door


def test_an_exam_is_made_and_changed(server, db):
    exam = {
        "mock_exam_id": "77", "mock_exam_name": "Spring", "mock_type": "Mini-mock",
        "exam_date": "2099-03-01", "start_time": "09:00", "end_time": "10:00", "capacity": 4,
        "is_active": True,
    }  # fmt: skip
    made = server.post("/door/exams", json=exam, headers=DOOR)
    assert made.status_code == 200
    assert made.json()["mock_exam_id"] == "77"
    assert (made.json()["capacity"], made.json()["seats_left"]) == (4, 4)
    changed = server.post(
        "/door/exams",
        json={"mock_exam_id": 77, "capacity": "9", "is_active": "False", "location": None,
              "mock_exam_name": ""},
        headers=DOOR,
    ).json()  # fmt: skip
    assert (changed["capacity"], changed["is_active"]) == (9, False)
    assert changed["mock_exam_name"] == "Spring"
    actors = db.execute(
        "select distinct actor from hubspot_sync.supabase_audit_log where table_name like %s"
        " and actor = 'door'",
        ["%exams"],
    ).fetchall()
    assert actors == [("door",)]


def test_a_contact_is_made(server):
    answer = server.post(
        "/door/contacts",
        json={"student_id": "S-9", "email": "new@example.com", "sj_credits": "2"},
        headers=DOOR,
    )
    assert answer.status_code == 200
    assert answer.json()["sj_credits"] == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "named"),
    [
        ("exams", {}, 422, "missing_field", "mock_exam_id"),
        ("exams", {"mock_exam_id": ""}, 422, "missing_field", "mock_exam_id"),
        ("exams", {"mock_exam_id": "1", "p_capacity": 4}, 422, "unknown_field", "p_capacity"),
        ("exams", {"mock_exam_id": "1", "total": 4}, 422, "unknown_field", "total"),
        ("exams", {"mock_exam_id": "1", "capacity": "many"}, 422, "bad_field", "capacity"),
        ("exams", {"mock_exam_id": "1", "capacity": 1.5}, 422, "bad_field", "capacity"),
        ("exams", {"mock_exam_id": "1", "capacity": 10**30}, 422, "bad_field", "capacity"),
        ("exams", {"mock_exam_id": "1", "is_active": "yes"}, 422, "bad_field", "is_active"),
        ("exams", {"mock_exam_id": "1", "is_active": 1}, 422, "bad_field", "is_active"),
        ("exams", {"mock_exam_id": "1", "exam_date": "1/2/2030"}, 422, "bad_field", "exam_date"),
        ("exams", {"mock_exam_id": ["1"]}, 422, "bad_field", "mock_exam_id"),
        ("exams", {"mock_exam_id": True}, 422, "bad_field", "mock_exam_id"),
        ("exams", {"mock_exam_id": "1", "capacity": -1}, 422, "MBCAP", "capacity"),
        ("exams", {"mock_exam_id": "1", "mock_type": "Other"}, 422, "22023", "type"),
        ("exams", {"mock_exam_id": "1", "start_time": "late"}, 422, "22023", "start_time"),
        ("exams", {"mock_exam_id": "x" * 501}, 422, "22023", ""),
        ("exams", {"mock_exam_id": "a\0b"}, 422, "22021", ""),
        ("contacts", {"student_id": "S-1"}, 422, "missing_field", "email"),
        ("contacts", {"student_id": "S-1", "email": "none"}, 422, "22023", "email"),
        ("contacts", {"student_id": "S-1", "email": "a@b.c", "sj_credits": -1}, 422, "22023", ""),
        (
            "contacts",
            {"student_id": "S-1", "email": "other@example.com", "hubspot_id": "21"},
            200, "", "",
        ),
        (
            "contacts",
            {"student_id": "S-2", "email": "bob@example.com", "hubspot_id": "21"},
            422, "MBIDC", "hubspot_id",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_by_name(server, path, body, status, code, named):
    answer = server.post(f"/door/{path}", json=body, headers=DOOR)
    assert answer.status_code == status, answer.text
    if status == 200:
        return
    told = answer.json()
    assert told["code"] == code
    assert told["hint"]
    assert named in told["message"] + told["hint"]
    assert named.startswith("p_") or " p_" not in " " + told["message"] + " " + told["hint"]


@pytest.mark.parametrize("body", [b"", b"[]", b'"a"', b"{", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_json_object_is_refused(server, body):
    answer = server.post("/door/exams", content=body, headers=DOOR)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


def test_a_door_takes_no_more_than_a_megabyte_and_reads_nothing_without_the_secret(server):
    body = b"x" * 1_000_001
    assert server.post("/door/exams", content=body, headers=DOOR).status_code == 413
    assert server.post("/door/exams", content=b"{", headers=SYNC).status_code == 401


def test_who_waits_for_a_lock_is_asked_to_come_again(server, db, connect):
    server.post("/door/exams", json={"mock_exam_id": "77"}, headers=DOOR)
    db.execute("alter function api.upsert_exam set lock_timeout = '50ms'")
    holder = connect()
    holder.execute("select from hubspot_sync.hubspot_mock_exams where hubspot_id = '77' for update")
    answer = server.post("/door/exams", json={"mock_exam_id": "77"}, headers=DOOR)
    db.execute("alter function api.upsert_exam set lock_timeout = '5s'")
    assert (answer.status_code, answer.json()["code"]) == (503, "MBBSY")
    assert answer.headers["retry-after"]


def test_nothing_that_came_through_the_door_is_logged(server):
    for body in ({"mock_exam_id": "1", "capacity": "PRIVATE"}, {"mock_exam_id": ["PRIVATE"]}):
        server.post("/door/exams", json=body, headers=DOOR)
    assert len(server.log) == 2
    assert "PRIVATE" not in "".join(server.log)


def test_an_error_of_ours_is_told_without_what_was_sent(server, monkeypatch):
    def fail(*_):
        raise KeyError("PRIVATE")

    monkeypatch.setattr(server.state.pool, "run", fail)
    answer = server.post("/sync/exam/11", headers=SYNC)
    assert (answer.status_code, answer.json()["code"]) == (500, "failed")
    assert "PRIVATE" not in "".join([answer.text, *server.log])
    assert "KeyError" in server.log[-1]
