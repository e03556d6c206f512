"""Rules and tables put together: columns found and read, the day, and the version in force on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import narwhals as nw

from kpi_udfs.cells import Context, as_date
from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import Column, TableData
from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.events import Sort
from kpi_udfs.rules.model import (
    EventTest,
    Place,
    RuleSet,
    Version,
)
from kpi_udfs.rules.tables import Identifiers, RuleTable, blanked, identifiers, lead_index, matched, truth
from kpi_udfs.rules.truths import flag
from kpi_udfs.settings import fold
from kpi_udfs.tables import headers
from kpi_udfs.tables.columns import as_cells
from kpi_udfs.tables.frames import rows_of, together

NEEDS_EVENTS = text(
    "rules.qualify.needs_events",
    "These rules count events ({events:list}): give the event table as second argument.",
)
NEEDS_DAY = text(
    "rules.qualify.needs_day",
    "These rules depend on the day: give as_of. Neither events nor a column with the day a lead was created tell one.",
)
NOT_IN_FORCE = text("rules.qualify.not_in_force", "No rules are in force on {day:date}: {periods:list}.")
PERIOD = text("rules.qualify.period", "version {version} from {begins} to {ends}")
UNKNOWN_LEADS = text(
    "rules.qualify.unknown_leads", "Events of leads that are not in the table, left out: {events:count}."
)
NO_DAY = text("rules.qualify.no_day", "Events without a date, left out: {events:count}.")
LATER = text("rules.qualify.later", "Events after {day:date}, not known on that day: {events:count}.")
NEVER = text(
    "rules.qualify.never",
    "No event is called {name}. The table has: {names:list}. The rules ask for it in line {line}.",
)
TWO_CREATED = text(
    "rules.qualify.two_created",
    "The columns {columns:list} could each tell when a lead was created; none of them is used. Name one in the rules "
    "under leads: created.",
)
TOO_MANY_NAMES = text(
    "rules.qualify.too_many_names",
    "Column {column} holds more than {most:count} different names of events; is it the right one?",
)
#: What happens has some dozen names; a column of identifiers has thousands.
_MOST_NAMES = 5000
#: The event names that a message lists.
_SOME = 8


@dataclass
class EventTable:
    """The events, read: whose, when, and what every version's rules look at."""

    table: RuleTable
    key: Column
    day: Column
    name: Column | None
    #: Where these columns are: lead, date, event.
    columns: tuple[int, int, int | None]

    def of_sort(self, table: RuleTable, sort: Sort, place: str) -> nw.Expr | None:
        """1.0 for the events of a sort; None where every event is."""
        asked = []
        if sort.names:
            assert self.name is not None
            asked.append(table.add(f"{place}_name", _named(self.name, sort.names)))
        for number, test in enumerate(sort.where):
            asked.append(truth(table, test, None, f"{place}_{number}"))
        return reduce(lambda one, other: one * other, asked) if asked else None


@dataclass
class Prepared:
    """Rules and tables, read and put together for one day."""

    rules: RuleSet
    context: Context
    version: Version
    day: int | None
    leads: RuleTable
    keys: Identifiers
    created: Column | None
    events: EventTable | None
    #: The rows' numbers in the user's range, where they have any.
    numbers: Sequence[int] | None
    #: Where the identifiers are.
    id_column: int | None
    notes: list[Sentence]
    #: The first day that the data tell of, where these are some rows of larger tables.
    first_day: int | None = None


@dataclass(frozen=True)
class Located:
    """The tables and where their columns are."""

    context: Context
    asked: list[EventTest]
    leads: RuleTable
    id_column: int | None
    created: int | None
    events: RuleTable | None
    #: The columns of the events: lead, date, event.
    roles: dict[str, int | None]
    #: Events that the rules don't ask for.
    others: TableData | None

    @property
    def other_day(self) -> Column | None:
        """The days of events that the rules don't ask for: they tell up to which day the data go."""
        if self.others is None:
            return None
        found = headers.called(self.others.headers, "date", self.context.settings.columns)
        table = RuleTable(self.others, self.context, [], {}, frozenset())
        return table.read(found[0], "day") if len(found) == 1 else None


def prepare(
    rules: RuleSet,
    leads: TableData,
    events: TableData | None,
    as_of: int | None,
    context: Context,
    notes: list[Sentence],
) -> Prepared:
    """Find and read what the rules look at. Raises :class:`CellError`."""
    tables = located(rules, leads, events, context, notes)
    context, asked = tables.context, tables.asked
    lead_table, index, created_at = tables.leads, tables.id_column, tables.created
    event_table, roles = tables.events, tables.roles
    if not _stays_a_query(rules, lead_table, event_table):
        found = [index, created_at]
        lead_table, (index, created_at) = _of_cells(lead_table, rules, found, _of_leads)
        if event_table:
            names, found = list(roles), list(roles.values())
            event_table, found = _of_cells(event_table, rules, found, _of_events)
            roles = dict(zip(names, found, strict=True))
    column = lead_table.read(index, "text") if index is not None else None
    created = lead_table.read(created_at, "day") if created_at is not None else None
    keys = identifiers(column, 0 if column is not None else lead_table.rows)
    happened = _events(event_table, roles, keys, asked) if event_table else None
    day = as_of if as_of is not None else latest(created, happened.day if happened else tables.other_day)
    if as_of is not None and happened is not None and not happened.table.lazy:
        later = int((happened.day.values > as_of).sum())
        notes += [LATER(day=as_date(as_of), events=later)] if later else []
    version = _in_force(rules, day)
    of_use = rules.versions if sticky(version) else (version,)
    if happened is None and (unheard := [test for one in of_use for test in one.event_tests]):
        raise CellError.value(
            NEEDS_EVENTS(events=list(dict.fromkeys(n for test in unheard for n in test.written or "*")))
        )
    if day is None and any(map(_needs_day, of_use)):
        raise CellError.value(NEEDS_DAY())
    numbers = lead_table.row_numbers
    return Prepared(rules, context, version, day, lead_table, keys, created, happened, numbers, index, notes)


def located(
    rules: RuleSet, leads: TableData, events: TableData | None, context: Context, notes: list[Sentence]
) -> Located:
    """The tables with their columns found and nothing read. Raises :class:`CellError`."""
    newest = rules.versions[-1]
    if newest.timezone:
        context = replace(context, settings=replace(context.settings, timezone=newest.timezone))
    asked = [test for version in rules.versions for test in version.event_tests]
    events, others = (events, None) if asked else (None, events)
    missing = sorted({word for version in rules.versions for word in version.missing})
    lead_table = _table(leads, newest, missing, context, notes)
    index = lead_index(lead_table, newest, needed=events is not None or lead_table.lazy)
    created_at = _created_index(lead_table, newest)
    event_table = _table(events, newest, missing, context, notes) if events else None
    roles = _roles(event_table, newest, asked) if event_table else {}
    return Located(context, asked, lead_table, index, created_at, event_table, roles, others)


def sticky(version: Version) -> bool:
    return any(stage.sticky for stage in (version.mql, version.sql) if stage)


def rising(version: Version) -> frozenset[str]:
    """The rules whose minus points fade day by day, so that a score can rise by itself."""
    return frozenset(
        rule.id
        for rule in version.rules
        if rule.points < 0 and rule.event and rule.decay and rule.decay.kind != "expire"
    )


def _stays_a_query(rules: RuleSet, leads: RuleTable, events: RuleTable | None) -> bool:
    """Whether the tables are queries of one engine that can answer all that is asked."""
    if not leads.lazy or (events and not events.lazy):
        return False
    if any(map(sticky, rules.versions)):
        return False  # each lead's past is gone through, and a query would begin anew for each look at it
    frames = [table.data.native.frame for table in (leads, events) if table and table.data.native]
    return len({frame.implementation for frame in frames}) == 1


def _of_leads(version: Version) -> list[tuple[str, Place]]:
    """The columns of the leads that rules look at."""
    tests = [(test.name, test.place) for test in version.tests_of_leads]
    return tests + [(rule.name, rule.place) for rule in version.rules if rule.name is not None]


def _of_events(version: Version) -> list[tuple[str, Place]]:
    """The columns of the events that rules look at, apart from who, what and when."""
    return [(test.name, test.place) for event in version.event_tests for test in event.where]


def _of_cells(
    table: RuleTable,
    rules: RuleSet,
    found: Sequence[int | None],
    names_of: Callable[[Version], list[tuple[str, Place]]],
) -> tuple[RuleTable, list[int | None]]:
    """The table as cells, of a frame or a query only the columns needed; and where the found ones are then."""
    if table.data.native is None:
        return table, list(found)
    indexes = [one for one in found if one is not None]
    for version in rules.versions:
        named = replace(table, names=version.fields)
        indexes += [named.index(name, place) for name, place in names_of(version)]
    indexes = sorted(set(indexes)) or [0]
    ranges = as_cells(table.data, indexes, table.context)
    shown = tuple(table.data.headers[index] for index in indexes)
    rows = list(zip(*(column.flat for column in ranges), strict=True))
    places = [None if one is None else indexes.index(one) for one in found]
    return replace(table, data=TableData(shown, shown, rows, table.data.first)), places


def _table(
    data: TableData, version: Version, missing: Sequence[str], context: Context, notes: list[Sentence]
) -> RuleTable:
    return RuleTable(
        blanked(data, missing), context, notes, {**version.fields}, frozenset(fold(word) for word in missing)
    )


def _created_index(table: RuleTable, version: Version) -> int | None:
    if name := version.leads.get("created"):
        return table.index(name, version.place)
    found = headers.called(table.data.headers, "first_touch", table.context.settings.columns)
    if len(found) > 1:
        table.notes.append(TWO_CREATED(columns=[table.data.headers[index] for index in found]))
    return found[0] if len(found) == 1 else None


def _roles(table: RuleTable, version: Version, asked: Sequence[EventTest]) -> dict[str, int | None]:
    """The columns of the events that tell whose, when and what."""
    known = table.context.settings.columns

    def column(role: str, alias: str) -> int:
        if name := version.events.get(role):
            return table.index(name, version.place)
        return headers.find(table.data.headers, alias, known)

    named = any(test.names for test in asked)
    return {
        "lead": column("lead", "lead_id"),
        "date": column("date", "date"),
        "event": column("event", "event") if named else None,
    }


def _events(
    table: RuleTable, roles: Mapping[str, int | None], keys: Identifiers, asked: Sequence[EventTest]
) -> EventTable:
    """The events read; what is odd about them is noted."""
    lead, date, event = (roles[role] for role in ("lead", "date", "event"))
    assert lead is not None
    assert date is not None
    key, unknown = matched(table.read(lead, "text"), keys)
    day = table.read(date, "day")
    name = table.read(event, "text") if event is not None else None
    if unknown:
        table.notes.append(UNKNOWN_LEADS(events=unknown))
    if not table.lazy:
        import numpy as np

        days = np.asarray(day.values, dtype="float64")
        if undated := int(np.count_nonzero(np.isnan(days))):
            table.notes.append(NO_DAY(events=undated))
        day = Column(day.name, days)
    if name is not None:
        table.notes += _never_there(sorted(distinct(name)), asked)
    return EventTable(table, key, day, name, (lead, date, event))


def _never_there(labels: Sequence[str], asked: Sequence[EventTest]) -> list[Sentence]:
    """Names of events that the rules ask for and the table does not hold."""
    known = set(map(fold, labels))
    listed = [label for label in labels if label][:_SOME]
    absent = {name: test for test in asked for name in test.names if name not in known} if listed else {}
    return [
        NEVER(name=test.written[test.names.index(name)], names=listed, line=test.place.line)
        for name, test in absent.items()
    ]


def latest(*columns: Column | None) -> int | None:
    """The latest day of some columns of days."""
    days = []
    for column in columns:
        if column is not None:
            (row,) = rows_of(together(day=column).select(day=nw.col("day").max()))
            days += [] if row["day"] is None else [int(row["day"])]
    return max(days, default=None)


def _needs_day(version: Version) -> bool:
    """Whether the rules look at the calendar in any way."""
    windows = any(test.within is not None for test in version.event_tests)
    return windows or any(test.operator in ("within_last", "older_than") for test in version.tests_of_leads)


def _in_force(rules: RuleSet, day: int | None) -> Version:
    if day is None:
        (first, *others) = rules.versions
        if not others and first.begins is None and first.ends is None:
            return first
        raise CellError.value(NEEDS_DAY())
    for version in rules.versions:
        if version.valid_on(as_date(day)):
            return version
    periods = [
        PERIOD(
            version=version.number or str(place),
            begins=version.begins.isoformat() if version.begins else "…",
            ends=version.ends.isoformat() if version.ends else "…",
        )
        for place, version in enumerate(rules.versions, 1)
    ]
    raise CellError(NA, NOT_IN_FORCE(day=as_date(day), periods=periods))


def _named(column: Column, names: tuple[str, ...]) -> Column:
    """1.0 where the event has one of the (folded) names."""
    known = frozenset(names)
    if column.labels is not None:
        import numpy as np

        answers = np.asarray([float(fold(label) in known) for label in column.labels] or [0.0])
        return Column(column.name, answers[column.values])
    meant = [label for label in distinct(column) if fold(label) in known]
    return Column(column.name, frame=column.frame, expression=flag(column.expression.is_in(meant)))


def distinct(column: Column) -> list[str]:
    """The different texts of a column."""
    if column.labels is not None:
        return list(column.labels)
    words = together(word=column).group_by("word").agg(nw.len().alias("rows"))
    found = [str(row["word"]) for row in rows_of(words.head(_MOST_NAMES + 1))]
    if len(found) > _MOST_NAMES:
        raise CellError.value(TOO_MANY_NAMES(column=column.name, most=_MOST_NAMES))
    return found
