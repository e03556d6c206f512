"""What belongs to a document: the day from which it counts, the folder in which it lies, its whole columns."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import flat
import pytest
from soffice import Calc, sheets

from kpi_udfs import explain

NULL_DATES = ("1899-12-30", "1900-01-01", "1904-01-01")
DAYS = [date(2026, 1, 5), date(2026, 1, 20), date(2026, 2, 3)]
AMOUNTS = [1.0, 2.0, 4.0]
RULES = "schema: kpi_udfs.qualification/1\nmql: {field: size, gte: 10}\n"
#: A Calc that tries to read these takes seconds, not minutes.
WHOLE_COLUMNS_SECONDS = 30


def dated(null_date: str, folder: Path) -> Path:
    """Three customers who ordered on different days, and what is asked about them."""
    asked = [
        '=REVENUE([.A1:.A3];[.B1:.B3];;"2026-01-10";"2026-02-03")',
        "=REVENUE([.A1:.A3];[.B1:.B3];;[.B2];[.B2])",
        '=KPI_EXPLAIN("REVENUE";[.A1:.A3];[.B1:.B3];;[.B2];[.B3])',
        '=SALES_CYCLE([.B1:.B2];[.B2:.B3];;"median")',
        "=SALES_CYCLE([.B1:.B1];[.C1:.C1];;;[.B3])",
    ]
    customers = zip(AMOUNTS, DAYS, strict=True)
    return flat.write(
        folder / f"{null_date}.fods", [*[[*line] for line in customers], *[[formula] for formula in asked]], null_date
    )


@pytest.fixture(scope="module")
def read(calc: Calc, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Any]]]:
    """The sheets of all documents, by the files' names; the document with rules beside it lies in a folder of its own,
    and again, without the rules, in another."""
    folder = tmp_path_factory.mktemp("documents")
    beside = folder / "Löhne & Prämien" / "Büro Zürich 100%"
    leads = [["Lead ID", "size"], ["a", 20], ["b", 5], ["c", 10]]
    asked = '[.A1:.B4];;"ours.yaml";"2026-03-01")'
    count = [[f"=MQL_COUNT({asked}"], [f'=KPI_EXPLAIN("MQL_COUNT";{asked}']]
    files = [
        *[dated(null_date, folder) for null_date in NULL_DATES],
        flat.write(beside / "with rules.fods", [*leads, *count]),
        flat.write(folder / "without rules.fods", [*leads, *count, *[["=COST_PER_LEAD(12;4)"]]]),
    ]
    (beside / "ours.yaml").write_text(RULES, encoding="utf-8")
    calc.convert("ods", *files, into=folder / "out")
    return {file.stem: sheets(file)["S"] for file in (folder / "out").glob("*.ods")}


@pytest.mark.parametrize("null_date", NULL_DATES)
def test_days_count_from_the_documents_null_date(read: dict[str, list[list[Any]]], null_date: str) -> None:
    rows = read[null_date]
    zero = date.fromisoformat(null_date)
    assert [row[1] for row in rows[:3]] == [(day - zero).days for day in DAYS]  # what Calc hands over
    between, on_one_day, why, median, _ = (row[0] for row in rows[3:])
    assert between == 6.0  # 2 on 20 January and 4 on 3 February
    assert on_one_day == 2.0
    assert why == explain("REVENUE", AMOUNTS, DAYS, None, DAYS[1], DAYS[2])
    assert median == 14.5  # 15 days and 14


def test_what_is_shown_differs_by_document_and_not_by_null_date(read: dict[str, list[list[Any]]]) -> None:
    first, *others = ([row[0] for row in read[null_date][3:]] for null_date in NULL_DATES)
    assert others == [first, first]


def test_rules_lie_beside_the_document(read: dict[str, list[list[Any]]]) -> None:
    assert read["with rules"][4] == [2.0]  # sizes 20 and 10
    (count,), (why,), (cost,) = read["without rules"][4:]
    assert (count, cost) == ("#VALUE!", 3.0)
    assert 'There is no rules file "ours.yaml"' in why


def test_whole_columns(calc: Calc, tmp_path: Path) -> None:
    """A hundred rows in one and fifty in the other: the same as the ranges, and soon."""
    outcomes = ["won" if number % 4 == 0 else "lost" for number in range(100)]
    rows: list[list[Any]] = [
        [outcome, float(number) if number < 50 else None] for number, outcome in enumerate(outcomes)
    ]
    asked = [
        ("=WIN_RATIO([.A:.A])", "=WIN_RATIO([.A1:.A100])"),
        ("=WIN_RATIO([.A:.A];[.B:.B])", "=WIN_RATIO([.A1:.A100];[.B1:.B100])"),
        ("=REVENUE([.B:.B];;[.A:.A])", "=REVENUE([.B1:.B100];;[.A1:.A100])"),
        ("=REVENUE([.C:.C])", "=REVENUE([.C1:.C2])"),  # nothing in it
    ]
    for row, (whole, part) in zip(rows, asked, strict=False):
        row += [None, whole, part]
    start = time.monotonic()
    calc.convert("ods", flat.write(tmp_path / "columns.fods", rows), into=tmp_path)
    took = time.monotonic() - start
    shown = [row[3:] for row in sheets(tmp_path / "columns.ods")["S"][: len(asked)]]
    assert [whole for whole, _ in shown] == [part for _, part in shown]
    assert shown[0][0] == 0.25
    assert shown[2][0] == sum(range(0, 50, 4))
    assert took < WHOLE_COLUMNS_SECONDS
