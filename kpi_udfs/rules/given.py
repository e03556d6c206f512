"""The rules that a formula names: a file, the YAML text in cells, or none, which means the default."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Any

from kpi_udfs import cells
from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import CellError, ConfigError
from kpi_udfs.messages import text
from kpi_udfs.rules import files
from kpi_udfs.rules.model import RuleSet

NO_FILE = text(
    "rules.given.no_file",
    'There is no rules file "{name}". Looked in: {folders:list}. "kpi-udfs config show" lists what is in force.',
)
FAR_AWAY = text(
    "rules.given.far_away", 'Rules are read from this computer only, not from a network address such as "{name}".'
)
TWO_COLUMNS = text(
    "rules.given.two_columns", "The rules stand in more than one column ({place}); one column belongs here."
)


def given_rules(raw: Any, context: Context) -> RuleSet:
    """The rules of an argument. Raises :class:`CellError` with the first problem of rules that can't be used."""
    from kpi_udfs.calls import bad_config

    lines = [] if raw is None or cells.is_left_out(raw, context) else _lines(raw, context)
    written = "\n".join(lines)
    try:
        if not written.strip():
            return _of_file(files.DEFAULT, context)
        # A name is one word on one line; rules begin with "schema:".
        if len(lines) == 1 and "\n" not in written and not written.lstrip().startswith(("schema:", "#")):
            return _of_file(written.strip(), context)
        return files.load_text(written)
    except ConfigError as error:
        raise CellError.value(bad_config(error)) from None


def _of_file(name: str, context: Context) -> RuleSet:
    # Windows takes either slash, also mixed, for the beginning of a network address.
    if PureWindowsPath(name).drive.startswith("\\\\") or name.replace("\\", "/").startswith("//") or "://" in name:
        raise CellError.value(FAR_AWAY(name=name[:60]))
    try:
        found = files.find(name, context.folder)
    except (OSError, ValueError):  # too long for a path, or with a sign that no path has
        found = None
    if found is None:
        raise CellError.value(
            NO_FILE(name=name[:60], folders=[str(place) for _, place in files.places(context.folder)])
        )
    return files.load(found.file)


def _lines(raw: Any, context: Context) -> list[str]:
    """The lines that a range of cells holds; blank cells are blank lines, so that line numbers are rows."""
    grid = Range(raw, "rules")
    for index, cell in enumerate(grid.flat):
        cells.refuse_error(cell, grid, index, context)
    rows = raw if isinstance(raw, list | tuple) else [raw]
    lines = []
    for number, row in enumerate(rows):
        filled = [cell for cell in (row if isinstance(row, list | tuple) else [row]) if not cells.is_blank(cell)]
        if len(filled) > 1:
            raise CellError.value(TWO_COLUMNS(place=grid.place(number * grid.columns)))
        written = filled[0] if filled and isinstance(filled[0], str) else "".join(map(cells.label, filled))
        # What is copied from a page on the web is often indented with no-break spaces.
        lines.append(written.replace("\N{NO-BREAK SPACE}", " "))
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
