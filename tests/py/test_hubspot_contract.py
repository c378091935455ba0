"""The simulator's answers fit HubSpot's OpenAPI documents, successes and refusals alike.

Every exchange of this module is validated as it happens, by a hook of the client.
"""

import random

import httpx
import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    NOTES,
    OBJECTS,
    batch,
    client_of,
    control,
    link,
    linked,
    note_of,
)
from hubspot_contract import WHY_SKIPPED, available, check_exchange, check_request
from openapi_core.exceptions import OpenAPIError

from sandbox.hubspot.app import VERBS
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import standing

pytestmark = pytest.mark.skipif(not available(), reason=WHY_SKIPPED)

BOOKINGS_TO_CONTACTS = f"/crm/associations/2026-09/{BOOKINGS}/{CONTACTS}/batch"


class Validated(httpx.Client):
    """A client that holds every HubSpot exchange against the contract, and counts them."""

    validated = 0

    def send(self, request: httpx.Request, **options) -> httpx.Response:
        response = super().send(request, **options)
        if not request.url.path.startswith("/_sandbox"):
            check_exchange(request, response)
            self.validated += 1
        return response


@pytest.fixture
def hubspot():
    with client_of(Store(7, standing()), Validated) as client:
        yield client
        assert client.validated


def create(hubspot, kind, **properties):
    answer = hubspot.post(f"{OBJECTS}/{kind}", json={"properties": properties})
    assert answer.status_code == 201
    return answer.json()["id"]


def upsert(number, trace=None, **properties):
    item = {"id": f"BK-{number}", "idProperty": "booking_id", "properties": properties}
    return item | ({"objectWriteTraceId": trace} if trace else {})


def test_every_write_of_a_batch_fits_the_contract(hubspot):
    url = f"{OBJECTS}/{BOOKINGS}/batch"
    inputs = [{"properties": {"booking_id": "BK-1", "exam_date": "2026-10-01"}}]
    assert hubspot.post(f"{url}/create", json={"inputs": inputs}).status_code == 201
    inputs = [upsert(1, "a", attendance=""), upsert(2, "b", attendance="yes")]
    assert hubspot.post(f"{url}/upsert", json={"inputs": inputs}).status_code == 200
    inputs = [upsert(1, "a", is_active="no such"), upsert(2, "b", is_active="Active")]
    assert hubspot.post(f"{url}/upsert", json={"inputs": inputs}).status_code == 207
    inputs = [upsert(1, is_active="Completed")]
    answer = hubspot.post(f"{url}/update", json={"inputs": inputs})
    assert answer.status_code == 200
    ids = [{"id": answer.json()["results"][0]["id"]}]
    assert hubspot.post(f"{url}/archive", json={"inputs": ids}).status_code == 204


def test_a_batch_read_fits_the_contract_with_history_and_with_missing_records(hubspot):
    record_id = create(hubspot, CONTACTS, email="a@example.com", sj_credits="1")
    body = {
        "inputs": [{"id": record_id}],
        "properties": ["sj_credits", "student_id"],
        "propertiesWithHistory": ["sj_credits"],
    }
    url = f"{OBJECTS}/{CONTACTS}/batch/read"
    assert hubspot.post(url, json=body).status_code == 200
    body["inputs"].append({"id": "12345"})
    assert hubspot.post(url, json=body).status_code == 207


def test_single_records_and_lists_fit_the_contract(hubspot):
    record_id = create(hubspot, EXAMS, mock_exam_name="one", is_active="true")
    create(hubspot, EXAMS, mock_exam_name="two")
    url = f"{OBJECTS}/{EXAMS}"
    assert hubspot.get(f"{url}/{record_id}").status_code == 200
    changed = hubspot.patch(f"{url}/{record_id}", json={"properties": {"capacity": "40"}})
    assert changed.status_code == 200
    listed = hubspot.get(url, params={"limit": 1, "properties": "capacity", "archived": "false"})
    assert listed.json()["paging"]["next"]["after"] == record_id
    assert hubspot.delete(f"{url}/{record_id}").status_code == 204
    assert hubspot.get(url, params={"archived": "true"}).json()["results"][0]["archived"] is True
    assert hubspot.get(f"{url}/{record_id}").status_code == 404


def test_a_search_fits_the_contract(hubspot):
    create(hubspot, CONTACTS, email="a@example.com")
    create(hubspot, CONTACTS, email="b@example.com")
    body = {
        "filterGroups": [
            {"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": "0"}]}
        ],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "limit": 1,
        "properties": ["email"],
    }
    answer = hubspot.post(f"{OBJECTS}/{CONTACTS}/search", json=body)
    assert answer.json()["total"] == 2
    body["limit"] = 201
    assert hubspot.post(f"{OBJECTS}/{CONTACTS}/search", json=body).status_code == 400


def test_associations_fit_the_contract(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    bookings = [create(hubspot, BOOKINGS, booking_id=f"BK-{n}") for n in range(2)]
    pairs = [{"from": {"id": b}, "to": {"id": contact}} for b in bookings]
    url = f"{BOOKINGS_TO_CONTACTS}/associate/default"
    assert hubspot.post(url, json={"inputs": pairs}).status_code == 200
    pairs.append({"from": {"id": "1"}, "to": {"id": contact}})
    assert hubspot.post(url, json={"inputs": pairs}).status_code == 207
    read = f"/crm/associations/2026-09/{CONTACTS}/{BOOKINGS}/batch/read"
    hubspot.post("/_sandbox/limits", json={"association_page": 1})
    first = hubspot.post(read, json={"inputs": [{"id": contact}]})
    assert first.json()["results"][0]["paging"]
    assert hubspot.post(read, json={"inputs": [{"id": "1"}]}).status_code == 207
    listed = hubspot.get(f"{OBJECTS}/{CONTACTS}", params={"associations": BOOKINGS})
    assert listed.json()["results"][0]["associations"]["bookings"]["paging"]


@pytest.mark.parametrize("kind", [CONTACTS, BOOKINGS, EXAMS])
def test_property_definitions_fit_the_contract(hubspot, kind):
    answer = hubspot.get(f"/crm/properties/2026-09/{kind}")
    assert answer.status_code == 200
    name = answer.json()["results"][0]["name"]
    assert hubspot.get(f"/crm/properties/2026-09/{kind}/{name}").status_code == 200
    assert hubspot.get(f"/crm/properties/2026-09/{kind}/no_such").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unavailable", 503),
        ("error_after_applying", 502),
        ("rate_limited", 429),
        ("daily_limit", 429),
        ("locked", 423),
        ("migrating", 477),
        ("unauthorized", 401),
        ("missing_scopes", 403),
    ],
)
def test_every_refusing_fault_answers_as_the_contract_says(hubspot, kind, status):
    hubspot.post("/_sandbox/faults", json=[{"kind": kind}])
    assert hubspot.get(f"{OBJECTS}/{CONTACTS}").status_code == status


def test_refusals_of_a_bad_request_fit_the_contract(hubspot):
    create(hubspot, CONTACTS, email="a@example.com")
    cases = [
        ({"properties": {"email": "a@example.com"}}, 409),
        ({"properties": {"no_such": "1"}}, 400),
        ({"properties": {"sj_credits": "many"}}, 400),
        ({}, 400),
    ]
    for body, status in cases:
        assert hubspot.post(f"{OBJECTS}/{CONTACTS}", json=body).status_code == status
    assert hubspot.get(f"{OBJECTS}/no_such_type").status_code == 400
    assert hubspot.get(f"{OBJECTS}/{CONTACTS}", headers={"Authorization": ""}).status_code == 401


def test_notes_fit_the_contract(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    assert batch(hubspot, NOTES, "create", [note_of(contact)]).status_code == 201
    inputs = [note_of(contact, trace="a"), {"properties": {}, "objectWriteTraceId": "b"}]
    answer = batch(hubspot, NOTES, "create", inputs)
    assert answer.status_code == 207
    note = answer.json()["results"][0]["id"]
    assert batch(hubspot, NOTES, "create", [{"properties": {}}]).status_code == 400
    assert hubspot.post(f"{OBJECTS}/{NOTES}", json=note_of(contact)).status_code == 201
    read = {"properties": ["hs_note_body"], "propertiesWithHistory": []}
    assert batch(hubspot, NOTES, "read", [{"id": note}], **read).status_code == 200
    assert link(hubspot, NOTES, CONTACTS, (note, contact)).status_code == 200
    assert linked(hubspot, CONTACTS, NOTES, contact).status_code == 200
    assert batch(hubspot, NOTES, "archive", [{"id": note}]).status_code == 204
    assert hubspot.get(f"{OBJECTS}/{NOTES}").status_code == 200
    assert hubspot.get("/crm/properties/2026-09/notes/hubspot_owner_id").status_code == 200


@pytest.mark.parametrize("account", [{"unique": False}, {"keys": False}])
def test_accounts_without_keys_fit_the_contract(account):
    with client_of(Store(7, standing(), **account), Validated) as hubspot:
        create(hubspot, CONTACTS, email="a@example.com")
        taken = {"properties": {"email": "a@example.com"}}
        assert hubspot.post(f"{OBJECTS}/{CONTACTS}", json=taken).status_code == 409
        traced = taken | {"objectWriteTraceId": "t"}
        assert batch(hubspot, CONTACTS, "create", [traced]).status_code == 207
        assert batch(hubspot, BOOKINGS, "upsert", [upsert(1)]).status_code == 400
        hubspot.get(f"/crm/properties/2026-09/{BOOKINGS}/booking_id")
        assert hubspot.validated == 5


@pytest.mark.parametrize("follow", [False, True])
def test_what_becomes_of_merged_ids_fits_the_contract(hubspot, follow):
    ids = [create(hubspot, CONTACTS, email=f"{n}@example.com") for n in range(2)]
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    control(hubspot, "records/contacts/merge", {"primary": ids[0], "merged": ids[1]})
    control(hubspot, "limits", {"merged_reads_follow": follow, "merged_writes_follow": follow})
    status = 200 if follow else 404
    assert hubspot.get(f"{OBJECTS}/{CONTACTS}/{ids[1]}").status_code == status
    item = {"id": ids[1], "properties": {"sj_credits": "1"}}
    assert batch(hubspot, CONTACTS, "update", [item]).status_code == status
    answer = link(hubspot, BOOKINGS, CONTACTS, (booking, ids[1]))
    assert answer.status_code == (200 if follow else 207)


def test_inputs_refused_alone_fit_the_contract(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    control(hubspot, "faults", [{"kind": "partial"}])
    assert batch(hubspot, BOOKINGS, "upsert", [upsert(n, f"t{n}") for n in range(3)]).is_success
    assert link(hubspot, BOOKINGS, CONTACTS, (booking, contact)).status_code == 207


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_every_answer_of_a_bad_hour_fits_the_contract(hubspot, seed):
    """Whatever a seed draws: faults of every kind, and others in the account."""
    rng = random.Random(seed)
    contacts = [create(hubspot, CONTACTS, email=f"{n}@example.com") for n in range(5)]
    exams = [create(hubspot, EXAMS, mock_exam_name=str(n)) for n in range(3)]
    for path in ("faults", "people"):
        control(hubspot, path, {"seed": seed, "intensity": 0.4})
    control(hubspot, "limits", {"burst": 100_000})
    found = ["1"]
    ask = [
        lambda: batch(hubspot, BOOKINGS, "upsert", [upsert(n, f"t{n}") for n in range(4)]),
        lambda: batch(
            hubspot, EXAMS, "update", [{"id": e, "properties": {"capacity": "4"}} for e in exams]
        ),
        lambda: batch(hubspot, NOTES, "create", [note_of(rng.choice(contacts), trace="t")]),
        lambda: link(hubspot, BOOKINGS, CONTACTS, (rng.choice(found), rng.choice(contacts))),
        lambda: hubspot.post(f"{OBJECTS}/{BOOKINGS}/search", json={}),
        lambda: batch(hubspot, BOOKINGS, "archive", [{"id": rng.choice(found)}]),
        lambda: hubspot.get(f"{OBJECTS}/{CONTACTS}", params={"limit": 3}),
    ]
    unanswered, statuses = 0, set()
    for _ in range(200):
        try:
            answer = rng.choice(ask)()
        except httpx.TransportError:
            unanswered += 1
            continue
        statuses.add(answer.status_code)
        if answer.request.url.path.endswith("/upsert") and answer.is_success:
            found += [row["id"] for row in answer.json()["results"]]
    assert unanswered
    assert {200, 201, 204, 207, 429} <= statuses


def test_the_429_of_search_fits_the_contract(hubspot):
    hubspot.post("/_sandbox/limits", json={"search_per_second": 0})
    answer = hubspot.post(f"{OBJECTS}/{CONTACTS}/search", json={})
    assert answer.status_code == 429


def test_every_route_of_the_simulator_is_in_a_document():
    from hubspot_contract import document

    for method, path, _ in VERBS:
        described = document(path).spec["paths"]
        assert method.lower() in described[path], f"{method} {path}"


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [upsert(n) for n in range(101)],
        [{"id": "BK-1", "properties": {}}],
        [upsert(1) | {"associations": []}],
        [upsert(1, sj_credits=3)],
    ],
    ids=["none", "101 of them", "no idProperty", "an unknown field", "a value that is no string"],
)
def test_the_contract_refuses_an_upsert_that_hubspot_would_refuse(inputs):
    url = f"https://api.hubapi.com{OBJECTS}/{BOOKINGS}/batch/upsert"
    request = httpx.Request("POST", url, json={"inputs": inputs})
    with pytest.raises(OpenAPIError):
        check_request(request)


def test_the_contract_refuses_an_answer_that_hubspot_would_not_give():
    request = httpx.Request("GET", f"https://api.hubapi.com{OBJECTS}/{CONTACTS}/1")
    with pytest.raises(OpenAPIError):
        check_exchange(request, httpx.Response(200, json={"id": 1}))
