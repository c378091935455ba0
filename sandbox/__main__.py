"""`python -m sandbox`: the servers from the command line."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import click

from sandbox import rest
from sandbox.children import ChildError
from sandbox.fetch import FetchFailed
from sandbox.stack import START_PATIENCE, Stack, StackError, serve, spawn, wait_until_ready

_state_dir = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=".sandbox",
    show_default=True,
    help="Where the background stack keeps its state and its log.",
)
_seed = click.option("--seed", default=1, show_default=True, help="Seed of the HubSpot simulator.")
_contacts = click.option("--contacts", type=click.IntRange(0), help="Contacts in the simulator.")
_exams = click.option("--exams", type=click.IntRange(0), help="Mock exams in the simulator.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Postgres, Valkey and a HubSpot simulator on this machine.

    Everything listens on 127.0.0.1 and is deleted when it stops. A server that DATABASE_URL,
    REDIS_URL or HUBSPOT_BASE_URL (with its token and types) names is used and not started.
    SANDBOX_PG_BINDIR names another Postgres installation.

    \b
    Example:
      eval "$(python -m sandbox up)"
      psql "$DATABASE_URL"
      python -m sandbox down
    """


@main.command("serve")
@click.option("--no-valkey", is_flag=True, help="Leave Valkey out.")
@click.option("--no-hubspot", is_flag=True, help="Leave the HubSpot simulator out.")
@click.option("--http", is_flag=True, help="Start the HTTP gateway too.")
@click.option(
    "--own-database", is_flag=True, help="Use a new database on the server of DATABASE_URL."
)
@click.option("--no-fsync", is_flag=True, help="Faster, but a power cut ruins the data.")
@click.option("--migrate", is_flag=True, help="Apply the migrations to the database.")
@click.option("--ignore-stdin", is_flag=True, help="Go on after the end of standard input.")
@_seed
@_contacts
@_exams
def serve_command(
    no_valkey: bool,
    no_hubspot: bool,
    http: bool,
    own_database: bool,
    no_fsync: bool,
    migrate: bool,
    ignore_stdin: bool,
    seed: int,
    contacts: int | None,
    exams: int | None,
) -> None:
    """Run the servers in the foreground; print their URLs as one JSON line.

    Stops everything on SIGTERM, on Ctrl-C and, unless standard input is a terminal, when
    standard input ends. If a server dies, says which one and stops with status 1.

    \b
    Example:
      python -m sandbox serve --no-hubspot --no-fsync
    """
    try:
        serve(
            with_valkey=not no_valkey,
            with_hubspot=not no_hubspot,
            with_http=http,
            own_database=own_database,
            fsync=not no_fsync,
            run_migrations=migrate,
            seed=seed,
            contacts=contacts,
            exams=exams,
            watch_stdin=not ignore_stdin,
        )
    except (ChildError, StackError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@_state_dir
@click.option("--no-migrate", is_flag=True, help="Leave the new database empty.")
@click.option("--http", is_flag=True, help="Start the HTTP gateway too, for the examples.")
@_seed
@_contacts
@_exams
def up(
    state_dir: Path,
    no_migrate: bool,
    http: bool,
    seed: int,
    contacts: int | None,
    exams: int | None,
) -> None:
    """Start the servers in the background; print one line for `eval`.

    The line sets DATABASE_URL, REDIS_URL, HUBSPOT_BASE_URL, HUBSPOT_ACCESS_TOKEN,
    HUBSPOT_BOOKING_TYPE and HUBSPOT_EXAM_TYPE. Where the servers run already, prints their
    line again. A new database gets the migrations; one
    that DATABASE_URL names is left as it is.

    With --http a gateway answers supabase-js and supabase-py, and a new database gets the
    world of the examples. The line then also sets SUPABASE_URL, SUPABASE_ANON_KEY,
    SUPABASE_SERVICE_KEY and STUDENT_TOKEN, and NODE and PSQL: programs that run the examples.

    \b
    Example:
      eval "$(python -m sandbox up)"
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with _lock(state_dir) as (lock, free):
        if not free:
            stack = _running_stack(state_dir)
            if http and not stack.supabase_url:
                raise click.ClickException(
                    "the sandbox runs already, without the HTTP gateway. Stop it, say\n"
                    "  unset DATABASE_URL REDIS_URL HUBSPOT_BASE_URL\n"
                    "and start it again."
                )
            click.echo("The sandbox runs already.", err=True)
            _say_which_node(stack)
            click.echo(_export_line(stack))
            return

        options = ["--ignore-stdin", f"--seed={seed}"]
        if http:
            options.append("--http")
            click.echo("Looking for Node and its packages ...", err=True)
            try:
                rest.scripts()  # here, since a download may take longer than a start
            except FetchFailed as error:
                raise click.ClickException(f"Node or its packages: {error}") from error
        if os.environ.get("DATABASE_URL"):
            click.echo("DATABASE_URL is set: that database is used as it is.", err=True)
        elif not no_migrate:
            options.append("--migrate")
        options += [] if contacts is None else [f"--contacts={contacts}"]
        options += [] if exams is None else [f"--exams={exams}"]

        (state_dir / "state.json").unlink(missing_ok=True)
        log = state_dir / "sandbox.log"
        with log.open("wb") as stderr:
            # The server process inherits the lock, and so holds it for as long as it lives.
            process = spawn(
                options, stdin=subprocess.DEVNULL, stderr=stderr, pass_fds=[lock.fileno()]
            )
        try:
            _write_state(state_dir, {"pid": process.pid})
            stack = wait_until_ready(process, log)
            _write_state(state_dir, {"pid": process.pid, "stack": asdict(stack)})
        except BaseException as error:
            process.terminate()
            process.wait()
            (state_dir / "state.json").unlink(missing_ok=True)
            if isinstance(error, StackError):
                raise click.ClickException(str(error)) from error
            raise
    click.echo(f"The sandbox runs, process {process.pid}; its log is {log}.", err=True)
    _say_which_node(stack)
    click.echo(_export_line(stack))


@main.command()
@_state_dir
def down(state_dir: Path) -> None:
    """Stop the servers that `up` started and delete their data."""
    with _lock(state_dir) as (_, free):
        if not free:
            pid = _wait_for_state(state_dir, "pid")
            with contextlib.suppress(ProcessLookupError):  # it may end at this moment
                os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_PATIENCE
    while True:
        with _lock(state_dir) as (_, ended):
            if ended:
                (state_dir / "state.json").unlink(missing_ok=True)
                break
        if time.monotonic() > deadline:
            raise click.ClickException(f"process {pid} does not end")
        time.sleep(0.05)
    click.echo("No sandbox was running." if free else "The sandbox has stopped.", err=True)


@main.command()
@_state_dir
def env(state_dir: Path) -> None:
    """Print the line for `eval` of the servers that `up` started.

    \b
    Example:
      eval "$(python -m sandbox env)"
    """
    with _lock(state_dir) as (_, free):
        if free:
            raise click.ClickException("no sandbox runs; start one with `python -m sandbox up`")
        click.echo(_export_line(_running_stack(state_dir)))


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[tuple[IO[str], bool]]:
    """Try to take the lock that a running stack holds.

    A state file may be left over from a machine that was switched off, and its process id
    may belong to another program by now. A lock cannot be left over.

    Yields:
        The open file, and whether the lock was free.
    """
    if not state_dir.is_dir():
        with open(os.devnull) as nothing:
            yield nothing, True
        return
    with (state_dir / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield file, False
        else:
            yield file, True


def _write_state(state_dir: Path, state: dict[str, Any]) -> None:
    new = state_dir / "state.json.new"
    new.touch(mode=0o600)  # it holds passwords
    new.write_text(json.dumps(state))
    new.replace(state_dir / "state.json")


def _wait_for_state(state_dir: Path, key: str) -> Any:
    """A value of the state of a stack that runs, or is being started by another `up`."""
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError):
            state = json.loads((state_dir / "state.json").read_text())
            if key in state:
                return state[key]
        with _lock(state_dir) as (_, free):
            if free:
                raise click.ClickException("the sandbox ended while it was starting")
        time.sleep(0.1)
    raise click.ClickException(
        f"a sandbox runs, but {state_dir / 'state.json'} does not say where; "
        f"find the process that holds {state_dir / 'lock'} and end it"
    )


def _running_stack(state_dir: Path) -> Stack:
    return Stack(**_wait_for_state(state_dir, "stack"))


def _say_which_node(stack: Stack) -> None:
    if stack.node and stack.node != shutil.which("node"):
        oldest = ".".join(map(str, rest.OLDEST_NODE))
        click.echo(
            f"This machine has no Node {oldest} or newer with npm. "
            f'Say "$NODE" instead of node:\nNODE={shlex.quote(stack.node)}',
            err=True,
        )


def _export_line(stack: Stack) -> str:
    variables = stack.environment().items()
    return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in variables)


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m sandbox"))
