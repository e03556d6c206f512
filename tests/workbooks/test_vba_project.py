"""VBA projects, read by others: oletools, olefile, pyOpenVBA, and a check of the directory's rules."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import olefile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oletools.olevba import VBA_Parser, decompress_stream

from kpi_udfs.workbooks.compound_file import compound_file
from kpi_udfs.workbooks.vba_project import Kind, Module, compressed, concealed, module_of, vba_project

XLWINGS = Path(__import__("xlwings").__file__).parent
MODULES = [
    Module("ThisWorkbook", "Option Explicit\n", Kind.WORKBOOK),
    Module("Sheet1", kind=Kind.WORKSHEET),
    module_of('Attribute VB_Name = "functions"\r\n\' ÷ × –\r\nFunction ONE()\r\n    ONE = 1\r\nEnd Function\r\n'),
]


# ------------------------------------------------------------------------------------- compression


def decompressed(content: bytes) -> bytes:
    return bytes(decompress_stream(bytearray(content)))


@given(st.binary(max_size=9000) | st.text("abc", max_size=9000).map(str.encode))
def test_compressed_content_comes_back(content: bytes) -> None:
    got = decompressed(compressed(content))
    assert got[: len(content)] == content
    # Only a last part that can't be compressed is filled up.
    assert not got[len(content) :].strip(b"\0")
    assert len(got) in (len(content), -(-len(content) // 4096) * 4096)


@given(st.text("Range().Value2 = 1\r\nAs Variant", min_size=1, max_size=20000))
def test_sources_come_back_exactly(source: str) -> None:
    assert decompressed(compressed(source.encode())) == source.encode()


def test_sources_become_as_small_as_elsewhere() -> None:
    """xlwings' module lies in a workbook that was written by another program."""
    with zipfile.ZipFile(XLWINGS / "quickstart_standalone.xlsm") as book:
        theirs = olefile.OleFileIO(io.BytesIO(book.read("xl/vbaProject.bin"))).openstream("VBA/xlwings").read()
    assert len(compressed(decompressed(theirs))) <= len(theirs)


# --------------------------------------------------------------------------------- compound files


def entries(content: bytes) -> list[Any]:
    """The directory, read from the bytes: name, kind, colour (1: black), left, right, child, start, length."""
    tables, first = struct.unpack_from("<I", content, 44)[0], struct.unpack_from("<I", content, 48)[0]
    table = [
        number
        for sector in struct.unpack_from(f"<{tables}I", content, 76)
        for number in struct.unpack_from("<128I", content, 512 * (sector + 1))
    ]
    found, sector = [], first
    while sector < 0xFFFFFFFE:
        for place in range(512 * (sector + 1), 512 * (sector + 2), 128):
            length, kind, color, left, right, child = struct.unpack_from("<HBBIII", content, place + 64)
            name = content[place : place + max(length - 2, 0)].decode("utf-16-le")
            found.append((name, kind, color, left, right, child, *struct.unpack_from("<IQ", content, place + 116)))
        sector = table[sector]
    return found


def check_tree(directory: list[Any], number: int, low: Any = None, high: Any = None, below_red: bool = False) -> int:
    """The tree's black height, once its order and colours are found right."""
    if number == 0xFFFFFFFF:
        return 1
    name, _, color, left, right, child, _, _ = directory[number]
    order = (len(name), name.upper())
    assert low is None or low < order, name
    assert high is None or order < high, name
    assert color == 1 or not below_red, f"{name}: red below red"
    heights = {check_tree(directory, left, low, order, not color), check_tree(directory, right, order, high, not color)}
    assert len(heights) == 1, f"{name}: {heights}"
    if child != 0xFFFFFFFF:
        assert directory[child][2] == 1, f"{name}: the root of its tree is red"
        check_tree(directory, child)
    return heights.pop() + color


NAMES = st.text("abcXYZ_1é", min_size=1, max_size=31)


@given(st.dictionaries(NAMES, st.binary(max_size=6000), max_size=40), st.binary(max_size=70000))
def test_what_is_put_in_comes_out(streams: dict[str, bytes], large: bytes) -> None:
    streams = {name.upper(): content for name, content in streams.items()}
    content = compound_file({"Folder": {**streams, "A large one": large}, "top": b"1"})
    check_tree(entries(content), 0)
    with olefile.OleFileIO(io.BytesIO(content), raise_defects=olefile.DEFECT_POTENTIAL) as file:
        assert file.parsing_issues == []
        assert {"/".join(path) for path in file.listdir()} == {
            "top", "Folder/A large one", *(f"Folder/{name}" for name in streams)
        }  # fmt: skip
        for name, stream in streams.items():
            assert file.openstream(f"Folder/{name}").read() == stream
        assert file.openstream("Folder/A large one").read() == large


@pytest.mark.parametrize("count", range(1, 40))
def test_the_directory_is_a_red_black_tree(count: int) -> None:
    check_tree(entries(compound_file({f"stream {number}": b"" for number in range(count)})), 0)


@pytest.mark.parametrize("name", ["", "x" * 32])
def test_a_name_that_does_not_fit(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 31 characters"):
        compound_file({name: b""})


def test_a_file_too_large_for_its_header() -> None:
    with pytest.raises(ValueError, match="more than fits"):
        compound_file({"large": bytes(8_000_000)})


# --------------------------------------------------------------------------------------- projects


def sources(project: bytes) -> dict[str, str]:
    """The modules' text as olevba finds it."""
    parser = VBA_Parser("vbaProject.bin", project)
    return {stream.rpartition("/")[2]: code for _, stream, _, code in parser.extract_all_macros()}


def test_every_module_is_found_with_its_source() -> None:
    found = sources(vba_project("Project", MODULES))
    assert found == {module.name: module.source for module in MODULES}
    assert found["Sheet1"].startswith(
        'Attribute VB_Name = "Sheet1"\r\nAttribute VB_Base = "0{00020820-0000-0000-C000-000000000046}"\r\n'
    )


def test_the_streams_of_a_project() -> None:
    with olefile.OleFileIO(io.BytesIO(vba_project("Project", MODULES))) as file:
        streams = {"/".join(path): file.openstream(path).read() for path in file.listdir()}
    assert set(streams) == {"PROJECT", "PROJECTwm", "VBA/_VBA_PROJECT", "VBA/dir", *(f"VBA/{m.name}" for m in MODULES)}
    lines = streams["PROJECT"].decode().splitlines()
    assert lines[1:5] == [
        "Document=ThisWorkbook/&H00000000", "Document=Sheet1/&H00000000", "Module=functions", 'Name="Project"'
    ]  # fmt: skip
    information = decompressed(streams["VBA/dir"])
    assert b"*\\" not in information  # no reference, and so no path
    assert struct.pack("<HIH", 0x0F, 2, 3) in information


def test_a_project_depends_on_its_sources_alone() -> None:
    assert vba_project("Project", MODULES) == vba_project("Project", list(MODULES))
    assert vba_project("Project", MODULES) != vba_project("Project", MODULES[:2])


def test_names_have_to_differ() -> None:
    """The editor refuses a module that is named like its project, too."""
    with pytest.raises(ValueError, match="same name"):
        vba_project("Functions", MODULES)


def test_signs_outside_the_code_page() -> None:
    with pytest.raises(UnicodeEncodeError):
        vba_project("Project", [Module("arrow", "' →")])


def test_a_file_that_names_no_module() -> None:
    with pytest.raises(ValueError, match="no module begins with 'Sub Main"):
        module_of("Sub Main()\nEnd Sub\n")


def revealed(hexadecimal: str) -> tuple[int, bytes]:
    """The key and the content of what a project conceals ("decryption", [MS-OVBA] 2.4.3.3)."""
    seed, version, key, *rest = bytes.fromhex(hexadecimal)
    plain, before, before_that, content = key ^ seed, key, version, bytearray()
    for byte in rest:
        plain = byte ^ ((before_that + plain) & 0xFF)
        before, before_that = byte, before
        content.append(plain)
    content = content[(seed & 6) // 2 :]
    assert version ^ seed == 2
    assert struct.unpack_from("<I", content)[0] == len(content) - 4
    return key ^ seed, bytes(content[4:])


@given(st.binary(max_size=40), st.integers(0, 255))
def test_what_is_concealed_can_be_revealed(content: bytes, seed: int) -> None:
    key = sum(b"{project}") & 0xFF
    assert revealed(concealed(content, "{project}", seed)) == (key, content)


def test_projects_conceal_the_same_as_those_of_others() -> None:
    with zipfile.ZipFile(XLWINGS / "quickstart.xlsm") as book:
        theirs = olefile.OleFileIO(io.BytesIO(book.read("xl/vbaProject.bin"))).openstream("PROJECT").read().decode()
    ours = olefile.OleFileIO(io.BytesIO(vba_project("Project", MODULES))).openstream("PROJECT").read().decode()
    for what in ("CMG", "DPB", "GC"):
        lines = [next(line for line in text.splitlines() if line.startswith(what)) for text in (theirs, ours)]
        assert len({revealed(line.partition('"')[2].rstrip('"'))[1] for line in lines}) == 1, what
