"""`glue import`: an account comes in whole, however often it is killed on the way."""

import json
import multiprocessing
import random
from collections.abc import Iterator

import import_worker
import pytest
from hubspot_world import (
    BOOKING_TYPE,
    BOOKINGS,
    CONTACTS,
    EXAM_TYPE,
    EXAMS,
    Database,
    World,
    eventually,
    glue_here,
    glue_watched,
)

from glue import importing
from glue.ahead import ahead
from glue.db import connect
from glue.errors import Unavailable
from glue.rpc import Rpc

LIST = "/crm/objects/2026-09/{}"
# What an import should bring, apart from ids and moments of our own.
BROUGHT = {
    "exams": "select hubspot_sync.exam_properties(e), e.hubspot_id, s.taken, s.capacity, s.is_open"
    " from hubspot_sync.hubspot_mock_exams e"
    " left join hubspot_sync.exam_seats s on s.exam = e.id order by e.hubspot_id",
    "contacts": "select hubspot_sync.contact_properties(c), c.hubspot_id, c.deleted_at is null"
    " from hubspot_sync.hubspot_contact_credits c order by c.hubspot_id",
    "bookings": "select hubspot_sync.booking_properties(b), b.hubspot_id, b.exempt,"
    " c.student_id, e.hubspot_id as exam"
    " from hubspot_sync.hubspot_bookings b"
    " left join hubspot_sync.hubspot_contact_credits c on c.id = b.contact"
    " left join hubspot_sync.hubspot_mock_exams e on e.id = b.exam order by b.booking_id",
    "known": "select coalesce(e.hubspot_id, c.hubspot_id, b.hubspot_id) as name, s.properties,"
    " s.version, s.read_version"
    " from hubspot_sync.sync_shadow s"
    " left join hubspot_sync.hubspot_mock_exams e on e.id = s.record"
    " left join hubspot_sync.hubspot_contact_credits c on c.id = s.record"
    " left join hubspot_sync.hubspot_bookings b on b.id = s.record order by 1",
    "queued": "select q.table_name, q.operation, q.new_data from hubspot_sync.sync_queue q"
    " where not q.synced order by 1, 3",
    "ledger": "select c.hubspot_id, l.credit, l.delta, l.reason from hubspot_sync.credit_ledger l"
    " join hubspot_sync.hubspot_contact_credits c on c.id = l.contact order by 1, 2, 3",
    "refused": "select hubspot_id, error_message from hubspot_sync.sync_errors"
    " where resolved_at is null order by 1",
    "state": "select task, state - 'started_at' as state from hubspot_sync.sync_status"
    " where task like 'import %%' order by 1",
}


@pytest.fixture
def other(databases, migrated) -> Iterator[Database]:
    """A second database, which knows nothing yet."""
    with databases.new(migrated.template_dbname) as made:
        database = Database(databases.url(made.dbname))
        database.rows("update hubspot_sync.settings set value = 'off' where key = 'notes'")
        yield database
        database.close()


def brought(database: Database, *, but: str = "") -> dict[str, list]:
    """What is in a database."""
    return {name: database.rows(query) for name, query in BROUGHT.items() if name not in but}


def bring_in(world: World, database: Database, **options) -> importing.ImportReport:
    """An import into a database."""
    with connect(database.url) as connection, world.hubspot() as hubspot:
        return importing.run(Rpc(connection), hubspot, **options)


def fill(world: World, contacts: int, exams: int, bookings: int, seed: int = 7) -> None:
    """Puts thousands of records into the account, some of them odd."""
    chance = random.Random(seed)
    store = world.account.store
    types = {kind: store.type(kind) for kind in (CONTACTS, EXAM_TYPE, BOOKING_TYPE)}
    made_exams = [
        store.create(
            types[EXAM_TYPE],
            {
                "mock_exam_name": f"Exam {number}",
                "mock_type": "Situational Judgment",
                "exam_date": f"2099-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}",
                "start_time": "09:00",
                "capacity": "20",
                "is_active": "true",
            },
        )
        for number in range(exams)
    ]
    made_contacts = []
    for number in range(contacts):
        name = f"s{number}"
        # One in fifty has no student id, and is refused.
        who = {"student_id": name} if number % 50 else {}
        made_contacts.append(
            store.create(
                types[CONTACTS],
                who | {"email": f"{name}@example.com", "sj_credits": str(chance.randrange(5))},
            )
        )
    for number in range(bookings):
        contact, exam = chance.choice(made_contacts), chance.choice(made_exams)
        student = contact.version.properties.get("student_id", "nobody")
        booking = store.create(
            types[BOOKING_TYPE],
            {
                "booking_id": f"BK-{number}",
                "student_id": student,
                "student_email": contact.version.properties["email"],
                "mock_exam_id": exam.id,
                "mock_type": "Situational Judgment",
                "exam_date": exam.version.properties["exam_date"],
                "is_active": chance.choice(["Active", "Cancelled", "Completed"]),
                "token_used": "Situational Judgment Token",
            },
        )
        if number % 10:
            store.links.link(types[BOOKING_TYPE], booking.id, types[CONTACTS], contact.id)
            store.links.link(types[BOOKING_TYPE], booking.id, types[EXAM_TYPE], exam.id)


# What comes in


def test_exams_contacts_and_bookings_come_in_with_their_links(world):
    exam = world.exam(capacity=3)
    ann, ben = world.student("ann", sj_credits=2), world.student("ben")
    store = world.account.store
    ids = {
        name: world.account.create(
            BOOKINGS,
            booking_id=f"BK-{name}",
            student_id=name,
            student_email=f"{name}@example.com",
            mock_exam_id=exam,
            is_active=status,
        )
        for name, status in (("ann", "Active"), ("ben", "Cancelled"), ("eve", "Active"))
    }
    booking_type = store.type(BOOKING_TYPE)
    for name, contact in (("ann", ann), ("ben", ben)):
        store.links.link(booking_type, ids[name], store.type(CONTACTS), contact)
        store.links.link(booking_type, ids[name], store.type(EXAM_TYPE), exam)
    report = world.bring_in()
    assert (report.exams, report.contacts, report.bookings, report.refused) == (1, 2, 3, 0)
    rows = world.database.rows(
        "select b.booking_id, b.is_active, c.student_id, e.hubspot_id, b.contact_id"
        " from hubspot_sync.hubspot_bookings b"
        " left join hubspot_sync.hubspot_contact_credits c on c.id = b.contact"
        " left join hubspot_sync.hubspot_mock_exams e on e.id = b.exam order by 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("BK-ann", "Active", "ann", exam, ann),
        ("BK-ben", "Cancelled", "ben", exam, ben),
        # An orphan is kept.
        ("BK-eve", "Active", None, exam, None),
    ]
    (exams, contacts, bookings) = report.tables
    assert (exams["read"], exams["here"], exams["seats_wrong"]) == (1, 1, 0)
    assert (contacts["read"], contacts["here"]) == (2, 2)
    assert (bookings["read"], bookings["here"], bookings["unlinked"]) == (3, 3, 1)
    assert world.database.value("select taken from hubspot_sync.exam_seats") == 2
    assert world.database.value(
        "select sj_credits from hubspot_sync.hubspot_contact_credits where student_id = 'ann'"
    ) == 2  # fmt: skip


def test_a_booking_with_more_links_than_a_page_of_them_is_linked_with_its_own(world):
    world.account.limits(association_page=1)
    exams = [world.exam(mock_exam_name=f"Exam {number}") for number in range(3)]
    ann = world.student("ann")
    store = world.account.store
    booking = world.account.create(
        BOOKINGS, booking_id="BK-1", student_id="ann", student_email="ann@example.com",
        mock_exam_id=exams[2], is_active="Active",
    )  # fmt: skip
    booking_type = store.type(BOOKING_TYPE)
    store.links.link(booking_type, booking, store.type(CONTACTS), ann)
    for exam in exams:
        store.links.link(booking_type, booking, store.type(EXAM_TYPE), exam)
    world.bring_in()
    row = world.database.rows(BROUGHT["bookings"])[0]
    assert (row["exam"], row["student_id"]) == (exams[2], "ann")


def test_calls_are_as_few_as_the_batches_allow(world):
    fill(world, contacts=250, exams=30, bookings=1150)
    world.account.calls()
    world.bring_in()
    # Two looks at the types; pages of a hundred; links of a thousand bookings, of two kinds.
    assert world.account.calls() == 2 + 1 + 3 + 12 + 2 * 2


def test_an_import_that_was_finished_begins_anew_and_changes_nothing(world):
    fill(world, contacts=120, exams=5, bookings=110)
    first = world.bring_in()
    before = brought(world.database, but="state")
    world.account.calls()
    again = world.bring_in()
    assert world.account.calls() == 2 + 1 + 2 + 2 + 2
    assert brought(world.database, but="state") == before
    assert [row["read"] for row in again.tables] == [row["read"] for row in first.tables]


def test_an_import_that_was_cut_off_goes_on_where_it_was(world, other):
    fill(world, contacts=450, exams=5, bookings=10)
    world.account.fault(
        {"kind": "unavailable", "path": LIST.format("contacts"), "count": 1, "probability": 1},
    )
    with pytest.raises(Unavailable):
        world.bring_in()
    assert len(world.database.rows(BROUGHT["exams"])) == 5
    stops = iter([False, False, True])
    bring_in(world, world.database, stopped=lambda: next(stops))
    (place,) = world.database.rows(
        "select state from hubspot_sync.sync_status where task = 'import hubspot_contact_credits'"
    )
    assert (place["state"]["pages"], place["state"]["done"]) == (3, False)
    world.forget()
    report = world.bring_in()
    listed = [
        request.url
        for request, _ in world.recorder.exchanges
        if request.url.path == LIST.format("contacts")
    ]
    assert listed[0].params["after"] == place["state"]["after"]
    assert len(listed) == 2
    bring_in(world, other)
    assert brought(world.database) == brought(other)
    assert report.contacts == 450 - 9


def test_an_unfinished_import_can_be_begun_anew(world):
    fill(world, contacts=250, exams=5, bookings=10)
    bring_in(world, world.database, stopped=lambda: True)
    world.forget()
    report = bring_in(world, world.database, restart=True)
    assert [row["read"] for row in report.tables] == [5, 250, 10]
    paths = [request.url.path for request, _ in world.recorder.exchanges]
    assert paths.count(LIST.format(EXAM_TYPE)) == 1


def test_an_import_says_that_it_does_not_wait_for_a_pause(world):
    fill(world, contacts=3, exams=2, bookings=1)
    world.database.rows("select hubspot_sync.pause_sync('*', 'cleaning up')")
    run = glue_here("import", env=world.environment())
    assert run.returncode == 0
    assert "cleaning up" in run.stderr
    assert "does not wait" in run.stderr


def test_what_was_imported_is_no_news_to_a_poll(world, exam):
    db = world.database
    marks = db.rows("select task, state from hubspot_sync.sync_status where task like 'poll%%'")
    assert len(marks) == 6
    world.account.create(CONTACTS, student_id="dan", email="dan@example.com")
    db.rows("select hubspot_sync.note_pace(0, 0)")
    env = world.environment()
    report = json.loads(glue_here("poll", "--once", "--now", "--json", env=env).stdout)
    assert (report["checked"], report["queued"]) == (5, 1)


# Both sides


def test_postgres_is_rebuilt_from_hubspot(world, other):
    db = world.database
    exams = [world.exam(capacity=5), world.exam(mock_exam_name="Second", capacity=5)]
    for name in ("ann", "ben", "cat", "dan"):
        world.student(name, cs_credits=1)
    world.bring_in()
    ids = [db.book(name, exams[0]) for name in ("ann", "ben", "cat", "dan")]
    db.cancel(ids[0])
    db.move(ids[1], exams[1])
    db.rows(
        "select api.grant_credits('ann', 'ann@example.com', 'shared_mock_credits', 3, 'a gift',"
        " 'key-1')"
    )
    db.rows("select api.set_exam_capacity(%(exam)s, 7)", exam=exams[0])
    db.rows(
        "update hubspot_sync.hubspot_bookings set attendance = 'Yes', is_active = 'Completed',"
        " dominant_hand = 'left' where booking_id = %(booking)s",
        booking=ids[2],
    )
    while world.drain().sent:
        db.let_time_pass()
    assert db.open_changes() == []

    report = bring_in(world, other)
    assert report.refused == 0
    for name in ("exams", "contacts", "bookings"):
        assert brought(other)[name] == brought(db)[name]
    # The figure of an exam is ours, and is told once more; nothing else goes back.
    assert {json.dumps(row["new_data"]) for row in other.open_changes()} == {
        '{"total_bookings": "1"}',
        '{"total_bookings": "2"}',
    }
    assert other.violations() == []
    # And it works on: a booking spends what is left.
    other.book("ann", exams[1])
    assert other.value("select sum(taken) from hubspot_sync.exam_seats") == 4


# Kills


@pytest.mark.parametrize("seed", [1])
def test_an_import_killed_twenty_times_ends_equal_to_one_uninterrupted(world, other, seed):
    chance = random.Random(seed)
    fill(world, contacts=1200, exams=250, bookings=1150)
    config = world.config()
    # Killed while requests fly and while pages are written.
    world.account.fault({"kind": "slow", "ms": 15, "probability": 0.5})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["import_worker"])
    done = "select count(*) from hubspot_sync.sync_status where state @> '{\"done\": true}'"
    killed = 0
    while killed < 20:
        if world.database.value(done) == 3:
            world.database.rows(
                "delete from hubspot_sync.sync_status where task = 'import hubspot_bookings'"
            )
        calls, made = chance.randrange(2, 7), 0
        world.account.calls()
        process = context.Process(target=import_worker.run, args=(world.database.url, config))
        process.start()

        def enough(calls=calls, process=process):
            nonlocal made
            made += world.account.calls()
            return made >= calls or not process.is_alive()

        eventually(enough, f"{calls} calls")
        process.kill()
        process.join()
        killed += process.exitcode != 0
        process.close()
    world.account.fault()
    report = world.bring_in()
    bring_in(world, other)
    assert report.refused == 0
    for name, rows in brought(other, but="state").items():
        assert rows == brought(world.database)[name], name
    assert other.violations() == []


# The command


def test_the_command_tells_what_came_and_what_was_refused(world):
    world.exam()
    world.student("ann")
    odd = world.exam(capacity=-5)
    done = glue_here("import", "--json", env=world.environment())
    assert done.returncode == 1
    assert done.stderr.startswith("1 record refused")
    report = json.loads(done.stdout)
    assert (report["exams"], report["contacts"], report["refused"]) == (1, 1, 1)
    (reason,) = report["reasons"]
    assert (reason["hubspot_id"], reason["table_name"]) == (odd, "hubspot_mock_exams")
    assert "capacity -5 is negative" in reason["reason"]
    quiet = glue_here("import", env=world.environment())
    assert (quiet.returncode, quiet.stdout) == (1, "")
    assert f"exams {odd}: MBCAP: capacity -5 is negative" in quiet.stderr
    world.account.edit(EXAMS, odd, capacity=5)
    silent = glue_here("import", env=world.environment())
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


def test_who_is_no_student_is_noted_and_fails_no_import(world):
    nobody = world.account.create(CONTACTS, email="nobody@example.com")
    done = glue_here("import", "--json", env=world.environment())
    assert (done.returncode, json.loads(done.stdout)["refused"]) == (0, 0)
    noted = world.database.value(
        "select error_message from hubspot_sync.sync_errors"
        " where hubspot_id = %(nobody)s and resolved_at is null",
        nobody=nobody,
    )
    assert noted == "22023: student_id is missing"


def test_a_person_sees_both_sides_beside_each_other(world, exam):
    told = glue_watched("import", env=world.environment())
    assert told.returncode == 0
    lines = {line.split("│")[1].strip(): line for line in told.stdout.splitlines() if "│" in line}
    assert [part.strip() for part in lines["contacts"].split("│")[2:6]] == ["3", "3", "0", "3"]
    assert "seat counters are right" in lines["exams"]


# Fetching ahead


def test_what_is_fetched_ahead_comes_in_order_and_so_does_its_failure():
    def pages():
        yield from range(10)
        raise Unavailable("gone", unanswered=False)

    seen = []
    with pytest.raises(Unavailable), ahead(pages()) as coming:
        seen.extend(page for page in coming)
    assert seen == list(range(10))


def test_no_more_is_fetched_once_nobody_wants_it():
    made = []

    def pages():
        for number in range(1000):
            made.append(number)
            yield number

    with ahead(pages(), depth=2) as coming:
        assert next(coming) == 0
    assert len(made) <= 5


@pytest.mark.parametrize(
    ("exams", "bookings", "words"),
    [
        (BOOKING_TYPE, EXAM_TYPE, "is no type of exams: it has no property capacity"),
        ("2-999", BOOKING_TYPE, "infer object type"),
        (EXAM_TYPE, EXAM_TYPE, "must be two"),
        (EXAM_TYPE, "0-1", "must be two"),
        ("exams", BOOKING_TYPE, "is no id of an object type"),
    ],
)
def test_types_that_cannot_be_it_are_refused_before_anything_is_taken(
    world, exams, bookings, words
):
    fill(world, contacts=3, exams=2, bookings=1)
    env = world.environment(HUBSPOT_EXAM_TYPE=exams, HUBSPOT_BOOKING_TYPE=bookings)
    run = glue_here("import", env=env)
    assert run.returncode == 2
    assert words in run.stderr
    assert "HUBSPOT_EXAM_TYPE" in run.stderr
    assert world.database.value("select count(*) from hubspot_sync.hubspot_mock_exams") == 0


def test_an_unknown_type_costs_no_record_an_attempt(world):
    fill(world, contacts=1, exams=1, bookings=1)
    world.bring_in()
    (exam,) = (row["id"] for row in world.account.records(EXAM_TYPE))
    world.database.signal("hubspot_mock_exams", exam)
    env = world.environment(HUBSPOT_EXAM_TYPE="2-999")
    for _ in range(4):
        assert glue_here("receive", "--once", env=env).returncode == 2
        world.database.let_time_pass()
    assert [row["attempts"] for row in world.database.open_signals()] == [0]
