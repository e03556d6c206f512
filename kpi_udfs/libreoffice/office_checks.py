"""Checks of LibreOffice itself: whether it is there, recent enough, and can run Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from kpi_udfs.excel.findings import Finding
from kpi_udfs.libreoffice.machine import Machine
from kpi_udfs.libreoffice.places import Office, number, sealed, soffice_name
from kpi_udfs.messages import Sentence, text
from kpi_udfs.publish.libreoffice import OLDEST

#: The oldest Python that the functions run on.
OLDEST_PYTHON = (3, 10)

FOUND = text("libreoffice.office.found", "LibreOffice {version}: {program}")
MISSING = text(
    "libreoffice.office.missing",
    "LibreOffice is not found: install it (libreoffice.org), or name its program folder with --libreoffice.",
)
NOT_IN = text("libreoffice.office.not_in", "There is no LibreOffice in {folder}: name the folder in which {name} lies.")
SEALED = text(
    "libreoffice.office.sealed",
    "LibreOffice is a {kind} here, which other programs can't reach into: run kpi-udfs libreoffice build, then add the file "
    "in LibreOffice, Tools > Extensions > Add.",
)
OLD = text("libreoffice.office.old", "LibreOffice {version} is too old: update it to {oldest} or later.")
NO_UNOPKG = text(
    "libreoffice.office.no_unopkg", "{program} is missing, which installs extensions: install LibreOffice again."
)
NO_BRIDGE = text(
    "libreoffice.python.no_bridge",
    "LibreOffice can't run Python here: install the package python3-uno (Debian, Ubuntu) or libreoffice-pyuno (Fedora).",
)
NO_BRIDGE_OWN = text(
    "libreoffice.python.no_bridge_own",
    "LibreOffice's own Python is missing: install LibreOffice again, with all its parts.",
)
PYTHON = text("libreoffice.python.found", "LibreOffice runs Python {python}.")
PYTHON_UNKNOWN = text("libreoffice.python.unknown", "LibreOffice runs Python; which one, its files don't say.")
PYTHON_OLD = text(
    "libreoffice.python.old", "LibreOffice's Python {python} is too old for the functions: update LibreOffice."
)


def missing(machine: Machine, folder: PurePath | None) -> Sentence:
    """Why there is no LibreOffice to work with."""
    if folder:
        return NOT_IN(folder=folder, name=soffice_name(machine))
    kind = sealed(machine)
    return SEALED(kind=kind) if kind else MISSING()


def broken(machine: Machine, office: Office) -> Iterator[Sentence]:
    """What keeps this LibreOffice from running the functions at all."""
    yield from (one.says for check in (program, python) for one in check(machine, office) if one.state == "problem")


def program(machine: Machine, office: Office) -> Iterator[Finding]:
    """Its version, and the program that installs extensions."""
    if office.version and number(office.version) < number(OLDEST):
        yield Finding("libreoffice", "problem", OLD(version=office.version, oldest=OLDEST))
    elif not machine.is_file(office.unopkg):
        yield Finding("libreoffice", "problem", NO_UNOPKG(program=office.unopkg))
    else:
        yield Finding("libreoffice", "ok", FOUND(version=office.version, program=office.soffice))


def python(machine: Machine, office: Office) -> Iterator[Finding]:
    """Its Python."""
    if not office.bridge:
        yield Finding("python", "problem", NO_BRIDGE() if machine.system == "linux" else NO_BRIDGE_OWN())
    elif not office.python:
        yield Finding("python", "warning", PYTHON_UNKNOWN())
    elif number(office.python) < OLDEST_PYTHON:
        yield Finding("python", "problem", PYTHON_OLD(python=office.python))
    else:
        yield Finding("python", "ok", PYTHON(python=office.python))
