"""Serving until a signal comes; requests in hand are finished first."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from glue.errors import ConfigError
from glue.serve.app import create_app
from glue.serve.state import State

GRACE = 15  # seconds for the requests in hand


class _Server(uvicorn.Server):
    """Says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then tells."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose. Raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error}", "Give another --host or --port."
        ) from error
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(state: State, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serves from this process until SIGTERM or SIGINT, then returns."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """uvicorn raises the signal once more after its own clean end; that one is for us."""

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ignore)
    _Server(_config(create_app(state)), on_ready).run(sockets=[listener])


def serve_workers(listener: socket.socket, workers: int, on_ready: Callable[[], None]) -> None:
    """Serves from so many processes, each of which reads the environment itself."""
    app = "glue.serve.app:from_environment"
    supervisor = Multiprocess(_config(app, factory=True, workers=workers), sockets=[listener])
    on_ready()  # who connects before a worker is there waits in line
    supervisor.run()


def _config(app: object, **more: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws="none",
        log_level="critical",  # a traceback may hold what somebody sent
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        # Behind a proxy; nothing here depends on who the client is.
        proxy_headers=False,
        **more,
    )
