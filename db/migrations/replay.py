"""What a revision may do: send frozen SQL, exactly as it stands.

A revision never reads the living files: it would change its meaning later.
"""

import re
from pathlib import Path

from alembic import op

FROZEN = Path(__file__).parent / "frozen"


def send(sql: str) -> None:
    """Sends SQL verbatim, online or under --sql: no bind marks, no escaping of % or colons."""
    migration = op.get_context()
    if migration.as_sql:
        migration.impl.static_output(sql)
    else:
        op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


def replay(revision: str, *files: str) -> None:
    """Sends frozen files of a revision in the given order, e.g. «functions/clock.sql»."""
    for file in files:
        send((FROZEN / revision / file).read_text(encoding="utf-8"))


def replay_sources(revision: str) -> None:
    """Sends all types, views, functions and triggers frozen with a revision, in that order.

    For a revision that makes them all; one that changes a few names them with `replay`.
    """
    # A function may call one that comes later in the alphabet.
    send("set local check_function_bodies = off;")
    for kind in ("types", "views", "functions", "triggers"):
        files = sorted((FROZEN / revision / kind).glob("*.sql"))
        replay(revision, *(f"{kind}/{file.name}" for file in files))


def drop_sources(revision: str) -> None:
    """Drops all that `replay_sources` of this revision made, and nothing else.

    A trigger goes with its function; an object somebody else added stays.
    """
    made = re.compile(
        r"^create (?:or replace )?(function|view|materialized view|type) (\w+\.\w+)", re.MULTILINE
    )
    for kind in ("functions", "triggers", "views", "types"):
        # Backwards: a type may be made of one that comes earlier in the alphabet.
        for file in sorted((FROZEN / revision / kind).glob("*.sql"), reverse=True):
            for what, name in made.findall(file.read_text(encoding="utf-8")):
                cascade = " cascade" if what == "function" else ""
                send(f"drop {what} {name}{cascade};")
