"""Excel on Windows: where the add-in and its configuration lie, and what can keep the functions from working.

The checks ask a :class:`~kpi_udfs.excel.machine.Machine` and nothing else, so they can be tried on one that
is made up. Excel itself is never started.
"""
