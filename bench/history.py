"""Fills a database with years of bookings, for the benchmarks and for the tests of plans."""

from pathlib import Path

import psycopg

SQL = Path(__file__).with_name("history.sql")
TABLES = (
    "hubspot_mock_exams, exam_seats, hubspot_contact_credits, hubspot_bookings, credit_ledger,"
    " supabase_audit_log, sync_queue"
)


def fill(url: str, bookings: int) -> None:
    """Writes so many bookings, and what belongs to them, into a migrated, empty database.

    Needs a superuser, because it writes past the triggers. A million take about a minute.
    """
    tables = ", ".join(f"hubspot_sync.{name.strip()}" for name in TABLES.split(","))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select set_config('bench.bookings', %s, false)", [str(bookings)])
        connection.execute(SQL.read_text())
        connection.execute(f"vacuum analyze {tables}")
        connection.execute("refresh materialized view hubspot_sync.booking_analytics")
