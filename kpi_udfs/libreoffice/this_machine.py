"""The machine that we run on, as the checks of LibreOffice ask it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from kpi_udfs.excel import computer, windows
from kpi_udfs.libreoffice.machine import Machine, Ran, System


class ThisMachine:
    """This machine; what Windows alone has is asked as for Excel."""

    def __init__(self) -> None:
        self._windows = windows.this_machine()

    @property
    def system(self) -> System:
        """Which of the three."""
        return {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")  # type: ignore[return-value]

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment."""
        return os.environ

    @property
    def home(self) -> PurePath:
        """The user's folder."""
        try:
            return Path.home()
        except RuntimeError:  # a user without one, in a container
            return Path.cwd()

    @property
    def python(self) -> PurePath:
        """The Python that runs us."""
        return Path(sys.executable)

    @property
    def is_root(self) -> bool:
        """Whether we run as root."""
        return _is_root()

    def is_file(self, path: PurePath) -> bool:
        """Whether there is such a file."""
        return computer.is_file(path)

    def names_in(self, folder: PurePath) -> list[str]:
        """What lies in a folder."""
        return computer.names_in(folder)

    def read(self, path: PurePath) -> bytes | None:
        """A file's content."""
        try:
            return Path(path).read_bytes()
        except (OSError, ValueError):
            return None

    def resolved(self, path: PurePath) -> PurePath:
        """The file that links lead to."""
        return Path(os.path.realpath(path))

    def on_path(self, program: str) -> PurePath | None:
        """Where the shell finds a program."""
        found = shutil.which(program)
        return Path(found) if found else None

    def registered(self, key: str) -> str:
        """A key's default value."""
        found = self._windows.values(key).get("") if self._windows else ""
        return found if isinstance(found, str) else ""

    @contextmanager
    def temporary_folder(self) -> Iterator[PurePath]:
        """A folder of our own; a virus scanner may hold what is in it a moment longer."""
        with tempfile.TemporaryDirectory(prefix="kpi_udfs_", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def may_write(self, folder: PurePath) -> bool:
        """Asked of the folder, or of the nearest above that is there."""
        there = next((place for place in (folder, *folder.parents) if os.path.isdir(place)), None)  # noqa: PTH112
        return there is not None and os.access(there, os.W_OK)

    def write(self, path: PurePath, content: bytes) -> None:
        """A file."""
        Path(path).write_bytes(content)

    def remove_folder(self, path: PurePath) -> None:
        """A folder gone."""
        if os.path.lexists(path):
            shutil.rmtree(path)

    def replace_folder(self, path: PurePath, by: PurePath) -> None:
        """The old folder is moved aside, and back again should the new one not take its place."""
        place, old = Path(path), Path(f"{path}.old")
        self.remove_folder(old)
        if place.exists():
            place.rename(old)
        try:
            Path(by).rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
        self.remove_folder(old)

    def run(self, command: list[str], seconds: float, variables: Mapping[str, str]) -> Ran:
        """Run a program, and end it with what it has started itself when its time is up."""
        if self._windows:
            return self._windows.run(command, seconds, variables)
        # soffice is a script that starts a program that starts another: they end together.
        return computer.run(command, seconds, variables, _end, "utf-8", start_new_session=True)


def this_machine() -> Machine:
    """This machine."""
    return ThisMachine()


if sys.platform == "win32":

    def _is_root() -> bool:
        return False

    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()

else:
    import signal
    from contextlib import suppress

    def _is_root() -> bool:
        return os.geteuid() == 0

    def _end(process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
