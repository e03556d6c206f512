"""What is told to be impossible is so: tried with every cell and every number of events there are in a small world.

Conditions are made by chance and judged a second time here, by what the rules mean, without the reasoning of the checks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count, product

import pytest
from told import MQL, SCHEMA, told

from kpi_udfs.rules.contradictions import (
    AT_LEAST_NONE,
    COUNT_ALWAYS,
    ENDS_SWAPPED,
    TWICE_IN_LIST,
    Context,
    impossible,
    not_suppressed,
)
from kpi_udfs.rules.model import Condition, EventTest, Group, Operand, Place
from kpi_udfs.rules.model import Test as Question  # pytest takes what is called Test for one of its own

pytestmark = pytest.mark.thorough

TODAY = date(2026, 6, 15)
DAYS = [TODAY + timedelta(days) for days in (-40, -9, -4, -3, 0, 2)]
#: None: a blank cell. What is no number is one that can't be read as one, and no day either.
CELLS: dict[str, list[object]] = {
    "text": [None, "x", "xy", "yx", "y", "zz", "5"],
    "number": [None, 1.0, 2.0, 2.5, 3.0, 7.0, "no number"],
    "day": [None, *DAYS, "no day"],
    "flag": [None, True, False, "perhaps"],
}
#: Ages of the events of one lead.
EVENTS = [(), (0,), (5,), (0, 0), (0, 5), (5, 6), (0, 5, 40), (1, 2, 3, 4)]
OPERANDS: dict[str, list[Operand]] = {
    "text": ["x", "xy", "y", "Z", "5"], "number": [1.0, 2.0, 3.0, 7.0], "day": list(DAYS), "flag": [True, False],
}  # fmt: skip
UNSURE = 0.5


# ------------------------------------------------------------------------------------ conditions by chance


def some_test(dice: random.Random, place: Place) -> Question:
    column = dice.choice(["text", "text", "number", "number", "day", "flag"])
    missing = dice.choice(["fail", "fail", "pass", "unknown"])
    operands = dice.sample(OPERANDS[column], 2)
    operators = ["eq", "ne", "in", "not_in", "is"]
    operators += {
        "text": ["contains", "not_contains", "starts_with", "ends_with"],
        "number": ["gt", "gte", "lt", "lte", "between"],
        "day": ["gt", "gte", "lt", "lte", "between", "before", "after", "within_last", "older_than"],
        "flag": [],
    }[column]
    operator = dice.choice(operators)
    one: tuple[Operand, ...] = (operands[0],)
    if operator in ("in", "not_in", "contains", "not_contains", "starts_with", "ends_with"):
        one = tuple(operands[: dice.choice([1, 2])])
    elif operator == "between":
        one = tuple(sorted(operands))  # type: ignore[type-var]
    elif operator == "is":
        one = (dice.choice(["blank", "not_blank"]),)
    elif operator in ("within_last", "older_than"):
        one = (float(dice.choice([3, 4, 30])),)
    return Question(place, column, operator, one, missing)  # type: ignore[arg-type]


def some_events(dice: random.Random, place: Place) -> EventTest:
    names = [("gte", "lte"), ("gte",), ("lt",), ("eq",), ("gt",), ("lte",)]
    bounds = tuple((name, float(dice.randrange(4))) for name in dice.choice(names))
    within, counts = dice.choice([None, 0.0, 5.0, 30.0]), dice.choice(["events", "days"])
    return EventTest(place, ("visit",), (), within, counts, bounds)  # type: ignore[arg-type]


def some_condition(dice: random.Random, lines: Iterator[int], depth: int = 2) -> Condition:
    place = Place("f", next(lines))
    if depth == 0 or dice.random() < 0.35:
        return some_events(dice, place) if dice.random() < 0.25 else some_test(dice, place)
    of = tuple(some_condition(dice, lines, depth - 1) for _ in range(dice.choice([1, 2, 2, 3, 4])))
    kind = dice.choice(["all", "all", "all", "any", "none", "at_least"])
    return Group(place, kind, of, dice.randrange(1, len(of) + 1) if kind == "at_least" else 1)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------ what they mean


World = dict[str, object]


def truth(condition: Condition, world: World, off: int | None = None) -> float:
    """1 met, 0 not met, in between unknown; the part in the line ``off`` is never met."""
    if condition.place.line == off:
        return 0
    if isinstance(condition, EventTest):
        return counted(condition, world["events"])  # type: ignore[arg-type]
    if isinstance(condition, Question):
        return asked(condition, world[condition.name])
    each = [truth(part, world, off) for part in condition.of]
    if condition.kind == "all":
        return min(each)
    if condition.kind == "at_least":
        met, unsure = each.count(1), each.count(UNSURE)
        return 1 if met >= condition.at_least else UNSURE if met + unsure >= condition.at_least else 0
    return max(each) if condition.kind == "any" else 1 - max(each)


def counted(test: EventTest, ages: tuple[int, ...]) -> float:
    known = [age for age in ages if test.within is None or age <= test.within]
    number = len(set(known)) if test.counts == "days" else len(known)
    return all(compared(operator, number, bound) for operator, bound in test.bounds)


def compared(operator: str, one: object, other: object) -> bool:
    return {
        "eq": one == other,
        "gt": one > other,  # type: ignore[operator]
        "gte": one >= other,  # type: ignore[operator]
        "lt": one < other,  # type: ignore[operator]
        "lte": one <= other,  # type: ignore[operator]
    }[operator]


def asked(test: Question, cell: object) -> float:
    assert isinstance(test.operand, tuple)
    if test.operator == "is":
        return (cell is None) is (test.operand == ("blank",))
    future = isinstance(cell, date) and cell > TODAY
    readable = test.name == "text" or not isinstance(cell, str)
    if cell is None or future or not readable:
        return {"fail": 0, "pass": 1, "unknown": UNSURE}[test.when_missing]
    operands = [one.lower() if isinstance(one, str) else one for one in test.operand]
    if test.operator in ("in", "not_in", "ne"):
        return (cell in operands) is (test.operator == "in")
    if test.operator == "between":
        return bool(operands[0] <= cell <= operands[1])  # type: ignore[operator]
    if test.operator in ("before", "after"):
        return compared({"before": "lt", "after": "gt"}[test.operator], cell, operands[0])
    if test.operator in ("within_last", "older_than"):
        age = (TODAY - cell).days  # type: ignore[operator]
        return (age <= operands[0]) is (test.operator == "within_last")  # type: ignore[operator]
    if test.name == "text" and test.operator != "eq":
        how = {"starts_with": str.startswith, "ends_with": str.endswith}.get(test.operator, str.__contains__)
        return any(how(str(cell), str(one)) for one in operands) is (test.operator != "not_contains")
    return compared(test.operator, cell, operands[0])


def worlds(*conditions: Condition) -> list[World]:
    """Every lead there is, as far as the conditions look at it."""
    text = repr(conditions)
    used = [name for name in CELLS if f"name='{name}'" in text]
    kinds = [CELLS[name] for name in used] + ([list(EVENTS)] if "EventTest" in text else [])
    names = [*used, "events"]
    return [dict(zip(names, cells)) for cells in product(*kinds)]


def around(condition: Condition, line: int) -> list[Condition]:
    """The part in the line with all that it stands in, from the inside out."""
    if condition.place.line == line:
        return [condition]
    for part in condition.of if isinstance(condition, Group) else ():
        if inner := around(part, line):
            return [*inner, condition]
    return []


def is_dead(part: Condition, whole: Condition, free: list[World]) -> bool:
    """Whether nobody meets the part, or it makes no difference to who meets the whole."""
    return all(truth(part, world) != 1 for world in free) or all(
        (truth(whole, world) == 1) == (truth(whole, world, part.place.line) == 1) for world in free
    )


#: What is told of conditions that can be met.
HARMLESS = {text.key for text in (TWICE_IN_LIST, ENDS_SWAPPED, AT_LEAST_NONE, COUNT_ALWAYS)}


@pytest.mark.parametrize("seed", range(8))
def test_what_is_told_to_be_impossible_never_happens(seed: int) -> None:
    dice, reported = random.Random(seed), 0
    for _ in range(60):
        lines = count(1)
        condition, suppress = some_condition(dice, lines), some_condition(dice, lines, 1)
        context = Context()
        for others in ({}, not_suppressed(suppress, context)):
            told_of = [
                place.line
                for place, message in impossible(condition, context, others)
                if message.text.key not in HARMLESS
            ]
            if told_of:
                reported += len(told_of)
                everyone = worlds(condition, suppress)
                free = [world for world in everyone if not others or truth(suppress, world) != 1]
                for line in told_of:
                    assert any(is_dead(part, condition, free) for part in around(condition, line))
    assert reported > 3


def test_most_of_what_is_impossible_in_the_small_world_is_told() -> None:
    """Of two tests of one column that nobody meets; the rest is what other cells than ours would meet."""
    dice, told_of, never = random.Random(1), 0, 0
    for _ in range(3000):
        first, second = some_test(dice, Place("f", 2)), some_test(dice, Place("f", 3))
        both = Group(Place("f", 1), "all", (first, replace(second, name=first.name)))
        if first.name != second.name or any(truth(both, world) == 1 for world in worlds(both)):
            continue
        never += 1
        told_of += any(True for _ in impossible(both, Context()))
    assert never > 100
    assert told_of / never > 0.75


# ------------------------------------------------------------------------------------ what can work is not told


@pytest.mark.parametrize(
    "condition",
    [
        "all: [{field: a, is: blank}, {field: a, ne: x, when_missing: pass}]",
        "all: [{field: a, gte: 5, when_missing: pass}, {field: a, lt: 5, when_missing: pass}]",
        "all: [{field: a, within_last: 30d}, {field: a, older_than: 29d}]",
        "all: [{field: a, gte: 5}, {field: a, lte: 5}]",
        "all: [{field: a, eq: 5}, {field: a, eq: five}]",
        "all: [{field: a, after: 2026-01-01}, {field: a, before: 2026-01-03}]",
        "all: [{field: a, starts_with: ab}, {field: a, starts_with: [abc, x]}, {field: a, ends_with: bc}]",
        "all: [{field: a, eq: Head of Sales}, {field: a, regex: '^head'}]",
        "all: [{event: a, count: {gte: 3, within: 30d}}, {event: a, count: {lt: 2, within: 7d}}]",
        "all: [{event: a}, {none: [{event: a, where: {b: c}}]}]",
        "all: [{event: a, distinct_days: {gte: 8, within: 7d}}]",
        "all: [{field: a, eq: 1}, {any: [{field: a, eq: 1}, {field: b, eq: 2}]}]",
        "none: [{field: a, is: blank}, {field: a, eq: x}]",
        "{count: {eq: 0, within: 30d}}",
    ],
)
def test_what_can_work_is_not_told(condition: str) -> None:
    inner = condition.removeprefix("{").removesuffix("}") if condition.startswith("{") else condition
    assert told(f"{SCHEMA}mql: {{{inner}}}\n") == []


BOTH = 'nobody can meet both "%s" and "%s" in line 3; change one of them, or put them under any'


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("field: a, gte: 100", "field: a, lt: 50", BOTH % ("a lt 50", "a gte 100")),
        ("field: a, eq: x", "field: A, eq: z", BOTH % ("A eq z", "a eq x")),
        ("field: a, eq: x", "field: a, not_in: [X, z]", BOTH % ("a not_in X, z", "a eq x")),
        ("field: a, within_last: 10d", "field: a, older_than: 4w", BOTH % ("a older_than 28d", "a within_last 10d")),
        ("field: a, before: 2026-01-02", "field: a, after: 2026-01-01", BOTH % ("a after 2026-01-01", "a before 2026-01-02")),
        ("field: a, eq: true", "field: a, ne: true", BOTH % ("a ne true", "a eq true")),
        ("field: a, eq: Sales", "field: a, regex: head", BOTH % ("a regex head", "a eq Sales")),
        ("field: a, contains: foobar", "field: a, not_contains: OBA", BOTH % ("a not_contains OBA", "a contains foobar")),
        ("field: a, starts_with: ab", "field: a, starts_with: [b, c]", BOTH % ("a starts_with b, c", "a starts_with ab")),
        ("field: a, is: blank", "field: a, is: not_blank", BOTH % ("a is not_blank", "a is blank")),
        ("field: a, is: blank", "field: a, ne: x",
         'nobody can meet both "a ne x" and "a is blank" in line 3, since a blank cell is only one of them; put them under '
         "any, or add when_missing: pass"),
        ("event: a, count: {gte: 3, within: 7d}", "event: A, count: {lt: 2, within: 30d}",
         BOTH % ("event A count lt 2 within 30d", "event a count gte 3 within 7d")),
        ("event: a", "none: [{event: a}]", 'nobody can meet "event a" where "event a" is excluded (line 3); change one of them'),
        ("none: [{field: a, is: blank}]", "none: [{field: a, is: not_blank}]",
         'everybody meets "a is not_blank" or "a is blank" in line 3: nobody is left when both are excluded'),
        ("field: a, eq: x", "any: [{field: b, eq: 1}, {field: a, eq: z}]",
         'nobody can meet "a eq z", since "a eq x" in line 3 has to hold as well; change one of them'),
        ("field: a, after: 2026-01-01", "all: [{field: a, ne: 2026-01-02}, {field: a, before: 2026-01-03}]",
         "nobody can meet all of this at once: a after 2026-01-01, a ne 2026-01-02, a before 2026-01-03; change it, or put "
         "it under any"),
        ("field: b, eq: 1", "field: a, between: [50, 10]", "between begins with the smaller one; write between: [10, 50]"),
        ("field: b, eq: 1", "field: a, in: [Google, google]",
         '"google" stands in this list twice; upper and lower case make no difference'),
        ("field: b, eq: 1", 'field: a, eq: ""', "no text is empty; write is: blank to ask for blank cells"),
        ("field: b, eq: 1", "at_least: 2, of: [{field: a, eq: 1}]", "at_least asks for 2 conditions, and of lists only 1"),
        ("field: b, eq: 1", "at_least: 0, of: [{field: a, eq: 1}]", "at_least: 0 always holds; write 1 or more"),
        ("field: b, eq: 1", "event: a, count: {gte: 3, lte: 2}", "no number of events is gte 3, lte 2; nobody can meet this"),
        ("field: b, eq: 1", "event: a, count: {lt: 0}", "no number of events is lt 0; nobody can meet this"),
        ("field: b, eq: 1", "event: a, count: {gte: 0}", "any number of events is gte 0; this always holds"),
        ("field: b, eq: 1", "event: a, distinct_days: {gte: 9, within: 7d}",
         "in the last 7 days and today lie 8 days, fewer than distinct_days asks for"),
        ("field: b, eq: 1", "event: a, where: {c: {eq: x, ne: X}}",
         'nobody can meet both "c ne X" and "c eq x" in the same line; change one of them, or put them under any'),
    ],
)  # fmt: skip
def test_what_nobody_can_meet(first: str, second: str, expected: str) -> None:
    assert told(f"{SCHEMA}mql: {{all: [\n{{{first}}},\n{{{second}}}]}}\n") == [f"4: {expected}"]


POINTS = "fit: {rules: [{id: a, event: b, points: 10, max_total: 20}]}\n"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("missing: [Select]\nmql: {field: a, eq: select}",
         '3: "select" counts as a blank cell here (missing), so nobody meets this; write is: blank, or take it out of missing'),
        ("effective_to: 2026-12-31\nmql: {field: a, after: 2026-12-31}",
         "3: no day can meet this from effective_from to effective_to (a day after the as-of day counts as blank)"),
        ("effective_from: 2026-01-01\nmql: {all: [{field: a, within_last: 7d},\n{field: a, before: 2025-12-25}]}",
         '4: nobody can meet both "a before 2025-12-25" and "a within_last 7d" in line 3; change one of them, or put them '
         "under any"),
        ("suppress: {any: [{field: a, gte: 10}]}\nmql: {field: a, gte: 20}",
         '3: whoever meets "a gte 20" is suppressed by line 2, so nobody gets any further with it'),
        ("suppress: {all: [{field: a, eq: x}, {field: b, eq: z}]}\nmql: {all: [{field: b, eq: z}, {field: a, eq: x}]}",
         '3: whoever meets "all (b eq z; a eq x)" is suppressed by line 2, so nobody gets any further with it'),
        (f"suppress: {{any: [{{field: a, is: blank}}, {{field: a, is: not_blank}}]}}\n{MQL}",
         "2: this suppresses everybody, so nobody can be an MQL"),
        ("mql:\n  require: {field: a, eq: 1}\n  fast_track: {field: a, eq: 2}",
         '4: nobody can meet "a eq 2", since "a eq 1" in line 3 has to hold as well; change one of them'),
        ("mql: {field: a, eq: 1}\nsql: {field: a, eq: 2}",
         '3: nobody can meet "a eq 2", since "a eq 1" in line 2 has to hold as well; change one of them'),
        (f"{MQL}fit: {{rules: [{{id: a, field: b, eq: 1, points: 0}}]}}",
         '3: the rule "a" gives 0 points; give it points, or write enabled: false'),
        (f"{MQL}fit: {{rules: [{{id: a, event: b, points: -10, max_total: 5}}]}}",
         "3: max_total 5 is less than the 10 points of a single event; raise it"),
        (f"{MQL}fit: {{rules: [{{id: a, event: b, points: 10, max_per_day: 5}}]}}",
         "3: max_per_day 5 is less than the 10 points of a single event; raise it"),
        (f"{MQL}fit: {{rules: [{{id: a, field: b, values: {{Google: 5, google: 3}}}}]}}",
         '3: "google" stands under values twice; upper and lower case make no difference'),
        (f"{MQL}fit: {{rules: [{{id: a, field: b, bands: [{{from: 10, to: 1, points: 5}}]}}]}}",
         "3: no number lies in this band: it begins at 10 and ends at 1"),
        (f"{MQL}fit: {{rules: [{{id: a, field: b, bands: [{{below: 10, points: 5}},\n{{below: 5, points: 3}}]}}]}}",
         "4: this band and the one in line 3 overlap; let one end below the other begins"),
        (f"{MQL}fit: {{cap: 0, rules: [{{id: a, event: b, points: 5}}]}}",
         "3: the cap 0 takes away all points; raise it above 0, or take it out"),
        (f"{MQL}fit: {{cap: 5, floor: 10, rules: [{{id: a, event: b, points: 5}}]}}",
         "3: the floor 10 lies above the cap 5; swap them"),
        (f"{MQL}{POINTS}score: {{cap: 5, floor: 10}}", "4: the floor 10 lies above the cap 5; swap them"),
        ("mql: {threshold: 5}", "2: no rule gives points, so there is nothing to reach; add rules under fit or engagement, "
                                "or take threshold out"),
        (f"{POINTS}mql: {{threshold: 21}}",
         "3: the threshold asks for 21 points for score, and the rules give 20 at most; lower it, or raise points or caps"),
        (f"{POINTS}score: {{cap: 15}}\nmql: {{threshold: 20}}",
         "4: the threshold asks for 20 points for score, and the rules give 15 at most; lower it, or raise points or caps"),
        (f"{POINTS}mql: {{threshold: {{fit: 20, engagement: 5}}}}",
         "3: the threshold asks for 5 points for engagement, and no rule gives any there"),
        (f"{POINTS}mql: {{threshold: 0}}", "3: every lead reaches this threshold; raise it, or take it out"),
        (f"{POINTS}mql: {{threshold: [{{fit: 10}},\n{{fit: 15}}]}}",
         "4: whoever reaches this threshold has reached the one in line 3, too; take one of them out"),
    ],
)  # fmt: skip
def test_rules_that_cannot_work(rules: str, expected: str) -> None:
    assert told(f"{SCHEMA}{rules}\n") == [expected]


@pytest.mark.parametrize(
    "rules",
    [
        "mql: {field: a, eq: 1, sticky: true}\nsql: {field: a, eq: 2}",
        "suppress: {field: a, ends_with: '@us'}\nmql: {field: a, contains: '@'}",
        "suppress: {field: a, eq: x}\nmql: {field: a, is: blank}",
        "suppress: {field: a, not_in: [DE, AT]}\nmql: {field: a, in: [DE, CH]}",
        f"{POINTS}mql: {{threshold: 20}}",
        "fit: {floor: 30, rules: [{id: a, event: b, points: -10}]}\nmql: {threshold: {fit: 30}, field: a, eq: 1}",
        f"{MQL}fit: {{cap: 0, rules: [{{id: a, event: b, points: -10}}]}}",
        f"{MQL}fit: {{rules: [{{id: a, field: b, bands: [{{below: 5, points: 1}}, {{from: 5, points: 2}}]}}]}}",
        "effective_to: 2026-12-31\nmql: {field: a, after: 2026-12-30}",
    ],
)
def test_rules_that_can_work_are_not_told(rules: str) -> None:
    expected = ["3: every lead reaches this threshold; raise it, or take it out"] if "floor: 30" in rules else []
    assert told(f"{SCHEMA}{rules}\n") == expected
