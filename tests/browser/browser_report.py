"""The report of a run in a real browser: readable on a phone, in the dark and on paper."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from chromium import Chromium

from kpi_udfs.cli.report_page import report
from kpi_udfs.hosts.jobs import CellFacts, Job, Recalculated
from kpi_udfs.hosts.recalculation import recalculate
from kpi_udfs.messages import LANGUAGES
from kpi_udfs.workbooks import build, recipes

MADE = datetime(2026, 3, 4, 17, 5)
LONG = "Umsatzsteuervoranmeldung" * 8


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    return Chromium(tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="session")
def funnel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sales funnel workbook."""
    path = tmp_path_factory.mktemp("books") / "sales_funnel.xlsx"
    build(recipes()["sales_funnel"], path)
    return path


def told(cell: str, formula: str, shown: str, **facts: object) -> CellFacts:
    given = {"value": shown, "error": None, "explanation": None, "is_kpi": False}
    return CellFacts(LONG, cell, formula, shown=shown, **{**given, **facts})  # type: ignore[arg-type]


@cache
def page(funnel: Path, locale: str = "en") -> str:
    """A real workbook, one with everything there is to look at and nowhere to break a line, and a refused one."""
    rows = [[f"{LONG}{column}" for column in range(9)]] * 3
    hard = [
        told("A1", "=1/0", "#DIV/0!", value=None, error="#DIV/0!", errors=(("#DIV/0!", f"#DIV/0!: {LONG}"),)),
        told("A2", f"={LONG}(1)", LONG, kept=f"{LONG} can't be calculated here."),
        told("A3", f'="{LONG * 3}"', LONG, differs_from=f"{LONG}1"),
        told("A4", f"=FUNNEL({LONG})", rows, value=rows, is_kpi=True, kpis=("FUNNEL",), explanation=LONG),
        told("A9", f"=FUNNEL({LONG})", LONG, is_kpi=True, kpis=("FUNNEL",), explanation=LONG, warnings=(LONG,)),
        *(told(f"B{row}", "=1/0", LONG, errors=(("#N/A", f"#N/A: {LONG}"),)) for row in range(1, 30)),
    ]  # fmt: skip
    books = [
        (funnel, recalculate(Job(funnel, locale=locale))),
        (Path(f"{LONG}.xlsx"), Recalculated(31, 2, hard, (LONG,))),
        (Path("in") / f"{LONG}2.xlsx", f"{LONG}: not a workbook"),
    ]
    return report(books, MADE, locale)


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_phone_scrolls_the_page_in_one_direction(chromium: Chromium, funnel: Path, locale: str) -> None:
    for opened in (False, True):
        seen = chromium.measured(page(funnel, locale), width=360, opened=opened)
        assert (seen["window"], seen["page"], seen["wide"], seen["small"]) == (360, 360, [], [])
        assert seen["scrolling"] >= 2  # tables that are too wide scroll by themselves
        assert (seen["open"] > 0) is opened


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_other_windows_fit_too(chromium: Chromium, funnel: Path, width: int) -> None:
    seen = chromium.measured(page(funnel), width=width)
    assert (seen["window"], seen["page"], seen["wide"]) == (width, width, [])


def test_every_word_stands_out_in_the_light_and_in_the_dark(chromium: Chromium, funnel: Path) -> None:
    light, dark = (chromium.measured(page(funnel), dark=dark, opened=True) for dark in (False, True))
    assert light["back"] != dark["back"]
    assert (light["faint"], dark["faint"]) == ([], [])


def test_the_first_screen_says_what_to_look_at(chromium: Chromium, funnel: Path) -> None:
    first = chromium.measured(page(funnel), width=390)["first"]
    assert {"✗Not calculated: 1", "!To look at: 1", "✓All right: 1"} <= set(first)
    book = recalculate(Job(funnel, locale="en"))
    alone = chromium.measured(report([(funnel, book)], MADE, "en"), width=390)["first"]
    assert {"sales_funnel.xlsx", "✓All right", "KPI cells with a note: 4"} <= set(alone)


def test_the_browser_has_nothing_to_complain_of(chromium: Chromium, funnel: Path) -> None:
    written = page(funnel)
    assert chromium.complaints(written) == []
    for hostile in (
        "<script>alert(1)</script>",
        '<img src="https://example.org/x.png"/>',
        "<p style='color: red'>x</p>",
    ):
        broken = written.replace("</body>", f"{hostile}</body>")
        assert chromium.complaints(broken), hostile  # the page's own rule forbids it, and we would have heard


def test_on_paper_nothing_is_dark(chromium: Chromium, funnel: Path) -> None:
    light, dark = (chromium.printed(page(funnel), dark=dark) for dark in (False, True))
    assert light.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", light)) <= 20
    assert light == dark


def test_very_many_cells_are_opened_in_no_time(chromium: Chromium) -> None:
    cells = [
        CellFacts("Leads", f"F{row}", f"=COST_PER_LEAD(E{row},{row})", 2.0, None, "2.00", f"2: 10 ÷ {row} leads.", True)
        for row in range(2, 20_002)
    ]
    written = report([(Path("large.xlsx"), Recalculated(len(cells), 0, cells))], MADE, "en")
    seen = chromium.measured(written)
    assert seen["page"] == seen["window"]
    assert seen["milliseconds"] < 15_000  # 800 on a small computer
