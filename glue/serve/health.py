"""`GET /healthz` and `GET /readyz`, for whoever watches the server."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from glue.errors import GlueError
from glue.serve.state import State


async def healthz(_: Request) -> JSONResponse:
    """The process lives."""
    return JSONResponse({"alive": True})


async def readyz(request: Request) -> JSONResponse:
    """Whether an event could be stored now, and where. parked: requests kept in Redis."""
    state: State = request.app.state.glue
    postgres, parked = await asyncio.gather(_postgres(state), _parked(state))
    redis = None if state.parking is None else parked is not None
    ready = postgres or bool(redis)
    answer = {"ready": ready, "postgres": postgres, "redis": redis, "parked": parked}
    return JSONResponse(answer, 200 if ready else 503)


async def _postgres(state: State) -> bool:
    """Whether Postgres stores events: no event is stored to find out."""
    try:
        await state.pool.run(lambda rpc: rpc.store_events([], state.config.types), state.patience)
    except GlueError:
        return False
    return True


async def _parked(state: State) -> int | None:
    """How many requests Redis keeps; None without Redis."""
    if state.parking is None:
        return None
    try:
        return await asyncio.to_thread(state.parking.count)
    except GlueError:
        return None
