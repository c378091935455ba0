"""What is read of HubSpot's records: their types there, and the properties to ask for by name."""

from glue.hubspot import HubSpot
from glue.rpc import BOOKINGS, CONTACTS, EXAMS

# Exams and contacts first, so that a booking finds them.
ORDER = (EXAMS, CONTACTS, BOOKINGS)
CONTACT_TYPE = "contacts"
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
        "total_bookings",
        "is_active",
        "scheduled_activation_at",
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
        "hs_merged_object_ids",
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
    ),
}


def object_type(hubspot: HubSpot, table: str) -> str:
    """What HubSpot calls a table's records."""
    config = hubspot.config
    return {EXAMS: config.exam_type, CONTACTS: CONTACT_TYPE, BOOKINGS: config.booking_type}[table]
