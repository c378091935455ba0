"""Plays many schedules of the outbox, or one and its trace.

python tests/simulation/soak.py --seeds 1000        as many seeds, from --first on
python tests/simulation/soak.py --minutes 30        as many as go into that time
python tests/simulation/soak.py --seed 4711         one, with everything that happened

With --both, schedules of both directions, in which HubSpot's users edit, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "simulation")]

from both import BothWays  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import (  # noqa: E402
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table  # noqa: E402
from schedule import Schedule, again  # noqa: E402
from stage import Stage  # noqa: E402

from sandbox.stack import running  # noqa: E402

STAGE: Stage | None = None


def main(arguments: list[str]) -> int:
    """Play; 0 when every schedule held."""
    parser = argparse.ArgumentParser(
        prog="soak.py", description=__doc__.split("\n")[0], usage=__doc__.split("\n\n")[1]
    )
    parser.add_argument("--seeds", type=int, help="how many schedules (200)")
    parser.add_argument("--minutes", type=float, help="for how long, instead")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seed", type=int, help="this one alone, with its trace")
    parser.add_argument("--both", action="store_true", help="of both directions")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    with running(
        valkey=False, hubspot=False, own_database=True, fsync=False, migrate=True
    ) as stack:
        if options.seed is not None:
            return _one(stack.database_url, options.seed, options.both)
        return _many(console, stack.database_url, options)


def _one(url: str, seed: int, both: bool) -> int:
    stage = Stage(url)
    schedule = (BothWays if both else Schedule)(stage, seed)
    try:
        schedule.play()
    except AssertionError as failure:
        print(*schedule.trace, "", failure, sep="\n")
        return 1
    finally:
        stage.close()
    print(*schedule.trace, "", "all equal in the end", sep="\n")
    return 0


def _many(console: Console, template: str, options: argparse.Namespace) -> int:
    struck: Counter[str] = Counter()
    failed: dict[int, str] = {}
    played = 0
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    total = None if until else options.seeds or 200
    columns = (
        TextColumn("schedules"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        ProcessPoolExecutor(options.processes, initializer=_enter, initargs=(template,)) as pool,
    ):
        bar = progress.add_task("", total=total, failed=0)
        for seed, schedule_struck, failure in _play(pool, options, total, until):
            played += 1
            struck.update(schedule_struck)
            if failure:
                failed[seed] = failure
                both = " --both" * options.both
                console.print(f"seed {seed}: {failure}\n  {again(seed)}{both}", markup=False)
            progress.update(bar, advance=1, failed=len(failed))
    table = Table("what struck", "times")
    for what, times in sorted(struck.items()):
        table.add_row(what, str(times))
    console.print(table)
    console.print(f"{played} schedules, {len(failed)} failed: {sorted(failed)}")
    return 1 if failed or not played else 0


def _play(
    pool: ProcessPoolExecutor, options: argparse.Namespace, total: int | None, until: float | None
) -> Iterator[tuple[int, Counter[str], str]]:
    """What became of each seed, as they end."""
    seed = options.first
    under_way: set[Future] = set()
    while True:
        more = seed - options.first < total if until is None else time.monotonic() < until
        while more and len(under_way) < 2 * options.processes:
            under_way.add(pool.submit(_try, seed, options.both))
            seed += 1
            more = until is not None or seed - options.first < total
        if not under_way:
            return
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for one in done:
            yield one.result()


def _enter(template: str) -> None:
    """A database of this process's own."""
    global STAGE
    parts = urlsplit(template)
    own = f"simulation_{os.getpid()}"
    with psycopg.connect(parts._replace(path="/template1").geturl(), autocommit=True) as connection:
        # One at a time: nobody may be connected to a template while it is copied.
        connection.execute("select pg_advisory_lock(hashtext('simulation'))")
        connection.execute(f'create database "{own}" template "{parts.path.lstrip("/")}"'.encode())
    STAGE = Stage(parts._replace(path=f"/{quote(own)}").geturl())


def _try(seed: int, both: bool) -> tuple[int, Counter[str], str]:
    schedule = (BothWays if both else Schedule)(STAGE, seed)
    try:
        schedule.play()
    except Exception as failure:
        return seed, schedule.struck, f"{type(failure).__name__}: {failure}"
    return seed, schedule.struck, ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
