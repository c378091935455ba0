"""Control routes under ``/_sandbox/``: no token, never counted, never limited.

=============================================  ==================================================
GET    /_sandbox/calls                         calls by route and status, total, 429 answers
POST   /_sandbox/calls/reset                   start counting again
GET    /_sandbox/faults                        the active faults, with how often each fired
POST   /_sandbox/faults[?seed=7]               replace them by this JSON list, or by a schedule,
                                               ``{"seed": 7, "intensity": 0.2, "weights": {}}``
GET    /_sandbox/rules                         the validation rules of the account's administrator
POST   /_sandbox/rules                         add ``{"type", "property", "pattern", "message"}``
DELETE /_sandbox/rules/{number}                take one away
POST   /_sandbox/properties/{type}             add or change a property, ``{"name", "type":
                                               "string", "options": [], "unique": false}``
DELETE /_sandbox/properties/{type}/{name}      remove a property
GET    /_sandbox/people                        what others do in the account, and have done
POST   /_sandbox/people                        begin anew, ``{"seed": 7, "intensity": 0.2,
                                               "weights": {}, "types": []}``
POST   /_sandbox/people/act                    one action at once: drawn, or ``{"action": "merge"}``
POST   /_sandbox/limits                        change limits, e.g. ``{"burst": 5}``; gives all
POST   /_sandbox/clock                         ``{"advance_seconds": 10}``
GET    /_sandbox/duplicates                    records that share what must be unique, per type
GET    /_sandbox/records/{type}                live records with properties and associations
POST   /_sandbox/records/{type}                create as a HubSpot user would
PATCH  /_sandbox/records/{type}/{id}           edit as a HubSpot user would
DELETE /_sandbox/records/{type}/{id}           archive as a HubSpot user would
POST   /_sandbox/records/{type}/{id}/restore   take out of the recycling bin
POST   /_sandbox/records/{type}/{id}/forget    delete a contact for good, for privacy
POST   /_sandbox/records/{type}/{id}/links/{to}/{to_id}
                                               link with a record of the type ``to``; DELETE ends
POST   /_sandbox/records/{type}/merge          ``{"primary", "merged", "new_id": false}``
GET    /_sandbox/account                       ``{"portalId", "appId"}``
GET    /_sandbox/webhooks                      where events go; how many are sent, pending, lost
POST   /_sandbox/webhooks                      send them from now on, ``{"url", "secret",
                                               "seed": 7}``, perhaps ``"types"``, and how
DELETE /_sandbox/webhooks                      send no more
=============================================  ==================================================

``{type}`` is a type id or ``contacts``, ``bookings``, ``mock_exams``, ``exams``. Property values
may be given bare or under ``properties``. What a user does, ``?source=`` lets another do: a
``workflow``, another ``application``, an ``import``.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.hubspot.definitions import FIELD_TYPES, ObjectType, Property
from sandbox.hubspot.errors import HubSpotError
from sandbox.hubspot.gate import Gate
from sandbox.hubspot.posting import Poster
from sandbox.hubspot.record import OTHERS, Record, Source
from sandbox.hubspot.store import Store, require
from sandbox.hubspot.values import unique_key

Handler = Callable[[Request, object], object]


def routes(gate: Gate) -> list[Route]:
    """The control routes of one application."""
    control = Control(gate)
    record = "/_sandbox/records/{type}/{id}"
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/_sandbox/calls", control.calls),
        ("POST", "/_sandbox/calls/reset", control.reset),
        ("GET", "/_sandbox/faults", control.faults),
        ("POST", "/_sandbox/faults", control.replace_faults),
        ("GET", "/_sandbox/rules", control.rules),
        ("POST", "/_sandbox/rules", control.add_rule),
        ("DELETE", "/_sandbox/rules/{number}", control.remove_rule),
        ("POST", "/_sandbox/properties/{type}", control.define),
        ("DELETE", "/_sandbox/properties/{type}/{name}", control.undefine),
        ("GET", "/_sandbox/people", control.people),
        ("POST", "/_sandbox/people", control.start_people),
        ("POST", "/_sandbox/people/act", control.act),
        ("POST", "/_sandbox/limits", control.limits),
        ("POST", "/_sandbox/clock", control.clock),
        ("GET", "/_sandbox/duplicates", control.duplicates),
        ("POST", "/_sandbox/records/{type}/merge", control.merge),
        ("GET", "/_sandbox/records/{type}", control.records),
        ("POST", "/_sandbox/records/{type}", control.create),
        ("PATCH", record, control.edit),
        ("DELETE", record, control.archive),
        ("POST", f"{record}/restore", control.restore),
        ("POST", f"{record}/forget", control.forget),
        ("POST", f"{record}/links/{{to}}/{{to_id}}", control.link),
        ("DELETE", f"{record}/links/{{to}}/{{to_id}}", control.unlink),
        ("GET", "/_sandbox/account", control.account),
        ("GET", "/_sandbox/webhooks", control.webhooks),
        ("POST", "/_sandbox/webhooks", control.subscribe),
        ("DELETE", "/_sandbox/webhooks", control.unsubscribe),
    ]
    return [_route(gate.store, method, path, handler) for method, path, handler in table]


class Control:
    """The handlers; each takes the request and its JSON body and gives the JSON answer."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._store = gate, gate.store
        self._poster = Poster(gate.store)

    def calls(self, request: Request, body: object) -> object:
        """What was called since the last reset."""
        return self._gate.calls.as_json()

    def reset(self, request: Request, body: object) -> object:
        """Forget the calls."""
        self._gate.calls.reset()
        return self._gate.calls.as_json()

    def faults(self, request: Request, body: object) -> object:
        """The active faults."""
        return self._gate.faults.active()

    def replace_faults(self, request: Request, body: object) -> object:
        """Replace the active faults, by a list or a schedule."""
        if isinstance(body, dict):
            self._gate.faults.schedule(**_drawn(body))
            return self._gate.faults.active()
        if not isinstance(body, list) or not all(isinstance(f, dict) for f in body):
            raise ValueError("a JSON list of faults, or a schedule, is required")
        for fault in body:
            self._need_type(fault)
        seed = request.query_params.get("seed")
        self._gate.faults.replace(body, None if seed is None else int(seed))
        return self._gate.faults.active()

    def rules(self, request: Request, body: object) -> object:
        """The administrator's rules."""
        return {"results": self._gate.faults.rules()}

    def add_rule(self, request: Request, body: object) -> object:
        """A validation rule added by an administrator."""
        self._need_type(_object(body))
        self._gate.faults.add_rule(_object(body))
        return self._gate.faults.rules()[-1]

    def remove_rule(self, request: Request, body: object) -> object:
        """A validation rule taken away."""
        try:
            self._gate.faults.remove_rule(int(request.path_params["number"]))
        except KeyError:
            raise ValueError(f"no rule {request.path_params['number']}") from None
        return {"results": self._gate.faults.rules()}

    def define(self, request: Request, body: object) -> object:
        """A property added or changed by an administrator."""
        kind, definition = self._kind(request), _definition(_object(body))
        self._store.define(kind, definition)
        return definition.as_json()

    def undefine(self, request: Request, body: object) -> object:
        """A property removed by an administrator."""
        kind, name = self._kind(request), request.path_params["name"]
        if name not in kind.properties or kind.properties[name].read_only:
            raise ValueError(f"no property {name} that can be removed")
        self._store.undefine(kind, name)
        return {"removed": name}

    def people(self, request: Request, body: object) -> object:
        """What others do in the account."""
        return self._gate.people.as_json()

    def start_people(self, request: Request, body: object) -> object:
        """Let others act by a seed."""
        self._gate.people.start(**_drawn(_object(body), types=list))
        return self._gate.people.as_json()

    def act(self, request: Request, body: object) -> object:
        """One action of others, now; null when there was nothing to do it to."""
        return self._gate.people.act(_object(body or {}).get("action"))

    def limits(self, request: Request, body: object) -> object:
        """Change some limits; gives all."""
        settings = self._gate.limits.change(_object(body))
        self._store.index.lag_seconds = settings["index_lag_seconds"]
        return settings

    def clock(self, request: Request, body: object) -> object:
        """Move the account's time forward."""
        seconds = _object(body).get("advance_seconds", 0)
        for clock in {self._store.clock, self._gate.limits.clock}:
            clock.advance(float(seconds))
        self._poster.wake()
        return {"now_ms": self._store.clock.ms()}

    def duplicates(self, request: Request, body: object) -> object:
        """Live records that share what must be unique."""
        return {k.plural: duplicates(self._store, k) for k in self._store.types.values()}

    def records(self, request: Request, body: object) -> object:
        """Every live record of a type."""
        kind = self._kind(request)
        return {"results": [self._shown(r) for r in self._store.live(kind)]}

    def create(self, request: Request, body: object) -> object:
        """A record made by hand in HubSpot."""
        kind, source = self._kind(request), _source(request)
        properties = self._store.check(kind, _properties(body))
        return self._shown(self._store.create(kind, properties, source))

    def edit(self, request: Request, body: object) -> object:
        """A record edited by hand in HubSpot."""
        record, source = self._record(request), _source(request)
        properties = self._store.check(record.type, _properties(body), record)
        self._store.update(record, properties, source)
        return self._shown(record)

    def archive(self, request: Request, body: object) -> object:
        """A record deleted by hand in HubSpot."""
        record = self._record(request)
        self._store.archive(record, _source(request))
        return self._shown(record)

    def restore(self, request: Request, body: object) -> object:
        """A record taken out of the recycling bin."""
        record = self._record(request, archived=True)
        self._store.restore(record, _source(request))
        return self._shown(record)

    def forget(self, request: Request, body: object) -> object:
        """A contact deleted for good, from the recycling bin too."""
        kind, record_id = self._kind(request), request.path_params["id"]
        live = self._store.get(kind, record_id)
        record = require(live or self._store.get(kind, record_id, archived=True), kind, record_id)
        self._store.forget(record, _source(request))
        return {"forgotten": record_id}

    def link(self, request: Request, body: object) -> object:
        """Two records linked by hand."""
        record, other = self._record(request), self._other(request)
        self._store.link(record.type, record.id, other.type, other.id, _source(request))
        return self._shown(record)

    def unlink(self, request: Request, body: object) -> object:
        """The link of two records ended by hand."""
        record, other = self._record(request), self._other(request)
        self._store.unlink(record.type, record.id, other.type, other.id, _source(request))
        return self._shown(record)

    def account(self, request: Request, body: object) -> object:
        """Which account it is, and which application of it is ours."""
        return {"portalId": self._store.portal_id, "appId": self._store.app_id}

    def webhooks(self, request: Request, body: object) -> object:
        """Where events go, and how many."""
        return self._store.webhooks.as_json()

    def subscribe(self, request: Request, body: object) -> object:
        """Post events to a target from now on."""
        self._store.webhooks.subscribe(**_object(body))
        self._poster.start()
        return self._store.webhooks.as_json()

    def unsubscribe(self, request: Request, body: object) -> object:
        """Post no more."""
        self._poster.stop()
        self._store.webhooks.end()
        return self._store.webhooks.as_json()

    def merge(self, request: Request, body: object) -> object:
        """Two records merged by hand in HubSpot."""
        kind, wanted = self._kind(request), _object(body)
        primary, other = (
            require(self._store.get(kind, str(wanted.get(key))), kind, str(wanted.get(key)))
            for key in ("primary", "merged")
        )
        if primary is other:
            raise ValueError("a record cannot be merged with itself")
        merged = self._store.merge(primary, other, new_id=bool(wanted.get("new_id")))
        return self._shown(merged)

    def _need_type(self, fault: dict) -> None:
        """Refuses a type there is none of: it would never strike."""
        if (name := fault.get("type")) is not None:
            self._store.type(str(name), by_name=True)

    def _kind(self, request: Request) -> ObjectType:
        return self._store.type(request.path_params["type"], by_name=True)

    def _record(self, request: Request, *, archived: bool = False) -> Record:
        kind, record_id = self._kind(request), request.path_params["id"]
        return require(self._store.get(kind, record_id, archived=archived), kind, record_id)

    def _other(self, request: Request) -> Record:
        kind = self._store.type(request.path_params["to"], by_name=True)
        record_id = request.path_params["to_id"]
        return require(self._store.get(kind, record_id), kind, record_id)

    def _shown(self, record: Record) -> dict:
        others = [t for t in self._store.types.values() if t is not record.type]
        links = {t.plural: self._store.links.of(record.type, record.id, t) for t in others}
        shown = record.as_json(record.type.properties)
        return shown | {"associations": {name: ids for name, ids in links.items() if ids}}


def duplicates(store: Store, kind: ObjectType) -> list[dict]:
    """The live records of a type that share a value of one of its keys, from the records
    themselves: the constraint of the store is not asked.

    Returns:
        A list of ``{"property", "value", "ids"}``.
    """
    found = []
    for name in kind.keys:
        holders: dict[str, list[str]] = defaultdict(list)
        for record in store.live(kind):
            if value := record.version.properties.get(name):
                holders[unique_key(name, value)].append(record.id)
        found += [
            {"property": name, "value": value, "ids": ids}
            for value, ids in holders.items()
            if len(ids) > 1
        ]
    return found


def _object(body: object) -> dict:
    if not isinstance(body, dict):
        raise ValueError("a JSON object is required")
    return body


def _source(request: Request) -> Source:
    """Who does it: a user, or the one named; ValueError for nobody there is."""
    name = request.query_params.get("source", "user")
    if name not in OTHERS:
        raise ValueError(f"no source {name!r}; there are {sorted(OTHERS)}")
    return OTHERS[name]


def _definition(body: dict) -> Property:
    """A property as an administrator describes it; ValueError when it makes no sense."""
    name, type_, options = body.get("name"), body.get("type", "string"), body.get("options", [])
    if unknown := set(body) - {"name", "type", "options", "unique"}:
        raise ValueError(f"a property has no {sorted(unknown)}")
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of a property")
    if type_ not in FIELD_TYPES or not isinstance(body.get("unique", False), bool):
        raise ValueError(f"type is one of {sorted(FIELD_TYPES)}, unique is true or false")
    if not isinstance(options, list) or not all(isinstance(one, str) for one in options):
        raise ValueError("options is a list of strings")
    unique = body.get("unique", False)
    return Property(name, type_, FIELD_TYPES[type_], tuple(options), unique)


def _drawn(body: dict, **more: type) -> dict:
    """The arguments of what a seed draws; ValueError when they make no sense."""
    kinds = {"seed": int, "intensity": (int, float), "weights": dict} | more
    for name, value in body.items():
        if name not in kinds or not isinstance(value, kinds[name]):
            raise ValueError(f"{name} is none of {sorted(kinds)}, or of another type")
    if "seed" not in body:
        raise ValueError("a seed is required")
    return body


def _properties(body: object) -> dict:
    fields = _object(body)
    nested = fields.get("properties", fields)
    return _object(nested)


def _route(store: Store, method: str, path: str, handler: Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else None
            with store.lock:
                return JSONResponse(handler(request, body))
        except HubSpotError as error:
            return JSONResponse(error.body(store.correlation_id()), error.status)
        except (TypeError, ValueError) as error:
            return JSONResponse({"status": "error", "message": str(error)}, 400)

    return Route(path, endpoint, methods=[method])
