"""The outbox by hand: `glue queue`, `glue prune`, the dry run, and what the doctor makes of it."""

import json
import re
import subprocess

import pytest
from hubspot_world import BOOKING_TYPE, BOOKINGS, EXAMS, command, glue_here, glue_watched

from glue.hubspot import HubSpot

TOO_LONG = "[red]a value[/red] " + "of very many words " * 12 + "that is never wrapped"

DEAD = "1 dead letter: see «glue queue list --state dead»"
RULE = {
    "kind": "validation_rule",
    "type": BOOKING_TYPE,
    "property": "attendance",
    "pattern": "Maybe",
    "message": TOO_LONG,
}


def run(world, *arguments, **changes):
    """A command as cron runs it."""
    return glue_here(*arguments, env=world.environment(**changes))


def asked(world, *arguments):
    """The JSON object that a command answers."""
    done = run(world, *arguments, "--json")
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def listed(world, *options):
    """What the list shows: name and state."""
    return [
        (row["name"], row["state"]) for row in asked(world, "queue", "list", *options)["changes"]
    ]


def change(world, name):
    """The id of the oldest open change of a record."""
    return next(
        row["id"] for row in asked(world, "queue", "list")["changes"] if row["name"] == name
    )


@pytest.fixture
def booked(world, exam):
    """Ann's booking, drained: HubSpot has all of it."""
    booking = world.database.book("ann", exam)
    while world.drain().sent:
        world.database.let_time_pass()
    assert world.database.open_changes() == []
    world.forget()
    return booking


@pytest.fixture
def refused(world, booked):
    """Ann's booking with an attendance that HubSpot refuses: a dead letter."""
    world.account.fault(RULE)
    world.database.rows("update hubspot_sync.hubspot_bookings set attendance = 'Maybe'")
    assert world.drain().dead == 1
    return booked


def attendance(world):
    (row,) = world.account.records(BOOKINGS)
    return row["properties"].get("attendance") or ""


# Looking


def test_an_empty_outbox_has_nothing_to_list(world, booked):
    assert listed(world) == []
    assert run(world, "queue", "list").stdout == "nothing\n"
    assert run(world, "queue", "status").stdout == "the outbox is empty\n"


def test_the_list_names_records_as_people_do(world, exam):
    booking = world.database.book("ann", exam)
    assert sorted(listed(world)) == sorted([("ann", "due"), (booking, "due")])
    assert listed(world, "--table", "contacts") == [("ann", "due")]
    assert listed(world, "--state", "dead") == []
    shown = run(world, "queue", "list").stdout
    assert "bookings" in shown
    assert booking in shown
    assert "hubspot_bookings" not in shown


def test_a_narrow_terminal_cuts_off_no_name_and_lists_no_property_of_a_new_record(world, exam):
    booking = world.database.book("ann", exam)
    shown = glue_watched("queue", "list", env=world.environment(), columns=80)
    assert booking in shown.stdout
    shown = glue_watched("drain", "--dry-run", env=world.environment(), columns=80)
    assert booking in shown.stdout
    assert "attending_location" not in shown.stdout
    assert "attending_location" in run(world, "drain", "--dry-run").stdout


def test_a_list_with_a_dead_letter_says_what_can_be_done(world, refused):
    assert "glue queue retry" in run(world, "queue", "list").stdout
    assert "glue queue retry" not in run(world, "queue", "list", "--state", "due").stdout


def test_show_tells_the_last_error_once_among_the_changes(world, refused):
    shown = run(world, "queue", "show", refused).stdout
    assert shown.split("error, supabase_to_hubspot")[0].count(TOO_LONG) == 1


def test_a_list_that_is_full_says_how_to_go_on(world, exam):
    world.database.book("ann", exam)
    shown = run(world, "queue", "list", "--limit", "1")
    first = asked(world, "queue", "list", "--limit", "1")["changes"][0]
    assert f"--after {first['id']}" in shown.stdout
    rest = asked(world, "queue", "list", "--after", str(first["id"]))["changes"]
    assert first["id"] not in [row["id"] for row in rest]
    assert len(rest) == 1


def test_what_hubspot_says_is_shown_as_it_is(world, refused):
    """Never read as markup, never wrapped, in every place that shows it."""
    narrow = {"COLUMNS": "60"}
    for words in (("list",), ("list", "--state", "dead"), ("show", refused)):
        done = glue_here("queue", *words, env=world.environment() | narrow)
        assert TOO_LONG in done.stdout, words
    done = glue_here("drain", "--dry-run", env=world.environment() | narrow)
    assert TOO_LONG in done.stdout


def test_what_hubspot_says_to_a_drain_is_told_on_stderr_as_it_is(world, booked):
    world.account.fault(RULE)
    world.database.rows("update hubspot_sync.hubspot_bookings set attendance = 'Maybe'")
    done = glue_here("drain", "--once", env=world.environment() | {"COLUMNS": "60"})
    assert (done.returncode, done.stdout) == (1, "")
    reason, dead = done.stderr.splitlines()
    assert TOO_LONG in reason
    assert dead == DEAD


@pytest.mark.parametrize("by", ["booking_id", "change", "record"])
def test_show_tells_all_about_a_record(world, refused, by):
    row = asked(world, "queue", "list")["changes"][0]
    which = {"booking_id": refused, "change": str(row["id"]), "record": row["record"]}[by]
    shown = asked(world, "queue", "show", which)
    assert (shown["name"], shown["table"]) == (refused, "hubspot_bookings")
    assert shown["hubspot_id"] == world.account.records(BOOKINGS)[0]["id"]
    assert [one["state"] for one in shown["changes"]][-1] == "dead"
    assert shown["errors"]
    text = run(world, "queue", "show", which).stdout
    assert "attendance: «» → «Maybe»" in text
    assert refused in text


def test_show_finds_an_exam_by_its_hubspot_id_where_the_table_is_named(world, exam):
    assert asked(world, "queue", "show", "--table", "exams", exam)["name"] == exam
    assert asked(world, "queue", "show", "ann")["table"] == "hubspot_contact_credits"


def test_show_of_something_unknown_exits_with_1(world, exam):
    for which in ("BK-0", "0", "00000000-0000-4000-8000-000000000000"):
        done = run(world, "queue", "show", which)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: nothing is known of {which}\n")


# Retrying


def test_a_dead_letter_is_sent_again_once_the_cause_is_mended(world, refused):
    world.account.fault()
    assert world.drain().sent == 0
    done = run(world, "queue", "retry", str(change(world, refused)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 retried\n", "")
    assert listed(world) == [(refused, "due")]
    assert world.drain().sent == 1
    assert attendance(world) == "Maybe"
    assert world.database.value("select count(*) from hubspot_sync.sync_errors"
                                " where resolved_at is null") == 0  # fmt: skip


def test_a_retry_tells_by_whom(world, refused):
    one = change(world, refused)
    done = run(world, "queue", "retry", str(one), PGOPTIONS="-c hubspot_sync.actor=ada")
    assert done.returncode == 0
    shown = asked(world, "queue", "show", str(one))
    entries = [entry for row in shown["changes"] for entry in row["history"] if "action" in entry]
    assert [(entry["by"], entry["action"]) for entry in entries] == [("ada", "retried")]
    assert "by ada" in run(world, "queue", "show", str(one)).stdout


def test_everything_dead_or_waiting_is_retried_on_request(world, refused):
    world.account.fault({"kind": "locked"})
    world.database.rows("update hubspot_sync.hubspot_contact_credits set firstname = 'Anne'")
    world.drain()
    states = {state for _, state in listed(world)}
    assert states == {"dead", "waiting"}
    done = run(world, "queue", "retry", "--all", "--table", "contacts")
    assert done.returncode == 0
    assert {state for _, state in listed(world, "--table", "contacts")} == {"due"}
    assert listed(world, "--state", "dead") == [(refused, "dead")]
    rest = [name for name, state in listed(world) if state != "due"]
    assert refused in rest
    assert run(world, "queue", "retry", "--all").stdout == f"{len(rest)} retried\n"
    assert {state for _, state in listed(world)} == {"due"}


def test_what_cannot_be_retried_is_told_and_exits_with_1(world, refused):
    done = run(world, "queue", "retry", "987654321", str(change(world, refused)))
    assert (done.returncode, done.stdout) == (1, "1 retried\n")
    assert done.stderr == "987654321: there is no such change\n"


@pytest.mark.parametrize("given", [(), ("--all", "1"), ("BK-1",), ("0",)])
def test_a_retry_that_means_nothing_clear_exits_with_2(world, given):
    done = run(world, "queue", "retry", *given)
    assert done.returncode == 2
    if given == ("BK-1",):
        assert "BK-1 is no id of a change; a record goes with --table" in done.stderr


def test_all_open_changes_of_a_record_are_handled_at_once(world, refused, exam):
    world.database.rows(
        "update hubspot_sync.hubspot_contact_credits set firstname = 'Eve'"
        " where student_id <> 'ann'"
    )
    words = ["--table", "bookings", refused]
    assert run(world, "queue", "retry", *words).stdout == "1 retried\n"
    assert (refused, "due") in listed(world)
    assert run(world, "queue", "discard", "--yes", *words).stdout == "1 discarded\n"
    assert refused not in dict(listed(world))
    again = run(world, "queue", "discard", "--yes", *words)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"nothing is open of bookings {refused}" in again.stderr
    uuid = str(world.database.value("select id from hubspot_sync.hubspot_mock_exams"))
    world.database.rows("update hubspot_sync.hubspot_mock_exams set location = 'Leeds'")
    for name in (exam, uuid):
        assert run(world, "queue", "retry", "--table", "exams", name).stdout == "1 retried\n"
    both = run(world, "queue", "retry", "--table", "contacts", "cat", "ben")
    assert (both.returncode, both.stdout) == (0, "2 retried\n")


# Discarding


def test_a_discarded_change_is_not_sent_and_a_later_one_is(world, refused):
    done = run(world, "queue", "discard", "--yes", str(change(world, refused)))
    assert (done.returncode, done.stdout) == (0, "1 discarded\n")
    world.account.fault()
    assert world.drain().sent == 0
    assert attendance(world) == ""
    shown = asked(world, "queue", "show", refused)
    assert "attendance" not in {
        row["property"] for row in shown["differs"] if row["hubspot"] is not None
    }
    assert shown["errors"] == []
    world.database.rows("update hubspot_sync.hubspot_bookings set attendance = 'Yes'")
    assert world.drain().sent == 1
    assert attendance(world) == "Yes"


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("", 1), ("y\n", 0)])
def test_a_discard_asks_first_and_shows_what_it_is_about(world, refused, answer, left):
    one = change(world, refused)
    done = subprocess.run(
        command("queue", "discard", str(one)),
        env=world.environment(),
        input=answer,
        capture_output=True,
        text=True,
    )
    assert refused in done.stderr
    assert done.returncode == (1 if left else 0)
    assert ("--yes" in done.stderr) == (answer == "")
    assert len(listed(world)) == left


# Pausing


def test_a_discard_asks_nothing_about_what_is_not_there(world, exam):
    done = run(world, "queue", "discard", "999999")
    assert (done.returncode, done.stderr) == (1, "999999: there is no such change\n")


def test_a_pause_is_listed_and_ends(world, refused):
    done = run(world, "queue", "pause", "bookings", "--reason", "[red]rules[/red] change")
    assert done.returncode == 0
    assert "bookings paused by" in done.stdout
    assert "until resumed: [red]rules[/red] change" in done.stdout
    world.database.rows("update hubspot_sync.hubspot_bookings set dominant_hand = 'left'")
    assert (refused, "paused") in listed(world)
    (pause,) = asked(world, "queue", "status")["pauses"]
    assert pause["scope"] == "hubspot_bookings"
    assert run(world, "queue", "resume", "bookings").stdout == "bookings: resumed\n"
    assert run(world, "queue", "resume", "bookings").stdout == "bookings: was not paused\n"
    assert (refused, "due") in listed(world)


def test_a_pause_may_have_an_end(world):
    run(world, "queue", "pause", "--for", "2h", "--reason", "a move")
    left = world.database.value(
        "select until - clock_timestamp() > '119 minutes' from hubspot_sync.sync_pauses"
    )
    assert left
    for wrong in ("2", "0h", "2 hours", "-1h", "h"):
        done = run(world, "queue", "pause", "--for", wrong, "--reason", "x")
        assert done.returncode == 2, wrong


def test_a_pause_needs_a_reason(world):
    assert run(world, "queue", "pause").returncode == 2
    done = run(world, "queue", "pause", "--reason", " ")
    assert done.returncode == 1
    assert "a pause needs a reason" in done.stderr


# The dry run


def test_a_dry_run_tells_what_a_drain_then_does_and_changes_nothing(world, exam):
    booking = world.database.book("ann", exam)
    before = world.database.open_changes()
    told = asked(world, "drain", "--dry-run")
    assert [(row["name"], row["operation"]) for row in told["records"]] == [
        ("ann", "upsert"),
        (booking, "upsert"),
    ]
    assert told["records"][0]["properties"] == ["sj_credits"]
    assert world.database.open_changes() == before
    assert world.account.records(BOOKINGS) == []
    world.account.calls()
    text = run(world, "drain", "--dry-run").stdout
    assert "2 records would be sent" in text
    assert "Not counted: what follows from it, notes and the exams' numbers of bookings" in text
    assert world.account.calls() == 0
    world.drain()
    # The exam's number of bookings follows from the booking, with a call of its own.
    assert world.account.calls() == told["calls"] + 1


def test_a_dry_run_looks_at_so_many_and_says_that_there_are_more(world, exam, monkeypatch):
    for name in ("ann", "ben", "cat"):
        world.database.book(name, exam)
    monkeypatch.setattr("glue.queue.preview.__defaults__", (2,))
    told = asked(world, "drain", "--dry-run")
    assert told["more"]
    assert len(told["records"]) == 4
    monkeypatch.setattr("glue.queue.preview.__defaults__", (3,))
    assert not asked(world, "drain", "--dry-run")["more"]


def test_a_dry_run_tells_what_is_stuck_and_why(world, refused):
    run(world, "queue", "pause", "contacts", "--reason", "a campaign")
    world.database.rows("update hubspot_sync.hubspot_contact_credits set firstname = 'Anne'"
                        " where student_id = 'ann'")  # fmt: skip
    told = asked(world, "drain", "--dry-run")
    assert {(row["name"], row["state"]) for row in told["stuck"]} == {
        (refused, "dead"),
        ("ann", "paused"),
    }
    assert [pause["reason"] for pause in told["pauses"]] == ["a campaign"]
    text = run(world, "drain", "--dry-run").stdout
    assert "a campaign" in text
    assert "dead" in text


# Under cron


def test_a_dead_letter_is_told_on_stderr_by_every_run_until_it_is_settled(world, refused):
    for _ in range(2):
        done = run(world, "drain", "--once")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == DEAD + "\n"
    run(world, "queue", "discard", "--yes", str(change(world, refused)))
    done = run(world, "drain", "--once")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_outage_is_told_with_its_reason(world, exam):
    world.database.book("ann", exam)
    world.account.fault({"kind": "unavailable"})
    done = run(world, "drain", "--once")
    assert (done.returncode, done.stdout) == (75, "")
    assert "HubSpot answered 5" in done.stderr


def test_a_person_is_told_what_was_done_and_what_is_left(world, refused):
    world.database.book("ben", world.account.records(EXAMS)[0]["id"])
    done = glue_watched("drain", "--once", env=world.environment())
    assert done.returncode == 1
    assert "sent 3" in done.stdout
    assert "bookings" in done.stdout
    assert "1 dead letter:" in done.stderr


def test_a_person_is_told_why_nothing_was_sent_while_all_is_paused(world, exam):
    world.database.book("ann", exam)
    run(world, "queue", "pause", "--reason", "a campaign")
    for words in (("drain", "--once"), ("push",)):
        done = glue_watched(*words, env=world.environment())
        assert (done.returncode, "a campaign" in done.stdout) == (0, True), words


# The doctor


def test_the_doctor_tells_of_dead_letters_and_pauses_and_exits_with_1(world, refused):
    run(world, "queue", "pause", "exams", "--reason", "[b]a campaign[/b]")
    done = run(world, "doctor")
    assert done.returncode == 1
    assert "dead letters  1" in done.stdout
    assert "nothing else waits" in done.stdout
    assert "«glue queue resume exams»" in done.stdout
    assert "[b]a campaign[/b]" in done.stdout
    run(world, "queue", "resume", "exams")
    run(world, "queue", "discard", "--yes", str(change(world, refused)))
    assert run(world, "doctor").returncode == 0


def test_the_doctor_warns_where_hubspot_does_not_keep_a_key_unique(world, monkeypatch):
    """It works all the same, so it is no failure; the promise that is weaker is told."""
    monkeypatch.setattr(HubSpot, "get_property", lambda *_: {"hasUniqueValue": False})
    done = run(world, "doctor")
    assert done.returncode == 0
    for words in ("booking_id of bookings is not unique", "student_id of contacts is not unique"):
        assert re.search(rf"^warn .*{words}$", done.stdout, re.MULTILINE)
    assert "may leave a booking there twice" in done.stdout
    findings = asked(world, "doctor")["findings"]
    assert [one["warning"] for one in findings if one["name"] == "HubSpot"] == [
        False, False, True, True,
    ]  # fmt: skip


def test_the_doctor_says_where_it_may_not_look_at_the_keys(world):
    world.account.fault({"kind": "missing_scopes", "path": "/crm/properties"})
    done = run(world, "doctor")
    assert done.returncode == 0
    assert "booking_id of bookings: may not be looked at" in done.stdout
    assert "403" in done.stdout


# Retention


def test_prune_deletes_what_was_sent_long_ago_and_keeps_the_rest(world, refused):
    db = world.database
    sent = db.value("select count(*) from hubspot_sync.sync_queue where synced")
    assert sent > 0
    assert asked(world, "prune") == {"deleted": 0}
    db.rows("update hubspot_sync.sync_queue set created_at = now() - interval '9 days',"
            " synced_at = synced_at - interval '8 days'")  # fmt: skip
    assert asked(world, "prune") == {"deleted": sent}
    assert listed(world) == [(refused, "dead")]
    assert run(world, "prune").stdout == ""
    assert glue_watched("prune", env=world.environment()).stdout == "0 deleted\n"


def test_prune_goes_on_until_nothing_is_left_to_delete(world):
    db = world.database
    db.rows(
        "insert into hubspot_sync.sync_queue (table_name, record, operation, synced, synced_at,"
        " created_at) select 'hubspot_bookings', gen_random_uuid(), 'update', true,"
        " now() - interval '8 days', now() - interval '9 days' from generate_series(1, 45000)"
    )
    assert asked(world, "prune") == {"deleted": 45000}
    assert db.value("select count(*) from hubspot_sync.sync_queue") == 0
