"""A sheet that Calc computes before our eyes: does a number come out?"""

from __future__ import annotations

import csv
import io
from xml.sax.saxutils import quoteattr

from kpi_udfs.libreoffice.machine import Machine, Ran
from kpi_udfs.libreoffice.places import Office
from kpi_udfs.libreoffice.starting import environment
from kpi_udfs.publish.libreoffice import stored_name
from kpi_udfs.registry import KPIS

#: The days on which three leads reached each stage; nothing where they have not.
_STAGES = ("lead", "deal", "won")
_DAYS = (("2026-01-05", "2026-01-12", "2026-02-02"), ("2026-01-07", "2026-01-21", ""), ("2026-01-08", "", ""))
#: What has to come out: how many reached each.
COUNTS = ["3", "2", "1"]
_ROWS, _COLUMNS = 1 + len(_STAGES), 6

#: Commas, quotes, UTF-8, values as they are and not as they are shown.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false"


def compute(machine: Machine, office: Office, seconds: float) -> tuple[Ran, list[list[str]] | None]:
    """Let Calc compute the sheet: how it ended, and what the cells gave; None where no cells came of it."""
    with machine.temporary_folder() as folder:
        machine.write(folder / "proof.fods", sheet().encode())
        command = [str(office.soffice), *office.arguments, "--headless", "--norestore", "--nolockcheck"]
        command += ["--convert-to", _CSV, "--outdir", str(folder), str(folder / "proof.fods")]
        ran = machine.run(command, seconds, environment(machine))
        made = machine.read(folder / "proof.csv")
    return ran, None if made is None else list(csv.reader(io.StringIO(made.decode("utf-8-sig", "replace"))))


def version_cell(cells: list[list[str]]) -> str:
    """What KPI_VERSION gave."""
    return cells[0][0] if cells and cells[0] else ""


def table_cells(cells: list[list[str]]) -> list[list[str]]:
    """What FUNNEL gave."""
    return [row[:_COLUMNS] for row in cells[1 + len(_DAYS) : 1 + len(_DAYS) + _ROWS]]


def counts(table: list[list[str]]) -> list[str]:
    """The column of counts in it."""
    return [row[1] for row in table[1:] if len(row) > 1]


def sheet() -> str:
    """The sheet: a single value, a small table, and a block that is counted from it."""
    rows = _row(_formula("KPI_VERSION", ""), *map(_words, _STAGES))
    rows += "".join(_row(_day(""), *map(_day, days)) for days in _DAYS)
    rows += _row(_formula("FUNNEL", f"[.B1:.D{1 + len(_DAYS)}];[.B1:.D1]", _ROWS, _COLUMNS))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"'
        ' office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
        f'<office:body><office:spreadsheet><table:table table:name="proof">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document>\n"
    )


def _row(*cells: str) -> str:
    return f"<table:table-row>{''.join(cells)}</table:table-row>"


def _words(words: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{words}</text:p></table:table-cell>'


def _day(day: str) -> str:
    return f'<table:table-cell office:value-type="date" office:date-value="{day}"/>' if day else "<table:table-cell/>"


def _formula(kpi: str, arguments: str, rows: int = 0, columns: int = 0) -> str:
    spans = (
        f' table:number-matrix-rows-spanned="{rows}" table:number-matrix-columns-spanned="{columns}"' if rows else ""
    )
    call = f"of:={stored_name(KPIS[kpi])}({arguments})"
    return f"<table:table-cell table:formula={quoteattr(call)}{spans}/>"
