"""A file is never loaded whole: a table far larger than the memory allowed is counted all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import pytest
from engines import about, need

pytestmark = pytest.mark.thorough

ROWS = 1_500_000
#: What DuckDB may use, in megabytes; the table needs several times as much.
LIMIT = 160

#: A lead and a purchase per row, in a different order each time one looks, with texts nobody asks for.
TABLE = f"""
    select i as id, ['Ads', 'mail ', 'Messe', null][1 + h % 4] as channel,
        lead, if(h % 3 = 0, null, lead + (h % 11)::int) as mql, if(h % 7 < 4, lead + (h % 29)::int, null) as won,
        ['won', 'Lost', 'open', null][1 + h // 8 % 4] as status, ['price', 'timing', null][1 + h // 16 % 3] as reason,
        'rep ' || h // 32 % 40 as owner, if(h % 13 = 0, null, (h % 100_000) / 4) as amount,
        'customer ' || h // 64 % 50_000 as account, lead + (h % 90)::int as bought,
        h // 128 % 60 as months, h % 5 < 2 as churned,
        md5(i::varchar) as note, md5((i + 1)::varchar) as address, md5((i + 2)::varchar) as remark
    from (select i, (hash(i) // 2)::bigint as h, date '2025-01-01' + (h % 365)::int as lead from range({ROWS}) t(i))
"""

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("FUNNEL", {"stages": ["lead", "mql", "won"], "by": "channel", "policy": "any"}),
    ("WIN_RATIO_BY", {"outcomes": "status", "groups": "owner", "values": "amount"}),
    ("WIN_RATIO", {"outcomes": "status", "values": "amount"}),
    ("STAGE_DURATION", {"stages": ["lead", "mql", "won"]}),
    ("LOSS_REASONS", {"outcomes": "status", "reasons": "reason"}),
    ("RETENTION_COHORTS", {"customers": "account", "dates": "bought", "show": "counts"}),
    ("RETENTION_CURVE", {"durations": "months", "lost": "churned"}),
]

#: Run by a Python of its own, whose memory is only what the work took: prints the answers, the
#: megabytes after the imports and the most there ever were.
PROGRAM = """
import json, resource, sys

import duckdb, narwhals, pandas
from kpi_udfs import CellError, evaluate_on

def megabytes():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)

path, folder, limit, calls = json.loads(sys.argv[1])
connection = duckdb.connect(config={"memory_limit": f"{limit}MB", "temp_directory": folder, "threads": 2})
before = megabytes()
connection.execute("set enable_progress_bar = false")
table = connection.read_parquet(path)
if calls is None:
    answers = len(table.df())
else:
    answers = [evaluate_on(kpi, table, **given) for kpi, given in calls]
shown = lambda cell: cell.code if isinstance(cell, CellError) else str(cell)
print(json.dumps([answers, before, megabytes()], default=shown))
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    need("duckdb")
    import duckdb

    with duckdb.connect() as connected:
        yield connected


@pytest.fixture(scope="module")
def file(connection: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("any_size") / "leads.parquet"
    connection.execute("set preserve_insertion_order = false")
    connection.execute(f"copy ({TABLE}) to '{path}' (format parquet)")
    return path


def run(file: Path, calls: list[tuple[str, dict[str, Any]]] | None) -> tuple[Any, float, float]:
    pytest.importorskip("resource", reason="there is no peak memory to read on this system")
    given = json.dumps([str(file), str(file.parent / "spilled"), LIMIT, calls])
    done = subprocess.run([sys.executable, "-c", PROGRAM, given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers, before, most = json.loads(done.stdout)
    return answers, before, most


@pytest.fixture(scope="module")
def answers(file: Path) -> tuple[dict[str, Any], float]:
    """The answer of each KPI, and the megabytes it took to find them all."""
    found, before, most = run(file, CALLS)
    return {kpi: answer for (kpi, _), answer in zip(CALLS, found, strict=True)}, most - before


@pytest.fixture(scope="module")
def sql(connection: Any, file: Path) -> Any:
    """Ask the file in plain SQL."""
    return lambda query: [list(row) for row in connection.execute(query.format(file=f"'{file}'")).fetchall()]


def test_the_memory_stays_far_below_the_table(answers: tuple[dict[str, Any], float], file: Path) -> None:
    _, used = answers
    count, before, most = run(file, None)  # what loading it whole takes
    assert count == ROWS
    whole = most - before
    assert whole > 4 * LIMIT
    assert used < whole / 3, f"{used:.0f} MB of {whole:.0f} MB"


def test_loading_the_table_is_more_than_the_limit_allows(file: Path) -> None:
    import duckdb

    limited = duckdb.connect(config={"memory_limit": f"{LIMIT}MB", "temp_directory": ""})
    with limited, pytest.raises(duckdb.OutOfMemoryException):
        limited.execute(f"create temp table whole as from '{file}'")


def test_funnel(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    expected = sql(
        "select coalesce(trim(channel), '(blank)') as c, unnest(['lead', 'mql', 'won']), "
        "unnest([count(lead), count(mql), count(won)]) from {file} group by c order by c"
    )
    assert [row[:3] for row in answers[0]["FUNNEL"][1:]] == expected


def test_win_ratio(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    expected = sql(
        "select owner, count(*) filter (status = 'won') as w, count(*) filter (status = 'Lost') as l, "
        "count(*) filter (status = 'open'), w / (w + l) as ratio, coalesce(sum(amount) filter (status = 'won'), 0) "
        "from {file} group by owner order by ratio desc, w + l desc, owner"
    )
    got = answers[0]["WIN_RATIO_BY"][1:]
    assert [[*row[:5], row[8]] for row in got] == about(expected)
    ((by_value,),) = sql(
        "select sum(amount) filter (status = 'won') / sum(amount) filter (status in ('won', 'Lost')) from {file}"
    )
    assert answers[0]["WIN_RATIO"] == about(by_value)


def test_stage_duration(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    measures = "count(days), avg(days), " + ", ".join(f"quantile_cont(days, {p})" for p in (0.5, 0.75, 0.9))
    expected = [
        *sql(f"select {measures} from (select coalesce(mql, won) - lead as days from {{file}})"),
        *sql(f"select {measures} from (select won - mql as days from {{file}}) where days >= 0"),
    ]
    assert [row[1:6] for row in answers[0]["STAGE_DURATION"][1:]] == about(expected)


def test_loss_reasons(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    expected = sql(
        "select coalesce(reason, '(no reason given)') as r, count(*) as lost from {file} where status = 'Lost' "
        "group by r order by lost desc, r"
    )
    assert [row[:2] for row in answers[0]["LOSS_REASONS"][1:]] == expected


def test_retention_cohorts(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    active = sql(
        "select strftime(begun, '%Y-%m'), datediff('month', begun, month), count(*) from (select distinct account, "
        "date_trunc('month', bought) as month, date_trunc('month', min(bought) over (partition by account)) as begun "
        "from {file}) group by all order by all"
    )
    got = answers[0]["RETENTION_COHORTS"][1:]
    counted = [[row[0], n, count] for row in got for n, count in enumerate(row[3:]) if count]
    assert counted == active
    assert sum(row[1] for row in got) == sql("select count(distinct account) from {file}")[0][0]


def test_retention_curve(answers: tuple[dict[str, Any], float], sql: Any) -> None:
    times = sql("select months, count(*) filter (churned), count(*) from {file} group by months order by months")
    at_risk = [sum(row[2] for row in times[i:]) for i in range(len(times))]
    left = [1 - lost / risk for (_, lost, _), risk in zip(times, at_risk, strict=True)]
    expected = [
        [time, at_risk[i], lost, of - lost, about(prod(left[: i + 1]))] for i, (time, lost, of) in enumerate(times)
    ]
    assert [row[:5] for row in answers[0]["RETENTION_CURVE"][1:] if row[0] or row[2]] == expected
