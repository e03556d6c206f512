"""The tables that rules are about: leads and events, their columns found, read, and keyed alike.

Columns are read once for each way in which the rules look at them. Texts that come from cells are few
different ones in many rows: a question about texts is asked once for each text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import narwhals as nw

from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import DAY_COLUMN, FLAGS, KEYS, Column, Kind, NativeTable, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.model import Operand, Rule, Test, Version, write_operand
from kpi_udfs.rules.texts import TextQuestion, answered, comparable, text_question
from kpi_udfs.rules.truths import added, flag
from kpi_udfs.settings import fold
from kpi_udfs.tables import headers
from kpi_udfs.tables.columns import RawColumn, raw_columns, read_column
from kpi_udfs.tables.frames import rows_of

NO_ID = text(
    "rules.tables.no_id",
    "No column of the leads is known as their identifier. Headers: {headers:list}. Name it in the rules under leads: id, "
    "or in columns.yaml under lead_id.",
)
YES_NO_COLUMN = text(
    "rules.tables.yes_no_column",
    'Column "{column}" holds true and false. Write {field}: true or false in the rules ({place}), not "{content}".',
)
COLUMN_OF_RULE = text("rules.tables.column_of_rule", "The rules ({place}) ask for it: {reason}")

#: Numbers of any size and sign.
ANY_NUMBER = Kind("numbers", "numbers")
_KINDS = {"text": KEYS, "number": ANY_NUMBER, "flag": FLAGS, "day": DAY_COLUMN}
#: Where a question about a blank lands.
_WHEN_MISSING = {"fail": 0.0, "pass": 1.0, "unknown": 0.5}


@dataclass
class RuleTable:
    """A table with the columns that rules ask for. ``columns`` become those of ``frame``."""

    data: TableData
    context: Context
    notes: list[Sentence]
    names: Mapping[str, str]
    missing: frozenset[str]
    columns: dict[str, Column] = field(default_factory=dict)
    #: The columns that the rules take for dates.
    dated: frozenset[int] = frozenset()
    _read: dict[tuple[int, str], Column] = field(default_factory=dict)
    _raw: dict[int, RawColumn] = field(default_factory=dict)
    _texts: dict[int, Sequence[str]] = field(default_factory=dict)

    def index(self, name: str, place: Any) -> int:
        """The number of the column that the rules call ``name``."""
        try:
            header = self.names.get(fold(name), name)
            return headers.find(self.data.headers, header, self.context.settings.columns)
        except CellError as error:
            where = f"{place.file}:{place.line}"
            raise CellError(error.code, COLUMN_OF_RULE(place=where, reason=error.reason)) from None

    def read(self, index: int, reading: str) -> Column:
        """A column, read as texts, numbers, flags or days."""
        if (index, reading) not in self._read:
            raw = self._raw_column(index)
            self._read[index, reading] = read_column(raw, _KINDS[reading], self.context, self.notes)
        return self._read[index, reading]

    def texts(self, index: int) -> tuple[Column, Sequence[str]]:
        """A column of texts, and the different ones in the form in which they are compared."""
        column = self.read(index, "text")
        if index not in self._texts:
            self._texts[index] = list(map(comparable, column.labels or ()))
        return column, self._texts[index]

    def _raw_column(self, index: int) -> RawColumn:
        if index not in self._raw:
            (raw,) = raw_columns(self.data, [index])
            if self.missing and isinstance(raw, Range):
                raw.flat = [None if isinstance(cell, str) and fold(cell) in self.missing else cell for cell in raw.flat]
            self._raw[index] = raw
        return self._raw[index]

    def reading_at(self, index: int) -> str:
        """How a column is read to ask whether anything stands there: a date to come is not known yet."""
        return "day" if index in self.dated else "text"

    def add(self, name: str, column: Column) -> nw.Expr:
        """Let the column be part of the frame."""
        self.columns[name] = column
        return nw.col(name)

    def add_number(self, index: int, reading: str) -> nw.Expr:
        """Let a column, read as numbers of some kind, be part of the frame."""
        return self.add(f"c{index}_{reading}", self.read(index, reading)).cast(nw.Float64)

    @property
    def row_numbers(self) -> Sequence[int] | None:
        """The numbers of the rows in the user's range, where the table has cells."""
        return self._raw_column(0).numbers if self.data.native is None else None  # type: ignore[union-attr]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        if (numbers := self.row_numbers) is not None:
            return len(numbers)
        (row,) = rows_of(self.data.native.frame.select(rows=nw.len()))  # type: ignore[union-attr]
        return int(row["rows"])

    @property
    def lazy(self) -> bool:
        return self.data.native is not None and self.data.native.lazy


def blanked(data: TableData, missing: Sequence[str]) -> TableData:
    """The table with the texts that count as blank left out, where it is no table of cells."""
    if not missing or data.native is None:
        return data
    frame = data.native.frame
    words = sorted({word.strip().lower() for word in missing})
    texts = [name for name, kind in frame.collect_schema().items() if kind == nw.String]
    filled = {
        name: nw.when(~nw.col(name).str.strip_chars().str.to_lowercase().is_in(words)).then(nw.col(name))
        for name in texts
    }
    if not filled:
        return data
    native = NativeTable(frame.with_columns(**filled), data.native.headers, data.native.lazy)
    return TableData(data.headers, native=native)


# ------------------------------------------------------------------------ questions about columns


def truth(table: RuleTable, test: Test, day: nw.Expr | None, place: str) -> nw.Expr:
    """1.0 where the test is met, 0.0 where not, 0.5 where that is unknown. ``place``: a name for a new column."""
    index = table.index(test.name, test.place)
    reading = table.reading_at(index) if test.reading == "any" else test.reading
    missing = _WHEN_MISSING[test.when_missing]
    if reading == "text":
        if test.operator != "is":
            _refuse_flags(table, index, test)
        return table.add(place, answered(*table.texts(index), text_question(test), missing))
    value = known(table.add_number(index, reading), reading, day)
    if test.operator == "is":
        blank = flag(value.is_null())
        return blank if test.operand[0] == "blank" else 1.0 - blank  # type: ignore[index]
    met = flag(_compared(test, value, day))
    if not missing:
        return met
    return nw.when(value.is_null()).then(missing).otherwise(met)


def known(value: nw.Expr, reading: str, day: nw.Expr | None) -> nw.Expr:
    """A column without the dates that lie after the day: they are not known on it."""
    return nw.when(value <= day).then(value) if reading == "day" and day is not None else value


#: What cells hold, as texts, where they hold nothing but true and false.
_FLAG_LABELS = {"", "TRUE", "FALSE"}


def _refuse_flags(table: RuleTable, index: int, test: Test) -> None:
    """A column of true and false equals no text, however alike they look to a person."""
    header = table.data.headers[index]
    if table.data.native is not None:
        flags = table.data.native.frame.collect_schema()[header] == nw.Boolean
    else:
        labels = table.read(index, "text").labels or ()
        few = len(labels) <= len(_FLAG_LABELS) and not table.data.part  # some rows don't tell what the others hold
        flags = few and set() < set(labels) - {""} < _FLAG_LABELS
    if flags and not {"true", "false"} & set(map(comparable, test.written.split(", "))):
        facts = {"column": header, "field": test.operator, "place": f"{test.place.file}:{test.place.line}"}
        raise CellError.value(YES_NO_COLUMN(**facts, content=test.written))


def _compared(test: Test, value: nw.Expr, day: nw.Expr | None) -> nw.Expr:
    numbers = [_number(one) for one in test.operand]  # type: ignore[union-attr]
    first = numbers[0]
    match test.operator:
        case "eq":
            return value == first
        case "ne":
            return ~value.is_null() & (value != first)
        case "in":
            return value.is_in(numbers)
        case "not_in":
            return ~value.is_null() & ~value.is_in(numbers)
        case "gt" | "after":
            return value > first
        case "gte":
            return value >= first
        case "lt" | "before":
            return value < first
        case "lte":
            return value <= first
        case "between":
            return (value >= first) & (value <= numbers[1])
        case "within_last":
            assert day is not None
            return day - value <= first
        case "older_than":
            assert day is not None
            return day - value > first
    raise AssertionError(test.operator)


def _number(operand: Operand) -> float:
    return float(operand.toordinal()) if isinstance(operand, date) else float(operand)


def points_by_value(table: RuleTable, rule: Rule, day: nw.Expr | None, place: str) -> nw.Expr:
    """The points that a rule gives by the value or the band of a column."""
    assert rule.name is not None
    index = table.index(rule.name, rule.place)
    if rule.bands:
        value = table.add_number(index, "number")
        given = [flag(_in_band(value, band.low, band.high, band.open_end)) * band.points for band in rule.bands]
        return added(given)
    (reading,) = {Test(rule.place, rule.name, "eq", (value,)).reading for value in rule.values}
    if reading == "text":
        points = {comparable(write_operand(value)): number for value, number in rule.values.items()}
        question = TextQuestion(
            lambda texts: [points.get(text, 0.0) for text in texts],
            lambda low: added([flag(low == word) * number for word, number in points.items()]),
        )
        return table.add(place, answered(*table.texts(index), question, 0.0))
    value = known(table.add_number(index, reading), reading, day)
    return added([flag(value == _number(one)) * number for one, number in rule.values.items()])


def _in_band(value: nw.Expr, low: float | None, high: float | None, open_end: bool) -> nw.Expr:
    above = [value >= low] if low is not None else []
    below = [value < high if open_end else value <= high] if high is not None else []
    both = [*above, *below]
    return both[0] & both[1] if len(both) > 1 else both[0] if both else ~value.is_null()


# --------------------------------------------------------------------------------------- keys


def lead_index(table: RuleTable, version: Version, needed: bool) -> int | None:
    """The column of the identifiers, or None where there is none and none is needed."""
    if name := version.leads.get("id"):
        return table.index(name, version.place)
    found = headers.called(table.data.headers, "lead_id", table.context.settings.columns)
    if not found and not needed:
        return None
    if not found:
        raise CellError.value(NO_ID(headers=table.data.headers))
    return headers.find(table.data.headers, "lead_id", table.context.settings.columns)


@dataclass(frozen=True)
class Identifiers:
    """Identifiers of a table: as keys that both tables share, and as they are shown."""

    column: Column
    labels: Sequence[str] | None

    @cached_property
    def codes(self) -> dict[str, int]:
        """The key of each identifier that cells hold."""
        return {label: code for code, label in enumerate(self.column.labels or ())}


def identifiers(column: Column | None, rows: int) -> Identifiers:
    """Keys of the leads' rows. A row without an identifier is a lead of its own."""
    import numpy as np

    if column is None:
        return Identifiers(Column("row", np.arange(rows)), [str(row + 1) for row in range(rows)])
    if column.labels is None:
        return Identifiers(column, None)
    labels, values = column.labels, column.values
    shown = [labels[code] for code in values]
    if labels and not labels[0]:  # sorted: the blank one comes first
        values = values.copy()
        blank = np.flatnonzero(values == 0)
        values[blank] = len(labels) + np.arange(len(blank))
    return Identifiers(Column(column.name, values, labels), shown)


def matched(column: Column, leads: Identifiers) -> tuple[Column, int]:
    """The events' identifiers as the leads' keys, -1 where there is no such lead; and how many these are."""
    import numpy as np

    if column.labels is None:
        return column, 0
    codes = leads.codes
    of_label = np.asarray([codes.get(label, -1) if label else -1 for label in column.labels] or [-1], dtype="int64")
    values = of_label[column.values]
    return Column(column.name, values), int(np.count_nonzero(values < 0))
