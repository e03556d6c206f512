"""What all commands share: the language, one clear line for what goes wrong, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from kpi_udfs import settings
from kpi_udfs.errors import ConfigError, KpiUdfsError
from kpi_udfs.kpis.about import UNKNOWN_LANGUAGE
from kpi_udfs.messages import Text, say, text

NEEDS_EXTRA = text("cli.needs_extra", 'this needs the extra {extra}: pip install "kpi_udfs[{extra}]"')
READING = text("cli.reading", "Reading {file}")
CALCULATING = text("cli.calculating", "Calculating")
CANT_WRITE = text("cli.cant_write", "{folder}: nothing can be written there: {reason}")
HELP_LANGUAGE = text(
    "cli.help.language", "Language of explanations and of numbers written as text, such as de or en_GB."
)


def configured() -> str | None:
    """The configured language; None while the configuration can't be used, too."""
    try:
        return settings.current().language
    except ConfigError:
        return None  # said by the command that needs it


_LOCALE = configured()


def said_in_help(what: Text) -> str:
    """A text of the help, in the language configured at the start."""
    return say(what, _LOCALE)


def _set_language(context: click.Context, parameter: click.Parameter, language: str | None) -> None:
    if language:
        from kpi_udfs.written import known_locale

        if not known_locale(language):
            stop(say(UNKNOWN_LANGUAGE(language=language), _LOCALE))
        os.environ["KPI_UDFS_LANGUAGE"] = language
        settings.forget()


def language_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--language`` for a command; it is set before the command runs."""
    return click.option(
        "--language",
        callback=_set_language,
        expose_value=False,
        is_eager=True,
        metavar="LANGUAGE",
        help=said_in_help(HELP_LANGUAGE),
    )(command)


@contextmanager
def one_clear_line() -> Iterator[str | None]:
    """Whatever goes wrong inside is said in a line, with exit code 2; gives the language."""
    locale = None  # the settings' own problems may be about the language
    try:
        locale = settings.current().language
        yield locale
    except ConfigError as error:
        stop(error.said(locale))
    except KpiUdfsError as error:
        stop(str(error))


@contextmanager
def extra(*names: str) -> Iterator[None]:
    """What is not installed is named, with the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kpi_udfs"):
            raise
        stop(say(NEEDS_EXTRA(extra=",".join(names)), configured()))


def extra_for(table: Path) -> str:
    """The extra that reads a table file; for a text file it does not matter."""
    return "headless" if table.suffix.lower() in (".xlsx", ".xlsm") else "duckdb"


def stop(line: str) -> NoReturn:
    """End with a line on standard error and exit code 2."""
    click.echo(f"kpi-udfs: {line}", err=True)
    sys.exit(2)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress line on a terminal; nothing where output is not read by a person."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda what, done, of: shown.update(task, description=what, completed=done, total=of)
