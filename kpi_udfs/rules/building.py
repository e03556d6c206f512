"""What was read from a rules file, put together as rules; what does not go together is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any

from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.format import OPERATORS
from kpi_udfs.rules.model import (
    Band,
    Condition,
    Decay,
    EventTest,
    Expected,
    Group,
    Operand,
    Place,
    Points,
    Rule,
    Stage,
    Test,
    Threshold,
    Version,
    reading_of,
    write_operand,
)
from kpi_udfs.rules.patterns import Pattern
from kpi_udfs.rules.reading import BAD, Given, Reader, pointed
from kpi_udfs.settings import fold

NOTHING_ASKED = text(
    "rules.building.nothing_asked",
    "nothing is asked here; write field with an operator, event, all, any, none, or at_least with of",
)
ONE_OF_THEM = text(
    "rules.building.one_of_them", "{keys:list} can't stand together; put them in a list under all or any"
)
BELONGS_TO = text("rules.building.belongs_to", "{key} belongs to {owner}, which is missing here")
NO_OPERATOR = text(
    "rules.building.no_operator", 'nothing is asked of the field "{field}"; add eq, in, gte, is or another operator'
)
NOT_HERE = text("rules.building.not_here", "{key} can't be used together with {other}")
NEEDS_OF = text("rules.building.needs_of", "at_least needs the list of conditions under of")
NEEDS_AT_LEAST = text("rules.building.needs_at_least", "of belongs to at_least, which is missing")
NEEDS_A_NUMBER = text("rules.building.needs_a_number", '{operator} compares numbers or days, not the text "{content}"')
MIXED = text("rules.building.mixed", "{operator} mixes kinds of values ({contents:list}); put texts in quotes")
NO_COUNT = text("rules.building.no_count", "{key} needs eq, gt, gte, lt or lte")
TWO_WINDOWS = text("rules.building.two_windows", "{first} and {second} say the same; keep one of them")
NO_ID = text("rules.building.no_id", "a rule needs an id, a short name of its own such as id: ebook")
ID_TWICE = text(
    "rules.building.id_twice", 'the id "{id}" is already taken in {place}; give each rule a name of its own'
)
NO_POINTS = text("rules.building.no_points", 'the rule "{id}" gives no points; add points, values or bands')
TOO_MANY_POINTS = text("rules.building.too_many_points", "{keys:list} can't stand together; keep one of them")
VALUES_NEED_FIELD = text("rules.building.values_need_field", "{key} give points by a field; add field and no operator")
ONLY_EVENTS = text(
    "rules.building.only_events", "{key} is for rules that give points for each event; take it out of this one"
)
NO_VALUES = text("rules.building.no_values", "values is empty; write value: points for each value that gives points")
NO_SUCH_RULE = text("rules.building.no_such_rule", 'there is no rule "{id}" to switch off')
NO_SUCH_RULE_NEAR = text(
    "rules.building.no_such_rule_near", 'there is no rule "{id}" to switch off. Did you mean "{nearest}"?'
)
DECAY_KIND = text("rules.building.decay_kind", "decay needs one of half_life, linear, expire")
DECAY_ZERO = text("rules.building.decay_zero", "{key} needs at least one day")
BAND_END = text("rules.building.band_end", "a band ends with to or with below, not with both")
BAND_POINTS = text("rules.building.band_points", "the band has no points; add points")
NO_RULES = text("rules.building.no_rules", "{name} has no rules; add a list of rules under rules")
EMPTY_THRESHOLD = text("rules.building.empty_threshold", "the threshold asks for nothing; add score, fit or engagement")
REQUIRE_TWICE = text("rules.building.require_twice", "conditions stand here both directly and under require")
EMPTY_STAGE = text(
    "rules.building.empty_stage", "{name} asks for nothing; add a condition, require, fast_track or threshold"
)
NO_MQL = text("rules.building.no_mql", "the part mql is missing; it says what makes a lead marketing-qualified")
PERIOD = text("rules.building.period", "effective_to lies before effective_from")
TEST_EVENT = text(
    "rules.building.test_event",
    "an event begins with its name and its day, such as newsletter_signup: 1d ago or demo_request: 2026-04-01",
)
TEST_EXPECT = text("rules.building.test_expect", "the test expects nothing; add expect, such as expect: {{mql: true}}")

_TEXT_OPERATORS = ("contains", "not_contains", "starts_with", "ends_with")
_ORDER_OPERATORS = ("gt", "gte", "lt", "lte", "between")
_DAY_OPERATORS = ("within_last", "older_than", "before", "after")
_GROUPS = ("all", "any", "none", "at_least")
_EVENT_ONLY = ("where", "count", "distinct_days")
_AGO = re.compile(r"([0-9]{1,5})\s?d(?:ays?)?\s+ago")
#: Looking for the nearest of thousands of names would take long.
_MOST_COMPARED = 200
_CONDITION_KEYS = frozenset(
    {*OPERATORS, *_GROUPS, "field", "event", "of", "when_missing", *_EVENT_ONLY, "last_event_within"}
)


class Builder:
    """Builds a version from what was read."""

    def __init__(self, reader: Reader) -> None:
        self.tell, self.missing = reader.tell, reader.missing
        #: Conditions without a place in the version, because what they are part of could not be built.
        self.loose: list[Condition] = []

    def version(self, given: Given) -> Version:
        """The whole of it. Parts that can't be built are left out; their problems are told."""
        if "mql" not in given:
            self.missing(given, given.place, NO_MQL())
        begins, ends = given.good("effective_from"), given.good("effective_to")
        if begins and ends and ends < begins:
            self.tell(given.places["effective_to"], PERIOD())
        score = given.good("score", Given(given.place))
        self.ids: dict[str, Place] = {}
        fit, engagement = self._points(given, "fit"), self._points(given, "engagement")
        number = given.good("version")
        return Version(
            place=given.place,
            number=None if number is None else write_operand(number),
            begins=begins,
            ends=ends,
            owner=given.good("owner"),
            timezone=given.good("timezone"),
            missing=tuple(given.good("missing", ())),
            fields={
                fold(write_operand(name)): header
                for name, header in given.good("fields", {}).items()
                if header is not BAD
            },
            leads=_good(given.good("leads", {})),
            events=_good(given.good("events", {})),
            suppress=self._condition_at(given, "suppress"),
            fit=fit,
            engagement=engagement,
            cap=_number(score, "cap"),
            floor=_number(score, "floor"),
            mql=self._stage(given, "mql"),
            sql=self._stage(given, "sql"),
            tests=tuple(test for one in given.good("tests", ()) if one is not BAD for test in self._test(one)),
            places=given.places | score.places,
        )

    # ------------------------------------------------------------------------------ conditions

    def _condition_at(self, given: Given, key: str) -> Condition | None:
        inside = given.good(key)
        return self.condition(inside) if inside is not None else None

    def condition(self, given: Given) -> Condition | None:
        """One condition; None where it can't be built."""
        kinds = given.has("field", "event", *_GROUPS)
        if not kinds and given.has("count", "distinct_days", "last_event_within"):
            kinds = ["event"]
        if "of" in given and "at_least" not in given:
            return self._lacks(given, given.places["of"], NEEDS_AT_LEAST())
        if len(kinds) > 1:
            return self._no(given.place, ONE_OF_THEM(keys=kinds))
        if not kinds:
            return self._lacks(given, *self._unasked(given))
        (kind,) = kinds
        if kind == "field":
            return self._of_field(given)
        if kind == "event":
            return self._of_event(given)
        return self._group(given, kind)

    def _unasked(self, given: Given) -> tuple[Place, Sentence]:
        """What to say of a condition that is about nothing."""
        for owner, keys in (("field", (*OPERATORS, "when_missing")), ("event", ("where",))):
            if found := given.has(*keys):
                return given.places[found[0]], BELONGS_TO(key=found[0], owner=owner)
        return given.place, NOTHING_ASKED()

    def _no(self, place: Place, message: Sentence) -> Any:
        """Tell why something can't be built; gives None, which stands for it."""
        self.tell(place, message)
        return None

    def _lacks(self, given: Given, place: Place, message: Sentence) -> Any:
        """Tell that something is missing without which it can't be built; gives None, too."""
        self.missing(given, place, message)
        return None

    def _refuse_keys(self, given: Given, keys: Sequence[str], other: str) -> bool:
        wrong = given.has(*keys)
        for key in wrong:
            self.tell(given.places[key], NOT_HERE(key=key, other=other))
        return bool(wrong)

    def _group(self, given: Given, kind: str) -> Condition | None:
        if self._refuse_keys(given, [*OPERATORS, "when_missing", *_EVENT_ONLY, "last_event_within"], kind):
            return None
        key = "of" if kind == "at_least" else kind
        if key not in given:
            return self._lacks(given, given.place, NEEDS_OF())
        of = [None if one is BAD else self.condition(one) for one in given.good(key, ())]
        if not of or None in of or given[kind] is BAD:
            good = tuple(one for one in of if one)
            self.loose += [Group(given.place, "all", good)] if kind == "all" and good else good
            return None
        number = int(given["at_least"]) if kind == "at_least" else 1
        return Group(given.place, kind, tuple(of), number, given.good("id"), given.good("why"))  # type: ignore[arg-type]

    def _of_field(self, given: Given) -> Condition | None:
        if self._refuse_keys(given, [*_EVENT_ONLY, "last_event_within"], "field"):
            return None
        name = given.good("field")
        operators = given.has(*OPERATORS)
        if not operators:
            return self._lacks(given, given.place, NO_OPERATOR(field=name)) if name else None
        tests = [self._test_of(given, name, operator, given.good("when_missing", "fail")) for operator in operators]
        if name is None or None in tests:
            return None
        if len(tests) == 1:
            return tests[0]
        return Group(given.place, "all", tuple(tests), id=given.good("id"), why=given.good("why"))  # type: ignore[arg-type]

    def _test_of(self, given: Given, name: str, operator: str, missing: Any) -> Test | None:
        value, place = given[operator], given.places[operator]
        if value is BAD or (isinstance(value, list) and BAD in value):
            return None
        operands = (value,) if not isinstance(value, list) else tuple(value)
        kinds = {reading_of(operand) for operand in operands if not isinstance(operand, Pattern)}
        if operator in _ORDER_OPERATORS and not (kinds == {"number"} or kinds == {"day"}):
            texts = [write_operand(operand) for operand in operands if isinstance(operand, str | bool)]
            return self._no(place, NEEDS_A_NUMBER(operator=operator, content=texts[0]) if texts else
                            MIXED(operator=operator, contents=_one_of_each(operands)))  # fmt: skip
        if operator in ("in", "not_in") and len(kinds) > 1:
            return self._no(place, MIXED(operator=operator, contents=_one_of_each(operands)))
        if operator in ("is", *_TEXT_OPERATORS):
            operands = tuple(write_operand(operand) for operand in operands)
        operand = value if isinstance(value, Pattern) else operands
        return Test(place, name, operator, operand, missing, given.good("id"), given.good("why"))

    def _of_event(self, given: Given) -> EventTest | None:
        if self._refuse_keys(given, [key for key in (*OPERATORS, "when_missing") if key != "within_last"], "event"):
            return None
        counted = given.has("count", "distinct_days")
        if len(counted) > 1:
            return self._no(given.places[counted[1]], NOT_HERE(key="distinct_days", other="count"))
        bounds: tuple[tuple[str, float], ...] = (("gte", 1.0),)
        windows = {key: given[key] for key in given.has("within_last", "last_event_within")}
        if counted:
            inside = given.good(counted[0])
            if inside is None:
                return None
            bounds = tuple(
                (key, inside[key]) for key in inside.has("eq", "gt", "gte", "lt", "lte") if inside[key] is not BAD
            )
            if not inside.has("eq", "gt", "gte", "lt", "lte"):
                return self._lacks(inside, given.places[counted[0]], NO_COUNT(key=counted[0]))
            if not bounds:
                return None
            if "within" in inside:
                windows["within"] = inside["within"]
        if len(windows) > 1:
            first, second, *_ = windows
            return self._no(given.places.get(second, given.place), TWO_WINDOWS(first=first, second=second))
        window = next(iter(windows.values()), None)
        names = given.good("event", [])
        where = self._where(given)
        if window is BAD or (given.get("event") is BAD) or where is None:
            return None
        return EventTest(
            place=given.place,
            names=tuple(dict.fromkeys(map(fold, names))),
            where=where,
            within=window,
            counts="days" if counted == ["distinct_days"] else "events",
            bounds=bounds,
            id=given.good("id"),
            why=given.good("why"),
            written=tuple(names),
        )

    def _where(self, given: Given) -> tuple[Test, ...] | None:
        tests: list[Test | None] = []
        inside = given.good("where", Given(given.place))
        for column, wanted in inside.items():
            name, place = write_operand(column), inside.places[column]
            if wanted is BAD:
                tests.append(None)
            elif isinstance(wanted, Given):
                if not wanted:
                    self.missing(wanted, wanted.place, NO_OPERATOR(field=name))
                    tests.append(None)
                tests += [self._test_of(wanted, name, operator, "fail") for operator in wanted]
            else:
                asked = Given(place)
                key = "in" if isinstance(wanted, list) else "eq"
                asked[key], asked.places[key] = wanted, place
                tests.append(self._test_of(asked, name, key, "fail"))
        good = [test for test in tests if test is not None]
        return tuple(good) if len(good) == len(tests) else None

    # ------------------------------------------------------------------------------ points

    def _points(self, given: Given, name: str) -> Points:
        inside = given.good(name)
        if inside is None:
            return Points()
        if "rules" not in inside:
            self.missing(inside, given.places[name], NO_RULES(name=name))
        decay = self._decay(inside)
        listed = [one for one in inside.good("rules", ()) if one is not BAD]
        built = [self._rule(one, decay) for one in listed if self._enabled(one, listed)]
        rules = [rule for rule in built if rule]
        return Points(tuple(rules), _number(inside, "cap"), _number(inside, "floor"), inside.places)

    def _enabled(self, given: Given, rules: Sequence[Given]) -> bool:
        """Whether a rule is in use. One that is switched off has to be there."""
        if given.get("enabled") is not False:
            return True
        identifier = given.good("id")
        if identifier and not given.spoilt and not given.has("points", "values", "bands"):
            others = [other for one in rules[:_MOST_COMPARED] if one is not given and (other := one.good("id"))]
            near = get_close_matches(identifier[:80], others, n=1)
            told = NO_SUCH_RULE_NEAR(id=identifier, nearest=near[0]) if near else NO_SUCH_RULE(id=identifier)
            self.tell(given.places["id"], told)
        return False

    def _decay(self, given: Given, of_group: Decay | None = None) -> Decay | None:
        inside = given.good("decay")
        if inside is None:
            return of_group
        if inside == "none":
            return None
        kinds = inside.has("half_life", "linear", "expire")
        if not kinds:
            return self._lacks(inside, given.places["decay"], DECAY_KIND())
        if len(kinds) > 1:
            return self._no(given.places["decay"], DECAY_KIND())
        days = inside[kinds[0]]
        if days == 0:
            return self._no(inside.places[kinds[0]], DECAY_ZERO(key=kinds[0]))
        return None if days is BAD else Decay(kinds[0], days)

    def _rule(self, given: Given, decay: Decay | None) -> Rule | None:
        named = self._is_named(given)
        facts = {"place": given.place, "places": given.places, "id": given.good("id"), "why": given.good("why")}
        kinds = given.has("points", "values", "bands")
        if len(kinds) > 1:
            rule = self._no(given.places[kinds[1]], TOO_MANY_POINTS(keys=kinds))
        elif not kinds:
            rule = self._lacks(given, given.place, NO_POINTS(id=facts["id"] or "…"))
        elif kinds[0] == "points":
            rule = self._by_condition(given, decay, facts)
        else:
            rule = self._by_value(given, kinds[0], facts)
        if rule and not named:
            self.loose += filter(None, [rule.condition or rule.event])
            return None
        return rule

    def _is_named(self, given: Given) -> bool:
        """Whether a rule has an id that no other has."""
        identifier = given.good("id")
        if "id" not in given:
            self.missing(given, given.place, NO_ID())
        if identifier is None:
            return False
        place = given.places["id"]
        first = self.ids.setdefault(identifier, place)
        if first is not place:
            self.tell(place, ID_TWICE(id=identifier, place=pointed(first, place)))
        return first is place

    def _by_condition(self, given: Given, decay: Decay | None, facts: dict[str, Any]) -> Rule | None:
        points, condition = given.good("points"), self.condition(given)
        if condition is None or points is None:
            return None
        if not isinstance(condition, EventTest):
            self._refuse_event_keys(given, "once", "max_per_day", "max_total", "decay")
            return Rule(**facts, points=points, condition=condition)
        facts |= {"points": points, "event": condition, "decay": self._decay(given, decay)}
        if "event" not in given or given.has("count", "distinct_days", "last_event_within"):
            self._refuse_event_keys(given, "max_per_day", "max_total")
            return Rule(**facts, condition=condition, once=True)
        limits = given.has("max_per_day", "max_total")
        if limits and given.get("once") is True:
            self.tell(given.places[limits[0]], TOO_MANY_POINTS(keys=["once", *limits]))
        facts |= {key: given.good(key) for key in limits}
        return Rule(**facts, once=given.good("once", False))

    def _refuse_event_keys(self, given: Given, *keys: str) -> None:
        for key in given.has(*keys):
            self.tell(given.places[key], ONLY_EVENTS(key=key))

    def _by_value(self, given: Given, kind: str, facts: dict[str, Any]) -> Rule | None:
        if "field" not in given or given.has(*OPERATORS, *_GROUPS, "event"):
            return self._no(given.places[kind], VALUES_NEED_FIELD(key=kind))
        if self._refuse_keys(given, ["when_missing", "decay", "once", "max_per_day", "max_total"], kind):
            return None
        name, inside = given.good("field"), given.good(kind)
        if name is None or inside is None:
            return None
        if kind == "values":
            if not inside:
                return self._lacks(inside, given.places[kind], NO_VALUES())
            if any(points is BAD for points in inside.values()):
                return None
            if len({reading_of(value) for value in inside}) > 1:
                return self._no(given.places[kind], MIXED(operator=kind, contents=_one_of_each(inside)))
            return Rule(**facts, name=name, values=dict(inside))
        bands = [None if one is BAD else self._band(one) for one in inside]
        return None if None in bands else Rule(**facts, name=name, bands=tuple(bands))  # type: ignore[arg-type]

    def _band(self, given: Given) -> Band | None:
        if given.has("to", "below") == ["to", "below"]:
            return self._no(given.places["below"], BAND_END())
        if "points" not in given:
            return self._lacks(given, given.place, BAND_POINTS())
        numbers = {key: given.good(key) for key in ("from", "to", "below", "points")}
        if any(given.get(key) is BAD for key in numbers):
            return None
        open_end = numbers["below"] is not None
        high = numbers["below"] if open_end else numbers["to"]
        return Band(given.place, numbers["from"], high, open_end, numbers["points"])

    # ------------------------------------------------------------------------------ stages and tests

    def _stage(self, given: Given, name: str) -> Stage | None:
        inside = given.good(name)
        if inside is None:
            return None
        direct = Given(inside.place)
        keys = inside.has(*_CONDITION_KEYS)
        for key in [*keys, *(inside.has("id", "why") if keys else ())]:
            direct[key], direct.places[key] = inside[key], inside.places[key]
        if direct and "require" in inside:
            self.tell(inside.place, REQUIRE_TWICE())
        if not direct and not inside.has("require", "fast_track", "threshold"):
            self.missing(inside, given.places[name], EMPTY_STAGE(name=name))
        require = self.condition(direct) if direct else self._condition_at(inside, "require")
        return Stage(
            place=inside.place,
            require=require,
            fast_track=self._condition_at(inside, "fast_track"),
            thresholds=self._thresholds(inside),
            sticky=inside.good("sticky", False),
        )

    def _thresholds(self, given: Given) -> tuple[Threshold, ...]:
        threshold = given.good("threshold")
        if threshold is None:
            return ()
        place = given.places["threshold"]
        if isinstance(threshold, float):
            return (Threshold(place, score=threshold),)
        thresholds = []
        for one in threshold if isinstance(threshold, list) else [threshold]:
            if one is BAD:
                continue
            if not one:
                self.missing(one, one.place, EMPTY_THRESHOLD())
            parts = {key: one.good(key) for key in ("score", "fit", "engagement")}
            thresholds.append(Threshold(one.place, **parts))
        return tuple(thresholds)

    def _test(self, given: Given) -> list[Expected]:
        expect = given.good("expect")
        if not expect:
            if "expect" not in given or expect is not None:
                self.missing(given if expect is None else expect, given.place, TEST_EXPECT())
            return []
        events = []
        for one in given.good("events", ()):
            event = self._test_event(one) if one is not BAD else None
            if event is None:
                if one is not BAD:
                    self.tell(one.place, TEST_EVENT())
                return []
            events.append(event)
        lead = {write_operand(name): value for name, value in given.good("lead", {}).items() if value is not BAD}
        name = given.good("name") or ""
        return [Expected(given.place, name, given.good("as_of"), lead, tuple(events), _good(expect))]

    def _test_event(self, given: Given) -> tuple[str, date | float, dict[str, Operand]] | None:
        pairs: list[tuple[Operand, Any]] = list(given.items())
        (name, when), *others = pairs or [("", "")]
        if isinstance(when, str) and (found := _AGO.fullmatch(when)):
            when = float(found[1])
        elif when == "today":
            when = 0.0
        elif not isinstance(when, date):
            return None
        return write_operand(name), when, {write_operand(column): value for column, value in others if value is not BAD}


def _good(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not BAD}


def _one_of_each(operands: Iterable[Operand]) -> list[str]:
    """The first operand of each kind, as it stands in the file."""
    kinds = {reading_of(operand): operand for operand in reversed(list(operands))}
    return [write_operand(operand) for operand in reversed(kinds.values())]


def _number(given: Mapping[str, Any], key: str) -> float | None:
    value = given.get(key)
    return None if value is BAD else value
