"""How long does it take to win a deal?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from kpi_udfs.cells import as_date
from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import DAYS, DayNumber, DayNumbers, OutcomeCells, Outcomes
from kpi_udfs.kpis.distribution import mean, quantile
from kpi_udfs.kpis.outcome_words import READ_AS_OPEN, open_words
from kpi_udfs.kpis.shares import same_length
from kpi_udfs.kpis.survival import kaplan_meier, median
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Example, Measure, kpi

_FROM = [date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 5)]

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
STILL_OPEN = text("SALES_CYCLE.still_open", "Still open on {as_of:date}, with their age so far: {deals:count}.")
KAPLAN_MEIER = text(
    "SALES_CYCLE.kaplan_meier",
    "Kaplan–Meier median: half of {deals:count} {deals:deal|deals} would close within this time; {closed:count} of them "
    "{closed:has|have} closed.",
)
NOT_HALF = text(
    "SALES_CYCLE.not_half",
    "Fewer than half of the deals have closed by {longest:count} days, the longest time seen, so the Kaplan–Meier median "
    "is not known yet.",
)
AFTER = text("SALES_CYCLE.after", "Closed after {as_of:date} and left out: {deals:count}.")
BEGUN_AFTER = text("SALES_CYCLE.begun_after", "Begun after {as_of:date} and left out: {deals:count}.")
LOST_DEALS = text("SALES_CYCLE.lost", "Lost and left out: {deals:count}.")
NOBODY = text("SALES_CYCLE.nobody", "There is no deal with a first contact to measure yet.")
NONE_KNOWN = text(
    "SALES_CYCLE.none_known", "No {which} can be measured as of {as_of:date}; those there are came later."
)
ALL_LOST = text("SALES_CYCLE.all_lost", "Every deal is lost ({deals:count}), so none can close yet.")
A_DEAL = text("SALES_CYCLE.a_deal", "deal")
A_WON_DEAL = text("SALES_CYCLE.a_won_deal", "won deal")
A_CLOSED_DEAL = text("SALES_CYCLE.a_closed_deal", "closed deal")


@kpi(
    shows=DAYS,
    formula="close date − first contact, in days per deal; of these the mean, the median or a percentile",
    edges=(
        "No deal with both dates: #N/A. Deals with one date missing or closed before the first contact are left out "
        "and reported; a deal closed on the day of the first contact takes 0 days. Times of day make no difference. "
        "Fewer than half closed: kaplan_meier is #N/A. Columns of different length and cells that are no date are #VALUE!."
    ),
    elsewhere=(
        "Many CRM reports begin when the deal was created instead of at the first contact, which shortens the cycle. "
        "Some measure won and lost deals alike; lost ones may close sooner or later. As long as slow deals are open, "
        "every figure from closed deals is too short: kaplan_meier counts the open ones with their age."
    ),
    examples=[
        Example(
            first_touch=[date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 5)],
            close_dates=[date(2026, 1, 15), date(2026, 1, 25), date(2026, 2, 14)],
            gives=70 / 3,
            because="(10 + 20 + 40) ÷ 3 deals",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[date(2026, 1, 15), date(2026, 1, 25), date(2026, 2, 14), date(2026, 4, 15)],
            outcomes=["won", "won", "won", "lost"],
            statistic="median",
            gives=20.0,
            because="the middle of 10, 20 and 40 days; the lost deal is left out",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[date(2026, 1, 15), date(2026, 1, 25), date(2026, 2, 4), date(2026, 2, 14)],
            statistic="p75",
            gives=32.5,
            because="three quarters of the way from 10 over 20 and 30 to 40 days",
        ),
        Example(
            first_touch=_FROM,
            close_dates=[date(2026, 1, 15), date(2026, 1, 25), date(2026, 2, 4), date(2026, 2, 14)],
            statistic="p90",
            gives=37.0,
            because="nine tenths of the way from 10 over 20 and 30 to 40 days",
        ),
        Example(
            first_touch=[date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 25), date(2026, 1, 5)],
            close_dates=[date(2026, 1, 15), date(2026, 1, 25), date(2026, 2, 14), "", ""],
            statistic="kaplan_meier",
            as_of=date(2026, 2, 24),
            gives=40.0,
            because="closed after 10, 20 and 40 days; open since 30 and 50 days: 4 of 5 last beyond 10 days, 3 of 5 beyond "
            "20, and half of these beyond 40",
        ),
        Example(first_touch=[date(2026, 1, 5)], close_dates=[""], gives=NA, because="the deal has not closed"),
    ],
)
def sales_cycle(
    first_touch: Annotated[DayNumbers, "One date per deal: the first contact."],
    close_dates: Annotated[DayNumbers, "One date per deal, in the same order: when it closed."],
    outcomes: Annotated[
        OutcomeCells | None, "One word per deal (won, lost, open); with it, only won deals are measured."
    ] = None,
    statistic: Annotated[
        Literal["mean", "median", "p75", "p90", "kaplan_meier"],
        "mean, median, p75 (three quarters were faster), p90 (nine tenths were faster) or kaplan_meier: the median in "
        "which open deals count as not yet closed.",
    ] = "mean",
    as_of: Annotated[
        DayNumber | None, "The day to look from; later closes are not known yet. Without it, the latest date."
    ] = None,
) -> Measure:
    """Days from first contact to close.

    Whole calendar days from the first contact to the close of each deal, then their mean, median
    or percentile (linear between ranks, as PERCENTILE.INC). With outcomes, won deals only. Deals
    without one of the dates, or closed before the first contact, are left out and reported. For
    kaplan_meier a deal without a close is an open one, with its age on the as-of day; lost deals are
    left out.

    Shapes: columns of equal length. Unit: days. Errors: ``#N/A`` where no deal can be measured, or
    fewer than half have closed (kaplan_meier), ``#VALUE!`` for a date that can't be read. Source:
    common field definition; Kaplan and Meier (1958).
    """
    same_length(first_touch=first_touch, close_dates=close_dates)
    if outcomes is not None:
        same_length(first_touch=first_touch, outcomes=outcomes.cells)
    if statistic == "kaplan_meier":
        return _median_with_open_deals(first_touch, close_dates, outcomes, as_of)
    pairs = list(zip(first_touch, close_dates, strict=True))
    left_out: list[Sentence] = []
    if outcomes is not None:
        won = [pair for pair, meaning in zip(pairs, outcomes.each, strict=True) if meaning == "won"]
        # A row without any date is a blank row, not a deal.
        not_won = sum(
            meaning != "won" and (meaning is not None or pair != (None, None))
            for pair, meaning in zip(pairs, outcomes.each, strict=True)
        )
        if not_won:
            left_out.append(NOT_WON(deals=not_won))
        if outcomes.open_words:
            left_out.append(READ_AS_OPEN(words=open_words(outcomes)))
        pairs = won
    unknown = 0
    if as_of is not None:
        known = [pair for pair in pairs if pair[1] is None or pair[1] <= as_of]
        unknown = len(pairs) - len(known)
        pairs = known
        if unknown:
            left_out.append(AFTER(as_of=as_date(as_of), deals=unknown))
    durations: Counter[float] = Counter(
        close - first for first, close in pairs if first is not None and close is not None
    )
    measured = Counter({days: deals for days, deals in durations.items() if days >= 0})
    undated = sum((first is None) != (close is None) for first, close in pairs)
    if outcomes is not None:
        undated = len(pairs) - durations.total()
    if undated:
        left_out.append(NO_DATE(deals=undated))
    if measured.total() < durations.total():
        left_out.append(BACKWARDS(deals=durations.total() - measured.total()))
    if not measured:
        kind = A_WON_DEAL if outcomes is not None else A_CLOSED_DEAL
        raise CellError.na(NONE_KNOWN(which=kind, as_of=as_date(as_of)) if unknown and as_of else NO_DEAL(which=kind))
    said = {"mean": MEAN, "median": MEDIAN, "p75": P75, "p90": P90}[statistic]
    which = WON_DEALS if outcomes is not None else CLOSED_DEALS
    deals, shortest, longest = measured.total(), min(measured), max(measured)
    span = SAME_DAYS(days=shortest) if shortest == longest else SPAN(shortest=shortest, longest=longest)
    working = said(deals=deals, which=which(deals=deals), span=span)
    return Measure(_statistic(measured, statistic), (working, *left_out))


def _statistic(days: Counter[float], statistic: str) -> float:
    if statistic == "mean":
        return mean(days)
    return quantile(days, {"median": 0.5, "p75": 0.75, "p90": 0.9}[statistic])


def _median_with_open_deals(
    first_touch: Sequence[int | None],
    close_dates: Sequence[int | None],
    outcomes: Outcomes | None,
    as_of: int | None,
) -> Measure:
    """The Kaplan–Meier median. An open deal's close date, if it has one, is a hope and not used."""
    meanings = outcomes.each if outcomes is not None else ["open" if close is None else "won" for close in close_dates]
    rows = list(zip(first_touch, close_dates, meanings, strict=True))
    closed = [close for _, close, meaning in rows if close is not None and meaning in ("won", "lost")]
    begun = [first for first, *_ in rows if first is not None]
    if not begun:
        raise CellError.na(NOBODY())
    today = max(begun + closed) if as_of is None else as_of
    # A deal that was lost later is still open on the day to look from.
    lost = sum(meaning == "lost" and (close is None or close <= today) for _, close, meaning in rows)
    deals = [
        row for row in rows if row[2] in ("won", "open") or (row[2] == "lost" and row[1] is not None and row[1] > today)
    ]
    ended: Counter[float] = Counter()
    still_open: Counter[float] = Counter()
    undated = backwards = later = 0
    for first, close, meaning in deals:
        won = meaning == "won"
        if first is None or (won and close is None):
            # A row without any date is a blank row, not a deal.
            undated += outcomes is not None or close is not None
        elif first > today:
            later += 1
        elif won and close is not None and close <= today:
            if close < first:
                backwards += 1
            else:
                ended[close - first] += 1
        else:
            still_open[today - first] += 1
    points = kaplan_meier(ended, still_open)
    said = []
    if still_open:
        said.append(STILL_OPEN(as_of=as_date(today), deals=still_open.total()))
    if lost:
        said.append(LOST_DEALS(deals=lost))
    if undated:
        said.append(NO_DATE(deals=undated))
    if backwards:
        said.append(BACKWARDS(deals=backwards))
    if later:
        said.append(BEGUN_AFTER(as_of=as_date(today), deals=later))
    if not points and later:
        raise CellError.na(NONE_KNOWN(which=A_DEAL, as_of=as_date(today)))
    if not points:
        raise CellError.na(ALL_LOST(deals=lost) if lost and not deals else NOBODY())
    half = median(points)
    if half is None:
        raise CellError.na(NOT_HALF(longest=points[-1].time))
    if outcomes is not None and outcomes.open_words:
        said.append(READ_AS_OPEN(words=open_words(outcomes)))
    working = KAPLAN_MEIER(deals=ended.total() + still_open.total(), closed=ended.total())
    return Measure(float(half), (working, *said))
