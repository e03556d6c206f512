"""Questions about texts: upper and lower case and blanks around them make no difference.

Texts that come from cells are few different ones in many rows, and a question is asked once for each.
To a query it is put as an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import narwhals as nw

from kpi_udfs.kinds import Column
from kpi_udfs.rules.model import Test, write_operand
from kpi_udfs.rules.patterns import Pattern, lowered
from kpi_udfs.rules.truths import flag


def comparable(text: str) -> str:
    """A text in the form in which texts are compared; engines differ in how they lower İ and a final Σ."""
    return lowered(text.strip()).replace("ς", "σ")


def comparable_column(column: nw.Expr) -> nw.Expr:
    """The same of a column of a query."""
    low = column.str.replace_all("İ", "i", literal=True).str.to_lowercase()
    return low.str.replace_all("ς", "σ", literal=True)


@dataclass(frozen=True)
class TextQuestion:
    """A question about comparable texts: all of them at once, and as an expression for a query."""

    of_all: Callable[[Sequence[str]], Sequence[float]]
    of_query: Callable[[nw.Expr], nw.Expr]
    #: Whether a blank is answered like any other text.
    blanks_too: bool = False


def text_question(test: Test) -> TextQuestion:
    """What a test asks of a text."""
    operator, operand = test.operator, test.operand
    if isinstance(operand, Pattern):
        return TextQuestion(operand.of_all, lambda low: flag(low.str.contains(operand.portable)))
    if operator == "is":
        return _blank_question(operand[0] == "blank")
    words = [comparable(write_operand(one)) for one in operand]
    negative = operator in ("ne", "not_in", "not_contains")
    plain = {"ne": "eq", "not_in": "eq", "in": "eq", "not_contains": "contains"}.get(operator, operator)

    def of_all(texts: Sequence[str]) -> Sequence[float]:
        found = _found(texts, plain, words)
        return [not one for one in found] if negative else found

    def of_query(low: nw.Expr) -> nw.Expr:
        met = _found_by_query(low, plain, words)
        return 1.0 - met if negative else met

    return TextQuestion(of_all, of_query)


def _blank_question(wanted: bool) -> TextQuestion:
    return TextQuestion(
        lambda texts: [(text == "") == wanted for text in texts],
        lambda low: flag(low == "") if wanted else 1.0 - flag(low == ""),
        blanks_too=True,
    )


def _found(texts: Sequence[str], operator: str, words: list[str]) -> list[bool]:
    """Whether each text equals, holds, begins or ends with one of the words."""
    if operator == "eq":
        known = frozenset(words)
        return [text in known for text in texts]
    if operator == "starts_with":
        beginnings = tuple(words)
        return [text.startswith(beginnings) for text in texts]
    if operator == "ends_with":
        ends = tuple(words)
        return [text.endswith(ends) for text in texts]
    found = [[word in text for text in texts] for word in words]
    return found[0] if len(found) == 1 else list(map(any, zip(*found, strict=True)))


def _found_by_query(low: nw.Expr, operator: str, words: list[str]) -> nw.Expr:
    if operator == "eq":
        return flag(low.is_in(words))
    if operator == "starts_with":
        asked = [low.str.starts_with(word) for word in words]
    elif operator == "ends_with":
        asked = [low.str.ends_with(word) for word in words]
    else:
        asked = [low.str.contains(word, literal=True) for word in words]
    return flag(nw.any_horizontal(*asked, ignore_nulls=True))


def answered(column: Column, texts: Sequence[str], question: TextQuestion, missing: float) -> Column:
    """The answers to a question, row by row. ``texts``: the comparable labels of a column of cells."""
    if column.labels is not None:
        import numpy as np

        answers = np.asarray(question.of_all(texts), dtype="float64")
        if texts and not texts[0] and not question.blanks_too:  # labels are sorted: a blank one comes first
            answers[0] = missing
        return Column(column.name, answers[column.values])
    low = comparable_column(column.expression)
    answer = question.of_query(low)
    if not question.blanks_too:
        answer = nw.when(low == "").then(missing).otherwise(answer)
    return Column(column.name, frame=column.frame, expression=answer)
