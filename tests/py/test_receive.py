"""What the inbox asks for is read from HubSpot and merged: `glue receive` over a simulator."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
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
from glue.errors import Unauthorized
from glue.rpc import Rpc

READ_CONTACTS, READ_EXAMS = "contacts/batch/read", f"{EXAM_TYPE}/batch/read"
READ_BOOKINGS, LINKS = f"{BOOKING_TYPE}/batch/read", "/crm/associations/"
OF = {
    CONTACTS: "hubspot_contact_credits",
    BOOKINGS: "hubspot_bookings",
    EXAMS: "hubspot_mock_exams",
}

Spoil = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Between(httpx.BaseTransport):
    """Lets a request through and changes its answer."""

    def __init__(self, inner: httpx.BaseTransport, spoil: Spoil) -> None:
        self._inner = inner
        self._spoil = spoil

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        answer.read()
        return self._spoil(request, answer)

    def close(self) -> None:
        self._inner.close()


def between(spoil: Spoil) -> Callable[[httpx.BaseTransport], httpx.BaseTransport]:
    """What stands between a worker and the account."""
    return lambda inner: Between(inner, spoil)


def answer(body: dict, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body).encode())


def without(*ids: str, where: str = "batch/read", named: bool = False) -> Spoil:
    """Answers that leave out some records; named: HubSpot says that it has them not."""

    def spoil(request: httpx.Request, said: httpx.Response) -> httpx.Response:
        if where not in str(request.url):
            return said
        body = json.loads(said.content)
        asked = {one["id"] for one in json.loads(request.content)["inputs"]}
        body["results"] = [row for row in body["results"] if row["id"] not in ids]
        for error in body.get("errors", []):
            left = [id_ for id_ in error["context"].get("ids", []) if id_ not in ids]
            error["context"]["ids"] = left + [id_ for id_ in ids if named and id_ in asked]
        if not body.get("errors"):
            return answer(body | {"numErrors": 1, "errors": [{"category": "INTERNAL"}]}, 207)
        return answer(body, said.status_code)

    return spoil


def rows(change: Callable[[dict], dict]) -> Spoil:
    """Every record of a read changed."""

    def spoil(request: httpx.Request, said: httpx.Response) -> httpx.Response:
        if "batch/read" not in request.url.path or LINKS in request.url.path:
            return said
        body = json.loads(said.content)
        return answer(body | {"results": [change(row) for row in body["results"]]})

    return spoil


def id_of(world: World, kind: str, **where: str) -> str:
    """The HubSpot id of the one record here that has a value."""
    ((column, value),) = where.items()
    return world.database.value(
        f"select hubspot_id from hubspot_sync.{OF[kind]} where {column} = %(value)s", value=value
    )


def here(world: World, kind: str, hubspot_id: str, column: str) -> object:
    """A value of our record."""
    return world.database.value(
        f"select {column} from hubspot_sync.{OF[kind]} where hubspot_id = %(id)s", id=hubspot_id
    )


@pytest.fixture
def ann(world, exam):
    """Ann's HubSpot id."""
    return id_of(world, CONTACTS, student_id="ann")


@pytest.fixture
def booking(world, exam):
    """A booking of Ann that HubSpot has; its HubSpot id."""
    booking_id = world.database.book("ann", exam)
    world.drain()
    world.forget()
    return id_of(world, BOOKINGS, booking_id=booking_id)


# What was changed there is here


def test_an_edit_in_hubspot_is_here_once_its_signal_was_received(world, exam, ann):
    db, account = world.database, world.account
    account.edit(CONTACTS, ann, firstname="Anna", sj_credits=7)
    account.edit(EXAMS, exam, capacity=33)
    db.signal(OF[CONTACTS], ann, kind="propertyChange")
    db.signal(OF[EXAMS], exam, kind="propertyChange")
    report = world.receive()
    assert (report.received, report.failed, report.dead) == (2, 0, 0)
    assert (here(world, CONTACTS, ann, "firstname"), here(world, CONTACTS, ann, "sj_credits")) == (
        "Anna",
        7,
    )
    assert here(world, EXAMS, exam, "capacity") == 33
    assert db.open_signals() == []


def test_a_record_that_is_new_there_is_made_here(world, exam):
    new = world.student("dan")
    world.database.signal(OF[CONTACTS], new, kind="creation")
    assert world.receive().received == 1
    assert here(world, CONTACTS, new, "student_id") == "dan"


def test_a_status_edited_in_hubspot_is_a_cancellation_with_its_refund(world, ann, booking):
    world.account.edit(BOOKINGS, booking, is_active="Cancelled")
    world.database.signal(OF[BOOKINGS], booking, kind="propertyChange")
    assert world.receive().received == 1
    assert here(world, BOOKINGS, booking, "is_active") == "Cancelled"
    assert here(world, CONTACTS, ann, "sj_credits") == 5


def test_nothing_to_read_costs_no_call(world, exam):
    assert world.receive().received == 0
    assert world.recorder.exchanges == []


def test_what_no_text_of_postgres_can_hold_is_left_out(world, ann):
    def spoil(row: dict) -> dict:
        return row | {"properties": row["properties"] | {"firstname": "An\0na\ud83d"}}

    world.database.signal(OF[CONTACTS], ann)
    assert world.receive(through=between(rows(spoil))).received == 1
    assert here(world, CONTACTS, ann, "firstname") == "Anna?"


# Calls


def test_exams_are_read_by_the_hundred_and_contacts_with_their_history_by_fifty(world, exam):
    db = world.database
    exams = [world.exam(mock_exam_name=str(number)) for number in range(101)]
    students = [world.student(f"s{number}") for number in range(60)]
    db.signal(OF[EXAMS], *exams)
    db.signal(OF[CONTACTS], *students)
    assert world.receive().received == 161
    assert world.asked(READ_EXAMS) == [100, 1]
    assert world.asked(READ_CONTACTS) == [50, 10]
    read = json.loads(world.recorder.exchanges[-1][0].content)
    assert set(read["propertiesWithHistory"]) == {
        "sj_credits", "cs_credits", "sjmini_credits", "mock_discussion_token",
        "shared_mock_credits",
    }  # fmt: skip


def test_an_account_that_takes_fewer_with_history_is_asked_for_fewer(world, exam):
    world.account.limits(history_inputs=20)
    world.database.signal(OF[CONTACTS], *(world.student(f"s{number}") for number in range(140)))
    assert world.receive().received == 140
    asked = world.asked(READ_CONTACTS)
    # The first claim learns it; the second knows.
    assert asked[:4] == [50, 25, 12, 13]
    assert max(asked[-4:]) <= 12
    assert world.database.open_signals() == []


def test_one_id_that_hubspot_cannot_read_holds_up_no_other(world, exam, ann):
    def refuse(request: httpx.Request, said: httpx.Response) -> httpx.Response:
        bad = b'"abc"' in request.content
        return answer({"category": "VALIDATION_ERROR", "message": "no id"}, 400) if bad else said

    others = [world.student(f"s{number}") for number in range(5)]
    world.database.signal(OF[CONTACTS], *others, "abc")
    report = world.receive(through=between(refuse))
    assert (report.received, report.failed) == (5, 1)
    (left,) = world.database.open_signals()
    assert (left["hubspot_id"], left["attempts"]) == ("abc", 1)
    assert "no id" in left["last_error"]


def test_links_are_read_only_where_a_signal_asks_for_them(world, exam, booking):
    world.database.signal(OF[BOOKINGS], booking, kind="propertyChange")
    world.receive()
    assert world.asked(LINKS) == []
    world.database.signal(OF[BOOKINGS], booking, kind="associationChange")
    world.receive()
    assert world.asked(LINKS) == [1, 1]
    assert len(world.asked(READ_BOOKINGS)) == 2


def test_a_link_ended_in_hubspot_is_made_again(world, exam, booking):
    world.account.unlink(BOOKINGS, booking, EXAMS, exam)
    world.database.signal(OF[BOOKINGS], booking, kind="associationChange")
    world.receive()
    world.drain()
    ((links),) = [row["associations"] for row in world.account.records(BOOKINGS)]
    assert links["mock_exams"] == [exam]


def test_links_that_hubspot_did_not_tell_are_not_taken_for_none(world, exam, booking):
    def spoil(request: httpx.Request, said: httpx.Response) -> httpx.Response:
        if LINKS not in request.url.path:
            return said
        return answer({"results": [], "numErrors": 1, "errors": [{"category": "INTERNAL"}]}, 207)

    world.database.signal(OF[BOOKINGS], booking, kind="associationChange")
    report = world.receive(through=between(spoil))
    assert (report.received, report.failed) == (0, 1)
    (left,) = world.database.open_signals()
    assert left["attempts"] == 0
    assert world.database.open_changes() == []


# Deleted, or not


@pytest.mark.parametrize("kind", [CONTACTS, EXAMS, BOOKINGS])
@pytest.mark.parametrize("why", ["deletion", "poll"])
def test_what_the_recycling_bin_has_is_deleted_here(world, exam, ann, booking, kind, why):
    record = {CONTACTS: ann, EXAMS: exam, BOOKINGS: booking}[kind]
    world.account.delete(kind, record)
    world.database.signal(OF[kind], record, kind=why)
    report = world.receive()
    assert (report.received, report.failed) == (1, 0)
    assert here(world, kind, record, "deleted_at") is not None


def test_a_record_left_out_of_an_answer_is_never_taken_for_deleted(world, exam, booking):
    for why in ("poll", "deletion"):
        world.database.signal(OF[BOOKINGS], booking, kind=why)
        # Neither the live nor the archived ones are told in full.
        report = world.receive(through=between(without(booking)))
        assert (report.received, report.failed) == (0, 1)
        world.database.let_time_pass()
    assert here(world, BOOKINGS, booking, "deleted_at") is None
    assert world.receive().received == 1
    assert here(world, BOOKINGS, booking, "is_active") == "Active"


def test_a_deleted_record_that_the_bins_answer_leaves_out_is_asked_for_again(world, booking):
    world.account.delete(BOOKINGS, booking)
    world.database.signal(OF[BOOKINGS], booking, kind="deletion")
    report = world.receive(through=between(without(booking, where="archived=true")))
    assert (report.received, report.failed) == (0, 1)
    world.database.let_time_pass()
    assert world.receive().received == 1
    assert here(world, BOOKINGS, booking, "deleted_at") is not None


def test_what_is_neither_there_nor_here_is_done(world, exam):
    world.database.signal(OF[BOOKINGS], "4711", kind="creation")
    assert world.receive().received == 1
    assert world.database.open_signals() == []


def test_a_record_of_ours_that_is_nowhere_there_becomes_a_dead_letter(world, exam, booking):
    db = world.database
    db.rows("update hubspot_sync.hubspot_bookings set hubspot_id = '4711', booking_id = 'BK-other'")
    db.signal(OF[BOOKINGS], "4711")
    for _ in range(3):
        report = world.receive()
        db.let_time_pass()
    assert (report.received, report.failed, report.dead) == (0, 1, 1)
    (left,) = db.open_signals()
    assert left["dead_at"] is not None
    assert "neither alive" in left["last_error"]
    assert here(world, BOOKINGS, "4711", "deleted_at") is None
    told = glue_here("doctor", env=world.environment())
    assert "dead letters of the inbox" in told.stdout
    assert told.returncode == 1
    # Somebody brings it back under its name.
    db.rows("update hubspot_sync.hubspot_bookings set hubspot_id = %(id)s", id=booking)
    db.rows(
        "update hubspot_sync.hubspot_bookings set booking_id = %(name)s",
        name=next(iter(world.account.properties(BOOKINGS, "booking_id"))),
    )


def test_who_wanted_to_be_forgotten_is(world, exam, ann):
    world.account.forget(CONTACTS, ann)
    world.database.signal(OF[CONTACTS], ann, kind="privacyDeletion")
    assert world.receive().received == 1
    assert (
        world.database.rows(
            "select from hubspot_sync.hubspot_contact_credits where email = 'ann@example.com'"
        )
        == []
    )


def test_a_deletion_for_privacy_waits_until_the_record_is_gone(world, exam, ann):
    db = world.database
    db.signal(OF[CONTACTS], ann, kind="privacyDeletion")
    report = world.receive()
    assert (report.received, report.failed) == (0, 1)
    assert here(world, CONTACTS, ann, "student_id") == "ann"
    world.account.forget(CONTACTS, ann)
    db.let_time_pass()
    assert world.receive().received == 1
    assert here_or_none(world, ann) is None


def here_or_none(world: World, hubspot_id: str) -> str | None:
    found = world.database.rows(
        "select student_id from hubspot_sync.hubspot_contact_credits"
        " where hubspot_id = %(id)s and email = 'ann@example.com'",
        id=hubspot_id,
    )
    return found[0]["student_id"] if found else None


# Merged, or made anew


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("new_id", [True, False])
def test_of_contacts_that_were_merged_every_signal_is_answered(world, exam, ann, follow, new_id):
    account, db = world.account, world.database
    account.limits(merged_reads_follow=follow)
    ben = id_of(world, CONTACTS, student_id="ben")
    left = account.merge(CONTACTS, ann, ben, new_id=new_id)
    for one in {ann, ben, left}:
        db.signal(OF[CONTACTS], one, kind="merge")
    report = world.receive()
    assert report.failed == report.dead == 0
    assert db.open_signals() == []
    assert here(world, CONTACTS, left, "student_id") == "ann"


def test_a_merged_contact_that_is_asked_for_alone_comes_back_as_what_it_became(world, exam, ann):
    world.account.limits(merged_reads_follow=True)
    ben = id_of(world, CONTACTS, student_id="ben")
    world.account.merge(CONTACTS, ann, ben)
    world.database.signal(OF[CONTACTS], ben, kind="merge")
    assert world.receive().received == 1
    assert world.asked(READ_CONTACTS) == [1]


def test_a_record_that_came_back_without_a_word_is_found_by_asking_one_by_one(world, exam, ann):
    world.account.limits(merged_reads_follow=True)
    ben, cat = (id_of(world, CONTACTS, student_id=name) for name in ("ben", "cat"))
    world.account.merge(CONTACTS, ann, ben)

    def silent(row: dict) -> dict:
        return row | {"properties": row["properties"] | {"hs_merged_object_ids": None}}

    world.database.signal(OF[CONTACTS], ben, cat, kind="merge")
    report = world.receive(through=between(rows(silent)))
    assert (report.received, report.failed) == (2, 0)
    assert world.asked(READ_CONTACTS) == [2, 1]


def test_a_booking_made_anew_is_found_by_its_booking_id(world, exam, booking):
    account, db = world.account, world.database
    (properties,) = account.properties(BOOKINGS, "booking_id").values()
    account.delete(BOOKINGS, booking)
    kept = ("booking_id", "student_id", "student_email", "mock_exam_id", "is_active")
    anew = account.create(BOOKINGS, **{name: properties[name] for name in kept})
    db.signal(OF[BOOKINGS], booking, kind="deletion")
    assert world.receive().received == 1
    (row,) = db.rows("select hubspot_id, deleted_at, is_active from hubspot_sync.hubspot_bookings")
    assert row == {"hubspot_id": anew, "deleted_at": None, "is_active": "Active"}


@pytest.mark.parametrize("known", [True, False], ids=["known", "unseen"])
def test_a_booking_made_anew_after_its_contact_was_deleted_has_it_made_anew(
    world, exam, ann, booking, known
):
    account, db = world.account, world.database
    account.delete(CONTACTS, ann)
    if known:
        db.signal(OF[CONTACTS], ann, kind="deletion")
        world.receive()
    account.delete(BOOKINGS, booking)
    db.rows("update hubspot_sync.hubspot_bookings set attending_location = 'L9' returning 1")
    for _ in range(3):
        world.drain()
        world.receive()
        db.let_time_pass()
    assert db.open_changes() == []
    (contact,) = [
        one["id"] for one in account.records(CONTACTS) if one["properties"]["student_id"] == "ann"
    ]
    assert contact != ann
    assert here(world, CONTACTS, contact, "deleted_at") is None
    (links,) = account.links(BOOKINGS, "booking_id").values()
    assert links["contacts"] == [contact]


def test_what_is_missing_from_a_contact_made_anew_in_part_was_taken_away_by_nobody(
    world, exam, ann
):
    account, db = world.account, world.database
    before = db.rows("select * from hubspot_sync.credit_ledger where reason <> 'opening'")
    account.delete(CONTACTS, ann)
    # As a worker leaves it that dies before it tells of the record it made.
    anew = account.create(CONTACTS, student_id="ann", email="ann@example.com")
    db.signal(OF[CONTACTS], ann, kind="deletion")
    db.signal(OF[CONTACTS], anew)
    ours = "select sj_credits, firstname, lastname from hubspot_sync." + OF[CONTACTS]
    had = db.rows(ours + " where student_id = 'ann'")
    assert had == [{"sj_credits": 5, "firstname": "Ann", "lastname": "Doe"}]
    world.receive()
    assert here(world, CONTACTS, anew, "student_id") == "ann"
    assert db.rows(ours + " where student_id = 'ann'") == had
    assert db.rows("select * from hubspot_sync.credit_ledger where reason <> 'opening'") == before
    world.drain()
    theirs = account.properties(CONTACTS, "student_id")["ann"]
    assert {name: theirs[name] for name in had[0]} == {k: str(v) for k, v in had[0].items()}


# Weather


def test_an_outage_gives_everything_back_uncharged(world, exam, ann):
    world.account.fault({"kind": "unavailable", "type": "contacts"})
    for _ in range(4):
        world.database.signal(OF[CONTACTS], ann)
        report = world.receive()
        assert (report.received, report.dead) == (0, 0)
        world.database.let_time_pass()
    assert [one["attempts"] for one in world.database.open_signals()] == [0]
    world.account.fault()
    assert world.receive().received == 1


def test_an_outage_after_some_answers_keeps_these(world, exam):
    contacts = [world.student(f"s{number}") for number in range(60)]
    world.database.signal(OF[CONTACTS], *contacts)
    reads = []

    def once(request: httpx.Request, said: httpx.Response) -> httpx.Response:
        reads.append(request)
        return said if len(reads) == 1 else answer({"message": "away"}, 503)

    report = world.receive(through=between(once))
    assert (report.received, report.failed) == (50, 10)


@pytest.mark.parametrize(
    ("fault", "scope", "code"),
    [("unauthorized", "*", 77), ("missing_scopes", "hubspot_contact_credits", 77)],
)
def test_a_refusal_of_the_token_pauses_and_is_told(world, exam, ann, fault, scope, code):
    world.account.fault({"kind": fault, "type": "contacts"})
    world.database.signal(OF[CONTACTS], ann)
    run = glue_here("receive", "--once", env=world.environment())
    assert run.returncode == code
    pauses = world.database.rows("select scope from hubspot_sync.list_pauses()")
    assert pauses == [{"scope": scope}]
    (left,) = world.database.open_signals()
    assert (left["attempts"], left["epoch"]) == (0, None)


def test_a_wrong_token_ends_the_run(world, exam, ann):
    world.account.fault({"kind": "unauthorized"})
    world.database.signal(OF[CONTACTS], ann)
    with pytest.raises(Unauthorized):
        world.receive()


def test_a_limit_makes_a_record_wait_as_long_as_it_says(world, exam, ann):
    world.account.fault({"kind": "rate_limited", "retry_after": 40})
    world.database.signal(OF[CONTACTS], ann)
    assert world.receive().failed == 1
    waits = world.database.value(
        "select extract(epoch from next_attempt_at - now())::float"
        " from hubspot_sync.webhook_inbox where done_at is null"
    )
    assert 20 < waits <= 40


def test_nothing_is_asked_for_when_the_lease_is_about_to_end(world, exam, ann):
    world.database.signal(OF[CONTACTS], ann)
    # The claims of exams and contacts are made at once, then much time passes.
    moments = iter([0.0, 0.0, *[110.0] * 50])
    report = world.receive(lease=120.0, clock=lambda: next(moments))
    assert (report.received, report.failed) == (0, 1)
    assert world.asked("batch/read") == []
    assert [one["attempts"] for one in world.database.open_signals()] == [0]


# What cannot be taken


def test_a_record_that_postgres_cannot_take_holds_up_no_other(world, exam):
    db = world.database
    students = [world.student(f"s{number}") for number in range(5)]
    db.rows(
        "create function public.refuse() returns trigger language plpgsql as"
        " $$begin raise division_by_zero; end$$;"
        " create trigger refuse before insert on hubspot_sync.hubspot_contact_credits"
        " for each row when (new.student_id = 's3') execute function public.refuse()"
    )
    db.signal(OF[CONTACTS], *students)
    report = world.receive()
    assert (report.received, report.failed) == (4, 1)
    (left,) = db.open_signals()
    assert (left["hubspot_id"], left["attempts"]) == (students[3], 1)
    db.rows("drop trigger refuse on hubspot_sync.hubspot_contact_credits")
    db.let_time_pass()
    assert world.receive().received == 1


def test_a_refused_record_is_a_dead_letter_in_the_end_and_healed_by_a_later_read(world, exam):
    db, account = world.database, world.account
    new = account.create(CONTACTS, email="nobody@example.com")
    account.edit(CONTACTS, new, student_id="dan", sj_credits="-3")
    db.signal(OF[CONTACTS], new, kind="creation")
    for _ in range(3):
        report = world.receive()
        db.let_time_pass()
    assert (report.failed, report.dead) == (1, 1)
    run = glue_here("receive", "--once", env=world.environment())
    assert run.returncode == 1
    assert "glue inbox list --state dead" in run.stderr
    account.edit(CONTACTS, new, sj_credits="3")
    db.signal(OF[CONTACTS], new, kind="propertyChange")
    assert world.receive().received == 1
    assert db.open_signals() == []
    assert here(world, CONTACTS, new, "sj_credits") == 3


def test_an_answer_older_than_what_is_known_is_asked_for_again_but_not_without_end(world, exam):
    def old(row: dict) -> dict:
        return row | {"updatedAt": "2001-01-01T00:00:00.000Z"}

    world.database.signal(OF[EXAMS], exam)
    report = world.receive(through=between(rows(old)))
    assert (report.received, report.dead) == (0, 0)
    assert world.asked(READ_EXAMS) == [1, 1, 1]
    (left,) = world.database.open_signals()
    assert left["attempts"] == 0
    world.database.let_time_pass()
    assert world.receive().received == 1


def test_what_is_wrong_names_the_records_and_what_is_nobodys_fault_none(world, exam):
    ids = [
        world.account.create(CONTACTS, student_id=f"s{n}", email=f"s{n}@x.org", sj_credits="-1")
        for n in range(5)
    ]
    world.database.signal(OF[CONTACTS], *ids)
    (line,) = world.receive().errors
    assert line == (
        f"contacts {', '.join(sorted(ids)[:3])} and 2 more: MBCRD: a balance is negative"
    )
    world.database.let_time_pass()
    world.account.fault({"kind": "unavailable", "type": "contacts"})
    (line,) = world.receive().errors
    assert line.startswith("HubSpot answered 503")


# Order


def test_what_is_urgent_is_read_while_a_long_queue_is(world, exam, ann):
    exams = [world.exam(mock_exam_name=str(number)) for number in range(250)]
    world.database.signal(OF[EXAMS], *exams)
    world.database.signal(OF[CONTACTS], ann, kind="demand", lane="urgent")
    assert world.receive().received == 251
    paths = [request.url.path for request, _ in world.recorder.exchanges]
    assert [READ_CONTACTS in path for path in paths] == [False, True, False, False]


# The commands


def test_under_cron_success_is_silent(world, exam, ann):
    world.database.signal(OF[CONTACTS], ann)
    run = glue_here("receive", "--once", env=world.environment())
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert world.database.open_signals() == []


def test_receive_tells_json(world, exam, ann):
    world.database.signal(OF[CONTACTS], ann)
    run = glue_here("receive", "--once", "--json", env=world.environment())
    assert json.loads(run.stdout) == {
        "received": 1, "failed": 0, "dead": 0, "forbidden": False, "errors": [], "inbox": [],
    }  # fmt: skip


def test_a_person_sees_what_was_received(world, exam, ann):
    world.database.signal(OF[CONTACTS], ann)
    run = glue_watched("receive", "--once", env=world.environment())
    assert "received 1, for later 0, dead 0" in run.stdout
    assert "the inbox is empty" in run.stdout


def test_what_waits_for_later_is_told_by_the_exit_code(world, exam, ann):
    world.account.fault({"kind": "unavailable", "type": "contacts"})
    world.database.signal(OF[CONTACTS], ann)
    run = glue_here("receive", "--once", env=world.environment())
    assert run.returncode == 75


@pytest.mark.parametrize("arguments", [["--follow", "--for", "3"], ["--once", "--lease", "5"]])
def test_receive_refuses_what_cannot_be(world, arguments):
    assert glue_here("receive", *arguments, env=world.environment()).returncode == 2


def test_the_inbox_can_be_looked_at(world, exam, ann):
    db = world.database
    db.signal(OF[CONTACTS], ann, kind="demand", lane="urgent")
    db.signal(OF[EXAMS], exam)
    db.rows("update hubspot_sync.webhook_inbox set dead_at = now(), last_error = 'no good'"
            " where table_name = 'hubspot_mock_exams'")  # fmt: skip
    env = world.environment()
    status = json.loads(glue_here("inbox", "status", "--json", env=env).stdout)
    assert [(row["table_name"], row["due"], row["dead"]) for row in status["inbox"]] == [
        ("hubspot_contact_credits", 1, 0), ("hubspot_mock_exams", 0, 1),
    ]  # fmt: skip
    listed = glue_here("inbox", "list", env=env).stdout
    assert "ann" in listed
    assert "no good" in listed
    assert "glue inbox retry ID" in listed
    dead = json.loads(glue_here("inbox", "list", "--state", "dead", "--json", env=env).stdout)
    ((signal),) = dead["signals"]
    shown = glue_here("inbox", "show", str(signal["id"]), env=env).stdout
    assert f"exams {exam} in HubSpot" in shown
    assert "no good" in shown
    named = glue_here("inbox", "show", "--table", "contacts", ann, "--json", env=env).stdout
    assert json.loads(named)["name"] == "ann"
    assert glue_here("inbox", "show", "x", env=env).returncode == 2
    assert glue_here("inbox", "show", "9999", env=env).returncode == 1


def test_signals_are_retried_and_discarded_by_hand(world, exam, ann):
    db, env = world.database, world.environment()
    db.signal(OF[CONTACTS], ann)
    db.signal(OF[EXAMS], exam)
    db.rows("update hubspot_sync.webhook_inbox set dead_at = now()")
    contact, other = (str(row["id"]) for row in db.open_signals())
    assert glue_here("inbox", "retry", contact, env=env).stdout == "1 retried\n"
    asked = glue_here("inbox", "discard", other, env=env)
    assert asked.returncode == 1
    assert exam in asked.stderr
    assert glue_here("inbox", "discard", "--yes", other, env=env).stdout == "1 discarded\n"
    again = glue_here("inbox", "discard", "--yes", other, env=env)
    assert (again.returncode, again.stdout) == (1, "0 discarded\n")
    assert "it is done already" in again.stderr
    assert [str(row["id"]) for row in db.open_signals()] == [contact]
    assert glue_here("inbox", "retry", env=env).returncode == 2
    assert glue_here("inbox", "retry", "--all", env=env).returncode == 0


def test_all_open_signals_of_a_record_are_handled_at_once(world, exam, ann):
    db, env = world.database, world.environment()
    for table, hubspot_id in [(CONTACTS, ann)] * 3 + [(EXAMS, exam)]:
        db.signal(OF[table], hubspot_id)
        db.rows("update hubspot_sync.webhook_inbox set dead_at = now()")
    assert glue_here("inbox", "retry", "--table", "contacts", ann, env=env).stdout == "3 retried\n"
    (dead,) = [row["hubspot_id"] for row in db.open_signals() if row["dead_at"]]
    assert dead == exam
    run = glue_here("inbox", "discard", "--yes", "--table", "contacts", ann, env=env)
    assert run.stdout == "3 discarded\n"
    again = glue_here("inbox", "discard", "--yes", "--table", "contacts", ann, env=env)
    assert again.returncode == 1
    assert f"nothing is open of contacts {ann}" in again.stderr
    assert glue_here("inbox", "discard", "--yes", "x", env=env).returncode == 2
    assert [row["hubspot_id"] for row in db.open_signals()] == [exam]


# Saving calls


def test_a_thrifty_worker_reads_what_webhooks_told_together(world, exam):
    db = world.database
    db.rows("update hubspot_sync.settings set value = 'thrifty' where key = 'profile'")
    world.account.edit(EXAMS, exam, location="Leeds")
    told = {"objectId": int(exam), "objectTypeId": EXAM_TYPE, "propertyName": "location"}
    told |= {"subscriptionType": "object.propertyChange", "propertyValue": "Leeds"}
    with connect(db.url) as connection:
        Rpc(connection).store_events([told], {EXAM_TYPE: OF[EXAMS]})
    assert world.receive().received == 0
    assert world.asked(READ_EXAMS) == []
    db.rows("update hubspot_sync.webhook_inbox set received_at = received_at - interval '2 hours'")
    assert world.receive().received == 1
    assert here(world, EXAMS, exam, "location") == "Leeds"


def test_what_hubspot_tells_of_our_own_writes_is_not_read(world, exam, ann):
    db = world.database
    booking_id = db.book("ann", exam)
    world.drain()
    booking = id_of(world, BOOKINGS, booking_id=booking_id)
    event = {"objectId": int(booking), "objectTypeId": BOOKING_TYPE, "propertyName": "is_active"}
    event |= {"subscriptionType": "object.propertyChange", "changeSource": "INTEGRATION"}
    with connect(db.url) as connection:
        rpc, types = Rpc(connection), {BOOKING_TYPE: OF[BOOKINGS]}
        rpc.store_events([event | {"propertyValue": "Active", "eventId": 1}], types)
        assert db.open_signals() == []
        rpc.store_events([event | {"propertyValue": "Cancelled", "eventId": 2}], types)
    assert len(db.open_signals()) == 1
