"""The fixture of the interleavings."""

from collections.abc import Iterator

import pytest
from sessions import Sessions
from world import World

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Remember that a test failed."""
    report = yield
    if call.when == "call":
        item.stash[_failed] = call.excinfo is not None
    return report


@pytest.fixture
def world(database_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """A database to race in; whatever the race, no invariant may be broken after it."""
    with Sessions(database_url) as sessions:
        world = World(database_url, sessions)
        try:
            yield world
            # What a failed test leaves behind is told by its failure.
            if not request.node.stash.get(_failed, False):
                assert world.violations() == []
        finally:
            world.close()
