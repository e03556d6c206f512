"""Automata that search texts for a pattern in time linear in the text, whatever the pattern.

Every character of the pattern, with repeats written out, is a position (Glushkov's automaton). A
set of positions is an ``int`` with their bits: those that the last character of the text can have
been, in any of the attempts begun so far. The steps from set to set are remembered, as most texts
need only a few, and forgotten when they become many.
"""

from __future__ import annotations

import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import getitem, or_, xor
from typing import TypeAlias

#: Positions of an automaton, so that sets of them are small numbers.
MOST_POSITIONS = 500
#: What a step may take, as plans count it, so that 50,000 of them stay well within 0.1 seconds.
MOST_EFFORT = 32
#: Steps remembered for a pattern. One that leads to a new set takes some 500 bytes.
MOST_STEPS = 5_000
#: Characters after which a search looks whether remembering is worth it.
_SLICE = 500

#: Bits that stand beside those of the positions: found, and found if the text ends here.
_NOW, _END = 1, 2
#: What can come next, as bits: anywhere in the text, and where the text begins.
Entry: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Chars:
    """One character of these ranges, or one of all others. ``ranges`` are sorted and apart."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    @property
    def size(self) -> int:
        # Rust's regex refuses many ranges repeated many times.
        return 1 + len(self.ranges) // 10

    def portable(self) -> str:
        if len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1] and not self.negated:
            return _escaped(self.ranges[0][0])
        members = (_escaped(low) + (f"-{_escaped(high)}" if low < high else "") for low, high in self.ranges)
        return f"[{'^' * self.negated}{''.join(members)}]"

    def enter(self, net: Net, after: Entry) -> Entry:
        position = net.add(self, after[0])
        return position, position

    def edges(self) -> list[int]:
        """Where belonging to these characters begins and ends, by turns."""
        return [0] * self.negated + [edge for low, high in self.ranges for edge in (low, high + 1)]

    def sample(self) -> str | None:
        """One of the characters, a plain one if possible; None: text in lower case has none of them."""
        edges = [*self.edges(), 0x110000]
        plain = string.ascii_lowercase + string.digits + string.punctuation + " "
        for char in plain:
            if bisect_right(edges, ord(char)) % 2:
                return char
        others = (chr(point) for low, high in zip(edges[::2], edges[1::2]) for point in range(low, high))
        return next((char for char in others if char.lower() == char and not "\ud800" <= char <= "\udfff"), None)


@dataclass(frozen=True)
class Anchor:
    """Where the text begins (^) or ends ($)."""

    sign: str
    size = 1

    def portable(self) -> str:
        return self.sign

    def enter(self, net: Net, after: Entry) -> Entry:
        if self.sign == "^":
            return 0, after[1]
        return net.ending(after[0]), net.ending(after[1])


@dataclass(frozen=True)
class Series:
    """One part after the other."""

    parts: Sequence[Node]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def portable(self) -> str:
        return "".join(_grouped(part) if isinstance(part, Either) else part.portable() for part in self.parts)

    def enter(self, net: Net, after: Entry) -> Entry:
        for part in reversed(self.parts):
            after = part.enter(net, after)
        return after


@dataclass(frozen=True)
class Either:
    """One of the branches."""

    branches: Sequence[Node]

    @property
    def size(self) -> int:
        return sum(branch.size for branch in self.branches)

    def portable(self) -> str:
        return "|".join(branch.portable() for branch in self.branches)

    def enter(self, net: Net, after: Entry) -> Entry:
        return reduce(_union, [branch.enter(net, after) for branch in self.branches])


@dataclass(frozen=True)
class Repeat:
    """The body from ``least`` to ``most`` times; None: without end."""

    body: Node
    least: int
    most: int | None

    @property
    def size(self) -> int:
        return max(self.body.size, 1) * max(self.least, self.most or 1)

    def portable(self) -> str:
        sign = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((self.least, self.most))
        most = "" if self.most is None else f",{self.most}"
        count = f"{{{self.least}}}" if self.least == self.most else f"{{{self.least}{most or ','}}}"
        return (self.body.portable() if isinstance(self.body, Chars) else _grouped(self.body)) + (sign or count)

    def enter(self, net: Net, after: Entry) -> Entry:
        required = self.least
        if self.most is None:
            once, again = net.loop(self.body, after)
            after, required = (once, required - 1) if required else (again, 0)
        else:
            end = after
            for _ in range(self.most - self.least):
                after = _union(self.body.enter(net, after), end)
        for _ in range(required):
            after = self.body.enter(net, after)
        return after


Node: TypeAlias = Chars | Anchor | Series | Either | Repeat


def _union(one: Entry, other: Entry) -> Entry:
    return one[0] | other[0], one[1] | other[1]


def _grouped(node: Node) -> str:
    return f"(?:{node.portable()})"


def _escaped(point: int) -> str:
    char = chr(point)
    if char in r"\.+*?()|[]{}^$-&~":
        return "\\" + char
    return char if char.isprintable() else f"\\x{{{point:x}}}"


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Net:
    """The positions of a pattern and what follows each; entered from the pattern's end."""

    def __init__(self, node: Node) -> None:
        # The first two have the place of the bits that are no positions.
        self.chars = [Chars(()), Chars(())]
        self.follow = [0, 0]
        self.loops = 0
        self.anywhere, self.at_start = node.enter(self, (_NOW, _NOW))

    def add(self, chars: Chars, follow: int) -> int:
        self.chars.append(chars)
        self.follow.append(follow)
        return 1 << (len(self.follow) - 1)

    def loop(self, body: Node, after: Entry) -> tuple[Entry, Entry]:
        """Where to enter ``body`` that is repeated without end: at least once, or not at all."""
        # The body is followed by itself, but its entry isn't known before it is entered. Until
        # then a bit above those of all positions stands for it.
        mark = 1 << (2 * MOST_POSITIONS + self.loops)
        self.loops += 1
        begin = len(self.follow)
        once = body.enter(self, _union(after, (mark, mark)))
        once = once[0] & ~mark, once[1] & ~mark
        again = _union(once, after)
        for position in range(begin, len(self.follow)):
            if self.follow[position] & mark:
                self.follow[position] = self.follow[position] & ~mark | again[0]
        return once, again

    def ending(self, after: int) -> int:
        """What is left of ``after`` if the text ends here."""
        return _END if after & (_NOW | _END) else 0

    @property
    def in_every_text(self) -> bool:
        return bool(self.anywhere & (_NOW | _END) or self.at_start & _NOW)

    @property
    def in_empty_text(self) -> bool:
        return bool(self.at_start & (_NOW | _END))

    def example(self) -> str | None:
        """A shortest text in which the pattern is found; None: there is none."""
        samples = {chars: chars.sample() for chars in set(self.chars)}
        seen = self.at_start
        ways = [("", position) for position in _bits(self.at_start)]
        for before, position in ways:  # they grow meanwhile
            sample = samples[self.chars[position]]
            if sample is None:
                continue
            if self.follow[position] & (_NOW | _END):
                return before + sample
            ways += [(before + sample, new) for new in _bits(self.follow[position] & ~seen)]
            seen |= self.follow[position]
        return None


class _State(dict[str, "_State"]):
    """A set of positions; as a dict: which state each next character leads to."""

    __slots__ = ("automaton", "holds", "reach")

    def __init__(self, automaton: Automaton, reach: int, holds: bool) -> None:
        self.automaton = automaton
        #: Positions that the next character can be.
        self.reach = reach
        #: Whether the pattern is found if the text ends here.
        self.holds = holds

    def __missing__(self, char: str) -> _State:
        return self.automaton.step(self, char)


class _Table(dict[int, int]):
    """What follows any of a few positions."""

    def __init__(self, positions: Iterable[int], follow: Mapping[int, int]) -> None:
        self.follow = {position: follow[position] for position in positions}

    def __missing__(self, positions: int) -> int:
        self[positions] = reduce(or_, (self.follow[position] for position in _bits(positions)), 0)
        return self[positions]


class _Plan:
    """How to get from a set of positions to those that follow, in few operations.

    Most positions are followed by the one beside them, and repeats written out have the same
    distances again and again: one shift serves them all. The last characters of alternatives are
    followed by the same. What is left is looked up by eights.
    """

    def __init__(self, follow: Sequence[int], distances: Mapping[int, int]) -> None:
        rest = dict(enumerate(follow))
        for distance, mask in distances.items():
            for position in _bits(mask):
                rest[position] ^= 1 << (position - distance)
        before: dict[int, list[int]] = {}
        for position, after in rest.items():
            if after:
                before.setdefault(after, []).append(position)
        singles = [position for positions in before.values() if len(positions) < 4 for position in positions]
        eights = [singles[index : index + 8] for index in range(0, len(singles), 8)]
        self.shifts = [(mask, distance) for distance, mask in distances.items() if distance >= 0]
        # Repeats without end also lead back.
        self.back = [(mask, -distance) for distance, mask in distances.items() if distance < 0]
        self.joints = [(_mask(positions), after) for after, positions in before.items() if len(positions) >= 4]
        self.tables = [(_mask(eight), _Table(eight, rest)) for eight in eights]
        #: The time of a step as measured, where testing for a joint takes 2.
        self.effort = 4 * len(distances) + 2 * len(self.joints) + 7 * len(self.tables)

    def reach(self, positions: int) -> int:
        """The positions that follow these."""
        reach = 0
        for mask, distance in self.shifts:
            reach |= (positions & mask) >> distance
        for mask, distance in self.back:
            reach |= (positions & mask) << distance
        for mask, after in self.joints:
            if positions & mask:
                reach |= after
        for mask, table in self.tables:
            reach |= table[positions & mask]
        return reach


def _best_plan(follow: Sequence[int]) -> _Plan:
    distances: dict[int, int] = {}
    for position, after in enumerate(follow):
        for next_one in _bits(after):
            distances[position - next_one] = distances.get(position - next_one, 0) | 1 << position
    common = sorted(distances.items(), key=lambda item: -item[1].bit_count())
    common = [(distance, mask) for distance, mask in common[:12] if mask.bit_count() >= 8]
    plans = (_Plan(follow, dict(common[:count])) for count in range(len(common) + 1))
    return min(plans, key=lambda plan: plan.effort)


def _mask(positions: Iterable[int]) -> int:
    return sum(1 << position for position in positions)


class Automaton:
    """Searches texts for the pattern of a net."""

    def __init__(self, net: Net) -> None:
        self.now = _mask(position for position, follow in enumerate(net.follow) if follow & _NOW)
        self.end = _mask(position for position, follow in enumerate(net.follow) if follow & _END)
        # Which positions a character can be changes only at the edges of ranges.
        changes = {0: 0}
        for position, chars in enumerate(net.chars):
            for edge in chars.edges():
                changes[edge] = changes.get(edge, 0) ^ 1 << position
        self.edges = sorted(changes)
        self.masks: list[int] = list(accumulate((changes[edge] for edge in self.edges), xor))
        self.restart = net.anywhere
        self.plan = _best_plan([follow & ~(_NOW | _END) for follow in net.follow])
        self.start = _State(self, net.at_start, holds=False)
        self.found = _State(self, 0, holds=True)
        self.states: dict[int, _State] = {}
        self.steps = self.forgotten = 0

    def finds(self, text: str) -> bool:
        """Whether the pattern is found in ``text``."""
        if len(text) <= _SLICE:
            return reduce(getitem, text, self.start).holds
        state = self.start
        for begin in range(0, len(text), _SLICE):
            steps = self.steps
            state = reduce(getitem, text[begin : begin + _SLICE], state)
            if state is self.found:
                return True
            rest = text[begin + _SLICE :] if self.steps - steps > _SLICE // 4 else ""
            if rest:
                return self.finds_afresh(rest, state.reach)
        return state.holds

    def step(self, state: _State, char: str) -> _State:
        """The state after one more character, remembered in ``state``."""
        self.steps += 1
        if self.steps - self.forgotten > MOST_STEPS:
            self.forget()
        positions = state.reach & self.mask(char)
        after = self.found if state is self.found or positions & self.now else self.states.get(positions)
        if after is None:
            after = self.states[positions] = _State(
                self, self.restart | self.plan.reach(positions), bool(positions & self.end)
            )
        state[char] = after
        return after

    def forget(self) -> None:
        # States refer to each other: emptied, they are free at once.
        for state in (self.start, self.found, *self.states.values()):
            state.clear()
        self.states.clear()
        self.forgotten = self.steps

    def finds_afresh(self, text: str, reach: int) -> bool:
        """The same with nothing remembered, which is quicker where most sets are new."""
        masks: dict[str, int] = {}
        restart, follow = self.restart, self.plan.reach
        positions = 0
        for char in text:
            if char not in masks:
                masks[char] = self.mask(char)
            positions = reach & masks[char]
            if positions & self.now:
                return True
            reach = restart | follow(positions)
        return bool(positions & self.end)

    def mask(self, char: str) -> int:
        """The positions that a character can be."""
        return self.masks[bisect_right(self.edges, ord(char)) - 1]
