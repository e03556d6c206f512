"""The commands about functions and workbooks: ``kpi-udfs calc``, ``on``, ``list``, ``show``, ``demo``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpi_udfs import calls
from kpi_udfs.cli.calling import (
    CALCULATING,
    CANT_WRITE,
    READING,
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
    from kpi_udfs.hosts.display import Display
    from kpi_udfs.hosts.formula_cell import FormulaCell

CELL = text("cli.cell", "Cell")
FORMULA = text("cli.formula", "Formula")
VALUE = text("cli.value", "Value")
EXPLANATION = text("cli.explanation", "Explanation")
NO_KPI_FORMULAS = text("cli.no_kpi_formulas", "No formula here uses a KPI function. Formulas in all: {formulas:count}.")
ERRORS = text("cli.errors", "Cells with errors: {cells:count}")
WRITTEN_TO = text("cli.written_to", "The workbook is here: {file}")
HELP_CALC = text(
    "cli.help.calc",
    "Recalculate a workbook and print its KPI formulas with values and explanations. The file stays as it is.",
)
HELP_SHEET = text("cli.help.sheet", "Only the formulas of this sheet.")
HELP_JSON = text("cli.help.json", "Print one JSON object per formula cell instead of a table.")
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


@click.command(help=said_in_help(HELP_CALC))
@click.argument("book", type=click.Path(path_type=Path))
@click.option("--sheet", metavar="NAME", help=said_in_help(HELP_SHEET))
@click.option("--json", "as_json", is_flag=True, help=said_in_help(HELP_JSON))
@language_option
def calc(book: Path, sheet: str | None, as_json: bool) -> None:
    """Recalculate a workbook."""
    with one_clear_line() as locale:
        cells = _calculate(book, sheet, locale)
    if as_json:
        click.echo(json.dumps([_as_object(cell) for cell in cells], ensure_ascii=False, indent=2))
    else:
        _print_cells(cells, locale)
    sys.exit(1 if any(cell.errors for cell in cells) else 0)


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
    _print_cells([cell for cell in cells if cell.errors or cell.formula.startswith(names)], locale)
    click.echo()
    click.echo(say(WRITTEN_TO(file=path.resolve()), locale))
    sys.exit(1 if any(cell.errors for cell in cells) else 0)


# ------------------------------------------------------------------------------ calculating


def _calculate(book: Path, sheet: str | None, locale: str | None) -> list[FormulaCell]:
    with extra("headless"):
        from kpi_udfs.hosts.headless import Workbook
    with progress(say(READING(file=book.name), locale)) as update:
        workbook = Workbook(book, locale)
        if sheet is not None:
            workbook.check_sheet(sheet)
        update(say(CALCULATING, locale), 0, 1)
        cells = workbook.calculate(lambda done, of: update(say(CALCULATING, locale), done, of))
    return [cell for cell in cells if sheet in (None, cell.sheet)]


# ---------------------------------------------------------------------------------- printing


def _as_object(cell: FormulaCell) -> dict[str, Any]:
    return {
        "sheet": cell.sheet,
        "cell": cell.cell,
        "formula": cell.formula,
        "value": cell.value,
        "error": cell.error,
        "explanation": cell.explanation,
    }


def _print_cells(cells: list[FormulaCell], locale: str | None) -> None:
    from kpi_udfs.hosts.display import Display

    display = Display(locale)
    kpis = [cell for cell in cells if cell.is_kpi]
    shown = [_shown(cell, display) for cell in kpis]
    for row, cell, before in reversed(list(zip(shown[1:], kpis[1:], kpis, strict=False))):
        if _same_block(cell, before):
            row[3] = ""
    if not shown:
        click.echo(say(NO_KPI_FORMULAS(formulas=len(cells)), locale))
    elif sys.stdout.isatty():
        _print_table(shown, locale)
    else:
        captions = [say(caption, locale) for caption in (CELL, FORMULA, VALUE, EXPLANATION)]
        for row in [captions, *shown]:
            *cells_, explanation = row
            click.echo("\t".join([*(part.replace("\n", "; ") for part in cells_), explanation.replace("\n", " ")]))
    failed = [(cell, code, why) for cell in cells for code, why in cell.errors]
    if failed:
        click.echo()
        click.echo(say(ERRORS(cells=len({(c.sheet, c.cell) for c, _, _ in failed})), locale))
        for place, why in dict.fromkeys((f"{cell.sheet}!{cell.cell}", why) for cell, _, why in failed):
            click.echo(f"  {place}: {why}")


def _same_block(cell: FormulaCell, before: FormulaCell) -> bool:
    """Whether both cells show parts of the same block, so that one explanation serves both."""
    results = [answer.result for one in (cell, before) for answer in one.answers]
    blocks = len(results) == 2 and all(isinstance(result, Block) for result in results)
    return blocks and cell.sheet == before.sheet and cell.explanation == before.explanation


def _print_funnel(cells: list[FormulaCell], locale: str | None) -> None:
    """The first block among the results, as lines."""
    from kpi_udfs.hosts.display import Display

    blocks = (answer.result for cell in cells for answer in cell.answers)
    block = next(result for result in blocks if isinstance(result, Block))
    for line in aligned(Display(locale).rows(block.rows, block.column_kinds)):
        click.echo(line)
    click.echo()


def _shown(cell: FormulaCell, display: Display) -> list[str]:
    explanation = cell.explanation or ""
    if isinstance(cell.value, list):
        block = next((a.result for a in cell.answers if isinstance(a.result, Block)), None)
        kinds = block.column_kinds if block and len(block.column_kinds) == len(cell.value[0]) else ()
        value = "\n".join(" | ".join(row) for row in display.rows(cell.value, kinds))
    else:
        value = cell.error or display.shown(cell.value, cell.number_format)
    return [f"{cell.sheet}!{cell.cell}", cell.formula, value, "" if explanation == value else explanation]


def _print_table(rows: list[list[str]], locale: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Styled

    table = Table(show_lines=True)
    for caption, ratio in ((CELL, None), (FORMULA, 3), (VALUE, 3), (EXPLANATION, 5)):
        table.add_column(say(caption, locale), ratio=ratio, no_wrap=ratio is None, overflow="fold")
    for row in rows:
        table.add_row(*map(Styled, row))
    Console().print(table)


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
