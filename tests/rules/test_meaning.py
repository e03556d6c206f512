"""What each part of a rule means, by examples worked out by hand; whoever answers, they come out the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from asked import REFUSALS, Asked, rules
from oracle import Result, Rows

import kpi_udfs

AS_OF = date(2026, 3, 31)


def ago(days: int) -> date:
    """The day so many days before the as-of day."""
    return AS_OF - timedelta(days=days)


def leads_with(cells: list[Any], header: str = "x") -> Rows:
    """A lead for each cell: L1, L2 …"""
    return [["lead_id", header], *([f"L{number}", cell] for number, cell in enumerate(cells, 1))]


def events_of(*events: tuple[str, str, Any], **columns: list[Any]) -> Rows:
    """An event table: lead, event, day, and further columns."""
    rows = [["lead_id", "event", "date", *columns]]
    return [*rows, *([*event, *more] for event, *more in zip(events, *columns.values(), strict=True))]


def stages(results: list[Result]) -> list[str]:
    return [one.stage for one in results]


def met(results: list[Result]) -> list[bool]:
    return [one.stage != "lead" for one in results]


# ---------------------------------------------------------------------------------- tests of a field

DAYS = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1), None]

#: What is asked of x, the column's cells, and which of them meet it: 1.
FIELD_TESTS: dict[str, tuple[list[Any], list[int]]] = {
    # Texts: trimmed, upper and lower case make no difference, a blank fails whatever is asked.
    "eq: Head": (["head", " HEAD ", "heads", "", None], [1, 1, 0, 0, 0]),
    "ne: Head": (["head", " HEAD ", "heads", "", None], [0, 0, 1, 0, 0]),
    "in: [DE, at]": (["de", "At", "CH", "d e", None], [1, 1, 0, 0, 0]),
    "not_in: [DE, at]": (["de", "At", "CH", "   ", None], [0, 0, 1, 0, 0]),
    "contains: SALE": (["Head of Sales", "sale", "sal e", None], [1, 1, 0, 0]),
    "contains: [head, direct]": (["Head of Sales", "Director", "Intern", None], [1, 1, 0, 0]),
    "not_contains: intern": (["Head of Sales", "Intern", "INTERNational", None], [1, 0, 0, 0]),
    "not_contains: [head, direct]": (["Head of Sales", "Director", "Intern", None], [0, 0, 1, 0]),
    "starts_with: dr.": (["Dr. Who", "  dr. no", "Who, Dr.", None], [1, 1, 0, 0]),
    "starts_with: [dr., prof]": (["Dr. Who", "Professor", "Who", None], [1, 1, 0, 0]),
    "ends_with: '@FIRM.example'": (["a@firm.example", "a@firm.example ", "a@firm.example.org", None], [1, 1, 0, 0]),
    "ends_with: [gmbh, ag]": (["Muster GmbH", "Muster AG", "Muster Ltd", None], [1, 1, 0, 0]),
    "regex: head|director": (["Overhead", "DIRECTOR", "Intern", None], [1, 1, 0, 0]),
    "regex: '^head$'": (["head", " HEAD ", "overhead", None], [1, 1, 0, 0]),
    "regex: '[0-9][0-9]+ years'": (["25 YEARS", "5 years", "", None], [1, 0, 0, 0]),
    "regex: '(?i)LEITER'": (["Vertriebsleiterin", "leiter", "Leitung", None], [1, 1, 0, 0]),
    "contains: '.*'": (["a.*b", "ab", None], [1, 0, 0]),
    "eq: müller": (["Müller", "MÜLLER", "mueller", None], [1, 1, 0, 0]),
    "is: blank": (["a", "", "   ", None], [0, 1, 1, 1]),
    "is: not_blank": (["a", "", "   ", None], [1, 0, 0, 0]),
    # Several operators on one field: all of them.
    "starts_with: a, ends_with: z": (["a-z", "az", "a", "z", None], [1, 1, 0, 0, 0]),
    "gt: 1, lt: 3": ([1, 2, 3, None], [0, 1, 0, 0]),
    "gte: 1, lte: 3, ne: 2": ([0, 1, 2, 3, 4, None], [0, 1, 0, 1, 0, 0]),
    # Numbers.
    "eq: 5": ([5, 5.0, 5.5, -5, None], [1, 1, 0, 0, 0]),
    "ne: 0": ([0, 0.0, 1, None], [0, 0, 1, 0]),
    "in: [1, 2.5]": ([1, 2.5, 2, None], [1, 1, 0, 0]),
    "not_in: [1, 2.5]": ([1, 2.5, 2, None], [0, 0, 1, 0]),
    "gt: 10": ([10, 10.5, 11, -11, None], [0, 1, 1, 0, 0]),
    "gte: 10": ([9.5, 10, 10.5, None], [0, 1, 1, 0]),
    "lt: 10": ([10, 9.5, -11, None], [0, 1, 1, 0]),
    "lte: 10": ([10, 10.5, 0, None], [1, 0, 1, 0]),
    "between: [10, 20]": ([9.5, 10, 15, 20, 20.5, None], [0, 1, 1, 1, 0, 0]),
    "between: [-1.5, 0]": ([-2.0, -1.5, 0.0, 0.5, None], [0, 1, 1, 0, 0]),
    "eq: '5'": ([5, 5.0, 5.5, 50, None], [1, 1, 0, 0, 0]),
    "starts_with: '12'": ([12, 12.5, 120, 21, None], [1, 1, 1, 0, 0]),
    # Yes and no.
    "eq: true": (["yes", "Ja", "TRUE", "x", "no", "nein", "0", "1", "", None], [1, 1, 1, 1, 0, 0, 0, 1, 0, 0]),
    "eq: false": (["yes", "Ja", "TRUE", "no", "nein", "FALSE", "0", "", None], [0, 0, 0, 1, 1, 1, 1, 0, 0]),
    "ne: true": ([True, False, None], [0, 1, 0]),
    "ne: false": ([1, 0, None], [1, 0, 0]),
    "eq: 'yes'": (["yes", " YES", "ja", None], [1, 1, 0, 0]),
    # Days. The first of April is not known yet on the last of March: it is a blank.
    "eq: 2026-03-31": (DAYS, [0, 0, 1, 0, 0]),
    "ne: 2026-03-31": (DAYS, [1, 1, 0, 0, 0]),
    "in: [2026-03-01, 2026-04-01]": (DAYS, [0, 1, 0, 0, 0]),
    "not_in: [2026-03-01, 2026-04-01]": (DAYS, [1, 0, 1, 0, 0]),
    "gt: 2026-03-01": (DAYS, [0, 0, 1, 0, 0]),
    "gte: 2026-03-01": (DAYS, [0, 1, 1, 0, 0]),
    "lt: 2026-03-01": (DAYS, [1, 0, 0, 0, 0]),
    "lte: 2026-03-01": (DAYS, [1, 1, 0, 0, 0]),
    "between: [2026-02-28, 2026-03-01]": (DAYS, [1, 1, 0, 0, 0]),
    "before: 2026-03-01": (DAYS, [1, 0, 0, 0, 0]),
    "before: 2026-12-31": (DAYS, [1, 1, 1, 0, 0]),
    "after: 2026-03-01": (DAYS, [0, 0, 1, 0, 0]),
    "within_last: 30d": (DAYS, [0, 1, 1, 0, 0]),  # 31, 30, 0, −1 days
    "within_last: 31d": (DAYS, [1, 1, 1, 0, 0]),
    "within_last: 0d": (DAYS, [0, 0, 1, 0, 0]),
    "older_than: 30d": (DAYS, [1, 0, 0, 0, 0]),
    "older_than: 31d": (DAYS, [0, 0, 0, 0, 0]),
    "older_than: 0d": (DAYS, [1, 1, 0, 0, 0]),
    "within_last: 4w": ([ago(28), ago(29), AS_OF, None], [1, 0, 1, 0]),
    "is: not_blank, within_last: 5d": ([ago(5), ago(6), None], [1, 0, 0]),
}


def test_texts_that_are_numbers(qualify_cells: Asked) -> None:
    leads = leads_with(["10", " 3 ", "1.5", "", None])
    assert met(qualify_cells(rules("mql: {field: x, gte: 2}"), leads, None, AS_OF)) == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("asked", FIELD_TESTS)
def test_operators(qualify: Asked, asked: str) -> None:
    cells, expected = FIELD_TESTS[asked]
    assert met(qualify(rules(f"mql: {{field: x, {asked}}}"), leads_with(cells), None, AS_OF)) == list(
        map(bool, expected)
    )


#: Cells of a sheet, where one column holds whatever was typed.
MIXTURES: dict[str, tuple[list[Any], list[int]]] = {
    "gte: 10": ([10, "10", " 9.5 ", 10.0, "", None, "  "], [1, 1, 0, 1, 0, 0, 0]),
    "eq: '10'": ([10, 10.0, "10", " 10 ", 10.5], [1, 1, 1, 1, 0]),
    "in: ['10', ten]": ([10, "Ten", "TEN ", 1, None], [1, 1, 1, 0, 0]),
    "eq: true": ([True, 1, 1.0, "Yes", "WAHR", False, 0, "no", None, ""], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]),
    "eq: 'true'": ([True, "TRUE", False, 1], [1, 1, 0, 0]),
    "contains: '5'": ([5.0, 150, "a5", 4, None], [1, 1, 1, 0, 0]),
    "ends_with: '0'": ([5.0, 150, 0, None], [0, 1, 1, 0]),
    # 46112 is the serial of 31 March 2026.
    "within_last: 1d": (
        [46112, 46112.75, 46111.0, 46110, "2026-03-30", "2026-03-29", datetime(2026, 3, 30, 0, 1), ago(1), 46113],
        [1, 1, 1, 0, 1, 0, 1, 1, 0],
    ),
    "eq: 2026-03-31": ([46112, "2026-03-31", datetime(2026, 3, 31, 23, 59), AS_OF, 46111], [1, 1, 1, 1, 0]),
    "is: blank": ([0, False, None, "", " ", "-"], [0, 0, 1, 1, 1, 0]),
}


@pytest.mark.parametrize("asked", MIXTURES)
def test_operators_on_mixtures(qualify_cells: Asked, asked: str) -> None:
    cells, expected = MIXTURES[asked]
    got = met(qualify_cells(rules(f"mql: {{field: x, {asked}}}"), leads_with(cells), None, AS_OF))
    assert got == list(map(bool, expected))


@pytest.mark.parametrize(
    "asked",
    [
        "eq: a", "ne: a", "in: [a]", "not_in: [a]", "contains: a", "not_contains: a", "starts_with: a", "ends_with: a",
        "regex: a", "eq: 1", "ne: 1", "gt: 1", "gte: 1", "lt: 1", "lte: 1", "between: [1, 2]", "eq: true", "ne: true",
        "within_last: 5d", "older_than: 5d", "before: 2026-01-01", "after: 2026-01-01", "lt: 2026-01-01",
    ],
)  # fmt: skip
def test_a_blank_is_what_when_missing_says(qualify: Asked, asked: str) -> None:
    leads = leads_with([None, ""])
    for missing, direct, turned in [("fail", False, True), ("pass", True, False), ("unknown", False, False)]:
        condition = f"field: x, {asked}, when_missing: {missing}"
        assert met(qualify(rules(f"mql: {{{condition}}}"), leads, None, AS_OF)) == [direct] * 2
        assert met(qualify(rules(f"mql: {{none: [{{{condition}}}]}}"), leads, None, AS_OF)) == [turned] * 2


def test_when_missing_says_nothing_of_is(qualify: Asked) -> None:
    for missing in ("fail", "pass", "unknown"):
        asked = rules(f"mql: {{field: x, is: blank, when_missing: {missing}}}")
        assert met(qualify(asked, leads_with(["a", None, ""]))) == [False, True, True]


def test_a_day_not_known_yet_is_what_when_missing_says(qualify: Asked) -> None:
    leads = leads_with([AS_OF, AS_OF + timedelta(days=1), None])
    asked = rules("mql: {field: x, before: 2026-01-01, when_missing: pass}")
    assert met(qualify(asked, leads, None, AS_OF)) == [False, True, True]
    assert met(qualify(asked, leads, None, AS_OF + timedelta(days=1))) == [False, False, True]


def test_words_that_count_as_blank(qualify_cells: Asked) -> None:
    leads = leads_with(["Select", " SELECT ", "n/a", "selected", None])
    assert met(qualify_cells(rules("missing: [select, N/A]\nmql: {field: x, is: blank}"), leads)) == [1, 1, 1, 0, 1]
    assert met(qualify_cells(rules("missing: Select\nmql: {field: x, is: not_blank}"), leads)) == [0, 0, 1, 1, 0]
    assert met(qualify_cells(rules("missing: Select\nmql: {field: x, ne: a}"), leads)) == [0, 0, 1, 1, 0]
    passing = rules("missing: Select\nmql: {field: x, eq: Select, when_missing: pass}")
    assert met(qualify_cells(passing, leads)) == [1, 1, 0, 0, 1]
    numbers = rules("missing: n/a\nmql: {field: x, gte: 5}")
    assert met(qualify_cells(numbers, leads_with(["5", "n/a", "N/A ", "4", None]))) == [1, 0, 0, 0, 0]


def test_names_of_fields(qualify: Asked) -> None:
    leads = [["lead_id", "What is your current occupation", "Company Size"], ["L1", "Student", 7]]
    named = "fields: {occupation: What is your current occupation, size: company_size}\n"
    asked = "mql: {all: [{field: occupation, eq: student}, {field: Size, gte: 7}, {field: company size, lte: 7}]}"
    assert stages(qualify(rules(named + asked), leads)) == ["MQL"]


# ---------------------------------------------------------------------------------- groups

#: Of two members, yes, no or unknown: the group, yes, no or unknown.
TRUTHS = {
    "all": {"yy": "y", "yn": "n", "y?": "?", "nn": "n", "n?": "n", "??": "?"},
    "any": {"yy": "y", "yn": "y", "y?": "y", "nn": "n", "n?": "?", "??": "?"},
    "none": {"yy": "n", "yn": "n", "y?": "n", "nn": "y", "n?": "?", "??": "?"},
    "at_least: 1, of": {"yy": "y", "yn": "y", "y?": "y", "nn": "n", "n?": "?", "??": "?"},
    "at_least: 2, of": {"yy": "y", "yn": "n", "y?": "?", "nn": "n", "n?": "n", "??": "?"},
}


@pytest.mark.parametrize("kind", TRUTHS)
def test_groups(qualify: Asked, kind: str) -> None:
    pairs = [pair for both in TRUTHS[kind] for pair in {both, both[::-1]}]
    leads = [["lead_id", "a", "b"]]
    leads += [[f"L{number}", *(None if one == "?" else one for one in pair)] for number, pair in enumerate(pairs)]
    members = ", ".join(f"{{field: {name}, eq: 'y', when_missing: unknown}}" for name in "ab")
    truths = [TRUTHS[kind].get(pair) or TRUTHS[kind][pair[::-1]] for pair in pairs]
    group = f"{{{kind}: [{members}]}}"
    assert met(qualify(rules(f"mql: {group}"), leads)) == [truth == "y" for truth in truths]
    assert met(qualify(rules(f"mql: {{none: [{group}]}}"), leads)) == [truth == "n" for truth in truths]


def test_at_least_two_of_three(qualify: Asked) -> None:
    cells = ["yyy", "yyn", "ynn", "nnn", "yy?", "yn?", "y??", "n??", "???"]
    leads = [["lead_id", "a", "b", "c"]]
    leads += [[f"L{number}", *(None if one == "?" else one for one in three)] for number, three in enumerate(cells)]
    members = ", ".join(f"{{field: {name}, eq: 'y', when_missing: unknown}}" for name in "abc")
    group = f"{{at_least: 2, of: [{members}]}}"
    assert met(qualify(rules(f"mql: {group}"), leads)) == [1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert met(qualify(rules(f"mql: {{none: [{group}]}}"), leads)) == [0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_unknown_is_not_met_where_it_decides(qualify: Asked) -> None:
    leads = [["lead_id", "x"], ["L1", None]]
    unknown = "{field: x, eq: a, when_missing: unknown}"
    scored = f"""
        suppress: {{field: x, eq: b, when_missing: unknown}}
        fit: {{rules: [{{id: a, field: x, eq: a, when_missing: unknown, points: 7}}, {{id: b, field: lead_id, eq: L1, points: 2}}]}}
        mql: {{fast_track: {unknown}, threshold: 2}}
        sql: {{require: {unknown}}}
    """
    (only,) = qualify(rules(scored), leads)
    assert (only.stage, only.fit) == ("MQL", 2)


# ---------------------------------------------------------------------------------- events


def test_events_by_name(qualify: Asked) -> None:
    events = events_of(
        ("L1", "Page_View", AS_OF),
        ("L2", " page view ", AS_OF),
        ("L3", "PAGE  VIEW", AS_OF),
        ("L4", "page views", AS_OF),
        (" L5", "demo request", AS_OF),
        ("nobody", "page view", AS_OF),
    )
    leads = leads_with([None] * 6)
    assert met(qualify(rules("mql: {event: page_view}"), leads, events, AS_OF)) == [1, 1, 1, 0, 0, 0]
    assert met(qualify(rules("mql: {event: [Demo_Request, page views]}"), leads, events, AS_OF)) == [0, 0, 0, 1, 1, 0]
    assert met(qualify(rules("mql: {last_event_within: 0d}"), leads, events, AS_OF)) == [1, 1, 1, 1, 1, 0]
    assert met(qualify(rules("mql: {count: {gte: 1}}"), leads, events, AS_OF)) == [1, 1, 1, 1, 1, 0]
    assert met(qualify(rules("mql: {none: [{event: page_view}]}"), leads, events, AS_OF)) == [0, 0, 0, 1, 1, 1]


def test_windows_of_events(qualify: Asked) -> None:
    ages = [-1, 0, 13, 14, 15]
    leads = leads_with([None] * len(ages))
    events = events_of(*((f"L{number}", "visit", ago(age)) for number, age in enumerate(ages, 1)))
    for asked in (
        "event: visit, within_last: 14d",
        "event: visit, within_last: 2w",
        "event: visit, last_event_within: 14d",
        "last_event_within: 14d",
        "event: visit, count: {gte: 1, within: 14d}",
        "event: visit, distinct_days: {gte: 1, within: 14d}",
    ):
        assert met(qualify(rules(f"mql: {{{asked}}}"), leads, events, AS_OF)) == [0, 1, 1, 1, 0], asked
    assert met(qualify(rules("mql: {event: visit}"), leads, events, AS_OF)) == [0, 1, 1, 1, 1]
    assert met(qualify(rules("mql: {event: visit, within_last: 0d}"), leads, events, AS_OF)) == [0, 1, 0, 0, 0]
    none_late = "mql: {event: visit, count: {eq: 0, within: 14d}}"
    assert met(qualify(rules(none_late), leads, events, AS_OF)) == [1, 0, 0, 0, 1]


def test_counting_events_and_days(qualify: Asked) -> None:
    leads = leads_with([None] * 4)
    events = events_of(
        ("L1", "visit", ago(1)),
        ("L2", "visit", ago(1)), ("L2", "visit", ago(1)), ("L2", "visit", ago(1)),
        ("L3", "visit", ago(1)), ("L3", "visit", ago(2)), ("L3", "visit", ago(2)),
    )  # fmt: skip
    expected = {
        "count: {eq: 3}": [0, 1, 1, 0],
        "count: {gt: 1}": [0, 1, 1, 0],
        "count: {gte: 1}": [1, 1, 1, 0],
        "count: {lt: 3}": [1, 0, 0, 1],
        "count: {lte: 3, gte: 2}": [0, 1, 1, 0],
        "count: {gt: 0, lt: 3}": [1, 0, 0, 0],
        "count: {eq: 0}": [0, 0, 0, 1],
        "distinct_days: {gte: 2}": [0, 0, 1, 0],
        "distinct_days: {eq: 1}": [1, 1, 0, 0],
        "distinct_days: {lte: 1}": [1, 1, 0, 1],
        "distinct_days: {gte: 1, within: 1d}": [1, 1, 1, 0],
        "distinct_days: {gte: 2, within: 1d}": [0, 0, 0, 0],
        "count: {eq: 1, within: 1d}": [1, 0, 1, 0],
    }
    for asked, truths in expected.items():
        assert met(qualify(rules(f"mql: {{event: visit, {asked}}}"), leads, events, AS_OF)) == truths, asked


def test_where(qualify: Asked) -> None:
    paths = ["/pricing", " /Pricing ", "/pricing/eu", "/blog", None, ""]
    amounts = [10.0, 20.0, 30.0, None, 50.0, 60.0]
    leads = leads_with([None] * len(paths))
    events = events_of(
        *((f"L{number}", "view", AS_OF) for number in range(1, len(paths) + 1)), path=paths, amount=amounts
    )
    expected = {
        "path: /pricing": [1, 1, 0, 0, 0, 0],
        "path: [/pricing, /blog]": [1, 1, 0, 1, 0, 0],
        "path: {starts_with: /pricing}": [1, 1, 1, 0, 0, 0],
        "path: {ne: /pricing}": [0, 0, 1, 1, 0, 0],
        "path: {not_in: [/pricing, /blog]}": [0, 0, 1, 0, 0, 0],
        "path: {not_contains: eu}": [1, 1, 0, 1, 0, 0],
        "path: {regex: '^/p.*g$'}": [1, 1, 0, 0, 0, 0],
        "path: {is: blank}": [0, 0, 0, 0, 1, 1],
        "amount: 20": [0, 1, 0, 0, 0, 0],
        "amount: {gte: 20, lt: 60}": [0, 1, 1, 0, 1, 0],
        "amount: {between: [20, 30]}, path: {contains: pricing}": [0, 1, 1, 0, 0, 0],
        "amount: {is: blank}": [0, 0, 0, 1, 0, 0],
    }
    for asked, truths in expected.items():
        got = met(qualify(rules(f"mql: {{event: view, where: {{{asked}}}}}"), leads, events, AS_OF))
        assert got == truths, asked


def test_identifiers_that_are_numbers(qualify_cells: Asked) -> None:
    leads = [["lead_id", "x"], [1, None], [2.0, None], ["3", None], [" 4 ", None], [5, None]]
    events = [["lead_id", "event", "date"], ["1", "a", AS_OF], [2, "a", AS_OF], [3.0, "a", AS_OF], [4, "a", AS_OF]]
    results = qualify_cells(rules("mql: {event: a}"), leads, events, AS_OF)
    assert [one.lead for one in results] == ["1", "2", "3", "4", "5"]
    assert met(results) == [1, 1, 1, 1, 0]


def test_the_29th_of_february(qualify: Asked) -> None:
    events = events_of(("L1", "visit", date(2024, 2, 29)), ("L2", "visit", date(2024, 3, 1)))
    leads = leads_with([date(2024, 2, 29), date(2024, 3, 1)])
    in_30_days = rules("mql: {event: visit, within_last: 30d}")
    assert met(qualify(in_30_days, leads, events, date(2024, 3, 30))) == [1, 1]
    assert met(qualify(in_30_days, leads, events, date(2024, 3, 31))) == [0, 1]
    a_year = rules("mql: {field: x, within_last: 365d}")
    assert met(qualify(a_year, leads, None, date(2025, 2, 28))) == [1, 1]
    assert met(qualify(a_year, leads, None, date(2025, 3, 1))) == [0, 1]  # 366 and 365 days
    on_it = rules("mql: {field: x, eq: 2024-02-29}")
    assert met(qualify(on_it, leads, None, date(2024, 2, 29))) == [1, 0]
    halved = rules(
        "engagement: {decay: {half_life: 366d}, rules: [{id: a, event: visit, points: 8}]}\nmql: {threshold: 4}"
    )
    results = qualify(halved, leads, events, date(2025, 3, 1))
    assert results[0].score == 4.0
    assert results[1].score == pytest.approx(8 * 0.5 ** (365 / 366), abs=1.01e-9)


def test_moments_become_days_where_the_rules_say(qualify_cells: Asked) -> None:
    # Half past ten in the evening of the 30th in London (UTC) is half an hour into the 31st in Berlin (CEST).
    moment = datetime(2026, 3, 30, 22, 30, tzinfo=UTC)
    events = [["lead_id", "event", "date"], ["L1", "visit", moment.isoformat()]]
    asked = "mql: {event: visit, within_last: 0d}"
    assert met(qualify_cells(rules(f"timezone: Europe/Berlin\n{asked}"), leads_with([None]), events, AS_OF)) == [1]
    assert met(qualify_cells(rules(f"timezone: UTC\n{asked}"), leads_with([None]), events, AS_OF)) == [0]
    assert met(qualify_cells(rules(f"timezone: UTC\n{asked}"), leads_with([None]), events, ago(1))) == [1]


# ---------------------------------------------------------------------------------- points


def points(qualify: Asked, group: str, leads: Rows, events: Rows | None = None, as_of: date = AS_OF) -> list[Any]:
    """The points of an engagement group; nobody has to reach anything."""
    asked = rules(f"engagement: {group}\nmql: {{field: lead_id, is: not_blank}}")
    results = qualify(asked, leads, events, as_of)
    assert all(one.fit == 0 and one.score == one.engagement for one in results)
    return [one.engagement for one in results]


def test_bands(qualify: Asked) -> None:
    leads = leads_with([-1.0, 0.0, 9.0, 10.0, 49.5, 50.0, 50.5, 249.0, 249.5, 250.0, 1e9, None])
    bands = (
        "{below: 0, points: -3}, {from: 0, below: 10, points: 1}, {from: 10, to: 50, points: 2}, {from: 250, points: 9}"
    )
    got = points(qualify, f"{{rules: [{{id: a, field: x, bands: [{bands}]}}]}}", leads)
    assert got == [-3, 1, 1, 2, 2, 2, 0, 0, 0, 9, 9, 0]
    whole = points(qualify, "{rules: [{id: a, field: x, bands: [{to: 9, points: 1}, {from: 10, points: 2}]}]}", leads)
    assert whole == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 0]


def test_bands_of_texts_that_are_numbers(qualify_cells: Asked) -> None:
    leads = leads_with(["49", " 50 ", "249.5", "", None])
    assert points(qualify_cells, "{rules: [{id: a, field: x, bands: [{from: 50, to: 249.5, points: 5}]}]}", leads) == [
        0, 5, 5, 0, 0,
    ]  # fmt: skip


def test_values(qualify: Asked) -> None:
    texts = leads_with(["de", " AT", "CH", "fr", "", None])
    group = "{rules: [{id: a, field: x, values: {DE: 10, at: 5, Ch: -2.5}}]}"
    assert points(qualify, group, texts) == [10, 5, -2.5, 0, 0, 0]
    numbers = leads_with([1.0, 2.0, 2.5, None])
    assert points(qualify, "{rules: [{id: a, field: x, values: {1: 10, 2.5: 5}}]}", numbers) == [10, 0, 5, 0]
    flags = leads_with(["yes", "Nein", "", None])
    assert points(qualify, "{rules: [{id: a, field: x, values: {true: 10, false: -5}}]}", flags) == [10, -5, 0, 0]


def test_points_of_a_condition(qualify: Asked) -> None:
    leads = leads_with(["a", "b", None])
    group = """{rules: [
        {id: a, field: x, eq: a, points: 4}, {id: b, field: x, ne: a, when_missing: pass, points: -1},
        {id: c, any: [{field: x, is: blank}, {field: x, eq: b}], points: 0.5}, {id: d, enabled: false, field: x, eq: a, points: 99}]}"""
    assert points(qualify, group, leads) == [4, -0.5, -0.5]


ONE_VISIT = [0, 1, 10, 20, 25, 30, 31]


@pytest.mark.parametrize(
    ("decay", "left"),
    [
        ("{half_life: 10d}", [1, 0.5**0.1, 0.5, 0.25, 0.5**2.5, 0.125, 0.5**3.1]),
        ("{linear: 20d}", [1, 0.95, 0.5, 0, 0, 0, 0]),
        ("{linear: 30d}", [1, 29 / 30, 2 / 3, 1 / 3, 1 / 6, 0, 0]),
        ("{expire: 30d}", [1, 1, 1, 1, 1, 1, 0]),
        ("{expire: 20d}", [1, 1, 1, 1, 0, 0, 0]),
    ],
)
def test_decay(qualify: Asked, decay: str, left: list[float]) -> None:
    leads = leads_with([None] * len(ONE_VISIT))
    events = events_of(*((f"L{number}", "visit", ago(age)) for number, age in enumerate(ONE_VISIT, 1)))
    for rule in (
        "event: visit",
        "event: visit, once: true",
        "event: visit, count: {gte: 1}",
        "last_event_within: 999d",
    ):
        expected = [pytest.approx(12 * share, rel=0, abs=1.01e-9) for share in left]
        of_rule = f"{{rules: [{{id: a, {rule}, points: 12, decay: {decay}}}]}}"
        assert points(qualify, of_rule, leads, events) == expected, rule
        of_group = f"{{decay: {decay}, rules: [{{id: a, {rule}, points: 12}}]}}"
        assert points(qualify, of_group, leads, events) == expected, rule
        switched_off = f"{{decay: {decay}, rules: [{{id: a, {rule}, points: 12, decay: none}}]}}"
        assert points(qualify, switched_off, leads, events) == [12] * len(left), rule


def test_a_rule_fades_in_its_own_way(qualify: Asked) -> None:
    events = events_of(("L1", "visit", ago(10)), ("L1", "demo", ago(10)))
    group = "{decay: {half_life: 10d}, rules: [{id: a, event: visit, points: 8}, {id: b, event: demo, points: 8, decay: {linear: 40d}}]}"
    assert points(qualify, group, leads_with([None]), events) == [4 + 6]


def test_points_of_a_field_do_not_fade(qualify: Asked) -> None:
    group = "{decay: {half_life: 1d}, rules: [{id: a, field: x, older_than: 5d, points: 8}]}"
    assert points(qualify, group, leads_with([ago(6), ago(5)])) == [8, 0]


#: Five visits on the day, two 10 days ago, one 20 days ago.
VISITS = [("L1", "visit", ago(age)) for age in (0, 0, 0, 0, 0, 10, 10, 20)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("points: 4", 5 * 4 + 2 * 4 / 2 + 4 / 4),  # 25
        ("points: 4, decay: none", 32),
        ("points: 4, within_last: 10d", 24),
        ("points: 4, within_last: 9d", 20),
        ("points: 4, max_per_day: 6", 6 + 6 / 2 + 4 / 4),  # the limit comes before the decay
        ("points: 4, max_per_day: 8, decay: none", 8 + 8 + 4),
        ("points: 4, max_total: 24", 24),  # after the decay
        ("points: 4, max_total: 26", 25),
        ("points: 4, max_per_day: 6, max_total: 9", 9),
        ("points: 4, max_per_day: 6, max_total: 10.5", 10),
        ("points: -4", -25),
        ("points: -4, max_per_day: 6", -10),
        ("points: -4, max_total: 24", -24),
        ("points: -4, max_per_day: 6, max_total: 9", -9),
        ("points: 4, once: true", 4),
        ("points: -4, once: true", -4),
        ("points: 4, once: true, within_last: 0d", 4),
        ("points: 4, count: {gte: 8}", 4),
        ("points: 4, count: {gte: 9}", 0),
        ("points: 4, count: {eq: 7, within: 10d}", 4),
        ("points: 4, distinct_days: {eq: 3}", 4),
        ("points: -4, distinct_days: {eq: 2, within: 10d}", -4),
        ("points: 4, last_event_within: 0d", 4),
    ],
)
def test_points_of_events(qualify: Asked, rule: str, expected: float) -> None:
    group = f"{{decay: {{half_life: 10d}}, rules: [{{id: a, event: visit, {rule}}}]}}"
    assert points(qualify, group, leads_with([None, None]), events_of(*VISITS)) == [expected, 0]


def test_what_a_counting_rule_fades_from(qualify: Asked) -> None:
    paths = ["/pricing", "/pricing", "/blog"]
    events = events_of(*(("L1", "view", ago(age)) for age in (20, 10, 0)), path=paths)
    group = "{decay: {half_life: 10d}, rules: [{id: a, event: view, where: {path: /pricing}, count: {gte: 2, within: 30d}, points: 8}]}"
    assert points(qualify, group, leads_with([None]), events) == [4]  # the latest of those that count, 10 days ago
    once = "{decay: {half_life: 10d}, rules: [{id: a, event: view, where: {path: /pricing}, once: true, points: 8}]}"
    assert points(qualify, once, leads_with([None]), events) == [4]


def test_events_not_known_yet_give_no_points(qualify: Asked) -> None:
    events = events_of(("L1", "visit", AS_OF), ("L1", "visit", ago(-1)), ("L2", "visit", ago(-1)))
    group = "{decay: {half_life: 1d}, rules: [{id: a, event: visit, points: 8}]}"
    assert points(qualify, group, leads_with([None, None]), events) == [8, 0]
    assert points(qualify, group, leads_with([None, None]), events, ago(-1)) == [8 + 4, 8]
    assert points(qualify, group, leads_with([None, None]), events, ago(1)) == [0, 0]


def test_the_same_event_twice_is_two_events(qualify: Asked) -> None:
    events = events_of(("L1", "visit", AS_OF), ("L1", "visit", AS_OF), ("L2", "visit", AS_OF))
    leads = [["lead_id", "x"], ["L1", 1], ["L1", 3], ["L2", 2]]
    assert points(qualify, "{rules: [{id: a, event: visit, points: 8}]}", leads, events) == [16, 16, 8]


LIMITS = {
    "fit: {%s, rules: [{id: a, field: x, gte: -999, points: 1}, {id: b, field: x, gte: 10, points: 20}, {id: c, field: x, lt: 0, points: -30}]}": {
        "cap: 15": [1, 15, -29],
        "floor: 0": [1, 21, 0],
        "floor: -5, cap: 15": [1, 15, -5],
        "floor: 2": [2, 21, 2],
    }
}


def test_caps_and_floors(qualify: Asked) -> None:
    leads = leads_with([5, 10, -10])
    for group, cases in LIMITS.items():
        for limits, expected in cases.items():
            results = qualify(rules(group % limits + "\nmql: {field: x, is: not_blank}"), leads)
            assert [one.fit for one in results] == expected, limits
            assert [one.score for one in results] == expected, limits


def test_limits_of_the_score_come_after_those_of_the_groups(qualify: Asked) -> None:
    asked = rules("""
        fit: {cap: 50, floor: -20, rules: [{id: a, field: x, bands: [{below: 0, points: -60}, {from: 100, points: 80}]}]}
        engagement: {rules: [{id: b, field: x, bands: [{below: -5, points: -60}, {from: 200, points: 80}]}]}
        score: {cap: 100, floor: -50}
        mql: {threshold: 50}
    """)
    results = qualify(asked, leads_with([0, 100, 200, -1, -10]))
    assert [(one.fit, one.engagement, one.score) for one in results] == [
        (0, 0, 0), (50, 0, 50), (50, 80, 100), (-20, 0, -20), (-20, -60, -50),
    ]  # fmt: skip
    assert stages(results) == ["lead", "MQL", "MQL", "lead", "lead"]


def test_without_points_there_is_no_score(qualify: Asked) -> None:
    (only,) = qualify(rules("mql: {field: x, eq: a}"), leads_with(["a"]))
    assert (only.stage, only.score, only.fit, only.engagement) == ("MQL", "", "", "")


def test_points_are_rounded_before_they_are_compared(qualify: Asked) -> None:
    # In floating point 0.7 + 0.1 + 0.1 is a little less than 0.9.
    tenths = "{id: a, field: x, eq: 1, points: 0.7}, {id: b, field: x, eq: 1, points: 0.1}, {id: c, field: x, eq: 1, points: 0.1}"
    for part in ("score", "fit"):
        asked = rules(f"fit: {{rules: [{tenths}]}}\nmql: {{threshold: {{{part}: 0.9}}}}")
        (only,) = qualify(asked, leads_with([1]))
        assert (only.stage, only.fit, only.score) == ("MQL", 0.9, 0.9)


# ---------------------------------------------------------------------------------- stages

THRESHOLDS = {
    "20": [0, 1, 1, 1, 1],
    "{score: 20}": [0, 1, 1, 1, 1],
    "{fit: 10}": [0, 1, 1, 0, 1],
    "{engagement: 10}": [0, 1, 0, 1, 1],
    "{fit: 10, engagement: 10}": [0, 1, 0, 0, 1],
    "[{fit: 20}, {engagement: 20}]": [0, 0, 1, 1, 1],
    "[{fit: 20, engagement: 10}, {score: 35}]": [0, 0, 0, 0, 1],
    "{score: 40, fit: 10}": [0, 0, 0, 0, 1],
    "20.5": [0, 0, 0, 0, 1],
}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_thresholds(qualify: Asked, threshold: str) -> None:
    leads = [["lead_id", "f", "e"], ["L1", 9, 9], ["L2", 10, 10], ["L3", 20, 0], ["L4", 0, 20], ["L5", 20, 20]]
    both = [
        f"{group}: {{rules: [{{id: {name}, field: {name}, values: {{9: 9, 10: 10, 20: 20}}}}]}}"
        for group, name in [("fit", "f"), ("engagement", "e")]
    ]
    asked = rules("\n".join([*both, f"mql: {{threshold: {threshold}}}"]))
    assert met(qualify(asked, leads)) == THRESHOLDS[threshold]


GATES = [["lead_id", "gate", "fast", "points"]] + [
    [f"{gate}{fast}{points}", gate, fast, points] for gate in "yn" for fast in "yn" for points in (0, 9)
]


@pytest.mark.parametrize(
    ("mql", "qualified"),
    [
        ("{field: gate, eq: 'y'}", ["yy0", "yy9", "yn0", "yn9"]),
        ("{require: {field: gate, eq: 'y'}}", ["yy0", "yy9", "yn0", "yn9"]),
        ("{threshold: 9}", ["yy9", "yn9", "ny9", "nn9"]),
        ("{fast_track: {field: fast, eq: 'y'}}", ["yy0", "yy9", "ny0", "ny9"]),
        ("{fast_track: {field: fast, eq: 'y'}, threshold: 9}", ["yy0", "yy9", "yn9", "ny0", "ny9", "nn9"]),
        ("{require: {field: gate, eq: 'y'}, threshold: 9}", ["yy9", "yn9"]),
        ("{field: gate, eq: 'y', threshold: 9}", ["yy9", "yn9"]),
        ("{require: {field: gate, eq: 'y'}, fast_track: {field: fast, eq: 'y'}}", ["yy0", "yy9"]),
        ("{require: {field: gate, eq: 'y'}, fast_track: {field: fast, eq: 'y'}, threshold: 9}", ["yy0", "yy9", "yn9"]),
    ],
)
def test_how_a_stage_is_reached(qualify: Asked, mql: str, qualified: list[str]) -> None:
    fit = "fit: {rules: [{id: a, field: points, bands: [{from: 9, points: 9}]}]}\n"
    results = qualify(rules(f"{fit}mql: {mql}"), GATES)
    assert [one.lead for one in results if one.stage == "MQL"] == qualified
    anybody = qualify(rules(f"{fit}mql: {{field: lead_id, is: not_blank}}\nsql: {mql}"), GATES)
    assert [one.lead for one in anybody if one.stage == "SQL"] == qualified


def test_an_sql_is_an_mql(qualify: Asked) -> None:
    leads = [["lead_id", "m", "s"], ["L1", "y", "y"], ["L2", "y", "n"], ["L3", "n", "y"], ["L4", "n", "n"]]
    asked = rules("mql: {field: m, eq: 'y'}\nsql: {field: s, eq: 'y'}")
    assert stages(qualify(asked, leads)) == ["SQL", "MQL", "lead", "lead"]


def test_suppressed_whatever_else(qualify: Asked) -> None:
    leads = [["lead_id", "staff", "x", "created"], ["L1", "yes", "a", ago(9)], ["L2", "no", "a", ago(9)]]
    leads += [["L3", "yes", "b", ago(9)], ["L4", None, "b", ago(9)], ["L5", "yes", "a", ago(-1)]]
    for sticky in ("", ", sticky: true"):
        asked = rules(f"suppress: {{field: staff, eq: true}}\nmql: {{fast_track: {{field: x, eq: a}}{sticky}}}")
        assert stages(qualify(asked, leads, None, AS_OF)) == ["suppressed", "MQL", "suppressed", "lead", "not yet"]


def test_leads_created_later(qualify: Asked) -> None:
    days = [ago(1), AS_OF, ago(-1), None]
    expected = ["MQL", "MQL", "not yet", "MQL"]
    anybody = "mql: {field: lead_id, is: not_blank}"
    assert stages(qualify(rules(anybody), leads_with(days, "Created"), None, AS_OF)) == expected
    named = f"leads: {{created: known since}}\n{anybody}"
    assert stages(qualify(rules(named), leads_with(days, "Known Since"), None, AS_OF)) == expected
    assert stages(qualify(rules(anybody), leads_with(days, "Known Since"), None, AS_OF)) == ["MQL"] * 4
    # Two columns could be the day: neither is taken for it.
    both = [["lead_id", "created", "first contact"], *([f"L{number}", day, day] for number, day in enumerate(days))]
    assert stages(qualify(rules(anybody), both, None, AS_OF)) == ["MQL"] * 4


def test_columns_by_their_names_in_the_rules(qualify: Asked) -> None:
    leads = [["Person", "x"], ["L1", 1], ["L2", 2]]
    events = [["Wer", "Was", "Wann"], ["L2", "Demo", AS_OF]]
    asked = rules("leads: {id: person}\nevents: {lead: wer, event: was, date: wann}\nmql: {event: demo}")
    results = qualify(asked, leads, events, AS_OF)
    assert [(one.lead, one.stage) for one in results] == [("L1", "lead"), ("L2", "MQL")]


# ---------------------------------------------------------------------------------- sticky

WEBINAR = "engagement: {decay: {expire: 10d}, rules: [{id: a, event: webinar, points: 10}]}\n"


def test_sticky(qualify: Asked) -> None:
    events = events_of(("L1", "webinar", ago(10)), ("L2", "webinar", ago(11)), ("L3", "webinar", ago(-1)))
    leads = leads_with([None] * 4)
    assert stages(qualify(rules(WEBINAR + "mql: {threshold: 10}"), leads, events, AS_OF)) == [
        "MQL", "lead", "lead", "lead",
    ]  # fmt: skip
    sticky = rules(WEBINAR + "mql: {threshold: 10, sticky: true}")
    results = qualify(sticky, leads, events, AS_OF)
    assert stages(results) == ["MQL", "MQL", "lead", "lead"]
    assert [one.score for one in results] == [10, 0, 0, 0]


def test_sticky_by_points_that_came_together_for_a_day(qualify: Asked) -> None:
    events = events_of(
        ("L1", "webinar", ago(40)), ("L1", "webinar", ago(30)),
        ("L2", "webinar", ago(41)), ("L2", "webinar", ago(30)),
    )  # fmt: skip
    sticky = rules(WEBINAR + "mql: {threshold: 20, sticky: true}")
    assert stages(qualify(sticky, leads_with([None, None]), events, AS_OF)) == ["MQL", "lead"]


def test_sticky_from_the_creation_on(qualify: Asked) -> None:
    events = events_of(("L1", "webinar", ago(30)), ("L2", "webinar", ago(30)), ("L3", "webinar", ago(30)))
    leads = leads_with([ago(20), ago(19), None], "created")
    sticky = rules(WEBINAR + "mql: {threshold: 10, sticky: true}")
    assert stages(qualify(sticky, leads, events, AS_OF)) == ["MQL", "lead", "MQL"]


def test_sticky_by_a_date_that_was_recent_once(qualify: Asked) -> None:
    leads = [
        ["lead_id", "call", "created"],
        ["L1", ago(30), ago(25)],
        ["L2", ago(30), ago(24)],
        ["L3", ago(-1), ago(50)],
    ]
    sticky = rules("mql: {field: call, within_last: 5d, sticky: true}")
    assert stages(qualify(sticky, leads, None, AS_OF)) == ["MQL", "lead", "lead"]
    assert stages(qualify(rules("mql: {field: call, within_last: 5d}"), leads, None, AS_OF)) == ["lead"] * 3


def test_sticky_and_suppressed(qualify: Asked) -> None:
    # L1 left the suppression when its points were gone already, L2 before; L3 came under it later.
    events = events_of(
        ("L1", "webinar", ago(40)), ("L1", "blocked", ago(40)),
        ("L2", "webinar", ago(40)), ("L2", "blocked", ago(45)),
        ("L3", "webinar", ago(40)), ("L3", "blocked", ago(5)),
    )  # fmt: skip
    sticky = rules(WEBINAR + "suppress: {event: blocked, within_last: 12d}\nmql: {threshold: 10, sticky: true}")
    leads = leads_with([ago(99)] * 3, "created")
    assert stages(qualify(sticky, leads, events, AS_OF)) == ["lead", "MQL", "suppressed"]


#: MQL for ten days after a webinar; SQL for two days after a call.
TWO_STAGES = WEBINAR + "mql: {threshold: 10%s}\nsql: {event: call, within_last: 2d%s}"


@pytest.mark.parametrize(
    ("mql", "sql", "expected"),
    [
        # L1: webinar and call recently; L2: both long ago, together; L3: recent webinar, call long ago with
        # the webinar of then; L4: call long after its webinar had faded; L5: recent call only.
        ("", "", ["SQL", "lead", "MQL", "lead", "lead"]),
        ("", ", sticky: true", ["SQL", "lead", "SQL", "lead", "lead"]),
        (", sticky: true", "", ["SQL", "MQL", "MQL", "MQL", "lead"]),
        (", sticky: true", ", sticky: true", ["SQL", "SQL", "SQL", "SQL", "lead"]),
    ],
)
def test_sticky_stages_together(qualify: Asked, mql: str, sql: str, expected: list[str]) -> None:
    events = events_of(
        ("L1", "webinar", ago(3)), ("L1", "call", ago(1)),
        ("L2", "webinar", ago(50)), ("L2", "call", ago(45)),
        ("L3", "webinar", ago(50)), ("L3", "call", ago(45)), ("L3", "webinar", ago(3)),
        ("L4", "webinar", ago(50)), ("L4", "call", ago(30)),
        ("L5", "call", ago(1)),
    )  # fmt: skip
    leads = leads_with([ago(99)] * 5, "created")
    assert stages(qualify(rules(TWO_STAGES % (mql, sql)), leads, events, AS_OF)) == expected


# ---------------------------------------------------------------------------------- the as-of day


def test_without_an_as_of_day_it_is_the_latest_that_is_known(qualify: Asked) -> None:
    leads = leads_with([ago(40), ago(5)], "created")
    events = events_of(("L1", "visit", ago(40)), ("L1", "visit", ago(9)))
    asked = rules("mql: {event: visit, within_last: 4d}")
    assert met(qualify(asked, leads, events)) == [1, 0]  # seen from five days ago: L2's creation
    assert met(qualify(asked, leads, events, ago(4))) == [0, 0]
    assert met(qualify(asked, leads_with([ago(40), ago(30)], "created"), events)) == [1, 0]
    assert met(qualify(rules("mql: {event: visit, within_last: 3d}"), leads, events)) == [0, 0]


def test_rules_that_ask_for_no_day_need_none(qualify: Asked) -> None:
    assert met(qualify(rules("mql: {field: x, eq: a}"), leads_with(["a", "b"]))) == [1, 0]


@pytest.mark.parametrize(
    "asked",
    [
        "mql: {field: x, within_last: 5d}",
        "effective_from: 2026-01-01\nmql: {field: x, is: blank}",
        "versions: [{effective_to: 2026-01-01, mql: {field: x, is: blank}}, {effective_from: 2026-01-02, mql: {field: x, is: blank}}]",
    ],
)
def test_rules_that_ask_for_a_day_need_one(qualify: Asked, asked: str) -> None:
    with pytest.raises(REFUSALS) as refused:
        qualify(rules(asked), leads_with([None]))
    assert refused.value.code == "#VALUE!"


# ---------------------------------------------------------------------------------- the other functions

DOUBLE = [["lead_id", "x"], ["L1", "sql"], ["L2", "mql"], ["L1", "sql"], [" L2", "none"], ["L3", "none"], ["L4", "own"]]
DOUBLE_RULES = rules("""
    suppress: {field: x, eq: own}
    fit: {rules: [{id: a, field: x, values: {sql: 7, mql: 3.5, own: 9}}]}
    mql: {threshold: 3}
    sql: {field: x, eq: sql}
""")


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_leads_are_counted_once(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from engines import counting_on, need

    need(engine)
    counting_on(engine, monkeypatch)
    assert kpi_udfs.evaluate("MQL_COUNT", DOUBLE, None, DOUBLE_RULES) == 2
    assert kpi_udfs.evaluate("SQL_COUNT", DOUBLE, None, DOUBLE_RULES) == 1
    assert kpi_udfs.evaluate("LEAD_SCORE", DOUBLE, None, DOUBLE_RULES) == [["Score"], [7], [3.5], [7], [0], [0], [9]]


def test_rules_in_a_column_of_cells() -> None:
    lines = [[line] for line in DOUBLE_RULES.splitlines()]
    assert kpi_udfs.evaluate("MQL_COUNT", DOUBLE, None, lines) == 2


def test_no_score_without_points() -> None:
    with pytest.raises(kpi_udfs.CellError) as refused:
        kpi_udfs.evaluate("LEAD_SCORE", DOUBLE, None, rules("mql: {field: x, eq: a}"))
    assert refused.value.code == "#N/A"


def test_rules_in_cells_may_be_indented_with_no_break_spaces() -> None:
    """A page on the web hands them over when it is copied."""
    lines = ["schema: kpi_udfs.qualification/1", "mql:", "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}field: x", "  eq: a"]
    answer = kpi_udfs.evaluate("QUALIFY", leads_with(["a", "b"]), None, lines)
    assert [row[1] for row in answer[1:]] == ["MQL", "lead"]
