"""Random calls and the declared examples, the same in the hosts that run here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from cases import Case, core_answer, differences, examples, gives_number, random_cases
from harness import OfficeJs, need_officejs

from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.registry import KPIS


@pytest.fixture(scope="module", params=[300, pytest.param(2000, marks=pytest.mark.thorough)])
def calls(request: pytest.FixtureRequest) -> list[Case]:
    return examples() + random_cases()[: request.param]


@pytest.fixture(scope="module")
def answers(calls: list[Case]) -> list[Any]:
    return [core_answer(case) for case in calls]


def test_most_random_calls_give_numbers_and_every_function_is_called() -> None:
    cases = random_cases()
    assert len(cases) == 2000
    numbers = [case for case in cases if gives_number(core_answer(case))]
    assert len(numbers) >= 0.6 * len(cases)
    assert {case.kpi for case in numbers} == {
        name for name, spec in KPIS.items() if spec.params and name not in ("KPI_EXPLAIN", "KPI_DEFINITION")
    }
    assert cases == random_cases()


def test_differences_are_seen() -> None:
    assert differences(1.0, 1.0 + 1e-13) is None
    assert differences([[1.0]], 1) is None
    assert differences(1.0, 1.0 + 1e-9) is not None
    assert differences(True, 1) is not None
    assert differences("1", 1) is not None
    assert differences([["a", 1], ["b", 2]], [["a", 1], ["b", 3]]) == "row 2, column 2: 2 instead of 3"
    assert differences([["a", 1]], [["a", 1], ["b", 3]]) is not None
    assert differences("#N/A", "#VALUE!") is not None


def test_headless(calls: list[Case], answers: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "cases.xlsx"
    places = _write(path, calls, answers)
    cells = {cell.cell: cell for cell in Workbook(path).calculate() if cell.sheet == "Calls"}
    wrong = []
    for case, answer, place in zip(calls, answers, places, strict=True):
        cell = cells[place]
        if found := differences(cell.error or cell.value, answer):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(calls)}", *wrong[:10]])


def _write(path: Path, cases: Sequence[Case], answers: Sequence[Any]) -> list[str]:
    """A workbook with the calls, far enough apart for their blocks, and where each of them stands."""
    book = xlsxwriter.Workbook(path)
    formulas, sheet = book.add_worksheet("Calls"), book.add_worksheet("Cells")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    places, at, down = [], 0, 0
    for case, answer in zip(cases, answers, strict=True):
        references, right = [], 0
        for rows in case.arguments:
            if rows is None:
                references.append("")
                continue
            for below, row in enumerate(rows):
                for beside, cell in enumerate(row):
                    _write_cell(sheet, down + below, right + beside, cell, day)
            first = xlsxwriter.utility.xl_rowcol_to_cell(down, right)
            last = xlsxwriter.utility.xl_rowcol_to_cell(down + len(rows) - 1, right + len(rows[0]) - 1)
            references.append(f"Cells!{first}:{last}")
            right += len(rows[0])
        formula = f"={case.kpi}({','.join(references)})"
        if KPIS[case.kpi].gives_block:
            formulas.write_dynamic_array_formula(at, 0, at, 0, formula)
        else:
            formulas.write_formula(at, 0, formula)
        places.append(f"A{at + 1}")
        at += (len(answer) if isinstance(answer, list) else 1) + 1
        down += max((len(rows) for rows in case.arguments if rows), default=1)
    book.close()
    return places


def _write_cell(sheet: Any, row: int, column: int, cell: Any, day: Any) -> None:
    if isinstance(cell, dict) and "date" in cell:
        sheet.write_datetime(row, column, _midnight(cell["date"]), day)
    elif isinstance(cell, dict):
        sheet.write_formula(row, column, f"={cell['error']}", None, cell["error"])
    elif cell == "":
        sheet.write_formula(row, column, '=""', None, "")
    elif cell is not None:
        sheet.write(row, column, cell) if not isinstance(cell, str) else sheet.write_string(row, column, cell)


def _midnight(day: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(day)


@pytest.mark.officejs
def test_officejs(calls: list[Case], answers: list[Any]) -> None:
    need_officejs()
    host = OfficeJs()
    wrong = []
    for case, answer in zip(calls, answers, strict=True):
        if found := differences(host.call(case.kpi, [_for_officejs(rows) for rows in case.arguments]), answer):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(calls)}", *wrong[:10]])


def _for_officejs(rows: Any) -> Any:
    from datetime import date

    def cell_of(cell: Any) -> Any:
        if isinstance(cell, dict):
            return date.fromisoformat(cell["date"]) if "date" in cell else cell["error"]
        return cell

    return None if rows is None else [[cell_of(cell) for cell in row] for row in rows]
