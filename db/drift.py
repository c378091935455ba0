"""Does the database hold what these files say? `python db/drift.py`, with DATABASE_URL set.

Applies every function, trigger, type and view in a transaction that is rolled back, and names
each whose definition, comment or grants would change: somebody edited it by hand, or a migration
is missing. Exit 0: nothing differs; 1: something does; 2: DATABASE_URL is not set; 75: Postgres
cannot be reached; 77: the role of DATABASE_URL may not replace them, run it as their owner. Blocks
writers of the tables with triggers for a moment; waits for no one longer than two seconds.
"""

import os
import re
import sys
from pathlib import Path

import psycopg

DB = Path(__file__).parent

# Everything about functions and triggers that a file can say, one text per object.
DEFINITIONS = """
  select 'function ' || p.oid::regprocedure as object,
         concat_ws(E'\\n', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'),
                   (select string_agg(a::text, ',' order by a::text)
                      from unnest(p.proacl) a)) as definition
    from pg_proc p
   where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
     and p.prokind = 'f'
   union all
  select format('trigger %s on %s', t.tgname, t.tgrelid::regclass),
         pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
   where c.relnamespace = 'hubspot_sync'::regnamespace and not t.tgisinternal
   union all
  select 'type ' || c.oid::regtype,
         concat_ws(E'\\n', (
           select string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                             ', ' order by a.attnum)
             from pg_attribute a where a.attrelid = c.typrelid and a.attnum > 0
              and not a.attisdropped), obj_description(c.oid, 'pg_type'))
    from pg_type c
    join pg_class r on r.oid = c.typrelid and r.relkind = 'c'
   where c.typnamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)
   union all
  select 'view ' || c.oid::regclass,
         concat_ws(E'\\n', pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),
                   array_to_string(c.reloptions, ','),
                   (select string_agg(pg_get_indexdef(i.indexrelid), ';' order by i.indexrelid::regclass::text)
                      from pg_index i where i.indrelid = c.oid))
    from pg_class c
   where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind in ('v', 'm')
"""  # noqa: E501


def definitions(connection: psycopg.Connection) -> dict[str, str]:
    """Every object of the two schemas with all that defines it."""
    return dict(connection.execute(DEFINITIONS).fetchall())


def sources(kind: str) -> list[str]:
    """The texts of db/<kind>, in the order of their names."""
    return [path.read_text(encoding="utf-8") for path in sorted((DB / kind).glob("*.sql"))]


def drift(connection: psycopg.Connection) -> list[str]:
    """What differs, a line an object. The connection's transaction is rolled back."""
    found = []
    try:
        connection.execute("set local lock_timeout = '2s'")
        connection.execute("set local check_function_bodies = off")
        before = definitions(connection)
        # «create or replace» keeps grants: start from none, so that one too many is seen.
        connection.execute(
            "revoke all on all functions in schema api, hubspot_sync"
            " from public, anon, authenticated, service_role"
        )
        for text in sources("functions") + sources("triggers"):
            connection.execute(text)
        after = definitions(connection)
        # What carries data or is used by tables cannot be made twice: under its name, beside it.
        connection.execute("create schema drift")
        for text in sources("types") + sources("views"):
            beside = re.sub(r"\b(type|view) (?:api|hubspot_sync)\.(\w+)", r"\1 drift.\2", text)
            beside = re.sub(r"(\bon) hubspot_sync\.(?=booking_\w+ [(])", r"\1 drift.", beside)
            beside = re.sub(r"^revoke all on .*?;", "", beside, flags=re.MULTILINE)
            connection.execute(beside)
        query = DEFINITIONS.replace("'api'::regnamespace, 'hubspot_sync'", "'drift'").replace(
            "relnamespace = 'hubspot_sync'", "relnamespace = 'drift'"
        )
        sketched = dict(connection.execute(query).fetchall())
        for name, text in sketched.items():
            kind, _, bare = name.partition(" drift.")
            real = next(
                (n for n in (f"{kind} api.{bare}", f"{kind} hubspot_sync.{bare}") if n in before),
                None,
            )
            if real is None:
                found.append(f"{kind} {bare} is missing")
            else:
                after[real] = text.replace("drift.", "hubspot_sync.")
    finally:
        connection.rollback()
    # An object no file makes stands in `before` and `after` alike; the files' names tell.
    ours = {path.stem for kind in ("functions", "triggers") for path in (DB / kind).glob("*.sql")}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            found.append(f"{name} is missing")
        elif before[name] != after[name]:
            found.append(f"{name} differs")
        elif name.startswith("function ") and re.split(r"[.(]", name)[1] not in ours:
            found.append(f"{name} is in no file")
    return found


def main() -> None:
    """Prints what differs; see the module's exit codes."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        print("DATABASE_URL is not set", file=sys.stderr)
        sys.exit(2)
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            found = drift(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        said = error.diag.message_primary
        print(f"{said}: run it as the owner of the functions", file=sys.stderr)
        sys.exit(77)
    except psycopg.Error as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(75)
    print("\n".join(found) if found else "the database holds what the files say")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
