"""Where things lie for the user of a Windows machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PureWindowsPath

from kpi_udfs.excel.machine import Machine

ADDIN = "kpi_udfs.xlam"
#: The name that the embedded VBA gives to its configuration.
PROJECT = "kpi_udfs"

#: Of a OneDrive or SharePoint library that is synchronised, the folders on this machine.
_ONEDRIVE = ("ONEDRIVE", "ONEDRIVECOMMERCIAL", "ONEDRIVECONSUMER")
#: Where mail programs and browsers put what is opened without being saved.
_PASSING = ("\\inetcache\\", "\\content.outlook\\", "\\temporary internet files\\", "\\olk\\attachments\\")


@dataclass(frozen=True)
class Places:
    """The add-in's place, its configuration, and where a second add-in could lie."""

    startup: PureWindowsPath
    conf: PureWindowsPath
    addins: PureWindowsPath
    #: Where ``pip install --user`` puts the files that belong beside the interpreter.
    user_packages: PureWindowsPath

    @property
    def addin(self) -> PureWindowsPath:
        """Excel opens what lies in this folder whenever it starts."""
        return self.startup / ADDIN


def places(machine: Machine) -> Places:
    """The places of this user."""
    home = PureWindowsPath(machine.variables.get("USERPROFILE", "C:\\"))
    roaming = PureWindowsPath(machine.variables.get("APPDATA") or home / "AppData" / "Roaming")
    return Places(
        startup=roaming / "Microsoft" / "Excel" / "XLSTART",
        conf=home / f".{PROJECT}" / f"{PROJECT}.conf",
        addins=roaming / "Microsoft" / "AddIns",
        user_packages=roaming / "Python",
    )


def in_onedrive(path: PureWindowsPath, machine: Machine) -> bool:
    """Whether a path lies in a folder that OneDrive or SharePoint synchronises, or on their servers."""
    if str(path).lower().startswith(("https:", "http:")):
        return True
    folders = [PureWindowsPath(folder) for name in _ONEDRIVE if (folder := machine.variables.get(name))]
    named = any(part.lower() == "onedrive" or part.lower().startswith("onedrive -") for part in path.parts)
    return named or any(path.is_relative_to(folder) for folder in folders)


def passing(path: PureWindowsPath) -> bool:
    """Whether a file lies where a mail program or a browser keeps it for a moment only."""
    return any(folder in str(path).lower() for folder in _PASSING)


def from_store(path: PureWindowsPath) -> bool:
    """Whether a program was installed by the Microsoft Store."""
    return any(part.lower() == "windowsapps" for part in path.parts)
