"""Two sets of rules over the same leads: who becomes an MQL or SQL by the new ones, and who no longer is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kpi_udfs.rules.leads import REACHED, Lead


@dataclass(frozen=True)
class Change:
    """Leads of a stage by the old rules and by the new, and the identifiers of those that move."""

    before: int
    after: int
    enter: tuple[str, ...]
    leave: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """The changes among the leads of one channel, or of one owner."""

    name: str
    leads: int
    changes: dict[str, Change]


@dataclass(frozen=True)
class Comparison:
    """What changes: in all (by stage, ``mql`` and ``sql``), and within each fact, such as each channel."""

    leads: int
    changes: dict[str, Change]
    within: dict[str, list[Share]]


def compare(old: Sequence[Lead], new: Sequence[Lead], facts: Iterable[str] = ()) -> Comparison:
    """What the new rules change. ``old`` and ``new``: the same leads in the same order.

    An SQL counts as an MQL, too. ``facts``: by which of the leads' facts the numbers are broken down;
    groups with most movement come first.
    """
    pairs = list(zip(old, new, strict=True))
    return Comparison(len(pairs), _changes(pairs), {fact: _shares(pairs, fact) for fact in facts})


_Pairs = list[tuple[Lead, Lead]]


def _changes(pairs: _Pairs) -> dict[str, Change]:
    return {stage: _change(pairs, stage) for stage in REACHED}


def _change(pairs: _Pairs, stage: str) -> Change:
    reached = [(one.id, one.reached(stage), other.reached(stage)) for one, other in pairs]
    return Change(
        before=sum(before for _, before, _ in reached),
        after=sum(after for _, _, after in reached),
        enter=tuple(identifier for identifier, before, after in reached if after and not before),
        leave=tuple(identifier for identifier, before, after in reached if before and not after),
    )


def _shares(pairs: _Pairs, fact: str) -> list[Share]:
    groups: dict[str, _Pairs] = {}
    for pair in pairs:
        groups.setdefault(pair[1].facts.get(fact, ""), []).append(pair)
    shares = [Share(name, len(members), _changes(members)) for name, members in groups.items()]
    return sorted(shares, key=lambda share: (-_moved(share), -share.leads, share.name))


def _moved(share: Share) -> int:
    return sum(len(change.enter) + len(change.leave) for change in share.changes.values())
