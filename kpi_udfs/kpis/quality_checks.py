"""The checks of KPI_CHECK: headers, single columns, and cells of a row that belong together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from kpi_udfs import cells
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import MONEY, NativeColumn, TableData, shown
from kpi_udfs.kpis import quality_problems as problems
from kpi_udfs.kpis.quality_columns import AMBIGUOUS, IDENTIFIERS, KEYS, LABELS, NUMBERS, Checked, Columns
from kpi_udfs.kpis.quality_problems import NOWHERE, Finding, Problem
from kpi_udfs.messages import LANGUAGES, Sentence, Text
from kpi_udfs.settings import fold

#: With more of them, blank cells and unknown words are one finding with their number.
MANY = 20
#: How near a word must come to a known one to be taken for a slip of the keyboard.
_NEAR = 0.75


def check(data: TableData, columns: Columns, as_of: int | None) -> Iterator[Finding]:
    """Everything that is wrong, in no particular order."""
    yield from _headers(data, columns)
    for column in columns.checked:
        found = [*_cells(column), *_whole(column)]
        yield from found or _refused(data, column)
        if as_of is not None and column.dated:
            yield from _future(column, columns, as_of)
    yield from _blanks(columns)
    yield from _duplicates(columns)
    yield from _backwards(columns)
    yield from _deals(columns, as_of)


# ------------------------------------------------------------------------------------- headers


def _headers(data: TableData, columns: Columns) -> Iterator[Finding]:
    top = data.first - 1
    first: dict[str, int] = {}
    for index, header in enumerate(data.headers):
        if header and (before := first.setdefault(fold(header), index)) != index:
            yield problems.HEADER_TWICE.at(top, index, header=header, first=before + 1)
    for index in columns.headless:
        yield problems.HEADER_BLANK.at(top, index)
    for name in dict.fromkeys(column.name for column in columns.checked if column.name):
        same = columns.called(name)
        # The name itself says which is meant, as everywhere.
        if fold(name) not in {fold(column.header) for column in same}:
            yield from _two_columns(same, name, top)
    for stage, _ in columns.context.settings.stages:
        yield from _two_columns([column for column in columns.checked if column.stage == stage], stage, top)
    if not columns.checked:
        yield problems.NO_COLUMN.at(top, NOWHERE, headers=[shown(header) for header in data.headers if header][:MANY])


def _two_columns(same: list[Checked], name: str, top: int) -> Iterator[Finding]:
    if len({fold(column.header) for column in same}) > 1:
        candidates = [column.header for column in same]
        yield problems.TWO_COLUMNS.at(top, same[1].index, candidates=candidates, name=name)


# --------------------------------------------------------------------------------- single cells


def _cells(column: Checked) -> Iterator[Finding]:
    if column.dated:
        yield from _dates(column)
    elif column.flagged:
        wrong = {cell for cell in column.counts if cells.flag(cell) is None}
        for row, cell in column.places(wrong):
            yield problems.NOT_YES_OR_NO.at(row, column.index, content=shown(cell))
    elif column.name in NUMBERS:
        yield from _numbers(column)


def _dates(column: Checked) -> Iterator[Finding]:
    from kpi_udfs.written import read_date

    refusals: dict[Hashable, tuple[Problem, Any]] = {}
    early: dict[Hashable, int] = {}
    for cell, day in column.read_days.items():
        if isinstance(day, Text):
            ambiguous = day in AMBIGUOUS
            problem = problems.AMBIGUOUS_DATE if ambiguous else problems.UNREADABLE_DATE
            refusals[cell] = problem, _remedy(cell, ambiguous, read_date, column.context, problems.TURN_INTO_DATE())
        elif day is not None and day < cells.OUR_TIME:
            early[cell] = day
    yield from _told(column, refusals)
    for row, cell in column.places(early):
        yield problems.OLD_DATE.at(row, column.index, content=shown(cell), day=cells.as_date(early[cell]))


def _numbers(column: Checked) -> Iterator[Finding]:
    from kpi_udfs.written import read_number

    refusals: dict[Hashable, tuple[Problem, Any]] = {}
    for cell, number in column.read_numbers.items():
        if isinstance(number, str):
            ambiguous = number == "ambiguous"
            problem = problems.AMBIGUOUS_NUMBER if ambiguous else problems.UNREADABLE_NUMBER
            refusals[cell] = problem, _remedy(cell, ambiguous, read_number, column.context, problems.TURN_INTO_NUMBER())
        elif column.name in ("value", "duration") and (number if isinstance(number, float) else number.value) < 0:
            refusals[cell] = problems.NEGATIVE, None
    yield from _told(column, refusals)


def _told(column: Checked, refusals: Mapping[Hashable, tuple[Problem, Any]]) -> Iterator[Finding]:
    for row, cell in column.places(refusals):
        problem, remedy = refusals[cell]
        yield problem.at(row, column.index, content=shown(cell)).mended(remedy)


def _remedy(cell: Any, ambiguous: bool, read: Any, context: Context, turn: Sentence) -> Any:
    """How to mend a text; None where the problem's own remedy says it."""
    if not isinstance(cell, str):
        return None
    if ambiguous:
        return turn if context.settings.language else None
    return partial(_hint, cell, read, turn)


def _hint(content: str, read: Any, turn: Sentence) -> Sentence:
    """Names the languages in which a text could be read."""
    able = [code for code in LANGUAGES if len(content) <= 100 and not isinstance(read(content, code), str)]
    return problems.READABLE_IN(languages=[problems.LANGUAGE(language=code) for code in able]) if able else turn


def _future(column: Checked, columns: Columns, as_of: int) -> Iterator[Finding]:
    """Days after ``as_of``; the close date of a deal not closed yet is a plan, and may lie there."""
    outcome = columns.one("outcome") if column.name == "close_date" else None
    as_of_date = cells.as_date(as_of)
    for place, day in enumerate(column.days):
        if day is not None and day > as_of:
            if outcome and outcome.meanings.get(outcome.flat[place]) not in ("won", "lost"):
                continue
            yield problems.FUTURE.at(column.row(place), column.index, day=cells.as_date(day), as_of=as_of_date)


# -------------------------------------------------------------------------------- whole columns


def _whole(column: Checked) -> Iterator[Finding]:
    if column.name in NUMBERS:
        yield from _mixtures(column)
    elif column.name == "outcome":
        yield from _outcomes(column)
    elif column.name in LABELS:
        yield from _look_alikes(column)


def _mixtures(column: Checked) -> Iterator[Finding]:
    """Currencies, percentages and number styles in one column of amounts."""
    numbers = {cell: number for cell, number in column.read_numbers.items() if not isinstance(number, str)}
    written: dict[Hashable, Any] = {cell: number for cell, number in numbers.items() if isinstance(cell, str)}
    currencies: Counter[str] = Counter()
    for cell, number in written.items():
        if number.currency:
            currencies[number.currency] += column.counts[cell]
    usual = currencies.most_common(1)[0][0] if currencies else ""
    for currency in currencies.keys() - {usual}:
        row = column.first({cell for cell, number in written.items() if number.currency == currency})
        yield problems.CURRENCIES.at(row, column.index, currency=currency, rows=currencies[currency], usual=usual)
    percentages = {cell: column.counts[cell] for cell, number in written.items() if number.percent}
    if percentages and len(percentages) < len(numbers):
        row, cell = next(column.places(percentages))
        rows = sum(percentages.values())
        yield problems.PERCENTAGES.at(row, column.index, content=shown(cell), rows=rows)
    foreign = {cell: column.counts[cell] for cell, number in written.items() if number.foreign}
    ambiguous = {cell for cell, number in written.items() if number.ambiguous}
    if foreign and ambiguous:
        row, cell = next(column.places(foreign))
        facts = {"foreign": shown(cell), "ambiguous": shown(next(column.places(ambiguous))[1])}
        language = column.context.settings.language
        yield problems.STYLES.at(row, column.index, **facts, language=language, rows=sum(foreign.values()))


def _outcomes(column: Checked) -> Iterator[Finding]:
    unknown: dict[str, set[Hashable]] = {}
    for cell, meaning in column.meanings.items():
        if meaning is None:
            unknown.setdefault(fold(shown(cell)), set()).add(cell)
    if len(unknown) > MANY:
        every = set().union(*unknown.values())
        row, cell = next(column.places(every))
        rows = sum(column.counts[cell] for cell in every)
        yield problems.UNKNOWN_OUTCOMES.at(row, column.index, words=len(unknown), word=_word(cell), rows=rows)
        return
    for folded, same in unknown.items():
        row, cell = next(column.places(same))
        near = get_close_matches(folded, column.context.settings.outcomes, n=1, cutoff=_NEAR)
        remedy = partial(problems.NEAR_OUTCOME, nearest=near[0]) if near else None
        rows = sum(column.counts[cell] for cell in same)
        yield problems.UNKNOWN_OUTCOME.at(row, column.index, word=_word(cell), rows=rows).mended(remedy)


def _word(cell: Any) -> str:
    return shown(cell).strip()


def _look_alikes(column: Checked) -> Iterator[Finding]:
    """One for each rarer spelling of a label."""
    rows: Counter[str] = Counter()
    for cell, label in column.labels.items():
        rows[label] += column.counts[cell]
    alike: dict[str, list[str]] = {}
    for label in rows:
        if look := _look(label):
            alike.setdefault(look, []).append(label)
    for spellings in alike.values():
        if len(spellings) > 1:
            usual = max(spellings, key=lambda label: rows[label])  # of equally many, the first in the table
            for label in set(spellings) - {usual}:
                row = column.first({cell for cell, name in column.labels.items() if name == label})
                facts = {"label": shown(label), "usual": shown(usual), "rows": rows[label]}
                yield problems.LOOK_ALIKE.at(row, column.index, **facts)


def _look(label: str) -> str:
    """A label without case, spaces and punctuation. "C++" is not "C", "-5" not "5", "Plan 1.5" not "Plan 15"."""
    kept = re.sub(r"^-(?=\d)|(?<=\d)[^\w+#]+(?=\d)", "\n", fold(label))
    return re.sub(r"[^\w+#\n]", "", kept)


def _refused(data: TableData, column: Checked) -> Iterator[Finding]:
    """A data frame's or a file's column whose type no KPI takes, though each of its values could be read."""
    if not data.native or not (column.dated or column.flagged or column.name in NUMBERS):
        return
    from kpi_udfs.tables import native_columns

    raw = NativeColumn(data.native, column.header)
    try:
        if column.dated:
            native_columns.days(raw, column.header, column.context, [])
        elif column.flagged:
            native_columns.flags(raw, column.header, column.context)
        else:
            native_columns.numbers(raw, column.header, MONEY)
    except CellError as refusal:
        yield problems.REFUSED.at(data.first - 1, column.index, reason=refusal.reason)


# --------------------------------------------------------------------------- rows and their cells


def _blanks(columns: Columns) -> Iterator[Finding]:
    for column in columns.called(*KEYS):
        places = [row for row, _ in column.places(column.blanks)]
        yield from _one_or_many(places, column, columns.rows, problems.BLANK, problems.BLANKS)


def _one_or_many(rows: list[int], column: Checked, of: int, one: Problem, many: Problem) -> Iterator[Finding]:
    """A finding for each row, or one for all where there are many."""
    if len(rows) > MANY:
        yield many.at(rows[0], column.index, rows=len(rows), of=of)
    else:
        yield from (one.at(row, column.index) for row in rows)


def _duplicates(columns: Columns) -> Iterator[Finding]:
    for column in columns.called(*IDENTIFIERS):
        if is_one_row_each(column, columns):
            first: dict[str, int] = {}
            for row, cell in column.places(column.labels):
                before = first.setdefault(column.labels[cell], row)
                if before != row:
                    yield problems.DUPLICATE.at(row, column.index, content=shown(cell).strip(), first=before)


def is_one_row_each(column: Checked, columns: Columns) -> bool:
    """Whether an identifier should stand in one row only.

    Not a lead's in a table of deals, nor in a list of events (a date, and nothing that says how a
    lead or deal ended); not an order's in a list of order lines (such a list with products); and
    nowhere where most rows repeat one.
    """
    deals_or_leads = columns.called("first_touch", "close_date", "outcome") or columns.stages
    is_list = bool(columns.called("date")) and not deals_or_leads
    if column.name == "lead_id" and (is_list or columns.called("deal_id")):
        return False
    if column.name == "deal_id" and is_list and columns.called("product"):
        return False
    return 2 * len(set(column.labels.values())) >= column.filled


def _backwards(columns: Columns) -> Iterator[Finding]:
    """Each stage against the last one before it that has a date; the close against the first contact."""
    wrong: dict[tuple[int, int], Finding] = {}
    stages = columns.stages
    first, close = columns.one("first_touch"), columns.one("close_date")
    for chain in (stages, [column for column in (first, close) if column]):
        if len(chain) < 2 or chain[0] is chain[1]:
            continue
        for place, days in enumerate(zip(*(column.days for column in chain), strict=True)):
            before: tuple[int, Checked] | None = None
            for day, column in zip(days, chain, strict=True):
                if day is None:
                    continue
                if before and day < before[0] and (place, column.index) not in wrong:
                    facts = {"day": cells.as_date(day), "before": cells.as_date(before[0]), "column": before[1].header}
                    wrong[place, column.index] = problems.BACKWARDS.at(column.row(place), column.index, **facts)
                before = day, column
    return iter(wrong.values())


def _deals(columns: Columns, as_of: int | None) -> Iterator[Finding]:
    """Won deals without date or value; open ones that should have closed."""
    outcome, close, value = columns.one("outcome"), columns.one("close_date"), columns.one("value")
    if outcome is None:
        return
    of = [outcome.meanings.get(cell) for cell in outcome.flat]
    for column, one, many in (
        (close, problems.WON_WITHOUT_DATE, problems.WON_WITHOUT_DATES),
        (value, problems.WON_WITHOUT_VALUE, problems.WON_WITHOUT_VALUES),
    ):
        if column:
            missing = [
                column.row(place)
                for place, cell in enumerate(column.flat)
                if of[place] == "won" and cell in column.blanks
            ]
            yield from _one_or_many(missing, column, of.count("won"), one, many)
    if close and as_of is not None:
        for place, day in enumerate(close.days):
            if day is not None and day < as_of and of[place] == "open":
                facts = {"day": cells.as_date(day), "as_of": cells.as_date(as_of)}
                yield problems.OVERDUE.at(close.row(place), close.index, **facts)
