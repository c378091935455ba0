"""How fast reads are at a million bookings, beside the same reads at a hundred thousand."""

import contextlib
import statistics
import time
from collections.abc import Iterator

import psycopg

from bench import database, history, pgbench
from bench.figure import Figure

SIZES = {"large": 1_000_000, "small": 100_000}
ROUNDS = 5
CLIENTS = 4
REQUESTS = 50  # of each client in a round
SAMPLES = 2000

# Whom and what the reads ask for: drawn from the bookings, so busy students come up often.
PREPARE = """
create schema bench;
create table bench.samples (n, booking_id, student_id, email, mock_exam_id, day) as
  select row_number() over (), s.*
    from (select b.booking_id, b.student_id, b.student_email, b.mock_exam_id, b.exam_date::date
            from hubspot_sync.hubspot_bookings b
           where not b.exempt
           order by md5(b.booking_id)
           limit {samples}) s;
alter table bench.samples add primary key (n);
analyze bench.samples;
"""
SAME_ANSWER = {
    "credit check": "api.check_credits('Clinical Skills', s.student_id, s.email)",
    "one booking": "api.get_booking(p_booking_id => s.booking_id)",
    "a contact's bookings": "api.list_contact_bookings(s.student_id, s.email)",
    "available exams": "api.list_available_exams()",
    "list of the newest bookings": "api.list_bookings()",
    "list of the active bookings": "api.list_bookings(p_status => 'Active')",
}
# These find, and count, up to ten times as many bookings.
MORE_TO_ANSWER = {
    "list of an exam's bookings": "api.list_bookings(p_mock_exam_id => s.mock_exam_id)",
    "list of a week's bookings": (
        "api.list_bookings(p_exam_date_from => s.day - 6, p_exam_date_to => s.day)"
    ),
    "list of a type's cancelled bookings": (
        "api.list_bookings(p_mock_type => 'Mini-mock', p_status => 'Cancelled')"
    ),
}
SCRIPT = """
\\set n random(1, {samples})
select r.* from bench.samples s, lateral {read} r where s.n = :n;
"""


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time, in two new databases on the server of `url`."""
    with contextlib.ExitStack() as stack:
        urls = {side: stack.enter_context(_filled(url, size)) for side, size in SIZES.items()}
        for name, read in (SAME_ANSWER | MORE_TO_ANSWER).items():
            yield from _read(name, read, urls)
        yield _verify(urls)


@contextlib.contextmanager
def _filled(url: str, bookings: int) -> Iterator[str]:
    """A migrated database with so many bookings, dropped in the end; yields its URL."""
    with database.migrated(url) as filled:
        history.fill(filled, bookings)
        with psycopg.connect(filled, autocommit=True) as connection:
            connection.execute(PREPARE.format(samples=SAMPLES))
        yield filled


def _read(name: str, read: str, urls: dict[str, str]) -> Iterator[Figure]:
    """Two figures of one read: half of the answers, and 95 of 100, came within so long."""
    runs: dict[str, list[pgbench.Run]] = {side: [] for side in urls}
    script = SCRIPT.format(read=read, samples=SAMPLES)
    for seed in range(-1, ROUNDS):
        for side, url in urls.items():
            run = pgbench.run(
                url, script, clients=CLIENTS, requests=REQUESTS, warm_up=10, seed=seed + 1
            )
            if seed >= 0:  # the round before fills the caches
                runs[side].append(run)
    for percent in (50, 95):
        large, small = (
            statistics.median(run.percentile(percent) for run in runs[side])
            for side in ("large", "small")
        )
        ratio = large / small
        target, met = ("< 50 ms", large < 50) if percent == 95 else ("", None)
        if percent == 50 and name in SAME_ANSWER:
            target, met = "ratio <= 1.3", ratio <= 1.3
        yield Figure(
            f"{name}, at a million bookings beside a hundred thousand: p{percent}",
            round(large, 2),
            "ms",
            round(small, 2),
            round(ratio, 2),
            target,
            met,
        )


def _verify(urls: dict[str, str]) -> Figure:
    """How long api.verify() takes, which must find nothing."""
    seconds: dict[str, list[float]] = {side: [] for side in urls}
    for _ in range(ROUNDS):
        for side, url in urls.items():
            with psycopg.connect(url) as connection:
                began = time.perf_counter()
                broken = "select name from api.verify() where violations > 0"
                found = connection.execute(broken).fetchall()
                seconds[side].append(time.perf_counter() - began)
            if found:
                raise RuntimeError(f"api.verify() says that the data is wrong: {found}")
    large, small = (statistics.median(seconds[side]) for side in ("large", "small"))
    return Figure(
        "verify, at a million bookings beside a hundred thousand",
        round(large, 1),
        "s",
        round(small, 1),
        round(large / small, 2),
        "< 10 s",
        large < 10,
    )
