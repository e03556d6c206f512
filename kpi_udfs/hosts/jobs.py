"""What is asked of a recalculation and what comes of it, in plain values that go from process to process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kpi_udfs.xlsx.limits import Limits


@dataclass(frozen=True)
class Job:
    """What to recalculate, and where to write the copy, if one is wanted."""

    book: Path
    target: Path | None = None
    sheet: str | None = None
    #: Whether formulas without a KPI, with nothing to say about them, are told, too.
    everything: bool = False
    locale: str | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class CellFacts:
    """What there is to say about one formula cell."""

    sheet: str
    cell: str
    formula: str
    #: A number, text or bool, or rows of them; None where the cell shows an error.
    value: Any
    error: str | None
    #: The value, or the rows, as the cells show them.
    shown: str | list[list[str]]
    explanation: str | None
    is_kpi: bool
    #: The KPIs that were evaluated, and what they warn of.
    kpis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    #: What the file had shown where there is an error now.
    error_replaces: str | None = None
    #: Why the formula keeps its saved value.
    kept: str | None = None
    #: What the file had shown, where it was something else for no reason to be seen.
    differs_from: str | None = None
    #: Whether the cell shows a part of the same block as the one told before it.
    continues: bool = False

    @property
    def place(self) -> str:
        return f"{self.sheet}!{self.cell}"


@dataclass(frozen=True)
class Recalculated:
    """What came of a job."""

    formulas: int
    changed: int
    cells: list[CellFacts]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def needs_a_look(self) -> bool:
        """Whether cells show errors, or values that could not be calculated."""
        return any(cell.errors or cell.kept for cell in self.cells)
