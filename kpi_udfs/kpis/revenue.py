"""What did we earn, and what did marketing return?"""

from __future__ import annotations

from math import fsum
from typing import Annotated

from kpi_udfs.cells import as_date
from kpi_udfs.errors import DIV0, NA, VALUE, CellError
from kpi_udfs.kinds import (
    MONEY,
    PERCENT,
    RATIO,
    DayNumber,
    DayNumbers,
    Margin,
    Money,
    OutcomeCells,
)
from kpi_udfs.kpis.shares import ratio, same_length
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Example, Measure, kpi

ROI_WORKING = text(
    "MARKETING_ROI.working",
    "({revenue:amount} revenue × {margin:percent} margin − {bottom:amount} spend) ÷ {bottom:amount} spend.",
)
ROI_NOTHING = text("MARKETING_ROI.nothing", "Nothing was spent, so there is no return on spend.")
NEGATIVE_SPEND = text(
    "MARKETING_ROI.negative_spend", "The spend is negative ({bottom:amount}); a return on it has no meaning."
)
FULL_MARGIN = text(
    "MARKETING_ROI.full_margin", "No margin was given (0 counts as none): the whole revenue counts as return."
)
ROAS_WORKING = text("RETURN_ON_AD_SPEND.working", "{top:amount} revenue ÷ {bottom:amount} spend.")
REVENUE_WORKING = text("REVENUE.working", "sum of the amounts in {rows:count} {rows:cell|cells}.")
REVENUE_WON = text("REVENUE.won", "Won deals only. Others left out: {rows:count}.")
REVENUE_PERIOD = text(
    "REVENUE.period", "From {first:date} to {last:date}, both included. Outside and left out: {rows:count}."
)
REVENUE_SINCE = text("REVENUE.since", "From {first:date} on. Earlier and left out: {rows:count}.")
REVENUE_UNTIL = text("REVENUE.until", "Until {last:date}, included. Later and left out: {rows:count}.")
REVENUE_UNDATED = text("REVENUE.undated", "Amounts without a date, left out: {rows:count}.")
DATES_NEEDED = text("REVENUE.dates_needed", "A period needs the dates of the amounts: give them in dates.")
UPSIDE_DOWN = text("REVENUE.upside_down", "The period ends on {last:date}, before it begins on {first:date}.")
NO_AMOUNT = text("REVENUE.no_amount", "No amount is left: no row meets the conditions.")


@kpi(
    shows=PERCENT,
    formula="(revenue × margin − spend) ÷ spend",
    edges=(
        "Nothing spent: #DIV/0!. A negative spend and a margin outside 0 to 100% are #NUM!. Margin left out, blank or "
        "0: the whole revenue counts, and the explanation says so. No revenue gives −100%."
    ),
    elsewhere=(
        "Some call revenue ÷ spend a return on investment, which is the return on ad spend and one (100%) higher than "
        "this without a margin. Some count only the revenue that would not have come without the marketing, which is "
        "lower. Others count the customer's whole expected lifetime value, which is usually higher."
    ),
    examples=[
        Example(revenue=60000, spend=20000, gives=2.0, because="(60,000 − 20,000) ÷ 20,000"),
        Example(revenue=60000, spend=20000, margin=0.6, gives=0.8, because="(60,000 × 60% − 20,000) ÷ 20,000"),
        Example(revenue=60000, spend=0, gives=DIV0, because="nothing was spent"),
    ],
)
def marketing_roi(
    revenue: Annotated[Money, "Revenue that marketing brought in: one number or a column of amounts."],
    spend: Annotated[Money, "What was spent on it: one number or a column of amounts."],
    margin: Annotated[
        Margin | None, "Contribution margin on the revenue, 60% or 0.6. Without it the whole revenue counts."
    ] = None,
) -> Measure:
    """Return on marketing spend (ROMI), after the spend itself.

    Revenue times margin, minus spend, divided by spend. 0 % means the spend was just earned back.
    Without a margin the whole revenue counts as return, which flatters.

    Shapes: numbers or columns. Unit: share of the spend. Errors: ``#DIV/0!`` without spend,
    ``#NUM!`` for a margin outside 0 to 100 %. Source: common field definition (ROMI).
    """
    if spend < 0:
        raise CellError.num(NEGATIVE_SPEND(bottom=spend))
    share = 1.0 if margin is None else margin
    warnings = (FULL_MARGIN(),) if margin is None else ()
    profit = revenue * share - spend
    return ratio(profit, float(spend), ROI_WORKING, ROI_NOTHING, warnings=warnings, revenue=revenue, margin=share)


@kpi(
    shows=RATIO,
    formula="revenue ÷ spend",
    edges=(
        "Nothing spent: #DIV/0!. A negative spend is #NUM!. No revenue: 0; refunds above the sales give a negative "
        "ratio."
    ),
    elsewhere=(
        "Also written as a percentage (300%) or as 3:1. Its inverse, spend ÷ revenue, is known as advertising cost of "
        "sales. Each advertising platform counts the revenue it credits to its own ads, so that several together can "
        "claim more than there was."
    ),
    examples=[
        Example(revenue=60000, spend=20000, gives=3.0, because="60,000 ÷ 20,000"),
        Example(revenue=60000, spend=0, gives=DIV0, because="nothing was spent"),
    ],
)
def return_on_ad_spend(
    revenue: Annotated[Money, "Revenue from the advertising: one number or a column of amounts."],
    spend: Annotated[Money, "What the advertising cost: one number or a column of amounts."],
) -> Measure:
    """Revenue per unit of advertising spend (ROAS).

    Revenue divided by spend. 1.0 means that as much came in as was spent, before any cost of the
    goods.

    Shapes: numbers or columns. Unit: a plain ratio. Errors: ``#DIV/0!`` without spend. Source:
    common field definition (ROAS).
    """
    if spend < 0:
        raise CellError.num(NEGATIVE_SPEND(bottom=spend))
    return ratio(float(revenue), float(spend), ROAS_WORKING, ROI_NOTHING)


@kpi(
    shows=MONEY,
    formula=(
        "sum of the amounts; with outcomes: of won deals; with a period: of those dated from its first to its last day"
    ),
    edges=(
        "No amount left: #N/A. Blank amounts are skipped, negative ones (refunds) reduce the sum. With a period, "
        "amounts without a date are left out and reported; a period without dates is #VALUE!, one that ends before it "
        "begins #NUM!. Columns of different length are #VALUE!."
    ),
    elsewhere=(
        "Revenue can count when a deal is signed (bookings), when it is invoiced (billings) or when the service is "
        "rendered (recognised revenue); here the dates and amounts given decide. Gross and net of sales tax, "
        "discounts and refunds are different numbers, too."
    ),
    examples=[
        Example(amounts=[1200, 800, 500], gives=2500.0, because="1,200 + 800 + 500"),
        Example(
            amounts=[1200, 800, 500],
            outcomes=["won", "lost", "won"],
            gives=1700.0,
            because="1,200 + 500 of the won deals",
        ),
        Example(
            amounts=[1200, 800, 500],
            dates=[46027, 46058, 46086],
            from_date=46054,
            to_date=46112,
            gives=1300.0,
            because="800 in February and 500 in March 2026",
        ),
        Example(amounts=[1200], from_date=46054, gives=VALUE, because="a period without dates"),
        Example(amounts=[1200], dates=[46027], to_date=46000, gives=NA, because="no amount lies in the period"),
    ],
)
def revenue(
    amounts: Annotated[Money, "One amount per sale or deal."],
    dates: Annotated[DayNumbers | None, "One date per amount; needed when a period is given."] = None,
    outcomes: Annotated[
        OutcomeCells | None, "One word per deal (won, lost, open); with it, only won deals count."
    ] = None,
    from_date: Annotated[DayNumber | None, "First day of the period, included."] = None,
    to_date: Annotated[DayNumber | None, "Last day of the period, included."] = None,
) -> Measure:
    """Sum of amounts, if you like of won deals only and of a period.

    The sum of the amounts. With outcomes, of won deals only. With a period, of the amounts whose
    date lies in it, its first and last day included.

    Shapes: columns of equal length. Unit: that of the amounts. Errors: ``#N/A`` where no amount is
    left, ``#VALUE!`` for a period without dates. Source: common field definition.
    """
    if (from_date is not None or to_date is not None) and dates is None:
        raise CellError.value(DATES_NEEDED())
    if from_date is not None and to_date is not None and to_date < from_date:
        raise CellError.num(UPSIDE_DOWN(first=as_date(from_date), last=as_date(to_date)))
    said: list[Sentence] = []
    chosen = amounts.parts
    if outcomes is not None or dates is not None:
        rows = list(enumerate(amounts.parts))
        if outcomes is not None:
            same_length(amounts=amounts.parts, outcomes=outcomes.cells)
            won = [(row, part) for row, part in rows if outcomes.each[row] == "won"]
            left_out = sum(part is not None for _, part in rows) - sum(part is not None for _, part in won)
            said.append(REVENUE_WON(rows=left_out))
            rows = won
        if dates is not None:
            same_length(amounts=amounts.parts, dates=dates)
            rows = _within(rows, dates, from_date, to_date, said)
        chosen = [part for _, part in rows]
    counted = [part for part in chosen if part is not None]
    if not counted:
        raise CellError.na(NO_AMOUNT())
    return Measure(fsum(counted), (REVENUE_WORKING(rows=len(counted)), *said), (), amounts.currency)


def _within(
    rows: list[tuple[int, float | None]],
    dates: DayNumbers,
    from_date: int | None,
    to_date: int | None,
    said: list[Sentence],
) -> list[tuple[int, float | None]]:
    """The rows of the period; what was left out is said."""
    if from_date is None and to_date is None:
        return rows
    filled = [(row, part) for row, part in rows if part is not None]
    dated = [(row, part, day) for row, part in filled if (day := dates[row]) is not None]
    inside: list[tuple[int, float | None]] = [
        (row, part)
        for row, part, day in dated
        if (from_date is None or day >= from_date) and (to_date is None or day <= to_date)
    ]
    facts = {
        "first": as_date(from_date) if from_date is not None else None,
        "last": as_date(to_date) if to_date is not None else None,
        "rows": len(dated) - len(inside),
    }
    period = REVENUE_SINCE if to_date is None else REVENUE_UNTIL if from_date is None else REVENUE_PERIOD
    said.append(period(**facts))
    if len(dated) < len(filled):
        said.append(REVENUE_UNDATED(rows=len(filled) - len(dated)))
    return inside
