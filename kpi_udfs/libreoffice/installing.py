"""Putting the extension into the user's LibreOffice, and taking it out again."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from kpi_udfs.excel.findings import CantInstall
from kpi_udfs.libreoffice import pandas_folder, starting
from kpi_udfs.libreoffice.bundle import FILE
from kpi_udfs.libreoffice.machine import Machine, Ran
from kpi_udfs.libreoffice.office_checks import broken
from kpi_udfs.libreoffice.places import Office
from kpi_udfs.messages import Sentence, text
from kpi_udfs.publish.libreoffice import IDENTIFIER

PUT = text("libreoffice.install.put", "installed in LibreOffice {office}: kpi_udfs {version}")
FETCHING = text(
    "libreoffice.install.fetching", "Fetching pandas for LibreOffice's Python {python}; that takes a minute or two."
)
PANDAS_PUT = text("libreoffice.install.pandas_put", "pandas for LibreOffice's Python {python}: {folder}")
NOT_LISTED = text(
    "libreoffice.install.not_listed", "LibreOffice took the extension but does not list it; {program} said: {said}"
)
REMOVED = text("libreoffice.install.removed", "removed from LibreOffice {office}")
NOT_THERE = text("libreoffice.install.not_there", "was not in LibreOffice {office}")
FOLDER_REMOVED = text("libreoffice.install.folder_removed", "removed: {folder}")
CANT_CHANGE = text("libreoffice.install.cant_change", "{folder} can't be changed: {reason}")


def install(machine: Machine, office: Office, extension: bytes, with_pandas: bool = False) -> Iterator[Sentence]:
    """Put ``extension`` into LibreOffice in the place of an earlier one, and pandas into the profile if wanted.

    Raises CantInstall, before anything is changed where the result could not work.
    """
    for problem in broken(machine, office):
        raise CantInstall(problem)
    _startable(machine, office)
    with machine.temporary_folder() as folder:
        machine.write(folder / FILE, extension)
        _run(machine, office, "add", "--force", "--suppress-license", str(folder / FILE))
    listed = _run(machine, office, "list")
    if starting.installed(listed) is None:
        raise CantInstall(NOT_LISTED(program=office.unopkg, said=starting.gist(listed.output)))
    yield PUT(office=office.version, version=version("kpi_udfs"))
    if with_pandas:
        there = pandas_folder.find_pandas(machine, office)
        if there and there.fits:
            yield pandas_folder.FOUND(version=there.version)
            return
        yield FETCHING(python=office.python)
        try:
            packages = pandas_folder.fetch(machine, office)
        except OSError as error:
            raise _cant_change(office, error) from error
        yield PANDAS_PUT(python=office.python, folder=packages)


def uninstall(machine: Machine, office: Office) -> Iterator[Sentence]:
    """Take away what :func:`install` has put there."""
    _startable(machine, office)
    if starting.installed(_run(machine, office, "list")) is None:
        yield NOT_THERE(office=office.version)
    else:
        _run(machine, office, "remove", IDENTIFIER)
        yield REMOVED(office=office.version)
    if machine.names_in(office.ours):
        try:
            machine.remove_folder(office.ours)
        except OSError as error:
            raise _cant_change(office, error) from error
        yield FOLDER_REMOVED(folder=office.ours)


def _startable(machine: Machine, office: Office) -> None:
    if hindered := starting.hindrance(machine, office):
        raise CantInstall(hindered)


def _run(machine: Machine, office: Office, *words: str) -> Ran:
    ran = starting.unopkg(machine, office, *words)
    if failed := starting.failure(ran, office.unopkg):
        raise CantInstall(failed)
    return ran


def _cant_change(office: Office, error: OSError) -> CantInstall:
    return CantInstall(CANT_CHANGE(folder=office.ours, reason=error.strerror or error))
