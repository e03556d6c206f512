"""Functions, arguments and examples as readable text: for the terminal and for the reference pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from kpi_udfs import calls
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import Kind
from kpi_udfs.messages import text, write
from kpi_udfs.registry import Block, Example, KpiSpec

ARGUMENTS = text("cli.arguments", "Arguments")
EXAMPLES = text("cli.examples", "Examples")
KPI_FORMULA = text("reference.formula", "Formula")
OPTIONAL = text("cli.optional", "optional")
CATEGORIES = {
    name: text(f"category.{name}", english)
    for name, english in {
        "costs": "Costs",
        "conversion": "Conversion and funnel",
        "qualification": "Qualification",
        "losses": "Losses and delays",
        "sales": "Sales",
        "cycle": "Sales cycle",
        "retention": "Retention",
        "cohorts": "Cohorts and curves",
        "revenue": "Revenue and return",
        "quality": "Data quality",
        "about": "Explanations",
    }.items()
}


def example_formula(spec: KpiSpec, example: Example) -> str:
    """The example as a formula, its cells written as array constants."""
    parts = [constant(argument) for argument in spec.arguments(example)]
    return f"={spec.name}({', '.join(parts)})"


def constant(cell: Any) -> str:
    """A cell, a column or a block as it is typed into a formula."""
    if isinstance(cell, list):
        rows = [row if isinstance(row, list) else [row] for row in cell]
        return "{" + "; ".join(", ".join(map(constant, row)) for row in rows) + "}"
    if cell is None:
        return ""
    if isinstance(cell, date):
        return f'"{cell.isoformat()}"'
    return str(cell) if isinstance(cell, int | float) else '"' + str(cell).replace('"', '""') + '"'


def example_answer(spec: KpiSpec, example: Example, locale: str | None) -> calls.Answer:
    """What the example comes to: computed, so that its words are in the language, too."""
    context = calls.context_now()
    if isinstance(context, Context) and locale:
        context = calls.in_language(context, locale)
    return calls.answer(spec, spec.arguments(example), context)


def example_result(spec: KpiSpec, example: Example, locale: str | None) -> list[list[str]]:
    """What the example gives, as rows of texts."""
    return result_rows(example_answer(spec, example, locale), locale)


def result_rows(answer: calls.Answer, locale: str | None) -> list[list[str]]:
    """A result as rows of texts: one of one where it is no block."""
    result = answer.result
    if isinstance(result, Block):
        kinds = result.column_kinds
        return [[_cell(cell, kind, locale) for cell, kind in zip(row, kinds, strict=True)] for row in result.rows]
    return [[result.code if isinstance(result, CellError) else calls.shown(result, answer.spec.shows, locale)]]


def _cell(cell: Any, kind: Kind, locale: str | None) -> str:
    if isinstance(cell, CellError):
        return cell.code
    return cell if isinstance(cell, str) else write(cell, kind.written, locale)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of texts as lines of columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
