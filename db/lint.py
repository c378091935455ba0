"""Our own rules for SQL, after squawk's: `make lint`.

A file of db/functions or db/triggers holds one function, named as the file, with comment,
revoke and a fixed search_path. All SQL parses, fits 100 columns, has no tabs and no upper-case
keywords, names parameters p_… and variables v_…, and never raises or catches what PostgREST or a
debugger would misread.
"""

import re
import subprocess
import sys
from pathlib import Path

import pglast

DB = Path(__file__).parent
COLUMNS = 100
KEYWORDS = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|BEGIN|END|CREATE|FUNCTION|RETURNS?|RAISE|IF|THEN)\b"
)
FORBIDDEN = {
    r"when\s+others": "«when others» hides what went wrong",
    r"errcode\s*=\s*'(40|P0)": "SQLSTATE class 40 may be retried for ever, P0 is PL/pgSQL's own",
    r"sqlerrm\s*(~|like|=)": "match errors by SQLSTATE, never by text",
}
# Trigger functions and helpers the planner replaces by their body need no search_path.
BOUND_BODY = re.compile(r"^\s+return\b(?!s)", re.MULTILINE)


def sources() -> list[Path]:
    """The living SQL files."""
    kinds = ("functions", "triggers", "types", "views")
    return sorted(path for kind in kinds for path in (DB / kind).glob("*.sql"))


def migrations() -> list[Path]:
    """The SQL of revisions that no living file holds."""
    return sorted((DB / "migrations" / "frozen").glob("*/*.sql"))


def text_problems(text: str) -> list[str]:
    """What is wrong with the letters of a file."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS:
            found.append(f"{number}: longer than {COLUMNS} columns")
        if "\t" in line:
            found.append(f"{number}: a tab")
        code = re.sub(r"'[^']*'|«[^»]*»|--.*", "", line)
        if KEYWORDS.search(code):
            found.append(f"{number}: upper-case keyword")
    for pattern, reason in FORBIDDEN.items():
        found += [
            f"{text.count(chr(10), 0, hit.start()) + 1}: {reason}"
            for hit in re.finditer(pattern, text)
        ]
    return found


def function_problems(path: Path, text: str) -> list[str]:
    """What a file of functions or triggers lacks."""
    found = []
    names = re.findall(r"create or replace function (\w+)\.(\w+)", text)
    kind = path.parent.name
    if kind == "functions" and [name for _, name in names] != [path.stem]:
        found.append(f"1: must hold exactly the function {path.stem}")
    if kind == "triggers" and names and [name for _, name in names] != [path.stem]:
        found.append(f"1: must hold exactly the trigger function {path.stem}")
    for schema, name in names:
        if f"comment on function {schema}.{name}(" not in text:
            found.append(f"1: no comment on {name}")
        if f"revoke execute on function {schema}.{name}(" not in text:
            found.append(f"1: execute on {name} is not revoked from public")
        # pg_temp named last: left out, it is searched first, for types, and anyone may fill it.
        if "set search_path = pg_catalog, pg_temp" not in text and not BOUND_BODY.search(text):
            found.append(f"1: {name} has no fixed search_path")
    if not text.startswith("--"):
        found.append("1: no comment that says why")
    return found


def name_problems(text: str) -> list[str]:
    """Parameters not called p_…, variables not called v_… or c_…."""
    found = []
    for statement in pglast.parse_sql(text):
        node = statement.stmt
        if not isinstance(node, pglast.ast.CreateFunctionStmt):
            continue
        found += [
            f"1: parameter {parameter.name} should begin with p_"
            for parameter in node.parameters or ()
            if parameter.mode.name not in ("FUNC_PARAM_TABLE", "FUNC_PARAM_OUT")
            and not (parameter.name or "").startswith("p_")
        ]
    for block in re.findall(r"\bdeclare\n(.*?)\nbegin\n", text, re.DOTALL):
        found += [
            f"1: variable {name} should begin with v_"
            for name in re.findall(r"^  (\w+) ", block, re.MULTILINE)
            if not name.startswith(("v_", "c_"))
        ]
    return found


def problems(path: Path) -> list[str]:
    """Everything wrong with one file, as «line: what»."""
    text = path.read_text(encoding="utf-8")
    found = text_problems(text)
    try:
        pglast.parse_sql(text)
        found += name_problems(text)
    except pglast.parser.ParseError as error:
        return [*found, f"1: does not parse: {error}"]
    if path.parent.name in ("functions", "triggers"):
        found += function_problems(path, text)
    return found


def main() -> None:
    """Prints «file:line: what» and exits 1 when anything is wrong."""
    ours = [f"{path}:{what}" for path in sources() + migrations() for what in problems(path)]
    print("\n".join(ours) if ours else f"{len(sources())} SQL files follow our rules")
    ups = [path for path in migrations() if path.name != "down.sql"]
    squawk = Path(sys.executable).with_name("squawk")
    theirs = subprocess.run(
        [squawk, "--config", DB.parent / ".squawk.toml", "--reporter", "gcc", *sources(), *ups],
        check=False,
    )
    sys.exit(bool(ours) or theirs.returncode)


if __name__ == "__main__":
    main()
