"""The machine that we run on, if it is a Windows machine."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PureWindowsPath

from kpi_udfs.excel import computer
from kpi_udfs.excel.machine import Machine, Ran, ThisPython, Value

if sys.platform == "win32":
    import ctypes
    import winreg

    _HIVES = {
        "HKCU": winreg.HKEY_CURRENT_USER,
        "HKLM": winreg.HKEY_LOCAL_MACHINE,
        "HKCR": winreg.HKEY_CLASSES_ROOT,
    }
    _REMOTE = 4  # DRIVE_REMOTE

    class Windows:
        """This machine."""

        @cached_property
        def python(self) -> ThisPython:
            """The Python that runs us."""
            return ThisPython(
                executable=PureWindowsPath(sys.executable),
                base=PureWindowsPath(sys.base_prefix),
                kpi_udfs=importlib.metadata.version("kpi_udfs"),
                xlwings=importlib.metadata.version("xlwings"),
            )

        @property
        def variables(self) -> Mapping[str, str]:
            """The environment; Python gives the names in capitals."""
            return os.environ

        @property
        def code_page(self) -> int:
            """What Windows calls ANSI."""
            return int(ctypes.windll.kernel32.GetACP())

        def is_file(self, path: PureWindowsPath) -> bool:
            """Whether there is such a file."""
            return computer.is_file(path)

        def names_in(self, folder: PureWindowsPath) -> list[str]:
            """What lies in a folder."""
            return computer.names_in(folder)

        def read(self, path: PureWindowsPath, most: int | None = None) -> bytes | None:
            """A file's content, or its beginning."""
            try:
                with open(path, "rb") as file:  # noqa: PTH123 (a stream's name is no path)
                    return file.read(-1 if most is None else most)
            except (OSError, ValueError):
                return None

        def write(self, path: PureWindowsPath, content: bytes) -> None:
            """A file, written in the folder above and moved: Excel opens whatever lies in its startup folder."""
            file = Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.parent.parent / f".kpi_udfs.{os.getpid()}.part"
            try:
                beside.write_bytes(content)
                beside.replace(file)
            finally:
                beside.unlink(missing_ok=True)

        def remove(self, path: PureWindowsPath) -> None:
            """Remove a file."""
            Path(path).unlink()

        def remove_folder(self, path: PureWindowsPath) -> None:
            """Remove an empty folder."""
            Path(path).rmdir()

        def short_path(self, path: PureWindowsPath) -> PureWindowsPath | None:
            """The 8.3 names of a path."""
            found = ctypes.create_unicode_buffer(1024)
            length = ctypes.windll.kernel32.GetShortPathNameW(str(path), found, len(found))
            return PureWindowsPath(found.value) if 0 < length < len(found) else None

        def on_network(self, path: PureWindowsPath) -> bool:
            """A drive's kind; a path that begins with a machine's name is on the network in any case."""
            if path.drive.startswith("\\\\"):
                return True
            return bool(path.drive) and ctypes.windll.kernel32.GetDriveTypeW(f"{path.drive}\\") == _REMOTE

        def values(self, key: str) -> Mapping[str, Value]:
            """A key's values, of programs of 64 bits first."""
            hive, _, place = key.partition("\\")
            found: dict[str, Value] = {}
            for view in (winreg.KEY_WOW64_32KEY, winreg.KEY_WOW64_64KEY):
                try:
                    with winreg.OpenKey(_HIVES[hive], place, 0, winreg.KEY_READ | view) as opened:
                        for number in range(winreg.QueryInfoKey(opened)[1]):
                            name, said, _ = winreg.EnumValue(opened, number)
                            found[name.lower()] = said
                except OSError:
                    continue
            return found

        def run(self, command: str | list[str], seconds: float, variables: Mapping[str, str] | None = None) -> Ran:
            """Run a program, and end it with what it has started itself when its time is up."""
            no_window = subprocess.CREATE_NO_WINDOW
            return computer.run(command, seconds, variables, _end, "oem", creationflags=no_window)

    def _end(process: subprocess.Popen[bytes]) -> None:
        """End a program and what it has started: an environment's python.exe starts another."""
        tree = ["taskkill", "/PID", str(process.pid), "/T", "/F"]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(tree, capture_output=True, check=False, timeout=computer.READING)
        process.kill()

    def this_machine() -> Machine | None:
        """This machine."""
        return Windows()

else:

    def this_machine() -> Machine | None:
        """None: here is no Windows."""
        return None
