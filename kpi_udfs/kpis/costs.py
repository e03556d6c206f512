"""What does it cost to win a lead, an opportunity, an order, a customer?"""

from __future__ import annotations

from math import fsum
from typing import Annotated

from kpi_udfs.errors import DIV0, VALUE, CellError
from kpi_udfs.kinds import MONEY, Amount, Count, Money, Periods
from kpi_udfs.kpis.shares import ratio
from kpi_udfs.messages import Sentence, Text, text
from kpi_udfs.registry import Example, Measure, kpi

SPEND = "What was spent in the period: one number or a column of amounts."

CREDITS = text("costs.credits", "the spend is negative (credits exceed costs).")
LEAD_WORKING = text("COST_PER_LEAD.working", "spend of {top:amount} ÷ {bottom:count} {bottom:lead|leads}.")
LEAD_NOTHING = text("COST_PER_LEAD.nothing", "There are no leads to divide the spend by.")
MQL_WORKING = text("COST_PER_MQL.working", "spend of {top:amount} ÷ {bottom:count} {bottom:MQL|MQLs}.")
MQL_NOTHING = text("COST_PER_MQL.nothing", "There are no MQLs to divide the spend by.")
SQL_WORKING = text("COST_PER_SQL.working", "spend of {top:amount} ÷ {bottom:count} {bottom:SQL|SQLs}.")
SQL_NOTHING = text("COST_PER_SQL.nothing", "There are no SQLs to divide the spend by.")
ORDER_WORKING = text("COST_PER_ORDER.working", "spend of {top:amount} ÷ {bottom:count} {bottom:order|orders}.")
ORDER_NOTHING = text("COST_PER_ORDER.nothing", "There are no orders to divide the spend by.")
OPPORTUNITY_WORKING = text(
    "COST_PER_OPPORTUNITY.working", "spend of {top:amount} ÷ {bottom:count} {bottom:opportunity|opportunities}."
)
OPPORTUNITY_NOTHING = text("COST_PER_OPPORTUNITY.nothing", "There are no opportunities to divide the spend by.")
LEAD_QUALITY = text(
    "COST_PER_OPPORTUNITY.lead_quality",
    "One lead costs {per_lead:amount}; {rate:percent} of the {leads:count} {leads:lead|leads} became opportunities, so an "
    "opportunity costs {times:number} times as much as a lead.",
)
MORE_THAN_LEADS = text(
    "COST_PER_OPPORTUNITY.more_than_leads",
    "there are more opportunities than leads; are both from the same period?",
)
CUSTOMER_WORKING = text(
    "CUSTOMER_ACQUISITION_COST.working",
    "acquisition spend of {top:amount} ÷ {bottom:count} new {bottom:customer|customers}.",
)
CUSTOMER_LAGGED = text(
    "CUSTOMER_ACQUISITION_COST.lagged",
    "acquisition spend of {top:amount} ÷ {bottom:count} new {bottom:customer|customers}, pairing the spend of each "
    "period with the customers {lag:count} {lag:period|periods} later. Pairs: {periods:count}.",
)
CUSTOMER_NOTHING = text("CUSTOMER_ACQUISITION_COST.nothing", "There are no new customers to divide the spend by.")
LAG_LENGTHS = text(
    "CUSTOMER_ACQUISITION_COST.lag_lengths",
    "With a lag, spend and new_customers need one cell per period and as many cells: {spend:count} and "
    "{customers:count} were given.",
)
LAG_NAMES = text(
    "CUSTOMER_ACQUISITION_COST.lag_names", "With a lag, {argument} needs one number per period, not names."
)
LAG_LEFT_OUT = text(
    "CUSTOMER_ACQUISITION_COST.lag_left_out", "pairs in which a number is missing, left out: {pairs:count}."
)
LAG_NO_PAIR = text("CUSTOMER_ACQUISITION_COST.lag_no_pair", "No pair of periods has both numbers yet.")
LAG_TOO_LONG = text(
    "CUSTOMER_ACQUISITION_COST.lag_too_long",
    "A lag of {lag:count} leaves nothing to pair: the columns hold {periods:count} {periods:period|periods}.",
)


def _cost_per(spend: float, count: float, working: Text, nothing: Text) -> Measure:
    warnings: tuple[Sentence, ...] = (CREDITS(),) if spend < 0 else ()
    return ratio(spend, count, working, nothing, warnings=warnings)


@kpi(
    shows=MONEY,
    formula="total spend ÷ number of leads",
    edges=(
        "No leads: #DIV/0!. No spend: 0; credits above the costs give a negative cost, which the explanation points "
        "out. In a column of names each different name counts once and blanks not at all. A column that mixes names "
        "and numbers is #VALUE!, a negative number of leads #NUM!."
    ),
    elsewhere=(
        "Some reports average the cost per lead of each campaign, which gives a small campaign the weight of a large "
        "one. Where every form sent in counts as a lead, repeat requests by one person lower the figure. Some teams "
        "add salaries and tools to the spend, which raises it."
    ),
    examples=[
        Example(spend=1200, leads=40, gives=30.0, because="1,200 ÷ 40 leads"),
        Example(
            spend=[500, 700],
            leads=["ada@a.example", "ben@b.example", "ben@b.example", "cem@c.example"],
            gives=400.0,
            because="500 + 700 = 1,200 ÷ 3 different leads",
        ),
        Example(spend=1200, leads=0, gives=DIV0, because="no lead came in"),
    ],
)
def cost_per_lead(
    spend: Annotated[Money, SPEND],
    leads: Annotated[Count, "Leads of the same period: their number, or a column with one name or ID per lead."],
) -> Measure:
    """What one lead costs: spend divided by leads.

    Total spend divided by the number of leads of the same period. A ratio of sums: unlike the mean
    of each campaign's cost per lead, it weighs every lead alike.

    Shapes: numbers or columns, of any length. Unit: that of the spend. Errors: ``#DIV/0!`` without
    leads, ``#NUM!`` for a negative count. Source: common field definition (CPL).
    """
    return _cost_per(spend, leads, LEAD_WORKING, LEAD_NOTHING)


@kpi(
    shows=MONEY,
    formula="total spend ÷ number of marketing-qualified leads",
    edges=(
        "No MQLs: #DIV/0!. No spend: 0; credits above the costs give a negative cost, which the explanation points "
        "out. In a column of names each different name counts once and blanks not at all. A negative number of MQLs "
        "is #NUM!."
    ),
    elsewhere=(
        "What makes a lead marketing-qualified is each company's own rule, so the figures of two companies rarely "
        "compare. Some divide by the leads of this period that qualified at some time, others by those that qualified "
        "in this period; where qualifying takes long, the two differ."
    ),
    examples=[
        Example(spend=1200, mqls=12, gives=100.0, because="1,200 ÷ 12 MQLs"),
        Example(spend=1200, mqls=0, gives=DIV0, because="no lead was marketing-qualified"),
    ],
)
def cost_per_mql(
    spend: Annotated[Money, SPEND],
    mqls: Annotated[Count, "Marketing-qualified leads of the same period: number, or one name or ID per lead."],
) -> Measure:
    """What one marketing-qualified lead (MQL) costs.

    Total spend divided by the number of marketing-qualified leads of the same period.

    Shapes: numbers or columns. Unit: that of the spend. Errors: ``#DIV/0!`` without MQLs.
    Source: common field definition.
    """
    return _cost_per(spend, mqls, MQL_WORKING, MQL_NOTHING)


@kpi(
    shows=MONEY,
    formula="total spend ÷ number of sales-qualified leads",
    edges=(
        "No SQLs: #DIV/0!. No spend: 0; credits above the costs give a negative cost, which the explanation points "
        "out. In a column of names each different name counts once and blanks not at all. A negative number of SQLs "
        "is #NUM!."
    ),
    elsewhere=(
        "Some teams call a lead sales-qualified as soon as sales accepts it, others only after a first conversation; "
        "the stricter the rule, the higher the cost. Some add the cost of the people who qualify the leads, which "
        "raises it too."
    ),
    examples=[
        Example(spend=1200, sqls=5, gives=240.0, because="1,200 ÷ 5 SQLs"),
        Example(spend=1200, sqls=0, gives=DIV0, because="no lead was sales-qualified"),
    ],
)
def cost_per_sql(
    spend: Annotated[Money, SPEND],
    sqls: Annotated[Count, "Sales-qualified leads of the same period: number, or one name or ID per lead."],
) -> Measure:
    """What one sales-qualified lead (SQL) costs.

    Total spend divided by the number of sales-qualified leads of the same period.

    Shapes: numbers or columns. Unit: that of the spend. Errors: ``#DIV/0!`` without SQLs.
    Source: common field definition.
    """
    return _cost_per(spend, sqls, SQL_WORKING, SQL_NOTHING)


@kpi(
    shows=MONEY,
    formula="total spend ÷ number of opportunities",
    edges=(
        "No opportunities: #DIV/0!. No spend: 0; credits above the costs give a negative cost, which the explanation "
        "points out. Leads left out, blank or 0: the explanation compares nothing. More opportunities than leads: the "
        "cost stands, with a note."
    ),
    elsewhere=(
        "Some reports count only opportunities that marketing brought in, others every one that marketing had a part "
        "in; the wider the count, the lower the cost. Some divide by the value of the opportunities instead of their "
        "number, which answers another question."
    ),
    examples=[
        Example(spend=1200, opportunities=4, gives=300.0, because="1,200 ÷ 4 opportunities"),
        Example(
            spend=1200,
            opportunities=4,
            leads=40,
            gives=300.0,
            because="as before; the explanation adds that a lead costs 30 and 10% of the leads became opportunities",
        ),
        Example(spend=1200, opportunities=0, gives=DIV0, because="no opportunity was opened"),
    ],
)
def cost_per_opportunity(
    spend: Annotated[Money, SPEND],
    opportunities: Annotated[Count, "Opportunities of the same period: their number, or one name or ID each."],
    leads: Annotated[Count | None, "Leads of the same period; the explanation then compares the cost of both."] = None,
) -> Measure:
    """What one sales opportunity costs; with leads, a test of lead quality.

    Total spend divided by the number of opportunities of the same period. With leads, the
    explanation adds the cost per lead and the share of leads that became opportunities: many cheap
    leads and few opportunities mean low-quality leads.

    Shapes: numbers or columns. Unit: that of the spend. Errors: ``#DIV/0!`` without opportunities.
    Source: common field definition.
    """
    measure = _cost_per(spend, opportunities, OPPORTUNITY_WORKING, OPPORTUNITY_NOTHING)
    if not leads:
        return measure
    compared = LEAD_QUALITY(
        per_lead=spend / leads, rate=opportunities / leads, leads=leads, times=leads / opportunities
    )
    odd = (MORE_THAN_LEADS(),) if opportunities > leads else ()
    return Measure(measure.value, (*measure.working, compared), (*measure.warnings, *odd), measure.currency)


@kpi(
    shows=MONEY,
    formula="total spend ÷ number of orders",
    edges=(
        "No orders: #DIV/0!. No spend: 0; credits above the costs give a negative cost, which the explanation points "
        "out. In a column of order numbers that are text each different one counts once and blanks not at all. Order "
        "numbers that are plain numbers are summed; where they look like identifiers, the explanation warns."
    ),
    elsewhere=(
        "Also called cost per sale or, less clearly, cost per acquisition. Some take cancelled and returned orders "
        "out, which raises the cost. With first orders only it becomes the cost of a new customer."
    ),
    examples=[
        Example(spend=1200, orders=8, gives=150.0, because="1,200 ÷ 8 orders"),
        Example(spend=1200, orders=0, gives=DIV0, because="no order came in"),
    ],
)
def cost_per_order(
    spend: Annotated[Money, SPEND],
    orders: Annotated[Count, "Orders of the same period: their number, or a column with one order number each."],
) -> Measure:
    """What one order costs in marketing.

    Total spend divided by the number of orders of the same period. Differs from the customer
    acquisition cost when customers order again.

    Shapes: numbers or columns. Unit: that of the spend. Errors: ``#DIV/0!`` without orders.
    Source: common field definition (CPO).
    """
    return _cost_per(spend, orders, ORDER_WORKING, ORDER_NOTHING)


@kpi(
    shows=MONEY,
    formula=(
        "acquisition spend ÷ new customers; with a lag: spend of each period ÷ new customers that many periods later, "
        "both summed over the pairs"
    ),
    edges=(
        "No new customers: #DIV/0!. With a lag, both columns need one number per period and equal length, otherwise "
        "#VALUE!. Pairs in which a number is missing are left out and reported. A lag that leaves no pair is #N/A, a "
        "negative one or a fraction #NUM!."
    ),
    elsewhere=(
        "A fully loaded cost includes salaries, commissions, agencies and tools; one of media spend alone is lower. A "
        "blended cost divides all spend by all new customers, a paid one the advertising spend by the customers it "
        "won, which is usually higher."
    ),
    examples=[
        Example(spend=6000, new_customers=20, gives=300.0, because="6,000 ÷ 20 new customers"),
        Example(
            spend=[1000, 2000, 3000],
            new_customers=[5, 10, 10],
            lag=1,
            gives=150.0,
            because="spend of periods 1 and 2 (3,000) ÷ customers of periods 2 and 3 (20)",
        ),
        Example(spend=6000, new_customers=0, gives=DIV0, because="no customer was won"),
        Example(
            spend=[1000, 2000],
            new_customers=["Ada", "Ben"],
            lag=1,
            gives=VALUE,
            because="with a lag, names can't be assigned to periods",
        ),
    ],
)
def customer_acquisition_cost(
    spend: Annotated[Money, "What was spent on winning customers; with a lag, one cell per period."],
    new_customers: Annotated[
        Count, "New customers: their number or one name or ID each; with a lag, one number per period."
    ],
    lag: Annotated[
        Periods, "Periods from spending to winning: 1 pairs each period's spend with the customers of the next."
    ] = 0.0,
) -> Measure:
    """What it costs to win one new customer (CAC).

    Acquisition spend divided by the number of new customers. With a lag, the spend of each period
    is paired with the customers won that many periods later, and periods without a partner are
    left out.

    Shapes: numbers or columns, with a lag of equal length. Unit: that of the spend. Errors:
    ``#DIV/0!`` without customers. Source: common field definition.
    """
    if not lag:
        return _cost_per(spend, new_customers, CUSTOMER_WORKING, CUSTOMER_NOTHING)
    lag = int(lag)
    if new_customers.names is not None:
        raise CellError.value(LAG_NAMES(argument="new_customers"))
    costs, won = spend.parts, new_customers.parts
    if len(costs) != len(won):
        raise CellError.value(LAG_LENGTHS(spend=len(costs), customers=len(won)))
    if lag >= len(costs):
        raise CellError.na(LAG_TOO_LONG(lag=lag, periods=len(costs)))
    pairs = list(zip(costs, won[lag:], strict=False))  # the last periods' spend has no partner yet
    known = [(cost, count) for cost, count in pairs if cost is not None and count is not None]
    if not known:
        raise CellError.na(LAG_NO_PAIR())
    warnings = (LAG_LEFT_OUT(pairs=len(pairs) - len(known)),) if len(known) < len(pairs) else ()
    paired_spend = fsum(cost for cost, _ in known)
    if paired_spend < 0:
        warnings = (*warnings, CREDITS())
    return ratio(
        Amount(paired_spend, currency=spend.currency),
        fsum(count for _, count in known),
        CUSTOMER_LAGGED,
        CUSTOMER_NOTHING,
        warnings=warnings,
        lag=lag,
        periods=len(known),
    )
