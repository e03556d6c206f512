"""Every check, on machines of three systems where all is well and on one where just this is not."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from made_up_office import COUNTED, LIE, OPENED, TABLE, VERSION, MadeUp, healthy

from kpi_udfs import evaluate, settings
from kpi_udfs.cli import commands
from kpi_udfs.excel.machine import Ran
from kpi_udfs.libreoffice import proof
from kpi_udfs.libreoffice.doctor import examine
from kpi_udfs.libreoffice.machine import System
from kpi_udfs.libreoffice.places import find_office
from kpi_udfs.libreoffice.starting import hindrance
from kpi_udfs.libreoffice.this_machine import ThisMachine
from kpi_udfs.messages import LANGUAGES, say

SYSTEMS = get_args(System)
#: The module; its package has the group of commands by the same name.
cli = importlib.import_module("kpi_udfs.cli.libreoffice")
Change = Callable[[MadeUp], object]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "en")
    settings.forget()
    yield
    settings.forget()


def having(**values: Any) -> Change:
    return lambda machine: [setattr(machine, name, value) for name, value in values.items()]


def runs(word: str, ran: Ran) -> Change:
    return lambda machine: machine.programs.update({word: ran})


def without(place: str) -> Change:
    return lambda machine: machine.files.pop(machine.at(getattr(machine.lies, place)))


def bootstrap(old: bytes, new: bytes) -> Change:
    def change(machine: MadeUp) -> None:
        place = machine.at(machine.lies.settings)
        machine.files[place] = machine.files[place].replace(old, new)

    return change


def python_is(version: str) -> Change:
    def change(machine: MadeUp) -> None:
        place = machine.at(machine.lies.python)
        content = machine.files.pop(place).replace(b"3.11", version.encode())
        machine.files[machine.at(str(place).replace("3.11", version))] = content

    return change


def locked(content: bytes, running: str = "") -> Change:
    def change(machine: MadeUp) -> None:
        machine.files[machine.profile / ".lock"] = content
        machine.running += running

    return change


LISTED = {
    "linux": "Sl   /usr/lib/libreoffice/program/soffice.bin --calc\n",
    "macos": "S    /Applications/LibreOffice.app/Contents/MacOS/soffice\n",
    "windows": '"soffice.bin","4242","Console","1","250.000 K"\n',
}

#: What is wrong, by the key of the line that says so: a change that brings it about, and the state.
SICK: dict[str, tuple[Change, str]] = {
    "libreoffice.office.missing": (without("soffice"), "problem"),
    "libreoffice.office.old": (bootstrap(b"25.8", b"24.8"), "problem"),
    "libreoffice.office.no_unopkg": (without("unopkg"), "problem"),
    "libreoffice.python.old": (python_is("3.9"), "problem"),
    "libreoffice.pandas.missing": (having(pandas=None, cells=TABLE), "warning"),
    "libreoffice.pandas.old": (having(pandas="1.5.3", cells=TABLE), "warning"),
    "libreoffice.extension.missing": (having(extension=None), "problem"),
    "libreoffice.extension.other": (having(extension="0.0.9"), "warning"),
    "libreoffice.extension.disabled": (having(enabled=False), "problem"),
    "libreoffice.proof.wrong": (having(cells="#NAME?,lead\n"), "problem"),
    "libreoffice.proof.nothing": (having(cells=None), "problem"),
    "libreoffice.proof.tables_wrong": (having(cells=TABLE + "#VALUE!,#VALUE!\n"), "problem"),
    "libreoffice.too_slow": (runs("soffice", Ran(None, seconds=120.0)), "problem"),
    "libreoffice.refused": (runs("unopkg", Ran(None, refused="Permission denied")), "problem"),
    "libreoffice.said": (
        runs("list", Ran(1, "Warning: javaldx\nERROR: Exception occurred: no disk\n\nERROR: unopkg failed.\n")),
        "problem",
    ),
}


def found(machine: MadeUp, *arguments: Any) -> list[tuple[str, str]]:
    """What is not all right."""
    return [(one.says.text.key, one.state) for one in examine(machine, *arguments) if one.state != "ok"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_healthy_machine(system: System) -> None:
    findings = list(examine(healthy(system)))
    assert {one.state for one in findings} == {"ok"}
    assert [one.check for one in findings] == ["libreoffice", "python", "pandas", "extension", "proof", "tables"]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("key", SICK)
def test_what_is_wrong_is_named(key: str, system: System) -> None:
    change, state = SICK[key]
    assert found(healthy(system, change)) == [(key, state)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_python_missing_has_the_remedy_of_its_system(system: System) -> None:
    key = "libreoffice.python.no_bridge" + ("" if system == "linux" else "_own")
    assert found(healthy(system, without("loader"))) == [(key, "problem")]


@pytest.mark.parametrize("system", SYSTEMS)
def test_while_libreoffice_is_open_nothing_is_started(system: System) -> None:
    machine = healthy(system, locked(OPENED, LISTED[system]))
    [why] = [one for one in examine(machine) if one.state != "ok"]
    assert (why.check, why.state) == ("extension", "warning")
    assert say(why.says).startswith(
        "Extension and functions were not tried. LibreOffice is open: close all its windows"
    )
    assert not [command for command, _ in machine.ran if "unopkg" in command[0] or "soffice" in command[0]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_lock_left_by_a_crash_is_passed_over(system: System) -> None:
    assert found(healthy(system, locked(OPENED))) == []


@pytest.mark.parametrize(
    ("named", "is_open"), [("/home/ada/a%20b", True), ("/home/ada/a%20b/", True), ("/tmp/c", False)]
)
def test_one_that_is_open_with_another_profile_does_not_count(named: str, is_open: bool) -> None:
    machine = healthy("linux")
    machine.running += f"Sl   /opt/lo/program/soffice.bin -env:UserInstallation=file://{named} --headless\n"
    profile = PurePosixPath("/home/ada/a b")
    office = find_office(machine, None, profile)
    assert office is not None
    machine.files[office.lock] = OPENED
    assert (hindrance(machine, office) is not None) == is_open


@pytest.mark.parametrize(
    "change",
    [
        locked(b"[Lockdata]\nIPCServer=false\n"),  # unopkg's own, which it does not pass over
        lambda machine: (locked(OPENED)(machine), runs("ps", Ran(None, refused="no such file"))(machine)),
    ],
)
def test_a_lock_of_which_nobody_knows_is_named(change: Change) -> None:
    [why] = [one for one in examine(healthy("linux", change)) if one.state != "ok"]
    assert "delete /home/ada/.config/libreoffice/4/.lock" in say(why.says)


def test_root_and_a_profile_of_root_s() -> None:
    assert found(healthy("linux", having(is_root=True))) == [("libreoffice.proof.not_tried", "problem")]
    machine = healthy("linux", lambda machine: machine.closed.add(machine.profile))
    [why] = [one for one in examine(machine) if one.state != "ok"]
    assert why.state == "problem"
    assert "You may not write in LibreOffice's profile /home/ada/.config/libreoffice/4" in say(why.says)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/flatpak/app/org.libreoffice.LibreOffice/current/active", "Flatpak"),
        ("/home/ada/.local/share/flatpak/app/org.libreoffice.LibreOffice/current/active", "Flatpak"),
        ("/snap/libreoffice/current/meta", "Snap"),
    ],
)
def test_sealed_packages_are_named(place: str, kind: str) -> None:
    machine = healthy("linux", without("soffice"), lambda machine: machine.files.update({PurePosixPath(place): b""}))
    [said] = [say(one.says) for one in examine(machine)]
    assert said.startswith(f"LibreOffice is a {kind} here")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_profile_and_the_python_of_each_system(system: System) -> None:
    office = find_office(healthy(system))
    assert office is not None
    assert (str(office.profile), office.version, office.python) == (LIE[system].profile, "25.8", "3.11")
    assert str(office.interpreter) == LIE[system].interpreter
    assert office.arguments == []
    # A development version has a profile of its own.
    office = find_office(
        healthy(system, bootstrap(b"ibreOffice/4", b"ibreOfficeDev/4"), bootstrap(b"libreoffice/4", b"lo/5"))
    )
    assert office is not None
    assert office.profile.as_posix().endswith("/lo/5" if system == "linux" else "/LibreOfficeDev/4")


def test_our_own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("languag: de\n")
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path))
    settings.forget()
    assert found(healthy("linux")) == [("libreoffice.config", "problem")]


def test_another_place_of_the_configuration_on_linux() -> None:
    office = find_office(healthy("linux", lambda machine: machine.variables.update(XDG_CONFIG_HOME="/data/conf")))
    assert office is not None
    assert office.profile == PurePosixPath("/data/conf/libreoffice/4")


def test_the_one_on_the_path_comes_first_and_the_newest_of_those_in_opt() -> None:
    def three(machine: MadeUp) -> None:
        for name in ("libreoffice7.6", "libreoffice25.2", "libreoffice24.8"):
            folder = PurePosixPath("/opt") / name / "program"
            machine.files[folder / "soffice"] = b""
            machine.files[folder / "python-core-3.10.16" / "lib"] = b""
            machine.files[folder / "python"] = b""

    office = find_office(healthy("linux", three, without("soffice")))
    assert office is not None
    assert (str(office.program), office.python) == ("/opt/libreoffice25.2/program", "3.10")
    assert office.interpreter is None or str(office.interpreter) == "/opt/libreoffice25.2/program/python"

    def linked(machine: MadeUp) -> None:
        machine.path["libreoffice"] = PurePosixPath("/usr/local/bin/libreoffice24.8")
        machine.links[machine.path["libreoffice"]] = PurePosixPath("/opt/libreoffice24.8/program/soffice")

    office = find_office(healthy("linux", three, linked))
    assert office is not None
    assert str(office.program) == "/opt/libreoffice24.8/program"


def test_windows_registry_comes_first() -> None:
    place = PureWindowsPath(r"D:\Office\program")

    def registered(machine: MadeUp) -> None:
        machine.registry[r"HKLM\Software\LibreOffice\UNO\InstallPath"] = str(place)
        machine.files[place / "soffice.com"] = b""

    office = find_office(healthy("windows", registered))
    assert office is not None
    assert office.program == place


@pytest.mark.parametrize("below", ["", "program"])
def test_the_folder_may_be_named(below: str) -> None:
    folder = PurePosixPath("/usr/lib/libreoffice") / below
    assert found(healthy("linux"), folder) == []
    nowhere = PurePosixPath("/usr/lib/nowhere")
    assert found(healthy("linux"), nowhere) == [("libreoffice.office.not_in", "problem")]
    app = PurePosixPath("/Applications/LibreOffice.app")
    assert found(healthy("macos"), app) == []


def test_a_python_of_the_distribution_that_the_bridge_does_not_name() -> None:
    def silent(machine: MadeUp) -> None:
        machine.files[machine.at(machine.lies.python)] = b"\x7fELF"

    def system(machine: MadeUp) -> None:
        machine.links[PurePosixPath("/usr/bin/python3")] = PurePosixPath("/usr/bin/python3.13")

    assert found(healthy("linux", silent)) == [
        ("libreoffice.python.unknown", "warning"),
        ("libreoffice.pandas.missing", "warning"),
    ]
    office = find_office(healthy("linux", silent, system))
    assert office is not None
    assert office.python == "3.13"


@pytest.mark.parametrize("system", ["macos", "windows"])
def test_the_system_s_python_is_not_libreoffice_s_elsewhere(system: System) -> None:
    machine = healthy(system, without("interpreter"))
    machine.files[PurePosixPath("/usr/bin/python3.11")] = b""
    office = find_office(machine)
    assert office is not None
    assert office.interpreter is None
    # What was fetched is then known by its name.
    assert found(machine) == [("libreoffice.pandas.missing", "warning")]
    machine.files[office.packages / "pandas-2.3.3.dist-info" / "METADATA"] = b""
    assert found(machine) == []


def test_another_profile_is_named_to_every_program() -> None:
    profile = PurePosixPath("/home/ada/another profile")
    machine = healthy("linux")
    assert found(machine, None, profile) == []
    named = "-env:UserInstallation=file:///home/ada/another%20profile"
    started = [command for command, _ in machine.ran if command[0].endswith(("unopkg", "soffice"))]
    assert len(started) == 2
    assert all(named in command for command in started)
    assert not [command for command, _ in healthy("linux").ran if named in command]


def test_the_folder_with_the_link_to_the_program_may_be_named_and_the_program_itself() -> None:
    machine = healthy("linux")
    usual = find_office(machine)
    assert usual is not None
    link = PurePosixPath("/usr/local/office/soffice")
    machine.files[link] = b""
    machine.links[link] = usual.soffice
    assert find_office(machine, link.parent) == usual
    assert find_office(machine, usual.soffice) == usual


def test_libreoffice_starts_as_from_a_menu() -> None:
    machine = healthy("linux", lambda machine: machine.variables.update(KPI_UDFS_LANGUAGE="de"))
    list(examine(machine))
    for command, variables in machine.ran:
        if command[0] != "ps":
            # A virtual environment's Python, first on the path, keeps LibreOffice from reading any file.
            assert variables["PATH"].startswith("/usr/bin:")
            assert not {"PYTHONPATH", "VIRTUAL_ENV", "KPI_UDFS_LANGUAGE"} & set(variables)


def test_what_the_sheet_has_to_show_is_what_the_functions_give() -> None:
    days = [[*(day or None for day in row)] for row in proof._DAYS]
    block = evaluate("FUNNEL", [[*proof._STAGES], *days], [[*proof._STAGES]])
    assert [str(row[1]) for row in block[1:]] == proof.COUNTS
    assert (len(block), len(block[0])) == (proof._ROWS, proof._COLUMNS)
    assert evaluate("KPI_VERSION").startswith("kpi_udfs ")


def test_a_line_is_one_line_and_says_what_to_do() -> None:
    remedy = re.compile(r"kpi-udfs libreoffice|install|update|Enable|answer|said: |show: |close all")
    for change, _ in SICK.values():
        for one in examine(healthy("linux", change)):
            for language in LANGUAGES:
                assert "\n" not in say(one.says, language)
            if one.state != "ok":
                assert remedy.search(say(one.says)), say(one.says)


def run(monkeypatch: pytest.MonkeyPatch, machine: MadeUp, *words: str) -> Any:
    monkeypatch.setattr(cli, "this_machine", lambda: machine)
    return CliRunner().invoke(commands, ["libreoffice", *words])


def test_the_doctor_ends_with_1_where_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, healthy("macos", having(extension=None)), "doctor")
    assert done.exit_code == 1
    assert "problem: The extension is not installed: kpi-udfs libreoffice install\n" in done.output
    assert done.output.endswith("\n1 problem, 0 warnings.\n")
    done = run(monkeypatch, healthy("macos", having(pandas=None, cells=TABLE)), "doctor")
    assert done.exit_code == 0
    assert done.output.endswith("\n0 problems, 1 warning.\n")


def test_the_doctor_as_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, healthy("windows", having(extension=None)), "doctor", "--json")
    said = json.loads(done.output)
    assert (done.exit_code, said["state"]) == (1, "problem")
    assert said["findings"][-1]["check"] == "extension"


def test_the_functions_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, healthy("linux", having(cells=TABLE + COUNTED)), "doctor")
    assert f"computed in 2.0 seconds: KPI_VERSION gave “kpi_udfs {VERSION}, configuration 12345678”." in done.output


def test_this_machine_ends_what_takes_too_long(tmp_path: Path) -> None:
    machine = ThisMachine()
    ran = machine.run(["sh", "-c", "sleep 30 & echo begun; wait"], 0.5, machine.variables)
    assert ran.stopped
    assert ran.seconds < 10
    assert machine.run([str(tmp_path / "nothing")], 1, {}).refused
    assert machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"], 10, machine.variables).output == "out\nerr\n"


def test_this_machine_replaces_a_folder(tmp_path: Path) -> None:
    machine = ThisMachine()
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    machine.replace_folder(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "old" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    with pytest.raises(OSError, match="missing"):
        machine.replace_folder(tmp_path / "old", tmp_path / "missing")
    assert (tmp_path / "old" / "file").read_text() == "new"


def test_whether_this_user_may_write(tmp_path: Path) -> None:
    machine = ThisMachine()
    assert machine.may_write(tmp_path / "not" / "there" / "yet")
    tmp_path.chmod(0o500)
    assert machine.may_write(tmp_path / "not") == machine.is_root
