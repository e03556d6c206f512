"""Which words of an outcome column were read as open: said wherever outcomes are counted."""

from __future__ import annotations

from kpi_udfs.kinds import Outcomes
from kpi_udfs.messages import Sentence, text

READ_AS_OPEN = text("outcomes.read_as_open", "Read as open: {words:list}.")
WORD_COUNT = text("WIN_RATIO.word", "{word} ({times:count})")
AND_MORE = text("WIN_RATIO.and_more", "and {more:count} more {more:word|words}")


def open_words(outcomes: Outcomes) -> list[Sentence]:
    """The words read as open, most frequent first."""
    ranked = sorted(outcomes.open_words.items(), key=lambda item: (-item[1], item[0]))
    shown = [WORD_COUNT(word=word, times=times) for word, times in ranked[:8]]
    return shown + ([AND_MORE(more=len(ranked) - 8)] if len(ranked) > 8 else [])
