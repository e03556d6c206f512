"""The page about the rules' format. Its tables of keys are those of ``kpi_udfs.rules.format``; its prose stands here,
from top to bottom as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from kpi_udfs.messages import Text, say, text
from kpi_udfs.pages import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from kpi_udfs.publish.guides import Guide, Heading, Part, Said, Sample, Writer
from kpi_udfs.publish.markdown import CHOICES, plain, prose, table
from kpi_udfs.rules import format as rules_format
from kpi_udfs.rules import reading
from kpi_udfs.rules.files import MOST_FILES
from kpi_udfs.rules.format import Either, Entry, Key, Named, OneOf, Shape, Single

TITLE = text("rules.page.title", "Qualification rules")
SUMMARY = text("rules.page.summary", "How to write in YAML what makes a lead an MQL and an SQL.")
KEY = text("rules.page.key", "Key")
WHAT = text("rules.page.what", "What belongs there")
MEANING = text("rules.page.meaning", "Meaning")
NEEDED = text("rules.page.needed", "{what} (needed)")
REGEX = text("rules.page.regex", "a regular expression")
OR_SEVERAL = text("rules.page.or_several", "{one}, or a list of them")
LIST_OF = text("rules.page.list_of", "a list: {item}")
A_VALUE = text("rules.page.a_value", "a value")
EITHER = text("rules.page.either", "{first}, or {second}")
NAMED = text("rules.page.named", "entries of the form key: value; each value: {value}")


@dataclass(frozen=True)
class Keys:
    """A table of keys: each with what belongs there and what it means."""

    keys: Mapping[str, Key]

    def markdown(self, locale: str) -> str:
        rows = [[say(heading, locale) for heading in (KEY, WHAT, MEANING)]]
        for name, key in self.keys.items():
            what = _shape(key.shape, locale)
            rows.append(
                [f"`{name}`", say(NEEDED(what=what), locale) if key.required else what, plain(say(key.help, locale))]
            )
        return table(rows)


#: What belongs in a single place, in the words of the messages.
_SINGLES = {
    "text": reading.A_TEXT,
    "value": A_VALUE,
    "number": reading.A_NUMBER,
    "amount": reading.AN_AMOUNT,
    "whole": reading.A_WHOLE,
    "flag": reading.A_FLAG,
    "day": reading.A_DAY,
    "window": reading.A_WINDOW,
    "pattern": REGEX,
    "file": reading.A_FILE,
    "zone": reading.A_ZONE,
}


def _shape(shape: Shape, locale: str) -> str:
    """What belongs in a place, as Markdown."""
    if isinstance(shape, Single):
        return plain(say(_SINGLES[shape.kind], locale))
    if isinstance(shape, OneOf):
        words = [f"`{word}`" for word in shape.words]
        return say(CHOICES(choices=words), locale) if len(words) > 1 else words[0]
    if isinstance(shape, Either):
        said = [_shape(one, locale) for one in shape.shapes]
        return reduce(lambda first, second: say(EITHER(first=first, second=second), locale), said)
    if isinstance(shape, Named):
        return say(NAMED(value=_shape(shape.value, locale)), locale)
    if isinstance(shape, Entry):
        return next(part for part in PAGE if isinstance(part, Heading) and shape in part.explains).link(locale)
    item = _shape(shape.item, locale)
    if shape.short:
        return say(OR_SEVERAL(one=item), locale)
    return say(LIST_OF(item=item), locale) if shape.length is None else say(reading.LISTED(length=shape.length), locale)


def _keys_of(entry: Entry, *without: Entry) -> Keys:
    """The keys of a mapping, without those explained elsewhere."""
    elsewhere = {name for other in without for name in other.keys}
    return Keys({name: key for name, key in entry.keys.items() if name not in elsewhere})


def _some(entry: Entry, *names: str) -> Keys:
    return Keys({name: entry.keys[name] for name in names})


def _of(key: str) -> Entry:
    """The mapping that stands under a key of the file."""
    shape = rules_format.FILE.keys[key].shape
    assert isinstance(shape, Entry)
    return shape


def _where() -> Entry:
    """What may stand in where: operators alone."""
    named = rules_format.WHERE.value
    assert isinstance(named, Either)
    return next(shape for shape in named.shapes if isinstance(shape, Entry))


_WRITER = Writer("rules.page")
_h2, _h3, _p, _points, _rows = _WRITER.h2, _WRITER.h3, _WRITER.p, _WRITER.points, _WRITER.rows


# --------------------------------------------------------------------------------------------- the page

CONDITION, RULE, STAGE, TEST = rules_format.CONDITION, rules_format.RULE, rules_format.STAGE, rules_format.TEST

START = """\
schema: kpi_udfs.qualification/1
mql:
  any: [{id: newsletter, event: newsletter_signup}, {id: ebook, event: ebook_download}]"""

_START: tuple[Part, ...] = (
    _p(
        "start",
        "What is an MQL, and what is an SQL? The answer stands in a text file that anyone can read, and QUALIFY, "
        "LEAD_SCORE, MQL_COUNT, SQL_COUNT and WHY_QUALIFIED go by it. When the file changes, so do they, at the next "
        "calculation.",
    ),
    _h2("start", "Start with three lines"),
    _p("start.three", "An MQL is anyone who signed up for the newsletter or downloaded an eBook:"),
    Sample(START),
    _p(
        "start.save",
        "Save these lines as `qualification.yaml` in your configuration folder, which `kpi-udfs config show` names, or put "
        "them into the cells of a column. The names after `event` are those in your event table. In the workbook stand a "
        "table of leads and a table of events, both with their header row:",
    ),
    Sample("=QUALIFY(leads[#All], events[#All])\n=MQL_COUNT(leads[#All], events[#All])", "text"),
    _p(
        "start.tables",
        "The leads have one row each. The events have a column for the lead, one for what happened and one for the day. "
        "The columns are found by their headers, in five languages; `columns.yaml` lists them.",
    ),
    _p(
        "start.yaml",
        "YAML is text with a few signs. `key: value` gives a key its value. Lines further to the right belong to the key "
        "above them; indent with spaces, never with tabs. A list has a line with `-` for each entry, or stands in square "
        "brackets. Entries in one line stand in curly brackets. What follows `#` is a remark. Decimals have a point: "
        "`1.5`.",
    ),
    _p(
        "start.editor",
        "An editor that knows YAML helps while you write: it offers the keys, explains each of them and marks mistakes. "
        "It needs `qualification.schema.json`, which the first line of every example names.",
    ),
    _h2("examples", "Examples to start from"),
    _p(
        "examples",
        "Each opens with whom it is for and how to read it, and ends with tests that hold. A formula can name them as "
        'they lie, such as `"examples/points_b2b"`. Copy the nearest one and change it.',
    ),
)


@dataclass(frozen=True)
class Examples:
    """The example files, each with what it shows."""

    shown: Mapping[str, Text]

    def markdown(self, locale: str) -> str:
        return "\n".join(
            f"- [{name}.yaml](../../config/examples/{name}.yaml): {prose(say(what, locale))}"
            for name, what in self.shown.items()
        )


EXAMPLES = Examples(
    {
        name: text(f"rules.page.example.{name}", english)
        for name, english in {
            "newsletter_simple": "three lines, no points.",
            "points_b2b": "points for fit and engagement, fading, limits, who is out in any case, a fast track.",
            "fit_engagement_grid": "a letter for fit and a number for engagement, and which pairs are an MQL.",
            "two_versions": "a definition that changes on a day.",
            "business_unit_south": "a business unit that differs from the firm's rules in a few keys.",
        }.items()
    }
)

_FOUND: tuple[Part, ...] = (
    _h2("found", "Where rules are found"),
    _p(
        "found",
        "The argument `rules` names a file, with or without `.yaml`. Without the argument the file is "
        "`qualification.yaml`. It is looked for in these places, and the first one found counts:",
    ),
    _points(
        "found",
        "the path itself, where a whole path is given;",
        "the folder of the workbook, where the host knows it;",
        "the folder that the environment variable `KPI_UDFS_CONFIG` names;",
        "your own configuration folder;",
        "the packaged files, which came with the installation.",
        numbered=True,
    ),
    _p(
        "found.show",
        "`kpi-udfs config show` lists the folders and which file is in force. A changed file is noticed at the next "
        "calculation. Files on this computer and on its drives are read; network addresses are not.",
    ),
    _h3("cells", "Rules in cells"),
    _p(
        "cells",
        "Rules can also stand in the workbook: one line in each cell of a column, and that range as the argument "
        "`rules`. Blank cells are blank lines, so that the line in a message is the row in the range. All lines may also "
        "stand in a single cell.",
    ),
    _p(
        "cells.format",
        "Format the column as text first, then paste or type the lines. Excel takes a line that begins with `-` or `=` "
        "for a formula unless the column is formatted as text. The spaces at the beginning of a line count. Rules in cells "
        "can't extend a file.",
    ),
    Sample("=QUALIFY(leads[#All], events[#All], rules!A1:A12)", "text"),
)

_PARTS: tuple[Part, ...] = (
    _h2("parts", "The parts of a file"),
    _p(
        "parts",
        "Only `schema` and `mql` are needed. A key that is not in these tables is an error, and the message names the "
        "nearest right one: nothing in a file is ever skipped in silence.",
    ),
    _keys_of(rules_format.FILE),
    _h3("leads", "Columns of the leads", _of("leads")),
    _keys_of(_of("leads")),
    _h3("events_table", "Columns of the events", _of("events")),
    _keys_of(_of("events")),
    _p(
        "parts.created",
        "The day since which a lead is known is used where there is one. Seen from an earlier day such a lead is "
        "`not yet`.",
    ),
)

CONDITIONS_SAMPLE = """\
mql:
  all:
    - {id: has_email, field: email, is: not_blank}
    - {id: size, field: employees, between: [50, 500]}
    - {id: decision_maker, field: job_title, regex: "head|director"}
    - id: interested
      any:
        - {event: demo_request, within_last: 30d}
        - {event: page_view, where: {path: {starts_with: /pricing}}, count: {gte: 2, within: 14d}}
        - {distinct_days: {gte: 3, within: 2w}}"""

_CONDITIONS: tuple[Part, ...] = (
    _h2("conditions", "Conditions", CONDITION),
    _p(
        "conditions",
        "A condition asks one thing: of a column of the lead, of what the lead did, or of other conditions. It holds, or "
        "it doesn't.",
    ),
    Sample(CONDITIONS_SAMPLE),
    _p("conditions.label", "Every condition may have a name and a reason:"),
    _some(CONDITION, "id", "why"),
    _h3("field", "A column of the lead"),
    _some(CONDITION, "field", "when_missing"),
    _h3("operators", "Operators", _where()),
    _p(
        "operators",
        "One operator or more stand beside `field`; all of them have to hold. A value is a text, a number, a day such as "
        "`2026-04-01`, or true or false. What is compared decides how the column is "
        "read: with a text as texts, with a number as numbers, with a day as days, with true or false as yes and no. Put "
        'a text in quotes where it looks like something else, such as `"5"` or `"no"`.',
    ),
    Keys(rules_format.OPERATORS),
    _h3("blank", "Blank cells"),
    _p(
        "blank",
        "A blank cell meets no condition, not even `ne`, `not_in` or `not_contains`: what is not known is no reason to "
        "qualify anyone. `when_missing` decides otherwise. With `unknown` a group answers for itself: `any` still holds "
        "if another condition does, and `all` still fails if another does. What is unknown at the end does not hold. "
        "`is: blank` and `is: not_blank` ask for blank cells themselves. The words listed under `missing` count as blank.",
    ),
    _h3("event", "What the lead did"),
    _p(
        "event",
        "Events are counted up to the day one looks from; later ones are not known yet. Names are compared without "
        "regard to upper and lower case, and `_` is the same as a space. Beside `event`, `within_last` asks how long ago "
        "it was.",
    ),
    _some(CONDITION, "event", "where", "count", "distinct_days", "last_event_within"),
    _h3("count", "How many", rules_format.COUNT),
    _keys_of(rules_format.COUNT),
    _h3("groups", "Conditions together"),
    _some(CONDITION, "all", "any", "none", "at_least", "of"),
)

POINTS_SAMPLE = """\
fit:
  cap: 50
  rules:
    - id: size
      field: employees
      bands: [{from: 50, to: 249, points: 10}, {from: 250, points: 20}]
    - {id: industry, field: industry, values: {manufacturing: 15, retail: 5}}
    - {id: private, field: email, contains: "@gmail.", points: -10, why: few of them ever buy}
engagement:
  floor: 0
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_per_day: 10, max_total: 15}
    - {id: newsletter, event: newsletter_signup, points: 5, once: true, decay: none}"""

#: The example of how points are added up; a test works it out anew.
WORKED = """\
engagement:
  cap: 12
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_per_day: 10, max_total: 15}
mql: {threshold: 12}"""

_POINTS: tuple[Part, ...] = (
    _h2("points", "Points", rules_format.POINTS),
    _p(
        "points",
        "Fit is what a lead is, engagement what it does. Each has rules that give points, and the score is their sum. "
        "Both are optional: rules without any points are right for many.",
    ),
    Sample(POINTS_SAMPLE),
    _keys_of(rules_format.POINTS),
    _h3("rules", "A rule that gives points", RULE),
    _p(
        "rules",
        "A rule has an `id` of its own, and says in one of three ways what gives points: a condition with `points`, a "
        "`field` with `values`, or a `field` with `bands`. Besides the keys of a condition it has:",
    ),
    _keys_of(RULE, CONDITION),
    _p(
        "rules.events",
        "A rule with `event` and `points` counts every event. With `once`, and with `count`, `distinct_days` or "
        "`last_event_within`, it gives its points once, faded since the latest such event.",
    ),
    _h3("bands", "Bands", rules_format.BAND),
    _keys_of(rules_format.BAND),
    _h3("decay", "Points that fade", rules_format.DECAY),
    _p(
        "decay",
        "One of these. Only points for events fade. Nothing is stored: how much is left is worked out from the day of the "
        "event and the day one looks from, so that any past day can be worked out again.",
    ),
    _keys_of(rules_format.DECAY),
    _h3("added", "How points are added up"),
    _points(
        "added",
        "The points of one day are limited (`max_per_day`).",
        "They fade (`decay`).",
        "The points of all days are added and limited (`max_total`).",
        "The rules of a group are added; the sum is raised to its `floor`, then cut at its `cap`.",
        "Fit and engagement are added: the score. Its own `floor` and `cap` come last.",
        numbered=True,
    ),
    _p(
        "added.negative",
        "Negative points are limited in the same way: with `max_total: 15` a rule takes away 15 at most. Points are "
        "compared with a threshold after rounding to nine decimals.",
    ),
    _p("added.worked", "An example. With these rules"),
    Sample(WORKED),
    _p("added.came", "two eBooks today, one 30 days ago and one 60 days ago come to this:"),
    _rows(
        "worked",
        ("Events", "Points", "At most 10 a day", "Left after fading"),
        ("two, today", "20", "10", "10"),
        ("one, 30 days ago", "10", "10", "5"),
        ("one, 60 days ago", "10", "10", "2.5"),
        right=(False, True, True, True),
    ),
    _p(
        "added.result",
        "Together they are 17.5. The limit of the rule leaves 15, the cap of the group 12. That is enough for a threshold "
        "of 12.",
    ),
    _h3("limits", "Limits of the score", _of("score")),
    _keys_of(_of("score")),
)

STAGES_SAMPLE = """\
suppress:
  any:
    - {id: own_staff, field: email, ends_with: "@ourfirm.example"}
    - {id: opted_out, field: opted_out, eq: true}
fit:
  rules: [{id: size, field: employees, gte: 50, points: 20}]
engagement:
  rules: [{id: webinar, event: webinar_attended, points: 10}]
mql:
  require: {id: has_email, field: email, is: not_blank}
  fast_track: {id: demo, event: demo_request, within_last: 30d}
  threshold: {fit: 20, engagement: 20}
  sticky: true
sql: {id: accepted, event: accepted_by_sales}"""

_STAGES: tuple[Part, ...] = (
    _h2("stages", "Stages", STAGE),
    _p("stages", "`mql` and `sql` say who reaches the stage. A condition may stand there directly, or these keys:"),
    Sample(STAGES_SAMPLE),
    _keys_of(STAGE, CONDITION),
    _h3("threshold", "Thresholds", rules_format.THRESHOLD),
    _p(
        "threshold",
        "A number is the score needed. Of several parts in one entry all are needed. Of several entries in a list one is "
        "enough.",
    ),
    _keys_of(rules_format.THRESHOLD),
    _h3("reached", "Which stage a lead has"),
    _p("reached", "The first of these that fits:"),
    _rows(
        "stage",
        ("Stage", "Who has it"),
        ("`not yet`", "Created after the day one looks from."),
        ("`suppressed`", "Meets `suppress`, whatever else."),
        ("`SQL`", "An MQL that also reaches `sql`."),
        ("`MQL`", "Meets `require`, and also `fast_track` or a threshold, where there are any."),
        ("`lead`", "Everybody else."),
    ),
    _p(
        "reached.words",
        "These five words are the same in every language, so that formulas can compare with them. With `sticky` a lead "
        "keeps the stage that it reached on any day before, by the rules valid on that day and by what was known on it. "
        "Who is suppressed loses it.",
    ),
    _h3("deciding", "The deciding rule"),
    _p(
        "deciding",
        "QUALIFY shows beside the stage what decided: the `id` of a condition, or the condition in words where it has "
        "none.",
    ),
    _rows(
        "deciding",
        ("Stage", "Deciding rule"),
        ("`suppressed`", "The first condition of `suppress` that holds."),
        ("`SQL`", "As for an MQL, of the part `sql`."),
        (
            "`MQL`",
            "`sticky`, where only the past counts; else the condition of `fast_track` that holds; else the threshold "
            "that is reached; else the condition of `require` that holds.",
        ),
        (
            "`lead`",
            "The first condition of `require` that doesn't hold; else the threshold that is not reached; else the fast "
            "track.",
        ),
        ("`not yet`", "None."),
    ),
)

_DAYS: tuple[Part, ...] = (
    _h2("day", "The day to look from"),
    _p(
        "day",
        "Everything is seen from one day, the argument `as_of`. Without it, it is the latest day in the data: of the "
        "events and of the days on which leads were created. It is not today, so that a workbook shows the same numbers "
        "tomorrow.",
    ),
    _points(
        "day",
        "The rules are those of the version valid on that day.",
        "Events after it are left out. A date after it in a lead's column counts as blank.",
        "Days are whole days of the calendar. `within_last: 30d` holds from the day itself back to the 30th day before.",
        "Other columns of a lead have no date. They are taken as they are now, and the explanation says so.",
    ),
)

VERSIONS_SAMPLE = """\
suppress: {id: own_staff, field: email, ends_with: "@ourfirm.example"}
versions:
  - version: 1
    effective_from: 2026-01-01
    effective_to: 2026-06-30
    mql: {id: ebook, event: ebook_download}
  - version: 2
    effective_from: 2026-07-01
    mql: {id: demo, event: demo_request}"""

EXTENDS_SAMPLE = """\
extends: points_b2b.yaml
fit:
  rules:
    - {id: company_size, bands: [{from: 10, points: 20}]}
    - {id: private_address, enabled: false}
mql: {threshold: {engagement: 15}}"""

_OVER: tuple[Part, ...] = (
    _h2("versions", "Versions", rules_format.VERSION),
    _p(
        "versions",
        "A definition changes, and last year's numbers should stay. Each version says from which day it is valid. A day "
        "belongs to one version at most; on a day without one the answer is #N/A with the reason.",
    ),
    Sample(VERSIONS_SAMPLE),
    _p(
        "versions.shared",
        "What stands above `versions` holds for all of them, and what stands in a version replaces it as below. A version "
        "may have every key of the file except `schema`, `id`, `extends` and `versions`.",
    ),
    _h2("extends", "One file extends another"),
    _p(
        "extends",
        "A business unit names only what differs. Everything else comes from the file after `extends`, which lies in the "
        "same folder.",
    ),
    Sample(EXTENDS_SAMPLE),
    _points(
        "extends",
        "A key replaces the key of the same name; where both hold keys, key by key.",
        "A rule changes the rule with the same `id`: it needs only the keys that differ. Rules with a new `id` are added. "
        "`enabled: false` takes one out.",
        "What gives points in a rule (`points`, `values`, `bands`) is replaced as a whole. So is what it asks, if the new "
        "one names a `field`, an `event` or a group; an operator alone replaces only that operator.",
        "`suppress`, `require`, `fast_track`, `where` and `decay` are replaced as a whole, a condition in `mql` or `sql` "
        "likewise, and so are lists, such as tests.",
        "What is named in the extending file holds in every version of the other one.",
    ),
)

TESTS_SAMPLE = """\
tests:
  - name: two eBooks make an MQL
    lead: {email: ana@maker.example, employees: 120}
    events: [{ebook_download: today}, {ebook_download: 3d ago}]
    expect: {stage: MQL}
  - name: a view of the prices alone doesn't
    as_of: 2026-05-31
    events: [{page_view: 2026-05-30, path: /pricing}]
    expect: {mql: false, score: 0}"""

_TESTS: tuple[Part, ...] = (
    _h2("tests", "Tests in the file", TEST),
    _p(
        "tests",
        "A test is an example with the result you expect. It shows others what is meant, and it tells you when a change "
        "alters more than you wanted. `kpi-udfs rules check` runs them.",
    ),
    Sample(TESTS_SAMPLE),
    _keys_of(TEST),
    _p(
        "tests.events",
        "An event begins with its name and its day: `today`, `3d ago` or `2026-04-01`. Columns that a test does not name "
        "are blank.",
    ),
    _h3("expected", "What a test expects", rules_format.EXPECTED),
    _keys_of(rules_format.EXPECTED),
)

_COMMANDS: tuple[Part, ...] = (
    _h2("commands", "Commands"),
    _p("commands", "Each of them explains its options with `--help`."),
    _rows(
        "commands",
        ("Command", "What it does"),
        (
            "`kpi-udfs rules check`",
            "Says whether a file can be used, lists every problem with its line, and runs the tests.",
        ),
        ("`kpi-udfs rules apply`", "Writes the stage, points and deciding rule of every lead of a table."),
        ("`kpi-udfs rules diff`", "Compares two files over the same leads: who enters, who leaves."),
        ("`kpi-udfs rules backtest`", "Tells how well the rules would have found the leads that were won."),
        ("`kpi-udfs rules explain`", "Says of one lead, rule by rule, why it has its stage."),
        ("`kpi-udfs config show`", "Lists the configuration folders and which file is in force."),
        ("`kpi-udfs config init`", "Copies the packaged files into your own folder, to be changed there."),
    ),
    _h2("safety", "What a file can't do"),
    _points(
        "safety",
        "Run anything: a file is only read. It can name no file but the one it extends, in the same folder.",
        "Keep the workbook busy: regular expressions are read by a grammar of their own, and one that could take without "
        "end is refused with the reason.",
        "Be skipped in part: all problems are told at once, with file, line and what to write instead. Until they are "
        "mended the functions answer #VALUE! with the reason, and never go by the rules of yesterday.",
    ),
    Said(
        text(
            "rules.page.safety.limits",
            "Limits: {bytes:count} bytes and {values:count} keys and values in a file, {depth:count} levels of nesting, "
            "{files:count} files that extend one another. Anchors and tags of YAML are not used.",
        )(bytes=MAX_BYTES, values=MAX_VALUES, depth=MAX_DEPTH, files=MOST_FILES)
    ),
)

PAGE: tuple[Part, ...] = (
    *_START,
    EXAMPLES,
    *_FOUND,
    *_PARTS,
    *_CONDITIONS,
    *_POINTS,
    *_STAGES,
    *_DAYS,
    *_OVER,
    *_TESTS,
    *_COMMANDS,
)


GUIDE = Guide("qualification_rules.md", TITLE, SUMMARY, PAGE)
