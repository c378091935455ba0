"""Two other queues in Postgres, and the least a queue can do, beside which the outbox is measured.

Each is set up as its documentation recommends for throughput, on durable tables: procrastinate
deletes finished jobs, pgqueuer has its vacuum settings and a connection by asyncpg. Both run one
worker on uvloop, with a handler that does nothing. What else can be chosen was tried, and the
fastest taken: CONCURRENCY and BATCH.
"""

import time
from typing import Protocol

import asyncpg
import procrastinate
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

CONCURRENCY = 10
BATCH = 100
PAYLOAD = {"record": "00000000-0000-0000-0000-000000000000", "data": {"attendance": "Yes"}}


class Peer(Protocol):
    """Another queue, in a database of its own."""

    name: str

    def install(self) -> None:
        """Makes its tables."""

    def work(self, jobs: int) -> float:
        """Enqueues so many jobs, then has one worker finish them; jobs a second it finished."""


class Floor:
    """Rows of a table, deleted a hundred at a time by one statement."""

    name = "a bare delete"

    def __init__(self, url: str) -> None:
        self._url = url

    def install(self) -> None:
        """Makes a table."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "create table jobs (id bigint generated always as identity primary key,"
                " record uuid not null, data jsonb not null)"
            )

    def work(self, jobs: int) -> float:
        """Inserts so many rows and deletes them; rows a second."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "insert into jobs (record, data)"
                " select gen_random_uuid(), jsonb_build_object('attendance', 'Yes')"
                " from generate_series(1, %s)",
                [jobs],
            )
            began, done = time.perf_counter(), 0
            while taken := connection.execute(
                "delete from jobs where id in (select id from jobs order by id"
                " for update skip locked limit 100) returning id, record, data"
            ).fetchall():
                done += len(taken)
            return _rate(done, jobs, began)


class Procrastinate:
    """The queue procrastinate."""

    name = "procrastinate"

    def __init__(self, url: str, concurrency: int = CONCURRENCY) -> None:
        self._url = url
        self._concurrency = concurrency

    def install(self) -> None:
        """Makes its tables."""
        uvloop.run(self._install())

    def work(self, jobs: int) -> float:
        """Defers so many jobs in one call and works them off; jobs a second."""
        return uvloop.run(self._work(jobs))

    def _app(self) -> procrastinate.App:
        # A connection a task that runs, one to fetch, one to listen.
        connector = procrastinate.PsycopgConnector(
            conninfo=self._url, min_size=self._concurrency + 2, max_size=self._concurrency + 2
        )
        return procrastinate.App(connector=connector)

    async def _install(self) -> None:
        async with self._app().open_async() as app:
            await app.schema_manager.apply_schema_async()

    async def _work(self, jobs: int) -> float:
        app = self._app()
        done = 0

        @app.task(name="nothing")
        async def nothing(**_: object) -> None:
            nonlocal done
            done += 1

        async with app.open_async():
            await nothing.batch_defer_async(*[PAYLOAD] * jobs)
            began = time.perf_counter()
            await app.run_worker_async(
                wait=False,
                concurrency=self._concurrency,
                delete_jobs="always",
                install_signal_handlers=False,
            )
            return _rate(done, jobs, began)


class Pgqueuer:
    """The queue pgqueuer."""

    name = "pgqueuer"

    def __init__(self, url: str, batch: int = BATCH) -> None:
        self._url = url
        self._batch = batch

    def install(self) -> None:
        """Makes its tables."""
        uvloop.run(self._install())

    def work(self, jobs: int) -> float:
        """Enqueues so many jobs in one call and works them off; jobs a second."""
        return uvloop.run(self._work(jobs))

    async def _install(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            queries = Queries(AsyncpgDriver(connection))
            await queries.install()
            await queries.optimize_autovacuum()
        finally:
            await connection.close()

    async def _work(self, jobs: int) -> float:
        connection = await asyncpg.connect(self._url)
        done = 0
        try:
            driver = AsyncpgDriver(connection)
            await Queries(driver).enqueue(["nothing"] * jobs, [b"{}"] * jobs, [0] * jobs)
            worker = PgQueuer(driver)

            @worker.entrypoint("nothing")
            async def nothing(_: Job) -> None:
                nonlocal done
                done += 1

            began = time.perf_counter()
            await worker.run(batch_size=self._batch, mode=QueueExecutionMode.drain)
            return _rate(done, jobs, began)
        finally:
            await connection.close()


def _rate(done: int, jobs: int, began: float) -> float:
    """Jobs a second since then. Raises RuntimeError where not all were done."""
    seconds = time.perf_counter() - began
    if done != jobs:
        raise RuntimeError(f"{done} of {jobs} jobs were done")
    return done / seconds
