"""What people see of polls, imports and comparisons."""

from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.table import Table

from glue.display import age, err, moment, plain, whole
from glue.records import TABLES


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
LISTED = {"share_equal" if name == "equal" else name: title for name, title in COMPARED.items()}
ALWAYS = ("checked", "share_equal", "drift")


def reconciled(report: Any, *, watched: bool) -> None:
    """What a comparison found, and what became of it; drift on stderr."""
    if watched:
        whole(_comparison(report.tables, COMPARED))
        if report.archived:
            plain(f"{report.archived} found in HubSpot's recycling bin")
        for name in report.skipped:
            plain(f"{TABLES[name]}: paused, not compared", "yellow")
    for error in (*report.errors, *report.received.errors, *report.drained.errors):
        plain(error, "yellow", err)
    for row in report.tables:
        if row["drift"]:
            table = TABLES[row["table_name"]]
            plain(
                f"{table}: {row['drift']} still {'differs' if row['drift'] == 1 else 'differ'}:"
                f" glue inbox list --state dead --table {table};"
                f" glue queue list --state dead --table {table}",
                "red",
                err,
            )
    if watched and report.agrees:
        plain("both sides agree")


def reconciliations(rows: list[dict[str, Any]]) -> None:
    """The last comparisons, newest first, each with what is not 0 of it."""
    if not rows:
        plain("nothing was compared yet")
    for _, some in groupby(rows, key=itemgetter("run")):
        run = list(some)
        first = run[0]
        what = "everything" if first["everything"] else "what changed"
        # A table that was left out has no end.
        ended = [row["took"] for row in run if row["took"] is not None]
        took = f"took {age(max(ended))}" if len(ended) == len(run) else "not whole"
        plain(f"{first['run']}: {what}, {moment(first['started_at'])}, {took}", "bold")
        names = {
            name: title
            for name, title in LISTED.items()
            if name in ALWAYS or any(row[name] for row in run)
        }
        whole(_comparison(run, names))


def _comparison(rows: list[dict[str, Any]], names: dict[str, str]) -> Table:
    """A column a table, a line a figure."""
    table = Table("", *(TABLES[row["table_name"]] for row in rows))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, title in names.items():
        table.add_row(title, *(_figure(name, row[name]) for row in rows))
    return table


def _figure(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3%}" if name == "share_equal" else str(value)
