"""Functions of the tests' own in xlwings' server."""

import os
import time

import xlwings as xw


@xw.func
def PROCESS():
    """The server's process."""
    return os.getpid()


@xw.func
@xw.arg("seconds", "raw")
def SLEEP(seconds):
    """A call that takes long."""
    time.sleep(seconds)
    return "awake"


@xw.func
@xw.arg("cells", "raw")
@xw.ret("raw")
def BARE(*cells):
    """The least that a function can do: it gets its cells and answers with a number."""
    return [[1.0]]
