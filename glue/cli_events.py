"""`glue events …`: the bus of booking events."""

import dataclasses
import shutil
import sys
from collections.abc import Callable

import click

from glue import config, display, events, follow
from glue.cli_parts import json_option, print_json, told
from glue.db import connect
from glue.errors import ConfigError, GlueError
from glue.rpc import Rpc
from glue.stream import Stream


def _complain(error: GlueError) -> None:
    click.echo(error.message, err=True)


def _runnable(command: tuple[str, ...], idle: float) -> events.Handle:
    if shutil.which(command[0]) is None:
        raise ConfigError(
            f"there is no command {command[0]}", "Give its path, or put its folder on PATH."
        )
    return events.run_command(list(command), idle / 3)


@click.group("events")
def main() -> None:
    """Publish booking events to Redis, and handle them. Each command takes --json.

    \b
    Examples:
      glue events publish --once
      glue events consume --group mailer -- ./send-mail
      glue events status --json
      glue events dead
    """


@main.command("publish")
@click.option("--once/--follow", default=True, help="Until nothing is left, or as a service.")
@click.option("--rebuild", is_flag=True, help="Delete the stream first, fill it from the log.")
@json_option
def publish_command(once: bool, rebuild: bool, as_json: bool) -> None:
    """Bring the Redis stream up to the log in Postgres.

    \b
    Examples:
      glue events publish --once             # cron: * * * * *
      glue events publish --follow           # a service; SIGTERM ends it
      glue events publish --once --rebuild   # after the database was set back
    """
    if rebuild and not once:
        raise click.UsageError("--rebuild goes with --once")
    database_url, stop = config.database_url(), follow.stop_on_signals()
    with Stream(config.need_redis_url()) as stream:

        def run() -> events.Published:
            with connect(database_url) as connection:
                publisher = events.Publisher(Rpc(connection), stream, stopped=stop.is_set)
                if rebuild:
                    stream.forget()
                return publisher.run_once()

        def show(report: events.Published, say: Callable[[str], None]) -> bool:
            if as_json:
                print_json(dataclasses.asdict(report))
            else:
                say(f"published {report.published}, newly logged {report.logged}")
            return bool(report.published)

        if once:
            show(run(), told)
        else:
            follow.follow(
                lambda: (report := run()).published > 0 and show(report, click.echo),
                stop=stop,
                failed=_complain,
            )


@main.command("consume")
@click.option("--group", metavar="NAME", required=True, help="Who consumes: one a task.")
@click.option("--once/--follow", default=True, help="Until nothing is left, or as a service.")
@click.option("--from-start", is_flag=True, help="A new group begins with the log's first event.")
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Deliveries before an event becomes a dead letter.",
)
@click.option(
    "--idle",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    help="Seconds after which the event of a consumer that died goes to another.",
)
@click.option(
    "--retry",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds between two attempts.",
)
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def consume_command(
    group: str,
    once: bool,
    from_start: bool,
    attempts: int,
    idle: float,
    retry: float,
    as_json: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND for each event of a group, in order, with the event as JSON on its input.

    Exit 0 says that the event is done. What failed as often as --attempts says goes to the dead
    letters. An event may come again after a crash: its id tells.

    \b
    Examples:
      glue events consume --group mailer -- ./send-mail --quiet
      glue events consume --group mirror --from-start --follow -- ./mirror
    """
    handle = _runnable(command, idle)
    database_url, stop = config.database_url(), follow.stop_on_signals()
    with Stream(config.need_redis_url()) as stream:

        def run() -> events.Consumed:
            with connect(database_url) as connection:
                consumer = events.Consumer(
                    Rpc(connection),
                    stream,
                    group,
                    handle,
                    from_start=from_start,
                    attempts=attempts,
                    idle=idle,
                    retry=retry,
                    stopped=stop.is_set,
                    sleep=stop.wait,
                )
                return consumer.run_once()

        def show(report: events.Consumed, say: Callable[[str], None]) -> None:
            if as_json:
                print_json(dataclasses.asdict(report))
                return
            say(f"done {report.done}, for later {report.failed}, dead {report.dead}")
            for error in report.errors:
                click.echo(f"  {error}", err=True)

        def follow_on() -> bool:
            report = run()
            if report.done or report.failed or report.dead:
                show(report, click.echo)
            return bool(report.done or report.dead)

        if not once:
            follow.follow(follow_on, stop=stop, failed=_complain)
            return
        report = run()
        show(report, told)
        if report.dead:
            sys.exit(1)
        if report.failed:
            sys.exit(75)


@main.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """Tell how far log, stream and groups are, and how many dead letters there are.

    \b
    Example:
      glue events status
    """
    database_url = config.database_url()
    with Stream(config.need_redis_url()) as stream, connect(database_url) as connection:
        seen = events.status(Rpc(connection), stream)
    if as_json:
        print_json(seen)
    else:
        display.events(seen)


@main.command("dead")
@click.option("--group", metavar="NAME", help="Of this group alone; needed with --redrive.")
@click.option("--redrive", is_flag=True, help="Run COMMAND for each; delete what is done.")
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def dead_command(group: str | None, redrive: bool, as_json: bool, command: tuple[str, ...]) -> None:
    """List the dead letters, or try those of a group once more.

    \b
    Examples:
      glue events dead
      glue events dead --group mailer --redrive -- ./send-mail
    """
    if redrive and not (group and command):
        raise click.UsageError("--redrive needs --group and a COMMAND")
    if command and not redrive:
        raise click.UsageError("a COMMAND goes with --redrive")
    with Stream(config.need_redis_url()) as stream:
        if not redrive:
            letters = [dataclasses.asdict(letter) for letter in stream.letters(group)]
            if as_json:
                print_json({"letters": letters})
            else:
                display.letters(letters)
            return
        report = events.redrive(stream, group or "", _runnable(command, 60.0))
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        click.echo(f"done {report.done}, still dead {report.failed}")
        for error in report.errors:
            click.echo(f"  {error}", err=True)
    if report.failed:
        sys.exit(1)
