"""What most KPIs share: ratios with their working, columns that belong together row by row, captions."""

from __future__ import annotations

from typing import Any

from kpi_udfs.errors import CellError
from kpi_udfs.messages import Sentence, Text, text
from kpi_udfs.registry import Measure

LENGTHS = text(
    "rows.lengths",
    "{first} has {first_cells:count} {first_cells:cell|cells} and {second} {second_cells:count}; they belong together "
    "row by row.",
)

NEGATIVE_VALUE = text("WIN_RATIO.negative_value", "The value of a deal can't be negative: {value:amount}.")
NOTHING_TO_MULTIPLY = text("rows.nothing_to_multiply", "{argument} is blank or 0, so there is nothing to multiply.")

#: Captions of blocks.
GROUP = text("block.group", "Group")
NO_GROUP = text("block.no_group", "(blank)")
LOW = text("block.low", "Low 95%")
HIGH = text("block.high", "High 95%")


def ratio(
    top: float,
    bottom: float,
    working: Text,
    nothing: Text,
    *,
    warnings: tuple[Sentence, ...] = (),
    **facts: Any,
) -> Measure:
    """``top ÷ bottom``; ``#DIV/0!`` with ``nothing`` as the reason where there is no bottom.

    ``working`` and ``nothing`` may use the facts ``top`` and ``bottom`` and those given.
    """
    facts = {"top": top, "bottom": bottom, **facts}
    if bottom == 0:
        raise CellError.div0(nothing(**facts))
    currency = getattr(top, "currency", None) if not getattr(bottom, "currency", None) else None
    return Measure(top / bottom, (Sentence(working, facts),), warnings, currency)


def filled(**factors: float) -> None:
    """Factors that make no sense as 0; ``#N/A`` for one that is, as a blank cell is in some hosts."""
    for argument, factor in factors.items():
        if not factor:
            raise CellError.na(NOTHING_TO_MULTIPLY(argument=argument))


def same_length(**columns: Any) -> None:
    """Columns that belong row to row have as many cells; else ``#VALUE!``."""
    (first, one), *others = columns.items()
    for other, many in others:
        if len(one) != len(many):
            raise CellError.value(LENGTHS(first=first, first_cells=len(one), second=other, second_cells=len(many)))
