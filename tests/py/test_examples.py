"""The examples do what their .out files show."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from sandbox import postgres

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.sql")), ids=lambda path: path.stem)
def test_an_example_prints_what_stands_beside_it(path, database_url):
    answer = subprocess.run(
        [postgres.bindir() / "psql", "--no-psqlrc", "--quiet", f"--file={path}", database_url],
        env=os.environ | {"PGTZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    printed = re.sub(r"^psql:\S+ ", "", answer.stdout, flags=re.MULTILINE)
    assert printed == path.with_suffix(".out").read_text()
