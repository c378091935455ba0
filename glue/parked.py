"""Webhook requests kept in Redis while Postgres is away, and their way into Postgres."""

from collections.abc import Callable
from dataclasses import dataclass

import redis
from redis.client import Pipeline

from glue.errors import BusError, DatabaseError, Refused
from glue.incoming import read_events
from glue.rpc import Rpc
from glue.stream import open_redis, translated

STREAM = "webhook_inbox"
DEAD = "webhook_inbox_dead"
BATCH = 10  # requests read at once, of up to a megabyte each
NOT_ALLOWED = "42501"


@dataclass(frozen=True)
class Moved:
    """What a move did. moved, dead: requests."""

    moved: int = 0
    dead: int = 0


class Parking:
    """The two streams of one Redis. Raises BusUnavailable, BusError.

    timeout: seconds that Redis may take to connect, and as many to answer.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self._redis: redis.Redis = open_redis(
            url, socket_connect_timeout=timeout, socket_timeout=timeout
        )

    def __enter__(self) -> "Parking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._redis.close()

    def keep(self, body: bytes) -> None:
        """Adds a request. Nothing is ever trimmed: what is here is nowhere else."""
        with translated():
            self._redis.xadd(STREAM, {"body": body})

    def count(self) -> int:
        """How many requests are kept."""
        with translated():
            return self._redis.xlen(STREAM)

    def dead_count(self) -> int:
        """How many requests nobody could read."""
        with translated():
            return self._redis.xlen(DEAD)

    def oldest(self, limit: int) -> list[tuple[bytes, bytes]]:
        """The ids and bodies of the requests that have been here longest."""
        with translated():
            entries = self._redis.xrange(STREAM, count=limit)
        return [(id, fields.get(b"body", b"")) for id, fields in entries]

    def remove(self, id: bytes) -> None:
        """Forgets a request that is in Postgres."""
        with translated():
            self._redis.xdel(STREAM, id)

    def bury(self, id: bytes, body: bytes, reason: str) -> None:
        """Moves a request that nobody can store aside, with the reason."""

        def both(pipeline: Pipeline) -> None:
            pipeline.xadd(DEAD, {"body": body, "reason": reason, "id": id})
            pipeline.xdel(STREAM, id)

        with translated():
            self._redis.transaction(both)


def move(
    rpc: Rpc,
    parking: Parking,
    types: dict[str, str],
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Moved:
    """Moves what Redis keeps into Postgres, oldest first.

    A request leaves Redis after its events are committed: whoever dies in between, or moves at
    the same time, stores them a second time, which changes nothing.
    """
    moved = dead = 0
    while not stopped() and (entries := parking.oldest(BATCH)):
        for id, body in entries:
            if reason := _store(rpc, body, types):
                parking.bury(id, body, reason)
                dead += 1
            else:
                parking.remove(id)
                moved += 1
    return Moved(moved, dead)


def bring_in(rpc: Rpc, redis_url: str | None, types: dict[str, str]) -> tuple[Moved, str]:
    """Moves what Redis keeps, for whoever reads the inbox next; what was moved, and any trouble.

    Without Redis there is nothing, and one that is away keeps what it has: no reason to stop.
    """
    if redis_url is None:
        return Moved(), ""
    try:
        with Parking(redis_url, timeout=2.0) as parking:
            return move(rpc, parking, types), ""
    except BusError as error:
        return Moved(), error.message


def _store(rpc: Rpc, body: bytes, types: dict[str, str]) -> str | None:
    """Stores a request's events; why it never can be, if so."""
    try:
        rpc.store_events(read_events(body), types)
    except ValueError as error:
        return str(error)
    except Refused as error:
        if error.code == NOT_ALLOWED:
            raise
        return error.message
    except DatabaseError as error:
        if not error.code.startswith(("22", "23", "54")):
            raise
        return f"Postgres cannot keep it ({error.code})"
    return None
