"""HubSpot filled again from Postgres, after an account lost everything."""

from hubspot_world import BOOKINGS, CONTACTS, EXAM_TYPE, EXAMS, Account, World

from glue import push
from glue.db import connect
from glue.drain import Drain
from glue.rpc import Rpc


def pushed(world: World, *, everything: bool) -> push.PushReport:
    """A full pass and its drain."""
    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        rpc = Rpc(connection)
        return push.run(rpc, Drain(rpc, hubspot, lane="bulk"), everything=everything)


def emptied(world: World, server) -> Account:
    """The same world beside an account without records."""
    world.account = server.new()
    # Ids there begin where they began before; those of lost records mean nothing any more.
    for _ in range(20):
        world.account.delete(
            CONTACTS, world.account.create(CONTACTS, student_id="x", email="x@x.x")
        )
    return world.account


def test_an_account_that_lost_everything_is_filled_again_with_all_links(world, exam, server):
    db = world.database
    ann, ben = db.book("ann", exam), db.book("ben", exam)
    db.cancel(ben)
    world.drain()
    account = emptied(world, server)

    report = pushed(world, everything=True)
    assert (report.checked, report.queued) == (6, 6)
    assert report.drained.errors == []

    bookings = account.properties(BOOKINGS, "booking_id")
    assert {name: row["is_active"] for name, row in bookings.items()} == {
        ann: "Active",
        ben: "Cancelled",
    }
    contacts = {r["properties"]["student_id"]: r["id"] for r in account.records(CONTACTS)}
    assert set(contacts) == {"ann", "ben", "cat"}
    (made,) = account.records(EXAMS)
    assert made["properties"]["total_bookings"] == "1"
    assert made["properties"]["location"] == "Online"
    assert account.links(BOOKINGS, "booking_id") == {
        ann: {"contacts": [contacts["ann"]], "mock_exams": [made["id"]]},
        ben: {"contacts": [contacts["ben"]], "mock_exams": [made["id"]]},
    }
    assert bookings[ann]["mock_exam_id"] == made["id"]
    assert db.value("select hubspot_id from hubspot_sync.hubspot_mock_exams") == made["id"]
    assert db.open_changes() == []
    # That was no move of anybody's booking.
    events = db.rows("select event_type from hubspot_sync.booking_events order by 1")
    assert [row["event_type"] for row in events] == ["cancelled", "created", "created"]

    db.book("cat", made["id"])
    assert world.drain().failed == 0
    assert pushed(world, everything=False).queued == 0


def test_an_exam_whose_making_was_not_answered_is_not_made_twice(world, exam, server):
    account = emptied(world, server)
    path = f"/crm/objects/2026-09/{EXAM_TYPE}/batch/create"
    account.fault({"kind": "cut", "path": path, "count": 1})
    report = pushed(world, everything=True)
    assert report.drained.dead == 1
    world.database.let_time_pass()
    world.drain()
    assert len(account.records(EXAMS)) == 1
    (change,) = world.database.rows(
        "select last_error from hubspot_sync.sync_queue where dead_at is not null"
    )
    assert "did not answer" in change["last_error"]
    world.database.rows("select hubspot_sync.finish_changes('hubspot_mock_exams', '[]')")


def test_an_exam_removed_in_hubspot_is_not_made_anew_by_an_ordinary_pass(world, exam):
    world.account.delete(EXAMS, exam)
    world.database.rows("select api.set_exam_capacity(%(exam)s, 3)", exam=exam)
    assert world.drain().dead == 1
    pushed(world, everything=False)
    assert world.account.records(EXAMS) == []
