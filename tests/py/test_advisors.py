"""Supabase's database advisors find nothing but what is listed here, with the reason."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from sandbox import advisors
from sandbox.advisors import Advice
from sandbox.stack import migrate

EXPOSED = ["public", "api", "graphql_public"]

# What a new project on Supabase has before anything of ours: its roles and schemas, and all
# rights on whatever will be made in public.
PROJECT = """
    do $$
    begin
      for i in 1..3 loop
        if to_regrole((array['anon', 'authenticated', 'service_role'])[i]) is null then
          execute format('create role %I', (array['anon', 'authenticated', 'service_role'])[i]);
        end if;
      end loop;
    end;
    $$;
    create schema auth;
    create table auth.users (id uuid primary key, email text);
    create schema extensions;
    create schema graphql_public;
    grant usage on schema public, extensions, graphql_public to anon, authenticated, service_role;
    alter default privileges in schema public
      grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public
      grant all on functions to anon, authenticated, service_role;
    alter default privileges in schema public
      grant all on sequences to anon, authenticated, service_role;
"""
# What Supabase's page tells those to do who expose a schema of their own.
GRANTS = """
    grant usage on schema hubspot_sync to anon, authenticated, service_role;
    grant all on all tables in schema hubspot_sync to anon, authenticated, service_role;
    grant all on all routines in schema hubspot_sync to anon, authenticated, service_role;
"""

EXCEPTIONS = {
    # Their bodies are one expression each of built-ins, which Postgres puts into the query in
    # their place; a search_path of their own would forbid that. They run with the caller's
    # rights, no client may execute them, and every function that calls them has fixed its path.
    ("function_search_path_mutable", "hubspot_sync.clock"),
    ("function_search_path_mutable", "hubspot_sync.booking_status"),
    ("function_search_path_mutable", "hubspot_sync.exam_is_active"),
    # An index here would serve deletes of contacts and exams alone, which nothing does, and
    # cost every booking. Lookups go by mock_exam_id and student_id, which have their own.
    ("unindexed_foreign_keys", "hubspot_sync.hubspot_bookings bookings_contact_fkey"),
    ("unindexed_foreign_keys", "hubspot_sync.hubspot_bookings bookings_exam_fkey"),
}
# What else they find when somebody exposes our private schema and grants all of it.
EXPOSED_BY_MISTAKE = {
    # A materialized view cannot have row level security: its numbers, no names, would be public.
    ("materialized_view_in_api", "hubspot_sync.booking_analytics"),
}


@pytest.fixture(scope="module")
def project(databases) -> Iterator[str]:
    """The URL of a new Supabase project's database with our migrations."""
    with databases.new(None) as database:
        url = databases.url(database.dbname)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(PROJECT)
        migrate(url)
        yield url


@pytest.fixture(scope="module")
def advice(project) -> Callable[[list[str]], list[Advice]]:
    """What the advisors say with these schemas exposed.

    `unused_index` is left out: nobody has used any index of a new database.
    """

    def advise(exposed: list[str]) -> list[Advice]:
        try:
            found = advisors.advise(project, exposed)
        except advisors.AdvisorsUnavailable as error:
            pytest.skip(f"Supabase's advisors cannot be had: {error}")
        assert any(row.lint == "unused_index" for row in found)
        return [row for row in found if row.lint != "unused_index"]

    return advise


def named(rows: list[Advice]) -> set[tuple[str, str]]:
    """The lint and the objects of each finding."""
    return {(row.lint, row.objects) for row in rows}


def test_the_advisors_find_nothing_but_the_exceptions(advice):
    assert named(advice(EXPOSED)) == EXCEPTIONS


def test_exposing_the_private_schema_shows_the_advisors_nothing_more(advice):
    """No client has a right in it."""
    assert named(advice([*EXPOSED, "hubspot_sync"])) == EXCEPTIONS


def test_granting_all_of_the_private_schema_opens_the_analytics_alone(advice, project):
    with psycopg.connect(project, autocommit=True) as connection:
        connection.execute(GRANTS)
    try:
        found = named(advice([*EXPOSED, "hubspot_sync"]))
    finally:
        with psycopg.connect(project, autocommit=True) as connection:
            connection.execute(GRANTS.replace("grant ", "revoke ").replace(" to ", " from "))
    assert found == EXCEPTIONS | EXPOSED_BY_MISTAKE


def test_the_advisors_see_what_is_wrong(advice, project):
    """Else their silence would prove nothing."""
    with psycopg.connect(project, autocommit=True) as connection:
        connection.execute("create table public.bare (id integer)")
    try:
        found = named(advice(EXPOSED))
    finally:
        with psycopg.connect(project, autocommit=True) as connection:
            connection.execute("drop table public.bare")
    assert found - EXCEPTIONS == {
        ("no_primary_key", "public.bare"),
        ("rls_disabled_in_public", "public.bare"),
    }
