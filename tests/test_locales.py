"""The locale files: exactly our texts, really translated, with the same facts."""

from __future__ import annotations

import importlib
import pkgutil
import re
import string
from collections import Counter
from datetime import date

import pytest

import kpi_udfs
from kpi_udfs.messages import CATALOG, LANGUAGES, Text, language_of, say, translations, write
from kpi_udfs.registry import KPIS, MAX_HELP
from kpi_udfs.workbooks import recipes

# Texts register where they are declared: load every module and recipe that declares some.
for module in pkgutil.walk_packages(kpi_udfs.__path__, "kpi_udfs."):
    if not module.name.endswith(("__main__", "xlwings_udfs")):  # a command, and a host with no texts
        importlib.import_module(module.name)
recipes()
OTHERS = [language for language in LANGUAGES if language != "en"]

#: Texts that really are the same word in a language.
SAME = {
    "de": {
        "Option",
        "LibreOffice {version}: {program}",
        "xlwings Lite",
        "Leads",
        "Lead",
        "MQL",
        "SQL",
        "Deals",
        "Problem",
        "optional",
        "Score",
        "Fit",
        "Engagement",
        "Recall",
        "Lift",
        "F1",
    },
    "fr": {
        "Option",
        "xlwings Lite",
        "Date",
        "Leads",
        "Lead",
        "MQL",
        "SQL",
        "KPI",
        "Arguments",
        "Score",
        "Engagement",
        ", version {version}",
        "Points",
        "Qualification",
        "Conditions",
        "Versions",
        "Lift",
        "F1",
    },
    "it": {
        "LibreOffice {version}: {program}",
        "xlwings Lite",
        "Excel {version}: {program}",
        "Lead",
        "MQL",
        "SQL",
        "KPI",
        "Funnel",
        "Formula",
        "Benchmark",
        "Fit",
        "Engagement",
        "no",
        "Lift",
        "F1",
    },
    "id": {"xlwings Lite", "MQL", "SQL", "KPI"},
}


def facts(template: str) -> list[tuple[str, str | None]]:
    """The facts a text states; words that go with a number (``{n:lead|leads}``) are the language's own."""
    parts = string.Formatter().parse(template)
    return sorted((name, spec) for _, name, spec, _ in parts if name is not None and "|" not in (spec or ""))


def words(template: str) -> str:
    """What is left of a text without its placeholders, digits and signs."""
    return re.sub(r"\{[^}]*\}|[\W\d_]", "", template)


@pytest.mark.parametrize("language", OTHERS)
def test_exactly_the_texts_we_have(language: str) -> None:
    assert set(translations(language)) == set(CATALOG)


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_states_the_same_facts(language: str) -> None:
    for key, translated in translations(language).items():
        english = CATALOG[key].english
        assert facts(translated) == facts(english), key
        assert translated.strip() == translated, key
        if words(english):
            assert translated != english or english in SAME[language], (key, english)


@pytest.mark.parametrize("language", OTHERS)
def test_the_words_excused_are_needed(language: str) -> None:
    same = {CATALOG[key].english for key, text in translations(language).items() if text == CATALOG[key].english}
    assert SAME[language] <= same


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_fits_into_excels_function_wizard(language: str) -> None:
    for spec in KPIS.values():
        for text in (spec.tooltip, *(param.help for param in spec.params)):
            assert len(say(text, language)) <= MAX_HELP, (text.key, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_template_captions_work_as_headers_and_sheet_names(language: str) -> None:
    columns = [say(text, language) for key, text in CATALOG.items() if key.startswith("sales_funnel.column.")]
    sheets = [say(text, language) for key, text in CATALOG.items() if key.startswith("sales_funnel.sheet.")]
    assert not any(set("[]'#@\"") & set(column) for column in columns)
    assert len(set(sheets)) == len(sheets)
    assert not any(set(":\\/?*[]") & set(sheet) or len(sheet) > 31 for sheet in sheets)


def test_numbers_and_dates_as_the_language_writes_them() -> None:
    day = date(2026, 3, 4)
    assert [write(1234.5, "amount", locale) for locale in LANGUAGES] == [
        "1,234.50", "1.234,50", "1\u202f234,50", "1.234,50", "1.234,50",
    ]  # fmt: skip
    assert [write(0.6315, "percent", locale) for locale in LANGUAGES] == [
        "63.2%", "63,2\xa0%", "63,2\xa0%", "63,2%", "63,2%",
    ]  # fmt: skip
    assert write(day, "date", "de") == "04.03.2026"
    assert write(day, "date", "id") == "4 Mar 2026"
    assert write(1234.5, "amount", "de_CH") == "1’234.50"
    assert write(22.125, "number", "en") == "22.13"  # as a cell shows it


def test_words_go_with_their_number() -> None:
    text = Text("no.such.key", "{n:count} {n:lead|leads}")
    assert [say(text(n=n)) for n in (0, 1, 1.5, 2)] == ["0 leads", "1 lead", "1.5 leads", "2 leads"]
    assert say(Text("no.such.key", "{n:days} {n:jour|jours}")(n=1.0), "fr") == "1,0 jour"


def test_an_unknown_language_gets_english() -> None:
    assert language_of("ja_JP") == "en"
    assert say(Text("no.such.key", "Only English"), "de") == "Only English"


def test_every_text_is_used() -> None:
    """A text that no code says any more should go, in all five languages."""
    from pathlib import Path

    from kpi_udfs.settings import packaged

    folders = [Path(kpi_udfs.__file__ or "").parent, packaged("workbook_templates")]
    code = "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in folder.rglob("*.py"))
    declared = re.findall(r"^([A-Z][A-Z0-9_]*) = (?:text|_t)\(", code, re.MULTILINE)
    words = Counter(re.findall(r"\b[A-Z][A-Z0-9_]*\b", code))
    unused = [name for name in declared if words[name] < 2]
    assert len(declared) > 150
    assert not unused
