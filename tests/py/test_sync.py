"""`glue sync`: a record is as it is in HubSpot when the command ends, and the other way round."""

import json
import threading

import pytest
from hubspot_world import BOOKINGS, CONTACTS, EXAMS, glue_here, glue_watched

from glue import syncing
from glue.db import connect
from glue.errors import GlueError
from glue.receive import Receive
from glue.rpc import Rpc


def synced(world, *words):
    answer = glue_here("sync", *words, "--json", env=world.environment())
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def location(world, exam):
    return world.database.value(
        "select location from hubspot_sync.hubspot_mock_exams where hubspot_id = %(exam)s",
        exam=exam,
    )


def grow_old(world):
    """What was read was read an hour ago."""
    world.database.rows(
        "update hubspot_sync.sync_shadow set read_at = read_at - interval '1 hour' returning 1"
    )


def test_an_edit_in_hubspot_is_here_when_the_command_ends(world, exam):
    grow_old(world)
    world.account.edit(EXAMS, exam, location="Leeds")
    report = synced(world, "exam", exam)
    assert (report["state"], report["hubspot_id"], report["records"]) == ("done", exam, 1)
    assert location(world, exam) == "Leeds"


def test_counts_are_told_as_people_say_them(world, exam):
    grow_old(world)
    told = glue_watched("sync", "exam", exam, env=world.environment()).stdout
    assert told == "done: 1 record to be read, 1 signal done, 0 changes sent, 0 for later, 0 dead\n"


def test_what_was_lately_read_is_left_alone(world, exam):
    world.database.rows(
        "update hubspot_sync.sync_shadow set read_at = hubspot_sync.clock() - interval '9 s'"
        " returning 1"
    )
    world.account.edit(EXAMS, exam, location="Leeds")
    assert synced(world, "exam", exam, "--older-than", "3600")["state"] == "fresh"
    assert location(world, exam) != "Leeds"
    assert synced(world, "exam", exam)["state"] == "done"
    assert location(world, exam) == "Leeds"


def test_what_waits_to_be_sent_goes_first(world, exam):
    booking = world.database.book("ann", exam)
    report = synced(world, "booking", booking)
    assert report["state"] == "sending"
    assert report["sent"] >= 1
    assert list(world.account.properties(BOOKINGS, "booking_id")) == [booking]


def test_an_exam_is_brought_up_to_date_with_its_bookings(world, exam):
    booking = world.database.book("ann", exam)
    world.drain()
    grow_old(world)
    there = world.account.properties(BOOKINGS, "booking_id")[booking]["hs_object_id"]
    world.account.edit(BOOKINGS, there, attending_location="Lab 7")
    synced(world, "exam", exam)
    where = "select attending_location from hubspot_sync.hubspot_bookings"
    assert world.database.value(where) == "Lab 7"


def test_a_contact_by_its_student_id_and_all(world, exam):
    grow_old(world)
    (ann,) = (c["id"] for c in world.account.records(CONTACTS)
              if c["properties"]["student_id"] == "ann")  # fmt: skip
    world.account.edit(CONTACTS, ann, firstname="Anna")
    assert synced(world, "contact", "ann")["state"] == "done"
    name = "select firstname from hubspot_sync.hubspot_contact_credits where student_id = 'ann'"
    assert world.database.value(name) == "Anna"
    grow_old(world)
    world.account.edit(CONTACTS, ann, firstname="Anne")
    assert synced(world, "--all")["records"] == 4
    assert world.database.value(name) == "Anne"


def test_a_record_that_is_new_in_hubspot_is_found_by_its_number(world, exam):
    new = world.exam(mock_exam_name="New")
    assert synced(world, "exam", new)["state"] == "done"
    assert world.database.value(
        "select mock_exam_name from hubspot_sync.hubspot_mock_exams where hubspot_id = %(new)s",
        new=new,
    ) == "New"  # fmt: skip


def test_what_another_worker_reads_is_waited_for(world, exam):
    grow_old(world)
    world.account.edit(EXAMS, exam, location="Leeds")
    world.database.rows(
        "select hubspot_sync.store_signals('hubspot_mock_exams', array[%(exam)s], 'poll')",
        exam=exam,
    )
    with connect(world.database.url) as connection:
        other = Rpc(connection)
        claimed = other.claim_signals("hubspot_mock_exams", 10, 120, "bulk")
        assert [signal.hubspot_id for signal in claimed] == [exam]
        looks = threading.Semaphore(0)

        def sleep(_):
            """While it waits, the other worker's lease ends, and a third comes to an end."""
            looks.release()
            world.database.rows(
                "update hubspot_sync.webhook_inbox set next_attempt_at = hubspot_sync.clock()"
                " returning 1"
            )
            with connect(world.database.url) as own, world.hubspot() as hubspot:
                Receive(Rpc(own), hubspot).run_once()

        with connect(world.database.url) as own, world.hubspot() as hubspot:
            report = syncing.run(Rpc(own), hubspot, "exam", exam, 60.0, sleep=sleep)
    assert report.state == "done"
    assert looks.acquire(blocking=False)
    assert location(world, exam) == "Leeds"


def test_nobody_waits_for_another_worker_for_ever(world, exam):
    grow_old(world)
    world.database.rows(
        "select hubspot_sync.store_signals('hubspot_mock_exams', array[%(exam)s], 'poll')",
        exam=exam,
    )
    with connect(world.database.url) as own, world.hubspot() as hubspot:
        rpc = Rpc(own)
        rpc.claim_signals("hubspot_mock_exams", 10, 120, "bulk")
        now = [0.0]
        report = syncing.run(
            rpc, hubspot, "exam", exam, 60.0,
            sleep=lambda seconds: now.__setitem__(0, now[0] + 10), clock=lambda: now[0],
        )  # fmt: skip
    assert report.state == "queued"
    assert now[0] == 30


def test_what_hubspot_refuses_to_tell_is_told_by_the_exit_code(world, exam):
    grow_old(world)
    world.account.fault({"kind": "unavailable"})
    answer = glue_here("sync", "exam", exam, "--json", env=world.environment())
    assert answer.returncode == 75
    assert json.loads(answer.stdout)["state"] == "queued"


@pytest.mark.parametrize("scope", ["*", "hubspot_mock_exams"])
def test_a_pause_is_told_and_not_waited_out(world, exam, scope):
    grow_old(world)
    world.database.rows("select hubspot_sync.pause_sync(%(scope)s, 'cleaning up')", scope=scope)
    with connect(world.database.url) as own, world.hubspot() as hubspot:
        report = syncing.run(Rpc(own), hubspot, "exam", exam, 60.0, sleep=pytest.fail)
    assert report.state == "queued"
    assert report.errors[0].startswith("paused: exams")
    assert "glue queue status" in report.errors[0]


def test_what_is_queued_is_told_with_its_reason_also_to_cron(world, exam):
    grow_old(world)
    world.database.rows("select hubspot_sync.pause_sync('*', 'cleaning up')")
    answer = glue_here("sync", "contact", "ann", env=world.environment())
    assert (answer.returncode, answer.stdout) == (75, "")
    assert answer.stderr.startswith("contact ann is queued: paused: contacts (cleaning up)")


def no_doe(world, *students):
    """HubSpot refuses these students from now on; what is to be sent of them is queued."""
    for student in students:
        world.database.rows(
            "update hubspot_sync.hubspot_contact_credits set firstname = %(name)s"
            " where student_id = %(student)s",
            name=f"No {student}",
            student=student,
        )
    rule = {"kind": "validation_rule", "type": "contacts", "property": "firstname",
            "pattern": "^No ", "message": "No."}  # fmt: skip
    world.account.fault(rule)


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_the_trouble_of_others_is_told_and_changes_nothing(world, exam, json_):
    no_doe(world, "ben")
    world.database.rows("update hubspot_sync.sync_queue set lane = 'urgent' where not synced")
    grow_old(world)
    answer = glue_here("sync", "contact", "ann", *json_, env=world.environment())
    assert answer.returncode == 0
    if json_:
        report = json.loads(answer.stdout)
        assert (report["state"], report["failed"], report["dead"]) == ("done", 0, 0)
        assert report["errors"] == []
        assert len(report["meanwhile"]) == 1
    else:
        assert answer.stderr.startswith("meanwhile: contacts ben: ")
    assert answer.stderr.count("\n") == (0 if json_ else 1)


def test_a_refused_change_of_the_record_asked_for_is_told(world, exam):
    no_doe(world, "ann", "ben")
    world.database.rows("update hubspot_sync.sync_queue set lane = 'urgent' where not synced")
    for _ in range(2):  # also of one that was dead before
        grow_old(world)
        answer = glue_here("sync", "contact", "ann", "--json", env=world.environment())
        report = json.loads(answer.stdout)
        assert (answer.returncode, report["state"], report["dead"]) == (1, "dead", 1)
        assert "No." in report["errors"][0]


def test_a_refused_booking_of_the_exam_asked_for_is_told_and_no_other(world, exam):
    other = world.exam(exam_date=world.database.value("select (current_date + 40)::text"))
    world.bring_in()
    theirs = world.database.book("ben", other)
    world.database.rows("update hubspot_sync.sync_queue set lane = 'urgent' where not synced")
    rule = {"kind": "validation_rule", "property": "student_id", "pattern": "^(ann|ben)$"}
    world.account.fault(rule | {"message": "No."})
    grow_old(world)
    run = ["sync", "exam", exam, "--json"]
    answer = glue_here(*run, env=world.environment())
    report = json.loads(answer.stdout)
    assert (answer.returncode, report["errors"]) == (0, [])
    assert theirs in report["meanwhile"][0]
    ours = world.database.book("ann", exam)
    report = json.loads(glue_here(*run, env=world.environment()).stdout)
    assert (report["state"], report["dead"]) == ("dead", 1)
    assert ours in report["errors"][0]


def test_a_number_neither_side_has_is_told(world, exam):
    for more in ([], ["--json"]):
        answer = glue_here("sync", "exam", "99999", *more, env=world.environment())
        assert (answer.returncode, answer.stdout) == (1, "")
        assert "there is no exam 99999, neither here nor in HubSpot" in answer.stderr


def test_a_contact_that_is_no_student_is_told_as_such(world, exam):
    stranger = world.account.create(CONTACTS, email="eve@example.com")
    answer = glue_here("sync", "contact", stranger, env=world.environment())
    assert answer.returncode == 1
    assert "without a student_id" in answer.stderr


def test_what_hubspot_does_not_have_and_a_pause_holds_up_is_queued(world, exam):
    booking = world.database.book("ann", exam)
    world.database.rows("select hubspot_sync.pause_sync('hubspot_bookings', 'cleaning up')")
    answer = glue_here("sync", "booking", booking, env=world.environment())
    assert answer.returncode == 75
    assert answer.stderr.startswith(f"booking {booking} is queued: paused: bookings (cleaning up)")


def test_an_id_nobody_knows_is_told(world, exam):
    answer = glue_here("sync", "booking", "BK-NONE", env=world.environment())
    assert (answer.returncode, "there is no booking BK-NONE" in answer.stderr) == (1, True)
    with (
        connect(world.database.url) as own,
        world.hubspot() as hubspot,
        pytest.raises(GlueError, match="no exam"),
    ):
        syncing.run(Rpc(own), hubspot, "exam", "E", 0)


@pytest.mark.parametrize(
    "words",
    [[], ["exam"], ["exam", "1", "--all"], ["note", "1"], ["exam", "1", "--older-than", "-1"]],
)
def test_what_makes_no_sense_is_refused(words):
    assert glue_here("sync", *words, env={}).returncode == 2
