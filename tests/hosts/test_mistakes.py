"""The log of our own mistakes, where Excel starts Python without a console."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpi_udfs.hosts.mistakes import write_down

LOG = "mistakes of a test"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A log that nobody else hears; a test clears the handlers that pytest adds when it begins."""
    logger = logging.getLogger(LOG)
    logger.propagate = False
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers.clear()


def test_a_mistake_is_written_down_with_its_place(logger: logging.Logger, tmp_path: Path) -> None:
    logger.handlers.clear()
    write_down(tmp_path / "logs", LOG)
    file = tmp_path / "logs" / "kpi_udfs.log"
    assert not file.exists()
    logger.warning("nothing went wrong")
    try:
        raise ValueError("größer")
    except ValueError:
        logger.exception("unexpected error in FUNNEL")
    written = file.read_text("utf-8")
    assert "unexpected error in FUNNEL" in written
    assert "ValueError: größer" in written
    assert "nothing went wrong" not in written


def test_the_file_does_not_grow_without_end(logger: logging.Logger, tmp_path: Path) -> None:
    logger.handlers.clear()
    write_down(tmp_path, LOG)
    for _ in range(60):
        logger.error("x" * 10_000)
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert sum(sizes) < 450_000


def test_whoever_has_set_up_the_log_keeps_it(logger: logging.Logger, tmp_path: Path) -> None:
    logger.handlers.clear()
    own = logging.NullHandler()
    logger.addHandler(own)
    write_down(tmp_path, LOG)
    assert logger.handlers == [own]


def test_a_folder_that_can_not_be_made_is_no_reason_to_fail(logger: logging.Logger, tmp_path: Path) -> None:
    logger.handlers.clear()
    (tmp_path / "file").write_text("")
    write_down(tmp_path / "file" / "logs", LOG)
    assert logger.handlers == []
