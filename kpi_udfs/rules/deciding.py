"""Which rule decides about a lead."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw

from kpi_udfs.rules.evaluation import enough, met
from kpi_udfs.rules.model import (
    MQL,
    NOT_YET,
    SQL,
    SUPPRESSED,
    Condition,
    Group,
    Stage,
    Version,
)
from kpi_udfs.rules.scoring import STAGES


def deciding(version: Version, labels: list[str]) -> nw.Expr:
    """The number of the deciding rule's label, -1 where there is none."""

    def numbered(label: str) -> float:
        if label not in labels:
            labels.append(label)
        return float(labels.index(label))

    def choose(choices: Sequence[tuple[nw.Expr, str]], otherwise: nw.Expr) -> nw.Expr:
        for condition, label in reversed(choices):
            otherwise = nw.when(condition).then(numbered(label)).otherwise(otherwise)
        return otherwise

    def of_stage(stage: Stage | None, now: str) -> nw.Expr:
        if stage is None:
            return nw.lit(-1.0)
        choices: list[tuple[nw.Expr, str]] = [(nw.col(now) == 0.0, "sticky")] if stage.sticky else []
        if stage.fast_track:
            choices += met_members(stage.fast_track)
        choices += [(enough(threshold), threshold.label) for threshold in stage.thresholds]
        if stage.require:
            choices += met_members(stage.require)
        return choose(choices, nw.lit(-1.0))

    def missing_for(stage: Stage | None) -> nw.Expr:
        if stage is None:
            return nw.lit(-1.0)
        choices = unmet_members(stage.require) if stage.require else []
        last_one = (
            stage.thresholds[0].label if stage.thresholds else stage.fast_track.label if stage.fast_track else None
        )
        return choose(choices, nw.lit(-1.0 if last_one is None else numbered(last_one)))

    stage = nw.col("stage")
    rule = missing_for(version.mql)
    rule = nw.when(stage == float(STAGES.index(MQL))).then(of_stage(version.mql, "now")).otherwise(rule)
    if version.sql:
        rule = nw.when(stage == float(STAGES.index(SQL))).then(of_stage(version.sql, "sql_now")).otherwise(rule)
    if version.suppress:
        held = choose(met_members(version.suppress), nw.lit(-1.0))
        rule = nw.when(stage == float(STAGES.index(SUPPRESSED))).then(held).otherwise(rule)
    return nw.when(stage == float(STAGES.index(NOT_YET))).then(-1.0).otherwise(rule)


def met_members(condition: Condition) -> list[tuple[nw.Expr, str]]:
    """Which members of a condition may have met it, each with its label; the first that did decides."""
    if isinstance(condition, Group) and condition.id is None and condition.kind == "any":
        return [member for part in condition.of for member in met_members(part)]
    if isinstance(condition, Group) and condition.id is None and condition.kind == "all" and len(condition.of) == 1:
        return met_members(condition.of[0])
    return [(met(condition), condition.label)]


def unmet_members(condition: Condition) -> list[tuple[nw.Expr, str]]:
    """Which gates of a condition may be shut, each with its label; the first that is decides."""
    if isinstance(condition, Group) and condition.id is None and condition.kind == "all":
        return [member for part in condition.of for member in unmet_members(part)]
    return [(~met(condition), condition.label)]
