"""Cells by name, and texts as files write them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")


class Area(NamedTuple):
    """Cells from one corner to the other: 1-based, inclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def name(self) -> str:
        first, last = cell_name(self.top, self.left), cell_name(self.bottom, self.right)
        return first if first == last else f"{first}:{last}"

    @property
    def size(self) -> int:
        return (self.bottom - self.top + 1) * (self.right - self.left + 1)

    def holds(self, row: int, column: int) -> bool:
        return self.top <= row <= self.bottom and self.left <= column <= self.right


@lru_cache(maxsize=20_000)
def letters(column: int) -> str:
    """A column's letters: 1 is A."""
    written = ""
    while column:
        column, place = divmod(column - 1, 26)
        written = chr(65 + place) + written
    return written


@lru_cache(maxsize=20_000)
def column_of(written: str) -> int:
    """A column's number: A is 1."""
    number = 0
    for letter in written.upper():
        number = number * 26 + ord(letter) - 64
    return number


def cell_name(row: int, column: int) -> str:
    return f"{letters(column)}{row}"


def cell_of(name: str) -> tuple[int, int] | None:
    """Row and column of a cell's name; None where there is no such cell."""
    if not (found := _CELL.fullmatch(name)):
        return None
    row, column = int(found[2]), column_of(found[1])
    return (row, column) if 1 <= row <= MOST_ROWS and column <= MOST_COLUMNS else None


def area_of(name: str) -> Area | None:
    """The area of ``A1:B3`` or ``A1``; None where there is no such area."""
    first, colon, last = name.partition(":")
    start, end = cell_of(first), cell_of(last if colon else first)
    if start is None or end is None or end[0] < start[0] or end[1] < start[1]:
        return None
    return Area(*start, *end)


# ------------------------------------------------------------------------------------ texts

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
#: What XML can't hold, a carriage return, which it would turn into a line feed, and what looks escaped.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")


def unescaped(written: str) -> str:
    """A text as the cell shows it: files write signs that XML can't hold as ``_x000D_``."""
    if "_x" not in written:
        return written
    shown = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), written)
    # Two of them may be one sign; half of one is none.
    return shown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def escaped(shown: str) -> str:
    """A text as a file holds it, ready to stand in XML."""
    shown = _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", shown)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
