"""Every PL/pgSQL function passes plpgsql_check with all of its warnings on.

The extension checks what Postgres looks at only when a line runs: names, types, unread variables,
hidden casts, volatility, text that goes into EXECUTE. Debian has it for its own Postgres, 15, so
these tests start such a server beside the suite's, whatever version that one is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from sandbox.stack import running

CONTROL_FILES = "*/extension/plpgsql_check.control"
HOW = "plpgsql_check is not installed: apt-get install postgresql-15-plpgsql-check"

# A trigger function is checked once for each relation and each set of transition tables.
FINDINGS = """
    select p.oid::regprocedure::text as function, t.relation, c.lineno, c.level, c.message,
           c.detail
      from pg_proc p
      join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
      left join (
        select distinct g.tgfoid, g.tgrelid, g.tgrelid::regclass::text as relation,
               g.tgoldtable, g.tgnewtable
          from pg_trigger g
         where not g.tgisinternal) t on t.tgfoid = p.oid
     cross join lateral plpgsql_check_function_tb(
       p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, all_warnings => true,
       oldtable => t.tgoldtable, newtable => t.tgnewtable) c
     where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
     order by function, relation, c.lineno, c.message
"""


class Finding(NamedTuple):
    """What the extension says of one function."""

    function: str
    relation: str | None
    line: int | None
    level: str
    message: str
    detail: str | None

    def matches(self, exception: tuple[str, str]) -> bool:
        """Whether an exception, a function's name and a pattern, speaks of this finding."""
        name, pattern = exception
        return self.function.split("(")[0] == name and bool(re.fullmatch(pattern, self.message))


VOLATILE = "routine is marked as VOLATILE, should be STABLE"
UNSAFE = "text type variable is not sanitized"

FALSE_ALARMS = {
    # An assignment of a simple expression needs no query, which «perform» does; this runs with
    # every booking.
    ("hubspot_sync.change_credit", 'never read variable "v_note"'),
    # A stable function sees the snapshot of its caller's statement. These must see what has been
    # committed, or written by their caller, when they are called.
    ("hubspot_sync.contact_of_booking", VOLATILE),
    ("hubspot_sync.find_duplicate", VOLATILE),
    ("hubspot_sync.look_at_exam", VOLATILE),
    ("hubspot_sync.read_exam", VOLATILE),
    # The condition is text of list_bookings and list_contact_bookings, made of constants; what
    # a caller gives goes through «using». Nobody else may execute it.
    ("hubspot_sync.page_of_bookings", UNSAFE),
    # A «case» without «else» raises when nothing fits, so its end is never reached.
    ("hubspot_sync.record_properties", "control reached end of function without RETURN"),
    # Three triggers share the function, and each branch reads only the transition tables its
    # trigger has.
    ("hubspot_sync.hubspot_bookings_seats", 'relation "(old|new)_rows" does not exist'),
    # Columns of bookings are read behind a look at tg_table_name.
    ("hubspot_sync.write_audit", 'record "(old|new)" has no field "(is_active|attendance)"'),
}


@pytest.fixture(scope="module")
def checked() -> Iterator[psycopg.Connection]:
    """A migrated database with the extension, on a server that has it."""
    versions = sorted(Path("/usr/share/postgresql").glob(CONTROL_FILES))
    if not versions:
        pytest.skip(HOW)
    binaries = Path("/usr/lib/postgresql") / versions[-1].parents[1].name / "bin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_PG_BINDIR", str(binaries))
        patch.delenv("DATABASE_URL", raising=False)
        with (
            running(valkey=False, hubspot=False, fsync=False, migrate=True) as stack,
            psycopg.connect(stack.database_url, autocommit=True) as connection,
        ):
            connection.execute("create extension plpgsql_check")
            yield connection


@pytest.fixture(scope="module")
def findings(checked: psycopg.Connection) -> list[Finding]:
    """What the extension says of all functions."""
    return [Finding(*row) for row in checked.execute(FINDINGS)]


def test_the_extension_finds_what_is_wrong(checked):
    """Else its silence would prove nothing."""
    with checked.transaction(force_rollback=True):
        checked.execute(
            """
            create function hubspot_sync.wrong() returns bigint language plpgsql as $$
            declare
              v_unread integer;
            begin
              return (select nothing from hubspot_sync.hubspot_bookings);
            end;
            $$
            """
        )
        rows = [Finding(*row) for row in checked.execute(FINDINGS)]
    said = [row.message for row in rows if row.function == "hubspot_sync.wrong()"]
    assert 'column "nothing" does not exist' in said
    assert 'unused variable "v_unread"' in said


def test_every_function_passes_plpgsql_check(findings):
    real = [f for f in findings if not any(map(f.matches, FALSE_ALARMS))]
    assert [str(finding) for finding in real] == []


def test_every_exception_is_needed(findings):
    idle = [alarm for alarm in FALSE_ALARMS if not any(f.matches(alarm) for f in findings)]
    assert idle == []


def test_every_trigger_function_of_plpgsql_belongs_to_a_trigger(checked):
    """One without a relation would not be checked."""
    idle = """
        select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
           and p.prorettype = 'trigger'::regtype
           and not exists (select from pg_trigger t where t.tgfoid = p.oid)
    """
    assert checked.execute(idle).fetchall() == []
