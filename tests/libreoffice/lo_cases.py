"""Every declared example and two thousand random calls, answered by Calc."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import case_book
import openpyxl
import pytest
from case_book import Place
from cases import Case, core_answer, differences, examples, gives_number, random_cases
from gaps import NOT_CALLED, compare, concerns, expected, standing
from soffice import Calc, formulas, sheets

from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.registry import KPIS

#: How many of the random calls go from file to file.
CARRIED = 200


@dataclass(frozen=True)
class Book:
    """A workbook with calls, the core's answers, and where the formulas stand."""

    path: Path
    cases: list[Case]
    answers: list[Any]
    places: list[Place]

    @classmethod
    def of(cls, path: Path, cases: list[Case]) -> Book:
        answers = [core_answer(case) for case in cases]
        return cls(path, cases, answers, case_book.write(path, cases, answers, arrays=True))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return Book.of(tmp_path_factory.mktemp("cases") / "cases.xlsx", examples() + random_cases())


@pytest.fixture(scope="module")
def calculated(calc: Calc, book: Book) -> tuple[list[list[Any]], dict[str, FormulaCell]]:
    """The sheet with the calls, as Calc calculates it and, beside it, the headless engine."""
    with ThreadPoolExecutor() as beside:
        waiting = beside.submit(calc.values, book.path, book.path.parent / "calculated")
        cells = {cell.cell: cell for cell in Workbook(book.path).calculate() if cell.sheet == case_book.CALLS}
        return waiting.result()[case_book.CALLS], cells


@pytest.fixture(scope="module")
def rows(calculated: tuple[list[list[Any]], Any]) -> list[list[Any]]:
    return calculated[0]


def test_most_calls_give_numbers(book: Book, rows: list[list[Any]]) -> None:
    numbers = [place for place in book.places if gives_number(standing(rows, place))]
    assert len(numbers) >= 0.7 * len(book.cases)


def test_calc_answers_as_the_core(book: Book, rows: list[list[Any]]) -> None:
    assert compare(book.cases, book.answers, book.places, rows) == {"error in a range", "true or false"}


def test_calc_answers_as_the_headless_engine(
    book: Book, calculated: tuple[list[list[Any]], dict[str, FormulaCell]]
) -> None:
    rows, cells = calculated
    wrong, compared = [], 0
    for case, answer, place in zip(book.cases, book.answers, book.places, strict=True):
        if concerns(case) and differences(expected(case), answer):
            continue  # because of a gap
        compared += 1
        cell, got = cells[place.cell], standing(rows, place)
        shown = cell.error or cell.value
        if isinstance(shown, list):
            got = [row[: len(shown[0])] for row in got[: len(shown)]]
        if found := differences(got if isinstance(shown, list) else got[0][0], shown):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {compared}", *wrong[:10]])
    assert compared >= 0.9 * len(book.cases)


def test_the_file_is_right_on_another_computer(calc: Calc, fresh_calc: Callable[..., Calc], tmp_path: Path) -> None:
    """As ``.xlsx`` to ``.ods``, opened in a Calc that never ran before, and back to ``.xlsx``."""
    book = Book.of(tmp_path / "carried.xlsx", examples() + random_cases()[:CARRIED])
    calc.convert("ods", book.path, into=tmp_path)
    fresh, there, back = fresh_calc(), tmp_path / "there", tmp_path / "back"
    fresh.convert("ods", tmp_path / "carried.ods", into=there)
    fresh.convert("xlsx", there / "carried.ods", into=back)
    stands = sheets(there / "carried.ods")[case_book.CALLS]
    for rows in (sheets(tmp_path / "carried.ods")[case_book.CALLS], stands):
        compare(book.cases, book.answers, book.places, rows)
    saved = openpyxl.load_workbook(back / "carried.xlsx", data_only=True)[case_book.CALLS]
    written = [["" if cell is None else cell for cell in row] for row in saved.iter_rows(values_only=True)]
    for case, place in zip(book.cases, book.places, strict=True):
        # Excel knows no Err:504.
        wanted = [["#VALUE!" if cell == NOT_CALLED else cell for cell in row] for row in standing(stands, place)]
        assert not differences(standing(written, place), wanted), case
    called = Counter(formula.partition("(")[0] for formula in formulas(back / "carried.xlsx"))
    assert {name: n for name, n in called.items() if name in KPIS} == Counter(case.kpi for case in book.cases)
