"""The configuration file, as the VBA in our workbooks reads it.

VBA reads it with ``Open … For Input`` and ``Input #``: not line by line but as one sequence of values, two at
a time, in the code page of programs without Unicode. An empty line is a value, too. After one, name and
value have changed places, and at the end of the file VBA stops with an error: Excel then waits two minutes for
a Python that was never asked for.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

INTERPRETER = "INTERPRETER_WIN"
MODULES = "UDF MODULES"
#: What is ours in the file; the rest is kept.
OURS = (INTERPRETER, MODULES)

_UTF8 = 65001


class Entry(NamedTuple):
    """Two values that VBA reads together; ``value`` is None where the file ends between them."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Conf:
    """What VBA finds in a file."""

    entries: tuple[Entry, ...]
    #: Numbers of the lines that are not one name with one value.
    odd_lines: tuple[int, ...]

    def value(self, name: str) -> str | None:
        """The value that VBA finds: of the first entry with this name, in whatever capitals."""
        for entry in self.entries:
            if entry.name.lower() == name.lower():
                return entry.value
        return None


def fits(written: str, code_page: int) -> bool:
    """Whether VBA can read this text from a file."""
    try:
        written.encode(encoding_of(code_page))
    except UnicodeEncodeError:
        return False
    return True


def untried(written: str, code_page: int) -> bool:
    """Whether nobody knows how VBA fares: with other than plain letters where the code page is UTF-8."""
    return code_page == _UTF8 and not written.isascii()


def encoding_of(code_page: int) -> str:
    """Python's name of a code page."""
    name = "utf-8" if code_page == _UTF8 else f"cp{code_page}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"


def read(content: bytes, code_page: int) -> Conf:
    """What VBA makes of a file's content."""
    text = content.decode(encoding_of(code_page), "replace").partition("\x1a")[0]
    values = list(_values(text))
    entries = [Entry(*pair) for pair in zip(values[::2], [*values[1::2], *[None] * (len(values) % 2)], strict=True)]
    odd = [number for number, line in enumerate(text.splitlines(), 1) if len(list(_values(line + "\n"))) != 2]
    return Conf(tuple(entries), tuple(odd))


def written(content: bytes, settings: Mapping[str, str], code_page: int) -> bytes:
    """The content with these settings at its beginning, where VBA finds them whatever follows; {} removes ours.

    Other lines stay as they are; empty ones, which only do harm, go. Raises UnicodeEncodeError where a value
    can't be written in the code page.
    """
    encoding = encoding_of(code_page)
    ours = [f'"{name}","{value}"'.encode(encoding) for name, value in settings.items()]
    lines = [line for line in _in_code_page(content, encoding).splitlines() if line.strip()]
    kept = [line for line in lines if not _is_ours(line.decode(encoding, "replace"))]
    return b"".join(line + b"\r\n" for line in [*ours, *kept])


def _is_ours(line: str) -> bool:
    values = list(_values(line + "\n"))
    return len(values) == 2 and values[0].upper() in OURS


def _in_code_page(content: bytes, encoding: str) -> bytes:
    """The content without the mark that an editor has put before it when saving it as Unicode."""
    saved_as = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, saved in saved_as.items():
        if content.startswith(mark):
            return content.decode(saved, "replace").encode(encoding, "replace")
    return content


def _values(text: str) -> Iterator[str]:
    """The values one after the other, as ``Input #`` takes them for a text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    at = 0
    while at < len(text):
        at = _past_blanks(text, at)
        if text[at : at + 1] == '"':
            value, _, rest = text[at + 1 :].partition('"')
            at = _past_blanks(text, len(text) - len(rest))
        else:
            end = min((place for sign in ",\n" if (place := text.find(sign, at)) >= 0), default=len(text))
            value, at = text[at:end].rstrip(), end
        if text[at : at + 1] in (",", "\n"):
            at += 1
        yield value


def _past_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at
