"""Numbers and dates as people write them, read through the locale data of Babel.

``1.234,56 €``, ``($1,234.56)``, ``12,5 %``, ``119,00 S``, ``4. März 2017``, ``3/4/17``. The rule
for both: a configured language decides; without one, only what every language reads the same way
is read. What is read by a form that another language would read differently says so
(``ambiguous``), and what can't be read for certain is refused, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.numbers import get_currency_precision, list_currencies

#: What reading a text can come to where it is no value: not one at all, or not certain which.
Refusal = Literal["unreadable", "ambiguous"]

_FIVE = ("en", "de", "fr", "it", "id")


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number found in a text. ``ambiguous``: another language would read another number.
    ``foreign``: not in the configured language's style, but in a form that can be read only
    one way."""

    value: float
    currency: str | None = None
    percent: bool = False
    #: Whether more than a sign stood around the digits: a currency, a percent sign, a letter.
    dressed: bool = False
    ambiguous: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A calendar day found in a text, with its UTC offset's instant where one was written."""

    day: date
    instant: datetime | None = None
    ambiguous: bool = False


@dataclass(frozen=True)
class _Style:
    """What Babel knows about a locale that matters for reading."""

    decimal: str
    groups: frozenset[str]
    lakh: bool
    order: str
    months: Mapping[str, int]
    currencies: Mapping[str, str]


@lru_cache(maxsize=64)
def _style(name: str) -> _Style:
    locale = Locale.parse(name.replace("-", "_"))
    symbols = locale.number_symbols["latn"]
    groups = {_plain(symbols[key]) for key in ("group", "currencyGroup") if key in symbols}
    short = locale.date_formats["short"].pattern
    order = "".join(part for part in re.sub(r"[^yMd]", "", short))
    return _Style(
        decimal=symbols["decimal"],
        groups=frozenset(groups),
        lakh="#,##,##0" in locale.decimal_formats[None].pattern,
        order=re.sub(r"(.)\1*", r"\1", order).replace("M", "m"),
        months=_months(locale),
        currencies=_currencies(locale),
    )


def known_locale(name: str) -> bool:
    """Whether Babel has data for ``name``."""
    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _plain(text: str) -> str:
    """``text`` with one kind of space, minus and apostrophe, full-width forms folded, no marks
    that only steer the direction of writing."""
    folded = unicodedata.normalize("NFKC", text)
    folded = re.sub("[\u200b-\u200f\u061c\u202a-\u202e\u2066-\u2069]", "", folded)
    folded = re.sub("[\u2212\u2012\u2013\ufe63]", "-", folded)
    folded = re.sub("[\u2019\u2018\u02bc\u00b4`]", "'", folded)
    return re.sub(r"\s", " ", folded)


# ---------------------------------------------------------------------------------- numbers

_AROUND = re.compile(r"(?P<before>[^\d]*?)(?P<digits>[.,]?\d(?:[\d.,' ]*\d)?)(?P<after>[^\d]*)")
_GROUPED = {sign: re.compile(rf"\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+") for sign in (".", ",", " ", "'")}
_LAKH = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")


@lru_cache(maxsize=65536)
def read_number(text: str, locale: str | None = None) -> WrittenNumber | Refusal:
    """The number that ``text`` is, in the language of ``locale`` (None: no language configured).

    Signs may stand before, after, or as parentheses (accounting); a currency symbol or code, a
    percent sign (12.5 % is 0.125), a ``K`` for thousands and the letters S and H of German bank
    statements are understood.
    """
    # "2'000.—" is how Swiss and German price lists write a round amount.
    found = _AROUND.fullmatch(re.sub(r"(\d)[.,][-\u2014]{1,2}(?!\d)", r"\1", _plain(text).strip()))
    if found is None:
        return "unreadable"
    dressing = _dressing(found["before"], found["after"], locale)
    if dressing is None:
        return "unreadable"
    digits = found["digits"]
    if re.fullmatch(r"0\d+", digits):  # 00123: an identifier, not an amount
        return "unreadable"
    ambiguous = re.fullmatch(r"(?!0)\d{1,3}[.,]\d{3}", digits) is not None
    own = _read_by_style(digits, _style(locale)) if locale else None
    value = own if own is not None else _read_by_form(digits)
    if value is None:
        whole_yen = dressing.currency and get_currency_precision(dressing.currency) == 0
        if not ambiguous:
            return "unreadable"
        if not whole_yen:
            return "ambiguous"
        value, ambiguous = float(re.sub("[.,]", "", digits)), False
    return WrittenNumber(
        value * dressing.factor,
        dressing.currency,
        dressing.percent,
        dressing.worn,
        ambiguous=ambiguous,
        foreign=own is None and locale is not None,
    )


def _read_by_style(digits: str, style: _Style) -> float | None:
    """``digits`` in a language's own style, or None."""
    whole, mark, fraction = digits.partition(style.decimal)
    if mark and not fraction.isdigit():
        return None
    for group in {*style.groups, " ", "'"}:
        if _GROUPED[group].fullmatch(whole) and not re.match(r"0", whole):
            return float(re.sub(r"\D", "", whole) + "." + (fraction or "0"))
    if style.lakh and _LAKH.fullmatch(whole):
        return float(whole.replace(",", "") + "." + (fraction or "0"))
    if whole.isdigit() or (not whole and fraction):
        return float((whole or "0") + "." + (fraction or "0"))
    return None


def _read_by_form(digits: str) -> float | None:
    """``digits`` where their form leaves only one reading, or None."""
    separators = re.sub(r"\d", "", digits)
    last = separators[-1:]
    if not last:
        return float(digits)
    if separators.count(last) == 1 and last in ".,":
        whole, _, fraction = digits.rpartition(last)
        rest = set(separators[:-1])
        if not rest:
            # 1.234 is a thousand and more to one, one and a bit to another. 0.234, 1234.567
            # and 1.23 are the same to everybody.
            if len(fraction) == 3 and re.fullmatch(r"[1-9]\d{0,2}", whole):
                return None
            return float((whole or "0") + "." + fraction)
        if len(rest) == 1:
            group = rest.pop()
            lakh = group == "," and _LAKH.fullmatch(whole)
            if (_GROUPED[group].fullmatch(whole) or lakh) and whole[0] != "0":
                return float(re.sub(r"\D", "", whole) + "." + fraction)
        return None
    grouped = _GROUPED[last].fullmatch(digits) or (last == "," and _LAKH.fullmatch(digits))
    return float(re.sub(r"\D", "", digits)) if grouped and digits[0] != "0" else None


@dataclass(frozen=True, slots=True)
class _Dressing:
    """What stands around the digits."""

    factor: float
    currency: str | None
    percent: bool = False
    worn: bool = False


@lru_cache(maxsize=4096)
def _dressing(before: str, after: str, locale: str | None) -> _Dressing | None:
    before, after = before.strip(), after.strip()
    factor, thousands = 1.0, False
    if before.startswith("(") and after.endswith(")"):
        before, after, factor = before[1:].strip(), after[:-1].strip(), -1.0
    signs = re.findall(r"[-+]", before + after)
    if len(signs) > 1 or (signs and factor < 0):
        return None
    if signs:
        # "5-" is written in ledgers; "5+" and "5 - EUR" are not.
        if signs == ["-"]:
            factor = -1.0
        before, after = (re.sub(r"[-+]", "", part).strip() for part in (before, after))
    if (before == "%") != (after == "%"):
        return _Dressing(factor / 100, None, percent=True, worn=True) if not (before and after) else None
    if not before and not signs and factor > 0 and after in {"S", "H"}:
        # Soll and Haben, debit and credit, as German banks print them.
        german = locale is None or locale.startswith("de")
        return _Dressing(-1.0 if after == "S" else 1.0, None, worn=True) if german else None
    if after[:1] in {"K", "k"} and (before or len(after) == 1 or after[1:2] == " "):
        factor, after = factor * 1000, after[1:].strip()
        thousands = True
    symbol = before or after
    if before and after:
        return None
    if not symbol:
        return _Dressing(factor, None, worn=thousands)
    known = _style(locale or "en").currencies
    currency = known.get(symbol) or known.get(symbol.rstrip("."))
    return _Dressing(factor, currency, worn=True) if currency else None


def _currencies(locale: Locale) -> dict[str, str]:
    """Symbol or code to ISO code, the locale's own symbols first."""
    known: dict[str, str] = {code: code for code in list_currencies()}
    for source in (Locale.parse("en"), locale):
        for code, symbol in sorted(source.currency_symbols.items()):
            plain = _plain(symbol)
            if plain not in known or source is locale:
                known[plain] = code
    if locale.territory:
        # "$" in Canada, "kr" in Norway: the locale's own meaning wins over its neighbours'.
        from babel.numbers import get_territory_currencies

        for code in get_territory_currencies(locale.territory):
            known[_plain(locale.currency_symbols.get(code, code))] = code
    known["\u00a5"] = known.get("\u00a5", "JPY")
    return known


# ------------------------------------------------------------------------------------ dates

_CLOCK = r"(?:[T ,]+(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?))?"
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})" + _CLOCK + r"(?P<zone>Z|[-+]\d{2}:?\d{2})?")
_INSTANT = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?(?:[.,]\d+)?$")
_NUMERIC = re.compile(r"(?P<a>\d{1,4})(?P<sep>\. ?|/|-)(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})\.?" + _CLOCK)
_CJK = re.compile(r"(?P<year>\d{4}) ?[年년] ?(?P<month>\d{1,2}) ?[月월] ?(?P<day>\d{1,2}) ?[日일]")


@lru_cache(maxsize=65536)
def read_date(text: str, locale: str | None = None) -> WrittenDate | Refusal:
    """The calendar day that ``text`` names, in the language of ``locale``.

    Year first is read in every language; a numeric date with the year last needs a language
    unless only one reading is possible (25.12.2026, 12/25/2026).
    """
    plain = " ".join(_plain(text).split())
    if found := _ISO.fullmatch(plain):
        return _iso(found)
    if found := _NUMERIC.fullmatch(plain):
        return _numeric(found, locale)
    if found := _CJK.fullmatch(plain):
        return _day(int(found["year"]), int(found["month"]), int(found["day"]))
    return _spelled(plain, locale)


def _day(year: int, month: int, day: int, ambiguous: bool = False) -> WrittenDate | Refusal:
    try:
        return WrittenDate(date(year, month, day), ambiguous=ambiguous)
    except ValueError:
        return "unreadable"


def _iso(found: re.Match[str]) -> WrittenDate | Refusal:
    read = _day(int(found["year"]), int(found["month"]), int(found["day"]))
    if isinstance(read, str) or not found["zone"]:
        return read
    clock, zone = _INSTANT.match(found["clock"] or ""), found["zone"]
    if not clock:
        return "unreadable"
    hours, minutes = (int(zone[1:3]), int(zone[-2:])) if zone != "Z" else (0, 0)
    ahead = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    try:
        hour, minute, second = map(int, clock.groups("0"))
        at = datetime.combine(read.day, time(hour, minute, second, tzinfo=timezone(ahead)))
    except ValueError:
        return "unreadable"
    return WrittenDate(read.day, at)


def _full_year(written: str) -> int | None:
    """Two digits mean 1950 to 2049, as current spreadsheets read them."""
    if len(written) == 4:
        return int(written)
    if len(written) == 2:
        return 2000 + int(written) if int(written) < 50 else 1900 + int(written)
    return None


def _numeric(found: re.Match[str], locale: str | None) -> WrittenDate | Refusal:
    a, b, c = found["a"], found["b"], found["c"]
    if len(a) == 4:
        return _day(int(a), int(b), int(c)) if len(c) <= 2 else "unreadable"
    if len(a) > 2 or len(c) not in (2, 4):
        return "unreadable"
    order = _style(locale).order if locale else ""
    if order == "ymd":
        if len(c) == 2:
            year = _full_year(a) if len(a) == 2 else None
            return _day(year, int(b), int(c), ambiguous=True) if year else "unreadable"
        # Day or month first, in a language that writes neither: as without a language.
        order = ""
    year = _full_year(c)
    if year is None:
        return "unreadable"
    if not order and len(c) == 2:
        readings = (_day(year, int(b), int(a)), _day(year, int(a), int(b)))
        return "unreadable" if readings == ("unreadable", "unreadable") else "ambiguous"
    both = int(a) <= 12 and int(b) <= 12 and a.zfill(2) != b.zfill(2)
    dotted = found["sep"].startswith(".")
    if not order:
        # Dots are written day first wherever they are written.
        if both and not dotted:
            return "ambiguous"
        order = "dmy" if dotted or int(a) > 12 or a.zfill(2) == b.zfill(2) else "mdy"
    day, month = (int(a), int(b)) if order == "dmy" else (int(b), int(a))
    return _day(year, month, day, ambiguous=both and not dotted)


def _months(locale: Locale) -> dict[str, int]:
    """Month names of a locale, long and short, as in dates and as on their own."""
    names: dict[str, int] = {}
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in locale.months[context][width].items():
                plain = _fold(name)
                if not plain.isdigit():
                    names[plain] = number
    if locale.language == "id":
        names["agt"] = 8  # as Indonesians abbreviate Agustus; the locale data says Agu
    return names


@lru_cache(maxsize=64)
def _weekdays(name: str) -> frozenset[str]:
    """Names of the days of the week, which a spreadsheet's long dates begin with."""
    days = Locale.parse(name.replace("-", "_")).days
    return frozenset(
        _fold(day)
        for context in ("format", "stand-alone")
        for width in days[context]
        for day in days[context][width].values()
    )


def _fold(word: str) -> str:
    return _plain(word).casefold().strip(" .")


@lru_cache(maxsize=1)
def _shared_months() -> dict[str, int]:
    """Names that mean one month in all five languages that know them."""
    meanings: dict[str, set[int]] = {}
    for language in _FIVE:
        for name, number in _months(Locale.parse(language)).items():
            meanings.setdefault(name, set()).add(number)
    return {name: numbers.pop() for name, numbers in meanings.items() if len(numbers) == 1}


def _spelled(plain: str, locale: str | None) -> WrittenDate | Refusal:
    """A date with its month in letters: 4. März 2017, Mar 4, 2017, 29 de fev. de 2024."""
    clock = re.fullmatch(r"(?P<rest>.*?)" + _CLOCK, plain)
    assert clock is not None  # the pattern matches every text
    parts = re.findall(r"\d+|[^\W\d_]+[^\s\d,-]*", clock["rest"])
    digits = [part for part in parts if part.isdigit()]
    words = [_fold(part) for part in parts if not part.isdigit()]
    months = _style(locale).months if locale else _shared_months()
    found = {number for word in words if (number := months.get(word))}
    if not found and locale:
        found = {number for word in words if (number := _shared_months().get(word))}
    fillers = _FILLERS | (_weekdays(locale) if locale else frozenset().union(*map(_weekdays, _FIVE)))
    others = [word for word in words if word not in months and word not in _shared_months()]
    if len(found) != 1 or len(digits) != 2 or not set(others) <= fillers:
        return "unreadable"
    month = found.pop()
    first, second = digits
    if len(first) == 4 and len(second) <= 2:
        return _day(int(first), month, int(second))
    year = _full_year(second)
    return _day(year, month, int(first)) if year and len(first) <= 2 else "unreadable"


#: Words that stand in dates and say nothing: Spanish and Portuguese "de", Russian "г.",
#: ordinals ("4th", "1er"), and the French and Italian articles.
_FILLERS = frozenset({"de", "del", "г", "th", "st", "nd", "rd", "er", "le", "il", "of"})
