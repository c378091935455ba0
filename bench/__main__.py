"""`make bench`: prints one JSON line a figure.

Starts a Postgres of its own with fsync on; DATABASE_URL wins where it is given, and then a
database of its own is made there and dropped again.
"""

import click
from rich.console import Console
from rich.table import Table

from bench import booking
from sandbox.stack import running


@click.command()
@click.option("--table", is_flag=True, help="A table for people instead of JSON lines.")
def main(table: bool) -> None:
    """Measure every figure beside its baseline, in one run.

    \b
    Examples:
      make bench
      .venv/bin/python -m bench --table
    """
    shown = Table("figure", "value", "baseline", "ratio", "target", "met")
    with running(hubspot=False, valkey=False, migrate=True, own_database=True) as stack:
        for figure in booking.figures(stack.database_url):
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
