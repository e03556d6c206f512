"""Blocks from which template workbooks are built, on XlsxWriter.

A template is written twice: once to be calculated headless, then with the values filled in, so
that whoever opens it without the functions sees numbers instead of zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, ClassVar

import xlsxwriter

from kpi_udfs.kinds import Kind
from kpi_udfs.messages import Text, say, text
from kpi_udfs.registry import KPIS

#: Values of formula cells from an earlier calculation: (sheet, cell) to a value or rows.
Values = Mapping[tuple[str, str], Any]

NUMBERS_ARE_THERE = text(
    "workbook.numbers_are_there",
    "You see numbers but changing data changes nothing, or #NAME? appears? Then the functions are not installed here: "
    "the numbers are those of {day:date}.",
)
KPI_CAPTION = text("workbook.caption.kpi", "KPI")
VALUE_CAPTION = text("workbook.caption.value", "Value")
WHY_CAPTION = text("workbook.caption.why", "Where the number comes from")

_INK, _SOFT, _ACCENT, _PALE = "#1F2A37", "#6B7280", "#0F766E", "#E6F2F0"
_HEADER = {"bold": True, "font_color": "#FFFFFF", "bg_color": _ACCENT, "valign": "vcenter"}
_LINE = {"bottom": 1, "bottom_color": "#D1D5DB"}

#: Excel recalculates on opening what an older version saved; this is a current one's number.
_CALC_ID = 191029


@dataclass
class Page:
    """A workbook being written, with its styles and language."""

    path: Path
    locale: str | None = None
    values: Values = field(default_factory=dict)
    day: date = date(2026, 7, 1)
    #: What stands above each sheet to read, for somebody without the functions.
    notice: ClassVar[Text] = NUMBERS_ARE_THERE

    def __post_init__(self) -> None:
        self.book = xlsxwriter.Workbook(self.path)
        # Otherwise Excel recalculates when it opens the file, and without the functions every
        # filled-in value would turn into #NAME?.
        self.book.set_calc_mode("auto", _CALC_ID)
        self.book.calc_on_load = False
        self.book.set_properties({"created": datetime.combine(self.day, time()), "author": "kpi_udfs"})
        self.book.set_size(2400, 1400)
        styles: dict[str, dict[str, Any]] = {
            "title": {"bold": True, "font_size": 20, "font_color": _INK},
            "caption": {"font_color": _SOFT, "text_wrap": True, "valign": "top"},
            "notice": {"font_color": _SOFT, "italic": True, "text_wrap": True, "valign": "top"},
            "heading": {"bold": True, "font_size": 13, "font_color": _ACCENT},
            "header": {**_HEADER, "text_wrap": True},
            "number_header": {**_HEADER, "text_wrap": True, "align": "right"},
            "why_header": {**_HEADER, "indent": 1},
            "name": {"bold": True, "font_color": _INK, "valign": "vcenter", **_LINE},
            "why": {"font_color": _SOFT, "text_wrap": True, "valign": "vcenter", "indent": 1, **_LINE},
            "date": {"num_format": "yyyy-mm-dd"},
            "money": {"num_format": "#,##0.00"},
            "month": {"num_format": "yyyy-mm", "align": "left"},
        }
        self.styles = {name: self.book.add_format({"font_name": "Calibri", **style}) for name, style in styles.items()}
        self._kinds: dict[tuple[str, bool], Any] = {}

    def say(self, what: Text, **facts: Any) -> str:
        return say(what(**facts), self.locale)

    def sheet(self, name: Text, *, landscape: bool = True) -> Any:
        sheet = self.book.add_worksheet(self.say(name))
        sheet.hide_gridlines(2)
        if landscape:
            sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 1 if landscape else 0)
        return sheet

    def kind(self, kind: Kind, *, headline: bool = False) -> Any:
        """The cell format of a kind of result."""
        key = (kind.number_format, headline)
        if key not in self._kinds:
            style: dict[str, Any] = {"font_name": "Calibri", "num_format": kind.number_format}
            if headline:
                style |= {"bold": True, "font_size": 14, "font_color": _ACCENT, "bg_color": _PALE}
                style |= {"valign": "vcenter", "align": "right", **_LINE}
            self._kinds[key] = self.book.add_format(style)
        return self._kinds[key]

    def heading(self, sheet: Any, title: Text, caption: Text, columns: int) -> None:
        """Title, caption and the notice about missing functions in the first three rows."""
        sheet.set_row(0, 30)
        sheet.write(0, 0, self.say(title), self.styles["title"])
        sheet.set_row(1, 34)
        sheet.merge_range(1, 0, 1, columns - 1, self.say(caption), self.styles["caption"])
        sheet.set_row(2, 34)
        notice = self.say(self.notice, day=self.day)
        sheet.merge_range(2, 0, 2, columns - 1, notice, self.styles["notice"])

    def table(self, sheet: Any, name: str, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A data sheet: one Excel table from the top left corner, with frozen header."""
        columns = []
        for index, header in enumerate(headers):
            cells = [row[index] for row in rows]
            form = _data_style(cells)
            columns.append({"header": header, "format": self.styles[form]} if form else {"header": header})
            width = max([len(header) + 4, *(10 if isinstance(c, date) else len(str(c or "")) + 2 for c in cells)])
            sheet.set_column(index, index, min(width, 40))
        last = (len(rows), len(headers) - 1)
        sheet.add_table(0, 0, *last, {"name": name, "columns": columns, "data": rows, "style": "Table Style Light 11"})
        sheet.freeze_panes(1, 0)

    def formula(self, sheet: Any, row: int, column: int, formula: str, style: Any = None) -> Any:
        """A formula with its value filled in; returns that value."""
        value = self._value(sheet, row, column)
        sheet.write_formula(row, column, formula, style, 0 if value is None else value)
        return value

    def merged_formula(self, sheet: Any, area: tuple[int, int, int, int], formula: str, style: Any) -> None:
        """A formula whose text runs over several cells: first row, first column, last row, last column."""
        sheet.merge_range(*area, "", style)
        Page.formula(self, sheet, area[0], area[1], formula, style)

    def header(self, column: int) -> Any:
        """The style of a header: names to the left, numbers to the right."""
        return self.styles["number_header" if column else "header"]

    def headers(self, sheet: Any, row: int, captions: Sequence[Text]) -> None:
        for column, caption in enumerate(captions):
            sheet.write(row, column, self.say(caption), self.header(column))

    def grid(self, sheet: Any, row: int, column: int, formula: str, rows: int, kinds: Sequence[Kind]) -> None:
        """A function's block, cell by cell.

        Spilling would be shorter, but a program without the functions keeps the filled-in value
        of a plain formula only; LibreOffice recalculates every array formula it opens.
        """
        for down in range(rows):
            for right, kind in enumerate(kinds):
                if self._value(sheet, row + down, column + right) == "":
                    continue  # the first stage has no stage before it: blank in every funnel
                style = self.header(right) if down == 0 else self.kind(kind)
                cell = f"=INDEX({formula},{down + 1},{right + 1})"
                self.formula(sheet, row + down, column + right, cell, style)

    def kpi_lines(self, sheet: Any, row: int, lines: Sequence[tuple[Text, str, str]]) -> int:
        """KPI, value and explanation, line by line: ``(caption, KPI name, arguments)``; the next row."""
        self.headers(sheet, row, (KPI_CAPTION, VALUE_CAPTION))
        sheet.write(row, 2, self.say(WHY_CAPTION), self.styles["why_header"])
        for offset, (caption, name, arguments) in enumerate(lines, 1):
            at = row + offset
            sheet.write(at, 0, self.say(caption), self.styles["name"])
            self.formula(sheet, at, 1, f"={name}({arguments})", self.kind(KPIS[name].shows, headline=True))
            why = self.formula(sheet, at, 2, f'=KPI_EXPLAIN("{name}",{arguments})', self.styles["why"])
            sheet.set_row(at, 24 + 15 * (len(str(why or "")) // 100))
        return row + len(lines) + 1

    def _value(self, sheet: Any, row: int, column: int) -> Any:
        return self.values.get((sheet.get_name(), xlsxwriter.utility.xl_rowcol_to_cell(row, column)))


def _data_style(cells: Sequence[Any]) -> str | None:
    """Which style a data column has: dates and amounts have one, everything else none."""
    if any(isinstance(cell, date) for cell in cells):
        return "date"
    return "money" if any(isinstance(cell, float) for cell in cells) else None
