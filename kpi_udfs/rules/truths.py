"""Truth as a number, and sums of columns: what every engine does alike."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw


def flag(condition: nw.Expr) -> nw.Expr:
    """1.0 where the condition holds, 0.0 where it does not or can't be told."""
    return condition.fill_null(False).cast(nw.Float64)


def added(expressions: Sequence[nw.Expr]) -> nw.Expr:
    """The sum of columns that hold no nulls."""
    total = nw.lit(0.0) if not expressions else expressions[0]
    for expression in expressions[1:]:
        total = total + expression
    return total
