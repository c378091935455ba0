"""The fixture of the interleavings."""

from collections.abc import Iterator

import pytest
from sessions import Sessions
from world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """A database to race in; whatever the race, no invariant may be broken after it."""
    with Sessions(database_url) as sessions:
        world = World(database_url, sessions)
        try:
            yield world
            assert world.violations() == []
        finally:
            world.close()
