"""``kpi-udfs rules`` and ``kpi-udfs config``, as people and scripts use them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from kpi_udfs import evaluate, settings
from kpi_udfs.cli import commands
from kpi_udfs.rules.backtesting import Picked, backtest, bands, pick
from kpi_udfs.rules.comparing import compare
from kpi_udfs.rules.leads import Lead, one_per_lead

EXAMPLES = settings.packaged("config") / "examples"
SCHEMA = "schema: kpi_udfs.qualification/1\n"
SIZES = SCHEMA + (
    "fit:\n"
    "  rules:\n"
    "    - {id: size, field: employees, bands: [{from: 50, to: 249, points: 10}, {from: 250, points: 20}]}\n"
    "    - {id: role, field: role, eq: director, points: 15}\n"
    "mql: {threshold: 20}\n"
    "sql: {id: accepted, field: accepted, eq: true}\n"
)
EBOOKS = SCHEMA + "mql: {any: [{id: ebook, event: ebook}, {id: demo, event: demo_request}]}\n"
LEADS = """lead id,employees,role,accepted,source,owner,outcome
L1,300,director,yes,web,Ada,won
L2,300,clerk,no,web,Ben,lost
L3,60,director,yes,fair,Ada,won
L4,20,director,yes,fair,Ben,open
L5,10,,no,web,Ada,won
"""
EVENTS = """lead id,event,date
L1,ebook,2026-03-01
L2,webinar,2026-03-20
L4,ebook,2026-03-25
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, list(map(str, arguments)))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rules and tables, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "sizes.yaml": SIZES, "ebooks.yaml": EBOOKS, "leads.csv": LEADS, "events.csv": EVENTS,
    }.items():  # fmt: skip
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


# ----------------------------------------------------------------------------------------- check


class TestCheck:
    @pytest.mark.parametrize(
        "name", ["qualification.yaml", *sorted(f"examples/{file.name}" for file in EXAMPLES.glob("*.yaml"))]
    )
    def test_the_packaged_rules_and_their_tests_are_all_right(self, name: str) -> None:
        file = settings.packaged("config") / name
        done = run("rules", "check", file)
        assert done.exit_code == 0, done.stdout
        assert done.stdout.startswith(f"{file}: all right. Versions: ")
        assert not done.stdout.endswith("passed: 0.\n")

    def test_every_problem_has_its_line(self, here: Path) -> None:
        (here / "bad.yaml").write_text(SCHEMA + "thresold: 3\nmql: {field: role, equals: x}\n")
        done = run("rules", "check", "bad.yaml")
        assert done.exit_code == 1
        lines = done.stdout.splitlines()
        assert lines[0].startswith('bad.yaml:2: unknown key "thresold"')
        assert lines[1].startswith('bad.yaml:3: unknown key "equals"')

    def test_problems_in_german(self, here: Path) -> None:
        (here / "large.yaml").write_text("# " + "x" * 300_000)
        assert "256,000" in run("rules", "check", "large.yaml").stdout
        german = run("rules", "check", "large.yaml", "--language", "de")
        assert german.exit_code == 1
        assert german.stdout.startswith("large.yaml: ")
        assert "256.000" in german.stdout

    def test_a_failed_test_says_what_came_instead(self, here: Path) -> None:
        (here / "tested.yaml").write_text(
            SIZES + "tests:\n"
            "  - {name: a director of a large firm, lead: {employees: 300, role: director}, expect: {mql: true, score: 35}}\n"
            "  - name: a director of a small one\n"
            "    lead: {employees: 60, role: director, acepted: true}\n"
            "    expect: {stage: SQL, score: 24, rule: accepted}\n"
        )
        done = run("rules", "check", "tested.yaml")
        assert done.exit_code == 1
        assert done.stdout.splitlines() == [
            'tested.yaml:10: the test "a director of a small one" (as of 2000-01-01) failed: stage should be SQL and is MQL, '
            "score should be 24 and is 25, rule should be accepted and is threshold score 20",
            'Hint: tested.yaml:10: the test "a director of a small one" gives "acepted", which no rule asks for; did you mean '
            '"accepted"?',
            "tested.yaml: problems: 0; tests that failed: 1 of 2.",
        ]

    def test_tests_run_from_the_first_day_of_their_version_and_events_count_back_from_it(self, here: Path) -> None:
        (here / "versions.yaml").write_text(
            SCHEMA + "mql: {id: fresh, event: demo, within_last: 10d}\n".replace("within_last", "count: {gte: 1}, last_event_within")
            + "versions:\n"
            "  - {version: 1, effective_to: 2025-12-31}\n"
            "  - version: 2\n"
            "    effective_from: 2026-01-01\n"
            "    mql: {event: demo, last_event_within: 20d}\n"
            "    tests: [{name: fifteen days, events: [{demo: 15d ago}], expect: {mql: true}},\n"
            "            {name: before, as_of: 2025-06-01, events: [{demo: 15d ago}], expect: {mql: false}}]\n"
        )  # fmt: skip
        done = run("rules", "check", "versions.yaml")
        assert done.stdout == "versions.yaml: all right. Versions: 2; tests, all passed: 2.\n"

    def test_columns_and_events_that_the_tables_lack(self, here: Path) -> None:
        (here / "leads.csv").write_text("lead id,employes,role\nL1,3,x\n")
        done = run("rules", "check", "sizes.yaml", "--leads", "leads.csv")
        assert done.exit_code == 1
        assert 'sizes.yaml:4: leads.csv: There is no column "employees"; did you mean "employes"?' in done.stdout
        assert 'sizes.yaml:7: leads.csv: There is no column "accepted".' in done.stdout
        (here / "events.csv").write_text("lead id,event,date\nL1,eBook,2026-01-01\nL1,demo requests,2026-01-01\n")
        done = run("rules", "check", "ebooks.yaml", "--leads", "leads.csv", "--events", "events.csv")
        assert done.exit_code == 0
        assert done.stdout.splitlines()[0] == (
            'Hint: ebooks.yaml:2: events.csv: no event is called "demo_request"; did you mean "demo requests"?'
        )

    def test_events_of_a_parquet_file(self, here: Path) -> None:
        duckdb = pytest.importorskip("duckdb")
        duckdb.sql("select 'L1' as lead_id, 'ebook' as event, date '2026-01-01' as day").write_parquet("events.parquet")
        done = run("rules", "check", "ebooks.yaml", "--events", "events.parquet")
        assert done.exit_code == 0
        assert 'events.parquet: no event is called "demo_request". There are: ebook.' in done.stdout


# ----------------------------------------------------------------------------------------- apply


class TestApply:
    def test_json(self, here: Path) -> None:
        done = run("rules", "apply", "sizes.yaml", "--leads", "leads.csv", "--json")
        assert done.exit_code == 0
        said = json.loads(done.stdout)
        assert said["counts"] == {"SQL": 2, "MQL": 1, "suppressed": 0, "not yet": 0, "lead": 2}
        # 25 points for L3: 10 for the size, 15 for the role; L4 is accepted, but has 15 of 20 points.
        assert said["leads"][2] == {"id": "L3", "stage": "SQL", "score": 25.0, "rule": "accepted"}
        assert said["leads"][3] == {"id": "L4", "stage": "lead", "score": 15.0, "rule": "threshold score 20"}

    def test_scores_are_null_where_rules_give_no_points(self, here: Path) -> None:
        done = run("rules", "apply", "ebooks.yaml", "--leads", "leads.csv", "--events", "events.csv", "--json")
        said = json.loads(done.stdout)
        assert said["leads"][0] == {"id": "L1", "stage": "MQL", "score": None, "rule": "ebook"}
        assert said["counts"]["MQL"] == 2

    def test_from_another_day(self, here: Path) -> None:
        given = ["rules", "apply", "ebooks.yaml", "--leads", "leads.csv", "--events", "events.csv", "--json"]
        assert json.loads(run(*given, "--as-of", "2026-03-24").stdout)["counts"]["MQL"] == 1

    def test_lines_separated_by_tabs(self, here: Path) -> None:
        done = run("rules", "apply", "sizes.yaml", "--leads", "leads.csv")
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert rows[0] == ["Lead", "Stage", "Score", "Fit", "Engagement", "Deciding rule"]
        assert rows[1] == ["L1", "SQL", "35", "35", "0", "accepted"]
        assert len(rows) == 6
        assert done.stderr.startswith("Leads: 5. MQL: 3, of which SQL: 2.")

    def test_a_table_on_a_terminal(self, here: Path) -> None:
        pty = pytest.importorskip("pty", reason="Windows has no such terminals")
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "kpi_udfs", "rules", "apply", "sizes.yaml", "--leads", "leads.csv"]
        done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, stdin=follower, text=True)
        os.close(follower)
        assert done.returncode == 0, done.stderr
        shown = os.read(leader, 65536).decode()
        os.close(leader)
        assert "L1    SQL    35     35   0           accepted" in shown

    @pytest.mark.parametrize("ending", ["csv", "xlsx", "json"])
    def test_a_file(self, here: Path, ending: str) -> None:
        leads = LEADS.replace("L2", "=1+1")
        (here / "leads.csv").write_text(leads)
        output = here / f"result.{ending}"
        output.write_text("what was there before")
        done = run("rules", "apply", "sizes.yaml", "--leads", "leads.csv", "-o", output.name)
        assert done.exit_code == 0
        assert f"The result is here: {output}" in done.stdout
        assert sorted(path.name for path in here.iterdir() if "result" in path.name) == [output.name]
        if ending == "json":
            assert json.loads(output.read_text(encoding="utf-8"))["counts"]["SQL"] == 2
            return
        if ending == "csv":
            with output.open(encoding="utf-8-sig", newline="") as file:
                rows: list[list[Any]] = list(csv.reader(file))
        else:
            sheet = openpyxl.load_workbook(output).active
            rows = [list(row) for row in sheet.iter_rows(values_only=True)]
            assert sheet["A3"].data_type == "s"  # no formula
        assert rows[1][:3] == ["L1", "SQL", "35" if ending == "csv" else 35]
        assert rows[2][0] == "=1+1"

    def test_an_output_that_breaks_off_leaves_what_was_there(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (here / "result.csv").write_text("before")

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        done = run("rules", "apply", "sizes.yaml", "--leads", "leads.csv", "-o", "result.csv")
        assert done.exit_code == 2
        assert done.stderr == "kpi-udfs: result.csv: the file can't be written: No space left on device\n"
        assert (here / "result.csv").read_text() == "before"
        assert not list(here.glob(".kpi_udfs*"))

    def test_an_identifier_in_several_rows_counts_once(self, here: Path) -> None:
        (here / "leads.csv").write_text(
            LEADS + "L5,300,director,no,web,Ada,won\n,300,x,no,web,Ada,won\n,300,x,no,web,Ada,won\n"
        )
        said = json.loads(run("rules", "apply", "sizes.yaml", "--leads", "leads.csv", "--json").stdout)
        assert len(said["leads"]) == 8
        assert said["counts"] == {"SQL": 2, "MQL": 4, "suppressed": 0, "not yet": 0, "lead": 1}
        with (here / "leads.csv").open(newline="") as file:
            assert evaluate("MQL_COUNT", list(csv.reader(file)), None, SIZES) == 6

    def test_a_sheet_of_a_workbook(self, here: Path) -> None:
        book = openpyxl.Workbook()
        book.active.title = "Notes"
        for name, content in (("Leads", LEADS), ("Events", EVENTS)):
            sheet = book.create_sheet(name)
            for row in csv.reader(content.splitlines()):
                sheet.append([int(cell) if cell.isdigit() else cell for cell in row])
        book.save("crm.xlsx")
        given = ["--leads", "crm.xlsx", "--sheet", "Leads", "--json"]
        said = json.loads(run("rules", "apply", "sizes.yaml", *given).stdout)
        assert said["counts"]["SQL"] == 2
        said = json.loads(
            run("rules", "apply", "ebooks.yaml", *given, "--events", "crm.xlsx", "--events-sheet", "Events").stdout
        )
        assert said["counts"]["MQL"] == 2
        on = run("on", "crm.xlsx", "WIN_RATIO", "outcomes=outcome", "--sheet", "Leads")
        assert on.stdout.startswith("75.0%: 3 won of 4 closed deals.")
        refused = run("on", "crm.xlsx", "WIN_RATIO", "outcomes=outcome", "--sheet", "Deals")
        assert refused.exit_code == 2
        assert 'crm.xlsx: there is no sheet "Deals". Sheets: Notes, Leads, Events' in refused.stderr

    @pytest.mark.parametrize("events", ["events.csv", "events.parquet"])
    @pytest.mark.parametrize("leads", ["leads.csv", "leads.parquet"])
    def test_tables_of_any_kind_go_together(self, here: Path, leads: str, events: str) -> None:
        duckdb = pytest.importorskip("duckdb")
        for name in ("leads", "events"):
            duckdb.read_csv(f"{name}.csv").write_parquet(f"{name}.parquet")
        tables = ["--leads", leads, "--events", events, "--json"]
        assert json.loads(run("rules", "apply", "ebooks.yaml", *tables).stdout)["counts"]["MQL"] == 2
        found = json.loads(run("rules", "backtest", "ebooks.yaml", *tables, "--won", "outcome").stdout)
        assert (found["leads"], found["won"], found["mql"]["leads"], found["mql"]["won"]) == (5, 3, 2, 1)
        found = json.loads(run("rules", "diff", "ebooks.yaml", "sizes.yaml", *tables).stdout)
        assert found["mql"]["enter"] == ["L2", "L3"]
        assert found["mql"]["leave"] == ["L4"]


# ------------------------------------------------------------------------------------- odd inputs


class TestOddInputs:
    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["apply", "none.yaml", "--leads", "leads.csv"], 2, "kpi-udfs: none.yaml: there is no such file"),
            (["apply", "leads.csv", "--leads", "leads.csv"], 2, "rules are read from files that end in .yaml or .yml"),
            (["apply", ".", "--leads", "leads.csv"], 2, "this is a folder"),
            (["apply", "x" * 300 + ".yaml", "--leads", "leads.csv"], 2, ""),
            (["apply", "sizes.yaml", "--leads", "none.csv"], 2, "kpi-udfs: none.csv: there is no such file."),
            (["apply", "sizes.yaml", "--leads", "x" * 300 + ".csv"], 2, "the file can't be read as a table"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "-o", "x" * 300 + ".csv"], 2, "the file can't be written"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "-o", "circle.csv"], 2, "the file can't be written"),
            (["apply", "sizes.yaml", "--leads", "sizes.yaml"], 2, ".parquet, .csv, .tsv, .xlsx; this one does not"),
            (["apply", "sizes.yaml", "--leads", "latin.csv"], 2, "latin.csv: the file is not UTF-8 text"),
            (["apply", "sizes.yaml", "--leads", "broken.xlsx"], 2, "it is no .xlsx workbook"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "--sheet", "One"], 2, "for an .xlsx file only"),
            (["apply", "sizes.yaml", "--leads", "empty.csv"], 1, "leads should be a table with its header row"),
            (["apply", "sizes.yaml", "--leads", "header.csv"], 1, "holds a header row and no data yet"),
            (["apply", "sizes.yaml"], 2, "Missing option '--leads'"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "--as-of", "2026-02-30"], 2, '"2026-02-30" is no day'),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "--as-of", "soon"], 2, "write it like 2026-03-31"),
            (
                ["apply", "ebooks.yaml", "--leads", "leads.csv"],
                2,
                "count events (ebook, demo_request); give --events FILE",
            ),
            (["apply", "bad.yaml", "--leads", "leads.csv"], 2, 'kpi-udfs: bad.yaml:2: unknown key "thresold"'),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "-o", "r.pdf"], 2, "files that end in .csv, .xlsx, .json"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "-o", "no/r.csv"], 2, "there is no such folder"),
            (["apply", "sizes.yaml", "--leads", "leads.csv", "-o", "folder.csv"], 2, "this is a folder"),
            (["apply", "sizes.yaml", "--leads", "events.csv"], 1, 'There is no column "accepted"'),
            (["diff", "sizes.yaml", "none.yaml", "--leads", "leads.csv"], 2, "none.yaml: there is no such file"),
            (["backtest", "sizes.yaml", "--leads", "leads.csv", "--won", "outcom"], 2, 'did you mean "outcome"?'),
            (["backtest", "sizes.yaml", "--leads", "leads.csv", "--won", "role"], 1, "known as won or lost"),
            (["check", "sizes.yaml", "--leads", "latin.csv"], 2, "not UTF-8"),
            (["check", "none.yaml"], 2, "there is no such file"),
        ],
    )
    def test_one_clear_line(self, here: Path, arguments: list[str], code: int, said: str) -> None:
        (here / "latin.csv").write_bytes("Verkäufer,lead id\n".encode("latin-1"))
        (here / "broken.xlsx").write_text("no workbook")
        (here / "bad.yaml").write_text(SCHEMA + "thresold: 3\n")
        (here / "empty.csv").write_text("")
        (here / "header.csv").write_text(LEADS.splitlines()[0] + "\n")
        (here / "folder.csv").mkdir()
        (here / "circle.csv").symlink_to("circle.csv")
        done = run("rules", *arguments)
        assert done.exit_code == code, done.output
        assert said in done.stderr
        assert not done.stdout
        assert "Traceback" not in done.stderr

    def test_an_unreadable_rules_file(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = Path.open

        def forbidden(file: Path, *arguments: Any, **others: Any) -> Any:
            if file.name == "sizes.yaml":
                raise PermissionError(13, "Permission denied")
            return opened(file, *arguments, **others)

        monkeypatch.setattr(Path, "open", forbidden)
        done = run("rules", "check", "sizes.yaml")
        assert done.exit_code == 2
        assert done.stderr == "kpi-udfs: sizes.yaml: the file can't be read: Permission denied\n"

    def test_refusals_in_german(self, here: Path) -> None:
        (here / "large.yaml").write_text("# " + "x" * 300_000)
        done = run("rules", "apply", "large.yaml", "--leads", "leads.csv", "--language", "de")
        assert done.exit_code == 2
        assert "256.000" in done.stderr

    def test_a_missing_extra_is_named(self, here: Path) -> None:
        (here / "leads.xlsx").write_text("")
        script = (
            "import sys; sys.modules['openpyxl'] = None\n"
            "sys.argv = ['kpi-udfs', 'rules', 'apply', 'sizes.yaml', '--leads', 'leads.xlsx']\n"
            "from kpi_udfs.cli import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == 'kpi-udfs: this needs the extra headless: pip install "kpi_udfs[headless]"\n'

    def test_rules_are_found_by_name_where_formulas_look_for_them(
        self, here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path_factory.mktemp("configuration")
        (folder / "team.yaml").write_text(SIZES)
        monkeypatch.setenv("KPI_UDFS_CONFIG", str(folder))
        settings.forget()
        assert run("rules", "check", "team").stdout.startswith(f"{folder / 'team.yaml'}: all right.")


# ------------------------------------------------------------------------------------------ diff


class TestDiff:
    @pytest.fixture
    def stricter(self, here: Path) -> None:
        (here / "stricter.yaml").write_text(SIZES.replace("threshold: 20", "threshold: 25"))

    @pytest.mark.usefixtures("stricter")
    def test_who_leaves(self, here: Path) -> None:
        done = run("rules", "diff", "sizes.yaml", "stricter.yaml", "--leads", "leads.csv", "--json")
        assert done.exit_code == 0
        said = json.loads(done.stdout)
        # L2 has 20 points: enough for the old rules, not for the new ones.
        assert said["mql"] == {"before": 3, "after": 2, "enter": [], "leave": ["L2"]}
        assert said["sql"] == {"before": 2, "after": 2, "enter": [], "leave": []}
        assert said["channel"][0] == {
            "name": "web", "leads": 3, "mql": {"before": 2, "after": 1, "enter": 0, "leave": 1},
            "sql": {"before": 1, "after": 1, "enter": 0, "leave": 0},
        }  # fmt: skip
        assert [share["name"] for share in said["owner"]] == ["Ben", "Ada"]

    @pytest.mark.usefixtures("stricter")
    def test_in_words(self, here: Path) -> None:
        done = run("rules", "diff", "stricter.yaml", "sizes.yaml", "--leads", "leads.csv")
        lines = done.stdout.splitlines()
        assert lines[:3] == [
            "Stage  Before  After  Enter  Leave",
            "MQL    2       3      1      0",
            "SQL    2       2      0      0",
        ]
        assert "Enter MQL (1): L2" in lines
        assert lines[4].startswith("Channel  Leads  MQL Before")

    def test_the_same_rules_change_nothing(self, here: Path) -> None:
        done = run("rules", "diff", "sizes.yaml", "sizes.yaml", "--leads", "leads.csv")
        assert done.exit_code == 0
        assert "Nobody enters or leaves a stage." in done.stdout

    def test_long_lists_are_cut_where_a_person_reads(self, here: Path) -> None:
        rows = "".join(f"N{number},300,x,no,web,Ada,won\n" for number in range(50))
        (here / "leads.csv").write_text(LEADS + rows)
        (here / "nobody.yaml").write_text(SCHEMA + "mql: {field: role, eq: nobody}\n")
        arguments = ["rules", "diff", "nobody.yaml", "sizes.yaml", "--leads", "leads.csv"]
        assert "N16, and 33 more" in run(*arguments).stdout
        assert len(json.loads(run(*arguments, "--json").stdout)["mql"]["enter"]) == 53

    def test_both_look_from_the_same_day(self, here: Path) -> None:
        (here / "leads.csv").write_text(
            "lead id,created,seen,role\nL1,2026-01-05,2026-03-05,x\nL2,2026-02-05,2026-02-06,x\n"
        )
        (here / "old.yaml").write_text(SCHEMA + "mql: {field: seen, within_last: 30d}\n")
        (here / "new.yaml").write_text(SCHEMA + "leads: {created: seen}\nmql: {field: seen, within_last: 30d}\n")
        done = run("rules", "diff", "old.yaml", "new.yaml", "--leads", "leads.csv", "--json")
        assert "both look from Mar 5, 2026" in done.stderr
        said = json.loads(done.stdout)
        assert said["as_of"] == "2026-03-05"
        assert said["mql"] == {"before": 2, "after": 2, "enter": [], "leave": []}

    def test_the_file_whose_rules_are_not_in_force_is_named(self, here: Path) -> None:
        (here / "late.yaml").write_text(SIZES + "effective_from: 2026-06-01\n")
        done = run("rules", "diff", "sizes.yaml", "late.yaml", "--leads", "leads.csv", "--as-of", "2026-01-01")
        assert done.exit_code == 1
        assert done.stderr.startswith("kpi-udfs: #N/A: late.yaml: No rules are in force on Jan 1, 2026")

    def test_leads_that_were_not_there_yet_are_left_out(self, here: Path) -> None:
        (here / "leads.csv").write_text("lead id,created,role\nL1,2026-01-05,x\nL2,2026-02-05,x\n")
        (here / "old.yaml").write_text(SCHEMA + "mql: {field: role, eq: z}\n")
        (here / "new.yaml").write_text(SCHEMA + "mql: {field: role, eq: x}\n")
        given = ["rules", "diff", "old.yaml", "new.yaml", "--leads", "leads.csv", "--as-of", "2026-01-31"]
        assert json.loads(run(*given, "--json").stdout)["mql"]["enter"] == ["L1"]
        assert "Leads created after that day, left out: 1." in run(*given).stdout


def test_comparing_counts_per_fact() -> None:
    old = [Lead("a", "lead", facts={"channel": "x"}), Lead("b", "SQL", facts={"channel": "y"})]
    new = [Lead("a", "SQL", facts={"channel": "x"}), Lead("b", "MQL", facts={"channel": "y"})]
    found = compare(old, new, ["channel"])
    assert found.changes["mql"].enter == ("a",)
    assert found.changes["mql"].leave == ()
    assert (found.changes["sql"].enter, found.changes["sql"].leave) == (("a",), ("b",))
    assert [(share.name, share.changes["sql"].after) for share in found.within["channel"]] == [("x", 1), ("y", 0)]


def test_a_lead_of_several_rows_is_what_its_best_row_is() -> None:
    rows = [Lead("a", "suppressed", 5.0), Lead("a", "MQL", 3.0, "r", won=True), Lead("", "lead"), Lead("", "lead")]
    first, *nameless = one_per_lead(rows)
    assert (first.stage, first.score, first.rule, first.won) == ("MQL", 5.0, "r", True)
    assert len(nameless) == 2


# -------------------------------------------------------------------------------------- backtest


class TestBacktest:
    def test_the_figures_of_a_choice(self) -> None:
        # 10 leads, 4 won; picked 5, of which 3 were won.
        found = pick([True, True, True, False, False], 10, 4)
        assert found == Picked(
            leads=5, won=3,
            precision=3 / 5,
            recall=3 / 4,
            lift=pytest.approx((3 / 5) / (4 / 10)),  # 1.5
            f1=pytest.approx(2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4)),  # 2/3
        )  # fmt: skip

    def test_nothing_to_divide_by(self) -> None:
        assert pick([], 10, 4) == Picked(0, 0, None, 0.0, None, 0.0)
        assert pick([False], 10, 0) == Picked(1, 0, 0.0, None, None, 0.0)
        assert pick([], 0, 0) == Picked(0, 0, None, None, None, None)
        assert backtest([]).base_rate is None

    def test_a_band_for_each_score_where_there_are_few(self) -> None:
        leads = [Lead(str(n), "lead", score, won=won) for n, (score, won) in enumerate(
            [(10.0, False), (10.0, True), (20.0, True), (30.0, True), (0.0, False), (0.0, False)]
        )]  # fmt: skip
        found = backtest(leads, [("mql", 15.0)])
        assert [(band.low, band.high, band.picked.leads, band.picked.won) for band in found.bands] == [
            (30.0, 30.0, 1, 1), (20.0, 20.0, 1, 1), (10.0, 10.0, 2, 1), (0.0, 0.0, 2, 0),
        ]  # fmt: skip
        assert sum(band.picked.recall or 0 for band in found.bands) == pytest.approx(1.0)
        assert [(step.threshold, step.picked.leads, step.in_force) for step in found.curve] == [
            (30.0, 1, ()), (20.0, 2, ()), (15.0, 2, ("mql",)), (10.0, 4, ()), (0.0, 6, ()),
        ]  # fmt: skip
        assert found.curve[1].picked.precision == 1.0
        assert found.curve[1].picked.recall == pytest.approx(2 / 3)  # 2 of 3 won

    def test_tenths_keep_equal_scores_together(self) -> None:
        scored = sorted((float(max(number, 35)), number % 3 == 0) for number in range(100))
        parts = bands(scored)
        assert sum(map(len, parts)) == 100
        assert len(parts) == 7  # 0 to 35 are one score: the four lowest tenths are one band
        assert [part[0][0] for part in parts] == [90.0, 80.0, 70.0, 60.0, 50.0, 40.0, 35.0]
        assert not set.intersection(*({score for score, _ in part} for part in parts[-2:]))

    def test_the_curve_is_short_and_holds_what_is_in_force(self) -> None:
        leads = [Lead(str(number), "lead", float(number), won=number > 500) for number in range(1000)]
        found = backtest(leads, [("mql", 333.5), ("sql", 900.0)])
        assert len(found.curve) == 20
        assert found.curve[0].threshold == 999.0
        assert found.curve[-1].threshold == 0.0
        marked = {step.in_force: step.picked for step in found.curve if step.in_force}
        assert marked[("mql",)].leads == 666  # 334 … 999
        assert marked[("sql",)].precision == 1.0
        recalls = [step.picked.recall or 0.0 for step in found.curve]
        assert recalls == sorted(recalls)

    def test_outcome_words(self, here: Path) -> None:
        done = run("rules", "backtest", "sizes.yaml", "--leads", "leads.csv", "--won", "outcome", "--json")
        said = json.loads(done.stdout)
        assert (said["leads"], said["won"], said["base_rate"]) == (5, 3, 0.6)
        # MQL: L1 (won), L2 (lost), L3 (won); 2 of 3 won.
        assert said["mql"] == {
            "leads": 3, "won": 2, "precision": pytest.approx(2 / 3), "recall": pytest.approx(2 / 3),
            "lift": pytest.approx((2 / 3) / 0.6), "f1": pytest.approx(2 / 3),
        }  # fmt: skip
        assert [step["threshold"] for step in said["curve"] if step["in_force"] == ["mql"]] == [20.0]
        assert said["bands"][0] == {
            "from": 35.0, "to": 35.0, "leads": 1, "won": 1, "rate": 1.0, "lift": pytest.approx(1 / 0.6),
            "share_of_wins": pytest.approx(1 / 3),
        }  # fmt: skip

    def test_in_words(self, here: Path) -> None:
        done = run("rules", "backtest", "sizes.yaml", "--leads", "leads.csv", "--won", "accepted")
        assert done.exit_code == 0
        assert done.stdout.startswith("Leads: 5. Won: 3. Base rate: 60.0%.\n")
        assert 'Note: The rules themselves look at the column "accepted"' in done.stdout
        assert [line for line in done.stdout.splitlines() if line.endswith("MQL") and line.startswith("20 ")]

    def test_in_german(self, here: Path) -> None:
        done = run("rules", "backtest", "sizes.yaml", "--leads", "leads.csv", "--won", "outcome", "--language", "de")
        assert "66,7\xa0%" in done.stdout

    def test_blank_rows_move_nothing(self, here: Path) -> None:
        (here / "leads.csv").write_text("\n" + LEADS.replace("L3", "\n,,,,,,\nL3") + "\n")
        given = ["--leads", "leads.csv", "--won", "outcome", "--json"]
        blank = json.loads(run("rules", "backtest", "sizes.yaml", *given).stdout)
        (here / "leads.csv").write_text(LEADS)
        assert blank == json.loads(run("rules", "backtest", "sizes.yaml", *given).stdout)

    def test_rules_without_points(self, here: Path) -> None:
        given = ["--leads", "leads.csv", "--events", "events.csv", "--won", "outcome"]
        done = run("rules", "backtest", "ebooks.yaml", *given)
        assert "These rules give no points" in done.stdout
        said = json.loads(run("rules", "backtest", "ebooks.yaml", *given, "--json").stdout)
        assert (said["sql"], said["bands"], said["curve"]) == (None, [], [])
        assert said["as_of"] == "2026-03-25"


class TestXEducation:
    """9,240 real leads: the rules and what came of them as another program counted it."""

    RULES = {
        "hot_time_ge_1000": "{field: Total Time Spent on Website, gte: 1000}",
        "mql_time_or_visits": "{all: [{any: [{field: Total Time Spent on Website, gt: 600}, {field: TotalVisits, gte: 5}]}, "
        '{field: Do Not Email, eq: "No"}]}',
        "mql_source_in": "{field: Lead Source, in: [Reference, Welingak Website, Organic Search]}",
        "sql_sms_and_working_prof": "{all: [{field: Last Activity, eq: SMS Sent}, "
        "{field: What is your current occupation, eq: Working Professional}]}",
        "occupation_missing": "{field: What is your current occupation, is: blank}",
    }

    @pytest.mark.parametrize("name", RULES)
    def test_precision_is_the_conversion_of_the_picked(
        self, name: str, data: Path, reference: Any, tmp_path: Path
    ) -> None:
        known = reference["x_education"]
        file = tmp_path / "rules.yaml"
        file.write_text(SCHEMA + f"leads: {{id: Lead Number}}\nmql: {self.RULES[name]}\n")
        leads = data / "x_education" / "Leads.csv"
        done = run("rules", "backtest", file, "--leads", leads, "--won", "Converted", "--json")
        said, rule = json.loads(done.stdout), known["rules"][name]
        assert (said["leads"], said["won"]) == (known["rows"], known["converted"])
        assert said["base_rate"] == pytest.approx(known["conv_rate"])
        assert (said["mql"]["leads"], said["mql"]["won"]) == (rule["leads"], rule["converted"])
        assert said["mql"]["precision"] == pytest.approx(rule["conv_rate"])
        assert said["mql"]["recall"] == pytest.approx(rule["converted"] / known["converted"])
        assert said["mql"]["lift"] == pytest.approx(rule["conv_rate"] / known["conv_rate"])

    def test_the_funnel(self, data: Path, reference: Any, tmp_path: Path) -> None:
        known = reference["x_education"]["rules"]["funnel_example"]
        file = tmp_path / "rules.yaml"
        file.write_text(
            SCHEMA + f"leads: {{id: Lead Number}}\nmql: {self.RULES['mql_time_or_visits']}\n"
            "sql: {field: Last Activity, in: [SMS Sent, Email Opened, Had a Phone Conversation]}\n"
        )
        leads = data / "x_education" / "Leads.csv"
        said = json.loads(run("rules", "backtest", file, "--leads", leads, "--won", "Converted", "--json").stdout)
        assert (said["mql"]["leads"], said["sql"]["leads"]) == (known["mql"], known["sql"])
        assert said["sql"]["won"] == known["customers_from_sql"]


# --------------------------------------------------------------------------------------- explain


class TestExplain:
    def test_rule_by_rule(self, here: Path) -> None:
        done = run("rules", "explain", "sizes.yaml", "--leads", "leads.csv", "--lead", "L3")
        assert done.exit_code == 0
        assert "size" in done.stdout
        assert "role" in done.stdout

    def test_json(self, here: Path) -> None:
        said = json.loads(
            run("rules", "explain", "sizes.yaml", "--leads", "leads.csv", "--lead", "L3", "--json").stdout
        )
        assert said["lead"] == "L3"
        assert said["value"] == evaluate(
            "WHY_QUALIFIED", "L3", [row.split(",") for row in LEADS.splitlines()], None, SIZES
        )

    def test_a_lead_that_is_not_there(self, here: Path) -> None:
        done = run("rules", "explain", "sizes.yaml", "--leads", "leads.csv", "--lead", "L9")
        assert done.exit_code == 1
        assert "L9" in done.stderr
        assert not done.stdout


# ---------------------------------------------------------------------------------------- config


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder in force."""
    folder = tmp_path / "configuration"
    folder.mkdir()
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(folder))
    settings.forget()
    return folder


class TestConfigShow:
    def test_the_defaults(self) -> None:
        said = json.loads(run("config", "show", "--json").stdout)
        assert [one["name"] for one in said["files"]] == [
            "settings.yaml", "outcomes.yaml", "stages.yaml", "columns.yaml", "qualification.yaml",
        ]  # fmt: skip
        assert {one["why"] for one in said["files"]} == {"packaged"}
        assert all(one["usable"] for one in said["files"])
        assert said["fingerprint"] == settings.current().fingerprint

    def test_a_file_of_the_team_overrides_the_default(self, folder: Path) -> None:
        (folder / "qualification.yaml").write_text(SIZES)
        done = run("config", "show", "--json")
        rules = json.loads(done.stdout)["files"][-1]
        assert done.exit_code == 0
        assert (rules["file"], rules["why"]) == (str(folder / "qualification.yaml"), "environment")
        assert rules["overridden"] == [
            {"file": str(settings.packaged("config") / "qualification.yaml"), "why": "packaged"}
        ]
        lines = run("config", "show").stdout
        assert (
            f"qualification.yaml: {folder / 'qualification.yaml'}\n    in force: the folder that KPI_UDFS_CONFIG"
            in lines
        )

    def test_a_file_beside_the_workbook_comes_first(self, folder: Path, tmp_path: Path) -> None:
        (folder / "qualification.yaml").write_text(SIZES)
        (tmp_path / "qualification.yaml").write_text(EBOOKS)
        done = run("config", "show", "--json", "--workbook", tmp_path / "book.xlsx")
        rules = json.loads(done.stdout)["files"][-1]
        assert (rules["file"], rules["why"]) == (str(tmp_path / "qualification.yaml"), "workbook")
        assert [one["why"] for one in rules["overridden"]] == ["environment", "packaged"]
        done = run("config", "show", "--json", "--rules", tmp_path / "qualification.yaml")
        assert json.loads(done.stdout)["files"][-1]["why"] == "given"

    def test_what_can_t_be_used_is_told_with_all_its_problems(self, folder: Path) -> None:
        (folder / "settings.yaml").write_text("schema: kpi_udfs.settings/1\nlangage: de\n")
        (folder / "qualification.yaml").write_text(SCHEMA + "thresold: 3\n")
        done = run("config", "show")
        assert done.exit_code == 1
        assert "can't be used:\n" in done.stdout
        assert f'{folder / "settings.yaml"}:2: unknown key "langage"' in done.stdout
        assert f'{folder / "qualification.yaml"}:2: unknown key "thresold"' in done.stdout
        assert "Fingerprint of all" not in done.stdout

    def test_a_variable_that_leads_nowhere(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path / "none"))
        settings.forget()
        done = run("config", "show")
        assert done.exit_code == 1
        assert f"KPI_UDFS_CONFIG: {tmp_path / 'none'} is no folder" in done.stdout

    def test_rules_of_no_such_name(self) -> None:
        done = run("config", "show", "--rules", "nobody")
        assert done.exit_code == 1
        assert "nobody: there is no such file in any of the folders" in done.stdout


class TestConfigInit:
    def test_everything_is_there_for_editing_and_nothing_is_overwritten(self, tmp_path: Path) -> None:
        target = tmp_path / "new" / "folder"
        target.mkdir(parents=True)
        (target / "qualification.yaml").write_text("somebody's work")
        done = run("config", "init", target)
        assert done.exit_code == 0
        source = settings.packaged("config")
        for name in settings.names():
            assert (target / name).read_bytes() == (source / name).read_bytes()
        for file in (*source.rglob("*.json"), *(source / "examples").glob("*.yaml")):
            assert (target / file.relative_to(source)).is_file()
        assert (target / "qualification.yaml").read_text() == "somebody's work"
        assert f"there already, left as it is: {target / 'qualification.yaml'}" in done.stdout
        assert f"KPI_UDFS_CONFIG={target}" in done.stdout
        assert not list(target.rglob(".*"))

    def test_the_user_s_own_folder(self) -> None:
        done = run("config", "init")
        users = dict(settings.named_folders())["user"]
        assert done.exit_code == 0
        assert (users / "settings.yaml").is_file()
        assert "KPI_UDFS_CONFIG" not in done.stdout
        settings.forget()
        shown = json.loads(run("config", "show", "--json").stdout)
        assert {one["why"] for one in shown["files"]} == {"user"}

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = run("config", "init", tmp_path / "file" / "folder")
        assert done.exit_code == 2
        assert "nothing can be written there" in done.stderr
        assert not done.stdout


def test_the_fingerprint_follows_the_rules_in_force(folder: Path) -> None:
    before = evaluate("KPI_VERSION")
    (folder / "qualification.yaml").write_text(SIZES)
    settings.forget()
    first = evaluate("KPI_VERSION")
    (folder / "qualification.yaml").write_text(EBOOKS)
    settings.forget()
    assert len({before, first, evaluate("KPI_VERSION")}) == 3
