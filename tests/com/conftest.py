"""The Windows of these tests, made where it is missing, and a program in it that plays Excel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from excel_client import Excel
from windows import Windows

PROJECT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("KPI_UDFS_WINDOWS", PROJECT / ".tox" / "com" / "windows"))


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """A Windows with this kpi_udfs in it. What was started in it and is left at the end is an error."""
    windows = Windows(FOLDER)
    windows.stop()
    with windows.running():
        windows.set_up(_wheel(tmp_path_factory.mktemp("wheel")))
        yield windows
    assert not windows.processes()


def _wheel(folder: Path) -> Path:
    """The wheel that tox built, else one of this checkout."""
    if built := os.environ.get("TOX_PACKAGE"):
        return Path(built)
    pip = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    subprocess.run(pip, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def excel(windows: Windows) -> Iterator[Excel]:
    """A client whose server runs."""
    with windows.running():
        excel = Excel(windows)
        excel.start()
        yield excel
