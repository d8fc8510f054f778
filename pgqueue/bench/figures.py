"""The arithmetic of measuring: pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How values are spread, in the unit that they were given in."""

    p50: float
    p90: float
    p99: float
    max: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of an ascending list does not exceed.

    One of the values themselves, never a mean of two: nothing is reported that did not happen.

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.99)
    (2, 4)
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Return how values are spread; None if there are none.

    >>> percentiles(range(1, 101))
    Percentiles(p50=50, p90=90, p99=99, max=100)
    """
    if not values:
        return None
    ordered = sorted(values)
    return Percentiles(*(percentile(ordered, share) for share in (0.5, 0.9, 0.99, 1.0)))


def rate(count: float, seconds: float) -> float:
    """Return how many per second; 0 for no time at all.

    >>> rate(500, 0.25)
    2000.0
    """
    return count / seconds if seconds > 0 else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return how fast y grows with x, by least squares; 0 for fewer than two places.

    >>> slope([(0, 1), (1, 3), (2, 5)])
    2.0
    """
    if len({x for x, _ in points}) <= 1:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def per_job(total: float | None, jobs: int) -> float | None:
    """Return the share of one job; None if the total was not measured, or nothing was done.

    >>> per_job(1200, 400)
    3.0
    """
    return None if total is None or not jobs else total / jobs
