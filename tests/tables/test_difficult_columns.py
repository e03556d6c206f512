"""Columns as they come: each gives what the same cells give, or a refusal in words, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from engines import ENGINES, Engines, Rows, about, answer, counting_on, need, plain

from kpi_udfs import settings
from kpi_udfs.errors import NA, NUM, VALUE, CellError

#: Makes a table of the engine's own kind of rows of cells.
Make = Callable[[Rows], Any]
KPI = tuple[str, dict[str, Any]]

DURATIONS: KPI = ("STAGE_DURATION", {"stages": ["begin", "end"]})
COHORTS: KPI = ("RETENTION_COHORTS", {"customers": "who", "dates": "day"})
LOSSES: KPI = ("LOSS_REASONS", {"outcomes": "status", "reasons": "why", "values": "worth"})
WINS: KPI = ("WIN_RATIO_BY", {"outcomes": "status", "groups": "who", "values": "worth"})
CURVE: KPI = ("RETENTION_CURVE", {"durations": "months", "lost": "gone"})
FUNNEL: KPI = ("FUNNEL", {"stages": ["begin", "end"], "by": "who"})

D = date


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    made = Engines(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Each engine in turn."""
    library, counts_cells, made = ENGINES[request.param]
    need(library)
    counting_on(counts_cells, monkeypatch)
    return lambda rows: made(engines, rows)


@pytest.fixture
def duckdb(engines: Engines) -> Any:
    need("duckdb")
    return engines.connection


@pytest.fixture
def polars() -> Any:
    need("polars")
    import polars

    return polars


@pytest.fixture
def berlin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are days in Berlin."""
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "settings.yaml").write_text("schema: kpi_udfs.settings/1\ntimezone: Europe/Berlin\n", encoding="utf-8")
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(folder))
    settings.forget()


def gives(kpi: KPI, table: Any) -> Any:
    name, given = kpi
    return plain(answer(name, table, **given).cell)


def same(kpi: KPI, table: Any, rows: Rows) -> None:
    """The table gives what the rows of cells give, in the same words, and that is no error."""
    name, given = kpi
    got, expected = answer(name, table, **given), answer(name, [list(row) for row in rows], **given)
    assert isinstance(expected.cell, list), expected.explanation
    assert plain(got.cell) == about(expected.cell), got.explanation
    assert got.explanation == expected.explanation


def refused(kpi: KPI, table: Any, code: str, *words: str) -> None:
    """An error with a reason that names the column and what it holds."""
    name, given = kpi
    got = answer(name, table, **given)
    assert isinstance(got.cell, CellError), got.cell
    assert got.cell.code == code, got.explanation
    for word in words:
        assert word in got.explanation


# ------------------------------------------------------------------------------ days and times


def stages(*days: tuple[Any, Any]) -> Rows:
    return [["who", "begin", "end"], *(["Ada", begin, end] for begin, end in days)]


def test_dates_without_a_time(make: Make) -> None:
    rows = stages((D(2026, 1, 5), D(2026, 1, 15)), (D(2026, 1, 5), None), (D(2024, 2, 29), D(2024, 3, 1)))
    for kpi in (DURATIONS, FUNNEL):
        same(kpi, make(rows), rows)


def test_times_of_day_make_no_difference_to_the_day(make: Make) -> None:
    rows = stages(
        (datetime(2026, 1, 5, 23, 59, 59), datetime(2026, 1, 6, 0, 0, 1)),
        (datetime(2026, 1, 5), datetime(2026, 1, 5, 23, 59, 59, 999999)),
    )
    days = stages((D(2026, 1, 5), D(2026, 1, 6)), (D(2026, 1, 5), D(2026, 1, 5)))
    same(DURATIONS, make(rows), days)


LATE = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)  # the 6th in Berlin
MOMENTS = [["who", "begin", "end"], ["Ada", LATE, LATE + timedelta(hours=1)], ["Ben", LATE, None]]
BERLIN_DAYS = [["who", "begin", "end"], ["Ada", D(2026, 1, 6), D(2026, 1, 6)], ["Ben", D(2026, 1, 6), None]]


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_moments_are_days_in_the_configured_time_zone(zone: str) -> None:
    import pandas as pd

    frame = pd.DataFrame(MOMENTS[1:], columns=MOMENTS[0])
    for name in ("begin", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(zone)
    same(DURATIONS, frame, BERLIN_DAYS)
    same(DURATIONS, frame.astype(object), BERLIN_DAYS)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_moments_in_polars(zone: str, polars: Any) -> None:
    kind = polars.Datetime("us", "UTC")
    frame = polars.DataFrame(MOMENTS[1:], schema={"who": polars.String, "begin": kind, "end": kind}, orient="row")
    frame = frame.with_columns(polars.col("begin", "end").dt.convert_time_zone(zone))
    same(DURATIONS, frame, BERLIN_DAYS)
    same(DURATIONS, frame.lazy(), BERLIN_DAYS)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_moments_in_duckdb_whatever_the_session(zone: str, duckdb: Any, tmp_path: Path) -> None:
    duckdb.execute(f"set TimeZone = '{zone}'")
    duckdb.execute('create table moments ("who" varchar, "begin" timestamptz, "end" timestamptz)')
    duckdb.execute(
        "insert into moments values ('Ada', '2026-01-05 23:30:00+00', '2026-01-06 00:30:00+00'), "
        "('Ben', '2026-01-05 23:30:00+00', null)"
    )
    same(DURATIONS, duckdb.table("moments"), BERLIN_DAYS)
    path = str(tmp_path / "moments.parquet")
    duckdb.table("moments").write_parquet(path)
    same(DURATIONS, duckdb.read_parquet(path), BERLIN_DAYS)
    duckdb.execute("set TimeZone = 'Pacific/Auckland'")
    same(DURATIONS, duckdb.table("moments"), BERLIN_DAYS)


def test_a_moment_within_a_structure_is_nobodys_concern(duckdb: Any) -> None:
    table = duckdb.sql(
        "select date '2026-01-05' as begin, date '2026-01-06' as end, {'at': timestamptz '2026-01-05 23:30:00+00'} as more"
    )
    same(DURATIONS, table, stages((D(2026, 1, 5), D(2026, 1, 6))))


def test_times_of_every_precision(duckdb: Any) -> None:
    for kind in ("timestamp_s", "timestamp_ms", "timestamp", "timestamp_ns"):
        table = duckdb.sql(f"select '2026-01-05 23:59:59'::{kind} as begin, '2026-01-06 00:00:00'::{kind} as \"end\"")
        same(DURATIONS, table, stages((D(2026, 1, 5), D(2026, 1, 6))))


def test_days_before_our_time_are_refused_as_in_cells(make: Make) -> None:
    rows = stages((D(1900, 1, 1), D(2026, 1, 6)), (D(2026, 1, 5), D(2026, 1, 6)))
    refused(DURATIONS, make(rows), VALUE, "1900-01-01", "no date since 1950")


def test_endless_dates_count_as_blank(duckdb: Any) -> None:
    for endless in ("infinity", "-infinity"):
        table = duckdb.sql(f"select date '2026-01-05' as begin, '{endless}'::date as \"end\"")
        same(DURATIONS, table, stages((D(2026, 1, 5), None)))


def test_texts_that_are_dates(make: Make) -> None:
    rows = stages(
        ("2026-01-05", " 2026-01-15 "),
        ("2026-01-05 23:59", "2026-01-07T08:00:00.25"),
        ("2024-02-29", "  "),
        ("2026-01-05", ""),
        ("\u00a02026-01-05", None),
    )
    same(DURATIONS, make(rows), rows)
    same(FUNNEL, make(rows), rows)


@pytest.mark.parametrize("content", ["2026-13-45", "2026-02-30", "2025-02-29", "1900-02-29", "next week"])
def test_texts_that_are_no_dates(content: str, make: Make) -> None:
    rows = stages(("2026-01-05", "2026-01-15"), ("2026-01-06", content))
    refused(DURATIONS, make(rows), VALUE, "end", content)


@pytest.mark.usefixtures("berlin")
def test_a_text_with_an_offset_is_the_day_here_or_refused(make: Make) -> None:
    rows = stages(("2026-01-05T23:30:00Z", "2026-01-15"))
    got = gives(DURATIONS, make(rows))
    if not isinstance(got, str):
        assert got == about(gives(DURATIONS, stages((D(2026, 1, 6), D(2026, 1, 15)))))
    else:
        assert "2026-01-05T23:30:00Z" in got


def test_texts_in_memory_are_read_in_the_configured_language(make: Make, language: Any) -> None:
    language("de")
    rows = stages(("5.1.2026", "15. Januar 2026"), ("05.01.26", ""))
    table = make(rows)
    if "Lazy" in type(table).__name__ or "Relation" in type(table).__name__:
        refused(DURATIONS, table, VALUE, "begin")
    else:
        same(DURATIONS, table, rows)


# ------------------------------------------------------------------------------ amounts and durations


def deals(*amounts: Any) -> Rows:
    outcomes = ["won", "lost", "lost", "won", "lost", "open"]
    return [
        ["who", "status", "why", "worth"],
        *(["Ada", outcome, "price", amount] for outcome, amount in zip(outcomes, amounts, strict=False)),
    ]


@pytest.mark.parametrize("kpi", [LOSSES, WINS])
def test_what_is_no_number_counts_as_blank(kpi: KPI, make: Make) -> None:
    blank = deals(100.0, None, None, 300.5, 7.25)
    for broken in (nan, inf, -inf):
        rows = deals(100.0, broken, None, 300.5, 7.25)
        table = make(rows)
        if not isinstance(table, list):  # no cell holds infinity
            same(kpi, table, blank)
    same(kpi, make(blank), blank)


def test_durations_that_are_no_numbers_count_as_blank(make: Make) -> None:
    rows = [["months", "gone"], [1.0, True], [nan, True], [inf, False], [3.0, False]]
    blank = [["months", "gone"], [1.0, True], [None, True], [None, False], [3.0, False]]
    table = make(rows)
    if not isinstance(table, list):
        same(CURVE, table, blank)


def test_a_negative_duration_is_out_of_bounds(make: Make) -> None:
    refused(CURVE, make([["months", "gone"], [1.0, True], [-3.0, True]]), NUM, "-3")


def test_decimals(make: Make) -> None:
    rows = deals(Decimal("100.10"), Decimal("200"), None, Decimal("0.0001"), Decimal("3.3333"))
    for kpi in (LOSSES, WINS):
        same(kpi, make(rows), rows)


def test_decimals_as_keys_and_flags(make: Make) -> None:
    rows = [["who", "begin", "end"], *([Decimal(1001), Decimal(1), Decimal(0)], [None, Decimal(1), None])]
    table = make(rows)
    assert gives(FUNNEL, table) == about(gives(FUNNEL, [["who", "begin", "end"], ["1001", 1, 0], ["", 1, ""]]))


def test_amounts_that_are_all_blank(make: Make) -> None:
    rows = deals(None, None, None)
    name, given = WINS
    told = answer(name, rows, **given)
    got = answer(name, make(rows), **given)
    assert plain(got.cell) == plain(told.cell)
    assert isinstance(got.cell, CellError)
    assert got.cell.code == NA


@pytest.mark.parametrize("amount", ["much", True])
def test_amounts_of_another_kind_are_refused(amount: Any, make: Make) -> None:
    refused(LOSSES, make(deals(amount, amount)), VALUE)


def test_whole_numbers_of_every_width(duckdb: Any, polars: Any) -> None:
    import pandas as pd

    rows = [["months", "gone"], [200, 1], [100, 0], [200, 1], [None, 1], [3, None]]
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    for kind in ("UInt8", "Int16", "Int64", "Float32", "Float64"):
        same(CURVE, frame.astype(kind), rows)
    same(CURVE, frame.fillna(0).astype("uint8"), [["months", "gone"], [200, 1], [100, 0], [200, 1], [0, 1], [3, 0]])
    for kind in (polars.UInt8, polars.Int16, polars.Int64, polars.Float32):
        table = polars.DataFrame(rows[1:], schema=rows[0], orient="row").cast(kind)
        same(CURVE, table, rows)
        same(CURVE, table.lazy(), rows)
    for kind in ("utinyint", "smallint", "hugeint", "uhugeint", "real", "decimal(5, 1)"):
        values = ", ".join(f"({m or 'null'}, {'null' if g is None else g})" for m, g in rows[1:])
        same(
            CURVE,
            duckdb.sql(f"select months::{kind} as months, gone::{kind} as gone from (values {values}) t(months, gone)"),
            rows,
        )


# ------------------------------------------------------------------------------ blanks of all kinds


def test_a_column_of_nothing_but_blanks(make: Make) -> None:
    rows = [["who", "begin", "end", "why"], ["Ada", D(2026, 1, 5), None, None], ["Ben", D(2026, 1, 7), None, None]]
    for kpi in (DURATIONS, FUNNEL, ("FUNNEL", {"stages": ["begin", "end"], "by": "why"})):
        same(kpi, make(rows), rows)


def test_a_column_of_every_null_type(duckdb: Any, polars: Any) -> None:
    rows = [["who", "begin", "end"], ["Ada", D(2026, 1, 5), None], ["Ben", D(2026, 1, 7), None]]
    kinds = ['"NULL"', "integer", "boolean", "varchar", "double", "uuid", "date", "interval", "integer[]"]
    for kind in kinds:
        table = duckdb.sql(
            f"select who, begin, null::{kind} as \"end\" from (values ('Ada', date '2026-01-05'), "
            "('Ben', date '2026-01-07')) t(who, begin)"
        )
        same(DURATIONS, table, rows)
        same(FUNNEL, table, rows)
    frame = polars.DataFrame(rows[1:], schema=rows[0], orient="row")
    for kind in (polars.Null, polars.Int8, polars.Boolean, polars.String, polars.Categorical, polars.Float64):
        table = frame.with_columns(polars.lit(None, dtype=kind).alias("end"))
        for one in (table, table.lazy()):
            same(DURATIONS, one, rows)
            same(FUNNEL, one, rows)


def test_a_type_nobody_knows_is_no_blank(duckdb: Any) -> None:
    table = duckdb.sql("select date '2026-01-05' as begin, uuid() as \"end\", 'Ada' as who")
    refused(DURATIONS, table, VALUE, "end")


@pytest.mark.parametrize("kpi", [DURATIONS, FUNNEL, COHORTS, LOSSES, WINS, CURVE])
def test_an_empty_table_is_no_data_yet(kpi: KPI, make: Make) -> None:
    header = ["who", "begin", "end", "day", "status", "why", "worth", "months", "gone"]
    refused(kpi, make([header]), NA, "a header row and no data yet")
    refused(kpi, make([header, [None] * len(header)]) if isinstance(make([header]), list) else make([header]), NA)


def test_rows_that_are_blank_all_over_are_no_rows_of_a_data_frame(make: Make) -> None:
    blank = [None, None, None]
    rows = [["who", "begin", "end"], blank, ["Ada", D(2026, 1, 5), None], blank, [None, D(2026, 1, 5), None], blank]
    table = make(rows)
    if "Lazy" not in type(table).__name__ and "Relation" not in type(table).__name__:
        same(FUNNEL, table, rows)


# ------------------------------------------------------------------------------ texts, keys and flags


def test_categories() -> None:
    import pandas as pd

    rows = [
        ["who", "status", "worth"],
        ["Ada", "won", 1.5],
        [None, "lost", 2.0],
        [" Ada", "won", 3.0],
        ["Ben", None, 4.0],
    ]
    frame = pd.DataFrame(rows[1:], columns=rows[0]).astype({"who": "category", "status": "category"})
    same(WINS, frame, rows)
    dates = stages(("2026-01-05", "2026-01-15"))
    same(DURATIONS, pd.DataFrame(dates[1:], columns=dates[0]).astype("category"), dates)


def test_categories_in_polars_and_duckdb(polars: Any, duckdb: Any) -> None:
    rows = [
        ["who", "status", "worth"],
        ["Ada", "won", 1.5],
        [None, "lost", 2.0],
        [" Ada", "won", 3.0],
        ["Ben", None, 4.0],
    ]
    frame = polars.DataFrame(rows[1:], schema=rows[0], orient="row")
    for kind in (polars.Categorical, polars.Enum(["won", "lost"])):
        table = frame.with_columns(polars.col("who").cast(polars.Categorical), polars.col("status").cast(kind))
        same(WINS, table, rows)
        same(WINS, table.lazy(), rows)
    duckdb.execute("create type outcome as enum ('won', 'lost'); create type person as enum ('Ada', ' Ada', 'Ben')")
    duckdb.execute("create table deals (who person, status outcome, worth double)")
    duckdb.executemany("insert into deals values (?, ?, ?)", rows[1:])
    same(WINS, duckdb.table("deals"), rows)


@pytest.mark.parametrize(
    "flags",
    [
        [True, False, None, True],
        [1, 0, None, 1],
        [1.0, 0.0, None, 1.0],
        ["yes", " No ", None, "JA"],
        ["x", "", "  ", "✓"],
        ["sì", "non", None, "SÌ"],
        ["1", "0", None, "true"],
    ],
)
def test_flags(flags: list[Any], make: Make) -> None:
    rows = [["months", "gone"], *([months, flag] for months, flag in zip([3, 5, 7, 9], flags, strict=True))]
    same(CURVE, make(rows), rows)
    reached = [["who", "begin", "end"], *(["Ada", True, flag] for flag in flags)]
    same(FUNNEL, make(reached), reached)


@pytest.mark.parametrize("flags", [["yes", "perhaps"], [1, 2], [0.5, 1.0]])
def test_flags_that_are_none(flags: list[Any], make: Make) -> None:
    rows = [["months", "gone"], [3, flags[0]], [5, flags[1]]]
    refused(CURVE, make(rows), VALUE, str(flags[0] if flags[0] == 0.5 else flags[1]))


@pytest.mark.parametrize(
    "names",
    [
        [1001, 1002, None, 1001],
        [1001.0, 1002.5, None, 1001.0],
        ["1001", " 1001 ", "", "1002"],
        [True, False, None, True],
        [D(2026, 1, 1), D(2026, 2, 1), None, D(2026, 1, 1)],
        [datetime(2026, 1, 1), datetime(2026, 2, 1, 8, 30), None, datetime(2026, 1, 1)],
        ["Ads", "ads", "ADS", "\u2003Ads\t"],
    ],
)
def test_keys(names: list[Any], make: Make) -> None:
    rows = [["who", "begin", "end"], *([name, "yes", "no"] for name in names)]
    same(FUNNEL, make(rows), rows)
    wins = [["who", "status", "worth"], *([name, "won", 1.0] for name in names)]
    same(WINS, make(wins), wins)


def test_numbers_and_texts_among_one_another_in_pandas() -> None:
    import numpy as np
    import pandas as pd

    rows = [["who", "begin", "end"], [1001, True, False], ["1001", False, None], [1001.0, None, True], [None, 1, 0]]
    frame = pd.DataFrame(rows[1:], columns=rows[0], dtype=object)
    same(FUNNEL, frame, rows)
    numpy_cells = frame.map(lambda cell: np.bool_(cell) if isinstance(cell, bool) else cell).astype(object)
    same(FUNNEL, numpy_cells, rows)


def test_an_error_among_the_names_is_the_answer(make: Make) -> None:
    rows = [["who", "begin", "end"], ["Ada", "yes", "no"], ["#N/A", "yes", "no"]]
    refused(FUNNEL, make(rows), NA, "#N/A")
    rows = [["who", "status", "worth"], ["Ada", "won", 1.0], ["Ben", "#DIV/0!", 1.0]]
    refused(WINS, make(rows), "#DIV/0!")


def test_lists_are_no_names(duckdb: Any, polars: Any) -> None:
    refused(FUNNEL, duckdb.sql('select [1, 2] as who, true as begin, true as "end"'), VALUE, "who")
    frame = polars.DataFrame({"who": [[1, 2]], "begin": [True], "end": [True]})
    refused(FUNNEL, frame, VALUE, "who")
    refused(FUNNEL, frame.lazy(), VALUE, "who")


def test_ties(make: Make) -> None:
    """Several groups on the first day, and the same row twice: the first group by name, once."""
    day = D(2026, 1, 5)
    rows = [
        ["who", "day", "channel"],
        ["ada", day, "mail"],
        ["ada", day, "ads"],
        ["ada", day, "ads"],
        ["ben", day, "mail"],
        ["ben", D(2026, 2, 5), "ads"],
        ["ben", D(2026, 2, 5), "ads"],
    ]
    kpi = ("RETENTION_COHORTS", {**COHORTS[1], "groups": "channel", "show": "counts"})
    same(kpi, make(rows), rows)
    assert gives(kpi, make(rows))[1:] == [
        ["ads", "2026-01", 1, "Month 1", 1, 0],
        ["mail", "2026-01", 1, "Month 1", 1, 1],
    ]


# ------------------------------------------------------------------------------ headers


def test_headers_that_differ_only_by_case_are_refused(duckdb: Any, polars: Any) -> None:
    import pandas as pd

    data = {"who": ["Ada"], "Who": ["Ben"], "begin": [True], "end": [True]}
    for table in (pd.DataFrame(data), polars.DataFrame(data), polars.LazyFrame(data)):
        refused(FUNNEL, table, VALUE, '"who"', '"Who"')
    refused(FUNNEL, duckdb.sql('select 1 as who, 2 as "Who", true as begin, true as "end"'), VALUE, '"who"', '"Who"')


def test_headers_that_are_the_same_are_refused(duckdb: Any) -> None:
    import pandas as pd

    refused(FUNNEL, pd.DataFrame([["Ada", True, True]], columns=["who", "begin", "begin"]), VALUE, '"begin"')
    refused(FUNNEL, duckdb.sql("select 1 as who, true as begin, true as begin"), VALUE, '"begin"')


def test_headers_that_look_like_our_own(make: Make) -> None:
    header = ["group", "stage_0", "stage_1", "days", "period", "__kpi_row", "made", "word", "outcome", "value"]
    rows = [
        header,
        ["x", D(2026, 1, 9), D(2026, 1, 5), "ads", 1, 7, "ada", "won", "yes", 5.0],
        ["y", D(2026, 1, 9), None, "mail", 2, 8, "ben", "lost", "no", 6.0],
        ["y", D(2026, 1, 12), D(2026, 1, 6), "mail", 2, 8, "ada", "lost", "no", 7.0],
    ]
    table = make(rows)
    same(("FUNNEL", {"stages": ["stage_1", "stage_0"], "by": "days"}), table, rows)
    same(("FUNNEL", {"stages": ["stage_0", "stage_1"], "by": "group", "policy": "strict"}), table, rows)
    same(("STAGE_DURATION", {"stages": ["stage_1", "stage_0"]}), table, rows)
    same(("WIN_RATIO_BY", {"outcomes": "word", "groups": "__kpi_row", "values": "value"}), table, rows)
    same(("LOSS_REASONS", {"outcomes": "word", "reasons": "group", "groups": "days", "values": "value"}), table, rows)
    same(("RETENTION_COHORTS", {"customers": "made", "dates": "stage_0", "groups": "period"}), table, rows)
    same(("RETENTION_CURVE", {"durations": "value", "lost": "outcome", "groups": "stage_0"}), table, rows)


def test_a_pandas_frame_of_any_shape() -> None:
    import pandas as pd

    rows = stages((D(2026, 1, 5), D(2026, 1, 15)), (D(2026, 1, 5), None), (D(2026, 1, 7), D(2026, 1, 8)))
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    frame["begin"] = pd.to_datetime(frame["begin"])  # the other one stays as objects
    for index in ([7, 7, 7], ["a", "b", "a"], pd.MultiIndex.from_tuples([(1, 2), (1, 2), (3, 4)])):
        same(DURATIONS, frame.set_index(pd.Index(index)), rows)
        same(FUNNEL, frame.set_index(pd.Index(index)), rows)
    numbered = frame.set_axis([0, 1, 2], axis=1)
    same(("FUNNEL", {"stages": ["1", "2"], "by": "0"}), numbered, [["0", "1", "2"], *rows[1:]])


@pytest.mark.arrow
def test_pandas_on_arrow() -> None:
    need("pyarrow")
    import pandas as pd

    rows = [
        ["who", "begin", "end", "status", "worth", "months", "gone"],
        ["Ada", D(2026, 1, 5), D(2026, 1, 15), "won", 1.5, 3, True],
        [" Ada", D(2026, 1, 6), None, "lost", None, None, False],
        [None, None, D(2026, 1, 9), "lost", 2.5, 5, None],
    ]
    frame = pd.DataFrame(rows[1:], columns=rows[0]).convert_dtypes(dtype_backend="pyarrow")
    frame["status"] = frame["status"].astype("category")
    for name in ("begin", "end"):
        frame[name] = pd.to_datetime(frame[name]).astype("date32[pyarrow]")
    for kpi in (DURATIONS, FUNNEL, WINS, CURVE):
        same(kpi, frame, rows)
    for name in ("begin", "end"):
        frame[name] = frame[name].astype("timestamp[us][pyarrow]")
    for kpi in (DURATIONS, FUNNEL):
        same(kpi, frame, rows)
    moments = pd.DataFrame(MOMENTS[1:], columns=MOMENTS[0]).astype({"begin": "timestamp[us, UTC][pyarrow]"})
    moments["end"] = moments["end"].astype("timestamp[us, UTC][pyarrow]")
    same(DURATIONS, moments, stages((D(2026, 1, 5), D(2026, 1, 6)), (D(2026, 1, 5), None)))


# ------------------------------------------------------------------------------ what is no table


def test_what_is_no_table(duckdb: Any, polars: Any) -> None:
    import pandas as pd

    for thing in (duckdb, "deals.parquet", 7, None, pd.Series([1]), polars.Series([1]), {"who": [1]}, object()):
        refused(FUNNEL, thing, VALUE, "no table")


def test_cells_beside_a_query_are_refused(duckdb: Any) -> None:
    table = duckdb.sql("select 'won' as status")
    refused(("WIN_RATIO_BY", {"outcomes": "status", "groups": ["Ada"]}), table, VALUE, "groups")


def test_what_a_csv_file_really_holds_makes_no_difference(duckdb: Any, tmp_path: Path) -> None:
    """DuckDB reads a column in the type it is asked for, from the text that stands in the file."""
    path = tmp_path / "leads.csv"
    path.write_text(
        "who;begin;end;status\n 7;05.03.2026;15.03.2026;won\n7;06.03.2026;16.03.2026 ;lost\n8;13.03.2026;;won\n",
        encoding="utf-8",
    )
    rows = [
        ["who", "begin", "end", "status"],
        [7, D(2026, 3, 5), D(2026, 3, 15), "won"],
        [7, D(2026, 3, 6), D(2026, 3, 16), "lost"],
        [8, D(2026, 3, 13), None, "won"],
    ]
    table = duckdb.read_csv(str(path))
    for kpi in (DURATIONS, FUNNEL, ("FUNNEL", {"stages": ["begin", "end"], "by": "begin"})):
        same(kpi, table, rows)
    same(("WIN_RATIO_BY", {"outcomes": "status", "groups": "who", "values": "who"}), table, rows)


def test_a_file_that_can_not_be_read_says_so(duckdb: Any, polars: Any, tmp_path: Path) -> None:
    lines = ["status,worth", *["won,1"] * 30_000, "lost,much"]
    path = tmp_path / "deals.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    kpi = ("WIN_RATIO", {"outcomes": "status", "values": "worth"})
    refused(kpi, duckdb.read_csv(str(path)), VALUE, "can't be read", "much")
    refused(kpi, polars.scan_csv(path), VALUE, "can't be read", "much")
    table = duckdb.read_csv(str(path))
    lazy = polars.scan_csv(path)
    path.unlink()
    refused(kpi, table, VALUE, "can't be read")
    refused(kpi, lazy, VALUE, "can't be read")


def test_columns_fetched_for_a_scalar_kpi_stay_in_step(duckdb: Any) -> None:
    """A query may answer in another order each time: what belongs together is fetched together."""
    duckdb.execute("set preserve_insertion_order = false")
    table = duckdb.sql(
        "select i as id, date '2026-01-01' + (i % 50)::int as first, date '2026-01-11' + (i % 50)::int as closed, "
        "case when i % 3 = 0 then 'won' else 'lost' end as status from range(200000) t(i) group by i"
    )
    given = {"first_touch": "first", "close_dates": "closed", "outcomes": "status"}
    got = answer("SALES_CYCLE", table, **given)
    assert got.cell == 10.0, got.explanation
