"""KPI functions for spreadsheets: the same number, explained, in every host.

>>> from kpi_udfs import evaluate, explain
>>> evaluate("COST_PER_LEAD", 1200, 40)
30.0
>>> explain("COST_PER_LEAD", 1200, 40)
'30: spend of 1,200 ÷ 40 leads.'
"""

from typing import Any

from kpi_udfs.calls import answer as _answer
from kpi_udfs.calls import context_now as _context_now
from kpi_udfs.errors import CellError, ConfigError, KpiUdfsError
from kpi_udfs.kpis.about import find as _find
from kpi_udfs.registry import KPIS, KpiSpec

__all__ = ["KPIS", "CellError", "ConfigError", "KpiSpec", "KpiUdfsError", "evaluate", "explain"]


def evaluate(kpi: str, *cells: Any) -> Any:
    """A KPI of plain Python values: a number, a text, or rows. Raises :class:`CellError`.

    ``cells``: the KPI's arguments in order; a scalar, a list (one column) or a list of lists.
    """
    result = _answer(_find(kpi), cells, _context_now()).cell
    if isinstance(result, CellError):
        raise result
    return result


def explain(kpi: str, *cells: Any) -> str:
    """In words how :func:`evaluate` comes to its answer, or why it can't."""
    try:
        return _answer(_find(kpi), cells, _context_now()).explanation
    except CellError as error:  # there is no such KPI
        return str(error)
