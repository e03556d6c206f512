"""Formula texts for the headless engine: KPI calls marked, table references as cell ranges.

The engine evaluates ``Table[column]`` but neither ``Table[[#All],[a]:[b]]`` nor a row's own
``[@column]`` inside the table, and hands whole columns over with every empty row. Written as cell
ranges, all of them work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

import formualizer

from kpi_udfs.registry import KPIS

_PREFIXES = re.compile(r"_xlfn\.|_xlws\.|_xlpm\.|_xldudf_", re.IGNORECASE)
_WHOLE_COLUMNS = re.compile(r"(?P<sheet>(?:'(?:[^']|'')+'|[^'!]+)!)?\$?(?P<a>[A-Z]{1,3}):\$?(?P<b>[A-Z]{1,3})")
_TABLE = re.compile(r"(?P<table>[^\[\]'!:\s]*)\[(?P<spec>.*)\]", re.DOTALL)
_PART = re.compile(r"\[((?:'.|[^\]'])*)\]", re.DOTALL)


@dataclass(frozen=True)
class TableArea:
    """Where a table lies: 1-based, inclusive; ``top`` is its header row where it has one."""

    name: str
    sheet: str
    top: int
    left: int
    bottom: int
    right: int
    columns: tuple[str, ...]
    header: bool = True
    totals: bool = False

    @property
    def first_row(self) -> int:
        return self.top + 1 if self.header else self.top

    @property
    def last_row(self) -> int:
        return self.bottom - 1 if self.totals else self.bottom

    def holds(self, sheet: str, row: int, column: int) -> bool:
        return self.sheet == sheet and self.top <= row <= self.bottom and self.left <= column <= self.right


_LINK = re.compile(r"\[\d+\][^\[\]]*!")


def links_elsewhere(formula: str) -> bool:
    """Whether the formula refers to another workbook: ``[1]Sheet1!A1``."""
    return _LINK.search(formula) is not None


#: Excel stores a function of an add-in with a link to the add-in's file, as a number or, on a computer
#: where the file lies elsewhere, as its path.
_ADD_IN = re.compile(
    rf"(?:\[\d+\]|(?:'(?:[^'!(]|'')*)?\bkpi_udfs\.xlam'?)!(?=(?:{'|'.join(KPIS)})\s*\()", re.IGNORECASE
)


def plain(formula: str) -> str:
    """The formula without the prefixes of the file format, and without the way to our own add-in."""
    return _ADD_IN.sub("", _PREFIXES.sub("", formula))


def prefixed(formula: str, names: Container[str], prefix: str) -> str:
    """The formula with ``prefix`` before each call of a function among ``names``, as files store it."""
    for token in reversed(formualizer.tokenize(formula).tokens()):
        name = _function(token)
        if name in names:
            start, end = _span(token, formula)
            formula = f"{formula[:start]}{prefix}{name}({formula[end:]}"
    return formula


@dataclass(frozen=True)
class Surroundings:
    """What a formula's references are resolved against.

    ``last_rows``: the last used row of the sheets on which whole columns can be cut there.
    ``names``: for each sheet the defined names (folded) that stand for formulas or table columns,
    and their texts; the engine reads names before it knows tables and our functions, so they are
    written out.
    """

    tables: Mapping[str, TableArea]
    last_rows: Mapping[str, int]
    names: Mapping[str, Mapping[str, str]]


def prepare(
    formula: str, sheet: str, row: int, column: int, around: Surroundings, mark: Callable[[str], str | None]
) -> str:
    """The formula with KPI calls replaced by ``mark(name)`` and references the engine can take.

    ``mark`` gives what to write in place of ``NAME(`` (up to the first argument), or None for a
    function that is not ours.
    """
    formula = _written_out(plain(formula), around.names.get(sheet, {}))
    tokens = formualizer.tokenize(formula).tokens()
    written: list[str] = []
    position = 0
    for index, token in enumerate(tokens):
        start, end = _span(token, formula)
        new = None
        name = _function(token)
        if name == "SINGLE":  # how files store Excel's @, which a single result does not need
            new = "("
        elif name is not None:
            marked = mark(name)
            if marked is not None:
                new = marked + ("" if _closes(tokens, index + 1) else ",")
        elif token.token_type == formualizer.TokenType.Operand:
            new = _reference(token.value, sheet, row, column, around)
        if new is not None:
            written += [formula[position:start], new]
            position = end
    return "".join([*written, formula[position:]])


def _function(token: formualizer.Token) -> str | None:
    """The name of the function that the token opens, in capitals."""
    if token.token_type == formualizer.TokenType.Func and token.value.endswith("("):
        return token.value[:-1].strip().upper()
    return None


def _written_out(formula: str, names: Mapping[str, str]) -> str:
    """The formula with such names replaced by what they stand for."""
    for _ in range(5):  # names may stand for names; deeper than this nobody can follow
        tokens = formualizer.tokenize(formula).tokens()
        found = [token for token in tokens if token.value.casefold() in names]
        if not found:
            break
        for token in reversed(found):
            start, end = _span(token, formula)
            formula = f"{formula[:start]}({names[token.value.casefold()]}){formula[end:]}"
    return formula


def _span(token: formualizer.Token, formula: str) -> tuple[int, int]:
    """Where the token stands; the engine counts bytes, Python characters."""
    if formula.isascii():
        return token.start, token.end
    raw = formula.encode()
    return len(raw[: token.start].decode()), len(raw[: token.end].decode())


def _closes(tokens: list[formualizer.Token], index: int) -> bool:
    """Whether the call that was just opened has no arguments."""
    following = (t for t in tokens[index:] if t.token_type != formualizer.TokenType.Whitespace)
    return next((t.value == ")" for t in following), True)


def _reference(text: str, sheet: str, row: int, column: int, around: Surroundings) -> str | None:
    if found := _WHOLE_COLUMNS.fullmatch(text):
        name = (found["sheet"] or "").rstrip("!").strip("'").replace("''", "'") or sheet
        last = around.last_rows.get(name.casefold())
        return f"{found['sheet'] or ''}{found['a']}1:{found['b']}{max(last, 1)}" if last is not None else None
    if area := around.tables.get(text.casefold()):
        return _area_of(area, "#Data", sheet, row)
    found = _TABLE.fullmatch(text)
    if not found:
        return None
    if found["table"]:
        area = around.tables.get(found["table"].casefold())
    else:
        area = next((t for t in around.tables.values() if t.holds(sheet, row, column)), None)
    # As in Excel: what is no table, no column or no row leads nowhere.
    return (_area_of(area, found["spec"].strip(), sheet, row) if area else None) or "#REF!"


def _area_of(area: TableArea, spec: str, sheet: str, row: int) -> str | None:
    """The cell range of a table's ``[…]``; None where it can't be resolved."""
    this_row = spec.startswith("@")
    spec = spec[1:].strip() if this_row else spec
    if spec.startswith("[") and _PART.sub("", spec).strip(" ,:"):
        return None  # neither one name nor a list of bracketed ones
    parts = [_unescape(part) for part in _PART.findall(spec)] if spec.startswith("[") else [_unescape(spec)]
    keywords = {part.casefold() for part in parts if part.startswith("#")}
    names = [part for part in parts if part and not part.startswith("#")]
    known = [name.casefold() for name in area.columns]
    if any(name.casefold() not in known for name in names) or len(names) > 2:
        return None
    columns = [known.index(name.casefold()) + area.left for name in names] or [area.left, area.right]
    rows = _rows(area, keywords | ({"#this row"} if this_row else set()), sheet, row)
    if rows is None:
        return None
    first, last = f"{letters(columns[0])}{rows[0]}", f"{letters(columns[-1])}{rows[1]}"
    quoted = "'" + area.sheet.replace("'", "''") + "'"
    return f"{quoted}!{first}" if first == last else f"{quoted}!{first}:{last}"


def _rows(area: TableArea, keywords: set[str], sheet: str, row: int) -> tuple[int, int] | None:
    if "#this row" in keywords:
        inside = area.sheet == sheet and area.first_row <= row <= area.last_row
        return (row, row) if inside and len(keywords) == 1 else None
    if not keywords or keywords == {"#data"}:
        return area.first_row, area.last_row
    if keywords == {"#all"}:
        return area.top, area.bottom
    if keywords <= {"#headers", "#data"}:
        if not area.header:
            return None
        return area.top, area.last_row if "#data" in keywords else area.top
    if keywords <= {"#totals", "#data"}:
        if not area.totals:
            return None
        return (area.first_row if "#data" in keywords else area.bottom), area.bottom
    return None


def _unescape(name: str) -> str:
    return re.sub(r"'(.)", r"\1", name)


def letters(column: int) -> str:
    """A column's letters: 1 is A."""
    return formualizer.CellRef(None, 1, column, abs_row=False, abs_col=False).str_col
