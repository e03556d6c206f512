"""How fast our functions are in Calc, beside an add-in in Python that only receives the same arguments.

Both extensions run in one LibreOffice, and the stop-watch runs inside it (``bare_addin.py``): a cell is typed into, and
what depends on it is read. Figures are those of the quickest of rounds in turn; they say something about the machine,
the ratios about us.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
import xlsxwriter
from soffice import Calc, unpacked

from kpi_udfs.publish.libreoffice import stored_name
from kpi_udfs.publish.type_library import Interface, Method, type_library
from kpi_udfs.registry import KPIS

ROWS, CALLS = 100_000, 1_000
STAGES = ["Lead", "MQL", "SQL", "Opportunity", "Customer"]
#: The goals: how many times as long as the bare add-in.
TEXTS, SCALARS = 1.3, 2.0
#: What else may take at most so many times as long: calls with dates, for which the document is asked from which day it
#: counts; a funnel, which is counted and not only received.
DATES, FUNNEL = 8.0, 4.0

_ADD_IN = Path(__file__).with_name("bare_addin.py")
_DOCUMENT = ("document", "com.sun.star.beans.XPropertySet")
#: The type of our required arguments.
_CELLS = "[][]any"
_METHODS = (
    Method("one", "any", (("data", _CELLS),)),
    Method("two", "any", (("first", _CELLS), ("second", _CELLS))),
    Method("told", "any", (_DOCUMENT, ("first", _CELLS), ("second", _CELLS))),
    Method("block", "[][]any", (_DOCUMENT, ("data", _CELLS))),
)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def bare_extension(folder: Path, ours: Path) -> None:
    """Write the bare add-in's extension, unpacked; what says which file is what is as in ours."""
    service, watch = "org.kpiudfs.bare.Bare", "org.kpiudfs.bare.Watch"
    names = "".join(
        f'<node oor:name="{method.name}" oor:op="replace"><prop oor:name="DisplayName"><value xml:lang="en-US">'
        f"BARE_{method.name.upper()}</value></prop></node>"
        for method in _METHODS
    )
    files = {
        "META-INF/manifest.xml": (ours / "META-INF" / "manifest.xml").read_text(encoding="utf-8"),
        "description.xml": f"""{_XML}<description xmlns="http://openoffice.org/extensions/description/2006">
<identifier value="org.kpiudfs.bare"/><version value="1"/></description>""",
        "addin.components": f"""{_XML}<components xmlns="http://openoffice.org/2010/uno-components">
<component loader="com.sun.star.loader.Python" uri="./{_ADD_IN.name}">
<implementation name="{service}"><service name="{service}"/><service name="com.sun.star.sheet.AddIn"/></implementation>
<implementation name="{watch}"><service name="{watch}"/></implementation>
</component></components>""",
        "CalcAddIns.xcu": f"""{_XML}<oor:component-data xmlns:oor="http://openoffice.org/2001/registry"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" oor:name="CalcAddIns" oor:package="org.openoffice.Office">
<node oor:name="AddInInfo"><node oor:name="{escape(service)}" oor:op="replace"><node oor:name="AddInFunctions">
{names}</node></node></node></oor:component-data>""",
        _ADD_IN.name: _ADD_IN.read_text(encoding="utf-8"),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    interface = Interface(("com.sun.star.uno.XInterface",), _METHODS)
    (folder / "types.rdb").write_bytes(type_library("org.kpiudfs.bare.XBare", interface))


@dataclass(frozen=True)
class Case:
    """Formulas that are calculated anew when ``words`` are typed in turn into the cell ``typed``."""

    name: str
    formula: str
    typed: str
    words: tuple[str, str]
    cells: str = "A1:A1"
    array: bool = False
    document: str = "texts"
    rounds: int = 25


def of_texts(name: str, function: str, last_row: int = ROWS, rounds: int = 25) -> Case:
    """A call on the column of outcomes."""
    return Case(name, f"={function}($data.A1:A{last_row})", "data.A2", ("won", "lost"), rounds=rounds)


def of_numbers(name: str, formula: str) -> Case:
    """A thousand calls, each on the cell that is typed into and on one of its own."""
    return Case(name, formula, "data.A1", ("46001", "46002"), f"A1:A{CALLS}", document="numbers")


def of_stages(name: str, function: str) -> Case:
    """A call that gives a block, on a table with a column of dates per stage."""
    formula = f"={function}($data.A1:E{ROWS})"
    return Case(name, formula, "data.A2", ("46001", "46002"), "A1:E6", array=True, document="stages", rounds=7)


def bare(method: str) -> str:
    return f"ORG.KPIUDFS.BARE.BARE.{method.upper()}"


def ours(kpi: str) -> str:
    return stored_name(KPIS[kpi])


CASES = [
    of_numbers("calc", "=$data.$A$1/$data.B{row}"),
    of_numbers("bare calls", f"={bare('two')}($data.$A$1;$data.B{{row}})"),
    of_numbers("COST_PER_LEAD", f"={ours('COST_PER_LEAD')}($data.$A$1;$data.B{{row}})"),
    of_numbers("bare told", f"={bare('told')}($data.$A$1;$data.C{{row}})"),
    of_numbers("SALES_CYCLE", f"={ours('SALES_CYCLE')}($data.$A$1;$data.C{{row}})"),
    of_texts("bare texts", bare("one")),
    of_texts("WIN_RATIO", ours("WIN_RATIO")),
    of_texts("bare column", bare("one"), 1_048_576, rounds=3),
    of_texts("WIN_RATIO column", ours("WIN_RATIO"), 1_048_576, rounds=3),
    of_stages("bare stages", bare("block")),
    of_stages("FUNNEL", ours("FUNNEL")),
]


def documents(folder: Path) -> dict[str, Path]:
    """The data, each kind in a file of its own, always the same."""
    chance = random.Random(6)
    paths = {name: folder / f"{name}.xlsx" for name in {case.document for case in CASES}}
    books = {name: xlsxwriter.Workbook(path, {"constant_memory": True}) for name, path in paths.items()}
    sheets = {name: book.add_worksheet("data") for name, book in books.items()}
    for row in range(ROWS):
        sheets["texts"].write_string(row, 0, chance.choice(["won", "lost", "open"]))
    for row in range(CALLS):
        sheets["numbers"].write_row(row, 0, [46001, chance.randrange(1, 50), 46100 + chance.randrange(100)])
    sheets["stages"].write_row(0, 0, STAGES)
    for row in range(1, ROWS):
        day = 46000 + chance.randrange(300)
        for column in range(len(STAGES)):
            sheets["stages"].write_number(row, column, day)
            day += chance.randrange(30)
            if chance.random() < 0.4:
                break
    for book in books.values():
        book.close()
    return paths


Times = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def times(oxt: Path, calc: Calc, tmp_path_factory: pytest.TempPathFactory) -> Times:
    """Every case measured, in one LibreOffice with both extensions."""
    folder = tmp_path_factory.mktemp("bench")
    extensions = unpacked(oxt, folder / "extensions")
    bare_extension(extensions / "bare", extensions / oxt.stem)
    timed = Calc(folder / "profile", extensions)
    # The pandas of the other profile.
    (timed.profile / "user" / "kpi_udfs").symlink_to(calc.profile / "user" / "kpi_udfs")
    job, result = folder / "job.json", folder / "result.json"
    written = {
        "documents": {name: path.as_uri() for name, path in documents(folder).items()},
        "cases": [asdict(case) for case in CASES],
        "result": str(result),
    }
    job.write_text(json.dumps(written), encoding="utf-8")
    timed.variables["BENCH_JOB"] = str(job)
    timed.run("service:org.kpiudfs.bare.Watch?run")
    taken: Times = json.loads(result.read_text(encoding="utf-8"))
    assert "failed" not in taken, taken["failed"]
    return taken


def quickest(times: Times, case: str) -> float:
    """Seconds of the quickest round: whatever else the machine does only adds to it."""
    return float(min(times[case]["taken"]))


def compared(
    capsys: pytest.CaptureFixture[str], times: Times, ours: str, bare: str, goal: float | None = None
) -> float:
    """How many times as long as the bare add-in; said, with the goal."""
    ratio = quickest(times, ours) / quickest(times, bare)
    figures = f"{quickest(times, ours) * 1e3:.1f} ms; {bare}: {quickest(times, bare) * 1e3:.1f} ms"
    say(capsys, f"{ours}: {figures}: {ratio:.2f} times" + (f" (at most {goal})" if goal else ""))
    return ratio


def say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n    {line}", end="")  # noqa: T201 (the figures are what a benchmark is for)


def test_both_add_ins_answer(times: Times) -> None:
    assert times["bare texts"]["gives"] == times["bare column"]["gives"] == [[1.0]]
    assert times["bare calls"]["gives"] == times["bare told"]["gives"] == [[1.0]] * CALLS
    assert 0.4 < times["WIN_RATIO"]["gives"][0][0] < 0.6
    assert times["WIN_RATIO column"]["gives"] == times["WIN_RATIO"]["gives"]
    given, expected = times["COST_PER_LEAD"]["gives"], times["calc"]["gives"]
    assert [cost for (cost,) in given] == pytest.approx([cost for (cost,) in expected])
    assert all(90 < days < 250 for (days,) in times["SALES_CYCLE"]["gives"])
    assert [row[0] for row in times["FUNNEL"]["gives"]] == ["Stage", *STAGES]


def test_a_hundred_thousand_texts(times: Times, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(capsys, times, "WIN_RATIO", "bare texts", TEXTS) <= TEXTS
    compared(capsys, times, "WIN_RATIO column", "WIN_RATIO")
    compared(capsys, times, "bare column", "bare texts")


def test_a_thousand_calls(times: Times, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(capsys, times, "COST_PER_LEAD", "bare calls", SCALARS) <= SCALARS
    say(capsys, f"Calc itself takes {quickest(times, 'calc') * 1e3:.1f} ms where nothing is called")


def test_a_thousand_calls_with_dates(times: Times, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(capsys, times, "SALES_CYCLE", "bare told", DATES) <= DATES


def test_a_table_of_dates(times: Times, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(capsys, times, "FUNNEL", "bare stages", FUNNEL) <= FUNNEL


def test_the_first_answer(times: Times, capsys: pytest.CaptureFixture[str]) -> None:
    """The functions are loaded with the first call of a process; nobody waits for them at its start."""
    first = times["COST_PER_LEAD"]["first"] - times["bare calls"]["first"]
    pandas = times["FUNNEL"]["first"] - quickest(times, "FUNNEL")
    say(capsys, f"loading the functions takes {first:.2f} s, pandas another {pandas:.2f} s")
    assert first < 5
