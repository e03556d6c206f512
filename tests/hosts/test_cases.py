"""Random calls and the declared examples, the same in the hosts that run here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import case_book
import pytest
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


@pytest.mark.thorough
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
    places = case_book.write(path, calls, answers)
    cells = {cell.cell: cell for cell in Workbook(path).calculate() if cell.sheet == case_book.CALLS}
    wrong = []
    for case, answer, place in zip(calls, answers, places, strict=True):
        cell = cells[place.cell]
        if found := differences(cell.error or cell.value, answer):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(calls)}", *wrong[:10]])


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
