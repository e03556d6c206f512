"""The frame in which a table KPI counts: on Polars where it is installed, else on pandas.

Columns that come from a file stay where they are: their frame is a query that runs when its few
result rows are asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from math import nan
from typing import Any

import narwhals as nw

from kpi_udfs.errors import CellError
from kpi_udfs.kinds import Column
from kpi_udfs.kpis.shares import same_length
from kpi_udfs.messages import text

UNREADABLE = text("native.unreadable", "The table can't be read: {problem}")
NOT_OF_THE_TABLE = text(
    "native.not_of_the_table", "{column} is no column of the table that the others come from; name a header of it."
)

#: Errors, by the names of their classes, that come from a file, its contents or the machine, not from
#: a query that was put together wrongly: those of DuckDB (DB-API), of Polars, and of the system.
_OF_THE_SOURCE = {"DataError", "OperationalError", "InvalidInputException", "ComputeError", "OSError"}


@cache
def engine() -> str:
    """What counts the cells of a sheet."""
    return "polars" if find_spec("polars") else "pandas"


def together(**columns: Column | None) -> nw.LazyFrame[Any]:
    """The columns side by side under the names given; those that are None are left out."""
    given = {name: column for name, column in columns.items() if column is not None}
    lazy = next((column.frame for column in given.values() if column.frame is not None), None)
    if lazy is not None:
        for column in given.values():
            if column.frame is None:
                raise CellError.value(NOT_OF_THE_TABLE(column=column.name))
        return lazy.select(**{name: column.expression for name, column in given.items()})  # type: ignore[no-any-return]
    same_length(**{str(column.name): column.values for column in given.values()})
    frame: nw.LazyFrame[Any] = _frame({name: column.values for name, column in given.items()}).lazy()
    return frame


def _frame(columns: dict[str, Any]) -> Any:
    series = [values for values in columns.values() if isinstance(values, nw.Series)]
    native = {
        name: values.to_native() if isinstance(values, nw.Series) else _array(values)
        for name, values in columns.items()
    }
    if series[0].implementation.is_polars() if series else engine() == "polars":
        import polars as pl

        return nw.from_native(pl.DataFrame(native, nan_to_null=True))
    import pandas as pd

    return nw.from_native(pd.DataFrame(native, copy=False))


def _array(values: Any) -> Any:
    """Numbers as an array; None among them becomes NaN, which pandas counts as null."""
    import numpy as np

    read = np.asarray(values)
    return read.astype("float64") if read.dtype == object else read


#: What the quick ways of reading numbers raise at anything else.
_NO_NUMBERS = (TypeError, ValueError, OverflowError)


def plain_numbers(flat: Sequence[Any]) -> Any:
    """A column that holds nothing but numbers and blanks, read at once as an array with NaN for a
    blank; None where any cell needs a closer look. Booleans pass as 1 and 0."""
    import numpy as np

    if engine() == "polars":
        import polars as pl

        # It panics at some mixtures that no host sends.
        with suppress(*_NO_NUMBERS, pl.exceptions.PanicException):
            return pl.Series(flat, dtype=pl.Float64).to_numpy()
    else:
        with suppress(*_NO_NUMBERS):
            return np.frombuffer(array("d", flat))
    with suppress(*_NO_NUMBERS):
        return np.frombuffer(array("d", [nan if cell is None or cell == "" else cell for cell in flat]))
    return None


def one_if(condition: nw.Expr) -> nw.Expr:
    """1 where the condition holds, 0 where it does not or can't be told: what every engine sums alike."""
    return nw.when(condition).then(1).otherwise(0)


def rows_of(frame: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    """The rows of a small result as plain Python values: None for null, whole numbers as int."""
    small = in_memory(frame)
    columns = {name: [_value(value) for value in small[name].to_list()] for name in small.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def in_memory(frame: nw.LazyFrame[Any]) -> nw.DataFrame[Any]:
    """The result of a query; one on a file comes as pandas, which everybody has."""
    stays = frame.implementation.is_polars() or frame.implementation.is_pandas_like()
    with reading():
        return frame.collect() if stays else frame.collect("pandas")


@contextmanager
def reading() -> Iterator[None]:
    """What an engine can't read (a file that is gone, a line of a CSV file that breaks the pattern of
    those before, too little memory) becomes ``#VALUE!`` with the engine's reason."""
    try:
        yield
    except Exception as error:
        if not _OF_THE_SOURCE & {kind.__name__ for kind in type(error).__mro__}:
            raise
        problem = " ".join(str(error).split())
        raise CellError.value(UNREADABLE(problem=problem[:300])) from error


def _value(value: Any) -> Any:
    """NaN and NA are None; Decimals and numpy's numbers are numbers like others."""
    if value is None or type(value) is str or type(value) is int:
        return value
    if str(value) in ("nan", "<NA>"):
        return None
    number = float(value)
    return int(number) if number.is_integer() else number
