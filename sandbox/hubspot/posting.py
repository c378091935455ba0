"""Webhooks over HTTP, from a thread of their own that no request of the API waits for."""

import threading
import time

import httpx

from sandbox.hubspot.store import Store
from sandbox.hubspot.webhooks import PATIENCE_MS, Delivery


class Poster:
    """Posts what is due by the account's clock; what it sends is signed at the time of day.

    Args:
        store: the account; its lock is held to take a request and to note its answer, never while
            it is on its way.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._webhooks = store, store.webhooks
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Post from now on."""
        if self._thread is None:
            self._woken = threading.Event()  # of this thread alone: one that ends clears its own
            self._webhooks.wake = self._woken.set
            options = {"args": (self._woken,), "name": "webhooks", "daemon": True}
            self._thread = threading.Thread(target=self._run, **options)
            self._thread.start()
        self._woken.set()

    def stop(self) -> None:
        """Post no more; a request on its way is not waited for."""
        self._webhooks.wake = lambda: None
        self._thread = None
        self._woken.set()

    def wake(self) -> None:
        """Look again what is due: the clock was moved."""
        self._woken.set()

    def _run(self, woken: threading.Event) -> None:
        with httpx.Client(timeout=PATIENCE_MS / 1000) as client:
            while self._thread is threading.current_thread():
                woken.clear()
                with self._store.lock:
                    now = self._store.clock.ms()
                    delivery, due = self._webhooks.take(now), self._webhooks.due
                if delivery is None:
                    woken.wait(None if due is None else max(0, due - now) / 1000)
                    continue
                status = _post(client, delivery)
                with self._store.lock:
                    self._webhooks.answered(delivery, status)


def _post(client: httpx.Client, delivery: Delivery) -> int | None:
    """The status of the answer; None when none came in time."""
    body, headers = delivery.request(round(time.time() * 1000))
    began = time.monotonic()
    try:
        with client.stream("POST", delivery.url, content=body, headers=headers) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return status if (time.monotonic() - began) * 1000 <= PATIENCE_MS else None
