"""The simulator without sockets: an httpx transport that answers in the caller's own thread.

No event loop, no thread and no waiting: the application is run step by step until it answers, and
silence only moves the account's clock. With a clock that stands still (:func:`standing`) and one
seed, the same requests get the same bytes.

A request that is silent for longer than its client waits is not over: the client gets
:class:`httpx.ReadTimeout`, and the request goes on when the clock has come to its moment, before
the next request or when :meth:`InProcess.settle` is called. So a write can come late and overwrite
a newer one, as it can in HubSpot.
"""

import math
from collections.abc import Coroutine, Generator
from heapq import heappop, heappush
from itertools import count
from types import coroutine

import httpx
from starlette.types import ASGIApp, Message

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.gate import CUT, SLEEP


def standing(seconds: float = 1_790_000_000.0) -> Clock:
    """A clock that stands at this Unix time and moves only when it is told to."""
    return Clock(lambda: seconds)


class InProcess(httpx.BaseTransport):
    """Answers from an application. Any number of clients of one thread may share it; closing them
    ends nothing.

    Args:
        app: from :func:`sandbox.hubspot.app.create_app`.
        clock: the account's clock; silence moves it forward.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self._late: list[tuple[int, int, _Exchange]] = []
        self._number = count()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer.

        Raises:
            httpx.ReadTimeout: it was silent for longer than the request's read timeout.
            httpx.RemoteProtocolError: the connection was cut.
        """
        self.settle()
        exchange = _Exchange(self._app, request)
        patience = request.extensions.get("timeout", {}).get("read")
        gives_up = math.inf if patience is None else self._clock.ms() + round(patience * 1000)
        while (silence := exchange.proceed()) is not None:
            due = self._clock.ms() + silence
            if due > gives_up:
                heappush(self._late, (due, next(self._number), exchange))
                self._come_to(int(gives_up))
                raise httpx.ReadTimeout("timed out", request=request)
            self._come_to(due)
        return exchange.answer()

    def settle(self) -> None:
        """Let every late request go on whose moment the clock has come to, in their order."""
        self._come_to(self._clock.ms())

    @property
    def late(self) -> list[int]:
        """When the requests that nobody waits for any more go on, in Unix milliseconds."""
        return sorted(due for due, _, _ in self._late)

    def _come_to(self, moment: int) -> None:
        while self._late and self._late[0][0] <= moment:
            due, number, exchange = heappop(self._late)
            self._clock.advance_ms(max(0, due - self._clock.ms()))
            if (silence := exchange.proceed()) is not None:
                heappush(self._late, (due + silence, number, exchange))
        self._clock.advance_ms(max(0, moment - self._clock.ms()))


class _Exchange:
    """One request on its way through the application."""

    def __init__(self, app: ASGIApp, request: httpx.Request) -> None:
        self._request = request
        self._body = request.read()
        self._heard = False
        self._cut = False
        self._start: Message = {}
        self._parts: list[bytes] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 0),
            CUT: self._abort,
            SLEEP: _silence,
        }
        self._run: Coroutine[int, None, None] = app(scope, self._receive, self._send)

    def proceed(self) -> int | None:
        """Run to the next silence: how long it is, in milliseconds, or None at the end."""
        try:
            return self._run.send(None)
        except StopIteration:
            return None

    def answer(self) -> httpx.Response:
        """What the application answered; httpx.RemoteProtocolError when it cut the connection."""
        if self._cut:
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=self._request)
        return httpx.Response(
            self._start["status"],
            headers=self._start["headers"],
            content=b"".join(self._parts),
            request=self._request,
        )

    def _abort(self) -> None:
        self._cut = True

    async def _receive(self) -> Message:
        if self._heard:
            return {"type": "http.disconnect"}
        self._heard = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._parts.append(message.get("body", b""))


@coroutine
def _silence(seconds: float) -> Generator[int, None, None]:
    yield round(seconds * 1000)
