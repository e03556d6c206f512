"""Fixtures: hosts to run a call in, a clean configuration, real data, and a watch over the log."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Core, Headless, Host, OfficeJs, need_officejs

from kpi_udfs import settings

DATA = Path(os.environ.get("KPI_UDFS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def _packaged_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No test sees the configuration of the person who runs it."""
    empty = tmp_path_factory.mktemp("user_configuration")
    for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(empty))
    for name in ("KPI_UDFS_CONFIG", "KPI_UDFS_LANGUAGE"):
        monkeypatch.setenv(name, "")  # so that what the command line sets is put back, too
        monkeypatch.delenv(name)
    settings.forget()
    yield
    settings.forget()


@pytest.fixture(autouse=True)
def _no_unexpected_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception nobody foresaw fails the test in which it occurs, however it looked in the cell."""
    yield
    unexpected = [
        record.getMessage()
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.name == "kpi_udfs" and record.levelno >= logging.ERROR
    ]
    assert not unexpected, unexpected


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Configure a language: ``language("de_CH")``."""

    def configure(name: str) -> None:
        monkeypatch.setenv("KPI_UDFS_LANGUAGE", name)
        settings.forget()

    return configure


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real data sets; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data sets at {DATA} (KPI_UDFS_TEST_DATA names another place)")
    return DATA


@pytest.fixture(scope="session")
def reference(data: Path) -> Any:
    """What others computed from the real data."""
    return json.loads((data / "reference.json").read_text(encoding="utf-8"))


@pytest.fixture(
    params=["core", "headless", pytest.param("officejs", marks=pytest.mark.officejs)],
)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """Each host in turn."""
    if request.param == "headless":
        return Headless(tmp_path)
    if request.param == "officejs":
        need_officejs()
        return OfficeJs()
    return Core()
