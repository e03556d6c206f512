"""The Python of the extension in a Windows Python 3.10 under Wine: LibreOffice 25.2 brings that one on Windows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cases import Case, differences, examples
from gaps import expected, sent
from lo_bare import NEED_PANDAS
from soffice import Err
from windows import OLDEST_PYTHON, Windows

from kpi_udfs.registry import KPIS

FOLDER = Path(os.environ.get("KPI_UDFS_WINDOWS", Path(__file__).parents[2] / ".tox" / "libreoffice" / "windows"))
ASK = Path(__file__).parent / "on_windows" / "ask_the_door.py"
NUMBERS = {503: "#NUM!", 519: "#VALUE!", 532: "#DIV/0!", 32767: "#N/A"}


@pytest.fixture(scope="module")
def windows() -> Iterator[Windows]:
    windows = Windows(FOLDER, OLDEST_PYTHON)
    windows.stop()
    with windows.running():
        windows.set_up()
        yield windows
    assert not windows.processes()


def test_every_example(windows: Windows, extensions: Path, tmp_path: Path) -> None:
    reached = [(case, arguments) for case in examples() for arguments in [sent(case)] if not isinstance(arguments, Err)]
    calls = [(case.kpi, as_calc_sends(case, arguments)) for case, arguments in reached]
    (tmp_path / "calls.json").write_text(json.dumps(calls), encoding="utf-8")
    places = [
        extensions / "kpi_udfs" / "python",
        tmp_path / "profile",
        tmp_path / "calls.json",
        tmp_path / "answers.json",
    ]
    done = windows.run(windows.path(ASK), *map(windows.path, places), seconds=120)
    assert done.code == 0, done.output
    got = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert got["python"].startswith("3.10.")
    in_words, wrong = set(), []
    for (case, _), answer in zip(reached, got["answers"], strict=True):
        answer = with_codes(answer)
        first = answer[0][0] if isinstance(answer, list) else answer
        if isinstance(first, str) and "libreoffice install --with-pandas" in first:
            in_words.add(case.kpi)
        elif found := differences(answer, expected(case)):
            wrong.append(f"{case}: {found}")
    assert not wrong, "\n".join(wrong)
    assert in_words == NEED_PANDAS
    assert len(reached) > 90


def as_calc_sends(case: Case, arguments: list[Any]) -> list[Any]:
    """Blanks of a range as empty texts, single cells by themselves, and arguments of a last parameter that repeats as
    one."""
    values = [None if rows is None else _value(rows) for rows in arguments]
    spec = KPIS[case.kpi]
    fixed = len(spec.params) - 1 if spec.repeats else len(spec.params)
    values += [None] * (fixed - len(values))
    return [*values[:fixed], values[fixed:]] if spec.repeats else values


def _value(rows: list[list[Any]]) -> Any:
    cells = [["" if cell is None else cell for cell in row] for row in rows]
    return cells[0][0] if len(cells) == len(cells[0]) == 1 else cells


def with_codes(value: Any) -> Any:
    if isinstance(value, list):
        return [with_codes(cell) for cell in value]
    return NUMBERS[value["error"]] if isinstance(value, dict) else value
