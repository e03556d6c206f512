"""Recalculating a workbook without a spreadsheet program, on the formualizer engine.

The engine reads the cells and calculates; openpyxl tells what it does not: formula texts as
written, tables, number formats. Each KPI call in a formula is marked with a number, so that every
cell's calls can be explained afterwards, however deep they stand in a formula.
"""

from __future__ import annotations

import logging
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock
from functools import partial
from pathlib import Path
from typing import Any

import formualizer
import openpyxl
from openpyxl.worksheet.formula import ArrayFormula

from kpi_udfs import calls
from kpi_udfs.calls import VALUE_TOLD, Answer
from kpi_udfs.cells import ENGINE_ERRORS, ERROR_TEXTS, Context
from kpi_udfs.errors import VALUE, CellError, WorkbookError
from kpi_udfs.hosts.references import Surroundings, TableArea, letters, links_elsewhere, plain, prepare
from kpi_udfs.hosts.saved_blocks import without
from kpi_udfs.kinds import Kind
from kpi_udfs.messages import say, text
from kpi_udfs.registry import KPIS, Block, KpiSpec

NO_FILE = text("workbook.no_file", "there is no such file.")
FOLDER = text("workbook.folder", "this is a folder; name a workbook in it.")
NOT_XLSX = text("workbook.not_xlsx", "this is no .xlsx or .xlsm workbook.")
OLD_OR_LOCKED = text(
    "workbook.old_or_locked",
    "this is an old .xls file or a workbook with a password; save it as .xlsx without one.",
)
UNREADABLE = text("workbook.unreadable", "the workbook can't be read: {reason}")
NO_ACCESS = text("workbook.no_access", "the file can't be opened: {reason}")
NOT_CALCULATED = text("workbook.not_calculated", "the workbook can't be calculated: {reason}")
NO_SHEET = text("workbook.no_sheet", 'there is no sheet "{sheet}". Sheets: {sheets:list}')

#: The engine spills no more cells than this.
MOST_SPILLED = 10_000
BLOCK_TOO_LARGE = text(
    "code.block_too_large",
    "the block has more than 10,000 cells, more than can be calculated here; a spreadsheet shows it.",
)
LINKED = text("code.link", "refers to another workbook; the value saved with the file is shown.")
NO_REASON = text("code.other", "the formula itself gives this error.")
_REASONS = {
    "#NAME?": text("code.name", "a function or a name in the formula is unknown here."),
    "#REF!": text("code.ref", "a reference in the formula leads nowhere."),
    "#SPILL!": text("code.spill", "cells that the block would fill are not empty."),
    "#CIRC!": text("code.circ", "the formula depends on its own cell."),
    "#N/IMPL!": text("code.nimpl", "the formula uses something that can't be calculated here."),
}

#: How a marked KPI call is written into the engine's copy of a formula.
_MARK = "KPI_UDFS_CALL__"
_KPI_CALL = re.compile(rf"\b(?:{'|'.join(KPIS)})\s*\(", re.IGNORECASE)
_CODE_TO_KIND = {code: kind for kind, code in ENGINE_ERRORS.items()}


@dataclass
class FormulaCell:
    """One formula cell after recalculation. ``value`` holds rows where the formula spilled."""

    sheet: str
    row: int
    column: int
    formula: str
    number_format: str = "General"
    #: The cells its block filled when the file was saved, for example ``A5:F10``.
    saved_area: str | None = None
    #: Whether the file stores prefixes that the engine does not know.
    prefixed: bool = False
    value: Any = None
    error: str | None = None
    #: Whether the formula calls a KPI, evaluated or not.
    is_kpi: bool = False
    #: Whether the formula refers to another workbook.
    linked: bool = False
    locale: str | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def cell(self) -> str:
        return f"{letters(self.column)}{self.row}"

    @property
    def saved_block(self) -> set[str]:
        """The cells of the saved area but for the formula's own."""
        if not self.saved_area:
            return set()
        left, top, right, bottom = openpyxl.utils.range_boundaries(self.saved_area)
        area = ((row, column) for row in range(top, bottom + 1) for column in range(left, right + 1))
        return {f"{letters(column)}{row}" for row, column in area} - {self.cell}

    @property
    def explanation(self) -> str | None:
        """In words, for each KPI call in the formula; None where there is none."""
        if self.linked:
            return say(LINKED, self.locale)
        if self.error and not any(isinstance(answer.result, CellError) for answer in self.answers):
            return self._reason  # what the calls came to is not what the cell shows
        if len(self.answers) == 1:
            return self.answers[0].explanation
        return "\n".join(f"{answer.spec.name}: {answer.explanation}" for answer in self.answers) or None

    @property
    def _reason(self) -> str:
        """Why the formula itself gives its error."""
        reason = _REASONS.get(self.error or "", NO_REASON)
        blocks = [answer.result for answer in self.answers if isinstance(answer.result, Block)]
        if self.error == "#SPILL!" and any(len(block.rows) * len(block.rows[0]) > MOST_SPILLED for block in blocks):
            reason = BLOCK_TOO_LARGE
        return say(VALUE_TOLD(value=self.error, told=reason), self.locale)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Error codes this cell and its block show, each with the reason, where we know it."""
        block = [
            cell
            for answer in self.answers
            if isinstance(answer.result, Block)
            for row in answer.result.rows
            for cell in row
            if isinstance(cell, CellError)
        ]
        if self.error:
            reasons = [a.explanation for a in self.answers if isinstance(a.result, CellError)]
            return [(self.error, " ".join(reasons) or self._reason)]
        spilled = {cell for row in self.value for cell in row} if isinstance(self.value, list) else set()
        return [
            (cell.code, say(VALUE_TOLD(value=cell.code, told=cell.reason), self.locale))
            for cell in block
            if cell.code in spilled
        ]


class Workbook:
    """A workbook file opened for calculating. Raises :class:`WorkbookError` with one clear line."""

    def __init__(self, path: Path, locale: str | None = None) -> None:
        self.path = path
        self.locale = locale
        self._check_file()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells what it would lose on saving; we don't save
            try:
                self.book = openpyxl.load_workbook(path)
            except Exception as error:
                raise self._error(UNREADABLE(reason=_first_line(error))) from error
        self.date1904 = self.book.epoch == openpyxl.utils.datetime.CALENDAR_MAC_1904
        self.tables = {table.name.casefold(): table for table in self._tables()}

    def _error(self, reason: Any) -> WorkbookError:
        return WorkbookError(f"{self.path}: {say(reason, self.locale)}")

    def _check_file(self) -> None:
        if self.path.is_dir():
            raise self._error(FOLDER)
        try:
            with self.path.open("rb") as file:
                start = file.read(8)
        except FileNotFoundError:
            raise self._error(NO_FILE) from None
        except OSError as error:
            raise self._error(NO_ACCESS(reason=error.strerror or _first_line(error))) from error
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            raise self._error(OLD_OR_LOCKED)
        if not zipfile.is_zipfile(self.path):
            raise self._error(NOT_XLSX)

    def _tables(self) -> Iterator[TableArea]:
        for sheet in self.book.worksheets:
            for table in sheet.tables.values():
                left, top, right, bottom = openpyxl.utils.range_boundaries(table.ref)
                yield TableArea(
                    name=table.displayName,
                    sheet=sheet.title,
                    top=top,
                    left=left,
                    bottom=bottom,
                    right=right,
                    columns=tuple(column.name for column in table.tableColumns),
                    header=table.headerRowCount != 0,
                    totals=bool(table.totalsRowCount),
                )

    def formula_cells(self) -> list[FormulaCell]:
        """Every formula of the workbook, sheet by sheet, not yet calculated."""
        cells = (cell for sheet in self.book.worksheets for row in sheet.iter_rows() for cell in row)
        found = (self._formula_cell(cell) for cell in cells if cell.data_type == "f")
        return [cell for cell in found if cell is not None]

    def _formula_cell(self, cell: Any) -> FormulaCell | None:
        """What openpyxl tells about a formula's cell; None for a data table, which has no formula text."""
        stored, area = cell.value, None
        if isinstance(stored, ArrayFormula):
            stored, area = stored.text, stored.ref
        if not isinstance(stored, str):
            return None
        formula = plain(stored)
        linked = links_elsewhere(formula)
        return FormulaCell(
            sheet=cell.parent.title,
            row=cell.row,
            column=cell.column,
            formula=formula,
            number_format=cell.number_format,
            saved_area=area,
            prefixed=formula != stored,
            # A linked formula is never prepared, which is where KPI calls are found otherwise.
            is_kpi=linked and _KPI_CALL.search(formula) is not None,
            linked=linked,
            locale=self.locale,
        )

    def check_sheet(self, name: str) -> None:
        titles = [sheet.title for sheet in self.book.worksheets]
        if name not in titles:
            raise self._error(NO_SHEET(sheet=name, sheets=titles))

    def calculate(self, progress: Callable[[int, int], None] | None = None) -> list[FormulaCell]:
        """Recalculate and return every formula cell with its value, error and explanation.

        ``progress`` is told how many of how many KPI calls are done.
        """
        context = calls.context_now(date1904=self.date1904, folder=self.path.resolve().parent)
        cells = self.formula_cells()
        try:
            engine = self._engine(cells)
            run = _Run(context, cells, progress)
            run.register(engine)
            self._keep_linked(engine, cells)
            around = self._surroundings(cells)
            for number, cell in enumerate(cells):
                if not cell.linked:
                    run.place(engine, number, cell, around)
            engine.evaluate_all()
            for cell in cells:
                _collect(engine, cell)
        except Exception as error:
            # The engine names no exception of its own for what it can't take; the log has the whole.
            logging.getLogger("kpi_udfs").debug("calculating %s failed", self.path, exc_info=True)
            raise self._error(NOT_CALCULATED(reason=_first_line(error))) from error
        run.attach()
        return cells

    def _keep_linked(self, engine: formualizer.Workbook, cells: list[FormulaCell]) -> None:
        """Formulas that refer to other workbooks keep the value that was saved with them."""
        linked = [cell for cell in cells if cell.linked]
        if not linked:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saved = openpyxl.load_workbook(self.path, data_only=True, read_only=False)
        for cell in linked:
            value = saved[cell.sheet][cell.cell].value
            if isinstance(value, str) and value in ERROR_TEXTS:
                engine.set_formula(cell.sheet, cell.row, cell.column, f"={value}")
            else:
                engine.set_value(cell.sheet, cell.row, cell.column, value)

    def _surroundings(self, cells: list[FormulaCell]) -> Surroundings:
        """Tables, names and used rows. Where a sheet holds formulas, a block may reach further down
        than the file's last row, and its whole columns stay whole."""
        flowing = {cell.sheet for cell in cells}
        return Surroundings(
            tables=self.tables,
            last_rows={s.title.casefold(): s.max_row for s in self.book.worksheets if s.title not in flowing},
            names={
                sheet.title: {
                    name.casefold(): plain(defined.attr_text)
                    for name, defined in (*self.book.defined_names.items(), *sheet.defined_names.items())
                    if re.search(r"[(\[]", defined.attr_text or "")
                }
                for sheet in self.book.worksheets
            },
        )

    def _engine(self, cells: list[FormulaCell]) -> formualizer.Workbook:
        evaluation = formualizer.EvaluationConfig()
        evaluation.date_system = "1904" if self.date1904 else "1900"
        # Callbacks hold the interpreter lock; threads would only wait for one another.
        evaluation.enable_parallel = False
        config = formualizer.WorkbookConfig(eval_config=evaluation)
        saved: dict[str, set[str]] = {}
        for cell in cells:
            saved.setdefault(cell.sheet, set()).update(cell.saved_block)
        if any(saved.values()):
            content = without(self.path, saved)
            engine = formualizer.Workbook.from_bytes(content, backend="native", config=config)
        else:
            engine = formualizer.Workbook.load_path(str(self.path), backend="native", config=config)
        for table in self.tables.values():
            area = (table.top, table.left, table.bottom, table.right)
            engine.add_table(
                table.name, table.sheet, area, list(table.columns), header_row=table.header, totals_row=table.totals
            )
        return engine


class _Run:
    """The KPI calls of one calculation: which cell each belongs to, and what it came to."""

    def __init__(
        self,
        context: Context | CellError,
        cells: list[FormulaCell],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.context, self.cells, self.progress = context, cells, progress
        self.marks: list[tuple[int, KpiSpec]] = []
        self.answers: dict[int, Answer] = {}

    def register(self, engine: formualizer.Workbook) -> None:
        for spec in KPIS.values():  # for formulas that could not be taken apart
            engine.register_function(spec.name, partial(self._plain_call, spec), min_args=0, max_args=None)
        engine.register_function(_MARK, self._marked_call, min_args=1, max_args=None)

    def place(
        self,
        engine: formualizer.Workbook,
        number: int,
        cell: FormulaCell,
        around: Surroundings,
    ) -> None:
        """Write the prepared formula into the engine where it differs from the file's."""

        def mark(name: str) -> str | None:
            if name not in KPIS:
                return None
            self.marks.append((number, KPIS[name]))
            cell.is_kpi = True
            return f"{_MARK}({len(self.marks) - 1}"

        try:
            prepared = prepare(cell.formula, cell.sheet, cell.row, cell.column, around, mark)
        except formualizer.TokenizerError:
            return  # the engine will say what it thinks of the formula
        if prepared != cell.formula or cell.prefixed:
            engine.set_formula(cell.sheet, cell.row, cell.column, prepared)

    def _marked_call(self, mark: float, *arguments: Any) -> Any:
        number = int(mark)
        answer = calls.answer(self.marks[number][1], arguments, self.context)
        self.answers[number] = answer
        if self.progress:
            self.progress(len(self.answers), len(self.marks))
        return pack(answer.cell)

    def _plain_call(self, spec: KpiSpec, *arguments: Any) -> Any:
        return pack(calls.call(spec, arguments, self.context))

    def attach(self) -> None:
        """Give each cell the answers of its calls, in the order in which they stand."""
        for number, answer in sorted(self.answers.items()):
            self.cells[self.marks[number][0]].answers.append(answer)


def pack(value: Any) -> Any:
    """A result as the engine takes it."""
    if isinstance(value, list):
        return [[_packed(cell) for cell in row] for row in value]
    return _packed(value)


def _packed(value: Any) -> Any:
    if isinstance(value, CellError):
        return {"type": "Error", "kind": _CODE_TO_KIND.get(value.code, "Value")}
    return value


def _collect(engine: formualizer.Workbook, cell: FormulaCell) -> None:
    """The engine's value, error and spilled block of a cell."""
    value = _unpacked(engine.get_value(cell.sheet, cell.row, cell.column))
    cell.error = value if isinstance(value, _Code) else None
    cell.value = None if cell.error else value
    quoted = cell.sheet.replace("'", "''")
    spill = engine.inspect_cell(f"'{quoted}'!{cell.cell}", include_values=False).cell.spill
    if spill is None or not spill.extent:
        return
    left, top, right, bottom = openpyxl.utils.range_boundaries(spill.extent.rpartition("!")[2])
    cell.value = [
        [_unpacked(engine.get_value(cell.sheet, row, column)) for column in range(left, right + 1)]
        for row in range(top, bottom + 1)
    ]


class _Code(str):
    """An error code, told apart from a text that looks like one."""

    __slots__ = ()


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Code(ENGINE_ERRORS.get(str(value.get("kind")), VALUE))
    if isinstance(value, datetime | date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    return value


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


# ------------------------------------------------------------------------------- displaying


class Display:
    """Values as cells show them: the number formats of the file, carried out by the engine."""

    def __init__(self, locale: str | None = None) -> None:
        self.locale = locale
        self.engine = formualizer.Workbook()
        self.engine.add_sheet("S")

    def shown(self, value: Any, number_format: str = "General") -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, bool):
            return str(value).upper()
        if number_format == "General":
            return self._localized(_general(value))
        escaped = _quoted_currency(number_format).replace('"', '""')
        self.engine.set_formula("S", 1, 1, f'=TEXT({value!r},"{escaped}")')
        text_value = self.engine.evaluate_cell("S", 1, 1)
        if not isinstance(text_value, str):
            return self._localized(_general(value))
        dated = openpyxl.styles.numbers.is_date_format(number_format)
        return text_value if dated else self._localized(text_value)

    def _localized(self, written: str) -> str:
        """English marks between digits exchanged for those of the language; words stay as they are."""
        if not self.locale:
            return written
        from babel import Locale

        symbols = Locale.parse(self.locale.replace("-", "_")).number_symbols["latn"]
        marks = str.maketrans({".": symbols["decimal"], ",": symbols["group"]})
        return re.sub(r"\d[\d.,]*\d", lambda number: number[0].translate(marks), written)

    def rows(self, block: list[list[Any]], kinds: tuple[Kind, ...] = ()) -> list[list[str]]:
        """A block's cells; columns of a known kind in the format that kind has."""
        formats = [kind.number_format for kind in kinds] or ["General"] * len(block[0])
        return [[self.shown(cell, form) for cell, form in zip(row, formats, strict=False)] for row in block]


def _general(value: float) -> str:
    """A number in the format General: eleven places at most, as a wide enough cell shows it."""
    if value == 0 or 1e-9 <= abs(value) < 1e11:
        places = max(0, 10 - len(str(int(abs(value)))))
        written = f"{value:.{places}f}"
        return written.rstrip("0").rstrip(".") if "." in written else written
    mantissa, _, exponent = f"{value:.5E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent):+03d}"


def _quoted_currency(number_format: str) -> str:
    """Currency signs as quoted text: the engine drops bare ones and ``[$€-407]``."""
    plain_signs = re.sub(r"\[\$([^\]-]*)(?:-[^\]]*)?\]", r'"\1"', number_format)
    return re.sub(r'"[^"]*"|[€£¥₹]', lambda part: part[0] if part[0][0] == '"' else f'"{part[0]}"', plain_signs)
