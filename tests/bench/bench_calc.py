"""A nightly run: a workbook with many KPIs over a long table, recalculated and written back, and where the time goes."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path

import formualizer
import openpyxl
import psutil
import pytest
import xlsxwriter
from bench_speed import report

from kpi_udfs.hosts import recalculation
from kpi_udfs.hosts.guarded import Guarded
from kpi_udfs.hosts.jobs import Job

ROWS, FORMULAS = 20_000, 200


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("night") / "night.xlsx"
    chance = random.Random(5)
    writer = xlsxwriter.Workbook(path)
    deals, kpis = writer.add_worksheet("Deals"), writer.add_worksheet("KPIs")
    headers = ("Deal", "Rep", "Stage", "Amount", "First contact", "Closed", "Units", "Per unit")
    columns = [{"header": header} for header in headers]
    columns[-1]["formula"] = "=Deals[@Amount]/Deals[@Units]"
    deals.add_table(0, 0, ROWS, len(headers) - 1, {"name": "Deals", "columns": columns})
    for row in range(1, ROWS + 1):
        start, stage = 45_658 + chance.randrange(500), chance.choice(["won", "lost", "open"])
        closed = start + chance.randrange(1, 120) if stage != "open" else None
        rep, amount = chance.choice(["Anna", "Ben", "Cleo"]), round(chance.uniform(1, 10_000), 2)
        deals.write_row(row, 0, [f"D{row}", rep, stage, amount, start, closed, chance.randrange(1, 9)])
    formulas = (
        "=WIN_RATIO(Deals[Stage])",
        "=REVENUE(Deals[Amount],Deals[Stage])",
        "=SALES_CYCLE(Deals[First contact],Deals[Closed],Deals[Stage])",
        "=COST_PER_LEAD(Deals[Amount],Deals[Deal])",
        '=KPI_EXPLAIN("WIN_RATIO",Deals[Stage])',
    )
    for number in range(FORMULAS):
        kpis.write_formula(number, 0, formulas[number % len(formulas)])
    writer.close()
    return path


def test_a_nightly_run(book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside openpyxl, which reads and writes the same file without calculating anything."""
    start = time.perf_counter()
    with Guarded() as guarded:
        result = guarded.recalculate(Job(book, tmp_path / "copy.xlsx"))
        ours = time.perf_counter() - start
        assert guarded.process is not None
        memory = peak(psutil.Process(guarded.process.pid))
    start = time.perf_counter()
    openpyxl.load_workbook(book).save(tmp_path / "other.xlsx")
    theirs = time.perf_counter() - start
    assert (result.formulas, result.changed) == (FORMULAS + ROWS, FORMULAS + ROWS)
    report(
        capsys,
        f"{FORMULAS} KPIs over {ROWS:,} rows, {ROWS:,} native formulas: {ours:.1f} s, {memory} MB; "
        f"openpyxl only reads and writes it in {theirs:.1f} s (ratio {ours / theirs:.2f})",
    )


def peak(process: psutil.Process) -> int:
    """The most memory that a process had, in MB, where the system tells it."""
    facts = process.memory_info()
    return int(getattr(facts, "peak_wset", 0) or _peak_on_linux(process.pid) or facts.rss) // 1024 // 1024


def _peak_on_linux(number: int) -> int:
    status = Path(f"/proc/{number}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def test_where_the_time_goes(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kpi_udfs import calls
    from kpi_udfs.hosts import calculation, headless

    taken: dict[str, float] = {}

    def timed(name: str, function, *arguments, **options):
        start = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            taken[name] = taken.get(name, 0) + time.perf_counter() - start

    for module, name in (
        (headless, "scan"),
        (calculation, "prepare"),
        (calculation, "engine_for"),
        (recalculation, "write_back"),
        (recalculation, "facts_of"),
        (calls, "answer"),
    ):
        monkeypatch.setattr(module, name, partial(timed, name, getattr(module, name)))
    start = time.perf_counter()
    recalculation.recalculate(Job(book, tmp_path / "copy.xlsx"))
    whole = time.perf_counter() - start
    rest = whole - sum(taken.values())
    shares = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in sorted(taken.items(), key=lambda t: -t[1]))
    report(capsys, f"of {whole:.1f} s: {shares}, the engine and the rest {rest / whole:.0%}")


def test_kpi_calls_beside_bare_callbacks(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the engine itself takes for handing the same columns over as often."""
    engine = formualizer.Workbook.load_path(str(book), backend="native")
    engine.register_function("BARE", lambda *columns: float(len(columns)), min_args=1)
    columns = (("C",), ("D", "C"), ("E", "F", "C"), ("D", "A"), ("C",))
    for number in range(FORMULAS):
        references = ",".join(f"Deals!{c}2:{c}{ROWS + 1}" for c in columns[number % len(columns)])
        engine.set_formula("KPIs", number + 1, 1, f"=BARE({references})")
    start = time.perf_counter()
    engine.evaluate_all()
    bare = time.perf_counter() - start
    start = time.perf_counter()
    recalculation.recalculate(Job(book))
    ours = time.perf_counter() - start
    report(capsys, f"recalculating {ours:.1f} s; the engine with bare callbacks {bare:.1f} s (ratio {ours / bare:.2f})")
