"""How a lead could become an MQL: changes that are tried out, so that what is said is true.

Each way is run through the rules themselves, with the lead's cells changed and events added on the
day one looks from. One thing that changes is looked for first, then two and three, then one event many
times. Fields whose values are facts, the identifier and the day of creation, stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, islice
from typing import Any

from kpi_udfs.cells import is_blank_row
from kpi_udfs.errors import CellError
from kpi_udfs.rules.candidates import Value, fields_for_mql, happenings, plain_value, today_of, values
from kpi_udfs.rules.evaluation import name_of
from kpi_udfs.rules.model import MQL, SQL, Condition, EventTest, Group, Test, write_operand
from kpi_udfs.rules.one_lead import OneLead, Variant, facts_of, stages_of
from kpi_udfs.rules.scoring import columns_for

#: How many ways are told.
_MOST_WAYS = 3
#: How often one event is tried, by itself and with another change.
_TIMES, _TIMES_WITH_ANOTHER = range(4, 31), range(3, 11)
#: How many ways, and how many rows of events in all of them, are tried at once.
_MOST_TRIED, _MOST_ROWS = 4000, 60_000


@dataclass(frozen=True)
class Change:
    """A field with another value, or an event that happens on the day, ``times`` times.

    ``name`` and the names of the event's other columns are words of the rules file; ``column`` and
    the numbers among ``columns`` say where they are.
    """

    name: str
    times: int = 0
    value: Value = None
    column: int | None = None
    columns: tuple[tuple[str, Value, int], ...] = ()

    @property
    def is_event(self) -> bool:
        return self.times > 0

    def __str__(self) -> str:
        if not self.is_event:
            return f"{self.name} = {_written(self.value)}"
        told = f"{self.times} × {self.name}" if self.times > 1 else self.name
        where = ", ".join(f"{name} = {_written(value)}" for name, value, _ in self.columns)
        return f"{told} ({where})" if where else told

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        if not self.is_event:
            return {"field": self.name, "value": plain_value(self.value)}
        where = {name: plain_value(value) for name, value, _ in self.columns}
        return {"event": self.name, "times": self.times, "where": where}


@dataclass(frozen=True)
class Way:
    """Changes that together make the lead an MQL."""

    changes: tuple[Change, ...]

    @property
    def cost(self) -> int:
        """How many things have to happen."""
        return sum(max(change.times, 1) for change in self.changes)

    @property
    def names(self) -> tuple[str, ...]:
        """What changes: another value of the same field, or in an event, is no other way."""
        return tuple(sorted(change.name for change in self.changes))

    def __str__(self) -> str:
        return " + ".join(map(str, self.changes))


def shortest_ways(lead: OneLead) -> list[Way]:
    """Some of the shortest ways to MQL; none where none was found."""
    if lead.prepared.version.mql is None:
        return []
    changes = list(_changes(lead))
    try:
        found = _that_work(lead, map(_alone, changes))
    except CellError:
        changes = [change for change in changes if _can_be_read(lead, change)]
        found = _that_work(lead, map(_alone, changes))
    if found:
        return found
    changes = _helpful(lead, changes)
    most = min(_MOST_TRIED, _MOST_ROWS // (1 + len(lead.event_rows)))
    few, many_times = islice(_few(changes), most), islice(_many_times(changes), most)
    return _that_work(lead, few) or _that_work(lead, many_times)


def _that_work(lead: OneLead, tried: Iterable[Way]) -> list[Way]:
    """Those of the ways that make the lead an MQL, as far as they are the shortest."""
    # A row that is blank all over is no lead.
    ways = [way for way in tried if not is_blank_row(_changed(lead, way)[0])]
    if not ways:
        return []
    stages = stages_of(lead.variants([_changed(lead, way) for way in ways]))
    working = [way for way, stage in zip(ways, stages, strict=True) if stage in (MQL, SQL)]
    least = min((way.cost for way in working), default=0)
    different: dict[tuple[str, ...], Way] = {}
    for way in working:
        if way.cost == least:
            different.setdefault(way.names, way)
    return list(different.values())[:_MOST_WAYS]


def _changed(lead: OneLead, way: Way) -> Variant:
    """The lead's cells and the additional events."""
    row, events = lead.row, []
    for change in way.changes:
        if change.column is not None:
            row[change.column] = change.value
            continue
        assert lead.prepared.events is not None
        assert lead.events is not None
        who, when, what = lead.prepared.events.columns
        event: list[Any] = [None] * len(lead.events.headers)
        event[who], event[when] = lead.id, today_of(lead.day)
        if what is not None:
            event[what] = change.name
        for _, value, column in change.columns:
            event[column] = value
        events += [event] * change.times
    return row, events


# --------------------------------------------------------------------------- one change


def _changes(lead: OneLead) -> Iterator[Change]:
    """Every single change that could make a difference."""
    prepared, version = lead.prepared, lead.prepared.version
    today = today_of(lead.day)
    if prepared.events is not None:
        table = replace(prepared.events.table, names=version.fields)
        for name, columns in happenings(version, today):
            where = tuple((column, value, table.index(column, place)) for column, value, place in columns)
            yield Change(name, times=1, columns=where)
    table = columns_for(prepared, version)
    names = {table.index(name, place): name for name, place in reversed(fields_for_mql(version).items())}
    for column in [column for column in reversed(names) if column not in lead.fixed]:
        tests = [test for test in version.tests_of_leads if table.index(test.name, test.place) == column]
        rules = [rule for rule in version.rules if rule.name and table.index(rule.name, rule.place) == column]
        for value in values(tests, rules, today):
            yield Change(names[column], value=value, column=column)


def _written(value: Value) -> str:
    return "(blank)" if value is None else write_operand(value)


def _can_be_read(lead: OneLead, change: Change) -> bool:
    try:
        _that_work(lead, [_alone(change)])
    except CellError:
        return False
    return True


def _alone(change: Change) -> Way:
    return Way((change,))


# --------------------------------------------------------------------------- several changes


def _helpful(lead: OneLead, changes: Sequence[Change]) -> list[Change]:
    """The changes without those that do no more than others in the same place, or than none at all."""
    changes = [change for change in changes if not is_blank_row(_changed(lead, _alone(change))[0])]
    variants: list[Variant] = [(lead.row, []), *(_changed(lead, _alone(change)) for change in changes)]
    before, *effects = (_effect(lead, facts) for facts in facts_of(lead.variants(variants)))
    kept: list[tuple[Change, tuple[float, ...]]] = []
    for change, effect in zip(changes, effects, strict=True):
        rivals = [before, *(other for one, other in kept if _same_place(one, change))]
        if not any(_at_least(rival, effect) for rival in rivals):
            kept = [one for one in kept if not (_same_place(one[0], change) and _at_least(effect, one[1]))]
            kept.append((change, effect))
    return [change for change, _ in kept]


def _effect(lead: OneLead, facts: dict[str, Any]) -> tuple[float, ...]:
    """What being an MQL depends on, each number the better the higher it is."""
    version = lead.prepared.version
    assert version.mql is not None
    tops = [(version.mql.require, 1), (version.mql.fast_track, 1), (version.suppress, -1)]
    tops += [(rule.condition, 1 if rule.points > 0 else -1) for rule in version.rules]
    found = [facts[f"total_{place}"] for place in range(len(version.rules))]
    for top, wanted in tops:
        found += [number for part, sign in _members(top, wanted) for number in _goodness(part, sign, facts)]
    return tuple(found)


def _members(condition: Condition | None, wanted: int) -> Iterator[tuple[Test | EventTest, int]]:
    """The questions inside a condition, and whether they should be met (1) or not (-1)."""
    if isinstance(condition, Group):
        for part in condition.of:
            yield from _members(part, -wanted if condition.kind == "none" else wanted)
    elif condition is not None:
        yield condition, wanted


def _goodness(part: Test | EventTest, wanted: int, facts: dict[str, Any]) -> list[float]:
    found = [wanted * facts[name_of(part)]]
    if isinstance(part, EventTest):
        # Where two events are asked for, one of them is half the way.
        number = wanted * facts[f"many_{id(part)}"]
        more_is_met, less_is_met = (any(bound[0][0] in sign for bound in part.bounds) for sign in ("ge", "le"))
        found += [number] if more_is_met else []
        found += [-number] if less_is_met else []
    return found


def _at_least(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def _same_place(one: Change, other: Change) -> bool:
    """Whether only one of them can be made; of events any number can happen, but the best will do."""
    return one.column == other.column


def _few(changes: Sequence[Change]) -> Iterator[Way]:
    """Two of the changes together, then three; an event may be one of them several times."""
    for size in (2, 3):
        for taken in combinations_with_replacement(changes, size):
            fields = [change.column for change in taken if not change.is_event]
            if len(fields) == len(set(fields)):
                yield Way(tuple(replace(one, times=one.times * many) for one, many in Counter(taken).items()))


def _many_times(changes: Sequence[Change]) -> Iterator[Way]:
    """An event many times, by itself and with another change."""
    for event in (change for change in changes if change.is_event):
        yield from (Way((replace(event, times=times),)) for times in _TIMES)
        for times in _TIMES_WITH_ANOTHER:
            yield from (Way((replace(event, times=times), other)) for other in changes if other != event)
