"""The database of the simulation: real functions under a simulated clock and chance.

Every schedule finds it as the migrations left it, whatever ran before: tables are truncated, not
emptied row by row, so that not even the place of a row on its page tells one schedule of another.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.rows import dict_row
from times import Time

from glue.db import connect

LOCK_TIMEOUT = "15ms"
"""One thread runs at a time: a lock that is held now is held for as long as anybody waits."""

SESSION = {
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": "60s",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "GMT",
}


class Stage:
    """A migrated database, taken over for simulations alone."""

    def __init__(self, url: str) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
        self.url = f"{url}{'&' if '?' in url else '?'}options={quote(options)}"
        self._idle: list[psycopg.Connection] = []
        self._master = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._kept: dict[str, list[dict[str, Any]]] = {}
        self._reset = ""
        self._tables: list[str] = []
        self._prepare()

    def close(self) -> None:
        """End every connection."""
        for connection in [self._master, *self._idle]:
            connection.close()

    def reset(self) -> None:
        """As the migrations left it."""
        # Truncating is what costs: a table without a page is as good as truncated.
        used = self.rows(
            "select c.oid::regclass::text as name from pg_class c"
            " where c.oid = any (%(tables)s::regclass[])"
            "   and (c.relkind = 'p' or pg_relation_size(c.oid) > 0)"
            " order by 1",
            tables=self._tables,
        )
        names = ", ".join(one["name"] for one in used)
        self._master.execute(self._reset.replace("{used}", names).encode(), prepare=False)

    def rows(self, statement: str, **arguments: Any) -> list[dict[str, Any]]:
        """What a query answers, past every rule of the simulation."""
        return self._master.execute(statement, arguments or None).fetchall()

    def session(self, time: Time, chance: float) -> psycopg.Connection:
        """A connection with its own chance; given back, it may be had again."""
        connection = self._idle.pop() if self._idle else connect(self.url)
        connection.execute(
            "select setseed(%s), set_config('simulation.now', %s, false)",
            (chance, str(time.wall())),
        )
        return connection

    def give_back(self, connection: psycopg.Connection) -> None:
        """What a worker or an editor no longer needs; nothing of a transaction survives it."""
        if connection.closed:
            return
        connection.rollback()
        connection.autocommit = True
        self._idle.append(connection)

    def tell_time(self, connection: psycopg.Connection, time: Time) -> None:
        """Set what hubspot_sync.clock() says there, until it is told again."""
        connection.execute("select set_config('simulation.now', %s, false)", (str(time.wall()),))

    # Once

    def _prepare(self) -> None:
        run = self._master.execute
        run("create schema simulation")
        run(
            "update hubspot_sync.settings set value = value || ', simulation'"
            " where key = 'platform_schemas'"
        )
        # The schedules are of bookings, contacts and exams.
        run("update hubspot_sync.settings set value = 'off' where key = 'notes'")
        run("create sequence simulation.ids")
        run(
            "create function simulation.new_id() returns uuid language sql volatile as"
            " $$ select md5(nextval('simulation.ids')::text)::uuid $$"
        )
        run(
            "create or replace function hubspot_sync.clock() returns timestamptz language sql"
            " stable return current_setting('simulation.now')::timestamptz"
        )
        for one in self.rows(
            "select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition,"
            "       p.proconfig::text like '%lock_timeout%' as waits"
            "  from pg_proc p"
            " where p.pronamespace in ('api'::regnamespace, 'hubspot_sync'::regnamespace)"
            "   and p.prokind = 'f'"
        ):
            if re.search(r"\bgen_random_uuid\(\)", one["definition"]):
                definition = re.sub(
                    r"\bgen_random_uuid\(\)", "simulation.new_id()", one["definition"]
                )
                run(definition.encode())
            if one["waits"]:
                run(f"alter function {one['name']} set lock_timeout = '{LOCK_TIMEOUT}'".encode())
        for one in self.rows(
            "select d.adrelid::regclass::text as relation, a.attname as name,"
            "       pg_get_expr(d.adbin, d.adrelid) as value"
            "  from pg_attrdef d"
            "  join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum"
            "  join pg_class c on c.oid = d.adrelid"
            " where c.relnamespace = 'hubspot_sync'::regnamespace"
            "   and pg_get_expr(d.adbin, d.adrelid) ~ '^(now|gen_random_uuid)\\(\\)$'"
        ):
            value = {
                "now()": "hubspot_sync.clock()",
                "gen_random_uuid()": "simulation.new_id()",
            }[one["value"]]
            run(
                f"alter table {one['relation']} alter column {one['name']}"
                f" set default {value}".encode()
            )
        self._plan_reset()

    def _plan_reset(self) -> None:
        """One statement that empties tables, and brings the rules back."""
        restore = []
        for one in self.rows(
            "select c.oid::regclass::text as name from pg_class c"
            " where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind in ('r', 'p')"
            "   and not c.relispartition"
            "   and c.relname not in ('alembic_version', 'adoption', 'migration_findings')"
            " order by 1"
        ):
            name = one["name"]
            # What the machine does by itself would show in where rows lie and how they are found.
            self._master.execute(f"alter table {name} set (autovacuum_enabled = off)".encode())
            self._tables.append(name)
            if self.rows(f"select from {name} limit 1"):
                plain = name.split(".")[-1]
                self._master.execute(
                    f"create table simulation.kept_{plain} as table {name}".encode()
                )
                restore.append(
                    f"insert into {name} overriding system value"
                    f" select * from simulation.kept_{plain};"
                )
        sequences = [
            f"select setval('{one['name']}', 1, false);"
            for one in self.rows(
                "select c.oid::regclass::text as name from pg_class c"
                " where c.relnamespace::regnamespace::text in ('hubspot_sync', 'simulation')"
                "   and c.relkind = 'S'"
                " order by 1"
            )
        ]
        self._reset = "\n".join(
            [
                "begin;",
                "set local session_replication_role = replica;",
                "truncate {used} cascade;",
                *restore,
                *sequences,
                "commit;",
            ]
        )
