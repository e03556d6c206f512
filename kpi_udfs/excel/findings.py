"""What a check has found: a state and one line, with the remedy where there is something to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kpi_udfs.messages import Sentence, Text, text

State = Literal["ok", "warning", "problem"]

#: How a line begins.
SAID: dict[State, Text] = {
    "ok": text("excel.state.ok", "all right"),
    "warning": text("excel.state.warning", "warning"),
    "problem": text("excel.state.problem", "problem"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's. A problem keeps the functions from working; a warning may do so."""

    check: str
    state: State
    says: Sentence


class CantInstall(Exception):
    """Why something can't be put in place or taken away, in a line."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says


def worst(findings: Iterable[Finding]) -> State:
    """The worst state among them."""
    states = {finding.state for finding in findings}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"
