"""Every KPI as an xlwings function, made from the registry.

xlwings finds them here on all its ways into Excel: classic COM (UDF module
``kpi_udfs.hosts.xlwings_udfs``), xlwings Lite (``from kpi_udfs.hosts.xlwings_udfs import *`` in
``main.py``) and xlwings Server. Values arrive raw: converting element by element in xlwings is slow
on some of these ways, and :mod:`kpi_udfs.cells` does it once for all.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from itertools import repeat
from operator import contains
from typing import Any

import xlwings as xw

from kpi_udfs import calls, settings
from kpi_udfs.errors import DIV0, NA, NUM, VALUE, CellError, ConfigError
from kpi_udfs.hosts.mistakes import write_down
from kpi_udfs.messages import say
from kpi_udfs.registry import KPIS, KpiSpec

#: On Windows without the Office.js switch, Excel reaches us through COM.
THROUGH_COM = sys.platform == "win32" and os.environ.get("XLWINGS_ON_SERVER") != "true"

#: Errors that Excel turns into real ones when they are returned as text.
_RETURNABLE = frozenset({DIV0, NA, VALUE, NUM, "#NAME?", "#NULL!", "#REF!"})


def _jsnull() -> Any:
    """What newer Pyodides make of a blank cell, JavaScript's null; None where it arrives as None."""
    try:
        from pyodide.ffi import jsnull  # type: ignore[import-not-found]
    except ImportError:
        return None
    return jsnull


_JSNULL = _jsnull()


def _with_none(cells: Any) -> Any:
    """The cells, blanks as None."""
    if not isinstance(cells, list):
        return None if cells is _JSNULL else cells
    if not cells or not isinstance(cells[0], list):  # a row of cells arrives flat
        return [None if cell is _JSNULL else cell for cell in cells]
    if not any(map(contains, cells, repeat(_JSNULL))):
        return cells
    return [[None if cell is _JSNULL else cell for cell in row] if _JSNULL in row else row for row in cells]


def _udf(spec: KpiSpec, locale: str | None) -> Callable[..., Any]:
    def udf(*arguments: Any) -> Any:
        context = calls.context_now(com=THROUGH_COM)
        if _JSNULL is not None:
            arguments = tuple(map(_with_none, arguments))
        return pack(calls.call(spec, arguments, context))

    parameters = [
        inspect.Parameter(param.name, inspect.Parameter.VAR_POSITIONAL)
        if param.repeats
        else inspect.Parameter(
            param.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if param.required else None,
        )
        for param in spec.params
    ]
    # No type hints: xlwings would convert by them.
    udf.__annotations__ = {}
    udf.__name__ = udf.__qualname__ = spec.name
    udf.__doc__ = say(spec.tooltip, locale)
    udf.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    udf.__module__ = __name__
    for param in spec.params:
        udf = xw.arg(param.name, "raw", doc=say(param.help, locale))(udf)
    return xw.func(category="KPI")(xw.ret("raw")(udf))  # type: ignore[no-any-return]


def pack(value: Any) -> list[list[Any]]:
    """A result as Excel takes it: rows of built-in types, errors as their text.

    Office.js declares every function's result a matrix, and xlwings' COM server counts rows before it
    hands over a single value as such.
    """
    rows = value if isinstance(value, list) else [[value]]
    return [[_cell(cell) for cell in row] for row in rows]


def _cell(value: Any) -> Any:
    if isinstance(value, CellError):
        return value.code if value.code in _RETURNABLE else VALUE
    return "" if value is None else value


def _locale() -> str | None:
    try:
        return settings.current().language
    except ConfigError:
        return None  # the functions themselves will say what is wrong


if THROUGH_COM:
    write_down()  # Excel starts Python without a console

globals().update({spec.name: _udf(spec, _locale()) for spec in KPIS.values()})

__all__ = list(KPIS)  # pyright: ignore[reportUnsupportedDunderAll]
