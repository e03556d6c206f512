"""The reference pages: one Markdown page per function and language, guides, and an index per language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from string import ascii_uppercase
from typing import Any

from kpi_udfs.messages import LANGUAGES, Text, say, text, write
from kpi_udfs.publish import calc_page, excel_page, libreoffice_page, rules_page
from kpi_udfs.publish.catalogue import (
    ARGUMENTS,
    CATEGORIES,
    EXAMPLES,
    KPI_FORMULA,
    OPTIONAL,
    example_answer,
    result_rows,
)
from kpi_udfs.publish.markdown import CHOICES, RENDERED, TITLE, code, plain, switch, table, top
from kpi_udfs.publish.worksheet import worksheet
from kpi_udfs.registry import KPIS, Block, Example, KpiSpec, Param

INTRO = text(
    "reference.intro",
    "Names and arguments are the same in every language. The formulas are written as an English spreadsheet takes "
    "them; many others separate arguments with a semicolon.",
)
EDGES = text("reference.edges", "Edge cases")
ELSEWHERE = text("reference.elsewhere", "Other definitions in the field")
DEFAULT = text("reference.default", "default: {value}")
ARGUMENT = text("reference.argument", "{name} ({notes}): {help}")
REQUIRED_ARGUMENT = text("reference.required_argument", "{name}: {help}")
EXAMPLE = text("reference.example", "Example {number:count}: {because}")
RESULT = text("reference.result", "Result: {value}")
WORKING = text("reference.working", "Working: {told}")
GUIDE = text("reference.guide", "How the rules are written: {page}.")


#: Pages about what the functions of a category share, beside those of the functions.
GUIDES = {"qualification": rules_page.GUIDE}
#: Pages that stand at the top of the index.
FIRST_GUIDES = (excel_page.GUIDE, libreoffice_page.GUIDE, calc_page.GUIDE)


def pages() -> dict[str, str]:
    """File name in ``docs/`` to content."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        found[f"{language}/index.md"] = _text(_index(language))
        for guide in (*FIRST_GUIDES, *GUIDES.values()):
            found[f"{language}/{guide.file}"] = _text(guide.page(language))
        for spec in KPIS.values():
            found[f"{language}/{_file(spec)}"] = _text(_page(spec, language))
    return found


def _text(blocks: Iterator[str]) -> str:
    return "\n\n".join(blocks) + "\n"


def _file(spec: KpiSpec) -> str:
    return f"{spec.name.lower()}.md"


def _index(locale: str) -> Iterator[str]:
    yield f"# {say(TITLE, locale)}"
    yield f"<!-- {say(RENDERED, locale)} -->"
    yield switch("index.md", locale)
    yield plain(say(INTRO, locale))
    yield "\n".join(f"- {guide.link(locale)}: {_said(guide.summary, locale)}" for guide in FIRST_GUIDES)
    for category in dict.fromkeys(spec.category for spec in KPIS.values()):
        yield f"## {say(CATEGORIES[category], locale)}"
        specs = [spec for spec in KPIS.values() if spec.category == category]
        entries = [f"- [{spec.name}]({_file(spec)}): {_said(spec.tooltip, locale)}" for spec in specs]
        if category in GUIDES:
            entries.append(f"- {GUIDES[category].link(locale)}: {_said(GUIDES[category].summary, locale)}")
        yield "\n".join(entries)


def _page(spec: KpiSpec, locale: str) -> Iterator[str]:
    yield from top(spec.name, _file(spec), locale)
    yield code(spec.signature)
    yield f"**{_said(spec.tooltip, locale)}**"
    yield _said(spec.definition, locale)
    if spec.category in GUIDES:
        yield say(GUIDE(page=GUIDES[spec.category].link(locale)), locale)
    yield f"## {say(KPI_FORMULA, locale)}"
    yield _said(spec.formula, locale)
    if spec.params:
        yield f"## {say(ARGUMENTS, locale)}"
        yield "\n".join(f"- {_argument(param, locale)}" for param in spec.params)
    yield f"## {say(EXAMPLES, locale)}"
    for number, example in enumerate(spec.examples, 1):
        yield from _example(spec, example, number, locale)
    yield f"## {say(EDGES, locale)}"
    yield _said(spec.edges, locale)
    yield f"## {say(ELSEWHERE, locale)}"
    yield _said(spec.elsewhere, locale)


def _argument(param: Param, locale: str) -> str:
    notes = [] if param.required else [say(OPTIONAL, locale)]
    if param.choices:
        notes.append(say(CHOICES(choices=[f"`{choice}`" for choice in param.choices]), locale))
    if isinstance(param.default, str | float):
        default = param.default if isinstance(param.default, str) else write(param.default, "number", locale)
        notes.append(say(DEFAULT(value=f"`{default}`"), locale))
    facts = {"name": f"`{param.name}`", "help": _said(param.help, locale)}
    return say(ARGUMENT(notes="; ".join(notes), **facts) if notes else REQUIRED_ARGUMENT(**facts), locale)


def _example(spec: KpiSpec, example: Example, number: int, locale: str) -> Iterator[str]:
    """The example with its cells, its result and its working."""
    yield f"### {plain(say(EXAMPLE(number=number, because=example.said), locale))}"
    sheet = worksheet(spec, example)
    if sheet.rows:
        yield _worksheet_table(sheet.rows, locale)
    yield code(sheet.formula)
    if example.gives is ...:
        return  # different on every desk
    answer = example_answer(spec, example, locale)
    rows = result_rows(answer, locale)
    if isinstance(answer.result, Block):
        yield say(RESULT(value=""), locale).rstrip()
        numeric = [kind.shape != "text" for kind in answer.result.column_kinds]
        yield table([[plain(cell) for cell in row] for row in rows], numeric)
    else:
        yield say(RESULT(value=f"**{plain(rows[0][0])}**"), locale)
    if answer.explanation != rows[0][0]:
        yield say(WORKING(told=plain(answer.explanation)), locale)


def _worksheet_table(rows: Sequence[Sequence[Any]], locale: str) -> str:
    """Cells as a worksheet shows them, with letters above and numbers beside."""
    lines = [["", *ascii_uppercase[: len(rows[0])]]]
    for number, row in enumerate(rows, 1):
        lines.append([f"**{number}**", *(_indented(_cell(cell, locale)) for cell in row)])
    numeric = [any(isinstance(cell, int | float | date) for cell in column) for column in zip(*rows, strict=True)]
    return table(lines, [True, *numeric])


def _indented(words: str) -> str:
    """Words of a cell; the blanks before them are seen, as they mean something in rules."""
    begun = words.lstrip(" ")
    return "&nbsp;" * (len(words) - len(begun)) + plain(begun)


def _cell(cell: Any, locale: str) -> str:
    """An entered cell, a number without separators: it may be a year or an ID."""
    from babel.numbers import format_decimal

    if isinstance(cell, date):
        return write(cell, "date", locale)
    if isinstance(cell, int | float):
        return str(format_decimal(Decimal(f"{cell:.15g}"), "0.###############", locale=locale))
    return str(cell)


def _said(what: Text, locale: str) -> str:
    return plain(say(what, locale))
