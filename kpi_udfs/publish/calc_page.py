"""The page about ``kpi-udfs calc``: what it changes in a workbook, what it leaves alone, and what it refuses."""

from __future__ import annotations

from kpi_udfs.messages import text
from kpi_udfs.publish.guides import Guide, Part, Sample, Writer
from kpi_udfs.xlsx.limits import Limits

TITLE = text("calc.page.title", "Recalculating workbooks without a spreadsheet program")
SUMMARY = text(
    "calc.page.summary",
    "Recalculate workbooks at night and mail them: what changes in a file, what stays, and what the report says.",
)

_WRITER = Writer("calc.page")
_h2, _p, _points, _rows = _WRITER.h2, _WRITER.p, _WRITER.points, _WRITER.rows

_COMMANDS = """\
kpi-udfs calc book.xlsx                                 print the KPI formulas with values and explanations
kpi-udfs calc book.xlsx -o copy.xlsx                    write a recalculated copy
kpi-udfs calc book.xlsx --in-place                      write the values into the workbook itself
kpi-udfs calc folder/*.xlsx -o out/                     many workbooks, into a folder
kpi-udfs calc folder/*.xlsx -o out/ --report kpis.html  and a page that explains every KPI
kpi-udfs calc book.xlsx --json                          one JSON object per formula cell"""

_PARTS: tuple[Part, ...] = (
    _p(
        "start",
        "`kpi-udfs calc` recalculates a workbook, ours or anybody's, without Excel: on a server, at night, on Linux. It reads "
        "`.xlsx` and `.xlsm`.",
    ),
    Sample(_COMMANDS, "text"),
    _p(
        "printed",
        "Without `-o` and `--in-place` the file stays as it is, and the KPI formulas are printed with values and "
        "explanations; `--sheet` prints those of one sheet. With several workbooks a table says what came of each.",
    ),
    _h2("codes", "Exit codes"),
    _rows(
        "codes",
        ("Exit code", "What it says"),
        ("0", "All right."),
        ("1", "Something to look at: cells show errors, or formulas keep their saved value. The copy is written."),
        (
            "2",
            "A workbook can't be calculated or written; one line says why. With several workbooks the others are done all the "
            "same.",
        ),
    ),
    _h2("written", "What is written"),
    _points(
        "written",
        "In the copy only the values of formula cells have changed, and of the cells that their blocks fill. Charts, pivot "
        "tables, slicers, macros, comments, styles and whatever else the file holds keep every byte. A value that is the same "
        "to 12 digits is left as it is.",
        "A cell keeps its format: a date stays a date, a percentage a percentage.",
        "A block that has become larger or smaller than at its saving fills its new cells and empties the others; the formula "
        "notes its new area.",
        "Charts and pivot tables hold copies of numbers. Excel and LibreOffice renew those of charts on opening; a pivot table "
        "shows the old ones until somebody refreshes it.",
        "The file is written beside its place and then moved there: whenever something goes wrong, the old file is still whole. "
        "Macros are kept but not run.",
        "A workbook that never was in a spreadsheet program, but was written by openpyxl or XlsxWriter, asks Excel to calculate "
        "it on opening. Without the functions Excel then shows `#NAME?` instead of the values. LibreOffice without the functions "
        "shows it for every block.",
        "Where Excel would show `#SPILL!` or `#CALC!`, the file holds `#VALUE!`, as files of Excel do.",
    ),
    _h2("kept", "Formulas that keep their saved value"),
    _p(
        "kept",
        "What can't be calculated here is not guessed: the cell keeps the value that was saved with the file, formulas that "
        "refer to it calculate with that value, and the cell is reported with the reason. Where no value was saved, the cell "
        "shows an error, `#NAME?` or `#N/A`: never a 0. openpyxl drops all saved values when it saves a workbook.",
    ),
    _rows(
        "kept",
        ("Formula", "What happens"),
        (
            "A function that is unknown here, such as GETPIVOTDATA, CELL, MAP or REDUCE",
            "Keeps its value.",
        ),
        ("A reference to another workbook", "Keeps its value."),
        (
            "A circular formula",
            "Keeps its value, whether the workbook allows repeated calculation or not.",
        ),
        ("A what-if data table", "All its cells keep their values."),
        (
            "A formula with a union or an intersection of ranges, a call of a LAMBDA, or nested more deeply than can be read",
            "Keeps its value.",
        ),
        (
            "A block of more than 10,000 cells that is calculated with further",
            "Keeps its values. A formula that is nothing but the call of a KPI may give a block of any size.",
        ),
    ),
    _h2("calculated", "How formulas are calculated"),
    _points(
        "calculated",
        "An array formula that was entered over a fixed area with Ctrl+Shift+Enter fills this area: a single value is repeated, what does not fit is cut off, "
        "and cells too many show `#N/A`.",
        "Only array formulas fill other cells. Of a block in any other formula the cell shows the first value, as Excel does "
        "with `@`. Programs that write formulas have to write them as dynamic array formulas; XlsxWriter has "
        "`write_dynamic_array_formula` for it.",
        "Whole columns such as `A:A` end for a KPI where the sheet's last used row is. They begin with the header, and a KPI that "
        "counts different texts counts it, too: better write a table's column, or `A2:A500`.",
        "TODAY and NOW are those of the moment of calculating.",
        "A formula without a KPI gives the value that was saved, unless something it refers to has changed. Where it gives "
        "another although no formula it refers to does, it is reported as different: either somebody changed a value after the "
        "last calculation, or the two programs calculate differently. The new value is written.",
    ),
    _p("otherwise", "These are known to come out otherwise than in Excel:"),
    _points(
        "otherwise",
        "TEXT with number formats of other languages than English or with exponents, and VALUE of texts with separators.",
        "MATCH, VLOOKUP and HLOOKUP that look for the nearest value in columns that are not sorted.",
        "Comparisons of texts that differ in nothing but the case of letters such as Ä and ä.",
        "Calculated arrays of several million cells, which show `#NUM!`.",
    ),
    _h2("report", "The report"),
    _p(
        "report",
        "`--report` writes one page for all workbooks of a run, without anything that has to be loaded from elsewhere: each KPI "
        "cell with value, explanation and warnings, the definitions of the KPIs, the formulas that keep their value, and "
        "workbooks that were refused. It can be read on a phone and mailed as it is.",
    ),
    _p(
        "json",
        "`--json` prints one list with an object for each formula cell: `file`, `sheet`, `cell`, `formula`, `value` (dates as "
        "serial numbers, blocks as rows), `error`, `explanation`, `kept` (why the saved value was kept) and `differs_from` (the "
        "saved value as the cell showed it). A workbook that was refused has one object with `file` and `refused`.",
    ),
    _h2("refused", "What is refused"),
    _p(
        "refused",
        "A workbook can be damaged, or made to do harm. Files that are no workbook, are cut off, locked with a password, hold a "
        "part twice or under a false name, or declare a document type are refused in one line. Calculating goes on in a process "
        "of its own, within limits that you can move:",
    ),
    _rows(
        "limits",
        ("Option", "Limit for one workbook", "Unless told"),
        ("`--max-seconds`", "Time for calculating, in seconds", f"{Limits.seconds}"),
        ("`--max-memory`", "Memory in MB", f"{Limits.memory}"),
        ("`--max-unpacked`", "Size of the unpacked file in MB", f"{Limits.unpacked}"),
    ),
    _p(
        "refused.open",
        "`--in-place` refuses a workbook that somebody has open (a file `~$…` or `.~lock.…` lies beside it), and one that was "
        "replaced while it was being calculated. Write-protected files are not replaced. In a batch, files whose names begin "
        "with `~$` are passed over.",
    ),
    _p(
        "refused.written",
        "Where a workbook is refused or the command is interrupted, nothing is written for it. Only a command that is killed "
        "outright may leave a file `.kpi_udfs.….part` beside the copy; it can be deleted.",
    ),
)

GUIDE = Guide("calc.md", TITLE, SUMMARY, _PARTS)
