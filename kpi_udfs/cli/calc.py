"""``kpi-udfs calc``: workbooks recalculated, printed, written back, and told in a report."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpi_udfs.cli.calling import (
    CALCULATING,
    CANT_WRITE,
    READING,
    extra,
    language_option,
    one_clear_line,
    progress,
    said_in_help,
    stop,
)
from kpi_udfs.cli.writing import A_FOLDER, CANT_WRITE_FILE, NO_FOLDER, said_if_unwritable, write_bytes, write_whole
from kpi_udfs.errors import WorkbookError
from kpi_udfs.messages import say, text
from kpi_udfs.publish.catalogue import aligned
from kpi_udfs.xlsx.limits import Limits

if TYPE_CHECKING:
    from kpi_udfs.hosts.guarded import Guarded
    from kpi_udfs.hosts.jobs import CellFacts, Recalculated

CELL = text("cli.cell", "Cell")
FORMULA = text("cli.formula", "Formula")
VALUE = text("cli.value", "Value")
EXPLANATION = text("cli.explanation", "Explanation")
NO_KPI_FORMULAS = text("cli.no_kpi_formulas", "No formula here uses a KPI function. Formulas in all: {formulas:count}.")
ERRORS = text("cli.errors", "Cells with errors: {cells:count}")
KEPT = text("cli.calc.kept", "Formulas that keep their saved value: {cells:count}")
DIFFERENT = text(
    "cli.calc.different", "Results that differ from the saved ones, for no reason to be seen: {cells:count}"
)
WAS_AND_IS = text("cli.calc.was_and_is", "{place}: {was} was saved, {now} was calculated: {formula}")
MORE = text("cli.calc.more", "and {more:count} more; --json and --report list them all")
WRITTEN_TO = text("cli.written_to", "The workbook is here: {file}")
REPORT_AT = text("cli.calc.report_at", "The report is here: {file}")
FILE = text("cli.calc.file", "Workbook")
STATE = text("cli.calc.state", "State")
CHANGED = text("cli.calc.changed", "Changed")
SECONDS = text("cli.calc.seconds", "Seconds")
FORMULAS = text("cli.calc.formulas", "Formulas")
KPI_CELLS = text("cli.calc.kpi_cells", "KPI cells")
WITH_ERRORS = text("cli.calc.with_errors", "Errors")
KEPT_SHORT = text("cli.calc.kept_short", "Kept")
DIFFERENT_SHORT = text("cli.calc.different_short", "Different")
STATES = {
    0: text("cli.calc.all_right", "all right"),
    1: text("cli.calc.to_look_at", "to look at"),
    2: text("cli.calc.not_calculated", "not calculated"),
}
OF_ALL = text("cli.calc.of_all", "{file} ({number:count} of {all:count})")

NO_NAME = text("cli.calc.no_name", "-o needs a name.")
A_FOLDER_FOR_SEVERAL = text("cli.calc.a_folder_for_several", "{file}: for several workbooks -o names a folder.")
CANT_OPEN = text("cli.calc.cant_open", "{file}: this can't be opened: {reason}")
PROTECTED = text("cli.calc.protected", "it is write-protected")
SOMEBODY_HAS_IT = text(
    "cli.calc.somebody_has_it",
    "{file}: somebody has the workbook open. If nobody has, delete the file {beside} beside it.",
)
CHANGED_MEANWHILE = text(
    "cli.calc.changed_meanwhile", "the workbook was changed while it was being calculated; nothing was written."
)
COPIES_AT = text("cli.calc.copies_at", "The copies are here: {folder}")
NEW_ERRORS = text("cli.calc.new_errors", "New among them, with a value saved before: {cells:count}")
WAS = text("cli.calc.was", "{line} ({was} was saved)")
INTERRUPTED = text("cli.calc.interrupted", "interrupted; {file} was not written.")
INTERRUPTED_READING = text("cli.calc.interrupted_reading", "interrupted.")
NO_BOOKS = text("cli.calc.no_books", "{pattern}: there is no such workbook.")
ITSELF = text("cli.calc.itself", "{file} is the workbook itself; to replace it, say --in-place.")
OTHER_ENDING = text("cli.calc.other_ending", "{file}: a copy of {book} has to end in {ending}.")
SAME_TARGET = text("cli.calc.same_target", "{first} and {second} would both be written to {file}.")
REPORT_ENDING = text("cli.calc.report_ending", "{file}: a report ends in .html.")
BOTH = text("cli.calc.both", "--in-place and -o say different things; give one of them.")
HELP_CALC = text(
    "cli.help.calc",
    "Recalculate workbooks and print their KPI formulas with values and explanations. The files stay as they are, unless "
    "-o names a copy or --in-place is given. Only the values of formula cells are changed then. Exit code 0: all right; "
    "1: cells show errors or keep their saved value; 2: a workbook can't be calculated or written.",
)
HELP_OUT = text(
    "cli.help.calc.out", "Write the recalculated workbook there: a file or, for several workbooks, a folder."
)
HELP_IN_PLACE = text("cli.help.calc.in_place", "Write the values into the workbooks themselves.")
HELP_REPORT = text("cli.help.calc.report", "Write a page with every KPI cell, its value, explanation and definition.")
HELP_SHEET = text("cli.help.sheet", "Only the formulas of this sheet.")
HELP_JSON = text("cli.help.json", "Print one JSON object per formula cell instead of a table.")
HELP_SECONDS = text("cli.help.calc.seconds", "The longest that one workbook may take, in seconds.")
HELP_MEMORY = text("cli.help.calc.memory", "The most memory that calculating may take, in MB.")
HELP_UNPACKED = text("cli.help.calc.unpacked", "The largest that a workbook may be when unpacked, in MB.")

_ENDINGS = (".xlsx", ".xlsm")
#: Cells listed of a kind; the rest is a number.
_MOST_LISTED = 20


def _at_least_one(default: int) -> dict[str, Any]:
    return {"type": click.IntRange(min=1), "default": default, "show_default": True}


@click.command(help=said_in_help(HELP_CALC))
@click.argument("books", nargs=-1, required=True, metavar="BOOK...", type=click.Path(readable=False, path_type=Path))
@click.option("-o", "--output", metavar="FILE", help=said_in_help(HELP_OUT))
@click.option("--in-place", is_flag=True, help=said_in_help(HELP_IN_PLACE))
@click.option("--report", metavar="FILE.html", type=click.Path(path_type=Path), help=said_in_help(HELP_REPORT))
@click.option("--sheet", metavar="NAME", help=said_in_help(HELP_SHEET))
@click.option("--json", "as_json", is_flag=True, help=said_in_help(HELP_JSON))
@click.option("--max-seconds", **_at_least_one(Limits.seconds), help=said_in_help(HELP_SECONDS))
@click.option("--max-memory", **_at_least_one(Limits.memory), help=said_in_help(HELP_MEMORY))
@click.option("--max-unpacked", **_at_least_one(Limits.unpacked), help=said_in_help(HELP_UNPACKED))
@language_option
def calc(
    books: tuple[Path, ...],
    output: str | None,
    in_place: bool,
    report: Path | None,
    sheet: str | None,
    as_json: bool,
    max_seconds: int,
    max_memory: int,
    max_unpacked: int,
) -> None:
    """Recalculate workbooks."""
    with one_clear_line() as locale, extra("headless"):
        from kpi_udfs.hosts.jobs import Job

        _leave_closed_folder()
        try:
            found = _found(books, locale)
            targets = _targets(found, output, in_place, locale)
            _check_report(report, locale)
        except OSError as error:
            stop(say(CANT_OPEN(file=error.filename, reason=error.strerror or error), locale))
        limits = Limits(max_seconds, max_memory, max_unpacked)
        everything = as_json or report is not None
        jobs = [
            Job(book, target, sheet, everything, locale, limits) for book, target in zip(found, targets, strict=True)
        ]
        results = _carried_out(jobs, locale)
        if report is not None:
            _write_report(report, list(zip(found, results, strict=True)), locale)
    done = [(job.book, result) for job, result in zip(jobs, results, strict=True) if not isinstance(result, str)]
    if as_json:
        objects: list[dict[str, Any]] = []
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, str):
                objects.append({"file": str(job.book), "refused": result})
            else:
                objects += [_as_object(job.book, cell) for cell in result.cells]
        click.echo(json.dumps(objects, ensure_ascii=False, indent=2))
    elif len(jobs) > 1:
        _print_summary(found, results, locale)
        if output and done:
            click.echo()
            click.echo(say(COPIES_AT(folder=Path(output)), locale))
    else:
        for _, result in done:
            print_cells(result.cells, result.formulas, locale)
            for note in result.notes:
                click.echo(f"\n{note}")
            if targets[0] is not None:
                click.echo()
                click.echo(say(WRITTEN_TO(file=targets[0]), locale))
    if report is not None and not as_json:
        click.echo(say(REPORT_AT(file=report), locale))
    sys.exit(max(map(_code, results)))


def _code(result: Recalculated | str) -> int:
    """The exit code for what came of one workbook."""
    return 2 if isinstance(result, str) else int(result.needs_a_look)


# -------------------------------------------------------------------------- from where to where


def _leave_closed_folder() -> None:
    """Another process can't start in a folder that its user may not enter."""
    try:
        os.chdir(Path.cwd())
    except OSError:
        os.chdir(os.sep)


def _found(books: Sequence[Path], locale: str | None) -> list[Path]:
    """The workbooks, patterns written out where the shell does not do it."""
    found: list[Path] = []
    for book in books:
        if "*" in book.name and not book.exists():
            # A file like ~$Book.xlsx says that somebody has Book.xlsx open.
            matching = sorted(book.parent.glob(book.name))
            found += [path for path in matching if not path.name.startswith("~$")]
            if not matching:
                stop(say(NO_BOOKS(pattern=book), locale))
        elif len(books) == 1 or not book.name.startswith("~$"):
            found.append(book)
    return found


def _targets(books: Sequence[Path], output: str | None, in_place: bool, locale: str | None) -> list[Path | None]:
    """Where each copy goes, checked before anything is calculated."""
    if in_place and output:
        stop(say(BOTH, locale))
    if in_place:
        return list(books)
    if output == "":
        stop(say(NO_NAME, locale))
    if output is None:
        return [None] * len(books)
    place = Path(output)
    as_folder = len(books) > 1 or place.is_dir() or output.endswith(("/", "\\"))
    if as_folder and place.suffix.lower() in _ENDINGS and not place.is_dir():
        stop(say(A_FOLDER_FOR_SEVERAL(file=place), locale))
    targets = [place / book.name if as_folder else place for book in books]
    taken: dict[Path, Path] = {}
    for book, target in zip(books, targets, strict=True):
        whole = target.resolve()
        if book.suffix.lower() in _ENDINGS and target.suffix.lower() != book.suffix.lower():
            stop(say(OTHER_ENDING(file=target, book=book.name, ending=book.suffix), locale))
        if whole == book.resolve() or (target.exists() and book.exists() and target.samefile(book)):
            stop(say(ITSELF(file=target), locale))
        if whole in taken:
            stop(say(SAME_TARGET(first=taken[whole], second=book, file=target), locale))
        if target.is_dir():
            stop(say(CANT_WRITE_FILE(file=target, reason=A_FOLDER), locale))
        taken[whole] = book
    folder = place if as_folder else place.parent
    try:
        if as_folder:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            stop(say(CANT_WRITE_FILE(file=place, reason=NO_FOLDER), locale))
    except OSError as error:
        stop(say(CANT_WRITE(folder=folder, reason=error.strerror or error), locale))
    return list(targets)


def _check_report(report: Path | None, locale: str | None) -> None:
    if report is None:
        return
    if report.suffix.lower() not in (".html", ".htm"):
        stop(say(REPORT_ENDING(file=report), locale))
    if report.is_dir() or not report.parent.is_dir():
        stop(say(CANT_WRITE_FILE(file=report, reason=A_FOLDER if report.is_dir() else NO_FOLDER), locale))


# ------------------------------------------------------------------------------ calculating


def _carried_out(jobs: Sequence[Any], locale: str | None) -> list[Recalculated | str]:
    """What came of each job, or the line that says why nothing did: one broken workbook stops no other."""
    from kpi_udfs.hosts.guarded import Guarded

    results: list[Recalculated | str] = []
    at = jobs[0]
    try:
        with _ending_is_interrupting(), Guarded() as guarded, progress("") as update:
            for number, job in enumerate(jobs, 1):
                at = job
                name = job.book.name
                if len(jobs) > 1:
                    name = say(OF_ALL(file=name, number=number, all=len(jobs)), locale)
                update(say(READING(file=name), locale), 0, 1)
                try:
                    results.append(_done(guarded, job, name, update, locale))
                except (WorkbookError, OSError, RuntimeError) as error:
                    # RuntimeError: links that point at one another
                    line = str(error)
                    if not isinstance(error, WorkbookError):
                        reason = getattr(error, "strerror", None) or error
                        line = say(CANT_WRITE_FILE(file=job.target or job.book, reason=reason), locale)
                    results.append(line)
                    click.echo(f"kpi-udfs: {line}", err=True)
    except KeyboardInterrupt:
        if results:  # what was done by then is written
            _print_summary([job.book for job in jobs], results, locale)
        stop(say(INTERRUPTED(file=at.target) if at.target else INTERRUPTED_READING, locale))
    return results


def _done(guarded: Guarded, job: Any, name: str, update: Any, locale: str | None) -> Recalculated:
    def tell(done: int, of: int) -> None:
        update(f"{say(CALCULATING, locale)}: {name}", done, of)

    if job.target is None:
        return guarded.recalculate(job, tell)
    _check_free(job.book, job.target, locale)
    made: list[Recalculated] = []

    def write(place: Path) -> None:
        before = _mark(job.book)
        made.append(guarded.recalculate(replace(job, target=place), tell))
        if _mark(job.book) != before:
            raise WorkbookError(f"{job.book}: {say(CHANGED_MEANWHILE, locale)}")
        # Who may not read the workbook may not read its copy, which is to be replaced the next night.
        place.chmod(job.book.stat().st_mode & 0o777 | 0o200)

    write_whole(job.target, write)
    return made[0]


def _check_free(book: Path, target: Path, locale: str | None) -> None:
    """Whoever has the workbook open would save over what is written, or see nothing of it. A file that is
    protected is not replaced, though its folder would allow it."""
    if target == book:
        for beside in (f"~${book.name}", f".~lock.{book.name}#"):
            if book.with_name(beside).exists():
                raise WorkbookError(say(SOMEBODY_HAS_IT(file=book, beside=beside), locale))
    if target.exists() and (not os.access(target, os.W_OK) or not target.stat().st_mode & 0o222):
        raise WorkbookError(say(CANT_WRITE_FILE(file=target, reason=say(PROTECTED, locale)), locale))


def _mark(book: Path) -> tuple[int, ...] | None:
    """What tells a file from another one that has taken its place."""
    try:
        facts = book.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


@contextmanager
def _ending_is_interrupting() -> Iterator[None]:
    """Being asked to end is taken as Ctrl+C is, so that what was begun is cleared away."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_report(file: Path, books: list[tuple[Path, Recalculated | str]], locale: str | None) -> None:
    from kpi_udfs.cli.report_page import report

    page = report(books, datetime.now().astimezone(), locale)
    with said_if_unwritable(file, locale):
        write_bytes(file, page.encode("utf-8", "replace"))


# ---------------------------------------------------------------------------------- printing


def _as_object(book: Path, cell: CellFacts) -> dict[str, Any]:
    return {
        "file": str(book),
        "sheet": cell.sheet,
        "cell": cell.cell,
        "formula": cell.formula,
        "value": cell.value,
        "error": cell.error,
        "explanation": cell.explanation,
        "kept": cell.kept,
        "differs_from": cell.differs_from,
    }


def _print_summary(books: Sequence[Path], results: Sequence[Recalculated | str], locale: str | None) -> None:
    captions = (FILE, STATE, FORMULAS, CHANGED, KPI_CELLS, WITH_ERRORS, KEPT_SHORT, DIFFERENT_SHORT, SECONDS)
    rows = [[say(caption, locale) for caption in captions]]
    for book, result in zip(books, results, strict=False):
        row = [str(book), say(STATES[_code(result)], locale)]
        if not isinstance(result, str):
            cells = result.cells
            counts = (
                result.formulas,
                result.changed,
                sum(cell.is_kpi for cell in cells),
                sum(bool(cell.errors) for cell in cells),
                sum(cell.kept is not None for cell in cells),
                sum(cell.differs_from is not None for cell in cells),
            )
            row += [*map(str, counts), f"{result.seconds:.1f}"]
        rows.append(row + [""] * (len(captions) - len(row)))
    for line in aligned(rows):
        click.echo(line)


def print_cells(cells: Sequence[CellFacts], formulas: int, locale: str | None) -> None:
    """The KPI formulas with values and explanations, and what else there is to look at."""
    kpis = [cell for cell in cells if cell.is_kpi]
    shown = [_line(cell) for cell in kpis]
    if not shown:
        click.echo(say(NO_KPI_FORMULAS(formulas=formulas), locale))
    elif sys.stdout.isatty():
        _print_table(shown, locale)
    else:
        captions = [say(caption, locale) for caption in (CELL, FORMULA, VALUE, EXPLANATION)]
        for row in [captions, *shown]:
            *parts, explanation = row
            click.echo("\t".join([*(part.replace("\n", "; ") for part in parts), explanation.replace("\n", " ")]))
    failed = [cell for cell in cells if cell.errors]
    if failed:
        new = [cell for cell in failed if cell.error_replaces is not None]
        lines = [
            line if cell.error_replaces is None else say(WAS(line=line, was=cell.error_replaces), locale)
            for cell in sorted(failed, key=lambda cell: cell.error_replaces is None)
            for line in dict.fromkeys(f"{cell.place}: {why}" for _, why in cell.errors)
        ]
        caption = say(ERRORS(cells=len(failed)), locale)
        if new:
            caption += f"\n{say(NEW_ERRORS(cells=len(new)), locale)}"
        _print_list(caption, lines, locale)
    kept = [f"{cell.place}: {cell.kept}" for cell in cells if cell.kept]
    if kept:
        _print_list(say(KEPT(cells=len(kept)), locale), kept, locale)
    different = [
        say(WAS_AND_IS(place=cell.place, was=cell.differs_from, now=_value(cell), formula=cell.formula), locale)
        for cell in cells
        if cell.differs_from is not None
    ]
    if different:
        _print_list(say(DIFFERENT(cells=len(different)), locale), different, locale)


def _print_list(caption: str, lines: list[str], locale: str | None) -> None:
    click.echo()
    click.echo(caption)
    for line in lines[:_MOST_LISTED]:
        click.echo(f"  {' '.join(line.split())}")
    if len(lines) > _MOST_LISTED:
        click.echo(f"  {say(MORE(more=len(lines) - _MOST_LISTED), locale)}")


def _value(cell: CellFacts) -> str:
    if isinstance(cell.shown, str):
        return cell.shown
    return "\n".join(" | ".join(row) for row in cell.shown)


def _line(cell: CellFacts) -> list[str]:
    value, explanation = _value(cell), cell.explanation or ""
    return [cell.place, cell.formula, value, "" if explanation == value or cell.continues else explanation]


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
