"""Batch create, update, upsert, archive and read.

Without a trace id of its own on every input one bad record rejects the whole batch; with them
the good records are written and the answer is 207. Nothing of a rejected batch is written.
"""

from collections import Counter
from typing import NamedTuple

from sandbox.hubspot.call import Call, Reply, batch_reply, inputs_of
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError, invalid, not_found
from sandbox.hubspot.record import Record
from sandbox.hubspot.store import require
from sandbox.hubspot.values import unique_key

MAX_INPUTS = 100


class Write(NamedTuple):
    """One input that passed every check: the record to update, or None to create one."""

    record: Record | None
    properties: dict[str, str]
    links: tuple[tuple[ObjectType, str], ...] = ()


def create(call: Call) -> Reply:
    """POST …/batch/create: 201; inline associations to records that exist."""
    kind = call.kind()
    fields = ("properties", "associations", "objectWriteTraceId")
    inputs = inputs_of(call.body("inputs"), MAX_INPUTS, *fields)

    def plan(item: dict) -> Write:
        properties = call.check(kind, item["properties"])
        return Write(None, properties, inline_links(call, kind, item.get("associations") or []))

    results, errors = _write(call, kind, inputs, plan, partial=True)
    return batch_reply(call, [body for body, _ in results], errors, 201)


def update(call: Call) -> Reply:
    """POST …/batch/update: by record id or by a unique property per input."""
    kind = call.kind()
    inputs = _identified(call, kind, required=False)

    def plan(item: dict) -> Write:
        record = require(_resolve(call, kind, item), kind, item["id"])
        return Write(record, call.check(kind, item["properties"], record))

    partial = call.settings.update_multi_status
    results, errors = _write(call, kind, inputs, plan, partial=partial)
    return batch_reply(call, [body for body, _ in results], errors)


def upsert(call: Call) -> Reply:
    """POST …/batch/upsert: by a unique property per input; rows say whether they are new.

    HubSpot supports no partial upserts of contacts by email: there one bad record rejects the
    batch, trace ids or not.
    """
    kind = call.kind()
    inputs = _identified(call, kind, required=True)

    def plan(item: dict) -> Write:
        record = _resolve(call, kind, item)
        properties = {item["idProperty"]: item["id"]} | item["properties"]
        return Write(record, call.check(kind, properties, record))

    partial = not any(item["idProperty"] == "email" for item in inputs)
    results, errors = _write(call, kind, inputs, plan, partial=partial)
    return batch_reply(call, [body | {"new": new} for body, new in results], errors)


def archive(call: Call) -> Reply:
    """POST …/batch/archive: 204, whether or not the records were there."""
    kind = call.kind()
    inputs = inputs_of(call.body("inputs"), MAX_INPUTS, "id")
    _refuse_repeats([item["id"] for item in inputs])
    for item in inputs:
        if (record := call.store.get(kind, item["id"])) is not None:
            call.store.archive(record)
    return Reply(204)


def read(call: Call) -> Reply:
    """POST …/batch/read: 207 with the ids that were not found in ``errors``."""
    kind, archived = call.kind(), call.flag("archived")
    body = call.body("inputs", "properties", "propertiesWithHistory", "idProperty")
    history = body.get("propertiesWithHistory") or []
    limit = min(MAX_INPUTS, call.settings.history_inputs) if history else MAX_INPUTS
    inputs = inputs_of(body, limit, "id")
    name = body.get("idProperty")
    if name is not None:
        _require_unique(kind, name)
    _refuse_repeats([unique_key(name or "id", item["id"]) for item in inputs])
    results, missing = [], []
    for item in inputs:
        if name is None:
            record = call.to_read(kind, item["id"], archived=archived)
        else:
            find = call.store.find_archived if archived else call.store.find
            record = find(kind, name, item["id"])
        if record is None:
            missing.append(item["id"])
        else:
            results.append(record.as_json(body.get("properties"), history))
    errors = []
    if missing:
        text = (
            f"Could not get some {kind.name.upper()} objects, they may be deleted or not exist."
            " Check that ids are valid."
        )
        errors.append(not_found(text).entry(ids=missing))
    return batch_reply(call, results, errors)


def inline_links(call: Call, kind: ObjectType, wanted: list) -> tuple[tuple[ObjectType, str], ...]:
    """The records that the ``associations`` of a create name; HubSpotError 400 if not there."""
    links = []
    for link in wanted:
        try:
            record_id = link["to"]["id"]
            types = [(t["associationCategory"], t["associationTypeId"]) for t in link["types"]]
        except (KeyError, TypeError):
            raise invalid("Some required fields were not set: [to, types]") from None
        for category, type_id in types:
            target_id = call.store.links.target_of(kind, category, type_id)
            if target_id is None:
                raise invalid(f"No association type {category} {type_id} from {kind.name}")
            target = call.store.types[target_id]
            record = call.to_write(target, record_id)
            if record is None:
                raise invalid(f"No {target.name} with id {record_id} to associate", id=[record_id])
            links.append((target, record.id))
    return tuple(links)


def _identified(call: Call, kind: ObjectType, *, required: bool) -> list[dict]:
    fields = ("id", "idProperty", "properties", "objectWriteTraceId")
    inputs = inputs_of(call.body("inputs"), MAX_INPUTS, *fields)
    keys = []
    for item in inputs:
        name = item.get("idProperty")
        if name is not None:
            _require_unique(kind, name)
        elif required:
            raise invalid("Some required fields were not set: [idProperty]")
        record = _resolve(call, kind, item)
        keys.append(record.id if record else f"{name} {unique_key(name or 'id', item['id'])}")
    _refuse_repeats(keys)
    return inputs


def _resolve(call: Call, kind: ObjectType, item: dict) -> Record | None:
    name = item.get("idProperty")
    if name is None:
        return call.to_write(kind, item["id"])
    return call.store.find(kind, name, item["id"])


def _require_unique(kind: ObjectType, name: str) -> None:
    if name not in kind.unique:
        raise invalid(f"Unable to perform update/upsert by non-unique {kind.id} property {name}")


def _refuse_repeats(keys: list[str]) -> None:
    repeated = sorted(key for key, times in Counter(keys).items() if times > 1)
    if repeated:
        raise invalid(f"Duplicate IDs found in batch input: {repeated}.", ids=repeated)


def _write(call: Call, kind: ObjectType, inputs: list[dict], plan, *, partial: bool):
    """Check every input, then apply; gives (body, is new) pairs and the errors of a 207."""
    traces = [item.get("objectWriteTraceId") for item in inputs]
    traced = partial and all(isinstance(t, str) and t for t in traces)
    if traced and len(set(traces)) < len(traces):
        raise invalid("objectWriteTraceId must be unique within a batch")
    writes: list[Write] = []
    errors: list[dict] = []
    claimed: set[tuple[str, str]] = set()
    spoilt, refusal = call.spoilt(len(inputs)) if traced else (None, None)
    for number, (item, trace) in enumerate(zip(inputs, traces, strict=True)):
        try:
            if number == spoilt:
                raise refusal
            write = plan(item)
            _claim(kind, write.properties, claimed)
        except HubSpotError as error:
            if not traced:
                raise
            errors.append(error.entry(objectWriteTraceId=[trace]))
        else:
            writes.append(write)
    return [_apply(call, kind, write) for write in writes], errors


def _claim(kind: ObjectType, properties: dict[str, str], claimed: set[tuple[str, str]]) -> None:
    keys = {(n, unique_key(n, v)) for n in kind.unique if (v := properties.get(n))}
    if clash := sorted(keys & claimed):
        text = f"Another input of this batch has the same {clash[0][0]}."
        raise HubSpotError(409, "CONFLICT", text)
    claimed |= keys


def _apply(call: Call, kind: ObjectType, write: Write) -> tuple[dict, bool]:
    record = write.record
    if record is None:
        record = call.store.create(kind, write.properties)
    else:
        call.store.update(record, write.properties)
    for target, record_id in write.links:
        call.store.link(kind, record.id, target, record_id)
    return record.as_json(write.properties), write.record is None
