"""Columns of data frames and files, brought into the form in which KPIs count.

A data frame in memory (pandas, Polars) is read at once. A query (DuckDB) stays one: each column
becomes an expression, and only what has to be known beforehand (which words an outcome column
holds, whether texts are dates) is asked of it. What can't become days, numbers or flags without
guessing is refused, with the column and one of its values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import narwhals as nw

from kpi_udfs import cells
from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import MONEY, Amount, Column, NativeColumn, NativeTable, Outcomes, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.tables.frames import in_memory, rows_of, together

NOT_A_TABLE = text("native.not_a_table", "This is no table kpi_udfs can read: {kind}.")
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
TOO_MANY_WORDS = text(
    "native.too_many_words", 'Column "{column}" holds more than {most:count} different texts; is it the right one?'
)

#: Before any day in business, so that whole days since it never round towards zero.
_ORIGIN = datetime(1900, 1, 1)
_WHOLE = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.Int128, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64, nw.UInt128)
_NUMBER = (*_WHOLE, nw.Float32, nw.Float64, nw.Decimal)
_TEXT = (nw.String, nw.Categorical, nw.Enum)
_ISO_DAY = "^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$"
#: The name of a helper column.
_EMPTY = "kpi_udfs_empty_row"
#: An outcome column has a handful of words; a column of names has thousands.
_MOST_WORDS = 1000


def native_table(native: Any, context: Context) -> NativeTable:
    """A pandas or Polars frame, a DuckDB relation, or anything else narwhals knows."""
    try:
        frame = nw.from_native(_in_local_time(native, context))
    except TypeError:
        raise CellError.value(NOT_A_TABLE(kind=type(native).__name__)) from None
    if isinstance(frame, nw.Series):
        raise CellError.value(NOT_A_TABLE(kind=type(native).__name__))
    headers = tuple(map(str, frame.collect_schema().names()))
    seen: dict[str, str] = {}
    for header in headers:
        if (first := seen.setdefault(header.casefold(), header)) is not header:
            raise CellError.value(SAME_BUT_FOR_CASE(first=first, second=header))
    return NativeTable(frame.lazy(), headers, lazy=isinstance(frame, nw.LazyFrame))


def _in_local_time(native: Any, context: Context) -> Any:
    """DuckDB knows time zones by its session alone: let it turn moments into local times itself."""
    if not type(native).__module__.startswith(("duckdb", "_duckdb")):
        return native
    import duckdb

    zone = duckdb.ConstantExpression(context.settings.timezone)
    return native.select(
        *(
            duckdb.FunctionExpression("timezone", zone, duckdb.ColumnExpression(name)).alias(name)
            if "TIME ZONE" in str(kind)
            else duckdb.ColumnExpression(name)
            for name, kind in zip(native.columns, native.types, strict=True)
        )
    )


def read_native(raw: NativeColumn | NativeTable, param: Any, context: Context, notes: list[Sentence]) -> Any:
    """What ``raw`` is for ``param``."""
    if isinstance(raw, NativeTable):
        if param.kind.shape != "table":
            raise CellError.value(cells.TOO_MANY_CELLS(argument=param.name))
        return TableData(raw.headers, native=raw)
    reader = _READERS.get(param.kind.shape)
    if reader is None:  # a KPI over plain cells: its one column is fetched
        return cells.read(_collected(raw), param, context, notes)
    return reader(raw, param.name, context, notes)


def _collected(raw: NativeColumn) -> list[Any]:
    """The column's values as cells, None for null."""
    series = in_memory(raw.table.frame.select(raw.header))[raw.header]
    nothing = series.is_null().to_list()
    return [None if null else value for value, null in zip(series.to_list(), nothing, strict=True)]


def fetched(table: NativeTable, headers: list[str], first: int) -> list[Range]:
    """Some columns as cells, in one query so that their rows stay together; ``first``: the first row's number."""
    empty = nw.all_horizontal(*(nw.col(header).is_null() for header in table.headers), ignore_nulls=True)
    rows = table.frame.select(*headers, **{_EMPTY: empty})
    small = rows.collect() if not table.lazy or rows.implementation.is_polars() else rows.collect("pandas")
    kept = [place for place, blank in enumerate(small[_EMPTY].to_list()) if not blank]
    numbers = [first + place for place in kept]
    columns = []
    for header in headers:
        # NaT and NA answer no question that a cell is asked.
        nulls, values = small[header].is_null().to_list(), small[header].to_list()
        flat = [None if nulls[place] else values[place] for place in kept]
        columns.append(Range(flat, cells.COLUMN(column=header), numbers))
    return columns


def _made(raw: NativeColumn, name: str, expression: nw.Expr) -> Column:
    """The column: an expression over a query, or its values where the frame lies in memory."""
    if raw.table.lazy:
        return Column(name, frame=raw.table.frame, expression=expression)
    series = raw.table.frame.select(made=expression).collect()["made"]
    return Column(name, series)


def _dtype(raw: NativeColumn) -> Any:
    return raw.table.frame.collect_schema()[raw.header]


def _refused(raw: NativeColumn, wanted: Sentence, content: Any = None) -> CellError:
    if content is None:
        column = nw.col(raw.header)
        filled = in_memory(raw.table.frame.select(raw.header).filter(~column.is_null()).head(1))
        content = next(iter(filled[raw.header].to_list()), "")
    facts = {"column": raw.header, "dtype": str(_dtype(raw)), "content": str(content)[:60], "wanted": wanted}
    return CellError.value(NOT_READABLE_AS(**facts))


def _first_not(raw: NativeColumn, fits: nw.Expr) -> Any:
    """A filled text of the column that does not fit, or None."""
    column = _stripped(raw.header)
    odd = nw.when(~column.is_null() & (column != "") & ~fits).then(column)
    (row,) = rows_of(raw.table.frame.select(odd=odd.min()))
    return row["odd"]


def _stripped(header: str) -> nw.Expr:
    return nw.col(header).cast(nw.String).str.strip_chars()


# ----------------------------------------------------------------------------------- the readers


def days(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Column:
    """Day numbers in the configured time zone."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if isinstance(dtype, nw.Datetime) and dtype.time_zone:
        column = column.dt.convert_time_zone(context.settings.timezone).dt.replace_time_zone(None)
    elif dtype in _TEXT:
        if not raw.table.lazy:  # in memory, texts are read as cells are: in the configured language
            return cells.read_day_column(Range(_collected(raw), name), context, notes)
        wrong = _first_not(raw, _stripped(raw.header).str.contains(_ISO_DAY))
        if wrong is not None:
            raise _refused(raw, DAYS(), wrong)
        written = _stripped(raw.header).str.slice(0, 10)
        column = nw.when(written != "").then(written).str.to_datetime(format="%Y-%m-%d")
    elif dtype == nw.Object:
        return cells.read_day_column(Range(_collected(raw), name), context, notes)
    elif _all_null(raw):
        return _made(raw, name, nw.lit(None, nw.Float64))
    elif dtype != nw.Date and not isinstance(dtype, nw.Datetime):
        raise _refused(raw, DAYS())
    seconds = (column.cast(nw.Datetime("us")) - nw.lit(_ORIGIN)).dt.total_seconds()
    return _made(raw, name, (seconds // 86_400 + _ORIGIN.toordinal()).cast(nw.Float64))


def _day_numbers(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> list[int | None]:
    column = days(raw, name, context, notes)
    return [None if row["day"] is None else int(row["day"]) for row in rows_of(together(day=column))]


def numbers(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Column:
    """Finite numbers; NaN and infinity count as blank, as they are in no cell."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if dtype in _TEXT or dtype == nw.Object:
        if raw.table.lazy:
            raise _refused(raw, NUMBERS())
        return cells.read_number_column(Range(_collected(raw), name), MONEY, context, notes)
    if dtype not in _NUMBER:
        if _all_null(raw):
            return _made(raw, name, nw.lit(None, nw.Float64))
        raise _refused(raw, NUMBERS())
    number = column.cast(nw.Float64)
    return _made(raw, name, nw.when(number.is_finite()).then(number))


def _amount(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Amount:
    column = numbers(raw, name, context, notes)
    (row,) = rows_of(together(amount=column).select(nw.col("amount").sum()))
    return Amount.of_column(row["amount"] or 0.0, column)


def flags(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Column:
    """1 for yes, 0 for no, null for a blank."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if dtype == nw.Object:
        return cells.read_flag_column(Range(_collected(raw), name), context, blank=None)
    if dtype in _TEXT:
        word = _stripped(raw.header).str.to_lowercase()
        yes, no = word.is_in(sorted(cells.YES)), word.is_in(sorted(cells.NO))
        wrong = _first_not(raw, yes | no)
        if wrong is not None:
            raise _refused(raw, FLAGS(), wrong)
        return _made(raw, name, nw.when(yes).then(1.0).otherwise(nw.when(no).then(0.0)))
    if dtype == nw.Boolean:
        return _made(raw, name, nw.when(column).then(1.0).otherwise(nw.when(~column).then(0.0)))
    if dtype in _NUMBER:
        number = column.cast(nw.Float64)
        odd = nw.when(number.is_finite() & (number != 0) & (number != 1)).then(number)
        (row,) = rows_of(raw.table.frame.select(odd=odd.min()))
        if row["odd"] is not None:
            raise _refused(raw, FLAGS(), row["odd"])
        return _made(raw, name, nw.when(number.is_finite()).then(number))
    if _all_null(raw):
        return _made(raw, name, nw.lit(None, nw.Float64))
    raise _refused(raw, FLAGS())


def days_or_flags(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> tuple[bool, Column]:
    """A funnel stage's column: days (True), or whether the stage was reached (False)."""
    dtype = _dtype(raw)
    if dtype in _TEXT:
        word = _stripped(raw.header).str.to_lowercase()
        dated = _first_not(raw, word.is_in(sorted(cells.YES | cells.NO))) is not None
    else:
        dated = not (dtype == nw.Boolean or (dtype in _NUMBER and not _all_null(raw)))
    if dated:
        return True, days(raw, name, context, notes)
    column = flags(raw, name, context, notes)
    return False, column


def keys(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Column:
    """Texts, ``""`` for a blank. Whole numbers are written without a decimal point."""
    dtype, column = _dtype(raw), nw.col(raw.header)
    if not raw.table.lazy:
        return cells.read_keys(Range(_collected(raw), name), context)
    if dtype in (nw.Float32, nw.Float64, nw.Decimal):
        whole = (
            nw.when(column.is_finite() & (column == column.round(0))).then(column) if dtype != nw.Decimal else column
        )
        column = nw.coalesce(whole.cast(nw.Int64).cast(nw.String), column.cast(nw.String))
    return _made(raw, name, nw.coalesce(column.cast(nw.String).str.strip_chars(), nw.lit("")))


def _outcomes(raw: NativeColumn, name: str, context: Context, notes: list[Sentence]) -> Outcomes:
    if not raw.table.lazy:
        return cells.read_outcomes(Range(_collected(raw), name), context)
    column = keys(raw, name, context, notes)
    words = raw.table.frame.select(word=column.expression).group_by("word").agg(nw.len().alias("rows"))
    counts = Counter({row["word"]: row["rows"] for row in rows_of(words.head(_MOST_WORDS + 1))})
    if len(counts) > _MOST_WORDS:
        raise CellError.value(TOO_MANY_WORDS(column=raw.header, most=_MOST_WORDS))
    meanings = cells.outcome_meanings(counts, name, context)
    code = nw.lit(Outcomes.OPEN)
    for meaning, number in (("won", Outcomes.WON), ("lost", Outcomes.LOST), (None, Outcomes.BLANK)):
        meant = [word for word, of in meanings.items() if of == meaning]
        if meant:
            code = nw.when(column.expression.is_in(meant)).then(nw.lit(number)).otherwise(code)
    outcomes = Outcomes(_Later(raw), meanings, counts)
    outcomes.__dict__["column"] = _made(raw, name, code)
    return outcomes


class _Later(list[Any]):
    """The cells of a column, fetched when somebody looks at them."""

    def __init__(self, raw: NativeColumn) -> None:
        self.raw = raw

    def __iter__(self) -> Any:
        return iter(_collected(self.raw))

    def __len__(self) -> int:
        (row,) = rows_of(self.raw.table.frame.select(rows=nw.len()))
        return int(row["rows"])


def _all_null(raw: NativeColumn) -> bool:
    dtype = _dtype(raw)
    if dtype in (nw.Unknown, nw.Object) or "null" in str(dtype).lower():
        return True
    (row,) = rows_of(raw.table.frame.select(filled=(~nw.col(raw.header).is_null()).cast(nw.Int64).sum()))
    return not row["filled"]


_READERS: dict[str, Callable[[NativeColumn, str, Context, list[Sentence]], Any]] = {
    "amount": _amount,
    "outcomes": _outcomes,
    "keys": keys,
    "days": days,
    "dates": _day_numbers,
    "flags": flags,
    "numbers": numbers,
}
