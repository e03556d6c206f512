"""A real headless LibreOffice with our extension in a profile of its own, for recalculating files."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from kpi_udfs.libreoffice import pandas_folder
from kpi_udfs.libreoffice.places import Office, find_office, number
from kpi_udfs.libreoffice.this_machine import this_machine
from kpi_udfs.publish.libreoffice import OLDEST

NO_SOFFICE = "These tests need LibreOffice 25.2 or later: .ci/run installs it from Debian's backports."
#: Reading a file recalculates it, whoever wrote it; LibreOffice keeps Excel's values otherwise.
RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">\
<value>0</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="ODFRecalcMode" oor:op="fuse">\
<value>0</value></prop></item>
</oor:items>
"""
#: Where a profile holds what LibreOffice's Python does not have.
PACKAGES = Path("user") / "kpi_udfs"


class Calc:
    """LibreOffice in one profile. ``extensions``: the folder that holds unpacked extensions, each in its own."""

    def __init__(self, profile: Path, extensions: Path, *, recalculates: bool = True) -> None:
        self.profile, self.extensions, self.office = profile, extensions, installed(profile)
        #: What differs from the environment of the tests.
        self.variables: dict[str, str] = {}
        if recalculates:
            (profile / "user").mkdir(parents=True)
            (profile / "user" / "registrymodifications.xcu").write_text(RECALCULATE, encoding="utf-8")

    def convert(self, to: str, *files: Path, into: Path, seconds: float = 300) -> None:
        """Read the files and write them in another format: ``xlsx``, ``ods``, ``pdf``."""
        self.run("--convert-to", to, "--outdir", str(into), *map(str, files), seconds=seconds)

    def run(self, *arguments: str, seconds: float = 300) -> None:
        """Run it until it ends by itself."""
        home = self.profile.parent / "home"
        home.mkdir(exist_ok=True)
        # No configuration, no packages and no language of whoever runs the tests.
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("PYTHON", "KPI_UDFS", "VIRTUAL", "XDG", "LC_", "LANG"))
        }
        done = subprocess.run(
            [
                str(self.office.soffice), *self.office.arguments, "--headless", "--norestore", "--nologo",
                f"-env:BUNDLED_EXTENSIONS={self.extensions.as_uri()}",
                *arguments,
            ],
            # Its Python is the system's, not the first one in the tests' environment.
            env={**kept, "PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", **self.variables},
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if done.returncode or "Error" in done.stderr:
            raise RuntimeError(f"soffice ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")

    def values(self, file: Path, into: Path) -> dict[str, list[list[Any]]]:
        """Every sheet of a file, recalculated: numbers, texts, True and False, errors as Calc shows them
        (:class:`Err`: ``#N/A``, ``Err:504``). A blank cell is ``""``."""
        into.mkdir(exist_ok=True)
        self.convert("ods", file, into=into)
        return sheets(into / f"{file.stem}.ods")


class Err(str):
    """What a cell with an error shows."""

    __slots__ = ()


_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def sheets(file: Path) -> dict[str, list[list[Any]]]:
    """The values of an ``.ods`` file, sheet by sheet, without the blank rest of each."""
    with zipfile.ZipFile(file) as archive:
        root = ElementTree.fromstring(archive.read("content.xml"))
    return {table.attrib[f"{_TABLE}name"]: _rows(table) for table in root.iter(f"{_TABLE}table")}


def _rows(table: ElementTree.Element) -> list[list[Any]]:
    rows: list[list[Any]] = []
    waiting = 0  # blank rows, which count only where others follow
    for row in table.iter(f"{_TABLE}table-row"):
        times = int(row.get(f"{_TABLE}number-rows-repeated", 1))
        cells = _cells(row)
        if cells:
            rows += [[] for _ in range(waiting)] + [cells] * times
            waiting = 0
        else:
            waiting += times
    return rows


def _cells(row: ElementTree.Element) -> list[Any]:
    cells: list[Any] = []
    for cell in row:
        value = _value(cell)
        times = int(cell.get(f"{_TABLE}number-columns-repeated", 1))
        cells += [value] * (times if value != "" else min(times, 2000))
    while cells and cells[-1] == "":
        cells.pop()
    return cells


def _value(cell: ElementTree.Element) -> Any:
    kind = cell.get(f"{_OFFICE}value-type")
    if cell.get(f"{_CALC}value-type") == "error":
        return Err(_written(cell))
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value") == "true"
    if kind == "date":
        return cell.get(f"{_OFFICE}date-value")
    if kind in ("float", "percentage", "currency"):
        return float(cell.attrib[f"{_OFFICE}value"])
    return cell.get(f"{_OFFICE}string-value") or _written(cell)


def _written(cell: ElementTree.Element) -> str:
    return "\n".join("".join(part.itertext()) for part in cell.findall(f"{_TEXT}p"))


def installed(profile: Path) -> Office:
    """The LibreOffice of this machine with that profile; there is no skipping."""
    office = find_office(this_machine(), profile=profile)
    if office is None or number(office.version) < number(OLDEST):
        raise RuntimeError(NO_SOFFICE)
    return office


def unpacked(extension: Path, folder: Path) -> Path:
    """The extension, unpacked into a folder of extensions; gives that folder."""
    with zipfile.ZipFile(extension) as archive:
        archive.extractall(folder / extension.stem)
    return folder


def with_pandas(profile: Path) -> None:
    """Give LibreOffice's Python pandas, as ``kpi-udfs libreoffice install --with-pandas`` does."""
    pandas_folder.fetch(this_machine(), installed(profile))


def formulas(file: Path) -> Sequence[str]:
    """The formulas as they stand in an ``.xlsx`` or ``.ods`` file."""
    patterns: Mapping[str, tuple[str, str]] = {
        ".xlsx": (r"xl/worksheets/.*\.xml", r"<f[^>]*>([^<]*)</f>"),
        ".ods": (r"content\.xml", r'table:formula="([^"]*)"'),
    }
    part, formula = patterns[file.suffix]
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(part, name)]
        return [one for name in names for one in re.findall(formula, archive.read(name).decode())]
