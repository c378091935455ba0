"""The servers together: one process owns them, and ends when whoever started it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psycopg
import redis

from sandbox import fetch, postgres, rest, valkey
from sandbox.children import Child
from sandbox.hubspot.definitions import BOOKING_TYPE, EXAM_TYPE

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"
START_PATIENCE = 180.0  # seconds, for a slow machine
YEAR = 365 * 24 * 3600
STUDENT = "ada@example.org"  # of examples/world.sql
HUBSPOT = ("HUBSPOT_BASE_URL", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_BOOKING_TYPE", "HUBSPOT_EXAM_TYPE")


class StackError(Exception):
    """The stack did not start. The message says which part, and why."""


@dataclass(frozen=True)
class Stack:
    """Where the servers are. A part that was left out is None."""

    database_url: str | None = None
    redis_url: str | None = None
    hubspot_base_url: str | None = None
    hubspot_access_token: str | None = None
    hubspot_booking_type: str | None = None
    hubspot_exam_type: str | None = None
    supabase_url: str | None = None
    supabase_anon_key: str | None = None
    supabase_service_key: str | None = None
    student_token: str | None = None
    node: str | None = None
    psql: str | None = None

    def environment(self) -> dict[str, str]:
        """The same as environment variables: DATABASE_URL, REDIS_URL and so on."""
        return {name.upper(): value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Simulator:
    """A running HubSpot simulator."""

    child: Child
    url: str
    token: str


def start_hubspot(
    folder: Path,
    *,
    seed: int = 1,
    contacts: int | None = None,
    exams: int | None = None,
    empty: bool = False,
) -> Simulator:
    """Start a HubSpot simulator.

    Args:
        folder: an existing folder for its log.
        seed: the same seed makes the same records.
        contacts: how many contacts it starts with; its own default when None.
        exams: how many mock exams it starts with; its own default when None.
        empty: start without any records.

    Returns:
        The simulator, answering on 127.0.0.1.

    Raises:
        ChildError: it did not start.
    """
    options: list[str] = ["--seed", str(seed), "--token", f"sandbox-{secrets.token_urlsafe(12)}"]
    if contacts is not None:
        options += ["--contacts", str(contacts)]
    if exams is not None:
        options += ["--exams", str(exams)]
    if empty:
        options.append("--empty")
    child = Child(
        "hubspot", [sys.executable, "-m", "sandbox.hubspot", "--port", "0", *options], folder
    )
    try:
        ready = child.wait_until(child.first_line)
    except BaseException:
        child.stop()
        raise
    answer = json.loads(ready)
    return Simulator(child, answer["url"], answer["token"])


def migrate(database_url: str, revision: str = "head") -> None:
    """Apply the migrations of this repository with Alembic.

    Args:
        database_url: the database to change.
        revision: where to stop.

    Raises:
        StackError: there is no alembic.ini beside this package.
    """
    from alembic import command
    from alembic.config import Config

    ini = REPOSITORY / "alembic.ini"
    if not ini.is_file():
        raise StackError(f"cannot migrate: there is no {ini}")
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = database_url
    try:
        command.upgrade(Config(ini, stdout=sys.stderr), revision)
    finally:
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before


def make_world(database_url: str) -> None:
    """Make the exams and the student of the examples.

    Raises:
        StackError: there are no examples beside this package.
    """
    script = EXAMPLES / "world.sql"
    if not script.is_file():
        raise StackError(f"cannot make the examples' world: there is no {script}")
    with psycopg.connect(database_url) as connection:
        connection.execute(script.read_text())


def _start_http(
    folder: Path, database_url: str, children: list[Child], borrowed: contextlib.ExitStack
) -> dict[str, str]:
    """Start the gateway in front of a database; what the examples need to know, for `Stack`."""
    try:
        scripts = rest.scripts()
    except fetch.FetchFailed as error:
        raise StackError(f"Node or its packages cannot be had: {error}") from error
    try:
        credentials = borrowed.enter_context(rest.authenticator(database_url))
    except psycopg.Error as error:
        raise StackError(f"cannot make a role for the HTTP gateway: {error}") from error
    gateway = rest.start(scripts, folder)
    children.append(gateway.child)
    if EXAMPLES.is_dir():
        rest.link(scripts.packages, EXAMPLES)
    expiry = int(time.time()) + YEAR
    return {
        "supabase_url": gateway.serve(rest.as_role(database_url, credentials)),
        "supabase_anon_key": gateway.token("anon", exp=expiry),
        "supabase_service_key": gateway.token("service_role", exp=expiry),
        "student_token": gateway.token("authenticated", STUDENT, exp=expiry),
        "node": scripts.binary,
        "psql": str(postgres.bindir() / "psql"),
    }


def _named_database() -> str | None:
    url = os.environ.get("DATABASE_URL")
    if url:
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.Error as error:
            raise StackError(
                f"DATABASE_URL is set, but Postgres does not answer there: {error}\n"
                "Correct it, or unset DATABASE_URL to get a server of your own."
            ) from error
    return url or None


def _named_redis() -> str | None:
    url = os.environ.get("REDIS_URL")
    if url:
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=10) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise StackError(
                f"REDIS_URL is set, but Redis does not answer there: {error}\n"
                "Correct it, or unset REDIS_URL to get a server of your own."
            ) from error
    return url or None


def _named_hubspot() -> dict[str, str]:
    if not os.environ.get("HUBSPOT_BASE_URL"):
        return {}
    named = {}
    for name in HUBSPOT:
        named[name.lower()] = os.environ.get(name, "")
        if not named[name.lower()]:
            raise StackError(f"HUBSPOT_BASE_URL is set, but {name} is not")
    return named


@contextlib.contextmanager
def _new_database(server_url: str) -> Iterator[str]:
    """Make a database on a server and drop it in the end; yields its URL."""
    name = f"sandbox_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")


def serve(
    *,
    with_valkey: bool = True,
    with_hubspot: bool = True,
    with_http: bool = False,
    own_database: bool = False,
    fsync: bool = True,
    run_migrations: bool = False,
    seed: int = 1,
    contacts: int | None = None,
    exams: int | None = None,
    watch_stdin: bool = True,
) -> None:
    """Own the servers until told to stop; print one JSON line when all are ready.

    A server that DATABASE_URL, REDIS_URL or HUBSPOT_BASE_URL names is used and not started.
    Returns after SIGTERM, SIGINT, SIGHUP or the end of standard input, when every server has
    stopped and their folders are gone. Call it in the main thread.

    Args:
        with_valkey: False leaves Valkey out.
        with_hubspot: False leaves the HubSpot simulator out.
        with_http: start the HTTP gateway too; a database that was migrated here gets the
            world of the examples.
        own_database: on the server that DATABASE_URL names, work in a new database and drop
            it in the end. (A server started here is always new.)
        fsync: False trades safety in a power cut for speed.
        run_migrations: apply the migrations before saying that all is ready.
        seed: of the simulator.
        contacts: of the simulator.
        exams: of the simulator.
        watch_stdin: False ignores standard input.

    Raises:
        StackError: a server named in the environment does not answer.
        ChildError: a server did not start, or died.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    children: list[Child] = []
    borrowed = contextlib.ExitStack()
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        folder.chmod(0o711)  # the user that Postgres runs as may pass through
        if watch_stdin and not (sys.stdin and sys.stdin.isatty()):
            threading.Thread(target=_stop_at_end_of_stdin, daemon=True).start()

        database_url = _named_database()
        redis_url = _named_redis() if with_valkey else None
        hubspot = _named_hubspot() if with_hubspot else {}
        if database_url and own_database:
            database_url = borrowed.enter_context(_new_database(database_url))
        if not database_url:
            started = postgres.start(_subfolder(folder, "postgres"), fsync=fsync)
            children.append(started.child)
            database_url = started.url
        if with_valkey and not redis_url:
            cache = valkey.start(_subfolder(folder, "valkey"))
            children.append(cache.child)
            redis_url = cache.url
        if with_hubspot and not hubspot:
            simulator = start_hubspot(
                _subfolder(folder, "hubspot"), seed=seed, contacts=contacts, exams=exams
            )
            children.append(simulator.child)
            hubspot = {
                "hubspot_base_url": simulator.url,
                "hubspot_access_token": simulator.token,
                "hubspot_booking_type": BOOKING_TYPE,
                "hubspot_exam_type": EXAM_TYPE,
            }
        if run_migrations:
            migrate(database_url)
        http = {}
        if with_http:
            if run_migrations:
                make_world(database_url)
            http = _start_http(_subfolder(folder, "rest"), database_url, children, borrowed)

        stack = Stack(database_url, redis_url, **hubspot, **http)
        print(json.dumps(asdict(stack)), flush=True)
        while True:
            for child in children:
                if not child.alive:
                    raise child.died()
            time.sleep(0.2)
    except KeyboardInterrupt:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(children):
            child.stop()
        with contextlib.suppress(psycopg.Error):  # the server may be gone
            borrowed.close()
        shutil.rmtree(folder, ignore_errors=True)


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


def _stop_at_end_of_stdin() -> None:
    """Read standard input to its end, then ask this process to stop."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def spawn(
    options: Sequence[str], *, stdin: int, stderr: IO[bytes], **popen: object
) -> subprocess.Popen[str]:
    """Start `python -m sandbox serve` with `options`, its standard output a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "serve", *options],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
        **popen,
    )


def wait_until_ready(process: subprocess.Popen[str], log: Path) -> Stack:
    """Wait for the line that `serve` prints.

    Raises:
        StackError: it ended, or was not ready in time; with what it wrote to `log`.
    """
    readable, _, _ = select.select([process.stdout], [], [], START_PATIENCE)
    line = process.stdout.readline() if readable else ""
    if line.endswith("\n"):
        return Stack(**json.loads(line))
    what = "did not start" if readable else f"was not ready after {START_PATIENCE:g} s"
    said = log.read_text(errors="replace").strip().removeprefix("Error: ")
    raise StackError(f"the stack {what}:\n{said}")


@contextlib.contextmanager
def running(
    *,
    valkey: bool = True,
    hubspot: bool = True,
    own_database: bool = False,
    fsync: bool = True,
    migrate: bool = False,
    seed: int = 1,
    contacts: int | None = None,
    exams: int | None = None,
) -> Iterator[Stack]:
    """Run the stack in a process of its own for the length of a `with` block.

    The process ends at the end of the block, or when this process is gone, however it ended.

    Args:
        valkey: False leaves Valkey out.
        hubspot: False leaves the HubSpot simulator out.
        own_database: on the server that DATABASE_URL names, work in a new database and drop
            it in the end.
        fsync: False trades safety in a power cut for speed; for tests.
        migrate: apply the migrations.
        seed: of the simulator; the same seed makes the same records.
        contacts: how many contacts the simulator starts with.
        exams: how many mock exams the simulator starts with.

    Yields:
        Where the servers are.

    Raises:
        StackError: a server did not start, or the migrations failed.

    Example:
        with running(hubspot=False, fsync=False) as stack:
            psycopg.connect(stack.database_url)
    """
    options = [f"--seed={seed}"]
    options += [] if valkey else ["--no-valkey"]
    options += [] if hubspot else ["--no-hubspot"]
    options += ["--own-database"] if own_database else []
    options += [] if fsync else ["--no-fsync"]
    options += ["--migrate"] if migrate else []
    options += [] if contacts is None else [f"--contacts={contacts}"]
    options += [] if exams is None else [f"--exams={exams}"]
    with (
        tempfile.NamedTemporaryFile(prefix="sandbox-", suffix=".log") as log,
        # Its end closes the process's standard input, the sign to stop, and waits for it.
        spawn(options, stdin=subprocess.PIPE, stderr=log) as process,
    ):
        stack = wait_until_ready(process, Path(log.name))
        try:
            yield stack
        finally:
            if process.poll() is not None:
                sys.stderr.write(Path(log.name).read_text(errors="replace"))
