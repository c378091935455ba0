"""Brings HubSpot's exams and contacts in: page by page, each page one transaction.

Safe to run again, and to kill: a page is applied whole or not at all, and applying a record
twice changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glue.hubspot import HubSpot
from glue.rpc import CONTACTS, EXAMS, Rpc

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
    ),
}


@dataclass
class ImportReport:
    """Records taken and refused; sync_errors names the refused with the reason."""

    exams: int = 0
    contacts: int = 0
    refused: int = 0


def run(
    rpc: Rpc, hubspot: HubSpot, progress: Callable[[str, int], None] = lambda *_: None
) -> ImportReport:
    """Imports everything. progress: told of each page, (table, records)."""
    report = ImportReport()
    for table, object_type in ((EXAMS, hubspot.config.exam_type), (CONTACTS, "contacts")):
        after = None
        while True:
            records, after = hubspot.list_objects(object_type, PROPERTIES[table], after)
            if records:
                counts = rpc.apply_records(table, _storable(records))
                report.refused += len(counts["refused"])
                if table == EXAMS:
                    report.exams += counts["applied"]
                else:
                    report.contacts += counts["applied"]
                progress(table, len(records))
            if after is None:
                break
    return report


def _storable(value: Any) -> Any:
    """The same without what no text of Postgres can hold: NUL characters, half an emoji."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    return value
