"""Workbook files without the cells that blocks had filled when they were saved.

A formula that spills is saved with the values of all its cells. To the engine they are values like
any others and stand in the way of the block, and once loaded it can't empty a cell so that a block
may flow over it. So they are left out before loading.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT_MAIN = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_CELL = re.compile(
    rb'<(?P<prefix>(?:\w+:)?)c\s[^>]*?\br="(?P<cell>[A-Z]{1,3}\d{1,7})"[^>]*?(?:/>|>.*?</(?P=prefix)c>)', re.DOTALL
)


def without(path: Path, areas: Mapping[str, set[str]]) -> bytes:
    """The workbook's bytes without the cells named for each sheet."""
    written = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        parts = _sheet_parts(source)
        emptied = {parts[sheet]: cells for sheet, cells in areas.items() if sheet in parts}
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename in emptied:
                content = _without(content, {cell.encode() for cell in emptied[entry.filename]})
            target.writestr(entry, content)
    return written.getvalue()


def _without(xml: bytes, cells: set[bytes]) -> bytes:
    return _CELL.sub(lambda found: b"" if found["cell"] in cells else found[0], xml)


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet title to the name of its part."""
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    parts = {}
    for namespace in (_MAIN, _STRICT_MAIN):
        for sheet in book.iterfind(f"{namespace}sheets/{namespace}sheet"):
            identifier = next((value for name, value in sheet.items() if name.endswith("}id")), None)
            target = targets.get(identifier, "")
            parts[sheet.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return parts
