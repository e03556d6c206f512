"""The commands about LibreOffice: ``kpi-udfs libreoffice build``, ``install``, ``uninstall``, ``doctor``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kpi_udfs.cli.calling import configured, language_option, one_clear_line, said_in_help, stop
from kpi_udfs.cli.examining import carried_out, end, printed, reported
from kpi_udfs.cli.excel import BUILT
from kpi_udfs.cli.writing import said_if_unwritable, write_bytes
from kpi_udfs.excel.findings import worst
from kpi_udfs.libreoffice import doctor as checks
from kpi_udfs.libreoffice import installing
from kpi_udfs.libreoffice.bundle import FILE, extension
from kpi_udfs.libreoffice.machine import Machine
from kpi_udfs.libreoffice.office_checks import missing
from kpi_udfs.libreoffice.places import Office, find_office
from kpi_udfs.libreoffice.this_machine import this_machine
from kpi_udfs.messages import say, text

HELP = text("cli.help.libreoffice", "The functions in LibreOffice Calc, on Linux, macOS and Windows.")
HELP_INSTALL = text(
    "cli.help.libreoffice.install", "Put the extension into your LibreOffice, and check what can go wrong."
)
HELP_UNINSTALL = text("cli.help.libreoffice.uninstall", "Take away what install has put in place.")
HELP_DOCTOR = text(
    "cli.help.libreoffice.doctor",
    "Check what can keep the functions from working in Calc, try them, and say what to do about it.",
)
HELP_BUILD = text("cli.help.libreoffice.build", "Write the extension as a file to hand out.")
HELP_OUTPUT = text("cli.help.libreoffice.output", "Where to write it; kpi_udfs.oxt here without it.")
HELP_FOLDER = text("cli.help.libreoffice.folder", "The program folder of LibreOffice, where several are installed.")
HELP_PROFILE = text("cli.help.libreoffice.profile", "Folder of another profile than your usual one.")
HELP_PANDAS = text(
    "cli.help.libreoffice.with_pandas", "Also fetch pandas for LibreOffice's Python, for the functions over tables."
)
HELP_SECONDS = text(
    "cli.help.libreoffice.seconds", "How long LibreOffice may take for a small sheet, in seconds (120)."
)
HELP_JSON = text("cli.help.libreoffice.json", "Print one JSON object.")
NEXT = text("cli.libreoffice.next", "Next: start LibreOffice Calc and type =KPI_VERSION() into a cell.")
NEXT_AFTER_PROBLEMS = text(
    "cli.libreoffice.next_after_problems", "Next: see to the problems, then look again: kpi-udfs libreoffice doctor"
)
NEXT_ADD = text(
    "cli.libreoffice.next_add",
    "Next: on each computer, in LibreOffice: Tools > Extensions > Add, choose this file, and start LibreOffice anew.",
)


@click.group(help=said_in_help(HELP))
def libreoffice() -> None:
    """LibreOffice Calc."""


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which LibreOffice, and whose."""
    folder = click.Path(path_type=Path)
    for option, name, said in (("--profile", "profile", HELP_PROFILE), ("--libreoffice", "folder", HELP_FOLDER)):
        command = click.option(
            option, name, metavar="FOLDER", type=folder, callback=_absolute, help=said_in_help(said)
        )(command)
    return command


def _absolute(context: click.Context, parameter: click.Parameter, folder: Path | None) -> Path | None:
    return folder.expanduser().absolute() if folder else None


_seconds_option = click.option(
    "--seconds", type=click.FloatRange(min=1), default=checks.LIMIT, help=said_in_help(HELP_SECONDS)
)


@libreoffice.command(help=said_in_help(HELP_INSTALL))
@click.option("--with-pandas", is_flag=True, help=said_in_help(HELP_PANDAS))
@_which
@_seconds_option
@language_option
def install(with_pandas: bool, folder: Path | None, profile: Path | None, seconds: float) -> None:
    """The extension in LibreOffice."""
    machine = this_machine()
    office = _office(machine, folder, profile)
    with one_clear_line() as locale:
        content = extension()
    carried_out(lambda: installing.install(machine, office, content, with_pandas), locale)
    click.echo()
    found = printed(checks.examine(machine, folder, profile, seconds), locale)
    click.echo()
    click.echo(say(NEXT_AFTER_PROBLEMS if worst(found) == "problem" else NEXT, locale))
    end(found)


@libreoffice.command(help=said_in_help(HELP_UNINSTALL))
@_which
@language_option
def uninstall(folder: Path | None, profile: Path | None) -> None:
    """The extension gone."""
    machine = this_machine()
    office = _office(machine, folder, profile)
    carried_out(lambda: installing.uninstall(machine, office), configured())


@libreoffice.command(help=said_in_help(HELP_DOCTOR))
@click.option("--json", "as_object", is_flag=True, help=said_in_help(HELP_JSON))
@_which
@_seconds_option
@language_option
def doctor(as_object: bool, folder: Path | None, profile: Path | None, seconds: float) -> None:
    """What can go wrong."""
    locale = configured()
    findings = checks.examine(this_machine(), folder, profile, seconds)
    end(reported(findings, as_object, locale))


@libreoffice.command(help=said_in_help(HELP_BUILD))
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), default=Path(FILE), help=said_in_help(HELP_OUTPUT)
)
@language_option
def build(file: Path) -> None:
    """The extension as a file."""
    with one_clear_line() as locale:
        content = extension()
    with said_if_unwritable(file, locale):
        write_bytes(file, content)
    click.echo(say(BUILT(file=file.resolve()), locale))
    click.echo(say(NEXT_ADD, locale))


def _office(machine: Machine, folder: Path | None, profile: Path | None) -> Office:
    office = find_office(machine, folder, profile)
    if office is None:
        stop(say(missing(machine, folder), configured()))
    return office
