"""What a guide is made of: a page of prose, samples and tables, in five languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Protocol

from kpi_udfs.messages import Sentence, Text, say, text
from kpi_udfs.publish.markdown import anchor, code, plain, prose, table, top
from kpi_udfs.rules.format import Entry


class Part(Protocol):
    """Something on the page."""

    def markdown(self, locale: str) -> str:
        """The part in a language."""


@dataclass(frozen=True)
class Heading:
    """A heading, and which mappings of the format are explained under it."""

    title: Text
    level: int
    explains: tuple[Entry, ...] = ()

    def markdown(self, locale: str) -> str:
        return f"{'#' * self.level} {plain(say(self.title, locale))}"

    def link(self, locale: str) -> str:
        """The way to it from elsewhere on the page."""
        title = say(self.title, locale)
        return f"[{plain(title)}](#{anchor(title)})"


@dataclass(frozen=True)
class Said:
    """A paragraph."""

    what: Text | Sentence

    def markdown(self, locale: str) -> str:
        return prose(say(self.what, locale))


@dataclass(frozen=True)
class Points:
    """Points one below the other."""

    points: tuple[Text | Sentence, ...]
    numbered: bool = False

    def markdown(self, locale: str) -> str:
        said = (prose(say(point, locale)) for point in self.points)
        return "\n".join(f"{f'{number}.' if self.numbered else '-'} {point}" for number, point in enumerate(said, 1))


@dataclass(frozen=True)
class Sample:
    """Lines as they are typed."""

    lines: str
    language: str = "yaml"

    def markdown(self, locale: str) -> str:  # noqa: ARG002 (nothing in it is in a language)
        return code(self.lines, self.language)


@dataclass(frozen=True)
class Picture:
    """A picture that lies in the folder above, and what it shows, for those who can't see it."""

    file: str
    shows: Text

    def markdown(self, locale: str) -> str:
        return f"![{plain(say(self.shows, locale))}](../{self.file})"


@dataclass(frozen=True)
class Steps:
    """Numbered steps, each with what is typed in it."""

    steps: tuple[tuple[Text, Sample | None], ...]

    def markdown(self, locale: str) -> str:
        return "\n\n".join(
            f"{number}. {prose(say(step, locale))}" + (f"\n\n{indent(typed.markdown(locale), '   ')}" if typed else "")
            for number, (step, typed) in enumerate(self.steps, 1)
        )


@dataclass(frozen=True)
class Rows:
    """A table of texts. A text that is no :class:`Text` is typed as it stands."""

    header: tuple[Text, ...]
    rows: tuple[tuple[Text | str, ...], ...]
    right: tuple[bool, ...] = ()

    def markdown(self, locale: str) -> str:
        rows = [[prose(say(cell, locale)) for cell in row] for row in (self.header, *self.rows)]
        return table(rows, self.right)


@dataclass(frozen=True)
class Guide:
    """A page beside those of the functions."""

    file: str
    title: Text
    summary: Text
    parts: tuple[Part, ...]

    def link(self, locale: str) -> str:
        """The way to it from a page beside it."""
        return f"[{plain(say(self.title, locale))}]({self.file})"

    def page(self, locale: str) -> Iterator[str]:
        """The page, block by block."""
        yield from top(plain(say(self.title, locale)), self.file, locale)
        yield from (part.markdown(locale) for part in self.parts)


class Writer:
    """Parts whose texts have keys that begin alike."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def h2(self, key: str, english: str, *explains: Entry) -> Heading:
        return Heading(text(f"{self.prefix}.heading.{key}", english), 2, explains)

    def h3(self, key: str, english: str, *explains: Entry) -> Heading:
        return Heading(text(f"{self.prefix}.heading.{key}", english), 3, explains)

    def p(self, key: str, english: str) -> Said:
        return Said(text(f"{self.prefix}.{key}", english))

    def points(self, key: str, *english: str, numbered: bool = False) -> Points:
        said = tuple(text(f"{self.prefix}.{key}.{number}", one) for number, one in enumerate(english, 1))
        return Points(said, numbered)

    def picture(self, key: str, file: str, english: str) -> Picture:
        return Picture(file, text(f"{self.prefix}.{key}.picture", english))

    def steps(self, key: str, *steps: tuple[str, Sample | None]) -> Steps:
        return Steps(
            tuple((text(f"{self.prefix}.{key}.{number}", one), typed) for number, (one, typed) in enumerate(steps, 1))
        )

    def rows(self, key: str, header: Sequence[str], *rows: Sequence[str], right: tuple[bool, ...] = ()) -> Rows:
        """A table of texts; what stands between backticks is typed and needs no translation."""
        captions = tuple(text(f"{self.prefix}.{key}.header.{number}", one) for number, one in enumerate(header, 1))
        return Rows(
            captions,
            tuple(
                tuple(
                    cell if _is_typed(cell) else text(f"{self.prefix}.{key}.{row}.{column}", cell)
                    for column, cell in enumerate(cells, 1)
                )
                for row, cells in enumerate(rows, 1)
            ),
            right,
        )


def _is_typed(cell: str) -> bool:
    return not any(sign.isalpha() for sign in cell) or re.fullmatch("`[^`]*`(, `[^`]*`)*", cell) is not None
