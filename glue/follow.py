"""Runs a verb again and again as a service, until it is told to stop."""

import signal
import threading
from collections.abc import Callable

from glue.errors import BusDiverged, GlueError, Unauthorized, WrongType


def follow(
    run: Callable[[], bool],
    *,
    stop: threading.Event,
    idle: float = 1.0,
    failed: Callable[[GlueError], None],
) -> None:
    """Calls `run` until `stop` is set.

    run: answers whether there was work; if there was, it is called again at once.
    idle: seconds to rest otherwise. After a failure the rest doubles, up to a minute.
    A wrong token ends it, and a stream that is not ours: no amount of trying helps.
    """
    rest = idle
    while not stop.is_set():
        try:
            busy = run()
        except (Unauthorized, WrongType, BusDiverged):
            raise
        except GlueError as error:
            failed(error)
            rest = min(rest * 2, 60.0)
            stop.wait(rest)
            continue
        rest = idle
        if not busy:
            stop.wait(idle)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that the batch in hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
