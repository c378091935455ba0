"""The meter of HubSpot calls: waits for leave, which the database gives, and reports back.

All workers on all machines draw from the same budget; its rules are reserve_call's and
settle_call's. Here is only the waiting.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from glue.errors import DatabaseError, OutOfBudget
from glue.rpc import Rpc

PATIENCE = 15.0  # seconds: a full burst is over in ten
SHORTEST = 0.001
WHY = {
    "pause": "HubSpot asked for a pause",
    "burst": "all calls of the moment are used",
    "search": "all searches of the moment are used",
    "cap": "today's cap of calls is reached (the setting daily_call_cap)",
    "daily": "HubSpot's calls of the day are used",
}


@dataclass
class Ticket:
    """Leave for one call. sent_at: when its request was on its way, by the meter's clock."""

    number: int
    sent_at: float | None = None


class Budget:
    """The meter of one worker, over a connection it may share with its other calls.

    patience: the longest wait for a call, in seconds. clock: monotonic seconds.
    """

    def __init__(
        self,
        rpc: Rpc,
        *,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = patience
        self._rpc = rpc
        self._sleep = sleep
        self._clock = clock

    def reserve(self, *, lane: str, search: bool = False) -> Ticket:
        """Leave for one call. Raises OutOfBudget when it would take longer than patience."""
        until = self._clock() + self.patience
        while True:
            grant = self._rpc.reserve_call(lane, search)
            if grant.granted:
                return Ticket(grant.ticket)
            wait = max(grant.wait.total_seconds(), SHORTEST)
            if self._clock() + wait > until:
                why = WHY.get(grant.reason, grant.reason)
                raise OutOfBudget(f"no call to HubSpot for now: {why}", retry_after=wait)
            self._sleep(wait)

    def sent(self, ticket: Ticket) -> None:
        """The request has left."""
        ticket.sent_at = self._clock()

    def settle(
        self, ticket: Ticket, status: int | None, headers: Mapping[str, str], policy: str | None
    ) -> None:
        """What came of the call. Where Postgres is away nothing is lost: the slot frees itself."""
        elapsed = None if ticket.sent_at is None else self._clock() - ticket.sent_at
        told = {
            name.lower(): value
            for name, value in headers.items()
            if name.lower().startswith("x-hubspot-ratelimit-") or name.lower() == "retry-after"
        }
        try:
            self._rpc.settle_call(ticket.number, status, told, policy, elapsed)
        except DatabaseError:
            # HubSpot's answer matters more, and whoever asked for it will meet the error himself.
            return
