"""Recalculating a workbook without a spreadsheet program, on the formualizer engine.

The engine gets the values of the cells, then every formula it can calculate; one that it can't keeps
the value stored with the file. Each KPI call in a formula is marked with a number, so that every
cell's calls can be explained afterwards, however deep they stand in a formula.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl.formula.translate import Translator

from kpi_udfs import calls
from kpi_udfs.errors import WorkbookError
from kpi_udfs.hosts.calculation import MOST_FILLED, Calculation
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.kept import BLOCK_TOO_LARGE, DATA_TABLE, LINKED, NOT_UNDERSTOOD
from kpi_udfs.hosts.references import (
    links_elsewhere,
    plain,
)
from kpi_udfs.messages import say, text
from kpi_udfs.registry import KPIS
from kpi_udfs.xlsx.addresses import cell_name
from kpi_udfs.xlsx.contents import contents_of
from kpi_udfs.xlsx.limits import Limits
from kpi_udfs.xlsx.package import Damaged, Package, first_line
from kpi_udfs.xlsx.sheet_xml import Scanned, StoredFormula, scan

NOT_CALCULATED = text("workbook.not_calculated", "the workbook can't be calculated: {reason}")
NO_SHEET = text("workbook.no_sheet", 'there is no sheet "{sheet}". Sheets: {sheets:list}')

_KPI_CALL = re.compile(rf"\b(?:{'|'.join(KPIS)})\s*\(", re.IGNORECASE)


class Workbook:
    """A workbook file opened for calculating. Raises :class:`WorkbookError` with one clear line."""

    def __init__(self, path: Path, locale: str | None = None, limits: Limits | None = None) -> None:
        self.path = path
        self.locale = locale
        self.limits = limits or Limits()
        with self.said():
            self.package = Package(path, self.limits)
            self.contents = contents_of(self.package)
        self.date1904 = self.contents.date1904
        self.tables = {table.name.casefold(): table for table in self.contents.tables}
        self._strings: list[str] | None = None

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *_: object) -> None:
        self.package.archive.close()

    def said(self) -> _Said:
        """Inside it, what is damaged is raised as the line that names the file."""
        return _Said(self)

    def error(self, reason: Any) -> WorkbookError:
        """The reason as a line that names the file."""
        return WorkbookError(f"{self.path}: {say(reason, self.locale)}")

    def check_sheet(self, name: str) -> None:
        titles = [sheet.title for sheet in self.contents.sheets]
        if name not in titles:
            raise self.error(NO_SHEET(sheet=name, sheets=titles))

    def string(self, number: int) -> str | None:
        """A text that cells share."""
        if self._strings is None:
            part = self.contents.strings
            root = self.package.tree(part) if part else ()
            self._strings = ["".join(_texts(item)) for item in root]
        return self._strings[number] if 0 <= number < len(self._strings) else None

    def calculate(
        self, progress: Callable[[int, int], None] | None = None, *, now: datetime | None = None
    ) -> list[FormulaCell]:
        """Recalculate and return every formula cell with its value, error and explanation.

        ``progress`` is told how many of how many KPI calls are done. ``now``, with its time zone, is the moment
        that NOW and TODAY tell instead of the present one.
        """
        context = calls.context_now(date1904=self.date1904, folder=self.path.resolve().parent)
        with self.said():
            scanned = self._scanned()
            cells = [cell for title, sheet in scanned.items() for cell in self._formula_cells(title, sheet)]
            try:
                try:
                    run = Calculation(self, scanned, cells, context, progress)
                except Damaged:
                    raise
                except Exception:
                    # The engine does not say which cell it could not take.
                    run = Calculation(self, self._scanned(careful=True), cells, context, progress)
                del scanned  # the engine has it
                if now is not None:
                    run.engine.set_deterministic_clock(now)
                run.calculate()
            except Damaged:
                raise
            except Exception as error:
                # The engine names no exception of its own for what it can't take; the log has the whole.
                logging.getLogger("kpi_udfs").debug("calculating %s failed", self.path, exc_info=True)
                raise self.error(NOT_CALCULATED(reason=first_line(error))) from error
        return cells

    def _scanned(self, *, careful: bool = False) -> dict[str, Scanned]:
        return {
            sheet.title: scan(self.package.xml(sheet.part), sheet.part, self.string, self.date1904, careful=careful)
            for sheet in self.contents.sheets
        }

    def _formula_cells(self, title: str, sheet: Scanned) -> Iterator[FormulaCell]:
        shared: dict[tuple[int, int], Translator | None] = {}
        for found in sheet.formulas:
            yield self._formula_cell(title, found, shared)
        sheet.formulas.clear()

    def _formula_cell(
        self, title: str, found: StoredFormula, shared: dict[tuple[int, int], Translator | None]
    ) -> FormulaCell:
        written, broken = f"={found.text.removeprefix('=')}", None
        if found.master is not None:
            try:
                if found.master not in shared:
                    shared[found.master] = Translator(written, cell_name(*found.master))
                translator = shared[found.master]
                written = translator.translate_formula(cell_name(found.row, found.column)) if translator else written
            except Exception as error:  # openpyxl has several, and an IndexError for what it did not foresee
                shared[found.master], broken = None, error
        formula = plain(written)
        cell = FormulaCell(
            title,
            found.row,
            found.column,
            formula,
            kind=found.kind,
            area=found.area,
            # Programs that only write files put 0 where a value has to be.
            stored=None if self.contents.uncalculated and found.stored == 0 else found.stored,
            filled=found.filled,
            was_calculated=not self.contents.uncalculated,
            number_format=self.contents.number_format(found.style),
            locale=self.locale,
        )
        if found.kind == "table":
            cell.kept = DATA_TABLE()
        elif found.kind == "array" and found.area is not None and found.area.size > MOST_FILLED:
            cell.kept = BLOCK_TOO_LARGE(most=MOST_FILLED)
        elif broken is not None or formula == "=" or shared.get(found.master or (0, 0), "") is None:
            cell.kept = NOT_UNDERSTOOD(reason=first_line(broken) if broken else "=")
        elif links_elsewhere(formula):
            cell.kept = LINKED()
        if cell.kept is not None:  # it is never prepared, which is where KPI calls are found otherwise
            cell.is_kpi = _KPI_CALL.search(formula) is not None
        return cell


class _Said:
    """What is damaged becomes the line that names the file."""

    def __init__(self, book: Workbook) -> None:
        self.book = book

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Damaged):
            raise self.book.error(error.says) from error


def _texts(item: Any) -> Iterator[str]:
    """The runs of a shared text, without what tells how it is pronounced."""
    for part in item:
        if part.tag == "t":
            yield part.text or ""
        elif part.tag == "r":
            yield from (text.text or "" for text in part.iterfind("t"))
