"""No pattern hangs, whatever the text: those that hang others are refused or searched for at once."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kpi_udfs.rules import automata
from kpi_udfs.rules.patterns import Pattern, PatternRefused, lowered, read_pattern

pytestmark = pytest.mark.thorough

#: Published patterns that hang engines which backtrack, some of them shortened, and the text that does
#: it: how it begins, what is repeated, and how it ends.
HANGS: list[tuple[str, str, tuple[str, str, str]]] = [
    # OWASP, "Regular expression Denial of Service"
    ("owasp, nested", "^(a+)+$", ("", "a", "!")),
    ("owasp, letters", "^([a-zA-Z]+)*$", ("", "a", "!")),
    ("owasp, overlapping", "^(a|aa)+$", ("", "a", "!")),
    ("owasp, optional", "^(a|a?)+$", ("", "a", "!")),
    ("owasp, many stars", "^(.*a){11}$", ("", "a", "!")),
    ("owasp, class name", "^(([a-z])+.)+[A-Z]([a-z])+$", ("", "a", "!")),
    ("owasp, person name", r"^[a-zA-Z]+(([\'\,\.\- ][a-zA-Z ])?[a-zA-Z]*)*$", ("", "a", "!")),
    (
        "owasp, e-mail of regexlib",
        r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
        ("", "a", "!"),
    ),
    (
        "owasp, several e-mails of regexlib",
        r"^[a-zA-Z]+(([\'\,\.\- ][a-zA-Z ])?[a-zA-Z]*)*\s+&lt;(\w[-._\w]*\w@\w[-._\w]*\w\.\w{2,3})&gt;$"
        r"|^(\w[-._\w]*\w@\w[-._\w]*\w\.\w{2,3})$",
        ("", "a", "!"),
    ),
    ("owasp, decimal of regexlib", r"^\d*[0-9](|.\d*[0-9]|)*$", ("", "1", "!")),
    # Wikipedia, "ReDoS"
    ("wikipedia, nested in an alternative", "^((ab)*)+$", ("", "ab", "!")),
    ("wikipedia, quadratic", "a*a*b", ("", "a", "!")),
    # regular-expressions.info
    ("regular-expressions.info, x", "(x+x+)+y", ("", "x", "")),
    ("regular-expressions.info, twelfth field", "^(.*?,){11}P", ("", "1,", "")),
    ("regular-expressions.info, fields without commas", r"^([^,\r\n]*,){11}P", ("", "1,", "")),
    (
        "regular-expressions.info, html",
        "<html>.*?<head>.*?<title>.*?</title>.*?</head>.*?<body[^>]*>.*?</body>.*?</html>",
        ("", "<html><head><title></title></head><body></body>", ""),
    ),
    ("regular-expressions.info, atomic", "^(?>(.*?,){11})P", ("", "1,", "")),
    ("friedl, mastering regular expressions", r'"(\\.|[^"\\]+)*"', ('"', "a", "")),
    ("russ cox, swtch.com", "(a?){29}a{29}b", ("", "a", "")),
    ("perlgeek, exponential", "^(?:a?){20}a{20}$", ("", "a", "!")),
    # Outages
    (
        "cloudflare, july 2019",
        r"""(?:(?:\"|'|\]|\}|\\|\d|(?:nan|infinity|true|false|null|undefined|symbol|math)|\`|\-|\+)+[)]*;?"""
        r"""((?:\s|-|~|!|{}|\|\||\+)*.*(?:.*=.*)))""",
        ("x=", "x", ""),
    ),
    ("cloudflare, the critical part", ".*(?:.*=.*)", ("", "x", "")),
    ("cloudflare, with an end", ".*.*=.*;", ("x=", "x", "")),
    ("stack overflow, july 2016", "^[\\s\u200c]+|[\\s\u200c]+$", ("-", " ", "-")),
    # Microsoft, "Backtracking in .NET regular expressions"
    ("microsoft, e-mail", r"^[0-9A-Z]([-.\w]*[0-9A-Z])*$", ("", "a", "!")),
    ("microsoft, nested", "^(a+)+$b?", ("", "a", ">")),
    ("snyk, lesson", "A(B|C+)+D", ("a", "c", "x")),
    ("safe-regex, counted", "(a+){10}y", ("", "a", "")),
    ("codeql, help page", "^_(__|.)+_$", ("_", "__", "!")),
    ("sonar, S5852", "(.*,)*X", ("", ",", "")),
    # CVEs
    ("CVE-2015-8315 ms", r"^((?:\d+)?\.?\d+) *(minutes?|mins?|m|hours?|hrs?|h|days?|d)?$", ("", "1", " x")),
    ("CVE-2015-8854 marked", r"^\b_((?:__|[\s\S])+?)_\b|^\*((?:\*\*|[\s\S])+?)\*(?!\*)", ("_", "__", "")),
    ("CVE-2016-4055 moment", r"^(\-)?(?:(\d*)[. ])?(\d+)\:(\d+)(?:\:(\d+)\.?(\d{3})?)?$", ("", "1", "!")),
    ("CVE-2017-18214 moment", r"\d*['a-z]+|[\u0600-\u06FF\/]+(\s*?[\u0600-\u06FF]+){1,2}", ("", "1", "")),
    ("CVE-2017-18214 moment, in arabic", r"[؀-ۿ\/]+(\s*?[؀-ۿ]+){1,2}!", ("", "ب", "")),
    ("CVE-2022-31129 moment", r"\([^)]*\)|[\n\t]", ("", "(", "")),
    ("CVE-2016-10540 minimatch", r"^(?:(?!\.)(?=.)[^/]*?[^/]*?[^/]*?[^/]*?a)$", ("", "b", "")),
    ("CVE-2016-10540 minimatch, without its looks", "^(?:[^/]*?[^/]*?[^/]*?[^/]*?a)$", ("", "b", "")),
    ("CVE-2022-3517 minimatch", r"\{.*\}", ("", "{", "")),
    ("CVE-2016-1000232 tough-cookie", r"^(([^=;]+))\s*=\s*([^\n\r]*)", ("x", " ", "x")),
    ("CVE-2017-16098 charset", r"(?:charset|encoding)\s*=\s*['\"]? *([\w\-]+)", ("charset=", " ", "")),
    ("CVE-2017-16118 forwarded", " *, *", ("", " ", "")),
    ("CVE-2017-16137 debug", r"\s*\n\s*", ("", " ", "")),
    ("CVE-2017-16138 mime", r".*[\.\/\\]x", ("", "/", "")),
    ("CVE-2018-1060 poplib", r"\+OK.*(<[^>]+>)", ("+ok", "<", "")),
    ("CVE-2018-1061 difflib", r"^\s*\#?\s*$", ("", "\t", "x")),
    ("CVE-2019-14232 django", r"<.*?>|((?:\w[-\w]*|&.*?;)+)", ("", "<", "")),
    ("CVE-2020-5243 uap-core", r"\bSmartWatch *\( *([^;]+) *; *([^;]+) *;", ("smartwatch(", " ", "")),
    (
        "CVE-2020-6817 bleach",
        r"""^([-/:,#%.'"\s!\w]|\w-\w|'[\s\w]+'\s*|"[\s\w]+"|\([\d,%\.\s]+\))*$""",
        ("", "''", "$"),
    ),
    ("CVE-2020-7662 websocket-extensions", r'"((?:\\[ -~]|[^"])*)"', ('"', "\\c", "")),
    (
        "CVE-2020-7733 ua-parser-js",
        r"android.+(mi[\s\-_]*(?:one|note lte)?[\s_]*(?:\d\w?)?[\s_]*(?:plus)?)\s+build",
        ("android mi", " ", ""),
    ),
    ("CVE-2020-7753 trim", r"^\s*|\s*$", ("x", " ", "x")),
    ("CVE-2020-7754 npm-user-validate", r"^.+@.+\..+$", ("", "@", "")),
    ("CVE-2020-7755 dat.gui", r"^rgb\(\s*(.+)\s*,\s*(.+)\s*,\s*(.+)\s*\)", ("rgb(", " ", "")),
    ("CVE-2020-7760 codemirror", r"^(?:\s|\/\*.*?\*\/)*[^\s\/]", ("", "/**/", "/")),
    ("CVE-2020-8492 urllib", r"""(?:.*,)*[ \t]*([^ \t]+)[ \t]+realm=(["']?)([^"']*)\2""", ("", ",", "")),
    ("CVE-2020-8492 urllib, without its reference", r"""(?:.*,)*[ \t]*([^ \t]+)[ \t]+realm=["']""", ("", ",", "")),
    ("CVE-2020-28469 glob-parent", r"[\{\[].*[\/]*.*[\}\]]$", ("", "{", "")),
    ("CVE-2020-28493 jinja2", r"^\S+@[a-zA-Z0-9._-]*\.[a-zA-Z]+$", ("x@", "a.", "!")),
    ("CVE-2020-28500 lodash", r"^\s+|\s+$", ("x", " ", "x")),
    ("CVE-2020-29651 py", r"\s*(\d+)\s*(\S+) (.*)\n", ("", "1", "")),
    ("CVE-2021-3765 validator", r"[\s]+$", ("x", " ", "x")),
    ("CVE-2021-3803 nth-check", r"^([+-]?\d*n)?\s*(?:([+-]?)\s*(\d+))?$", ("2n", " ", "x")),
    (
        "CVE-2021-3807 ansi-regex",
        "[\x1b\x9b]"
        r"[\[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[-a-zA-Z\d\/#&.:=?%@~_]*)*)?"
        "\x07"
        r")|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZ]))",
        ("\x1b[", ";", ""),
    ),
    ("CVE-2021-21317 uap-core", r"\bIAC/(\d+)(?:\.(\d+))?.*?.*? rv:", ("iac/", "1", "")),
    ("CVE-2021-22880 rails", r"^-?\D+[\d,]+\.\d{2}$", ("x", ",", "!")),
    ("CVE-2021-23343 path-parse", r"^(\/?|)([\s\S]*?)((?:\.{1,2}|[^\/]+?|)(\.[^.\/]*|))(?:[\/]*)$", ("", "/", "\n.")),
    ("CVE-2021-23346 html-parse-stringify", r"""<[a-zA-Z0-9\-\!\/](?:"[^"]*"|'[^']*'|[^'">])*>""", ("", "<a", "")),
    ("CVE-2021-23353 jspdf", r"^data:\w*\/\w*;*(charset=(?!charset=)[\w=-]*)*;*$", ("data:/", "charset=", "!")),
    ("CVE-2021-23353 jspdf, without its look", r"^data:\w*\/\w*;*(charset=[\w=-]*)*;*$", ("data:/", "charset=", "!")),
    (
        "CVE-2021-23354 printf",
        r"%(?:\(([\w_.]+)\)|([1-9]\d*)\$)?([0 +\-\#]*)(\*|\d+)?(\.)?(\*|\d+)?[hlL]?[bcdef]",
        ("%", "0", ""),
    ),
    ("CVE-2021-23368 postcss", r"\/\*\s*# sourceMappingURL=(.*)\s*\*\/", ("/*# sourcemappingurl=", " ", "")),
    ("CVE-2021-27290 ssri", r"^([^-]+)-([^?]+)([?\S*]*)$", ("x-", "=", "\n")),
    ("CVE-2021-28092 is-svg", r"\s*<!Entity\s+\S*\s*(?:\"|')[^\"]+(?:\"|')\s*>", ("<!entity", " ", "")),
    (
        "CVE-2021-29060 color-string",
        r"^hwb\(\s*([+-]?\d*[\.]?\d+)(?:deg)?\s*,\s*([+-]?[\d\.]+)%\s*,\s*([+-]?[\d\.]+)%\s*\)$",
        ("hwb(", "1", ""),
    ),
    (
        "CVE-2021-29063 mpmath",
        r"^\(?([\+\-]?\d*\.?\d*(e[\+\-]?\d+)?)??([\+\-]?\d*\.?\d*(e[\+\-]?\d+)?j)?\)?$",
        ("(", "1", "!"),
    ),
    ("CVE-2021-32640 ws", r"\s*, *x", ("x", " ", "x")),
    ("CVE-2021-32839 sqlparse", r"(\r\n|\r|\n)+$", ("", "\r\n", "x")),
    ("CVE-2021-33503 urllib3", r"^(?:(.*)@)?([^@:]+)(?::([0-9]{0,5}))?$", ("", "@", "")),
    ("CVE-2022-25881 http-cache-semantics", r"\s*,\s*x", ("", " ", "")),
    ("CVE-2022-25883 semver", r"(\s*)(?:\^)\s+", ("", " ", "")),
    ("CVE-2022-25901 cookiejar", r"^([^=;]+)\s*=\s*", ("x", " ", "")),
    ("CVE-2022-37603 loader-utils", r"\[(?:([^:\]]+):)?hash(?::([a-z]+\d*))?(?::(\d+))?\]", ("", "[", "")),
    ("CVE-2022-40897 setuptools", r"""<([^>]*\srel\s*=\s*['"]?([^'">]+)[^>]*)>""", ("<", " rel=", "")),
    ("CVE-2022-40898 wheel", r"^(.+?)-(.+?)(-(\d[^-]*))?-(.+?)-(.+?)-(.+?)\.whl$", ("", "-1", "")),
    ("CVE-2023-26112 configobj", r"(.+?)\((.*)\)", ("", "(", "")),
    ("CVE-2023-26115 word-wrap", r"[\t ]*$", ("x", "\t", "x")),
    ("CVE-2024-4067 micromatch", r"\{.*\}$", ("", "{", "")),
    ("CVE-2024-21538 cross-spawn", r'(\\*)"', ("", "\\", "")),
    ("CVE-2024-45296 path-to-regexp", r"^\/([^\/]+?)-([^\/]+?)\/?$", ("/a", "-a", "-a/a")),
    # Of our own: as many sets of positions as there are characters, in as many steps as may be.
    ("own, distance", "[ab]*a[ab]{480}c", ("", "ab", "")),
    ("own, two lengths", "a(a.|b..){90}z", ("", "ab", "")),
    ("own, three lengths", "a(.|[ab]..?){1,80}z", ("", "ab", "")),
    ("own, lists", "a(.{2,11}, ?){1,11}[a-z]+$", ("", "abcd, ,", "")),
    ("own, lengths of branches", "(" + "|".join("ab"[i % 2] + "." * i for i in range(28)) + ")z", ("", "ab", "")),
    ("own, all the letters", "|".join(f"[{chr(p)}-{chr(p + 8)}]x" for p in range(0x4E00, 0x5070, 9)), ("", "一", "")),
]


def read(written: str) -> Pattern | None:
    """The pattern; None if it is refused with a reason."""
    try:
        return read_pattern(written)
    except PatternRefused as refused:
        return None if str(refused) else pytest.fail("no reason")


def written_out(written: str) -> str:
    """The shorthands that are refused, as we say to write them."""
    within = re.compile(r"\\.|\[\^?(?:\\.|[^\]\\])*\]", re.S)
    whole = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[a-z0-9_]", r"\s": "[ \\t\\n]", r"\S": "[^ \\t\\n]", r"\b": ""}
    part = {r"\d": "0-9", r"\w": "a-z0-9_", r"\s": r"\ \t\n", r"\S": "!-~", r"\D": "!-/:-~"}

    def one(match: re.Match[str]) -> str:
        if match[0].startswith("["):
            return re.sub(r"\\.", lambda escape: part.get(escape[0], escape[0]), match[0], flags=re.S)
        return whole.get(match[0], match[0])

    return within.sub(one, written)


def worst_texts(written: str, parts: tuple[str, str, str], length: int = 50_000) -> Iterator[str]:
    """What hangs engines that backtrack, and what makes an automaton meet new sets all the time."""
    begin, pump, end = parts
    yield begin + (pump * length)[: length - len(begin) - len(end)] + end
    by_chance = random.Random(1)
    yield "".join(by_chance.choices(begin + pump * 3 + end, k=length))
    yield "".join(
        by_chance.choices(lowered("".join(c for c in written if c.isalnum() or c in " ,;=<>/-\t")) or "a", k=length)
    )
    yield "".join(chr(0x4E00 + i % 20_000) for i in range(length))


def seconds(work: Callable[[], Any]) -> float:
    """The better of two, of this process alone: other work on the machine doesn't count."""
    times = []
    for _ in range(2):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def patterns_that_hang() -> Iterator[Any]:
    for source, written, parts in HANGS:
        yield pytest.param(written, parts, id=source)
        if written_out(written) != written:
            yield pytest.param(written_out(written), parts, id=f"{source}, written out")


@pytest.mark.parametrize(("written", "parts"), list(patterns_that_hang()))
def test_no_pattern_hangs(written: str, parts: tuple[str, str, str]) -> None:
    pattern = read(written)
    if pattern is None:
        return
    for text in worst_texts(written, parts):
        assert len(text) == 50_000
        assert seconds(lambda text=text: pattern.found_in(text)) < 0.1


def test_most_patterns_that_hang_others_are_accepted() -> None:
    """The test above would mean little if all of them were refused."""
    assert len({written for _, written, _ in HANGS}) == len(HANGS) >= 90
    refused = [source for source, written, _ in HANGS if read(written_out(written)) is None]
    assert len(refused) <= 20, refused


def test_a_hundred_thousand_texts_take_little_time() -> None:
    by_chance = random.Random(1)
    texts = ["".join(by_chance.choices("abcdefghijklmnopqrst ", k=20)) for _ in range(100_000)]
    for written in [
        "head|director|leiter",
        "(^|[^a-z])(vp|chief|head)( of)? (sales|marketing)",
        "^a.*b$",
        "[a-f]{3,9}z",
    ]:
        pattern = read_pattern(written)
        assert seconds(lambda pattern=pattern: pattern.of_all(texts)) < 0.3, written


def test_what_is_remembered_has_a_bound() -> None:
    pattern = read_pattern("[ab]*a[ab]{300}c|[^x]y")
    by_chance = random.Random(1)
    for alphabet in ("ab", "".join(chr(point) for point in range(0x4E00, 0x9000))):
        for _ in range(200):
            pattern.found_in("".join(by_chance.choices(alphabet, k=100)))
            states = [pattern._automaton.start, pattern._automaton.found, *pattern._automaton.states.values()]
            assert sum(map(len, states)) <= automata.MOST_STEPS


@pytest.mark.parametrize(
    "written",
    [
        "[\0-\U0010ffff]" * 100,
        "[a-\U00010000][Ā-\U00020000]" * 38 + "x",
        "".join(f"[{chr(0x100 + i)}-{chr(0x24F)}]" for i in range(100)),
        "(((((a?){9}b?){9}c?){2}d?){2}e?)x",
        "(" * 20 + "a+" + ")+" * 20 + "b",
        "|".join("ab"[i % 2] for i in range(248)) + "|c{2}",
        "(" + "|".join("a" * 120) + "){4}b",
        "[" + "".join(chr(0x4E00 + 2 * i) for i in range(490)) + "]{10}",
        "a?" * 249 + "b",
    ],
    ids=lambda written: ascii(written[:20]),
)
def test_reading_takes_little_time(written: str) -> None:
    assert seconds(lambda: read(written)) < 0.5
