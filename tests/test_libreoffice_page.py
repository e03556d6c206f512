"""The guide about LibreOffice Calc says of the right functions that they need pandas."""

from __future__ import annotations

import subprocess
import sys

from kpi_udfs.publish.libreoffice_page import NEED_PANDAS

# Prints the functions that have an example which can't be answered without a library for tables.
ASK = """
import sys

for library in ("pandas", "polars", "duckdb"):
    sys.modules[library] = None

from kpi_udfs import calls
from kpi_udfs.errors import CellError
from kpi_udfs.hosts.libreoffice import NEEDS
from kpi_udfs.registry import KPIS

context = calls.context_now(needs=NEEDS)
for spec in KPIS.values():
    cells = [calls.answer(spec, list(example.arguments.values()), context).cell for example in spec.examples]
    if any(isinstance(cell, CellError) and cell.reason.text is NEEDS for cell in cells):
        print(spec.name)
"""


def test_functions_that_need_pandas_are_named() -> None:
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert sorted(asked.stdout.split()) == list(NEED_PANDAS)
