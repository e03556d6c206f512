"""Plays Excel: starts xlwings' server as the VBA does and sends it what formulas send.

A line of JSON in is a request (a method of :class:`Excel` and what it is given), a line that begins with
``ANSWER`` the answer to it. Other lines are somebody's notes.
"""

import ctypes
import json
import os
import sys
import threading
import time
import traceback

import pythoncom
import server
import variants
from variants import Variant

ANSWER = "answer: "


class Excel:
    def __init__(self):
        pythoncom.CoInitialize()
        self._library = None
        self._command = ""
        self._python = None

    # ---------------------------------------------------------------------- the server

    def configure(self, dll, interpreter, workbook, python_path=""):
        """What a workbook's configuration says. Nothing is started."""
        self._library = self._library or server.Library(dll)
        self._command = server.command_line(interpreter, workbook, python_path)
        return self._command

    def start(self, command=None):
        """Get the server's object through the DLL, which starts it where it does not run: the seconds it took."""
        began = time.perf_counter()
        self._python = self._library.object(command or self._command)
        return time.perf_counter() - began

    def forget(self):
        """Tell the DLL to end the server."""
        self._library.forget(self._command)

    def kill(self, process, after=0.0):
        """End a process as the task manager does, ``after`` so many seconds and without waiting for it."""
        threading.Timer(after, _kill, [process]).start()

    # ---------------------------------------------------------------------- calls

    def call(self, module, function, arguments, with_objects=False):
        """One formula: what came back (see :func:`variants.taken`)."""
        return self._result(_Call(module, function, arguments, with_objects))

    def calls(self, calls):
        """Many formulas, each as ``call`` takes it, and for each what came back or how it failed."""
        answers = []
        for call in calls:
            try:
                answers.append({"gives": self.call(*call)})
            except server.Failed as failed:
                answers.append(_told(failed))
        return answers

    def repeat(self, module, function, arguments, times):
        """The same formula ``times`` times: the last result."""
        call = _Call(module, function, arguments)
        for _ in range(times - 1):
            call.of(self._python).clear()
        return self._result(call)

    def in_turn(self, calls, rounds):
        """The seconds that each of these calls takes, called in turn so that a slow moment hits all."""
        made = [_Call(*call) for call in calls]
        taken = [[] for _ in made]
        for _ in range(rounds):
            for call, seconds in zip(made, taken, strict=True):
                began = time.perf_counter()
                # xlwings' own wrapper asks the DLL for the server each time; ours keeps it.
                python = self._library.object(self._command) if call.with_objects else self._python
                result = call.of(python)
                seconds.append(time.perf_counter() - began)
                result.clear()
        return taken

    def _result(self, call):
        result = call.of(self._python)
        answer = variants.taken(result)
        result.clear()
        return answer


class _Call:
    """``XLPy.CallUDF(module, function, Array(…))``; ``with_objects`` also hands over the workbook and the
    calling cell, as xlwings' generated wrappers do."""

    def __init__(self, module, function, arguments, with_objects=False):
        self.with_objects = with_objects
        self._given = [Variant() for _ in range(5 if with_objects else 3)]
        variants.put(self._given[0], module)
        variants.put(self._given[1], function)
        variants.put(self._given[2], {"array": arguments}, _put_range)
        if with_objects:
            import excel_objects

            excel_objects.put_object(self._given[3], excel_objects.BOOK.com)
            _put_range(self._given[4], [[None]])

    def of(self, python):
        return python.call("CallUDF", *self._given)

    def __del__(self):
        for variant in self._given:
            variant.clear()


def _put_range(variant, rows):
    import excel_objects

    excel_objects.put_object(variant, excel_objects.a_range(rows))


def _kill(process):
    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel.OpenProcess(1, False, process))
    kernel.TerminateProcess(handle, 1)
    kernel.CloseHandle(handle)


def _told(failed):
    return {"failed": failed.result, "said": failed.said}


def main():
    requests, answers = _keep_the_pipes()
    excel = Excel()
    for line in requests:
        method, given = json.loads(line)
        try:
            answer = {"gives": getattr(excel, method)(**given)}
        except server.Failed as failed:
            answer = _told(failed)
        except Exception:
            answer = {"broken": traceback.format_exc()}
        answers.write(f"{ANSWER}{json.dumps(answer)}\n")
        answers.flush()


def _keep_the_pipes():
    """The pipes for requests and answers, which no child process gets.

    Excel has no standard handles; ``cmd.exe``, which the DLL starts, then has a console in which nobody
    types. Without a screen there is none: an input that stays open and empty is the nearest to it.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silent, _ = os.pipe()
    os.dup2(silent, 0, inheritable=True)
    nothing = os.open("nul", os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream, inheritable=True)
    return requests, answers


if __name__ == "__main__":
    sys.exit(main())
