"""What an answer of HubSpot's says: values, or an exception of glue.errors; nothing is trusted."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from glue.errors import (
    Forbidden,
    HubSpotError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    WrongType,
)

TOO_MANY = 429
LOCKED = 423
MIGRATING = 477
ID = re.compile(r"[0-9]{1,20}")
UNKNOWN_TYPE = "infer object type"
TYPES_HINT = (
    "Check HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE: HubSpot shows an object's type id in the"
    " address of its list of records."
)
POLICIES = ("DAILY", "TEN_SECONDLY_ROLLING")


def as_object(answer: httpx.Response) -> dict[str, Any]:
    """The object of a success, empty where it has no body."""
    asked = f"{answer.request.method} {answer.request.url.path}"
    if not answer.content:
        return {}
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"HubSpot's answer to {asked} is not JSON", unanswered=True) from error
    if not isinstance(body, dict):
        raise Unavailable(f"HubSpot's answer to {asked} is no object", unanswered=True)
    return body


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment(said: Any) -> str | None:
    """A moment as HubSpot writes it, None where it is none with a time zone."""
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return moment.isoformat() if moment.tzinfo else None


def date_of(answer: httpx.Response) -> datetime | None:
    """The Date of an answer, which is cut to whole seconds: the end of its second."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return moment + timedelta(seconds=1) if moment.tzinfo else None


def failure(answer: httpx.Response) -> HubSpotError:
    """The exception for an answer that is not 2xx."""
    body = body_of(answer)
    status = answer.status_code
    reason = f"HubSpot answered {status}: {reason_of(body)}"
    if body.get("correlationId"):
        reason += f" (correlationId {in_line(body['correlationId'])})"
    if status == httpx.codes.UNAUTHORIZED:
        return Unauthorized(reason, "Check HUBSPOT_ACCESS_TOKEN.", status=status)
    if status == httpx.codes.FORBIDDEN:
        return Forbidden(reason, "Give the private app the scope it lacks.", status=status)
    if status in (TOO_MANY, LOCKED, MIGRATING):
        return RateLimited(reason, status=status, retry_after=retry_after(answer, body))
    if status < httpx.codes.BAD_REQUEST or status == httpx.codes.REQUEST_TIMEOUT:
        return Unavailable(reason, status=status, unanswered=True)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        # A gateway's answer says nothing of the server behind it, which may still be at work.
        return Unavailable(reason, status=status, unanswered=status != httpx.codes.NOT_IMPLEMENTED)
    if UNKNOWN_TYPE in reason:
        return WrongType(reason, TYPES_HINT, status=status)
    return Rejected(reason, status=status, existing_id=existing_id(body))


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """The object of a body, empty where it is none."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def policy_of(answer: httpx.Response) -> str | None:
    """Which limit a 429 speaks of, where it says so."""
    said = body_of(answer).get("policyName") if answer.status_code == TOO_MANY else None
    return said if said in POLICIES else None


def retry_after(answer: httpx.Response, body: dict[str, Any]) -> float:
    """Seconds to wait: what HubSpot says, else what its policy implies."""
    said = answer.headers.get("Retry-After", "")
    if re.fullmatch(r"\d+(\.\d+)?", said):
        return min(max(float(said), 1.0), 86_400.0)
    if answer.status_code == LOCKED:
        return 2.0
    if body.get("policyName") == "DAILY":
        return 900.0
    return 1.0 if body.get("category") == "RATE_LIMITS" else 10.0


def existing_id(body: dict[str, Any]) -> str | None:
    """The record that a conflict names. HubSpot tells it in its message alone."""
    if body.get("category") != "CONFLICT":
        return None
    named = re.search(r"Existing ID: (\d+)", str(body.get("message")))
    return named and named[1]


def reason_of(body: dict[str, Any]) -> str:
    """The most telling text of an error body, in one line."""
    return in_line(body.get("message") or body.get("category") or "no message")


def in_line(said: Any) -> str:
    """One line of what HubSpot said, without what Postgres cannot keep: NUL, half an emoji."""
    text = str(said).replace("\0", "").encode(errors="replace").decode()
    return " ".join(text.split())[:500]


def records(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of an answer, each with an id that can be one, as text, and its properties."""
    found = []
    for row in dicts(body.get("results")):
        if not isinstance(row.get("id"), bool) and ID.fullmatch(str(row.get("id"))):
            found.append(row | {"id": str(row["id"]), "properties": as_dict(row.get("properties"))})
    return found


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of what should be a list of objects."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_list(value: Any) -> list[Any]:
    """What should be a list, empty where it is none."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """What should be an object, empty where it is none."""
    return value if isinstance(value, dict) else {}
