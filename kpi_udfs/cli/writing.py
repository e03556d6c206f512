"""Files that are whole or not there: written beside their place, then moved to it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kpi_udfs.cli.calling import stop
from kpi_udfs.messages import say, text

ENDINGS = (".csv", ".xlsx", ".json")
OUTPUT_ENDS = text("cli.output_ends", "{file}: results are written to files that end in {endings:list}.")
CANT_WRITE_FILE = text("cli.cant_write_file", "{file}: the file can't be written: {reason}")
TOO_MANY_ROWS = text("cli.too_many_rows", "{file}: a sheet holds {rows:count} rows at most; write a .csv file.")
NO_FOLDER = text("cli.no_folder", "there is no such folder")
A_FOLDER = text("cli.a_folder", "this is a folder")

#: Rows of a sheet, and characters of a cell.
_MOST_ROWS, _LONGEST = 1_048_576, 32_767


def check_output(file: Path, locale: str | None) -> None:
    """Stop where a file can't be written for a reason that is known before there is anything to write."""
    if file.suffix.lower() not in ENDINGS:
        stop(say(OUTPUT_ENDS(file=file, endings=ENDINGS), locale))
    with said_if_unwritable(file, locale):
        reason = A_FOLDER if file.is_dir() else None if file.parent.is_dir() else NO_FOLDER
    if reason:
        stop(say(CANT_WRITE_FILE(file=file, reason=reason), locale))


def write_rows(file: Path, rows: Sequence[Sequence[Any]], as_object: Any, locale: str | None) -> None:
    """Rows as CSV or XLSX, or the object as JSON, by the file's ending."""
    ending = file.suffix.lower()
    if ending == ".xlsx" and len(rows) > _MOST_ROWS:
        stop(say(TOO_MANY_ROWS(file=file, rows=_MOST_ROWS), locale))
    with said_if_unwritable(file, locale):
        if ending == ".xlsx":
            write_whole(file, lambda place: _write_sheet(place, rows))
        else:
            content = as_csv(rows) if ending == ".csv" else as_json(as_object) + "\n"
            # Excel takes a CSV file for UTF-8 by the mark at its beginning.
            write_bytes(file, content.encode("utf-8-sig" if ending == ".csv" else "utf-8"))


@contextmanager
def said_if_unwritable(file: Path, locale: str | None) -> Iterator[None]:
    """What the system refuses is said in a line, with exit code 2."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: links that point at one another
        stop(say(CANT_WRITE_FILE(file=file, reason=getattr(error, "strerror", None) or error), locale))


def free_name(path: Path) -> Path:
    """``path``, or with a number where a file stands there already: somebody may have worked in it."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}_{number}")
    return free


def write_bytes(file: Path, content: bytes) -> None:
    """A file of this content."""
    write_whole(file, lambda place: place.write_bytes(content))


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make the file in another place, and move it to its own once it is whole."""
    file = file.resolve()  # of a link, what it points to is replaced
    beside = file.with_name(f".kpi_udfs.{os.getpid()}.part")
    try:
        write(beside)
        with beside.open("rb+") as written:
            os.fsync(written.fileno())  # after a power cut, too, the name leads to the old file or the new one
        if file.exists():
            beside.chmod(file.stat().st_mode & 0o777)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def as_json(facts: Any) -> str:
    """An object as it is printed, too."""
    return json.dumps(facts, ensure_ascii=False, indent=2)


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    """Comma-separated lines, numbers with a decimal point."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerows([list(map(plain, row)) for row in rows])
    return made.getvalue()


def plain(cell: Any) -> Any:
    """A cell as programs read it: a number in its shortest form."""
    return f"{cell:.15g}" if isinstance(cell, float) else cell


def _write_sheet(place: Path, rows: Sequence[Sequence[Any]]) -> None:
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub(" ", value)[:_LONGEST])
        made.data_type = "s"  # a text that begins with "=" stays one
        return made

    for row in rows:
        sheet.append([cell(value) for value in row])
    book.save(place)
