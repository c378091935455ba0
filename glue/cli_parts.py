"""What the modules of the command line share: errors as exit codes, JSON, and silence for cron."""

import json
import sys
from typing import Any

import click

from glue.errors import GlueError


class Failure(click.ClickException):
    """A GlueError as the command line shows it: one line, what to do, no traceback."""

    def __init__(self, error: GlueError) -> None:
        super().__init__(f"{error.message}\n  {error.hint}" if error.hint else error.message)
        self.exit_code = error.exit_code


class Group(click.Group):
    """Turns our errors into exit codes, for every command."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GlueError as error:
            raise Failure(error) from error


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def print_json(value: Any) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(value, default=str))


def is_watched() -> bool:
    """Whether a person looks on. Cron mails whatever is printed: to it, success is silent."""
    return sys.stdout.isatty()


def told(text: str) -> None:
    """Says what went well, to a person."""
    if is_watched():
        click.echo(text)
