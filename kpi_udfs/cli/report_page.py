"""What came of a run, as one HTML page to read, to mail and to print.

The first screen says whether all is well and what to look at. Nothing is fetched and no script runs:
the page is what it is wherever it is opened, and texts from workbooks stay texts.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_udfs.calls import WARNING
from kpi_udfs.cli.calc import (
    CHANGED,
    DIFFERENT,
    DIFFERENT_SHORT,
    ERRORS,
    FORMULAS,
    KEPT,
    KEPT_SHORT,
    KPI_CELLS,
    STATES,
    WITH_ERRORS,
)
from kpi_udfs.cli.markup import Html, joined, table, tag
from kpi_udfs.cli.report_groups import explains, grouped, kpis_of
from kpi_udfs.messages import Sentence, Text, language_of, say, say_all, text, write
from kpi_udfs.publish.catalogue import KPI_FORMULA
from kpi_udfs.registry import KPIS
from kpi_udfs.xlsx.addresses import cell_of, letters

if TYPE_CHECKING:
    from kpi_udfs.hosts.jobs import CellFacts, Recalculated

TITLE = text("report.title", "Recalculation report")
MADE = text("report.made", "Made on {day:date} at {time} by kpi_udfs {version}.")
BOOKS = text("report.books", "Workbooks")
WITH_NOTES = text("report.with_notes", "KPI cells with a note: {cells:count}")
SECONDS = text("report.seconds", "Calculated in {seconds:days} seconds.")
NO_KPIS = text("report.no_kpis", "No formula in this workbook uses a KPI function.")
EXPLAINING = text("report.explaining", "Cells that explain others")
SAME_FORMULA = text("report.same_formula", "The formula of {cell}; the others have the same, moved along.")
CELLS = text("report.cells", "{cells:count} {cells:cell|cells}")
FROM_TO = text("report.from_to", "{first} to {last}")
MORE_ROWS = text("report.more_rows", "The workbook shows {rows:count} more {rows:row|rows}.")
MORE_COLUMNS = text("report.more_columns", "The workbook shows {columns:count} more {columns:column|columns}.")
MORE_CELLS = text("report.more_cells", "More cells")
ALL_FORMULAS = text("report.all_formulas", "The formulas of these cells")
WHOLE_FORMULA = text("report.whole_formula", "The whole formula ({signs:count} characters)")
WAS = text("report.was", "was")
IS = text("report.is", "is")
EMPTY = text("report.empty", "(empty)")
DEFINITIONS = text("report.definitions", "Definitions")
ABOUT_DIFFERENT = text(
    "report.about_different",
    "No formula that these refer to gives anything new. Either a value was changed after the last calculation, or the two "
    "programs calculate differently.",
)

#: So many cells of a list are seen at once; the others are folded away, in parts that a phone lays out in no time.
_SEEN = 8
_PART = 500
#: KPI cells with a card of their own, in each workbook; lists with a heading of their own; what is shown of a block
#: and of a text.
_MOST_CARDS = 200
_MOST_LISTS = 30
_MOST_ROWS = 100
_MOST_COLUMNS = 60
_MOST_SIGNS = 1000
_LONG_FORMULA = 400
#: A result longer than this is read as a sentence.
_LONG_VALUE = 24

#: All is well, something is to be looked at, and not calculated: as exit codes have it.
_WELL, _LOOK, _REFUSED = STATES
_SIGNS = {_WELL: "✓", _LOOK: "!", _REFUSED: "✗"}
_CLASSES = {_WELL: "well", _LOOK: "look", _REFUSED: "refused"}


def report(books: Sequence[tuple[Path, Recalculated | str]], made: datetime, locale: str | None) -> str:
    """The page. ``str`` in place of a result: the line that says why the workbook was refused."""
    return _Page(books, made, locale).whole()


class _Page:
    def __init__(self, books: Sequence[tuple[Path, Recalculated | str]], made: datetime, locale: str | None) -> None:
        self.made, self.locale = made, locale
        self.books = [_Book(number, path, came, locale) for number, (path, came) in enumerate(books, 1)]

    def whole(self) -> str:
        title = say(TITLE, self.locale)
        if len(self.books) == 1:
            title = f"{self.books[0].path.name} – {title}"
        style = _style()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", title),
            tag("style", Html(style)),
        )
        made = MADE(day=self.made, time=f"{self.made:%H:%M}", version=version("kpi_udfs"))
        top = tag("header", tag("h1", say(TITLE, self.locale)), tag("p", say(made, self.locale), class_="soft"))
        main = tag("main", *(book.section() for book in self.books), *self._definitions())
        body = tag("body", top, *self._contents(), main)
        return f"<!DOCTYPE html>\n{tag('html', head, body, lang=_lang(self.locale))}\n"

    def _contents(self) -> Iterator[Html]:
        """With several workbooks: how many are well, and the way to each, first to those to look at."""
        if len(self.books) < 2:
            return
        states = Counter(book.state for book in self.books)
        yield tag(
            "p", *(_state(state, self.locale, f": {write(states[state], 'count', self.locale)}")
                   for state in (_REFUSED, _LOOK, _WELL) if states[state])
        )  # fmt: skip
        names = Counter(book.path.name for book in self.books)
        order = (_REFUSED, _LOOK, _WELL)
        lines = [
            tag(
                "li",
                tag("a", _foreign(str(book.path) if names[book.path.name] > 1 else book.path.name), href=f"#{book.id}"),
                " ", _state(book.state, self.locale),
                *([tag("p", book.brief(), class_="soft")] if book.brief() else []),
            )
            for book in sorted(self.books, key=lambda book: order.index(book.state))
        ]  # fmt: skip
        heading = tag("h2", say(BOOKS, self.locale), id="books")
        yield tag("nav", heading, tag("ul", *lines, class_="states"), aria_labelledby="books")

    def _definitions(self) -> Iterator[Html]:
        """What the KPIs on the page mean, each once."""
        used = {name for book in self.books for cell in book.kpis for name in kpis_of(cell)}
        if not used:
            return
        lines = []
        for spec in KPIS.values():
            if spec.name in used:
                formula = f"{say(KPI_FORMULA, self.locale)}: {say(spec.formula, self.locale)}"
                lines.append(tag("dt", spec.name, id=f"def-{spec.name}", translate="no"))
                lines.append(tag("dd", tag("p", say(spec.definition, self.locale)), tag("p", formula, class_="soft")))
        heading = tag("h2", say(DEFINITIONS, self.locale), id="definitions")
        card = tag("dl", *lines, class_="definitions")
        yield tag("section", heading, card, class_="book", aria_labelledby="definitions")


class _Book:
    """What came of one workbook."""

    def __init__(self, number: int, path: Path, came: Recalculated | str, locale: str | None) -> None:
        self.id, self.path, self.locale = f"book-{number}", path, locale
        self.came: Recalculated | None = None if isinstance(came, str) else came
        self.refused = came.removeprefix(f"{path}: ") if isinstance(came, str) else None
        cells = self.came.cells if self.came else []
        self.kpis = [cell for cell in cells if cell.is_kpi]
        self.errors = [cell for cell in cells if cell.errors]
        self.kept = [cell for cell in cells if cell.kept]
        self.different = [cell for cell in cells if cell.differs_from is not None]
        self.noted = [cell for cell in self.kpis if cell.warnings]

    @property
    def state(self) -> int:
        if self.came is None:
            return _REFUSED
        return _LOOK if self.came.needs_a_look else _WELL

    def _say(self, what: Text | Sentence) -> str:
        return say(what, self.locale)

    def _count(self, number: float) -> str:
        return write(number, "count", self.locale)

    def _to_look_at(self) -> list[tuple[str, str]]:
        """In words, each with its place on the page."""
        found = [(ERRORS, self.errors, "errors"), (KEPT, self.kept, "kept"), (DIFFERENT, self.different, "different")]
        return [(self._say(told(cells=len(cells))), f"{self.id}-{name}") for told, cells, name in found if cells]

    def brief(self) -> str:
        """What to look at, in a line of the table of contents."""
        return " · ".join(told for told, _ in self._to_look_at())

    def section(self) -> Html:
        heading = tag("h2", _foreign(self.path.name), id=self.id)
        folder = str(self.path.parent)
        place = [] if folder == "." else [tag("p", _foreign(folder), class_="soft")]
        return tag(
            "section", heading, *place, *self._head(), *self._problems(), *self._kpi_cells(),
            class_="book", aria_labelledby=self.id,
        )  # fmt: skip

    def _head(self) -> Iterator[Html]:
        yield tag("p", _state(self.state, self.locale))
        if self.came is None:
            yield tag("p", self.refused or "", class_="wrong")
            return
        lines = [tag("li", _sign("!"), tag("a", told, href=f"#{target}")) for told, target in self._to_look_at()]
        if self.noted:
            told = self._say(WITH_NOTES(cells=len(self.noted)))
            lines.append(tag("li", _sign("i"), tag("a", told, href=f"#{self.id}-note")))
        if lines:
            yield tag("ul", *lines, class_="todo")
        yield from (tag("p", note, class_="note") for note in self.came.notes)
        sums = [
            (FORMULAS, self._count(self.came.formulas)),
            (CHANGED, self._count(self.came.changed)),
            (KPI_CELLS, self._count(len(self.kpis))),
            (WITH_ERRORS, self._count(len(self.errors))),
            (KEPT_SHORT, self._count(len(self.kept))),
            (DIFFERENT_SHORT, self._count(len(self.different))),
        ]
        yield tag(
            "dl", *(tag("div", tag("dt", self._say(what)), tag("dd", value)) for what, value in sums), class_="sums"
        )
        yield tag("p", self._say(SECONDS(seconds=self.came.seconds)), class_="soft")

    # ------------------------------------------------------------------------- what to look at

    def _problems(self) -> Iterator[Html]:
        if self.errors:
            yield tag("h3", self._say(ERRORS(cells=len(self.errors))), id=f"{self.id}-errors")
            yield from self._by_reason(self.errors, lambda cell: " ".join(dict.fromkeys(why for _, why in cell.errors)))
        if self.kept:
            yield tag("h3", self._say(KEPT(cells=len(self.kept))), id=f"{self.id}-kept")
            yield from self._by_reason(self.kept, lambda cell: cell.kept or "")
        if self.different:
            yield tag("h3", self._say(DIFFERENT(cells=len(self.different))), id=f"{self.id}-different")
            lines = [(cell.place, self._difference(cell)) for cell in self.different]
            yield tag("div", tag("p", self._say(ABOUT_DIFFERENT)), *self._list(lines), class_="card")

    def _by_reason(self, cells: list[CellFacts], reason: Callable[[CellFacts], str]) -> Iterator[Html]:
        """The cells under the reasons that they have in common."""
        reasons: dict[str, list[CellFacts]] = {}
        for cell in cells:
            reasons.setdefault(reason(cell), []).append(cell)
        several = list(reasons.items())
        for said, alike in several[:_MOST_LISTS]:
            count = [tag("p", self._say(CELLS(cells=len(alike))), class_="soft")] if len(alike) > 1 else []
            lines = [(cell.place, self._line(cell, cell.place)) for cell in alike]
            yield tag("div", tag("h4", _capital(said)), *count, *self._list(lines), class_="card")
        others = [cell for _, alike in several[_MOST_LISTS:] for cell in alike]
        if others:
            lines = [(cell.place, self._line(cell, cell.place, [tag("p", reason(cell))])) for cell in others]
            yield tag("div", tag("h4", self._say(MORE_CELLS)), *self._list(lines), class_="card")

    def _difference(self, cell: CellFacts) -> Html:
        turn = tag(
            "dl",
            tag("dt", self._say(WAS)), tag("dd", _foreign(cell.differs_from or self._say(EMPTY))),
            tag("dt", self._say(IS)), tag("dd", *self._value(cell)),
            class_="turn",
        )  # fmt: skip
        return tag("li", tag("b", _foreign(cell.place)), turn, *self._formula(cell.formula))

    # ------------------------------------------------------------------------------- KPI cells

    def _kpi_cells(self) -> Iterator[Html]:
        if self.came is None:
            return
        yield tag("h3", self._say(KPI_CELLS), id=f"{self.id}-kpis")
        if not self.kpis:
            yield tag("p", self._say(NO_KPIS))
        groups = grouped(self.kpis)
        for group in groups[:_MOST_CARDS]:
            yield tag("article", *self._card(group), class_="card", id=self._anchor(group))
        more = [cell for group in groups[_MOST_CARDS:] for cell in group]
        if more:
            lines = [(cell.place, self._line(cell, cell.place, self._told(cell))) for cell in more]
            parts = self._list(lines, seen=0)
            yield tag("article", tag("h4", self._say(MORE_CELLS)), *parts, class_="card", id=self._anchor(more))

    def _anchor(self, cells: list[CellFacts]) -> str | None:
        """The name of the place where the first note stands; None where it does not stand here."""
        return f"{self.id}-note" if any(cell is first for first in self.noted[:1] for cell in cells) else None

    def _card(self, group: list[CellFacts]) -> Iterator[Html]:
        cell = group[0]
        if len(group) == 1:
            yield tag("h4", tag("span", _foreign(cell.place), class_="place"), " ", *self._result(cell), class_="head")
            if isinstance(cell.shown, list):
                yield from self._block(cell, cell.shown)
            yield from self._told(cell)
            yield from self._formula(cell.formula)
            yield self._links(group)
            return
        span = FROM_TO(first=cell.place, last=group[-1].cell)
        yield tag(
            "h4",
            tag("span", _foreign(self._say(span)), class_="place"), " ",
            tag("span", self._say(CELLS(cells=len(group))), class_="place"),
            class_="head",
        )  # fmt: skip
        if explains(cell):
            yield tag("p", self._say(EXPLAINING), class_="soft")
            lines = [(one.cell, self._line(one, one.cell)) for one in group]
            yield from self._list(lines, seen=0)
        elif group[1].continues:
            yield from self._told(cell)
            if grid := _grid(group):
                yield grid
                lines = [(one.cell, tag("li", tag("b", one.cell), *self._formula(one.formula))) for one in group]
                parts = self._list(lines, seen=0 if len(lines) > _PART else _PART)
                yield tag("details", tag("summary", self._say(ALL_FORMULAS)), *parts)
            else:
                yield from self._list([(one.cell, self._line(one, one.cell)) for one in group])
        else:
            yield from self._formula(cell.formula)
            yield tag("p", self._say(SAME_FORMULA(cell=cell.cell)), class_="soft")
            lines = [(one.cell, self._line(one, one.cell, self._told(one), formula=False)) for one in group]
            yield from self._list(lines)
        yield self._links(group)

    def _links(self, group: list[CellFacts]) -> Html:
        names = dict.fromkeys(name for cell in group for name in kpis_of(cell))
        links = [tag("a", name, href=f"#def-{name}", translate="no") for name in names]
        between = [part for link in links for part in (link, " · ")][:-1]
        return tag("p", f"{self._say(DEFINITIONS)}: ", *between, class_="soft")

    def _told(self, cell: CellFacts) -> Iterator[Html]:
        """The explanation, then what the cell warns of and what is wrong; nothing of it twice."""
        said = "" if cell.explanation in (None, cell.shown) else cell.explanation or ""
        notes = []
        for warning in cell.warnings:
            noted = say(WARNING(note=warning), self.locale)
            if noted in said:
                said = re.sub(rf" ?{re.escape(noted)}", "", said)
            if warning not in said:
                notes.append(noted)
        if said:
            yield tag("p", said, class_="said")
        yield from (tag("p", _sign("!"), note, class_="note") for note in notes)
        wrong = dict.fromkeys([why for _, why in cell.errors] + ([cell.kept] if cell.kept else []))
        yield from (tag("p", _sign("✗"), why, class_="wrong") for why in wrong if why not in said)

    def _result(self, cell: CellFacts) -> Iterator[Html]:
        if isinstance(cell.shown, str):
            kind = "value error" if cell.error else "value words" if len(cell.shown) > _LONG_VALUE else "value"
            yield tag("span", *self._value(cell), class_=kind)

    def _value(self, cell: CellFacts) -> Iterator[Html]:
        if cell.error:
            yield _sign("✗")
        if isinstance(cell.shown, str):
            cut = f"{cell.shown[:_MOST_SIGNS]}…" if len(cell.shown) > _MOST_SIGNS else cell.shown
            yield _foreign(cut or self._say(EMPTY))
        else:
            yield from self._block(cell, cell.shown, _SEEN)

    def _block(self, cell: CellFacts, shown: list[list[str]], most: int = _MOST_ROWS) -> Iterator[Html]:
        """The rows where they stand on the sheet, with as many columns as a small table has."""
        top, left = cell_of(cell.cell) or (1, 1)
        columns = [letters(left + right) for right in range(min(len(shown[0]), _MOST_COLUMNS))]
        rows = [
            (str(top + down), map(_aligned, row[:_MOST_COLUMNS], values))
            for down, (row, values) in enumerate(zip(shown[:most], cell.value, strict=False))
        ]
        yield table(columns, rows, cell.place)
        cut = []
        if len(shown) > most:
            cut.append(MORE_ROWS(rows=len(shown) - most))
        if len(shown[0]) > _MOST_COLUMNS:
            cut.append(MORE_COLUMNS(columns=len(shown[0]) - _MOST_COLUMNS))
        if cut:
            yield tag("p", say_all(cut, self.locale), class_="soft")

    # ----------------------------------------------------------------------------------- lists

    def _line(self, cell: CellFacts, place: str, told: Iterable[Html] = (), *, formula: bool = True) -> Html:
        head = [tag("b", _foreign(place), class_="place"), " "]
        if isinstance(cell.shown, str):
            head += self._result(cell)
        parts: list[Html] = [tag("div", *head, class_="head")]
        if isinstance(cell.shown, list):
            parts += self._block(cell, cell.shown, _SEEN)
        parts += told
        if formula:
            parts += self._formula(cell.formula)
        return tag("li", *parts)

    def _list(self, lines: Sequence[tuple[str, Html]], seen: int = _SEEN) -> Iterator[Html]:
        """Lines, each with the place that it tells of; all but the first are folded away."""
        if len(lines) <= seen + 1:
            seen = len(lines)
        if seen:
            yield tag("ul", *(line for _, line in lines[:seen]), class_="list")
        for start in range(seen, len(lines), _PART):
            part = lines[start : start + _PART]
            span = FROM_TO(first=part[0][0], last=part[-1][0])
            cells = CELLS(cells=len(part))
            said = joined([_foreign(self._say(span)), f" ({self._say(cells)})"])
            yield tag("details", tag("summary", said), tag("ul", *(line for _, line in part), class_="list"))

    def _formula(self, formula: str) -> Iterator[Html]:
        if len(formula) <= _LONG_FORMULA:
            yield tag("p", tag("code", formula, translate="no"), class_="formula")
            return
        start = tag("code", f"{formula[: _LONG_FORMULA // 2]}…", translate="no")
        whole = tag("summary", self._say(WHOLE_FORMULA(signs=len(formula))))
        yield tag("div", start, tag("details", whole, tag("code", formula, translate="no")))


# ------------------------------------------------------------------------------------- small things


def _grid(group: list[CellFacts]) -> Html | None:
    """Parts of one block where they stand on the sheet; None where they lie too far apart for a table."""
    places = {cell_of(cell.cell) or (1, 1): cell for cell in group}
    rows, columns = {row for row, _ in places}, {column for _, column in places}
    across = range(min(columns), max(columns) + 1)
    if len(rows) * len(across) > 2 * len(group) or len(rows) > _MOST_ROWS:
        return None
    lines = [(str(row), [_in_grid(places.get((row, column))) for column in across]) for row in sorted(rows)]
    return table(map(letters, across), lines, f"{group[0].place}–{group[-1].cell}")


def _in_grid(cell: CellFacts | None) -> str:
    if cell is None or isinstance(cell.shown, list):
        return ""
    if cell.error:
        return tag("span", _sign("✗"), cell.shown, class_="value error")
    return _aligned(cell.shown, cell.value)


def _aligned(shown: str, value: Any) -> Html:
    """A cell of a table: numbers to the right, as on the sheet."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return tag("span", shown, class_="number") if is_number else tag("span", shown)


def _state(state: int, locale: str | None, more: str = "") -> Html:
    words = f"{_capital(say(STATES[state], locale))}{more}"
    return tag("span", _sign(_SIGNS[state]), words, class_=f"state {_CLASSES[state]}")


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _sign(sign: str) -> Html:
    return tag("span", sign, class_="sign", aria_hidden="true")


def _foreign(written: str) -> Html:
    """A text from a workbook, whose direction is its own."""
    return tag("bdi", written, translate="no")


def _lang(locale: str | None) -> str:
    """The language of the page's words, with the country whose numbers it has."""
    language = language_of(locale)
    given = (locale or "").replace("_", "-")
    return given if given.lower().startswith(f"{language}-") else language


@cache
def _style() -> str:
    return Path(__file__).with_name("report_page.css").read_text(encoding="utf-8")
