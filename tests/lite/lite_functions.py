"""What xlwings Lite makes of a workbook that ``kpi-udfs lite build`` writes, in a real Pyodide under Node.

Collected by ``tox -e lite`` only, which fetches Pyodide and Node.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cases import Case, core_answer, differences, examples, random_cases
from lite_host import Outcome, Pyodide, own_wheel, pyodides, request, request_of, run

from kpi_udfs.messages import say
from kpi_udfs.registry import KPIS, KpiSpec
from kpi_udfs.workbooks import recipes
from kpi_udfs.workbooks.lite_book import lite_book, requirements

DIV0 = {"type": "Error", "basicValue": "#DIV/0!"}
#: Calls with what Office.js really sends, and what comes of them.
SENT: tuple[tuple[str, list[Any], Any], ...] = (
    ("COST_PER_LEAD", [[[100, 200]], [[10]]], 30),  # a row of cells arrives flat
    ("COST_PER_LEAD", [[[1200.5]], [[40]]], 30.0125),
    ("COST_PER_LEAD", [[[""]], [[5]]], 0),  # a single blank cell arrives as "", null or 0
    ("COST_PER_LEAD", [[[0]], [[5]]], 0),
    ("COST_PER_LEAD", [[[None]], [[5]]], 0),
    ("COST_PER_LEAD", [[[DIV0], [5]], [[5]]], "#DIV/0!"),
    ("COST_PER_LEAD", [[["#N/A"], [5]], [[5]]], "#N/A"),
    ("COST_PER_LEAD", [[[{"type": "Error", "basicValue": "#SPILL!"}]], [[5]]], "#VALUE!"),  # can't be returned
    ("COST_PER_LEAD", [[[5]], [[0]]], "#DIV/0!"),
    ("COST_PER_LEAD", [[[5]], [["n/a", None]]], 5),
    ("WIN_RATIO", [[["won"], [""], [None], ["lost"]], None, None], 0.5),
    ("WIN_RATIO", [[["won", None, "lost"]]], 0.5),
    ("WIN_RATIO", [[["won"], ["lost"]], [[""]], [[0]]], 0.5),  # options that point at blank cells
    ("WIN_RATIO", [[["won"], ["lost"], ["open"]], None, [["all"]]], 1 / 3),
    ("SALES_CYCLE", [[[46023], [46024]], [[46033], [46044]], [["won"], ["won"]]], 15),  # days are serials
    ("REVENUE", [[[10.5], [None], [True]]], "#VALUE!"),
    ("KPI_EXPLAIN", [[["WIN_RATIO"]], [[[["won"], [None], ["lost"]]]]], "50.0%: 1 won of 2 closed deals."),
)


@pytest.fixture(scope="module")
def properties() -> dict[str, str]:
    """What Lite finds in the workbook: the files that the web extension holds."""
    content, _ = lite_book(recipes()["sales_funnel"])
    with zipfile.ZipFile(BytesIO(content)) as archive:
        extension = ElementTree.fromstring(archive.read("xl/webextensions/webextension1.xml"))
    found = {
        entry.get("name", ""): json.loads(entry.get("value", "")) for entry in extension.iter() if entry.get("value")
    }
    assert isinstance(found["main.py"], str)
    return found


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return examples() + random_cases()


@pytest.fixture(scope="module")
def outcomes(properties: dict[str, str], cases: list[Case]) -> dict[str, Outcome]:
    """Every call, in one process for each Pyodide."""
    calls = [*(request(kpi, arguments) for kpi, arguments, _ in SENT), *map(request_of, cases)]
    required = lines(properties["requirements.txt"])
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda one: run(one, properties["main.py"], required, calls), pyodides().values())
        return dict(zip(pyodides(), made, strict=True))


@pytest.fixture(scope="module")
def expected(cases: list[Case]) -> list[Any]:
    return [core_answer(case) for case in cases]


@pytest.fixture(params=["pandas 2", "pandas 3", "newest"])
def pyodide(request: pytest.FixtureRequest) -> Pyodide:
    return pyodides()[request.param]


@pytest.fixture
def outcome(pyodide: Pyodide, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[pyodide.name]


def needs_pandas(spec: KpiSpec) -> bool:
    return spec.name != "KPI_CHECK" and (spec.gives_block or spec.category == "qualification")


def test_it_is_the_pyodide_that_it_should_be(pyodide: Pyodide, outcome: Outcome) -> None:
    versions = outcome.facts["versions"]
    assert versions["kpi_udfs"] == own_wheel().name.split("-")[1]
    pandas = {"pandas 2": "2.2.", "pandas 3": "3.", "newest": None}[pyodide.name]
    assert (versions["pandas"] or "").startswith(pandas) if pandas else versions["pandas"] is None
    assert outcome.facts["python"].startswith("3.14." if pyodide.name == "newest" else "3.12.")


def test_examples_and_random_calls_give_what_the_core_gives(
    pyodide: Pyodide, outcome: Outcome, cases: list[Case], expected: list[Any]
) -> None:
    wrong = []
    tried = 0
    for case, answer, wanted in zip(cases, outcome.answers[len(SENT) :], expected, strict=True):
        assert "raised" not in answer, f"{case}: {answer}"
        if needs_pandas(KPIS[case.kpi]) and not pyodide.has_pandas:
            continue
        tried += 1
        if found := differences(answer["value"], wanted):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)}", *wrong[:10]])
    assert tried == len(cases) if pyodide.has_pandas else tried > 0.7 * len(cases)


def test_what_officejs_sends(outcome: Outcome) -> None:
    for (kpi, arguments, expected), answer in zip(SENT, outcome.answers, strict=False):
        assert "raised" not in answer, answer
        found = differences(answer["value"], expected)
        assert found is None, f"{kpi}{arguments}: {found}"


def test_excel_is_told_what_the_registry_says(outcome: Outcome) -> None:
    assert_told(outcome, None)


def assert_told(outcome: Outcome, language: str | None) -> None:
    """Names, help and parameters of every function, as Excel gets them."""
    told = {function["name"]: function for function in outcome.facts["meta"]["functions"]}
    assert set(told) == set(KPIS)
    for name, spec in KPIS.items():
        function = told[name]
        assert function["id"] == name
        assert function["description"] == say(spec.tooltip, language)
        assert [p["name"] for p in function["parameters"]] == [p.name for p in spec.params]
        assert [p["description"] for p in function["parameters"]] == [say(p.help, language) for p in spec.params]
        assert [bool(p.get("repeating")) for p in function["parameters"]] == [p.repeats for p in spec.params]
        assert [bool(p.get("optional")) for p in function["parameters"]] == [
            not param.required and not param.repeats for param in spec.params
        ]


def test_only_what_is_needed_is_imported_at_the_start(outcome: Outcome, pyodide: Pyodide) -> None:
    imported = set(outcome.facts["imported"])
    assert not imported & {"narwhals", "babel", "rich", "click", "polars", "duckdb", "formualizer", "openpyxl"}
    # xlwings itself imports pandas where it is installed.
    assert ("pandas" in imported) == pyodide.has_pandas


def test_german(properties: dict[str, str]) -> None:
    calls = [request("KPI_EXPLAIN", [[["WIN_RATIO"]], [["gewonnen"], ["verloren"]]])]
    outcome = run(pyodides()["newest"], properties["main.py"], [], calls, environment={"KPI_UDFS_LANGUAGE": "de"})
    assert_told(outcome, "de")
    ((explanation,),) = outcome.values[0]
    assert explanation.startswith("50,0")
    assert "gewonnen" in explanation


def test_a_wheel_that_a_company_hosts(properties: dict[str, str]) -> None:
    installed = lines(requirements(f"{{index}}/{own_wheel().name}"))
    outcome = run(pyodides()["pandas 2"], properties["main.py"], installed, [request("COST_PER_LEAD", [[[60]], [[2]]])])
    assert outcome.values == [[[30.0]]]


def test_nothing_is_left_running(properties: dict[str, str]) -> None:
    hanging = replace(pyodides()["newest"], wheels=())
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        run(hanging, "while True:\n    pass\n", [], time_limit=8)
    job = expired.value.cmd[-2].encode()
    time.sleep(0.5)
    running = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if _command_line(entry).find(job) >= 0]
    assert not running
    assert not os.path.lexists(expired.value.cmd[-2])


def _command_line(entry: Path) -> bytes:
    try:
        return entry.read_bytes()
    except OSError:
        return b""  # it ended while we looked
