"""LibreOffice as the commands find it on Windows: in a real registry and real folders. Its programs are empty files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from windows import Windows

KEY = r"HKLM\Software\LibreOffice\UNO\InstallPath"
SETTINGS = "[Bootstrap]\r\nProductKey=LibreOffice 25.8\r\nUserInstallation=$SYSUSERCONFIG/LibreOffice/4\r\n"


@pytest.fixture
def installed(windows: Windows) -> Iterator[Windows]:
    """A Windows with the files by which a LibreOffice is known, in a place that the registry names."""
    program = windows.prefix / "drive_c" / "Office" / "program"
    (program / "python-core-3.11.14").mkdir(parents=True)
    for name in ("soffice.com", "unopkg.com", "pythonloader.py"):
        (program / name).touch()
    (program / "bootstrap.ini").write_text(SETTINGS, newline="")
    assert windows.run_program("reg", "add", KEY, "/ve", "/d", r"C:\Office\program", "/f").code == 0
    yield windows
    assert windows.run_program("reg", "delete", KEY, "/f").code == 0
    shutil.rmtree(program.parent)


def test_it_is_found_by_the_registry_and_asked_nothing_that_it_cannot_do(installed: Windows) -> None:
    code, output = installed.kpi_udfs("libreoffice", "doctor", "--json", seconds=240)
    found = {one["check"]: (one["state"], one["says"]) for one in json.loads(output)["findings"]}
    assert code == 1
    assert found["libreoffice"] == ("ok", r"LibreOffice 25.8: C:\Office\program\soffice.com")
    assert found["python"] == ("ok", "LibreOffice runs Python 3.11.")
    assert found["pandas"][0] == "warning"
    state, said = found["extension"]
    assert (state, said.startswith(r"C:\Office\program\unopkg.com can't be started (")) == ("problem", True)


def test_a_lock_counts_only_while_libreoffice_runs(installed: Windows) -> None:
    profile = installed.prefix / "drive_c" / "a profile"
    profile.mkdir()
    (profile / ".lock").write_bytes(b"[Lockdata]\nIPCServer=true\n")
    try:
        code, output = installed.kpi_udfs("libreoffice", "uninstall", "--profile", r"C:\a profile", seconds=240)
        assert (code, "can't be started" in output) == (2, True), output
        (profile / ".lock").write_bytes(b"[Lockdata]\nIPCServer=false\n")
        code, output = installed.kpi_udfs("libreoffice", "uninstall", "--profile", r"C:\a profile", seconds=240)
        assert (code, r"delete C:\a profile\.lock" in output) == (2, True), output
    finally:
        shutil.rmtree(profile)


def test_without_one_there_is_a_line(windows: Windows) -> None:
    code, output = windows.kpi_udfs("libreoffice", "install", seconds=240)
    assert code == 2
    assert output.startswith("kpi-udfs: LibreOffice is not found: ")
