"""Workbooks for xlwings Lite: the parts that Lite and Excel look for, and the same numbers as ever."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from click.testing import CliRunner, Result

from kpi_udfs import settings
from kpi_udfs.cli import commands
from kpi_udfs.hosts.formula_cell import FormulaCell
from kpi_udfs.hosts.headless import Workbook
from kpi_udfs.hosts.references import prefixed
from kpi_udfs.messages import LANGUAGES, say
from kpi_udfs.registry import KPIS
from kpi_udfs.workbooks import build, recipes
from kpi_udfs.workbooks.lite_book import PREFIX, RULES_NAME, lite_book

WE = "{http://schemas.microsoft.com/office/webextensions/webextension/2010/11}"
WETP = "{http://schemas.microsoft.com/office/webextensions/taskpanes/2010/11}"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
WHEEL = "https://intern.example.com/kpi_udfs-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def built() -> bytes:
    return lite_book(recipes()["sales_funnel"])[0]


@pytest.fixture(scope="module")
def parts(built: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(built)) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def file(built: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    path.write_bytes(built)
    return path


def properties_of(parts: dict[str, bytes]) -> dict[str, Any]:
    extension = ElementTree.fromstring(parts["xl/webextensions/webextension1.xml"])
    found = extension.findall(f"{WE}properties/{WE}property")
    return {entry.attrib["name"]: json.loads(entry.attrib["value"]) for entry in found}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["lite", "build", *arguments])


# ------------------------------------------------------------------------------ the web extension


def test_every_part_is_well_formed_and_has_a_content_type(parts: dict[str, bytes]) -> None:
    types = ElementTree.fromstring(parts["[Content_Types].xml"])
    named = {entry.attrib["PartName"].lstrip("/") for entry in types if "PartName" in entry.attrib}
    endings = {entry.attrib["Extension"] for entry in types if "Extension" in entry.attrib}
    assert named <= set(parts)
    for name, content in parts.items():
        ElementTree.fromstring(content)
        assert name == "[Content_Types].xml" or name in named or name.rpartition(".")[2] in endings, name


def test_the_extension_is_found_from_the_package(parts: dict[str, bytes]) -> None:
    kinds = {
        entry.attrib["Type"].rpartition("/")[2]: entry.attrib["Target"]
        for entry in ElementTree.fromstring(parts["_rels/.rels"]).findall(RELATION)
    }
    assert kinds["webextensiontaskpanes"] == "xl/webextensions/taskpanes.xml"
    identifiers = [entry.attrib["Id"] for entry in ElementTree.fromstring(parts["_rels/.rels"])]
    assert len(set(identifiers)) == len(identifiers)
    (relation,) = ElementTree.fromstring(parts["xl/webextensions/_rels/taskpanes.xml.rels"])
    assert f"xl/webextensions/{relation.attrib['Target']}" in parts
    (pane,) = ElementTree.fromstring(parts["xl/webextensions/taskpanes.xml"])
    # What [MS-OWEXML] 2.2.8 asks for.
    assert pane.tag == f"{WETP}taskpane"
    assert set(pane.attrib) == {"dockstate", "visibility", "width", "row"}
    (reference,) = pane
    assert reference.tag == f"{WETP}webextensionref"
    assert relation.attrib["Id"] in reference.attrib.values()


def test_the_extension_is_that_of_xlwings_lite(parts: dict[str, bytes]) -> None:
    extension = ElementTree.fromstring(parts["xl/webextensions/webextension1.xml"])
    # In the order of [MS-OWEXML] 2.2.7.
    order = ["reference", "alternateReferences", "properties", "bindings", "snapshot", "extLst"]
    assert [child.tag for child in extension] == [f"{WE}{name}" for name in order]
    assert re.fullmatch(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", extension.attrib["id"])
    assert extension[0].attrib["id"] == "wa200008175"
    assert extension[0].attrib["storeType"] == "OMEX"
    assert extension[5].find(f".//{WE}containsCustomFunctions") is not None


def test_what_lite_finds_in_it(parts: dict[str, bytes]) -> None:
    properties = properties_of(parts)
    assert properties["main.py"].count("\n") == 2
    assert properties["main.py"].endswith("\nfrom kpi_udfs.hosts.xlwings_udfs import *\n")
    compile(properties["main.py"], "main.py", "exec")
    assert properties["requirements.txt"].splitlines()[0].startswith("kpi_udfs>=")
    stored = parts["xl/webextensions/webextension1.xml"].decode()
    assert '\\n&quot;"/>' in stored
    values = re.findall(r' value="([^"]*)"', stored)
    assert len(values) == len(properties)
    assert not [value for value in values if re.search(r"(?<!\\)/", value)]


def test_a_workbook_in_a_language_calculates_in_it(language: Any) -> None:
    """There are no settings where Lite calculates, and the values were written in that language."""
    language("de")
    content, _ = lite_book(recipes()["sales_funnel"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        main = properties_of({name: archive.read(name) for name in archive.namelist()})["main.py"]
    assert main.count("\n") == 2
    code = "print(main := open(0).read()); exec(main); print(COST_PER_LEAD.__doc__)"
    environment = {key: value for key, value in os.environ.items() if key != "KPI_UDFS_LANGUAGE"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        input=main,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == say(KPIS["COST_PER_LEAD"].tooltip, "de")


def test_a_wheel_of_ones_own() -> None:
    content, _ = lite_book(recipes()["sales_funnel"], WHEEL)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert properties_of(found)["requirements.txt"].splitlines()[0] == WHEEL
    assert rb"https:\/\/intern.example.com\/" in found["xl/webextensions/webextension1.xml"]


# ----------------------------------------------------------------------------------- the formulas


def formulas(parts: dict[str, bytes]) -> list[tuple[str, ElementTree.Element, ElementTree.Element]]:
    """Each formula with its cell and its sheet's part."""
    sheets = {name: ElementTree.fromstring(content) for name, content in parts.items() if "worksheets/sheet" in name}
    return [
        (name, cell, formula)
        for name, sheet in sheets.items()
        if not name.endswith(".rels")
        for cell in sheet.iter(f"{MAIN}c")
        for formula in cell.iter(f"{MAIN}f")
    ]


def test_kpi_formulas_are_dynamic_arrays_with_prefixed_names(parts: dict[str, bytes]) -> None:
    assert "xl/metadata.xml" in parts
    called = re.compile(rf"(?<![A-Za-z_])({PREFIX})?({'|'.join(KPIS)})\(")
    merged = {
        (name, entry.attrib["ref"].partition(":")[0])
        for name, content in parts.items()
        if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)
        for entry in ElementTree.fromstring(content).iter(f"{MAIN}mergeCell")
    }
    ours = 0
    for name, cell, formula in formulas(parts):
        text = re.sub(r'"[^"]*"', '""', formula.text or "")
        kpis = [found[0] for found in called.finditer(text)]
        assert all(kpi.startswith(PREFIX) for kpi in kpis), text
        if not kpis:
            assert "cm" not in cell.attrib
            continue
        ours += 1
        is_merged = (name, cell.attrib["r"]) in merged
        assert (cell.attrib.get("cm") == "1") != is_merged
        assert (formula.attrib.get("t") == "array") != is_merged
    assert ours > 40


def test_names_in_texts_sheets_and_columns_stay() -> None:
    formula = "=IF(\"WIN_RATIO(\"=A1,WIN_RATIO(d[x WIN_RATIO(y)]),'FUNNEL(é)'!A1)+SUM(1)"
    assert prefixed(formula, KPIS, PREFIX) == formula.replace(",WIN_RATIO(", f",{PREFIX}WIN_RATIO(")
    assert prefixed('=KPI_EXPLAIN("WIN_RATIO",A1)', KPIS, PREFIX) == f'={PREFIX}KPI_EXPLAIN("WIN_RATIO",A1)'
    nested = "=COST_PER_LEAD(REVENUE(A1),1)"
    assert prefixed(nested, KPIS, PREFIX) == f"={PREFIX}COST_PER_LEAD({PREFIX}REVENUE(A1),1)"


def test_the_numbers_are_those_of_the_template(file: Path, tmp_path: Path) -> None:
    template = build(recipes()["sales_funnel"], tmp_path / "template.xlsx")
    lite = Workbook(file).calculate()
    assert not [cell for cell in lite if cell.errors]
    lines = {cell.formula: cell.value for cell in lite}
    for cell in template:
        if "INDEX(FUNNEL(" not in cell.formula:
            assert lines[cell.formula] == cell.value
    block = lines["=FUNNEL(leads[#All])"]
    cells = {cell.formula: cell.value for cell in template}
    for down, row in enumerate(block, 1):
        for right, value in enumerate(row, 1):
            if value != "":
                assert cells[f"=INDEX(FUNNEL(leads[#All]),{down},{right})"] == value


def test_a_reader_without_the_functions_sees_the_numbers(file: Path) -> None:
    stored = openpyxl.load_workbook(file, data_only=True)
    for cell in Workbook(file).calculate():
        rows = cell.value if isinstance(cell.value, list) else [[cell.value]]
        for down, row in enumerate(rows):
            for right, value in enumerate(row):
                found = stored[cell.sheet].cell(cell.row + down, cell.column + right).value
                assert found == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value or None), cell
    assert "xlwings Lite" in stored["Funnel"]["A3"].value


def test_rules_travel_as_cells_and_formulas_follow_them(file: Path, tmp_path: Path) -> None:
    assert stages(Workbook(file).calculate()) == ["MQL", "lead", "SQL"]
    book = openpyxl.load_workbook(file)
    packaged = settings.packaged("config") / "qualification.yaml"
    lines = [row[0] or "" for row in book["Rules"].iter_rows(max_col=1, values_only=True)]
    # What the file says about itself before its first key stays out.
    written = packaged.read_text(encoding="utf-8")
    assert "\n".join(lines).rstrip() == written[written.index("schema:") :].rstrip()
    (event,) = [
        row for row in book["Rules"].iter_rows(max_col=1) if row[0].value and "ebook_download}" in row[0].value
    ][:1]
    event[0].value = event[0].value.replace("ebook_download", "page_view")
    book.save(tmp_path / "changed.xlsx")
    assert stages(Workbook(tmp_path / "changed.xlsx").calculate()) == ["lead", "MQL", "SQL"]


def stages(cells: list[FormulaCell]) -> list[str]:
    (example,) = [cell for cell in cells if RULES_NAME in cell.formula]
    return [row[1] for row in example.value[1:]]


@pytest.mark.parametrize("locale", [locale for locale in LANGUAGES if locale != "en"])
def test_it_works_in_every_language(locale: str, language: Any) -> None:
    language(locale)
    _, cells = lite_book(recipes()["sales_funnel"])
    assert not [cell for cell in cells if cell.errors]
    assert stages(cells) == ["MQL", "lead", "SQL"]


def test_the_same_bytes_every_time_and_nothing_of_the_machine(built: bytes, parts: dict[str, bytes]) -> None:
    assert lite_book(recipes()["sales_funnel"])[0] == built
    places = [str(Path.cwd()), str(Path.home()), "/tmp"]
    for name, content in parts.items():
        assert not [place for place in places if len(place) > 1 and place.encode() in content], name


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_libreoffice_opens_it(file: Path, tmp_path: Path) -> None:
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "csv", "--outdir", str(tmp_path), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    text = (tmp_path / "book.csv").read_text(encoding="utf-8")
    assert "Sales funnel" in text
    assert "Search,268,11" in text  # plain formulas are calculated there


# ---------------------------------------------------------------------------------- the command


def test_the_command_says_where_and_what_next(tmp_path: Path, built: bytes) -> None:
    done = run("-o", str(tmp_path / "funnel.xlsx"))
    assert done.exit_code == 0, done.output
    where, *after = done.stdout.splitlines()
    assert where == f"The workbook is here: {tmp_path / 'funnel.xlsx'}"
    assert "trust the workbook" in after[0]
    assert "kpi_udfs" in after[1]
    assert (tmp_path / "funnel.xlsx").read_bytes() == built
    assert [entry.name for entry in tmp_path.iterdir()] == ["funnel.xlsx"]


def test_without_a_name_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales_funnel_lite.xlsx").write_text("somebody's work")
    assert run("sales_funnel").exit_code == 0
    assert (tmp_path / "sales_funnel_lite.xlsx").read_text() == "somebody's work"
    assert (tmp_path / "sales_funnel_lite_2.xlsx").is_file()


def test_the_server_of_a_wheel_has_to_allow_it(tmp_path: Path) -> None:
    done = run("-o", str(tmp_path / "funnel.xlsx"), "--wheel", WHEEL)
    assert done.exit_code == 0
    assert "intern.example.com" in done.stdout.splitlines()[-1]
    assert "CORS" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sales_funel"], 'there is no template "sales_funel". Did you mean "sales_funnel"?'),
        (["xyz"], 'there is no template "xyz". Templates: sales_funnel'),
        (["-o", "book.xls"], "ends in .xlsx"),
        (["-o", "nowhere/book.xlsx"], "there is no such folder"),
        (["--wheel", "http://a.example/kpi_udfs-1-py3-none-any.whl"], "begins with https://"),
        (["--wheel", "https://a.example/kpi_udfs-1-cp312-cp312-win_amd64.whl"], "ends in kpi_udfs-…-py3-none-any.whl"),
        (["--wheel", "https://a.example/other-1-py3-none-any.whl"], "can't be used"),
        (["--wheel", "https://a.example/x\n--hash-py3-none-any.whl"], "can't be used"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_rules_that_cells_cant_carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "qualification.yaml").write_text("schema: kpi_udfs.qualification/1\nmqll: 3\n")
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(folder))
    settings.forget()
    done = run("-o", str(tmp_path / "book.xlsx"))
    assert done.exit_code == 2
    assert "qualification.yaml" in done.stderr
    assert '"mqll"' in done.stderr
    assert not (tmp_path / "book.xlsx").exists()
