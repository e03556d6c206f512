"""What is asked of the computer in the same way on every system, for Excel and for LibreOffice."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from kpi_udfs.excel.machine import Ran

#: Seconds in which what a program has written arrives, once it has ended.
READING = 3.0


def is_file(path: PurePath) -> bool:
    """Whether there is such a file."""
    return os.path.isfile(path)  # noqa: PTH113 (a wrong name is no file, and no error)


def names_in(folder: PurePath) -> list[str]:
    """What lies in a folder; nothing where there is none."""
    try:
        return sorted(entry.name for entry in Path(folder).iterdir())
    except OSError:
        return []


def run(
    command: str | list[str],
    seconds: float,
    variables: Mapping[str, str] | None,
    end: Callable[[subprocess.Popen[bytes]], None],
    encoding: str,
    **how: Any,
) -> Ran:
    """Run a program without input, and let ``end`` end it with what it has started itself when its time is up.

    ``how``: what the system wants to know in addition (:class:`subprocess.Popen`).
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if variables is None else dict(variables),
            **how,
        )
    except OSError as error:
        return Ran(None, refused=error.strerror or str(error))
    assert process.stdout is not None
    # What the program has started may hold the pipe open after the program's own end.
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        end(process)
        return Ran(None, seconds=time.monotonic() - began)
    took = time.monotonic() - began
    reader.join(READING)
    return Ran(code, b"".join(output).decode(encoding, "replace"), took)
