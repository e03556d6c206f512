"""Polars, DuckDB and pyarrow are optional: nothing asks for them where they are not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kpi_udfs

OPTIONAL = {"duckdb", "polars", "pyarrow"}

#: As if none of them were installed.
WITHOUT = f"""
import importlib.util, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(OPTIONAL)}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Nothing())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {sorted(OPTIONAL)} else found(name, package)
"""
COUNTS = """
import pandas
from kpi_udfs import evaluate_on

deals = [["rep", "status"], ["Ada", "won"], ["Ada", "lost"], ["Ben", "won"]]
for table in (deals, pandas.DataFrame(deals[1:], columns=deals[0])):
    assert evaluate_on("WIN_RATIO_BY", table, outcomes="status", groups="rep")[1][:2] == ["Ben", 1]
"""


def test_cells_and_pandas_frames_need_none_of_them() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT + COUNTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_module_imports_them_when_it_is_loaded() -> None:
    for file in Path(kpi_udfs.__file__ or "").parent.rglob("*.py"):
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:
            imported = (
                {alias.name for alias in statement.names}
                if isinstance(statement, ast.Import)
                else {statement.module or ""}
                if isinstance(statement, ast.ImportFrom)
                else set()
            )
            assert not {name.partition(".")[0] for name in imported} & OPTIONAL, file
