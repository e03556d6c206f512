"""The commands about rules: ``kpi-udfs rules check``, ``apply``, ``diff``, ``backtest``, ``explain``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import compress
from pathlib import Path
from typing import Any

import click

from kpi_udfs import calls, cells
from kpi_udfs.calls import WARNING
from kpi_udfs.cells import Context, Range
from kpi_udfs.cli import qualifying
from kpi_udfs.cli.calling import extra, language_option, one_clear_line, said_in_help, stop
from kpi_udfs.cli.qualifying import HELP_RULES_JSON, Given, Opened, Run, Tables, table_options
from kpi_udfs.cli.writing import as_json, check_output, plain, write_rows
from kpi_udfs.errors import CellError, ConfigError, Problem
from kpi_udfs.kpis import qualification
from kpi_udfs.kpis.about import find
from kpi_udfs.messages import Sentence, Text, say, say_all, text, write
from kpi_udfs.publish.catalogue import aligned, result_rows
from kpi_udfs.rules import asked, files
from kpi_udfs.rules.backtesting import Backtest, Picked, backtest
from kpi_udfs.rules.comparing import Change, Comparison, Share, compare
from kpi_udfs.rules.leads import Lead, counts, one_per_lead
from kpi_udfs.rules.model import NOT_YET, RuleSet
from kpi_udfs.rules.testing import run_tests

HELP_RULES = text(
    "cli.help.rules", "Rules that say what an MQL and an SQL is: check them, run them, compare, back-test."
)
HELP_CHECK = text(
    "cli.help.rules.check",
    "Check a rules file: everything that is wrong with it, and the tests that stand in it. With tables, also whether "
    "they have the columns and events that the rules ask for.",
)
HELP_APPLY = text("cli.help.rules.apply", "Stage, score and deciding rule of every lead of a table.")
HELP_OUTPUT = text("cli.help.rules.output", "Write the result to this file, as .csv, .xlsx or .json.")
HELP_DIFF = text(
    "cli.help.rules.diff",
    "Compare two rules files over the same leads: who becomes an MQL or SQL by the new one, and who no longer is; by "
    "channel and owner, where the table has such columns.",
)
HELP_BACKTEST = text(
    "cli.help.rules.backtest",
    "How well rules predict wins: precision, recall and lift of MQL and SQL, per band of scores, and for each threshold.",
)
HELP_WON = text(
    "cli.help.rules.won", "The column that tells which leads were won: yes or no, 1 or 0, or outcome words."
)
HELP_EXPLAIN = text("cli.help.rules.explain", "Rule by rule, why a lead is or is not qualified.")
HELP_LEAD = text("cli.help.rules.lead", "The identifier of the lead.")

ALL_RIGHT = text(
    "cli.rules.all_right", "{file}: all right. Versions: {versions:count}; tests, all passed: {tests:count}."
)
NOT_RIGHT = text(
    "cli.rules.not_right", "{file}: problems: {problems:count}; tests that failed: {failed:count} of {tests:count}."
)
HINT = text("cli.rules.hint", "Hint: {hint}")
REFUSED = text("cli.rules.refused", "{code}: {reason}")
RESULT_IN = text("cli.rules.result_in", "The result is here: {file}")

OF_FILE = text("cli.rules.of_file", "{file}: {reason}")

FACTS = {
    "channel": text("cli.rules.channel", "Channel"),
    "owner": text("cli.rules.owner", "Owner"),
}
BLANK = text("cli.rules.blank", "(blank)")
LEADS = text("cli.rules.leads", "Leads")
STAGE = text("cli.rules.stage", "Stage")
BEFORE = text("cli.rules.before", "Before")
AFTER = text("cli.rules.after", "After")
ENTER = text("cli.rules.enter", "Enter")
LEAVE = text("cli.rules.leave", "Leave")
WHO_ENTERS = text("cli.rules.who_enters", "Enter {stage} ({leads:count}): {ids:list}")
WHO_LEAVES = text("cli.rules.who_leaves", "Leave {stage} ({leads:count}): {ids:list}")
AND_MORE = text("cli.rules.and_more", "and {more:count} more")
NO_CHANGE = text("cli.rules.no_change", "Nobody enters or leaves a stage.")
DAYS_DIFFER = text(
    "cli.rules.days_differ", "The rules find different latest dates in the tables; both look from {day:date}."
)
NOT_COUNTED = text("cli.rules.not_counted", "Leads created after that day, left out: {leads:count}.")
MORE_GROUPS = text("cli.rules.more_groups", "Further groups that change: {groups:count}.")

BASE = text("cli.rules.base", "Leads: {leads:count}. Won: {won:count}. Base rate: {rate:percent}.")
WON = text("cli.rules.won", "Won")
PRECISION = text("cli.rules.precision", "Precision")
RECALL = text("cli.rules.recall", "Recall")
LIFT = text("cli.rules.lift", "Lift")
F1 = text("cli.rules.f1", "F1")
FROM = text("cli.rules.from", "Score from")
TO = text("cli.rules.to", "to")
WIN_RATE = text("cli.rules.win_rate", "Win rate")
SHARE_OF_WINS = text("cli.rules.share_of_wins", "Share of wins")
THRESHOLD = text("cli.rules.threshold", "Threshold")
IN_FORCE = text("cli.rules.in_force", "In force")
NO_POINTS = text("cli.rules.no_points", "These rules give no points: there are no bands and no thresholds to show.")
NO_SCORE_THRESHOLD = text(
    "cli.rules.no_score_threshold", "No threshold of these rules is on the score alone, so none is marked."
)
UNDECIDED = text("cli.rules.undecided", "Leads neither won nor lost, counted as not won: {leads:count}.")
LOOKS_AT_WON = text(
    "cli.rules.looks_at_won",
    'The rules themselves look at the column "{column}": they can\'t help but predict what it says.',
)

#: Identifiers and groups that are listed where a person reads.
_SOME_IDS, _SOME_GROUPS = 20, 15
_STAGES = {"mql": "MQL", "sql": "SQL"}


@click.group(help=said_in_help(HELP_RULES))
def rules() -> None:
    """Rules that qualify leads."""


_FILE = click.argument("file", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_object", is_flag=True, help=said_in_help(HELP_RULES_JSON))


@contextmanager
def _one_clear_line() -> Iterator[Context]:
    """As for all commands; what the rules or tables themselves refuse is said in a line with exit code 1."""
    with one_clear_line() as locale, extra("headless"):
        context = calls.context_now()
        assert isinstance(context, Context)  # an invalid configuration has been said
        try:
            yield context
        except CellError as error:
            click.echo(f"kpi-udfs: {say(REFUSED(code=error.code, reason=error.reason), locale)}", err=True)
            sys.exit(1)


# ----------------------------------------------------------------------------------------- check


@rules.command(help=said_in_help(HELP_CHECK))
@_FILE
@table_options(required=False, as_of=False)
@language_option
def check(file: Path, given: Given) -> None:
    """Everything that is wrong."""
    with _one_clear_line() as context:
        locale = context.settings.language
        file = qualifying.rules_file(file, locale)
        try:
            read = files.load(file)
        except ConfigError as error:
            click.echo(error.said(locale))
            sys.exit(1)
        tested = run_tests(file, context)
        problems, hints = _of_tables(read, given, context)
    for problem in [*problems, *tested.failed]:
        click.echo(problem.said(locale))
    for hint in [*hints, *tested.hints]:
        click.echo(say(HINT(hint=hint.said(locale)), locale))
    if problems or tested.failed:
        facts = {"problems": len(problems), "failed": len(tested.failed), "tests": tested.run}
        click.echo(say(NOT_RIGHT(file=file, **facts), locale))
        sys.exit(1)
    click.echo(say(ALL_RIGHT(file=file, versions=len(read.versions), tests=tested.run), locale))


def _of_tables(read: RuleSet, given: Given, context: Context) -> tuple[list[Problem], list[Problem]]:
    """Columns that the tables lack, and events that never occur in them."""
    names = context.settings.columns
    problems: list[Problem] = []
    hints: list[Problem] = []
    if given.leads:
        leads = qualifying.open_table(given.leads, given.sheet, "leads", context)
        problems += asked.unknown_columns(asked.lead_columns(read), leads.data.headers, names, leads.name)
    if given.events:
        events = qualifying.open_table(given.events, given.events_sheet, "events", context)
        lacking = asked.unknown_columns(asked.event_columns(read), events.data.headers, names, events.name)
        problems += lacking
        if not lacking and asked.asks_events(read):
            hints += asked.unknown_events(read, events.names_in(asked.event_header(read, "event")), events.name)
    return problems, hints


# ----------------------------------------------------------------------------------------- apply


@rules.command(name="apply", help=said_in_help(HELP_APPLY))
@_FILE
@table_options()
@click.option("-o", "--output", type=click.Path(path_type=Path), help=said_in_help(HELP_OUTPUT))
@_JSON
@language_option
def apply_rules(file: Path, given: Given, output: Path | None, as_object: bool) -> None:
    """The rules over a table."""
    with _one_clear_line() as context:
        locale = context.settings.language
        if output:
            check_output(output, locale)
        (done,) = _job([file], given, context).run()
        leads = qualifying.leads_of(done.block)
        facts = {"counts": counts(one_per_lead(leads)), "leads": list(map(_as_object, leads))}
        rows = [done.block.rows[0], *qualifying.rows_of(done.block)]
        if output:
            write_rows(output, rows, facts, locale)
    if as_object:
        click.echo(as_json(facts))
    elif output:
        click.echo(done.answer.explanation)
        click.echo(say(RESULT_IN(file=output.resolve()), locale))
    else:
        _print_rows(done, rows, locale)


def _as_object(lead: Lead) -> dict[str, Any]:
    return {"id": lead.id, "stage": lead.stage, "score": lead.score, "rule": lead.rule}


def _print_rows(done: Run, rows: Sequence[Sequence[Any]], locale: str | None) -> None:
    """A table for a person, separated by tabs for a program; what is to be said of it goes beside it."""
    if sys.stdout.isatty():
        shown = [
            [_one_line(write(cell, "number", locale) if isinstance(cell, float) else cell) for cell in row]
            for row in rows
        ]
        for line in aligned(shown):
            click.echo(line)
        click.echo()
    else:
        for row in rows:
            click.echo("\t".join(_one_line(plain(cell)) for cell in row))
    click.echo(done.answer.explanation, err=True)


def _one_line(cell: str) -> str:
    """A text that neither breaks a line nor steers a terminal."""
    return cell if cell.isprintable() else "".join(sign if sign.isprintable() else " " for sign in cell)


@dataclass(frozen=True)
class _Job:
    """Rules, each with its file, and the tables to run them over."""

    rules: list[tuple[Path, RuleSet]]
    tables: Tables
    as_of: date | None
    context: Context

    def run(self) -> list[Run]:
        """The rules of each file, all from the same day."""
        done = self._from(self.as_of)
        days = {one.day for one in done}
        if len(days) > 1:  # each by its own column of days
            latest = max(filter(None, days))
            click.echo(say(DAYS_DIFFER(day=latest), self.context.settings.language), err=True)
            done = self._from(latest)
        return done

    def _from(self, day: date | None) -> list[Run]:
        done = []
        for file, one in self.rules:
            try:
                done.append(qualifying.run(file, one, self.tables, day, self.context))
            except CellError as error:
                if len(self.rules) == 1:
                    raise
                raise CellError(error.code, OF_FILE(file=file, reason=error.reason)) from None
        return done


def _job(paths: Sequence[Path], given: Given, context: Context) -> _Job:
    """What the options name, found and read."""
    locale = context.settings.language
    found = [qualifying.rules_file(path, locale) for path in paths]
    read = [files.load(file) for file in found]
    for file, one in zip(found, read, strict=True):
        qualifying.check_events(file, one, given, locale)
    tables = qualifying.open_tables(given, context)
    return _Job(list(zip(found, read, strict=True)), tables, given.as_of, context)


# ------------------------------------------------------------------------------------------ diff


@rules.command(help=said_in_help(HELP_DIFF))
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@table_options()
@_JSON
@language_option
def diff(old: Path, new: Path, given: Given, as_object: bool) -> None:
    """Who enters and who leaves."""
    with _one_clear_line() as context:
        job = _job([old, new], given, context)
        before, after = job.run()
        table = job.tables.leads
        indexes = {fact: index for fact in FACTS if (index := table.known_as(fact)) is not None}
        was, _, _ = qualifying.leads_with(before, table, indexes)
        now, facts, notes = qualifying.leads_with(after, table, indexes)
        named = [{fact: cells.label(flat[row] or "") for fact, flat in facts.items()} for row in range(len(now))]
        # The rows are the same; what the one file takes for their identifier, the other may not.
        pairs = list(zip(was, now, named, strict=True))
        was = one_per_lead(replace(one, id=other.id, facts=fact) for one, other, fact in pairs)
        now = one_per_lead(replace(other, facts=fact) for _, other, fact in pairs)
        known = [not one.stage == other.stage == NOT_YET for one, other in zip(was, now, strict=True)]
        found = compare(list(compress(was, known)), list(compress(now, known)), indexes)
        notes = [*notes, *_left_out(known.count(False))]
    if as_object:
        click.echo(as_json({"as_of": _iso(after.day), **_comparison_object(found)}))
    else:
        _print_comparison(found, after, notes, context.settings.language)


def _left_out(leads: int) -> list[Sentence]:
    return [NOT_COUNTED(leads=leads)] if leads else []


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _comparison_object(found: Comparison) -> dict[str, Any]:
    def numbers(share: Share) -> dict[str, Any]:
        moved = {stage: _change_object(change, listed=False) for stage, change in share.changes.items()}
        return {"name": share.name, "leads": share.leads, **moved}

    changes = {stage: _change_object(change, listed=True) for stage, change in found.changes.items()}
    return {
        "leads": found.leads,
        **changes,
        **{fact: list(map(numbers, shares)) for fact, shares in found.within.items()},
    }


def _change_object(change: Change, listed: bool) -> dict[str, Any]:
    moved = {"enter": change.enter, "leave": change.leave}
    shown = {name: list(ids) if listed else len(ids) for name, ids in moved.items()}
    return {"before": change.before, "after": change.after, **shown}


def _print_comparison(found: Comparison, done: Run, notes: Sequence[Sentence], locale: str | None) -> None:
    moving = any(change.enter or change.leave for change in found.changes.values())
    head = [say(one, locale) for one in (STAGE, BEFORE, AFTER, ENTER, LEAVE)]
    _print_aligned([head, *([_STAGES[stage], *_moves(one, locale)] for stage, one in found.changes.items())])
    for fact, shares in found.within.items() if moving else ():
        _print_shares(fact, shares, locale)
    for stage, change in found.changes.items():
        for said, ids in ((WHO_ENTERS, change.enter), (WHO_LEAVES, change.leave)):
            if ids:
                listed = [*map(_one_line, ids[:_SOME_IDS]), *_more(len(ids) - _SOME_IDS)]
                click.echo(say(said(stage=_STAGES[stage], leads=len(ids), ids=listed), locale))
    if not moving:
        click.echo(say(NO_CHANGE, locale))
    _print_notes(done, notes, locale)


def _more(others: int) -> list[Sentence]:
    return [AND_MORE(more=others)] if others > 0 else []


def _moves(change: Change, locale: str | None) -> list[str]:
    return [write(one, "count", locale) for one in (change.before, change.after, len(change.enter), len(change.leave))]


def _print_shares(fact: str, shares: Sequence[Share], locale: str | None) -> None:
    """The groups in which something moves."""
    moved = [one for one in shares if any(change.enter or change.leave for change in one.changes.values())]
    shown = moved[:_SOME_GROUPS]
    captions = [say(one, locale) for one in (BEFORE, AFTER, ENTER, LEAVE)]
    rows = [
        [
            say(FACTS[fact], locale),
            say(LEADS, locale),
            *(f"{stage} {one}" for stage in _STAGES.values() for one in captions),
        ]
    ]
    for share in shown:
        numbers = [number for stage in _STAGES for number in _moves(share.changes[stage], locale)]
        rows.append([_one_line(share.name) or say(BLANK, locale), write(share.leads, "count", locale), *numbers])
    _print_aligned(rows)
    if others := len(moved) - len(shown):
        click.echo(say(MORE_GROUPS(groups=others), locale))


def _print_aligned(rows: Sequence[Sequence[str]]) -> None:
    for line in aligned(rows):
        click.echo(line)
    click.echo()


def _print_notes(done: Run, notes: Iterable[Sentence], locale: str | None) -> None:
    """Which rules, from which day, and what deserves saying."""
    own = (qualification.RULES, qualification.ON_DAY)
    used = [sentence for sentence in done.block.working if sentence.text in own]
    warnings = [WARNING(note=note) for note in (*done.block.warnings, *done.answer.notes)]
    click.echo(say_all([*used, *notes, *warnings], locale))


# -------------------------------------------------------------------------------------- backtest


@rules.command(name="backtest", help=said_in_help(HELP_BACKTEST))
@_FILE
@table_options()
@click.option("--won", "won_column", required=True, metavar="COLUMN", help=said_in_help(HELP_WON))
@_JSON
@language_option
def backtest_rules(file: Path, given: Given, won_column: str, as_object: bool) -> None:
    """How well the rules predict."""
    with _one_clear_line() as context:
        job = _job([file], given, context)
        table = job.tables.leads
        index = _won_index(table, won_column, context.settings.language)
        (done,) = job.run()
        leads, facts, notes = qualifying.leads_with(done, table, {"won": index})
        won, undecided = _won(Range(facts["won"], cells.COLUMN(column=table.data.headers[index])), context)
        every = one_per_lead(replace(lead, won=right) for lead, right in zip(leads, won, strict=True))
        known = [lead for lead in every if lead.stage != NOT_YET]
        found = backtest(known, _thresholds(done))
        notes = [*notes, *_left_out(len(every) - len(known)), *([UNDECIDED(leads=undecided)] if undecided else [])]
        if _looks_at(index, job.rules[0][1], table):
            notes.append(WARNING(note=LOOKS_AT_WON(column=table.data.headers[index])))
    if as_object:
        click.echo(as_json({"as_of": _iso(done.day), **_backtest_object(found, done)}))
    else:
        _print_backtest(found, done, notes, context.settings.language)


def _won_index(table: Opened, name: str, locale: str | None) -> int:
    try:
        return table.find(name)
    except CellError as error:
        stop(f"--won: {say(error.reason, locale)}")


def _won(column: Range, context: Context) -> tuple[list[bool], int]:
    """Whether each lead was won, and of how many it is not known."""
    flags = list(map(cells.flag, column.flat))
    if None not in flags:
        return [flag == 1 for flag in flags], flags.count(-1)
    outcomes = cells.read_outcomes(column, context).each
    return [outcome == "won" for outcome in outcomes], sum(outcome in (None, "open") for outcome in outcomes)


def _thresholds(done: Run) -> list[tuple[str, float]]:
    """The stages with the score that alone is enough for them."""
    stages = (("mql", done.version.mql), ("sql", done.version.sql))
    every = ((name, threshold) for name, stage in stages if stage for threshold in stage.thresholds)
    return [(name, one.score) for name, one in every if one.score is not None and len(one.parts) == 1]


def _looks_at(index: int, read: RuleSet, table: Opened) -> bool:
    return index in (asked.found_columns(asked.lead_columns(read), table.data.headers, table.names) or ())


def _backtest_object(found: Backtest, done: Run) -> dict[str, Any]:
    stages: dict[str, Any] = {stage: asdict(picked) for stage, picked in found.stages.items()}
    if done.version.sql is None:
        stages["sql"] = None
    bands = [
        {"from": band.low, "to": band.high, "leads": one.leads, "won": one.won, "rate": one.precision, "lift": one.lift,
         "share_of_wins": one.recall}
        for band in found.bands for one in [band.picked]
    ]  # fmt: skip
    curve = [
        {"threshold": step.threshold, **asdict(step.picked), "in_force": list(step.in_force)} for step in found.curve
    ]
    base = {"leads": found.leads, "won": found.won, "base_rate": found.base_rate}
    return {**base, **stages, "bands": bands, "curve": curve}


def _print_backtest(found: Backtest, done: Run, notes: Sequence[Sentence], locale: str | None) -> None:
    def row(*numbers: tuple[float | None, str]) -> list[str]:
        return ["–" if number is None else write(number, how, locale) for number, how in numbers]

    def figures(one: Picked) -> list[str]:
        shares = ((one.precision, "percent"), (one.recall, "percent"), (one.lift, "number"), (one.f1, "number"))
        return row((one.leads, "count"), (one.won, "count"), *shares)

    def captions(*texts: Text) -> list[str]:
        return [say(one, locale) for one in texts]

    every = (LEADS, WON, PRECISION, RECALL, LIFT, F1)
    if found.base_rate is not None:
        click.echo(say(BASE(leads=found.leads, won=found.won, rate=found.base_rate), locale))
        click.echo()
    stages = [stage for stage in found.stages if stage == "mql" or done.version.sql]
    _print_aligned([captions(STAGE, *every), *([_STAGES[one], *figures(found.stages[one])] for one in stages)])
    if found.bands:
        _print_aligned([
            captions(FROM, TO, LEADS, WON, WIN_RATE, LIFT, SHARE_OF_WINS),
            *(
                row((band.low, "number"), (band.high, "number"), (one.leads, "count"), (one.won, "count"),
                    (one.precision, "percent"), (one.lift, "number"), (one.recall, "percent"))
                for band in found.bands for one in [band.picked]
            ),
        ])  # fmt: skip
        _print_aligned([
            captions(THRESHOLD, *every, IN_FORCE),
            *(
                [*row((step.threshold, "number")), *figures(step.picked), ", ".join(_STAGES[one] for one in step.in_force)]
                for step in found.curve
            ),
        ])  # fmt: skip
        marked = any(step.in_force for step in found.curve)
        notes = notes if marked else [*notes, NO_SCORE_THRESHOLD()]
    else:
        notes = [*notes, NO_POINTS()]
    _print_notes(done, notes, locale)


# --------------------------------------------------------------------------------------- explain


@rules.command(help=said_in_help(HELP_EXPLAIN))
@_FILE
@table_options()
@click.option("--lead", required=True, metavar="ID", help=said_in_help(HELP_LEAD))
@_JSON
@language_option
def explain(file: Path, given: Given, lead: str, as_object: bool) -> None:
    """Why one lead is what it is."""
    with _one_clear_line() as context:
        spec = find("WHY_QUALIFIED")
        job = _job([file], given, context)
        answer = qualifying.call(
            spec.name, [lead, *qualifying.arguments(job.rules[0][0], job.tables), given.as_of], context
        )
    if as_object:
        click.echo(as_json({"lead": lead, "value": answer.cell, "explanation": answer.explanation}))
    else:
        _print_aligned([[_one_line(cell) for cell in row] for row in result_rows(answer, context.settings.language)])
        click.echo(answer.explanation)
