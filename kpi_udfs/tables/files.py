"""Tables in files: Parquet is queried where it lies, of any size; text files are read as cells."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from kpi_udfs.errors import FileError
from kpi_udfs.messages import Sentence, say, text

NO_SUCH_FILE = text("files.no_file", "there is no such file.")
KINDS = text("files.kinds", "a table is read from files that end in {endings:list}; this one does not.")
UNREADABLE = text("files.unreadable", "the file can't be read as a table: {reason}")
NOT_UTF8 = text("files.not_utf8", "the file is not UTF-8 text; save it as CSV UTF-8.")

_ENDINGS = (".parquet", ".csv", ".tsv")


def open_table(path: Path, locale: str | None) -> Any:
    """A file's table for :func:`kpi_udfs.evaluate_on`: a query, or rows of cells."""
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise _refused(path, KINDS(endings=_ENDINGS), locale)
    if not path.is_file():
        raise _refused(path, NO_SUCH_FILE(), locale)
    if ending == ".parquet":
        return _parquet(path, locale)
    try:
        return _cells(path)
    except UnicodeDecodeError:
        raise _refused(path, NOT_UTF8(), locale) from None
    except (OSError, csv.Error) as error:
        raise _refused(path, UNREADABLE(reason=getattr(error, "strerror", None) or error), locale) from None


def _parquet(path: Path, locale: str | None) -> Any:
    import duckdb

    try:
        return duckdb.read_parquet(str(path))
    except duckdb.Error as error:
        raise _refused(path, UNREADABLE(reason=str(error).partition("\n")[0]), locale) from None


def _cells(path: Path) -> list[list[str]]:
    """Every field as the text that stands there: what ``1.500`` or ``3/4/2026`` means depends on the
    language, which a reader that guesses types does not ask for."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        separator = max("\t;,", key=header.count)
        return list(csv.reader(file, delimiter=separator))


def _refused(path: Path, reason: Sentence, locale: str | None) -> FileError:
    return FileError(f"{path}: {say(reason, locale)}")
