"""The drift check names what was changed by hand, and only that."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

DRIFT = Path(__file__).parents[2] / "db" / "drift.py"


def drift(url: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": url or ""}
    return subprocess.run(
        [sys.executable, DRIFT], env=environment, capture_output=True, text=True, check=False
    )


def test_a_migrated_database_holds_what_the_files_say(database_url):
    answer = drift(database_url)
    assert (answer.returncode, answer.stdout) == (0, "the database holds what the files say\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("grant execute on function api.verify() to anon", "function api.verify() differs"),
        ("comment on type api.booking is 'x'", "type api.booking differs"),
        ("create function api.more() returns int language sql return 1", "function api.more()"),
        ("drop function api.get_analytics(integer)", "function api.get_analytics(integer) is"),
        ("drop index hubspot_sync.booking_analytics_week", "view hubspot_sync.booking_analytics"),
        (
            "alter table hubspot_sync.hubspot_bookings disable trigger hubspot_bookings_outbox",
            "trigger hubspot_bookings_outbox on hubspot_sync.hubspot_bookings differs",
        ),
        (
            "create or replace function hubspot_sync.clock() returns timestamptz language sql"
            " stable return now() - interval '1 day'",
            "function hubspot_sync.clock() differs",
        ),
    ],
)
def test_a_change_by_hand_is_named_and_left_as_it_is(database_url, connect, change, named):
    with connect() as connection:
        connection.execute(change)
    first, second = drift(database_url), drift(database_url)
    assert first.returncode == 1
    assert [line for line in first.stdout.splitlines() if line.startswith(named)]
    assert len(first.stdout.splitlines()) == 1
    assert second.stdout == first.stdout


def test_who_does_not_own_the_functions_is_told_to_be_the_owner(database_url, connect):
    with connect(autocommit=True) as connection:
        role = f"reader_{secrets.token_hex(4)}"
        connection.execute(f"create role {role} login password 'x' in role service_role")
        try:
            parts = conninfo_to_dict(database_url) | {"user": role, "password": "x"}
            answer = drift(make_conninfo(**parts))
        finally:
            connection.execute(f"drop role {role}")
    assert (answer.returncode, answer.stdout) == (77, "")
    assert answer.stderr.endswith(": run it as the owner of the functions\n")
    assert answer.stderr.count("\n") == 1


def test_without_a_database_it_says_so():
    answer = drift(None)
    assert (answer.returncode, answer.stderr) == (2, "DATABASE_URL is not set\n")
