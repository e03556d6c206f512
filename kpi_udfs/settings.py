"""The configuration in force: language, time zone, outcome words, funnel stages, column headers.

A file is looked for in the folder that ``KPI_UDFS_CONFIG`` names, then in the user's configuration
folder, then among the packaged defaults; each file on its own, the first one found wins.
``KPI_UDFS_LANGUAGE`` overrides the language. Unknown keys and wrong values are errors with file
and line, all of them reported at once, in English: they may be about the language itself.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_udfs.errors import ConfigError, Problem
from kpi_udfs.pages import KEY_TWICE, MAX_BYTES, Page, scalar, unknown_key

if TYPE_CHECKING:
    import yaml

#: The file of rules that hold where none are named.
RULES = "qualification.yaml"


@dataclass(frozen=True)
class Settings:
    """What the functions go by. ``outcomes``: folded word to ``won``, ``lost`` or ``open``."""

    language: str | None = None
    timezone: str = "UTC"
    date_system: int = 1900
    outcomes: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: What the file of rules in force holds, as a hash; the rules themselves are read where they are needed.
    rules: str = ""

    @property
    def fingerprint(self) -> str:
        """Eight characters that differ where two desks' settings differ."""
        import hashlib
        import json

        facts: list[Any] = [self.language, self.timezone, self.date_system, self.stages, self.columns, self.rules]
        facts.append(sorted(self.outcomes.items()))
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]


def fold(word: str) -> str:
    """The form in which words and headers are compared: upper and lower case, "_" and space, and
    signs that look alike or are not seen at all make no difference."""
    seen = re.sub("[\u200b-\u200f\u2060\ufeff\u00ad]", "", unicodedata.normalize("NFKC", word))
    return " ".join(seen.replace("_", " ").split()).casefold()


def folders() -> list[Path]:
    """Where configuration files are looked for, in order."""
    return [folder for _, folder in named_folders()]


def named_folders() -> list[tuple[str, Path]]:
    """The same, each with why it is one: ``environment``, ``user`` or ``packaged``."""
    from platformdirs import user_config_path

    named = os.environ.get("KPI_UDFS_CONFIG")
    given = [("environment", Path(named))] if named else []
    return [*given, ("user", user_config_path("kpi_udfs")), ("packaged", packaged("config"))]


def packaged(folder: str) -> Path:
    """A folder that travels inside the wheel; in a checkout it lies beside the package."""
    inside = Path(__file__).parent / folder
    return inside if inside.is_dir() else Path(__file__).parent.parent / folder


def load() -> Settings:
    """Read the configuration files in force. Raises :class:`ConfigError` with all problems."""
    found: list[Problem] = []
    settings = Settings()
    named = os.environ.get("KPI_UDFS_CONFIG")
    try:
        if named and not Path(named).is_dir():
            found.append(Problem("KPI_UDFS_CONFIG", None, f"{named} is no folder"))
        for name, reader in _READERS.items():
            file = _locate(name)
            if file is not None:
                settings = reader(_Page.read(file, found), settings)
        rules = _locate(RULES)
        settings = replace(settings, rules=fingerprint(rules) if rules else "")
    except OSError as error:  # a folder that may not be looked into, a name too long for a path
        found.append(Problem(error.filename or "configuration", None, error.strerror or str(error)))
    if language := os.environ.get("KPI_UDFS_LANGUAGE"):
        _check_language(language, lambda m: found.append(Problem("KPI_UDFS_LANGUAGE", None, m)))
        settings = replace(settings, language=language)
    if found:
        raise ConfigError(found)
    return settings


def fingerprint(file: Path) -> str:
    """Eight characters that differ where files do; of one that can't be read, none."""
    import hashlib

    try:
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(MAX_BYTES + 1)).hexdigest()[:8]
    except OSError:
        return ""  # whoever needs the file says why


def problems_of(name: str, file: Path) -> list[Problem]:
    """What is wrong with a file of settings, read by itself. ``name``: which of the files it is."""
    found: list[Problem] = []
    _READERS[name](_Page.read(file, found), Settings())
    return found


def names() -> list[str]:
    """The files of settings, by name; the rules (:data:`RULES`) are not among them."""
    return list(_READERS)


def _locate(name: str) -> Path | None:
    return next((folder / name for folder in folders() if (folder / name).is_file()), None)


class _Current:
    """The settings in force, read again when a file changed (looked at once a second at most)."""

    def __init__(self) -> None:
        self.next_look = 0.0
        self.state: object = None
        self.result: Settings | ConfigError = Settings()

    def get(self) -> Settings:
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + 1.0
            state = self._state()
            if state != self.state:
                self.state = state
                try:
                    self.result = load()
                except ConfigError as error:
                    self.result = error
        if isinstance(self.result, ConfigError):
            raise self.result
        return self.result

    @staticmethod
    def _state() -> object:
        """What differs when a file was changed, or when another one is in force."""
        environment = [os.environ.get(name) for name in ("KPI_UDFS_CONFIG", "KPI_UDFS_LANGUAGE")]
        try:
            files = [file for name in (*_READERS, RULES) if (file := _locate(name))]
            stats = [(file, stat.st_mtime_ns, stat.st_size) for file in files for stat in [file.stat()]]
        except OSError as error:
            return environment, str(error)  # load() will say it
        return environment, stats

    def forget(self) -> None:
        self.next_look, self.state = 0.0, None


_current = _Current()
#: The settings in force; raises :class:`ConfigError` while a file is invalid.
current = _current.get
#: Look at the files again at the next call (after changing the environment).
forget = _current.forget


# ------------------------------------------------------------------------- reading the files


class _Page(Page):
    """A page of settings."""

    def entries(self, schema: str, allowed: list[str]) -> Iterator[tuple[str, yaml.Node, int]]:
        """Key, value and line of each entry; unknown keys and another schema are problems."""
        import yaml

        if self.root is None and self.problems_before < len(self.problems):
            return  # it could not even be read
        if not isinstance(self.root, yaml.MappingNode):
            self.problem(1, f"the file should begin with schema: {schema} and hold entries of the form key: value")
            return
        seen: set[str] = set()
        for key_node, value in self.root.value:
            key, line = scalar(key_node) or "…", key_node.start_mark.line + 1
            if key in seen:
                self.problem(line, KEY_TWICE(key=key))
            elif key == "schema":
                if scalar(value) != schema:
                    self.problem(line, f"the schema should be {schema}, not {scalar(value) or 'a list'}")
            elif key not in allowed:
                self.problem(line, unknown_key(key, allowed))
            else:
                yield key, value, line
            seen.add(key)
        if "schema" not in seen:
            self.problem(1, f"the line schema: {schema} is missing")

    def words(self, node: yaml.Node) -> list[tuple[str, int]]:
        """A list of words with their lines."""
        import yaml

        if not isinstance(node, yaml.SequenceNode):
            self.problem(node.start_mark.line + 1, "this should be a list of words")
            return []
        words = []
        for item in node.value:
            line = item.start_mark.line + 1
            if isinstance(item, yaml.ScalarNode) and item.value.strip():
                words.append((item.value, line))
            else:
                self.problem(line, "this should be a word")
        return words


def _check_language(language: str, problem: Callable[[str], None]) -> None:
    from kpi_udfs.written import known_locale

    if not known_locale(language):
        problem(f'"{language}" is no language; write for example de, de_CH, fr, it, id or en_GB')


def zone_exists(name: str) -> bool:
    """Whether there is a time zone of this name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        return False
    return True


def _read_settings(page: _Page, settings: Settings) -> Settings:
    values: dict[str, Any] = {}
    for key, node, line in page.entries("kpi_udfs.settings/1", ["language", "timezone", "date_system"]):
        value = scalar(node)
        if value is None:
            page.problem(line, f"{key} takes one value, not a list")
        if not value:
            continue
        if key == "language":
            _check_language(value, lambda message, line=line: page.problem(line, message))  # type: ignore[misc]
        elif key == "timezone":
            if not zone_exists(value):
                page.problem(line, f'"{value}" is no time zone; write for example Europe/Berlin')
        elif value not in ("1900", "1904"):
            page.problem(line, f"date_system is 1900 or 1904, not {value}")
        values[key] = value
    if "date_system" in values:
        values["date_system"] = 1904 if values["date_system"] == "1904" else 1900
    return replace(settings, **values)


def _read_outcomes(page: _Page, settings: Settings) -> Settings:
    meanings: dict[str, str] = {}
    for key, node, _ in page.entries("kpi_udfs.outcomes/1", ["won", "lost", "open"]):
        for word, line in page.words(node):
            if (meaning := meanings.setdefault(fold(word), key)) != key:
                page.problem(line, f'"{word}" can\'t mean {meaning} and {key}')
    return replace(settings, outcomes=meanings)


def _read_stages(page: _Page, settings: Settings) -> Settings:
    return replace(settings, stages=_read_names(page, "kpi_udfs.stages/1", "stages", "stage"))


def _read_columns(page: _Page, settings: Settings) -> Settings:
    return replace(settings, columns=_read_names(page, "kpi_udfs.columns/1", "columns", "column"))


def _read_names(page: _Page, schema: str, many: str, one: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A list of things, each with its id and the folded names it goes by (the id is one of them)."""
    import yaml

    read: list[tuple[str, tuple[str, ...]]] = []
    taken: dict[str, str] = {}
    for _, node, line in page.entries(schema, [many]):
        if not isinstance(node, yaml.SequenceNode):
            page.problem(line, f"this should be a list of {many}, each with id and names")
            continue
        for item in node.value:
            thing = _read_named(page, item, one)
            if thing is None:
                continue
            if thing[0] in dict(read):
                page.problem(item.start_mark.line + 1, f'the {one} "{thing[0]}" stands here a second time')
            for name, at in thing[1]:
                if taken.setdefault(fold(name), thing[0]) != thing[0]:
                    page.problem(at, f'"{name}" already names the {one} {taken[fold(name)]}')
            read.append((thing[0], tuple(dict.fromkeys(fold(name) for name, _ in thing[1]))))
    return tuple(read)


def _read_named(page: _Page, item: yaml.Node, one: str) -> tuple[str, list[tuple[str, int]]] | None:
    import yaml

    line = item.start_mark.line + 1
    pairs = item.value if isinstance(item, yaml.MappingNode) else []
    parts = {scalar(key) or "…": value for key, value in pairs}
    if len(parts) < len(pairs):
        page.problem(line, "a key stands here twice")
    for key in parts.keys() - {"id", "names"}:
        page.problem(line, unknown_key(key, ["id", "names"]))
    if not {"id", "names"} <= parts.keys() or not isinstance(parts["id"], yaml.ScalarNode):
        page.problem(line, f"a {one} has an id and names")
        return None
    identifier = parts["id"].value
    return identifier, [(identifier, line), *page.words(parts["names"])]


_READERS: dict[str, Callable[[_Page, Settings], Settings]] = {
    "settings.yaml": _read_settings,
    "outcomes.yaml": _read_outcomes,
    "stages.yaml": _read_stages,
    "columns.yaml": _read_columns,
}
