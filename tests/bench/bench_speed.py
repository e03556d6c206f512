"""How fast the call path is, always beside what it is compared with, measured in turn in one run.

``tox -e bench``. Figures are medians; they say something about this machine, the ratios about us.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import formualizer
import pytest

from kpi_udfs import calls
from kpi_udfs.hosts.calculation import pack
from kpi_udfs.registry import KPIS

ROWS = 100_000


def in_turn(one: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median seconds of both, measured alternately so that a slow moment hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, taken in zip((one, other), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def report(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n    {line}", end="")  # noqa: T201 (the figures are what a benchmark is for)


def test_scalar_call(benchmark: Any) -> None:
    spec = KPIS["COST_PER_LEAD"]
    assert benchmark(lambda: calls.call(spec, (1200.0, 40.0), calls.context_now())) == 30.0


def test_scalar_call_beside_a_bare_function(capsys: pytest.CaptureFixture[str]) -> None:
    spec = KPIS["COST_PER_LEAD"]

    def ours() -> None:
        for _ in range(1000):
            calls.call(spec, (1200.0, 40.0), calls.context_now())

    def bare() -> None:
        for _ in range(1000):
            divide(1200.0, 40.0)

    one, other = in_turn(ours, bare, 51)
    report(capsys, f"scalar call through calls: {one * 1e3:.2f} µs; bare Python function: {other * 1e3:.3f} µs")


def divide(spend: float, leads: float) -> float:
    return spend / leads


@pytest.mark.parametrize(
    ("kpi", "cells", "extra"),
    [
        ("WIN_RATIO", ["Won", "Lost", "Engaging", "Prospecting"], ()),
        ("COST_PER_LEAD", [12.5, 80.0, 3.25, 7.0], (40.0,)),
    ],
)
def test_column_beside_a_bare_callback(
    kpi: str, cells: list[Any], extra: tuple[Any, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A column in the headless engine: our function against one that only receives the cells."""
    engine = formualizer.Workbook()
    engine.add_sheet("S")
    engine.set_values_batch("S", 1, 1, [[cells[row % len(cells)]] for row in range(ROWS)])
    engine.register_function("OURS", partial(_ours, kpi), min_args=0)
    engine.register_function("BARE", lambda *_: 1.0, min_args=0)
    more = "".join(f",{argument}" for argument in extra)

    def evaluate(name: str, column: int) -> Any:
        engine.set_formula("S", 1, column, f"={name}(A1:A{ROWS}{more})")
        return engine.evaluate_cell("S", 1, column)

    assert isinstance(evaluate("OURS", 3), float)
    ours, bare = in_turn(lambda: evaluate("OURS", 3), lambda: evaluate("BARE", 4), 21)
    report(
        capsys,
        f"{kpi} on {ROWS:,} cells: {ours * 1e3:.1f} ms; bare callback with the same cells: {bare * 1e3:.1f} ms; "
        f"above it: {(ours - bare) * 1e3:.1f} ms ({ours / bare:.2f}×)",
    )


def _ours(kpi: str, *arguments: Any) -> Any:
    return pack(calls.call(KPIS[kpi], arguments, calls.context_now()))


def test_text_numbers_beside_plain_ones(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from kpi_udfs import settings

    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "de")
    settings.forget()
    texts = [[f"{number % 5000},25"] for number in range(ROWS)]
    plain = [[number % 5000 + 0.25] for number in range(ROWS)]
    revenue = KPIS["REVENUE"]
    context = calls.context_now()
    assert calls.call(revenue, (texts,), context) == calls.call(revenue, (plain,), context)
    ours, numbers = in_turn(
        lambda: calls.call(revenue, (texts,), context), lambda: calls.call(revenue, (plain,), context), 11
    )
    report(capsys, f"REVENUE on {ROWS:,} German texts: {ours * 1e3:.1f} ms; on numbers: {numbers * 1e3:.1f} ms")


def test_import_beside_a_bare_interpreter(capsys: pytest.CaptureFixture[str]) -> None:
    def start(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    ours, bare = in_turn(start("import kpi_udfs"), start("pass"), 15)
    report(capsys, f"import kpi_udfs: {(ours - bare) * 1e3:.0f} ms above an interpreter's start of {bare * 1e3:.0f} ms")
