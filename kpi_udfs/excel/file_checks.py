"""Checks of files: the configuration, the add-in, and a workbook that somebody wants to open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PureWindowsPath

from kpi_udfs.excel import conf as conf_file
from kpi_udfs.excel.conf import INTERPRETER, Conf
from kpi_udfs.excel.embedded import Embedded
from kpi_udfs.excel.findings import Finding
from kpi_udfs.excel.machine import Machine
from kpi_udfs.excel.office import trust
from kpi_udfs.excel.places import PROJECT, Places, in_onedrive, passing
from kpi_udfs.messages import text

CONF_RIGHT = text("excel.conf.right", "Configuration: {file}")
CONF_MISSING = text(
    "excel.conf.missing",
    "{file} is missing, which says which Python Excel is to start: kpi-udfs excel install writes it.",
)
CONF_ODD = text(
    "excel.conf.odd",
    "{file}, line {line}: VBA expects a name and a value here, and Excel can hang for two minutes over anything else: delete "
    "the line.",
)
CONF_NAMES_NONE = text(
    "excel.conf.names_none",
    "{file} names no Python to start where VBA can find it ({name}): kpi-udfs excel install writes it.",
)
CONF_DEBUG = text(
    "excel.conf.debug",
    "{file} sets DEBUG UDFS, so Excel waits for a Python that somebody starts by hand: delete that line.",
)
LETTERS = text(
    "excel.conf.letters",
    "{file} has letters that VBA can't read here (they are not in code page {code_page}): have your IT set the language for "
    "non-Unicode programs to one with these letters, or use an account and folders without them.",
)
LETTERS_UTF8 = text(
    "excel.conf.letters_utf8",
    "{file} has letters beyond A to Z while Windows uses UTF-8 for old programs, which was never tried: should Excel not find "
    "Python, turn that off (Region > Administrative > Change system locale > Beta: Use Unicode UTF-8).",
)
ADDIN_RIGHT = text("excel.addin.right", "Add-in: {file}")
ADDIN_MISSING = text("excel.addin.missing", "The add-in is not installed ({file}): kpi-udfs excel install")
ADDIN_FOREIGN = text(
    "excel.addin.foreign", "{file} is damaged or not an add-in of kpi_udfs: delete it, then kpi-udfs excel install."
)
ADDIN_VERSION = text(
    "excel.addin.version",
    "The add-in was made by kpi_udfs {made_by}, but Excel's Python has kpi_udfs {installed}: kpi-udfs excel install makes it "
    "anew.",
)
ADDIN_MARKED = text(
    "excel.addin.marked",
    "{file} is marked as coming from the Internet, so Excel blocks it: right-click the file > Properties > Unblock.",
)
BOOK_RIGHT = text("excel.workbook.right", "Nothing stands in the way of {file}.")
BOOK_MARKED = text(
    "excel.workbook.marked",
    "{file} is marked as coming from the Internet, so it opens in Protected View and its macros are blocked: right-click the "
    "file > Properties > Unblock.",
)
BOOK_MARKED_POLICY = text(
    "excel.workbook.marked_policy",
    "{file} is marked as coming from the Internet, and a policy blocks macros in such files: right-click the file > Properties "
    "> Unblock, or ask your IT for a trusted folder.",
)
BOOK_PASSING = text(
    "excel.workbook.passing",
    "{file} was opened from a mail or a browser and lies in a folder that Excel distrusts: save it elsewhere first.",
)
BOOK_ONEDRIVE = text(
    "excel.workbook.onedrive",
    "{file} lies in OneDrive or SharePoint, so Excel gives a web address for its folder, and rules files beside it are not "
    "found: keep them in your configuration folder (kpi-udfs config show) or on a local drive.",
)
BOOK_NETWORK = text(
    "excel.workbook.network",
    "{file} lies on another machine: should Excel block its macros, have your IT add the server to the trusted sites or the "
    "folder to the trusted locations.",
)
BOOK_VERSIONS = text(
    "excel.workbook.versions",
    "{file} was made for xlwings {made_for}, but Excel's Python has xlwings {installed}: make it anew with kpi-udfs excel build, "
    "or save it as .xlsx and use the add-in.",
)
BOOK_CONF = text(
    "excel.workbook.conf", "{file} lies beside the workbook and goes before {conf}: delete it unless you mean it to."
)


def configuration(machine: Machine, places: Places, found: Conf | None) -> Iterator[Finding]:
    """Whether VBA finds in the configuration what it needs."""
    wrong = []
    read_by_vba = [str(places.conf)]
    if found is None:
        wrong.append(CONF_MISSING(file=places.conf))
    else:
        named = found.value(INTERPRETER)
        if not named:
            wrong.append(CONF_NAMES_NONE(file=places.conf, name=INTERPRETER))
        else:
            read_by_vba.append(named)
        wrong += [CONF_ODD(file=places.conf, line=line) for line in found.odd_lines]
        if (found.value("DEBUG UDFS") or "").lower() == "true":
            wrong.append(CONF_DEBUG(file=places.conf))
    wrong += [
        LETTERS(file=path, code_page=machine.code_page)
        for path in read_by_vba
        if not conf_file.fits(path, machine.code_page)
    ]
    doubtful = [path for path in read_by_vba if conf_file.untried(path, machine.code_page)]
    yield from (Finding("conf", "problem", said) for said in wrong)
    yield from (Finding("conf", "warning", LETTERS_UTF8(file=path)) for path in doubtful)
    if not wrong and not doubtful:
        yield Finding("conf", "ok", CONF_RIGHT(file=places.conf))


def addin(machine: Machine, places: Places, found: Embedded | None, installed: str | None) -> Iterator[Finding]:
    """Whether the add-in is there, is ours, and was made by the kpi_udfs that is ``installed``."""
    file = places.addin
    if not machine.is_file(file):
        yield Finding("addin", "problem", ADDIN_MISSING(file=file))
    elif found is None:
        yield Finding("addin", "problem", ADDIN_FOREIGN(file=file))
    else:
        wrong = []
        if installed and found.kpi_udfs != installed:
            wrong.append(ADDIN_VERSION(made_by=found.kpi_udfs or "?", installed=installed))
        if marked(machine, file):
            wrong.append(ADDIN_MARKED(file=file))
        yield from (Finding("addin", "problem", said) for said in wrong)
        if not wrong:
            yield Finding("addin", "ok", ADDIN_RIGHT(file=file))


def workbook(
    machine: Machine, version: str, places: Places, file: PureWindowsPath, found: Embedded | None, xlwings: str | None
) -> Iterator[Finding]:
    """What keeps the functions from working in one workbook, which may carry them itself (``found``)."""
    problems, warnings = [], []
    if marked(machine, file):
        blocked = trust(machine, version).blocks_marked
        problems.append((BOOK_MARKED_POLICY if blocked else BOOK_MARKED)(file=file))
    if passing(file):
        problems.append(BOOK_PASSING(file=file))
    if found and xlwings and found.xlwings != xlwings:
        problems.append(BOOK_VERSIONS(file=file, made_for=found.xlwings, installed=xlwings))
    if in_onedrive(file, machine):
        warnings.append(BOOK_ONEDRIVE(file=file))
    if machine.on_network(file):
        warnings.append(BOOK_NETWORK(file=file))
    if found and machine.is_file(beside := file.with_name(f"{PROJECT}.conf")):
        warnings.append(BOOK_CONF(file=beside, conf=places.conf))
    yield from (Finding("workbook", "problem", said) for said in problems)
    yield from (Finding("workbook", "warning", said) for said in warnings)
    if not problems and not warnings:
        yield Finding("workbook", "ok", BOOK_RIGHT(file=file))


def marked(machine: Machine, file: PureWindowsPath) -> bool:
    """Whether Windows has noted that a file comes from the Internet, or from a place that is not trusted."""
    mark = machine.read(PureWindowsPath(f"{file}:Zone.Identifier")) or b""
    return any(f"ZoneId={zone}".encode() in mark.replace(b" ", b"") for zone in (3, 4))
