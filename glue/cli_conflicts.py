"""The command that tells where two truths met: conflicts."""

import click

from glue import config, display_inbox
from glue.cli_parts import json_option, print_json
from glue.db import connect
from glue.rpc import Rpc


@click.command
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option(
    "--before", type=click.IntRange(1, 2**63 - 1), help="Those before the conflict with this id."
)
@json_option
def conflicts(limit: int, before: int | None, as_json: bool) -> None:
    """Show which edits met one of the other side, newest first: both values, and the decision.

    \b
    Examples:
      glue conflicts
      glue conflicts --limit 500 --json
      glue conflicts --before 4711
    """
    with connect(config.database_url()) as connection:
        rows = Rpc(connection).list_conflicts(limit, before)
    if as_json:
        print_json({"conflicts": rows})
    else:
        display_inbox.conflicts(rows)
