"""Workbooks with parts changed that XlsxWriter writes in one way only, and with parts that it does not know."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def with_parts(
    workbook: bytes, changed: Mapping[str, tuple[bytes, bytes]], added: Mapping[str, str] | None = None
) -> bytes:
    """The workbook with what stands in parts replaced, and with parts added behind. All others stay as they are.

    ``changed``: by the part's name, what stands there and what replaces it.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(made, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename in changed:
                content = content.replace(*changed[entry.filename])
            target.writestr(entry, content)
        for name, part in (added or {}).items():
            # The same moment in every build, as in XlsxWriter's own entries.
            target.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return made.getvalue()
