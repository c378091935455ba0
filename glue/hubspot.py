"""HubSpot over HTTP, and nothing else: no retries, no waiting, no state.

A retry is the outbox's business; here an answer becomes a value or an exception of
glue.errors. Batches hold at most 100 inputs (HubSpot's limit).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx

from glue import answers
from glue.config import API_VERSION, HubSpotConfig
from glue.errors import Rejected, Unavailable

BATCH = 100
SEARCH_PAGE = 200
# The property that has a record's modified date, where it is not hs_lastmodifieddate.
MODIFIED = {"contacts": "lastmodifieddate"}


class Meter(Protocol):
    """Who is asked before every call and told after it. patience: seconds it may make us wait."""

    patience: float

    def reserve(self, *, lane: str, search: bool) -> Any:
        """A ticket for one call; raises OutOfBudget. lane: urgent or bulk."""

    def sent(self, ticket: Any) -> None:
        """The request is on its way, all of it."""

    def settle(
        self, ticket: Any, status: int | None, headers: Mapping[str, str], policy: str | None
    ) -> None:
        """What came of it; status: None when no answer came. policy: that of a 429."""


@dataclass
class BatchResult:
    """The answer to a batch.

    results: records written, in no order. errors: trace id → reason. missing: the trace ids
    among them whose record does not exist. existing: trace id → the id of the record that has
    the same unique value. untraced: the reason of an error that names no record.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    existing: dict[str, str] = field(default_factory=dict)
    untraced: str | None = None


@dataclass(frozen=True)
class Lookup:
    """The answer to a read of many records.

    records: those that are there, in no order. missing: the ids of which HubSpot says that it has
    none; None where it answered for all and had nothing to say.
    """

    records: list[dict[str, Any]]
    missing: set[str] | None = None

    def lacks(self, one: str) -> bool:
        """Whether a record that is not among the answers is not there, rather than left out."""
        return self.missing is None or one in self.missing


@dataclass(frozen=True)
class Changes:
    """A page of a search for what changed.

    rows: [{id, version}] by ascending id; version is when the record was changed last, None where
    that could not be read. after: the id to go on after, None: this is the last page. at: when
    HubSpot answered, by its own clock, None where it does not say.
    """

    rows: list[dict[str, str | None]]
    after: str | None
    at: datetime | None


class HubSpot:
    """One account. transport: for tests, anything httpx takes. meter: None counts nothing.

    lane: urgent or bulk, whose calls the next ones are; may be changed at any time.
    """

    def __init__(
        self,
        config: HubSpotConfig,
        *,
        transport: httpx.BaseTransport | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.config = config
        self.meter = meter
        self.lane = "bulk"
        self._client = httpx.Client(
            base_url=config.base_url,
            headers={"Authorization": f"Bearer {config.access_token}"},
            timeout=config.timeout,
            transport=transport,
        )

    @property
    def timeout(self) -> float:
        """Seconds a call may take, the wait for its turn included."""
        return self.config.timeout + (self.meter.patience if self.meter else 0.0)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> "HubSpot":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def list_objects(
        self,
        object_type: str,
        properties: Iterable[str],
        after: str | None = None,
        *,
        archived: bool = False,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of 100 records, and the cursor of the next page or None."""
        params = {"limit": str(BATCH)}
        if names := ",".join(properties):
            params["properties"] = names
        if after:
            params["after"] = after
        if archived:
            params["archived"] = "true"
        body = self._send("GET", f"/crm/objects/{API_VERSION}/{object_type}", params=params)
        following = answers.as_dict(answers.as_dict(body.get("paging")).get("next")).get("after")
        return answers.dicts(body.get("results")), following

    def list_pages(
        self,
        object_type: str,
        properties: Iterable[str],
        after: str | None = None,
        *,
        archived: bool = False,
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        """All pages from a cursor on, as list_objects has them."""
        passed = {after}
        while True:
            records, after = self.list_objects(object_type, properties, after, archived=archived)
            if after is not None and after in passed:
                raise Unavailable("HubSpot's list does not go on", unanswered=False)
            yield records, after
            if after is None:
                return
            passed.add(after)

    def get_property(self, object_type: str, name: str) -> dict[str, Any]:
        """A property's definition. Raises Rejected with status 404 where there is none."""
        return self._send("GET", f"/crm/properties/{API_VERSION}/{object_type}/{name}")

    def search(
        self, object_type: str, name: str, values: Sequence[str], properties: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Records that have one of at most 100 values; changes of the last seconds are not seen.

        HubSpot compares texts in lower case, but does not lower what it is asked for.
        """
        lowered = [value.lower() for value in values]
        condition = {"propertyName": name, "operator": "IN", "values": lowered}
        body = self._post(
            f"/crm/objects/{API_VERSION}/{object_type}/search",
            {
                "filterGroups": [{"filters": [condition]}],
                "properties": list(properties),
                "limit": SEARCH_PAGE,
            },
        )
        return answers.records(body)

    def changed_since(
        self,
        object_type: str,
        since: datetime | None,
        until: datetime | None,
        after: str | None = None,
        groups: Sequence[Sequence[dict[str, Any]]] = ((),),
    ) -> Changes:
        """A page of the records that were changed between two moments by HubSpot's clock.

        groups: one of them must hold besides, each a list of conditions. Goes on by the id, never
        by HubSpot's cursor: a search gives 10,000 records at most, however many share a moment.
        """
        modified = MODIFIED.get(object_type, "hs_lastmodifieddate")
        bounds = [(modified, "GTE", since), (modified, "LTE", until)]
        conditions = [
            {"propertyName": name, "operator": operator, "value": str(answers.milliseconds(moment))}
            for name, operator, moment in bounds
            if moment is not None
        ]
        if after:
            conditions.append({"propertyName": "hs_object_id", "operator": "GT", "value": after})
        filled = [{"filters": [*conditions, *group]} for group in groups if conditions or group]
        answer = self._answer(
            "POST",
            f"/crm/objects/{API_VERSION}/{object_type}/search",
            json={
                "filterGroups": filled,
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": [modified],
                "limit": SEARCH_PAGE,
            },
        )
        body = answers.as_object(answer)
        rows = [
            {"id": row["id"], "version": answers.moment(row.get("updatedAt"))}
            for row in answers.records(body)
        ]
        last = max((row["id"] for row in rows), key=int, default=None)
        if last is not None and after and int(last) <= int(after):
            raise Unavailable("HubSpot's search went back to ids it had passed", unanswered=False)
        full = len(answers.dicts(body.get("results"))) >= SEARCH_PAGE
        if full and last is None:
            raise Unavailable("HubSpot's search found records without ids", unanswered=False)
        return Changes(rows, last if full else None, answers.date_of(answer))

    def count(self, object_type: str) -> int | None:
        """How many records of a type there are, as search tells; None where it does not."""
        body = self._post(f"/crm/objects/{API_VERSION}/{object_type}/search", {"limit": 1})
        total = body.get("total")
        return total if isinstance(total, int) and total >= 0 else None

    def batch_create(self, object_type: str, inputs: Sequence[dict[str, Any]]) -> BatchResult:
        """Creates records, whether or not they exist: inputs {properties, objectWriteTraceId}."""
        return self._batch(object_type, "create", inputs)

    def batch_upsert(self, object_type: str, inputs: Sequence[dict[str, Any]]) -> BatchResult:
        """Creates or updates by a unique property: inputs {id, idProperty, properties, …}."""
        return self._batch(object_type, "upsert", inputs)

    def batch_update(self, object_type: str, inputs: Sequence[dict[str, Any]]) -> BatchResult:
        """Updates by HubSpot's id: inputs {id, properties, objectWriteTraceId}."""
        return self._batch(object_type, "update", inputs)

    def batch_archive(self, object_type: str, ids: Sequence[str]) -> None:
        """Archives records; one that is archived already is no error."""
        self._post(
            f"/crm/objects/{API_VERSION}/{object_type}/batch/archive",
            {"inputs": [{"id": record_id} for record_id in ids]},
        )

    def batch_read(
        self,
        object_type: str,
        ids: Sequence[str],
        properties: Sequence[str],
        id_property: str | None = None,
        *,
        history: Sequence[str] = (),
        archived: bool = False,
    ) -> list[dict[str, Any]]:
        """Records by HubSpot's ids, or a unique property's values; others are left out.

        history: properties whose former values are told, too; HubSpot takes fewer ids then.
        archived: only what is in the recycling bin.
        """
        return self.look_up(
            object_type, ids, properties, id_property, history=history, archived=archived
        ).records

    def look_up(
        self,
        object_type: str,
        ids: Sequence[str],
        properties: Sequence[str],
        id_property: str | None = None,
        *,
        history: Sequence[str] = (),
        archived: bool = False,
    ) -> Lookup:
        """The same, and of which ids HubSpot says that there is no such record."""
        request = {
            "inputs": [{"id": value} for value in ids],
            "properties": list(properties),
            "propertiesWithHistory": list(history),
        }
        if id_property:
            request["idProperty"] = id_property
        path = f"/crm/objects/{API_VERSION}/{object_type}/batch/read"
        body = self._send(
            "POST", path, json=request, **({"params": {"archived": "true"}} if archived else {})
        )
        errors = answers.dicts(body.get("errors"))
        named = {
            str(one)
            for error in errors
            if error.get("category") == "OBJECT_NOT_FOUND"
            for one in answers.as_list(answers.as_dict(error.get("context")).get("ids"))
        }
        return Lookup(answers.records(body), named if errors or body.get("numErrors") else None)

    def linked(self, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """The ids that each of at most 1,000 records is linked with, all pages of them."""
        found: dict[str, list[str]] = {}
        inputs = [{"id": record_id} for record_id in ids]
        passed: set[tuple[str, str]] = set()
        while inputs:
            body = self._post(
                f"/crm/associations/{API_VERSION}/{from_type}/{to_type}/batch/read",
                {"inputs": inputs},
            )
            inputs = []
            for row in answers.dicts(body.get("results")):
                record_id = str(answers.as_dict(row.get("from")).get("id"))
                targets = found.setdefault(record_id, [])
                linked = [str(one.get("toObjectId")) for one in answers.dicts(row.get("to"))]
                targets += [one for one in linked if answers.ID.fullmatch(one)]
                after = answers.as_dict(answers.as_dict(row.get("paging")).get("next")).get("after")
                if after:
                    inputs.append({"id": record_id, "after": after})
                    if (record_id, after) in passed:
                        reason = "HubSpot's list of links does not go on"
                        raise Unavailable(reason, unanswered=False)
                    passed.add((record_id, after))
            for error in answers.dicts(body.get("errors")):
                # Of a record without links HubSpot says so; anything else is no answer.
                if error.get("category") != "OBJECT_NOT_FOUND":
                    reason = f"HubSpot did not tell all links: {answers.reason_of(error)}"
                    raise Unavailable(reason, unanswered=False)
        return found

    def associate(self, from_type: str, to_type: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Links pairs of HubSpot ids by the default link; doing so again changes nothing."""
        body = self._post(
            f"/crm/associations/{API_VERSION}/{from_type}/{to_type}/batch/associate/default",
            {"inputs": [{"from": {"id": one}, "to": {"id": other}} for one, other in pairs]},
        )
        if errors := answers.dicts(body.get("errors")):
            raise Rejected(f"association refused: {answers.reason_of(errors[0])}", status=207)

    def dissociate(
        self, from_type: str, to_type: str, ends: Sequence[tuple[str, Sequence[str]]]
    ) -> None:
        """Ends the links of HubSpot ids to others; one that is not there is no error."""
        self._post(
            f"/crm/associations/{API_VERSION}/{from_type}/{to_type}/batch/archive",
            {
                "inputs": [
                    {"from": {"id": one}, "to": [{"id": other} for other in others]}
                    for one, others in ends
                ]
            },
        )

    def _batch(self, object_type: str, verb: str, inputs: Sequence[dict[str, Any]]) -> BatchResult:
        body = self._post(
            f"/crm/objects/{API_VERSION}/{object_type}/batch/{verb}", {"inputs": list(inputs)}
        )
        answer = BatchResult(answers.records(body))
        for error in answers.dicts(body.get("errors")):
            context = error.get("context")
            traced = context.get("objectWriteTraceId") if isinstance(context, dict) else None
            if not traced:
                answer.untraced = answers.reason_of(error)
                continue
            for trace_id in traced if isinstance(traced, list) else [traced]:
                answer.errors[str(trace_id)] = answers.reason_of(error)
                if error.get("category") == "OBJECT_NOT_FOUND":
                    answer.missing.add(str(trace_id))
                if existing := answers.existing_id(error):
                    answer.existing[str(trace_id)] = existing
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._send("POST", path, json=body)

    def _metered(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One call that the meter knows of."""
        meter = self.meter
        if meter is None:
            return self._client.request(method, path, **request)
        ticket = meter.reserve(lane=self.lane, search=path.endswith("/search"))

        def trace(event: str, _: Any) -> None:
            if event.endswith("send_request_body.complete"):
                meter.sent(ticket)

        answer = None
        try:
            answer = self._client.request(method, path, extensions={"trace": trace}, **request)
            return answer
        finally:
            if answer is None:
                meter.settle(ticket, None, {}, None)
            else:
                meter.settle(ticket, answer.status_code, answer.headers, answers.policy_of(answer))

    def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return answers.as_object(self._answer(method, path, **request))

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer, which is a success."""
        try:
            answer = self._metered(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(
                f"cannot reach HubSpot at {self.config.base_url}: {error or 'time-out'}",
                unanswered=False,
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unavailable(
                f"HubSpot did not answer {method} {path}: {error or type(error).__name__}",
                unanswered=True,
            ) from error
        if not answer.is_success:
            raise answers.failure(answer)
        return answer
