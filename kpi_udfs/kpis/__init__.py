"""The KPIs, a module per business question. Importing this package fills the registry.

The order of the imports is the order of the catalogue.
"""

from kpi_udfs.kpis import costs, conversion, losses, sales, cycle, retention, cohorts, revenue, quality, about  # noqa: I001
# Catalogue order, not alphabetical, hence the exemption above.

__all__ = ["about", "cohorts", "conversion", "costs", "cycle", "losses", "quality", "retention", "revenue", "sales"]
