"""Compound files ([MS-CFB], version 3): a folder tree in one file, in which Excel keeps a VBA project.

The bytes depend on the content alone: no times, no identifiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from struct import pack
from typing import TypeAlias

#: Streams by name, and storages, which hold further ones.
Storage: TypeAlias = "Mapping[str, bytes | Storage]"

_SECTOR, _SHORT_SECTOR = 512, 64
#: Shorter streams lie in short sectors, which together are one stream of their own.
_LONG = 4096
#: Marks in the tables of sectors.
_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NO_ENTRY = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_RED, _BLACK = 0, 1
#: As many table sectors as the header names; more would need a table of tables. Enough for 7 MB.
_TABLES_IN_HEADER = 109


@dataclass
class _Entry:
    """A line of the directory; siblings form a search tree, numbers are places in the directory."""

    name: str
    kind: int
    content: bytes = b""
    left: int = _NO_ENTRY
    right: int = _NO_ENTRY
    child: int = _NO_ENTRY
    color: int = _BLACK
    start: int = 0

    @property
    def order(self) -> tuple[int, str]:
        """What siblings are ordered by: shorter names first, letters regardless of case."""
        return len(self.name.encode("utf-16-le")), self.name.upper()

    def packed(self) -> bytes:
        name = (self.name + "\0").encode("utf-16-le")
        return (
            name.ljust(64, b"\0")
            + pack("<HBBIII", len(name), self.kind, self.color, self.left, self.right, self.child)
            + bytes(36)  # class, user flags, times
            + pack("<IQ", self.start, len(self.content))
        )


_UNUSED_ENTRY = bytes(68) + pack("<III", _NO_ENTRY, _NO_ENTRY, _NO_ENTRY) + bytes(48)


class _Sectors:
    """Streams cut into sectors of equal size, and the table that chains them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.content = bytearray()
        self.table: list[int] = []

    def add(self, stream: bytes) -> int:
        """The number of the stream's first sector."""
        if not stream:
            return _END
        first = len(self.table)
        self.content += _filled(stream, self.size)
        self.table += range(first + 1, len(self.content) // self.size)
        self.table.append(_END)
        return first


def compound_file(root: Storage) -> bytes:
    """The file. Names have 31 characters at most."""
    directory = [_Entry("Root Entry", _ROOT)]
    directory[0].child = _enter(root, directory)
    sectors, short_sectors = _Sectors(_SECTOR), _Sectors(_SHORT_SECTOR)
    for entry in directory:
        if entry.kind == _STREAM:
            entry.start = (sectors if len(entry.content) >= _LONG else short_sectors).add(entry.content)
    directory[0].content = bytes(short_sectors.content)
    directory[0].start = sectors.add(directory[0].content)
    short_table = _filled(_numbers(short_sectors.table), _SECTOR, b"\xff")
    short_table_start = sectors.add(short_table)
    lines = b"".join(entry.packed() for entry in directory)
    directory_start = sectors.add(_filled(lines, _SECTOR, _UNUSED_ENTRY))
    tables = _add_table(sectors)
    header = pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        0x3E, 3, 0xFFFE,  # version 3.62, the byte order
        9, 6,  # sectors of 2⁹ and 2⁶ bytes
        0, len(tables), directory_start, 0, _LONG,
        short_table_start, len(short_table) // _SECTOR, _END, 0,
    )  # fmt: skip
    header += _numbers([*tables, *[_FREE] * (_TABLES_IN_HEADER - len(tables))])
    return header + bytes(sectors.content)


def _enter(storage: Storage, directory: list[_Entry]) -> int:
    """Put the storage's content into the directory; the number of the entry at the root of its tree."""
    numbers = []
    for name, content in storage.items():
        if not 0 < len(name) < 32:
            raise ValueError(f"{name!r} is no name for a stream: 1 to 31 characters")
        numbers.append(len(directory))
        if isinstance(content, bytes):
            directory.append(_Entry(name, _STREAM, content))
        else:
            entry = _Entry(name, _STORAGE)
            directory.append(entry)
            entry.child = _enter(content, directory)
    return _tree(sorted(numbers, key=lambda number: directory[number].order), directory)


def _tree(numbers: list[int], directory: list[_Entry]) -> int:
    """A red-black search tree: as flat as possible, with the deepest level red where it is incomplete."""
    full_levels = (len(numbers) + 1).bit_length() - 1

    def grow(part: list[int], level: int) -> int:
        if not part:
            return _NO_ENTRY
        middle = len(part) // 2
        entry = directory[part[middle]]
        entry.left, entry.right = grow(part[:middle], level + 1), grow(part[middle + 1 :], level + 1)
        entry.color = _RED if level >= full_levels else _BLACK
        return part[middle]

    return grow(numbers, 0)


def _add_table(sectors: _Sectors) -> list[int]:
    """Put the table of sectors behind them; the numbers of its own sectors, which it lists, too."""
    per_sector = _SECTOR // 4
    count = 0
    while count * per_sector < len(sectors.table) + count:
        count += 1
    if count > _TABLES_IN_HEADER:
        raise ValueError("more than fits into such a file")
    first = len(sectors.table)
    tables = list(range(first, first + count))
    sectors.table += [_TABLE] * count
    sectors.content += _filled(_numbers(sectors.table), _SECTOR, b"\xff")
    return tables


def _numbers(numbers: Iterable[int]) -> bytes:
    return b"".join(pack("<I", number) for number in numbers)


def _filled(content: bytes, size: int, filling: bytes = b"\0") -> bytes:
    """The content, filled up to a multiple of ``size``."""
    missing = -len(content) % size
    return content + filling * (missing // len(filling))
