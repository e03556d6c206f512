"""Which Excel is installed, and what its security settings let run."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PureWindowsPath

from kpi_udfs.excel.machine import Machine, is_on, text_of, value

_APP_PATHS = "Software\\Microsoft\\Windows\\CurrentVersion\\App Paths\\excel.exe"
_CLICK_TO_RUN = "HKLM\\Software\\Microsoft\\Office\\ClickToRun\\Configuration"
#: The field of a program's header that says for which processor it is made.
_BITS = {0x014C: 32, 0x8664: 64, 0xAA64: 64}
#: What an Excel does where nobody has set anything: macros are off until the user allows them.
_ASKS = 2


@dataclass(frozen=True)
class Excel:
    """An installed Excel. ``bits``: None where its program can't be read."""

    program: PureWindowsPath
    version: str
    bits: int | None


@dataclass(frozen=True)
class Trust:
    """What Excel's Trust Center and the policies of an IT department allow."""

    #: Excel's name for what it does with macros: 1 runs all, 2 asks, 3 signed ones only, 4 none.
    macros: int
    no_vba: bool
    no_addins: bool
    no_addins_by_policy: bool
    signed_only: bool
    signed_only_by_policy: bool
    #: Whether folders that Excel trusts by itself, where add-ins start from among them, count as trusted.
    trusted_folders: bool
    network_folders: bool
    blocks_marked: bool


def find_excel(machine: Machine) -> Excel | None:
    """The Excel that opens workbooks here."""
    named = [text_of(machine, f"{hive}\\{_APP_PATHS}") for hive in ("HKCU", "HKLM")]
    if folder := text_of(machine, _CLICK_TO_RUN, "InstallationPath"):
        named.append(f"{folder}\\root\\Office16\\EXCEL.EXE")
    for name in named:
        program = PureWindowsPath(name.strip('"'))
        if name and machine.is_file(program):
            return Excel(program, _version(machine), bits_of(machine.read(program, 4096)))
    return None


def _version(machine: Machine) -> str:
    """Such as 16.0, as the registry's keys are named, which since Excel 2016 has not changed."""
    number = text_of(machine, "HKCR\\Excel.Application\\CurVer").rpartition(".")[2]
    return f"{number}.0" if number.isdigit() else "16.0"


def bits_of(header: bytes | None) -> int | None:
    """32 or 64, from the first bytes of a program."""
    if header is None or header[:2] != b"MZ" or len(header) < 64:
        return None
    (start,) = struct.unpack_from("<I", header, 60)
    if header[start : start + 4] != b"PE\0\0" or len(header) < start + 6:
        return None
    return _BITS.get(struct.unpack_from("<H", header, start + 4)[0])


def trust(machine: Machine, version: str) -> Trust:
    """The settings that are in force: a policy's before the user's own."""
    own = f"HKCU\\Software\\Microsoft\\Office\\{version}"
    policy = f"HKCU\\Software\\Policies\\Microsoft\\Office\\{version}"
    both = (policy, own)
    macros = [value(machine, f"{place}\\Excel\\Security", "VBAWarnings") for place in both]
    every = [f"{place}\\Excel\\Security\\Trusted Locations" for place in both]
    users = value(machine, f"{policy}\\Common\\Security\\Trusted Locations", "allow user locations")
    return Trust(
        macros=next((level for level in macros if isinstance(level, int)), _ASKS),
        no_vba=any(is_on(machine, f"{place}\\Common", "VBAOff") for place in (policy, policy.replace("HKCU", "HKLM"))),
        no_addins=is_on(machine, f"{own}\\Excel\\Security", "DisableAllAddins"),
        no_addins_by_policy=is_on(machine, f"{policy}\\Excel\\Security", "DisableAllAddins"),
        signed_only=is_on(machine, f"{own}\\Excel\\Security", "RequireAddinSig"),
        signed_only_by_policy=is_on(machine, f"{policy}\\Excel\\Security", "RequireAddinSig"),
        trusted_folders=not any(is_on(machine, key, "AllLocationsDisabled") for key in every) and users != 0,
        network_folders=any(is_on(machine, key, "AllowNetworkLocations") for key in every),
        blocks_marked=is_on(machine, f"{policy}\\Excel\\Security", "BlockContentExecutionFromInternet"),
    )


def disabled_items(machine: Machine, version: str) -> list[str]:
    """What Excel no longer loads because it crashed with it."""
    items = machine.values(f"HKCU\\Software\\Microsoft\\Office\\{version}\\Excel\\Resiliency\\DisabledItems")
    return [item.decode("utf-16-le", "replace") for item in items.values() if isinstance(item, bytes)]


def opened_at_start(machine: Machine, version: str) -> list[str]:
    """The add-ins that are ticked in Excel's list of add-ins, as it writes them: ``/R "C:\\…"``."""
    options = machine.values(f"HKCU\\Software\\Microsoft\\Office\\{version}\\Excel\\Options")
    return [said for name, said in options.items() if name.startswith("open") and isinstance(said, str)]
