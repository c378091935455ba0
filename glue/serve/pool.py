"""Connections to Postgres for an event loop, which must never wait for one that hangs."""

import asyncio
import contextlib
import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from glue.db import connect
from glue.errors import DatabaseError
from glue.rpc import Rpc

T = TypeVar("T")

SIZE = 8
CONNECT = 2  # seconds, the shortest that libpq takes


class _Lease:
    """A call's hold on its connection. Cut from outside, the call fails at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._is_cut = False

    def hold(self, connection: psycopg.Connection) -> None:
        """From here on a cut closes this connection. Raises DatabaseError after one."""
        with self._lock:
            if self._is_cut:
                raise DatabaseError("nobody waits for this call any more")
            self._connection = connection

    def release(self) -> bool:
        """Lets go; False where the connection was cut."""
        with self._lock:
            self._connection = None
            return not self._is_cut

    def cut(self) -> None:
        """Ends the call, whatever it waits for: the socket is shut, the thread wakes."""
        with self._lock:
            self._is_cut = True
            if self._connection is None or self._connection.closed:
                return
            with (
                contextlib.suppress(OSError, psycopg.Error),
                socket.socket(fileno=os.dup(self._connection.fileno())) as twin,
            ):
                twin.shutdown(socket.SHUT_RDWR)


class Pool:
    """So many connections, each used by one thread at a time, made when they are needed."""

    def __init__(self, url: str, size: int = SIZE) -> None:
        self._url = url
        self._threads = ThreadPoolExecutor(size, "postgres")
        self._idle: deque[psycopg.Connection] = deque()

    async def run(self, call: Callable[[Rpc], T], patience: float) -> T:
        """What `call` answers, given an Rpc. Raises what it raises.

        patience: seconds, the wait for a free connection included; then DatabaseError. A call
        may be made twice, the second time when a connection turned out to be dead.
        """
        lease = _Lease()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                return await loop.run_in_executor(self._threads, self._call, call, lease)
        except TimeoutError:
            raise DatabaseError(f"Postgres did not answer in {patience:g} s") from None
        finally:
            lease.cut()

    def _call(self, call: Callable[[Rpc], T], lease: _Lease) -> T:
        while True:
            connection, is_old = self._take()
            try:
                lease.hold(connection)
                return call(Rpc(connection))
            except DatabaseError:
                if not (is_old and connection.broken):
                    raise
                # The server was away meanwhile: the others are dead, too.
                self._drop_idle()
            finally:
                if lease.release() and not connection.closed:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _take(self) -> tuple[psycopg.Connection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            return connect(self._url, timeout=CONNECT), False

    def _drop_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Closes the idle connections, and takes no further call."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._drop_idle()
