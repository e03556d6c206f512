"""Mistakes in rules files are told as a colleague would: where, what, and the way out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from told import EVERYTHING, MQL, SCHEMA, SIMPLE, SKETCH, told

from kpi_udfs.rules import files
from kpi_udfs.rules.format import FILE, Either, Entry, ListOf, Named, Shape

# ------------------------------------------------------------------------------------ keys


def entries(shape: Shape, around: str = "%s", known: frozenset[str] = frozenset()) -> Iterator[tuple[Entry, str]]:
    """Every mapping of the format, with the YAML that leads to it."""
    if isinstance(shape, Entry):
        yield shape, around
        for name, key in shape.keys.items() if shape.name not in known else ():
            yield from entries(key.shape, around % f"{{{name}: %s}}", known | {shape.name})
    elif isinstance(shape, ListOf):
        yield from entries(shape.item, around % "[%s]", known)
    elif isinstance(shape, Named):
        yield from entries(shape.value, around % "{x: %s}", known)
    elif isinstance(shape, Either):
        for one in shape.shapes:
            yield from entries(one, around, known)


LEVELS = {entry.name: (around, list(entry.keys)) for entry, around in reversed(list(entries(FILE)))}
KEYS = [(name, key) for name, (_, keys) in LEVELS.items() for key in keys]


@pytest.mark.parametrize(("level", "key"), KEYS, ids=[f"{level}-{key}" for level, key in KEYS])
def test_a_misspelt_key_is_told_with_the_right_one_at_every_level(level: str, key: str) -> None:
    around, keys = LEVELS[level]
    wrong = key[0] + key[2:] if len(key) > 2 else key + key[-1]
    assert wrong not in keys
    lines = (around % f"{{{wrong}: 1}}").removeprefix("{").removesuffix("}")
    assert f'2: unknown key "{wrong}". Did you mean "{key}"?' in told(f"{SCHEMA}{lines}\n")


def test_every_level_of_the_format_is_tried() -> None:
    assert set(LEVELS) == {
        "file", "version", "leads", "events", "score", "points", "decay", "rule", "band", "condition", "count", "where",
        "stage", "threshold", "test", "expected",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (f"{SCHEMA}mql:\n  thresold: 20\n", ['3: unknown key "thresold". Did you mean "threshold"?']),
        ("schem: kpi_udfs.qualification/1\nmqll: {field: a, eq: 1}\n",
         ['1: unknown key "schem". Did you mean "schema"?', '2: unknown key "mqll". Did you mean "mql"?']),
        (f"{SCHEMA}mql: {{all: [{{field: a, eq: 1}}]}}\nscore: {{zz: 1}}\n",
         ['3: unknown key "zz". Known are: cap, floor.']),
        (f"{SCHEMA}{MQL}{MQL}", ['3: the key "mql" stands here a second time']),
        (f"{SCHEMA}{MQL}score:\n  cap: 1\n  cap: 2\n", ['5: the key "cap" stands here a second time']),
        (f"{SCHEMA}{MQL}fields: {{a: b, a: c}}\n", ['3: the key "a" stands here a second time']),
        (f"{SCHEMA}{MQL}[a, b]: 1\n", ["3: a key should be a text, a number or a day, not a list or a mapping"]),
        (f"{SCHEMA}{MQL}score: {{cap: 1,5}}\n", ["3: a comma ends the entry here; write 1.5 for one and a half, not 1,5"]),
        (MQL, ["1: the line schema: kpi_udfs.qualification/1 is missing"]),
        (f"{SCHEMA}id: a\n", ["1: the part mql is missing; it says what makes a lead marketing-qualified"]),
        (f"schema: kpi_udfs.qualification/2\n{MQL}",
         ['1: schema can\'t be "kpi_udfs.qualification/2". Did you mean "kpi_udfs.qualification/1"?']),
        (f"schema: other\n{MQL}", ['1: schema can\'t be "other". Write "kpi_udfs.qualification/1".']),
    ],
)  # fmt: skip
def test_keys(rules: str, expected: list[str]) -> None:
    assert told(rules) == expected


# ------------------------------------------------------------------------------------ values


A_RULE = f"{SCHEMA}{MQL}fit: {{rules: [{{id: a, %s}}]}}\n"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("id: [a]", ["3: id should be a text, not a list"]),
        ("id:", ["3: id should be a text, not nothing"]),
        ('id: " "', ["3: id should be a text, not nothing"]),
        ("id: {a: b}", ["3: id should be a text, not entries of the form key: value"]),
        ("id: “a b”", ["3: the quotation marks around “a b” are curly and would be part of the text; write straight ones"]),
        ("version: [1]", ["3: version should be a text, a number, a day, or true or false, not a list"]),
        ("effective_from: 1.4.2026", ['3: effective_from should be a day such as 2026-04-01, not "1.4.2026"']),
        ("effective_from: 2026-02-30", ['3: "2026-02-30" is no day of the calendar']),
        ("effective_from: 2026-04-01\neffective_to: 2026-03-01", ["4: effective_to lies before effective_from"]),
        ("timezone: Europe/Berln", ['3: timezone should be a time zone such as Europe/Berlin, not "Europe/Berln"']),
        ("missing: {a: b}", ["3: missing should be a list, such as [first, second], not entries of the form key: value"]),
        ("missing: [[a]]", ["3: missing should be a text, not a list"]),
        ("fields: [a]", ["3: fields should be entries of the form key: value, not a list"]),
        ("fields: {a: }", ["3: a should be a text, not nothing"]),
        ("leads: x", ['3: leads should be entries of the form key: value, not "x"']),
        ("score: {cap: ten}", ['3: cap should be a number such as 20 or 1.5, not "ten"']),
        ('score: {cap: "10"}',
         ['3: cap should be a number such as 20 or 1.5; leave out the quotation marks around "10"']),
        ("score: {cap: 50.000}", ["3: 50.000 could be 50 or 50000; write it without the point"]),
        (f"score: {{cap: {'9' * 400}}}", [f'3: cap should be a number such as 20 or 1.5, not "{"9" * 80}…"']),
        ("fit: {rules: x}", ['3: rules should be a list, not "x"']),
        ("fit: {rules: []}", ["3: rules should be a list, not nothing"]),
        ("fit: {rules: [x]}", ['3: rules should be entries of the form key: value, not "x"']),
        ("fit: {cap: 5}", ["3: fit has no rules; add a list of rules under rules"]),
        ("engagement: {decay: {half_life: 30}, rules: [{id: a, event: b, points: 1}]}",
         ['3: half_life should be a number of days such as 30d, or of weeks such as 4w, not "30"']),
        ("engagement: {decay: {linear: 0d}, rules: [{id: a, event: b, points: 1}]}", ["3: linear needs at least one day"]),
        ("engagement: {decay: {}, rules: [{id: a, event: b, points: 1}]}",
         ["3: decay needs one of half_life, linear, expire"]),
        ("engagement: {decay: {linear: 1d, expire: 2d}, rules: [{id: a, event: b, points: 1}]}",
         ["3: decay needs one of half_life, linear, expire"]),
        ("extends: a.yaml", ["3: rules that stand in cells can't extend a file; save them as a file beside it"]),
        ("versions: []", ["3: versions should be a list, not nothing"]),
        ("tests: [{name: a}]", ["3: the test expects nothing; add expect, such as expect: {mql: true}"]),
        ("tests: [{expect: {}}]", ["3: the test expects nothing; add expect, such as expect: {mql: true}"]),
        ("tests: [{expect: {mql: maybe}}]", ['3: mql should be true or false, not "maybe"']),
        ("tests: [{expect: {stage: mql}}]",
         ['3: stage can\'t be "mql". Write "SQL" or "MQL" or "lead" or "suppressed" or "not yet".']),
        ("tests: [{expect: {stage: supressed}}]", ['3: stage can\'t be "supressed". Did you mean "suppressed"?']),
        ("tests: [{expect: {mql: true}, events: [{visit: soon}]}]",
         ["3: an event begins with its name and its day, such as newsletter_signup: 1d ago or demo_request: 2026-04-01"]),
        ("tests: [{expect: {mql: true}, events: [{}]}]",
         ["3: an event begins with its name and its day, such as newsletter_signup: 1d ago or demo_request: 2026-04-01"]),
        ("sql: {}", ["3: sql asks for nothing; add a condition, require, fast_track or threshold"]),
        ("sql: {sticky: yes, field: a, eq: 1}", ['3: sticky should be true or false, not "yes"']),
        ("sql: {threshold: [a]}", ['3: threshold should be entries of the form key: value, not "a"']),
        ("sql: {threshold: many}", ['3: threshold should be a number such as 20 or 1.5, not "many"']),
        ("sql: {threshold: {}}", ["3: the threshold asks for nothing; add score, fit or engagement"]),
        ("sql: {require: {field: a, eq: 1}, field: b, eq: 2}",
         ["3: conditions stand here both directly and under require"]),
    ],
)  # fmt: skip
def test_values(rules: str, expected: list[str]) -> None:
    assert told(f"{SCHEMA}{MQL}{rules}\n") == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("field: a", 'nothing is asked of the field "a"; add eq, in, gte, is or another operator'),
        ("field: a, equals: 1", 'unknown key "equals". Known are: '),
        ("field: a, gtee: 1", 'unknown key "gtee". Did you mean "gte"?'),
        ("eq: 1", "eq belongs to field, which is missing here"),
        ("where: {a: 1}", "where belongs to event, which is missing here"),
        ("of: [{field: a, eq: 1}]", "of belongs to at_least, which is missing"),
        ("at_least: 1", "at_least needs the list of conditions under of"),
        ("at_least: 1.5, of: [{field: a, eq: 1}]", 'at_least should be a whole number, 0 or more, not "1.5"'),
        ("", "nothing is asked here; write field with an operator, event, all, any, none, or at_least with of"),
        ("field: a, event: b, eq: 1", "field, event can't stand together; put them in a list under all or any"),
        ("all: [{field: a, eq: 1}], eq: 2", "eq can't be used together with all"),
        ("event: a, eq: 2", "eq can't be used together with event"),
        ("event: a, when_missing: pass", "when_missing can't be used together with event"),
        ("field: a, eq: 2, count: {gte: 1}", "count can't be used together with field"),
        ("event: a, count: {gte: 1}, distinct_days: {gte: 1}", "distinct_days can't be used together with count"),
        ("event: a, count: {within: 5d}", "count needs eq, gt, gte, lt or lte"),
        ("event: a, count: {gte: two}", 'gte should be a whole number, 0 or more, not "two"'),
        ("event: a, count: {gte: 1, within: 5d}, within_last: 6d",
         "within_last and within say the same; keep one of them"),
        ("event: []", "event should be a list, not nothing"),
        ("event: a, where: {path: {}}", 'nothing is asked of the field "path"; add eq, in, gte, is or another operator'),
        ("event: a, where: {path: }", "path should be a text, a number, a day, or true or false, not nothing"),
        ("event: a, where: path", 'where should be entries of the form key: value, not "path"'),
        ("field: a, is: empty", 'is can\'t be "empty". Write "blank" or "not_blank".'),
        ("field: a, is: not blank", 'is can\'t be "not blank". Did you mean "not_blank"?'),
        ("field: a, eq: yes", '"yes" could be the word or the answer: write true or false for a yes/no column, or put the '
                              "word in quotes"),
        ("field: a, in: [No, perhaps]", '"No" could be the word or the answer: write true or false for a yes/no column, '
                                        "or put the word in quotes"),
        ("field: a, eq: [1]", "eq should be a text, a number, a day, or true or false, not a list"),
        ("field: a, in: x", 'in should be a list, such as [first, second], not "x"'),
        ("field: a, in: [1, two, 2026-01-01]", "in mixes kinds of values (1, two, 2026-01-01); put texts in quotes"),
        ("field: a, gte: ten", 'gte compares numbers or days, not the text "ten"'),
        ("field: a, gte: true", 'gte compares numbers or days, not the text "true"'),
        ("field: a, between: [1]", "between should be a list of 2, not a list of 1"),
        ("field: a, between: 1", 'between should be a list, such as [10, 50], not "1"'),
        ("field: a, between: [1, 2026-01-01]", "between mixes kinds of values (1, 2026-01-01); put texts in quotes"),
        ("field: a, before: tomorrow", 'before should be a day such as 2026-04-01, not "tomorrow"'),
        ("field: a, after: 2026-13-01", '"2026-13-01" is no day of the calendar'),
        ("field: a, eq: 2026-02-29", '"2026-02-29" is no day of the calendar'),
        ("field: a, within_last: 3 months",
         'within_last should be a number of days such as 30d, or of weeks such as 4w, not "3 months"'),
        ("field: a, older_than: -3d",
         'older_than should be a number of days such as 30d, or of weeks such as 4w, not "-3d"'),
        ("field: a, contains: {a: b}",
         "contains should be a list, such as [first, second], not entries of the form key: value"),
        ('field: a, contains: ""', "contains should be a text, not nothing"),
        ("field: a, when_missing: ignore, eq: 1", 'when_missing can\'t be "ignore". Write "fail" or "pass" or "unknown".'),
        ("field: a, when_missing: unkown, eq: 1", 'when_missing can\'t be "unkown". Did you mean "unknown"?'),
    ],
)  # fmt: skip
def test_conditions(condition: str, expected: str) -> None:
    (problem,) = told(f"{SCHEMA}mql: {{any: [{{field: x, eq: 1}},\n  {{{condition}}}]}}\n")
    assert problem == f"3: {expected}" if not expected.endswith(": ") else problem.startswith(f"3: {expected}")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("field: b, eq: 1, points: 1", "a rule needs an id, a short name of its own such as id: ebook"),
        ("id: a, field: b, eq: 1", 'the rule "a" gives no points; add points, values or bands'),
        ("id: a, points: 1", "nothing is asked here; write field with an operator, event, all, any, none, or at_least with of"),
        ("id: a, field: b, eq: 1, points: 1, values: {x: 1}", "points, values can't stand together; keep one of them"),
        ("id: a, field: b, eq: 1, points: five", 'points should be a number such as 20 or 1.5, not "five"'),
        ("id: a, field: b, values: {}", "values is empty; write value: points for each value that gives points"),
        ("id: a, field: b, values: {x: y}", 'x should be a number such as 20 or 1.5, not "y"'),
        ("id: a, field: b, values: {x: 1, 5: 2}", "values mixes kinds of values (x, 5); put texts in quotes"),
        ("id: a, field: b, values: {yes: 1}", '"yes" could be the word or the answer: write true or false for a yes/no '
                                              "column, or put the word in quotes"),
        ("id: a, field: b, eq: 1, values: {x: 1}", "values give points by a field; add field and no operator"),
        ("id: a, event: b, bands: [{from: 1, points: 1}]", "bands give points by a field; add field and no operator"),
        ("id: a, field: b, values: {x: 1}, when_missing: pass", "when_missing can't be used together with values"),
        ("id: a, field: b, bands: [{from: 1}]", "the band has no points; add points"),
        ("id: a, field: b, bands: [{from: 1, to: 2, below: 3, points: 1}]",
         "a band ends with to or with below, not with both"),
        ("id: a, field: b, bands: {from: 1}", "bands should be a list, not entries of the form key: value"),
        ("id: a, field: b, eq: 1, points: 1, max_total: 5",
         "max_total is for rules that give points for each event; take it out of this one"),
        ("id: a, field: b, eq: 1, points: 1, once: true",
         "once is for rules that give points for each event; take it out of this one"),
        ("id: a, event: b, count: {gte: 2}, points: 1, max_per_day: 5",
         "max_per_day is for rules that give points for each event; take it out of this one"),
        ("id: a, event: b, points: 1, max_total: -5", 'max_total should be a number above 0, not "-5"'),
        ("id: a, event: b, points: 1, once: true, max_total: 5", "once, max_total can't stand together; keep one of them"),
        ("id: a, event: b, points: 1, decay: always",
         'decay can\'t be "always". Write "none".'),
        ("id: a, event: b, points: 1, decay: [30d]",
         'decay should be "none" or entries of the form key: value, not a list'),
        ("id: a, field: b, eq: 1, points: 1, decay: none",
         "decay is for rules that give points for each event; take it out of this one"),
        ("id: god, enabled: false", 'there is no rule "god" to switch off. Did you mean "good"?'),
        ("id: zzz, enabled: false", 'there is no rule "zzz" to switch off'),
        ("id: a, field: b, eq: 1, points: 1, enabled: no", 'enabled should be true or false, not "no"'),
        ("id: good, field: b, eq: 1, points: 1",
         'the id "good" is already taken in line 4; give each rule a name of its own'),
    ],
)  # fmt: skip
def test_rules(rule: str, expected: str) -> None:
    (problem,) = told(f"{SCHEMA}{MQL}fit: {{rules: [\n{{id: good, event: x, points: 5}},\n{{{rule}}}]}}\n")
    assert problem == f"5: {expected}"


# ------------------------------------------------------------------------------------ what can't work


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("fit:\n  rules:\n    - {id: a, field: b, bands: [{from: 1, to: 10, points: 1},\n      {from: 10, points: 2}]}",
         ["6: 10 lies in this band and in the one in line 5; let one end below the other begins"]),
        ("fit:\n  rules:\n    - {id: a, points: 5, all: [{field: b, gte: 100},\n      {field: b, lt: 50}]}",
         ['6: nobody can meet both "b lt 50" and "b gte 100" in line 5; change one of them, or put them under any']),
        ("versions:\n  - {effective_from: 2026-01-01, effective_to: 2026-03-31}\n  - {effective_from: 2026-03-31}",
         ["5: this version and the one in line 4 are both valid on 2026-03-31; change effective_from or effective_to of one"]),
        ("versions:\n  - {version: 1}\n  - {version: 2}",
         ["5: this version and the one in line 4 are both valid at any time; give them effective_from"]),
        ("versions:\n  - {effective_to: 2026-01-01}\n  - {effective_to: 2025-01-01}",
         ["5: this version and the one in line 4 are both valid on 2025-01-01; change effective_from or effective_to of one"]),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told(rules: str, expected: list[str]) -> None:
    assert told(f"{SCHEMA}{MQL}{rules}\n") == expected


def test_eleven_mistakes_are_told_in_one_go_in_the_order_of_their_lines() -> None:
    rules = """\
schema: kpi_udfs.qualification/1
effective_from: 2026-02-30
suppres: {field: email, is: blank}
fit:
  cap: many
  rules:
    - {id: size, field: employees, bands: [{from: 1, to: 10, points: 1}, {from: 5, points: 2}]}
    - {id: size, field: country, eq: DE, points: 5}
    - {field: source, eq: Google, points: 5}
engagement:
  rules:
    - {id: ebook, event: ebook_download, points: ten}
    - {id: visit, event: visit, points: 1, max_totl: 5}
mql:
  all:
    - {field: employees, gte: 100, lt: 50}
    - {field: opted_in, eq: yes}
    - {field: title, matches: head}
"""
    assert told(rules) == [
        '2: "2026-02-30" is no day of the calendar',
        '3: unknown key "suppres". Did you mean "suppress"?',
        '5: cap should be a number such as 20 or 1.5, not "many"',
        "7: 5 lies in this band and in the one in the same line; let one end below the other begins",
        '8: the id "size" is already taken in line 7; give each rule a name of its own',
        "9: a rule needs an id, a short name of its own such as id: ebook",
        '12: points should be a number such as 20 or 1.5, not "ten"',
        '13: unknown key "max_totl". Did you mean "max_total"?',
        '16: nobody can meet both "employees lt 50" and "employees gte 100" in the same line; change one of them, or put '
        "them under any",
        '17: "yes" could be the word or the answer: write true or false for a yes/no column, or put the word in quotes',
        '18: unknown key "matches". Known are: id, why, field, when_missing, eq, ne, in, not_in, contains, not_contains, '
        "starts_with, ends_with, regex, gt, gte, lt, lte, between, is, within_last, older_than, before, after, event, "
        "where, count, distinct_days, last_event_within, all, any, none, at_least, of.",
    ]


# ------------------------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ["1: the file should begin with schema: kpi_udfs.qualification/1 and hold entries of the form key: value"]),
        (b"# only a comment\n", ["1: the file should begin with schema: kpi_udfs.qualification/1 and hold entries of the "
                                 "form key: value"]),
        (b"- a\n- b\n", ["1: the file should begin with schema: kpi_udfs.qualification/1 and hold entries of the form "
                         "key: value"]),
        (b"just words\n", ["1: the file should begin with schema: kpi_udfs.qualification/1 and hold entries of the form "
                          "key: value"]),
        (b"schema: x\nid: caf\xe9\n", ["2: the file is not UTF-8 text; save it with the encoding UTF-8"]),
        ("schema: x\n".encode("utf-16"), ["1: the file is not UTF-8 text; save it with the encoding UTF-8"]),
        (b"schema: x\n\tid: a\n", ["2: a tab stands here; indent with spaces"]),
        (b"schema: x\nmql:\n\tfield: a\n", ["3: a tab stands here; indent with spaces"]),
        (b"a: &x 1\nb: *x\n", ["1: anchors and aliases (&name, *name) are not used in this file; put a text that begins "
                             "with & or * in quotes"]),
        (b"a: 1\nb: *x\n", ["2: anchors and aliases (&name, *name) are not used in this file; put a text that begins "
                            "with & or * in quotes"]),
        (b"a: !!python/object/apply:os.system [echo]\n",
         ["1: tags (!name) are not used in this file; put a text that begins with ! in quotes"]),
        (b"a: 1\nb: !important\n", ["2: tags (!name) are not used in this file; put a text that begins with ! in quotes"]),
        (b"a: 1\nb: " + b"[" * 40 + b"]" * 40, ["2: the file is nested too deeply"]),
        (b"#" * 256_001, ["the file is larger than 256,000 bytes"]),
        (b"a: [" + b"1," * 20_000 + b"]", ["1: the file holds more than 20,000 keys and values"]),
        ("ä: ö\nb: \0\n".encode(), ["2: a sign that can't be seen (U+0000) stands here; delete it and type the line anew"]),
        (b"a: 1\nb: \x07\n", ["2: a sign that can't be seen (U+0007) stands here; delete it and type the line anew"]),
        (b"a: 1\n---\nb: 2\n", ["2: a second document begins here (---); keep one in each file"]),
        (b"a: 1\nb: c: d\n", ['2: a ": " stands where none can be; indent the line like its neighbours, or put a text '
                              'that holds ": " in quotes']),
        (b"a: 1\nwords\nb: 2\n", ["2: a line of the form key: value is expected here; the colon and a space are missing"]),
        (b"a: 1\nb: [1, 2\nc: 3\n", ["2: the bracket [ opened here is not closed, or a comma is missing in it"]),
        (b"a: {b: 1\nc: 3\n", ["1: the bracket { opened here is not closed, or a comma is missing in it"]),
        (b"a: 1\nb: 'c\n", ["2: the quotation mark opened here is not closed"]),
        (b"a: 'b' c\n", ["1: text stands after the closing quotation mark; put all of it in the quotes"]),
        (b"a:\n    b: 1\n  c: 2\n", ["3: this line is not indented like the lines it belongs to"]),
        (b"a: @home\n", ["1: a text that begins with @ needs quotes"]),
        (b"a: *\n", ["1: a text that begins with & or * needs quotes"]),
        (b'a: "\\d+"\n', ["1: a backslash in double quotes has a meaning of its own; use single quotes here"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_what_is_no_rules_file(
    content: bytes, expected: list[str], parser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parser == "SafeLoader":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    assert told(file) == expected


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert told(tmp_path / "f.yaml") == ["the file can't be read: No such file or directory"]
    assert told(tmp_path, name=tmp_path.name) == ["the file can't be read: Is a directory"]


def test_messages_hold_one_short_line_each() -> None:
    (problem,) = told(f'{SCHEMA}{MQL}? "{"k" * 5000}"\n: 1\n')
    assert problem.startswith(f'3: unknown key "{"k" * 80}…". Known are: schema, ')
    assert told(f'{SCHEMA}{MQL}score: {{"a\\nb": 1}}\n') == ['3: unknown key "a b". Known are: cap, floor.']


def test_no_more_problems_are_told_than_somebody_mends() -> None:
    got = told(SCHEMA + MQL + "".join(f"k{n}: 1\n" for n in range(5_000)))
    assert len(got) == 101
    assert got[-1] == "102: there is more to mend after this; the first 100 problems are shown"


# ------------------------------------------------------------------------------------ files that extend one another


@pytest.fixture
def base(tmp_path: Path) -> Path:
    file = tmp_path / "base.yaml"
    file.write_text(SKETCH)
    return file


def extending(base: Path, rules: str = "", name: str = "unit.yaml", extends: str = "base.yaml") -> Path:
    file = base.parent / name
    file.write_text(f"{SCHEMA}extends: {extends}\n{rules}")
    return file


@pytest.mark.parametrize(
    ("extends", "expected"),
    [
        ("gone.yaml", 'there is no file "gone.yaml" in the folder of this file'),
        ("../base.yaml", 'extends should be the name of a .yaml file in the same folder, not "../base.yaml"'),
        ("sub/base.yaml", 'extends should be the name of a .yaml file in the same folder, not "sub/base.yaml"'),
        ("/etc/base.yaml", 'extends should be the name of a .yaml file in the same folder, not "/etc/base.yaml"'),
        ("C:base.yaml", 'extends should be the name of a .yaml file in the same folder, not "C:base.yaml"'),
        ("base", 'extends should be the name of a .yaml file in the same folder, not "base"'),
        ("[base.yaml]", "extends should be the name of a .yaml file in the same folder, not a list"),
        ('"a\\0b.yaml"', 'extends should be the name of a .yaml file in the same folder, not "a b.yaml"'),
        (f"{'x' * 300}.yaml", f'extends should be the name of a .yaml file in the same folder, not "{"x" * 80}…"'),
        (f"{'ä' * 200}.yaml", f'there is no file "{"ä" * 80}…" in the folder of this file'),
        ("unit.yaml", "the files extend one another in a circle; take this line out of one"),
        ("linked.yaml", '"linked.yaml" only points to a file in another folder; put the file itself beside this one'),
        ("loop.yaml", 'there is no file "loop.yaml" in the folder of this file'),
        ("folder.yaml", 'there is no file "folder.yaml" in the folder of this file'),
    ],
)
def test_what_cannot_be_extended(base: Path, extends: str, expected: str) -> None:
    folder = base.parent / "folder.yaml"
    folder.mkdir()
    (folder / "base.yaml").write_text(SKETCH)
    (base.parent / "linked.yaml").symlink_to(folder / "base.yaml")
    (base.parent / "loop.yaml").symlink_to("loop.yaml")
    assert told(extending(base, extends=extends))[:1] == [f"unit.yaml:2: {expected}"]


def test_files_in_a_circle_or_too_many(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(f"{SCHEMA}extends: unit.yaml\n")
    assert told(extending(base)) == ["base.yaml:2: the files extend one another in a circle; take this line out of one"]
    for number in range(9):
        extending(base, name=f"f{number}.yaml", extends=f"f{number + 1}.yaml")
    assert told(tmp_path / "f0.yaml") == ["f7.yaml:2: more than 8 files extend one another; bring some together"]


def test_mistakes_of_both_files_are_told_with_their_files_even_in_what_is_replaced(base: Path) -> None:
    base.write_text(SKETCH.replace("half_life: 30d", "half_lif: 30d").replace("sticky: true", "sticky: yes"))
    file = extending(base, "mql: {sticky: false}\nengagement: {decay: {linear: 10d}, rule: []}\n")
    assert told(file) == [
        'base.yaml:17: unknown key "half_lif". Did you mean "half_life"?',
        'base.yaml:26: sticky should be true or false, not "yes"',
        'unit.yaml:4: unknown key "rule". Did you mean "rules"?',
    ]


def test_ids_of_two_groups_and_two_files(base: Path) -> None:
    rule = "{id: ebook, field: a, eq: 1, points: 5}"
    assert told(extending(base, f"fit: {{rules: [{rule}]}}\n")) == [
        f'base.yaml:19: the id "ebook" is already taken in {base.parent}/unit.yaml:3; give each rule a name of its own'
    ]
    twice = "{id: ebook, points: 5}, {id: ebook, points: 6}"
    assert 'unit.yaml:3: the id "ebook" is already taken' in "".join(
        told(extending(base, f"engagement: {{rules: [{twice}]}}\n"))
    )


def test_what_an_extending_file_names_is_replaced_and_all_else_is_kept(base: Path) -> None:
    file = extending(
        base,
        """\
id: unit
fit:
  cap: 40
  rules:
    - {id: company_size, points: 7, field: seats, gte: 10}
    - {id: decision_maker, enabled: false}
    - {id: region, field: country, eq: DE, points: 3}
engagement:
  decay: {linear: 60d}
  rules:
    - {id: ebook, points: 12}
    - {id: pricing_page, event: prices}
mql:
  field: phone
  is: not_blank
  threshold: {fit: 5}
""",
    )
    rules, (before,) = files.load(file), files.load(base).versions
    (version,) = rules.versions
    assert rules.id == "unit"
    assert (version.number, version.begins) == ("3", date(2026, 4, 1))
    assert (version.fit.cap, version.engagement.cap, version.engagement.floor) == (40.0, 50.0, 0.0)
    assert [rule.id for rule in version.rules] == ["company_size", "region", "ebook", "newsletter", "pricing_page"]
    size, _, ebook, newsletter, pricing = version.rules
    assert size.condition is not None
    assert (size.condition.label, size.points, size.bands) == ("company_size", 7.0, ())
    assert (ebook.points, ebook.max_total, newsletter.points) == (12.0, 20.0, 5.0)
    assert {rule.decay.kind for rule in (ebook, newsletter) if rule.decay} == {"linear"}
    assert pricing.event is not None
    assert (pricing.event.names, pricing.event.where, pricing.event.within) == (("prices",), (), None)
    assert version.mql is not None
    assert before.mql is not None
    assert version.mql.require is not None
    assert version.mql.require.label == "phone is not_blank"
    assert version.mql.thresholds[0].parts == [("fit", 5.0), ("engagement", 20.0)]
    assert version.mql.sticky
    assert version.mql.fast_track == before.mql.fast_track
    assert version.suppress == before.suppress
    assert version.sql == before.sql


def test_an_extending_file_reaches_every_version(base: Path) -> None:
    base.write_text(EVERYTHING)
    first, second = files.load(extending(base, "mql: {threshold: 40}\n")).versions
    assert [stage.thresholds[0].score for stage in (first.mql, second.mql) if stage] == [40.0, 40.0]
    (only,) = files.load(extending(base, "versions: [{version: 9, mql: {threshold: 50}}]\n")).versions
    assert only.number == "9"
    assert only.fit.rules[0].id == "size"


# ------------------------------------------------------------------------------------ what is right


def test_three_lines_are_a_definition() -> None:
    (version,) = files.load_text(SIMPLE).versions
    assert version.mql is not None
    assert version.mql.require is not None
    assert version.mql.require.label == "event ebook_download, newsletter_signup"
    assert not version.scored


@pytest.mark.parametrize("rules", [SKETCH, SIMPLE, EVERYTHING], ids=["sketch", "simple", "everything"])
@pytest.mark.parametrize("change", [str, lambda rules: rules.replace("\n", "\r\n"), lambda rules: "\ufeff" + rules,
                                    lambda rules: f"---\n{rules}...\n"], ids=["", "crlf", "bom", "dashes"])  # fmt: skip
def test_what_is_right_is_read(rules: str, change: Callable[[str], str]) -> None:
    assert told(change(rules)) == []


def test_every_key_of_the_format_is_used_in_a_file_that_is_right() -> None:
    used = {word for line in EVERYTHING.splitlines() for word in re.findall(r"([a-z_]+):(?= |$)", line)}
    assert {key for _, key in KEYS} - used == {"extends"}


def test_versions_share_what_stands_above_them() -> None:
    first, second = files.load_text(EVERYTHING).versions
    assert (first.number, first.owner, first.ends) == ("1", "Marketing Operations", date(2026, 3, 31))
    assert (second.number, second.owner, second.begins) == ("2", "Jana", date(2026, 4, 1))
    points = [{rule.id: rule.points for rule in version.fit.rules} for version in (first, second)]
    assert [one["region"] for one in points] == [5.0, 8.0]
    assert "source" in points[0]
    assert "source" not in points[1]
    assert "old_rule" not in points[0]
    assert first.mql is not None
    assert first.mql.thresholds[0].score == 30.0
    assert first.mql.fast_track is not None
    assert [len(version.tests) for version in (first, second)] == [0, 1]


# ------------------------------------------------------------------------------------ changes


def test_a_change_is_noticed_at_once_even_of_the_same_length(base: Path) -> None:
    assert files.load(base).id == "default-b2b"
    assert files.load(base) is files.load(base)
    state = base.stat()
    base.write_text(SKETCH.replace("default-b2b", "another-one"))
    os.utime(base, ns=(state.st_atime_ns, state.st_mtime_ns))  # as where times are noted by the second
    assert files.load(base).id == "another-one"


def test_a_change_of_an_old_file_is_noticed_by_its_time(base: Path) -> None:
    os.utime(base, (1e9, 1e9))
    assert files.load(base) is files.load(base)
    base.write_text(SKETCH.replace("default-b2b", "another-one"))
    os.utime(base, (1.1e9, 1.1e9))
    assert files.load(base).id == "another-one"


def test_a_change_of_an_extended_file_is_noticed_and_one_that_appears(base: Path) -> None:
    file = extending(base)
    base.rename(base.parent / "away.yaml")
    assert told(file) == ['unit.yaml:2: there is no file "base.yaml" in the folder of this file']
    (base.parent / "away.yaml").rename(base)
    assert told(file) == []
    base.write_text(SKETCH.replace("cap: 50", "cap: 45"))
    assert files.load(file).versions[0].fit.cap == 45.0
    base.unlink()
    assert told(file) == ['unit.yaml:2: there is no file "base.yaml" in the folder of this file']


def test_a_file_that_became_invalid_raises_until_it_is_repaired(base: Path) -> None:
    files.load(base)
    base.write_text(SKETCH.replace("threshold", "thresold"))
    for _ in range(2):
        assert told(base) == ['base.yaml:25: unknown key "thresold". Did you mean "threshold"?']
    base.write_text(SKETCH)
    assert files.load(base).id == "default-b2b"


def test_a_text_is_called_what_it_is_called_now() -> None:
    assert told("a", name="one.yaml")[0].startswith("1: ")
    assert told("a", name="two.yaml")[0].startswith("1: ")


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "~nobody-of-this-name/rules", "gone"])
def test_a_name_that_is_no_file(name: str, tmp_path: Path) -> None:
    assert files.find(name, tmp_path) is None


def test_files_are_found_beside_the_workbook_with_and_without_their_ending(base: Path) -> None:
    for name in ("base", "base.yaml", str(base), str(base.with_suffix(""))):
        found = files.find(name, base.parent)
        assert found is not None
        assert found.file == base
