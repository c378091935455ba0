"""What changed in HubSpot is found without a webhook: `glue poll` over a simulator and Postgres."""

import json
import re

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
from glue.errors import RateLimited, Unauthorized, Unavailable
from glue.poll import Poll, PollReport
from glue.rpc import Rpc

SEARCH = "/crm/objects/2026-09/{}/search"
PAGE = 200


@pytest.fixture(autouse=True)
def _no_limit_of_searches(world):
    """What a limit does is tested by itself."""
    world.account.limits(search_per_second=1000)


def polled(world: World, *, archived: bool = False, **options) -> PollReport:
    """A poll."""
    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        one = Poll(Rpc(connection), hubspot)
        return one.archived() if archived else one.run(**options)


def signals(world: World) -> set[tuple[str, str]]:
    """What is to be read: kinds and ids of open signals."""
    rows = world.database.rows(
        "select kind, hubspot_id from hubspot_sync.webhook_inbox where done_at is null"
    )
    assert len({(row["kind"], row["hubspot_id"]) for row in rows}) == len(rows)
    return {(row["kind"], row["hubspot_id"]) for row in rows}


def read_all(world: World) -> None:
    """As if all that HubSpot has had been read, and every signal done."""
    db = world.database
    db.rows("update hubspot_sync.webhook_inbox set done_at = now()")
    versions = {
        row["id"]: row["updatedAt"]
        for kind in (EXAMS, CONTACTS, BOOKINGS)
        for row in world.account.records(kind)
    }
    db.rows(
        """
        insert into hubspot_sync.sync_shadow as s (record, table_name, properties, version,
                                                   read_version)
        select k.id, k.name, '{}', v.value::timestamptz, v.value::timestamptz
          from jsonb_each_text(%(versions)s::jsonb) v
          join (select e.id, e.hubspot_id, 'hubspot_mock_exams' as name
                  from hubspot_sync.hubspot_mock_exams e
                union all
                select c.id, c.hubspot_id, 'hubspot_contact_credits'
                  from hubspot_sync.hubspot_contact_credits c
                union all
                select b.id, b.hubspot_id, 'hubspot_bookings'
                  from hubspot_sync.hubspot_bookings b) k on k.hubspot_id = v.key
        on conflict (record) do update set version = excluded.version,
                                           read_version = excluded.read_version
        """,
        versions=json.dumps(versions),
    )


def searches(world: World, object_type: str) -> list[dict]:
    """The bodies of the searches of a type so far."""
    return [
        json.loads(request.content)
        for request, _ in world.recorder.exchanges
        if request.url.path == SEARCH.format(object_type)
    ]


def day(world: World, days: int) -> str:
    return world.database.value("select (current_date + %(days)s)::text", days=days)


# What is found


def test_what_was_edited_is_found_and_nothing_else(world, exam):
    ann, ben, _ = (row["id"] for row in world.account.records(CONTACTS))
    read_all(world)
    assert polled(world).queued == 0
    world.account.edit(CONTACTS, ann, firstname="Anna")
    world.account.edit(EXAMS, exam, location="Leeds")
    report = polled(world)
    assert report.queued == 2
    assert signals(world) == {("poll", ann), ("poll", exam)}
    # Webhooks say so, too, and nothing is asked for twice.
    assert polled(world).queued == 0
    read_all(world)
    world.account.edit(CONTACTS, ben, lastname="Roe")
    assert polled(world).queued == 1
    assert signals(world) == {("poll", ben)}


def test_a_first_poll_finds_all_that_is_there(world):
    known = {world.student("ann"), world.exam(), world.account.create(BOOKINGS, booking_id="BK-1")}
    assert polled(world).queued == 3
    assert {one for _, one in signals(world)} == known


def test_an_exam_that_was_deactivated_is_found(world, exam):
    read_all(world)
    polled(world)
    world.account.edit(EXAMS, exam, is_active="false")
    assert polled(world).queued == 1


def test_what_is_long_over_is_left_to_a_poll_of_everything(world):
    last_month, last_week = world.exam(exam_date=day(world, -40)), world.exam(
        exam_date=day(world, -6)
    )  # fmt: skip
    undated = world.account.create(EXAMS, mock_exam_name="Undated")
    old = world.account.create(BOOKINGS, booking_id="BK-1", exam_date=day(world, -40))
    new = world.account.create(BOOKINGS, booking_id="BK-2", exam_date=day(world, 3))
    polled(world)
    assert signals(world) == {("poll", one) for one in (last_week, undated, new)}
    # It keeps a watermark of its own: what recent polls left out is not lost to it.
    polled(world, everything=True)
    assert {one for _, one in signals(world)} == {last_month, last_week, undated, old, new}


def test_a_merged_contact_is_found_by_the_one_that_is_left(world):
    ann, double = world.student("ann"), world.student("anne")
    world.bring_in()
    read_all(world)
    polled(world)
    world.account.merge(CONTACTS, ann, double)
    polled(world)
    assert signals(world) == {("poll", ann)}


def test_what_was_archived_is_found_in_the_recycling_bin(world, exam):
    cat = world.account.records(CONTACTS)[2]["id"]
    stranger = world.student("eve")
    read_all(world)
    for one in (cat, stranger):
        world.account.delete(CONTACTS, one)
    world.account.delete(EXAMS, exam)
    assert polled(world).queued == 0
    report = polled(world, archived=True)
    assert (report.checked, report.queued, report.every) == (3, 2, None)
    assert signals(world) == {("deletion", cat), ("deletion", exam)}


# Pages


def test_more_records_of_one_moment_than_a_search_can_give_are_all_found(world):
    count = 10_300
    store = world.account.store
    contacts = store.type(CONTACTS)
    moment = store.clock.ms()
    for number in range(count):
        name = f"s{number}"
        store.create(contacts, {"student_id": name, "email": f"{name}@example.com"}, at_ms=moment)
    assert polled(world).queued == count
    assert len(signals(world)) == count
    # The watermark stands, and the next poll looks at these again for as long as they overlap.
    assert polled(world).queued == 0
    asked = searches(world, "contacts")
    assert len(asked) == 2 * (count // PAGE + 1)
    assert all("after" not in body for body in asked)


def test_a_poll_that_is_cut_off_goes_on_after_its_last_page(world):
    made = [world.student(f"s{number}") for number in range(PAGE + 50)]
    world.account.fault({"kind": "unavailable", "path": SEARCH.format("contacts"), "count": 1})
    with pytest.raises(Unavailable):
        polled(world)
    assert signals(world) == set()
    stops = iter([False, False, False, True])
    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        # Exams, then a page of contacts, then nothing more.
        Poll(Rpc(connection), hubspot, stopped=lambda: next(stops, True)).run()
    assert len(signals(world)) == PAGE
    world.forget()
    polled(world)
    assert {one for _, one in signals(world)} == set(made)
    filters = searches(world, "contacts")[0]["filterGroups"][0]["filters"]
    after = sorted(made, key=int)[PAGE - 1]
    assert {"propertyName": "hs_object_id", "operator": "GT", "value": after} in filters


def test_what_is_edited_during_a_pass_in_records_it_has_passed_is_found_by_the_next(world):
    made = [world.student(f"s{number}") for number in range(PAGE + 50)]
    first = min(made, key=int)
    world.bring_in()
    read_all(world)
    edits = iter([lambda: world.account.edit(CONTACTS, first, firstname="Late")])

    def progress(count: int) -> None:
        if count == PAGE:
            next(edits, lambda: None)()

    with connect(world.database.url) as connection, world.hubspot() as hubspot:
        Poll(Rpc(connection), hubspot, progress=progress).run()
    assert signals(world) == set()
    polled(world)
    assert signals(world) == {("poll", first)}


def test_a_change_that_search_sees_late_is_found_once_it_does(world):
    ann = world.student("ann")
    world.bring_in()
    read_all(world)
    world.account.limits(index_lag_seconds=200)
    polled(world)
    world.account.edit(CONTACTS, ann, firstname="Anna")
    # Polls go on meanwhile; their watermarks pass the moment of the edit.
    for _ in range(3):
        assert polled(world).queued == 0
        world.account.advance(60)
    world.account.advance(60)
    polled(world)
    assert signals(world) == {("poll", ann)}


def test_the_clock_that_counts_is_hubspots(world):
    world.account.advance(3000)
    ann = world.student("ann")
    polled(world)
    state = world.database.value(
        "select state from hubspot_sync.sync_status where task = 'poll hubspot_contact_credits'"
    )
    ahead = world.database.value(
        "select extract(epoch from %(mark)s::timestamptz - now())::integer",
        mark=state["watermark"],
    )
    assert 2900 < ahead < 3100
    assert signals(world) == {("poll", ann)}


# Trouble


def test_a_wrong_token_pauses_everything_and_a_paused_table_is_not_looked_at(world):
    world.account.fault({"kind": "unauthorized", "count": 1})
    with pytest.raises(Unauthorized):
        polled(world)
    world.account.calls()
    report = polled(world)
    assert (len(report.skipped), report.every) == (3, None)
    assert world.account.calls() == 0
    world.database.rows("delete from hubspot_sync.sync_pauses")
    assert polled(world).skipped == []


def test_a_missing_scope_stops_its_table_alone(world):
    ann = world.student("ann")
    world.account.fault({"kind": "missing_scopes", "path": SEARCH.format(EXAM_TYPE), "count": 1})
    done = glue_here("poll", "--once", "--json", env=world.environment())
    assert done.returncode == 77
    report = json.loads(done.stdout)
    assert (report["forbidden"], report["every"]) == (True, None)
    assert signals(world) == {("poll", ann)}
    scopes = world.database.rows("select scope from hubspot_sync.sync_pauses")
    assert scopes == [{"scope": "hubspot_mock_exams"}]


def test_a_limit_that_is_reached_leaves_the_rest_to_the_next_poll(world):
    ann = world.student("ann")
    world.account.fault({"kind": "rate_limited", "path": SEARCH.format(BOOKING_TYPE), "count": 1})
    with pytest.raises(RateLimited):
        polled(world)
    assert signals(world) == {("poll", ann)}
    assert polled(world).every is not None


# When


def test_the_command_decides_by_itself_whether_a_poll_is_due(world, exam):
    env = world.environment()
    silent = glue_here("poll", "--once", env=env)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    world.account.calls()
    waits = json.loads(glue_here("poll", "--once", "--json", env=env).stdout)
    assert 0 < waits["due_in"] <= 600
    assert world.account.calls() == 0
    report = json.loads(glue_here("poll", "--once", "--now", "--json", env=env).stdout)
    assert world.account.calls() == 3
    assert (report["checked"], report["queued"]) == (4, 0)


def test_polls_become_rarer_while_webhooks_arrive(world, exam):
    read_all(world)
    polled(world)
    ann = world.account.records(CONTACTS)[0]["id"]

    def edited(name: str, *, told: bool) -> float:
        world.account.edit(CONTACTS, ann, firstname=name)
        if told:
            read_all(world)
        world.account.advance(2)
        every = polled(world).every
        read_all(world)
        world.account.advance(2)
        return every

    first = edited("a", told=False)
    assert [edited(name, told=True) for name in "bcdef"] == [
        min(first * factor, 3600) for factor in (2, 4, 8, 16, 32)
    ]
    assert edited("g", told=False) == first


def test_a_person_reads_what_was_found(world, exam):
    read_all(world)
    world.account.edit(EXAMS, exam, location="Leeds")
    told = glue_watched("poll", "--once", env=world.environment())
    assert told.returncode == 0
    assert re.search(r"to be read: exams 1 of 1, contacts 0 of 3, bookings 0 of 0; next in 5 min",
                     told.stdout)  # fmt: skip
    again = glue_watched("poll", "--once", env=world.environment())
    assert "the next poll is due in 4 min" in again.stdout


@pytest.mark.parametrize("option", ["--now", "--everything", "--archived"])
def test_a_service_takes_no_options_of_a_single_poll(world, option):
    refused = glue_here("poll", "--follow", option, env=world.environment())
    assert refused.returncode == 2
    assert "--follow takes none of" in refused.stderr
