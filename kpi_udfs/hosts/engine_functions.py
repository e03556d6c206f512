"""Functions that the engine lacks, or answers otherwise than spreadsheets do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import formualizer

from kpi_udfs.hosts.as_stored import FIT, LOOK_UP, TO_TEXT, any_argument, single_arguments
from kpi_udfs.xlsx.addresses import cell_name, letters


def as_text(value: Any) -> Any:
    """A value as ``&`` takes it: numbers with fifteen digits, all else as it is."""
    if isinstance(value, list):
        return [[as_text(cell) for cell in row] for row in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return general(float(value))


def general(number: float) -> str:
    """A number with at most fifteen digits, as it stands in a text."""
    if number == 0 or not math.isfinite(number):
        return "0"
    rounded = Decimal(f"{number:.14e}").normalize()
    if -10 < rounded.adjusted() < 20:
        return f"{rounded:f}"
    mantissa, _, exponent = f"{rounded:e}".partition("e")
    return f"{mantissa}E{int(exponent):+03d}"


def _each(change: Callable[[str], str]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [[changed(cell) for cell in row] for row in value]
        if isinstance(value, dict):
            return value
        if isinstance(value, bool):
            return change(str(value).upper())
        return change("" if value is None else value if isinstance(value, str) else general(float(value)))

    return changed


def look_up(wanted: Any, where: Any, results: Any = None) -> Any:
    """LOOKUP: the last value not greater than the wanted one, found by halving, errors passed over."""
    rows = where if isinstance(where, list) else [[where]]
    across = len(rows[0]) > len(rows)
    places = list(rows[0]) if across else [row[0] for row in rows]
    found = results if results is not None else where
    block = found if isinstance(found, list) else [[found]]
    if results is None:
        values = list(block[-1]) if across else [row[-1] for row in block]
    else:
        values = list(block[0]) if len(block) == 1 else [row[0] for row in block]
    if isinstance(wanted, dict):
        return wanted
    at = _last_not_greater(wanted, places)
    return values[at] if at is not None and at < len(values) else {"type": "Error", "kind": "Na"}


def _last_not_greater(wanted: Any, places: list[Any]) -> int | None:
    """As spreadsheets halve: what is of another kind, or an error, is passed over."""
    kind = _kind(wanted)
    fitting = [(index, _folded(value)) for index, value in enumerate(places) if _kind(value) == kind]
    low, high, sought = 0, len(fitting), _folded(wanted)
    while low < high:
        middle = (low + high) // 2
        if fitting[middle][1] <= sought:
            low = middle + 1
        else:
            high = middle
    return fitting[low - 1][0] if low else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "nothing"


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


class Each:
    """Calculates a function for each of several values, with an engine of its own."""

    def __init__(self, new_engine: Callable[[], formualizer.Workbook]) -> None:
        self.new_engine = new_engine
        self.known: dict[Any, Any] = {}

    def __call__(self, name: str, *arguments: Any) -> Any:
        single = single_arguments(name) or any_argument
        areas = {n: _rows(value) for n, value in enumerate(arguments) if not single(n)}
        values = {n: _rows(value) for n, value in enumerate(arguments) if single(n)}
        height = max(len(rows) for rows in values.values())
        width = max(len(rows[0]) for rows in values.values())
        known = {} if areas else self.known
        several = [number for number, rows in values.items() if len(rows) > 1 or len(rows[0]) > 1]
        if len(several) == 1:  # nearly always; worth being quick for long columns
            known = known.setdefault((name, *(_key(rows) for n, rows in values.items() if n not in several)), {})
            asked = [[_key(cell) for cell in row] for row in values[several[0]]]
            distinct: dict[Any, Any] = {}
            for keys, row in zip(asked, values[several[0]], strict=True):
                distinct.update(zip(keys, row, strict=True))
            missing = {
                key: tuple(cell if n in several else rows[0][0] for n, rows in values.items())
                for key, cell in distinct.items()
                if key not in known
            }
        else:
            every = [
                [tuple(_at(rows, down, right) for rows in values.values()) for right in range(width)]
                for down in range(height)
            ]
            asked = [[(name, *map(_key, one)) for one in row] for row in every]
            flat = zip((key for row in asked for key in row), (one for row in every for one in row), strict=True)
            missing = {key: one for key, one in flat if key not in known}
        if missing:
            answers = self._answers(name, len(arguments), areas, list(values), list(missing.values()))
            known |= zip(missing, answers, strict=True)
        found = [[known[key] for key in row] for row in asked]
        return found if height * width > 1 else found[0][0]

    def _answers(
        self, name: str, count: int, areas: Mapping[int, Any], places: list[int], asked: list[tuple[Any, ...]]
    ) -> list[Any]:
        engine = self.new_engine()
        engine.add_sheet("V")
        for number, rows in areas.items():
            engine.add_sheet(f"A{number}")
            engine.set_values_batch(f"A{number}", 1, 1, rows)
        engine.set_values_batch("V", 1, 1, [list(one) for one in asked])
        where = {n: f"A{n}!A1:{cell_name(len(rows), len(rows[0]))}" for n, rows in areas.items()}
        column = len(places) + 2
        for row, _ in enumerate(asked, 1):
            cells = {place: f"{letters(at)}{row}" for at, place in enumerate(places, 1)}
            written = ",".join((where | cells)[n] for n in range(count))
            engine.set_formula("V", row, column, f"={name}({written})")
        engine.evaluate_all()
        return [engine.get_value("V", row, column) for row, _ in enumerate(asked, 1)]


def _rows(value: Any) -> list[list[Any]]:
    return value if isinstance(value, list) else [[value]]


def _at(rows: list[list[Any]], down: int, right: int) -> Any:
    """One of the values; a single row, column or value serves for all."""
    down, right = (0 if len(rows) == 1 else down), (0 if len(rows[0]) == 1 else right)
    return rows[down][right] if down < len(rows) and right < len(rows[0]) else {"type": "Error", "kind": "Na"}


def _key(value: Any) -> Any:
    """What a value is found again by: 1 is not TRUE."""
    return value if type(value) in (float, str) else (type(value).__name__, str(value))


def fitted(height: float, width: float, result: Any) -> Any:
    """A result as it fills a fixed area: a single row, column or value is repeated, the rest is cut or #N/A."""
    rows = _rows(result)
    filled = [[_shown(_at(rows, down, right)) for right in range(int(width))] for down in range(int(height))]
    return filled if height * width > 1 else filled[0][0]


def _shown(value: Any) -> Any:
    return 0.0 if value is None else value


def search(wanted: Any, within: Any, start: Any = 1.0) -> Any:
    """SEARCH, for letters outside ASCII, too."""
    for value in (wanted, within, start):
        if isinstance(value, dict):
            return value
    first, lower = _text(wanted), _text(within)
    if isinstance(start, bool) or not isinstance(start, int | float) or not 1 <= start <= len(lower) + 1:
        return {"type": "Error", "kind": "Value"}
    found = re.compile(_wildcards(first), re.IGNORECASE | re.DOTALL).search(lower, int(start) - 1)
    return float(found.start() + 1) if found else {"type": "Error", "kind": "Value"}


def _wildcards(written: str) -> str:
    """A text with ``*``, ``?`` and ``~`` as a regular expression."""
    parts = re.findall(r"~[*?~]|.", written, re.DOTALL)
    return "".join({"*": ".*?", "?": "."}.get(part) or re.escape(part[-1]) for part in parts)


def _text(value: Any) -> str:
    text = _each(str)(value)
    return text if isinstance(text, str) else ""


_WORD = re.compile(r"[^\W\d_]+")

#: Functions that the engine lacks or answers for ASCII only.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    FIT: fitted,
    TO_TEXT: as_text,
    LOOK_UP: look_up,
    "SEARCH": search,
    "LOWER": _each(str.lower),
    "UPPER": _each(lambda text: "".join(sign.upper() if len(sign.upper()) == 1 else sign for sign in text)),
    "PROPER": _each(lambda text: _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text)),
}
