"""A workbook in which the calls of ``cases.py`` stand as formulas, for hosts that read files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import xlsxwriter
from cases import Case, Rows
from xlsxwriter.utility import xl_col_to_name, xl_range, xl_rowcol_to_cell

from kpi_udfs.registry import KPIS

#: The sheet with the formulas, one below the other, and those with the cells that they refer to: areas, whole columns.
CALLS, CELLS, COLUMNS = "Calls", "Cells", "Columns"


class Place(NamedTuple):
    """Where a formula's values stand: the first row, and how many rows and columns."""

    row: int
    rows: int
    columns: int

    @property
    def cell(self) -> str:
        return f"A{self.row + 1}"


def write(
    path: Path, cases: Sequence[Case], answers: Sequence[Any], *, arrays: bool = False, whole: Collection[int] = ()
) -> list[Place]:
    """Write the workbook, the formulas far enough apart for their blocks; gives where each stands.

    With ``arrays``, blocks are array formulas over a range, for hosts where nothing spills. The range has a row and a
    column more than the answer, so that a block which is larger than it should be is seen. ``whole``: the numbers of
    the cases in which every argument of more than one row is given as whole columns.
    """
    book = xlsxwriter.Workbook(path)
    formulas, sheet, columns = map(book.add_worksheet, (CALLS, CELLS, COLUMNS))
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    places, at, down, beside = [], 0, 0, 0
    for number, (case, answer) in enumerate(zip(cases, answers, strict=True)):
        references, right = [], 0
        for rows in case.arguments:
            if rows is None:
                references.append("")
            elif number in whole and len(rows) > 1:
                _write_rows(columns, 0, beside, rows, day)
                first, last = xl_col_to_name(beside), xl_col_to_name(beside + len(rows[0]) - 1)
                references.append(f"{COLUMNS}!{first}:{last}")
                beside += len(rows[0])
            else:
                references.append(_write_rows(sheet, down, right, rows, day))
                right += len(rows[0])
        formula = f"={case.kpi}({','.join(references)})"
        block = answer if isinstance(answer, list) else [[answer]]
        place = Place(at, len(block), len(block[0]))
        if not KPIS[case.kpi].gives_block:
            formulas.write_formula(at, 0, formula)
        elif arrays:
            place = Place(at, place.rows + 1, place.columns + 1)
            formulas.write_array_formula(at, 0, at + place.rows - 1, place.columns - 1, f"{{{formula}}}")
        else:
            formulas.write_dynamic_array_formula(at, 0, at, 0, formula)
        places.append(place)
        at += place.rows + 1
        down += max((len(rows) for rows in case.arguments if rows), default=1)
    book.close()
    return places


def _write_rows(sheet: Any, down: int, right: int, rows: Rows, day: Any) -> str:
    """An argument's cells; gives the reference to them, as people write it."""
    for below, row in enumerate(rows):
        for beside, cell in enumerate(row):
            _write_cell(sheet, down + below, right + beside, cell, day)
    last = down + len(rows) - 1, right + len(rows[0]) - 1
    area = xl_rowcol_to_cell(down, right) if last == (down, right) else xl_range(down, right, *last)
    return f"{CELLS}!{area}"


def _write_cell(sheet: Any, row: int, column: int, cell: Any, day: Any) -> None:
    if isinstance(cell, dict) and "date" in cell:
        sheet.write_datetime(row, column, datetime.fromisoformat(cell["date"]), day)
    elif isinstance(cell, dict):
        sheet.write_formula(row, column, f"={cell['error']}", None, cell["error"])
    elif cell == "":
        sheet.write_formula(row, column, '=""', None, "")
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif cell is not None:
        sheet.write(row, column, cell)
