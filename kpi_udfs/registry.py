"""The one place a KPI is declared: ``@kpi`` on a function, everything else is rendered from it.

Names, order, defaults, choices and help come from the function's signature; the tooltip is the
docstring's first line, the definition its second paragraph; the formula, the edges and what the
field defines elsewhere are told to ``@kpi``. A declaration that some host could not carry, or that
leaves one of them open, is refused at import.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from kpi_udfs import kinds
from kpi_udfs.errors import DeclarationError
from kpi_udfs.kinds import Kind
from kpi_udfs.messages import Sentence, Text, text

F = TypeVar("F", bound=Callable[..., Any])

#: Longer help is cut by Excel's function wizard.
MAX_HELP = 255

#: The words that VBA keeps for itself ([MS-VBAL] 3.3.5.2), and those that begin a statement or mean something in one.
_VBA_WORDS = frozenset(
    """abs access addressof alias and any append array as attribute base binary boolean byref byte byval call case cbool
    cbyte ccur cdate cdbl cdec cdecl chdir cint circle clng clnglng clngptr close compare const csng cstr currency cvar
    cverr database date debug decimal declare defbool defbyte defcur defdate defdbl defdec defint deflng deflnglng
    deflngptr defobj defsng defstr defvar dim do doevents double each else elseif empty end enddo endif enum eqv erase
    error event exit explicit false fix for friend function get global gosub goto if imp implements in input inputb int
    integer is lbound len lenb let lib like line lineinput lock long longlong longptr loop lset me mid midb mod module
    name new next not nothing null object on open option optional or output paramarray preserve print private property
    pset ptrsafe public put raiseevent random randomize read redim rem reset resume return rset scale seek select set
    sgn shared single spc static step stop string sub tab text then time to true type typeof ubound unlock until variant
    wend while width with withevents write xor""".split()
)
#: Names that xlwings' generated VBA uses for itself.
_XLWINGS_NAMES = frozenset({"k", "failed", "argsarray", "caller"})
_CELL_ADDRESS = re.compile(r"[A-Z]{1,3}[0-9]{1,7}|R[0-9]*C[0-9]*|[RC]", re.IGNORECASE)


class Required:
    """The default of a parameter that has none."""


@dataclass(frozen=True, init=False)
class Example:
    """What a call gives, and why: documentation and test at once.

    Arguments are cells: a scalar, a list (one column) or a list of lists (a block).
    """

    arguments: Mapping[str, Any]
    gives: Any
    because: str
    said: Text | None = field(default=None, compare=False)

    def __init__(self, *, gives: Any, because: str, **arguments: Any) -> None:
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "gives", gives)
        object.__setattr__(self, "because", because)
        object.__setattr__(self, "said", None)


@dataclass(frozen=True, slots=True)
class Param:
    """One argument as a user sees it."""

    name: str
    kind: Kind
    help: Text
    default: Any = Required
    choices: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def required(self) -> bool:
        return self.default is Required and not self.repeats


@dataclass(frozen=True)
class KpiSpec:
    """A KPI as declared."""

    name: str
    function: Callable[..., Any]
    params: tuple[Param, ...]
    shows: Kind
    tooltip: Text
    definition: Text
    #: The definition in words and signs, on one line.
    formula: Text
    #: What comes out where there is nothing to divide by, a blank, a negative number, a duplicate …
    edges: Text
    #: What others call by the same name, and how their number differs.
    elsewhere: Text
    examples: tuple[Example, ...]
    category: str
    #: Whether the function itself wants the context of the call (settings, host).
    wants_context: bool = False

    @property
    def signature(self) -> str:
        """As staff see it: ``WIN_RATIO(outcomes, [values], [basis])``."""
        shown = [p.name if p.required else f"[{p.name}]" for p in self.params]
        return f"{self.name}({', '.join(shown)}{' …' if self.repeats else ''})"

    @cached_property  # asked in every call
    def repeats(self) -> bool:
        return bool(self.params) and self.params[-1].repeats

    @cached_property
    def gives_block(self) -> bool:
        return self.shows is kinds.TABLE

    def arguments(self, example: Example) -> list[Any]:
        """The example's cells in the order of the parameters; None where one is left out."""
        given: list[Any] = []
        for param in self.params:
            value = example.arguments.get(param.name)
            given.extend(value or []) if param.repeats else given.append(value)
        while given and given[-1] is None:
            given.pop()
        return given


KPIS: dict[str, KpiSpec] = {}


@dataclass(slots=True)  # one in every call: frozen ones take three times as long to make
class Measure:
    """A KPI's answer: the number (or text), how it was made, and what deserves a warning."""

    value: float | str
    working: tuple[Sentence, ...] = ()
    warnings: tuple[Sentence, ...] = ()
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A KPI's answer in several cells; ``rows`` include the header row."""

    rows: list[list[Any]]
    column_kinds: tuple[Kind, ...]
    working: tuple[Sentence, ...] = ()
    warnings: tuple[Sentence, ...] = ()


def kpi(
    *, shows: Kind, examples: list[Example], formula: str = "", edges: str = "", elsewhere: str = ""
) -> Callable[[F], F]:
    """Declare the function a KPI; it stays ordinary Python and is returned unchanged.

    ``formula``, ``edges`` and ``elsewhere`` (see :class:`KpiSpec`) have to be there; they have
    defaults so that one left out is refused with the KPI's name, as everything else is.
    """

    def declare(function: F) -> F:
        spec = _spec(function, shows, {"formula": formula, "edges": edges, "elsewhere": elsewhere}, examples)
        if spec.name in KPIS:
            raise DeclarationError(f"{spec.name} is declared twice")
        KPIS[spec.name] = spec
        return function

    return declare


def _spec(function: Callable[..., Any], shows: Kind, told: Mapping[str, str], examples: list[Example]) -> KpiSpec:
    name = function.__name__.upper()
    if len(name) < 3 or _CELL_ADDRESS.fullmatch(name):
        raise DeclarationError(f"{name} is too short or reads as a cell address")
    if name.casefold() in _VBA_WORDS:
        raise DeclarationError(f"{name} is a word of VBA's own")
    paragraphs = inspect.getdoc(function) or ""
    tooltip, _, rest = paragraphs.partition("\n\n")
    definition = " ".join(rest.partition("\n\n")[0].split())
    if not tooltip or not definition:
        raise DeclarationError(f"{name} needs a docstring: a tooltip line and a definition")
    told = {what: " ".join(english.split()) for what, english in told.items()}
    if missing := [what for what, english in told.items() if not english]:
        raise DeclarationError(f"{name} does not tell its {' and '.join(missing)}")
    hints = get_type_hints(function, include_extras=True)
    params = []
    wants_context = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "context":
            wants_context = True
        else:
            params.append(_param(name, parameter, hints[parameter.name]))
    _check_order(name, params)
    spec = KpiSpec(
        name=name,
        function=function,
        params=tuple(params),
        shows=shows,
        tooltip=_help(name, name, " ".join(tooltip.split())),
        definition=text(f"{name}.definition", definition),
        **{what: text(f"{name}.{what}", english) for what, english in told.items()},
        examples=tuple(examples),
        category=function.__module__.rpartition(".")[2],
        wants_context=wants_context,
    )
    _check_examples(spec)
    return spec


def _param(kpi_name: str, parameter: inspect.Parameter, hint: Any) -> Param:
    name = parameter.name
    where = f"{kpi_name}, argument {name}"
    # A function's own name is a variable inside it.
    taken = _VBA_WORDS | _XLWINGS_NAMES | {kpi_name.casefold()}
    if name in taken or name.startswith("vb_") or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DeclarationError(f"{where}: the name can't be used in VBA")
    if get_origin(hint) is not Annotated:  # Python 3.10 makes Optional[hint] of what has the default None
        hint = next((option for option in get_args(hint) if get_origin(option) is Annotated), hint)
    if get_origin(hint) is not Annotated:
        raise DeclarationError(f"{where}: write Annotated[kind, help]")
    kind_hint, *notes = get_args(hint)
    help_text = next((note for note in notes if isinstance(note, str)), "")
    kind = next((note for note in notes if isinstance(note, Kind)), None)
    options = [o for o in (kind_hint, *get_args(kind_hint)) if get_origin(o) is Literal]
    choices = tuple(get_args(options[0])) if options else ()
    if kind is None:
        kind = next((n for o in get_args(kind_hint) for n in get_args(o) if isinstance(n, Kind)), None)
    if choices:
        kind = kinds.CHOICE
    if kind is None:
        raise DeclarationError(f"{where}: the kind is missing")
    if choices and parameter.default != choices[0]:
        raise DeclarationError(f"{where}: the first choice should be the default")
    default = Required if parameter.default is inspect.Parameter.empty else parameter.default
    return Param(
        name=name,
        kind=kind,
        help=_help(where, f"{kpi_name}.{name}", help_text),
        default=default,
        choices=choices,
        repeats=parameter.kind is inspect.Parameter.VAR_POSITIONAL,
    )


def _help(where: str, key: str, english: str) -> Text:
    if not english:
        raise DeclarationError(f"{where}: the help is missing")
    if len(english) > MAX_HELP:
        raise DeclarationError(f"{where}: the help has more than {MAX_HELP} characters")
    return text(key, english)


def _check_order(name: str, params: list[Param]) -> None:
    optional = [p.name for p in params if not p.required]
    if [p.name for p in params][len(params) - len(optional) :] != optional:
        raise DeclarationError(f"{name}: optional arguments come last")
    if any(p.repeats for p in params) and len(optional) > 1:
        raise DeclarationError(f"{name}: a repeating argument can't follow optional ones")


def _check_examples(spec: KpiSpec) -> None:
    if not spec.examples:
        raise DeclarationError(f"{spec.name} has no example")
    used: dict[str, list[Any]] = {}
    for number, example in enumerate(spec.examples, 1):
        if unknown := example.arguments.keys() - {p.name for p in spec.params}:
            raise DeclarationError(f"{spec.name}: an example names {sorted(unknown)}")
        for name, value in example.arguments.items():
            used.setdefault(name, []).append(value)
        said = text(f"{spec.name}.example.{number}", example.because)
        object.__setattr__(example, "said", said)
    for param in spec.params:
        if not param.required and param.name not in used:
            raise DeclarationError(f"{spec.name}: no example uses {param.name}")
        if left := set(param.choices[1:]) - set(map(str, used.get(param.name, []))):
            raise DeclarationError(f"{spec.name}: no example uses {param.name} = {sorted(left)}")
