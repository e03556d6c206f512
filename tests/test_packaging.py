"""The installed distribution: pure Python, with what it needs inside."""

from __future__ import annotations

import os
from importlib.metadata import distribution
from pathlib import Path

import pytest

import kpi_udfs

# tox runs the tests on the built wheel; a checkout imported instead would hide what it lacks.
INSTALLED = "TOX_ENV_NAME" in os.environ or "site-packages" in Path(kpi_udfs.__file__ or "").parts
pytestmark = pytest.mark.skipif(not INSTALLED, reason="the package is imported from a checkout")


def files() -> set[str]:
    return {str(file).replace("\\", "/") for file in distribution("kpi_udfs").files or []}


def test_the_tests_run_on_the_installed_package() -> None:
    assert "site-packages" in Path(kpi_udfs.__file__ or "").parts


def test_everything_travels_inside_the_package() -> None:
    top = {name.partition("/")[0] for name in files() if not name.startswith("..")}
    assert {name for name in top if not name.endswith(".dist-info")} == {"kpi_udfs"}
    assert {
        "kpi_udfs/config/settings.yaml",
        "kpi_udfs/config/outcomes.yaml",
        "kpi_udfs/config/stages.yaml",
        "kpi_udfs/config/qualification.yaml",
        "kpi_udfs/config/qualification.schema.json",
        "kpi_udfs/config/examples/points_b2b.yaml",
        "kpi_udfs/workbook_templates/sales_funnel.py",
        "kpi_udfs/workbook_templates/sales_funnel.xlsx",
        "kpi_udfs/locale/de.yaml",
        "kpi_udfs/py.typed",
    } <= files()


def test_the_wheel_is_pure_python() -> None:
    wheel = distribution("kpi_udfs").read_text("WHEEL") or ""
    assert "Root-Is-Purelib: true" in wheel
    assert "py3-none-any" in wheel


def test_the_licence_is_in_the_wheel() -> None:
    assert any(name.endswith("licenses/LICENSE") for name in files())
