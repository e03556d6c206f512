"""Installing and uninstalling, on machines that are made up."""

from __future__ import annotations

import copy
import importlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from made_up_office import EXTENSION, OPENED, VERSION, MadeUp, healthy

from kpi_udfs import settings
from kpi_udfs.cli import commands
from kpi_udfs.excel.findings import CantInstall
from kpi_udfs.excel.machine import Ran
from kpi_udfs.libreoffice.installing import install, uninstall
from kpi_udfs.libreoffice.machine import System
from kpi_udfs.libreoffice.places import find_office
from kpi_udfs.messages import say

SYSTEMS = get_args(System)
#: The module; its package has the group of commands by the same name.
cli = importlib.import_module("kpi_udfs.cli.libreoffice")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "en")
    settings.forget()
    yield
    settings.forget()


def before_installing(system: System = "linux", *changes: Callable[[MadeUp], object]) -> MadeUp:
    return healthy(system, lambda machine: vars(machine).update(extension=None, pandas=None), *changes)


def installed(machine: MadeUp, with_pandas: bool = False) -> list[str]:
    office = find_office(machine)
    assert office is not None
    return [said.text.key for said in install(machine, office, EXTENSION, with_pandas)]


def uninstalled(machine: MadeUp) -> list[str]:
    office = find_office(machine)
    assert office is not None
    return [said.text.key for said in uninstall(machine, office)]


def stopped(machine: MadeUp, with_pandas: bool = False) -> str:
    with pytest.raises(CantInstall) as why:
        installed(machine, with_pandas)
    said = say(why.value.says)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("system", SYSTEMS)
def test_installing_and_uninstalling_leaves_what_was_there(system: System) -> None:
    machine = before_installing(system)
    before = copy.deepcopy(machine.files)
    assert installed(machine) == ["libreoffice.install.put"]
    assert machine.extension == VERSION
    assert installed(machine) == ["libreoffice.install.put"]
    assert uninstalled(machine) == ["libreoffice.install.removed"]
    assert uninstalled(machine) == ["libreoffice.install.not_there"]
    assert machine.files == before


@pytest.mark.parametrize("system", SYSTEMS)
def test_pandas_goes_into_the_profile_and_away_again(system: System) -> None:
    machine = before_installing(system)
    before = copy.deepcopy(machine.files)
    put = ["libreoffice.install.put", "libreoffice.install.fetching", "libreoffice.install.pandas_put"]
    assert installed(machine, with_pandas=True) == put
    folder = machine.profile / "user" / "kpi_udfs" / "python3.11"
    assert machine.names_in(folder.parent) == ["python3.11"]
    assert machine.names_in(folder) == ["pandas"]
    [(pip, variables)] = [ran for ran in machine.ran if "pip" in ran[0]]
    assert pip[0] == str(machine.python)
    assert pip[pip.index("--python-version") + 1] == "3.11"
    assert variables == {**machine.variables, "PIP_USER": "0"}  # a proxy, an index of the company's
    assert installed(machine, with_pandas=True) == ["libreoffice.install.put", "libreoffice.pandas.found"]
    assert uninstalled(machine) == ["libreoffice.install.removed", "libreoffice.install.folder_removed"]
    assert machine.files == before


def test_an_older_pandas_is_replaced() -> None:
    machine = before_installing("linux", lambda machine: setattr(machine, "pandas", "1.5.3"))
    old = machine.profile / "user" / "kpi_udfs" / "python3.11" / "numpy" / "old.py"
    machine.files[old] = b""
    installed(machine, with_pandas=True)
    assert old not in machine.files


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (
            Ran(1, "/home/ada/kpi/python: No module named pip"),
            'has no pip, which fetches pandas: "/home/ada/kpi/python" -m',
        ),
        (
            Ran(1, "WARNING: retrying\nERROR: No matching distribution found for pandas>=2.2\n"),
            "package index? pip said: No matching distribution found for pandas>=2.2",
        ),
        (Ran(None, seconds=900.0), "within 15 minutes"),
        (Ran(None, refused="Permission denied"), "Permission denied"),
    ],
)
def test_pandas_that_cannot_be_fetched_leaves_the_old_one(ran: Ran, said: str) -> None:
    def change(machine: MadeUp) -> None:
        machine.programs["pip"] = ran
        machine.files[machine.profile / "user/kpi_udfs/python3.11/pandas/__init__.py"] = b"old"
        machine.files[machine.profile / "user/kpi_udfs/python3.11.part/pandas/half.py"] = b"half"

    machine = before_installing("linux", change)
    assert said in stopped(machine, with_pandas=True)
    assert machine.extension == VERSION
    assert machine.names_in(machine.profile / "user/kpi_udfs") == ["python3.11"]
    assert machine.files[machine.profile / "user/kpi_udfs/python3.11/pandas/__init__.py"] == b"old"


def lock(machine: MadeUp) -> None:
    machine.files[machine.profile / ".lock"] = OPENED
    machine.running += "Sl   soffice.bin\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda machine: setattr(machine, "is_root", True), "without sudo"),
        (lock, "LibreOffice is open: close all its windows"),
        (lambda machine: machine.closed.add(machine.profile), "You may not write"),
        (lambda machine: machine.files.pop(machine.at(machine.lies.loader)), "python3-uno"),
        (lambda machine: machine.files.pop(machine.at(machine.lies.unopkg)), "unopkg is missing"),
        (
            lambda machine: machine.programs.update(add=Ran(1, "ERROR: Exception occurred: Bad Zip File")),
            "said: Bad Zip File",
        ),
        (lambda machine: machine.programs.update(add=Ran(0)), "does not list it"),
    ],
)
def test_what_keeps_it_from_being_installed(change: Callable[[MadeUp], object], said: str) -> None:
    machine = before_installing("linux", change)
    before = copy.deepcopy(machine.files)
    assert said in stopped(machine)
    assert (machine.files, machine.extension) == (before, None)


def test_a_folder_that_cannot_be_removed_is_said() -> None:
    machine = healthy("windows")
    ours = machine.profile / "user" / "kpi_udfs"
    machine.files[ours / "python3.11" / "numpy.pyd"] = b""
    machine.held[ours] = PermissionError(13, "Access is denied")
    with pytest.raises(CantInstall) as why:
        uninstalled(machine)
    assert say(why.value.says) == f"{ours} can't be changed: Access is denied"


def run(monkeypatch: pytest.MonkeyPatch, machine: MadeUp, *words: str) -> Any:
    monkeypatch.setattr(cli, "this_machine", lambda: machine)
    monkeypatch.setattr(cli, "extension", lambda: EXTENSION)
    return CliRunner().invoke(commands, ["libreoffice", *words])


def test_the_command_installs_and_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, before_installing("windows"), "install", "--with-pandas")
    lines = done.output.splitlines()
    assert done.exit_code == 0
    assert lines[0] == f"installed in LibreOffice 25.8: kpi_udfs {VERSION}"
    assert "0 problems, 0 warnings." in lines
    assert lines[-1] == "Next: start LibreOffice Calc and type =KPI_VERSION() into a cell."


def test_problems_after_installing_end_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = before_installing("linux", lambda machine: setattr(machine, "cells", "#NAME?\n"))
    done = run(monkeypatch, machine, "install")
    assert done.exit_code == 1
    assert done.output.rstrip().endswith("kpi-udfs libreoffice doctor")


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_what_cannot_be_done_ends_with_2_and_a_line(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    done = run(monkeypatch, healthy("linux", lock), command)
    assert (done.exit_code, done.output) == (
        2,
        "kpi-udfs: LibreOffice is open: close all its windows, then once more.\n",
    )
    nowhere = healthy("linux", lambda machine: machine.files.clear())
    done = run(monkeypatch, nowhere, command)
    assert (done.exit_code, done.output.startswith("kpi-udfs: LibreOffice is not found: ")) == (2, True)


def test_building_writes_the_extension(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["libreoffice", "build", "-o", str(tmp_path / "x.oxt")])
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == f"written: {tmp_path / 'x.oxt'}"
    with zipfile.ZipFile(tmp_path / "x.oxt") as archive:
        assert "description.xml" in archive.namelist()
    done = CliRunner().invoke(commands, ["libreoffice", "build", "-o", str(tmp_path / "none" / "x.oxt")])
    assert done.exit_code == 2
