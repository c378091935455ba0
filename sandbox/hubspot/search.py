"""POST /crm/objects/2026-09/{objectType}/search, over the index and all its traps.

From HubSpot's search guide: pages of up to 200, 10,000 results for any query and then a 400, five
filter groups of six filters and eighteen in all, one sort, a query text of 3,000 characters.
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from sandbox.hubspot.call import Call, Reply, refuse_unknown
from sandbox.hubspot.clock import parse_ms
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import invalid
from sandbox.hubspot.record import Record, Version
from sandbox.hubspot.values import day_of

MAX_PAGE = 200
MAX_RESULTS = 10_000
MAX_GROUPS = 5
MAX_FILTERS = 6
MAX_FILTERS_IN_ALL = 18
MAX_QUERY = 3000

Comparable = float | str | None
Getter = Callable[[Record, Version], Comparable]
Test = Callable[[Record, Version], bool]


def search(call: Call) -> Reply:
    """One page of results, with the values the index has."""
    kind = call.kind()
    body = call.body("filterGroups", "sorts", "query", "properties", "limit", "after")
    limit, after = _window(body)
    groups = _groups(body)
    tests = [[_test(kind, f) for f in group] for group in groups]
    if text := body.get("query"):
        tests = [[*group, _text_test(kind, text)] for group in tests or [[]]]
    found = [
        (record, version)
        for record, version in call.store.index.above(
            kind, _lower_bound(groups), call.store.clock.ms()
        )
        if not tests or any(all(t(record, version) for t in group) for group in tests)
    ]
    _sort(kind, body.get("sorts") or [], found)
    rows = found[after : after + limit]
    names = body.get("properties") or None
    reply: dict = {
        "total": len(found),
        "results": [record.as_json(names, version=version) for record, version in rows],
    }
    if after + limit < len(found):
        reply["paging"] = {"next": {"after": str(after + limit), "link": ""}}
    return Reply(200, reply)


def _window(body: dict) -> tuple[int, int]:
    limit = body.get("limit", 10)
    if not isinstance(limit, int) or not 0 <= limit <= MAX_PAGE:
        raise invalid(f"limit must be between 0 and {MAX_PAGE}")
    after = str(body.get("after") or "0")
    if not after.isdigit():
        raise invalid("after must be a cursor of an earlier page")
    if int(after) + limit > MAX_RESULTS:
        raise invalid(f"A search gives at most {MAX_RESULTS} results in all")
    return limit, int(after)


def _groups(body: dict) -> list[list[dict]]:
    groups = [group.get("filters") for group in body.get("filterGroups") or []]
    if not all(isinstance(filters, list) for filters in groups):
        raise invalid("Some required fields were not set: [filters]")
    if len(groups) > MAX_GROUPS or any(len(g) > MAX_FILTERS for g in groups):
        raise invalid(f"At most {MAX_GROUPS} filter groups of {MAX_FILTERS} filters are allowed")
    if sum(map(len, groups)) > MAX_FILTERS_IN_ALL:
        raise invalid(f"At most {MAX_FILTERS_IN_ALL} filters are allowed")
    if len(body.get("query") or "") > MAX_QUERY:
        raise invalid(f"query may have {MAX_QUERY} characters")
    return groups


def _lower_bound(groups: list[list[dict]]) -> int:
    """The id below which a keyset search needs not look; 0 when the search is none."""
    if len(groups) != 1:
        return 0
    bounds = [
        int(f["value"])
        for f in groups[0]
        if (f["propertyName"], f["operator"]) == ("hs_object_id", "GT") and f["value"].isdigit()
    ]
    return max(bounds, default=0)


def _getter(kind: ObjectType, name: object) -> Getter:
    if name not in kind.properties:
        raise invalid(f"There was a problem with the request: no property {name}")
    if name == "hs_object_id":
        return lambda record, version: int(record.id)
    if name == kind.created:
        return lambda record, version: record.created_ms
    if name == kind.modified:
        return lambda record, version: version.updated_ms

    def get(record: Record, version: Version) -> Comparable:
        value = version.properties.get(name)
        return None if value is None else _comparable(kind, name, value)

    return get


def _comparable(kind: ObjectType, name: str, text: str) -> float | str | None:
    """A value as it compares: numbers and times as numbers, text without case."""
    type_ = kind.properties[name].type
    if type_ == "number":
        try:
            return int(text) if text.isdigit() else float(text)
        except ValueError:
            return None
    if type_ in ("date", "datetime"):
        return parse_ms(day_of(text) or text)
    return text.lower() if type_ == "string" else text


def _test(kind: ObjectType, spec: dict) -> Test:
    refuse_unknown(spec, ("propertyName", "operator", "value", "highValue", "values"))
    name, operator = spec.get("propertyName"), spec.get("operator")
    get = _getter(kind, name)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda r, v: (get(r, v) is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        return _membership(kind, name, spec.get("values"), get, operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        pattern = str(spec.get("value", "")).lower()
        wanted = operator == "CONTAINS_TOKEN"
        return lambda r, v: (x := r.value(name, v)) is not None and _has(x, pattern) == wanted
    operand = _operand(kind, name, spec, "value")
    if operator == "BETWEEN":
        high = _operand(kind, name, spec, "highValue")
        return lambda r, v: (x := get(r, v)) is not None and operand <= x <= high
    if operator not in _COMPARE:
        raise invalid(f"{operator} is no search operator")
    compare = _COMPARE[operator]
    return lambda r, v: (x := get(r, v)) is not None and compare(x, operand)


_COMPARE = {
    "EQ": lambda x, y: x == y,
    "NEQ": lambda x, y: x != y,
    "LT": lambda x, y: x < y,
    "LTE": lambda x, y: x <= y,
    "GT": lambda x, y: x > y,
    "GTE": lambda x, y: x >= y,
}


def _operand(kind: ObjectType, name: str, spec: dict, key: str) -> float | str:
    text = spec.get(key)
    value = _comparable(kind, name, str(text)) if text is not None else None
    if value is None:
        raise invalid(f"{spec.get('operator')} on {name} takes no {key} {text!r}")
    return value


def _membership(kind: ObjectType, name: str, values: object, get: Getter, inside: bool) -> Test:
    """IN and NOT_IN; on text properties HubSpot compares with lower-case values only."""
    if not isinstance(values, list) or not values:
        raise invalid("Some required fields were not set: [values]")
    if kind.properties[name].type == "string":
        operands = set(map(str, values))
    else:
        operands = {_operand(kind, name, {"value": v}, "value") for v in values}
    return lambda r, v: (x := get(r, v)) is not None and (x in operands) == inside


def _has(value: str, pattern: str) -> bool:
    tokens = re.findall(r"\w+", value.lower())
    return any(fnmatchcase(token, pattern) for token in [value.lower(), *tokens])


def _text_test(kind: ObjectType, text: str) -> Test:
    words = text.lower().split()

    def matches(record: Record, version: Version) -> bool:
        hay = " ".join(version.properties.values()).lower()
        return all(word in hay for word in words)

    return matches


def _sort(kind: ObjectType, sorts: list, found: list[tuple[Record, Version]]) -> None:
    if len(sorts) > 1:
        raise invalid("Only one sort is allowed")
    for sort in sorts:
        if isinstance(sort, str):
            name, descending = sort.lstrip("-"), sort.startswith("-")
        else:
            refuse_unknown(sort, ("propertyName", "direction"))
            name, descending = sort.get("propertyName"), sort.get("direction") == "DESCENDING"
        get = _getter(kind, name)
        known = [pair for pair in found if get(*pair) is not None]
        unknown = [pair for pair in found if get(*pair) is None]
        known.sort(key=lambda pair: get(*pair), reverse=descending)
        found[:] = known + unknown
