"""Finding the template recipes and carrying them out."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from kpi_udfs import settings
from kpi_udfs.workbooks.sheets import Page, Values

if TYPE_CHECKING:
    from kpi_udfs.hosts.formula_cell import FormulaCell


@dataclass(frozen=True)
class Recipe:
    """A template: its name and the function that writes it onto a page."""

    name: str
    write: Callable[[Page], None]


def recipes() -> dict[str, Recipe]:
    """The recipes of the ``workbook_templates`` folder, by name."""
    files = sorted(settings.packaged("workbook_templates").glob("*.py"))
    return {file.stem: Recipe(file.stem, _module(file).write) for file in files}


def _module(file: Path) -> ModuleType:
    """A recipe lies beside the package in a checkout and inside it when installed; by path, both work."""
    name = f"kpi_udfs_template_{file.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None  # the file was just listed
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def build(recipe: Recipe, path: Path, paper: type[Page] = Page) -> list[FormulaCell]:
    """Write the workbook with its values filled in, and return its formula cells.

    ``paper``: the kind of page that the recipe writes on. The file appears whole or not at all: it is written
    beside its place and then moved there.
    """
    from kpi_udfs.hosts.headless import Workbook  # the add-in, which has nothing to calculate, does without

    locale = settings.current().language
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        draft = Path(folder) / path.name
        values: Values = {}
        # The first round finds the values, the second writes them.
        for _ in range(2):
            page = paper(draft, locale, values)
            recipe.write(page)
            page.book.close()
            cells = Workbook(draft, locale).calculate()
            values = {(cell.sheet, cell.cell): cell.error or cell.value for cell in cells}
        draft.replace(path)
    return cells
