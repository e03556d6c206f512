"""The door for our own VBA, called as xlwings' COM server calls it: with what pywin32 makes of Excel's values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kpi_udfs import calls
from kpi_udfs.hosts.excel import ANSWER
from kpi_udfs.registry import KPIS

DIV0 = -2146826281


def shown(*given: Any) -> Any:
    """What xlwings' server makes of the rows: a single value as such."""
    rows = ANSWER(*given)
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else rows


def test_values_and_errors() -> None:
    assert shown("COST_PER_LEAD", 1900.0, "", 1200.0, 40.0) == 30.0
    assert shown("COST_PER_LEAD", 1900.0, "", ((1000.0,), (200.0,)), 40.0) == 30.0
    assert shown("COST_PER_LEAD", 1900.0, "", 5.0, 0.0) == "#DIV/0!"
    assert shown("COST_PER_LEAD", 1900.0, "", ((5.0,), (DIV0,)), 40.0) == "#DIV/0!"
    assert shown("WIN_RATIO", 1900.0, "", (("won",), ("lost",), (None,)), None, None) == 0.5
    assert shown("FUNNEL", 1900.0, "", 5.0) == "#VALUE!"


def test_a_block_is_rows_of_plain_values() -> None:
    table = (("Lead", "MQL"), (46000.0, 46010.0), (46001.0, None))
    rows = shown("FUNNEL", 1900.0, "", table)
    assert [type(row) for row in rows] == [list] * 3
    assert {type(cell) for row in rows for cell in row} <= {str, int, float}


def test_a_function_of_a_later_version_is_unknown() -> None:
    assert shown("NOT_YET_INVENTED", 1900.0, "", 1.0) == "#NAME?"


@pytest.mark.parametrize("base", [1900, 1904])
def test_days_count_from_the_workbooks_own_start(base: int) -> None:
    """1 and 31 January 2026, as cells of either system hold them."""
    first, last = (46023.0, 46053.0) if base == 1900 else (44561.0, 44591.0)
    amounts, dates = ((10.0,), (20.0,)), ((first,), (last,))
    assert shown("REVENUE", float(base), "", amounts, dates, None, first, last) == 30.0
    said = shown("KPI_EXPLAIN", float(base), "", "REVENUE", amounts, dates, None, first, first)
    assert "2026-01-01" in said or "Jan 1, 2026" in said or "1 January 2026" in said, said


def test_rules_lie_beside_the_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours.yaml").write_text("schema: kpi_udfs.qualification/1\nmql: {field: size, gte: 10}\n", "utf-8")
    leads = (("Lead ID", "size"), ("a", 20.0), ("b", 5.0))
    assert shown("MQL_COUNT", 1900.0, "", leads, None, "ours.yaml", 46023.0) == "#VALUE!"
    monkeypatch.chdir(tmp_path)
    assert shown("MQL_COUNT", 1900.0, ".", leads, None, "ours.yaml", 46023.0) == "#VALUE!"
    monkeypatch.setattr("kpi_udfs.hosts.excel.PureWindowsPath", Path)
    assert shown("MQL_COUNT", 1900.0, str(tmp_path), leads, None, "ours.yaml", 46023.0) == 1


@pytest.mark.parametrize(
    "name",
    [
        r"\\evil\share\r",
        "//evil/share/r",
        r"/\evil\share\r",
        r"\/evil/share/r",
        r"\\?\UNC\evil\share\r",
        "https://evil/r",
    ],
)
def test_a_formula_names_no_file_of_another_computer(name: str) -> None:
    """Looking for one would hand over the user's sign-in."""
    leads = (("Lead ID", "size"), ("a", 20.0))
    assert "this computer only" in ANSWER("KPI_EXPLAIN", 1900.0, "", "MQL_COUNT", leads, None, name)[0][0]


def explained(*arguments: Any) -> str:
    return str(calls.call(KPIS["KPI_EXPLAIN"], arguments, calls.context_now(com=True)))


def test_four_places_are_named() -> None:
    """Without our VBA, Excel hands cells with a currency format over as amounts of four places."""
    spend = ((Decimal("0.3333"),), (Decimal("0.6667"),))
    assert "four decimal places" in explained("COST_PER_LEAD", spend, 2.0)
    assert "spend has cells with a currency format" in explained("COST_PER_LEAD", spend, 2.0)
    assert "four decimal places" not in explained("COST_PER_LEAD", ((0.3333,), (0.6667,)), 2.0)
