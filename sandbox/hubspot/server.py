"""Serving the simulator: in this process until a signal comes, or in a thread for a test."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.hubspot.gate import CUT


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 that lets a request abort its own connection, through ``scope``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport's ``abort`` into the scope of every request of this connection."""
        super().connection_made(transport)
        app = self.app

        async def cuttable(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CUT] = transport.abort
            await app(scope, receive, send)

        self.app = cuttable


class _Server(uvicorn.Server):
    """Says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose. OSError when the address is taken.

    The protocol is named because asyncio switches Nagle's algorithm off only where it is: with
    it, every answer would wait 40 ms for the client's acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then return.

    Args:
        app: the application.
        listener: from :func:`bind`.
        on_ready: called once connections are accepted.
    """

    def ignore(signal_number: int, frame: FrameType | None) -> None:
        """uvicorn raises the signal once more after its own clean end; that one is for us."""

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ignore)
    _Server(_config(app), on_ready).run(sockets=[listener])


@contextlib.contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 from a thread; gives the base URL.

    Raises:
        RuntimeError: it did not start within ten seconds.
    """
    ready = threading.Event()
    listener = bind("127.0.0.1", 0)
    server = _Server(_config(app), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        if not ready.wait(10):
            raise RuntimeError("the simulator did not start")
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,  # the application has the account's own clock
        timeout_graceful_shutdown=1,
    )
