"""Users edit HubSpot while bookings are made here: in the end both sides hold the same.

Every test ends with what was changed there read and what was changed here sent, until neither has
anything left; then each record is compared, and the ledger with the balances.
"""

from __future__ import annotations

import pytest
from hubspot_world import BOOKINGS, CONTACTS, EXAMS, UPDATE_CONTACTS, World

OF = {
    EXAMS: "hubspot_mock_exams",
    CONTACTS: "hubspot_contact_credits",
    BOOKINGS: "hubspot_bookings",
}
BALANCES = {
    "sj_credits", "cs_credits", "sjmini_credits", "mock_discussion_token", "shared_mock_credits",
}  # fmt: skip


def read(world: World) -> None:
    """All that HubSpot has is read."""
    for kind, table in OF.items():
        ids = [row["id"] for row in world.account.records(kind)]
        if ids:
            world.database.signal(table, *ids, kind="associationChange")
    report = world.receive()
    assert (report.failed, report.dead) == (0, 0), report


def gone(world: World, kind: str, *ids: str) -> None:
    """Records that somebody deleted are read."""
    world.database.signal(OF[kind], *ids, kind="deletion")
    world.receive()


def settle(world: World) -> None:
    """Both directions, until there is nothing to send and nothing to read."""
    for _ in range(6):
        world.database.let_time_pass()
        world.drain()
        read(world)
        if not world.database.open_changes() and not world.database.open_signals():
            break
    assert world.database.open_changes() == []
    for kind, table in OF.items():
        ours = {
            row["hubspot_id"]: row["state"]
            for row in world.database.rows(
                "select r.hubspot_id, hubspot_sync.record_properties(%(table)s, r.id) as state"
                f" from hubspot_sync.{table} r where r.hubspot_id is not null",
                table=table,
            )
        }
        for record in world.account.records(kind):
            state = ours[record["id"]]
            theirs = record["properties"]
            different = {
                name: (value, theirs.get(name))
                for name, value in state.items()
                # No balance is one of 0.
                if not name.startswith("@")
                and value != (theirs.get(name) or ("0" if name in BALANCES else ""))
            }
            assert different == {}, f"{kind} {record['id']}: ours, theirs"


def balance(world: World, student: str) -> int:
    """A balance, which must be the ledger's, and HubSpot's."""
    ours = world.database.value(
        "select sj_credits from hubspot_sync.hubspot_contact_credits"
        " where student_id = %(student)s and merged_into is null",
        student=student,
    )
    assert world.database.violations() == []
    assert world.account.properties(CONTACTS, "student_id")[student]["sj_credits"] == str(ours)
    return ours


def contact(world: World, student: str) -> str:
    """A student's id in HubSpot."""
    return world.database.value(
        "select hubspot_id from hubspot_sync.hubspot_contact_credits where student_id = %(s)s",
        s=student,
    )


def in_hubspot(world: World, booking_id: str) -> str:
    """A booking's id in HubSpot."""
    return world.database.value(
        "select hubspot_id from hubspot_sync.hubspot_bookings where booking_id = %(id)s",
        id=booking_id,
    )


def status(world: World, booking_id: str) -> str:
    """A booking's status, here and there."""
    ours = world.database.value(
        "select is_active from hubspot_sync.hubspot_bookings where booking_id = %(id)s",
        id=booking_id,
    )
    assert world.account.properties(BOOKINGS, "booking_id")[booking_id]["is_active"] == ours
    return ours


def decisions(world: World, field: str) -> list[str]:
    """What was decided where both sides had an opinion of a field."""
    rows = world.database.rows(
        "select decision from hubspot_sync.sync_conflicts where field = %(f)s order by id", f=field
    )
    return [row["decision"] for row in rows]


# Balances: what was added there and what was spent here both count


@pytest.mark.parametrize("step", ["unsent", "sent", "acknowledged"])
def test_a_top_up_and_a_booking_both_count(world, exam, step):
    ann = contact(world, "ann")
    if step == "unsent":
        world.database.book("ann", exam)
        world.account.edit(CONTACTS, ann, sj_credits=8)
    elif step == "sent":
        # Our write arrives after the top-up, and hides it.
        world.account.edit(CONTACTS, ann, sj_credits=8)
        world.database.book("ann", exam)
        world.drain()
        assert world.account.properties(CONTACTS, "student_id")["ann"]["sj_credits"] == "4"
    else:
        world.database.book("ann", exam)
        world.drain()
        world.account.edit(CONTACTS, ann, sj_credits=7)
    settle(world)
    assert balance(world, "ann") == 7


def test_a_top_up_after_a_write_that_was_never_acknowledged_counts(world, exam):
    world.database.book("ann", exam)
    world.account.fault({"kind": "cut", "count": 1, "path": UPDATE_CONTACTS})
    world.drain(timeout=1.0)
    world.account.fault()
    world.account.edit(CONTACTS, contact(world, "ann"), sj_credits=6)
    read(world)
    settle(world)
    assert balance(world, "ann") == 6


def test_a_top_up_before_a_write_that_never_arrived_counts(world, exam):
    world.account.edit(CONTACTS, contact(world, "ann"), sj_credits=8)
    world.database.book("ann", exam)
    world.account.fault({"kind": "unavailable", "count": 1})
    world.drain()
    world.account.fault()
    read(world)
    settle(world)
    assert balance(world, "ann") == 7


def test_top_ups_between_bookings_each_count_once_however_often_they_are_read(world, exam):
    ann = contact(world, "ann")
    booking_id = world.database.book("ann", exam)
    world.account.edit(CONTACTS, ann, sj_credits=6)  # + 1
    read(world)
    read(world)
    world.database.cancel(booking_id)
    world.account.edit(CONTACTS, ann, sj_credits=9)  # + 3
    world.database.let_time_pass()
    world.drain()
    world.account.edit(CONTACTS, ann, sj_credits=int(balance_there(world, "ann")) + 2)
    settle(world)
    settle(world)
    assert balance(world, "ann") == 5 + 1 + 3 + 2


def balance_there(world: World, student: str) -> str:
    """What HubSpot shows of a balance."""
    return world.account.properties(CONTACTS, "student_id")[student]["sj_credits"]


def test_what_was_spent_here_cannot_be_taken_away_there(world, exam):
    for day in (2, 3, 4):
        world.database.book(
            "ann", world_exam(world, exam_date=world.database.value(f"select current_date + {day}"))
        )
    world.account.edit(CONTACTS, contact(world, "ann"), sj_credits=1)  # - 4
    settle(world)
    assert balance(world, "ann") == 0
    assert decisions(world, "sj_credits")[0].endswith("stopped at 0")


def world_exam(world: World, **properties: object) -> str:
    """One more exam, here and there."""
    exam = world.exam(**properties)
    world.database.signal(OF[EXAMS], exam, kind="creation")
    world.receive()
    return exam


def test_a_balance_that_is_no_number_there_stops_its_contact_alone(world, exam):
    ann, ben = contact(world, "ann"), contact(world, "ben")
    world.account.edit(CONTACTS, ann, sj_credits="2.5")
    world.account.edit(CONTACTS, ben, sj_credits=6)
    world.database.signal(OF[CONTACTS], ann, ben)
    assert world.receive().failed == 1
    assert (
        world.database.value(
            "select sj_credits from hubspot_sync.hubspot_contact_credits where student_id = 'ben'"
        )
        == 6
    )
    world.account.edit(CONTACTS, ann, sj_credits=3)
    world.database.rows("update hubspot_sync.webhook_inbox set next_attempt_at = now()")
    settle(world)
    assert balance(world, "ann") == 3


# Status and attendance: requests


def test_a_cancellation_in_hubspot_frees_the_seat_and_refunds(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    world.account.edit(BOOKINGS, in_hubspot(world, booking_id), is_active="Cancelled")
    settle(world)
    assert (status(world, booking_id), balance(world, "ann")) == ("Cancelled", 5)
    assert decisions(world, "is_active") == ["HubSpot's: done as asked"]
    (theirs,) = world.account.records(EXAMS)
    assert theirs["properties"]["total_bookings"] == "0"


def test_one_cancelled_on_both_sides_is_refunded_once(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    world.account.edit(BOOKINGS, in_hubspot(world, booking_id), is_active="Cancelled")
    world.database.cancel(booking_id)
    settle(world)
    assert (status(world, booking_id), balance(world, "ann")) == ("Cancelled", 5)


def test_a_booking_made_active_in_hubspot_stays_cancelled(world, exam):
    booking_id = world.database.book("ann", exam)
    world.database.cancel(booking_id)
    world.drain()
    world.account.edit(BOOKINGS, in_hubspot(world, booking_id), is_active="Active")
    settle(world)
    assert (status(world, booking_id), balance(world, "ann")) == ("Cancelled", 5)
    assert decisions(world, "is_active") == ["ours: not done, a seat is taken by booking again"]


def test_attendance_of_an_exam_to_come_is_taken_back(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    world.account.edit(BOOKINGS, in_hubspot(world, booking_id), attendance="Yes")
    settle(world)
    theirs = world.account.properties(BOOKINGS, "booking_id")[booking_id]
    assert (theirs.get("attendance") or "") == ""


# Owners of fields


def test_each_side_keeps_the_fields_it_owns(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    world.account.edit(
        BOOKINGS, in_hubspot(world, booking_id), student_name="Nobody", attending_location="Hall"
    )
    world.account.edit(EXAMS, exam, capacity=33, location="Hall", total_bookings=99)
    world.account.edit(CONTACTS, contact(world, "ann"), firstname="Anna")
    settle(world)
    theirs = world.account.properties(BOOKINGS, "booking_id")[booking_id]
    assert (theirs["student_name"], theirs["attending_location"]) == ("Anna Doe", "Hall")
    (theirs,) = world.account.records(EXAMS)
    assert theirs["properties"]["total_bookings"] == "1"
    assert world.database.value("select capacity from hubspot_sync.hubspot_mock_exams") == 33


def test_a_change_here_is_protected_until_hubspot_has_it(world, exam):
    world.account.edit(EXAMS, exam, capacity=33)
    world.database.rows("select api.set_exam_capacity(%(exam)s, 44)", exam=exam)
    read(world)
    settle(world)
    (theirs,) = world.account.records(EXAMS)
    assert theirs["properties"]["capacity"] == "44"
    assert decisions(world, "capacity") == ["ours: it is on its way from here"]


# Records that come and go


def test_a_booking_made_by_hand_holds_a_seat_and_spends_nothing(world, exam):
    world.account.create(
        BOOKINGS,
        booking_id="OLD-1",
        student_id="ann",
        student_email="ann@example.com",
        mock_exam_id=exam,
        is_active="Active",
    )
    settle(world)
    assert (status(world, "OLD-1"), balance(world, "ann")) == ("Active", 5)
    (links,) = world.account.links(BOOKINGS, "booking_id").values()
    linked = [target for targets in links.values() for target in targets]
    assert sorted(linked) == sorted([contact(world, "ann"), exam])
    (theirs,) = world.account.records(EXAMS)
    assert theirs["properties"]["total_bookings"] == "1"


def test_a_booking_deleted_in_hubspot_is_cancelled_here(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    hubspot_id = in_hubspot(world, booking_id)
    world.account.delete(BOOKINGS, hubspot_id)
    gone(world, BOOKINGS, hubspot_id)
    settle(world)
    assert world.account.records(BOOKINGS) == []
    assert balance(world, "ann") == 5
    (theirs,) = world.account.records(EXAMS)
    assert theirs["properties"]["total_bookings"] == "0"


def test_a_booking_deleted_in_hubspot_while_it_was_changed_here_is_made_anew(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    hubspot_id = in_hubspot(world, booking_id)
    world.account.delete(BOOKINGS, hubspot_id)
    world.database.rows("update hubspot_sync.hubspot_bookings set attending_location = 'Lab'")
    gone(world, BOOKINGS, hubspot_id)
    settle(world)
    assert (status(world, booking_id), balance(world, "ann")) == ("Active", 4)


def test_an_exam_deleted_in_hubspot_refunds_all_who_had_a_seat(world, exam):
    bookings = [world.database.book(student, exam) for student in ("ann", "ben")]
    world.drain()
    world.account.delete(EXAMS, exam)
    gone(world, EXAMS, exam)
    settle(world)
    assert [status(world, booking_id) for booking_id in bookings] == ["Cancelled", "Cancelled"]
    assert (balance(world, "ann"), balance(world, "ben")) == (5, 5)


def test_a_contact_deleted_in_hubspot_is_made_anew_when_it_books(world, exam):
    ann = contact(world, "ann")
    world.account.delete(CONTACTS, ann)
    gone(world, CONTACTS, ann)
    booking_id = world.database.book("ann", exam)
    settle(world)
    assert (status(world, booking_id), balance(world, "ann")) == ("Active", 4)


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize("sent", [False, True])
def test_two_contacts_that_become_one_keep_all_credits_and_bookings(world, exam, new_id, sent):
    for student in ("ann", "ben"):
        world.database.book(student, world_exam(world, location=student, mock_exam_name=student))
    if sent:
        world.drain()
        read(world)
    ann, ben = contact(world, "ann"), contact(world, "ben")
    kept = world.account.merge(CONTACTS, ann, ben, new_id=new_id)
    world.database.signal(OF[CONTACTS], ann, ben, kept or ann, kind="merge")
    world.receive()
    settle(world)
    assert balance(world, "ann") == 8
    world.database.book("ben", exam_on(world, 60))
    settle(world)
    assert balance(world, "ann") == 7
    ours = world.database.rows("select distinct student_id from hubspot_sync.hubspot_bookings")
    assert ours == [{"student_id": "ann"}]


def exam_on(world: World, days: int) -> str:
    """An exam so many days from now, here and there."""
    return world_exam(
        world, exam_date=world.database.value(f"select (current_date + {days})::text")
    )


def test_a_person_who_is_forgotten_in_hubspot_is_forgotten_here(world, exam):
    booking_id = world.database.book("ann", exam)
    world.drain()
    ann = contact(world, "ann")
    world.account.forget(CONTACTS, ann)
    world.database.signal(OF[CONTACTS], ann, kind="privacyDeletion")
    world.receive()
    settle(world)
    theirs = world.account.properties(BOOKINGS, "booking_id")[booking_id]
    assert "ann" not in theirs["student_id"] + theirs["student_email"] + (
        theirs.get("student_name") or ""
    )
    assert [row["properties"]["student_id"] for row in world.account.records(CONTACTS)] == [
        "ben",
        "cat",
    ]
