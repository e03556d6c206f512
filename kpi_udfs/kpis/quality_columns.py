"""Which columns of a table KPI_CHECK knows, and what their cells come to.

Cells are read by the same functions as in every other KPI, each different one once: a cell is a
finding exactly where a KPI would refuse it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kpi_udfs import cells
from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import TableData, shown
from kpi_udfs.messages import Text
from kpi_udfs.settings import fold
from kpi_udfs.tables.columns import as_cells
from kpi_udfs.tables.headers import called

if TYPE_CHECKING:
    from kpi_udfs.written import WrittenNumber

DATES = ("first_touch", "close_date", "date")
NUMBERS = ("value", "spend", "duration")
FLAGS = ("lost",)
IDENTIFIERS = ("lead_id", "deal_id")
DIMENSIONS = ("channel", "campaign", "category", "owner", "team", "product", "country")
#: Columns by which rows are counted or paired: a row in which one is blank is missed somewhere.
KEYS = (*IDENTIFIERS, "customer", *DIMENSIONS, "outcome", "first_touch", "date")
#: Columns whose cells name a group.
LABELS = (*DIMENSIONS, "reason")
KNOWN = tuple(dict.fromkeys((*DATES, *NUMBERS, *FLAGS, *KEYS, *LABELS)))

#: Whole numbers beyond this day are identifiers, where a column could hold either.
_LAST_LIKELY_DAY = date(2100, 1, 1).toordinal()
#: A day and a time of day, without a zone that could move it to another day.
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")
_DIGIT = re.compile("[0-9]")
#: Types of cells that can be neither an error, save for texts, nor anything a dictionary refuses.
_PLAIN = frozenset({float, int, str, type(None), datetime, date})


class Checked:
    """A column with its cells; ``name`` as in columns.yaml, ``stage`` as in stages.yaml."""

    def __init__(self, index: int, header: str, found: Range, name: str | None, stage: str | None, context: Context):
        self.index, self.header, self.name, self.stage, self.context = index, header, name, stage, context
        #: Whether the column tells yes or no; a stage's tells days otherwise.
        self.flagged = name in FLAGS
        self.range = found
        self.flat = _hashable(found, context)
        self.counts = Counter(self.flat)
        self._shapes: dict[str, int | Text | None] = {}

    def row(self, place: int) -> int:
        """The number of a row as the user counts."""
        assert self.range.numbers is not None  # a table's columns know their rows
        return self.range.numbers[place]

    @property
    def dated(self) -> bool:
        return self.name in DATES or (self.stage is not None and not self.flagged)

    @cached_property
    def blanks(self) -> set[Hashable]:
        """The cells that are blank."""
        return {cell for cell in self.counts if cells.is_blank(cell)}

    @cached_property
    def contents(self) -> list[Any]:
        """The different cells that are not blank, in the order of the table."""
        return [cell for cell in self.counts if cell not in self.blanks]

    @cached_property
    def filled(self) -> int:
        """How many cells are not blank."""
        return sum(self.counts[cell] for cell in self.contents)

    @cached_property
    def read_days(self) -> dict[Hashable, int | Text | None]:
        """What each cell is as a day; the reason where it can't be read."""
        moments = {cell: cell[:10] for cell in self.counts if isinstance(cell, str) and _MOMENT.fullmatch(cell)}
        # Every moment is a text of its own, but days are few.
        days = {text: self._day(text) for text in set(moments.values())}
        return {cell: days[moments[cell]] if cell in moments else self._day(cell) for cell in self.counts}

    def _day(self, cell: Any) -> int | Text | None:
        if isinstance(cell, str) and (refusal := self._refused_by_shape(cell)):
            return refusal
        return self._read_day(cell)

    def _refused_by_shape(self, cell: str) -> Text | None:
        """The refusal of a text that is no date whatever its digits: free text is read once, not row by row."""
        shape = _DIGIT.sub("1", cell)
        if shape not in self._shapes:
            self._shapes[shape] = self._read_day(shape)
        known = self._shapes[shape]
        return known if isinstance(known, Text) and known not in AMBIGUOUS else None

    def _read_day(self, cell: Any) -> int | Text | None:
        try:
            return cells.day_of(cell, self.range, 0, self.context, [])
        except CellError as refusal:  # which would keep its traceback, thousands of times
            return refusal.reason.text

    @cached_property
    def days(self) -> list[int | None]:
        """The day of each row; None where there is none in our time that can be read."""
        usable = {cell: day for cell, day in self.read_days.items() if isinstance(day, int) and day >= cells.OUR_TIME}
        return [usable.get(cell) for cell in self.flat]

    @cached_property
    def read_numbers(self) -> dict[Hashable, float | WrittenNumber | str]:
        """What each filled cell is as a number: what was written, where it is a text; a refusal as a word."""
        return {cell: self._number(cell) for cell in self.contents}

    def _number(self, cell: Any) -> float | WrittenNumber | str:
        if isinstance(cell, str):
            return cells.written_number(cell, self.context)
        number = cells.as_number(cell)
        return "unreadable" if number is None else number

    def is_number(self, cell: Any) -> bool:
        """Whether a filled cell reads as a number."""
        return not isinstance(self.read_numbers[cell], str)

    @cached_property
    def meanings(self) -> dict[Hashable, str | None]:
        """won, lost, open or, for a word nobody knows, None: each filled cell of an outcome column."""
        known = self.context.settings.outcomes
        return {cell: known.get(fold(shown(cell))) for cell in self.contents}

    @cached_property
    def labels(self) -> dict[Hashable, str]:
        """What each filled cell reads as a name."""
        return {cell: cells.label(cell) for cell in self.contents}

    def places(self, among: Any) -> Iterator[tuple[int, Any]]:
        """The rows whose cells are among these, by number and cell."""
        return ((self.row(place), cell) for place, cell in enumerate(self.flat) if cell in among) if among else iter(())

    def first(self, among: Any) -> int:
        """The number of the first row whose cell is among these."""
        return next(self.places(among))[0]

    def share(self, fitting: Callable[[Any], bool]) -> float:
        """The share of the filled cells that fit; all of none."""
        fit = sum(self.counts[cell] for cell in self.contents if fitting(cell))
        return fit / self.filled if self.filled else 1.0

    def takes_days(self) -> bool | None:
        """Whether the cells of a stage are days (True) or yes and no (False); None where most are neither."""
        days = self.share(lambda cell: _is_likely(cell, self.read_days[cell]))
        flags = self.share(_is_flag)
        return days >= flags if max(days, flags) >= 0.5 else None


def _is_flag(cell: Any) -> bool:
    return cells.flag(cell) is not None


#: Why a date is refused that languages read differently.
AMBIGUOUS = (cells.AMBIGUOUS_DATE, cells.AMBIGUOUS_HERE)


def _is_likely(cell: Any, day: int | Text | None) -> bool:
    """Whether a cell looks like a day where it could also be an identifier."""
    if isinstance(day, Text):
        return day in AMBIGUOUS
    return day is not None and day >= cells.OUR_TIME and (not isinstance(cell, int | float) or day < _LAST_LIKELY_DAY)


def _hashable(found: Range, context: Context) -> Sequence[Hashable]:
    """The cells, fit for counting. An error cell among them is refused as in every KPI."""
    flat = found.flat
    plain = not context.com and set(map(type, flat)) <= _PLAIN
    for index, cell in enumerate(flat):
        if not plain or (type(cell) is str and "#" in cell):
            cells.refuse_error(cell, found, index, context)
    return flat if plain else list(map(_as_key, flat))


def _as_key(cell: Any) -> Hashable:
    """The cell as a dictionary takes it: 1 and TRUE are one key, a signalling NaN among Decimals is none."""
    try:
        hash(cell)
    except TypeError:
        return shown(cell)
    return shown(cell) if isinstance(cell, bool) else cell


# ---------------------------------------------------------------------------- recognising columns


@dataclass(frozen=True)
class Columns:
    """The columns that were recognised, in the order of the table."""

    checked: list[Checked]
    #: Columns without a header that hold something.
    headless: list[int]
    rows: int
    context: Context

    def called(self, *names: str) -> list[Checked]:
        """All columns that could be one of these."""
        return [column for column in self.checked if column.name in names]

    def one(self, name: str) -> Checked | None:
        """The column of that name; None where there is none, or where several could be meant."""
        candidates = self.called(name)
        exact = [column for column in candidates if fold(column.header) == fold(name)]
        return (exact or candidates)[0] if len(exact or candidates) == 1 else None

    @property
    def stages(self) -> list[Checked]:
        """One column per stage with days, in the order of the stages; none for a stage that two could be."""
        each = [[c for c in self.checked if c.stage == stage] for stage, _ in self.context.settings.stages]
        return [columns[0] for columns in each if len(columns) == 1 and columns[0].dated]


def recognise(data: TableData, context: Context) -> Columns:
    """Find the columns by header; a stage's column is one only if it holds days, or yes and no."""
    settings = context.settings
    named = {index: name for name in KNOWN for index in called(data.headers, name, settings.columns)}
    staged = {index: stage for stage, _ in settings.stages for index in called(data.headers, stage, settings.stages)}
    indexes = sorted(named.keys() | staged.keys())
    blank = [] if data.native else [index for index, header in enumerate(data.headers) if not header]
    ranges = dict(zip([*indexes, *blank], as_cells(data, [*indexes, *blank], context), strict=True))
    checked = [
        Checked(index, data.headers[index], ranges[index], named.get(index), staged.get(index), context)
        for index in indexes
    ]
    _settle_stages(checked)
    for column in checked:
        if column.name in FLAGS and column.share(_is_flag) < 0.5:
            column.name = None
        elif column.name == "duration" and column.share(column.is_number) < 0.5:
            column.name = None  # "months" may hold the names of months
    return Columns(
        [column for column in checked if column.name or column.stage],
        [index for index in blank if not all(map(cells.is_blank, ranges[index].flat))],
        max((len(found.flat) for found in ranges.values()), default=0),
        context,
    )


def _settle_stages(checked: Sequence[Checked]) -> None:
    """Take the stage from columns that hold something else: names under "customer", numbers under "order".

    A header with another meaning, too, is a stage only beside a column that is nothing else.
    """
    sure = False
    for column in sorted(checked, key=lambda column: column.name is not None):
        if column.stage is None or column.name in DATES:
            continue
        days = column.takes_days() if column.name is None or sure else None
        if days is None:
            column.stage = None
        else:
            column.name, column.flagged, sure = None, not days, True
