"""How fast the outbox hands out changes and closes them, beside HubSpot's ceiling and other queues.

What is timed is claim_changes and finish_changes, called by one worker as the drain calls them;
HubSpot would answer in between.
"""

import contextlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import database
from bench.figure import Figure, beside
from bench.peers import Floor, Peer, Pgqueuer, Procrastinate
from glue.db import connect
from glue.drain import ORDER
from glue.outcome import Outcome
from glue.rpc import BOOKINGS, CONTACTS, ClaimedChange, Rpc

SQL = Path(__file__).with_name("outbox.sql")
CEILING = 1900  # records a second: 190 calls in ten seconds, of 100 records each
BATCH = 100
LEASE = 120.0
ROUNDS = 3
RECORDS = 10_000  # of each kind in a round
PEER_JOBS = {"procrastinate": 2000}  # the others: as many as RECORDS
FINISHED = 1_000_000
HISTORIES = (1_000, 100_000, 10_000_000)


class World:
    """A migrated database with exams, and a worker's connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect(url)
        self.connection.execute(SQL.read_text())
        self.rpc = Rpc(self.connection)
        self._ids = iter(range(1_000_000_000, 2_000_000_000))
        self._hubspot_ids: dict[Any, str] = {}

    def make(self, what: str, *arguments: int) -> None:
        """Calls a procedure of outbox.sql."""
        self.connection.execute(
            f"call bench.{what}({', '.join(map(str, arguments))})"  # numbers of ours
        )
        if what.startswith("new_"):
            self.connection.execute(
                "analyze hubspot_sync.hubspot_bookings, hubspot_sync.hubspot_contact_credits"
            )

    def finished(self, rows: int) -> None:
        """Adds so many rows that were sent long ago."""
        self.make("finished", rows)
        self.connection.execute("vacuum (analyze) hubspot_sync.sync_queue")

    def claim(self, table: str) -> list[ClaimedChange]:
        """Claims as the drain does."""
        return self.rpc.claim_changes(table, BATCH, LEASE)

    def finish(self, table: str, changes: list[ClaimedChange]) -> None:
        """Answers as the drain does after HubSpot wrote everything."""
        sent = {change: self._hubspot_id(change) for change in changes}
        self.rpc.finish_changes(table, Outcome(sent).results())

    def _hubspot_id(self, change: ClaimedChange) -> str:
        if change.hubspot_id:
            return change.hubspot_id
        return self._hubspot_ids.setdefault(change.record, str(next(self._ids)))

    def drain(self, table: str) -> tuple[int, list[float]]:
        """Works off a table: how many records, and the milliseconds of each claim."""
        done, claims = 0, []
        while True:
            began = time.perf_counter()
            changes = self.claim(table)
            took = (time.perf_counter() - began) * 1000
            if not changes:
                return done, claims
            claims.append(took)
            self.finish(table, changes)
            done += len(changes)

    def rate(self, table: str) -> tuple[float, float | None]:
        """Works off a table that has RECORDS due; records a second of the clock, and of processor.

        The second is what the worker and its server process would reach with a core of their own;
        None where the server runs on another machine.
        """
        began, busy = time.perf_counter(), database.processor(self.connection)
        done, _ = self.drain(table)
        seconds, busy_after = time.perf_counter() - began, database.processor(self.connection)
        if done != RECORDS:
            raise RuntimeError(f"{done} records of {table} were due, not {RECORDS}")
        spent = None if busy is None or busy_after is None else busy_after - busy
        return done / seconds, done / spent if spent else None

    def drain_all(self) -> None:
        """Works off every table, as often as one brings something to another."""
        while sum(self.drain(table)[0] for table in ORDER):
            pass


@contextlib.contextmanager
def world(server_url: str) -> Iterator[World]:
    """A world in a new database, dropped in the end."""
    with database.migrated(server_url) as url:
        made = World(url)
        try:
            yield made
        finally:
            made.connection.close()


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time, in new databases on the server of `url`."""
    yield from _throughput(url)
    yield from _claims(url)


def _throughput(url: str) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(world(url))
        ours.finished(FINISHED)
        peers: list[Peer] = [
            kind(stack.enter_context(database.new(url)))
            for kind in (Procrastinate, Pgqueuer, Floor)
        ]
        for peer in peers:
            peer.install()
            peer.work(BATCH)
        for turn in range(ROUNDS):
            span = (turn * RECORDS + 1, (turn + 1) * RECORDS)
            for name, procedure, table in (
                ("new contacts", "new_contacts", CONTACTS),
                ("new bookings", "new_bookings", BOOKINGS),
                ("bookings that changed", "change_bookings", BOOKINGS),
                ("contacts that changed", "change_contacts", CONTACTS),
            ):
                ours.make(procedure, *span)
                rate, alone = ours.rate(table)
                rates.setdefault(name, []).append(rate)
                if alone is not None:
                    processor.setdefault(name, []).append(alone)
                ours.drain_all()
            for peer in peers:
                jobs = PEER_JOBS.get(peer.name, RECORDS)
                rates.setdefault(peer.name, []).append(peer.work(jobs))
    names = [name for name in rates if name not in {peer.name for peer in peers}]
    for name in names:
        figure = f"{name}, claimed and finished behind a million finished rows"
        yield beside(
            f"{figure}, beside HubSpot's ceiling",
            rates[name],
            [CEILING],
            unit="1/s",
            target="ratio >= 2",
            met=lambda _, ratio: ratio >= 2,
        )
        if name in processor:
            yield beside(
                f"{figure}, by processor time, beside HubSpot's ceiling",
                processor[name],
                [CEILING],
                unit="1/s",
                target="ratio >= 2",
                met=lambda _, ratio: ratio >= 2,
            )
        for peer in peers:
            bare = isinstance(peer, Floor)
            yield beside(
                f"{figure}, beside {peer.name}",
                rates[name],
                rates[peer.name],
                unit="1/s",
                target="" if bare else "ratio >= 1",
                met=(lambda *_: None) if bare else (lambda _, ratio: ratio >= 1),
            )


def _claims(url: str) -> Iterator[Figure]:
    """How long a claim takes, behind few and many finished rows."""
    claims: dict[int, list[float]] = {}
    with contextlib.ExitStack() as stack:
        worlds = {rows: stack.enter_context(world(url)) for rows in HISTORIES}
        for rows, it in worlds.items():
            it.make("new_contacts", 1, RECORDS)
            it.drain_all()
            it.finished(rows)
        for _ in range(ROUNDS):
            for rows, it in worlds.items():
                it.make("change_contacts", 1, RECORDS // 2)
                claims.setdefault(rows, []).extend(it.drain(CONTACTS)[1])
    least = min(HISTORIES)
    for rows in HISTORIES:
        for percent in (50, 95):
            value, baseline = (percentile(claims[n], percent) for n in (rows, least))
            ratio = value / baseline
            yield Figure(
                f"a claim of 100 behind {rows:,} finished rows, beside {least:,}: p{percent}",
                round(value, 1),
                "ms",
                round(baseline, 1),
                round(ratio, 2),
                "ratio <= 1.3" if percent == 50 else "",
                ratio <= 1.3 if percent == 50 else None,
            )


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
