"""The command line as people and scripts use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from click.testing import CliRunner, Result

from kpi_udfs.cli import commands
from kpi_udfs.registry import KPIS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    writer = xlsxwriter.Workbook(path)
    percent = writer.add_format({"num_format": "0.0%"})
    one, two = writer.add_worksheet("One"), writer.add_worksheet("Two")
    one.write_column("A1", ["won", "won", "won", "lost", "open"])
    one.write_formula("C1", "=WIN_RATIO(A1:A5)", percent)
    one.write_formula("C2", "=COST_PER_LEAD(10,0)")
    one.write_formula("C3", "=1+1")
    one.write_dynamic_array_formula("E1", '=FUNNEL({"Lead",10;"Won",1})')
    two.write_formula("A1", "=COST_PER_LEAD(10,5)")
    writer.close()
    return path


def test_calc_prints_plain_lines_where_no_person_reads(book: Path) -> None:
    done = run("calc", str(book))
    lines = done.stdout.splitlines()
    assert lines[0] == "Cell\tFormula\tValue\tExplanation"
    assert lines[1] == (
        "One!C1\t=WIN_RATIO(A1:A5)\t75.0%\t75.0%: 3 won of 4 closed deals. 1 open left out, read as open: open (1)."
    )
    assert "Stage | Count | Step rate | Cumulative rate | Drop-off; Lead | 10" in done.stdout
    assert "One!C3" not in done.stdout
    assert lines[-2:] == [
        "Cells with errors: 1",
        "  One!C2: #DIV/0!: There are no leads to divide the spend by.",
    ]
    assert done.exit_code == 1


def test_calc_of_one_sheet(book: Path) -> None:
    done = run("calc", str(book), "--sheet", "Two")
    assert done.exit_code == 0
    assert "One!" not in done.stdout
    done = run("calc", str(book), "--sheet", "Three")
    assert done.exit_code == 2
    assert done.stderr == f'kpi-udfs: {book}: there is no sheet "Three". Sheets: One, Two\n'


def test_calc_as_json(book: Path) -> None:
    done = run("calc", str(book), "--json")
    assert done.exit_code == 1
    cells = {cell["cell"]: cell for cell in json.loads(done.stdout) if cell["sheet"] == "One"}
    assert list(cells) == ["C1", "E1", "C2", "C3"]
    assert cells["C1"]["value"] == 0.75
    assert cells["C2"] == {
        "file": str(book), "kept": None, "differs_from": None, "sheet": "One", "cell": "C2", "formula": "=COST_PER_LEAD(10,0)", "value": None, "error": "#DIV/0!",
        "explanation": "#DIV/0!: There are no leads to divide the spend by.",
    }  # fmt: skip
    assert cells["C3"] == {
        "file": str(book), "kept": None, "differs_from": None, "sheet": "One", "cell": "C3", "formula": "=1+1", "value": 2, "error": None, "explanation": None,
    }  # fmt: skip
    assert cells["E1"]["value"] == [
        ["Stage", "Count", "Step rate", "Cumulative rate", "Drop-off"],
        ["Lead", 10, "", 1, ""],
        ["Won", 1, 0.1, 0.1, 9],
    ]


def test_calc_in_german(book: Path) -> None:
    done = run("calc", str(book), "--language", "de")
    assert "75,0\xa0%" in done.stdout
    assert done.stdout.startswith("Zelle\tFormel\t")


def test_a_workbook_without_kpis_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plain.xlsx"
    writer = xlsxwriter.Workbook(path)
    writer.add_worksheet().write_formula("A1", "=1+1")
    writer.close()
    done = run("calc", str(path))
    assert done.exit_code == 0
    assert done.stdout == "No formula here uses a KPI function. Formulas in all: 1.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["calc", "missing.xlsx"], "kpi-udfs: missing.xlsx: there is no such file."),
        (["calc", "/"], "kpi-udfs: /: this is a folder; name a workbook in it."),
        (["calc", "missing.xlsx", "--language", "xx_yy"], 'kpi-udfs: "xx_yy" is no language.'),
        (["show", "WIN_RATE"], 'kpi-udfs: There is no KPI "WIN_RATE". Did you mean WIN_RATIO?'),
        (["show", "zzz"], 'kpi-udfs: There is no KPI "zzz".'),
        (["calc"], "Missing argument"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_wrong_call_is_one_clear_line_and_2(arguments: list[str], said: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("KPI_UDFS_LANGUAGE", "")  # --language sets it; the fixture puts it back
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not done.stdout


def test_an_invalid_configuration_is_told_and_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, book: Path) -> None:
    from kpi_udfs import settings

    (tmp_path / "settings.yaml").write_text("langage: de\n")
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path))
    settings.forget()
    done = run("calc", str(book))
    assert done.exit_code == 2
    assert 'settings.yaml:1: unknown key "langage". Did you mean "language"?' in done.stderr


def test_list_names_every_function() -> None:
    done = run("list")
    assert done.exit_code == 0
    for spec in KPIS.values():
        assert f"  {spec.signature}\n      {spec.tooltip.english}\n" in done.stdout


@pytest.mark.parametrize("name", KPIS)
def test_show_tells_all(name: str) -> None:
    done = run("show", name.lower())
    assert done.exit_code == 0
    assert KPIS[name].definition.english in done.stdout
    for param in KPIS[name].params:
        assert param.help.english in done.stdout


def test_show_in_indonesian() -> None:
    done = run("show", "WIN_RATIO", "--language", "id")
    assert "Share of deals" not in done.stdout
    assert "=WIN_RATIO(" in done.stdout


def test_demo_writes_calculates_and_says_where(tmp_path: Path) -> None:
    done = run("demo", str(tmp_path / "new" / "folder"))
    assert done.exit_code == 0, done.output
    file = tmp_path / "new" / "folder" / "sales_funnel.xlsx"
    assert done.stdout.rstrip().endswith(f"The workbook is here: {file}")
    assert "=WIN_RATIO(deals[Outcome])" in done.stdout
    assert done.stdout.startswith("Stage ")
    assert [entry.name for entry in file.parent.iterdir()] == ["sales_funnel.xlsx"]


def test_demo_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "sales_funnel.xlsx").write_text("somebody's work")
    done = run("demo", str(tmp_path))
    assert done.exit_code == 0
    assert (tmp_path / "sales_funnel.xlsx").read_text() == "somebody's work"
    assert (tmp_path / "sales_funnel_2.xlsx").is_file()


def test_demo_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("demo", str(tmp_path / "file" / "folder"))
    assert done.exit_code == 2
    assert "nothing can be written there" in done.stderr


@pytest.mark.parametrize("package", ["formualizer", "psutil"])
def test_a_missing_extra_is_named(tmp_path: Path, book: Path, package: str) -> None:
    # A folder that stands for an installation without it, for the process that calculates, too.
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "kpi_udfs", "calc", str(book)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr == 'kpi-udfs: this needs the extra headless: pip install "kpi_udfs[headless]"\n'


def test_equal_explanations_of_different_calls_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    writer = xlsxwriter.Workbook(path)
    sheet = writer.add_worksheet()
    sheet.write_formula("A1", "=COST_PER_LEAD(10,5)")
    sheet.write_formula("A2", "=IFERROR(COST_PER_LEAD(10,5),0)")
    for row in range(2):
        sheet.write_formula(row, 2, f'=INDEX(FUNNEL({{"Lead",10;"Won",1}}),{row + 2},2)')
    writer.close()
    rows = [line.split("\t") for line in run("calc", str(path)).stdout.splitlines()[1:]]
    told = {row[0]: row[3] for row in rows}
    assert told["Sheet1!A1"] == told["Sheet1!A2"] == "2: spend of 10 ÷ 5 leads."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_an_output_that_can_t_be_written_is_one_line_and_2(book: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "kpi_udfs", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "kpi-udfs: the output can't be written: No space left on device\n"


def test_on_a_terminal_there_is_a_table(book: Path) -> None:
    """A real terminal, as a person has it."""
    pty = pytest.importorskip("pty", reason="Windows has no such terminals")
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "kpi_udfs", "calc", str(book)],
        stdout=follower, stderr=subprocess.DEVNULL, stdin=follower, env=environment,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the terminal's other end closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait() == 1
    assert "┃" in shown.decode()
    assert "One!C1" in shown.decode()


class TestOn:
    """A KPI of a table file."""

    @pytest.fixture
    def deals(self, tmp_path: Path) -> Path:
        file = tmp_path / "deals.csv"
        file.write_text("rep,status,amount\nAda,won,900\nAda,lost,100\nBen,won,5\n")
        return file

    def test_a_block_and_its_explanation(self, deals: Path) -> None:
        done = CliRunner().invoke(commands, ["on", str(deals), "WIN_RATIO_BY", "outcomes=status", "groups=rep"])
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert lines[0].split() == "Group Won Lost Open Win ratio Low 95% High 95% Mark".split()
        assert lines[1].split()[:5] == ["Ben", "1", "0", "0", "100.0%"]
        assert "All groups together 66.7%: 2 won of 3 closed deals." in done.stdout

    def test_json(self, deals: Path) -> None:
        done = CliRunner().invoke(commands, ["on", str(deals), "WIN_RATIO", "values=amount", "--json"])
        said = json.loads(done.stdout)
        assert said["value"] == pytest.approx(905 / 1005)  # status is known as the outcome
        assert said["explanation"].startswith("90.0%: 905 won of 1,005 in closed deals, by value.")

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            (["deals.csv", "WIN_RATIO", "outcomes=stat"], 1, 'did you mean "status"?'),
            (["deals.csv", "WIN_RATE"], 2, "Did you mean WIN_RATIO?"),
            (["deals.csv", "WIN_RATIO", "status"], 2, "argument=header"),
            (["deals.csv", "WIN_RATIO", "outcomes=status", "outcomes=rep"], 2, "outcomes is given twice"),
            (["deals.csv", "KPI_EXPLAIN"], 2, "does not work on the columns"),
            (["latin.csv", "WIN_RATIO"], 2, "save it as CSV UTF-8"),
            (["deals.csv", "COST_PER_LEAD", "spend=amount", "leads=many"], 1, 'no column "many"'),
            (["no.csv", "WIN_RATIO"], 2, "there is no such file"),
            (["deals.ods", "WIN_RATIO"], 2, ".parquet, .csv, .tsv, .xlsx"),
            (["broken.parquet", "WIN_RATIO"], 2, "can't be read as a table"),
        ],
    )
    def test_mistakes(self, deals: Path, arguments: list[str], code: int, told: str, monkeypatch: Any) -> None:
        monkeypatch.chdir(deals.parent)
        if "broken.parquet" in arguments:
            pytest.importorskip("duckdb")
        (deals.parent / "broken.parquet").write_text("no parquet")
        (deals.parent / "latin.csv").write_bytes("Verkäufer,status\n".encode("latin-1"))
        done = CliRunner().invoke(commands, ["on", *arguments])
        assert done.exit_code == code
        assert told in done.output

    def test_texts_are_read_in_the_language_and_never_guessed(self, tmp_path: Path, language: Any) -> None:
        file = tmp_path / "sales.csv"
        file.write_text("Datum;Umsatz\n01.02.2026;1.500\n02.03.2026;2.500,50\n")
        on = ["on", str(file), "REVENUE", "amounts=Umsatz"]
        refused = CliRunner().invoke(commands, on)
        assert refused.exit_code == 1
        assert 'Row 2 of column "Umsatz" holds the text "1.500", which languages read' in refused.stdout
        language("de")
        assert CliRunner().invoke(commands, on).stdout.startswith("4.000,50: ")

    def test_american_dates(self, tmp_path: Path, language: Any) -> None:
        file = tmp_path / "us.csv"
        file.write_text("customer,date\n" + "".join(f"c0,{month}/1/2026\n" for month in range(1, 7)))
        on = ["on", str(file), "RETENTION_COHORTS", "show=counts"]
        assert CliRunner().invoke(commands, on).exit_code == 1
        language("en_US")
        assert "from Jan 1, 2026 to Jun 1, 2026" in CliRunner().invoke(commands, on).stdout

    def test_a_number_where_no_such_column_is(self, deals: Path) -> None:
        done = CliRunner().invoke(commands, ["on", str(deals), "COST_PER_LEAD", "spend=amount", "leads=5"])
        assert done.stdout.startswith("201: spend of 1,005 ÷ 5 leads.")
