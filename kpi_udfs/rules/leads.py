"""Leads with what the rules made of them: rows of the result, and one entry for each lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kpi_udfs.rules.model import LEAD, MQL, NOT_YET, SQL, SUPPRESSED

#: Every stage, the furthest first. Where one row of a lead is qualified, another does not take it back.
STAGES = (SQL, MQL, SUPPRESSED, NOT_YET, LEAD)
#: The stages that count as MQL, and as SQL.
REACHED = {"mql": frozenset({MQL, SQL}), "sql": frozenset({SQL})}


@dataclass(frozen=True)
class Lead:
    """One row. ``score``: None where the rules give no points. ``won``: whether a sale came of it.

    ``facts``: what else is known, such as ``channel`` and ``owner``.
    """

    id: str
    stage: str
    score: float | None = None
    rule: str = ""
    won: bool = False
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    def reached(self, stage: str) -> bool:
        """Whether it is ``mql`` (or further) or ``sql``."""
        return self.stage in REACHED[stage]


def one_per_lead(rows: Iterable[Lead]) -> list[Lead]:
    """The rows, an identifier that stands in several of them once: with the furthest stage, the highest
    score, won where any row is. A row without an identifier is a lead of its own."""
    found: dict[str | int, Lead] = {}
    for number, row in enumerate(rows):
        key: str | int = row.id or number
        before = found.get(key)
        found[key] = row if before is None else _both(before, row)
    return list(found.values())


def _both(one: Lead, other: Lead) -> Lead:
    further = min(one, other, key=lambda lead: STAGES.index(lead.stage))
    scores = [lead.score for lead in (one, other) if lead.score is not None]
    return replace(
        one,
        stage=further.stage,
        rule=further.rule,
        score=max(scores, default=None),
        won=one.won or other.won,
        facts={**other.facts, **{name: fact for name, fact in one.facts.items() if fact}},
    )


def counts(leads: Iterable[Lead]) -> dict[str, int]:
    """How many leads have which stage; every stage is named."""
    tally = Counter(lead.stage for lead in leads)
    return {stage: tally[stage] for stage in STAGES}
