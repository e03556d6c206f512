"""Sheets' XML: formulas found, values changed in place, every other byte kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from xlsx_parts import MAIN, sheet_xml

from kpi_udfs.xlsx import sheet_xml as module
from kpi_udfs.xlsx.addresses import Area
from kpi_udfs.xlsx.package import Damaged
from kpi_udfs.xlsx.sheet_xml import Changes, Code, Scanned, rewritten, scan

TEXTS = ["one", "two"]


def text(number: int) -> str | None:
    return TEXTS[number] if number < len(TEXTS) else None


def scanned(rows: str | bytes, *, careful: bool = False) -> Scanned:
    content = rows if isinstance(rows, bytes) else sheet_xml(rows).encode()
    return scan(content, "sheet1.xml", text, False, careful=careful)


def changed(rows: str, values: dict[tuple[int, int], Any], areas: dict[tuple[int, int], Area] | None = None) -> str:
    """The rows after a change; what stands around them has to be as it was."""
    before, behind = sheet_xml("|").split("|")
    made = rewritten(sheet_xml(rows).encode(), "sheet1.xml", Changes(values, areas or {}), text).decode()
    assert made.startswith(before)
    assert made.endswith(behind)
    ElementTree.fromstring(made)
    return made[len(before) : -len(behind)]


# ------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ('<c r="A1"><f>1</f><v>1</v></c>', 2.0, '<c r="A1"><f>1</f><v>2</v></c>'),
        ('<c r="A1"><f>1</f><v>1</v></c>', 1.0, '<c r="A1"><f>1</f><v>1</v></c>'),
        ('<c r="A1"><f>1</f><v>1.50</v></c>', 1.5, '<c r="A1"><f>1</f><v>1.50</v></c>'),
        ('<c r="A1"><f>1</f></c>', 1e-7, '<c r="A1"><f>1</f><v>1E-07</v></c>'),
        ('<c r="A1" s="3" t="n"><f>1</f><v/></c>', "a", '<c r="A1" s="3" t="str"><f>1</f><v>a</v></c>'),
        ('<c r="A1"><f>1</f><v>1</v></c>', True, '<c r="A1" t="b"><f>1</f><v>1</v></c>'),
        ('<c r="A1" t="b"><f>1</f><v>1</v></c>', 1.0, '<c r="A1"><f>1</f><v>1</v></c>'),
        ('<c r="A1" t="str"><f>1</f><v>x</v></c>', Code("#N/A"), '<c r="A1" t="e"><f>1</f><v>#N/A</v></c>'),
        ('<c r="A1" t="e" vm="1"><f>1</f><v>#VALUE!</v></c>', 1.0, '<c r="A1"><f>1</f><v>1</v></c>'),
        ("<c  s='1'\n t='s'  r='A1' ><f/><v>0</v></c>", "new", "<c  s='1' t=\"str\"  r='A1' ><f/><v>new</v></c>"),
        ('<c r="A1" t="s"><f>1</f><v>1</v></c>', "two", '<c r="A1" t="s"><f>1</f><v>1</v></c>'),
        ('<c r="A1" t="inlineStr"><is><t>x</t></is></c>', 1.0, '<c r="A1"><v>1</v></c>'),
        ('<c r="A1"><f>1</f><!-- > --><v>1</v><!-- & --></c>', 2.0, '<c r="A1"><f>1</f><!-- > --><v>2</v><!-- & --></c>'),
        ('<c r="A1" t="str"><f>"&lt;"</f><v><![CDATA[<a>]]></v></c>', "<a>", '<c r="A1" t="str"><f>"&lt;"</f><v><![CDATA[<a>]]></v></c>'),
        ('<c r="A1" t="str"><f>1</f><v xml:space="preserve"> a</v></c>', " b", '<c r="A1" t="str"><f>1</f><v> b</v></c>'),
        ('<c r="A1" s="5"/>', 3.0, '<c r="A1" s="5"><v>3</v></c>'),
        ('<c r="A1" s="5"><v>3</v></c>', None, '<c r="A1" s="5"></c>'),
        ('<c r="A1"><f a="1>2">1</f></c>', 3.0, '<c r="A1"><f a="1>2">1</f><v>3</v></c>'),
    ],
)  # fmt: skip
def test_only_the_value_of_a_cell_changes(before: str, value: Any, after: str) -> None:
    around = '<row r="1" spans="1:2" x=\'"\'>{}<c r="B1"><v>1.0</v></c></row>'
    assert changed(around.format(before), {(1, 1): value}) == around.format(after)


@pytest.mark.parametrize(
    ("before", "places", "after"),
    [
        ("", ["B2"], '<row r="2"><c r="B2"><v>1</v></c></row>'),
        ('<row r="2"/>', ["B2"], '<row r="2"><c r="B2"><v>1</v></c></row>'),
        ('<row r="2" ht="9" />', ["B2"], '<row r="2" ht="9" ><c r="B2"><v>1</v></c></row>'),
        ('<row r="2"></row>', ["A2", "C2"], '<row r="2"><c r="A2"><v>1</v></c><c r="C2"><v>1</v></c></row>'),
        ('<row r="2"><c r="B2"/></row>', ["A2", "C2"], '<row r="2"><c r="A2"><v>1</v></c><c r="B2"/><c r="C2"><v>1</v></c></row>'),
        ('<row r="1"/><row r="5"/>', ["A3", "A9"], '<row r="1"/><row r="3"><c r="A3"><v>1</v></c></row><row r="5"/><row r="9"><c r="A9"><v>1</v></c></row>'),
        ("<row><c/><c/></row><row><c/></row>", ["B1", "C1", "A2"], '<row><c/><c><v>1</v></c><c r="C1"><v>1</v></c></row><row><c><v>1</v></c></row>'),
    ],
)  # fmt: skip
def test_cells_and_rows_that_were_not_there(before: str, places: list[str], after: str) -> None:
    assert changed(before, {module.cell_of(place): 1.0 for place in places}) == after  # type: ignore[misc]


def test_names_of_elements_may_have_prefixes() -> None:
    long = "p" * 100
    for prefix in ("x", long):
        content = (
            f'<{prefix}:worksheet xmlns:{prefix}="{MAIN}"><{prefix}:sheetData><{prefix}:row r="1">'
            f'<{prefix}:c r="A1"><{prefix}:f>1</{prefix}:f></{prefix}:c><{prefix}:c r="B1"/></{prefix}:row>'
            f"</{prefix}:sheetData></{prefix}:worksheet>"
        )
        assert [formula.text for formula in scanned(content.encode()).formulas] == ["1"]
        made = rewritten(content.encode(), "s", Changes({(1, 1): 1.0, (1, 2): "b", (2, 1): 5.0}), text).decode()
        cells = {cell.get("r"): cell for cell in ElementTree.fromstring(made).iter(f"{{{MAIN}}}c")}
        assert [cells[name].findtext(f"{{{MAIN}}}v") for name in ("A1", "B1", "A2")] == ["1", "b", "5"]


@pytest.mark.parametrize("shown", ["a\x01b", "a\r\nb", "_x000D_", "😀", "\ud83d", "<&>", "", " ", "ä" * 40_000])
def test_every_text_can_be_written(shown: str) -> None:
    rows = changed('<row r="1"><c r="A1"><f>1</f></c></row>', {(1, 1): shown})
    cell = scanned(rows).formulas[0]
    assert cell.stored == ("?" if shown == "\ud83d" else shown[:32_767]) or "\ud83d" in shown
    assert changed(rows, {(1, 1): shown[:32_767]}) == rows or "\ud83d" in shown


def test_a_block_gets_its_new_area() -> None:
    before = '<row r="1"><c r="A1" cm="1"><f t="array" ref="A1:A2">SEQUENCE(3)</f><v>1</v></c></row>'
    after = changed(before, {(1, 1): 1.0}, {(1, 1): Area(1, 1, 3, 1)})
    assert after == before.replace("A1:A2", "A1:A3")


# ------------------------------------------------------------------------------------ reading


def test_values_that_are_stored_with_formulas() -> None:
    def stored(cell: str) -> Any:
        return scanned(f'<row r="1">{cell}</row>').formulas[0].stored

    assert stored('<c r="A1"><f>1</f><v> 7 </v></c>') == 7
    assert stored('<c r="A1" t="s"><f>1</f><v>1</v></c>') == "two"
    assert stored('<c r="A1" t="s"><f>1</f><v>9</v></c>') is None
    assert stored('<c r="A1" t="str"><f>1</f><v>a_x000D_ &amp;<![CDATA[<]]></v></c>') == "a\r &<"
    assert stored('<c r="A1" t="e"><f>1</f><v>#N/A</v></c>') == Code("#N/A")
    assert stored('<c r="A1" t="b"><f>1</f><v>1</v></c>') is True
    assert stored('<c r="A1"><f>1</f><v></v></c>') is None
    for no_number in ("1_000", "٣", "NaN", "inf", "1e999", "0x1"):  # Python takes most of them for one
        assert stored(f'<c r="A1"><f>1</f><v>{no_number}</v></c>') == no_number
    for no_index in ("²", "9" * 5000, "-1", "1.0"):
        assert stored(f'<c r="A1" t="s"><f>1</f><v>{no_index}</v></c>') is None


def test_a_block_ends_where_it_ends() -> None:
    """Its last cell may be the last of its row, and no other block follows."""
    sheet = scanned(
        '<row r="1"><c r="A1" cm="1"><f t="array" ref="A1:A2">SEQUENCE(2)</f><v>1</v></c></row>'
        '<row r="2"><c r="A2"><v>2</v></c></row><row r="3"><c r="A3"><v>5</v></c><c r="B3"><v>6</v></c></row>'
    )
    assert sheet.formulas[0].filled == {(2, 1): 2}
    assert b"<v>5</v>" in sheet.bare
    assert b"<v>6</v>" in sheet.bare


def test_kinds_of_formulas() -> None:
    sheet = scanned(
        '<row><c><f t="shared" si="0" ref="A1:B1">C1</f></c><c><f t="shared" si="0"/></c><c><f t="shared" si="7"/></c></row>'
        '<row><c><f t="array" ref="A2:B2">{1,2}</f></c><c><f t="array" ref="A1:A1">1</f></c></row>'
        '<row><c><f t="dataTable" ref="A3:A9" dt2D="1" r1="X1" r2="Y1"/></c><c s="²"><f t="zz">1</f></c></row>'
    )
    assert [(one.kind, one.text, one.master) for one in sheet.formulas] == [
        ("plain", "C1", None),
        ("plain", "C1", (1, 1)),
        ("plain", "", None),
        ("array", "{1,2}", None),
        ("array", "1", None),
        ("table", "TABLE(X1,Y1)", None),
        ("plain", "1", None),
    ]
    assert [one.area for one in sheet.formulas[3:5]] == [Area(2, 1, 2, 2), None]


@pytest.mark.parametrize(
    "rows",
    [
        "",
        '<row r="1"><c r="A1"><v>1</v></c></row>',
        '<row r="1"/><row r="70" spans="1:1"><c r="A70" t="s"><v>0</v></c></row>',
        '<row r="3"><c t="inlineStr"><is><t>f &gt; g row r="9"</t></is></c></row>',
    ],
)
def test_a_quick_look_finds_what_the_parser_finds(rows: str) -> None:
    quick = module._quick(sheet_xml(rows, "<mergeCells/>").encode())
    assert quick is not None
    assert scanned(sheet_xml(rows, "<mergeCells/>").encode(), careful=True) == quick


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1"><f>1</f></c></row>',
        '<row r="1"><c r="A1"><é:f xmlns:é="x">1</é:f></c></row>',
        '<!-- <row r="9"/> --><row r="1"/>',
        '<row r="1"><c r="A1" t="d"><v>2026-01-01</v></c></row>',
        "<row/>",
    ],
)
def test_a_quick_look_leaves_the_rest_to_the_parser(rows: str) -> None:
    assert module._quick(sheet_xml(rows).encode()) is None


def test_the_engine_gets_dates_and_errors_that_it_knows() -> None:
    bare = scanned(
        '<row r="1"><c r="A1" t="d"><v>2026-01-02T12:00:00</v></c><c r="B1" t="e"><v>#SPILL!</v></c>'
        '<c r="C1" t="e"><v>#N/A</v></c></row>'
    ).bare
    days = (datetime(2026, 1, 2, 12) - datetime(1899, 12, 30)).total_seconds() / 86400
    assert (
        f'<c r="A1" t="n"><v>{days}</v></c><c r="B1" t="e"><v>#VALUE!</v></c><c r="C1" t="e"><v>#N/A</v>'
        in bare.decode()
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('<row r="0"/>', '"0" is no cell'),
        ('<row r="1048577"/>', '"1048577" is no cell'),
        (f'<row r="{"9" * 5000}"/>', "… is no cell".replace("…", '99…"')),
        ('<row r="2"/><row r="1"/>', "1 stands in the wrong place"),
        ('<row r="1"><row r="2"/></row>', "2 stands in the wrong place"),
        ('<row r="1"><c r="B1"/><c r="A1"/></row>', "A1 stands in the wrong place"),
        ('<row r="1"><c r="A2"/></row>', "A2 stands in the wrong place"),
        ('<row r="1"><c r="A1"><c r="B1"/></c></row>', "B1 stands in the wrong place"),
        ('<c r="A1"/>', "A1 stands in the wrong place"),
        ('<row r="1"><c r="XFE1"/></row>', '"XFE1" is no cell'),
        ('<row r=""/>', '"" is no cell'),
        ('<row r="1"><c r=""/></row>', '"" is no cell'),
        ('<row r="1"><c r="hello"/></row>', '"hello" is no cell'),
        ('<row r="1"><c r="A1"><v>1_0</v></c></row>', 'A1 holds "1_0", which is no number'),
        ('<row r="1"><c r="A1" t="s"><v>7</v></c></row>', 'A1 shows text number "7"'),
        ('<row r="1"><c r="A1" t="zz"><v>7</v></c></row>', 'A1 is of the kind "zz"'),
        ('<row r="1"><c r="A1"><w/></c></row>', 'A1 holds an element "w"'),
        ("<row>", "mismatched tag"),
    ],
)
def test_a_damaged_sheet_is_said_to_be(rows: str, says: str) -> None:
    with pytest.raises(Damaged) as damaged:
        scanned(rows, careful=True)
    assert says in str(damaged.value)
    assert "\n" not in str(damaged.value)
