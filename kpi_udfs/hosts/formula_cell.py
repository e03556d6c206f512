"""A formula cell of a workbook, before and after its recalculation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kpi_udfs.calls import VALUE_TOLD, Answer
from kpi_udfs.errors import CellError
from kpi_udfs.hosts.kept import LINKED, NOTHING_SAVED, SAVED
from kpi_udfs.messages import Sentence, say, say_all, text
from kpi_udfs.registry import Block
from kpi_udfs.xlsx.addresses import Area, cell_name
from kpi_udfs.xlsx.sheet_xml import Code

NO_REASON = text("code.other", "the formula itself gives this error.")
_REASONS = {
    "#NAME?": text("code.name", "a function or a name in the formula is unknown here."),
    "#REF!": text("code.ref", "a reference in the formula leads nowhere."),
    "#SPILL!": text("code.spill", "cells that the block would fill are not empty."),
}


@dataclass
class FormulaCell:
    """One formula cell after recalculation. ``value`` holds rows where the formula gives a block."""

    sheet: str
    row: int
    column: int
    formula: str
    #: As :class:`~kpi_udfs.xlsx.sheet_xml.StoredFormula` has them.
    kind: str = "plain"
    area: Area | None = None
    #: What the file shows in this cell, and in those that its block had filled.
    stored: Any = None
    filled: dict[tuple[int, int], Any] = field(default_factory=dict)
    #: Whether a program that calculates has stored it.
    was_calculated: bool = True
    number_format: str = "General"
    value: Any = None
    error: str | None = None
    #: Why the formula keeps the value that was saved with it.
    kept: Sentence | None = None
    #: What is unknown here, where nothing was saved that could be kept.
    missing: Sentence | None = None
    #: Which reference leads nowhere, and which cell had the error before.
    nowhere: Sentence | None = None
    comes_from: Sentence | None = None
    #: Whether the formula calls a KPI, evaluated or not.
    is_kpi: bool = False
    #: Whether the result depends on the moment.
    is_volatile: bool = False
    locale: str | None = None
    #: The formula as the engine has it.
    prepared: str = ""
    #: Whether the engine has the values of a block that is too large for it instead of the formula.
    placed: bool = False
    answers: list[Answer] = field(default_factory=list)

    @property
    def cell(self) -> str:
        return cell_name(self.row, self.column)

    @property
    def is_calculated(self) -> bool:
        """Whether the engine has the formula."""
        return self.kept is None and self.missing is None and not self.placed

    @property
    def linked(self) -> bool:
        """Whether the formula refers to another workbook."""
        return self.kept is not None and self.kept.text is LINKED

    @property
    def spilled(self) -> Area:
        """The cells that the result fills."""
        rows = self.value if isinstance(self.value, list) else [[self.value]]
        return Area(self.row, self.column, self.row + len(rows) - 1, self.column + len(rows[0]) - 1)

    @property
    def spills_wrongly(self) -> bool:
        """Whether the engine let a formula spill of which a spreadsheet shows one value: the first or, of a
        range, the one in its own row or column. Only array formulas fill other cells."""
        spills = isinstance(self.value, list) or self.error == "#SPILL!"
        return spills and self.kind == "plain" and not self.prepared.startswith("=@(")

    @property
    def has_new_error(self) -> bool:
        """Whether the file had shown a value where there is an error now."""
        had_value = self.stored is not None and not isinstance(self.stored, Code)
        return self.error is not None and self.kept is None and had_value and self.was_calculated

    @property
    def explanation(self) -> str | None:
        """In words, for each KPI call in the formula; None where there is none."""
        if self.kept is not None:
            return say_all([self.kept, SAVED], self.locale)
        if self.missing is not None:
            return self._reason
        if self.nowhere is not None and self.error == "#REF!":
            return self._reason
        if self.error and not any(isinstance(answer.result, CellError) for answer in self.answers):
            return self._reason  # what the calls came to is not what the cell shows
        if len(self.answers) == 1:
            return self.answers[0].explanation
        return "\n".join(f"{answer.spec.name}: {answer.explanation}" for answer in self.answers) or None

    @property
    def _reason(self) -> str:
        """Why the formula itself gives its error."""
        if self.missing is not None:
            told = say_all([self.missing, NOTHING_SAVED], self.locale)
        else:
            told = say(self.nowhere or self.comes_from or _REASONS.get(self.error or "", NO_REASON), self.locale)
        return say(VALUE_TOLD(value=self.error, told=told), self.locale)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Error codes this cell and its block show, each with the reason, where we know it.

        One that was saved with a formula that can't be calculated is not ours to explain.
        """
        if self.kept is not None:
            return []
        block = [
            cell
            for answer in self.answers
            if isinstance(answer.result, Block)
            for row in answer.result.rows
            for cell in row
            if isinstance(cell, CellError)
        ]
        if self.error:
            reasons = [a.explanation for a in self.answers if isinstance(a.result, CellError)]
            if self.nowhere is not None and self.error == "#REF!":
                reasons = []
            return [(self.error, " ".join(reasons) or self._reason)]
        spilled = {cell for row in self.value for cell in row} if isinstance(self.value, list) else set()
        return [
            (cell.code, say(VALUE_TOLD(value=cell.code, told=cell.reason), self.locale))
            for cell in block
            if cell.code in spilled
        ]
