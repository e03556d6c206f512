"""Why a lead is what it is, rule by rule, and the shortest way for it to become an MQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kpi_udfs.cells import as_date
from kpi_udfs.kinds import shown
from kpi_udfs.messages import Sentence, Text, text
from kpi_udfs.rules.evaluation import name_of
from kpi_udfs.rules.model import (
    LEAD,
    NOT_YET,
    SUPPRESSED,
    Condition,
    EventTest,
    Group,
    Points,
    Rule,
    Stage,
    Test,
    Threshold,
)
from kpi_udfs.rules.one_lead import OneLead, facts_of
from kpi_udfs.rules.past import past_states
from kpi_udfs.rules.scoring import columns_for, lead_frame
from kpi_udfs.rules.ways import Way, shortest_ways
from kpi_udfs.settings import fold
from kpi_udfs.tables.frames import rows_of

YES = text("rules.why.yes", "yes")
NO = text("rules.why.no", "no")
UNKNOWN = text("rules.why.unknown", "unknown")
BLANK = text("rules.why.blank", "(blank)")
COUNTS_AS_BLANK = text("rules.why.counts_as_blank", "{content} (counts as blank)")
NOT_KNOWN = text("rules.why.not_known", "{day:date} (later than {today:date}, counts as blank)")
ON_DAY = text("rules.why.on_day", "{day:date}")
EVENTS = text("rules.why.events", "{events:count} {events:event|events}, the last on {day:date}")
NO_EVENT = text("rules.why.no_event", "no event")
DAYS = text("rules.why.days", "on {days:count} {days:day|days}, the last {day:date}")
SINCE = text("rules.why.since", "since {day:date}")
CAPPED = text("rules.why.capped", "at most {points:number}")
FLOORED = text("rules.why.floored", "at least {points:number}")
PART_POINTS = text("rules.why.part_points", "{part} {points:number}")
HAS = text("rules.why.has", "{parts:list}")
MISSING = text("rules.why.missing", "{parts:list}; missing: {missing:list}")
MEMBERS = text("rules.why.members", "{members:list}")
MEMBER = text("rules.why.member", "{label}: {met}")
CREATED = text("rules.why.created", "created on {day:date}, later than {today:date}")
NOTHING_ELSE_COUNTS = text("rules.why.nothing_else_counts", "as long as it is met, nothing makes this lead an MQL")

#: What was found, in words of the user's language or of the rules file.
Found = Sentence | Text | str


@dataclass(frozen=True)
class Line:
    """One line of the explanation. ``part`` is a word of the rules file."""

    part: str
    rule: str
    found: Found = ""
    met: Text | str = ""
    points: float | None = None
    faded: float | None = None
    counted: float | None = None


@dataclass(frozen=True)
class Explained:
    """A lead explained: lines, what it is, and how it could become an MQL."""

    stage: str
    rule: str
    score: float | None
    lines: list[Line]
    ways: list[Way]
    day: int | None


def explain(lead: OneLead) -> Explained:
    """Rule by rule: what was found, whether it is met, points before and after fading and limits."""
    found = lead.qualified
    stage = found.stages[0]
    ways = shortest_ways(lead) if stage == LEAD else []
    return Explained(
        stage=stage,
        rule=found.rules[0],
        score=found.scores[0] if found.scores is not None else None,
        lines=list(_Lines(lead).all()),
        ways=ways,
        day=lead.prepared.day,
    )


class _Lines:
    """The lines of one lead."""

    def __init__(self, lead: OneLead) -> None:
        found = lead.qualified
        self.lead, self.prepared, self.version = lead, lead.prepared, lead.prepared.version
        self.table = columns_for(self.prepared, self.version)
        self.stage = found.stages[0]
        self.decided_by = found.rules[0]
        (self.facts,) = facts_of(self.prepared)
        #: What thresholds are compared with.
        self.reached = {"fit": self.facts["fit"], "engagement": self.facts["engagement"]}
        self.reached["score"] = found.scores[0] if found.scores is not None else 0.0

    def all(self) -> Iterator[Line]:
        """All of them, in the order of the rules file."""
        version = self.version
        if self.stage == NOT_YET:
            yield self._not_yet()
        yield from self._conditions("suppress", version.suppress)
        if self.stage == SUPPRESSED:
            yield Line("suppressed", self.decided_by, NOTHING_ELSE_COUNTS)
        yield from self._points("fit", version.fit)
        yield from self._points("engagement", version.engagement)
        if version.scored:
            both = round(self.reached["fit"] + self.reached["engagement"], 9)
            yield from _limits("score", both, version.floor, version.cap)
            yield Line("score", "", counted=self.reached["score"])
        for name, stage in (("mql", version.mql), ("sql", version.sql)):
            if stage:
                yield from self._stage(name, stage)

    def _not_yet(self) -> Line:
        created = self.prepared.created
        assert created is not None
        assert self.prepared.day is not None
        return Line(NOT_YET, "", CREATED(day=as_date(int(created.values[0])), today=as_date(self.prepared.day)))

    # ------------------------------------------------------------------------------- conditions

    def _conditions(self, part: str, condition: Condition | None) -> Iterator[Line]:
        """A line for each condition inside."""
        for one in _listed(condition):
            yield Line(part, one.label, self._found(one), self._met(one))

    def _met(self, condition: Condition) -> Text:
        truth = self.facts[name_of(condition)]
        return YES if truth == 1 else NO if truth == 0 else UNKNOWN

    def _found(self, condition: Condition) -> Found:
        if isinstance(condition, Test):
            return self._value(condition.name, condition.place)
        if isinstance(condition, EventTest):
            return self._happened(condition)
        return MEMBERS(members=[MEMBER(label=one.label, met=self._met(one)) for one in condition.of])

    def _value(self, name: str, place: Any) -> Found:
        index = self.table.index(name, place)
        cell = self.lead.row[index]
        content = "" if cell is None else shown(cell).strip()
        if not content:
            return BLANK
        if fold(content) in self.table.missing:
            return COUNTS_AS_BLANK(content=content)
        return self._dated(index) if index in self._dated_columns() else content

    def _dated_columns(self) -> set[int]:
        dated = [test for test in self.version.tests_of_leads if test.reading == "day"]
        return {self.table.index(test.name, test.place) for test in dated}

    def _dated(self, index: int) -> Found:
        day, today = self.table.read(index, "day").values[0], self.prepared.day
        if today is not None and day > today:
            return NOT_KNOWN(day=as_date(int(day)), today=as_date(today))
        return ON_DAY(day=as_date(int(day)))

    def _happened(self, test: EventTest) -> Found:
        many, day = self.facts[f"many_{id(test)}"], self.facts[f"last_{id(test)}"]
        if not many or day is None:
            return NO_EVENT
        if test.counts == "days":
            return DAYS(days=many, day=as_date(int(day)))
        return EVENTS(events=many, day=as_date(int(day)))

    # ------------------------------------------------------------------------------- points

    def _points(self, part: str, group: Points) -> Iterator[Line]:
        """A line for each rule of a group, and for its limits where they change the sum."""
        for rule in group.rules:
            yield self._rule(part, rule)
        if group.rules:
            yield from _limits(part, self.facts[f"{part}_sum"], group.floor, group.cap)

    def _rule(self, part: str, rule: Rule) -> Line:
        place = self.version.rules.index(rule)
        raw, faded, total = (float(self.facts[f"{what}_{place}"]) for what in ("raw", "faded", "total"))
        asked = rule.event or rule.condition
        found = self._value(str(rule.name), rule.place) if asked is None else self._found(asked)
        met = self._met(rule.condition) if rule.condition is not None else YES if raw else NO
        return Line(part, rule.id, found, met, raw, faded, total)

    # ------------------------------------------------------------------------------- stages

    def _stage(self, name: str, stage: Stage) -> Iterator[Line]:
        """The gates, the fast track, the thresholds, and since when a sticky stage is held."""
        yield from self._conditions(f"{name}: require", stage.require)
        yield from self._conditions(f"{name}: fast_track", stage.fast_track)
        for threshold in stage.thresholds:
            yield self._threshold(name, threshold)
        if stage.sticky:
            since = self._first_days[name]
            yield Line(f"{name}: sticky", "sticky", SINCE(day=as_date(since)) if since else "", YES if since else NO)

    def _threshold(self, name: str, threshold: Threshold) -> Line:
        has = [PART_POINTS(part=part, points=self.reached[part]) for part, _ in threshold.parts]
        gaps = [(part, points - self.reached[part]) for part, points in threshold.parts]
        missing = [PART_POINTS(part=part, points=gap) for part, gap in gaps if gap > 0]
        found = MISSING(parts=has, missing=missing) if missing else HAS(parts=has)
        return Line(f"{name}: threshold", threshold.label, found, NO if missing else YES)

    @cached_property
    def _first_days(self) -> dict[str, int | None]:
        """The day on which the lead first was MQL, and SQL, by the rules valid then."""
        first: dict[str, int | None] = {"mql": None, "sql": None}
        if self.prepared.day is None:
            return first
        states = rows_of(past_states(self.prepared, lead_frame(self.prepared, self.table).select("row", "key")))
        for state in sorted(states, key=lambda state: state["moment"]):
            day = int(state["moment"])
            if state["now"] and first["mql"] is None:
                first["mql"] = day
            kept = first["mql"] is not None and state["sticky"] and not state["suppressed"]
            if state["sql_now"] and (state["now"] or kept) and first["sql"] is None:
                first["sql"] = day
        return first


def _limits(part: str, points: float, floor: float | None, cap: float | None) -> Iterator[Line]:
    """What the limits add or take away."""
    if floor is not None and points < floor:
        yield Line(part, "floor", FLOORED(points=floor), YES, counted=round(floor - points, 9))
    elif cap is not None and points > cap:
        yield Line(part, "cap", CAPPED(points=cap), YES, counted=round(cap - points, 9))


def _listed(condition: Condition | None) -> Iterator[Condition]:
    """The conditions that are worth a line of their own."""
    if condition is None:
        return
    if isinstance(condition, Group) and condition.id is None and condition.kind in ("all", "any"):
        for part in condition.of:
            yield from _listed(part)
    else:
        yield condition
