"""The simulator has the traps of HubSpot, seen over real HTTP."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.hubspot.app import create_app
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.control import duplicates
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.record import IMPORT
from sandbox.hubspot.seed import RUSH_NAME, fill
from sandbox.hubspot.server import running
from sandbox.hubspot.store import Store

OBJECTS = "/crm/objects/2026-09"
CONTACTS, BOOKINGS, EXAMS = "contacts", "2-50158943", "2-50158913"
TODAY = dt.date(2026, 9, 1)


@pytest.fixture
def store():
    return Store(7, Clock())


class Server:
    """One server for all tests, in front of an application for each."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def server():
    server = Server()
    with running(server) as server.url:
        yield server


def connect(server, store):
    server.app = create_app(store, Limits(clock=store.clock), Faults(7), "t")
    return httpx.Client(base_url=server.url, headers={"Authorization": "Bearer t"})


@pytest.fixture
def hubspot(server, store):
    with connect(server, store) as client:
        yield client


@pytest.fixture
def written(store):
    """Set as soon as a record is written."""
    event, put = threading.Event(), store.index.put

    def noticed(record, now_ms):
        put(record, now_ms)
        event.set()

    store.index.put = noticed
    return event


def upsert_of(number, trace=None, key="booking_id", **properties):
    prefix = {"booking_id": "BK-", "student_id": "S"}.get(key, "")
    item = {"id": f"{prefix}{number}", "idProperty": key, "properties": properties}
    return item | ({"objectWriteTraceId": trace} if trace else {})


def batch(hubspot, kind, verb, inputs, **fields):
    return hubspot.post(f"{OBJECTS}/{kind}/batch/{verb}", json={"inputs": inputs} | fields)


def create(hubspot, kind, **properties):
    return hubspot.post(f"{OBJECTS}/{kind}", json={"properties": properties}).json()["id"]


def get(hubspot, kind, record_id, *names):
    params = {"properties": ",".join(names)}
    return hubspot.get(f"{OBJECTS}/{kind}/{record_id}", params=params)


def search(hubspot, kind, *filters, **fields):
    groups = [{"filters": list(filters)}] if filters else []
    return hubspot.post(f"{OBJECTS}/{kind}/search", json={"filterGroups": groups} | fields)


def where(name, operator, value=None, **fields):
    return {"propertyName": name, "operator": operator, "value": value} | fields


def faults(hubspot, *specifications):
    assert hubspot.post("/_sandbox/faults", json=list(specifications)).status_code == 200


def limits(hubspot, **changes):
    assert hubspot.post("/_sandbox/limits", json=changes).status_code == 200


def live(hubspot, kind):
    return hubspot.get(f"/_sandbox/records/{kind}").json()["results"]


# Batches


@pytest.mark.parametrize("verb", ["create", "read", "update", "upsert", "archive"])
def test_a_batch_of_101_inputs_is_a_400(hubspot, verb):
    extra = {"create": {"properties": {}}, "read": {}, "archive": {}}
    inputs = [extra.get(verb, {"properties": {}}) | {"id": str(n)} for n in range(101)]
    if verb == "create":
        inputs = [{"properties": {}} for _ in range(101)]
    answer = batch(hubspot, BOOKINGS, verb, inputs)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_an_upsert_creates_then_updates_and_says_which(hubspot):
    first = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1, attendance="yes")]).json()
    again = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1, attendance="no")]).json()
    assert [row["new"] for row in first["results"] + again["results"]] == [True, False]
    assert first["results"][0]["id"] == again["results"][0]["id"]
    assert again["results"][0]["properties"]["booking_id"] == "BK-1"
    assert again["results"][0]["properties"]["attendance"] == "no"


def test_results_of_a_batch_are_not_in_input_order(hubspot):
    inputs = [upsert_of(n) for n in range(100)]
    rows = batch(hubspot, BOOKINGS, "upsert", inputs).json()["results"]
    found = [row["properties"]["booking_id"] for row in rows]
    assert found != [item["id"] for item in inputs]
    assert sorted(found) == sorted(item["id"] for item in inputs)


def test_emails_come_back_in_lower_case(hubspot):
    inputs = [upsert_of(1, key="student_id", email="Ada.Lovelace@Example.COM")]
    answer = batch(hubspot, CONTACTS, "upsert", inputs).json()
    assert answer["results"][0]["properties"]["email"] == "ada.lovelace@example.com"


@pytest.mark.parametrize("trace", [None, "a"])
def test_the_same_id_twice_fails_the_whole_batch_trace_ids_or_not(hubspot, trace):
    second = None if trace is None else "b"
    inputs = [upsert_of(1, trace), upsert_of(1, second)]
    assert batch(hubspot, BOOKINGS, "upsert", inputs).status_code == 400
    assert live(hubspot, "bookings") == []


def test_a_bad_record_with_trace_ids_gives_207_and_the_rest_is_written(hubspot):
    inputs = [upsert_of(1, "t1"), upsert_of(2, "t2", is_active="Maybe"), upsert_of(3, "t3")]
    answer = batch(hubspot, BOOKINGS, "upsert", inputs)
    assert answer.status_code == 207
    (error,) = answer.json()["errors"]
    assert error["context"]["objectWriteTraceId"] == ["t2"]
    assert error["category"] == "VALIDATION_ERROR"
    written = {row["properties"]["booking_id"] for row in live(hubspot, "bookings")}
    assert written == {"BK-1", "BK-3"}


def test_a_bad_record_without_trace_ids_rejects_the_whole_batch(hubspot):
    inputs = [upsert_of(1), upsert_of(2, is_active="Maybe"), upsert_of(3, "t3")]
    answer = batch(hubspot, BOOKINGS, "upsert", inputs)
    assert answer.status_code == 400
    assert live(hubspot, "bookings") == []


def test_contacts_have_no_partial_upsert_by_email(hubspot):
    inputs = [
        upsert_of("a@example.com", "t1", key="email"),
        upsert_of("b@example.com", "t2", key="email", sj_credits="many"),
    ]
    assert batch(hubspot, CONTACTS, "upsert", inputs).status_code == 400
    assert live(hubspot, "contacts") == []


def test_an_upsert_takes_no_associations(hubspot):
    answer = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1) | {"associations": []}])
    assert answer.status_code == 400


def test_an_upsert_needs_a_unique_property_of_the_type(hubspot):
    missing = {"id": "BK-1", "properties": {}}
    assert batch(hubspot, BOOKINGS, "upsert", [missing]).status_code == 400
    by_student = upsert_of(1, key="student_id")
    answer = batch(hubspot, BOOKINGS, "upsert", [by_student])
    assert (answer.status_code, "non-unique" in answer.json()["message"]) == (400, True)


def test_without_unique_properties_upserts_are_refused_and_duplicates_can_be_made(server):
    with connect(server, Store(7, Clock(), unique=False)) as hubspot:
        rows = hubspot.get(f"/crm/properties/2026-09/{BOOKINGS}").json()["results"]
        assert not any(row["hasUniqueValue"] for row in rows)
        assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 400
        ids = [create(hubspot, BOOKINGS, booking_id="BK-1") for _ in range(2)]
        found = hubspot.get("/_sandbox/duplicates").json()
    assert found["bookings"] == [{"property": "booking_id", "value": "BK-1", "ids": ids}]


def test_a_create_with_a_unique_value_that_exists_is_a_409_naming_the_record(hubspot):
    record_id = create(hubspot, CONTACTS, email="a@example.com")
    answer = hubspot.post(f"{OBJECTS}/{CONTACTS}", json={"properties": {"email": "A@example.com"}})
    assert answer.status_code == 409
    assert answer.json()["message"].endswith(f"Existing ID: {record_id}")
    traced = {"properties": {"email": "a@example.com"}, "objectWriteTraceId": "t"}
    answer = batch(hubspot, CONTACTS, "create", [traced])
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (207, "CONFLICT")


def test_an_update_to_a_value_another_record_has_is_refused(hubspot):
    create(hubspot, CONTACTS, email="a@example.com")
    other = create(hubspot, CONTACTS, email="b@example.com")
    body = {"properties": {"email": "a@example.com"}}
    answer = hubspot.patch(f"{OBJECTS}/{CONTACTS}/{other}", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


def test_two_new_records_of_one_batch_cannot_share_a_unique_value(hubspot):
    inputs = [{"properties": {"email": "a@example.com"}} for _ in range(2)]
    assert batch(hubspot, CONTACTS, "create", inputs).status_code == 409
    assert live(hubspot, "contacts") == []


def test_an_update_of_an_archived_record_is_not_found(hubspot):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1")
    assert batch(hubspot, BOOKINGS, "archive", [{"id": record_id}]).status_code == 204
    item = {"id": record_id, "properties": {"attendance": "yes"}}
    assert batch(hubspot, BOOKINGS, "update", [item]).status_code == 404
    traced = item | {"objectWriteTraceId": "t"}
    assert batch(hubspot, BOOKINGS, "update", [traced]).status_code == 207
    limits(hubspot, update_multi_status=False)
    assert batch(hubspot, BOOKINGS, "update", [traced]).status_code == 404


def test_the_unique_value_of_an_archived_record_is_free_or_taken_as_set(hubspot):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1")
    hubspot.delete(f"{OBJECTS}/{BOOKINGS}/{record_id}")
    limits(hubspot, archived_keeps_unique=True)
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 400
    limits(hubspot, archived_keeps_unique=False)
    (row,) = batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).json()["results"]
    assert row["new"] is True


def test_a_batch_read_lists_the_missing_ids_in_a_207(hubspot):
    batch(hubspot, BOOKINGS, "upsert", [upsert_of(1), upsert_of(2)])
    inputs = [{"id": "BK-1"}, {"id": "BK-9"}]
    answer = batch(hubspot, BOOKINGS, "read", inputs, idProperty="booking_id", properties=[])
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"]["ids"] == ["BK-9"]
    assert len(answer.json()["results"]) == 1


# Values


@pytest.mark.parametrize(
    ("kind", "name", "value", "code"),
    [
        (CONTACTS, "no_such", "1", "PROPERTY_DOESNT_EXIST"),
        (CONTACTS, "sj_credits", "two", "INVALID_NUMBER"),
        (CONTACTS, "sj_credits", "nan", "INVALID_NUMBER"),
        (CONTACTS, "email", "no address", "INVALID_EMAIL"),
        (CONTACTS, "hs_object_id", "1", "READ_ONLY_VALUE"),
        (BOOKINGS, "exam_date", "01/10/2026", "INVALID_DATE"),
        (BOOKINGS, "exam_date", "1790812800001", "INVALID_DATE"),
        (BOOKINGS, "is_active", "active", "INVALID_OPTION"),
        (EXAMS, "is_active", "yes", "INVALID_OPTION"),
        (EXAMS, "scheduled_activation_at", "soon", "INVALID_DATE"),
        (EXAMS, "location", None, "INVALID_VALUE"),
    ],
)
def test_a_value_that_does_not_fit_its_property_is_refused(hubspot, kind, name, value, code):
    answer = hubspot.post(f"{OBJECTS}/{kind}", json={"properties": {name: value}})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    (error,) = answer.json()["errors"]
    assert (error["code"], error["context"]["propertyName"]) == (code, [name])


def test_values_are_strings_and_dates_take_milliseconds_too(hubspot):
    record_id = create(
        hubspot,
        EXAMS,
        capacity=40,
        is_active=True,
        exam_date="1790812800000",
        scheduled_activation_at="1790812800000",
    )
    names = ("capacity", "is_active", "exam_date", "scheduled_activation_at", "location")
    properties = get(hubspot, EXAMS, record_id, *names).json()["properties"]
    assert {name: properties[name] for name in names} == {
        "capacity": "40",
        "is_active": "true",
        "exam_date": "2026-10-01",
        "scheduled_activation_at": "2026-10-01T00:00:00.000Z",
        "location": None,
    }


def test_the_empty_string_clears_a_value(hubspot):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1", attendance="yes")
    hubspot.patch(f"{OBJECTS}/{BOOKINGS}/{record_id}", json={"properties": {"attendance": ""}})
    assert (
        get(hubspot, BOOKINGS, record_id, "attendance").json()["properties"]["attendance"] is None
    )


def test_only_the_properties_asked_for_are_answered(hubspot):
    record_id = create(hubspot, CONTACTS, student_id="S1", sj_credits="2")
    assert "sj_credits" not in hubspot.get(f"{OBJECTS}/{CONTACTS}/{record_id}").json()["properties"]
    named = get(hubspot, CONTACTS, record_id, "sj_credits", "no_such").json()["properties"]
    assert named["sj_credits"] == "2"
    assert "no_such" not in named
    assert {"hs_object_id", "createdate", "lastmodifieddate"} < set(named)


def test_ids_are_growing_numbers_that_do_not_start_at_one(hubspot):
    ids = [int(create(hubspot, kind)) for kind in (EXAMS, BOOKINGS, CONTACTS)]
    assert ids == sorted(ids)
    assert ids[0] > 2**31


def test_the_history_tells_an_edit_by_hand_from_one_by_the_api(hubspot):
    record_id = create(hubspot, CONTACTS, student_id="S1", sj_credits="1")
    hubspot.patch(f"/_sandbox/records/contacts/{record_id}", json={"sj_credits": "6"})
    batch(hubspot, CONTACTS, "upsert", [upsert_of(1, key="student_id", sj_credits="5")])
    batch(hubspot, CONTACTS, "upsert", [upsert_of(1, key="student_id", sj_credits="5")])
    answer = batch(
        hubspot,
        CONTACTS,
        "read",
        [{"id": record_id}],
        properties=["sj_credits"],
        propertiesWithHistory=["sj_credits"],
    ).json()
    history = answer["results"][0]["propertiesWithHistory"]["sj_credits"]
    assert [(entry["value"], entry["sourceType"]) for entry in history] == [
        ("5", "INTEGRATION"),
        ("6", "CRM_UI"),
        ("1", "INTEGRATION"),
    ]


def test_a_history_has_an_end_and_fewer_inputs(hubspot, store):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1")
    for n in range(25):
        store.update(store.get(store.type(BOOKINGS), record_id), {"attendance": str(n)})
    fields = {"properties": [], "propertiesWithHistory": ["attendance"]}
    (row,) = batch(hubspot, BOOKINGS, "read", [{"id": record_id}], **fields).json()["results"]
    assert len(row["propertiesWithHistory"]["attendance"]) == 20
    many = [{"id": str(n)} for n in range(51)]
    assert batch(hubspot, BOOKINGS, "read", many, **fields).status_code == 400


# Archive, merge, associate


def test_an_archived_record_is_only_in_the_archived_list_and_looks_unmodified(hubspot):
    record_id = create(hubspot, BOOKINGS, booking_id="BK-1")
    before = hubspot.get(f"{OBJECTS}/{BOOKINGS}/{record_id}").json()
    hubspot.post("/_sandbox/clock", json={"advance_seconds": 60})
    hubspot.delete(f"{OBJECTS}/{BOOKINGS}/{record_id}")
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}/{record_id}").status_code == 404
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}").json()["results"] == []
    assert search(hubspot, BOOKINGS).json()["total"] == 0
    (row,) = hubspot.get(f"{OBJECTS}/{BOOKINGS}", params={"archived": "true"}).json()["results"]
    assert (row["id"], row["archived"]) == (record_id, True)
    assert row["updatedAt"] == before["updatedAt"] < row["archivedAt"]


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_takes_an_id_away_or_both(hubspot, new_id):
    primary = create(hubspot, CONTACTS, email="a@example.com", sj_credits="1")
    other = create(hubspot, CONTACTS, student_id="S2", sj_credits="4")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    pair = {"from": {"id": booking}, "to": {"id": other}}
    url = f"/crm/associations/2026-09/{BOOKINGS}/{CONTACTS}/batch"
    hubspot.post(f"{url}/associate/default", json={"inputs": [pair]})
    body = {"primary": primary, "merged": other, "new_id": new_id}
    left = hubspot.post("/_sandbox/records/contacts/merge", json=body).json()
    assert (left["id"] == primary) is not new_id
    gone = {other, primary} if new_id else {other}
    assert set(left["properties"]["hs_merged_object_ids"].split(";")) == gone
    assert left["properties"]["sj_credits"] == "1"
    assert [get(hubspot, CONTACTS, i).status_code for i in gone] == [404] * len(gone)
    (row,) = hubspot.post(f"{url}/read", json={"inputs": [{"id": booking}]}).json()["results"]
    assert [to["toObjectId"] for to in row["to"]] == [left["id"]]
    (again,) = batch(hubspot, CONTACTS, "upsert", [upsert_of(2, key="student_id")]).json()[
        "results"
    ]
    assert (again["new"], again["id"]) == (False, left["id"])


def test_linking_twice_is_one_link_and_modifies_neither_record(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    before = [
        get(hubspot, k, i).json()["updatedAt"]
        for k, i in ((CONTACTS, contact), (BOOKINGS, booking))
    ]
    hubspot.post("/_sandbox/clock", json={"advance_seconds": 60})
    url = f"/crm/associations/2026-09/{BOOKINGS}/{CONTACTS}/batch"
    for _ in range(2):
        body = {"inputs": [{"from": {"id": booking}, "to": {"id": contact}}]}
        assert hubspot.post(f"{url}/associate/default", json=body).status_code == 200
    after = [
        get(hubspot, k, i).json()["updatedAt"]
        for k, i in ((CONTACTS, contact), (BOOKINGS, booking))
    ]
    assert before == after
    assert live(hubspot, "bookings")[0]["associations"] == {"contacts": [contact]}
    assert live(hubspot, "contacts")[0]["associations"] == {"bookings": [booking]}


def test_a_create_takes_inline_associations_to_records_that_exist(hubspot, store):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    type_id = store.links.type_id(store.type(BOOKINGS), store.type(CONTACTS))
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}]
    item = {"properties": {"booking_id": "BK-1"}}
    item["associations"] = [{"to": {"id": contact}, "types": types}]
    assert batch(hubspot, BOOKINGS, "create", [item]).status_code == 201
    assert live(hubspot, "bookings")[0]["associations"] == {"contacts": [contact]}
    item["properties"]["booking_id"] = "BK-2"
    item["associations"][0]["to"]["id"] = "1"
    assert batch(hubspot, BOOKINGS, "create", [item]).status_code == 400


def test_reading_associations_is_cut_to_pages(hubspot, store):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    bookings = [create(hubspot, BOOKINGS, booking_id=f"BK-{n}") for n in range(5)]
    for booking in bookings:
        store.links.link(store.type(BOOKINGS), booking, store.type(CONTACTS), contact)
    limits(hubspot, association_page=2)
    url = f"/crm/associations/2026-09/{CONTACTS}/{BOOKINGS}/batch/read"
    found, wanted = [], {"id": contact}
    while wanted:
        (row,) = hubspot.post(url, json={"inputs": [wanted]}).json()["results"]
        found += [to["toObjectId"] for to in row["to"]]
        assert len(row["to"]) <= 2
        after = row.get("paging", {}).get("next", {}).get("after")
        wanted = {"id": contact, "after": after} if after else None
    assert found == bookings


def test_a_record_without_associations_is_an_error_of_a_207(hubspot):
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    url = f"/crm/associations/2026-09/{BOOKINGS}/{CONTACTS}/batch/read"
    answer = hubspot.post(url, json={"inputs": [{"id": booking}]})
    assert answer.status_code == 207
    (error,) = answer.json()["errors"]
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert error["context"]["fromObjectId"] == [booking]


def test_the_limits_of_association_batches_are_100_links_and_1000_reads(hubspot):
    url = f"/crm/associations/2026-09/{BOOKINGS}/{CONTACTS}/batch"
    pair = {"from": {"id": "1"}, "to": {"id": "2"}}
    assert (
        hubspot.post(f"{url}/associate/default", json={"inputs": [pair] * 101}).status_code == 400
    )
    assert hubspot.post(f"{url}/read", json={"inputs": [{"id": "1"}] * 1001}).status_code == 400
    assert hubspot.post(f"{url}/read", json={"inputs": [{"id": "1"}] * 1000}).status_code == 207


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
    hubspot.post("/_sandbox/clock", json={"advance_seconds": 31})
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
    hubspot.post("/_sandbox/clock", json={"advance_seconds": 10})
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
    hubspot.post("/_sandbox/clock", json={"advance_seconds": 86_400})
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


def test_a_fault_can_be_limited_to_a_path(hubspot):
    faults(hubspot, {"kind": "unavailable", "path": f"{OBJECTS}/{BOOKINGS}/batch"})
    assert hubspot.get(f"{OBJECTS}/{BOOKINGS}").status_code == 200
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 503


def test_an_error_after_applying_leaves_the_record_behind(hubspot):
    faults(hubspot, {"kind": "error_after_applying", "count": 1})
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 502
    assert len(live(hubspot, "bookings")) == 1


def test_a_cut_connection_gives_no_answer_and_leaves_the_record_behind(hubspot):
    faults(hubspot, {"kind": "cut", "count": 1})
    with pytest.raises(httpx.TransportError):
        batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)])
    assert len(live(hubspot, "bookings")) == 1
    assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).json()["results"][0]["new"] is False
    assert hubspot.get("/_sandbox/calls").json()["statuses"] == {"cut": 1, "200": 1}


@pytest.mark.parametrize(("kind", "ms"), [("slow", 60_000), ("slow_before_applying", 400)])
def test_a_slow_request_is_applied_although_its_client_is_gone(hubspot, written, kind, ms):
    faults(hubspot, {"kind": kind, "ms": ms, "count": 1})
    body, url = {"inputs": [upsert_of(1)]}, f"{OBJECTS}/{BOOKINGS}/batch/upsert"
    with pytest.raises(httpx.ReadTimeout):
        hubspot.post(url, json=body, timeout=0.2)
    assert written.wait(30)
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
        [{"kind": "validation_rule", "pattern": "x"}],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(hubspot, body):
    assert hubspot.post("/_sandbox/faults", json=body).status_code == 400


# Control


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


def test_parallel_upserts_of_the_same_records_make_no_duplicates(hubspot):
    limits(hubspot, burst=10_000)
    inputs = [upsert_of(n) for n in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: batch(hubspot, BOOKINGS, "upsert", inputs), range(24)))
    assert {a.status_code for a in answers} == {200}
    assert sum(row["new"] for a in answers for row in a.json()["results"]) == 50
    assert hubspot.get("/_sandbox/duplicates").json()["bookings"] == []
    assert len(live(hubspot, "bookings")) == 50


def test_duplicates_are_found_in_the_records_and_not_in_the_constraint(store):
    kind = store.type(BOOKINGS)
    ids = [store.create(kind, {"idempotency_key": "k"}).id for _ in range(2)]
    expected = [{"property": "idempotency_key", "value": "k", "ids": ids}]
    assert duplicates(store, kind) == expected


# Generated data


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


# The command


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_is_serves_and_ends_cleanly(number):
    command = [sys.executable, "-m", "sandbox.hubspot", "--contacts", "20", "--exams", "5"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {ready['token']}"}
            answer = httpx.get(f"{ready['url']}{OBJECTS}/{CONTACTS}?limit=100", headers=headers)
            assert len(answer.json()["results"]) == 20
        finally:
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
