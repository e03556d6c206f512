"""A scoring model as a B2B company runs it, computed a second time by SQL written by hand."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from asked import Asked
from oracle import Rows

MODEL = r"""
schema: kpi_udfs.qualification/1
id: b2b
missing: [Select, n/a]
fields: {size: Company size, title: Job title}

suppress:
  any:
    - {id: own_staff, field: email, ends_with: ["@ourfirm.example", "@agency.example"]}
    - {id: customer, field: Customer since, before: 2030-01-01}
    - {id: opted_out, event: unsubscribed, within_last: 180d}
    - {id: in_training, field: title, regex: "^(student|intern)"}

fit:
  cap: 45
  floor: -10
  rules:
    - id: size
      field: size
      bands:
        - {from: 10, to: 49, points: 5}
        - {from: 50, below: 250, points: 12}
        - {from: 250, points: 20}
    - {id: country, field: country, values: {DE: 10, AT: 8, CH: 8.5, US: -15}}
    - {id: decision_maker, field: title, regex: "head|direct|leiter", points: 15}
    - {id: free_mail, field: email, ends_with: "@mail.example", points: -5}
    - {id: budget, field: budget, gte: 10000, points: 8}
    - {id: no_phone, field: phone, is: blank, points: -2}
    - {id: not_a_dealer, field: industry, not_in: [Retail, Wholesale], when_missing: pass, points: 1.5}

engagement:
  cap: 30
  floor: -5
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_total: 12}
    - {id: pages, event: page_view, points: 1.5, max_per_day: 4}
    - {id: newsletter, event: newsletter_signup, points: 6, once: true}
    - {id: pricing, event: page_view, where: {path: {starts_with: /pricing}}, count: {gte: 2, within: 14d}, points: 15}
    - {id: webinar, event: webinar, points: 12, max_total: 18, decay: {linear: 60d}}
    - {id: mails, event: mail_opened, points: 2, within_last: 45d, max_per_day: 2, max_total: 5, decay: {expire: 21d}}
    - {id: bounced, event: mail_bounced, points: -6, max_total: 15, decay: none}
    - {id: busy, event: [page_view, mail_opened], distinct_days: {gte: 3, within: 30d}, points: 8, decay: none}
    - {id: silent, none: [{last_event_within: 60d}], points: -10}

score: {cap: 60, floor: 0}

mql:
  require:
    all:
      - {field: email, is: not_blank}
      - {field: consent, eq: true}
  fast_track: {event: demo_request, within_last: 30d}
  threshold:
    - {fit: 18, engagement: 4}
    - {score: 35}

sql:
  require:
    all:
      - {field: accepted, eq: true}
      - at_least: 2
        of:
          - {field: budget, gte: 5000}
          - {field: size, gte: 50}
          - {event: demo_request}
"""

#: The same, for one as-of day ($today). Days are day numbers.
SQL = """
with lead as (
    select
        number, id, created, customer_since,
        nullif(nullif(nullif(lower(trim(email)), ''), 'select'), 'n/a') as email,
        nullif(nullif(nullif(lower(trim(title)), ''), 'select'), 'n/a') as title,
        nullif(nullif(nullif(lower(trim(country)), ''), 'select'), 'n/a') as country,
        nullif(nullif(nullif(lower(trim(industry)), ''), 'select'), 'n/a') as industry,
        nullif(nullif(nullif(lower(trim(phone)), ''), 'select'), 'n/a') as phone,
        lower(trim(consent)) = 'yes' as consent, accepted, size, budget
    from leads
),
known as (
    select lead, lower(replace(event, '_', ' ')) as name, lower(trim(path)) as path, day, $today - day as age
    from events where day <= $today
),
-- One line for each lead, event name and day, with what is left of a point after half-lives of 30 days.
daily as (
    select lead, name, day, age, count(*) as n, pow(0.5, age / 30.0) as left_over
    from known group by lead, name, day, age
),
ebook as (select lead, min(12, sum(10 * n * left_over)) as points from daily where name = 'ebook download' group by lead),
pages as (select lead, sum(min(4, 1.5 * n) * left_over) as points from daily where name = 'page view' group by lead),
newsletter as (
    select lead, 6 * pow(0.5, min(age) / 30.0) as points from known where name = 'newsletter signup' group by lead
),
pricing as (
    select lead, 15 * pow(0.5, min(age) / 30.0) as points from known
    where name = 'page view' and path like '/pricing%' and age <= 14 group by lead having count(*) >= 2
),
webinar as (
    select lead, min(18, sum(12 * n * max(0, 1 - age / 60.0))) as points from daily where name = 'webinar' group by lead
),
mails as (
    select lead, min(5, sum(case when age <= 21 then min(2, 2 * n) else 0 end)) as points
    from daily where name = 'mail opened' and age <= 45 group by lead
),
bounced as (select lead, max(-15, -6 * count(*)) as points from known where name = 'mail bounced' group by lead),
busy as (
    select lead, 8 as points from known where name in ('page view', 'mail opened') and age <= 30
    group by lead having count(distinct day) >= 3
),
recent as (select distinct lead from known where age <= 60),
parts as (
    select
        lead.*,
        case when size between 10 and 49 then 5 when size >= 50 and size < 250 then 12 when size >= 250 then 20 else 0 end
        + case country when 'de' then 10 when 'at' then 8 when 'ch' then 8.5 when 'us' then -15 else 0 end
        + case when title like '%head%' or title like '%direct%' or title like '%leiter%' then 15 else 0 end
        + case when email like '%@mail.example' then -5 else 0 end
        + case when budget >= 10000 then 8 else 0 end
        + case when phone is null then -2 else 0 end
        + case when industry is null or industry not in ('retail', 'wholesale') then 1.5 else 0 end as fit,
        coalesce(ebook.points, 0) + coalesce(pages.points, 0) + coalesce(newsletter.points, 0)
        + coalesce(pricing.points, 0) + coalesce(webinar.points, 0) + coalesce(mails.points, 0)
        + coalesce(bounced.points, 0) + coalesce(busy.points, 0)
        + case when recent.lead is null then -10 else 0 end as engagement
    from lead
    left join ebook on ebook.lead = lead.id left join pages on pages.lead = lead.id
    left join newsletter on newsletter.lead = lead.id left join pricing on pricing.lead = lead.id
    left join webinar on webinar.lead = lead.id left join mails on mails.lead = lead.id
    left join bounced on bounced.lead = lead.id left join busy on busy.lead = lead.id
    left join recent on recent.lead = lead.id
),
limited as (
    select *, min(45, max(-10, fit)) as fit_limited, min(30, max(-5, engagement)) as engagement_limited from parts
),
scored as (
    select
        *, round(fit_limited, 9) as f, round(engagement_limited, 9) as e,
        round(min(60, max(0, fit_limited + engagement_limited)), 9) as s
    from limited
),
judged as (
    select
        *,
        coalesce(email like '%@ourfirm.example' or email like '%@agency.example', 0)
        or coalesce(customer_since <= $today, 0)
        or exists (select 1 from known where known.lead = id and name = 'unsubscribed' and age <= 180)
        or coalesce(title like 'student%' or title like 'intern%', 0) as suppressed,
        email is not null and coalesce(consent, 0)
        and (
            (f >= 18 and e >= 4) or s >= 35
            or exists (select 1 from known where known.lead = id and name = 'demo request' and age <= 30)
        ) as mql,
        coalesce(accepted, 0)
        and coalesce(budget >= 5000, 0) + coalesce(size >= 50, 0)
            + exists (select 1 from known where known.lead = id and name = 'demo request') >= 2 as sql_gate
    from scored
)
select
    id,
    case
        when created > $today then 'not yet' when suppressed then 'suppressed'
        when mql and sql_gate then 'SQL' when mql then 'MQL' else 'lead'
    end,
    s, f, e
from judged order by number
"""

LEADS, EVENTS = 2000, 15_000
FIRST = date(2025, 7, 1)
AS_OF = [date(2025, 10, 31), date(2026, 2, 28), date(2026, 6, 30)]
HEADER = [
    "lead_id", "created", "email", "Job title", "country", "Industry", "phone", "Consent", "Accepted", "Company Size",
    "budget", "Customer Since",
]  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> tuple[Rows, Rows]:
    """Leads and events of a year."""
    chance = Random(20260101)

    def perhaps(share: float, value: Any) -> Any:
        return value if chance.random() < share else None

    domains = ["firm.example"] * 12 + ["mail.example"] * 4 + ["ourfirm.example", "Agency.Example "]
    titles = [
        "Head of Sales",
        " DIRECTOR",
        "Vertriebsleiterin",
        "Clerk",
        "Engineer",
        "Student",
        "Intern",
        "Auditor, internal",
        "Select",
        "",
    ]
    leads: list[list[Any]] = [HEADER]
    for number in range(LEADS):
        created = FIRST + timedelta(days=int(365 * chance.random() ** 1.5))
        leads.append(
            [
                f"L{number:04}",
                perhaps(0.97, created),
                perhaps(0.96, f"p{number}@{chance.choice(domains)}"),
                perhaps(0.9, chance.choice(titles + titles[:5] * 3)),
                perhaps(0.9, chance.choice(["DE", "de ", "DE", "At", "ch", "US", "fr", "n/a"])),
                perhaps(0.8, chance.choice(["Retail", "WHOLESALE", "Machines", "Software", "select"])),
                perhaps(0.7, f"+49 30 {number}" if number % 7 else "n/a"),
                perhaps(0.97, chance.choice(["yes", "Yes", "YES ", "yes", "no", "No"])),
                perhaps(0.9, chance.random() < 0.75),
                perhaps(0.85, float(chance.choice([1, 9, 10, 30, 49, 49.5, 50, 120, 249, 249.5, 250, 5000]))),
                perhaps(0.7, round(chance.lognormvariate(8.7, 1), 2)),
                perhaps(0.06, FIRST + timedelta(days=chance.randrange(400))),
            ]
        )
    names = (
        ["page_view"] * 40 + ["Mail_Opened"] * 16 + ["ebook_download", "webinar", "demo_request"] * 4
        + ["newsletter_signup", "mail_bounced", "newsletter_signup", "Unsubscribed"]
    )  # fmt: skip
    events: list[list[Any]] = [["lead_id", "event", "date", "path"]]
    while len(events) <= EVENTS:
        # A few leads do most of what is done, often several times a day.
        lead = f"L{int(LEADS * 1.02 * chance.random() ** 1.5):04}"
        day = FIRST + timedelta(days=chance.randrange(380))
        for _ in range(chance.choice([1, 1, 2, 4])):
            name = chance.choice(names)
            path = chance.choice(["/pricing", "/Pricing/eu", "/blog", "/", None])
            events.append([lead, name, day, path if name == "page_view" else None])
            day += timedelta(days=chance.choice([0, 0, 1, 6]))
    return leads, events[: EVENTS + 1]


@pytest.fixture(scope="module")
def reference(tables: tuple[Rows, Rows]) -> dict[date, list[tuple[Any, ...]]]:
    """What the SQL says, for each as-of day."""
    leads, events = ([[numbered(cell) for cell in row] for row in rows[1:]] for rows in tables)
    connection = sqlite3.connect(":memory:")
    connection.create_function("pow", 2, pow, deterministic=True)  # not every SQLite is built with it
    columns = "created, email, title, country, industry, phone, consent, accepted, size, budget, customer_since"
    connection.execute(f"create table leads (number integer primary key, id, {columns})")
    connection.execute("create table events (lead, event, day, path)")
    connection.execute("create index of_lead on events (lead)")
    connection.executemany(f"insert into leads (id, {columns}) values ({', '.join('?' * 12)})", leads)
    connection.executemany("insert into events values (?, ?, ?, ?)", events)
    said = {day: connection.execute(SQL, {"today": day.toordinal()}).fetchall() for day in AS_OF}
    connection.close()
    return said


def numbered(cell: Any) -> Any:
    return cell.toordinal() if isinstance(cell, date) else cell


@pytest.mark.parametrize("as_of", AS_OF, ids=str)
def test_the_model_decides_something(as_of: date, reference: dict[date, list[tuple[Any, ...]]]) -> None:
    said = reference[as_of]
    assert len(said) == LEADS
    for stage in ("SQL", "MQL", "lead", "suppressed"):
        assert sum(row[1] == stage for row in said) > 20, stage
    scores, fits, engagements = (sorted({row[column] for row in said}) for column in (2, 3, 4))
    assert (scores[0], scores[-1]) == (0, 60)
    assert (fits[0], fits[-1]) == (-10, 45)
    assert (engagements[0], engagements[-1]) == (-5, 30)
    assert len(engagements) > 300


@pytest.mark.parametrize("as_of", AS_OF, ids=str)
def test_every_lead_as_in_sql(
    qualify: Asked, as_of: date, tables: tuple[Rows, Rows], reference: dict[date, list[tuple[Any, ...]]]
) -> None:
    leads, events = tables
    results = qualify(MODEL, leads, events, as_of)
    assert len(results) == LEADS
    for one, (lead, stage, *numbers) in zip(results, reference[as_of], strict=True):
        assert (one.lead, one.stage) == (lead, stage), one
        got = [one.score, one.fit, one.engagement]
        assert got == [pytest.approx(number, rel=0, abs=1.01e-9) for number in numbers], one
