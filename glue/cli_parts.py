"""What the modules of the command line share: errors as exit codes, JSON, and silence for cron."""

import dataclasses
import json
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click

from glue import budget, config, follow
from glue.errors import GlueError

LONGEST_LEASE = 86_400.0


class Failure(click.ClickException):
    """A GlueError as the command line shows it: one line, what to do, no traceback."""

    def __init__(self, error: GlueError) -> None:
        super().__init__(f"{error.message}\n  {error.hint}" if error.hint else error.message)
        self.exit_code = error.exit_code


class Group(click.Group):
    """Turns our errors into exit codes, for every command."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GlueError as error:
            raise Failure(error) from error


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
lease_option = click.option(
    "--lease", default=120.0, show_default=True, help="Seconds claimed records are ours."
)
seconds_option = click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Begin no batch after so many seconds.",
)
id_type = click.IntRange(1, 2**63 - 1)


def confirm(question: str) -> None:
    """Goes on if a person says yes. Raises GlueError where nobody is there to be asked."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise GlueError("nobody is there to be asked", "Without a terminal give --yes.") from error
    if not agreed:
        raise click.Abort


def settings_for(lease: float) -> config.HubSpotConfig:
    """How to reach HubSpot, in requests that fit into a lease."""
    settings = config.hubspot()
    longest = settings.timeout + budget.PATIENCE
    if not longest < lease <= LONGEST_LEASE:
        raise click.UsageError(
            f"--lease must be longer than a request, {longest:g} s, and at most a day"
        )
    return settings


def stopped_after(seconds: float | None) -> Callable[[], bool]:
    """Whether a signal came, or the time is over."""
    stop = follow.stop_on_signals()
    if seconds is not None and math.isnan(seconds):
        raise click.UsageError("--for must be a number of seconds")
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: stop.is_set() or (end is not None and time.monotonic() >= end)


def follow_worker(
    run_once: Callable[[threading.Event], Any],
    done: str,
    line: Callable[[Any], None],
    as_json: bool,
) -> None:
    """Runs a worker as a service, and says what each round that did anything did.

    run_once: one round, until the event is set; its report. done: the field of the report that
    counts what was done. line: shows a report to a person.
    """
    stop = follow.stop_on_signals()
    errors: list[str] = []

    def run() -> bool:
        nonlocal errors
        report = run_once(stop)
        did = getattr(report, done)
        if did or report.failed:
            print_json(dataclasses.asdict(report)) if as_json else line(report)
        # In an outage every round would say the same.
        for error in report.errors:
            if error not in errors:
                click.echo(error, err=True)
        if did or report.errors:
            errors = report.errors
        return bool(did)

    follow.follow(run, stop=stop, failed=lambda error: click.echo(error.message, err=True))


def leave(report: Any, status: list[dict[str, Any]]) -> None:
    """Ends a worker's run with what cron should know. status: of its queue, a row a table."""
    if report.forbidden:
        sys.exit(77)
    if report.dead or any(row["dead"] for row in status):
        sys.exit(1)
    if report.failed:
        sys.exit(75)


def print_json(value: Any) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(value, default=str))


def is_watched() -> bool:
    """Whether a person looks on. Cron mails whatever is printed: to it, success is silent."""
    return sys.stdout.isatty()


def told(text: str) -> None:
    """Says what went well, to a person."""
    if is_watched():
        click.echo(text)
