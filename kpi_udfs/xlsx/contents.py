"""What a workbook holds besides cells: sheets, tables, names, number formats, the date system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from kpi_udfs.messages import text
from kpi_udfs.xlsx.addresses import Area, area_of, unescaped
from kpi_udfs.xlsx.package import Damaged, Package, shortened

NO_WORKBOOK = text("workbook.no_workbook", "this is no .xlsx or .xlsm workbook: it names no sheets.")
BINARY = text("workbook.binary", "this is a binary workbook (.xlsb); save it as .xlsx.")
SHEET_NOWHERE = text(
    "workbook.sheet_nowhere", 'the file is damaged: it does not say which part is the sheet "{sheet}".'
)
SAME_CELLS = text(
    "workbook.same_cells", 'the file is damaged: the sheets "{first}" and "{second}" have the same cells.'
)
SHEET_TWICE = text("workbook.sheet_twice", 'the file is damaged: two sheets are named "{sheet}".')


@dataclass(frozen=True)
class Sheet:
    """A sheet with cells: its title and the part that holds them."""

    title: str
    part: str


@dataclass(frozen=True)
class Table:
    """Where a table lies; the first row of its area is the header row where it has one."""

    name: str
    sheet: str
    area: Area
    columns: tuple[str, ...]
    header: bool = True
    totals: bool = False
    #: Whether a filter hides rows.
    filtered: bool = False

    @property
    def first_row(self) -> int:
        return self.area.top + 1 if self.header else self.area.top

    @property
    def last_row(self) -> int:
        return self.area.bottom - 1 if self.totals else self.area.bottom

    def holds(self, sheet: str, row: int, column: int) -> bool:
        return self.sheet == sheet and self.area.holds(row, column)


@dataclass
class Contents:
    """The workbook part and what it leads to. ``names``: by sheet title, or None for the whole workbook."""

    sheets: list[Sheet]
    date1904: bool = False
    #: Whether circular formulas are meant, and calculated again and again.
    iterates: bool = False
    #: Whether the file asks to be calculated on opening: what it stores was never calculated.
    uncalculated: bool = False
    tables: list[Table] = field(default_factory=list)
    names: dict[str | None, dict[str, str]] = field(default_factory=dict)
    #: The number format of each cell style.
    formats: list[str] = field(default_factory=list)
    strings: str | None = None

    def number_format(self, style: int) -> str:
        return self.formats[style] if 0 <= style < len(self.formats) else "General"


def contents_of(package: Package) -> Contents:
    """Read what the workbook holds. Raises :class:`~kpi_udfs.xlsx.package.Damaged`."""
    part = next((target for _, kind, target in package.relations("") if kind == "officeDocument"), "xl/workbook.xml")
    if part not in package:
        raise Damaged(BINARY() if part.endswith(".bin") else NO_WORKBOOK())
    book = package.tree(part)
    relations = package.relations(part)
    targets = {identifier: (kind, target) for identifier, kind, target in relations}
    parts = {kind: target for _, kind, target in relations}
    listed = [(sheet.get("name", ""), targets.get(_relation(sheet))) for sheet in book.iterfind("sheets/sheet")]
    # Sheets that are one large chart hold no cells; they count where names belong to a sheet, by its number.
    sheets = [Sheet(title, found[1]) for title, found in listed if found and found[0] == "worksheet"]
    if not sheets:
        raise Damaged(NO_WORKBOOK())
    titles: set[str] = set()
    holders: dict[str, str] = {}
    for title, found in listed:
        if found is None:
            raise Damaged(SHEET_NOWHERE(sheet=shortened(title)))
        if title.casefold() in titles:
            raise Damaged(SHEET_TWICE(sheet=shortened(title)))
        titles.add(title.casefold())
        if first := holders.get(found[1].casefold()):
            raise Damaged(SAME_CELLS(first=shortened(first), second=shortened(title)))
        holders[found[1].casefold()] = title
    properties, calculating = book.find("workbookPr"), book.find("calcPr")
    return Contents(
        sheets,
        date1904=properties is not None and _true(properties.get("date1904")),
        iterates=calculating is not None and _true(calculating.get("iterate")),
        uncalculated=calculating is not None and _true(calculating.get("fullCalcOnLoad")),
        tables=[table for sheet in sheets for table in _tables(package, sheet)],
        names=_names(book, [title for title, _ in listed]),
        formats=_formats(package.tree(parts["styles"])) if parts.get("styles", "") in package else [],
        strings=parts.get("sharedStrings"),
    )


def _relation(element: ElementTree.Element) -> str:
    return next((value for name, value in element.items() if name.endswith("}id")), "")


def _true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _whole(value: str | None, default: int) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else default


def _tables(package: Package, sheet: Sheet) -> Iterator[Table]:
    for _, kind, part in package.relations(sheet.part):
        if kind != "table" or part not in package:
            continue
        table = package.tree(part)
        area = area_of(table.get("ref", ""))
        name = table.get("displayName") or table.get("name")
        if area is None or not name:
            continue
        yield Table(
            name=name,
            sheet=sheet.title,
            area=area,
            columns=tuple(unescaped(column.get("name", "")) for column in table.iterfind("tableColumns/tableColumn")),
            header=_whole(table.get("headerRowCount"), 1) != 0,
            totals=_whole(table.get("totalsRowCount"), 0) != 0,
            filtered=table.find("autoFilter/filterColumn") is not None,
        )


def _names(book: ElementTree.Element, titles: list[str]) -> dict[str | None, dict[str, str]]:
    names: dict[str | None, dict[str, str]] = {}
    for defined in book.iterfind("definedNames/definedName"):
        number = _whole(defined.get("localSheetId"), -1)
        sheet = titles[number] if 0 <= number < len(titles) else None
        if defined.text and (name := defined.get("name")):
            names.setdefault(sheet, {})[name] = defined.text
    return names


def _formats(styles: ElementTree.Element) -> list[str]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    own = {
        _whole(form.get("numFmtId"), -1): form.get("formatCode", "General")
        for form in styles.iterfind("numFmts/numFmt")
    }
    numbers = (_whole(style.get("numFmtId"), 0) for style in styles.iterfind("cellXfs/xf"))
    return [own.get(number) or BUILTIN_FORMATS.get(number, "General") for number in numbers]
