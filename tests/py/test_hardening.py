"""What an attacker or an unlucky day tried once, and must not succeed with again."""

import psycopg
import pytest
from hubspot_world import BOOKINGS, CONTACTS

from sandbox.stack import migrate

SHADOWED = ("timestamptz", "text", "uuid", "jsonb", "date", "int4")
CALLS = (
    "select api.create_booking('E1', 'S1', 's1@example.com', 'k')",
    "select api.cancel_booking('BK-none')",
    "select api.get_booking(p_booking_id => 'BK-none')",
    "select api.set_exam_capacity('E1', 3)",
    "select api.verify()",
    "select api.get_analytics()",
    "select api.list_available_exams()",
    "select hubspot_sync.apply_records('hubspot_mock_exams', '[]')",
    "select hubspot_sync.apply_gone('hubspot_mock_exams', '[]')",
    "select hubspot_sync.claim_changes('hubspot_bookings')",
    "select hubspot_sync.finish_changes('hubspot_bookings', '[]')",
    "select hubspot_sync.fail_changes('hubspot_bookings', '[]')",
    "select hubspot_sync.refresh_analytics()",
    "select hubspot_sync.settle_call((hubspot_sync.reserve_call('bulk')).ticket, 429, '{}')",
)


@pytest.mark.parametrize("shadowed", SHADOWED)
def test_a_type_of_the_callers_own_never_runs_with_the_owners_rights(connect, shadowed):
    connection = connect(autocommit=True)
    connection.execute("set role service_role")
    connection.execute(
        "create function pg_temp.spy() returns pg_catalog.bool language plpgsql as $$ begin"
        " if current_user <> 'service_role' then"
        "   raise exception 'ran as %', current_user using errcode = 'ZZ999'; end if;"
        " return true; end $$"
    )
    connection.execute(
        f"create domain pg_temp.{shadowed} as pg_catalog.{shadowed} check (pg_temp.spy())"
    )
    answers = []
    for call in CALLS:
        try:
            connection.execute(call)
            answers.append("answered")
        except psycopg.Error as error:
            answers.append(error.sqlstate)
    assert set(answers) <= {"answered", "MBEXM", "MBNOF"}
    assert answers.count("answered") > 5


def test_generous_default_privileges_give_clients_nothing(empty_database_url, connect):
    connection = connect(empty_database_url, autocommit=True)
    for role in ("anon", "authenticated", "service_role"):
        exists = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
        if not exists:
            connection.execute(f"create role {role} nologin")
    connection.execute("create schema hubspot_sync")
    connection.execute(
        "grant usage on schema hubspot_sync to anon, authenticated, service_role;"
        "alter default privileges in schema hubspot_sync"
        " grant all on tables to anon, authenticated, service_role;"
        "alter default privileges in schema hubspot_sync"
        " grant all on routines to anon, authenticated, service_role;"
        "alter default privileges grant execute on functions to anon, authenticated"
    )
    try:
        migrate(empty_database_url)
        open_to = connection.execute(
            """
            select p.oid::regprocedure::text, r.rolname
              from pg_proc p
             cross join (values ('anon'), ('authenticated')) r (rolname)
             where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
               and has_function_privilege(r.rolname, p.oid, 'execute')
               and (r.rolname, p.pronamespace) <> ('authenticated', 'api'::regnamespace)
             union all
            select c.oid::regclass::text, r.rolname
              from pg_class c
             cross join (values ('anon'), ('authenticated'), ('service_role')) r (rolname)
             where c.relnamespace = 'hubspot_sync'::regnamespace
               and c.relkind in ('r', 'v', 'm')
               and c.relname !~ '^(hubspot_|alembic_|adoption|migration_)'
               and has_table_privilege(r.rolname, c.oid, 'select, insert, update, delete')
            """
        ).fetchall()
        assert open_to == []
    finally:
        connection.execute(
            "alter default privileges revoke execute on functions from anon, authenticated"
        )


@pytest.mark.parametrize("table", ["bookings", "contact_credits", "mock_exams"])
def test_truncating_is_refused(connect, table):
    with pytest.raises(psycopg.Error) as refused:
        connect().execute(f"truncate hubspot_sync.hubspot_{table} cascade")
    assert refused.value.sqlstate == "MBAPP"


def test_a_contact_that_arrives_after_its_booking_is_linked(world, exam):
    db = world.database
    db.rows(
        "insert into hubspot_sync.hubspot_bookings (hubspot_id, booking_id, mock_exam_id,"
        " contact_id, student_id, student_email, is_active, token_used)"
        " values ('B9', 'OLD-9', %(exam)s, %(contact)s, 'late', 'late@example.com', 'Active',"
        " 'Shared Token')",
        exam=exam,
        contact=(contact := world.student("late", shared_mock_credits=1)),
    )
    assert db.value("select contact from hubspot_sync.hubspot_bookings") is None
    world.bring_in()
    assert db.value(
        "select b.contact = c.id from hubspot_sync.hubspot_bookings b,"
        " hubspot_sync.hubspot_contact_credits c where c.hubspot_id = %(contact)s",
        contact=contact,
    )
    assert db.violations() == []


def test_one_bad_link_does_not_hold_up_the_rest_of_the_batch(world, exam):
    db, account = world.database, world.account
    gone = world.exam(exam_date="2099-05-05")
    world.bring_in()
    account.delete("mock_exams", gone)
    good = {db.book(student, exam) for student in ("ann", "ben")}
    db.book("cat", gone)
    report = world.drain()
    assert report.failed == 1
    linked = {
        booking_id
        for booking_id, links in account.links(BOOKINGS, "booking_id").items()
        if links.get("mock_exams") == [exam]
    }
    assert linked == good
    assert {c["table_name"] for c in db.open_changes()} == {"hubspot_bookings"}


def test_a_booking_whose_link_failed_and_that_was_then_deleted_is_archived(world, exam):
    db, account = world.database, world.account
    db.book("ann", exam)
    account.fault({"kind": "rate_limited", "path": "/crm/associations"})
    world.drain()
    account.fault()
    assert len(account.records(BOOKINGS)) == 1
    db.rows("delete from hubspot_sync.hubspot_bookings")
    db.let_time_pass()
    world.drain()
    assert account.records(BOOKINGS) == []
    assert db.open_changes() == []


def test_two_contacts_of_one_student_do_not_stop_the_others(world, exam):
    db, account = world.database, world.account
    db.rows(
        "insert into hubspot_sync.hubspot_contact_credits (student_id, email)"
        " values ('twin', 'a@example.com'), ('twin', 'b@example.com'),"
        " ('solo', 'solo@example.com')"
    )
    db.book("ann", exam)
    for _ in range(4):
        world.drain()
        db.let_time_pass()
    assert {"twin", "solo"} <= set(account.properties(CONTACTS, "student_id"))
    assert len(account.records(BOOKINGS)) == 1
    assert db.value(
        "select count(*) from hubspot_sync.hubspot_contact_credits where hubspot_id is null"
    )


def test_a_changed_student_id_changes_the_contact_and_makes_no_second(world, exam):
    db, account = world.database, world.account
    before = len(account.records(CONTACTS))
    db.rows(
        "update hubspot_sync.hubspot_contact_credits set student_id = 'renamed'"
        " where student_id = 'ann'"
    )
    world.drain()
    assert len(account.records(CONTACTS)) == before
    assert "renamed" in account.properties(CONTACTS, "student_id")
    assert db.open_changes() == []
