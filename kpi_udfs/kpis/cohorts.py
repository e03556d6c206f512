"""When do customers come back, and when are they lost?"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from kpi_udfs.cells import Context, as_date
from kpi_udfs.errors import NA, VALUE, CellError
from kpi_udfs.kinds import COUNT, NUMBER, PERCENT, TABLE, TEXT, DayNumber, Days, Durations, Flags, Keys
from kpi_udfs.kpis.shares import GROUP, HIGH, LOW, NO_GROUP
from kpi_udfs.kpis.survival import kaplan_meier, median
from kpi_udfs.messages import Sentence, Text, say, text
from kpi_udfs.registry import Block, Example, kpi

# ------------------------------------------------------------------------------------ cohorts

COHORT = text("RETENTION_COHORTS.column.cohort", "Cohort")
CUSTOMERS = text("RETENTION_COHORTS.column.customers", "Customers")
RUNNING = text("RETENTION_COHORTS.column.running", "Still running")
PERIODS: dict[str, Text] = {
    "month": text("RETENTION_COHORTS.column.month", "Month {n}"),
    "quarter": text("RETENTION_COHORTS.column.quarter", "Quarter {n}"),
    "year": text("RETENTION_COHORTS.column.year", "Year {n}"),
    "week": text("RETENTION_COHORTS.column.week", "Week {n}"),
}
NO_PURCHASES = text("RETENTION_COHORTS.no_purchases", "There is no purchase with both a customer and a date yet.")
COUNTED = text(
    "RETENTION_COHORTS.counted",
    "{customers:count} {customers:customer|customers} with {purchases:count} dated {purchases:row|rows}, from "
    "{first:date} to {last:date}. A cohort are those who bought for the first time in a period; a later period counts "
    "whoever of them bought in it at least once.",
)
RUNNING_SINCE = text(
    "RETENTION_COHORTS.running", "The period from {begin:date} is still running on {as_of:date}: its figures will rise."
)
INCOMPLETE = text("RETENTION_COHORTS.incomplete", "rows without customer or date, left out: {rows:count}.")
LATER = text("RETENTION_COHORTS.later", "purchases after {as_of:date}, left out: {rows:count}.")
ALL_LATER = text(
    "RETENTION_COHORTS.all_later", "Every purchase lies after {as_of:date}; none is known on that day yet."
)
TOO_MANY = text(
    "RETENTION_COHORTS.too_many",
    "From {first:date} to {as_of:date} there are {periods:count} periods, more columns than a sheet can show well. Choose "
    "a longer period.",
)

#: More columns than anybody reads; a sheet ends at 16,384.
MOST_PERIODS = 1000

_PURCHASES = {
    "customers": ["ada", "ben", "ada", "cem", "ben", "ada"],
    "dates": [
        date(2026, 1, 5),
        date(2026, 1, 20),
        date(2026, 2, 10),
        date(2026, 2, 14),
        date(2026, 3, 3),
        date(2026, 3, 10),
    ],
}


@kpi(
    shows=TABLE,
    formula="customers of the cohort who bought in the period ÷ customers of the cohort",
    edges="Rows without customer or date are left out and reported. A customer's cohort, and group, are those of the "
    "first purchase. Periods that have not begun are blank; the one still running is named in the column Still running.",
    elsewhere="Rolling (unbounded) retention counts a customer in every period up to the last purchase and so never "
    "rises; some tools count days since the first purchase instead of calendar periods. This table counts whoever really "
    "bought in a calendar period, so a share may rise again.",
    examples=[
        Example(
            **_PURCHASES,
            gives=[
                ["Cohort", "Customers", "Still running", "Month 0", "Month 1", "Month 2"],
                ["2026-01", 2, "Month 2", 1.0, 0.5, 1.0],
                ["2026-02", 1, "Month 1", 1.0, 0.0, ""],
            ],
            because="ada and ben came in January: ada returned in February, both in March, which still runs on the 10th",
        ),
        Example(
            **_PURCHASES,
            groups=["ads", "mail", "mail", "ads", "mail", "mail"],
            show="counts",
            as_of=date(2026, 2, 28),
            gives=[
                ["Group", "Cohort", "Customers", "Still running", "Month 0", "Month 1"],
                ["ads", "2026-01", 1, "", 1, 1],
                ["ads", "2026-02", 1, "", 1, ""],
                ["mail", "2026-01", 1, "", 1, 0],
            ],
            because="on 28 February no month is running; ada counts in ads, where her first purchase came from",
        ),
        Example(
            customers=["ada", "ada"],
            dates=[date(2026, 1, 5), date(2026, 4, 20)],
            period="quarter",
            gives=[
                ["Cohort", "Customers", "Still running", "Quarter 0", "Quarter 1"],
                ["2026-Q1", 1, "Quarter 1", 1.0, 1.0],
            ],
            because="first quarter and the next",
        ),
        Example(
            customers=["ada", "ada"],
            dates=[date(2025, 12, 31), date(2026, 12, 31)],
            period="year",
            gives=[["Cohort", "Customers", "Still running", "Year 0", "Year 1"], ["2025", 1, "", 1.0, 1.0]],
            because="the year is complete on 31 December",
        ),
        Example(
            customers=["ada", "ada"],
            dates=[date(2026, 1, 5), date(2026, 1, 18)],
            period="week",
            gives=[["Cohort", "Customers", "Still running", "Week 0", "Week 1"], ["2026-W02", 1, "", 1.0, 1.0]],
            because="ISO weeks begin on Monday; 18 January 2026 is a Sunday",
        ),
        Example(customers=["ada"], dates=[""], gives=NA, because="no purchase has a date"),
    ],
)
def retention_cohorts(
    customers: Annotated[Keys, "One cell per purchase: the customer's name or ID."],
    dates: Annotated[Days, "One cell per purchase, in the same order: its date."],
    groups: Annotated[Keys | None, "One cell per purchase, such as the channel; one triangle per group."] = None,
    period: Annotated[Literal["month", "quarter", "year", "week"], "month, quarter, year or week (ISO)."] = "month",
    show: Annotated[Literal["rates", "counts"], "rates: shares of the cohort. counts: customers."] = "rates",
    as_of: Annotated[
        DayNumber | None, "The day to look from; later purchases are left out. Without it, the latest date."
    ] = None,
    *,
    context: Context,
) -> Block:
    """Retention triangle: of those who first bought in a period, who bought again later?

    One line per cohort (the customers whose first purchase fell in the period): its size, then the
    share that bought in the same, the next and each later period. The period that is still running
    on the as-of day is named in a column of its own, because its figures will rise.

    Shapes: columns of equal length, one row per purchase. Units: shares or counts. Errors: ``#N/A``
    without any purchase, ``#VALUE!`` for a date that can't be read. Source: common field definition
    (calendar cohorts, bounded retention).
    """
    from kpi_udfs.kpis.cohort_counts import LAST_DAY, count_cohorts, first_day, period_name, period_of

    counted = count_cohorts(customers, dates, groups, period, as_of)
    if counted is None:
        raise CellError.na(NO_PURCHASES())
    if not counted.sizes:
        raise CellError.na(ALL_LATER(as_of=as_date(counted.as_of)))
    language = context.settings.language
    begin, last = period_of(counted.first, period), period_of(counted.as_of, period)
    if last - begin >= MOST_PERIODS:
        days = {"first": as_date(counted.first), "as_of": as_date(counted.as_of)}
        raise CellError.num(TOO_MANY(**days, periods=last - begin + 1))
    width = max(last - cohort for _, cohort in counted.sizes) + 1
    running = counted.as_of < LAST_DAY and period_of(counted.as_of + 1, period) == last
    names = [say(PERIODS[period](n=n), language) for n in range(width)]
    header = [*([GROUP] if groups else []), COHORT, CUSTOMERS, RUNNING]
    rows: list[list[Any]] = [[*(say(caption, language) for caption in header), *names]]
    for (group, cohort), size in sorted(counted.sizes.items()):
        row: list[Any] = [group or say(NO_GROUP, language)] if groups else []
        row += [period_name(cohort, period), size, names[last - cohort] if running else ""]
        for n in range(width):
            back = counted.active.get((group, cohort, cohort + n), 0)
            row.append("" if cohort + n > last else back if show == "counts" else back / size)
        rows.append(row)
    said: list[Sentence] = [
        COUNTED(
            customers=sum(counted.sizes.values()),
            purchases=counted.purchases,
            first=as_date(counted.first),
            last=as_date(counted.latest),
        )
    ]
    if running:
        said.append(RUNNING_SINCE(begin=as_date(first_day(last, period)), as_of=as_date(counted.as_of)))
    warnings = []
    if counted.incomplete:
        warnings.append(INCOMPLETE(rows=counted.incomplete))
    if counted.later:
        warnings.append(LATER(as_of=as_date(counted.as_of), rows=counted.later))
    kinds = (*((TEXT,) if groups else ()), TEXT, COUNT, TEXT, *[COUNT if show == "counts" else PERCENT] * width)
    return Block(rows, kinds, tuple(said), tuple(warnings))


# -------------------------------------------------------------------------------------- curve

TIME = text("RETENTION_CURVE.column.time", "Time")
AT_RISK = text("RETENTION_CURVE.column.at_risk", "At risk")
LOST = text("RETENTION_CURVE.column.lost", "Lost")
LAST_SEEN = text("RETENTION_CURVE.column.last_seen", "Last seen")
RETAINED = text("RETENTION_CURVE.column.retained", "Retention")
NOBODY = text("RETENTION_CURVE.nobody", "There is no row with both a duration and whether the customer was lost yet.")
HALF = text(
    "RETENTION_CURVE.half",
    "Customers lost so far: {lost:count} of {customers:count}; half are lost by {time:number}.",
)
NOT_HALF = text(
    "RETENTION_CURVE.not_half",
    "Customers lost so far: {lost:count} of {customers:count}; at {time:number} an estimated {share:percent} are still "
    "there, so half has not been reached.",
)
METHOD = text(
    "RETENTION_CURVE.method",
    "Kaplan–Meier: customers still there count as long as they have been watched. 95% intervals after Greenwood, log-log.",
)
IN_GROUP = text("RETENTION_CURVE.in_group", "{group}: {said}")
MISSING = text("RETENTION_CURVE.missing", "rows without a duration or without yes or no, left out: {rows:count}.")


@kpi(
    shows=TABLE,
    formula="product over all times up to t of (1 − lost at the time ÷ at risk just before it)",
    edges="Customers who are still there leave the count after their duration, without counting as lost. Rows without a "
    "duration or without yes or no are left out and reported. A loss at the same time as a departure counts first.",
    elsewhere="Dividing customers lost so far by all customers, as many dashboards do, makes retention look better the "
    "younger the customers are: those who have not had the time to leave count as kept.",
    examples=[
        Example(
            durations=[10, 20, 40, 30, 50],
            lost=["yes", "yes", "yes", "no", "no"],
            gives=[
                ["Time", "At risk", "Lost", "Last seen", "Retention", "Low 95%", "High 95%"],
                [0, 5, 0, 0, 1.0, 1.0, 1.0],
                [10, 5, 1, 0, 0.8, 0.20380926326763926, 0.9691797888667426],
                [20, 4, 1, 0, 0.6, 0.12573018299443137, 0.8817564073935323],
                [30, 3, 0, 1, 0.6, 0.12573018299443137, 0.8817564073935323],
                [40, 2, 1, 0, 0.3, 0.01230152942541609, 0.719218020810415],
                [50, 1, 0, 1, 0.3, 0.01230152942541609, 0.719218020810415],
            ],
            because="4 of 5 stay beyond 10, 3 of 4 of these beyond 20; of 2 still watched at 40 one is lost",
        ),
        Example(
            durations=[6, 12, 6],
            lost=["yes", "no", "yes"],
            groups=["monthly", "yearly", "monthly"],
            gives=[
                ["Group", "Time", "At risk", "Lost", "Last seen", "Retention", "Low 95%", "High 95%"],
                ["monthly", 0, 2, 0, 0, 1.0, 1.0, 1.0],
                ["monthly", 6, 2, 2, 0, 0.0, 0.0, 0.0],
                ["yearly", 0, 1, 0, 0, 1.0, 1.0, 1.0],
                ["yearly", 12, 1, 0, 1, 1.0, 1.0, 1.0],
            ],
            because="both monthly customers are lost at 6",
        ),
        Example(durations=[6], lost=["perhaps"], gives=VALUE, because="yes, no, 1 or 0 belongs there"),
        Example(durations=[""], lost=["yes"], gives=NA, because="no row has a duration"),
    ],
)
def retention_curve(
    durations: Annotated[
        Durations, "One cell per customer: how long they have been (or were) a customer, in any unit."
    ],
    lost: Annotated[Flags, "One cell per customer: yes or 1 if they were lost then, no or 0 if they are still there."],
    groups: Annotated[Keys | None, "One cell per customer, such as the contract; one curve per group."] = None,
    *,
    context: Context,
) -> Block:
    """At which point customers are lost: the share still there after each time.

    Kaplan–Meier estimate. One line per time at which somebody was lost or last seen: how many were
    at risk just before, how many were lost, how many were last seen then and left the count as
    customers, and the estimated share that stays beyond the time, with its 95 % interval.

    Shapes: columns of equal length, one row per customer. Units: the unit of the durations; shares.
    Errors: ``#N/A`` without any complete row, ``#NUM!`` for a negative duration, ``#VALUE!`` where
    lost is neither yes nor no. Source: Kaplan and Meier (1958); variance after Greenwood (1926).
    """
    from kpi_udfs.kpis.cohort_counts import count_durations

    counted, incomplete = count_durations(durations, lost, groups)
    if not counted:
        raise CellError.na(NOBODY())
    language = context.settings.language
    captions = [*([GROUP] if groups else []), TIME, AT_RISK, LOST, LAST_SEEN, RETAINED, LOW, HIGH]
    rows: list[list[Any]] = [[say(caption, language) for caption in captions]]
    said: list[Sentence] = []
    for group in sorted(counted):
        ended, censored = counted[group]
        points = kaplan_meier(ended, censored)
        name = [group or say(NO_GROUP, language)] if groups else []
        if points[0].time > 0:
            rows.append([*name, 0, points[0].at_risk, 0, 0, 1.0, 1.0, 1.0])
        rows += [[*name, p.time, p.at_risk, p.ended, p.censored, p.survival, p.low, p.high] for p in points]
        if len(said) < 10:
            facts = {"customers": points[0].at_risk, "lost": sum(ended.values())}
            half = median(points)
            if half is None:
                sentence = NOT_HALF(**facts, time=points[-1].time, share=points[-1].survival)
            else:
                sentence = HALF(**facts, time=half)
            said.append(IN_GROUP(group=name[0], said=sentence) if groups else sentence)
    said.append(METHOD())
    warnings = (MISSING(rows=incomplete),) if incomplete else ()
    kinds = (*((TEXT,) if groups else ()), NUMBER, COUNT, COUNT, COUNT, PERCENT, PERCENT, PERCENT)
    return Block(rows, kinds, tuple(said), warnings)
