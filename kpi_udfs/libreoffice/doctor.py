"""All checks, from LibreOffice itself to a sheet that it computes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import PurePath

from kpi_udfs import settings
from kpi_udfs.errors import ConfigError
from kpi_udfs.excel.findings import Finding, worst
from kpi_udfs.libreoffice import office_checks, proof, starting
from kpi_udfs.libreoffice.machine import Machine
from kpi_udfs.libreoffice.pandas_folder import FOUND, OLDEST, find_pandas
from kpi_udfs.libreoffice.places import Office, find_office
from kpi_udfs.messages import text

#: Seconds in which LibreOffice computes a small sheet, its first start included.
LIMIT = 120.0

INSTALLED = text("libreoffice.extension.installed", "The extension is installed: kpi_udfs {version}.")
NOT_INSTALLED = text("libreoffice.extension.missing", "The extension is not installed: kpi-udfs libreoffice install")
OTHER = text(
    "libreoffice.extension.other",
    "The extension is kpi_udfs {version}, and this is {ours}: kpi-udfs libreoffice install makes them the same.",
)
DISABLED = text(
    "libreoffice.extension.disabled",
    "The extension is turned off: in LibreOffice, Tools > Extensions, choose it and press Enable.",
)
NO_PANDAS = text(
    "libreoffice.pandas.missing",
    "LibreOffice's Python has no pandas, so functions over tables (FUNNEL, QUALIFY, WIN_RATIO_BY …) don't answer; the others "
    "do: kpi-udfs libreoffice install --with-pandas",
)
OLD_PANDAS = text(
    "libreoffice.pandas.old",
    "LibreOffice's Python has pandas {version}, and functions over tables need {oldest}: kpi-udfs libreoffice install "
    "--with-pandas",
)
CONFIG = text(
    "libreoffice.config", "The configuration can't be used, so no function answers; what is wrong: kpi-udfs config show"
)
NOT_TRIED = text("libreoffice.proof.not_tried", "Extension and functions were not tried. {why}")
RIGHT = text("libreoffice.proof.right", "A sheet was computed in {seconds:days} seconds: KPI_VERSION gave “{version}”.")
TABLES_RIGHT = text("libreoffice.proof.tables_right", "FUNNEL counted a small table rightly.")
TABLES_WRONG = text("libreoffice.proof.tables_wrong", "FUNNEL did not count a small table; its cells show: {cells}")
WRONG = text(
    "libreoffice.proof.wrong",
    "A sheet was computed, but KPI_VERSION gave “{cell}”: kpi-udfs libreoffice install puts the extension in place anew.",
)
NOTHING = text("libreoffice.proof.nothing", "LibreOffice computed no sheet; {program} said: {said}")


def examine(
    machine: Machine, folder: PurePath | None = None, profile: PurePath | None = None, limit: float = LIMIT
) -> Iterator[Finding]:
    """What can keep the functions from working in Calc; at the end they are tried.

    ``folder``: LibreOffice's programs; ``profile``: a profile other than the user's usual one; ``limit``: the seconds
    that LibreOffice may take for a small sheet.
    """
    office = find_office(machine, folder, profile)
    if office is None:
        yield Finding("libreoffice", "problem", office_checks.missing(machine, folder))
        return
    yield from office_checks.program(machine, office)
    yield from office_checks.python(machine, office)
    if any(office_checks.broken(machine, office)):
        return
    pandas = list(_pandas(machine, office))
    yield from pandas
    if hindered := starting.hindrance(machine, office):
        passing = hindered.text not in (starting.ROOT, starting.NOT_WRITABLE)
        yield Finding("extension", "warning" if passing else "problem", NOT_TRIED(why=hindered))
        return
    extension = list(_extension(machine, office))
    yield from extension
    if not _configured():
        yield Finding("configuration", "problem", CONFIG())
    elif worst(extension) != "problem":
        yield from _proof(machine, office, worst(pandas) == "ok", limit)


def _configured() -> bool:
    """Whether the functions can read the configuration, which is the same for every host."""
    try:
        settings.current()
    except ConfigError:
        return False
    return True


def _pandas(machine: Machine, office: Office) -> Iterator[Finding]:
    found = find_pandas(machine, office)
    if found is None:
        yield Finding("pandas", "warning", NO_PANDAS())
    elif not found.fits:
        oldest = ".".join(map(str, OLDEST))
        yield Finding("pandas", "warning", OLD_PANDAS(version=found.version, oldest=oldest))
    else:
        yield Finding("pandas", "ok", FOUND(version=found.version))


def _extension(machine: Machine, office: Office) -> Iterator[Finding]:
    ran = starting.unopkg(machine, office, "list")
    ours, found = version("kpi_udfs"), starting.installed(ran)
    if failed := starting.failure(ran, office.unopkg):
        yield Finding("extension", "problem", failed)
    elif found is None:
        yield Finding("extension", "problem", NOT_INSTALLED())
    elif not found.enabled:
        yield Finding("extension", "problem", DISABLED())
    elif found.version != ours:
        yield Finding("extension", "warning", OTHER(version=found.version, ours=ours))
    else:
        yield Finding("extension", "ok", INSTALLED(version=found.version))


def _proof(machine: Machine, office: Office, has_pandas: bool, limit: float) -> Iterator[Finding]:
    ran, cells = proof.compute(machine, office, limit)
    failed = starting.failure(ran, office.soffice)
    if failed or cells is None:
        says = failed or NOTHING(program=office.soffice, said=starting.gist(ran.output))
        yield Finding("proof", "problem", says)
        return
    said = proof.version_cell(cells)
    if not said.startswith("kpi_udfs "):
        yield Finding("proof", "problem", WRONG(cell=said))
        return
    yield Finding("proof", "ok", RIGHT(seconds=ran.seconds, version=said))
    table = proof.table_cells(cells)
    if proof.counts(table) == proof.COUNTS:
        yield Finding("tables", "ok", TABLES_RIGHT())
    elif has_pandas:  # without it that was said, with the remedy
        shown = [cell for row in table for cell in row if cell]
        yield Finding("tables", "problem", TABLES_WRONG(cells=", ".join(dict.fromkeys(shown)) or "–"))
