"""Workbook files opened with care, and copied without loss."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from xlsx_parts import formulas, parts_in, parts_of, sheet_xml, written, zipped

from kpi_udfs.xlsx.limits import Limits
from kpi_udfs.xlsx.package import Damaged, Package, decoded, encoded

SHEET = "xl/worksheets/sheet1.xml"


def refused(path: Path, limits: Limits | None = None) -> str:
    """Why a file is not read, all of its parts included."""
    with pytest.raises(Damaged) as damaged, Package(path, limits) as package:  # noqa: PT012
        for entry in package.archive.infolist():
            package.read(entry.orig_filename)
    assert "\n" not in str(damaged.value)
    return str(damaged.value)


def entry_changed(content: bytes, part: str, field: int, value: bytes) -> bytes:
    """A field of a part's entry in the list at the archive's end, changed."""
    made, at = bytearray(content), content.rfind(part.encode())
    start = content.rfind(b"PK\x01\x02", 0, at)
    made[start + field : start + field + len(value)] = value
    return bytes(made)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return written(tmp_path / "b.xlsx", parts_of(formulas("1+1")))


def test_what_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    assert "no such file" in refused(path)
    assert "folder" in refused(tmp_path)
    assert "can't be opened" in refused(Path("a\0b"))
    for content, says in (
        (b"", "no .xlsx or .xlsm"),
        (b"hello", "no .xlsx or .xlsm"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password"),
        (b"PK\x03\x04" + bytes(100), "damaged or cut off"),
    ):
        path.write_bytes(content)
        assert says in refused(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_what_has_no_end_is_not_begun(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        assert "no file that can be read from beginning to end" in refused(path)


def test_cut_off_anywhere(book: Path) -> None:
    content = book.read_bytes()
    for length in range(0, len(content), 37):
        book.write_bytes(content[:length])
        assert refused(book)


def test_a_part_that_says_it_is_large(book: Path) -> None:
    content = zipped({**parts_in(book), "xl/media/a": bytes(3 * 1024 * 1024)})
    book.write_bytes(content)
    assert "3 MB; the limit is 1 MB" in refused(book, Limits(unpacked=1))
    book.write_bytes(entry_changed(content, "xl/media/a", 24, struct.pack("<I", 0xFFFFFFF0)))
    assert "4,096 MB; the limit is 1,024 MB" in refused(book)


def test_a_part_that_says_it_is_small_unpacks_no_more(book: Path) -> None:
    import tracemalloc

    content = zipped({**parts_in(book), "xl/media/a": bytes(100 * 1024 * 1024)})
    book.write_bytes(entry_changed(content, "xl/media/a", 24, struct.pack("<I", 100)))
    del content
    tracemalloc.start()
    assert "Bad CRC" in refused(book)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_part_that_says_it_is_empty(book: Path) -> None:
    assert "Bad CRC" in refused(written_raw(book, entry_changed(book.read_bytes(), "xl/styles.xml", 24, bytes(4))))


def test_parts_that_lie_over_each_other(book: Path) -> None:
    content = book.read_bytes()
    assert "can't be read" in refused(written_raw(book, entry_changed(content, "xl/styles.xml", 42, bytes(4))))


def written_raw(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_locked_part(book: Path) -> None:
    content = book.read_bytes()
    assert "locked with a password" in refused(written_raw(book, entry_changed(content, SHEET, 8, b"\x01")))


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "./a", "a/./b", "a\\b", "C:a", "..", "a\0b", "a\nb"])
def test_names_that_lead_elsewhere(book: Path, name: str) -> None:
    marked = zipped({**parts_in(book), "Q" * len(name): "x"}).replace(b"Q" * len(name), name.encode())
    assert "holds a part named" in refused(written_raw(book, marked))


@pytest.mark.parametrize("name", ["xl/workbook.xml", "XL/Workbook.xml"])
def test_parts_that_are_there_twice(book: Path, name: str) -> None:
    with pytest.warns() if name.islower() else zipfile.ZipFile(book) as _, zipfile.ZipFile(book, "a") as archive:
        archive.writestr(name, "x")
    assert "twice" in refused(book)


def test_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpi_udfs.xlsx.package.MOST_PARTS", 10)
    assert "has 18 parts; 10 is the limit" in refused(written(tmp_path / "b.xlsx", {f"a{n}": "" for n in range(18)}))


def test_a_copy_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = b"a comment"
        for number, (name, content) in enumerate(parts_of().items()):
            entry = zipfile.ZipInfo(name, (2020, 1, number + 1, 1, 1, 2))
            entry.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            entry.external_attr, entry.extra = number << 16, struct.pack("<HHB", 0x1234, 1, number)
            archive.writestr(entry, content)
        archive.writestr("xl/media/", b"")
        archive.writestr("xl/ä.bin", bytes(range(256)))
    made = io.BytesIO()
    with Package(path) as package:
        package.copy_to(made, {"xl/styles.xml": lambda content: content + b"<!-- -->"})
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(made) as after:
        assert after.comment == before.comment

        def kept(archive: zipfile.ZipFile) -> list[Any]:
            return [
                (e.filename, e.date_time, e.compress_type, e.external_attr, e.extra, archive.read(e))
                for e in archive.infolist()
                if e.filename != "xl/styles.xml"
            ]

        assert kept(after) == kept(before)
        assert after.read("xl/styles.xml") == before.read("xl/styles.xml") + b"<!-- -->"


@pytest.mark.parametrize(
    ("encoding", "mark", "declared"),
    [
        ("utf-8", b"", ""),
        ("utf-8", b"\xef\xbb\xbf", ""),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16"),
        ("windows-1252", b"", "windows-1252"),
        ("iso-8859-1", b"", "ISO-8859-1"),
    ],
)
def test_parts_in_other_encodings_come_back_to_the_same_bytes(encoding: str, mark: bytes, declared: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    content = mark + f"{declaration}<a>ä</a>".encode(encoding)
    xml, found = decoded(content, "a.xml")
    assert "<a>ä</a>".encode() in xml
    assert encoded(xml, found) == content
    more = encoded(xml.replace("ä".encode(), "ä😀".encode()), found).removeprefix(mark).decode(encoding)
    assert "<a>ä😀</a>" in more or "<a>ä&#128512;</a>" in more


@pytest.mark.parametrize("encoding", ["nonsense", "idna", "unicode_escape", "utf-7", "zlib", "utf-16", "x" * 5000])
def test_encodings_that_no_part_has(encoding: str) -> None:
    with pytest.raises(Damaged) as damaged:
        decoded(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode(), "a.xml")
    assert "unknown encoding" in str(damaged.value)


ENTITIES = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("part", [name for name in parts_of() if not name.startswith("[")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_part_declares_anything(tmp_path: Path, part: str, encoding: str) -> None:
    parts = parts_of(formulas("1"))
    parts[part] = (ENTITIES + parts[part]).encode(encoding)
    with Package(written(tmp_path / "b.xlsx", parts)) as package:
        for read in (package.xml, package.tree, package.checked):
            with pytest.raises(Damaged, match="declares a document type"):
                read(part)


def test_xml_for_others_is_whole_and_without_its_declaration(tmp_path: Path) -> None:
    parts = {
        "a.xml": "\ufeff<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16-le"),
        "b.xml": "<a><b></a>",
        "c.xml": "",
    }
    with Package(written(tmp_path / "b.xlsx", parts)) as package:
        assert package.checked("A.XML") == b"<a/>"
        for part in ("b.xml", "c.xml"):
            with pytest.raises(Damaged, match="can't be read"):
                package.checked(part)
        with pytest.raises(Damaged, match=r"d\.xml is missing"):
            package.read("d.xml")


def test_relations_stay_inside(tmp_path: Path) -> None:
    from xlsx_parts import relations

    listed = relations(
        ("a", "worksheet", "sheets/s.xml"),
        ("b", "worksheet", "/xl/t.xml"),
        ("c", "x", "../../../etc/passwd"),
        ("d", "x", "a%20b"),
    )
    with Package(written(tmp_path / "b.xlsx", {"xl/_rels/w.xml.rels": listed, "p": sheet_xml()})) as package:
        assert package.relations("xl/w.xml") == [
            ("a", "worksheet", "xl/sheets/s.xml"),
            ("b", "worksheet", "xl/t.xml"),
            ("c", "x", "../../etc/passwd"),
            ("d", "x", "xl/a b"),
        ]
        assert package.relations("xl/other.xml") == []
        assert "../../etc/passwd" not in package


@pytest.mark.skipif(os.name == "nt", reason="rights are another matter there")
def test_a_file_that_is_not_for_us(book: Path) -> None:
    book.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        assert "can't be opened: Permission denied" in refused(book)
    finally:
        if root:
            os.seteuid(0)
