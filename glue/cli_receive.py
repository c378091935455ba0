"""The command that reads what the inbox asks for: receive."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from glue import budget, config, display, display_inbox, parked
from glue import receive as receiving
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
)
from glue.db import connect
from glue.hubspot import HubSpot
from glue.rpc import Rpc


@contextmanager
def _worker(
    hubspot: HubSpot, lease: float, stopped: Callable[[], bool], **options: Any
) -> Iterator[tuple[Rpc, receiving.Receive]]:
    """A worker over a connection of its own, which draws its calls from everybody's budget."""
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        hubspot.meter = budget.Budget(rpc)
        # What webhooks told while Postgres was away. A Redis that is away is for «glue doctor».
        parked.bring_in(rpc, config.redis_url(), config.object_types())
        yield rpc, receiving.Receive(rpc, hubspot, lease=lease, stopped=stopped, **options)


@click.command
@click.option("--once/--follow", default=True, help="Until nothing is due, or as a service.")
@seconds_option
@lease_option
@json_option
def receive(once: bool, seconds: float | None, lease: float, as_json: bool) -> None:
    """Read what the inbox asks for from HubSpot, and merge it with what is here.

    The inbox is filled by webhooks, by «glue poll» and by whoever asks for a record.

    \b
    Examples:
      glue receive --once            # cron: */2 * * * *
      glue receive --once --for 200  # ends before the next run begins
      glue receive --follow          # a service; SIGTERM ends it after the batch in hand
      glue receive --once --json
    """
    settings = settings_for(lease)
    if not once:
        if seconds is not None:
            raise click.UsageError("--for goes with --once")
        _follow(settings, lease, as_json)
        return
    stopped = stopped_after(seconds)
    with (
        HubSpot(settings) as hubspot,
        display.spinner("reading", quiet=as_json) as progress,
        _worker(hubspot, lease, stopped, progress=progress) as (rpc, worker),
    ):
        report = worker.run_once()
        status, pauses = rpc.inbox_status(), rpc.list_pauses()
    if as_json:
        print_json({**dataclasses.asdict(report), "inbox": status})
    else:
        display_inbox.received(report, status, pauses, watched=is_watched())
    leave(report, status)


def _follow(settings: config.HubSpotConfig, lease: float, as_json: bool) -> None:
    with HubSpot(settings) as hubspot:

        def round_of(stop: threading.Event) -> receiving.ReceiveReport:
            # A connection a round: a server that came back is found, and none is held idle.
            with _worker(hubspot, lease, stop.is_set) as (_, worker):
                return worker.run_once()

        follow_worker(round_of, "received", display_inbox.line, as_json)
