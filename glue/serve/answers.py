"""What every path of the server shares: refusals, bearer secrets, bodies, and one log."""

import asyncio
import hashlib
import hmac
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

LARGEST_BODY = 1_000_000
PATHS = ("/webhooks/hubspot", "/sync/", "/door/exams", "/door/contacts", "/healthz", "/readyz")
QUOTES_NOTHING = ("/webhooks/hubspot", "/healthz", "/readyz")
SLOWEST_BODY = 10.0  # seconds in which a body must have arrived


class Refusal(Exception):
    """A request that is not done. message: what is wrong, hint: what to do about it.

    why: what the log says, where a stranger need not be told all.
    """

    def __init__(
        self, status: int, code: str, message: str, hint: str, detail: str = "", *, why: str = ""
    ) -> None:
        super().__init__(message)
        self.why = why
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = detail

    def answer(self) -> JSONResponse:
        """The refusal as every path answers it."""
        body = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.detail:
            body["detail"] = self.detail
        headers = {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.status == 503:
            headers["Retry-After"] = "5"
        if self.status in (408, 413):
            headers["Connection"] = "close"  # what is still to come of the body is not read
        return JSONResponse(body, self.status, headers)


class Log:
    """Lines on standard error, so few a minute that no stranger can fill a disk with them."""

    def __init__(
        self,
        write: Callable[[str], object] = lambda line: print(line, file=sys.stderr, flush=True),
        *,
        now: Callable[[], float] = time.monotonic,
        lines: int = 30,
        seconds: float = 60.0,
    ) -> None:
        self._write, self._now = write, now
        self._lines, self._seconds = lines, seconds
        self._began = now()
        self._count = 0

    def __call__(self, line: str) -> None:
        """Writes a line, or counts it."""
        if self._now() - self._began >= self._seconds:
            if self._count > self._lines:
                self._write(f"{self._count - self._lines} more lines were left out")
            self._began, self._count = self._now(), 0
        self._count += 1
        if self._count <= self._lines:
            self._write(line)


def handlers(log: Log) -> dict[type[Exception], Callable]:
    """How exceptions are answered and logged: never a body, never a secret."""

    def told(request: Request, refusal: Refusal) -> JSONResponse:
        # Of what was sent nothing is told: a path's own words, and where a refusal may quote what
        # it refuses, its code.
        path = next((one for one in PATHS if request.url.path.startswith(one)), "(no such path)")
        said = refusal.message if path in QUOTES_NOTHING else refusal.code
        log(f"{request.method[:10]} {path} {refusal.status}: {refusal.why or said}")
        return refusal.answer()

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return told(request, error)

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "another")
            answer = told(
                request, Refusal(405, "wrong_method", "wrong method", f"Send it by {allowed}.")
            )
            answer.headers["Allow"] = allowed
            return answer
        return told(
            request,
            Refusal(
                error.status_code, "not_found", "there is nothing here",
                "POST /webhooks/hubspot, /sync/…, /door/…; GET /healthz, /readyz.",
            ),
        )  # fmt: skip

    async def failed(request: Request, error: Exception) -> JSONResponse:
        # Its text may hold what somebody sent; where it happened does not.
        where = traceback.extract_tb(error.__traceback__)[-1]
        log(f"{request.method[:10]} 500: {type(error).__name__} at {where.name}:{where.lineno}")
        return Refusal(500, "failed", "this is our fault", "Send it again later.").answer()

    return {Refusal: refused, HTTPException: unknown, Exception: failed}


def require_bearer(request: Request, secrets: Sequence[str], name: str) -> None:
    """Stops whoever does not know one of the secrets; takes as long for every wrong one.

    name: of the variable that holds it.
    """
    if not secrets:
        raise Refusal(
            403, "shut", f"{name} is not set on the server", f"Set {name} and start it again."
        )
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(_digest(given.strip()), _digest(secret))
    if scheme.lower() != "bearer" or not found:
        raise Refusal(
            401, "unauthorized", "the secret is missing or wrong",
            f"Send the header «Authorization: Bearer …» with {name}.",
        )  # fmt: skip


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


async def read_body(
    request: Request, largest: int = LARGEST_BODY, slowest: float | None = None
) -> bytes:
    """The body. One that is too large or too slow is refused without reading all of it."""
    too_large = Refusal(
        413, "too_large", f"the body has more than {largest} bytes", "Send less at once."
    )
    told = request.headers.get("content-length", "0")
    if not told.isdecimal() or len(told) > 15 or int(told) > largest:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY if slowest is None else slowest):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise too_large
    except TimeoutError:
        raise Refusal(
            408, "too_slow", "the body did not arrive in time", "Send it again."
        ) from None
    except ClientDisconnect:
        raise Refusal(400, "cut_off", "the connection ended early", "Send it again.") from None
    return bytes(body)
