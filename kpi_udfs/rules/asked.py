"""What rules ask of the tables: which columns, which events; and what of it a table does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kpi_udfs.errors import CellError, Problem
from kpi_udfs.messages import text
from kpi_udfs.rules.model import Place, RuleSet, Version
from kpi_udfs.settings import fold
from kpi_udfs.tables import headers

NOT_IN = text("rules.asked.not_in", "{table}: {reason}")
NEVER = text("rules.asked.never", '{table}: no event is called "{name}". There are: {names:list}.')
NEVER_NEAR = text("rules.asked.never_near", '{table}: no event is called "{name}"; did you mean "{nearest}"?')

#: The columns of an event table by what they are for, and the names by which each is found.
EVENT_ROLES = {"lead": "lead_id", "event": "event", "date": "date"}
#: The names of events that a message lists.
_SOME = 12


@dataclass(frozen=True)
class Asked:
    """A column, by its header or another name for it, and where it is asked for."""

    header: str
    place: Place


def lead_columns(rules: RuleSet) -> list[Asked]:
    """The columns that the table of leads should have, each once."""
    return _once(column for version in rules.versions for column in _of_leads(version))


def event_columns(rules: RuleSet) -> list[Asked]:
    """The columns that the table of events should have, each once; none where nothing is asked of events."""
    return _once(column for version in rules.versions for column in _of_events(version))


def asks_events(rules: RuleSet) -> list[str]:
    """The events that the rules count, by name; ``*`` where any event counts."""
    tests = (test for version in rules.versions for test in version.event_tests)
    return list(dict.fromkeys(name for test in tests for name in test.written or ("*",)))


def event_header(rules: RuleSet, role: str) -> str:
    """The header, or another name, of a column of the event table: ``lead``, ``event`` or ``date``."""
    newest = rules.versions[-1]
    return _named(newest, newest.events.get(role, EVENT_ROLES[role]), newest.place).header


def id_header(rules: RuleSet) -> str:
    """The header, or another name, of the column with the leads' identifiers."""
    newest = rules.versions[-1]
    return _named(newest, newest.leads.get("id", "lead_id"), newest.place).header


def _of_leads(version: Version) -> Iterator[Asked]:
    if name := version.leads.get("id") or ("lead_id" if version.event_tests else None):
        yield _named(version, name, version.place)
    if name := version.leads.get("created"):
        yield _named(version, name, version.place)
    for test in version.tests_of_leads:
        yield _named(version, test.name, test.place)
    for rule in version.rules:
        if rule.name is not None:
            yield _named(version, rule.name, rule.place)


def _of_events(version: Version) -> Iterator[Asked]:
    if not version.event_tests:
        return
    for role, known_as in EVENT_ROLES.items():
        yield _named(version, version.events.get(role, known_as), version.place)
    for event in version.event_tests:
        for test in event.where:
            yield _named(version, test.name, test.place)


def _named(version: Version, name: str, place: Place) -> Asked:
    """The column that a version calls ``name``."""
    return Asked(version.fields.get(fold(name), name), place)


def _once(columns: Iterable[Asked]) -> list[Asked]:
    found: dict[str, Asked] = {}
    for column in columns:
        found.setdefault(fold(column.header), column)
    return list(found.values())


# ------------------------------------------------------------------------- what a table does not have


def unknown_columns(asked: Iterable[Asked], known: Sequence[str], names: headers.Names, table: str) -> list[Problem]:
    """The columns that a table with the headers ``known`` lacks, each with the nearest header."""
    problems = []
    for column in asked:
        try:
            headers.find(known, column.header, names)
        except CellError as error:
            reason = NOT_IN(table=table, reason=error.reason)
            problems.append(Problem(column.place.file, column.place.line, reason))
    return problems


def found_columns(asked: Iterable[Asked], known: Sequence[str], names: headers.Names) -> list[int] | None:
    """The numbers of the columns asked for; None where one of them can't be found."""
    try:
        return [headers.find(known, column.header, names) for column in asked]
    except CellError:
        return None


def unknown_events(rules: RuleSet, occurring: Iterable[str], table: str) -> list[Problem]:
    """Events that the rules name and that never occur. That may be right: nobody did it yet."""
    known = {fold(name): name for name in occurring if name}
    told: dict[str, Problem] = {}
    for version in rules.versions:
        for test in version.event_tests:
            for name, written in zip(test.names, test.written, strict=True):
                if name not in known and name not in told:
                    told[name] = _never(test.place, written, known, table)
    return list(told.values())


def _never(place: Place, written: str, known: dict[str, str], table: str) -> Problem:
    if near := get_close_matches(fold(written), known, n=1):
        return Problem(place.file, place.line, NEVER_NEAR(table=table, name=written, nearest=known[near[0]]))
    some = sorted(known.values())[:_SOME] + (["…"] if len(known) > _SOME else [])
    return Problem(place.file, place.line, NEVER(table=table, name=written, names=some))
