"""The tests that stand in a rules file, run as a formula would run: QUALIFY over a lead and its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kpi_udfs import calls
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError, Problem
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import KPIS, Block
from kpi_udfs.rules import files
from kpi_udfs.rules.asked import EVENT_ROLES, event_columns, event_header, id_header, lead_columns
from kpi_udfs.rules.leads import REACHED
from kpi_udfs.rules.model import Expected, Operand, RuleSet, Version, write_operand
from kpi_udfs.settings import fold
from kpi_udfs.tables import headers

FAILED = text("rules.testing.failed", 'the test "{name}" (as of {day}) failed: {differences:list}')
DIFFERS = text("rules.testing.differs", "{what} should be {wanted} and is {got}")
NO_RESULT = text("rules.testing.no_result", "{code}: {reason}")
NO_POINTS = text("rules.testing.no_points", "nothing, as the rules give no points")
NO_RULE = text("rules.testing.no_rule", "none")
UNUSED_FIELD = text(
    "rules.testing.unused_field", 'the test "{name}" gives "{field}", which no rule asks for; did you mean "{nearest}"?'
)

#: The day to look from where neither the test nor its version names one.
ANY_DAY = date(2000, 1, 1)
_LEAD, _NOBODY = "the lead of this test", "a lead of no test"
#: Where the result has what a test expects.
_COLUMNS = {"score": 2, "fit": 3, "engagement": 4, "rule": 5}


@dataclass(frozen=True)
class Tested:
    """How many tests were run, and what is to be said: of those that failed, and of what looks odd."""

    run: int
    failed: tuple[Problem, ...]
    hints: tuple[Problem, ...]


def run_tests(file: Path, context: Context) -> Tested:
    """Run the tests of a rules file, of all its versions. Raises :class:`ConfigError`."""
    rules = files.load(file)
    tables = _Tables(rules, context)
    tests = list(_tests(rules))
    failed = [problem for test, day in tests if (problem := _failed(test, day, file, tables))]
    once = {test.place: test for test, _ in tests}.values()
    return Tested(len(tests), tuple(failed), tuple(hint for test in once for hint in tables.hints(test)))


def _tests(rules: RuleSet) -> Iterator[tuple[Expected, date]]:
    """Each test with the day to look from; one that several versions share is run for each of their days."""
    seen = set()
    for version in rules.versions:
        for test in version.tests:
            day = _day_of(test, version)
            if (test.place, day) not in seen:
                seen.add((test.place, day))
                yield test, day


def _day_of(test: Expected, version: Version) -> date:
    """The test's own day; else the first day of its version; else the last day that the test names."""
    if day := test.as_of or version.begins:
        return day
    named = [when for _, when, _ in test.events if isinstance(when, date)]
    named += [value for value in test.lead.values() if isinstance(value, date)]
    return min(max(named, default=ANY_DAY), version.ends or date.max)


def _failed(test: Expected, day: date, file: Path, tables: _Tables) -> Problem | None:
    arguments = [tables.leads(test), tables.events(test, day), str(file.absolute()), day]
    result = calls.answer(KPIS["QUALIFY"], arguments, tables.context).result
    differences: list[Sentence]
    if isinstance(result, CellError):
        differences = [NO_RESULT(code=result.code, reason=result.reason)]
    else:
        assert isinstance(result, Block)
        differences = list(_differences(test.expect, result.rows[1]))
    if not differences:
        return None
    said = FAILED(name=_name(test), day=day.isoformat(), differences=differences)
    return Problem(test.place.file, test.place.line, said)


def _name(test: Expected) -> str:
    return test.name or "…"


class _Tables:
    """The tables of a test: what the rules ask for is there, and blank where the test does not name it."""

    def __init__(self, rules: RuleSet, context: Context) -> None:
        self.context = context
        self._newest = rules.versions[-1]
        self._id = id_header(rules)
        self._of_leads = [column.header for column in lead_columns(rules)]
        self._of_events = [column.header for column in event_columns(rules)]
        self._roles = {role: event_header(rules, role) for role in EVENT_ROLES}

    def leads(self, test: Expected) -> list[list[Any]]:
        """One lead."""
        return _rows([self._id, *self._of_leads], [self._lead(test)])

    def events(self, test: Expected, day: date) -> list[list[Any]] | None:
        """Its events, after one of somebody else: a table is never empty."""
        if not self._of_events:
            return None
        rows = [self._event(_NOBODY, _NOBODY, day)]
        identifier = self._lead(test)[self._id]
        for name, when, others in test.events:
            on = when if isinstance(when, date) else _before(day, when)
            own = {self._called(column, self._of_events): value for column, value in others.items()}
            rows.append({**own, **self._event(identifier, name, on)})
        return _rows(self._of_events, rows)

    def hints(self, test: Expected) -> Iterator[Problem]:
        """Fields of the lead that no rule asks for and that look like one that some rule does."""
        known = {fold(name): name for name in (*self._of_leads, self._id, *self._newest.fields)}
        for name in test.lead:
            near = get_close_matches(fold(name), known, n=1)
            if near and self._called(name, list(known.values())) not in known.values():
                said = UNUSED_FIELD(name=_name(test), field=name, nearest=known[near[0]])
                yield Problem(test.place.file, test.place.line, said)

    def _lead(self, test: Expected) -> dict[str, Any]:
        cells = {self._called(name, self._of_leads): value for name, value in test.lead.items()}
        return {self._id: _LEAD, **cells}

    def _event(self, identifier: Any, name: str, day: date) -> dict[str, Any]:
        return {self._roles["lead"]: identifier, self._roles["event"]: name, self._roles["date"]: day}

    def _called(self, name: str, known: Sequence[str]) -> str:
        """The column that a test means by ``name``, found as the rules would find it; else the name itself."""
        header = self._header(name)
        try:
            return known[headers.find(known, header, self.context.settings.columns)]
        except CellError:
            return header

    def _header(self, name: str) -> str:
        return self._newest.fields.get(fold(name), name)


def _rows(first: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Rows of cells with their header row: the headers of ``first`` and what else the rows name."""
    shown = {fold(header): header for header in [*first, *(header for row in rows for header in row)]}
    folded = [{fold(header): cell for header, cell in row.items()} for row in rows]
    return [list(shown.values()), *([row.get(key) for key in shown] for row in folded)]


def _before(day: date, days: float) -> date:
    return date.fromordinal(max(1, day.toordinal() - int(days)))


# ----------------------------------------------------------------------------------- comparing


def _differences(expect: Mapping[str, str | float | bool], row: Sequence[Any]) -> Iterator[Sentence]:
    stage = str(row[1])
    for what, wanted in expect.items():
        if what == "stage":
            got, right = stage, stage == wanted
        elif what in REACHED:
            reached = stage in REACHED[what]
            got, right = f"{write_operand(reached)} ({stage})", reached == wanted
        else:
            got, right = _written(row[_COLUMNS[what]], what), _same(row[_COLUMNS[what]], wanted)
        if not right:
            yield DIFFERS(what=what, wanted=write_operand(wanted), got=got)


def _same(got: Any, wanted: Operand) -> bool:
    """Whether a number or a label is the one expected. What is written with decimals is right when it is
    the number rounded to so many of them."""
    if not isinstance(wanted, float) or isinstance(got, str):
        return bool(got == wanted)
    decimals = len(f"{wanted:.15g}".partition(".")[2])
    return bool(abs(got - wanted) <= (0.5 * 10.0**-decimals if decimals else 0.0) + 1e-9)


def _written(got: Any, what: str) -> Any:
    if got == "":
        return NO_RULE if what == "rule" else NO_POINTS
    return write_operand(got)
