"""Workbooks put together from their XML, as damaged or as hostile as a test wants them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

#: Bytes replace a part, a text too; None leaves it out.
Parts = Mapping[str, bytes | str | None]


def relations(*related: tuple[str, str, str], folder: str = DOCUMENT) -> str:
    """A part of relations: identifier, kind, target."""
    listed = "".join(
        f'<Relationship Id="{identifier}" Type="{folder}/{kind}" Target="{target}"/>'
        for identifier, kind, target in related
    )
    return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'


def sheet_xml(rows: str = "", around: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheetData>{rows}</sheetData>{around}</worksheet>'


def formulas(*texts: str, stored: str | None = None) -> str:
    """Rows with one formula each, in column A."""
    value = "" if stored is None else f"<v>{escape(stored)}</v>"
    return "".join(
        f'<row r="{row}"><c r="A{row}"><f>{escape(text)}</f>{value}</c></row>' for row, text in enumerate(texts, 1)
    )


def parts_of(sheets: Mapping[str, str] | str = "", *, names: Mapping[str, str] | None = None, inside: str = "") -> dict:
    """The parts of a small workbook: its sheets' rows, by title. ``inside``: more for the workbook's part."""
    sheets = {"S": sheets} if isinstance(sheets, str) else sheets
    listed = "".join(
        f'<sheet name={quoteattr(title)} sheetId="{number}" r:id="r{number}"/>'
        for number, title in enumerate(sheets, 1)
    )
    named = "".join(
        f"<definedName name={quoteattr(name)}>{escape(t)}</definedName>" for name, t in (names or {}).items()
    )
    related = [(f"r{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    related += [("strings", "sharedStrings", "sharedStrings.xml"), ("styles", "styles", "styles.xml")]
    return {
        "[Content_Types].xml": _types(len(sheets)),
        "_rels/.rels": relations(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}">{inside}<sheets>{listed}</sheets>'
        f"<definedNames>{named}</definedNames></workbook>",
        "xl/_rels/workbook.xml.rels": relations(*related),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r></si></sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs></styleSheet>',
        **{f"xl/worksheets/sheet{number}.xml": sheet_xml(rows) for number, rows in enumerate(sheets.values(), 1)},
    }


def _types(sheets: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    listed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>'
        for n in range(1, sheets + 1)
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/>{listed}</Types>'
    )


def zipped(parts: Parts) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return made.getvalue()


def written(path: Path, parts: Parts) -> Path:
    path.write_bytes(zipped(parts))
    return path


def parts_in(path: Path | io.BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
