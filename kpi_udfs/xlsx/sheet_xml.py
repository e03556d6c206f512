"""A sheet's XML: its formulas read, and values changed in place, every other byte as it was.

The parser tells at which byte each element stands, so that a cell can be changed where it is instead
of being written anew: whatever else the sheet holds is never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn
from xml.parsers import expat

from kpi_udfs.messages import Sentence, text
from kpi_udfs.xlsx.addresses import MOST_COLUMNS, MOST_ROWS, Area, area_of, cell_name, cell_of, escaped, unescaped
from kpi_udfs.xlsx.package import DAMAGED_PART, Damaged, first_line, shortened

NO_CELL = text("workbook.no_cell", '"{cell}" is no cell of a sheet')
OUT_OF_ORDER = text("workbook.out_of_order", "{cell} stands in the wrong place")
NO_NUMBER = text("workbook.no_number", '{cell} holds "{value}", which is no number')
NO_SHARED_TEXT = text("workbook.no_shared_text", '{cell} shows text number "{value}", which the workbook does not have')
NO_KIND = text("workbook.no_kind", '{cell} is of the kind "{kind}", which is none')
NOT_IN_CELL = text("workbook.not_in_cell", '{cell} holds an element "{name}", which can\'t be read here')
NO_SHEET_DATA = text("workbook.no_sheet_data", "it holds no cells")

_START_TAG = re.compile(rb"""<[^\s>/]+(?:[^>"']|"[^"]*"|'[^']*')*>""")
_NAME = re.compile(rb"<([^\s>/]+)")
#: Numbers as files write them; Python would take more for one.
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?\s*", re.ASCII)
_ATTRIBUTE = re.compile(rb"""\s+([\w:.-]+)\s*=\s*("[^"]*"|'[^']*')""")


class Code(str):
    """An error code in a cell, told apart from a text that looks like one."""

    __slots__ = ()


@dataclass(slots=True)
class StoredFormula:
    """A formula as the file holds it.

    ``kind``: plain; array, over a fixed ``area``; dynamic, which spills, at its saving over ``area``;
    table, a data table. ``master``: for a formula shared with others, the cell that holds its text.
    """

    row: int
    column: int
    text: str
    style: int
    kind: str = "plain"
    area: Area | None = None
    master: tuple[int, int] | None = None
    #: What the cell shows: a number, text, bool or :class:`Code`; None where nothing is stored.
    stored: Any = None
    #: What its block had filled, by row and column.
    filled: dict[tuple[int, int], Any] = field(default_factory=dict)


@dataclass(slots=True)
class Scanned:
    """What a sheet holds, and its XML without formulas and without the cells that blocks had filled."""

    formulas: list[StoredFormula]
    bare: bytes
    last_row: int
    #: Rows that are not shown, and the areas with a filter, which may be why.
    hidden: list[int] = field(default_factory=list)
    filtered: list[Area] = field(default_factory=list)


@dataclass(slots=True)
class Changes:
    """New values by row and column, None for an emptied cell; new areas of blocks by the block's first cell."""

    values: dict[tuple[int, int], Any] = field(default_factory=dict)
    areas: dict[tuple[int, int], Area] = field(default_factory=dict)


@dataclass(slots=True)
class _Element:
    """Where an element stands: from its ``<`` to behind its end."""

    start: int
    attributes: Mapping[str, str]
    end: int = 0
    #: Whether it is one tag, ``<v/>``.
    alone: bool = False
    text: str = ""


@dataclass(slots=True)
class _Cell(_Element):
    row: int = 0
    column: int = 0
    formula: _Element | None = None
    value: _Element | None = None
    string: _Element | None = None


def scan(
    content: bytes, part: str, strings: Callable[[int], str | None], date1904: bool, *, careful: bool = False
) -> Scanned:
    """Read a sheet's formulas. Raises :class:`Damaged`. ``careful``: look at every cell's value, too."""
    return (None if careful else _quick(content)) or _Scan(content, part, strings, date1904, careful).done()


def rewritten(content: bytes, part: str, changes: Changes, strings: Callable[[int], str | None]) -> bytes:
    """The sheet's XML with values changed; one that is stored already, and everything else, keeps its bytes."""
    return _Rewriting(content, part, changes, strings).done()


def same(first: Any, second: Any) -> bool:
    """Whether two values are the same to somebody who looks at the cell: numbers to 12 digits.

    What is left of nearly nothing, as of 0.1+0.2-0.3, is nothing.
    """
    if isinstance(first, bool) or isinstance(second, bool) or isinstance(first, str) or isinstance(second, str):
        return type(first) is type(second) and bool(first == second)
    if first is None or second is None:
        return first is second
    return bool(abs(first - second) <= max(1e-12 * max(abs(first), abs(second)), 1e-15))


# ----------------------------------------------------------------------- sheets without formulas

_FORMULA = re.compile(rb"<(?:[^\s<>/:]+:)?f[\s/>]")
_DATA = re.compile(rb"<(?:\w+:)?sheetData\s*>")
_DATA_END = re.compile(rb"</(?:\w+:)?sheetData\s*>")
_ROOT = re.compile(rb"""<(?P<name>(?:\w+:)?worksheet)(?:[^>"']|"[^"]*"|'[^']*')*>""")
_LAST_ROW = re.compile(rb"""<(?:[^\s<>/:]+:)?row\s(?:[^>]*?\s)?r=["'](\d{1,7})["']""")
#: What only the parser can tell apart, and dates as texts, which have to be turned into numbers.
_NOT_QUICK = re.compile(rb"""<!--|<!\[|\st=["'][de]["']|\shidden=["'][1t]""")
_FILTER = re.compile(rb"""<(?:\w+:)?autoFilter\s[^>]*?\bref=["']([A-Z0-9:$]+)["'][^>]*>\s*<(?:\w+:)?filterColumn""")


def _quick(content: bytes) -> Scanned | None:
    """A sheet without formulas, as most large ones are, needs no look at each cell."""
    if _FORMULA.search(content) or _NOT_QUICK.search(content):
        return None
    root, data = _ROOT.search(content), _DATA.search(content)
    end = content.rfind(b"sheetData")
    closing = _DATA_END.search(content, max(end - 40, 0)) if end >= 0 else None
    if not root or not data or not closing or closing.start() < data.end():
        return None
    last = max(content.rfind(b"<row", 0, closing.start()), content.rfind(b":row", 0, closing.start()))
    row = _LAST_ROW.match(content, content.rfind(b"<", 0, last + 1)) if last >= 0 else None
    if last >= 0 and not row:
        return None  # rows without numbers: somebody has to count
    bare = b"".join([root[0], content[data.start() : closing.end()], b"</", root["name"], b">"])
    return Scanned([], bare, int(row[1]) if row else 0)


# --------------------------------------------------------------------------------- the parser


class _Walk:
    """Goes through a sheet's cells in their order; what is made of them is up to those that inherit."""

    def __init__(self, content: bytes, part: str) -> None:
        self.content, self.part = content, part
        self.row = self.column = 0
        self.row_attributes: Mapping[str, str] = {}
        self.in_row = False
        self.cell: _Cell | None = None
        self.inner: _Element | None = None
        self.inner_name = ""
        self.data: _Element | None = None
        self.root: _Element | None = None
        #: Bytes to put in place of those from a start to an end.
        self.edits: list[tuple[int, int, bytes]] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._starts
        self.parser.EndElementHandler = self._ends
        self.parser.StartDoctypeDeclHandler = lambda *_: self.refuse("<!DOCTYPE")
        try:
            self.parser.Parse(content, True)
        except (expat.ExpatError, ValueError) as error:
            self.refuse(first_line(error))
        if self.data is None:
            self.refuse(NO_SHEET_DATA())

    def refuse(self, reason: Sentence | str) -> NoReturn:
        raise Damaged(DAMAGED_PART(part=self.part, reason=reason))

    def edited(self, start: int = 0, end: int | None = None) -> bytes:
        """The content, or what of it stands between two bytes, with all edits made."""
        pieces, position = [], start
        for first, last, new in sorted(self.edits, key=lambda edit: edit[:2]):
            pieces += [self.content[position:first], new]
            position = last
        pieces.append(self.content[position:end])
        return b"".join(pieces)

    def prefix(self) -> bytes:
        """What stands before the names of this sheet's elements."""
        assert self.root is not None
        before, colon, _ = self._name(self.root).rpartition(b":")
        return before + colon

    def _name(self, element: _Element) -> bytes:
        found = _NAME.match(self.content, element.start)
        return found[1] if found else b""

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        at = self.parser.CurrentByteIndex
        if self.root is None:
            self.root = _Element(at, attributes)
        elif self.data is None:
            if name == "sheetData":
                self.data = _Element(at, attributes)
        elif self.data.end:
            return
        elif name == "c":
            self._cell_starts(at, attributes)
        elif self.cell is not None:
            if self.inner is None and name in ("f", "v", "is"):
                self.inner, self.inner_name = _Element(at, attributes), name
                if name != "is" and self.reads(self.cell):
                    self.parser.CharacterDataHandler = self._text
            elif self.inner is None:
                self.stranger(self.cell, name)
        elif name == "row":
            number = attributes.get("r")
            row = self.row + 1 if number is None else _whole(number.strip())
            if row is None or not 1 <= row <= MOST_ROWS:
                self.refuse(NO_CELL(cell=shortened(number or "")))
            if row <= self.row or self.in_row:
                self.refuse(OUT_OF_ORDER(cell=row))
            self.row, self.column, self.in_row = row, 0, True
            self.row_attributes = attributes
            self.row_starts(at)

    def _cell_starts(self, at: int, attributes: dict[str, str]) -> None:
        name = attributes.get("r")
        place = (self.row, self.column + 1) if name is None else cell_of(name)
        if place is None or not 1 <= place[1] <= MOST_COLUMNS:
            self.refuse(NO_CELL(cell=shortened(name or "")))
        if place[0] != self.row or place[1] <= self.column or not self.in_row or self.cell is not None:
            self.refuse(OUT_OF_ORDER(cell=cell_name(*place)))
        self.column = place[1]
        self.cell = _Cell(at, attributes, row=place[0], column=place[1])
        self.cell_starts(self.cell)

    def _text(self, written: str) -> None:
        if self.inner is not None:
            self.inner.text += written

    def _ends(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if self.inner is not None:
            if name == self.inner_name and self.cell is not None:
                self._close(self.inner)
                self.parser.CharacterDataHandler = None
                attribute = {"f": "formula", "v": "value", "is": "string"}[name]
                setattr(self.cell, attribute, self.inner)
                self.inner = None
        elif name == "c" and self.cell is not None:
            self._close(self.cell)
            cell, self.cell = self.cell, None
            self.cell_ends(cell)
        elif name == "row" and self.cell is None and self.data is not None and not self.data.end:
            self.in_row = False
            self.row_ends(self.parser.CurrentByteIndex)
        elif name == "sheetData" and self.data is not None and not self.data.end:
            self.data_ends(self.parser.CurrentByteIndex)
            self._close(self.data)
            # Nothing behind them is looked at, were it a million merged cells.
            self.parser.StartElementHandler = self.parser.EndElementHandler = None

    def _close(self, element: _Element) -> None:
        """Note where the element ends; the parser stands at its end tag, or behind it where it is one tag."""
        at = self.parser.CurrentByteIndex
        closing = b"</" + self._name(element)
        element.alone = not self.content.startswith(closing, at)
        element.end = at if element.alone else self.content.index(b">", at) + 1

    # What those that inherit do with it.

    def reads(self, cell: _Cell) -> bool:  # noqa: ARG002
        """Whether the texts in the cell are wanted."""
        return True

    def row_starts(self, at: int) -> None: ...

    def row_ends(self, at: int) -> None: ...

    def cell_starts(self, cell: _Cell) -> None: ...

    def cell_ends(self, cell: _Cell) -> None: ...

    def data_ends(self, at: int) -> None: ...

    def stranger(self, cell: _Cell, name: str) -> None: ...


def _whole(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None


def value_of(cell: _Cell, strings: Callable[[int], str | None]) -> Any:
    """What a cell holds. A number that can't be read is a text, as damaged as it is."""
    if cell.value is None:
        return None
    written, kind = cell.value.text, cell.attributes.get("t", "n")
    if kind == "str":
        return unescaped(written)
    if kind == "e":
        return Code(written.strip())
    if kind == "b":
        return written.strip() in ("1", "true")
    if not written.strip():
        return None
    if kind == "s":
        index = _whole(written.strip())
        return None if index is None else strings(index)
    if not _NUMBER.fullmatch(written):
        return written
    number = float(written)
    return number if abs(number) < float("inf") else written


#: The errors that files hold, and that the engine knows in cells. Excel stores its newer ones as #VALUE!, too, with
#: what they are beside the cells.
STORED_CODES = frozenset(["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"])


class _Scan(_Walk):
    def __init__(
        self, content: bytes, part: str, strings: Callable[[int], str | None], date1904: bool, careful: bool
    ) -> None:
        self.strings, self.date1904, self.careful = strings, date1904, careful
        self.formulas: list[StoredFormula] = []
        self.hidden: list[int] = []
        #: Blocks that reach further down than the parser has come, and the one that fills the cell.
        self.blocks: list[StoredFormula] = []
        self.block: StoredFormula | None = None
        self.shared: dict[str, StoredFormula] = {}
        super().__init__(content, part)

    def done(self) -> Scanned:
        assert self.root is not None
        assert self.data is not None
        start = _START_TAG.match(self.content, self.root.start)
        if not start:
            self.refuse(NO_SHEET_DATA())
        data = self.edited(self.data.start, self.data.end)
        bare = b"".join([start[0], data, b"</", self._name(self.root), b">"])
        refs = (found[1].decode().replace("$", "") for found in _FILTER.finditer(self.content, self.data.end))
        filtered = [area for ref in refs if (area := area_of(ref))]
        return Scanned(self.formulas, bare, self.row, self.hidden, filtered)

    def reads(self, cell: _Cell) -> bool:
        filled = self.block is not None
        if filled or self.careful or cell.formula is not None or self.inner_name == "f":
            return True
        return cell.attributes.get("t") in ("d", "e")

    def row_starts(self, at: int) -> None:  # noqa: ARG002
        if self.row_attributes.get("hidden") in ("1", "true"):
            self.hidden.append(self.row)
        if self.blocks:
            self.blocks = [block for block in self.blocks if block.area and block.area.bottom >= self.row]

    def cell_starts(self, cell: _Cell) -> None:
        within = (block for block in self.blocks if block.area and block.area.holds(cell.row, cell.column))
        self.block = next(within, None) if self.blocks else None

    def cell_ends(self, cell: _Cell) -> None:
        if cell.formula is not None:
            self.formulas.append(self._formula(cell, cell.formula))
        elif self.block is not None:
            self.block.filled[cell.row, cell.column] = value_of(cell, self.strings)
        else:
            if cell.value is not None:
                self._for_the_engine(cell, cell.value)
            return
        # A cell without a name is where it is because of those before it.
        empty = b"" if "r" in cell.attributes else b"<" + self.prefix() + b"c/>"
        self.edits.append((cell.start, cell.end, empty))

    def stranger(self, cell: _Cell, name: str) -> None:
        if self.careful:
            self.refuse(NOT_IN_CELL(cell=cell_name(cell.row, cell.column), name=shortened(name)))

    def _for_the_engine(self, cell: _Cell, value: _Element) -> None:
        """Values written as the engine can take them."""
        kind = cell.attributes.get("t", "n")
        if kind == "d":
            self._date(cell, value)
        elif kind == "e":
            if value.text not in STORED_CODES:
                self._replace(value, b"#VALUE!")
        elif self.careful:
            self._check(cell, kind, value)

    def _check(self, cell: _Cell, kind: str, value: _Element) -> None:
        """Say what is wrong with a value for which the engine refuses the whole workbook."""
        name, written = cell_name(cell.row, cell.column), value.text.strip()
        if kind == "n":
            if written and not (_NUMBER.fullmatch(written) or written.casefold() in ("nan", "inf", "-inf")):
                self.refuse(NO_NUMBER(cell=name, value=shortened(written)))
            if written != value.text:
                self._replace(value, written.encode())
        elif kind == "s":
            index = _whole(written)
            if index is None or self.strings(index) is None:
                self.refuse(NO_SHARED_TEXT(cell=name, value=shortened(written)))
        elif kind not in ("b", "str", "inlineStr"):
            self.refuse(NO_KIND(cell=name, kind=shortened(kind)))

    def _replace(self, element: _Element, text: bytes) -> None:
        if not element.alone:
            opening = self.content.index(b">", element.start) + 1
            self.edits.append((opening, self.content.rindex(b"</", opening, element.end), text))

    def _date(self, cell: _Cell, value: _Element) -> None:
        """A date as text, as the strict format has it, as the number that it is."""
        from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, to_excel

        try:
            day = datetime.fromisoformat(value.text.strip()).replace(tzinfo=None)
            number = to_excel(day, CALENDAR_MAC_1904 if self.date1904 else CALENDAR_WINDOWS_1900)
        except ValueError:
            return
        start = _START_TAG.match(self.content, cell.start)
        if start and not value.alone:
            self.edits.append((*start.span(), _with_attribute(start[0], b"t", b"n")))
            self._replace(value, f"{number!r}".encode())

    def _formula(self, cell: _Cell, element: _Element) -> StoredFormula:
        attributes, kind = element.attributes, element.attributes.get("t", "normal")
        style = cell.attributes.get("s", "0")
        made = StoredFormula(
            cell.row,
            cell.column,
            unescaped(element.text),
            _whole(style) or 0,
            stored=value_of(cell, self.strings),
        )
        area = area_of(attributes.get("ref", ""))
        if kind == "array":
            made.kind = "dynamic" if "cm" in cell.attributes else "array"
            made.area = area if area and (area.top, area.left) == (cell.row, cell.column) else None
            if made.area and made.area.size > 1:
                self.blocks.append(made)
        elif kind == "dataTable":
            made.kind, made.area = "table", area
            made.text = _data_table(attributes)
        elif kind == "shared" and (index := attributes.get("si")) is not None:
            if element.text:
                self.shared[index] = made
            elif index in self.shared:
                master = self.shared[index]
                made.text, made.master = master.text, (master.row, master.column)
        return made


def _data_table(attributes: Mapping[str, str]) -> str:
    """A data table as Excel shows it."""
    first, second = attributes.get("r1", ""), attributes.get("r2", "")
    if attributes.get("dt2D") in ("1", "true"):
        return f"TABLE({first},{second})"
    return f"TABLE({first},)" if attributes.get("dtr") in ("1", "true") else f"TABLE(,{first})"


# ------------------------------------------------------------------------------------ writing


def _with_attribute(tag: bytes, name: bytes, value: bytes | None) -> bytes:
    """A start tag with an attribute set; with None, without it."""
    for found in _ATTRIBUTE.finditer(tag):
        if found[1] == name:
            new = b"" if value is None else b" " + name + b'="' + value + b'"'
            return tag[: found.start()] + new + tag[found.end() :]
    if value is None:
        return tag
    end = len(tag) - (2 if tag.endswith(b"/>") else 1)
    return tag[:end].rstrip() + b" " + name + b'="' + value + b'"' + tag[end:]


def _written(value: Any) -> tuple[bytes | None, str]:
    """A value's type as the file names it, and its text."""
    if isinstance(value, bool):
        return b"b", "1" if value else "0"
    if isinstance(value, Code):
        return b"e", escaped(value)
    if isinstance(value, str):
        return b"str", escaped(value[:32_767])
    return None, repr(value + 0).removesuffix(".0").replace("e", "E")


class _Rewriting(_Walk):
    def __init__(self, content: bytes, part: str, changes: Changes, strings: Callable[[int], str | None]) -> None:
        self.changes, self.strings = changes, strings
        self.rows: dict[int, dict[int, Any]] = {}
        for (row, column), value in sorted(changes.values.items(), key=lambda change: change[0]):
            self.rows.setdefault(row, {})[column] = value
        self.waiting_rows = sorted(self.rows, reverse=True)
        self.waiting: dict[int, Any] = {}
        self.row_at = 0
        super().__init__(content, part)

    def done(self) -> bytes:
        return self.edited()

    def reads(self, cell: _Cell) -> bool:
        return (cell.row, cell.column) in self.changes.values

    def row_starts(self, at: int) -> None:
        self._missing_rows(at, self.row)
        self.row_at = at
        if self.waiting_rows and self.waiting_rows[-1] == self.row:
            self.waiting = dict(self.rows[self.waiting_rows.pop()])

    def row_ends(self, at: int) -> None:
        cells = self._cells(self.waiting, MOST_COLUMNS + 1)
        self.waiting = {}
        if not cells:
            return
        name = self.prefix() + b"row"
        if self.content.startswith(b"</" + name, at):
            self.edits.append((at, at, cells))
        else:  # <row r="5"/>
            opened = self.content[self.row_at : at].rstrip()[:-2] + b">"
            self.edits.append((self.row_at, at, opened + cells + b"</" + name + b">"))

    def cell_starts(self, cell: _Cell) -> None:
        if self.waiting and (missing := self._cells(self.waiting, cell.column)):
            self.edits.append((cell.start, cell.start, missing))

    def data_ends(self, at: int) -> None:
        self._missing_rows(at, MOST_ROWS + 1)

    def _missing_rows(self, at: int, before: int) -> None:
        """Rows that the sheet does not have yet."""
        made = []
        while self.waiting_rows and self.waiting_rows[-1] < before:
            row = self.waiting_rows.pop()
            if cells := self._cells(dict(self.rows[row]), MOST_COLUMNS + 1, row):
                name = self.prefix() + b"row"
                made.append(b"<" + name + f' r="{row}">'.encode() + cells + b"</" + name + b">")
        if made:
            self.edits.append((at, at, b"".join(made)))

    def _cells(self, waiting: dict[int, Any], before: int, row: int = 0) -> bytes:
        """New cells for the values that stand before a column; they are waiting no more."""
        made = []
        for column in sorted(column for column in waiting if column < before):
            value = waiting.pop(column)
            if value is not None:
                name = self.prefix() + b"c"
                start = b"<" + name + f' r="{cell_name(row or self.row, column)}">'.encode()
                kind, written = _written(value)
                made.append(_with_attribute(start, b"t", kind) + self._value(written) + b"</" + name + b">")
        return b"".join(made)

    def _value(self, written: str) -> bytes:
        name = self.prefix() + b"v"
        return b"<" + name + b">" + written.encode("utf-8", "replace") + b"</" + name + b">"

    def cell_ends(self, cell: _Cell) -> None:
        place = (cell.row, cell.column)
        if place in self.changes.areas and cell.formula is not None:
            self._new_area(cell.formula, self.changes.areas[place])
        if place not in self.changes.values:
            return
        self.waiting.pop(cell.column, None)
        value = self.changes.values[place]
        if cell.string is None and same(value_of(cell, self.strings), value):
            return
        start = _START_TAG.match(self.content, cell.start)
        if start is None:
            return
        kind, written = (None, "") if value is None else _written(value)
        # Metadata of the value tell what kind of error it is, or a picture: not of this one.
        tag = _with_attribute(_with_attribute(start[0], b"t", kind), b"vm", None)
        new = b"" if value is None else self._value(written)
        if cell.alone:
            opened = tag[:-2].rstrip() + b">"
            closing = b"</" + self.prefix() + b"c>"
            self.edits.append((cell.start, cell.end, opened + new + closing if new else tag))
            return
        self.edits.append((*start.span(), tag))
        for old in (cell.value, cell.string):
            if old is not None:
                self.edits.append((old.start, old.end, new))
                new = b""
        if new:
            behind = cell.formula.end if cell.formula is not None else start.end()
            self.edits.append((behind, behind, new))

    def _new_area(self, formula: _Element, area: Area) -> None:
        if start := _START_TAG.match(self.content, formula.start):
            self.edits.append((*start.span(), _with_attribute(start[0], b"ref", area.name.encode())))
