"""What the workers of the outbox and of the inbox share: rounds of claims, urgent ones in between.

What is claimed, in which order and when again, the database decides.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from glue.errors import Forbidden, HubSpotError, LeaseEnding, Unauthorized, WrongType
from glue.hubspot import HubSpot
from glue.identity import Identity
from glue.records import TABLES
from glue.rpc import Rpc
from glue.weather import Weather

# Calls of a claim that may meet a row somebody holds, each for the five seconds it waits: a claim
# is halved until it is alone, within the lease.
JAMS = 10
NAMED = 3  # of the records with one trouble, so many are named in its line


class Claimed(Protocol):
    """A record that a claim has leased."""

    @property
    def lane(self) -> str: ...


class Report(Protocol):
    """What a run did. forbidden: a scope was missing."""

    forbidden: bool


class Worker(ABC):
    """A worker. Any number may run at once.

    lease: seconds a claim is ours. lane: what is claimed by itself. clock: monotonic seconds.
    stopped: asked between claims. progress: told of every claim's size.
    """

    def __init__(
        self,
        rpc: Rpc,
        hubspot: HubSpot,
        *,
        lease: float = 120.0,
        lane: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._rpc = rpc
        self._hubspot = hubspot
        self._identity = Identity(rpc, hubspot)
        self._lease = lease
        self._lane = lane
        self._clock = clock
        self._stopped = stopped
        self._progress = progress
        self._weather = Weather(rpc)
        self._tables: Sequence[str] = ()
        self._resting: set[str] = set()

    @property
    @abstractmethod
    def _full(self) -> int:
        """The size of a claim after which what is urgent elsewhere goes first."""

    @abstractmethod
    def _claim(self, table: str, lane: str | None) -> Sequence[Claimed]:
        """Leases due records of a table."""

    @abstractmethod
    def _work(
        self, table: str, claimed: Any, in_time: Callable[[], None], report: Any
    ) -> HubSpotError | None:
        """Does what a claim asks for and tells the database; answers what ended it before its end.

        in_time: raises when a request could outlast the lease.
        """

    def _begin_round(self) -> None:  # noqa: B027 - most have nothing to do
        """What is to be done before a round of claims."""

    def _run(self, tables: Sequence[str], report: Report) -> None:
        """Works until nothing is due. Raises Unauthorized and WrongType, having given all back."""
        self._tables = tables
        self._resting.clear()
        count = 1
        # After an error that is not of single records the next run is soon enough.
        while count and not self._resting and not self._stopped():
            self._begin_round()
            count = 0
            for table in tables:
                for claimed, until in self._claims(table, self._lane):
                    count += self._do(table, claimed, until, report)
                    if len(claimed) == self._full:
                        # What is urgent elsewhere does not wait for all of this table.
                        count += self._urgent(report)

    def _urgent(self, report: Report) -> int:
        """Does what is urgent of all tables; answers how many records it claimed."""
        return sum(
            self._do(table, claimed, until, report)
            for table in self._tables
            for claimed, until in self._claims(table, "urgent")
        )

    def _claims(self, table: str, lane: str | None) -> Iterator[tuple[Sequence[Claimed], float]]:
        """Claims of a table, each with the moment its lease ends, until none is due."""
        while table not in self._resting and not self._stopped():
            until = self._clock() + self._lease
            claimed = self._claim(table, lane)
            if not claimed:
                return
            yield claimed, until

    def _do(self, table: str, claimed: Sequence[Claimed], until: float, report: Report) -> int:
        """Works on a claim; answers its size.

        After an error that is not of single records the table rests for the round.
        """

        def in_time() -> None:
            if self._clock() + self._hubspot.timeout > until:
                reason = "the lease is about to end, left for another run"
                raise LeaseEnding(reason, unanswered=False)

        urgent = any(one.lane == "urgent" for one in claimed)
        self._hubspot.lane = "urgent" if urgent else "bulk"
        stop = self._work(table, claimed, in_time, report)
        self._progress(len(claimed))
        if stop is None:
            self._weather.answered()
        else:
            self._resting.add(table)
            self._weather.stopped(table, stop)
            report.forbidden |= isinstance(stop, Forbidden)
            if isinstance(stop, (Unauthorized, WrongType)):
                raise stop
        return len(claimed)


def lines(table: str, failed: Iterable[dict[str, Any]]) -> list[str]:
    """What went wrong with records of a table, a line for each reason.

    failed: with their error, name, and charged: whether the record may be at fault; else it is not
    named, because everything has that trouble.
    """
    named: dict[str, list[str]] = {}
    for one in failed:
        names = named.setdefault(one["error"], [])
        if one["charged"]:
            names.append(str(one["name"]))
    told = []
    for error, names in sorted(named.items()):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        who = f"{TABLES[table]} {', '.join(names[:NAMED])}{more}: " if names else ""
        told.append(f"{who}{error}")
    return told
