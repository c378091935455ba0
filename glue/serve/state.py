"""What all requests share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from glue.config import ServeConfig
from glue.errors import GlueError, Refused
from glue.parked import Parking
from glue.rpc import Rpc
from glue.serve.answers import SLOWEST_BODY, Log, Refusal
from glue.serve.pool import Pool
from glue.words import counted

T = TypeVar("T")

# HubSpot waits five seconds: Postgres has two, then Redis one and a half.
POSTGRES_PATIENCE = 2.0
REDIS_PATIENCE = 1.5
# Somebody else waits for an answer, not for a lock of five seconds three times over.
CALL_PATIENCE = 15.0
TELL_EVERY = 60.0  # seconds between two lines about ignored events


@dataclass
class State:
    """The connections and the log of a server.

    patience, redis_patience: seconds that Postgres and Redis may take to store events.
    slowest_body: seconds in which a body must have arrived. now: monotonic seconds.
    """

    config: ServeConfig
    pool: Pool
    parking: Parking | None
    log: Log = field(default_factory=Log)
    patience: float = POSTGRES_PATIENCE
    redis_patience: float = REDIS_PATIENCE
    slowest_body: float = SLOWEST_BODY
    now: Callable[[], float] = time.monotonic
    _ignored: int = 0
    _told_at: float = -math.inf

    def tell_ignored(self, count: int) -> None:
        """Logs that events of foreign types were ignored, at most once a minute for all."""
        self._ignored += count
        if not self._ignored or self.now() - self._told_at < TELL_EVERY:
            return
        self.log(
            f"{counted(self._ignored, 'event')} of types that are not synchronised: see last_error"
            " in hubspot_sync.webhook_inbox; are HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE right?"
        )
        self._ignored, self._told_at = 0, self.now()

    async def call(self, function: Callable[[Rpc], T]) -> T:
        """Calls the database for somebody who can wait. Raises Refused, or Refusal."""
        try:
            return await self.pool.run(function, CALL_PATIENCE)
        except Refused:
            raise
        except GlueError as error:
            self.log(f"Postgres is away: {error.message}")
            raise Refusal(
                503, "unavailable", "the database is away", "Send the same request again later."
            ) from error

    def close(self) -> None:
        """Closes the connections."""
        self.pool.close()
        if self.parking is not None:
            self.parking.close()


def open_state(config: ServeConfig) -> State:
    """Connects to nothing yet."""
    return State(
        config,
        Pool(config.database_url),
        Parking(config.redis_url, REDIS_PATIENCE) if config.redis_url else None,
    )
