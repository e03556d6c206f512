"""What an argument or a result is: money, a count, a share, days, dates, labels, a table.

A :class:`Kind` says how cells become values (``shape``, read by :mod:`kpi_udfs.cells`), which
bounds hold, and which number format a cell should have. The aliases at the end are what a KPI's
signature uses: ``spend: Annotated[Money, "What the campaign cost."]``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from typing import Annotated, Any, Literal


def shown(cell: Any) -> str:
    """A cell's content as its owner would recognise it, cut where it is long."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    content = f"{cell:.15g}" if isinstance(cell, float) else str(cell)
    return content if len(content) <= 60 else content[:59] + "…"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of argument or result."""

    name: str
    shape: Literal[
        "amount", "number", "dates", "date", "outcomes", "labels", "text", "choice", "table", "raw",
        "keys", "days", "flags", "numbers",
    ]  # fmt: skip
    number_format: str = "General"
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    #: How :func:`kpi_udfs.messages.write` writes such a value in a sentence.
    written: str = "number"

    @property
    def is_column(self) -> bool:
        """Whether such an argument is one cell per row of a table."""
        return self.shape in ("amount", "dates", "outcomes", "keys", "days", "flags", "numbers")


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table KPI, in the same form wherever it came from.

    Days are day numbers (``date.toordinal``), amounts and durations numbers, flags 1 and 0, keys
    texts or, where ``labels`` are given, numbers that stand for them; a blank key is ``""``, any
    other blank is null. Either ``values`` are here, or ``expression`` makes them of a lazy ``frame``.
    """

    #: What messages call it: an argument or a header.
    name: Any
    values: Any = None
    labels: Sequence[str] | None = None
    frame: Any = None
    expression: Any = None

    def label(self, key: Any) -> str:
        """The text that ``key`` stands for."""
        return str(key) if self.labels is None else self.labels[int(key)]


class Amount(float):
    """The sum of a range, which remembers the cells it was made of.

    ``parts``: one entry per cell in reading order, None for a blank; empty where text was counted.
    ``names``: the distinct texts that were counted (one row per lead), else None.
    ``currency``: ISO code, where the cells' texts named one.
    """

    parts: Sequence[float | None] = ()
    names: frozenset[str] | None = None
    currency: str | None = None
    _column: Column | None = None

    def __new__(
        cls,
        total: float,
        parts: Sequence[float | None] = (),
        names: frozenset[str] | None = None,
        currency: str | None = None,
    ) -> Amount:
        self = float.__new__(cls, total)
        self.parts = parts
        if names is not None:
            self.names = names
        if currency is not None:
            self.currency = currency
        return self

    @classmethod
    def single(cls, number: float) -> Amount:
        """The amount of one number, which most calls are made of: without the questions that a range raises."""
        amount = float.__new__(cls, number)
        amount.parts = (number,)
        return amount

    @property
    def column(self) -> Column:
        """The amounts one by one, for a table KPI."""
        return self._column or Column("values", self.parts)

    @classmethod
    def of_column(cls, total: float, column: Column) -> Amount:
        """The sum of a column that holds no cells."""
        amount = cls(total)
        amount._column = column
        return amount


@dataclass(frozen=True)
class Outcomes:
    """The outcome column of a deal list: each cell won, lost, open or blank."""

    #: The codes of :attr:`column`.
    WON, LOST, OPEN, BLANK = range(4)

    cells: Sequence[Any]
    meanings: Mapping[Any, str | None]
    counts: Counter[Any]

    @cached_property
    def column(self) -> Column:
        """The meanings as numbers, for a table KPI."""
        codes = {"won": self.WON, "lost": self.LOST, "open": self.OPEN, None: self.BLANK}
        code = {cell: codes[meaning] for cell, meaning in self.meanings.items()}
        return Column("outcomes", [code[cell] for cell in self.cells])

    @cached_property
    def each(self) -> list[str | None]:
        """``won``, ``lost`` or ``open`` for each cell; None for a blank."""
        return [self.meanings[cell] for cell in self.cells]

    @cached_property
    def tally(self) -> Counter[str]:
        """How many are won, lost and open."""
        tally: Counter[str] = Counter()
        for cell, count in self.counts.items():
            meaning = self.meanings[cell]
            if meaning:
                tally[meaning] += count
        return tally

    @cached_property
    def open_words(self) -> Counter[str]:
        """The words read as open, with how often each occurs."""
        words: Counter[str] = Counter()
        for cell, count in self.counts.items():
            if self.meanings[cell] == "open":
                words[shown(cell).strip()] += count
        return words


@dataclass(frozen=True)
class TableData:
    """A table as the user gave it: header texts, the raw header row, and what lies below it.

    ``below`` are the raw rows below the header row, the first of them row number ``first`` of the
    user's range; rows that are blank all over are among them. ``native``: a data frame or a file,
    which has no cells here. ``part``: these are some rows of a larger table.
    """

    headers: tuple[str, ...]
    header: Sequence[Any] = ()
    below: Sequence[Sequence[Any]] = ()
    first: int = 2
    native: NativeTable | None = None
    part: bool = False


@dataclass(frozen=True)
class NativeTable:
    """A data frame or a file's query, as narwhals sees it."""

    frame: Any
    headers: tuple[str, ...]
    lazy: bool
    #: The columns that are arguments of the call, and the cells of those that were fetched.
    named: list[str] = field(default_factory=list, compare=False)
    fetched: dict[str, list[Any]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class NativeColumn:
    """One column of such a table, given as an argument."""

    table: NativeTable
    header: str


MONEY = Kind("money", "amount", "#,##0.00", written="amount")
COUNT = Kind("count", "amount", "#,##0", minimum=0, written="count")
PERCENT = Kind("percent", "number", "0.0%", written="percent")
MARGIN = Kind("margin", "number", "0.0%", minimum=0, maximum=1, written="percent")
RATIO = Kind("ratio", "number", "0.00", written="number")
DAYS = Kind("days", "number", "0.0", minimum=0, written="days")
PERIODS = Kind("periods", "number", "0", minimum=0, maximum=1000, whole=True, written="count")
DURATION = Kind("duration", "numbers", "0.0", minimum=0, written="number")
PRICE = Kind("price", "number", "#,##0.00", minimum=0, written="amount")
BENCHMARK = Kind("benchmark", "numbers", minimum=0)
RATE = Kind("rate", "number", "0.0%", minimum=0, maximum=1, written="percent")
DATES = Kind("dates", "dates", "yyyy-mm-dd", written="date")
DAY_COLUMN = Kind("dates", "days", "yyyy-mm-dd", written="date")
KEYS = Kind("names", "keys")
FLAGS = Kind("flags", "flags")
DATE = Kind("date", "date", "yyyy-mm-dd", written="date")
OUTCOMES = Kind("outcomes", "outcomes")
LABELS = Kind("labels", "labels")
NUMBER = Kind("number", "number", "0.##", minimum=0)
TEXT = Kind("text", "text")
CHOICE = Kind("choice", "choice")
TABLE = Kind("table", "table")
#: A table that may hold nothing yet but its header row.
EVENT_TABLE = Kind("events", "table")
RAW = Kind("raw", "raw")

Money = Annotated[Amount, MONEY]
Count = Annotated[Amount, COUNT]
Margin = Annotated[float, MARGIN]
Periods = Annotated[float, PERIODS]
#: Day numbers (``date.toordinal``), None for a blank.
DayNumbers = Annotated[Sequence[int | None], DATES]
#: One day, as a day number.
DayNumber = Annotated[int, DATE]
#: Columns of table KPIs.
Keys = Annotated[Column, KEYS]
Days = Annotated[Column, DAY_COLUMN]
Flags = Annotated[Column, FLAGS]
Durations = Annotated[Column, DURATION]
#: One price, one rate, one number of days.
Price = Annotated[Amount, PRICE]
Rate = Annotated[float, RATE]
Average = Annotated[float, NUMBER]
DayCount = Annotated[float, DAYS]
OutcomeCells = Annotated[Outcomes, OUTCOMES]
Labels = Annotated[Sequence[str], LABELS]
Word = Annotated[str, TEXT]
Table = Annotated[TableData, TABLE]
EventTable = Annotated[TableData, EVENT_TABLE]
Cells = Annotated[Any, RAW]
