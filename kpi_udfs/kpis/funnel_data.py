"""Reading the data of a funnel: a block of stages and counts, or a table with a column per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kpi_udfs import cells
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import TableData
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
TWICE = text("FUNNEL.twice", 'Two columns are called "{stage}".')
TWO_FOR_STAGE = text(
    "FUNNEL.two_for_stage",
    'The columns "{first}" and "{second}" both read as the stage {stage}. Name the stages in the second argument.',
)
STAGE_NOT_IN_BLOCK = text("FUNNEL.stage_not_in_block", 'The block has no stage "{stage}". Its stages: {stages:list}.')
DATES_AND_FLAGS = text(
    "FUNNEL.dates_and_flags", 'The column "{stage}" mixes dates with yes and no; it should hold one of them.'
)
COLUMN = text("FUNNEL.in_column", 'column "{column}"')

_YES = frozenset({"yes", "y", "x", "true", "ja", "oui", "sì", "si", "ya", "wahr", "vrai", "vero", "benar", "✓", "1"})
_NO = frozenset({"no", "n", "false", "nein", "non", "tidak", "falsch", "faux", "falso", "salah", "-", "0"})


@dataclass(frozen=True)
class StageColumn:
    """A stage's column, read: the day on which each row reached it, or only whether it did."""

    name: str
    days: list[int | None] | None = None
    reached: list[int] | None = None


def read_counts(data: TableData, stages: Sequence[str] | None, context: Context) -> list[tuple[str, float]] | None:
    """Stage and count where ``data`` is a block of them; None where it is a table.

    A block has two columns, a name and a number; its header row may be missing. A table whose
    second header names a stage stays a table, whatever its cells hold.
    """
    if any(len(row) != 2 for row in data.rows):
        return None
    headed = _number(data.rows[0][1], context) is None and not cells.error_code(data.rows[0][1], context)
    if headed and len(data.rows) > 1 and _is_stage(data.headers[1], stages, context):
        return None
    lines = list(zip(data.rows, data.numbers, strict=True))[1 if headed else 0 :]
    if not lines or not all(_is_line(row, context) for row, _ in lines):
        return None
    return _chosen([(cells.label(row[0]), _count(row[1], at, context)) for row, at in lines], stages)


def _is_line(row: Sequence[Any], context: Context) -> bool:
    """Whether a row is a stage's name and its count (or an error where the count should be)."""
    name, count = row
    named = isinstance(name, str) and bool(name.strip()) and not cells.error_code(name, context)
    return named and (_number(count, context) is not None or cells.error_code(count, context) is not None)


def _number(cell: Any, context: Context) -> float | None:
    if not isinstance(cell, str):
        return cells.as_number(cell)
    written = cells.written_number(cell, context)
    return None if isinstance(written, str) else written.value


def _count(cell: Any, row: int, context: Context) -> float:
    place = cells.PLACE_ROW(row=row, argument="data")
    if code := cells.error_code(cell, context):
        raise CellError(code, cells.ERROR_CELL(place=place, code=code))
    count = _number(cell, context)
    assert count is not None  # _is_line has looked
    if count < 0:
        raise CellError.num(cells.OUT_OF_BOUNDS(place=place, value=count, minimum=0))
    return int(count) if count.is_integer() else count


def _chosen(counts: list[tuple[str, float]], stages: Sequence[str] | None) -> list[tuple[str, float]]:
    """The counts of the stages wanted, in their order."""
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


def read_stages(
    data: TableData, stages: Sequence[str] | None, context: Context, notes: list[Sentence]
) -> list[StageColumn]:
    """The stage columns of a table, in the order of the stages."""
    columns = [_column(data, stage) for stage in stages] if stages else _configured_columns(data, context)
    if len(columns) < 2:
        raise CellError.value(ONE_STAGE(stage=data.headers[columns[0]]))
    return [_read_stage(data, column, context, notes) for column in columns]


def read_groups(data: TableData, by: str, context: Context) -> tuple[str, list[str]]:
    """The header of the column ``by`` and the group of each row, empty where the cell is blank."""
    column = _column(data, by)
    groups = []
    for row, number in zip(data.rows[1:], data.numbers[1:], strict=True):
        cell = row[column] if column < len(row) else None
        if code := cells.error_code(cell, context):
            place = cells.PLACE_ROW(row=number, argument=COLUMN(column=data.headers[column]))
            raise CellError(code, cells.ERROR_CELL(place=place, code=code))
        groups.append("" if cells.is_blank(cell) else cells.label(cell))
    return data.headers[column], groups


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


def _read_stage(data: TableData, column: int, context: Context, notes: list[Sentence]) -> StageColumn:
    """A stage column as day numbers, or as flags where it holds yes and no."""
    name = data.headers[column]
    raw = [row[column] if column < len(row) else None for row in data.rows[1:]]
    read = {key: _flag(cell) for key, cell in _distinct(raw).items()}
    column_cells = cells.Range(raw, COLUMN(column=name), data.numbers[1:])
    if not {0, 1} & set(read.values()):
        return StageColumn(name, days=cells.read_days(column_cells, context, notes))
    flags = [read[_key(cell)] for cell in raw]
    if None in flags:
        cells.refuse_error(raw[flags.index(None)], column_cells, flags.index(None), context)
        raise CellError.value(DATES_AND_FLAGS(stage=name))
    return StageColumn(name, reached=[1 if flag == 1 else 0 for flag in flags])


def _distinct(raw: list[Any]) -> dict[Any, Any]:
    """The different cells of a column; most columns hold few, and each is looked at once."""
    try:
        return {cell: cell for cell in raw}
    except TypeError:  # an error cell is a mapping
        return {_key(cell): cell for cell in raw}


def _key(cell: Any) -> Any:
    try:
        hash(cell)
    except TypeError:
        return repr(cell)
    return cell


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
