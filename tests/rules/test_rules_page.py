"""The page about the rules' format: every key of it, nothing that isn't so, links that lead somewhere."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from kpi_udfs import evaluate
from kpi_udfs.messages import LANGUAGES
from kpi_udfs.pages import Page
from kpi_udfs.publish.markdown import anchor, prose, table
from kpi_udfs.publish.rules_page import EXAMPLES, GUIDE, PAGE, START, WORKED, Heading, Keys, Sample
from kpi_udfs.rules.files import Found, find, load, load_text
from kpi_udfs.rules.format import FILE, SCHEMA, Either, Entry, ListOf, Named, Shape
from kpi_udfs.rules.reading import Reader, note_file
from kpi_udfs.settings import packaged

SAMPLES = [part.lines for part in PAGE if isinstance(part, Sample) and part.language == "yaml"]
DAY = date(2026, 3, 31)


def entries(shape: Shape, found: dict[str, Entry]) -> dict[str, Entry]:
    """Every mapping with known keys that can stand in a file."""
    match shape:
        case Entry() if shape.name not in found:
            found[shape.name] = shape
            for key in shape.keys.values():
                entries(key.shape, found)
        case ListOf():
            entries(shape.item, found)
        case Named():
            entries(shape.value, found)
        case Either():
            for one in shape.shapes:
                entries(one, found)
    return found


def test_every_key_of_the_format_stands_in_a_table() -> None:
    shown = {(name, key.help.key) for part in PAGE if isinstance(part, Keys) for name, key in part.keys.items()}
    known = {(name, key.help.key) for entry in entries(FILE, {}).values() for name, key in entry.keys.items()}
    assert shown == known


def test_every_part_of_the_format_is_explained_under_one_heading() -> None:
    explained = [entry.name for part in PAGE if isinstance(part, Heading) for entry in part.explains]
    assert sorted([*explained, "file"]) == sorted(entries(FILE, {}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_within_the_page_lead_to_its_headings(language: str) -> None:
    written = "\n\n".join(GUIDE.page(language))
    headings = re.findall(r"^##+ (.*)$", written, re.MULTILINE)
    anchors = [anchor(re.sub(r"\\(?=\W)", "", heading)) for heading in headings]
    assert len(anchors) == len(set(anchors)) > 25
    assert set(re.findall(r"\]\(#([^)]+)\)", written)) <= set(anchors)


@pytest.mark.parametrize("lines", SAMPLES, ids=[sample.splitlines()[0] for sample in SAMPLES])
def test_every_sample_can_be_used_and_fits_on_a_page(lines: str, tmp_path: Path) -> None:
    assert max(map(len, lines.splitlines())) <= 100
    content = lines if lines.startswith("schema:") else f"schema: {SCHEMA}\n{lines}\n"
    if not re.search("^ *(mql|extends):", content, re.MULTILINE):
        content += "mql: {event: page_view, where: {path: /pricing}}\n"
    if lines.startswith("extends:"):
        page = Page("sample", [])
        page.parse(content.encode())
        assert isinstance(page.root, yaml.MappingNode)
        note_file(page.root, "sample")
        reader = Reader()
        reader.read(FILE, page.root, "")
        assert not reader.problems
        base = packaged("config") / "examples" / "points_b2b.yaml"
        (tmp_path / base.name).write_text(base.read_text(encoding="utf-8"), encoding="utf-8")
        (tmp_path / "unit.yaml").write_text(content, encoding="utf-8")
        assert load(tmp_path / "unit.yaml").versions
    else:
        assert load_text(content).versions


def test_the_three_lines_are_three_and_are_those_of_the_example() -> None:
    assert len(START.splitlines()) == 3
    example = (packaged("config") / "examples" / "newsletter_simple.yaml").read_text(encoding="utf-8")
    assert START in example


def test_points_are_added_up_as_the_example_says() -> None:
    events = [["lead id", "event", "date"]]
    events += [["L1", "ebook_download", day] for day in (DAY, DAY, date(2026, 3, 1), date(2026, 1, 30))]
    rules = f"schema: {SCHEMA}\n{WORKED}"
    leads = [["lead id"], ["L1"]]

    def engagement(written: str) -> float:
        return evaluate("QUALIFY", leads, events, written, DAY)[1][4]  # type: ignore[no-any-return]

    assert engagement(rules.replace("  cap: 12\n", "").replace(", max_total: 15", "")) == 17.5  # 10 + 5 + 2.5
    assert engagement(rules.replace("  cap: 12\n", "")) == 15
    assert engagement(rules) == 12
    assert evaluate("MQL_COUNT", leads, events, rules, DAY) == 1


def test_the_examples_named_are_those_there_are() -> None:
    folder = packaged("config") / "examples"
    assert set(EXAMPLES.shown) == {file.stem for file in folder.glob("*.yaml")}
    assert find("examples/points_b2b") == Found(folder / "points_b2b.yaml", "packaged")


def test_the_places_are_looked_into_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path itself, the workbook's folder, KPI_UDFS_CONFIG, the user's folder, the packaged files."""
    from kpi_udfs import settings

    workbook, environment, user = (tmp_path / name for name in ("workbook", "environment", "user"))
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(environment))
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: user)
    settings.forget()
    found = []
    for folder in (user, environment, workbook):
        folder.mkdir()
        found.append(find("qualification", workbook))
        (folder / "qualification.yaml").write_text(START)
    found.append(find("qualification", workbook))
    found.append(find(str(user / "qualification"), workbook))
    assert [one.why for one in found if one] == ["packaged", "user", "environment", "workbook", "given"]


def test_what_is_typed_stays_as_it_is_typed() -> None:
    assert prose("a*b, `a*b` and `_x`") == r"a\*b, `a*b` and `_x`"
    assert table([["a", "b"], ["1", "2"]]) == "| a | b |\n| :--- | :--- |\n| 1 | 2 |"
    assert anchor("What a file can't do") == "what-a-file-cant-do"
