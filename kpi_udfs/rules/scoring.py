"""Leads with their points and stages, on one day or on many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw

from kpi_udfs.kinds import Column
from kpi_udfs.rules.evaluation import Compiled, met, reaches, with_scores
from kpi_udfs.rules.events import Sums, sums
from kpi_udfs.rules.model import (
    LEAD,
    MQL,
    NOT_YET,
    SQL,
    SUPPRESSED,
    Condition,
    Version,
    parts,
)
from kpi_udfs.rules.preparing import Prepared
from kpi_udfs.rules.tables import RuleTable
from kpi_udfs.rules.truths import flag
from kpi_udfs.tables.frames import together


def scored(
    prepared: Prepared,
    version: Version,
    day: nw.Expr | None,
    moments: nw.LazyFrame[Any] | None = None,
    without: frozenset[str] = frozenset(),
) -> tuple[nw.LazyFrame[Any], Compiled]:
    """Points and truths of each lead on the day; with ``moments`` (row, moment), on each of these days.

    ``without``: ids of rules that give no points.
    """
    table = columns_for(prepared, version)
    compiled = Compiled(version, table, nw.col("moment") if moments is not None else day, without)
    frame = joined(prepared, table, compiled.sums, day, moments)
    needed = [part for top in _staging(version) for part in parts(top)]
    return with_scores(frame, compiled, needed), compiled


def joined(
    prepared: Prepared, table: RuleTable, asked: Sums, day: nw.Expr | None, moments: nw.LazyFrame[Any] | None = None
) -> nw.LazyFrame[Any]:
    """The leads' columns with the sums of their events: on the day, or on each of their moments."""
    frame = lead_frame(prepared, table)
    by = ["key"]
    if moments is not None:
        frame = frame.join(moments, on="row", how="inner")
        if prepared.created is not None:
            frame = frame.filter(nw.col("created").is_null() | (nw.col("created") <= nw.col("moment")))
        by = ["row", "moment"]
    if asked.names:
        owners = frame.select("row", "key", "moment") if moments is not None else None
        numbers = _sums(prepared, table.names, asked, day, owners)
        if numbers is not None:
            frame = frame.join(numbers, on=by, how="left")
    return frame


def lead_frame(prepared: Prepared, table: RuleTable) -> nw.LazyFrame[Any]:
    """The leads' columns side by side."""
    ordered: dict[str, Column] = {}
    if prepared.keys.labels is not None:
        import numpy as np

        ordered["row"] = Column("row", np.arange(len(prepared.keys.labels)))
    created = {"created": prepared.created} if prepared.created is not None else {}
    return together(**ordered, key=prepared.keys.column, **created, **table.columns)


def event_frame(prepared: Prepared, asked: Sums, names: Mapping[str, str] | None = None) -> nw.LazyFrame[Any]:
    """The events known on the day: key, day, and a column for each sort with 1 for an event of it.

    ``names``: what the version's rules call columns.
    """
    events = prepared.events
    assert events is not None
    table = replace(events.table, names=names or {}, columns={})
    made = {place: events.of_sort(table, sort, place) for sort, place in asked.sorts.items()}
    frame = together(key=events.key, day=events.day, **table.columns)
    # An event without a day is none that is known.
    known = nw.col("day") <= prepared.day if prepared.day is not None else ~nw.col("day").is_null()
    frame = frame.filter(known)
    if events.key.frame is None:
        frame = frame.filter(nw.col("key") >= 0)
    return frame.select("key", "day", **{place: nw.lit(1.0) if one is None else one for place, one in made.items()})


def _sums(
    prepared: Prepared,
    names: Mapping[str, str],
    asked: Sums,
    day: nw.Expr | None,
    moments: nw.LazyFrame[Any] | None,
) -> nw.LazyFrame[Any] | None:
    rows = event_frame(prepared, asked, names)
    if moments is None:
        return sums(rows, asked, day, ["key"])
    days = rows.group_by("key", "day").agg(*(nw.col(place).sum() for place in asked.sorts.values()))
    pairs = moments.join(days, on="key", how="inner").filter(nw.col("day") <= nw.col("moment"))
    return sums(pairs, asked, nw.col("moment"), ["row", "moment"], per_day=True)


def _staging(version: Version) -> Iterator[Condition]:
    """The conditions that decide about stages."""
    stages = [stage for stage in (version.mql, version.sql) if stage]
    tops = [version.suppress, *(part for stage in stages for part in (stage.require, stage.fast_track))]
    return (top for top in tops if top is not None)


#: Stages by the number they have in a frame.
STAGES = (LEAD, MQL, SQL, SUPPRESSED, NOT_YET)


def staged(frame: nw.LazyFrame[Any], version: Version, day: int | None, past: bool) -> nw.LazyFrame[Any]:
    """The frame with ``now`` (reaches MQL by itself), ``mql``, ``sql`` and the stage."""
    suppressed = flag(met(version.suppress)) if version.suppress else nw.lit(0.0)
    mql = (1.0 - suppressed) * (reaches(version.mql) if version.mql else nw.lit(0.0))
    dated = day is not None and "created" in frame.collect_schema().names()
    frame = frame.with_columns(
        suppressed=suppressed,
        now=mql,
        sql_now=reaches(version.sql) if version.sql else nw.lit(0.0),
        unknown=flag(nw.col("created") > day) if dated else nw.lit(0.0),
    )
    mql = nw.col("now")
    if past and version.mql and version.mql.sticky:
        mql = either(mql, nw.col("ever_mql").fill_null(0.0)) * (1.0 - nw.col("suppressed"))
    frame = frame.with_columns(mql=mql * (1.0 - nw.col("unknown")))
    sql = nw.col("sql_now") * nw.col("mql")
    if past and version.sql and version.sql.sticky:
        sql = either(sql, nw.col("ever_sql").fill_null(0.0)) * nw.col("mql")
    frame = frame.with_columns(sql=sql)
    stage = nw.col("mql") + nw.col("sql") + 3.0 * nw.col("suppressed")
    return frame.with_columns(stage=nw.when(nw.col("unknown") == 1.0).then(4.0).otherwise(stage))


def either(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    return 1.0 - (1.0 - one) * (1.0 - other)


def columns_for(prepared: Prepared, version: Version) -> RuleTable:
    """The leads with no columns in the frame yet; what was read is shared."""
    return replace(prepared.leads, names=version.fields, columns={})
