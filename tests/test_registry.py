"""What a declaration must hold before any host sees it."""

from __future__ import annotations

import itertools
from itertools import filterfalse
from keyword import iskeyword
from typing import Annotated, Any, Literal

import pytest

from kpi_udfs import kinds, messages, registry
from kpi_udfs.errors import DeclarationError
from kpi_udfs.kinds import Count, Money
from kpi_udfs.registry import Example, Measure

DOC = "A tooltip.\n\nA definition."
TOLD = {"formula": "spend", "edges": "No spend: 0.", "elsewhere": "Some add salaries."}


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KPIS", {})
    monkeypatch.setattr(messages, "CATALOG", {})


def declare(function: Any, *examples: Example, name: str = "some_kpi", doc: str = DOC, **told: str) -> Any:
    function.__name__, function.__doc__ = name, doc
    examples = examples or (Example(spend=1, gives=1.0, because="one"),)
    return registry.kpi(shows=kinds.MONEY, examples=list(examples), **{**TOLD, **told})(function)


def good(spend: Annotated[Money, "What was spent."]) -> Measure:
    return Measure(float(spend))


def test_a_declaration_leaves_the_function_alone() -> None:
    def function(spend: Annotated[Money, "What was spent."]) -> Measure:
        return Measure(spend * 2)

    assert declare(function) is function
    assert function(kinds.Amount(2)).value == 4


@pytest.mark.parametrize("name", ["ab", "cpl2", "roi1", "r1c1", "abc1234"])
def test_names_that_a_spreadsheet_misreads(name: str) -> None:
    with pytest.raises(DeclarationError, match="too short or reads as a cell address"):
        declare(lambda spend: spend, name=name)


def test_missing_and_overlong_help() -> None:
    def bare(spend: Money) -> Measure: ...
    def long(spend: Annotated[Money, "x" * 256]) -> Measure: ...

    with pytest.raises(DeclarationError, match="argument spend: the help is missing"):
        declare(bare)
    with pytest.raises(DeclarationError, match="more than 255 characters"):
        declare(long)


def test_missing_docstring_and_definition() -> None:
    with pytest.raises(DeclarationError, match="needs a docstring"):
        declare(good, doc="Only a tooltip.")


@pytest.mark.parametrize("what", TOLD)
@pytest.mark.parametrize("blank", ["", " \n "])
def test_formula_edges_and_other_definitions_are_told(what: str, blank: str) -> None:
    with pytest.raises(DeclarationError, match=f"SOME_KPI does not tell its {what}$"):
        declare(good, **{what: blank})
    with pytest.raises(DeclarationError, match="formula and edges and elsewhere"):
        registry.kpi(shows=kinds.MONEY, examples=[])(good)


def test_what_is_told_becomes_texts_in_the_order_of_the_page() -> None:
    declare(good, edges="No spend:\n    0.")
    assert list(messages.CATALOG)[1:6] == [
        f"SOME_KPI{part}" for part in ("", ".definition", ".formula", ".edges", ".elsewhere")
    ]
    spec = registry.KPIS["SOME_KPI"]
    assert (spec.formula.english, spec.edges.english) == ("spend", "No spend: 0.")


#: [MS-VBAL] 3.3.5.2, heading by heading; the words for attributes all begin with vb_.
RESERVED_IN_VBA = """
    call case close const declare defbool defbyte defcur defdate defdbl defint deflng deflnglng deflngptr defobj defsng
    defstr defvar dim do else elseif end endif enum erase event exit for friend function get global gosub goto if
    implements input let lock loop lset next on open option print private public put raiseevent redim resume return rset
    seek select set static stop sub type unlock wend while with write rem any as byref byval each in new shared until
    withevents optional paramarray preserve spc tab then to addressof and eqv imp is like mod not or typeof xor abs cbool
    cbyte ccur cdate cdbl cdec cint clng clnglng clngptr csng cstr cvar cverr date debug doevents fix int len lenb me
    pset scale sgn string array circle inputb lbound ubound boolean byte currency double integer long longlong longptr
    single variant true false nothing empty null attribute lineinput cdecl decimal defdec vb_name vb_ext_key
""".split()


@pytest.mark.parametrize(
    "name", [*filterfalse(iskeyword, RESERVED_IN_VBA), "k", "failed", "caller", "some_kpi", "Größe"]
)
def test_argument_names_that_vba_refuses(name: str) -> None:
    source = f"def function({name}: Annotated[Money, 'Help.']) -> Measure: ..."
    space: dict[str, Any] = {"Annotated": Annotated, "Money": Money, "Measure": Measure}
    exec(source, space)
    with pytest.raises(DeclarationError, match="can't be used in VBA"):
        declare(space["function"])


@pytest.mark.parametrize("name", ["scale", "lbound", "currency"])
def test_function_names_that_vba_refuses(name: str) -> None:
    with pytest.raises(DeclarationError, match="a word of VBA's own"):
        declare(good, name=name)


def test_examples_use_every_option_and_choice() -> None:
    def function(
        spend: Annotated[Money, "Help."],
        leads: Annotated[Count | None, "Help."] = None,
        basis: Annotated[Literal["one", "two"], "Help."] = "one",
    ) -> Measure: ...

    with pytest.raises(DeclarationError, match="no example uses leads"):
        declare(function, name="first_kpi")
    with pytest.raises(DeclarationError, match="no example uses basis"):
        declare(function, Example(spend=1, leads=2, gives=1.0, because=""), name="second_kpi")
    with pytest.raises(DeclarationError, match=r"basis = \['two'\]"):
        declare(function, Example(spend=1, leads=2, basis="one", gives=1.0, because=""), name="third_kpi")
    with pytest.raises(DeclarationError, match="an example names"):
        declare(good, Example(costs=1, gives=1.0, because=""), name="fourth_kpi")


def test_no_example_a_kind_missing_a_wrong_default_and_twice() -> None:
    def kindless(spend: Annotated[float, "Help."]) -> Measure: ...
    def defaulted(basis: Annotated[Literal["one", "two"], "Help."] = "two") -> Measure: ...

    with pytest.raises(DeclarationError, match="the kind is missing"):
        declare(kindless)
    with pytest.raises(DeclarationError, match="the first choice should be the default"):
        declare(defaulted, name="other_kpi")
    with pytest.raises(DeclarationError, match="has no example"):
        registry.kpi(shows=kinds.MONEY, examples=[], **TOLD)(_named(good, "lonely_kpi"))
    declare(_named(good, "some_kpi"), name="twice_kpi")
    messages.CATALOG.clear()
    with pytest.raises(DeclarationError, match="TWICE_KPI is declared twice"):
        declare(_named(good, "some_kpi"), name="twice_kpi")


def _named(function: Any, name: str) -> Any:
    def copy(spend: Annotated[Money, "What was spent."]) -> Measure: ...

    copy.__name__, copy.__doc__ = name, DOC
    return copy


def test_optional_arguments_come_last() -> None:
    with pytest.raises(DeclarationError, match="optional arguments come last"):
        registry._check_order(
            "SOME_KPI",
            [
                registry.Param("a", kinds.MONEY, messages.Text("a", "a"), default=None),
                registry.Param("b", kinds.MONEY, messages.Text("b", "b")),
            ],
        )


def test_public_names_stay() -> None:
    """A saved workbook stores the name: none may disappear or change its arguments' order."""
    import kpi_udfs
    from kpi_udfs.registry import KpiSpec  # the real registry was replaced for this module

    specs: list[KpiSpec] = list(kpi_udfs.KPIS.values())
    published = {
        "COST_PER_LEAD": "spend leads",
        "COST_PER_MQL": "spend mqls",
        "COST_PER_SQL": "spend sqls",
        "COST_PER_OPPORTUNITY": "spend opportunities leads",
        "COST_PER_ORDER": "spend orders",
        "CUSTOMER_ACQUISITION_COST": "spend new_customers lag",
        "CONVERSION_RATE": "entered reached",
        "LEADS_PER_SALE": "leads sales",
        "FUNNEL": "data stages by policy",
        "WIN_RATIO": "outcomes values basis",
        "SALES_CYCLE": "first_touch close_dates outcomes statistic as_of",
        "RETENTION_RATE": "at_start at_end joined",
        "CHURN_RATE": "at_start at_end joined",
        "MARKETING_ROI": "revenue spend margin",
        "RETURN_ON_AD_SPEND": "revenue spend",
        "REVENUE": "amounts dates outcomes from_date to_date",
        "QUALIFY": "leads events rules as_of",
        "LEAD_SCORE": "leads events rules as_of",
        "MQL_COUNT": "leads events rules as_of",
        "SQL_COUNT": "leads events rules as_of",
        "WHY_QUALIFIED": "lead_id leads events rules as_of",
        "FUNNEL_BOTTLENECK": "data stages benchmark policy",
        "STAGE_DURATION": "data stages as_of",
        "LOSS_REASONS": "outcomes reasons groups values",
        "WIN_RATIO_BY": "outcomes groups values basis",
        "SALES_VELOCITY": "opportunities win_ratio deal_size cycle_days",
        "RETENTION_COHORTS": "customers dates groups period show as_of",
        "RETENTION_CURVE": "durations lost groups",
        "CUSTOMER_LIFETIME_VALUE": "purchase_value purchases churn_rate margin",
        "KPI_CHECK": "data as_of",
        "KPI_EXPLAIN": "kpi arguments",
        "KPI_DEFINITION": "kpi language",
        "KPI_VERSION": "",
    }
    now = {spec.name: [param.name for param in spec.params] for spec in specs}
    for name, params in published.items():
        assert list(itertools.islice(now[name], len(params.split()))) == params.split()
