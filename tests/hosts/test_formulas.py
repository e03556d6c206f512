"""Native formulas mean what the file means: what LibreOffice, and Excel, give for them.

The values were compared with LibreOffice 25.2, where it has the function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from kpi_udfs import evaluate
from kpi_udfs.hosts.as_stored import intersected, understood
from kpi_udfs.hosts.engine_functions import general, look_up
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook

DATA = [[10, 1, "b", 46000], [20, 2, "a", 46031], [30, 3, "c", 46062], [40, 4, "a", 46090], [50, 5, "b", 45000]]
TABLE = {
    "name": "Umsätze",
    "columns": [{"header": head} for head in ("Größe (m²)", "a b", "x#y", "p@q", "c[d]", "o'n", "line\nfeed", "k,l")],
    "data": [[row * 10 + column for column in range(8)] for row in range(1, 4)],
    "total_row": True,
}


@pytest.fixture
def values(tmp_path: Path) -> Any:
    """``values(formula, …)`` calculates formulas in column H of a sheet with data; ``at``: in which row."""

    def calculate(*formulas: str, at: int = 1, kind: str = "plain", date1904: bool = False) -> list[Any]:
        path = tmp_path / "book.xlsx"
        writer = xlsxwriter.Workbook(path, {"use_future_functions": True, "date_1904": date1904})
        sheet = writer.add_worksheet("S")
        for row, cells in enumerate(DATA):
            sheet.write_row(row, 0, cells)
        tables = writer.add_worksheet("Umsätze")  # a table may be named as a sheet
        tables.add_table("A1:H5", TABLE)
        tables.write("B5", 66)
        tables.add_table("K2:L3", {"name": "S", "header_row": False, "data": [[1, 2], [3, 4]]})
        tables.write_formula("J3", "=SUM(Umsätze[@[a b]:[x#y]])+S[@Column2]")
        tables.write_formula("J4", "=Umsätze[@[a b]]")
        tables.write_formula("I2", "=Umsätze[[#This Row],[k,l]]")
        for name, named in {
            "Price": "=S!$A$1:$A$5",
            "Qty": "=S!$B$1:$B$5",
            "Dynamic": "=OFFSET(S!$A$1,0,0,COUNT(S!$A:$A),1)",
            "Rate": "=0.19",
            "LocalOne": "=S!$B$2",
            "'Umsätze'!LocalOne": "=S!$B$3",
            "Nested": "=Dynamic*Rate",
            "Column": "=Umsätze[a b]",
        }.items():
            writer.define_name(name, named)
        for place, formula in enumerate(formulas):
            if kind == "array":
                sheet.write_array_formula(at - 1 + place, 7, at - 1 + place, 7, f"{{{formula}}}")
            else:
                sheet.write_formula(at - 1 + place * (at == 1), 7 + place * (at > 1), formula)
        writer.close()
        cells = Workbook(path).calculate()
        own = [cell for cell in cells if cell.sheet == "S"]
        calculate.others = {cell.cell: shown(cell) for cell in cells if cell.sheet != "S"}
        return [shown(cell) for cell in own]

    return calculate


def shown(cell: FormulaCell) -> Any:
    return (None if cell.is_calculated else cell.explanation) or cell.error or cell.value


def test_a_plain_formula_takes_of_a_range_what_stands_in_its_row(values: Any) -> None:
    assert values(
        "=Price*Qty",
        "=A1:A5+1",
        "=-(B1:B5)",
        "=ROUND(Price,0)",
        '=IF(Price>25,"big","small")',
        "=SUM(Price*Qty)",
        "=SUM(Price)",
        "=SUMPRODUCT(Price*Qty)",
        "=VLOOKUP(Price,A1:B5,2,FALSE)",
        "=COUNTIF(A1:A5,Price)",
        '=Price&"x"',
        "=A:A*2",
        "=S!$A:$A",
        "=INDEX(Price,2)",
        "=MAX(INDEX((A1:A5>20)*B1:B5,0))",
        "=C1:C5",
        "=Dynamic+1",
        at=3,
    ) == [90, 31, -3, 30, "big", 90, 150, 550, 3, 1, "30x", 60, 30, 20, 5, "c", 31]


def test_a_plain_formula_beside_the_range_has_none(values: Any) -> None:
    assert values("=Price*2", "=IFERROR(A1:A5,0)", "=SUM(Price)", "=ISBLANK(A1:A9)", "=LEN(A1:A9)", at=8) == [
        "#VALUE!", 0, 150, True, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "array"])
@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("=SUMPRODUCT((MONTH(D1:D5)=1)*A1:A5)", 20),
        ("=SUMPRODUCT(1/COUNTIF(C1:C5,C1:C5))", 3),
        ('=SUM(SUMIFS(A1:A5,C1:C5,{"a","b"}))', 120),
        ('=SUM(COUNTIFS(C1:C5,{"a";"b"},A1:A5,">10"))', 3),
        ("=SUM(LARGE(A1:A5,{1,2}))", 90),
        ('=SUMPRODUCT((LEN(C1:C5)=1)*(C1:C5="a"))', 2),
        ("=SUMPRODUCT(ROUND(A1:A5/3,0))", 50),
        ('=SUMPRODUCT(--ISNUMBER(MATCH(C1:C5,{"a","c"},0)))', 3),
        ("=SUMPRODUCT((ROW(A1:A5)>3)*A1:A5)", 90),
        ("=SUMPRODUCT((A1:A5>20)*YEAR(D1:D5))", 6075),
        ('=SUMPRODUCT(--ISNUMBER(SEARCH("A",C1:C5)))', 2),
        ("=SUMPRODUCT(SUMIF(C1:C5,C1:C2,A1:A5))", 120),
        ('=LOOKUP(2,1/(C1:C5="a"),A1:A5)', 40),
        ('=INDEX(A1:A5,MATCH(1,INDEX((C1:C5="a")*(B1:B5>2),0),0))', 40),
        ("=SUMPRODUCT(VLOOKUP(A1:A2,A1:B5,2,FALSE))", 3),
        ("=SUMPRODUCT(IFERROR(1/(A1:A6/10),0)*0+1)", 6),
    ],
)
def test_a_function_given_several_values_for_one_is_calculated_for_each(
    values: Any, formula: str, value: Any, kind: str
) -> None:
    assert values(formula, kind=kind) == [pytest.approx(value)]


def test_array_formulas_calculate_for_each(values: Any) -> None:
    formulas = [
        '=MAX(IF(C1:C5="b",A1:A5))',
        "=SUM(ABS(A1:A5-30))",
        "=SUM(--(MONTH(D1:D5)=1))",
        "=SUM(LEN(C1:C5&A1:A5))",
    ]
    assert values(*formulas, kind="array") == [50, 60, 1, 15]


@pytest.mark.parametrize("formula", ["=SUM(CHOOSE({1,2},A1:A2,B1:B2))", '=SUM(ROW(INDIRECT("1:3")))', "=SUM(N(A1:A3))"])
def test_what_cannot_be_taken_apart_is_not_guessed(values: Any, formula: str) -> None:
    (told,) = values(formula, kind="array")
    assert "can't be calculated here" in told


def test_a_number_in_a_text_has_fifteen_digits(values: Any) -> None:
    assert values(
        '="a"&1/3',
        '=0.1+0.2&""',
        '=A1&"/"&B2/3&"="&(1=1)',
        '=IF(A1&B1="101","yes",A1&", "&Z9)',
        '=CONCATENATE(0.1+0.2,"x")',
        '="ä"&1.1*1.1&"ü"',
        '=-A1&-B1%&""',
    ) == ["a0.333333333333333", "0.3", "10/0.666666666666667=TRUE", "yes", "0.3x", "ä1.21ü", "-10-0.01"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(5.0, "5"), (-0.0, "0"), (1e-7, "0.0000001"), (1e21, "1E+21"), (1.5e-12, "1.5E-12"), (1e15, "1000000000000000")],
)
def test_general_numbers(number: float, text: str) -> None:
    assert general(number) == text


def test_letters_outside_ascii(values: Any) -> None:
    assert values(
        '=LOWER("ÄÖÜ")', '=UPPER("straße é")', '=PROPER("über o\'neil")', '=SEARCH("ä","XÄ")', '=SEARCH("ü?*x","AÜbcX")'
    ) == ["äöü", "STRAßE É", "Über O'Neil", 2, 2]
    assert values('=SEARCH("z","abc")', '=SEARCH("~?","a?")', '=SEARCH("a","banana",3)') == ["#VALUE!", 2, 4]


def test_where_a_reference_lies_needs_no_value(values: Any) -> None:
    assert values("=ROW(H1)", "=ROWS(A:A)", "=COLUMNS($H:$J)", "=ROWS(Umsätze)", "=COLUMN(H5)", "=ROW()") == [
        1, 1048576, 3, 3, 8, 6,
    ]  # fmt: skip


def test_names(values: Any) -> None:
    assert values(
        "=Rate*100", "=SUM(Dynamic)", "=SUM(Nested)", "=Umsätze!LocalOne", "=LocalOne", "=[0]!Rate", "=SUM(Column)"
    ) == [19, 150, 28.5, 3, 2, 0.19, 63]  # fmt: skip


def test_sums_over_several_sheets(tmp_path: Path) -> None:
    path = tmp_path / "year.xlsx"
    writer = xlsxwriter.Workbook(path)
    year = writer.add_worksheet("Year")
    for number, month in enumerate(["Jan", "O'Feb 2", "Mrz"], 1):
        writer.add_worksheet(month).write_column("A1", [number, number * 10])
    for row, formula in enumerate(
        [
            "=SUM(Jan:Mrz!A1)",
            "=SUM('Jan:O''Feb 2'!A1:A2)",
            "=MAX('mrz:jan'!A:A)+COUNT(Jan:Mrz!A1,5)",
            "=AVERAGE(Jan:Mrz!$A$2)",
        ]
    ):
        year.write_formula(row, 0, formula)
    writer.close()
    assert [cell.value for cell in Workbook(path).calculate()] == [6, 33, 34, 20]


@pytest.mark.parametrize(
    ("reference", "total"),
    [
        ("Umsätze[a b]", 63),
        ("umsätze[A B]", 63),
        ("Umsätze[[#All],[a b]]", 129),
        ("Umsätze[[#Totals],[a b]]", 66),
        ("Umsätze[[#Data],[#Totals],[a b]]", 129),
        ("Umsätze[[a b]:[x#y]]", 129),
        ("Umsätze[[#All],[a b]:[x#y]]", 195),
        ("Umsätze[x'#y]", 66),
        ("Umsätze[p'@q]", 69),
        ("Umsätze[c'[d']]", 72),
        ("Umsätze[o''n]", 75),
        ("Umsätze[line\nfeed]", 78),
        ("Umsätze[k,l]", 81),
        ("Umsätze[Größe (m²)]", 60),
        ("Umsätze[#Headers]", 0),
        ("Umsätze[nope]", "#REF!"),
        ("S[Column1]", 4),
        ("S[[Column1]:[Column2]]", 10),
        ("S[#All]", 10),
        ("Umsätze!B2:B4", 63),
        ("Umsätze!B:B", 129),
    ],
)
def test_table_references(values: Any, reference: str, total: Any) -> None:
    assert values(f"=SUM({reference})") == [total]


def test_a_row_of_a_table_from_beside_it(values: Any) -> None:
    values("=1")
    assert values.others == {"I2": 17, "J3": 21 + 22 + 4, "J4": 31}


def test_kpis_are_given_what_the_formula_says(values: Any) -> None:
    ratio = evaluate("WIN_RATIO", [["Won"], ["Lost"], ["Won"]])
    assert values(
        '=WIN_RATIO({"Won";"Lost";"Won"})',
        "=COST_PER_LEAD(SUM(Umsätze[a b]),ROWS(Umsätze))",
        "=COST_PER_LEAD(Price,Qty)",
        '="Rate: "&COST_PER_LEAD(1,3)',
    ) == [ratio, 21, evaluate("COST_PER_LEAD", [[row[0]] for row in DATA], [[row[1]] for row in DATA]),
          "Rate: 0.333333333333333"]  # fmt: skip


# ----------------------------------------------------------------------------------- the parts


@pytest.mark.parametrize(
    ("formula", "meant"),
    [
        ("=A1:A6*2", "=A3*2"),
        ("=SUM(A1:A6)", "=SUM(A1:A6)"),
        ("=SUM((A1:A6)*2)", "=SUM((A3)*2)"),
        ("=IF(A:A>1,B1:B9,0)", "=IF(A3>1,B3,0)"),
        ("=SUM(IF(A1>0,A1:A3,B1:B3))", "=SUM(IF(A1>0,A1:A3,B1:B3))"),
        ("=SUM(A1:INDEX(A1:A6,3))", "=SUM(A1:INDEX(A1:A6,3))"),
        ("=UNKNOWN(A1:A6*2)", "=UNKNOWN(A1:A6*2)"),
        ("=A5:A6", "=#VALUE!"),
        ("=3:3", "=3:3"),
        ("='ä b'!$A1:A$6&\"ö\"", "='ä b'!A3&\"ö\""),
    ],
)
def test_intersection(formula: str, meant: str) -> None:
    assert intersected(formula, 3, 2, lambda text: text if ":" in text and text != "3:3" else None) == meant


def test_only_what_is_needed_is_written_otherwise() -> None:
    for formula in ("=SUM(A1:A6)", "=IF(A1>1,ROUND(A1,2),0)", '="a"&"b"&TEXT(A1,"0")', "=VLOOKUP(A1,B1:C9,2,FALSE)"):
        assert understood(formula, plain=True, is_range=lambda text: ":" in text) == formula


def test_lookup_passes_over_errors() -> None:
    error = {"type": "Error", "kind": "Div"}
    assert look_up(2, [[error], [1.0], [error], [1.0], [error]], [["a"], ["b"], ["c"], ["d"], ["e"]]) == "d"
    assert look_up(2, [[1.0, 2.0, 3.0]], [["a", "b", "c"]]) == "b"
    assert look_up("m", [["A", "k", "z"]]) == "k"
    assert look_up(0, [[1.0], [2.0]]) == {"type": "Error", "kind": "Na"}
