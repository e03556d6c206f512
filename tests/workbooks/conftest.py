"""The workbooks with macros, built once, by the command and the default configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kpi_udfs import settings
from kpi_udfs.cli import commands


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``kpi-udfs excel build`` wrote."""
    folder, empty = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("no_configuration")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "HOME"):
            patch.setenv(name, str(empty))
        for name in ("KPI_UDFS_CONFIG", "KPI_UDFS_LANGUAGE"):
            patch.delenv(name, raising=False)
        settings.forget()
        result = CliRunner().invoke(commands, ["excel", "build", "-o", str(folder)])
        settings.forget()
    assert result.exit_code == 0, result.output
    (folder / "output.txt").write_text(result.output, "utf-8")
    return folder


@pytest.fixture(scope="session")
def macro_workbook(built: Path) -> Path:
    return built / "sales_funnel.xlsm"


@pytest.fixture(scope="session")
def add_in(built: Path) -> Path:
    return built / "kpi_udfs.xlam"
