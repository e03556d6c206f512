"""Why a formula keeps the value that was saved with it."""

from __future__ import annotations

from difflib import get_close_matches

from kpi_udfs.errors import NA
from kpi_udfs.messages import Sentence, text
from kpi_udfs.registry import KPIS
from kpi_udfs.xlsx.package import shortened

LINKED = text("code.link", "refers to another workbook.")
UNKNOWN_FUNCTION = text("kept.unknown_function", "{name} can't be calculated here.")
UNKNOWN_FUNCTION_NEAR = text("kept.unknown_function_near", "{name} can't be calculated here; did you mean {nearest}?")
UNKNOWN_NAME = text("kept.unknown_name", "a name in the formula is unknown here.")
CIRCULAR = text("kept.circular", "the formula depends on its own cell.")
DATA_TABLE = text("kept.data_table", "a what-if data table.")
NOT_HERE = text("kept.not_here", "the formula uses something that can't be calculated here.")
NOT_UNDERSTOOD = text("kept.not_understood", "the formula can't be read here ({reason}).")
BLOCK_TOO_LARGE = text(
    "kept.block_too_large",
    "the block has more than {most:count} cells, more than can be calculated here inside a formula.",
)

# Where an error comes from.
NOWHERE = text("code.nowhere", "{reference} leads nowhere.")
NOWHERE_NEAR = text("code.nowhere_near", "{reference} leads nowhere; did you mean {nearest}?")
COMES_FROM = text("code.comes_from", "comes from {place}.")

#: What follows the reason.
SAVED = text("kept.saved", "The value saved with the file is shown.")
NOTHING_SAVED = text("kept.nothing_saved", "No value was saved with the file.")

_NAMES = (UNKNOWN_FUNCTION, UNKNOWN_FUNCTION_NEAR, UNKNOWN_NAME)


def error_without_value(reason: Sentence) -> str:
    """What a cell shows that can't be calculated and has no saved value: never a blank, which counts as 0."""
    return "#NAME?" if reason.text in _NAMES else NA


def unknown_function(name: str) -> Sentence:
    nearest = get_close_matches(name, KPIS, n=1, cutoff=0.8)
    return UNKNOWN_FUNCTION_NEAR(name=shortened(name), nearest=nearest[0]) if nearest else UNKNOWN_FUNCTION(name=name)
