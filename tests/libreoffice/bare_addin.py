"""An add-in that only receives its arguments, and the stop-watch that runs inside LibreOffice.

LibreOffice's own Python loads this file from the extension that ``bench_calc.py`` writes beside ours; nothing of ours
is imported here. ``soffice service:org.kpiudfs.bare.Watch?…`` runs the job in the file that ``BENCH_JOB`` names.
"""

import json
import os
import threading
import time
import traceback
from pathlib import Path

import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.lang import XServiceInfo
from com.sun.star.task import XJobExecutor
from org.kpiudfs.bare import XBare

SERVICE = "org.kpiudfs.bare.Bare"
WATCH = "org.kpiudfs.bare.Watch"


class Bare(unohelper.Base, XBare, XServiceInfo):
    """Answers at once."""

    def __init__(self, context):
        self.context = context

    def one(self, data):
        """A call with one argument."""
        return 1.0

    def two(self, first, second):
        """A call with two arguments."""
        return 1.0

    def told(self, document, first, second):
        """A call that is told which document calls, with two arguments."""
        return 1.0

    def block(self, document, data):
        """A call that gives a block."""
        return ((1.0,),)

    def getImplementationName(self):
        """Part of XServiceInfo."""
        return SERVICE

    def supportsService(self, name):
        """Part of XServiceInfo."""
        return name in self.getSupportedServiceNames()

    def getSupportedServiceNames(self):
        """Part of XServiceInfo."""
        return (SERVICE, "com.sun.star.sheet.AddIn")


class Watch(unohelper.Base, XJobExecutor):
    """Takes the times that a job asks for, writes them down and ends LibreOffice."""

    def __init__(self, context):
        self.desktop = context.ServiceManager.createInstance("com.sun.star.frame.Desktop")

    def trigger(self, _):
        """Run the job."""
        job = json.loads(Path(os.environ["BENCH_JOB"]).read_text(encoding="utf-8"))
        try:
            result = self.times(job)
        except Exception:
            result = {"failed": traceback.format_exc()}
        Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")
        # While this method runs, LibreOffice refuses to end.
        threading.Timer(0.3, self.desktop.terminate).start()

    def times(self, job):
        """Seconds of every case: of its first calculation, and of every round."""
        hidden = PropertyValue("Hidden", 0, True, 0)
        documents = {
            name: self.desktop.loadComponentFromURL(url, "_blank", 0, (hidden,))
            for name, url in job["documents"].items()
        }
        cases = [Case(documents[case["document"]], case) for case in job["cases"]]
        for case in cases:
            case.write()
        # In turn, so that a slow moment hits all of them alike.
        for number in range(max(case.rounds for case in cases)):
            for case in cases:
                if number < case.rounds:
                    case.calculate()
        return {case.name: {"first": case.first, "taken": case.taken, "gives": case.gives} for case in cases}


class Case:
    """Formulas on a sheet of their own, and the cell that they depend on."""

    def __init__(self, document, case):
        self.name, self.formula, self.array, self.words = case["name"], case["formula"], case["array"], case["words"]
        document.Sheets.insertNewByName(self.name, document.Sheets.Count)
        self.cells = document.Sheets.getByName(self.name).getCellRangeByName(case["cells"])
        sheet, cell = case["typed"].split(".")
        self.typed = document.Sheets.getByName(sheet).getCellRangeByName(cell)
        self.rounds = case["rounds"]
        self.taken, self.first, self.gives = [], 0.0, None

    def write(self):
        """Write the formulas: they are read and calculated for the first time."""
        rows = self.cells.RangeAddress.EndRow + 1
        formulas = tuple((self.formula.replace("{row}", str(row + 1)),) for row in range(rows))
        begin = time.perf_counter()
        if self.array:
            self.cells.setArrayFormula(self.formula)
        else:
            self.cells.setFormulaArray(formulas)
        self.gives = self.cells.getDataArray()
        self.first = time.perf_counter() - begin

    def calculate(self):
        """Type another word into the cell and read what depends on it.

        Calc calculates a cell when it is read: the formulas of other cases on the same data wait for their turn.
        """
        word = self.words[len(self.taken) % 2]
        begin = time.perf_counter()
        self.typed.setFormula(word)
        self.gives = self.cells.getDataArray()
        self.taken.append(time.perf_counter() - begin)


g_ImplementationHelper = unohelper.ImplementationHelper()
g_ImplementationHelper.addImplementation(Bare, SERVICE, (SERVICE, "com.sun.star.sheet.AddIn"))
g_ImplementationHelper.addImplementation(Watch, WATCH, (WATCH,))
