"""Counting a funnel on narwhals: one definition for pandas, Polars and DuckDB.

Only what is proven equal on all of them is used: predicates as ``when … then 1 otherwise 0``,
elementary aggregates, and plain Python for the few rows that remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

if TYPE_CHECKING:
    from kpi_udfs.kpis.funnel_data import StageColumn

#: Helper columns carry a prefix that no header of a user can have after reading.
_GROUP, _REACHED, _DAY, _IN, _GAP, _NONE, _BACK = (
    f"__kpi_{name}" for name in ("group", "reached_", "day_", "in_", "gap_", "none", "back")
)


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Groups in order of their names with (stage, count, median days); rows that reached no stage;
    steps that ended before they began."""

    groups: list[tuple[str, list[tuple[str, int, float | None]]]]
    no_stage: int
    backwards: int


def count_stages(
    stages: Sequence[StageColumn], groups: list[str] | None, policy: Literal["furthest", "strict", "any"]
) -> StageCounts:
    """Count who is in which stage."""
    first = stages[0]
    rows = len(first.days if first.days is not None else first.reached or [])
    columns: dict[str, Sequence[Any]] = {_GROUP: groups if groups is not None else [""] * rows}
    for index, stage in enumerate(stages):
        if stage.days is not None:
            columns[f"{_DAY}{index}"] = stage.days
        else:
            columns[f"{_REACHED}{index}"] = stage.reached or []
    result: list[tuple[str, list[tuple[str, int, float | None]]]] = []
    no_stage = backwards = 0
    for row in sorted(_aggregate(_frame(columns), stages, policy), key=lambda row: str(row[_GROUP])):
        steps = [
            (stage.name, int(row[f"{_IN}{i}"] or 0), _median(row.get(f"{_GAP}{i}"))) for i, stage in enumerate(stages)
        ]
        result.append((row[_GROUP], steps))
        no_stage += int(row[_NONE] or 0)
        backwards += int(row[_BACK] or 0)
    nobody: list[tuple[str, int, float | None]] = [(stage.name, 0, None) for stage in stages]
    return StageCounts(result or [("", nobody)], no_stage, backwards)


def _median(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _frame(columns: dict[str, Sequence[Any]]) -> nw.DataFrame[Any]:
    import pandas as pd

    typed = {
        name: pd.Series(values, dtype="float64") if name.startswith(_DAY) else values
        for name, values in columns.items()
    }
    return nw.from_native(pd.DataFrame(typed), eager_only=True)


def _aggregate(
    frame: nw.DataFrame[Any], stages: Sequence[StageColumn], policy: Literal["furthest", "strict", "any"]
) -> list[dict[str, Any]]:
    """One row per group: counts, median gaps, rows without a stage, gaps below zero."""
    dated = [stage.days is not None for stage in stages]
    gaps = [i for i in range(1, len(stages)) if dated[i] and dated[i - 1]]
    gap = {i: nw.col(f"{_DAY}{i}") - nw.col(f"{_DAY}{i - 1}") for i in gaps}
    reached = [
        ~nw.col(f"{_DAY}{i}").is_null() if dated[i] else nw.col(f"{_REACHED}{i}") == 1 for i in range(len(stages))
    ]
    marked = frame.select(
        _GROUP,
        *(_flag(_inside(i, reached, gap, policy)).alias(f"{_IN}{i}") for i in range(len(stages))),
        *(nw.when(gap[i] >= 0).then(gap[i]).alias(f"{_GAP}{i}") for i in gaps),
        *(_flag(gap[i] < 0).alias(f"{_BACK}{i}") for i in gaps),
        _flag(~nw.any_horizontal(*reached, ignore_nulls=True)).alias(_NONE),
    )
    summed = marked.group_by(_GROUP).agg(
        *(nw.col(f"{_IN}{i}").sum() for i in range(len(stages))),
        *(nw.col(f"{_GAP}{i}").median() for i in gaps),
        *(nw.col(f"{_BACK}{i}").sum() for i in gaps),
        nw.col(_NONE).sum(),
    )
    return [{**row, _BACK: sum(row[f"{_BACK}{i}"] for i in gaps)} for row in summed.rows(named=True)]


def _flag(condition: nw.Expr) -> nw.Expr:
    """1 where the condition holds, 0 where it does not or can't be told."""
    return nw.when(condition).then(1).otherwise(0)


def _inside(
    index: int,
    reached: list[nw.Expr],
    gap: dict[int, nw.Expr],
    policy: Literal["furthest", "strict", "any"],
) -> nw.Expr:
    """Whether a row counts in the stage."""
    if policy == "any":
        return reached[index]
    if policy == "furthest":
        return nw.any_horizontal(*reached[index:], ignore_nulls=True)
    # In order: a step back in time leaves the strict funnel; the same day does not.
    in_order = [gap[i].is_null() | (gap[i] >= 0) for i in range(1, index + 1) if i in gap]
    return nw.all_horizontal(*reached[: index + 1], *in_order, ignore_nulls=True)
