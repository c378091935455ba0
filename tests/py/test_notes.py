"""What the audit log tells becomes notes on the contact in HubSpot: all of it, each thing once."""

import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from hubspot_world import CONTACTS, Database, World, command, eventually

NOTES = "notes"
CREATE = "/crm/objects/2026-09/notes/batch/create"


@pytest.fixture
def world(server, database_url):
    """A world whose contacts get notes; in the end every exchange must fit the documents."""
    account, database = server.new(), Database(database_url)
    world = World(account, database, notes=True)
    try:
        yield world
        world.recorder.check()
        assert account.duplicates() == []
        assert database.violations() == []
    finally:
        account.close()
        database.close()


def bodies(world) -> list[str]:
    """The texts of HubSpot's notes, oldest first."""
    return [row["properties"]["hs_note_body"] for row in world.account.records(NOTES)]


def refs(world) -> list[str]:
    """Our ids of HubSpot's notes."""
    return [re.search(r"Ref\. ([0-9a-f-]{36})", body)[1] for body in bodies(world)]


def entries(body: str) -> list[str]:
    """What a note tells, without the times."""
    return [line[18:] for line in re.findall(r"<li>(.*?)</li>", body)]


def let_time_pass(world) -> None:
    """As `Database.let_time_pass`, and long enough for every request of before to be over."""
    world.database.let_time_pass()
    world.database.rows(
        "update hubspot_sync.sync_queue set last_sync_attempt = last_sync_attempt - interval '1 h'"
    )
    world.database.rows(
        "update hubspot_sync.sync_status set last_run_at = last_run_at - interval '1 h'"
    )


def calls(world, path: str) -> int:
    """How many requests went to paths that contain this."""
    return sum(path in request.url.path for request, _ in world.recorder.exchanges)


# In fair weather


def test_a_booking_is_told_in_a_note_on_its_contact(world, exam):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    report = world.drain()
    assert (report.failed, report.dead) == (0, 0)
    (note,) = account.records(NOTES)
    date = db.value("select (current_date + 30)::text")
    (told,) = entries(note["properties"]["hs_note_body"])
    assert told.startswith(f"Booking {booking_id} of Situational Judgment on {date} created; by ")
    (ann,) = [r["id"] for r in account.records(CONTACTS) if r["properties"]["student_id"] == "ann"]
    assert note["associations"] == {"contacts": [ann]}
    here = db.rows("select * from hubspot_sync.sync_notes")
    assert [row["hubspot_id"] for row in here] == [note["id"]]
    (entry,) = db.rows("select * from hubspot_sync.supabase_audit_log where note is not null")
    assert (entry["event_type"], entry["note"]) == ("created", here[0]["id"])
    assert entry["hubspot_sent_at"] == here[0]["hubspot_last_sync_at"]
    assert db.open_changes() == []


def test_250_entries_of_three_contacts_are_three_notes_in_one_call(world, exam):
    db = world.database
    for number in range(84):
        db.rows(
            "select api.grant_credits(student_id, email, 'cs_credits', 1, %(why)s)"
            "  from hubspot_sync.hubspot_contact_credits",
            why=f"gift {number}",
        )
    world.drain()
    assert calls(world, "/notes/") == 1
    told = [entries(body) for body in bodies(world)]
    assert [len(lines) for lines in told] == [84, 84, 84]
    for lines in told:
        for number, line in enumerate(lines):
            words = f"1 Clinical Skills credit granted (now {number + 1}); by "
            assert line.startswith(words)
            assert line.endswith(f"; reason: gift {number}")


def test_more_notes_than_a_batch_holds_go_in_full_batches(world):
    for number in range(210):
        world.student(f"s{number}")
    world.bring_in()
    world.database.rows("select api.grant_credits(student_id, email, 'cs_credits', 1, 'gift')"
                        "  from hubspot_sync.hubspot_contact_credits")  # fmt: skip
    world.drain()
    assert calls(world, "/notes/") == 3
    assert len(set(refs(world))) == 210


def test_html_in_names_reasons_and_values_is_shown_and_not_obeyed(world, exam):
    db = world.database
    booking_id = db.book("ann", exam)
    db.rows(
        "update hubspot_sync.hubspot_bookings set attending_location = '<script>alert(1)</script>'"
    )
    db.rows("select api.cancel_booking(%(id)s, '<b onclick=\"x\">it''s & done')", id=booking_id)
    world.drain()
    (body,) = bodies(world)
    told = entries(body)
    assert "attending location none → &lt;script&gt;alert(1)&lt;/script&gt;" in told[1]
    assert told[2].endswith("reason: &lt;b onclick=&quot;x&quot;&gt;it&#39;s &amp; done")
    assert set(re.findall(r"<[^>]*>", body)) == {"<ul>", "</ul>", "<li>", "</li>", "<p>", "</p>"}


def test_what_hubspot_said_and_what_a_booking_explains_is_not_told(world, exam):
    db, account = world.database, world.account
    booking_id = db.book("ann", exam)
    world.drain()
    contact = account.properties(CONTACTS, "student_id")["ann"]["hs_object_id"]
    account.edit(CONTACTS, contact, firstname="Anna", email="anna@example.com")
    world.student("dan")
    world.bring_in()
    let_time_pass(world)
    world.drain()
    assert len(bodies(world)) == 1
    db.cancel(booking_id)
    let_time_pass(world)
    world.drain()
    (told,) = entries(bodies(world)[1])  # and nothing of the credit that went back
    assert " cancelled; by " in told


def test_a_contact_that_hubspot_does_not_have_yet_is_told_of_later(world, exam):
    db = world.database
    db.rows("select api.upsert_contact('new', 'new@example.com', p_sj_credits => 1)")
    booking_id = db.book("new", exam)
    world.account.fault({"kind": "locked", "count": 1, "type": "contacts"})
    world.drain()
    assert bodies(world) == []
    let_time_pass(world)
    world.drain(lane="bulk")  # the contact, and what then can be told
    (body,) = bodies(world)
    made, booked = entries(body)
    assert made.startswith(
        "Student new, new@example.com, made known, with 1 Situational Judgment credit; by "
    )
    assert booked.startswith(f"Booking {booking_id} ")


# When


def test_notes_are_gathered_for_a_minute(world, exam):
    db = world.database
    db.book("ann", exam)
    world.drain()
    db.book("ben", exam)
    world.drain()
    assert len(bodies(world)) == 1
    db.rows(
        "update hubspot_sync.sync_status set last_run_at = last_run_at - interval '1 minute'"
        " where task = 'notes'"
    )
    world.drain()
    assert len(bodies(world)) == 2


def test_a_thrifty_account_is_told_by_the_push_alone(world, exam):
    db = world.database
    db.rows("update hubspot_sync.settings set value = 'thrifty' where key = 'profile'")
    db.book("ann", exam)
    world.drain()
    world.drain(lane="urgent")
    assert db.value("select count(*) from hubspot_sync.sync_notes") == 0
    world.drain(lane="bulk")
    assert len(bodies(world)) == 1


# In foul weather


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ({"kind": "unavailable"}, False),
        ({"kind": "cut_before_applying"}, False),
        ({"kind": "error_after_applying"}, True),
        ({"kind": "cut"}, True),
        ({"kind": "slow", "ms": 3000}, True),
    ],
    ids=["503", "cut before", "502 after applying", "cut after", "time-out"],
)
def test_a_lost_answer_loses_no_note_and_doubles_none(world, exam, fault, applied):
    db, account = world.database, world.account
    db.book("ann", exam)
    db.book("ben", exam)
    account.limits(association_page=1)
    account.create(NOTES, hs_timestamp="2030-01-01T00:00:00Z", hs_note_body="by hand")
    account.fault(fault | {"path": CREATE, "count": 1})
    report = world.drain(timeout=1)
    assert (report.failed, report.dead) == (2, 0)
    assert len(account.records(NOTES)) == (3 if applied else 1)
    let_time_pass(world)
    for _ in range(2):  # HubSpot may still have applied the first request: it is looked once more
        world.drain()
        there = account.records(NOTES)
        assert len(there) == 3
        let_time_pass(world)
    here = {row["hubspot_id"] for row in db.rows("select hubspot_id from hubspot_sync.sync_notes")}
    assert here < {row["id"] for row in there}
    assert db.open_changes() == []


def test_a_note_of_which_nothing_is_known_yet_is_not_made_again_at_once(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "cut_before_applying", "path": CREATE, "count": 1})
    world.drain()
    db.let_time_pass()  # by whose hand whatsoever: the first request may still arrive
    report = world.drain()
    assert report.errors == ["an earlier request may yet make this note"]
    assert account.records(NOTES) == []
    let_time_pass(world)
    world.drain()
    assert len(account.records(NOTES)) == 1


def test_a_note_that_hubspot_made_twice_after_all_is_archived_once(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "slow_before_applying", "ms": 2500, "count": 1, "path": CREATE})
    world.drain(timeout=0.5)
    let_time_pass(world)
    world.drain()
    eventually(lambda: len(account.records(NOTES)) == 2, "the late request is applied")
    let_time_pass(world)
    world.drain()
    (there,) = account.records(NOTES)
    assert db.value("select hubspot_id from hubspot_sync.sync_notes") == there["id"]
    assert db.open_changes() == []


def test_a_late_worker_and_its_successor_leave_one_note(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "slow_before_applying", "ms": 1500, "count": 1, "path": CREATE})
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(world.drain)
        eventually(
            lambda: [change for change in db.open_changes("sync_notes") if change["epoch"]],
            "the late worker's claim",
        )
        let_time_pass(world)  # and with it the late worker's lease
        assert world.drain().errors == []
        assert late.result().errors == []
    let_time_pass(world)
    world.drain()
    let_time_pass(world)
    world.drain()
    (there,) = account.records(NOTES)
    assert db.value("select hubspot_id from hubspot_sync.sync_notes") == there["id"]
    assert db.open_changes() == []


def test_a_worker_killed_before_its_acknowledgement_doubles_no_note(world, exam, connect):
    db, account = world.database, world.account
    db.book("ann", exam)
    db.rows("select hubspot_sync.write_notes()")
    holder = connect()
    holder.execute("select from hubspot_sync.sync_notes for update")
    worker = subprocess.Popen(
        command("drain", "--once", "--json"),
        env=world.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        (backend,) = eventually(
            lambda: db.rows(
                "select a.pid from pg_catalog.pg_stat_activity a"
                " where a.datname = current_database() and a.query like '%%finish_changes%%'"
                "   and pg_catalog.pg_isolation_test_session_is_blocked(a.pid, %(holders)s)",
                holders=[holder.info.backend_pid],
            ),
            "the worker stands before its acknowledgement",
        )
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    db.rows("select pg_catalog.pg_terminate_backend(%(pid)s)", pid=backend["pid"])
    eventually(
        lambda: (
            not db.rows(
                "select from pg_catalog.pg_stat_activity where pid = %(pid)s", pid=backend["pid"]
            )
        ),
        "the worker's session is gone",
    )
    holder.rollback()
    (there,) = account.records(NOTES)
    for _ in range(2):
        let_time_pass(world)
        world.drain()
        assert account.records(NOTES) == [there]
    assert db.value("select hubspot_id from hubspot_sync.sync_notes") == there["id"]
    assert db.open_changes() == []


def test_a_contact_that_is_gone_in_hubspot_fails_alone_and_says_so(world, exam):
    db, account = world.database, world.account
    gone = account.properties(CONTACTS, "student_id")["ann"]["hs_object_id"]
    account.delete(CONTACTS, gone)
    for student in ("ann", "ben", "cat"):
        db.rows(
            "select api.grant_credits(%(id)s, %(id)s || '@example.com', 'cs_credits', 1, 'gift')",
            id=student,
        )
    db.rows(
        "select hubspot_sync.pause_sync('hubspot_contact_credits', 'contacts stay as they are')"
    )
    report = world.drain()
    assert (report.failed, report.dead) == (1, 1)
    assert len(account.records(NOTES)) == 2
    (error,) = db.rows("select * from hubspot_sync.sync_errors")
    assert (error["entity"], error["retry_count"]) == ("sync_notes", 1)
    assert gone in error["error_message"]
    # The contact is made anew, and the full pass tries once more.
    db.rows("delete from hubspot_sync.sync_pauses")
    world.drain()
    db.rows("select hubspot_sync.queue_differences('sync_notes')")
    world.drain()
    assert len(account.records(NOTES)) == 3
    assert db.open_changes("sync_notes") == []


def test_a_note_that_somebody_deleted_in_hubspot_stays_deleted(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "cut", "path": CREATE, "count": 1})
    world.drain()
    let_time_pass(world)
    world.drain()
    account.delete(NOTES, account.records(NOTES)[0]["id"])
    let_time_pass(world)
    world.drain()  # the look that the lost answer asked for
    db.rows("select hubspot_sync.queue_differences('sync_notes')")
    world.drain()
    assert account.records(NOTES) == []
    assert db.open_changes() == []


def test_only_a_note_whose_answer_is_missing_is_looked_for(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "rate_limited", "path": CREATE, "count": 1})
    world.drain()
    let_time_pass(world)
    world.drain()
    assert len(account.records(NOTES)) == 1
    assert calls(world, "/contacts/notes/batch/read") == 0
