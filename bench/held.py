"""What a snapshot that somebody holds open costs the outbox.

As long as it is open, vacuum may remove nothing that died since: a report that runs for an hour, a
forgotten session, a replica with feedback. Two databases carry the same changes; in one of them a
session sits idle in a transaction.
"""

import contextlib
from collections.abc import Iterator

import psycopg

from bench import outbox
from bench.figure import Figure
from glue.rpc import CONTACTS

CONTACTS_MADE = 5_000  # as many changes in a step
MARKS = (10_000, 50_000, 100_000, 200_000)


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time, in two new databases on the server of `url`."""
    with contextlib.ExitStack() as stack:
        held, free = (stack.enter_context(outbox.world(url)) for _ in range(2))
        for world in (held, free):
            world.make("new_contacts", 1, CONTACTS_MADE)
            world.drain_all()
            world.connection.execute("vacuum (analyze)")
        holder = stack.enter_context(psycopg.connect(held.url))
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select from hubspot_sync.sync_queue limit 1")
        passed = 0
        for mark in MARKS:
            while passed < mark:
                claims = [_step(world) for world in (held, free)]
                passed += CONTACTS_MADE
            yield from _beside(f"after {mark:,} changes under a held snapshot", claims)
            yield _dead(mark, held, free)
        holder.rollback()
        for world in (held, free):
            world.connection.execute("vacuum hubspot_sync.sync_queue")
        claims = [_step(world) for world in (held, free)]
        yield from _beside("after the snapshot's end and a vacuum", claims, target=1.5)


def _step(world: outbox.World) -> list[float]:
    """Changes every contact and works the changes off; the milliseconds of each claim."""
    world.make("change_contacts", 1, CONTACTS_MADE)
    return world.drain(CONTACTS)[1]


def _beside(when: str, claims: list[list[float]], target: float | None = None) -> Iterator[Figure]:
    for percent in (50, 95):
        value, baseline = (outbox.percentile(series, percent) for series in claims)
        ratio = value / baseline
        yield Figure(
            f"a claim of 100 {when}, beside none held: p{percent}",
            round(value, 1),
            "ms",
            round(baseline, 1),
            round(ratio, 2),
            "" if target is None else f"ratio <= {target}",
            None if target is None else ratio <= target,
        )


def _dead(mark: int, *worlds: outbox.World) -> Figure:
    held, free = (
        world.connection.execute(
            "select pg_stat_force_next_flush(), pg_stat_clear_snapshot()"
        ).fetchone()
        and world.connection.execute(
            "select n_dead_tup from pg_stat_user_tables where relname = 'sync_queue'"
        ).fetchone()["n_dead_tup"]
        for world in worlds
    )
    return Figure(
        f"dead rows of sync_queue after {mark:,} changes under a held snapshot, beside none held",
        held,
        "rows",
        free,
        round(held / max(free, 1), 2),
        "",
        None,
    )
