"""`POST /webhooks/hubspot`: an event is stored before it is acknowledged."""

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from glue import signature
from glue.errors import GlueError
from glue.incoming import read_events
from glue.serve.answers import Refusal, read_body
from glue.serve.state import State


async def receive(request: Request) -> JSONResponse:
    """Takes a request of HubSpot's: in Postgres, or in Redis while that is away, or not at all."""
    state: State = request.app.state.glue
    config = state.config
    given = request.headers.get("x-hubspot-signature-v3", "")
    at = request.headers.get("x-hubspot-request-timestamp", "")
    if reason := signature.untimely(given, at, time.time()):
        raise _unsigned(reason)
    body = await read_body(request, slowest=state.slowest_body)
    url = config.public_url
    if not signature.is_genuine(config.client_secrets, request.method, url, body, at, given):
        raise _unsigned("its signature is wrong")
    try:
        events = read_events(body)
    except ValueError as error:
        raise Refusal(
            400, "not_json", str(error), "Send a JSON array of events, as HubSpot does."
        ) from error
    try:
        stored = await state.pool.run(
            lambda rpc: rpc.store_events(events, config.types), state.patience
        )
    except GlueError as trouble:
        state.log(f"Postgres takes no events: {trouble.message}")
        await _park(state, body)
        return JSONResponse({"parked": len(events)})
    if stored["ignored"]:
        foreign = sum(_is_foreign(one, config.types) for one in events)
        state.tell_ignored(min(stored["ignored"], foreign))
    return JSONResponse(stored)


def _is_foreign(event: Any, types: dict[str, str]) -> bool:
    """Whether an event names a type of objects that is not synchronised."""
    named = event.get("objectTypeId") if isinstance(event, dict) else None
    return named is not None and str(named) not in types


async def _park(state: State, body: bytes) -> None:
    """Keeps a request in Redis. Raises Refusal, upon which HubSpot sends it again."""
    try:
        if state.parking is None:
            raise GlueError("REDIS_URL is not set")
        async with asyncio.timeout(state.redis_patience):
            await asyncio.to_thread(state.parking.keep, body)
    except (GlueError, TimeoutError) as error:
        why = error.message if isinstance(error, GlueError) else "Redis does not answer"
        raise Refusal(
            503,
            "unavailable",
            "the events can be kept nowhere",
            "Send them again later.",
            why=f"the events can be kept nowhere: {why}",
        ) from error


def _unsigned(reason: str) -> Refusal:
    return Refusal(
        401,
        "not_signed",
        f"this is no request of HubSpot's: {reason}",
        "Compare HUBSPOT_CLIENT_SECRET with the app's, WEBHOOK_PUBLIC_URL with the address that "
        "HubSpot posts to, and the clock with the time.",
    )
