"""What people see: tables, bars and progress. Progress goes to stderr, results to stdout.

What HubSpot or a person wrote is printed as it is: never read as markup, never wrapped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from glue.records import TABLES
from glue.words import counted

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
STYLES = {"dead": "red", "unanswered": "yellow", "paused": "yellow"}
WIDEST = 400
# A name longer than a uuid may be cut off.
LONGEST_NAME = 36
FEW = 4


class _Rate(ProgressColumn):
    """Records a second, once there is a rate."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


@contextmanager
def spinner(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A running count with its rate; yields a function told of every step's size."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,.0f} {task.fields[unit]}"),
        _Rate(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=err, transient=True, disable=quiet or not err.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None, unit="records")

        def told(count: int) -> None:
            progress.advance(task, count)
            one = progress.tasks[task].completed == 1
            progress.update(task, unit="record" if one else "records")

        yield told


@contextmanager
def bars(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar a table, with its rate and the time that is left.

    Yields a function told of a table, how many more of its records are done, and how many there
    are in all (None: as before, or not known).
    """
    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def told(table: str, count: int, total: int | None) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(TABLES[table], total=None)
            progress.update(tasks[table], advance=count)
            if total is not None:
                progress.update(tasks[table], total=total)

        yield told


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


def plain(text: str, style: str = "", console: Console = out) -> None:
    """A line as it is."""
    console.print(Text(text, style), soft_wrap=True)


def line(report: Any) -> None:
    """A run of the follower in one line."""
    out.print(f"sent {report.sent}, for later {report.failed}, dead {report.dead}")


def drained(
    report: Any, queue: list[dict[str, Any]], paused: list[dict[str, Any]], *, watched: bool
) -> None:
    """What a drain did, and what is still open. watched: else only what is wrong is told."""
    if watched:
        line(report)
        queue_status(queue)
        pauses(paused)
    for error in report.errors:
        plain(error, "yellow", err)
    dead = sum(row["dead"] for row in queue)
    if dead:
        plain(
            f"{counted(dead, 'dead letter')}: see «glue queue list --state dead»",
            "red",
            err,
        )


def queue_status(queue: list[dict[str, Any]], what: str = "outbox") -> None:
    """What is open in each table. what: the outbox or the inbox."""
    if not queue:
        plain(f"the {what} is empty")
        return
    table = Table("table", "due", "waiting", "urgent", "dead", "oldest", "oldest urgent")
    if any(row["paused"] for row in queue):
        table.add_column("", no_wrap=True)
    for row in queue:
        table.add_row(
            TABLES.get(row["table_name"], row["table_name"]),
            *(str(row[name]) for name in ("due", "waiting", "urgent", "dead")),
            age(row["oldest"]),
            age(row["oldest_urgent"]),
            *(["paused"] if row["paused"] else []),
        )
    whole(table)


def pauses(rows: list[dict[str, Any]], console: Console = out) -> None:
    """What is paused, a line each."""
    for row in rows:
        plain(pause(row), "yellow", console)


def pause(row: dict[str, Any]) -> str:
    """A pause in words."""
    what = TABLES.get(row["scope"], "all")
    until = f"until {moment(row['until'])}" if row["until"] else "until resumed"
    return f"{what} paused by {row['paused_by']}, {until}: {row['reason']}"


def changes(rows: list[dict[str, Any]], *, full: bool, group: str = "queue") -> None:
    """Changes of the outbox; their errors below, each in a line.

    full: there may be more. group: the commands that act on them.
    """
    if not rows:
        plain("nothing")
        return
    whole(_table_of_changes(rows))
    _errors_of(rows)
    if any(row["state"] == "dead" for row in rows):
        plain(
            f"Once the cause is mended: glue {group} retry ID. To give up: glue {group} discard ID"
        )
    if full:
        plain(f"There may be more: --after {rows[-1]['id']}", "dim")


def asked(rows: list[dict[str, Any]]) -> None:
    """Changes about which a question is asked, on stderr."""
    for row in rows:
        name = row["name"] or row["record"]
        table = TABLES.get(row["table_name"], row["table_name"])
        plain(f"{row['id']}  {table}  {name}  {row['operation']}  {row['state']}", console=err)
        if row["last_error"]:
            plain(f"    {row['last_error']}", "yellow", err)


def _table_of_changes(rows: list[dict[str, Any]]) -> Table:
    table = Table("id", "table", _names(rows), "what", "lane", "state", "tries", "age", "next")
    for row in rows:
        due = row["state"] in ("due", "dead", "unanswered", "paused")
        table.add_row(
            str(row["id"]),
            TABLES.get(row["table_name"], row["table_name"]),
            Text(_name(row)),
            row["operation"],
            row["lane"],
            Text(row["state"], STYLES.get(row["state"], "")),
            str(row["attempts"]),
            age(row["age"]),
            "" if due else f"in {age(row['next_attempt_at'] - datetime.now(UTC))}",
        )
    return table


def _name(row: dict[str, Any]) -> str:
    return str(row["name"] or row["record"])


def _names(rows: list[dict[str, Any]]) -> Column:
    """The column of records: what a person copies is whole, however narrow the terminal."""
    longest = max((len(_name(row)) for row in rows), default=0)
    return Column("record", no_wrap=True, min_width=min(longest, LONGEST_NAME))


def _errors_of(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["last_error"]:
            plain(f"{row['id']}: {row['last_error']}", "yellow")


def shown(told: dict[str, Any]) -> None:
    """All about one record, for reading and for grep."""
    table = TABLES.get(told["table"], told["table"])
    plain(f"{table} {told['name'] or ''} ({told['record']})", "bold")
    if told["deleted"]:
        plain("  deleted here")
    plain(f"  in HubSpot: {told['hubspot_id'] or 'not known'}")
    plain("changes" if told["changes"] else "no changes in the outbox", "bold")
    for change in told["changes"]:
        plain(
            f"  {change['id']}  {change['operation']}  {change['lane']}  {change['state']}"
            f"  {change['attempts']} {'try' if change['attempts'] == 1 else 'tries'}"
            f"  since {change['created_at']}",
            STYLES.get(change["state"], ""),
        )
        for name, value in (change["new_data"] or {}).items():
            before = (change["old_data"] or {}).get(name)
            plain(f"      {name}: {_quoted(before)} → {_quoted(value)}")
        history(change)
    if told["in_hubspot"] is None:
        plain("what HubSpot holds is not known", "bold")
    elif told["differs"]:
        plain("differs from what HubSpot is known to hold", "bold")
        for row in told["differs"]:
            plain(f"  {row['property']}: {_quoted(row['hubspot'])}, here"
                  f" {_quoted(row['postgres'])}")  # fmt: skip
    else:
        plain("HubSpot holds exactly this", "bold")
    for row in told["errors"]:
        plain(f"error, {row['direction']}, since {row['since']}: {row['error']}", "red")
    for row in told["conflicts"]:
        plain(f"conflict of {row['field']} at {row['at']}: here {_quoted(row['postgres'])},"
              f" HubSpot {_quoted(row['hubspot'])}, {row['decision']}")  # fmt: skip


def history(row: dict[str, Any]) -> None:
    """What happened to a row of outbox or inbox, and its last error where that adds to it."""
    for entry in row["history"]:
        words = [f"{name} {entry[name]}" for name in ("attempt", "by") if name in entry]
        said = entry.get("action") or entry.get("error") or entry.get("note") or ""
        more = f": {entry['error']}" if entry.get("action") and entry.get("error") else ""
        plain(f"      {entry.get('at', '')}  {', '.join(words)}  {said}{more}", "dim")
    told_last = row["history"][-1].get("error") if row["history"] else None
    if row["last_error"] and row["last_error"] != told_last:
        plain(f"      {row['last_error']}", "yellow")


def _quoted(value: Any) -> str:
    return "nothing" if value is None else f"«{value}»"


def preview(seen: Any, most: int) -> None:
    """What a drain would send, and what is stuck."""
    if seen.records:
        table = Table("table", _names(seen.records), "lane", "what", "changes", "age", "properties")
        for row in seen.records:
            table.add_row(
                TABLES.get(row["table_name"], row["table_name"]),
                Text(_name(row)),
                row["lane"],
                row["operation"],
                str(row["changes"]),
                age(row["age"]),
                Text(_properties(row["properties"])),
            )
        whole(table)
    calls = f"{seen.calls} HubSpot {'call' if seen.calls == 1 else 'calls'}"
    plain(f"{counted(len(seen.records), 'record')} would be sent, in at least {calls}")
    if seen.records:
        plain("Not counted: what follows from it, notes and the exams' numbers of bookings", "dim")
    if seen.more:
        plain(f"and more: only {most} of a table are looked at")
    if seen.stuck:
        plain("Not sent now:", "bold")
        whole(_table_of_changes(seen.stuck))
        _errors_of(seen.stuck)
    pauses(seen.pauses)


def _properties(names: list[str]) -> str:
    """Their names, or on a terminal their number where they would fill it."""
    if out.is_terminal and len(names) > FEW:
        return f"{len(names)} properties"
    return ", ".join(names)


def age(length: timedelta | None) -> str:
    """A length of time as people say it, by its two largest units."""
    if length is None:
        return ""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def moment(at: datetime) -> str:
    """A moment with its time zone."""
    return at.strftime("%Y-%m-%d %H:%M:%S%z")


def whole(table: Table) -> None:
    """A table with nothing cut off or folded where no terminal's width limits it."""
    for column in table.columns:
        column.no_wrap = column.no_wrap or not out.is_terminal
    if out.is_terminal:
        out.print(table)
    else:
        wide = Measurement.get(out, out.options.update(max_width=WIDEST), table).maximum
        Console(highlight=False, width=max(out.width, wide)).print(table)


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


def broken(rows: list[dict[str, Any]]) -> None:
    """The broken invariants, on stderr."""
    for row in rows:
        if row["violations"]:
            plain(
                f"{row['name']}: {counted(row['violations'], 'violation')},"
                f" for example {row['sample']}",
                "red",
                err,
            )


def findings(rows: list[Any]) -> None:
    """What the doctor saw, a line each, and below it what to do."""
    widest = max(len(row.name) for row in rows)
    for row in rows:
        word, style = ("warn", "yellow") if row.warning else ("ok", "green")
        if not row.ok:
            word, style = "no", "red"
        told = Text(f"{word:<5}", style).append(f"{row.name:<{widest}}  {row.seen}", "default")
        out.print(told, soft_wrap=True)
        if row.hint:
            plain(f"     {'':<{widest}}  {row.hint}")


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
    dead = counted(seen["dead"], "dead letter")
    out.print(f"{seen['stream_entries']} entries in the stream{kept}; {dead}")


def letters(rows: list[dict[str, Any]]) -> None:
    """The dead letters of the bus."""
    if not rows:
        plain("no dead letters")
        return
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
