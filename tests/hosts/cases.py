"""The same calls for every host: each declared example, and random ones, as plain data.

A host that runs elsewhere (another Python, another machine's worth of software) gets them as JSON and
gives its results as JSON. A cell is null, a number, a text, true or false, ``{"date": "2026-03-01"}`` or
``{"error": "#N/A"}``; an argument is null where it is left out, else rows of cells.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from kpi_udfs import calls, kinds
from kpi_udfs.errors import CellError
from kpi_udfs.registry import KPIS, KpiSpec, Param

Rows = list[list[Any]]

#: The serial of 1 January 1900 is 1; after the 29 February that Excel invented, this is day 0.
_DAY_0 = date(1899, 12, 30)
#: Rare sights in an export: each of them once in a while takes the place of a cell.
JUNK = (
    None, "", " ", "n/a", "-", "won", "12%", "1,5", "$3", "(5)", "0", "2026-01-05", "31.12.2025", True, False,
    0, -3, 1e9, 0.1 + 0.2, 2.5, {"error": "#N/A"}, {"error": "#DIV/0!"}, {"error": "#REF!"}, {"error": "#NAME?"},
)  # fmt: skip
NAMES = ("Amara", "Bruno", "Chiara", "Dewi", "Émile", "Ünal")
STAGES = ("Lead", "MQL", "SQL", "Opportunity", "Customer")
#: Totals that belong together: more at the start than at the end, more who entered than reached.
TOTALS = {"at_start": (200, 300), "at_end": (100, 190), "joined": (1, 90), "entered": (50, 100), "reached": (0, 50)}
RULES = """
schema: kpi_udfs.qualification/1
fit:
  rules:
    - {id: size, field: employees, bands: [{from: 10, to: 49, points: 5}, {from: 50, points: 12.5}]}
    - {id: country, field: country, values: {DE: 10, FR: 7}}
engagement:
  decay: {half_life: 30d}
  rules:
    - {id: ebook, event: ebook_download, points: 10, max_total: 20}
mql: {threshold: {score: 15}}
sql: {require: {field: country, in: [DE, FR]}}
"""


@dataclass(frozen=True)
class Case:
    """One call. ``arguments``: see above."""

    kpi: str
    arguments: list[Rows | None]

    def __str__(self) -> str:
        return f"{self.kpi}({', '.join(map(repr, self.arguments))})"

    @property
    def as_json(self) -> dict[str, Any]:
        return {"kpi": self.kpi, "arguments": self.arguments}


# ------------------------------------------------------------------------------- what comes out


def core_answer(case: Case) -> Any:
    """What the core says, in the form in which hosts report: error codes as text, blanks as ``""``."""
    arguments = [None if rows is None else _argument_of_core(rows) for rows in case.arguments]
    return plain(calls.call(KPIS[case.kpi], arguments, calls.context_now()))


def _argument_of_core(rows: Rows) -> Any:
    """A range as rows, and a single cell as such, as every host hands them over."""
    cells = [[_of_core(cell) for cell in row] for row in rows]
    return cells[0][0] if len(cells) == len(cells[0]) == 1 else cells


def _of_core(cell: Any) -> Any:
    if isinstance(cell, dict):
        return date.fromisoformat(cell["date"]) if "date" in cell else {"type": "Error", "basicValue": cell["error"]}
    return cell


def plain(value: Any) -> Any:
    """A result as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [[plain(cell) for cell in row] for row in value]
    if isinstance(value, CellError):
        return value.code
    return "" if value is None else value


def serial(day: str) -> int:
    """The date serial that a cell of this day holds."""
    return (date.fromisoformat(day) - _DAY_0).days


def differences(got: Any, expected: Any) -> str | None:
    """Where a host's result and the core's part, in words; None where they agree (numbers to 1e-12).

    A block of a single cell, or a host's 1 × 1 rows, and the cell itself are the same thing to a sheet.
    """
    got, expected = _unwrapped(plain(got)), _unwrapped(expected)
    if isinstance(got, list) != isinstance(expected, list):
        return f"{got!r} instead of {expected!r}"
    if not isinstance(expected, list):
        return None if _same(got, expected) else f"{got!r} instead of {expected!r}"
    if [len(row) for row in got] != [len(row) for row in expected]:
        return f"a block of {len(got)} rows of {[len(row) for row in got]} instead of {[len(row) for row in expected]}"
    for down, (row, other) in enumerate(zip(got, expected, strict=True)):
        for right, (cell, wanted) in enumerate(zip(row, other, strict=True)):
            if not _same(cell, wanted):
                return f"row {down + 1}, column {right + 1}: {cell!r} instead of {wanted!r}"
    return None


def _unwrapped(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) and len(value[0]) == 1:
        value = value[0][0]
    return value


def _same(got: Any, expected: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return got is expected
    if isinstance(expected, int | float):
        return isinstance(got, int | float) and math.isclose(got, expected, rel_tol=1e-12, abs_tol=1e-12)
    return bool(got == expected)


def gives_number(answer: Any) -> bool:
    """Whether a result is a number, or a block that holds one."""
    if isinstance(answer, list):
        return any(gives_number(cell) for row in answer for cell in row)
    return isinstance(answer, int | float) and not isinstance(answer, bool)


# ------------------------------------------------------------------------------ declared examples


def examples() -> list[Case]:
    """Every declared example whose result is fixed."""
    return [
        Case(spec.name, [as_rows(argument) for argument in spec.arguments(example)])
        for spec in KPIS.values()
        for example in spec.examples
        if example.gives is not ...
    ]


def as_rows(argument: Any) -> Rows | None:
    if argument is None:
        return None
    column = argument if isinstance(argument, list) else [argument]
    return [[_as_cell(cell) for cell in (row if isinstance(row, list) else [row])] for row in column]


def _as_cell(cell: Any) -> Any:
    if isinstance(cell, date):
        return {"date": date(cell.year, cell.month, cell.day).isoformat()}
    return {"error": cell} if isinstance(cell, str) and cell.startswith("#") else cell


# ------------------------------------------------------------------------------------ random calls


def random_cases(count: int = 2000, seed: int = 20261122) -> list[Case]:
    """Calls as people make them, one in four with a cell that does not belong there."""
    chance = random.Random(seed)
    specs = [spec for spec in KPIS.values() if spec.params and spec.name not in ("KPI_EXPLAIN", "KPI_DEFINITION")]
    # Tables take longer, and the many cells of one call try more than a single number does.
    weights = [1 if spec.gives_block or spec.category == "qualification" else 3 for spec in specs]
    return [_random_case(chance, spec) for spec in chance.choices(specs, weights, k=count)]


def _random_case(chance: random.Random, spec: KpiSpec) -> Case:
    rows = chance.randint(2, 12)
    if spec.category == "qualification":
        arguments = _qualification(chance, spec, rows)
    elif spec.params[0].kind.shape == "table":
        arguments = _about_a_table(chance, spec, rows)
    else:
        names = chance.random() < 0.3
        arguments = [_argument(chance, param, rows, names) for param in spec.params]
    if chance.random() < 0.25:
        _spoil(chance, arguments)
    while arguments and arguments[-1] is None:
        arguments.pop()
    return Case(spec.name, arguments)


def _spoil(chance: random.Random, arguments: list[Rows | None]) -> None:
    given = [rows for rows in arguments if rows]
    rows = chance.choice(given)
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = chance.choice(JUNK)


def _argument(chance: random.Random, param: Param, rows: int, names: bool) -> Rows | None:
    if not param.required and chance.random() < 0.5:
        return None
    if param.choices:
        return [[chance.choice(param.choices)]]
    if param.kind is kinds.COUNT:
        low, high = TOTALS.get(param.name, (1, 500))
        if param.name == "new_customers":
            return _column(rows, lambda: chance.randint(low, high))
        if names and param.name not in TOTALS:
            return _column(rows, lambda: chance.choice(NAMES))
        return [[chance.randint(low, high)]]
    make: Callable[[], Any] = {
        "money": lambda: round(chance.lognormvariate(5, 2), chance.choice((0, 2, 2, 6))),
        "outcomes": lambda: chance.choice(("won", "won", "lost", "open", "Won", "Closed Lost", "")),
        "names": lambda: chance.choice(NAMES),
        "duration": lambda: chance.randint(0, 90),
        "flags": lambda: chance.choice((True, False, 1, 0, "yes", "no")),
        "dates": lambda: _day(chance, early=param.name == "first_touch"),
        "date": lambda: _day(chance, late=True),
        "days": lambda: chance.randint(1, 200),
        "rate": lambda: round(chance.uniform(0.01, 0.99), 4),
        "margin": lambda: round(chance.uniform(0.05, 1), 2),
        "price": lambda: round(chance.uniform(1, 5000), 2),
        "number": lambda: chance.randint(1, 12),
        "periods": lambda: chance.randint(0, 1),
    }[param.kind.name]
    single = param.kind.shape in ("number", "date")
    return _column(1 if single else rows, make)


def _column(rows: int, make: Callable[[], Any]) -> Rows:
    return [[make()] for _ in range(rows)]


def _day(chance: random.Random, *, early: bool = False, late: bool = False) -> dict[str, str]:
    first = date(2025, 1, 1) if early else date(2027, 1, 1) if late else date(2025, 6, 1)
    return {"date": (first + timedelta(days=chance.randint(0, 300))).isoformat()}


def _about_a_table(chance: random.Random, spec: KpiSpec, rows: int) -> list[Rows | None]:
    """FUNNEL and its relatives: a row per lead, a column per stage with the day it was reached."""
    table: Rows = [["Lead ID", "Channel", *STAGES]]
    for number in range(rows):
        day = date(2025, 1, 1) + timedelta(days=chance.randint(0, 200))
        cells: list[Any] = []
        for _ in STAGES[: chance.randint(1, len(STAGES))]:
            cells.append({"date": day.isoformat()} if chance.random() < 0.95 else None)
            day += timedelta(days=chance.randint(0, 40))
        table.append([f"L{number}", chance.choice(NAMES), *cells, *[None] * (len(STAGES) - len(cells))])
    given: list[Rows | None] = [table]
    for param in spec.params[1:]:
        choices: Sequence[Rows | None] = {
            "stages": [[["Lead", "SQL", "Customer"]], [[stage] for stage in STAGES]],
            "by": [[["Channel"]]],
            "policy": [[[choice]] for choice in param.choices],
            "benchmark": [[[0.6], [0.5], [0.4], [0.3]]],
            "as_of": [[[_day(chance, late=True)]]],
        }[param.name]
        given.append(None if chance.random() < 0.5 else chance.choice(choices))
    if spec.name == "FUNNEL_BOTTLENECK" and given[1] is not None:
        given[2] = None  # four rates are those of five stages
    return given


def _qualification(chance: random.Random, spec: KpiSpec, rows: int) -> list[Rows | None]:
    leads: Rows = [["Lead ID", "employees", "country"]]
    leads += [[f"L{n}", chance.randint(1, 200), chance.choice(("DE", "FR", "IT", ""))] for n in range(rows)]
    events: Rows = [["Lead ID", "Event", "Date"]]
    for _ in range(rows):
        lead, name = f"L{chance.randrange(rows)}", chance.choice(("ebook_download", "page_view"))
        events.append([lead, name, _day(chance)])
    rules: Rows = [[line] for line in RULES.strip().splitlines()]
    given: list[Rows | None] = [leads, events, rules, [[_day(chance, late=True)]]]
    return [[[f"L{chance.randrange(rows)}"]], *given] if spec.params[0].name == "lead_id" else given
