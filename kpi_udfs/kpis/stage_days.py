"""Counting days in stages on narwhals: one definition for pandas, Polars and DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import narwhals as nw

from kpi_udfs.kpis.funnel_data import NamedColumn
from kpi_udfs.tables.frames import one_if, rows_of, together


@dataclass
class StageDays:
    """How often each number of days occurs among those who got on and those still waiting."""

    name: str
    passed: Counter[float] = field(default_factory=Counter)
    waiting: Counter[float] = field(default_factory=Counter)


@dataclass
class Waits:
    """All stages but the last, as seen on a day."""

    stages: list[StageDays]
    as_of: int
    later: int = 0
    backwards: int = 0


def days_in_stages(columns: Sequence[NamedColumn], as_of: int | None) -> Waits | None:
    """Days in each stage; None where there is no date at all."""
    names = [f"stage_{i}" for i in range(len(columns))]
    frame = together(**{name: column.column for name, column in zip(names, columns, strict=True)})
    later = 0
    if as_of is None:
        (latest,) = rows_of(frame.select(nw.col(names).max()))
        if not (days := [day for day in latest.values() if day is not None]):
            return None
        as_of = int(max(days))
    else:
        after = {name: nw.col(name) > as_of for name in names}
        (beyond,) = rows_of(frame.select(**{name: one_if(after[name]).sum() for name in names}))
        later = sum(int(dates or 0) for dates in beyond.values())
        frame = frame.select(**{name: nw.when(~after[name]).then(nw.col(name)) for name in names})
    waits = Waits([], as_of, later)
    for i, column in enumerate(columns[:-1]):
        stage = StageDays(column.name)
        reached = nw.coalesce(*names[i + 1 :])
        taken = frame.filter(~nw.col(names[i]).is_null()).select(
            waiting=one_if(reached.is_null()),
            days=nw.coalesce(*names[i + 1 :], nw.lit(float(as_of))) - nw.col(names[i]),
        )
        for row in rows_of(taken.group_by("waiting", "days").agg(nw.len().alias("rows"))):
            if row["days"] < 0:
                waits.backwards += row["rows"]
            else:
                (stage.waiting if row["waiting"] else stage.passed)[row["days"]] = row["rows"]
        waits.stages.append(stage)
    return waits
