"""Cells of every host, and the errors that name them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kpi_udfs import calls, settings
from kpi_udfs.cells import COM_ERRORS, Context, day_number
from kpi_udfs.errors import CellError
from kpi_udfs.registry import KPIS
from kpi_udfs.settings import Settings, load


def ask(kpi: str, *arguments: Any, **context: Any) -> Any:
    return calls.answer(KPIS[kpi], arguments, calls.context_now(**context))


def value(kpi: str, *arguments: Any, **context: Any) -> Any:
    cell = ask(kpi, *arguments, **context).cell
    return cell.code if isinstance(cell, CellError) else cell


# -- amounts


@pytest.mark.parametrize(
    "leads",
    [40, 40.0, Decimal(40), "40", " 40 ", [[10], [30]], [10, 30], ((10.0, 30.0),), [["10"], [""], [None], [30.0]]],
)
def test_leads_in_every_form(leads: Any) -> None:
    assert value("COST_PER_LEAD", 1200, leads) == 30.0


def test_names_are_counted_once_and_blanks_skipped() -> None:
    names = [["ada"], ["ben"], [""], ["ben "], [None], ["Ben"]]
    assert value("COST_PER_LEAD", 1200, names) == 400.0  # ada, ben, Ben: identifiers may differ by case


def test_a_mixture_shows_both_kinds() -> None:
    answer = ask("COST_PER_LEAD", 1200, [["ada"], [3]])
    assert answer.cell.code == "#VALUE!"
    assert '(3) and text that is no number ("ada")' in answer.explanation


def test_text_in_an_amount_of_money_is_refused_with_its_place() -> None:
    answer = ask("COST_PER_LEAD", [[100], ["n/a"]], 3)
    assert answer.explanation == '#VALUE!: Row 2 of spend holds "n/a", which is not a number.'
    answer = ask("COST_PER_LEAD", [[100, 1], [3, "n/a"]], 3)
    assert answer.explanation.startswith("#VALUE!: Row 2, column 2 of spend")


def test_numbers_that_look_like_identifiers_are_summed_with_a_warning() -> None:
    answer = ask("COST_PER_LEAD", 1200, [[1001], [1002], [1003]])
    assert answer.cell == pytest.approx(1200 / 3006)
    assert "look like identifiers" in answer.explanation
    assert "look like identifiers" not in ask("COST_PER_LEAD", 1200, [[1001], [1001]]).explanation
    assert "look like identifiers" not in ask("COST_PER_LEAD", 1200, 1200).explanation


def test_two_currencies_in_a_range_or_a_call_are_refused() -> None:
    assert "mixes the currencies EUR and USD" in ask("COST_PER_LEAD", [["5 €"], ["$5"]], 2).explanation
    answer = ask("MARKETING_ROI", ["$500"], ["100 €"])
    assert answer.explanation.startswith("#VALUE!: revenue is in USD and spend in EUR")
    assert value("MARKETING_ROI", ["€ 500"], ["100 €"]) == 4.0


def test_the_currency_of_the_texts_is_shown() -> None:
    assert ask("COST_PER_LEAD", ["1.200,50 €"], 2).explanation.startswith("€600.25: ")
    # Rounded as the cell rounds what it shows.
    assert ask("COST_PER_LEAD", ["1 €"], 8).explanation.startswith("€0.13: ")
    assert ask("COST_PER_LEAD", ["1"], 8).explanation.startswith("0.13: ")


def test_an_ambiguous_text_needs_a_language(language: Any) -> None:
    answer = ask("COST_PER_LEAD", [["1.234"]], 2)
    assert answer.cell.code == "#VALUE!"
    assert "languages read as different numbers" in answer.explanation
    language("de")
    answer = ask("COST_PER_LEAD", [["1.234"], ["1.000"]], 2)
    assert answer.cell == 1117.0
    assert "1.234" in answer.explanation
    language("en")
    assert value("COST_PER_LEAD", [["1.234"]], 2) == 0.617


def test_foreign_and_ambiguous_numbers_do_not_mix(language: Any) -> None:
    language("de")
    assert value("REVENUE", [["1,234.56"], ["12"]]) == 1246.56
    assert "not written as German writes numbers" not in ask("REVENUE", [["1.234,56"]]).explanation
    assert "can be read" not in ask("REVENUE", [["1.234,56"]]).explanation
    assert "1,234.56" in ask("REVENUE", [["1,234.56"]]).explanation
    assert value("REVENUE", [["1,234.56"], ["1,234"]]) == "#VALUE!"


@pytest.mark.parametrize("wrong", [True, date(2026, 1, 5), b"5", object(), float("inf"), [[float("inf")]]])
def test_what_is_no_amount_is_refused(wrong: Any) -> None:
    assert value("COST_PER_LEAD", wrong, 3) == "#VALUE!"


def test_negative_counts_are_out_of_bounds() -> None:
    answer = ask("COST_PER_LEAD", 100, [[5], [-1]])
    assert answer.explanation == "#NUM!: Row 2 of leads holds -1; it can't be below 0."
    assert value("COST_PER_LEAD", 100, -1.0) == "#NUM!"


def test_margin_bounds_say_how_to_write_it() -> None:
    assert value("MARKETING_ROI", 100, 50, "60%") == pytest.approx(0.2)
    answer = ask("MARKETING_ROI", 100, 50, 60)
    assert answer.cell.code == "#NUM!"
    assert "60%" in answer.explanation


def test_no_data_no_divisor_and_bad_data_differ() -> None:
    assert value("COST_PER_LEAD", [[None], [""]], 5) == "#N/A"
    assert value("COST_PER_LEAD", 100, [[None], [""]]) == "#N/A"
    assert value("COST_PER_LEAD", 100, [[0], [None]]) == "#DIV/0!"
    assert value("CHURN_RATE", 10, [[None], [""]]) == "#N/A"  # not: everybody left
    assert value("COST_PER_OPPORTUNITY", 100, 5, [[None], [""]]) == 20.0  # an option that is blank
    assert value("COST_PER_LEAD", 0, 5) == 0.0
    assert value("COST_PER_LEAD", -100, 5) == -20.0
    assert "negative" in ask("COST_PER_LEAD", -100, 5).explanation
    assert value("COST_PER_LEAD", None, 5) == 0.0
    assert "blank and was read as 0" in ask("COST_PER_LEAD", None, 5).explanation


def test_zero_as_text_is_zero() -> None:
    for zero in ("0", "0%", "0,0", " 0 "):
        assert value("MARKETING_ROI", 60000, 20000, zero) == 2.0


def test_too_large_numbers_say_so() -> None:
    assert value("COST_PER_LEAD", [[1e308], [1e308]], 1) == "#NUM!"
    assert value("COST_PER_LEAD", 1e308, 1e-10) == "#NUM!"
    assert "too large" in ask("REVENUE", [[1e308], [1e308]]).explanation


def test_a_warning_stays_when_the_answer_is_an_error() -> None:
    told = ask("RETENTION_RATE", [[1001], [1002], [1003]], [[1002], [1003], [1004]]).explanation
    assert told.startswith("#NUM!: More customers stayed")
    assert "at_start: the numbers were summed" in told


def test_a_text_that_fits_no_reading_of_the_language(language: Any) -> None:
    language("fr")
    told = ask("REVENUE", [["1.234"], ["2"]]).explanation
    assert told.startswith("#VALUE!\xa0: amounts, ligne 1")  # as French sets its colons
    assert "settings.yaml" not in told  # there is nothing to set


def test_currency_and_percent_are_no_counts() -> None:
    assert value("COST_PER_LEAD", 100, [["5 €"], ["5 €"], ["50%"]]) == 50.0  # two different texts
    assert value("COST_PER_LEAD", 100, [["12K"], ["13K"], ["4711S"], ["4711H"]]) == 25.0  # four codes


def test_percentages_among_amounts_are_refused() -> None:
    assert value("REVENUE", [["10%"], ["5%"]]) == pytest.approx(0.15)
    told = ask("REVENUE", [[100], ["12%"]]).explanation
    assert told == '#VALUE!: amounts mixes amounts and percentages ("12%"), which can\'t be summed.'


# -- errors


@pytest.mark.parametrize(("number", "code"), COM_ERRORS.items())
def test_error_cells_through_com(number: int, code: str) -> None:
    assert value("COST_PER_LEAD", ((number,), (5.0,)), 3.0, com=True) == code
    assert value("WIN_RATIO", ((number,), ("won",)), com=True) == code
    # Elsewhere the same number is one.
    assert value("COST_PER_LEAD", ((number,), (5.0,)), 1.0) == number + 5


def test_known_com_codes() -> None:
    assert COM_ERRORS[-2146826281] == "#DIV/0!"
    assert COM_ERRORS[-2146826246] == "#N/A"
    assert COM_ERRORS[-2146826273] == "#VALUE!"


def test_an_argument_left_out_through_com() -> None:
    assert value("WIN_RATIO", (("won",), ("lost",)), -2147352572, -2147352572, com=True) == 0.5
    assert value("COST_PER_LEAD", 5.0, -2147352572, com=True) == "#VALUE!"


# -- dates


def test_serials_of_both_date_systems() -> None:
    here, there = Context(Settings()), Context(Settings(), date1904=True)
    assert date.fromordinal(day_number(1, here) or 0) == date(1900, 1, 1)
    assert date.fromordinal(day_number(59, here) or 0) == date(1900, 2, 28)
    assert day_number(60, here) is None  # 29 February 1900 never was
    assert date.fromordinal(day_number(61, here) or 0) == date(1900, 3, 1)
    assert date.fromordinal(day_number(46027, here) or 0) == date(2026, 1, 5)
    assert date.fromordinal(day_number(2958465.9, here) or 0) == date(9999, 12, 31)
    assert day_number(2958466, here) is None
    assert day_number(-1, here) is None
    assert date.fromordinal(day_number(0, there) or 0) == date(1904, 1, 1)
    assert date.fromordinal(day_number(46027 - 1462, there) or 0) == date(2026, 1, 5)


def test_whole_days_in_the_configured_time_zone() -> None:
    berlin = Context(Settings(timezone="Europe/Berlin"))
    late = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)  # already 6 January in Berlin
    cycle = KPIS["SALES_CYCLE"]
    assert calls.call(cycle, [[late], [datetime(2026, 1, 7, 1)]], berlin) == 1.0
    assert calls.call(cycle, [["2026-01-05T23:30:00Z"], ["2026-01-07"]], berlin) == 1.0
    assert calls.call(cycle, [[late], [datetime(2026, 1, 7, 1)]], Context(Settings())) == 2.0


def test_a_time_zone_through_com_means_nothing() -> None:
    tokyo = Context(Settings(timezone="Asia/Tokyo"), com=True)
    early = datetime(2026, 1, 5, 20, tzinfo=timezone(timedelta(0)))
    assert calls.call(KPIS["SALES_CYCLE"], [[early], [46028.0]], tokyo) == 1.0


def test_an_unreadable_date_is_named(language: Any) -> None:
    answer = ask("SALES_CYCLE", [["2026-01-05"], ["soon"]], [[46037], [46037]])
    assert answer.explanation == '#VALUE!: Row 2 of first_touch holds "soon", which is not a date.'
    assert value("SALES_CYCLE", [["04/03/2026"]], [[46200]]) == "#VALUE!"
    language("fr")
    answer = ask("SALES_CYCLE", [["04/03/2026"]], [["14/03/2026"]])
    assert answer.cell == 10.0
    assert "04/03/2026" in answer.explanation
    assert value("SALES_CYCLE", [["12/31/2026"]], [[46200]]) == "#VALUE!"


@pytest.mark.parametrize("wrong", [True, -5, 60, 3e9, "2026-02-30", b"x"])
def test_what_is_no_date_is_refused(wrong: Any) -> None:
    assert value("SALES_CYCLE", [[wrong], [46000]], [[46037], [46037]]) == "#VALUE!"


def test_a_period_between_dates() -> None:
    amounts, dates = [[100], [200], [400]], [[46027], [46058], [46086]]
    assert value("REVENUE", amounts, dates, None, date(2026, 2, 1)) == 600.0
    assert value("REVENUE", amounts, dates, None, None, "2026-02-05") == 300.0
    assert value("REVENUE", amounts, dates, None, 46100, 46000) == "#NUM!"
    assert value("REVENUE", amounts, [[46027], [None], [46086]], None, 46000) == 500.0
    assert "without a date" in ask("REVENUE", amounts, [[46027], [None], [46086]], None, 46000).explanation


# -- words


def test_outcome_words_are_trimmed_folded_and_configured() -> None:
    words = ["WON", " closed won ", "ClosedWon", "gewonnen", "Gagné", "vinto", "menang", "LOST", "Verloren", "kalah"]
    assert value("WIN_RATIO", words) == pytest.approx(0.7)
    assert value("WIN_RATIO", [1, 0, 1]) == "#VALUE!"
    assert value("WIN_RATIO", [None, ""]) == "#N/A"


def test_a_wrong_choice_says_which_there_are() -> None:
    answer = ask("WIN_RATIO", ["won"], None, "close")
    assert answer.explanation == '#VALUE!: basis can\'t be "close". Did you mean "closed"? Write closed, all.'
    assert value("WIN_RATIO", ["won", "open"], None, " ALL ") == 0.5
    assert "Write closed, all." in ask("WIN_RATIO", ["won"], None, "zzz").explanation
    assert value("WIN_RATIO", ["won"], None, [["all"], ["all"]]) == "#VALUE!"


def test_columns_of_unequal_length_are_refused() -> None:
    answer = ask("SALES_CYCLE", [[46000], [46001]], [[46002]])
    assert answer.explanation.startswith("#VALUE!: first_touch has 2 cells and close_dates 1;")


@pytest.mark.parametrize(
    "word", ["Closed\xa0Won", "closed  won", "CLOSED_WON", "gagne\u0301", "Gewonnen\u200b", "ｗｏｎ"]
)
def test_outcome_words_that_only_look_different(word: str) -> None:
    assert value("WIN_RATIO", [word, "lost"]) == 0.5


def test_flags_and_numbers_can_be_outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outcomes.yaml").write_text("schema: kpi_udfs.outcomes/1\nwon: [true, 2]\nlost: [false, 3]\n")
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path))
    settings.forget()
    assert value("WIN_RATIO", [True, False, True, "true"]) == 0.75
    assert value("WIN_RATIO", [2.0, 3, 9]) == 0.5


def test_outcome_words_come_from_the_packaged_file() -> None:
    assert load().outcomes["closed lost"] == "lost"
