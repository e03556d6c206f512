"""Templates as workbooks for xlwings Lite: the code, what it needs and the rules travel inside the file.

Lite is an add-in from the Office store. It keeps a workbook's Python code in the properties of its own web
extension, each value a JSON text. Excel stores a call of an add-in's function under a prefixed name, in a
cell that is a dynamic array.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

from kpi_udfs import settings
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.references import prefixed
from kpi_udfs.kinds import NUMBER, TEXT, Kind
from kpi_udfs.messages import text
from kpi_udfs.registry import KPIS
from kpi_udfs.rules import files
from kpi_udfs.workbooks.parts import with_parts
from kpi_udfs.workbooks.recipes import Recipe, build
from kpi_udfs.workbooks.sheets import Page

LITE_CALCULATES = text(
    "lite_book.notice",
    "The add-in xlwings Lite calculates this workbook. Changing data changes nothing, or #NAME? or #BUSY! stays? Then "
    "open xlwings Lite on the Home tab and trust the workbook. Until then the numbers are those of {day:date}.",
)
RULES_SHEET = text("lite_book.sheet", "Rules")
RULES_TITLE = text("lite_book.title", "Who is qualified")
RULES_CAPTION = text(
    "lite_book.caption",
    "Column A holds the rules by which a lead is an MQL or an SQL, a line of YAML in each cell. Change a line, or paste "
    "other rules over all of them: every formula with {name} follows, as the one below does.",
)
LEAD_ID = text("lite_book.column.lead_id", "Lead ID")
EVENT = text("lite_book.column.event", "Event")
DATE = text("lite_book.column.date", "Date")

#: How files store the name of an add-in's function.
PREFIX = "_xldudf_"
#: What the formulas call the cells with the rules, and how many rows of column A these are.
RULES_NAME, RULES_ROWS = "qualification_rules", 300
MAIN = '"""KPI functions for spreadsheets: kpi_udfs."""\nfrom kpi_udfs.hosts.xlwings_udfs import *\n'
#: The same for a workbook in a language: there are no settings where Lite calculates.
MAIN_IN = (
    'import os; os.environ.setdefault("KPI_UDFS_LANGUAGE", "{language}")\nfrom kpi_udfs.hosts.xlwings_udfs import *\n'
)
#: Lite starts with the workbook, and shows its pane.
SETTINGS = {"startupBehavior": "taskpane"}

_ADD_IN = "wa200008175"  # xlwings Lite's number in the Office store
_FOLDER = "xl/webextensions"
_TASKPANES, _EXTENSION = f"{_FOLDER}/taskpanes.xml", f"{_FOLDER}/webextension1.xml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OF_2011 = "http://schemas.microsoft.com/office/2011/relationships"
_WEB = "http://schemas.microsoft.com/office/webextensions"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
#: By this Excel knows that the workbook's formulas use functions of the add-in.
_CUSTOM_FUNCTIONS = "{D87F86FE-615C-45B5-9D79-34F1136793EB}"

#: The example beside the rules: leads, and what they did.
_LEADS = ("L-1", "L-2", "L-3")
_EVENTS = (
    ("L-1", "ebook_download", date(2026, 3, 2)),
    ("L-2", "page_view", date(2026, 3, 9)),
    ("L-3", "demo_request", date(2026, 3, 12)),
    ("L-3", "accepted_by_sales", date(2026, 3, 20)),
)
_QUALIFIED_KINDS = (TEXT, TEXT, NUMBER, NUMBER, NUMBER, TEXT)


class LitePage(Page):
    """A page whose KPI formulas are written as Excel stores those of an add-in."""

    notice = LITE_CALCULATES

    def formula(self, sheet: Any, row: int, column: int, formula: str, style: Any = None) -> Any:
        stored = prefixed(formula, KPIS, PREFIX)
        if stored == formula:
            return super().formula(sheet, row, column, formula, style)
        value = self._value(sheet, row, column)
        shown = 0 if value is None else value
        sheet.write_dynamic_array_formula(row, column, row, column, stored, style, shown)
        return value

    def merged_formula(self, sheet: Any, area: tuple[int, int, int, int], formula: str, style: Any) -> None:
        # Excel lets no array formula into merged cells; one value of a plain formula may stand there.
        sheet.merge_range(*area, "", style)
        super().formula(sheet, area[0], area[1], prefixed(formula, KPIS, PREFIX), style)

    def grid(self, sheet: Any, row: int, column: int, formula: str, rows: int, kinds: Sequence[Kind]) -> None:
        """The block spills from one formula: Lite answers one call instead of one for each cell."""
        value = self._value(sheet, row, column)
        block = value if isinstance(value, list) else [[None] * len(kinds)] * rows
        last = (row + len(block) - 1, column + len(block[0]) - 1)
        stored = prefixed(f"={formula}", KPIS, PREFIX)
        sheet.write_dynamic_array_formula(row, column, *last, stored, self.header(0), block[0][0] or 0)
        for down, cells in enumerate(block):
            for right, (cell, kind) in enumerate(zip(cells, kinds, strict=True)):
                style = self.kind(kind) if down else self.styles["header" if kind is TEXT else "number_header"]
                if (down, right) != (0, 0):
                    sheet.write(row + down, column + right, "" if cell is None else cell, style)


def lite_book(recipe: Recipe, wheel: str | None = None) -> tuple[bytes, list[FormulaCell]]:
    """The workbook of a template, with its formula cells as calculated.

    ``wheel``: the address from which Lite installs kpi_udfs instead of from the package index. Raises
    :class:`ConfigError` where the rules in force can't be carried in cells.
    """
    rules = _rules_in_force()

    def write(page: Page) -> None:
        recipe.write(page)
        _rules_sheet(page, rules)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{recipe.name}.xlsx"
        cells = build(Recipe(recipe.name, write), path, LitePage)
        content = path.read_bytes()
    language = settings.current().language
    main = MAIN_IN.format(language=language) if language else MAIN
    properties = {"main.py": main, "requirements.txt": requirements(wheel), "xlwingsSettingsWorkbook": SETTINGS}
    return _with_extension(content, properties), cells


def requirements(wheel: str | None = None) -> str:
    """What Lite installs. It resolves the rest, and records the exact versions in the workbook itself."""
    own = wheel or f"kpi_udfs>={version('kpi_udfs')}"
    return f"{own}\nxlwings>=0.37.8\n"


# ------------------------------------------------------------------------------- the rules


def _rules_in_force() -> list[str]:
    """The lines of the rules that formulas go by here, for there are no files where Lite calculates."""
    found = files.find(files.DEFAULT)
    assert found is not None  # the package carries one
    written = found.file.read_text(encoding="utf-8")
    files.load_text(written, str(found.file))
    lines = written.splitlines()
    # What a file begins with is about the file.
    return lines[next(number for number, line in enumerate(lines) if line and not line.startswith("#")) :]


def _rules_sheet(page: Page, rules: Sequence[str]) -> None:
    """Rules from the first row on, so that the lines that messages name are rows; an example beside them."""
    sheet = page.sheet(RULES_SHEET)
    # As text, "- {event: …}" stays what it is when somebody types it.
    line = page.book.add_format({"font_name": "Consolas", "num_format": "@"})
    # A letter of this font is wider than the digits in which columns are measured.
    sheet.set_column(0, 0, max(80, 1.15 * max(map(len, rules), default=0)), line)
    for row, written in enumerate(rules):
        sheet.write_string(row, 0, written, line)
    last = max(len(rules), RULES_ROWS)
    name = sheet.get_name().replace("'", "''")
    page.book.define_name(RULES_NAME, f"='{name}'!$A$1:$A${last}")
    left = 2
    sheet.set_column(left, left + 6, 17)
    sheet.write(0, left, page.say(RULES_TITLE), page.styles["heading"])
    sheet.merge_range(1, left, 5, left + 5, page.say(RULES_CAPTION, name=RULES_NAME), page.styles["caption"])
    top = 7
    leads = [(page.say(LEAD_ID),), *((lead,) for lead in _LEADS)]
    events = [tuple(page.say(header) for header in (LEAD_ID, EVENT, DATE)), *_EVENTS]
    below = top + len(events) + 1
    formula = (
        f"QUALIFY({_table(page, sheet, top, left, leads)},{_table(page, sheet, top, left + 2, events)},{RULES_NAME})"
    )
    page.grid(sheet, below, left, formula, len(leads), _QUALIFIED_KINDS)


def _table(page: Page, sheet: Any, top: int, left: int, rows: Sequence[Sequence[Any]]) -> str:
    """Write cells with a header row; their range."""
    for down, row in enumerate(rows):
        for right, cell in enumerate(row):
            style = page.styles["header" if down == 0 else "date" if isinstance(cell, date) else "name"]
            sheet.write(top + down, left + right, cell, style)
    bottom, right = top + len(rows) - 1, left + len(rows[0]) - 1
    return str(xlsxwriter.utility.xl_range(top, left, bottom, right))


# ------------------------------------------------------------------------- the web extension


def _with_extension(workbook: bytes, properties: Mapping[str, Any]) -> bytes:
    """The workbook with the parts of a web extension that holds these properties."""
    parts = {
        _TASKPANES: _task_panes(),
        f"{_FOLDER}/_rels/taskpanes.xml.rels": _relations_of_panes(),
        _EXTENSION: _extension(properties),
    }
    types = (
        f'<Override PartName="/{_TASKPANES}" ContentType="application/vnd.ms-office.webextensiontaskpanes+xml"/>'
        f'<Override PartName="/{_EXTENSION}" ContentType="application/vnd.ms-office.webextension+xml"/>'
    )
    relation = f'<Relationship Id="rIdLite" Type="{_OF_2011}/webextensiontaskpanes" Target="{_TASKPANES}"/>'
    changed = {
        name: (end.encode(), f"{more}{end}".encode())
        for name, end, more in (
            ("[Content_Types].xml", "</Types>", types),
            ("_rels/.rels", "</Relationships>", relation),
        )
    }
    return with_parts(workbook, changed, parts)


def _extension(properties: Mapping[str, Any]) -> str:
    stored = "".join(f'<we:property name="{name}" value="{_stored(value)}"/>' for name, value in properties.items())
    identity = uuid.uuid5(uuid.NAMESPACE_URL, stored)
    return (
        f'{_XML}<we:webextension xmlns:we="{_WEB}/webextension/2010/11" id="{{{str(identity).upper()}}}">'
        f'<we:reference id="{_ADD_IN}" version="1.0.0.0" store="en-US" storeType="OMEX"/>'
        f'<we:alternateReferences><we:reference id="{_ADD_IN}" version="1.0.0.0" store="{_ADD_IN.upper()}" '
        'storeType="OMEX"/></we:alternateReferences>'
        f"<we:properties>{stored}</we:properties><we:bindings/>"
        f'<we:snapshot xmlns:r="{_OFFICE_RELATIONS}"/>'
        f'<we:extLst><a:ext xmlns:a="{_DRAWING}" uri="{_CUSTOM_FUNCTIONS}"><we:containsCustomFunctions/></a:ext>'
        "</we:extLst></we:webextension>"
    )


def _stored(value: Any) -> str:
    """A property's value: JSON, whose slashes Office escapes, as an attribute."""
    return escape(json.dumps(value, separators=(",", ":")).replace("/", r"\/"), {'"': "&quot;"})


def _task_panes() -> str:
    """The pane opens with the workbook: then Lite runs, and Excel offers it to whoever does not have it."""
    return (
        f'{_XML}<wetp:taskpanes xmlns:wetp="{_WEB}/taskpanes/2010/11">'
        '<wetp:taskpane dockstate="right" visibility="1" width="440" row="0">'
        f'<wetp:webextensionref xmlns:r="{_OFFICE_RELATIONS}" r:id="rId1"/></wetp:taskpane></wetp:taskpanes>'
    )


def _relations_of_panes() -> str:
    return (
        f'{_XML}<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_OF_2011}/webextension" Target="{Path(_EXTENSION).name}"/></Relationships>'
    )
