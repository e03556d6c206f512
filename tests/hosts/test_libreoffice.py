"""The door for Calc's add-in, handed what LibreOffice hands over: plain values and a document."""

from __future__ import annotations

import logging
import math
import nturl2path
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from kpi_udfs import calls, explain, settings
from kpi_udfs.errors import CellError
from kpi_udfs.hosts import libreoffice
from kpi_udfs.hosts.libreoffice import Door, pack, packages
from kpi_udfs.registry import KPIS

#: As LibreOffice numbers them (include/formula/errorcodes.hxx).
NUMBERS = {
    503: "#NUM!", 519: "#VALUE!", 521: "#NULL!", 524: "#REF!", 525: "#NAME?", 532: "#DIV/0!", 32767: "#N/A",
}  # fmt: skip
ALL_ROWS = 1_048_576


@dataclass
class Day:
    """``com.sun.star.util.Date``."""

    Year: int = 1899
    Month: int = 12
    Day: int = 30


@dataclass
class Document:
    """A calling document. While it is being read, it knows its place, but has no URL yet."""

    url: str = ""
    location: str = ""
    null: Day | None = None

    def getPropertyValue(self, name: str) -> Any:
        assert name == "NullDate"
        return self.null or Day()

    def getURL(self) -> str:
        return self.url

    def getLocation(self) -> str:
        return self.location or self.url


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    path, handlers = sys.path[:], logging.getLogger("kpi_udfs").handlers[:]
    yield Door(str(tmp_path))
    sys.path[:], logging.getLogger("kpi_udfs").handlers[:] = path, handlers


def code(value: Any) -> str:
    """The error that Calc sees in a value: a quiet NaN whose low half is the error's number."""
    assert math.isnan(value)
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    assert bits >> 32 == 0x7FF80000
    return NUMBERS[bits & 0xFFFFFFFF]


def column(*cells: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple((cell,) for cell in cells)


# ------------------------------------------------------------------------------------ values


def test_numbers_texts_and_blanks(door: Door) -> None:
    assert door.answer("COST_PER_LEAD", (1200.0, 40.0)) == 30.0
    assert door.answer("COST_PER_LEAD", (column(1000.0, "", 200.0), 40.0)) == 30.0
    assert door.answer("WIN_RATIO", (column("won", "lost", ""), None, None)) == 0.5
    assert door.answer("KPI_VERSION", ()).startswith("kpi_udfs ")


def test_a_single_cell_for_rows_is_that_cell(door: Door) -> None:
    """Arguments that the wizard shows as required arrive as rows, which make no table of one cell."""
    assert door.answer("COST_PER_LEAD", (((1200.0,),), ((40.0,),))) == 30.0
    for table in ("abc", column("abc")):
        ((shown,),) = door.answer("FUNNEL", (table,), Document())
        assert code(shown) == "#VALUE!"


def test_a_parameter_that_repeats_comes_as_one(door: Door) -> None:
    """``[]any`` is a tuple of what follows; a range in it is a tuple itself."""
    said = door.answer("KPI_EXPLAIN", ("COST_PER_LEAD", (column(1000.0, 200.0), 40.0)), Document())
    assert said == explain("COST_PER_LEAD", [1000.0, 200.0], 40.0)
    assert door.answer("KPI_EXPLAIN", ("KPI_VERSION", ()), Document()) == explain("KPI_VERSION")


@pytest.mark.parametrize("error", NUMBERS.values())
def test_errors_are_calcs_own(error: str) -> None:
    shown = pack(CellError(error, calls.TOO_LARGE()))
    assert code(shown[0][0]) == error


def test_an_error_without_a_number_is_value() -> None:
    assert code(pack(CellError("#SPILL!", calls.TOO_LARGE()))[0][0]) == "#VALUE!"


def test_errors_of_a_call(door: Door) -> None:
    assert code(door.answer("COST_PER_LEAD", (5.0, 0.0))) == "#DIV/0!"
    assert code(door.answer("COST_PER_LEAD", ("abc", column("x", "y")))) == "#VALUE!"
    block = door.answer("FUNNEL", (5.0,), Document())
    assert [[code(cell) for cell in row] for row in block] == [["#VALUE!"]]


def test_a_block_is_rows_of_floats_and_texts(door: Door) -> None:
    block = door.answer("FUNNEL", ((("Lead", 4.0), ("MQL", 1.0)),), Document())
    assert type(block) is tuple
    assert {type(row) for row in block} == {tuple}
    assert {type(cell) for row in block for cell in row} == {str, float}
    assert [row[:2] for row in block] == [("Stage", "Count"), ("Lead", 4.0), ("MQL", 1.0)]
    assert block[1][2] == ""  # the first stage follows none


def test_what_calc_has_no_type_for() -> None:
    ((yes, nothing, whole, word),) = pack([[True, None, 3, "won"]])
    assert (yes, type(yes)) == (1.0, float)
    assert nothing == ""
    assert (whole, type(whole)) == (3.0, float)
    assert word == "won"


def test_an_unexpected_error_is_an_error_and_no_traceback(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(monkeypatch, "COST_PER_LEAD", RuntimeError("nobody foresaw this"))
    assert code(door.answer("COST_PER_LEAD", (5.0, 1.0))) == "#VALUE!"
    assert "nobody foresaw this" in caplog.text
    caplog.clear()


# ------------------------------------------------------------------------------ whole columns


def whole(*cells: Any) -> tuple[tuple[Any, ...], ...]:
    return column(*cells) + (("",),) * (ALL_ROWS - len(cells))


def test_whole_columns_end_with_the_last_row_that_any_uses(door: Door) -> None:
    outcomes, values = whole("won", "", "lost"), whole(30.0)
    assert door.answer("WIN_RATIO", (outcomes, values, None)) == 1.0
    assert [len(rows) for rows in libreoffice._as_given((outcomes, values))] == [3, 3]
    assert libreoffice._as_given((whole(), 5.0)) == [(("",),), 5.0]


def test_wide_columns_and_shorter_ranges() -> None:
    table = (("a", ""), ("", 1.0)) + (("", ""),) * (ALL_ROWS - 2)
    assert libreoffice._as_given((table,)) == [table[:2]]
    short = column("won", "", "")
    assert libreoffice._as_given((whole("won", "lost"), short))[1] is short
    assert libreoffice._as_given((short, 5.0, None)) == [short, 5.0, None]


def test_a_column_that_is_used_to_the_end_is_whole() -> None:
    full = (("",),) * (ALL_ROWS - 1) + ((1.0,),)
    assert libreoffice._as_given((full,)) == [full]


# ---------------------------------------------------------------------------------- documents


@pytest.mark.parametrize("null", [Day(), Day(1900, 1, 1), Day(1904, 1, 1)])
@pytest.mark.parametrize("configured", ["1900", "1904"])
def test_days_count_from_the_documents_null_date(
    door: Door, null: Day, configured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 and 31 January 2026. What is configured for files that don't tell makes no difference."""
    (tmp_path / "settings.yaml").write_text(
        f"schema: kpi_udfs.settings/1\ndate_system: {configured}\n", encoding="utf-8"
    )
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path))
    settings.forget()
    zero = date(null.Year, null.Month, null.Day)
    first, last = (float((day - zero).days) for day in (date(2026, 1, 1), date(2026, 1, 31)))
    given = column(10.0, 20.0), column(first, last), None
    assert calls.context_now().settings.date_system == int(configured)  # type: ignore[union-attr]
    assert door.answer("REVENUE", (*given, "2026-01-01", first), Document(null=null)) == 10.0
    assert door.answer("REVENUE", (*given, first, "2026-01-31"), Document(null=null)) == 30.0
    said = door.answer("KPI_EXPLAIN", ("REVENUE", (*given, first, last)), Document(null=null))
    assert said == explain("REVENUE", [10, 20], [date(2026, 1, 1), date(2026, 1, 31)], None, date(2026, 1, 1), date(2026, 1, 31))  # fmt: skip


LEADS = (("Lead ID", "size"), ("a", 20.0), ("b", 5.0))
RULES = "schema: kpi_udfs.qualification/1\nmql: {field: size, gte: 10}\n"


@pytest.mark.parametrize("name", ["plain", "Löhne & Prämien 100%", "a#b?c"])
def test_rules_lie_beside_the_document(door: Door, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "ours.yaml").write_text(RULES, encoding="utf-8")
    url = (folder / "leads.ods").as_uri()
    asked = (LEADS, None, "ours.yaml", 46023.0)
    assert door.answer("MQL_COUNT", asked, Document(url)) == 1.0
    assert door.answer("MQL_COUNT", asked, Document(location=url)) == 1.0, "while the document is being read"
    assert code(door.answer("MQL_COUNT", asked, Document())) == "#VALUE!", "never saved"


def folder_of(url: str) -> Any:
    return libreoffice._facts(Document(url)).get("folder")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "private:factory/scalc",
        "https://example.org/ours/leads.ods",
        "vnd.sun.star.webdav://example.org/leads.ods",
        "file://server/share/leads.ods",
        "file:////server/share/leads.ods",
        "file:///%5C%5Cserver/share/leads.ods",
        "file:///%2Fserver/share/leads.ods",
    ],
)
@pytest.mark.parametrize("windows", [False, True])
def test_no_other_computer_is_asked(url: str, windows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if windows:
        on_windows(monkeypatch)
    assert folder_of(url) is None


def test_windows_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    on_windows(monkeypatch)
    assert str(folder_of("file:///C:/Users/Zo%C3%AB%20M/leads.ods")) == r"C:\Users\Zoë M"


def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libreoffice, "url2pathname", nturl2path.url2pathname)
    monkeypatch.setattr(libreoffice, "Path", PureWindowsPath)


# ------------------------------------------------------------------------------ what is missing


def test_what_is_missing_is_said_in_words(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "RETENTION_CURVE", ModuleNotFoundError("No module named 'pandas.core'", name="pandas.core"))
    block = door.answer("RETENTION_CURVE", (column(1.0), column("yes"), None), Document())
    (said, *first), *others = block
    assert "RETENTION_CURVE needs the Python package pandas" in said
    assert "kpi-udfs libreoffice install --with-pandas" in said
    assert {code(cell) for row in [first, *others] for cell in row} == {"#VALUE!"}

    put(monkeypatch, "WIN_RATIO", ModuleNotFoundError("No module named 'numpy'", name="numpy"))
    assert "WIN_RATIO needs the Python package pandas" in door.answer("WIN_RATIO", (column("won"), None, None))


def put(monkeypatch: pytest.MonkeyPatch, kpi: str, error: Exception) -> None:
    """Let a function fail."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setitem(KPIS, kpi, replace(KPIS[kpi], function=fail))


def test_the_profiles_packages_come_after_our_own_and_before_what_is_installed(tmp_path: Path) -> None:
    path, handlers = sys.path[:], logging.getLogger("kpi_udfs").handlers[:]
    try:
        Door(str(tmp_path))
        assert str(packages(tmp_path)) not in sys.path  # there are none
        packages(tmp_path).mkdir(parents=True)
        Door(str(tmp_path))
        Door(str(tmp_path))
        assert sys.path == [path[0], str(packages(tmp_path)), *path[1:]]
        assert packages(tmp_path).name == f"python3.{sys.version_info.minor}"
    finally:
        sys.path[:], logging.getLogger("kpi_udfs").handlers[:] = path, handlers
