"""What is read of HubSpot's records: their types there, what to ask for by name, the links."""

import contextlib
import json
from typing import Any

from glue.errors import ConfigError, Forbidden, Rejected
from glue.hubspot import HubSpot
from glue.rpc import BOOKINGS, CONTACTS, EXAMS, NOTES

# What people call the tables; the database understands both.
TABLES = {BOOKINGS: "bookings", CONTACTS: "contacts", EXAMS: "exams", NOTES: "notes"}
# Exams and contacts first, so that a booking finds them.
ORDER = (EXAMS, CONTACTS, BOOKINGS)
CONTACT_TYPE = "contacts"
# The ids of the records that have become part of one, separated by semicolons.
MERGED = "hs_merged_object_ids"
# Our own figure: it is compared, and never taken.
FIGURE = "total_bookings"
# HubSpot returns only a few standard properties unless asked for each by name.
PROPERTIES = {
    EXAMS: (
        "mock_exam_name",
        "mock_type",
        "mock_set",
        "exam_date",
        "start_time",
        "end_time",
        "location",
        "capacity",
        "is_active",
        "scheduled_activation_at",
        MERGED,
    ),
    CONTACTS: (
        "student_id",
        "email",
        "firstname",
        "lastname",
        "sj_credits",
        "cs_credits",
        "sjmini_credits",
        "mock_discussion_token",
        "shared_mock_credits",
        MERGED,
    ),
    BOOKINGS: (
        "booking_id",
        "student_id",
        "student_name",
        "student_email",
        "mock_exam_id",
        "mock_type",
        "exam_date",
        "is_active",
        "attendance",
        "attending_location",
        "dominant_hand",
        "token_used",
        "idempotency_key",
        MERGED,
    ),
}
NOT_FOUND = 404
# What only exams have, among the three types.
SEATS = "capacity"
# Whose history tells what others have added.
BALANCES = (
    "sj_credits",
    "cs_credits",
    "sjmini_credits",
    "mock_discussion_token",
    "shared_mock_credits",
)


def object_type(hubspot: HubSpot, table: str) -> str:
    """What HubSpot calls a table's records."""
    config = hubspot.config
    return {EXAMS: config.exam_type, CONTACTS: CONTACT_TYPE, BOOKINGS: config.booking_type}[table]


def has_property(hubspot: HubSpot, object_type: str, name: str) -> bool:
    """Whether a type of HubSpot's has a property. Raises Forbidden where that may not be seen."""
    try:
        hubspot.get_property(object_type, name)
    except Rejected as error:
        if error.status != NOT_FOUND:
            raise
        return False
    return True


def check_types(hubspot: HubSpot) -> None:
    """Looks whether the two custom types are what they are taken for, two calls.

    Raises ConfigError where one is not, and WrongType where HubSpot has no such type. Without the
    scope to look nothing is known.
    """
    for table, name, variable in (
        (EXAMS, SEATS, "HUBSPOT_EXAM_TYPE"),
        (BOOKINGS, "booking_id", "HUBSPOT_BOOKING_TYPE"),
    ):
        with contextlib.suppress(Forbidden):
            if not has_property(hubspot, object_type(hubspot, table), name):
                raise ConfigError(
                    f"{object_type(hubspot, table)} is no type of {TABLES[table]}: it has no"
                    f" property {name}",
                    f"Check {variable}.",
                )


def link(hubspot: HubSpot, bookings: list[dict[str, Any]]) -> None:
    """Adds to at most a thousand bookings the ids of the contacts and exams they are linked with.

    HubSpot tells in the list of a type only the first of many.
    """
    if not bookings:
        return
    ids = [str(record.get("id")) for record in bookings]
    booking_type = object_type(hubspot, BOOKINGS)
    contacts = hubspot.linked(booking_type, CONTACT_TYPE, ids)
    exams = hubspot.linked(booking_type, object_type(hubspot, EXAMS), ids)
    for record, record_id in zip(bookings, ids, strict=True):
        record["associations"] = {
            "contacts": contacts.get(record_id, []),
            "exams": exams.get(record_id, []),
        }


def storable(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without what no text of Postgres can hold: NUL characters, half an emoji."""
    text = json.dumps(records)
    if "\\u0000" not in text and "\\ud" not in text:
        return records
    return _cleaned(records)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value
