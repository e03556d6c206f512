"""What holds for all KPIs, searched for counterexamples."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_udfs import calls, kinds
from kpi_udfs.errors import CellError
from kpi_udfs.registry import KPIS, Block, KpiSpec, Param
from kpi_udfs.settings import fold

SPECS = [pytest.param(spec, id=name) for name, spec in KPIS.items()]
#: It tells an error in words instead of passing it on: that is what it is for.
TELLS_ERRORS = {"KPI_EXPLAIN"}
#: They name rows by their numbers or answer row by row, so that the order is part of the answer (tests/kpis/test_quality.py
#: and tests/rules have their promises).
NAMES_ROWS = {"KPI_CHECK", "QUALIFY", "LEAD_SCORE"}

searched = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
#: A KPI that counts tables takes its time, and several promises search it.
searched_less = settings(searched, max_examples=40)
#: Rules and two tables take longer still, and have random tests of their own (tests/rules).
searched_least = settings(searched, max_examples=12)


def searched_for(spec: KpiSpec) -> settings:
    if spec.category == "qualification":
        return searched_least
    return searched_less if spec.gives_block else searched


def run(spec: KpiSpec, arguments: Sequence[Any]) -> Any:
    return calls.call(spec, arguments, calls.context_now())


# ---------------------------------------------------------------------------- junk of all kinds

junk_cell = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "won", "Lost", "1.234", "1,5 €", "$3", "12%", "(5)", "2026-01-05", "4/3/17", "4. März 2017", "#N/A",
         "#WERT!", "Lead", "MQL", "all", "WIN_RATIO", "de", "00123", "NaN", "1e5", "−5", "٣"]
    ),
    st.dates(),
    st.datetimes(),
    st.just(datetime(9999, 12, 31, 23, tzinfo=UTC)),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([Decimal("12.5"), Decimal("NaN"), np.float64(2.5), np.int64(3), np.bool_(True), float("inf")]),
    st.sampled_from([{"type": "Error", "kind": "Div"}, {"type": "Error", "basicValue": "#N/A"}, {}, -2146826281]),
    st.binary(max_size=3),
)  # fmt: skip
junk = st.one_of(
    junk_cell,
    st.lists(junk_cell, max_size=6),
    st.lists(st.lists(junk_cell, max_size=4), max_size=6),
    st.lists(st.tuples(junk_cell, junk_cell), max_size=6).map(tuple),
    st.lists(st.one_of(junk_cell, st.lists(junk_cell, max_size=3)), max_size=6),  # no host sends it
    st.lists(st.lists(junk_cell, max_size=1), min_size=1, max_size=4),
)


@pytest.mark.parametrize("spec", SPECS)
def test_any_junk_gives_a_value_or_a_cell_error(spec: KpiSpec, caplog: pytest.LogCaptureFixture) -> None:
    @searched
    @given(st.lists(junk, max_size=len(spec.params) + 1), st.booleans())
    def search(arguments: list[Any], com: bool) -> None:
        caplog.clear()
        context = calls.context_now(com=com)
        answer = calls.answer(spec, arguments, context)
        assert not [r for r in caplog.records if r.name == "kpi_udfs"], (arguments, caplog.text[-2000:])
        for cell in cells_of(answer.cell):
            assert isinstance(cell, CellError) or type(cell) in (float, int, str, bool), (cell, arguments)
        assert isinstance(answer.explanation, str)

    search()


def cells_of(value: Any) -> list[Any]:
    return [cell for row in value for cell in row] if isinstance(value, list) else [value]


# -------------------------------------------------------------------------- input that makes sense

NAMES = [f"name {letter}" for letter in "abcdefghij"]
STAGES = ["lead", "mql", "won"]
#: Totals that fit together: more at the start than at the end, more entered than reached.
TOTALS = {"at_start": (200, 300), "at_end": (100, 190), "joined": (1, 90), "entered": (50, 100), "reached": (0, 50)}


@st.composite
def plausible(draw: Any, spec: KpiSpec) -> list[Any]:
    """Arguments as a user would give them; now and then something is left out."""
    rows = draw(st.integers(2, 7))
    if spec.category == "qualification":
        return leads_and_rules(draw, spec, rows)
    by_name = draw(st.booleans())
    given_arguments = []
    for param in spec.params:
        if param.repeats:
            given_arguments += [outcomes(draw, rows)]
        elif param.name in ("dates", "from_date", "to_date") and spec.name == "REVENUE":
            given_arguments.append(None if param.name != "dates" else dates(draw, rows))
        elif param.choices:
            given_arguments.append(draw(st.sampled_from([None, *param.choices])))
        elif not param.required and draw(st.booleans()):
            given_arguments.append(None)
        else:
            given_arguments.append(argument(draw, param, rows, by_name))
    return given_arguments


def argument(draw: Any, param: Param, rows: int, by_name: bool) -> Any:
    kind = param.kind
    if kind is kinds.COUNT:
        low, high = TOTALS.get(param.name, (1, 500))
        if param.name == "new_customers":
            return draw(st.lists(st.integers(low, high), min_size=rows, max_size=rows))
        if by_name and param.name != "leads":
            return draw(st.lists(st.sampled_from(NAMES), min_size=rows, max_size=rows).map(lambda names: [*names]))
        return draw(st.integers(low, high))
    if kind is kinds.MONEY:
        amount = st.floats(1, 1e6).map(lambda number: round(number, 2))
        return draw(st.lists(amount, min_size=rows, max_size=rows))
    if param.name == "benchmark":
        return draw(st.sampled_from([[0.5, 0.25], ["50%", 0.9], [["mql", 0.5], ["won", 0.2]], EARLIER]))
    return {
        kinds.OUTCOMES: lambda: outcomes(draw, rows),
        kinds.DATES: lambda: dates(draw, rows, early=param.name == "first_touch"),
        kinds.MARGIN: lambda: draw(st.floats(0.01, 1)),
        kinds.PERIODS: lambda: draw(st.sampled_from([0, 1])),
        kinds.PRICE: lambda: round(draw(st.floats(1, 1e5)), 2),
        kinds.RATE: lambda: draw(st.floats(0.01, 1)),
        kinds.NUMBER: lambda: draw(st.floats(0.1, 10)),
        kinds.DAYS: lambda: draw(st.integers(1, 400)),
        kinds.DATE: lambda: float(draw(st.integers(46200, 46450))),
        kinds.DAY_COLUMN: lambda: dates(draw, rows),
        kinds.KEYS: lambda: column(draw, rows, NAMES[:4] if param.required else [*NAMES[:3], ""]),
        kinds.FLAGS: lambda: column(draw, rows, ["yes", "no", "ja", "Non", True, False, 1, 0]),
        kinds.DURATION: lambda: draw(st.lists(st.integers(0, 40), min_size=rows, max_size=rows)),
        kinds.LABELS: lambda: [*STAGES],
        kinds.TEXT: lambda: {"kpi": "WIN_RATIO", "by": "channel", "language": "en"}[param.name],
        kinds.TABLE: lambda: table(draw, rows),
    }[kind]()


def leads_and_rules(draw: Any, spec: KpiSpec, rows: int) -> list[Any]:
    """What QUALIFY and its kin take: leads, their events, rules as lines of text, a day."""
    ids = [f"L{number}" for number in range(rows)]
    employees = column(draw, rows, [5, 50, 300, ""])
    leads = [["lead id", "employees"], *map(list, zip(ids, employees, strict=True))]
    what = st.tuples(st.sampled_from(ids), st.sampled_from(["ebook", "demo"]), st.integers(46000, 46100).map(float))
    events = [["lead id", "event", "date"], *draw(st.lists(what.map(list), min_size=1, max_size=8))]
    rules = spec.arguments(spec.examples[0])[spec.params.index(param_of(spec, "rules"))]
    rules = [*rules[:-1], "sql: {event: demo}"]
    day = draw(st.sampled_from([None, 46050.0, 46100.0]))
    return [*(["L1"] if spec.params[0].name == "lead_id" else []), leads, events, rules, day]


def param_of(spec: KpiSpec, name: str) -> Param:
    return next(param for param in spec.params if param.name == name)


#: An earlier funnel to compare with.
EARLIER = [["Stage", "Number"], ["lead", 200], ["mql", 100], ["won", 20]]


def column(draw: Any, rows: int, words: list[Any]) -> list[Any]:
    return draw(st.lists(st.sampled_from(words), min_size=rows, max_size=rows))


def outcomes(draw: Any, rows: int) -> list[Any]:
    words = column(draw, rows, ["Won", "won ", "Lost", "gewonnen", "perdu", "open", "Negotiation"])
    begin = draw(st.sampled_from([["won"], ["won", "lost"], ["lost", "won"]]))
    return [*begin, *words[len(begin) :]]


def dates(draw: Any, rows: int, early: bool = False) -> list[Any]:
    low, high = (46000, 46100) if early else (46050, 46400)
    return draw(st.lists(st.integers(low, high).map(float), min_size=rows, max_size=rows))


def table(draw: Any, rows: int) -> list[list[Any]]:
    channel = st.sampled_from(["mail", "ads", ""])
    day = st.one_of(st.just(""), st.integers(46000, 46300).map(float))
    lines = draw(st.lists(st.tuples(channel, st.just(46000.0), day, day).map(list), min_size=rows, max_size=rows))
    return [["channel", *STAGES], *lines]


@pytest.mark.parametrize("spec", SPECS)
def test_sensible_input_gives_numbers_and_every_choice_occurs(spec: KpiSpec) -> None:
    results: Counter[bool] = Counter()
    choices: set[tuple[str, str]] = set()

    @searched
    @given(plausible(spec))
    def search(arguments: list[Any]) -> None:
        value = run(spec, arguments)
        results[not isinstance(value, CellError)] += 1
        for param, given_argument in zip(spec.params, arguments, strict=False):
            if param.choices:
                choices.add((param.name, given_argument or param.choices[0]))

    search()
    # A function of words or of nothing has few calls to make.
    assert results.total() >= (90 if any(p.kind not in (kinds.TEXT, kinds.RAW) for p in spec.params) else 1)
    assert results[True] / results.total() >= 0.6
    assert choices == {(param.name, choice) for param in spec.params for choice in param.choices}


def close(one: Any, other: Any, factor: float = 1.0) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            all(close(a, b) for a, b in zip(x, y, strict=True)) for x, y in zip(one, other, strict=True)
        )
    if isinstance(one, float | int) and isinstance(other, float | int):
        return one * factor == pytest.approx(other, rel=1e-9, abs=1e-12)
    return bool(one == other)


@pytest.mark.parametrize("spec", SPECS)
def test_inputs_stay_as_they_are(spec: KpiSpec) -> None:
    @searched_for(spec)
    @given(plausible(spec))
    def search(arguments: list[Any]) -> None:
        before = copy.deepcopy(arguments)
        run(spec, arguments)
        assert arguments == before

    search()


def with_params(spec: KpiSpec, arguments: list[Any]) -> list[tuple[Param, Any]]:
    """Each argument with its parameter, the last of which may repeat."""
    return [(spec.params[min(index, len(spec.params) - 1)], a) for index, a in enumerate(arguments)]


def has_rows(param: Param, argument: Any) -> bool:
    """Whether an argument holds one cell, or one line, per row; stages, their rates and rules are in order."""
    return isinstance(argument, list) and param.kind is not kinds.LABELS and param.name not in ("benchmark", "rules")


@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params and s.id not in NAMES_ROWS])
def test_the_order_of_rows_makes_no_difference(spec: KpiSpec) -> None:
    """Neither to the numbers nor to the order of a block's lines."""

    @searched_for(spec)
    @given(plausible(spec), st.randoms(use_true_random=False))
    def search(arguments: list[Any], chance: random.Random) -> None:
        if spec.name == "CUSTOMER_ACQUISITION_COST":
            arguments[2:] = []  # with a lag, rows are periods and their order is the point
        height = max((len(a) for a in arguments if isinstance(a, list)), default=0)
        order = list(range(height))
        chance.shuffle(order)
        others = [shuffled(a, order, chance) if has_rows(p, a) else a for p, a in with_params(spec, arguments)]
        assert close(run(spec, arguments), run(spec, others))

    def shuffled(argument: list[Any], order: list[int], chance: random.Random) -> list[Any]:
        if isinstance(argument[0], list):
            return [argument[0], *chance.sample(argument[1:], len(argument) - 1)]
        return [argument[i] for i in order if i < len(argument)]

    search()


@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params])
def test_blank_rows_make_no_difference(spec: KpiSpec) -> None:
    @searched_for(spec)
    @given(plausible(spec), st.sampled_from([None, "", " ", float("nan")]), st.integers(1, 8))
    def search(arguments: list[Any], blank: Any, at: int) -> None:
        if spec.name == "CUSTOMER_ACQUISITION_COST" or spec.name in NAMES_ROWS:
            at = (
                8  # with a lag, rows are periods, and a row's number counts blank ones: those at the end change nothing
            )

        def longer(argument: Any) -> Any:
            if not isinstance(argument, list):
                return argument
            line = [blank] * len(argument[0]) if isinstance(argument[0], list) else blank
            return [*argument[:at], line, *argument[at:]]

        assert close(run(spec, arguments), run(spec, [longer(a) for a in arguments]))

    search()


UNIT = 1024
#: Kinds of arguments that are in the currency's unit.
IN_MONEY = (kinds.MONEY, kinds.PRICE)
MONEY_SPECS = [s for s in SPECS if any(p.kind in IN_MONEY for p in s.values[0].params)]


@pytest.mark.parametrize("spec", MONEY_SPECS)
def test_the_currency_unit_scales_money_and_nothing_else(spec: KpiSpec) -> None:
    @searched_for(spec)
    @given(plausible(spec))
    def search(arguments: list[Any]) -> None:
        scaled = [in_other_unit(a) if p.kind in IN_MONEY else a for p, a in with_params(spec, arguments)]
        one, other = (calls.answer(spec, a, calls.context_now()) for a in (arguments, scaled))
        if not isinstance(one.result, Block):
            assert close(one.cell, other.cell, UNIT if spec.shows is kinds.MONEY else 1)
            return
        money = [kind is kinds.MONEY for kind in one.result.column_kinds]
        assert any(money) == (arguments[[p.kind for p in spec.params].index(kinds.MONEY)] is not None)
        header, *lines = one.result.rows
        expected = [[in_other_unit(c) if m else c for c, m in zip(row, money, strict=True)] for row in lines]
        assert close([header, *expected], other.cell)

    def in_other_unit(amount: Any) -> Any:
        if isinstance(amount, list):
            return [*map(in_other_unit, amount)]
        return amount * UNIT if isinstance(amount, int | float) else amount

    search()


def known_names() -> dict[str, tuple[str, ...]]:
    """The names of each stage, and of a channel, as the configuration gives them."""
    current = calls.context_now().settings
    entries = [names for _, names in (*current.stages, *current.columns)]
    return {header: next(names for names in entries if header in names) for header in ("channel", *STAGES)}


@pytest.mark.parametrize(
    "spec",
    [
        s
        for s in SPECS
        if any(p.kind is kinds.TABLE for p in s.values[0].params) and s.values[0].category != "qualification"
    ],
)  # rules name the columns themselves
def test_headers_in_another_language_change_no_number(spec: KpiSpec) -> None:
    names = known_names()
    renamed = st.fixed_dictionaries({header: st.sampled_from(others) for header, others in names.items()})

    @searched_for(spec)
    @given(plausible(spec), renamed, st.booleans())
    def search(arguments: list[Any], name_of: dict[str, str], upper: bool) -> None:
        header, *rows = arguments[0]
        others = [name_of[name].upper() if upper else name_of[name] for name in header]
        changed = [[others, *rows], *(follow(a, name_of) for a in arguments[1:])]
        one, other = (
            calls.answer(spec, given_arguments, calls.context_now()) for given_arguments in (arguments, changed)
        )
        assert isinstance(one.result, Block) == isinstance(other.result, Block)
        assert close(numbers(one), numbers(other)), (others, other.explanation)

    def follow(argument: Any, name_of: dict[str, str]) -> Any:
        """A benchmark names the stages as the table does."""
        if not isinstance(argument, list) or not isinstance(argument[0], list):
            return argument
        return [[name_of.get(stage, stage), number] for stage, number in argument]

    def numbers(answer: calls.Answer) -> Any:
        if not isinstance(answer.result, Block):
            return answer.cell
        texts = [kind is kinds.TEXT for kind in answer.result.column_kinds]
        return [[c for c, text in zip(row, texts, strict=True) if not text] for row in answer.result.rows[1:]]

    search()


def test_columns_are_found_by_their_headers_in_every_language() -> None:
    entries = [names for _, names in calls.context_now().settings.columns]
    checked = []
    for name, spec in KPIS.items():
        required = [param for param in spec.params if param.required]
        names = [next((names for names in entries if fold(param.name) in names), ()) for param in required]
        if not required or not all(names) or not all(param.kind.is_column for param in required):
            continue  # there is an argument that no header stands for
        columns = spec.arguments(spec.examples[0])[: len(required)]
        cells = [column if isinstance(column, list) else [column] for column in columns]
        rows = [list(row) for row in zip(*cells, strict=True)]
        for number in range(max(map(len, names))):
            header = [known[number % len(known)] for known in names]
            answer = calls.answer_on(spec, [header, *rows], {}, calls.context_now())
            assert close(answer.cell, run(spec, columns)), (header, answer.explanation)
        checked.append(name)
    assert {"WIN_RATIO", "SALES_CYCLE", "REVENUE", "LOSS_REASONS", "RETENTION_COHORTS", "RETENTION_CURVE"} <= {*checked}


ERRORS = [
    ({"type": "Error", "kind": "Div"}, "#DIV/0!"),
    ({"type": "Error", "basicValue": "#NUM!"}, "#NUM!"),
    ({"type": "Error", "errorType": "#N/A"}, "#N/A"),
    ("#REF!", "#REF!"),
    ("#WERT!", "#VALUE!"),
    ("#NOMBRE!", "#NUM!"),
]


@pytest.mark.parametrize(("cell", "code"), ERRORS, ids=[repr(cell) for cell, _ in ERRORS])
@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params and s.id not in TELLS_ERRORS])
def test_an_error_cell_comes_out_as_the_same_error(spec: KpiSpec, cell: Any, code: str) -> None:
    example = spec.examples[0]
    arguments = spec.arguments(example)
    for index, argument in enumerate(arguments):
        with_error = copy.deepcopy(arguments)
        if isinstance(argument, list) and isinstance(argument[0], list):
            with_error[index][-1][-1] = cell
        elif isinstance(argument, list):
            with_error[index][-1] = cell
        else:
            with_error[index] = cell
        answer = calls.answer(spec, with_error, calls.context_now())
        assert isinstance(answer.cell, CellError), (spec.name, spec.params[index].name)
        assert answer.cell.code == code
        assert code in answer.explanation


@pytest.mark.parametrize("spec", SPECS)
def test_omitted_blank_and_zero_mean_the_default(spec: KpiSpec) -> None:
    arguments = spec.arguments(spec.examples[0])
    required = arguments[: sum(param.required for param in spec.params)]
    options = len(spec.params) - len(required) if not spec.repeats else 0
    plain = run(spec, required)
    for nothing in (None, "", 0, 0.0, " ", [[None]], [[""]], ((0.0,),)):
        assert close(run(spec, [*required, *[nothing] * options]), plain)


@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params])
def test_a_missing_argument_is_named(spec: KpiSpec) -> None:
    answer = calls.answer(spec, [], calls.context_now())
    assert isinstance(answer.cell, CellError)
    assert answer.cell.code == "#VALUE!"
    assert spec.params[0].name in answer.explanation


def test_too_many_arguments_are_refused() -> None:
    answer = calls.answer(KPIS["COST_PER_LEAD"], [1, 2, 3], calls.context_now())
    assert answer.explanation == "#VALUE!: COST_PER_LEAD takes 2 arguments at most. Given: 3."


def test_huge_and_tiny_results_are_explained() -> None:
    for spend in (1e27, 1.7e308, 5e-324, -1e300):
        answer = calls.answer(KPIS["COST_PER_LEAD"], [spend, 1], calls.context_now())
        assert answer.cell == spend
        assert " ÷ 1 lead." in answer.explanation


@pytest.mark.parametrize("serial", [date(2026, 1, 5), datetime(2026, 1, 5, 23, 59), 46027, 46027.9, "2026-01-05"])
def test_every_form_of_a_date_is_the_same_day(serial: Any) -> None:
    assert run(KPIS["SALES_CYCLE"], [[serial], [46037.0]]) == 10.0
