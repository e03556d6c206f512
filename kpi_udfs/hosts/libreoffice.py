"""What Calc sends, as the functions take it, and what they say, as Calc takes it.

The add-in that LibreOffice loads (``publish/calc_addin``) is the only part that imports UNO; this module is handed
plain values and the calling document. Numbers, dates and true or false arrive as floats, a blank cell of a range as
``""``, a blank cell by itself as 0, an argument that was left out as None, a range as a tuple of tuples; where the
interface says rows, a single cell, too.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from kpi_udfs import calls, settings
from kpi_udfs.cells import Context
from kpi_udfs.errors import DIV0, NA, NUM, VALUE, CellError, ConfigError
from kpi_udfs.hosts.mistakes import write_down
from kpi_udfs.messages import say, text
from kpi_udfs.registry import KPIS, Block, KpiSpec, Measure

NEEDS = text(
    "libreoffice.needs",
    "{kpi} needs the Python package {package}, which LibreOffice's Python does not have: run kpi-udfs libreoffice install "
    "--with-pandas, then start LibreOffice anew.",
)

#: Calc's numbers for errors.
_NUMBERS = {"#NULL!": 521, NUM: 503, VALUE: 519, "#REF!": 524, "#NAME?": 525, DIV0: 532, NA: 32767}
#: Rows of a sheet: a range of so many is made of whole columns.
_ALL_ROWS = 1_048_576
#: The day from which Calc counts unless a document says otherwise; the same serials as in Excel's usual system.
_USUAL = (1899, 12, 30)


class Document(Protocol):
    """The calling document, as far as it is asked here (``com.sun.star.beans.XPropertySet``, ``XModel``, ``XStorable``)."""

    def getPropertyValue(self, name: str) -> Any:
        """A property: ``NullDate`` has Year, Month and Day."""

    def getURL(self) -> str:
        """Where it lies; empty where it was never saved, and while it is being read."""

    def getLocation(self) -> str:
        """Where it is being read from (``XStorable``)."""


def _error(code: str) -> float:
    """An error as Calc takes it from an add-in: not a number, with the error's own number in the low bits."""
    pattern = 0x7FF8 << 48 | _NUMBERS.get(code, _NUMBERS[VALUE])
    return float(struct.unpack("<d", struct.pack("<Q", pattern))[0])


class Door:
    """What the add-in calls. ``user``: the folder of LibreOffice's user profile."""

    def __init__(self, user: str) -> None:
        added = packages(Path(user))
        if added.is_dir() and str(added) not in sys.path:
            # Behind our own, before what else is installed: whoever filled this folder wants it to count.
            sys.path.insert(1, str(added))
        write_down()
        #: What is known of a document that counts days as usual and lies nowhere, as long as the settings are the same.
        self._usual = Context(settings.Settings(), needs=NEEDS)

    def answer(self, name: str, arguments: Sequence[Any], document: Document | None = None) -> Any:
        """What belongs in the cell."""
        context = self._context() if document is None else calls.context_now(needs=NEEDS, **_facts(document))
        spec = KPIS[name]
        if spec.repeats:  # the arguments of the last parameter come as one
            arguments = (*arguments[: len(spec.params) - 1], *arguments[-1])
        if isinstance(context, CellError):
            cell = calls.call(spec, (), context)
            return pack(cell) if spec.gives_block else _packed(cell)
        result = calls.result_of(spec, _as_given(arguments), context, [])
        if type(result) is Measure:
            value = result.value
            return value if type(value) is float else _packed(value)
        if isinstance(result, CellError) and result.reason.text is NEEDS:
            return _said(result, spec, context)
        cell = result.rows if isinstance(result, Block) else result
        return pack(cell) if spec.gives_block else _packed(cell)

    def _context(self) -> Context | CellError:
        """The context of a call that knows nothing of its document, made once for the settings in force."""
        try:
            if settings.current() is self._usual.settings:
                return self._usual
        except ConfigError:
            pass  # said by the one that is made now
        context = calls.context_now(needs=NEEDS)
        if isinstance(context, Context):
            self._usual = context
        return context


def _said(error: CellError, spec: KpiSpec, context: Context) -> Any:
    """Something to install is said in words; the rest of a block are errors, which nobody takes for numbers."""
    said = say(error.reason, context.settings.language)
    if not spec.gives_block:
        return said
    code = _error(error.code)
    return ((said, code), (code, code))


def packages(user: Path) -> Path:
    """Where ``kpi-udfs libreoffice install --with-pandas`` puts what LibreOffice's Python does not have."""
    return user / "kpi_udfs" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def pack(value: Any) -> tuple[tuple[Any, ...], ...]:
    """A block's cells, or a single one."""
    rows = value if isinstance(value, list) else [[value]]
    return tuple(tuple(map(_packed, row)) for row in rows)


def _packed(value: Any) -> Any:
    if isinstance(value, CellError):
        return _error(value.code)
    if value is None:
        return ""  # nothing at all would be #N/A, or 0 in a block
    if isinstance(value, str):
        return value
    return float(value)  # true would arrive as 0


def _facts(document: Document) -> dict[str, Any]:
    """How the document counts days, and the folder in which it lies."""
    null = document.getPropertyValue("NullDate")
    facts: dict[str, Any] = {}
    if (null.Year, null.Month, null.Day) != _USUAL:
        facts["day_zero"] = date(null.Year, null.Month, null.Day).toordinal()
    else:
        facts["date1904"] = False
    # Calc recalculates what it reads before the document has its URL.
    place = urlsplit(document.getURL() or document.getLocation())
    path = url2pathname(place.path)
    # Rules are read from this computer only; a share of another one begins with two strokes.
    if place.scheme == "file" and not place.netloc and path[1:2] not in ("/", "\\"):
        facts["folder"] = Path(path).parent
    return facts


def _as_given(arguments: Sequence[Any]) -> list[Any]:
    """Rows of one cell are that cell, as on every host, and whole columns end with the last row that any of them uses."""
    given = []
    whole = False
    for cells in arguments:
        if type(cells) is tuple:
            if len(cells) == 1 == len(cells[0]):
                cells = cells[0][0]
            else:
                whole = whole or _is_whole(cells)
        given.append(cells)
    if whole:
        used = max(1, *(_used(cells) for cells in given if _is_whole(cells)))
        given = [cells[:used] if _is_whole(cells) else cells for cells in given]
    return given


def _is_whole(cells: Any) -> bool:
    """Whether these are whole columns."""
    return type(cells) is tuple and len(cells) >= _ALL_ROWS


def _used(rows: tuple[tuple[Any, ...], ...]) -> int:
    """The number of the last row that is not blank; 0 where all are."""
    blank = ("",) * len(rows[0])
    return next((number for number in range(len(rows), 0, -1) if rows[number - 1] != blank), 0)
