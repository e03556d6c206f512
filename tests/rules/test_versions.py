"""March is recomputed in June with March's rules, on what was known in March."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from asked import REFUSALS, Asked, about, plain, rules
from oracle import Result, Rows

#: From April on, a webinar counts for less, an MQL needs a company of some size, and retail is out.
TWO = rules("""
    id: b2b
    fields: {size: employees}
    versions:
      - version: 1
        effective_from: 2026-01-01
        effective_to: 2026-03-31
        fit: {rules: [{id: size, field: size, bands: [{from: 10, points: 10}]}]}
        engagement:
          decay: {half_life: 30d}
          rules: [{id: webinar, event: webinar, points: 20}, {id: page, event: page_view, points: 1, max_total: 5}]
        mql: {fast_track: {event: demo_request, within_last: 14d}, threshold: 20}
        sql: {field: accepted on, before: 2027-01-01}
      - version: 2
        effective_from: 2026-04-01
        suppress: {field: industry, eq: retail}
        fit: {rules: [{id: size, field: size, bands: [{from: 50, points: 10}]}]}
        engagement:
          decay: {half_life: 30d}
          rules: [{id: webinar, event: webinar, points: 10}, {id: page, event: page_view, points: 1, max_total: 5}]
        mql: {require: {field: size, gte: 10}, threshold: 15}
        sql: {field: accepted on, before: 2027-01-01}
""")
MARCH, APRIL, JUNE = date(2026, 3, 31), date(2026, 4, 1), date(2026, 6, 30)

HEADER = ["lead_id", "created", "employees", "industry", "accepted on"]


def june(chance: Random) -> tuple[list[list[Any]], list[list[Any]]]:
    """Leads and events as they stand in June."""
    days = (JUNE - date(2026, 1, 1)).days
    leads: list[list[Any]] = [HEADER]
    for number in range(400):
        created = date(2026, 1, 1) + timedelta(days=chance.randrange(days))
        accepted = created + timedelta(days=chance.randrange(60))
        leads.append(
            [
                f"L{number}",
                created,
                float(chance.choice([5, 10, 49, 50, 200])) if chance.random() < 0.9 else None,
                chance.choice(["retail", "machines", None]),
                accepted if accepted <= JUNE and chance.random() < 0.4 else None,
            ]
        )
    events: list[list[Any]] = [["lead_id", "event", "date"]]
    for _ in range(3000):
        lead, created, *_ = leads[chance.randrange(1, len(leads))]
        day = created + timedelta(days=int(60 * chance.random() ** 2))
        if day <= JUNE:
            events.append([lead, chance.choice(["webinar", "page_view", "page_view", "demo_request"]), day])
    return leads, events


def as_it_was(table: tuple[Rows, Rows], day: date) -> tuple[Rows, Rows]:
    """The tables on an earlier day: later leads, later events and later dates are not there yet."""
    (header, *leads), (event_header, *events) = table

    def known(cell: Any) -> Any:
        return None if isinstance(cell, date) and cell > day else cell

    there = [[known(cell) for cell in lead] for lead in leads if lead[1] <= day]
    return [header, *there], [event_header, *(event for event in events if event[2] <= day)]


@pytest.fixture(scope="module")
def tables() -> tuple[Rows, Rows]:
    return june(Random(2026))


@pytest.mark.parametrize("day", [date(2026, 2, 28), MARCH, APRIL, date(2026, 5, 15)], ids=str)
def test_an_earlier_day_is_recomputed(qualify: Asked, day: date, tables: tuple[Rows, Rows]) -> None:
    leads, events = as_it_was(tables, day)
    then = {one.lead: one for one in qualify(TWO, leads, events, day)}
    now = qualify(TWO, *tables, day)
    assert len(now) == 400
    assert plain([one for one in now if one.stage != "not yet"]) == about([*then.values()])
    assert {one.lead for one in now if one.stage == "not yet"} == {f"L{number}" for number in range(400)} - set(then)
    assert Counter(one.stage for one in then.values())["SQL"] >= 5


def test_march_with_the_rules_of_march(qualify: Asked, tables: tuple[Rows, Rows]) -> None:
    """The first version alone gives March's numbers, the second alone those of June."""
    alone = [one_version(number) for number in (1, 2)]
    for day, version in [(date(2026, 1, 1), 0), (MARCH, 0), (APRIL, 1), (JUNE, 1)]:
        expected = plain(qualify(alone[version], *tables, day))
        assert plain(qualify(TWO, *tables, day)) == expected, day
        assert plain(qualify(alone[1 - version], *tables, day)) != expected, day


def one_version(number: int) -> str:
    """One of the versions as a file of its own, valid on every day."""
    import yaml

    whole = yaml.safe_load(TWO)
    (version,) = (one for one in whole.pop("versions") if one["version"] == number)
    del version["effective_from"]
    version.pop("effective_to", None)
    return yaml.safe_dump({**whole, **version}, sort_keys=False)


def test_fields_without_a_day_are_what_they_are_today(qualify: Asked) -> None:
    # The company grew in May: recomputed in June, March sees the size of June.
    events = [["lead_id", "event", "date"], ["L1", "webinar", date(2026, 3, 1)]]
    grown = [HEADER, ["L1", date(2026, 1, 5), 200.0, None, None]]
    small = [HEADER, ["L1", date(2026, 1, 5), 5.0, None, None]]
    assert [one.fit for one in qualify(TWO, grown, events, MARCH)] == [10]
    assert [one.fit for one in qualify(TWO, small, events, MARCH)] == [0]


# ---------------------------------------------------------------------------------- the days between

GAP = rules("""
    versions:
      - {version: new, effective_from: 2026-05-01, effective_to: 2026-05-31, mql: {field: x, eq: new}}
      - {version: old, effective_from: 2026-01-01, effective_to: 2026-03-31, mql: {field: x, eq: old}}
""")
WORDS = [["lead_id", "x"], ["L1", "old"], ["L2", "new"]]


def stages(results: list[Result]) -> list[str]:
    return [one.stage for one in results]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 1), ["MQL", "lead"]),
        (date(2026, 3, 31), ["MQL", "lead"]),
        (date(2026, 4, 1), None),
        (date(2026, 4, 30), None),
        (date(2026, 5, 1), ["lead", "MQL"]),
        (date(2026, 5, 31), ["lead", "MQL"]),
        (date(2026, 6, 1), None),
    ],
    ids=str,
)
def test_each_day_has_the_version_that_is_valid_on_it(qualify: Asked, day: date, expected: list[str] | None) -> None:
    if expected:
        assert stages(qualify(GAP, WORDS, None, day)) == expected
        return
    with pytest.raises(REFUSALS) as refused:
        qualify(GAP, WORDS, None, day)
    assert refused.value.code == "#N/A"


def test_a_version_without_an_end_or_a_beginning(qualify: Asked) -> None:
    open_ends = rules("""
        versions:
          - {effective_to: 2026-03-31, mql: {field: x, eq: old}}
          - {effective_from: 2026-04-01, mql: {field: x, eq: new}}
    """)
    assert stages(qualify(open_ends, WORDS, None, date(1999, 1, 1))) == ["MQL", "lead"]
    assert stages(qualify(open_ends, WORDS, None, MARCH)) == ["MQL", "lead"]
    assert stages(qualify(open_ends, WORDS, None, APRIL)) == ["lead", "MQL"]
    assert stages(qualify(open_ends, WORDS, None, date(2099, 1, 1))) == ["lead", "MQL"]


def test_one_version_with_days(qualify: Asked) -> None:
    one = rules("effective_from: 2024-02-29\neffective_to: 2024-02-29\nmql: {field: x, eq: old}")
    assert stages(qualify(one, WORDS, None, date(2024, 2, 29))) == ["MQL", "lead"]
    for day in (date(2024, 2, 28), date(2024, 3, 1)):
        with pytest.raises(REFUSALS) as refused:
            qualify(one, WORDS, None, day)
        assert refused.value.code == "#N/A"


def test_what_stands_above_the_versions_applies_to_all(qualify: Asked) -> None:
    shared = rules("""
        missing: [Select]
        fit: {cap: 8, rules: [{id: a, field: x, is: not_blank, points: 5}, {id: b, field: x, eq: old, points: 5}]}
        versions:
          - {effective_to: 2026-03-31, mql: {threshold: 8}}
          - {effective_from: 2026-04-01, mql: {threshold: 5}, fit: {cap: 9, rules: [{id: b, points: 7}]}}
    """)
    leads = [*WORDS, ["L3", "Select"]]
    march, april = (qualify(shared, leads, None, day) for day in (MARCH, APRIL))
    assert [(one.stage, one.fit) for one in march] == [("MQL", 8), ("lead", 5), ("lead", 0)]
    assert [(one.stage, one.fit) for one in april] == [("MQL", 9), ("MQL", 5), ("lead", 0)]


# ---------------------------------------------------------------------------------- sticky across versions


def sticky_versions(before: str, after: str, gap: str = "2026-03-31") -> str:
    """Until March a webinar makes an MQL for ten days; from April on, only a demo request."""
    return rules(f"""
        versions:
          - effective_to: {gap}
            mql: {{event: webinar, within_last: 10d, {before}}}
            sql: {{event: call, within_last: 1d}}
          - effective_from: 2026-04-01
            mql: {{event: demo_request, within_last: 10d, {after}}}
            sql: {{event: call, within_last: 1d}}
    """)


EVENTS = [
    ["lead_id", "event", "date"],
    ["early", "webinar", date(2026, 2, 1)],
    ["last day", "webinar", date(2026, 3, 31)],
    ["too late", "webinar", date(2026, 4, 1)],
    ["demo", "demo_request", date(2026, 4, 2)],
    ["demo before", "demo_request", date(2026, 3, 25)],
    ["demo long before", "demo_request", date(2026, 3, 10)],
]
PEOPLE = [["lead_id"], *([lead] for lead in dict.fromkeys(event[0] for event in EVENTS[1:]))]
FOREVER, NOT = "sticky: true", "sticky: false"


@pytest.mark.parametrize(
    ("before", "after", "as_of", "expected"),
    [
        # Whether earlier days count is said by the version of the as-of day, who was an MQL on them by theirs.
        (NOT, FOREVER, JUNE, {"early", "last day", "demo", "demo before"}),
        (FOREVER, FOREVER, JUNE, {"early", "last day", "demo", "demo before"}),
        (FOREVER, NOT, JUNE, set()),
        (FOREVER, NOT, date(2026, 4, 5), {"demo"}),
        (NOT, NOT, date(2026, 4, 4), {"demo", "demo before"}),
        (FOREVER, NOT, MARCH, {"early", "last day"}),
        (NOT, FOREVER, MARCH, {"last day"}),
    ],
)
def test_sticky_across_versions(qualify: Asked, before: str, after: str, as_of: date, expected: set[str]) -> None:
    results = qualify(sticky_versions(before, after), PEOPLE, EVENTS, as_of)
    assert {one.lead for one in results if one.stage == "MQL"} == expected


def test_on_days_without_a_version_nobody_becomes_anything(qualify: Asked) -> None:
    gap = sticky_versions(NOT, FOREVER, gap="2026-03-30")
    results = qualify(gap, PEOPLE, EVENTS, JUNE)
    assert {one.lead for one in results if one.stage == "MQL"} == {"early", "demo", "demo before"}


def test_a_sticky_sql_by_an_earlier_version(qualify: Asked) -> None:
    both = rules("""
        versions:
          - effective_to: 2026-03-31
            mql: {event: webinar, within_last: 10d}
            sql: {event: call, within_last: 1d}
          - effective_from: 2026-04-01
            mql: {event: [webinar, demo_request]}
            sql: {event: contract, sticky: true}
    """)
    calls = [
        ["lead_id", "event", "date"],
        ["then both", "webinar", date(2026, 3, 1)], ["then both", "call", date(2026, 3, 5)],
        ["call too late", "webinar", date(2026, 3, 1)], ["call too late", "call", date(2026, 3, 20)],
        ["call in april", "webinar", date(2026, 3, 28)], ["call in april", "call", date(2026, 4, 2)],
        ["contract", "demo_request", date(2026, 4, 2)], ["contract", "contract", date(2026, 4, 3)],
    ]  # fmt: skip
    people = [["lead_id"], *([lead] for lead in dict.fromkeys(event[0] for event in calls[1:]))]
    assert stages(qualify(both, people, calls, JUNE)) == ["SQL", "MQL", "MQL", "SQL"]
    assert stages(qualify(both, people, calls, MARCH)) == ["lead", "lead", "MQL", "lead"]


# ---------------------------------------------------------------------------------- the as-of day left out


def test_without_an_as_of_day_the_latest_day_picks_the_version(qualify: Asked) -> None:
    def asked(created: date, happened: date) -> list[str]:
        leads = [["lead_id", "x", "created"], ["L1", "old", created], ["L2", "new", created]]
        return stages(qualify(GAP, leads, [["lead_id", "event", "date"], ["L1", "visit", happened]]))

    assert asked(date(2026, 1, 2), date(2026, 3, 31)) == ["MQL", "lead"]
    assert asked(date(2026, 3, 31), date(2026, 1, 2)) == ["MQL", "lead"]
    assert asked(date(2026, 1, 2), date(2026, 5, 1)) == ["lead", "MQL"]
    assert asked(date(2026, 5, 2), date(2026, 2, 1)) == ["lead", "MQL"]
    with pytest.raises(REFUSALS) as refused:
        asked(date(2026, 1, 2), date(2026, 4, 1))
    assert refused.value.code == "#N/A"


def test_without_an_as_of_day_and_any_day(qualify: Asked) -> None:
    with pytest.raises(REFUSALS) as refused:
        qualify(GAP, WORDS)
    assert refused.value.code == "#VALUE!"
