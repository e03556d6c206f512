"""Where rules are found, and how one file, or several that extend one another, become rules.

A rules file is looked for in the folder of the workbook, then where all configuration is. What was
read is kept until one of its files changes, which is noticed at the next call.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from kpi_udfs import settings
from kpi_udfs.errors import ConfigError, Problem
from kpi_udfs.messages import Sentence, text
from kpi_udfs.pages import MAX_VALUES, Page, scalar, within
from kpi_udfs.rules.building import Builder
from kpi_udfs.rules.checks import found
from kpi_udfs.rules.format import CONDITION, FILE, OPERATORS, SCHEMA, VERSION
from kpi_udfs.rules.model import RuleSet, Version
from kpi_udfs.rules.reading import BAD, Given, Reader, note_file, place_of

if TYPE_CHECKING:
    import yaml

#: The rules that hold where none are named.
DEFAULT = settings.RULES
#: A file that extends one that extends one …
MOST_FILES = 8

NOT_RULES = text(
    "rules.files.not_rules", "the file should begin with schema: {schema} and hold entries of the form key: value"
)
NOT_BESIDE = text("rules.files.not_beside", 'there is no file "{name}" in the folder of this file')
ELSEWHERE = text(
    "rules.files.elsewhere", '"{name}" only points to a file in another folder; put the file itself beside this one'
)
ONLY_IN_FILES = text(
    "rules.files.only_in_files", "rules that stand in cells can't extend a file; save them as a file beside it"
)
IN_A_CIRCLE = text("rules.files.in_a_circle", "the files extend one another in a circle; take this line out of one")
TOO_MANY_FILES = text("rules.files.too_many", "more than {files:count} files extend one another; bring some together")
PERIODS_OVERLAP = text(
    "rules.files.periods_overlap",
    "this version and the one in line {line} are both valid on {day}; change effective_from or effective_to of one",
)
ALWAYS_VALID = text(
    "rules.files.always_valid",
    "this version and the one in line {line} are both valid at any time; give them effective_from",
)
TOO_MANY_VERSIONS = text(
    "rules.files.too_many_versions",
    "the versions, each with what they share, hold more than {values:count} keys and values; use several files",
)


@dataclass(frozen=True)
class Found:
    """A file in force, and the reason: which of the places it was found in."""

    file: Path
    why: str


def places(folder: Path | None = None) -> list[tuple[str, Path]]:
    """Where rules are looked for, in order: the kind of place and the folder."""
    beside = [("workbook", folder)] if folder else []
    return [*beside, *settings.named_folders()]


def find(name: str, folder: Path | None = None) -> Found | None:
    """The file called ``name`` (``.yaml`` may be left out), or None."""
    endings = ("",) if name.lower().endswith((".yaml", ".yml")) else (".yaml", ".yml")
    try:
        given = Path(name).expanduser()
        # A folder joined with an absolute path is that path.
        tried = [("given", given.parent)] if given.is_absolute() else places(folder)
        for why, place in tried:
            for ending in endings:
                if (file := place / f"{given}{ending}").is_file():
                    return Found(file, why)
    except (OSError, RuntimeError, ValueError):
        return None  # a name too long for one, with a sign that none has, or the home of nobody
    return None


# ------------------------------------------------------------------------------------ keeping what was read


#: Rules, or what is wrong with them. An error that is kept and raised again holds on to every caller it had.
_Made = RuleSet | list[Problem]


class _Kept:
    """Rules already read, with the state their files were in."""

    def __init__(self) -> None:
        self.files: dict[Path, tuple[dict[Path, object], _Made]] = {}
        self.texts: dict[tuple[str, bytes], _Made] = {}


_kept = _Kept()
#: More rules than this are not in use at the same time.
_MOST_KEPT = 64
#: File systems note the time of a change to two seconds at worst.
_YOUNG = 3.0


def load(file: Path) -> RuleSet:
    """The rules of a file. Raises :class:`ConfigError` with every problem."""
    kept = _kept.files.get(file)
    if kept is None or any(state != _state(one) for one, state in kept[0].items()):
        states: dict[Path, object] = {}
        made: _Made
        try:
            reader = Reader()
            made = _made(*_read(file, reader, states), reader, file)
        except ConfigError as error:
            made = error.problems
        if len(_kept.files) >= _MOST_KEPT:
            _kept.files.clear()
        kept = _kept.files[file] = states, made
    return _given(kept[1])


def load_text(written: str, name: str = "rules") -> RuleSet:
    """The rules that a text holds. Raises :class:`ConfigError`; ``name`` is what messages call it."""
    content = written.encode("utf-8", "surrogatepass")
    made = _kept.texts.get((name, content))
    if made is None:
        try:
            page = Page(name, [])
            page.parse(content)
            reader = Reader()
            root = _checked_root(page, reader)
            given = reader.read(FILE, root, "")
            if "extends" in given:
                reader.tell(given.places["extends"], ONLY_IN_FILES())
                raise ConfigError(reader.in_order())
            made = _made(root, given, reader, name)
        except ConfigError as error:
            made = error.problems
        if len(_kept.texts) >= _MOST_KEPT:
            _kept.texts.clear()
        _kept.texts[name, content] = made
    return _given(made)


def _given(made: _Made) -> RuleSet:
    if isinstance(made, list):
        raise ConfigError(list(made))
    return made


def _state(file: Path) -> object:
    """What differs when the file was changed."""
    try:
        stat = file.stat()
        seen = stat.st_mtime_ns, stat.st_size, stat.st_ino
        if time.time() - stat.st_mtime < _YOUNG:
            # It may change once more without a later time: the content itself decides.
            return *seen, file.read_bytes()
        return seen
    except OSError as error:
        return error.errno


# ------------------------------------------------------------------------------------ reading


def _read(file: Path, reader: Reader, states: dict[Path, object]) -> tuple[yaml.MappingNode, Given]:
    """The nodes of a file, those of the files it extends under them, and what they hold. Each file is
    checked by itself: what another replaces must be right, too."""
    states[file] = _state(file)
    root = _checked_root(Page.read(file, []), reader)
    given = reader.read(FILE, root, "")
    if "extends" not in given:
        return root, given
    if given["extends"] is BAD:
        raise ConfigError(reader.in_order())
    base = file.parent / given["extends"]
    if refusal := _refusal(base, file, states):
        states.setdefault(base, _state(base))  # so that it is noticed when it comes
        reader.tell(given.places["extends"], refusal)
        # Without the other file, much would seem to be missing.
        raise ConfigError(reader.in_order())
    root.value = [(key, value) for key, value in root.value if scalar(key) != "extends"]
    root = _extended(_read(base, reader, states)[0], root)
    return root, reader.read(FILE, root, "")


def _refusal(base: Path, file: Path, states: dict[Path, object]) -> Sentence | None:
    """Why a file can't be extended."""
    try:
        real = base.resolve()
        if real in [one.resolve() for one in states]:
            return IN_A_CIRCLE()
        if not base.is_file():
            return NOT_BESIDE(name=base.name)
        if real.parent != file.parent.resolve():
            return ELSEWHERE(name=base.name)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links that point at one another
        return NOT_BESIDE(name=base.name)
    return TOO_MANY_FILES(files=MOST_FILES) if len(states) >= MOST_FILES else None


def _checked_root(page: Page, reader: Reader) -> yaml.MappingNode:
    import yaml

    if not page.problems and not isinstance(page.root, yaml.MappingNode):
        page.problem(1, NOT_RULES(schema=SCHEMA))
    if page.problems:
        raise ConfigError([*reader.in_order(), *page.problems])
    assert isinstance(page.root, yaml.MappingNode)
    note_file(page.root, page.file)
    return page.root


# ------------------------------------------------------------------------------------ merging

_Pairs = list[tuple["yaml.Node", "yaml.Node"]]

#: Replaced as a whole: half of one condition or decay and half of another would be neither.
_WHOLE = frozenset({"suppress", "require", "fast_track", "where", "decay"})
_ASKING = frozenset({*CONDITION.keys, "require"}) - {"id", "why"}
#: What a condition is about. A rule that names one of them has a condition of its own; one that names
#: only an operator changes that of the rule it replaces.
_ABOUT = _ASKING - {*OPERATORS, "when_missing", "where", "of"}
_GIVING = frozenset({"points", "values", "bands"})
#: What belongs to a file and not to its rules.
_OF_FILE = ("versions", "schema", "id", "extends")


def _extended(base: yaml.MappingNode, over: yaml.MappingNode) -> yaml.MappingNode:
    """``base`` with what the file ``over`` names in its place, in each of its versions, too."""
    import yaml

    own = {scalar(key) for key, _ in over.value}
    both = merged(base, over)
    listed = _listed(base)
    if listed is None or "versions" in own:
        return both
    rules = _like(over, [(key, value) for key, value in over.value if scalar(key) not in _OF_FILE])
    versions = [merged(one, rules) if isinstance(one, yaml.MappingNode) else one for one in listed.value]
    for one, version in zip(listed.value, versions, strict=True):
        version.start_mark = one.start_mark  # where the version stands
        _note(version, one)
    named = yaml.SequenceNode(listed.tag, versions, listed.start_mark, listed.end_mark)
    _note(named, listed)
    both.value = [(key, named if scalar(key) == "versions" else value) for key, value in both.value]
    return both


def merged(base: yaml.MappingNode, over: yaml.MappingNode, key: str = "") -> yaml.MappingNode:
    """``base`` with what ``over`` names in its place: key by key, and rule by rule where the id is the same."""
    import yaml

    known = {scalar(name) or "": (name, value) for name, value in base.value}
    for name in _replaced(key, {scalar(name) or "" for name, _ in over.value}):
        known.pop(name, None)
    for name_node, value in over.value:
        name = scalar(name_node) or ""
        under = known[name][1] if name in known else None
        if name not in _WHOLE and isinstance(value, yaml.MappingNode) and isinstance(under, yaml.MappingNode):
            value = merged(under, value, name)
        elif name == "rules" and isinstance(value, yaml.SequenceNode) and isinstance(under, yaml.SequenceNode):
            value = _rules_merged(under, value)
        known[name] = (name_node, value)
    return _like(over, list(known.values()))


def _replaced(key: str, named: set[str]) -> frozenset[str]:
    """The keys that go because of those that come: there is one condition, and one way to give points."""
    asking = _ASKING if key in ("mql", "sql") else _ABOUT if key == "rule" else frozenset()
    gone = _ASKING if asking & named else frozenset()
    return gone | _GIVING if key == "rule" and _GIVING & named else gone


def _rules_merged(base: yaml.SequenceNode, over: yaml.SequenceNode) -> yaml.SequenceNode:
    import yaml

    rules: list[yaml.Node] = list(base.value)
    places = {identifier: index for index, rule in enumerate(rules) if (identifier := _id_of(rule))}
    for rule in over.value:
        # An id that comes twice is replaced once; the second is told.
        index = places.pop(_id_of(rule) or "", None)
        under = None if index is None else rules[index]
        if index is not None and isinstance(under, yaml.MappingNode) and isinstance(rule, yaml.MappingNode):
            rules[index] = merged(under, rule, "rule")
        else:
            rules.append(rule)
    both = yaml.SequenceNode(over.tag, rules, over.start_mark, over.end_mark)
    _note(both, over)
    return both


def _like(node: yaml.MappingNode, pairs: _Pairs) -> yaml.MappingNode:
    """A mapping in the place of another."""
    import yaml

    made = yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
    _note(made, node)
    return made


def _note(made: yaml.Node, like: yaml.Node) -> None:
    """Let a node know its file, which is that of another."""
    made.file = like.file  # type: ignore[attr-defined]


def _id_of(rule: yaml.Node) -> str | None:
    import yaml

    pairs = rule.value if isinstance(rule, yaml.MappingNode) else []
    return next((scalar(value) for key, value in pairs if scalar(key) == "id"), None) or None


def _listed(root: yaml.MappingNode) -> yaml.SequenceNode | None:
    """The list of versions, if there is one."""
    import yaml

    listed = next((value for key, value in root.value if scalar(key) == "versions"), None)
    return listed if isinstance(listed, yaml.SequenceNode) else None


# ------------------------------------------------------------------------------------ versions


def _made(root: yaml.MappingNode, whole: Given, reader: Reader, name: Path | str) -> RuleSet:
    """Rules of nodes and what they hold, built and checked; every problem is raised at once."""
    listed, builder = _listed(root), Builder(reader)
    given = [whole]
    if listed is not None:
        read = [reader.read(VERSION, node, "") for node in _versions(root, listed, reader)]
        given = [one for one in read if isinstance(one, Given)]
    versions = sorted(map(builder.version, given), key=lambda version: version.begins or date.min)
    _refuse_overlaps(versions, reader)
    for problem in found(versions, builder.loose, complete=not reader.problems):
        reader.tell(*problem)
    if reader.problems:
        raise ConfigError(reader.in_order())
    return RuleSet(name, whole.good("id"), tuple(versions))


def _versions(root: yaml.MappingNode, listed: yaml.SequenceNode, reader: Reader) -> list[yaml.MappingNode]:
    """Each version with what all share under it."""
    import yaml

    shared = _like(root, [(key, value) for key, value in root.value if scalar(key) not in _OF_FILE])
    size = _size(shared) * len(listed.value) + _size(listed)
    if size > MAX_VALUES:
        reader.tell(place_of(listed), TOO_MANY_VERSIONS(values=MAX_VALUES))
        return []
    return [merged(shared, node) for node in listed.value if isinstance(node, yaml.MappingNode)]


def _size(node: yaml.Node) -> int:
    """How many keys and values a node holds."""
    return sum(1 for _ in within(node))


def _refuse_overlaps(versions: Sequence[Version], reader: Reader) -> None:
    """Tell versions that are valid on the same day. They come in the order of their first days."""
    longest: Version | None = None
    for version in versions:
        if longest and longest.valid_on(version.begins or date.min):
            day = version.begins or min(filter(None, (longest.ends, version.ends)), default=None)
            line = longest.place.line
            told = PERIODS_OVERLAP(line=line, day=day.isoformat()) if day else ALWAYS_VALID(line=line)
            reader.tell(version.place, told)
        if longest is None or (version.ends or date.max) > (longest.ends or date.max):
            longest = version
