"""The VBA of our workbooks and the add-in, and the help that it registers.

A function per KPI is rendered from the declarations; what they have in common lies in ``vba_modules``.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from kpi_udfs.messages import LANGUAGES, say
from kpi_udfs.registry import KPIS, KpiSpec

_MODULES = Path(__file__).parent / "vba_modules"
_HEAD = """\
Attribute VB_Name = "kpi_udfs"
' The KPI functions, as you type them into a cell. They pass on what they are given; see the module kpi_udfs_call.
Option Explicit

' By which version this was written, for kpi-udfs excel doctor.
Private Const KPI_UDFS_VERSION As String = "{version}"
"""
_FUNCTION = """
' {tooltip}
Public Function {name}({parameters}) As Variant
    {name} = AnswerOf({arguments})
End Function
"""

#: The languages of the help, each a row per function.
HELP_HEADERS = ("function", "language", "description")


def functions() -> str:
    """The module with the functions."""
    # VBA spells a word in one way throughout a project, as it was declared last: WIN_RATIO, which is also the
    # name of an argument, would be offered to people as win_ratio.
    also_arguments = {param.name for spec in KPIS.values() for param in spec.params}
    specs = sorted(KPIS.values(), key=lambda spec: spec.name.lower() in also_arguments)
    return _HEAD.format(version=version("kpi_udfs")) + "".join(map(_function, specs))


def _function(spec: KpiSpec) -> str:
    single = [param for param in spec.params if not param.repeats]
    parameters = [f"{'' if param.required else 'Optional '}{param.name} As Variant" for param in single]
    arguments = [f'"{spec.name}"', f"Array({', '.join(param.name for param in single)})"]
    if spec.repeats:
        last = spec.params[-1].name
        parameters.append(f"ParamArray {last}() As Variant")
        arguments.append(last)
    return _FUNCTION.format(
        name=spec.name,
        tooltip=say(spec.tooltip),
        parameters=", ".join(parameters),
        arguments=", ".join(arguments),
    )


def support() -> list[str]:
    """The modules that every function uses."""
    return [module(f"kpi_udfs_{name}") for name in ("call", "help")]


def module(name: str) -> str:
    """One of the modules that are the same for any set of functions."""
    return (_MODULES / f"{name}.bas").read_text(encoding="ascii")


def help_rows() -> list[list[str]]:
    """The texts that VBA registers: a header row, then function, language, description, help per argument."""
    widest = max(len(spec.params) for spec in KPIS.values())
    header = [*HELP_HEADERS, *(f"argument {number}" for number in range(1, widest + 1))]
    return [header, *(_help_row(spec, language) for language in LANGUAGES for spec in KPIS.values())]


def _help_row(spec: KpiSpec, language: str) -> list[str]:
    texts = (spec.tooltip, *(param.help for param in spec.params))
    return [spec.name, language, *(say(text, language) for text in texts)]
