"""Formulas as files mean them, for an engine that reads every formula as the newest Excel would.

A formula that is not stored as an array formula gives one value: where it takes one value and is given
a range, it takes the one in its own row or column (implicit intersection, Excel's ``@``). And a number
that is joined to a text has fifteen digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import formualizer
from formualizer import TokenType

from kpi_udfs.errors import VALUE
from kpi_udfs.xlsx.addresses import MOST_ROWS, Area, area_of, column_of, letters

#: How a number joined to a text is written into the engine's copy of a formula.
TO_TEXT = "KPI_UDFS_TEXT__"
#: A function calculated for each of several values.
EACH = "KPI_UDFS_EACH__"
#: The result of an array formula that fills a fixed area.
FIT = "KPI_UDFS_FIT__"
#: LOOKUP over what is calculated on the spot.
LOOK_UP = "KPI_UDFS_LOOKUP__"

_VALUE, _AREA, _ARRAY = "value", "area", "array"
_ONE_VALUE = frozenset(
    "ABS ACOS ASIN ATAN CHAR CLEAN CODE CONCATENATE COS DATE DATEDIF DATEVALUE DAY DAYS EXACT EXP FACT FIND FIXED HOUR "
    "IFERROR IFNA INT ISBLANK ISERR ISERROR ISLOGICAL ISNA ISNONTEXT ISNUMBER ISTEXT LEFT LEN LN LOG LOG10 LOWER MID "
    "MINUTE MOD MONTH NOT POWER PROPER REPLACE REPT RIGHT ROUND ROUNDDOWN ROUNDUP SEARCH SECOND SIGN SIN SQRT "
    "SUBSTITUTE TAN TEXT TIME TIMEVALUE TRIM TRUNC UPPER VALUE WEEKDAY YEAR".split()
)
#: Functions that take any number of areas.
AREAS = frozenset(
    "AND AVERAGE AVERAGEA COUNT COUNTA COUNTBLANK MAX MAXA MEDIAN MIN MINA OR PRODUCT STDEV STDEV.P STDEV.S STDEVP SUM "
    "SUMSQ VAR VAR.P VAR.S VARP".split()
)


def any_argument(number: int) -> bool:
    return True


#: Arguments that are one value, of functions whose other arguments are areas.
_MIXED: Mapping[str, Callable[[int], bool]] = {
    **dict.fromkeys(["AVERAGEIF", "COUNTIF", "LARGE", "SMALL", "SUMIF"], lambda number: number == 1),
    **dict.fromkeys(["HLOOKUP", "MATCH", "VLOOKUP"], lambda number: number != 1),
    **dict.fromkeys(["AVERAGEIFS", "MAXIFS", "MINIFS", "SUMIFS"], lambda number: number > 0 and number % 2 == 0),
    "COUNTIFS": lambda number: number % 2 == 1,
    "RANK": lambda number: number != 1,
}
#: The same where the others are arrays, calculated element by element.
_MIXED_ARRAYS: Mapping[str, Callable[[int], bool]] = {
    "INDEX": lambda number: number > 0,
    "LOOKUP": lambda number: number == 0,
    "XLOOKUP": lambda number: number not in (1, 2),
}
_MIXED_ALSO: Mapping[str, Callable[[int], bool]] = {
    **dict.fromkeys(["NETWORKDAYS", "WORKDAY"], lambda number: number < 2),
    **dict.fromkeys(
        ["PERCENTILE", "PERCENTILE.EXC", "PERCENTILE.INC", "QUARTILE", "QUARTILE.EXC", "QUARTILE.INC"],
        lambda number: number == 1,
    ),
    **dict.fromkeys(["RANK.AVG", "RANK.EQ"], lambda number: number != 1),
    "XMATCH": lambda number: number != 1,
}
#: Functions that the engine calculates once, whatever they are given, in Excel for each of several values.
_ALSO_ONE_VALUE = frozenset(
    "ATAN2 BASE BITAND BITOR BITXOR CEILING CEILING.MATH COMBIN DAYS DAYS360 DEC2BIN DECIMAL EDATE EOMONTH FLOOR "
    "FLOOR.MATH FV HEX2DEC IFS ISEVEN ISODD ISOWEEKNUM MROUND NORM.DIST NORM.INV NORM.S.DIST NORM.S.INV NPER "
    "NUMBERVALUE PMT PV QUOTIENT RATE SWITCH TEXTAFTER TEXTBEFORE UNICHAR UNICODE WEEKNUM YEARFRAC".split()
)
_GIVE_ARRAYS = frozenset(
    "CHOOSECOLS CHOOSEROWS DROP EXPAND FILTER FREQUENCY GROWTH HSTACK INDIRECT LINEST LOGEST MMULT MODE.MULT MUNIT "
    "OFFSET RANDARRAY SEQUENCE SORT SORTBY TAKE TEXTSPLIT TOCOL TOROW TRANSPOSE TREND UNIQUE VSTACK WRAPCOLS "
    "WRAPROWS".split()
)
#: Arguments for which an array can't be taken apart.
_NOT_LIFTED: Mapping[str, Callable[[int], bool]] = {
    "CHOOSE": lambda number: number == 0,
    **dict.fromkeys(["INDIRECT", "N", "T"], any_argument),
    "OFFSET": lambda number: number > 0,
}
_COUNTS = frozenset(["COLUMN", "COLUMNS", "ROW", "ROWS"])
_MOST_NUMBERS = 100_000
#: What may need another word: joins, arrays, and functions that take arrays in plain formulas.
_WORTH_A_LOOK = re.compile(r"[&{:]|ROW|COLUMN|CONCAT|TEXTJOIN|LOOKUP|INDIRECT|OFFSET|SEQUENCE", re.IGNORECASE)
_JOINS_AREAS = (":", " ", ",")
_COMPARES = ("=", "<", ">", "<=", ">=", "<>")
#: Functions that join texts, and from which argument on.
_CONCATENATES = {"CONCATENATE": 0, "CONCAT": 0, "TEXTJOIN": 2}
_TEXTS = frozenset("CHAR LEFT LOWER MID PROPER REPT RIGHT SUBSTITUTE TEXT TRIM UPPER".split())


@dataclass(slots=True)
class _Argument:
    """What stands between two separators: of a call, in parentheses, or the whole formula."""

    call: _Call | None
    number: int
    calculates: bool = False
    joins: bool = False
    #: Where it starts and ends, in bytes.
    start: int = 0
    end: int = 0
    #: The calls, parentheses and ranges right in it.
    calls: list[_Call] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    #: All references and names.
    places: list[str] = field(default_factory=list)
    root: str = _VALUE

    @property
    def function(self) -> str | None:
        return self.call.name if self.call else None

    @property
    def takes(self) -> str:
        """What the values in it are taken for."""
        mode = self._given()
        return _VALUE if mode == _AREA and self.calculates else mode

    def _given(self) -> str:
        if self.call is None:
            return self.root
        outer, name = self.call.inside.takes, self.call.name
        if outer == _ARRAY or name == "":
            return outer
        if name in _ONE_VALUE:
            return _VALUE
        if name in AREAS:
            return _AREA
        if name in ("IF", "CHOOSE"):
            return outer if self.number else _VALUE
        if name in _MIXED:
            return _VALUE if _MIXED[name](self.number) else _AREA
        if name in _MIXED_ARRAYS:
            return _VALUE if _MIXED_ARRAYS[name](self.number) else _ARRAY
        return _ARRAY

    @property
    def gives_array(self) -> bool:
        return bool(self.ranges) or any(call.gives_array for call in self.calls)


@dataclass(slots=True)
class _Call:
    """A call, from its name to its closing parenthesis; the name of parentheses is empty, of an array ``{``."""

    name: str
    inside: _Argument
    start: int
    #: Whether an ``@`` stands before it.
    is_one: bool = False
    arguments: list[_Argument] = field(default_factory=list)

    def lifted(self) -> bool:
        """Whether an argument that is one value is given an array, so that the result is one."""
        single = single_arguments(self.name)
        return single is not None and any(single(part.number) and part.gives_array for part in self.arguments)

    @property
    def gives_array(self) -> bool:
        if self.is_one:
            return False
        if self.name == "{" or self.name in _GIVE_ARRAYS:
            return True
        if self.name in ("", "IF", "IFERROR", "IFNA", "CHOOSE", "ROW", "COLUMN", "N", "T"):
            return any(part.gives_array for part in self.arguments)
        return self.lifted()


def single_arguments(name: str) -> Callable[[int], bool] | None:
    """Which arguments of a function are one value, so that it is calculated for each of several."""
    if name in _ONE_VALUE or name in _ALSO_ONE_VALUE:
        return any_argument
    return _MIXED.get(name) or _MIXED_ARRAYS.get(name) or _MIXED_ALSO.get(name)


def _arguments(
    tokens: list[formualizer.Token], *, root: str = _VALUE, is_range: Callable[[str], bool] = lambda _: False
) -> tuple[list[_Argument], list[_Argument]]:
    """For each token the argument in which it stands, and all arguments."""
    stack = [_Argument(None, 0, root=root)]
    every = [stack[0]]
    of_token = []
    for index, token in enumerate(tokens):
        kind, text = token.token_type, token.value
        is_one = index > 0 and tokens[index - 1].value == "@"
        if kind == TokenType.Sep and len(stack) > 1 and (call := stack[-1].call):
            stack.pop().end = token.start
            stack.append(_Argument(call, len(call.arguments), start=token.end))
            call.arguments.append(stack[-1])
            every.append(stack[-1])
        of_token.append(stack[-1])
        if kind in (TokenType.Func, TokenType.Paren, TokenType.Array) and text.endswith(("(", "{")):
            name = "{" if text == "{" else text[:-1].strip().upper()
            call = _Call(name, stack[-1], token.start, is_one)
            stack[-1].calls.append(call)
            stack.append(_Argument(call, 0, start=token.end))
            call.arguments.append(stack[-1])
            every.append(stack[-1])
        elif text in (")", "}") and kind in (TokenType.Func, TokenType.Paren, TokenType.Array) and len(stack) > 1:
            stack.pop().end = token.start
        elif kind in (TokenType.OpInfix, TokenType.OpPrefix, TokenType.OpPostfix) and text not in (*_JOINS_AREAS, "@"):
            stack[-1].calculates = True
            if text == "&":
                stack[-1].joins = True
        elif kind == TokenType.Operand and not is_one:
            if token.subtype == formualizer.TokenSubType.Range:
                stack[-1].places.append(text)
            if text.startswith("{") or (token.subtype == formualizer.TokenSubType.Range and is_range(text)):
                stack[-1].ranges.append(text)
    stack[0].end = tokens[-1].end if tokens else 0
    return of_token, every


def intersected(formula: str, row: int, column: int, area: Callable[[str], str | None]) -> str:
    """A formula that gives one value, with one cell where it is given a range for a value.

    ``area`` tells for a reference or name the range it stands for, ``""`` where that has to be calculated,
    None where it is no range.
    """
    tokens = formualizer.tokenize(formula).tokens()
    found = [
        (index, range_)
        for index, token in enumerate(tokens)
        if token.token_type == TokenType.Operand
        and token.subtype == formualizer.TokenSubType.Range
        and (range_ := area(token.value)) is not None
        and not _joins(tokens, index)
    ]
    if not found:
        return formula
    of_token, _ = _arguments(tokens)
    raw = formula.encode()
    for index, range_ in reversed(found):
        if of_token[index].takes == _VALUE:
            start, end = tokens[index].start, tokens[index].end
            # The engine's own @ makes 0 of an empty cell.
            new = _in_line(range_, row, column).encode() if range_ else b"@" + raw[start:end]
            raw = raw[:start] + new + raw[end:]
    return raw.decode()


_RANGE = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,7})?:\$?([A-Za-z]{1,3})?\$?([0-9]{1,7})?")


def _in_line(range_: str, row: int, column: int) -> str:
    """The cell of a range that stands in a row or column."""
    sheet, mark, cells = range_.rpartition("!")
    found = _RANGE.fullmatch(cells)
    if not found:
        return f"@{range_}"
    left, top, right, bottom = found.groups()
    if left == right and left is not None and (top is None or int(top) <= row <= int(bottom or 0)):
        return f"{sheet}{mark}{left}{row}"
    if top == bottom and top is not None and (left is None or column_of(left) <= column <= column_of(right or "")):
        return f"{sheet}{mark}{letters(column)}{top}"
    return VALUE


def _joins(tokens: list[formualizer.Token], index: int) -> bool:
    """Whether the operand is one end of ``A1:INDEX(…)``, or has its ``@`` already."""
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    ends = any(
        token is not None and token.token_type == TokenType.OpInfix and token.value in _JOINS_AREAS
        for token in (before, after)
    )
    return ends or (before is not None and before.value == "@")


class NotLifted(Exception):
    """The formula calls a function for each of several values, which can't be done for this one."""


def understood(formula: str, *, plain: bool, is_range: Callable[[str], bool]) -> str:
    """A prepared formula in words that the engine answers as spreadsheets do.

    What ``&`` joins becomes text first; functions that are given several values for one are calculated
    for each. Raises :class:`NotLifted`.
    """
    if plain and not _WORTH_A_LOOK.search(formula):
        return formula
    tokens = formualizer.tokenize(formula).tokens()
    of_token, every = _arguments(tokens, root=_VALUE if plain else _ARRAY, is_range=is_range)
    raw = formula.encode()
    edits: list[tuple[int, int, int, bytes]] = []
    for argument in every:
        if argument.joins and argument.function != "{":
            inside = [token for token, holder in zip(tokens, of_token, strict=True) if holder is argument]
            edits += _operands_of_joins(inside, argument, raw)
        elif argument.function in _CONCATENATES and argument.number >= _CONCATENATES[argument.function]:
            edits += _to_text(argument, raw)
        for call in argument.calls:
            if new := _instead(call):
                edits.append((call.start, 2, *new))
    # From the end; where two stand at the same place, what closes comes before what opens.
    for at, _, length, written in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        raw = raw[:at] + written + raw[at + length :]
    return raw.decode()


_SHOWN_ONLY = re.compile(r"\b(?:SUBTOTAL|AGGREGATE)\s*\(", re.IGNORECASE)


def of_shown_rows(formula: str, shown: Callable[[str, bool], str]) -> str:
    """The formula with references of SUBTOTAL and AGGREGATE to the rows that are shown.

    ``shown`` gives a reference without the rows that are hidden or, if told so, that a filter hides.
    """
    if not _SHOWN_ONLY.search(formula):
        return formula
    tokens = formualizer.tokenize(formula).tokens()
    of_token, _ = _arguments(tokens)
    raw = formula.encode()
    for token, argument in reversed(list(zip(tokens, of_token, strict=True))):
        name = argument.function
        if argument.call and name in ("SUBTOTAL", "AGGREGATE") and argument.number and token.value in argument.places:
            how = argument.call.arguments[0 if name == "SUBTOTAL" else 1]
            code = raw[how.start : how.end].strip()
            by_hand = (code.isdigit() and int(code) > 100) if name == "SUBTOTAL" else code in (b"1", b"3", b"5", b"7")
            new = shown(token.value, not by_hand).encode()
            if new != token.value.encode() and not code.isdigit():
                raise NotLifted(name)
            raw = raw[: token.start] + new + raw[token.end :]
    return raw.decode()


def _instead(call: _Call) -> tuple[int, bytes] | None:
    """What to write instead of a call's opening, or of a whole call, and how many bytes that takes away."""
    opening = call.arguments[0].start - call.start
    if call.name == "LOOKUP" and len(call.arguments) > 1 and call.arguments[1].calculates and not call.lifted():
        return opening, f"{LOOK_UP}(".encode()
    if call.name in _COUNTS and (number := _counted(call)) is not None:
        return call.arguments[0].end + 1 - call.start, str(number).encode()
    if call.name in ("ROW", "COLUMN") and call.inside.takes == _ARRAY and call.gives_array:
        ranges = call.arguments[0].ranges
        if len(call.arguments) > 1 or call.arguments[0].calls or len(ranges) != 1:
            raise NotLifted(call.name)
        return call.arguments[0].end + 1 - call.start, _numbers(call.name, ranges[0]).encode()
    if call.name in _NOT_LIFTED and any(_NOT_LIFTED[call.name](p.number) and p.gives_array for p in call.arguments):
        raise NotLifted(call.name)
    if call.lifted():
        return opening, f'{EACH}("{call.name}",'.encode()
    return None


def _counted(call: _Call) -> int | None:
    """Where a reference lies, or how large it is: the engine would call ``ROW(A1)`` in A1 circular."""
    argument = call.arguments[0]
    if len(call.arguments) > 1 or argument.calls or argument.calculates or len(argument.places) != 1:
        return None
    area = area_of(argument.places[0].rpartition("!")[2].replace("$", ""))
    if area is None:
        found = _RANGE.fullmatch(argument.places[0].rpartition("!")[2])
        if not found or (found[1] is None) == (found[2] is None):
            return None
        left, top, right, bottom = found.groups()
        area = Area(int(top or 1), column_of(left or "A"), int(bottom or MOST_ROWS), column_of(right or "XFD"))
    if call.name in ("ROW", "COLUMN") and argument.ranges and call.inside.takes == _ARRAY:
        return None
    return {
        "ROW": area.top,
        "COLUMN": area.left,
        "ROWS": area.bottom - area.top + 1,
        "COLUMNS": area.right - area.left + 1,
    }[call.name]


def _numbers(name: str, range_: str) -> str:
    """The numbers of a range's rows or columns."""
    found = _RANGE.fullmatch(range_.rpartition("!")[2])
    if found:
        left, top, right, bottom = found.groups()
        if name == "ROW" and top and bottom and int(bottom) - int(top) < _MOST_NUMBERS:
            return f"SEQUENCE({int(bottom) - int(top) + 1},1,{top})"
        if name == "COLUMN" and left and right:
            return f"SEQUENCE(1,{column_of(right) - column_of(left) + 1},{column_of(left)})"
    raise NotLifted(name)


def _to_text(argument: _Argument, raw: bytes) -> list[tuple[int, int, int, bytes]]:
    """The argument turned into text; ranges, of which each cell is joined, stay as they are."""
    text = raw[argument.start : argument.end].strip().decode()
    if not text or _is_text(text) or any(":" in range_ for range_ in argument.ranges):
        return []
    return [(argument.start, 1, 0, f"{TO_TEXT}(".encode()), (argument.end, 0, 0, b")")]


def _operands_of_joins(
    inside: list[formualizer.Token], argument: _Argument, raw: bytes
) -> list[tuple[int, int, int, bytes]]:
    start, joins = argument.start or (1 if raw.startswith(b"=") else 0), False
    edits: list[tuple[int, int, int, bytes]] = []

    def close(end: int, *, joins: bool) -> None:
        text = raw[start:end]
        left, right = len(text) - len(text.lstrip()), len(text.rstrip())
        if joins and text.strip() and not _is_text(text.strip().decode()):
            edits.append((start + left, 1, 0, f"{TO_TEXT}(".encode()))
            edits.append((start + right, 0, 0, b")"))

    for token in inside:
        if token.token_type == TokenType.OpInfix and (token.value == "&" or token.value in _COMPARES):
            close(token.start, joins=joins or token.value == "&")
            start, joins = token.end, token.value == "&"
    close(argument.end, joins=joins)
    return edits


_LITERAL = re.compile(r'"(?:[^"]|"")*"|\d{1,14}')


def _is_text(written: str) -> bool:
    """Whether it is a text for certain, or a whole number."""
    if _LITERAL.fullmatch(written):
        return True
    name, opened, rest = written.partition("(")
    return bool(opened) and name.upper() in _TEXTS and rest.endswith(")") and ")" not in rest[:-1]
