"""The type library of LibreOffice's extension, read back as LibreOffice reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from kpi_udfs.publish import libreoffice
from kpi_udfs.publish.type_library import Interface, Method, type_library
from kpi_udfs.registry import KPIS

#: An identifier of UNO: no underscores, so that nobody sees a name that another language has to change.
IDENTIFIER = re.compile(r"[a-z][A-Za-z0-9]*")


class Reader:
    """Follows the places in the file, as its format tells."""

    def __init__(self, content: bytes) -> None:
        assert content[:8] == b"UNOIDL\xff\0"
        self.content, self.at = content, 8
        place, size = self.number(), self.number()
        self.found = dict(self.held(place, size, ""))

    def number(self) -> int:
        self.at += 4
        return int.from_bytes(self.content[self.at - 4 : self.at], "little")

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def text(self) -> str:
        size = self.number()
        if size & 0x80000000:  # it stands elsewhere
            back, self.at = self.at, size & 0x7FFFFFFF
            said = self.text()
            self.at = back
            return said
        self.at += size
        return self.content[self.at - size : self.at].decode("ascii")

    def held(self, place: int, size: int, module: str) -> Iterator[tuple[str, Any]]:
        """What a map names, modules in modules with it."""
        before = ""
        for number in range(size):
            self.at = place + 8 * number
            written, thing = self.number(), self.number()
            name = self.content[written : self.content.index(b"\0", written)].decode("ascii")
            assert before < name, "LibreOffice bisects"
            before = name
            self.at = thing
            kind = self.byte()
            if kind == 0:
                inside = self.number()
                yield from self.held(self.at, inside, f"{module}{name}.")
            else:
                assert kind == 5, "an interface that is not published"
                yield f"{module}{name}", self.interface()

    def interface(self) -> Interface:
        extends = tuple(self.text() for _ in range(self.number()))
        assert (self.number(), self.number()) == (0, 0), "optional interfaces, attributes"
        return Interface(extends, [self.method() for _ in range(self.number())])

    def method(self) -> Method:
        name, gives = self.text(), self.text()
        takes = []
        for _ in range(self.number()):
            assert self.byte() == 0, "an argument that goes in"
            takes.append((self.text(), self.text()))
        assert self.number() == 0, "exceptions"
        return Method(name, gives, tuple(takes))


def test_an_interface_is_read_back() -> None:
    methods = [Method("one", "any", ()), Method("two", "[][]any", (("any", "any"), ("more", "[]any")))]
    interface = Interface(("com.sun.star.uno.XInterface", "org.example.XOne"), methods)
    assert Reader(type_library("org.example.deep.XThing", interface)).found == {"org.example.deep.XThing": interface}


@pytest.fixture(scope="module")
def methods() -> dict[str, Method]:
    """What LibreOffice finds in the extension's own."""
    read = Reader(libreoffice.types()).found
    assert list(read) == ["org.kpiudfs.calc.XKpiFunctions"]
    interface = read["org.kpiudfs.calc.XKpiFunctions"]
    assert interface.extends == ("com.sun.star.uno.XInterface",)
    return {method.name: method for method in interface.methods}


def test_a_method_for_each_function(methods: dict[str, Method]) -> None:
    assert list(methods) == [libreoffice.method_name(spec) for spec in KPIS.values()]
    assert methods["winRatio"] == Method(
        "winRatio", "any", (("outcomes", "[][]any"), ("values", "any"), ("basis", "any"))
    )
    assert methods["kpiVersion"].takes == ()


def test_names_are_told_apart_by_every_language(methods: dict[str, Method]) -> None:
    """``.ods`` files store them in capitals, and Basic knows no case."""
    assert len({name.upper() for name in methods}) == len(methods)
    for method in methods.values():
        names = [method.name, *(name for name, _ in method.takes)]
        assert all(map(IDENTIFIER.fullmatch, names)), names
        assert len({name.upper() for name in names[1:]}) == len(names) - 1, names


def test_what_methods_take_and_give(methods: dict[str, Method]) -> None:
    for spec in KPIS.values():
        method = methods[libreoffice.method_name(spec)]
        assert method.gives == ("[][]any" if spec.gives_block else "any"), spec.name
        kinds = [kind for _, kind in method.takes]
        told = libreoffice.is_told(spec)
        assert (kinds[:1] == ["com.sun.star.beans.XPropertySet"]) == told, spec.name
        # What may be left out has to be any: LibreOffice's wizard goes by that.
        wanted = ["[]any" if param.repeats else "[][]any" if param.required else "any" for param in spec.params]
        assert kinds[told:] == wanted, spec.name


def test_the_help_names_the_same_methods_and_arguments(methods: dict[str, Method]) -> None:
    name = "{http://openoffice.org/2001/registry}name"
    root = ElementTree.fromstring(libreoffice.configuration())
    (functions,) = [node for node in root.iter("node") if node.attrib[name] == "AddInFunctions"]
    helped = {
        node.attrib[name]: [param.attrib[name] for group in node.findall("node") for param in group]
        for node in functions
    }
    assert helped == {
        method.name: [param for param, kind in method.takes if kind != "com.sun.star.beans.XPropertySet"]
        for method in methods.values()
    }


def test_functions_with_dates_or_files_are_told_which_document_calls() -> None:
    """Of a column of names nothing depends on the document, and Calc is spared handing it over."""
    assert {name for name, spec in KPIS.items() if not libreoffice.is_told(spec)} >= {
        "COST_PER_LEAD", "WIN_RATIO", "RETENTION_RATE", "KPI_VERSION", "KPI_DEFINITION",
    }  # fmt: skip
    for spec in KPIS.values():
        if {param.name for param in spec.params} & {"as_of", "dates", "rules", "from_date", "first_touch"}:
            assert libreoffice.is_told(spec), spec.name
    assert libreoffice.is_told(KPIS["KPI_EXPLAIN"]), "it may explain a function with dates"
