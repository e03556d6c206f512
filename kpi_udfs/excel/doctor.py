"""All checks, in the order in which Excel comes upon what they check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PureWindowsPath

from kpi_udfs.excel import conf, excel_checks, file_checks, python_checks
from kpi_udfs.excel.embedded import embedded
from kpi_udfs.excel.findings import Finding
from kpi_udfs.excel.machine import Machine, expanded
from kpi_udfs.excel.office import find_excel
from kpi_udfs.excel.places import places


def examine(
    machine: Machine, workbook: PureWindowsPath | None = None, limit: float = python_checks.LIMIT
) -> Iterator[Finding]:
    """What can keep the functions from working here, and in a workbook if one is named.

    ``limit``: the seconds that a program may take.
    """
    lie, found = places(machine), find_excel(machine)
    version, bits = (found.version, found.bits) if found else ("16.0", None)
    yield from excel_checks.excel(machine, found)
    yield from excel_checks.macros(machine, version, lie)
    yield from excel_checks.loading(machine, version, lie)
    content = machine.read(lie.conf)
    configured = None if content is None else conf.read(content, machine.code_page)
    yield from file_checks.configuration(machine, lie, configured)
    yield from python_checks.command(machine, limit)

    facts: python_checks.Probe | None = None
    named = (configured and configured.value(conf.INTERPRETER)) or ""
    interpreter = PureWindowsPath(expanded(named, machine))
    if named:
        yield from python_checks.interpreter(machine, interpreter)
    if machine.is_file(interpreter):
        ran, facts = python_checks.probe(machine, interpreter, limit)
        yield from python_checks.starts(machine, interpreter, ran, facts, limit)

    carried = embedded(machine.read(lie.addin) or b"")
    yield from file_checks.addin(machine, lie, carried, facts.kpi_udfs if facts else None)
    if carried and facts and facts.xlwings:
        yield from python_checks.dll(machine, interpreter, lie, facts.xlwings, carried.xlwings, bits)
    if workbook:
        inside = embedded(machine.read(workbook) or b"")
        yield from file_checks.workbook(machine, version, lie, workbook, inside, facts.xlwings if facts else None)
