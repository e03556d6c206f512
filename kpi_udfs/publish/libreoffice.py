"""The files in which LibreOffice Calc looks up the functions: their types, names, help, and what answers them.

Names of the UNO side are made from the functions' names and are the file format, too: an ``.ods`` file stores
``ORG.KPIUDFS.CALC.KPIFUNCTIONS.WINRATIO``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from kpi_udfs.messages import LANGUAGES, Text, say, text
from kpi_udfs.publish.type_library import Interface, Method, type_library
from kpi_udfs.registry import KPIS, KpiSpec, Param

#: The extension's own identifier, and the module of its UNO names.
IDENTIFIER = "org.kpiudfs.calc"
INTERFACE = f"{IDENTIFIER}.XKpiFunctions"
SERVICE = f"{IDENTIFIER}.KpiFunctions"
IMPLEMENTATION = f"{IDENTIFIER}.PythonKpiFunctions"
#: The first version that reads and writes the functions' plain names in ``.xlsx`` files.
OLDEST = "25.2"

NAME = text("libreoffice.name", "KPI functions")
ABOUT = text(
    "libreoffice.about",
    "Sales and marketing KPIs as functions for Calc: the same number as in Excel, and every number explains itself.",
)

#: Where Calc tells which document calls: for dates, which count from its null date, and for files beside it.
_TOLD = frozenset({"date", "dates", "days", "raw", "table"})
_ADD_IN = Path(__file__).parent / "calc_addin" / "kpi_udfs_addin.py"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def method_name(spec: KpiSpec) -> str:
    """The function's name on the UNO side: ``winRatio`` for ``WIN_RATIO``."""
    return _camel(spec.name.lower())


def stored_name(spec: KpiSpec) -> str:
    """The name under which an ``.ods`` file stores calls of the function."""
    return f"{SERVICE}.{method_name(spec)}".upper()


def is_told(spec: KpiSpec) -> bool:
    """Whether the function is told which document calls it."""
    return any(param.kind.shape in _TOLD for param in spec.params)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def types() -> bytes:
    """The type library: an interface with a method per function."""
    return type_library(INTERFACE, Interface(("com.sun.star.uno.XInterface",), tuple(map(_method, KPIS.values()))))


def _method(spec: KpiSpec) -> Method:
    document = [("document", "com.sun.star.beans.XPropertySet")] if is_told(spec) else []
    params = [(_camel(param.name), _argument_type(param)) for param in spec.params]
    return Method(method_name(spec), "[][]any" if spec.gives_block else "any", (*document, *params))


def _argument_type(param: Param) -> str:
    """Cells of any kind. The wizard calls an argument of type any optional, one of rows required; both take either."""
    if param.repeats:
        return "[]any"
    return "[][]any" if param.required else "any"


def add_in() -> str:
    """The Python file that LibreOffice loads."""
    table = "\n".join(
        f'    "{method_name(spec)}": ("{spec.name}", {spec.gives_block}, {is_told(spec)}),' for spec in KPIS.values()
    )
    written = _ADD_IN.read_text(encoding="utf-8")
    for mark, what in (("@IMPLEMENTATION@", IMPLEMENTATION), ("@SERVICE@", SERVICE), ("    # @FUNCTIONS@", table)):
        written = written.replace(mark, what)
    return written


def configuration() -> str:
    """Names and help, in five languages, as the function wizard shows them."""
    return (
        f'{_XML}<oor:component-data xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" oor:name="CalcAddIns" oor:package="org.openoffice.Office">\n'
        + _group("AddInInfo", [_node(SERVICE, [_group("AddInFunctions", map(_function, KPIS.values()))])])
        + "</oor:component-data>\n"
    )


def _function(spec: KpiSpec) -> str:
    params = [
        _node(_camel(param.name), [_told("DisplayName", {"en-US": param.name}), _told("Description", _all(param.help))])
        for param in spec.params
    ]
    name = {"en-US": spec.name}
    return _node(
        method_name(spec),
        [
            _told("DisplayName", name),
            _told("Description", _all(spec.tooltip)),
            _prop("Category", "<value>Add-In</value>"),
            # The name in .xlsx files, which is the one in Excel's.
            _told("CompatibilityName", name),
            _group("Parameters", params),
        ],
    )


def _node(name: str, inside: Iterable[str]) -> str:
    """An entry of ours, which takes the place of an older one."""
    return f'<node oor:name={quoteattr(name)} oor:op="replace">\n{"".join(inside)}</node>\n'


def _group(name: str, inside: Iterable[str]) -> str:
    """A part of LibreOffice's own schema; LibreOffice ignores the file where one is to be replaced."""
    return f"<node oor:name={quoteattr(name)}>\n{''.join(inside)}</node>\n"


def _prop(name: str, values: str) -> str:
    return f'<prop oor:name="{name}">{values}</prop>\n'


def _told(name: str, texts: Mapping[str, str]) -> str:
    return _prop(name, "".join(f'<value xml:lang="{lang}">{escape(said)}</value>' for lang, said in texts.items()))


def _all(what: Text) -> dict[str, str]:
    """A text in every language, by the names that LibreOffice gives them."""
    return {"en-US" if language == "en" else language: say(what, language) for language in LANGUAGES}


def components() -> str:
    """Which file answers for the service."""
    return f"""{_XML}<components xmlns="http://openoffice.org/2010/uno-components">
<component loader="com.sun.star.loader.Python" uri="./{_ADD_IN.name}">
<implementation name="{IMPLEMENTATION}">
<service name="{SERVICE}"/>
<service name="com.sun.star.sheet.AddIn"/>
</implementation>
</component>
</components>
"""


def description() -> str:
    """What the list of extensions shows, and which LibreOffice it takes."""
    names = "".join(f'<name lang="{language}">{escape(said)}</name>' for language, said in _all(NAME).items())
    texts = "".join(f'<src lang="{language}" xlink:href="about/{language}.txt"/>' for language in _all(ABOUT))
    return f"""{_XML}<description xmlns="http://openoffice.org/extensions/description/2006"
 xmlns:l="http://libreoffice.org/extensions/description/2011" xmlns:d="http://openoffice.org/extensions/description/2006"
 xmlns:xlink="http://www.w3.org/1999/xlink">
<identifier value="{IDENTIFIER}"/>
<version value="{version("kpi_udfs")}"/>
<dependencies><l:LibreOffice-minimal-version value="{OLDEST}" d:name="LibreOffice {OLDEST}"/></dependencies>
<display-name>{names}</display-name>
<extension-description>{texts}</extension-description>
</description>
"""


def manifest() -> str:
    """What each of the files is."""
    kinds = {
        "types.rdb": "application/vnd.sun.star.uno-typelibrary;type=RDB",
        "addin.components": "application/vnd.sun.star.uno-components",
        "CalcAddIns.xcu": "application/vnd.sun.star.configuration-data",
    }
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="{kind}"/>\n'
        for name, kind in kinds.items()
    )
    return f"""{_XML}<manifest:manifest xmlns:manifest="http://openoffice.org/2001/manifest">
{entries}</manifest:manifest>
"""


def files() -> dict[str, bytes]:
    """All of them, by their places in the extension."""
    written = {
        "META-INF/manifest.xml": manifest(),
        "description.xml": description(),
        "addin.components": components(),
        "CalcAddIns.xcu": configuration(),
        _ADD_IN.name: add_in(),
        **{f"about/{language}.txt": f"{said}\n" for language, said in _all(ABOUT).items()},
    }
    return {**{name: content.encode() for name, content in written.items()}, "types.rdb": types()}
