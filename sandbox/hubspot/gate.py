"""What stands before every route: token, limits, faults; and the count of calls."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.hubspot.call import Call, Reply
from sandbox.hubspot.definitions import ObjectType
from sandbox.hubspot.errors import HubSpotError, unauthorized
from sandbox.hubspot.fault import REFUSING, Fault, gateway_error
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.people import People
from sandbox.hubspot.store import Store

JSON = "application/json;charset=utf-8"
CUT = "sandbox.cut"
SLEEP = "sandbox.sleep"

Verb = Callable[[Call], Reply]


@dataclass
class Calls:
    """Every call since the last reset, by ``METHOD template`` and by status."""

    routes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)

    def note(self, route: str, status: str) -> None:
        """Count one call; ``status`` is ``cut`` when it got no answer."""
        self.routes[route] += 1
        self.statuses[status] += 1

    def reset(self) -> None:
        """Start again at nothing."""
        self.routes.clear()
        self.statuses.clear()

    def as_json(self) -> dict:
        """The counts as ``GET /_sandbox/calls`` answers them."""
        return {
            "total": self.routes.total(),
            "calls": dict(self.routes),
            "statuses": dict(self.statuses),
            "rate_limited": self.statuses["429"],
        }


class CutResponse(Response):
    """Closes the connection without a byte of answer.

    Whoever runs the application says in the scope how: :mod:`sandbox.hubspot.server` and
    :mod:`sandbox.hubspot.transport` do; elsewhere ConnectionResetError reaches the caller.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort, then wait until the server has noticed."""
        abort = scope.get(CUT)
        if abort is None:
            raise ConnectionResetError("cut by a fault of the sandbox")
        abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Gate:
    """Runs a verb as HubSpot would let it run.

    Args:
        store: the account.
        limits: its limits.
        faults: what is switched on to go wrong.
        token: the only bearer token that is let in.
    """

    def __init__(self, store: Store, limits: Limits, faults: Faults, token: str) -> None:
        self.store, self.limits, self.faults = store, limits, faults
        self.people = People(store, limits)
        self.calls = Calls()
        self._authorization = f"Bearer {token}"

    async def run(self, request: Request, template: str, verb: Verb) -> Response:
        """The answer to a request, counted."""
        raw = await request.body()
        response = await self._answer(request, raw, verb)
        status = "cut" if isinstance(response, CutResponse) else str(response.status_code)
        self.calls.note(f"{request.method} {template}", status)
        return response

    async def _answer(self, request: Request, raw: bytes, verb: Verb) -> Response:
        search = request.url.path.endswith("/search")
        if request.headers.get("Authorization") != self._authorization:
            return self._refuse(unauthorized(), search)
        with self.store.lock:
            self.people.meanwhile()
            refusal = self.limits.take(search=search)
            struck = [] if refusal else self.faults.draw(request.url.path, self._kinds(request))
        if struck and struck[-1].kind in REFUSING:
            refusal = struck[-1].refusal(self._scope(request))
        if refusal is not None:
            return self._refuse(refusal, search)
        kinds = {fault.kind: fault for fault in struck}
        await _pause(request, struck, "slow_before_applying")
        if "cut_before_applying" in kinds:
            return CutResponse()
        response = self._apply(request, raw, verb, search, kinds.get("partial"))
        await _pause(request, struck, "slow")
        if "cut" in kinds:
            return CutResponse()
        if (fault := kinds.get("error_after_applying")) is not None:
            return self._refuse(gateway_error(fault.status or 502), search)
        return response

    def _apply(
        self, request: Request, raw: bytes, verb: Verb, search: bool, partial: Fault | None
    ) -> Response:
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        rule = self.faults.rule(request.url.path)
        chosen = None if partial is None else self.faults.partial(partial)
        settings = self.limits.settings
        call = Call(self.store, settings, request.path_params, query, raw, rule, chosen)
        try:
            with self.store.lock:
                reply = verb(call)
        except HubSpotError as error:
            return self._refuse(error, search)
        headers = {} if search else self.limits.headers()
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        return JSONResponse(reply.body, reply.status, headers, JSON)

    def _refuse(self, error: HubSpotError, search: bool) -> Response:
        headers = dict(error.headers)
        if not search and error.status != 401:
            headers |= self.limits.headers()
        return JSONResponse(error.body(self.store.correlation_id()), error.status, headers, JSON)

    def _kinds(self, request: Request) -> tuple[ObjectType, ...]:
        named = {
            request.path_params.get(parameter)
            for parameter in ("objectType", "fromObjectType", "toObjectType")
        }
        kinds = self.store.types.values()
        return tuple(kind for kind in kinds if named & {kind.id, *kind.aliases})

    def _scope(self, request: Request) -> str:
        read = request.method == "GET" or request.url.path.endswith(("/read", "/search"))
        verb = "read" if read else "write"
        kinds = self._kinds(request)
        return kinds[0].scope(verb) if kinds else f"crm.objects.custom.{verb}"


async def _pause(request: Request, struck: list[Fault], kind: str) -> None:
    ms = max((fault.ms for fault in struck if fault.kind == kind), default=0)
    if ms:
        await request.scope.get(SLEEP, asyncio.sleep)(ms / 1000)
