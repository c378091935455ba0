"""An account of the simulator in the caller's thread, and short ways to ask it something."""

from __future__ import annotations

import httpx

from sandbox.hubspot.app import create_app
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.store import Store
from sandbox.hubspot.transport import InProcess

OBJECTS = "/crm/objects/2026-09"
LINKS = "/crm/associations/2026-09"
CONTACTS, BOOKINGS, EXAMS, NOTES = "contacts", "2-50158943", "2-50158913", "notes"
TOKEN = "t"


def app_of(store: Store):
    """The application of an account, with the limits of the lowest tier."""
    return create_app(store, Limits(clock=store.clock), Faults(7), TOKEN)


def client_of(store: Store, client: type[httpx.Client] = httpx.Client) -> httpx.Client:
    """A client of an account, in process."""
    return client(
        base_url="https://hubspot.test",
        headers={"Authorization": f"Bearer {TOKEN}"},
        transport=InProcess(app_of(store), store.clock),
    )


def upsert_of(number, trace=None, key="booking_id", **properties):
    """An input of batch/upsert."""
    prefix = {"booking_id": "BK-", "student_id": "S"}.get(key, "")
    item = {"id": f"{prefix}{number}", "idProperty": key, "properties": properties}
    return item | ({"objectWriteTraceId": trace} if trace else {})


def note_of(contact, body="Booked.", trace=None, **properties):
    """An input of batch/create for a note on a contact's timeline."""
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}
    item = {
        "properties": {"hs_note_body": body, "hs_timestamp": "1790000000000"} | properties,
        "associations": [{"to": {"id": contact}, "types": [link]}],
    }
    return item | ({"objectWriteTraceId": trace} if trace else {})


def batch(hubspot, kind, verb, inputs, **fields):
    """A batch."""
    return hubspot.post(f"{OBJECTS}/{kind}/batch/{verb}", json={"inputs": inputs} | fields)


def create(hubspot, kind, **properties):
    """A new record; its id."""
    answer = hubspot.post(f"{OBJECTS}/{kind}", json={"properties": properties})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def get(hubspot, kind, record_id, *names):
    """One record, with the properties named."""
    params = {"properties": ",".join(names)}
    return hubspot.get(f"{OBJECTS}/{kind}/{record_id}", params=params)


def link(hubspot, origin, target, *pairs):
    """Default links."""
    inputs = [{"from": {"id": a}, "to": {"id": b}} for a, b in pairs]
    url = f"{LINKS}/{origin}/{target}/batch/associate/default"
    return hubspot.post(url, json={"inputs": inputs})


def linked(hubspot, origin, target, *inputs):
    """What records are linked to; an input is an id or an object."""
    items = [one if isinstance(one, dict) else {"id": one} for one in inputs]
    return hubspot.post(f"{LINKS}/{origin}/{target}/batch/read", json={"inputs": items})


def search(hubspot, kind, *filters, **fields):
    """A search by one group of filters."""
    groups = [{"filters": list(filters)}] if filters else []
    return hubspot.post(f"{OBJECTS}/{kind}/search", json={"filterGroups": groups} | fields)


def where(name, operator, value=None, **fields):
    """A filter of a search."""
    return {"propertyName": name, "operator": operator, "value": value} | fields


def control(hubspot, path, body):
    """A control route; its answer."""
    answer = hubspot.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def faults(hubspot, *specifications):
    """Switch to these faults."""
    control(hubspot, "faults", list(specifications))


def limits(hubspot, **changes):
    """Change limits."""
    control(hubspot, "limits", changes)


def advance(hubspot, seconds):
    """Move the account's clock."""
    control(hubspot, "clock", {"advance_seconds": seconds})


def live(hubspot, kind):
    """The live records of a type."""
    return hubspot.get(f"/_sandbox/records/{kind}").json()["results"]
