"""What all requests share."""

from dataclasses import dataclass, field

from glue.config import ServeConfig
from glue.parked import Parking
from glue.serve.answers import SLOWEST_BODY, Log
from glue.serve.pool import Pool

# HubSpot waits five seconds: Postgres has two, then Redis one to connect and one to answer.
POSTGRES_PATIENCE = 2.0
REDIS_PATIENCE = 1.0


@dataclass
class State:
    """The connections and the log of a server.

    patience: seconds that Postgres may take to store events. slowest_body: seconds in which a
    body must have arrived.
    """

    config: ServeConfig
    pool: Pool
    parking: Parking | None
    log: Log = field(default_factory=Log)
    patience: float = POSTGRES_PATIENCE
    slowest_body: float = SLOWEST_BODY

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
