"""Wine's C runtime with the functions that numpy needs.

Wine 8 declares C99's complex functions and ends the program where one is called; numpy calls a few while
it is imported. Here these get code. The result is a file for this machine's Wine only: it is derived from
Wine's own (LGPL), made where it is used and never handed out.
"""

from __future__ import annotations

import struct

import pefile

# By the Windows x64 convention a complex float comes packed in rcx (imaginary part above), a complex
# double as an address in rcx, and the result leaves in xmm0. Long double is double there.
_FLOAT_REAL = "66 0f 6e c1"  # movd xmm0, ecx
_FLOAT_IMAGINARY = "48 c1 e9 20"  # shr rcx, 32
_DOUBLE_REAL = "f2 0f 10 01"  # movsd xmm0, [rcx]
_RETURN = "c3"
CODE = {
    "crealf": f"{_FLOAT_REAL} {_RETURN}",
    "cimagf": f"{_FLOAT_IMAGINARY} {_FLOAT_REAL} {_RETURN}",
    "creall": f"{_DOUBLE_REAL} {_RETURN}",
    "cimag": f"f2 0f 10 41 08 {_RETURN}",
    "cimagl": f"f2 0f 10 41 08 {_RETURN}",
    # movd xmm0, ecx; shr rcx, 32; movd xmm2, ecx; mulss both by themselves; addss; sqrtss
    "cabsf": f"{_FLOAT_REAL} {_FLOAT_IMAGINARY} 66 0f 6e d1 f3 0f 59 c0 f3 0f 59 d2 f3 0f 58 c2 f3 0f 51 c0 {_RETURN}",
    # movsd xmm0, [rcx]; movsd xmm2, [rcx + 8]; the same with doubles
    "cabsl": f"{_DOUBLE_REAL} f2 0f 10 51 08 f2 0f 59 c0 f2 0f 59 d2 f2 0f 58 c2 f2 0f 51 c0 {_RETURN}",
}
#: What Wine writes for a function that it only declares: sub rsp, 40; lea rcx, …; …; call …; nop.
_STUB_BEGINS, _STUB_LENGTH = bytes.fromhex("48 83 ec 28 48 8d 0d"), 24
_BUILTIN = b"Wine builtin DLL"


def mended(library: bytes) -> bytes | None:
    """``ucrtbase.dll`` with these functions filled in, and without the mark by which Wine would take its
    own file instead; None where this Wine has them all, as later ones do."""
    data = bytearray(library)
    image = pefile.PE(data=library)
    addresses = {entry.name.decode(): entry.address for entry in image.DIRECTORY_ENTRY_EXPORT.symbols if entry.name}
    text = next(section for section in image.sections if section.Name.startswith(b".text"))
    # Behind the code the file is padded, which leaves room for what is longer than its stub.
    room = -(-(text.PointerToRawData + text.Misc_VirtualSize) // 16) * 16
    room_ends = text.PointerToRawData + text.SizeOfRawData
    places = {name: image.get_offset_from_rva(addresses[name]) for name in CODE}
    stubs = {name: at for name, at in places.items() if data.startswith(_STUB_BEGINS, at)}
    if not stubs:
        return None
    for name, at in stubs.items():
        code = bytes.fromhex(CODE[name])
        if len(code) <= _STUB_LENGTH:
            data[at : at + len(code)] = code
            continue
        if room + len(code) > room_ends:
            raise RuntimeError(f"there is no room for {name}")
        data[room : room + len(code)] = code
        jump = image.get_rva_from_offset(room) - (addresses[name] + 5)
        data[at : at + 5] = b"\xe9" + struct.pack("<i", jump)
        room = -(-(room + len(code)) // 16) * 16
    size = text.get_field_absolute_offset("Misc_VirtualSize")
    data[size : size + 4] = struct.pack("<I", max(room - text.PointerToRawData, text.Misc_VirtualSize))
    mark = data.find(_BUILTIN, 0, 0x100)
    if mark < 0:
        raise RuntimeError("this ucrtbase.dll is not Wine's own")
    data[mark : mark + len(_BUILTIN)] = bytes(len(_BUILTIN))
    return bytes(data)
