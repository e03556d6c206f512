"""What every rendered page is made of: its first lines, tables, code, and words that stay words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kpi_udfs.messages import say, text

TITLE = text("reference.title", "KPI functions")
RENDERED = text("reference.rendered", "Rendered from the declarations; edit those and run tox -e generated.")
CHOICES = text("reference.choices", "one of {choices:list}")

#: Languages as their speakers call them.
NATIVE = {"en": "English", "de": "Deutsch", "fr": "Français", "it": "Italiano", "id": "Bahasa Indonesia"}


def top(title: str, file: str, locale: str) -> Iterator[str]:
    """The first lines of a page: its title, and the ways to the index and to the other languages."""
    yield f"# {title}"
    yield f"<!-- {say(RENDERED, locale)} -->"
    yield f"[{say(TITLE, locale)}](index.md) · {switch(file, locale)}"


def switch(file: str, locale: str) -> str:
    """The same page in the other languages."""
    return " · ".join(
        f"**{name}**" if language == locale else f"[{name}](../{language}/{file})" for language, name in NATIVE.items()
    )


def table(rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> str:
    """Rows under the first of them. ``right``: which columns are aligned to the right."""
    header, *body = rows
    rule = ["---:" if aligned else ":---" for aligned in right or [False] * len(header)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *body))


def code(lines: str, language: str = "text") -> str:
    """Lines as they are typed."""
    return f"```{language}\n{lines}\n```"


def plain(words: str) -> str:
    """Words as words, whatever signs of Markdown are in them; an underscore inside a word is none."""
    return re.sub(r"[\\`*\[\]<>|~]|\b_|_\b|^[#+-](?=\s)|^%", r"\\\g<0>", words)


def prose(words: str) -> str:
    """Words as words, and what stands between backticks as it is typed."""
    return "".join(
        part if typed else plain(part)
        for part, typed in ((part, part.startswith("`")) for part in re.split(r"(`[^`]+`)", words))
    )


def anchor(heading: str) -> str:
    """How a heading is called in a link to it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
