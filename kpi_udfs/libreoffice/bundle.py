"""The extension for LibreOffice, one file: what Calc reads, this package, and the pure Python that it needs.

The Python lies in a folder of its own, ``python/``, which the add-in puts before everything else that is installed:
LibreOffice's ``pythonpath/`` comes last, where another version of a library would win.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path, PurePosixPath

from kpi_udfs.errors import KpiUdfsError
from kpi_udfs.messages import LANGUAGES, say, text, translations
from kpi_udfs.publish import libreoffice
from kpi_udfs.settings import packaged

FILE = "kpi_udfs.oxt"
#: The folder of the Python in it.
PYTHON = "python"

#: What the functions need and is written in Python alone. pandas is not: see ``kpi-udfs libreoffice install``.
NEEDS = ("babel", "narwhals", "platformdirs", "PyYAML", "tzdata")
#: Parts of this package for which nothing calls in Calc.
_NOT_OURS = ("cli", "excel", "libreoffice", "locale", "publish", "workbooks", "workbook_templates", "config")
#: The only hosts that run in it.
_HOSTS = ("__init__.py", "libreoffice.py", "mistakes.py")
#: Compiled code, types for type checkers, and what installers write about an installation.
_SKIPPED = frozenset({".c", ".pxd", ".pyc", ".pyd", ".pyi", ".pyx", ".so", ".typed"})
_OF_INSTALLERS = frozenset({"direct_url.json", "entry_points.txt", "INSTALLER", "RECORD", "REQUESTED", "WHEEL"})

NOT_INSTALLED_WHOLE = text(
    "libreoffice.not_whole", "{package} is not installed as a package with a list of its files; install it with pip."
)


def extension() -> bytes:
    """The file. The same installation gives the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in {**libreoffice.files(), **_python()}.items():
            # The same moment in every build.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _python() -> dict[str, bytes]:
    """The folder of Python, sorted."""
    found = {**_package(), **{name: content for package in NEEDS for name, content in _installed(package)}}
    return {f"{PYTHON}/{name}": found[name] for name in sorted(found)}


def _package() -> dict[str, bytes]:
    """This package, as far as Calc needs it, its configuration, and its texts in a form that is read at once."""
    root = Path(__file__).parent.parent
    found = {}
    for file in root.rglob("*.py"):
        place = file.relative_to(root)
        if place.parts[0] not in _NOT_OURS and (place.parts[0] != "hosts" or place.name in _HOSTS):
            found[f"kpi_udfs/{place.as_posix()}"] = file.read_bytes()
    config = packaged("config")
    for file in config.rglob("*.yaml"):
        found[f"kpi_udfs/config/{file.relative_to(config).as_posix()}"] = file.read_bytes()
    for language in LANGUAGES[1:]:
        written = json.dumps(translations(language), ensure_ascii=False, indent=0)
        found[f"kpi_udfs/locale/{language}.json"] = written.encode()
    ours = f"kpi_udfs-{version('kpi_udfs')}.dist-info"
    about = f"Metadata-Version: 2.1\nName: kpi_udfs\nVersion: {version('kpi_udfs')}\nLicense-Expression: BSD-3-Clause\n"
    found[f"{ours}/METADATA"] = about.encode()
    licence = distribution("kpi_udfs").read_text("licenses/LICENSE")
    if licence is None:
        raise KpiUdfsError(say(NOT_INSTALLED_WHOLE(package="kpi_udfs")))
    found[f"{ours}/licenses/LICENSE"] = licence.encode()
    return found


def _installed(package: str) -> Iterator[tuple[str, bytes]]:
    """The files of a package that is installed here, its licence among them."""
    installed = distribution(package)
    files = installed.files
    if not files:
        raise KpiUdfsError(say(NOT_INSTALLED_WHOLE(package=package)))
    for file in files:
        place = PurePosixPath(file.as_posix())
        skipped = (
            place.suffix in _SKIPPED
            or place.name in _OF_INSTALLERS
            or bool({"__pycache__", "sboms"} & set(place.parts))
        )
        if not skipped and place.parts[0] != "..":
            yield str(place), Path(str(installed.locate_file(file))).read_bytes()
