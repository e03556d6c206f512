"""The errors of this package: those a cell can show, and those a person at a keyboard can meet.

A :class:`CellError` carries a code that spreadsheet people know (``#DIV/0!``) and the reason in
words. The others are for people who edit configuration or call the command line: they say which
file, which line, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from kpi_udfs.messages import Sentence

DIV0 = "#DIV/0!"
NA = "#N/A"
VALUE = "#VALUE!"
NUM = "#NUM!"


class CellError(Exception):
    """An error that a cell shows: ``code`` as spreadsheets write it, ``reason`` in words.

    It is raised inside a KPI and also stands as a value in a block (one cell of a funnel).
    """

    def __init__(self, code: str, reason: Sentence) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    @classmethod
    def div0(cls, reason: Sentence) -> CellError:
        """Nothing to divide by."""
        return cls(DIV0, reason)

    @classmethod
    def na(cls, reason: Sentence) -> CellError:
        """Not enough data yet."""
        return cls(NA, reason)

    @classmethod
    def value(cls, reason: Sentence) -> CellError:
        """An input that can't be read."""
        return cls(VALUE, reason)

    @classmethod
    def num(cls, reason: Sentence) -> CellError:
        """A number outside its bounds."""
        return cls(NUM, reason)

    def __str__(self) -> str:
        from kpi_udfs.messages import say

        return f"{self.code}: {say(self.reason)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellError) and other.code == self.code

    def __hash__(self) -> int:
        return hash(self.code)


class KpiUdfsError(Exception):
    """Base of the errors that are no cell errors."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration file."""

    file: Path | str
    line: int | None
    message: Sentence | str

    def said(self, locale: str | None = None) -> str:
        """The problem in the language of ``locale``, with its place."""
        from kpi_udfs.messages import say

        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {say(self.message, locale)}"

    def __str__(self) -> str:
        return self.said()


class ConfigError(KpiUdfsError):
    """Configuration that can't be used: every problem found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def said(self, locale: str | None = None) -> str:
        """All problems in the language of ``locale``, a line each."""
        return "\n".join(problem.said(locale) for problem in self.problems)


class DeclarationError(KpiUdfsError):
    """A KPI declared in a way that some host could not carry."""


class WorkbookError(KpiUdfsError):
    """A workbook that can't be read or calculated."""


class FileError(KpiUdfsError):
    """A file whose table can't be read."""
