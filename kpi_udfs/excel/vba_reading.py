"""Reading the source text of the VBA in a workbook.

A project is a compound file ([MS-CFB]); its stream ``dir`` lists the modules, each of which has a stream with
its compressed source ([MS-OVBA] 2.3.4.2 and 2.4.1). Enough is read to get at the text, of small files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURE = bytes.fromhex("D0CF11E0A1B11AE1")
_LAST_SECTOR = 0xFFFFFFFA
_STREAM, _ROOT = 2, 5

# Records of the stream "dir".
_CODE_PAGE, _VERSION, _MODULE, _MODULE_STREAM, _OFFSET = 0x03, 0x09, 0x47, 0x32, 0x31


def sources(project: bytes) -> dict[str, str]:
    """The text of every module, by its name. Raises ValueError where ``project`` is no VBA project."""
    try:
        streams = _streams(project)
        found: dict[str, str] = {}
        code_page, name, stream = 1252, "", ""
        for record, content in _records(decompressed(streams["dir"])):
            if record == _CODE_PAGE:
                (code_page,) = struct.unpack("<H", content)
            elif record == _MODULE:
                name = content.decode("utf-16-le")
            elif record == _MODULE_STREAM:
                stream = content.decode("utf-16-le")
            elif record == _OFFSET:
                text = decompressed(streams[stream][struct.unpack("<I", content)[0] :])
                found[name] = text.decode(f"cp{code_page}", "replace").replace("\r\n", "\n")
    except (struct.error, KeyError, IndexError, LookupError, UnicodeDecodeError) as error:
        raise ValueError(f"not a VBA project: {error}") from error
    return found


def decompressed(content: bytes) -> bytes:
    """What a compressed container holds."""
    if content[:1] != b"\1":
        raise ValueError("not a compressed container")
    made, at = bytearray(), 1
    while at + 2 <= len(content):
        (head,) = struct.unpack_from("<H", content, at)
        end = min(at + (head & 0x0FFF) + 3, len(content))
        if head & 0x8000:
            made += _chunk(content[at + 2 : end])
        else:
            made += content[at + 2 : end]
        at = end
    return bytes(made)


def _chunk(tokens: bytes) -> bytes:
    """A chunk's text: eight tokens follow a byte that says which of them repeat what came before."""
    made, at = bytearray(), 0
    while at < len(tokens):
        flags, at = tokens[at], at + 1
        for number in range(8):
            if at >= len(tokens):
                break
            if not flags >> number & 1:
                made.append(tokens[at])
                at += 1
                continue
            (token,) = struct.unpack_from("<H", tokens, at)
            at += 2
            bits = max((len(made) - 1).bit_length(), 4)
            back = (token >> (16 - bits)) + 1
            for _ in range((token & (0xFFFF >> bits)) + 3):
                made.append(made[-back])
    return bytes(made)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 6 <= len(content):
        record, size = struct.unpack_from("<HI", content, at)
        size = 6 if record == _VERSION else size  # the one record whose size is not that of what follows
        yield record, content[at + 6 : at + 6 + size]
        at += 6 + size


def _streams(content: bytes) -> dict[str, bytes]:
    """The streams of a compound file, by name: the modules' lie in one storage, where no two have the same."""
    if content[:8] != _SIGNATURE:
        raise ValueError("not a compound file")
    (shift, small_shift) = struct.unpack_from("<HH", content, 30)
    (directory, _, cutoff, first_small) = struct.unpack_from("<4I", content, 48)
    size = 1 << shift

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    tables = [number for number in struct.unpack_from("<109I", content, 76) if number < _LAST_SECTOR]
    table = [number for one in tables for number in struct.unpack(f"<{size // 4}I", sector(one))]

    def chain(first: int, following: list[int]) -> Iterator[int]:
        for _ in following:  # no chain is longer, unless it goes round in circles
            if first >= _LAST_SECTOR:
                return
            yield first
            first = following[first]

    def whole(first: int) -> bytes:
        return b"".join(map(sector, chain(first, table)))

    small_table = [number for (number,) in struct.iter_unpack("<I", whole(first_small))]
    entries = [_entry(whole(directory)[at : at + 128]) for at in range(0, len(whole(directory)), 128)]
    small = b"".join(whole(first) for _, kind, first, _ in entries if kind == _ROOT)
    found = {}
    for name, kind, first, length in entries:
        if kind != _STREAM:
            continue
        if length < cutoff:
            places = (number << small_shift for number in chain(first, small_table))
            found[name] = b"".join(small[at : at + (1 << small_shift)] for at in places)[:length]
        else:
            found[name] = whole(first)[:length]
    return found


def _entry(packed: bytes) -> tuple[str, int, int, int]:
    """A stream's or storage's name, kind, first sector and length."""
    (name_bytes, kind) = struct.unpack_from("<HB", packed, 64)
    (first, length) = struct.unpack_from("<II", packed, 116)
    return packed[: max(name_bytes - 2, 0)].decode("utf-16-le"), kind, first, length
