"""Every check, on a machine where all is well and on one where just this is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from pathlib import PureWindowsPath as P

import pytest
from made_up_windows import (
    ADDIN,
    CONF,
    DLL32,
    DLL64,
    EXCEL,
    HOME,
    MARK,
    OFFICE,
    POLICY,
    PYTHON,
    MadeUp,
    answering,
    carrying,
    healthy,
    program,
)

from kpi_udfs.excel import probe
from kpi_udfs.excel.doctor import examine
from kpi_udfs.excel.machine import Ran, expanded
from kpi_udfs.messages import LANGUAGES, say

BOOK = P(r"C:\Users\Ada\Desktop\funnel.xlsm")
Change = Callable[[MadeUp], object]


def registry(key: str, **values: object) -> Change:
    return lambda machine: machine.registry.setdefault(key, {}).update(values)  # type: ignore[arg-type]


def variable(name: str, value: str) -> Change:
    return lambda machine: machine.variables.update({name: value})


def file(path: P, content: bytes = b"") -> Change:
    return lambda machine: machine.files.update({path: content})


def no_file(path: P) -> Change:
    return lambda machine: machine.files.pop(path)


def runs(name: str, ran: Ran) -> Change:
    return lambda machine: machine.programs.update({name: ran})


def conf(*lines: str) -> Change:
    return file(CONF, "".join(f"{line}\r\n" for line in lines).encode("cp1252"))


def nothing(machine: MadeUp) -> None:
    """The path alone is what is wrong."""


def all_of(*changes: Change) -> Change:
    return lambda machine: [change(machine) for change in changes]


def interpreter(path: str, ran: Ran | None = None) -> Change:
    """Excel is to start another interpreter, which is in order."""
    return all_of(
        conf(f'"INTERPRETER_WIN","{path}"'),
        file(P(path), program()),
        file(P(path).parent / DLL64.name),
        runs(path, ran or answering()),
    )


SECURITY = rf"{OFFICE}\Excel\Security"
SECURITY_POLICY = rf"{POLICY}\Excel\Security"
TRUSTED = rf"{SECURITY}\Trusted Locations"
NAMED = f'"INTERPRETER_WIN","{PYTHON}"'
MACHINE_POLICY = POLICY.replace("HKCU", "HKLM")
APP_PATHS = r"HKLM\Software\Microsoft\Windows\CurrentVersion\App Paths\excel.exe"
STORE_EXCEL = r"C:\Program Files\WindowsApps\Microsoft.Office.Desktop.Excel_1\EXCEL.EXE"
STORE_PYTHON = r"C:\Users\Ada\AppData\Local\Microsoft\WindowsApps\python.exe"
NETWORK_HOME = r"\\server\home\ada"

#: What is wrong → how the machine came to it, and what the doctor finds: the text's key and the state.
SICK: dict[str, tuple[Change, str, str]] = {
    # Excel
    "no Excel": (registry(APP_PATHS, **{"": ""}), "excel.excel.missing", "problem"),
    "Excel was removed": (no_file(EXCEL), "excel.excel.missing", "problem"),
    "Excel of the Microsoft Store": (
        all_of(registry(APP_PATHS, **{"": STORE_EXCEL}), file(P(STORE_EXCEL), program())),
        "excel.excel.store",
        "problem",
    ),
    "Excel 2013": (
        registry(r"HKCR\Excel.Application\CurVer", **{"": "Excel.Application.15"}),
        "excel.excel.old",
        "warning",
    ),
    "Windows on ARM": (variable("PROCESSOR_ARCHITECTURE", "ARM64"), "excel.excel.arm", "warning"),
    "Windows on ARM, seen by a Python for x64": (
        variable("PROCESSOR_ARCHITEW6432", "ARM64"),
        "excel.excel.arm",
        "warning",
    ),
    # macros
    "VBA off for all": (registry(rf"{MACHINE_POLICY}\Common", VBAOff=1), "excel.macros.no_vba", "problem"),
    "VBA off for the user": (registry(rf"{POLICY}\Common", vbaoff=1), "excel.macros.no_vba", "problem"),
    "no add-ins": (registry(SECURITY, DisableAllAddins=1), "excel.macros.no_addins", "problem"),
    "no add-ins by policy": (
        registry(SECURITY_POLICY, disablealladdins=1),
        "excel.macros.no_addins_policy",
        "problem",
    ),
    "signed add-ins only": (registry(SECURITY, RequireAddinSig=1), "excel.macros.signed_only", "problem"),
    "signed add-ins only by policy": (
        registry(SECURITY_POLICY, requireaddinsig=1),
        "excel.macros.signed_only_policy",
        "problem",
    ),
    "no trusted locations": (registry(TRUSTED, AllLocationsDisabled=1), "excel.macros.asks", "warning"),
    "trusted locations of the IT department only": (
        registry(rf"{POLICY}\Common\Security\Trusted Locations", **{"Allow User Locations": 0}),
        "excel.macros.asks",
        "warning",
    ),
    "no trusted locations and no macros": (
        all_of(registry(TRUSTED, AllLocationsDisabled=1), registry(SECURITY, VBAWarnings=4)),
        "excel.macros.blocked",
        "problem",
    ),
    "a policy's level goes before the user's": (
        all_of(registry(SECURITY, VBAWarnings=1), registry(SECURITY_POLICY, vbawarnings=3)),
        "excel.macros.blocked_in_workbooks",
        "warning",
    ),
    "profile on a server": (
        all_of(
            variable("APPDATA", NETWORK_HOME),
            file(P(NETWORK_HOME) / r"Microsoft\Excel\XLSTART\kpi_udfs.xlam", carrying()),
        ),
        "excel.macros.network",
        "warning",
    ),
    # loading
    "disabled after a crash": (
        registry(
            rf"{OFFICE}\Excel\Resiliency\DisabledItems",
            A1B2=bytes(12) + f"{ADDIN}\0kpi functions\0".lower().encode("utf-16-le"),
        ),
        "excel.loading.disabled",
        "problem",
    ),
    "a second copy": (
        file(HOME / r"AppData\Roaming\Microsoft\AddIns\kpi_udfs.xlam"),
        "excel.loading.second",
        "problem",
    ),
    "a second copy for all users": (
        file(EXCEL.parent / r"XLSTART\kpi_udfs.xlam"),
        "excel.loading.second",
        "problem",
    ),
    "ticked in the list of add-ins": (
        registry(rf"{OFFICE}\Excel\Options", OPEN='/R "analysis.xlam"', OPEN1=r'/R "D:\old\KPI_UDFS.XLAM"'),
        "excel.loading.opened",
        "problem",
    ),
    # configuration
    "no configuration": (no_file(CONF), "excel.conf.missing", "problem"),
    "an empty line": (conf(NAMED, "", '"UDF MODULES","x"'), "excel.conf.odd", "problem"),
    "an empty line at the end": (conf(NAMED, ""), "excel.conf.odd", "problem"),
    "a remark": (conf(NAMED, "# made by Ada"), "excel.conf.odd", "problem"),
    "no interpreter": (conf('"PYTHONPATH","C:\\x"'), "excel.conf.names_none", "problem"),
    "saved by an editor": (
        lambda machine: machine.files.update({CONF: b"\xef\xbb\xbf" + machine.files[CONF]}),
        "excel.conf.names_none",
        "problem",
    ),
    "waits for a debugger": (conf(NAMED, '"DEBUG UDFS","True"'), "excel.conf.debug", "problem"),
    # interpreter
    "interpreter gone": (no_file(PYTHON), "excel.interpreter.not_there", "problem"),
    "another interpreter": (interpreter(r"C:\other\python.exe"), "excel.interpreter.other", "warning"),
    "set for every Python": (variable("PYTHONHOME", r"C:\old"), "excel.interpreter.environment", "warning"),
    "modules for every Python": (variable("PYTHONPATH", r"C:\old"), "excel.interpreter.environment", "warning"),
    "interpreter on a mapped drive": (
        lambda machine: setattr(machine, "network", ("C:\\Users\\Ada\\kpi",)),
        "excel.interpreter.network",
        "warning",
    ),
    "interpreter in OneDrive": (
        variable("ONEDRIVECOMMERCIAL", r"C:\Users\Ada\kpi"),
        "excel.interpreter.onedrive",
        "warning",
    ),
    # starting it
    "forbidden interpreter": (
        runs(str(PYTHON), Ran(None, refused="This program is blocked by group policy")),
        "excel.starts.refused",
        "problem",
    ),
    "hanging interpreter": (runs(str(PYTHON), Ran(None, seconds=20.1)), "excel.starts.too_slow", "problem"),
    "slow interpreter": (runs(str(PYTHON), answering(seconds=5.2, later=0.1)), "excel.starts.slowly", "warning"),
    "damaged interpreter": (
        runs(str(PYTHON), Ran(1, "Fatal Python error: init_fs_encoding\n\nCurrent thread …")),
        "excel.starts.silent",
        "problem",
    ),
    "cut off": (runs(str(PYTHON), Ran(0, 'kpi_udfs:{"python": "3.1')), "excel.starts.silent", "problem"),
    "no pywin32": (
        runs(str(PYTHON), answering(failed={"win32api": "ImportError: DLL load failed"})),
        "excel.starts.cant_load",
        "problem",
    ),
    "damaged pandas": (
        runs(str(PYTHON), answering(failed={"pandas": "ImportError: Unable to import\nrequired dependency"})),
        "excel.starts.cant_load",
        "problem",
    ),
    "conda": (
        all_of(
            runs(str(PYTHON), answering(failed={"pandas": "ImportError: DLL load failed"})),
            file(P(r"C:\Users\Ada\kpi\conda-meta\history")),
        ),
        "excel.starts.cant_load_conda",
        "problem",
    ),
    "an environment made with the Microsoft Store's Python": (
        runs(str(PYTHON), answering(base=r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.12")),
        "excel.interpreter.store",
        "problem",
    ),
    # DLL
    "xlwings was updated": (
        all_of(runs(str(PYTHON), answering(xlwings="0.38.0")), file(DLL64.with_name("xlwings64-0.38.0.dll"))),
        "excel.dll.versions",
        "problem",
    ),
    "the DLL is gone": (no_file(DLL64), "excel.dll.missing", "problem"),
    "the DLL of a 32-bit Excel is gone": (
        all_of(file(EXCEL, program(0x014C)), no_file(DLL32)),
        "excel.dll.missing",
        "problem",
    ),
    "installed for the user": (
        all_of(no_file(DLL64), file(HOME / r"AppData\Roaming\Python" / DLL64.name)),
        "excel.dll.of_user",
        "problem",
    ),
    # cmd.exe
    "cmd.exe forbidden": (
        registry(r"HKCU\Software\Policies\Microsoft\Windows\System", DisableCMD=2),
        "excel.command.forbidden",
        "problem",
    ),
    "cmd.exe and batch files forbidden": (
        registry(r"HKCU\Software\Policies\Microsoft\Windows\System", DisableCMD=1),
        "excel.command.forbidden",
        "problem",
    ),
    "cmd.exe blocked": (
        runs("cmd.exe /K exit", Ran(None, refused="This program is blocked by group policy")),
        "excel.command.refused",
        "problem",
    ),
    "cmd.exe fails": (
        runs("cmd.exe /K exit", Ran(1, "The command prompt has been disabled\r\nby your administrator.")),
        "excel.command.refused",
        "problem",
    ),
    "cmd.exe hangs": (
        all_of(
            runs("cmd.exe /K exit", Ran(None, seconds=20.0)),
            registry(r"HKCU\Software\Microsoft\Command Processor", AutoRun=r"C:\conda_hook.bat"),
        ),
        "excel.command.hangs",
        "problem",
    ),
    "COMSPEC names nothing": (variable("COMSPEC", r"C:\old\cmd.exe"), "excel.command.comspec", "warning"),
    # add-in
    "no add-in": (no_file(ADDIN), "excel.addin.missing", "problem"),
    "damaged add-in": (file(ADDIN, carrying()[:-30]), "excel.addin.foreign", "problem"),
    "somebody else's add-in": (file(ADDIN, carrying(name="other")), "excel.addin.foreign", "problem"),
    "kpi_udfs was updated": (
        runs(str(PYTHON), answering(kpi_udfs="0.2.0")),
        "excel.addin.version",
        "problem",
    ),
    "an add-in that says no version": (file(ADDIN, carrying(kpi_udfs=None)), "excel.addin.version", "problem"),
    "downloaded add-in": (file(P(f"{ADDIN}:Zone.Identifier"), MARK), "excel.addin.marked", "problem"),
}
SICK_BOOKS: dict[str, tuple[P, Change, str, str]] = {
    "downloaded": (BOOK, file(P(f"{BOOK}:Zone.Identifier"), MARK), "excel.workbook.marked", "problem"),
    "downloaded, with a policy": (
        BOOK,
        all_of(
            file(P(f"{BOOK}:Zone.Identifier"), MARK),
            registry(SECURITY_POLICY, blockcontentexecutionfrominternet=1),
        ),
        "excel.workbook.marked_policy",
        "problem",
    ),
    "attached to a mail": (
        HOME / r"AppData\Local\Microsoft\Windows\INetCache\Content.Outlook\7QX1\funnel.xlsm",
        nothing,
        "excel.workbook.passing",
        "problem",
    ),
    "in OneDrive": (P(r"D:\OneDrive - Firma\funnel.xlsm"), nothing, "excel.workbook.onedrive", "warning"),
    "in a library": (
        P(r"D:\Firma\Team\funnel.xlsm"),
        variable("ONEDRIVE", r"D:\Firma"),
        "excel.workbook.onedrive",
        "warning",
    ),
    "on SharePoint": (
        P("https://firma.sharepoint.com/sites/x/funnel.xlsm"),
        nothing,
        "excel.workbook.onedrive",
        "warning",
    ),
    "on a server": (
        P(r"\\10.0.0.7\share\funnel.xlsm"),
        nothing,
        "excel.workbook.network",
        "warning",
    ),
    "of an older xlwings": (BOOK, file(BOOK, carrying(xlwings="0.30.1")), "excel.workbook.versions", "problem"),
    "with a configuration beside it": (
        BOOK,
        all_of(file(BOOK, carrying()), file(BOOK.with_name("kpi_udfs.conf"), b'"A","B"\r\n')),
        "excel.workbook.conf",
        "warning",
    ),
}
#: What a line tells people to do contains one of these.
REMEDY = re.compile(
    r"kpi-udfs excel (install|build)|-m pip install|ask your IT|have (your IT|the virus scanner)|install (Python|Office|Python and)"
    r"|uninstall|update Office|File > Options|right-click|delete|remove it|remove what|tick|save it|choose|set it to|make the "
    r"environment|make a virtual|keep them"
)


def found(machine: MadeUp, book: P | None = None) -> list[tuple[str, str]]:
    return [(one.says.text.key, one.state) for one in examine(machine, book) if one.state != "ok"]


def test_a_healthy_machine_has_no_findings_but_a_line_for_each_check() -> None:
    findings = list(examine(healthy(file(BOOK, carrying())), BOOK))
    assert {one.state for one in findings} == {"ok"}
    assert [one.check for one in findings] == [
        "excel",
        "macros",
        "loading",
        "conf",
        "command",
        "interpreter",
        "starts",
        "addin",
        "dll",
        "workbook",
    ]


@pytest.mark.parametrize("name", SICK)
def test_what_is_wrong_is_found_and_nothing_else(name: str) -> None:
    change, key, state = SICK[name]
    assert (key, state) in found(healthy(change))
    consequences = {
        "interpreter gone": {"excel.addin.version"},
        "a policy's level goes before the user's": set(),
        "profile on a server": set(),
    }
    others = {other for other, _ in found(healthy(change))} - {key}
    assert others <= consequences.get(name, set())


@pytest.mark.parametrize("name", SICK_BOOKS)
def test_what_is_wrong_with_a_workbook(name: str) -> None:
    book, change, key, state = SICK_BOOKS[name]
    machine = healthy(change)
    assert found(machine, book) == [(key, state)]
    assert found(healthy(), BOOK) == []


def test_a_line_is_one_line_and_says_what_to_do() -> None:
    lines = [one for change, _, _ in SICK.values() for one in examine(healthy(change)) if one.state != "ok"]
    lines += [one for book, change, _, _ in SICK_BOOKS.values() for one in examine(healthy(change), book)]
    for one in lines:
        for language in LANGUAGES:
            assert "\n" not in say(one.says, language)
        if one.state != "ok":
            assert REMEDY.search(say(one.says)), say(one.says)


def test_the_store_s_python_is_named_whichever_way_it_is_found() -> None:
    machine = healthy(interpreter(STORE_PYTHON))
    assert ("excel.interpreter.store", "problem") in found(machine)


def test_letters_that_vba_cannot_read() -> None:
    def moved(machine: MadeUp) -> None:
        home = P(r"C:\Users\日本")
        machine.variables["USERPROFILE"] = str(home)
        machine.files[home / r".kpi_udfs\kpi_udfs.conf"] = machine.files[CONF]

    assert found(healthy(moved)) == [("excel.conf.letters", "problem")]
    assert found(healthy(moved, lambda machine: setattr(machine, "code_page", 932))) == []
    assert found(healthy(moved, lambda machine: setattr(machine, "code_page", 65001))) == [
        ("excel.conf.letters_utf8", "warning")
    ]


def test_a_folder_with_umlauts_is_read_in_the_code_page() -> None:
    path = P(r"C:\Users\Jürgen\python.exe")
    machine = healthy(interpreter(str(path)))
    assert found(machine) == [("excel.interpreter.other", "warning")]
    # An editor that saves UTF-8 makes another folder of it.
    machine.files[CONF] = machine.files[CONF].decode("cp1252").encode("utf-8")
    assert ("excel.interpreter.not_there", "problem") in found(machine)


def test_without_excel_the_other_checks_go_on() -> None:
    machine = healthy(no_file(EXCEL), no_file(DLL64))
    assert found(machine) == [("excel.excel.missing", "problem"), ("excel.dll.missing", "problem")]


def test_the_interpreter_is_started_as_excel_finds_it() -> None:
    machine = healthy(variable("CONDA_PREFIX", "x"), variable("VIRTUAL_ENV", "y"))
    list(examine(machine))
    [(command, variables)] = [ran for ran in machine.ran if isinstance(ran[0], list)]
    assert command[:3] == [str(PYTHON), "-B", "-c"]
    assert variables is not None
    assert variables["PATH"] == r"C:\Windows\system32"
    assert not {"CONDA_PREFIX", "VIRTUAL_ENV"} & set(variables)


def test_the_same_place_by_its_short_name_is_the_same() -> None:
    short = P(r"C:\USERS\ADA\KPI~1\python.exe")
    both = {short.parent: short.parent, PYTHON.parent: short.parent}
    machine = healthy(interpreter(str(short)), lambda machine: machine.short.update(both))
    assert found(machine) == []


def test_what_the_first_table_function_loads_does_not_count() -> None:
    assert found(healthy(runs(str(PYTHON), answering(seconds=6.0, later=1.1)))) == []


def test_the_probe_says_what_is_missing_in_a_real_interpreter() -> None:
    script = Path(probe.__file__).read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1].removeprefix("kpi_udfs:"))
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["prefix"] == sys.prefix
    if sys.platform != "win32":
        assert facts["failed"] == {"win32api": "ModuleNotFoundError: No module named 'win32api'"}


def test_variables_are_expanded_as_windows_does() -> None:
    machine = healthy()
    assert expanded(r"%SystemRoot%\x", machine) == r"C:\Windows\x"
    assert expanded(r"100%\%nothing%", machine) == r"100%\%nothing%"
