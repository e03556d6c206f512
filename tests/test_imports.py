"""Who may import whom, and how light it stays."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kpi_udfs

PACKAGE = Path(kpi_udfs.__file__ or "").parent
HEAVY = {
    "pandas",
    "numpy",
    "narwhals",
    "xlwings",
    "formualizer",
    "openpyxl",
    "xlsxwriter",
    "yaml",
    "babel",
    "rich",
    "click",
}


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import kpi_udfs") & HEAVY


@pytest.mark.parametrize(
    "call",
    [
        "'COST_PER_LEAD', 1200, 40",
        "'WIN_RATIO', ['won', 'lost']",
        "'SALES_CYCLE', [46000.0], [46010.0]",
        "'RETENTION_RATE', ['a', 'b'], ['a']",
        "'REVENUE', [1, 2]",
    ],
)
def test_scalar_and_one_column_kpis_need_neither_pandas_nor_narwhals(call: str) -> None:
    loaded = loaded_after(f"import kpi_udfs; kpi_udfs.evaluate({call})")
    assert not loaded & {"pandas", "numpy", "narwhals", "xlwings", "formualizer", "click", "rich"}


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_kpis_know_no_host() -> None:
    core = [*PACKAGE.glob("*.py"), *(PACKAGE / "kpis").glob("*.py")]
    for file in core:
        if file.name == "cli.py":
            continue
        named = imports(file)
        assert not any(name.startswith(("kpi_udfs.hosts", "kpi_udfs.workbooks", "xlwings")) for name in named), file


def test_hosts_name_no_kpi_and_import_only_their_own_application() -> None:
    own = {
        "excel": {"xlwings"},
        "as_stored": {"formualizer"},
        "bare_book": {"formualizer"},
        "calculation": {"formualizer"},
        "engine_functions": {"formualizer"},
        "display": {"formualizer", "openpyxl"},
        "headless": {"openpyxl"},
        "libreoffice": set(),  # the add-in imports UNO and hands over plain values
        "references": {"formualizer", "openpyxl"},
        "write_back": {"formualizer"},
        "xlwings_udfs": {"xlwings", "pyodide"},  # Lite runs on Pyodide
    }
    applications = {"xlwings", "formualizer", "openpyxl", "uno", "unohelper", "com"}
    files = list((PACKAGE / "hosts").glob("*.py"))
    assert own.keys() <= {file.stem for file in files}
    for file in files:
        named = imports(file)
        assert not any(name.startswith("kpi_udfs.kpis") for name in named), file
        used = {name.partition(".")[0] for name in named} & applications
        assert used <= own.get(file.stem, set()), file


def test_nothing_imports_the_restricted_part_of_xlwings() -> None:
    for file in PACKAGE.rglob("*.py"):
        assert not any(name.startswith(("xlwings.pro", "xlwings.server")) for name in imports(file)), file
