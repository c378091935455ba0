"""What must hold when all is quiet: HubSpot has what Postgres has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from typing import TYPE_CHECKING, Any

from account import BOOKINGS, CONTACTS, EXAMS, KEYS, NOTES

from glue.notes import BODY, REF

if TYPE_CHECKING:
    from schedule import Schedule

HERE = """
  select 'contacts' as kind, c.id, c.hubspot_id, c.student_id as key,
         hubspot_sync.record_properties('hubspot_contact_credits', c.id) as properties
    from hubspot_sync.hubspot_contact_credits c
  union all
  select %(bookings)s, b.id, b.hubspot_id, b.booking_id,
         hubspot_sync.record_properties('hubspot_bookings', b.id)
    from hubspot_sync.hubspot_bookings b
  union all
  select %(exams)s, e.id, e.hubspot_id, e.hubspot_id,
         hubspot_sync.record_properties('hubspot_mock_exams', e.id)
    from hubspot_sync.hubspot_mock_exams e
   order by 1, 4
"""

UNTOLD = """
  select a.id
    from hubspot_sync.supabase_audit_log a
    left join hubspot_sync.hubspot_bookings b on b.id = a.record
   where a.to_note
     and (b.id is null or b.contact is not null)
   order by a.id
"""
"""Entries that a note should tell. The booking of a student unknown here waits for its contact."""


def differences(schedule: Schedule) -> list[str]:
    """Where HubSpot and Postgres differ, a line each; the broken invariants of either."""
    return compare(schedule) + _notes(schedule)


def compare(schedule: Schedule, without: Set[str] = frozenset()) -> list[str]:
    """The same without notes. without: ids of records here that HubSpot need not have."""
    account, stage = schedule.account, schedule.stage
    here = stage.rows(HERE, bookings=BOOKINGS, exams=EXAMS)
    here = [row for row in here if str(row["id"]) not in without]
    found: list[str] = []
    for kind in (CONTACTS, BOOKINGS, EXAMS):
        ours = {row["key"]: row for row in here if row["kind"] == kind}
        theirs: dict[str, Any] = {}
        for record in account.live(kind):
            key = record.version.properties.get(KEYS[kind], "") if kind in KEYS else record.id
            if key in theirs:
                found.append(f"{schedule.name(key)} is in HubSpot twice")
            theirs[key] = record
        for key in sorted(theirs.keys() - ours.keys()):
            found.append(f"{schedule.name(key)} is in HubSpot, not in Postgres")
        for key, row in ours.items():
            if key not in theirs:
                found.append(f"{schedule.name(key)} is in Postgres, not in HubSpot")
            else:
                found += _differences(schedule, kind, row, theirs[key])
    found += [f"HubSpot has {one['value']!r} twice" for one in account.doubles()]
    found += [
        f"the outbox still holds {row['operation']} of {schedule.name(row['record'])}:"
        f" {row['last_error']}"
        for row in stage.rows(
            "select operation, record::text, last_error from hubspot_sync.sync_queue"
            " where not synced order by id"
        )
    ]
    with schedule.borrowed() as connection:
        found += [
            f"{row['name']} is broken: {row['violations']} ({row['sample']})"
            for row in connection.execute("select * from api.verify()").fetchall()
            if row["violations"]
        ]
    return found


def _differences(schedule: Schedule, kind: str, row: dict[str, Any], record: Any) -> list[str]:
    found = []
    name = schedule.name(row["key"])
    if row["hubspot_id"] != record.id:
        found.append(f"{name} is {record.id} in HubSpot, {row['hubspot_id']} in Postgres")
    if str(row["id"]) in schedule.given_up:
        return found
    links = {}
    for field, value in row["properties"].items():
        if field.startswith("@"):
            links[field] = {value} if value else set()
            continue
        there = record.version.properties.get(field, "")
        if field.endswith("email") and there.lower() == value.lower():
            continue
        if there != value:
            found.append(f"{name}: {field} is {there!r} in HubSpot, {value!r} in Postgres")
    if kind == BOOKINGS:
        for field, target in (("@exam", EXAMS), ("@contact", CONTACTS)):
            linked = account_links(schedule, record, target)
            # The links of merged contacts went to the contact they were merged into.
            spare = schedule.editors.merged if target == CONTACTS else set()
            if not links[field] <= linked or linked - links[field] - spare:
                told = [sorted(map(schedule.name, one)) for one in (linked, links[field])]
                found.append(f"{name}: linked with {told[0]} in HubSpot, {told[1]} in Postgres")
    return found


def account_links(schedule: Schedule, record: Any, target: str) -> set[str]:
    """The live records of a type that a booking is linked with in HubSpot."""
    return schedule.account.linked(record, target)


def _notes(schedule: Schedule) -> list[str]:
    """Whether each entry of the audit log that was to be told is told once."""
    stage = schedule.stage
    there = Counter(
        REF.findall(record.version.properties[BODY])[-1] for record in schedule.account.live(NOTES)
    )
    notes = stage.rows("select id::text, entries from hubspot_sync.sync_notes order by noted_at")
    schedule.struck["notes"] += len(notes)
    told = Counter(entry for note in notes for entry in note["entries"])
    return [
        *(f"{schedule.name(note)} is in HubSpot {n} times" for note, n in there.items() if n > 1),
        *(f"{schedule.name(n['id'])} is not in HubSpot" for n in notes if not there[n["id"]]),
        *(f"entry {entry} is told {n} times" for entry, n in told.items() if n > 1),
        *(f"entry {row['id']} is not told" for row in stage.rows(UNTOLD)),
    ]
