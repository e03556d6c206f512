"""Tables in files, of any size: DuckDB reads them where they lie, never whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kpi_udfs.errors import FileError
from kpi_udfs.messages import say, text

NO_SUCH_FILE = text("files.no_file", "there is no such file.")
KINDS = text("files.kinds", "a table is read from files that end in {endings:list}; this one does not.")
UNREADABLE = text("files.unreadable", "the file can't be read as a table: {reason}")

_READERS = {
    ".parquet": lambda connection, path: connection.read_parquet(path),
    ".csv": lambda connection, path: connection.read_csv(path),
    ".tsv": lambda connection, path: connection.read_csv(path, sep="\t"),
}


def open_table(path: Path, locale: str | None) -> Any:
    """A query on the file's rows, for :func:`kpi_udfs.evaluate_on`."""
    import duckdb

    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path}: {say(KINDS(endings=list(_READERS)), locale)}")
    if not path.is_file():
        raise FileError(f"{path}: {say(NO_SUCH_FILE, locale)}")
    try:
        return reader(duckdb.connect(), str(path))
    except duckdb.Error as error:
        first_line = str(error).partition("\n")[0]
        raise FileError(f"{path}: {say(UNREADABLE(reason=first_line), locale)}") from None
