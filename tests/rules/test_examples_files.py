"""The packaged rules and the examples beside them: they can be used, and every test in them holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kpi_udfs import evaluate
from kpi_udfs.rules.files import load
from kpi_udfs.rules.model import Expected, Version
from kpi_udfs.settings import fold, packaged

CONFIG = packaged("config")
FILES = [CONFIG / "qualification.yaml", *sorted((CONFIG / "examples").glob("*.yaml"))]
#: A day to look from where the rules are valid at any time.
ANY_DAY = date(2026, 3, 31)

CASES = [(file, version, test) for file in FILES for version in load(file).versions for test in version.tests]


def tables(version: Version, test: Expected, as_of: date) -> tuple[list[list[Any]], list[list[Any]]]:
    """The test's lead as a table of one row, and its events; columns that it does not name are blank."""

    def row(asked: Iterable[str], given: dict[str, Any]) -> dict[str, Any]:
        headers = {fold(name): version.fields.get(fold(name), name) for name in (*given, *asked)}
        cells = {fold(name): cell for name, cell in given.items()}
        return {header: cells.get(name, "") for name, header in headers.items()}

    by_value = [rule.name for rule in version.rules if rule.name]
    lead = {"lead id": "L1", **row([*(part.name for part in version.tests_of_leads), *by_value], dict(test.lead))}
    known = [part.name for one in version.event_tests for part in one.where]
    # An event of somebody else: a table without any row is no table of events yet.
    events = [{"lead id": "L0", "event": "page_view", "date": as_of}]
    for name, when, others in test.events:
        day = when if isinstance(when, date) else as_of - timedelta(days=int(when))
        events.append({"lead id": "L1", "event": name, "date": day, **row(known, dict(others))})
    headers = list(dict.fromkeys(["lead id", "event", "date", *(header for one in events for header in one)]))
    headers += [header for header in row(known, {}) if header not in headers]
    return [list(lead), list(lead.values())], [headers, *([one.get(name, "") for name in headers] for one in events)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_says_what_it_is_and_holds_tests(file: Path) -> None:
    written = file.read_text(encoding="utf-8")
    rules = load(file)
    assert rules.id in (file.stem, "default")
    assert all(version.tests for version in rules.versions)
    schema = "qualification.schema.json" if file.parent == CONFIG else "../qualification.schema.json"
    assert f"# yaml-language-server: $schema={schema}\n" in written
    assert max(map(len, written.splitlines())) <= 120


def test_there_is_an_example_of_everything_a_file_can_be() -> None:
    assert {file.stem for file in FILES} == {
        "qualification", "newsletter_simple", "points_b2b", "fit_engagement_grid", "two_versions", "business_unit_south",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "version", "test"), CASES, ids=[f"{file.stem}: {test.name}" for file, _, test in CASES]
)
def test_the_tests_in_the_files_hold(file: Path, version: Version, test: Expected) -> None:
    as_of = test.as_of or version.begins or ANY_DAY
    leads, events = tables(version, test, as_of)
    answer = evaluate("QUALIFY", leads, events, str(file), as_of)
    assert isinstance(answer, list), (answer, answer.reason)
    _, stage, score, fit, engagement, rule = answer[1]
    found = {"stage": stage, "score": score, "fit": fit, "engagement": engagement, "rule": rule}
    found |= {"mql": stage in ("MQL", "SQL"), "sql": stage == "SQL"}
    assert {key: found[key] for key in test.expect} == dict(test.expect)


def test_the_day_of_the_change_decides_which_version_is_meant() -> None:
    leads = [["lead id", "email"], ["L1", "ana@maker.example"]]
    events = [["lead id", "event", "date"], ["L1", "ebook_download", date(2026, 6, 20)]]
    file = str(CONFIG / "examples" / "two_versions.yaml")
    assert evaluate("MQL_COUNT", leads, events, file, date(2026, 6, 30)) == 1
    assert evaluate("MQL_COUNT", leads, events, file, date(2026, 7, 1)) == 0


def test_the_file_that_extends_another_names_only_what_differs() -> None:
    south, firm = (
        load(CONFIG / "examples" / f"{name}.yaml").versions[0] for name in ("business_unit_south", "points_b2b")
    )
    ours, theirs = ({rule.id: rule for rule in version.rules} for version in (south, firm))
    assert ours.keys() - theirs.keys() == {"trade_fair"}
    assert theirs.keys() - ours.keys() == {"private_address"}
    assert {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]} == {"company_size"}
    assert south.sql == firm.sql
    assert [threshold.parts for threshold in south.mql.thresholds] == [[("fit", 20.0), ("engagement", 15.0)]]  # type: ignore[union-attr]
