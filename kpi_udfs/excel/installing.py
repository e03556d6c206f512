"""Putting the add-in and its configuration in place, and taking them away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PureWindowsPath

from kpi_udfs.excel import conf
from kpi_udfs.excel.embedded import embedded
from kpi_udfs.excel.file_checks import LETTERS
from kpi_udfs.excel.findings import CantInstall
from kpi_udfs.excel.machine import Machine
from kpi_udfs.excel.places import ADDIN, Places, from_store, places
from kpi_udfs.excel.python_checks import STORE
from kpi_udfs.messages import Sentence, text

#: The functions for xlwings' own "Import functions".
MODULE = "kpi_udfs.hosts.xlwings_udfs"

PUT = text("excel.install.put", "written: {file}")
THERE = text("excel.install.there", "there already, as it should be: {file}")
REMOVED = text("excel.install.removed", "removed: {file}")
SETTINGS_REMOVED = text("excel.install.settings_removed", "our settings removed, the others left: {file}")
NOT_THERE = text("excel.install.not_there", "was not there: {file}")
LEFT = text("excel.install.left", "left, because something else lies in it: {folder}")
NOT_OURS = text("excel.install.not_ours", "left, because it is no add-in of kpi_udfs: {file}")
HELD = text(
    "excel.install.held", "{file} can't be changed while Excel has it open: close all windows of Excel, then once more."
)
CANT_WRITE = text("excel.install.cant_write", "{file} can't be changed: {reason}")


def install(machine: Machine, addin: bytes) -> Iterator[Sentence]:
    """Put ``addin`` in place and name this Python in the configuration; what is there as it should be stays.

    Raises CantInstall before anything is changed where the result could not work.
    """
    lie = places(machine)
    settings = {conf.INTERPRETER: str(_interpreter(machine)), conf.MODULES: MODULE}
    content = conf.written(machine.read(lie.conf) or b"", settings, machine.code_page)
    yield _put(machine, lie.addin, addin)  # first, as Excel may have it open
    yield _put(machine, lie.conf, content)


def uninstall(machine: Machine) -> Iterator[Sentence]:
    """Take away what :func:`install` has put there, and say what stays."""
    lie = places(machine)
    content = machine.read(lie.addin)
    if content is None:
        yield NOT_THERE(file=lie.addin)
    elif embedded(content) is None:
        yield NOT_OURS(file=lie.addin)
    else:
        _changing(machine.remove, lie.addin)
        yield REMOVED(file=lie.addin)
    yield from _without_settings(machine, lie)


def _interpreter(machine: Machine) -> PureWindowsPath:
    """This Python, by a path that VBA can read.

    It is ``python.exe``, as xlwings itself writes it: no window shows, and with xlwings' setting SHOW CONSOLE one does.
    """
    python = machine.python
    for place in (python.executable, python.base):
        if from_store(place):
            raise CantInstall(STORE(interpreter=place))
    console = python.executable.with_name("python.exe")
    chosen = console if machine.is_file(console) else python.executable
    for path in (chosen, machine.short_path(chosen)):
        if path and conf.fits(str(path), machine.code_page) and not conf.untried(str(path), machine.code_page):
            return path
    if not conf.fits(str(chosen), machine.code_page):
        raise CantInstall(LETTERS(file=chosen, code_page=machine.code_page))
    return chosen


def _put(machine: Machine, file: PureWindowsPath, content: bytes) -> Sentence:
    if machine.read(file) == content:
        return THERE(file=file)
    _changing(lambda place: machine.write(place, content), file)
    return PUT(file=file)


def _changing(change: Callable[[PureWindowsPath], None], file: PureWindowsPath) -> None:
    """Change something, or say in a line why it can't be."""
    try:
        change(file)
    except OSError as error:
        # Of what another program has open Windows says now that it is shared, now that access is denied.
        held = isinstance(error, PermissionError) and file.suffix == PureWindowsPath(ADDIN).suffix
        raise CantInstall(HELD(file=file) if held else CANT_WRITE(file=file, reason=error.strerror or error)) from error


def _without_settings(machine: Machine, lie: Places) -> Iterator[Sentence]:
    content = machine.read(lie.conf)
    if content is None:
        yield NOT_THERE(file=lie.conf)
        return
    rest = conf.written(content, {}, machine.code_page)
    if rest:
        if rest != content:
            _changing(lambda place: machine.write(place, rest), lie.conf)
        yield SETTINGS_REMOVED(file=lie.conf)
        return
    _changing(machine.remove, lie.conf)
    yield REMOVED(file=lie.conf)
    if machine.names_in(lie.conf.parent):
        yield LEFT(folder=lie.conf.parent)
    else:
        _changing(machine.remove_folder, lie.conf.parent)
