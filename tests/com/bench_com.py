"""How fast calls are through COM under Wine, always beside what they are compared with, in turn in one run.

``tox -e com``. Figures are medians. Goals: ten times as fast as the wrapper that xlwings generates where
ranges are handed over; beside a bare function in the same server 1.2 times its time for single values and for
10,000 cells, 1.3 times for 100,000 rows of five columns.
"""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from cases import serial
from excel_client import Excel, imported, ours

ROWS = 10_000


def medians(excel: Excel, *calls: Any, rounds: int) -> list[float]:
    """Seconds for each of these calls. The first two rounds import modules and fill caches."""
    return [statistics.median(taken[2:]) for taken in excel.ask("in_turn", 300, calls=calls, rounds=rounds + 2)]


def bare(*cells: Any) -> tuple[str, str, list[Any]]:
    return "udfs_for_tests", "BARE", list(cells)


def report(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n    {line}", end="")  # noqa: T201 (the figures are what a benchmark is for)


def test_ranges_beside_the_generated_wrapper(excel: Excel, capsys: pytest.CaptureFixture[str]) -> None:
    spend, leads = [[float(number)] for number in range(10)], [[f"L{number}"] for number in range(10)]
    values = ours("COST_PER_LEAD", [spend, leads])
    objects = imported("COST_PER_LEAD", [{"range": spend}, {"range": leads}], with_objects=True)
    assert excel.call(*values) == excel.call(*objects) == 4.5
    our, generated = medians(excel, values, objects, rounds=31)
    report(
        capsys,
        f"COST_PER_LEAD on two ranges of 10 cells: {our * 1e3:.2f} ms with values; {generated * 1e3:.1f} ms through "
        f"xlwings' generated wrapper ({generated / our:.0f}× as fast; goal 10×)",
    )


@pytest.mark.parametrize(
    ("kpi", "cells", "goal", "rounds"),
    [
        pytest.param("COST_PER_LEAD", [1200.0, 40.0], 1.2, 301, id="scalar"),
        pytest.param("WIN_RATIO", [[[("Won", "Lost", "Open")[row % 3]] for row in range(ROWS)]], 1.2, 21, id="words"),
        pytest.param("REVENUE", [[[row % 997 + 0.25] for row in range(ROWS)]], 1.2, 21, id="amounts"),
        pytest.param("FUNNEL", ["a table"], 1.3, 5, id="table"),
    ],
)
def test_beside_a_bare_function(
    kpi: str, cells: list[Any], goal: float, rounds: int, excel: Excel, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [funnel_table(100_000)] if kpi == "FUNNEL" else cells
    our, least = medians(excel, ours(kpi, given), bare(*given), rounds=rounds)
    size = f"{len(given[0]):,} × {len(given[0][0])} cells" if isinstance(given[0], list) else "single values"
    report(
        capsys,
        f"{kpi} on {size}: {our * 1e3:.2f} ms; bare function with the same cells: {least * 1e3:.2f} ms; above it: "
        f"{(our - least) * 1e3:.2f} ms ({our / least:.2f}×; goal {goal}×)",
    )


def funnel_table(rows: int) -> list[list[Any]]:
    """A row per lead: four stages with the day on which it was reached, and the channel."""
    start = serial("2025-01-01")
    table: list[list[Any]] = [["Channel", "Lead", "MQL", "SQL", "Customer"]]
    for row in range(rows):
        reached = [start + row % 300 + stage * 7 if row % 4 >= stage else None for stage in range(4)]
        table.append([("Fair", "Web", "Ads")[row % 3], *reached])
    return table


def test_keeping_the_object(excel: Excel, capsys: pytest.CaptureFixture[str]) -> None:
    """What our wrapper saves by not asking the DLL for the server at each call."""
    values = imported("COST_PER_LEAD", [1200.0, 40.0])
    with_book = imported("COST_PER_LEAD", [1200.0, 40.0], with_objects=True)
    kept, asked = medians(excel, values, with_book, rounds=51)
    report(
        capsys,
        f"COST_PER_LEAD on single values: {kept * 1e3:.2f} ms; with the DLL asked, workbook and caller handed over: "
        f"{asked * 1e3:.2f} ms ({asked / kept:.0f}×)",
    )
