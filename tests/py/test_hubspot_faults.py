"""The simulator fails on demand and by a seed, and others act in its account."""

import re
import uuid
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import httpx
import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    NOTES,
    OBJECTS,
    app_of,
    batch,
    client_of,
    control,
    create,
    faults,
    get,
    limits,
    link,
    live,
    upsert_of,
)

import sandbox.hubspot
from sandbox.hubspot.app import create_app
from sandbox.hubspot.control import duplicates
from sandbox.hubspot.fault import KINDS
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits, Settings
from sandbox.hubspot.schedule import WEIGHTS
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import InProcess, standing


@pytest.fixture
def store():
    return Store(7, standing())


@pytest.fixture
def hubspot(store):
    with client_of(store) as client:
        yield client


# Tokens and faults


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "t"])
def test_a_wrong_or_missing_token_is_a_401(hubspot, authorization):
    headers = {"Authorization": authorization}
    answer = hubspot.get(f"{OBJECTS}/{EXAMS}", headers=headers)
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_every_error_has_status_message_category_and_a_correlation_id(hubspot):
    for path in (f"{OBJECTS}/no_such_type", f"{OBJECTS}/{EXAMS}/1", "/no/such/route"):
        body = hubspot.get(path).json()
        assert body["status"] == "error"
        assert body["message"]
        assert body["category"]
        assert uuid.UUID(body["correlationId"]).version == 4


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unavailable", 503),
        ("rate_limited", 429),
        ("daily_limit", 429),
        ("locked", 423),
        ("migrating", 477),
        ("unauthorized", 401),
        ("missing_scopes", 403),
    ],
)
def test_a_refusing_fault_applies_nothing_and_ends_with_its_count(hubspot, kind, status):
    faults(hubspot, {"kind": kind, "count": 1})
    answer = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)])
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (kind == "migrating")
    assert live(hubspot, "bookings") == []
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 200


def test_scopes_can_be_missing_for_one_type_alone(hubspot):
    faults(hubspot, {"kind": "missing_scopes", "type": "contacts"})
    answer = hubspot.get(f"{OBJECTS}/0-1")
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    scopes = answer.json()["errors"][0]["context"]["requiredGranularScopes"]
    assert scopes == ["crm.objects.contacts.read"]
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}").status_code == 200


@pytest.mark.parametrize(
    ("kind", "scope"),
    [(NOTES, "crm.objects.contacts.write"), (BOOKINGS, "crm.objects.custom.write")],
)
def test_a_missing_scope_is_named(hubspot, kind, scope):
    faults(hubspot, {"kind": "missing_scopes", "type": kind})
    (error,) = batch(hubspot, kind, "create", [{"properties": {}}]).json()["errors"]
    assert error["context"]["requiredGranularScopes"] == [scope]


def test_a_fault_can_be_limited_to_a_path(hubspot):
    faults(hubspot, {"kind": "unavailable", "path": f"{OBJECTS}/{BOOKINGS}/batch"})
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}").status_code == 200
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 503


def test_an_error_after_applying_leaves_the_record_behind(hubspot):
    faults(hubspot, {"kind": "error_after_applying", "count": 1})
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 502
    assert len(live(hubspot, "bookings")) == 1


def test_a_validation_rule_refuses_the_values_that_match(hubspot):
    rule = {"kind": "validation_rule", "property": "attending_location", "pattern": "^Leeds$"}
    faults(hubspot, rule | {"type": BOOKINGS, "message": "Leeds is closed."})
    inputs = [
        upsert_of(1, "t1", attending_location="Leeds"),
        upsert_of(2, "t2", attending_location="London"),
    ]
    answer = batch(hubspot, BOOKINGS, "upsert", inputs)
    assert answer.status_code == 207
    assert "Leeds is closed." in answer.json()["errors"][0]["message"]
    faults(hubspot)
    assert batch(hubspot, BOOKINGS, "upsert", inputs).status_code == 200


def test_a_connection_can_be_cut_before_anything_is_applied(hubspot):
    faults(hubspot, {"kind": "cut_before_applying", "count": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)])
    assert live(hubspot, "bookings") == []


@pytest.mark.parametrize(("kind", "applied"), [("unavailable", 0), ("error_after_applying", 1)])
def test_every_5xx_can_be_had_before_and_after_applying(hubspot, kind, applied):
    for status in (500, 502, 504, 520):
        faults(hubspot, {"kind": kind, "status": status})
        assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == status
        assert len(live(hubspot, "bookings")) == applied


def test_one_input_of_a_traced_batch_can_be_refused_alone(hubspot):
    faults(hubspot, {"kind": "partial", "message": "Not this one."})
    inputs = [upsert_of(n, f"t{n}") for n in range(3)]
    refused = set()
    for _ in range(20):
        answer = batch(hubspot, BOOKINGS, "upsert", inputs)
        assert (answer.status_code, len(answer.json()["results"])) == (207, 2)
        (error,) = answer.json()["errors"]
        assert error["message"] == "Not this one."
        refused |= set(error["context"]["objectWriteTraceId"])
    assert refused == {"t0", "t1", "t2"}
    untraced = [upsert_of(n) for n in range(3)]
    assert batch(hubspot, BOOKINGS, "upsert", untraced).status_code == 200


def test_one_link_of_a_batch_can_be_refused_alone(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    bookings = [create(hubspot, BOOKINGS, booking_id=f"BK-{n}") for n in range(2)]
    faults(hubspot, {"kind": "partial", "count": 1})
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}").status_code == 200
    answer = link(hubspot, BOOKINGS, CONTACTS, *((one, contact) for one in bookings))
    assert answer.status_code == 207
    (refused,) = answer.json()["errors"][0]["context"]["fromObjectId"]
    (linked,) = live(hubspot, "contacts")[0]["associations"]["bookings"]
    assert {refused, linked} == set(bookings)


def test_faults_by_probability_repeat_with_their_seed(hubspot):
    def run():
        body = [{"kind": "unavailable", "probability": 0.5}]
        hubspot.post("/_sandbox/faults", params={"seed": 3}, json=body)
        return [hubspot.get(f"{OBJECTS}/{EXAMS}").status_code for _ in range(20)]

    first = run()
    assert set(first) == {200, 503}
    assert run() == first


@pytest.mark.parametrize(
    "body",
    [
        {},
        [{"kind": "no such"}],
        [{"kind": "slow", "often": 1}],
        [{"kind": "cut", "count": "1"}],
        [{"kind": "cut", "pattern": "("}],
        [{"kind": "cut", "fired": 3}],
        [{"kind": "unavailable", "status": 404}],
        {"seed": "7"},
        {"seed": 7, "intensity": 1.5},
        {"seed": 7, "weights": {"no such": 1}},
        {"seed": 7, "weights": {"cut": -1}},
        {"seed": 7, "weights": dict.fromkeys(WEIGHTS, 0)},
        {"seed": 7, "types": []},
        [{"kind": "validation_rule", "pattern": "x"}],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(hubspot, body):
    assert hubspot.post("/_sandbox/faults", json=body).status_code == 400


# Faults by seed


def struck(hubspot, requests, **schedule):
    """What so many upserts get under a schedule, one after another, and what struck by kind."""
    seen = []
    control(hubspot, "faults", schedule)
    limits(hubspot, burst=10_000)
    for number in range(requests):
        inputs = [upsert_of(n, f"t{n}", attendance=str(number)) for n in range(3)]
        try:
            seen.append(batch(hubspot, BOOKINGS, "upsert", inputs).status_code)
        except httpx.TransportError as error:
            seen.append(type(error).__name__)
    return seen, hubspot.get("/_sandbox/faults").json()["struck"]


def test_a_seed_draws_every_kind_of_fault(hubspot):
    seen, kinds = struck(hubspot, 1000, seed=7, intensity=0.4)
    assert set(kinds) == set(KINDS)
    assert {200, 207, 401, 403, 423, 429, 477, 500, 502, 503, 504, 520} <= set(seen)
    assert {"ReadTimeout", "RemoteProtocolError"} <= set(seen)


def test_one_seed_draws_the_same_faults_for_the_same_requests():
    def run(seed):
        with client_of(Store(7, standing())) as hubspot:
            return struck(hubspot, 100, seed=seed, intensity=0.4)

    assert run(7) == run(7)
    assert run(7) != run(8)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_can_be_drawn_alone(hubspot, kind):
    alone = dict.fromkeys(WEIGHTS, 0) | {kind: 1}
    _, kinds = struck(hubspot, 20, seed=7, intensity=0.5, weights=alone)
    assert set(kinds) == {kind}


def test_an_intensity_of_nothing_draws_nothing(hubspot):
    assert struck(hubspot, 20, seed=7, intensity=0) == ([200] * 20, {})


def test_a_limit_strikes_several_requests_in_a_row(hubspot):
    alone = dict.fromkeys(WEIGHTS, 0) | {"rate_limited": 1}
    seen, _ = struck(hubspot, 200, seed=7, intensity=0.1, weights=alone)
    rows = [len(list(row)) for status, row in groupby(seen) if status == 429]
    assert max(rows) > 1
    assert len(rows) > 5


def test_a_rule_drawn_by_a_seed_comes_and_goes(hubspot):
    alone = dict.fromkeys(WEIGHTS, 0) | {"validation_rule": 1}
    control(hubspot, "faults", {"seed": 7, "intensity": 0.05, "weights": alone})
    standing = []
    for _ in range(60):
        hubspot.get(f"{OBJECTS}/{BOOKINGS}")
        standing.append(len(hubspot.get("/_sandbox/faults").json()["rules"]))
    assert standing[0] == 0
    assert max(standing) > 0
    assert 0 in standing[standing.index(max(standing)) :]


def test_faults_by_seed_are_ended_by_a_list_of_others(hubspot):
    control(hubspot, "faults", {"seed": 7, "intensity": 1})
    faults(hubspot)
    assert hubspot.get("/_sandbox/faults").json() == []
    assert [hubspot.get(f"{OBJECTS}/{EXAMS}").status_code for _ in range(20)] == [200] * 20


def test_an_application_starts_with_faults_by_seed():
    store = Store(7, standing())
    app = create_app(store, Limits(clock=store.clock), Faults.from_seed(7, 1), "t")
    headers = {"Authorization": "Bearer t"}
    transport = InProcess(app, store.clock)
    with httpx.Client(base_url="http://x", headers=headers, transport=transport) as hubspot:
        assert hubspot.get("/_sandbox/faults").json()["intensity"] == 1


# Administrators and others


def test_an_administrator_adds_rules_and_takes_them_away(hubspot):
    rule = {"property": "attending_location", "pattern": "^Leeds$", "message": "Leeds is closed."}
    number = control(hubspot, "rules", rule | {"type": BOOKINGS})["number"]
    control(hubspot, "rules", {"property": "attendance", "pattern": "^no$"})
    faults(hubspot)
    assert len(hubspot.get("/_sandbox/rules").json()["results"]) == 2
    inputs = [upsert_of(1, "t1", attending_location="Leeds"), upsert_of(2, "t2", attendance="no")]
    answer = batch(hubspot, BOOKINGS, "upsert", inputs)
    assert (answer.status_code, len(answer.json()["errors"])) == (207, 2)
    assert hubspot.delete(f"/_sandbox/rules/{number}").status_code == 200
    (error,) = batch(hubspot, BOOKINGS, "upsert", inputs).json()["errors"]
    assert error["context"]["objectWriteTraceId"] == ["t2"]
    assert hubspot.delete(f"/_sandbox/rules/{number}").status_code == 400


@pytest.mark.parametrize("rule", [{"pattern": "x"}, {"property": "a", "pattern": "("}, []])
def test_a_rule_that_makes_no_sense_is_refused(hubspot, rule):
    assert hubspot.post("/_sandbox/rules", json=rule).status_code == 400


def test_a_rule_takes_the_name_of_a_type_and_refuses_one_that_does_not_exist(hubspot):
    rule = {"property": "attendance", "pattern": "^no$"}
    control(hubspot, "rules", rule | {"type": "bookings"})
    answer = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1, "t1", attendance="no")])
    assert (answer.status_code, len(answer.json()["errors"])) == (207, 1)
    assert hubspot.post("/_sandbox/rules", json=rule | {"type": "books"}).status_code == 400
    locked = [{"kind": "locked", "type": "books"}]
    assert hubspot.post("/_sandbox/faults", json=locked).status_code == 400
    faults(hubspot, {"kind": "locked", "type": "exams"})
    assert hubspot.get(f"{OBJECTS}/{EXAMS}").status_code == 423


def test_an_administrator_removes_a_property_and_brings_it_back(hubspot):
    inputs = [upsert_of(1, "t1", attendance="yes"), upsert_of(2, "t2")]
    batch(hubspot, BOOKINGS, "upsert", inputs)
    url = "/_sandbox/properties/bookings"
    assert hubspot.delete(f"{url}/attendance").status_code == 200
    assert hubspot.get(f"/crm/properties/2026-09/{BOOKINGS}/attendance").status_code == 404
    (error,) = batch(hubspot, BOOKINGS, "upsert", inputs).json()["errors"]
    assert error["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    assert error["context"]["objectWriteTraceId"] == ["t1"]
    assert hubspot.post(url, json={"name": "attendance"}).status_code == 200
    rows = [row["properties"]["attendance"] for row in live(hubspot, "bookings")]
    assert rows == ["yes", None]
    assert batch(hubspot, BOOKINGS, "upsert", inputs).status_code == 200


def test_an_administrator_changes_the_options_of_a_property(hubspot):
    options = {"name": "is_active", "type": "enumeration", "options": ["Active", "Void"]}
    control(hubspot, "properties/bookings", options)
    inputs = [upsert_of(1, "t1", is_active="Cancelled"), upsert_of(2, "t2", is_active="Void")]
    (error,) = batch(hubspot, BOOKINGS, "upsert", inputs).json()["errors"]
    assert error["errors"][0]["code"] == "INVALID_OPTION"
    assert error["context"]["objectWriteTraceId"] == ["t1"]


def test_a_property_is_unique_from_its_beginning_or_never(hubspot):
    url = "/_sandbox/properties/bookings"
    for name, unique in (("booking_id", False), ("attendance", True)):
        assert hubspot.post(url, json={"name": name, "unique": unique}).status_code == 400
    control(hubspot, "properties/bookings", {"name": "reference", "unique": True})
    for _ in range(2):
        inputs = [upsert_of(1, key="reference")]
        assert batch(hubspot, BOOKINGS, "upsert", inputs).status_code == 200
    assert len(live(hubspot, "bookings")) == 1
    hubspot.delete(f"{url}/reference")
    assert hubspot.post(url, json={"name": "reference", "unique": True}).status_code == 400
    assert hubspot.post(url, json={"name": "reference"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"name": "A b"},
        {"name": "a", "type": "json"},
        {"name": "a", "options": "b"},
        {"name": "a", "unique": 1},
        {"name": "a", "label": "A"},
    ],
)
def test_a_property_that_makes_no_sense_is_refused(hubspot, body):
    assert hubspot.post("/_sandbox/properties/bookings", json=body).status_code == 400
    for name in ("no_such", "hs_object_id"):
        assert hubspot.delete(f"/_sandbox/properties/bookings/{name}").status_code == 400


def peopled(hubspot, **people):
    """An account with records, in which others act."""
    for n in range(6):
        create(hubspot, CONTACTS, email=f"{n}@example.com", student_id=f"S{n}")
        create(hubspot, BOOKINGS, booking_id=f"BK-{n}")
        create(hubspot, EXAMS, mock_exam_name=str(n))
    return control(hubspot, "people", people)


def test_others_do_everything_by_a_seed(hubspot):
    asked = {"top_up": 5, "workflow": 5, "link": 5, "forget": 1}
    people = peopled(hubspot, seed=7, intensity=1, weights=asked)
    limits(hubspot, burst=10_000)
    for _ in range(300):
        hubspot.get(f"{OBJECTS}/{EXAMS}")
    done = hubspot.get("/_sandbox/people").json()["done"]
    assert set(done) == set(people["weights"])
    assert sum(done.values()) <= 300
    assert hubspot.get("/_sandbox/duplicates").json() == {
        "contacts": [],
        "bookings": [],
        "mock_exams": [],
        "notes": [],
    }


def test_others_do_the_same_for_the_same_seed():
    def run(seed):
        with client_of(Store(7, standing())) as hubspot:
            peopled(hubspot, seed=seed, intensity=0)
            return [control(hubspot, "people/act", {}) for _ in range(40)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_what_no_weight_is_given_to_is_never_done(hubspot):
    weights = peopled(hubspot, seed=7, intensity=1)["weights"]
    limits(hubspot, burst=10_000)
    for _ in range(200):
        hubspot.get(f"{OBJECTS}/{EXAMS}")
    done = hubspot.get("/_sandbox/people").json()["done"]
    assert set(done) == {name for name, weight in weights.items() if weight}
    assert {name for name, weight in weights.items() if not weight} == {
        "top_up",
        "workflow",
        "link",
        "forget",
    }


def test_nobody_acts_until_asked_to(hubspot):
    peopled(hubspot, seed=7, intensity=0)
    before = [live(hubspot, kind) for kind in ("contacts", "bookings", "exams")]
    for _ in range(20):
        hubspot.get(f"{OBJECTS}/{EXAMS}")
    assert [live(hubspot, kind) for kind in ("contacts", "bookings", "exams")] == before
    assert hubspot.get("/_sandbox/people").json()["done"] == {}


def test_one_action_of_others_can_be_asked_for(hubspot):
    peopled(hubspot, seed=7, intensity=0, types=["contacts"])
    merge = control(hubspot, "people/act", {"action": "merge"})
    assert merge["type"] == "contacts"
    assert get(hubspot, CONTACTS, merge["merged"]).status_code == 404
    archived = control(hubspot, "people/act", {"action": "archive"})
    assert get(hubspot, CONTACTS, archived["id"]).status_code == 404
    assert control(hubspot, "people/act", {"action": "restore"})["id"] == archived["id"]
    assert get(hubspot, CONTACTS, archived["id"]).status_code == 200
    assert control(hubspot, "people/act", {"action": "restore"}) is None
    edited = control(hubspot, "people/act", {"action": "edit"})
    ((name, value),) = edited["properties"].items()
    assert get(hubspot, CONTACTS, edited["id"], name).json()["properties"][name] == value
    taken = control(hubspot, "people/act", {"action": "other_application"})["other_calls"]
    remaining = hubspot.get(f"{OBJECTS}/{EXAMS}").headers["X-HubSpot-RateLimit-Remaining"]
    assert int(remaining) < 100 - taken


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"seed": 7, "weights": {"no such": 1}},
        {"seed": 7, "types": ["no such"]},
        {"seed": 7, "intensity": -1},
    ],
)
def test_others_that_make_no_sense_are_refused(hubspot, body):
    assert hubspot.post("/_sandbox/people", json=body).status_code == 400
    assert hubspot.post("/_sandbox/people/act", json={"action": "no such"}).status_code == 400


# Control


def test_the_page_names_every_switch_there_is(hubspot):
    page = (Path(sandbox.hubspot.__file__).parent / "README.md").read_text()
    named = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL)))
    actions = control(hubspot, "people", {"seed": 1, "intensity": 0})["weights"]
    settings = [f.name for f in fields(Settings)]
    paths = [route.path for route in app_of(Store(7)).routes if "/_sandbox" in route.path]
    wanted = {*KINDS, *actions, *settings, *paths}
    assert wanted - named == set()


def test_calls_are_counted_by_route_without_those_of_the_sandbox(hubspot):
    limits(hubspot, burst=2)
    create(hubspot, CONTACTS, email="a@example.com")
    create(hubspot, EXAMS)
    hubspot.get(f"{OBJECTS}/{EXAMS}")
    assert hubspot.get("/_sandbox/calls").json() == {
        "total": 3,
        "calls": {
            "POST /crm/objects/2026-09/{objectType}": 2,
            "GET /crm/objects/2026-09/{objectType}": 1,
        },
        "statuses": {"201": 2, "429": 1},
        "rate_limited": 1,
    }
    assert hubspot.post("/_sandbox/calls/reset").json()["total"] == 0


def test_a_record_deleted_by_hand_can_be_restored(hubspot):
    record_id = hubspot.post("/_sandbox/records/exams", json={"mock_set": "A"}).json()["id"]
    hubspot.delete(f"/_sandbox/records/exams/{record_id}")
    assert get(hubspot, EXAMS, record_id).status_code == 404
    hubspot.post(f"/_sandbox/records/exams/{record_id}/restore")
    assert get(hubspot, EXAMS, record_id).status_code == 200


def test_duplicates_are_found_in_the_records_and_not_in_the_constraint(store):
    kind = store.type(BOOKINGS)
    ids = [store.create(kind, {"idempotency_key": "k"}).id for _ in range(2)]
    expected = [{"property": "idempotency_key", "value": "k", "ids": ids}]
    assert duplicates(store, kind) == expected
