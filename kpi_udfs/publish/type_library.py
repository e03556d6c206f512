"""A UNO type library: the file in which LibreOffice looks up an interface's methods and their types.

LibreOffice's own ``unoidl-write`` makes such files from text; it comes with an SDK that nobody should need for
building an extension. The format is described in LibreOffice's source, in ``unoidl/README.md``: offsets and lengths
are 32-bit little-endian numbers counted from the start of the file, and maps are sorted by name for bisecting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

#: What kind of thing an entry is.
_MODULE, _INTERFACE = 0, 5
#: A text that was written before is referred to by its place, with this bit set.
_BEFORE = 0x80000000

#: What a module holds, by name.
Tree = Mapping[str, Union["Interface", "Tree"]]


@dataclass(frozen=True)
class Method:
    """A method: what it gives and what it takes, by name and UNO type (``any``, ``[][]any``, ``[]any`` …)."""

    name: str
    gives: str
    takes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Interface:
    """An interface that extends others."""

    extends: tuple[str, ...]
    methods: Sequence[Method]


def type_library(name: str, interface: Interface) -> bytes:
    """The file for one interface, named with its modules: ``org.example.XThing``."""
    *modules, leaf = name.split(".")
    tree: Tree = {leaf: interface}
    for module in reversed(modules):
        tree = {module: tree}
    writer = _Writer()
    writer.content += b"UNOIDL\xff\0" + bytes(8)  # place and size of the outermost map, once they are known
    places = writer.held(tree)
    writer.content[8:16] = _number(len(writer.content)) + _number(len(places))
    writer.numbers(*places)
    return bytes(writer.content)


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


class _Writer:
    def __init__(self) -> None:
        self.content = bytearray()
        self.written: dict[str, int] = {}

    def numbers(self, *pairs: tuple[int, ...]) -> None:
        for pair in pairs:
            self.content += b"".join(map(_number, pair))

    def text(self, text: str) -> None:
        """A text with its length, or where it stands already."""
        if text in self.written:
            self.content += _number(self.written[text] | _BEFORE)
            return
        self.written[text] = len(self.content)
        self.content += _number(len(text)) + text.encode("ascii")

    def held(self, tree: Tree) -> list[tuple[int, int]]:
        """Write what a module holds and the names of it; gives the map: where each name and each thing stands."""
        things = [(name, self.thing(tree[name])) for name in sorted(tree)]
        places = []
        for name, place in things:
            places.append((len(self.content), place))
            self.content += name.encode("ascii") + b"\0"
        return places

    def thing(self, thing: Interface | Tree) -> int:
        """Write an interface or a module; gives its place."""
        if isinstance(thing, Interface):
            return self.interface(thing)
        places = self.held(thing)
        start = len(self.content)
        self.content.append(_MODULE)
        self.content += _number(len(places))
        self.numbers(*places)
        return start

    def interface(self, interface: Interface) -> int:
        start = len(self.content)
        self.content.append(_INTERFACE)
        self.content += _number(len(interface.extends))
        for name in interface.extends:
            self.text(name)
        self.numbers((0, 0))  # no optional bases, no attributes
        self.content += _number(len(interface.methods))
        for method in interface.methods:
            self.text(method.name)
            self.text(method.gives)
            self.content += _number(len(method.takes))
            for name, kind in method.takes:
                self.content.append(0)  # goes in
                self.text(name)
                self.text(kind)
            self.content += _number(0)  # no exceptions
        return start
