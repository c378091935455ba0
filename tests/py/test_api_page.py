"""docs/api.md says what the functions of api are, and its examples do what it shows.

So do the examples of docs/security.md, in a database of their own.
"""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from sandbox import postgres

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text()
# A block of SQL, and the block after it, which shows what it prints.
EXAMPLE = re.compile(r"^```sql\n(.*?)^```\n(?:```\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
NEXT = "-- the next example --"
STUDENT = '{"email": "student@example.org"}'
ADMINISTRATOR = '{"email": "admin@example.org"}'
FUNCTIONS = """
    select p.proname, pg_get_function_arguments(p.oid), obj_description(p.oid, 'pg_proc'),
           p.provolatile = 's', t.typname, p.proretset
      from pg_proc p
      join pg_type t on t.oid = p.prorettype
     where p.pronamespace = 'api'::regnamespace
"""


@pytest.fixture
def db(connect) -> psycopg.Connection:
    """A connection to a migrated database, inside a transaction that is never committed."""
    return connect()


def tidy(text: str) -> str:
    """What psql printed, without the blanks at the ends of lines and blank lines around."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def printed(page: str, database_url: str) -> list[str]:
    """What the examples of a page print, run in their order in one session."""
    scripts = [block for block, _ in EXAMPLE.findall(page)]
    answer = subprocess.run(
        [postgres.bindir() / "psql", "--no-psqlrc", "--quiet", "--set=SHOW_CONTEXT=never",
         "--file=-", database_url],
        input=f"\\echo {NEXT}\n".join(scripts),
        env=os.environ | {"PGTZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )  # fmt: skip
    texts = re.sub(r"^psql:\S+ ", "", answer.stdout, flags=re.MULTILINE).split(f"{NEXT}\n")
    return [tidy(text) for text in texts]


@pytest.mark.parametrize("name", ["api.md", "security.md"])
def test_an_example_prints_what_stands_below_it(name, database_url):
    page = (DOCS / name).read_text()
    shown = [tidy(block) for _, block in EXAMPLE.findall(page)]
    assert shown
    assert printed(page, database_url) == shown


def sections() -> dict[str, str]:
    """The section of each function, and of each type, by its heading."""
    parts = re.split(r"^#{2,3} (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str, columns: int) -> list[tuple[str, ...]]:
    """The first cells of a table whose rows begin with a name in backticks or a link."""
    lines = re.findall(r"^\| (?:`|\[).*\|$", text, re.MULTILINE)
    cells = ([cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)] for line in lines)
    return [tuple(line[1 : columns + 1]) for line in cells]


def test_every_function_has_its_section(db):
    names = {name for name, *_ in db.execute(FUNCTIONS)}
    assert {heading for heading in sections() if re.fullmatch(r"[a-z_]+", heading)} == names


def test_the_parameters_their_types_and_defaults_are_the_functions(db):
    for name, arguments, *_ in db.execute(FUNCTIONS).fetchall():
        expected = [
            re.fullmatch(r"(\w+) (.+) DEFAULT (\w+)(?:::.+)?", argument).groups()
            for argument in filter(None, arguments.split(", "))
        ]
        told = [(row[0], row[1], row[3]) for row in rows(sections()[name], 4)]
        assert told == [(name, kind, value.lower()) for name, kind, value in expected], name


def test_the_codes_are_those_of_the_functions_comment(db):
    for name, _, comment, *_ in db.execute(FUNCTIONS).fetchall():
        line = re.search(r"^Codes: (?:.|\n(?!\n))*", sections()[name], re.MULTILINE)[0]
        told = re.findall(r"`(\w{5})`", line)
        assert told == sorted(set(re.findall(r"\b(MB[A-Z]{3}|22023|42501)\b", comment))), name


def test_the_answer_is_of_the_type_the_function_returns(db):
    for name, _, _, _, kind, many in db.execute(FUNCTIONS).fetchall():
        answers = re.search(r"^Answers (a list of )?\[`api\.(\w+)`\]", sections()[name], re.M)
        assert (answers[2], bool(answers[1])) == (kind, many), name


def test_the_types_have_the_fields_that_are_listed(db):
    fields = db.execute(
        """
        select t.typname, a.attname, format_type(a.atttypid, a.atttypmod)
          from pg_type t
          join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
         where t.typnamespace = 'api'::regnamespace
         order by a.attnum
        """
    ).fetchall()
    types = {name for name, *_ in fields}
    assert {heading[4:] for heading in sections() if heading.startswith("api.")} == types
    for kind in types:
        listed = rows(sections()[f"api.{kind}"], 2)
        assert listed == [(field, of) for name, field, of in fields if name == kind], kind


def allowed(db: psycopg.Connection, function: str, role: str, claims: str) -> bool:
    """Whether a caller is let in, whatever becomes of a call without arguments."""
    try:
        with db.transaction(force_rollback=True):
            db.execute(f"set local role {role}")
            db.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            db.execute(f"select * from api.{function}()")
    except psycopg.Error as error:
        return error.sqlstate != "42501"
    return True


def test_the_table_says_who_may(db):
    db.execute("insert into hubspot_sync.admin_users (email) values ('admin@example.org')")
    expected = {
        name: (
            "own" if allowed(db, name, "authenticated", STUDENT) else "no",
            "yes" if allowed(db, name, "authenticated", ADMINISTRATOR) else "no",
            "yes" if allowed(db, name, "service_role", "") else "no",
            "yes" if reads else "no",
        )
        for name, _, _, reads, *_ in db.execute(FUNCTIONS).fetchall()
    }
    told = {
        re.fullmatch(r"\[`(\w+)`\]\(#\1\)", name)[1]: tuple(cells)
        for name, *cells in rows(sections()["Who may call what"], 5)
    }
    assert told == expected | {"list_available_exams": ("yes", "yes", "yes", "yes")}


def test_what_is_for_administrators_asks_for_one(db):
    bodies = {
        f"{schema}.{name}": re.sub(r"--.*", "", body)
        for schema, name, body in db.execute(
            "select p.pronamespace::regnamespace::text, p.proname, p.prosrc from pg_proc p"
            " where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)"
        )
    }

    def asks(function: str) -> bool:
        called = re.findall(r"perform (hubspot_sync\.\w+)|:= (hubspot_sync\.\w+)", bodies[function])
        return any(
            name == "hubspot_sync.require_administrator" or (name in bodies and asks(name))
            for pair in called
            for name in pair
        )

    told = {
        re.match(r"\[`(\w+)", name)[1]
        for name, student in rows(sections()["Who may call what"], 2)
        if student == "no"
    }
    assert {name[4:] for name in bodies if name.startswith("api.") and asks(name)} == told
