"""Reading the data of a funnel: a block of stages and counts, or a table with a column per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kpi_udfs import cells
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import COUNT, TableData, shown
from kpi_udfs.messages import Sentence, text
from kpi_udfs.settings import fold

ONE_STAGE = text("FUNNEL.one_stage", "A funnel needs two stages; only {stage} was found.")
NO_STAGES_FOUND = text(
    "FUNNEL.no_stages_found",
    "No column header is a known stage. Headers: {headers:list}. Name the stages in the second argument or in "
    "stages.yaml.",
)
UNKNOWN_STAGE = text("FUNNEL.unknown_stage", 'There is no column "{stage}". Headers: {headers:list}.')
UNKNOWN_STAGE_NEAR = text(
    "FUNNEL.unknown_stage_near", 'There is no column "{stage}"; did you mean "{nearest}"? Headers: {headers:list}.'
)
STAGE_TWICE = text("FUNNEL.stage_twice", 'The stage "{stage}" is named twice.')
TWICE = text("FUNNEL.twice", 'Two columns are called "{stage}".')
TWO_FOR_STAGE = text(
    "FUNNEL.two_for_stage",
    'The columns "{first}" and "{second}" both read as the stage {stage}. Name the stages in the second argument.',
)
STAGE_NOT_IN_BLOCK = text("FUNNEL.stage_not_in_block", 'The block has no stage "{stage}". Its stages: {stages:list}.')
NOT_YES_OR_NO = text(
    "FUNNEL.dates_and_flags", '{place} holds "{content}"; other cells of the column hold yes, no, 1 or 0.'
)
NOT_OUR_TIME = text(
    "FUNNEL.not_our_time",
    "{place} holds {content}, which is no date since 1950. A stage column holds dates, or yes and no; counts belong in "
    "a block with one row per stage.",
)
COLUMN = text("FUNNEL.in_column", 'column "{column}"')

_YES = frozenset({"yes", "y", "x", "true", "ja", "oui", "sì", "si", "ya", "wahr", "vrai", "vero", "benar", "✓", "1"})
_NO = frozenset({"no", "n", "false", "nein", "non", "tidak", "falsch", "faux", "falso", "salah", "-", "0"})


#: Numbers below it are counts that landed in a date column, not the day of a lead.
_OUR_TIME = date(1950, 1, 1).toordinal()


@dataclass(frozen=True)
class StageColumn:
    """A stage's column, read: the day on which each row reached it, or only whether it did."""

    name: str
    days: Sequence[float | None] | None = None
    reached: list[int] | None = None


def read_counts(
    data: TableData, stages: Sequence[str] | None, context: Context, notes: list[Sentence]
) -> list[tuple[str, float]] | None:
    """Stage and count where ``data`` is a block of them; None where it is a table.

    A block has two columns, names and numbers. Its header row may be missing: a first row is one
    where its second cell is a text that is no number and its first is no stage's name. A table
    whose second header names a stage stays a table, whatever its cells hold.
    """
    if any(len(row) != 2 for row in data.rows) or _is_stage(data.headers[1], stages, context):
        return None
    headed = _is_word(data.rows[0][1], context) and not _is_stage(data.headers[0], stages, context)
    rows, numbers = (data.rows[1:], data.numbers[1:]) if headed else (data.rows, data.numbers)
    if not all(_is_word(name, context) for name, _ in rows) or all(_is_word(count, context) for _, count in rows):
        return None
    counts = cells.read_counts(cells.Range([count for _, count in rows], "data", numbers), COUNT, context, notes)
    return _chosen([(cells.label(row[0]), count) for row, count in zip(rows, counts, strict=True)], stages)


def _is_word(cell: Any, context: Context) -> bool:
    """A text that is neither blank, nor an error, nor anything like a number."""
    if not isinstance(cell, str) or cells.is_blank(cell) or cells.error_code(cell, context):
        return False
    return cells.written_number(cell, context) == "unreadable"


def _chosen(counts: list[tuple[str, float]], stages: Sequence[str] | None) -> list[tuple[str, float]]:
    """The counts of the stages wanted, in their order."""
    _refuse_twice(stages)
    known = {fold(name): (name, count) for name, count in counts}
    if len(known) < len(counts):
        folded = [fold(name) for name, _ in counts]
        raise CellError.value(TWICE(stage=next(name for name, _ in counts if folded.count(fold(name)) > 1)))
    if stages:
        for stage in stages:
            if fold(stage) not in known:
                raise CellError.value(STAGE_NOT_IN_BLOCK(stage=stage, stages=[name for name, _ in counts]))
        counts = [known[fold(stage)] for stage in stages]
    if len(counts) < 2:
        raise CellError.value(ONE_STAGE(stage=counts[0][0]))
    return counts


def _refuse_twice(stages: Sequence[str] | None) -> None:
    folded = [fold(stage) for stage in stages or ()]
    for stage in stages or ():
        if folded.count(fold(stage)) > 1:
            raise CellError.value(STAGE_TWICE(stage=stage))


def read_stages(
    data: TableData, stages: Sequence[str] | None, context: Context, notes: list[Sentence]
) -> list[StageColumn]:
    """The stage columns of a table, in the order of the stages."""
    _refuse_twice(stages)
    columns = [_column(data, stage) for stage in stages] if stages else _configured_columns(data, context)
    if len(columns) < 2:
        raise CellError.value(ONE_STAGE(stage=data.headers[columns[0]]))
    return [_read_stage(data, column, context, notes) for column in columns]


def read_groups(data: TableData, by: str, context: Context) -> tuple[str, list[str]]:
    """The header of the column ``by`` and the group of each row, empty where the cell is blank."""
    column = _column(data, by)
    raw = _column_cells(data, column)
    for index, cell in enumerate(raw.flat):
        cells.refuse_error(cell, raw, index, context)
    return data.headers[column], ["" if cells.is_blank(cell) else cells.label(cell) for cell in raw.flat]


def _is_stage(header: str, stages: Sequence[str] | None, context: Context) -> bool:
    if stages:
        return fold(header) in map(fold, stages)
    return any(fold(header) in names for _, names in context.settings.stages)


def _configured_columns(data: TableData, context: Context) -> list[int]:
    """The columns whose headers name a configured stage, in the order of the stages."""
    columns = []
    folded = [fold(header) for header in data.headers]
    for identifier, names in context.settings.stages:
        matching = [index for index, header in enumerate(folded) if header in names]
        if len(matching) > 1:
            first, second, *_ = (data.headers[index] for index in matching)
            raise CellError.value(TWO_FOR_STAGE(first=first, second=second, stage=identifier))
        columns += matching
    if not columns:
        raise CellError.value(NO_STAGES_FOUND(headers=data.headers))
    return columns


def _column(data: TableData, name: str) -> int:
    """The column with that header; upper and lower case make no difference."""
    from difflib import get_close_matches

    folded = [fold(header) for header in data.headers]
    if folded.count(fold(name)) == 1:
        return folded.index(fold(name))
    if fold(name) in folded:
        raise CellError.value(TWICE(stage=name))
    if near := get_close_matches(fold(name), folded, n=1):
        nearest = data.headers[folded.index(near[0])]
        raise CellError.value(UNKNOWN_STAGE_NEAR(stage=name, nearest=nearest, headers=data.headers))
    raise CellError.value(UNKNOWN_STAGE(stage=name, headers=data.headers))


def _column_cells(data: TableData, column: int) -> cells.Range:
    """The cells of a column below its header."""
    raw = [row[column] if column < len(row) else None for row in data.rows[1:]]
    return cells.Range(raw, COLUMN(column=data.headers[column]), data.numbers[1:])


def _read_stage(data: TableData, column: int, context: Context, notes: list[Sentence]) -> StageColumn:
    """A stage column as day numbers, or as flags where it holds yes and no."""
    name = data.headers[column]
    raw = _column_cells(data, column)
    quick = cells.read_plain_serials(raw.flat, context, since=_OUR_TIME)
    if quick is not None:
        return StageColumn(name, days=quick)
    flags = [_flag(cell) for cell in raw.flat]
    if 0 not in flags and 1 not in flags:
        days = cells.read_days(raw, context, notes)
        for index, day in enumerate(days):
            if day is not None and day < _OUR_TIME:
                raise CellError.value(NOT_OUR_TIME(place=raw.place(index), content=shown(raw.flat[index])))
        return StageColumn(name, days=days)
    if None in flags:
        index = flags.index(None)
        cells.refuse_error(raw.flat[index], raw, index, context)
        raise CellError.value(NOT_YES_OR_NO(place=raw.place(index), content=shown(raw.flat[index])))
    return StageColumn(name, reached=[1 if flag == 1 else 0 for flag in flags])


def _flag(cell: Any) -> int | None:
    """1 for yes, 0 for no, -1 for a blank, None for anything else."""
    if cells.is_blank(cell):
        return -1
    if isinstance(cell, bool) or (isinstance(cell, int | float) and cell in (0, 1)):
        return int(cell)
    if isinstance(cell, str):
        word = cell.strip().casefold()
        return 1 if word in _YES else 0 if word in _NO else None
    return None
