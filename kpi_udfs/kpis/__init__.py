"""The KPIs, a module per business question. Importing this package fills the registry.

The order of the imports is the order of the catalogue.
"""

from kpi_udfs.kpis import costs, conversion, qualification, losses, sales, cycle, retention  # noqa: I001
from kpi_udfs.kpis import cohorts, revenue, quality, about
# Catalogue order, not alphabetical, hence the exemption above.

__all__ = [
    "about",
    "cohorts",
    "conversion",
    "costs",
    "cycle",
    "losses",
    "qualification",
    "quality",
    "retention",
    "revenue",
    "sales",
]
