"""Formula texts for the headless engine: KPI calls marked, table references as cell ranges.

The engine evaluates ``Table[column]`` but neither ``Table[[#All],[a]:[b]]`` nor a row's own
``[@column]`` inside the table, and hands whole columns over with every empty row. Written as cell
ranges, all of them work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import formualizer
from openpyxl.formula.translate import Translator

from kpi_udfs.hosts.as_stored import AREAS
from kpi_udfs.hosts.bare_book import is_area
from kpi_udfs.hosts.kept import NOWHERE, NOWHERE_NEAR
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import KPIS
from kpi_udfs.xlsx.addresses import MOST_COLUMNS, MOST_ROWS, Area, cell_name, column_of, letters
from kpi_udfs.xlsx.contents import Table
from kpi_udfs.xlsx.package import shortened

#: The engine takes no longer formulas.
MOST_WRITTEN_OUT = 65_536
TOO_LONG = text("kept.too_long", "with all names written out it has more than {most:count} characters")

_PREFIXES = re.compile(r"_xlfn\.|_xlws\.|_xlpm\.|_xldudf_", re.IGNORECASE)
_WHOLE_COLUMNS = re.compile(r"(?P<sheet>(?:'(?:[^']|'')+'|[^'!]+)!)?\$?(?P<a>[A-Z]{1,3}):\$?(?P<b>[A-Z]{1,3})")
_TABLE = re.compile(r"(?P<table>[^\[\]'!:\s]*)\[(?P<spec>.*)\]", re.DOTALL)
_RELATIVE = re.compile(r"(?<![\w$.\[])\$?[A-Z]{1,3}[0-9]{1,7}(?![\w(])|(?<![\w$.\[])[A-Z]{1,3}\$?[0-9]{1,7}(?![\w(])")
_PART = re.compile(r"\[((?:'.|[^\]'])*)\]", re.DOTALL)


#: ``[1]Sheet!A1`` as Excel stores it, ``'C:\\[Book.xlsx]Sheet'!A1`` as others write it.
_LINK = re.compile(r"'?[^'\[\]!]*\[[^\[\]]+\][^\[\]!]*!.*", re.DOTALL)


def links_elsewhere(formula: str) -> bool:
    """Whether the formula refers to another workbook."""
    if "[" not in formula or "!" not in formula:
        return False
    try:
        return any(_LINK.fullmatch(token.value) for token in operands(formula))
    except formualizer.TokenizerError:
        return _LINK.search(formula) is not None


def operands(formula: str) -> list[formualizer.Token]:
    """The formula's references and names. Raises formualizer's TokenizerError."""
    return [token for token in formualizer.tokenize(formula).tokens() if _refers(token)]


def is_one_call(formula: str, name: str) -> bool:
    """Whether a formula is nothing but the call of a function."""
    if not formula.startswith(f"={name}("):
        return False
    depth = 0
    tokens = [t for t in formualizer.tokenize(formula).tokens() if t.token_type != formualizer.TokenType.Whitespace]
    for number, token in enumerate(tokens, 1):
        depth += (token.subtype == formualizer.TokenSubType.Open) - (token.subtype == formualizer.TokenSubType.Close)
        if depth == 0:
            return number == len(tokens)
    return False


_AREA = re.compile(
    r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Za-z]{1,3})\$?([0-9]{1,7}))?"
    r"|\$?([A-Za-z]{1,3}):\$?([A-Za-z]{1,3})|\$?([0-9]{1,7}):\$?([0-9]{1,7})"
)


def areas(prepared: str, sheet: str) -> Iterator[tuple[str, Area]]:
    """The cells that a prepared formula on a sheet refers to: A1, A1:B2, A:B or 1:2, with the sheet's folded
    title. Raises formualizer's TokenizerError."""
    for token in operands(prepared):
        named, _, reference = token.value.rpartition("!")
        if found := _AREA.fullmatch(reference):
            left, top, right, bottom, first, last, upper, lower = found.groups()
            area = Area(
                int(top or upper or 1),
                column_of(left or first) if left or first else 1,
                int(bottom or lower or top or MOST_ROWS),
                column_of(right or last or left) if right or last or left else MOST_COLUMNS,
            )
            yield named.strip("'").replace("''", "'").casefold() or sheet.casefold(), area


def _refers(token: formualizer.Token) -> bool:
    return token.token_type == formualizer.TokenType.Operand and token.subtype == formualizer.TokenSubType.Range


#: Excel stores a function of an add-in with a link to the add-in's file, as a number or, on a computer
#: where the file lies elsewhere, as its path.
_ADD_IN = re.compile(
    rf"(?:\[\d+\]|(?:'(?:[^'!(]|'')*)?\bkpi_udfs\.xlam'?)!(?=(?:{'|'.join(KPIS)})\s*\()", re.IGNORECASE
)


#: Names and tables of the workbook itself are sometimes stored with it.
_THIS_BOOK = re.compile(r"(?<![\w\]'\"])\[0\]!")


def plain(formula: str) -> str:
    """The formula without the prefixes of the file format, and without the way to our own add-in."""
    return _ADD_IN.sub("", _PREFIXES.sub("", _THIS_BOOK.sub("", formula)))


def prefixed(formula: str, names: Container[str], prefix: str) -> str:
    """The formula with ``prefix`` before each call of a function among ``names``, as files store it."""
    for token in reversed(formualizer.tokenize(formula).tokens()):
        name = _function(token)
        if name in names:
            start, end = _span(token, formula)
            formula = f"{formula[:start]}{prefix}{name}({formula[end:]}"
    return formula


@dataclass(frozen=True)
class Surroundings:
    """What a formula's references are resolved against.

    ``last_rows``: the last used row of each sheet, in their order, at which whole columns are cut before they reach a
    KPI. ``names``: for each sheet the defined names (folded) that the engine can't take, and their texts;
    they are written out.
    """

    titles: Sequence[str]
    tables: Mapping[str, Table]
    last_rows: Mapping[str, int]
    names: Mapping[str, Mapping[str, str]]


def prepare(
    formula: str,
    sheet: str,
    row: int,
    column: int,
    around: Surroundings,
    mark: Callable[[str], str | None],
    hold: Callable[[str], str | None] = lambda _: None,
) -> str:
    """The formula with KPI calls replaced by ``mark(name)`` and references the engine can take.

    ``mark`` is told every function, and gives what to write in place of ``NAME(`` (up to the first
    argument), or None for a function that is not ours. ``hold`` is told the references that are an
    argument of a KPI by themselves, and may give something else to write. Raises formualizer's
    TokenizerError.
    """
    formula = _written_out(plain(formula), around.names.get(sheet, {}), row, column)
    tokens = formualizer.tokenize(formula).tokens()
    last = _last_row(tokens, sheet, around)
    inside: list[str] = []  # the functions round the token
    written: list[str] = []
    position = 0
    for index, token in enumerate(tokens):
        start, end = _span(token, formula)
        new = None
        name = _function(token)
        if name is not None:
            inside.append(name)
            if name == "SINGLE":  # how files store Excel's @
                new = "@("
            elif (marked := mark(name)) is not None:
                new = marked + ("" if _closes(tokens, index + 1) else ",")
        elif token.token_type == formualizer.TokenType.Func and inside:
            inside.pop()
        elif _refers(token):
            # Native functions take whole columns as they are, so that ROWS(A:A) is what it is in Excel.
            new = _cut(token.value, last) if inside and inside[-1] in KPIS else None
            new = new or (_sheet_by_sheet(token.value, around) if inside and inside[-1] in AREAS else None)
            new = new or resolve(token.value, sheet, row, column, around)
            if inside and inside[-1] in KPIS and _is_whole_argument(tokens, index):
                new = hold(new or token.value) or new
        if new is not None:
            written += [formula[position:start], new]
            position = end
    return "".join([*written, formula[position:]])


def _is_whole_argument(tokens: list[formualizer.Token], index: int) -> bool:
    """Whether nothing else stands in the argument."""
    kinds = (formualizer.TokenType.Func, formualizer.TokenType.Sep)
    behind = tokens[index + 1] if index + 1 < len(tokens) else None
    return tokens[index - 1].token_type in kinds and behind is not None and behind.token_type in kinds


_SHEETS = re.compile(r"(?:'(?P<a>(?:[^':]|'')+):(?P<b>(?:[^':]|'')+)'|(?P<c>[^':!]+):(?P<d>[^':!]+))!(?P<cells>[^!]+)")


def _sheet_by_sheet(reference: str, around: Surroundings) -> str | None:
    """``Jan:Dec!B2`` as arguments, one for each sheet; None for any other reference."""
    found = _SHEETS.fullmatch(reference)
    if not found:
        return None
    titles = list(around.last_rows)
    ends = [(found[one] or found[other]).replace("''", "'").casefold() for one, other in ("ac", "bd")]
    if not all(end in titles for end in ends):
        return None
    first, last = sorted(map(titles.index, ends))
    quoted = (title.replace("'", "''") for title in titles[first : last + 1])
    return ",".join(f"'{title}'!{found['cells']}" for title in quoted)


def _last_row(tokens: list[formualizer.Token], sheet: str, around: Surroundings) -> int | None:
    """Where whole columns are cut: the columns of one formula at the same row, so that they stay together."""
    whole = (_WHOLE_COLUMNS.fullmatch(token.value) for token in tokens if _refers(token))
    names = [(found["sheet"] or "").rstrip("!").strip("'").replace("''", "'") or sheet for found in whole if found]
    rows = [around.last_rows.get(name.casefold()) for name in names]
    return max((row for row in rows if row is not None), default=0) or None


def _cut(reference: str, last: int | None) -> str | None:
    found = _WHOLE_COLUMNS.fullmatch(reference)
    return f"{found['sheet'] or ''}{found['a']}1:{found['b']}{last}" if found and last else None


def _function(token: formualizer.Token) -> str | None:
    """The name of the function that the token opens, in capitals."""
    if token.token_type == formualizer.TokenType.Func and token.value.endswith("("):
        return token.value[:-1].strip().upper()
    return None


def _written_out(formula: str, names: Mapping[str, str], row: int, column: int) -> str:
    """The formula with such names replaced by what they stand for."""
    for _ in range(5):  # names may stand for names; deeper than this nobody can follow
        found = [token for token in operands(formula) if token.value.casefold() in names] if names else []
        if not found:
            break
        for token in reversed(found):
            start, end = _span(token, formula)
            named = names[token.value.casefold()]
            if _RELATIVE.search(named):  # such a name is stored as it is meant in A1
                named = Translator(f"={named}", "A1").translate_formula(cell_name(row, column))[1:]
            written = named if is_area(named) else f"({named})"
            formula = f"{formula[:start]}{written}{formula[end:]}"
            if len(formula) > MOST_WRITTEN_OUT:
                raise ValueError(say(TOO_LONG(most=MOST_WRITTEN_OUT)))
    return formula


def _span(token: formualizer.Token, formula: str) -> tuple[int, int]:
    """Where the token stands; the engine counts bytes, Python characters."""
    if formula.isascii():
        return token.start, token.end
    raw = formula.encode()
    return len(raw[: token.start].decode()), len(raw[: token.end].decode())


def _closes(tokens: list[formualizer.Token], index: int) -> bool:
    """Whether the call that was just opened has no arguments."""
    following = (t for t in tokens[index:] if t.token_type != formualizer.TokenType.Whitespace)
    return next((t.value == ")" for t in following), True)


def resolve(text: str, sheet: str, row: int, column: int, around: Surroundings) -> str | None:
    """A reference to a table as the cells that it means; None for any other."""
    if table := around.tables.get(text.casefold()):
        return _area_of(table, "#Data", sheet, row)
    found = _TABLE.fullmatch(text)
    if not found:
        return None
    if found["table"]:
        table = around.tables.get(found["table"].casefold())
    else:
        table = next((t for t in around.tables.values() if t.holds(sheet, row, column)), None)
    # As in Excel: what is no table, no column or no row leads nowhere.
    return (_area_of(table, found["spec"].strip(), sheet, row) if table else None) or "#REF!"


def leads_nowhere(text: str, sheet: str, row: int, column: int, around: Surroundings) -> Sentence | None:
    """Which table, column or sheet of a reference there is not, and the one that was probably meant."""
    names: list[str]
    if found := _TABLE.fullmatch(text):
        if resolve(text, sheet, row, column, around) != "#REF!":
            return None
        table = around.tables.get((found["table"] or "").casefold())
        names = [one.name for one in around.tables.values()] if table is None else list(table.columns)
        wanted = found["table"] if table is None else re.sub(r"^@?\[*|\]*$", "", found["spec"])
    else:
        wanted = text.rpartition("!")[0].strip("'").replace("''", "'")
        if not wanted or wanted.casefold() in around.last_rows or "[" in wanted or ":" in wanted:
            return None
        names = list(around.titles)
    folded = {name.casefold(): name for name in names}
    nearest = get_close_matches(wanted.casefold(), folded, n=1)
    shown = shortened(text)
    return NOWHERE_NEAR(reference=shown, nearest=folded[nearest[0]]) if nearest else NOWHERE(reference=shown)


def _area_of(table: Table, spec: str, sheet: str, row: int) -> str | None:
    """The cell range of a table's ``[…]``; None where it can't be resolved."""
    this_row = spec.startswith("@")
    spec = spec[1:].strip() if this_row else spec
    parts = [_unescape(part) for part in _PART.findall(spec)] if spec.startswith("[") else [_unescape(spec)]
    if spec.startswith("[") and (bare := _PART.sub("", spec).strip(" ,:")):
        if len(parts) > 1 or not parts[0].startswith("#"):
            return None  # neither one name nor a list of bracketed ones
        parts.append(_unescape(bare))  # [[#This Row],cost], as XlsxWriter writes [@cost]
    keywords = {part.casefold() for part in parts if part.startswith("#")}
    names = [part for part in parts if part and not part.startswith("#")]
    known = [name.casefold() for name in table.columns]
    if any(name.casefold() not in known for name in names) or len(names) > 2:
        return None
    columns = sorted(known.index(name.casefold()) + table.area.left for name in names)
    columns = columns or [table.area.left, table.area.right]
    rows = _rows(table, keywords | ({"#this row"} if this_row else set()), sheet, row)
    if rows is None:
        return None
    first, last = f"{letters(columns[0])}{rows[0]}", f"{letters(columns[-1])}{rows[1]}"
    quoted = "'" + table.sheet.replace("'", "''") + "'"
    return f"{quoted}!{first}" if first == last else f"{quoted}!{first}:{last}"


def _rows(table: Table, keywords: set[str], sheet: str, row: int) -> tuple[int, int] | None:
    if "#this row" in keywords:
        inside = table.sheet == sheet and table.first_row <= row <= table.last_row
        return (row, row) if inside and len(keywords) == 1 else None
    if not keywords or keywords == {"#data"}:
        return table.first_row, table.last_row
    if keywords == {"#all"}:
        return table.area.top, table.area.bottom
    if keywords <= {"#headers", "#data"}:
        if not table.header:
            return None
        return table.area.top, table.last_row if "#data" in keywords else table.area.top
    if keywords <= {"#totals", "#data"}:
        if not table.totals:
            return None
        return (table.first_row if "#data" in keywords else table.area.bottom), table.area.bottom
    return None


def _unescape(name: str) -> str:
    return re.sub(r"'(.)", r"\1", name)
