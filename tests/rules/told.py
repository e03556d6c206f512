"""What is told of a rules text, and rules that use everything the format has."""

from __future__ import annotations

from pathlib import Path

from kpi_udfs.errors import ConfigError
from kpi_udfs.rules import files

SCHEMA = "schema: kpi_udfs.qualification/1\n"
MQL = "mql: {field: email, is: not_blank}\n"

#: The sketch of the design, as it stands there.
SKETCH = """\
schema: kpi_udfs.qualification/1
id: default-b2b
version: 3
effective_from: 2026-04-01
timezone: Europe/Berlin
suppress:
  any:
    - {id: own_staff, field: email, ends_with: "@ourfirm.example", why: our own people}
fit:
  cap: 50
  rules:
    - {id: company_size, field: employees, bands: [{from: 50, to: 249, points: 10}, {from: 250, points: 20}]}
    - {id: decision_maker, field: job_title, regex: "(?i)head|director|leiter", points: 15}
engagement:
  cap: 50
  floor: 0
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_total: 20}
    - {id: newsletter, event: newsletter_signup, points: 5, once: true}
    - {id: pricing_page, event: page_view, where: {path: /pricing}, count: {gte: 2, within: 14d}, points: 15, once: true}
mql:
  fast_track: {any: [{event: demo_request, within_last: 30d}]}
  require: {all: [{field: email, is: not_blank}]}
  threshold: {fit: 20, engagement: 20}
  sticky: true
sql:
  require: {all: [{field: accepted_by_sales, eq: true}]}
tests:
  - {name: a newsletter alone is no MQL, lead: {employees: 300}, events: [{newsletter_signup: 1d ago}], expect: {mql: false}}
"""

SIMPLE = """\
schema: kpi_udfs.qualification/1
mql:
  event: [ebook_download, newsletter_signup]
"""

#: Every key and every operator of the format.
EVERYTHING = """\
# Rules of the whole firm
schema: kpi_udfs.qualification/1
id: everything
owner: Marketing Operations
timezone: Europe/Berlin
missing: [Select, n/a, "-"]
fields:
  employees: Number of Employees
  email: E-Mail
leads: {id: Prospect ID, created: Created On}
events: {lead: Prospect ID, event: Activity, date: Activity Date}
suppress:
  any:
    - {id: own_staff, why: our own people, field: email, ends_with: ["@ourfirm.example", "@ours.example"]}
    - {id: opted_out, field: opted_out, eq: true}
    - all:
        - {field: customer_since, before: 2026-01-01}
        - {none: [{field: status, in: [lost, cancelled]}]}
fit:
  cap: 60
  floor: -10
  rules:
    - {id: size, field: employees, bands: [{below: 10, points: -5}, {from: 10, below: 50, points: 5}, {from: 50, to: 249, points: 10}, {from: 250, points: 20}]}
    - id: source
      field: lead_source
      values: {Google: 5, Reference: 15, "Olark Chat": -2}
    - {id: title, field: job_title, regex: "head|director|leiter", points: 15, when_missing: unknown}
    - {id: region, field: country, in: [DE, AT, CH], points: 5}
    - {id: not_free_mail, field: email, not_contains: [gmail, gmx], starts_with: a, points: 2, when_missing: pass}
    - {id: old_lead, field: created, older_than: 52w, points: -3}
    - {id: budget, field: budget, between: [10000, 1e6], ne: 12345, points: 4}
    - {id: visits, field: visits, gt: 2, lte: 100, points: 4}
    - {id: old_rule, field: visits, gt: 2, points: 4, enabled: false}
engagement:
  cap: 50
  floor: 0
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_per_day: 10, max_total: 20}
    - {id: newsletter, event: newsletter_signup, points: 5, once: true, decay: none}
    - {id: pricing, event: page_view, where: {path: [/pricing, /prices], visits: {gte: 2}}, count: {gte: 2, within: 14d}, points: 15}
    - {id: regular, event: page_view, distinct_days: {gt: 3, lt: 90}, within_last: 90d, points: 10, decay: {linear: 90d}}
    - {id: webinar, event: [webinar, webinar_recording], within_last: 26w, points: 8, decay: {expire: 180d}}
    - {id: silent, count: {eq: 0, within: 60d}, points: -10}
    - {id: complaint, event: complaint, last_event_within: 30d, points: -20}
score: {cap: 100, floor: -10}
mql:
  require:
    all:
      - {field: email, is: not_blank}
      - at_least: 2
        of:
          - {field: phone, is: not_blank}
          - {field: employees, gte: 10}
          - {field: country, not_in: [XX], contains: d}
  fast_track: {any: [{id: demo, event: demo_request, within_last: 30d}, {field: hand_raised, after: 2026-01-15}]}
  threshold: [{fit: 20, engagement: 20}, {score: 70}]
  sticky: true
sql:
  all:
    - {field: accepted_by_sales, eq: true}
    - {last_event_within: 90d}
  sticky: false
versions:
  - {version: 1, effective_to: 2026-03-31, mql: {threshold: 30}}
  - version: 2
    effective_from: 2026-04-01
    owner: Jana
    fit:
      rules:
        - {id: region, points: 8}
        - {id: source, enabled: false}
    tests:
      - name: a demo request is enough
        as_of: 2026-05-01
        lead: {email: a@b.example, phone: "1", employees: 12}
        events: [{demo_request: 3d ago, channel: web}, {page_view: 2026-04-30}, {ebook_download: today}]
        expect: {stage: MQL, mql: true, sql: false, rule: demo, score: 15, fit: 5, engagement: 10}
"""


def told(rules: str | Path, name: str = "f.yaml") -> list[str]:
    """What is told of rules that can't be used; for a file with the files' names, for a text with the lines only."""
    try:
        if isinstance(rules, Path):
            files.load(rules)
        else:
            files.load_text(rules, name)
    except ConfigError as error:
        return [_without_folder(str(problem), name) for problem in error.problems]
    return []


def _without_folder(problem: str, name: str) -> str:
    place, _, message = problem.partition(": ")
    return f"{Path(place).name}: {message}".removeprefix(f"{name}:").strip()
