"""The simulated time: one clock for the database, the workers and HubSpot."""

from __future__ import annotations

import datetime as dt

# Far ahead of every real now, so that no default of a column can be later than it.
NOON = dt.datetime(2040, 5, 7, 12, tzinfo=dt.UTC)

LEASE = 120.0
LONGEST = 60.0
"""The setting longest_request: so long HubSpot may take to apply what it never answered."""


class Time:
    """passed: seconds since the start, which only grow, as a monotonic clock's do.

    skew: by how much somebody has set the wall clock back. It is never set forward: that would
    be seconds that nobody lived through, and no lease or longest request could mean anything.
    """

    def __init__(self) -> None:
        self.passed = 0.0
        self.skew = 0.0

    def monotonic(self) -> float:
        """A worker's clock."""
        return self.passed

    def unix(self) -> float:
        """HubSpot's clock, which is not ours to set."""
        return NOON.timestamp() + self.passed

    def wall(self) -> dt.datetime:
        """The database's clock."""
        return NOON + dt.timedelta(seconds=self.passed - self.skew)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    def set_back(self, seconds: float) -> None:
        """Set the database's clock back."""
        self.skew += seconds
