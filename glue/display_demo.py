"""What people see of the demo."""

from typing import Any

from rich.bar import Bar
from rich.table import Table

from glue.display import out


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
        (
            "a value HubSpot refused, alone",
            f["refused_by_hubspot"],
            f"{f['redriven']} sent again by hand",
        ),
        ("events of bookings", f["events_logged"], f"{f['events_in_stream']} on the stream"),
        (
            "HubSpot's users edited meanwhile",
            f["edits_there"],
            f"{f['events_told']} events of webhooks",
        ),
        (
            "credits given, here and there at once",
            f["credits_given"],
            f"{f['credits_arrived']} arrived",
        ),
        (
            "bookings cancelled in HubSpot",
            f["cancelled_there"],
            f"{f['cancelled_here']} seats and credits back",
        ),
        ("records compared with HubSpot's", f["compared"], f"{f['drift']} differ"),
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
