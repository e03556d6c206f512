"""The report of a run: everything is told, nothing in a workbook becomes markup, nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xlsxwriter

from kpi_udfs.cli.report_page import report
from kpi_udfs.hosts.jobs import CellFacts, Job, Recalculated
from kpi_udfs.hosts.recalculation import recalculate
from kpi_udfs.messages import LANGUAGES, say
from kpi_udfs.registry import KPIS

MADE = datetime(2026, 3, 4, 17, 5)
BOOK = Path("deals.xlsx")
HOSTILE = "</code></style><script>alert(1)</script><img src=x onerror='alert(2)'>&\"]]><!--\x00\u202e\ud800"


def cell(place: str, formula: str = "=COST_PER_LEAD(100,50)", shown: Any = "2.00", **facts: Any) -> CellFacts:
    sheet, _, name = place.rpartition("!")
    given: dict[str, Any] = {
        "value": 2.0, "error": None, "explanation": "2: spend of 100 ÷ 50 leads.", "is_kpi": True,
        "kpis": ("COST_PER_LEAD",),
    }  # fmt: skip
    return CellFacts(sheet, name, formula, shown=shown, **{**given, **facts})


def native(place: str, formula: str, shown: str = "1", **facts: Any) -> CellFacts:
    return cell(place, formula, shown, **{"explanation": None, "is_kpi": False, "kpis": (), **facts})


def came(*cells: CellFacts, **facts: Any) -> Recalculated:
    return Recalculated(formulas=len(cells), changed=0, cells=list(cells), **facts)


def page_of(*books: tuple[Path, Recalculated | str], locale: str | None = None) -> ElementTree.Element:
    """The page, taken apart as strictly as XML is."""
    page = report(books, MADE, locale)
    assert page.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(page.partition("\n")[2])


def words(element: ElementTree.Element | None) -> str:
    assert element is not None
    return re.sub(r"[ \n]+", " ", "".join(element.itertext()))


def body_of(*books: tuple[Path, Recalculated | str], locale: str | None = None) -> str:
    return words(page_of(*books, locale=locale).find("body"))


def card_with(page: ElementTree.Element, told: str) -> ElementTree.Element:
    return next(card for card in page.iter("article") if told in words(card))


def test_a_kpi_cell_stands_with_value_formula_explanation_and_definition() -> None:
    page = page_of((BOOK, came(cell("KPIs!B2"))))
    card = card_with(page, "KPIs!B2")
    assert [part.text for part in card.iter("code")] == ["=COST_PER_LEAD(100,50)"]
    assert "2.00" in words(card)
    assert "2: spend of 100 ÷ 50 leads." in words(card)
    link = card.find(".//a[@href='#def-COST_PER_LEAD']")
    assert link is not None
    definitions = page.find(".//dl[@class='definitions']")
    assert [dt.get("id") for dt in definitions or ()][::2] == ["def-COST_PER_LEAD"]
    assert KPIS["COST_PER_LEAD"].definition.english in words(definitions)
    assert KPIS["COST_PER_LEAD"].formula.english in words(definitions)


def test_nothing_from_a_workbook_becomes_markup() -> None:
    facts = {"explanation": HOSTILE, "warnings": (HOSTILE + "w",), "errors": (("#N/A", HOSTILE + "e"),)}
    cells = [
        cell(f"{HOSTILE}!A1", f'="{HOSTILE}"', HOSTILE, error="#N/A", **facts),
        cell(f"{HOSTILE}!A2", HOSTILE * 10, [[HOSTILE, "1"]], value=[[HOSTILE, 1]], kept=HOSTILE),
        native(f"{HOSTILE}!A3", HOSTILE, HOSTILE, differs_from=HOSTILE),
        *(cell(f"{HOSTILE}!A{row}", f'="{HOSTILE}"', HOSTILE, explanation=HOSTILE) for row in range(4, 20)),
    ]
    books = [(Path(f"{HOSTILE}.xlsx"), came(*cells, notes=(HOSTILE,))), (Path(f"a/{HOSTILE}"), HOSTILE)]
    page = page_of(*books)
    assert not {element.tag for element in page.iter()} & {"script", "img"}
    assert not [key for element in page.iter() for key in element.keys() if key.startswith("on")]  # noqa: SIM118
    written = report(books, MADE, None)
    written.encode()
    assert "<!--" not in written
    assert not re.search("[\x00\u202e]", written)
    assert words(page).count("<script>alert(1)</script>") > 20


def test_nothing_is_fetched_and_no_script_runs() -> None:
    page = page_of((BOOK, came(cell("KPIs!B2"))))
    policy = page.find(".//meta[@http-equiv='Content-Security-Policy']")
    style = page.findtext(".//style") or ""
    assert policy is not None
    assert "default-src 'none'" in policy.get("content", "")
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy.get("content", "")
    assert not re.search(r"url\(|@import", style)
    links = [value for e in page.iter() for key, value in e.items() if key in ("href", "src", "srcset", "action")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not page.findall(".//script") + page.findall(".//link") + page.findall(".//iframe")


def test_links_lead_to_places_and_no_place_is_named_twice() -> None:
    noted = cell("KPIs!B3", warnings=("counted once",))
    kept, different = native("S!A2", "=BLOOMBERG(1)", kept="why"), native("S!A3", "=A1", differs_from="3")
    failed = native("S!A1", "=1/0", "#DIV/0!", error="#DIV/0!", errors=(("#DIV/0!", "why"),))
    page = page_of((BOOK, came(noted, failed, kept, different)), (BOOK, came(cell("KPIs!B2"))), (BOOK, "refused"))
    names = [e.get("id") for e in page.iter() if e.get("id")]
    assert len(names) == len(set(names))
    assert {(a.get("href") or "")[1:] for a in page.iter("a")} <= set(names)


def test_the_first_lines_say_whether_all_is_well_and_what_to_look_at() -> None:
    failed = native("S!A1", "=1/0", "#DIV/0!", error="#DIV/0!", errors=(("#DIV/0!", "divided by nothing"),))
    books = [
        (Path("well.xlsx"), came(cell("KPIs!B2"))),
        (Path("look.xlsx"), came(failed)),
        (Path("in/broken.xlsx"), "in/broken.xlsx: not a workbook."),
    ]
    page = page_of(*books)
    states = [words(item) for item in page.findall(".//nav//li")]
    assert states == [
        "broken.xlsx ✗Not calculated",
        "look.xlsx !To look atCells with errors: 1",
        "well.xlsx ✓All right",
    ]
    assert "✗Not calculated: 1!To look at: 1✓All right: 1" in body_of(*books)
    assert [words(part) for part in page.findall(".//p[@class='wrong']")] == ["not a workbook."]
    assert page_of(books[0]).find(".//nav") is None
    assert page_of(books[0]).findtext(".//title") == "well.xlsx – Recalculation report"


def test_errors_kept_formulas_and_differences_stand_with_their_reasons() -> None:
    failed = [
        native(f"S!A{row}", "=1/0", "#DIV/0!", error="#DIV/0!", errors=(("#DIV/0!", "#DIV/0!: divided by nothing"),))
        for row in range(1, 40)
    ]
    kept = native("S!B1", "=BLOOMBERG(1)", "12", kept="BLOOMBERG can't be calculated here.")
    different = native("S!B2", "=SUM(A1:A2)", "1,234", differs_from="")
    page = page_of((BOOK, came(*failed, kept, different)))
    cards = [words(card) for card in page.findall(".//div[@class='card']")]
    assert cards[0].startswith("#DIV/0!: divided by nothing39 cells")
    assert all(f"S!A{row}" in cards[0] for row in range(1, 40))
    assert cards[1].startswith("BLOOMBERG can't be calculated here.S!B1 12")
    assert "=BLOOMBERG(1)" in cards[1]
    assert "was(empty)is1,234" in cards[2]
    assert "No formula in this workbook uses a KPI function." in words(page)


def test_a_note_is_set_apart_and_nothing_is_said_twice() -> None:
    noted = cell("KPIs!B2", explanation="2: 100 ÷ 50. Note: counted once.", warnings=("counted once.",))
    failed = cell("KPIs!B3", error="#N/A", shown="#N/A", explanation="#N/A: why", errors=(("#N/A", "#N/A: why"),))
    page = page_of((BOOK, came(noted, failed)))
    card = card_with(page, "KPIs!B2")
    assert [words(part) for part in card.findall("p")[:2]] == ["2: 100 ÷ 50.", "!Note: counted once."]
    assert words(card_with(page, "KPIs!B3")).count("why") == 1
    assert "KPI cells with a note: 1" in words(page)


def test_parts_of_one_block_are_a_table_with_one_explanation() -> None:
    cells = [
        cell(f"F!{column}{row}", f"=INDEX(FUNNEL(d),{row},1)", f"{column}{row} shows", explanation="3.5%: one for all",
             kpis=("FUNNEL",), continues=(column, row) != ("A", 5))
        for row in (5, 6) for column in "ABC" if (column, row) != ("C", 6)
    ]  # fmt: skip
    page = page_of((BOOK, came(*cells)))
    (card,) = page.findall(".//article")
    assert words(card).count("one for all") == 1
    table = card.find(".//table")
    assert table is not None
    heads = [(th.get("scope"), th.text) for th in table.iter("th")]
    assert heads == [("col", "A"), ("col", "B"), ("col", "C"), ("row", "5"), ("row", "6")]
    assert [words(td) for td in table.iter("td")][-3:] == ["A6 shows", "B6 shows", ""]
    assert [code.text for code in card.iter("code")] == [one.formula for one in cells]


def test_a_block_is_a_table_that_scrolls_by_itself_and_ends_somewhere() -> None:
    rows = [[f"{row}.{column}" for column in range(70)] for row in range(150)]
    page = page_of((BOOK, came(cell("KPIs!C3", shown=rows, value=rows))))
    scrolls = page.find(".//div[@class='scroll']")
    assert scrolls is not None
    assert (scrolls.get("tabindex"), scrolls.get("aria-label")) == ("0", "KPIs!C3")
    assert [th.text for th in scrolls.iter("th")][:2] == ["C", "D"]
    assert "The workbook shows 50 more rows. The workbook shows 10 more columns." in words(page)


@pytest.mark.parametrize("alike", [True, False])
def test_every_one_of_very_many_kpi_cells_is_there_and_few_are_open(alike: bool) -> None:
    formula = "=COST_PER_LEAD(SUM(A{0}:$A$9),B{0})" if alike else "=COST_PER_LEAD({0}0,B7)"
    cells = [
        cell(f"Leads!F{row}", formula.format(row), f"{row}.00", explanation=f"{row}: spend of {row}00 ÷ 100 leads.")
        for row in range(2, 5002)
    ]
    page = page_of((BOOK, came(*cells)))
    told = words(page)
    assert set(re.findall(r"\bF([0-9]+) ", told)) >= {str(row) for row in range(2, 5002)}
    assert all(f"{row}.00{row}: spend of {row}00 ÷ 100 leads." in told for row in range(2, 5002))
    folded = {id(item) for details in page.iter("details") for item in details.iter("li")}
    seen = [item for item in page.iter("li") if id(item) not in folded]
    assert len(seen) + len(page.findall(".//article")) < 250
    assert max(len(details.findall(".//li")) for details in page.iter("details")) <= 500
    assert len(report([(BOOK, came(*cells))], MADE, None)) < 300 * len(cells)


def test_only_the_same_formula_moved_along_is_told_as_the_same() -> None:
    alike = [cell(f"S!C{row}", f"=COST_PER_LEAD(A{row},B$1+T[a 1])") for row in range(1, 5)]
    other = [cell(f"S!D{row}", f"=COST_PER_LEAD(A{row},B{row + row})") for row in range(1, 5)]
    texts = [cell(f"S!E{row}", f'=COST_PER_LEAD("A{row}",LOG10(5))') for row in range(1, 5)]
    page = page_of((BOOK, came(*alike, *other, *texts)))
    cards = [words(card) for card in page.findall(".//article")]
    assert len(cards) == 1 + 4 + 4
    assert cards[0].startswith("S!C1 to C4 4 cells=COST_PER_LEAD(A1,B$1+T[a 1])The formula of C1;")


def test_ordinary_formulas_with_nothing_to_say_are_left_out() -> None:
    assert "A77" not in body_of((BOOK, came(cell("S!A1"), native("S!A77", "=1+1"))))


@pytest.mark.parametrize("locale", [*LANGUAGES, "de_CH", "en-GB", "ja_JP", None])
def test_the_page_speaks_the_readers_language(locale: str | None) -> None:
    page = page_of((BOOK, came(cell("KPIs!B2"), seconds=1234.5)), locale=locale)
    languages = {"de_CH": "de-CH", "en-GB": "en-GB", "ja_JP": "en", None: "en"}
    assert page.get("lang") == languages.get(locale, locale)
    assert say(KPIS["COST_PER_LEAD"].definition, locale) in words(page)
    seconds = {"de": "1.234,5", "de_CH": "1’234.5", "fr": "1\u202f234,5", "it": "1.234,5", "id": "1.234,5"}
    assert seconds.get(locale or "", "1,234.5") in words(page)


def test_a_real_workbook_is_told(tmp_path: Path) -> None:
    path = tmp_path / "Müller & Söhne.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.calc_on_load = False  # as in a file that a spreadsheet program has calculated
        sheet = book.add_worksheet("<KPIs>")
        sheet.write_formula("A1", "=COST_PER_LEAD(100,50)")
        sheet.write_formula("A2", '=WIN_RATIO("open")')
        sheet.write_dynamic_array_formula("A4", '=FUNNEL({"Lead",10;"Won",2},{"Lead";"Won"})')
        sheet.write_formula("F1", "=BLOOMBERG(1)", None, 7)
        sheet.write_formula("F2", "=1+1", None, 3)
    page = page_of((path, recalculate(Job(path, locale="en"))))
    said = words(page)
    assert [words(li) for li in page.findall(".//ul[@class='todo']/li")][1:] == [
        "!Formulas that keep their saved value: 1",
        "!Results that differ from the saved ones, for no reason to be seen: 1",
    ]
    assert "was3is2=1+1" in said
    assert all(place in said for place in ("<KPIs>!A1", "<KPIs>!A2", "<KPIs>!A4", "<KPIs>!F1", "<KPIs>!F2"))
    assert "Won" in words(page.find(".//table"))
