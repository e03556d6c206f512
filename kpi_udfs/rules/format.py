"""What a rules file may hold: every key with what belongs there and what it means.

The reader, the JSON Schema for editors and the reference pages are all made from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kpi_udfs.messages import Text, text

SCHEMA = "kpi_udfs.qualification/1"


@dataclass(frozen=True)
class Single:
    """One value: ``value`` is a text, number, yes/no or day to compare with."""

    kind: Literal["text", "value", "number", "amount", "whole", "flag", "day", "window", "pattern", "file", "zone"]


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class ListOf:
    """A list; ``short``: a single entry may stand without brackets. ``length``: exactly so many."""

    item: Shape
    short: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Named:
    """A mapping whose keys the author chooses."""

    value: Shape


@dataclass(frozen=True)
class Entry:
    """A mapping with known keys."""

    name: str
    keys: dict[str, Key] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Either:
    """One of several shapes, told apart by being a single value, a list or a mapping."""

    shapes: tuple[Shape, ...]


Shape = Single | OneOf | ListOf | Named | Entry | Either


@dataclass(frozen=True)
class Key:
    """A key of a mapping."""

    shape: Shape
    help: Text
    required: bool = False


def _keys(place: str, /, **keys: tuple[Shape, str]) -> dict[str, Key]:
    """Keys with their help. A name that Python has taken ends with ``_``."""
    return {
        name.rstrip("_"): Key(shape, text(f"rules.key.{place}.{name.rstrip('_')}", english))
        for name, (shape, english) in keys.items()
    }


TEXT = Single("text")
NUMBER = Single("number")
AMOUNT = Single("amount")
WHOLE = Single("whole")
FLAG = Single("flag")
DAY = Single("day")
WINDOW = Single("window")
VALUE = Single("value")
VALUES = ListOf(VALUE, short=True)
TEXTS = ListOf(TEXT, short=True)

MISSING = OneOf(("fail", "pass", "unknown"))

#: What can be asked of a value.
OPERATORS = _keys(
    "operator",
    eq=(VALUE, "Equal to this text, number, day, or true or false. Upper and lower case make no difference."),
    ne=(VALUE, "Not equal to it."),
    in_=(ListOf(VALUE), "Equal to one of these."),
    not_in=(ListOf(VALUE), "Equal to none of these."),
    contains=(TEXTS, "Holds this text, or one of these."),
    not_contains=(TEXTS, "Holds none of these texts."),
    starts_with=(TEXTS, "Begins with this text, or one of these."),
    ends_with=(TEXTS, "Ends with this text, or one of these."),
    regex=(
        Single("pattern"),
        "A regular expression found in the text. Upper and lower case make no difference; [0-9] and [a-z] instead of "
        "\\d and \\w, no look-around, no back-references.",
    ),
    gt=(VALUE, "Greater than this number, or later than this day."),
    gte=(VALUE, "This number or greater, this day or later."),
    lt=(VALUE, "Less than this number, or earlier than this day."),
    lte=(VALUE, "This number or less, this day or earlier."),
    between=(ListOf(VALUE, length=2), "From the first to the second number or day, both included."),
    is_=(OneOf(("blank", "not_blank")), "Whether anything stands there."),
    within_last=(
        WINDOW,
        "The date (of an event: its day) lies in the last so many days up to the as-of day: 30d, or 4w.",
    ),
    older_than=(WINDOW, "The date lies more than so many days before the as-of day."),
    before=(DAY, "The date lies before this day."),
    after=(DAY, "The date lies after this day."),
)

_BOUNDS = _keys(
    "count",
    eq=(WHOLE, "Exactly so many."),
    gt=(WHOLE, "More than so many."),
    gte=(WHOLE, "So many or more."),
    lt=(WHOLE, "Fewer than so many."),
    lte=(WHOLE, "So many or fewer."),
    within=(WINDOW, "Only events of the last so many days up to the as-of day: 14d, or 2w."),
)
COUNT = Entry("count", _BOUNDS)
WHERE = Named(Either((VALUE, ListOf(VALUE), Entry("where", OPERATORS))))

CONDITION = Entry("condition")
CONDITIONS = ListOf(CONDITION)
_LABEL = _keys(
    "label",
    id=(TEXT, "A short name of its own, shown as the deciding rule."),
    why=(TEXT, "Why this rule is there, in your own words."),
)
_OF_FIELD = _keys(
    "field",
    field=(TEXT, "A column of the lead table: its header, or its name under fields."),
    when_missing=(
        MISSING,
        "What a blank cell means: fail (not met, the default), pass (met), or unknown (neither; a stage that depends on "
        "it is not reached).",
    ),
)
_OF_EVENT = _keys(
    "event",
    event=(TEXTS, "What happened: a name in the event table, or several."),
    where=(
        WHERE,
        "Only events whose columns hold this: column: value, column: [values], or column: {{operator: value}}.",
    ),
    count=(COUNT, "How many such events there must be; without it, one."),
    distinct_days=(COUNT, "On how many different days such events must lie."),
    last_event_within=(WINDOW, "The last such event (of any kind, without event) lies in the last so many days."),
)
_GROUPS = _keys(
    "group",
    all=(CONDITIONS, "Every one of these conditions holds."),
    any=(CONDITIONS, "At least one of these conditions holds."),
    none=(CONDITIONS, "None of these conditions holds."),
    at_least=(WHOLE, "At least so many of the conditions under of hold."),
    of=(CONDITIONS, "The conditions that at_least counts."),
)
CONDITION.keys.update({**_LABEL, **_OF_FIELD, **OPERATORS, **_OF_EVENT, **_GROUPS})

DECAY = Entry(
    "decay",
    _keys(
        "decay",
        half_life=(WINDOW, "Points halve in every so many days."),
        linear=(WINDOW, "Points fall evenly to nothing over so many days."),
        expire=(WINDOW, "Points stay whole for so many days and are gone after them."),
    ),
)
BAND = Entry(
    "band",
    _keys(
        "band",
        from_=(NUMBER, "The lowest number of the band, included; without it, everything below the end."),
        to=(NUMBER, "The highest number of the band, included."),
        below=(NUMBER, "Instead of to: the end of the band, not included."),
        points=(NUMBER, "Points of the band."),
    ),
)
RULE = Entry(
    "rule",
    {
        **CONDITION.keys,
        **_keys(
            "rule",
            points=(NUMBER, "Points when the condition holds; for an event, points of each one. They may be negative."),
            values=(Named(NUMBER), "Points for each value of the field: value: points. Other values get none."),
            bands=(ListOf(BAND), "Points by the number in the field."),
            enabled=(FLAG, "false switches the rule off, for example one that comes from another file."),
            once=(FLAG, "true: the event counts once, however often it happened; the latest counts."),
            max_per_day=(AMOUNT, "At most so many points for the events of one day, before they fade."),
            max_total=(AMOUNT, "At most so many points for all events together, after they have faded."),
            decay=(
                Either((OneOf(("none",)), DECAY)),
                "How these points fade, in place of the group's way; none: they don't fade.",
            ),
        ),
    },
)
POINTS = Entry(
    "points",
    _keys(
        "points",
        cap=(NUMBER, "At most so many points from this group."),
        floor=(NUMBER, "At least so many points from this group, however many are negative."),
        decay=(DECAY, "How points for events fade with their age on the as-of day."),
        rules=(ListOf(RULE), "The rules that give points."),
    ),
)
THRESHOLD = Entry(
    "threshold",
    _keys(
        "threshold",
        score=(NUMBER, "So many points in all, or more."),
        fit=(NUMBER, "So many points for fit, or more."),
        engagement=(NUMBER, "So many points for engagement, or more."),
    ),
)
STAGE = Entry(
    "stage",
    {
        **CONDITION.keys,
        **_keys(
            "stage",
            require=(CONDITION, "What must hold in any case. Conditions may also stand here directly, without require."),
            fast_track=(CONDITION, "What makes the threshold unnecessary, such as a demo request."),
            threshold=(
                Either((NUMBER, THRESHOLD, ListOf(THRESHOLD))),
                "Points needed: a number for the score, points for fit and engagement, or a list of such pairs, one of which is "
                "enough.",
            ),
            sticky=(FLAG, "true: who reached the stage once, up to the as-of day, keeps it; without it points that fade "
                          "take it away again."),
        ),
    },
)  # fmt: skip
EXPECTED = Entry(
    "expected",
    _keys(
        "expected",
        stage=(OneOf(("SQL", "MQL", "lead", "suppressed", "not yet")), "The stage."),
        mql=(FLAG, "Whether it is an MQL (or further)."),
        sql=(FLAG, "Whether it is an SQL."),
        score=(NUMBER, "The score."),
        fit=(NUMBER, "Points for fit."),
        engagement=(NUMBER, "Points for engagement."),
        rule=(TEXT, "The deciding rule."),
    ),
)
TEST = Entry(
    "test",
    _keys(
        "test",
        name=(TEXT, "What the test shows."),
        as_of=(DAY, "The day to look from; without it, the day on which this version takes effect."),
        lead=(Named(VALUE), "The lead's fields: name: value."),
        events=(
            ListOf(Named(VALUE)),
            "Its events: event name: day, such as newsletter_signup: 1d ago; further columns beside it.",
        ),
        expect=(EXPECTED, "What should come out."),
    ),
)
_VERSIONED = _keys(
    "file",
    version=(VALUE, "Number or name of this version of the rules."),
    effective_from=(DAY, "The first day on which these rules are valid."),
    effective_to=(DAY, "The last day on which they are valid."),
    owner=(TEXT, "Who answers for these rules."),
    timezone=(Single("zone"), "The time zone in which moments become days, such as Europe/Berlin."),
    missing=(TEXTS, "Texts that count as a blank cell, such as Select or n/a."),
    fields=(Named(TEXT), "Names for columns: the name used in the rules, and the header it has in the table."),
    leads=(
        Entry(
            "leads",
            _keys(
                "leads",
                id=(TEXT, "The header of the column with the lead's identifier."),
                created=(TEXT, "The header of the day since which the lead is known."),
            ),
        ),
        "Columns of the lead table, where their headers are not in columns.yaml.",
    ),
    events=(
        Entry(
            "events",
            _keys(
                "events",
                lead=(TEXT, "The header of the column with the lead's identifier."),
                event=(TEXT, "The header of the column that names what happened."),
                date=(TEXT, "The header of the column that tells when."),
            ),
        ),
        "Columns of the event table, where their headers are not in columns.yaml.",
    ),
    suppress=(CONDITION, "Who is never qualified: competitors, your own people, who opted out, who is a customer."),
    fit=(POINTS, "Points for what the lead is."),
    engagement=(POINTS, "Points for what the lead does."),
    score=(
        Entry(
            "score",
            _keys(
                "score",
                cap=(NUMBER, "At most so many points in all."),
                floor=(NUMBER, "At least so many points in all."),
            ),
        ),
        "Limits of the sum of fit and engagement.",
    ),
    mql=(STAGE, "What makes a lead marketing-qualified."),
    sql=(STAGE, "What makes an MQL sales-qualified."),
    tests=(ListOf(TEST), "Examples with the result you expect; rules check runs them."),
)
VERSION = Entry("version", _VERSIONED)
FILE = Entry(
    "file",
    {
        "schema": Key(OneOf((SCHEMA,)), text("rules.key.file.schema", "Which format this file has."), required=True),
        **_keys(
            "file",
            id=(TEXT, "A short name for these rules."),
            extends=(
                Single("file"),
                "Another rules file in the same folder. What stands here replaces what stands there: key by key, and rule "
                "by rule where the id is the same.",
            ),
        ),
        **_VERSIONED,
        **_keys(
            "file",
            versions=(
                ListOf(VERSION),
                "Versions with their effective days. What stands above applies to all; what stands in a version replaces it.",
            ),
        ),
    },
)
