"""`glue sync`: one record, or all, at once."""

import dataclasses
import sys

import click

from glue import budget, config, display, follow, parked, syncing
from glue.cli_parts import json_option, print_json, told
from glue.db import connect
from glue.hubspot import HubSpot
from glue.rpc import Rpc
from glue.words import counted

UNDONE = {"queued": "is queued", "dead": "cannot be brought up to date"}


@click.command("sync")
@click.argument("kind", type=click.Choice(["exam", "booking", "contact"]), required=False)
@click.argument("id", required=False)
@click.option("--all", "everything", is_flag=True, help="Contacts, and exams of use now.")
@click.option(
    "--older-than",
    type=click.FloatRange(0, 315_360_000),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Leave alone what was read within them.",
)
@json_option
def sync(
    kind: str | None, id: str | None, everything: bool, older_than: float, as_json: bool
) -> None:
    """Bring a record up to date with HubSpot now, both ways: an exam with its bookings.

    ID is ours, HubSpot's, a booking_id or a student_id. What was read within five seconds is left
    alone.

    \b
    Examples:
      glue sync exam 4711
      glue sync booking BK-20251203-ABC123
      glue sync contact S000001 --older-than 60
      glue sync --all
    """
    if everything == (kind is not None) or (kind is not None and id is None):
        raise click.UsageError("give a kind and an id, or --all")
    stop = follow.stop_on_signals()
    with (
        connect(config.database_url()) as connection,
        HubSpot(config.hubspot()) as hubspot,
        display.spinner("synchronising", quiet=as_json),
    ):
        rpc = Rpc(connection)
        hubspot.meter = budget.Budget(rpc)
        _, trouble = parked.bring_in(rpc, config.redis_url(), config.object_types())
        if trouble:
            click.echo(trouble, err=True)
        report = syncing.run(
            rpc, hubspot, kind or "all", id, older_than, stopped=stop.is_set, sleep=stop.wait
        )
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        told(
            f"{report.state}: {counted(report.records, 'record')} to be read,"
            f" {counted(report.received, 'signal')} done, {counted(report.sent, 'change')} sent,"
            f" {report.failed} for later, {report.dead} dead"
        )
        what = "" if everything else f"{kind} {id} {UNDONE.get(report.state, 'has trouble')}: "
        for error in report.errors:
            click.echo(f"{what}{error}", err=True)
        for error in report.meanwhile:
            click.echo(f"meanwhile: {error}", err=True)
    if report.forbidden:
        sys.exit(77)
    if report.dead:
        sys.exit(1)
    if report.failed or report.state == "queued":
        sys.exit(75)
