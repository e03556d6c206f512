"""Kaplan–Meier: what share is still there after a time, when some have not been watched to the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import NormalDist

#: Half of 95 % on either side.
Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Point:
    """One time of the curve. ``survival`` is the share beyond it, with its 95 % interval."""

    time: float
    at_risk: int
    ended: int
    censored: int
    survival: float
    low: float
    high: float


def kaplan_meier(ended: Mapping[float, int], censored: Mapping[float, int]) -> list[Point]:
    """The curve at every time at which somebody ended or was last seen.

    The interval is Greenwood's on the log-log scale, which stays within 0 and 1.
    """
    at_risk = sum(ended.values()) + sum(censored.values())
    survival, greenwood = 1.0, 0.0
    points = []
    for time in sorted(ended.keys() | censored.keys()):
        ends, leaves = ended.get(time, 0), censored.get(time, 0)
        if ends:
            survival *= 1 - ends / at_risk
            greenwood += ends / (at_risk * (at_risk - ends)) if at_risk > ends else inf
        points.append(Point(time, at_risk, ends, leaves, survival, *_interval(survival, greenwood)))
        at_risk -= ends + leaves
    return points


def _interval(survival: float, greenwood: float) -> tuple[float, float]:
    if survival in (0.0, 1.0):  # nothing or everything is left: the scale has no room for an interval
        return survival, survival
    width = Z95 * sqrt(greenwood) / log(survival)
    return survival ** exp(-width), survival ** exp(width)


def median(points: list[Point]) -> float | None:
    """The first time by which half had ended; None where the curve stays above one half."""
    return next((point.time for point in points if point.survival <= 0.5 + 1e-12), None)
