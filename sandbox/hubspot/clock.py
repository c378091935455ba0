"""The account's clock: real time, plus what a test has advanced it by."""

import datetime as dt
import time
from collections.abc import Callable


class Clock:
    """Unix time that can be moved forward, so that no test waits for a window to pass.

    Args:
        source: gives the current Unix time in seconds.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset_ms = 0

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``, to the millisecond; ValueError when negative."""
        self.advance_ms(round(seconds * 1000))

    def advance_ms(self, ms: int) -> None:
        """Move forward by whole milliseconds; ValueError when negative."""
        if ms < 0:
            raise ValueError("the clock only moves forward")
        self._offset_ms += ms

    def seconds(self) -> float:
        """Unix time in seconds."""
        return self._source() + self._offset_ms / 1000

    def ms(self) -> int:
        """Unix time in whole milliseconds, the unit of every timestamp in the store."""
        return round(self._source() * 1000) + self._offset_ms


def iso(ms: int) -> str:
    """Milliseconds as HubSpot writes a moment: ``2026-08-21T10:00:00.123Z``."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_ms(text: str) -> int | None:
    """Milliseconds of a moment written as ISO 8601 or as digits; None when it is neither."""
    text = text.strip()
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return round(moment.timestamp() * 1000)
