"""What a workbook holds besides cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from xlsx_parts import MAIN, parts_of, relations, written

from kpi_udfs.xlsx.addresses import Area
from kpi_udfs.xlsx.contents import Contents, Sheet, contents_of
from kpi_udfs.xlsx.package import Damaged, Package

BOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


def contents(tmp_path: Path, parts: dict[str, str]) -> Contents:
    with Package(written(tmp_path / "b.xlsx", parts)) as package:
        return contents_of(package)


def test_sheets_names_formats(tmp_path: Path) -> None:
    parts = parts_of(
        {"A & B": "", "Ä": ""}, names={"one": "1", "x": "'A & B'!$A$1"}, inside='<workbookPr date1904="1"/>'
    )
    parts[BOOK] = (
        parts[BOOK]
        .replace('name="x"', 'name="x" localSheetId="1"')
        .replace("</workbook>", '<calcPr iterate="true"/></workbook>')
    )
    found = contents(tmp_path, parts)
    assert found.sheets == [Sheet("A & B", "xl/worksheets/sheet1.xml"), Sheet("Ä", "xl/worksheets/sheet2.xml")]
    assert found.names == {None: {"one": "1"}, "Ä": {"x": "'A & B'!$A$1"}}
    assert (found.date1904, found.iterates) == (True, True)
    assert [found.number_format(style) for style in (0, 1, 2, -1, 10**9)] == [
        "General",
        "0%",
        "General",
        "General",
        "General",
    ]


def test_a_workbook_of_the_bare_minimum(tmp_path: Path) -> None:
    parts = parts_of()
    parts[RELATIONS] = relations(("r1", "worksheet", "worksheets/sheet1.xml"))
    for left_out in ("_rels/.rels", "xl/styles.xml", "xl/sharedStrings.xml", "[Content_Types].xml"):
        del parts[left_out]
    found = contents(tmp_path, parts)
    assert (found.sheets, found.formats, found.strings) == ([Sheet("S", "xl/worksheets/sheet1.xml")], [], None)


@pytest.mark.parametrize(
    ("part", "old", "new", "says"),
    [
        (BOOK, 'r:id="r2"', 'r:id="zz"', 'does not say which part is the sheet "B"'),
        (RELATIONS, 'Target="worksheets/sheet2.xml"', 'Target="http://x/y" TargetMode="External"', 'the sheet "B"'),
        (RELATIONS, "sheet2.xml", "sheet1.xml", 'the sheets "A" and "B" have the same cells'),
        (RELATIONS, "sheet2.xml", "SHEET1.xml", 'the sheets "A" and "B" have the same cells'),
        (BOOK, 'name="B"', 'name="a"', 'two sheets are named "a"'),
        (BOOK, "<sheets>", "<x>", "xl/workbook.xml can't be read"),
        (BOOK, "sheets>", "x>", "it names no sheets"),
        ("_rels/.rels", "workbook.xml", "workbook.bin", "binary workbook"),
        ("_rels/.rels", "workbook.xml", "nothing.xml", "it names no sheets"),
    ],
)
def test_sheets_that_can_not_be_told(tmp_path: Path, part: str, old: str, new: str, says: str) -> None:
    parts = parts_of({"A": "", "B": ""})
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with pytest.raises(Damaged) as damaged:
        contents(tmp_path, parts)
    assert says in str(damaged.value)


@pytest.mark.parametrize(
    ("attributes", "area"),
    [
        ('ref="A1:B9"', Area(1, 1, 9, 2)),
        ('ref="A1:XFD1048576" headerRowCount="99999999999" totalsRowCount="-1"', Area(1, 1, 1_048_576, 16_384)),
        ('ref="B2:A1"', None),
        ('ref=""', None),
        ("", None),
    ],
)
def test_tables(tmp_path: Path, attributes: str, area: Area | None) -> None:
    parts = parts_of()
    # One is no table, one is not there, one is the sheet itself.
    parts["xl/worksheets/_rels/sheet1.xml.rels"] = relations(
        ("a", "table", "../t.xml"),
        ("b", "table", "../workbook.xml"),
        ("c", "table", "../n.xml"),
        ("d", "table", "sheet1.xml"),
    )
    parts["xl/t.xml"] = (
        f'<table xmlns="{MAIN}" displayName="T" {attributes}><tableColumns><tableColumn name="a_x000a_b"/></tableColumns></table>'
    )
    tables = contents(tmp_path, parts).tables
    assert [table.area for table in tables] == ([area] if area else [])
    assert all(table.columns == ("a\nb",) and table.header and not table.totals for table in tables)
