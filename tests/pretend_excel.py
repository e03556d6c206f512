"""Our VBA, as it stands in a built workbook, run by an interpreter that is not ours.

What only Windows has is stood in for: xlwings' module, the COM server behind it, the environment. What the
server is sent is kept as Python would see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyopenvba import ExcelFile
from pyopenvba.apps.excel import Application, ExcelApplication, Range, Workbook
from pyopenvba.exceptions import VBARuntimeError
from pyopenvba.interpreter import EMPTY, MISSING, VBAArray, VBAErrorValue, VBAInt, VBAObject, member, method, setter

from kpi_udfs.cells import COM_MISSING

#: What Excel adds to the number of an error when it sends it through COM.
COM_ERROR = -2146828288

#: In place of xlwings' module, which reads files and loads a DLL.
XLWINGS = """
Function XLPy()
    Set XLPy = CreateObject("Windows").XLPy
End Function
Function XLPyCommand()
    XLPyCommand = "cmd.exe"
End Function
Function XLPyDLLActivateAuto(ByRef Result As Variant, Optional ByVal Config As String = "", _
        Optional ByVal mode As Long = 1) As Long
    XLPyDLLActivateAuto = 1
    On Error GoTo Failed
    Set Result = CreateObject("Windows").StartedBy(Config)
    XLPyDLLActivateAuto = 0
Failed:
End Function
Function GetConfig(configKey As String, Optional default As String = "", Optional source As String = "") As Variant
    GetConfig = CreateObject("Windows").GetConfig(configKey, default)
End Function
Function FileExists(ByVal FileSpec As String) As Boolean
    FileExists = CreateObject("Windows").FileExists(FileSpec)
End Function
"""


# Excel gives all cells of a range, the interpreter those in the used part of the sheet: what our VBA has to see to.
Range.bounded = lambda self: self.first  # type: ignore[method-assign]


class PretendApplication(Application):
    """The members that the interpreter's Excel does not have."""

    vba_type_name = "Application"
    caller: object
    ui_language: int
    described: list[dict[str, Any]]
    refuses: Callable[[dict[str, Any]], bool]

    @member
    def Caller(self) -> object:
        return self.caller

    @member
    def LanguageSettings(self) -> object:
        return LanguageSettings(self.ui_language)

    @method
    def MacroOptions(
        self, Macro: Any = MISSING, Description: Any = MISSING, HasMenu: Any = MISSING, MenuText: Any = MISSING,
        HasShortcutKey: Any = MISSING, ShortcutKey: Any = MISSING, Category: Any = MISSING, StatusBar: Any = MISSING,
        HelpContextID: Any = MISSING, HelpFile: Any = MISSING, ArgumentDescriptions: Any = MISSING,
    ) -> object:  # fmt: skip
        arguments = [] if ArgumentDescriptions is MISSING else list(ArgumentDescriptions.items)
        given = {"macro": Macro, "description": Description, "category": Category, "arguments": arguments}
        if self.refuses(given):
            raise VBARuntimeError(1004, "Cannot edit a macro on a hidden workbook.")
        self.described.append(given)
        return EMPTY


class LanguageSettings(VBAObject):
    def __init__(self, ui_language: int) -> None:
        self.ui_language = ui_language

    @member
    def LanguageID(self, Id: Any) -> object:
        if not self.ui_language:
            raise VBARuntimeError(445, "Object doesn't support this action")
        return VBAInt(self.ui_language if Id == 2 else 1041, "Long")


class PretendWorkbook(Workbook):
    """A workbook that can be an add-in and count its days from 1904."""

    vba_type_name = "Workbook"
    is_addin: bool
    was_addin: list[bool]
    date1904: bool

    @member
    def IsAddin(self) -> object:
        return self.is_addin

    @setter("IsAddin")
    def _set_is_addin(self, value: object) -> None:
        self.is_addin = bool(value)
        self.was_addin.append(self.is_addin)
        self.saved = False

    @method
    def Windows(self, Index: object = MISSING) -> object:
        return Window()

    @member
    def Date1904(self) -> object:
        return self.date1904


class Window(VBAObject):
    @setter("Visible")
    def _set_visible(self, value: object) -> None:
        assert value is True


class Server(VBAObject):
    """The COM server, which answers with what ``answer`` gives for the question, or is gone."""

    def __init__(self, excel: PretendExcel) -> None:
        self.excel = excel
        self.gone = False

    @method
    def CallUDF(
        self, script: Any, fname: Any, args: Any, this_workbook: Any = MISSING, caller: Any = MISSING
    ) -> object:
        if self.gone:
            raise VBARuntimeError(462, "The remote server machine does not exist or is unavailable")
        assert (this_workbook, caller) == (MISSING, MISSING)
        question = as_python(args)
        self.excel.asked.append((script, fname, question))
        return as_vba(self.excel.answer(question))


class Windows(VBAObject):
    """What xlwings' module finds on a computer."""

    def __init__(self, excel: PretendExcel) -> None:
        self.excel = excel

    @method
    def XLPy(self) -> object:
        return self._started("cmd.exe")

    @method
    def StartedBy(self, command: Any) -> object:
        return self._started(command)

    def _started(self, command: str) -> object:
        excel = self.excel
        excel.starts.append(command)
        excel.later(excel.start_takes)
        if excel.cannot_start or command in excel.dead_names:
            raise VBARuntimeError(1000, "Could not activate Python COM server")
        excel.server = Server(excel)
        return excel.server

    @method
    def GetConfig(self, key: Any, default: Any) -> object:
        return self.excel.settings.get(key, default)

    @method
    def FileExists(self, file: Any) -> object:
        return file in self.excel.files


class PretendExcel:
    """Excel with a workbook that holds our functions, and a sheet Data for their arguments."""

    PYTHON = r"C:\Python\pythonw.exe"

    def __init__(self, book: Path) -> None:
        self.app = ExcelApplication.open(book, with_vba=False)
        self.application: Any = self.app.application
        self.application.__class__ = PretendApplication
        self.application.caller = EMPTY
        self.application.ui_language = 1033
        self.application.described = []
        self.application.refuses = lambda _: False
        self.book = self._pretend(self.app.workbook)
        self.environment: dict[str, str] = {}
        self.settings = {"INTERPRETER_WIN": self.PYTHON}
        self.files = {self.PYTHON}
        self.asked: list[tuple[str, str, tuple[Any, ...]]] = []
        self.answer: Callable[[tuple[Any, ...]], Any] = lambda _: 0.5
        self.server: Server | None = None
        #: The command lines by which a start was tried, and those that can't be used again.
        self.starts: list[str] = []
        self.dead_names: set[str] = set()
        self.start_takes = 0.0
        self.cannot_start = False
        self.now = datetime(2026, 11, 22, 9)
        self.later(0)
        interpreter = self.app.interpreter
        interpreter._intrinsics["environ"] = lambda _, args, __: self.environment.get(args[0], "")
        interpreter.host.create = lambda _: Windows(self)  # type: ignore[method-assign]
        with ExcelFile(book) as file:
            for module in file.vba_project().modules:
                document = module.name == "ThisWorkbook" or module.name.startswith("Sheet")
                source = XLWINGS if module.name == "xlwings" else module.source
                self.app.add_module(source, name=module.name, kind="document" if document else "standard")

    @staticmethod
    def _pretend(book: Any) -> Any:
        book.__class__ = PretendWorkbook
        book.is_addin, book.was_addin, book.date1904 = False, [], False
        return book

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.app.freeze_clock(self.now)

    def other_workbook(self, path: str) -> Any:
        """A workbook without our functions, opened beside; its path may be anything."""
        book = self._pretend(self.app.add_workbook())
        book.path = path
        return book

    def new_sheet(self, book: Any = None) -> Any:
        return (book or self.book).vba_get("Worksheets").vba_get("Add")

    def fill(self, sheet: Any, row: int, column: int, rows: Sequence[Sequence[Any]]) -> Range:
        """Put cells onto a sheet and give their range. An error is a :class:`VBAErrorValue`."""
        for down, cells in enumerate(rows):
            for right, cell in enumerate(cells):
                at = sheet.vba_get("Cells", [VBAInt(row + down, "Long"), VBAInt(column + right, "Long")])
                if isinstance(cell, str):
                    at.vba_set("NumberFormat", "@")  # 12% as a text, too
                if cell not in (None, ""):
                    at.vba_set("Value2", float(cell) if type(cell) is int else as_vba(cell))
        corner = sheet.vba_get("Cells", [VBAInt(row, "Long"), VBAInt(column, "Long")])
        return corner.vba_get("Resize", [VBAInt(len(rows), "Long"), VBAInt(len(rows[0]), "Long")])  # type: ignore[no-any-return]

    def call(self, function: str, *arguments: Any) -> Any:
        """What the function puts into a cell."""
        return as_python(self.app.interpreter.run(function, list(arguments), module="kpi_udfs"))


def as_python(value: Any) -> Any:
    """A VBA value as Python gets it through COM."""
    if value is EMPTY:
        return None
    if value is MISSING:
        return COM_MISSING
    if isinstance(value, VBAErrorValue):
        return value.number + COM_ERROR
    if isinstance(value, VBAArray):
        if value.dimensions == 1:
            return tuple(as_python(item) for item in value.items)
        (top, bottom), (left, right) = value.bounds
        return tuple(
            tuple(as_python(value.get([row, column])) for column in range(left, right + 1))
            for row in range(top, bottom + 1)
        )
    if isinstance(value, VBAInt):
        return int(value)
    assert value is None or isinstance(value, bool | int | float | str), f"{value!r} is no value"
    return value


def as_vba(value: Any) -> Any:
    """A Python result as it comes back: a row arrives without its second dimension."""
    if isinstance(value, list | tuple):
        rows = [row if isinstance(row, list | tuple) else None for row in value]
        if None in rows:
            return VBAArray([(0, len(value) - 1)], items=[as_vba(item) for item in value])
        block = VBAArray([(0, len(rows) - 1), (0, len(rows[0]) - 1)])
        for down, row in enumerate(rows):
            for right, cell in enumerate(row):
                block.set([down, right], as_vba(cell))
        return block
    if type(value) is int:
        return VBAInt(value, "Long") if abs(value) < 2**31 else float(value)
    return EMPTY if value is None else value
