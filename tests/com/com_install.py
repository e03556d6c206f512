"""Installing, looking at it and uninstalling, as Windows programs in a real registry and real folders.

There is no Excel: its place in the registry names a file that begins as a program does.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from windows import Windows

from kpi_udfs.excel.embedded import Embedded, embedded

EXCEL = r"C:\Excel\EXCEL.EXE"
APP_PATHS = r"Software\Microsoft\Windows\CurrentVersion\App Paths\excel.exe"
POLICY = r"Software\Policies\Microsoft"
#: For what is not about Python: it is stopped before it has started.
QUICK = ("--seconds", "1")


class Machine:
    """The user's folders and registry in this Windows."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.drive = windows.prefix / "drive_c"
        # One call: what Windows says of its own folders.
        told = windows.run(
            "-c", "import os, json; print(json.dumps([os.environ[n] for n in ('APPDATA', 'USERPROFILE')]))"
        )
        self.roaming, self.home = map(self.here, json.loads(told.output))
        self.addin = self.roaming / "Microsoft" / "Excel" / "XLSTART" / "kpi_udfs.xlam"
        self.conf = self.home / ".kpi_udfs" / "kpi_udfs.conf"

    def here(self, path: str) -> Path:
        """A folder of drive C on this side."""
        return self.drive.joinpath(*path.removeprefix("C:\\").split("\\"))

    def reg(self, *arguments: str) -> None:
        """``reg.exe``, which the tests use so that the registry is not read by what has written it."""
        done = self.windows.run_program("reg", *arguments, "/f")
        assert done.code == 0, done.output

    def said(self, *arguments: str, **environment: str) -> tuple[int, list[str]]:
        if arguments[0] != "uninstall" and "--seconds" not in arguments:
            arguments = (*arguments, "--seconds", "120")  # a cold Wine on a busy machine is no Windows
        code, output = self.windows.kpi_udfs("excel", *arguments, environment=environment, seconds=240)
        return code, output.splitlines()

    def findings(self, *arguments: str, **environment: str) -> dict[str, list[tuple[str, str]]]:
        """What the doctor found: by check, state and line."""
        _, lines = self.said("doctor", "--json", *arguments, **environment)
        found: dict[str, list[tuple[str, str]]] = {}
        for one in json.loads("\n".join(lines))["findings"]:
            found.setdefault(one["check"], []).append((one["state"], one["says"]))
        return found


@pytest.fixture(scope="module")
def machine(windows: Windows) -> Iterator[Machine]:
    """A machine with an Excel, in the registry at least."""
    with windows.running():
        machine = Machine(windows)
        program = machine.here(EXCEL)
        program.parent.mkdir(exist_ok=True)
        program.write_bytes(b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664))
        machine.reg("add", f"HKLM\\{APP_PATHS}", "/ve", "/d", EXCEL)
        machine.reg("add", r"HKCR\Excel.Application\CurVer", "/ve", "/d", "Excel.Application.16")
        yield machine


@pytest.fixture(scope="module")
def installing(machine: Machine) -> tuple[int, list[str]]:
    """How the installation went."""
    machine.said("uninstall")  # what a run that was broken off has left
    return machine.said("install")


@pytest.fixture
def installed(machine: Machine, installing: tuple[int, list[str]]) -> Machine:
    """A machine with the add-in in place; what a test takes away is put back."""
    if not (machine.addin.is_file() and machine.conf.is_file()):
        machine.said("install", *QUICK)
    return machine


def test_installing(machine: Machine, installing: tuple[int, list[str]]) -> None:
    code, lines = installing
    assert code == 0, lines
    assert [line.partition(": ")[0] for line in lines[:2]] == ["written", "written"]
    assert not [line for line in lines if line.startswith("problem")], lines
    # How long it takes says something about Wine only.
    assert any(re.match(r"(all right|warning): Python .+ seconds", line) for line in lines)
    assert embedded(machine.addin.read_bytes()) == Embedded(version("xlwings"), version("kpi_udfs"))
    python = machine.windows.path(machine.windows.python / "python.exe")
    expected = f'"INTERPRETER_WIN","{python}"\r\n"UDF MODULES","kpi_udfs.hosts.xlwings_udfs"\r\n'
    assert machine.conf.read_bytes().decode("cp1252").lower() == expected.lower()
    assert [path.name for path in machine.addin.parent.iterdir()] == ["kpi_udfs.xlam"]


def test_installing_again_changes_nothing(installed: Machine) -> None:
    _, lines = installed.said("install", *QUICK)
    assert all(line.startswith("there already") for line in lines[:2]), lines


def test_uninstalling_leaves_what_was_there(installed: Machine) -> None:
    code, lines = installed.said("uninstall")
    assert (code, [line.partition(": ")[0] for line in lines]) == (0, ["removed", "removed"])
    # The functions' own log, which other tests may have begun, lies with the local data and stays.
    assert not [path for path in installed.home.rglob("*kpi_udfs*") if "Local" not in path.parts]
    code, lines = installed.said("uninstall")
    assert (code, [line.partition(": ")[0] for line in lines]) == (0, ["was not there", "was not there"])


def test_the_doctor_reads_the_registry(installed: Machine) -> None:
    installed.reg(
        "add", rf"HKCU\{POLICY}\Office\16.0\Excel\Security", "/v", "RequireAddinSig", "/t", "REG_DWORD", "/d", "1"
    )
    installed.reg("add", rf"HKCU\{POLICY}\Windows\System", "/v", "DisableCMD", "/t", "REG_DWORD", "/d", "2")
    disabled = (bytes(12) + f"{installed.addin}\0".encode("utf-16-le")).hex()
    resiliency = r"HKCU\Software\Microsoft\Office\16.0\Excel\Resiliency\DisabledItems"
    installed.reg("add", resiliency, "/v", "1A2B", "/t", "REG_BINARY", "/d", disabled)
    try:
        found = installed.findings(*QUICK)
        assert [state for state, _ in found["macros"]] == ["problem"]
        assert "RequireAddinSig" in found["macros"][0][1]
        assert "DisableCMD" in found["command"][0][1]
        assert "Disabled Items" in found["loading"][0][1]
    finally:
        installed.reg("delete", rf"HKCU\{POLICY}")
        installed.reg("delete", resiliency)
    found = installed.findings(*QUICK)
    assert [found[check][0][0] for check in ("macros", "loading")] == ["ok", "ok"]


def test_xlwings_updated_behind_the_add_in_s_back(installed: Machine) -> None:
    """After ``pip install -U xlwings``: another version's metadata and DLL, and the old ones gone."""
    site, library = installed.windows.site, installed.windows.xlwings_dll
    (metadata,) = site.glob("xlwings-*.dist-info")
    newer = metadata.with_name("xlwings-9.9.9.dist-info")
    old = (metadata / "METADATA").read_text(encoding="utf-8")
    metadata.rename(newer)
    (newer / "METADATA").write_text(re.sub(r"(?m)^Version: .*$", "Version: 9.9.9", old), encoding="utf-8")
    moved = library.rename(library.with_name("xlwings64-9.9.9.dll"))
    try:
        ((state, says),) = installed.findings()["dll"]
        assert state == "problem"
        assert "9.9.9" in says
        assert "kpi-udfs excel install" in says
    finally:
        moved.rename(library)
        newer.rename(metadata)
        (metadata / "METADATA").write_text(old, encoding="utf-8")


def test_the_dll_taken_away(installed: Machine) -> None:
    library = installed.windows.xlwings_dll
    moved = library.rename(library.with_name("quarantine.bin"))
    try:
        ((state, says),) = installed.findings()["dll"]
        assert (state, library.name in says) == ("problem", True)
    finally:
        moved.rename(library)


def test_a_python_that_cannot_load_the_server(installed: Machine) -> None:
    server = installed.windows.site / "xlwings" / "com_server.py"
    whole = server.read_bytes()
    server.write_bytes(b"raise ImportError('gone')\n")
    try:
        ((state, says),) = installed.findings()["starts"]
        assert state == "problem"
        assert "can't load xlwings (ImportError: gone)" in says
    finally:
        server.write_bytes(whole)


def test_a_python_that_hangs_is_stopped_in_time(installed: Machine) -> None:
    site = installed.windows.site / "kpi_udfs" / "hosts" / "excel.py"
    whole = site.read_bytes()
    site.write_bytes(b"import time\ntime.sleep(300)\n")
    try:
        ((state, says),) = installed.findings("--seconds", "3")["starts"]
        assert (state, "3 seconds" in says) == ("problem", True)
        assert not installed.windows.processes("time.perf_counter")  # the probe's own text
    finally:
        site.write_bytes(whole)


def test_an_add_in_that_is_open(installed: Machine) -> None:
    """Excel opens a workbook so that nobody else can write to it."""
    path = "C:" + str(installed.addin).removeprefix(str(installed.drive)).replace("/", "\\")
    holding = (
        "import sys, win32file as f, win32con as c\n"
        f"h = f.CreateFile({path!r}, c.GENERIC_READ, c.FILE_SHARE_READ, None, c.OPEN_EXISTING, 0, None)\n"
        "print('open', flush=True)\nsys.stdin.read()\n"
    )
    process = installed.windows.popen(installed.windows.python / "python.exe", "-c", holding)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "open"
        code, lines = installed.said("uninstall")
        assert (code, len(lines)) == (2, 1), lines
        assert "close all windows of Excel" in lines[0]
        assert installed.addin.is_file()
        assert installed.conf.is_file()
    finally:
        process.communicate()


def test_other_settings_stay(machine: Machine) -> None:
    machine.said("uninstall")
    machine.conf.parent.mkdir()
    others = b'"LICENSE_KEY","abc"\r\n'
    machine.conf.write_bytes(others)
    machine.said("install", *QUICK)
    assert machine.conf.read_bytes().endswith(others)
    machine.said("uninstall")
    assert machine.conf.read_bytes() == others
    machine.conf.unlink()
    machine.conf.parent.rmdir()


def test_a_user_whose_folder_has_umlauts(machine: Machine) -> None:
    home = machine.drive / "users" / "Jürgen"
    user = (
        "import os, sys\n"
        r"os.environ.update(USERPROFILE='C:\\users\\Jürgen', APPDATA='C:\\users\\Jürgen\\AppData\\Roaming')"
        "\nfrom kpi_udfs.cli import main\nsys.argv[1:1] = ['excel']\nmain()\n"
    )
    done = machine.windows.run("-c", user, "install", *QUICK)
    assert r"written: C:\users\Jürgen\.kpi_udfs\kpi_udfs.conf" in done.output
    assert (home / ".kpi_udfs" / "kpi_udfs.conf").is_file()
    assert (home / "AppData" / "Roaming" / "Microsoft" / "Excel" / "XLSTART" / "kpi_udfs.xlam").is_file()
    machine.windows.run("-c", user, "uninstall")
    assert not list(home.rglob("*kpi_udfs*"))
