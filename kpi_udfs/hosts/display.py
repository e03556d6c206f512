"""Values as cells show them, for where there is no spreadsheet program."""

from __future__ import annotations

import re
from typing import Any

import formualizer
import openpyxl

from kpi_udfs.kinds import Kind

#: No number format has more signs than that.
MOST_IN_A_FORMAT = 255


class Display:
    """Values as cells show them: the number formats of the file, carried out by the engine."""

    def __init__(self, locale: str | None = None) -> None:
        self.locale = locale
        self.engine = formualizer.Workbook()
        self.engine.add_sheet("S")

    def shown(self, value: Any, number_format: str = "General") -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, bool):
            return str(value).upper()
        if number_format == "General" or len(number_format) > MOST_IN_A_FORMAT:
            return self._localized(_general(value))
        escaped = _quoted_currency(number_format).replace('"', '""')
        self.engine.set_formula("S", 1, 1, f'=TEXT({value!r},"{escaped}")')
        text_value = self.engine.evaluate_cell("S", 1, 1)
        if not isinstance(text_value, str):
            return self._localized(_general(value))
        dated = openpyxl.styles.numbers.is_date_format(number_format)
        return text_value if dated else self._localized(text_value)

    def _localized(self, written: str) -> str:
        """English marks between digits exchanged for those of the language; words stay as they are."""
        if not self.locale:
            return written
        from babel import Locale

        symbols = Locale.parse(self.locale.replace("-", "_")).number_symbols["latn"]
        marks = str.maketrans({".": symbols["decimal"], ",": symbols["group"]})
        return re.sub(r"\d[\d.,]*\d", lambda number: number[0].translate(marks), written)

    def rows(self, block: list[list[Any]], kinds: tuple[Kind, ...] = ()) -> list[list[str]]:
        """A block's cells; columns of a known kind in the format that kind has."""
        formats = [kind.number_format for kind in kinds] or ["General"] * len(block[0])
        return [[self.shown(cell, form) for cell, form in zip(row, formats, strict=False)] for row in block]


def _general(value: float) -> str:
    """A number in the format General: eleven places at most, as a wide enough cell shows it."""
    if value == 0 or 1e-9 <= abs(value) < 1e11:
        places = max(0, 10 - len(str(int(abs(value)))))
        written = f"{value:.{places}f}"
        return written.rstrip("0").rstrip(".") if "." in written else written
    mantissa, _, exponent = f"{value:.5E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent):+03d}"


def _quoted_currency(number_format: str) -> str:
    """Currency signs as quoted text: the engine drops bare ones and ``[$€-407]``."""
    plain_signs = re.sub(r"\[\$([^\]-]*)(?:-[^\]]*)?\]", r'"\1"', number_format)
    return re.sub(r'"[^"]*"|[€£¥₹]', lambda part: part[0] if part[0][0] == '"' else f'"{part[0]}"', plain_signs)
