"""The calculation of a workbook: the engine, the formulas given to it, and what the KPI calls came to."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import ChainMap, Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

from kpi_udfs import calls
from kpi_udfs.calls import Answer
from kpi_udfs.cells import ENGINE_ERRORS, Context
from kpi_udfs.errors import NUM, VALUE, CellError
from kpi_udfs.hosts import as_stored
from kpi_udfs.hosts.bare_book import engine_for, is_area, knows, small_engine, teach
from kpi_udfs.hosts.engine_functions import Each
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.kept import (
    BLOCK_TOO_LARGE,
    CIRCULAR,
    COMES_FROM,
    LINKED,
    NOT_HERE,
    NOT_UNDERSTOOD,
    UNKNOWN_NAME,
    error_without_value,
    unknown_function,
)
from kpi_udfs.hosts.references import (
    Surroundings,
    areas,
    is_one_call,
    leads_nowhere,
    links_elsewhere,
    operands,
    plain,
    prepare,
    resolve,
)
from kpi_udfs.messages import Sentence
from kpi_udfs.registry import KPIS, Block, KpiSpec
from kpi_udfs.xlsx.addresses import MOST_COLUMNS, MOST_ROWS, Area, area_of
from kpi_udfs.xlsx.package import first_line
from kpi_udfs.xlsx.sheet_xml import Code, Scanned

if TYPE_CHECKING:
    from kpi_udfs.hosts.headless import Workbook

#: The engine spills no more cells than this.
MOST_SPILLED = 10_000
#: Nor does an array formula fill more than these.
MOST_FILLED = 100_000
#: What the engine has, but can't answer as a program does that shows a window, knows where the file lies and
#: what was written.
_NEEDS_A_PROGRAM = frozenset(["CELL", "FORMULATEXT", "INFO"])
VOLATILE = frozenset(["NOW", "RAND", "RANDARRAY", "RANDBETWEEN", "TODAY"])

#: How a marked KPI call is written into the engine's copy of a formula.
_MARK = "KPI_UDFS_CALL__"
#: How a range is named that is handed over once, and how many cells it has.
_HELD = "KPI_UDFS_CELLS__"
_FEWEST_HELD, _MOST_HELD = 200, 5_000_000
#: References that are calculated: ``INDIRECT(…)``, ``XLOOKUP(…):XLOOKUP(…)``.
_CALCULATED_REFERENCE = re.compile(r"\bINDIRECT\s*\(|\)\s*:|:\s*[A-Z]+\(|:\$?[A-Z]+\$?[0-9]+:", re.IGNORECASE)
#: References to cells, and errors written as such.
_CELLS = re.compile(r"(?:^|!)\$?(?:[A-Za-z]{1,3}\$?[0-9]+|[A-Za-z]{1,3}:|[0-9]+:)|#", re.IGNORECASE)
_CODE_TO_KIND = {code: kind for kind, code in ENGINE_ERRORS.items()}
#: Errors of the engine that no spreadsheet shows.
_OWN_CODES = {"#CIRC!": CIRCULAR, "#N/IMPL!": NOT_HERE, "#ERROR!": NOT_HERE, "#CANCELLED!": NOT_HERE}
#: Kept formulas are found in rounds: one that is given its saved value may let others be calculated.
_MOST_ROUNDS = 20
#: As many stretches of shown rows SUBTOTAL can be given.
_MOST_RUNS = 200


class Calculation:
    """One calculation: the engine, the formulas given to it, and what the KPI calls came to."""

    def __init__(
        self,
        book: Workbook,
        scanned: Mapping[str, Scanned],
        cells: list[FormulaCell],
        context: Context | CellError,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.context, self.cells, self.progress = context, cells, progress
        #: The cell of each marked call; None for one that is no longer in the engine.
        self.marks: list[tuple[FormulaCell | None, KpiSpec]] = []
        #: The numbers of a cell's calls.
        self.numbers: dict[int, list[int]] = {}
        self.answers: dict[int, Answer] = {}
        self.last_rows = {title.casefold(): sheet.last_row for title, sheet in scanned.items()}
        self.titles = list(scanned)
        #: The rows of each column in which formulas stand; None for a sheet with blocks.
        self.formulas: dict[str, dict[int | None, list[int]]] = {}
        for cell in sorted(cells, key=lambda cell: cell.row):
            column = cell.column if cell.kind in ("plain", "table") else None
            self.formulas.setdefault(cell.sheet.casefold(), {}).setdefault(column, []).append(cell.row)
        #: Ranges whose values are handed over by name, and these values by name.
        self.held_names: dict[tuple[str, Area], str] = {}
        self.held: dict[str, list[list[Any]]] = {}
        #: Rows that are not shown, and the areas that have a filter, by folded sheet title.
        self.hidden = {title.casefold(): sheet.hidden for title, sheet in scanned.items() if sheet.hidden}
        self.filtered = {title.casefold(): list(sheet.filtered) for title, sheet in scanned.items()}
        for table in book.contents.tables:
            if table.filtered and table.sheet.casefold() in self.filtered:
                self.filtered[table.sheet.casefold()].append(table.area)
        #: Cells whose formulas have whole columns in KPI calls, which end where the last row does.
        self.whole_columns: list[FormulaCell] = []
        contents = book.contents
        whole_book = contents.names.get(None, {})
        # For INDIRECT; in formulas they are written out.
        named_areas = {name: plain(named) for name, named in whole_book.items() if is_area(named)}
        # Another sheet's own names, as they are written there: Sheet!Name.
        of_sheets = {
            f"{sheet}!{name}".casefold(): plain(named)
            for title, names in contents.names.items()
            if title is not None
            for name, named in names.items()
            for sheet in {title, "'" + title.replace("'", "''") + "'"}
        }
        everywhere = {name.casefold(): plain(named) for name, named in whole_book.items()}
        self.around = Surroundings(
            titles=self.titles,
            tables=book.tables,
            last_rows=self.last_rows,
            names={
                sheet.title: ChainMap(
                    {name.casefold(): plain(named) for name, named in contents.names.get(sheet.title, {}).items()},
                    everywhere,
                    of_sheets,
                )
                for sheet in contents.sheets
            },
        )
        part = contents.strings
        strings = book.package.checked(part) if part else None
        bare = {title: sheet.bare for title, sheet in scanned.items()}
        self.engine = engine_for(bare, strings, named_areas, date1904=book.date1904, limits=book.limits)
        for spec in KPIS.values():  # for formulas that could not be taken apart
            self.engine.register_function(spec.name, partial(self._plain_call, spec), min_args=0, max_args=None)
        self.engine.register_function(_MARK, self._marked_call, min_args=1, max_args=None)
        teach(self.engine)
        new_engine = partial(small_engine, date1904=book.date1904)
        self.engine.register_function(as_stored.EACH, Each(new_engine), min_args=2, max_args=None)

    def calculate(self) -> None:
        for cell in self.cells:
            if cell.kept is None:
                self._place(cell)
            if cell.kept is not None:
                self._keep(cell, cell.kept)
        for _ in range(_MOST_ROUNDS):
            self.engine.evaluate_all()
            for cell in self.cells:
                if cell.is_calculated:
                    self._collect(cell)
            if not self._mended():
                break
        else:
            # What is still not an answer after that is no answer.
            for cell in self.cells:
                if cell.kept is None and cell.error in _OWN_CODES:
                    self._keep(cell, _OWN_CODES[cell.error]())
        self._trace_errors()
        for number, answer in sorted(self.answers.items()):
            # In the order in which they stand in the formula.
            if (holder := self.marks[number][0]) is not None:
                holder.answers.append(answer)

    def _trace_errors(self) -> None:
        """Say of errors from where they come: a cell before, or a reference that leads nowhere."""
        wrong = [cell for cell in self.cells if cell.error is not None]
        at: dict[tuple[str, int, int], FormulaCell] = {
            (cell.sheet.casefold(), cell.row, cell.column): cell for cell in wrong
        }
        by_column: dict[tuple[str, int], list[int]] = {}
        for sheet, row, column in sorted(at):
            by_column.setdefault((sheet, column), []).append(row)
        for cell in wrong:
            if not cell.is_calculated:
                continue
            before = sorted(place for place in self._among(cell, by_column) if at[place].error == cell.error)
            if before and at[before[0]] is not cell:
                cell.comes_from = COMES_FROM(place=f"{at[before[0]].sheet}!{at[before[0]].cell}")
            elif cell.error == "#REF!":
                found = (
                    leads_nowhere(token.value, cell.sheet, cell.row, cell.column, self.around)
                    for token in operands(cell.formula)
                )
                cell.nowhere = next((sentence for sentence in found if sentence), None)

    def _place(self, cell: FormulaCell) -> None:
        """Give the engine the formula; where it can't be, say why it is kept."""
        unknown: list[str] = []

        def mark(name: str) -> str | None:
            if name in KPIS:
                self.numbers.setdefault(id(cell), []).append(len(self.marks))
                self.marks.append((cell, KPIS[name]))
                cell.is_kpi = True
                return f"{_MARK}({len(self.marks) - 1}"
            if name in VOLATILE:
                cell.is_volatile = True
            if name in _NEEDS_A_PROGRAM or not knows(name):
                unknown.append(name)
            return None

        try:
            formula = cell.formula
            if cell.kind == "plain":
                formula = as_stored.intersected(formula, cell.row, cell.column, partial(self._area, cell))
            hold = partial(self._held, cell)
            formula = prepare(formula, cell.sheet, cell.row, cell.column, self.around, mark, hold)
            if self.hidden:
                formula = as_stored.of_shown_rows(formula, partial(self._shown, cell))
            is_range = partial(self._is_range, cell)
            cell.prepared = as_stored.understood(formula, plain=cell.kind == "plain", is_range=is_range)
            if cell.kind == "array":  # it fills its area, whatever size its result has
                area = cell.area or cell.spilled
                if area.size > MOST_SPILLED:
                    cell.kept = BLOCK_TOO_LARGE(most=MOST_SPILLED)
                size = f"{area.bottom - area.top + 1},{area.right - area.left + 1}"
                cell.prepared = f"={as_stored.FIT}({size},{cell.prepared.removeprefix('=')})"
            if links_elsewhere(cell.prepared):  # by a name
                cell.kept = LINKED()
            elif unknown:
                cell.kept = unknown_function(unknown[0])
            elif cell.kept is None:
                self.engine.set_formula(cell.sheet, cell.row, cell.column, cell.prepared)
        except as_stored.NotLifted:
            cell.kept = NOT_HERE()
        except Exception as error:  # the engine names no exception of its own
            circular = "#CIRC!" in str(error)
            cell.kept = CIRCULAR() if circular else NOT_UNDERSTOOD(reason=_without_origin(first_line(error)))
        if cell.kept is not None:
            self._forget(cell)
        elif cell.is_kpi and ":" in cell.formula and re.search(r"\$?[A-Z]+:\$?[A-Z]", cell.formula, re.IGNORECASE):
            self.whole_columns.append(cell)

    def _held(self, cell: FormulaCell, reference: str) -> str | None:
        """A name for the values of a range that no formula can change.

        The engine turns a range into Python's values each time it is handed over. A column of a long table
        in many formulas is turned once this way.
        """
        found = next(areas(f"={reference}", cell.sheet), None)
        if found is None or not _FEWEST_HELD <= found[1].size <= _MOST_HELD or not self._is_still(*found):
            return None
        if found not in self.held_names:
            title, area = next(sheet for sheet in self.titles if sheet.casefold() == found[0]), found[1]
            self.held_names[found] = f"{_HELD}{len(self.held_names)}"
            self.held[self.held_names[found]] = [
                [self.engine.get_value(title, row, column) for column in range(area.left, area.right + 1)]
                for row in range(area.top, area.bottom + 1)
            ]
        return f'"{self.held_names[found]}"'

    def _is_still(self, sheet: str, area: Area) -> bool:
        """Whether no formula stands in an area of a sheet, and no block can spill into it."""
        formulas = self.formulas.get(sheet, {})
        if sheet not in self.last_rows or area.bottom > self.last_rows[sheet] or None in formulas:
            return False
        for column in range(area.left, area.right + 1):
            rows = formulas.get(column, [])
            if bisect_left(rows, area.top) < bisect_right(rows, area.bottom):
                return False
        return True

    def _shown(self, cell: FormulaCell, reference: str, only_filtered: bool) -> str:
        """A reference without hidden rows."""
        for sheet, area in areas(f"={reference}", cell.sheet):
            filters = self.filtered.get(sheet, ())
            hidden = [
                row
                for row in self.hidden.get(sheet, ())
                if area.top <= row <= area.bottom
                and (not only_filtered or any(one.top < row <= one.bottom for one in filters))
            ]
            if not hidden:
                return reference
            edges = [area.top - 1, *hidden, area.bottom + 1]
            runs = [(above + 1, below - 1) for above, below in pairwise(edges) if below - above > 1]
            if not runs or len(runs) > _MOST_RUNS:
                raise as_stored.NotLifted(reference)
            named, mark, _ = reference.rpartition("!")
            return ",".join(f"{named}{mark}{Area(t, area.left, b, area.right).name}" for t, b in runs)
        return reference

    def _is_range(self, cell: FormulaCell, reference: str) -> bool:
        return self._area(cell, reference) is not None

    def _area(self, cell: FormulaCell, reference: str) -> str | None:
        """The range that a reference or name stands for; "" where that has to be calculated, None if none."""
        if resolved := resolve(reference, cell.sheet, cell.row, cell.column, self.around):
            reference = resolved
        name = reference.casefold()
        if named := self.around.names.get(cell.sheet, {}).get(name):
            if not is_area(named):
                return "" if ":" in named or "(" in named or "[" in named else None
            reference = named
        first, colon, last = reference.rpartition("!")[2].replace("$", "").partition(":")
        return reference if colon and (first != last or first.isalpha() or first.isdigit()) else None

    def _forget(self, cell: FormulaCell) -> None:
        """The cell's calls count no more."""
        for number in self.numbers.pop(id(cell), ()):
            self.marks[number] = None, self.marks[number][1]
            self.answers.pop(number, None)

    def _keep(self, cell: FormulaCell, reason: Sentence) -> None:
        """Let the cell, and those its block had filled, hold what was saved."""
        cell.kept = reason
        self._forget(cell)
        value = cell.stored
        code = Code(error_without_value(reason))
        if value is None or (value == code == "#NAME?"):  # what we had written in an earlier run is no value either
            value, cell.kept, cell.missing = code, None, reason
        cell.error = value if isinstance(value, Code) else None
        cell.value = None if cell.error else value
        for (row, column), saved in {(cell.row, cell.column): value, **cell.filled}.items():
            self._set(cell.sheet, row, column, saved)

    def _set(self, sheet: str, row: int, column: int, value: Any) -> None:
        if isinstance(value, Code):
            code = value if value in _CODE_TO_KIND and value not in _OWN_CODES else VALUE
            self.engine.set_value(sheet, row, column, {"type": "Error", "kind": _CODE_TO_KIND[code]})
        else:
            self.engine.set_value(sheet, row, column, value)

    def _collect(self, cell: FormulaCell) -> None:
        """The engine's value, error and spilled block of a cell."""
        value = _unpacked(self.engine.get_value(cell.sheet, cell.row, cell.column))
        cell.error = value if isinstance(value, Code) else None
        cell.value = None if cell.error else value
        quoted = cell.sheet.replace("'", "''")
        spill = self.engine.inspect_cell(f"'{quoted}'!{cell.cell}", include_values=False).cell.spill
        area = area_of(spill.extent.rpartition("!")[2]) if spill is not None and spill.extent else None
        if area is not None and area.size > 1:
            cell.value = [
                [
                    _unpacked(self.engine.get_value(cell.sheet, row, column))
                    for column in range(area.left, area.right + 1)
                ]
                for row in range(area.top, area.bottom + 1)
            ]

    def _mended(self) -> bool:
        """Whether something had to be given to the engine in another way, so that it has to calculate again."""
        again = False
        waiting = self._waiting()
        for cell in [cell for cell in self.cells if cell.is_calculated and id(cell) not in waiting]:
            if reason := self._reason_to_keep(cell):
                self._keep(cell, reason)
                again = True
            elif cell.spills_wrongly:
                cell.prepared = f"=@({cell.prepared[1:]})"
                self.engine.set_formula(cell.sheet, cell.row, cell.column, cell.prepared)
                again = True
        # What is as large as that is calculated once, when nothing it refers to can change any more.
        return self._longer_columns() or again or self._large_blocks()

    def _waiting(self) -> set[int]:
        """Formulas that only depend on others without an answer: they have one once those are kept."""
        unanswered = [cell for cell in self.cells if cell.kept is None and cell.error in _OWN_CODES]
        if not unanswered:
            return set()
        by_place = {(cell.sheet.casefold(), cell.row, cell.column): cell for cell in unanswered}
        by_column: dict[tuple[str, int], list[int]] = {}
        for sheet, row, column in sorted(by_place):
            by_column.setdefault((sheet, column), []).append(row)
        before = {place: self._among(cell, by_column) for place, cell in by_place.items()}
        asked = Counter(place for places in before.values() for place in places)
        # What no other depends on is in no circle; without it, the same may hold for what it depends on.
        free = [place for place in by_place if not asked[place]]
        for place in free:
            for one in before[place]:
                asked[one] -= 1
                if not asked[one]:
                    free.append(one)
        # One that depends on none of them has no answer of its own. Where a circle leads through references
        # that are calculated, it is not to be seen.
        waiting = {id(by_place[place]) for place in free if before[place]}
        return waiting if len(waiting) < len(by_place) else set()

    def _among(self, cell: FormulaCell, by_column: Mapping[tuple[str, int], list[int]]) -> set[tuple[str, int, int]]:
        """The cells to which a formula refers, of those by sheet and column."""
        found = set()
        for sheet, area in areas(cell.prepared, cell.sheet):
            for (titled, column), rows in by_column.items():
                if titled == sheet and area.left <= column <= area.right:
                    start, end = bisect_left(rows, area.top), bisect_right(rows, area.bottom)
                    found |= {(sheet, row, column) for row in rows[start:end]}
        return found

    def _reason_to_keep(self, cell: FormulaCell) -> Sentence | None:
        if cell.error in _OWN_CODES:
            return _OWN_CODES[cell.error]()
        was_value = cell.stored is not None and not isinstance(cell.stored, Code)
        if cell.error in ("#NAME?", "#REF!") and was_value and _CALCULATED_REFERENCE.search(cell.prepared):
            return NOT_HERE()  # the engine lacks some of the ways to them
        if cell.error == "#NAME?" and was_value:
            unknown = any(self._is_unknown(token.value) for token in operands(cell.prepared))
            return UNKNOWN_NAME() if unknown else None
        if cell.error != "#SPILL!" or cell.kind == "plain" or is_one_call(cell.prepared, _MARK):
            return None
        too_large = any(_is_large(block) for block in self._blocks(cell)) or self._is_large(cell)
        return BLOCK_TOO_LARGE(most=MOST_SPILLED) if too_large else None

    def _is_large(self, cell: FormulaCell) -> bool:
        """Whether a formula's result has more cells than the engine spills, asked of the engine itself."""
        if cell.is_kpi:
            return False
        result = cell.prepared.removeprefix("=")
        self.engine.set_formula(cell.sheet, cell.row, cell.column, f"=ROWS({result})*COLUMNS({result})")
        size = self.engine.evaluate_cell(cell.sheet, cell.row, cell.column)
        self.engine.set_formula(cell.sheet, cell.row, cell.column, cell.prepared)
        return isinstance(size, int | float) and size > MOST_SPILLED

    def _is_unknown(self, name: str) -> bool:
        """Whether an operand is a name that stands for nothing here."""
        return _CELLS.search(name) is None

    def _blocks(self, cell: FormulaCell) -> list[Block]:
        answers = (self.answers.get(number) for number in self.numbers.get(id(cell), ()))
        results = (answer.result for answer in answers if answer is not None)
        return [result for result in results if isinstance(result, Block)]

    def _large_blocks(self) -> bool:
        """Blocks that the engine can't spill are put into their cells, if these are empty."""
        placed = False
        for cell in self.cells:
            if cell.error != "#SPILL!" or not cell.is_calculated or not is_one_call(cell.prepared, _MARK):
                continue
            block = next((block for block in self._blocks(cell) if _is_large(block)), None)
            if block is None:
                continue
            packed = pack(block.rows)
            rows = [[_unpacked(value) for value in row] for row in packed]
            area = Area(cell.row, cell.column, cell.row + len(rows) - 1, cell.column + len(rows[0]) - 1)
            if area.bottom > MOST_ROWS or area.right > MOST_COLUMNS or not self._is_free(cell, area):
                continue
            self.engine.set_values_batch(cell.sheet, cell.row, cell.column, packed)
            cell.value, cell.error, cell.placed, placed = rows, None, True, True
            self.last_rows[cell.sheet.casefold()] = max(self.last_rows[cell.sheet.casefold()], area.bottom)
        return placed

    def _is_free(self, cell: FormulaCell, area: Area) -> bool:
        """Whether nothing but the formula stands in an area of its sheet."""
        others = (other for other in self.cells if other is not cell and other.sheet == cell.sheet)
        if any(area.holds(other.row, other.column) for other in others):
            return False
        places = (
            (row, column) for row in range(area.top, area.bottom + 1) for column in range(area.left, area.right + 1)
        )
        return all(
            self.engine.get_value(cell.sheet, row, column) is None
            for row, column in places
            if (row, column) != (cell.row, cell.column)
        )

    def _longer_columns(self) -> bool:
        """Whole columns reach as far down as blocks have filled them by now."""
        longer = False
        for cell in self.cells:
            name = cell.sheet.casefold()
            if isinstance(cell.value, list) and cell.spilled.bottom > self.last_rows[name]:
                self.last_rows[name] = cell.spilled.bottom
                longer = True
        if longer and self.whole_columns:
            cells, self.whole_columns = self.whole_columns, []
            for cell in cells:
                if cell.is_calculated:
                    self._forget(cell)
                    self._place(cell)
            return True
        return False

    def _marked_call(self, mark: float, *arguments: Any) -> Any:
        number = int(mark)
        given = [self.held.get(argument, argument) if type(argument) is str else argument for argument in arguments]
        answer = calls.answer(self.marks[number][1], given, self.context)
        self.answers[number] = answer
        if self.progress:
            self.progress(len(self.answers), len(self.marks))
        return pack(answer.cell)

    def _plain_call(self, spec: KpiSpec, *arguments: Any) -> Any:
        return pack(calls.call(spec, arguments, self.context))


def _is_large(block: Block) -> bool:
    return len(block.rows) * len(block.rows[0]) > MOST_SPILLED


def _without_origin(reason: str) -> str:
    """What the engine says, without where in the engine."""
    return re.sub(r"^(?:(?:Backend|Engine|Parser) ?error[^:]*: |\w+Error at position \d+: )+", "", reason)


def pack(value: Any) -> Any:
    """A result as the engine takes it."""
    if isinstance(value, list):
        return [[_packed(cell) for cell in row] for row in value]
    return _packed(value)


def _packed(value: Any) -> Any:
    if isinstance(value, CellError):
        return {"type": "Error", "kind": _CODE_TO_KIND.get(value.code, "Value")}
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Code(ENGINE_ERRORS.get(str(value.get("kind")), VALUE))
    if isinstance(value, float):
        # 1E400 is infinite to the engine, and a zero can have a sign; no cell holds such numbers.
        return value + 0.0 if isfinite(value) else Code(NUM)
    return value
