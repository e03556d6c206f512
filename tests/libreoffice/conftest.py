"""The extension as the command writes it, and a Calc that has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from soffice import PACKAGES, Calc, unpacked, with_pandas

from kpi_udfs.libreoffice import bundle


@pytest.fixture(scope="session")
def oxt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension, one file."""
    file = tmp_path_factory.mktemp("built") / bundle.FILE
    file.write_bytes(bundle.extension())
    return file


@pytest.fixture(scope="session")
def extensions(oxt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but our extension."""
    return unpacked(oxt, tmp_path_factory.mktemp("extensions"))


@pytest.fixture(scope="session")
def bare_calc(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Calc:
    """Calc with LibreOffice's own Python alone: a fresh profile and the extension."""
    return Calc(tmp_path_factory.mktemp("bare") / "profile", extensions)


@pytest.fixture(scope="session")
def calc(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Calc:
    """Calc with the extension and pandas."""
    calc = Calc(tmp_path_factory.mktemp("calc") / "profile", extensions)
    with_pandas(calc.profile)
    return calc


@pytest.fixture
def fresh_calc(calc: Calc, extensions: Path, tmp_path: Path) -> Callable[..., Calc]:
    """A maker of what another computer has: Calc that was never started, the extension and pandas."""

    def made(*, recalculates: bool = True) -> Calc:
        fresh = Calc(tmp_path / "fresh" / "profile", extensions, recalculates=recalculates)
        (fresh.profile / "user").mkdir(parents=True, exist_ok=True)
        (fresh.profile / PACKAGES).symlink_to(calc.profile / PACKAGES)
        return fresh

    return made
