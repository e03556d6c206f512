"""The command line: ``kpi-udfs calc``, ``on``, ``list``, ``show``, ``demo``, ``rules``, ``config``, ``excel``, ``lite``,
``libreoffice``.

Exit codes: 0 all right; 1 some cells are errors, problems were found, or tests failed; 2 the file can't
be read or the call is wrong, with one clear line on standard error (a configuration that can't be used
has a line for each problem).
"""

from __future__ import annotations

import os
import sys

import click

from kpi_udfs.cli.calc import calc
from kpi_udfs.cli.calling import configured, said_in_help, stop
from kpi_udfs.cli.config import config
from kpi_udfs.cli.excel import excel
from kpi_udfs.cli.functions import demo, list_kpis, on, show
from kpi_udfs.cli.libreoffice import libreoffice
from kpi_udfs.cli.lite import lite
from kpi_udfs.cli.rules import rules
from kpi_udfs.messages import say, text

NO_OUTPUT = text("cli.no_output", "the output can't be written: {reason}")
HELP = text("cli.help", "KPI functions for spreadsheets: recalculate workbooks, look up definitions.")


def main() -> None:
    """Entry point: the commands, with an output that takes every sign and failures said in a line."""
    # Piped output is UTF-8 on every system; a console keeps its own encoding but never fails on ÷.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", **({} if stream.isatty() else {"encoding": "utf-8"}))
    try:
        try:
            commands(prog_name="kpi-udfs")
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Nothing more can be written to where the output went; not at exit either.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 (it lives as long as the process)
        stop(say(NO_OUTPUT(reason=error.strerror or error), configured()))


@click.group(help=said_in_help(HELP), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kpi_udfs")
def commands() -> None:
    """The command line."""


for _command in (calc, on, list_kpis, show, demo, rules, config, excel, lite, libreoffice):
    commands.add_command(_command)
