"""Where does this number come from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from kpi_udfs import calls
from kpi_udfs.cells import Context, Range
from kpi_udfs.errors import VALUE, CellError
from kpi_udfs.kinds import TEXT, Cells, Word
from kpi_udfs.messages import Sentence, language_of, say, text
from kpi_udfs.registry import KPIS, Example, KpiSpec, Measure, kpi

UNKNOWN_KPI = text("about.unknown_kpi", 'There is no KPI "{name}".')
UNKNOWN_KPI_NEAR = text("about.unknown_kpi_near", 'There is no KPI "{name}". Did you mean {nearest}?')
UNKNOWN_LANGUAGE = text(
    "about.unknown_language", '"{language}" is no language. Write for example en, de, fr, it or id.'
)
DEFINITION = text("about.definition", "{signature}: {tooltip} {definition}")
FOUR_PLACES = text(
    "about.four_places",
    "{argument} has cells with a currency format, which Excel hands over with four decimal places this way. The kpi_udfs "
    "add-in and its workbooks hand over all places.",
)
VERSION = text("about.version", "kpi_udfs {version}, configuration {fingerprint}")


@kpi(
    shows=TEXT,
    formula="value + how it was made + what was left out and why",
    edges=(
        "An unknown name is #VALUE!, and the reason names a similar one where there is any. An error of the explained "
        "KPI is told in words and does not come out as an error. Arguments other than those of the formula explain "
        "another number. A KPI that answers with a block begins with its summary, not with a single value."
    ),
    elsewhere=(
        "Spreadsheets can show which cells a formula uses, and many BI tools keep the definition of a measure in a "
        "catalogue. Both describe the rule, not which rows this one number counted and which it left out."
    ),
    examples=[
        Example(
            kpi="WIN_RATIO",
            arguments=[["won", "won", "won", "lost", "open"]],
            gives="75.0%: 3 won of 4 closed deals. 1 open left out, read as open: open (1).",
            because="the words for WIN_RATIO of the same cells",
        ),
        Example(
            kpi="COST_PER_LEAD",
            arguments=[1200, 0],
            gives="#DIV/0!: There are no leads to divide the spend by.",
            because="an error is explained too",
        ),
        Example(kpi="WIN_RATE", gives=VALUE, because="there is no KPI of that name"),
    ],
)
def kpi_explain(
    kpi: Annotated[Word, 'Name of the KPI, in quotes: "WIN_RATIO".'],
    *arguments: Annotated[Cells, "The same arguments, in the same order, as in the formula to explain."],
    context: Context,
) -> Measure:
    """Says in words how a KPI's number was made.

    Give it a KPI's name and the same arguments: the answer begins with the value and names
    numerator, denominator, definition used, and the rows left out and why.

    Shapes: a name, then any cells. Errors: ``#VALUE!`` for an unknown name; an error of the
    explained KPI is told in words. Source: this package.
    """
    answer = calls.answer(find(kpi), arguments, context)
    return Measure(replace(answer, notes=(*answer.notes, *_four_places(answer.spec, arguments, context))).explanation)


def _four_places(spec: KpiSpec, arguments: Sequence[Any], context: Context) -> list[Sentence]:
    """Which arguments came with four decimal places only; looked at here, as explaining alone needs it."""
    if not context.com:
        return []
    return [
        FOUR_PLACES(argument=param.name)
        for param, raw in zip(spec.params, arguments, strict=False)
        if any(type(cell) is Decimal for cell in Range(raw, param.name).flat)
    ]


@kpi(
    shows=TEXT,
    formula="call: tooltip and definition",
    edges=(
        "An unknown name is #VALUE!, and the reason names a similar one where there is any. A language that is none "
        "of the five is #VALUE! too. Without a language the configured one is used, and English where none is "
        "configured."
    ),
    elsewhere=(
        "Companies keep such definitions in a data dictionary or a wiki, where text and calculation can drift apart. "
        "Here the text belongs to the function that calculates."
    ),
    examples=[
        Example(
            kpi="RETURN_ON_AD_SPEND",
            gives="RETURN_ON_AD_SPEND(revenue, spend): Revenue per unit of advertising spend (ROAS). Revenue divided "
            "by spend. 1.0 means that as much came in as was spent, before any cost of the goods.",
            because="call, tooltip and definition",
        ),
        Example(
            kpi="RETURN_ON_AD_SPEND",
            language="en",
            gives="RETURN_ON_AD_SPEND(revenue, spend): Revenue per unit of advertising spend (ROAS). Revenue divided "
            "by spend. 1.0 means that as much came in as was spent, before any cost of the goods.",
            because="in a language of your choice",
        ),
    ],
)
def kpi_definition(
    kpi: Annotated[Word, 'Name of the KPI, in quotes: "WIN_RATIO".'],
    language: Annotated[Word | None, "en, de, fr, it or id; without it, the configured language."] = None,
    *,
    context: Context,
) -> Measure:
    """Says what a KPI means and how it is defined.

    The definition as this package computes it, in your language.

    Shapes: two words. Errors: ``#VALUE!`` for an unknown name or language. Source: this package.
    """
    from kpi_udfs.written import known_locale

    spec = find(kpi)
    if language is not None and not (known_locale(language) and language_of(language) in language.lower()):
        raise CellError.value(UNKNOWN_LANGUAGE(language=language))
    locale = language or context.settings.language
    said = DEFINITION(signature=spec.signature, tooltip=spec.tooltip, definition=spec.definition)
    return Measure(say(said, locale))


@kpi(
    shows=TEXT,
    formula="version + fingerprint of the configuration",
    edges=(
        "Takes no argument; one that is given is #VALUE!. The fingerprint changes with the language, the time zone, "
        "the date system and the words and headers that are understood, not with comments or the order of the outcome "
        "words."
    ),
    elsewhere=(
        "Software usually shows its version alone. Two desks with the same version and different settings look alike "
        "there, although they can read the same cells differently."
    ),
    examples=[Example(gives=..., because="two desks with different settings see different fingerprints")],
)
def kpi_version(*, context: Context) -> Measure:
    """Version of the functions and a fingerprint of the configuration in force.

    Two desks that show different numbers for the same cells can compare this text: it differs
    where the version or the settings differ.

    Shapes: no arguments. Errors: none. Source: this package.
    """
    from importlib.metadata import version

    said = VERSION(version=version("kpi_udfs"), fingerprint=context.settings.fingerprint)
    return Measure(say(said, context.settings.language))


def find(name: Any) -> KpiSpec:
    """The KPI of that name; ``#VALUE!`` with the nearest one where there is none."""
    wanted = str(name).strip().upper().removeprefix("=").partition("(")[0]
    if wanted in KPIS:
        return KPIS[wanted]
    from difflib import get_close_matches

    if near := get_close_matches(wanted, KPIS, n=1):
        raise CellError.value(UNKNOWN_KPI_NEAR(name=name, nearest=near[0]))
    raise CellError.value(UNKNOWN_KPI(name=name))
