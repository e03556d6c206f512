"""How many of our deals do we win?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Annotated, Any, Literal

from kpi_udfs.cells import Context
from kpi_udfs.errors import DIV0, VALUE, CellError
from kpi_udfs.kinds import (
    COUNT,
    MONEY,
    PERCENT,
    TABLE,
    TEXT,
    Amount,
    Count,
    DayCount,
    Keys,
    Money,
    OutcomeCells,
    Outcomes,
    Price,
    Rate,
)
from kpi_udfs.kpis.outcome_words import open_words
from kpi_udfs.kpis.shares import GROUP, HIGH, LOW, NEGATIVE_VALUE, NO_GROUP, filled, same_length
from kpi_udfs.kpis.survival import Z95
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import Block, Example, Measure, kpi

CLOSED = text("WIN_RATIO.closed", "{won:count} won of {closed:count} closed {closed:deal|deals}.")
ALL = text("WIN_RATIO.all", "{won:count} won of {total:count} {total:deal|deals}, won, lost and open.")
CLOSED_VALUE = text("WIN_RATIO.closed_value", "{won:amount} won of {closed:amount} in closed deals, by value.")
ALL_VALUE = text("WIN_RATIO.all_value", "{won:amount} won of {total:amount} in all deals, by value.")
OPEN_LEFT_OUT = text("WIN_RATIO.open_left_out", "{open:count} open left out, read as open: {words:list}.")
OPEN_COUNTED = text("WIN_RATIO.open_counted", "{open:count} of them open, read as open: {words:list}.")
NONE_CLOSED = text("WIN_RATIO.none_closed", "No deal has closed yet. Open: {open:count}.")
NO_VALUE = text("WIN_RATIO.no_value", "The deals to divide by have no value: their sum is 0.")
VALUE_MISSING = text("WIN_RATIO.value_missing", "deals without a value, counted with 0: {deals:count}.")
LOST_WORTHLESS = text(
    "WIN_RATIO.lost_worthless",
    "no lost deal carries a value here, so the ratio by value can't be anything but 100%. Many CRMs set the value of a "
    "lost deal to 0; use the value it was offered at.",
)
OUTCOME_MISSING = text("WIN_RATIO.outcome_missing", "amounts beside a blank outcome, left out: {rows:count}.")


@kpi(
    shows=PERCENT,
    formula="won ÷ (won + lost); with basis all: won ÷ (won + lost + open); with values: the same with amounts",
    edges=(
        "No closed deal, or no value in the deals to divide by: #DIV/0!; with basis all, open deals alone give 0. "
        "Blank cells are no deals; unknown words count as open and are named, and if no word at all is known the "
        "answer is #VALUE!. With values, a deal without an amount counts as 0 and is reported, a negative amount of a "
        "deal that counts is #NUM!, and columns of different length are #VALUE!."
    ),
    elsewhere=(
        "Some CRM and BI reports divide by all deals, open ones too (basis all), which is lower as long as deals are "
        "open. Some follow the deals created in a period, others those closed in it. By value, a few large deals "
        "decide the number."
    ),
    examples=[
        Example(outcomes=["won", "won", "won", "lost", "open"], gives=0.75, because="3 of 4 closed deals"),
        Example(outcomes=["won", "lost", "open"], basis="all", gives=1 / 3, because="1 of 3 deals"),
        Example(
            outcomes=["won", "lost", "lost"],
            values=[9000, 500, 500],
            gives=0.9,
            because="9,000 of 10,000 by value",
        ),
        Example(outcomes=["open", "open"], gives=DIV0, because="no deal has closed yet"),
        Example(outcomes=["red", "blue"], gives=VALUE, because="no word is known as an outcome"),
        Example(outcomes=["won", "lost"], values=[0, 0], gives=DIV0, because="the closed deals have no value"),
    ],
)
def win_ratio(
    outcomes: Annotated[OutcomeCells, "One cell per deal: won, lost or still open, in the words of your CRM."],
    values: Annotated[
        Money | None, "One amount per deal, to weigh deals by value; without it every deal counts once."
    ] = None,
    basis: Annotated[
        Literal["closed", "all"],
        "closed: divide by closed deals (won and lost). all: divide by all deals, open ones too.",
    ] = "closed",
) -> Measure:
    """Share of deals that were won.

    Won deals divided by closed deals (won and lost); open deals are left out. With basis "all",
    won divided by all deals. With values, amounts are divided instead of counts. Words that mean
    won or lost come from outcomes.yaml; every other word counts as open, blank cells count as no
    deal.

    Shapes: a column of words, and of amounts of the same length. Unit: share, 0 to 1. Errors:
    ``#VALUE!`` where no word is known, ``#DIV/0!`` where nothing closed. Source: common field
    definition; other tools divide by all deals, hence the option.
    """
    tally = outcomes.tally
    won, lost, still_open = tally["won"], tally["lost"], tally["open"]
    words = open_words(outcomes)
    if basis == "closed" and won + lost == 0:
        raise CellError.div0(NONE_CLOSED(open=still_open))
    if values is not None:
        return _by_value(outcomes, values, basis, words)
    if basis == "all":
        said = [ALL(won=won, total=won + lost + still_open)]
        if still_open:
            said.append(OPEN_COUNTED(open=still_open, words=words))
        return Measure(won / (won + lost + still_open), tuple(said))
    said = [CLOSED(won=won, closed=won + lost)]
    if still_open:
        said.append(OPEN_LEFT_OUT(open=still_open, words=words))
    return Measure(won / (won + lost), tuple(said))


def _by_value(outcomes: Outcomes, values: Amount, basis: str, words: Sequence[Sentence]) -> Measure:
    counted = ("won", "lost") if basis == "closed" else ("won", "lost", "open")
    if values.column.frame is None:
        valued = _valued(outcomes, values)
    else:  # a query's amounts stay where they are
        from kpi_udfs.kpis.win_counts import sum_values

        valued = sum_values(outcomes, values)
    lowest = min(valued[meaning].lowest for meaning in counted)
    if lowest < 0:
        raise CellError.num(NEGATIVE_VALUE(value=lowest))
    total = fsum(valued[meaning].total for meaning in counted)
    if total == 0:
        raise CellError.div0(NO_VALUE())
    won = valued["won"].total
    said = [(CLOSED_VALUE if basis == "closed" else ALL_VALUE)(won=won, closed=total, total=total)]
    still_open = outcomes.tally["open"]
    if still_open:
        said.append((OPEN_LEFT_OUT if basis == "closed" else OPEN_COUNTED)(open=still_open, words=words))
    missing = sum(valued[meaning].missing for meaning in counted)
    warnings = (VALUE_MISSING(deals=missing),) if missing else ()
    if homeless := valued[None].amounts:
        warnings = (*warnings, OUTCOME_MISSING(rows=homeless))
    if outcomes.tally["lost"] and basis == "closed" and not valued["lost"].total:
        warnings = (*warnings, LOST_WORTHLESS())
    return Measure(won / total, tuple(said), warnings)


@dataclass(frozen=True, slots=True)
class Valued:
    """The deals of one outcome (None: blank): the sum of their values, the lowest of them or 0, how
    many have none, and how many have one other than 0."""

    total: float = 0.0
    lowest: float = 0.0
    missing: int = 0
    amounts: int = 0


def _valued(outcomes: Outcomes, values: Amount) -> dict[str | None, Valued]:
    same_length(outcomes=outcomes.cells, values=values.parts)
    parts: dict[str | None, list[float | None]] = {meaning: [] for meaning in ("won", "lost", "open", None)}
    for amount, meaning in zip(values.parts, outcomes.each, strict=True):
        parts[meaning].append(amount)
    return {
        meaning: Valued(
            total=fsum(amount or 0.0 for amount in amounts),
            lowest=min((amount or 0.0 for amount in amounts), default=0.0),
            missing=amounts.count(None),
            amounts=sum(map(bool, amounts)),
        )
        for meaning, amounts in parts.items()
    }


# ------------------------------------------------------------------------------- leaderboard

#: With fewer deals, one more or less moves the ratio by more than ten points.
ENOUGH = 10

WON_DEALS = text("WIN_RATIO_BY.column.won", "Won")
LOST_DEALS = text("WIN_RATIO_BY.column.lost", "Lost")
OPEN_DEALS = text("WIN_RATIO_BY.column.open", "Open")
RATIO = text("WIN_RATIO_BY.column.ratio", "Win ratio")
MARK = text("WIN_RATIO_BY.column.mark", "Mark")
WON_VALUE = text("WIN_RATIO_BY.column.won_value", "Won value")
VALUE_RATIO = text("WIN_RATIO_BY.column.value_ratio", "Win ratio by value")
TOO_FEW = text("WIN_RATIO_BY.too_few", "too few")

NOTHING_CLOSED = text("WIN_RATIO_BY.nothing_closed", "No deal of {group} has closed yet.")
NOTHING_OF_VALUE = text("WIN_RATIO_BY.nothing_of_value", "The deals of {group} to divide by have no value.")
OVERALL = text("WIN_RATIO_BY.overall", "All groups together {ratio:percent}: {working}")
RANKED = text(
    "WIN_RATIO_BY.ranked",
    "Low and High enclose the true ratio in 95 of 100 cases (Wilson interval). Groups with fewer than {enough:count} "
    "deals to divide by are marked and stand at the end.",
)


@kpi(
    shows=TABLE,
    formula="won ÷ (won + lost) in each group; Wilson interval of that share at 95 %",
    edges="A group in which no deal has closed shows #DIV/0! and stands last. Deals without a group form the group "
    "(blank). Rows without an outcome count nowhere. Groups with fewer than 10 deals to divide by are marked.",
    elsewhere="Many leaderboards rank by the bare ratio, so that one deal won of one leads the list; the interval and "
    "the mark show how much a ratio is worth. Some tools use the simpler normal (Wald) interval, which can leave the "
    "range from 0 to 100 %.",
    examples=[
        Example(
            outcomes=[*["won"] * 9, *["lost"] * 3, "won", "won", "won", "lost", "open"],
            groups=[*["Ada"] * 12, *["Ben"] * 5],
            gives=[
                ["Group", "Won", "Lost", "Open", "Win ratio", "Low 95%", "High 95%", "Mark"],
                ["Ada", 9, 3, 0, 0.75, 0.4676946650664344, 0.9110583316059452, ""],
                ["Ben", 3, 1, 1, 0.75, 0.30064184258240184, 0.9544127391902995, "too few"],
            ],
            because="both win three of four, but Ben has closed only 4 deals: anything from 30% to 95% fits them",
        ),
        Example(
            outcomes=["won", "lost", "won", "open"],
            groups=["ads", "ads", "mail", "mail"],
            values=[9000, 1000, 500, 4500],
            basis="all",
            gives=[
                ["Group", "Won", "Lost", "Open", "Win ratio", "Low 95%", "High 95%", "Mark", "Won value",
                 "Win ratio by value"],
                ["ads", 1, 1, 0, 0.5, 0.09453120573423074, 0.9054687942657693, "too few", 9000, 0.9],
                ["mail", 1, 0, 1, 0.5, 0.09453120573423074, 0.9054687942657693, "too few", 500, 0.1],
            ],
            because="of all deals, open ones too; by value ads won 9,000 of 10,000 and mail 500 of 5,000",
        ),
        Example(
            outcomes=["open"],
            groups=["Ada"],
            gives=[
                ["Group", "Won", "Lost", "Open", "Win ratio", "Low 95%", "High 95%", "Mark"],
                ["Ada", 0, 0, 1, DIV0, DIV0, DIV0, "too few"],
            ],
            because="no deal of Ada has closed yet",
        ),
    ],
)  # fmt: skip
def win_ratio_by(
    outcomes: Annotated[OutcomeCells, "One cell per deal: won, lost or still open, in the words of your CRM."],
    groups: Annotated[Keys, "One cell per deal: the rep, team, channel or whatever to compare."],
    values: Annotated[Money | None, "One amount per deal; adds the value won and the win ratio by value."] = None,
    basis: Annotated[
        Literal["closed", "all"],
        "closed: divide by closed deals (won and lost). all: divide by all deals, open ones too.",
    ] = "closed",
    *,
    context: Context,
) -> Block:
    """Leaderboard: the win ratio of each rep, team or channel, and how sure it is.

    One line per group: won, lost and open deals, won divided by closed deals (or by all), and the
    range that the true ratio lies in with 95 % confidence. The best ratio stands first; groups with
    too few deals are marked and stand at the end.

    Shapes: columns of equal length. Units: counts, shares, money. Errors: as WIN_RATIO; a line
    without closed deals shows ``#DIV/0!``. Source: interval after Wilson (1927), score interval
    without continuity correction.
    """
    from kpi_udfs.kpis.win_counts import count_wins  # needs narwhals, which WIN_RATIO does not

    lines, homeless = count_wins(outcomes, groups, values)
    counted = ("won", "lost") if basis == "closed" else ("won", "lost", "open")
    for line in lines:
        if values is not None and (low := min(line.lowest[meaning] for meaning in counted)) < 0:
            raise CellError.num(NEGATIVE_VALUE(value=low))
    language = context.settings.language
    captions = [GROUP, WON_DEALS, LOST_DEALS, OPEN_DEALS, RATIO, LOW, HIGH, MARK]
    captions += [WON_VALUE, VALUE_RATIO] if values is not None else []
    ranked = []
    for line in lines:
        group = line.group or say(NO_GROUP, language)
        of = sum(line.deals[meaning] for meaning in counted)
        ratios: list[Any]
        if of:
            ratios = [line.deals["won"] / of, *wilson(line.deals["won"], of)]
        else:
            ratios = [CellError.div0(NOTHING_CLOSED(group=group))] * 3
        row = [group, *(line.deals[meaning] for meaning in ("won", "lost", "open")), *ratios]
        row.append("" if of >= ENOUGH else say(TOO_FEW, language))
        if values is not None:
            total = fsum(line.sums[meaning] for meaning in counted)
            row.append(line.sums["won"])
            row.append(line.sums["won"] / total if total else CellError.div0(NOTHING_OF_VALUE(group=group)))
        ranked.append((of < ENOUGH, of == 0, -line.deals["won"] / (of or 1), -of, group, row))
    rows = [row for *_, row in sorted(ranked, key=lambda entry: entry[:-1])]
    kinds = (
        TEXT,
        COUNT,
        COUNT,
        COUNT,
        PERCENT,
        PERCENT,
        PERCENT,
        TEXT,
        *((MONEY, PERCENT) if values is not None else ()),
    )
    said: list[Sentence] = []
    tally = outcomes.tally
    if any(tally[meaning] for meaning in counted):
        overall = win_ratio(outcomes, None, basis)
        said.append(OVERALL(ratio=overall.value, working=overall.working[0]))
        said += overall.working[1:]
    else:
        said.append(NONE_CLOSED(open=tally["open"]))
    said.append(RANKED(enough=ENOUGH))
    missing = sum(line.unvalued[meaning] for line in lines for meaning in counted) if values is not None else 0
    warnings = (VALUE_MISSING(deals=missing),) if missing else ()
    if homeless:
        warnings = (*warnings, OUTCOME_MISSING(rows=homeless))
    if values is not None and basis == "closed" and tally["lost"] and not any(line.sums["lost"] for line in lines):
        warnings = (*warnings, LOST_WORTHLESS())
    return Block([[say(caption, language) for caption in captions], *rows], kinds, tuple(said), warnings)


def wilson(won: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share."""
    share, spread = won / of, Z95 * Z95 / of
    middle = share + spread / 2
    reach = Z95 * sqrt(share * (1 - share) / of + spread / (4 * of))
    # The ends are 0 and 1 to the last digit where nothing or everything was won.
    low = 0.0 if won == 0 else (middle - reach) / (1 + spread)
    high = 1.0 if won == of else (middle + reach) / (1 + spread)
    return low, high


# --------------------------------------------------------------------------------- velocity

VELOCITY = text(
    "SALES_VELOCITY.working",
    "{opportunities:count} {opportunities:opportunity|opportunities} × {ratio:percent} win ratio × {size:amount} deal "
    "size ÷ {days:days} days.",
)
NO_CYCLE = text("SALES_VELOCITY.no_cycle", "A sales cycle of 0 days leaves nothing to divide by.")


@kpi(
    shows=MONEY,
    formula="opportunities × win ratio × deal size ÷ cycle days",
    edges="A cycle of 0 days is #DIV/0!. Opportunities or a deal size that are blank or 0 are #N/A. A win ratio outside 0 to 100 % and negative numbers are #NUM!.",
    elsewhere="Some teams count only qualified opportunities or use the median cycle; take all four figures from the "
    "same group of deals, as the explanation shows them.",
    examples=[
        Example(
            opportunities=60,
            win_ratio=0.25,
            deal_size=8000,
            cycle_days=48,
            gives=2500.0,
            because="60 × 25% × 8,000 ÷ 48 days",
        ),
        Example(
            opportunities=60,
            win_ratio=0.25,
            deal_size=8000,
            cycle_days=0,
            gives=DIV0,
            because="the cycle has no length",
        ),
    ],
)
def sales_velocity(
    opportunities: Annotated[Count, "Opportunities in work: their number, or a column with one name or ID each."],
    win_ratio: Annotated[Rate, "Share of them that is won, 25% or 0.25, for example from WIN_RATIO."],
    deal_size: Annotated[Price, "Average value of a won deal."],
    cycle_days: Annotated[DayCount, "Days from first contact to close, for example from SALES_CYCLE."],
) -> Measure:
    """Revenue per day that the pipeline brings in at its present pace.

    Opportunities times win ratio times average deal size, divided by the length of the sales cycle
    in days.

    Shapes: four numbers. Unit: money per day. Errors: ``#DIV/0!`` for a cycle of 0 days, ``#NUM!``
    for a win ratio outside 0 to 100 %. Source: common field definition.
    """
    filled(opportunities=opportunities, deal_size=deal_size)
    if cycle_days == 0:
        raise CellError.div0(NO_CYCLE())
    working = VELOCITY(opportunities=opportunities, ratio=win_ratio, size=deal_size, days=cycle_days)
    return Measure(opportunities * win_ratio * deal_size / cycle_days, (working,), currency=deal_size.currency)
