"""Databases of their own for the parts of the benchmark that fill one."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from sandbox.stack import migrate


@contextlib.contextmanager
def migrated(server_url: str) -> Iterator[str]:
    """A new, migrated database on the server of a URL, dropped in the end; yields its URL."""
    with new(server_url) as url:
        migrate(url)
        yield url


@contextlib.contextmanager
def new(server_url: str) -> Iterator[str]:
    """A new, empty database on the server of a URL, dropped in the end; yields its URL."""
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


def processor(connection: psycopg.Connection[Any]) -> float | None:
    """Seconds of processor that this process and its server process have used; None where the
    server runs on another machine."""
    stat = Path(f"/proc/{connection.info.backend_pid}/stat")
    with contextlib.suppress(OSError, ValueError, IndexError):
        name, fields = stat.read_text().rsplit(")", 1)
        if "postgres" in name:
            ticks = sum(int(field) for field in fields.split()[11:13])
            return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()
    return None
