"""The server's paths, and what it does beside them."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import Route

from glue import config
from glue.errors import GlueError
from glue.parked import Moved, move
from glue.rpc import Rpc
from glue.serve import door, health, sync, webhooks
from glue.serve.answers import handlers
from glue.serve.state import State, open_state
from glue.words import counted

MOVE_EVERY = 5.0  # seconds
MOVE_FOR = 20.0  # then whoever waits for a connection may have it
MOVE_PATIENCE = 60.0


def create_app(state: State) -> Starlette:
    """The application. Within its lifespan it moves what Redis keeps, then closes `state`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        mover = asyncio.create_task(_keep_moving(state))
        try:
            yield
        finally:
            mover.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await mover
            state.close()

    app = Starlette(
        routes=[
            Route("/webhooks/hubspot", webhooks.receive, methods=["POST"]),
            Route("/sync/all", sync.everything, methods=["POST"]),
            Route("/sync/{kind}/{id}", sync.one, methods=["POST"]),
            Route("/door/exams", door.exams, methods=["POST"]),
            Route("/door/contacts", door.contacts, methods=["POST"]),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
        ],
        exception_handlers=handlers(state.log),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.glue = state
    return app


def from_environment() -> Starlette:
    """The application of a worker process."""
    return create_app(open_state(config.serve(os.environ)))


async def _keep_moving(state: State) -> None:
    """Moves what Redis keeps into Postgres, at once and every few seconds."""
    if state.parking is None:
        return
    while True:
        try:
            if await asyncio.to_thread(state.parking.count):
                moved = await state.pool.run(lambda rpc: _move(state, rpc), MOVE_PATIENCE)
                state.log(
                    f"{counted(moved.moved, 'request')} moved from Redis, {moved.dead} unreadable"
                )
        except GlueError as error:
            state.log(f"Redis keeps what it has: {error.message}")
        except Exception as error:  # whatever it is, the next turn may do better
            state.log(f"Redis keeps what it has: {type(error).__name__}")
        await asyncio.sleep(MOVE_EVERY)


def _move(state: State, rpc: Rpc) -> Moved:
    assert state.parking is not None
    until = time.monotonic() + MOVE_FOR
    types = state.config.types
    return move(rpc, state.parking, types, stopped=lambda: time.monotonic() > until)
