"""One lead by itself: its row, its events, and the same lead if things were otherwise.

Of large tables only the identifiers are read, and the days where the rules or the default of as_of
ask for the first or the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import narwhals as nw

from kpi_udfs.cells import Context
from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import Column, NativeTable, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.evaluation import Compiled, between_limits, name_of, points_sum
from kpi_udfs.rules.events import counted, last
from kpi_udfs.rules.model import RuleSet, parts
from kpi_udfs.rules.past import first_day
from kpi_udfs.rules.preparing import Located, Prepared, latest, located, prepare, sticky
from kpi_udfs.rules.qualify import Qualified, run
from kpi_udfs.rules.scoring import columns_for, joined
from kpi_udfs.rules.tables import Identifiers, RuleTable
from kpi_udfs.tables.columns import as_cells
from kpi_udfs.tables.frames import in_memory, rows_of

NO_SUCH_LEAD = text("rules.one_lead.no_such_lead", 'No lead of the table has the identifier "{lead}".')
OTHER_CASE = text(
    "rules.one_lead.other_case",
    'No lead of the table has the identifier "{lead}", but there is "{near}": capital letters count.',
)
SEVERAL_ROWS = text("rules.one_lead.several_rows", "{lead} stands in {rows:count} rows; the first one is explained.")

#: A lead's cells, and the events that come on top of its own.
Variant = tuple[list[Any], list[list[Any]]]


@dataclass
class OneLead:
    """A lead with its events, as cells."""

    rules: RuleSet
    context: Context
    #: The identifier as it stands in the table.
    id: str
    day: int | None
    #: The first day that the whole tables tell of, where the rules look back.
    first_day: int | None
    leads: TableData
    events: TableData | None
    #: The columns whose cells are facts: the identifier and the day of creation.
    fixed: frozenset[int | None] = frozenset()
    notes: list[Sentence] = field(default_factory=list)

    @property
    def row(self) -> list[Any]:
        """The lead's cells."""
        return list(self.leads.below[0])

    @property
    def event_rows(self) -> Sequence[Sequence[Any]]:
        """The cells of its events."""
        return self.events.below if self.events else []

    @cached_property
    def prepared(self) -> Prepared:
        """Rules and tables of this lead alone."""
        return self._prepared([self.row], self.event_rows)

    @cached_property
    def qualified(self) -> Qualified:
        """What the lead is."""
        return run(self.prepared)

    def variants(self, given: Sequence[Variant]) -> Prepared:
        """The lead with other fields and with more events, one variant after the other."""
        import numpy as np

        own = self.event_rows
        prepared = self._prepared([row for row, _ in given], [event for _, more in given for event in (*own, *more)])
        # All of them have the same identifier, on which rules may ask questions as well.
        places = np.arange(len(given))
        prepared.keys = Identifiers(Column("variant", places), list(map(str, places)))
        if prepared.events is not None:
            prepared.events.key = Column("variant", np.repeat(places, [len(own) + len(more) for _, more in given]))
        return prepared

    def _prepared(self, rows: Sequence[Any], events: Sequence[Any]) -> Prepared:
        leads = replace(self.leads, below=rows)
        happened = replace(self.events, below=events) if self.events else None
        prepared = prepare(self.rules, leads, happened, self.day, self.context, [])
        prepared.first_day = self.first_day
        return prepared


def stages_of(prepared: Prepared) -> Sequence[str]:
    """The stage of each variant."""
    return run(prepared, with_rule=False).stages


def facts_of(prepared: Prepared) -> list[dict[str, Any]]:
    """What the rules look at, for each row of the leads.

    ``truth_…`` of each condition, ``many_…`` and ``last_…`` of each question about events, by their
    identity; ``raw_…``, ``faded_…`` and ``total_…`` points of each rule by its place; and the points
    of the groups before their limits, ``fit_sum`` and ``engagement_sum``, and within them.
    """
    version = prepared.version
    day = nw.lit(float(prepared.day)) if prepared.day is not None else None
    table = columns_for(prepared, version)
    compiled = Compiled(version, table, day)
    sums = {}
    for test in version.event_tests:
        sums[f"many_{id(test)}"] = compiled.sums.column(counted(test))
        sums[f"last_{id(test)}"] = compiled.sums.column(last(test))
    frame = joined(prepared, table, compiled.sums, day)
    every = [part for top in version.conditions for part in parts(top)]
    made: dict[str, nw.Expr] = {name_of(part): compiled.truth(part) for part in every}
    for place, rule in enumerate(version.rules):
        points = compiled.points[rule.id]
        made |= {f"raw_{place}": points.raw, f"faded_{place}": points.faded, f"total_{place}": points.total}
    for name, group in (("fit", version.fit), ("engagement", version.engagement)):
        made[f"{name}_sum"] = points_sum(compiled, group).round(9)
        made[name] = between_limits(points_sum(compiled, group), group.floor, group.cap)
    return rows_of(frame.select("row", **sums, **made).sort("row"))


# ------------------------------------------------------------------------------- finding the lead


def one_lead(
    wanted: str, rules: RuleSet, leads: TableData, events: TableData | None, as_of: int | None, context: Context
) -> OneLead:
    """The lead called ``wanted``. ``#N/A`` where there is none."""
    notes: list[Sentence] = []
    tables = located(rules, leads, events, context, notes)
    found = _leads_called(wanted, tables)
    if len(found.below) > 1:
        notes.append(SEVERAL_ROWS(lead=wanted, rows=len(found.below)))
        found = replace(found, below=found.below[:1])
    happened = _rows_of(tables.events, tables.roles["lead"], wanted) if tables.events else None
    day, first = _days(rules, tables, as_of)
    fixed = frozenset({tables.id_column, tables.created})
    lead = OneLead(rules, context, wanted, day, first, found, happened, fixed, notes)
    try:
        _ = lead.qualified
    except CellError:
        # Rows of a part are numbered anew: the whole says where the cell stands that can't be read.
        run(prepare(rules, leads, events, as_of, context, []))
        raise
    return lead


def _leads_called(wanted: str, tables: Located) -> TableData:
    found = _rows_of(tables.leads, tables.id_column, wanted)
    if found.below:
        return found
    near = _other_case(tables, wanted)
    raise CellError(NA, OTHER_CASE(lead=wanted[:60], near=near) if near else NO_SUCH_LEAD(lead=wanted[:60]))


def _other_case(tables: Located, wanted: str) -> str | None:
    """An identifier that differs in nothing but capital letters."""
    if tables.id_column is None:
        return None
    keys = tables.leads.read(tables.id_column, "text")
    if keys.labels is not None:
        return next((label for label in keys.labels if label.lower() == wanted.lower()), None)
    frame = keys.frame.select(key=keys.expression).filter(nw.col("key").str.to_lowercase() == wanted.lower())
    return next((str(row["key"]) for row in rows_of(frame.head(1))), None)


def _days(rules: RuleSet, tables: Located, as_of: int | None) -> tuple[int | None, int | None]:
    """The day to look from, and the first that is known where the rules look back."""
    looks_back = any(map(sticky, rules.versions))
    if as_of is not None and not looks_back:
        return as_of, None
    created = tables.leads.read(tables.created, "day") if tables.created is not None else None
    happened = tables.other_day
    if tables.events is not None:
        place = tables.roles["date"]
        assert place is not None
        happened = tables.events.read(place, "day")
    first = first_day(rules, tables.leads, created, happened) if looks_back else None
    return (latest(created, happened) if as_of is None else as_of), first


def _rows_of(table: RuleTable, index: int | None, wanted: str) -> TableData:
    """The rows of a lead, as cells. Without a column of identifiers they are the rows' numbers."""
    if index is None:
        return _at(table, [int(wanted) - 1] if wanted.isdecimal() and 0 < int(wanted) <= table.rows else [])
    if not wanted:
        return _at(table, [])
    keys = table.read(index, "text")
    if keys.labels is None:
        return _fetched(table, table.data.native.frame.filter(keys.expression == wanted))  # type: ignore[union-attr]
    if wanted not in keys.labels:
        return _at(table, [])
    return _at(table, [int(place) for place in (keys.values == keys.labels.index(wanted)).nonzero()[0]])


def _at(table: RuleTable, places: Sequence[int]) -> TableData:
    """The rows at some places, where rows that are blank all over don't count."""
    data = table.data
    if data.native is not None:
        return _fetched(table, in_memory(data.native.frame)[list(places)].lazy())
    numbers = table.row_numbers
    assert numbers is not None
    wide = len(data.headers)
    rows = [data.below[numbers[place] - data.first] for place in places]
    return replace(data, below=[[*row[:wide], *[None] * (wide - len(row))] for row in rows], part=True)


def _fetched(table: RuleTable, frame: Any) -> TableData:
    """Some rows of a data frame or a query, as cells."""
    native = table.data.native
    assert native is not None
    few = TableData(native.headers, native=NativeTable(frame, native.headers, native.lazy))
    columns = as_cells(few, range(len(native.headers)), table.context)
    rows = [list(row) for row in zip(*(column.flat for column in columns), strict=True)]
    return TableData(native.headers, native.headers, rows, part=True)
