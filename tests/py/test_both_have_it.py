"""What both sides have before they know of each other, what HubSpot merges, and rows that are held.

Every test ends as those of test_merge do: with both sides read and sent until neither has anything
left. What an edit was worth is then there, or told in a conflict.
"""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hubspot_world import BOOKINGS, CONTACTS, EXAMS, World
from test_merge import OF, contact, in_hubspot

BUSY = pytest.mark.timeout(180)


@pytest.fixture
def second(world: World, exam: str) -> str:
    """Another exam, on another day."""
    day = world.database.value("select (current_date + 40)::text")
    made = world.exam(exam_date=day)
    world.bring_in()
    return made


def settle(world: World, rounds: int = 5) -> None:
    """Sends, then reads everything, until nothing can be left."""
    for _ in range(rounds):
        world.database.let_time_pass()
        world.drain()
        for kind, table in OF.items():
            if ids := [row["id"] for row in world.account.records(kind)]:
                world.database.signal(table, *ids, kind="associationChange")
        world.receive()


def credits(world: World, student: str) -> tuple[int, int]:
    """The balance of a student's sj_credits, here and there."""
    here = world.database.value(
        "select sj_credits from hubspot_sync.hubspot_contact_credits where student_id = %(who)s",
        who=student,
    )
    there = world.account.properties(CONTACTS, "student_id")[student]["sj_credits"]
    return here, int(there or 0)


def conflicts(world: World) -> list[str]:
    return [
        row["decision"]
        for row in world.database.rows(
            "select decision from hubspot_sync.sync_conflicts order by id"
        )
    ]


def make_here(world: World, student: str, **given: Any) -> None:
    """A contact is made here of whom HubSpot's webhook has not been read yet."""
    more = "".join(f", p_{name} => %({name})s" for name in given)
    world.database.rows(
        "select * from api.upsert_contact(p_student_id => %(student)s, p_email => %(email)s"
        f"{more})",
        student=student,
        email=f"{student}@example.com",
        **given,
    )


# Contacts made on both sides


@pytest.mark.parametrize("first", ["sent first", "read first"])
def test_what_hubspot_has_of_a_contact_that_came_here_without_credits_is_kept(world, exam, first):
    there = world.student("zoe")
    make_here(world, "zoe")
    if first == "read first":
        world.database.signal(OF[CONTACTS], there)
        world.receive()
    settle(world)
    assert credits(world, "zoe") == (5, 5)
    there = world.account.properties(CONTACTS, "student_id")["zoe"]
    assert (there["firstname"], there["email"]) == ("Zoe", "zoe@example.com")
    name = "select firstname from hubspot_sync.hubspot_contact_credits where student_id = 'zoe'"
    assert world.database.value(name) == "Zoe"


@pytest.mark.parametrize("first", ["sent first", "read first"])
def test_where_both_sides_gave_credits_ours_stand_and_a_conflict_tells(world, exam, first):
    there = world.student("zoe")
    make_here(world, "zoe", sj_credits=2)
    if first == "read first":
        world.database.signal(OF[CONTACTS], there)
        world.receive()
    settle(world)
    assert credits(world, "zoe") == (2, 2)
    assert "ours: HubSpot had it before it knew of ours" in conflicts(world)


def test_credits_given_to_a_contact_that_hubspot_has_meet_those_it_had(world, exam):
    world.student("zoe")
    make_here(world, "zoe")
    world.database.rows(
        "select api.grant_credits('zoe', 'zoe@example.com', 'sj_credits', 2, 'bought', 'a key')"
    )
    settle(world)
    assert credits(world, "zoe") == (7, 7)


def test_what_is_given_of_an_exam_that_hubspot_has_is_sent(world, exam):
    made = world.exam(capacity=10, location="Online", is_active="false")
    world.database.rows(
        "select api.upsert_exam(%(exam)s, p_mock_type => 'Situational Judgment',"
        " p_exam_date => current_date + 50, p_start_time => '10:00', p_capacity => 12,"
        " p_is_active => true, p_location => 'London')",
        exam=made,
    )
    settle(world)
    (there,) = [r["properties"] for r in world.account.records(EXAMS) if r["id"] == made]
    assert (there["capacity"], there["location"]) == ("12", "London")
    (here,) = world.database.rows(
        "select capacity, location, is_active from hubspot_sync.hubspot_mock_exams"
        " where hubspot_id = %(exam)s",
        exam=made,
    )
    assert here == {"capacity": 12, "location": "London", "is_active": "true"}


# Slips


@pytest.mark.parametrize(("steps", "right"), [(("", 5), 3), ((-3, 4), 2), ((0, 9), 7)])
def test_a_slip_that_was_corrected_makes_no_credits(world, exam, second, steps, right):
    world.database.book("ann", exam)
    world.database.book("ann", second)  # three here, five there
    for value in steps:
        world.account.edit(CONTACTS, contact(world, "ann"), sj_credits=value)
    settle(world)
    assert credits(world, "ann") == (right, right)
    assert conflicts(world) == []


def test_a_booking_gets_back_the_id_that_was_emptied_and_the_request_with_it_is_done(world, exam):
    booking = world.database.book("ann", exam)
    world.drain()
    there = in_hubspot(world, booking)
    world.account.edit(BOOKINGS, there, booking_id="", is_active="Cancelled")
    settle(world)
    (row,) = world.account.records(BOOKINGS)
    assert (row["properties"]["booking_id"], row["properties"]["is_active"]) == (
        booking,
        "Cancelled",
    )
    assert credits(world, "ann") == (5, 5)


def test_a_deleted_twin_of_a_booking_refunds_nobody(world, exam):
    booking = world.database.book("ann", exam)
    world.drain()
    # Adopted data may have a booking_id twice.
    world.database.rows(
        """
        insert into hubspot_sync.hubspot_bookings
          (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, token_used,
           exempt, exam_date)
        select '777001', b.booking_id, b.mock_exam_id, b.student_id, b.student_email, 'Cancelled',
               'Situational Judgment Token', true, b.exam_date
          from hubspot_sync.hubspot_bookings b
         where b.booking_id = %(booking)s
        """,
        booking=booking,
    )
    world.database.rows(
        "select hubspot_sync.apply_gone('hubspot_bookings',"
        """ '[{"id": "777001", "archived": true}]')"""
    )
    assert credits(world, "ann")[0] == 4
    status = "select is_active from hubspot_sync.hubspot_bookings where hubspot_id <> '777001'"
    assert world.database.value(status) == "Active"


# Merges in HubSpot


@pytest.mark.parametrize("new_id", [False, True])
def test_of_exams_merged_in_hubspot_the_former_is_sold_no_more(world, exam, new_id):
    world.account.edit(EXAMS, exam, capacity=1)
    twin = world.exam(capacity=1)
    world.bring_in()
    world.database.book("ann", twin)
    world.drain()
    world.account.merge(EXAMS, exam, twin, new_id=new_id)
    world.database.signal(OF[EXAMS], exam, twin, kind="merge")
    settle(world)
    (left,) = [row["id"] for row in world.account.records(EXAMS)]
    offered = {row["mock_exam_id"] for row in world.database.rows(
        "select mock_exam_id from api.list_available_exams()")}  # fmt: skip
    assert offered == {left}
    with pytest.raises(psycopg.Error) as refused:
        world.database.book("ben", twin)
    assert refused.value.sqlstate == "MBINA"
    assert any("closed; bookings to be moved: 1" in told for told in conflicts(world))
    assert [row for row in world.database.open_changes() if row["dead_at"]] == []


@pytest.mark.parametrize("follow", [False, True])
def test_of_bookings_merged_in_hubspot_both_stay_and_each_has_its_own_record(
    world, exam, second, follow
):
    world.account.limits(merged_reads_follow=follow, merged_writes_follow=follow)
    kept, former = world.database.book("ann", exam), world.database.book("ann", second)
    world.drain()
    ids = in_hubspot(world, kept), in_hubspot(world, former)
    world.account.merge(BOOKINGS, *ids)
    world.database.signal(OF[BOOKINGS], *ids, kind="merge")
    settle(world)
    there = world.account.properties(BOOKINGS, "booking_id")
    assert set(there) == {kept, former}
    assert any("made anew there" in told for told in conflicts(world))
    world.database.cancel(former)
    settle(world)
    there = world.account.properties(BOOKINGS, "booking_id")
    assert (there[kept]["is_active"], there[former]["is_active"]) == ("Active", "Cancelled")
    assert credits(world, "ann") == (4, 4)


# Rows that somebody holds


@pytest.fixture
def held(world: World, exam: str) -> Iterator[list[str]]:
    """Contacts that changed in HubSpot, the row of one of whom a session holds."""
    ids = [world.student(f"s{number}") for number in range(3)]
    world.bring_in()
    for id_ in ids:
        world.account.edit(CONTACTS, id_, firstname="New")
    world.database.signal(OF[CONTACTS], *ids)
    with psycopg.connect(world.database.url) as holder:
        holder.execute(
            "select from hubspot_sync.hubspot_contact_credits where student_id = 's1' for update"
        )
        yield ids


@BUSY
def test_a_row_somebody_holds_keeps_no_other_from_being_read(world, held):
    report = world.receive()
    assert (report.received, report.failed, report.dead) == (2, 1, 0)
    new = "select count(*) from hubspot_sync.hubspot_contact_credits where firstname = 'New'"
    assert world.database.value(new) == 2
    (left,) = world.database.open_signals()
    assert left["attempts"] == 0


@BUSY
def test_a_row_somebody_holds_keeps_no_other_from_being_acknowledged(world, exam):
    made = [f"n{number}" for number in range(3)]
    for student in made:
        make_here(world, student)
    ends = threading.Event()

    def hold() -> None:
        with psycopg.connect(world.database.url) as holder:
            holder.execute(
                "select from hubspot_sync.hubspot_contact_credits where student_id = 'n1'"
                " for update"
            )
            ends.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        report = world.drain()
    finally:
        ends.set()
        thread.join()
    assert (report.sent, report.failed) == (2, 1)
    known = "select count(*) from hubspot_sync.hubspot_contact_credits where student_id like 'n%%'"
    assert world.database.value(f"{known} and hubspot_id is not null") == 2
    settle(world)
    assert world.database.value(f"{known} and hubspot_id is not null") == 3
    assert set(made) <= set(world.account.properties(CONTACTS, "student_id"))
