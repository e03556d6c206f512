"""What Calc makes of cells before the functions see them: where it differs from other hosts, each with its reason.

A gap is declared as what reaches the functions instead. From it follows what a cell has to show: the core's answer to
what was sent, to the last digit; so a gap that closes, or shows anything else, fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from case_book import Place
from cases import Case, Rows, core_answer, differences, serial
from soffice import Err

from kpi_udfs.registry import KPIS

#: What the cell shows where Calc can't make values of a range.
NOT_CALLED = Err("Err:504")


@dataclass(frozen=True)
class Gap:
    """One of them. ``sends``: what reaches the functions instead of an argument, or, where Calc does not call them, the
    error that the cell shows."""

    reason: str
    sends: Callable[[Rows], Rows | Err]


def _numbers(rows: Rows) -> Rows:
    return [[float(cell) if isinstance(cell, bool) else cell for cell in row] for row in rows]


def _zero(rows: Rows) -> Rows:
    return [[0.0]] if rows == [[None]] else rows


def _nothing(rows: Rows) -> Rows | Err:
    found = any(_is_error(cell) for row in rows for cell in row)
    return NOT_CALLED if found and not _is_single(rows) else rows


def _itself(rows: Rows) -> Rows | Err:
    return Err(rows[0][0]["error"]) if _is_single(rows) and _is_error(rows[0][0]) else rows


def _is_single(rows: Rows) -> bool:
    return len(rows) == len(rows[0]) == 1


def _serials(rows: Rows) -> Rows:
    return [[float(serial(c["date"])) if isinstance(c, dict) and "date" in c else c for c in row] for row in rows]


def _is_error(cell: Any) -> bool:
    return isinstance(cell, dict) and "error" in cell


GAPS = {
    "error in a range": Gap("Calc does not hand over a range in which a cell is an error.", _nothing),
    "an error by itself": Gap("Calc shows the error of a single cell without asking the function.", _itself),
    "true or false": Gap("For Calc, TRUE is the number 1 with a format, and 0 is FALSE.", _numbers),
    "a date": Gap("A date is a number with a format, which does not reach the functions.", _serials),
    "a blank by itself": Gap("Calc hands over a single blank cell as 0, as in =A1+1.", _zero),
}


def concerns(case: Case) -> list[str]:
    """The gaps that make a difference to what is sent."""
    # True and 1.0 are equal, but not written alike.
    return [name for name, gap in GAPS.items() if repr(_sent(case.arguments, gap)) != repr(case.arguments)]


def sent(case: Case, gaps: Sequence[str] = tuple(GAPS)) -> list[Rows | None] | Err:
    """The arguments as Calc hands them over, or the error that the cell shows instead of asking the function."""
    arguments: Any = case.arguments
    for name in gaps:
        arguments = _sent(arguments, GAPS[name])
        if shown := [rows for rows in arguments if isinstance(rows, Err)]:
            return shown[0]
    return list(arguments)


def expected(case: Case, gaps: Sequence[str] = tuple(GAPS)) -> Any:
    """What the formula's cells have to show, as :func:`cases.core_answer` says it."""
    arguments = sent(case, gaps)
    return arguments if isinstance(arguments, Err) else core_answer(Case(case.kpi, arguments))


def _sent(arguments: Sequence[Rows | None], gap: Gap) -> list[Rows | Err | None]:
    return [None if rows is None else gap.sends(rows) for rows in arguments]


def _around(case: Case, answer: Any, place: Place) -> list[list[Any]]:
    """What stands in a formula's cells: an array formula repeats blocks of one column or one row, and shows ``#N/A``
    beyond larger ones, as in every spreadsheet program."""
    if not KPIS[case.kpi].gives_block:
        return [[answer]]
    block = answer if isinstance(answer, list) else [[answer]]

    def cell(row: int, column: int) -> Any:
        row, column = 0 if len(block) == 1 else row, 0 if len(block[0]) == 1 else column
        return block[row][column] if row < len(block) and column < len(block[0]) else "#N/A"

    return [[cell(row, column) for column in range(place.columns)] for row in range(place.rows)]


def standing(rows: list[list[Any]], place: Place) -> list[list[Any]]:
    """The cells of a place; rows end with their last cell that is not blank."""

    def cell(row: int, column: int) -> Any:
        return rows[row][column] if row < len(rows) and column < len(rows[row]) else ""

    return [[cell(row, column) for column in range(place.columns)] for row in range(place.row, place.row + place.rows)]


def compare(cases: Sequence[Case], answers: Sequence[Any], places: Sequence[Place], rows: list[list[Any]]) -> set[str]:
    """Hold every case against what it has to show, ``answers`` being the core's; gives the gaps because of which some
    show another value."""
    wrong, shown = [], set()
    for case, answer, place in zip(cases, answers, places, strict=True):
        gaps = concerns(case)
        wanted = expected(case, gaps) if gaps else answer
        if len(gaps) == 1 and differences(wanted, answer):
            shown.update(gaps)
        if found := differences(standing(rows, place), _around(case, wanted, place)):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)}", *wrong[:10]])
    return shown
