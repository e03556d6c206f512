"""The reference pages: every function in every language, with working links and nothing stale."""

from __future__ import annotations

import posixpath
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import kpi_udfs.publish.__main__ as publish
from kpi_udfs.messages import LANGUAGES
from kpi_udfs.publish.catalogue import example_answer
from kpi_udfs.publish.markdown import NATIVE, plain
from kpi_udfs.publish.reference import FIRST_GUIDES, GUIDES, pages
from kpi_udfs.publish.worksheet import worksheet
from kpi_udfs.registry import KPIS, Example
from kpi_udfs.settings import packaged

PAGES = pages()
DOCS = Path(__file__).parents[1] / "docs"


def test_a_page_per_function_guide_and_language_and_an_index_per_language() -> None:
    assert tuple(NATIVE) == LANGUAGES
    names = [
        "index",
        *(name.lower() for name in KPIS),
        *(guide.file.removesuffix(".md") for guide in (*FIRST_GUIDES, *GUIDES.values())),
    ]
    assert set(PAGES) == {f"{language}/{name}.md" for language in LANGUAGES for name in names}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[name])
    targets = {posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) for link in links}
    page = posixpath.basename(name)
    files = {target for target in targets if target.startswith("../")}
    assert all((packaged("config") / file.removeprefix("../config/")).is_file() for file in files)
    pictures = {target for target in targets if target.endswith(".png")}
    if DOCS.is_dir():  # the pictures lie in the checkout alone
        assert all((DOCS / picture).is_file() for picture in pictures)
    targets -= files | pictures
    assert targets <= set(PAGES)
    assert targets >= {f"{language}/{page}" for language in LANGUAGES if not name.startswith(language)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_stands_with_its_formula_and_its_working(language: str) -> None:
    for spec in KPIS.values():
        page = PAGES[f"{language}/{spec.name.lower()}.md"]
        blocks = re.findall(r"```text\n(.*)\n```", page)
        assert blocks == [spec.signature, *(worksheet(spec, example).formula for example in spec.examples)]
        unescaped = re.sub(r"\\(?=\W|_)", "", page)
        for example in spec.examples:
            if example.gives is not ...:
                assert example_answer(spec, example, language).explanation in unescaped


def test_what_can_be_typed_is_typed() -> None:
    sheet = worksheet(KPIS["WIN_RATIO"], Example(outcomes=["won", "lost"], basis="all", gives=..., because=""))
    assert sheet == ([], '=WIN_RATIO({"won"; "lost"}, , "all")')


def test_dates_and_what_lies_beside_them_are_cells() -> None:
    example = Example(amounts=[5, 6], dates=[46027, ""], from_date=46054, gives=..., because="")
    rows = [("amounts", "dates"), (5, date(2026, 1, 5)), (6, "")]
    assert worksheet(KPIS["REVENUE"], example) == (rows, "=REVENUE(A2:A3, B2:B3, , DATE(2026, 2, 1))")


def test_a_table_is_cells_and_the_names_beside_it_are_typed() -> None:
    example = Example(data=[["Lead", 10], ["Won", 2]], stages=["Lead", "Won"], gives=..., because="")
    assert worksheet(KPIS["FUNNEL"], example) == ([("Lead", 10), ("Won", 2)], '=FUNNEL(A1:B2, {"Lead"; "Won"})')


def test_cells_are_written_as_the_language_enters_them() -> None:
    assert "| **2** | 05.01.2026 | 15.01.2026 |" in PAGES["de/sales_cycle.md"]
    assert "| **1** | Lead | 1000 |" in PAGES["en/funnel.md"]


def test_signs_of_markdown_in_a_text_stay_signs() -> None:
    assert r"RETURN_ON_AD_SPEND(revenue, spend)" in PAGES["en/kpi_definition.md"]
    assert plain("a*b [x] _y_ new_customers <z> #DIV/0!") == r"a\*b \[x\] \_y\_ new_customers \<z\> #DIV/0!"
    assert plain("# one") == r"\# one"


def test_stale_missing_and_left_over_files_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    files = {"docs/en/index.md": b"one\n", "docs/en/funnel.md": b"two\n"}
    monkeypatch.setattr(publish, "rendered", lambda: files)

    def said(*arguments: str) -> tuple[int, set[str]]:
        return publish.main([*arguments, str(tmp_path)]), set(capsys.readouterr().out.splitlines())

    assert said("--check") == (1, {"stale: docs/en/index.md", "stale: docs/en/funnel.md"})
    assert said() == (0, {"written: docs/en/index.md", "written: docs/en/funnel.md"})
    assert said("--check") == (0, set())
    (tmp_path / "docs/index.md").write_text("by hand")
    (tmp_path / "docs/en/index.md").write_text("one, reworded\n")
    (tmp_path / "docs/es").mkdir()
    (tmp_path / "docs/es/index.md").write_text("one\n")
    assert said("--check") == (1, {"stale: docs/en/index.md", "left over: docs/es/index.md"})
