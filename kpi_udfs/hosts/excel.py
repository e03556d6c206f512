"""The door for the VBA that our workbooks and the add-in carry.

One function answers for all: it is told which KPI is meant, how the calling workbook counts days and
where it lies, and gets the cells as values. No range and no workbook crosses from Excel to Python, each
of which would ask back some thirty times.
"""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import xlwings as xw

from kpi_udfs import calls
from kpi_udfs.hosts.xlwings_udfs import pack
from kpi_udfs.registry import KPIS


@xw.func
@xw.arg("name", "raw")
@xw.arg("base", "raw")
@xw.arg("folder", "raw")
@xw.arg("arguments", "raw")
@xw.ret("raw")
def ANSWER(name, base, folder, *arguments):  # type: ignore[no-untyped-def]  # xlwings would convert by hints
    """What belongs in the cell.

    ``base``: 1900 or 1904, the calling workbook's date system. ``folder``: the workbook's own, or "".
    """
    spec = KPIS.get(name)
    if spec is None:  # the workbook was made for a later version
        return pack("#NAME?")
    # A name without a drive would be looked for wherever the server happens to have started.
    beside = Path(folder) if folder and PureWindowsPath(folder).is_absolute() else None
    context = calls.context_now(date1904=base == 1904, com=True, folder=beside)
    return pack(calls.call(spec, arguments, context))
