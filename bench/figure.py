"""A figure and how it is printed."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark.

    value and baseline are in `unit`; ratio is value / baseline. target: what ratio (or value) is
    wanted, in words. met: whether it is, or None where there is no target.
    """

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    target: str
    met: bool | None

    def line(self) -> str:
        """The figure as one JSON object on one line."""
        return json.dumps(asdict(self))


def beside(
    name: str,
    ours: list[float],
    theirs: list[float],
    *,
    unit: str,
    target: str,
    met: Callable[[float, float], bool],
) -> Figure:
    """The figure of two series measured in turns: the medians, and the ratio of the medians.

    met: told the median value and the ratio, says whether the target is reached.
    """
    value, baseline = statistics.median(ours), statistics.median(theirs)
    ratio = value / baseline
    return Figure(
        name, round(value, 1), unit, round(baseline, 1), round(ratio, 2), target, met(value, ratio)
    )
