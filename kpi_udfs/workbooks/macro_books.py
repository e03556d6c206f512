"""Workbooks that bring the functions along for Excel on Windows, and the add-in that offers them in every workbook.

Both hold a VBA project: xlwings' own module, which starts Python, and ours. What they know of the computer comes
from the user's configuration, so that they can be handed on.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xlsxwriter

from kpi_udfs.errors import KpiUdfsError
from kpi_udfs.messages import say, text
from kpi_udfs.publish import vba
from kpi_udfs.registry import KPIS
from kpi_udfs.workbooks.parts import with_parts
from kpi_udfs.workbooks.recipes import Recipe, build
from kpi_udfs.workbooks.vba_project import ENCODING, Kind, Module, module_of, vba_project

if TYPE_CHECKING:
    from kpi_udfs.hosts.formula_cell import FormulaCell
    from kpi_udfs.workbooks.sheets import Page

XLWINGS_CHANGED = text(
    "excel.xlwings_changed",
    "The VBA module of the installed xlwings {version} is not the one that is known: {expected} should be in it once. "
    "Install the version that kpi_udfs was made with.",
)
ADD_IN_SHEET = text("excel.add_in.sheet", "KPI functions")
ADD_IN_TITLE = text("excel.add_in.title", "The KPI functions, in every workbook")

ADD_IN = "kpi_udfs.xlam"
#: Names of sheets. xlwings looks for its settings in the sheet, the file and the folder named after the project.
PROJECT = "kpi_udfs"
SETTINGS_SHEET, HELP_SHEET = f"{PROJECT}.conf", f"{PROJECT}.help"
#: What holds on every computer. Which Python runs says the user's own configuration.
SETTINGS = (
    ("UDF Modules", "kpi_udfs.hosts.xlwings_udfs"),
    # Otherwise Python would import modules that lie beside the workbook, whoever put them there.
    ("ADD_WORKBOOK_TO_PYTHONPATH", "False"),
)
#: The project's own name differs from those of its modules.
_PROJECT_NAME = "KpiFunctions"
_DAY = date(2026, 7, 1)
#: Excel keeps an add-in by its content type and opens it without a window, as xlwings' own add-ins are.
_AS_ADD_IN = {
    "[Content_Types].xml": (
        b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        b"application/vnd.ms-excel.addin.macroEnabled.main+xml",
    ),
    "xl/workbook.xml": (b"<workbookView ", b'<workbookView visibility="hidden" '),
}


def build_macro_workbook(recipe: Recipe, path: Path) -> list[FormulaCell]:
    """A template as a workbook with macros (.xlsm), its values filled in; returns its formula cells."""

    def write(page: Page) -> None:
        recipe.write(page)
        _add_macros(page.book)

    return build(Recipe(recipe.name, write), path)


def add_in(locale: str | None = None) -> bytes:
    """The add-in's content. Its one visible sheet, which nobody sees, lists the functions."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    book.set_properties({
        "created": datetime.combine(_DAY, time()), "author": "kpi_udfs",
        "title": say(ADD_IN_SHEET, locale), "comments": say(ADD_IN_TITLE, locale),
    })  # fmt: skip
    sheet = book.add_worksheet(say(ADD_IN_SHEET, locale))
    sheet.set_column(0, 1, 60)
    for row, spec in enumerate(KPIS.values()):
        sheet.write_row(row, 0, [spec.signature, say(spec.tooltip, locale)])
    _add_macros(book)
    book.close()
    return with_parts(file.getvalue(), _AS_ADD_IN)


def _add_macros(book: Any) -> None:
    """Settings, help and the VBA project, which names every sheet: nothing may be added behind it."""
    _add_hidden(book, SETTINGS_SHEET, SETTINGS)
    _add_hidden(book, HELP_SHEET, vba.help_rows())
    sheets = [f"Sheet{number}" for number in range(1, len(book.worksheets()) + 1)]
    for sheet, name in zip(book.worksheets(), sheets, strict=True):
        sheet.set_vba_name(name)
    book.set_vba_name("ThisWorkbook")
    project = vba_project(_PROJECT_NAME, modules(sheets))
    book.add_vba_project(io.BytesIO(project), is_stream=True)


def _add_hidden(book: Any, name: str, rows: Sequence[Sequence[str]]) -> None:
    sheet = book.add_worksheet(name)
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell)
    sheet.very_hidden()


def modules(sheets: Sequence[str]) -> list[Module]:
    """The modules of a workbook with these sheets."""
    documents = [replace(module_of(vba.module("ThisWorkbook")), kind=Kind.WORKBOOK)]
    documents += [Module(name, kind=Kind.WORKSHEET) for name in sheets]
    return [*documents, *map(module_of, (vba.functions(), *vba.support(), xlwings_module()))]


def xlwings_module() -> str:
    """The VBA that belongs to the installed xlwings and its DLL, with its notice, under our project's name.

    With a name of its own the project has its own configuration, beside those of others that use xlwings; and as
    a private module it adds none of its functions to Excel's list.
    """
    package = find_spec("xlwings")
    assert package is not None  # kpi_udfs depends on it
    assert package.origin is not None
    source = Path(package.origin).with_name("xlwings.bas").read_text(ENCODING)
    changes = {
        'Public Const PROJECT_NAME As String = "xlwings"': f'Public Const PROJECT_NAME As String = "{PROJECT}"',
        'Attribute VB_Name = "xlwings"\n': 'Attribute VB_Name = "xlwings"\nOption Private Module\n',
    }
    for old, new in changes.items():
        if source.count(old) != 1:
            raise _changed_xlwings(old.strip())
        source = source.replace(old, new)
    return source


def _changed_xlwings(expected: str) -> KpiUdfsError:
    from importlib.metadata import version

    from kpi_udfs import settings

    sentence = XLWINGS_CHANGED(version=version("xlwings"), expected=expected)
    return KpiUdfsError(say(sentence, settings.current().language))
