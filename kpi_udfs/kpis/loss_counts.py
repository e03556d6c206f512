"""Counting lost deals per reason on narwhals: one definition for pandas, Polars and DuckDB."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw

from kpi_udfs.kinds import Amount, Column, Outcomes
from kpi_udfs.tables.frames import rows_of, together


@dataclass(frozen=True, slots=True)
class Losses:
    """The lost deals of one group and reason, the sum of their values, those without one, the lowest."""

    group: str
    reason: str
    deals: int
    value: float
    unvalued: int
    lowest: float


def count_losses(outcomes: Outcomes, reasons: Column, groups: Column | None, values: Amount | None) -> list[Losses]:
    """One entry per group and reason that occurs."""
    value = values.column if values is not None else None
    frame = together(outcome=outcomes.column, reason=reasons, group=groups, value=value)
    keys = ["group", "reason"] if groups else ["reason"]
    sums = (
        [nw.col("value").sum(), nw.col("value").count().alias("valued"), nw.col("value").min().alias("lowest")]
        if value
        else []
    )
    lost = frame.filter(nw.col("outcome") == Outcomes.LOST).group_by(keys).agg(nw.len().alias("deals"), *sums)
    return [
        Losses(
            groups.label(row["group"]) if groups else "",
            reasons.label(row["reason"]),
            row["deals"],
            row.get("value") or 0.0,
            row["deals"] - row.get("valued", 0),
            row.get("lowest") or 0.0,
        )
        for row in rows_of(lost)
    ]
