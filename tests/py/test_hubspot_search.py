"""The simulated lists, searches and limits have the traps of HubSpot's."""

import datetime as dt

import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    OBJECTS,
    advance,
    client_of,
    create,
    get,
    limits,
    search,
    where,
)

from sandbox.hubspot.record import IMPORT
from sandbox.hubspot.seed import fill
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import standing

TODAY = dt.date(2026, 9, 1)


@pytest.fixture
def store():
    return Store(7, standing())


@pytest.fixture
def hubspot(store):
    with client_of(store) as client:
        yield client


# Lists and search


def test_a_list_is_paged_through_to_its_end(hubspot, store):
    fill(store, 7, contacts=250, exams=0, today=TODAY)
    found, after = [], None
    while after != "":
        params = {"limit": 100} | ({"after": after} if after else {})
        page = hubspot.get(f"{OBJECTS}/{CONTACTS}", params=params).json()
        found += [row["id"] for row in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after", "")
    assert len(set(found)) == len(found) == 250
    assert hubspot.get(f"{OBJECTS}/{CONTACTS}", params={"limit": 101}).status_code == 400


def test_contacts_are_also_reached_as_0_1_and_custom_types_by_id_alone(hubspot):
    record_id = create(hubspot, "0-1", email="a@example.com")
    assert get(hubspot, CONTACTS, record_id).status_code == 200
    assert hubspot.get(f"{OBJECTS}/bookings").status_code == 400


def test_a_record_is_read_by_a_unique_property(hubspot):
    record_id = create(hubspot, CONTACTS, student_id="S1")
    url = f"{OBJECTS}/{CONTACTS}/S1"
    assert hubspot.get(url, params={"idProperty": "student_id"}).json()["id"] == record_id
    assert hubspot.get(url, params={"idProperty": "firstname"}).status_code == 400


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (where("capacity", "EQ", "40"), "b"),
        (where("capacity", "NEQ", "40"), "ac"),
        (where("capacity", "GT", "9"), "bc"),
        (where("capacity", "GTE", "8"), "abc"),
        (where("capacity", "LT", "40"), "ac"),
        (where("capacity", "LTE", "8"), "a"),
        (where("capacity", "BETWEEN", "9", highValue="40"), "bc"),
        (where("capacity", "IN", values=["8", "12"]), "ac"),
        (where("capacity", "NOT_IN", values=["8", "12"]), "b"),
        (where("location", "HAS_PROPERTY"), "ab"),
        (where("location", "NOT_HAS_PROPERTY"), "cd"),
        (where("location", "EQ", "LEEDS"), "a"),
        (where("location", "CONTAINS_TOKEN", "lond*"), "b"),
        (where("location", "NOT_CONTAINS_TOKEN", "lond*"), "a"),
        (where("location", "IN", values=["leeds"]), "a"),
        (where("location", "IN", values=["Leeds"]), ""),
        (where("exam_date", "GTE", "1790812800000"), "bc"),
        (where("exam_date", "LT", "2026-10-01"), "a"),
    ],
)
def test_every_search_operator_compares_as_its_property_does(hubspot, test, expected):
    create(hubspot, EXAMS, mock_set="a", capacity="8", location="Leeds", exam_date="2026-09-30")
    create(hubspot, EXAMS, mock_set="b", capacity="40", location="London", exam_date="2026-10-01")
    create(hubspot, EXAMS, mock_set="c", capacity="12", exam_date="2026-10-02")
    create(hubspot, EXAMS, mock_set="d")
    answer = search(hubspot, EXAMS, test, properties=["mock_set"])
    assert answer.status_code == 200
    found = "".join(row["properties"]["mock_set"] for row in answer.json()["results"])
    assert found == expected
    assert answer.json()["total"] == len(expected)


def test_filter_groups_are_alternatives_and_a_sort_orders(hubspot):
    for capacity in ("8", "40", "12"):
        create(hubspot, EXAMS, capacity=capacity)
    groups = [{"filters": [where("capacity", "EQ", n)]} for n in ("8", "40")]
    sorts = [{"propertyName": "capacity", "direction": "DESCENDING"}]
    body = {"filterGroups": groups, "sorts": sorts, "properties": ["capacity"]}
    rows = hubspot.post(f"{OBJECTS}/{EXAMS}/search", json=body).json()["results"]
    assert [row["properties"]["capacity"] for row in rows] == ["40", "8"]


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 201},
        {"limit": 200, "after": "9801"},
        {"after": "10000"},
        {"sorts": ["capacity", "location"]},
        {"sorts": [{"propertyName": "no_such"}]},
        {"filterGroups": [{"filters": [where("no_such", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("capacity", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [where("capacity", "EQ", "many")]}]},
        {"filterGroups": [{"filters": [where("capacity", "EQ", "1")]}] * 6},
        {"filterGroups": [{"filters": [where("capacity", "EQ", "1")] * 7}]},
        {"filters": [where("capacity", "EQ", "1")]},
    ],
)
def test_a_search_that_asks_too_much_is_a_400(hubspot, fields):
    assert hubspot.post(f"{OBJECTS}/{EXAMS}/search", json=fields).status_code == 400


def test_a_search_ends_at_10000_results_and_a_search_by_id_gets_them_all(hubspot, store):
    kind = store.type(EXAMS)
    for _ in range(10_050):
        store.create(kind, {"mock_set": "A"}, IMPORT)
    limits(hubspot, search_per_second=1000, burst=1000)
    page = search(hubspot, EXAMS, limit=200, after="9800").json()
    assert (page["total"], page["paging"]["next"]["after"]) == (10_050, "10000")
    assert search(hubspot, EXAMS, limit=200, after="10000").status_code == 400
    seen, last = 0, "0"
    while rows := search(
        hubspot, EXAMS, where("hs_object_id", "GT", last), limit=200, sorts=["hs_object_id"]
    ).json()["results"]:
        seen, last = seen + len(rows), rows[-1]["id"]
    assert seen == 10_050


def test_search_sees_new_and_changed_records_late(hubspot):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1", attendance="no")
    limits(hubspot, index_lag_seconds=30)
    hubspot.patch(f"{OBJECTS}/{BOOKINGS}/{record_id}", json={"properties": {"attendance": "yes"}})
    create(hubspot, BOOKINGS, booking_id="BK-2")
    stale = search(hubspot, BOOKINGS, properties=["attendance"]).json()["results"]
    assert [(row["id"], row["properties"]["attendance"]) for row in stale] == [(record_id, "no")]
    assert (
        get(hubspot, BOOKINGS, record_id, "attendance").json()["properties"]["attendance"] == "yes"
    )
    advance(hubspot, 31)
    assert search(hubspot, BOOKINGS, where("attendance", "EQ", "yes")).json()["total"] == 1
    assert search(hubspot, BOOKINGS).json()["total"] == 2


def test_records_modified_at_the_same_moment_are_found_by_time_and_id(hubspot, store):
    kind = store.type(BOOKINGS)
    ids = [store.create(kind, {}, IMPORT, 1_790_000_000_000).id for _ in range(5)]
    moment = where("hs_lastmodifieddate", "GTE", "1790000000000")
    found = search(hubspot, BOOKINGS, moment, where("hs_object_id", "GT", ids[1]))
    assert [row["id"] for row in found.json()["results"]] == ids[2:]


# Limits


def test_calls_beyond_the_burst_get_429_until_the_window_has_rolled(hubspot):
    limits(hubspot, burst=3)
    answers = [hubspot.get(f"{OBJECTS}/{EXAMS}") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    remaining = [a.headers["X-HubSpot-RateLimit-Remaining"] for a in answers]
    assert remaining == ["2", "1", "0", "0", "0"]
    body = answers[-1].json()
    assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    advance(hubspot, 10)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").status_code == 200


@pytest.mark.parametrize(
    ("tier", "burst", "daily"),
    [("starter", 100, 250_000), ("professional", 190, 625_000), ("enterprise", 190, 1_000_000)],
)
def test_each_tier_has_its_limits_in_the_headers(hubspot, tier, burst, daily):
    limits(hubspot, tier=tier)
    headers = hubspot.get(f"{OBJECTS}/{EXAMS}").headers
    assert headers["X-HubSpot-RateLimit-Max"] == str(burst)
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert headers["X-HubSpot-RateLimit-Daily"] == str(daily)
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == str(daily - 1)


def test_the_daily_limit_counts_searches_and_ends_at_midnight(hubspot):
    limits(hubspot, daily=2)
    search(hubspot, EXAMS)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").status_code == 200
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").json()["policyName"] == "DAILY"
    advance(hubspot, 86_400)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").status_code == 200


def test_search_has_its_own_limit_and_no_rate_headers(hubspot):
    limits(hubspot, search_per_second=2, burst=1)
    answers = [search(hubspot, EXAMS) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert not any(h.startswith("x-hubspot-ratelimit") for a in answers for h in a.headers)
    assert answers[-1].json()["category"] == "RATE_LIMITS"
    assert "secondly" in answers[-1].json()["message"]
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").status_code == 200


def test_a_429_says_when_to_come_back_only_if_switched_on(hubspot):
    limits(hubspot, burst=0)
    assert "Retry-After" not in hubspot.get(f"{OBJECTS}/{EXAMS}").headers
    limits(hubspot, retry_after=7)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").headers["Retry-After"] == "7"


def test_another_application_uses_up_what_the_headers_say_is_left(hubspot):
    limits(hubspot, burst=10, other_calls=7, other_daily=100, daily=1000)
    answers = [hubspot.get(f"{OBJECTS}/{EXAMS}") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    headers = [a.headers for a in answers]
    assert [h["X-HubSpot-RateLimit-Remaining"] for h in headers] == ["2", "1", "0", "0"]
    daily = [h["X-HubSpot-RateLimit-Daily-Remaining"] for h in headers]
    assert daily == ["899", "898", "897", "897"]
    limits(hubspot, other_calls=0)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").headers["X-HubSpot-RateLimit-Remaining"] == "6"


def test_another_application_takes_searches_and_calls_of_the_day(hubspot):
    limits(hubspot, other_searches=4)
    assert [search(hubspot, EXAMS).status_code for _ in range(2)] == [200, 429]
    limits(hubspot, daily=500, other_daily=499)
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").json()["policyName"] == "DAILY"
