"""The xlwings functions: what Excel is told about them, and what it gets back."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from harness import OfficeJs, need_officejs

from kpi_udfs.hosts import xlwings_udfs
from kpi_udfs.messages import say
from kpi_udfs.registry import KPIS


@pytest.fixture
def officejs() -> OfficeJs:
    need_officejs()
    return OfficeJs()


def test_every_kpi_is_a_function_of_the_module() -> None:
    assert xlwings_udfs.__all__ == list(KPIS)
    for name, spec in KPIS.items():
        udf = getattr(xlwings_udfs, name)
        assert udf.__name__ == name
        assert udf.__module__ == "kpi_udfs.hosts.xlwings_udfs"
        assert list(inspect.signature(udf).parameters) == [param.name for param in spec.params]
        assert not udf.__annotations__


@pytest.mark.officejs
def test_what_excel_is_told(officejs: OfficeJs) -> None:
    from xlwings.server import custom_functions_meta

    told = {function["name"]: function for function in custom_functions_meta(xlwings_udfs)["functions"]}
    assert set(told) == set(KPIS)
    for name, spec in KPIS.items():
        function = told[name]
        assert function["description"] == say(spec.tooltip)
        assert [p["name"] for p in function["parameters"]] == [p.name for p in spec.params]
        assert [p["description"] for p in function["parameters"]] == [say(p.help) for p in spec.params]
        assert [bool(p.get("optional")) for p in function["parameters"]] == [
            not param.required and not param.repeats for param in spec.params
        ]
        assert [bool(p.get("repeating")) for p in function["parameters"]] == [p.repeats for p in spec.params]


@pytest.mark.officejs
def test_rows_columns_blanks_and_omitted_arguments(officejs: OfficeJs) -> None:
    assert officejs.call("COST_PER_LEAD", [[[100, 200]], [[10]]]) == 30  # a row of cells arrives flat
    assert officejs.call("WIN_RATIO", [["won", "", None, "lost"], None, None]) == 0.5
    assert officejs.call("WIN_RATIO", [["won", "lost"], "", ""]) == 0.5
    assert officejs.call("WIN_RATIO", [["won", "lost"], 0, 0]) == 0.5
    assert officejs.call("COST_PER_LEAD", ["", 5]) == 0
    assert officejs.call("COST_PER_LEAD", [["#DIV/0!", 5], 5]) == "#DIV/0!"


@pytest.mark.officejs
def test_tooltips_in_the_configured_language(tmp_path: Path) -> None:
    """The module is imported in a process of its own, as xlwings Lite does with ``main.py``."""
    need_officejs()
    import os
    import subprocess
    import sys

    script = (
        "from kpi_udfs.hosts.xlwings_udfs import *\n"
        "print(COST_PER_LEAD.__doc__, '|', COST_PER_LEAD.__xlfunc__['args'][0]['doc'])"
    )
    environment = {**os.environ, "KPI_UDFS_LANGUAGE": "de", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    spec = KPIS["COST_PER_LEAD"]
    assert done.stdout.strip() == f"{say(spec.tooltip, 'de')} | {say(spec.params[0].help, 'de')}"


@pytest.mark.parametrize("com", [True, False])
def test_what_excel_gets_back(monkeypatch: pytest.MonkeyPatch, com: bool) -> None:
    monkeypatch.setattr(xlwings_udfs, "THROUGH_COM", com)
    assert getattr(xlwings_udfs, "COST_PER_LEAD")(1200.0, 40.0) == [[30.0]]  # noqa: B009 (made at import)


def test_error_codes_that_excel_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlwings_udfs, "THROUGH_COM", True)
    cost_per_lead = getattr(xlwings_udfs, "COST_PER_LEAD")  # noqa: B009
    assert cost_per_lead(5.0, 0.0) == [["#DIV/0!"]]
    assert cost_per_lead(((-2146826246,), (1.0,)), 5.0) == [["#N/A"]]
    assert cost_per_lead(((-2146826243,), (1.0,)), 5.0) == [["#VALUE!"]]  # #SPILL!, which can't be returned
    assert cost_per_lead(((None,), (1.0,)), -2147352572) == [["#VALUE!"]]


def test_blanks_of_newer_pyodides(monkeypatch: pytest.MonkeyPatch) -> None:
    """There JavaScript's null, which a blank cell of a range is, is an object of its own."""
    null = object()
    monkeypatch.setattr(xlwings_udfs, "_JSNULL", null)
    monkeypatch.setattr(xlwings_udfs, "THROUGH_COM", False)
    cost_per_lead = getattr(xlwings_udfs, "COST_PER_LEAD")  # noqa: B009
    assert cost_per_lead([[60.0], [null]], [["a"], [null], ["b"]]) == [[30.0]]
    assert cost_per_lead([60.0, null], 2) == [[30.0]]
    assert cost_per_lead(null, 2) == [[0.0]]
    rows = [["lead", "won"], [46000, null], [46001, 46011]]
    funnel = getattr(xlwings_udfs, "FUNNEL")  # noqa: B009
    assert [row[1] for row in funnel(rows)] == ["Count", 2, 1]
    assert rows[1][1] is null
