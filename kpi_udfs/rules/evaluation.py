"""Rules run over leads and events, as narwhals expressions: one definition for cells, frames and files.

Truth is a number: 1 met, 0 not met, 0.5 unknown. ``all`` is then a product, ``none`` the product of what
is left, and neither needs to know of nulls, which every engine compares in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import mul
from typing import Any

import narwhals as nw

from kpi_udfs.rules.events import Sums, counted, fading, last, limited, weight
from kpi_udfs.rules.model import Condition, EventTest, Group, Points, Rule, Stage, Test, Threshold, Version
from kpi_udfs.rules.tables import RuleTable, points_by_value, truth
from kpi_udfs.rules.truths import added, flag

#: Points are compared as the file's author would add them up, not to the last bit.
DIGITS = 9


@dataclass
class Compiled:
    """A version's rules as expressions over the leads' columns and the sums of their events."""

    version: Version
    leads: RuleTable
    #: The day to look from: a number, or a column of days.
    day: nw.Expr | None
    #: Rules that give no points this time.
    without: frozenset[str] = frozenset()
    sums: Sums = field(default_factory=Sums)
    truths: dict[int, nw.Expr] = field(default_factory=dict)
    points: dict[str, RulePoints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dated = [test for test in self.version.tests_of_leads if test.reading == "day"]
        self.leads.dated = frozenset(self.leads.index(test.name, test.place) for test in dated)
        for top in self.version.conditions:
            self._compile(top)
        for rule in self.version.rules:
            self.points[rule.id] = self._points_of(rule)

    def truth(self, condition: Condition) -> nw.Expr:
        """1 met, 0 not, 0.5 unknown."""
        return self.truths[id(condition)]

    def _compile(self, condition: Condition) -> nw.Expr:
        if id(condition) not in self.truths:
            self.truths[id(condition)] = self._made(condition)
        return self.truths[id(condition)]

    def _made(self, condition: Condition) -> nw.Expr:
        if isinstance(condition, Test):
            return truth(self.leads, condition, self.day, f"t{len(self.leads.columns)}")
        if isinstance(condition, EventTest):
            number = self.sums.column(counted(condition))
            return _product([flag(_bounded(number, operator, bound)) for operator, bound in condition.bounds])
        return _together(condition, [self._compile(part) for part in condition.of])

    def _points_of(self, rule: Rule) -> RulePoints:
        if rule.id in self.without:
            return RulePoints(nw.lit(0.0), nw.lit(0.0), nw.lit(0.0))
        if rule.name is not None:
            points = points_by_value(self.leads, rule, self.day, f"p{len(self.leads.columns)}")
            return RulePoints(points, points, points)
        if rule.event is not None and rule.condition is None:
            return self._per_event(rule)
        assert rule.condition is not None
        met = flag(self._compile(rule.condition) == 1.0)
        points = met * rule.points
        if rule.event is None:
            return RulePoints(points, points, points)
        # Where no event is what was asked for, there is nothing to fade.
        faded = met * self._faded_since_last(rule, rule.event, without_events=1.0)
        return RulePoints(points, faded, faded)

    def _per_event(self, rule: Rule) -> RulePoints:
        assert rule.event is not None
        number = self.sums.column(counted(EventTest(rule.place, rule.event.names, rule.event.where, rule.event.within)))
        if rule.once:
            faded = self._faded_since_last(rule, rule.event)
            return RulePoints(flag(number > 0.0) * rule.points, faded, faded)
        faded = self.sums.column(fading(rule))
        if rule.max_per_day is None:
            faded = faded * rule.points
        total = faded if rule.max_total is None else limited(faded, rule.max_total)
        return RulePoints(number * rule.points, faded, total)

    def _faded_since_last(self, rule: Rule, event: EventTest, without_events: float = 0.0) -> nw.Expr:
        day = self.sums.column(last(event))
        left = weight(self.day - day, rule.decay) if self.day is not None else None
        happened = nw.lit(1.0) if left is None else left
        return nw.when(~day.is_null()).then(happened).otherwise(without_events) * rule.points


@dataclass(frozen=True)
class RulePoints:
    """What a rule gives: before anything, after decay, and after its own limit."""

    raw: nw.Expr
    faded: nw.Expr
    total: nw.Expr


def _bounded(number: nw.Expr, operator: str, bound: float) -> nw.Expr:
    compared = {"eq": number == bound, "gt": number > bound, "gte": number >= bound, "lt": number < bound}
    return compared.get(operator, number <= bound)


def _product(factors: Sequence[nw.Expr]) -> nw.Expr:
    return reduce(mul, factors)


def _together(group: Group, parts: Sequence[nw.Expr]) -> nw.Expr:
    if group.kind == "all":
        return _product(parts)
    if group.kind in ("any", "none"):
        left = _product([1.0 - part for part in parts])
        return left if group.kind == "none" else 1.0 - left
    met = added([flag(part == 1.0) for part in parts])
    possible = added([flag(part > 0.0) for part in parts])
    return (flag(met >= group.at_least) + flag(possible >= group.at_least)) * 0.5


# ----------------------------------------------------------------------------------- the stages


def with_scores(frame: nw.LazyFrame[Any], compiled: Compiled, needed: Sequence[Condition]) -> nw.LazyFrame[Any]:
    """The frame with fit, engagement, score, and the truth of each condition needed further on."""
    version = compiled.version
    made: dict[str, nw.Expr] = {name_of(one): compiled.truth(one) for one in needed}
    if version.scored:
        made |= {
            name: between_limits(points_sum(compiled, group), group.floor, group.cap)
            for name, group in (("fit", version.fit), ("engagement", version.engagement))
        }
    keep = [name for name in ("row", "key", "created", "moment") if name in frame.collect_schema().names()]
    frame = frame.select(*keep, **made)
    if not version.scored:
        return frame
    score = between_limits(nw.col("fit") + nw.col("engagement"), version.floor, version.cap)
    return frame.with_columns(score=score)


def points_sum(compiled: Compiled, group: Points) -> nw.Expr:
    """The points of a group's rules, before its limits."""
    return added([compiled.points[rule.id].total for rule in group.rules])


def between_limits(points: nw.Expr, floor: float | None, cap: float | None) -> nw.Expr:
    """Points kept between a floor and a cap."""
    points = points.round(DIGITS)
    if floor is not None:
        points = nw.when(points < floor).then(floor).otherwise(points)
    return points if cap is None else nw.when(points > cap).then(cap).otherwise(points)


def name_of(condition: Condition) -> str:
    """The column of a condition's truth."""
    return f"truth_{id(condition)}"


def met(condition: Condition) -> nw.Expr:
    """Whether a condition, whose truth is a column, is met."""
    return nw.col(name_of(condition)) == 1.0


def enough(threshold: Threshold) -> nw.Expr:
    """Whether the points of a threshold are reached."""
    reached = [nw.col(name) >= points for name, points in threshold.parts]
    return reduce(lambda one, other: one & other, reached)


def reaches(stage: Stage) -> nw.Expr:
    """1 where a lead reaches the stage."""
    gates = [met(stage.require)] if stage.require else []
    ways = [*([met(stage.fast_track)] if stage.fast_track else []), *map(enough, stage.thresholds)]
    if ways:
        gates.append(reduce(lambda one, other: one | other, ways))
    return _product([flag(gate) for gate in gates]) if gates else nw.lit(0.0)
