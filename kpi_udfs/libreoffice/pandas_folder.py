"""pandas for LibreOffice's Python: whether it is there, and putting it into the user's profile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from kpi_udfs.excel.findings import CantInstall
from kpi_udfs.libreoffice.machine import Machine
from kpi_udfs.libreoffice.office_checks import PYTHON_UNKNOWN
from kpi_udfs.libreoffice.places import Office
from kpi_udfs.libreoffice.starting import environment, gist
from kpi_udfs.messages import text

#: The oldest that the functions work with.
OLDEST = (2, 2)
#: Seconds; some 50 megabytes are fetched.
LIMIT = 900.0

FOUND = text("libreoffice.pandas.found", "LibreOffice's Python has pandas {version}.")
NO_PIP = text("libreoffice.pandas.no_pip", "{python} has no pip, which fetches pandas: {command}")
NOT_FETCHED = text(
    "libreoffice.pandas.not_fetched",
    "pip has not fetched pandas for Python {python}; does this computer reach Python's package index? pip said: {said}",
)
TOO_LONG = text("libreoffice.pandas.too_long", "pip has not fetched pandas within {minutes:count} minutes.")

_ASK = "import sys; sys.path.insert(0, sys.argv[1]); import pandas; print('pandas', pandas.__version__)"


@dataclass(frozen=True)
class Pandas:
    """The pandas that LibreOffice's Python loads."""

    version: str

    @property
    def fits(self) -> bool:
        """Whether it is recent enough."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2]) >= OLDEST


def find_pandas(machine: Machine, office: Office) -> Pandas | None:
    """pandas as LibreOffice's Python finds it: in the folder in the profile first."""
    if office.interpreter is None:
        names = " ".join(machine.names_in(office.packages))
        found = re.search(r"\bpandas-(\S+)\.dist-info", names)
    else:
        command = [str(office.interpreter), "-B", "-c", _ASK, str(office.packages)]
        found = re.search(r"(?m)^pandas (\S+)", machine.run(command, 60.0, environment(machine)).output)
    return Pandas(found[1]) if found else None


def fetch(machine: Machine, office: Office) -> PurePath:
    """Put pandas, and what it needs, into the profile's folder, whole or not at all. Raises CantInstall, OSError."""
    if not office.python:
        raise CantInstall(PYTHON_UNKNOWN())
    part = office.packages.with_name(f"{office.packages.name}.part")
    machine.remove_folder(part)
    command = [str(machine.python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    # Wheels for LibreOffice's Python, which is seldom the one that runs us.
    command += ["--target", str(part), "--python-version", office.python, "--implementation", "cp"]
    command += ["--only-binary=:all:", f"pandas>={'.'.join(map(str, OLDEST))}"]
    try:
        # A setting that has pip install for the user does not go with a folder.
        ran = machine.run(command, LIMIT, {**machine.variables, "PIP_USER": "0"})
        if "No module named pip" in ran.output:
            remedy = f'"{machine.python}" -m ensurepip'
            raise CantInstall(NO_PIP(python=machine.python, command=remedy))
        if ran.stopped:
            raise CantInstall(TOO_LONG(minutes=round(LIMIT / 60)))
        if ran.code != 0:
            raise CantInstall(NOT_FETCHED(python=office.python, said=ran.refused or gist(ran.output)))
        machine.replace_folder(office.packages, part)
    finally:
        machine.remove_folder(part)
    return office.packages
