"""One definition: every table KPI gives the same block, in the same words, whatever holds the table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from engines import ENGINES, Engines, Rows, about, answer, counting_on, need, plain

AS_OF = date(2026, 3, 17)
STAGES = ["lead", "mql", "sql", "opportunity", "won"]

Calls = list[dict[str, Any]]


def options(**choices: list[Any]) -> Calls:
    """Every combination of the choices; None leaves an argument out."""
    combined = (dict(zip(choices, chosen, strict=True)) for chosen in product(*choices.values()))
    return [{name: value for name, value in given.items() if value is not None} for given in combined]


CALLS: dict[str, Calls] = {
    "FUNNEL": [
        *options(by=[None, "channel"], policy=["furthest", "strict", "any"]),
        *options(stages=[["lead", "won"], ["called", "met", "signed"]], by=["branch"]),
    ],
    "FUNNEL_BOTTLENECK": [
        *options(policy=["furthest", "strict", "any"]),
        *options(benchmark=[[0.8, 0.7, 0.6, 0.9]], stages=[STAGES]),
    ],
    "STAGE_DURATION": options(as_of=[None, AS_OF], stages=[None, ["lead", "sql", "won"]]),
    "LOSS_REASONS": options(groups=[None, "channel"], values=[None, "amount"]),
    "WIN_RATIO": options(values=[None, "amount"], basis=["closed", "all"]),
    "WIN_RATIO_BY": options(groups=["owner", "branch"], values=[None, "amount"], basis=["closed", "all"]),
    "RETENTION_COHORTS": [
        *options(dates=["bought"], groups=[None, "channel"], show=["rates", "counts"]),
        *options(dates=["bought"], period=["quarter", "year", "week"], as_of=[None, AS_OF]),
        *options(dates=["bought"], groups=["channel"], period=["month"], as_of=[AS_OF]),
        *options(customers=["branch"], dates=["bought"]),
    ],
    "RETENTION_CURVE": options(groups=[None, "channel"], lost=["churned", "cancelled"]),
}


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Some thousand leads, as messy as they come: blanks, ties, duplicates, padding, steps back in time."""
    chance = random.Random(20260317)

    def perhaps(share: float, value: Any) -> Any:
        return value if chance.random() < share else None

    channels = ["Ads", "ads", " Messe ", "Messe", "Empfehlung", "Développement", "e-mail", "東京", "\u00a0Ads\u2003"]
    outcomes = ["won", " Won ", "gewonnen", "lost", "VERLOREN", "perdu", "open", "pending", "on hold"]
    table: list[list[Any]] = [
        [
            "name", "channel", *STAGES, "called", "met", "signed", "status", "reason", "owner", "branch", "amount",
            "account", "bought", "tenure", "churned", "cancelled",
        ]
    ]  # fmt: skip
    for number in range(3000):
        days: list[date | None] = []
        at = date(2025, 11, 3) + timedelta(days=chance.randrange(140))
        for stage in range(len(STAGES)):
            days.append(perhaps(0.9 - 0.12 * stage, at))
            at += timedelta(days=chance.choice([-2, 0, 0, 1, 3, 7, 7, 20]))
        called = chance.random() < 0.8
        met = called and chance.random() < 0.5
        bought = date(2025, 1, 1) + timedelta(days=int(chance.triangular(0, 460, 400)))
        table.append(
            [
                f"lead {number}",
                perhaps(0.93, chance.choice(channels)),
                *days,
                perhaps(0.97, "yes" if called else "no"),
                perhaps(0.95, met),
                perhaps(0.9, int(met and chance.random() < 0.4)),
                perhaps(0.95, chance.choice(outcomes)),
                perhaps(0.7, chance.choice(["price", " price", "timing", "Prix", "kein Budget", "  ", "競合"])),
                perhaps(0.98, chance.choice(["Ada", "Ben", "Çem", "Łucja", "Óscar"])),
                perhaps(0.95, chance.randrange(1001, 1020)),
                perhaps(0.9, round(chance.lognormvariate(8, 1.2), 2)),
                perhaps(0.97, f"{chance.choice(['', ' '])}Kunde {int(chance.paretovariate(0.6)) % 700} é"),
                perhaps(0.97, bought),
                perhaps(0.95, float(chance.choice([0, 1, 1, 2, 3, 6, 6, 12, 12.5, 24, 36]))),
                perhaps(0.95, chance.choice(["yes", "no", " Nein", "JA"])),
                perhaps(0.95, chance.random() < 0.4),
            ]
        )
    return table + table[-40:]  # the same rows once more: nobody is counted twice by accident, or once


@pytest.fixture(scope="module")
def expected(rows: Rows) -> dict[str, list[tuple[Any, str]]]:
    """What cells counted by pandas give."""
    with pytest.MonkeyPatch.context() as patch:
        counting_on("pandas", patch)
        answers = {kpi: [answer(kpi, [*rows], **given) for given in calls] for kpi, calls in CALLS.items()}
    return {kpi: [(one.cell, one.explanation) for one in of] for kpi, of in answers.items()}


@pytest.fixture(scope="module")
def tables(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The table of each engine, made when it is first asked for."""
    engines = Engines(tmp_path_factory.mktemp("tables"))

    class Made(dict[str, Any]):
        def __missing__(self, engine: str) -> Any:
            _, _, make = ENGINES[engine]
            self[engine] = make(engines, rows)
            return self[engine]

    yield Made()
    engines.close()


@pytest.mark.parametrize("kpi", CALLS)
def test_the_reference_is_no_error(kpi: str, expected: dict[str, list[tuple[Any, str]]]) -> None:
    for cell, told in expected[kpi]:
        assert isinstance(cell, float | list), told


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kpi", CALLS)
def test_every_engine_gives_the_same(
    kpi: str, engine: str, tables: dict[str, Any], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    library, counts_cells, _ = ENGINES[engine]
    need(library)
    counting_on(counts_cells, monkeypatch)
    for given, (cell, told) in zip(CALLS[kpi], expected[kpi], strict=True):
        got = answer(kpi, tables[engine], **given)
        assert plain(got.cell) == about(cell), (given, got.explanation)
        assert got.explanation == told, given
