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
OPTIONAL = text("cli.optional", "optional")
CATEGORIES = {
    name: text(f"category.{name}", english)
    for name, english in {
        "costs": "Costs",
        "conversion": "Conversion and funnel",
        "sales": "Sales",
        "cycle": "Sales cycle",
        "retention": "Retention",
        "revenue": "Revenue and return",
        "quality": "Data quality",
        "about": "Explanations",
    }.items()
}


def example_formula(spec: KpiSpec, example: Example) -> str:
    """The example as a formula, its cells written as array constants."""
    parts = [_constant(argument) for argument in spec.arguments(example)]
    return f"={spec.name}({', '.join(parts)})"


def _constant(cell: Any) -> str:
    if isinstance(cell, list):
        rows = [row if isinstance(row, list) else [row] for row in cell]
        return "{" + "; ".join(", ".join(map(_constant, row)) for row in rows) + "}"
    if cell is None:
        return ""
    if isinstance(cell, date):
        return f'"{cell.isoformat()}"'
    return str(cell) if isinstance(cell, int | float) else '"' + str(cell).replace('"', '""') + '"'


def example_result(spec: KpiSpec, example: Example, locale: str | None) -> list[list[str]]:
    """What the example gives, as rows of texts: computed, so that its words are in the language, too."""
    context = calls.context_now()
    if isinstance(context, Context) and locale:
        context = calls.in_language(context, locale)
    result = calls.answer(spec, spec.arguments(example), context).result
    if isinstance(result, Block):
        kinds = result.column_kinds
        return [[_cell(cell, kind, locale) for cell, kind in zip(row, kinds, strict=True)] for row in result.rows]
    return [[result.code if isinstance(result, CellError) else calls.shown(result, spec.shows, locale)]]


def _cell(cell: Any, kind: Kind, locale: str | None) -> str:
    if isinstance(cell, CellError):
        return cell.code
    return cell if isinstance(cell, str) else write(cell, kind.written, locale)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of texts as lines of columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
