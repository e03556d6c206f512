"""The program that plays Excel (``on_windows/excel.py``), asked from here."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Sequence
from typing import Any

from windows import ON_WINDOWS, Windows

#: A workbook in a folder as people have them: its name becomes a part of the server's command line.
WORKBOOK = r"C:\Büro & Co\Größe 2.xlsm"
_ANSWER = "answer: "
MISSING = {"missing": True}


class ComError(Exception):
    """A COM call that failed: the HRESULT, and what the server or the DLL said."""

    def __init__(self, result: int, said: str) -> None:
        super().__init__(f"0x{result:08x} {said}")
        self.result, self.said = result, said


class Excel:
    """A running client. Cells are written as in ``on_windows/variants.py``."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self._process = windows.popen(windows.python / "python.exe", windows.path(ON_WINDOWS / "excel.py"))
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._notes: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.command = self.configure(windows.path(windows.python / "python.exe"))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, method: str, seconds: float = 60, **given: Any) -> Any:
        """A method of the client, with a time limit."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, given]) + "\n")
        self._process.stdin.flush()
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError(f"{method} gave no answer within {seconds} seconds") from None
            if line is None:
                raise RuntimeError(f"the client ended:\n{''.join(self._notes)}")
            if line.startswith(_ANSWER):
                return _given(json.loads(line.removeprefix(_ANSWER)))
            self._notes.append(line)

    def configure(self, interpreter: str) -> str:
        """The command line that the VBA would make for this interpreter."""
        windows = self.windows
        command: str = self.ask(
            "configure", dll=windows.path(windows.xlwings_dll), interpreter=interpreter, workbook=WORKBOOK,
            python_path=windows.path(ON_WINDOWS),
        )  # fmt: skip
        return command

    def start(self, command: str | None = None, seconds: float = 60) -> None:
        self.ask("start", seconds, command=command)

    def answer(self, kpi: str, *arguments: Any, base: int = 1900, folder: str = "") -> Any:
        """A function of our own VBA's."""
        return self.call(*ours(kpi, arguments, base, folder))

    def call(self, module: str, function: str, arguments: Sequence[Any], with_objects: bool = False) -> Any:
        return plain(self.ask("call", module=module, function=function, arguments=arguments, with_objects=with_objects))

    def calls(self, calls: Sequence[Sequence[Any]], seconds: float = 300) -> list[Any]:
        """What came of many calls, raw: ``{"gives": …}`` or ``{"failed": …}``."""
        answers: list[Any] = self.ask("calls", seconds, calls=calls)
        return answers


def ours(kpi: str, arguments: Sequence[Any], base: int = 1900, folder: str = "") -> tuple[str, str, list[Any]]:
    """``Answer`` of the VBA module: name, date system and folder, then the values. Its 1900 is an Integer."""
    return "kpi_udfs.hosts.excel", "ANSWER", [kpi, {"integer": base}, folder, *arguments]


def imported(kpi: str, arguments: Sequence[Any], with_objects: bool = False) -> tuple[str, str, list[Any], bool]:
    """What "Import functions" of xlwings generates."""
    return "kpi_udfs.hosts.xlwings_udfs", kpi, list(arguments), with_objects


def _given(answer: dict[str, Any]) -> Any:
    if "broken" in answer:
        raise RuntimeError(answer["broken"])
    if "failed" in answer:
        raise ComError(answer["failed"], answer["said"])
    return answer["gives"]


def plain(result: Sequence[Any]) -> Any:
    """A result without its types."""
    kind, value, *_ = result
    return [[plain(cell) for cell in row] for row in value] if kind.startswith("ARRAY") else value


def types(result: Sequence[Any]) -> set[str]:
    """The VARIANT types of a result's cells."""
    kind, value, *_ = result
    if not kind.startswith("ARRAY"):
        return {kind}
    return {kind} | {name for row in value for cell in row for name in types(cell)}
