"""What an installation and a doctor say on the command line, for Excel as for LibreOffice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click

from kpi_udfs.cli.calling import stop
from kpi_udfs.cli.writing import as_json
from kpi_udfs.excel.findings import SAID, CantInstall, Finding, worst
from kpi_udfs.messages import Sentence, say, text

LINE = text("cli.excel.line", "{state}: {says}")
SUM = text(
    "cli.excel.sum", "{problems:count} {problems:problem|problems}, {warnings:count} {warnings:warning|warnings}."
)


def carried_out(change: Callable[[], Iterator[Sentence]], locale: str | None) -> None:
    """What is done, said as it is done."""
    try:
        for said in change():
            click.echo(say(said, locale))
    except CantInstall as error:
        stop(say(error.says, locale))


def printed(findings: Iterator[Finding], locale: str | None) -> list[Finding]:
    """The findings, printed one by one: programs may take seconds to start."""
    found = []
    for one in findings:
        click.echo(say(LINE(state=SAID[one.state], says=one.says), locale))
        found.append(one)
    states = [one.state for one in found]
    click.echo(say(SUM(problems=states.count("problem"), warnings=states.count("warning")), locale))
    return found


def reported(findings: Iterator[Finding], as_object: bool, locale: str | None) -> list[Finding]:
    """The findings as lines, or as one JSON object."""
    if not as_object:
        return printed(findings, locale)
    found = list(findings)
    lines = [{"check": one.check, "state": one.state, "says": say(one.says, locale)} for one in found]
    click.echo(as_json({"state": worst(found), "findings": lines}))
    return found


def end(found: list[Finding]) -> None:
    """Exit code 1 where there is a problem."""
    sys.exit(1 if worst(found) == "problem" else 0)
