"""The examples do what their .out files show."""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from sandbox import postgres

EXAMPLES = Path(__file__).parents[2] / "examples"


def shown(command: str, database_url: str) -> str:
    """What a command prints, in the folder of the checkout."""
    path = f"{postgres.bindir()}{os.pathsep}{os.environ['PATH']}"
    return subprocess.check_output(
        ["sh", "-c", command],
        cwd=EXAMPLES.parent,
        env=os.environ | {"DATABASE_URL": database_url, "PATH": path},
        text=True,
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.sql")), ids=lambda path: path.stem)
def test_the_command_of_an_examples_first_line_gives_its_out_file(path, database_url):
    first = path.read_text().partition("\n")[0]
    name, command = re.fullmatch(r"-- Gives (\S+): (.+)", first).groups()
    out = EXAMPLES / name
    assert out == path.with_suffix(".out")
    assert shown(command, database_url) == out.read_text()

    with psycopg.connect(database_url) as connection:
        connection.execute((EXAMPLES / "world.sql").read_text())
    assert shown(command, database_url) == out.read_text(), "in the world of the apps, too"
