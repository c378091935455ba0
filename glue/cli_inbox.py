"""The inbox by hand: `glue inbox …`. Pauses are of both directions: `glue queue pause`."""

import re
import sys
from typing import Any

import click

from glue import config, display, display_inbox
from glue.cli_parts import Group, confirm, id_type, json_option, print_json
from glue.db import connect
from glue.errors import GlueError
from glue.records import TABLES
from glue.rpc import NOTES, Rpc

STATES = ("due", "waiting", "behind", "leased", "paused", "dead")
LEFT = {
    "leased": "a worker reads it; look again when its lease is over",
    "done": "it is done already",
    "unknown": "there is no such signal",
}
OPEN = "«glue inbox list» shows what is open."

table_option = click.option(
    "--table", type=click.Choice(tuple(name for key, name in TABLES.items() if key != NOTES))
)


@click.group("inbox", cls=Group)
def inbox() -> None:
    """Look at what is to be read from HubSpot, and act on it by hand. Each command takes --json.

    «glue queue pause» and «glue queue resume» hold up the inbox, too.

    \b
    Examples:
      glue inbox status
      glue inbox list --state dead
      glue inbox show 17
      glue inbox retry 17 18
      glue inbox retry --all --table bookings
      glue inbox discard --table contacts 4711
    """


@inbox.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """How much is to be read of each table, and what is paused.

    Counts are of signals: due ones go with the next run; waiting ones are a worker's, or wait for
    a later attempt; urgent tells how many of both are.

    \b
    Example:
      glue inbox status
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        tables, pauses = rpc.inbox_status(), rpc.list_pauses()
    if as_json:
        print_json({"inbox": tables, "pauses": pauses})
    else:
        display.queue_status(tables, "inbox")
        display.pauses(pauses)


@inbox.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only signals in this state.")
@table_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--after", type=id_type, help="Go on after this id.")
@json_option
def list_command(
    state: str | None, table: str | None, limit: int, after: int | None, as_json: bool
) -> None:
    """List the records to be read, and why, oldest first.

    \b
    States:
      due      read by the next run
      waiting  for its next attempt
      behind   another signal of its record is leased or waits
      leased   a worker reads it
      paused   its table, or everything, is paused
      dead     it could not be taken; a person must retry or discard it
    \b
    Examples:
      glue inbox list
      glue inbox list --state dead --table bookings
      glue inbox list --json | python3 -m json.tool
    """
    with connect(config.database_url()) as connection:
        rows = Rpc(connection).list_signals(state, table, limit, after)
    if as_json:
        print_json({"signals": rows})
    else:
        display_inbox.signals(rows, full=len(rows) == limit)


@inbox.command("show")
@click.argument("which")
@table_option
@json_option
def show_command(which: str, table: str | None, as_json: bool) -> None:
    """Show all the inbox knows of one record: its signals with their events, its errors.

    WHICH is the id of a signal; with --table the record's HubSpot id.

    \b
    Examples:
      glue inbox show 17
      glue inbox show --table bookings 4711
    """
    if table is not None:
        named: dict[str, Any] = {"p_hubspot_id": which, "p_table": table}
    else:
        named = {"p_id": _id(which)}
    with connect(config.database_url()) as connection:
        shown = Rpc(connection).show_signal(**named)
    if shown is None:
        raise GlueError(f"nothing is known of {which}", OPEN)
    if as_json:
        print_json(shown)
    else:
        display_inbox.shown(shown)


@inbox.command("retry")
@click.argument("which", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are dead or waiting.")
@table_option
@json_option
def retry_command(
    which: tuple[str, ...], everything: bool, table: str | None, as_json: bool
) -> None:
    """Read again: dead letters, and those waiting for another attempt, become due.

    WHICH are ids of signals; with --table HubSpot ids of records, whose open signals are meant.
    They have all their attempts before them. What a worker has is left to it.

    \b
    Examples:
      glue inbox retry 17 18
      glue inbox retry --table bookings 4711
      glue inbox retry --all
      glue inbox retry --all --table bookings
    """
    if bool(which) == everything:
        raise click.UsageError("name signals by their ids, records with --table, or --all")
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        if everything:
            rows = rpc.retry_all_signals(table)
        else:
            rows = rpc.retry_signals(_ids(rpc, which, table))
    _handled(rows, "retried", as_json, strict=not everything)


@inbox.command("discard")
@click.argument("which", nargs=-1, required=True)
@table_option
@click.option("--yes", is_flag=True, help="Without being asked.")
@json_option
def discard_command(which: tuple[str, ...], table: str | None, yes: bool, as_json: bool) -> None:
    """Give signals up: what HubSpot has of these records is not read for them.

    WHICH are ids of signals; with --table HubSpot ids of records, whose open signals are meant.
    The next signal of a record is read as usual, and so is a record that differs when everything
    is compared.

    \b
    Examples:
      glue inbox discard 17
      glue inbox discard --yes 17 18
      glue inbox discard --table contacts 4711
    """
    with connect(config.database_url()) as connection:
        rpc = Rpc(connection)
        ids = _ids(rpc, which, table)
        if not yes:
            named = [row for i in ids for row in rpc.list_signals(limit=1, after=i - 1)]
            if named := [row for row in named if row["id"] in ids]:
                display_inbox.asked_about(named)
                confirm("These will not be read. Give them up?")
        rows = rpc.discard_signals(ids)
    _handled(rows, "discarded", as_json, strict=True)


def _ids(rpc: Rpc, which: tuple[str, ...], table: str | None) -> list[int]:
    """The ids of the signals that are meant: these, or the open ones of records of a table."""
    if table is None:
        return [_id(one) for one in which]
    found: list[int] = []
    for hubspot_id in which:
        shown = rpc.show_signal(p_hubspot_id=hubspot_id, p_table=table)
        ids = [row["id"] for row in shown["signals"] if row["done_at"] is None] if shown else []
        if not ids:
            raise GlueError(f"nothing is open of {table} {hubspot_id}", OPEN)
        found += ids
    return found


def _id(text: str) -> int:
    """The id of a signal."""
    if not re.fullmatch(r"[1-9]\d{0,17}", text):
        raise click.UsageError(f"{text} is no id of a signal; a HubSpot id goes with --table")
    return int(text)


def _handled(rows: list[dict[str, Any]], done: str, as_json: bool, *, strict: bool) -> None:
    """Tells what became of signals. strict: exit 1 where one was left."""
    left = [row for row in rows if row["outcome"] != done]
    if as_json:
        print_json({"signals": rows})
    else:
        click.echo(f"{len(rows) - len(left)} {done}")
        for row in left:
            name = f" ({row['name'] or row['hubspot_id']})" if row["hubspot_id"] else ""
            click.echo(f"{row['id']}{name}: {LEFT[row['outcome']]}", err=True)
    if left and strict:
        sys.exit(1)
