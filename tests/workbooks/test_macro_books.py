"""The workbook with macros and the add-in: what is in them, and how other programs read them."""

from __future__ import annotations

import getpass
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import olefile
import openpyxl
import pytest
from click.testing import CliRunner
from oletools.olevba import VBA_Parser, decompress_stream
from pyopenvba import ExcelFile, check_file

from kpi_udfs import settings
from kpi_udfs.cli import commands
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.messages import say
from kpi_udfs.publish import vba
from kpi_udfs.registry import KPIS
from kpi_udfs.workbooks import build, macro_books, recipes

CODE = ["ThisWorkbook", "kpi_udfs", "kpi_udfs_call", "kpi_udfs_help", "xlwings"]


@pytest.fixture(params=["macro_workbook", "add_in"])
def file(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def parts(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def opened(file: Path) -> Any:
    """The file as openpyxl reads it, which takes no add-ins."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, content in parts(file).items():
            archive.writestr(name, content.replace(b"addin.macroEnabled", b"sheet.macroEnabled"))
    return openpyxl.load_workbook(copy)


def expected(file: Path) -> dict[str, str]:
    sheets = len(opened(file).sheetnames)
    return {module.name: module.source for module in macro_books.modules([f"Sheet{n}" for n in range(1, sheets + 1)])}


def test_olevba_finds_every_module_with_its_source(file: Path) -> None:
    parser = VBA_Parser(str(file))
    found = {stream.rpartition("/")[2]: code for _, stream, _, code in parser.extract_all_macros()}
    assert found == expected(file)
    assert sorted(name for name in found if not name.startswith("Sheet")) == sorted(CODE)


def test_a_second_reader_agrees(file: Path) -> None:
    report = check_file(file)
    assert report.ok, report
    with ExcelFile(file) as book:
        assert {module.name: module.source.replace("\r\n", "\n") for module in book.vba_project().modules} == {
            name: source.replace("\r\n", "\n") for name, source in expected(file).items()
        }


def test_the_notice_of_xlwings_stays() -> None:
    ours, theirs = macro_books.xlwings_module(), (xlwings_folder() / "xlwings.bas").read_text("cp1252")
    assert "Copyright (C) 2014-present, Zoomer Analytics LLC." in ours
    assert "Redistributions of source code must retain the above copyright notice" in ours
    changed = [line for line in ours.splitlines() if line not in theirs.splitlines()]
    assert changed == ["Option Private Module", 'Public Const PROJECT_NAME As String = "kpi_udfs"']
    removed = [line for line in theirs.splitlines() if line not in ours.splitlines()]
    assert removed == ['Public Const PROJECT_NAME As String = "xlwings"']


def xlwings_folder() -> Path:
    import xlwings

    return Path(xlwings.__file__).parent


def test_an_xlwings_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: 'Attribute VB_Name = "xlwings"\nSub Other()\nEnd Sub\n')
    result = CliRunner().invoke(commands, ["excel", "build", "-o", str(tmp_path / "new")])
    assert result.exit_code == 2
    assert "PROJECT_NAME" in result.output
    assert "Install the version that kpi_udfs was made with" in result.output
    assert not (tmp_path / "new").exists()


def test_sheets_modules_and_hidden_sheets(file: Path) -> None:
    book = opened(file)
    assert book.sheetnames[-2:] == ["kpi_udfs.conf", "kpi_udfs.help"]
    assert [sheet.sheet_state for sheet in book.worksheets[-2:]] == ["veryHidden"] * 2
    assert {sheet.sheet_state for sheet in book.worksheets[:-2]} == {"visible"}
    assert [row[:2] for row in book["kpi_udfs.conf"].values] == list(macro_books.SETTINGS)
    assert [[cell for cell in row if cell is not None] for row in book["kpi_udfs.help"].values] == vba.help_rows()
    content = parts(file)
    names = [
        re.search(rb'<sheetPr codeName="(\w+)"', content[f"xl/worksheets/sheet{number}.xml"])
        for number in range(1, len(book.sheetnames) + 1)
    ]
    assert [name and name[1].decode() for name in names] == [f"Sheet{n + 1}" for n in range(len(names))]
    assert b'codeName="ThisWorkbook"' in content["xl/workbook.xml"]


def test_content_types(macro_workbook: Path, add_in: Path) -> None:
    workbook, added = parts(macro_workbook), parts(add_in)
    assert workbook["[Content_Types].xml"].count(b"application/vnd.ms-excel.sheet.macroEnabled.main+xml") == 1
    assert added["[Content_Types].xml"].count(b"application/vnd.ms-excel.addin.macroEnabled.main+xml") == 1
    assert b"sheet.macroEnabled" not in added["[Content_Types].xml"]
    for content in (workbook, added):
        assert b'ContentType="application/vnd.ms-office.vbaProject"' in content["[Content_Types].xml"]
        assert b"relationships/vbaProject" in content["xl/_rels/workbook.xml.rels"]
    # As in the add-ins that xlwings comes with.
    assert b'<workbookView visibility="hidden"' in added["xl/workbook.xml"]
    assert b"visibility" not in workbook["xl/workbook.xml"]
    assert b'visibility="hidden"' in parts(xlwings_folder() / "quickstart_addin.xlam")["xl/workbook.xml"]


def test_the_add_in_lists_the_functions(add_in: Path) -> None:
    rows = list(opened(add_in).worksheets[0].values)
    assert rows == [(spec.signature, say(spec.tooltip)) for spec in KPIS.values()]


def test_the_same_page_as_without_macros(macro_workbook: Path, tmp_path: Path) -> None:
    """Formulas by their plain names, with the same values filled in."""
    build(recipes()["sales_funnel"], tmp_path / "plain.xlsx")
    with_macros, plain = (
        {
            (sheet.title, cell.coordinate): cell.value
            for sheet in openpyxl.load_workbook(file, data_only=True).worksheets
            if not sheet.title.startswith("kpi_udfs.")
            for row in sheet.iter_rows()
            for cell in row
        }
        for file in (macro_workbook, tmp_path / "plain.xlsx")
    )
    assert with_macros == plain
    formulas = [cell for cell in Workbook(macro_workbook).calculate() if cell.is_kpi]
    assert len(formulas) > 50
    assert not [cell for cell in formulas if cell.errors or "!" in cell.formula or "_xl" in cell.formula]


def test_nothing_of_the_computer_it_was_built_on(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    places = [Path.cwd(), Path.home(), Path(sys.prefix), tmp_path_factory.getbasetemp(), xlwings_folder()]
    forbidden = {str(place) for place in places if place != Path("/")} | {"C:\\Users", "C:\\Program"}
    content = parts(file)
    project = olefile.OleFileIO(content.pop("xl/vbaProject.bin"))
    for path in project.listdir():
        stream = project.openstream(path).read()
        compressed = path[0] == "VBA" and path[1] != "_VBA_PROJECT"
        content["/".join(path)] = bytes(decompress_stream(bytearray(stream))) if compressed else stream
    texts = {name: part.decode("latin-1") + part.decode("utf-16-le", "ignore") for name, part in content.items()}
    assert [(name, word) for name, text in texts.items() for word in forbidden if word.lower() in text.lower()] == []
    user = re.compile(rf"\b{re.escape(getpass.getuser())}\b")
    assert [name for name, text in texts.items() if name != "VBA/xlwings" and user.search(text)] == []


def test_no_code_of_xlwings_pro(file: Path) -> None:
    """xlwings' own module mentions it where it runs Python code that lies in a sheet, which ours have none of."""
    for name, source in expected(file).items():
        lines = [line.strip() for line in source.splitlines() if "xlwings.pro" in line]
        assert lines == (
            [
                """PythonCommand = "import xlwings.pro;xlwings.pro.runpython_embedded_code('" & SourcePythonCommand & "')\""""
            ]
            if name == "xlwings"
            else []
        )
    assert not [name for name in opened(file).sheetnames if name.endswith(".py")]


# ------------------------------------------------------------------------------------ the command


def test_what_it_says(built: Path) -> None:
    written = [f"written: {built / name}" for name in ("sales_funnel.xlsm", "kpi_udfs.xlam")]
    assert (built / "output.txt").read_text("utf-8").splitlines()[:2] == written
    assert "kpi-udfs excel install" in (built / "output.txt").read_text("utf-8")


def test_the_same_bytes_from_anywhere_at_any_time(built: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "anderswo"
    elsewhere.mkdir()
    environment = {**os.environ, "HOME": str(elsewhere), "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "kpi_udfs", "excel", "build"]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("sales_funnel.xlsm", "kpi_udfs.xlam"):
        assert (elsewhere / "kpi_excel" / name).read_bytes() == (built / name).read_bytes(), name
        with zipfile.ZipFile(built / name) as archive:
            assert {part.date_time[0] for part in archive.infolist()} == {1980}
            assert b"2026-07-01T00:00:00Z" in archive.read("docProps/core.xml")


def test_a_workbook_that_somebody_works_in_stays(tmp_path: Path) -> None:
    (tmp_path / "sales_funnel.xlsm").write_bytes(b"mine")
    (tmp_path / "kpi_udfs.xlam").write_bytes(b"old")
    result = CliRunner().invoke(commands, ["excel", "build", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "sales_funnel.xlsm").read_bytes() == b"mine"
    assert (tmp_path / "kpi_udfs.xlam").read_bytes() != b"old"
    names = ["kpi_udfs.xlam", "sales_funnel.xlsm", "sales_funnel_2.xlsm"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_in_another_language(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["excel", "build", "-o", str(tmp_path), "--language", "de"])
    settings.forget()
    assert result.exit_code == 0, result.output
    book = openpyxl.load_workbook(tmp_path / "sales_funnel.xlsm", data_only=True)
    assert "Where the number comes from" not in {cell for row in book.worksheets[0].values for cell in row}
    # The help speaks all languages: its reader's is known when the workbook opens.
    assert {row[1] for row in book["kpi_udfs.help"].values} == {"language", "en", "de", "fr", "it", "id"}


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = CliRunner().invoke(commands, ["excel", "build", "-o", str(tmp_path / "file" / "folder")])
    assert result.exit_code == 2
    assert result.output.startswith("kpi-udfs: ")
    assert len(result.output.splitlines()) == 1


# ------------------------------------------------------------------------------------ LibreOffice


@pytest.fixture(scope="session")
def converted(macro_workbook: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which LibreOffice saved the workbook anew: as .xlsm, and as .ods."""
    office = shutil.which("soffice")
    if not office:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("LibreOffice is not installed")
    folder = tmp_path_factory.mktemp("saved")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    for form in ("xlsm:Calc MS Excel 2007 VBA XML", "ods"):
        command = [office, profile, "--headless", "--convert-to", form, "--outdir", str(folder), str(macro_workbook)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
    return folder


def test_libreoffice_lists_the_same_modules(converted: Path, macro_workbook: Path) -> None:
    sources = {
        name.rpartition("/")[2].removesuffix(".xml"): part.decode()
        for name, part in parts(converted / "sales_funnel.ods").items()
        if name.startswith("Basic/KpiFunctions/")
    }
    assert {name for name in sources if not name.startswith("script-l")} == set(expected(macro_workbook))
    assert all(f"Function {name}(" in sources["kpi_udfs"] for name in KPIS)


def test_libreoffice_saves_the_same_modules(converted: Path, macro_workbook: Path) -> None:
    parser = VBA_Parser(str(converted / "sales_funnel.xlsm"))
    found = {stream.rpartition("/")[2]: code for _, stream, _, code in parser.extract_all_macros()}
    for name, source in expected(macro_workbook).items():
        if name in CODE:
            assert lines(source) == lines(found[name]), name


def lines(source: str) -> list[str]:
    """Lines of code; attributes and LibreOffice's own marks aside."""
    kept = (line.rstrip() for line in source.replace("\r\n", "\n").splitlines())
    return [
        line for line in kept if line and not line.startswith(("Attribute ", "Rem Attribute ", "Option VBASupport"))
    ]


def test_libreoffice_shows_the_values(converted: Path, macro_workbook: Path) -> None:
    theirs = openpyxl.load_workbook(converted / "sales_funnel.xlsm", data_only=True)
    ours = [cell for cell in Workbook(macro_workbook).calculate() if isinstance(cell.value, float)]
    assert len(ours) > 30
    for cell in ours:
        assert theirs[cell.sheet][cell.cell].value == pytest.approx(cell.value, rel=1e-12), cell
