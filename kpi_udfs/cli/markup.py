"""HTML put together so that nothing from a workbook can become markup.

Whatever is not :class:`Html` is a text and is escaped, so that what is forgotten looks odd and does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape


class Html(str):
    """Markup, made by :func:`tag` alone."""

    __slots__ = ()


#: Signs that no HTML may hold, or that turn the direction of what follows them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_EMPTY = frozenset(["meta"])


def words(written: str) -> str:
    """A text as HTML shows it."""
    return escape(_UNSEEN.sub("\ufffd", written))


def tag(name: str, /, *inside: str, **attributes: str | None) -> Html:
    """An element: ``tag("p", "3 < 4", class_="soft")``. Attributes that are None are left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{words(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{joined(inside)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """One part after the other."""
    return Html("".join([part if isinstance(part, Html) else words(part) for part in parts]))


def table(columns: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]], caption: str) -> Html:
    """Rows with their names under the names of the columns; what is too wide scrolls by itself."""
    head = tag("tr", tag("td"), *(tag("th", column, scope="col") for column in columns))
    body = [tag("tr", tag("th", name, scope="row"), *(tag("td", cell) for cell in cells)) for name, cells in rows]
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")
