"""Run by the interpreter that Excel starts: what it is, and whether all that the functions need can be loaded.

It knows nothing of kpi_udfs, which need not be there, and writes one line of JSON.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import sysconfig
import time

#: The server's parts in the order in which they are loaded; pandas comes later, with the first table function.
SERVER = ("win32api", "pythoncom", "xlwings", "xlwings.com_server", "kpi_udfs", "kpi_udfs.hosts.excel")
LATER = ("pandas", "narwhals")


def failures(modules: tuple[str, ...]) -> dict[str, str]:
    """The modules that can't be loaded, with the reason; where one fails those behind it are not tried."""
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return {name: f"{type(error).__name__}: {error}"}
    return {}


def version(package: str) -> str | None:
    """The installed version of a package; None where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Try it and say how it went."""
    failed = failures(SERVER)
    loaded = time.perf_counter()
    failed |= failures(LATER)
    facts = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "platform": sysconfig.get_platform(),
        "prefix": sys.prefix,
        "base": sys.base_prefix,
        "failed": failed,
        "later": time.perf_counter() - loaded,
        **{name: version(name) for name in ("kpi_udfs", "xlwings", "pywin32")},
    }
    print("\nkpi_udfs:" + json.dumps(facts), flush=True)  # noqa: T201 (it talks to the process that started it)


if __name__ == "__main__":
    main()
