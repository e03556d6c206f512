"""LibreOffice's own Python alone: what answers without pandas, whose libraries count, and what goes wrong quietly."""

from __future__ import annotations

import shutil
from pathlib import Path

import case_book
import pytest
import xlsxwriter
from cases import core_answer, differences, examples
from gaps import standing
from soffice import Calc

from kpi_udfs.libreoffice.bundle import NEEDS
from kpi_udfs.registry import KPIS

#: They take a table apart or put columns side by side.
NEED_PANDAS = {
    "FUNNEL", "FUNNEL_BOTTLENECK", "LEAD_SCORE", "LOSS_REASONS", "MQL_COUNT", "QUALIFY", "RETENTION_COHORTS",
    "RETENTION_CURVE", "SQL_COUNT", "STAGE_DURATION", "WHY_QUALIFIED", "WIN_RATIO_BY",
}  # fmt: skip
#: What LibreOffice brings into every Python: the bridge to itself.
BRIDGE = {"uno", "unohelper", "pythonloader", "pythonscript", "officehelper"}
#: It runs when Python starts, and writes down which files of modules are opened.
WITNESS = """
import sys
from pathlib import Path

def seen(event, arguments, log=Path(__file__).with_name("opened.txt")):
    name = arguments[0] if event == "open" else arguments[1] if event == "import" else None
    if isinstance(name, str) and name.endswith((".py", ".pyc", ".so")):
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{name}\\n")

sys.addaudithook(seen)
"""
#: Lets one function divide by zero.
SPOILT = """

from kpi_udfs.registry import KPIS

object.__setattr__(KPIS["WIN_RATIO"], "function", lambda *_, **__: 1 / 0)
"""


def test_every_example(bare_calc: Calc, tmp_path: Path) -> None:
    """The same numbers, or in words what to install."""
    cases = examples()
    answers = [core_answer(case) for case in cases]
    places = case_book.write(tmp_path / "examples.xlsx", cases, answers, arrays=True)
    rows = bare_calc.values(tmp_path / "examples.xlsx", tmp_path / "out")[case_book.CALLS]
    in_words = set()
    for case, answer, place in zip(cases, answers, places, strict=True):
        shown = standing(rows, place)
        first = shown[0][0]
        if isinstance(first, str) and "needs the Python package" in first:
            in_words.add(case.kpi)
            assert first.startswith(case.kpi)
            assert "kpi-udfs libreoffice install --with-pandas" in first
            assert {cell for row in shown for cell in row} <= {first, "#VALUE!", "#N/A"}, (
                "nothing that looks like a result"
            )
            if KPIS[case.kpi].gives_block:
                assert [row[:2] for row in shown[:2]] == [[first, "#VALUE!"], ["#VALUE!"] * 2]
        else:
            shown = [row[: len(answer[0])] for row in shown[: len(answer)]] if isinstance(answer, list) else first
            assert not differences(shown, answer), case
    assert in_words == NEED_PANDAS


@pytest.fixture
def own_calc(extensions: Path, tmp_path: Path) -> Calc:
    """Calc with a copy of the extension, which a test may change."""
    shutil.copytree(extensions, tmp_path / "extensions")
    return Calc(tmp_path / "own" / "profile", tmp_path / "extensions")


def asked(path: Path, *formulas: str) -> Path:
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("S")
    for row, formula in enumerate(formulas):
        sheet.write_formula(row, 0, formula)
    book.close()
    return path


def test_the_extensions_own_libraries_count(own_calc: Calc, tmp_path: Path) -> None:
    """A folder before everything else on this machine holds other versions of all of them, which nobody may import."""
    others = tmp_path / "others"
    packages = [*(name.lower().removeprefix("py") for name in NEEDS), "kpi_udfs"]
    for name in packages:
        (others / name).mkdir(parents=True)
        (others / name / "__init__.py").write_text("raise RuntimeError('another version')\n", encoding="utf-8")
    (others / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    own_calc.variables["PYTHONPATH"] = str(others)

    path = asked(
        tmp_path / "own.xlsx",
        "=COST_PER_LEAD(1200,40)",
        '=KPI_EXPLAIN("COST_PER_LEAD",1200,40)',
        '=KPI_DEFINITION("COST_PER_LEAD","de")',
    )
    values = own_calc.values(path, tmp_path / "out")["S"]
    assert values[0] == [30.0]
    assert values[1][0].startswith("30")

    opened = {Path(line) for line in (others / "opened.txt").read_text(encoding="utf-8").split("\n") if line}
    ours = own_calc.extensions.resolve() / "kpi_udfs" / "python"
    inside = {file.relative_to(ours).parts[0] for file in opened if file.is_relative_to(ours)}
    assert {"kpi_udfs", "yaml", "babel"} <= inside
    assert not {file for file in opened if file.is_relative_to(others)} - {others / "sitecustomize.py"}
    installed = {file for file in opened if {"site-packages", "dist-packages"} & set(file.parts)}
    foreign = {file for file in installed if file.name.partition(".")[0] not in BRIDGE}
    assert not foreign


def test_what_goes_wrong_is_said_or_an_error(own_calc: Calc, tmp_path: Path) -> None:
    """A mistake of our own in one function is an error cell and an entry in the log; the others answer."""
    package = own_calc.extensions / "kpi_udfs" / "python" / "kpi_udfs"
    broken = next(file for file in (package / "kpis").glob("*.py") if "def win_ratio(" in file.read_text("utf-8"))
    with broken.open("a", encoding="utf-8") as file:
        file.write(SPOILT)
    path = asked(tmp_path / "broken.xlsx", '=WIN_RATIO({"won";"lost"})', "=COST_PER_LEAD(1200,40)")
    assert own_calc.values(path, tmp_path / "out")["S"] == [["#VALUE!"], [30.0]]
    (log,) = own_calc.profile.parent.rglob("kpi_udfs.log")
    assert "ZeroDivisionError" in log.read_text("utf-8")

    # Without its heart nothing answers, and each cell says so in one line.
    (package / "calls.py").unlink()
    path = asked(tmp_path / "gone.xlsx", '=WIN_RATIO({"won";"lost"})', "=COST_PER_LEAD(1200,40)")
    for (said,) in own_calc.values(path, tmp_path / "out")["S"]:
        assert said.startswith("kpi_udfs can't be loaded: ")
        assert "Traceback" not in said
        assert "\n" not in said
