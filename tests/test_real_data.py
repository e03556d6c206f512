"""Real data in workbooks built here, through ``kpi-udfs calc``, against what others computed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from click.testing import CliRunner

from kpi_udfs.cli import commands

Calc = Callable[..., dict[str, dict[str, Any]]]


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.fixture
def calc(tmp_path: Path) -> Calc:
    """Write tables and formulas into a workbook and return what ``calc --json`` says, by formula."""

    def run(tables: dict[str, list[list[Any]]], formulas: Sequence[str]) -> dict[str, dict[str, Any]]:
        path = tmp_path / "real.xlsx"
        book = xlsxwriter.Workbook(path)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, (header, *rows) in tables.items():
            sheet = book.add_worksheet(name)
            columns = [{"header": text} for text in header]
            sheet.add_table(0, 0, len(rows), len(header) - 1, {"name": name, "columns": columns})
            for down, row in enumerate(rows, 1):
                for right, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        sheet.write_datetime(down, right, cell, day)
                    elif isinstance(cell, str):
                        sheet.write_string(down, right, cell)
                    elif cell is not None:
                        sheet.write(down, right, cell)
        sheet = book.add_worksheet("KPIs")
        for down, formula in enumerate(formulas):
            sheet.write_formula(down * 20, 0, formula)
        book.close()
        done = CliRunner().invoke(commands, ["calc", str(path), "--json"])
        assert done.exit_code in (0, 1), done.output
        return {cell["formula"]: cell for cell in json.loads(done.stdout)}

    return run


def typed(header: list[str], rows: list[list[str]], dates: set[str], numbers: set[str]) -> list[list[Any]]:
    """Cells as a person's spreadsheet would hold them."""

    def cell(name: str, text: str) -> Any:
        if not text:
            return None
        if name in dates:
            return datetime.fromisoformat(text)
        return float(text) if name in numbers else text

    return [header, *([cell(name, text) for name, text in zip(header, row, strict=True)] for row in rows)]


def test_maven_crm(calc: Calc, data: Path, reference: Any) -> None:
    header, *rows = rows_of(data / "maven_crm" / "sales_pipeline.csv")
    deals = typed(header, rows, {"engage_date", "close_date"}, {"close_value"})
    expected = reference["maven_crm"]
    formulas = {
        "=WIN_RATIO(deals[deal_stage])": expected["win_rate_closed"],
        '=WIN_RATIO(deals[deal_stage],,"all")': expected["win_rate_all_opps"],
        "=SALES_CYCLE(deals[engage_date],deals[close_date],deals[deal_stage])": expected["days"]["won"]["mean"],
        "=SALES_CYCLE(deals[engage_date],deals[close_date])": expected["days"]["closed"]["mean"],
        '=SALES_CYCLE(deals[engage_date],deals[close_date],deals[deal_stage],"median")': expected["days"]["won"][
            "median"
        ],
        "=REVENUE(deals[close_value],,deals[deal_stage])": expected["revenue"],
    }
    explain = '=KPI_EXPLAIN("WIN_RATIO",deals[deal_stage])'
    cells = calc({"deals": deals}, [*formulas, explain])
    for formula, value in formulas.items():
        assert cells[formula]["value"] == pytest.approx(value, rel=1e-9), formula
    assert cells["=WIN_RATIO(deals[deal_stage])"]["value"] == pytest.approx(0.6315005215318135, rel=1e-9)
    told = cells[explain]["value"]
    assert told == (
        "63.2%: 4,238 won of 6,711 closed deals. 2,089 open left out, read as open: Engaging (1,589), Prospecting (500)."
    )


def test_maven_crm_with_dates_as_american_text(calc: Calc, data: Path, reference: Any, language: Any) -> None:
    language("en_US")
    deals = rows_of(data / "messy" / "sales_pipeline_m-d-yyyy.csv")
    formula = "=SALES_CYCLE(deals[engage_date],deals[close_date],deals[deal_stage])"
    cell = calc({"deals": deals}, [formula])[formula]
    assert cell["value"] == pytest.approx(reference["maven_crm"]["days"]["won"]["mean"], rel=1e-9)
    assert "texts read as English (United States) writes dates" in cell["explanation"]


MARKETING = {
    "=COST_PER_LEAD(ads[mark_spent],ads[leads])": "cpl",
    "=COST_PER_ORDER(ads[mark_spent],ads[orders])": "cac_cost_per_order",
    "=MARKETING_ROI(ads[revenue],ads[mark_spent])": "romi",
    "=RETURN_ON_AD_SPEND(ads[revenue],ads[mark_spent])": "roas",
    "=CONVERSION_RATE(ads[clicks],ads[leads])": "conv1_lead_per_click",
    "=CONVERSION_RATE(ads[leads],ads[orders])": "conv2_order_per_lead",
}


def test_marketing(calc: Calc, data: Path, reference: Any) -> None:
    header, *rows = rows_of(data / "marketing" / "Marketing_iso.csv")
    header = [name.strip().casefold().replace(" ", "_") for name in header]
    numbers = {"mark_spent", "clicks", "leads", "orders", "revenue", "impressions"}
    cells = calc({"ads": typed(header, rows, set(), numbers)}, list(MARKETING))
    for formula, key in MARKETING.items():
        assert cells[formula]["value"] == pytest.approx(reference["marketing_spend"]["overall"][key], rel=1e-9), formula


def test_marketing_pasted_as_german_text(calc: Calc, data: Path, reference: Any, language: Any) -> None:
    language("de")
    rows = rows_of(data / "messy" / "Marketing_semicolon_decimalcomma.csv", ";")
    cells = calc({"ads": rows}, list(MARKETING))
    for formula, key in MARKETING.items():
        assert cells[formula]["value"] == pytest.approx(reference["marketing_spend"]["overall"][key], rel=1e-9), formula
    assert "466,47" in cells["=COST_PER_LEAD(ads[mark_spent],ads[leads])"]["explanation"]


def test_olist(calc: Calc, data: Path, reference: Any) -> None:
    header, *rows = rows_of(data / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    mqls = typed(header, rows, {"first_contact_date"}, set())
    contacts = dict(zip([row[0] for row in mqls[1:]], [row[1] for row in mqls[1:]], strict=True))
    deal_header, *deal_rows = rows_of(data / "olist" / "olist_closed_deals_dataset.csv")
    won = deal_header.index("won_date")
    deals = [["mql_id", "first_contact", "won_date"]]
    deals += [[row[0], contacts[row[0]], row[won]] for row in deal_rows]  # won_date stays text with a time
    closed = {row[0]: datetime.fromisoformat(row[won]) for row in deal_rows}
    funnel = [["mql_id", "mql", "won"], *([row[0], row[1], closed.get(row[0])] for row in mqls[1:])]
    rate = "=CONVERSION_RATE(mqls[mql_id],deals[mql_id])"
    mean = "=SALES_CYCLE(deals[first_contact],deals[won_date])"
    median = '=SALES_CYCLE(deals[first_contact],deals[won_date],,"median")'
    stages = "=INDEX(FUNNEL(stages[#All]),3,2)"
    rates = "=INDEX(FUNNEL(stages[#All]),3,3)"
    cells = calc({"mqls": mqls, "deals": deals, "stages": funnel}, [rate, mean, median, stages, rates])
    assert cells[rate]["value"] == pytest.approx(reference["olist"]["overall"]["conv_rate"], rel=1e-9)
    assert cells[rate]["explanation"].startswith("10.5%: 842 of 8,000")
    assert cells[stages]["value"] == 842
    assert cells[rates]["value"] == pytest.approx(0.10525, rel=1e-9)
    # The reference keeps the one deal won two days before its first contact: (841 × ours − 2) ÷ 842.
    ours = cells[mean]["value"]
    theirs = reference["olist"]["days_to_close"]["d_cal"]["mean"]
    assert (841 * ours - 2) / 842 == pytest.approx(theirs, rel=1e-9)
    assert ours == pytest.approx(48.5006, abs=5e-5)
    assert "before the first contact: 1." in cells[mean]["explanation"]
    assert cells[median]["value"] == 14


def test_telco_churn(calc: Calc, data: Path, reference: Any) -> None:
    header, *rows = rows_of(data / "telco" / "WA_Fn-UseC_-Telco-Customer-Churn.csv")
    churned = header.index("Churn")
    customers = [["at_start", "at_end"], *([row[0], row[0] if row[churned] == "No" else None] for row in rows)]
    churn = "=CHURN_RATE(customers[at_start],customers[at_end])"
    kept = "=RETENTION_RATE(customers[at_start],customers[at_end])"
    cells = calc({"customers": customers}, [churn, kept])
    assert cells[churn]["value"] == pytest.approx(reference["telco"]["churn_rate"], rel=1e-9)
    assert cells[kept]["value"] == pytest.approx(reference["telco"]["retention_rate"], rel=1e-9)
    assert "1,869 of 7,043" in cells[churn]["explanation"]
