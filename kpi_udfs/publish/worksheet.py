"""An example as it stands in a worksheet: cells in columns, and a formula that refers to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain, repeat, zip_longest
from string import ascii_uppercase
from typing import Any, NamedTuple

from kpi_udfs.cells import Context, as_date, day_number
from kpi_udfs.publish.catalogue import constant
from kpi_udfs.registry import Example, KpiSpec, Param
from kpi_udfs.settings import Settings

#: Such arguments aren't typed into a formula: an array constant holds no dates, and nobody reads a table in one line.
_LIES_IN_CELLS = ("table", "dates")


class Worksheet(NamedTuple):
    """The rows of cells from A1 on, none where all is in the formula; and the formula."""

    rows: list[tuple[Any, ...]]
    formula: str


def worksheet(spec: KpiSpec, example: Example) -> Worksheet:
    """The example as somebody would enter it: constants in the formula where they can be typed, else cells."""
    given = list(zip(_params(spec), spec.arguments(example), strict=False))
    # Columns beside such a one belong to it row by row.
    cells_needed = any(isinstance(value, list) and param.kind.shape in _LIES_IN_CELLS for param, value in given)
    columns: list[list[Any]] = []
    parts = []
    for param, value in given:
        if not cells_needed or not isinstance(value, list) or param.kind.shape == "labels":
            parts.append(_typed(param, value))
            continue
        block = isinstance(value[0], list)
        added = list(map(list, zip_longest(*value, fillvalue=""))) if block else [[param.name, *_days(param, value)]]
        first = f"{ascii_uppercase[len(columns)]}{1 if block else 2}"
        columns += added
        last = f"{ascii_uppercase[len(columns) - 1]}{len(added[0])}"
        parts.append(first if first == last else f"{first}:{last}")
    return Worksheet(list(zip_longest(*columns, fillvalue="")), f"={spec.name}({', '.join(parts)})")


def _params(spec: KpiSpec) -> Iterator[Param]:
    """The parameter of each argument; the last one again and again where it repeats."""
    return chain(spec.params, repeat(spec.params[-1])) if spec.repeats else iter(spec.params)


def _typed(param: Param, value: Any) -> str:
    """The argument as it is typed."""
    if param.kind.shape == "date" and value is not None:
        (day,) = _days(param, [value])
        return f"DATE({day.year}, {day.month}, {day.day})"
    return constant(value)


def _days(param: Param, column: list[Any]) -> list[Any]:
    """The column, date serials as the days they are."""
    if param.kind.shape not in ("date", "dates"):
        return column
    return [_day(cell) if isinstance(cell, int | float) else cell for cell in column]


def _day(serial: float) -> date:
    day = day_number(serial, Context(Settings()))
    assert day is not None, f"an example holds {serial}, which is no day"
    return as_date(day)
