"""What rules ask of events, counted per lead: how many, on how many days, the last, points that fade.

Every question is one column of sums. Rows of events are summed per lead as they are, or first per lead
and day where a day counts as one or its points have a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from kpi_udfs.rules.model import Decay, EventTest, Rule, Test
from kpi_udfs.rules.truths import flag


@dataclass(frozen=True)
class Sort:
    """The events that a question is about: of these names, with these values in other columns."""

    names: tuple[str, ...]
    where: tuple[Test, ...]


@dataclass(frozen=True)
class Sum:
    """One number per lead. ``what``: the number of events or of days, the last day, or points with decay."""

    sort: Sort
    within: float | None
    what: str
    decay: Decay | None = None
    points: float = 1.0
    max_per_day: float | None = None

    @property
    def daily(self) -> bool:
        """Whether the events of a day have to be taken together first."""
        return self.what == "days" or self.max_per_day is not None


@dataclass
class Sums:
    """The numbers that a version's rules need, each with a name for its column."""

    names: dict[Sum, str] = field(default_factory=dict)
    sorts: dict[Sort, str] = field(default_factory=dict)

    def of(self, wanted: Sum) -> str:
        """The column of a number; a new one where nobody asked for it before."""
        self.sorts.setdefault(wanted.sort, f"k{len(self.sorts)}")
        return self.names.setdefault(wanted, f"s{len(self.names)}")

    def column(self, wanted: Sum) -> nw.Expr:
        """The number, 0 for a lead without events (null for a last day)."""
        column = nw.col(self.of(wanted))
        return column if wanted.what == "last" else column.fill_null(0.0)


def counted(test: EventTest) -> Sum:
    """What a question about events counts."""
    return Sum(Sort(test.names, test.where), test.within, test.counts)


def last(test: EventTest) -> Sum:
    """The day of its last event."""
    return Sum(Sort(test.names, test.where), test.within, "last")


def fading(rule: Rule) -> Sum:
    """The points that a rule gives for each of its events, before its limit for all of them."""
    assert rule.event is not None
    sort = Sort(rule.event.names, rule.event.where)
    if rule.max_per_day is not None:
        return Sum(sort, rule.event.within, "points", rule.decay, rule.points, rule.max_per_day)
    if rule.decay is None:
        return Sum(sort, rule.event.within, "events")
    return Sum(sort, rule.event.within, "points", rule.decay)


def weight(age: nw.Expr, decay: Decay | None) -> nw.Expr | None:
    """What is left of a point after so many days; None where all of it is."""
    if decay is None:
        return None
    if decay.kind == "expire":
        return flag(age <= decay.days)
    if decay.kind == "linear":
        left = 1.0 - age / decay.days
        return nw.when(left > 0.0).then(left).otherwise(0.0)
    return nw.lit(0.5) ** (age / decay.days)


def sums(
    events: nw.LazyFrame[Any], asked: Sums, day: nw.Expr | None, by: list[str], per_day: bool = False
) -> nw.LazyFrame[Any] | None:
    """The numbers per ``by``. ``events``: key, day, and a column for each sort with how many of it a row is.

    ``day``: the day to look from; rows after it are left out already. ``per_day``: the rows are days
    already, with how many events of each sort.
    """
    plain = [one for one in asked.names if per_day or not one.daily]
    daily = [one for one in asked.names if not per_day and one.daily]
    frames = []
    if plain:
        frames.append(_summed(events, asked, plain, day, by))
    if daily:
        frames.append(_summed(_per_day(events, asked, daily, day), asked, daily, day, by))
    if len(frames) == 2:
        # Every lead with such days has rows among the others.
        return frames[0].join(frames[1], on=by, how="left")
    return frames[0] if frames else None


#: More days than there are since the year 1, so that a lead and a day make one number.
_DAYS = 1_000_000


def _per_day(events: nw.LazyFrame[Any], asked: Sums, daily: Sequence[Sum], day: nw.Expr | None) -> nw.LazyFrame[Any]:
    """How many events of each sort a lead has on each day, of the days that are looked at."""
    places = sorted({asked.sorts[one.sort] for one in daily})
    looked_at = [
        (nw.col(asked.sorts[one.sort]) > 0.0) & (day - nw.col("day") <= one.within)
        if day is not None and one.within is not None
        else nw.col(asked.sorts[one.sort]) > 0.0
        for one in daily
    ]
    rows = events.filter(nw.any_horizontal(*looked_at, ignore_nulls=True))
    numbers = [nw.col(place).sum() for place in places]
    if not events.collect_schema()["key"].is_integer():
        return rows.group_by("key", "day").agg(*numbers)
    # Grouping by one number is nearly twice as fast as by two.
    both = rows.select(*places, both=nw.col("key") * _DAYS + nw.col("day").cast(nw.Int64))
    summed = both.group_by("both").agg(*numbers)
    return summed.select(*places, key=nw.col("both") // _DAYS, day=(nw.col("both") % _DAYS).cast(nw.Float64))


def _summed(
    rows: nw.LazyFrame[Any], asked: Sums, wanted: Iterable[Sum], day: nw.Expr | None, by: list[str]
) -> nw.LazyFrame[Any]:
    """Sums (and last days) of rows."""
    wanted = list(wanted)
    age = nw.col("age")
    with_age = rows.with_columns(age=day - nw.col("day")) if day is not None else rows
    decays = list(dict.fromkeys(one.decay for one in wanted if one.decay is not None))
    faded = {f"w{place}": made for place, decay in enumerate(decays) if (made := weight(age, decay)) is not None}
    with_age = with_age.with_columns(**faded) if faded else with_age
    columns = {}
    for one in wanted:
        many = nw.col(asked.sorts[one.sort])
        if one.within is not None:
            many = many * flag(age <= one.within)
        if one.what == "days":
            value = flag(many > 0.0)
        elif one.what == "last":
            value = nw.when(many > 0.0).then(nw.col("day"))
        else:
            value = many
            if one.max_per_day is not None:
                value = limited(many * one.points, one.max_per_day)
            if one.decay is not None:
                value = value * nw.col(f"w{decays.index(one.decay)}")
        columns[asked.names[one]] = value
    aggregates = [
        nw.col(asked.names[one]).max() if one.what == "last" else nw.col(asked.names[one]).sum() for one in wanted
    ]
    return with_age.select(*by, **columns).group_by(by).agg(*aggregates)


def limited(points: nw.Expr, most: float) -> nw.Expr:
    """Points of either sign, at most ``most`` away from 0."""
    capped = nw.when(points > most).then(most).otherwise(points)
    return nw.when(capped < -most).then(-most).otherwise(capped)
