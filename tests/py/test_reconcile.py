"""`glue reconcile`: both sides compared, what differs read and sent, until nothing does."""

import json

import pytest
from hubspot_world import (
    BOOKING_TYPE,
    BOOKINGS,
    CONTACTS,
    EXAM_TYPE,
    EXAMS,
    World,
    glue_here,
    glue_watched,
)

from glue.db import connect
from glue.errors import Unauthorized, Unavailable
from glue.reconcile import Reconcile, ReconcileReport
from glue.rpc import Rpc

NAMES = {
    "hubspot_mock_exams": EXAMS,
    "hubspot_contact_credits": CONTACTS,
    "hubspot_bookings": BOOKINGS,
}


@pytest.fixture(autouse=True)
def _no_limit_of_searches(world):
    """What a limit does is tested by itself."""
    world.account.limits(search_per_second=1000)


def reconciled(world: World, *, everything: bool = True) -> ReconcileReport:
    """A comparison with all that follows it."""
    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        return Reconcile(Rpc(connection), hubspot).run(everything=everything)


def rows(report: ReconcileReport) -> dict[str, dict]:
    """The rows of a comparison by what they compare."""
    return {NAMES[row["table_name"]]: row for row in report.tables}


def findings(world: World) -> set[tuple]:
    """What comparisons found: finding, id, fields."""
    return {
        (row["finding"], row["hubspot_id"], tuple(row["fields"] or ()))
        for row in world.database.rows("select * from hubspot_sync.reconciliation_findings")
    }


# Agreement


def test_both_sides_agree_after_a_day_of_work(world, exam):
    db = world.database
    world.student("dan")
    world.bring_in()
    kept, cancelled = db.book("ann", exam), db.book("ben", exam)
    db.cancel(cancelled)
    while world.drain().sent:
        db.let_time_pass()
    reconciled(world)
    report = reconciled(world)
    seen = rows(report)
    assert [seen[kind]["checked"] for kind in (EXAMS, CONTACTS, BOOKINGS)] == [1, 4, 2]
    assert [seen[kind]["equal"] for kind in (EXAMS, CONTACTS, BOOKINGS)] == [1, 4, 2]
    assert (report.drift, report.received.received, report.drained.sent) == (0, 0, 0)
    assert findings(world) == set()
    assert set(world.account.properties(BOOKINGS, "booking_id")) == {kept, cancelled}


def test_what_the_outbox_still_holds_is_on_its_way_and_no_difference(world, exam):
    world.database.book("ann", exam)
    world.drain()
    world.database.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Leeds'")
    world.database.rows("select hubspot_sync.pause_sync('*', 'a test')")
    with connect(world.database.url) as connection:
        rpc = Rpc(connection)
        run = rpc.begin_reconciliation(True)
        with world.hubspot() as hubspot:
            Reconcile(rpc, hubspot)._listed(run, "hubspot_bookings")
        report = rpc.finish_reconciliation(run, [])
    booking = next(row for row in report if row["table_name"] == "hubspot_bookings")
    assert (booking["checked"], booking["on_its_way"], booking["differing"]) == (1, 1, 0)
    assert findings(world) == set()


# What differs


def test_an_edit_that_no_webhook_and_no_poll_told_is_taken(world, exam):
    ann = world.account.records(CONTACTS)[0]["id"]
    world.account.edit(CONTACTS, ann, firstname="Anna", email="ANN@example.com")
    world.account.edit(EXAMS, exam, capacity="12.0", location="Leeds")
    report = reconciled(world)
    assert findings(world) == {
        ("differing", ann, ("firstname",)),
        ("differing", exam, ("capacity", "location")),
    }
    assert report.drift == 0
    seen = rows(report)
    assert (seen[EXAMS]["differing"], seen[EXAMS]["taken"]) == (1, 1)
    here = world.database.rows("select capacity, location from hubspot_sync.hubspot_mock_exams")
    assert here == [{"capacity": 12, "location": "Leeds"}]
    assert rows(reconciled(world))[CONTACTS]["equal"] == 3


def test_what_belongs_to_postgres_is_sent_once_more_and_told_as_a_conflict(world, exam):
    booking = world.database.book("ann", exam)
    world.drain()
    (row,) = world.account.records(BOOKINGS)
    world.account.edit(BOOKINGS, row["id"], mock_type="Mini-mock")
    world.account.edit(EXAMS, exam, total_bookings=77)
    report = reconciled(world)
    assert report.drift == 0
    there = world.account.properties(BOOKINGS, "booking_id")[booking]
    assert there["mock_type"] == "Situational Judgment"
    assert world.account.records(EXAMS)[0]["properties"]["total_bookings"] == "1"
    assert rows(report)[BOOKINGS]["conflicts"] == 1


def test_a_link_that_somebody_ended_is_made_again(world, exam):
    world.database.book("ann", exam)
    world.drain()
    (row,) = world.account.records(BOOKINGS)
    (contact,) = row["associations"]["contacts"]
    store = world.account.store
    store.links.unlink(store.type(BOOKING_TYPE), row["id"], store.type(CONTACTS), contact)
    report = reconciled(world)
    assert findings(world) == {("differing", row["id"], ("@contact",))}
    assert report.drift == 0
    (row,) = world.account.records(BOOKINGS)
    assert row["associations"]["contacts"] == [contact]


def test_a_record_that_cannot_be_read_is_drift_until_somebody_mends_it(world, exam):
    world.account.edit(EXAMS, exam, capacity=-1)
    for _ in range(3):
        report = reconciled(world)
        world.database.rows(
            "update hubspot_sync.webhook_inbox set next_attempt_at = now() where done_at is null"
        )
    assert findings(world) == {("differing", exam, ("capacity",))}
    assert report.drift == 1
    (letter,) = world.database.rows("select * from hubspot_sync.webhook_inbox")
    assert letter["dead_at"]
    world.account.edit(EXAMS, exam, capacity=5)
    assert reconciled(world).drift == 0


# What is missing


def test_what_is_missing_here_is_fetched(world, exam):
    dan, second = world.student("dan"), world.exam(mock_exam_name="Second")
    report = reconciled(world)
    assert findings(world) == {("missing_here", dan, ()), ("missing_here", second, ())}
    assert report.drift == 0
    assert world.database.value("select count(*) from hubspot_sync.hubspot_mock_exams") == 2
    assert world.database.value("select count(*) from hubspot_sync.hubspot_contact_credits") == 4


def test_what_is_missing_there_is_made_anew_or_marked_as_deleted(world, exam):
    db = world.database
    booking = db.book("ann", exam)
    world.drain()
    (row,) = world.account.records(BOOKINGS)
    world.account.delete(BOOKINGS, row["id"])
    ben = world.account.records(CONTACTS)[1]["id"]
    world.account.delete(CONTACTS, ben)
    report = reconciled(world)
    assert findings(world) == {
        ("missing_there", row["id"], ()),
        ("missing_there", ben, ()),
    }
    assert report.drift == 0
    deleted = db.rows(
        "select hubspot_id from hubspot_sync.hubspot_contact_credits where deleted_at is not null"
    )
    assert deleted == [{"hubspot_id": ben}]
    # The seat is free again, and the credit is back.
    assert db.value("select taken from hubspot_sync.exam_seats") == 0
    assert db.value(
        "select is_active from hubspot_sync.hubspot_bookings where booking_id = %(booking)s",
        booking=booking,
    ) == "Cancelled"  # fmt: skip
    again = reconciled(world)
    assert (again.drift, rows(again)[BOOKINGS]["missing_there"]) == (0, 0)


def test_what_hubspot_lacks_because_triggers_were_off_is_sent(world, exam):
    db = world.database
    db.book("ann", exam)
    world.drain()
    db.rows("set session_replication_role = replica")
    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Leeds',"
            " updated_at = now()")  # fmt: skip
    db.rows("set session_replication_role = origin")
    report = reconciled(world)
    assert (rows(report)[BOOKINGS]["queued"], rows(report)[BOOKINGS]["sent"]) == (1, 1)
    (row,) = world.account.records(BOOKINGS)
    assert row["properties"]["attending_location"] == "Leeds"


def test_a_record_made_while_the_list_is_read_is_not_missing_there(world, exam):
    for number in range(120):
        world.student(f"s{number}")
    world.bring_in()
    db = world.database
    booked = []

    def progress(table: str, count: int) -> None:
        if table == "hubspot_bookings" and not booked:
            booked.append(db.book("ann", exam))
            world.drain()

    with connect(db.url) as connection, world.hubspot() as hubspot:
        report = Reconcile(Rpc(connection), hubspot, progress=progress).run(everything=True)
    assert rows(report)[BOOKINGS]["missing_there"] == 0
    assert report.drift == 0


# Hourly


def test_an_hourly_comparison_looks_at_what_changed_alone(world, exam):
    # The first tells HubSpot what it never had, the exam's figure.
    reconciled(world, everything=False)
    world.account.advance(1500)
    reconciled(world, everything=False)
    world.forget()
    assert rows(reconciled(world, everything=False))[CONTACTS]["checked"] == 0
    paths = [request.url.path.rsplit("/", 1)[1] for request, _ in world.recorder.exchanges]
    assert paths == ["search"] * 3
    ann = world.account.records(CONTACTS)[0]["id"]
    world.account.edit(CONTACTS, ann, firstname="Anna")
    booking = world.database.book("ben", exam)
    report = reconciled(world, everything=False)
    seen = rows(report)
    assert (seen[CONTACTS]["checked"], seen[CONTACTS]["differing"]) == (1, 1)
    assert seen[BOOKINGS]["compared"] == 1
    assert report.drift == 0
    assert set(world.account.properties(BOOKINGS, "booking_id")) == {booking}
    names = world.database.rows(
        "select firstname from hubspot_sync.hubspot_contact_credits where student_id = 'ann'"
    )
    assert names == [{"firstname": "Anna"}]


def test_one_that_was_cut_off_goes_on_where_it_was(world):
    made = [world.student(f"s{number}") for number in range(250)]
    path = "/crm/objects/2026-09/contacts/batch/read"
    world.account.fault({"kind": "unavailable", "path": path, "count": 1})
    with pytest.raises(Unavailable):
        reconciled(world, everything=False)
    # Nothing was compared, so nothing was passed.
    reports = [reconciled(world, everything=False) for _ in range(2)]
    assert sum(rows(report)[CONTACTS]["missing_here"] for report in reports) == len(made)
    assert world.database.value("select count(*) from hubspot_sync.hubspot_contact_credits") == 250


# Trouble


def test_a_wrong_token_pauses_everything(world, exam):
    world.account.fault({"kind": "unauthorized", "count": 1})
    with pytest.raises(Unauthorized):
        reconciled(world)
    assert reconciled(world).skipped == list(NAMES)


def test_a_missing_scope_leaves_the_other_tables_compared(world, exam):
    path = f"/crm/objects/2026-09/{EXAM_TYPE}"
    world.account.fault({"kind": "missing_scopes", "path": path, "count": 1})
    done = glue_here("reconcile", "--full", "--json", env=world.environment())
    assert done.returncode == 77
    report = json.loads(done.stdout)
    assert {row["table_name"]: row["checked"] for row in report["tables"]} == {
        "hubspot_mock_exams": 0,
        "hubspot_contact_credits": 3,
        "hubspot_bookings": 0,
    }


# Saving calls


def test_a_thrifty_comparison_asks_hubspot_nothing_and_leaves_what_differs_to_the_push(world, exam):
    db = world.database
    db.rows("update hubspot_sync.settings set value = 'thrifty' where key = 'profile'")
    db.rows(
        'update hubspot_sync.sync_shadow set properties = properties || \'{"location": "York"}\''
        " where table_name = 'hubspot_mock_exams'"
    )
    world.forget()
    report = reconciled(world, everything=False)
    assert world.asked("") == []
    assert (rows(report)[EXAMS]["queued"], report.drift) == (1, 0)
    assert len(db.open_changes("hubspot_mock_exams")) == 1


# The command


def test_the_command_is_silent_when_both_sides_agree_and_tells_of_drift(world, exam):
    env = world.environment()
    done = glue_here("reconcile", "--full", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    world.account.edit(EXAMS, exam, capacity=-1)
    for _ in range(3):
        done = glue_here("reconcile", "--full", env=env)
        world.database.rows(
            "update hubspot_sync.webhook_inbox set next_attempt_at = now() where done_at is null"
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "exams: 1 still differs: glue inbox list --state dead --table exams;"
        " glue queue list --state dead --table exams" in done.stderr
    )
    assert "…" not in done.stderr


def test_a_person_sees_both_directions_and_the_last_comparisons(world, exam):
    world.account.edit(EXAMS, exam, location="Leeds")
    env = world.environment()
    told = glue_watched("reconcile", "--full", env=env)
    assert told.returncode == 0
    lines = [[part.strip() for part in line.split("│")[1:-1]] for line in told.stdout.splitlines()]
    assert ["differing", "1", "0", "0"] in lines
    assert ["taken", "1", "0", "0"] in lines
    assert told.stdout.endswith("both sides agree\n")
    listed = glue_here("reconcile", "--list", "--json", env=env)
    exams = json.loads(listed.stdout)["reconciliations"][0]
    assert (exams["table_name"], exams["share_equal"]) == ("hubspot_mock_exams", "0.00000")
    shown = glue_here("reconcile", "--list", env=env)
    assert "0.000%" in shown.stdout
    assert "100.000%" in shown.stdout
