"""Where LibreOffice lies, which one it is, and where its user's profile is; nothing is started for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from kpi_udfs.libreoffice.machine import Machine

_APP = "org.libreoffice.LibreOffice"
_MAC_PYTHON = PurePosixPath("Frameworks/LibreOfficePython.framework/Versions")


@dataclass(frozen=True)
class Office:
    """A LibreOffice and its user's profile."""

    #: The folder of its programs.
    program: PurePath
    soffice: PurePath
    unopkg: PurePath
    #: Such as "25.2"; "" where it does not say.
    version: str
    profile: PurePath
    #: Whether it can run extensions that are written in Python.
    bridge: bool
    #: Of its Python such as "3.11"; "" where that is not known.
    python: str
    #: A program that is its Python, or the same Python of the system.
    interpreter: PurePath | None
    #: How a profile is named that is not the user's usual one.
    arguments: list[str] = field(default_factory=list)

    @property
    def lock(self) -> PurePath:
        """There while LibreOffice is open, and after a crash."""
        return self.profile / ".lock"

    @property
    def ours(self) -> PurePath:
        """What we put into the profile beside the extension."""
        return self.profile / "user" / "kpi_udfs"

    @property
    def packages(self) -> PurePath:
        """Where the extension looks for pandas."""
        return self.ours / f"python{self.python}"


def number(version: str) -> tuple[int, ...]:
    """A version as numbers: 3.9 is older than 3.10."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def find_office(machine: Machine, folder: PurePath | None = None, profile: PurePath | None = None) -> Office | None:
    """The LibreOffice in ``folder``, or else the first that is found where they usually lie."""
    for program in _inside(folder) if folder else _usual(machine):
        soffice = program / soffice_name(machine)
        if machine.is_file(soffice):
            return _office(machine, machine.resolved(soffice).parent, profile)
    return None


def soffice_name(machine: Machine) -> str:
    """The program by which a LibreOffice is known."""
    return "soffice.com" if machine.system == "windows" else "soffice"


def sealed(machine: Machine) -> str:
    """Whether LibreOffice is here as a package that other programs can't reach into: its kind, or ""."""
    if machine.system == "linux":
        shared = PurePosixPath("/var/lib/flatpak/app")
        if any(machine.names_in(apps / _APP) for apps in (shared, machine.home / ".local/share/flatpak/app")):
            return "Flatpak"
        if machine.names_in(PurePosixPath("/snap/libreoffice")):
            return "Snap"
    return ""


def _inside(folder: PurePath) -> Iterator[PurePath]:
    """People may name the folder of the programs, one above, or the program itself."""
    yield from (folder, folder / "program", folder / "MacOS", folder / "Contents" / "MacOS", folder.parent)


def _usual(machine: Machine) -> Iterator[PurePath]:
    if machine.system == "windows":
        for hive in ("HKCU", "HKLM"):
            if registered := machine.registered(f"{hive}\\Software\\LibreOffice\\UNO\\InstallPath"):
                yield PureWindowsPath(registered)
        for name in ("PROGRAMW6432", "PROGRAMFILES", "PROGRAMFILES(X86)"):
            if programs := machine.variables.get(name):
                yield PureWindowsPath(programs) / "LibreOffice" / "program"
    elif machine.system == "macos":
        for applications in (PurePosixPath("/Applications"), machine.home / "Applications"):
            yield applications / "LibreOffice.app" / "Contents" / "MacOS"
    else:
        for name in ("soffice", "libreoffice"):
            if found := machine.on_path(name):
                yield machine.resolved(found).parent
        for lib in ("/usr/lib", "/usr/lib64"):
            yield PurePosixPath(lib) / "libreoffice" / "program"
        opt = PurePosixPath("/opt")
        for name in sorted(machine.names_in(opt), key=number, reverse=True):
            if name.startswith("libreoffice"):
                yield opt / name / "program"


def _office(machine: Machine, program: PurePath, profile: PurePath | None) -> Office:
    settings = program.parent / "Resources" if machine.system == "macos" else program
    said = machine.read(settings / ("bootstrap.ini" if machine.system == "windows" else "bootstraprc")) or b""
    version = re.search(rb"(?m)^ProductKey=.*?(\d+\.\d+)", said)
    python = _python(machine, program)
    # The distributions have the bridge in a package of its own.
    needed = [settings / "pythonloader.py"] + ([program / "libpyuno.so"] if machine.system == "linux" else [])
    return Office(
        program=program,
        soffice=program / soffice_name(machine),
        unopkg=program / ("unopkg.com" if machine.system == "windows" else "unopkg"),
        version=version[1].decode() if version else "",
        profile=profile or _profile(machine, said),
        bridge=all(map(machine.is_file, needed)),
        python=python,
        interpreter=_interpreter(machine, program, settings, python),
        arguments=[f"-env:UserInstallation={profile.as_uri()}"] if profile else [],
    )


def _profile(machine: Machine, settings: bytes) -> PurePath:
    """The user's profile: LibreOffice's settings name its place within the user's configuration."""
    said = re.search(rb"(?m)^UserInstallation=\$SYSUSERCONFIG/([^\r\n]+)", settings)
    if machine.system == "windows":
        roaming = machine.variables.get("APPDATA")
        configuration = PureWindowsPath(roaming) if roaming else machine.home / "AppData" / "Roaming"
    elif machine.system == "macos":
        configuration = machine.home / "Library" / "Application Support"
    else:
        named = machine.variables.get("XDG_CONFIG_HOME")
        configuration = PurePosixPath(named) if named else machine.home / ".config"
    usual = "libreoffice/4" if machine.system == "linux" else "LibreOffice/4"
    return configuration / (said[1].decode(errors="replace").strip() if said else usual)


def _python(machine: Machine, program: PurePath) -> str:
    """The version of LibreOffice's Python: it brings its own, or its bridge names the system's."""
    if machine.system == "macos":
        own = machine.names_in(program.parent / _MAC_PYTHON)
    else:
        own = [name.removeprefix("python-core-") for name in machine.names_in(program) if "python-core-" in name]
    versions = [found[0] for name in own if (found := re.match(r"3\.\d+", name))]
    if versions:
        return max(versions, key=number)
    if machine.system != "linux":
        return ""
    linked = re.search(rb"libpython(3\.\d+)", machine.read(program / "libpyuno.so") or b"")
    if linked:
        return linked[1].decode()
    system = re.fullmatch(r"python(3\.\d+)", machine.resolved(PurePosixPath("/usr/bin/python3")).name)
    return system[1] if system else ""


def _interpreter(machine: Machine, program: PurePath, settings: PurePath, python: str) -> PurePath | None:
    own = program / "python.exe" if machine.system == "windows" else settings / "python"
    if machine.is_file(own):
        return own
    system = PurePosixPath(f"/usr/bin/python{python}")
    return system if machine.system == "linux" and machine.is_file(system) else None
