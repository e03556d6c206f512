"""What the template recipes share: styles, data tables, KPI lines, and filled-in values."""

from kpi_udfs.workbooks.recipes import Recipe, build, recipes
from kpi_udfs.workbooks.sheets import Page, Values

__all__ = ["Page", "Recipe", "Values", "build", "recipes"]
