"""Who is qualified, and why?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from kpi_udfs.cells import Context, as_date
from kpi_udfs.errors import NA, CellError
from kpi_udfs.kinds import COUNT, NUMBER, TABLE, TEXT, Cells, DayNumber, EventTable, Table, Word
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import Block, Example, Measure, kpi

if TYPE_CHECKING:
    from kpi_udfs.rules.explaining import Explained
    from kpi_udfs.rules.preparing import Prepared
    from kpi_udfs.rules.qualify import Counts

#: The arguments that all of them share.
Leads = Annotated[Table, "The leads: a table with header row, one row per lead."]
Events = Annotated[
    EventTable | None, "What the leads did: a table with header row, with columns for the lead, the event and its date."
]
Rules = Annotated[
    Cells | None, "A rules file by name, or a range that holds the rules as text. Without it: qualification.yaml."
]
AsOf = Annotated[
    DayNumber | None,
    "The day to look from, with the rules valid then and the events known then. Without it: the latest date in the data.",
]

CAPTION_LEAD = text("QUALIFY.column.lead", "Lead")
CAPTION_STAGE = text("QUALIFY.column.stage", "Stage")
CAPTION_SCORE = text("QUALIFY.column.score", "Score")
CAPTION_FIT = text("QUALIFY.column.fit", "Fit")
CAPTION_ENGAGEMENT = text("QUALIFY.column.engagement", "Engagement")
CAPTION_RULE = text("QUALIFY.column.rule", "Deciding rule")
NO_POINTS = text("LEAD_SCORE.no_points", "These rules give no points: there is nothing to add up.")
RULES = text("QUALIFY.rules_used", "Rules: {file}{version}.")
VERSION = text("QUALIFY.version", ", version {version}")
VERSION_FROM = text("QUALIFY.version_from", ", version {version} (from {begins:date})")
ON_DAY = text("QUALIFY.on_day", "As of {day:date}.")
UNDATED = text(
    "QUALIFY.undated",
    "Fields of a lead that have no date are taken as they are today; events after {day:date} are left out.",
)
STAGES = text(
    "QUALIFY.stages",
    "Leads: {leads:count}. MQL: {mql:count}, of which SQL: {sql:count}. Not qualified: {others:count}.",
)
SUPPRESSED_ONES = text("QUALIFY.suppressed", "Suppressed: {leads:count}.")
NOT_YET_ONES = text("QUALIFY.not_yet", "Created after that day and not counted: {leads:count}.")
DECIDED_BY = text("QUALIFY.decided_by", "Deciding rules: {rules:list}.")
DECIDED = text("QUALIFY.decided", "{rule} ({leads:count})")
REPEATED = text("QUALIFY.repeated", "Identifiers that stand in several rows, each counted as one lead: {leads:count}.")
MQL_WORKING = text("MQL_COUNT.working", "{mql:count} of {leads:count} leads are MQL or further.")
SQL_WORKING = text("SQL_COUNT.working", "{sql:count} of {leads:count} leads are SQL; {mql:count} are MQL or further.")
RUNS_ON = ["schema: kpi_udfs.qualification/1", "mql:", "  any: [{event: ebook}, {event: newsletter}]"]
SCORED = [
    "schema: kpi_udfs.qualification/1",
    "fit:",
    "  rules:",
    "    - {id: size, field: employees, bands: [{from: 50, points: 20}]}",
    "engagement:",
    "  decay: {half_life: 30d}",
    "  rules:",
    "    - {id: ebook, event: ebook, points: 10}",
    "mql: {threshold: 25}",
    "sql: {field: accepted, eq: true}",
]
_LEADS = [
    ["lead id", "employees", "accepted"],
    ["L1", 300, "yes"],
    ["L2", 20, "yes"],
    ["L3", 80, "no"],
]
_EVENTS = [
    ["lead id", "event", "date"],
    ["L1", "ebook", date(2026, 3, 31)],
    ["L2", "ebook", date(2026, 3, 31)],
    ["L3", "ebook", date(2026, 3, 1)],
]


@kpi(
    shows=TABLE,
    formula="For each lead: suppressed; else SQL, MQL or lead by the rules; score = points for fit + points for engagement.",
    edges="Stages are always written SQL, MQL, lead, suppressed or not yet (created after as_of), so that formulas can "
    "compare with them. A row without an identifier is a lead without events. A blank cell meets no condition unless the "
    "rule says otherwise. Events of leads that are not in the table are left out and counted in the explanation. Rules "
    "without points leave the columns of points blank.",
    elsewhere="Marketing automation and CRM systems keep the stage as a field that was true when it was last set; here it is "
    "worked out anew, for any day. Their scores fade by nightly jobs, if at all; here fading is part of the rule.",
    examples=[
        Example(
            leads=_LEADS,
            events=_EVENTS,
            rules=SCORED,
            as_of=date(2026, 3, 31),
            gives=[
                ["Lead", "Stage", "Score", "Fit", "Engagement", "Deciding rule"],
                ["L1", "SQL", 30.0, 20.0, 10.0, "accepted eq true"],
                ["L2", "lead", 10.0, 0.0, 10.0, "threshold score 25"],
                ["L3", "MQL", 25.0, 20.0, 5.0, "threshold score 25"],
            ],
            because="L3's eBook is 30 days old, one half-life: 5 of its 10 points are left",
        ),
        Example(
            leads=[["lead id"], ["L1"], ["L2"]],
            events=[["lead id", "event", "date"], ["L1", "ebook", date(2026, 3, 1)]],
            rules=RUNS_ON,
            gives=[
                ["Lead", "Stage", "Score", "Fit", "Engagement", "Deciding rule"],
                ["L1", "MQL", "", "", "", "event ebook"],
                ["L2", "lead", "", "", "", "any (event ebook; event newsletter)"],
            ],
            because="an MQL is anyone who downloaded an eBook or signed up for the newsletter",
        ),
        Example(leads=[["lead id", "employees"]], rules=SCORED, gives=NA, because="there is no lead yet"),
    ],
)
def qualify(leads: Leads, events: Events = None, rules: Rules = None, as_of: AsOf = None, *, context: Context) -> Block:
    """Stage, points and deciding rule of every lead.

    Rules that are written in YAML, and that anyone can read, decide what makes a lead marketing-qualified
    (MQL) and sales-qualified (SQL): what the lead is, what it did and how long ago, who is out in any case.
    The rows come in the order of the table. With as_of any past day is worked out again, by the rules that
    were in force then, on the events known then.

    Shapes: a table of leads, a table of events, rules as the name of a file or as text in cells; one line
    per row of the leads. Unit: points. Errors: ``#VALUE!`` for rules that can't be used or a column that
    is missing, ``#N/A`` without leads or without rules in force on the day. Source: common practice of
    lead scoring by fit and engagement.
    """
    from kpi_udfs.rules.qualify import counts_of, run

    prepared = _prepared(leads, events, rules, as_of, context)
    found = run(prepared)
    locale = context.settings.language
    captions = (CAPTION_LEAD, CAPTION_STAGE, CAPTION_SCORE, CAPTION_FIT, CAPTION_ENGAGEMENT, CAPTION_RULE)
    points = [found.scores, found.fits, found.engagements]
    columns: list[Sequence[Any]] = [found.ids, found.stages]
    columns += [[""] * len(found.stages) if numbers is None else numbers for numbers in points]
    rows = [list(row) for row in zip(*columns, found.rules, strict=True)]
    shown = [[say(caption, locale) for caption in captions], *_in_place(rows, prepared)]
    tally = Counter(rule for rule in found.rules if rule)
    decided = [DECIDED(rule=rule, leads=count) for rule, count in tally.most_common(8)]
    working = [
        *_counted(counts_of(found)),
        *([DECIDED_BY(rules=decided)] if decided else []),
        *_said_of_rules(prepared),
    ]
    return Block(shown, (TEXT, TEXT, NUMBER, NUMBER, NUMBER, TEXT), tuple(working), tuple(prepared.notes))


@kpi(
    shows=TABLE,
    formula="score = points for fit + points for engagement, within the limits of the rules",
    edges="One number per row of the table, under a header, so that it can stand beside the table. Rules that give no points "
    "are #N/A, not 0. Suppressed leads have a score, too.",
    elsewhere="Scores of marketing automation systems grow with every event and fade only where somebody set that up; they "
    "can't be worked out for a past day.",
    examples=[
        Example(
            leads=_LEADS,
            events=_EVENTS,
            rules=SCORED,
            as_of=date(2026, 3, 31),
            gives=[["Score"], [30.0], [10.0], [25.0]],
            because="20 for the size + 10 for the eBook; 10 for it alone; 20 + 5, as it is 30 days old",
        ),
        Example(leads=[["lead id"], ["L1"]], events=[["lead id", "event", "date"], ["L1", "ebook", date(2026, 3, 1)]],
                rules=RUNS_ON, gives=NA, because="these rules give no points"),
    ],
)  # fmt: skip
def lead_score(
    leads: Leads, events: Events = None, rules: Rules = None, as_of: AsOf = None, *, context: Context
) -> Block:
    """Score of every lead.

    The points that the rules give for what a lead is (fit) and does (engagement), faded to the day one
    looks from. Row by row in the order of the table.

    Shapes: as QUALIFY. Unit: points. Errors: as QUALIFY, ``#N/A`` where the rules give no points. Source:
    common practice of lead scoring.
    """
    from kpi_udfs.rules.qualify import run

    prepared = _prepared(leads, events, rules, as_of, context)
    if not prepared.version.scored:
        raise CellError(NA, NO_POINTS())
    found = run(prepared, with_rule=False)
    rows = [[score] for score in found.scores or ()]
    shown = [[say(CAPTION_SCORE, context.settings.language)], *_in_place(rows, prepared)]
    return Block(shown, (NUMBER,), tuple(_said_of_rules(prepared)), tuple(prepared.notes))


@kpi(
    shows=COUNT,
    formula="number of leads whose stage is MQL or SQL",
    edges="An SQL counts, as it is an MQL that went on. An identifier that stands in several rows is one lead. Suppressed "
    "leads and leads created after as_of don't count.",
    elsewhere="Some count as MQL only who is not yet SQL; some count who became MQL in a period, not who is MQL on a day.",
    examples=[
        Example(
            leads=_LEADS, events=_EVENTS, rules=SCORED, as_of=date(2026, 3, 31), gives=2.0,
            because="L1, which is SQL already, and L3",
        ),
        Example(leads=[["lead id", "employees"]], rules=RUNS_ON, gives=NA, because="there is no lead yet"),
    ],
)  # fmt: skip
def mql_count(
    leads: Leads, events: Events = None, rules: Rules = None, as_of: AsOf = None, *, context: Context
) -> Measure:
    """How many leads are marketing-qualified (MQL) or further.

    Leads that meet the rules' definition of an MQL on the day one looks from, those that are SQL already
    included.

    Shapes: as QUALIFY. Unit: leads. Errors: as QUALIFY. Source: common field definition.
    """
    return _count("mql", _prepared(leads, events, rules, as_of, context))


@kpi(
    shows=COUNT,
    formula="number of leads whose stage is SQL",
    edges="Only an MQL can be SQL. An identifier that stands in several rows is one lead. Rules that say nothing of sql give "
    "#N/A, not 0.",
    elsewhere="Some call every lead SQL that sales has touched, whether it was an MQL or not.",
    examples=[
        Example(
            leads=_LEADS, events=_EVENTS, rules=SCORED, as_of=date(2026, 3, 31), gives=1.0,
            because="L1; L2 was accepted by sales, but is no MQL",
        ),
        Example(leads=[["lead id"], ["L1"]], events=[["lead id", "event", "date"], ["L1", "ebook", date(2026, 3, 1)]],
                rules=RUNS_ON, gives=NA, because="these rules don't say what an SQL is"),
    ],
)  # fmt: skip
def sql_count(
    leads: Leads, events: Events = None, rules: Rules = None, as_of: AsOf = None, *, context: Context
) -> Measure:
    """How many leads are sales-qualified (SQL).

    MQLs that meet the rules' definition of an SQL on the day one looks from.

    Shapes: as QUALIFY. Unit: leads. Errors: as QUALIFY, ``#N/A`` where the rules say nothing of sql.
    Source: common field definition.
    """
    prepared = _prepared(leads, events, rules, as_of, context)
    if prepared.version.sql is None:
        raise CellError(NA, NO_SQL())
    return _count("sql", prepared)


PART = text("WHY_QUALIFIED.column.part", "Part")
RULE_COLUMN = text("WHY_QUALIFIED.column.rule", "Rule")
FOUND = text("WHY_QUALIFIED.column.found", "Found")
MET = text("WHY_QUALIFIED.column.met", "Met")
POINTS = text("WHY_QUALIFIED.column.points", "Points")
FADED = text("WHY_QUALIFIED.column.faded", "After fading")
COUNTED = text("WHY_QUALIFIED.column.counted", "Counted")
WOULD_DO = text("WHY_QUALIFIED.would_do", "would make it an MQL")
NO_WAY = text("WHY_QUALIFIED.no_way", "no way of up to three changes was found")
IS_NOT_YET = text("WHY_QUALIFIED.is_not_yet", "{lead} was created after that day and is no lead yet.")
IS_SUPPRESSED = text(
    "WHY_QUALIFIED.is_suppressed", "{lead} is suppressed by: {rule}. Whatever else it is or does, it is no MQL."
)
IS = text("WHY_QUALIFIED.is", "{lead} is {stage}.")
IS_BY = text("WHY_QUALIFIED.is_by", "{lead} is {stage}, decided by: {rule}.")


@kpi(
    shows=TABLE,
    formula="One line for each rule: what was found, whether it is met, its points, what is left of them, what counts; the "
    "counted points add up to the score.",
    edges="The lines are named by the words of the rules file. The line stage gives the stage and the deciding rule. For a "
    "lead that is no MQL, the lines missing give the shortest ways to become one: changes that were tried out with the "
    "rules themselves. Only the rows of this lead are looked at, of several with its identifier the first. An identifier "
    "that is not in the table is #N/A.",
    elsewhere="Marketing automation systems show the history of a score, event by event, but neither gates nor what is missing.",
    examples=[
        Example(
            lead_id="L2",
            leads=_LEADS[:3],
            events=_EVENTS[:3],
            rules=SCORED,
            as_of=date(2026, 3, 31),
            gives=[
                ["Part", "Rule", "Found", "Met", "Points", "After fading", "Counted"],
                ["stage", "threshold score 25", "lead", "", "", "", ""],
                ["fit", "size", "20", "no", 0.0, 0.0, 0.0],
                ["engagement", "ebook", "1 event, the last on Mar 31, 2026", "yes", 10.0, 10.0, 10.0],
                ["score", "", "", "", "", "", 10.0],
                ["mql: threshold", "threshold score 25", "score 10; missing: score 15", "no", "", "", ""],
                ["sql: require", "accepted eq true", "yes", "yes", "", "", ""],
                ["missing", "employees = 50", "would make it an MQL", "", "", "", ""],
            ],
            because="15 points are missing; a company of 50 would have them",
        ),
        Example(lead_id="L9", leads=[["lead id", "employees"], ["L1", 10]], rules=RUNS_ON,
                events=[["lead id", "event", "date"], ["L1", "ebook", date(2026, 3, 1)]], gives=NA,
                because="there is no lead L9"),
    ],
)  # fmt: skip
def why_qualified(
    lead_id: Annotated[Word, "The identifier of the lead, as it stands in the table."],
    leads: Leads,
    events: Events = None,
    rules: Rules = None,
    as_of: AsOf = None,
    *,
    context: Context,
) -> Block:
    """Why a lead is what it is, rule by rule.

    What every rule found, whether it is met, its points before and after fading and limits, the gates, and
    the shortest way to become an MQL.

    Shapes: an identifier, then as QUALIFY; a line per rule. Unit: points. Errors: as QUALIFY, ``#N/A``
    for a lead that is not in the table. Source: this package.
    """
    from kpi_udfs.rules.explaining import explain
    from kpi_udfs.rules.given import given_rules
    from kpi_udfs.rules.one_lead import one_lead

    lead = one_lead(lead_id, given_rules(rules, context), leads, events, as_of, context)
    found = explain(lead)
    locale = context.settings.language
    captions = (PART, RULE_COLUMN, FOUND, MET, POINTS, FADED, COUNTED)
    rows: list[list[Any]] = [[say(caption, locale) for caption in captions]]
    rows.append(["stage", found.rule, found.stage, "", "", "", ""])
    for line in found.lines:
        points = ["" if number is None else number for number in (line.points, line.faded, line.counted)]
        rows.append([line.part, line.rule, say(line.found, locale), say(line.met, locale), *points])
    if found.stage == "lead":
        ways = [["missing", str(way), say(WOULD_DO, locale), *[""] * 4] for way in found.ways]
        rows += ways or [["missing", "", say(NO_WAY, locale), *[""] * 4]]
    kinds = (TEXT, TEXT, TEXT, TEXT, NUMBER, NUMBER, NUMBER)
    return Block(rows, kinds, (*_said_of_rules(lead.prepared), _said_of_lead(lead.id, found)), tuple(lead.notes))


def _said_of_lead(lead_id: str, found: Explained) -> Sentence:
    if found.stage == "not yet":
        return IS_NOT_YET(lead=lead_id)
    if found.stage == "suppressed":
        return IS_SUPPRESSED(lead=lead_id, rule=found.rule)
    if found.rule:
        return IS_BY(lead=lead_id, stage=found.stage, rule=found.rule)
    return IS(lead=lead_id, stage=found.stage)


NO_SQL = text("SQL_COUNT.no_sql", "These rules don't say what an SQL is: they have no part sql.")


def _prepared(leads: Any, events: Any, rules: Any, as_of: int | None, context: Context) -> Prepared:
    from kpi_udfs.rules.given import given_rules
    from kpi_udfs.rules.preparing import prepare

    return prepare(given_rules(rules, context), leads, events, as_of, context, [])


def _count(what: str, prepared: Prepared) -> Measure:
    from kpi_udfs.rules.qualify import counts

    found = counts(prepared)
    said = MQL_WORKING if what == "mql" else SQL_WORKING
    working = [said(mql=found.mql, sql=found.sql, leads=found.leads - found.not_yet), *_more(found)]
    number = found.mql if what == "mql" else found.sql
    return Measure(float(number), (*working, *_said_of_rules(prepared)), tuple(prepared.notes))


def _counted(found: Counts) -> list[Sentence]:
    others = found.leads - found.mql - found.suppressed - found.not_yet
    return [STAGES(leads=found.leads, mql=found.mql, sql=found.sql, others=others), *_more(found)]


def _more(found: Counts) -> list[Sentence]:
    said = [
        (SUPPRESSED_ONES, found.suppressed),
        (NOT_YET_ONES, found.not_yet),
        (REPEATED, found.repeated),
    ]
    return [sentence(leads=number) for sentence, number in said if number]


def _said_of_rules(prepared: Prepared) -> list[Sentence]:
    """Which rules, in which version, from which day one looks, and what is as it is today."""
    version = prepared.version
    number: Sentence | str = ""
    if version.number and version.begins:
        number = VERSION_FROM(version=version.number, begins=version.begins)
    elif version.number:
        number = VERSION(version=version.number)
    said = [RULES(file=prepared.rules.id or prepared.rules.file, version=number)]
    if prepared.day is not None:
        said += [ON_DAY(day=as_date(prepared.day)), UNDATED(day=as_date(prepared.day))]
    return said


def _in_place(rows: list[list[Any]], prepared: Prepared) -> list[list[Any]]:
    """The rows beside those of the user's table: a blank one where that has one."""
    numbers = prepared.numbers
    if (
        numbers is None
        or not rows
        or (numbers[-1] - numbers[0] + 1 == len(rows) and numbers[0] == prepared.leads.data.first)
    ):
        return rows
    placed = [[""] * len(rows[0]) for _ in range(prepared.leads.data.first, numbers[-1] + 1)]
    for number, row in zip(numbers, rows, strict=True):
        placed[number - prepared.leads.data.first] = row
    return placed
