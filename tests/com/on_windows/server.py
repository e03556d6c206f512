"""xlwings' COM server as VBA reaches it: through the DLL, and by name as late binding does."""

import ctypes
from ctypes import POINTER, Structure, byref, c_long, c_uint, c_ulong, c_ushort, c_void_p, c_wchar_p

import variants
from variants import Variant

_METHOD = 1
_ENGLISH = 0x409


class Failed(Exception):
    """A COM call that failed: its HRESULT, and what the server said."""

    def __init__(self, result, said=""):
        super().__init__(f"0x{result & 0xFFFFFFFF:08x} {said}".strip())
        self.result, self.said = result & 0xFFFFFFFF, said


class _Guid(Structure):
    _fields_ = (("bytes", ctypes.c_byte * 16),)


class _Parameters(Structure):
    _fields_ = (("values", POINTER(Variant)), ("names", c_void_p), ("count", c_uint), ("named", c_uint))


class _Exception(Structure):
    _fields_ = (
        ("code", c_ushort),
        ("reserved", c_ushort),
        ("source", c_void_p),
        ("description", c_void_p),
        ("help_file", c_void_p),
        ("help_context", c_ulong),
        ("reserved_pointer", c_void_p),
        ("fill_in", c_void_p),
        ("result", c_long),
    )


_GET_IDS = ctypes.WINFUNCTYPE(c_long, c_void_p, POINTER(_Guid), POINTER(c_wchar_p), c_uint, c_ulong, POINTER(c_long))
_INVOKE = ctypes.WINFUNCTYPE(
    c_long, c_void_p, c_long, POINTER(_Guid), c_ulong, c_ushort,
    POINTER(_Parameters), POINTER(Variant), POINTER(_Exception), POINTER(c_uint),
)  # fmt: skip
_RELEASE = ctypes.WINFUNCTYPE(c_ulong, c_void_p)


def _method(pointer, number, kind):
    table = ctypes.cast(ctypes.cast(pointer, POINTER(c_void_p))[0], POINTER(c_void_p))
    return kind(table[number])


class Object:
    """An IDispatch of another process. VBA's ``Dim x As Object`` is one."""

    def __init__(self, pointer):
        self.pointer = pointer
        self._numbers = {}

    def call(self, name, *arguments):
        """Call a method with VARIANTs that stay the caller's; what comes back is the caller's, too."""
        given = (Variant * max(len(arguments), 1))(*reversed(arguments))
        result, exception, wrong = Variant(), _Exception(), c_uint()
        failed = _method(self.pointer, 6, _INVOKE)(
            self.pointer, self._number(name), byref(_Guid()), _ENGLISH, _METHOD,
            byref(_Parameters(given, None, len(arguments), 0)), byref(result), byref(exception), byref(wrong),
        )  # fmt: skip
        if failed:
            raise Failed(failed, variants.text(exception.description))
        return result

    def _number(self, name):
        if name not in self._numbers:
            number = c_long()
            failed = _method(self.pointer, 5, _GET_IDS)(
                self.pointer, byref(_Guid()), (c_wchar_p * 1)(name), 1, _ENGLISH, byref(number)
            )
            if failed:
                raise Failed(failed, name)
            self._numbers[name] = number.value
        return self._numbers[name]

    def release(self):
        _method(self.pointer, 2, _RELEASE)(self.pointer)


class Library:
    """xlwings' DLL. It keeps a server for each command line, under a class identifier of its own making."""

    def __init__(self, path):
        self._activate = ctypes.WinDLL(path).XLPyDLLActivateAuto
        self._activate.argtypes = (POINTER(Variant), ctypes.c_char_p, c_long)
        self._activate.restype = c_long

    def object(self, command):
        """The server's object, as ``XLPy`` in xlwings.bas gets it; ``Failed`` with what the DLL said."""
        got = self._asked(command, 1)
        if got.type != variants.DISPATCH or not got.pointer:
            raise Failed(0, f"no object but {variants.taken(got)}")
        return Object(got.pointer)

    def forget(self, command):
        """End the server, as ``KillPy`` in xlwings.bas does."""
        self._asked(command, -1).clear()

    def _asked(self, command, mode):
        got = Variant()
        # VBA hands a text to a DLL in the computer's own code page.
        failed = self._activate(byref(got), command.encode("mbcs"), mode)
        if failed:
            raise Failed(failed, variants.taken(got)[1])
        return got


def command_line(interpreter, workbook, python_path=""):
    """What ``XLPyCommand`` in xlwings.bas makes of a configuration with this interpreter."""
    settings = ";".join(["false", workbook, workbook, "", "", "", python_path])
    escaped = settings.replace("\\", "\\\\").replace("'", "\\'").replace("&", "^&")
    return (
        f'cmd.exe  /K ""{interpreter}" -B -c "import sys, os;import xlwings.utils;'
        f'xlwings.utils.prepare_sys_path(\\"{escaped}\\");import xlwings; xlwings.serve(\'$(CLSID)\')""'
    )
