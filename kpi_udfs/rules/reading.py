"""Nodes of a rules file, checked against the format: values of the right kind, every problem told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_udfs.errors import ConfigError, Problem
from kpi_udfs.messages import Sentence, Text, text
from kpi_udfs.pages import KEY_TWICE, scalar, shown, unknown_key, within
from kpi_udfs.rules.format import Either, Entry, ListOf, Named, OneOf, Shape, Single
from kpi_udfs.rules.model import Place
from kpi_udfs.rules.patterns import PatternRefused, read_pattern
from kpi_udfs.settings import zone_exists

if TYPE_CHECKING:
    import yaml

SHOULD_BE = text("rules.reading.should_be", "{key} should be {wanted}, not {given}")
QUOTED = text("rules.reading.quoted", '"{content}"')
A_LIST = text("rules.reading.a_list", "a list")
A_MAPPING = text("rules.reading.a_mapping", "entries of the form key: value")
NOTHING = text("rules.reading.nothing", "nothing")
A_TEXT = text("rules.reading.a_text", "a text")
A_VALUE = text("rules.reading.a_value", "a text, a number, a day, or true or false")
A_NUMBER = text("rules.reading.a_number", "a number such as 20 or 1.5")
AN_AMOUNT = text("rules.reading.an_amount", "a number above 0")
A_WHOLE = text("rules.reading.a_whole", "a whole number, 0 or more")
A_FLAG = text("rules.reading.a_flag", "true or false")
A_DAY = text("rules.reading.a_day", "a day such as 2026-04-01")
A_WINDOW = text("rules.reading.a_window", "a number of days such as 30d, or of weeks such as 4w")
A_FILE = text("rules.reading.a_file", "the name of a .yaml file in the same folder")
A_ZONE = text("rules.reading.a_zone", "a time zone such as Europe/Berlin")
LISTED = text("rules.reading.listed", "a list of {length:count}")
A_LIST_OF = text("rules.reading.a_list_of", "a list, such as [{example}]")
WITHOUT_QUOTES = text(
    "rules.reading.without_quotes", '{key} should be {wanted}; leave out the quotation marks around "{content}"'
)
CURLY = text(
    "rules.reading.curly",
    "the quotation marks around {content} are curly and would be part of the text; write straight ones",
)
DECIMAL_COMMA = text(
    "rules.reading.decimal_comma", "a comma ends the entry here; write 1.5 for one and a half, not 1,5"
)
THOUSANDS = text("rules.reading.thousands", "{content} could be {small} or {large}; write it without the point")
MORE = text("rules.reading.more", "there is more to mend after this; the first {number:count} problems are shown")
LINE = text("rules.reading.line", "line {line}")
SAME_LINE = text("rules.reading.same_line", "the same line")
LINE_OF = text("rules.reading.line_of", "{file}:{line}")
OR = text("rules.reading.or", "{first} or {second}")
NO_SUCH_DAY = text("rules.reading.no_such_day", '"{content}" is no day of the calendar')
YES_OR_NO = text(
    "rules.reading.yes_or_no",
    '"{content}" could be the word or the answer: write true or false for a yes/no column, or put the word in quotes',
)
NOT_ONE_OF = text("rules.reading.not_one_of", '{key} can\'t be "{content}". Write {wanted}.')
NOT_ONE_OF_NEAR = text("rules.reading.not_one_of_near", '{key} can\'t be "{content}". Did you mean "{nearest}"?')
KEY_MISSING = text("rules.reading.key_missing", "the line {key}: {example} is missing")
NO_KEY = text("rules.reading.no_key", "a key should be a text, a number or a day, not a list or a mapping")

# So many digits that no number is infinite.
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][-+]?[0-9]{1,2})?")
#: Half of Europe writes thousands like this, and nobody a whole number.
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}\.000")
_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_WINDOW = re.compile(r"([0-9]{1,5})\s?(d|w)")
#: No separators of any system, nor what Windows gives a meaning; folders are no files beside this one.
_FILE = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]{1,200}\.ya?ml")
_LIKE_A_FLAG = frozenset({"yes", "no", "on", "off", "y", "n"})

#: What could not be read; its problem is told already.
BAD: Any = object()

#: Nobody mends more problems in one go, and a file can hold tens of thousands.
MOST_PROBLEMS = 100

_CURLY_PAIRS = frozenset({"“”", "„“", "””", "«»", "»«", "‘’", "‚‘"})


class Given(dict[str, Any]):
    """A mapping as read, with where each of its keys stands. A key that could not be read is BAD.

    ``spoilt``: a key of it is misspelt, so that what seems to be missing may be there.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str, Place] = {}
        self.spoilt = False

    def has(self, *keys: str) -> list[str]:
        """Which of the keys are given, readable or not."""
        return [key for key in keys if key in self]

    def good(self, key: str, default: Any = None) -> Any:
        """The value, or the default where there is none that can be read."""
        value = self.get(key, default)
        return default if value is BAD else value


def place_of(node: yaml.Node) -> Place:
    """Where a node stands; the file was noted when it was read."""
    return Place(node.file, node.start_mark.line + 1)  # type: ignore[attr-defined]


def pointed(place: Place, seen_from: Place) -> Sentence:
    """How a message about one place names another."""
    if place.file != seen_from.file:
        return LINE_OF(file=place.file, line=place.line)
    return SAME_LINE() if place.line == seen_from.line else LINE(line=place.line)


def note_file(node: yaml.Node, file: Path | str) -> None:
    """Let every node know its file: nodes of several files come together."""
    for one in within(node):
        one.file = file  # type: ignore[attr-defined]


class Reader:
    """Reads nodes by their shape and collects the problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._told: set[tuple[str, int, str, str]] = set()

    def tell(self, place: Place, message: Sentence) -> Any:
        """Note a problem; gives BAD. Raises :class:`ConfigError` when there are too many of them."""
        shortened = {name: _shown(fact) for name, fact in message.facts.items()}
        told = str(place.file), place.line, message.text.key, repr(shortened)
        if told in self._told:  # parts that versions share are read once for each
            return BAD
        self._told.add(told)
        self.problems.append(Problem(place.file, place.line, message.text(**shortened)))
        if len(self.problems) == MOST_PROBLEMS:
            self.problems.append(Problem(place.file, place.line, MORE(number=MOST_PROBLEMS)))
            raise ConfigError(self.in_order())
        return BAD

    def missing(self, given: Given, place: Place, message: Sentence) -> None:
        """Tell that something is missing, unless it may be there under a misspelt name."""
        if not given.spoilt:
            self.tell(place, message)

    def in_order(self) -> list[Problem]:
        """The problems in the order of their places; of those in one line, as they were found."""
        return sorted(self.problems, key=lambda problem: (str(problem.file), problem.line or 0))

    def read(self, shape: Shape, node: yaml.Node, key: str) -> Any:
        """What the node holds, or BAD."""
        if isinstance(shape, Either):
            return self._either(shape, node, key)
        if isinstance(shape, ListOf):
            return self._list(shape, node, key)
        if isinstance(shape, Named):
            return self._named(shape, node, key)
        if isinstance(shape, Entry):
            return self._entry(shape, node, key)
        content = scalar(node)
        if content is None or (content == "" and _is_plain(node)):
            return self._refuse(node, key, _wanted(shape))
        if isinstance(shape, OneOf):
            return self._one_of(shape, node, content, key)
        return self._single(shape, node, content, key)

    def _refuse(self, node: yaml.Node, key: str, wanted: Sentence) -> Any:
        return self.tell(place_of(node), SHOULD_BE(key=key, wanted=wanted, given=_given(node)))

    def _either(self, shape: Either, node: yaml.Node, key: str) -> Any:
        for one in shape.shapes:
            if _fits(one, node):
                return self.read(one, node, key)
        wanted = [_wanted(one) for one in shape.shapes]
        told = wanted[0]
        for other in wanted[1:]:
            told = OR(first=told, second=other)
        return self._refuse(node, key, told)

    def _list(self, shape: ListOf, node: yaml.Node, key: str) -> Any:
        import yaml

        if shape.short and isinstance(node, yaml.ScalarNode):
            one = self.read(shape.item, node, key)
            return BAD if one is BAD else [one]
        if not isinstance(node, yaml.SequenceNode):
            return self._refuse(node, key, _wanted(shape))
        if not node.value or (shape.length and len(node.value) != shape.length):
            wanted = LISTED(length=shape.length) if shape.length else A_LIST()
            given = LISTED(length=len(node.value)) if node.value else NOTHING()
            return self.tell(place_of(node), SHOULD_BE(key=key, wanted=wanted, given=given))
        read = [self.read(shape.item, item, key) for item in node.value]
        return BAD if any(one is BAD for one in read) and not isinstance(shape.item, Entry) else read

    def _named(self, shape: Named, node: yaml.Node, key: str) -> Any:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            return self._refuse(node, key, A_MAPPING())
        named = Given(place_of(node))
        for key_node, value_node in node.value:
            name = self._key(key_node)
            if name is BAD:
                named.spoilt = True
                continue
            if name in named:
                self.tell(place_of(key_node), KEY_TWICE(key=key_node.value))
                continue
            named.places[name] = place_of(key_node)
            named[name] = self.read(shape.value, value_node, str(key_node.value))
        return named

    def _key(self, node: yaml.Node) -> Any:
        content = scalar(node)
        if not content:
            return self.tell(place_of(node), NO_KEY())
        return self._value(node, content)

    def _entry(self, shape: Entry, node: yaml.Node, key: str) -> Any:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            return self._refuse(node, key, A_MAPPING())
        given = Given(place_of(node))
        for key_node, value_node in node.value:
            name, place = scalar(key_node), place_of(key_node)
            if not name:
                self.tell(place, NO_KEY())
            elif name in given:
                self.tell(place, KEY_TWICE(key=name))
            elif name not in shape.keys:
                given.spoilt = True
                comma = name.isdecimal() and scalar(value_node) == "" and _is_plain(value_node)
                self.tell(place, DECIMAL_COMMA() if comma else unknown_key(name, shape.keys))
            else:
                given.places[name] = place
                given[name] = self.read(shape.keys[name].shape, value_node, name)
        for name, known in shape.keys.items():
            if known.required and name not in given:
                example = known.shape.words[0] if isinstance(known.shape, OneOf) else "…"
                self.missing(given, Place(given.place.file, 1), KEY_MISSING(key=name, example=example))
        return given

    def _one_of(self, shape: OneOf, node: yaml.Node, content: str, key: str) -> Any:
        if content in shape.words:
            return content
        from difflib import get_close_matches

        if near := get_close_matches(content[:80], shape.words, n=1):
            return self.tell(place_of(node), NOT_ONE_OF_NEAR(key=key, content=content, nearest=near[0]))
        return self.tell(place_of(node), NOT_ONE_OF(key=key, content=content, wanted=_words(shape.words)))

    def _single(self, shape: Single, node: yaml.Node, content: str, key: str) -> Any:
        if _is_plain(node) and content[0] + content[-1] in _CURLY_PAIRS:
            return self.tell(place_of(node), CURLY(content=content))
        if _is_plain(node) and shape.kind not in ("text", "pattern", "file") and _THOUSANDS.fullmatch(content):
            small = content.partition(".")[0]
            return self.tell(place_of(node), THOUSANDS(content=content, small=small, large=f"{small}000"))
        if shape.kind == "value":
            return self._value(node, content)
        if shape.kind in ("text", "pattern") and not content.strip():
            return self._refuse(node, key, _wanted(shape))
        if shape.kind == "text":
            return content
        if shape.kind == "pattern":
            try:
                return read_pattern(content)
            except PatternRefused as refusal:
                return self.tell(place_of(node), refusal.reason)
        if shape.kind == "day" and _DAY.fullmatch(content):
            return self._day(node, content)
        read = _plain_kind(shape.kind, content)
        if read is None:
            return self._refuse(node, key, _wanted(shape))
        if _is_plain(node) or shape.kind in ("file", "zone", "window"):
            return read
        return self.tell(place_of(node), WITHOUT_QUOTES(key=key, wanted=_wanted(shape), content=content))

    def _value(self, node: yaml.Node, content: str) -> Any:
        """A text, number, day or flag. What stands in quotes is a text."""
        if not _is_plain(node):
            return content
        if content in ("true", "false", "True", "False", "TRUE", "FALSE"):
            return content.lower() == "true"
        if content.casefold() in _LIKE_A_FLAG:
            return self.tell(place_of(node), YES_OR_NO(content=content))
        if _NUMBER.fullmatch(content):
            return float(content)
        return self._day(node, content) if _DAY.fullmatch(content) else content

    def _day(self, node: yaml.Node, content: str) -> Any:
        try:
            return date(*map(int, content.split("-")))
        except ValueError:
            return self.tell(place_of(node), NO_SUCH_DAY(content=content))


def _plain_kind(kind: str, content: str) -> Any:
    """The value of a kind that has one form only; None where it is none."""
    if kind in ("number", "amount", "whole"):
        number = float(content) if _NUMBER.fullmatch(content) else None
        if number is None or (kind == "amount" and number <= 0) or (kind == "whole" and not _is_whole(number)):
            return None
        return number
    if kind == "flag":
        return {"true": True, "false": False}.get(content.lower())
    if kind == "window":
        found = _WINDOW.fullmatch(content)
        return float(found[1]) * (7 if found[2] == "w" else 1) if found else None
    if kind == "file":
        return content if _FILE.fullmatch(content) else None
    if kind == "zone":
        return content if zone_exists(content) else None
    return None


def _is_whole(number: float) -> bool:
    return number >= 0 and number == int(number)


def _is_plain(node: yaml.Node) -> bool:
    """Whether a value stands without quotes."""
    return getattr(node, "style", None) in (None, "")


def _given(node: yaml.Node) -> Sentence:
    content = scalar(node)
    if content is None:
        import yaml

        return A_LIST() if isinstance(node, yaml.SequenceNode) else A_MAPPING()
    return QUOTED(content=content) if content.strip() else NOTHING()


def _shown(fact: Any) -> Any:
    """A fact as a message can show it."""
    if isinstance(fact, Sentence):
        return fact.text(**{name: _shown(inner) for name, inner in fact.facts.items()})
    if isinstance(fact, Text):
        return fact
    if isinstance(fact, list | tuple):
        return [_shown(one) for one in fact]
    return shown(fact) if isinstance(fact, str) else fact


def _fits(shape: Shape, node: yaml.Node) -> bool:
    """Whether the node is of the form (single value, list, mapping) that the shape wants."""
    import yaml

    if isinstance(shape, ListOf):
        return isinstance(node, yaml.SequenceNode)
    if isinstance(shape, Entry | Named):
        return isinstance(node, yaml.MappingNode)
    return isinstance(node, yaml.ScalarNode)


_WANTED: dict[str, Text] = {
    "text": A_TEXT, "value": A_VALUE, "number": A_NUMBER, "amount": AN_AMOUNT, "whole": A_WHOLE, "flag": A_FLAG,
    "day": A_DAY, "window": A_WINDOW, "pattern": A_TEXT, "file": A_FILE, "zone": A_ZONE,
}  # fmt: skip


_EXAMPLES = {None: "first, second", 2: "10, 50"}


def _wanted(shape: Shape) -> Sentence:
    if isinstance(shape, Single):
        return _WANTED[shape.kind]()
    if isinstance(shape, OneOf):
        return _words(shape.words)
    if isinstance(shape, ListOf):
        return A_LIST() if isinstance(shape.item, Entry | Named) else A_LIST_OF(example=_EXAMPLES[shape.length])
    return A_MAPPING()


def _words(words: Sequence[str]) -> Sentence:
    told = QUOTED(content=words[0])
    for word in words[1:]:
        told = OR(first=told, second=QUOTED(content=word))
    return told
