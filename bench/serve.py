"""How long a webhook waits for its acknowledgement, beside a server that only reads the body.

A hundred events a request, four clients at once, both servers in processes of their own, in turns.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.figure import Figure, beside
from glue.signature import sign

EVENTS = 100
CLIENTS = 4
REQUESTS = 50  # of each client in a turn
TURNS = 5
TARGET = 3000.0  # ms; HubSpot waits five seconds
PUBLIC_URL = "https://sync.example.org/webhooks/hubspot"
SECRET = "a-secret-of-the-benchmark"
BOOKING_TYPE, EXAM_TYPE = "2-1", "2-2"
GLUE = "from glue.cli import main; main()"
BARE = "from bench.serve import serve_bare; serve_bare()"


async def _only_read(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


def serve_bare() -> None:
    """The baseline: reads a body and answers."""
    import uvicorn

    from glue.serve.run import bind, url_of

    app = Starlette(routes=[Route("/webhooks/hubspot", _only_read, methods=["POST"])])
    listener = bind("127.0.0.1", 0)
    print(json.dumps({"url": url_of(listener)}), flush=True)
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listener])


def figures(database_url: str) -> Iterator[Figure]:
    """Half of all acknowledgements are faster than p50, all but one in a hundred than p99."""
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    with (
        _server([GLUE, "serve", "--port", "0", "--json"], database_url) as glue,
        _server([BARE], database_url) as baseline,
    ):
        spent = 0.0
        for url in (glue, baseline):
            _turn(url, 0)  # both are warm
        for turn in range(1, TURNS + 1):
            began = time.perf_counter()
            ours.append(_turn(glue, turn))
            spent += time.perf_counter() - began
            bare.append(_turn(baseline, turn))
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        yield beside(
            f"acknowledgement of {EVENTS} events, {name}",
            [_quantile(times, part) for times in ours],
            [_quantile(times, part) for times in bare],
            unit="ms",
            target=f"< {TARGET:g} ms",
            met=lambda value, _: value < TARGET,
        )
    rate = TURNS * CLIENTS * REQUESTS * EVENTS / spent
    yield Figure("events stored by one process", round(rate), "/s", None, None, "", None)


def _quantile(times: list[float], part: float) -> float:
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


def _turn(url: str, turn: int) -> list[float]:
    """Milliseconds of every request of a turn; each holds other events."""
    times: list[float] = []

    def client(number: int) -> None:
        with httpx.Client(timeout=30) as http:
            for count in range(REQUESTS):
                first = ((turn * CLIENTS + number) * REQUESTS + count) * EVENTS
                body = json.dumps([_event(first + one) for one in range(EVENTS)]).encode()
                stamp = str(round(time.time() * 1000))
                headers = {
                    "X-HubSpot-Request-Timestamp": stamp,
                    "X-HubSpot-Signature-v3": sign(SECRET, "POST", PUBLIC_URL, body, stamp),
                }
                began = time.perf_counter()
                answer = http.post(f"{url}/webhooks/hubspot", content=body, headers=headers)
                times.append((time.perf_counter() - began) * 1000)
                answer.raise_for_status()
                if answer.json().get("stored", EVENTS) != EVENTS:
                    raise SystemExit(f"not all events were stored: {answer.text}")

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) < CLIENTS * REQUESTS:
        raise SystemExit("a request failed")
    return times


def _event(number: int) -> dict[str, object]:
    return {
        "eventId": number,
        "subscriptionId": 9,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1893499200000 + number,
        "subscriptionType": "object.propertyChange",
        "attemptNumber": 0,
        "objectId": 1000 + number,
        "objectTypeId": BOOKING_TYPE,
        "propertyName": "attendance",
        "propertyValue": "Yes",
        "changeSource": "CRM_UI",
        "sourceId": "userId:42",
    }


@contextmanager
def _server(words: list[str], database_url: str) -> Iterator[str]:
    """A server in a process of its own; its address."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "WEBHOOK_PUBLIC_URL": PUBLIC_URL,
        "HUBSPOT_CLIENT_SECRET": SECRET,
        "HUBSPOT_BOOKING_TYPE": BOOKING_TYPE,
        "HUBSPOT_EXAM_TYPE": EXAM_TYPE,
    }
    environment.pop("REDIS_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-c", *words], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(timeout=30)
