"""Nothing to divide by, no data, not enough data and bad data: different answers, each with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from kpi_udfs import KPIS, CellError, evaluate, explain

DAY = 46027.0  # 5 January 2026

#: Per KPI: situation, cells, the code in the cell or in a line of the block, and words of the explanation.
SITUATIONS: dict[str, list[tuple[str, list[Any], str, str]]] = {
    "FUNNEL_BOTTLENECK": [
        ("nothing to divide by", [[["Lead", 9], ["Won", 5]], None, [["Lead", 0], ["Won", 5]]], "#DIV/0!",
         "Nobody is in Lead of the earlier funnel"),
        ("no data", [[["lead", "won"], ["", ""]]], "#N/A", "data holds a header row and no data yet."),
        ("nobody entered", [[["Lead", 0], ["Won", 0]]], "#N/A", "Nobody entered the funnel"),
        ("not enough data", [[["Lead", 9], ["MQL", 0], ["Won", 0]]], "#N/A",
         "what the loss costs can't be estimated"),
        ("bad data", [[["Lead", 9], ["Won", "n/a"]]], "#VALUE!", 'Row 2 of data holds "n/a"'),
        ("a benchmark of another funnel", [[["Lead", 9], ["Won", 5]], None, [0.5, 0.5]], "#VALUE!",
         "benchmark holds 2 rates; this funnel has 1 step"),
        ("out of bounds", [[["Lead", 9], ["Won", -1]]], "#NUM!", "Row 2 of data holds -1; it can't be below 0."),
        ("a benchmark out of bounds", [[["Lead", 9], ["Won", 5]], None, [50]], "#NUM!", "50 does not"),
    ],
    "STAGE_DURATION": [
        ("no data", [[["lead", "won"], ["", ""]]], "#N/A", "data holds a header row and no data yet."),
        ("no dates", [[["name", "lead", "won"], ["Ada", "", ""]]], "#N/A", "The stage columns hold no dates yet."),
        ("bad data", [[["lead", "won"], [DAY, "soon"]]], "#VALUE!", 'Row 2 of column "won" holds "soon"'),
        ("no days in it", [[["lead", "won"], ["yes", "no"]]], "#VALUE!", 'column "lead" holds yes and no'),
        ("counts", [[["Lead", 9], ["Won", 5]]], "#VALUE!", "not a block of counts"),
    ],
    "LOSS_REASONS": [
        ("no data", [["", ""], ["", ""]], "#N/A", "outcomes holds no outcomes yet"),
        ("not enough data", [["won", "open"], ["", ""]], "#N/A", "No deal was lost"),
        ("bad data", [["red", "blue"], ["a", "b"]], "#VALUE!", "Found: blue, red."),
        ("lengths", [["lost"], ["a", "b"]], "#VALUE!", "outcomes has 1 cell and reasons 2"),
    ],
    "WIN_RATIO_BY": [
        ("nothing to divide by", [["open"], ["Ada"]], "#DIV/0!", "No deal has closed yet. Open: 1."),
        ("no data", [["", ""], ["Ada", "Ben"]], "#N/A", "outcomes holds no outcomes yet"),
        ("bad data", [["red", "blue"], ["Ada", "Ben"]], "#VALUE!", "Found: blue, red."),
        ("lengths", [["won"], ["Ada", "Ben"]], "#VALUE!", "outcomes has 1 cell and groups 2"),
        ("out of bounds", [["won", "lost"], ["Ada", "Ben"], [5, -5]], "#NUM!", "can't be negative: -5."),
    ],
    "SALES_CYCLE": [
        ("no data", [["", ""], ["", ""], None, "kaplan_meier"], "#N/A", "no deal with a first contact"),
        ("not enough data", [[DAY] * 3, [DAY + 5, "", ""], None, "kaplan_meier", DAY + 9], "#N/A",
         "Fewer than half of the deals have closed by 9 days"),
        ("bad data", [[DAY, "soon"], [DAY, DAY], None, "kaplan_meier"], "#VALUE!",
         'Row 2 of first_touch holds "soon"'),
        ("lengths", [[DAY], [DAY, DAY], None, "kaplan_meier"], "#VALUE!", "first_touch has 1 cell and close_dates 2"),
        ("unknown words", [[DAY], [DAY], ["red"], "kaplan_meier"], "#VALUE!", "Found: red."),
    ],
    "SALES_VELOCITY": [
        ("nothing to divide by", [60, 0.25, 8000, 0], "#DIV/0!", "A sales cycle of 0 days"),
        ("no data", [["", ""], 0.25, 8000, 48], "#N/A", "opportunities holds nothing yet"),
        ("bad data", [60, "high", 8000, 48], "#VALUE!", 'win_ratio holds "high"'),
        ("missing", [60, 0.25, 8000], "#VALUE!", "cycle_days is missing"),
        ("out of bounds", [60, 25, 8000, 48], "#NUM!", "win_ratio holds 25; it can't be above 1."),
        ("negative", [60, 0.25, -8000, 48], "#NUM!", "deal_size holds -8,000; it can't be below 0."),
    ],
    "RETENTION_COHORTS": [
        ("no data", [["", ""], ["", ""]], "#N/A", "no purchase with both a customer and a date"),
        ("bad data", [["ada", "ben"], [DAY, "soon"]], "#VALUE!", 'Row 2 of dates holds "soon"'),
        ("lengths", [["ada", "ben"], [DAY]], "#VALUE!", "customers has 2 cells and dates 1"),
        ("no date", [["ada"], [500]], "#VALUE!", "dates holds 500, which is no date since 1950."),
        ("too wide", [["ada", "ada"], [20000, 60000], None, "week"], "#NUM!", "5,716 periods"),
    ],
    "RETENTION_CURVE": [
        ("no data", [["", ""], ["", ""]], "#N/A", "no row with both a duration and whether"),
        ("bad data", [[6, "long"], ["yes", "no"]], "#VALUE!", 'Row 2 of durations holds "long"'),
        ("neither yes nor no", [[6, 9], ["yes", "perhaps"]], "#VALUE!", 'Row 2 of lost holds "perhaps"'),
        ("lengths", [[6, 9], ["yes"]], "#VALUE!", "durations has 2 cells and lost 1"),
        ("out of bounds", [[6, -1], ["yes", "no"]], "#NUM!", "Row 2 of durations holds -1; it can't be below 0."),
    ],
    "CUSTOMER_LIFETIME_VALUE": [
        ("nothing to divide by", [50, 2, 0], "#DIV/0!", "nobody ever leaves"),
        ("missing", [50, 2], "#VALUE!", "churn_rate is missing"),
        ("bad data", [50, "often", 0.05], "#VALUE!", 'purchases holds "often"'),
        ("a range", [[50, 60], 2, 0.05], "#VALUE!", "purchase_value is a range"),
        ("out of bounds", [50, 2, 5], "#NUM!", "churn_rate holds 5; it can't be above 1. Write 60% or 0.6"),
    ],
}  # fmt: skip


def codes(kpi: str, cells: list[Any]) -> set[str]:
    """The errors of an answer: its own, or those in the lines of a block."""
    try:
        answer = evaluate(kpi, *cells)
    except CellError as error:
        return {error.code}
    rows = answer if isinstance(answer, list) else [[answer]]
    return {cell.code for row in rows for cell in row if isinstance(cell, CellError)}


@pytest.mark.parametrize(
    ("kpi", "cells", "code", "words"),
    [pytest.param(kpi, *rest, id=f"{kpi}-{name}") for kpi, cases in SITUATIONS.items() for name, *rest in cases],
)
def test_the_code_and_the_reason(kpi: str, cells: list[Any], code: str, words: str) -> None:
    told = explain(kpi, *cells)
    assert codes(kpi, cells) == {code}, told
    assert words in told
    assert told.startswith(f"{code}: ") or KPIS[kpi].gives_block


@pytest.mark.parametrize("kpi", SITUATIONS)
def test_no_two_situations_read_alike(kpi: str) -> None:
    told = [explain(kpi, *cells) for _, cells, *_ in SITUATIONS[kpi]]
    assert len(set(told)) == len(told)


def test_a_curve_that_has_not_come_down_to_half_says_so() -> None:
    told = explain("RETENTION_CURVE", [6, 9, 10], ["yes", "no", "no"])
    assert told.startswith("Customers lost so far: 1 of 3; at 10 an estimated 66.7% are still there, so half has not")


@pytest.mark.parametrize(
    ("kpi", "cells", "code", "words"),
    [
        (
            "STAGE_DURATION",
            [[["lead", "won"], [DAY, ""]]],
            "#N/A",
            "Nobody can be timed from lead to a later stage yet.",
        ),
        ("LOSS_REASONS", [["lost"] * 2, ["a", "b"], None, [0, 0]], "#DIV/0!", "have no value to divide by"),
        ("WIN_RATIO_BY", [["won", "open"], ["Ada", "Ben"]], "#DIV/0!", "No deal of Ben has closed yet."),
        ("WIN_RATIO_BY", [["won", "lost"], ["Ada", "Ben"], [0, 0]], "#DIV/0!", "to divide by have no value"),
    ],
)
def test_an_error_in_a_line_is_explained(kpi: str, cells: list[Any], code: str, words: str) -> None:
    assert code in codes(kpi, cells)
    assert words in explain(kpi, *cells)


@pytest.mark.parametrize(
    ("kpi", "cells"),
    [
        ("RETENTION_COHORTS", [["ada"], [DAY], None, "month", "rates", DAY - 9]),
        ("SALES_CYCLE", [[DAY], [DAY + 5], None, "mean", DAY + 1]),
        ("SALES_CYCLE", [[DAY], [""], None, "kaplan_meier", DAY - 9]),
    ],
)
def test_nothing_up_to_the_day_to_look_from_is_not_missing_dates(kpi: str, cells: list[Any]) -> None:
    assert codes(kpi, cells) == {"#N/A"}
    told = explain(kpi, *cells)
    assert told != explain(kpi, *[["" for _ in a] if isinstance(a, list) else a for a in cells])
    assert "2026" in told or "2025" in told  # it names the day


def test_nothing_but_lost_deals_is_not_a_missing_first_contact() -> None:
    told = explain("SALES_CYCLE", [DAY], [DAY + 4], ["lost"], "kaplan_meier")
    assert told.startswith("#N/A")
    assert "no deal with a first contact" not in told


@pytest.mark.parametrize("blank", [None, ""])
@pytest.mark.parametrize(
    ("kpi", "cells", "name"),
    [("SALES_VELOCITY", [60, 0.25, 8000, 48], "deal_size"), ("CUSTOMER_LIFETIME_VALUE", [50, 2, 0.05], "churn_rate")],
)
def test_a_blank_cell_that_is_needed_is_called_blank(kpi: str, cells: list[Any], name: str, blank: Any) -> None:
    cells = list(cells)
    cells[2] = blank
    told = explain(kpi, *cells)
    assert name in told
    assert '"None"' not in told
    assert '""' not in told


def test_an_earlier_funnel_that_nobody_entered_gives_no_rate() -> None:
    cells = [[["Lead", 9], ["Won", 5]], None, [["Lead", 0], ["Won", 0]]]
    assert codes("FUNNEL_BOTTLENECK", cells) == {"#DIV/0!"}


def test_a_benchmark_names_stages_as_the_configuration_does() -> None:
    rows = [["lead", "customer"], ["yes", "no"], ["yes", "yes"]]
    by_header = evaluate("FUNNEL_BOTTLENECK", rows, None, [["customer", 0.9]])
    assert evaluate("FUNNEL_BOTTLENECK", rows, ["lead", "won"], [["won", 0.9]]) == by_header


@pytest.mark.parametrize("kpi", ["FUNNEL", "FUNNEL_BOTTLENECK"])
def test_an_error_in_the_name_of_a_stage_comes_out(kpi: str) -> None:
    told = explain(kpi, [["Lead", 9], ["#REF!", 5], ["Won", 2]])
    assert told.startswith("#REF!: Row 2 of data holds the error #REF!")


def test_a_benchmark_that_names_a_stage_twice_is_refused() -> None:
    cells = [[["Lead", 9], ["Won", 5]], None, [["Won", 0.5], ["won", 0.9]]]
    assert codes("FUNNEL_BOTTLENECK", cells) == {"#VALUE!"}


def test_a_lost_value_below_zero_is_out_of_bounds_as_in_the_win_ratio() -> None:
    values = [-5, 15]
    assert codes("WIN_RATIO", [["lost", "won"], values]) == {"#NUM!"}
    assert codes("LOSS_REASONS", [["lost", "lost"], ["a", "b"], None, values]) == {"#NUM!"}


def test_amounts_beside_a_blank_outcome_are_reported_as_in_the_win_ratio() -> None:
    outcomes, values = ["won", "", "lost"], [10, 500, 10]
    words = "amounts beside a blank outcome, left out: 1."
    assert words in explain("WIN_RATIO", outcomes, values)
    assert words in explain("WIN_RATIO_BY", outcomes, ["Ada"] * 3, values)
