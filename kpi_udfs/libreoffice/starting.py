"""Starting LibreOffice's programs: whether that is possible, what they know of the extension, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from kpi_udfs.libreoffice.machine import Machine, Ran
from kpi_udfs.libreoffice.places import Office
from kpi_udfs.messages import Sentence, text
from kpi_udfs.publish.libreoffice import IDENTIFIER

#: Seconds: a slow disk and a virus scanner have time to look at two thousand small files.
LIMIT = 180.0

#: LibreOffice in the list of what runs: the end of a path, or a name in quotes; and the profile that it was started with.
_OFFICE = re.compile(r'(?:^|[/\\"\s])(?:soffice|unopkg)(?:\.bin)?(?:["\s]|$)')
_PROFILE = re.compile(r"-env:UserInstallation=(\S+)")

ROOT = text(
    "libreoffice.root",
    "LibreOffice takes no extensions for the user root: run this as the user who works with LibreOffice, without sudo.",
)
OPEN = text("libreoffice.open", "LibreOffice is open: close all its windows, then once more.")
OPEN_WINDOWS = text(
    "libreoffice.open_windows",
    "LibreOffice is open: close all its windows, and its icon beside the clock if there is one, then once more.",
)
LOCKED = text(
    "libreoffice.locked",
    "LibreOffice is open, or was interrupted: close all its windows, or, if there is none, delete {lock}; then once more.",
)
NOT_WRITABLE = text(
    "libreoffice.not_writable",
    "You may not write in LibreOffice's profile {profile}, perhaps because LibreOffice once ran with sudo: make this folder "
    "yours again.",
)
TOO_SLOW = text(
    "libreoffice.too_slow",
    "{program} has not ended within {seconds:count} {seconds:second|seconds}: start LibreOffice once by hand, answer what it asks, close it, then "
    "once more.",
)
REFUSED = text("libreoffice.refused", "{program} can't be started ({reason}): install LibreOffice again.")
SAID = text("libreoffice.said", "{program} ended with code {code} and said: {said}")


@dataclass(frozen=True)
class Extension:
    """What unopkg knows of our extension."""

    version: str
    enabled: bool


def environment(machine: Machine) -> Mapping[str, str]:
    """The variables that a LibreOffice has which is started from a menu: none for the Python that runs us."""
    ours = ("PYTHON", "VIRTUAL_ENV", "CONDA_", "KPI_UDFS_LANGUAGE")  # the last is what --language sets
    kept = {name: value for name, value in machine.variables.items() if not name.upper().startswith(ours)}
    if machine.system == "linux":
        # The distributions' LibreOffice takes the first Python there for its own: with that of a virtual environment it
        # has no bridge, and reads no file at all.
        kept["PATH"] = f"/usr/bin:{kept.get('PATH', '/bin')}"
    return kept


def hindrance(machine: Machine, office: Office) -> Sentence | None:
    """Why LibreOffice's programs must not be started now; None where they may be.

    unopkg would talk to an open LibreOffice, and with a profile of its own to the wrong one.
    """
    if machine.is_root:
        return ROOT()
    if not machine.may_write(office.profile):
        return NOT_WRITABLE(profile=office.profile)
    lock = machine.read(office.lock)
    if lock is None:
        return None
    runs = _runs(machine, office)
    if runs:
        return OPEN_WINDOWS() if machine.system == "windows" else OPEN()
    # After a crash LibreOffice passes over its own lock, but not over that of unopkg.
    passed_over = runs is False and b"IPCServer=true" in lock
    return None if passed_over else LOCKED(lock=office.lock)


def _runs(machine: Machine, office: Office) -> bool | None:
    """Whether a LibreOffice of this user runs, with this profile as far as that is known; None where the system does not say."""
    if machine.system == "windows":
        command = ["tasklist", "/FI", "IMAGENAME eq soffice.bin", "/FO", "CSV", "/NH"]
    else:
        command = ["ps", "-x", "-ww", "-o", "stat=", "-o", "args="]
    ran = machine.run(command, LIMIT, machine.variables)
    if ran.code != 0:
        return None

    def ours(line: str) -> bool:
        named = _PROFILE.search(line)
        here = named is None or unquote(named[1]).rstrip("/") == unquote(office.profile.as_uri())
        # What has ended and waits to be noticed (Z) does not count.
        return here and _OFFICE.search(line) is not None and not line.lstrip().startswith("Z")

    return any(map(ours, ran.output.splitlines()))


def unopkg(machine: Machine, office: Office, *words: str) -> Ran:
    """Run unopkg."""
    command, *rest = words
    return machine.run([str(office.unopkg), command, *office.arguments, *rest], LIMIT, environment(machine))


def installed(ran: Ran) -> Extension | None:
    """Our extension in what ``unopkg list`` has said."""
    blocks = re.split(r"(?m)^Identifier: *", ran.output)[1:]
    for block in blocks:
        if block.split(None, 1)[:1] == [IDENTIFIER]:
            version = re.search(r"(?m)^ +Version: *(\S+)", block)
            enabled = re.search(r"(?m)^ +is registered: *(\S+)", block)
            return Extension(version[1] if version else "", enabled is None or enabled[1] == "yes")
    return None


def failure(ran: Ran, program: object) -> Sentence | None:
    """How a program has failed, in a line; None where it has not."""
    if ran.code == 0:
        return None
    if ran.refused:
        return REFUSED(program=program, reason=ran.refused)
    if ran.stopped:
        return TOO_SLOW(program=program, seconds=round(ran.seconds))
    return SAID(program=program, code=ran.code, said=gist(ran.output))


def gist(output: str) -> str:
    """What a program said, in one line: its errors if it names any."""
    lines = [line.strip() for line in output.splitlines()]
    # javaldx looks for a Java that nothing here needs.
    said = [line for line in lines if line and "javaldx" not in line and line != "ERROR: unopkg failed."]
    errors = [line for line in said if line.upper().startswith("ERROR")] or said
    return " ".join(error.removeprefix("ERROR: ").removeprefix("Exception occurred: ") for error in errors)[:500] or "–"
