"""Where mistakes of our own are written down when no console shows them."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

_MOST_BYTES = 200_000


def write_down(folder: Path | None = None, log: str = "kpi_udfs") -> None:
    """Let the log end in a file; without ``folder``, in the user's folder for logs.

    The file appears with the first entry, and an older one makes room. Whoever has set up the log keeps it.
    """
    logger = logging.getLogger(log)
    if logger.hasHandlers():
        return
    if folder is None:
        from platformdirs import user_log_path

        folder = user_log_path("kpi_udfs", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a cell's answer matters more than its log
        return
    handler = RotatingFileHandler(
        folder / "kpi_udfs.log", maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)
