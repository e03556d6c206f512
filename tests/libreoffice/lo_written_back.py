"""Copies with recalculated values, opened in Calc: the same pictures as the workbooks they were made from."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from soffice import Calc, sheets

from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.hosts.write_back import new_values, write_back
from kpi_udfs.xlsx.sheet_xml import Code

BOOKS = (
    "AryanBendre_Sales_Dashboard",
    "IphenTephen_Cohort_Analysis",
    "noolawoyin_KPI_Dashboard",
    "saleemrash_Marketing_Budget",
)
NO_PDFTOPPM = "pdftoppm (poppler-utils) draws the pages that are compared"


def drawn(file: Path) -> list[bytes]:
    """The pages of a PDF as pixels."""
    subprocess.run(["pdftoppm", "-r", "40", str(file), str(file.with_suffix(""))], check=True)
    return [page.read_bytes() for page in sorted(file.parent.glob(f"{file.stem}-*.ppm"))]


@pytest.mark.skipif(shutil.which("pdftoppm") is None and os.environ.get("CI") != "true", reason=NO_PDFTOPPM)
def test_copies_look_as_the_workbooks_recalculated_by_calc(bare_calc: Calc, data: Path, tmp_path: Path) -> None:
    originals = [data / "xlsx" / f"{name}.xlsx" for name in BOOKS]
    copies = tmp_path / "copies"
    copies.mkdir()
    for path in originals:
        with Workbook(path) as book:
            write_back(book, book.calculate(), copies / path.name)
    bare_calc.convert("pdf", *originals, into=tmp_path / "before")
    bare_calc.convert("pdf", *sorted(copies.iterdir()), into=tmp_path / "after")
    for name in BOOKS:
        before, after = drawn(tmp_path / "before" / f"{name}.pdf"), drawn(tmp_path / "after" / f"{name}.pdf")
        assert len(before) > 5
        assert before == after, name


def test_a_workbook_without_values_gets_those_that_calc_calculates(bare_calc: Calc, data: Path, tmp_path: Path) -> None:
    path = data / "xlsx" / "noolawoyin_KPI_Dashboard.xlsx"
    bare_calc.convert("ods", path, into=tmp_path)
    theirs = sheets(tmp_path / f"{path.stem}.ods")
    with Workbook(path) as book:
        cells = book.calculate()
    assert len(cells) > 150
    for cell in cells:
        for (row, column), ours in new_values(cell).items():
            rows = theirs[cell.sheet]
            found = rows[row - 1][column - 1] if row <= len(rows) and column <= len(rows[row - 1]) else ""
            expected = str(ours) if isinstance(ours, Code) else pytest.approx(ours) if isinstance(ours, float) else ours
            assert found == expected, (cell.sheet, cell.cell, cell.formula)
