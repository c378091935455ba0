"""The commands that send: drain and push."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from glue import budget, config, display, queue
from glue import drain as draining
from glue import push as pushing
from glue.cli_parts import (
    follow_worker,
    is_watched,
    json_option,
    lease_option,
    leave,
    print_json,
    seconds_option,
    settings_for,
    stopped_after,
    told,
)
from glue.db import connect
from glue.hubspot import HubSpot
from glue.rpc import Rpc
from glue.words import counted


@contextmanager
def _worker(
    hubspot: HubSpot, lease: float, lane: str | None, stopped: Callable[[], bool], **options: Any
) -> Iterator[tuple[Rpc, draining.Drain]]:
    """A worker over a connection of its own, which draws its calls from everybody's budget."""
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        hubspot.meter = budget.Budget(rpc)
        yield rpc, draining.Drain(rpc, hubspot, lease=lease, lane=lane, stopped=stopped, **options)


@click.command
@click.option("--once/--follow", default=True, help="Until nothing is due, or as a service.")
@click.option(
    "--lane",
    type=click.Choice(["urgent", "bulk"]),
    help="urgent: nothing else. bulk: everything. Default: as the setting «profile» says.",
)
@seconds_option
@lease_option
@click.option("--dry-run", is_flag=True, help="Tell what would be sent, and what is stuck and why.")
@json_option
def drain(
    once: bool,
    lane: str | None,
    seconds: float | None,
    lease: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send the outbox to HubSpot.

    \b
    Examples:
      glue drain --once            # cron: */2 * * * *
      glue drain --once --for 100  # ends before the next run begins
      glue drain --follow          # a service; SIGTERM ends it after the batch in hand
      glue drain --once --json
      glue drain --dry-run         # sends nothing
    """
    if dry_run:
        with connect(config.database_url()) as connection:
            seen = queue.preview(Rpc(connection))
        if as_json:
            print_json(dataclasses.asdict(seen))
        else:
            display.preview(seen, queue.MOST)
        return
    settings = settings_for(lease)
    if once:
        with (
            HubSpot(settings) as hubspot,
            display.spinner("sending", quiet=as_json) as progress,
            _worker(hubspot, lease, lane, stopped_after(seconds), progress=progress) as (
                rpc,
                worker,
            ),
        ):
            report = worker.run_once()
            status, pauses = rpc.queue_status(), rpc.list_pauses()
        if as_json:
            print_json({**dataclasses.asdict(report), "queue": status})
        else:
            display.drained(report, status, pauses, watched=is_watched())
        leave(report, status)
        return

    with HubSpot(settings) as hubspot:

        def round_of(stop: threading.Event) -> draining.DrainReport:
            # A connection a round: a server that came back is found, and none is held idle.
            with _worker(hubspot, lease, lane, stop.is_set) as (_, worker):
                return worker.run_once()

        follow_worker(round_of, "sent", display.line, as_json)


@click.command
@click.option("--all", "everything", is_flag=True, help="Whatever HubSpot is known to hold.")
@seconds_option
@lease_option
@json_option
def push(everything: bool, seconds: float | None, lease: float, as_json: bool) -> None:
    """Compare every record with what HubSpot holds, and send what differs.

    Sends the whole outbox with it, also where the setting «profile» is thrifty. With --all every
    record is sent, and exams that are gone in HubSpot are made anew: an account that lost its
    records is filled again.

    \b
    Examples:
      glue push                    # cron: 10 */2 * * *
      glue push --json
      glue push --all
    """
    settings = settings_for(lease)
    with (
        HubSpot(settings) as hubspot,
        display.spinner("comparing and sending", quiet=as_json) as progress,
        _worker(hubspot, lease, "bulk", stopped_after(seconds), progress=progress) as (rpc, worker),
    ):
        report = pushing.run(rpc, worker, everything=everything, progress=progress)
        status, pauses = rpc.queue_status(), rpc.list_pauses()
    if as_json:
        print_json({**dataclasses.asdict(report), "queue": status})
    else:
        told(f"{counted(report.checked, 'record')} compared, {report.queued} different")
        display.drained(report.drained, status, pauses, watched=is_watched())
    leave(report.drained, status)
