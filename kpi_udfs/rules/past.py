"""What leads were: whether a stage that is kept once reached was ever reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import narwhals as nw

from kpi_udfs.cells import as_date
from kpi_udfs.kinds import Column
from kpi_udfs.rules.events import Sums
from kpi_udfs.rules.model import (
    Condition,
    EventTest,
    Group,
    RuleSet,
    Test,
    Version,
)
from kpi_udfs.rules.preparing import Prepared, rising
from kpi_udfs.rules.scoring import columns_for, either, event_frame, lead_frame, scored, staged
from kpi_udfs.rules.tables import RuleTable
from kpi_udfs.rules.truths import flag
from kpi_udfs.tables.frames import in_memory, rows_of, together


def past(prepared: Prepared, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Whether each of the leads was ever MQL and SQL up to the day: row, ever_mql, ever_sql."""
    states = past_states(prepared, rows)
    first = states.filter(nw.col("now") == 1.0).group_by("row").agg(nw.col("moment").min().alias("first_mql"))
    states = states.join(first, on="row", how="left")
    kept = flag(nw.col("first_mql") <= nw.col("moment")) * nw.col("sticky") * (1.0 - nw.col("suppressed"))
    sql = either(nw.col("now"), kept) * nw.col("sql_now")
    ever = states.select("row", "now", sql=sql).group_by("row").agg(nw.col("now").max(), nw.col("sql").max())
    return ever.select("row", ever_mql=nw.col("now"), ever_sql=nw.col("sql"))


def past_states(prepared: Prepared, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The leads on every day on which something could have changed, by the rules valid then.

    Between two such days nothing happens but fading. Points above 0 that fade only take away from a
    score; where points below 0 fade, a score can rise between them, and days in between are looked at.
    """
    assert prepared.day is not None
    today = as_date(prepared.day)
    happened = prepared.events.day if prepared.events else None
    earliest = prepared.first_day or first_day(prepared.rules, prepared.leads, prepared.created, happened)
    states = []
    for version in prepared.rules.versions:
        if version.begins and version.begins > today:
            continue
        begins = version.begins.toordinal() if version.begins else None
        ends = min(version.ends.toordinal(), prepared.day) if version.ends else prepared.day
        if begins is None or (earliest is not None and begins < earliest):
            begins = earliest
        moments = _moments(prepared, version, begins, ends, rows)
        known = _states(prepared, version, moments)
        states.append(known)
        if fading := rising(version):
            hopeful = _states(prepared, version, moments, without=fading)
            states.append(_states(prepared, version, _between(known, hopeful, ends)))
    return nw.concat(states) if len(states) > 1 else states[0]


def first_day(rules: RuleSet, leads: RuleTable, created: Column | None, happened: Column | None) -> int | None:
    """The first day that the data tell of: nothing is known of a lead before it."""
    table = replace(leads, columns={})
    for version in rules.versions:
        for test in version.tests_of_leads:
            if test.reading == "day":
                index = replace(table, names=version.fields).index(test.name, test.place)
                table.add(f"day{index}", table.read(index, "day"))
    if created is not None:
        table.add("created", created)
    frames = [together(**table.columns)] if table.columns else []
    if happened is not None:
        frames.append(together(day=happened))
    days = [day for frame in frames for day in rows_of(frame.select(nw.all().min()))[0].values() if day is not None]
    return min(map(int, days), default=None)


def _states(
    prepared: Prepared, version: Version, moments: nw.LazyFrame[Any], without: frozenset[str] = frozenset()
) -> nw.LazyFrame[Any]:
    """What leads are on some days (row, moment) by a version's rules, but for the rules left out."""
    frame, _ = scored(prepared, version, None, moments, without)
    kept = 1.0 if version.mql and version.mql.sticky else 0.0
    states = staged(frame, version, None, past=False)
    states = states.select("row", "moment", "now", "sql_now", "suppressed", sticky=nw.lit(kept))
    return in_memory(states).lazy()  # it is looked at twice; rules that look back never stay a query


def _between(known: nw.LazyFrame[Any], hopeful: nw.LazyFrame[Any], ends: int) -> nw.LazyFrame[Any]:
    """The days between moments on which a lead may have reached more, if minus points had faded enough."""
    import numpy as np

    both = known.join(
        hopeful.select("row", "moment", then="now", sql_then="sql_now"), on=["row", "moment"], how="inner"
    )
    more = (nw.col("then") > nw.col("now")) | (nw.col("then") * nw.col("sql_then") > nw.col("now") * nw.col("sql_now"))
    small = in_memory(both.select("row", "moment", more=flag(more))).sort("row", "moment")
    row, moment, open_ = (small[name].to_numpy() for name in ("row", "moment", "more"))
    following = np.append(moment[1:], ends + 1.0)
    following[:-1][row[1:] != row[:-1]] = ends + 1.0
    days = np.where(open_ == 1.0, np.maximum(following - moment - 1.0, 0.0), 0.0).astype("int64")
    which = np.repeat(np.arange(len(days)), days)
    place = np.arange(len(which)) - np.repeat(np.cumsum(days) - days, days)
    return together(row=Column("row", row[which]), moment=Column("moment", moment[which] + 1.0 + place))


def _moments(
    prepared: Prepared, version: Version, begins: int | None, ends: int, rows: nw.LazyFrame[Any]
) -> nw.LazyFrame[Any]:
    """The days of each lead on which the rules may come to something new: row, moment. ``rows``: row, key."""
    table = columns_for(prepared, version)
    dates = {}
    for test in version.tests_of_leads:
        if test.reading == "day":
            index = table.index(test.name, test.place)
            dates[f"date{index}"] = table.add(f"date{index}", table.read(index, "day"))
    leads = lead_frame(prepared, table).join(rows.select("row"), on="row", how="inner")
    found = [leads.select("row", moment=nw.lit(float(day))) for day in {begins, ends} if day is not None]
    if prepared.created is not None:
        found.append(leads.select("row", moment=nw.col("created")))
    gaps = sorted({0.0, *(test.operand[0] + 1.0 for test in _windows(version))})  # type: ignore[index, operator]
    found += [leads.select("row", moment=nw.col(name) + gap) for name in dates for gap in gaps]
    if prepared.events is not None and version.event_tests:
        days = event_frame(prepared, Sums()).group_by("key", "day").agg(nw.len().alias("events"))
        days = rows.join(days, on="key", how="inner")
        found += [days.select("row", moment=nw.col("day") + gap) for gap in event_gaps(version)]
    moments = nw.concat([one.select("row", nw.col("moment").cast(nw.Float64)) for one in found])
    moments = moments.filter(nw.col("moment") <= float(ends))
    if begins is not None:
        moments = moments.filter(nw.col("moment") >= float(begins))
    return moments.group_by("row", "moment").agg(nw.len().alias("times")).select("row", "moment")


def _windows(version: Version) -> list[Test]:
    return [test for test in version.tests_of_leads if test.operator in ("within_last", "older_than")]


def event_gaps(version: Version) -> list[float]:
    """After how many days an event may help once more: it leaves a window in which it did harm."""
    gaps = {0.0}
    stages = [part for stage in (version.mql, version.sql) if stage for part in (stage.require, stage.fast_track)]
    for top, good in [(version.suppress, False), *((part, True) for part in stages)]:
        gaps |= {test.within + 1.0 for test in harmful(top, good) if test.within is not None}
    for rule in version.rules:
        asked = [rule.condition] if rule.condition else []
        gaps |= {
            test.within + 1.0 for one in asked for test in harmful(one, rule.points > 0) if test.within is not None
        }
        if rule.points < 0 and rule.event and rule.event.within is not None:
            gaps.add(rule.event.within + 1.0)
        if rule.points < 0 and rule.decay and rule.decay.kind == "expire":
            gaps.add(rule.decay.days + 1.0)
    return sorted(gaps)


def harmful(condition: Condition | None, good: bool) -> Iterator[EventTest]:
    """The questions about events that more events can turn against a lead. ``good``: it wants the condition met."""
    if isinstance(condition, EventTest):
        more_is_met = all(operator in ("gt", "gte") for operator, _ in condition.bounds)
        if not (good and more_is_met):
            yield condition
    elif isinstance(condition, Group):
        for part in condition.of:
            yield from harmful(part, good != (condition.kind == "none"))
