"""The simulator's generated records look like those of a tutoring business."""

import datetime as dt
from collections import Counter

import pytest
from hubspot_account import CONTACTS, EXAMS

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.seed import RUSH_NAME, fill
from sandbox.hubspot.store import Store

TODAY = dt.date(2026, 9, 1)


def filled(seed=7, **options):
    store = Store(seed, Clock(lambda: 1_800_000_000.0))
    fill(store, seed, today=TODAY, **options)
    return store


def everything(store):
    return [r.as_json(r.type.properties) for t in store.types.values() for r in store.live(t)]


def test_the_same_seed_gives_the_same_records():
    assert everything(filled(contacts=200)) == everything(filled(contacts=200))
    assert everything(filled(contacts=200)) != everything(filled(8, contacts=200))


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_there_is_one_rush_exam_of_40_seats_at_least_a_week_ahead(seed):
    store = filled(seed, contacts=0)
    rows = [r.version.properties for r in store.live(store.type(EXAMS))]
    (rush,) = [row for row in rows if row["mock_exam_name"] == RUSH_NAME]
    assert (rush["mock_type"], rush["capacity"]) == ("Situational Judgment", "40")
    assert rush["is_active"] == "true"
    ahead = dt.date.fromisoformat(rush["exam_date"]) - TODAY
    assert dt.timedelta(days=7) <= ahead <= dt.timedelta(weeks=10)


def test_exams_look_like_those_of_a_year():
    store = filled(contacts=0, exams=2000)
    rows = [r.version.properties for r in store.live(store.type(EXAMS))]
    shares = {name: n / 2000 for name, n in Counter(row["mock_type"] for row in rows).items()}
    wanted = {"Situational Judgment": 0.35, "Clinical Skills": 0.35}
    wanted |= {"Mini-mock": 0.2, "Mock Discussion": 0.1}
    assert shares == pytest.approx(wanted, abs=0.04)
    days = [dt.date.fromisoformat(row["exam_date"]) for row in rows]
    assert min(days) >= TODAY - dt.timedelta(weeks=8)
    assert max(days) <= TODAY + dt.timedelta(weeks=10)
    assert {row["start_time"][3:] for row in rows} == {"00", "30"}
    assert min(row["start_time"] for row in rows) == "09:00"
    assert max(row["start_time"] for row in rows) == "18:00"
    capacities = Counter(int(row["capacity"]) for row in rows)
    assert 0.02 < sum(n for c, n in capacities.items() if c < 8) / 2000 < 0.12
    assert max(capacities) == 60
    assert sum(row["is_active"] == "true" for row in rows) > 1400


def test_contacts_look_like_students_and_many_can_book():
    store = filled()
    rows = [r.version.properties for r in store.live(store.type(CONTACTS))]
    assert len({row["email"] for row in rows}) == len({row["student_id"] for row in rows}) == 3000
    assert all(row["email"] == row["email"].lower() for row in rows)
    able = [row for row in rows if row["sj_credits"] != "0" or row["shared_mock_credits"] != "0"]
    assert len(able) / 3000 >= 0.4
    balances = [int(row["sj_credits"]) for row in rows]
    assert sum(n <= 2 for n in balances) > 2300
    assert max(balances) >= 8
