"""The embedded stack: what starts, and that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
from click.testing import CliRunner

from sandbox import children, pgtap, postgres
from sandbox.__main__ import main
from sandbox.fetch import FetchFailed
from sandbox.stack import Stack, running

PATIENCE = 120.0  # seconds; only a failing test waits so long
NAMES = (
    "DATABASE_URL",
    "REDIS_URL",
    "HUBSPOT_BASE_URL",
    "HUBSPOT_ACCESS_TOKEN",
    "HUBSPOT_BOOKING_TYPE",
    "HUBSPOT_EXAM_TYPE",
)
OWNER = """
import sys, time
from sandbox.stack import running
with running(hubspot=False, fsync=False) as stack:
    print("ready", flush=True)
    time.sleep(3600)
"""


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition()` is true, or fail saying `what` did not happen."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone. Nobody may be there to collect an orphan's status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def family(pid: int) -> list[psutil.Process]:
    """A process and everything it started."""
    owner = psutil.Process(pid)
    return [owner, *owner.children(recursive=True)]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without other servers, and the folder where the stack makes its own."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def serve(scratch: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that runs `python -m sandbox serve`; all are ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "serve", "--no-fsync", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        with process:
            pass


def sandbox(*arguments: str) -> str:
    """Run `python -m sandbox`; its standard output. Fails the test if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_server_of_a_running_stack_answers_at_its_url(scratch):
    with running(fsync=False, contacts=3, exams=2) as stack:
        with psycopg.connect(stack.database_url) as connection:
            settings = connection.execute(
                """
                select current_setting('fsync'), current_setting('max_connections')::int,
                       current_setting('TimeZone'), current_setting('server_encoding')
                """
            ).fetchone()
        with redis.Redis.from_url(stack.redis_url) as client:
            memory = client.config_get("maxmemory*")
        answer = httpx.get(
            f"{stack.hubspot_base_url}/crm/objects/2026-09/contacts",
            headers={"Authorization": f"Bearer {stack.hubspot_access_token}"},
        )
    assert settings[:2] == ("off", 320)
    assert settings[2] in ("UTC", "GMT")
    assert settings[3] == "UTF8"
    assert memory["maxmemory"] == str(100 * 2**20)
    assert memory["maxmemory-policy"] == "noeviction"
    assert answer.status_code == 200
    assert list(scratch.iterdir()) == []


def test_the_servers_refuse_whoever_does_not_know_the_password(stack):
    for name in NAMES[:2]:
        if os.environ.get(name):
            pytest.skip(f"{name} names another server")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stack.database_url, password="wrong")
    client = redis.Redis.from_url(stack.redis_url.replace("redis://:", "redis://:not-"))
    with client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_part_that_is_left_out_has_no_url(serve):
    process = serve("--no-hubspot", "--no-valkey")
    stack = Stack(**json.loads(process.stdout.readline()))
    assert stack.environment() == {"DATABASE_URL": stack.database_url}


def test_fsync_is_on_unless_it_is_switched_off(scratch):
    with (
        running(hubspot=False, valkey=False) as stack,
        psycopg.connect(stack.database_url) as connection,
    ):
        assert connection.execute("show fsync").fetchone() == ("on",)


def test_the_end_of_standard_input_stops_everything(serve, scratch):
    process = serve("--no-hubspot")
    process.stdout.readline()
    everything = family(process.pid)
    assert len(everything) > 2
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(serve, scratch, number):
    process = serve("--no-hubspot")
    process.stdout.readline()
    everything = family(process.pid)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")
    assert list(scratch.iterdir()) == []


def test_killing_the_program_that_uses_a_stack_leaves_nothing_behind(scratch):
    program = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdout.readline() == "ready\n"
        everything = family(program.pid)
        names = " ".join(process.name() for process in everything)
        assert "postgres" in names
        assert "valkey" in names
        program.kill()
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")
    eventually(lambda: not any(scratch.glob("sandbox-*/")), "the folders are deleted")


@pytest.mark.skipif(not children._can_die_with_parent(), reason="needs setpriv --pdeathsig")
def test_killing_the_owner_of_the_servers_stops_them_too(serve):
    process = serve("--no-hubspot")
    process.stdout.readline()
    everything = family(process.pid)
    process.kill()
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_when_a_server_dies_the_stack_says_which_and_stops(serve, scratch, name):
    process = serve("--no-hubspot")
    process.stdout.readline()
    everything = family(process.pid)
    victim = next(each for each in everything if each.name() == name)
    victim.kill()
    stderr = process.stderr.read()
    assert process.wait(PATIENCE) == 1
    assert f"{name.removesuffix('-server')} ended with status -9" in stderr
    assert "ready to accept connections" in stderr.lower()
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")
    assert list(scratch.iterdir()) == []


def test_servers_that_the_environment_names_are_used_and_not_started(
    serve, stack, redis_url, monkeypatch
):
    named = Stack(
        stack.database_url, redis_url, "http://127.0.0.1:9", "a-token", "2-1234", "2-5678"
    )
    for name, value in named.environment().items():
        monkeypatch.setenv(name, value)
    process = serve()
    assert Stack(**json.loads(process.stdout.readline())) == named
    assert len(family(process.pid)) == 1


def test_a_database_of_its_own_is_made_on_a_named_server_and_dropped(
    connect, empty_database_url, monkeypatch
):
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    with running(hubspot=False, valkey=False, own_database=True) as used:
        assert used.database_url != empty_database_url
        name = connect(used.database_url).info.dbname
    databases = connect(empty_database_url).execute(
        "select count(*) from pg_database where datname = %s", [name]
    )
    assert databases.fetchone() == (0,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:{port}/nothing"),
        ("REDIS_URL", "redis://127.0.0.1:{port}/0"),
        ("HUBSPOT_BASE_URL", "http://127.0.0.1:{port}"),
    ],
)
def test_a_named_server_that_does_not_answer_is_an_error(serve, scratch, monkeypatch, name, value):
    monkeypatch.setenv(name, value.format(port=children.free_port()))
    process = serve()
    stderr = process.stderr.read()
    assert process.wait(PATIENCE) == 1
    assert f"{name} is set, but" in stderr
    assert "Traceback" not in stderr
    assert list(scratch.iterdir()) == []


def test_a_stack_that_cannot_start_gives_its_reason(scratch, monkeypatch, tmp_path):
    monkeypatch.setenv("SANDBOX_PG_BINDIR", str(tmp_path))
    result = CliRunner().invoke(main, ["serve", "--no-hubspot", "--ignore-stdin"])
    assert result.exit_code == 1
    assert f"no Postgres server in {tmp_path}" in result.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_without_user_namespaces_runs_postgres_as_nobody(monkeypatch):
    monkeypatch.setattr(postgres, "user_namespaces", lambda: False)
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        server = postgres.start(folder, fsync=False)
        user = psutil.Process(server.child.process.pid).uids().real
        with psycopg.connect(server.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        server.child.stop()
    finally:
        subprocess.check_call(["rm", "-rf", str(folder)])
    assert user == postgres.NOBODY


@pytest.fixture
def state_dir(scratch: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder for a background stack, which is stopped afterwards."""
    folder = tmp_path / "state"
    yield folder
    sandbox("down", "--state-dir", str(folder))


def test_a_background_stack_prints_one_line_for_eval_each_time(state_dir, scratch):
    options = ["--state-dir", str(state_dir)]
    line = sandbox("up", "--no-migrate", "--contacts=1", "--exams=1", *options)
    assert line.count("\n") == 1
    assert sandbox("up", *options) == line
    assert sandbox("env", *options) == line

    shell = f'{line}printf "%s\\n" "$DATABASE_URL" "$REDIS_URL" "$HUBSPOT_BASE_URL"'
    urls = subprocess.check_output(["sh", "-c", shell], text=True).split()
    psycopg.connect(urls[0]).close()
    with redis.Redis.from_url(urls[1]) as client:
        assert client.ping()
    assert httpx.get(urls[2]).status_code < 500

    pid = json.loads((state_dir / "state.json").read_text())["pid"]
    everything = family(pid)
    sandbox("down", *options)
    eventually(lambda: all(map(has_ended, everything)), "the end of every process")
    assert not (state_dir / "state.json").exists()
    assert list(scratch.iterdir()) == []


def test_a_stale_state_file_stops_nobody_and_starts_afresh(state_dir):
    options = ["--state-dir", str(state_dir)]
    stale = {"pid": os.getpid(), "stack": {"database_url": "postgresql://127.0.0.1:9/old"}}
    state_dir.mkdir()
    (state_dir / "state.json").write_text(json.dumps(stale))

    result = CliRunner().invoke(main, ["env", *options])
    assert result.exit_code == 1
    assert "no sandbox runs" in result.output

    sandbox("down", *options)  # a signal would end this test run
    assert not (state_dir / "state.json").exists()

    (state_dir / "state.json").write_text("{ torn")
    line = sandbox("up", "--no-migrate", "--contacts=1", "--exams=1", *options)
    assert "old" not in line
    assert json.loads((state_dir / "state.json").read_text())["pid"] != os.getpid()


def test_a_background_stack_that_was_killed_can_be_started_again(state_dir):
    options = ["--no-migrate", "--contacts=1", "--exams=1", "--state-dir", str(state_dir)]
    first = sandbox("up", *options)
    pid = json.loads((state_dir / "state.json").read_text())["pid"]
    everything = family(pid)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: has_ended(everything[0]), "the end of the owner")
    assert sandbox("up", *options) != first
    for process in everything[1:]:  # without setpriv the kernel has not ended them
        if not has_ended(process):
            process.kill()


def test_every_command_explains_itself():
    for command in ([], ["serve"], ["up"], ["down"], ["env"]):
        result = CliRunner().invoke(main, [*command, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.output


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_migrated_database_of_its_own(connect, database_url, turn):
    with connect() as connection:
        connection.execute("create table public.left_behind (id int)")
        migrated = connection.execute(
            "select to_regclass('hubspot_sync.hubspot_bookings') is not null"
        )
        assert migrated.fetchone() == (True,)


def test_an_empty_database_has_no_schema_of_ours(connect, empty_database_url):
    with connect(empty_database_url) as connection:
        schemas = connection.execute(
            r"select nspname from pg_namespace where nspname not like 'pg\_%'"
        ).fetchall()
    assert sorted(schemas) == [("information_schema",), ("public",)]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_redis(redis_url, turn):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_each_simulator_begins_empty(hubspot):
    answer = httpx.get(
        f"{hubspot.url}/crm/objects/2026-09/contacts",
        headers={"Authorization": f"Bearer {hubspot.token}"},
    )
    assert answer.json()["results"] == []


def test_pgtap_is_taken_from_the_cache_without_a_download(monkeypatch, tmp_path):
    kept = tmp_path / "pgtap.sql"
    kept.write_text("-- kept")
    monkeypatch.setattr(pgtap, "cache", lambda: kept)
    monkeypatch.setattr(pgtap, "_SOURCES", {})
    assert pgtap.sql() == "-- kept"


def test_pgtap_is_kept_after_a_download(monkeypatch, tmp_path):
    monkeypatch.setattr(pgtap, "cache", lambda: tmp_path / "share" / "pgtap.sql")
    monkeypatch.setattr(pgtap, "_SOURCES", {"npm": lambda folder: "-- fetched"})
    assert pgtap.sql() == "-- fetched"
    monkeypatch.setattr(pgtap, "_SOURCES", {})
    assert pgtap.sql() == "-- fetched"


def test_a_tarball_with_another_checksum_is_refused():
    with pytest.raises(FetchFailed, match="checksum"):
        pgtap.extract(b"something else")


def test_without_any_source_of_pgtap_the_error_names_each_reason(monkeypatch, tmp_path):
    def fail(folder: Path) -> str:
        raise FetchFailed("out of reach")

    monkeypatch.setattr(pgtap, "cache", lambda: tmp_path / "pgtap.sql")
    monkeypatch.setattr(pgtap, "_SOURCES", {"npm": fail, "Debian": fail})
    with pytest.raises(pgtap.PgtapUnavailable, match=r"npm: out of reach; Debian: out of reach"):
        pgtap.sql()
