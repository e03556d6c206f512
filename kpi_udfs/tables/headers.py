"""Finding a table's columns by header: the name given, else the names it goes by in five languages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from kpi_udfs.errors import CellError
from kpi_udfs.messages import text
from kpi_udfs.settings import fold

UNKNOWN = text("columns.unknown", 'There is no column "{name}". Headers: {headers:list}.')
UNKNOWN_NEAR = text(
    "columns.unknown_near", 'There is no column "{name}"; did you mean "{nearest}"? Headers: {headers:list}.'
)
TWICE = text("columns.twice", 'Two columns are called "{name}". Headers: {headers:list}.')
AMBIGUOUS = text(
    "columns.ambiguous",
    'The columns {candidates:list} could each be "{name}". Name the one you mean. Headers: {headers:list}.',
)

#: Things with the folded names they go by, as ``columns.yaml`` and ``stages.yaml`` give them.
Names = Sequence[tuple[str, tuple[str, ...]]]


@lru_cache(maxsize=4096)
def plain(header: str) -> str:
    """A header in the form in which other names of a column are compared: ``Deal-ID``, ``dealId``,
    ``DEALID`` and ``Deal ID (CRM)`` are one."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|[-./]+", " ", re.sub(r"\([^()]*\)\s*$", "", header))
    return fold(spaced).replace(" ", "")


@lru_cache(maxsize=64)
def _plain_names(known: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain, known))


def find(headers: Sequence[str], name: str, names: Names) -> int:
    """The column called ``name``, else the one whose header is another name for it.

    ``#VALUE!`` where there is none (with the nearest header) or where there are several.
    """
    wanted = fold(name)
    folded = [fold(header) for header in headers]
    if wanted in folded:
        if folded.count(wanted) > 1:
            raise CellError.value(TWICE(name=name, headers=headers))
        return folded.index(wanted)
    candidates = called(headers, wanted, names)
    if len(candidates) > 1:
        named = [headers[index] for index in candidates]
        raise CellError.value(AMBIGUOUS(candidates=named, name=name, headers=headers))
    if candidates:
        return candidates[0]
    from difflib import get_close_matches

    if near := get_close_matches(wanted, folded, n=1):
        nearest = headers[folded.index(near[0])]
        raise CellError.value(UNKNOWN_NEAR(name=name, nearest=nearest, headers=headers))
    raise CellError.value(UNKNOWN(name=name, headers=headers))


def called(headers: Sequence[str], name: str, names: Names) -> list[int]:
    """The columns whose headers are among the names of the thing that ``name`` is a name of."""
    wanted = plain(name)
    for _, known in names:
        if wanted in _plain_names(known):
            return [index for index, header in enumerate(headers) if plain(header) in _plain_names(known)]
    return []
