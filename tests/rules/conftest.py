"""Fixtures: who is asked who is qualified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asked import CELLS, EVERYBODY, Asked
from engines import Engines


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    made = Engines(tmp_path_factory.mktemp("tables"))
    yield made
    made.close()


@pytest.fixture(params=EVERYBODY)
def qualify(request: pytest.FixtureRequest, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Tables whose columns hold one kind of value each, asked of everybody."""
    return Asked(request.param, engines, monkeypatch)


@pytest.fixture(params=CELLS)
def qualify_cells(request: pytest.FixtureRequest, engines: Engines, monkeypatch: Any) -> Asked:
    """Cells of any mixture."""
    return Asked(request.param, engines, monkeypatch)
