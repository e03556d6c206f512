"""The engines that count a table: each makes its own kind of table of the same rows of cells."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kpi_udfs import calls
from kpi_udfs.calls import Answer
from kpi_udfs.errors import CellError
from kpi_udfs.registry import KPIS
from kpi_udfs.tables import frames

#: Rows of cells, the header row first.
Rows = Sequence[Sequence[Any]]


def need(library: str) -> None:
    """Skip where an optional library is missing; in CI that is a failure."""
    if find_spec(library):
        return
    if os.environ.get("CI"):
        pytest.fail(f"{library} is not installed; its engine can't run")
    pytest.skip(f"needs {library}, an optional dependency")


def pandas_frame(rows: Rows) -> Any:
    import pandas as pd

    columns = {header: pd.Series(list(cells)) for header, *cells in zip(*rows, strict=True)}
    frame = pd.DataFrame(columns)
    # A column of dates is one of dates, as every reader of files makes it.
    for header, *cells in zip(*rows, strict=True):
        if any(hasattr(cell, "toordinal") for cell in cells):
            frame[header] = pd.to_datetime(frame[header])
    return frame


def polars_frame(rows: Rows) -> Any:
    import polars as pl

    return pl.DataFrame({header: list(cells) for header, *cells in zip(*rows, strict=True)}, strict=False)


class Engines:
    """Tables of every engine, all of the same rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._connection: Any = None

    @property
    def connection(self) -> Any:
        if self._connection is None:
            import duckdb

            self._connection = duckdb.connect()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def cells(self, rows: Rows) -> Any:
        return [list(row) for row in rows]

    def pandas(self, rows: Rows) -> Any:
        return pandas_frame(rows)

    def pandas_nullable(self, rows: Rows) -> Any:
        return pandas_frame(rows).convert_dtypes()

    def polars(self, rows: Rows) -> Any:
        return polars_frame(rows)

    def polars_lazy(self, rows: Rows) -> Any:
        return polars_frame(rows).lazy()

    def duckdb(self, rows: Rows, made: str = "made") -> Any:
        """A table of DuckDB, its types those that the cells have."""
        header = rows[0]
        kinds = []
        for _, *cells in zip(*rows, strict=True):
            found = {type(cell) for cell in cells if cell is not None}
            kinds.append(next((kind for of, kind in DUCKDB_TYPES if found and found <= of), "varchar"))
        columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(header, kinds, strict=True))
        self.connection.execute(f"drop table if exists {made}")  # with what still asks it
        self.connection.execute(f"create table {made} ({columns})")
        if len(rows) == 1:
            return self.connection.table(made)
        if len(rows) > 2000:
            source = pandas_frame(rows)
            self.connection.register("source", source)
            self.connection.execute(f"insert into {made} select * from source")
            return self.connection.table(made)
        places = ", ".join("?" * len(header))
        # One statement for many rows: each has its price.
        for start in range(1, len(rows), 500):
            part = rows[start : start + 500]
            values = ", ".join([f"({places})"] * len(part))
            self.connection.execute(f"insert into {made} values {values}", [cell for row in part for cell in row])
        return self.connection.table(made)

    def duckdb_parquet(self, rows: Rows) -> Any:
        path = self.folder / "table.parquet"
        self.duckdb(rows).write_parquet(str(path))
        return self.connection.read_parquet(str(path))

    def duckdb_csv(self, rows: Rows) -> Any:
        path = self.folder / "table.csv"
        self.duckdb(rows).write_csv(str(path), header=True)
        return self.connection.read_csv(str(path))


#: What a column of such cells is in DuckDB.
DUCKDB_TYPES = [
    ({bool}, "boolean"),
    ({int}, "bigint"),
    ({int, float}, "double"),
    ({Decimal}, "decimal(18, 4)"),
    ({date}, "date"),
    ({date, datetime}, "timestamp"),
]

#: Name, the library it needs, what counts cells meanwhile, and the table it makes of rows.
ENGINES: dict[str, tuple[str, str, Callable[[Engines, Rows], Any]]] = {
    "cells, pandas": ("pandas", "pandas", Engines.cells),
    "cells, polars": ("polars", "polars", Engines.cells),
    "pandas": ("pandas", "pandas", Engines.pandas),
    "pandas nullable": ("pandas", "pandas", Engines.pandas_nullable),
    "polars": ("polars", "polars", Engines.polars),
    "polars lazy": ("polars", "polars", Engines.polars_lazy),
    "duckdb": ("duckdb", "pandas", Engines.duckdb),
    "duckdb parquet": ("duckdb", "pandas", Engines.duckdb_parquet),
    "duckdb csv": ("duckdb", "pandas", Engines.duckdb_csv),
}


def counting_on(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are counted by this library, whichever are installed."""
    monkeypatch.setattr(frames, "engine", lambda: engine)


def answer(kpi: str, table: Any, **given: Any) -> Answer:
    return calls.answer_on(KPIS[kpi], table, given, calls.context_now())


def plain(value: Any) -> Any:
    """An answer whose errors tell their reasons."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, CellError) else value


def about(value: Any) -> Any:
    """The same, its floats to 1e-12."""
    if isinstance(value, list):
        return [about(part) for part in value]
    return pytest.approx(value, rel=1e-12, abs=1e-12) if isinstance(value, float) else plain(value)
