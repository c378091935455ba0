"""How fast one exam is sold out, and how much a whole booking costs beside a bare one."""

from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench import pgbench
from bench.figure import Figure, beside

HERE = Path(__file__).parent
HOT = 100000  # bench/data.sql: 40 seats; the next 1,000 exams have 1,000 each
STUDENTS = 20000
STEP = 2000
SEATS = 40
ROUNDS = 5

# A request of the warm-up books somewhere else, so that its connection is what a pool hands out.
RUSH = """
\\set s :client_id * {per_client} + :i
\\if :i <= :warm_up
  \\set e random({first}, {last})
  \\set s random(15001, {students})
\\else
  \\set e {hot}
\\endif
select bench.try_{side}((:e)::text, 'S' || :s, 's' || :s || '@example.org',
                        'k' || :s || '-' || :e || '-' || random());
"""
SPREAD = """
\\set s random(1, {students})
\\set e random({first}, {last})
select bench.try_{side}((:e)::text, 'S' || :s, 's' || :s || '@example.org',
                        gen_random_uuid()::text);
"""


def prepare(url: str) -> None:
    """Fills a migrated database with the bare function and both sides' data."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("bare.sql", "data.sql"):
            connection.execute((HERE / name).read_text())
        for last in range(STEP, STUDENTS + 1, STEP):
            connection.execute("call bench.make_students(%s, %s)", [last - STEP + 1, last])
        connection.execute("call bench.copy_world()")
        connection.execute("analyze")


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time."""
    prepare(url)
    yield from _pooled(url)
    yield from _at_once(url)
    yield from _spread(url)


def _script(template: str, side: str, **values: int) -> str:
    return template.format(
        side=side, hot=HOT, first=HOT + 1, last=HOT + 1000, students=STUDENTS, **values
    )


def _sold(url: str, side: str) -> int:
    """How many hold a seat of the hot exam; then all of them are gone again."""
    table = {"ours": "hubspot_sync.hubspot_bookings", "bare": "bench.bookings"}[side]
    with psycopg.connect(url, autocommit=True) as connection:
        count = connection.execute(
            f"with gone as (delete from {table} where mock_exam_id = %s returning 1)"
            " select count(*) from gone",
            [str(HOT)],
        ).fetchone()[0]
        connection.execute(
            "update bench.seats set taken = 0 where capacity = %s and %s = 'bare'", [SEATS, side]
        )
        connection.execute("vacuum hubspot_sync.exam_seats, bench.seats")
    return count


def _pooled(url: str) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    slow, sold = [], []
    for seed in range(ROUNDS):
        for side in rates:
            script = _script(RUSH, side, per_client=110)
            run = pgbench.run(url, script, clients=20, requests=100, warm_up=10, seed=seed)
            rates[side].append(run.rate)
            count = _sold(url, side)
            if side == "ours":
                slow.append(run.percentile(95))
                sold.append(count)
    name = "2,000 requests over 20 pooled connections, one 40-seat exam"
    yield beside(
        f"{name}: requests a second, beside the bare function",
        rates["ours"],
        rates["bare"],
        unit="1/s",
        target="ratio >= 0.8",
        met=lambda _, ratio: ratio >= 0.8,
    )
    worst = max(slow)
    yield Figure(f"{name}: p95", round(worst, 1), "ms", None, None, "< 200 ms", worst < 200)
    yield _exactly(name, sold)


def _at_once(url: str) -> Iterator[Figure]:
    slowest: dict[str, list[float]] = {"ours": [], "select 1": []}
    sold = []
    for seed in range(ROUNDS):
        script = _script(RUSH, "ours", per_client=10)
        run = pgbench.run(url, script, clients=250, requests=1, seed=seed)
        slowest["ours"].append(max(run.latencies))
        sold.append(_sold(url, "ours"))
        run = pgbench.run(url, "select 1;", clients=250, requests=1, seed=seed)
        slowest["select 1"].append(max(run.latencies))
    yield beside(
        "250 new connections at once, one 40-seat exam: the slowest, beside the slowest select 1",
        slowest["ours"],
        slowest["select 1"],
        unit="ms",
        target="< 1,000 ms and ratio <= 5",
        met=lambda value, ratio: value < 1000 and ratio <= 5,
    )
    yield _exactly("250 at once, one 40-seat exam", sold)


def _exactly(name: str, sold: list[int]) -> Figure:
    wrong = [count for count in sold if count != SEATS]
    return Figure(
        f"{name}: booked", wrong[0] if wrong else SEATS, "seats", SEATS, None, "= 40", not wrong
    )


def _spread(url: str) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for seed in range(ROUNDS):
        for side in rates:
            run = pgbench.run(
                url, _script(SPREAD, side), clients=20, requests=400, warm_up=10, seed=seed
            )
            rates[side].append(run.rate)
    yield beside(
        "bookings a second, spread over 1,000 exams, 20 connections, beside the bare function",
        rates["ours"],
        rates["bare"],
        unit="1/s",
        target="ratio >= 0.5",
        met=lambda _, ratio: ratio >= 0.5,
    )
