"""How many customers stay?"""

from __future__ import annotations

from typing import Annotated

from kpi_udfs.errors import DIV0, NUM, CellError
from kpi_udfs.kinds import MONEY, PERCENT, Amount, Average, Count, Margin, Price, Rate
from kpi_udfs.kpis.shares import filled
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Example, Measure, kpi

AT_START = "Customers at the start of the period: their number, or a column with one name or ID each."
AT_END = "Customers at the end of the period: their number, or a column with one name or ID each."
JOINED = "Customers who joined during the period: their number, or one name or ID each. Without it: none."

KEPT_TOTALS = text(
    "RETENTION_RATE.totals", "({end:count} at the end − {joined:count} joined) ÷ {start:count} at the start."
)
KEPT_NAMES = text("RETENTION_RATE.names", "{kept:count} of {start:count} customers at the start are still there.")
LEFT_TOTALS = text(
    "CHURN_RATE.totals",
    "1 − ({end:count} at the end − {joined:count} joined) ÷ {start:count} at the start: {left:count} left.",
)
LEFT_NAMES = text("CHURN_RATE.names", "{left:count} of {start:count} customers at the start are gone.")
NOBODY = text("RETENTION_RATE.nobody", "There are no customers at the start to divide by.")
ABOVE = text(
    "RETENTION_RATE.above",
    "More customers stayed ({kept:count}) than were there at the start ({start:count}): customers who joined "
    "during the period are probably missing from joined.",
)
BELOW = text(
    "RETENTION_RATE.below",
    "More customers joined ({joined:count}) than are there at the end ({end:count}), so the kept ones can't be counted.",
)
JOINED_UNUSED = text(
    "RETENTION_RATE.joined_unused", "joined is not used where names are compared: who is in both lists was kept."
)
NAMES_AND_TOTALS = text(
    "RETENTION_RATE.names_and_totals",
    "{names} holds names or IDs and {totals} holds numbers; give either names or totals everywhere.",
)


@kpi(
    shows=PERCENT,
    formula="names: in both lists ÷ at the start; totals: (at the end − joined) ÷ at the start",
    edges=(
        "Nobody at the start: #DIV/0!. More kept than were there, or more joined than are there at the end: #NUM!. "
        "Names in one argument and numbers in another: #VALUE!. Where names are compared, each different one counts "
        "once and joined is not used."
    ),
    elsewhere=(
        "Revenue retention weighs customers by what they pay; with upgrades counted (net) it can exceed 100%, without "
        "them (gross) it can't. Products are often measured by who came back on or by a certain day. Shops without "
        "contracts count customers who bought again."
    ),
    examples=[
        Example(at_start=200, at_end=210, joined=30, gives=0.9, because="(210 − 30) ÷ 200"),
        Example(
            at_start=["ada", "ben", "cem", "dia"],
            at_end=["ada", "cem", "eli"],
            gives=0.5,
            because="ada and cem of four are still there; eli is new",
        ),
        Example(at_start=200, at_end=230, gives=NUM, because="more stayed than were there: joined is missing"),
        Example(at_start=0, at_end=10, joined=10, gives=DIV0, because="nobody was there at the start"),
    ],
)
def retention_rate(
    at_start: Annotated[Count, AT_START],
    at_end: Annotated[Count, AT_END],
    joined: Annotated[Count | None, JOINED] = None,
) -> Measure:
    """Share of the customers at the start who are still there at the end.

    From names or IDs: those found in both lists, divided by those at the start. From totals:
    customers at the end minus those who joined, divided by those at the start.

    Shapes: three numbers, or columns of names. Unit: share, 0 to 1. Errors: ``#DIV/0!`` without
    customers at the start, ``#NUM!`` above 100 %. Source: common field definition.
    """
    kept, start, names = _kept(at_start, at_end, joined)
    if names:
        return Measure(kept / start, (KEPT_NAMES(kept=kept, start=start),), _unused(joined))
    return Measure(kept / start, (KEPT_TOTALS(end=at_end, joined=joined or 0, start=start),))


@kpi(
    shows=PERCENT,
    formula="1 − retention rate = customers lost ÷ customers at the start",
    edges=(
        "Nobody at the start: #DIV/0!. More kept than were there, or more joined than are there at the end: #NUM!. "
        "Names in one argument and numbers in another: #VALUE!. Where names are compared, each different one counts "
        "once and joined is not used."
    ),
    elsewhere=(
        "Some divide by the mean of the customers at the start and at the end, which is lower while the customer base "
        "grows. Some also count customers who joined and left within the period, which is higher. Revenue churn "
        "weighs customers by what they paid and is another number."
    ),
    examples=[
        Example(at_start=200, at_end=210, joined=30, gives=0.1, because="1 − (210 − 30) ÷ 200: 20 left"),
        Example(
            at_start=["ada", "ben", "cem", "dia"],
            at_end=["ada", "cem", "eli"],
            gives=0.5,
            because="ben and dia of four are gone",
        ),
        Example(at_start=0, at_end=10, joined=10, gives=DIV0, because="nobody was there at the start"),
    ],
)
def churn_rate(
    at_start: Annotated[Count, AT_START],
    at_end: Annotated[Count, AT_END],
    joined: Annotated[Count | None, JOINED] = None,
) -> Measure:
    """Share of the customers at the start who are gone at the end.

    One minus the retention rate of the same customers: customers lost, divided by customers at
    the start. New customers count in neither.

    Shapes: three numbers, or columns of names. Unit: share, 0 to 1. Errors: as RETENTION_RATE.
    Source: common field definition; revenue churn weighs customers and is another number.
    """
    kept, start, names = _kept(at_start, at_end, joined)
    left = start - kept
    if names:
        return Measure(left / start, (LEFT_NAMES(left=left, start=start),), _unused(joined))
    return Measure(left / start, (LEFT_TOTALS(end=at_end, joined=joined or 0, start=start, left=left),))


def _unused(joined: Amount | None) -> tuple[Sentence, ...]:
    return (JOINED_UNUSED(),) if joined else ()


def _kept(at_start: Amount, at_end: Amount, joined: Amount | None) -> tuple[float, float, bool]:
    """How many were kept, of how many, and whether names were compared."""
    given = {"at_start": at_start, "at_end": at_end, "joined": joined}
    named = [name for name, amount in given.items() if amount is not None and amount.names is not None]
    # A blank list of names is read as 0 and stands for nobody.
    totals = [name for name, amount in given.items() if amount and amount.names is None]
    if named and totals:
        raise CellError.value(NAMES_AND_TOTALS(names=named[0], totals=totals[0]))
    if not at_start:
        raise CellError.div0(NOBODY())
    if named:
        nobody: frozenset[str] = frozenset()
        return len((at_start.names or nobody) & (at_end.names or nobody)), float(at_start), True
    kept_total = float(at_end) - float(joined or 0)
    if kept_total < 0:
        raise CellError.num(BELOW(joined=joined, end=at_end))
    if kept_total > at_start:
        raise CellError.num(ABOVE(kept=kept_total, start=at_start))
    return kept_total, float(at_start), False


# ----------------------------------------------------------------------------- lifetime value

LIFETIME = text(
    "CUSTOMER_LIFETIME_VALUE.working",
    "{value:amount} per purchase × {purchases:number} {purchases:purchase|purchases} per period × {margin:percent} margin ÷ "
    "{churn:percent} churn per period.",
)
STAYS = text("CUSTOMER_LIFETIME_VALUE.stays", "A customer stays {periods:number} {periods:period|periods} on average.")
NOBODY_LEAVES = text(
    "CUSTOMER_LIFETIME_VALUE.nobody_leaves", "With a churn rate of 0 nobody ever leaves, and the value has no end."
)
NO_MARGIN = text(
    "CUSTOMER_LIFETIME_VALUE.no_margin",
    "No margin was given (0 counts as none): this is lifetime revenue, before any cost.",
)


@kpi(
    shows=MONEY,
    formula="purchase value × purchases per period × margin ÷ churn rate per period",
    edges="A churn rate of 0 is #DIV/0!. A purchase value or purchases that are blank or 0 are #N/A. Rates outside 0 to 100 % and negative numbers are #NUM!. Without a margin the "
    "result is revenue, not profit, and the explanation says so.",
    elsewhere="Other definitions discount later years, add up what customers really spent so far (historical value), or "
    "model each customer's own purchasing; all of them are lower or need more data. Revenue without a margin is often "
    "called lifetime value, too.",
    examples=[
        Example(
            purchase_value=50,
            purchases=2,
            churn_rate=0.05,
            gives=2000.0,
            because="50 × 2 a month ÷ 5% a month: a customer stays 20 months",
        ),
        Example(
            purchase_value=50,
            purchases=2,
            churn_rate=0.05,
            margin=0.3,
            gives=600.0,
            because="30% of 2,000 is left as margin",
        ),
        Example(purchase_value=50, purchases=2, churn_rate=0, gives=DIV0, because="nobody ever leaves"),
        Example(purchase_value=50, purchases=2, churn_rate=5, gives=NUM, because="5% is written 5% or 0.05"),
    ],
)
def customer_lifetime_value(
    purchase_value: Annotated[Price, "Average value of one purchase."],
    purchases: Annotated[Average, "Purchases per customer in one period, for example 2 a month."],
    churn_rate: Annotated[Rate, "Share of customers lost in one such period, 5% or 0.05, for example from CHURN_RATE."],
    margin: Annotated[
        Margin | None, "Contribution margin, 60% or 0.6. Without it the result is revenue, before any cost."
    ] = None,
) -> Measure:
    """What a customer brings in from the first purchase to the last.

    Value of a purchase times purchases per period times margin, divided by the churn rate of the
    same period. All three belong to one period, a month or a year.

    Shapes: numbers. Unit: money per customer. Errors: ``#DIV/0!`` without churn, ``#NUM!`` for
    rates outside 0 to 100 %. Source: common field definition (constant churn, not discounted).
    """
    filled(purchase_value=purchase_value, purchases=purchases)
    if churn_rate == 0:
        raise CellError.div0(NOBODY_LEAVES())
    share = 1.0 if margin is None else margin
    working = LIFETIME(value=purchase_value, purchases=purchases, margin=share, churn=churn_rate)
    warnings = (NO_MARGIN(),) if margin is None else ()
    value = purchase_value * purchases * share / churn_rate
    return Measure(value, (working, STAYS(periods=1 / churn_rate)), warnings, purchase_value.currency)
