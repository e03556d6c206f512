"""What can't work in rules that are well-formed: conditions nobody meets, bands that overlap, points
that never reach the threshold. Only what is certain is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import inf

from kpi_udfs.errors import Problem
from kpi_udfs.messages import Sentence, text
from kpi_udfs.rules.contradictions import (
    ALL_SUPPRESSED,
    SUPPRESSED,
    Context,
    Effort,
    Requirements,
    impossible,
    normal,
    not_suppressed,
    possible,
    requirements,
    same,
)
from kpi_udfs.rules.model import (
    Band,
    Condition,
    Group,
    Place,
    Points,
    Rule,
    Stage,
    Threshold,
    Version,
    write_operand,
)
from kpi_udfs.rules.reading import pointed

BAND_UPSIDE_DOWN = text(
    "rules.checks.band_upside_down", "no number lies in this band: it begins at {low} and ends at {high}"
)
BANDS_OVERLAP = text(
    "rules.checks.bands_overlap",
    "{number} lies in this band and in the one in {place}; let one end below the other begins",
)
BANDS_OVERLAP_BELOW = text(
    "rules.checks.bands_overlap_all", "this band and the one in {place} overlap; let one end below the other begins"
)
VALUE_TWICE = text(
    "rules.checks.value_twice", '"{content}" stands under values twice; upper and lower case make no difference'
)
NO_POINTS_AT_ALL = text(
    "rules.checks.no_points_at_all", 'the rule "{id}" gives 0 points; give it points, or write enabled: false'
)
LIMIT_TOO_LOW = text(
    "rules.checks.limit_too_low", "{key} {limit} is less than the {points} points of a single event; raise it"
)
FLOOR_ABOVE_CAP = text("rules.checks.floor_above_cap", "the floor {floor} lies above the cap {cap}; swap them")
CAP_TAKES_ALL = text(
    "rules.checks.cap_takes_all", "the cap {cap} takes away all points; raise it above 0, or take it out"
)
UNSCORED = text(
    "rules.checks.unscored",
    "no rule gives points, so there is nothing to reach; add rules under fit or engagement, or take threshold out",
)
UNSCORED_PART = text(
    "rules.checks.unscored_part", "the threshold asks for {points} points for {part}, and no rule gives any there"
)
TOO_HIGH = text(
    "rules.checks.too_high",
    "the threshold asks for {points} points for {part}, and the rules give {most} at most; lower it, or raise points or caps",
)
ALWAYS_REACHED = text("rules.checks.always_reached", "every lead reaches this threshold; raise it, or take it out")
SUPERFLUOUS = text(
    "rules.checks.superfluous",
    "whoever reaches this threshold has reached the one in {place}, too; take one of them out",
)

#: Nobody writes more alternatives; comparing thousands each with each would take long.
_MOST_COMPARED = 50

Found = Iterator[tuple[Place, Sentence]]


def check(versions: Sequence[Version]) -> list[Problem]:
    """Every such problem of all versions."""
    return [Problem(place.file, place.line, message) for place, message in found(versions)]


def found(versions: Sequence[Version], loose: Sequence[Condition] = (), complete: bool = True) -> Found:
    """Every such problem with its place, also of ``loose`` conditions that belong to no version because of
    other problems. Rules that are not ``complete`` are not added up."""
    effort = Effort()
    for condition in loose:
        yield from impossible(condition, Context(effort=effort))
    for version in versions:
        yield from _conditions(version, effort)
        for points in (version.fit, version.engagement):
            for rule in points.rules:
                yield from _rule(rule)
            yield from _limits(points, sum(rule.most for rule in points.rules), version.place)
        yield from _limits(version, version.fit.most + version.engagement.most, version.place)
        if complete:
            for stage in (version.mql, version.sql):
                yield from _thresholds(stage, version)


# ------------------------------------------------------------------------------------ conditions


def _conditions(version: Version, effort: Effort) -> Found:
    missing = frozenset(str(normal(word)) for word in version.missing)
    context = Context(version.fields, missing, version.begins, version.ends, effort=effort)
    yield from impossible(version.suppress, context)
    for rule in version.rules:
        yield from impossible(rule.condition or rule.event, context)
    kept = not_suppressed(version.suppress, context)
    if version.suppress and not all(possible(asked, context) for asked in kept.values()):
        yield version.suppress.place, ALL_SUPPRESSED()
        kept = {}
    if version.mql:
        yield from _suppressed(version.mql.require, version.suppress, context)
        yield from _stage(version.mql, context, kept)
    if version.sql:
        of_mql: Requirements = {}
        if version.mql and not version.mql.sticky:  # what a sticky MQL met once need not hold any longer
            of_mql = requirements(version.mql.require, context)
        yield from _stage(version.sql, context, kept, of_mql)


def _stage(stage: Stage, context: Context, *others: Requirements) -> Found:
    yield from impossible(stage.require, context, *others)
    if stage.fast_track:
        yield from impossible(stage.fast_track, context, *others, requirements(stage.require, context))


def _suppressed(require: Condition | None, suppress: Condition | None, context: Context) -> Found:
    """Groups that are required and suppressed; of single conditions, what excludes one another is told anyway."""
    if require is None or suppress is None:
        return
    named = {same(part, context): part for part in _members(suppress, "any") if isinstance(part, Group)}
    for part in _members(require, "all"):
        if isinstance(part, Group) and (other := named.get(same(part, context))):
            yield part.place, SUPPRESSED(one=part.label, place=pointed(other.place, part.place))


def _members(condition: Condition, kind: str) -> Iterator[Condition]:
    """A condition and the members of a group of this kind, of groups in it, too."""
    yield condition
    if isinstance(condition, Group) and condition.kind == kind:
        for part in condition.of:
            yield from _members(part, kind)


# ------------------------------------------------------------------------------------ points


def _rule(rule: Rule) -> Found:
    given = [*rule.values.values(), *(band.points for band in rule.bands)] or [rule.points]
    if not any(given):
        yield rule.places.get("points", rule.place), NO_POINTS_AT_ALL(id=rule.id)
    for key, limit in (("max_per_day", rule.max_per_day), ("max_total", rule.max_total)):
        if limit is not None and limit < abs(rule.points):
            yield rule.places.get(key, rule.place), LIMIT_TOO_LOW(key=key, limit=_g(limit), points=_g(abs(rule.points)))
    yield from _bands(rule.bands)
    seen: set[object] = set()
    for value in rule.values:
        if normal(value) in seen:
            yield rule.places.get("values", rule.place), VALUE_TWICE(content=write_operand(value))
        seen.add(normal(value))


def _bands(bands: Sequence[Band]) -> Found:
    good = []
    for band in bands:
        low, high = _low(band), _high(band)
        if low > high or (low == high and band.open_end):
            yield band.place, BAND_UPSIDE_DOWN(low=_g(low), high=_g(high))
        else:
            good.append(band)
    order = {id(band): index for index, band in enumerate(bands)}
    widest: Band | None = None
    for band in sorted(good, key=_low):
        if widest and (_low(band) < _high(widest) or (_low(band) == _high(widest) and not widest.open_end)):
            earlier, later = sorted((widest, band), key=lambda one: order[id(one)])
            place = pointed(earlier.place, later.place)
            number = _low(band) if _low(band) > -inf else min(_high(band), _high(widest))
            if number < inf and not (_low(band) == -inf and (band.open_end or widest.open_end)):
                yield later.place, BANDS_OVERLAP(number=_g(number), place=place)
            else:
                yield later.place, BANDS_OVERLAP_BELOW(place=place)
        if widest is None or (_high(band), not band.open_end) > (_high(widest), not widest.open_end):
            widest = band


def _low(band: Band) -> float:
    return -inf if band.low is None else band.low


def _high(band: Band) -> float:
    return inf if band.high is None else band.high


def _limits(limits: Points | Version, most: float, place: Place) -> Found:
    cap, floor = limits.cap, limits.floor
    if cap is None:
        return
    if floor is not None and floor > cap:
        yield limits.places.get("floor", place), FLOOR_ABOVE_CAP(floor=_g(floor), cap=_g(cap))
    elif cap < 0 or (cap == 0 and most > 0):
        yield limits.places.get("cap", place), CAP_TAKES_ALL(cap=_g(cap))


# ------------------------------------------------------------------------------------ thresholds


def _thresholds(stage: Stage | None, version: Version) -> Found:
    if stage is None or not stage.thresholds:
        return
    if not version.scored:
        yield stage.thresholds[0].place, UNSCORED()
        return
    for threshold in stage.thresholds:
        yield from _reached(threshold, version)
    for earlier, later in combinations(stage.thresholds[:_MOST_COMPARED], 2):
        if _implies(later, earlier):
            yield later.place, SUPERFLUOUS(place=pointed(earlier.place, later.place))
        elif _implies(earlier, later):
            yield earlier.place, SUPERFLUOUS(place=pointed(later.place, earlier.place))


def _reached(threshold: Threshold, version: Version) -> Found:
    groups: dict[str, Points | Version] = {"score": version, "fit": version.fit, "engagement": version.engagement}
    for part, points in threshold.parts:
        # Points are compared by nine decimals.
        if points > round(groups[part].most, 9):
            most = _g(groups[part].most)
            told = TOO_HIGH(points=_g(points), part=part, most=most)
            yield threshold.place, told if groups[part].rules else UNSCORED_PART(points=_g(points), part=part)
    if threshold.parts and all(points <= round(groups[part].least, 9) for part, points in threshold.parts):
        yield threshold.place, ALWAYS_REACHED()


def _implies(one: Threshold, other: Threshold) -> bool:
    """Whether who reaches ``one`` has reached the ``other``, too."""
    mine, others = dict(one.parts), dict(other.parts)
    if list(others) == ["score"] and "fit" in mine and "engagement" in mine:
        mine.setdefault("score", mine["fit"] + mine["engagement"])
    return bool(others) and all(mine.get(part, -inf) >= points for part, points in others.items())


def _g(number: float) -> str:
    return f"{number:.15g}"
