"""Where, when and why do leads get lost?"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise
from math import fsum
from typing import Annotated, Any

from kpi_udfs.cells import Context, as_date
from kpi_udfs.errors import DIV0, NA, VALUE, CellError
from kpi_udfs.kinds import (
    COUNT,
    DAYS,
    MONEY,
    PERCENT,
    TABLE,
    TEXT,
    Cells,
    DayNumber,
    Keys,
    Money,
    OutcomeCells,
    Table,
)
from kpi_udfs.kpis.conversion import RISING
from kpi_udfs.kpis.distribution import mean, quantile
from kpi_udfs.kpis.funnel_data import FunnelTable, Policy, Stages, read_benchmark, read_counts, read_stages
from kpi_udfs.kpis.outcome_words import READ_AS_OPEN, open_words
from kpi_udfs.kpis.shares import GROUP, NEGATIVE_VALUE, NO_GROUP
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import Block, Example, kpi

# -------------------------------------------------------------------------------- bottleneck

STEP = text("FUNNEL_BOTTLENECK.column.step", "Bottleneck")
STEP_RATE = text("FUNNEL_BOTTLENECK.column.rate", "Step rate")
BENCHMARK = text("FUNNEL_BOTTLENECK.column.benchmark", "Benchmark")
LOST_HERE = text("FUNNEL_BOTTLENECK.column.lost", "Lost here")
SALES_LOST = text("FUNNEL_BOTTLENECK.column.sales", "Costs in sales")
REASON = text("FUNNEL_BOTTLENECK.column.reason", "Why")
FROM_TO = text("FUNNEL_BOTTLENECK.from_to", "{before} → {stage}")
NO_BOTTLENECK = text("FUNNEL_BOTTLENECK.none", "none")
LOWEST = text(
    "FUNNEL_BOTTLENECK.lowest",
    "Only {count:count} of {before_count:count} get on from {before} to {stage}: the lowest of {steps:count} step {steps:rate|rates}.",
)
BELOW_BENCHMARK = text(
    "FUNNEL_BOTTLENECK.below",
    "{rate:percent} get on from {before} to {stage} instead of {benchmark:percent}: no other step below its benchmark "
    "costs more sales.",
)
NOBODY = text("FUNNEL_BOTTLENECK.nobody", "Nobody gets on from {before} to {stage}.")
ALL_REACHED = text("FUNNEL_BOTTLENECK.all_reached", "Every step reaches its benchmark.")
NONE_LOST = text("FUNNEL_BOTTLENECK.none_lost", "No step loses anybody.")
COST_BENCHMARK = text(
    "FUNNEL_BOTTLENECK.cost_benchmark",
    "At its benchmark this step would have brought {sales:number} more of {last_stage}, the other steps being as they "
    "are.",
)
COST_ALL = text(
    "FUNNEL_BOTTLENECK.cost_all",
    "Had the {lost:count} who were lost here got on like the others, there would be {sales:number} more of {last_stage}.",
)
NO_ESTIMATE = text(
    "FUNNEL_BOTTLENECK.no_estimate",
    "The steps that follow give no rates, so what the loss costs can't be estimated.",
)
NOBODY_ENTERED = text("FUNNEL_BOTTLENECK.nobody_entered", "Nobody entered the funnel, so nothing can stall.")


@kpi(
    shows=TABLE,
    formula="the step that costs most sales: last stage × (benchmark ÷ step rate − 1); without benchmark: last stage × "
    "(1 ÷ step rate − 1), which is the step with the lowest rate",
    edges="A funnel that nobody entered is #N/A. Where nobody came through, the first empty stage is the bottleneck, and "
    "its cost needs a benchmark. Where every step reaches its benchmark the answer is none.",
    elsewhere="Other tools name the step that loses most people. That is nearly always the first one, because most "
    "people are there; what a loss costs in sales is the fairer measure.",
    examples=[
        Example(
            data=[["Lead", 1000], ["MQL", 400], ["SQL", 100], ["Customer", 40]],
            gives=[
                ["Bottleneck", "Step rate", "Benchmark", "Lost here", "Costs in sales", "Why"],
                ["MQL → SQL", 0.25, "", 300, 120.0,
                 "Only 100 of 400 get on from MQL to SQL: the lowest of 3 step rates."],
            ],
            because="25% is the lowest rate; 300 lost × 40% who would have become customers are 120",
        ),
        Example(
            data=[["Lead", 1000], ["MQL", 400], ["SQL", 100], ["Customer", 40]],
            benchmark=[0.6, 0.3, 0.4],
            gives=[
                ["Bottleneck", "Step rate", "Benchmark", "Lost here", "Costs in sales", "Why"],
                ["Lead → MQL", 0.4, 0.6, 600, 20.0,
                 "40.0% get on from Lead to MQL instead of 60.0%: no other step below its benchmark costs more sales."],
            ],
            because="at 60% there would be 600 MQLs and 60 customers, 20 more; at 30% MQL → SQL would bring only 8 more",
        ),
        Example(
            data=[
                ["created", "opportunity", "won"],
                ["yes", "yes", "no"],
                ["yes", "yes", "yes"],
                ["yes", "no", "yes"],
                ["yes", "no", "no"],
            ],
            stages=["created", "opportunity", "won"],
            policy="strict",
            gives=[
                ["Bottleneck", "Step rate", "Benchmark", "Lost here", "Costs in sales", "Why"],
                ["created → opportunity", 0.5, "", 2, 1.0,
                 "Only 2 of 4 get on from created to opportunity: the lowest of 2 step rates."],
            ],
            because="both steps let half through; the earlier one is named",
        ),
        Example(
            data=[["lead", "won"], ["no", "yes"], ["yes", "yes"]],
            policy="any",
            gives=[
                ["Bottleneck", "Step rate", "Benchmark", "Lost here", "Costs in sales", "Why"],
                ["none", "", "", "", 0, "No step loses anybody."],
            ],
            because="more have won than entered",
        ),
        Example(data=[["Lead", 0], ["Customer", 0]], gives=NA, because="nobody entered the funnel"),
        Example(
            data=[["Lead", 10], ["Customer", 0]],
            gives=[
                ["Bottleneck", "Step rate", "Benchmark", "Lost here", "Costs in sales", "Why"],
                ["Lead → Customer", 0.0, "", 10, 10, "Nobody gets on from Lead to Customer."],
            ],
            because="all 10 were lost in the last step",
        ),
    ],
)  # fmt: skip
def funnel_bottleneck(
    data: FunnelTable,
    stages: Stages = None,
    benchmark: Annotated[
        Cells | None,
        "Target rates, one per step (60%, 30%, 40%), or an earlier funnel as a block of stage names and counts.",
    ] = None,
    policy: Policy = "furthest",
    *,
    context: Context,
) -> Block:
    """The step at which the funnel stalls, why, and what it costs in sales.

    Each step is judged by the sales it costs: how many more would have reached the last stage if
    this step had reached its benchmark and the others stayed as they are. Without a benchmark the
    comparison is with losing nobody, which makes the step with the lowest rate the bottleneck.

    Shapes: as FUNNEL; benchmark: one rate per step, or two columns of stage and count. Units:
    shares, counts. Errors: ``#N/A`` where nobody entered, ``#VALUE!`` where the benchmark does not
    fit the stages. Source: this package.
    """
    notes: list[Sentence] = []
    counts = read_counts(data, stages, context, notes)
    if counts is None:
        from kpi_udfs.kpis.funnel_counts import count_stages  # needs narwhals, which a block does not

        columns, _ = read_stages(data, stages, None, context, notes)
        counts = [(stage, count) for stage, count, _ in count_stages(columns, None, policy).groups[0][1]]
    if not counts[0][1]:
        raise CellError.na(NOBODY_ENTERED())
    notes += [RISING(stage=stage) for (_, before), (stage, count) in pairwise(counts) if count > before]
    targets = (
        read_benchmark(benchmark, [stage for stage, _ in counts], context, notes) if benchmark is not None else None
    )
    captions = [STEP, STEP_RATE, BENCHMARK, LOST_HERE, SALES_LOST, REASON]
    header = [say(caption, context.settings.language) for caption in captions]
    line, said = _bottleneck(counts, targets, context)
    return Block([header, line], (TEXT, PERCENT, PERCENT, COUNT, COUNT, TEXT), tuple(said), tuple(notes))


def _bottleneck(
    counts: list[tuple[str, float]], targets: list[float] | None, context: Context
) -> tuple[list[Any], list[Sentence]]:
    """The line of the bottleneck and its explanation."""
    language = context.settings.language
    steps = range(1, len(counts))
    last_stage, last = counts[-1]
    stuck = next((i for i in steps if not counts[i][1]), None)
    rates = [counts[i][1] / counts[i - 1][1] if counts[i - 1][1] else 0.0 for i in steps]
    if stuck is not None:  # nobody came through: what follows can only be taken from the benchmark
        worst = stuck
        costs: float | None = counts[stuck - 1][1]
        for i in range(stuck, len(counts)) if targets else range(stuck + 1, len(counts)):
            costs = costs * targets[i - 1] if targets and costs is not None else None
    else:
        goals = targets or [1.0] * len(rates)
        missing = [last * (goal / rate - 1) for goal, rate in zip(goals, rates, strict=True)]
        worst, costs = max(zip(steps, missing, strict=True), key=lambda step: step[1])
    if costs is not None and costs <= 0:
        reason = ALL_REACHED() if targets else NONE_LOST()
        return [say(NO_BOTTLENECK, language), "", "", "", 0, say(reason, language)], [reason]
    (before, before_count), (stage, count) = counts[worst - 1], counts[worst]
    rate, target = rates[worst - 1], targets[worst - 1] if targets else None
    facts = {"before": before, "before_count": before_count, "stage": stage, "count": count}
    if not count:
        reason = NOBODY(**facts)
    elif target is not None:
        reason = BELOW_BENCHMARK(**facts, rate=rate, benchmark=target)
    else:
        reason = LOWEST(**facts, steps=len(rates))
    lost = before_count - count
    if costs is None:
        said = [reason, NO_ESTIMATE()]
    else:
        cost = (COST_BENCHMARK if target is not None else COST_ALL)(sales=costs, lost=lost, last_stage=last_stage)
        said = [reason, cost]
    step = say(FROM_TO(**facts), language)
    shown_cost = CellError.na(NO_ESTIMATE()) if costs is None else costs
    return [step, rate, "" if target is None else target, lost, shown_cost, say(reason, language)], said


# ----------------------------------------------------------------------------- stage duration

STAGE = text("STAGE_DURATION.column.stage", "Stage")
LEFT = text("STAGE_DURATION.column.count", "Count")
MEAN = text("STAGE_DURATION.column.mean", "Mean days")
MEDIAN = text("STAGE_DURATION.column.median", "Median days")
P75 = text("STAGE_DURATION.column.p75", "75% within")
P90 = text("STAGE_DURATION.column.p90", "90% within")
WAITING = text("STAGE_DURATION.column.waiting", "Still waiting")
WAITING_DAYS = text("STAGE_DURATION.column.waiting_days", "Median days waiting")

COUNTED = text(
    "STAGE_DURATION.counted",
    "Days from entering a stage to entering the next stage that was reached; still waiting, with the days waited, as of "
    "{as_of:date}.",
)
STAGES = text("STAGE_DURATION.stages_read", "Stages, in order: {stages:list}.")
SLOWEST = text(
    "STAGE_DURATION.slowest", "The longest median is that of {stage}: {days:days} days, {count:count} went through."
)
LATER = text("STAGE_DURATION.later", "dates after {as_of:date}, taken as not yet reached: {dates:count}.")
BACKWARDS = text("STAGE_DURATION.backwards", "steps that end before they begin, left out: {steps:count}.")
DATES_NEEDED = text("STAGE_DURATION.dates_needed", 'Durations need dates; column "{stage}" holds yes and no.')
BLOCK_HAS_NO_DATES = text(
    "STAGE_DURATION.block", "Durations need a table with a date column per stage, not a block of counts."
)
NO_DATES = text("STAGE_DURATION.no_dates", "The stage columns hold no dates yet.")
NONE_THROUGH = text("STAGE_DURATION.none_through", "Nobody can be timed from {stage} to a later stage yet.")


@kpi(
    shows=TABLE,
    formula="date of the next stage reached − date of the stage, per lead; mean and percentiles over the leads that got on",
    edges="A lead that skips a stage is timed to the next one it reached. A step back in time is left out and reported. "
    "Leads that have not got on are counted as waiting; name a date column of lost leads as the last stage to take them "
    "out. A stage that nobody has left shows #N/A.",
    elsewhere="Averages over all leads with the waiting ones at their age so far, or over closed deals only, are other "
    "measures: the first grows with every idle lead, the second ignores all that are stuck.",
    examples=[
        Example(
            data=[
                ["name", "lead", "opportunity", "won"],
                ["Ada", date(2026, 1, 5), date(2026, 1, 15), date(2026, 2, 4)],
                ["Ben", date(2026, 1, 5), date(2026, 1, 25), ""],
                ["Cem", date(2026, 1, 5), "", date(2026, 2, 4)],
                ["Dia", date(2026, 1, 25), "", ""],
            ],
            gives=[
                ["Stage", "Count", "Mean days", "Median days", "75% within", "90% within", "Still waiting",
                 "Median days waiting"],
                ["lead", 3, 20.0, 20.0, 25.0, 28.0, 1, 10.0],
                ["opportunity", 1, 20.0, 20.0, 20.0, 20.0, 1, 10.0],
            ],
            because="10, 20 and (Cem, who skipped a stage) 30 days as a lead; Dia has waited 10 days on 4 February",
        ),
        Example(
            data=[
                ["name", "first call", "contract"],
                ["Ada", date(2026, 1, 5), date(2026, 1, 15)],
                ["Ben", date(2026, 1, 5), date(2026, 3, 1)],
            ],
            stages=["first call", "contract"],
            as_of=date(2026, 1, 31),
            gives=[
                ["Stage", "Count", "Mean days", "Median days", "75% within", "90% within", "Still waiting",
                 "Median days waiting"],
                ["first call", 1, 10.0, 10.0, 10.0, 10.0, 1, 26.0],
            ],
            because="on 31 January Ben was still waiting, for 26 days",
        ),
        Example(
            data=[["lead", "won"], ["yes", "no"], ["yes", "yes"]],
            gives=VALUE,
            because="yes and no tell no days",
        ),
    ],
)  # fmt: skip
def stage_duration(
    data: Annotated[Table, "A table with a header row and one date column per stage, one row per lead."],
    stages: Stages = None,
    as_of: Annotated[
        DayNumber | None, "The day to look from: later dates count as not yet reached. Without it, the latest date."
    ] = None,
    *,
    context: Context,
) -> Block:
    """How long leads stay in each stage, and how many are still waiting.

    One line per stage but the last: how many got on, the mean and median days it took them, the
    days within which three quarters and nine tenths got on, how many are still waiting and for how
    long (median).

    Shapes: a table with header row, one row per lead. Unit: whole calendar days; percentiles linear
    between ranks, as PERCENTILE.INC. Errors: ``#VALUE!`` for columns without dates, ``#N/A`` where
    nobody has left a stage. Source: common field definition.
    """
    notes: list[Sentence] = []
    if read_counts(data, stages, context, []) is not None:
        raise CellError.value(BLOCK_HAS_NO_DATES())
    columns, _ = read_stages(data, stages, None, context, notes)
    for column in columns:
        if not column.dated:
            raise CellError.value(DATES_NEEDED(stage=column.name))
    from kpi_udfs.kpis.stage_days import days_in_stages

    waits = days_in_stages(columns, as_of)
    if waits is None:
        raise CellError.na(NO_DATES())
    captions = [STAGE, LEFT, MEAN, MEDIAN, P75, P90, WAITING, WAITING_DAYS]
    rows: list[list[Any]] = [[say(caption, context.settings.language) for caption in captions]]
    for stage in waits.stages:
        row: list[Any] = [stage.name, sum(stage.passed.values())]
        if stage.passed:
            row += [mean(stage.passed), *(quantile(stage.passed, share) for share in (0.5, 0.75, 0.9))]
        else:
            row += [CellError.na(NONE_THROUGH(stage=stage.name))] * 4
        row.append(sum(stage.waiting.values()))
        row.append(quantile(stage.waiting, 0.5) if stage.waiting else "")
        rows.append(row)
    day = as_date(waits.as_of)
    said = [COUNTED(as_of=day), STAGES(stages=[column.name for column in columns])]
    passed = [stage for stage in waits.stages if stage.passed]
    if passed:
        slowest = max(passed, key=lambda stage: quantile(stage.passed, 0.5))
        facts = {"days": quantile(slowest.passed, 0.5), "count": sum(slowest.passed.values())}
        said.append(SLOWEST(stage=slowest.name, **facts))
    if waits.later:
        notes.append(LATER(as_of=day, dates=waits.later))
    if waits.backwards:
        notes.append(BACKWARDS(steps=waits.backwards))
    return Block(rows, (TEXT, COUNT, DAYS, DAYS, DAYS, DAYS, COUNT, DAYS), tuple(said), tuple(notes))


# ------------------------------------------------------------------------------- loss reasons

WHY = text("LOSS_REASONS.column.reason", "Reason")
LOST = text("LOSS_REASONS.column.count", "Lost")
SHARE = text("LOSS_REASONS.column.share", "Share")
LOST_VALUE = text("LOSS_REASONS.column.value", "Lost value")
VALUE_SHARE = text("LOSS_REASONS.column.value_share", "Share of value")
NO_REASON = text("LOSS_REASONS.no_reason", "(no reason given)")
NOTHING_LOST = text("LOSS_REASONS.nothing_lost", "No deal was lost, so there are no reasons to count.")
NO_VALUE = text("LOSS_REASONS.no_value", "The lost deals have no value to divide by.")
LOST_TOTAL = text(
    "LOSS_REASONS.total", "{lost:count} lost {lost:deal|deals}, {reasons:count} {reasons:reason|reasons}."
)
MOST_FREQUENT = text("LOSS_REASONS.most_frequent", "Most frequent: {reason} ({share:percent}).")
WITHOUT_REASON = text("LOSS_REASONS.without_reason", "lost deals without a reason: {deals:count}.")
WITHOUT_VALUE = text("LOSS_REASONS.without_value", "lost deals without a value, counted with 0: {deals:count}.")


@kpi(
    shows=TABLE,
    formula="lost deals with this reason ÷ all lost deals (of the group)",
    edges="Won and open deals are left out. Lost deals without a reason form a line of their own, so that the shares add "
    "up to 100 %. Where nothing was lost the answer is #N/A.",
    elsewhere="Some reports divide by all deals, won ones too, or leave out deals without a reason, which makes every "
    "other reason look bigger.",
    examples=[
        Example(
            outcomes=["lost", "lost", "won", "lost", "lost"],
            reasons=["price", "no budget", "", "price", ""],
            gives=[
                ["Reason", "Lost", "Share"],
                ["price", 2, 0.5],
                ["(no reason given)", 1, 0.25],
                ["no budget", 1, 0.25],
            ],
            because="2 of 4 lost deals fell to the price",
        ),
        Example(
            outcomes=["lost", "lost", "lost"],
            reasons=["price", "price", "timing"],
            groups=["ads", "mail", "mail"],
            values=[1000, 3000, 1000],
            gives=[
                ["Group", "Reason", "Lost", "Share", "Lost value", "Share of value"],
                ["ads", "price", 1, 1.0, 1000, 1.0],
                ["mail", "price", 1, 0.5, 3000, 0.75],
                ["mail", "timing", 1, 0.5, 1000, 0.25],
            ],
            because="shares within each group; of mail's 4,000 the price cost 3,000",
        ),
        Example(outcomes=["won", "open"], reasons=["", ""], gives=NA, because="nothing was lost"),
        Example(
            outcomes=["lost", "lost"],
            reasons=["price", "price"],
            values=[0, 0],
            gives=[["Reason", "Lost", "Share", "Lost value", "Share of value"], ["price", 2, 1.0, 0, DIV0]],
            because="the lost deals have no value to divide by",
        ),
    ],
)
def loss_reasons(
    outcomes: Annotated[OutcomeCells, "One cell per deal: won, lost or still open, in the words of your CRM."],
    reasons: Annotated[Keys, "One cell per deal: why it was lost."],
    groups: Annotated[Keys | None, "One cell per deal, to count per rep, channel or product."] = None,
    values: Annotated[Money | None, "One amount per deal; adds the value lost per reason."] = None,
    *,
    context: Context,
) -> Block:
    """Why deals are lost: count, share and value per reason.

    Lost deals per reason, the most frequent first, with the share of all lost deals and, with
    values, the value lost and its share. With groups, one list per group.

    Shapes: columns of equal length. Units: counts, shares, money. Errors: ``#N/A`` where nothing
    was lost, ``#VALUE!`` where no outcome word is known. Source: common field definition.
    """
    from kpi_udfs.kpis.loss_counts import count_losses

    language = context.settings.language
    lines = count_losses(outcomes, reasons, groups, values)
    if not lines:
        raise CellError.na(NOTHING_LOST())
    if (lowest := min(line.lowest for line in lines)) < 0:
        raise CellError.num(NEGATIVE_VALUE(value=lowest))
    by_group: dict[str, list[Any]] = defaultdict(list)
    total: dict[str, int] = defaultdict(int)
    for line in lines:
        by_group[line.group].append(line)
        total[line.reason] += line.deals
    captions = [
        *([GROUP] if groups else []),
        WHY,
        LOST,
        SHARE,
        *([LOST_VALUE, VALUE_SHARE] if values is not None else []),
    ]
    rows: list[list[Any]] = [[say(caption, language) for caption in captions]]
    for group in sorted(by_group):
        deals = sum(line.deals for line in by_group[group])
        value = fsum(line.value for line in by_group[group])
        named = [(-line.deals, line.reason or say(NO_REASON, language), line) for line in by_group[group]]
        for _, reason, line in sorted(named, key=lambda entry: entry[:2]):
            row: list[Any] = [group or say(NO_GROUP, language)] if groups else []
            row += [reason, line.deals, line.deals / deals]
            if values is not None:
                row += [line.value, line.value / value if value else CellError.div0(NO_VALUE())]
            rows.append(row)
    lost = sum(total.values())
    most = min(total, key=lambda reason: (-total[reason], reason))
    said = [LOST_TOTAL(lost=lost, reasons=len([reason for reason in total if reason]))]
    said.append(MOST_FREQUENT(reason=most or NO_REASON, share=total[most] / lost))
    if outcomes.open_words:
        said.append(READ_AS_OPEN(words=open_words(outcomes)))
    warnings = [WITHOUT_REASON(deals=total[""])] if total.get("") else []
    if values is not None and (missing := sum(line.unvalued for line in lines)):
        warnings.append(WITHOUT_VALUE(deals=missing))
    kinds = (*((TEXT,) if groups else ()), TEXT, COUNT, PERCENT, *((MONEY, PERCENT) if values is not None else ()))
    return Block(rows, kinds, tuple(said), tuple(warnings))
