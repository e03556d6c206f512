"""What a workbook or an add-in carries inside: for which versions its VBA was written."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from kpi_udfs.excel.vba_reading import sources

_XLWINGS = re.compile(r'^Public Const XLWINGS_VERSION As String = "(.+)"', re.MULTILINE)
_KPI_UDFS = re.compile(r'Const KPI_UDFS_VERSION As String = "(.+)"')


@dataclass(frozen=True)
class Embedded:
    """The versions of xlwings and of kpi_udfs whose VBA a file carries; "" where it doesn't say."""

    xlwings: str
    kpi_udfs: str


def embedded(content: bytes) -> Embedded | None:
    """None where the file carries no VBA of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            modules = sources(book.read("xl/vbaProject.bin"))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, NotImplementedError, EOFError):
        return None
    if not any(name.startswith("kpi_udfs") for name in modules):
        return None
    text = "\n".join(modules.values())
    found = [pattern.search(text) for pattern in (_XLWINGS, _KPI_UDFS)]
    return Embedded(*(match[1] if match else "" for match in found))
