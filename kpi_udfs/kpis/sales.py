"""How many of our deals do we win?"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Annotated, Literal

from kpi_udfs.errors import DIV0, VALUE, CellError
from kpi_udfs.kinds import PERCENT, Amount, Money, OutcomeCells, Outcomes
from kpi_udfs.kpis.shares import same_length
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Example, Measure, kpi

CLOSED = text("WIN_RATIO.closed", "{won:count} won of {closed:count} closed {closed:deal|deals}.")
ALL = text("WIN_RATIO.all", "{won:count} won of {total:count} {total:deal|deals}, won, lost and open.")
CLOSED_VALUE = text("WIN_RATIO.closed_value", "{won:amount} won of {closed:amount} in closed deals, by value.")
ALL_VALUE = text("WIN_RATIO.all_value", "{won:amount} won of {total:amount} in all deals, by value.")
OPEN_LEFT_OUT = text("WIN_RATIO.open_left_out", "{open:count} open left out, read as open: {words:list}.")
OPEN_COUNTED = text("WIN_RATIO.open_counted", "{open:count} of them open, read as open: {words:list}.")
WORD_COUNT = text("WIN_RATIO.word", "{word} ({times:count})")
AND_MORE = text("WIN_RATIO.and_more", "and {more:count} more {more:word|words}")
NONE_CLOSED = text("WIN_RATIO.none_closed", "No deal has closed yet. Open: {open:count}.")
NO_VALUE = text("WIN_RATIO.no_value", "The deals to divide by have no value: their sum is 0.")
NEGATIVE_VALUE = text("WIN_RATIO.negative_value", "The value of a deal can't be negative: {value:amount}.")
VALUE_MISSING = text("WIN_RATIO.value_missing", "deals without a value, counted with 0: {deals:count}.")
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
    words = _words(outcomes)
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


def _words(outcomes: Outcomes) -> list[Sentence]:
    """The words read as open, most frequent first."""
    ranked = sorted(outcomes.open_words.items(), key=lambda item: (-item[1], item[0]))
    shown = [WORD_COUNT(word=word, times=times) for word, times in ranked[:8]]
    return shown + ([AND_MORE(more=len(ranked) - 8)] if len(ranked) > 8 else [])


def _by_value(outcomes: Outcomes, values: Amount, basis: str, words: Sequence[Sentence]) -> Measure:
    each = outcomes.each
    amounts = list(values.parts)
    same_length(outcomes=each, values=amounts)
    sums = {
        meaning: fsum(amount or 0.0 for amount, of in zip(amounts, each, strict=True) if of == meaning)
        for meaning in ("won", "lost", "open")
    }
    counted = ("won", "lost") if basis == "closed" else ("won", "lost", "open")
    for amount, of in zip(amounts, each, strict=True):
        if of in counted and (amount or 0.0) < 0:
            raise CellError.num(NEGATIVE_VALUE(value=amount))
    total = fsum(sums[meaning] for meaning in counted)
    if total == 0:
        raise CellError.div0(NO_VALUE())
    said = [(CLOSED_VALUE if basis == "closed" else ALL_VALUE)(won=sums["won"], closed=total, total=total)]
    still_open = outcomes.tally["open"]
    if still_open:
        said.append((OPEN_LEFT_OUT if basis == "closed" else OPEN_COUNTED)(open=still_open, words=words))
    missing = sum(amount is None and of in counted for amount, of in zip(amounts, each, strict=True))
    warnings = (VALUE_MISSING(deals=missing),) if missing else ()
    homeless = sum(bool(amount) and of is None for amount, of in zip(amounts, each, strict=True))
    if homeless:
        warnings = (*warnings, OUTCOME_MISSING(rows=homeless))
    return Measure(sums["won"] / total, tuple(said), warnings)
