"""The database, the account and the clock are those of the simulation."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "simulation"))

from stage import Stage


@pytest.fixture(scope="module")
def stage(databases: Any, migrated: Any) -> Iterator[Stage]:
    with databases.new(migrated.template_dbname) as database:
        stage = Stage(databases.url(database.dbname))
        try:
            yield stage
        finally:
            stage.close()
