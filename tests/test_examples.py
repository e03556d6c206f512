"""Every declared example, in every host."""

from __future__ import annotations

from typing import Any

import pytest

from kpi_udfs.registry import KPIS, Example, KpiSpec

CASES = [
    pytest.param(spec, example, id=f"{spec.name}-{number}")
    for spec in KPIS.values()
    for number, example in enumerate(spec.examples, 1)
    if example.gives is not ...
]


@pytest.mark.parametrize(("spec", "example"), CASES)
def test_example(spec: KpiSpec, example: Example, host: Any) -> None:
    assert same(host.call(spec.name, spec.arguments(example)), example.gives)


def same(got: Any, expected: Any) -> bool:
    """Numbers to 1e-12, everything else exactly; a blank cell reads as nothing or empty text."""
    if isinstance(expected, list):
        return len(got) == len(expected) and all(
            len(one) == len(other) and all(map(same, one, other)) for one, other in zip(got, expected, strict=True)
        )
    if isinstance(expected, int | float):
        return got == pytest.approx(expected, rel=1e-12, abs=1e-12)
    return (got or "") == expected


def test_version_names_version_and_configuration(host: Any) -> None:
    from importlib.metadata import version

    told = host.call("KPI_VERSION", [])
    assert told.startswith(f"kpi_udfs {version('kpi_udfs')}, configuration ")
    assert len(told.split()[-1]) == 8
