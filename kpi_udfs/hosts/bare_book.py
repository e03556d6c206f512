"""A workbook as the headless engine is given it: the values of cells, and nothing that could trouble it.

The engine reads whole workbooks, too, but it refuses one for a single formula, name or table that it
does not know. So it gets the sheets without formulas, which are set one by one afterwards.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

import formualizer

from kpi_udfs.hosts.engine_functions import FUNCTIONS
from kpi_udfs.xlsx.limits import MEGABYTE, Limits

_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: Names that stand for cells and nothing else.
_AREA = re.compile(
    r"(?P<sheet>'(?:[^'\[\]]|'')+'|[^\W\d][\w.]*)!\$[A-Z]{1,3}\$[0-9]{1,7}(?::\$[A-Z]{1,3}\$[0-9]{1,7})?"
)


def is_area(named: str) -> bool:
    """Whether a name's text is one that the engine takes."""
    return _AREA.fullmatch(named) is not None


def engine_for(
    sheets: Mapping[str, bytes], strings: bytes | None, names: Mapping[str, str], *, date1904: bool, limits: Limits
) -> formualizer.Workbook:
    """An engine with the cells of these sheets. ``names``: those of the whole workbook that are areas."""
    config = _config(date1904=date1904)
    content = _packed(sheets, strings, names)
    most = max(limits.unpacked * MEGABYTE * 2, 2 * len(content))
    engine = formualizer.Workbook.from_bytes(
        content,
        backend="native",
        config=config,
        load_limits={
            "max_input_bytes": most,
            "max_entries": len(sheets) + 10,
            "max_expanded_bytes": most,
            "max_part_bytes": most,
            "max_xml_depth": 100,
        },
    )
    engine.set_temporal_egress("serial")
    return engine


def _config(*, date1904: bool) -> formualizer.WorkbookConfig:
    evaluation = formualizer.EvaluationConfig()
    evaluation.date_system = "1904" if date1904 else "1900"
    # Callbacks hold the interpreter lock; threads would only wait for one another.
    evaluation.enable_parallel = False
    return formualizer.WorkbookConfig(eval_config=evaluation, enable_changelog=False)


def small_engine(*, date1904: bool) -> formualizer.Workbook:
    """An engine without sheets, for a few formulas beside."""
    engine = formualizer.Workbook(config=_config(date1904=date1904))
    engine.set_temporal_egress("serial")
    teach(engine)
    return engine


def teach(engine: formualizer.Workbook) -> None:
    """Give the engine the functions that it lacks or answers otherwise than spreadsheets."""
    for name, function in FUNCTIONS.items():
        engine.register_function(name, function, min_args=1, max_args=None, allow_override_builtin=True)


def _packed(sheets: Mapping[str, bytes], strings: bytes | None, names: Mapping[str, str]) -> bytes:
    parts = [f"worksheets/sheet{number}.xml" for number, _ in enumerate(sheets, 1)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        types = {
            "workbook.xml": "sheet.main",
            **dict.fromkeys(parts, "worksheet"),
            "sharedStrings.xml": "sharedStrings",
        }
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            + "".join(
                f'<Override PartName="/xl/{part}" ContentType="{_TYPE}.{kind}+xml"/>'
                for part, kind in types.items()
                if part != "sharedStrings.xml" or strings is not None
            )
            + "</Types>",
        )
        archive.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        listed = "".join(
            f'<sheet name={quoteattr(title)} sheetId="{number}" r:id="rId{number}"/>'
            for number, title in enumerate(sheets, 1)
        )
        defined = "".join(
            f"<definedName name={quoteattr(name)}>{text.replace('&', '&amp;').replace('<', '&lt;')}</definedName>"
            for name, text in names.items()
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{listed}</sheets>'
            + (f"<definedNames>{defined}</definedNames>" if defined else "")
            + "</workbook>",
        )
        related = [("worksheet", part) for part in parts]
        if strings is not None:
            related.append(("sharedStrings", "sharedStrings.xml"))
            archive.writestr("xl/sharedStrings.xml", strings)
        archive.writestr("xl/_rels/workbook.xml.rels", _relations(related))
        for part, sheet in zip(parts, sheets.values(), strict=True):
            archive.writestr(f"xl/{part}", sheet)
    return packed.getvalue()


def _relations(related: Iterable[tuple[str, str]]) -> str:
    listed = (
        f'<Relationship Id="rId{number}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(related, 1)
    )
    return f'<Relationships xmlns="{_RELATIONS}">{"".join(listed)}</Relationships>'


@cache
def knows(name: str) -> bool:
    """Whether the engine has a function of this name: whatever is unknown to it gives #NAME?."""
    engine = formualizer.Workbook()
    engine.add_sheet("S")
    try:
        engine.set_formula("S", 1, 1, f"={name}()")
        value: Any = engine.evaluate_cell("S", 1, 1)
    except Exception:  # what it can't take without arguments, it knows
        return True
    return not (isinstance(value, dict) and value.get("kind") == "Name")
