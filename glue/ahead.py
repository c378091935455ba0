"""Fetches ahead: what comes next is asked for while what came is being worked on."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

DEPTH = 4

T = TypeVar("T")


@dataclass
class _End:
    """Nothing more comes. error: because of this."""

    error: BaseException | None = None


@contextmanager
def ahead(items: Iterator[T], depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """The same items, made by a thread that is up to `depth` of them ahead.

    What the thread raises is raised where the item would have come. It has ended when the block
    has; an item it is at by then is waited for.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | _End) -> None:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
        except BaseException as error:  # raised again where it is waited for
            put(_End(error))
            return
        put(_End())

    def taken() -> Iterator[T]:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop.set()
        thread.join()
