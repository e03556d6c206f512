"""Checks of Excel itself: which one it is, what it lets run, and what it loads twice or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PureWindowsPath

from kpi_udfs.excel.findings import Finding
from kpi_udfs.excel.machine import Machine
from kpi_udfs.excel.office import Excel, disabled_items, find_excel, opened_at_start, trust
from kpi_udfs.excel.places import ADDIN, Places, from_store
from kpi_udfs.messages import text

FOUND = text("excel.excel.found", "Excel {version} ({bits} bits): {program}")
FOUND_BITS_UNKNOWN = text("excel.excel.found_somehow", "Excel {version}: {program}")
MISSING = text(
    "excel.excel.missing",
    "Excel is not installed for this user: install Office for the desktop. (On a Mac and on the web, xlwings Lite brings "
    "the functions: kpi-udfs lite build.)",
)
STORE = text(
    "excel.excel.store",
    "{program} comes from the Microsoft Store; such an Excel can't reach Python: uninstall it and install Office from "
    "office.com.",
)
OLD = text("excel.excel.old", "Excel {version} is older than Excel 2016 (16.0) and was never tried: update Office.")
ARM = text(
    "excel.excel.arm",
    "Windows on ARM was never tried: should cells show #VALUE!, install the 64-bit Python for x64 and run kpi-udfs excel "
    "install with it.",
)
NO_VBA = text(
    "excel.macros.no_vba",
    "A policy turns VBA off in Office (VBAOff), so no function can work: ask your IT to allow it.",
)
NO_ADDINS = text(
    "excel.macros.no_addins",
    "Excel is set to load no add-ins: File > Options > Trust Center > Trust Center Settings > Add-ins, untick “Disable all "
    "Application Add-ins”.",
)
NO_ADDINS_POLICY = text(
    "excel.macros.no_addins_policy",
    "A policy keeps Excel from loading add-ins (DisableAllAddins): ask your IT to allow {file}.",
)
SIGNED_ONLY = text(
    "excel.macros.signed_only",
    "Excel is set to load signed add-ins only, and this one is not signed: File > Options > Trust Center > Trust Center "
    "Settings > Add-ins, untick “Require Application Add-ins to be signed by Trusted Publisher”.",
)
SIGNED_ONLY_POLICY = text(
    "excel.macros.signed_only_policy",
    "A policy lets Excel load signed add-ins only (RequireAddinSig), and this one is not signed: ask your IT to sign or allow "
    "{file}.",
)
ASKS = text(
    "excel.macros.asks",
    "Trusted locations are off, so Excel may ask at each start whether the add-in's macros may run: allow them, or ask your "
    "IT to trust {folder}.",
)
BLOCKED = text(
    "excel.macros.blocked",
    "Trusted locations are off and macros are disabled, so the add-in can't run: choose “Disable VBA macros with "
    "notification” (File > Options > Trust Center > Trust Center Settings > Macro Settings), or ask your IT to trust "
    "{folder}.",
)
BLOCKED_IN_WORKBOOKS = text(
    "excel.macros.blocked_in_workbooks",
    "Macros in workbooks are disabled; the add-in works all the same. For workbooks with the functions inside choose “Disable "
    "VBA macros with notification” (File > Options > Trust Center > Trust Center Settings > Macro Settings).",
)
NETWORK = text(
    "excel.macros.network",
    "{folder} lies on another machine, where Excel trusts no folder: tick “Allow Trusted Locations on my network” (File > "
    "Options > Trust Center > Trust Center Settings > Trusted Locations) and add this one.",
)
MACROS_RIGHT = text("excel.macros.right", "Excel's settings and the policies let the add-in run.")
DISABLED = text(
    "excel.loading.disabled",
    "Excel has disabled the add-in because it crashed with it: File > Options > Add-ins > Manage: Disabled Items > Go, "
    "select kpi_udfs, Enable.",
)
SECOND = text(
    "excel.loading.second", "A second copy of the add-in lies in {file}: delete it, or old functions may answer."
)
OPENED = text(
    "excel.loading.opened",
    "Excel loads the add-in a second time, from its list of add-ins ({entry}): File > Options > Add-ins > Go, untick "
    "kpi_udfs.",
)
LOADED_ONCE = text("excel.loading.right", "Excel finds the add-in once and has not disabled it.")


def excel(machine: Machine, found: Excel | None) -> Iterator[Finding]:
    """Whether there is an Excel that can run the functions."""
    if "ARM64" in (machine.variables.get("PROCESSOR_ARCHITECTURE"), machine.variables.get("PROCESSOR_ARCHITEW6432")):
        yield Finding("excel", "warning", ARM())
    if found is None:
        yield Finding("excel", "problem", MISSING())
    elif from_store(found.program):
        yield Finding("excel", "problem", STORE(program=found.program))
    elif float(found.version) < 16:
        yield Finding("excel", "warning", OLD(version=found.version))
    elif found.bits is None:
        yield Finding("excel", "ok", FOUND_BITS_UNKNOWN(version=found.version, program=found.program))
    else:
        yield Finding("excel", "ok", FOUND(version=found.version, bits=found.bits, program=found.program))


def macros(machine: Machine, version: str, places: Places) -> Iterator[Finding]:
    """Whether Excel lets the add-in's macros run."""
    allowed = trust(machine, version)
    hindrances = [
        (allowed.no_vba, NO_VBA()),
        (allowed.no_addins_by_policy, NO_ADDINS_POLICY(file=places.addin)),
        (allowed.no_addins and not allowed.no_addins_by_policy, NO_ADDINS()),
        (allowed.signed_only_by_policy, SIGNED_ONLY_POLICY(file=places.addin)),
        (allowed.signed_only and not allowed.signed_only_by_policy, SIGNED_ONLY()),
        (not allowed.trusted_folders and allowed.macros > 2, BLOCKED(folder=places.startup)),
    ]
    doubts = [
        (not allowed.trusted_folders and allowed.macros == 2, ASKS(folder=places.startup)),
        (allowed.trusted_folders and allowed.macros > 2, BLOCKED_IN_WORKBOOKS()),
        (machine.on_network(places.startup) and not allowed.network_folders, NETWORK(folder=places.startup)),
    ]
    yield from (Finding("macros", "problem", said) for holds, said in hindrances if holds)
    yield from (Finding("macros", "warning", said) for holds, said in doubts if holds)
    if not any(holds for holds, _ in [*hindrances, *doubts]):
        yield Finding("macros", "ok", MACROS_RIGHT())


def loading(machine: Machine, version: str, places: Places) -> Iterator[Finding]:
    """Whether Excel loads the add-in, and loads it once."""
    found = []
    if any(ADDIN in item.lower() for item in disabled_items(machine, version)):
        found.append(DISABLED())
    second = [places.addins / ADDIN, *_beside_program(machine)]
    found += [SECOND(file=file) for file in second if machine.is_file(file)]
    found += [OPENED(entry=entry) for entry in opened_at_start(machine, version) if ADDIN in entry.lower()]
    yield from (Finding("loading", "problem", said) for said in found)
    if not found:
        yield Finding("loading", "ok", LOADED_ONCE())


def _beside_program(machine: Machine) -> Iterator[PureWindowsPath]:
    """The place from which Excel loads an add-in for all users of a machine."""
    if found := find_excel(machine):
        yield found.program.parent / "XLSTART" / ADDIN
