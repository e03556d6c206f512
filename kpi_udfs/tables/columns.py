"""The columns of a table by their numbers, read the same way from cells, data frames and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kpi_udfs import cells
from kpi_udfs.cells import Context, Range
from kpi_udfs.kinds import Column, Kind, NativeColumn, NativeTable, TableData
from kpi_udfs.messages import Sentence
from kpi_udfs.registry import Param
from kpi_udfs.tables import headers

#: A column not read yet.
RawColumn = Range | NativeColumn


def raw_columns(data: TableData, indexes: Sequence[int]) -> list[RawColumn]:
    """The columns with these numbers, in their order."""
    if data.native:
        return [NativeColumn(data.native, data.headers[index]) for index in indexes]
    return list(cells.cell_columns(data, indexes))


def read_column(raw: RawColumn, kind: Kind, context: Context, notes: list[Sentence]) -> Column:
    """The column as its kind is read: keys, days, flags or numbers."""
    param = Param(str(raw.header if isinstance(raw, NativeColumn) else raw.argument), kind, cells.COLUMN)
    read: Column = cells.read(raw, param, context, notes)
    return read


def opened(table: Any, context: Context) -> Any:
    """A table as an argument of a call: rows of cells as they are, anything else as narwhals sees it."""
    if isinstance(table, list | tuple):
        return table
    from kpi_udfs.tables import native_columns

    return native_columns.native_table(table, context)


def named_column(table: Any, name: str, context: Context, or_number: bool = False) -> Any:
    """The column of an opened table that is called ``name``, as an argument of a call.

    ``or_number``: what is no header may be a number, which stands for itself.
    """
    data = table if isinstance(table, NativeTable) else cells.read_table(table, "table", context)
    if or_number and name not in data.headers and not isinstance(cells.written_number(name, context), str):
        return name
    index = headers.find(data.headers, name, context.settings.columns)
    if isinstance(data, NativeTable):
        data.named.append(data.headers[index])
        return NativeColumn(data, data.headers[index])
    (column,) = cells.cell_columns(data, [index])
    return column


def as_cells(data: TableData, indexes: Sequence[int], context: Context) -> list[Range]:
    """The columns as cells, their rows numbered as the user counts; rows that are blank all over are left out."""
    if not indexes:
        return []
    if data.native:
        from kpi_udfs.tables import native_columns

        return native_columns.fetched(data.native, [data.headers[index] for index in indexes], data.first, context)
    return cells.cell_columns(data, indexes)


def keys(raw: RawColumn, name: str, context: Context) -> Column:
    """Names; a blank is ``""``."""
    if isinstance(raw, NativeColumn):
        from kpi_udfs.tables import native_columns

        return native_columns.keys(raw, name, context)
    return cells.read_keys(raw, context)


def flag_or_day(raw: RawColumn, name: str, context: Context, notes: list[Sentence]) -> tuple[bool, Column]:
    """Days (True), or whether something happened (False), whichever the column holds."""
    if isinstance(raw, NativeColumn):
        from kpi_udfs.tables import native_columns

        return native_columns.days_or_flags(raw, name, context, notes)
    if not _begins_with_a_serial(raw.flat):
        flags = set(map(cells.flag, raw.flat))
        if 0 in flags or 1 in flags:
            return False, cells.read_flag_column(raw, context)
    return True, cells.read_day_column(raw, context, notes)


def _begins_with_a_serial(flat: Sequence[object]) -> bool:
    """Whether the first filled cell is a number no flag can be: spares a look at all the others."""
    first = next((cell for cell in flat if cell is not None and cell != ""), None)
    return isinstance(first, int | float) and first > 1
