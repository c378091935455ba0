"""What people see: tables, bars and progress. Progress goes to stderr, results to stdout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class _Rate(ProgressColumn):
    """Records a second, once there is a rate."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


@contextmanager
def spinner(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A running count with its rate; yields a function told of every step's size."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,.0f} records"),
        _Rate(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=err, transient=True, disable=quiet or not err.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count: progress.advance(task, count)


class Step:
    """One line of the demo: `step(text, total)` begins it, `.advance(n)` moves its bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = None

    def __call__(self, text: str, total: int | None = 1) -> "Step":
        self.done()
        self._task = self._progress.add_task(text, total=total)
        return self

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def done(self) -> None:
        if self._task is not None:
            task = self._progress.tasks[self._task]
            total = task.total or task.completed or 1
            self._progress.update(self._task, total=total, completed=total)


@contextmanager
def steps(*, quiet: bool) -> Iterator[Step]:
    """The demo's lines with their bars."""
    columns = (
        TextColumn("{task.description:<58}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        step = Step(progress)
        yield step
        step.done()


def line(report: Any) -> None:
    """A run of the follower in one line."""
    out.print(f"sent {report.sent}, for later {report.failed}, dead {report.dead}")


def drained(report: Any, queue: list[dict[str, Any]]) -> None:
    """What a drain did, and what is still open."""
    line(report)
    for error in report.errors:
        err.print(f"  {error}", style="yellow")
    if queue:
        table = Table("table", "due", "waiting", "dead", "oldest")
        for row in queue:
            table.add_row(*(str(value) for value in row.values()))
        out.print(table)


def checks(rows: list[dict[str, Any]]) -> None:
    """The invariants, one a line."""
    table = Table()
    # Names are what a person looks up: they are never cut off, whatever the width.
    longest = max((len(row["name"]) for row in rows), default=0)
    table.add_column("invariant", no_wrap=True, min_width=longest)
    table.add_column("meaning")
    table.add_column("violations", justify="right")
    table.add_column("for example", overflow="fold")
    for row in rows:
        style = "bold red" if row["violations"] else None
        table.add_row(
            row["name"], row["meaning"], str(row["violations"]), row["sample"] or "", style=style
        )
    out.print(table)


def findings(rows: list[Any]) -> None:
    """What the doctor saw."""
    table = Table("", "", "seen")
    for row in rows:
        seen = row.seen if row.ok else f"{row.seen}\n{row.hint}"
        table.add_row("[green]ok[/]" if row.ok else "[red]no[/]", row.name, seen)
    out.print(table)


def demo(figures: dict[str, Any], analytics: list[dict[str, Any]]) -> None:
    """The demo's table and chart."""
    f = figures
    table = Table("", "", "", title="The rush", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    spent, expected = f["credits_spent"], f["credits_expected"]
    calls, fewest = f["hubspot_calls"], f["hubspot_calls_minimum"]
    for name, value, note in (
        ("students at one exam, all at once", f["students"], f"{f['capacity']} seats"),
        ("booked", f["booked"], f"{f['refused_full']} told it is full"),
        ("overbooked", f["overbooked"], ""),
        ("booked ones who sent their request again", f["replayed"], "nobody booked twice"),
        ("other bookings that day", f["other_bookings"], f"{f['cancelled']} cancelled"),
        ("credits spent", spent, f"{expected} expected"),
        ("changes not yet in HubSpot", f["outbox_pending"], ""),
        (
            "the exam's bookings in HubSpot",
            f["hubspot_bookings"],
            f"{f['hubspot_duplicates']} duplicates",
        ),
        ("HubSpot calls, the import's included", calls, f"{fewest} at the least"),
        ("broken invariants", f["violations"], ""),
        (
            "a request took, in ms",
            f"{f['p50_ms']:.0f}",
            f"95 %: {f['p95_ms']:.0f}, slowest: {f['max_ms']:.0f}",
        ),
    ):
        table.add_row(name, str(value), note)
    out.print(table)

    busy = [row for row in analytics if row["total_bookings"]]
    types = sorted({row["mock_type"] for row in busy})
    by = {(row["week"], row["mock_type"]): row for row in busy}
    chart = Table(
        title="Bookings per week of the exam, and how full its exams are",
        title_justify="left",
        box=None,
    )
    chart.add_column("week of", no_wrap=True)
    for mock_type in types:
        chart.add_column(mock_type, no_wrap=True, min_width=14)
    most = max((row["total_bookings"] for row in busy), default=1)
    for week in sorted({row["week"] for row in busy}):
        cells = (by.get((week, mock_type)) for mock_type in types)
        chart.add_row(f"{week:%d %b}", *(_bar(row, most) if row else "" for row in cells))
    out.print(chart)


def _bar(row: dict[str, Any], most: int) -> Table:
    """A bar of bookings, their number, and how full the exams are."""
    cell = Table.grid(padding=(0, 1))
    used = row["avg_utilization"]
    cell.add_row(
        Bar(most, 0, row["total_bookings"], width=5),
        f"{row['total_bookings']:>3} {'' if used is None else f'{used:>4.0%}'}",
    )
    return cell


def events(seen: dict[str, Any]) -> None:
    """Where the log of events, the stream and its readers are."""
    table = Table("", "position", "behind", "pending", "consumers")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("log", str(seen["log_position"]))
    table.add_row("stream", str(seen["stream_position"]), str(seen["stream_lag"]))
    for row in seen["groups"]:
        position = "" if row["position"] is None else str(row["position"])
        counts = (str(row[name]) for name in ("lag", "pending", "consumers"))
        table.add_row(Text(f"group {row['group']}"), position, *counts)
    out.print(table)
    first = seen["stream_first"]
    kept = f", from {first} on" if first else ""
    out.print(f"{seen['stream_entries']} entries in the stream{kept}; {seen['dead']} dead letters")


def letters(rows: list[dict[str, Any]]) -> None:
    """The dead letters of the bus."""
    table = Table("id", "group", "event", "booking", "tried", "error")
    for row in rows:
        event = row["original_event"] if isinstance(row["original_event"], dict) else {}
        table.add_row(
            row["id"],
            Text(row["group"]),
            Text(str(event.get("event_type", ""))),
            Text(str(event.get("booking_id", ""))),
            str(row["retry_count"]),
            Text(row["error"]),
        )
    out.print(table)
