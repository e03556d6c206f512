"""KPI functions for spreadsheets: the same number, explained, in every host.

>>> from kpi_udfs import evaluate, explain
>>> evaluate("COST_PER_LEAD", 1200, 40)
30.0
>>> explain("COST_PER_LEAD", 1200, 40)
'30: spend of 1,200 ÷ 40 leads.'
"""

from typing import Any

from kpi_udfs.calls import answer as _answer
from kpi_udfs.calls import answer_on as _answer_on
from kpi_udfs.calls import context_now as _context_now
from kpi_udfs.errors import CellError, ConfigError, KpiUdfsError
from kpi_udfs.kpis.about import find as _find
from kpi_udfs.registry import KPIS, KpiSpec

__all__ = [
    "KPIS",
    "CellError",
    "ConfigError",
    "KpiSpec",
    "KpiUdfsError",
    "evaluate",
    "evaluate_on",
    "explain",
    "explain_on",
]


def evaluate(kpi: str, *cells: Any) -> Any:
    """A KPI of plain Python values: a number, a text, or rows. Raises :class:`CellError`.

    ``cells``: the KPI's arguments in order; a scalar, a list (one column) or a list of lists.
    """
    result = _answer(_find(kpi), cells, _context_now()).cell
    if isinstance(result, CellError):
        raise result
    return result


def evaluate_on(kpi: str, table: Any, **arguments: Any) -> Any:
    """A KPI of a table's columns. Raises :class:`CellError`.

    ``table``: a pandas or Polars data frame, a DuckDB relation (a file of any size stays where it
    is), or rows of cells with a header row. ``arguments``: a header for each argument that is a
    column, a value for the others; a required column that is not named is found by its header, as
    ``columns.yaml`` lists them.

    >>> deals = [["rep", "status"], ["Ada", "won"], ["Ada", "lost"], ["Ben", "won"]]
    >>> evaluate_on("WIN_RATIO", deals, outcomes="status")
    0.6666666666666666
    """
    result = _answer_on(_find(kpi), table, arguments, _context_now()).cell
    if isinstance(result, CellError):
        raise result
    return result


def explain_on(kpi: str, table: Any, **arguments: Any) -> str:
    """In words how :func:`evaluate_on` comes to its answer, or why it can't."""
    try:
        return _answer_on(_find(kpi), table, arguments, _context_now()).explanation
    except CellError as error:  # there is no such KPI
        return str(error)


def explain(kpi: str, *cells: Any) -> str:
    """In words how :func:`evaluate` comes to its answer, or why it can't."""
    try:
        return _answer(_find(kpi), cells, _context_now()).explanation
    except CellError as error:  # there is no such KPI
        return str(error)
