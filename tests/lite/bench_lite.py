"""How fast the functions are in xlwings Lite, beside bare functions in the same Pyodide, measured in turn.

``tox -e lite``. Measured is what happens between Excel and the answer: the request, a JavaScript object,
becomes Python's, xlwings finds the function and calls it. One bare function works out the same by hand,
as somebody would write it for this one table; one looks at nothing, so that its time is the way there
and back. Figures are the best of several rounds; they say something about this machine, the ratios
about us.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from cases import differences
from lite_host import pyodides, request, run

from kpi_udfs.workbooks.lite_book import MAIN

BARE = """
import xlwings as xw

def bare(function):
    for name in ("cells", "more"):
        function = xw.arg(name, "raw")(function)
    return xw.func(xw.ret("raw")(function))

@bare
def NOTHING(cells, more=None):
    return [[1.0]]

@bare
def COST_BY_HAND(cells, more=None):
    return [[cells / more]]

@bare
def WIN_RATIO_BY_HAND(cells, more=None):
    outcomes = [cell for row in cells for cell in row]
    won, lost = outcomes.count("won"), outcomes.count("lost")
    return [[won / (won + lost)]]

@bare
def FUNNEL_BY_HAND(cells, more=None):
    import pandas as pd

    stages = cells[0][1:]
    days = pd.DataFrame(cells[1:], columns=cells[0])[stages].apply(pd.to_numeric, errors="coerce")
    furthest = pd.concat([days[stage].notna() * place for place, stage in enumerate(stages, 1)], axis=1).max(axis=1)
    rows = [["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off", "Median days"]]
    for place, stage in enumerate(stages, 1):
        count = int((furthest >= place).sum())
        if place == 1:
            rows.append([stage, count, "", 1.0, "", ""])
            first = count
        else:
            took = (days[stage] - days[stages[place - 2]]).median()
            rows.append([stage, count, count / before, count / first, before - count, float(took)])
        before = count
    return rows
"""
STAGES = ("Lead", "MQL", "SQL", "Customer")


def outcomes_column(rows: int) -> list[list[str]]:
    chance = random.Random(1)
    return [[chance.choice(("won", "lost", "lost", "open"))] for _ in range(rows)]


def funnel_table(rows: int) -> list[list[Any]]:
    """A row per lead: its number, and the days on which it reached the stages."""
    chance = random.Random(2)
    table: list[list[Any]] = [["Lead ID", *STAGES]]
    for number in range(rows - 1):
        day, reached = 45000 + chance.randrange(300), chance.randint(1, len(STAGES))
        days = [day + 7 * stage if stage < reached else None for stage in range(len(STAGES))]
        table.append([f"L{number}", *days])
    return table


@dataclass(frozen=True)
class Benchmark:
    """What is called, and how often; ``limit``: how much longer than by hand it is to take at most."""

    name: str
    kpi: str
    by_hand: str
    arguments: list[Any]
    repeated: int
    rounds: int
    limit: float

    def beside(self, other: str) -> dict[str, Any]:
        ours = request(self.kpi, self.arguments)
        return {"ours": ours, "bare": {**ours, "func_name": other}, "repeated": self.repeated, "rounds": self.rounds}


BENCHMARKS = (
    Benchmark("a scalar call", "COST_PER_LEAD", "COST_BY_HAND", [[[1200.5]], [[40]]], 50, 40, 1.2),
    Benchmark("10,000 × 1 cells", "WIN_RATIO", "WIN_RATIO_BY_HAND", [outcomes_column(10_000)], 1, 40, 1.2),
    Benchmark("100,000 × 5 cells", "FUNNEL", "FUNNEL_BY_HAND", [funnel_table(100_000)], 1, 9, 1.3),
)


@pytest.mark.parametrize("pyodide", ["pandas 2", "newest"])
def test_beside_bare_functions(pyodide: str, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = pyodides()[pyodide]
    tried = [one for one in BENCHMARKS if runtime.has_pandas or one.kpi != "FUNNEL"]
    pairs = [one.beside(other) for one in tried for other in (one.by_hand, "NOTHING")]
    calls = [request(one.kpi, one.arguments) for one in tried]
    by_hand = [{**call, "func_name": one.by_hand} for one, call in zip(tried, calls, strict=True)]
    outcome = run(runtime, MAIN, ["kpi_udfs"], [*calls, *by_hand], benchmarks=pairs, bare=BARE)
    for ours, other in zip(outcome.values[: len(tried)], outcome.values[len(tried) :], strict=True):
        assert differences(ours, other) is None
    timings = iter(outcome.timings)
    with capsys.disabled():
        print(f"\n    {pyodide}: loading main.py takes {outcome.times['module']:.1f} s", end="")  # noqa: T201
        for one in tried:
            (ours, by_hand_), (again, nothing) = ([_milliseconds(one, times) for times in next(timings)] for _ in "12")
            print(  # noqa: T201
                f"\n    {pyodide}: {one.name}: {one.kpi} {ours:.2f} ms; by hand {by_hand_:.2f} ms "
                f"({ours / by_hand_:.2f}×, to be reached: {one.limit}×); a function that looks at nothing {nothing:.2f} ms ({again / nothing:.2f}×)",
                end="",
            )


def _milliseconds(benchmark: Benchmark, times: list[float]) -> float:
    return min(times) / benchmark.repeated * 1e3
