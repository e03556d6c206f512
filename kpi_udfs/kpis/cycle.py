"""How long does it take to win a deal?"""

from __future__ import annotations

from math import fsum
from typing import Annotated, Literal

from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import DAYS, DayNumbers, OutcomeCells
from kpi_udfs.kpis.shares import same_length
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Example, Measure, kpi

_FROM = [46027, 46027, 46027, 46027]  # 5 January 2026, as a date serial

MEAN = text("SALES_CYCLE.mean", "mean of {deals:count} {which}, {span}.")
MEDIAN = text("SALES_CYCLE.median", "median of {deals:count} {which}, {span}.")
P75 = text("SALES_CYCLE.p75", "75th percentile of {deals:count} {which}, interpolated between ranks, {span}.")
P90 = text("SALES_CYCLE.p90", "90th percentile of {deals:count} {which}, interpolated between ranks, {span}.")
SPAN = text("SALES_CYCLE.span", "from {shortest:count} to {longest:count} days")
SAME_DAYS = text("SALES_CYCLE.same_days", "each of {days:count} {days:day|days}")
WON_DEALS = text("SALES_CYCLE.won_deals", "won {deals:deal|deals}")
CLOSED_DEALS = text("SALES_CYCLE.closed_deals", "closed {deals:deal|deals}")
NOT_WON = text("SALES_CYCLE.not_won", "Not won and left out: {deals:count}.")
NO_DATE = text("SALES_CYCLE.no_date", "Left out because a date is missing: {deals:count}.")
BACKWARDS = text("SALES_CYCLE.backwards", "Left out because the close lies before the first contact: {deals:count}.")
NO_DEAL = text("SALES_CYCLE.no_deal", "There is no {which} with both dates to measure yet.")
A_WON_DEAL = text("SALES_CYCLE.a_won_deal", "won deal")
A_CLOSED_DEAL = text("SALES_CYCLE.a_closed_deal", "closed deal")


@kpi(
    shows=DAYS,
    formula="close date − first contact, in days per deal; of these the mean, the median or a percentile",
    edges=(
        "No deal with both dates: #N/A. Deals with one date missing or closed before the first contact are left out "
        "and reported; a deal closed on the day of the first contact takes 0 days. Times of day make no difference. "
        "Columns of different length and cells that are no date are #VALUE!."
    ),
    elsewhere=(
        "Many CRM reports begin when the deal was created instead of at the first contact, which shortens the cycle. "
        "Some measure won and lost deals alike; lost ones may close sooner or later. As long as slow deals are open, "
        "every figure from closed deals is too short."
    ),
    examples=[
        Example(
            first_touch=[46027, 46027, 46027],
            close_dates=[46037, 46047, 46067],
            gives=70 / 3,
            because="(10 + 20 + 40) ÷ 3 deals",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[46037, 46047, 46067, 46127],
            outcomes=["won", "won", "won", "lost"],
            statistic="median",
            gives=20.0,
            because="the middle of 10, 20 and 40 days; the lost deal is left out",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[46037, 46047, 46057, 46067],
            statistic="p75",
            gives=32.5,
            because="three quarters of the way from 10 over 20 and 30 to 40 days",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[46037, 46047, 46057, 46067],
            statistic="p90",
            gives=37.0,
            because="nine tenths of the way from 10 over 20 and 30 to 40 days",
        ),
        Example(first_touch=[46027], close_dates=[""], gives=NA, because="the deal has not closed"),
    ],
)
def sales_cycle(
    first_touch: Annotated[DayNumbers, "One date per deal: the first contact."],
    close_dates: Annotated[DayNumbers, "One date per deal, in the same order: when it closed."],
    outcomes: Annotated[
        OutcomeCells | None, "One word per deal (won, lost, open); with it, only won deals are measured."
    ] = None,
    statistic: Annotated[
        Literal["mean", "median", "p75", "p90"],
        "mean, median, p75 (three quarters were faster) or p90 (nine tenths were faster).",
    ] = "mean",
) -> Measure:
    """Days from first contact to close.

    Whole calendar days from the first contact to the close of each deal, then their mean, median
    or percentile (linear between ranks, as PERCENTILE.INC). With outcomes, won deals only. Deals
    without one of the dates, or closed before the first contact, are left out and reported.

    Shapes: columns of equal length. Unit: days. Errors: ``#N/A`` where no deal can be measured,
    ``#VALUE!`` for a date that can't be read. Source: common field definition.
    """
    same_length(first_touch=first_touch, close_dates=close_dates)
    pairs = list(zip(first_touch, close_dates, strict=True))
    left_out: list[Sentence] = []
    if outcomes is not None:
        same_length(first_touch=first_touch, outcomes=outcomes.cells)
        won = [pair for pair, meaning in zip(pairs, outcomes.each, strict=True) if meaning == "won"]
        # A row without any date is a blank row, not a deal.
        not_won = sum(
            meaning != "won" and (meaning is not None or pair != (None, None))
            for pair, meaning in zip(pairs, outcomes.each, strict=True)
        )
        if not_won:
            left_out.append(NOT_WON(deals=not_won))
        pairs = won
    durations = sorted(close - first for first, close in pairs if first is not None and close is not None)
    undated = sum((first is None) != (close is None) for first, close in pairs)
    if outcomes is not None:
        undated = len(pairs) - len(durations)
    if undated:
        left_out.append(NO_DATE(deals=undated))
    measured = [days for days in durations if days >= 0]
    if len(measured) < len(durations):
        left_out.append(BACKWARDS(deals=len(durations) - len(measured)))
    if not measured:
        raise CellError.na(NO_DEAL(which=A_WON_DEAL if outcomes is not None else A_CLOSED_DEAL))
    said = {"mean": MEAN, "median": MEDIAN, "p75": P75, "p90": P90}[statistic]
    which = WON_DEALS if outcomes is not None else CLOSED_DEALS
    shortest, longest = measured[0], measured[-1]
    span = SAME_DAYS(days=shortest) if shortest == longest else SPAN(shortest=shortest, longest=longest)
    working = said(deals=len(measured), which=which(deals=len(measured)), span=span)
    return Measure(_statistic(measured, statistic), (working, *left_out))


def _statistic(ranked: list[int], statistic: str) -> float:
    if statistic == "mean":
        return fsum(ranked) / len(ranked)
    return quantile(ranked, {"median": 0.5, "p75": 0.75, "p90": 0.9}[statistic])


def quantile(ranked: list[int], share: float) -> float:
    """Linear between the two ranks that enclose ``share``; ``ranked`` ascends."""
    position = (len(ranked) - 1) * share
    below = int(position)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (position - below)
