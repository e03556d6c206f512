"""What was calculated, written into a copy of the workbook: values in cells, and nothing else."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import formualizer

from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.hosts.references import areas
from kpi_udfs.xlsx.addresses import Area
from kpi_udfs.xlsx.package import decoded, encoded
from kpi_udfs.xlsx.sheet_xml import STORED_CODES, Changes, Code, rewritten, same


def new_values(cell: FormulaCell) -> dict[tuple[int, int], Any]:
    """What the formula's cell and those that its block fills are to hold; None for one that it fills no more."""
    if cell.kept is not None:
        return {}
    rows = cell.value if isinstance(cell.value, list) else [[Code(cell.error) if cell.error else cell.value]]
    values: dict[tuple[int, int], Any] = dict.fromkeys(cell.filled)
    for down, row in enumerate(rows):
        for right, value in enumerate(row):
            values[cell.row + down, cell.column + right] = _stored(value, cell.is_kpi)
    return values


def _stored(value: Any, is_kpi: bool) -> Any:
    if value is None:
        return "" if is_kpi else 0.0  # a formula that leads to an empty cell shows 0
    if isinstance(value, Code) and value not in STORED_CODES:
        return Code("#VALUE!")
    return value


def changed(cell: FormulaCell) -> bool:
    """Whether the cell, or one that its block fills, shows something else than was stored."""
    stored = {**cell.filled, (cell.row, cell.column): cell.stored}
    values = new_values(cell)
    return any(not same(stored.get(place), value) for place, value in values.items())


def write_back(book: Workbook, cells: Iterable[FormulaCell], target: Path) -> None:
    """Write a copy of the workbook that shows what was calculated. Raises :class:`~kpi_udfs.errors.WorkbookError`."""
    parts = {sheet.title: sheet.part for sheet in book.contents.sheets}
    changes: dict[str, Changes] = {}
    for cell in cells:
        if cell.kept is not None or not changed(cell):
            continue
        of_sheet = changes.setdefault(parts[cell.sheet], Changes())
        of_sheet.values.update(new_values(cell))
        if cell.kind == "dynamic" and cell.spilled != cell.area:
            of_sheet.areas[cell.row, cell.column] = cell.spilled

    def change(part: str, content: bytes) -> bytes:
        xml, encoding = decoded(content, part)
        return encoded(rewritten(xml, part, changes[part], book.string), encoding)

    with book.said():
        book.package.copy_to(target, {part.casefold(): partial(change, part) for part in changes})


# ------------------------------------------------------------------------------- differences

#: References that only calculating leads to.
_CALCULATED = re.compile(r"\b(?:INDIRECT|OFFSET)\s*\(", re.IGNORECASE)


def differing(cells: list[FormulaCell]) -> list[FormulaCell]:
    """Native formulas that give something else than was stored, though nothing they refer to has changed.

    What follows from another changed result, from the day or from chance is no difference: either the
    program that saved the file calculates differently, or a value was changed after it had calculated.
    A file that asks to be calculated on opening has stored nothing to compare with.
    """
    others = [cell for cell in cells if cell.kept is None and changed(cell)]
    moved = _Moved(others)
    return [
        cell
        for cell in others
        if cell.was_calculated
        and not cell.is_kpi
        and not cell.is_volatile
        and cell.stored is not None
        and not moved.before(cell)
    ]


class _Moved:
    """The cells that show something new, by sheet and column, in order."""

    def __init__(self, cells: Iterable[FormulaCell]) -> None:
        self.rows: dict[tuple[str, int], list[int]] = {}
        self.count = 0
        for cell in cells:
            self.count += 1
            for row, column in new_values(cell):
                self.rows.setdefault((cell.sheet.casefold(), column), []).append(row)
        for rows in self.rows.values():
            rows.sort()
        self.columns: dict[str, list[int]] = {}
        for sheet, column in self.rows:
            self.columns.setdefault(sheet, []).append(column)

    def before(self, cell: FormulaCell) -> bool:
        """Whether the formula refers to one of them; where to can't be told for sure, as if it did."""
        if _CALCULATED.search(cell.prepared) and self.count > 1:
            return True
        try:
            return any(self._in(sheet, area) for sheet, area in areas(cell.prepared, cell.sheet))
        except formualizer.TokenizerError:
            return True

    def _in(self, sheet: str, area: Area) -> bool:
        for column in self.columns.get(sheet, ()):
            if area.left <= column <= area.right:
                rows = self.rows[sheet, column]
                at = bisect_left(rows, area.top)
                if at < len(rows) and rows[at] <= area.bottom:
                    return True
        return False
