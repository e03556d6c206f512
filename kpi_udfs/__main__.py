"""``python -m kpi_udfs`` is the same as ``kpi-udfs``."""

from kpi_udfs.cli import main

main()
