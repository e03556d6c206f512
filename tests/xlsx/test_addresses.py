"""Cells by name, and texts as files write them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_udfs.xlsx.addresses import Area, area_of, cell_name, cell_of, escaped, unescaped


@pytest.mark.parametrize(
    ("name", "place"),
    [("A1", (1, 1)), ("$b$2", (2, 2)), ("XFD1048576", (1_048_576, 16_384))]
    + [
        (name, None)
        for name in ("", "A", "1", "A0", "XFE1", "A1048577", "AAAA1", "A1 ", "A-1", "A１", "A1:B2", "A12345678")
    ],
)
def test_names_of_cells(name: str, place: tuple[int, int] | None) -> None:
    assert cell_of(name) == place


@given(st.integers(1, 1_048_576), st.integers(1, 16_384))
def test_a_cell_is_found_by_its_name(row: int, column: int) -> None:
    assert cell_of(cell_name(row, column)) == (row, column)


def test_areas() -> None:
    assert area_of("B2:C9") == Area(2, 2, 9, 3)
    assert area_of("B2") == Area(2, 2, 2, 2)
    assert area_of("A1:XFD1048576") == Area(1, 1, 1_048_576, 16_384)
    for no_area in ("", "B2:A1", "A1:B2:C3", "A:A", "A1:", ":A1", "A0:A1", "Sheet!A1"):
        assert area_of(no_area) is None, no_area


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_comes_back_from_a_file(shown: str) -> None:
    root = ElementTree.fromstring(f"<v>{escaped(shown)}</v>")
    assert unescaped(root.text or "") == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a_x000D_b", "a\rb"),
        ("_x005F_x000D_", "_x000D_"),
        ("_xD83D__xDE00_", "😀"),
        ("a_xD83D_", "a\ufffd"),  # half a sign is none
        ("_x12_", "_x12_"),
    ],
)
def test_signs_as_files_write_them(written: str, shown: str) -> None:
    assert unescaped(written) == shown
    shown.encode()
