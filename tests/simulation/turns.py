"""Threads of which only one ever runs.

A player runs until it reaches a named place, then hands the turn back; the scheduler decides who
goes on, and who dies where it stands. Nothing depends on the machine: the order of turns is the
scheduler's alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Crash(BaseException):
    """The worker's process is gone. No code of ours catches it, as none outlives a kill -9."""


class Player:
    """A thread that takes turns.

    place: where it stands. wakes: the moment (monotonic, simulated) before which it does not go
    on, None when it may. failure: what ended it, None for a good end.
    """

    def __init__(self, name: str, play: Callable[[Player], object]) -> None:
        self.name = name
        self.place = "the start"
        self.wakes: float | None = None
        self.over = False
        self.failure: BaseException | None = None
        self.result: object = None
        self._play = play
        self._dies = False
        self._mine = threading.Semaphore(0)
        self._theirs = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # The scheduler's

    def go(self) -> None:
        """Let it run to its next place, or to its end."""
        self._mine.release()
        self._theirs.acquire()
        if self.over:
            self._thread.join()

    def crash(self) -> None:
        """Let it die where it stands."""
        self._dies = True
        self.go()

    # The player's own

    def at(self, place: str) -> None:
        """Stand at a place until it is our turn again; Crash when we die here."""
        self.place = place
        self._theirs.release()
        self._mine.acquire()
        self.wakes = None
        if self._dies:
            raise Crash(place)

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self._dies:
                self.result = self._play(self)
        except BaseException as failure:
            self.failure = failure
        finally:
            self.over = True
            self._theirs.release()
