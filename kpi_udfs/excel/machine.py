"""What the checks and the installation may ask of a Windows machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Protocol

#: What a value of the registry may be.
Value = str | int | bytes | list[str] | None


@dataclass(frozen=True)
class Ran:
    """How a program ended: its exit code, None where its time was up or where it could not be started."""

    code: int | None
    output: str = ""
    seconds: float = 0.0
    #: Why the system would not start it.
    refused: str = ""

    @property
    def stopped(self) -> bool:
        """Whether its time was up."""
        return self.code is None and not self.refused


@dataclass(frozen=True)
class ThisPython:
    """The Python that runs these checks, which is the one that Excel should start."""

    executable: PureWindowsPath
    #: Where the Python lies that a virtual environment was made from; its own folder otherwise.
    base: PureWindowsPath
    kpi_udfs: str
    xlwings: str


class Machine(Protocol):
    """A Windows machine as its user sees it. Paths may name an alternate data stream (``file:stream``)."""

    @property
    def python(self) -> ThisPython: ...

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment, with names in capitals."""

    @property
    def code_page(self) -> int:
        """The code page in which programs without Unicode, VBA's file statements among them, read and write."""

    def is_file(self, path: PureWindowsPath) -> bool: ...

    def names_in(self, folder: PureWindowsPath) -> list[str]:
        """The names in a folder; none where there is no such folder."""

    def read(self, path: PureWindowsPath, most: int | None = None) -> bytes | None:
        """The content of a file, or its first ``most`` bytes; None where it can't be read."""

    def write(self, path: PureWindowsPath, content: bytes) -> None:
        """A file of this content, whole or not at all; folders are made. Raises OSError."""

    def remove(self, path: PureWindowsPath) -> None:
        """Remove a file. Raises OSError."""

    def remove_folder(self, path: PureWindowsPath) -> None:
        """Remove an empty folder. Raises OSError."""

    def short_path(self, path: PureWindowsPath) -> PureWindowsPath | None:
        """The same place by its 8.3 names; None where the drive keeps none."""

    def on_network(self, path: PureWindowsPath) -> bool:
        """Whether the path leads to another machine, by its name or by a drive letter."""

    def values(self, key: str) -> Mapping[str, Value]:
        """The values of a registry key such as ``HKCU\\Software\\…``, names in small letters; "" is its default."""

    def run(self, command: str | list[str], seconds: float, variables: Mapping[str, str] | None = None) -> Ran:
        """Run a program for so long at most, without a window and without input."""


def value(machine: Machine, key: str, name: str = "") -> Value:
    """One value of a registry key; None where there is none."""
    return machine.values(key).get(name.lower())


def text_of(machine: Machine, key: str, name: str = "") -> str:
    """A value that is text; "" where there is none."""
    found = value(machine, key, name)
    return found if isinstance(found, str) else ""


def is_on(machine: Machine, key: str, *names: str) -> bool:
    """Whether any of these values is a number other than 0."""
    return any(isinstance(found := value(machine, key, name), int) and found != 0 for name in names)


def expanded(written: str, machine: Machine) -> str:
    """A text with its ``%NAME%`` replaced, as Windows does it: what is not set stays as it is."""
    return re.sub("%([^%]+)%", lambda found: machine.variables.get(found[1].upper(), found[0]), written)
