"""What stops every worker at once: a wrong token, a missing scope, an outage; and for how long."""

from glue.answers import MIGRATING
from glue.errors import Forbidden, HubSpotError, LeaseEnding, RateLimited, Unauthorized, Unavailable
from glue.rpc import Rpc

SCOPE_PAUSE = 900.0  # seconds until a wrong token or a missing scope is tried again
OUTAGE = 60.0  # seconds within which HubSpot's being away again is the same outage
WELL = -1.0


class Weather:
    """One run's view of it. What all workers must know stands in the database."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._well = False

    def stopped(self, table: str, error: HubSpotError) -> None:
        """Stops every worker where HubSpot refuses more than one request."""
        if isinstance(error, Unauthorized):
            self._rpc.pause("*", error.message, SCOPE_PAUSE)
        elif isinstance(error, Forbidden):
            self._rpc.pause(table, error.message, SCOPE_PAUSE)
        elif isinstance(error, RateLimited) and error.status == MIGRATING:
            self._rpc.pause("*", error.message, error.retry_after)
        elif isinstance(error, Unavailable) and not isinstance(error, LeaseEnding):
            self._outage(error)

    def _outage(self, error: Unavailable) -> None:
        """Stops every worker for a while when HubSpot was away before, each time longer."""
        self._well = False
        seen = self._rpc.recall("outage") or {"wait": WELL}
        again = seen["wait"] != WELL and 0 <= seen["age"] <= seen["wait"] + OUTAGE
        wait = min(max(2 * seen["wait"], OUTAGE / 12), 2 * OUTAGE) if again else 0.0
        self._rpc.remember("outage", {"wait": wait})
        if wait:
            self._rpc.pause("*", error.message, wait)

    def answered(self) -> None:
        """Forgets an outage, if there was one; looks once a run."""
        if not self._well:
            seen = self._rpc.recall("outage")
            if seen and seen["wait"] != WELL:
                self._rpc.remember("outage", {"wait": WELL})
            self._well = True
