"""The commands about xlwings Lite: ``kpi-udfs lite build``."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import click

from kpi_udfs.cli.calc import WRITTEN_TO
from kpi_udfs.cli.calling import CALCULATING, extra, language_option, one_clear_line, progress, said_in_help, stop
from kpi_udfs.cli.writing import CANT_WRITE_FILE, NO_FOLDER, free_name, said_if_unwritable, write_bytes
from kpi_udfs.messages import Sentence, say, text

HELP_LITE = text(
    "cli.help.lite", "Workbooks for xlwings Lite, the free add-in for Excel on Windows, on the Mac and on the web."
)
HELP_LITE_BUILD = text(
    "cli.help.lite.build",
    "Write a template as a workbook that carries the functions' code and the rules in force, so that whoever has the "
    "add-in xlwings Lite can calculate with it. TEMPLATE: sales_funnel, unless named.",
)
HELP_LITE_OUTPUT = text("cli.help.lite.output", "Where to write it; without it, a new file in the current folder.")
HELP_LITE_WHEEL = text(
    "cli.help.lite.wheel",
    "The address (https://…-py3-none-any.whl) from which Lite installs kpi_udfs instead of from the package index.",
)
NO_TEMPLATE = text("cli.lite.no_template", 'there is no template "{name}". Templates: {names:list}')
NO_TEMPLATE_NEAR = text(
    "cli.lite.no_template_near", 'there is no template "{name}". Did you mean "{nearest}"? Templates: {names:list}'
)
NO_XLSX = text("cli.lite.no_xlsx", "{file}: a workbook for xlwings Lite is a file that ends in .xlsx.")
NO_WHEEL = text(
    "cli.lite.no_wheel",
    '"{address}" can\'t be used: the address of our wheel begins with https:// and ends in kpi_udfs-…-py3-none-any.whl, without spaces.',
)
NEXT_OPEN = text(
    "cli.lite.next_open",
    "Next: open it in Excel. Where xlwings Lite is missing, get it: Home > Add-ins, search for xlwings, Add. Then trust the "
    "workbook when Lite asks.",
)
NEXT_INSTALL = text(
    "cli.lite.next_install",
    "At its first start Lite installs {package}; that takes a minute. From then on the formulas follow your data.",
)
NEXT_INDEX = text(
    "cli.lite.next_index", "For that kpi_udfs has to be in Python's package index; else build with --wheel."
)
NEXT_WHEEL = text(
    "cli.lite.next_wheel", "The server {server} has to allow requests from https://addin.xlwings.org (CORS)."
)


@click.group(help=said_in_help(HELP_LITE))
def lite() -> None:
    """Workbooks for xlwings Lite."""


@lite.command(help=said_in_help(HELP_LITE_BUILD))
@click.argument("template", default="sales_funnel")
@click.option("-o", "--output", type=click.Path(path_type=Path), help=said_in_help(HELP_LITE_OUTPUT))
@click.option("--wheel", metavar="URL", help=said_in_help(HELP_LITE_WHEEL))
@language_option
def build(template: str, output: Path | None, wheel: str | None) -> None:
    """A template for xlwings Lite."""
    with one_clear_line() as locale, extra("templates", "headless"):
        from kpi_udfs.workbooks import recipes
        from kpi_udfs.workbooks.lite_book import lite_book

        known = recipes()
        if template not in known:
            stop(say(_no_template(template, list(known)), locale))
        if wheel is not None and not _is_wheel(wheel):
            stop(say(NO_WHEEL(address=wheel), locale))
        file = output or free_name(Path(f"{template}_lite.xlsx"))
        if file.suffix.lower() != ".xlsx":
            stop(say(NO_XLSX(file=file), locale))
        if not file.absolute().parent.is_dir():
            stop(say(CANT_WRITE_FILE(file=file, reason=NO_FOLDER), locale))
        with progress(say(CALCULATING, locale)):
            content, cells = lite_book(known[template], wheel)
        with said_if_unwritable(file, locale):
            write_bytes(file, content)
    click.echo(say(WRITTEN_TO(file=file.resolve()), locale))
    click.echo(say(NEXT_OPEN, locale))
    click.echo(say(NEXT_INSTALL(package=wheel or "kpi_udfs"), locale))
    click.echo(say(NEXT_WHEEL(server=urlsplit(wheel).netloc) if wheel else NEXT_INDEX, locale))
    sys.exit(1 if any(cell.errors for cell in cells) else 0)


def _no_template(name: str, names: list[str]) -> Sentence:
    near = get_close_matches(name, names, n=1)
    return NO_TEMPLATE_NEAR(name=name, nearest=near[0], names=names) if near else NO_TEMPLATE(name=name, names=names)


def _is_wheel(address: str) -> bool:
    parts = urlsplit(address)
    # Whitespace would make another line, or another requirement, of it.
    plain = address.isprintable() and " " not in address
    name = parts.path.rpartition("/")[2]
    ours = re.fullmatch(r"kpi_udfs-[^/]*-py3-none-any\.whl", name) is not None
    return plain and ours and parts.scheme == "https" and bool(parts.netloc)
