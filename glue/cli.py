"""The command line. One command a verb; each verb is a module of its own.

Exit codes, for cron: 0 done, 1 something needs a person, 2 called or configured wrongly,
75 try again later, 77 permission missing.
"""

import dataclasses
import os
import sys

import click

from glue import (
    cli_conflicts,
    cli_drain,
    cli_events,
    cli_import,
    cli_inbox,
    cli_poll,
    cli_queue,
    cli_receive,
    cli_serve,
    cli_sync,
    config,
    display,
    display_demo,
    display_inbox,
    doctor,
)
from glue.cli_parts import Group, is_watched, json_option, print_json, told
from glue.db import connect
from glue.errors import GlueError
from glue.rpc import Rpc
from glue.words import counted


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mock-exam-booking-core")
def main() -> None:
    """Keeps HubSpot true to the booking core in Postgres.

    \b
    Environment:
      DATABASE_URL           postgresql://user@host/database   (required)
      HUBSPOT_ACCESS_TOKEN   a private app's token             (to talk to HubSpot)
      HUBSPOT_BASE_URL       default https://api.hubapi.com
      HUBSPOT_BOOKING_TYPE   the bookings' object type id     (the same)
      HUBSPOT_EXAM_TYPE      the exams' object type id        (the same)
      REDIS_URL              optional                        (needed for events)
      WEBHOOK_PUBLIC_URL, HUBSPOT_CLIENT_SECRET, SYNC_SECRET, DOOR_SECRET: see glue serve --help
    \b
    Without a terminal, as under cron, success is silent; trouble goes to stderr. With --json
    every command prints one object.
    """


main.add_command(cli_drain.drain)
main.add_command(cli_drain.push)
main.add_command(cli_queue.queue)
main.add_command(cli_queue.prune)
main.add_command(cli_receive.receive)
main.add_command(cli_inbox.inbox)
main.add_command(cli_conflicts.conflicts)


@main.command("advance")
@json_option
def advance_command(as_json: bool) -> None:
    """Do what the time has come for: activate exams on schedule, complete past bookings.

    \b
    Example:
      glue advance                 # cron: */5 * * * *
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        activated = rpc.advance("api.activate_due_exams")
        completed = rpc.advance("api.complete_past_bookings")
    if as_json:
        print_json({"activated": activated, "completed": completed})
    else:
        told(f"{counted(activated, 'exam')} activated, {counted(completed, 'booking')} completed")


@main.command("refresh")
@click.option("--force", is_flag=True, help="Also when nothing has changed.")
@json_option
def refresh_command(force: bool, as_json: bool) -> None:
    """Refresh the analytics, if anything they are made of has changed.

    \b
    Examples:
      glue refresh                 # cron: 15 3 * * *
      glue refresh --force
    """
    with connect(config.database_url()) as connection:
        refreshed = Rpc(connection).refresh_analytics(force)
    if as_json:
        print_json({"refreshed": refreshed})
    else:
        told("refreshed" if refreshed else "nothing has changed since the last refresh")


@main.command("verify")
@json_option
def verify_command(as_json: bool) -> None:
    """Check every invariant of the system. Changes nothing; exit 1 when one is broken.

    \b
    Example:
      glue verify && echo all is well
    """
    with connect(config.database_url()) as connection:
        checks = Rpc(connection).verify()
    if as_json:
        print_json({"checks": checks})
    elif is_watched():
        display.checks(checks)
    else:
        display.broken(checks)
    if any(check["violations"] for check in checks):
        sys.exit(1)


@main.command("doctor")
@json_option
def doctor_command(as_json: bool) -> None:
    """Look whether Postgres, HubSpot and Redis are as they must be, and say what to do.

    Exit 1 where something is not, a dead letter or a pause included. A warning is no failure.

    \b
    Example:
      glue doctor
    """
    findings = doctor.examine(os.environ)
    if as_json:
        print_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        display.findings(findings)
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@main.command("demo")
@click.option(
    "--students",
    type=click.IntRange(min=1),
    default=250,
    show_default=True,
    help="How many rush the one exam.",
)
@click.option("--seed", default=7, show_default=True, help="Of HubSpot's data and of chance.")
@json_option
def demo_command(students: int, seed: int, as_json: bool) -> None:
    """Show the whole thing on this machine: import, a rush, the drain, the analytics.

    Starts a Postgres, a Valkey and a HubSpot simulator of its own (or a database of its own on
    the server of DATABASE_URL) and removes them again. Exit 1 when an invariant fails.

    \b
    Examples:
      glue demo
      glue demo --json | python3 -m json.tool
    """
    try:
        from glue import demo  # needs the extra «sandbox»
        from sandbox.stack import StackError
    except ImportError as error:
        raise GlueError(
            f"the demo needs a package that is not installed: {error.name}",
            "Run «pip install 'mock-exam-booking-core[sandbox]'», or «make demo» in a checkout.",
        ) from error
    try:
        with display.steps(quiet=as_json) as step:
            figures, analytics, met = demo.run(students=students, seed=seed, step=step)
    except StackError as error:
        raise GlueError(" ".join(str(error).split())) from error
    if as_json:
        print_json(figures)
    else:
        display_demo.demo(figures, analytics)
        display_inbox.conflicts(met, title="Where edits of both sides met")
    demo.judge(figures)


main.add_command(cli_events.main)
main.add_command(cli_serve.serve)
main.add_command(cli_sync.sync)
main.add_command(cli_poll.poll)
main.add_command(cli_poll.reconcile)
main.add_command(cli_import.import_command)
