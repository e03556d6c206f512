"""Columns of data frames and files, brought into the form in which KPIs count.

A data frame in memory (pandas, Polars) is read at once; its texts and whatever its engine takes for
objects are read as cells are. A query (DuckDB, a lazy Polars frame) stays one: each column becomes an
expression, and only what has to be known beforehand (which words an outcome column holds, whether
texts are dates) is asked of it, one small answer per column. What can't become days, numbers or flags
without guessing is refused, with the column and one of its values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import Any

import narwhals as nw

from kpi_udfs import cells
from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import Amount, Column, Kind, NativeColumn, NativeTable, Outcomes, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import Param
from kpi_udfs.tables import columns, headers
from kpi_udfs.tables.frames import in_memory, reading, rows_of, together

NOT_A_TABLE = text(
    "native.not_a_table",
    "This is no table kpi_udfs can read: {kind}. Give a pandas or Polars data frame, a DuckDB relation, or rows of cells "
    "with a header row.",
)
SAME_BUT_FOR_CASE = text(
    "native.same_but_for_case",
    'The columns "{first}" and "{second}" differ only by upper and lower case; some engines take them for one. '
    "Rename one of them.",
)
NOT_READABLE_AS = text(
    "native.not_readable_as",
    'Column "{column}" holds {dtype}, such as "{content}": {wanted} belong here. Convert the column first.',
)
DAYS = text("native.days", "dates, times or texts of the form 2026-03-31")
NUMBERS = text("native.numbers", "numbers")
FLAGS = text("native.flags", "yes and no, 1 and 0, or true and false")
NAMES = text("native.names", "texts, numbers or dates")
TOO_MANY_WORDS = text(
    "native.too_many_words", 'Column "{column}" holds more than {most:count} different texts; is it the right one?'
)

_OUR_TIME = cells.as_date(cells.OUR_TIME)
_WHOLE = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.Int128, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64, nw.UInt128)
_BROKEN = (nw.Float32, nw.Float64, nw.Decimal)
_NUMBER = (*_WHOLE, *_BROKEN)
_TEXT = (nw.String, nw.Categorical, nw.Enum)
#: The name of a helper column.
_EMPTY = "kpi_udfs_empty_row"
_NESTED = (nw.List, nw.Array, nw.Struct, nw.Binary)
#: A text with nothing to strip, such as nearly all are.
_PLAIN = "^[!-~](?:.*[!-~])?$"
#: What Python strips from a text; engines know less of it by themselves.
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
#: A day of the calendar, and none that isn't, such as 2026-02-30: an engine would stop at it. A time
#: of day may follow, but no UTC offset, with which the day could be another one here.
_ISO_DAY = (
    "^(?:"
    "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
    ")(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?$"
)
#: An outcome column has a handful of words; a column of names has thousands.
_MOST_WORDS = 1000
#: Up to here a float tells whole numbers apart.
_MOST_EXACT = 1e15


def native_table(native: Any, context: Context) -> NativeTable:
    """A pandas or Polars frame, a DuckDB relation, or anything else narwhals knows.

    Rows of a data frame that are blank all over are no rows, as in a sheet. A query keeps its rows:
    to look for such ones it would have to read every column.
    """
    native = nw.to_native(native, pass_through=True)
    with reading():
        try:
            frame = nw.from_native(_in_local_time(native, context))
        except TypeError:
            raise CellError.value(NOT_A_TABLE(kind=type(native).__name__)) from None
        except nw.exceptions.DuplicateError:
            _refuse_twins(native.columns)
            raise
        names = frame.collect_schema().names()
        _refuse_twins(names)
        if any(not isinstance(name, str) for name in names):  # pandas counts columns that have no header
            frame = frame.rename({name: str(name) for name in names})
        lazy = isinstance(frame, nw.LazyFrame)
        if not lazy:
            frame = _without_blank_rows(frame)
        if not names or in_memory(frame.lazy().select(nw.col(str(names[0])).is_null()).head(1)).is_empty():
            raise CellError(NA, cells.NO_ROWS(argument="table"))
    return NativeTable(frame.lazy(), tuple(map(str, names)), lazy)


def _refuse_twins(names: Sequence[Any]) -> None:
    seen: dict[str, str] = {}
    for name in map(str, names):
        if name in seen.values():
            raise CellError.value(headers.TWICE(name=name, headers=list(map(str, names))))
        if (first := seen.setdefault(name.casefold(), name)) != name:
            raise CellError.value(SAME_BUT_FOR_CASE(first=first, second=name))


def _is_duckdb(native: Any) -> bool:
    kind = type(native)
    return kind.__name__ == "DuckDBPyRelation" and kind.__module__.startswith(("duckdb", "_duckdb"))


def _in_local_time(native: Any, context: Context) -> Any:
    """DuckDB knows time zones by its session alone: let it turn moments into local times itself."""
    if not _is_duckdb(native):
        return native
    _refuse_twins(native.columns)
    import duckdb

    zone = duckdb.ConstantExpression(context.settings.timezone)
    moments = [str(kind).startswith("TIMESTAMP") and str(kind).endswith("TIME ZONE") for kind in native.types]
    if not any(moments):
        return native
    return native.select(
        *(
            duckdb.FunctionExpression("timezone", zone, duckdb.ColumnExpression(name)).alias(name)
            if moment
            else duckdb.ColumnExpression(name)
            for name, moment in zip(native.columns, moments, strict=True)
        )
    )


def _without_blank_rows(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """The frame without the rows that are blank all over. Few are left after a look at one column."""
    place = max(frame.columns, key=len, default="") + "_"
    blank = frame.with_row_index(place)
    for name in frame.columns:
        column = nw.col(name)
        empty = column.is_null()
        if frame.schema[name] == nw.String:
            empty = empty | (column.str.strip_chars() == "")
        blank = blank.filter(empty)
        if blank.is_empty():
            return frame
    return frame.with_row_index(place).filter(~nw.col(place).is_in(blank[place].to_list())).drop(place)


def read_native(raw: NativeColumn | NativeTable, param: Param, context: Context, notes: list[Sentence]) -> Any:
    """What ``raw`` is for ``param``."""
    if isinstance(raw, NativeTable):
        if param.kind.shape != "table":
            raise CellError.value(cells.TOO_MANY_CELLS(argument=param.name))
        return TableData(raw.headers, native=raw)
    reader = _READERS.get(param.kind.shape)
    if reader is None or _like_cells(raw) or param.kind.name == "count":
        # A KPI over plain cells, or names to be counted: the one column is fetched.
        flat = _collected(raw, context)
        column = Range(flat, cells.COLUMN(column=raw.header), range(2, len(flat) + 2))  # its header is row 1
        return cells.read(column, param, context, notes)
    return reader(raw, param, context, notes)


def fetched(table: NativeTable, headers: list[str], first: int, context: Context) -> list[Range]:
    """Some columns as cells, in one query so that their rows stay together; ``first``: the first row's number."""
    empty = nw.all_horizontal(*(nw.col(header).is_null() for header in table.headers), ignore_nulls=True)
    local = {header: _local(NativeColumn(table, header), context) for header in headers}
    small = in_memory(table.frame.select(**local, **{_EMPTY: empty}))
    kept = [place for place, blank in enumerate(small[_EMPTY].to_list()) if not blank]
    numbers = [first + place for place in kept]
    columns = []
    for header in headers:
        # NaT and NA answer no question that a cell is asked.
        nulls, values = small[header].is_null().to_list(), small[header].to_list()
        flat = [None if nulls[place] else _cell(values[place]) for place in kept]
        columns.append(Range(flat, cells.COLUMN(column=header), numbers))
    return columns


# ------------------------------------------------------------------------------ looking at a column


def _dtype(raw: NativeColumn) -> Any:
    return raw.table.frame.collect_schema()[raw.header]


def _like_cells(raw: NativeColumn) -> bool:
    """Whether a column is read cell by cell: texts in memory, in the configured language, and
    what narwhals does not know (pandas' times in America/New_York among them)."""
    return not raw.table.lazy and _dtype(raw) in (*_TEXT, nw.Object, nw.Unknown)


def _collected(raw: NativeColumn, context: Context) -> list[Any]:
    """The column's values as cells, None for null.

    A query answers in whatever order it likes, so what belongs together row by row is fetched at once.
    """
    table = raw.table
    if raw.header not in table.fetched:
        wanted = dict.fromkeys([raw.header, *table.named] if table.lazy else [raw.header])
        made = {header: _local(NativeColumn(table, header), context) for header in wanted}
        frame = in_memory(table.frame.select(**made))
        for header in wanted:
            cells_and_nulls = zip(frame[header].to_list(), frame[header].is_null().to_list(), strict=True)
            table.fetched[header] = [None if null else _cell(value) for value, null in cells_and_nulls]
    return table.fetched[raw.header]


def _cell(value: Any) -> Any:
    """A value as a cell would hold it: no number that is infinite, no Decimal that is whole, no midnight."""
    if isinstance(value, str):
        return value
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float | Decimal):
        if not isfinite(value):
            return None
        return int(value) if isinstance(value, Decimal) and value == int(value) else value
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time():
        return value.date()
    return value


def _local(raw: NativeColumn, context: Context) -> nw.Expr:
    """The column, its moments as local times."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if isinstance(dtype, nw.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone(context.settings.timezone).dt.replace_time_zone(None)
    return column


def _asked(raw: NativeColumn, **questions: nw.Expr) -> dict[str, Any]:
    """One row of answers about the column, in one pass over the table."""
    (row,) = rows_of(raw.table.frame.select(**questions))
    return row


def _holds(condition: nw.Expr) -> nw.Expr:
    """Whether the condition is true of any row: 1, or else 0 or null."""
    return nw.when(condition).then(1).otherwise(0).max()


def _stripped(raw: NativeColumn) -> nw.Expr:
    """A text without the blanks around it."""
    written = nw.col(raw.header).cast(nw.String)
    # To see that there is nothing to strip is seven times as fast on DuckDB as to try it.
    return nw.when(written.str.contains(_PLAIN)).then(written).otherwise(written.str.strip_chars(_SPACES))


def _filled_text(raw: NativeColumn) -> nw.Expr:
    """The same, null where nothing is left."""
    stripped = _stripped(raw)
    return nw.when(stripped != "").then(stripped)


def _filled(raw: NativeColumn) -> nw.Expr:
    dtype, column = _dtype(raw), nw.col(raw.header)
    if dtype in (nw.Float32, nw.Float64):
        return column.is_finite()
    return ~(_filled_text(raw) if dtype in _TEXT else column).is_null()


def _all_blank(raw: NativeColumn) -> bool:
    return not _asked(raw, filled=_holds(_filled(raw)))["filled"]


def _made(raw: NativeColumn, name: str, expression: nw.Expr) -> Column:
    """The column: an expression over a query, or its values where the frame lies in memory."""
    if raw.table.lazy:
        return Column(name, frame=raw.table.frame, expression=expression)
    return Column(name, in_memory(raw.table.frame.select(made=expression))["made"])


def _blank(raw: NativeColumn, name: str) -> Column:
    """A column of nothing but nulls, of whatever type."""
    return _made(raw, name, nw.when(nw.col(raw.header).is_null()).then(nw.lit(None, nw.Float64)))


def _refused(raw: NativeColumn, wanted: Sentence, content: Any = None) -> CellError:
    if content is None:
        column = nw.col(raw.header)
        if raw.table.frame.implementation.is_duckdb():  # has types that no data frame can hold, all with a text
            column = column.cast(nw.String)
        filled = in_memory(raw.table.frame.filter(_filled(raw)).select(made=column).head(1))
        content = next(iter(filled["made"].to_list()), "")
    facts = {"column": raw.header, "dtype": str(_dtype(raw)), "content": str(content)[:60], "wanted": wanted}
    return CellError.value(NOT_READABLE_AS(**facts))


# ----------------------------------------------------------------------------------- the readers


def days(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Column:
    """Day numbers in the configured time zone, of days since 1950 as in cells."""
    dtype = _dtype(raw)
    if _like_cells(raw):
        return cells.read_day_column(Range(_collected(raw, context), name), context, notes)
    if dtype in _TEXT:
        written = _filled_text(raw)
        is_day = written.str.contains(_ISO_DAY)
        early = is_day & (written < str(_OUR_TIME))
        answers = _asked(raw, odd=nw.when(~is_day).then(written).min(), early=_holds(early))
        if answers["odd"] is not None:
            raise _refused(raw, DAYS(), answers["odd"])
        column = written.str.slice(0, 10).str.to_datetime(format="%Y-%m-%d")
    elif dtype == nw.Date or isinstance(dtype, nw.Datetime):
        column = _local(raw, context)
        early = column.dt.year() < _OUR_TIME.year
        answers = _asked(raw, early=_holds(early))
    elif _all_blank(raw):
        return _blank(raw, name)
    else:
        raise _refused(raw, DAYS())
    if answers["early"]:
        first = in_memory(raw.table.frame.filter(early).select(made=column.cast(nw.String)).head(1))
        place = cells.COLUMN(column=raw.header)
        raise CellError.value(cells.NOT_OUR_TIME(place=place, content=first["made"].to_list()[0][:10]))
    # As date.toordinal does. Not by the seconds of a difference: narwhals before 2.28 loses the days in
    # them on DuckDB, and the answer would be a silent 0.
    years = column.dt.year() - 1
    day = years * 365 + years // 4 - years // 100 + years // 400 + column.dt.ordinal_day()
    return _made(raw, name, day.cast(nw.Float64))


def _days(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return days(raw, param.name, context, notes)


def numbers(raw: NativeColumn, name: str, kind: Kind) -> Column:
    """Finite numbers; NaN and infinity count as blank, as they are in no cell."""
    if _dtype(raw) not in _NUMBER:
        if _all_blank(raw):
            return _blank(raw, name)
        raise _refused(raw, NUMBERS())
    number = _number(raw)
    if kind.minimum is not None:
        low = _asked(raw, low=number.min())["low"]
        if low is not None and low < kind.minimum:
            place = cells.COLUMN(column=raw.header)
            raise CellError.num(cells.OUT_OF_BOUNDS(place=place, value=low, minimum=kind.minimum))
    return _made(raw, name, number)


def _numbers(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return numbers(raw, param.name, param.kind)


def _number(raw: NativeColumn) -> nw.Expr:
    number = nw.col(raw.header).cast(nw.Float64)
    return nw.when(number.is_finite()).then(number)


def _amount(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Amount:
    column = _numbers(raw, param, context, notes)
    amounts = nw.col("amount")
    asked = together(amount=column).select(total=amounts.sum(), filled=amounts.count(), rows=nw.len())
    (row,) = rows_of(asked)
    if not row["filled"]:
        if row["rows"] > 1:
            raise CellError(NA, cells.NO_NUMBERS(argument=cells.COLUMN(column=raw.header)))
        notes.append(cells.ALL_BLANK(argument=cells.COLUMN(column=raw.header)))
    amount = Amount.of_column(row["total"] or 0.0, column)
    amount.parts = _Fetched(raw, context, cells.as_number)
    return amount


def flags(raw: NativeColumn, name: str, context: Context) -> Column:
    """1 for yes, 0 for no, null for a blank."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if dtype in _TEXT:
        word = _filled_text(raw).str.to_lowercase()
        yes, no = word.is_in(sorted(cells.YES)), word.is_in(sorted(cells.NO))
        odd = _asked(raw, odd=nw.when(~word.is_null() & ~yes & ~no).then(word).min())["odd"]
        if odd is not None:
            raise _refused(raw, FLAGS(), odd)
        return _made(raw, name, nw.when(yes).then(1.0).otherwise(nw.when(no).then(0.0)))
    if dtype == nw.Boolean:
        return _made(raw, name, nw.when(column).then(1.0).otherwise(nw.when(~column).then(0.0)))
    if dtype in _NUMBER:
        number = _number(raw)
        odd = _asked(raw, odd=nw.when((number != 0) & (number != 1)).then(number).min())["odd"]
        if odd is not None:
            raise _refused(raw, FLAGS(), odd)
        return _made(raw, name, number)
    if _all_blank(raw):
        return _blank(raw, name)
    raise _refused(raw, FLAGS())


def _flags(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return flags(raw, param.name, context)


def days_or_flags(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> tuple[bool, Column]:
    """A funnel stage's column: days (True), or whether the stage was reached (False)."""
    if _like_cells(raw):
        return columns.flag_or_day(Range(_collected(raw, context), name), name, context, notes)
    dtype = _dtype(raw)
    if dtype in _TEXT:
        words = _stripped(raw).str.to_lowercase().is_in(sorted(cells.YES | cells.NO))
        flagged = bool(_asked(raw, flagged=_holds(words))["flagged"])
    else:
        flagged = (dtype == nw.Boolean or dtype in _NUMBER) and not _all_blank(raw)
    if flagged:
        return False, flags(raw, name, context)
    # Nothing but blanks are days nobody has come to yet.
    if dtype == nw.Boolean or dtype in _NUMBER:
        return True, _blank(raw, name)
    return True, days(raw, name, context, notes)


def keys(raw: NativeColumn, name: str, context: Context) -> Column:
    """Texts, ``""`` for a blank. Whole numbers are written without a decimal point."""
    dtype = _dtype(raw)
    if dtype in _NESTED and not _all_blank(raw):
        raise _refused(raw, NAMES())
    if not raw.table.lazy:
        return cells.read_keys(Range(_collected(raw, context), name), context)
    key = _written(raw, context)
    if dtype in _TEXT:
        error = _asked(raw, error=nw.when(key.is_in(sorted(cells.ERROR_TEXTS))).then(key).min())["error"]
        cells.refuse_error(error, Range(error, cells.COLUMN(column=raw.header)), 0, context)
    return _made(raw, name, nw.coalesce(key, nw.lit("")))


def _written(raw: NativeColumn, context: Context) -> nw.Expr:
    """A value of a query as a cell's label would be; a blank is null or ``""``."""
    dtype, column = _dtype(raw), _local(raw, context)
    if dtype in _TEXT:
        return _stripped(raw)
    # A bare cast would reach into a CSV file and bring back what is written there, " 7" for 7.
    column = nw.when(~column.is_null()).then(column)
    if dtype == nw.Boolean:
        return nw.when(column).then(nw.lit("TRUE")).otherwise(nw.when(~column).then(nw.lit("FALSE")))
    if dtype in _BROKEN:
        number = _number(raw)
        whole = (number == number.round(0)) & (number.abs() < _MOST_EXACT)
        short = nw.when(whole).then(number).cast(nw.Int64).cast(nw.String)
        return nw.coalesce(short, nw.when(~number.is_null()).then(column).cast(nw.String))
    if isinstance(dtype, nw.Datetime):
        day = column.cast(nw.Date)
        midnight = nw.when(column.cast(nw.Datetime("us")) == day.cast(nw.Datetime("us"))).then(day)
        return nw.coalesce(midnight.cast(nw.String), column.dt.to_string("%Y-%m-%d %H:%M:%S"))
    return column.cast(nw.String)


def _keys(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return keys(raw, param.name, context)


def _outcomes(raw: NativeColumn, param: Param, context: Context, notes: list[Sentence]) -> Outcomes:
    if not raw.table.lazy:
        return cells.read_outcomes(Range(_collected(raw, context), param.name), context)
    column = keys(raw, param.name, context)
    words = raw.table.frame.select(word=column.expression).group_by("word").agg(nw.len().alias("rows"))
    counts = Counter({row["word"]: row["rows"] for row in rows_of(words.head(_MOST_WORDS + 1))})
    if len(counts) > _MOST_WORDS:
        raise CellError.value(TOO_MANY_WORDS(column=raw.header, most=_MOST_WORDS))
    meanings = cells.outcome_meanings(counts, param.name, context)
    code = nw.lit(Outcomes.OPEN)
    for meaning, number in (("won", Outcomes.WON), ("lost", Outcomes.LOST), (None, Outcomes.BLANK)):
        meant = [word for word, of in meanings.items() if of == meaning]
        if meant:
            code = nw.when(column.expression.is_in(meant)).then(nw.lit(number)).otherwise(code)
    outcomes = Outcomes(_Fetched(raw, context, _word), meanings, counts)
    outcomes.__dict__["column"] = _made(raw, param.name, code)
    return outcomes


def _word(cell: Any) -> str:
    return "" if cells.is_blank(cell) else cells.label(cell)


class _Fetched(Sequence[Any]):
    """The cells of a column, fetched when a KPI looks at them one by one; table KPIs don't."""

    def __init__(self, raw: NativeColumn, context: Context, read: Callable[[Any], Any]) -> None:
        self._raw, self._context, self._read = raw, context, read

    @cached_property
    def _cells(self) -> list[Any]:
        return [self._read(cell) for cell in _collected(self._raw, self._context)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    def __getitem__(self, index: Any) -> Any:
        return self._cells[index]

    def __len__(self) -> int:
        return len(self._cells)


_READERS: dict[str, Callable[[NativeColumn, Param, Context, list[Sentence]], Any]] = {
    "amount": _amount,
    "outcomes": _outcomes,
    "keys": _keys,
    "days": _days,
    "flags": _flags,
    "numbers": _numbers,
}
