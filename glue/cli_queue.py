"""The outbox by hand: `glue queue …` and `glue prune`."""

import re
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from glue import config, display
from glue.cli_parts import Group, confirm, id_type, json_option, print_json, told
from glue.db import connect
from glue.errors import GlueError
from glue.records import TABLES
from glue.rpc import Rpc

STATES = ("due", "waiting", "behind", "leased", "unanswered", "paused", "dead")
LEFT = {
    "leased": "a worker has it; look again when its lease is over",
    "held": "a second send, which waits until the first can no longer arrive",
    "sent": "it was sent already",
    "unknown": "there is no such change",
}
OPEN = "«glue queue list» shows what is open."

table_option = click.option("--table", type=click.Choice(tuple(TABLES.values())))


class _Duration(click.ParamType):
    """A length of time such as 90m, 2h or 1d."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        units = {"m": "minutes", "h": "hours", "d": "days"}
        if not (found := re.fullmatch(r"([1-9]\d{0,4})([mhd])", str(value))):
            self.fail(f"{value!r} is no length of time, such as 90m, 2h or 1d", param, ctx)
        return timedelta(**{units[found[2]]: int(found[1])})


@click.group("queue", cls=Group)
def queue() -> None:
    """Look at the outbox, and act on it by hand. Each command takes --json.

    \b
    Examples:
      glue queue status
      glue queue list --state dead
      glue queue show BK-20251203-ABC123
      glue queue retry 17 18
      glue queue retry --all --table bookings
      glue queue discard 17
      glue queue pause bookings --reason "HubSpot is being cleaned up"
      glue queue resume bookings
    """


@queue.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """How much is waiting in each table, and what is paused.

    Counts are of changes: due ones go with the next run; waiting ones are a worker's, or wait for
    a later attempt; urgent tells how many of both are.

    \b
    Example:
      glue queue status
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        tables, pauses = rpc.queue_status(), rpc.list_pauses()
    if as_json:
        print_json({"queue": tables, "pauses": pauses})
    else:
        display.queue_status(tables)
        display.pauses(pauses)


@queue.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only changes in this state.")
@table_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--after", type=id_type, help="Go on after this id.")
@json_option
def list_command(
    state: str | None, table: str | None, limit: int, after: int | None, as_json: bool
) -> None:
    """List the changes HubSpot does not have yet, oldest first.

    \b
    States:
      due         sent by the next run
      waiting     for its next attempt
      behind      another change of its record is leased or waits
      leased      a worker has it
      unanswered  a worker had it; sent again by the next run
      paused      its table, or everything, is paused
      dead        HubSpot refused it; a person must retry or discard it
    \b
    Examples:
      glue queue list
      glue queue list --state dead --table bookings
      glue queue list --json | python3 -m json.tool
    """
    with connect(config.database_url()) as connection:
        rows = Rpc(connection).list_queue(state, table, limit, after)
    if as_json:
        print_json({"changes": rows})
    else:
        display.changes(rows, full=len(rows) == limit)


@queue.command("show")
@click.argument("which")
@table_option
@json_option
def show_command(which: str, table: str | None, as_json: bool) -> None:
    """Show everything about one record: its changes, what HubSpot holds, its errors.

    WHICH is the id of a change, a booking_id, a student_id or a record's uuid; an exam's HubSpot
    id only with --table exams.

    \b
    Examples:
      glue queue show 17
      glue queue show BK-20251203-ABC123
      glue queue show --table exams 4711
    """
    with connect(config.database_url()) as connection:
        shown = Rpc(connection).show_change(p_table=table, **_which(which, table))
    if shown is None:
        raise GlueError(f"nothing is known of {which}", OPEN)
    if as_json:
        print_json(shown)
    else:
        display.shown(shown)


def _which(which: str, table: str | None) -> dict[str, Any]:
    """The argument of show_change that a word stands for."""
    if table is None and re.fullmatch(r"\d{1,18}", which):
        return {"p_id": int(which)}
    try:
        return {"p_record": UUID(which)} if len(which) == 36 else {"p_name": which}
    except ValueError:
        return {"p_name": which}


@queue.command("retry")
@click.argument("which", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are dead or waiting.")
@table_option
@json_option
def retry_command(
    which: tuple[str, ...], everything: bool, table: str | None, as_json: bool
) -> None:
    """Send changes again: dead letters, and those waiting for another attempt, become due.

    WHICH are ids of changes; with --table records as «glue queue show» takes them, whose open
    changes are meant. They have all their attempts before them. What a worker has is left to it.

    \b
    Examples:
      glue queue retry 17 18
      glue queue retry --table contacts S000001
      glue queue retry --all
      glue queue retry --all --table bookings
    """
    if bool(which) == everything:
        raise click.UsageError("name changes by their ids, records with --table, or --all")
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        rows = rpc.retry_all(table) if everything else rpc.retry_changes(_ids(rpc, which, table))
    _handled(rows, "retried", as_json, strict=not everything)


@queue.command("discard")
@click.argument("which", nargs=-1, required=True)
@table_option
@click.option("--yes", is_flag=True, help="Without being asked.")
@json_option
def discard_command(which: tuple[str, ...], table: str | None, yes: bool, as_json: bool) -> None:
    """Give changes up: HubSpot stays as it is, and that is accepted.

    WHICH are ids of changes; with --table records as «glue queue show» takes them, whose open
    changes are meant. They are not sent again, also not by a comparison of everything. A later
    change of the same value is sent as usual.

    \b
    Examples:
      glue queue discard 17
      glue queue discard --yes 17 18
      glue queue discard --table bookings BK-20251203-ABC123
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        ids = _ids(rpc, which, table)
        if not yes:
            named = [row for i in ids for row in rpc.list_queue(limit=1, after=i - 1)]
            if named := [row for row in named if row["id"] in ids]:
                display.asked(named)
                confirm("HubSpot will not get these. Give them up?")
        rows = rpc.discard_changes(ids)
    _handled(rows, "discarded", as_json, strict=True)


def _ids(rpc: Rpc, which: tuple[str, ...], table: str | None) -> list[int]:
    """The ids of the changes that are meant: these, or the open ones of records of a table."""
    found: list[int] = []
    for one in which:
        if table is None:
            if not re.fullmatch(r"[1-9]\d{0,17}", one):
                raise click.UsageError(f"{one} is no id of a change; a record goes with --table")
            found.append(int(one))
            continue
        shown = rpc.show_change(p_table=table, **_which(one, table))
        ids = [row["id"] for row in shown["changes"] if row["state"] != "sent"] if shown else []
        if not ids:
            raise GlueError(f"nothing is open of {table} {one}", OPEN)
        found += ids
    return found


def _handled(rows: list[dict[str, Any]], done: str, as_json: bool, *, strict: bool) -> None:
    """Tells what became of changes. strict: exit 1 where one was left."""
    left = [row for row in rows if row["outcome"] != done]
    if as_json:
        print_json({"changes": rows})
    else:
        click.echo(f"{len(rows) - len(left)} {done}")
        for row in left:
            name = f" ({row['name']})" if row["name"] else ""
            click.echo(f"{row['id']}{name}: {LEFT[row['outcome']]}", err=True)
    if left and strict:
        sys.exit(1)


@queue.command("pause")
@click.argument("table", type=click.Choice(tuple(TABLES.values())), required=False)
@click.option("--reason", required=True, help="What the next person on call should know.")
@click.option(
    "--for", "length", type=_Duration(), help="How long: 90m, 2h, 1d. Else until resumed."
)
@json_option
def pause_command(table: str | None, reason: str, length: timedelta | None, as_json: bool) -> None:
    """Send nothing for now, of one table or at all. Bookings go on; the outbox keeps everything.

    \b
    Examples:
      glue queue pause --reason "HubSpot is being cleaned up"
      glue queue pause bookings --for 2h --reason "new validation rule"
    """
    with connect(config.database_url()) as connection:
        pause = Rpc(connection).pause(
            table or "*", reason, length.total_seconds() if length else None
        )
    if as_json:
        print_json(pause)
    else:
        display.pauses([pause])


@queue.command("resume")
@click.argument("table", type=click.Choice(tuple(TABLES.values())), required=False)
@json_option
def resume_command(table: str | None, as_json: bool) -> None:
    """End a pause.

    \b
    Examples:
      glue queue resume
      glue queue resume bookings
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        resumed = rpc.resume_sync(table or "*")
        pauses = rpc.list_pauses()
    if as_json:
        print_json({"resumed": resumed, "pauses": pauses})
    else:
        click.echo(f"{table or 'all'}: {'resumed' if resumed else 'was not paused'}")
        display.pauses(pauses)


@click.command("prune")
@json_option
def prune(as_json: bool) -> None:
    """Delete what was sent, read or healed long ago; what is open or dead is never deleted.

    How long they are kept is a setting: retention_queue, retention_inbox, retention_errors.

    \b
    Example:
      glue prune                   # cron: 45 3 * * *
    """
    with (
        connect(config.database_url()) as connection,
        display.spinner("deleting", quiet=as_json) as progress,
    ):
        deleted = Rpc(connection).advance("hubspot_sync.prune", progress)
    if as_json:
        print_json({"deleted": deleted})
    else:
        told(f"{deleted} deleted")
