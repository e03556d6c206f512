"""A Windows machine that is made up: files, registry and programs in dictionaries."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath as P
from typing import Any

from kpi_udfs.excel.machine import Ran, ThisPython, Value
from kpi_udfs.workbooks.vba_project import module_of, vba_project

HOME = P(r"C:\Users\Ada")
PYTHON = P(r"C:\Users\Ada\kpi\Scripts\python.exe")
ADDIN = HOME / r"AppData\Roaming\Microsoft\Excel\XLSTART\kpi_udfs.xlam"
CONF = HOME / r".kpi_udfs\kpi_udfs.conf"
EXCEL = P(r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE")
OFFICE = r"HKCU\Software\Microsoft\Office\16.0"
POLICY = r"HKCU\Software\Policies\Microsoft\Office\16.0"
DLL64 = HOME / r"kpi\xlwings64-0.37.8.dll"
DLL32 = HOME / r"kpi\xlwings32-0.37.8.dll"
MARK = b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://example.com/kpi.xlsm\r\n"

HERE = ThisPython(PYTHON, P(r"C:\Program Files\Python313"), "0.1.0", "0.37.8")


def program(machine: int = 0x8664) -> bytes:
    """The beginning of a program for this processor."""
    return b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little") + b"PE\0\0" + machine.to_bytes(2, "little")


def carrying(xlwings: str = "0.37.8", kpi_udfs: str | None = "0.1.0", name: str = "kpi_udfs") -> bytes:
    """A workbook with VBA written for these versions."""
    lines = [f'Attribute VB_Name = "{name}"']
    if kpi_udfs:
        lines.append(f'Private Const KPI_UDFS_VERSION As String = "{kpi_udfs}"')
    modules = [
        "\n".join(lines) + "\n",
        f'Attribute VB_Name = "x"\nPublic Const XLWINGS_VERSION As String = "{xlwings}"\n',
    ]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/vbaProject.bin", vba_project("Made", [module_of(text) for text in modules]))
    return file.getvalue()


FACTS: dict[str, Any] = {
    "python": "3.13.1",
    "bits": 64,
    "platform": "win-amd64",
    "prefix": r"C:\Users\Ada\kpi",
    "base": r"C:\Program Files\Python313",
    "failed": {},
    "later": 0.4,
    "kpi_udfs": "0.1.0",
    "xlwings": "0.37.8",
    "pywin32": "311",
}


def answering(seconds: float = 1.2, **changed: Any) -> Ran:
    """How an interpreter answers when it is asked what it is."""
    return Ran(0, f"\nkpi_udfs:{json.dumps({**FACTS, **changed})}\n", seconds)


@dataclass
class MadeUp:
    """The machine; a healthy one, with the add-in in place, until a test changes it."""

    files: dict[P, bytes] = field(default_factory=dict)
    registry: dict[str, dict[str, Value]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    python: ThisPython = HERE
    code_page: int = 1252
    network: tuple[str, ...] = ()
    short: dict[P, P] = field(default_factory=dict)
    #: What refuses to be changed, and why.
    locked: dict[P, OSError] = field(default_factory=dict)
    programs: dict[str, Ran] = field(default_factory=dict)
    ran: list[tuple[str | list[str], Mapping[str, str] | None]] = field(default_factory=list)
    folders: set[P] = field(default_factory=set)

    def is_file(self, path: P) -> bool:
        return path in self.files

    def names_in(self, folder: P) -> list[str]:
        return sorted({path.relative_to(folder).parts[0] for path in self.files if folder in path.parents})

    def read(self, path: P, most: int | None = None) -> bytes | None:
        content = self.files.get(path)
        return content if content is None or most is None else content[:most]

    def write(self, path: P, content: bytes) -> None:
        self._unless_locked(path)
        self.files[path] = content
        self.folders |= set(path.parents)

    def remove(self, path: P) -> None:
        self._unless_locked(path)
        del self.files[path]

    def remove_folder(self, path: P) -> None:
        assert not self.names_in(path)
        self.folders.remove(path)

    def short_path(self, path: P) -> P | None:
        return self.short.get(path)

    def on_network(self, path: P) -> bool:
        return str(path).startswith(("\\\\", *self.network))

    def values(self, key: str) -> Mapping[str, Value]:
        found = next((values for name, values in self.registry.items() if name.lower() == key.lower()), {})
        return {name.lower(): value for name, value in found.items()}

    def run(self, command: str | list[str], seconds: float, variables: Mapping[str, str] | None = None) -> Ran:
        self.ran.append((command, variables))
        name = command if isinstance(command, str) else command[0]
        return self.programs.get(name, Ran(None, refused="The system cannot find the file specified"))

    def _unless_locked(self, path: P) -> None:
        if path in self.locked:
            raise self.locked[path]


def healthy(*changes: Callable[[MadeUp], object]) -> MadeUp:
    """A machine on which everything is in place, then changed."""
    machine = MadeUp(
        files={
            PYTHON: program(),
            EXCEL: program(),
            DLL64: program(),
            DLL32: program(0x014C),
            ADDIN: carrying(),
            CONF: f'"INTERPRETER_WIN","{PYTHON}"\r\n"UDF MODULES","kpi_udfs.hosts.xlwings_udfs"\r\n'.encode(),
            P(r"C:\Windows\system32\cmd.exe"): program(),
        },
        registry={
            r"HKLM\Software\Microsoft\Windows\CurrentVersion\App Paths\excel.exe": {"": str(EXCEL)},
            r"HKCR\Excel.Application\CurVer": {"": "Excel.Application.16"},
        },
        variables={
            "USERPROFILE": str(HOME),
            "APPDATA": str(HOME / r"AppData\Roaming"),
            "SYSTEMROOT": r"C:\Windows",
            "COMSPEC": r"%SystemRoot%\system32\cmd.exe",
            "PATH": r"C:\Users\Ada\kpi\Scripts;C:\Windows\system32",
            "PROCESSOR_ARCHITECTURE": "AMD64",
        },
        programs={str(PYTHON): answering(), "cmd.exe /K exit": Ran(0, seconds=0.1)},
        folders={CONF.parent, ADDIN.parent},
    )
    for change in changes:
        change(machine)
    return machine
