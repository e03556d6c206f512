"""The page about Excel: how the functions get there, what runs, and what to do when a cell shows something odd."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_udfs.cli.examining import LINE
from kpi_udfs.excel.excel_checks import FOUND, MACROS_RIGHT
from kpi_udfs.excel.file_checks import BOOK_MARKED
from kpi_udfs.excel.findings import SAID, Finding
from kpi_udfs.excel.python_checks import COMMAND_RIGHT, NAMED, STARTS, VERSIONS
from kpi_udfs.messages import say, text
from kpi_udfs.publish.guides import Guide, Part, Sample, Writer
from kpi_udfs.publish.markdown import code

TITLE = text("excel.page.title", "The functions in Excel")
SUMMARY = text(
    "excel.page.summary", "Install them, hand out workbooks, and know what to do when a cell shows an error."
)

_WRITER = Writer("excel.page")
_h2, _h3, _p, _points, _rows = _WRITER.h2, _WRITER.h3, _WRITER.p, _WRITER.points, _WRITER.rows
_steps = _WRITER.steps
_PLACE = "%LOCALAPPDATA%\\kpi_udfs\\python"


@dataclass(frozen=True)
class Findings:
    """What the doctor prints, in the reader's language."""

    findings: tuple[Finding, ...]

    def markdown(self, locale: str) -> str:
        return code("\n".join(say(LINE(state=SAID[one.state], says=one.says), locale) for one in self.findings))


_FOLDER = r"C:\Users\zoe\AppData\Local\kpi_udfs\python"
_DOCTOR = Findings(
    (
        Finding(
            "excel", "ok", FOUND(version="16.0", bits=64, program=r"C:\Program Files\Microsoft Office\…\EXCEL.EXE")
        ),
        Finding("macros", "ok", MACROS_RIGHT()),
        Finding("interpreter", "ok", NAMED(interpreter=rf"{_FOLDER}\Scripts\python.exe")),
        Finding("starts", "ok", STARTS(python="3.13.0", bits=64, kpi_udfs="0.1.0", xlwings="0.38.0", seconds=1.4)),
        Finding("dll", "problem", VERSIONS(made_for="0.37.8", installed="0.38.0")),
        Finding("command", "ok", COMMAND_RIGHT()),
        Finding("workbook", "problem", BOOK_MARKED(file=r"C:\Users\zoe\Downloads\sales_funnel.xlsm")),
    )
)

_WAYS: tuple[Part, ...] = (
    _p(
        "start",
        "The same functions reach Excel in two ways. Both give the same numbers, and a workbook made for one can be "
        "recalculated at night without Excel, by `kpi-udfs calc`.",
    ),
    _rows(
        "ways",
        ("Compared", "Add-in for Windows", "xlwings Lite"),
        ("Where", "Excel on Windows, 2016 and later", "Excel 365 on Windows, on a Mac and on the web"),
        ("What has to be installed", "Python, once on each computer", "the free add-in xlwings Lite, from the store"),
        ("In which workbooks", "in every workbook", "in workbooks that carry the functions"),
        ("Where Python runs", "beside Excel, on the computer", "inside Excel, in the browser part of the task pane"),
    ),
)

_WINDOWS: tuple[Part, ...] = (
    _h2("windows", "Windows in five steps"),
    _steps(
        "windows",
        (
            "On python.org/downloads/windows choose the Windows installer (64-bit) of Python 3.11, 3.12 or 3.13, and in it "
            "untick the box about admin privileges: then no administrator is needed. The Python of the Microsoft Store does "
            "not fit: Windows hides its folders from Excel.",
            None,
        ),
        (
            "Open the command prompt and make a place for the functions. The last line names the file of the package, which "
            "whoever has the source makes once with `py -m pip wheel --no-deps .`, as long as `kpi_udfs` is not in Python's "
            "package index:",
            Sample(
                f'py -m venv "{_PLACE}"\n'
                f'"{_PLACE}\\Scripts\\pip" install "C:\\Downloads\\kpi_udfs-0.1.0-py3-none-any.whl[excel]"',
                "bat",
            ),
        ),
        ("Close Excel, then put the add-in in place:", Sample(f'"{_PLACE}\\Scripts\\kpi-udfs" excel install', "bat")),
        (
            "Read what it said at the end: each line tells what was found, and what to do where it is not as it should be. You "
            "can ask again at any time:",
            Sample(f'"{_PLACE}\\Scripts\\kpi-udfs" excel doctor', "bat"),
        ),
        (
            "Start Excel and type `=KPI_VERSION()` into a cell. It answers with the version and the configuration in force.",
            None,
        ),
    ),
    _p("windows.doctor", "It reads like this after an update of xlwings, for a workbook that came by mail:"),
    _DOCTOR,
    _p(
        "windows.path",
        "Where this page says `kpi-udfs`, type the long name as in step 3, in the command prompt: PowerShell does not know "
        "`%LOCALAPPDATA%`.",
    ),
    _p(
        "windows.language",
        "To have explanations in your language, and numbers in texts read as in your country, type `setx KPI_UDFS_LANGUAGE "
        "de` (or `fr`, `it`, `id`, `en_GB` …) and start Excel anew.",
    ),
    _p(
        "windows.after",
        "After each update of `kpi_udfs` or of xlwings, run `kpi-udfs excel install` again: the add-in and a file of xlwings "
        "belong together by version, and the doctor says when they don't. `kpi-udfs excel uninstall` takes away what was put "
        "there.",
    ),
    _p(
        "windows.build",
        "`kpi-udfs excel build -o FOLDER` writes the template with the functions inside (`.xlsm`), for people who did steps 1 "
        "to 3 but whose Excel may load no add-in, and the add-in itself (`.xlam`), for IT to sign and distribute. "
        "Neither names a folder of your computer. A workbook with the functions inside starts a Python of its own beside "
        "the add-in's: where people have the add-in, hand out plain workbooks, such as the one that `kpi-udfs demo` writes.",
    ),
)

_LITE: tuple[Part, ...] = (
    _h2("lite", "xlwings Lite in three steps"),
    _points(
        "lite",
        "In Excel choose Home, Add-ins, look for xlwings Lite and add it.",
        "Have the workbook written, by someone who has Python: `kpi-udfs lite build --wheel https://…/kpi_udfs-….whl`. It "
        "carries two lines of Python, the list of packages, and a sheet with the qualification rules. The address is that of "
        "the package on a web server that your colleagues reach and that allows requests from https://addin.xlwings.org "
        "(CORS); without `--wheel` Lite looks into Python's package index.",
        "Open it in Excel and trust the workbook when xlwings Lite asks. Its task pane opens beside the sheet and loads "
        "Python, which takes up to a minute the first time. Then the cells calculate; paste your own data.",
        numbered=True,
    ),
    _p(
        "lite.rules",
        "There are no files in xlwings Lite, so the rules stand in cells: give QUALIFY and its relatives the column of the "
        "sheet with the rules. Whoever may edit the workbook may edit the rules.",
    ),
    _WRITER.picture("lite", "lite.png", "The rules of the workbook for xlwings Lite, one line per cell"),
)

#: The same in every spreadsheet program.
TYPING: tuple[Part, ...] = (
    _h2("typing", "Typing a formula"),
    _p(
        "typing",
        "The names of the functions and of their choices are the same in every language. What separates the arguments "
        "depends on the language of the computer: a comma where numbers have a decimal point, a semicolon where they have a "
        "decimal comma.",
    ),
    _rows(
        "typing",
        ("Settings", "Formula"),
        ("English", "`=CUSTOMER_LIFETIME_VALUE(49.9,12,0.25)`"),
        ("German, French, Italian, Indonesian", "`=CUSTOMER_LIFETIME_VALUE(49,9;12;0,25)`"),
    ),
)

_TYPING: tuple[Part, ...] = (
    *TYPING,
    _p(
        "typing.mistake",
        "With a comma where a semicolon belongs, `1200,40` is one number, and the cell shows `#VALUE!` for want of an "
        "argument; other formulas Excel refuses as a whole. A formula in a file is shown the way the reader's computer writes it, so a "
        "workbook can be handed from one to the other.",
    ),
    _p(
        "typing.blocks",
        "Functions that answer with a block fill the cells below and to the right. In Excel 2016 and 2019 mark the cells "
        "first and finish with Ctrl+Shift+Enter, or take one value out: `=INDEX(FUNNEL(leads[#All]),2,3)`.",
    ),
    _p(
        "typing.help",
        "The button fx beside the formula bar shows what a function and each of its arguments mean, in the language of "
        "Excel. To choose another, set the environment variable KPI_UDFS_LANGUAGE to de, en, fr, id or it.",
    ),
)

_SYMPTOMS: tuple[Part, ...] = (
    _h2("symptoms", "When a cell shows something odd"),
    _p(
        "symptoms",
        "An error of a single number explains itself: put KPI_EXPLAIN around it, with the function's name first, as in "
        '`=KPI_EXPLAIN("WIN_RATIO",deals[Outcome])`. The following are about the installation.',
    ),
    _p(
        "symptoms.codes",
        "The table names errors as English Excel does. The Indonesian one shows the same; others translate some of them:",
    ),
    _rows(
        "codes",
        ("English", "German", "French", "Italian"),
        ("`#NAME?`", "`#NAME?`", "`#NOM?`", "`#NOME?`"),
        ("`#VALUE!`", "`#WERT!`", "`#VALEUR!`", "`#VALORE!`"),
        ("`#N/A`", "`#NV`", "`#N/A`", "`#N/D`"),
        ("`#NUM!`", "`#ZAHL!`", "`#NOMBRE!`", "`#NUM!`"),
        ("`#REF!`", "`#BEZUG!`", "`#REF!`", "`#RIF!`"),
        ("`#SPILL!`", "`#ÜBERLAUF!`", "`#PROPAGATION!`", "`#ESPANSIONE!`"),
    ),
    _rows(
        "symptoms",
        ("What you see", "Why", "What to do"),
        (
            "`#NAME?`",
            "Excel does not know the function: the add-in is not loaded, macros are blocked, or xlwings Lite has not started.",
            "Windows: run `kpi-udfs excel doctor`. If the file came by mail: right click on it, Properties, Unblock. Lite: "
            "open the task pane on the tab Home and trust the workbook. The names are the same in every language.",
        ),
        (
            "`#BUSY!`",
            "xlwings Lite is still loading Python, or still calculating.",
            "Wait a minute. If it stays, open the task pane and read its last lines: mostly a package could not be fetched, "
            "because a firewall is in the way.",
        ),
        (
            "`#VALUE!` in every cell with a KPI",
            "Python did not start. For a minute the cells don't try again, so that Excel does not wait once for each of them.",
            "Run `kpi-udfs excel doctor`, do what it says, wait a minute, then press Ctrl+Alt+F9.",
        ),
        (
            "0 on opening",
            "The program that wrote the file saved no values, and Excel has not calculated yet, as in Protected View.",
            "Choose Enable Editing, then press Ctrl+Alt+F9.",
        ),
        (
            "A formula with a path, such as `='C:\\…\\kpi_udfs.xlam'!WIN_RATIO(…)`",
            "The workbook was saved on another computer, where the add-in lies in another folder.",
            "Data, Edit Links (in newer versions Workbook Links), Change Source, and choose your own `kpi_udfs.xlam`; "
            "`kpi-udfs excel doctor` says where it lies. `kpi-udfs calc` reads such formulas as they are.",
        ),
        (
            "Excel hangs for two minutes",
            "Python can't be started, and xlwings waits that long for it.",
            "Wait it out once. Then run `kpi-udfs excel doctor`: it finds the cause within seconds, without Excel.",
        ),
        (
            "`#SPILL!`",
            "The cells that a block needs are not empty.",
            "Empty them, or move the formula.",
        ),
        (
            "Numbers with four decimal places",
            "The functions were brought in by xlwings' own Import Functions, and the cells have a currency format.",
            "Use our add-in, or another number format. KPI_EXPLAIN says where it happened.",
        ),
        (
            "Numbers that stay as they are",
            "Calculation is set to manual, or the functions are not installed: then a file shows the numbers of the day it "
            "was saved.",
            "Formulas, Calculation Options, Automatic; then see `#NAME?`.",
        ),
    ),
)

_FOR_IT: tuple[Part, ...] = (
    _h2("it", "For those who look after the computers"),
    _h3("it.windows", "Add-in for Windows"),
    _points(
        "it.windows",
        "Installed, for one user and without administrator: a Python environment in a folder of your choice; the add-in "
        "`%APPDATA%\\Microsoft\\Excel\\XLSTART\\kpi_udfs.xlam`; the settings `%USERPROFILE%\\.kpi_udfs\\kpi_udfs.conf`. Nothing "
        "is written to the registry.",
        "Running: Excel loads the add-in with its macros and, at the first KPI, a library of xlwings (`xlwings64-….dll`, "
        "beside Python). That starts `cmd.exe` and through it Python, which answers Excel through COM, on this computer "
        "alone. It ends with Excel.",
        "Handed over: the values of the cells that a formula names, the folder of the workbook and its date system.",
        "Read: the configuration and rule files on this computer. Written: a log of mistakes of our own, "
        "`%LOCALAPPDATA%\\kpi_udfs\\Logs\\kpi_udfs.log`, and nothing else. Sent to other computers: nothing; Python connects "
        "to itself (127.0.0.1), and rules beside a workbook on a file server are read from there.",
        "Macros: the add-in lies in a folder that Excel trusts by default. It is not signed; where only signed macros may "
        "run, sign it with your own certificate, after each `excel install` again. Workbooks with macros that come by mail or from the web are blocked until "
        "someone unblocks them.",
        "In the way: a policy that forbids `cmd.exe`, one that allows programs or libraries only from certain folders, one "
        "that turns trusted locations off; Microsoft Defender's rules against Win32 API calls from Office macros and against "
        "child processes of Office (the add-in and Python's folder need an exception). `kpi-udfs excel doctor` names those it can "
        "see; Defender's it can't.",
        "A file `kpi_udfs.conf` in the folder of a workbook with macros goes before the user's own and names the Python that is "
        "started: let nobody else write into that folder.",
        "Removed with `kpi-udfs excel uninstall`, but for the folder of Python, which you delete.",
        "Licences: `kpi_udfs` and the part of xlwings that is used here are BSD. Nothing of xlwings PRO is used or shipped.",
    ),
    _h3("it.lite", "xlwings Lite"),
    _points(
        "it.lite",
        "Installed: the Office add-in xlwings Lite, number WA200008175 in Microsoft's store. Administrators can allow or "
        "assign it in the Microsoft 365 admin center. Nothing is installed on the computer itself.",
        "Running: Python in WebAssembly, inside the task pane, with the rights of a web page.",
        "Fetched: the add-in itself, Python and the packages named in the workbook (`requirements.txt`), from the web. A "
        "company can host our package itself: `kpi-udfs lite build --wheel https://…`.",
        "Handed over: the values of the cells that a formula names. They stay in the task pane.",
        "The Python code that a workbook carries can be read in the task pane; ours are two lines.",
    ),
)

_UNSEEN: tuple[Part, ...] = (
    _h2("unseen", "What nobody has seen yet"),
    _p(
        "unseen",
        "All of this is tested without Excel: the Windows way with a Windows Python, xlwings' own server and library, under "
        "Wine; the macros in an interpreter of their language; xlwings Lite's way in the WebAssembly Python that it uses. Every "
        "function answers there as everywhere else. Not yet seen in a real Excel by anyone: that the add-in and the "
        "workbooks with macros open without a complaint; that help appears in the function dialog; how a formula with an "
        "add-in function is stored and shown on another computer; that the workbook for xlwings Lite opens its task pane and "
        "calculates; how long all this takes.",
    ),
    _p("unseen.list", "If you have Excel and ten minutes, please try this and tell us what happened:"),
    _points(
        "unseen",
        "Steps 1 to 5 above. Which line of the doctor was wrong or unclear?",
        "`=COST_PER_LEAD(1200,40)`, or with a semicolon: 30?",
        "`=COST_PER_LEAD(1200,0)`: `#DIV/0!`, as a real error that `ISERROR` sees?",
        "fx beside the formula bar, category KPI: do the texts stand there, in Excel's language?",
        "`kpi-udfs excel build -o FOLDER`, then open `sales_funnel.xlsm`: any warning? Change a number on the sheet with the "
        "leads: do the KPIs follow?",
        "In an empty workbook `=FUNNEL(…)` over a small table: does it fill the cells below?",
        "Save that workbook, close Excel, open it again: numbers or `#NAME?`? What does the formula look like on a "
        "computer without the add-in?",
        "End Python in the task manager, then press Ctrl+Alt+F9: are the numbers back?",
        "Rename the folder of Python, start Excel again: how long does it hang, what do the cells show?",
        "xlwings Lite: the three steps above. How long until the first number? Are the results of `.xlsx` files made by "
        "`lite build` there before Python has loaded?",
        numbered=True,
    ),
)

GUIDE = Guide("excel.md", TITLE, SUMMARY, (*_WAYS, *_WINDOWS, *_LITE, *_TYPING, *_SYMPTOMS, *_FOR_IT, *_UNSEEN))
