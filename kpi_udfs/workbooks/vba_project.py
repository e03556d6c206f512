"""VBA sources → ``vbaProject.bin``, the part of a workbook that holds its macros ([MS-OVBA]).

The project holds sources only: Excel compiles them when it loads the workbook. It refers to no library:
VBA's own and Excel's are always there, our modules need no other, and a reference would name a path.
The bytes depend on the sources alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from struct import pack

from kpi_udfs.workbooks.compound_file import compound_file

#: Western European. Its signs are all that sources may hold.
_CODE_PAGE, ENCODING = 1252, "cp1252"
_ENGLISH = 0x409
#: Any identifier will do; a fixed one makes a rebuilt project the same project.
_PROJECT_ID = "{6B1D5C0A-9F10-4F62-9C55-A61E2D4B7C03}"
_PROJECT_VERSION = (0x5F2D9A31, 6)
#: A project that another version of VBA compiles again, which is why it needs no compiled code.
_COMPILE_AGAIN = bytes.fromhex("cc61ffff000000")
_CHUNK = 4096


class Kind(Enum):
    """What a module belongs to; documents have the class of their object."""

    STANDARD = ""
    WORKBOOK = "00020819-0000-0000-C000-000000000046"
    WORKSHEET = "00020820-0000-0000-C000-000000000046"


@dataclass(frozen=True)
class Module:
    """A module of the project. ``code``: the lines that the editor shows."""

    name: str
    code: str = ""
    kind: Kind = Kind.STANDARD

    @property
    def source(self) -> str:
        """The code with the attributes that the editor hides, in lines as Windows ends them."""
        attributes = [f'VB_Name = "{self.name}"']
        if self.kind is not Kind.STANDARD:
            attributes += [
                f'VB_Base = "0{{{self.kind.value}}}"',
                "VB_GlobalNameSpace = False",
                "VB_Creatable = False",
                "VB_PredeclaredId = True",
                "VB_Exposed = True",
                "VB_TemplateDerived = False",
                "VB_Customizable = True",
            ]
        lines = [f"Attribute {attribute}" for attribute in attributes] + self.code.splitlines()
        return "".join(f"{line}\r\n" for line in lines)


def module_of(exported: str) -> Module:
    """A standard module from the text of a ``.bas`` file, whose first line names it."""
    first, _, code = exported.partition("\n")
    name = first.strip().removeprefix('Attribute VB_Name = "').removesuffix('"')
    if not name.isidentifier():
        raise ValueError(f"no module begins with {first.strip()!r}")
    return Module(name, code)


def vba_project(name: str, modules: Sequence[Module]) -> bytes:
    """The project. ``name`` has to differ from those of the modules."""
    names = [name, *(module.name for module in modules)]
    if len({one.casefold() for one in names}) < len(names):
        raise ValueError(f"two of these have the same name: {', '.join(names)}")
    streams = {module.name: compressed(module.source.encode(ENCODING)) for module in modules}
    information = {"_VBA_PROJECT": _COMPILE_AGAIN, "dir": compressed(_directory(name, modules))}
    return compound_file({
        "VBA": streams | information,
        "PROJECT": _properties(name, modules),
        "PROJECTwm": _names(modules),
    })  # fmt: skip


# --------------------------------------------------------------------------------- the streams


def _directory(name: str, modules: Sequence[Module]) -> bytes:
    """What the project is and which modules it has (2.3.4.2)."""
    records = [
        _record(0x01, pack("<I", 3)),  # made for 64 bits; runs on both
        _record(0x02, pack("<I", _ENGLISH)),
        _record(0x14, pack("<I", _ENGLISH)),
        _record(0x03, pack("<H", _CODE_PAGE)),
        _record(0x04, name.encode(ENCODING)),
        _twice(0x05, 0x40, ""),  # description
        _record(0x06) + _record(0x3D),  # help file
        _record(0x07, bytes(4)),
        _record(0x08, bytes(4)),
        pack("<HIIH", 0x09, 4, *_PROJECT_VERSION),
        _twice(0x0C, 0x3C, ""),  # constants of conditional compilation
        _record(0x0F, pack("<H", len(modules))),
        _record(0x13, b"\xff\xff"),
    ]
    for module in modules:
        records += [
            _twice(0x19, 0x47, module.name),
            _twice(0x1A, 0x32, module.name),  # its stream
            _twice(0x1C, 0x48, ""),  # description
            _record(0x31, bytes(4)),  # the source begins where the stream does
            _record(0x1E, bytes(4)),
            _record(0x2C, b"\xff\xff"),
            _record(0x21 if module.kind is Kind.STANDARD else 0x22),
            _record(0x2B),
        ]
    return b"".join([*records, _record(0x10)])


def _record(number: int, content: bytes = b"") -> bytes:
    return pack("<HI", number, len(content)) + content


def _twice(number: int, unicode_number: int, text: str) -> bytes:
    """A text in the code page and in Unicode."""
    return _record(number, text.encode(ENCODING)) + _record(unicode_number, text.encode("utf-16-le"))


def _properties(name: str, modules: Sequence[Module]) -> bytes:
    """The project as the editor lists it, neither locked nor hidden (2.3.1)."""
    lines = [
        f'ID="{_PROJECT_ID}"',
        *(
            f"Module={module.name}" if module.kind is Kind.STANDARD else f"Document={module.name}/&H00000000"
            for module in modules
        ),
        f'Name="{name}"',
        'HelpContextID="0"',
        'VersionCompatible32="393222000"',
        f'CMG="{concealed(bytes(4))}"',  # protected from nobody
        f'DPB="{concealed(bytes(1))}"',  # no password
        f'GC="{concealed(bytes([0xFF]))}"',  # visible
        "",
        "[Host Extender Info]",
        "&H00000001={3832D640-CF90-11CF-8E43-00A0C911005A};VBE;&H00000000",
        "",
        "[Workspace]",
        *(f"{module.name}=0, 0, 0, 0, C" for module in modules),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode(ENCODING)


def _names(modules: Sequence[Module]) -> bytes:
    """The modules' names in the code page and in Unicode (2.3.3)."""
    pairs = (module.name.encode(ENCODING) + b"\0" + module.name.encode("utf-16-le") + b"\0\0" for module in modules)
    return b"".join(pairs) + b"\0\0"


# ------------------------------------------------------------------------------- the encodings


def concealed(content: bytes, project_id: str = _PROJECT_ID, seed: int = 0) -> str:
    """How the project writes down whether it is protected ("data encryption", 2.4.3.2)."""
    key = sum(project_id.encode(ENCODING)) & 0xFF
    version = 2
    made = [seed, seed ^ version, seed ^ key]
    plain = key
    filling = bytes((seed & 6) // 2)
    for byte in filling + pack("<I", len(content)) + content:
        made.append(byte ^ ((made[-2] + plain) & 0xFF))
        plain = byte
    return bytes(made).hex().upper()


def compressed(content: bytes) -> bytes:
    """A stream's content, compressed (2.4.1). A last part that can't be is filled up with zeros."""
    parts = [_chunk(content[start : start + _CHUNK]) for start in range(0, len(content), _CHUNK)]
    return b"\x01" + b"".join(parts)


def _chunk(content: bytes) -> bytes:
    """4,096 bytes or fewer: flags for eight tokens each, which are bytes or copies of what came before."""
    tokens = list(_tokens(content))
    body = bytearray()
    for start in range(0, len(tokens), 8):
        eight = tokens[start : start + 8]
        body.append(sum(1 << place for place, token in enumerate(eight) if len(token) == 2))
        body += b"".join(eight)
    if len(body) > _CHUNK:
        return pack("<H", 0x3000 | _CHUNK - 1) + content.ljust(_CHUNK, b"\0")
    return pack("<H", 0xB000 | len(body) - 1) + bytes(body)


def _tokens(content: bytes) -> list[bytes]:
    tokens = []
    places: dict[bytes, list[int]] = {}
    at = 0
    while at < len(content):
        # The further on, the more bits say how far back a copy begins and the fewer how long it is.
        distance_bits = max((at - 1).bit_length(), 4) if at else 4
        longest = min((0xFFFF >> distance_bits) + 3, len(content) - at)
        length, source = _longest_copy(content, at, longest, places.get(content[at : at + 3], []))
        if length < 3:
            tokens.append(content[at : at + 1])
            length = 1
        else:
            tokens.append(pack("<H", (at - source - 1) << (16 - distance_bits) | length - 3))
        for place in range(at, at + length):
            places.setdefault(content[place : place + 3], []).append(place)
        at += length
    return tokens


def _longest_copy(content: bytes, at: int, longest: int, places: Sequence[int]) -> tuple[int, int]:
    """Length and place of the longest copy of what stands at ``at``; it may run into what it copies to."""
    best = (0, 0)
    for place in reversed(places):
        length = 0
        while length < longest and content[place + length] == content[at + length]:
            length += 1
        if length > best[0]:
            best = (length, place)
        if length == longest:
            break
    return best
