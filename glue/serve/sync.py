"""`POST /sync/…`: «sync now», and sync on access."""

import asyncio
import math
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from glue.errors import Refused
from glue.serve.answers import Refusal, require_bearer
from glue.serve.state import State

KINDS = ("exam", "booking", "contact")
OLDER_THAN, OLDEST = 60.0, 365 * 86400.0
WAIT, LONGEST_WAIT = 10.0, 50.0
LOOK_EVERY = 0.2


async def one(request: Request) -> JSONResponse:
    """Brings an exam with its bookings, a booking or a contact up to date."""
    state: State = request.app.state.glue
    require_bearer(request, state.config.sync_secrets, "SYNC_SECRET")
    kind, id = request.path_params["kind"], request.path_params["id"]
    if kind not in KINDS:
        raise Refusal(
            404,
            "unknown_kind",
            f"a {ascii(kind[:30])[1:-1]} is nothing that can be brought up to date",
            f"One of {', '.join(KINDS)}; or POST /sync/all.",
        )
    older_than = _seconds(request, "older_than", OLDER_THAN, OLDEST)
    wait = _seconds(request, "wait", WAIT, LONGEST_WAIT)
    until = time.monotonic() + wait
    demand = await _demand(state, kind, id, older_than)
    if demand["state"] == "unknown":
        raise Refusal(
            404,
            "unknown",
            f"there is no such {kind}",
            "Give our id, HubSpot's, a booking_id or a student_id.",
        )
    if demand["state"] != "queued":
        return JSONResponse(_answer(demand))
    while (seen := await _look(state, demand["signals"]))["waiting"]:
        if time.monotonic() + LOOK_EVERY > until:
            return JSONResponse(_answer(demand), 202)
        await asyncio.sleep(LOOK_EVERY)
    if seen["dead"]:
        raise Refusal(
            502,
            "failed",
            f"{seen['dead']} of {demand['records']} records could not be brought up to date",
            "The table sync_errors has the reason.",
        )
    return JSONResponse(_answer(demand) | {"state": "done", "age": 0.0})


async def everything(request: Request) -> JSONResponse:
    """Asks for all that is of use now to be read; nobody waits for it."""
    state: State = request.app.state.glue
    require_bearer(request, state.config.sync_secrets, "SYNC_SECRET")
    older_than = _seconds(request, "older_than", OLDER_THAN, OLDEST)
    demand = await _demand(state, "all", None, older_than)
    return JSONResponse(_answer(demand), 202 if demand["state"] == "queued" else 200)


async def _demand(state: State, kind: str, id: str | None, older_than: float) -> dict[str, Any]:
    try:
        return await state.call(lambda rpc: rpc.demand_records(kind, id, older_than))
    except Refused as refused:
        raise Refusal(
            400,
            refused.code,
            refused.message.partition(": ")[2],
            refused.hint or "Send plain text.",
        ) from refused


async def _look(state: State, signals: list[int]) -> dict[str, Any]:
    return await state.call(lambda rpc: rpc.watch_signals(signals))


def _answer(demand: dict[str, Any]) -> dict[str, Any]:
    return {name: demand[name] for name in ("state", "hubspot_id", "records", "age")}


def _seconds(request: Request, name: str, default: float, largest: float) -> float:
    """A query parameter of so many seconds."""
    try:
        value = float(request.query_params.get(name, default))
    except ValueError:
        value = math.nan
    if not 0 <= value <= largest:
        raise Refusal(
            400,
            "bad_parameter",
            f"{name} is no number of seconds from 0 to {largest:g}",
            f"Leave it out for {default:g}.",
        )
    return value
