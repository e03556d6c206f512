"""Tables in files: Parquet is queried where it lies, of any size; texts and workbooks are read as cells."""

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
NO_SHEET = text("files.no_sheet", 'there is no sheet "{sheet}". Sheets: {sheets:list}')
NO_SHEETS = text("files.no_sheets", "a sheet can be named for an .xlsx file only.")
NO_WORKBOOK = text("files.no_workbook", "it is no .xlsx workbook, or has a password.")

_ENDINGS = (".parquet", ".csv", ".tsv", ".xlsx", ".xlsm")


def open_table(path: Path, locale: str | None, sheet: str | None = None) -> Any:
    """A file's table for :func:`kpi_udfs.evaluate_on`: a query, or rows of cells.

    ``sheet``: that of a workbook; without it, the first.
    """
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise _refused(path, KINDS(endings=_ENDINGS[:-1]), locale)
    try:
        there = path.is_file()
    except OSError as error:  # a name too long for one, a folder that may not be looked into
        raise _refused(path, UNREADABLE(reason=error.strerror or error), locale) from None
    if not there:
        raise _refused(path, NO_SUCH_FILE(), locale)
    if ending in (".xlsx", ".xlsm"):
        return _sheet(path, sheet, locale)
    if sheet is not None:
        raise _refused(path, NO_SHEETS(), locale)
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
        header = next((line for line in file if line.strip()), "")
        file.seek(0)
        separator = max("\t;,", key=header.count)
        return list(csv.reader(file, delimiter=separator))


def _sheet(path: Path, name: str | None, locale: str | None) -> list[list[Any]]:
    """The cells of a sheet; a formula's is the value that was saved with it."""
    import warnings
    import zipfile

    import openpyxl

    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # openpyxl tells what it would lose on saving; we don't save
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            if name is not None and name not in (names := [sheet.title for sheet in book.worksheets]):
                raise _refused(path, NO_SHEET(sheet=name, sheets=names), locale)
            sheet = book.worksheets[0] if name is None else book[name]
            sheet.reset_dimensions()  # some programs write a wrong size, and only that much would be read
            return [list(row) for row in sheet.iter_rows(values_only=True)]
    except FileError:
        raise
    except zipfile.BadZipFile:
        raise _refused(path, UNREADABLE(reason=NO_WORKBOOK), locale) from None
    except Exception as error:  # whatever a damaged workbook makes of its parser
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise _refused(path, UNREADABLE(reason=reason), locale) from None


def _refused(path: Path, reason: Sentence, locale: str | None) -> FileError:
    return FileError(f"{path}: {say(reason, locale)}")
