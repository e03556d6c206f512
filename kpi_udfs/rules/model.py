"""Rules as the evaluation needs them: conditions, points, stages, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from kpi_udfs.rules.patterns import Pattern

#: What a rule compares with.
Operand = str | float | bool | date
Missing = Literal["fail", "pass", "unknown"]

#: The stages as QUALIFY shows them, in every language: formulas compare with them.
SQL, MQL, LEAD, SUPPRESSED, NOT_YET = "SQL", "MQL", "lead", "suppressed", "not yet"


class Place(NamedTuple):
    """Where something stands."""

    file: Path | str
    line: int


@dataclass(frozen=True)
class Test:
    """One question asked of one column. ``operand``: numbers of days for windows, several for lists."""

    place: Place = field(compare=False)
    #: The column, by header or by its name under ``fields``.
    name: str
    operator: str
    operand: tuple[Operand, ...] | Pattern
    when_missing: Missing = "fail"
    id: str | None = field(default=None, compare=False)
    why: str | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The id, or the condition in the words of the file."""
        return self.id or f"{self.name} {self.operator} {self.written}".strip()

    @property
    def written(self) -> str:
        """The operand as it stands in the file."""
        if isinstance(self.operand, Pattern):
            return self.operand.written
        days = self.operator in ("within_last", "older_than")
        return ", ".join(f"{one:g}d" if days and isinstance(one, float) else write_operand(one) for one in self.operand)

    @property
    def reading(self) -> Literal["text", "number", "flag", "day", "any"]:
        """How the column has to be read."""
        if self.operator in ("within_last", "older_than", "before", "after"):
            return "day"
        if self.operator == "is":
            return "any"
        if isinstance(self.operand, Pattern):
            return "text"
        kinds = {reading_of(operand) for operand in self.operand}
        return kinds.pop() if len(kinds) == 1 else "text"


@dataclass(frozen=True)
class EventTest:
    """A question asked of the lead's events: how many there are, on how many days, how long ago."""

    place: Place = field(compare=False)
    #: Folded names of events; empty: of any kind.
    names: tuple[str, ...]
    where: tuple[Test, ...] = ()
    #: Only events of at most this age in days.
    within: float | None = None
    counts: Literal["events", "days"] = "events"
    bounds: tuple[tuple[str, float], ...] = (("gte", 1.0),)
    id: str | None = field(default=None, compare=False)
    why: str | None = field(default=None, compare=False)
    #: The names as they stand in the file.
    written: tuple[str, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """The id, or the condition in the words of the file."""
        if self.id:
            return self.id
        told = ["event", ", ".join(self.written)] if self.names else ["last_event"]
        for test in self.where:
            told.append(f"{test.name} {test.written}" if test.operator in ("eq", "in") else test.label)
        if self.bounds != (("gte", 1.0),):
            told.append("distinct_days" if self.counts == "days" else "count")
            told += [f"{operator} {number:g}" for operator, number in self.bounds]
        if self.within is not None:
            told.append(f"within {self.within:g}d")
        return " ".join(told)


@dataclass(frozen=True)
class Group:
    """Conditions taken together."""

    place: Place = field(compare=False)
    kind: Literal["all", "any", "none", "at_least"]
    of: tuple[Condition, ...]
    at_least: int = 1
    id: str | None = field(default=None, compare=False)
    why: str | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The id, or the kind of the group with its members."""
        kind = f"at_least {self.at_least} of" if self.kind == "at_least" else self.kind
        return self.id or f"{kind} ({'; '.join(part.label for part in self.of)})"


Condition = Test | EventTest | Group


@dataclass(frozen=True)
class Decay:
    """How points fade over ``days``."""

    kind: Literal["half_life", "linear", "expire"]
    days: float


@dataclass(frozen=True)
class Band:
    """Points for the numbers from ``low`` to ``high``; ``open_end``: without ``high`` itself."""

    place: Place = field(compare=False)
    low: float | None
    high: float | None
    open_end: bool
    points: float


@dataclass(frozen=True)
class Rule:
    """A rule that gives points.

    Exactly one of: ``condition`` with ``points``; ``name`` with ``values`` or ``bands``; ``event`` with
    ``points`` for each occurrence.
    """

    place: Place = field(compare=False)
    id: str
    points: float = 0.0
    condition: Condition | None = None
    name: str | None = None
    values: Mapping[Operand, float] = field(default_factory=dict, hash=False)
    bands: tuple[Band, ...] = ()
    event: EventTest | None = None
    once: bool = False
    max_per_day: float | None = None
    max_total: float | None = None
    decay: Decay | None = None
    why: str | None = field(default=None, compare=False)
    #: Where its keys stand.
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    @property
    def most(self) -> float:
        """The most points it can give."""
        if self.values:
            return max(0.0, *self.values.values())
        if self.bands:
            return max(0.0, *(band.points for band in self.bands))
        if self.points <= 0:
            return 0.0
        if self.event is None or self.once:
            return self.points
        return self.max_total if self.max_total is not None else float("inf")

    @property
    def least(self) -> float:
        """The least points it can give: the most it can take away."""
        if self.values:
            return min(0.0, *self.values.values())
        if self.bands:
            return min(0.0, *(band.points for band in self.bands))
        if self.points >= 0:
            return 0.0
        if self.event is None or self.once:
            return self.points
        return -self.max_total if self.max_total is not None else float("-inf")


@dataclass(frozen=True)
class Points:
    """Rules whose points are added up: fit or engagement."""

    rules: tuple[Rule, ...] = ()
    cap: float | None = None
    floor: float | None = None
    #: Where its keys stand.
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    @property
    def least(self) -> float:
        """The least points the group can give."""
        return limited(sum(rule.least for rule in self.rules), self.cap, self.floor)

    @property
    def most(self) -> float:
        """The most points the group can give."""
        return limited(sum(rule.most for rule in self.rules), self.cap, self.floor)


@dataclass(frozen=True)
class Threshold:
    """Points that are enough; None where nothing is asked."""

    place: Place = field(compare=False)
    score: float | None = None
    fit: float | None = None
    engagement: float | None = None

    @property
    def parts(self) -> list[tuple[str, float]]:
        """What has to reach which number."""
        each = (("score", self.score), ("fit", self.fit), ("engagement", self.engagement))
        return [(name, points) for name, points in each if points is not None]

    @property
    def label(self) -> str:
        """The threshold in the words of the file."""
        return "threshold " + ", ".join(f"{name} {points:g}" for name, points in self.parts)


@dataclass(frozen=True)
class Stage:
    """Who reaches a stage: ``require`` holds, and the fast track or a threshold, where there are any."""

    place: Place = field(compare=False)
    require: Condition | None = None
    fast_track: Condition | None = None
    thresholds: tuple[Threshold, ...] = ()
    sticky: bool = False


@dataclass(frozen=True)
class Expected:
    """What a test in the file expects."""

    place: Place
    name: str
    as_of: date | None
    lead: Mapping[str, Operand]
    #: Event name, day or days ago, and the event's other columns.
    events: tuple[tuple[str, date | float, Mapping[str, Operand]], ...]
    expect: Mapping[str, str | float | bool]


@dataclass(frozen=True)
class Version:
    """The rules of one period."""

    place: Place
    number: str | None = None
    begins: date | None = None
    ends: date | None = None
    owner: str | None = None
    timezone: str | None = None
    missing: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    suppress: Condition | None = None
    fit: Points = Points()
    engagement: Points = Points()
    cap: float | None = None
    floor: float | None = None
    mql: Stage | None = None
    sql: Stage | None = None
    tests: tuple[Expected, ...] = ()
    #: Where its keys stand, and those of its score.
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def least(self) -> float:
        """The lowest score there can be."""
        return limited(self.fit.least + self.engagement.least, self.cap, self.floor)

    @property
    def most(self) -> float:
        """The highest score there can be."""
        return limited(self.fit.most + self.engagement.most, self.cap, self.floor)

    @property
    def scored(self) -> bool:
        """Whether the rules give points."""
        return bool(self.fit.rules or self.engagement.rules)

    def valid_on(self, day: date) -> bool:
        """Whether these rules are in force on the day."""
        return (self.begins is None or self.begins <= day) and (self.ends is None or day <= self.ends)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition at the top of something, with the rules' own."""
        stages = [part for stage in (self.mql, self.sql) if stage for part in (stage.require, stage.fast_track)]
        rules = [part for rule in self.rules for part in (rule.condition, rule.event)]
        return tuple(part for part in (self.suppress, *stages, *rules) if part is not None)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All rules that give points."""
        return (*self.fit.rules, *self.engagement.rules)

    @cached_property
    def tests_of_leads(self) -> tuple[Test, ...]:
        """Every question asked of a column of the leads."""
        return tuple(part for top in self.conditions for part in parts(top) if isinstance(part, Test))

    @cached_property
    def event_tests(self) -> tuple[EventTest, ...]:
        """Every question asked of the events."""
        return tuple(part for top in self.conditions for part in parts(top) if isinstance(part, EventTest))


@dataclass(frozen=True)
class RuleSet:
    """A file's rules: its versions in the order of their days, and the files it was made of."""

    file: Path | str
    id: str | None
    versions: tuple[Version, ...]


def limited(points: float, cap: float | None, floor: float | None) -> float:
    """Points within their floor and their cap; where these exclude one another, the cap."""
    raised = points if floor is None else max(points, floor)
    return raised if cap is None else min(raised, cap)


def parts(condition: Condition) -> Iterator[Condition]:
    """The condition and everything inside it."""
    yield condition
    if isinstance(condition, Group):
        for part in condition.of:
            yield from parts(part)


def reading_of(operand: Operand) -> Literal["text", "number", "flag", "day"]:
    """How a column is read to be compared with the operand."""
    if isinstance(operand, bool):
        return "flag"
    if isinstance(operand, date):
        return "day"
    return "text" if isinstance(operand, str) else "number"


def write_operand(operand: Operand) -> str:
    """An operand as it stands in the file."""
    if isinstance(operand, bool):
        return str(operand).lower()
    return f"{operand:.15g}" if isinstance(operand, float) else str(operand)
