"""Workbooks built to harm, or broken: each a result or one clear line, soon, and the next one is calculated."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xlsx_parts import MAIN, Parts, formulas, parts_in, parts_of, relations, sheet_xml, written, zipped

from kpi_udfs.errors import WorkbookError
from kpi_udfs.hosts.guarded import Guarded
from kpi_udfs.hosts.recalculation import Job, Recalculated
from kpi_udfs.xlsx.limits import Limits

SHEET = "xl/worksheets/sheet1.xml"
EASY = Limits(seconds=60)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Guarded() as one:
        yield one


class Book:
    """Where a test's workbook and its copy lie."""

    def __init__(self, guarded: Guarded, folder: Path) -> None:
        self.guarded, self.path, self.target = guarded, folder / "book.xlsx", folder / "copy.xlsx"

    def calculated(self, content: Parts | bytes, limits: Limits = EASY) -> Recalculated:
        self.path.write_bytes(content if isinstance(content, bytes) else zipped(content))
        return self.guarded.recalculate(Job(self.path, self.target, everything=True, limits=limits))

    def refused(self, content: Parts | bytes, limits: Limits = EASY) -> str:
        """The one line, without the file's name; whoever asked for the copy removes what is left of it."""
        with pytest.raises(WorkbookError) as refused:
            self.calculated(content, limits)
        line = str(refused.value)
        assert line.startswith(f"{self.path}: ")
        assert "\n" not in line
        return line.removeprefix(f"{self.path}: ")

    def shown(self, rows: str, **more: Any) -> list[Any]:
        """What the formulas show: a value, an error, or why they keep what was saved."""
        return [cell.kept or cell.error or cell.value for cell in self.calculated(parts_of(rows, **more)).cells]


@pytest.fixture
def book(guarded: Guarded, tmp_path: Path) -> Book:
    return Book(guarded, tmp_path)


def with_part(name: str, content: bytes | str | None, rows: str = formulas("1+1")) -> dict[str, Any]:
    return {**parts_of(rows), name: content}


# ------------------------------------------------------------------------------------ the process


def test_a_refusal_costs_no_new_process(book: Book) -> None:
    book.calculated(parts_of(formulas("1+1")))
    before = book.guarded.process
    assert before is not None
    book.refused(b"hello")
    assert book.guarded.process is before
    assert before.is_alive()


def test_limits_of_time_and_memory(book: Book) -> None:
    large = formulas(*['SUBSTITUTE(REPT("x",32767),"x",REPT("y",32767))'] * 3)
    assert "more than 300 MB (--max-memory)" in book.refused(parts_of(large), Limits(memory=300))
    chain = "".join(f'<row r="{row}"><c r="A{row}"><f>A{row + 1}+1</f></c></row>' for row in range(1, 60_000))
    began = time.monotonic()
    assert "more than 1 second " in book.refused(parts_of(chain), Limits(seconds=1))
    assert time.monotonic() - began < 10
    assert book.shown(formulas("1+1")) == [2]


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_a_process_that_ends_is_replaced(book: Book) -> None:
    book.calculated(parts_of(formulas("1+1")))
    assert book.guarded.process is not None
    process = book.guarded.process.pid or 0
    threading.Timer(0.5, os.kill, (process, signal.SIGKILL)).start()
    chain = "".join(f'<row r="{row}"><c r="A{row}"><f>A{row + 1}+1</f></c></row>' for row in range(1, 60_000))
    assert "calculating broke down" in book.refused(parts_of(chain))
    assert book.shown(formulas("1+1")) == [2]
    os.kill(book.guarded.process.pid or 0, signal.SIGKILL)  # and one that ends while nothing is asked of it
    book.guarded.process.join()
    assert book.shown(formulas("1+1")) == [2]


def test_nothing_is_written_to_the_screen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Guarded() as guarded:
        book = Book(guarded, tmp_path)
        book.calculated(parts_of(formulas("(" * 4000 + "1" + ")" * 4000, "1E400", "{" * 4000)))
        book.refused(b"PK")
        book.refused(with_part(SHEET, "<a>" * 100_000))
        book.refused(parts_of(formulas('SUBSTITUTE(REPT("x",32767),"x",REPT("y",32767))')), Limits(memory=200))
        with pytest.raises(FileNotFoundError):
            guarded.recalculate(
                Job(written(tmp_path / "b.xlsx", parts_of(formulas("1+1"))), tmp_path / "no" / "c.xlsx")
            )
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is one of Unix")
def test_a_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import resource

    content = zipped(with_part("xl/media/a.bin", os.urandom(200_000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Guarded() as guarded:
        book = Book(guarded, tmp_path)
        written(tmp_path / "small.xlsx", parts_of())
        book.path.write_bytes(content)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                guarded.recalculate(Job(book.path, book.target))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------ the archive


def test_what_is_no_archive(book: Book) -> None:
    assert "no .xlsx or .xlsm workbook" in book.refused(b"")
    assert "with a password" in book.refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    whole = zipped(parts_of(formulas("1+1")))
    for length in range(4, len(whole), 211):
        assert "damaged or cut off" in book.refused(whole[:length])
    with pytest.raises(WorkbookError, match="this is a folder"):
        book.guarded.recalculate(Job(book.path.parent))
    with pytest.raises(WorkbookError, match="no such file"):
        book.guarded.recalculate(Job(book.path.parent / "vanished.xlsx"))


def test_ten_gigabytes_of_nothing(book: Book) -> None:
    with zipfile.ZipFile(book.path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts_of(formulas("1+1")).items():
            archive.writestr(name, content)
        # The zeros are packed once, and the list says what they would be.
        archive.writestr("xl/media/a.bin", bytes(10 << 20))
    content = bytearray(book.path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (0xFFFFFFFE).to_bytes(4, "little")
    assert "the limit is 1,024 MB (--max-unpacked)" in book.refused(bytes(content))
    content[entry + 24 : entry + 28] = (5).to_bytes(4, "little")
    assert "xl/media/a.bin can't be read: Bad CRC" in book.refused(bytes(content))


# ------------------------------------------------------------------------------------ the parts

PARTS = [name for name in parts_of() if not name.startswith("[")]
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
TRAPS = {
    "laughs": (f"<!DOCTYPE a [{LAUGHS}]>", "&l9;"),
    "quadratic": (f'<!DOCTYPE a [<!ENTITY b "{"x" * 50_000}">]>', "&b;" * 50_000),
    "file": ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', "&b;"),
    "net": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">', ""),
}


@pytest.mark.parametrize("part", [*PARTS, "xl/tables/t.xml"])
@pytest.mark.parametrize("trap", TRAPS)
def test_traps_in_xml(book: Book, part: str, trap: str) -> None:
    parts = parts_of(formulas("1+1"))
    parts["xl/worksheets/_rels/sheet1.xml.rels"] = relations(("t", "table", "../tables/t.xml"))
    parts["xl/tables/t.xml"] = f'<table xmlns="{MAIN}" ref="A1:B2" displayName="T"></table>'
    declared, used = TRAPS[trap]
    end = parts[part].rindex("</")
    parts[part] = declared + parts[part][:end] + used + parts[part][end:]
    assert book.refused(parts) == f"{part} declares a document type, which no workbook does; it may be a trap."


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "content", [b"", b"<a>" * 100_000, b"\xff" * 90, b"<a b='", b"<?xml version='1.0' encoding='idna'?><a/>"]
)
def test_parts_that_are_no_xml(book: Book, part: str, content: bytes) -> None:
    assert f"{part} can't be read" in book.refused(with_part(part, content))


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", SHEET])
def test_parts_that_are_not_there(book: Book, part: str) -> None:
    assert book.refused(with_part(part, None)) == f"the file is damaged: {part} is missing."


def test_elements_deep_in_each_other(book: Book) -> None:
    runs = f'<sst xmlns="{MAIN}"><si>{"<r>" * 50_000}{"</r>" * 50_000}</si></sst>'
    cell = '<row r="1"><c r="A1" t="s"><f>1</f><v>0</v></c></row>'
    assert "can't be calculated" in book.refused(with_part("xl/sharedStrings.xml", runs, cell))
    book.calculated(with_part("xl/styles.xml", "<a>" * 50_000 + "</a>" * 50_000))


def test_relations_that_lead_nowhere_or_back(book: Book) -> None:
    rels = "xl/_rels/workbook.xml.rels"
    for target, says in (
        ("../../../etc/passwd", "../../etc/passwd is missing"),
        ("file:///etc/passwd", "is missing"),
        ("workbook.xml", "xl/workbook.xml can't be read: it holds no cells"),
    ):
        assert says in book.refused(with_part(rels, relations(("r1", "worksheet", target))))
    around = relations(
        ("a", "worksheet", "sheet1.xml"), ("b", "table", "sheet1.xml"), ("c", "table", "../workbook.xml")
    )
    book.calculated(with_part("xl/worksheets/_rels/sheet1.xml.rels", around))


# ------------------------------------------------------------------------------------ the cells


def test_values_that_are_none(book: Book) -> None:
    def cell(kind: str, value: str) -> Parts:
        return parts_of(f'<row r="1"><c r="A1" t="{kind}"><v>{value}</v></c><c r="B1"><f>A1</f></c></row>')

    for value in ("1_000", "٣", "0x10", "1,5"):
        assert f'A1 holds "{value}", which is no number' in book.refused(cell("n", value))
    assert 'text number "99999999999", which' in book.refused(cell("s", "99999999999"))
    assert 'A1 is of the kind "zz"' in book.refused(cell("zz", "1"))
    for value in ("NaN", "1e999", "9" * 400):
        assert [one.error for one in book.calculated(cell("n", value)).cells] == ["#NUM!"]
    assert [one.error for one in book.calculated(cell("e", "#SPILL!")).cells] == ["#VALUE!"]


@pytest.mark.parametrize("number", ["-1", "9" * 5000, "²", "abc", "1e3"])
def test_numbers_that_are_no_styles_and_no_places(book: Book, number: str) -> None:
    rows = (
        f'<row r="1"><c r="A1" s="{number}" cm="{number}" vm="{number}"><f>1+1</f><v>1</v></c>'
        f'<c r="B1" t="s"><f>1+1</f><v>{number}</v></c>'
        f'<c r="C1"><f t="shared" si="{number}" ref="C1:D1">1+1</f></c><c r="D1"><f t="shared" si="{number}"/></c></row>'
    )
    assert book.shown(rows) == [2, 2, 2, 2]


@pytest.mark.parametrize(
    "form", ["0" * 100_000, "[$", "&quot;", "0.&quot;", ";;;;", "[&lt;=1e999]0", "yyyy" * 60, "&#10;"]
)
def test_number_formats_that_are_none(book: Book, form: str) -> None:
    parts = parts_of('<row r="1"><c r="A1" s="0"><f>1/8</f></c><c r="B1" s="0"><f>-1E300</f></c></row>')
    parts["xl/styles.xml"] = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="200" formatCode="{form}"/></numFmts>'
        '<cellXfs><xf numFmtId="200"/></cellXfs></styleSheet>'
    )
    assert [cell.value for cell in book.calculated(parts).cells] == [0.125, -1e300]


def test_shared_formulas_without_a_master(book: Book) -> None:
    kept = book.shown('<row r="1"><c r="A1"><f t="shared" si="5"/><v>7</v></c><c r="B1"><f/><v>7</v></c></row>')
    assert all("can't be read here" in one for one in kept)


@pytest.mark.parametrize("area", ["C1", "XFE1", "D5:D9", ""])
def test_an_array_of_one_cell_or_a_wrong_area_fills_its_cell_alone(book: Book, area: str) -> None:
    rows = (
        f'<row r="1"><c r="A1"><v>5</v></c><c r="B1"><f t="array" ref="{area}">A1:A3*2</f><v>1</v></c>'
        f'<c r="C1"><f t="array" ref="{area}">A1:A3</f></c></row>'
        '<row r="2"><c r="A2"><v>7</v></c></row><row r="3"><c r="A3"><v>9</v></c><c r="C3"><v>1</v></c></row>'
    )
    assert book.shown(rows) == [10, 5]
    sheet = parts_in(book.target)[SHEET].decode()
    assert sheet[sheet.index('<row r="2">') :] == sheet_xml(rows)[sheet_xml(rows).index('<row r="2">') :]


@pytest.mark.parametrize("area", ["A1:XFD1048576", "A1:A1048576"])
def test_an_array_over_the_whole_sheet(book: Book, area: str) -> None:
    (kept,) = book.shown(f'<row r="1"><c r="A1"><f t="array" ref="{area}">1</f><v>5</v></c></row>')
    assert "more than 100,000 cells" in kept


def test_a_table_over_the_whole_sheet(book: Book) -> None:
    parts = with_part("xl/worksheets/_rels/sheet1.xml.rels", relations(("t", "table", "../t.xml")), formulas("ROWS(T)"))
    parts["xl/t.xml"] = f'<table xmlns="{MAIN}" ref="A1:XFD1048576" displayName="T"><tableColumns/></table>'
    assert len(book.calculated(parts).cells) == 1


@pytest.mark.thorough
def test_a_million_merged_cells(book: Book) -> None:
    merged = "".join(f'<mergeCell ref="A{row}:B{row}"/>' for row in range(1_000_000))
    assert (
        book.calculated(with_part(SHEET, sheet_xml(formulas("1+1"), f"<mergeCells>{merged}</mergeCells>"))).seconds < 20
    )


# ------------------------------------------------------------------------------------ the formulas


@pytest.mark.parametrize(
    "formula",
    [
        'REPT("x",1E9)', "SEQUENCE(1E6,1E4)", "SUM(SEQUENCE(1E6,1E3))", "INDIRECT(\"B1:XFD1048576\")", "B1:XFD1048576",
        "SUMPRODUCT((B1:XFD1048576=1)*1)", "TRANSPOSE(B1:XFD1048576)", 'CONCAT(B1:XFD1048576)', "WIN_RATIO(B:XFD)",
        "LET(x,x,x)", "LET(f,LAMBDA(f,n,f(f,n)),f(f,1))", "FACT(1E9)", "COMBIN(1E9,5E8)", "EDATE(1,1E9)", "1E400", "1E308*10",
        "(" * 4000 + "1" + ")" * 4000, "ABS(" * 1300 + "1" + ")" * 1300, "-" * 8000 + "1", "1" + "+1" * 4000, "1" + "%" * 8000,
        "{" * 4000, "[" * 4000, "(", ")", '"', "'", "!", "@", "#", "A1#", "=", "==1", "S!", "'S'!", "T[", "T[[]]", "T[@", ",,,",
        "SUM(" + ",".join(["A9"] * 2500) + ")", 'LEN("' + "x" * 2_000_000 + '")', "SUM(" + ",".join(["1"] * 400_000) + ")",
        "_xD800_", '"_xD83D_"', "\u0085", "WIN_RATIO(WIN_RATIO(", "COST_PER_LEAD(1E400,1)", "COST_PER_LEAD(0,-1)*-0",
    ],
)  # fmt: skip
def test_formulas_that_ask_too_much(book: Book, formula: str) -> None:
    before = book.guarded.process
    made = book.calculated(parts_of(formulas(formula, "1+1", stored="7")))
    assert [cell.value for cell in made.cells][-1] == 2
    assert made.seconds < 10
    assert book.guarded.process is before  # nothing broke down
    again = book.guarded.recalculate(Job(book.target, book.path, everything=True))
    assert again.changed == 0


def test_an_infinite_number_is_an_error_and_zero_has_no_sign(book: Book) -> None:
    assert [str(value) for value in book.shown(formulas("1E400", "0*-1", "COST_PER_LEAD(0,1)*-1"))] == [
        "#NUM!",
        "0.0",
        "0.0",
    ]
    sheet = parts_in(book.target)[SHEET].decode()
    assert "inf" not in sheet
    assert "-0" not in sheet


def test_texts_that_double(book: Book) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>A{n - 1}&amp;A{n - 1}</f></c></row>' for n in range(2, 60))
    first = '<row r="1"><c r="A1"><f>REPT("x",30000)</f></c></row>'
    assert "MB (--max-memory)" in book.refused(parts_of(first + rows), Limits(memory=400))


def test_names_that_explode_or_go_in_circles(book: Book) -> None:
    names = {f"n{number}": "+".join([f"n{number + 1}"] * 50) for number in range(20)}
    (cell,) = book.calculated(parts_of(formulas("n0"), names=names)).cells
    assert "more than 65,536 characters" in cell.explanation
    assert book.shown(formulas("a", "b+1", "c"), names={"a": "b+1", "b": "a+1", "c": "c"}) == ["#NAME?"] * 3


def test_formulas_in_a_circle(book: Book) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>A{n % 500 + 1}+1</f><v>3</v></c></row>' for n in range(1, 501))
    assert all("depends on its own cell" in one for one in book.shown(rows))


def test_a_stored_text_with_half_a_sign_is_kept(book: Book) -> None:
    (kept,) = book.shown('<row r="1"><c r="A1" t="str"><f>NO_SUCH(1)</f><v>a_xD83D_b</v></c></row>')
    assert "NO_SUCH can't be calculated" in kept


# ------------------------------------------------------------------------------------ very large ones


@pytest.mark.thorough
def test_ten_thousand_sheets(book: Book) -> None:
    cells = '<row r="1"><c r="A1"><f>1+{0}</f></c></row>'
    sheets = {f"Sheet {number}": cells.format(number) for number in range(10_000)}
    made = book.calculated(parts_of(sheets, names={f"name{n}": f"{n}+1" for n in range(2000)}), Limits())
    assert (made.formulas, made.changed) == (10_000, 10_000)


@pytest.mark.thorough
def test_every_row_of_a_sheet(book: Book) -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(1, 1_048_577))
    content = zipped(parts_of({"A": rows, "B": formulas("SUM(A!A:A)", "REVENUE(A!A:A)")}))
    assert [cell.value for cell in book.calculated(content, Limits()).cells] == [1_048_576, 1_048_576]
