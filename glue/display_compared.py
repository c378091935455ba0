"""What people see of polls, imports and comparisons."""

from datetime import timedelta
from typing import Any

from rich.table import Table

from glue.display import (
    TABLES,
    age,
    err,
    moment,
    plain,
    whole,
)


def polled(report: Any, *, watched: bool) -> None:
    """What a poll found. watched: else only what is wrong is told."""
    if watched:
        counts = ", ".join(
            f"{TABLES[name]} {table.queued} of {table.checked}"
            for name, table in report.tables.items()
        )
        again = "" if report.every is None else f"; next in {age(timedelta(seconds=report.every))}"
        plain(f"to be read: {counts or 'nothing'}{again}")
        for name in report.skipped:
            plain(f"{TABLES[name]}: paused, not looked at", "yellow")
    for error in report.errors:
        plain(error, "yellow", err)


def imported(report: Any, refused: list[dict[str, Any]], *, watched: bool) -> None:
    """What an import brought, beside what is here; what could not be taken, on stderr."""
    if watched:
        table = Table("table", "in HubSpot", "applied", "refused", "here", "")
        for column in table.columns[1:5]:
            column.justify = "right"
        for row in report.tables:
            counts = (str(row[name]) for name in ("read", "applied", "refused", "here"))
            table.add_row(TABLES[row["table_name"]], *counts, _remark(row))
        whole(table)
    for row in refused:
        name = f"{TABLES[row['table_name']]} {row['hubspot_id']}"
        plain(f"{name}: {row['reason']}", "yellow", err)


def _remark(row: dict[str, Any]) -> str:
    """What a person should know of a table after an import."""
    if row["seats_wrong"]:
        return f"{row['seats_wrong']} seat counters are wrong: glue verify"
    if row["unlinked"]:
        return f"{row['unlinked']} without their exam or contact"
    return "seat counters are right" if row["seats_wrong"] == 0 else ""


# The columns of a comparison: what HubSpot has, what we have, what is left.
COMPARED = {
    "checked": "checked",
    "equal": "equal",
    "on_its_way": "on its way",
    "differing": "differing",
    "missing_here": "missing here",
    "missing_there": "missing there",
    "taken": "taken",
    "compared": "compared",
    "queued": "to send",
    "sent": "sent",
    "conflicts": "conflicts",
    "drift": "drift",
}


def reconciled(report: Any, *, watched: bool) -> None:
    """What a comparison found, and what became of it; drift on stderr."""
    if watched:
        table = Table("", *(TABLES[row["table_name"]] for row in report.tables))
        for column in table.columns[1:]:
            column.justify = "right"
        for name, title in COMPARED.items():
            table.add_row(title, *(str(row[name]) for row in report.tables))
        whole(table)
        if report.archived:
            plain(f"{report.archived} found in HubSpot's recycling bin")
        for name in report.skipped:
            plain(f"{TABLES[name]}: paused, not compared", "yellow")
    for error in (*report.errors, *report.received.errors, *report.drained.errors):
        plain(error, "yellow", err)
    for row in report.tables:
        if row["drift"]:
            plain(f"{TABLES[row['table_name']]}: {row['drift']} still differ", "red", err)


def reconciliations(rows: list[dict[str, Any]]) -> None:
    """The last comparisons, a line a table."""
    if not rows:
        plain("nothing was compared yet")
        return
    table = Table("run", "table", "began", "took", "of", "checked", "equal")
    for title in ("differing", "missing", "taken", "to send", "sent", "conflicts", "drift"):
        table.add_column(title, justify="right")
    for row in rows:
        share = row["share_equal"]
        table.add_row(
            str(row["run"]),
            TABLES[row["table_name"]],
            moment(row["started_at"]),
            age(row["took"]),
            "all" if row["everything"] else "changed",
            str(row["checked"]),
            "" if share is None else f"{share:.3%}",
            str(row["differing"]),
            f"{row['missing_here']} / {row['missing_there']}",
            *(str(row[name]) for name in ("taken", "queued", "sent", "conflicts", "drift")),
        )
    whole(table)
