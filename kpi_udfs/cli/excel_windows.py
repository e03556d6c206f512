"""The commands for Excel on Windows: ``kpi-udfs excel install``, ``excel uninstall``, ``excel doctor``."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import click

from kpi_udfs.cli.calling import configured, extra, language_option, one_clear_line, said_in_help, stop
from kpi_udfs.cli.examining import carried_out, end, printed, reported
from kpi_udfs.excel import doctor as checks
from kpi_udfs.excel import installing
from kpi_udfs.excel.findings import worst
from kpi_udfs.excel.machine import Machine
from kpi_udfs.excel.python_checks import LIMIT
from kpi_udfs.excel.windows import this_machine
from kpi_udfs.messages import say, text

HELP_INSTALL = text(
    "cli.help.excel.install",
    "Windows: put the add-in where Excel loads it, for all your workbooks, have Excel start this Python, and check what can go "
    "wrong.",
)
HELP_UNINSTALL = text("cli.help.excel.uninstall", "Windows: take away what install has put in place.")
HELP_DOCTOR = text(
    "cli.help.excel.doctor",
    "Windows: check what can keep the functions from working in Excel, or in one WORKBOOK, and say what to do about it.",
)
HELP_SECONDS = text(
    "cli.help.excel.seconds", "How long Python may take to start and to load the functions, in seconds (20)."
)
HELP_DOCTOR_JSON = text("cli.help.excel.doctor.json", "Print one JSON object.")
WINDOWS_ONLY = text(
    "cli.excel.windows_only",
    "this works on Windows only; on a Mac and on the web xlwings Lite brings the functions: kpi-udfs lite build",
)
NO_WORKBOOK = text("cli.excel.no_workbook", "{file}: there is no such file")
NEXT = text(
    "cli.excel.next",
    "Next: close all windows of Excel, start it again and type =KPI_VERSION() into a cell of any workbook.",
)
NEXT_AFTER_PROBLEMS = text(
    "cli.excel.next_after_problems", "Next: see to the problems, then look again: kpi-udfs excel doctor"
)


_seconds_option = click.option(
    "--seconds", type=click.FloatRange(min=1), default=LIMIT, help=said_in_help(HELP_SECONDS)
)


@click.command(help=said_in_help(HELP_INSTALL))
@_seconds_option
@language_option
def install(seconds: float) -> None:
    """The add-in and its configuration in place."""
    machine = _windows()
    with one_clear_line() as locale, extra("excel"):
        from kpi_udfs.workbooks.macro_books import add_in

        content = add_in(locale)
    carried_out(lambda: installing.install(machine, content), locale)
    click.echo()
    found = printed(checks.examine(machine, limit=seconds), locale)
    click.echo()
    click.echo(say(NEXT_AFTER_PROBLEMS if worst(found) == "problem" else NEXT, locale))
    end(found)


@click.command(help=said_in_help(HELP_UNINSTALL))
@language_option
def uninstall() -> None:
    """The add-in and its configuration gone."""
    machine = _windows()
    carried_out(lambda: installing.uninstall(machine), configured())


@click.command(help=said_in_help(HELP_DOCTOR))
@click.argument("workbook", required=False)
@click.option("--json", "as_object", is_flag=True, help=said_in_help(HELP_DOCTOR_JSON))
@_seconds_option
@language_option
def doctor(workbook: str | None, as_object: bool, seconds: float) -> None:
    """What can go wrong."""
    machine, locale = _windows(), configured()
    on_the_web = workbook is not None and workbook.lower().startswith(("https:", "http:"))
    if workbook and not on_the_web:
        workbook = str(Path(workbook).absolute())
        if not machine.is_file(PureWindowsPath(workbook)):
            stop(say(NO_WORKBOOK(file=workbook), locale))
    findings = checks.examine(machine, PureWindowsPath(workbook) if workbook else None, seconds)
    end(reported(findings, as_object, locale))


def _windows() -> Machine:
    machine = this_machine()
    if machine is None:
        stop(say(WINDOWS_ONLY, configured()))
    return machine
