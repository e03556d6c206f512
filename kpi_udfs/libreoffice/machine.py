"""What the checks and the installation may ask of a machine with LibreOffice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Literal, Protocol

from kpi_udfs.excel.machine import Ran

__all__ = ["Machine", "Ran", "System"]

System = Literal["linux", "macos", "windows"]


class Machine(Protocol):
    """A machine as its user sees it. Paths are those of its system."""

    @property
    def system(self) -> System: ...

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment; on Windows with names in capitals."""

    @property
    def home(self) -> PurePath: ...

    @property
    def python(self) -> PurePath:
        """The Python that runs us."""

    @property
    def is_root(self) -> bool:
        """Whether the user is root; never on Windows."""

    def is_file(self, path: PurePath) -> bool: ...

    def names_in(self, folder: PurePath) -> list[str]:
        """The names in a folder; none where there is no such folder."""

    def read(self, path: PurePath) -> bytes | None:
        """The content of a file; None where it can't be read."""

    def resolved(self, path: PurePath) -> PurePath:
        """The file that links lead to."""

    def on_path(self, program: str) -> PurePath | None:
        """Where the shell finds a program."""

    def registered(self, key: str) -> str:
        """The default value of a key of Windows' registry; "" where there is none."""

    def temporary_folder(self) -> AbstractContextManager[PurePath]:
        """A folder that is gone afterwards."""

    def may_write(self, folder: PurePath) -> bool:
        """Whether the user may write in a folder, or make it where it is not there yet."""

    def write(self, path: PurePath, content: bytes) -> None:
        """A file of this content. Raises OSError."""

    def remove_folder(self, path: PurePath) -> None:
        """Remove a folder with all that is in it; nothing where there is none. Raises OSError."""

    def replace_folder(self, path: PurePath, by: PurePath) -> None:
        """Put the folder ``by`` in the place of ``path``, whole or not at all. Raises OSError."""

    def run(self, command: list[str], seconds: float, variables: Mapping[str, str]) -> Ran:
        """Run a program for so long at most, without a window and without input."""
