"""Writes types/booking-core.ts, the RPCs as supabase-js's generics want them.

`python db/typescript.py` reads the catalogue of the database that DATABASE_URL names, or of a new
one with all migrations if it is not set. Comments become JSDoc. Exit 0: written; 75: Postgres
cannot be reached.

An argument with a default may be left out, and be null where null is the default. Postgres does
not say which fields of a composite are never null, so all may be.
"""

import os
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import psycopg

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "types" / "booking-core.ts"
COLUMNS = 90  # of a comment; the deepest stand ten to the right

TYPES = {
    "boolean": ("bool",),
    # Whole numbers above 2^53 lose their last digits in JavaScript; none here come near.
    "number": ("int2", "int4", "int8", "float4", "float8", "numeric"),
    "string": ("text", "varchar", "uuid", "date", "time", "timetz", "timestamp", "timestamptz"),
    "Json": ("json", "jsonb"),
    "undefined": ("void",),
}
SCALARS = {name: script for script, names in TYPES.items() for name in names}

FUNCTIONS = """
  select p.oid, p.proname, obj_description(p.oid, 'pg_proc'), p.prorettype, p.proretset
    from pg_proc p
   where p.pronamespace = 'api'::regnamespace and p.prokind = 'f'
   order by p.proname
"""
ARGUMENTS = """
  select a.name, a.type, pg_get_function_arg_default(p.oid, a.position::integer)
    from pg_proc p
   cross join unnest(p.proargnames, p.proargtypes::oid[]) with ordinality as a(name, type, position)
   where p.oid = %s and a.type is not null
   order by a.position
"""
COMPOSITES = """
  select t.oid, t.typname, obj_description(t.oid, 'pg_type')
    from pg_type t
    join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
   where t.typnamespace = 'api'::regnamespace
   order by t.typname
"""
FIELDS = """
  select a.attname, a.atttypid, col_description(a.attrelid, a.attnum)
    from pg_type t
    join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
   where t.oid = %s
   order by a.attnum
"""
ENUMS = """
  select t.oid, t.typname, obj_description(t.oid, 'pg_type'),
         (select array_agg(e.enumlabel::text order by e.enumsortorder)
            from pg_enum e where e.enumtypid = t.oid)
    from pg_type t
   where t.typnamespace = 'api'::regnamespace and t.typtype = 'e'
   order by t.typname
"""
TYPE = """
  select t.typname, t.typnamespace::regnamespace::text, t.typtype, t.typelem, t.typcategory
    from pg_type t
   where t.oid = %s
"""


class Untranslatable(Exception):
    """A function of api takes or gives a type that no app can be told of."""


class Member(NamedTuple):
    """A name with its type and comment, as one entry of an object type."""

    name: str
    type: str
    comment: str | None = None
    optional: bool = False

    def __str__(self) -> str:
        """The entry, its comment above it."""
        return f"{jsdoc(self.comment)}{self.name}{'?' if self.optional else ''}: {self.type}"


def jsdoc(comment: str | None) -> str:
    """A comment as JSDoc, wrapped, with the line's end."""
    if not comment:
        return ""
    safe = " ".join(comment.split()).replace("*/", "* /")
    lines = textwrap.wrap(safe, COLUMNS - len(" * "), break_on_hyphens=False)
    if len(lines) == 1:
        return f"/** {safe} */\n"
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


def record(members: list[Member]) -> str:
    """An object type, or the one without entries."""
    if not members:
        return "{ [name in never]: never }"
    return "{\n" + textwrap.indent("\n".join(map(str, members)), "  ") + "\n}"


def translate(connection: psycopg.Connection, oid: int) -> str:
    """The TypeScript type of a type of Postgres, as PostgREST gives it.

    Raises:
        Untranslatable: there is none.
    """
    name, schema, kind, element, category = connection.execute(TYPE, [oid]).fetchone()
    if category == "A":
        return f"{translate(connection, element)}[]"
    if schema == "api" and kind in ("c", "e"):
        return f"Database['api']['{'CompositeTypes' if kind == 'c' else 'Enums'}']['{name}']"
    if schema == "pg_catalog" and name in SCALARS:
        return SCALARS[name]
    raise Untranslatable(f"{schema}.{name}")


def functions(connection: psycopg.Connection) -> list[Member]:
    """Every RPC: what it takes and what it gives."""
    found = []
    for oid, name, comment, result, is_set in connection.execute(FUNCTIONS).fetchall():
        arguments = []
        for argument, kind, default in connection.execute(ARGUMENTS, [oid]).fetchall():
            script = translate(connection, kind)
            null = default is not None and default.upper().startswith("NULL")
            arguments.append(
                Member(
                    argument,
                    f"{script} | null" if null else script,
                    None if null or default is None else f"{default} unless given.",
                    optional=default is not None,
                )
            )
        gives = translate(connection, result) + ("[]" if is_set else "")
        takes = record(arguments) if arguments else "never"
        shape = record([Member("Args", takes), Member("Returns", gives)])
        found.append(Member(name, shape, comment))
    return found


def composites(connection: psycopg.Connection) -> list[Member]:
    """Every composite type with its fields."""
    found = []
    for oid, name, comment in connection.execute(COMPOSITES).fetchall():
        fields = connection.execute(FIELDS, [oid]).fetchall()
        members = [
            Member(field, f"{translate(connection, kind)} | null", said)
            for field, kind, said in fields
        ]
        found.append(Member(name, record(members), comment))
    return found


def generate(connection: psycopg.Connection) -> str:
    """The whole file."""
    enums = [
        Member(name, " | ".join(f"'{label}'" for label in labels), comment)
        for _, name, comment, labels in connection.execute(ENUMS).fetchall()
    ]
    schema = record(
        [
            Member("Tables", record([])),
            Member("Views", record([])),
            Member("Functions", record(functions(connection))),
            Member("Enums", record(enums)),
            Member("CompositeTypes", record(composites(connection))),
        ]
    )
    database = f"export type Database = {record([Member('api', schema)])}\n"
    json = (
        "export type Json =\n  | string | number | boolean | null\n"
        "  | { [key: string]: Json | undefined } | Json[]\n\n"
    )
    return (
        "// Made by `python db/typescript.py` from the database. Do not edit.\n"
        "//\n"
        "//   createClient<Database, 'api'>(url, key, { db: { schema: 'api' } })\n\n"
        f"{json if 'Json' in database else ''}{database}"
    )


def main() -> None:
    """Writes the file; see the module's exit codes."""
    if url := os.environ.get("DATABASE_URL"):
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                text = generate(connection)
        except psycopg.OperationalError as error:
            print(" ".join(str(error).split()), file=sys.stderr)
            sys.exit(75)
    else:
        sys.path.insert(0, str(ROOT))
        from sandbox.stack import running

        with (
            running(valkey=False, hubspot=False, fsync=False, migrate=True) as stack,
            psycopg.connect(stack.database_url) as connection,
        ):
            text = generate(connection)
    FILE.write_text(text)
    print(f"wrote {FILE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
