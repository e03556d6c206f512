"""Spoilt workbooks: a result or one clear line, and a copy in which nothing but values changed."""

from __future__ import annotations

import io
import random
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
from workbook_mutations import books, spoilt, untouched
from xlsx_parts import parts_in

from kpi_udfs.errors import WorkbookError
from kpi_udfs.hosts.guarded import Guarded
from kpi_udfs.hosts.recalculation import Job, Recalculated
from kpi_udfs.xlsx.addresses import Area, area_of, cell_of
from kpi_udfs.xlsx.package import local

pytestmark = pytest.mark.thorough

CHUNKS, EACH = 8, 50
#: What gives another value each time.
_VOLATILE = re.compile(r"NOW|RAND|TODAY", re.IGNORECASE)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Guarded() as one:
        yield one


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, data: Path) -> list[bytes]:
    real = sorted((data / "xlsx").glob("*.xlsx"), key=lambda path: path.stat().st_size)[:2]
    return [path.read_bytes() for path in (*books(tmp_path_factory.mktemp("books")), *real)]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_result_or_a_line(chunk: int, guarded: Guarded, sources: list[bytes], tmp_path: Path) -> None:
    results = 0
    for seed in range(chunk * EACH, (chunk + 1) * EACH):
        content = spoilt(random.Random(seed), sources[seed % len(sources)])
        path, target = tmp_path / "book.xlsx", tmp_path / f"copy{seed}.xlsx"
        path.write_bytes(content)
        made = _made(guarded, path, target, f"seed {seed}")
        if made is not None:
            results += 1
            _check_copy(content, target.read_bytes(), f"seed {seed}")
            again = _made(guarded, target, tmp_path / "again.xlsx", f"seed {seed}, again")
            assert again is not None, f"seed {seed}"
            if not any(_VOLATILE.search(cell.formula) for cell in made.cells):
                assert _values(again) == _values(made), f"seed {seed}"
    assert results > EACH / 5


def _made(guarded: Guarded, path: Path, target: Path, which: str) -> Recalculated | None:
    try:
        made = guarded.recalculate(Job(path, target, everything=True))
    except WorkbookError as error:
        line = str(error)
        assert line.startswith(f"{path}: "), which
        assert "\n" not in line, which
        assert "broke down" not in line, which
        assert "took more than" not in line, which
        return None
    assert made.seconds < 30, which
    return made


def _values(made: Recalculated) -> dict[str, tuple[object, str | None]]:
    return {cell.place: (cell.value, cell.error) for cell in made.cells}


def _check_copy(before: bytes, after: bytes, which: str) -> None:
    first, second = parts_in(io.BytesIO(before)), parts_in(io.BytesIO(after))
    changed = {name for name in first if first[name] != second.get(name)}
    assert all("/worksheets/" in name.casefold() for name in changed), which
    assert untouched(before, after, changed), which
    for name in changed:
        assert _lost(first[name], second[name]) == [], which
    assert _opens(after) or not _opens(before), which


def _lost(before: bytes, after: bytes) -> list[str]:
    """Cells without formulas, outside all blocks, that are not as they were; formulas that are not."""
    first, second = _cells(before), _cells(after)
    blocks = [area for cells in (first, second) for cell in cells.values() for area in _blocks(cell)]
    return [
        f"{place}"
        for place in {*first, *second}
        if _kept(first.get(place)) != _kept(second.get(place)) and not any(area.holds(*place) for area in blocks)
    ]


def _cells(content: bytes) -> dict[tuple[int, int], ElementTree.Element]:
    found: dict[tuple[int, int], ElementTree.Element] = {}
    number = column = 0
    for element in ElementTree.fromstring(content).iter():
        if local(element.tag) == "row":
            number, column = int(element.get("r") or number + 1), 0
        elif local(element.tag) == "c":
            number, column = cell_of(element.get("r", "")) or (number, column + 1)
            found[number, column] = element
    return found


def _formulas(cell: ElementTree.Element) -> list[ElementTree.Element]:
    return [part for part in cell if local(part.tag) == "f"]


def _blocks(cell: ElementTree.Element) -> Iterator[Area]:
    areas = (area_of(formula.get("ref", "")) for formula in _formulas(cell) if formula.get("t") == "array")
    return (area for area in areas if area is not None)


def _kept(cell: ElementTree.Element | None) -> object:
    """What of a cell has to stay: all of it, or the formula and the style."""
    if cell is None:
        return None
    if not (found := _formulas(cell)):
        return ElementTree.tostring(cell)
    return [cell.get("s"), *(formula.text for formula in found)]


def _opens(content: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            openpyxl.load_workbook(io.BytesIO(content))
        except Exception:  # it has many
            return False
    return True
