"""The sales funnel template: right without the functions, and right with them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kpi_udfs import settings
from kpi_udfs.hosts.display import Display
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.messages import LANGUAGES
from kpi_udfs.workbooks import build, recipes


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "sales_funnel.xlsx"
    build(recipes()["sales_funnel"], path)
    return path


def test_a_reader_without_the_functions_sees_the_numbers(built: Path) -> None:
    stored = openpyxl.load_workbook(built, data_only=True)
    formulas = Workbook(built).calculate()
    assert len(formulas) > 80
    for cell in formulas:
        value = stored[cell.sheet][cell.cell].value
        assert value == (pytest.approx(cell.value, rel=1e-12) if isinstance(cell.value, float) else cell.value), cell
        assert value not in (None, "")
    assert "functions are not installed" in stored["Funnel"]["A3"].value
    with zipfile.ZipFile(built) as archive:
        workbook = archive.read("xl/workbook.xml").decode()
    assert "fullCalcOnLoad" not in workbook
    assert 'calcId="191029"' in workbook


def test_nothing_in_it_is_an_error(built: Path) -> None:
    assert not [cell for cell in Workbook(built).calculate() if cell.errors]


def test_data_sheets_are_excel_tables_and_charts_are_native(built: Path) -> None:
    book = openpyxl.load_workbook(built)
    tables = {name: sheet.title for sheet in book.worksheets for name in sheet.tables}
    assert tables == {"leads": "Leads", "deals": "Deals", "spend": "Spend"}
    with zipfile.ZipFile(built) as archive:
        charts = [name for name in archive.namelist() if name.startswith("xl/charts/chart")]
    assert len(charts) == 2


def test_each_headline_number_has_its_explanation_beside_it(built: Path) -> None:
    sheet = openpyxl.load_workbook(built, data_only=True)["KPIs"]
    lines = list(sheet.iter_rows(min_row=6, max_row=18, max_col=3, values_only=True))
    assert len(lines) == 13
    for name, value, why in lines:
        assert isinstance(value, float | int), name
        assert ":" in why
        assert len(why) > 20


def test_the_numbers_are_those_of_plain_formulas(built: Path, tmp_path: Path) -> None:
    """The KPIs against formulas that a spreadsheet person would write without us."""
    plain = {
        "B6": "=SUM(spend[Spend])/ROWS(leads[Lead ID])",
        "B7": "=SUM(spend[Spend])/COUNT(leads[MQL])",
        "B8": "=SUM(spend[Spend])/COUNT(leads[SQL])",
        "B9": "=SUM(spend[Spend])/COUNT(leads[Opportunity])",
        "B10": "=SUM(spend[Spend])/COUNT(leads[Customer])",
        "B11": "=COUNT(leads[Customer])/ROWS(leads[Lead ID])",
        "B12": "=ROWS(leads[Lead ID])/COUNT(leads[Customer])",
        "B13": '=COUNTIF(deals[Outcome],"won")/(COUNTIF(deals[Outcome],"won")+COUNTIF(deals[Outcome],"lost"))',
        "B14": '=SUMIF(deals[Outcome],"won",deals[Amount])/(SUMIF(deals[Outcome],"won",deals[Amount])'
        '+SUMIF(deals[Outcome],"lost",deals[Amount]))',
        "B15": '=SUMPRODUCT((deals[Outcome]="won")*(deals[Closed on]-deals[First contact]))/COUNTIF(deals[Outcome],"won")',
        "B16": '=SUMIF(deals[Outcome],"won",deals[Amount])',
        "B17": '=(SUMIF(deals[Outcome],"won",deals[Amount])*0.6-SUM(spend[Spend]))/SUM(spend[Spend])',
        "B18": '=SUMIF(deals[Outcome],"won",deals[Amount])/SUM(spend[Spend])',
    }
    ours = openpyxl.load_workbook(built, data_only=True)["KPIs"]
    book = openpyxl.load_workbook(built)
    for cell, formula in plain.items():
        book["KPIs"][cell] = formula
    book.save(tmp_path / "plain.xlsx")
    computed = {cell.cell: cell for cell in Workbook(tmp_path / "plain.xlsx").calculate() if cell.sheet == "KPIs"}
    for cell in plain:
        assert ours[cell].value == pytest.approx(computed[cell].value, rel=1e-12), cell


def test_the_readme_shows_the_numbers_of_the_template(built: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = readme.partition("```text\n")[2].partition("```")[0].splitlines()
    shown = dict(zip(lines[::2], map(str.strip, lines[1::2]), strict=True))
    cells = {cell.formula: cell for cell in Workbook(built).calculate()}
    display = Display()
    assert len(shown) == 4
    for formula, value in shown.items():
        assert display.shown(cells[formula].value, cells[formula].number_format) == value, formula


def test_pasted_data_moves_the_numbers(built: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(built)
    book["Spend"]["C2"] = book["Spend"]["C2"].value + 10_000
    book.save(tmp_path / "changed.xlsx")
    before = {cell.cell: cell.value for cell in Workbook(built).calculate() if cell.sheet == "KPIs"}
    after = {cell.cell: cell.value for cell in Workbook(tmp_path / "changed.xlsx").calculate() if cell.sheet == "KPIs"}
    assert after["B6"] > before["B6"]
    assert after["B13"] == before["B13"]


@pytest.mark.parametrize("locale", [locale for locale in LANGUAGES if locale != "en"])
def test_it_works_in_every_language(locale: str, built: Path, tmp_path: Path, language: Any) -> None:
    language(locale)
    cells = build(recipes()["sales_funnel"], tmp_path / "template.xlsx")
    assert not [cell for cell in cells if cell.errors]
    with zipfile.ZipFile(tmp_path / "template.xlsx") as archive:
        texts = archive.read("xl/sharedStrings.xml").decode()
    assert "Sales funnel" not in texts
    settings.forget()
    language("en")
    assert numbers(cells) == pytest.approx(numbers(Workbook(built).calculate()), rel=1e-12)


def numbers(cells: list[FormulaCell]) -> list[float]:
    return [cell.value for cell in cells if isinstance(cell.value, float | int)]


def test_the_same_bytes_every_time(built: Path, tmp_path: Path) -> None:
    build(recipes()["sales_funnel"], tmp_path / built.name)
    assert (tmp_path / built.name).read_bytes() == built.read_bytes()


def test_an_interrupted_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Workbook, progress: Any = None) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Workbook, "calculate", fail)
    with pytest.raises(KeyboardInterrupt):
        build(recipes()["sales_funnel"], tmp_path / "template.xlsx")
    assert list(tmp_path.iterdir()) == []
