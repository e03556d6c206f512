"""The objects that Excel hands over when a formula passes a range: Range, Workbook and what belongs to them.

They live in the caller's process and answer through COM, as Excel's do. Each has the type information by
which xlwings tells a Range from other objects.
"""

import ctypes
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pythoncom
import pywintypes
from variants import Variant
from win32com.client import VARIANT
from win32com.server import policy, util

#: The interfaces' identifiers in Excel's own type library.
_INTERFACES = {
    "Range": "{00020846-0000-0000-C000-000000000046}",
    "_Workbook": "{000208DA-0000-0000-C000-000000000046}",
    "_Worksheet": "{000208D8-0000-0000-C000-000000000046}",
    "Sheets": "{000208D7-0000-0000-C000-000000000046}",
    "_Application": "{000208D5-0000-0000-C000-000000000046}",
}
_LIBRARY_FOR_64_BIT = 3


def _type_information():
    path = str(Path(tempfile.mkdtemp()) / "excel.tlb")
    library = pythoncom.CreateTypeLib2(_LIBRARY_FOR_64_BIT, path)
    library.SetName("Excel")
    library.SetGuid(pywintypes.CreateGuid())
    library.SetVersion(1, 9)
    for name, identifier in _INTERFACES.items():
        interface = library.CreateTypeInfo(name, pythoncom.TKIND_DISPATCH)
        interface.SetGuid(pywintypes.IID(identifier))
        interface.LayOut()
    library.SaveAllChanges()
    made = pythoncom.LoadTypeLib(path)
    return {made.GetDocumentation(number)[0]: made.GetTypeInfo(number) for number in range(made.GetTypeInfoCount())}


class _Policy(policy.DesignatedWrapPolicy):
    types = _type_information()

    def _build_typeinfos_(self):
        return [self.types[self._obj_.interface]]


def com_object(python_object):
    return util.wrap(python_object, usePolicy=_Policy)


_convert = ctypes.PyDLL(pythoncom.__file__).PyCom_VariantFromPyObject
_convert.argtypes = (ctypes.py_object, ctypes.POINTER(Variant))


def put_object(variant, com):
    """Write one of these objects into a VARIANT."""
    if not _convert(com, ctypes.byref(variant)):
        raise TypeError(com)


class _Application:
    interface = "_Application"
    _public_methods_ = []
    _public_attrs_ = ["Hwnd", "Version", "Name"]
    Hwnd, Version, Name = 0, "16.0", "Microsoft Excel"


APPLICATION = com_object(_Application())


class _Sheets:
    interface = "Sheets"
    _public_methods_ = ["Item", "_NewEnum"]
    _public_attrs_ = ["Count"]
    _value_ = "Item"

    def __init__(self, sheets):
        self._sheets, self.Count = sheets, len(sheets)

    def Item(self, number):
        return self._sheets[number - 1]

    def _NewEnum(self):
        return util.NewEnum(self._sheets)


class _Sheet:
    interface = "_Worksheet"
    _public_methods_ = []
    _public_attrs_ = ["Name", "Parent", "Application"]
    Application = APPLICATION

    def __init__(self, name, book):
        self.Name, self.Parent = name, book


class _Workbook:
    interface = "_Workbook"
    _public_methods_ = []
    _public_attrs_ = ["Name", "FullName", "Path", "Worksheets", "Sheets", "Application"]
    Name, Path, FullName = "kpi.xlsm", r"C:\book", r"C:\book\kpi.xlsm"
    Application = APPLICATION

    def __init__(self):
        self.com = com_object(self)
        self.sheet = com_object(_Sheet("KPI", self.com))
        self.Worksheets = self.Sheets = com_object(_Sheets([self.sheet]))


BOOK = _Workbook()


class _Size:
    interface = "Range"
    _public_methods_ = []
    _public_attrs_ = ["Count"]

    def __init__(self, count):
        self.Count = count


class _Range:
    interface = "Range"
    _public_methods_ = ["GetAddress"]
    _public_attrs_ = ["Value", "Value2", "Row", "Column", "Rows", "Columns", "Count", "Address", "Worksheet"]
    Row = Column = 1
    Address = "$A$1"
    Worksheet = BOOK.sheet

    def __init__(self, rows):
        self._rows = [[_as_pywin32(cell) for cell in row] for row in rows]
        self.Rows, self.Columns = com_object(_Size(len(rows))), com_object(_Size(len(rows[0])))
        self.Count = len(rows) * len(rows[0])

    @property
    def Value(self):
        # A list: pywin32 takes a tuple for a result with further results.
        return self._rows if self.Count > 1 else self._rows[0][0]

    Value2 = Value

    def GetAddress(self, *_):
        return self.Address


def a_range(rows):
    """A Range that holds these cells, each a value as :mod:`variants` writes it."""
    return com_object(_Range(rows))


def _as_pywin32(cell):
    """The Python value that pywin32 turns into the VARIANT."""
    if cell is None:
        return pythoncom.Empty
    if isinstance(cell, bool | str):
        return cell
    if isinstance(cell, int | float):
        return float(cell)
    ((kind, content),) = cell.items()
    if kind == "date":
        # pywin32 would move a time without zone from the local one.
        return datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=content)
    if kind == "currency":
        return Decimal(content).quantize(Decimal("0.0001"))
    return VARIANT(pythoncom.VT_ERROR, content)
