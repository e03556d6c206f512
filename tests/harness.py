"""The places in which a call is tested: the call path itself, the headless engine, Office.js."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

# xlwings decides at import whether it serves Office.js, and then asks for a licence key.
if os.environ.get("XLWINGS_LICENSE_KEY"):
    os.environ["XLWINGS_ON_SERVER"] = "true"

from kpi_udfs import calls
from kpi_udfs.errors import CellError
from kpi_udfs.registry import KPIS


class Host(Protocol):
    """A place where a formula can stand."""

    name: str

    def call(self, kpi: str, arguments: Sequence[Any]) -> Any:
        """The cell's value: a number, a text, rows; an error as its code."""
        ...


def as_codes(value: Any) -> Any:
    """Cell errors, alone or in a block, as their codes."""
    if isinstance(value, list):
        return [[as_codes(cell) for cell in row] for row in value]
    return value.code if isinstance(value, CellError) else value


class Core:
    """The call path itself, without an application."""

    name = "core"

    def call(self, kpi: str, arguments: Sequence[Any]) -> Any:
        return as_codes(calls.call(KPIS[kpi], arguments, calls.context_now()))


class Headless:
    """A workbook file, its formula calculated by the engine."""

    name = "headless"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def call(self, kpi: str, arguments: Sequence[Any]) -> Any:
        from kpi_udfs.hosts.headless import Workbook

        path = self.folder / "call.xlsx"
        write_call(path, kpi, arguments)
        (cell,) = Workbook(path).calculate()
        return cell.error or cell.value


def write_call(path: Path, kpi: str, arguments: Sequence[Any], *, date1904: bool = False) -> None:
    """A workbook whose only formula is the call, its arguments in cells of another sheet."""
    import xlsxwriter

    book = xlsxwriter.Workbook(path, {"date_1904": date1904})
    call_sheet, cells = book.add_worksheet("Call"), book.add_worksheet("Cells")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    references, column = [], 0
    for argument in arguments:
        if argument is None:
            references.append("")
            continue
        rows = as_rows(argument)
        for down, row in enumerate(rows):
            for right, cell in enumerate(row):
                if isinstance(cell, date):
                    at = cell if isinstance(cell, datetime) else datetime.combine(cell, datetime.min.time())
                    cells.write_datetime(down, column + right, at, day)
                elif isinstance(cell, str) and cell.startswith("#"):
                    cells.write_formula(down, column + right, f"={cell}", None, cell)
                elif cell not in (None, ""):
                    cells.write(down, column + right, cell)
        last = xlsxwriter.utility.xl_rowcol_to_cell(len(rows) - 1, column + len(rows[0]) - 1)
        references.append(f"Cells!{xlsxwriter.utility.xl_rowcol_to_cell(0, column)}:{last}")
        column += len(rows[0]) + 1
    formula = f"={kpi}({','.join(references)})"
    if KPIS[kpi].gives_block:
        call_sheet.write_dynamic_array_formula(0, 0, 0, 0, formula)
    else:
        call_sheet.write_formula(0, 0, formula)
    book.close()


def as_rows(argument: Any) -> list[list[Any]]:
    if not isinstance(argument, list):
        return [[argument]]
    return [row if isinstance(row, list) else [row] for row in argument]


class OfficeJs:
    """xlwings' own path for Excel's custom functions, as xlwings Lite and Server use it."""

    name = "officejs"

    def call(self, kpi: str, arguments: Sequence[Any]) -> Any:
        import xlwings
        from xlwings.server import custom_functions_call

        from kpi_udfs.hosts import xlwings_udfs

        given = [None if a is None else [[_excel(c) for c in row] for row in as_rows(a)] for a in arguments]
        regular = [param for param in KPIS[kpi].params if not param.repeats]
        if KPIS[kpi].repeats:
            given = [*given[: len(regular)], given[len(regular) :]]
        request = {
            "func_name": kpi, "args": given, "caller_address": "Sheet1!A1", "culture_info_name": "en-US",
            "date_format": "m/d/yyyy", "version": xlwings.__version__, "client": "Office.js", "runtime": "1.4",
        }  # fmt: skip
        rows = asyncio.run(custom_functions_call(request, xlwings_udfs))
        return rows if KPIS[kpi].gives_block and len(rows) > 1 else rows[0][0]


def _excel(cell: Any) -> Any:
    """A cell as Office.js sends it: dates as serials, errors as mappings, blanks as empty text."""
    if isinstance(cell, date):
        return (date(cell.year, cell.month, cell.day) - date(1899, 12, 30)).days
    if isinstance(cell, str) and cell.startswith("#"):
        return {"type": "Error", "basicValue": cell}
    return "" if cell is None else cell


def need_officejs() -> None:
    """Skip where xlwings' licence key is missing; in CI that is a failure."""
    if os.environ.get("XLWINGS_LICENSE_KEY"):
        return
    if os.environ.get("CI"):
        pytest.fail("XLWINGS_LICENSE_KEY is not set; the Office.js host can't run")
    pytest.skip("needs XLWINGS_LICENSE_KEY ('noncommercial' where that applies)")
