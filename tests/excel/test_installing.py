"""Installing and uninstalling, on a machine that is made up."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import PureWindowsPath as P

import pytest
from click.testing import CliRunner, Result
from made_up_windows import ADDIN, CONF, PYTHON, MadeUp, answering, carrying, healthy

from kpi_udfs import settings
from kpi_udfs.cli import commands, excel_windows
from kpi_udfs.excel import conf
from kpi_udfs.excel.findings import CantInstall
from kpi_udfs.excel.installing import install, uninstall
from kpi_udfs.messages import say

NEW = carrying()
OURS = f'"INTERPRETER_WIN","{PYTHON}"\r\n"UDF MODULES","kpi_udfs.hosts.xlwings_udfs"\r\n'.encode()
IN_USE = PermissionError(13, "The process cannot access the file because it is being used by another process")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "en")
    settings.forget()
    yield
    settings.forget()


def before_installing() -> MadeUp:
    machine = healthy()
    del machine.files[ADDIN], machine.files[CONF]
    machine.folders.clear()
    return machine


def installed(machine: MadeUp, addin: bytes = NEW) -> list[str]:
    return [said.text.key for said in install(machine, addin)]


def test_installing_puts_two_files_in_place() -> None:
    machine, before = before_installing(), before_installing()
    assert installed(machine) == ["excel.install.put", "excel.install.put"]
    assert machine.files == {**before.files, ADDIN: NEW, CONF: OURS}


def test_twice_is_once_and_a_running_excel_does_not_matter_then() -> None:
    machine = before_installing()
    installed(machine)
    after = copy.deepcopy(machine.files)
    machine.locked = {ADDIN: IN_USE}
    assert installed(machine) == ["excel.install.there", "excel.install.there"]
    assert machine.files == after


def test_installing_and_uninstalling_leaves_what_was_there() -> None:
    machine = before_installing()
    before = copy.deepcopy(machine.files)
    installed(machine)
    assert [said.text.key for said in uninstall(machine)] == ["excel.install.removed", "excel.install.removed"]
    assert machine.files == before
    assert CONF.parent not in machine.folders
    assert [said.text.key for said in uninstall(machine)] == ["excel.install.not_there", "excel.install.not_there"]


def test_other_settings_and_other_files_stay() -> None:
    machine = before_installing()
    others = b'"LICENSE_KEY","abc"\r\n'
    machine.files[CONF] = b'"INTERPRETER_WIN","C:\\old\\python.exe"\r\n' + others
    installed(machine)
    assert machine.files[CONF] == OURS + others
    said = [one.text.key for one in uninstall(machine)]
    assert said == ["excel.install.removed", "excel.install.settings_removed"]
    assert machine.files[CONF] == others

    machine = before_installing()
    machine.files[CONF.parent / "notes.txt"] = b"mine"
    installed(machine)
    assert [one.text.key for one in uninstall(machine)][-1] == "excel.install.left"
    assert machine.files[CONF.parent / "notes.txt"] == b"mine"


def test_somebody_else_s_add_in_of_this_name_is_not_removed() -> None:
    machine = healthy()
    machine.files[ADDIN] = b"somebody else's"
    assert next(iter(uninstall(machine))).text.key == "excel.install.not_ours"
    assert machine.files[ADDIN] == b"somebody else's"


def test_an_older_add_in_is_replaced() -> None:
    machine = healthy()
    machine.files[ADDIN] = carrying(xlwings="0.30.1")
    assert installed(machine)[0] == "excel.install.put"
    assert machine.files[ADDIN] == NEW


@pytest.mark.parametrize(
    "carry_out", [lambda machine: installed(machine, b"newer"), lambda machine: list(uninstall(machine))]
)
def test_while_excel_has_the_add_in_open_nothing_changes(carry_out: object) -> None:
    machine = healthy(lambda machine: setattr(machine, "locked", {ADDIN: IN_USE}))
    before = copy.deepcopy(machine.files)
    with pytest.raises(CantInstall) as stopped:
        carry_out(machine)  # type: ignore[operator]
    assert (
        say(stopped.value.says)
        == f"{ADDIN} can't be changed while Excel has it open: close all windows of Excel, then once more."
    )
    assert machine.files == before


def test_a_full_disk_is_said() -> None:
    machine = before_installing()
    machine.locked = {CONF: OSError(28, "No space left on device")}
    with pytest.raises(CantInstall) as stopped:
        installed(machine)
    assert say(stopped.value.says) == f"{CONF} can't be changed: No space left on device"


def python_at(machine: MadeUp, path: str, base: str = r"C:\Python313") -> None:
    machine.python = machine.python.__class__(P(path), P(base), "0.1.0", "0.37.8")
    machine.files[P(path)] = b""


def test_excel_starts_the_python_with_a_console() -> None:
    machine = before_installing()
    python_at(machine, str(PYTHON.with_name("pythonw.exe")))
    installed(machine)
    assert conf.read(machine.files[CONF], 1252).value(conf.INTERPRETER) == str(PYTHON)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        (r"C:\Users\Ada\AppData\Local\Microsoft\WindowsApps\python.exe", r"C:\Program Files\WindowsApps\Python.3.12"),
        (r"C:\Users\Ada\kpi\Scripts\python.exe", r"C:\Program Files\WindowsApps\Python.3.12"),
    ],
)
def test_the_store_s_python_is_refused_before_anything_is_written(path: str, base: str) -> None:
    machine = before_installing()
    python_at(machine, path, base)
    before = copy.deepcopy(machine.files)
    with pytest.raises(CantInstall, match=r"excel\.interpreter\.store"):
        installed(machine)
    assert machine.files == before


def test_letters_that_vba_cannot_read_are_gone_round_by_the_short_name() -> None:
    path, short = P(r"C:\日本\Scripts\python.exe"), P(r"C:\1A2B~1\Scripts\python.exe")
    machine = before_installing()
    python_at(machine, str(path))
    with pytest.raises(CantInstall, match=r"excel\.conf\.letters"):
        installed(machine)
    assert CONF not in machine.files

    machine.short[path] = short
    installed(machine)
    assert conf.read(machine.files[CONF], 1252).value(conf.INTERPRETER) == str(short)

    machine.code_page = 932
    installed(machine)
    assert conf.read(machine.files[CONF], 932).value(conf.INTERPRETER) == str(path)


def test_utf_8_as_code_page_is_tried_where_there_is_no_other_way() -> None:
    path = P(r"C:\Jürgen\python.exe")
    machine = before_installing()
    machine.code_page = 65001
    python_at(machine, str(path))
    installed(machine)
    assert conf.read(machine.files[CONF], 65001).value(conf.INTERPRETER) == str(path)


# --------------------------------------------------------------------------------------------- commands


def run(monkeypatch: pytest.MonkeyPatch, machine: MadeUp | None, *arguments: str) -> Result:
    monkeypatch.setattr(excel_windows, "this_machine", lambda: machine)
    return CliRunner().invoke(commands, ["excel", *arguments])


@pytest.mark.parametrize("command", ["install", "uninstall", "doctor"])
def test_elsewhere_than_on_windows_one_line_says_so(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    done = run(monkeypatch, None, command)
    assert done.exit_code == 2
    assert done.output.startswith("kpi-udfs: this works on Windows only")
    assert done.output.count("\n") == 1


def test_the_command_installs_and_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = before_installing()
    done = run(monkeypatch, machine, "install")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[:2] == [f"written: {ADDIN}", f"written: {CONF}"]
    assert "0 problems, 0 warnings." in done.output
    assert done.output.rstrip().endswith("type =KPI_VERSION() into a cell of any workbook.")
    again = run(monkeypatch, machine, "install")
    assert again.output.splitlines()[:2] == [
        f"there already, as it should be: {ADDIN}",
        f"there already, as it should be: {CONF}",
    ]


def test_problems_after_installing_end_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = before_installing()
    machine.programs[str(PYTHON)] = answering(failed={"pythoncom": "ImportError: no"})
    done = run(monkeypatch, machine, "install")
    assert done.exit_code == 1
    assert f'problem: {PYTHON} can\'t load pythoncom (ImportError: no): "{PYTHON}" -m pip install' in done.output
    assert done.output.rstrip().endswith("kpi-udfs excel doctor")


def test_what_can_t_be_installed_ends_with_2_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = healthy(lambda machine: setattr(machine, "locked", {ADDIN: IN_USE}))
    machine.files[ADDIN] = carrying(xlwings="0.30.1")
    done = run(monkeypatch, machine, "install")
    assert (done.exit_code, done.output) == (
        2,
        f"kpi-udfs: {ADDIN} can't be changed while Excel has it open: close all windows of Excel, then once more.\n",
    )


def test_the_doctor_as_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = healthy()
    del machine.files[ADDIN]
    done = run(monkeypatch, machine, "doctor", "--json")
    said = json.loads(done.output)
    assert done.exit_code == 1
    assert said["state"] == "problem"
    assert {
        "check": "addin",
        "state": "problem",
        "says": f"The add-in is not installed ({ADDIN}): kpi-udfs excel install",
    } in said["findings"]


def test_warnings_alone_end_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = healthy(lambda machine: machine.variables.update(PYTHONHOME="x"))
    done = run(monkeypatch, machine, "doctor")
    assert done.exit_code == 0
    assert "\n0 problems, 1 warning.\n" in done.output


def test_a_workbook_that_is_not_there_is_a_wrong_call(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, healthy(), "doctor", "nothing.xlsm")
    assert done.exit_code == 2
    assert done.output.endswith("nothing.xlsm: there is no such file\n")
    assert run(monkeypatch, healthy(), "doctor", "https://firma.sharepoint.com/a.xlsm").exit_code == 0


def test_uninstalling_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, healthy(), "uninstall")
    assert (done.exit_code, done.output) == (0, f"removed: {ADDIN}\nremoved: {CONF}\n")
