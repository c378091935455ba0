"""What a property accepts, and how HubSpot stores it. Every stored value is a string."""

import datetime as dt
import math
import re

from sandbox.hubspot.clock import iso, parse_ms
from sandbox.hubspot.definitions import Property
from sandbox.hubspot.errors import Problem

_DAY_MS = 86_400_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_MAX_LENGTH = 65_536


def stored(definition: Property, raw: object) -> str | Problem:
    """The value as HubSpot stores it, or what is wrong with it.

    Emails are lower-cased; a ``date`` becomes ``YYYY-MM-DD`` and a ``datetime`` ISO 8601 in UTC,
    whether they came as such or as milliseconds; the empty string clears.

    Args:
        definition: the property.
        raw: what the request carried; numbers and booleans are taken as their JSON spelling.
    """
    if isinstance(raw, bool):
        raw = "true" if raw else "false"
    elif isinstance(raw, int | float):
        raw = str(raw)
    if not isinstance(raw, str):
        return Problem(definition.name, "INVALID_VALUE", f"{raw!r} is not a string")
    if raw == "":
        return ""
    if len(raw) > _MAX_LENGTH:
        return Problem(definition.name, "VALUE_TOO_LONG", f"{len(raw)} characters are too many")
    if definition.name == "email":
        return _email(raw)
    check = _CHECKS.get(definition.type)
    return raw if check is None else check(definition, raw)


def unique_key(name: str, value: str) -> str:
    """The form in which two values of a unique property count as the same."""
    return value.strip().lower() if name == "email" else value


def day_of(text: str) -> str | None:
    """``YYYY-MM-DD`` of a day written so or as UTC-midnight milliseconds, else None."""
    if text.lstrip("-").isdigit():
        ms = int(text)
        return None if ms % _DAY_MS else iso(ms)[:10]
    try:
        return dt.date.fromisoformat(text).isoformat() if len(text) == 10 else None
    except ValueError:
        return None


def _email(raw: str) -> str | Problem:
    if _EMAIL.fullmatch(raw.strip()) is None:
        return Problem("email", "INVALID_EMAIL", f"Email address {raw} is invalid")
    return raw.strip().lower()


def _number(definition: Property, raw: str) -> str | Problem:
    try:
        finite = math.isfinite(float(raw)) and "_" not in raw
    except ValueError:
        finite = False
    if not finite:
        return Problem(definition.name, "INVALID_NUMBER", f"{raw} was not a valid number.")
    return raw.strip()


def _date(definition: Property, raw: str) -> str | Problem:
    day = day_of(raw)
    if day is None:
        return Problem(
            definition.name, "INVALID_DATE", f"{raw} is neither YYYY-MM-DD nor midnight UTC in ms."
        )
    return day


def _datetime(definition: Property, raw: str) -> str | Problem:
    ms = parse_ms(raw)
    if ms is None:
        return Problem(definition.name, "INVALID_DATE", f"{raw} was not a valid date and time.")
    return iso(ms)


def _option(definition: Property, raw: str) -> str | Problem:
    if definition.external:
        known, allowed = raw.isdigit(), "an id of this account"
    else:
        known, allowed = raw in definition.options, list(definition.options)
    if not known:
        return Problem(
            definition.name,
            "INVALID_OPTION",
            f"{raw} was not one of the allowed options: {allowed}",
        )
    return raw


_CHECKS = {
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _option,
    "bool": _option,
}
