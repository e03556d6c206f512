"""Conditions that nobody can meet: what is asked of one column, or of one kind of event, all at once.

Only what is certain is told. Texts, numbers, days and yes/no are each looked at by themselves, since a
cell that can't be read as one may still be the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations, islice
from math import inf

from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.model import Condition, EventTest, Group, Operand, Place, Test, parts, write_operand
from kpi_udfs.rules.patterns import Pattern
from kpi_udfs.rules.reading import pointed
from kpi_udfs.settings import fold

NEVER = text("rules.checks.never", "nobody can meet this condition")
NEVER_EMPTY = text("rules.checks.never_empty", "no text is empty; write is: blank to ask for blank cells")
NEVER_MISSING = text(
    "rules.checks.never_missing",
    '"{content}" counts as a blank cell here (missing), so nobody meets this; write is: blank, or take it out of missing',
)
NEVER_IN_TIME = text(
    "rules.checks.never_in_time",
    "no day can meet this from effective_from to effective_to (a day after the as-of day counts as blank)",
)
BOTH = text(
    "rules.checks.both",
    'nobody can meet both "{one}" and "{other}" in {place}; change one of them, or put them under any',
)
BOTH_BLANK = text(
    "rules.checks.both_blank",
    'nobody can meet both "{one}" and "{other}" in {place}, since a blank cell is only one of them; '
    "put them under any, or add when_missing: pass",
)
AS_WELL = text(
    "rules.checks.as_well",
    'nobody can meet "{one}", since "{other}" in {place} has to hold as well; change one of them',
)
NOT_TOGETHER = text(
    "rules.checks.not_together", "nobody can meet all of this at once: {words:list}; change it, or put it under any"
)
NOT_BOTH = text(
    "rules.checks.not_both", 'nobody can meet "{one}" where "{other}" is excluded ({place}); change one of them'
)
NEITHER = text(
    "rules.checks.neither", 'everybody meets "{one}" or "{other}" in {place}: nobody is left when both are excluded'
)
SUPPRESSED = text(
    "rules.checks.suppressed", 'whoever meets "{one}" is suppressed by {place}, so nobody gets any further with it'
)
ALL_SUPPRESSED = text("rules.checks.all_suppressed", "this suppresses everybody, so nobody can be an MQL")
ENDS_SWAPPED = text("rules.checks.ends_swapped", "between begins with the smaller one; write between: [{low}, {high}]")
TWICE_IN_LIST = text(
    "rules.checks.twice_in_list", '"{content}" stands in this list twice; upper and lower case make no difference'
)
AT_LEAST_NONE = text("rules.checks.at_least_none", "at_least: 0 always holds; write 1 or more")
AT_LEAST_MORE = text(
    "rules.checks.at_least_more", "at_least asks for {number:count} conditions, and of lists only {listed:count}"
)
COUNT_NEVER = text("rules.checks.count_never", "no number of events is {bounds}; nobody can meet this")
COUNT_ALWAYS = text("rules.checks.count_always", "any number of events is {bounds}; this always holds")
DAYS_NEVER = text(
    "rules.checks.days_never",
    "in the last {window:count} days and today lie {days:count} days, fewer than distinct_days asks for",
)

#: Beyond so many, conditions are not compared each with each: it would take too long.
_MOST_COMPARED = 20
_MOST_TRIED = 50_000
_MOST_TOLD = 5

Found = Iterator[tuple[Place, Sentence]]


class Effort:
    """How much may still be looked at: a file could hold so many conditions that it took minutes."""

    def __init__(self) -> None:
        self.left = 300_000


@dataclass(frozen=True)
class Context:
    """What a name stands for, which texts count as blank, and on which days the rules are valid."""

    fields: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    begins: date | None = None
    ends: date | None = None
    #: Whether days after the as-of day are blank: those of leads are.
    of_leads: bool = True
    effort: Effort = field(default_factory=Effort)

    def column(self, name: str) -> str:
        return fold(self.fields.get(fold(name), name))


@dataclass(frozen=True)
class Asked:
    """A test that has to be met, or (``met`` false) one that must not be; ``blank``: a blank cell will do."""

    test: Test
    met: bool
    blank: bool
    suppress: bool = False

    @property
    def words(self) -> str:
        return f"{self.test.name} {self.test.operator} {self.test.written}"

    @property
    def operator(self) -> str:
        """The operator, or the one that asks the contrary, where there is one."""
        return self.test.operator if self.met else _CONTRARY.get(self.test.operator, "")


@dataclass(frozen=True)
class AskedEvents:
    """A number of events that has to lie from ``low`` to ``high``."""

    test: EventTest
    met: bool
    low: float
    high: float
    suppress: bool = False

    @property
    def words(self) -> str:
        return replace(self.test, id=None).label


Requirement = Asked | AskedEvents
#: What is asked of each column and of each kind of event.
Requirements = dict[object, list[Requirement]]

_CONTRARY = {
    "eq": "ne", "ne": "eq", "in": "not_in", "not_in": "in", "contains": "not_contains", "not_contains": "contains",
    "gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt", "before": "gte", "after": "lte",
    "within_last": "older_than", "older_than": "within_last",
}  # fmt: skip


# ------------------------------------------------------------------------------------ what is asked


def requirements(condition: Condition | None, context: Context) -> Requirements:
    """What a lead that meets the condition meets for sure."""
    gathered: Requirements = {}
    for one in _asked(condition) if condition else ():
        _sort_in(one, context, gathered)
    return gathered


def not_suppressed(condition: Condition | None, context: Context) -> Requirements:
    """What a lead that is not suppressed meets for sure."""
    gathered: Requirements = {}
    for one in _denied(condition, lenient=True) if condition else ():
        _sort_in(replace(one, suppress=True), context, gathered)
    return gathered


def _sort_in(one: Requirement, context: Context, gathered: Requirements) -> None:
    test = one.test
    if isinstance(test, Test):
        key: object = context.column(test.name)
        alone = possible([one], context)
    else:
        key = test.counts, frozenset(test.names), frozenset(map(_key, test.where))
        alone = isinstance(one, AskedEvents) and one.low <= min(one.high, _most_days(test))
    if alone:  # what is impossible by itself is told by itself
        gathered.setdefault(key, []).append(one)


def _asked(condition: Condition) -> Iterator[Requirement]:
    if isinstance(condition, Test):
        yield Asked(condition, True, condition.when_missing == "pass")
    elif isinstance(condition, EventTest):
        yield AskedEvents(condition, True, *_range(condition))
    elif condition.kind == "none":
        for part in condition.of:
            yield from _denied(part)
    elif condition.kind == "all" or len(condition.of) == (condition.at_least if condition.kind == "at_least" else 1):
        for part in condition.of:
            yield from _asked(part)


def _denied(condition: Condition, lenient: bool = False) -> Iterator[Requirement]:
    """``lenient``: unknown is as good as not met."""
    if isinstance(condition, Test):
        blank = condition.when_missing == "fail" or (lenient and condition.when_missing == "unknown")
        yield Asked(condition, False, blank)
    elif isinstance(condition, EventTest):
        low, high = _range(condition)
        if low <= 0:
            yield AskedEvents(condition, False, high + 1, inf)
        elif high == inf:
            yield AskedEvents(condition, False, 0, low - 1)
    elif condition.kind == "none":
        if len(condition.of) == 1 and not lenient:
            yield from _asked(condition.of[0])
    elif (
        condition.kind == "any" or len(condition.of) == 1 or (condition.kind == "at_least" and condition.at_least == 1)
    ):
        for part in condition.of:
            yield from _denied(part, lenient)


def _range(test: EventTest) -> tuple[float, float]:
    """The numbers of events that meet the test, from the first to the second."""
    low, high = 0.0, inf
    for operator, number in test.bounds:
        low = max(low, {"eq": number, "gte": number, "gt": number + 1}.get(operator, low))
        high = min(high, {"eq": number, "lte": number, "lt": number - 1}.get(operator, high))
    return low, high


def _most_days(test: EventTest) -> float:
    """On how many days, or how often, such events can happen: today is a day, too."""
    return test.within + 1 if test.counts == "days" and test.within is not None else inf


# ------------------------------------------------------------------------------------ telling


def impossible(condition: Condition | None, context: Context, *others: Requirements) -> Found:
    """Everything in the condition that nobody can meet, by itself or together with the ``others``."""
    if condition is None:
        return
    for part in parts(condition):
        if isinstance(part, Test):
            yield from _impossible_test(part, context)
        elif isinstance(part, EventTest):
            yield from _impossible_events(part, Context(of_leads=False, effort=context.effort))
        elif part.kind == "at_least" and part.at_least == 0:
            yield part.place, AT_LEAST_NONE()
        elif part.kind == "at_least" and part.at_least > len(part.of):
            yield part.place, AT_LEAST_MORE(number=part.at_least, listed=len(part.of))
    yield from _together(condition, context, others)


def _together(condition: Condition, context: Context, others: Sequence[Requirements]) -> Found:
    if isinstance(condition, Test | EventTest) and not any(others):
        return
    own = requirements(condition, context)
    for key, asked in own.items():
        if len(asked) == 1 and not others:
            continue
        known = list(islice((one for other in others for one in other.get(key, ())), _MOST_COMPARED))
        if not possible(asked, context):
            yield from _blame(asked, [], context)
        elif known and possible(known, context) and not possible([*known, *asked], context):
            yield from _blame(asked, known, context)
    if isinstance(condition, Group):
        for group in _groups(condition):
            # What stands under none is looked at by itself.
            around = () if group.kind == "none" else (*others, own)
            for part in group.of:
                yield from _together(part, context, around)


def _groups(group: Group) -> Iterator[Group]:
    """The groups whose members are no requirements themselves."""
    whole = group.kind == "all" or (group.kind != "none" and len(group.of) == 1)
    if group.kind == "at_least":
        whole = group.at_least == len(group.of)
    if not whole:
        yield group
        return
    for part in group.of:
        if isinstance(part, Group):
            yield from _groups(part)


def _blame(asked: Sequence[Requirement], known: Sequence[Requirement], context: Context) -> Found:
    """Which two exclude one another; the later is told, or the one that is not known yet."""
    asked = asked[:_MOST_COMPARED]
    pairs = combinations(asked, 2) if not known else ((other, one) for one in asked for other in known)
    for other, one in pairs:
        if not possible([other, one], context):
            yield one.test.place, _contradiction(one, other, bool(known))
            return
    words = [one.words for one in (*known, *asked)[:_MOST_TOLD]]
    yield asked[-1].test.place, NOT_TOGETHER(words=words)


def _contradiction(one: Requirement, other: Requirement, elsewhere: bool) -> Sentence:
    place = pointed(other.test.place, one.test.place)
    if other.suppress:
        return SUPPRESSED(one=one.words, place=place)
    if not one.met and not other.met:
        return NEITHER(one=one.words, other=other.words, place=place)
    if one.met != other.met:
        wanted, unwanted = (one, other) if one.met else (other, one)
        return NOT_BOTH(one=wanted.words, other=unwanted.words, place=place)
    if elsewhere:
        return AS_WELL(one=one.words, other=other.words, place=place)
    presence = [each for each in (one, other) if isinstance(each, Asked) and each.test.operator == "is"]
    blank = len(presence) == 1 and presence[0].test.operand == ("blank",)
    return (BOTH_BLANK if blank else BOTH)(one=one.words, other=other.words, place=place)


def _impossible_test(test: Test, context: Context) -> Found:
    yield from _twice(test)
    if test.operator == "between" and not _ordered(test.operand):
        high, low = map(write_operand, test.operand)  # type: ignore[arg-type]
        yield test.place, ENDS_SWAPPED(low=low, high=high)
    elif not possible([Asked(test, True, test.when_missing == "pass")], context):
        yield test.place, _reason(test, context)


def _reason(test: Test, context: Context) -> Sentence:
    wanted = _texts(test) if test.reading == "text" else []
    if "" in wanted:
        return NEVER_EMPTY()
    if absent := [one for one in wanted if one in context.missing]:
        return NEVER_MISSING(content=absent[0])
    return NEVER_IN_TIME() if test.reading == "day" else NEVER()


def _ordered(operand: tuple[Operand, ...] | Pattern) -> bool:
    return isinstance(operand, Pattern) or _number(operand[0]) <= _number(operand[1])


def _twice(test: Test) -> Found:
    if isinstance(test.operand, Pattern) or test.operator == "between":
        return
    seen: set[object] = set()
    for one in test.operand:
        if (same := normal(one)) in seen:
            yield test.place, TWICE_IN_LIST(content=write_operand(one))
        seen.add(same)


def _impossible_events(test: EventTest, inside: Context) -> Found:
    low, high = _range(test)
    bounds = ", ".join(f"{operator} {number:g}" for operator, number in test.bounds)
    if low > high:
        yield test.place, COUNT_NEVER(bounds=bounds)
    elif low > _most_days(test):
        yield test.place, DAYS_NEVER(window=test.within, days=_most_days(test))
    elif low <= 0 and high >= _most_days(test):
        yield test.place, COUNT_ALWAYS(bounds=bounds)
    for one in test.where:
        yield from _impossible_test(one, inside)
    if test.where:
        yield from _together(Group(test.place, "all", test.where), inside, ())


# ------------------------------------------------------------------------------------ what is possible


def possible(asked: Sequence[Requirement], context: Context) -> bool:
    """Whether one cell, or one list of events, can meet all that is asked. In doubt it can."""
    tests = [one for one in asked if isinstance(one, Asked)]
    context.effort.left -= sum(1 if isinstance(one.test.operand, Pattern) else len(one.test.operand) for one in tests)
    if context.effort.left < 0:
        return True
    return _cell_possible(tests, context) and _events_possible([one for one in asked if isinstance(one, AskedEvents)])


def _events_possible(asked: Sequence[AskedEvents]) -> bool:
    """A longer time holds at least the events of a shorter one."""
    least = 0.0
    for one in sorted(asked, key=lambda one: (inf if one.test.within is None else one.test.within, -one.low)):
        least = max(least, one.low)
        if least > one.high:
            return False
    return True


def _cell_possible(asked: Sequence[Asked], context: Context) -> bool:
    presence = [(one.test.operand == ("blank",)) is one.met for one in asked if one.test.operator == "is"]
    rest = [one for one in asked if one.test.operator != "is"]
    if False not in presence and all(one.blank for one in rest):
        return True
    if True in presence:
        return False
    kinds: dict[str, list[Asked]] = {}
    for one in rest:
        kinds.setdefault(one.test.reading, []).append(one)
    return all(
        _texts_possible(some, context)
        if kind == "text"
        else _unreadable_will_do(some) or _range_possible(some, context)
        for kind, some in kinds.items()
    )


def _unreadable_will_do(asked: Sequence[Asked]) -> bool:
    """Whether a cell that is no number, day or yes/no could meet it all; so could a day yet to come."""
    return all(one.blank or not one.met or one.test.operator in ("ne", "not_in") for one in asked)


def normal(operand: Operand) -> object:
    """What is equal for operands that mean the same; true is not 1."""
    if isinstance(operand, str):
        return operand.strip().lower()
    return (operand,) if isinstance(operand, bool) else operand


def same(condition: Condition, context: Context) -> object:
    """What is equal for conditions that mean the same."""
    if isinstance(condition, Test):
        return context.column(condition.name), _key(replace(condition, name="")), condition.when_missing
    if isinstance(condition, EventTest):
        where = frozenset(map(_key, condition.where))
        return frozenset(condition.names), where, condition.within, condition.counts, frozenset(condition.bounds)
    return condition.kind, condition.at_least, frozenset(same(part, context) for part in condition.of)


def _key(test: Test) -> object:
    operand: object = test.operand
    if isinstance(test.operand, Pattern):
        operand = test.operand.written
    elif test.operator != "between":
        operand = frozenset(map(normal, test.operand))
    return fold(test.name), test.operator, operand


def _same_denied(asked: Sequence[Asked]) -> bool:
    """Whether the very same is asked for and excluded."""
    wanted = {_key(replace(one.test, name="")) for one in asked if one.met}
    return any(_key(replace(one.test, name="")) in wanted for one in asked if not one.met)


def _listed(asked: Iterable[Asked], *operators: str) -> list[list[Operand]]:
    return [list(one.test.operand) for one in asked if one.operator in operators]  # type: ignore[arg-type]


# ---------------------------------------------------------------- numbers, days, yes/no


def _range_possible(asked: Sequence[Asked], context: Context) -> bool:
    if _same_denied(asked):
        return False
    allowed: set[float] | None = None
    for some in _listed(asked, "eq", "in"):
        values = {_number(one) for one in some}
        allowed = values if allowed is None else allowed & values
    excluded = {_number(one) for some in _listed(asked, "ne", "not_in") for one in some}
    low, high = _ends(asked, context)
    if allowed is not None:
        return any(low <= (one, 0) <= high for one in allowed - excluded)
    if asked[0].test.reading == "flag":
        return len(excluded) < 2
    if low[0] == high[0]:
        return low == high == (low[0], 0) and low[0] not in excluded
    if low > high:
        return False
    if asked[0].test.reading == "day" and high[0] - low[0] <= len(excluded):
        return any(low <= (one, 0) <= high and one not in excluded for one in range(int(low[0]), int(high[0]) + 1))
    return True


def _number(operand: Operand) -> float:
    return float(operand.toordinal() if isinstance(operand, date) else operand)


_End = tuple[float, int]


def _ends(asked: Sequence[Asked], context: Context) -> tuple[_End, _End]:
    """The lowest and the highest value, with +1 or -1 where these are just not reached themselves."""
    low, high = (-inf, 0), (inf, 0)
    youngest, oldest = (0.0, inf) if context.of_leads else (-inf, inf)
    for one in asked:
        operands = [] if isinstance(one.test.operand, Pattern) else list(map(_number, one.test.operand))
        operator = one.operator
        if operator in ("gte", "between"):
            low = max(low, (operands[0], 0))
        elif operator in ("gt", "after"):
            low = max(low, (operands[0], 1))
        if operator in ("lte", "between"):
            high = min(high, (operands[-1], 0))
        elif operator in ("lt", "before"):
            high = min(high, (operands[0], -1))
        elif operator == "within_last":
            youngest, oldest = max(youngest, 0.0), min(oldest, operands[0])
        elif operator == "older_than":
            youngest = max(youngest, operands[0] + 1)
    if asked[0].test.reading != "day":
        return low, high
    return _in_time(low, high, youngest, oldest, context)


def _in_time(low: _End, high: _End, youngest: float, oldest: float, context: Context) -> tuple[_End, _End]:
    """The ends as days, where the age lies from ``youngest`` to ``oldest`` on a day on which the rules are valid."""
    if youngest > oldest:
        return (1.0, 0), (0.0, 0)
    low, high = (low[0] + low[1], 0), (high[0] + high[1], 0)
    if context.begins and context.of_leads:
        low = max(low, (context.begins.toordinal() - oldest, 0))
    if context.ends and context.of_leads:
        high = min(high, (context.ends.toordinal() - youngest, 0))
    return low, high


# ---------------------------------------------------------------- texts


def _texts_possible(asked: Sequence[Asked], context: Context) -> bool:
    if _same_denied(asked):
        return False
    allowed: set[object] | None = None
    for some in _listed(asked, "eq", "in"):
        values = set(map(normal, some))
        allowed = values if allowed is None else allowed & values
    if allowed is None:
        return _parts_possible(asked)
    allowed -= {normal(one) for some in _listed(asked, "ne", "not_in") for one in some}
    allowed -= {"", *context.missing}
    others = [one for one in asked if one.test.operator not in ("eq", "ne", "in", "not_in")]
    if len(allowed) * len(others) > _MOST_TRIED:
        return True
    return any(all(_holds(one, str(value)) for one in others) for value in allowed)


def _texts(test: Test) -> list[str]:
    """The texts of which one has to stand in the cell."""
    if isinstance(test.operand, Pattern) or test.operator not in ("eq", "in"):
        return []
    return [str(normal(one)) for one in test.operand]


def _holds(asked: Asked, content: str) -> bool:
    """Whether a text can meet what is asked. Spaces around what is looked for are in doubt."""
    test = asked.test
    if isinstance(test.operand, Pattern):
        return test.operand.found_in(content) is asked.met
    looked = [str(one).lower() for one in test.operand]
    how = {"starts_with": str.startswith, "ends_with": str.endswith}.get(test.operator, str.__contains__)
    answers = {any(how(content, one) for one in looked), any(how(content, one.strip()) for one in looked)}
    return (asked.met is (test.operator != "not_contains")) in answers


def _parts_possible(asked: Sequence[Asked]) -> bool:
    """Whether a text can begin, end and hold what it should, where it may be any otherwise."""
    excluded = [str(one).lower() for some in _listed(asked, "not_contains") for one in some]
    held = _listed(asked, "contains", "starts_with", "ends_with")
    if len(excluded) * sum(map(len, held)) <= _MOST_TRIED:
        for some in held:
            if all(any(one in str(wanted).lower().strip() for one in excluded) for wanted in some):
                return False
    ends = [[str(one).lower().strip()[::-1] for one in some] for some in _listed(asked, "ends_with")]
    begins = [[str(one).lower().strip() for one in some] for some in _listed(asked, "starts_with")]
    return _agree(begins) and _agree(ends)


def _agree(beginnings: Sequence[Sequence[str]]) -> bool:
    """Whether a text can begin with one of each list."""
    left = {""}
    for some in beginnings:
        if len(left) * len(some) > _MOST_TRIED:
            return True
        left = {
            max(one, other, key=len) for one in left for other in some if one.startswith(other) or other.startswith(one)
        }
    return bool(left)
