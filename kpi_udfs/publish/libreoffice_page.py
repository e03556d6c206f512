"""The page about LibreOffice Calc: how the functions get there, how they are typed, and what odd cells mean."""

from __future__ import annotations

from kpi_udfs.messages import text
from kpi_udfs.publish.excel_page import TYPING
from kpi_udfs.publish.guides import Guide, Part, Sample, Writer

TITLE = text("libreoffice.page.title", "The functions in LibreOffice Calc")
SUMMARY = text(
    "libreoffice.page.summary", "Install one file, type the functions, and know what to do when a cell shows an error."
)

#: The functions that answer in words only, as long as LibreOffice's Python has no pandas.
NEED_PANDAS = (
    "FUNNEL",
    "FUNNEL_BOTTLENECK",
    "LEAD_SCORE",
    "LOSS_REASONS",
    "MQL_COUNT",
    "QUALIFY",
    "RETENTION_COHORTS",
    "RETENTION_CURVE",
    "SQL_COUNT",
    "STAGE_DURATION",
    "WHY_QUALIFIED",
    "WIN_RATIO_BY",
)

_WRITER = Writer("libreoffice.page")
_h2, _h3, _p, _points, _rows = _WRITER.h2, _WRITER.h3, _WRITER.p, _WRITER.points, _WRITER.rows
_picture = _WRITER.picture

_INSTALLING: tuple[Part, ...] = (
    _p(
        "start",
        "Calc offers every function under the same name and with the same numbers as Excel. They come as one file, the "
        "extension `kpi_udfs.oxt`.",
    ),
    _p(
        "start.needs",
        "You need LibreOffice 25.2 or later, on Windows, macOS or Linux. It brings the Python in which the functions run; on "
        "Linux that is a package of its own: `python3-uno` in Debian and Ubuntu, `libreoffice-pyuno` in Fedora.",
    ),
    _h2("installing", "Installing"),
    _h3("file", "If somebody gave you the file"),
    _points(
        "file",
        "In LibreOffice choose Tools > Extensions, press Add, choose the file and confirm. Double-clicking the file leads there, too.",
        "Close all windows of LibreOffice and start it anew.",
        "Type `=KPI_VERSION()` into a cell. It answers with the version and the configuration in force.",
        numbered=True,
    ),
    _picture("file", "calc_extension.png", "The list of extensions in a German LibreOffice, with the KPI functions"),
    _p(
        "file.remove",
        "A newer file takes the place of the older one. To take the functions away, choose them in this list and press Remove.",
    ),
    _h3("commands", "If you have kpi_udfs on your computer"),
    _p(
        "commands",
        "Close LibreOffice, then type a command, as the user who works with LibreOffice and without sudo:",
    ),
    _rows(
        "commands",
        ("Command", "What it does"),
        ("`kpi-udfs libreoffice install`", "Puts the extension into your LibreOffice, and checks what can go wrong."),
        (
            "`kpi-udfs libreoffice install --with-pandas`",
            "Also fetches pandas for LibreOffice's Python, for the functions over tables.",
        ),
        ("`kpi-udfs libreoffice doctor`", "Checks, tries the functions, and says what to do."),
        ("`kpi-udfs libreoffice uninstall`", "Takes away what install has put in place."),
        ("`kpi-udfs libreoffice build -o kpi_udfs.oxt`", "Writes the file to hand out."),
    ),
    _p(
        "commands.menu",
        "Start LibreOffice from the menu, not from a shell in which a virtual environment of Python is active: LibreOffice's "
        "Python would look there, and no workbook would open.",
    ),
    _h3("pandas", "Functions over tables"),
    _p("pandas", "Most functions work at once. These need the Python package pandas, which is not in the file:"),
    Sample("\n".join(" ".join(NEED_PANDAS[start : start + 4]) for start in range(0, len(NEED_PANDAS), 4)), "text"),
    _p(
        "pandas.way",
        "Where it is missing, the cell says so. On your computer `kpi-udfs libreoffice install --with-pandas` fetches it, for "
        "you alone and without an administrator. Whoever has only the file needs somebody with kpi_udfs for it, once on each "
        "computer.",
    ),
)

_TYPING: tuple[Part, ...] = (
    *TYPING,
    _p("typing.help", "While you type, Calc shows the arguments and what the one at the cursor means."),
    _picture(
        "typing",
        "calc_typing.png",
        "A German sheet with deals, win ratios with their workings, and a formula being typed with the help for its argument",
    ),
    _p(
        "typing.blocks",
        "A function that answers with a block does not fill the cells around it by itself, as it does in Excel. Mark the "
        "cells first, type the formula and finish with Ctrl+Shift+Enter (on a Mac Cmd+Shift+Enter); cells too many show "
        "`#N/A`. Or take one value out: `=INDEX(FUNNEL(A1:F500),2,3)`.",
    ),
    _p(
        "typing.ranges",
        "The range of a table begins with its header row, that of a single column below it. Whole columns such as `C:C` are "
        "cut to the rows that are used, but each of them costs up to a second: better write `C2:C500`, or a named range.",
    ),
    _p(
        "typing.computed",
        "A range that is calculated within the formula, as in `=REVENUE(B2:B6*1.19)`, needs Ctrl+Shift+Enter, too, even for a "
        "single number. Otherwise Calc takes only the cell in the formula's own row, as it does with SUM, and the number is "
        "wrong.",
    ),
    _p(
        "typing.texts",
        'LibreOffice 25.2 does not find the texts of a block: for `=A2="Lead"`, VLOOKUP, COUNTIF and SUMIF they are others than '
        'the same texts elsewhere. Joined with an empty text they are found: `=SUMPRODUCT((A2:A6&""="Lead")*B2:B6)`.',
    ),
    _h2("wizard", "The function wizard"),
    _p(
        "wizard",
        "Ctrl+F2 opens the function wizard. Choose the category Add-in; the search looks only into the chosen one. The wizard shows what the "
        "function and each argument mean, in the language of LibreOffice, and the result while you fill it in. For a block, "
        "mark the cells first and tick Array.",
    ),
    _picture(
        "wizard",
        "calc_wizard.png",
        "The function wizard in German, with WIN_RATIO over ten deals and its result, 0.625",
    ),
)

_FILES: tuple[Part, ...] = (
    _h2("files", "Files"),
    _p(
        "files",
        "Both `.xlsx` and `.ods` files keep the functions. An `.xlsx` file calculates in Excel too, and with `kpi-udfs calc` "
        "without either program.",
    ),
    _p(
        "files.stored",
        "From an `.xlsx` file Calc shows the numbers that were saved in it, until you press Ctrl+Shift+F9. To have them "
        "calculated at each opening, choose Tools > Options (on a Mac LibreOffice > Preferences) > LibreOffice Calc > Formula, and under "
        "Recalculation on File Load, for Excel 2007 and newer, Always recalculate.",
    ),
    _p(
        "files.conditional",
        "Conditional formatting with a KPI works in `.ods` files; from `.xlsx` files LibreOffice 25.2 does not read it.",
    ),
    _picture("files", "calc_funnel.png", "The example workbook with the sales funnel, opened in Calc"),
    _h2("language", "The language of explanations"),
    _p(
        "language",
        "The wizard speaks the language of LibreOffice. Explanations and messages in cells are in English, unless you choose "
        "de, fr, id or it, in `settings.yaml` (which `kpi-udfs config init` writes) or like this; then log off and on again:",
    ),
    _points(
        "language",
        "Windows, in the command prompt: `setx KPI_UDFS_LANGUAGE de`",
        "Linux: the line `KPI_UDFS_LANGUAGE=de` in the file `~/.config/environment.d/kpi_udfs.conf`",
        "macOS, in the terminal, after each start of the computer and without logging off: `launchctl setenv "
        "KPI_UDFS_LANGUAGE de`",
    ),
)

_SYMPTOMS: tuple[Part, ...] = (
    _h2("symptoms", "When a cell shows something odd"),
    _p(
        "symptoms",
        'First ask KPI_EXPLAIN, with the function\'s name and the same arguments: `=KPI_EXPLAIN("WIN_RATIO",C2:C11)`. It says '
        "why there is an error, and how a number was made.",
    ),
    _p(
        "symptoms.codes",
        "The table names errors as English Calc does. The German one says `Fehler:` for `Err:`, `#NV` for `#N/A` and `#WERT!` "
        "for `#VALUE!`, the French one `Err :`, `#N/D`, `#VALEUR !` and, for `#NAME?`, `#NOM ?`, the Italian one `#N/D`, "
        "`#VALORE!` and `#NOME?`, the Indonesian one `Galat:`.",
    ),
    _rows(
        "symptoms",
        ("What you see", "Why", "What to do"),
        (
            "`#NAME?`",
            "Calc does not know the function: the extension is missing or turned off, or the name is mistyped.",
            "Look at Tools > Extensions: choose the KPI functions and press Enable if they are off. Or run `kpi-udfs "
            "libreoffice doctor`.",
        ),
        (
            "`Err:502`, `Err:504`",
            "A cell of the range holds an error itself. Calc hands such a range to no extension, not even to KPI_EXPLAIN. Or "
            "there is an argument too few or too many.",
            "Mend that cell, or put IFERROR around the formula in it; compare the arguments with the wizard.",
        ),
        (
            "`Err:501`, `Err:508`, `Err:509`",
            "Calc can't read the formula: mostly a comma stands where a semicolon belongs, or a bracket is missing.",
            "See Typing a formula, above.",
        ),
        (
            "A sentence about pandas",
            "The function works on a table, and LibreOffice's Python has no pandas.",
            "See Functions over tables, above.",
        ),
        (
            "A number where a cell is blank, TRUE or FALSE",
            "Calc hands over a blank cell by itself as 0, as it hands over TRUE as 1 and FALSE as 0.",
            "Fill in the cell.",
        ),
        (
            "Numbers that stay as they are",
            "They were saved in the file, and Calc has not calculated yet.",
            "Press Ctrl+Shift+F9; see Files, above.",
        ),
        (
            "`#VALUE!` in every KPI",
            "A configuration file holds a mistake.",
            "`=KPI_VERSION()` names the file, the line and the mistake.",
        ),
    ),
    _h2("it", "For those who look after the computers"),
    _p(
        "it",
        "The extension (40 MB) and pandas (160 MB, in `user/kpi_udfs`) lie in the user's LibreOffice profile and run inside "
        "LibreOffice, in its Python; there are no macros. Read: the configuration and rule files on this computer, which "
        "`kpi-udfs config show` lists. Written: a log of mistakes of our own, in the user's folder for logs. Sent to other "
        "computers: nothing; `--with-pandas` fetches pandas from Python's package index.",
    ),
)

GUIDE = Guide("libreoffice.md", TITLE, SUMMARY, (*_INSTALLING, *_TYPING, *_FILES, *_SYMPTOMS))
