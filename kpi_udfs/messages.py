"""Every text a user reads: declared once in English, translated in ``locale/*.yaml``.

A :class:`Text` is declared next to the code that says it and registers itself in :data:`CATALOG`;
calling it with facts gives a :class:`Sentence`, which is turned into words only when somebody
asks. Numbers and dates are facts, not text: ``{spend:amount}`` is written as the reader's
language writes amounts.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from decimal import Context as Rounding
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

LANGUAGES = ("en", "de", "fr", "it", "id")

CATALOG: dict[str, Text] = {}

_ROUNDING = Rounding(rounding=ROUND_HALF_UP, prec=400)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with a key; ``english`` may hold placeholders such as ``{leads:count}``."""

    key: str
    english: str

    def __call__(self, **facts: Any) -> Sentence:
        return Sentence(self, facts)


class Sentence(NamedTuple):
    """A text and the facts it states."""

    text: Text
    facts: Mapping[str, Any]


def text(key: str, english: str) -> Text:
    """Declare a text; a key can be declared only once."""
    if key in CATALOG:
        raise ValueError(f"the text {key!r} is declared twice")
    CATALOG[key] = Text(key, english)
    return CATALOG[key]


def say(what: Text | Sentence | str, locale: str | None = None) -> str:
    """``what`` in the language of ``locale`` (``de``, ``de_CH``, ``en_GB`` …; None: English)."""
    if isinstance(what, str):
        return what
    declared, facts = (what, {}) if isinstance(what, Text) else what
    template = translations(language_of(locale)).get(declared.key, declared.english)
    return _Writer(locale or "en").vformat(template, (), facts)


def say_all(sentences: Iterable[Text | Sentence | str], locale: str | None = None) -> str:
    """The sentences, one after the other."""
    return " ".join(say(sentence, locale) for sentence in sentences)


def language_of(locale: str | None) -> str:
    """The language in which we speak to somebody with this locale."""
    language = (locale or "en").replace("-", "_").partition("_")[0].lower()
    return language if language in LANGUAGES else "en"


@cache
def translations(language: str) -> Mapping[str, str]:
    """The locale file of ``language``: key to text. English lives in the declarations."""
    if language == "en":
        return {}
    source = Path(__file__).parent / "locale" / f"{language}.yaml"
    if (quick := source.with_suffix(".json")).is_file():  # LibreOffice's Python has no fast YAML
        import json

        return dict(json.loads(quick.read_text(encoding="utf-8")))
    import yaml

    return dict(yaml.safe_load(source.read_text(encoding="utf-8")))


class _Writer(string.Formatter):
    """Writes facts as a language does: ``{share:percent}``, ``{day:date}``, ``{words:list}``.

    ``{leads:lead|leads}`` is the word that goes with the number, as the language counts.
    """

    def __init__(self, locale: str) -> None:
        self.locale = locale.replace("-", "_")

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Text | Sentence):
            return say(value, self.locale)
        if format_spec == "list":
            return ", ".join(self.format_field(item, "") for item in value)
        if "|" in format_spec:
            return format_spec.split("|")[0 if _is_one(value, self.locale) else -1]
        if format_spec:
            return write(value, format_spec, self.locale)
        return str(value)


def _is_one(value: Any, locale: str) -> bool:
    """Whether the language uses the singular with this number."""
    from babel import Locale

    return bool(Locale.parse(language_of(locale)).plural_form(Decimal(f"{value:.15g}")) == "one")


def write(value: Any, how: str, locale: str | None = None, currency: str | None = None) -> str:
    """A number, a date or the name of a language as ``locale`` writes it.

    ``how``: ``count`` 4,238 · ``amount`` 1,234.50 · ``percent`` 63.2% · ``days`` 51.8 ·
    ``number`` 2.72 · ``date`` Mar 4, 2017 · ``language`` German (Switzerland).
    With a ``currency`` (ISO code) an amount is written with its symbol.
    """
    from babel import Locale, UnknownLocaleError
    from babel.dates import format_date
    from babel.numbers import format_currency, format_decimal, format_percent

    try:
        known = Locale.parse((locale or "en").replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        known = Locale.parse(language_of(locale))
    if how == "language":
        return Locale.parse(value.replace("-", "_")).get_display_name(known) or value
    if how == "date":
        return format_date(value, "medium", locale=known)
    number = Decimal(f"{value:.15g}")
    # Rounded as spreadsheets round what they show; with room for every float's digits.
    with localcontext(_ROUNDING):
        if currency:
            return format_currency(number, currency, locale=known)
        if how == "percent":
            pattern = known.percent_formats[None].pattern.replace("0", "0.0", 1)
            return format_percent(number, pattern, locale=known)
        whole = number == number.to_integral_value()
        fraction = {"amount": "" if whole else ".00", "days": ".0"}.get(how, ".##")
        lakh = "#,##,##0" in known.decimal_formats[None].pattern
        return format_decimal(number, ("#,##,##0" if lakh else "#,##0") + fraction, locale=known)
