"""``kpi-udfs calc`` writing workbooks: what is written where, what is refused, and what nothing can break."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from click.testing import CliRunner, Result

from kpi_udfs.cli import commands
from kpi_udfs.hosts.guarded import Guarded
from kpi_udfs.hosts.headless import Workbook


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, ["calc", *map(str, arguments)])


def make(path: Path, deals: int = 8) -> Path:
    """Deals and their win ratio, never calculated; with a macro part, a comment and a chart beside."""
    writer = xlsxwriter.Workbook(path)
    sheet = writer.add_worksheet("KPIs")
    data = writer.add_worksheet("Deals")
    data.write_column("A1", ["won", "lost", "open", "won"] * (deals // 4))
    sheet.write_formula("A1", "=WIN_RATIO(Deals!A:A)", writer.add_format({"num_format": "0.0%"}))
    sheet.write_formula("A2", "=A1*2")
    sheet.write_dynamic_array_formula("C1:C1", '=FUNNEL({"Lead",10;"Won",1})')
    sheet.write_comment("A1", "note")
    chart = writer.add_chart({"type": "column"})
    chart.add_series({"values": "=KPIs!$A$1:$A$2"})
    sheet.insert_chart("H1", chart)
    writer.close()
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return make(tmp_path / "book.xlsx")


def values(path: Path) -> dict[str, Any]:
    """What the file shows, read by openpyxl."""
    import openpyxl

    return {cell.coordinate: cell.value for row in openpyxl.load_workbook(path, data_only=True)["KPIs"] for cell in row}


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


def test_a_copy_shows_what_was_calculated_and_nothing_else_changed(book: Path, tmp_path: Path) -> None:
    before = book.read_bytes()
    done = run(book, "-o", tmp_path / "copy.xlsx")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"The workbook is here: {tmp_path / 'copy.xlsx'}"
    assert book.read_bytes() == before
    shown = values(tmp_path / "copy.xlsx")
    assert [shown[cell] for cell in ("A1", "A2", "C1", "D3", "E3")] == [2 / 3, 4 / 3, "Stage", 1, 0.1]
    old, new = parts(book), parts(tmp_path / "copy.xlsx")
    assert list(old) == list(new)
    assert [name for name in old if old[name] != new[name]] == ["xl/worksheets/sheet1.xml"]
    assert b'ref="C1:G3"' in new["xl/worksheets/sheet1.xml"]
    assert not leftovers(tmp_path)


def test_a_copy_of_a_copy_is_the_same_file(book: Path, tmp_path: Path) -> None:
    run(book, "-o", tmp_path / "copy.xlsx")
    run(tmp_path / "copy.xlsx", "-o", tmp_path / "again.xlsx")
    assert parts(tmp_path / "again.xlsx") == parts(tmp_path / "copy.xlsx")


def test_in_place_only_when_asked(book: Path) -> None:
    before = book.read_bytes()
    book.chmod(0o640)
    refused = run(book, "-o", book)
    assert refused.exit_code == 2
    assert refused.stderr == f"kpi-udfs: {book} is the workbook itself; to replace it, say --in-place.\n"
    assert run(book).exit_code == 0
    assert book.read_bytes() == before
    assert run(book, "--in-place").exit_code == 0
    assert values(book)["A2"] == 4 / 3
    assert book.stat().st_mode & 0o777 == 0o640
    assert run(book, "--in-place", "-o", "x.xlsx").exit_code == 2


def test_a_link_to_the_workbook_is_the_workbook(book: Path, tmp_path: Path) -> None:
    (tmp_path / "link.xlsx").symlink_to(book)
    (tmp_path / "hard.xlsx").hardlink_to(book)
    for name in ("link.xlsx", "hard.xlsx"):
        assert "is the workbook itself" in run(book, "-o", tmp_path / name).stderr


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("nowhere/copy.xlsx", "nowhere/copy.xlsx: the file can't be written: there is no such folder"),
        ("copy.xlsm", "copy.xlsm: a copy of book.xlsx has to end in .xlsx."),
        ("copy", "copy: a copy of book.xlsx has to end in .xlsx."),
    ],
)
def test_where_no_copy_can_be_is_said_before_calculating(book: Path, tmp_path: Path, output: str, said: str) -> None:
    done = run(book, "-o", tmp_path / output)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"kpi-udfs: {tmp_path}/{said}\n"


def test_a_report_is_no_workbook(book: Path, tmp_path: Path) -> None:
    before = book.read_bytes()
    assert run(book, "--report", book).exit_code == 2
    assert run(book, "--report", tmp_path / "nowhere" / "r.html").exit_code == 2
    assert book.read_bytes() == before
    done = run(book, "--report", tmp_path / "r.html")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"The report is here: {tmp_path / 'r.html'}"
    assert "2 won of 3 closed deals" not in (tmp_path / "r.html").read_text("utf-8")  # 4 of 6 deals are won
    assert "4 won of 6 closed deals" in (tmp_path / "r.html").read_text("utf-8")


# ------------------------------------------------------------------------------------ batch


def test_one_broken_workbook_stops_no_other(tmp_path: Path) -> None:
    for name in ("a", "c"):
        make(tmp_path / f"{name}.xlsx")
    (tmp_path / "b.xlsx").write_text("no workbook")
    (tmp_path / "~$a.xlsx").write_text("somebody has it open")
    done = run(*sorted(tmp_path.glob("*.xlsx")), "-o", tmp_path / "out", "--report", tmp_path / "all.html")
    assert done.exit_code == 2
    assert done.stderr == f"kpi-udfs: {tmp_path / 'b.xlsx'}: this is no .xlsx or .xlsm workbook.\n"
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:3] == ["Workbook", "State", "Formulas"]
    assert [line[1] for line in lines[1:4]] == ["all", "not", "all"]
    assert lines[1][3:9] == ["3", "3", "2", "0", "0", "0"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.xlsx", "c.xlsx"]
    page = (tmp_path / "all.html").read_text("utf-8")
    assert "this is no .xlsx or .xlsm workbook." in page


def test_a_pattern_the_shell_left_alone(tmp_path: Path) -> None:
    make(tmp_path / "a.xlsx")
    (tmp_path / "~$a.xlsx").write_text("somebody has it open")
    assert run(tmp_path / "*.xlsx").exit_code == 0
    done = run(tmp_path / "*.xlsm")
    assert done.exit_code == 2
    assert "there is no such workbook" in done.stderr


def test_two_workbooks_never_become_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = make(tmp_path / "a.xlsx"), make(tmp_path / "other" / "a.xlsx")
    done = run(first, second, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "would both be written to" in done.stderr
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------- what nothing can break


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook that takes long to calculate."""
    path = tmp_path_factory.mktemp("heavy") / "heavy.xlsx"
    writer = xlsxwriter.Workbook(path)
    sheet = writer.add_worksheet()
    sheet.write_column("A1", range(20_000))
    for row in range(5_000):
        sheet.write_formula(row, 1, f"=SUMPRODUCT((A1:A20000>{row})*(A1:A20000<A{row + 1}+9)*MOD(A1:A20000,7))")
    writer.close()
    return path


def test_limits_are_said_with_the_option_that_moves_them(heavy: Path, tmp_path: Path) -> None:
    for option, said in (
        ("--max-seconds", "took more than 1 second (--max-seconds)."),
        ("--max-memory", "took more than 1 MB (--max-memory)."),
        ("--max-unpacked", "MB; the limit is 1 MB (--max-unpacked)."),
    ):
        done = run(heavy, option, "1", "-o", tmp_path / "copy.xlsx")
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
    assert not (tmp_path / "copy.xlsx").exists()
    assert not leftovers(tmp_path)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "kpi_udfs", "calc", *map(str, arguments)]


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are of Unix")
def test_a_full_disk_leaves_the_old_file(book: Path, tmp_path: Path) -> None:
    import resource

    target = tmp_path / "copy.xlsx"
    target.write_bytes(b"the old one")

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    done = subprocess.run(command(book, "-o", target), capture_output=True, text=True, preexec_fn=small_disk)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"kpi-udfs: {target}: the file can't be written: File too large\n"
    assert target.read_bytes() == b"the old one"
    assert not leftovers(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="a superuser may write anywhere")
def test_no_permission_is_one_line(book: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    done = run(book, "-o", folder / "copy.xlsx")
    assert done.exit_code == 2
    assert "Permission denied" in done.stderr
    book.chmod(0)
    assert "the file can't be opened: Permission denied" in run(book).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_is_one_line_and_clears_away(heavy: Path, tmp_path: Path, how: signal.Signals) -> None:
    target = tmp_path / "out" / "copy.xlsx"
    target.parent.mkdir()
    target.write_bytes(b"the old one")
    process = subprocess.Popen(command(heavy, "-o", target), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    process.send_signal(how)
    printed, said = process.communicate(timeout=30)
    assert process.returncode == 2, (printed, said)
    assert said == f"kpi-udfs: interrupted; {target} was not written.\n"
    assert target.read_bytes() == b"the old one"
    assert not leftovers(tmp_path)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
def test_killed_at_any_moment_the_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    book = make(tmp_path / "book.xlsx", deals=40_000)
    target, folder = tmp_path / "out" / "copy.xlsx", tmp_path / "out"
    folder.mkdir()
    start = time.perf_counter()
    subprocess.run(command(book, "-o", target), check=True, capture_output=True)
    whole = time.perf_counter() - start
    new = target.read_bytes()
    moments = random.Random(7)
    seen = set()
    for _ in range(50):
        target.write_bytes(b"the old one")
        process = subprocess.Popen(command(book, "-o", target), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        # Most of the time goes by before anything is written; half of the moments lie near the end.
        time.sleep(whole * moments.choice([moments.uniform(0, 1), moments.uniform(0.7, 1.1)]))
        process.kill()
        process.wait()
        content = target.read_bytes()
        assert content in (b"the old one", new)
        seen.add(content == new)
    assert False in seen
    for part in folder.glob(".*.part"):
        part.unlink()
    shutil.copy(book, folder)  # and the next run is not troubled by what was left
    subprocess.run(command(book, "-o", target), check=True, capture_output=True)
    assert target.read_bytes() == new


def test_blocks_larger_than_before_take_their_place(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    writer = xlsxwriter.Workbook(path)
    sheet = writer.add_worksheet("KPIs")
    sheet.write_dynamic_array_formula("A1:A4", "=SEQUENCE(2,2,5)", None, 1)  # had four rows, has two
    sheet.write("A6", "below")
    writer.close()
    run(path, "-o", tmp_path / "copy.xlsx")
    shown = values(tmp_path / "copy.xlsx")
    assert [shown.get(cell) for cell in ("A1", "B1", "A2", "B2", "A3", "A4", "A6")] == [5, 6, 7, 8, None, None, "below"]
    assert [cell.value for cell in Workbook(tmp_path / "copy.xlsx").calculate()] == [[[5, 6], [7, 8]]]


# ------------------------------------------------------------------------ what a night's run meets


def test_a_workbook_that_is_replaced_meanwhile_is_not_lost(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calculate = Guarded.recalculate

    def calculate_while_the_export_comes(*arguments: Any) -> Any:
        result = calculate(*arguments)
        book.with_name("new").write_bytes(b"tonight's export")
        book.with_name("new").replace(book)
        return result

    monkeypatch.setattr(Guarded, "recalculate", calculate_while_the_export_comes)
    done = run(book, "--in-place")
    assert done.exit_code == 2
    assert done.stderr == (
        f"kpi-udfs: {book}: the workbook was changed while it was being calculated; nothing was written.\n"
    )
    assert book.read_bytes() == b"tonight's export"
    assert not leftovers(book.parent)


@pytest.mark.parametrize("beside", ["~$book.xlsx", ".~lock.book.xlsx#"])
def test_a_workbook_that_somebody_has_open_is_left_alone(book: Path, beside: str) -> None:
    before = book.read_bytes()
    book.with_name(beside).write_text("somebody")
    other = make(book.with_name("other.xlsx"))
    done = run(book, other, "--in-place")
    assert done.exit_code == 2
    assert "somebody has the workbook open" in done.stderr
    assert book.read_bytes() == before
    assert values(other)["A2"] == 4 / 3


def test_protected_files_are_not_replaced_and_private_ones_stay_private(book: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.xlsx"
    book.chmod(0o600)
    assert run(book, "-o", target).exit_code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    target.chmod(0o444)
    book.chmod(0o444)
    for done in (run(book, "-o", target), run(book, "--in-place")):
        assert done.exit_code == 2
        assert "it is write-protected" in done.stderr


def test_one_workbook_that_can_t_be_opened_stops_no_other(tmp_path: Path) -> None:
    for name in ("a", "c"):
        make(tmp_path / f"{name}.xlsx")
    (tmp_path / "b.xlsx").mkdir()
    names = [tmp_path / f"{name}.xlsx" for name in ("a", "b", "missing", "c")]
    done = run(*names, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout.splitlines()[-1] == f"The copies are here: {tmp_path / 'out'}"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.xlsx", "c.xlsx"]


def test_names_that_lead_to_something_else_than_was_meant(book: Path, tmp_path: Path) -> None:
    assert run(book, "-o", "").stderr == "kpi-udfs: -o needs a name.\n"
    done = run(book, make(tmp_path / "other.xlsx"), "-o", tmp_path / "one.xlsx")
    assert (done.exit_code, (tmp_path / "one.xlsx").exists()) == (2, False)
    assert "for several workbooks -o names a folder" in done.stderr
    (tmp_path / "table.csv").write_text("a,b")
    assert "this is no .xlsx or .xlsm workbook" in run(tmp_path / "table.csv", "-o", tmp_path / "o.xlsx").stderr


def test_errors_that_are_new_come_first(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    writer = xlsxwriter.Workbook(path)
    writer.calc_on_load = False
    sheet = writer.add_worksheet("S")
    sheet.write_formula("A1", "=NA()", None, "#N/A")
    sheet.write_formula("A2", "=1/B2", writer.add_format({"num_format": "0.00"}), 4)
    writer.close()
    lines = run(path).stdout.splitlines()
    assert lines[2:6] == [
        "Cells with errors: 2",
        "New among them, with a value saved before: 1",
        "  S!A2: #DIV/0!: the formula itself gives this error. (4.00 was saved)",
        "  S!A1: #N/A: the formula itself gives this error.",
    ]


def test_a_copy_of_a_protected_workbook_can_be_replaced(book: Path, tmp_path: Path) -> None:
    book.chmod(0o444)
    for _ in range(2):
        assert run(book, "-o", tmp_path / "copy.xlsx").exit_code == 0
        assert (tmp_path / "copy.xlsx").stat().st_mode & 0o777 == 0o644


def test_refused_workbooks_are_in_the_list(book: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.xlsx").write_text("no workbook")
    told = json.loads(run(book, tmp_path / "bad.xlsx", "--json").stdout)
    assert [one["cell"] for one in told[:-1]] == ["A1", "C1", "A2"]
    assert told[-1] == {
        "file": str(tmp_path / "bad.xlsx"),
        "refused": f"{tmp_path / 'bad.xlsx'}: this is no .xlsx or .xlsm workbook.",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use can't be deleted there")
def test_a_working_folder_that_is_gone(book: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    def leave_nothing() -> None:
        os.chdir(gone)
        gone.rmdir()

    done = subprocess.run(command(book), capture_output=True, text=True, preexec_fn=leave_nothing)
    assert (done.returncode, done.stderr) == (0, "")
