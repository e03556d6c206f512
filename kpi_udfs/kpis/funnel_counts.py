"""Counting a funnel on narwhals: one definition for pandas, Polars and DuckDB.

Only what is proven equal on all of them is used: predicates as ``when … then 1 otherwise 0``,
elementary aggregates, and plain Python for the few rows that remain. Durations in whole days have
few different values, so medians and percentiles come from how often each occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

from kpi_udfs.kpis.distribution import quantile
from kpi_udfs.kpis.funnel_data import NamedColumn
from kpi_udfs.tables.frames import one_if, rows_of, together


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Groups in order of their names with (stage, count, median days); rows that reached no stage;
    steps that ended before they began."""

    groups: list[tuple[str, list[tuple[str, int, float | None]]]]
    no_stage: int
    backwards: int


def count_stages(
    stages: Sequence[NamedColumn], by: NamedColumn | None, policy: Literal["furthest", "strict", "any"]
) -> StageCounts:
    """Count who is in which stage."""
    frame = together(group=by.column if by else None, **{f"stage_{i}": stage.column for i, stage in enumerate(stages)})
    if by is None:
        frame = frame.with_columns(group=nw.lit(0))
    steps = [i for i in range(1, len(stages)) if stages[i].dated and stages[i - 1].dated]
    gap = {i: nw.col(f"stage_{i}") - nw.col(f"stage_{i - 1}") for i in steps}
    reached = [
        ~nw.col(f"stage_{i}").is_null() if stage.dated else nw.col(f"stage_{i}") == 1 for i, stage in enumerate(stages)
    ]
    counts = rows_of(
        frame.select(
            "group",
            *(one_if(_inside(i, reached, gap, policy)).alias(f"in_{i}") for i in range(len(stages))),
            none=one_if(~nw.any_horizontal(*reached, ignore_nulls=True)),
        )
        .group_by("group")
        .agg(nw.all().sum())
    )
    gaps: dict[Any, dict[int, Counter[float]]] = {}
    backwards = 0
    for i in steps:
        taken = frame.select("group", days=gap[i]).filter(~nw.col("days").is_null())
        for row in rows_of(taken.group_by("group", "days").agg(nw.len().alias("rows"))):
            if row["days"] >= 0:
                gaps.setdefault(row["group"], {}).setdefault(i, Counter())[row["days"]] = row["rows"]
            else:
                backwards += row["rows"]
    groups = [
        (
            by.column.label(row["group"]) if by else "",
            [
                (stage.name, int(row[f"in_{i}"]), _median(gaps.get(row["group"], {}).get(i)))
                for i, stage in enumerate(stages)
            ],
        )
        for row in counts
    ]
    nobody: list[tuple[str, int, float | None]] = [(stage.name, 0, None) for stage in stages]
    groups.sort(key=lambda group: group[0])
    return StageCounts(groups or [("", nobody)], sum(int(row["none"]) for row in counts), backwards)


def _median(days: Counter[float] | None) -> float | None:
    return quantile(days, 0.5) if days else None


def _inside(
    index: int, reached: list[nw.Expr], gap: dict[int, nw.Expr], policy: Literal["furthest", "strict", "any"]
) -> nw.Expr:
    """Whether a row counts in the stage."""
    if policy == "any":
        return reached[index]
    if policy == "furthest":
        return nw.any_horizontal(*reached[index:], ignore_nulls=True)
    # In order: a step back in time leaves the strict funnel; the same day does not.
    in_order = [gap[i].is_null() | (gap[i] >= 0) for i in range(1, index + 1) if i in gap]
    return nw.all_horizontal(*reached[: index + 1], *in_order, ignore_nulls=True)
