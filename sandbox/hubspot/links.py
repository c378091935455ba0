"""POST /crm/associations/2026-09/{from}/{to}/batch/…: default links, ending and reading them."""

from sandbox.hubspot.call import Call, Reply, batch_reply, inputs_of
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError, invalid

MAX_READ = 1000


def associate_default(call: Call) -> Reply:
    """…/associate/default: links each pair, again and again to the same end.

    Each link is answered in both directions. A pair with a record that is not there gives 207
    and is listed in ``errors``; the modified dates of both records stay as they are.
    """
    origin, target = call.kind("fromObjectType"), call.kind("toObjectType")
    there, back = _spec(call, origin, target), _spec(call, target, origin)
    results, errors = [], []
    inputs = inputs_of(call.body("inputs"), call.settings.association_inputs, "from", "to")
    spoilt, refusal = call.spoilt(len(inputs))
    for number, item in enumerate(inputs):
        try:
            a, b = item["from"]["id"], item["to"]["id"]
        except (KeyError, TypeError):
            raise invalid("Some required fields were not set: [from, to]") from None
        if number == spoilt:
            errors.append(refusal.entry(fromObjectId=[a], toObjectId=[b]))
            continue
        ends = [(kind, i, call.to_write(kind, i)) for kind, i in ((origin, a), (target, b))]
        missing = [(kind.name, i) for kind, i, record in ends if record is None]
        if missing:
            text = ", ".join(f"{name.upper()}={record_id}" for name, record_id in missing)
            error = HubSpotError(
                400,
                "VALIDATION_ERROR",
                f"{text} is not valid",
                sub_category="crm.associations.INVALID_OBJECT_IDS",
            )
            errors.append(error.entry(fromObjectId=[a], toObjectId=[b]))
            continue
        a, b = (record.id for _, _, record in ends)
        call.store.link(origin, a, target, b)
        results.append(_default(a, b, there))
        results.append(_default(b, a, back))
    return batch_reply(call, results, errors)


def archive(call: Call) -> Reply:
    """…/archive: ends the links of each pair, in both directions; having none is no error."""
    origin, target = call.kind("fromObjectType"), call.kind("toObjectType")
    for item in inputs_of(call.body("inputs"), call.settings.association_inputs, "from", "to"):
        try:
            ends = [(item["from"]["id"], other["id"]) for other in item["to"]]
        except (KeyError, TypeError):
            raise invalid("Some required fields were not set: [from, to]") from None
        for a, b in ends:
            call.store.unlink(origin, a, target, b)
    return batch_reply(call, [], [])


def read(call: Call) -> Reply:
    """…/read: the links of up to 1,000 records, each list cut to a page.

    A record without links is no empty list but an error NO_ASSOCIATIONS_FOUND in a 207, and a
    record that is not there looks just the same.
    """
    origin, target = call.kind("fromObjectType"), call.kind("toObjectType")
    spec, size = _spec(call, origin, target), call.settings.association_page
    results, errors = [], []
    for item in inputs_of(call.body("inputs"), MAX_READ, "id", "after"):
        record_id, after = item["id"], item.get("after") or ""
        ids = _live_links(call, record_id)
        start = ids.index(after) + 1 if after in ids else 0
        if not ids:
            error = HubSpotError(
                404,
                "OBJECT_NOT_FOUND",
                f"No {target.name} is associated with {origin.name} {record_id}.",
                sub_category="crm.associations.NO_ASSOCIATIONS_FOUND",
            )
            errors.append(
                error.entry(
                    fromObjectId=[record_id],
                    fromObjectType=[origin.name],
                    toObjectType=[target.name],
                )
            )
            continue
        kinds = [{"category": spec["associationCategory"], "typeId": spec["associationTypeId"]}]
        page = ids[start : start + size]
        row: dict = {
            "from": {"id": record_id},
            "to": [{"toObjectId": i, "associationTypes": kinds} for i in page],
        }
        if start + size < len(ids):
            row["paging"] = {"next": {"after": page[-1], "link": f"?after={page[-1]}"}}
        results.append(row)
    return batch_reply(call, results, errors)


def _live_links(call: Call, record_id: str) -> list[str]:
    origin, target = call.kind("fromObjectType"), call.kind("toObjectType")
    record = call.to_read(origin, record_id)
    if record is None:
        return []
    linked = call.store.links.of(origin, record.id, target)
    return [i for i in linked if call.store.get(target, i) is not None]


def _spec(call: Call, origin: ObjectType, target: ObjectType) -> dict:
    links = call.store.links
    return {
        "associationCategory": links.category(origin, target),
        "associationTypeId": links.type_id(origin, target),
    }


def _default(a: str, b: str, spec: dict) -> dict:
    return {"from": {"id": a}, "to": {"id": b}, "associationSpec": spec}
