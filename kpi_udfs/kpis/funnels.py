"""Counting a funnel on narwhals: one definition for pandas, Polars and DuckDB.

Only what is proven equal on all of them is used: predicates as ``when … then 1 otherwise 0``,
elementary aggregates, and plain Python for the few rows that remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

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
    stages: Sequence[tuple[str, list[int], list[int | None] | None]],
    groups: list[str] | None,
    policy: Literal["furthest", "strict", "any"],
) -> StageCounts:
    """Count who is in which stage. ``stages``: name, reached (0/1) and day number per row."""
    columns: dict[str, list[Any]] = {_GROUP: groups if groups is not None else [""] * len(stages[0][1])}
    for index, (_, reached, days) in enumerate(stages):
        columns[f"{_REACHED}{index}"] = reached
        if days is not None:
            columns[f"{_DAY}{index}"] = [None if day is None else float(day) for day in days]
    dated = [days is not None and any(day is not None for day in days) for _, _, days in stages]
    counted = _aggregate(_frame(columns), len(stages), dated, policy)
    named = [name for name, _, _ in stages]
    result: list[tuple[str, list[tuple[str, int, float | None]]]] = []
    no_stage = backwards = 0
    for row in sorted(counted, key=lambda row: str(row[_GROUP])):
        steps = [(name, int(row[f"{_IN}{i}"] or 0), _median(row.get(f"{_GAP}{i}"))) for i, name in enumerate(named)]
        result.append((row[_GROUP], steps))
        no_stage += int(row[_NONE] or 0)
        backwards += int(row[_BACK] or 0)
    return StageCounts(result or [("", [(name, 0, None) for name in named])], no_stage, backwards)


def _median(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _frame(columns: dict[str, list[Any]]) -> nw.DataFrame[Any]:
    import pandas as pd

    typed = {
        name: pd.Series(values, dtype="float64") if name.startswith(_DAY) else values
        for name, values in columns.items()
    }
    return nw.from_native(pd.DataFrame(typed), eager_only=True)


def _aggregate(
    frame: nw.DataFrame[Any], stages: int, dated: list[bool], policy: Literal["furthest", "strict", "any"]
) -> list[dict[str, Any]]:
    """One row per group: counts, median gaps, rows without a stage, gaps below zero."""
    gaps = [i for i in range(1, stages) if dated[i] and dated[i - 1]]
    gap = {i: nw.col(f"{_DAY}{i}") - nw.col(f"{_DAY}{i - 1}") for i in gaps}
    marked = frame.with_columns(
        *(_inside(i, stages, gap, policy).alias(f"{_IN}{i}") for i in range(stages)),
        *(nw.when(gap[i] >= 0).then(gap[i]).alias(f"{_GAP}{i}") for i in gaps),
        *(nw.when(gap[i] < 0).then(1).otherwise(0).alias(f"{_BACK}{i}") for i in gaps),
        nw.when(nw.sum_horizontal(*(f"{_REACHED}{i}" for i in range(stages))) == 0).then(1).otherwise(0).alias(_NONE),
    )
    summed = marked.group_by(_GROUP).agg(
        *(nw.col(f"{_IN}{i}").sum() for i in range(stages)),
        *(nw.col(f"{_GAP}{i}").median() for i in gaps),
        *(nw.col(f"{_BACK}{i}").sum() for i in gaps),
        nw.col(_NONE).sum(),
    )
    rows = summed.rows(named=True)
    return [{**row, _BACK: sum(row[f"{_BACK}{i}"] for i in gaps)} for row in rows]


def _inside(index: int, stages: int, gap: dict[int, nw.Expr], policy: Literal["furthest", "strict", "any"]) -> nw.Expr:
    """1 where a row counts in the stage, else 0."""
    reached = [nw.col(f"{_REACHED}{i}") == 1 for i in range(stages)]
    if policy == "any":
        inside = reached[index]
    elif policy == "furthest":
        inside = nw.any_horizontal(*reached[index:], ignore_nulls=True)
    else:
        # In order: a step back in time leaves the strict funnel; the same day does not.
        in_order = [~(gap[i] < 0) | gap[i].is_null() for i in range(1, index + 1) if i in gap]
        inside = nw.all_horizontal(*reached[: index + 1], *in_order, ignore_nulls=True)
    return nw.when(inside).then(1).otherwise(0)
