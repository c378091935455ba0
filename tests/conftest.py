"""The test harness: one stack for the whole run, a new database for every test.

| fixture | what a test gets |
|---|---|
| `stack` | the servers of this run: Postgres and Valkey, without fsync |
| `database_url` | a database of its own with all migrations, dropped afterwards |
| `empty_database_url` | a database of its own with nothing in it, dropped afterwards |
| `connect` | a function that opens psycopg connections; all are closed afterwards |
| `redis_url` | an emptied Redis database |
| `hubspot` | an empty HubSpot simulator of its own, with `url` and `token` |
| `pgtap_connection` | what `tests/sql/*.sql` run on: migrations and pgTAP |

Nothing starts before a test asks for it. DATABASE_URL and REDIS_URL name other servers;
there, too, tests work in new databases and touch nothing else. SANDBOX_PG_BINDIR runs the
tests on another version of Postgres.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict
from psycopg.postgres import types
from psycopg.types.string import TextLoader
from pytest_pgtap.plugin import PgTapFile, PgTapItem
from pytest_postgresql import factories
from pytest_postgresql.janitor import DatabaseJanitor

from sandbox import pgtap, postgres
from sandbox.stack import Simulator, Stack, migrate, running, start_hubspot

SQL_TESTS = Path(__file__).parent / "sql"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

# Two runs at once may share a server that DATABASE_URL names.
RUN = f"glue_test_{secrets.token_hex(4)}"


# The run


def pytest_configure(config: pytest.Config) -> None:
    # pytest-pgtap prints this in its header, with the password if it is a URL.
    config.option.pgtap_uri = "a database made by tests/conftest.py"


def pytest_report_header() -> str:
    """Say which server the tests run on."""
    if url := os.environ.get("DATABASE_URL"):
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                version = connection.info.parameter_status("server_version")
        except psycopg.Error as error:
            return f"postgres: DATABASE_URL does not answer: {error}"
        return f"postgres: {version}, the server of DATABASE_URL"
    return f"postgres: {postgres.version()}, from {postgres.bindir()}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect every `tests/sql/**/*.sql`; pytest-pgtap itself takes only `test*.sql`."""
    if file_path.suffix == ".sql" and file_path.is_relative_to(SQL_TESTS):
        if file_path.name.startswith("test"):
            return None
        return PgTapFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Report an SQL file's error as Postgres gives it, without the frames of the runner."""
    if not isinstance(item, PgTapItem):
        return (yield)
    if not re.search(r"\brollback;\s*\Z", item.path.read_text()):
        why = "the file does not end with `rollback;`, and all files share one database"
        pytest.fail(why, pytrace=False)
    try:
        return (yield)
    except psycopg.Error as error:
        words = f"ERROR {error.sqlstate}: {error}"
        raise pytest.fail.Exception(words, pytrace=False) from None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that could not run is a failure."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["cannot_run"] = session.config.stash.get(_cannot_run, {})
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_cannot_run = pytest.StashKey[dict[str, str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what one of several processes could not run."""
    told = getattr(node, "workeroutput", {}).get("cannot_run", {})
    node.config.stash.setdefault(_cannot_run, {}).update(told)


@pytest.fixture(scope="session")
def cannot_run(pytestconfig: pytest.Config) -> Callable[[str, str], Exception]:
    """What to raise where tests cannot run: `raise cannot_run("THE SQL TESTS", reason)`.

    They are skipped, loudly; in CI they fail.
    """

    def outcome(tests: str, reason: str) -> Exception:
        pytestconfig.stash.setdefault(_cannot_run, {})[tests] = reason
        return (pytest.fail if IN_CI else pytest.skip).Exception(reason)

    return outcome


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say loudly which tests did not run."""
    for tests, reason in config.stash.get(_cannot_run, {}).items():
        terminalreporter.section(f"{tests} DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(reason)


# Servers


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The servers of this run: Postgres and Valkey, without fsync."""
    with running(hubspot=False, fsync=False) as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_server(stack: Stack) -> SimpleNamespace:
    """Where Postgres is, in the form that pytest-postgresql's `depends_on` reads."""
    parts = conninfo_to_dict(stack.database_url)
    return SimpleNamespace(
        host=parts.get("host", "127.0.0.1"),
        port=int(parts.get("port", 5432)),
        user=parts.get("user", postgres.USER),
        password=parts.get("password"),
        options="",
        maintenance_dbname=parts.get("dbname", "postgres"),
        template_dbname=None,
    )


@dataclass(frozen=True)
class Databases:
    """Makes databases on the server of this run."""

    server: SimpleNamespace
    server_url: str

    def url(self, dbname: str) -> str:
        """The URL of another database on the same server."""
        return urlsplit(self.server_url)._replace(path=f"/{quote(dbname)}").geturl()

    def new(self, template: str | None) -> DatabaseJanitor:
        """A context that makes a copy of `template` and drops it in the end."""
        return DatabaseJanitor(
            user=self.server.user,
            password=self.server.password,
            host=self.server.host,
            port=self.server.port,
            dbname=f"{RUN}_{secrets.token_hex(4)}",
            template_dbname=template,
            maintenance_dbname=self.server.maintenance_dbname,
        )


@pytest.fixture(scope="session")
def databases(stack: Stack, postgres_server: SimpleNamespace) -> Databases:
    """Makes databases on the server of this run; most tests want `database_url`."""
    return Databases(postgres_server, stack.database_url)


# Databases


def _migrate(
    *, host: str, port: int, user: str, dbname: str, password: str | None, **_: Any
) -> None:
    """Bring the template up to date; pytest-postgresql calls it once per run.

    With MUTANT in the environment the database is then broken, see tests/mutants.py.
    """
    secret = f":{quote(password, safe='')}" if password else ""
    url = f"postgresql://{quote(user, safe='')}{secret}@{host}:{port}/{quote(dbname)}"
    migrate(url)
    if os.environ.get("MUTANT"):
        import mutants

        try:
            mutants.apply_named(url)
        except mutants.MutationError as error:
            pytest.exit(str(error), returncode=mutants.CANNOT_APPLY)


migrated = factories.postgresql_noproc(depends_on="postgres_server", dbname=RUN, load=[_migrate])
"""The template database: all migrations, made once."""


@pytest.fixture
def database_url(databases: Databases, migrated: Any) -> Iterator[str]:
    """A database of this test's own with all migrations, dropped afterwards."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database of this test's own with nothing in it, dropped afterwards."""
    with databases.new(None) as database:
        yield databases.url(database.dbname)


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., psycopg.Connection]]:
    """A function that opens connections, all closed at the end of the test.

    `connect()` goes to `database_url`, `connect(url)` elsewhere; keywords are those of
    `psycopg.connect`, such as `autocommit=True`.
    """
    opened: list[psycopg.Connection] = []

    def open_connection(url: str | None = None, **options: Any) -> psycopg.Connection:
        connection = psycopg.connect(url or request.getfixturevalue("database_url"), **options)
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def pgtap_connection(
    databases: Databases, migrated: Any, cannot_run: Callable[[str, str], Exception]
) -> Iterator[psycopg.Connection]:
    """The connection of `tests/sql/*.sql`: all migrations, and pgTAP in the schema `tap`.

    The files share it and roll back what they did. `search_path` is `public, tap`. Every
    column arrives as text, so that a stray `select` does not disturb the TAP lines.
    """
    with databases.new(migrated.template_dbname) as database:
        url = databases.url(database.dbname)
        with psycopg.connect(
            url, autocommit=True, options="-c search_path=public,tap"
        ) as connection:
            try:
                pgtap.install(connection)
            except pgtap.PgtapUnavailable as error:
                raise cannot_run("THE SQL TESTS", str(error)) from None
            for kind in types:
                connection.adapters.register_loader(kind.oid, TextLoader)
                connection.adapters.register_loader(kind.array_oid, TextLoader)
            yield connection


# Redis and HubSpot


@pytest.fixture
def redis_url(stack: Stack) -> Iterator[str]:
    """An emptied Redis database; on a server that REDIS_URL names, one that was empty."""
    if not os.environ.get("REDIS_URL"):
        with redis.Redis.from_url(stack.redis_url) as client:
            client.flushall()
        yield stack.redis_url
        return
    for number in range(15, 0, -1):
        url = urlsplit(stack.redis_url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as client:
            if client.dbsize() == 0:
                yield url
                client.flushdb()
                return
    pytest.fail("the server of REDIS_URL has no empty database between 1 and 15")


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[Simulator]:
    """A HubSpot simulator of this test's own, without records, with `url` and `token`."""
    folder = tmp_path / "hubspot"
    folder.mkdir()
    simulator = start_hubspot(folder, empty=True)
    yield simulator
    simulator.child.stop()
