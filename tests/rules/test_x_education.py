"""Rules on 9,240 real leads select exactly those that the same rules in SQL select."""

from __future__ import annotations

import csv
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from asked import Asked, rules
from oracle import Rows

import kpi_udfs

#: The rules of reference.json, as somebody in marketing would write them.
WRITTEN = {
    "hot_time_ge_1000": "mql: {field: Total Time Spent on Website, gte: 1000}",
    "mql_time_or_visits": """
        mql:
          all:
            - any:
                - {field: Total Time Spent on Website, gt: 600}
                - {field: TotalVisits, gte: 5}
            - {field: Do Not Email, eq: false}
    """,
    "mql_source_in": "mql: {field: Lead Source, in: [Reference, Welingak Website, Organic Search]}",
    "sql_sms_and_working_prof": """
        mql:
          all:
            - {field: Last Activity, eq: SMS Sent}
            - {field: occupation, eq: Working Professional}
        fields: {occupation: What is your current occupation}
    """,
    "occupation_missing": "mql: {field: What is your current occupation, is: blank}",
}

FUNNEL = """
fields: {time: Total Time Spent on Website, visits: TotalVisits}
mql:
  require:
    all:
      - any: [{field: time, gt: 600}, {field: visits, gte: 5}]
      - {field: Do Not Email, eq: false}
sql: {field: last_activity, in: [sms sent, email opened, had a phone conversation]}
"""


@pytest.fixture(scope="module")
def file(data: Path) -> Path:
    return data / "x_education" / "Leads.csv"


@pytest.fixture(scope="module")
def leads(file: Path) -> Rows:
    """The file as a sheet holds it: numbers are numbers, and what is empty is blank."""

    def cell(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text or None

    with file.open(encoding="utf-8-sig", newline="") as opened:
        header, *lines = csv.reader(opened)
    # Every line of the file ends with a comma too many.
    assert header[-1] == ""
    return [header[:-1], *([cell(text) for text in line[:-1]] for line in lines)]


def fingerprint(numbers: list[str]) -> str:
    return sha256("\n".join(sorted(numbers, key=int)).encode()).hexdigest()


def plainly(line: dict[str, str]) -> dict[str, bool]:
    """The same rules in Python, on the file's texts."""
    time, visits = line["Total Time Spent on Website"], line["TotalVisits"]
    occupation = line["What is your current occupation"]
    return {
        "hot_time_ge_1000": time != "" and float(time) >= 1000,
        "mql_time_or_visits": ((time != "" and float(time) > 600) or (visits != "" and float(visits) >= 5))
        and line["Do Not Email"] == "No",
        "mql_source_in": line["Lead Source"] in ("Reference", "Welingak Website", "Organic Search"),
        "sql_sms_and_working_prof": line["Last Activity"] == "SMS Sent" and occupation == "Working Professional",
        "occupation_missing": occupation == "",
    }


def test_the_reference_means_what_it_says(file: Path, reference: Any) -> None:
    expected = reference["x_education"]["rules"]
    assert set(WRITTEN) == set(expected) - {"funnel_example"}
    with file.open(encoding="utf-8-sig", newline="") as opened:
        lines = list(csv.DictReader(opened))
    for name in WRITTEN:
        numbers = [line["Lead Number"] for line in lines if plainly(line)[name]]
        assert len(numbers) == expected[name]["leads"]
        assert fingerprint(numbers) == expected[name]["sha256_sorted_lead_numbers"], name


@pytest.mark.parametrize("name", WRITTEN)
def test_rules(qualify: Asked, name: str, leads: Rows, reference: Any) -> None:
    expected = reference["x_education"]["rules"][name]
    results = qualify(rules(WRITTEN[name]), leads)
    assert len(results) == 9240
    numbers = [one.lead for one in results if one.stage == "MQL"]
    assert len(numbers) == expected["leads"]
    assert fingerprint(numbers) == expected["sha256_sorted_lead_numbers"]
    converted = dict(zip(numbers_of(leads), (row[leads[0].index("Converted")] for row in leads[1:]), strict=True))
    assert sum(converted[number] for number in numbers) == expected["converted"]


def numbers_of(leads: Rows) -> list[str]:
    return [f"{row[leads[0].index('Lead Number')]:.0f}" for row in leads[1:]]


def test_funnel(qualify: Asked, leads: Rows, reference: Any) -> None:
    expected = reference["x_education"]["rules"]["funnel_example"]
    results = qualify(rules(FUNNEL), leads)
    stages = {stage: [one.lead for one in results if one.stage == stage] for stage in ("SQL", "MQL", "lead")}
    assert sum(map(len, stages.values())) == expected["leads"]
    assert len(stages["MQL"]) + len(stages["SQL"]) == expected["mql"]
    assert len(stages["SQL"]) == expected["sql"]
    sql = set(stages["SQL"])
    won = leads[0].index("Converted")
    customers = sum(number in sql for number, row in zip(numbers_of(leads), leads[1:], strict=True) if row[won])
    assert customers == expected["customers_from_sql"]


@pytest.fixture(params=["pandas", "polars", "duckdb"])
def read_by(request: pytest.FixtureRequest, engines: Any) -> Callable[[Path], Any]:
    """The file as each library reads it by itself."""
    from engines import need

    need(request.param)
    if request.param == "duckdb":
        return lambda file: engines.connection.read_csv(str(file), header=True)
    if request.param == "polars":
        import polars as pl

        return lambda file: pl.read_csv(file, infer_schema_length=None)
    import pandas as pd

    return pd.read_csv


@pytest.mark.parametrize("name", WRITTEN)
def test_rules_on_the_file_itself(read_by: Callable[[Path], Any], name: str, file: Path, reference: Any) -> None:
    expected = reference["x_education"]["rules"][name]
    table = read_by(file)
    answer = kpi_udfs.evaluate_on("QUALIFY", table, rules=rules(WRITTEN[name]))
    numbers = [str(row[0]) for row in answer[1:] if row[1] == "MQL"]
    assert len(numbers) == expected["leads"]
    assert fingerprint(numbers) == expected["sha256_sorted_lead_numbers"]
    assert kpi_udfs.evaluate_on("MQL_COUNT", table, rules=rules(WRITTEN[name])) == expected["leads"]
