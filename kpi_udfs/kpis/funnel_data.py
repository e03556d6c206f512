"""Reading the data of a funnel: a block of stages and counts, or a table with a column per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from kpi_udfs import cells
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError
from kpi_udfs.kinds import BENCHMARK, COUNT, Column, Labels, Table, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.settings import fold
from kpi_udfs.tables import headers
from kpi_udfs.tables.columns import flag_or_day, keys, raw_columns

ONE_STAGE = text("FUNNEL.one_stage", "A funnel needs two stages; only {stage} was found.")
ONE_STAGE_COLUMN = text(
    "FUNNEL.one_stage_column",
    "A funnel needs two stages; only {stage} was found. Headers: {headers:list}. Name the stages in the second argument or "
    "in stages.yaml.",
)
NO_STAGES_FOUND = text(
    "FUNNEL.no_stages_found",
    "No column header is a known stage. Headers: {headers:list}. Name the stages in the second argument or in "
    "stages.yaml. A named table needs its header row: write Table[#All].",
)
STAGE_TWICE = text("FUNNEL.stage_twice", 'The stage "{stage}" is named twice.')
TWO_FOR_STAGE = text(
    "FUNNEL.two_for_stage",
    'The columns "{first}" and "{second}" both read as the stage {stage}. Name the stages in the second argument.',
)
STAGE_NOT_IN_BLOCK = text("FUNNEL.stage_not_in_block", 'The block has no stage "{stage}". Its stages: {stages:list}.')


#: The arguments that funnel functions share.
FunnelTable = Annotated[
    Table, "A table with header row and a date (or yes/no) column per stage, or a block of stage names and counts."
]
Stages = Annotated[Labels | None, "Stage names in order; without them, the configured stages found in the header."]
Policy = Annotated[
    Literal["furthest", "strict", "any"],
    "furthest: everyone whose furthest stage is this or later. strict: every stage, in order. any: whoever entered it.",
]


@dataclass(frozen=True)
class NamedColumn:
    """A column with its header; a stage's is ``dated`` where it tells days, not only yes and no."""

    name: str
    dated: bool
    column: Column


def read_counts(
    data: TableData, stages: Sequence[str] | None, context: Context, notes: list[Sentence]
) -> list[tuple[str, float]] | None:
    """Stage and count where ``data`` is a block of them; None where it is a table.

    A block has two columns, names and numbers. Its header row may be missing: a first row is one
    where its second cell is a text that is no number and its first is no stage's name. A table
    whose second header names a stage stays a table, whatever its cells hold.
    """
    rows = [row for row in data.below if not cells.is_blank_row(row)] if len(data.headers) == 2 else []
    if not rows or any(len(row) != 2 for row in rows) or _is_stage(data.headers[1], stages, context):
        return None
    numbers = [data.first + i for i, row in enumerate(data.below) if not cells.is_blank_row(row)]
    names = cells.Range([name for name, _ in rows], "data", numbers)
    for index, name in enumerate(names.flat):
        cells.refuse_error(name, names, index, context)
    if not (_is_word(data.headers[1], context) and not _is_stage(data.headers[0], stages, context)):
        rows, numbers = [data.header, *rows], [data.first - 1, *numbers]
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
        raise CellError.value(STAGE_TWICE(stage=next(name for name, _ in counts if folded.count(fold(name)) > 1)))
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
    data: TableData, stages: Sequence[str] | None, by: str | None, context: Context, notes: list[Sentence]
) -> tuple[list[NamedColumn], NamedColumn | None]:
    """The stage columns of a table in the order of the stages, and the column of the groups."""
    _refuse_twice(stages)
    known = context.settings.stages
    if stages:
        indexes = [headers.find(data.headers, stage, known) for stage in stages]
    else:
        indexes = _configured_columns(data, context)
    if len(indexes) < 2:
        raise CellError.value(ONE_STAGE_COLUMN(stage=data.headers[indexes[0]], headers=data.headers))
    group = [headers.find(data.headers, by, context.settings.columns)] if by else []
    raw = raw_columns(data, [*indexes, *group])
    read = []
    for index, column in zip(indexes, raw, strict=False):
        name = data.headers[index]
        read.append(NamedColumn(name, *flag_or_day(column, name, context, notes)))
    return read, NamedColumn(data.headers[group[0]], False, keys(raw[-1], str(by), context)) if by else None


def _is_stage(header: str, stages: Sequence[str] | None, context: Context) -> bool:
    if stages:
        return fold(header) in map(fold, stages)
    return bool(headers.called([header], header, context.settings.stages))


def _configured_columns(data: TableData, context: Context) -> list[int]:
    """The columns whose headers name a configured stage, in the order of the stages."""
    columns = []
    for identifier, _ in context.settings.stages:
        matching = headers.called(data.headers, identifier, context.settings.stages)
        if len(matching) > 1:
            first, second, *_ = (data.headers[index] for index in matching)
            raise CellError.value(TWO_FOR_STAGE(first=first, second=second, stage=identifier))
        columns += matching
    if not columns:
        raise CellError.value(NO_STAGES_FOUND(headers=data.headers))
    return columns


BENCHMARK_SIZE = text(
    "FUNNEL_BOTTLENECK.benchmark_size",
    "benchmark holds {given:count} {given:rate|rates}; this funnel has {steps:count} {steps:step|steps}, from one stage "
    "to the next.",
)
BENCHMARK_RATE = text(
    "FUNNEL_BOTTLENECK.benchmark_rate", "A rate in benchmark lies between 0 and 100 %; {value:number} does not."
)
BENCHMARK_STAGE = text(
    "FUNNEL_BOTTLENECK.benchmark_stage", 'benchmark says nothing about the stage "{stage}". Its stages: {stages:list}.'
)
BENCHMARK_EMPTY = text(
    "FUNNEL_BOTTLENECK.benchmark_empty",
    "Nobody is in {stage} of the earlier funnel, so it gives no rate to compare with.",
)


def read_benchmark(raw: Any, stages: Sequence[str], context: Context, notes: list[Sentence]) -> list[float]:
    """One target rate per step: given as such, by stage name, or by the counts of an earlier funnel."""
    rows = [row for row in raw if isinstance(row, list | tuple)] if isinstance(raw, list | tuple) else []
    named = [row for row in rows if len(row) == 2 and _is_word(row[0], context)]
    if not named:
        given = _numbers(cells.Range(raw, "benchmark"), context, notes)
        rates = [rate for rate in given if rate is not None]
        if len(rates) != len(stages) - 1:
            raise CellError.value(BENCHMARK_SIZE(given=len(rates), steps=len(stages) - 1))
        return [_checked_rate(rate) for rate in rates]
    if _is_word(named[0][1], context):  # a header row
        named = named[1:]
    numbers = _numbers(cells.Range([row[1] for row in named], "benchmark"), context, notes)
    names = [cells.label(row[0]) for row in named]
    _refuse_twice(names)
    filled = [number for number in numbers if number is not None]
    counts = any(number > 1 for number in filled) or not any(filled)

    def number_of(stage: str) -> float:
        places = [i for i, name in enumerate(names) if fold(name) == fold(stage)]
        places = places or headers.called(names, stage, context.settings.stages)
        number = numbers[places[0]] if len(places) == 1 else None
        if number is None:
            raise CellError.value(BENCHMARK_STAGE(stage=stage, stages=names))
        return number

    if not counts:
        return [_checked_rate(number_of(stage)) for stage in stages[1:]]
    earlier = [number_of(stage) for stage in stages]
    for stage, count in zip(stages, earlier[:-1], strict=False):
        if not count:
            raise CellError.div0(BENCHMARK_EMPTY(stage=stage))
    return [count / before for before, count in pairwise(earlier)]


def _numbers(raw: cells.Range, context: Context, notes: list[Sentence]) -> Sequence[float | None]:
    numbers: Sequence[float | None] = cells.read_number_column(raw, BENCHMARK, context, notes).values
    return numbers


def _checked_rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise CellError.num(BENCHMARK_RATE(value=rate))
    return rate
