"""The reference pages: every function in one Markdown page per language."""

from __future__ import annotations

from collections.abc import Iterator

from kpi_udfs.messages import LANGUAGES, say, text
from kpi_udfs.publish.catalogue import (
    ARGUMENTS,
    CATEGORIES,
    EXAMPLES,
    OPTIONAL,
    aligned,
    example_formula,
    example_result,
)
from kpi_udfs.registry import KPIS, KpiSpec

TITLE = text("reference.title", "KPI functions")
RENDERED = text("reference.rendered", "Rendered from the declarations; edit those and run tox -e generated.")


def pages() -> dict[str, str]:
    """File name in ``docs/`` to content."""
    return {f"functions.{language}.md": "\n".join(_page(language)) for language in LANGUAGES}


def _page(locale: str) -> Iterator[str]:
    yield f"# {say(TITLE, locale)}"
    yield ""
    yield f"<!-- {say(RENDERED, locale)} -->"
    category = None
    for spec in KPIS.values():
        if spec.category != category:
            category = spec.category
            yield ""
            yield f"## {say(CATEGORIES[category], locale)}"
        yield ""
        yield from _function(spec, locale)
    yield ""


def _function(spec: KpiSpec, locale: str) -> Iterator[str]:
    yield f"### {spec.name}"
    yield ""
    yield f"`{spec.signature}`"
    yield ""
    yield f"**{say(spec.tooltip, locale)}** {say(spec.definition, locale)}"
    if spec.params:
        yield ""
        yield f"{say(ARGUMENTS, locale)}:"
        yield ""
    for param in spec.params:
        optional = "" if param.required else f" ({say(OPTIONAL, locale)})"
        yield f"- `{param.name}`{optional}: {say(param.help, locale)}"
    examples = [example for example in spec.examples if example.gives is not ...]
    if not examples:
        return
    yield ""
    yield f"{say(EXAMPLES, locale)}:"
    for example in examples:
        yield ""
        yield "```text"
        yield example_formula(spec, example)
        yield from (f"  {line}" for line in aligned(example_result(spec, example, locale)))
        yield "```"
        yield ""
        yield say(example.said or "", locale)
