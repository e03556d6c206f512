"""The JSON Schema for editors: it takes every file that can be used, and refuses what the loader refuses by form."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kpi_udfs.errors import ConfigError
from kpi_udfs.messages import LANGUAGES
from kpi_udfs.pages import Page
from kpi_udfs.publish.json_schema import json_schema, written
from kpi_udfs.rules.files import load_text
from kpi_udfs.rules.format import FILE, SCHEMA
from kpi_udfs.rules.reading import Reader, note_file
from kpi_udfs.settings import packaged

CONFIG = packaged("config")
FILES = [CONFIG / "qualification.yaml", *sorted((CONFIG / "examples").glob("*.yaml"))]
VALIDATOR = Draft202012Validator(json_schema())


def as_an_editor_reads(node: yaml.Node) -> Any:
    """YAML 1.2 as editors' language servers read it: days are texts, and so are yes and no."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: as_an_editor_reads(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [as_an_editor_reads(item) for item in node.value]
    content = node.value
    if node.style not in (None, ""):
        return content
    if content in ("", "~", "null", "Null", "NULL"):
        return None
    if content in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return content.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", content):
        return int(content)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", content):
        return float(content)
    return content


def read(content: str) -> Any:
    return as_an_editor_reads(yaml.compose(content, Loader=yaml.SafeLoader))


def problems_of_form(content: str) -> list[str]:
    """What the loader's reader says of a text, before it looks at what goes together."""
    page = Page("rules", [])
    page.parse(content.encode())
    assert page.root is not None, page.problems
    note_file(page.root, "rules")
    reader = Reader()
    try:
        reader.read(FILE, page.root, "")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return [str(problem) for problem in reader.problems]


def rules(lines: str) -> str:
    return f"schema: {SCHEMA}\n{lines}\n"


# ---------------------------------------------------------------------------------- the schema itself


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_a_valid_schema(language: str) -> None:
    Draft202012Validator.check_schema(json_schema(language))


def test_the_one_beside_the_rules_is_the_one_we_render() -> None:
    assert (CONFIG / "qualification.schema.json").read_text(encoding="utf-8") == written()


def test_it_needs_no_other_file() -> None:
    schema = json_schema()
    references = set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema)))
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_every_key_is_explained_and_no_mapping_takes_others() -> None:
    entries = [json_schema(), *(one for one in json_schema()["$defs"].values() if one["type"] == "object")]
    assert len(entries) > 12
    for entry in entries:
        assert entry["additionalProperties"] is False
        assert all(key["description"].strip() for key in entry["properties"].values())


def test_descriptions_come_in_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpi_udfs.messages.translations", lambda language: {"rules.key.file.id": f"({language})"})
    assert json_schema("de")["properties"]["id"]["description"] == "(de)"


# ------------------------------------------------------------------------------------ what it accepts


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_packaged_file_is_accepted(file: Path) -> None:
    content = file.read_text(encoding="utf-8")
    assert [error.message for error in VALIDATOR.iter_errors(read(content))] == []
    assert problems_of_form(content) == []


ACCEPTED = [
    "mql: {event: ebook}",
    "mql: {event: [ebook, webinar]}",
    "mql: {event: ebook, where: {path: /pricing, pages: [1, 2], day: {after: 2026-04-01}}}",
    "mql: {any: [{all: [{none: [{field: a, is: blank}]}]}, {at_least: 2, of: [{event: a}, {event: b}, {event: c}]}]}",
    "mql: {field: accepted, eq: true}",
    "mql: {field: created, within_last: 4w}",
    "mql: {field: created, within_last: 30 d}",
    "mql: {field: created, before: 2026-4-1}",
    'mql: {field: created, before: "2026-04-01"}',
    "mql: {field: employees, between: [10, 50]}",
    "mql: {field: 2026, contains: 5}",
    "mql: {threshold: 20}",
    "mql: {threshold: {fit: 20, engagement: 12.5}}",
    "mql: {threshold: [{fit: 20}, {engagement: 2e1}]}",
    "engagement: {rules: [{id: a, event: a, points: -5, decay: none}, {id: b, event: b, points: 5, decay: {expire: 9d}}]}",
    "missing: n/a",
    "missing: [n/a, Select, 0]",
    "version: 3",
    "version: spring",
    'version: ""',
    "extends: other.yml",
    "timezone: Europe/Berlin",
    "tests: [{lead: {}, events: [{ebook: 3d ago, pages: 3}], expect: {stage: not yet}}]",
]


@pytest.mark.parametrize("lines", ACCEPTED)
def test_what_the_loader_reads_is_accepted(lines: str) -> None:
    assert problems_of_form(rules(lines)) == []
    assert [error.message for error in VALIDATOR.iter_errors(read(rules(lines)))] == []


# ------------------------------------------------------------------------------------ what it refuses

REFUSED = [
    "mql: {event: ebook}\nthresold: 5",
    "mql: {thresold: 5}",
    "mql: {field: email, ends_wiht: x}",
    "mql: {field: email, equals: x}",
    "mql: {event: page_view, where: {path: {begins_with: /pricing}}}",
    "mql: {event: page_view, count: {at_least: 2}}",
    "mql: {event: page_view, count: 2}",
    "mql: {event: page_view, count: {gte: 1.5}}",
    "mql: {event: page_view, count: {gte: -1}}",
    "mql: {event: []}",
    "mql: {event: {name: ebook}}",
    "mql: {event: ebook, within_last: 30}",
    "mql: {event: ebook, within_last: 3 months}",
    "mql: {any: {event: ebook}}",
    "mql: {any: [ebook]}",
    "mql: {at_least: two, of: [{event: a}]}",
    "mql: {field: created, before: April}",
    "mql: {field: created, before: 2026-13-01}",
    "mql: {field: employees, between: [10]}",
    "mql: {field: employees, between: [10, 20, 30]}",
    "mql: {field: email, is: empty}",
    "mql: {field: email, in: x}",
    "mql: {field: email, eq: x, when_missing: skip}",
    'mql: {field: "", eq: x}',
    "mql: {field: email, eq: }",
    "mql: {event: ebook, sticky: sometimes}",
    'mql: {threshold: "20"}',
    "mql: {threshold: {points: 20}}",
    "mql: {threshold: [20, 30]}",
    "mql: ebook",
    "mql: [{event: ebook}]",
    "fit: {rules: {id: a}}",
    "fit: {cap: many, rules: [{id: a, field: a, eq: b, points: 1}]}",
    "fit: {rules: [{id: a, field: a, bands: [{from: 1, till: 2, points: 1}]}]}",
    "fit: {rules: [{id: a, field: a, values: {b: many}}]}",
    "fit: {rules: [{id: a, field: a, values: [b]}]}",
    "engagement: {decay: 30d, rules: [{id: a, event: a, points: 1}]}",
    "engagement: {decay: none, rules: [{id: a, event: a, points: 1}]}",
    "engagement: {decay: {halflife: 30d}, rules: [{id: a, event: a, points: 1}]}",
    "engagement: {rules: [{id: a, event: a, points: 1, max_total: 0}]}",
    "engagement: {rules: [{id: a, event: a, points: 1, once: 1}]}",
    "effective_from: 1 April 2026",
    "extends: ../other.yaml",
    "extends: other.txt",
    "fields: [employees]",
    "fields: {employees: [a]}",
    "leads: {identifier: a}",
    "versions: {version: 1}",
    "versions: [{versoin: 1}]",
    "versions: [{versions: []}]",
    "versions: [{extends: other.yaml}]",
    "tests: [{expect: {stage: mql}}]",
    "tests: [{expect: {mql: maybe}}]",
    "tests: [{expected: {mql: true}}]",
]


@pytest.mark.parametrize("lines", REFUSED)
def test_a_mistake_of_form_is_refused_by_both(lines: str) -> None:
    with pytest.raises(ConfigError):
        load_text(rules(lines))
    assert problems_of_form(rules(lines))
    assert not VALIDATOR.is_valid(read(rules(lines)))


def test_a_file_without_its_first_line_is_refused_by_both() -> None:
    assert problems_of_form("mql: {event: ebook}")
    assert not VALIDATOR.is_valid({"mql": {"event": "ebook"}})
    assert problems_of_form("schema: kpi_udfs.qualification/9\nmql: {event: ebook}")
    assert not VALIDATOR.is_valid({"schema": "kpi_udfs.qualification/9", "mql": {"event": "ebook"}})


# ---------------------------------------------------------------------------- both, on many mistakes

TREES = [read(file.read_text(encoding="utf-8")) for file in FILES]
#: What somebody may write in a place by mistake, of every form.
PIECES: list[Any] = [
    "x", "", " ", "30d", "4w", "0d", "30", "2026-04-01", "2026-13-01", "none", "blank", "fail", "SQL", "a.yaml", "/a.yaml",
    5, 0, -1, 1.5, 2.0, True, False, None, [], ["x"], [5, 6], [[]], [{}], {}, {"x": 1}, {"event": "x"}, {"id": "x"},
    {"gte": 2}, {"half_life": "30d"}, {"score": 5}, {"contains": "x"}, {"": 1},
]  # fmt: skip
NAMES = [
    "x",
    "field",
    "event",
    "points",
    "threshold",
    "where",
    "rules",
    "within_last",
    "in",
    "sticky",
    "tests",
    "expect",
]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every list or mapping inside, with each of its places."""
    inside = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    return [*((tree, name) for name, _ in inside), *(place for _, one in inside for place in places(one))]


def changed(tree: Any, draw: Any) -> None:
    """One change in one place: another value, another name, one more, one less."""
    container, name = draw(st.sampled_from(places(tree)))
    what = draw(st.sampled_from(["value", "remove", "rename", "add"]))
    if what == "value":
        container[name] = copy.deepcopy(draw(st.sampled_from(PIECES)))
    elif what == "remove":
        del container[name]
    elif isinstance(container, dict) and what == "rename":
        container[draw(st.sampled_from(NAMES))] = container.pop(name)
    elif isinstance(container, dict):
        container[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(st.sampled_from(PIECES)))
    else:
        container.append(copy.deepcopy(draw(st.sampled_from(PIECES))))


def without_zone(tree: Any) -> bool:
    """Which time zones there are is known on the computer, not in the schema."""
    return not any(name == "timezone" for _, name in places(tree))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_loader_and_schema_agree_on_what_is_well_formed(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    tree.pop("timezone", None)
    for _ in range(data.draw(st.integers(1, 3))):
        assume(places(tree))
        changed(tree, data.draw)
    assume(without_zone(tree))
    found = problems_of_form(json.dumps(tree, ensure_ascii=False))
    told = [error.message for error in VALIDATOR.iter_errors(tree)]
    assert bool(found) == bool(told), (tree, found, told)
