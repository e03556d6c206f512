"""What KPI_CHECK can find: each problem in words, with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from kpi_udfs.messages import Sentence, Text, text

#: The column of what is wrong with no column in particular.
NOWHERE = -1


class Problem(NamedTuple):
    """A kind of problem: ``name`` counts them, ``said`` is one of them in words."""

    name: Text
    said: Text
    remedy: Text

    def at(self, row: int, column: int, /, **facts: Any) -> Finding:
        """The problem in one place."""
        return Finding(row, column, self, facts)


class Finding(NamedTuple):
    """One line of the answer, put into words when it is shown. ``row`` counts as the user does, ``column`` from 0."""

    row: int
    column: int
    problem: Problem
    facts: Mapping[str, Any]
    #: In place of the problem's own; a function where it takes some looking for.
    remedy: Sentence | Callable[[], Sentence] | None = None

    def mended(self, remedy: Sentence | Callable[[], Sentence] | None) -> Finding:
        """The finding with a remedy of its own."""
        return self._replace(remedy=remedy)

    def told(self) -> tuple[Sentence, Sentence]:
        """What is wrong, and how to mend it."""
        remedy = self.remedy or partial(self.problem.remedy, **self.facts)
        return self.problem.said(**self.facts), remedy if isinstance(remedy, Sentence) else remedy()


def _problem(key: str, name: str, said: str, remedy: str) -> Problem:
    key = f"KPI_CHECK.{key}"
    return Problem(text(f"{key}.name", name), text(f"{key}.said", said), text(f"{key}.remedy", remedy))


# ------------------------------------------------------------------------------------- headers

HEADER_TWICE = _problem(
    "header_twice",
    "headers that stand twice",
    'The header "{header}" already names column {first}.',
    "Give one of the two columns another header.",
)
HEADER_BLANK = _problem(
    "header_blank",
    "columns without a header",
    "The cells below hold something, the header is blank.",
    "Give the column a header.",
)
TWO_COLUMNS = _problem(
    "two_columns",
    "columns that could be the same thing",
    'The columns {candidates:list} could each be "{name}".',
    "Name the one you mean in the formula, or rename the others.",
)
NO_COLUMN = _problem(
    "no_column",
    "tables of which no column is known",
    "No header is a known name of a column: {headers:list}.",
    "Rename the headers, or add them to columns.yaml or stages.yaml.",
)
REFUSED = _problem(
    "refused", "columns that can't be read", "{reason}", "Give the column a type that says what its values are."
)

# --------------------------------------------------------------------------------- single cells

UNREADABLE_DATE = _problem(
    "unreadable_date", "dates that can't be read", '"{content}" is not a date.', "Write a date, such as 2026-03-31."
)
UNREADABLE_NUMBER = _problem(
    "unreadable_number",
    "numbers that can't be read",
    '"{content}" is not a number.',
    "Write a number, or leave the cell blank.",
)
NOT_YES_OR_NO = _problem(
    "not_yes_or_no", "cells that are neither yes nor no", '"{content}" is neither yes nor no.', "Write yes, no, 1 or 0."
)
AMBIGUOUS_DATE = _problem(
    "ambiguous_date",
    "dates that languages read differently",
    'Languages read the text "{content}" as different days.',
    "Set your language in settings.yaml, or turn the text into a date.",
)
AMBIGUOUS_NUMBER = _problem(
    "ambiguous_number",
    "numbers that languages read differently",
    'Languages read the text "{content}" as different numbers.',
    "Set your language in settings.yaml, or turn the text into a number.",
)
OLD_DATE = _problem(
    "old_date",
    "dates before 1950",
    '"{content}" is the day {day:date}, before 1950.',
    "A count or a year belongs in another column; correct any other date.",
)
FUTURE = _problem(
    "future",
    "dates in the future",
    "{day:date} lies after {as_of:date}.",
    "Correct the date; what is only planned belongs in another column.",
)
NEGATIVE = _problem(
    "negative",
    "negative values",
    "The value is negative: {content}.",
    "Correct the sign; refunds belong in a table of their own.",
)
#: Remedies that depend on what is configured.
TURN_INTO_DATE = text("KPI_CHECK.turn_into_date", "Turn the text into a date, such as 2026-03-31.")
TURN_INTO_NUMBER = text("KPI_CHECK.turn_into_number", "Turn the text into a number.")
READABLE_IN = text(
    "KPI_CHECK.readable_in",
    "It can be read in another language ({languages:list}): set language in settings.yaml, or mend the text.",
)
LANGUAGE = text("KPI_CHECK.language", "{language:language}")

# -------------------------------------------------------------------------------- whole columns

CURRENCIES = _problem(
    "currencies",
    "mixed currencies",
    "Rows in {currency}: {rows:count}. Most amounts of the column are in {usual}.",
    "Convert the amounts, or give each currency a column of its own.",
)
PERCENTAGES = _problem(
    "percentages",
    "percentages among amounts",
    'Percentages among amounts, such as "{content}": {rows:count}.',
    "Write amounts only; percentages belong in another column.",
)
STYLES = _problem(
    "styles",
    "mixed number styles",
    'Rows such as "{foreign}", not as {language:language} writes numbers: {rows:count}. So "{ambiguous}" can\'t be read '
    "for certain.",
    "Turn the texts of the column into numbers.",
)
UNKNOWN_OUTCOME = _problem(
    "unknown_outcome",
    "unknown outcomes",
    'Rows with the unknown outcome "{word}", which count as open: {rows:count}.',
    "Add the word to outcomes.yaml as won, lost or open.",
)
NEAR_OUTCOME = text(
    "KPI_CHECK.near_outcome", 'Did you mean "{nearest}"? If not, add the word to outcomes.yaml as won, lost or open.'
)
UNKNOWN_OUTCOMES = _problem(
    "unknown_outcomes",
    "columns of unknown outcomes",
    'Different unknown outcomes, which count as open: {words:count}, such as "{word}". Rows: {rows:count}.',
    "Is this the column of outcomes? If so, add its words to outcomes.yaml; if not, rename it.",
)
LOOK_ALIKE = _problem(
    "look_alike",
    "spellings that count apart",
    'Rows with "{label}", which looks like "{usual}" but counts apart: {rows:count}.',
    'Write "{usual}" everywhere.',
)
BLANK = _problem("blank", "blank cells", "The cell is blank.", "Fill it in: what is counted by this column misses it.")
#: The same for many: one finding, counted under the same name.
BLANKS = Problem(
    BLANK.name,
    text("KPI_CHECK.blanks.said", "Blank cells, from this row on: {rows:count} of {of:count}."),
    text("KPI_CHECK.blanks.remedy", "Fill them in: what is counted by this column misses them."),
)

# --------------------------------------------------------------------------- rows and their cells

DUPLICATE = _problem(
    "duplicate",
    "repeated identifiers",
    '"{content}" already stands in row {first}.',
    "Keep one of the two rows, or correct the identifier.",
)
BACKWARDS = _problem(
    "backwards",
    "dates in the wrong order",
    '{day:date} lies before {before:date} in column "{column}".',
    "Correct one of the two dates.",
)
WON_WITHOUT_DATE = _problem(
    "won_without_date", "won deals without a close date", "The deal is won and has no close date.", "Fill in the date."
)
WON_WITHOUT_VALUE = _problem(
    "won_without_value", "won deals without a value", "The deal is won and has no value.", "Fill in the value."
)
WON_WITHOUT_DATES = Problem(
    WON_WITHOUT_DATE.name,
    text(
        "KPI_CHECK.won_without_dates.said",
        "Won deals without a close date, from this row on: {rows:count} of {of:count}.",
    ),
    text("KPI_CHECK.won_without_dates.remedy", "Fill in the dates."),
)
WON_WITHOUT_VALUES = Problem(
    WON_WITHOUT_VALUE.name,
    text(
        "KPI_CHECK.won_without_values.said", "Won deals without a value, from this row on: {rows:count} of {of:count}."
    ),
    text("KPI_CHECK.won_without_values.remedy", "Fill in the values."),
)
OVERDUE = _problem(
    "overdue",
    "open deals past their close date",
    "The deal is open, and its close date {day:date} lies before {as_of:date}.",
    "Close the deal, or give it a new close date.",
)
