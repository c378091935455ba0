"""The account's limits: calls per ten seconds and per day, searches per second, sizes.

Numbers are from HubSpot's usage guidelines (apps with static auth); the search limit is the
account's, outside the ten-second limit, and its answers carry no rate-limit headers.
"""

from collections import deque
from dataclasses import asdict, dataclass, fields

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.errors import HubSpotError, rate_limited, search_limited

TIERS = {
    "starter": (100, 250_000),
    "professional": (190, 625_000),
    "enterprise": (190, 1_000_000),
}
_DAY_MS = 86_400_000


@dataclass
class Settings:
    """Every number that can be changed at run time.

    From ``index_lag_seconds`` on they stand for what HubSpot does not promise; a client has to live
    with any value.
    """

    burst: int = 100  # calls per interval
    interval_ms: int = 10_000
    daily: int = 250_000  # calls per day, until midnight UTC
    search_per_second: int = 5
    other_calls: int = 0  # of the burst, what another application takes of every interval
    other_daily: int = 0  # calls it has made today
    other_searches: int = 0  # searches it makes each second
    index_lag_seconds: float = 0.0  # how long search does not see a write
    retry_after: int | None = None  # seconds for Retry-After on a 429; None sends none
    association_inputs: int = 100  # inputs of batch/associate/default
    association_page: int = 500  # linked ids per record before an answer is cut
    history_inputs: int = 50  # inputs or page size when a history is asked for
    update_multi_status: bool = True  # whether batch/update answers 207 too
    archived_keeps_unique: bool = False  # whether an archived record's unique value stays taken
    merged_reads_follow: bool = False  # whether a merged id reads the record it became
    merged_writes_follow: bool = False  # whether it writes it; else both are a 404


class Limits:
    """Counts calls and refuses those over a limit.

    Args:
        tier: ``starter``, ``professional`` or ``enterprise``.
        clock: the account's time.
    """

    def __init__(self, tier: str = "starter", clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        burst, daily = TIERS[tier]
        self.settings = Settings(burst=burst, daily=daily)
        self._calls: deque[int] = deque()
        self._searches: deque[int] = deque()
        self._day = self.clock.ms() // _DAY_MS
        self._today = 0

    def change(self, changes: dict) -> dict:
        """Change some settings, or all that a ``tier`` fixes; gives all of them.

        Raises:
            ValueError: an unknown name or tier, or a value of the wrong kind.
        """
        changes = dict(changes)
        tier = changes.pop("tier", None)
        if tier is not None:
            if tier not in TIERS:
                raise ValueError(f"no tier {tier}")
            self.settings.burst, self.settings.daily = TIERS[tier]
        known = {f.name for f in fields(Settings)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no limit {name}")
            if not (isinstance(value, int | float) or (name == "retry_after" and value is None)):
                raise ValueError(f"{name} takes no {value!r}")
            setattr(self.settings, name, value)
        return asdict(self.settings)

    def take(self, *, search: bool) -> HubSpotError | None:
        """Count one call; the refusal when it is over a limit. Refused calls count for nothing."""
        now = self._turn()
        window, size, limit = self._window(search)
        while window and window[0] <= now - size:
            window.popleft()
        if self._today + self.settings.other_daily >= self.settings.daily:
            return rate_limited("DAILY", self.settings.retry_after)
        others = self.settings.other_searches if search else self.settings.other_calls
        if len(window) + others >= limit:
            if search:
                return search_limited()
            return rate_limited("TEN_SECONDLY_ROLLING", self.settings.retry_after)
        window.append(now)
        self._today += 1
        return None

    def headers(self) -> dict[str, str]:
        """``X-HubSpot-RateLimit-*`` as of now."""
        now = self._turn()
        while self._calls and self._calls[0] <= now - self.settings.interval_ms:
            self._calls.popleft()
        settings = self.settings
        burst = settings.burst - settings.other_calls - len(self._calls)
        daily = settings.daily - settings.other_daily - self._today
        return {
            "X-HubSpot-RateLimit-Max": str(settings.burst),
            "X-HubSpot-RateLimit-Remaining": str(max(0, burst)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(settings.interval_ms),
            "X-HubSpot-RateLimit-Daily": str(settings.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, daily)),
        }

    def _window(self, search: bool) -> tuple[deque[int], int, int]:
        if search:
            return self._searches, 1000, self.settings.search_per_second
        return self._calls, self.settings.interval_ms, self.settings.burst

    def _turn(self) -> int:
        now = self.clock.ms()
        if now // _DAY_MS != self._day:
            self._day, self._today = now // _DAY_MS, 0
        return now
