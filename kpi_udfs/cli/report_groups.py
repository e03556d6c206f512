"""Which KPI cells are told together, so that thousands of them make a page that a phone opens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kpi_udfs.registry import KPIS
from kpi_udfs.xlsx.addresses import cell_of, column_of

if TYPE_CHECKING:
    from kpi_udfs.hosts.jobs import CellFacts

#: From so many cells on, those with the same formula are told together.
FEWEST_ALIKE = 4
#: Texts, quoted sheets and column names stay as they are; references to cells move along with a formula.
_REFERENCE = re.compile(
    r""""(?:[^"]|"")*"|'(?:[^']|'')*'|\[[^\[\]]*\]|(?<![\w.$])(\$?)([A-Za-z]{1,3})(\$?)([0-9]{1,7})(?![\w.(])"""
)
_KPI_CALL = re.compile(rf"\b({'|'.join(KPIS)})\s*\(", re.IGNORECASE)


def grouped(cells: Sequence[CellFacts]) -> list[list[CellFacts]]:
    """The cells in order, those together that are parts of one block, explain others, or have the same formula."""
    after = [cell.continues for cell in (*cells[1:], *cells[:1])]  # the first continues nothing
    keys = [_key(cell, in_block=cell.continues or goes_on) for cell, goes_on in zip(cells, after, strict=True)]
    often = Counter(keys)
    groups: dict[object, list[CellFacts]] = {}
    for number, (cell, key) in enumerate(zip(cells, keys, strict=True)):
        together = key[0] == "block" or often[key] >= FEWEST_ALIKE
        groups.setdefault(key if together else number, []).append(cell)
    return list(groups.values())


def _key(cell: CellFacts, *, in_block: bool) -> tuple[str, str, str]:
    if in_block:
        return "block", cell.sheet, cell.explanation or ""
    if explains(cell):
        return "explains", cell.sheet, ""
    return "formula", cell.sheet, _moved_along(cell)


def explains(cell: CellFacts) -> bool:
    """Whether the cell shows nothing but words about others."""
    about = [KPIS[name].category == "about" for name in kpis_of(cell)]
    return all(about) and cell.explanation == cell.shown and not cell.errors and not cell.kept


def kpis_of(cell: CellFacts) -> tuple[str, ...]:
    """The KPIs that were evaluated; of a formula that was not, those that it names."""
    if cell.kpis:
        return cell.kpis
    return tuple(dict.fromkeys(name.upper() for name in _KPI_CALL.findall(cell.formula)))


def _moved_along(cell: CellFacts) -> str:
    """The formula with what it refers to counted from its own cell: the same for all cells it was filled into."""
    at = cell_of(cell.cell) or (1, 1)

    def counted(found: re.Match[str]) -> str:
        fixed_column, column, fixed_row, row = found.groups()
        if column is None:
            return found[0]
        across = column.upper() if fixed_column else f"[{column_of(column) - at[1]}]"
        down = row if fixed_row else f"[{int(row) - at[0]}]"
        return f"\0{across}:{down}"

    return _REFERENCE.sub(counted, cell.formula)
