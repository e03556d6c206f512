"""Means and percentiles of whole days, from how often each number of days occurs."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum


def mean(days: Mapping[float, int]) -> float:
    """The arithmetic mean."""
    return fsum(value * times for value, times in days.items()) / sum(days.values())


def quantile(days: Mapping[float, int], share: float) -> float:
    """Linear between the two ranks that enclose ``share``, as PERCENTILE.INC."""
    total = sum(days.values())
    position = (total - 1) * share
    below = int(position)
    above = min(below + 1, total - 1)
    seen, lower = 0, None
    for value in sorted(days):
        seen += days[value]
        if lower is None and seen > below:
            lower = value
        if lower is not None and seen > above:
            return lower + (value - lower) * (position - below)
    raise ValueError("a distribution of nothing has no percentile")
