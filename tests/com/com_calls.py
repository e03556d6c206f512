"""What formulas send through COM and get back, on both ways into Python, beside what the core says.

``tox -e com``. Our VBA sends values: dates as serials, amounts in full. The wrappers that xlwings itself
generates ("Import functions") send ``.Value``: dates as dates, cells with a currency format as amounts of
four places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from cases import Case, differences, examples, plain, random_cases, serial
from excel_client import MISSING, ComError, Excel, imported, ours, types
from excel_client import plain as without_types

from kpi_udfs import calls as call_path
from kpi_udfs.cells import COM_ERRORS
from kpi_udfs.registry import KPIS

ERROR_NUMBERS = {code: number for number, code in COM_ERRORS.items()}
#: What a cell can show; any other error is one that we don't know to be there.
CVERR = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
#: 1 January 1904 is day 0 of the other date system.
DAYS_TO_1904 = serial("1904-01-01")
#: The types that an Excel cell has a use for.
CELL_TYPES = {"R8", "I4", "BSTR", "BOOL"}


@dataclass(frozen=True)
class Sent:
    """A call as it is sent, and what the cell should show."""

    case: Case
    call: Sequence[Any]
    expected: Any


def expected(case: Case, *, date1904: bool = False) -> Any:
    """What the core says; an error that Excel has no number for shows as ``#VALUE!``."""
    arguments = [
        None if rows is None else [[_for_core(cell) for cell in row] for row in rows] for rows in case.arguments
    ]
    return _shown(plain(call_path.call(KPIS[case.kpi], arguments, call_path.context_now(date1904=date1904))))


def _for_core(cell: Any) -> Any:
    if isinstance(cell, dict):
        return date.fromisoformat(cell["date"]) if "date" in cell else {"type": "Error", "basicValue": cell["error"]}
    return cell


def _shown(answer: Any) -> Any:
    if isinstance(answer, list):
        return [[_shown(cell) for cell in row] for row in answer]
    return "#VALUE!" if answer in set(COM_ERRORS.values()) - CVERR else answer


def value2(case: Case, *, shift: int = 0) -> list[Any]:
    """The arguments as ``.Value2`` gives them. ``shift``: the days by which the date system counts less."""

    def sent(cell: Any, _: int) -> Any:
        if isinstance(cell, dict):
            return serial(cell["date"]) - shift if "date" in cell else {"error": ERROR_NUMBERS[cell["error"]]}
        return cell

    return _arguments(case, sent)


def value(case: Case, *, currency: bool = False) -> list[Any]:
    """The arguments as ``.Value`` gives them. ``currency``: amounts stand in cells with a currency format."""
    params = KPIS[case.kpi].params

    def sent(cell: Any, number: int) -> Any:
        if isinstance(cell, dict):
            return {"date": serial(cell["date"])} if "date" in cell else {"error": ERROR_NUMBERS[cell["error"]]}
        if currency and number < len(params) and params[number].kind.written == "amount" and _is_number(cell):
            return {"currency": four_places(cell)}
        return cell

    return _arguments(case, sent)


def _arguments(case: Case, sent: Callable[[Any, int], Any]) -> list[Any]:
    """One cell is sent as such, and what is left out at the end as Missing, too."""
    given = []
    for number, rows in enumerate(case.arguments):
        if rows is None:
            given.append(MISSING)
        elif len(rows) == len(rows[0]) == 1:
            given.append(sent(rows[0][0], number))
        else:
            given.append([[sent(cell, number) for cell in row] for row in rows])
    regular = [param for param in KPIS[case.kpi].params if not param.repeats]
    return given + [MISSING] * (len(regular) - len(given))


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def four_places(number: float) -> float:
    """As Currency holds it."""
    return float(Decimal(number).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))


def in_four_places(case: Case) -> Case:
    """The same call on amounts rounded to four places."""
    params = KPIS[case.kpi].params

    def rounded(cell: Any, number: int) -> Any:
        amount = number < len(params) and params[number].kind.written == "amount" and _is_number(cell)
        return four_places(cell) if amount else cell

    arguments = [
        None if rows is None else [[rounded(cell, number) for cell in row] for row in rows]
        for number, rows in enumerate(case.arguments)
    ]
    return Case(case.kpi, arguments)


def check(excel: Excel, sent: Sequence[Sent]) -> None:
    """Send all in one batch; every difference is told, the first ten in full."""
    wrong = []
    for one, answer in zip(sent, excel.calls([one.call for one in sent]), strict=True):
        if "failed" in answer:
            wrong.append(f"{one.case}: 0x{answer['failed']:08x} {answer['said']}")
            continue
        got = answer["gives"]
        if surplus := {kind for kind in types(got) if not kind.startswith("ARRAY")} - CELL_TYPES:
            wrong.append(f"{one.case}: {surplus} came back")
        elif found := differences(without_types(got), one.expected):
            wrong.append(f"{one.case}: {found}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(sent)}", *wrong[:10]])


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return examples() + random_cases()


@pytest.fixture(scope="module")
def dated(cases: list[Case]) -> list[Case]:
    """Every third call with dates."""
    return [case for case in cases if "'date'" in str(case)][::3]


@pytest.fixture(scope="module")
def with_errors() -> list[Case]:
    """Every error cell that Excel knows, in every argument of every function: alone, or in the last row."""
    spoilt = []
    for spec in KPIS.values():
        example = next((case for case in examples() if case.kpi == spec.name and case.arguments), None)
        if example is None:
            continue
        for number, rows in enumerate(example.arguments):
            for code in COM_ERRORS.values():
                if rows is not None and len(rows) > 1:
                    last = [[*rows[-1][:-1], {"error": code}]]
                    spoilt.append(_with_argument(example, number, [*rows[:-1], *last]))
                spoilt.append(_with_argument(example, number, [[{"error": code}]]))
    return spoilt


def _with_argument(case: Case, number: int, rows: list[list[Any]]) -> Case:
    return Case(case.kpi, [*case.arguments[:number], rows, *case.arguments[number + 1 :]])


# --------------------------------------------------------------------------------- our own VBA


def test_values(excel: Excel, cases: list[Case]) -> None:
    check(excel, [Sent(case, ours(case.kpi, value2(case)), expected(case)) for case in cases])


def test_a_workbook_that_counts_from_1904(excel: Excel, dated: list[Case]) -> None:
    assert len(dated) > 150
    sent = [
        Sent(case, ours(case.kpi, value2(case, shift=DAYS_TO_1904), 1904), expected(case, date1904=True))
        for case in dated
    ]
    check(excel, sent)


def test_error_cells(excel: Excel, with_errors: list[Case]) -> None:
    assert {case.kpi for case in with_errors} == {name for name, spec in KPIS.items() if spec.params}
    check(excel, [Sent(case, ours(case.kpi, value2(case)), expected(case)) for case in with_errors])


@pytest.mark.parametrize("nothing", [MISSING, None, ""], ids=["left out", "blank", "empty text"])
def test_left_out_blank_and_empty(excel: Excel, nothing: Any) -> None:
    """Hosts can't tell these apart, so they mean the same in all: the default, or 0 for a single number."""
    outcomes = [["won"], ["lost"], ["lost"], [None], [""]]
    for way in (ours, imported):
        assert excel.call(*way("WIN_RATIO", [outcomes, nothing, nothing])) == pytest.approx(1 / 3, rel=1e-12)
        assert excel.call(*way("COST_PER_LEAD", [nothing, 40])) == 0
        assert excel.call(*way("COST_PER_LEAD", [40, nothing])) == "#DIV/0!"
        assert excel.call(*way("KPI_CHECK", [nothing])) == "#VALUE!"
        if nothing != MISSING:  # which no cell can hold
            assert excel.call(*way("REVENUE", [[[nothing], [nothing]], MISSING, MISSING, MISSING, MISSING])) == "#N/A"


def test_an_argument_too_few_or_too_many(excel: Excel) -> None:
    """A workbook may know a function as it was, or as it will be."""
    assert excel.answer("COST_PER_LEAD", 1200) == "#VALUE!"
    assert excel.answer("COST_PER_LEAD", 1200, 40, MISSING) == 30
    assert excel.answer("COST_PER_LEAD", 1200, 40, 5) == "#VALUE!"
    assert excel.answer("NOT_YET_INVENTED", 1200) == "#NAME?"


def test_shapes_of_results(excel: Excel) -> None:
    """A single value comes as such; xlwings' server makes a list of a block of one row."""
    raw = excel.ask("call", **_asked(ours("COST_PER_LEAD", [1200, 40])))
    assert raw == ["R8", 30.0]
    kind, rows, bounds = excel.ask("call", **_asked(ours("WIN_RATIO_BY", [[["won"], ["lost"]], [["a"], ["b"]]])))
    assert (kind, len(rows)) == ("ARRAY of VARIANT", 3)
    assert bounds == [[0, 2], [0, len(rows[0]) - 1]]
    assert types([kind, rows, bounds]) - {kind} <= CELL_TYPES


def test_large_numbers_and_long_texts(excel: Excel) -> None:
    """A whole number beyond 32 bits has no place in a cell unless it comes as a double."""
    assert excel.ask("call", **_asked(ours("REVENUE", [[[3_000_000_000], [4_000_000_000]]]))) == ["R8", 7e9]
    assert excel.answer("WIN_RATIO", [["Größe €"], ["won"], ["x" * 32_767]]) == 1
    told = excel.answer("KPI_EXPLAIN", "WIN_RATIO", [["Größe € 😀"], ["won"]])
    assert "Größe € 😀" in told


def _asked(call: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("module", "function", "arguments"), call, strict=False))


def test_rules_beside_the_workbook(excel: Excel, tmp_path: Any) -> None:
    (tmp_path / "ours.yaml").write_text("schema: kpi_udfs.qualification/1\nmql: {field: size, gte: 10}\n", "utf-8")
    leads = [["Lead ID", "size"], ["a", 20], ["b", 5]]
    given = [leads, MISSING, "ours.yaml", serial("2026-01-01")]
    assert excel.answer("MQL_COUNT", *given, folder=excel.windows.path(tmp_path)) == 1
    assert excel.answer("MQL_COUNT", *given) == "#VALUE!"


# ------------------------------------------------------------------------- xlwings' own wrappers


def test_what_import_functions_sends(excel: Excel, cases: list[Case]) -> None:
    check(excel, [Sent(case, imported(case.kpi, value(case)), expected(case)) for case in cases])


def test_what_import_functions_sends_for_error_cells(excel: Excel, with_errors: list[Case]) -> None:
    check(excel, [Sent(case, imported(case.kpi, value(case)), expected(case)) for case in with_errors])


def test_amounts_with_a_currency_format(excel: Excel, cases: list[Case]) -> None:
    """Four places are all there is: the answer is that for amounts of four places."""
    sent = [
        Sent(case, imported(case.kpi, value(case, currency=True)), expected(in_four_places(case)))
        for case in cases
        if "currency" in str(value(case, currency=True))
    ]
    assert len(sent) > 300
    assert sum(differences(expected(one.case), one.expected) is not None for one in sent) > 20, "rounding shows nowhere"
    check(excel, sent)


def test_the_explanation_names_the_four_places(excel: Excel) -> None:
    """To be kept in step with ``about.four_places``."""
    spend = [[{"currency": 0.3333}], [{"currency": 0.6667}]]
    told = excel.call(*imported("KPI_EXPLAIN", ["COST_PER_LEAD", spend, 2]))
    assert "spend has cells with a currency format" in told
    assert "four decimal places" in told
    assert "four decimal places" not in excel.answer("KPI_EXPLAIN", "COST_PER_LEAD", [[0.3333], [0.6667]], 2)


def test_times_of_day_are_left_aside(excel: Excel) -> None:
    """Dates arrive with a time and a time zone that means nothing; the day is that of the cell."""
    for time in (0, 0.5, 0.999988):
        first, last = {"date": serial("2026-03-28") + time}, {"date": serial("2026-03-30") + time}
        assert excel.call(*imported("SALES_CYCLE", [first, last, MISSING])) == 2
        cells = [serial("2026-03-28") + time, serial("2026-03-30") + time, MISSING]
        assert excel.answer("SALES_CYCLE", *cells) == 2


def test_range_objects(excel: Excel, cases: list[Case]) -> None:
    """The real thing: ranges, the workbook and the calling cell as objects, which xlwings asks back."""
    sent = []
    for case in cases[::120]:
        ranges = [
            {"range": argument if isinstance(argument, list) else [[argument]]} if argument != MISSING else argument
            for argument in value(case)
        ]
        sent.append(Sent(case, imported(case.kpi, ranges, with_objects=True), expected(case)))
    check(excel, sent)


def test_a_python_error_is_a_com_error(excel: Excel) -> None:
    """Which the VBA shows as #VALUE!; no function of ours lets it come to that."""
    with pytest.raises(ComError, match="no_such_module"):
        excel.call("no_such_module", "F", [])
