"""A database behind an HTTP gateway, and people who call it with JWTs of their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
import pytest
from callers import Answer, Call, Caller, supabase_js, supabase_py

from sandbox import rest
from sandbox.fetch import FetchFailed
from sandbox.stack import Stack


@pytest.fixture(scope="session")
def scripts(cannot_run: Callable[[str, str], Exception]) -> rest.Scripts:
    """Node and the npm packages."""
    try:
        return rest.scripts()
    except FetchFailed as error:
        raise cannot_run(
            "THE CLIENT TESTS", f"Node or its packages cannot be had: {error}"
        ) from None


@pytest.fixture(scope="session")
def gateway(scripts: rest.Scripts, tmp_path_factory) -> Iterator[rest.Rest]:
    """What stands for Supabase's gateway, one process for the whole run."""
    gateway = rest.start(scripts, tmp_path_factory.mktemp("rest"))
    yield gateway
    gateway.child.stop()


@pytest.fixture(scope="session")
def authenticator(stack: Stack, migrated: Any) -> Iterator[str]:
    """The role the gateway logs in as. The migrations made what it may become."""
    with rest.authenticator(stack.database_url) as credentials:
        yield credentials


@pytest.fixture(scope="module")
def module_database_url(databases: Any, migrated: Any) -> Iterator[str]:
    """A migrated database that the tests of a module share; each seeds people of its own."""
    with databases.new(migrated.template_dbname) as database:
        yield databases.url(database.dbname)


@pytest.fixture(scope="module")
def api_url(gateway: rest.Rest, authenticator: str, module_database_url: str) -> Iterator[str]:
    """The same database over HTTP."""
    with gateway.serving(rest.as_role(module_database_url, authenticator)) as url:
        yield url


@pytest.fixture(scope="session")
def jwt(gateway: rest.Rest) -> Callable[..., str]:
    """Signs as Supabase does: `jwt("authenticated", "ada@example.org", exp=0)`."""
    return gateway.token


@pytest.fixture(scope="session")
def javascript(scripts: rest.Scripts) -> Iterator[Caller]:
    """supabase-js."""
    with supabase_js(scripts) as call:
        yield call


@pytest.fixture(params=["supabase-js", "supabase-py"])
def caller(request: pytest.FixtureRequest) -> Caller:
    """Each client in turn."""
    if request.param == "supabase-py":
        return supabase_py
    return request.getfixturevalue("javascript")


@dataclass(frozen=True)
class Person:
    """Somebody with a JWT, or without one."""

    caller: Caller
    url: str
    key: str
    token: str | None

    def get(self, name: str, **args: Any) -> Answer:
        """Call a function that only reads, with GET."""
        return self.caller(Call(self.url, self.key, self.token, name, args, get=True))

    def call(self, name: str, **args: Any) -> Answer:
        """Call a function with POST."""
        return self.caller(Call(self.url, self.key, self.token, name, args))


@pytest.fixture
def person(caller: Caller, api_url: str, jwt: Callable[..., str]) -> Callable[..., Person]:
    """Somebody who shows this token: `person(jwt("authenticated", email))`."""
    return lambda token=None: Person(caller, api_url, jwt("anon"), token)


@pytest.fixture
def server(person: Callable[..., Person], jwt: Callable[..., str]) -> Person:
    """An app's own server, with the service key."""
    return person(jwt("service_role"))


class Seed:
    """Puts records where HubSpot's would be; no two calls make the same ones."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._number = count(1)

    def exam(self, capacity: int = 4, mock_type: str = "Mini-mock", start: str = "2099-03-02"):
        """An active exam on a day in the far future; its id."""
        exam_id = f"9{next(self._number):03}"
        self.connection.execute(
            "insert into hubspot_sync.hubspot_mock_exams"
            " (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)"
            " values (%s, 'Spring mock', %s, %s, '09:30', %s, 'true')",
            [exam_id, mock_type, start, capacity],
        )
        return exam_id

    def student(self, credits: int = 5) -> dict[str, str]:
        """A contact with credits for mini-mocks; the arguments that name it."""
        number = next(self._number)
        student_id, email = f"S{number:06}", f"ada.{number}@example.org"
        self.connection.execute(
            "insert into hubspot_sync.hubspot_contact_credits"
            " (hubspot_id, student_id, email, firstname, lastname, sjmini_credits)"
            " values (%s, %s, %s, 'Ada', 'Moss', %s)",
            [f"5{number:03}", student_id, email, credits],
        )
        return {"p_student_id": student_id, "p_email": email}


@pytest.fixture(scope="module")
def seed(module_database_url: str) -> Iterator[Seed]:
    """Puts records into this module's database."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield Seed(connection)
