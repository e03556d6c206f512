"""What a file carries inside: read from files that Excel saved, and from those that we build."""

from __future__ import annotations

import io
import random
import re
import zipfile
from pathlib import Path

import pytest
import xlwings
from made_up_windows import carrying

import kpi_udfs
from kpi_udfs.excel.embedded import Embedded, embedded
from kpi_udfs.excel.vba_reading import sources
from kpi_udfs.workbooks.macro_books import add_in, modules
from kpi_udfs.workbooks.vba_project import Kind, Module, vba_project

XLWINGS = Path(xlwings.__file__).parent


def project(book: bytes) -> bytes:
    return zipfile.ZipFile(io.BytesIO(book)).read("xl/vbaProject.bin")


def test_our_add_in_says_what_it_was_built_with() -> None:
    from importlib.metadata import version

    assert embedded(add_in()) == Embedded(xlwings=version("xlwings"), kpi_udfs=version("kpi_udfs"))


@pytest.mark.parametrize("name", ["addin/xlwings.xlam", "quickstart_addin.xlam", "quickstart_standalone.xlsm"])
def test_projects_that_excel_has_saved(name: str) -> None:
    found = sources(project((XLWINGS / name).read_bytes()))
    assert "Attribute VB_Name" in found["ThisWorkbook"]
    assert all(re.match(r'Attribute VB_Name = "(\w+)"', text) for text in found.values())
    assert embedded((XLWINGS / name).read_bytes()) is None  # none of ours


def test_the_module_of_a_saved_project_is_the_published_one() -> None:
    found = sources(project((XLWINGS / "quickstart_standalone.xlsm").read_bytes()))["xlwings"]
    published = (XLWINGS / "xlwings.bas").read_text(encoding="cp1252")
    # Excel sets spaces and capitals in its own way.
    assert re.sub(r"\s+", "", found).lower()[:20_000] == re.sub(r"\s+", "", published).lower()[:20_000]


def test_what_we_write_is_what_we_read() -> None:
    written = modules(["Sheet1"])
    found = sources(vba_project("Test", written))
    assert found == {one.name: one.source.replace("\r\n", "\n") for one in written}


def test_long_and_short_and_hard_to_compress_text() -> None:
    signs = random.Random(7)
    texts = [
        "' x\n",
        "' " + "ab" * 6000 + "\n",
        "' " + "".join(chr(signs.randrange(32, 127)) for _ in range(9000)) + "\n",
    ]
    written = [Module(f"M{number}", text, Kind.STANDARD) for number, text in enumerate(texts)]
    found = sources(vba_project("Test", written))
    assert all(text in found[f"M{number}"] for number, text in enumerate(texts))


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", kpi_udfs.__doc__.encode()])
def test_what_is_no_workbook(content: bytes) -> None:
    assert embedded(content) is None


def test_a_damaged_project_is_none_of_ours_and_no_crash() -> None:
    whole, signs = carrying(), random.Random(11)
    inside = project(whole)
    for _ in range(300):
        spoilt = bytearray(inside)
        for _ in range(signs.randrange(1, 40)):
            spoilt[signs.randrange(len(spoilt))] = signs.randrange(256)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as book:
            book.writestr(
                "xl/vbaProject.bin", bytes(spoilt[: signs.randrange(len(spoilt))]) if signs.random() < 0.3 else spoilt
            )
        found = embedded(file.getvalue())
        assert found is None or isinstance(found, Embedded)
        cut = whole[: signs.randrange(len(whole))]
        assert embedded(cut) is None
