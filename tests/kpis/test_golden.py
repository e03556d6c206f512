"""Golden numbers, with their working; and plain formulas computed by a spreadsheet engine."""

from __future__ import annotations

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


class TestSalesCycle:
    FIRST = [DAY] * 5
    CLOSE = [DAY + 10, DAY + 20, DAY + 40, None, None]
    OUTCOMES = ["won", "won", "won", "open", "open"]

    def test_mean_and_median(self) -> None:
        assert evaluate("SALES_CYCLE", self.FIRST, self.CLOSE, self.OUTCOMES) == pytest.approx(70 / 3)  # 23.3
        assert evaluate("SALES_CYCLE", self.FIRST, self.CLOSE, None, "median") == 20.0

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
