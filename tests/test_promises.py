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
from kpi_udfs.registry import KPIS, KpiSpec, Param

SPECS = [pytest.param(spec, id=name) for name, spec in KPIS.items()]
#: It tells an error in words instead of passing it on: that is what it is for.
TELLS_ERRORS = {"KPI_EXPLAIN"}
#: It names rows by their numbers, so that their order is part of the answer (tests/kpis/test_quality.py has its promise).
NAMES_ROWS = {"KPI_CHECK"}

searched = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


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
#: Totals that fit together: more at the start than at the end, more entered than reached.
TOTALS = {"at_start": (200, 300), "at_end": (100, 190), "joined": (1, 90), "entered": (50, 100), "reached": (0, 50)}


@st.composite
def plausible(draw: Any, spec: KpiSpec) -> list[Any]:
    """Arguments as a user would give them; now and then something is left out."""
    rows = draw(st.integers(2, 7))
    by_name = draw(st.booleans())
    given_arguments = []
    for param in spec.params:
        if param.repeats:
            given_arguments += [outcomes(draw, rows)]
        elif param.name in ("dates", "from_date", "to_date") and spec.name == "REVENUE":
            given_arguments.append(None if param.name != "dates" else dates(draw, rows))
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
    if param.choices:
        return draw(st.sampled_from(param.choices))
    return {
        kinds.OUTCOMES: lambda: outcomes(draw, rows),
        kinds.DATE: lambda: draw(st.integers(46000, 46400).map(float)),
        kinds.DATES: lambda: dates(draw, rows, early=param.name == "first_touch"),
        kinds.MARGIN: lambda: draw(st.floats(0.01, 1)),
        kinds.PERIODS: lambda: draw(st.sampled_from([0, 1])),
        kinds.LABELS: lambda: ["lead", "mql", "won"],
        kinds.TEXT: lambda: {"kpi": "WIN_RATIO", "by": "channel", "language": "en"}[param.name],
        kinds.TABLE: lambda: table(draw, rows),
    }[kind]()


def outcomes(draw: Any, rows: int) -> list[Any]:
    word = st.sampled_from(["Won", "won ", "Lost", "gewonnen", "perdu", "open", "Negotiation"])
    return ["won", *draw(st.lists(word, min_size=rows - 1, max_size=rows - 1))]


def dates(draw: Any, rows: int, early: bool = False) -> list[Any]:
    low, high = (46000, 46100) if early else (46050, 46400)
    return draw(st.lists(st.integers(low, high).map(float), min_size=rows, max_size=rows))


def table(draw: Any, rows: int) -> list[list[Any]]:
    channel = st.sampled_from(["mail", "ads", ""])
    day = st.one_of(st.just(""), st.integers(46000, 46300).map(float))
    lines = draw(st.lists(st.tuples(channel, st.just(46000.0), day, day).map(list), min_size=rows, max_size=rows))
    return [["channel", "lead", "mql", "won"], *lines]


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
    @searched
    @given(plausible(spec))
    def search(arguments: list[Any]) -> None:
        before = copy.deepcopy(arguments)
        run(spec, arguments)
        assert arguments == before

    search()


@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params and s.id not in NAMES_ROWS])
def test_the_order_of_rows_makes_no_difference(spec: KpiSpec) -> None:
    @searched
    @given(plausible(spec), st.randoms(use_true_random=False))
    def search(arguments: list[Any], chance: random.Random) -> None:
        if spec.name == "CUSTOMER_ACQUISITION_COST":
            arguments[2:] = []  # with a lag, rows are periods and their order is the point
        columns = [a for a in arguments if isinstance(a, list)]
        height = max(map(len, columns), default=0)
        order = list(range(height))
        chance.shuffle(order)
        assert close(run(spec, arguments), run(spec, [shuffled(a, order, chance) for a in arguments]))

    def shuffled(argument: Any, order: list[int], chance: random.Random) -> Any:
        if argument == ["lead", "mql", "won"] or not isinstance(argument, list):
            return argument  # stages are in order, not rows
        if isinstance(argument[0], list):
            return [argument[0], *chance.sample(argument[1:], len(argument) - 1)]
        return [argument[i] for i in order if i < len(argument)]

    search()


@pytest.mark.parametrize("spec", [s for s in SPECS if s.values[0].params])
def test_blank_rows_make_no_difference(spec: KpiSpec) -> None:
    @searched
    @given(plausible(spec), st.sampled_from([None, "", " ", float("nan")]))
    def search(arguments: list[Any], blank: Any) -> None:
        def longer(argument: Any) -> Any:
            if not isinstance(argument, list):
                return argument
            return [*argument, [blank] * len(argument[0])] if isinstance(argument[0], list) else [*argument, blank]

        assert close(run(spec, arguments), run(spec, [longer(a) for a in arguments]))

    search()


MONEY_SPECS = [s for s in SPECS if any(p.kind is kinds.MONEY for p in s.values[0].params)]


@pytest.mark.parametrize("spec", MONEY_SPECS)
def test_the_currency_unit_scales_money_and_nothing_else(spec: KpiSpec) -> None:
    @searched
    @given(plausible(spec))
    def search(arguments: list[Any]) -> None:
        scaled = [
            [cell * 1024 for cell in a] if param.kind is kinds.MONEY and a is not None else a
            for param, a in zip(spec.params, arguments, strict=True)
        ]
        factor = 1024 if spec.shows is kinds.MONEY else 1
        assert close(run(spec, arguments), run(spec, scaled), factor)

    search()


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
