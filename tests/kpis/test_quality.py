"""KPI_CHECK: what it finds, what it leaves alone, and that it agrees with the KPIs."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_udfs import KPIS, calls, evaluate, explain
from kpi_udfs.errors import CellError
from kpi_udfs.tables.native_columns import native_table

DAY = 46027.0  # 5 January 2026


def check(table: Any, as_of: Any = None) -> list[list[Any]]:
    """The findings; none where no problem was found."""
    header, *lines = evaluate("KPI_CHECK", table, as_of)
    assert len(header) == 4
    if lines[0][:2] == ["", ""]:
        assert len(lines) == 1
        return []
    return lines


def places(table: Any, as_of: Any = None) -> list[tuple[Any, str]]:
    return [(row, column) for row, column, *_ in check(table, as_of)]


def column(header: str, *cells: Any) -> list[list[Any]]:
    """A table whose other column keeps each row from being blank."""
    return [["note", header], *(["x", cell] for cell in cells)]


class TestIdentifiers:
    def test_a_repeated_one_names_the_first_row(self) -> None:
        ids = column("lead id", "L1", "L2", "L1", " L1 ", "l2")
        assert [line[:3] for line in check(ids)] == [
            [4, "lead id", '"L1" already stands in row 2.'],
            [5, "lead id", '"L1" already stands in row 2.'],
        ]

    def test_customers_may_repeat(self) -> None:
        assert not check(column("customer", "Acme", "Acme", "Binford"))

    def test_numbers_are_compared_as_they_are_shown(self) -> None:
        assert places(column("deal id", 7.0, 8, 7, "8", 9, 10, 11)) == [(4, "deal id"), (5, "deal id")]

    def test_a_list_of_touches_repeats_its_leads(self) -> None:
        touches = [["lead id", "date", "channel"], *([f"L{i // 3 if i < 6 else i}", DAY + i, "ads"] for i in range(20))]
        assert not check(touches)
        assert 'repeated in column "lead id" are no findings' in explain("KPI_CHECK", touches)

    def test_where_most_rows_repeat_one_it_is_a_list_of_events(self) -> None:
        assert not check(column("lead id", *["L1"] * 3, *["L2"] * 3))

    def test_a_lead_with_two_deals(self) -> None:
        deals = [["deal id", "lead id", "outcome"], ["D1", "L1", "won"], ["D2", "L1", "lost"], ["D1", "L2", "open"]]
        assert places(deals) == [(4, "deal id")]

    def test_order_lines_repeat_their_order_and_invoices_do_not(self) -> None:
        lines = [["order number", "order date", "product"], [1, DAY, "pen"], [1, DAY, "ink"], [2, DAY, "pen"]]
        assert not check(lines)
        assert places([["invoice number", "invoice date"], [1, DAY], [1, DAY], [2, DAY]]) == [(3, "invoice number")]


class TestDatesAndNumbers:
    def test_what_can_not_be_read(self) -> None:
        found = check(column("close date", DAY, "soon", True, "2026-02-30", 99999999, "5 January 2026"))
        assert [line[2] for line in found] == [
            '"soon" is not a date.', '"TRUE" is not a date.', '"2026-02-30" is not a date.', '"99999999" is not a date.',
        ]  # fmt: skip
        found = check(column("spend", 5, "n/a", True, float("inf"), "5 €", -3))
        assert [line[2] for line in found] == [
            '"n/a" is not a number.',
            '"TRUE" is not a number.',
            '"inf" is not a number.',
        ]

    def test_a_language_that_could_read_it_is_named(self, language: Any) -> None:
        language("de")
        (line,) = check(column("date", DAY, "12/25/2026"))
        assert "Englisch" in line[3]
        (line,) = check(column("date", DAY, "demnächst"))
        assert "2026-03-31" in line[3]

    def test_ambiguous_texts_need_a_language(self, language: Any) -> None:
        table = [["close date", "value"], ["3/4/2026", "1.234"], ["25.12.2026", "1.234,56"]]
        assert [line[:2] for line in check(table)] == [[2, "close date"], [2, "value"]]
        assert "Set your language" in check(table)[0][3]
        language("it")
        assert not check(table)

    def test_styles_a_language_can_not_mix(self, language: Any) -> None:
        language("en")
        assert places(column("value", "1,234", "5.678,90")) == [(3, "value")]
        with pytest.raises(CellError):
            evaluate("REVENUE", ["1,234", "5.678,90"])

    def test_counts_among_dates(self) -> None:
        found = check(column("date", DAY, 1000, 2026, date(1912, 4, 15)))
        assert [line[0] for line in found] == [3, 4, 5]
        assert found[0][2] == '"1000" is the day Sep 26, 1902, before 1950.'

    def test_negative_values_are_none_and_credits_may_be(self) -> None:
        assert places([["value", "spend"], [-5, -5], ["(12)", 3], [0, 0]]) == [(2, "value"), (3, "value")]

    def test_currencies(self) -> None:
        found = check(column("amount", "5 €", 7, "€ 8", "$3", "$ 4", "9 EUR", "CHF 2"))
        assert [line[:3] for line in found] == [
            [5, "amount", "Rows in USD: 2. Most amounts of the column are in EUR."],
            [8, "amount", "Rows in CHF: 1. Most amounts of the column are in EUR."],
        ]

    def test_percentages_among_amounts(self) -> None:
        assert places(column("value", 5, "50%")) == [(3, "value")]
        assert not check(column("value", "5%", "50%"))

    def test_future_dates_need_as_of(self) -> None:
        table = [["first contact", "close date", "outcome"], [DAY + 9, DAY + 20, "won"], [DAY, DAY + 20, "open"]]
        assert not check(table)
        assert "no date counts as future" in explain("KPI_CHECK", table)
        assert places(table, DAY + 5) == [(2, "first contact"), (2, "close date")]  # row 3 is a plan
        assert "no date counts as future" not in explain("KPI_CHECK", table, DAY + 5)


class TestOrder:
    def test_closed_before_first_contact(self) -> None:
        (line,) = check([["Erstkontakt", "Abschluss"], [DAY, DAY + 1], [DAY, DAY], [DAY, DAY - 1], [DAY, None]])
        assert line[:3] == [4, "Abschluss", 'Jan 4, 2026 lies before Jan 5, 2026 in column "Erstkontakt".']

    def test_stages_over_a_gap(self) -> None:
        table = [["created", "mql", "sql", "won"], [DAY, None, DAY - 2, DAY + 1], [DAY, DAY + 2, DAY + 1, None]]
        assert places(table) == [(2, "sql"), (3, "sql")]

    def test_a_stage_column_holds_days_or_flags_or_is_none(self) -> None:
        assert not check([["lead id", "order", "deal"], ["L1", "pen", 1e7], ["L2", "ink", 2e7]])
        assert places([["lead", "won"], ["yes", "no"], ["ja", "perhaps"], ["x", ""]]) == [(3, "won")]
        table = [["lead", "customer"], [DAY, DAY - 1], [DAY, ""]]
        assert places(table) == [(2, "customer")]
        assert "customer (stage customer)" in explain("KPI_CHECK", table)
        assert places([["customer", "value"], ["", 5], ["Acme", 6]]) == [(2, "customer")]


class TestOutcomes:
    def test_unknown_words_once_with_the_nearest(self) -> None:
        found = check(column("deal stage", "won", "gewonen", "Gewonen ", "lost", "zzz", 5, "Negotiation"))
        assert [(line[0], line[2]) for line in found] == [
            (3, 'Rows with the unknown outcome "gewonen", which count as open: 2.'),
            (6, 'Rows with the unknown outcome "zzz", which count as open: 1.'),
            (7, 'Rows with the unknown outcome "5", which count as open: 1.'),
        ]
        assert 'Did you mean "gewonnen"?' in found[0][3]
        assert "Did you mean" not in found[1][3]

    def test_a_column_of_anything_is_one_finding(self) -> None:
        (line,) = check(column("status", "won", *(f"note {i}" for i in range(30))))
        assert line[2] == 'Different unknown outcomes, which count as open: 30, such as "note 0". Rows: 30.'

    def test_won_deals_want_a_date_and_a_value(self) -> None:
        deals = [["outcome", "close date", "value"], ["won", "", ""], ["lost", "", ""], ["Won", DAY, 0]]
        assert places(deals) == [(2, "close date"), (2, "value")]
        many = [deals[0], *[["won", DAY, ""]] * 21]
        assert check(many)[0][2] == "Won deals without a value, from this row on: 21 of 21."

    def test_open_deals_past_their_date(self) -> None:
        deals = [["outcome", "close date"], ["open", DAY], ["open", DAY + 5], ["won", DAY], ["zzz", DAY]]
        assert places(deals, DAY + 5) == [(2, "close date"), (5, "outcome")]


class TestLabels:
    def test_spellings_that_count_apart(self) -> None:
        found = check(column("product", "GTXPro", "GTX Pro", "GTX Pro", "gtx-pro", "GTX Pro ", "MG"))
        assert [line[:3] for line in found] == [
            [2, "product", 'Rows with "GTXPro", which looks like "GTX Pro" but counts apart: 1.'],
            [5, "product", 'Rows with "gtx-pro", which looks like "GTX Pro" but counts apart: 1.'],
        ]

    @pytest.mark.parametrize(
        ("one", "other"),
        [("C", "C++"), ("Plan 1.5", "Plan 15"), (-5, 5), ("?", "-"), ("Müller", "Muller"), ("Mail", "Mail ")],
    )
    def test_labels_that_are_different_or_the_same(self, one: Any, other: Any) -> None:
        assert not check(column("category", one, other))

    def test_blanks(self) -> None:
        assert places(column("owner", "Ada", None, " ", "Ben")) == [(3, "owner"), (4, "owner")]
        (line,) = check(column("owner", "Ada", *[None] * 21))
        assert line[:3] == [3, "owner", "Blank cells, from this row on: 21 of 22."]
        # A row that is blank all over is no row, but it counts.
        assert places([["owner", "team"], ["Ada", "A"], ["", None], ["", "B"]]) == [(4, "owner")]


class TestHeaders:
    def test_twice_blank_and_ambiguous(self) -> None:
        table = [["x", "owner", "X", "", "rep", None], [1, "Ada", 1, "left over", "Ada", ""]]
        assert [line[:3] for line in check(table)] == [  # owner is the owner by its very name
            [1, "X", 'The header "X" already names column 1.'],
            [1, "(column 4)", "The cells below hold something, the header is blank."],
        ]
        found = check([["sales rep", "agent"], ["Ada", "Ada"]])
        assert [line[:3] for line in found] == [[1, "agent", 'The columns sales rep, agent could each be "owner".']]
        assert places([["Lead", "created"], [DAY, DAY]]) == [(1, "created")]

    def test_unknown_columns_are_no_problem_unless_there_is_no_other(self) -> None:
        assert not check([["colour", "owner"], ["red", "Ada"]])
        (line,) = check([["colour"], ["red"]])
        assert line[:3] == [1, "", "No header is a known name of a column: colour."]

    def test_rows_count_from_the_top_of_the_range(self) -> None:
        assert places([["", ""], ["owner", "x"], ["", "y"]]) == [(3, "owner")]
        assert places([[None, None], ["owner", ""], ["Ada", "y"]]) == [(2, "(column 2)")]


class TestAnswer:
    def test_error_cells_come_out_where_they_would_be_read(self) -> None:
        table = [["note", "value"], ["#N/A", 5], ["x", 6]]
        assert not check(table)
        with pytest.raises(CellError) as caught:
            evaluate("KPI_CHECK", [*table, ["x", "#REF!"]])
        assert caught.value.code == "#REF!"
        assert 'Row 4 of column "value"' in str(caught.value)

    def test_at_most_a_thousand_lines(self) -> None:
        lines = check(column("value", *[-1] * 1500))
        assert len(lines) == 1001
        assert lines[-1][:3] == ["", "", "Further findings: 500."]
        assert "Findings: 1,500, namely negative values (1,500)." in explain("KPI_CHECK", column("value", *[-1] * 1500))

    def test_the_explanation_counts(self) -> None:
        told = explain("KPI_CHECK", [["lead id", "won", "close date"], ["L1", "yes", "soon"], ["L1", "no", ""]])
        assert "lead id (lead_id), won (stage customer), close date (close_date)." in told
        assert "Rows looked at: 2. Findings: 2, namely" in told

    def test_in_every_language(self, language: Any) -> None:
        for name in ("de", "fr", "it", "id", "de_CH"):
            language(name)
            assert len(evaluate("KPI_CHECK", column("value", "n/a", -5))) == 3

    def test_cells_of_every_host(self) -> None:
        odd = [Decimal("sNaN"), Decimal("5.5"), float("nan"), datetime(2026, 1, 5), date(2026, 1, 5), b"x"]
        assert places(column("value", *odd)) == [(2, "value"), (5, "value"), (6, "value"), (7, "value")]


# ------------------------------------------------------------------------------ it agrees with the KPIs

searched = settings(max_examples=200, deadline=None, derandomize=True, database=None)
date_cell = st.sampled_from(
    [None, "", " ", DAY, 46100, "soon", "3/4/2026", "2026-01-05", "2026-01-05 23:59", "4. März 2017", "31.12.26", True, "00:30",
     "2026-13-01", "5 mai 2026 10:30", date(2026, 1, 5), -3, 1e9, Decimal("46000"), "1-2-2026", "2026-01-05T10:00:00+02:00"]
)  # fmt: skip
number_cell = st.sampled_from(
    [
        None,
        "",
        5,
        -5,
        0.5,
        "1.234",
        "1,5",
        "1.234,56",
        "5 €",
        "$3",
        "12%",
        "00123",
        "n/a",
        True,
        "1e5",
        "(5)",
        "12K",
        "12 S",
    ]
)


@pytest.mark.parametrize("name", [None, "de", "en_US", "ja"])
def test_a_cell_is_a_finding_where_a_kpi_refuses_it(name: str | None, language: Any) -> None:
    if name:
        language(name)

    @searched
    @given(st.lists(date_cell, min_size=1, max_size=4))
    def dates(days: list[Any]) -> None:
        found = {line[0] for line in check(column("close date", *days)) if "1950" not in line[2]}
        assert found == {row for row, cell in enumerate(days, 2) if code("SALES_CYCLE", [DAY], [cell]) == "#VALUE!"}

    @searched
    @given(st.lists(number_cell, min_size=1, max_size=4))
    def numbers(amounts: list[Any]) -> None:
        found = [line for line in check(column("value", *amounts)) if "negativ" not in line[2]]
        assert bool(found) == (code("REVENUE", [*amounts, None]) == "#VALUE!")

    dates()
    numbers()


def code(kpi: str, *arguments: Any) -> str | None:
    """The error that a KPI gives, if it gives one."""
    result = calls.call(KPIS[kpi], arguments, calls.context_now())
    return result.code if isinstance(result, CellError) else None


def test_the_order_of_rows_changes_nothing_but_their_numbers() -> None:
    chance = random.Random(1)
    header = ["lead id", "channel", "lead", "won", "value"]
    rows = [[f"L{i}", chance.choice(["ads", "Ads ", "mail", ""]), DAY + i % 5, DAY + i % 7, i - 3] for i in range(15)]
    found = sorted(line[2] for line in check([header, *rows]) if "counts apart" not in line[2])
    for _ in range(5):
        chance.shuffle(rows)
        assert sorted(line[2] for line in check([header, *rows]) if "counts apart" not in line[2]) == found


# --------------------------------------------------------------------------- data frames and files

FRAME = {
    "deal id": ["D1", "D2", "D2", "D4", "D5"],
    "owner": ["Ada", "ada", "Ada", None, "Ben"],
    "created": [datetime(2026, 1, day) for day in range(5, 10)],
    "close date": [datetime(2026, 1, 4), None, datetime(2026, 2, 1), datetime(2026, 2, 1), datetime(2026, 2, 1)],
    "value": [1.0, -2.0, None, 4.0, 5.0],
    "stage": ["won", "lost", "won", "opne", "open"],
}


def natives() -> dict[str, Any]:
    """The same table in every engine that is installed."""
    import pandas as pd

    frame = pd.DataFrame(FRAME)
    engines: dict[str, Any] = {"pandas": frame}
    if find_spec("polars"):
        import polars as pl

        engines |= {"polars": pl.DataFrame(FRAME), "lazy polars": pl.LazyFrame(FRAME)}
    if find_spec("duckdb"):
        import duckdb

        engines["duckdb"] = duckdb.from_df(frame)
    return engines


def native(frame: Any) -> Any:
    context = calls.context_now()
    assert not isinstance(context, CellError)
    return native_table(frame, context)


@pytest.mark.parametrize("engine", list(natives()))
def test_a_frame_gives_what_its_cells_give(engine: str) -> None:
    cells = [list(FRAME), *map(list, zip(*FRAME.values(), strict=True))]
    found = check(native(natives()[engine]), date(2026, 1, 20))
    assert found == check(cells, date(2026, 1, 20))
    assert len(found) == 8


def test_a_frames_column_of_a_type_no_kpi_takes() -> None:
    import pandas as pd

    frame = pd.DataFrame({"close date": [46000, 46001], "owner": ["Ada", "Ben"]})
    (line,) = check(native(frame))
    assert line[:2] == [1, "close date"]
    assert "dates, times or texts of the form" in line[2]


def test_moments_with_a_zone_and_missing_ones() -> None:
    import pandas as pd

    moments = pd.to_datetime(["2026-01-05T23:30Z", None, "2026-01-06T23:30Z"], utc=True)
    assert places(native(pd.DataFrame({"date": moments, "value": [1, 2, 3]}))) == [(3, "date")]


# ------------------------------------------------------------------------------------- real data


def rows_of(path: Path) -> list[list[Any]]:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_maven_crm(data: Path) -> None:
    deals = rows_of(data / "maven_crm" / "sales_pipeline.csv")
    assert [line[:3] for line in check(deals)] == [
        [11, "account", "Blank cells, from this row on: 1,425 of 8,800."],
        [8302, "engage_date", "Blank cells, from this row on: 500 of 8,800."],
    ]
    product = deals[0].index("product")
    products = [[row[0]] for row in rows_of(data / "maven_crm" / "products.csv")[1:]]
    both = [["product"], *([row[product]] for row in deals[1:]), *products]
    (line,) = check(both)
    assert line[2] == 'Rows with "GTX Pro", which looks like "GTXPro" but counts apart: 1.'
    # American dates: a finding each, until the language is set.
    american = rows_of(data / "messy" / "sales_pipeline_m-d-yyyy.csv")
    assert "dates that languages read differently (5,395)" in explain("KPI_CHECK", american)


def test_maven_crm_with_american_dates(data: Path, language: Any) -> None:
    language("en_US")
    assert len(check(rows_of(data / "messy" / "sales_pipeline_m-d-yyyy.csv"))) == 2


def test_olist(data: Path) -> None:
    leads = rows_of(data / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    assert [line[1:3] for line in check(leads)] == [["origin", "Blank cells, from this row on: 60 of 8,000."]]
    by_id = {row[0]: row for row in leads[1:]}
    header, *deals = rows_of(data / "olist" / "olist_closed_deals_dataset.csv")
    won = header.index("won_date")
    joined = [["mql_id", "first_contact", "won_date"], *([row[0], by_id[row[0]][1], row[won]] for row in deals)]
    (line,) = check(joined)
    assert line[1:3] == ["won_date", 'Mar 6, 2018 lies before Mar 8, 2018 in column "first_contact".']
    assert joined[line[0] - 1][2].startswith("2018-03-06")


# ----------------------------------------------------------------------------------------- speed


def test_a_hundred_thousand_rows() -> None:
    names = ["deal id", "owner", "product", "account", "channel", "campaign", "stage", "created", "mql", "close date",
             "value", "country"]  # fmt: skip
    start = datetime(2026, 1, 1)
    rows = [
        [f"D{i}", f"rep {i % 300}", f"p{i % 50}", f"a{i % 20000}", f"c{i % 9}", f"k{i % 400}", ("won", "lost", "open")[i % 3],
         str(start + timedelta(seconds=i)), 46100.0 + i % 90, 46300.0 + i % 60, i / 7, f"land {i % 60}"]
        for i in range(100_000)
    ]  # fmt: skip
    before = perf_counter()
    assert not check([names, *rows])
    assert perf_counter() - before < 15  # two or three, where nothing else runs
