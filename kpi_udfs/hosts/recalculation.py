"""One workbook recalculated, written back, and told in plain values."""

from __future__ import annotations

import time
from collections.abc import Callable

from kpi_udfs.hosts.display import Display
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.hosts.jobs import CellFacts, Job, Recalculated
from kpi_udfs.hosts.write_back import changed, differing, write_back
from kpi_udfs.messages import say, text
from kpi_udfs.registry import Block

SIGNED = text("calc.signed", "The workbook is signed digitally; the signature does not hold for the copy.")
ITERATES = text(
    "calc.iterates", "The workbook allows circular formulas; they are not repeated here but keep their saved values."
)


def recalculate(job: Job, progress: Callable[[int, int], None] | None = None) -> Recalculated:
    """Do a job. Raises :class:`~kpi_udfs.errors.WorkbookError` with one clear line."""
    start = time.perf_counter()
    with Workbook(job.book, job.locale, job.limits) as book:
        if job.sheet is not None:
            book.check_sheet(job.sheet)
        cells = book.calculate(progress)
        if job.target is not None:
            write_back(book, cells, job.target)
        notes = []
        if job.target is not None and book.package.is_signed:
            notes.append(say(SIGNED, job.locale))
        if book.contents.iterates:
            notes.append(say(ITERATES, job.locale))
        return Recalculated(
            formulas=len(cells),
            changed=sum(map(changed, cells)),
            cells=facts_of(cells, job.locale, job.sheet, everything=job.everything),
            notes=tuple(notes),
            seconds=time.perf_counter() - start,
        )


def facts_of(
    cells: list[FormulaCell], locale: str | None, sheet: str | None = None, *, everything: bool = False
) -> list[CellFacts]:
    """The cells in plain values: all of them, or those of which there is something to say."""
    display = Display(locale)
    differences = {id(cell) for cell in differing(cells)}
    facts: list[CellFacts] = []
    before: FormulaCell | None = None
    for cell in cells:
        if sheet not in (None, cell.sheet):
            continue
        errors = tuple(cell.errors)
        differs = id(cell) in differences
        if not (everything or cell.is_kpi or errors or cell.kept or differs):
            continue
        facts.append(
            CellFacts(
                sheet=cell.sheet,
                cell=cell.cell,
                formula=cell.formula,
                value=cell.value,
                error=cell.error,
                shown=_shown(cell, display),
                explanation=cell.explanation,
                is_kpi=cell.is_kpi,
                kpis=tuple(dict.fromkeys(answer.spec.name for answer in cell.answers)),
                warnings=tuple(dict.fromkeys(warning for answer in cell.answers for warning in answer.warnings)),
                errors=errors,
                error_replaces=display.shown(cell.stored, cell.number_format) if cell.has_new_error else None,
                kept=cell.explanation if cell.kept else None,
                differs_from=display.shown(cell.stored, cell.number_format) if differs else None,
                continues=before is not None and _same_block(cell, before),
            )
        )
        before = cell
    return facts


def _shown(cell: FormulaCell, display: Display) -> str | list[list[str]]:
    if not isinstance(cell.value, list):
        return cell.error or display.shown(cell.value, cell.number_format)
    block = next((a.result for a in cell.answers if isinstance(a.result, Block)), None)
    kinds = block.column_kinds if block and len(block.column_kinds) == len(cell.value[0]) else ()
    return display.rows(cell.value, kinds)


def _same_block(cell: FormulaCell, before: FormulaCell) -> bool:
    """Whether both cells show parts of the same block, so that one explanation serves both."""
    results = [answer.result for one in (cell, before) for answer in one.answers]
    blocks = len(results) == 2 and all(isinstance(result, Block) for result in results)
    return blocks and cell.sheet == before.sheet and cell.explanation == before.explanation
