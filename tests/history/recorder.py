"""Runs connections at once and records what they saw and what was committed, as a story."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
from chance import Chance, Scene
from psycopg.rows import dict_row
from story import ROLLED_BACK, Call, Row, Story, Version

PATIENCE = 60.0
LOCK_TIMEOUT = 60
"""Seconds; so long nobody waits unless two wait for each other."""

LOGGED = (
    "exam_seats",
    "hubspot_mock_exams",
    "hubspot_bookings",
    "hubspot_contact_credits",
    "credit_ledger",
    "supabase_audit_log",
)
ERRORS = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

# The position is drawn while the row is locked, so one row's versions are in order of commit.
# Where a trigger fires in the middle of a statement, a version is logged that the statement
# itself replaces; the last of a transaction is the one it committed.
_LOG = """
  create schema history;
  create table history.log (
    position bigint generated always as identity primary key,
    xact text not null,
    table_name text not null,
    version jsonb not null
  );
  create function history.log_version() returns trigger language plpgsql security definer as $$
  begin
    insert into history.log (xact, table_name, version)
    values (pg_current_xact_id()::text, tg_table_name, to_jsonb(new));
    return null;
  end;
  $$;
"""
_TRIGGER = """
  create trigger zz_history after insert or update on hubspot_sync.{}
    for each row execute function history.log_version();
"""


class Recorder:
    """One database, prepared for a run and watched through it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._admin = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._functions = {
            row["proname"]: row["answers"]
            for row in self._rows(
                "select p.proname, p.prorettype <> 'void'::regtype as answers"
                "  from pg_proc p where p.pronamespace = 'api'::regnamespace"
            )
        }
        for row in self._rows(
            "select p.oid::regprocedure::text as name from pg_proc p"
            " where p.pronamespace = 'api'::regnamespace"
            "   and exists (select from unnest(p.proconfig) c where c like 'lock_timeout=%')"
        ):
            self._admin.execute(
                f"alter function {row['name']} set lock_timeout = '{LOCK_TIMEOUT}s'"
            )
        self._admin.execute(_LOG)
        for table in LOGGED:
            self._admin.execute(_TRIGGER.format(table))

    def close(self) -> None:
        self._admin.close()

    def most_connections(self) -> int:
        """How many connections the server takes."""
        (row,) = self._rows("show max_connections")
        return int(row["max_connections"])

    def play(self, scene: Scene, *, connections: int, operations: int) -> Story:
        """Let connections do operations at once; what happened."""
        scene.set_up(self._admin)
        (row,) = self._rows("select coalesce(max(position), 0) as last from history.log")
        together = threading.Barrier(connections)
        functions = set(self._functions)

        def work(number: int) -> list[Call]:
            actor = f"connection {number}"
            chance = Chance(scene, number, functions)
            try:
                connection = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
                connection.execute("select set_config('hubspot_sync.actor', %s, false)", (actor,))
            except psycopg.Error:
                together.abort()
                raise
            with connection:
                together.wait(PATIENCE)
                return [self._call(connection, actor, chance, scene) for _ in range(operations)]

        with ThreadPoolExecutor(connections) as threads:
            futures = [threads.submit(work, number) for number in range(connections)]
            calls = [call for future in futures for call in future.result()]
        return Story(
            calls=calls,
            versions=self._versions(row["last"]),
            final={table: self._table(table) for table in LOGGED[:4]},
            codes=documented_codes(),
            deadlocks=self._deadlocks(),
            violations=self._rows("select * from api.verify() where violations > 0"),
            lock_timeout=LOCK_TIMEOUT,
        )

    def _call(
        self, connection: psycopg.Connection, actor: str, chance: Chance, scene: Scene
    ) -> Call:
        function, arguments = chance.next()
        undo = chance.rolls_back()
        statement = call_of(function, arguments, self._functions[function])
        answers: list[Row] = []
        code = xact = None
        message = ""
        begin = time.monotonic()
        try:
            with connection.transaction(force_rollback=True) if undo else nullcontext():
                row = connection.execute(statement, arguments).fetchone()
            answers, xact = row["answers"], row["xact"]
            code = ROLLED_BACK if undo else None
        except psycopg.Error as error:
            code, message = error.sqlstate or "none", str(error)
        end = time.monotonic()
        if code is None:
            scene.hear(function, answers)
        return Call(actor, function, arguments, begin, end, tuple(answers), code, xact, message)

    def _versions(self, last: int) -> list[Version]:
        return [
            Version(
                row["position"],
                row["xact"] if row["position"] > last else None,
                row["table_name"],
                row["version"],
            )
            for row in self._rows("select * from history.log")
        ]

    def _table(self, table: str) -> list[Row]:
        rows = self._rows(f"select to_jsonb(t) as row from hubspot_sync.{table} t")
        return [row["row"] for row in rows]

    def _deadlocks(self) -> int:
        """How many deadlocks Postgres has counted, once all others have left the database."""
        deadline = time.monotonic() + PATIENCE
        left = threading.Event()
        while self._rows(
            "select from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        ):
            assert time.monotonic() < deadline, "connections stayed open"
            left.wait(0.02)
        with psycopg.connect(self._url) as fresh:
            (count,) = fresh.execute(
                "select deadlocks from pg_stat_database where datname = current_database()"
            ).fetchone()
        return count

    def _rows(self, statement: str) -> list[Row]:
        return self._admin.execute(statement).fetchall()


def call_of(function: str, arguments: dict[str, Any], answers: bool) -> str:
    """The statement that calls a function by name and tells its answers and transaction."""
    named = ", ".join(f"{name} => %({name})s" for name in arguments)
    told = "coalesce(jsonb_agg(to_jsonb(r)), '[]')" if answers else "'[]'::jsonb"
    call = f"select {told} as answers, pg_current_xact_id()::text as xact from api.{function}"
    return f"{call}({named}) r"


def documented_codes() -> frozenset[str]:
    """The SQLSTATEs of docs/errors.md."""
    return frozenset(re.findall(r"^\| `(\w{5})` \|", ERRORS.read_text(), re.MULTILINE))
