"""What was calculated, in a copy of the workbook: values changed, and nothing else."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
import xlsxwriter

from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.hosts.write_back import changed, differing, write_back
from kpi_udfs.xlsx.sheet_xml import Code, same

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

#: Workbooks that other people publish, and the moment at which each was saved.
PUBLISHED = {
    "AryanBendre_Sales_Dashboard": datetime(2025, 12, 7, 12, tzinfo=UTC),
    "Dicta262_Marketing_Dataset": datetime(2026, 8, 8, 12, tzinfo=UTC),
    "IphenTephen_Cohort_Analysis": None,
    "noolawoyin_KPI_Dashboard": None,
    "saleemrash_Marketing_Budget": datetime(2025, 3, 12, 12, tzinfo=UTC),
}


def written(path: Path, target: Path, now: datetime | None = None) -> list[FormulaCell]:
    with Workbook(path) as book:
        cells = book.calculate(now=now)
        write_back(book, cells, target)
    return cells


def parts(path: Path) -> list[tuple[Any, bytes]]:
    """Every part with all that the archive says of it, in its order."""
    with zipfile.ZipFile(path) as archive:
        return [
            ((i.filename, i.date_time, i.compress_type, i.external_attr, i.extra, i.comment), archive.read(i))
            for i in archive.infolist()
        ]


def without_values(sheet: bytes) -> list[Any]:
    """A sheet's elements, but for values and their types in cells with formulas and in those of blocks."""
    root = ElementTree.fromstring(sheet)
    areas = [f.get("ref", "") for f in root.iter(f"{MAIN}f") if f.get("t") == "array"]
    blocks = {cell for area in areas for row in openpyxl.utils.cell.rows_from_range(area) for cell in row}
    for cell in root.iter(f"{MAIN}c"):
        if cell.find(f"{MAIN}f") is not None or cell.get("r") in blocks:
            cell.attrib.pop("t", None)
            for value in cell.findall(f"{MAIN}v"):
                cell.remove(value)
    return [(element.tag, dict(element.attrib), element.text, element.tail) for element in root.iter()]


def outside_cells(sheet: bytes) -> bytes:
    return re.sub(rb"<c\b[^>]*?(?:/>|>.*?</c>)", b"<c/>", sheet, flags=re.DOTALL)


def assert_only_values_differ(path: Path, copy: Path) -> list[str]:
    """Compare a copy with its original by other means than it was made; gives the parts that differ."""
    before, after = parts(path), parts(copy)
    assert [told for told, _ in before] == [told for told, _ in after]
    touched = []
    for (told, old), (_, new) in zip(before, after, strict=True):
        if old != new:
            assert told[0].startswith("xl/worksheets/sheet"), told[0]
            assert without_values(old) == without_values(new), told[0]
            assert outside_cells(old) == outside_cells(new), told[0]
            touched.append(told[0])
    return touched


@pytest.mark.parametrize("name", PUBLISHED)
def test_in_published_workbooks_only_values_change(data: Path, name: str, tmp_path: Path) -> None:
    path = data / "xlsx" / f"{name}.xlsx"
    cells = written(path, tmp_path / "copy.xlsx")
    touched = assert_only_values_differ(path, tmp_path / "copy.xlsx")
    assert bool(touched) == any(map(changed, cells))
    assert differing(cells) == []
    assert not any(cell.kept for cell in cells)


@pytest.mark.parametrize("name", [name for name, day in PUBLISHED.items() if day])
def test_on_the_day_of_saving_published_workbooks_give_what_they_store(data: Path, name: str, tmp_path: Path) -> None:
    path = data / "xlsx" / f"{name}.xlsx"
    cells = written(path, tmp_path / "copy.xlsx", PUBLISHED[name])
    assert len(cells) > 400
    assert not any(map(changed, cells))
    assert parts(path) == parts(tmp_path / "copy.xlsx")


# ----------------------------------------------------------------------------- own workbooks


@pytest.fixture
def book(tmp_path: Path) -> Any:
    """A workbook; ``done()`` gives its recalculated copy as openpyxl reads it, its cells in ``cells``."""
    path, target = tmp_path / "book.xlsx", tmp_path / "copy.xlsx"
    writer = xlsxwriter.Workbook(path, {"use_future_functions": True})
    writer.sheet = writer.add_worksheet("S")
    writer.data = writer.add_worksheet("D")

    def done(change: Callable[[str], str] | None = None, part: str = "xl/worksheets/sheet1.xml") -> Any:
        writer.close()
        if change:
            changed_part(path, part, change)
        writer.cells = {f"{cell.sheet}!{cell.cell}": cell for cell in written(path, target)}
        return openpyxl.load_workbook(target, data_only=True)

    writer.done = done
    return writer


def changed_part(path: Path, part: str, change: Callable[[str], str]) -> None:
    """Rewrite one part of a workbook."""
    held = parts(path)
    with zipfile.ZipFile(path, "w") as archive:
        for (name, *_), content in held:
            archive.writestr(name, change(content.decode()) if name == part else content)


def calculated(xml: str) -> str:
    """As if a program had calculated what the file stores."""
    return xml.replace(' fullCalcOnLoad="1"', "")


def column(sheet: Any, letter: str, rows: int) -> list[Any]:
    return [sheet[f"{letter}{row}"].value for row in range(1, rows + 1)]


def test_values_of_every_kind_keep_the_format_of_their_cell(book: Any, tmp_path: Path) -> None:
    formats = [book.add_format({"num_format": form, "bold": True}) for form in ("0.0%", "dd.mm.yyyy", "@", "0", "0")]
    formulas = ["=1/4", "=DATE(2026,1,5)", '="<a> & "&CHAR(10)&"ä"', "=1=1", "=NA()"]
    for row, (formula, form) in enumerate(zip(formulas, formats, strict=True)):
        book.sheet.write_formula(row, 0, formula, form)
    sheet = book.done()["S"]
    assert column(sheet, "A", 5) == [0.25, datetime(2026, 1, 5), "<a> & \nä", True, "#N/A"]
    assert [sheet[f"A{row}"].number_format for row in range(1, 6)] == ["0.0%", "dd.mm.yyyy", "@", "0", "0"]
    assert sheet["A5"].data_type == "e"
    assert assert_only_values_differ(tmp_path / "book.xlsx", tmp_path / "copy.xlsx") == ["xl/worksheets/sheet1.xml"]


def test_blocks_grow_shrink_and_come_to_one_cell_or_an_error(book: Any) -> None:
    book.data.write_column("A1", [3, 1, 2, 5, 4])
    percent = book.add_format({"num_format": "0%"})
    book.sheet.write_dynamic_array_formula("A1:A2", "=SORT(D!A1:A5)", percent)
    book.sheet.write("A7", "below")
    book.sheet.write_dynamic_array_formula("B1:B6", "=UNIQUE({1;2;1;2})", percent)
    book.sheet.write_dynamic_array_formula("C1:C3", "=SUM(D!A1:A5)")
    book.sheet.write_dynamic_array_formula("D1:D3", "=FILTER(D!A1:A5,D!A1:A5>9)")
    book.sheet.write_dynamic_array_formula("E1", "=SEQUENCE(3)")
    book.sheet.write("E3", "neighbour")
    book.sheet.write_formula("F1", "=SUM(A1:A7)+SUM(B1:B6)")
    sheet = book.done()["S"]
    assert column(sheet, "A", 7) == [1, 2, 3, 4, 5, None, "below"]
    assert column(sheet, "B", 6) == [1, 2, None, None, None, None]
    assert column(sheet, "C", 3) == [15, None, None]
    assert column(sheet, "D", 3) == ["#VALUE!", None, None]  # Excel stores #CALC! so, too
    assert column(sheet, "E", 3) == ["#VALUE!", None, "neighbour"]
    assert sheet["F1"].value == 18
    assert sheet["B5"].number_format == "0%"


def test_a_block_that_grew_is_stored_with_its_new_area(book: Any, tmp_path: Path) -> None:
    book.sheet.write_dynamic_array_formula("A1:A2", "=SEQUENCE(4)")
    book.done()
    with zipfile.ZipFile(tmp_path / "copy.xlsx") as archive:
        assert b'<f t="array" ref="A1:A4">' in archive.read("xl/worksheets/sheet1.xml")


def test_array_formulas_fill_their_area_and_nothing_else(book: Any) -> None:
    book.data.write_column("A1", [1, 2, 3, 4])
    array = book.sheet.write_array_formula
    array("A1:A2", "{=D!A1:A4*2}")  # larger than its area
    book.sheet.write("A3", "below")
    array("B1:C6", "{=D!A1:A4*2}")  # smaller: repeated across, #N/A below
    array("D1:D1", "{=D!A2:A4}")  # one cell shows the first
    book.sheet.write("D2", "below")
    array("E1:E2", "{=TRANSPOSE(D!A1:A4)}")
    array("F1:F1", "{=SUM(IF(D!A1:A4>2,D!A1:A4))}")
    array("G1:G3", "{=D!C1:C3}")  # empty cells show 0
    book.sheet.write_formula("H1", "=SUM(A1:A2,B1:B4)")
    sheet = book.done()["S"]
    assert column(sheet, "A", 3) == [2, 4, "below"]
    assert column(sheet, "B", 6) == column(sheet, "C", 6) == [2, 4, 6, 8, "#N/A", "#N/A"]
    assert column(sheet, "D", 2) == [2, "below"]
    assert column(sheet, "E", 2) == [1, 1]
    assert [sheet["F1"].value, sheet["H1"].value] == [7, 26]
    assert column(sheet, "G", 3) == [0, 0, 0]


@pytest.mark.parametrize("write", ["write_dynamic_array_formula", "write_array_formula"])
def test_blocks_that_are_too_large_keep_what_they_had_filled(book: Any, write: str) -> None:
    getattr(book.sheet, write)("A1:A10001", "=SEQUENCE(10001)", None, 7)
    book.sheet.write_formula("B1", "=COUNT(A1:A10001)")
    sheet = book.done()["S"]
    assert "more than 10,000 cells" in (book.cells["S!A1"].explanation or "")
    assert [sheet["A1"].value, sheet["A2"].value, sheet["B1"].value] == [7, 0, 10001]


def test_shared_formulas_are_calculated_cell_by_cell(book: Any) -> None:
    for row in range(2000):
        book.sheet.write(row, 0, row)
        book.sheet.write_formula(row, 1, "=0")

    def share(xml: str) -> str:
        first, rest = '<f t="shared" ref="B1:B2000" si="0">A1*$A$3+SUM(A$1:A1)&amp;"A1"</f>', '<f t="shared" si="0"/>'
        return xml.replace("<f>0</f>", first, 1).replace("<f>0</f>", rest)

    sheet = book.done(share)["S"]
    assert [sheet[f"B{row}"].value for row in (1, 2, 3, 2000)] == ["0A1", "3A1", "7A1", f"{1999 * 2 + 1999000}A1"]


def test_what_goes_in_circles_keeps_its_value_and_what_depends_on_it_is_calculated(book: Any) -> None:
    book.sheet.write_formula("A1", "=B1+1", None, 5)
    book.sheet.write_formula("B1", "=A1*2", None, 8)
    book.sheet.write_formula("C1", "=A1+100", None, 1)
    book.sheet.write_formula("D1", "=D1+1", None, 3)
    book.sheet.write_formula("E1", "=SUM(C1:D1)", None, 1)
    book.sheet.write_formula("F1", "=ROW(F1)+ROWS(F1:F9)+COLUMN(F1)+COLUMNS(A:F)", None, 1)  # goes in none
    sheet = book.done()["S"]
    assert [cell.value for cell in sheet[1]] == [5, 8, 105, 3, 108, 22]
    assert [name for name, cell in book.cells.items() if cell.kept] == ["S!A1", "S!B1", "S!D1"]


def test_data_tables_keep_their_values(book: Any) -> None:
    book.sheet.write_row("A1", [7, 8])
    book.sheet.write_formula("A2", "=SUM(A1:B1)")
    table = '<c r="B1"><f t="dataTable" ref="B1:B1" dt2D="1" dtr="1" r1="D1" r2="D2"/><v>8</v></c>'
    sheet = book.done(lambda xml: xml.replace('<c r="B1"><v>8</v></c>', table))["S"]
    assert [sheet["B1"].value, sheet["A2"].value] == [8, 15]
    assert "data table" in (book.cells["S!B1"].explanation or "")


@pytest.mark.parametrize(
    "formula",
    [
        "=[1]Sheet1!A1",
        "='[ext.xlsx]Sheet'!A2:A6",
        "=SUM('[1]My Sheet'!A1:A5)+1",
        "=[1]!Name",
        "=SUM([1]!Name)",
        "='C:\\Users\\Zoë\\[b.xlsx]S'!A1",
        "=VLOOKUP(1,[1]Sheet1!$A:$B,2,FALSE)",
        "=Elsewhere*2",
        "=SUM(Further)",
        "=NOPE(1)",
        "=IF(TRUE,1,NOPE(2))",
        "=LET(x,NOPE(1),x)",
        '=GETPIVOTDATA("x",D!A1)',
        '=CELL("address",D!A1)',
        "=FORMULATEXT(B2)",
        "=SUMPRODUCT(S:D!A1)",
        "=SUM(D!A1:A2 D!A2:A3)",
        '=SUM(INDIRECT("Nowhere[x]"))',
        "=SUM(XLOOKUP(1,D!A1:A3,D!A1:A3):XLOOKUP(3,D!A1:A3,D!A1:A3))",
        "=SUMPRODUCT(CHOOSE({1,2},D!A1:A2,D!A1:A2))",
    ],
)
def test_what_cannot_be_calculated_keeps_its_value_and_others_use_it(book: Any, formula: str) -> None:
    book.define_name("Elsewhere", "=[1]Sheet1!$A$1")
    book.define_name("Further", "=Elsewhere+1")
    book.data.write_column("A1", [1, 2, 3])
    book.sheet.write_formula("B1", formula, None, 41)
    book.sheet.write_formula("B2", "=B1+1")
    sheet = book.done()["S"]
    assert [sheet["B1"].value, sheet["B2"].value] == [41, 42]
    assert book.cells["S!B1"].kept


def test_subtotals_leave_out_what_is_hidden(book: Any) -> None:
    for row in range(1, 7):
        book.data.write_row(row, 0, ["ab"[row % 2], row])
    book.data.autofilter("A1:B7")
    book.data.filter_column("A", "x == a")
    book.sheet.write_column("Z1", [1, 2, 3, 4])
    for sheet, rows in ((book.data, (1, 3, 5)), (book.sheet, (2,))):
        for row in rows:
            sheet.set_row(row, options={"hidden": True})
    formulas = ["9,D!B2:B7", "109,D!B2:B7", "3,D!A:A", "9,Z1:Z4", "109,Z1:Z4"]  # 9 counts what was hidden by hand
    for row, arguments in enumerate(formulas):
        book.sheet.write_formula(row, 0, f"=SUBTOTAL({arguments})")
    book.sheet.write_formula("A6", "=AGGREGATE(9,5,Z1:Z4)")
    book.sheet.write_formula("A7", "=SUM(D!B2:B7)")
    assert column(book.done()["S"], "A", 7) == [12, 12, 3, 10, 7, 7, 21]


def test_macros_stay(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsm"
    plain = tmp_path / "plain.xlsx"
    writer = xlsxwriter.Workbook(plain)
    writer.add_worksheet("S").write_formula("A1", "=1+1")
    writer.close()
    held = parts(plain)
    with zipfile.ZipFile(path, "w") as archive:
        for (name, *_), content in held:
            archive.writestr(name, content.replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml"))
        archive.writestr("xl/vbaProject.bin", bytes(range(256)))
    written(path, tmp_path / "copy.xlsm")
    assert assert_only_values_differ(path, tmp_path / "copy.xlsm") == ["xl/worksheets/sheet1.xml"]


# ------------------------------------------------------------------------------- differences


def test_only_what_was_changed_by_hand_is_a_difference(book: Any) -> None:
    book.define_name("Named", "=S!$A$1:$A$2")
    for row, (formula, stored) in enumerate(
        [
            ("=RAND()", 0.5),
            ("=COST_PER_LEAD(10,5)", 1),
            ("=A1*2", 1),
            ("=SUM(A:A)", 1),
            ("=SUM(Named)", 1),
            ('=SUM(INDIRECT("A1:A2"))', 1),
            ("=OFFSET(A1,1,0)+1", 1),
        ]
    ):
        book.sheet.write_formula(row, 0 if row < 2 else 1, formula, None, stored)
    book.sheet.write_formula("C1", "=1+1", None, 3)
    book.sheet.write_formula("C2", "=C1+1", None, 4)
    book.sheet.write_formula("C3", '="a"', None, "a")
    book.done(calculated, "xl/workbook.xml")
    assert [cell.cell for cell in differing(list(book.cells.values()))] == ["C1"]


def test_a_file_that_was_never_calculated_differs_from_nothing(book: Any) -> None:
    book.sheet.write_formula("A1", "=1+1")  # XlsxWriter stores 0, and that Excel is to calculate
    assert book.done()["S"]["A1"].value == 2
    assert differing(list(book.cells.values())) == []


def test_numbers_are_the_same_to_twelve_digits() -> None:
    assert same(0.1 + 0.2, 0.3)
    assert same(0.1 + 0.2 - 0.3, 0.0)
    assert not same(1.5e-13, 2e-13)
    assert not same(1.0, 1.0001)
    assert not same(1, True)
    assert not same("#N/A", Code("#N/A"))
