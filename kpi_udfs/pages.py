"""A YAML file as nodes that know their lines, read without trusting it.

Nothing in the text is ever run or built: it is only taken apart. A file that is too large, nested
too deeply, not UTF-8, or that uses anchors (a few lines of them can stand for billions) or tags is
refused, with the line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kpi_udfs.errors import Problem
from kpi_udfs.messages import Sentence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import yaml

#: A configuration file is a page or two of text; anything beyond this is not one.
MAX_BYTES = 256_000
#: Ours are nested ten deep at most; thousands of levels would keep the parser busy for minutes.
MAX_DEPTH = 30
#: Keys and values in all. Reading so many takes up to half a second.
MAX_VALUES = 20_000

TOO_LARGE = text("pages.too_large", "the file is larger than {bytes:count} bytes")
TOO_DEEP = text("pages.too_deep", "the file is nested too deeply")
TOO_MANY = text("pages.too_many", "the file holds more than {values:count} keys and values")
NO_ALIASES = text(
    "pages.no_aliases",
    "anchors and aliases (&name, *name) are not used in this file; put a text that begins with & or * in quotes",
)
NO_TAGS = text("pages.no_tags", "tags (!name) are not used in this file; put a text that begins with ! in quotes")
NOT_UTF8 = text("pages.not_utf8", "the file is not UTF-8 text; save it with the encoding UTF-8")
NOT_READABLE = text("pages.not_readable", "the file can't be read: {reason}")
UNSEEN = text("pages.unseen", "a sign that can't be seen (U+{code}) stands here; delete it and type the line anew")
TAB = text("pages.tab", "a tab stands here; indent with spaces")
SEVERAL = text("pages.several", "a second document begins here (---); keep one in each file")
COLONS = text(
    "pages.colons",
    'a ": " stands where none can be; indent the line like its neighbours, or put a text that holds ": " in quotes',
)
NO_COLON = text("pages.no_colon", "a line of the form key: value is expected here; the colon and a space are missing")
NOT_CLOSED = text("pages.not_closed", "the bracket {bracket} opened here is not closed, or a comma is missing in it")
QUOTE_OPEN = text("pages.quote_open", "the quotation mark opened here is not closed")
AFTER_QUOTE = text("pages.after_quote", "text stands after the closing quotation mark; put all of it in the quotes")
INDENTED = text("pages.indented", "this line is not indented like the lines it belongs to")
NEEDS_QUOTES = text("pages.needs_quotes", "a text that begins with {sign} needs quotes")
BACKSLASH = text("pages.backslash", "a backslash in double quotes has a meaning of its own; use single quotes here")
NOT_YAML = text("pages.not_yaml", "not valid YAML: {reason}")
UNKNOWN_KEY = text("pages.unknown_key", 'unknown key "{key}". Known are: {known:list}.')
UNKNOWN_KEY_NEAR = text("pages.unknown_key_near", 'unknown key "{key}". Did you mean "{nearest}"?')
KEY_TWICE = text("pages.key_twice", 'the key "{key}" stands here a second time')

#: A page, or one with readers of its own.
P = TypeVar("P", bound="Page")


class Page:
    """One YAML text: its nodes, and where its problems go. ``root`` is None where it can't be read."""

    def __init__(self, file: Path | str, problems: list[Problem]) -> None:
        self.file, self.problems = file, problems
        self.root: yaml.Node | None = None
        self.problems_before = len(problems)

    @classmethod
    def read(cls: type[P], file: Path, problems: list[Problem]) -> P:
        """The page of a file."""
        page = cls(file, problems)
        try:
            # A file that grows without end (a device, a pipe) is not read to its end.
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
        except OSError as error:
            page.problem(None, NOT_READABLE(reason=error.strerror or str(error)))
            return page
        page.parse(content)
        return page

    def parse(self, content: bytes) -> None:
        """Take a text apart into nodes, or say why it can't be."""
        import yaml

        if len(content) > MAX_BYTES:
            self.problem(None, TOO_LARGE(bytes=MAX_BYTES))
            return
        try:
            written = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.problem(content.count(b"\n", 0, error.start) + 1, NOT_UTF8())
            return
        if unseen := _UNSEEN.search(written):
            line = written.count("\n", 0, unseen.start()) + 1
            self.problem(line, UNSEEN(code=f"{ord(unseen[0]):04X}"))
            return
        # The C parser, where PyYAML has it, is ten times as fast and reads the same.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            if self._harmless(written, loader):
                self.root = yaml.compose(written, Loader=loader)
        except yaml.YAMLError as error:
            self._not_yaml(error, written)
        except (RecursionError, ValueError) as error:  # ValueError: a number for a character that is none
            self.problem(1, NOT_YAML(reason=str(error)))

    def _harmless(self, written: str, loader: type) -> bool:
        import yaml

        depth = values = 0
        for event in yaml.parse(written, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            values += isinstance(event, yaml.NodeEvent)
            refusal = None
            if depth > MAX_DEPTH:
                refusal = TOO_DEEP()
            elif values > MAX_VALUES:
                refusal = TOO_MANY(values=MAX_VALUES)
            elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
                refusal = NO_ALIASES()
            elif getattr(event, "tag", None) is not None:
                refusal = NO_TAGS()
            if refusal:
                self.problem(event.start_mark.line + 1 if event.start_mark else None, refusal)
                return False
        return True

    def _not_yaml(self, error: yaml.YAMLError, written: str) -> None:
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            self.problem(1, NOT_YAML(reason=reason))
            return
        start = getattr(error, "context_mark", None) or mark
        lines = [*written.splitlines(), ""]
        here = lines[min(mark.line, len(lines) - 1)]
        self.problem(*_told(reason, getattr(error, "context", None) or "", start, mark, here))

    def problem(self, line: int | None, message: Sentence | str) -> None:
        self.problems.append(Problem(self.file, line, message))


#: What no text holds that somebody typed; YAML refuses it, too.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def _told(reason: str, context: str, start: yaml.Mark, mark: yaml.Mark, here: str) -> tuple[int, Sentence]:
    """A parser's complaint with its line, in words that say what to do.

    The C parser and the other one word theirs differently: what both have in common is looked for.
    """
    line, sign = mark.line + 1, here[mark.column : mark.column + 1]
    if "\t" in here[: len(here) - len(here.lstrip())] or sign == "\t":
        return line, TAB()
    if "another document" in reason or reason == "did not find expected <document start>":
        return line, SEVERAL()
    if "quoted scalar" in context:
        return start.line + 1, BACKSLASH() if "escape" in reason else QUOTE_OPEN()
    if context == "while parsing a flow sequence":
        return start.line + 1, NOT_CLOSED(bracket="[")
    if context == "while parsing a flow mapping":
        return start.line + 1, NOT_CLOSED(bracket="{")
    if "mapping values are not allowed" in reason:
        return line, COLONS()
    if "expected ':'" in reason:
        return start.line + 1, NO_COLON()
    if "cannot start any token" in reason or context in ("while scanning an alias", "while scanning an anchor"):
        return line, NEEDS_QUOTES(sign=sign if context == "while scanning for the next token" else "& or *")
    if context in ("while parsing a block mapping", "while parsing a block collection"):
        quoted = here[: mark.column].rstrip().endswith(('"', "'"))
        return line, AFTER_QUOTE() if quoted and "-" not in sign else INDENTED()
    return line, NOT_YAML(reason=reason)


def shown(content: str) -> str:
    """A content as a message can show it: one short line."""
    line = "".join(sign if sign.isprintable() else " " for sign in content[:80])
    return line if len(content) <= 80 else f"{line}…"


def within(node: yaml.Node) -> Iterator[yaml.Node]:
    """The node and all that it holds."""
    waiting = [node]
    while waiting:
        yield (one := waiting.pop())
        for child in one.value if isinstance(one.value, list) else ():
            waiting += child if isinstance(child, tuple) else (child,)


def scalar(node: yaml.Node) -> str | None:
    """The text of a single value, empty where nothing is given; None for a list or a mapping."""
    if not isinstance(node.value, str):
        return None
    return "" if node.tag.endswith(":null") else node.value


def unknown_key(key: str, known: Iterable[str]) -> Sentence:
    """What to say of a key that is none, with the nearest right one."""
    from difflib import get_close_matches

    known = list(known)
    near = get_close_matches(key[:80], known, n=1)
    return UNKNOWN_KEY_NEAR(key=shown(key), nearest=near[0]) if near else UNKNOWN_KEY(key=shown(key), known=known)
