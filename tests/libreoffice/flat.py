"""Flat OpenDocument spreadsheets, written by hand, for what ``.xlsx`` files can't say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from kpi_udfs.publish.libreoffice import stored_name
from kpi_udfs.registry import KPIS

_SPACES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "of": "urn:oasis:names:tc:opendocument:xmlns:of:1.2",
}


def write(path: Path, rows: Sequence[Sequence[Any]], null_date: str = "1899-12-30") -> Path:
    """A document with one sheet, ``S``. Texts that begin with ``=`` are formulas as OpenDocument writes them, with our
    functions by their plain names."""
    spaces = " ".join(f'xmlns:{short}="{long}"' for short, long in _SPACES.items())
    content = "\n".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document {spaces} office:version="1.3" '
        'office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:body><office:spreadsheet>'
        f'<table:calculation-settings><table:null-date table:value-type="date" table:date-value="{null_date}"/>'
        f'</table:calculation-settings><table:table table:name="S">\n{content}\n</table:table>'
        "</office:spreadsheet></office:body></office:document>\n",
        encoding="utf-8",
    )
    return path


def _cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, date):
        return f'<table:table-cell office:value-type="date" office:date-value="{cell.isoformat()}"/>'
    if not isinstance(cell, str):
        return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
    if cell.startswith("="):
        stored = re.sub(r"[A-Z_]+(?=\()", lambda name: stored_name(KPIS[name[0]]), cell)
        return f"<table:table-cell table:formula={quoteattr(f'of:{stored}')}/>"
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
