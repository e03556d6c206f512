"""``python -m kpi_udfs.publish [--check] [FOLDER]``: write everything that is rendered into a checkout.

With ``--check`` nothing is written; what is stale, missing or left over is listed, with exit code 1.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

from kpi_udfs.publish import json_schema
from kpi_udfs.publish.reference import pages
from kpi_udfs.workbooks import build, recipes


def rendered() -> dict[str, bytes]:
    """Every rendered file, by its path in the checkout."""
    files = {f"docs/{name}": content.encode() for name, content in pages().items()}
    files["config/qualification.schema.json"] = json_schema.written().encode()
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes().values():
            path = Path(folder) / f"{recipe.name}.xlsx"
            build(recipe, path)
            files[f"workbook_templates/{path.name}"] = path.read_bytes()
    return files


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    root = Path(next((a for a in arguments if not a.startswith("-")), "."))
    files = rendered()
    there = {
        str(path.relative_to(root).as_posix())
        for pattern in ("docs/*/*.md", "config/*.schema.json", "workbook_templates/*.xlsx")
        for path in root.glob(pattern)
    }
    stale = [name for name, content in files.items() if name not in there or _differ(root / name, content)]
    left_over = sorted(there - files.keys())
    for name in stale:
        if not check:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(files[name])
        print(f"{'stale' if check else 'written'}: {name}")  # noqa: T201 (this is its output)
    for name in left_over:
        print(f"left over: {name}")  # noqa: T201
    return 1 if check and (stale or left_over) else 0


def _differ(path: Path, content: bytes) -> bool:
    """Whether the contents differ; workbooks are compared part by part, however they were packed."""
    there = path.read_bytes()
    if path.suffix != ".xlsx":
        return there != content
    return _parts(there) != _parts(content)


def _parts(workbook: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
