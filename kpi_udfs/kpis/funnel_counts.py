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
    # Without groups, counting by one is work for nothing.
    group = ["group"] if by else []
    steps = [i for i in range(1, len(stages)) if stages[i].dated and stages[i - 1].dated]
    gap = {i: nw.col(f"stage_{i}") - nw.col(f"stage_{i - 1}") for i in steps}
    reached = [
        ~nw.col(f"stage_{i}").is_null() if stage.dated else nw.col(f"stage_{i}") == 1 for i, stage in enumerate(stages)
    ]
    if policy == "furthest":
        counts = _by_furthest(frame, group, reached)
    else:
        inside = [_inside(i, reached, gap, policy) for i in range(len(stages))]
        counts = _one_by_one(frame, group, inside, ~nw.any_horizontal(*reached, ignore_nulls=True))
    gaps: dict[Any, dict[int, Counter[float]]] = {}
    backwards = 0
    for i in steps:
        taken = frame.select(*group, days=gap[i]).filter(~nw.col("days").is_null())
        for row in rows_of(taken.group_by(*group, "days").agg(nw.len().alias("rows"))):
            if row["days"] >= 0:
                gaps.setdefault(row.get("group"), {}).setdefault(i, Counter())[row["days"]] = row["rows"]
            else:
                backwards += row["rows"]
    groups = [
        (
            by.column.label(key) if by else "",
            [(stage.name, counts[key].inside[i], _median(gaps.get(key, {}).get(i))) for i, stage in enumerate(stages)],
        )
        for key in counts
    ]
    nobody: list[tuple[str, int, float | None]] = [(stage.name, 0, None) for stage in stages]
    groups.sort(key=lambda group: group[0])
    return StageCounts(groups or [("", nobody)], sum(counted.none for counted in counts.values()), backwards)


@dataclass(slots=True)
class _Counted:
    """How many rows of a group are in each stage, and how many in none."""

    inside: list[int]
    none: int = 0


def _by_furthest(frame: nw.LazyFrame[Any], group: list[str], reached: list[nw.Expr]) -> dict[Any, _Counted]:
    """A row counts in its furthest stage and all before: one look at each row tells which that is."""
    furthest: nw.Expr = nw.lit(0)
    for place, there in enumerate(reached, 1):
        furthest = nw.when(there).then(place).otherwise(furthest)
    counts: dict[Any, _Counted] = {}
    taken = frame.select(*group, furthest=furthest).group_by(*group, "furthest").agg(nw.len().alias("rows"))
    for row in rows_of(taken):
        counted = counts.setdefault(row.get("group"), _Counted([0] * len(reached)))
        counted.none += row["rows"] if row["furthest"] == 0 else 0
        for place in range(int(row["furthest"])):
            counted.inside[place] += row["rows"]
    return counts


def _one_by_one(
    frame: nw.LazyFrame[Any], group: list[str], inside: list[nw.Expr], none: nw.Expr
) -> dict[Any, _Counted]:
    """Each stage has a condition of its own."""
    told = {f"in_{i}": one_if(condition) for i, condition in enumerate(inside)}
    rows = frame.select(*group, **told, none=one_if(none))
    found = rows_of(rows.group_by(group).agg(nw.all().sum()) if group else rows.select(nw.all().sum()))
    return {row.get("group"): _Counted([int(row[name] or 0) for name in told], int(row["none"] or 0)) for row in found}


def _median(days: Counter[float] | None) -> float | None:
    return quantile(days, 0.5) if days else None


def _inside(index: int, reached: list[nw.Expr], gap: dict[int, nw.Expr], policy: Literal["strict", "any"]) -> nw.Expr:
    """Whether a row counts in the stage."""
    if policy == "any":
        return reached[index]
    # In order: a step back in time leaves the strict funnel; the same day does not.
    in_order = [gap[i].is_null() | (gap[i] >= 0) for i in range(1, index + 1) if i in gap]
    return nw.all_horizontal(*reached[: index + 1], *in_order, ignore_nulls=True)
