"""Rules run over the tables that a command names: files found and read, the outcome as leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import click

from kpi_udfs import calls, cells
from kpi_udfs.calls import Answer
from kpi_udfs.cells import Context, Range
from kpi_udfs.cli.calling import CALCULATING, configured, extra, extra_for, progress, said_in_help, stop
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import NativeTable, TableData
from kpi_udfs.kpis import qualification
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import KPIS, Block
from kpi_udfs.rules import files
from kpi_udfs.rules.asked import asks_events, id_header
from kpi_udfs.rules.leads import Lead, one_per_lead
from kpi_udfs.rules.model import RuleSet, Version
from kpi_udfs.tables import headers

HELP_LEADS = text("cli.help.leads", "The table of leads: .csv, .tsv, .xlsx or .parquet, with a header row.")
HELP_EVENTS = text("cli.help.events", "The table of events: who, what, when.")
HELP_SHEET_OF_LEADS = text("cli.help.sheet_of_leads", "The sheet of an .xlsx file of leads; without it, the first.")
HELP_SHEET_OF_EVENTS = text("cli.help.sheet_of_events", "The sheet of an .xlsx file of events; without it, the first.")
HELP_AS_OF = text(
    "cli.help.as_of", "The day to look from, such as 2026-03-31. Without it: the latest date in the tables."
)
HELP_RULES_JSON = text("cli.help.rules_json", "Print one JSON object.")
NO_RULES = text("cli.rules.no_file", "{file}: there is no such file, nor rules of that name in {folders:list}.")
A_FOLDER = text("cli.rules.a_folder", "{file}: this is a folder; name a rules file in it.")
RULES_END = text("cli.rules.ends", "{file}: rules are read from files that end in .yaml or .yml.")
RULES_UNREADABLE = text("cli.rules.unreadable", "{file}: the file can't be read: {reason}")
NO_DAY = text("cli.rules.no_day", '--as-of: "{given}" is no day; write it like 2026-03-31.')
NEEDS_EVENTS = text("cli.rules.needs_events", "{file}: these rules count events ({events:list}); give --events FILE.")
NAMELESS = text("cli.rules.nameless", "Rows without an identifier, left out: {leads:count}.")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


# ----------------------------------------------------------------------------------- the options


@dataclass(frozen=True)
class Given:
    """What the options of a command name."""

    leads: Path | None
    events: Path | None
    sheet: str | None
    events_sheet: str | None
    as_of: date | None = None


def _day(context: click.Context, parameter: click.Parameter, given: str | None) -> date | None:
    if given is None:
        return None
    with suppress(ValueError):
        if _DAY.fullmatch(given):
            return date.fromisoformat(given)
    return stop(say(NO_DAY(given=given), configured()))


def table_options(required: bool = True, as_of: bool = True) -> Callable[..., Any]:
    """``--leads``, ``--events``, their sheets and ``--as-of``; the command gets them as one :class:`Given`."""
    options = [
        click.option("--leads", type=click.Path(path_type=Path), required=required, help=said_in_help(HELP_LEADS)),
        click.option("--events", type=click.Path(path_type=Path), help=said_in_help(HELP_EVENTS)),
        click.option("--sheet", metavar="NAME", help=said_in_help(HELP_SHEET_OF_LEADS)),
        click.option("--events-sheet", metavar="NAME", help=said_in_help(HELP_SHEET_OF_EVENTS)),
    ]
    if as_of:
        options.append(click.option("--as-of", callback=_day, metavar="DATE", help=said_in_help(HELP_AS_OF)))

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_given(*, leads: Any, events: Any, sheet: Any, events_sheet: Any, **others: Any) -> Any:
            when = {"as_of": others.pop("as_of")} if as_of else {}
            return command(given=Given(leads, events, sheet, events_sheet, **when), **others)

        made: Callable[..., Any] = with_given
        for option in reversed(options):
            made = option(made)
        return made

    return decorate


# ------------------------------------------------------------------------------ files and tables


def rules_file(given: Path, locale: str | None) -> Path:
    """The rules file of that path, or of that name where formulas look for it. It can be opened."""
    try:
        if given.is_dir():
            stop(say(A_FOLDER(file=given), locale))
        if given.exists() and given.suffix.lower() not in (".yaml", ".yml"):
            stop(say(RULES_END(file=given), locale))
        # A path as it was typed stays as it is in messages.
        found = given if given.is_file() else None
        if found is None and (elsewhere := files.find(str(given), Path.cwd())):
            found = elsewhere.file
        if found is None:
            places = [str(place) for _, place in files.places()]
            stop(say(NO_RULES(file=given, folders=places), locale))
        with found.open("rb"):
            return found
    except OSError as error:
        stop(say(RULES_UNREADABLE(file=given, reason=error.strerror or error), locale))


@dataclass(frozen=True)
class Opened:
    """A table as functions take it, with its headers and columns. ``name``: of its file."""

    name: str
    table: Any
    data: TableData
    context: Context

    @property
    def lazy(self) -> bool:
        """Whether it is a query, whose rows come in any order."""
        return isinstance(self.table, NativeTable) and self.table.lazy

    def columns(self, indexes: Sequence[int]) -> list[Range]:
        """Some columns as cells."""
        from kpi_udfs.tables.columns import as_cells

        return as_cells(self.data, indexes, self.context)

    @property
    def names(self) -> headers.Names:
        """The other names of columns, of columns.yaml."""
        return self.context.settings.columns

    def find(self, name: str) -> int:
        """The number of the column called ``name``. Raises :class:`CellError`."""
        return headers.find(self.data.headers, name, self.names)

    def names_in(self, column: str) -> Sequence[str]:
        """The different texts of a column."""
        from kpi_udfs.tables.columns import keys, raw_columns
        from kpi_udfs.tables.frames import rows_of

        (raw,) = raw_columns(self.data, [self.find(column)])
        read = keys(raw, column, self.context)
        if read.labels is not None:
            return read.labels
        words = read.frame.select(word=read.expression).unique("word")
        return [row["word"] for row in rows_of(words)]

    def known_as(self, name: str) -> int | None:
        """The one column that goes by ``name`` in columns.yaml; None where there is none, or several."""
        try:
            return self.find(name) if headers.called(self.data.headers, name, self.names) else None
        except CellError:
            return None


@dataclass(frozen=True)
class Tables:
    """The leads and, where there are any, the events."""

    leads: Opened
    events: Opened | None


def open_tables(given: Given, context: Context) -> Tables:
    """The tables that the options name."""
    assert given.leads is not None
    events = open_table(given.events, given.events_sheet, "events", context) if given.events else None
    return Tables(open_table(given.leads, given.sheet, "leads", context), events)


def open_table(path: Path, sheet: str | None, argument: str, context: Context) -> Opened:
    """One table by itself."""
    return _opened(_read(path, sheet, context.settings.language), path, argument, context)


def _read(path: Path, sheet: str | None, locale: str | None) -> Any:
    from kpi_udfs.tables.files import open_table

    with extra(extra_for(path)):
        return open_table(path, locale, sheet)


def _opened(table: Any, path: Path, argument: str, context: Context) -> Opened:
    from kpi_udfs.tables.columns import opened

    made = opened(table, context)
    if isinstance(made, NativeTable):
        return Opened(path.name, made, TableData(made.headers, native=made), context)
    return Opened(path.name, made, cells.read_table(made, argument, context), context)


# --------------------------------------------------------------------------------------- running


@dataclass(frozen=True)
class Run:
    """What rules came to over tables."""

    rules: RuleSet
    answer: Answer
    block: Block

    @property
    def day(self) -> date | None:
        """The day looked from; None where no date told one and the rules needed none."""
        said = (sentence.facts["day"] for sentence in self.block.working if sentence.text is qualification.ON_DAY)
        return next(said, None)

    @property
    def version(self) -> Version:
        """The version in force on the day."""
        valid = (one for one in self.rules.versions if self.day is None or one.valid_on(self.day))
        return next(valid, self.rules.versions[-1])


def run(file: Path, rules: RuleSet, tables: Tables, as_of: date | None, context: Context) -> Run:
    """QUALIFY over the tables. Raises :class:`CellError` with what it refuses."""
    answer = call("QUALIFY", [*arguments(file, tables), as_of], context)
    assert isinstance(answer.result, Block)
    return Run(rules, answer, answer.result)


def arguments(file: Path, tables: Tables) -> list[Any]:
    """Leads, events and rules, as the functions take them."""
    return [tables.leads.table, tables.events.table if tables.events else None, str(file.absolute())]


def call(kpi: str, given: Sequence[Any], context: Context) -> Answer:
    """A function's answer. Raises :class:`CellError` where that is an error."""
    with progress(say(CALCULATING, context.settings.language)):
        answer = calls.answer(KPIS[kpi], given, context)
    if isinstance(answer.result, CellError):
        raise answer.result
    return answer


def check_events(file: Path, rules: RuleSet, given: Given, locale: str | None) -> None:
    """Stop where rules count events and none are given."""
    if given.events is None and (names := asks_events(rules)):
        stop(say(NEEDS_EVENTS(file=file, events=names), locale))


def rows_of(block: Block) -> list[list[Any]]:
    """The rows of leads: without the header, and without those that are blank in the table."""
    return [row for row in block.rows[1:] if row[1] != ""]


def leads_of(block: Block) -> list[Lead]:
    """The rows as leads."""
    return [_lead(row) for row in rows_of(block)]


def _lead(row: Sequence[Any]) -> Lead:
    return Lead(str(row[0]), str(row[1]), None if row[2] == "" else float(row[2]), str(row[5]))


Facts = Mapping[str, Sequence[Any]]


def leads_with(done: Run, table: Opened, indexes: Mapping[str, int]) -> tuple[list[Lead], Facts, list[Sentence]]:
    """The rows as leads, with what stands in some columns beside each of them, and what is to be said."""
    if table.lazy:
        return _by_identifier(done, table, indexes)
    columns = table.columns(list(indexes.values()) or [0])
    numbers = columns[0].numbers or ()
    leads = [_lead(done.block.rows[number - table.data.first + 1]) for number in numbers]
    return leads, {name: column.flat for name, column in zip(indexes, columns, strict=False)}, []


def _by_identifier(done: Run, table: Opened, indexes: Mapping[str, int]) -> tuple[list[Lead], Facts, list[Sentence]]:
    """The same where rows come in no order: what belongs together is told by the identifier."""
    found = leads_of(done.block)
    named = {lead.id: lead for lead in one_per_lead(found) if lead.id}
    nameless = sum(not lead.id for lead in found)
    identifiers, *columns = table.columns([table.find(id_header(done.rules)), *indexes.values()])
    labels = ["" if cells.is_blank(cell) else cells.label(cell) for cell in identifiers.flat]
    places = [place for place, label in enumerate(labels) if label in named]
    facts = {name: [column.flat[place] for place in places] for name, column in zip(indexes, columns, strict=True)}
    said = [NAMELESS(leads=nameless)] if nameless else []
    return [named[labels[place]] for place in places], facts, said
