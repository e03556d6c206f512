"""The commands about functions: ``kpi-udfs on``, ``list``, ``show``, ``demo``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpi_udfs import calls
from kpi_udfs.cli.calc import WRITTEN_TO, print_cells
from kpi_udfs.cli.calling import (
    CALCULATING,
    CANT_WRITE,
    extra,
    extra_for,
    language_option,
    one_clear_line,
    progress,
    said_in_help,
    stop,
)
from kpi_udfs.cli.writing import free_name
from kpi_udfs.errors import CellError
from kpi_udfs.kpis.about import find
from kpi_udfs.messages import say, text
from kpi_udfs.publish.catalogue import (
    ARGUMENTS,
    CATEGORIES,
    EXAMPLES,
    KPI_FORMULA,
    OPTIONAL,
    aligned,
    example_formula,
    example_result,
    result_rows,
)
from kpi_udfs.registry import KPIS, Block, KpiSpec

if TYPE_CHECKING:
    from kpi_udfs.hosts.formula_cell import FormulaCell

HELP_ON = text(
    "cli.help.on",
    "A KPI of the columns of a table file (.parquet, .csv, .tsv, .xlsx) of any size. Name columns and options as "
    "argument=header or argument=value: kpi-udfs on deals.parquet WIN_RATIO_BY outcomes=status groups=rep basis=all. "
    "A column that is not named is found by its header.",
)
HELP_ON_SHEET = text("cli.help.on_sheet", "The sheet of an .xlsx file; without it, the first.")
HELP_ON_JSON = text("cli.help.on_json", "Print one JSON object with value and explanation.")
NAMED_TWICE = text("cli.named_twice", "{name} is given twice.")
NO_COLUMNS = text("cli.no_columns", "{kpi} does not work on the columns of a table.")
NOT_NAMED = text("cli.not_named", '"{given}" should have the form argument=header or argument=value.')
HELP_LIST = text("cli.help.list", "List all KPI functions.")
HELP_SHOW = text("cli.help.show", "Show one KPI function: definition, arguments, examples.")
HELP_DEMO = text(
    "cli.help.demo", "Write the sales funnel workbook with example data, recalculate it and print its KPIs."
)


@click.command(help=said_in_help(HELP_ON))
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("kpi")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT=VALUE]...")
@click.option("--sheet", metavar="NAME", help=said_in_help(HELP_ON_SHEET))
@click.option("--json", "as_json", is_flag=True, help=said_in_help(HELP_ON_JSON))
@language_option
def on(table: Path, kpi: str, arguments: tuple[str, ...], sheet: str | None, as_json: bool) -> None:
    """A KPI of a table file."""
    with one_clear_line() as locale:
        try:
            spec = find(kpi)
        except CellError as error:
            stop(say(error.reason, locale))
        if spec.category == "about":
            stop(say(NO_COLUMNS(kpi=spec.name), locale))
        given = _named(arguments, spec, locale)
        with extra(extra_for(table)):
            from kpi_udfs.tables.files import open_table

            answer = calls.answer_on(spec, open_table(table, locale, sheet), given, calls.context_now())
    result = answer.result
    failed = isinstance(result, CellError)
    if as_json:
        value = [[_plain(cell) for cell in row] for row in answer.cell] if isinstance(result, Block) else answer.cell
        facts = {"kpi": spec.name, "value": _plain(value), "explanation": answer.explanation}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        if isinstance(result, Block):
            for line in aligned(result_rows(answer, locale)):
                click.echo(line)
            click.echo()
        click.echo(answer.explanation)
    sys.exit(1 if failed else 0)


def _named(arguments: tuple[str, ...], spec: KpiSpec, locale: str | None) -> dict[str, Any]:
    """``name=value`` pairs; a list of labels is separated by commas."""
    given: dict[str, Any] = {}
    lists = {param.name for param in spec.params if param.kind.shape in ("labels", "raw")}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            stop(say(NOT_NAMED(given=argument), locale))
        if name.strip() in given:
            stop(say(NAMED_TWICE(name=name.strip()), locale))
        given[name.strip()] = [part.strip() for part in value.split(",")] if name.strip() in lists else value.strip()
    return given


def _plain(cell: Any) -> Any:
    return cell.code if isinstance(cell, CellError) else cell


@click.command(name="list", help=said_in_help(HELP_LIST))
@language_option
def list_kpis() -> None:
    """The catalogue."""
    with one_clear_line() as locale:
        category = None
        for spec in KPIS.values():
            if spec.category != category:
                click.echo(("\n" if category else "") + click.style(say(CATEGORIES[spec.category], locale), bold=True))
                category = spec.category
            click.echo(f"  {spec.signature}")
            click.echo(f"      {say(spec.tooltip, locale)}")


@click.command(help=said_in_help(HELP_SHOW))
@click.argument("kpi")
@language_option
def show(kpi: str) -> None:
    """One function in full."""
    with one_clear_line() as locale:
        try:
            spec = find(kpi)
        except CellError as error:
            stop(say(error.reason, locale))
        for line in _described(spec, locale):
            click.echo(line)


@click.command(help=said_in_help(HELP_DEMO))
@click.argument("folder", type=click.Path(path_type=Path), default=Path("kpi_demo"))
@language_option
def demo(folder: Path) -> None:
    """The sales funnel workbook with example data."""
    with one_clear_line() as locale, extra("templates", "headless"):
        from kpi_udfs.hosts.recalculation import facts_of
        from kpi_udfs.workbooks import build, recipes

        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = free_name(folder / "sales_funnel.xlsx")
            with progress(say(CALCULATING, locale)):
                cells = build(recipes()["sales_funnel"], path)
        except OSError as error:
            stop(say(CANT_WRITE(folder=folder, reason=error.strerror or error), locale))
    _print_funnel(cells, locale)
    names = tuple(f"={spec.name}(" for spec in KPIS.values() if spec.name != "KPI_EXPLAIN")
    shown = [cell for cell in cells if cell.errors or cell.formula.startswith(names)]
    print_cells(facts_of(shown, locale), len(cells), locale)
    click.echo()
    click.echo(say(WRITTEN_TO(file=path.resolve()), locale))
    sys.exit(1 if any(cell.errors for cell in cells) else 0)


# ---------------------------------------------------------------------------------- printing


def _print_funnel(cells: list[FormulaCell], locale: str | None) -> None:
    """The first block among the results, as lines."""
    from kpi_udfs.hosts.display import Display

    blocks = (answer.result for cell in cells for answer in cell.answers)
    block = next(result for result in blocks if isinstance(result, Block))
    for line in aligned(Display(locale).rows(block.rows, block.column_kinds)):
        click.echo(line)
    click.echo()


def _described(spec: KpiSpec, locale: str | None) -> Iterator[str]:
    yield click.style(spec.signature, bold=True)
    yield say(spec.tooltip, locale)
    yield ""
    yield say(spec.definition, locale)
    yield f"{say(KPI_FORMULA, locale)}: {say(spec.formula, locale)}"
    if spec.params:
        yield ""
        yield click.style(say(ARGUMENTS, locale), bold=True)
    for param in spec.params:
        optional = "" if param.required else f" ({say(OPTIONAL, locale)})"
        yield f"  {param.name}{optional}: {say(param.help, locale)}"
    examples = [example for example in spec.examples if example.gives is not ...]
    if examples:
        yield ""
        yield click.style(say(EXAMPLES, locale), bold=True)
    for example in examples:
        yield f"  {example_formula(spec, example)}"
        first, *more = aligned(example_result(spec, example, locale))
        yield f"      = {first}" + ("" if more else f"   {say(example.said or '', locale)}")
        yield from (f"        {line}" for line in more)
        if more:
            yield f"        {say(example.said or '', locale)}"
