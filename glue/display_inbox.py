"""What people see of the inbox."""

import json
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from glue.display import (
    STYLES,
    asked,
    changes,
    err,
    history,
    out,
    pauses,
    plain,
    queue_status,
)
from glue.records import TABLES


def received(
    report: Any, inbox: list[dict[str, Any]], paused: list[dict[str, Any]], *, watched: bool
) -> None:
    """What a run did, and what is still open. watched: else only what is wrong is told."""
    if watched:
        line(report)
        queue_status(inbox, "inbox")
        pauses(paused)
    for error in report.errors:
        plain(error, "yellow", err)
    if dead := sum(row["dead"] for row in inbox):
        letters = f"{dead} dead {'letter' if dead == 1 else 'letters'}"
        plain(f"{letters}: see «glue inbox list --state dead»", "red", err)


def line(report: Any) -> None:
    """A run of the follower in one line."""
    plain(f"received {report.received}, for later {report.failed}, dead {report.dead}")


def signals(rows: list[dict[str, Any]], *, full: bool) -> None:
    """Signals of the inbox; their errors below, each in a line. full: there may be more."""
    changes([_as_change(row) for row in rows], full=full, group="inbox")


def asked_about(rows: list[dict[str, Any]]) -> None:
    """Signals about which a question is asked, on stderr."""
    asked([_as_change(row) for row in rows])


def _as_change(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"record": row["hubspot_id"], "operation": row["kind"]}


def shown(told: dict[str, Any]) -> None:
    """All about one record, for reading and for grep."""
    table = TABLES.get(told["table"], told["table"])
    plain(f"{table} {told['hubspot_id']} in HubSpot", "bold")
    plain(f"  here: {told['name'] or 'not known'}{_record(told)}")
    plain(f"  read last: {told['read_at'] or 'never'}")
    for signal in told["signals"]:
        plain(
            f"  {signal['id']}  {signal['kind']}  {signal['lane']}  {signal['state']}"
            f"  {signal['attempts']} {'try' if signal['attempts'] == 1 else 'tries'}"
            f"  since {signal['received_at']}",
            STYLES.get(signal["state"], ""),
        )
        if signal["event"]:
            plain(f"      event: {json.dumps(signal['event'], ensure_ascii=False)}")
        history(signal)
    for row in told["errors"]:
        plain(f"error since {row['since']}: {row['error']}", "red")


def _record(told: dict[str, Any]) -> str:
    return f" ({told['record']})" if told["record"] else ""


def conflicts(rows: list[dict[str, Any]], *, title: str | None = None) -> None:
    """Where an edit met one of the other side: both values, and what was decided."""
    if not rows:
        plain("no conflicts")
        return
    table = Table(Column("id", no_wrap=True), Column("record", no_wrap=True), title=title)
    table.title_justify = "left"
    for column in ("field", "here", "in HubSpot", "decision"):
        table.add_column(column, overflow="fold")
    for row in rows:
        kind = TABLES.get(row["table_name"], row["table_name"])
        table.add_row(
            str(row["id"]),
            # What people call it is short; whose name is gone is known by its uuid.
            Text(f"{kind}\n{row['name'] or row['record']}"),
            *(
                Text(row[value] or "")
                for value in ("field", "postgres_value", "hubspot_value", "decision")
            ),
        )
    out.print(table)
