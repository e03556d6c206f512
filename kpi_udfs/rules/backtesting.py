"""How well rules predict wins: of the leads they pick, how many were won, and of the won, how many they pick."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kpi_udfs.rules.leads import REACHED, Lead

#: Bands of scores, and rows of the threshold curve.
BANDS = 10
CURVE = 20


@dataclass(frozen=True)
class Picked:
    """A choice of leads, against what became of all. A ratio with nothing to divide by is None.

    ``precision``: share of the picked that were won. ``recall``: share of all won that were picked.
    ``lift``: precision ÷ base rate. ``f1``: harmonic mean of precision and recall.
    """

    leads: int
    won: int
    precision: float | None
    recall: float | None
    lift: float | None
    f1: float | None


@dataclass(frozen=True)
class Band:
    """Leads with scores from ``low`` to ``high``, both included."""

    low: float
    high: float
    picked: Picked


@dataclass(frozen=True)
class Step:
    """The leads with this score or more. ``in_force``: the stages whose threshold it is."""

    threshold: float
    picked: Picked
    in_force: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backtest:
    """The figures. ``bands`` and ``curve`` are empty where the rules give no points."""

    leads: int
    won: int
    base_rate: float | None
    stages: dict[str, Picked]
    bands: list[Band]
    curve: list[Step]


def backtest(leads: Sequence[Lead], in_force: Iterable[tuple[str, float]] = ()) -> Backtest:
    """Figures of leads whose outcome is known. ``in_force``: stages with the score they ask for."""
    total, won = len(leads), sum(lead.won for lead in leads)
    stages = {stage: pick([lead.won for lead in leads if lead.reached(stage)], total, won) for stage in REACHED}
    scored = sorted((lead.score, lead.won) for lead in leads if lead.score is not None)
    wanted = [(stage, score) for stage, score in in_force if scored]
    return Backtest(
        leads=total,
        won=won,
        base_rate=ratio(won, total),
        stages=stages,
        bands=[Band(part[0][0], part[-1][0], _of(part, total, won)) for part in bands(scored)],
        curve=_curve(scored, total, won, wanted),
    )


def pick(outcomes: Sequence[bool], leads: int, won: int) -> Picked:
    """Figures of a choice. ``outcomes``: whether each of the picked was won; ``leads``, ``won``: of all."""
    right = sum(outcomes)
    precision, base = ratio(right, len(outcomes)), ratio(won, leads)
    # 2pr/(p+r), which is 2·right ÷ (picked + won): defined, and 0, where there is nothing right.
    return Picked(
        leads=len(outcomes),
        won=right,
        precision=precision,
        recall=ratio(right, won),
        lift=precision / base if precision is not None and base else None,
        f1=ratio(2 * right, len(outcomes) + won),
    )


def ratio(part: float, whole: float) -> float | None:
    """Part ÷ whole; None where there is no whole."""
    return part / whole if whole else None


_Scored = Sequence[tuple[float, bool]]


def bands(scored: _Scored) -> list[_Scored]:
    """Scores with outcomes, in order, cut into bands, the highest first: a band for each score where there
    are few different ones, else tenths of the leads, in which equal scores stay together."""
    scores = [score for score, _ in scored]
    starts = {bisect_left(scores, score) for score in set(scores)}
    if len(starts) > BANDS:
        tenths = [len(scored) * tenth // BANDS for tenth in range(BANDS)]
        starts = {bisect_left(scores, scores[start]) for start in tenths}
    ends = [*sorted(starts), len(scored)]
    return [scored[start:end] for start, end in reversed(list(pairwise(ends)))]


def _curve(scored: _Scored, leads: int, won: int, in_force: Sequence[tuple[str, float]]) -> list[Step]:
    """Figures at every score, or at some of them spread over the leads; those in force are always there."""
    scores = [score for score, _ in scored]
    asked = {score for _, score in in_force}
    steps = []
    for threshold in sorted({*_spread(scores, CURVE - len(asked)), *asked}, reverse=True):
        reached = scored[bisect_left(scores, threshold) :]
        stages = tuple(stage for stage, score in in_force if score == threshold)
        steps.append(Step(threshold, _of(reached, leads, won), stages))
    return steps


def _spread(scores: Sequence[float], most: int) -> list[float]:
    """Different scores, all of them or so many that lie evenly among the leads, the ends included."""
    different, most = sorted(set(scores)), max(most, 2)
    if len(different) <= most:
        return different
    last = len(scores) - 1
    chosen = {scores[round(last * place / (most - 1))] for place in range(most)}
    # Where many leads share a score there is room for others.
    others = [score for score in different if score not in chosen]
    room = most - len(chosen)
    return sorted(chosen | {others[len(others) * place // room] for place in range(room)})


def _of(part: _Scored, leads: int, won: int) -> Picked:
    return pick([right for _, right in part], leads, won)
