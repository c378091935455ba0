"""Generated records: exams and contacts of a tutoring business, the same for the same seed."""

import datetime as dt
import random

from sandbox.hubspot.names import FAMILY, GIVEN
from sandbox.hubspot.record import IMPORT
from sandbox.hubspot.store import Store

RUSH_NAME = "Situational Judgment, rush day"
RUSH_CAPACITY = 40

_TYPES = ("Situational Judgment", "Clinical Skills", "Mini-mock", "Mock Discussion")
_SHARES = (35, 35, 20, 10)
_MINUTES = {
    "Situational Judgment": 90,
    "Clinical Skills": 180,
    "Mini-mock": 60,
    "Mock Discussion": 60,
}
_CAPACITIES = {
    "Situational Judgment": ((20, 24, 30, 40, 60), (30, 30, 22, 12, 6)),
    "Clinical Skills": ((8, 12, 16, 24, 40), (24, 36, 24, 12, 4)),
    "Mini-mock": ((8, 10, 12, 16, 30), (20, 30, 30, 15, 5)),
    "Mock Discussion": ((8, 10, 12, 15, 20), (30, 34, 20, 12, 4)),
}
_TINY = (1, 2, 3)
_TINY_SHARE = 0.06
_LOCATIONS = ("Online", "London", "Manchester", "Birmingham", "Leeds", "Glasgow", "Bristol")
_LOCATION_SHARES = (40, 22, 12, 9, 7, 5, 5)
_PAST_DAYS, _FUTURE_DAYS = 56, 70
_MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com")
_DAY_MS = 86_400_000

# Weights of the balances 0, 1, 2, …, and of a rare large one.
_BALANCES = {
    "sj_credits": (46, 22, 16, 8, 4, 2),
    "cs_credits": (50, 22, 14, 7, 3, 2),
    "sjmini_credits": (62, 18, 12, 4, 2, 1),
    "mock_discussion_token": (74, 16, 7, 2, 1),
    "shared_mock_credits": (70, 14, 8, 4, 2),
}
_LARGE_SHARE = 0.015


def fill(
    store: Store,
    seed: int,
    *,
    contacts: int = 3000,
    exams: int = 48,
    today: dt.date | None = None,
) -> None:
    """Put exams and contacts into an empty store.

    Args:
        store: where to.
        seed: the same one gives the same records for the same ``today``.
        contacts: how many contacts.
        exams: how many exams; the first is the rush exam of 40 seats, active and at least a
            week ahead.
        today: the day the exams lie around; today's UTC date by default.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    rng = random.Random(f"{seed} {contacts} {exams}")
    midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
    now_ms = int(midnight.timestamp() * 1000)
    exam_type, contact_type = store.type("exams", by_name=True), store.type("contacts")
    rows = [_rush(rng, today)] if exams else []
    rows += [_exam(rng, today, n) for n in range(1, exams)]
    for row in rows:
        made_ms = now_ms - rng.randint(60, 120) * _DAY_MS + rng.randrange(_DAY_MS)
        store.create(exam_type, store.check(exam_type, row), IMPORT, made_ms)
    for made_ms, number in sorted(
        (now_ms - rng.randint(1, 700 * _DAY_MS), n) for n in range(contacts)
    ):
        row = _contact(rng, number)
        known = {name: row[name] for name in row if name in contact_type.properties}
        store.create(contact_type, store.check(contact_type, known), IMPORT, made_ms)


def _exam(rng: random.Random, today: dt.date, number: int) -> dict[str, str]:
    mock_type = rng.choices(_TYPES, _SHARES)[0]
    days = rng.randint(-_PAST_DAYS, _FUTURE_DAYS)
    active = rng.random() < (0.85 if days >= 0 else 0.7)
    row = _session(rng, today, mock_type, days)
    row |= {
        "mock_exam_name": f"{mock_type} {row['mock_set']}{number}, {row['location']}",
        "capacity": str(_capacity(rng, mock_type)),
        "is_active": "true" if active else "false",
    }
    if not active and days > 3 and rng.random() < 0.6:
        opens = today + dt.timedelta(days=rng.randint(1, days - 1))
        row["scheduled_activation_at"] = f"{opens}T{rng.randint(7, 17):02d}:00:00Z"
    return row


def _rush(rng: random.Random, today: dt.date) -> dict[str, str]:
    row = _session(rng, today, "Situational Judgment", rng.randint(7, _FUTURE_DAYS))
    return row | {
        "mock_exam_name": RUSH_NAME,
        "capacity": str(RUSH_CAPACITY),
        "is_active": "true",
    }


def _session(rng: random.Random, today: dt.date, mock_type: str, days: int) -> dict[str, str]:
    start = 9 * 60 + 30 * rng.randint(0, 18)
    end = start + _MINUTES[mock_type]
    return {
        "mock_type": mock_type,
        "mock_set": rng.choice("ABCDEF"),
        "exam_date": (today + dt.timedelta(days=days)).isoformat(),
        "start_time": f"{start // 60:02d}:{start % 60:02d}",
        "end_time": f"{end // 60:02d}:{end % 60:02d}",
        "location": rng.choices(_LOCATIONS, _LOCATION_SHARES)[0],
        "total_bookings": "0",
    }


def _capacity(rng: random.Random, mock_type: str) -> int:
    if rng.random() < _TINY_SHARE:
        return rng.choice(_TINY)
    sizes, weights = _CAPACITIES[mock_type]
    return rng.choices(sizes, weights)[0]


def _contact(rng: random.Random, number: int) -> dict[str, str]:
    given, family = rng.choice(GIVEN), rng.choice(FAMILY)
    row = {
        "student_id": f"S{number + 1:06d}",
        "email": _email(rng, given, family, number),
        "firstname": given,
        "lastname": family,
    }
    return row | {name: str(_balance(rng, weights)) for name, weights in _BALANCES.items()}


def _email(rng: random.Random, given: str, family: str, number: int) -> str:
    typed = f"{given}.{family}{number + 1}"
    host = rng.choices(_MAIL_HOSTS, (60, 20, 12, 8))[0]
    if rng.random() < 0.7:
        typed = typed.lower()
    elif rng.random() < 0.2:
        typed, host = typed.upper(), host.upper()
    return f"{typed}@{host}"


def _balance(rng: random.Random, weights: tuple[int, ...]) -> int:
    if rng.random() < _LARGE_SHARE:
        return rng.randint(8, 30)
    return rng.choices(range(len(weights)), weights)[0]
