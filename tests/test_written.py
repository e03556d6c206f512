"""Numbers and dates written as text: real cases, and the ones that must be refused."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from kpi_udfs.written import WrittenDate, WrittenNumber, read_date, read_number

FIVE = ("de", "fr", "it", "id", "en")


def cases(data: Path, name: str) -> list[dict[str, str]]:
    with (data / "messy" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_number_of_26_locales_is_read_in_its_language(data: Path) -> None:
    numbers = [c for c in cases(data, "locale_cases_babel_cldr.csv") if not c["kind"].startswith("date")]
    assert len(numbers) == 988
    for case in numbers:
        read = read_number(case["text"], case["locale"])
        assert isinstance(read, WrittenNumber), case
        assert read.value == pytest.approx(float(case["expected_parse"]), rel=1e-12), case
        assert read.currency == (case["currency"] or None), case


def test_every_date_of_26_locales_is_read_in_its_language(data: Path) -> None:
    dates = [c for c in cases(data, "locale_cases_babel_cldr.csv") if c["kind"].startswith("date")]
    assert len(dates) == 234
    for case in dates:
        read = read_date(case["text"], case["locale"])
        assert isinstance(read, WrittenDate), case
        assert read.day == date.fromisoformat(case["expected_parse"]), case


def test_without_a_language_nothing_is_read_wrongly(data: Path) -> None:
    for case in cases(data, "locale_cases_babel_cldr.csv"):
        if case["kind"].startswith("date"):
            day = read_date(case["text"])
            assert isinstance(day, str) or day.day.isoformat() == case["expected_parse"], case
        else:
            read = read_number(case["text"])
            assert isinstance(read, str) or read.value == pytest.approx(float(case["expected_parse"])), case


@pytest.mark.parametrize("language", FIVE)
def test_in_another_language_nothing_numeric_is_read_wrongly_unnoticed(data: Path, language: str) -> None:
    """A text of one language read in another: right, refused, or marked as ambiguous."""
    for case in cases(data, "locale_cases_babel_cldr.csv"):
        if case["kind"].startswith("date"):
            continue
        read = read_number(case["text"], language)
        if isinstance(read, WrittenNumber) and not read.ambiguous:
            assert read.value == pytest.approx(float(case["expected_parse"])), case


def test_texts_from_elsewhere(data: Path) -> None:
    collected = cases(data, "public_code_number_text_cases.csv")
    assert len(collected) == 26
    for case in collected:
        read = read_number(case["text"])
        if "AMBIGUOUS" in case["note"]:
            assert read == "ambiguous", case
        elif not case["expected"]:
            assert read == "unreadable", case
        else:
            assert isinstance(read, WrittenNumber), case
            assert read.value == pytest.approx(float(case["expected"]), rel=1e-12), case


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("1.234", "de", 1234), ("1.234", "en", 1.234), ("1,234", "en", 1234), ("1,234", "de", 1.234),
        ("1.234,56 €", "de", 1234.56), ("-5", None, -5), ("5-", "de", -5), ("(5)", None, -5), ("−5", None, -5),
        ("12,5 %", "de", 0.125), ("%12,5", "tr", 0.125), ("12 %", None, 0.12), ("1 234 567", None, 1234567),
        ("1'234.50", None, 1234.5), ("1’234", "de_CH", 1234), ("12,34,567", "en_IN", 1234567), ("+7", None, 7),
        ("1.234.567", None, 1234567), ("0,234", None, 0.234), ("1234,567", None, 1234.567), ("５", None, 5),
        ("Rp 1.500.000", "id", 1500000), ("€ -1.50", "nl", -1.5), ("USD 3", None, 3), (".5", None, 0.5),
        ("1,234.56", "de", 1234.56), ("١٢", None, 12), ("Rp. 500.000", "id", 500000), ("2'000.—", "de_CH", 2000),
        ("5,-", "de", 5), ("€ 5,--", None, 5), ("$2K", None, 2000), ("100,00 S", "de", -100),
    ],
)  # fmt: skip
def test_number(text: str, locale: str | None, value: float) -> None:
    read = read_number(text, locale)
    assert isinstance(read, WrittenNumber), read
    assert read.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("", None), ("abc", None), ("12a", None), ("1.2.3", None), ("1,2,3", "en"), ("1..2", None), ("--5", None),
        ("(-5)", None), ("00123", None), ("030 123 456", None), ("1e5", None), ("40,900 m²", None), ("$5M", None),
        ("1.23.456", "de"), ("5 €€", None), ("€ 5 $", None), ("12:30", None), ("2026-01-05", None), ("0x1F", None),
        ("5 EUR USD", None), ("1,23 4", None), ("NaN", None), ("inf", None), ("TRUE", None),
        ("119,00 S", "fr"), ("+-5", None), ("12 345 67", None),
    ],
)  # fmt: skip
def test_no_number(text: str, locale: str | None) -> None:
    assert read_number(text, locale) == "unreadable"


@pytest.mark.parametrize(("text", "locale"), [("1.234", None), ("1,234", None), ("€ 1.234", None), ("1.234", "fr")])
def test_a_number_that_languages_read_differently_is_refused(text: str, locale: str | None) -> None:
    assert read_number(text, locale) == "ambiguous"


@pytest.mark.parametrize(
    ("text", "locale", "day"),
    [
        ("2017-03-04", None, "2017-03-04"), ("2017/3/4", "de", "2017-03-04"), ("2017-03-04 19:58:54", None, "2017-03-04"),
        ("2017-03-04T19:58", "fr", "2017-03-04"), ("04.03.2017", None, "2017-03-04"), ("4.3.17", "de", "2017-03-04"),
        ("3/4/17", "en_US", "2017-03-04"), ("3/4/17", "en_GB", "2017-04-03"), ("3/4/2017 5:30 PM", "en", "2017-03-04"),
        ("25/12/2026", None, "2026-12-25"), ("12/25/2026", None, "2026-12-25"), ("4. März 2017", "de", "2017-03-04"),
        ("4. März 2017", None, "2017-03-04"), ("1er mars 2017", "fr", "2017-03-01"), ("4 Maret 2017", "id", "2017-03-04"),
        ("4 marzo 2017", "it", "2017-03-04"), ("March 4th, 2017", "en", "2017-03-04"), ("04-Mar-17", "en", "2017-03-04"),
        ("31.12.49", "de", "2049-12-31"), ("Mo, 9. März 2026", "de", "2026-03-09"), ("3 Agt 2026", "id", "2026-08-03"),
        ("lunedì 5 gennaio 2026", "it", "2026-01-05"), ("Monday, January 5, 2026", None, "2026-01-05"), ("31.12.50", "de", "1950-12-31"), ("Mar 4, 2017", "de", "2017-03-04"),
    ],
)  # fmt: skip
def test_date(text: str, locale: str | None, day: str) -> None:
    read = read_date(text, locale)
    assert isinstance(read, WrittenDate), read
    assert read.day.isoformat() == day


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("", None), ("tomorrow", None), ("30.02.2017", "de"), ("2017-13-01", None), ("13/13/2017", None), ("1.5", "de"),
        ("25/12/2026", "en_US"), ("12.25.2026", "de"), ("4 Foo 2017", "de"), ("Mai", "de"), ("2017", None),
        ("4 mars avril 2017", "fr"), ("2017-03-04+02:00", None), ("12345", None), ("99.99.99", None),
    ],
)  # fmt: skip
def test_no_date(text: str, locale: str | None) -> None:
    assert read_date(text, locale) == "unreadable"


@pytest.mark.parametrize("text", ["04/03/2017", "4-3-2017", "04.03.17", "3/4/17"])
def test_a_date_that_languages_read_differently_is_refused(text: str) -> None:
    assert read_date(text) == "ambiguous"


def test_a_date_that_needed_its_language_says_so() -> None:
    read = read_date("04/03/2017", "fr")
    assert isinstance(read, WrittenDate)
    assert read.ambiguous
    assert read.day == date(2017, 3, 4)
