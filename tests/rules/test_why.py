"""WHY_QUALIFIED adds up to what QUALIFY says, and what it says is missing makes the lead an MQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from time import perf_counter
from typing import Any

import made_up
import pytest
from asked import Asked, rules
from engines import Engines, counting_on
from oracle import Prepared
from oracle import qualify as plainly
from test_against_oracle import Case, case_of

import kpi_udfs
from kpi_udfs import CellError, ConfigError, calls
from kpi_udfs.cells import Context, as_date, read_table
from kpi_udfs.kinds import TableData
from kpi_udfs.rules.explaining import Explained, explain
from kpi_udfs.rules.files import load_text
from kpi_udfs.rules.one_lead import OneLead, one_lead
from kpi_udfs.settings import fold
from kpi_udfs.tables.columns import opened

CAPTIONS = ["Part", "Rule", "Found", "Met", "Points", "After fading", "Counted"]
TODAY = date(2026, 3, 31)
#: Scores are rounded to 9 digits, each of their two parts as well.
CLOSE = 2e-9

Cells = list[list[Any]]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def found_lead(text: str, lead_id: str, leads: Any, events: Any, as_of: date | None) -> OneLead:
    context = calls.context_now()
    assert isinstance(context, Context)
    tables = [None if table is None else _data(table, context) for table in (leads, events)]
    assert tables[0] is not None
    return one_lead(lead_id, load_text(text), *tables, as_of.toordinal() if as_of else None, context)


def _data(table: Any, context: Context) -> TableData:
    if isinstance(table, list):
        top, *below = table
        return read_table(table, "table", context) if below else TableData(tuple(top), top, [])
    native = opened(table, context)
    return TableData(native.headers, native=native)


def explained(text: str, lead_id: str, leads: Any, events: Any = None, as_of: date | None = None) -> Explained:
    """The explanation with its ways as objects."""
    return explain(found_lead(text, lead_id, leads, events, as_of))


@dataclass
class Why:
    """An answer of WHY_QUALIFIED."""

    rows: list[list[Any]]

    def __post_init__(self) -> None:
        assert self.rows[0] == CAPTIONS
        assert {len(row) for row in self.rows} == {7}

    def part(self, name: str) -> list[list[Any]]:
        """The lines of one part."""
        return [row[1:] for row in self.rows[1:] if row[0] == name]

    def line(self, part: str, rule: str = "") -> list[Any]:
        """The only line of a part, or of a rule in it: found, met, points, after fading, counted."""
        (found,) = [row[1:] for row in self.part(part) if not rule or row[0] == rule]
        return found

    @property
    def missing(self) -> list[str]:
        return [row[0] for row in self.part("missing")]

    @property
    def counted(self) -> float:
        """What the lines of points add up to."""
        return sum(row[5] for part in ("fit", "engagement") for row in self.part(part)) + sum(
            row[5] for row in self.part("score") if row[0]
        )

    @property
    def score(self) -> float | None:
        return next((row[5] for row in self.part("score") if not row[0]), None)


def why(text: str, lead_id: Any, leads: Cells, events: Cells | None = None, as_of: date | None = TODAY) -> Why:
    return Why(kpi_udfs.evaluate("WHY_QUALIFIED", lead_id, leads, events, text, as_of))


# ----------------------------------------------------------------------- made-up rules and tables


def some_leads(case: Case, seed: int, most: int) -> list[tuple[int, str]]:
    """Some leads of the table: row and identifier, the first row of each."""
    first: dict[str, int] = {}
    for row, lead in enumerate(case.leads[1:], 1):
        first.setdefault(str(lead[0]).strip(), row)
    chosen = Random(seed).sample(list(first), min(most, len(first)))
    return [(first[name], name) for name in chosen]


def answered(seed: int, tidy: bool, most: int = 3) -> Iterator[tuple[Case, int, str]]:
    try:
        case = case_of(seed, tidy)
    except ConfigError:
        return
    if not isinstance(case.expected(), str):
        for row, name in some_leads(case, seed, most):
            yield case, row, name


def check_lines(case: Case, answer: Why, said: Sequence[Any]) -> None:
    """The lines add up, to what QUALIFY says of the lead: stage, score, fit, engagement, rule."""
    stage, score, fit, engagement, rule = said[1:]
    assert answer.part("stage") == [[rule, stage, "", "", "", ""]], str(case)
    assert bool(answer.missing) == (stage == "lead")
    if score == "":
        assert answer.score is None
        return
    assert answer.score == pytest.approx(score, rel=0, abs=CLOSE)
    assert answer.counted == pytest.approx(score, rel=0, abs=CLOSE), f"{answer.rows}\n{case}"
    for name, points in (("fit", fit), ("engagement", engagement)):
        assert sum(row[5] for row in answer.part(name)) == pytest.approx(points, rel=0, abs=CLOSE)


def check_rules(case: Case, answer: Why, row: int, name: str, day: int) -> None:
    """Each rule gives the points that the plain loop finds."""
    plain = Prepared(case.loaded, case.leads, case.events)
    judge = plain.judge_on(day)
    assert judge is not None
    rows = zip(plain.event_leads, plain.days, plain.kinds, range(len(plain.days)), strict=True)
    own = [(when, kind, place) for lead, when, kind, place in rows if lead == name and when is not None and when <= day]
    for part, gives, group in (
        ("fit", judge.fit, judge.version.fit),
        ("engagement", judge.engagement, judge.version.engagement),
    ):
        for give, rule in zip(gives, group.rules, strict=True):
            counted = answer.line(part, rule.id)[4]
            assert counted == pytest.approx(give(row - 1, own, day), rel=0, abs=1e-9), f"{rule}\n{answer.rows}"


def check_ways(case: Case, found: Explained, row: int) -> int:
    """Each way, made true in the tables, makes QUALIFY say MQL or SQL. How many there were."""
    assert (found.stage == "lead") or not found.ways
    for way in found.ways:
        leads, events = made_true(case, way.changes, row, found.day)
        day = as_date(found.day) if found.day is not None else None
        said = kpi_udfs.evaluate("QUALIFY", leads, events, case.rules, day)
        assert said[row][1] in ("MQL", "SQL"), f"{way}\n{case.about_lead(row)}"
    return len(found.ways)


def made_true(case: Case, changes: Sequence[Any], row: int, day: int | None) -> tuple[Cells, Cells]:
    leads, events = [list(lead) for lead in case.leads], [list(event) for event in case.events]
    aliases = {fold(name): header for name, header in case.loaded.versions[-1].fields.items()}
    headers = [fold(header) for header in leads[0]]
    for change in changes:
        told = change.as_object()
        if "field" in told:
            name = fold(told["field"])
            leads[row][headers.index(fold(aliases.get(name, name)))] = told["value"]
            continue
        cells = {"lead_id": leads[row][0], "event": told["event"], "date": as_date(day) if day else TODAY}
        cells |= told["where"]
        events += [[cells.get(header) for header in events[0]]] * told["times"]
    return leads, events


@pytest.mark.thorough
@pytest.mark.parametrize(("who", "seeds"), [("pandas", range(3)), ("polars", range(20, 28))])
def test_lines_add_up(who: str, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    counting_on(who, monkeypatch)
    for seed in seeds:
        for case, row, name in answered(seed, tidy=False):
            answer = why(case.rules, name, case.leads, case.events, case.as_of)
            said = kpi_udfs.evaluate("QUALIFY", case.leads, case.events, case.rules, case.as_of)
            check_lines(case, answer, said[row])
            day = case.as_of.toordinal() if case.as_of else Prepared(case.loaded, case.leads, case.events).latest_day()
            assert day is not None
            check_rules(case, answer, row, name, day)


@pytest.mark.thorough
@pytest.mark.parametrize("who", ["pandas", "polars", "duckdb"])
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_lines_add_up_in_tables(seed: int, who: str, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(who, engines, monkeypatch)
    for case, row, name in answered(seed, tidy=True, most=2):
        given_tables = {"events": asked.table(case.events, "events"), "rules": case.rules}
        given_tables |= {"as_of": case.as_of} if case.as_of else {}
        leads = asked.table(case.leads, "leads")
        answer = Why(kpi_udfs.evaluate_on("WHY_QUALIFIED", leads, lead_id=name, **given_tables))
        said = kpi_udfs.evaluate("QUALIFY", case.leads, case.events, case.rules, case.as_of)
        check_lines(case, answer, said[row])
        found = explained(case.rules, name, leads, given_tables["events"], case.as_of)
        check_ways(case, found, row)


@pytest.mark.thorough
@pytest.mark.parametrize(("who", "seeds"), [("pandas", range(100, 105)), ("polars", range(130, 140))])
def test_what_is_missing_makes_it_an_mql(who: str, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    counting_on(who, monkeypatch)
    ways = 0
    for seed in seeds:
        for case, row, name in answered(seed, tidy=False):
            found = explained(case.rules, name, case.leads, case.events, case.as_of)
            ways += check_ways(case, found, row)
    assert ways


@pytest.mark.parametrize("seed", range(300, 340))
def test_no_shorter_way(seed: int) -> None:
    for case, row, name in answered(seed, tidy=False, most=2):
        if any(stage and stage.sticky for version in case.loaded.versions for stage in (version.mql, version.sql)):
            return
        found = explained(case.rules, name, case.leads, case.events, case.as_of)
        if found.stage == "lead" and (not found.ways or found.ways[0].cost > 1):
            assert found.day is not None
            assert not list(single_changes_that_do(case, row, as_date(found.day))), f"{found.ways}\n{case}"


def single_changes_that_do(case: Case, row: int, day: date) -> Iterator[Any]:
    """Of every cell and event that the tables know of, those that make the lead an MQL by the plain loop."""
    header, lead = case.leads[0], case.leads[row]
    own = [event for event in case.events[1:] if str(event[0]).strip() == str(lead[0]).strip()]
    days = [made_up.BEGIN + timedelta(days=number) for number in range(made_up.DAYS)]
    numbers = [step / 2 for step in range(-50, 520)] + [1199, 1200, 1201, 9999, 10000, 10001]
    domain: dict[str, list[Any]] = {
        **{name: [*known, "Dr. Le f", "müll", "d e", "1"] for name, known in made_up.TEXTS.items()},
        **dict.fromkeys(made_up.NUMBERS, numbers),
        **{name: [True, False] for name in made_up.FLAGS},
        **{name: [one for one in days if one <= day] for name in made_up.DATES},
    }
    changed = [(name, value) for name, known in domain.items() for value in [None, *known]]
    more = [(name, path, amount) for name in [*made_up.EVENTS, "other"] for path in [None, *made_up.PATHS]
            for amount in [None, *made_up.NUMBERS["employees"]]]  # fmt: skip
    leads, events = [list(header)], [list(case.events[0])]
    place = header.index("lead_id")
    for number, (name, value) in enumerate([*changed, *more_of(more)]):
        leads.append(list(lead))
        leads[-1][place] = f"V{number}"
        if name in header:
            leads[-1][header.index(name)] = value
        events += [[f"V{number}", *event[1:]] for event in own]
        if name == "event":
            kind, path, amount = value
            events.append([f"V{number}", kind, day, path, amount])
    for one, what in zip(plainly(case.loaded, leads, events, day), [*changed, *more_of(more)], strict=True):
        if one.stage in ("MQL", "SQL"):
            yield what


def more_of(happenings: Sequence[Any]) -> list[tuple[str, Any]]:
    return [("event", one) for one in happenings]


# ----------------------------------------------------------------------------- one thing at a time

POINTS = """
    fit:
      cap: 30
      rules:
        - {id: size, field: employees, bands: [{from: 50, to: 249, points: 10}, {from: 250, points: 25}]}
        - {id: title, field: job_title, contains: head, points: 15}
    engagement:
      floor: 0
      decay: {half_life: 10d}
      rules:
        - {id: ebook, event: ebook, points: 10, max_per_day: 15, max_total: 20, decay: none}
        - {id: webinar, event: webinar, points: 8}
        - {id: news, event: newsletter, points: 4, once: true}
        - {id: left, event: unsubscribed, points: -50}
"""
SCORED = rules(POINTS + "    mql: {threshold: 40}\n")
HEADER = ["lead id", "employees", "job_title", "email", "created"]
EVENTS = ["lead id", "event", "date"]


def big(title: str = "Head of Sales") -> Cells:
    return [HEADER, ["L1", 300, title, "a@x.example", ago(60)]]


def test_caps_and_floors_have_lines_of_their_own() -> None:
    answer = why(SCORED, "L1", big(), [EVENTS, ["L1", "unsubscribed", TODAY]])
    assert answer.part("fit") == [
        ["size", "300", "yes", 25.0, 25.0, 25.0],
        ["title", "Head of Sales", "yes", 15.0, 15.0, 15.0],
        ["cap", "at most 30", "yes", "", "", -10.0],  # 25 + 15 = 40
    ]
    assert answer.part("engagement")[-1] == ["floor", "at least 0", "yes", "", "", 50.0]
    assert answer.score == answer.counted == 30


def test_limits_of_the_score() -> None:
    text = SCORED + "score: {cap: 25}\n"
    answer = why(text.replace("threshold: 40", "threshold: 20"), "L1", big(), [EVENTS])
    assert answer.part("score") == [["cap", "at most 25", "yes", "", "", -5.0], ["", "", "", "", "", 25.0]]


def test_points_before_and_after_fading_and_limits() -> None:
    events = [
        EVENTS,
        *[["L1", "ebook", ago(3)]] * 2,  # 20, at most 15 a day
        ["L1", "ebook", ago(90)],  # 10 more, at most 20 in all
        ["L1", "webinar", ago(10)],  # half of 8
        ["L1", "newsletter", ago(40)],
        ["L1", "newsletter", ago(20)],  # the last one counts: a quarter of 4
    ]
    answer = why(SCORED, "L1", big(), events)
    assert answer.part("engagement")[:3] == [
        ["ebook", "3 events, the last on Mar 28, 2026", "yes", 30.0, 25.0, 20.0],
        ["webinar", "1 event, the last on Mar 21, 2026", "yes", 8.0, 4.0, 4.0],
        ["news", "2 events, the last on Mar 11, 2026", "yes", 4.0, 1.0, 1.0],
    ]
    assert answer.line("engagement", "left") == ["no event", "no", 0.0, 0.0, 0.0]
    assert answer.line("stage", "threshold score 40") == ["MQL", "", "", "", ""]  # 30 + 25 = 55
    assert answer.line("mql: threshold") == ["score 55", "yes", "", "", ""]
    assert not answer.missing


def test_how_often_an_event_would_have_to_happen() -> None:
    lead = [HEADER, ["L1", 300, "Intern", None, None]]
    answer = why(SCORED, "L1", lead, [EVENTS])
    assert answer.line("mql: threshold") == ["score 25; missing: score 15", "no", "", "", ""]
    assert answer.missing == ["2 × webinar", "webinar + ebook", "2 × ebook"]  # 16; 18; 20, at most 15 a day
    harder = SCORED.replace("threshold: 40", "threshold: 57")
    assert why(harder, "L1", lead, [EVENTS]).missing == ["4 × webinar", "3 × webinar + ebook"]  # 32; 34


def test_a_gate_and_a_fast_track() -> None:
    text = SCORED.replace(
        "{threshold: 40}",
        """
      threshold: 40
      fast_track: {any: [{event: demo_request, within_last: 30d}]}
      require: {all: [{id: mail, field: email, is: not_blank}, {id: no_student, none: [{field: job_title, eq: student}]}]}
""",
    )
    lead = [HEADER, ["L1", 10, "student", "a@x.example", None]]
    answer = why(text, "L1", lead, [EVENTS, ["L1", "demo_request", ago(31)]])
    assert answer.part("stage") == [["no_student", "lead", "", "", "", ""]]
    assert answer.part("mql: require") == [
        ["mail", "a@x.example", "yes", "", "", ""],
        ["no_student", "job_title eq student: yes", "no", "", "", ""],
    ]
    assert answer.line("mql: fast_track")[1] == "no"
    assert answer.missing == ["demo_request + job_title = head"]
    assert why(text, "L1", [HEADER, ["L1", 10, "x", None, None]], [EVENTS]).missing == ["demo_request + email = other"]


def test_either_of_two_thresholds_and_both_parts_of_one() -> None:
    text = rules(POINTS + "    mql: {threshold: [{fit: 20, engagement: 10}, {score: 50}]}\n")
    answer = why(text, "L1", big("Intern"), [EVENTS, ["L1", "webinar", TODAY]])
    assert answer.part("mql: threshold") == [
        ["threshold fit 20, engagement 10", "fit 25, engagement 8; missing: engagement 2", "no", "", "", ""],
        ["threshold score 50", "score 33; missing: score 17", "no", "", "", ""],
    ]
    assert answer.missing == ["webinar", "ebook", "newsletter"]


@pytest.mark.parametrize(("kind", "met"), [("unknown", "unknown"), ("pass", "yes"), ("fail", "no")])
def test_a_missing_value(kind: str, met: str) -> None:
    text = rules(f"mql: {{field: country, eq: DE, when_missing: {kind}}}\nmissing: [Select]\n")
    leads = [["lead id", "country"], ["L1", None], ["L2", " select "]]
    assert why(text, "L1", leads).line("mql: require") == ["(blank)", met, "", "", ""]
    assert why(text, "L2", leads).line("mql: require")[:2] == ["select (counts as blank)", met]
    assert why(text, "L1", leads).missing == ([] if met == "yes" else ["country = DE"])


def test_a_day_to_come_is_not_known() -> None:
    text = rules("mql: {field: call, within_last: 7d}")
    leads = [["lead id", "call"], ["L1", TODAY + timedelta(days=2)], ["L2", 46110.0]]
    told = ["Apr 2, 2026 (later than Mar 31, 2026, counts as blank)", "no", "", "", ""]
    assert why(text, "L1", leads).line("mql: require") == told
    assert why(text, "L2", leads).line("mql: require")[:2] == ["Mar 29, 2026", "yes"]
    assert why(text, "L1", leads).missing == ["call = 2026-03-31"]


def test_since_when_a_sticky_stage_is_held() -> None:
    text = rules(
        """
        engagement: {rules: [{id: ebook, event: ebook, points: 10, decay: {half_life: 5d}}]}
        mql: {threshold: 10, sticky: true}
        sql: {event: call, within_last: 2d, sticky: true}
        """
    )
    leads = [["lead id"], ["L1"], ["L2"]]
    events = [EVENTS, ["L1", "ebook", ago(20)], ["L1", "call", ago(12)], ["L2", "call", ago(9)]]
    answer = why(text, "L1", leads, events)
    assert answer.part("stage") == [["sticky", "SQL", "", "", "", ""]]
    assert answer.line("mql: sticky") == ["since Mar 11, 2026", "yes", "", "", ""]
    assert answer.line("sql: sticky") == ["since Mar 19, 2026", "yes", "", "", ""]
    never = why(text, "L2", leads, events)
    assert never.line("mql: sticky") == ["", "no", "", "", ""]
    assert never.missing == ["ebook"]


def test_the_first_day_of_the_whole_table_counts() -> None:
    text = rules("mql: {event: visit, count: {eq: 0}, sticky: true}")
    leads = [["lead id"], ["L1"], ["L2"]]
    events = [EVENTS, ["L1", "visit", ago(5)], ["L2", "visit", ago(9)]]
    # On the first day that the table tells of L1 had not visited us.
    assert why(text, "L1", leads, events).part("stage")[0][1] == "MQL"
    assert why(text, "L2", leads, events).part("stage")[0][1] == "lead"
    assert [row[1] for row in kpi_udfs.evaluate("QUALIFY", leads, events, text, TODAY)] == ["Stage", "MQL", "lead"]


def test_suppressed_says_so() -> None:
    text = SCORED + "suppress: {any: [{id: own, field: email, ends_with: '@x.example'}, {field: job_title, eq: spy}]}\n"
    answer = why(text, "L1", big(), [EVENTS])
    assert answer.part("stage") == [["own", "suppressed", "", "", "", ""]]
    assert [row[:3] for row in answer.part("suppress")] == [
        ["own", "a@x.example", "yes"],
        ["job_title eq spy", "Head of Sales", "no"],
    ]
    assert answer.line("suppressed", "own")[0] == "as long as it is met, nothing makes this lead an MQL"
    assert not answer.missing
    assert answer.score == 30
    told = kpi_udfs.explain("WHY_QUALIFIED", "L1", big(), [EVENTS], text, TODAY)
    assert "L1 is suppressed by: own." in told


def test_not_yet_says_so() -> None:
    leads = [HEADER, ["L1", 300, "Head", "a@x.example", TODAY + timedelta(days=1)]]
    answer = why(SCORED, "L1", leads, [EVENTS])
    assert answer.part("stage") == [["", "not yet", "", "", "", ""]]
    assert answer.line("not yet")[0] == "created on Apr 1, 2026, later than Mar 31, 2026"
    assert not answer.missing
    told = kpi_udfs.explain("WHY_QUALIFIED", "L1", leads, [EVENTS], SCORED, TODAY)
    assert "L1 was created after that day and is no lead yet." in told


def test_an_identifier_in_several_rows() -> None:
    text = rules("mql: {field: employees, gte: 50}")
    leads = [["lead id", "employees"], ["L1", 10], ["L1", 70]]
    assert why(text, "L1", leads).line("mql: require")[:2] == ["10", "no"]
    told = kpi_udfs.explain("WHY_QUALIFIED", "L1", leads, None, text, TODAY)
    assert "L1 stands in 2 rows; the first one is explained." in told


@pytest.mark.parametrize("asked", [660737, 660737.0, "660737", " 660737 "])
@pytest.mark.parametrize("written", [660737, 660737.0, "660737"])
def test_identifiers_that_are_numbers(asked: Any, written: Any) -> None:
    text = rules("mql: {event: ebook}")
    answer = why(text, asked, [["lead id"], ["x"], [written]], [EVENTS, ["660737", "ebook", TODAY]])
    assert answer.part("stage")[0][1] == "MQL"


@pytest.mark.parametrize("who", ["cells, pandas", "polars", "pandas", "duckdb"])
def test_an_identifier_that_is_not_there(who: str, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(who, engines, monkeypatch)
    rows = [["lead id", "employees"], ["L1", 10]]
    leads = rows if who == "cells, pandas" else asked.table(rows, "leads")
    text = rules("mql: {field: employees, gte: 50}")
    for wanted, said in (
        ("l1", 'No lead of the table has the identifier "l1", but there is "L1": capital letters count.'),
        ("L2", 'No lead of the table has the identifier "L2".'),
    ):
        with pytest.raises(CellError, match="#N/A") as refused:
            kpi_udfs.evaluate_on("WHY_QUALIFIED", leads, lead_id=wanted, rules=text)
        assert str(refused.value).endswith(said)


def test_rules_without_points() -> None:
    text = rules("mql: {any: [{event: ebook}, {event: newsletter}]}")
    answer = why(text, "L1", [["lead id"], ["L1"]], [EVENTS])
    assert answer.score is None
    assert {row[0] for row in answer.rows[1:]} == {"stage", "mql: require", "missing"}
    assert answer.missing == ["ebook", "newsletter"]


def test_without_any_day_an_event_of_today_would_do() -> None:
    text = rules("mql: {any: [{event: ebook}, {event: newsletter}]}")
    assert why(text, "L1", [["lead id"], ["L1"]], [EVENTS], None).missing == ["ebook", "newsletter"]


def test_rules_and_tables_without_events_and_identifiers() -> None:
    text = rules("mql: {field: employees, gte: 50}")
    answer = why(text, "2", [["employees"], [70], [10]])
    assert answer.part("stage") == [["employees gte 50", "lead", "", "", "", ""]]
    assert answer.missing == ["employees = 50"]


def test_the_identifier_and_the_day_of_creation_are_facts() -> None:
    text = rules(
        """
        leads: {id: email, created: since}
        mql: {any: [{field: email, ends_with: "@big.example"}, {field: since, older_than: 30d}]}
        suppress: {field: email, starts_with: "1"}
        """
    )
    assert why(text, "a@x.example", [["email", "since"], ["a@x.example", ago(2)]]).missing == [""]
    # Questions about the identifier are asked of the lead's own.
    more = text.replace("30d}]", "30d}, {field: size, gte: 5}]")
    assert why(more, "a@x.example", [["email", "since", "size"], ["a@x.example", ago(2), 1]]).missing == ["size = 5"]


def test_a_name_and_its_column_are_one_field() -> None:
    text = rules(
        """
        fields: {title: Job Title}
        mql: {all: [{field: title, contains: head}, {field: Job Title, ends_with: sales}, {field: size, gte: 5}]}
        """
    )
    answer = why(text, "L1", [["lead id", "Job Title", "size"], ["L1", "Intern", 1]])
    assert answer.missing == ["title = headsales + size = 5"]


def test_what_an_event_has_to_hold() -> None:
    text = rules(
        """
        mql: {event: page_view, where: {path: {starts_with: /pricing}, seconds: {gt: 30}}, count: {gte: 2, within: 14d}}
        """
    )
    header = [*EVENTS, "path", "seconds"]
    events = [header, ["L1", "page_view", ago(3), "/pricing/eu", 31], ["L1", "page_view", ago(3), "/blog", 31]]
    answer = why(text, "L1", [["lead id"], ["L1"]], events)
    assert answer.line("mql: require")[0] == "1 event, the last on Mar 28, 2026"
    assert answer.missing == ["page_view (path = /pricing, seconds = 31)"]
    found = explained(text, "L1", [["lead id"], ["L1"]], events, TODAY)
    assert found.ways[0].changes[0].as_object() == {
        "event": "page_view",
        "times": 1,
        "where": {"path": "/pricing", "seconds": 31.0},
    }


def test_the_message_names_the_row_of_the_whole_table() -> None:
    text = rules("mql: {field: employees, gte: 50}")
    with pytest.raises(CellError, match="Row 4"):
        why(text, "L2", [["lead id", "employees"], ["L0", 1], ["L1", 1], ["L2", "many"]])
    # Rows of others are not looked at.
    assert why(text, "L1", [["lead id", "employees"], ["L1", 1], ["L2", "many"]]).missing == ["employees = 50"]


# ----------------------------------------------------------------------------------- large tables


def test_nothing_but_the_lead_is_read_from_a_query(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    from kpi_udfs.rules import one_lead as module

    sizes: list[int] = []
    as_cells = module.as_cells

    def counted(*given: Any) -> Any:
        columns = as_cells(*given)
        sizes.append(len(columns[0].flat))
        return columns

    monkeypatch.setattr(module, "as_cells", counted)
    monkeypatch.setattr("kpi_udfs.rules.preparing.as_cells", None)
    leads = engines.duckdb([["lead id", "employees"], *([f"L{number}", number] for number in range(500))], "leads")
    events = [[f"L{number % 500}", "ebook", ago(number % 40)] for number in range(2000)]
    happened = engines.duckdb([EVENTS, *events], "events")
    for text in ("mql: {threshold: 100}", "mql: {threshold: 100, sticky: true}"):
        scored = rules("engagement: {rules: [{id: ebook, event: ebook, points: 10}]}\n" + text)
        table = kpi_udfs.evaluate_on("WHY_QUALIFIED", leads, lead_id="L7", events=happened, rules=scored)
        assert Why(table).missing == ["6 × ebook"]
    assert sizes == [1, 4] * 2


def test_one_lead_of_many_is_quick() -> None:
    leads = [HEADER, *([f"L{number}", number % 400, "Intern", None, None] for number in range(20_000))]
    events = [EVENTS, *([f"L{number % 20_000}", "webinar", 46000.0 + number % 90] for number in range(100_000))]
    why(SCORED, "L1", leads, events)
    begin = perf_counter()
    answer = why(SCORED, "L5", leads, events)
    assert answer.missing
    assert perf_counter() - begin < 3  # some tenths of a second on an idle machine


def test_a_cell_of_true_among_texts_is_a_text_for_one_lead_too() -> None:
    leads = [["lead id", "kind"], ["L1", True], ["L2", "maybe"]]
    asked = "schema: kpi_udfs.qualification/1\nmql: {field: kind, eq: maybe}\n"
    assert kpi_udfs.evaluate("QUALIFY", leads, None, asked)[1][1] == "lead"
    assert kpi_udfs.evaluate("WHY_QUALIFIED", "L1", leads, None, asked)[1][2] == "lead"
