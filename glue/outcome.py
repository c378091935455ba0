"""What became of claimed records, as finish_changes and fail_changes take it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glue.errors import HubSpotError, OutOfBudget, RateLimited, Rejected, Unavailable
from glue.rpc import NOTES, ClaimedChange

SERVER_ERROR = 500
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
BUDGET_PAUSE = 300.0  # seconds until our own budget is asked again, which costs no call


@dataclass
class Outcome:
    """What became of a claim: HubSpot ids of what was sent, failures by record.

    written: ids of records whose links are still to come. versions: HubSpot's modified dates of
    what was written. flying: what the request under way
    carries; HubSpot may apply it though no answer comes.
    """

    sent: dict[ClaimedChange, str | None] = field(default_factory=dict)
    written: dict[ClaimedChange, str] = field(default_factory=dict)
    versions: dict[ClaimedChange, Any] = field(default_factory=dict)
    failed: list[dict] = field(default_factory=list)
    flying: Sequence[ClaimedChange] = ()
    _failing: set[ClaimedChange] = field(default_factory=set)

    def answered(self, change: ClaimedChange) -> bool:
        """Whether HubSpot has said what becomes of a record, links apart."""
        return change in self.sent or change in self.written or change in self._failing

    def fail(self, change: ClaimedChange, error: HubSpotError, **more: object) -> None:
        """Gives a record back; more: what fail_changes should believe instead."""
        self._failing.add(change)
        self.failed.append(_failure(change, error) | more)

    def give_back(self, changes: list[ClaimedChange], error: HubSpotError) -> None:
        """Fails what is not settled yet, because of an error that ended the claim.

        Such an error is no single record's, so it makes no dead letter at once.
        """
        for change in changes:
            if change not in self.sent and change not in self._failing:
                failure = _failure(change, error)
                failure["unanswered"] &= change in self.flying
                failure |= {"written": change in self.written, "permanent": False}
                self.failed.append(failure)

    def results(self) -> list[dict]:
        """What was sent, as finish_changes takes it."""
        return [
            {
                "record": str(change.record),
                "epoch": change.epoch,
                "hubspot_id": hubspot_id,
                "sent": _sent(change) if change.operation == "upsert" else {},
                "archived": change.unique_value if change.operation == "archive" else None,
                "version": _moment(self.versions.get(change)),
            }
            for change, hubspot_id in self.sent.items()
        ]


def _sent(change: ClaimedChange) -> dict[str, str]:
    """What HubSpot has of a record that was sent, links included; of a note, which never changes,
    nobody asks."""
    if change.table_name == NOTES:
        return {}
    links = {"@contact": change.contact_hubspot_id, "@exam": change.exam_hubspot_id}
    return change.properties | {name: links[name] or "" for name in change.associate}


def _moment(said: Any) -> str | None:
    """A modified date as Postgres reads it; None for what is none."""
    return said if isinstance(said, str) and MOMENT.fullmatch(said) else None


def _failure(change: ClaimedChange, error: HubSpotError) -> dict:
    """What fail_changes should know: whose fault, for how long, and whether it is unanswered."""
    failure = {
        "record": str(change.record),
        "epoch": change.epoch,
        "error": error.message,
        "hubspot_id": change.hubspot_id,
        "unique_value": change.unique_value,
        "exam": change.exam_hubspot_id if "@exam" in change.associate else None,
        "permanent": isinstance(error, Rejected),
        "unanswered": isinstance(error, Unavailable) and error.unanswered,
        # An outage or a limit is no record's fault; 500 may be.
        "charged": isinstance(error, Rejected) or error.status == SERVER_ERROR,
    }
    if isinstance(error, OutOfBudget):
        # Not until midnight: an urgent change of the record would have to wait behind it.
        failure["retry_after"] = min(error.retry_after, BUDGET_PAUSE)
    elif isinstance(error, RateLimited):
        failure["retry_after"] = error.retry_after
    return failure
