"""Checks of the Python that Excel starts, and of what starts it: cmd.exe and xlwings' DLL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from kpi_udfs.excel.findings import Finding
from kpi_udfs.excel.machine import Machine, Ran, expanded, is_on, text_of
from kpi_udfs.excel.places import Places, from_store, in_onedrive
from kpi_udfs.messages import text

#: Excel waits two minutes at most for Python; a Python that takes a sixth of it is not fit for a sheet.
LIMIT = 20.0
SLOW = 5.0

NAMED = text("excel.interpreter.named", "Excel starts {interpreter}")
NOT_THERE = text(
    "excel.interpreter.not_there",
    "Excel is to start {interpreter}, which does not exist: kpi-udfs excel install puts this Python in its place.",
)
OTHER = text(
    "excel.interpreter.other",
    "Excel starts {interpreter}, but this is {here}: should Excel start this one, kpi-udfs excel install.",
)
STORE = text(
    "excel.interpreter.store",
    "{interpreter} comes from the Microsoft Store, and Excel does not see what it writes: install Python from python.org, "
    "kpi_udfs with it, and run kpi-udfs excel install there.",
)
NETWORK = text(
    "excel.interpreter.network",
    "{interpreter} lies on another machine, so it starts slowly, and not at all without a connection: install Python and "
    "kpi_udfs on this machine.",
)
ONEDRIVE = text(
    "excel.interpreter.onedrive",
    "{interpreter} lies in a folder that OneDrive synchronises, which may take its files away: make the environment elsewhere, "
    "then kpi-udfs excel install.",
)
ENVIRONMENT = text(
    "excel.interpreter.environment",
    "{name} is set ({value}) and can lead every Python astray: remove it from Windows' environment variables.",
)
STARTS = text(
    "excel.starts.right",
    "Python {python} ({bits} bits) loads kpi_udfs {kpi_udfs} and xlwings {xlwings} in {seconds:days} seconds.",
)
STARTS_SLOWLY = text(
    "excel.starts.slowly",
    "Python takes {seconds:days} seconds to start and to load kpi_udfs, and Excel waits as long for its first number: have the "
    "virus scanner leave {folder} alone.",
)
TOO_SLOW = text(
    "excel.starts.too_slow",
    "{interpreter} has not loaded kpi_udfs within {seconds:count} seconds, so Excel would hang: have the virus scanner leave "
    "{folder} alone, or install Python on a local drive.",
)
REFUSED = text(
    "excel.starts.refused",
    "{interpreter} can't be started ({reason}): install Python again, or ask your IT to allow it, then kpi-udfs excel install.",
)
CANT_LOAD = text("excel.starts.cant_load", "{interpreter} can't load {module} ({reason}): {command}")
CANT_LOAD_CONDA = text(
    "excel.starts.cant_load_conda",
    "{interpreter} belongs to conda and can't load {module} ({reason}), as Excel does not activate its environment: install "
    "Python from python.org, kpi_udfs with it, and run kpi-udfs excel install there.",
)
SILENT = text(
    "excel.starts.silent",
    "{interpreter} ended with code {code} without loading kpi_udfs ({output}): install Python and kpi_udfs again.",
)
DLL_RIGHT = text("excel.dll.right", "{dll} lies where Excel looks for it.")
VERSIONS = text(
    "excel.dll.versions",
    "The add-in was made for xlwings {made_for}, but this Python has xlwings {installed}: kpi-udfs excel install makes it anew.",
)
DLL_MISSING = text(
    "excel.dll.missing",
    "{dll} lies neither in {folder} nor one folder up (virus scanners take it for malware at times): {command}",
)
DLL_OF_USER = text(
    "excel.dll.of_user",
    "xlwings was installed for you only (--user), so {dll} lies in {folder}, where Excel does not look: make a virtual "
    "environment, install kpi_udfs in it, and run kpi-udfs excel install there.",
)
COMMAND_RIGHT = text("excel.command.right", "cmd.exe, through which Excel starts Python, can be started.")
FORBIDDEN = text(
    "excel.command.forbidden",
    "A policy forbids cmd.exe (DisableCMD), through which Excel starts Python: ask your IT to allow it.",
)
COMMAND_REFUSED = text(
    "excel.command.refused",
    "cmd.exe, through which Excel starts Python, can't be started ({reason}): ask your IT to allow it (AppLocker, WDAC).",
)
COMMAND_HANGS = text(
    "excel.command.hangs",
    "cmd.exe does not come to an end within {seconds:count} seconds: remove what it runs at each start (AutoRun: {autorun}).",
)
COMSPEC = text(
    "excel.command.comspec",
    "COMSPEC names {program}, which does not exist: set it to %SystemRoot%\\System32\\cmd.exe in Windows' environment "
    "variables.",
)

_AUTORUN = "Software\\Microsoft\\Command Processor"
_NONE = "–"
#: What a terminal has set.
_OF_TERMINAL = ("CONDA_", "VIRTUAL_ENV", "PYTHONUTF8", "PYTHONSAFEPATH")


@dataclass(frozen=True)
class Probe:
    """What an interpreter says of itself."""

    python: str
    bits: int
    prefix: str
    base: str
    failed: dict[str, str]
    #: The seconds that went into what only the first table function loads.
    later: float
    kpi_udfs: str | None
    xlwings: str | None


def probe(machine: Machine, interpreter: PureWindowsPath, limit: float) -> tuple[Ran, Probe | None]:
    """Start an interpreter as Excel would find it, and have it load what the functions need."""
    script = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
    ran = machine.run([str(interpreter), "-B", "-c", script], limit, _of_excel(machine.variables, interpreter))
    said = [line for line in ran.output.splitlines() if line.startswith("kpi_udfs:{") and line.endswith("}")]
    facts: dict[str, Any] = json.loads(said[-1].partition(":")[2]) if said else {}
    return ran, Probe(**{name: facts[name] for name in Probe.__annotations__}) if facts else None


def _of_excel(variables: Mapping[str, str], interpreter: PureWindowsPath) -> dict[str, str]:
    """The environment as Excel has it: without what an activated environment adds in a terminal."""
    root = interpreter.parent.parent if interpreter.parent.name.lower() == "scripts" else interpreter.parent
    kept = {name: said for name, said in variables.items() if not name.startswith(_OF_TERMINAL)}
    entries = kept.get("PATH", "").split(";")
    return {**kept, "PATH": ";".join(entry for entry in entries if not PureWindowsPath(entry).is_relative_to(root))}


def interpreter(machine: Machine, named: PureWindowsPath) -> Iterator[Finding]:
    """Whether the interpreter that the configuration names is there, and the right one."""
    if not machine.is_file(named):
        yield Finding("interpreter", "problem", NOT_THERE(interpreter=named))
        return
    here = machine.python.executable
    found: list[Finding] = []
    if from_store(named):
        found.append(Finding("interpreter", "problem", STORE(interpreter=named)))
    if machine.on_network(named):
        found.append(Finding("interpreter", "warning", NETWORK(interpreter=named)))
    if in_onedrive(named, machine):
        found.append(Finding("interpreter", "warning", ONEDRIVE(interpreter=named)))
    if not _same(machine, named.parent, here.parent):
        found.append(Finding("interpreter", "warning", OTHER(interpreter=named, here=here)))
    for name in ("PYTHONHOME", "PYTHONPATH"):
        if said := machine.variables.get(name):
            found.append(Finding("interpreter", "warning", ENVIRONMENT(name=name, value=said)))
    yield from found or [Finding("interpreter", "ok", NAMED(interpreter=named))]


def _same(machine: Machine, one: PureWindowsPath, other: PureWindowsPath) -> bool:
    """Whether two paths lead to the same place, one of them perhaps by its 8.3 names."""
    short = machine.short_path(one)
    return one == other or (short is not None and short == machine.short_path(other))


def starts(machine: Machine, named: PureWindowsPath, ran: Ran, facts: Probe | None, limit: float) -> Iterator[Finding]:
    """Whether the interpreter starts and loads what the functions need, within seconds."""
    if ran.refused:
        yield Finding("starts", "problem", REFUSED(interpreter=named, reason=ran.refused))
    elif ran.stopped:
        yield Finding("starts", "problem", TOO_SLOW(interpreter=named, seconds=limit, folder=named.parent))
    elif facts is None:
        output = _one_line(ran.output) or _NONE
        yield Finding("starts", "problem", SILENT(interpreter=named, code=ran.code, output=output))
    else:
        if from_store(PureWindowsPath(facts.base)) and not from_store(named):
            yield Finding("starts", "problem", STORE(interpreter=named))
        says = CANT_LOAD_CONDA if machine.names_in(PureWindowsPath(facts.prefix) / "conda-meta") else CANT_LOAD
        for module, reason in facts.failed.items():
            command = f'"{named}" -m pip install --force-reinstall {_package(module)}'
            said = says(interpreter=named, module=module, reason=_one_line(reason), command=command)
            yield Finding("starts", "problem", said)
        seconds = ran.seconds - facts.later
        if not facts.failed and seconds > SLOW:
            yield Finding("starts", "warning", STARTS_SLOWLY(seconds=seconds, folder=facts.prefix))
        elif not facts.failed:
            yield Finding(
                "starts",
                "ok",
                STARTS(
                    python=facts.python,
                    bits=facts.bits,
                    kpi_udfs=facts.kpi_udfs,
                    xlwings=facts.xlwings,
                    seconds=seconds,
                ),
            )


def _one_line(output: str) -> str:
    """The end of an output, which says most."""
    return " ".join(output.split())[-200:]


def _package(module: str) -> str:
    """The package that brings a module."""
    return "pywin32" if module in ("win32api", "pythoncom") else module.partition(".")[0]


def dll(
    machine: Machine, named: PureWindowsPath, places: Places, installed: str, made_for: str, bits: int | None
) -> Iterator[Finding]:
    """Whether the DLL that the add-in asks for lies beside the interpreter: of Excel's bits, and xlwings' version.

    ``made_for``: the xlwings whose VBA the add-in carries. Python's own bits don't matter: it is another process.
    """
    file = f"xlwings{bits or 64}-{made_for}.dll"
    if made_for != installed:
        yield Finding("dll", "problem", VERSIONS(made_for=made_for, installed=installed))
    elif any(machine.is_file(folder / file) for folder in (named.parent, named.parent.parent)):
        yield Finding("dll", "ok", DLL_RIGHT(dll=file))
    elif machine.is_file(places.user_packages / file):
        yield Finding("dll", "problem", DLL_OF_USER(dll=file, folder=places.user_packages))
    else:
        command = f'"{named}" -m pip install --force-reinstall --no-deps xlwings=={installed}'
        yield Finding("dll", "problem", DLL_MISSING(dll=file, folder=named.parent, command=command))


def command(machine: Machine, limit: float) -> Iterator[Finding]:
    """Whether cmd.exe may be started, as xlwings starts it."""
    system = machine.variables.get("COMSPEC", "")
    if system and not machine.is_file(PureWindowsPath(expanded(system, machine))):
        yield Finding("command", "warning", COMSPEC(program=system))
    if is_on(machine, "HKCU\\Software\\Policies\\Microsoft\\Windows\\System", "DisableCMD"):
        yield Finding("command", "problem", FORBIDDEN())
        return
    ran = machine.run("cmd.exe /K exit", limit)
    if ran.refused or ran.code:
        reason = ran.refused or _one_line(ran.output) or ran.code
        yield Finding("command", "problem", COMMAND_REFUSED(reason=reason))
    elif ran.stopped:
        named = [text_of(machine, f"{hive}\\{_AUTORUN}", "AutoRun") for hive in ("HKCU", "HKLM")]
        autorun = ", ".join(filter(None, named)) or _NONE
        yield Finding("command", "problem", COMMAND_HANGS(seconds=limit, autorun=autorun))
    elif not system or machine.is_file(PureWindowsPath(expanded(system, machine))):
        yield Finding("command", "ok", COMMAND_RIGHT())
