"""The commands about Excel on Windows: ``kpi-udfs excel build``, ``install``, ``uninstall``, ``doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from kpi_udfs.cli.calling import (
    CALCULATING,
    CANT_WRITE,
    extra,
    language_option,
    one_clear_line,
    progress,
    said_in_help,
    stop,
)
from kpi_udfs.cli.excel_windows import doctor, install, uninstall
from kpi_udfs.cli.writing import free_name, write_bytes
from kpi_udfs.messages import say, text

HELP_EXCEL = text(
    "cli.help.excel",
    "The functions in Excel on Windows: build workbooks and the add-in, install them, find out why they don't work.",
)
HELP_EXCEL_BUILD = text(
    "cli.help.excel.build",
    "Write the example workbook with the functions inside (.xlsm) and the add-in that offers them in every workbook "
    "(.xlam). Both run on any Windows computer with Python and kpi_udfs.",
)
HELP_EXCEL_FOLDER = text("cli.help.excel.folder", "Where to write them; a folder kpi_excel here without it.")
BUILT = text("cli.excel.built", "written: {file}")
NEXT_INSTALL = text(
    "cli.excel.next_install",
    "Next: on the Windows computer, run kpi-udfs excel install. It puts the add-in in place and tells it where Python "
    "is; then open the workbook.",
)


@click.group(help=said_in_help(HELP_EXCEL))
def excel() -> None:
    """Excel on Windows."""


for _command in (install, uninstall, doctor):
    excel.add_command(_command)


@excel.command(help=said_in_help(HELP_EXCEL_BUILD))
@click.option(
    "-o", "--output", "folder", type=click.Path(path_type=Path), default=Path("kpi_excel"),
    help=said_in_help(HELP_EXCEL_FOLDER),
)  # fmt: skip
@language_option
def build(folder: Path) -> None:
    """Workbooks with macros, and the add-in."""
    with one_clear_line() as locale, extra("templates", "headless"):
        from kpi_udfs.workbooks import macro_books, recipes

        built = []
        try:
            content = macro_books.add_in(locale)
            folder.mkdir(parents=True, exist_ok=True)
            with progress(say(CALCULATING, locale)):
                for recipe in recipes().values():
                    # Somebody may work in the one that an earlier build wrote.
                    built.append(free_name(folder / f"{recipe.name}.xlsm"))
                    macro_books.build_macro_workbook(recipe, built[-1])
            built.append(folder / macro_books.ADD_IN)
            write_bytes(built[-1], content)
        except OSError as error:
            stop(say(CANT_WRITE(folder=folder, reason=error.strerror or error), locale))
    for file in built:
        click.echo(say(BUILT(file=file.resolve()), locale))
    click.echo()
    click.echo(say(NEXT_INSTALL, locale))
