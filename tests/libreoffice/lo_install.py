"""``kpi-udfs libreoffice install``, ``doctor`` and ``uninstall`` with the real unopkg and soffice, in a fresh home.

unopkg refuses root. Where the tests run as root, LibreOffice's programs are started as the user nobody.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path, PurePath

import pytest
from click.testing import CliRunner, Result

from kpi_udfs import settings
from kpi_udfs.cli import commands
from kpi_udfs.excel.machine import Ran
from kpi_udfs.libreoffice import starting
from kpi_udfs.libreoffice.places import find_office
from kpi_udfs.libreoffice.this_machine import ThisMachine

#: The module; its package has the group of commands by the same name.
cli = importlib.import_module("kpi_udfs.cli.libreoffice")

NOBODY = 65534
ROOT = os.geteuid() == 0
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if ROOT else []


class Ordinary(ThisMachine):
    """This machine as an ordinary user with another home sees it."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    @property
    def is_root(self) -> bool:
        return False

    @property
    def home(self) -> PurePath:
        return self._home

    @property
    def variables(self) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KPI_UDFS", "XDG", "LC_", "LANG"))}
        return {**kept, "HOME": str(self._home), "LC_ALL": "C.UTF-8"}

    @contextmanager
    def temporary_folder(self) -> Iterator[PurePath]:
        with super().temporary_folder() as folder:
            Path(folder).chmod(0o777)
            yield folder

    def run(self, command: list[str], seconds: float, variables: Mapping[str, str]) -> Ran:
        # The Python of the tests may lie where nobody may look; it only fetches pandas.
        first = [] if command[0] == str(self.python) else AS_NOBODY
        return super().run([*first, *command], seconds, variables)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ordinary]:
    """A user who never started LibreOffice; pytest's own folders are closed to others."""
    home = Path(tempfile.mkdtemp(prefix="kpi_udfs_home_"))
    if ROOT:
        os.chown(home, NOBODY, NOBODY)
    machine = Ordinary(home)
    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "en")
    settings.forget()
    monkeypatch.setattr(cli, "this_machine", lambda: machine)
    yield machine
    settings.forget()
    shutil.rmtree(home)


def kpi_udfs(*words: str) -> Result:
    return CliRunner().invoke(commands, ["libreoffice", *words], catch_exceptions=False)


def test_installing_trying_and_taking_away_in_the_usual_profile(machine: Ordinary) -> None:
    done = kpi_udfs("doctor")
    assert done.exit_code == 1
    assert done.output.endswith("problem: The extension is not installed: kpi-udfs libreoffice install\n" + sums(1, 1))

    done = kpi_udfs("install")
    assert done.exit_code == 0, done.output
    assert f"gave “kpi_udfs {version('kpi_udfs')}, configuration " in done.output
    assert "--with-pandas" in done.output  # in LibreOffice's own Python there is none
    assert "FUNNEL counted" not in done.output

    done = kpi_udfs("install", "--with-pandas")
    assert done.exit_code == 0, done.output
    assert "all right: FUNNEL counted a small table rightly.\n0 problems, 0 warnings.\n" in done.output

    done = kpi_udfs("uninstall")
    folder = machine.home / ".config/libreoffice/4/user/kpi_udfs"
    assert done.exit_code == 0
    assert done.output.splitlines()[1:] == [f"removed: {folder}"]
    assert not Path(folder).exists()
    assert kpi_udfs("doctor").output.endswith("kpi-udfs libreoffice install\n" + sums(1, 1))
    assert kpi_udfs("uninstall").output.startswith("was not in LibreOffice")


def test_open_and_after_a_crash_in_a_profile_of_its_own(machine: Ordinary) -> None:
    profile = Path(machine.home) / "another profile"
    named = ["--profile", str(profile)]
    assert kpi_udfs("install", *named).exit_code == 0
    with opened(machine, profile) as end:
        done = kpi_udfs("doctor", *named)
        assert (done.exit_code, "LibreOffice is open: close all its windows" in done.output) == (0, True)
        done = kpi_udfs("install", *named)
        assert (done.exit_code, done.output) == (
            2,
            "kpi-udfs: LibreOffice is open: close all its windows, then once more.\n",
        )
        end()
        assert (profile / ".lock").exists()
        done = kpi_udfs("doctor", *named)
        assert (done.exit_code, "KPI_VERSION gave" in done.output) == (0, True), done.output
    assert not (Path(machine.home) / ".config/libreoffice").exists()


def test_what_unopkg_says_of_a_broken_file_is_passed_on(machine: Ordinary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "extension", lambda: b"no archive")
    done = kpi_udfs("install")
    assert done.exit_code == 2
    assert "unopkg ended with code 1 and said: " in done.output
    assert "Zip" in done.output
    assert done.output.count("\n") == 1


@pytest.mark.skipif(not ROOT, reason="only root is refused")
def test_unopkg_refuses_root_as_we_say(machine: Ordinary) -> None:
    office = find_office(machine)
    assert office is not None
    ran = ThisMachine().run([str(office.unopkg), "list"], 60, machine.variables)
    assert ran.code != 0
    assert "root" in ran.output
    assert starting.hindrance(ThisMachine(), office) == starting.ROOT()


def sums(problems: int, warnings: int) -> str:
    """The doctor's last line."""
    return "{} problem{}, {} warning{}.\n".format(
        problems, "" if problems == 1 else "s", warnings, "" if warnings == 1 else "s"
    )


@contextmanager
def opened(machine: Ordinary, profile: Path) -> Iterator[Callable[[], None]]:
    """A LibreOffice that is open in this profile; what is given ends it as a crash does."""
    office = find_office(machine, None, profile)
    assert office is not None
    command = [*AS_NOBODY, str(office.soffice), *office.arguments, "--headless", "--norestore"]
    process = subprocess.Popen(command, env=starting.environment(machine), start_new_session=True)

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    try:
        until = time.monotonic() + 60
        while not (profile / ".lock").exists():
            assert time.monotonic() < until, "LibreOffice does not start"
            time.sleep(0.2)
        time.sleep(2)  # the lock comes first, the rest after it
        yield end
    finally:
        end()
