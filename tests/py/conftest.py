"""The world most tests of the glue play in."""

import pytest
from hubspot_world import Database, World, simulators


@pytest.fixture(scope="module")
def server():
    with simulators() as server:
        yield server


@pytest.fixture
def world(server, database_url):
    """An account, a database and workers; in the end every exchange must fit the documents."""
    account, database = server.new(), Database(database_url)
    world = World(account, database)
    try:
        yield world
        world.recorder.check()
        assert account.duplicates() == []
        assert database.violations() == []
    finally:
        account.close()
        database.close()


@pytest.fixture
def exam(world):
    """An exam that the database knows, with three students; its HubSpot id."""
    for name in ("ann", "ben", "cat"):
        world.student(name)
    exam = world.exam()
    world.bring_in()
    world.forget()
    return exam
