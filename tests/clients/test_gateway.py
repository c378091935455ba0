"""What stands for Supabase's gateway does no more than PostgREST would, and leaves nothing."""

import httpx
import psycopg
import pytest

from sandbox import rest


def test_it_changes_no_grant(server, seed):
    grants = "select array_agg(relacl::text order by oid) from pg_class"
    before = seed.connection.execute(grants).fetchone()
    server.call("verify")
    assert seed.connection.execute(grants).fetchone() == before


def test_it_exposes_the_schema_api_alone(api_url, jwt):
    answer = httpx.post(
        f"{api_url}/rest/v1/rpc/clock",
        headers={
            "Authorization": f"Bearer {jwt('service_role')}",
            "Content-Profile": "hubspot_sync",
        },
        json={},
    )
    assert answer.json()["code"] == "PGRST106"


def test_its_role_can_do_nothing_itself(module_database_url, authenticator):
    url = rest.as_role(module_database_url, authenticator)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select api.verify()")


def test_a_database_is_served_no_longer_than_was_asked(gateway, authenticator, database_url):
    with gateway.serving(rest.as_role(database_url, authenticator)) as url:
        assert httpx.post(f"{url}/rest/v1/rpc/verify", json={}).is_error
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_its_role_is_dropped_in_the_end(stack, migrated):
    with rest.authenticator(stack.database_url) as credentials:
        role = credentials.partition(":")[0]
    with psycopg.connect(stack.database_url) as connection:
        found = connection.execute("select from pg_roles where rolname = %s", [role])
        assert found.fetchone() is None


def test_its_process_ends_when_it_is_stopped(scripts, tmp_path):
    gateway = rest.start(scripts, tmp_path)
    gateway.child.stop()
    assert not gateway.child.alive
