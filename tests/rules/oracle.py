"""What rules say of leads, found out the plain way: lead after lead, event after event, day after day.

Written from the meaning of the rules alone and with nothing but Python, to have something that the
evaluation on whole columns can be checked against. Truth is True, False, or None where unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kpi_udfs.rules.model import Condition, Decay, EventTest, Group, Points, Rule, RuleSet, Stage, Test, Version

#: Rows of cells, the header row first.
Rows = Sequence[Sequence[Any]]
Truth = bool | None
#: An event of a lead: its day, its name, and its row in the event table.
Event = tuple[int, str, int]
#: What is asked of a lead: its row, its events, the day from which it is seen.
Ask = Callable[[int, Sequence[Event], int], Truth]
Give = Callable[[int, Sequence[Event], int], float]


class NoVersion(Exception):
    """No version of the rules is valid on the day."""

    code = "#N/A"


class NeedsDay(Exception):
    """The rules need an as-of day, and nothing tells one."""

    code = "#VALUE!"


@dataclass(frozen=True)
class Result:
    """What QUALIFY says of one lead."""

    lead: str
    stage: str
    score: float | str
    fit: float | str
    engagement: float | str
    rule: str = ""


def qualify(rules: RuleSet, leads: Rows, events: Rows | None = None, as_of: date | None = None) -> list[Result]:
    """What the rules say of every lead."""
    return Prepared(rules, leads, events).run(as_of)


# ---------------------------------------------------------------------------------- cells

YES = {"yes", "y", "x", "true", "ja", "oui", "sì", "si", "ya", "wahr", "vrai", "vero", "benar", "✓", "1"}
NO = {"no", "n", "false", "nein", "non", "tidak", "falsch", "faux", "falso", "salah", "-", "0"}
#: Serial 1 is the first of January 1900, and a day too many lies between (29 February 1900).
BEFORE_SERIALS = date(1899, 12, 30).toordinal()


def written(cell: Any) -> str:
    """A cell as text: 5.0 is 5."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime) and not (cell.hour or cell.minute or cell.second or cell.microsecond):
        cell = cell.date()
    return str(cell).strip()


def is_blank(cell: Any, missing: set[str]) -> bool:
    if cell is None or cell != cell:
        return True
    text = written(cell).lower()
    return not text or text in missing


def as_text(cell: Any, zone: ZoneInfo) -> str:
    return written(cell).lower()


def as_number(cell: Any, zone: ZoneInfo) -> float:
    return float(cell.strip() if isinstance(cell, str) else cell)


def as_flag(cell: Any, zone: ZoneInfo) -> bool:
    word = written(cell).lower()
    if word not in YES | NO:
        raise ValueError(f"neither yes nor no: {cell}")
    return word in YES


def as_day(cell: Any, zone: ZoneInfo) -> int:
    if isinstance(cell, str):
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, datetime) and cell.tzinfo:
        cell = cell.astimezone(zone)
    if isinstance(cell, date):
        return cell.toordinal()
    return int(cell) + BEFORE_SERIALS


READ: dict[str, Callable[[Any, ZoneInfo], Any]] = {
    "text": as_text, "number": as_number, "flag": as_flag, "day": as_day, "any": as_text,
}  # fmt: skip


def folded(name: str) -> str:
    """A name without regard to case, spaces and underscores around and between its words."""
    return " ".join(name.replace("_", " ").split()).lower()


class Sheet:
    """A table's columns, read as the rules ask for them."""

    def __init__(self, rows: Rows) -> None:
        self.headers = [folded(written(header)) for header in rows[0]]
        self.rows = rows[1:]

    def find(self, names: Iterable[str]) -> str | None:
        """The one of the names that is a header; None where none is, or several are."""
        found = [name for name in names if name in self.headers]
        return found[0] if len(found) == 1 else None

    def column(self, name: str, reading: str, version: Version) -> list[Any]:
        """The column's values, None for a blank."""
        aliases = {folded(alias): header for alias, header in version.fields.items()}
        header = folded(aliases.get(folded(name), name))
        index = self.headers.index(header)
        missing = {word.strip().lower() for word in version.missing}
        zone, read = ZoneInfo(version.timezone or "UTC"), READ[reading]
        return [None if is_blank(row[index], missing) else read(row[index], zone) for row in self.rows]


# ---------------------------------------------------------------------------------- conditions


def reading(test: Test) -> str:
    """How the column of a test is read."""
    if test.operator in ("within_last", "older_than", "before", "after"):
        return "day"
    if test.operator == "is":
        return "any"
    if test.operator in ("contains", "not_contains", "starts_with", "ends_with", "regex"):
        return "text"
    return kind_of(test.operand[0])


def kind_of(operand: Any) -> str:
    if isinstance(operand, bool):
        return "flag"
    if isinstance(operand, date):
        return "day"
    return "text" if isinstance(operand, str) else "number"


def comparable(operand: Any) -> Any:
    """An operand as the column's values are read."""
    if isinstance(operand, date):
        return operand.toordinal()
    return operand.strip().lower() if isinstance(operand, str) else operand


WINDOWS = ("within_last", "older_than")


def holds(test: Test) -> Callable[[Any], bool]:
    """Whether a value that is there meets the test; of a window, whether its age does."""
    if test.operator == "regex":
        found = re.compile(test.operand.written, re.IGNORECASE).search
        return lambda value: found(value) is not None
    operands = tuple(map(comparable, test.operand))
    first, last, several = operands[0], operands[-1], set(operands)
    return {
        "eq": lambda value: value == first,
        "ne": lambda value: value != first,
        "in": lambda value: value in several,
        "not_in": lambda value: value not in several,
        "contains": lambda value: any(part in value for part in operands),
        "not_contains": lambda value: not any(part in value for part in operands),
        "starts_with": lambda value: value.startswith(operands),
        "ends_with": lambda value: value.endswith(operands),
        "gt": lambda value: value > first,
        "gte": lambda value: value >= first,
        "lt": lambda value: value < first,
        "lte": lambda value: value <= first,
        "between": lambda value: first <= value <= last,
        "within_last": lambda age: age <= first,
        "older_than": lambda age: age > first,
        "before": lambda value: value < first,
        "after": lambda value: value > first,
    }[test.operator]


def named(test: Test, version: Version) -> str:
    """The header of a test's column."""
    return folded(version.fields.get(folded(test.name), test.name))


def ask_cell(test: Test, sheet: Sheet, version: Version) -> Callable[[int, int], Truth]:
    """A test of one column of the leads, or of the events: asked of a row, seen from a day."""
    values = sheet.column(test.name, reading(test), version)
    if test.operator == "is":
        wanted = test.operand[0] == "blank"
        if any(
            reading(other) == "day" and named(other, version) == named(test, version)
            for other in version.tests_of_leads
        ):
            # What the rules take for a date is blank as long as it lies ahead.
            days = sheet.column(test.name, "day", version)
            return lambda row, today: (days[row] is None or days[row] > today) is wanted
        return lambda row, _today: (values[row] is None) is wanted
    meets, blank = holds(test), {"fail": False, "pass": True, "unknown": None}[test.when_missing]

    def ask(row: int, today: int) -> Truth:
        value = values[row]
        return blank if value is None else meets(value)

    def ask_day(row: int, today: int) -> Truth:
        value = values[row]
        return blank if value is None or value > today else meets(value)

    def ask_age(row: int, today: int) -> Truth:
        value = values[row]
        return blank if value is None or value > today else meets(today - value)

    if reading(test) != "day":
        return ask
    return ask_age if test.operator in WINDOWS else ask_day


def days_of(test: EventTest, events: Sheet, version: Version) -> Callable[[Sequence[Event], int], list[int]]:
    """The days of the events that a test means."""
    names = set(map(folded, test.names))
    within = float("inf") if test.within is None else test.within
    where = [ask_cell(one, events, version) for one in test.where]

    def find(own: Sequence[Event], today: int) -> list[int]:
        days = []
        for day, name, row in own:
            if (name in names or not names) and 0 <= today - day <= within:
                for ask in where:
                    if not ask(row, today):
                        break
                else:
                    days.append(day)
        return days

    return find


BOUNDS: dict[str, Callable[[int, float], bool]] = {
    "eq": lambda number, bound: number == bound,
    "gt": lambda number, bound: number > bound,
    "gte": lambda number, bound: number >= bound,
    "lt": lambda number, bound: number < bound,
    "lte": lambda number, bound: number <= bound,
}


def ask_events(test: EventTest, events: Sheet, version: Version) -> Ask:
    find, bounds = days_of(test, events, version), [(BOUNDS[name], bound) for name, bound in test.bounds]

    def ask(row: int, own: Sequence[Event], today: int) -> Truth:
        days = find(own, today)
        number = len(set(days)) if test.counts == "days" else len(days)
        return all(within(number, bound) for within, bound in bounds)

    return ask


def ask_group(group: Group, leads: Sheet, events: Sheet, version: Version) -> Ask:
    asks = [condition(one, leads, events, version) for one in group.of]

    def every(row: int, own: Sequence[Event], today: int) -> Truth:
        truth: Truth = True
        for ask in asks:
            one = ask(row, own, today)
            if one is False:
                return False
            if one is None:
                truth = None
        return truth

    def some(row: int, own: Sequence[Event], today: int) -> Truth:
        truth: Truth = False
        for ask in asks:
            one = ask(row, own, today)
            if one:
                return True
            if one is None:
                truth = None
        return truth

    def none(row: int, own: Sequence[Event], today: int) -> Truth:
        truth = some(row, own, today)
        return None if truth is None else not truth

    def at_least(row: int, own: Sequence[Event], today: int) -> Truth:
        truths = [ask(row, own, today) for ask in asks]
        if truths.count(True) >= group.at_least:
            return True
        return False if truths.count(True) + truths.count(None) < group.at_least else None

    return {"all": every, "any": some, "none": none, "at_least": at_least}[group.kind]


def condition(of: Condition, leads: Sheet, events: Sheet, version: Version) -> Ask:
    """Any condition."""
    if isinstance(of, Group):
        return ask_group(of, leads, events, version)
    if isinstance(of, EventTest):
        return ask_events(of, events, version)
    ask = ask_cell(of, leads, version)
    return lambda row, _own, today: ask(row, today)


# ---------------------------------------------------------------------------------- points


def fading(decay: Decay | None) -> Callable[[int], float]:
    """What is left of points at an age."""
    if decay is None:
        return lambda _age: 1.0
    days = decay.days
    return {
        "half_life": lambda age: 0.5 ** (age / days),
        "linear": lambda age: max(0.0, 1 - age / days),
        "expire": lambda age: 1.0 if age <= days else 0.0,
    }[decay.kind]


def limited(points: float, most: float | None) -> float:
    """At most so many points; of negative ones at most so many below zero."""
    if most is None:
        return points
    return max(points, -most) if points < 0 else min(points, most)


def give_by_field(rule: Rule, leads: Sheet, version: Version) -> Give:
    """Points by the value in a field, or by the band it lies in."""
    if rule.bands:
        numbers = leads.column(rule.name, "number", version)
        bands = [
            (float("-inf") if one.low is None else one.low, float("inf") if one.high is None else one.high, one)
            for one in rule.bands
        ]

        def by_band(row: int, own: Sequence[Event], today: int) -> float:
            number = numbers[row]
            if number is not None:
                for low, high, band in bands:
                    if low <= number and (number < high or (number == high and not band.open_end)):
                        return band.points
            return 0.0

        return by_band
    kind = kind_of(next(iter(rule.values)))
    values = leads.column(rule.name, kind, version)
    points = {comparable(value): given for value, given in rule.values.items()}

    def by_value(row: int, own: Sequence[Event], today: int) -> float:
        value = values[row]
        if value is None or (kind == "day" and value > today):
            return 0.0
        return points.get(value, 0.0)

    return by_value


def give_by_events(rule: Rule, events: Sheet, version: Version) -> Give:
    """Points of each occurrence, or of the latest one."""
    find, fade, points = days_of(rule.event, events, version), fading(rule.decay), rule.points
    if rule.once:
        return lambda _row, own, today: points * fade(today - max(days)) if (days := find(own, today)) else 0.0

    def each(row: int, own: Sequence[Event], today: int) -> float:
        of_days: dict[int, float] = {}
        for day in find(own, today):
            of_days[day] = of_days.get(day, 0.0) + points
        total = 0.0
        for day, of_day in of_days.items():
            total += fade(today - day) * limited(of_day, rule.max_per_day)
        return limited(total, rule.max_total)

    return each


def give(rule: Rule, leads: Sheet, events: Sheet, version: Version) -> Give:
    """The points of any rule."""
    if rule.name is not None:
        return give_by_field(rule, leads, version)
    if rule.condition is None:
        return give_by_events(rule, events, version)
    ask, points = condition(rule.condition, leads, events, version), rule.points
    if rule.event is None or rule.decay is None:
        return lambda row, own, today: points if ask(row, own, today) else 0.0
    find, fade = days_of(rule.event, events, version), fading(rule.decay)

    def fade_from_the_latest(row: int, own: Sequence[Event], today: int) -> float:
        if not ask(row, own, today):
            return 0.0
        days = find(own, today)
        # Where few or no events meet the condition, there may be none to fade from.
        return points * fade(today - max(days)) if days else points

    return fade_from_the_latest


def between_limits(points: float, floor: float | None, cap: float | None) -> float:
    points = points if floor is None else max(points, floor)
    return points if cap is None else min(points, cap)


# ---------------------------------------------------------------------------------- stages


#: Score, fit, engagement.
Scores = tuple[float, float, float]


class Reaching:
    """How a stage is reached: ``require`` holds, and the fast track or a threshold, where there are any."""

    def __init__(self, stage: Stage, made: Callable[[Condition | None], Ask | None]) -> None:
        self.require, self.fast_track, self.sticky = made(stage.require), made(stage.fast_track), stage.sticky
        self.thresholds = [(one.score, one.fit, one.engagement) for one in stage.thresholds]

    def by(self, row: int, own: Sequence[Event], today: int, scores: Scores) -> str:
        """By what a lead reaches the stage; "" where it does not."""
        if self.require is not None and self.require(row, own, today) is not True:
            return ""
        if self.fast_track is None and not self.thresholds:
            return "require"
        if self.fast_track is not None and self.fast_track(row, own, today) is True:
            return "fast_track"
        for needed in self.thresholds:
            if all(need is None or have >= need for have, need in zip(scores, needed, strict=True)):
                return "threshold"
        return ""


class Judge:
    """One version of the rules, ready to be asked about leads."""

    def __init__(self, version: Version, leads: Sheet, events: Sheet) -> None:
        self.version = version
        self.first = version.begins.toordinal() if version.begins else 0
        self.last = version.ends.toordinal() if version.ends else date.max.toordinal()
        self.scored = bool(version.fit.rules or version.engagement.rules)

        def made(of: Condition | None) -> Ask | None:
            return None if of is None else condition(of, leads, events, version)

        self.suppress = made(version.suppress)
        self.fit = [give(rule, leads, events, version) for rule in version.fit.rules]
        self.engagement = [give(rule, leads, events, version) for rule in version.engagement.rules]
        self.mql = Reaching(version.mql, made)
        self.sql = Reaching(version.sql, made) if version.sql is not None else None

    def scores(self, row: int, own: Sequence[Event], today: int) -> Scores:
        """Score, fit, engagement."""

        def summed(gives: list[Give], group: Points) -> float:
            total = 0.0
            for give_points in gives:
                total += give_points(row, own, today)
            return between_limits(total, group.floor, group.cap)

        fit = summed(self.fit, self.version.fit)
        engagement = summed(self.engagement, self.version.engagement)
        score = between_limits(fit + engagement, self.version.floor, self.version.cap)
        return round(score, 9), round(fit, 9), round(engagement, 9)

    def suppressed(self, row: int, own: Sequence[Event], today: int) -> bool:
        return self.suppress is not None and self.suppress(row, own, today) is True


# A table without rows, for rules that are asked without events.
NO_EVENTS: Rows = [["lead id", "event", "date"]]
LEAD_IDS = ("lead id", "lead number", "lead")
CREATED = ("created", "created at", "created date", "first contact")


class Prepared:
    """Rules and the tables' columns as they ask for them, read."""

    def __init__(self, rules: RuleSet, leads: Rows, events: Rows | None = None) -> None:
        self.leads, self.events = Sheet(leads), Sheet(events or NO_EVENTS)
        self.judges = [Judge(version, self.leads, self.events) for version in rules.versions]
        first = rules.versions[0]
        self.needs_day = len(rules.versions) > 1 or first.begins is not None or first.ends is not None
        self.needs_day |= any(test.operator in WINDOWS for test in first.tests_of_leads)
        self.needs_day |= any(test.within is not None for test in first.event_tests)
        self.leads_ids = self._identifiers(self.leads, first.leads.get("id"), first)
        created = first.leads.get("created") or self.leads.find(CREATED)
        self.created = self.leads.column(created, "day", first) if created else [None] * len(self.leads_ids)
        self.event_leads = self._identifiers(self.events, first.events.get("lead"), first)
        kind, day = first.events.get("event") or "event", first.events.get("date") or "date"
        self.kinds = self._names(self.events, kind)
        self.days = self.events.column(day, "day", first)
        in_fields = [
            day
            for version in rules.versions
            for test in version.tests_of_leads
            if reading(test) == "day"
            for day in self.leads.column(test.name, "day", version)
        ]
        known = [day for day in (*self.days, *self.created, *in_fields) if day is not None]
        self.first_known_day = min(known, default=date.max.toordinal())

    def _identifiers(self, sheet: Sheet, header: str | None, version: Version) -> list[str]:
        name = header or sheet.find(LEAD_IDS)
        assert name is not None
        index = sheet.headers.index(folded(name))
        return ["" if is_blank(row[index], set()) else written(row[index]) for row in sheet.rows]

    def _names(self, sheet: Sheet, header: str) -> list[str]:
        index = sheet.headers.index(folded(header))
        return ["" if is_blank(row[index], set()) else folded(written(row[index])) for row in sheet.rows]

    def latest_day(self) -> int | None:
        """The as-of day where none is given."""
        days = [day for day in (*self.days, *self.created) if day is not None]
        return max(days, default=None)

    def run(self, as_of: date | None = None) -> list[Result]:
        """What the rules say on the day."""
        today = as_of.toordinal() if as_of else self.latest_day()
        if today is None:
            if self.needs_day:
                raise NeedsDay
            today = date.today().toordinal()
        judge = self.judge_on(today)
        if judge is None:
            raise NoVersion
        of_leads: dict[str, list[Event]] = {}
        for event in zip(self.event_leads, self.days, self.kinds, range(len(self.days)), strict=True):
            lead, day, kind, row = event
            if lead and day is not None and day <= today:
                if lead in of_leads:
                    of_leads[lead].append((day, kind, row))
                else:
                    of_leads[lead] = [(day, kind, row)]
        results = []
        for row, lead in enumerate(self.leads_ids):
            own = of_leads.get(lead, ())
            scores = judge.scores(row, own, today)
            stage, rule = self.stage(judge, row, own, today, scores)
            shown = scores if judge.scored else ("", "", "")
            results.append(Result(lead, stage, *shown, rule))
        return results

    def judge_on(self, day: int) -> Judge | None:
        """The version valid on a day."""
        return next((judge for judge in self.judges if judge.first <= day <= judge.last), None)

    def stage(self, judge: Judge, row: int, own: Sequence[Event], today: int, scores: Scores) -> tuple[str, str]:
        """The stage of a lead and what decides it."""
        created = self.created[row]
        if created is not None and created > today:
            return "not yet", ""
        if judge.suppressed(row, own, today):
            return "suppressed", "suppress"
        if judge.mql.sticky or (judge.sql is not None and judge.sql.sticky):
            return self.stage_with_memory(row, own, today)
        by = judge.mql.by(row, own, today, scores)
        if not by:
            return "lead", ""
        further = "" if judge.sql is None else judge.sql.by(row, own, today, scores)
        return ("SQL", further) if further else ("MQL", by)

    def stage_with_memory(self, row: int, own: Sequence[Event], today: int) -> tuple[str, str]:
        """The stage where an earlier day counts: every day is looked at."""
        created = self.created[row]
        begin = min(self.first_known_day, today) if created is None else created
        ever_mql = ever_sql = mql = sql = False
        for day in range(begin, today + 1):
            judge = self.judge_on(day)
            if judge is None:
                continue
            scores = judge.scores(row, own, day)
            allowed = not judge.suppressed(row, own, day)
            mql = allowed and judge.mql.by(row, own, day, scores) != ""
            ever_mql = ever_mql or mql
            if judge.mql.sticky:
                mql = allowed and ever_mql
            sql = mql and judge.sql is not None and judge.sql.by(row, own, day, scores) != ""
            ever_sql = ever_sql or sql
            if judge.sql is not None and judge.sql.sticky:
                sql = mql and ever_sql
        return ("SQL", "") if sql else ("MQL", "") if mql else ("lead", "")
