"""One way to ask who is qualified, whoever answers: the oracle, or the project on tables of every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from textwrap import dedent
from typing import Any

import pytest
from engines import Engines, counting_on, need, pandas_frame, polars_frame
from oracle import NeedsDay, NoVersion, Result, Rows, qualify, written

import kpi_udfs
from kpi_udfs import CellError
from kpi_udfs.rules.files import load_text

HEADER = ["Lead", "Stage", "Score", "Fit", "Engagement", "Deciding rule"]
#: Who answers cells as a sheet holds them, whatever mixture they are.
CELLS = ["oracle", "cells, pandas", "cells, polars"]
#: Who answers tables whose columns hold one kind of value each.
EVERYBODY = [*CELLS, "pandas", "polars", "duckdb"]
#: What tells that there is no answer; its ``code`` is what a cell shows.
REFUSALS = (CellError, NoVersion, NeedsDay)


def rules(body: str) -> str:
    """Rules as a file holds them."""
    return "schema: kpi_udfs.qualification/1\n" + dedent(body)


class Asked:
    """Who is qualified, as ``who`` sees it."""

    def __init__(self, who: str, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
        self.who, self.engines, self.monkeypatch = who, engines, monkeypatch
        if who != "oracle":
            need(who.removeprefix("cells, "))

    def __call__(
        self, written_rules: str, leads: Rows, events: Rows | None = None, as_of: date | None = None
    ) -> list[Result]:
        if self.who == "oracle":
            return qualify(load_text(written_rules), leads, events, as_of)
        results = as_results(self.answer("QUALIFY", written_rules, leads, events, as_of))
        if self.who == "duckdb" and "lead_id" in leads[0]:  # a query has no order of its own
            order = [written(row[leads[0].index("lead_id")]) for row in leads[1:]]
            results.sort(key=lambda one: order.index(one.lead) if one.lead in order else -1)
        return results

    def answer(self, kpi: str, written_rules: str, leads: Rows, events: Rows | None, as_of: date | None) -> Any:
        """The answer of one of the functions as cells would show it."""
        if self.who.startswith("cells, "):
            counting_on(self.who.removeprefix("cells, "), self.monkeypatch)
            return kpi_udfs.evaluate(kpi, [list(row) for row in leads], events, written_rules, as_of)
        given = {"events": self.table(events, "events"), "rules": written_rules, "as_of": as_of}
        known = {name: value for name, value in given.items() if value is not None}
        return kpi_udfs.evaluate_on(kpi, self.table(leads, "leads"), **known)

    def table(self, rows: Rows | None, name: str) -> Any:
        """The rows as a table of the engine that answers."""
        if rows is None:
            return None
        if self.who == "duckdb":
            return self.engines.duckdb(rows, name)
        return pandas_frame(rows) if self.who == "pandas" else polars_frame(rows)


def as_results(answer: Sequence[Sequence[Any]]) -> list[Result]:
    """The rows of QUALIFY."""
    header, *rows = answer
    assert header == HEADER
    return [Result(written(lead), *others) for lead, *others in rows]


def plain(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    """What has to be the same whoever answers: all but the deciding rule."""
    return [(one.lead, one.stage, one.score, one.fit, one.engagement) for one in results]


def about(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    """The same, its scores to 1e-9."""
    return [tuple(pytest.approx(one, rel=0, abs=1.01e-9) if isinstance(one, float) else one for one in row)
            for row in plain(results)]  # fmt: skip
