"""Columns by header: the name given, else the names it goes by in five languages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kpi_udfs import evaluate, evaluate_on, explain, explain_on
from kpi_udfs.errors import CellError
from kpi_udfs.settings import current
from kpi_udfs.tables.headers import called, find, plain

NAMES = current().columns
DEALS = [["Verkäufer", "Ergebnis", "Betrag"], ["Ada", "gewonnen", 900], ["Ada", "verloren", 100], ["Ben", "offen", 5]]


@pytest.mark.parametrize(
    ("headers", "name", "index"),
    [
        (["lead", "Channel"], "channel", 1),  # upper and lower case make no difference
        (["lead", "Kanal"], "channel", 1),
        (["lead", "canale"], "Kanal", 1),  # any of the names finds any other
        (["first_contact", "channel"], "Erstkontakt", 0),  # "_" reads as a space
        (["source", "channel"], "channel", 1),  # the name itself wins over its other names
        (["x", "my own column"], "My own  column", 1),
        (["x", "Lead-ID"], "lead_id", 1),
        (["x", "dealId"], "deal id", 1),
        (["x", "Abschluss-Datum"], "close_date", 1),
        (["x", "Kunden-Nr."], "customer", 1),
        (["x", "Betrag (EUR)"], "value", 1),
    ],
)
def test_a_column_is_found(headers: list[str], name: str, index: int) -> None:
    assert find(headers, name, NAMES) == index


@pytest.mark.parametrize(
    ("headers", "name", "told"),
    [
        (["lead", "chanel"], "channel", 'no column "channel"; did you mean "chanel"? Headers: lead, chanel.'),
        (["lead", "x"], "channel", 'There is no column "channel". Headers: lead, x.'),
        (["Kanal", "source", "x"], "channel", 'The columns Kanal, source could each be "channel". Name the one'),
        (["x", "X"], "x", 'Two columns are called "x". Headers: x, X.'),
    ],
)
def test_none_or_two_are_told_with_the_headers(headers: list[str], name: str, told: str) -> None:
    with pytest.raises(CellError) as raised:
        find(headers, name, NAMES)
    assert raised.value.code == "#VALUE!"
    assert told in str(raised.value)


def test_no_name_stands_for_two_columns_however_it_is_written() -> None:
    for names in (current().columns, current().stages):
        written = [name for _, known in names for name in {plain(name) for name in known}]
        assert len(written) == len(set(written))


def test_called_finds_all_candidates() -> None:
    assert called(["Kanal", "x", "source"], "channel", NAMES) == [0, 2]
    assert called(["Kanal"], "no such thing", NAMES) == []


def test_funnel_groups_by_a_header_in_another_language() -> None:
    day = date(2026, 1, 5)
    table = [["Kanal", "Erstkontakt", "Kunde"], ["mail", day, day], ["ads", day, ""]]
    rows = evaluate("FUNNEL", table, None, "channel")
    assert rows[0][0] == "Kanal"
    assert [row[:3] for row in rows[1:3]] == [["ads", "Erstkontakt", 1], ["ads", "Kunde", 0]]


def test_a_stage_named_in_another_language_is_found() -> None:
    day = date(2026, 1, 5)
    rows = evaluate("FUNNEL", [["Erstkontakt", "Kunde"], [day, day]], ["lead", "customer"])
    assert [row[0] for row in rows[1:]] == ["Erstkontakt", "Kunde"]


def test_columns_of_a_table_of_cells() -> None:
    assert evaluate_on("WIN_RATIO", DEALS) == 0.5  # "Ergebnis" is known as the outcome
    assert evaluate_on("WIN_RATIO", DEALS, values="Betrag") == 0.9
    ranked = evaluate_on("WIN_RATIO_BY", DEALS, groups="owner", basis="all")
    assert [row[0] for row in ranked[1:]] == ["Ada", "Ben"]


def test_an_optional_column_is_used_only_when_named() -> None:
    assert explain_on("WIN_RATIO", DEALS).startswith("50.0%: 1 won of 2 closed deals.")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"outcome": "Ergebnis"}, 'WIN_RATIO has no argument "outcome". Its arguments: outcomes, values, basis.'),
        ({"outcomes": "Ergebnisse"}, 'did you mean "Ergebnis"?'),
        ({"basis": "al"}, 'Did you mean "all"?'),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], told: str) -> None:
    assert told in explain_on("WIN_RATIO", DEALS, **given)
    with pytest.raises(CellError):
        evaluate_on("WIN_RATIO", DEALS, **given)


def test_rows_count_as_in_the_sheet() -> None:
    table = [["", ""], ["lead", "won"], [None, None], [date(2026, 1, 5), "soon"], [date(2026, 1, 6), ""]]
    assert 'Row 4 of column "won" holds "soon", which is not a date.' in explain("FUNNEL", table)


def test_no_table_at_all() -> None:
    assert "no table kpi_udfs can read: int" in explain_on("WIN_RATIO", 5)
