"""Workbooks spoilt at random, each way as it happens to files or as somebody means it."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import xlsxwriter
from xlsx_parts import parts_in, zipped

FUNCTIONS = """
    SUM IF INDEX MATCH OFFSET INDIRECT SEQUENCE REPT LET LAMBDA FILTER SORT UNIQUE TEXT VLOOKUP SUMIFS COUNTIF ROW COLUMN
    TRANSPOSE AVERAGE ROUND CONCAT TEXTJOIN DATE EDATE NOW RAND CELL CHOOSE ISERROR IFERROR SUMPRODUCT
    WIN_RATIO COST_PER_LEAD REVENUE NO_SUCH _xlfn.XLOOKUP _xlfn.SINGLE
""".split()
TOKENS = """
    A1 $B$2 A:A 1:1 A1:XFD1048576 XFE1 A0 S!A1 'Deal''s list'!A1:C4 Deals Deals[id] Deals[[#All],[id]:[Größe]] Deals[@id] [@id] #REF! #N/A
    1 -1 0 1E308 1E400 0.1 9999999999 "x" "" TRUE {1,2;3,4} { } ( ) , ; + - * / ^ &amp; = &lt; &gt; % : ! @ # [1]X!A1 Ratio outs ä €
    _x0000_ _xD83D_ &#10;
""".split()
NUMBERS = [
    "0",
    "-1",
    "1",
    "2147483648",
    "99999999999999999999",
    "1e999",
    "NaN",
    "-0",
    "0.1",
    "",
    "abc",
    "1_000",
    "٣",
    "²",
    "9" * 400,
]
TYPES = ["n", "s", "b", "e", "str", "inlineStr", "d", "zz", "array", "shared", "dataTable"]
REFS = [
    "A1",
    "Z99",
    "XFD1048576",
    "XFE1",
    "A0",
    "A1:A9",
    "A1:XFD1048576",
    "B2:A1",
    "$A$1",
    "a1",
    "",
    "1",
    "ZZZZ9",
    "A1048577",
]

_TAG = re.compile(r"<[^<>]*>")
_ELEMENT = re.compile(r"<([\w:]+)(?:\s[^<>]*)?>[^<>]*</\1>|<[\w:]+(?:\s[^<>]*)?/>")
_VALUE = re.compile(r'(?<==")[^"<>]*(?=")')
_NUMBER = re.compile(r"(?<=[\">])-?\d+(?:\.\d+)?(?=[\"<])")
_FORMULA = re.compile(r"(?<=>)[^<>]*(?=</(?:\w+:)?f>)")
_TYPE = re.compile(r'(?<=\bt=")\w+(?=")')
_REF = re.compile(r'(?<=\b(?:r)=")[A-Z]+\d+(?=")|(?<=ref=")[A-Z0-9:]+(?=")')
_TOKEN = re.compile(r"[A-Za-z_.]+\(?|\$?[A-Z]+\$?\d+|\d+|[^\w\s]")


def books(folder: Path) -> Iterator[Path]:
    """Small workbooks with most of what workbooks have."""
    with xlsxwriter.Workbook(path := folder / "kpis.xlsx") as book:
        deals = book.add_worksheet("Deal's list")
        rows = [["a", "Won", 10, 46027], ["b", "Lost", 30, 46030], ["c", "open", 5, ""]]
        headers = [{"header": header} for header in ("id", "Stage", "Größe", "closed")]
        deals.add_table(0, 0, 3, 3, {"name": "Deals", "data": rows, "columns": headers})
        sheet = book.add_worksheet("S")
        book.define_name("Ratio", "=WIN_RATIO('Deal''s list'!$B$2:$B$4)")
        book.define_name("outs", "='Deal''s list'!$B$2:$B$4")
        percent = book.add_format({"num_format": '0.0%;[Red]-0.0%;"none"'})
        for row, formula in enumerate(
            [
                "WIN_RATIO(Deals[Stage])",
                "Ratio*2",
                'WIN_RATIO(outs)&"!"',
                "COST_PER_LEAD(300,COUNTA(outs))",
                "1/0",
                "NO_SUCH(1)",
            ]
        ):
            sheet.write_formula(row, 0, formula, percent, 7)
        sheet.write_dynamic_array_formula("C1", "=SEQUENCE(3,2)")
        sheet.write_array_formula("F1:F3", "{=B1:B3*2}")
        sheet.write_column("B1", [1, 2.5, "é"])
        sheet.merge_range("H1:I2", "merged")
    yield path
    with xlsxwriter.Workbook(path := folder / "plain.xlsx", {"in_memory": True}) as book:
        for title in ("A", "Ä ö", "C"):
            sheet = book.add_worksheet(title)
            for row in range(8):
                sheet.write_number(row, 0, row * 1.5)
                sheet.write_formula(row, 1, f"=A{row + 1}*2+SUM(A$1:A{row + 1})", None, 1)
            sheet.write_formula("D1", '=IF(A1>0,"yes",TEXT(A2,"0.00"))')
            sheet.write_string("E1", "text & <more>")
            sheet.write("E2", True)
    yield path
    with xlsxwriter.Workbook(path := folder / "macros.xlsm") as book:
        book.add_vba_project(io.BytesIO(bytes(range(256)) * 20), is_stream=True)
        sheet = book.add_worksheet("M")
        sheet.write_column("A1", [3, 1, 2])
        sheet.write_formula("B1", "=REVENUE(A1:A3)")
        sheet.write_dynamic_array_formula("C1", "=_xlfn._xlws.SORT(A1:A3)")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=M!$A$1:$A$3"})
        sheet.insert_chart("E5", chart)
    yield path


# ------------------------------------------------------------------------------------ ways to spoil a part

Way = Callable[[random.Random, str], str]


def at_one(pattern: re.Pattern[str], new: Callable[[random.Random, str], str]) -> Way:
    """Something else in place of one of the places where the pattern is found."""

    def spoil(dice: random.Random, xml: str) -> str:
        found = list(pattern.finditer(xml))
        if not found:
            return xml
        one = dice.choice(found)
        return xml[: one.start()] + new(dice, one[0]) + xml[one.end() :]

    return spoil


def formula(dice: random.Random, old: str) -> str:
    """A formula with some of its tokens dropped, doubled, changed for others, or wrapped in calls."""
    tokens = _TOKEN.findall(old) or ["1"]
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(tokens))
        way = dice.randrange(5)
        if way == 0:
            tokens[at] = dice.choice(TOKENS)
        elif way == 1:
            tokens.insert(at, dice.choice(TOKENS))
        elif way == 2:
            tokens[at : at + 1] = [
                f"{dice.choice(FUNCTIONS)}(",
                tokens[at],
                *dice.choice([(), (",", dice.choice(TOKENS))]),
                ")",
            ]
        elif way == 3 and len(tokens) > 1:
            del tokens[at]
        else:
            tokens = tokens * dice.choice([1, 2, 3])
    return "".join(tokens)


def a_byte(dice: random.Random, xml: str) -> str:
    at = dice.randrange(len(xml) or 1)
    return (
        xml[:at]
        + dice.choice(["\x00", "<", ">", "&", '"', "/", " ", "\ufffe", chr(dice.randrange(32, 0x2FFF)), ""])
        + xml[at + 1 :]
    )


def cut(dice: random.Random, xml: str) -> str:
    return xml[: dice.randrange(len(xml) or 1)]


def swapped(dice: random.Random, xml: str) -> str:
    """Two elements in each other's places."""
    found = list(_ELEMENT.finditer(xml))
    if len(found) < 2:
        return xml
    first, second = sorted(dice.sample(found, 2), key=lambda one: one.start())
    return "".join([xml[: first.start()], second[0], xml[first.end() : second.start()], first[0], xml[second.end() :]])


WAYS: list[Way] = [
    at_one(_FORMULA, formula),
    at_one(_FORMULA, formula),
    at_one(_FORMULA, formula),
    at_one(_TAG, lambda *_: ""),
    at_one(_ELEMENT, lambda *_: ""),
    at_one(_ELEMENT, lambda dice, element: element * dice.choice([2, 2, 50])),
    at_one(_VALUE, lambda dice, value: dice.choice([*NUMBERS, *REFS, *TYPES, value * 2, value[:-1]])),
    at_one(_NUMBER, lambda dice, _: dice.choice(NUMBERS)),
    at_one(_TYPE, lambda dice, _: dice.choice(TYPES)),
    at_one(_REF, lambda dice, _: dice.choice(REFS)),
    swapped,
    a_byte,
    cut,
]


def spoilt(dice: random.Random, content: bytes) -> bytes:
    """A workbook's file with one to three things wrong, in its parts, their list or its bytes."""
    way = dice.random()
    if way < 0.12:
        return _bytes_spoilt(dice, content)
    parts: dict[str, bytes | str | None] = dict(parts_in(io.BytesIO(content)))
    if way < 0.2:
        return zipped(_list_spoilt(dice, parts))
    sheets = [name for name in parts if "/worksheets/sheet" in name]
    others = [name for name in parts if name.endswith((".xml", ".rels"))]
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        name = dice.choice(sheets if dice.random() < 0.65 else others)
        part = parts[name]
        text = part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else str(part)
        parts[name] = dice.choice(WAYS)(dice, text).encode("utf-8", "surrogateescape")
    return zipped(parts)


def _bytes_spoilt(dice: random.Random, content: bytes) -> bytes:
    way = dice.randrange(3)
    if way == 0:
        return content[: dice.randrange(len(content))]
    made = bytearray(content)
    # The list at the end is where it hurts.
    start = 0 if way == 1 else content.rfind(b"PK\x01\x02", 0, len(content) - 200)
    for _ in range(dice.choice([1, 1, 4])):
        made[dice.randrange(max(start, 0), len(made))] = dice.randrange(256)
    if dice.random() < 0.2 and start > 0:
        struct.pack_into("<I", made, start + 24, dice.choice([0, 1, 0xFFFFFFFF, 10**9]))
    return bytes(made)


def _list_spoilt(dice: random.Random, parts: dict[str, bytes | str | None]) -> dict[str, bytes | str | None]:
    names = list(parts)
    first, second = dice.choice(names), dice.choice(names)
    way = dice.randrange(4)
    if way == 0:
        del parts[first]
    elif way == 1:
        parts[first], parts[second] = parts[second], parts[first]
    elif way == 2:
        parts[dice.choice(["../x", "/x", first.upper(), first + "x", "x\\y"])] = parts.pop(first)
    else:
        parts[first] = dice.choice([b"", b"\0" * 1000, b"<a/>", parts[second] or b""])
    return parts


def untouched(before: bytes, after: bytes, changed: set[str]) -> bool:
    """Whether the copy holds the same parts in the same order, all but the changed ones with the same bytes."""
    with zipfile.ZipFile(io.BytesIO(before)) as first, zipfile.ZipFile(io.BytesIO(after)) as second:
        names = [entry.orig_filename for entry in first.infolist()]
        return names == [entry.orig_filename for entry in second.infolist()] and all(
            name in changed or first.read(one) == second.read(two)
            for name, one, two in zip(names, first.infolist(), second.infolist(), strict=True)
        )
