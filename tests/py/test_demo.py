"""The demo shows what it promises, and ends where it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

GLUE = Path(sys.executable).with_name("glue")


def demo(stack, *options: str) -> subprocess.CompletedProcess[str]:
    """`glue demo` in a database of its own on the tests' server."""
    return subprocess.run(
        [GLUE, "demo", *options],
        env=os.environ | {"DATABASE_URL": stack.database_url, "REDIS_URL": stack.redis_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_every_figure_of_the_demo_is_what_it_must_be(stack):
    done = demo(stack, "--json", "--students", "60")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["students"], figures["capacity"], figures["booked"]) == (60, 40, 40)
    assert figures["refused_full"] == 20
    assert figures["overbooked"] == figures["outbox_pending"] == figures["violations"] == 0
    assert figures["hubspot_duplicates"] == 0
    assert figures["credits_spent"] == figures["credits_expected"]
    assert figures["hubspot_bookings"] == figures["booked"]
    assert figures["hubspot_calls"] <= 1.2 * figures["hubspot_calls_minimum"]
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["max_ms"]


def test_a_server_with_too_few_connections_ends_the_demo_with_a_way_out(stack, connect):
    room = int(connect().execute("show max_connections").fetchone()[0])
    done = demo(stack, "--students", str(room + 20))
    assert done.returncode == 1
    assert "connections" in done.stderr
    assert "--students" in done.stderr
    assert "Traceback" not in done.stderr
