"""How many get from one step to the next?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from kpi_udfs.cells import Context
from kpi_udfs.errors import DIV0, CellError
from kpi_udfs.kinds import (
    COUNT,
    DAYS,
    PERCENT,
    RATIO,
    TABLE,
    TEXT,
    Count,
    Word,
)
from kpi_udfs.kpis.funnel_data import FunnelTable, Policy, Stages, read_counts, read_stages
from kpi_udfs.kpis.shares import NO_GROUP, ratio
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import Block, Example, Measure, kpi

RATE_WORKING = text("CONVERSION_RATE.working", "{top:count} of {bottom:count} reached the next step.")
RATE_NOTHING = text("CONVERSION_RATE.nothing", "Nobody entered, so there is nothing to divide by.")
RATE_ABOVE = text("CONVERSION_RATE.above", "more reached the step than entered; are both from the same period?")
NOT_ENTERED = text(
    "CONVERSION_RATE.not_entered", "names in reached that are not in entered, counted all the same: {names:count}."
)
LEADS_WORKING = text("LEADS_PER_SALE.working", "{top:count} {top:lead|leads} ÷ {bottom:count} {bottom:sale|sales}.")
LEADS_NOTHING = text("LEADS_PER_SALE.nothing", "There are no sales to divide the leads by.")


@kpi(
    shows=PERCENT,
    formula="reached ÷ entered",
    edges=(
        "Nobody entered: #DIV/0!. More reached than entered gives a rate above 100%, with a note. In a column of "
        "names each different one counts once and blanks not at all. Names in reached that are missing from entered "
        "count all the same and are reported."
    ),
    elsewhere=(
        "Web analytics often divides by visits instead of people, which lowers the rate where people come back. Some "
        "count every conversion, others one per person. A rate of what happened in a period differs from that of a "
        "group followed to its end, where converting takes long."
    ),
    examples=[
        Example(entered=8000, reached=842, gives=0.10525, because="842 of 8,000"),
        Example(
            entered=["ada", "ben", "cem", "dia"],
            reached=["ben"],
            gives=0.25,
            because="1 of 4 different names",
        ),
        Example(entered=0, reached=0, gives=DIV0, because="nobody entered"),
    ],
)
def conversion_rate(
    entered: Annotated[Count, "How many entered the step: a number, or a column with one name or ID each."],
    reached: Annotated[Count, "How many of them reached the next step: a number, or one name or ID each."],
) -> Measure:
    """Share of those who entered that reached the next step.

    Reached divided by entered, both of the same period or, better, of the same group of people.

    Shapes: numbers or columns. Unit: share, 0 to 1. Errors: ``#DIV/0!`` when nobody entered.
    Source: common field definition.
    """
    warnings = (RATE_ABOVE(),) if reached > entered else ()
    strangers = len(reached.names - entered.names) if reached.names and entered.names else 0
    if strangers:
        warnings = (*warnings, NOT_ENTERED(names=strangers))
    return ratio(reached, entered, RATE_WORKING, RATE_NOTHING, warnings=warnings)


@kpi(
    shows=RATIO,
    formula="leads ÷ sales",
    edges=(
        "No sales: #DIV/0!. No leads: 0. In a column of names each different one counts once and blanks not at all. A "
        "negative number of leads or sales is #NUM!."
    ),
    elsewhere=(
        "More often told the other way round, as the conversion rate from lead to sale. Where a sale takes long, "
        "following the leads of one period to their sales gives another number than dividing the leads and the sales "
        "of the same period."
    ),
    examples=[
        Example(leads=120, sales=8, gives=15.0, because="120 leads ÷ 8 sales"),
        Example(leads=120, sales=0, gives=DIV0, because="nothing was sold"),
    ],
)
def leads_per_sale(
    leads: Annotated[Count, "Leads of the period: their number, or a column with one name or ID per lead."],
    sales: Annotated[Count, "Sales of the same period: their number, or a column with one name or ID per sale."],
) -> Measure:
    """How many leads it takes to make one sale.

    Leads divided by sales: the inverse of the conversion rate from lead to sale.

    Shapes: numbers or columns. Unit: leads. Errors: ``#DIV/0!`` without sales. Source: common
    field definition.
    """
    return ratio(leads, sales, LEADS_WORKING, LEADS_NOTHING)


# ------------------------------------------------------------------------------------ funnel

STAGE = text("FUNNEL.column.stage", "Stage")
NUMBER = text("FUNNEL.column.count", "Count")
STEP_RATE = text("FUNNEL.column.step_rate", "Step rate")
CUMULATIVE_RATE = text("FUNNEL.column.cumulative_rate", "Cumulative rate")
DROP_OFF = text("FUNNEL.column.drop_off", "Drop-off")
MEDIAN_DAYS = text("FUNNEL.column.median_days", "Median days")

OVERALL = text(
    "FUNNEL.overall", "{rate:percent}: {last:count} of {first:count} came from {first_stage} to {last_stage}."
)
EMPTY = text("FUNNEL.empty", "Nobody entered the first stage, {first_stage}.")
FURTHEST = text("FUNNEL.furthest", "Counted in a stage: everyone whose furthest stage is this one or a later one.")
STRICT = text("FUNNEL.strict", "Counted in a stage: everyone who reached it and every stage before, in order.")
ANY = text("FUNNEL.any", "Counted in a stage: everyone who entered it, in whatever order.")
BLOCK = text("FUNNEL.block", "The counts were taken as given.")
NO_STAGE = text("FUNNEL.no_stage", "rows that reached no stage, left out: {rows:count}.")
BACKWARDS = text("FUNNEL.backwards", "steps that end before they begin, left out of the median days: {steps:count}.")
RISING = text("FUNNEL.rising", "{stage} has more than the stage before it; are both from the same group?")
NOTHING_BEFORE = text("FUNNEL.nothing_before", "Nobody is in {stage}, so there is nothing to divide by.")
BY_NEEDS_TABLE = text("FUNNEL.by_needs_table", "Groups need a table with one row per lead, not a block of counts.")


@dataclass(frozen=True)
class _Step:
    """One line of a funnel."""

    stage: str
    count: float
    median_days: float | None = None


@kpi(
    shows=TABLE,
    formula=(
        "step rate = count ÷ count of the stage before; cumulative rate = count ÷ count of the first stage; drop-off "
        "= count of the stage before − count"
    ),
    edges=(
        "An empty stage makes the rates that divide by it #DIV/0!; more in a stage than in the one before gives a "
        "rate above 100%. In a table a blank cell means that the stage was not reached, in a block of counts it is "
        "#VALUE!. Rows that reached no stage are left out, and steps that end before they begin are left out of the "
        "median days; both are reported. With policy strict, a step back in time ends the row's way through the "
        "funnel."
    ),
    elsewhere=(
        "Some reports count only what is in a stage today, which makes early stages look small. Others count everyone "
        "who ever entered a stage (policy any) or ask for every stage in order (policy strict). A report of what "
        "happened in a period mixes people who began at different times; this one follows the rows it is given."
    ),
    examples=[
        Example(
            data=[["Lead", 1000], ["MQL", 400], ["SQL", 100], ["Customer", 25]],
            gives=[
                ["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off"],
                ["Lead", 1000, "", 1.0, ""],
                ["MQL", 400, 0.4, 0.4, 600],
                ["SQL", 100, 0.25, 0.1, 300],
                ["Customer", 25, 0.25, 0.025, 75],
            ],
            because="400 of 1,000 leads are MQLs; 25 of 1,000 become customers",
        ),
        Example(
            data=[["Lead", 1000], ["MQL", 400], ["SQL", 100], ["Customer", 25]],
            stages=["Lead", "Customer"],
            gives=[
                ["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off"],
                ["Lead", 1000, "", 1.0, ""],
                ["Customer", 25, 0.025, 0.025, 975],
            ],
            because="only the stages named",
        ),
        Example(
            data=[
                ["name", "created", "opportunity", "won"],
                ["Ada", date(2026, 1, 5), date(2026, 1, 15), date(2026, 2, 4)],
                ["Ben", date(2026, 1, 6), "", date(2026, 1, 20)],
                ["Cem", date(2026, 1, 7), date(2026, 1, 27), ""],
                ["Dia", date(2026, 1, 8), "", ""],
            ],
            gives=[
                ["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off", "Median days"],
                ["created", 4, "", 1.0, "", ""],
                ["opportunity", 3, 0.75, 0.75, 1, 15.0],
                ["won", 2, 2 / 3, 0.5, 1, 20.0],
            ],
            because="Ben won without an opportunity on record: his furthest stage is won, so he counts in all three",
        ),
        Example(
            data=[
                ["name", "created", "opportunity", "won"],
                ["Ada", "yes", "yes", "yes"],
                ["Ben", "yes", "no", "yes"],
                ["Cem", "yes", "yes", "no"],
            ],
            policy="strict",
            gives=[
                ["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off"],
                ["created", 3, "", 1.0, ""],
                ["opportunity", 2, 2 / 3, 2 / 3, 1],
                ["won", 1, 0.5, 1 / 3, 1],
            ],
            because="Ben skipped the opportunity and leaves the strict funnel there",
        ),
        Example(
            data=[
                ["channel", "lead", "won"],
                ["mail", "yes", "yes"],
                ["mail", "yes", "no"],
                ["ads", "no", "yes"],
            ],
            by="channel",
            policy="any",
            gives=[
                ["channel", "Stage", "Count", "Step rate", "Cumulative rate", "Drop-off"],
                ["ads", "lead", 0, "", DIV0, ""],
                ["ads", "won", 1, DIV0, DIV0, -1],
                ["mail", "lead", 2, "", 1.0, ""],
                ["mail", "won", 1, 0.5, 0.5, 1],
            ],
            because="with any, each stage counts those who really entered it",
        ),
    ],
)
def funnel(
    data: FunnelTable,
    stages: Stages = None,
    by: Annotated[Word | None, "Name of a column: one funnel per value, for example per channel."] = None,
    policy: Policy = "furthest",
    *,
    context: Context,
) -> Block:
    """Stage by stage: how many are there, how many get on, how long it takes.

    One line per stage: count, step rate (share of the stage before), cumulative rate (share of the
    first stage), drop-off (how many fewer than in the stage before) and, where the columns hold
    dates, the median days from the stage before. Who counts in a stage is the policy's choice.

    Shapes: a table with header row, one row per lead, or two columns of stage and count. Units:
    counts, shares, days. Errors: ``#VALUE!`` where a stage has no column, ``#DIV/0!`` in a line
    whose stage before is empty. Source: common field definition; CRM systems differ in the policy,
    hence the option.
    """
    notes: list[Sentence] = []
    counts = read_counts(data, stages, context, notes)
    if counts is not None:
        if by:
            raise CellError.value(BY_NEEDS_TABLE())
        return _block([("", [_Step(*count) for count in counts])], None, BLOCK(), tuple(notes), context)
    from kpi_udfs.kpis.funnel_counts import count_stages  # needs narwhals, which a block does not

    columns, group_column = read_stages(data, stages, by, context, notes)
    counted = count_stages(columns, group_column, policy)
    lines = [
        ((group or say(NO_GROUP, context.settings.language)) if by else "", [_Step(*step) for step in steps])
        for group, steps in counted.groups
    ]
    if counted.no_stage:
        notes.append(NO_STAGE(rows=counted.no_stage))
    if counted.backwards:
        notes.append(BACKWARDS(steps=counted.backwards))
    rule = {"furthest": FURTHEST, "strict": STRICT, "any": ANY}[policy]
    return _block(lines, group_column.name if group_column else None, rule(), tuple(notes), context)


def _block(
    lines: list[tuple[str, list[_Step]]],
    by: str | None,
    rule: Sentence,
    warnings: tuple[Sentence, ...],
    context: Context,
) -> Block:
    """The funnel as cells, and its explanation."""
    timed = any(step.median_days is not None for _, steps in lines for step in steps)
    captions = [STAGE, NUMBER, STEP_RATE, CUMULATIVE_RATE, DROP_OFF, *([MEDIAN_DAYS] if timed else [])]
    header: list[Any] = [say(caption, context.settings.language) for caption in captions]
    rows = [[by, *header] if by else header]
    working: list[Sentence] = []
    noted = list(warnings)
    for group, steps in lines:
        first, before = steps[0], None
        # An empty stage before the last leaves rates with nothing to divide by: say it once.
        noted += [_of_group(group, NOTHING_BEFORE(stage=step.stage)) for step in steps[:-1] if not step.count]
        for step in steps:
            cumulative = _share(step.count, first)
            row: list[Any] = [step.stage, step.count, "", cumulative, ""]
            if before is not None:
                row[2] = _share(step.count, before)
                row[4] = before.count - step.count
                if step.count > before.count and not by:
                    noted.append(RISING(stage=step.stage))
            if timed:
                row.append("" if step.median_days is None else step.median_days)
            rows.append([group, *row] if by else row)
            before = step
        if len(working) < 5:
            working.append(_of_group(group, _overall(steps)))
    kinds = (TEXT, COUNT, PERCENT, PERCENT, COUNT, *([DAYS] if timed else []))
    return Block(rows, (TEXT, *kinds) if by else kinds, (*working, rule), tuple(noted))


OVERALL_GROUP = text("FUNNEL.overall_group", "{group}: {overall}")


def _of_group(group: str, said: Sentence) -> Sentence:
    """The sentence with the group it is about, if there are groups."""
    return OVERALL_GROUP(group=group, overall=said) if group else said


def _overall(steps: Sequence[_Step]) -> Sentence:
    first, last = steps[0], steps[-1]
    if not first.count:
        return EMPTY(first_stage=first.stage)
    return OVERALL(
        rate=last.count / first.count,
        last=last.count,
        first=first.count,
        first_stage=first.stage,
        last_stage=last.stage,
    )


def _share(count: float, of: _Step) -> float | CellError:
    return count / of.count if of.count else CellError.div0(NOTHING_BEFORE(stage=of.stage))
