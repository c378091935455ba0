"""What a booking costs in each of the triggers, and how much room everything takes."""

from collections.abc import Iterator

import psycopg

from bench import database, outbox, pgbench
from bench.booking import SPREAD, STUDENTS, prepare
from bench.figure import Figure, beside

ROUNDS = 5
REQUESTS = 1_000  # of the one connection, in a round
BOOKINGS = 50_000
OFF = {
    "the outbox": (
        "hubspot_bookings disable trigger hubspot_bookings_outbox_insert",
        "hubspot_contact_credits disable trigger hubspot_contact_credits_outbox",
    ),
    "the audit log": (
        "hubspot_bookings disable trigger hubspot_bookings_audit",
        "hubspot_contact_credits disable trigger hubspot_contact_credits_audit",
    ),
    "the ledger": ("hubspot_contact_credits disable trigger hubspot_contact_credits_ledger",),
}
TABLES = (
    "hubspot_bookings",
    "sync_queue",
    "sync_shadow",
    "supabase_audit_log",
    "credit_ledger",
)
SIZES = """
select c.relname as name, pg_relation_size(c.oid) as bytes
  from pg_class c
  left join pg_index i on i.indexrelid = c.oid
 where coalesce(i.indrelid, c.oid) = ('hubspot_sync.' || %s)::regclass
 order by i.indexrelid is not null, c.relname
"""


def figures(url: str) -> Iterator[Figure]:
    """Measures everything, a figure at a time, in new databases on the server of `url`."""
    with database.migrated(url) as made:
        prepare(made)
        yield from _triggers(made)
    with database.migrated(url) as made:
        yield from _sizes(made)


def _triggers(url: str) -> Iterator[Figure]:
    """How long a booking takes, whole and without one of the triggers, in turns."""
    times: dict[str, list[float]] = {"nothing": []} | {name: [] for name in OFF}
    script = SPREAD.format(side="ours", first=100001, last=101000, students=STUDENTS)
    with psycopg.connect(url, autocommit=True) as connection:
        for seed in range(ROUNDS):
            for name, series in times.items():
                alters = [f"alter table hubspot_sync.{off}" for off in OFF.get(name, ())]
                for alter in alters:
                    connection.execute(alter)
                run = pgbench.run(
                    url, script, clients=1, requests=REQUESTS, warm_up=50, seed=seed + 1
                )
                series.append(run.percentile(50) * 1000)
                for alter in alters:
                    connection.execute(alter.replace("disable", "enable"))
    for name in OFF:
        yield beside(
            f"a booking without {name}, beside one with all triggers: p50",
            times[name],
            times["nothing"],
            unit="µs",
            target="",
            met=lambda *_: None,
        )


def _sizes(url: str) -> Iterator[Figure]:
    """Bytes a booking that was sent, of each table and index: as many MB a million."""
    world = outbox.World(url)
    try:
        world.make("new_contacts", 1, BOOKINGS)
        world.drain_all()
        tables = ", ".join(f"hubspot_sync.{name}" for name in TABLES)
        world.connection.execute(f"vacuum (full, analyze) {tables}")
        before = _bytes(world)
        world.make("new_bookings", 1, BOOKINGS)
        world.make("change_contacts", 1, BOOKINGS)  # each booking spends a credit
        world.drain_all()
        after = _bytes(world)
    finally:
        world.connection.close()
    for (table, name), size in after.items():
        what = table if name == table else f"{table}, index {name}"
        yield Figure(
            f"room of a million bookings, sent: {what}",
            round((size - before[table, name]) / BOOKINGS, 1),
            "MB",
            None,
            None,
            "",
            None,
        )


def _bytes(world: outbox.World) -> dict[tuple[str, str], int]:
    return {
        (table, row["name"]): row["bytes"]
        for table in TABLES
        for row in world.connection.execute(SIZES, [table]).fetchall()
    }
