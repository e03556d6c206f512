"""The commands about configuration: ``kpi-udfs config show``, ``config init``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kpi_udfs import settings
from kpi_udfs.cli.calling import CANT_WRITE, configured, language_option, said_in_help, stop
from kpi_udfs.cli.writing import as_json, write_bytes
from kpi_udfs.errors import ConfigError, Problem
from kpi_udfs.messages import say, text
from kpi_udfs.rules import files

HELP_CONFIG = text("cli.help.config", "The configuration: see which files are in force, get files to edit.")
HELP_CONFIG_SHOW = text(
    "cli.help.config.show",
    "Which configuration files are in force and why, which others they override, and whether they can be used.",
)
HELP_CONFIG_JSON = text("cli.help.config.json", "Print one JSON object.")
HELP_CONFIG_RULES = text("cli.help.config.rules", "The rules file that a formula names, by name or path.")
HELP_CONFIG_WORKBOOK = text("cli.help.config.workbook", "A workbook: rules that lie beside it come first.")
HELP_CONFIG_INIT = text(
    "cli.help.config.init",
    "Copy the default files and the examples into your configuration folder, or another one, for editing. What is there "
    "already stays as it is.",
)
WHY = {
    "given": text("cli.config.given", "the path that is named"),
    "workbook": text("cli.config.workbook", "the folder of the workbook"),
    "environment": text("cli.config.environment", "the folder that KPI_UDFS_CONFIG names"),
    "user": text("cli.config.user", "your configuration folder"),
    "packaged": text("cli.config.packaged", "the default that comes with kpi_udfs"),
}
IN_FORCE = text("cli.config.in_force", "{name}: {file}")
BECAUSE = text("cli.config.because", "in force: {why}; fingerprint {fingerprint}")
NOT_FOUND = text("cli.config.not_found", "{name}: there is no such file in any of the folders")
OVERRIDDEN = text("cli.config.overridden", "overridden: {file} ({why})")
USABLE = text("cli.config.usable", "can be used")
NOT_USABLE = text("cli.config.not_usable", "can't be used:")
ENVIRONMENT = text("cli.config.variable", "{name} is set: {value}")
ALL_IN_ALL = text("cli.config.all_in_all", "Fingerprint of all, as KPI_VERSION shows it: {fingerprint}")
WRITTEN = text("cli.config.written", "written: {file}")
KEPT = text("cli.config.kept", "there already, left as it is: {file}")
NEXT_EDIT = text("cli.config.next_edit", "Next: edit qualification.yaml, then try it: kpi-udfs rules check {file}")
NEXT_SHOW = text("cli.config.next_show", "What is in force: kpi-udfs config show")
NEXT_ENVIRONMENT = text(
    "cli.config.next_environment",
    "For the functions to use this folder, set the environment variable KPI_UDFS_CONFIG={folder}",
)
NEXT_DELETE = text(
    "cli.config.next_delete", "Delete the files that you don't change, so that later versions can bring new defaults."
)

_VARIABLES = ("KPI_UDFS_CONFIG", "KPI_UDFS_LANGUAGE")


@click.group(help=said_in_help(HELP_CONFIG))
def config() -> None:
    """The configuration."""


# ------------------------------------------------------------------------------------------ show


@dataclass(frozen=True)
class _InForce:
    """A configuration file: where it was found and what it overrides. ``file``: None where there is none."""

    name: str
    file: Path | None
    why: str
    overridden: list[tuple[Path, str]]
    problems: list[Problem]


@config.command(help=said_in_help(HELP_CONFIG_SHOW))
@click.option("--rules", metavar="NAME", help=said_in_help(HELP_CONFIG_RULES))
@click.option("--workbook", type=click.Path(path_type=Path), help=said_in_help(HELP_CONFIG_WORKBOOK))
@click.option("--json", "as_object", is_flag=True, help=said_in_help(HELP_CONFIG_JSON))
@language_option
def show(rules: str | None, workbook: Path | None, as_object: bool) -> None:
    """What is in force."""
    locale = configured()
    found = [_settings_file(name) for name in settings.names()]
    if rules and Path(rules).is_file():
        rules = str(Path(rules).absolute())
    found.append(_rules_file(rules or files.DEFAULT, workbook.absolute().parent if workbook else None))
    others = _others(found)
    if as_object:
        click.echo(as_json(_as_object(found, others, locale)))
    else:
        for line in _described(found, others, locale):
            click.echo(line)
    sys.exit(1 if others or any(one.problems or one.file is None for one in found) else 0)


def _settings_file(name: str) -> _InForce:
    there = _there([(why, folder / name) for why, folder in settings.named_folders()])
    return _chosen(name, there, lambda file: settings.problems_of(name, file))


def _rules_file(name: str, folder: Path | None) -> _InForce:
    found = files.find(name, folder)
    if found is None:
        return _InForce(name, None, "", [], [])
    others = [(why, place / found.file.name) for why, place in files.places(folder)]
    there = [(found.why, found.file), *(one for one in _there(others) if one[1] != found.file)]
    return _chosen(name, there, _rule_problems)


def _there(places: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    def is_there(file: Path) -> bool:
        try:
            return file.is_file()
        except OSError:  # a folder that may not be looked into
            return False

    return [(why, file) for why, file in places if is_there(file)]


def _chosen(name: str, there: list[tuple[str, Path]], check: Any) -> _InForce:
    if not there:
        return _InForce(name, None, "", [], [])
    (why, file), *others = there
    return _InForce(name, file, why, [(other, reason) for reason, other in others], check(file))


def _rule_problems(file: Path) -> list[Problem]:
    try:
        files.load(file)
    except ConfigError as error:
        return error.problems
    return []


def _others(found: list[_InForce]) -> list[Problem]:
    """What is wrong besides the files: environment variables, folders that may not be looked into."""
    try:
        settings.current()
    except ConfigError as error:
        files_in_force = [str(one.file) for one in found]
        return [problem for problem in error.problems if str(problem.file) not in files_in_force]
    return []


def _fingerprint() -> str | None:
    try:
        return settings.current().fingerprint
    except ConfigError:
        return None


def _as_object(found: list[_InForce], others: list[Problem], locale: str | None) -> dict[str, Any]:
    return {
        "files": [
            {
                "name": one.name,
                "file": None if one.file is None else str(one.file),
                "why": one.why or None,
                "overridden": [{"file": str(file), "why": why} for file, why in one.overridden],
                "usable": one.file is not None and not one.problems,
                "problems": [problem.said(locale) for problem in one.problems],
                "fingerprint": settings.fingerprint(one.file) if one.file else None,
            }
            for one in found
        ],
        "environment": {name: os.environ.get(name) or None for name in _VARIABLES},
        "problems": [problem.said(locale) for problem in others],
        "fingerprint": _fingerprint(),
    }


def _described(found: list[_InForce], others: list[Problem], locale: str | None) -> Iterator[str]:
    for one in found:
        if one.file is None:
            yield say(NOT_FOUND(name=one.name), locale)
            continue
        yield say(IN_FORCE(name=one.name, file=one.file), locale)
        yield "    " + say(BECAUSE(why=WHY[one.why], fingerprint=settings.fingerprint(one.file)), locale)
        yield "    " + say(NOT_USABLE if one.problems else USABLE, locale)
        yield from (f"        {problem.said(locale)}" for problem in one.problems)
        yield from ("    " + say(OVERRIDDEN(file=file, why=WHY[why]), locale) for file, why in one.overridden)
    yield ""
    for name in _VARIABLES:
        if value := os.environ.get(name):
            yield say(ENVIRONMENT(name=name, value=value), locale)
    yield from (problem.said(locale) for problem in others)
    if whole := _fingerprint():
        yield say(ALL_IN_ALL(fingerprint=whole), locale)


# ------------------------------------------------------------------------------------------ init


@config.command(help=said_in_help(HELP_CONFIG_INIT))
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@language_option
def init(folder: Path | None) -> None:
    """Files for editing."""
    locale = configured()
    users = dict(settings.named_folders())["user"]
    target = (folder or users).absolute()
    try:
        for source in _packaged():
            file = target / source.relative_to(settings.packaged("config"))
            click.echo(say((WRITTEN if _copied(source, file) else KEPT)(file=file), locale))
    except OSError as error:
        stop(say(CANT_WRITE(folder=target, reason=error.strerror or error), locale))
    click.echo()
    click.echo(say(NEXT_EDIT(file=target / files.DEFAULT), locale))
    if target not in settings.folders():
        click.echo(say(NEXT_ENVIRONMENT(folder=target), locale))
    click.echo(say(NEXT_SHOW, locale))
    click.echo(say(NEXT_DELETE, locale))


def _packaged() -> list[Path]:
    """The files that come with the package: defaults, examples, schemas for editors."""
    every = settings.packaged("config").rglob("*")
    return sorted(file for file in every if file.suffix in (".yaml", ".json", ".md") and file.is_file())


def _copied(source: Path, file: Path) -> bool:
    """Copy a file, unless something is there already."""
    if os.path.lexists(file):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, source.read_bytes())
    return True
