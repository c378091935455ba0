"""The simulated account tells of every change as HubSpot does: signed, in batches, again and again,
in no order; one seed gives the same requests."""

import base64
import hashlib
import itertools
import json
import re
import threading
import time
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hubspot_account import (
    BOOKINGS,
    CONTACTS,
    EXAMS,
    LINKS,
    NOTES,
    OBJECTS,
    TOKEN,
    app_of,
    batch,
    client_of,
    control,
    create,
    get,
    link,
    linked,
    live,
    note_of,
    upsert_of,
)
from hubspot_world import eventually

import sandbox.hubspot
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.events import TYPES
from sandbox.hubspot.server import running
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import standing
from sandbox.hubspot.webhooks import Manner, signature

START_MS = 1_790_000_000_000
URL, SECRET = "https://glue.example.com/hubspot?a=1", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
DAY = 86_400
PATIENCE = 30.0


@pytest.fixture
def store():
    return Store(7, standing())


@pytest.fixture
def hubspot(store):
    with client_of(store) as client:
        yield client


class Target:
    """What a receiver was sent; it answers with ``status``."""

    def __init__(self, status=204):
        self.status = status
        self.requests = []

    def __call__(self, body, headers, url):
        self.requests.append((body, headers, url))
        return self.status

    @property
    def batches(self):
        return [json.loads(body) for body, _, _ in self.requests]

    @property
    def events(self):
        return list(itertools.chain.from_iterable(self.batches))


def told(store, target=None):
    """The events that are sent now."""
    target = target or Target()
    store.webhooks.deliver(target)
    return target.events


def subscribed(store, *types, **options):
    store.webhooks.subscribe(URL, SECRET, list(types) or None, **options)


def by_hand(hubspot, method, path, body=None, **params):
    answer = hubspot.request(method, f"/_sandbox/records/{path}", json=body, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def hmac_sha256(key, message):
    """HMAC as RFC 2104 writes it, for a key no longer than a block."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).digest()


# Signature


@pytest.mark.parametrize(
    ("at_ms", "expected"),
    [
        (1_693_657_560_000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (1_700_000_300_000, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_the_signature_is_that_of_hubspots_examples(at_ms, expected):
    body, url = b"{'example_field':'example_value'}", "https://www.example.com/webhook_uri"
    assert signature(SECRET, "POST", url, body, at_ms) == expected
    signed = b"POST" + url.encode() + body + str(at_ms).encode()
    assert base64.b64encode(hmac_sha256(SECRET.encode(), signed)).decode() == expected


def test_a_request_is_signed_over_method_url_body_and_time(store, hubspot):
    subscribed(store)
    create(hubspot, CONTACTS, email="jörg@example.com")
    store.clock.advance(3)
    target = Target()
    store.webhooks.deliver(target)
    ((body, headers, url),) = target.requests
    assert url == URL
    assert headers["Content-Type"] == "application/json"
    assert headers["X-HubSpot-Request-Timestamp"] == str(START_MS + 3000)
    signed = b"POST" + URL.encode() + body + str(START_MS + 3000).encode()
    expected = base64.b64encode(hmac_sha256(SECRET.encode(), signed)).decode()
    assert headers["X-HubSpot-Signature-v3"] == expected


# What is told


def test_a_new_record_is_told_with_each_of_its_values(store, hubspot):
    subscribed(store)
    record_id = create(hubspot, CONTACTS, email="a@example.com", sj_credits="3")
    made, *changed = told(store)
    assert made == {
        "eventId": made["eventId"],
        "subscriptionId": made["subscriptionId"],
        "portalId": store.portal_id,
        "appId": store.app_id,
        "occurredAt": START_MS,
        "subscriptionType": "contact.creation",
        "attemptNumber": 0,
        "objectId": int(record_id),
        "objectTypeId": "0-1",
        "changeSource": "INTEGRATION",
        "sourceId": str(store.app_id),
    }
    assert {(e["propertyName"], e["propertyValue"]) for e in changed} == {
        ("email", "a@example.com"),
        ("sj_credits", "3"),
    }
    assert {e["subscriptionType"] for e in changed} == {"contact.propertyChange"}
    assert len({e["eventId"] for e in [made, *changed]}) == 3
    assert len({e["subscriptionId"] for e in [made, *changed]}) == 2


def test_custom_objects_are_told_as_objects_with_their_type(store, hubspot):
    subscribed(store, "object.creation")
    booking, exam = create(hubspot, BOOKINGS, booking_id="BK-1"), create(hubspot, EXAMS)
    assert [(e["objectId"], e["objectTypeId"]) for e in told(store)] == [
        (int(booking), BOOKINGS),
        (int(exam), EXAMS),
    ]


def test_a_value_written_again_changes_the_date_and_is_not_told(store, hubspot):
    batch(hubspot, BOOKINGS, "upsert", [upsert_of(1, attendance="yes", dominant_hand="Left")])
    subscribed(store)
    store.clock.advance(1)
    batch(hubspot, BOOKINGS, "upsert", [upsert_of(1, attendance="yes", dominant_hand="")])
    (event,) = told(store)
    assert (event["propertyName"], event["propertyValue"]) == ("dominant_hand", "")
    assert event["occurredAt"] == START_MS + 1000


SOURCES = {
    "user": ("CRM_UI", "userId:31415926"),
    "workflow": ("AUTOMATION_PLATFORM", "enrollmentId:5772156649"),
    "application": ("INTEGRATION", "1414213"),
    "import": ("IMPORT", "1618033"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_events_and_history_tell_who_made_a_change(store, hubspot, source):
    record_id = create(hubspot, CONTACTS, email="a@example.com", sj_credits="1")
    store.clock.advance(60)
    subscribed(store)
    by_hand(hubspot, "PATCH", f"contacts/{record_id}", {"sj_credits": "4"}, source=source)
    made = by_hand(hubspot, "POST", "contacts", {"email": "b@example.com"}, source=source)["id"]
    by_hand(hubspot, "DELETE", f"contacts/{record_id}", source=source)
    by_hand(hubspot, "POST", f"contacts/{record_id}/restore", source=source)
    events = told(store)
    assert {(e["changeSource"], e["sourceId"]) for e in events} == {SOURCES[source]}
    assert [(e["subscriptionType"], e["objectId"]) for e in events] == [
        ("contact.propertyChange", int(record_id)),
        ("contact.creation", int(made)),
        ("contact.propertyChange", int(made)),
        ("contact.deletion", int(record_id)),
        ("contact.restore", int(record_id)),
    ]
    read = batch(
        hubspot,
        CONTACTS,
        "read",
        [{"id": record_id}],
        properties=[],
        propertiesWithHistory=["sj_credits"],
    ).json()
    newest, first = read["results"][0]["propertiesWithHistory"]["sj_credits"]
    assert (newest["sourceType"], newest["sourceId"]) == SOURCES[source]
    assert (first["sourceType"], first["sourceId"]) == ("INTEGRATION", str(store.app_id))


def test_a_source_there_is_none_of_is_refused(hubspot):
    made = hubspot.post("/_sandbox/records/contacts", json={}, params={"source": "nobody"})
    assert (made.status_code, live(hubspot, "contacts")) == (400, [])


def test_our_own_deletion_is_told_as_ours(store, hubspot):
    ids = [create(hubspot, BOOKINGS, booking_id=f"BK-{n}") for n in range(2)]
    subscribed(store)
    hubspot.delete(f"{OBJECTS}/{BOOKINGS}/{ids[0]}")
    batch(hubspot, BOOKINGS, "archive", [{"id": ids[1]}])
    events = told(store)
    assert [(e["subscriptionType"], str(e["objectId"])) for e in events] == [
        ("object.deletion", ids[0]),
        ("object.deletion", ids[1]),
    ]
    assert {e["sourceId"] for e in events} == {str(store.app_id)}


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_names_who_won_who_is_gone_and_what_is_left(store, hubspot, new_id):
    one = create(hubspot, CONTACTS, email="a@example.com", firstname="Ada")
    two = create(hubspot, CONTACTS, email="b@example.com", firstname="Bea", lastname="Bo")
    three = create(hubspot, CONTACTS, email="c@example.com")
    by_hand(hubspot, "POST", "contacts/merge", {"primary": two, "merged": three})
    subscribed(store)
    body = {"primary": one, "merged": two, "new_id": new_id}
    left = by_hand(hubspot, "POST", "contacts/merge", body)["id"]
    merged, *changed = told(store)
    assert (left != one) == new_id
    assert merged["subscriptionType"] == "contact.merge"
    assert merged["objectId"] == merged["newObjectId"] == int(left)
    assert merged["primaryObjectId"] == int(one)
    assert merged["mergedObjectIds"] == [int(two)]
    assert merged["numberOfPropertiesMoved"] == 1
    assert (merged["changeSource"], merged["sourceId"]) == SOURCES["user"]
    assert [(e["objectId"], e["propertyName"], e["propertyValue"]) for e in changed] == [
        (int(left), "lastname", "Bo")
    ]


def test_a_link_is_told_from_either_end_and_so_is_its_end(store, hubspot):
    contact, booking = create(hubspot, CONTACTS), create(hubspot, BOOKINGS, booking_id="BK-1")
    subscribed(store)
    for _ in range(2):
        link(hubspot, BOOKINGS, CONTACTS, (booking, contact))
    forth, back = told(store)
    for event, a, b in ((forth, booking, contact), (back, contact, booking)):
        assert str(event["objectId"]) == str(event["fromObjectId"]) == a
        assert str(event["toObjectId"]) == b
        assert event["associationRemoved"] is False
        assert event["sourceId"] == str(store.app_id)
    assert forth["subscriptionType"] == "object.associationChange"
    assert (forth["objectTypeId"], forth["toObjectTypeId"]) == (BOOKINGS, "0-1")
    assert back["subscriptionType"] == "contact.associationChange"
    pair = {"from": {"id": booking}, "to": [{"id": contact}]}
    for _ in range(2):
        hubspot.post(f"{LINKS}/{BOOKINGS}/{CONTACTS}/batch/archive", json={"inputs": [pair]})
    assert [e["associationRemoved"] for e in told(store)] == [True, True]


def test_links_are_made_and_ended_by_hand(store, hubspot):
    contact, booking = create(hubspot, CONTACTS), create(hubspot, BOOKINGS, booking_id="BK-1")
    subscribed(store)
    path = f"bookings/{booking}/links/contacts/{contact}"
    assert by_hand(hubspot, "POST", path)["associations"] == {"contacts": [contact]}
    assert by_hand(hubspot, "DELETE", path, source="workflow")["associations"] == {}
    events = told(store)
    assert [e["associationRemoved"] for e in events] == [False, False, True, True]
    sources = [SOURCES["user"]] * 2 + [SOURCES["workflow"]] * 2
    assert [(e["changeSource"], e["sourceId"]) for e in events] == sources


def test_links_in_a_new_record_are_told_and_notes_are_not(store, hubspot):
    contact = create(hubspot, CONTACTS)
    kind, other = store.type(BOOKINGS), store.type(CONTACTS)
    made = {"associationCategory": "USER_DEFINED"}
    made |= {"associationTypeId": store.links.type_id(kind, other)}
    subscribed(store)
    associations = [{"to": {"id": contact}, "types": [made]}]
    body = {"properties": {"booking_id": "BK-1"}, "associations": associations}
    assert hubspot.post(f"{OBJECTS}/{BOOKINGS}", json=body).status_code == 201
    assert batch(hubspot, NOTES, "create", [note_of(contact)]).status_code == 201
    assert [e["subscriptionType"] for e in told(store)] == [
        "object.creation",
        "object.propertyChange",
        "object.associationChange",
        "contact.associationChange",
    ]


def test_associations_may_name_their_ends_alone(store, hubspot):
    contact, booking = create(hubspot, CONTACTS), create(hubspot, BOOKINGS, booking_id="BK-1")
    subscribed(store, bare_associations=True)
    link(hubspot, BOOKINGS, CONTACTS, (booking, contact))
    by_hand(hubspot, "PATCH", f"contacts/{contact}", {"firstname": "Ada"})
    forth, back, changed = told(store)
    assert not {"objectId", "objectTypeId"} & {*forth, *back}
    assert str(forth["fromObjectId"]) == str(back["toObjectId"]) == booking
    assert str(changed["objectId"]) == contact


@pytest.mark.parametrize("archived", [False, True])
def test_a_contact_forgotten_is_gone_for_good(store, hubspot, archived):
    contact = create(hubspot, CONTACTS, email="a@example.com", student_id="S1")
    merged = create(hubspot, CONTACTS, email="b@example.com")
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    by_hand(hubspot, "POST", "contacts/merge", {"primary": contact, "merged": merged})
    link(hubspot, BOOKINGS, CONTACTS, (booking, contact))
    if archived:
        hubspot.delete(f"{OBJECTS}/{CONTACTS}/{contact}")
    control(hubspot, "limits", {"merged_reads_follow": True})
    subscribed(store)
    by_hand(hubspot, "POST", f"contacts/{contact}/forget")
    types = ["contact.privacyDeletion"] if archived else ["contact.deletion", TYPES[6]]
    events = told(store)
    assert [e["subscriptionType"] for e in events] == types
    assert {e["objectId"] for e in events} == {int(contact)}
    for params in ({}, {"archived": "true"}):
        assert hubspot.get(f"{OBJECTS}/{CONTACTS}", params=params).json()["results"] == []
        for gone in (contact, merged):
            answer = hubspot.get(f"{OBJECTS}/{CONTACTS}/{gone}", params=params)
            assert answer.status_code == 404
    assert hubspot.post(f"{OBJECTS}/{CONTACTS}/search", json={}).json()["total"] == 0
    assert linked(hubspot, BOOKINGS, CONTACTS, booking).status_code == 207
    kinds = store.type(BOOKINGS), store.type(CONTACTS)
    assert store.links.of(kinds[0], booking, kinds[1]) == []
    assert store.links.of(kinds[1], contact, kinds[0]) == []
    again = hubspot.post(f"/_sandbox/records/contacts/{contact}/forget")
    assert again.status_code == 404
    create(hubspot, CONTACTS, email="a@example.com", student_id="S1")


def test_only_contacts_are_forgotten(hubspot):
    booking = create(hubspot, BOOKINGS, booking_id="BK-1")
    assert hubspot.post(f"/_sandbox/records/bookings/{booking}/forget").status_code == 400
    assert get(hubspot, BOOKINGS, booking).status_code == 200


def test_only_what_is_subscribed_to_is_told(store, hubspot):
    one = {"subscriptionType": "object.propertyChange", "propertyName": "attendance"}
    exams = {"subscriptionType": "object.creation", "objectTypeId": EXAMS}
    subscribed(store, "contact.creation", one, exams)
    create(hubspot, CONTACTS, email="a@example.com")
    create(hubspot, BOOKINGS, booking_id="BK-1", attendance="yes")
    create(hubspot, EXAMS, mock_set="A")
    events = told(store)
    assert [(e["subscriptionType"], e.get("propertyName")) for e in events] == [
        ("contact.creation", None),
        ("object.propertyChange", "attendance"),
        ("object.creation", None),
    ]
    assert len({e["subscriptionId"] for e in events}) == 3


def test_contacts_may_be_told_as_objects(store, hubspot):
    deleted = {"subscriptionType": "object.deletion", "objectTypeId": "0-1"}
    made = {"subscriptionType": "object.creation", "objectTypeId": "0-1"}
    subscribed(store, deleted, made)
    contact, _ = create(hubspot, CONTACTS), create(hubspot, EXAMS)
    hubspot.delete(f"{OBJECTS}/{CONTACTS}/{contact}")
    events = told(store)
    assert [(e["subscriptionType"], e["objectTypeId"]) for e in events] == [
        ("object.creation", "0-1"),
        ("object.deletion", "0-1"),
    ]
    subscribed(store, "object.creation")
    create(hubspot, CONTACTS)
    assert told(store) == []


def test_what_others_do_is_told(store, hubspot):
    contact = create(hubspot, CONTACTS, email="a@example.com")
    create(hubspot, BOOKINGS, booking_id="BK-1")
    weights = {"seed": 7, "intensity": 0, "types": ["contacts"]}
    control(hubspot, "people", weights)
    subscribed(store)

    def act(action):
        return control(hubspot, "people/act", {"action": action}), told(store)

    kind = store.type(CONTACTS)
    for _ in range(8):
        before = store.get(kind, contact).version.properties
        done, (event,) = act("top_up")
        ((name, value),) = done["properties"].items()
        assert (event["propertyName"], event["propertyValue"]) == (name, value)
        assert int(value) == int(before.get(name, 0)) + done["added"] > 0
        assert event["changeSource"] == "CRM_UI"
    done, (event,) = act("workflow")
    assert {event["propertyName"]: event["propertyValue"]} == done["properties"]
    assert event["changeSource"] == "AUTOMATION_PLATFORM"
    assert act("link") == (None, [])
    control(hubspot, "people", weights | {"types": ["contacts", "bookings"]})
    changes = [act("link") for _ in range(12)]
    states = [done["ended"] for done, _ in changes if done]
    assert set(states) == {True, False}
    assert states == [n % 2 == 1 for n in range(len(states))]
    for done, events in changes:
        assert [e["associationRemoved"] for e in events] == ([done["ended"]] * 2 if done else [])
    for action, change in (("archive", "deletion"), ("restore", "restore")):
        control(hubspot, "people", weights)
        _, (event,) = act(action)
        expected = (f"contact.{change}", "CRM_UI")
        assert (event["subscriptionType"], event["changeSource"]) == expected
    done, events = act("forget")
    assert done["id"] == contact
    assert [e["subscriptionType"] for e in events] == ["contact.deletion", TYPES[6]]
    assert act("forget") == (None, [])


def test_the_account_and_our_application_have_the_ids_they_were_made_with():
    store = Store(7, standing(), app_id=11, portal_id=22)
    with client_of(store) as hubspot:
        assert hubspot.get("/_sandbox/account").json() == {"portalId": 22, "appId": 11}
        subscribed(store)
        create(hubspot, CONTACTS)
        (event,) = told(store)
    assert (event["portalId"], event["appId"], event["sourceId"]) == (22, 11, "11")


# Times


def test_no_two_writes_of_a_record_share_a_millisecond(store, hubspot):
    record_id = create(hubspot, CONTACTS, email="a@example.com")
    subscribed(store)
    for n in range(3):
        by_hand(hubspot, "PATCH", f"contacts/{record_id}", {"sj_credits": str(n)})
        other = by_hand(hubspot, "POST", "contacts", {"email": f"{n}@example.com"})["id"]
    by_hand(hubspot, "POST", "contacts/merge", {"primary": record_id, "merged": other})
    record = store.get(store.type(CONTACTS), record_id)
    written = [entry.at_ms for entry in reversed(record.history["sj_credits"])]
    assert written == [START_MS + 1, START_MS + 2, START_MS + 3]
    assert record.version.updated_ms == START_MS + 4
    hubspot.delete(f"{OBJECTS}/{CONTACTS}/{record_id}")
    mine = [e for e in told(store) if e["objectId"] == int(record_id)]
    assert [e["occurredAt"] - START_MS for e in mine] == [1, 2, 3, 4, 5]


def test_a_thousand_links_are_read_at_once_and_not_one_more(hubspot):
    inputs = [{"id": str(n)} for n in range(1001)]
    assert linked(hubspot, BOOKINGS, CONTACTS, *inputs[:1000]).status_code == 207
    assert linked(hubspot, BOOKINGS, CONTACTS, *inputs).status_code == 400


# How it is sent


def test_nothing_is_sent_by_itself_nor_without_a_target(store, hubspot):
    create(hubspot, CONTACTS, email="a@example.com")
    assert (store.webhooks.due, told(store)) == (None, [])
    subscribed(store)
    create(hubspot, CONTACTS, email="b@example.com")
    assert store.webhooks.due == START_MS
    assert len(told(store)) == 2
    assert (store.webhooks.due, told(store)) == (None, [])
    create(hubspot, CONTACTS, email="c@example.com")
    store.webhooks.end()
    create(hubspot, CONTACTS, email="d@example.com")
    assert (store.webhooks.due, told(store)) == (None, [])


def test_a_request_has_a_hundred_events_at_most(store, hubspot):
    subscribed(store, "object.creation")
    for start in range(0, 250, 50):
        inputs = [upsert_of(n) for n in range(start, start + 50)]
        assert batch(hubspot, BOOKINGS, "upsert", inputs).status_code == 200
    target = Target()
    told(store, target)
    assert [len(events) for events in target.batches] == [100, 100, 50]
    assert len({e["objectId"] for e in target.events}) == 250


@pytest.mark.parametrize("status", [None, 199, 302, 400, 404, 500])
def test_all_but_a_2xx_is_tried_eleven_times_within_a_day_and_lost_then(store, hubspot, status):
    subscribed(store, "contact.creation")
    create(hubspot, CONTACTS, email="a@example.com")
    target, moments = Target(status), []
    while (due := store.webhooks.due) is not None:
        store.clock.advance_ms(due - store.clock.ms())
        moments.append(due)
        (outcome,) = store.webhooks.deliver(target)
        assert outcome.status == status
        assert outcome.became == ("lost" if len(moments) == 11 else "retried")
    assert [e["attemptNumber"] for e in target.events] == list(range(11))
    assert len({e["eventId"] for e in target.events}) == 1
    steps = [b - a for a, b in itertools.pairwise(moments)]
    assert sorted(steps) == steps
    assert steps[0] >= 60_000
    assert (DAY - 3600) * 1000 < moments[-1] - moments[0] <= DAY * 1000
    counts = store.webhooks.counts
    assert (counts.sent, counts.failed, counts.pending, counts.lost) == (0, 11, 0, 1)
    signatures = {headers["X-HubSpot-Signature-v3"] for _, headers, _ in target.requests}
    assert len(signatures) == 11


def test_a_failed_batch_is_sent_again_as_it_was_and_ends_with_a_2xx(store, hubspot):
    subscribed(store, "contact.creation")
    ids = [int(create(hubspot, CONTACTS, email=f"{n}@example.com")) for n in range(3)]
    target = Target(503)
    told(store, target)
    target.status = 200
    due = store.webhooks.due
    store.clock.advance_ms(due - START_MS - 1)
    later = int(create(hubspot, CONTACTS, email="later@example.com"))
    store.clock.advance_ms(1)
    told(store, target)
    found = [[(e["objectId"], e["attemptNumber"]) for e in one] for one in target.batches]
    assert found == [[(i, 0) for i in ids], [(later, 0)], [(i, 1) for i in ids]]
    assert store.webhooks.due is None
    assert (store.webhooks.counts.sent, store.webhooks.counts.failed) == (4, 1)


@pytest.mark.parametrize(("seconds", "became"), [(5.0, "sent"), (5.001, "retried")])
def test_an_answer_after_five_seconds_is_none(store, hubspot, seconds, became):
    subscribed(store, "contact.creation")
    create(hubspot, CONTACTS, email="a@example.com")

    def slow(body, headers, url):
        store.clock.advance(seconds)
        return 200

    (outcome,) = store.webhooks.deliver(slow)
    assert outcome.became == became


def test_what_a_receiver_writes_meanwhile_waits_for_the_next_time(store, hubspot):
    subscribed(store, "contact.creation")
    create(hubspot, CONTACTS, email="a@example.com")
    numbers = itertools.count()

    def writing(body, headers, url):
        create(hubspot, CONTACTS, email=f"w{next(numbers)}@example.com")
        return 200

    assert len(store.webhooks.deliver(writing)) == 1
    assert len(store.webhooks.deliver(Target())) == 1


def dedupe(event):
    """The fields by which a receiver knows an event again."""
    names = ("portalId", "subscriptionType", "objectId", "eventId", "occurredAt", "propertyName")
    return tuple(event.get(name) for name in names)


def sent(seed, kind="contact.creation", number=40, **manner):
    """All requests for so many new contacts, at whatever moment they come due."""
    store = Store(7, standing())
    with client_of(store) as hubspot:
        store.webhooks.subscribe(URL, SECRET, [kind], seed, **manner)
        for n in range(number):
            create(hubspot, CONTACTS, email=f"{n}@example.com")
    target = Target()
    while (due := store.webhooks.due) is not None:
        store.clock.advance_ms(max(0, due - store.clock.ms()))
        store.webhooks.deliver(target)
    return target, store


def test_every_event_may_come_twice_and_is_known_by_its_fields():
    target, store = sent(7, duplicates=1.0)
    assert len(target.events) == 80
    assert len({dedupe(e) for e in target.events}) == 40
    assert len({e["eventId"] for e in target.events}) == 40
    assert {e["attemptNumber"] for e in target.events} == {0}
    assert len(target.requests) > 1
    assert store.webhooks.counts.sent == 80


def test_different_events_may_have_one_id():
    target, _ = sent(7, repeated_ids=1.0)
    assert len({e["eventId"] for e in target.events}) == 1
    assert len({dedupe(e) for e in target.events}) == 40


def test_events_may_come_in_any_order():
    plain, _ = sent(7)
    mixed, _ = sent(7, disorder=1.0)
    ids = [e["objectId"] for e in plain.events]
    assert ids == sorted(ids)
    assert [e["objectId"] for e in mixed.events] != ids
    assert sorted(e["objectId"] for e in mixed.events) == ids


def test_events_may_come_late_and_in_small_requests():
    target, _ = sent(7, late=0.5, late_seconds=3600, split=0.3, batch=5)
    sizes = [len(one) for one in target.batches]
    assert sum(sizes) == 40
    assert max(sizes) <= 5
    assert len(set(sizes)) > 1
    waited = [
        int(headers["X-HubSpot-Request-Timestamp"]) - START_MS for _, headers, _ in target.requests
    ]
    assert waited[0] == 0
    assert 60_000 < waited[-1] <= 3_600_000


def test_events_may_be_lost():
    target, store = sent(7, losses=0.5)
    counts = store.webhooks.counts
    assert 0 < len(target.events) < 40
    assert (counts.sent, counts.lost) == (len(target.events), 40 - len(target.events))


def test_one_seed_sends_the_same_requests_and_another_others():
    manner = {
        "batch": 7,
        "split": 0.1,
        "duplicates": 0.2,
        "repeated_ids": 0.2,
        "disorder": 0.3,
        "late": 0.3,
        "losses": 0.1,
    }
    first = sent(7, **manner)[0].requests
    assert sent(7, **manner)[0].requests == first
    assert sent(8, **manner)[0].requests != first


def test_an_answer_to_a_request_of_a_target_before_counts_for_nothing(store, hubspot):
    subscribed(store)
    create(hubspot, CONTACTS, email="a@example.com")

    def replaced(body, headers, url):
        subscribed(store)
        return 500

    store.webhooks.deliver(replaced)
    counts = store.webhooks.counts
    assert (counts.sent, counts.failed, counts.pending, counts.lost) == (0, 0, 0, 0)
    assert store.webhooks.due is None


def test_a_new_target_gets_nothing_of_the_one_before(store, hubspot):
    subscribed(store)
    create(hubspot, CONTACTS, email="a@example.com")
    store.webhooks.deliver(Target(500))
    store.webhooks.subscribe("https://other.example.com/", "s", ["contact.creation"])
    create(hubspot, CONTACTS, email="b@example.com")
    store.clock.advance(DAY)
    target = Target()
    assert len(told(store, target)) == 1
    assert target.requests[0][2] == "https://other.example.com/"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL},
        {"url": "ftp://example.com", "secret": "s"},
        {"url": URL, "secret": ""},
        {"url": URL, "secret": "s", "types": []},
        {"url": URL, "secret": "s", "types": ["contact.no_such"]},
        {"url": URL, "secret": "s", "types": [{"type": "contact.creation"}]},
        {"url": URL, "secret": "s", "seed": "7"},
        {"url": URL, "secret": "s", "batch": 101},
        {"url": URL, "secret": "s", "losses": 2},
        {"url": URL, "secret": "s", "late": True},
        {"url": URL, "secret": "s", "bare_associations": 1},
        {"url": URL, "secret": "s", "no_such": 1},
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(store, hubspot, body):
    subscribed(store, "contact.creation")
    before = hubspot.get("/_sandbox/webhooks").json()
    assert hubspot.post("/_sandbox/webhooks", json=body).status_code == 400
    assert hubspot.get("/_sandbox/webhooks").json() == before
    assert before["url"] == URL
    assert SECRET not in json.dumps(before)


def test_the_page_names_every_setting_and_its_example_runs(store):
    page = (Path(sandbox.hubspot.__file__).parent / "README.md").read_text()
    chapter = page.partition("## Webhooks")[2].partition("## Control")[0]
    named = set(re.findall(r"`(\w+)`", chapter))
    assert {f.name for f in fields(Manner)} <= named
    (example,) = re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)
    made = {}
    exec(example, made)
    assert [outcome.became for outcome in made["outcomes"]] == ["sent"]


# Over HTTP


class Server(ThreadingHTTPServer):
    """A receiver on a port of its own, which keeps what it is sent until it is asked for it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hubspot"
        self.statuses = []
        self.came = threading.Condition()
        self.requests = []
        self.open = threading.Event()
        self.open.set()

    def wait_for(self, number):
        """The requests, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= number, PATIENCE)
            return list(self.requests)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.came:
            self.server.requests.append((body, dict(self.headers), self.path))
            status = self.server.statuses.pop(0) if self.server.statuses else 204
            self.server.came.notify_all()
        self.server.open.wait(PATIENCE)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def target():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def remote():
    """An account over HTTP."""
    with (
        running(app_of(Store(7, Clock()))) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield client
        client.delete("/_sandbox/webhooks")


def status_when(hubspot, true):
    """The status of the webhooks, once it is as wanted."""

    def probe():
        status = hubspot.get("/_sandbox/webhooks").json()
        return status if true(status) else None

    return eventually(probe, "a status of the webhooks")


def test_over_http_events_are_posted_by_themselves(remote, target):
    body = {"url": target.url, "secret": SECRET, "types": ["contact.creation"]}
    assert remote.post("/_sandbox/webhooks", json=body).json()["url"] == target.url
    control(remote, "clock", {"advance_seconds": DAY})
    began_ms = time.time() * 1000
    record_id = create(remote, CONTACTS, email="a@example.com")
    ((content, headers, path),) = target.wait_for(1)
    ended_ms = time.time() * 1000
    (event,) = json.loads(content)
    assert (event["objectId"], path) == (int(record_id), "/hubspot")
    at_ms = headers["X-HubSpot-Request-Timestamp"]
    assert began_ms - 1 <= int(at_ms) <= ended_ms + 1
    signed = b"POST" + target.url.encode() + content + at_ms.encode()
    expected = base64.b64encode(hmac_sha256(SECRET.encode(), signed)).decode()
    assert headers["X-HubSpot-Signature-v3"] == expected
    assert headers["Content-Type"] == "application/json"
    for n in range(2, 5):
        status = status_when(remote, lambda one, sent=n - 1: one["sent"] == sent)
        assert (status["failed"], status["pending"], status["lost"]) == (0, 0, 0)
        create(remote, CONTACTS, email=f"{n}@example.com")
        target.wait_for(n)


def test_over_http_a_refusal_is_repeated_when_the_clock_has_moved(remote, target):
    target.statuses = [500, 200]
    body = {"url": target.url, "secret": SECRET, "types": ["contact.creation"]}
    remote.post("/_sandbox/webhooks", json=body)
    create(remote, CONTACTS, email="a@example.com")
    status = status_when(remote, lambda one: one["failed"] == 1)
    assert (status["sent"], status["pending"]) == (0, 1)
    control(remote, "clock", {"advance_seconds": 120})
    first, second = (json.loads(content)[0] for content, _, _ in target.wait_for(2))
    assert (first["attemptNumber"], second["attemptNumber"]) == (0, 1)
    assert dedupe(first) == dedupe(second)
    assert status_when(remote, lambda one: one["sent"] == 1)["pending"] == 0


def test_over_http_a_target_that_is_not_there_fails(remote, target):
    target.shutdown()
    target.server_close()
    body = {"url": target.url, "secret": SECRET, "types": ["contact.creation"]}
    remote.post("/_sandbox/webhooks", json=body)
    create(remote, CONTACTS, email="a@example.com")
    status = status_when(remote, lambda one: one["failed"] == 1)
    assert (status["sent"], status["pending"]) == (0, 1)


def test_over_http_a_target_is_ended_and_another_begins(remote, target):
    target.statuses = [500]
    body = {"url": target.url, "secret": SECRET, "types": ["contact.creation"]}
    remote.post("/_sandbox/webhooks", json=body)
    create(remote, CONTACTS, email="a@example.com")
    status_when(remote, lambda one: one["failed"] == 1)
    ended = remote.delete("/_sandbox/webhooks").json()
    assert (ended["url"], ended["pending"]) == (None, 0)
    create(remote, CONTACTS, email="b@example.com")
    control(remote, "clock", {"advance_seconds": DAY})
    remote.post("/_sandbox/webhooks", json=body)
    last = create(remote, CONTACTS, email="c@example.com")
    status_when(remote, lambda one: one["sent"] == 1)
    found = [json.loads(content)[0]["objectId"] for content, _, _ in target.wait_for(2)]
    assert found[1:] == [int(last)]
    remote.delete("/_sandbox/webhooks")
    eventually(lambda: "webhooks" not in {one.name for one in threading.enumerate()}, "no thread")


def test_a_target_that_does_not_answer_holds_up_no_request_of_the_api(remote, target):
    target.open.clear()
    body = {"url": target.url, "secret": SECRET, "types": ["contact.creation"], "batch": 1}
    remote.post("/_sandbox/webhooks", json=body)
    ids = [int(create(remote, CONTACTS, email=f"{n}@example.com")) for n in range(5)]
    target.wait_for(1)
    assert len(live(remote, "contacts")) == 5
    assert get(remote, CONTACTS, str(ids[0])).status_code == 200
    status = remote.get("/_sandbox/webhooks").json()
    assert (status["sent"], status["pending"]) == (0, 5)
    target.open.set()
    assert [json.loads(content)[0]["objectId"] for content, _, _ in target.wait_for(5)] == ids
    status_when(remote, lambda one: one["sent"] == 5)
