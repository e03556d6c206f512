"""Can the table be trusted?"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Any

from kpi_udfs.cells import Context
from kpi_udfs.errors import NA
from kpi_udfs.kinds import COUNT, TABLE, TEXT, DayNumber, Table, TableData
from kpi_udfs.kpis.quality_checks import check, is_one_row_each
from kpi_udfs.kpis.quality_columns import IDENTIFIERS, Checked, Columns, recognise
from kpi_udfs.kpis.quality_problems import NOWHERE, Finding
from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.registry import Block, Example, kpi

#: Nobody mends more in one go, and a sheet has an end.
MOST = 1000

ROW = text("KPI_CHECK.column.row", "Row")
COLUMN = text("KPI_CHECK.column.column", "Column")
PROBLEM = text("KPI_CHECK.column.problem", "Problem")
REMEDY = text("KPI_CHECK.column.remedy", "Remedy")
NO_PROBLEM = text("KPI_CHECK.no_problem", "No problem found.")
CHECKED = text("KPI_CHECK.checked", "Checked: {columns:list}.")
MORE = text("KPI_CHECK.more", "Further findings: {findings:count}.")
MORE_REMEDY = text("KPI_CHECK.more_remedy", "Mend these first; the rest is shown then.")
NUMBERED = text("KPI_CHECK.numbered", "(column {number})")
READ_AS = text("KPI_CHECK.read_as", "{header} ({name})")
READ_AS_STAGE = text("KPI_CHECK.read_as_stage", "{header} (stage {stage})")
RECOGNISED = text("KPI_CHECK.recognised", "Columns recognised: {columns:list}.")
NOTHING_RECOGNISED = text("KPI_CHECK.nothing_recognised", "No column was recognised.")
NOT_RECOGNISED = text(
    "KPI_CHECK.not_recognised",
    "Not recognised and not looked at: {columns:list}. Their names can be added to columns.yaml.",
)
ROWS = text("KPI_CHECK.rows", "Rows looked at: {rows:count}.")
FINDINGS = text("KPI_CHECK.findings", "Findings: {findings:count}, namely {counts:list}.")
COUNTED = text("KPI_CHECK.counted", "{name} ({findings:count})")
EVENTS = text(
    "KPI_CHECK.events",
    'Identifiers repeated in column "{column}" are no findings: its rows are events, order lines or deals of one lead.',
)
NO_FUTURE = text("KPI_CHECK.no_future", "Without as_of no date counts as future, and no open deal as overdue.")


@kpi(
    shows=TABLE,
    formula="One line for each finding: its row, its column, what is wrong and how to mend it.",
    edges="Rows count as in the given range, its header row being 1. A cell that can't be read is a finding; an error "
    "cell in a recognised column comes out as that error. More than 20 blanks in a column are one finding, and at most "
    "1,000 findings are listed. Without as_of nothing counts as future.",
    elsewhere="CRM systems find duplicates and missing fields in their own records; a spreadsheet's own checks (data "
    "validation, removing duplicates) look at one column at a time and don't know outcomes, stages or currencies.",
    examples=[
        Example(
            data=[
                ["lead id", "channel", "first contact", "close date", "outcome", "value"],
                ["L1", "GTX Mail", date(2026, 1, 5), date(2026, 1, 15), "won", 1200],
                ["L2", "GTX Mail", date(2026, 1, 12), date(2026, 1, 9), "won", "1.234"],
                ["L1", "GTXMail", "soon", "", "gewonen", 800],
                ["L3", "", date(2026, 1, 20), date(2026, 2, 1), "open", -50],
            ],
            as_of=date(2026, 3, 31),
            gives=[
                ["Row", "Column", "Problem", "Remedy"],
                [3, "close date", 'Jan 9, 2026 lies before Jan 12, 2026 in column "first contact".',
                 "Correct one of the two dates."],
                [3, "value", 'Languages read the text "1.234" as different numbers.',
                 "Set your language in settings.yaml, or turn the text into a number."],
                [4, "lead id", '"L1" already stands in row 2.', "Keep one of the two rows, or correct the identifier."],
                [4, "channel", 'Rows with "GTXMail", which looks like "GTX Mail" but counts apart: 1.',
                 'Write "GTX Mail" everywhere.'],
                [4, "first contact", '"soon" is not a date.', "Turn the text into a date, such as 2026-03-31."],
                [4, "outcome", 'Rows with the unknown outcome "gewonen", which count as open: 1.',
                 'Did you mean "gewonnen"? If not, add the word to outcomes.yaml as won, lost or open.'],
                [5, "channel", "The cell is blank.", "Fill it in: what is counted by this column misses it."],
                [5, "close date", "The deal is open, and its close date Feb 1, 2026 lies before Mar 31, 2026.",
                 "Close the deal, or give it a new close date."],
                [5, "value", "The value is negative: -50.", "Correct the sign; refunds belong in a table of their own."],
            ],
            because="every row with something to mend, from top to bottom",
        ),
        Example(
            data=[
                ["lead id", "channel", "outcome"],
                ["L1", "Mail", "won"],
                ["L2", "Ads", "lost"],
            ],
            gives=[
                ["Row", "Column", "Problem", "Remedy"],
                ["", "", "No problem found.", "Checked: lead id, channel, outcome."],
            ],
            because="nothing to mend, and which columns were looked at",
        ),
        Example(data=[["lead id", "channel"]], gives=NA, because="there is no row to check yet"),
    ],
)  # fmt: skip
def kpi_check(
    data: Annotated[Table, "A table with its header row: leads, deals, purchases or touches."],
    as_of: Annotated[
        DayNumber | None, "The day to look from: later dates are future, open deals with earlier close dates overdue."
    ] = None,
    *,
    context: Context,
) -> Block:
    """Data quality of a table: row, column, problem, remedy.

    Every finding in the columns recognised by their headers (columns.yaml, stages.yaml): repeated
    identifiers, dates and numbers that can't be read or that languages read differently, dates in
    the wrong order, before 1950 or after as_of, unknown outcome words, spellings that count apart,
    mixed currencies, blank keys, won deals without date or value, overdue open deals, negative
    values, and headers that are blank, stand twice or could mean the same thing. The header row of
    the range is row 1. Identifiers may repeat in lists of events and order lines, and leads in a
    list of deals. There is no hidden today: the default of as_of would be the latest date in the
    data, after which nothing lies, so that without as_of no date counts as future and no open deal
    as overdue; the close date of an open deal is a plan and may lie in the future.

    Shapes: a table with header row, one line per finding, at most 1,000 of them. Unit: none.
    Errors: an error cell in a recognised column as itself, ``#N/A`` without rows. Source: this
    package.
    """
    columns = recognise(data, context)
    found = sorted(check(data, columns, as_of), key=lambda finding: finding[:2])
    locale = context.settings.language
    rows = [[say(caption, locale) for caption in (ROW, COLUMN, PROBLEM, REMEDY)]]
    rows += [_line(finding, data, locale) for finding in found[:MOST]]
    if not found:
        checked = CHECKED(columns=[column.header for column in columns.checked])
        rows.append(["", "", say(NO_PROBLEM, locale), say(checked, locale)])
    elif len(found) > MOST:
        rows.append(["", "", say(MORE(findings=len(found) - MOST), locale), say(MORE_REMEDY, locale)])
    return Block(rows, (COUNT, TEXT, TEXT, TEXT), tuple(_working(data, columns, found, as_of)))


def _line(finding: Finding, data: TableData, locale: str | None) -> list[Any]:
    header = ""
    if finding.column != NOWHERE:
        header = data.headers[finding.column] or say(NUMBERED(number=finding.column + 1), locale)
    said, remedy = finding.told()
    return [finding.row, header, say(said, locale), say(remedy, locale)]


def _working(data: TableData, columns: Columns, found: list[Finding], as_of: int | None) -> list[Sentence]:
    """Which columns were read as what, how many rows were looked at, and how often each problem occurs."""
    working = [
        RECOGNISED(columns=[_read_as(column) for column in columns.checked])
        if columns.checked
        else NOTHING_RECOGNISED(),
        ROWS(rows=columns.rows),
    ]
    looked_at = {column.header for column in columns.checked}
    if others := [header for header in data.headers if header and header not in looked_at]:
        working.insert(1, NOT_RECOGNISED(columns=others))
    if found:
        each = Counter(finding.problem.name for finding in found)
        counts = [COUNTED(name=name, findings=findings) for name, findings in each.most_common()]
        working.append(FINDINGS(findings=len(found), counts=counts))
    else:
        working.append(NO_PROBLEM())
    working += [
        EVENTS(column=column.header) for column in columns.called(*IDENTIFIERS) if not is_one_row_each(column, columns)
    ]
    if as_of is None and any(column.dated for column in columns.checked):
        working.append(NO_FUTURE())
    return working


def _read_as(column: Checked) -> Sentence:
    if column.name:
        return READ_AS(header=column.header, name=column.name)
    return READ_AS_STAGE(header=column.header, stage=column.stage)
