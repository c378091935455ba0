"""One database for all schedules of a module."""

from collections.abc import Iterator
from typing import Any

import pytest
from stage import Stage


@pytest.fixture(scope="module")
def stage(databases: Any, migrated: Any) -> Iterator[Stage]:
    with databases.new(migrated.template_dbname) as database:
        stage = Stage(databases.url(database.dbname))
        try:
            yield stage
        finally:
            stage.close()
