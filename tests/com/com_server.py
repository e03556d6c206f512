"""xlwings' server as a process: how it is started, what happens when it dies, and what it leaves behind.

What the DLL does, as seen under Wine (the first two points also stand in the source of an older version):

- It keeps a server for each *command line*, under a class identifier that it makes once for it. A server
  that is started again by the same command line has the same identifier.
- ``XLPyDLLActivateAuto(…, 1)`` gives the object it has unless a look at it fails with "RPC server is
  unavailable" (0x800706ba); then it starts anew.
- Wine keeps the identifier of a process that was killed, so the DLL can't start anew there: it says "Could
  not activate" at once. Windows should forget it, which has not been tried here. The same command line with a
  space behind it is another one to the DLL and the same to ``cmd.exe``: that starts a server here, too.
- A start that fails blocks for two minutes, whatever the reason: ``cmd.exe /K`` stays when Python ends, and
  the DLL waits for its server. Only where ``cmd.exe`` itself can't be started it says so at once.
- A command line of 2,048 characters and more ends the whole process, in which Excel would be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xlwings
from excel_client import WORKBOOK, ComError, Excel, imported, ours
from windows import Windows

RPC_CALL_FAILED, RPC_SERVER_UNAVAILABLE = 0x800706BE, 0x800706BA
#: Those from which the command line comes.
LINES_OF_THE_VBA = r'''
PYTHONPATH = AddExcelDir & ";" & ThisWorkbook.FullName & ";" & ThisWorkbook.FullName & ";"
PYTHONPATH = Replace(PYTHONPATH, "\", "\\")
PYTHONPATH = Replace(PYTHONPATH, "'", "\'")
PYTHONPATH = Replace(PYTHONPATH, "&", "^&")
PYTHON_WIN = "cmd.exe " & ConsoleSwitch & " /K " & Chr(34) & Chr(34) & PYTHON_WIN & Chr(34)
tail = " -B -c ""import sys, os;" & LicenseKeyEnvString & "import xlwings.utils;xlwings.utils.prepare_sys_path(\""" & PYTHONPATH & "\"");import xlwings; xlwings.serve('$(CLSID)')"""
XLPyCommand = PYTHON_WIN & tail & Chr(34)
'''
COLUMN = [[number + 0.25] for number in range(50)]
LEADS = [["Lead", "MQL"], *([46000 + number, 46010 + number] for number in range(20))]


@pytest.fixture
def fresh(windows: Windows) -> Iterator[Excel]:
    """A client of its own, whose server does not run yet."""
    with windows.running():
        yield Excel(windows)


def test_the_command_line_is_that_of_the_vba(fresh: Excel, windows: Windows) -> None:
    """The client writes it as XLPyCommand does, in the copy of xlwings.bas that belongs to the DLL."""
    module = Path(xlwings.__file__).with_name("xlwings.bas").read_text(encoding="utf-8")
    assert f'Const XLPyDLLName As String = "{windows.xlwings_dll.name}"' in module
    for line in LINES_OF_THE_VBA.strip().splitlines():
        assert line in module, line
    assert len(fresh.command) < 2048
    escaped = WORKBOOK.replace("\\", "\\\\").replace("&", "^&")
    assert fresh.command.startswith('cmd.exe  /K ""Z:\\')
    assert f'prepare_sys_path(\\"false;{escaped};{escaped};;;;' in fresh.command


def test_killed_in_mid_call(fresh: Excel) -> None:
    """The call fails at once; the VBA drops the object and asks the DLL for another, which answers."""
    fresh.start()
    process = fresh.call("udfs_for_tests", "PROCESS", [])
    fresh.ask("kill", process=process, after=1.0)
    began = time.monotonic()
    with pytest.raises(ComError) as failed:
        fresh.call("udfs_for_tests", "SLEEP", [40])
    assert failed.value.result == RPC_CALL_FAILED

    with pytest.raises(ComError, match="Could not activate Python COM server"):
        fresh.start()
    with pytest.raises(ComError) as failed:
        fresh.answer("COST_PER_LEAD", 1200, 40)
    assert failed.value.result == RPC_SERVER_UNAVAILABLE
    assert time.monotonic() - began < 15

    fresh.start(f"{fresh.command} ")
    assert fresh.answer("COST_PER_LEAD", 1200, 40) == 30
    assert fresh.call("udfs_for_tests", "PROCESS", []) != process


def test_ended_by_the_dll(fresh: Excel, windows: Windows) -> None:
    """What "Restart UDF Server" in xlwings' ribbon does leaves neither Python nor cmd.exe."""
    fresh.start()
    assert windows.processes("xlwings.serve")
    fresh.ask("forget")
    end = time.monotonic() + 10
    while windows.processes("xlwings.serve") and time.monotonic() < end:
        time.sleep(0.1)
    assert not windows.processes("xlwings.serve")
    with pytest.raises(ComError):
        fresh.answer("COST_PER_LEAD", 1200, 40)


def test_starts_that_fail(fresh: Excel, windows: Windows) -> None:
    """Without ``cmd.exe`` the DLL says so; without the interpreter it waits two minutes (122 seconds when
    measured), of which a few are enough here."""
    with pytest.raises(ComError, match="Could not create Python process"):
        fresh.start(fresh.command.replace("cmd.exe", "no_cmd.exe"))
    with pytest.raises(TimeoutError):
        fresh.start(fresh.command.replace("python.exe", "no_python.exe"), seconds=6)
    assert windows.processes("no_python.exe")


def test_a_command_line_that_is_too_long_ends_excel(fresh: Excel) -> None:
    with pytest.raises(RuntimeError, match="the client ended"):
        fresh.start(f"{fresh.command:<2048}")


def test_memory_after_ten_thousand_calls(fresh: Excel, windows: Windows) -> None:
    """Numbers, columns, texts, blocks, dates as dates, errors: the server's own memory stays."""
    outcomes = [["won"], ["lost"], ["open"], [None], ["Größe"]] * 4
    first, last = [[{"date": 46000}]] * 20, [[{"date": 46050}]] * 20
    kinds: list[tuple[Any, int]] = [
        (ours("COST_PER_LEAD", [COLUMN, 40]), 2000),
        (ours("WIN_RATIO", [outcomes]), 2000),
        (ours("KPI_EXPLAIN", ["WIN_RATIO", outcomes]), 1500),
        (ours("COST_PER_LEAD", [[[{"error": -2146826246}], [1]], 40]), 1500),
        (imported("SALES_CYCLE", [first, last, {"missing": True}])[:3], 1500),
        (imported("COST_PER_LEAD", [[[{"currency": 1.5}]] * 20, 40])[:3], 1000),
        (ours("WIN_RATIO_BY", [outcomes, outcomes]), 250),
        (ours("FUNNEL", [LEADS]), 250),
    ]
    assert sum(times for _, times in kinds) == 10_000

    def run(part: int) -> None:
        for (module, function, arguments), times in kinds:
            fresh.ask("repeat", 120, module=module, function=function, arguments=arguments, times=times // part)

    fresh.start()
    server = next(process for process in windows.processes("xlwings.serve") if program(process).endswith("python.exe"))
    run(20)
    before = own_memory(server)
    run(1)
    assert own_memory(server) <= 1.1 * before


def program(process: int) -> str:
    """What cmd.exe started has the same arguments as cmd.exe itself."""
    return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").split("\0")[0]


def own_memory(process: int) -> int:
    """What no other process shares, in kB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1])


def test_a_failure_leaves_nothing_behind(windows: Windows) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_while_a_server_runs(windows)
    assert not windows.processes()


def _fail_while_a_server_runs(windows: Windows) -> None:
    with windows.running():
        Excel(windows).start()
        assert windows.processes("xlwings.serve")
        raise ZeroDivisionError


def test_the_command_line_program(windows: Windows) -> None:
    code, output = windows.kpi_udfs("show", "WIN_RATIO")
    assert code == 0, output
    assert output.startswith("WIN_RATIO(outcomes, [values], [basis])")
    code, output = windows.kpi_udfs("show", "WIN_RATIOS")
    assert code != 0
    assert "WIN_RATIO" in output
