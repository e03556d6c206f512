"""Regular expressions in rules: one meaning in every engine, and no text on which they hang.

A rule runs in plain Python, in Polars (Rust's regex) and in DuckDB (RE2). Their dialects differ in
what ``\\d``, ``\\b``, ``$`` or ``(?i)`` mean, and Python's ``re`` backtracks: some patterns take it
years. So a pattern is read here, by the grammar that all of them share. What lies outside is
refused with what to write instead. What lies inside is written anew for the engines, and in Python
an automaton searches for it, in time linear in the text.

Upper and lower case never matter: pattern and text are both :func:`lowered`.
"""

from __future__ import annotations

import string
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

from kpi_udfs.messages import Sentence, Text, say, text
from kpi_udfs.rules.automata import (
    MOST_EFFORT,
    MOST_POSITIONS,
    Anchor,
    Automaton,
    Chars,
    Either,
    Net,
    Node,
    Repeat,
    Series,
)

#: A pattern without repeat counts has no more positions than characters.
MOST_CHARACTERS = MOST_POSITIONS
#: Groups in groups. Reading goes as deep, and Rust's regex refuses 250.
MOST_NESTED = 20

EMPTY = text("pattern.empty", "The pattern is empty. Write what to look for, such as head|director.")
LONG = text(
    "pattern.long",
    "The pattern has {characters:count} characters, and {most:count} are the most. Write several conditions instead.",
)
LARGE = text(
    "pattern.large",
    "With its repeats written out the pattern is {size:count} characters long, and {most:count} are the most. "
    "Write smaller counts, or * or + instead.",
)
BRANCHED = text(
    "pattern.branched",
    "The pattern can go on in too many ways in too many places. Write several conditions instead.",
)
NESTED = text(
    "pattern.nested", "There are groups in groups, more than {most:count} deep. Write it with fewer brackets."
)
EVERYWHERE = text(
    "pattern.everywhere",
    "The pattern is found in every text, even in an empty one. Write + instead of *, or something that must be there.",
)
IN_EMPTY = text(
    "pattern.in_empty",
    "The pattern is found in an empty text. Ask for empty fields with is: blank, and write + instead of * here.",
)
NOWHERE = text(
    "pattern.nowhere",
    "There is no text in which the pattern could be found. Write ^ only where the text begins and $ only where it ends.",
)
UNCLOSED = text("pattern.unclosed", "A {part} is never closed. Write \\{part} if you mean the character.")
UNOPENED = text("pattern.unopened", "A {part} closes nothing. Write \\{part} if you mean the character.")
BRACE = text(
    "pattern.brace",
    "A {part} stands for a count, such as {{2}}, {{2,}} or {{0,5}}. Write \\{part} if you mean the character.",
)
COUNTS = text("pattern.counts", "In {part} the second number is smaller than the first. Write the smaller one first.")
NO_BODY = text(
    "pattern.no_body", "There is nothing before {part} to be repeated. Write \\{part} if you mean the character."
)
TWICE = text("pattern.twice", "{part} repeats what is already repeated. Write one of the two, or put the first in ( ).")
POSSESSIVE = text("pattern.possessive", "{part} is possessive, which not every engine knows. Write {instead}.")
ATOMIC = text("pattern.atomic", "{part} is an atomic group, which not every engine knows. Write (?: instead.")
LOOK_AROUND = text(
    "pattern.look_around",
    "{part} looks at what stands around, which not every engine can. Write a condition of its own for that.",
)
BACK_REFERENCE = text(
    "pattern.back_reference",
    "{part} asks for what was found before, which not every engine can. Write out what is to follow.",
)
NAMED = text("pattern.named", "{part} names a group, which engines write differently. Write ( without a name.")
FLAGS = text(
    "pattern.flags", "{part} sets options, which engines read differently. Leave it out: case never matters here."
)
COMMENT = text("pattern.comment", "{part} is a comment, which not every engine knows. Write it after a # in the file.")
GROUP = text("pattern.group", "{part} begins a group that not every engine knows. Write ( or (?: instead.")
SHORTHAND = text(
    "pattern.shorthand", "{part} means different characters in different engines. Write {instead}, or what you need."
)
ALL_BUT = text(
    "pattern.all_but",
    "{part} within [ ] means all but some characters. Write [^ ] with the characters that are not meant.",
)
BOUNDARY = text(
    "pattern.boundary",
    "{part} finds different places in different engines. Write (^|[^a-z]) before a word and ([^a-z]|$) after it.",
)
ANCHOR = text("pattern.anchor", "{part} is not known to every engine. Write {instead}.")
PROPERTY = text(
    "pattern.property",
    "{part} stands for characters by their kind, which not every engine knows. Write [a-zäöüß] or so.",
)
ESCAPE = text("pattern.escape", "{part} is read differently by engines. Write the character itself, without the \\.")
BACKSLASH = text("pattern.backslash", "The pattern ends with a \\. Write \\\\ if you mean the character.")
SURROGATE = text("pattern.surrogate", "The pattern holds half a character (a surrogate). Write the whole character.")
NO_MEMBERS = text("pattern.no_members", "The brackets {part} hold nothing. Write \\] if you mean the character.")
BRACKET = text("pattern.bracket", "A [ stands within [ ]. Write \\[ if you mean the character.")
POSIX = text("pattern.posix", "{part} is not known to every engine. Write [a-z], [0-9] or the characters you mean.")
OPERATION = text(
    "pattern.operation",
    "{part} within [ ] calculates with characters in some engines. Write the characters you mean, and \\ before a sign.",
)
DASH = text("pattern.dash", "A - stands after a range within [ ]. Write \\- if you mean the character.")
RANGE = text(
    "pattern.range", "{part} is no range: its second character comes before the first. Write the smaller first."
)

_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
#: How groups begin that are refused; of two that fit, the longer one stands first.
_GROUPS = {
    **dict.fromkeys(("(?=", "(?!", "(?<=", "(?<!"), LOOK_AROUND),
    "(?P=": BACK_REFERENCE,
    **dict.fromkeys(("(?P<", "(?<", "(?'"), NAMED),
    "(?>": ATOMIC,
    "(?#": COMMENT,
}
_INSTEAD = {"d": "[0-9]", "D": "[^0-9]", "w": "[a-z0-9_]", "W": "[^a-z0-9_]", "s": "[ \\t]", "S": "[^ \\t]"}
_INSTEAD_WITHIN = {"d": "0-9", "w": "a-z0-9_", "s": "\\ \\t"}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_SIGNS = frozenset(string.punctuation + " ")


class PatternRefused(Exception):
    """A pattern that would not mean the same everywhere; ``reason`` says what to write instead."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return say(self.reason)


@dataclass(frozen=True)
class Pattern:
    """A regular expression as somebody wrote it."""

    written: str
    #: The same for RE2 and Rust's regex, to be searched for in text that is :func:`lowered`.
    portable: str = field(repr=False, compare=False)
    _example: str = field(repr=False, compare=False)
    _automaton: Automaton = field(repr=False, compare=False)

    def found_in(self, text: str) -> bool:
        """Whether it is found anywhere in ``text``."""
        return self._automaton.finds(lowered(text))

    def of_all(self, texts: Iterable[str]) -> list[bool]:
        """Whether it is found in each of ``texts``."""
        return [self._automaton.finds(lowered(text)) for text in texts]

    def example(self) -> str:
        """A short text in which it is found."""
        return self._example


def lowered(text: str) -> str:
    """``text`` in lower case, character by character as every engine does it.

    Only İ is different: it becomes two characters in Python and in Rust and one in DuckDB, so it
    has to be replaced before an engine lowers a text.
    """
    return text.replace("İ", "i").lower()


def read_pattern(written: str) -> Pattern:
    """The pattern, or :class:`PatternRefused`."""
    if not written:
        _refuse(EMPTY)
    if len(written) > MOST_CHARACTERS:
        _refuse(LONG, characters=len(written), most=MOST_CHARACTERS)
    if any("\ud800" <= char <= "\udfff" for char in written):
        _refuse(SURROGATE)
    node = _Reader(written).pattern()
    if node.size > MOST_POSITIONS:
        # The figure has a bound because numbers of hundreds of digits can't be written as counts.
        _refuse(LARGE, size=min(node.size, 10**12), most=MOST_POSITIONS)
    net = Net(node)
    if net.in_every_text:
        _refuse(EVERYWHERE)
    if net.in_empty_text:
        _refuse(IN_EMPTY)
    example = net.example()
    if example is None:
        _refuse(NOWHERE)
    automaton = Automaton(net)
    if automaton.plan.effort > MOST_EFFORT:
        _refuse(BRANCHED)
    return Pattern(written, node.portable(), example, automaton)


def _refuse(why: Text, **facts: object) -> NoReturn:
    raise PatternRefused(why(**facts))


def _chars(ranges: Iterable[tuple[int, int]], negated: bool = False) -> Chars:
    """The characters of ``ranges`` in lower case, and both small sigmas where one is among them."""
    capitals = _capitals()
    pieces: list[tuple[int, int]] = []
    for low, high in ranges:
        inside = capitals[bisect_left(capitals, low) : bisect_right(capitals, high)]
        pieces += [(ord(lowered(chr(capital))),) * 2 for capital in inside]
        # Capitals among others do no harm, and taken out they would leave many small ranges.
        if len(inside) <= high - low:
            pieces.append((low, high))
    # At the end of a word Σ becomes ς in Python and in Rust, but σ in DuckDB.
    if any(low <= ord(sigma) <= high for low, high in pieces for sigma in "σς"):
        pieces.append((ord("ς"), ord("σ")))
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pieces):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return Chars(tuple(merged), negated)


@cache
def _capitals() -> list[int]:
    """The characters that lower case changes; none lies beyond the second plane."""
    return [point for point in range(0x20000) if lowered(chr(point)) != chr(point)]


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, written: str) -> None:
        self.written = written
        self.at = 0

    def peek(self, length: int = 1) -> str:
        return self.written[self.at : self.at + length]

    def takes(self, what: str) -> bool:
        """Whether ``what`` stands here; then it is passed."""
        found = self.written.startswith(what, self.at)
        self.at += len(what) * found
        return found

    def take(self) -> str:
        self.at += 1
        return self.written[self.at - 1]

    def pattern(self) -> Node:
        self.takes("(?i)")
        node = self.alternatives(0)
        if self.peek():
            _refuse(UNOPENED, part=")")
        return node

    def alternatives(self, depth: int) -> Node:
        branches = [self.sequence(depth)]
        while self.takes("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Either(branches)

    def sequence(self, depth: int) -> Node:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(depth))
        return parts[0] if len(parts) == 1 else Series(parts)

    def repeated(self, depth: int) -> Node:
        node = self.one(depth)
        begin = self.at
        counts = self.counts()
        if counts is None:
            return node
        sign = self.written[begin : self.at]
        if isinstance(node, Anchor):
            _refuse(NO_BODY, part=sign[0])
        if self.takes("+"):
            _refuse(POSSESSIVE, part=sign + "+", instead=sign)
        self.takes("?")
        if self.peek() and self.peek() in "*+?{":
            _refuse(TWICE, part=self.peek())
        return Repeat(node, *counts)

    def counts(self) -> tuple[int, int | None] | None:
        if self.peek() in _REPEATS:
            return _REPEATS[self.take()]
        if not self.takes("{"):
            return None
        inside, closed, _ = self.written[self.at :].partition("}")
        least, comma, most = inside.partition(",")
        if not (closed and _is_number(least) and (_is_number(most) or not most)):
            _refuse(BRACE, part="{")
        if most and int(most) < int(least):
            _refuse(COUNTS, part=f"{{{inside}}}")
        self.at += len(inside) + 1
        return int(least), int(most) if most else None if comma else int(least)

    def one(self, depth: int) -> Node:
        char = self.take()
        if char in "*+?":
            _refuse(NO_BODY, part=char)
        if char in "{}":
            _refuse(BRACE, part=char)
        if char == "]":
            _refuse(UNOPENED, part=char)
        if char == "(":
            return self.group(depth + 1)
        if char == "[":
            return self.members()
        if char in "^$":
            return Anchor(char)
        if char == ".":
            return Chars(((10, 10),), negated=True)
        point = ord(self.escape() if char == "\\" else char)
        return _chars([(point, point)])

    def group(self, depth: int) -> Node:
        if depth > MOST_NESTED:
            _refuse(NESTED, most=MOST_NESTED)
        if not self.takes("?:") and self.peek() == "?":
            self.refuse_group()
        node = self.alternatives(depth)
        if not self.takes(")"):
            _refuse(UNCLOSED, part="(")
        return node

    def refuse_group(self) -> NoReturn:
        begins = "(" + self.peek(3)
        for beginning, why in _GROUPS.items():
            if begins.startswith(beginning):
                _refuse(why, part=beginning)
        options = self.written[self.at + 1 :].partition(")")[0].partition(":")[0]
        if options and not options.strip("aimsuxULn^-"):
            _refuse(FLAGS, part=self.written[self.at - 1 : self.at + 2 + len(options)])
        _refuse(GROUP, part=begins[:3])

    def members(self) -> Chars:
        negated = self.takes("^")
        if self.peek() == "]":
            _refuse(NO_MEMBERS, part="[^]" if negated else "[]")
        ranges: list[tuple[int, int]] = []
        while not self.takes("]"):
            begin = self.at
            low = self.member()
            if self.written[begin] == "-" and ranges and self.peek() != "]":
                _refuse(DASH)
            high = low
            if self.peek(2) == "--":
                _refuse(OPERATION, part="--")
            if self.peek() == "-" and self.peek(2) != "-]":
                self.at += 1
                high = self.member()
                if high < low:
                    _refuse(RANGE, part=self.written[begin : self.at])
            ranges.append((ord(low), ord(high)))
        return _chars(ranges, negated)

    def member(self) -> str:
        if self.peek(2) in ("&&", "--", "~~"):
            _refuse(OPERATION, part=self.peek(2))
        if self.peek(2) in ("[:", "[.", "[="):
            _refuse(POSIX, part=self.peek(2))
        if self.peek() == "[":
            _refuse(BRACKET)
        if not self.peek():
            _refuse(UNCLOSED, part="[")
        char = self.take()
        return self.escape(within=True) if char == "\\" else char

    def escape(self, within: bool = False) -> str:
        """The character that a backslash and what follows stand for."""
        if not self.peek():
            _refuse(BACKSLASH)
        char = self.take()
        part = "\\" + char
        if char in _SIGNS:
            return char
        if char in _CONTROLS:
            return _CONTROLS[char]
        instead = (_INSTEAD_WITHIN if within else _INSTEAD).get(char)
        if instead:
            _refuse(SHORTHAND, part=part, instead=instead)
        if within and char in _INSTEAD:
            _refuse(ALL_BUT, part=part)
        if char in "pP":
            _refuse(PROPERTY, part=part)
        if not within and char in "bB":
            _refuse(BOUNDARY, part=part)
        if not within and char in "AzZ":
            _refuse(ANCHOR, part=part, instead="^" if char == "A" else "$")
        if not within and char in "123456789kg":
            _refuse(BACK_REFERENCE, part=part)
        _refuse(ESCAPE, part=part)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
