"""`make bench`: prints one JSON line a figure.

`booking` and `calls` take a few minutes each; `reads` first makes a million bookings; `outbox`
carries changes beside other queues; `held` does so under a snapshot that somebody holds; `fewest`
counts what HubSpot gets; `lag` is from commit to HubSpot; `costs` tells what a booking costs in
triggers and room; `serve` is a webhook's acknowledgement; `imports` brings an account in;
`inbound` is from an edit in HubSpot to Postgres; `day` counts the calls of a day.

Starts a Postgres of its own with fsync on; DATABASE_URL wins where it is given, and then a
database of its own is made there and dropped again.
"""

import click
from rich.console import Console
from rich.table import Table

from bench import (
    booking,
    calls,
    costs,
    day,
    fewest,
    held,
    imports,
    inbound,
    lag,
    outbox,
    reads,
    serve,
)
from sandbox.stack import running

PARTS = {
    "booking": booking.figures,
    "reads": reads.figures,
    "outbox": outbox.figures,
    "held": held.figures,
    "calls": calls.figures,
    "fewest": fewest.figures,
    "lag": lag.figures,
    "costs": costs.figures,
    "serve": serve.figures,
    "imports": imports.figures,
    "inbound": inbound.figures,
    "day": day.figures,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--table/--json", help="A table for people, or one JSON line a figure (default).")
def main(parts: tuple[str, ...], table: bool) -> None:
    """Measure every figure beside its baseline, in one run: all PARTS, or those named.

    \b
    Examples:
      make bench
      .venv/bin/python -m bench --table reads
    """
    shown = Table("figure", "value", "baseline", "ratio", "target", "met")
    with running(hubspot=False, valkey=False, migrate=True, own_database=True) as stack:
        measured = (f for part in parts or PARTS for f in PARTS[part](stack.database_url))
        for figure in measured:
            if not table:
                click.echo(figure.line())
                continue
            shown.add_row(
                figure.name,
                f"{figure.value:,} {figure.unit}",
                "" if figure.baseline is None else f"{figure.baseline:,}",
                "" if figure.ratio is None else str(figure.ratio),
                figure.target,
                {True: "yes", False: "no", None: ""}[figure.met],
            )
    if table:
        Console().print(shown)


if __name__ == "__main__":
    main()
