"""Calculating in a process of its own, which may take so long and so much memory, and no more.

A workbook can come from anybody. Whatever it does to the engine, be it that it never ends, takes all
memory or brings the process down, becomes one clear line, and the next workbook is calculated.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

import psutil

from kpi_udfs.errors import KpiUdfsError, WorkbookError
from kpi_udfs.hosts.jobs import Job, Recalculated
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.xlsx.limits import MEGABYTE

TOO_LONG = text("calc.too_long", "calculating took more than {seconds:count} {seconds:second|seconds} (--max-seconds).")
TOO_MUCH_MEMORY = text("calc.too_much_memory", "calculating took more than {megabytes:count} MB (--max-memory).")
BROKE_DOWN = text(
    "calc.broke_down", "calculating broke down; something in the workbook is more than can be taken here."
)

#: Seconds between two looks at how much is used, and between two messages on how far it has come.
_LOOK = 0.05
_TELL = 0.1


class Guarded:
    """Recalculates one workbook after the other, each within its limits."""

    def __init__(self) -> None:
        self.process: multiprocessing.process.BaseProcess | None = None
        self.line: Any = None

    def __enter__(self) -> Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop whatever is going on."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
        if self.line is not None:
            self.line.close()
        self.process = self.line = None

    def recalculate(self, job: Job, progress: Callable[[int, int], None] | None = None) -> Recalculated:
        """Do a job. Raises :class:`WorkbookError` with one clear line, OSError where the target can't be written."""
        try:
            line, process = self._started()
            kind, content = self._answer(job, line, process, progress)
        except BaseException:
            self.end()
            raise
        if kind == "broke":
            self.end()  # nobody knows what state the engine is in
        else:
            self._retire(process, job.limits.memory)
        if kind == "unwritten":
            raise OSError(*content)
        if kind == "missing":
            raise ModuleNotFoundError(name=content)
        if kind != "done":
            raise WorkbookError(content)
        assert isinstance(content, Recalculated)
        return content

    def _answer(
        self, job: Job, line: Any, process: psutil.Process, progress: Callable[[int, int], None] | None
    ) -> tuple[str, Any]:
        limits = job.limits
        until = time.monotonic() + limits.seconds
        try:
            line.send(job)
            while True:
                if line.poll(_LOOK):
                    kind, content = line.recv()
                    if kind != "told":
                        return kind, content
                    if progress:
                        progress(*content)
                if _memory(process) > limits.memory * MEGABYTE:
                    raise _refused(job, TOO_MUCH_MEMORY(megabytes=limits.memory))
                if time.monotonic() > until:
                    raise _refused(job, TOO_LONG(seconds=limits.seconds))
        except (EOFError, OSError):
            raise _refused(job, BROKE_DOWN()) from None

    def _retire(self, process: psutil.Process, memory: int) -> None:
        """A process that has grown large leaves the next workbook to a new one."""
        if _memory(process) > memory * MEGABYTE / 3:
            self.end()

    def _started(self) -> tuple[Any, psutil.Process]:
        if self.process is None or self.line is None or not self.process.is_alive():
            self.end()
            # Started afresh on every system: nothing of this process is in it.
            context = multiprocessing.get_context("spawn")
            self.line, other = context.Pipe()
            self.process = context.Process(target=_work, args=(other,), daemon=True)
            self.process.start()
            other.close()
        assert self.process.pid is not None
        return self.line, psutil.Process(self.process.pid)


def _refused(job: Job, reason: Sentence) -> WorkbookError:
    return WorkbookError(f"{job.book}: {say(reason, job.locale)}")


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended, which the pipe will tell
        return 0


def _work(line: Any) -> None:
    """The other process: jobs in, results out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    _end_with_parent()
    _quiet_engine()
    while True:
        try:
            job: Job = line.recv()
        except (EOFError, OSError):
            return
        told = 0.0

        def tell(done: int, of: int) -> None:
            nonlocal told
            if (now := time.monotonic()) - told > _TELL or done == of:
                told = now
                line.send(("told", (done, of)))

        try:
            from kpi_udfs.hosts.recalculation import recalculate  # only this process needs the engine

            answer: tuple[str, Any] = ("done", recalculate(job, tell))
        except ModuleNotFoundError as error:
            answer = ("missing", error.name)
        except KpiUdfsError as error:
            answer = ("refused", str(error))
        except OSError as error:
            answer = ("unwritten", (error.errno, error.strerror or str(error)))
        except MemoryError:
            answer = ("broke", str(_refused(job, TOO_MUCH_MEMORY(megabytes=job.limits.memory))))
        except BaseException:  # the engine's own panics are no Exception
            answer = ("broke", str(_refused(job, BROKE_DOWN())))
        line.send(answer)


def _end_with_parent() -> None:
    """Nobody is left to take the result when the process that asked is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch(sentinel: int) -> None:
            wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _quiet_engine() -> None:
    """What the engine writes on breaking down is not for the reader; what Python writes is."""
    try:
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        sys.stderr = os.fdopen(kept, "w", encoding="utf-8", errors="replace", buffering=1)
    except OSError:
        return
