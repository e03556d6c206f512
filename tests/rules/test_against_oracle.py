"""Made-up rules on made-up tables: every engine says of every lead what the plain loop says."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import made_up
import pytest
from asked import REFUSALS, Asked, about, plain
from engines import Engines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Prepared, Result

import kpi_udfs
from kpi_udfs import ConfigError
from kpi_udfs.rules.files import load_text

pytestmark = pytest.mark.thorough

#: Cells need no table of their own.
NO_ENGINES = Engines(Path())
#: Made one after the other until one of them is not refused.
ATTEMPTS = 200


class Case:
    """Rules, tables and a day."""

    def __init__(self, chance: Random, leads: int, events: int, tidy: bool) -> None:
        self.leads, self.events = made_up.made_tables(chance, leads, events, tidy)
        for attempt in range(ATTEMPTS):
            self.rules = made_up.made_rules(chance, self.leads[0])
            try:
                self.loaded = load_text(self.rules)
                break
            except ConfigError:
                if attempt == ATTEMPTS - 1:
                    raise
        day = made_up.BEGIN + timedelta(days=chance.randrange(-2, made_up.DAYS + 10))
        self.as_of = None if chance.random() < 0.2 else day

    def expected(self) -> list[Result] | str:
        """What the plain loop says, or the error that a cell shows."""
        try:
            return Prepared(self.loaded, self.leads, self.events).run(self.as_of)
        except REFUSALS as refused:
            return refused.code

    def answer_of(self, asked: Asked) -> list[Result] | str:
        """What somebody says."""
        try:
            return asked(self.rules, self.leads, self.events, self.as_of)
        except REFUSALS as refused:
            return refused.code

    def check(self, asked: Asked) -> None:
        """Ask somebody and compare, lead by lead."""
        expected, got = self.expected(), self.answer_of(asked)
        if isinstance(expected, str) or isinstance(got, str):
            assert got == expected, str(self)
            return
        assert len(got) == len(expected)
        if asked.who == "duckdb":  # a query has no order of its own
            assert sorted(map(rounded, plain(got))) == sorted(map(rounded, plain(expected))), str(self)
            return
        for row, (one, other, said) in enumerate(zip(plain(got), about(expected), expected, strict=True), 1):
            assert one == other, f"{said} expected of this lead:\n{self.about_lead(row)}"

    def about_lead(self, row: int) -> str:
        lead = self.leads[row]
        own = [event for event in self.events[1:] if str(event[0]).strip() == str(lead[0]).strip()]
        return "\n".join(map(str, [dict(zip(self.leads[0], lead, strict=True)), *own, self]))

    def __str__(self) -> str:
        return f"as of {self.as_of}\n{self.rules}"


def rounded(row: tuple[object, ...]) -> tuple[str, ...]:
    """A result to sort and compare by; + 0.0 makes a zero of a negative one."""
    return tuple(f"{round(cell, 7) + 0.0:.7f}" if isinstance(cell, int | float) else str(cell) for cell in row)


def case_of(seed: int, tidy: bool) -> Case:
    chance = Random(seed)
    return Case(chance, chance.choice([3, 20, 60]), chance.choice([5, 60, 250]), tidy)


def test_what_is_made_up_is_varied() -> None:
    answers = [case_of(seed, tidy=False).expected() for seed in range(40)]
    assert "#N/A" in answers
    stages = Counter(one.stage for answer in answers if isinstance(answer, list) for one in answer)
    assert set(stages) == {"SQL", "MQL", "lead", "suppressed", "not yet"}
    assert min(stages.values()) > 30, stages


@pytest.mark.parametrize("who", ["cells, pandas", "cells, polars"])
@pytest.mark.parametrize("seed", range(60))
def test_cells(seed: int, who: str, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    case_of(seed, tidy=False).check(Asked(who, engines, monkeypatch))


@pytest.mark.parametrize("who", ["pandas", "polars", "duckdb"])
@pytest.mark.parametrize("seed", range(1000, 1030))
def test_tables(seed: int, who: str, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    case_of(seed, tidy=True).check(Asked(who, engines, monkeypatch))


@pytest.mark.parametrize("seed", range(2000, 2020))
def test_counts_and_scores(seed: int, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(seed, tidy=False)
    expected = case.expected()
    given_cells = (case.leads, case.events, case.rules, case.as_of)
    if isinstance(expected, str):
        for kpi in ("MQL_COUNT", "SQL_COUNT", "LEAD_SCORE"):
            with pytest.raises(kpi_udfs.CellError) as refused:
                kpi_udfs.evaluate(kpi, *given_cells)
            assert refused.value.code == expected
        return
    for kpi, counted in (("MQL_COUNT", {"MQL", "SQL"}), ("SQL_COUNT", {"SQL"})):
        if kpi == "SQL_COUNT" and "sql:" not in case.rules:
            continue  # which is #N/A: the rules don't say what an SQL is
        assert kpi_udfs.evaluate(kpi, *given_cells) == len({one.lead for one in expected if one.stage in counted})
    if expected[0].score == "":
        with pytest.raises(kpi_udfs.CellError) as refused:
            kpi_udfs.evaluate("LEAD_SCORE", *given_cells)
        assert refused.value.code == "#N/A"
        return
    header, *scores = kpi_udfs.evaluate("LEAD_SCORE", *given_cells)
    assert header == ["Score"]
    assert [score for (score,) in scores] == [pytest.approx(one.score, rel=0, abs=1.01e-9) for one in expected]


@given(chance=st.randoms(use_true_random=False), leads=st.integers(1, 4), events=st.integers(0, 12))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_what_hypothesis_finds(chance: Random, leads: int, events: int) -> None:
    case = Case(chance, leads, events, tidy=False)
    with pytest.MonkeyPatch.context() as monkeypatch:
        case.check(Asked("cells, pandas", NO_ENGINES, monkeypatch))
