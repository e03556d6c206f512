"""The KPI functions, as LibreOffice Calc calls them.

LibreOffice loads this file when the first KPI is calculated. The functions themselves are loaded with the first call:
what is missing is then said in the cell, instead of an ``Err:504`` that explains nothing.
"""

import sys
from pathlib import Path

import unohelper
from com.sun.star.lang import XServiceInfo
from org.kpiudfs.calc import XKpiFunctions

IMPLEMENTATION = "@IMPLEMENTATION@"
SERVICE = "@SERVICE@"
#: Method: the function's name, whether it gives a block, whether it is told which document calls.
FUNCTIONS = {
    # @FUNCTIONS@
}

_folder = str(Path(__file__).resolve().with_name("python"))
_door = []


def door(context):
    """What answers; raises ImportError where something is missing."""
    if not _door:
        # First: what else is installed here may be of another version, and the number would be another one.
        if _folder not in sys.path:
            sys.path.insert(0, _folder)
        from kpi_udfs.hosts.libreoffice import Door

        paths = context.ServiceManager.createInstance("com.sun.star.util.PathSubstitution")
        _door.append(Door(unohelper.fileUrlToSystemPath(paths.substituteVariables("$(user)", True))))
    return _door[0]


def method(name, block, told):
    """The method for a function. Its first argument is the calling document, where it is told."""

    def answer(self, *arguments):
        try:
            given = self.door or self.open()
        except Exception as error:
            said = f"kpi_udfs can't be loaded: {error}"
            return ((said,),) if block else said
        if told:
            return given.answer(name, arguments[1:], arguments[0])
        return given.answer(name, arguments)

    return answer


class Functions:
    """The add-in. Every method of the interface is made from the table above."""

    door = None

    def __init__(self, context):
        self.context = context

    def open(self):
        """Load the functions."""
        self.door = door(self.context)
        return self.door

    def getImplementationName(self):
        """Part of XServiceInfo."""
        return IMPLEMENTATION

    def supportsService(self, name):
        """Part of XServiceInfo."""
        return name in self.getSupportedServiceNames()

    def getSupportedServiceNames(self):
        """Part of XServiceInfo."""
        return (SERVICE, "com.sun.star.sheet.AddIn")


KpiFunctions = type(
    "KpiFunctions",
    (Functions, unohelper.Base, XKpiFunctions, XServiceInfo),
    {name: method(*facts) for name, facts in FUNCTIONS.items()},
)

g_ImplementationHelper = unohelper.ImplementationHelper()
g_ImplementationHelper.addImplementation(KpiFunctions, IMPLEMENTATION, (SERVICE, "com.sun.star.sheet.AddIn"))
