"""Table KPIs on raw cells beside the pandas script that comes to mind first, cells to cells.

``tox -e bench``. The script reads the whole table (``DataFrame(rows[1:], columns=rows[0])``) and
groups it; ours reads the columns it needs. On pandas alone and, as with the extra ``fast``, on Polars.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bench_speed import ROWS, in_turn, report

from kpi_udfs import calls
from kpi_udfs.kpis.survival import Z95
from kpi_udfs.registry import KPIS
from kpi_udfs.tables import frames

HEADER = ["id", "rep", "channel", "status", "amount", "lead", "mql", "sql", "customer", "country", "note", "score"]
STAGES = ["lead", "mql", "sql", "customer"]


@pytest.fixture(scope="module")
def table() -> list[list[Any]]:
    chance = np.random.default_rng(1)
    begin = 46_000.0 + chance.integers(0, 400, ROWS)
    reached = np.cumprod(chance.random((ROWS, 3)) < (0.5, 0.4, 0.3), axis=1).astype(bool)
    days = begin[:, None] + np.cumsum(chance.integers(0, 40, (ROWS, 3)), axis=1)
    return [HEADER] + [
        [
            f"L{i // 3}", f"rep {i % 35}", ["mail", "ads", "web", "fair"][i % 4], ["Won", "Lost", "Open"][i % 3],
            float(i % 999), float(begin[i]), *(float(d) if r else None for d, r in zip(days[i], reached[i], strict=True)),
            "DE", "called twice", float(i % 100),
        ]
        for i in range(ROWS)
    ]  # fmt: skip


def cells(frame: pd.DataFrame) -> list[list[Any]]:
    return [list(frame.columns), *frame.astype(object).to_numpy().tolist()]


def plain_funnel(table: list[list[Any]]) -> list[list[Any]]:
    frame = pd.DataFrame(table[1:], columns=table[0])
    reached = frame[STAGES].notna().iloc[:, ::-1].cummax(axis=1).iloc[:, ::-1]
    counts = reached.groupby(frame["channel"]).sum()
    result = counts.stack().rename("count").to_frame()
    result["step"] = counts.div(counts.shift(axis=1)).stack()
    result["cumulative"] = counts.div(counts["lead"], axis=0).stack()
    gaps = pd.DataFrame({after: frame[after] - frame[before] for before, after in pairwise(STAGES)})
    result["median"] = gaps.groupby(frame["channel"]).median().stack()
    return cells(result.reset_index())


def plain_win_ratio_by(table: list[list[Any]]) -> list[list[Any]]:
    frame = pd.DataFrame(table[1:], columns=table[0])
    counts = frame.groupby(["rep", "status"]).size().unstack(fill_value=0)
    closed = counts["Won"] + counts["Lost"]
    counts["ratio"] = counts["Won"] / closed
    middle = counts["ratio"] + Z95**2 / (2 * closed)
    reach = Z95 * np.sqrt(counts["ratio"] * (1 - counts["ratio"]) / closed + Z95**2 / (4 * closed**2))
    counts["low"], counts["high"] = ((middle + sign * reach) / (1 + Z95**2 / closed) for sign in (-1, 1))
    return cells(counts.sort_values("ratio", ascending=False).reset_index())


def plain_retention_cohorts(table: list[list[Any]]) -> list[list[Any]]:
    frame = pd.DataFrame(table[1:], columns=table[0])
    day = pd.to_datetime(frame["lead"], unit="D", origin="1899-12-30")
    frame["month"] = day.dt.year * 12 + day.dt.month
    frame["cohort"] = frame.groupby("id")["month"].transform("min")
    back = frame.groupby(["cohort", "month"])["id"].nunique().reset_index()
    back["n"] = back["month"] - back["cohort"]
    triangle = back.pivot(index="cohort", columns="n", values="id")
    return cells(triangle.div(triangle[0], axis=0).reset_index())


def plain_stage_duration(table: list[list[Any]]) -> list[list[Any]]:
    frame = pd.DataFrame(table[1:], columns=table[0])
    latest = frame[STAGES].max().max()
    lines = [["stage", "count", "mean", "median", "p75", "p90", "waiting", "waiting days"]]
    for i, stage in enumerate(STAGES[:-1]):
        reached = frame[STAGES[i + 1 :]].bfill(axis=1).iloc[:, 0]
        days = (reached - frame[stage])[lambda days: days >= 0]
        waiting = latest - frame[stage][frame[stage].notna() & reached.isna()]
        shares = days.quantile([0.5, 0.75, 0.9])
        lines.append([stage, len(days), days.mean(), *shares, len(waiting), waiting.median()])
    return lines


CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], list[Any]]]] = {
    "FUNNEL": (plain_funnel, lambda table: [table, None, "channel"]),
    "WIN_RATIO_BY": (plain_win_ratio_by, lambda table: [column(table, "status"), column(table, "rep")]),
    "RETENTION_COHORTS": (plain_retention_cohorts, lambda table: [column(table, "id"), column(table, "lead")]),
    "STAGE_DURATION": (plain_stage_duration, lambda table: [table]),
}


def column(table: list[list[Any]], name: str) -> list[list[Any]]:
    """A range of one column, as a host sends it."""
    index = table[0].index(name)
    return [[row[index]] for row in table[1:]]


@pytest.mark.parametrize("engine", ["pandas", "polars"])
@pytest.mark.parametrize("kpi", CASES)
def test_beside_plain_pandas(
    kpi: str, engine: str, table: list[list[Any]], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    plain, arguments = CASES[kpi]
    monkeypatch.setattr(frames, "engine", lambda: engine)
    given, context = arguments(table), calls.context_now()
    result = calls.call(KPIS[kpi], given, context)
    check(kpi, result, plain(table))
    ours, theirs = in_turn(lambda: calls.call(KPIS[kpi], given, context), lambda: plain(table), 9)
    report(
        capsys,
        f"{kpi} on {ROWS:,} × {len(HEADER)} cells, {engine}: {ours * 1e3:.0f} ms; the obvious pandas script: "
        f"{theirs * 1e3:.0f} ms ({ours / theirs:.2f}×)",
    )


def check(kpi: str, ours: list[list[Any]], plain: list[list[Any]]) -> None:
    """Both mean the same: the figures that stand in both, in the script's order."""
    if kpi == "FUNNEL":
        pick = [[row[0], row[1], row[2]] for row in ours[1:]], [[row[0], row[1], row[2]] for row in plain[1:]]
    elif kpi == "WIN_RATIO_BY":
        pick = (
            sorted([row[0], row[1], round(row[5], 12), round(row[6], 12)] for row in ours[1:]),
            sorted([row[0], row[3], round(row[5], 12), round(row[6], 12)] for row in plain[1:]),
        )
    elif kpi == "RETENTION_COHORTS":
        pick = (
            [[cell for cell in row[3:] if cell != ""] for row in ours[1:]],
            [
                [0.0 if cell != cell else cell for cell in row[1 : 1 + len(ours[1:]) - i]]
                for i, row in enumerate(plain[1:])
            ],
        )
    else:
        pick = ours[1:], plain[1:]
    assert len(pick[0]) == len(pick[1])
    for one, other in zip(*pick, strict=True):
        for cell, expected in zip(one, other, strict=True):
            assert cell == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-9))
