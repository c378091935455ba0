"""What holds for the whole schema: privileges, row level security, comments, error codes."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from glue.errors import CODES

ROOT = Path(__file__).parents[2]
FUNCTIONS = """
    select p.oid, n.nspname as schema, p.proname as name, p.oid::regprocedure::text as signature,
           p.prosrc, p.prosecdef, p.proretset, p.prorettype, p.proconfig, p.proacl, p.proowner,
           obj_description(p.oid, 'pg_proc') as comment
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('api', 'hubspot_sync')
"""
# Tables, views, materialized views and sequences.
RELATIONS = """
    select c.oid, c.relname as name, c.relkind::text as kind, c.relrowsecurity,
           obj_description(c.oid, 'pg_class') as comment
      from pg_class c
     where c.relnamespace = 'hubspot_sync'::regnamespace
       and c.relkind in ('r', 'p', 'v', 'm', 'S')
"""


@pytest.fixture
def db(connect) -> psycopg.Connection:
    """A connection to a migrated database, inside a transaction that is never committed."""
    return connect()


def column(db: psycopg.Connection, query: str) -> list:
    """The first column of a query."""
    return [row[0] for row in db.execute(query)]


# Functions


def test_every_function_of_api_has_a_comment(db):
    assert not column(db, f"select signature from ({FUNCTIONS}) f where schema = 'api'"
                          " and coalesce(comment, '') = ''")  # fmt: skip


def test_every_function_of_api_is_a_definer_with_a_fixed_search_path(db):
    bent = f"""
        select signature from ({FUNCTIONS}) f
         where schema = 'api'
           and not (prosecdef and coalesce(proconfig, '{{}}')
                                  @> array['search_path=pg_catalog, pg_temp'])
    """
    assert not column(db, bent)


def test_every_definer_function_has_a_fixed_search_path(db):
    bent = f"""
        select signature from ({FUNCTIONS}) f
         where prosecdef
           and not coalesce(proconfig, '{{}}') @> array['search_path=pg_catalog, pg_temp']
    """
    assert not column(db, bent)


def test_every_function_of_api_answers_a_named_type_of_api_or_nothing(db):
    unnamed = f"""
        select signature from ({FUNCTIONS}) f
          join pg_type t on t.oid = f.prorettype
         where schema = 'api'
           and t.oid <> 'void'::regtype
           and not (t.typtype = 'c' and t.typnamespace = 'api'::regnamespace)
    """
    assert not column(db, unnamed)


def test_no_function_of_api_is_overloaded(db):
    assert not column(db, f"select name from ({FUNCTIONS}) f where schema = 'api'"
                          " group by name having count(*) > 1")  # fmt: skip


def test_every_parameter_of_api_can_be_left_out(db):
    """PostgREST answers «function not found» where ours could say what is missing."""
    required = """
        select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'api'::regnamespace and p.pronargs > p.pronargdefaults
    """
    assert not column(db, required)


def test_functions_that_change_nothing_are_stable(db):
    """PostgREST runs stable functions read only, and answers GET."""
    readers = r"""
        select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace = 'api'::regnamespace
           and p.proname ~ '^(get|list|check|verify)' and p.provolatile <> 's'
    """
    assert not column(db, readers)


def test_every_trigger_is_enabled_and_its_function_is_ours(db):
    odd = """
        select t.tgname from pg_trigger t
          join pg_class c on c.oid = t.tgrelid
          join pg_proc p on p.oid = t.tgfoid
         where c.relnamespace = 'hubspot_sync'::regnamespace and not t.tgisinternal
           and (t.tgenabled <> 'O' or p.pronamespace <> 'hubspot_sync'::regnamespace
                or t.tgname not like c.relname || '%')
    """
    assert not column(db, odd)


# Privileges


def test_public_may_execute_nothing(db):
    granted = f"""
        select signature from ({FUNCTIONS}) f
         cross join lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
         where a.grantee = 0
    """
    assert not column(db, granted)


def test_anon_may_execute_nothing(db):
    granted = f"""
        select signature from ({FUNCTIONS}) f
         where has_function_privilege('anon', f.oid, 'execute')
    """
    assert not column(db, granted)


def test_a_login_may_execute_the_functions_of_api_alone(db):
    odd = f"""
        select signature from ({FUNCTIONS}) f
         where has_function_privilege('authenticated', f.oid, 'execute') <> (schema = 'api')
    """
    assert not column(db, odd)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_client_without_an_email_that_calls_a_function_is_refused(db, role):
    for function in column(db, f"select name from ({FUNCTIONS}) f where schema = 'api'"):
        call = sql.SQL("select * from api.{}()").format(sql.Identifier(function))
        assert sqlstate(db, role, call) == "42501", function


def test_service_role_may_execute_every_function_of_api(db):
    assert column(db, "select has_schema_privilege('service_role', 'api', 'usage')") == [True]
    refused = f"""
        select signature from ({FUNCTIONS}) f
         where schema = 'api' and not has_function_privilege('service_role', f.oid, 'execute')
    """
    assert not column(db, refused)


def test_what_service_role_may_execute_runs_with_the_owners_rights(db):
    """Otherwise it would fail at the first table, or see none of its rows."""
    powerless = f"""
        select signature from ({FUNCTIONS}) f
         where has_function_privilege('service_role', f.oid, 'execute') and not prosecdef
    """
    assert not column(db, powerless)


def test_service_role_works_through_the_functions_alone(db):
    db.execute("set local role service_role")
    assert column(db, "select count(*) from api.verify() where violations > 0") == [0]
    assert db.execute("select * from api.list_available_exams()").fetchall() == []
    assert db.execute("select * from hubspot_sync.queue_status()").fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("select * from hubspot_sync.hubspot_bookings")


def test_one_role_owns_everything(db):
    """A definer function whose owner does not own the tables sees no rows, silently."""
    owners = f"""
        select proowner from ({FUNCTIONS}) f
        union
        select c.relowner from pg_class c where c.relnamespace = 'hubspot_sync'::regnamespace
    """
    assert len(column(db, owners)) == 1


def sqlstate(db: psycopg.Connection, role: str, statement: sql.Composable | str) -> str | None:
    """The SQLSTATE a role gets for a statement, or None when it is let through."""
    try:
        with db.transaction(force_rollback=True):
            db.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            db.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def attempts(db: psycopg.Connection) -> Iterator[tuple[str, sql.Composed]]:
    """Every relation, with what a client might try with it."""
    writes = (
        "insert into {} default values",
        "update {} set {column} = default",
        "delete from {}",
        "truncate {}",
    )
    for name, kind, first in db.execute(
        f"""
        select r.name, r.kind, a.attname
          from ({RELATIONS}) r
          join pg_attribute a on a.attrelid = r.oid and a.attnum = 1
        """
    ).fetchall():
        relation = sql.Identifier("hubspot_sync", name)
        for text in ("select * from {}", *(writes if kind in "rp" else ())):
            statement = sql.SQL(text).format(relation, column=sql.Identifier(first))
            yield f"{text.split()[0]} {name}", statement


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize("usage", [False, True], ids=["as it is", "with usage of the schema"])
def test_a_client_can_neither_read_nor_write_a_table(db, role, usage):
    if usage:
        db.execute(f"grant usage on schema hubspot_sync to {role}")
    tried = {what: sqlstate(db, role, statement) for what, statement in attempts(db)}
    assert len(tried) > 50
    assert {what: code for what, code in tried.items() if code != "42501"} == {}


# Row level security


def test_every_table_has_row_level_security(db):
    assert not column(db, f"select name from ({RELATIONS}) r"
                          " where kind in ('r', 'p') and not relrowsecurity")  # fmt: skip


def test_every_table_has_a_policy_that_denies_clients(db):
    without = f"""
        select r.name from ({RELATIONS}) r
         where r.kind in ('r', 'p')
           and not exists (
             select from pg_policies p
              where p.schemaname = 'hubspot_sync' and p.tablename = r.name
                and p.roles @> '{{anon,authenticated}}' and p.cmd = 'ALL'
                and p.qual = 'false' and p.with_check = 'false')
    """
    assert not column(db, without)


def test_no_policy_lets_anybody_in(db):
    assert not column(db, "select policyname from pg_policies where schemaname = 'hubspot_sync'"
                          " and (qual <> 'false' or with_check <> 'false')")  # fmt: skip


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_client_granted_a_table_by_mistake_sees_no_row_and_writes_none(db, role):
    db.execute(
        """
        insert into hubspot_sync.hubspot_mock_exams (hubspot_id) values ('E-1');
        insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
        values ('C-1', 'S-1', 'ann@example.com', 1);
        insert into hubspot_sync.hubspot_bookings
          (booking_id, mock_exam_id, student_id, student_email)
        values ('1', 'E-1', 'S-1', 'ann@example.com');
        """
    )
    db.execute(f"grant usage on schema hubspot_sync to {role}")
    db.execute(f"grant all on all tables in schema hubspot_sync to {role}")
    db.execute(f"grant execute on all functions in schema hubspot_sync to {role}")
    tables = column(db, f"select name from ({RELATIONS}) r where kind in ('r', 'p', 'v')")
    db.execute(f"set local role {role}")
    for name in tables:
        table = sql.Identifier("hubspot_sync", name)
        query = sql.SQL("select count(*) from {}").format(table)
        assert db.execute(query).fetchone() == (0,), name
    insert = "insert into hubspot_sync.hubspot_mock_exams (hubspot_id) values ('E-2')"
    assert sqlstate(db, role, insert) == "42501"
    assert db.execute("delete from hubspot_sync.hubspot_bookings").rowcount == 0


def test_the_analytics_hold_no_row_for_clients(db):
    """A materialized view has no row level security: only grants keep clients out."""
    granted = """
        select r.role from pg_class c, unnest(array['anon', 'authenticated', 'public']) r (role)
         where c.relkind = 'm' and c.relnamespace = 'hubspot_sync'::regnamespace
           and has_table_privilege(r.role, c.oid,
                                   'select, insert, update, delete, truncate, references, trigger')
    """
    assert not column(db, granted)


def test_views_ask_for_the_callers_rights(db):
    """A view that runs with its owner's rights would pass by row level security."""
    bent = """
        select c.relname from pg_class c
         where c.relkind = 'v' and c.relnamespace = 'hubspot_sync'::regnamespace
           and not coalesce(c.reloptions, '{}') @> '{security_invoker=true}'
    """
    assert not column(db, bent)


# Comments


def test_every_table_and_view_has_a_comment(db):
    silent = f"""
        select name from ({RELATIONS}) r
         where kind in ('r', 'p', 'v', 'm') and coalesce(comment, '') = ''
           and name <> 'alembic_version'
         order by name
    """
    assert column(db, silent) == []


def test_every_function_has_a_comment(db):
    silent = f"select signature from ({FUNCTIONS}) f where coalesce(comment, '') = ''"
    assert column(db, silent) == []


def test_every_type_has_a_comment(db):
    silent = """
        select t.oid::regtype::text from pg_type t
          join pg_class c on c.oid = t.typrelid
         where t.typnamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
           and c.relkind = 'c' and coalesce(obj_description(t.oid, 'pg_type'), '') = ''
    """
    assert column(db, silent) == []


def test_every_table_has_a_primary_key(db):
    without = f"""
        select name from ({RELATIONS}) r
         where kind in ('r', 'p')
           and not exists (select from pg_constraint c where c.conrelid = r.oid and c.contype = 'p')
    """
    assert column(db, without) == []


def test_no_index_doubles_another(db):
    doubled = """
        select i.indexrelid::regclass::text
          from pg_index i
          join pg_index u on u.indrelid = i.indrelid and u.indexrelid <> i.indexrelid
                         and u.indkey::text = i.indkey::text
                         and u.indexprs::text is not distinct from i.indexprs::text
                         and u.indpred::text is not distinct from i.indpred::text
                         and u.indclass = i.indclass
          join pg_class c on c.oid = i.indrelid
         where c.relnamespace = 'hubspot_sync'::regnamespace and not i.indisunique
    """
    assert column(db, doubled) == []


def test_verify_knows_every_trigger(db):
    """One that is dropped leaves nothing to look at: it must be on the list."""
    listed = set(re.findall(r"'(\w+)'", SOURCES[ROOT / "db/functions/missing_guards.sql"]))
    made = column(
        db,
        "select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " where c.relnamespace = 'hubspot_sync'::regnamespace and not t.tgisinternal",
    )
    assert set(made) - listed == set()
    assert column(db, "select * from hubspot_sync.missing_guards()") == []
    for trigger, table in db.execute(
        "select t.tgname, t.tgrelid::regclass::text from pg_trigger t"
        "  join pg_class c on c.oid = t.tgrelid"
        " where c.relnamespace = 'hubspot_sync'::regnamespace and not t.tgisinternal"
    ).fetchall():
        with db.transaction(force_rollback=True):
            db.execute(f"drop trigger {trigger} on {table}")
            assert column(db, "select * from hubspot_sync.missing_guards()") == [trigger]


# Error codes


def without_comments(path: Path) -> str:
    """An SQL file without its `--` comments and its `comment on` statements."""
    text = re.sub(r"--.*", "", path.read_text())
    return re.sub(r"^comment on .*?';$", "", text, flags=re.MULTILINE | re.DOTALL)


SOURCES = {path: without_comments(path) for path in sorted((ROOT / "db").rglob("*.sql"))}


def documented() -> dict[str, list[str]]:
    """The rows of docs/errors.md: the code, and the other cells."""
    rows = re.findall(r"^\| `(\w{5})` \|(.*)\|$", (ROOT / "docs/errors.md").read_text(), re.M)
    return {code: [cell.strip() for cell in cells.split("|")] for code, cells in rows}


def test_the_codes_of_the_sql_are_those_of_the_glue_and_of_the_docs():
    raised = set(re.findall(r"'(MB[A-Z]{3})'", "".join(SOURCES.values())))
    of_the_docs = {code for code in documented() if code.startswith("MB")}
    assert raised == set(CODES)
    assert of_the_docs == set(CODES)


def test_the_docs_tell_of_every_code_what_to_do():
    rows = documented()
    assert list(rows)[: len(CODES)] == sorted(CODES)
    for code, cells in rows.items():
        assert len(cells) == 6, code
        assert all(cells), code


def raised_by(db: psycopg.Connection) -> dict[str, set[str]]:
    """The codes each function of api raises, itself or in what it calls."""
    bodies = {}
    for schema, name, body in db.execute(f"select schema, name, prosrc from ({FUNCTIONS}) f"):
        bodies[f"{schema}.{name}"] = re.sub(r"--.*", "", body)

    def codes(function: str, seen: frozenset[str]) -> set[str]:
        body = bodies[function]
        found = set(re.findall(r"'(MB[A-Z]{3}|22023|42501)'", body))
        for called in set(re.findall(r"\b(?:api|hubspot_sync)\.\w+(?=\()", body)) & set(bodies):
            if called not in seen:
                found |= codes(called, seen | {called})
        return found

    return {name: codes(name, frozenset({name})) for name in bodies if name.startswith("api.")}


def test_the_comment_of_a_function_names_exactly_the_codes_it_raises(db):
    comments = db.execute(
        f"select schema || '.' || name, comment from ({FUNCTIONS}) f where schema = 'api'"
    ).fetchall()
    told = {name: set(re.findall(r"\b(MB[A-Z]{3}|22023|42501)\b", text)) for name, text in comments}
    assert told == raised_by(db)


def test_the_docs_name_the_functions_that_raise_a_code(db):
    told = {
        (function, code)
        for code, cells in documented().items()
        for function in re.findall(r"`(api\.\w+)`", cells[-1])
    }
    raised = {(name, code) for name, codes in raised_by(db).items() for code in codes}
    assert told == raised


def statements(word: str) -> Iterator[tuple[str, str]]:
    """Every PL/pgSQL statement that begins with a word, and where it is."""
    for path, text in SOURCES.items():
        for statement in re.findall(rf"\b{word}\b(?:[^;']|'[^']*')*;", text):
            yield path.relative_to(ROOT).as_posix(), statement


def test_every_exception_has_a_code_and_a_hint():
    """Without a code it would be P0001, which says nothing."""
    raises = list(statements("raise exception"))
    assert len(raises) > 20
    assert [(path, text) for path, text in raises if "errcode =" not in text] == []
    assert [(path, text) for path, text in raises if "hint =" not in text] == []


def test_no_code_is_raised_that_would_be_retried_for_ever_or_is_another_s():
    codes = {
        (path.name, code)
        for path, text in SOURCES.items()
        for code in re.findall(r"(?:errcode\s*=|v_code\s*:=)\s*'(\w+)'", text)
    }
    assert codes
    ours = re.compile(r"MB[A-Z]{3}|22023|42501|55000")
    assert {(name, code) for name, code in codes if not ours.fullmatch(code)} == set()


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"when\s+others", "hides what went wrong"),
        (r"sqlstate\s+'(40|P0)", "class 40 is retried for ever, P0 is PL/pgSQL's own"),
        (r"(sqlerrm|v_message)\s*(~|!~|like|ilike|=|<>|similar)", "errors are told by SQLSTATE"),
        (r"\b(serialization_failure|raise_exception)\b", "not ours to raise or catch"),
    ],
)
def test_no_source_misuses_errors(pattern, why):
    misused = re.compile(pattern, re.IGNORECASE)
    assert [path.name for path, text in SOURCES.items() if misused.search(text)] == [], why
