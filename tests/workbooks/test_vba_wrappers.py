"""The wrappers' text, run by an interpreter of VBA: what they send to Python, and what they put into cells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cases
import pytest
from cases import Case
from pretend_excel import COM_ERROR, MISSING, PretendExcel, Range, VBAErrorValue

from kpi_udfs.cells import COM_ERRORS, COM_MISSING
from kpi_udfs.hosts.excel import ANSWER
from kpi_udfs.messages import LANGUAGES, say
from kpi_udfs.publish import vba
from kpi_udfs.registry import KPIS

VALUE, DIV0, NA = (COM_ERROR + number for number in (2015, 2007, 2042))
ERRORS = {code: number - COM_ERROR for number, code in COM_ERRORS.items()}
COLUMN = [["won"], ["lost"], [None], ["won"]]


@pytest.fixture
def excel(add_in: Path) -> PretendExcel:
    return PretendExcel(add_in)


@pytest.fixture
def deals(excel: PretendExcel) -> Range:
    return excel.fill(excel.new_sheet(), 1, 1, COLUMN)


# ------------------------------------------------------------------------------------- what is sent


def arguments(excel: PretendExcel, case: Case) -> list[Any]:
    """The case's arguments as ranges of a new sheet, side by side."""
    sheet, column, given = excel.new_sheet(), 1, []
    for rows in case.arguments:
        if rows is None:
            given.append(MISSING)
            continue
        given.append(excel.fill(sheet, 1, column, [[in_a_cell(cell) for cell in row] for row in rows]))
        column += len(rows[0]) + 1
    return given


def in_a_cell(cell: Any) -> Any:
    if isinstance(cell, dict):
        return VBAErrorValue(ERRORS[cell["error"]]) if "error" in cell else float(cases.serial(cell["date"]))
    return float(cell) if type(cell) is int else cell


def question(case: Case) -> tuple[Any, ...]:
    """What the protocol says Python gets for the case."""
    used = [(down, right) for rows in case.arguments for down, right in filled(rows or [])]
    tall = 1 + max((down for down, _ in used), default=0)
    sent = []
    for rows in case.arguments:
        cut = [tuple(map(sent_cell, row)) for row in rows[:tall]] if rows else None
        sent.append(COM_MISSING if cut is None else cut[0][0] if (len(cut), len(cut[0])) == (1, 1) else tuple(cut))
    left_out = sum(not param.repeats for param in KPIS[case.kpi].params) - len(sent)
    return (case.kpi, 1900, *sent, *[COM_MISSING] * left_out)


def filled(rows: list[list[Any]]) -> list[tuple[int, int]]:
    return [(d, r) for d, row in enumerate(rows) for r, cell in enumerate(row) if cell not in (None, "")]


def sent_cell(cell: Any) -> Any:
    if cell == "" and isinstance(cell, str):
        return None
    return COM_ERROR + ERRORS[cell["error"]] if isinstance(cell, dict) and "error" in cell else in_a_cell(cell)


@pytest.mark.parametrize("case", cases.examples(), ids=lambda case: case.kpi)
def test_every_example_arrives_and_its_answer_gets_into_the_cell(excel: PretendExcel, case: Case) -> None:
    excel.answer = lambda asked: squeezed(ANSWER(*asked))
    got = excel.call(case.kpi, *arguments(excel, case))
    ((module, function, asked),) = excel.asked
    assert (module, function) == ("kpi_udfs.hosts.excel", "ANSWER")
    assert (*asked[:2], *asked[3:]) == question(case)
    assert [type(value) for value in asked[3:]] == [type(value) for value in question(case)[2:]]
    assert cases.differences(in_cells(got), cases.core_answer(case)) is None


def test_random_calls(excel: PretendExcel) -> None:
    excel.answer = lambda asked: squeezed(ANSWER(*asked))
    for case in cases.random_cases(80):
        got = excel.call(case.kpi, *arguments(excel, case))
        assert cases.differences(in_cells(got), cases.core_answer(case)) is None, case


def squeezed(value: Any) -> Any:
    """A result as xlwings' server returns it: a block of one row as a row, one of a single cell as the cell."""
    if not isinstance(value, list) or len(value) > 1:
        return value
    return value[0] if len(value[0]) > 1 else value[0][0]


def in_cells(value: Any) -> Any:
    """What Excel shows for a result: rows of cells, errors as their codes."""
    if isinstance(value, tuple):
        rows = value if isinstance(value[0], tuple) else (value,)
        return [[in_cells(cell) for cell in row] for row in rows]
    return COM_ERRORS.get(value, value) if type(value) is int else value


def test_only_the_end_is_cut(excel: PretendExcel) -> None:
    """Leading rows stay, for the row numbers in messages, and columns of a call stay equally long."""
    sheet = excel.new_sheet()
    excel.fill(sheet, 3, 2, [["won"], ["lost"]])
    excel.fill(sheet, 3, 4, [[10.0], [20.0], [30.0], [None]])
    excel.call("WIN_RATIO", *(sheet.vba_get("Range", [place]) for place in ("B:B", "D1:D50")))
    assert excel.asked[-1][2][3:5] == (
        ((None,), (None,), ("won",), ("lost",), (None,)),
        ((None,), (None,), (10.0,), (20.0,), (30.0,)),
    )
    excel.call("WIN_RATIO", *(sheet.vba_get("Range", [place]) for place in ("B4:B9", "D3:D8")))
    assert [len(sent) for sent in excel.asked[-1][2][3:5]] == [3, 3]
    excel.call("KPI_CHECK", sheet.vba_get("Range", ["B3:XFD1048576"]))
    assert excel.asked[-1][2][3] == (("won", None, 10.0), ("lost", None, 20.0), (None, None, 30.0))


def test_ranges_of_several_sheets(excel: PretendExcel) -> None:
    short, long = excel.new_sheet(), excel.new_sheet()
    excel.fill(short, 1, 1, [["won"], ["lost"]])
    excel.fill(long, 1, 1, [[1.0], [2.0], [3.0]])
    excel.call("WIN_RATIO", short.vba_get("Range", ["A:A"]), long.vba_get("Range", ["A:A"]))
    assert excel.asked[-1][2][3:5] == ((("won",), ("lost",), (None,)), ((1.0,), (2.0,), (3.0,)))
    excel.call("WIN_RATIO", short.vba_get("Range", ["A1:A2"]), long.vba_get("Range", ["A:A"]))
    assert [len(sent) for sent in excel.asked[-1][2][3:5]] == [2, 3]


def test_a_range_outside_the_used_part_is_a_blank_cell(excel: PretendExcel, deals: Range) -> None:
    outside = deals.sheet.vba_get("Range", ["F100:F200"])
    excel.call("WIN_RATIO", outside)
    assert excel.asked[-1][2][3] is None
    excel.call("WIN_RATIO", excel.new_sheet().vba_get("Range", ["A:C"]))
    assert excel.asked[-1][2][3] is None


def test_a_range_in_several_parts_is_refused(excel: PretendExcel, deals: Range) -> None:
    assert excel.call("WIN_RATIO", deals.sheet.vba_get("Range", ["A1:A2,A4:A4"])) == VALUE
    assert excel.asked == []


def test_what_is_no_range_goes_through(excel: PretendExcel) -> None:
    excel.call("WIN_RATIO", "won", VBAErrorValue(2042), MISSING)
    assert excel.asked[-1][2][3:] == ("won", NA, COM_MISSING)
    excel.call("KPI_EXPLAIN", "WIN_RATIO")
    assert excel.asked[-1][2][3:] == ("WIN_RATIO",)
    excel.call("KPI_VERSION")
    assert excel.asked[-1][2][3:] == ()


def test_arguments_that_repeat_may_be_ranges_or_left_out(excel: PretendExcel, deals: Range) -> None:
    excel.call("KPI_EXPLAIN", "WIN_RATIO", deals, MISSING, "all")
    assert excel.asked[-1][2][3:] == ("WIN_RATIO", tuple(map(tuple, COLUMN)), COM_MISSING, "all")


def test_the_calling_workbook_says_where_it_lies_and_how_it_counts_days(excel: PretendExcel, deals: Range) -> None:
    other = excel.other_workbook(r"C:\Sales")
    other.date1904 = True
    excel.application.caller = excel.fill(excel.new_sheet(other), 1, 1, [[None]])
    excel.app.activate_workbook(excel.book)
    excel.call("WIN_RATIO", deals)
    assert excel.asked[-1][2][1:3] == (1904, r"C:\Sales")
    other.path = "https://example.sharepoint.com/Documents"
    excel.call("WIN_RATIO", deals)
    assert excel.asked[-1][2][1:3] == (1904, "")
    excel.application.caller = VBAErrorValue(2023)  # called by other VBA
    excel.book.path = r"D:\Here"
    excel.call("WIN_RATIO", deals)
    assert excel.asked[-1][2][1:3] == (1900, r"D:\Here")
    excel.application.active_book = None
    excel.call("WIN_RATIO", "won")
    assert excel.asked[-1][2][1:3] == (1900, "")


# -------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("code", ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"])
def test_error_texts_become_errors(excel: PretendExcel, code: str) -> None:
    error = COM_ERROR + ERRORS[code]
    for returned, expected in (
        (code, error),
        ((1.0, code, "text"), (1.0, error, "text")),
        (((code, 1.0), ("", code)), ((error, 1.0), ("", error))),
    ):
        excel.answer = lambda _, returned=returned: returned  # type: ignore[misc]
        assert excel.call("WIN_RATIO", "won") == expected


@pytest.mark.parametrize("value", ["#PYTHON!", "#", "", "won", 0.5, True, (("#1", 2.0), (3.0, "# of deals"))])
def test_everything_else_stays(excel: PretendExcel, value: Any) -> None:
    excel.answer = lambda _: value
    got = excel.call("WIN_RATIO", "won")
    assert (got, type(got)) == (value, type(value))


# ------------------------------------------------------------------------------------- the server


def test_one_server_for_all_calls(excel: PretendExcel) -> None:
    assert [excel.call("WIN_RATIO", "won") for _ in range(3)] == [0.5] * 3
    assert len(excel.starts) == 1


def test_a_server_that_is_gone_is_started_again(excel: PretendExcel) -> None:
    excel.call("WIN_RATIO", "won")
    assert excel.server
    excel.server.gone = True
    assert excel.call("WIN_RATIO", "won") == 0.5
    assert len(excel.starts) == 2
    assert excel.call("WIN_RATIO", "won") == 0.5
    assert len(excel.starts) == 2


def test_after_a_failed_start_there_is_a_pause(excel: PretendExcel) -> None:
    excel.cannot_start = True
    assert [excel.call("WIN_RATIO", "won") for _ in range(3)] == [VALUE] * 3
    assert len(excel.starts) == 2  # once more at once, as nothing was waited for
    excel.cannot_start = False
    excel.later(59)
    assert excel.call("WIN_RATIO", "won") == VALUE
    excel.later(2)
    assert excel.call("WIN_RATIO", "won") == 0.5
    assert len(excel.starts) == 3


def test_a_server_that_is_gone_and_cannot_start_again(excel: PretendExcel) -> None:
    excel.call("WIN_RATIO", "won")
    assert excel.server
    excel.server.gone = excel.cannot_start = True
    assert [excel.call("WIN_RATIO", "won") for _ in range(3)] == [VALUE] * 3
    assert len(excel.starts) == 3


def test_a_server_ended_by_force_is_started_under_another_name(excel: PretendExcel) -> None:
    """Some systems keep the name of what was ended by force."""
    excel.call("WIN_RATIO", "won")
    for round in (1, 2):
        assert excel.server
        excel.server.gone = True
        excel.dead_names.add(excel.starts[-1])
        assert excel.call("WIN_RATIO", "won") == 0.5
        assert excel.starts[-1] == "cmd.exe" + " " * round


def test_after_a_long_wait_nothing_more_is_tried(excel: PretendExcel) -> None:
    excel.cannot_start, excel.start_takes = True, 120
    assert [excel.call("WIN_RATIO", "won") for _ in range(3)] == [VALUE] * 3
    assert excel.starts == ["cmd.exe"]


def test_an_error_of_the_server_shows_no_traceback(excel: PretendExcel) -> None:
    def fail(asked: Any) -> Any:
        from pyopenvba.exceptions import VBARuntimeError

        raise VBARuntimeError(1000, "Traceback (most recent call last): …")

    excel.answer = fail
    assert excel.call("WIN_RATIO", "won") == VALUE


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({}, 1),  # xlwings then takes pythonw, wherever Windows finds it
        ({"INTERPRETER_WIN": "python"}, 1),
        ({"INTERPRETER_WIN": "pythonw", "CONDA PATH": r"C:\conda", "CONDA ENV": "kpi"}, 1),
        ({"INTERPRETER": r"C:\Old\pythonw.exe"}, 0),
        ({"INTERPRETER_WIN": r"C:\Gone\pythonw.exe"}, 0),
        ({"INTERPRETER_WIN": PretendExcel.PYTHON}, 1),
    ],
)
def test_an_interpreter_that_is_not_there_is_not_started(
    excel: PretendExcel, settings: dict[str, str], starts: int
) -> None:
    excel.settings = settings
    assert excel.call("WIN_RATIO", "won") == (0.5 if starts else VALUE)
    assert len(excel.starts) == starts


# --------------------------------------------------------------------------------------- the help


@pytest.mark.parametrize(
    ("variable", "menus", "language"),
    [
        ("", 1033, "en"), ("", 1031, "de"), ("", 3079, "de"), ("", 1036, "fr"), ("", 1040, "it"), ("", 1057, "id"),
        ("", 1041, "en"), ("", 0, "en"), ("de_CH", 1036, "de"), ("it", 1033, "it"), ("FR-CA", 1033, "fr"),
        ("es", 1031, "en"), ("idiom", 1031, "en"), ("en_GB", 1031, "en"),
    ],
)  # fmt: skip
def test_help_in_the_users_language(excel: PretendExcel, variable: str, menus: int, language: str) -> None:
    excel.environment["KPI_UDFS_LANGUAGE"] = variable
    excel.application.ui_language = menus
    excel.app.run("ThisWorkbook.Workbook_Open")
    assert excel.application.described == [
        {
            "macro": f"'kpi_udfs.xlam'!{spec.name}",
            "description": say(spec.tooltip, language),
            "category": "KPI",
            "arguments": [say(param.help, language) for param in spec.params],
        }
        for spec in KPIS.values()
    ]


def test_long_texts_are_cut(excel: PretendExcel) -> None:
    sheet = excel.app.sheet("kpi_udfs.help")
    sheet.set_value("C2", "x" * 400)
    sheet.set_value("D2", "y" * 400)
    excel.app.run("RegisterHelp")
    first = excel.application.described[0]
    assert (first["description"], first["arguments"][0]) == ("x" * 255, "y" * 255)


@pytest.mark.parametrize("saved", [True, False])
def test_an_add_in_whose_functions_excel_refuses_is_none_for_a_moment(excel: PretendExcel, saved: bool) -> None:
    excel.book.is_addin, excel.book.saved = True, saved
    excel.application.refuses = lambda _: excel.book.is_addin
    excel.app.run("RegisterHelp")
    assert len(excel.application.described) == len(KPIS)
    assert (excel.book.was_addin, excel.book.is_addin, excel.book.saved) == ([False, True], True, saved)
    assert excel.application.screen_updating


def test_an_add_in_whose_functions_excel_takes_stays_one(excel: PretendExcel) -> None:
    excel.book.is_addin = True
    excel.app.run("RegisterHelp")
    assert len(excel.application.described) == len(KPIS)
    assert excel.book.was_addin == []


def test_nothing_stops_a_workbook_from_opening(excel: PretendExcel) -> None:
    excel.application.refuses = lambda _: True
    excel.app.run("ThisWorkbook.Workbook_Open")
    assert (excel.application.described, excel.book.was_addin) == ([], [])
    excel.book.is_addin = True
    excel.app.sheet("kpi_udfs.help").sheet.vba_get("Cells").vba_get("Clear")
    excel.app.run("ThisWorkbook.Workbook_Open")
    assert excel.book.was_addin == []  # without texts there is nothing to try again


def test_one_function_that_excel_refuses_is_one(excel: PretendExcel) -> None:
    excel.application.refuses = lambda given: given["macro"].endswith("WIN_RATIO")
    excel.app.run("RegisterHelp")
    assert len(excel.application.described) == len(KPIS) - 1


# ------------------------------------------------------------------------------------ the text


def test_help_has_a_row_per_function_and_language() -> None:
    header, *rows = vba.help_rows()
    assert header[:4] == ["function", "language", "description", "argument 1"]
    assert [(row[1], row[0]) for row in rows] == [(language, name) for language in LANGUAGES for name in KPIS]
    assert max(len(text) for row in rows for text in row) <= 255


def test_a_function_per_kpi_with_its_declared_arguments() -> None:
    declared = dict(re.findall(r"^Public Function (\w+)\((.*)\) As Variant$", vba.functions(), re.MULTILINE))
    assert sorted(declared) == sorted(KPIS)
    assert declared["WIN_RATIO"] == "outcomes As Variant, Optional values As Variant, Optional basis As Variant"
    assert declared["KPI_EXPLAIN"] == "kpi As Variant, ParamArray arguments() As Variant"
    assert declared["KPI_VERSION"] == ""


def test_functions_whose_name_is_an_arguments_too_come_last() -> None:
    """VBA spells a word everywhere as it was declared last."""
    last_seen = {word.lower(): word for word in re.findall(r"\w+", re.sub(r"^ *'.*$", "", vba.functions(), flags=re.M))}
    assert [name for name in KPIS if last_seen[name.lower()] != name] == []


@pytest.mark.parametrize("module", ["functions", "call", "help", "ThisWorkbook"])
def test_within_what_vba_takes(module: str) -> None:
    text = {"functions": vba.functions(), "ThisWorkbook": vba.module("ThisWorkbook")}.get(module)
    text = text or vba.module(f"kpi_udfs_{module}")
    assert max(map(len, text.splitlines())) <= 1023
    assert not re.search(r"(_\n.*){25}", text)
    assert len(text.encode("cp1252")) < 65536
    assert "Option Explicit" in text
