"""Whatever stands in a rules file: it gives rules or problems with their places, and soon."""

from __future__ import annotations

import gc
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from told import EVERYTHING, MQL, SCHEMA, SIMPLE, SKETCH

from kpi_udfs.errors import ConfigError
from kpi_udfs.messages import Sentence, write
from kpi_udfs.rules import files
from kpi_udfs.rules.format import OPERATORS, RULE, STAGE
from kpi_udfs.rules.model import RuleSet

pytestmark = pytest.mark.thorough

CHUNKS, EACH = 40, 250
NAME = "f.yaml"
SOURCES = [SKETCH, SKETCH, SKETCH, EVERYTHING, SIMPLE]
KEYS = sorted({*RULE.keys, *STAGE.keys, *OPERATORS, "from", "to", "below", "effective_from", "half_life", "extends"})
VALUES = [
    "10", "-3", "0", "1e99", "9" * 40, "1.5", "1,5", "50.000", "ten", "true", "yes", "null", "~", "2026-02-30", "2026-04-01",
    "30d", "0d", "4w", "[]", "{}", "[1, two]", "{a: b}", "[[x]]", '""', "'x'", '"\\x00"', "“a”", "blank", "not_blank",
    "1d ago", "Europe/Berlin", "(a+)+$", "[", "none", "SQL", "kpi_udfs.qualification/1", "base.yaml", "é", "x" * 300,
]  # fmt: skip
VALUE = re.compile(r"(?<=: )[^\s,{}\[\]]+")
KEY = re.compile(r"[a-z_]+(?=:(?: |$))", re.MULTILINE)


@pytest.fixture(autouse=True, scope="module")
def _what_happens_once() -> Iterator[None]:
    """Not measured: loading how numbers are written, and a collector that goes through what other tests loaded."""
    write(1, "count")
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def soon(rules: str | bytes) -> tuple[float, RuleSet | ConfigError]:
    """The seconds it takes to read a text or a file's content, and the rules or problems it gives."""
    began = time.process_time()
    made = read(rules)
    took = time.process_time() - began
    assert took < 1
    if isinstance(made, ConfigError):
        assert any(problem.line or "larger than" in str(problem) for problem in made.problems)
        assert all(problem.file == NAME and "\n" not in str(problem) for problem in made.problems)
        assert len(str(made)) < 100_000
    return took, made


def read(rules: str | bytes) -> RuleSet | ConfigError:
    try:
        return files.load_text(rules if isinstance(rules, str) else rules.decode("latin-1"), NAME)
    except ConfigError as error:
        return error


# ------------------------------------------------------------------------------------ ways to spoil a file

Way = Callable[[random.Random, str], str]


def at_one(pattern: re.Pattern[str], new: Callable[[random.Random, str], str]) -> Way:
    """Something else in place of one of the places where the pattern is found."""

    def spoil(dice: random.Random, rules: str) -> str:
        found = list(pattern.finditer(rules))
        if not found:
            return rules
        one = dice.choice(found)
        return rules[: one.start()] + new(dice, one[0]) + rules[one.end() :]

    return spoil


def swapped(pattern: re.Pattern[str]) -> Way:
    def spoil(dice: random.Random, rules: str) -> str:
        found = list(pattern.finditer(rules))
        if len(found) < 2:
            return rules
        first, second = sorted(dice.sample(found, 2), key=lambda one: one.start())
        return (
            rules[: first.start()] + second[0] + rules[first.end() : second.start()] + first[0] + rules[second.end() :]
        )

    return spoil


def of_lines(change: Callable[[random.Random, list[str], int], list[str]]) -> Way:
    """One line exchanged for others."""

    def spoil(dice: random.Random, rules: str) -> str:
        lines = rules.splitlines()
        if not lines:
            return rules
        index = dice.randrange(len(lines))
        return "\n".join([*lines[:index], *change(dice, lines, index), *lines[index + 1 :]]) + "\n"

    return spoil


def without_a_letter(dice: random.Random, word: str) -> str:
    at = dice.randrange(len(word))
    return word[:at] + word[at + 1 :]


def some_sign(dice: random.Random, rules: str) -> str:
    at = dice.randrange(len(rules) + 1)
    return rules[:at] + dice.choice("\t\n {}[]:,-#&*!|>'\"%@`~?éß😀\u00a0\u2028\ufeff\x00\x07\\") + rules[at:]


def without_some_signs(dice: random.Random, rules: str) -> str:
    at = dice.randrange(len(rules) + 1)
    return rules[:at] + rules[at + dice.choice([1, 1, 1, 2, 5, 40]) :]


MEANING: list[Way] = [
    at_one(VALUE, lambda dice, _: dice.choice(VALUES)),
    at_one(VALUE, lambda dice, _: str(dice.randrange(-5, 400))),
    at_one(VALUE, lambda _, value: f"[{value}]"),
    at_one(VALUE, lambda _, value: f'"{value.strip(chr(34))}"'),
    at_one(VALUE, lambda dice, value: f"{{{dice.choice(KEYS)}: {value}}}"),
    at_one(KEY, lambda dice, _: dice.choice(KEYS)),
    at_one(KEY, without_a_letter),
    at_one(re.compile("[0-9]+"), lambda dice, _: dice.choice(["ten", "-1", "0", "1.5", "99999999999999999999", "2026-04-01"])),
    swapped(KEY),
    swapped(VALUE),
    of_lines(lambda _, lines, index: [lines[index], lines[index]]),
    of_lines(lambda *_: []),
    of_lines(lambda dice, lines, index: [lines[index], lines[dice.randrange(len(lines))]]),
    of_lines(lambda dice, lines, _: [lines[dice.randrange(len(lines))]]),
]  # fmt: skip
SIGNS: list[Way] = [
    some_sign,
    without_some_signs,
    of_lines(lambda dice, lines, index: [" " * dice.choice([1, 2, 4]) + lines[index]]),
    of_lines(lambda _, lines, index: [lines[index].removeprefix("  ")]),
]


def mutant(number: int) -> str:
    """The file of this number: the same at every run."""
    dice = random.Random(number)
    rules = dice.choice(SOURCES)
    for _ in range(dice.choice([1, 1, 1, 2, 3, 6])):
        rules = dice.choice(SIGNS if dice.random() < 0.2 else MEANING)(dice, rules)
    return rules


def parses(made: RuleSet | ConfigError) -> bool:
    """Whether it is YAML, right or not."""
    problems = made.problems if isinstance(made, ConfigError) else []
    keys = {problem.message.text.key for problem in problems if isinstance(problem.message, Sentence)}
    return all(not key.startswith("pages.") or "key" in key for key in keys)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_spoilt_file_gives_rules_or_problems_with_their_places(
    chunk: int, record_property: Callable[[str, object], None]
) -> None:
    slowest, parsed = 0.0, 0
    for number in range(chunk * EACH, (chunk + 1) * EACH):
        took, made = soon(mutant(number))
        slowest = max(slowest, took)
        parsed += parses(made)
    share = parsed / EACH
    record_property("slowest", slowest)
    record_property("share parsed", share)
    assert share >= 0.5


# ------------------------------------------------------------------------------------ files meant to harm

RULES = f"{SCHEMA}{MQL}"
HOSTILE = {
    "billion laughs": "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    ),
    "200,000 brackets": "[" * 200_000,
    "200,000 braces": "{" * 200_000,
    "100,000 nested lists": "- " * 100_000,
    "100,000 nested keys": "? " * 100_000,
    "brackets in rules": f"{RULES}id: {'[' * 200_000}",
    "a line of 250 kB": f"{RULES}owner: {'x' * 250_000}\n",
    "a text in quotes of 250 kB": f'{RULES}owner: "{"x " * 125_000}"\n',
    "a key of 250 kB": f"{RULES}{'k' * 250_000}: 1\n",
    "a complex key of 250 kB": f"{RULES}? {'k' * 250_000}\n: 1\n",
    "an unknown word of 250 kB": f"schema: {'k' * 250_000}\n",
    "a key 10,000 times": RULES + "owner: x\n" * 10_000,
    "a name 10,000 times": f"{RULES}fields:\n" + "  a: b\n" * 10_000,
    "10,000 unknown keys": RULES + "".join(f"k{n}: 1\n" for n in range(10_000)),
    "10,000 misspelt keys": RULES + "".join(f"effective_frm{n}: 1\n" for n in range(10_000)),
    "256 kB of items": f"{SCHEMA}mql: {{field: a, in: [{'x,' * 100_000}]}}\n",
    "30,000 equal items": f"{SCHEMA}mql: {{field: a, in: [{'x,' * 30_000}]}}\n",
    "18,000 different items": f"{SCHEMA}mql: {{field: a, in: [{','.join(f'x{n}' for n in range(18_000))}]}}\n",
    "9,500 items and their contrary": f"{SCHEMA}mql: {{field: a, in: [{','.join(f'x{n}' for n in range(9_500))}], "
                                       f"not_in: [{','.join(f'x{n}' for n in range(9_500))}]}}\n",
    "items and alternatives": f"{SCHEMA}mql: {{all: [{{field: a, in: [{','.join(f'x{n}' for n in range(5_000))}]}},"
                              f"{{any: [{','.join(f'{{field: a, eq: x{n}}}' for n in range(2_900))}]}}]}}\n",
    "9,000 parts of a text": f"{SCHEMA}mql: {{field: a, contains: [{','.join(f'x{n}' for n in range(9_000))}], "
                             f"not_contains: [{','.join(f'y{n}' for n in range(9_000))}]}}\n",
    "3,500 conditions on one field": f"{SCHEMA}mql: {{all: [{','.join(f'{{field: a, gte: {n}}}' for n in range(3_500))}]}}\n",
    "3,500 contradictions": f"{SCHEMA}mql: {{all: [{','.join(f'{{field: a, eq: {n}}}' for n in range(3_500))}]}}\n",
    "2,700 contradicting fields": f"{SCHEMA}mql: {{all: [{','.join(f'{{field: a{n}, gt: 2, lt: 1}}' for n in range(2_700))}]}}\n",
    "2,000 rules": f"{RULES}fit: {{rules: [" + ",\n".join(
        f"{{id: r{n}, field: a, eq: {n}, points: 1}}" for n in range(2_000)) + "]}\n",
    "3,900 rules switched off": f"{RULES}fit: {{rules: [" + ",\n".join(
        f"{{id: r{n}, enabled: false}}" for n in range(3_900)) + "]}\n",
    "2,800 bands": f"{RULES}fit: {{rules: [{{id: a, field: b, bands: [" + ",".join(
        "{from: 1, to: 2, points: 1}" for n in range(2_800)) + "]}]}\n",
    "6,000 thresholds": f"{SCHEMA}fit: {{rules: [{{id: a, field: b, eq: 1, points: 5}}]}}\nmql: {{threshold: [" + ",".join(
        f"{{fit: {n}}}" for n in range(6_000)) + "]}\n",
    "10,000 versions": f"{RULES}versions: [{'{},' * 10_000}]\n",
    "10,000 versions of much": f"{RULES}missing: [{'x,' * 10_000}]\nversions: [{'{},' * 10_000}]\n",
    "3,000 versions day by day": f"{RULES}versions: [" + ",".join(
        f"{{effective_from: {1000 + n}-01-01, effective_to: {1000 + n}-01-02}}" for n in range(3_000)) + "]\n",
    "250 versions": f"{RULES}fit: {{rules: [{','.join(f'{{id: r{n}, field: a, eq: 1, points: 1}}' for n in range(8))}]}}\n"
                    f"versions: [" + ",".join(
        f"{{effective_from: {1000 + n}-01-01, effective_to: {1000 + n}-01-02}}" for n in range(250)) + "]\n",
    "a number of 200,000 digits": f"{RULES}score: {{cap: {'9' * 200_000}}}\n",
    "20,000 line ends of all kinds": f"{RULES}owner: 'a{chr(0x2028) * 20_000}b{chr(0x85) * 20_000}'\n",
    "a pattern of 200 kB": f"{SCHEMA}mql: {{field: a, regex: '{'a' * 200_000}'}}\n",
    "only spaces": " " * 250_000,
    "only line ends": "\n" * 250_000,
    "only a comment": "#" * 250_000,
    "colons": ":" * 250_000,
    "quotation marks": "'" * 249_999,
    "percent": "%" * 250_000,
    "too large": "#" * 256_001,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_meant_to_harm_is_refused_or_read_within_a_second(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("slowest", soon(HOSTILE[name])[0])


@pytest.mark.parametrize("number", range(50))
def test_any_bytes_at_all(number: int) -> None:
    dice = random.Random(number)
    soon(bytes(dice.randrange(256) for _ in range(dice.choice([1, 10, 1000]))))


def test_files_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    for number in range(50):
        file.write_bytes(random.Random(number).randbytes(500))
        with pytest.raises(ConfigError) as raised:
            files.load(file)
        assert raised.value.problems[0].line
