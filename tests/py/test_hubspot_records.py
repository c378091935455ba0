"""The simulated records have the traps of HubSpot's: batches, values, archives, merges, links."""

import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    NOTES,
    OBJECTS,
    advance,
    batch,
    client_of,
    control,
    create,
    get,
    limits,
    link,
    linked,
    live,
    note_of,
    search,
    upsert_of,
)

from sandbox.hubspot.seed import fill
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import standing


@pytest.fixture
def store():
    return Store(7, standing())


@pytest.fixture
def hubspot(store):
    with client_of(store) as client:
        yield client


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


# Accounts


def test_without_unique_properties_upserts_are_refused_and_duplicates_can_be_made():
    with client_of(Store(7, standing(), unique=False)) as hubspot:
        rows = hubspot.get(f"/crm/properties/2026-09/{BOOKINGS}").json()["results"]
        assert not any(row["hasUniqueValue"] for row in rows)
        assert batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)]).status_code == 400
        ids = [create(hubspot, BOOKINGS, booking_id="BK-1") for _ in range(2)]
        found = hubspot.get("/_sandbox/duplicates").json()
    assert found["bookings"] == [{"property": "booking_id", "value": "BK-1", "ids": ids}]


def test_a_definition_tells_whether_its_values_are_unique(hubspot):
    definitions = "/crm/properties/2026-09"
    assert hubspot.get(f"{definitions}/{BOOKINGS}/booking_id").json()["hasUniqueValue"] is True
    assert hubspot.get(f"{definitions}/{BOOKINGS}/attendance").json()["hasUniqueValue"] is False
    with client_of(Store(7, standing(), unique=False)) as other:
        for kind, name, unique in (
            (BOOKINGS, "booking_id", False),
            (CONTACTS, "student_id", False),
            (CONTACTS, "email", True),
        ):
            answer = other.get(f"{definitions}/{kind}/{name}").json()
            assert (answer["name"], answer["hasUniqueValue"]) == (name, unique)


@pytest.mark.parametrize(("kind", "name"), [(BOOKINGS, "booking_id"), (CONTACTS, "student_id")])
def test_an_account_may_not_have_the_keys_at_all(kind, name):
    store = Store(7, standing(), keys=False)
    fill(store, 7, contacts=5, exams=0)
    with client_of(store) as hubspot:
        assert hubspot.get(f"/crm/properties/2026-09/{kind}/{name}").status_code == 404
        assert batch(hubspot, kind, "upsert", [upsert_of(1, key=name)]).status_code == 400
        answer = hubspot.post(f"{OBJECTS}/{kind}", json={"properties": {name: "1"}})
        assert answer.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        assert len(live(hubspot, CONTACTS)) == 5


@pytest.mark.parametrize("account", [{"unique": False}, {"keys": False}])
def test_contacts_are_unique_by_email_in_every_account(account):
    with client_of(Store(7, standing(), **account)) as hubspot:
        record_id = create(hubspot, CONTACTS, email="a@example.com")
        taken = {"properties": {"email": "a@example.com"}}
        answer = hubspot.post(f"{OBJECTS}/{CONTACTS}", json=taken)
        assert answer.status_code == 409
        assert answer.json()["message"] == f"Contact already exists. Existing ID: {record_id}"
        inputs = [
            taken | {"objectWriteTraceId": "t1"},
            {"properties": {"email": "b@example.com"}, "objectWriteTraceId": "t2"},
        ]
        answer = batch(hubspot, CONTACTS, "create", inputs)
        assert answer.status_code == 207
        (error,) = answer.json()["errors"]
        assert error["message"].endswith(f"Existing ID: {record_id}")
        assert error["context"]["objectWriteTraceId"] == ["t1"]
        read = batch(
            hubspot,
            CONTACTS,
            "read",
            [{"id": "A@Example.com"}],
            idProperty="email",
            properties=[],
            propertiesWithHistory=[],
        )
        assert [row["id"] for row in read.json()["results"]] == [record_id]


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
    advance(hubspot, 60)
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
    advance(hubspot, 60)
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


def merged(hubspot, **settings):
    """A merge of two contacts, the second linked to a booking: what is left, gone, the booking."""
    primary = create(hubspot, CONTACTS, email="a@example.com", sj_credits="1")
    other = create(hubspot, CONTACTS, email="b@example.com", student_id="S2")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    link(hubspot, BOOKINGS, CONTACTS, (booking, other))
    limits(hubspot, **settings)
    body = {"primary": primary, "merged": other}
    return control(hubspot, "records/contacts/merge", body)["id"], other, booking


def test_a_merged_id_is_gone_for_reads_writes_and_links(hubspot):
    _, gone, booking = merged(hubspot)
    assert get(hubspot, CONTACTS, gone).status_code == 404
    item = {"id": gone, "properties": {"sj_credits": "3"}}
    assert batch(hubspot, CONTACTS, "update", [item]).status_code == 404
    traced = batch(hubspot, CONTACTS, "update", [item | {"objectWriteTraceId": "t"}]).json()
    assert traced["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    answer = link(hubspot, BOOKINGS, CONTACTS, (booking, gone))
    assert (answer.status_code, answer.json()["results"]) == (207, [])


def test_a_merged_id_reads_the_record_it_became_where_set_so(hubspot):
    left, gone, booking = merged(hubspot, merged_reads_follow=True)
    assert get(hubspot, CONTACTS, gone).json()["id"] == left
    read = batch(hubspot, CONTACTS, "read", [{"id": gone}], properties=[]).json()
    assert [row["id"] for row in read["results"]] == [left]
    (row,) = linked(hubspot, CONTACTS, BOOKINGS, gone).json()["results"]
    assert [to["toObjectId"] for to in row["to"]] == [booking]
    patch = hubspot.patch(f"{OBJECTS}/{CONTACTS}/{gone}", json={"properties": {}})
    assert patch.status_code == 404


def test_a_merged_id_writes_the_record_it_became_where_set_so(hubspot):
    left, gone, booking = merged(hubspot, merged_writes_follow=True)
    item = {"id": gone, "properties": {"sj_credits": "3"}}
    (row,) = batch(hubspot, CONTACTS, "update", [item]).json()["results"]
    assert (row["id"], row["properties"]["sj_credits"]) == (left, "3")
    both = [item, {"id": left, "properties": {"sj_credits": "4"}}]
    assert batch(hubspot, CONTACTS, "update", both).status_code == 400
    assert link(hubspot, BOOKINGS, CONTACTS, (booking, gone)).status_code == 200
    assert live(hubspot, "bookings")[0]["associations"] == {"contacts": [left]}
    assert get(hubspot, CONTACTS, gone).status_code == 404


def test_custom_objects_are_merged_too_and_twice_in_a_row(hubspot):
    ids = [create(hubspot, BOOKINGS, booking_id=f"BK-{n}") for n in range(3)]
    limits(hubspot, merged_reads_follow=True)
    for other in ids[1:]:
        left = control(
            hubspot, "records/bookings/merge", {"primary": ids[0], "merged": other, "new_id": True}
        )
        ids[0] = left["id"]
    names = left["properties"]["hs_merged_object_ids"].split(";")
    assert len(names) == len(set(names)) == 4
    assert {get(hubspot, BOOKINGS, gone).json()["id"] for gone in names} == {left["id"]}


def test_a_restored_record_is_as_it_was_unless_its_unique_value_was_taken(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1", attendance="yes")
    link(hubspot, BOOKINGS, CONTACTS, (booking, contact))
    for kind, record_id in ((BOOKINGS, booking), (CONTACTS, contact)):
        hubspot.delete(f"{OBJECTS}/{kind}/{record_id}")
    hubspot.post(f"/_sandbox/records/bookings/{booking}/restore")
    assert get(hubspot, BOOKINGS, booking, "attendance").json()["properties"]["attendance"] == "yes"
    assert linked(hubspot, BOOKINGS, CONTACTS, booking).status_code == 207
    hubspot.post(f"/_sandbox/records/contacts/{contact}/restore")
    (row,) = linked(hubspot, BOOKINGS, CONTACTS, booking).json()["results"]
    assert [to["toObjectId"] for to in row["to"]] == [contact]
    hubspot.delete(f"{OBJECTS}/{BOOKINGS}/{booking}")
    batch(hubspot, BOOKINGS, "upsert", [upsert_of(1)])
    assert hubspot.post(f"/_sandbox/records/bookings/{booking}/restore").status_code == 409


# Notes


def test_notes_are_created_in_a_batch_on_the_timelines_of_contacts(hubspot):
    contacts = [create(hubspot, CONTACTS, email=f"{n}@example.com") for n in range(2)]
    inputs = [note_of(contacts[n % 2], f"No. {n}", hubspot_owner_id="81") for n in range(4)]
    answer = batch(hubspot, NOTES, "create", inputs)
    assert answer.status_code == 201
    notes = {row["properties"]["hs_note_body"]: row["id"] for row in answer.json()["results"]}
    row = get(hubspot, "0-46", notes["No. 1"], "hs_timestamp", "hubspot_owner_id").json()
    assert row["properties"]["hs_timestamp"] == "2026-09-21T14:13:20.000Z"
    assert row["properties"]["hubspot_owner_id"] == "81"
    found = linked(hubspot, CONTACTS, NOTES, *contacts).json()["results"]
    assert {row["from"]["id"]: [to["toObjectId"] for to in row["to"]] for row in found} == {
        contacts[0]: [notes["No. 0"], notes["No. 2"]],
        contacts[1]: [notes["No. 1"], notes["No. 3"]],
    }
    assert found[0]["to"][0]["associationTypes"] == [{"category": "HUBSPOT_DEFINED", "typeId": 201}]
    read = [{"id": notes["No. 3"]}]
    (back,) = batch(hubspot, NOTES, "read", read, properties=["hs_note_body"]).json()["results"]
    assert back["properties"]["hs_note_body"] == "No. 3"


@pytest.mark.parametrize("given", ["1790000000000", "2026-09-21T14:13:20Z"])
def test_the_moment_of_a_note_is_given_in_milliseconds_or_utc(hubspot, given):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    (row,) = batch(hubspot, NOTES, "create", [note_of(contact, hs_timestamp=given)]).json()[
        "results"
    ]
    assert row["properties"]["hs_timestamp"] == "2026-09-21T14:13:20.000Z"


def test_a_note_without_its_moment_is_refused_alone_or_with_its_batch(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    for moment in ({}, {"hs_timestamp": ""}):
        item = {"properties": {"hs_note_body": "When?"} | moment}
        answer = batch(hubspot, NOTES, "create", [item, note_of(contact)])
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
        assert answer.json()["context"] == {"properties": ["hs_timestamp"]}
    assert live(hubspot, NOTES) == []
    traced = [item | {"objectWriteTraceId": "t1"}, note_of(contact, trace="t2")]
    answer = batch(hubspot, NOTES, "create", traced)
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    assert len(live(hubspot, NOTES)) == 1


@pytest.mark.parametrize(("size", "status"), [(65_536, 201), (65_537, 400)])
def test_a_note_has_at_most_65536_characters(hubspot, size, status):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    answer = batch(hubspot, NOTES, "create", [note_of(contact, "é" * size)])
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errors"][0]["context"] == {"propertyName": ["hs_note_body"]}


@pytest.mark.parametrize(
    "types",
    [
        [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 201}],
        [{"associationCategory": "USER_DEFINED", "associationTypeId": 202}],
        [{"associationTypeId": 202}],
    ],
    ids=["the way back", "another category", "no category"],
)
def test_a_note_is_associated_by_its_own_type_alone(hubspot, types):
    item = note_of(create(hubspot, CONTACTS, email="a@example.com"))
    item["associations"][0]["types"] = types
    assert batch(hubspot, NOTES, "create", [item]).status_code == 400


def test_the_same_note_sent_twice_is_two_notes(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    for _ in range(2):
        assert batch(hubspot, NOTES, "create", [note_of(contact)]).status_code == 201
    (row,) = linked(hubspot, CONTACTS, NOTES, contact).json()["results"]
    assert len(row["to"]) == 2
    assert batch(hubspot, NOTES, "upsert", [upsert_of(1)]).status_code == 400


def test_notes_and_contacts_have_a_default_link(hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    note = create(hubspot, NOTES, hs_timestamp="1790000000000")
    rows = link(hubspot, NOTES, CONTACTS, (note, contact)).json()["results"]
    ids = {row["from"]["id"]: row["associationSpec"]["associationTypeId"] for row in rows}
    assert ids == {note: 202, contact: 201}
    assert live(hubspot, "notes")[0]["associations"] == {"contacts": [contact]}
