"""Ratios with their working: the formula most KPIs share."""

from __future__ import annotations

from typing import Any

from kpi_udfs.errors import CellError
from kpi_udfs.kinds import Amount
from kpi_udfs.messages import Sentence, Text
from kpi_udfs.registry import Measure


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
    return Measure(top / bottom, (working(**facts),), warnings, currency)


def same_length(reason: Text, **columns: Any) -> None:
    """Columns that belong row to row have as many cells; else ``#VALUE!``."""
    (first, one), *others = columns.items()
    for other, many in others:
        if len(one) != len(many):
            raise CellError.value(reason(first=first, first_cells=len(one), second=other, second_cells=len(many)))


def parts_of(amount: Amount, reason: Text, argument: str) -> list[float | None]:
    """The numbers cell by cell; ``#VALUE!`` where texts were counted instead."""
    if amount.names is not None:
        raise CellError.value(reason(argument=argument))
    return list(amount.parts)
