"""Golden numbers, with their working; and plain formulas computed by a spreadsheet engine."""

from __future__ import annotations

from datetime import date
from typing import Any

import formualizer
import pytest

from kpi_udfs import evaluate, explain
from kpi_udfs.errors import CellError

DAY = 46027.0  # 5 January 2026


def error(kpi: str, *cells: Any) -> str:
    with pytest.raises(CellError) as caught:
        evaluate(kpi, *cells)
    return caught.value.code


class TestWinRatio:
    DEALS = ["won"] * 3 + ["lost"] * 7 + ["open"] * 90

    def test_of_closed_and_of_all(self) -> None:
        assert evaluate("WIN_RATIO", self.DEALS) == 0.3  # 3 of 10 closed
        assert evaluate("WIN_RATIO", self.DEALS, None, "all") == 0.03  # 3 of 100

    def test_by_value_counts_a_deal_without_value_as_0_and_says_so(self) -> None:
        assert evaluate("WIN_RATIO", ["won", "lost", "won"], [100, 300, None]) == 0.25  # 100 of 400
        assert "without a value, counted with 0: 1" in explain("WIN_RATIO", ["won", "lost", "won"], [100, 300, None])

    def test_by_value_of_all(self) -> None:
        assert evaluate("WIN_RATIO", ["won", "lost", "open"], [100, 300, 100], "all") == 0.2  # 100 of 500

    def test_amounts_beside_a_blank_outcome_are_not_hidden(self) -> None:
        told = explain("WIN_RATIO", ["won", "", "lost"], [100, 500, 100])
        assert "beside a blank outcome, left out: 1." in told

    def test_edges(self) -> None:
        assert error("WIN_RATIO", ["open", "open"]) == "#DIV/0!"
        assert error("WIN_RATIO", ["red", "blue"]) == "#VALUE!"
        assert error("WIN_RATIO", ["won", "lost"], [5, -5]) == "#NUM!"
        assert error("WIN_RATIO", ["won", "lost"], [5]) == "#VALUE!"

    def test_many_open_words_are_named_up_to_eight(self) -> None:
        told = explain("WIN_RATIO", ["won", *(f"step {number:02}" for number in range(12))])
        assert "step 07 (1), and 4 more words." in told


class TestWinRatioBy:
    def line(self, won: int, lost: int, *more: Any) -> list[Any]:
        outcomes = ["won"] * won + ["lost"] * lost
        _, row = evaluate("WIN_RATIO_BY", outcomes, ["Ada"] * len(outcomes), *more)
        return row

    # (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) ÷ (1 + z²/n) with z = 1.96
    @pytest.mark.parametrize(
        ("won", "of", "low", "high"),
        [
            (3, 4, 0.301, 0.954),  # (0.75 + 0.4802 ± 1.96 √(0.046875 + 0.060025)) ÷ 1.9604 = 0.6275 ± 0.3269
            (30, 40, 0.598, 0.858),  # (0.75 + 0.0480 ± 1.96 √(0.0046875 + 0.00060025)) ÷ 1.0960 = 0.7281 ± 0.1300
            (0, 5, 0.0, 0.434),  # (0.3842 ± 0.3842) ÷ 1.7683: from 0 to 3.8415 ÷ (5 + 3.8415)
        ],
    )
    def test_wilson(self, won: int, of: int, low: float, high: float) -> None:
        _, _, _, _, ratio, *interval, mark = self.line(won, of - won)
        assert ratio == won / of
        assert interval == pytest.approx([low, high], abs=5e-4)
        assert mark == ("too few" if of < 10 else "")

    def test_too_few_is_fewer_than_ten_of_the_basis(self) -> None:
        assert self.line(5, 4)[-1] == "too few"
        assert self.line(5, 5)[-1] == ""
        outcomes = ["won"] * 5 + ["open"] * 5
        _, row = evaluate("WIN_RATIO_BY", outcomes, ["Ada"] * 10, None, "all")
        assert row[4:] == [0.5, pytest.approx(0.2366, abs=5e-5), pytest.approx(0.7634, abs=5e-5), ""]

    def test_the_surest_of_the_best_stand_first(self) -> None:
        """By ratio, then by number of deals, then by name; too few at the end, none closed last."""
        groups = {"b": (6, 6), "a": (6, 6), "more": (12, 12), "best": (9, 3), "lucky": (1, 0), "new": (0, 0)}
        outcomes, names = [], []
        for name, (won, lost) in groups.items():
            outcomes += ["won"] * won + ["lost"] * lost + ["open"]
            names += [name] * (won + lost + 1)
        _, *rows = evaluate("WIN_RATIO_BY", outcomes, names)
        assert [row[0] for row in rows] == ["best", "more", "a", "b", "lucky", "new"]

    def test_groups_with_and_without_a_name(self) -> None:
        _, *rows = evaluate("WIN_RATIO_BY", ["won", "won", "lost", ""], ["Ada ", None, "Ada", "Ben"])
        assert [row[:4] for row in rows] == [["(blank)", 1, 0, 0], ["Ada", 1, 1, 0]]  # Ben has no deal


class TestSalesVelocity:
    def test_velocity(self) -> None:
        assert evaluate("SALES_VELOCITY", 60, 0.25, 8000, 48) == 2500  # 60 × 25 % × 8,000 = 120,000 ÷ 48
        assert evaluate("SALES_VELOCITY", [20, 40], "25%", "8000", 48) == 2500


class TestSalesCycle:
    FIRST = [DAY] * 5
    CLOSE = [DAY + 10, DAY + 20, DAY + 40, None, None]
    OUTCOMES = ["won", "won", "won", "open", "open"]

    def test_mean_and_median(self) -> None:
        assert evaluate("SALES_CYCLE", self.FIRST, self.CLOSE, self.OUTCOMES) == pytest.approx(70 / 3)  # 23.3
        assert evaluate("SALES_CYCLE", self.FIRST, self.CLOSE, None, "median") == 20.0

    def test_kaplan_meier_median_with_open_deals(self) -> None:
        # At risk 5, 4 and 2: 4/5 remain beyond 10 days, × 3/4 = 60 % beyond 20, × 1/2 = 30 % beyond 40.
        first = [DAY, DAY, DAY, DAY + 20, DAY]  # the open ones began 30 and 50 days before the last day
        cells = [first, self.CLOSE, self.OUTCOMES, "kaplan_meier"]
        assert evaluate("SALES_CYCLE", *cells, DAY + 50) == 40.0
        assert evaluate("SALES_CYCLE", first, self.CLOSE, None, "kaplan_meier", DAY + 50) == 40.0
        # Ten days earlier the ages are 20 and 40: at risk 5, 4 and 2 again, and the same median.
        assert evaluate("SALES_CYCLE", *cells) == 40.0
        # On day 30 the third deal is open, too, and one that is 10 days old leaves the count: 4/5 remain beyond 10
        # days, × 2/3 = 53 % beyond 20, and no later close is known yet.
        assert error("SALES_CYCLE", *cells, DAY + 30) == "#N/A"

    def test_what_is_left_out_is_said(self) -> None:
        told = explain("SALES_CYCLE", [DAY, DAY, DAY, None], [DAY + 5, DAY - 1, None, None])
        assert told.startswith("5.0 days: mean of 1 closed deal, each of 5 days.")
        assert "because a date is missing: 1." in told  # the row without any date is a blank row
        assert "before the first contact: 1." in told
        told = explain("SALES_CYCLE", [DAY, DAY], [DAY + 5, DAY + 7], ["won", "lost"])
        assert "Not won and left out: 1." in told
        told = explain("SALES_CYCLE", [DAY, DAY, None], [DAY + 5, DAY + 7, None], ["won", "", ""])
        assert "Not won and left out: 1." in told  # the last row is a blank row

    def test_no_won_deal_is_not_enough_data(self) -> None:
        assert error("SALES_CYCLE", [DAY], [DAY + 5], ["lost"]) == "#N/A"

    @pytest.mark.parametrize(("statistic", "function"), [("median", "0.5"), ("p75", "0.75"), ("p90", "0.9")])
    def test_percentiles_as_a_spreadsheet_computes_them(self, statistic: str, function: str) -> None:
        days = [3, 1, 4, 1, 5, 9, 2, 6, 5, 35]
        expected = formula(f"=PERCENTILE.INC(A1:A10,{function})", days)
        assert evaluate("SALES_CYCLE", [DAY] * 10, [DAY + d for d in days], None, statistic) == pytest.approx(expected)


class TestFunnel:
    #: created → lead → customer, no opportunity on record
    SKIPS = [["created", "lead", "opportunity", "customer"], [DAY, DAY + 1, None, DAY + 9]]
    STAGES = ["created", "lead", "opportunity", "customer"]

    def counts(self, policy: str, table: Any = None) -> list[Any]:
        rows = evaluate("FUNNEL", table or self.SKIPS, self.STAGES, None, policy)
        return [row[1] for row in rows[1:]]

    def test_a_lead_that_skips_a_stage(self) -> None:
        assert self.counts("strict") == [1, 1, 0, 0]
        assert self.counts("furthest") == [1, 1, 1, 1]
        assert self.counts("any") == [1, 1, 0, 1]

    def test_strict_wants_the_stages_in_order(self) -> None:
        table = [self.STAGES, [DAY, DAY + 5, DAY + 3, DAY + 9], [DAY, DAY, DAY, DAY]]
        assert self.counts("strict", table) == [2, 2, 1, 1]
        told = explain("FUNNEL", table, self.STAGES)
        assert "left out of the median days: 1." in told

    def test_rows_that_reached_no_stage_are_reported(self) -> None:
        table = [["name", "lead", "won"], ["ada", DAY, DAY + 3], ["ben", None, None]]
        assert "reached no stage, left out: 1." in explain("FUNNEL", table)

    def test_aliases_in_five_languages(self) -> None:
        for headers in (["Erstkontakt", "Kunde"], ["premier contact", "gagné"], ["primo contatto", "Cliente"],
                        ["Kontak_pertama", "PELANGGAN"], ["first touch", "won"]):  # fmt: skip
            rows = evaluate("FUNNEL", [headers, [DAY, DAY + 4], [DAY, None]])
            assert [row[:2] for row in rows[1:]] == [[headers[0], 2], [headers[1], 1]]

    def test_groups_and_a_blank_group(self) -> None:
        table = [["channel", "lead", "won"], ["ads", "yes", "no"], [None, "yes", "x"], ["ads", "ja", "ja"]]
        rows = evaluate("FUNNEL", table, None, "Channel")
        assert [row[:3] for row in rows[1:]] == [
            ["(blank)", "lead", 1], ["(blank)", "won", 1], ["ads", "lead", 2], ["ads", "won", 1],
        ]  # fmt: skip

    def test_mistakes_name_headers_and_the_nearest_word(self) -> None:
        table = [["created", "opportunity"], [DAY, DAY]]
        assert 'did you mean "opportunity"?' in explain("FUNNEL", table, ["created", "oportunity"])
        assert "Headers: a, b." in explain("FUNNEL", [["a", "b"], [DAY, DAY]])
        assert "both read as the stage lead" in explain("FUNNEL", [["Lead", "created"], [DAY, DAY]])
        assert "Two columns are called" in explain("FUNNEL", [["x", "X", "y"], [1, 1, 1]], ["x", "y"])
        assert "needs two stages" in explain("FUNNEL", [["lead", "n"], [DAY, DAY]])
        told = explain("FUNNEL", [["lead", "won"], [DAY, "yes"], [DAY, "perhaps"]])
        assert 'Row 3 of column "won" holds "perhaps"; yes, no, 1 or 0 belongs here.' in told
        assert "is named twice" in explain("FUNNEL", table, ["created", "Created"])
        assert "holds 1000, which is no date since 1950" in explain("FUNNEL", [["Lead", "MQL"], [1000, 500]])
        assert error("FUNNEL", [["lead", "won"]]) == "#N/A"
        assert 'Row 3 of column "won"' in explain("FUNNEL", [["lead", "won"], [DAY, DAY], [DAY, "soon"]])
        # Rows are counted as the user sees them, blank ones too.
        blank_between = [["lead", "won"], [None, None], [DAY, DAY], ["", " "], [DAY, "soon"]]
        assert 'Row 5 of column "won"' in explain("FUNNEL", blank_between)
        assert 'Row 4 of column "by"' in explain(
            "FUNNEL", [["by", "lead", "won"], *[["", 1, 1]] * 2, ["#N/A", 1, 0]], None, "by"
        )
        assert "Row 2 of data" in explain("FUNNEL", [["Lead", 100], ["Won", -1]])
        assert "should be a table" in explain("FUNNEL", "lead")
        assert error("FUNNEL", [[None, None]]) == "#N/A"

    def test_a_block_of_counts_with_and_without_header(self) -> None:
        block = [["Lead", 100], ["Won", 25]]
        with_header = evaluate("FUNNEL", [["Stage", "Number"], *block])
        assert with_header == evaluate("FUNNEL", block)
        assert with_header[2] == ["Won", 25, 0.25, 0.25, 75]
        assert "block has no stage" in explain("FUNNEL", block, ["Lead", "MQL"])
        assert "Groups need a table" in explain("FUNNEL", block, None, "Lead")
        assert "Won has more than the stage before it" in explain("FUNNEL", [["Lead", 5], ["Won", 6]])
        assert error("FUNNEL", [["Lead", 100], ["Won", -1]]) == "#NUM!"

    def test_a_block_follows_the_rules_of_counts(self, language: Any) -> None:
        for first in ("1.234", "n/a", "", None):  # a stage whose count can't be read is no header
            told = explain("FUNNEL", [["Lead", first], ["MQL", 400], ["SQL", 100]])
            assert told.startswith("#VALUE!: Row 1 of data"), first
        assert "Row 3 of data is blank" in explain("FUNNEL", [["Stage", "n"], ["Lead", 5], ["MQL", ""], ["Won", 1]])
        for count in ("$50", "50%", "12 pcs"):
            assert f'Row 2 of data holds "{count}"' in explain("FUNNEL", [["Lead", 100], ["MQL", count]])
        assert error("FUNNEL", [["Lead", 100], ["MQL", "#REF!"]]) == "#REF!"
        language("de")
        told = explain("FUNNEL", [["Lead", "1.234"], ["MQL", "400"]])
        assert "1.234" in told.partition("Hinweis")[2]

    def test_an_empty_stage_is_explained(self) -> None:
        assert "Nobody is in MQL, so there is nothing" in explain("FUNNEL", [["Lead", 9], ["MQL", 0], ["Won", 0]])
        table = [["ch", "lead", "won"], ["a", "ja", "nein"], ["b", "", "x"]]
        assert "Note: b: Nobody is in lead, so" in explain("FUNNEL", table, None, "ch", "any")

    def test_an_empty_stage_gives_div0_in_its_line(self) -> None:
        rows = evaluate("FUNNEL", [["Lead", 10], ["MQL", 0], ["Won", 0]])
        assert rows[3][2] == CellError.div0(None)  # type: ignore[arg-type]  # compared by code


class TestBottleneck:
    BLOCK = [["Lead", 1000], ["MQL", 400], ["SQL", 100], ["Customer", 40]]

    def test_the_lowest_rate_costs_most_sales(self) -> None:
        _, row = evaluate("FUNNEL_BOTTLENECK", self.BLOCK)
        assert row[:5] == ["MQL → SQL", 0.25, "", 300, 120]  # 40 × (1 ÷ 25 % − 1)

    def test_against_targets_the_dearest_step_is_not_the_lowest(self) -> None:
        # Lead → MQL: 40 × (60 ÷ 40 − 1) = 20; MQL → SQL: 40 × (30 ÷ 25 − 1) = 8; SQL → Customer reaches its 40 %.
        for targets in ([0.6, 0.3, 0.4], ["60%", "30%", "40%"], [["MQL", 0.6], ["SQL", 0.3], ["Customer", 0.4]]):
            _, row = evaluate("FUNNEL_BOTTLENECK", self.BLOCK, None, targets)
            assert row[:5] == ["Lead → MQL", 0.4, 0.6, 600, pytest.approx(20)]

    def test_against_an_earlier_funnel(self) -> None:
        earlier = [["Stage", "Number"], ["Lead", 500], ["MQL", 200], ["SQL", 80], ["Customer", 16]]  # 40, 40, 20 %
        _, row = evaluate("FUNNEL_BOTTLENECK", self.BLOCK, None, earlier)
        assert row[:5] == ["MQL → SQL", 0.25, 0.4, 300, pytest.approx(24)]  # 40 × (40 ÷ 25 − 1)

    def test_the_policy_decides_who_is_in_a_stage(self) -> None:
        rows = [["lead", "opportunity", "won"], [1, 1, 0], [1, 0, 1], [1, 0, 1], [1, 0, 0]]
        found = {p: evaluate("FUNNEL_BOTTLENECK", rows, None, None, p)[1][:4] for p in ("furthest", "strict", "any")}
        assert found == {
            "furthest": ["opportunity → won", 2 / 3, "", 1],  # 4, 3, 2
            "strict": ["opportunity → won", 0, "", 1],  # 4, 1, 0
            "any": ["lead → opportunity", 0.25, "", 3],  # 4, 1, 2
        }


class TestStageDuration:
    def test_who_skips_a_stage_is_timed_to_the_next_one_reached(self) -> None:
        rows = [
            ["lead", "opportunity", "won"],
            [DAY, DAY + 10, DAY + 30],
            [DAY, None, DAY + 30],
            [DAY + 25, None, None],
        ]
        _, lead, opportunity = evaluate("STAGE_DURATION", rows)
        assert lead == ["lead", 2, 20, 20, 25, 28, 1, 5]  # 10 and 30 days; 5 waited so far
        assert opportunity[:7] == ["opportunity", 1, 20, 20, 20, 20, 0]

    def test_later_dates_are_not_reached_yet_and_steps_back_are_left_out(self) -> None:
        rows = [["lead", "won"], [DAY, DAY + 10], [DAY, DAY + 20], [DAY, DAY - 1]]
        _, lead = evaluate("STAGE_DURATION", rows, None, DAY + 15)
        assert lead == ["lead", 1, 10, 10, 10, 10, 1, 15]
        told = explain("STAGE_DURATION", rows, None, DAY + 15)
        assert "taken as not yet reached: 1." in told
        assert "steps that end before they begin, left out: 1." in told

    @pytest.mark.parametrize("days", [[3, 1, 4, 1, 5, 9, 2, 6, 5, 35], [7], [0, 100], [2, 2, 2, 8, 30, 31, 32]])
    def test_columns_as_a_spreadsheet_computes_them(self, days: list[float]) -> None:
        waiting = [day + 1 for day in days]
        last = DAY + 200
        rows = [["lead", "won"], *([DAY, DAY + day] for day in days), *([last - day, None] for day in waiting)]
        _, row = evaluate("STAGE_DURATION", rows, None, last)
        cells = f"A1:A{len(days)}"
        plain = [f"=COUNT({cells})", f"=AVERAGE({cells})", f"=MEDIAN({cells})"]
        plain += [f"=PERCENTILE.INC({cells},{share})" for share in (0.75, 0.9)]
        expected = [*(formula(one, days) for one in plain), len(waiting), formula(f"=MEDIAN({cells})", waiting)]
        assert row == ["lead", *(pytest.approx(number, rel=1e-12) for number in expected)]


class TestLossReasons:
    OUTCOMES = ["lost", "lost", "won", "lost", "open", "lost"]
    REASONS = ["price", "timing", "price", "price", "", ""]

    def test_shares_add_up_and_no_reason_is_a_line(self) -> None:
        _, *rows = evaluate("LOSS_REASONS", self.OUTCOMES, self.REASONS)
        assert rows == [["price", 2, 0.5], ["(no reason given)", 1, 0.25], ["timing", 1, 0.25]]  # of 4 lost deals

    def test_by_value_a_deal_without_value_counts_with_0_and_is_said(self) -> None:
        cells = [self.OUTCOMES, self.REASONS, None, [100, 300, 900, None, 900, 100]]
        _, *rows = evaluate("LOSS_REASONS", *cells)
        assert [row[3:] for row in rows] == [[100, 0.2], [100, 0.2], [300, 0.6]]  # of 500 lost
        assert "lost deals without a value, counted with 0: 1." in explain("LOSS_REASONS", *cells)


class TestRetention:
    def test_who_is_in_both_lists_was_kept_whatever_joined_says(self) -> None:
        assert evaluate("RETENTION_RATE", ["a", "b"], ["a", "c"], ["c", "a"]) == 0.5  # a of a and b
        assert "joined is not used" in explain("RETENTION_RATE", ["a", "b"], ["a", "c"], ["c", "a"])

    def test_retention_and_churn_add_up(self) -> None:
        for cells in ((200, 150), (["a", "b", "c"], ["c", "d"])):
            assert evaluate("RETENTION_RATE", *cells) + evaluate("CHURN_RATE", *cells) == pytest.approx(1)

    def test_edges(self) -> None:
        assert error("RETENTION_RATE", 100, 120) == "#NUM!"
        assert error("CHURN_RATE", 100, 10, 20) == "#NUM!"
        assert error("RETENTION_RATE", ["a"], 5) == "#VALUE!"
        assert error("RETENTION_RATE", [None, None], ["a"]) == "#N/A"
        assert error("RETENTION_RATE", ["a", "b"], [None, None]) == "#N/A"
        assert evaluate("RETENTION_RATE", ["a", "b"], ["a"], [None, None]) == 0.5


class TestCohorts:
    #: ada buys in January, March and April, ben in January, cem in February and April.
    CUSTOMERS = ["ada", "ben", "cem", "ada", "ada", "cem"]
    DATES = ["2026-01-05", "2026-01-31", "2026-02-01", "2026-03-31", "2026-04-01", "2026-04-30"]

    def test_bounded_retention_may_rise_again(self) -> None:
        _, *rows = evaluate("RETENTION_COHORTS", self.CUSTOMERS, self.DATES)
        assert rows == [
            ["2026-01", 2, "", 1.0, 0.0, 0.5, 0.5],  # nobody in February, ada of two in March and April
            ["2026-02", 1, "", 1.0, 0.0, 1.0, ""],
        ]

    def test_the_running_period_is_named(self) -> None:
        _, *rows = evaluate("RETENTION_COHORTS", self.CUSTOMERS, self.DATES, None, "month", "counts", "2026-04-15")
        assert rows == [["2026-01", 2, "Month 3", 2, 0, 1, 1], ["2026-02", 1, "Month 2", 1, 0, 0, ""]]

    @pytest.mark.parametrize(
        ("period", "day", "name"),
        [
            ("month", "2024-02-29", "2024-02"),
            ("quarter", "2024-12-31", "2024-Q4"),
            ("year", "2000-02-29", "2000"),
            ("week", "2024-12-30", "2025-W01"),  # ISO: the week of the year's first Thursday
            ("week", "2021-01-03", "2020-W53"),
        ],
    )
    def test_periods_of_the_calendar(self, period: str, day: str, name: str) -> None:
        _, row = evaluate("RETENTION_COHORTS", ["ada"], [day], None, period)
        assert row[0] == name


class TestCurve:
    def test_curve_and_interval_as_a_spreadsheet_computes_them(self) -> None:
        rows = evaluate("RETENTION_CURVE", [10, 20, 40, 30, 50], ["yes", "yes", "yes", "no", "no"])
        share, greenwood = "(1-1/5)*(1-1/4)*(1-1/2)", "(1/(5*4)+1/(4*3)+1/(2*1))"
        ends = [f"=({share})^EXP({sign}NORM.S.INV(0.975)*SQRT({greenwood})/LN({share}))" for sign in ("-", "")]
        expected = [formula(f"={share}"), *map(formula, ends)]
        assert rows[-1][4:] == pytest.approx(expected, rel=1e-12)
        assert rows[-2][:4] == [40, 2, 1, 0]  # the one still there at 30 is no longer at risk

    def test_a_loss_comes_before_a_departure_at_the_same_time(self) -> None:
        rows = evaluate("RETENTION_CURVE", [5, 5, 9], ["yes", "no", "no"])
        assert rows[2][:5] == [5, 3, 1, 1, pytest.approx(2 / 3)]


class TestLifetimeValue:
    def test_with_and_without_margin(self) -> None:
        assert evaluate("CUSTOMER_LIFETIME_VALUE", 50, 2, 0.05) == pytest.approx(2000)  # 100 a month for 20 months
        assert evaluate("CUSTOMER_LIFETIME_VALUE", 50, 2, "5%", "30%") == pytest.approx(600)
        assert "lifetime revenue, before any cost" in explain("CUSTOMER_LIFETIME_VALUE", 50, 2, 0.05)


class TestConversion:
    def test_names_that_never_entered_are_said(self) -> None:
        assert "not in entered, counted all the same: 1." in explain("CONVERSION_RATE", ["a", "b"], ["c"])
        assert "not in entered" not in explain("CONVERSION_RATE", ["a", "b"], ["b"])


class TestReturn:
    def test_a_full_margin_is_a_margin(self) -> None:
        assert "No margin was given" in explain("MARKETING_ROI", 60000, 20000)
        assert "No margin was given" not in explain("MARKETING_ROI", 60000, 20000, 1)

    def test_romi_with_and_without_margin(self) -> None:
        assert evaluate("MARKETING_ROI", 60000, 20000, 0.6) == pytest.approx(0.8)  # (36,000 − 20,000) ÷ 20,000
        assert evaluate("MARKETING_ROI", 60000, 20000) == 2.0
        assert evaluate("RETURN_ON_AD_SPEND", 60000, 20000) == 3.0

    def test_a_negative_spend_has_no_return(self) -> None:
        assert error("MARKETING_ROI", 100, -5) == "#NUM!"
        assert error("RETURN_ON_AD_SPEND", 100, -5) == "#NUM!"


class TestAcquisitionCost:
    def test_lag_pairs_periods(self) -> None:
        spend, customers = [1000, 2000, 3000], [5, 10, 10]
        assert evaluate("CUSTOMER_ACQUISITION_COST", spend, customers) == 240.0  # 6,000 ÷ 25
        assert evaluate("CUSTOMER_ACQUISITION_COST", spend, customers, 2) == 100.0  # 1,000 ÷ 10

    def test_edges(self) -> None:
        assert error("CUSTOMER_ACQUISITION_COST", [1, 2], [1, 2], 2) == "#N/A"
        assert error("CUSTOMER_ACQUISITION_COST", [1, 2], [1, 2, 3], 1) == "#VALUE!"
        assert error("CUSTOMER_ACQUISITION_COST", [1, 2], [1, 2], 1.5) == "#NUM!"
        assert error("CUSTOMER_ACQUISITION_COST", [1, 2], [1, 0], 1) == "#DIV/0!"

    def test_a_pair_without_both_numbers_is_left_out_and_said(self) -> None:
        assert error("CUSTOMER_ACQUISITION_COST", ["", "", 3000], ["", "", 5], 1) == "#N/A"
        assert evaluate("CUSTOMER_ACQUISITION_COST", ["", 200, 300], [1, 2, 4], 1) == 50.0  # 200 ÷ 4
        assert "left out: 1." in explain("CUSTOMER_ACQUISITION_COST", ["", 200, 300], [1, 2, 4], 1)


def test_errors_in_python_say_what_a_cell_would() -> None:
    with pytest.raises(CellError, match=r"#DIV/0!: There are no leads to divide the spend by\."):
        evaluate("COST_PER_LEAD", 5, 0)
    assert explain("COST_PER_LED", 1, 2) == '#VALUE!: There is no KPI "COST_PER_LED". Did you mean COST_PER_LEAD?'


def formula(text: str, *columns: list[Any]) -> Any:
    """A plain formula over columns A, B, …, computed by the engine."""
    book = formualizer.Workbook()
    book.add_sheet("S")
    for column, cells in enumerate(columns, 1):
        for row, cell in enumerate(cells, 1):
            book.set_value("S", row, column, cell)
    book.set_formula("S", 1, 20, text)
    return book.evaluate_cell("S", 1, 20)


@pytest.mark.parametrize(
    ("kpi", "plain", "columns"),
    [
        ("COST_PER_LEAD", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("COST_PER_MQL", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("COST_PER_SQL", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("COST_PER_ORDER", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("COST_PER_OPPORTUNITY", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("CUSTOMER_ACQUISITION_COST", "=SUM(A1:A4)/SUM(B1:B4)", [[120.5, 80, 33.25, 910], [3, 1, 4, 1]]),
        ("CONVERSION_RATE", "=SUM(B1:B3)/SUM(A1:A3)", [[800, 90, 7], [84, 9, 1]]),
        ("LEADS_PER_SALE", "=SUM(A1:A3)/SUM(B1:B3)", [[800, 90, 7], [84, 9, 1]]),
        ("WIN_RATIO", '=COUNTIF(A1:A6,"won")/(COUNTIF(A1:A6,"won")+COUNTIF(A1:A6,"lost"))',
         [["won", "lost", "won", "open", "won", "lost"]]),
        ("WIN_RATIO", '=SUMIF(A1:A4,"won",B1:B4)/(SUMIF(A1:A4,"won",B1:B4)+SUMIF(A1:A4,"lost",B1:B4))',
         [["won", "lost", "won", "open"], [10.5, 20, 30, 99]]),
        ("SALES_CYCLE", "=AVERAGE(B1-A1,B2-A2,B3-A3)", [[46027, 46030, 46050], [46050, 46031, 46150]]),
        ("RETENTION_RATE", "=(B1-C1)/A1", [[200], [190], [17]]),
        ("CHURN_RATE", "=1-(B1-C1)/A1", [[200], [190], [17]]),
        ("MARKETING_ROI", "=(SUM(A1:A2)*C1-SUM(B1:B2))/SUM(B1:B2)", [[900, 55.5], [100, 320], [0.4]]),
        ("SALES_VELOCITY", "=A1*B1*C1/D1", [[60], [0.35], [8123.5], [47]]),
        ("CUSTOMER_LIFETIME_VALUE", "=A1*B1*D1/C1", [[49.9], [1.7], [0.043], [0.31]]),
        ("RETURN_ON_AD_SPEND", "=SUM(A1:A2)/SUM(B1:B2)", [[900, 55.5], [100, 320]]),
        ("REVENUE", "=SUM(A1:A3)", [[0.1, 0.2, 900.7]]),
    ],
)  # fmt: skip
def test_the_plain_formula_gives_the_same(kpi: str, plain: str, columns: list[list[Any]]) -> None:
    assert evaluate(kpi, *columns) == pytest.approx(formula(plain, *columns), rel=1e-12)


def test_distinct_names_as_a_spreadsheet_counts_them() -> None:
    names = ["ada", "ben", "ada", "cem"]
    expected = formula("=900/COUNTA(UNIQUE(A1:A4))", names)
    assert evaluate("COST_PER_LEAD", 900, names) == expected == 300


@pytest.mark.parametrize(("won", "of"), [(1, 1), (3, 4), (30, 40), (0, 5), (5, 5), (17, 93), (421, 422)])
def test_wilson_interval_as_a_spreadsheet_computes_it(won: int, of: int) -> None:
    outcomes = ["won"] * won + ["lost"] * (of - won)
    _, line = evaluate("WIN_RATIO_BY", outcomes, ["Ada"] * of)
    z, share = "NORM.S.INV(0.975)", "A1/B1"
    for sign, end in zip("-+", line[5:7], strict=True):
        reach = f"{z}*SQRT({share}*(1-{share})/B1+{z}^2/(4*B1^2))"
        expected = formula(f"=({share}+{z}^2/(2*B1){sign}{reach})/(1+{z}^2/B1)", [won], [of])
        assert end == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_shares_of_reasons_as_a_spreadsheet_counts_them() -> None:
    outcomes, reasons = (
        ["lost", "lost", "won", "lost", "open", "lost"],
        ["price", "timing", "price", "price", "", "time"],
    )
    values = [100.5, 300, 900, 20, 900, 80]
    for name, deals, share, value, of_value in evaluate("LOSS_REASONS", outcomes, reasons, None, values)[1:]:
        mine = f'A1:A6,"lost",B1:B6,"{name}"'
        plain = [
            f"=COUNTIFS({mine})",
            f'=COUNTIFS({mine})/COUNTIF(A1:A6,"lost")',
            f"=SUMIFS(C1:C6,{mine})",
            f'=SUMIFS(C1:C6,{mine})/SUMIF(A1:A6,"lost",C1:C6)',
        ]
        expected = [formula(one, outcomes, reasons, values) for one in plain]
        assert [deals, share, value, of_value] == pytest.approx(expected, rel=1e-12)


def test_a_deal_lost_later_is_open_on_the_day_to_look_from() -> None:
    """Won after 5 days; the other is lost on day 55, so open with an age of 27 days on day 27."""
    first, close = [DAY, DAY], [DAY + 5, DAY + 55]
    told = explain("SALES_CYCLE", first, close, ["won", "lost"], "kaplan_meier", DAY + 27)
    assert told.startswith("5.0 days: ")  # S(5) = 1/2
    assert "half of 2 deals" in told
    assert "Still open on Feb 1, 2026, with their age so far: 1." in told
    later = explain("SALES_CYCLE", first, close, ["won", "lost"], "kaplan_meier", DAY + 60)
    assert "Lost and left out: 1." in later


def test_words_read_as_open_are_said_wherever_outcomes_are_counted() -> None:
    assert "Read as open: verlohren (1)." in explain("LOSS_REASONS", ["lost", "verlohren"], ["a", "b"])
    for statistic in ("mean", "kaplan_meier"):
        told = explain("SALES_CYCLE", [DAY, DAY], [DAY + 5, DAY + 9], ["won", "gewonne"], statistic)
        assert "Read as open: gewonne (1)." in told


def test_lost_deals_without_any_value_are_pointed_out() -> None:
    words = "no lost deal carries a value here"
    assert words in explain("WIN_RATIO", ["won", "lost"], [900, 0])
    assert words in explain("WIN_RATIO_BY", ["won", "lost"], ["a", "a"], [900, 0])
    assert words not in explain("WIN_RATIO", ["won", "lost"], [900, 100])


def test_stages_that_were_read_are_said_and_a_single_one_lists_the_headers() -> None:
    table = [["lead", "sold on", "customer"], [DAY, DAY + 3, DAY + 9]]
    assert "Stages, in order: lead, customer." in explain("STAGE_DURATION", table)
    told = explain("STAGE_DURATION", [["lead", "sold on"], [DAY, DAY + 3]])
    assert "only lead was found. Headers: lead, sold on. Name the stages" in told


def test_a_stage_with_more_than_the_one_before_is_noted() -> None:
    assert "MQL has more than the stage before it" in explain(
        "FUNNEL_BOTTLENECK", [["Lead", 9], ["MQL", 12], ["Won", 3]]
    )


def test_a_blank_price_is_no_silent_zero() -> None:
    for kpi, cells, name in [
        ("SALES_VELOCITY", [60, 0.25, None, 48], "deal_size"),
        ("SALES_VELOCITY", [60, 0.25, 0, 48], "deal_size"),
        ("CUSTOMER_LIFETIME_VALUE", ["", 2, 0.05], "purchase_value"),
        ("CUSTOMER_LIFETIME_VALUE", [50, None, 0.05], "purchases"),
    ]:
        assert explain(kpi, *cells).startswith(f"#N/A: {name} is blank or 0, so there is nothing to multiply.")


@pytest.mark.parametrize("period", ["month", "quarter", "year", "week"])
def test_cohorts_at_the_end_of_the_calendar(period: str) -> None:
    """No day follows 31 December 9999: whatever period it lies in, none is running."""
    days = [date(9999, 12, 1), date(9999, 12, 31)]
    rows = evaluate("RETENTION_COHORTS", ["a", "a"], days, None, period, None, date(9999, 12, 31))
    assert rows[1][1] == 1
    assert rows[1][2] == ""
