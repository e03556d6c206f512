"""Workbooks recalculated without a spreadsheet program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from harness import write_call

from kpi_udfs.errors import WorkbookError
from kpi_udfs.hosts.display import Display
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.kinds import COUNT, PERCENT


def calculated(path: Path) -> dict[str, FormulaCell]:
    return {f"{cell.sheet}!{cell.cell}": cell for cell in Workbook(path).calculate()}


@pytest.fixture
def book(tmp_path: Path) -> Any:
    """A workbook with a table of deals; what the test adds is calculated by ``done()``."""
    path = tmp_path / "book.xlsx"
    writer = xlsxwriter.Workbook(path)
    deals = writer.add_worksheet("Deal's list")
    rows = [["a", "Won", 10, 46027], ["b", "Lost", 30, 46030], ["c", "open", 5, ""]]
    headers = [{"header": "id"}, {"header": "Stage [1]"}, {"header": "Größe"}, {"header": "closed"}]
    deals.add_table(0, 0, 3, 3, {"name": "Deals", "data": rows, "columns": headers})
    writer.sheet = writer.add_worksheet("KPIs")

    def done() -> dict[str, FormulaCell]:
        writer.close()
        return calculated(path)

    writer.done = done
    return writer


def test_kpis_anywhere_in_a_formula_are_explained(book: Any) -> None:
    book.sheet.write_formula("A1", '=IFERROR(WIN_RATIO(Deals[Größe]),"none")')
    book.sheet.write_formula("A2", "=WIN_RATIO('Deal''s list'!B2:B4)*100&\" WIN_RATIO(\"")
    book.sheet.write_formula("A3", '=win_ratio("won") + COST_PER_LEAD(10,5)')
    book.sheet.write_formula("A4", "=1+1")
    book.sheet.write_formula("A5", "=NO_SUCH_FUNCTION(1)", None, "#NAME?")
    cells = book.done()
    assert cells["KPIs!A1"].value == "none"
    assert (cells["KPIs!A1"].explanation or "").startswith("#VALUE!")
    assert cells["KPIs!A1"].errors == []
    assert cells["KPIs!A2"].value == "50 WIN_RATIO("
    assert cells["KPIs!A3"].value == 3
    assert cells["KPIs!A3"].explanation == (
        "WIN_RATIO: 100.0%: 1 won of 1 closed deal.\nCOST_PER_LEAD: 2: spend of 10 ÷ 5 leads."
    )
    assert (cells["KPIs!A4"].value, cells["KPIs!A4"].explanation) == (2, None)
    assert cells["KPIs!A5"].error == "#NAME?"
    assert cells["KPIs!A5"].explanation == (
        "#NAME?: NO_SUCH_FUNCTION can't be calculated here. No value was saved with the file."
    )


@pytest.mark.parametrize(
    "way",
    ["[1]!", "_xldudf_", "'C:\\Users\\Zoë\\XLSTART\\kpi_udfs.xlam'!", "kpi_udfs.xlam!", "[2]!"],
)
def test_functions_saved_by_excel_are_ours_whatever_the_way_to_them(book: Any, way: str) -> None:
    book.sheet.write_formula("A1", f"={way}WIN_RATIO('Deal''s list'!B2:B4)+{way}COST_PER_LEAD(10,5)")
    book.sheet.write_formula("A2", f"={way}OTHER(1)", None, 7)
    cells = book.done()
    assert cells["KPIs!A1"].value == 2.5
    assert not cells["KPIs!A1"].linked
    assert cells["KPIs!A2"].value != 2.5


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("=WIN_RATIO(Deals[Stage '[1']])", 0.5),
        ("=WIN_RATIO(Deals[[Stage '[1']]:[Größe]])", 0.5),
        ("=REVENUE(Deals[[#Data],[Größe]])", 45),
        ("=REVENUE(Deals[größe])", 45),
        ("=REVENUE('Deal''s list'!C:C)", "#VALUE!"),  # the header is no amount
        ("=WIN_RATIO('Deal''s list'!B:B)", 0.5),
        ("=SUM('Deal''s list'!C:C)", 45),
        ("=COUNTA(Deals[#Headers])", 4),
        ("=ROWS(Deals[[#All],[id]:[closed]])", 4),
        ("=REVENUE(Deals[nothing])", "error"),
    ],
)
def test_table_and_column_references(book: Any, formula: str, value: Any) -> None:
    book.sheet.write_formula("B1", formula)
    cell = book.done()["KPIs!B1"]
    assert cell.error if value == "error" else (cell.error or cell.value) == value


def test_this_row_inside_the_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    writer = xlsxwriter.Workbook(path)
    sheet = writer.add_worksheet()
    sheet.add_table(
        "A1:C3",
        {
            "name": "spend",
            "data": [[100, 4], [300, 6]],
            "columns": [{"header": "cost"}, {"header": "leads"}, {"header": "cpl"}],
        },
    )
    # As Excel saves [@cost]; as people write it; and from outside the table, on the same row.
    sheet.write_formula("C2", "=COST_PER_LEAD(spend[[#This Row],[cost]],spend[[#This Row],[leads]])")
    sheet.write_formula("C3", "=COST_PER_LEAD([@cost],[@[leads]])")
    sheet.write_formula("E3", "=COST_PER_LEAD(spend[@cost],spend[@leads])")
    writer.close()
    cells = calculated(path)
    assert [cells[f"Sheet1!{name}"].value for name in ("C2", "C3", "E3")] == [25, 50, 50]


def test_whole_columns_reach_as_far_as_blocks_flow(book: Any) -> None:
    flow = book.add_worksheet("Flow")
    flow.write_dynamic_array_formula("A1", "=SEQUENCE(10)")
    book.add_worksheet("Data").write_column("A1", [100, 50, 70, 10])
    book.sheet.write_formula("B1", "=REVENUE(Flow!A:A)")
    book.sheet.write_formula("B2", "=SUM(Flow!A:A)")
    book.sheet.write_formula("B3", "=COST_PER_LEAD(data!A:A,4)")  # another case than the sheet's
    book.sheet.write_formula("B4", "=SUM(data!$A:$A)")
    cells = book.done()
    assert [cells[f"KPIs!B{row}"].value for row in (1, 2, 3, 4)] == [55, 55, 57.5, 230]


def test_names_and_what_excel_stores_around_calls(book: Any) -> None:
    book.define_name("Ratio", "=WIN_RATIO('Deal''s list'!$B$2:$B$4)")
    book.define_name("KPIs!Local", "=COST_PER_LEAD(10,5)")
    book.sheet.write_formula("B6", "=Local")
    book.sheet.write_formula("B1", "=Ratio")
    book.sheet.write_formula("B2", "=1+ratio*2")
    book.sheet.write_formula("B3", "=_xlfn.SINGLE(WIN_RATIO('Deal''s list'!B2:B4))")
    book.sheet.write_formula("B4", "=_xlfn.LET(_xlpm.x,WIN_RATIO('Deal''s list'!B2:B4),_xlpm.x+1)")
    book.sheet.write_formula("B5", "=ROWS(Deals)")
    cells = book.done()
    assert [cells[f"KPIs!B{row}"].value for row in range(1, 7)] == [0.5, 2.0, 0.5, 1.5, 3, 2.0]
    assert (cells["KPIs!B1"].explanation or "").startswith("50.0%: 1 won of 2 closed deals.")
    assert cells["KPIs!B4"].formula == "=LET(x,WIN_RATIO('Deal''s list'!B2:B4),x+1)"


def test_names_over_tables_and_formulas(book: Any) -> None:
    book.define_name("outs", "=Deals[Stage '[1']]")
    book.define_name("dyn", "=OFFSET('Deal''s list'!$A$1,1,0,3,1)")
    book.define_name("nested", "=WIN_RATIO(outs)")
    for row, formula in enumerate(["=WIN_RATIO(outs)", "=COST_PER_LEAD(300,COUNTA(outs))", "=ROWS(dyn)", "=nested"], 1):
        book.sheet.write_formula(f"B{row}", formula)
    cells = book.done()
    assert [cells[f"KPIs!B{row}"].value for row in (1, 2, 3, 4)] == [0.5, 100, 3, 0.5]


def test_links_to_other_workbooks_keep_their_value_and_stop_nothing(book: Any) -> None:
    book.sheet.write_formula("B1", "=[1]Sheet1!A1", None, 40)
    book.sheet.write_formula("B2", "=COST_PER_LEAD(1200,B1)")
    book.sheet.write_formula("B3", "=COST_PER_LEAD('[1]My Sheet'!$A$1,5)", None, 7)
    book.sheet.write_formula("B4", "=[1]Sheet1!A2", None, "#REF!")
    book.sheet.write_formula("B5", "=SUM([@a])")
    cells = book.done()
    assert [cells[f"KPIs!B{row}"].value for row in (1, 2, 3)] == [40, 30, 7]
    assert cells["KPIs!B3"].is_kpi
    assert (cells["KPIs!B3"].explanation or "").startswith("refers to another workbook")
    assert [cells[f"KPIs!B{row}"].error for row in (4, 5)] == ["#REF!", "#REF!"]


def test_every_kpi_formula_counts_also_where_it_was_not_reached(book: Any) -> None:
    book.sheet.write_formula("B1", '=IF(1>0,"nothing",COST_PER_LEAD(10,5))')
    book.sheet.write_formula("B2", "=WIN_RATIO(Nope[x])")
    book.sheet.write_formula("B3", "=WIN_RATIO(Missing!A1:A3)")
    cells = book.done()
    assert all(cells[f"KPIs!B{row}"].is_kpi for row in (1, 2, 3))
    assert cells["KPIs!B1"].explanation is None
    for row in (2, 3):
        assert cells[f"KPIs!B{row}"].error
        assert len(cells[f"KPIs!B{row}"].explanation or "") > 20


def test_blocks_spill_even_where_saved_cells_lie_in_their_way(book: Any) -> None:
    block = '=FUNNEL({"Lead",100;"MQL",0;"Won",0})'
    book.sheet.write_dynamic_array_formula("A1:E4", block)  # XlsxWriter fills the area with zeros
    book.sheet.write_dynamic_array_formula("H1", "=SORT(Deals[id],,-1)")
    cells = book.done()
    assert cells["KPIs!A1"].value[1] == ["Lead", 100, "", 1, ""]
    assert cells["KPIs!A1"].value[3][2] == "#DIV/0!"
    assert [code for code, _ in cells["KPIs!A1"].errors] == ["#DIV/0!"]
    assert cells["KPIs!H1"].value == [["c"], ["b"], ["a"]]


def test_a_block_with_something_in_its_way_is_an_error(book: Any) -> None:
    book.sheet.write_dynamic_array_formula("A1", '=FUNNEL({"Lead",100;"Won",10})')
    book.sheet.write("B2", "mine")
    cell = book.done()["KPIs!A1"]
    assert cell.error == "#SPILL!"
    assert cell.explanation == "#SPILL!: cells that the block would fill are not empty."
    assert cell.errors == [("#SPILL!", cell.explanation)]


@pytest.mark.parametrize("code", ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"])
def test_error_cells_pass_through(book: Any, code: str) -> None:
    book.sheet.write_formula("C1", f"={code}", None, code)
    book.sheet.write_formula("A1", "=COST_PER_LEAD(C1:C2,5)")
    assert book.done()["KPIs!A1"].error == code


@pytest.mark.parametrize("date1904", [False, True])
def test_dates_in_both_date_systems(tmp_path: Path, date1904: bool) -> None:
    from datetime import date

    path = tmp_path / "dates.xlsx"
    write_call(path, "REVENUE", [[5], [date(2026, 1, 5)], None, date(2026, 1, 5)], date1904=date1904)
    (cell,) = Workbook(path).calculate()
    assert cell.value == 5
    assert "Jan 5, 2026" in (cell.explanation or "")


def test_progress_is_told(book: Any) -> None:
    for row in range(3):
        book.sheet.write_formula(row, 0, "=COST_PER_LEAD(10,5)")
    book.close()
    told: list[tuple[int, int]] = []
    Workbook(Path(book.filename)).calculate(lambda done, of: told.append((done, of)))
    assert told[-1] == (3, 3)


def test_files_that_are_no_workbook(tmp_path: Path) -> None:
    for name, content, reason in [
        ("text.xlsx", b"hello", "this is no .xlsx or .xlsm workbook."),
        ("empty.xlsx", b"", "this is no .xlsx or .xlsm workbook."),
        (
            "old.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            "an old .xls file or a workbook with a password",
        ),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WorkbookError, match=reason):
            Workbook(tmp_path / name)
    import zipfile

    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(WorkbookError, match="it names no sheets"):
        Workbook(tmp_path / "other.xlsx")
    with pytest.raises(WorkbookError, match="there is no such file"):
        Workbook(tmp_path / "missing.xlsx")
    with pytest.raises(WorkbookError, match="this is a folder"):
        Workbook(tmp_path)


def test_published_workbooks_keep_their_values(data: Path) -> None:
    """Native formulas of other people's workbooks: what the engine gives is what Excel stored."""
    import openpyxl

    for name, least in (("AryanBendre_Sales_Dashboard", 900), ("Dicta262_Marketing_Dataset", 4600)):
        path = data / "xlsx" / f"{name}.xlsx"
        stored = openpyxl.load_workbook(path, data_only=True)
        cells = Workbook(path).calculate()
        same = 0
        for cell in cells:
            was = stored[cell.sheet][cell.cell].value
            now = cell.error or cell.value
            same += now == (pytest.approx(was, rel=1e-9, nan_ok=True) if isinstance(was, float) else was)
        assert same >= least, (name, same, len(cells))


@pytest.mark.parametrize(
    ("value", "number_format", "english", "german"),
    [
        (0.6315005, "0.0%", "63.2%", "63,2%"),
        (1234.5, "#,##0.00", "1,234.50", "1.234,50"),
        (1234.5, "General", "1234.5", "1234,5"),
        (46027, "yyyy-mm-dd", "2026-01-05", "2026-01-05"),
        (15000000003, "General", "15000000003", "15000000003"),
        (123456789012, "General", "1.23457E+11", "1,23457E+11"),
        (1 / 3, "General", "0.333333333", "0,333333333"),
        (-0.5, "General", "-0.5", "-0,5"),
        (0, "General", "0", "0"),
        (12.5, '0.0" Std., netto"', "12.5 Std., netto", "12,5 Std., netto"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €", "1.234,50 €"),
        (1234.5, "€#,##0.00", "€1,234.50", "€1.234,50"),
        (3, '0 "days"', "3 days", "3 days"),
        ("text", "0.0", "text", "text"),
        (None, "0.0", "", ""),
        (True, "0", "TRUE", "TRUE"),
    ],
)
def test_values_as_cells_show_them(value: Any, number_format: str, english: str, german: str) -> None:
    assert Display().shown(value, number_format) == english
    assert Display("de").shown(value, number_format) == german


def test_blocks_as_cells_show_them() -> None:
    assert Display().rows([["Lead", 1000, 0.25]], (COUNT, COUNT, PERCENT)) == [["Lead", "1,000", "25.0%"]]
    assert Display().rows([["Lead", 1000, 0.25]]) == [["Lead", "1000", "0.25"]]


def test_blocks_of_any_size_take_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "many.xlsx"
    writer = xlsxwriter.Workbook(path)
    data, sheet = writer.add_worksheet("Data"), writer.add_worksheet("KPIs")
    for row in range(4000):
        data.write_row(row, 0, [f"rep {row}", "won" if row % 3 else "lost"])
    block = "=WIN_RATIO_BY(Data!B1:B4000,Data!A1:A4000)"
    sheet.write_dynamic_array_formula("A1", block)
    sheet.write_formula("K1", '=COUNTIF(A2:A4001,"rep*")')
    sheet.write_formula("K2", "=COST_PER_LEAD(8000,A2:A4001)")
    sheet.write_dynamic_array_formula("M1", block)  # Something stands in its way.
    sheet.write("P3000", "mine")
    sheet.write_dynamic_array_formula("W1", f"=TAKE({block[1:]},2)")
    sheet.write_dynamic_array_formula("AH1", f"=DROP({block[1:]},1)", None, 5)
    writer.close()
    cells = calculated(path)
    rows = cells["KPIs!A1"].value
    assert (len(rows), rows[0][0], cells["KPIs!A1"].errors) == (4001, "Group", [])
    assert [cells[f"KPIs!K{row}"].value for row in (1, 2)] == [4000, 2]
    assert cells["KPIs!M1"].error == "#SPILL!"
    assert len(cells["KPIs!W1"].value) == 2
    assert cells["KPIs!AH1"].value == 5
    assert (cells["KPIs!AH1"].explanation or "").startswith("the block has more than 10,000 cells")


def test_long_columns_are_the_same_whether_handed_over_once_or_each_time(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    writer = xlsxwriter.Workbook(path)
    data, flow, sheet = writer.add_worksheet("Data"), writer.add_worksheet("Flow"), writer.add_worksheet("KPIs")
    for row in range(1000):
        data.write_row(row, 0, [["won", "lost", "open", ""][row % 4], row / 7, 46_000 + row, row % 2 == 0])
        flow.write(row, 0, ["won", "lost", "open", ""][row % 4])
    data.write_formula("A500", '="wo"&"n"', None, "won")
    data.write_formula("F1", "=1/0", None, "#DIV/0!")
    flow.write_dynamic_array_formula("C1", "=SEQUENCE(3)")
    for row, (kpi, ranges) in enumerate(
        [
            ("WIN_RATIO", "Data!A501:A1000"),  # without a formula
            ("WIN_RATIO", "Data!A1:A1000"),  # with one
            ("WIN_RATIO", "Flow!A1:A1000"),  # on a sheet with a block
            ("WIN_RATIO", "Flow!A:A"),
            ("REVENUE", "Data!B501:B1000,Data!A501:A1000"),
            ("REVENUE", "Data!C501:D1000"),
        ]
    ):
        sheet.write_formula(row, 0, f"={kpi}({ranges})")
        # Calculated on the spot, so that it is handed over each time.
        sheet.write_array_formula(
            row, 1, row, 1, f"{{={kpi}({','.join(f'IF(TRUE,{one})' for one in ranges.split(','))})}}"
        )
    writer.close()
    cells = calculated(path)
    for row in range(1, 7):
        once, each = cells[f"KPIs!A{row}"], cells[f"KPIs!B{row}"]
        assert (once.value, once.error) == (each.value, each.error), row
    assert cells["KPIs!A1"].value == 0.5


def test_errors_say_where_they_come_from(book: Any) -> None:
    book.sheet.write_formula("A1", "=1/0")
    book.sheet.write_formula("A2", "=A1+1")
    book.sheet.write_formula("A3", "=SUM(A2:A2)*2")
    book.sheet.write_formula("A4", "=WIN_RATIO(Deals[Stag])")
    book.sheet.write_formula("A5", "=SUM(Dels[Größe])")
    book.sheet.write_formula("A6", "=SUM('Deals list'!A1)")
    book.sheet.write_formula("A7", "=REVENUE(A1:A1)")
    cells = book.done()
    assert [cells[f"KPIs!A{row}"].explanation for row in range(1, 7)] == [
        "#DIV/0!: the formula itself gives this error.",
        "#DIV/0!: comes from KPIs!A1.",
        "#DIV/0!: comes from KPIs!A2.",
        "#REF!: Deals[Stag] leads nowhere; did you mean Stage [1]?",
        "#REF!: Dels[Größe] leads nowhere; did you mean Deals?",
        "#REF!: 'Deals list'!A1 leads nowhere; did you mean Deal's list?",
    ]
    assert cells["KPIs!A4"].errors == [("#REF!", cells["KPIs!A4"].explanation)]
    assert "holds the error #DIV/0!" in (cells["KPIs!A7"].explanation or "")


def test_what_has_no_saved_value_is_never_a_zero(book: Any) -> None:
    book.sheet.write_formula("A1", "=[1]Sheet1!A1")
    book.sheet.write_formula("A2", "=A1+5")
    book.sheet.write_formula("A3", "=COST_PER_LEAD(A1,10)")
    book.sheet.write_formula("A4", "=A4+1")
    book.sheet.write_formula("A5", "=WIN_RATIOO(1)")
    book.sheet.write_formula("A6", "=WIN_RATIOO(2)", None, "#NAME?")  # as our own copy stores it
    cells = book.done()
    assert [cells[f"KPIs!A{row}"].error for row in range(1, 7)] == ["#N/A", "#N/A", "#N/A", "#N/A", "#NAME?", "#NAME?"]
    assert cells["KPIs!A1"].explanation == "#N/A: refers to another workbook. No value was saved with the file."
    assert "did you mean WIN_RATIO?" in (cells["KPIs!A6"].explanation or "")
    assert all(cells[f"KPIs!A{row}"].kept is None for row in range(1, 7))
