"""The command that brings an account in: import."""

import dataclasses
import sys

import click

from glue import budget, config, display, display_compared, follow, importing
from glue.cli_parts import is_watched, json_option, print_json
from glue.db import connect
from glue.hubspot import HubSpot
from glue.records import ORDER, object_type
from glue.rpc import Rpc
from glue.words import counted

LISTED = 20  # refused records that are named; the others are counted


@click.command("import")
@click.option("--restart", is_flag=True, help="Begin anew, though one is unfinished.")
@json_option
def import_command(restart: bool, as_json: bool) -> None:
    """Bring HubSpot's exams, contacts and bookings into Postgres, with their links.

    Goes on where an unfinished import stopped; a finished one begins anew, and changes only what
    is new. So an empty database is rebuilt from HubSpot. A pause does not hold it up.

    \b
    Examples:
      glue import
      glue import --json
      glue import --restart
    """
    stop = follow.stop_on_signals()
    with (
        connect(config.database_url()) as connection,
        # Pages are fetched while others are written: each has a connection of its own.
        connect(config.database_url()) as budgets,
        HubSpot(config.hubspot()) as hubspot,
        display.bars(quiet=as_json) as bar,
    ):
        rpc = Rpc(connection)
        if pauses := rpc.list_pauses():
            display.pauses(pauses, display.err)
            click.echo("An import does not wait for the end of a pause.", err=True)
        hubspot.meter = budget.Budget(Rpc(budgets))
        if is_watched() and not as_json:
            for table in ORDER:
                bar(table, 0, hubspot.count(object_type(hubspot, table)))
        report = importing.run(
            rpc,
            hubspot,
            lambda table, count: bar(table, count, None),
            restart=restart,
            stopped=stop.is_set,
        )
        refused = rpc.list_refused(LISTED) if report.refused else []
    if as_json:
        print_json(dataclasses.asdict(report) | {"reasons": refused})
    else:
        display_compared.imported(report, refused, watched=is_watched())
    if report.refused:
        click.echo(
            f"{counted(report.refused, 'record')} refused:"
            " see hubspot_sync.sync_errors for the reasons.",
            err=True,
        )
        sys.exit(1)
    if stop.is_set():
        click.echo("stopped: the next import goes on behind the last page it took", err=True)
        sys.exit(75)
