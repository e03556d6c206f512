"""Counting cohorts and durations on narwhals: one definition for pandas, Polars and DuckDB."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw

from kpi_udfs.kinds import Column
from kpi_udfs.tables.frames import one_if, rows_of, together

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Customers by (group, cohort), and how many of them bought by (group, cohort, period).

    Cohorts and periods are numbers that rise by one from period to period.
    """

    sizes: dict[tuple[str, int], int]
    active: dict[tuple[str, int, int], int]
    purchases: int
    first: int
    latest: int
    as_of: int
    incomplete: int
    later: int


def count_cohorts(
    customers: Column, dates: Column, groups: Column | None, period: str, as_of: int | None
) -> Cohorts | None:
    """Cohorts by first purchase; None where no row has both customer and date."""
    frame = together(customer=customers, day=dates, group=groups)
    named = _is_named(customers)
    dated = ~nw.col("day").is_null()
    complete = named & dated
    known = complete if as_of is None else complete & (nw.col("day") <= as_of)
    day = nw.when(known).then(nw.col("day"))
    (seen,) = rows_of(
        frame.select(
            rows=one_if(complete).sum(),
            purchases=one_if(known).sum(),
            partly=one_if(named != dated).sum(),
            first=day.min(),
            latest=day.max(),
        )
    )
    if not seen["rows"]:
        return None
    purchases, partly, later = seen["purchases"], seen["partly"], seen["rows"] - seen["purchases"]
    if as_of is not None and not purchases:
        return Cohorts({}, {}, 0, as_of, as_of, as_of, partly, later)
    bought = _with_period(frame.filter(known), period)
    keys = ["customer"]
    if groups:
        # A customer belongs to the group of the first purchase; of several that day, to the first by name.
        first = nw.when(nw.col("day") == nw.col("day").min().over("customer")).then(nw.col("group"))
        bought = bought.with_columns(first=first).with_columns(group=nw.col("first").min().over("customer"))
        keys = ["customer", "group"]
    once = bought.group_by(*keys, "period").agg(nw.len().alias("rows"))
    placed = once.with_columns(cohort=nw.col("period").min().over("customer"))
    active: dict[tuple[str, int, int], int] = {}
    by = [*keys[1:], "cohort", "period"]
    for row in rows_of(placed.group_by(by).agg(nw.len().alias("customers"))):
        group = groups.label(row["group"]) if groups else ""
        active[group, row["cohort"], row["period"]] = row["customers"]
    return Cohorts(
        sizes={(group, cohort): count for (group, cohort, at), count in active.items() if at == cohort},
        active=active,
        purchases=purchases,
        first=seen["first"],
        latest=seen["latest"],
        as_of=seen["latest"] if as_of is None else as_of,
        incomplete=partly,
        later=later,
    )


def _is_named(column: Column) -> nw.Expr:
    """Whether a key is not blank: the blank is the first label, or the text itself."""
    if column.labels is None:
        return nw.col("customer") != ""
    return nw.col("customer") != (0 if column.labels[:1] == [""] else -1)


def _with_period(frame: nw.LazyFrame[Any], period: str) -> nw.LazyFrame[Any]:
    """The frame with the number of the period in which each ``day`` lies, by whole-number arithmetic
    that every engine knows: the Gregorian calendar repeats every 146,097 days, and counted from March
    a leap day is the last day of its year. One step at a time: a formula in one piece would repeat
    each part wherever it is used."""
    day = nw.col("day").cast(nw.Int64)
    if period == "week":
        return frame.with_columns(period=(day - 1) // 7)  # day 1 was a Monday
    era, rest, year, month = (nw.col(f"calendar_{part}") for part in ("era", "rest", "year", "month"))
    since_march_0000 = day + 305
    return (
        frame.with_columns(calendar_era=since_march_0000 // 146_097)
        .with_columns(calendar_rest=since_march_0000 - era * 146_097)
        .with_columns(calendar_year=(rest - rest // 1_460 + rest // 36_524 - rest // 146_096) // 365)
        .with_columns(calendar_month=((rest - year * 365 - year // 4 + year // 100) * 5 + 2) // 153)
        .with_columns(period=((era * 400 + year) * 12 + month + 2) // _MONTHS[period])
    )


#: The calendar's last: no day follows it, but its month is over.
LAST_DAY = date.max.toordinal()


def period_of(day: int, period: str) -> int:
    """The same for one day number."""
    if period == "week":
        return (day - 1) // 7
    at = date.fromordinal(day)
    return (at.year * 12 + at.month - 1) // _MONTHS[period]


def first_day(number: int, period: str) -> int:
    """The day number on which a period begins."""
    if period == "week":
        return number * 7 + 1
    month = number * _MONTHS[period]
    return date(month // 12, month % 12 + 1, 1).toordinal()


def period_name(number: int, period: str) -> str:
    """``2026-03``, ``2026-Q1``, ``2026`` or ``2026-W05``: in an order that sorts."""
    if period == "week":
        year, week, _ = date.fromordinal(first_day(number, period)).isocalendar()
        return f"{year}-W{week:02}"
    begin = date.fromordinal(first_day(number, period))
    if period == "quarter":
        return f"{begin.year}-Q{(begin.month + 2) // 3}"
    return f"{begin.year}-{begin.month:02}" if period == "month" else str(begin.year)


def count_durations(
    durations: Column, lost: Column, groups: Column | None
) -> tuple[dict[str, tuple[Counter[float], Counter[float]]], int]:
    """By group: how often each duration ended in a loss, and without one; and the incomplete rows."""
    frame = together(duration=durations, lost=lost, group=groups)
    known = ~nw.col("duration").is_null(), ~nw.col("lost").is_null()
    (partly,) = rows_of(frame.select(rows=one_if(known[0] != known[1]).sum()))
    keys = ["group"] if groups else []
    counted = frame.filter(*known).group_by(*keys, "duration", "lost").agg(nw.len().alias("rows"))
    result: dict[str, tuple[Counter[float], Counter[float]]] = defaultdict(lambda: (Counter(), Counter()))
    for row in rows_of(counted):
        ended, censored = result[groups.label(row["group"]) if groups else ""]
        (ended if row["lost"] else censored)[row["duration"]] += row["rows"]
    return dict(result), partly["rows"] or 0
