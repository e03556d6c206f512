"""How much a workbook may ask of the computer that calculates it."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """``seconds`` for one workbook, ``memory`` and ``unpacked`` (the parts of the file) in megabytes."""

    seconds: int = 600
    memory: int = 2048
    unpacked: int = 1024
