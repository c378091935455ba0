"""What the statements inside functions really do: their plans, as auto_explain tells them.

Postgres shows a function's call as one line. auto_explain logs the plan of every statement that
ran inside, of triggers and of functions called from there, too, and the log can be sent to the
client. So the guards see the statements of the functions themselves, not copies of them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

SETTINGS = {
    "log_min_duration": "0",
    "log_nested_statements": "on",
    "log_analyze": "on",
    "log_buffers": "on",
    "log_timing": "off",
    "log_format": "json",
    "log_level": "notice",
}


@dataclass(frozen=True)
class Scan:
    """One read of a table: how, through which index, and how many rows it looked at."""

    kind: str
    relation: str
    index: str | None
    rows: float

    @property
    def whole(self) -> bool:
        """Whether it read the table from end to end."""
        return self.kind == "Seq Scan"


@dataclass(frozen=True)
class Work:
    """What one call did, in all of its statements. cost: of the dearest one, as it was planned."""

    scans: list[Scan]
    pages: int
    cost: float

    @property
    def rows(self) -> float:
        """The rows that all scans looked at, whether they kept them or not."""
        return sum(scan.rows for scan in self.scans)


class Watcher:
    """A session that sees the plans of everything it runs, and changes nothing."""

    def __init__(self, connection: psycopg.Connection, *, generic: bool = False) -> None:
        """Load auto_explain into a session of a superuser.

        generic: plan without looking at the values, as a session may after five calls.
        """
        self._connection = connection
        self._plans: list[dict[str, Any]] = []
        connection.execute("load 'auto_explain'")
        for name, value in SETTINGS.items():
            connection.execute(f"set auto_explain.{name} = '{value}'")
        if generic:
            connection.execute("set plan_cache_mode = force_generic_plan")
        connection.commit()
        connection.add_notice_handler(self._heard)

    def _heard(self, notice: psycopg.errors.Diagnostic) -> None:
        words = notice.message_primary
        if words.startswith("duration:"):
            self._plans.append(json.loads(words[words.index("{") :])["Plan"])

    def watch(self, statement: str, values: dict[str, Any]) -> Work:
        """Run a statement, take it back, and tell what it did."""
        self._plans.clear()
        self._connection.execute(statement, values)
        self._connection.rollback()
        scans = [scan for plan in self._plans for scan in _scans(plan)]
        # The outer statement's pages contain those of what it called.
        dearest = max(plan["Total Cost"] for plan in self._plans)
        return Work(scans, max(map(_pages, self._plans)), dearest)


def _scans(node: dict[str, Any]) -> Iterator[Scan]:
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        looked = node["Actual Rows"]
        looked += node.get("Rows Removed by Filter", 0)
        looked += node.get("Rows Removed by Index Recheck", 0)
        yield Scan(
            node["Node Type"],
            node["Relation Name"],
            node.get("Index Name"),
            looked * node["Actual Loops"],
        )
    for child in node.get("Plans", []):
        yield from _scans(child)


def _pages(plan: dict[str, Any]) -> int:
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
