"""The commands that look at HubSpot without being told: poll and reconcile."""

import sys

import click

from glue import budget, config, display, display_compared, follow
from glue import poll as polling
from glue import reconcile as reconciling
from glue.cli_parts import is_watched, json_option, print_json, told
from glue.db import connect
from glue.hubspot import HubSpot
from glue.records import TABLES
from glue.rpc import Rpc

LISTED = 5  # comparisons that are shown
IDLE = 15.0  # seconds between two looks whether a poll is due


@click.command
@click.option("--once/--follow", default=True, help="One poll, if it is due, or as a service.")
@click.option("--now", is_flag=True, help="Also when it is not due yet.")
@click.option("--everything", is_flag=True, help="Exams and bookings of long ago, too.")
@click.option("--archived", is_flag=True, help="Look through HubSpot's recycling bin instead.")
@json_option
def poll(once: bool, now: bool, everything: bool, archived: bool, as_json: bool) -> None:
    """Ask HubSpot what changed, for when no webhook tells it.

    What is found goes to the inbox; «glue receive» reads it. While webhooks arrive polls become
    rarer, so cron may call it every five minutes: it decides by itself whether it is due.

    \b
    Examples:
      glue poll --once             # cron: */5 * * * *
      glue poll --once --now --json
      glue poll --everything --now
      glue poll --archived         # what was deleted there
      glue poll --follow           # a service
    """
    settings = config.hubspot()
    if not once:
        if now or everything or archived:
            raise click.UsageError("--follow takes none of --now, --everything and --archived")
        _follow(settings, as_json)
        return
    with (
        connect(config.database_url()) as connection,
        HubSpot(settings) as hubspot,
        display.spinner("looking at", quiet=as_json) as progress,
    ):
        rpc = Rpc(connection)
        if not (now or archived or everything) and (due := rpc.poll_due()):
            if as_json:
                print_json({"due_in": due.total_seconds()})
            else:
                told(f"the next poll is due in {display.age(due)}")
            return
        hubspot.meter = budget.Budget(rpc)
        one = polling.Poll(rpc, hubspot, progress=progress)
        report = one.archived() if archived else one.run(everything=everything)
    if as_json:
        print_json(report.as_json())
    else:
        display_compared.polled(report, watched=is_watched())
    if report.forbidden:
        sys.exit(77)


def _follow(settings: config.HubSpotConfig, as_json: bool) -> None:
    stop = follow.stop_on_signals()
    with HubSpot(settings) as hubspot:

        def run() -> bool:
            with connect(config.database_url()) as connection:
                rpc = Rpc(connection)
                if rpc.poll_due():
                    return False
                hubspot.meter = budget.Budget(rpc)
                report = polling.Poll(rpc, hubspot, stopped=stop.is_set).run()
            if report.queued or report.errors:
                if as_json:
                    print_json(report.as_json())
                else:
                    display_compared.polled(report, watched=True)
            return False

        follow.follow(
            run, stop=stop, idle=IDLE, failed=lambda error: click.echo(error.message, err=True)
        )


@click.command
@click.option("--full", is_flag=True, help="Compare every record, not only what changed.")
@click.option("--list", "listing", is_flag=True, help="Show the last comparisons; compare nothing.")
@json_option
def reconcile(full: bool, listing: bool, as_json: bool) -> None:
    """Compare both sides, and have what differs read and sent.

    Compares what changed since the last time, in both directions; with --full every record, which
    also finds what either side lacks. Exit 1 where something still differs in the end.

    \b
    Examples:
      glue reconcile               # cron: 40 * * * *
      glue reconcile --full        # cron: 20 2 * * *
      glue reconcile --list
      glue reconcile --json
    """
    if listing:
        with connect(config.database_url()) as connection:
            rows = Rpc(connection).list_reconciliations(LISTED)
        print_json({"reconciliations": rows}) if as_json else display_compared.reconciliations(rows)
        return
    stop = follow.stop_on_signals()
    with (
        connect(config.database_url()) as connection,
        # Pages are fetched while others are compared: each has a connection of its own.
        connect(config.database_url()) as budgets,
        HubSpot(config.hubspot()) as hubspot,
        display.bars(quiet=as_json) as bar,
    ):
        rpc = Rpc(connection)
        hubspot.meter = budget.Budget(Rpc(budgets))
        report = reconciling.Reconcile(
            rpc,
            hubspot,
            stopped=stop.is_set,
            progress=lambda table, count: bar(table, count, None),
        ).run(everything=full)
    if as_json:
        print_json(report.as_json())
    else:
        display_compared.reconciled(report, watched=is_watched())
    if report.forbidden:
        sys.exit(77)
    if report.stopped:
        click.echo(
            "stopped before the end: the next comparison begins where this one did", err=True
        )
        sys.exit(75)
    if report.received.dead or report.drained.dead:
        click.echo(
            "dead letters: glue inbox list --state dead; glue queue list --state dead", err=True
        )
    if report.drift or report.received.dead or report.drained.dead:
        sys.exit(1)
    if report.skipped:
        names = ", ".join(TABLES[table] for table in report.skipped)
        click.echo(f"paused, not compared: {names}. «glue queue status» says why", err=True)
        sys.exit(75)
    if report.received.failed or report.drained.failed:
        sys.exit(75)
