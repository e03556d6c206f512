"""Qualification rules beside the plain loop over leads and their events, on columns already read.

``tox -e bench``. 20 rules, five of them on events, on 100,000 leads with 500,000 events. Reading the
cells is not part of it, on either side; sorting the events to their leads is.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import numpy as np
import oracle
import pytest
from asked import about, as_results, plain
from bench_speed import in_turn, report

import kpi_udfs
from kpi_udfs import calls, cells
from kpi_udfs.rules.files import load_text
from kpi_udfs.rules.model import RuleSet
from kpi_udfs.tables import frames

LEADS, EVENTS = 100_000, 500_000
AS_OF = date(2026, 6, 30)
#: Seconds that are to be reached, and how many times as fast as the plain loop.
TARGETS = {"pandas": 0.7, "polars": 0.3}
TARGET_RATIO = 2

RULES = """
schema: kpi_udfs.qualification/1
suppress: {any: [{field: email, ends_with: "@ourfirm.example"}, {field: customer, eq: true}]}
fit:
  cap: 60
  rules:
    - {id: size, field: employees, bands: [{from: 10, to: 49, points: 5}, {from: 50, to: 249, points: 10}, {from: 250, points: 20}]}
    - {id: country, field: country, values: {DE: 10, AT: 8, CH: 8, US: -5}}
    - {id: industry, field: industry, in: [machines, software, chemistry], points: 5}
    - {id: not_retail, field: industry, not_in: [retail, wholesale], when_missing: pass, points: 2}
    - {id: decision_maker, field: job_title, regex: "head|director|leiter", points: 15}
    - {id: sales, field: job_title, contains: sales, points: 4}
    - {id: trainee, field: job_title, starts_with: [intern, student], points: -20}
    - {id: company_mail, field: email, not_contains: ["@mail.example", "@post.example"], points: 3}
    - {id: budget, field: budget, gte: 10000, points: 8}
    - {id: small_budget, field: budget, between: [1, 999], points: -4}
    - {id: phone, field: phone, is: not_blank, points: 2}
    - {id: consent, field: consent, eq: true, points: 5}
    - {id: source, field: source, values: {referral: 8, organic: 5, ads: 2}}
    - {id: called, field: last_call, within_last: 30d, points: 6}
    - {id: at_home, all: [{field: country, in: [DE, AT, CH]}, {field: employees, gte: 50}], points: 4}
engagement:
  cap: 60
  floor: 0
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_total: 20}
    - {id: pages, event: page_view, points: 1, max_per_day: 3}
    - {id: newsletter, event: newsletter_signup, points: 5, once: true}
    - {id: pricing, event: page_view, where: {path: /pricing}, count: {gte: 2, within: 14d}, points: 15}
    - {id: active, distinct_days: {gte: 3, within: 30d}, points: 8}
mql:
  require: {field: email, is: not_blank}
  fast_track: {event: demo_request, within_last: 30d}
  threshold: [{fit: 25, engagement: 10}, {score: 50}]
sql: {field: accepted, eq: true}
"""
STICKY = RULES.replace("mql:\n", "mql:\n  sticky: true\n")
#: The serial of the as-of day.
TODAY = (AS_OF - date(1899, 12, 30)).days

Tables = tuple[list[list[Any]], list[list[Any]]]


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Leads and events as a host sends them: texts, numbers, serials, a blank here and there."""
    chance = np.random.default_rng(1)

    def column(values: list[Any], blank: float = 0.1) -> list[Any]:
        picked = chance.integers(0, len(values), LEADS)
        blanks = chance.random(LEADS) < blank
        return [None if none else values[index] for index, none in zip(picked, blanks, strict=True)]

    domains = ["firm.example", "firm.example", "mail.example", "post.example", "ourfirm.example"]
    leads = {
        "lead_id": [f"L{number}" for number in range(LEADS)],
        "created": (TODAY - chance.integers(0, 365, LEADS)).astype(float).tolist(),
        "email": [f"p{number}@{domains[number % 5]}" if number % 20 else None for number in range(LEADS)],
        "employees": column([float(number) for number in (1, 9, 10, 49, 50, 249, 250, 5000)]),
        "country": column(["DE", "de", "AT", "CH", "US", "FR"]),
        "industry": column(["Machines", "Software", "Retail", "Wholesale", "Chemistry"]),
        "job_title": column(["Head of Sales", "Director", "Clerk", "Vertriebsleiter", "Intern", "Engineer"]),
        "budget": column([float(number) for number in (0, 500, 5000, 10_000, 50_000)], 0.4),
        "phone": [f"+49 30 {number}" if number % 3 else None for number in range(LEADS)],
        "consent": column(["yes", "no", "Yes"], 0.05),
        "source": column(["referral", "organic", "ads", "fair"]),
        "last_call": column([float(TODAY - age) for age in range(-20, 200)], 0.5),
        "customer": column(["no", "no", "no", "no", "yes"]),
        "accepted": column(["yes", "no"], 0.3),
    }
    # A few leads do most of what is done.
    who = (LEADS * 1.01 * chance.random(EVENTS) ** 1.5).astype(int)
    kinds = ["page_view"] * 12 + ["mail_opened"] * 6 + ["ebook_download"] * 2 + ["newsletter_signup", "demo_request"]
    paths = ["/pricing", "/blog", "/", "/product", "/pricing/eu"]
    what, where = chance.integers(0, len(kinds), EVENTS), chance.integers(0, len(paths), EVENTS)
    when = TODAY + 10 - (300 * chance.random(EVENTS)).astype(int)
    events = [
        [f"L{lead}", kinds[kind], float(day), paths[path]]
        for lead, kind, day, path in zip(who.tolist(), what.tolist(), when.tolist(), where.tolist(), strict=True)
    ]
    lines = [list(row) for row in zip(*leads.values(), strict=True)]
    return [list(leads), *lines], [["lead_id", "event", "date", "path"], *events]


@pytest.fixture(scope="module")
def plain_loop(tables: Tables) -> oracle.Prepared:
    return oracle.Prepared(load_text(RULES), *tables)


def prepared(rules: RuleSet, tables: Tables) -> Any:
    from kpi_udfs.rules.preparing import prepare

    context = calls.context_now()
    leads, events = (cells.read_table(rows, name, context) for rows, name in zip(tables, ["leads", "events"]))
    return prepare(rules, leads, events, AS_OF.toordinal(), context, [])


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_beside_the_plain_loop(
    engine: str, tables: Tables, plain_loop: oracle.Prepared, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from kpi_udfs.rules.qualify import run

    monkeypatch.setattr(frames, "engine", lambda: engine)
    rules = load_text(RULES)
    assert len(rules.versions[0].rules) == 20
    answer = as_results(kpi_udfs.evaluate("QUALIFY", *tables, RULES, AS_OF))
    assert len(answer) == LEADS
    expected = plain_loop.run(AS_OF)
    assert [one for one, other in zip(plain(answer), plain(expected), strict=True) if one[:2] != other[:2]] == []
    some = slice(None, None, 50)
    assert plain(answer)[some] == about(expected)[some]
    ours, theirs = in_turn(partial(run, prepared(rules, tables)), partial(plain_loop.run, AS_OF), 7)
    report(
        capsys,
        f"20 rules on {LEADS:,} leads and {EVENTS:,} events, columns read, {engine}: {ours:.2f} s (target "
        f"{TARGETS[engine]} s); the plain loop: {theirs:.2f} s; {theirs / ours:.1f} times as fast (target {TARGET_RATIO})",
    )
    assert theirs / ours >= TARGET_RATIO


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_sticky(engine: str, tables: Tables, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """Once qualified, always qualified: every day up to the as-of day counts. For information."""
    from kpi_udfs.rules.qualify import run

    monkeypatch.setattr(frames, "engine", lambda: engine)
    rules = load_text(STICKY)
    once, again = (partial(run, prepared(load_text(text), tables)) for text in (STICKY, RULES))
    assert rules.versions[0].mql.sticky
    sticky, today = in_turn(once, again, 3)
    report(
        capsys,
        f"the same with sticky MQLs, {engine}: {sticky:.2f} s; without: {today:.2f} s ({sticky / today:.1f}×)",
    )
