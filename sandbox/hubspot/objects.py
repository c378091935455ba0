"""Single records, the list of a type, and its property definitions."""

from sandbox.hubspot.batch import inline_links
from sandbox.hubspot.call import Call, Reply
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import invalid, not_found
from sandbox.hubspot.record import Record
from sandbox.hubspot.store import require

MAX_PAGE = 100


def page(call: Call) -> Reply:
    """GET /crm/objects/2026-09/{objectType}: a page of live or archived records, by id."""
    kind, archived = call.kind(), call.flag("archived")
    history = call.names("propertiesWithHistory") or []
    limit = _whole(call, "limit", 10)
    most = min(MAX_PAGE, call.settings.history_inputs) if history else MAX_PAGE
    if not 1 <= limit <= most:
        raise invalid(f"limit must be between 1 and {most}")
    after = _whole(call, "after", 0)
    records, more = call.store.page(kind, after, limit, archived=archived)
    results = [_with_links(call, r, call.names("properties"), history) for r in records]
    body: dict = {"results": results}
    if more:
        last = records[-1].id
        body["paging"] = {"next": {"after": last, "link": f"?after={last}"}}
    return Reply(200, body)


def get(call: Call) -> Reply:
    """GET …/{objectId}, by record id or by the unique property ``idProperty``."""
    kind, value, name = _asked_for(call)
    archived = call.flag("archived")
    if name is None:
        found = call.to_read(kind, value, archived=archived)
    else:
        found = (call.store.find_archived if archived else call.store.find)(kind, name, value)
    record = require(found, kind, value)
    history = call.names("propertiesWithHistory") or []
    return Reply(200, _with_links(call, record, call.names("properties"), history))


def create(call: Call) -> Reply:
    """POST /crm/objects/2026-09/{objectType}: 201."""
    kind = call.kind()
    body = call.body("properties", "associations", "objectWriteTraceId")
    properties = call.check(kind, _properties(body))
    links = inline_links(call, kind, body.get("associations") or [])
    record = call.store.create(kind, properties)
    for target, record_id in links:
        call.store.link(kind, record.id, target, record_id)
    return Reply(201, record.as_json(properties))


def patch(call: Call) -> Reply:
    """PATCH …/{objectId}: a partial update."""
    kind, value, name = _asked_for(call)
    found = call.to_write(kind, value) if name is None else call.store.find(kind, name, value)
    record = require(found, kind, value)
    properties = call.check(kind, _properties(call.body("properties")), record)
    call.store.update(record, properties)
    return Reply(200, record.as_json(properties))


def delete(call: Call) -> Reply:
    """DELETE …/{objectId}: 204, also for a record that is archived already."""
    kind, record_id = call.kind(), call.path["objectId"]
    record = call.store.get(kind, record_id)
    if record is not None:
        call.store.archive(record)
    else:
        require(call.store.get(kind, record_id, archived=True), kind, record_id)
    return Reply(204)


def properties(call: Call) -> Reply:
    """GET /crm/properties/2026-09/{objectType}: every definition, ``hasUniqueValue`` included."""
    return Reply(200, {"results": [p.as_json() for p in call.kind().properties.values()]})


def one_property(call: Call) -> Reply:
    """GET /crm/properties/2026-09/{objectType}/{propertyName}: 404 when there is none."""
    kind, name = call.kind(), call.path["propertyName"]
    if name not in kind.properties:
        raise not_found(f'Property "{name}" does not exist', name=[name])
    return Reply(200, kind.properties[name].as_json())


def _asked_for(call: Call) -> tuple[ObjectType, str, str | None]:
    """The type, the id, and the unique property it is a value of, None for a record's id."""
    kind, name = call.kind(), call.query.get("idProperty", [None])[-1]
    if name is not None and name not in kind.unique:
        raise invalid(f"{name} is no unique property of {kind.name}")
    return kind, call.path["objectId"], name


def _properties(body: dict) -> dict:
    if not isinstance(body.get("properties"), dict):
        raise invalid("Some required fields were not set: [properties]")
    return body["properties"]


def _whole(call: Call, parameter: str, default: int) -> int:
    value = call.query.get(parameter, [""])[-1]
    if value and not value.isdigit():
        raise invalid(f"{parameter} must be a whole number")
    return int(value) if value else default


def _with_links(call: Call, record: Record, names: list[str] | None, history: list[str]) -> dict:
    body = record.as_json(names, history)
    targets = [call.store.type(name) for name in call.names("associations") or []]
    linked = {t.plural: _linked(call, record, t) for t in targets}
    linked = {plural: found for plural, found in linked.items() if found["results"]}
    return body | ({"associations": linked} if linked else {})


def _linked(call: Call, record: Record, target: ObjectType) -> dict:
    ids = [
        i
        for i in call.store.links.of(record.type, record.id, target)
        if call.store.get(target, i) is not None
    ]
    size = call.settings.association_page
    label = f"{record.type.name}_to_{target.name}"
    found: dict = {"results": [{"id": i, "type": label} for i in ids[:size]]}
    if len(ids) > size:
        found["paging"] = {"next": {"after": ids[size - 1], "link": f"?after={ids[size - 1]}"}}
    return found
