"""The sales funnel of a team, from first contact to order.

For whom: a sales or marketing team that keeps its leads, deals and spend in lists. Paste your own
export over the three data sheets (they are Excel tables and grow with what you paste); the funnel
and the KPIs follow. What to look at: the step with the lowest rate on the first sheet, then on the
KPI sheet whether a lead, an opportunity and a customer cost what they may.

To build it: ``kpi-udfs demo``. The example data is invented, plausible and always the same.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from kpi_udfs.kinds import COUNT, DAYS, MONEY, PERCENT, TEXT
from kpi_udfs.messages import Text, text
from kpi_udfs.workbooks.sheets import Page


def _t(key: str, english: str) -> Text:
    return text(f"sales_funnel.{key}", english)


FUNNEL_SHEET = _t("sheet.funnel", "Funnel")
KPI_SHEET = _t("sheet.kpis", "KPIs")
LEADS_SHEET = _t("sheet.leads", "Leads")
DEALS_SHEET = _t("sheet.deals", "Deals")
SPEND_SHEET = _t("sheet.spend", "Spend")

TITLE = _t("title", "Sales funnel")
CAPTION = _t(
    "caption",
    "How many leads get from stage to stage, and how long it takes. Look for the lowest step rate: that is where the "
    "process stalls. Paste your own leads into the sheet with the table leads.",
)
KPI_TITLE = _t("kpi_title", "Sales and marketing KPIs")
KPI_CAPTION = _t(
    "kpi_caption",
    "Each number with its working. The values are formulas over the tables leads, deals and spend: click on one to see "
    "which columns it uses.",
)
BY_CHANNEL = _t("by_channel", "By channel")
BY_MONTH = _t("by_month", "By month")
CHART_FUNNEL = _t("chart.funnel", "Leads per stage")
CHART_MONTHS = _t("chart.months", "Cost per lead by month")
AS_A_BLOCK = _t(
    "as_a_block",
    "The same as one formula: type =FUNNEL(leads[#All]) into an empty cell of this workbook and it fills the cells it needs "
    "(in LibreOffice: mark the cells first and finish with Ctrl+Shift+Enter).",
)
WHY = _t("why", "Where the funnel comes from")

LEAD_ID = _t("column.lead_id", "Lead ID")
CHANNEL = _t("column.channel", "Channel")
LEAD = _t("column.lead", "Lead")
MQL = _t("column.mql", "MQL")
SQL = _t("column.sql", "SQL")
OPPORTUNITY = _t("column.opportunity", "Opportunity")
CUSTOMER = _t("column.customer", "Customer")
DEAL_ID = _t("column.deal_id", "Deal ID")
OWNER = _t("column.owner", "Owner")
FIRST_TOUCH = _t("column.first_touch", "First contact")
CLOSED = _t("column.closed", "Closed on")
OUTCOME = _t("column.outcome", "Outcome")
AMOUNT = _t("column.amount", "Amount")
MONTH = _t("column.month", "Month")
SPEND = _t("column.spend", "Spend")
LEADS = _t("column.leads", "Leads")
CUSTOMERS = _t("column.customers", "Customers")
CONVERSION = _t("column.conversion", "Conversion rate")
WON = _t("outcome.won", "won")
LOST = _t("outcome.lost", "lost")
OPEN = _t("outcome.open", "open")

COST_PER_LEAD = _t("kpi.cost_per_lead", "Cost per lead")
COST_PER_MQL = _t("kpi.cost_per_mql", "Cost per MQL")
COST_PER_SQL = _t("kpi.cost_per_sql", "Cost per SQL")
COST_PER_OPPORTUNITY = _t("kpi.cost_per_opportunity", "Cost per opportunity")
ACQUISITION_COST = _t("kpi.acquisition_cost", "Customer acquisition cost")
CONVERSION_RATE = _t("kpi.conversion_rate", "Conversion rate, lead to customer")
LEADS_PER_SALE = _t("kpi.leads_per_sale", "Leads per sale")
WIN_RATIO = _t("kpi.win_ratio", "Win ratio")
WIN_RATIO_VALUE = _t("kpi.win_ratio_value", "Win ratio by value")
SALES_CYCLE = _t("kpi.sales_cycle", "Sales cycle, won deals")
REVENUE = _t("kpi.revenue", "Revenue from won deals")
ROI = _t("kpi.roi", "Marketing ROI at 60% margin")
ROAS = _t("kpi.roas", "Return on ad spend")

SEARCH = _t("channel.search", "Search")
SOCIAL = _t("channel.social", "Social media")
EMAIL = _t("channel.email", "Email")
EVENTS = _t("channel.events", "Events")
REFERRAL = _t("channel.referral", "Referral")

#: Channel, leads a month, spend a month, and how well its leads convert.
CHANNELS = (
    (SEARCH, 45, 5400.0, 1.0),
    (SOCIAL, 52, 4100.0, 0.6),
    (EMAIL, 26, 900.0, 1.1),
    (EVENTS, 16, 3000.0, 1.5),
    (REFERRAL, 14, 600.0, 2.0),
)
MONTHS = [date(2026, month, 1) for month in range(1, 7)]
LAST_DAY = date(2026, 6, 30)
OWNERS = ("Amara", "Bruno", "Chiara", "Dewi")
STAGES = 5
FUNNEL_KINDS = (TEXT, COUNT, PERCENT, PERCENT, COUNT, DAYS)


def write(page: Page) -> None:
    """Write the workbook: two sheets to read, three with data."""
    leads, deals, spend = _example_data(page)
    funnel = page.sheet(FUNNEL_SHEET)
    kpis = page.sheet(KPI_SHEET)
    page.table(
        page.sheet(LEADS_SHEET, landscape=False),
        "leads",
        [page.say(t) for t in (LEAD_ID, CHANNEL, LEAD, MQL, SQL, OPPORTUNITY, CUSTOMER)],
        leads,
    )
    page.table(
        page.sheet(DEALS_SHEET, landscape=False),
        "deals",
        [page.say(t) for t in (DEAL_ID, OWNER, CHANNEL, FIRST_TOUCH, CLOSED, OUTCOME, AMOUNT)],
        deals,
    )
    page.table(page.sheet(SPEND_SHEET, landscape=False), "spend", [page.say(t) for t in (MONTH, CHANNEL, SPEND)], spend)
    _funnel_sheet(page, funnel)
    _kpi_sheet(page, kpis)
    funnel.activate()


def _funnel_sheet(page: Page, sheet: Any) -> None:
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 5, 15)
    sheet.set_column(6, 6, 24)
    page.heading(sheet, TITLE, CAPTION, 12)
    top = 4
    stages = range(top + 1, top + 1 + STAGES)
    page.grid(sheet, top, 0, "FUNNEL(leads[#All])", 1 + STAGES, FUNNEL_KINDS)
    sheet.merge_range(stages.stop, 0, stages.stop, 5, page.say(AS_A_BLOCK), page.styles["caption"])
    sheet.set_row(stages.stop, 32)
    why = stages.stop + 2
    sheet.write(why, 0, page.say(WHY), page.styles["heading"])
    reason = '=KPI_EXPLAIN("FUNNEL",leads[#All])'
    page.merged_formula(sheet, (why + 1, 0, why + 4, 5), reason, page.styles["caption"])
    chart = page.book.add_chart({"type": "bar"})
    name = sheet.get_name()
    chart.add_series(
        {
            "name": page.say(LEADS),
            "categories": [name, stages.start, 0, stages.stop - 1, 0],
            "values": [name, stages.start, 1, stages.stop - 1, 1],
            "fill": {"color": "#0F766E"},
            "gap": 30,
            "data_labels": {"value": True, "num_format": "#,##0"},
        }
    )
    chart.set_title({"name": page.say(CHART_FUNNEL), "name_font": {"size": 12}})
    chart.set_y_axis({"reverse": True, "line": {"none": True}, "major_tick_mark": "none"})
    chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}, "min": 0})
    chart.set_legend({"none": True})
    chart.set_size({"width": 560, "height": 300})
    sheet.insert_chart(top, 7, chart)
    _channels(page, sheet, why + 6)


def _channels(page: Page, sheet: Any, top: int) -> None:
    """Conversion and costs per channel: our functions beside COUNTIFS and SUMIFS."""
    sheet.write(top, 0, page.say(BY_CHANNEL), page.styles["heading"])
    captions = (CHANNEL, LEADS, CUSTOMERS, CONVERSION, SPEND, COST_PER_LEAD, ACQUISITION_COST)
    sheet.set_row(top + 1, 32)
    page.headers(sheet, top + 1, captions)
    channel, customer, spend = (page.say(t) for t in (CHANNEL, CUSTOMER, SPEND))
    for offset, (name, *_) in enumerate(CHANNELS, 2):
        row = top + offset
        line = row + 1
        sheet.write(row, 0, page.say(name))
        here = f"leads[{channel}],A{line}"
        formulas = (
            (f"=COUNTIFS({here})", COUNT),
            (f'=COUNTIFS({here},leads[{customer}],">0")', COUNT),
            (f"=CONVERSION_RATE(B{line},C{line})", PERCENT),
            (f"=SUMIFS(spend[{spend}],spend[{channel}],A{line})", MONEY),
            (f"=COST_PER_LEAD(E{line},B{line})", MONEY),
            (f"=CUSTOMER_ACQUISITION_COST(E{line},C{line})", MONEY),
        )
        for column, (formula, kind) in enumerate(formulas, 1):
            page.formula(sheet, row, column, formula, page.kind(kind))


def _kpi_sheet(page: Page, sheet: Any) -> None:
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 18)
    sheet.set_column(2, 2, 90)
    page.heading(sheet, KPI_TITLE, KPI_CAPTION, 3)
    spend, lead_id, customer = (page.say(t) for t in (SPEND, LEAD_ID, CUSTOMER))
    mql, sql, opportunity = (page.say(t) for t in (MQL, SQL, OPPORTUNITY))
    outcome, amount = page.say(OUTCOME), page.say(AMOUNT)
    first, closed = page.say(FIRST_TOUCH), page.say(CLOSED)
    won_amounts = f'SUMIFS(deals[{amount}],deals[{outcome}],"{page.say(WON)}")'

    def reached(stage: str) -> str:
        return f"COUNT(leads[{stage}])"

    below = page.kpi_lines(
        sheet,
        4,
        [
            (COST_PER_LEAD, "COST_PER_LEAD", f"spend[{spend}],leads[{lead_id}]"),
            (COST_PER_MQL, "COST_PER_MQL", f"spend[{spend}],{reached(mql)}"),
            (COST_PER_SQL, "COST_PER_SQL", f"spend[{spend}],{reached(sql)}"),
            (
                COST_PER_OPPORTUNITY,
                "COST_PER_OPPORTUNITY",
                f"spend[{spend}],{reached(opportunity)},leads[{lead_id}]",
            ),
            (ACQUISITION_COST, "CUSTOMER_ACQUISITION_COST", f"spend[{spend}],{reached(customer)}"),
            (CONVERSION_RATE, "CONVERSION_RATE", f"leads[{lead_id}],{reached(customer)}"),
            (LEADS_PER_SALE, "LEADS_PER_SALE", f"leads[{lead_id}],{reached(customer)}"),
            (WIN_RATIO, "WIN_RATIO", f"deals[{outcome}]"),
            (WIN_RATIO_VALUE, "WIN_RATIO", f"deals[{outcome}],deals[{amount}]"),
            (SALES_CYCLE, "SALES_CYCLE", f"deals[{first}],deals[{closed}],deals[{outcome}]"),
            (REVENUE, "REVENUE", f"deals[{amount}],,deals[{outcome}]"),
            (ROI, "MARKETING_ROI", f"{won_amounts},spend[{spend}],0.6"),
            (ROAS, "RETURN_ON_AD_SPEND", f"{won_amounts},spend[{spend}]"),
        ],
    )
    _months(page, sheet, below + 1)


def _months(page: Page, sheet: Any, top: int) -> None:
    """Spend, leads and cost per lead month by month, with a chart: our functions beside SUMIFS."""
    sheet.write(top, 0, page.say(BY_MONTH), page.styles["heading"])
    page.headers(sheet, top + 1, (MONTH, COST_PER_LEAD))
    month, spend, lead = page.say(MONTH), page.say(SPEND), page.say(LEAD)
    for offset, day in enumerate(MONTHS, 2):
        row = top + offset
        sheet.write_datetime(row, 0, day, page.styles["month"])
        here = f"A{row + 1}"
        spent = f"SUMIFS(spend[{spend}],spend[{month}],{here})"
        came = f'COUNTIFS(leads[{lead}],">="&{here},leads[{lead}],"<"&EDATE({here},1))'
        page.formula(sheet, row, 1, f"=COST_PER_LEAD({spent},{came})", page.kind(MONEY))
    first, last = top + 2, top + 1 + len(MONTHS)
    name = sheet.get_name()
    chart = page.book.add_chart({"type": "column"})
    chart.add_series(
        {
            "name": page.say(COST_PER_LEAD),
            "categories": [name, first, 0, last, 0],
            "values": [name, first, 1, last, 1],
            "fill": {"color": "#0F766E"},
            "gap": 60,
            "data_labels": {"value": True, "num_format": "0"},
        }
    )
    chart.set_title({"name": page.say(CHART_MONTHS), "name_font": {"size": 12}})
    chart.set_x_axis({"text_axis": True, "num_format": "yyyy-mm"})
    chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": "#E5E7EB"}}, "min": 0})
    chart.set_legend({"none": True})
    chart.set_size({"width": 560, "height": 260})
    sheet.insert_chart(top, 2, chart, {"x_offset": 20})


def _example_data(page: Page) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]]:
    """Leads, deals and spend of six months, from a fixed seed."""
    chance = random.Random(20260701)
    leads: list[list[Any]] = []
    deals: list[list[Any]] = []
    spend: list[list[Any]] = []
    for month in MONTHS:
        for channel, number, budget, quality in CHANNELS:
            spend.append([month, page.say(channel), round(budget * chance.uniform(0.85, 1.2), 2)])
            for _ in range(round(number * chance.uniform(0.8, 1.25))):
                created = month + timedelta(days=chance.randrange(28))
                leads.append([created, page.say(channel), *_journey(chance, created, quality)])
    leads.sort(key=lambda lead: lead[0])
    numbered = []
    for number, (created, channel, mql, sql, opportunity, customer) in enumerate(leads, 1):
        numbered.append([f"L-{number:04}", channel, created, mql, sql, opportunity, customer])
        if opportunity:
            deals.append(_deal(page, chance, len(deals) + 1, channel, created, opportunity, customer))
    return numbered, deals, spend


def _journey(chance: random.Random, created: date, quality: float) -> list[date | None]:
    """The days on which a lead became MQL, SQL, opportunity and customer, as far as it got."""
    days: list[date | None] = []
    day: date | None = created
    for rate, typical in ((0.45, 6), (0.5, 9), (0.6, 12), (0.35, 24)):
        if day is not None and chance.random() < min(rate * quality**0.4, 0.95):
            day += timedelta(days=max(1, round(chance.lognormvariate(0, 0.5) * typical)))
        else:
            day = None
        if day is not None and day > LAST_DAY:
            day = None
        days.append(day)
    return days


def _deal(
    page: Page,
    chance: random.Random,
    number: int,
    channel: str,
    created: date,
    opportunity: date,
    customer: date | None,
) -> list[Any]:
    amount = round(chance.lognormvariate(8.6, 0.5), -1)
    owner = chance.choice(OWNERS)
    closed, outcome = customer, WON
    if customer is None:
        closed = opportunity + timedelta(days=chance.randrange(10, 60))
        outcome = LOST
        if closed > LAST_DAY or chance.random() < 0.15:
            closed, outcome = None, OPEN
    return [f"D-{number:04}", owner, channel, created, closed, page.say(outcome), amount]
