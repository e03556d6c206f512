"""Leads qualified by rules: every lead's stage, points and deciding rule, and how many there are of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from kpi_udfs.rules.deciding import deciding
from kpi_udfs.rules.model import (
    LEAD,
    MQL,
    NOT_YET,
    SQL,
    SUPPRESSED,
)
from kpi_udfs.rules.past import past
from kpi_udfs.rules.preparing import Prepared, sticky
from kpi_udfs.rules.scoring import STAGES, scored, staged
from kpi_udfs.rules.truths import flag
from kpi_udfs.tables.frames import in_memory, rows_of

#: Where a lead stands in several rows, the last of these counts.
_STAGE_ORDER = (LEAD, NOT_YET, SUPPRESSED, MQL, SQL)


@dataclass(frozen=True)
class Qualified:
    """What the rules come to, row by row of the leads."""

    ids: Sequence[Any]
    stages: Sequence[str]
    scores: Sequence[float] | None
    fits: Sequence[float] | None
    engagements: Sequence[float] | None
    rules: Sequence[str]
    #: The rows that count for their identifier: one that stands in several rows counts once.
    keys: Sequence[Any]


def run(prepared: Prepared, with_rule: bool = True) -> Qualified:
    """Every lead's stage, points and deciding rule."""
    version = prepared.version
    leads = stages(prepared)
    labels: list[str] = []
    if with_rule:
        leads = leads.with_columns(rule=deciding(version, labels))
    shown = [
        "key",
        "stage",
        *(["fit", "engagement", "score"] if version.scored else []),
        *(["rule"] if with_rule else []),
    ]
    ordered = prepared.keys.labels is not None
    small = in_memory(leads.select(*(["row"] if ordered else []), *shown))
    small = small.sort("row" if ordered else "key")
    number = {name: small[name].to_list() for name in small.columns}
    stage_of: dict[float, str] = dict(enumerate(STAGES))
    label_of: dict[float | None, str] = {None: "", -1.0: "", **dict(enumerate(labels))}
    shown_stages = [stage_of[stage] for stage in number["stage"]]
    rules = [label_of[rule] for rule in number.get("rule", ())]
    return Qualified(
        ids=prepared.keys.labels if prepared.keys.labels is not None else number["key"],
        stages=shown_stages,
        scores=number.get("score"),
        fits=number.get("fit"),
        engagements=number.get("engagement"),
        rules=rules,
        keys=number["key"],
    )


def stages(prepared: Prepared) -> nw.LazyFrame[Any]:
    """Each lead with points, truths, and ``mql``, ``sql`` and ``stage`` on the day."""
    version = prepared.version
    day = nw.lit(float(prepared.day)) if prepared.day is not None else None
    frame, _ = scored(prepared, version, day)
    if not sticky(version) or prepared.day is None:  # without any day there is no past
        return staged(frame, version, prepared.day, past=False)
    frame = in_memory(frame).lazy()  # it is looked at twice
    now = staged(frame, version, prepared.day, past=False)
    undecided = (nw.col("suppressed") == 0.0) & (nw.col("stage") != float(STAGES.index(NOT_YET)))
    reached = nw.col("sql") if version.sql and version.sql.sticky else nw.col("mql")
    frame = frame.join(
        past(prepared, now.filter(undecided & (reached == 0.0)).select("row", "key")), on="row", how="left"
    )
    return staged(frame, version, prepared.day, past=True)


@dataclass(frozen=True)
class Counts:
    """How many leads are what; an identifier that stands in several rows is one lead."""

    leads: int
    mql: int
    sql: int
    suppressed: int
    not_yet: int
    repeated: int


def counts(prepared: Prepared) -> Counts:
    """The leads of each stage, counted where they are."""
    staged = stages(prepared).select(
        "key", "mql", "sql", suppressed=_is(SUPPRESSED), not_yet=_is(NOT_YET), one=nw.lit(1.0)
    )
    each = staged
    if prepared.keys.column.frame is not None:  # a row without an identifier is a lead of its own
        each = staged.filter(nw.col("key") != "")
    flags = [nw.col(name).max() for name in ("mql", "sql", "suppressed", "not_yet")]
    leads = each.group_by("key").agg(*flags, rows=nw.col("one").sum()).drop("key")
    frames = [leads]
    if prepared.keys.column.frame is not None:
        frames.append(staged.filter(nw.col("key") == "").select("mql", "sql", "suppressed", "not_yet", rows="one"))
    total = nw.concat(frames) if len(frames) > 1 else leads
    (row,) = rows_of(
        total.select(
            nw.col("mql").sum(),
            nw.col("sql").sum(),
            # Where one row of a lead is qualified, another does not take it back.
            suppressed=(nw.col("suppressed") * (1.0 - nw.col("mql"))).sum(),
            not_yet=(nw.col("not_yet") * (1.0 - nw.col("mql"))).sum(),
            leads=nw.len(),
            repeated=flag(nw.col("rows") > 1.0).sum(),
        )
    )
    return Counts(
        **{name: int(row[name] or 0) for name in ("leads", "mql", "sql", "suppressed", "not_yet", "repeated")}
    )


def counts_of(found: Qualified) -> Counts:
    """The same of what was found already."""
    of_lead: dict[Any, list[str]] = {}
    for place, (key, stage) in enumerate(zip(found.keys, found.stages, strict=True)):
        of_lead.setdefault(key if key != "" else ("", place), []).append(stage)
    best = [max(stages, key=_STAGE_ORDER.index) for stages in of_lead.values()]
    tally = Counter(best)
    repeated = sum(len(stages) > 1 for stages in of_lead.values())
    return Counts(len(best), tally[MQL] + tally[SQL], tally[SQL], tally[SUPPRESSED], tally[NOT_YET], repeated)


def _is(stage: str) -> nw.Expr:
    return flag(nw.col("stage") == float(STAGES.index(stage)))
