"""What could be otherwise about a lead: values of its fields, and events, that make a difference to rules.

Between two numbers that rules compare with, all numbers are alike to them: one of each kind is tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice, pairwise, product
from typing import Any

from kpi_udfs.cells import as_date
from kpi_udfs.rules.model import (
    Condition,
    EventTest,
    Operand,
    Place,
    Rule,
    Test,
    Version,
    parts,
    reading_of,
    write_operand,
)
from kpi_udfs.rules.patterns import Pattern
from kpi_udfs.settings import fold

#: A value of a cell; None is blank.
Value = Operand | None
#: An event: its name, and what its other columns hold.
Filled = tuple[str, Operand, Place]
Happening = tuple[str, tuple[Filled, ...]]

#: Texts that no rule has in mind, and the name of an event of any kind.
_OTHER_TEXTS = ("other", "–")
_ANY_EVENT = "any event"
#: How many texts put together of several, and how many kinds of one event, are tried.
_MOST_TEXTS = 40
_MOST_KINDS = 24


def conditions_for_mql(version: Version) -> list[Condition]:
    """Every question that counts on the way to an MQL: of the fast track, the gates, the rules with most points."""
    assert version.mql is not None
    tops = [version.mql.fast_track, version.mql.require]
    tops += [condition for rule in _scoring(version) for condition in (rule.condition, rule.event)]
    return [part for top in tops if top is not None for part in parts(top)]


def fields_for_mql(version: Version) -> dict[str, Place]:
    """The fields that count on the way to an MQL, with a place where the rules ask for them."""
    asked = {test.name: test.place for test in conditions_for_mql(version) if isinstance(test, Test)}
    return asked | {rule.name: rule.place for rule in _scoring(version) if rule.name is not None}


def _scoring(version: Version) -> list[Rule]:
    """The rules whose points count, those that give most first."""
    assert version.mql is not None
    return sorted(version.rules, key=lambda rule: -rule.most) if version.mql.thresholds else []


# ------------------------------------------------------------------------------------- values


def values(tests: Sequence[Test], rules: Sequence[Rule], day: date) -> list[Value]:
    """The values of one column that are worth trying; blank comes last.

    ``tests``, ``rules``: all that look at the column. A value has to be readable in each of their ways.
    """
    readings = {test.reading for test in tests} | {reading_of(key) for rule in rules for key in rule.values}
    if any(rule.bands for rule in rules):
        readings.add("number")
    if "flag" in readings:
        found: Iterable[Value] = (True, False)
    elif "day" in readings:
        found = _days(tests, rules, day)
    elif "number" in readings:
        found = _numbers(tests, rules)
    else:
        found = _texts(tests, rules)
    # True is 1 to a dictionary.
    return [*{(type(value), value): value for value in found}.values(), None]


def _operands(tests: Sequence[Test], rules: Sequence[Rule]) -> list[Operand]:
    words = [word for test in tests if not isinstance(test.operand, Pattern) for word in test.operand]
    return [*words, *(key for rule in sorted(rules, key=lambda rule: -rule.most) for key in _best_first(rule))]


def _best_first(rule: Rule) -> list[Operand]:
    return sorted(rule.values, key=lambda key: -rule.values[key])


def _numbers(tests: Sequence[Test], rules: Sequence[Rule]) -> Iterator[float]:
    """Every limit, and a number between each two of them, below and above all."""
    limits = []
    for operand in _operands(tests, rules):
        try:
            limits.append(float(operand))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue  # a text that such a column can't hold
    limits += [end for rule in rules for band in rule.bands for end in (band.low, band.high) if end is not None]
    yield from limits
    ordered = sorted(set(limits)) or [0.0]
    yield ordered[-1] + 1.0
    yield ordered[0] - 1.0
    for low, high in pairwise(ordered):
        yield low + 1.0 if low + 1.0 < high else (low + high) / 2


def _days(tests: Sequence[Test], rules: Sequence[Rule], day: date) -> Iterator[date]:
    """The day itself, every limit, and the days beside it; days to come are not known yet."""
    yield day
    for test in tests:
        if test.operator in ("within_last", "older_than"):
            days = float(test.operand[0])  # type: ignore[index, arg-type]
            yield from (day - timedelta(days=int(days)), day - timedelta(days=int(days) + 1))
    for limit in _operands(tests, rules):
        if isinstance(limit, date):
            near = (limit, limit + timedelta(days=1), limit - timedelta(days=1))
            yield from (one for one in near if one <= day)


def _texts(tests: Sequence[Test], rules: Sequence[Rule]) -> Iterator[str]:
    """The words that rules ask for, alone and put together, and words that they don't know."""
    words: dict[str, list[str]] = {"start": [""], "middle": [""], "end": [""]}
    places = {"starts_with": "start", "ends_with": "end", "contains": "middle", "not_contains": "middle"}
    for test in tests:
        if test.operator == "is":
            continue
        if isinstance(test.operand, Pattern):
            words["middle"].append(test.operand.example())
        elif test.operator in places:
            words[places[test.operator]] += map(write_operand, test.operand)
    plain = [test for test in tests if not isinstance(test.operand, Pattern) and test.operator not in (*places, "is")]
    yield from map(write_operand, _operands(plain, rules))
    together = sorted(product(*words.values()), key=lambda made: sum(map(bool, made)))
    yield from islice(filter(None, map("".join, together)), _MOST_TEXTS)
    yield from _OTHER_TEXTS


# ------------------------------------------------------------------------------------- events


def happenings(version: Version, day: date) -> list[Happening]:
    """The events that are worth trying, the plain ones first."""
    asked = [test for test in conditions_for_mql(version) if isinstance(test, EventTest)]
    names = {fold(written): written for test in asked for written in test.written}
    if any(not test.names for test in asked):
        names[""] = _ANY_EVENT
    found: list[Happening] = []
    for name, written in names.items():
        where = [one for test in version.event_tests if not test.names or name in test.names for one in test.where]
        found += [(written, columns) for columns in _kinds(where, day)]
    return found


def _kinds(where: Sequence[Test], day: date) -> list[tuple[Filled, ...]]:
    """What the columns of an event may hold, the fewest filled ones first."""
    columns: dict[str, list[Test]] = {}
    for test in where:
        columns.setdefault(fold(test.name), []).append(test)
    choices = [
        [None, *((tests[0].name, value, tests[0].place) for value in values(tests, [], day) if value is not None)]
        for tests in columns.values()
    ]
    filled = [tuple(one for one in kind if one is not None) for kind in product(*choices)]
    return sorted(filled, key=len)[:_MOST_KINDS]


def plain_value(value: Value) -> Any:
    """For JSON."""
    return value.isoformat() if isinstance(value, date) else value


def today_of(day: int | None) -> date:
    """The day to look from; where nothing tells it, an event of today would."""
    return as_date(day) if day is not None else date.today()
