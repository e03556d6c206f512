"""The extension answers, in every way in which a call can be written; what Calc refuses by itself is told in the guide."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from soffice import Calc, Err

#: A1 and A2 hold 3 and 4, B1 an error.
ANSWERED = {
    "=COST_PER_LEAD(100,3)": pytest.approx(100 / 3, rel=1e-14),
    "=COST_PER_LEAD(A1:A2,2)": 3.5,
    '=COST_PER_LEAD(INDIRECT("A1:A2"),2)': 3.5,
    "=COST_PER_LEAD({100;20},3)": 40.0,
    "=COST_PER_LEAD(SUM(A1:A2),COST_PER_LEAD(4,2))": 3.5,
    '=COST_PER_LEAD(IF(TRUE,A1:A2,""),2)': 3.5,
    "=REVENUE(A1:A2,,,,)": 7.0,
    "=REVENUE(A1:A2,,)": 7.0,
    '=IFERROR(COST_PER_LEAD(1,0),"none")': "none",
    "=COST_PER_LEAD(B1,2)": Err("#DIV/0!"),
    # An argument that is required but empty, one too few, one too many, cells that an add-in can't have.
    "=COST_PER_LEAD(,2)": Err("Err:502"),
    "=COST_PER_LEAD(5)": Err("Err:504"),
    "=COST_PER_LEAD(5,2,1)": Err("Err:504"),
    "=REVENUE(A1:A2,,,,,)": Err("Err:504"),
    "=KPI_EXPLAIN()": Err("Err:504"),
    "=COST_PER_LEAD((A1,A2),2)": Err("Err:504"),
    "=COST_PER_LEAD(B1:B2,2)": Err("Err:504"),
    # Calc calculates with whole ranges in array formulas only, as in =SUM(IF(…)).
    '=WIN_RATIO(IF(A1:A2>3,"won","lost"))': Err("#VALUE!"),
}
ARRAYS = {
    '{=WIN_RATIO(IF(A1:A2>3,"won","lost"))}': 0.5,
    "{=COST_PER_LEAD(A1:A2*2,2)}": 7.0,
    "{=SUM(COST_PER_LEAD(A1:A2,{1;2}))}": pytest.approx(7 / 3),
}


def test_ways_to_call(calc: Calc, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "ways.xlsx")
    sheet, answers = book.add_worksheet("Cells"), book.add_worksheet("Answers")
    sheet.write_column("A1", [3, 4])
    sheet.write_formula("B1", "=1/0", None, "#DIV/0!")
    for row, formula in enumerate(ANSWERED):
        answers.write_formula(row, 0, formula.replace("A1", "Cells!A1").replace("B1", "Cells!B1"))
    for row, formula in enumerate(ARRAYS, len(ANSWERED)):
        answers.write_array_formula(row, 0, row, 0, formula.replace("A1", "Cells!A1"))
    answers.write_array_formula("C1:D2", '{=FUNNEL({"Lead","MQL";46000,46001})}')
    book.close()
    rows = calc.values(tmp_path / "ways.xlsx", tmp_path / "out")["Answers"]
    wanted = {**ANSWERED, **ARRAYS}
    got = {formula: row[0] for formula, row in zip(wanted, rows, strict=True)}
    assert got == wanted
    assert [row[2:] for row in rows[:2]] == [["Stage", "Count"], ["Lead", 1.0]]
