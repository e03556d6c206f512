"""The sales funnel template in Calc: read, recalculated, saved in either format and read again."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl.utils import coordinate_to_tuple
from soffice import Calc, formulas, sheets

from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.registry import KPIS
from kpi_udfs.workbooks import build, recipes


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "sales_funnel.xlsx"
    build(recipes()["sales_funnel"], path)
    return path


@pytest.fixture(scope="module")
def wanted(template: Path) -> list[FormulaCell]:
    """Its formulas, as the headless engine calculates them."""
    cells = Workbook(template).calculate()
    assert sum(cell.is_kpi for cell in cells) > 60
    return cells


def check(found: dict[str, list[list[Any]]], wanted: list[FormulaCell]) -> None:
    wrong = []
    for cell in wanted:
        row, column = coordinate_to_tuple(cell.cell)
        value = found[cell.sheet][row - 1][column - 1]
        if value != (pytest.approx(cell.value, rel=1e-12) if isinstance(cell.value, float | int) else cell.value):
            wrong.append(f"{cell.sheet}!{cell.cell} {cell.formula}: {value!r} instead of {cell.value!r}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(wanted)}", *wrong[:10]])


def without_values(template: Path, path: Path) -> Path:
    """The same workbook with 1 as the value of every formula: what is right in it was calculated."""
    with zipfile.ZipFile(template) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name).decode() if name.endswith("xml") else old.read(name)
            if name.startswith("xl/worksheets/sheet"):
                content = re.sub(r' t="str"(>\s*<f)', r"\1", str(content))
                content = re.sub(r"(</f>)<v>[^<]*</v>", r"\1<v>1</v>", content)
            new.writestr(name, content)
    return path


def test_it_opens_with_its_numbers(
    template: Path, wanted: list[FormulaCell], fresh_calc: Callable[..., Calc], tmp_path: Path
) -> None:
    """In a Calc as it was installed, which keeps the values of files from Excel."""
    check(fresh_calc(recalculates=False).values(template, tmp_path / "out"), wanted)


def test_recalculated_and_saved_it_has_the_same_numbers(
    template: Path, wanted: list[FormulaCell], calc: Calc, fresh_calc: Callable[..., Calc], tmp_path: Path
) -> None:
    stale = without_values(template, tmp_path / "stale.xlsx")
    for kind in ("ods", "xlsx"):
        calc.convert(kind, stale, into=tmp_path / kind)
    check(sheets(tmp_path / "ods" / "stale.ods"), wanted)
    assert names(tmp_path / "xlsx" / "stale.xlsx") == names(template)

    files = [
        shutil.copy(tmp_path / kind / f"stale.{kind}", tmp_path / f"from_{kind}.{kind}") for kind in ("ods", "xlsx")
    ]
    again = fresh_calc(recalculates=False)
    again.convert("ods", *map(Path, files), into=tmp_path / "again")
    for kind in ("ods", "xlsx"):
        check(sheets(tmp_path / "again" / f"from_{kind}.ods"), wanted)
    again.convert("xlsx", Path(files[0]), into=tmp_path / "again")
    assert names(tmp_path / "again" / "from_ods.xlsx") == names(template)


def names(file: Path) -> Counter[str]:
    """How often each of our functions stands in the formulas of an ``.xlsx`` file, by its plain name."""
    words = (word for formula in formulas(file) for word in re.findall(r"(?<![\w.\"])[A-Z_]+(?=\()", formula))
    return Counter(word for word in words if word in KPIS)
