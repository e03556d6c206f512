"""What does not belong there, in each argument of each function: a documented outcome, and nothing hangs."""

from __future__ import annotations

from pathlib import Path

import case_book
from cases import Case, Rows, as_rows, core_answer
from gaps import GAPS, compare
from soffice import Calc

from kpi_udfs.registry import KPIS, KpiSpec

#: A cell of each sort, by itself and in a column of the same.
CELLS = (None, "", "abc", {"date": "2026-03-01"}, True, {"error": "#N/A"})
MISPLACED: list[Rows] = [[[cell]] * times for cell in CELLS for times in (1, 3)]


def cases() -> list[Case]:
    return [
        Case(spec.name, [*given[:position], misplaced, *given[position + 1 :]])
        for spec in KPIS.values()
        for position in range(len(spec.params))
        for given in [_given(spec, position)]
        for misplaced in MISPLACED
    ]


def _given(spec: KpiSpec, position: int) -> list[Rows | None]:
    """The arguments of the first example that has the one in question."""
    arguments = (spec.arguments(example) for example in spec.examples)
    found = next(given for given in arguments if len(given) > position and given[position] is not None)
    return [as_rows(argument) for argument in found]


def in_whole_columns() -> list[Case]:
    """First examples in which each kind of range is seen; a whole column takes Calc most of a second."""
    chosen, seen = [], set()
    for spec in KPIS.values():
        case = Case(spec.name, list(map(as_rows, spec.arguments(spec.examples[0]))))
        kinds = {
            param.kind.name for param, rows in zip(spec.params, case.arguments, strict=False) if rows and len(rows) > 1
        }
        if not kinds <= seen:
            chosen.append(case)
            seen |= kinds
    assert len(seen) >= 9
    return chosen


def test_every_position(calc: Calc, tmp_path: Path) -> None:
    misplaced, whole = cases(), in_whole_columns()
    calls = [*misplaced, *whole]
    answers = [core_answer(case) for case in calls]
    numbers = range(len(misplaced), len(calls))
    places = case_book.write(tmp_path / "positions.xlsx", calls, answers, arrays=True, whole=numbers)
    rows = calc.values(tmp_path / "positions.xlsx", tmp_path / "out")[case_book.CALLS]
    assert compare(calls, answers, places, rows) == set(GAPS)
    assert len(misplaced) > 1000
    assert {case.kpi for case in misplaced} | {"KPI_VERSION"} == set(KPIS)
