"""Counting outcomes per group on narwhals: one definition for pandas, Polars and DuckDB."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import narwhals as nw

from kpi_udfs.kinds import Amount, Column, Outcomes
from kpi_udfs.kpis.sales import Valued
from kpi_udfs.tables.frames import one_if, rows_of, together

_MEANINGS = {Outcomes.WON: "won", Outcomes.LOST: "lost", Outcomes.OPEN: "open"}


@dataclass
class Wins:
    """One group: its deals, the sum of their values, those without a value, and the lowest value,
    each for won, lost and open deals."""

    group: str
    deals: Counter[str] = field(default_factory=Counter)
    sums: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    unvalued: Counter[str] = field(default_factory=Counter)
    lowest: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def count_wins(outcomes: Outcomes, groups: Column, values: Amount | None) -> tuple[list[Wins], int]:
    """The deals of each group, in order of the groups' names; and how many amounts stand beside a
    blank outcome, which is no deal."""
    frame = together(outcome=outcomes.column, group=groups, value=values.column if values is not None else None)
    value = nw.col("value")
    if values is not None:
        frame = frame.with_columns(nonzero=_other_than_zero(value))
    sums = (
        []
        if values is None
        else [value.sum(), value.min().alias("lowest"), value.count().alias("valued"), nw.col("nonzero").sum()]
    )
    lines: dict[str, Wins] = {}
    homeless = 0
    for row in rows_of(frame.group_by("group", "outcome").agg(nw.len().alias("deals"), *sums)):
        if (meaning := _MEANINGS.get(row["outcome"])) is None:
            homeless += row.get("nonzero") or 0
            continue
        group = groups.label(row["group"])
        line = lines.setdefault(group, Wins(group))
        line.deals[meaning] += row["deals"]
        if values is not None:
            line.sums[meaning] += row["value"] or 0.0
            line.unvalued[meaning] += row["deals"] - row["valued"]
            line.lowest[meaning] = min(line.lowest[meaning], row["lowest"] or 0.0)
    return [lines[group] for group in sorted(lines)], homeless


def sum_values(outcomes: Outcomes, values: Amount) -> dict[str | None, Valued]:
    """The values of won, lost and open deals, and the amounts beside blank outcomes."""
    frame = together(outcome=outcomes.column, value=values.column)
    value = nw.col("value")
    valued = {meaning: Valued() for meaning in (*_MEANINGS.values(), None)}
    for row in rows_of(
        frame.select("outcome", "value", other=_other_than_zero(value))
        .group_by("outcome")
        .agg(
            value.sum().alias("total"),
            value.min().alias("lowest"),
            (nw.len() - value.count()).alias("missing"),
            nw.col("other").sum(),
        )
    ):
        lowest = min(row["lowest"] or 0.0, 0.0)
        valued[_MEANINGS.get(row["outcome"])] = Valued(row["total"] or 0.0, lowest, row["missing"], row["other"])
    return valued


def _other_than_zero(value: nw.Expr) -> nw.Expr:
    """1 for an amount that is not 0; a missing one is no amount, which not every engine says of ``!=``."""
    return one_if((value > 0) | (value < 0))
