"""Machines with LibreOffice that are made up, one of each system: files and programs in dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from kpi_udfs.excel.machine import Ran
from kpi_udfs.libreoffice.machine import System
from kpi_udfs.publish.libreoffice import IDENTIFIER

VERSION = version("kpi_udfs")
EXTENSION = b"an extension"
OPENED = b"[Lockdata]\nUser=ada\nIPCServer=true\n"
TABLE = (
    f'"kpi_udfs {VERSION}, configuration 12345678",lead,deal,won,,\n,2026-01-05,2026-01-12,2026-02-02,,\n,,,,,\n,,,,,\n'
)
COUNTED = (
    "Stage,Count,Step rate,Cumulative rate,Drop-off,Median days\nlead,3,,1,,\ndeal,2,0.6,0.6,1,10\nwon,1,0.5,0.3,1,21\n"
)


@dataclass(frozen=True)
class Lies:
    """Where things lie on a system."""

    path: Callable[[str], PurePath]
    home: str
    soffice: str
    unopkg: str
    settings: str
    loader: str
    profile: str
    python: str
    interpreter: str
    variables: dict[str, str] = field(default_factory=dict)


LIE: dict[System, Lies] = {
    "linux": Lies(
        PurePosixPath,
        "/home/ada",
        "/usr/lib/libreoffice/program/soffice",
        "/usr/lib/libreoffice/program/unopkg",
        "/usr/lib/libreoffice/program/bootstraprc",
        "/usr/lib/libreoffice/program/pythonloader.py",
        "/home/ada/.config/libreoffice/4",
        "/usr/lib/libreoffice/program/libpyuno.so",
        "/usr/bin/python3.11",
    ),
    "macos": Lies(
        PurePosixPath,
        "/Users/ada",
        "/Applications/LibreOffice.app/Contents/MacOS/soffice",
        "/Applications/LibreOffice.app/Contents/MacOS/unopkg",
        "/Applications/LibreOffice.app/Contents/Resources/bootstraprc",
        "/Applications/LibreOffice.app/Contents/Resources/pythonloader.py",
        "/Users/ada/Library/Application Support/LibreOffice/4",
        "/Applications/LibreOffice.app/Contents/Frameworks/LibreOfficePython.framework/Versions/3.11/Python",
        "/Applications/LibreOffice.app/Contents/Resources/python",
    ),
    "windows": Lies(
        PureWindowsPath,
        r"C:\Users\Ada",
        r"C:\Program Files\LibreOffice\program\soffice.com",
        r"C:\Program Files\LibreOffice\program\unopkg.com",
        r"C:\Program Files\LibreOffice\program\bootstrap.ini",
        r"C:\Program Files\LibreOffice\program\pythonloader.py",
        r"C:\Users\Ada\AppData\Roaming\LibreOffice\4",
        r"C:\Program Files\LibreOffice\program\python-core-3.11.14\lib\os.py",
        r"C:\Program Files\LibreOffice\program\python.exe",
        {"APPDATA": r"C:\Users\Ada\AppData\Roaming", "PROGRAMFILES": r"C:\Program Files"},
    ),
}


@dataclass
class MadeUp:
    """The machine: a healthy one until a test changes it. Its unopkg, pip and soffice do what the real ones do."""

    system: System
    files: dict[PurePath, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    links: dict[PurePath, PurePath] = field(default_factory=dict)
    path: dict[str, PurePath] = field(default_factory=dict)
    is_root: bool = False
    #: Where the user may not write.
    closed: set[PurePath] = field(default_factory=set)
    #: What cannot be removed or replaced, and why.
    held: dict[PurePath, OSError] = field(default_factory=dict)
    #: The version in place, and whether it is turned on.
    extension: str | None = VERSION
    enabled: bool = True
    pandas: str | None = "2.3.3"
    #: What runs, as the system lists it.
    running: str = "Ss   -bash\nZ    [soffice.bin] <defunct>\n"
    #: What soffice makes of the sheet.
    cells: str | None = TABLE + COUNTED
    #: How a program ends instead of as it does usually; by its name or a word among its arguments.
    programs: dict[str, Ran] = field(default_factory=dict)
    ran: list[tuple[list[str], Mapping[str, str]]] = field(default_factory=list)

    @property
    def lies(self) -> Lies:
        return LIE[self.system]

    @property
    def home(self) -> PurePath:
        return self.lies.path(self.lies.home)

    @property
    def python(self) -> PurePath:
        return self.home / "kpi" / "python"

    @property
    def profile(self) -> PurePath:
        return self.lies.path(self.lies.profile)

    def at(self, place: str) -> PurePath:
        return self.lies.path(place)

    def is_file(self, path: PurePath) -> bool:
        return path in self.files

    def names_in(self, folder: PurePath) -> list[str]:
        return sorted({path.relative_to(folder).parts[0] for path in self.files if folder in path.parents})

    def read(self, path: PurePath) -> bytes | None:
        return self.files.get(path)

    def resolved(self, path: PurePath) -> PurePath:
        return self.links.get(path, path)

    def on_path(self, program: str) -> PurePath | None:
        return self.path.get(program)

    def registered(self, key: str) -> str:
        assert self.system == "windows"
        return self.registry.get(key, "")

    @contextmanager
    def temporary_folder(self) -> Iterator[PurePath]:
        folder = self.home / "temporary"
        try:
            yield folder
        finally:
            self.remove_folder(folder)

    def may_write(self, folder: PurePath) -> bool:
        return folder not in self.closed

    def write(self, path: PurePath, content: bytes) -> None:
        self.files[path] = content

    def remove_folder(self, path: PurePath) -> None:
        self._unless_held(path)
        for file in [file for file in self.files if path in file.parents]:
            del self.files[file]

    def replace_folder(self, path: PurePath, by: PurePath) -> None:
        self.remove_folder(path)
        for file in [file for file in self.files if by in file.parents]:
            self.files[path / file.relative_to(by)] = self.files.pop(file)

    def run(self, command: list[str], seconds: float, variables: Mapping[str, str]) -> Ran:
        self.ran.append((command, variables))
        name = self.at(command[0]).name.removesuffix(".com").removesuffix(".exe")
        for word in (name, *command[1:]):
            if word in self.programs:
                return self.programs[word]
        if name in ("ps", "tasklist"):
            return Ran(0, self.running)
        if name == "unopkg":
            assert self.files.get(self.profile / ".lock") in (None, OPENED), "unopkg would not start"
            return self._unopkg(*[word for word in command[1:] if not word.startswith("-")])
        if name == "soffice":
            if self.cells is not None:
                folder = self.at(command[command.index("--outdir") + 1])
                self.write(folder / "proof.csv", self.cells.encode())
            return Ran(0, "convert proof.fods", 2.0)
        if "pip" in command:
            self.write(self.at(command[command.index("--target") + 1]) / "pandas" / "__init__.py", b"new")
            self.pandas = "3.0.0"
            return Ran(0)
        if command[1:3] == ["-B", "-c"]:
            return Ran(0, f"pandas {self.pandas}\n") if self.pandas else Ran(1, "ModuleNotFoundError: pandas")
        raise AssertionError(command)

    def _unopkg(self, command: str, *words: str) -> Ran:
        if command == "add":
            assert self.files[self.at(words[0])] == EXTENSION
            self.extension, self.enabled = VERSION, True
        elif command == "remove":
            assert words == (IDENTIFIER,)
            self.extension = None
        else:
            listed = "Identifier: org.other\n  Version: 9.9\n  is registered: yes\n\n"
            if self.extension:
                on = "yes" if self.enabled else "no"
                listed += f"Identifier: {IDENTIFIER}\n  Version: {self.extension}\n  URL: x\n  is registered: {on}\n"
                listed += "  bundled Packages: {\n      is registered: yes\n  }\n"
            return Ran(0, f"All deployed user extensions:\n\n{listed}")
        return Ran(0, "Warning: failed to launch javaldx - java may not function correctly\n")

    def _unless_held(self, path: PurePath) -> None:
        if path in self.held:
            raise self.held[path]


def healthy(system: System, *changes: Callable[[MadeUp], object]) -> MadeUp:
    """A machine on which everything is in place, then changed."""
    lies = LIE[system]
    machine = MadeUp(system, variables={"PATH": "x", "PYTHONPATH": "y", "VIRTUAL_ENV": "z", **lies.variables})
    usual = "LibreOffice/4" if system != "linux" else "libreoffice/4"
    ends = "\r\n" if system == "windows" else "\n"
    settings = ["[Bootstrap]", "ProductKey=LibreOffice 25.8", f"UserInstallation=$SYSUSERCONFIG/{usual}", ""]
    for place in (lies.soffice, lies.unopkg, lies.loader, lies.python, lies.interpreter):
        machine.files[machine.at(place)] = b"\x7fELF libpython3.11.so.1.0\0" if "libpyuno" in place else b""
    machine.files[machine.at(lies.settings)] = ends.join(settings).encode()
    for change in changes:
        change(machine)
    return machine
