"""Patterns mean the same in every engine, refuse what can't, and never hang."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpi_udfs.messages import CATALOG, say
from kpi_udfs.rules.patterns import Pattern, PatternRefused, lowered, read_pattern

#: Patterns of every construct that is accepted.
ACCEPTED = [
    "head|director|leiter",
    "Head",
    "(?i)Head|DIRECTOR",
    "(head|director) of (sales|marketing)",
    "(?:vp|vice president)[ ,]",
    "geschäftsführer|Ärztin|gérant",
    "^head",
    "head$",
    "^head$",
    "^(head|vp)$",
    "^head|vp$",
    "(^|[^a-z])vp([^a-z]|$)",
    "a^b|x",
    "x|a$b",
    "(^a|b)+c",
    "(x$|y)+",
    "((^|,)a)+$",
    "h.d",
    "^.$",
    "^..$",
    "a.*b",
    "^[^a]$",
    "[a-z0-9_äöü]+@",
    "[A-C]x",
    "[^A-C]x",
    "[A-z]{3}",
    "[À-Þ]",
    "[^a-z ]",
    "[-a]b",
    "[a-]b",
    "[a-c-]x",
    "[^-a]b",
    r"[\]\[\\^-]x",
    r"[\-.]x",
    r"[\^a]x",
    r"[ \t\n\r]x",
    "[+*?.(){}|$]",
    "[a^]x",
    r"\.",
    r"c\+\+|c#",
    r"\(m\/w\/d\)",
    r"\\|\||\^|\$|\{|\}|\[|\]|\*|\?",
    r"\<\>|\-|\ x|\@|\_|\~|\&",
    r"a\tb|a\nb|a\rb",
    "a\tb",
    "ab*c",
    "ab+c",
    "ab?c",
    "ab*?c",
    "ab+?c",
    "ab??c",
    "ab{2}c",
    "ab{2,}c",
    "ab{0,2}c",
    "ab{1,3}?c",
    "ab{0}c",
    "ab{0,}c",
    "ab{1}c",
    "(ab){2}c",
    "(a|b){2,3}c",
    "(a*b*){2}c",
    "(a*)*b",
    "(a+)+b",
    "(a?)+b",
    "((a?b)*c?)+x",
    "(a|)b",
    "(|a)b",
    "(a|b|)+c",
    "()a",
    "(){2}a",
    "(?:)a",
    "((((a))))",
    "ß|ẞ",
    "ος$",
    "[α-ω]x",
    "[^σ]x",
    "😀+",
    "[😀-😎]x",
    "[^😀]x",
    "\0",
    "[\0-\x1f]x",
    "日本|本部長",
]

TEXTS = [
    "",
    "a",
    "A",
    "b",
    "x",
    "ab",
    "AB",
    "abc",
    "aBBc",
    "abbc",
    "abbbc",
    "abbbbc",
    "ac",
    "aabbab",
    "ababc",
    "aaaaac",
    "a\nb",
    "a\tb",
    "a\rb",
    "a\n",
    "head\n",
    "\nhead",
    "head",
    "HEAD",
    "Head of Sales",
    "director of marketing",
    "Marketing-Leiter",
    "VP, Sales",
    "vp",
    "MVP",
    "the vp.",
    "vice president of",
    "ahead",
    "Geschäftsführer",
    "GESCHÄFTSFÜHRERIN",
    "ärztin",
    "Gérant",
    "h\nd",
    "h d",
    "c++",
    "C#",
    "(m/w/d)",
    "a,a,a",
    "xy",
    "yx",
    "cx",
    "DX",
    "-b",
    "^x",
    "]x",
    "\\x",
    ".x",
    " x",
    "\nx",
    "<>",
    "a_@b",
    "ü@",
    "_@",
    "Straße",
    "ẞ",
    "ΟΔΟΣ",
    "οδος",
    "οσα",
    "ΩX",
    "σx",
    "ςX",
    "😀x",
    "😁X",
    "x😀",
    "a\0b",
    "\x01x",
    "日本部長",
    "a\u2028b",
    "a\x85b",
    "a\u00a0x",
    "ÿ",
    "Þ",
    "×",
    "{}[]*?^$|",
]


#: Characters whose lower case engines see differently; Python's ``re`` takes them for an i and an s.
DIFFICULT = ["İZMİR", "İ", "i", "izmir", "ISTANBUL", "ıstanbul", "i̇", "ſ", "s", "K", "k"]


def read(written: str) -> Pattern | None:
    """The pattern; None if it is refused with a reason."""
    try:
        return read_pattern(written)
    except PatternRefused as refused:
        return None if str(refused) else pytest.fail("no reason")


def with_re(written: str) -> Callable[[str], bool]:
    """Where Python's own ``re`` finds it; its $ also stands before a last line feed."""
    ended = re.sub(r"\\.|\[\^?(?:\\.|[^\]\\])*\]|\$", lambda m: r"\Z" if m[0] == "$" else m[0], written, flags=re.S)
    compiled = re.compile(ended, re.IGNORECASE)
    return lambda text: compiled.search(text) is not None


def with_polars(portable: str, texts: list[str]) -> list[bool]:
    polars = pytest.importorskip("polars")
    column = polars.Series(texts, dtype=polars.String)
    return column.str.replace_all("İ", "i", literal=True).str.to_lowercase().str.contains(portable).to_list()


def with_duckdb(portable: str, texts: list[str]) -> list[bool]:
    duckdb = pytest.importorskip("duckdb")
    query = "SELECT regexp_matches(lower(replace(unnest($texts::VARCHAR[]), 'İ', 'i')), $portable)"
    with duckdb.connect() as connection:
        return [found for (found,) in connection.execute(query, {"texts": texts, "portable": portable}).fetchall()]


@pytest.mark.parametrize("written", ACCEPTED)
def test_it_is_found_where_python_finds_it(written: str) -> None:
    pattern, expected = read_pattern(written), with_re(written)
    for text in TEXTS:
        assert pattern.found_in(text) == expected(text), text
    assert pattern.of_all(iter(TEXTS)) == [expected(text) for text in TEXTS]


@pytest.mark.parametrize("engine", [with_polars, with_duckdb])
def test_it_is_found_where_engines_find_it(engine: Callable[[str, list[str]], list[bool]]) -> None:
    texts = TEXTS + DIFFICULT
    for written in [*ACCEPTED, "İzmir", "ı", "[İ-ı]", "i̇", "ſ", "[^s]$", "K"]:
        pattern = read_pattern(written)
        assert engine(pattern.portable, texts) == pattern.of_all(texts), written


@pytest.mark.parametrize("engine", [with_polars, with_duckdb])
def test_engines_take_the_largest_patterns(engine: Callable[[str, list[str]], list[bool]]) -> None:
    letters = "".join(chr(point) for point in range(0x1F000, 0x1F000 + 3 * 90, 3))  # 90 ranges of 4 bytes
    for written in [
        f"[{letters}]{{49}}x",
        f"[^{letters}]{{49}}x",
        "[^x]{499}y",
        "(.+){249}x",
        "([a-z]{2,11}, ?){1,11}[a-z]x",
    ]:
        pattern = read_pattern(written)
        texts = [pattern.example(), pattern.example() * 2, "x"]
        assert engine(pattern.portable, texts) == pattern.of_all(texts) == [True, True, False], written


@pytest.mark.parametrize("written", ACCEPTED)
def test_its_example_is_found(written: str) -> None:
    pattern = read_pattern(written)
    assert pattern.found_in(pattern.example())


@pytest.mark.parametrize(
    ("written", "example"),
    [
        ("head|director|leiter", "head"),
        ("(^|[^a-z])VP([^a-z]|$)", "vp"),
        ("[0-9]{3,}-[A-Z]?", "000-"),
        ("^.+@.+$", "a@a"),
        ("[^a-z]x", "0x"),
    ],
)
def test_examples_are_short_and_plain(written: str, example: str) -> None:
    assert read_pattern(written).example() == example


@pytest.mark.parametrize(
    ("written", "portable"),
    [
        ("Head|(Director|VP)s?", "head|(?:director|vp)s?"),
        ("(?i)[A-Z]+?", "[a-z]+"),
        ("a.b$", r"a[^\x{a}]b$"),
        (r"c\+\+ \"x\"", r'c\+\+ "x"'),
        ("(a{2,3}){1,}b{4}c{5,}d{0,1}", "(?:a{2,3})+b{4}c{5,}d?"),
        ("[À-Ö]", "[à-ö]"),
        ("[Ä-Ü]", "[Ä-Üä-öø-ü]"),
        ("[^a\\-]", r"[^\-a]"),
        ("ΟΔΟΣ", "οδο[ς-σ]"),
        ("\0", r"\x{0}"),
    ],
)
def test_what_engines_get(written: str, portable: str) -> None:
    assert read_pattern(written).portable == portable


@pytest.mark.parametrize(
    ("text", "found"), [("İSTANBUL", True), ("Istanbul", True), ("ISTANBUL", True), ("ıstanbul", False)]
)
@pytest.mark.parametrize("written", ["İstanbul", "istanbul", "ISTANBUL", "[İ]stanbul"])
def test_the_i_with_a_dot_is_an_i(written: str, text: str, found: bool) -> None:
    assert read_pattern(written).found_in(text) is found


def test_lower_case_is_that_of_the_engines() -> None:
    """Newer Unicode has more letters than older engines know; these scripts are settled."""
    letters = [chr(point) for point in [*range(1, 0x588), *range(0x10A0, 0x1100), *range(0x1E00, 0x2C00)]]
    assert all(len(lowered(chr(point))) == 1 for point in range(0x110000))
    assert all(chr(point).lower() == chr(point) for point in range(0x20000, 0x110000))
    polars = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    replaced = polars.Series(letters).str.replace_all("İ", "i", literal=True)
    assert replaced.str.to_lowercase().to_list() == [lowered(letter) for letter in letters]
    query = "SELECT lower(replace(unnest($letters::VARCHAR[]), 'İ', 'i'))"
    with duckdb.connect() as connection:
        found = [lower for (lower,) in connection.execute(query, {"letters": letters}).fetchall()]
    assert found == [lowered(letter) for letter in letters]


def test_patterns_are_equal_as_written() -> None:
    assert read_pattern("head") == read_pattern("head")
    assert read_pattern("head") != read_pattern("Head")
    assert repr(read_pattern("head")) == "Pattern(written='head')"


# Patterns by chance.

CHARS = ["a", "B", "b", "Ä", "-", ".", r"\.", "[ab]", "[^a]", "[^B-]", "[A-Bä]", r"[\]x]", "\n", r"\n"]


def grown(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{1,3}?", "{0}"]
    return st.one_of(
        st.lists(parts, min_size=1, max_size=4).map("".join),
        st.lists(parts, min_size=1, max_size=3).map(lambda branches: f"({'|'.join(branches)})"),
        st.tuples(parts, st.sampled_from(signs)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    )


SUBSET = st.recursive(st.sampled_from([*CHARS, "^", "$", ""]), grown, max_leaves=10)
SMALL_TEXTS = ["".join(chars) for length in range(4) for chars in product("aB\nä-", repeat=length)]


@settings(max_examples=300, deadline=None)
@given(SUBSET)
def test_any_pattern_is_found_where_python_and_polars_find_it(written: str) -> None:
    try:
        expected = with_re(written)
    except re.error:  # ^* and the like
        assume(False)
    try:
        pattern = read_pattern(written)
    except PatternRefused as refused:
        reason = refused.reason.text.key
        found = [text for text in SMALL_TEXTS if expected(text)]
        if reason == "pattern.everywhere":
            assert found == SMALL_TEXTS
        elif reason == "pattern.in_empty":
            assert found[0] == ""
        elif reason == "pattern.nowhere":
            assert not found
        else:
            assert reason in ("pattern.empty", "pattern.no_body")
        return
    here = pattern.of_all(SMALL_TEXTS)
    assert here == [expected(text) for text in SMALL_TEXTS]
    assert pattern.found_in(pattern.example())
    assert here == with_polars(pattern.portable, SMALL_TEXTS)


@settings(max_examples=200, deadline=None)
@given(SUBSET, SUBSET, st.integers(2, 12), st.lists(st.text("aB\nä-", max_size=30), min_size=20, max_size=20))
def test_many_repeats_are_found_where_polars_finds_them(one: str, other: str, times: int, texts: list[str]) -> None:
    """Written out they take other ways from set to set."""
    pattern = read(f"({one}|{other}b){{{times}}}-|(?:{one}B+){{{times},12}}[^-]")
    assume(pattern)
    assert with_polars(pattern.portable, texts) == pattern.of_all(texts)


@settings(max_examples=100, deadline=None)
@given(SUBSET, st.text("aB\nä-", min_size=1, max_size=40))
def test_a_long_text_is_searched_as_a_short_one(written: str, piece: str) -> None:
    """Beyond some length the search goes another way."""
    pattern = read(written)
    assume(pattern)
    text = lowered(piece) * 60
    state = pattern._automaton.start
    expected = any((state := state[char]) is pattern._automaton.found for char in text) or state.holds
    assert pattern.found_in(text) == expected
    assert pattern._automaton.finds_afresh(text, pattern._automaton.start.reach) == expected


@pytest.mark.parametrize(
    "written", ["a[ab]{12}c", "^[ab]*a.{40}c$", "[ab]a.{20}(b|c.)c", "a.{30}c|c.{30}a", "ca.{15}$"]
)
def test_a_text_of_ever_new_sets_is_searched_as_any_other(written: str) -> None:
    pattern, expected = read_pattern(written), with_re(written)
    by_chance = random.Random(1)
    found = []
    for _ in range(100):
        text = "".join(by_chance.choices("ab", k=by_chance.randint(400, 3_000)))
        cut = by_chance.randint(len(text) - 30, len(text))
        text = text[:cut] + by_chance.choice(["c", "cc", "ca", "aac", ""]) + text[cut:]
        found.append(pattern.found_in(text))
        assert found[-1] == expected(text)
    assert len(set(found)) == 2


# What is refused.

LARGE = (
    "With its repeats written out the pattern is {} characters long, and 500 are the most. "
    "Write smaller counts, or * or + instead."
)
EVERYWHERE = (
    "The pattern is found in every text, even in an empty one. Write + instead of *, or something that must be there."
)
IN_EMPTY = "The pattern is found in an empty text. Ask for empty fields with is: blank, and write + instead of * here."
NOWHERE = (
    "There is no text in which the pattern could be found. Write ^ only where the text begins and $ only where it ends."
)
BRACE = "A {0} stands for a count, such as {{2}}, {{2,}} or {{0,5}}. Write \\{0} if you mean the character."
NO_BODY = "There is nothing before {0} to be repeated. Write \\{0} if you mean the character."
TWICE = "{} repeats what is already repeated. Write one of the two, or put the first in ( )."
LOOK = "{} looks at what stands around, which not every engine can. Write a condition of its own for that."
BACK = "{} asks for what was found before, which not every engine can. Write out what is to follow."
NAMED = "{} names a group, which engines write differently. Write ( without a name."
FLAGS = "{} sets options, which engines read differently. Leave it out: case never matters here."
GROUP = "{} begins a group that not every engine knows. Write ( or (?: instead."
SHORTHAND = "{} means different characters in different engines. Write {}, or what you need."
ALL_BUT = "{} within [ ] means all but some characters. Write [^ ] with the characters that are not meant."
BOUNDARY = "{} finds different places in different engines. Write (^|[^a-z]) before a word and ([^a-z]|$) after it."
ANCHOR = "{} is not known to every engine. Write {}."
PROPERTY = "{} stands for characters by their kind, which not every engine knows. Write [a-zäöüß] or so."
ESCAPE = "{} is read differently by engines. Write the character itself, without the \\."
POSIX = "{} is not known to every engine. Write [a-z], [0-9] or the characters you mean."
OPERATION = (
    "{} within [ ] calculates with characters in some engines. Write the characters you mean, and \\ before a sign."
)
DASH = "A - stands after a range within [ ]. Write \\- if you mean the character."
BRACKET = "A [ stands within [ ]. Write \\[ if you mean the character."
RANGE = "{} is no range: its second character comes before the first. Write the smaller first."
UNCLOSED = "A {0} is never closed. Write \\{0} if you mean the character."
UNOPENED = "A {0} closes nothing. Write \\{0} if you mean the character."
NO_MEMBERS = "The brackets {} hold nothing. Write \\] if you mean the character."
BACKSLASH = "The pattern ends with a \\. Write \\\\ if you mean the character."
SURROGATE = "The pattern holds half a character (a surrogate). Write the whole character."

REFUSED = {
    "": "The pattern is empty. Write what to look for, such as head|director.",
    "a" * 501: "The pattern has 501 characters, and 500 are the most. Write several conditions instead.",
    "(a{20}){30}": LARGE.format("600"),
    "a{501}": LARGE.format("501"),
    "a{501,}": LARGE.format("501"),
    "a{0,501}": LARGE.format("501"),
    "a{300}b{300}": LARGE.format("600"),
    "(){1000}a": LARGE.format("1,001"),
    "((((a{99}){99}){99}){99}){99}": LARGE.format("9,509,900,499"),
    "a{" + "9" * 400 + "}": LARGE.format("1,000,000,000,000"),
    "[aceikmoqsuwy02468]{300}": LARGE.format("600"),
    "(.?){200}x": "The pattern can go on in too many ways in too many places. Write several conditions instead.",
    "(" * 21 + "a" + ")" * 21: "There are groups in groups, more than 20 deep. Write it with fewer brackets.",
    "(?i)": EVERYWHERE,
    "a*": EVERYWHERE,
    "a|b?": EVERYWHERE,
    "a|": EVERYWHERE,
    "^": EVERYWHERE,
    "$": EVERYWHERE,
    "^.*": EVERYWHERE,
    "(a|^)*$": EVERYWHERE,
    "(a{0}|b{0,5})": EVERYWHERE,
    "^$": IN_EMPTY,
    "^a*$": IN_EMPTY,
    "^(head)?$|vp": IN_EMPTY,
    "a^": NOWHERE,
    "$a": NOWHERE,
    "[^\0-\U0010ffff]": NOWHERE,
    "[^\0-@\\[-\U0010ffff]": NOWHERE,  # all but capitals
    "a{": BRACE.format("{"),
    "a{x}": BRACE.format("{"),
    "a{,3}": BRACE.format("{"),
    "a{2,3": BRACE.format("{"),
    "a{ 2}": BRACE.format("{"),
    "a{-1}": BRACE.format("{"),
    "a{²}": BRACE.format("{"),
    "{a": BRACE.format("{"),
    "a}": BRACE.format("}"),
    "a{3,2}": "In {3,2} the second number is smaller than the first. Write the smaller one first.",
    "*a": NO_BODY.format("*"),
    "+": NO_BODY.format("+"),
    "a|?": NO_BODY.format("?"),
    "(*SKIP)a": NO_BODY.format("*"),
    "^*a": NO_BODY.format("*"),
    "a$+": NO_BODY.format("+"),
    "(^){2}a": NO_BODY.format("{"),
    "a**": TWICE.format("*"),
    "a+*": TWICE.format("*"),
    "a{2}{3}": TWICE.format("{"),
    "a*??": TWICE.format("?"),
    "a++": "++ is possessive, which not every engine knows. Write +.",
    "a*+b": "*+ is possessive, which not every engine knows. Write *.",
    "a?+b": "?+ is possessive, which not every engine knows. Write ?.",
    "a{2,3}+b": "{2,3}+ is possessive, which not every engine knows. Write {2,3}.",
    "(?>a+)b": "(?> is an atomic group, which not every engine knows. Write (?: instead.",
    "head(?= of)": LOOK.format("(?="),
    "head(?! of)": LOOK.format("(?!"),
    "(?<=of )sales": LOOK.format("(?<="),
    "(?<!of )sales": LOOK.format("(?<!"),
    r"(a)\1": BACK.format("\\1"),
    r"(a)\g<1>": BACK.format("\\g"),
    r"(a)\k<x>": BACK.format("\\k"),
    "(?P=x)": BACK.format("(?P="),
    "(?P<x>a)": NAMED.format("(?P<"),
    "(?<x>a)": NAMED.format("(?<"),
    "(?'x'a)": NAMED.format("(?'"),
    "a(?i)b": FLAGS.format("(?i)"),
    "(?s)a.b": FLAGS.format("(?s)"),
    "(?im)a": FLAGS.format("(?im)"),
    "(?i:a)": FLAGS.format("(?i:"),
    "a(?x": FLAGS.format("(?x"),
    "(?-i:a)": FLAGS.format("(?-i:"),
    "(?#note)a": "(?# is a comment, which not every engine knows. Write it after a # in the file.",
    "(?(1)a|b)": GROUP.format("(?("),
    "(?|a)": GROUP.format("(?|"),
    "(?R)": GROUP.format("(?R"),
    "(?P>x)": GROUP.format("(?P"),
    "(?)a": GROUP.format("(?)"),
    "a(?": GROUP.format("(?"),
    r"\d": SHORTHAND.format("\\d", "[0-9]"),
    r"\D": SHORTHAND.format("\\D", "[^0-9]"),
    r"\w": SHORTHAND.format("\\w", "[a-z0-9_]"),
    r"\W": SHORTHAND.format("\\W", "[^a-z0-9_]"),
    r"\s": SHORTHAND.format("\\s", "[ \\t]"),
    r"\S": SHORTHAND.format("\\S", "[^ \\t]"),
    r"[\d.]": SHORTHAND.format("\\d", "0-9"),
    r"[.\w]": SHORTHAND.format("\\w", "a-z0-9_"),
    r"[^,\s]": SHORTHAND.format("\\s", "\\ \\t"),
    r"[\S,]": ALL_BUT.format("\\S"),
    r"[\D]": ALL_BUT.format("\\D"),
    r"[a-\W]": ALL_BUT.format("\\W"),
    r"\bhead": BOUNDARY.format("\\b"),
    r"\Bhead": BOUNDARY.format("\\B"),
    r"\Ahead": ANCHOR.format("\\A", "^"),
    r"head\Z": ANCHOR.format("\\Z", "$"),
    r"head\z": ANCHOR.format("\\z", "$"),
    r"\p{L}": PROPERTY.format("\\p"),
    r"[\P{L}]": PROPERTY.format("\\P"),
    r"\x41": ESCAPE.format("\\x"),
    r"\u00e4": ESCAPE.format("\\u"),
    r"\0": ESCAPE.format("\\0"),
    r"\e": ESCAPE.format("\\e"),
    r"\v": ESCAPE.format("\\v"),
    r"\Q.\E": ESCAPE.format("\\Q"),
    r"\ä": ESCAPE.format("\\ä"),
    r"[\b]": ESCAPE.format("\\b"),
    r"[\1]": ESCAPE.format("\\1"),
    "\\\n": ESCAPE.format("\\\n"),
    "a\\": BACKSLASH,
    "[a\\": BACKSLASH,
    "[[:alpha:]]": POSIX.format("[:"),
    "[^[:digit:]]": POSIX.format("[:"),
    "[[=a=]]": POSIX.format("[="),
    "[[.a.]]": POSIX.format("[."),
    "[a&&b]": OPERATION.format("&&"),
    "[a-z--b]": OPERATION.format("--"),
    "[a--b]": OPERATION.format("--"),
    "[--a]": OPERATION.format("--"),
    "[a~~b]": OPERATION.format("~~"),
    "[a-c-e]": DASH,
    "[[a]": BRACKET,
    "[a-[b]": BRACKET,
    "[a[b]]": BRACKET,
    "[z-a]": RANGE.format("z-a"),
    "[a-Z]": RANGE.format("a-Z"),
    r"[a\]-\[]": RANGE.format(r"\]-\["),
    "(a": UNCLOSED.format("("),
    "(?:a": UNCLOSED.format("("),
    "a(": UNCLOSED.format("("),
    "[a": UNCLOSED.format("["),
    "[": UNCLOSED.format("["),
    "[^": UNCLOSED.format("["),
    "[a-": UNCLOSED.format("["),
    "a)": UNOPENED.format(")"),
    "a|)": UNOPENED.format(")"),
    "a]": UNOPENED.format("]"),
    "[]": NO_MEMBERS.format("[]"),
    "[]a]": NO_MEMBERS.format("[]"),
    "[^]": NO_MEMBERS.format("[^]"),
    "a\ud83d": SURROGATE,
}


def refusal(written: str) -> PatternRefused:
    with pytest.raises(PatternRefused) as caught:
        read_pattern(written)
    return caught.value


@pytest.mark.parametrize("written", REFUSED, ids=ascii)
def test_what_is_refused_says_why(written: str) -> None:
    refused = refusal(written)
    assert say(refused.reason) == str(refused) == REFUSED[written]


def test_every_reason_is_given() -> None:
    ours = {key for key in CATALOG if key.startswith("pattern.")}
    assert {refusal(written).reason.text.key for written in REFUSED} == ours


def test_any_text_is_a_pattern_or_refused() -> None:
    by_chance = random.Random(1)
    signs = "()[]{}*+?|^$.\\-,:=!<>#&" * 2 + "aabbAZ019 _äÖßİσ日😀\n\0"
    pieces = [*signs, *r"(?: (? [^ {2} {1,3} {, [a- \d [a-z]".split()]
    accepted: list[Pattern] = []
    begin = time.process_time()
    for _ in range(2_000):
        written = "".join(by_chance.choices(pieces, k=by_chance.randint(1, 40) if by_chance.random() < 0.9 else 200))
        pattern = read(written)
        if pattern:
            assert pattern.found_in(pattern.example()), written
            accepted.append(pattern)
    assert time.process_time() - begin < 10
    assert len(accepted) > 50
    texts = ["a", "b1", "-", "Ä ö"]
    for pattern in accepted:
        assert with_polars(pattern.portable, texts) == pattern.of_all(texts), pattern
