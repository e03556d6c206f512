"""VARIANTs, byte for byte as Excel and VBA build them.

pywin32 would decide the types itself; what is tested here is what becomes of Excel's. A value is plain
data, as JSON holds it: null is an empty cell, a number a double (the only number a cell has), a text, true
or false; ``{"date": serial}``, ``{"currency": amount}``, ``{"error": code}``, ``{"integer": VBA's}``; a list of rows is a range's
values; ``{"array": […]}`` is VBA's ``Array(…)``, ``{"missing": true}`` an argument that was left out and
``{"range": rows}`` a Range object that holds these cells.
"""

import ctypes
from ctypes import POINTER, Structure, Union, byref, c_long, c_short, c_ulong, c_ushort, c_void_p

EMPTY, NULL, I2, I4, R4, R8, CY, DATE, BSTR, DISPATCH, ERROR, BOOL, VARIANT = range(13)
ARRAY, BY_REFERENCE = 0x2000, 0x4000
TYPE_NAMES = {
    EMPTY: "EMPTY", NULL: "NULL", I2: "I2", I4: "I4", R4: "R4", R8: "R8", CY: "CY", DATE: "DATE", BSTR: "BSTR",
    DISPATCH: "DISPATCH", ERROR: "ERROR", BOOL: "BOOL", VARIANT: "VARIANT", 13: "UNKNOWN", 14: "DECIMAL",
    16: "I1", 17: "UI1", 18: "UI2", 19: "UI4", 20: "I8", 21: "UI8",
}  # fmt: skip
#: What VBA passes for an optional argument that was left out.
MISSING = -2147352572

automation = ctypes.OleDLL("oleaut32")
_plain = ctypes.WinDLL("oleaut32")


class _Content(Union):
    _fields_ = (
        ("i2", c_short),
        ("i4", c_long),
        ("i8", ctypes.c_longlong),
        ("r4", ctypes.c_float),
        ("r8", ctypes.c_double),
        ("pointer", c_void_p),
        ("_room", ctypes.c_byte * 16),
    )


class Variant(Structure):
    _anonymous_ = ("content",)
    _fields_ = (("type", c_ushort), ("_reserved", c_ushort * 3), ("content", _Content))

    def clear(self):
        automation.VariantClear(byref(self))


class Bound(Structure):
    _fields_ = (("count", c_ulong), ("lowest", c_long))


_plain.SysAllocStringLen.restype = c_void_p
_plain.SysAllocStringLen.argtypes = (ctypes.c_wchar_p, ctypes.c_uint)
_plain.SysStringLen.argtypes = (c_void_p,)
_plain.SysFreeString.argtypes = (c_void_p,)
_plain.SafeArrayCreate.restype = c_void_p
_plain.SafeArrayCreate.argtypes = (c_ushort, ctypes.c_uint, POINTER(Bound))
_plain.SafeArrayGetDim.argtypes = (c_void_p,)
automation.SafeArrayAccessData.argtypes = (c_void_p, POINTER(c_void_p))
automation.SafeArrayUnaccessData.argtypes = (c_void_p,)
automation.SafeArrayGetLBound.argtypes = (c_void_p, ctypes.c_uint, POINTER(c_long))
automation.SafeArrayGetUBound.argtypes = (c_void_p, ctypes.c_uint, POINTER(c_long))
automation.VariantClear.argtypes = (POINTER(Variant),)


# ------------------------------------------------------------------------------------ building


def put(variant, value, put_range=None):
    """Write ``value`` into an empty VARIANT. ``put_range`` does so for Range put_range."""
    if value is None:
        return
    if isinstance(value, bool):
        variant.type, variant.i2 = BOOL, -1 if value else 0
    elif isinstance(value, float | int):
        variant.type, variant.r8 = R8, value
    elif isinstance(value, str):
        variant.type, variant.pointer = BSTR, _plain.SysAllocStringLen(value, len(value.encode("utf-16-le")) // 2)
    elif isinstance(value, list):
        variant.type, variant.pointer = ARRAY | VARIANT, _block(value, put_range)
    else:
        ((kind, content),) = value.items()
        if kind == "date":
            variant.type, variant.r8 = DATE, content
        elif kind == "currency":
            variant.type, variant.i8 = CY, round(content * 10_000)
        elif kind == "integer":
            variant.type, variant.i2 = I2, content
        elif kind == "error":
            variant.type, variant.i4 = ERROR, content
        elif kind == "array":
            variant.type, variant.pointer = ARRAY | VARIANT, _array(content, [Bound(len(content), 0)], put_range)
        elif kind == "missing":
            variant.type, variant.i4 = ERROR, MISSING
        elif kind == "range":
            put_range(variant, content)
        else:
            raise ValueError(value)


def _block(rows, put_range):
    """What ``Range.Value`` gives: two dimensions, counted from 1, column after column."""
    bounds = [Bound(len(rows), 1), Bound(len(rows[0]), 1)]
    return _array([row[column] for column in range(len(rows[0])) for row in rows], bounds, put_range)


def _array(values, bounds, put_range):
    array = _plain.SafeArrayCreate(VARIANT, len(bounds), (Bound * len(bounds))(*bounds))
    data = c_void_p()
    automation.SafeArrayAccessData(array, byref(data))
    if values:
        for variant, value in zip((Variant * len(values)).from_address(data.value), values, strict=True):
            put(variant, value, put_range)
    automation.SafeArrayUnaccessData(array)
    return array


# ------------------------------------------------------------------------------------- reading


def taken(variant):
    """What came back: ``[type, value]``; for an array ``[type, rows of these, bounds]``."""
    if variant.type & ARRAY:
        return _taken_array(variant.type & ~ARRAY, variant.pointer)
    value = {
        EMPTY: lambda: None,
        I2: lambda: variant.i2,
        I4: lambda: variant.i4,
        R8: lambda: variant.r8,
        CY: lambda: variant.i8 / 10_000,
        DATE: lambda: variant.r8,
        BSTR: lambda: text(variant.pointer),
        ERROR: lambda: variant.i4,
        BOOL: lambda: bool(variant.i2),
    }.get(variant.type, lambda: None)()
    return [TYPE_NAMES.get(variant.type, str(variant.type)), value]


def _taken_array(kind, array):
    bounds = []
    for dimension in range(1, _plain.SafeArrayGetDim(array) + 1):
        low, high = c_long(), c_long()
        automation.SafeArrayGetLBound(array, dimension, byref(low))
        automation.SafeArrayGetUBound(array, dimension, byref(high))
        bounds.append([low.value, high.value])
    name = f"ARRAY of {TYPE_NAMES.get(kind, kind)}"
    rows, columns = (high - low + 1 for low, high in (bounds if len(bounds) == 2 else [[1, 1], *bounds]))
    if kind != VARIANT or rows * columns == 0:
        return [name, [], bounds]
    data = c_void_p()
    automation.SafeArrayAccessData(array, byref(data))
    cells = [taken(cell) for cell in (Variant * (rows * columns)).from_address(data.value)]
    automation.SafeArrayUnaccessData(array)
    return [name, [cells[row::rows] for row in range(rows)], bounds]


def text(pointer):
    """The text of a BSTR."""
    return ctypes.wstring_at(pointer, _plain.SysStringLen(pointer)) if pointer else ""
