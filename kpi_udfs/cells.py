"""Cells to values: the only module that knows what hosts really send.

A blank may be ``None``, ``""`` or NaN; a date a serial, a datetime or a text; an error cell a
mapping, a text or (on Windows COM) a negative whole number; a currency cell a Decimal; a range a
scalar, a row or rows. By the time a KPI runs there are numbers, day numbers, words and tables.
Whatever can't be read raises a :class:`CellError` that names the cell's position and its content.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_udfs.errors import NA, VALUE, CellError
from kpi_udfs.kinds import Amount, Column, Kind, NativeColumn, NativeTable, Outcomes, TableData, shown
from kpi_udfs.messages import Sentence, Text, text
from kpi_udfs.settings import Settings, fold

if TYPE_CHECKING:
    from kpi_udfs.registry import Param
    from kpi_udfs.written import WrittenNumber


NEEDS = text("calls.needs", "{kpi} needs the Python package {package}, which is not installed here.")


@dataclass(frozen=True, slots=True)
class Context:
    """Where a call comes from. ``com``: values arrive through Windows COM, where an error cell is
    a negative whole number and dates carry a time zone that means nothing. ``folder``: that of the
    workbook, where the host knows it. ``day_zero``: the day (``date.toordinal``) of serial 0 in a
    document that counts from a day of its own. ``needs``: how the host says that a package of Python
    is missing, with ``kpi`` and ``package``."""

    settings: Settings
    date1904: bool = False
    com: bool = False
    folder: Path | None = None
    day_zero: int | None = None
    needs: Text = NEEDS

    @property
    def counts_as_usual(self) -> bool:
        """Whether serials count days as in Excel's usual date system."""
        return not self.date1904 and self.day_zero is None


ERROR_CELL = text("cells.error_cell", "{place} holds the error {code}.")
MISSING = text("cells.missing", "{argument} is missing: {help}")
NOT_A_NUMBER = text("cells.not_a_number", '{place} holds "{content}", which is not a number.')
NOT_A_DATE = text("cells.not_a_date", '{place} holds "{content}", which is not a date.')
NOT_A_DATE_HERE = text(
    "cells.not_a_date_here", '{place} holds "{content}", which is not a date as {language:language} writes dates.'
)
AMBIGUOUS_NUMBER = text(
    "cells.ambiguous_number",
    '{place} holds the text "{content}", which languages read as different numbers. '
    "Set your language in settings.yaml, or turn the text into a number.",
)
AMBIGUOUS_HERE = text(
    "cells.ambiguous_here",
    '{place} holds the text "{content}", which is not written as {language:language} writes it and which other '
    "languages read in different ways.",
)
AMBIGUOUS_DATE = text(
    "cells.ambiguous_date",
    '{place} holds the text "{content}", which languages read as different days. '
    "Set your language in settings.yaml, or turn the text into a date.",
)
MIXED_STYLES = text(
    "cells.mixed_styles",
    '{argument} mixes number styles: "{foreign}" is not written as {language:language} writes numbers, so '
    '"{ambiguous}" can\'t be read for certain.',
)
MIXTURE = text(
    "cells.mixture",
    '{argument} mixes numbers ({number}) and text that is no number ("{word}"): numbers are summed, '
    "texts are counted, but not both.",
)
TWO_CURRENCIES = text("cells.two_currencies", "{argument} mixes the currencies {first} and {second}.")
PERCENT_AMONG_AMOUNTS = text(
    "cells.percent_among_amounts", '{argument} mixes amounts and percentages ("{content}"), which can\'t be summed.'
)
OUT_OF_BOUNDS = text("cells.negative", "{place} holds {value:number}; it can't be below {minimum:number}.")
ABOVE_BOUND = text("cells.above", "{place} holds {value:number}; it can't be above {maximum:number}.")
MARGIN_HINT = text("cells.margin", "Write 60% or 0.6 for sixty percent.")
NOT_WHOLE = text("cells.not_whole", "{place} holds {value:number}; a whole number belongs here.")
NO_NUMBERS = text("cells.no_numbers", "{argument} holds nothing yet: all its cells are blank.")
TOO_MANY_CELLS = text("cells.too_many_cells", "{argument} is a range; one cell belongs here.")
UNKNOWN_CHOICE = text("cells.unknown_choice", '{argument} can\'t be "{content}". Write {choices:list}.')
UNKNOWN_CHOICE_NEAR = text(
    "cells.unknown_choice_near",
    '{argument} can\'t be "{content}". Did you mean "{nearest}"? Write {choices:list}.',
)
NO_KNOWN_OUTCOME = text(
    "cells.no_known_outcome",
    "No cell of {argument} is a word known as won or lost. Found: {words:list}. The words are listed in outcomes.yaml.",
)
NO_OUTCOMES = text("cells.no_outcomes", "{argument} holds no outcomes yet: all its cells are blank.")
NOT_YES_OR_NO = text("cells.not_yes_or_no", '{place} holds "{content}"; yes, no, 1 or 0 belongs here.')
NOT_OUR_TIME = text("cells.not_our_time", "{place} holds {content}, which is no date since 1950.")
BLANK_COUNT = text("cells.blank_count", "{place} is blank; a count belongs here.")
NO_ROWS = text("cells.no_rows", "{argument} holds a header row and no data yet.")
NO_TABLE = text("cells.no_table", "{argument} should be a table with its header row.")
READ_AS = text(
    "cells.read_as",
    '{argument}: texts read as {language:language} writes numbers, such as "{content}": {number:count}. Another language '
    "would read other numbers.",
)
READ_DATES_AS = text(
    "cells.read_dates_as",
    '{argument}: texts read as {language:language} writes dates, such as "{content}": {number:count}. Another language '
    "would read other days.",
)
READ_FOREIGN = text(
    "cells.read_foreign",
    '{argument}: texts such as "{content}" are not written as {language:language} writes numbers; they can be read only '
    "one way.",
)
LOOK_LIKE_IDS = text(
    "cells.look_like_ids",
    "{argument}: the numbers were summed, but all are different whole numbers above 1,000 and look like identifiers.",
)
COUNTED = text("cells.counted", "{argument}: each different text was counted once.")
ALL_BLANK = text("cells.all_blank", "{argument} is blank and was read as 0.")
PLACE_CELL = text("cells.place.cell", "{argument}")
PLACE_ROW = text("cells.place.row", "Row {row} of {argument}")
COLUMN = text("cells.column", 'column "{column}"')
PLACE_BLOCK = text("cells.place.block", "Row {row}, column {column} of {argument}")

# ------------------------------------------------------------------------------ error cells

#: Codes of error cells as Windows COM sends them (0x800A0000 + the number of xlErr…).
COM_ERRORS: Mapping[int, str] = {
    number - 2146828288: code
    for number, code in {
        2000: "#NULL!", 2007: "#DIV/0!", 2015: "#VALUE!", 2023: "#REF!", 2029: "#NAME?",
        2036: "#NUM!", 2042: "#N/A", 2043: "#GETTING_DATA", 2045: "#SPILL!", 2046: "#CONNECT!",
        2047: "#BLOCKED!", 2048: "#UNKNOWN!", 2049: "#FIELD!", 2050: "#CALC!", 2051: "#BUSY!",
        2222: "#PYTHON!",
    }.items()
}  # fmt: skip
#: What COM sends for an argument that was left out.
COM_MISSING = -2147352572

#: Error kinds as the headless engine names them.
ENGINE_ERRORS: Mapping[str, str] = {
    "Div": "#DIV/0!", "Na": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!",
    "Value": "#VALUE!", "Spill": "#SPILL!", "Calc": "#CALC!", "Circ": "#CIRC!", "NImpl": "#N/IMPL!",
    "Cancelled": "#CANCELLED!", "Error": "#ERROR!",
}  # fmt: skip

#: Error cells that arrive as text, also as German, French and Italian Excel write them.
ERROR_TEXTS: Mapping[str, str] = {
    **{code: code for code in (*COM_ERRORS.values(), *ENGINE_ERRORS.values())},
    "#WERT!": "#VALUE!", "#BEZUG!": "#REF!", "#ZAHL!": "#NUM!", "#NV": "#N/A", "#ÜBERLAUF!": "#SPILL!",
    "#VALEUR!": "#VALUE!", "#NOMBRE!": "#NUM!", "#NUL!": "#NULL!", "#NOM?": "#NAME?",
    "#VALORE!": "#VALUE!", "#RIF!": "#REF!", "#NULLO!": "#NULL!", "#NOME?": "#NAME?", "#N/D": "#N/A",
}  # fmt: skip


def error_code(cell: Any, context: Context) -> str | None:
    """The code if ``cell`` is an error cell of any host, else None."""
    if isinstance(cell, str):
        return ERROR_TEXTS.get(cell.strip()) if "#" in cell else None
    if isinstance(cell, Mapping):
        code = cell.get("basicValue") or cell.get("errorType") or cell.get("kind")
        return ENGINE_ERRORS.get(str(code)) or ERROR_TEXTS.get(str(code), VALUE)
    if isinstance(cell, CellError):
        return cell.code
    if context.com and type(cell) is int:
        return COM_ERRORS.get(cell)
    return None


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing, in any host's way of saying so."""
    if cell is None or cell == "":
        return True
    if isinstance(cell, str):
        return not cell.strip()
    return isinstance(cell, float) and cell != cell


def is_left_out(raw: Any, context: Context) -> bool:
    """Whether an argument counts as omitted: hosts can't tell omitted, blank and 0 apart."""
    if isinstance(raw, list | tuple):
        return len(raw) == 1 and is_left_out(raw[0], context)
    if isinstance(raw, bool):
        return False
    return is_blank(raw) or is_missing(raw, context) or (isinstance(raw, int | float) and raw == 0)


def is_missing(raw: Any, context: Context) -> bool:
    """Whether COM says that the argument was left out."""
    return context.com and type(raw) is int and raw == COM_MISSING


# --------------------------------------------------------------------------------- ranges


class Range:
    """The cells of one argument, in reading order, and the words for where each one lies."""

    __slots__ = ("argument", "columns", "flat", "numbers")

    flat: Sequence[Any]

    def __init__(self, raw: Any, argument: str | Sentence, numbers: Sequence[int] | None = None) -> None:
        self.argument = argument
        #: The rows' places in the user's range, where rows were dropped.
        self.numbers = numbers
        if isinstance(raw, Range):  # a column of a table, which knows its header and its rows
            self.argument, self.numbers, self.flat, self.columns = raw.argument, raw.numbers, raw.flat, 1
        elif not isinstance(raw, list | tuple):
            self.flat = (raw,)
            self.columns = 1
        elif raw and isinstance(raw[0], list | tuple):
            self.columns = len(raw[0])
            try:
                self.flat = [cell for (cell,) in raw]  # one column, by far the most frequent range
            except (ValueError, TypeError):
                self.flat = list(chain.from_iterable(map(_as_row, raw)))
        else:
            self.flat = raw
            self.columns = 1

    def place(self, index: int) -> Sentence:
        """Where cell number ``index`` lies, as the user counts."""
        if len(self.flat) == 1 and self.numbers is None:
            return PLACE_CELL(argument=self.argument)
        row, column = divmod(index, max(self.columns, 1))
        if self.columns == 1:
            number = self.numbers[index] if self.numbers is not None else row + 1
            return PLACE_ROW(row=number, argument=self.argument)
        return PLACE_BLOCK(row=row + 1, column=column + 1, argument=self.argument)


def _as_row(row: Any) -> Sequence[Any]:
    return row if isinstance(row, list | tuple) else (row,)


#: What is read without cells.
_NATIVE = frozenset({NativeColumn, NativeTable})


def read(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Any:
    """The value that ``raw`` cells are for ``param``; what deserves saying goes into ``notes``."""
    if type(raw) in _NATIVE:
        from kpi_udfs.tables.native_columns import read_native

        return read_native(raw, param, context, notes)
    return _READERS[param.kind.shape](raw, param, context, notes)


def refuse_error(cell: Any, cells: Range, index: int, context: Context) -> None:
    code = error_code(cell, context)
    if code:
        raise CellError(code, ERROR_CELL(place=cells.place(index), code=code))


# --------------------------------------------------------------------------------- amounts


def _read_amount(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Amount:
    """Numbers are summed; for counts, texts that are no numbers are counted once each."""
    kind = param.kind
    if type(raw) is float and raw - raw == 0:  # neither NaN nor infinite
        if kind.minimum is not None and raw < kind.minimum:
            _check_bounds([raw], Range(raw, param.name), kind)
        return Amount.single(raw)
    cells = Range(raw, param.name)
    gathered = _Gathered(cells, kind, context)
    if not gathered.only_numbers():
        gathered.one_by_one()
    return gathered.amount(notes, blank_is_none=kind.name == "count" and not param.required)


def read_counts(cells: Range, kind: Kind, context: Context, notes: list[Sentence]) -> list[float]:
    """A column of counts, one for each cell; ``#VALUE!`` for a blank or a text that is no number."""
    gathered = _Gathered(cells, kind, context)
    if not gathered.only_numbers():
        gathered.one_by_one()
    if gathered.words:
        word, index = next(iter(gathered.words.items()))
        raise CellError.value(NOT_A_NUMBER(place=cells.place(index), content=shown(word)))
    gathered.say_how_texts_were_read(notes)
    counts = []
    for index, count in enumerate(gathered.parts):
        if count is None or count != count:
            raise CellError.value(BLANK_COUNT(place=cells.place(index)))
        counts.append(int(count) if float(count).is_integer() else count)
    return counts


class _Gathered:
    """What a range of amounts turned out to hold."""

    def __init__(self, cells: Range, kind: Kind, context: Context) -> None:
        self.cells, self.kind, self.context = cells, kind, context
        self.parts: Sequence[float | None] = ()
        self.words: dict[str, int] = {}
        self.currencies: dict[str, int] = {}
        self.ambiguous: list[str] = []
        self.foreign: list[str] = []
        self.percentages: list[str] = []

    def only_numbers(self) -> bool:
        """The fast way: a range of plain numbers and blanks, finite and within bounds."""
        flat = self.cells.flat
        types = set(map(type, flat))
        if not types <= {float, int, type(None)} or (self.context.com and int in types):
            return False
        numbers = [cell for cell in flat if cell is not None] if type(None) in types else flat
        if not math.isfinite(sum(numbers)):  # NaN is a blank, infinity an error: look at each
            return False
        if self.kind.minimum is not None and min(numbers, default=0) < self.kind.minimum:
            return False
        self.parts = flat
        return True

    def one_by_one(self) -> None:
        parts: list[float | None] = []
        for index, cell in enumerate(self.cells.flat):
            refuse_error(cell, self.cells, index, self.context)
            parts.append(None if is_blank(cell) else self._number(cell, index))
        self.parts = parts
        _check_bounds(parts, self.cells, self.kind)

    def _number(self, cell: Any, index: int) -> float | None:
        if isinstance(cell, str):
            return self._written(cell, index)
        number = as_number(cell)
        if number is None:
            raise CellError.value(NOT_A_NUMBER(place=self.cells.place(index), content=shown(cell)))
        return number

    def _written(self, cell: str, index: int) -> float | None:
        number = written_number(cell, self.context)
        counts = self.kind.name == "count"
        # "€ 5", "50%" and "12K" are no counts; in a column of names they are names.
        if number == "unreadable" or (counts and not isinstance(number, str) and number.dressed):
            if not counts:
                place = self.cells.place(index)
                raise CellError.value(NOT_A_NUMBER(place=place, content=shown(cell)))
            self.words[cell.strip()] = index
            return None
        if isinstance(number, str):
            raise _ambiguous(AMBIGUOUS_NUMBER, cell, self.cells.place(index), self.context)
        if number.ambiguous:
            self.ambiguous.append(cell.strip())
        if number.foreign:
            self.foreign.append(cell.strip())
        if number.currency:
            self.currencies[number.currency] = index
        if number.percent:
            self.percentages.append(cell.strip())
        return number.value

    def amount(self, notes: list[Sentence], *, blank_is_none: bool) -> Amount:
        """The sum or count. ``blank_is_none``: a blank range stands for none, not for no data yet."""
        name = self.cells.argument
        numbers = [part for part in self.parts if part is not None and part == part]
        if self.words and numbers:
            word = next(iter(self.words))
            raise CellError.value(MIXTURE(argument=name, number=shown(float(numbers[0])), word=shown(word)))
        self.refuse_two_currencies()
        if self.percentages and len(self.percentages) < len(numbers):
            raise CellError.value(PERCENT_AMONG_AMOUNTS(argument=name, content=self.percentages[0]))
        self.say_how_texts_were_read(notes)
        if self.words:
            notes.append(COUNTED(argument=name))
            return Amount(len(self.words), (), frozenset(self.words))
        if not numbers:
            # One blank cell is 0 in some hosts and so in all; a blank range is no data.
            if len(self.cells.flat) > 1 and not blank_is_none:
                raise CellError(NA, NO_NUMBERS(argument=name))
            notes.append(ALL_BLANK(argument=name))
        elif self.kind.name == "count" and _look_like_identifiers(numbers):
            notes.append(LOOK_LIKE_IDS(argument=name))
        return Amount(math.fsum(numbers), self.parts, currency=next(iter(self.currencies), None))

    def refuse_two_currencies(self) -> None:
        if len(self.currencies) > 1:
            first, second, *_ = self.currencies
            raise CellError.value(TWO_CURRENCIES(argument=self.cells.argument, first=first, second=second))

    def say_how_texts_were_read(self, notes: list[Sentence]) -> None:
        name, language = self.cells.argument, self.context.settings.language
        if self.ambiguous and self.foreign:
            raise CellError.value(
                MIXED_STYLES(argument=name, foreign=self.foreign[0], ambiguous=self.ambiguous[0], language=language)
            )
        if self.ambiguous:
            number = len(self.ambiguous)
            notes.append(READ_AS(argument=name, number=number, content=self.ambiguous[0], language=language))
        if self.foreign:
            notes.append(READ_FOREIGN(argument=name, content=self.foreign[0], language=language))


def _look_like_identifiers(numbers: Sequence[float]) -> bool:
    return (
        len(numbers) > 1
        and min(numbers) > 1000
        and all(number == int(number) for number in numbers)
        and len(set(numbers)) == len(numbers)
    )


def as_number(cell: Any) -> float | None:
    """A finite number of any numeric type (booleans are none), else None."""
    if isinstance(cell, bool) or not isinstance(cell, Real | Decimal):
        return None
    try:
        number = float(cell)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def written_number(cell: str, context: Context) -> WrittenNumber | str:
    """The number a text is, or why it is none (see :mod:`kpi_udfs.written`)."""
    from kpi_udfs.written import read_number

    if len(cell) > 100:
        return "unreadable"
    return read_number(cell, context.settings.language)


def _ambiguous(reason: Text, cell: str, place: Sentence, context: Context) -> CellError:
    """The refusal of a text that languages read differently; it asks for a language if none is set."""
    language = context.settings.language
    if language is None:
        return CellError.value(reason(place=place, content=shown(cell)))
    return CellError.value(AMBIGUOUS_HERE(place=place, content=shown(cell), language=language))


def _check_bounds(numbers: Iterable[float | None], cells: Range, kind: Kind) -> None:
    for index, number in enumerate(numbers):
        if number is None:
            continue
        if kind.minimum is not None and number < kind.minimum:
            raise CellError.num(OUT_OF_BOUNDS(place=cells.place(index), value=number, minimum=kind.minimum))
        if kind.maximum is not None and number > kind.maximum:
            reason = ABOVE_BOUND(place=cells.place(index), value=number, maximum=kind.maximum)
            if kind.maximum == 1:
                reason = MARGIN_REASON(bound=reason, hint=MARGIN_HINT)
            raise CellError.num(reason)
        if kind.whole and number != int(number):
            raise CellError.num(NOT_WHOLE(place=cells.place(index), value=number))


MARGIN_REASON = text("cells.margin_reason", "{bound} {hint}")


def _one_cell(raw: Any, param: Param, context: Context) -> tuple[Any, Range]:
    """The single cell that an option is."""
    cells = Range(raw, param.name)
    if len(cells.flat) != 1:
        raise CellError.value(TOO_MANY_CELLS(argument=param.name))
    refuse_error(cells.flat[0], cells, 0, context)
    return cells.flat[0], cells


def _read_number(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> float:
    cell, cells = _one_cell(raw, param, context)
    number: float | None
    currency = None
    if is_blank(cell):
        # Some hosts send 0 for a blank cell, so it is 0 in all of them.
        notes.append(ALL_BLANK(argument=param.name))
        number = 0.0
    elif isinstance(cell, str):
        read = written_number(cell, context)
        if read == "ambiguous":
            raise _ambiguous(AMBIGUOUS_NUMBER, cell, cells.place(0), context)
        priced = param.kind.written == "amount"
        number = None if isinstance(read, str) or (priced and read.percent) else read.value
        currency = None if isinstance(read, str) else read.currency
    else:
        number = as_number(cell)
    if number is None:
        raise CellError.value(NOT_A_NUMBER(place=cells.place(0), content=shown(cell)))
    _check_bounds([number], cells, param.kind)
    return Amount(number, (number,), currency=currency) if param.kind.written == "amount" else number


# ----------------------------------------------------------------------------------- dates

#: The day before serial 1: 1900-01-01 in the 1900 system is ordinal 693596.
_EPOCH_1900 = date(1899, 12, 31).toordinal()
_EPOCH_1904 = date(1904, 1, 1).toordinal()
_LAST_SERIAL = 2958465  # 9999-12-31


def day_number(serial: float, context: Context) -> int | None:
    """The day (``date.toordinal``) of a date serial, or None where it is none.

    The 1900 system counts a 29 February 1900 that never was: serial 60 is no day, and those
    before it lie one day later than the rest would have them.
    """
    if not 0 <= serial < _LAST_SERIAL + 1:
        return None
    whole = int(serial)
    if context.day_zero is not None:
        return context.day_zero + whole
    if context.date1904:
        return _EPOCH_1904 + whole
    if whole > 60:
        return _EPOCH_1900 + whole - 1
    return _EPOCH_1900 + whole if 1 <= whole < 60 else None


def day_of(cell: Any, cells: Range, index: int, context: Context, unclear: list[str]) -> int | None:
    """The day number of one cell, None for a blank; texts that needed a language go into ``unclear``."""
    if is_blank(cell):
        return None
    refuse_error(cell, cells, index, context)
    if isinstance(cell, datetime):
        return _local_day(cell, context)
    if isinstance(cell, date):
        return cell.toordinal()
    if isinstance(cell, str):
        return _written_day(cell, cells.place(index), context, unclear)
    number = as_number(cell)
    day = None if number is None else day_number(number, context)
    if day is None:
        raise CellError.value(NOT_A_DATE(place=cells.place(index), content=shown(cell)))
    return day


def _local_day(moment: datetime, context: Context) -> int:
    """The calendar day in the configured time zone; a time without zone is local already."""
    if moment.tzinfo is not None and not context.com:
        from zoneinfo import ZoneInfo

        # At the very ends of the calendar there is no neighbouring day to move to.
        with suppress(OverflowError):
            moment = moment.astimezone(ZoneInfo(context.settings.timezone))
    return moment.toordinal()


def _written_day(cell: str, place: Sentence, context: Context, unclear: list[str]) -> int:
    from kpi_udfs.written import read_date

    read = read_date(cell, context.settings.language) if len(cell) <= 100 else "unreadable"
    if read == "ambiguous":
        raise _ambiguous(AMBIGUOUS_DATE, cell, place, context)
    if isinstance(read, str):
        if context.settings.language:
            language = context.settings.language
            raise CellError.value(NOT_A_DATE_HERE(place=place, content=shown(cell), language=language))
        raise CellError.value(NOT_A_DATE(place=place, content=shown(cell)))
    if read.ambiguous:
        unclear.append(cell.strip())
    return _local_day(read.instant, context) if read.instant else read.day.toordinal()


def _read_dates(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> list[int | None]:
    return read_days(Range(raw, param.name), context, notes)


def _read_date(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> int:
    _, cells = _one_cell(raw, param, context)
    (day,) = read_days(cells, context, notes)
    assert day is not None  # a blank cell counts as omitted and never gets here
    return day


def read_days(cells: Range, context: Context, notes: list[Sentence]) -> list[int | None]:
    """Day numbers of a column of dates, None for blanks."""
    unclear: list[str] = []
    # Serials after February 1900 in the usual date system need no second look; the rest does.
    first = 61 if context.counts_as_usual else math.inf
    shift = _EPOCH_1900 - 1
    days = [
        int(cell) + shift
        if (type(cell) is float or type(cell) is int) and first <= cell < _LAST_SERIAL
        else day_of(cell, cells, index, context, unclear)
        for index, cell in enumerate(cells.flat)
    ]
    if unclear:
        facts = {"number": len(unclear), "content": unclear[0], "language": context.settings.language}
        notes.append(READ_DATES_AS(argument=cells.argument, **facts))
    return days


def as_date(day: int) -> date:
    """The date of a day number, for a sentence."""
    return date.min + timedelta(days=day - 1)


# ------------------------------------------------------------------------- words and tables


def _read_outcomes(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Outcomes:
    return read_outcomes(Range(raw, param.name), context)


def read_outcomes(cells: Range, context: Context) -> Outcomes:
    """Won, lost, open or blank: each cell of a column."""
    try:
        counts: Counter[Any] = Counter(cells.flat)
    except TypeError:  # something that can't be counted: an error cell, or nothing a cell can hold
        for index, cell in enumerate(cells.flat):
            refuse_error(cell, cells, index, context)
        cells.flat = [cell if isinstance(cell, str | float | None) else shown(cell) for cell in cells.flat]
        counts = Counter(cells.flat)
    for cell in counts:
        if error_code(cell, context):
            refuse_error(cell, cells, list(cells.flat).index(cell), context)
    return Outcomes(cells.flat, outcome_meanings(counts, cells.argument, context), counts)


def outcome_meanings(words: Iterable[Any], argument: str | Sentence, context: Context) -> dict[Any, str | None]:
    """What each word means; None for a blank. ``#VALUE!`` where no word is known, ``#N/A`` without any."""
    known = context.settings.outcomes
    meanings: dict[Any, str | None] = {}
    understood = False
    for cell in words:
        if is_blank(cell):
            meanings[cell] = None
        else:
            word = known.get(fold(shown(cell)))
            meanings[cell] = word or "open"
            understood = understood or word is not None
    if not understood:
        found = sorted({shown(cell) for cell, meaning in meanings.items() if meaning})
        if not found:
            raise CellError(NA, NO_OUTCOMES(argument=argument))
        some = found[:5] + (["…"] if len(found) > 5 else [])
        raise CellError.value(NO_KNOWN_OUTCOME(argument=argument, words=some))
    return meanings


def _read_labels(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> list[str]:
    cells = Range(raw, param.name)
    labels = []
    for index, cell in enumerate(cells.flat):
        refuse_error(cell, cells, index, context)
        if not is_blank(cell):
            labels.append(label(cell))
    return labels


def label(cell: Any) -> str:
    """A cell's content as a name: a group, a stage, a header."""
    return shown(cell).strip() if not isinstance(cell, str) else cell.strip()


def _read_text(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> str:
    cell, _ = _one_cell(raw, param, context)
    return label(cell)


def _read_choice(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> str:
    cell, _ = _one_cell(raw, param, context)
    given = label(cell)
    word = given.casefold()
    if word in param.choices:
        return word
    from difflib import get_close_matches

    facts = {"argument": param.name, "content": shown(given), "choices": param.choices}
    if near := get_close_matches(word, param.choices, n=1):
        raise CellError.value(UNKNOWN_CHOICE_NEAR(**facts, nearest=near[0]))
    raise CellError.value(UNKNOWN_CHOICE(**facts))


def _read_table(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> TableData:
    return read_table(raw, param.name, context, may_be_empty=param.kind.name == "events")


def read_table(raw: Any, argument: str, context: Context, may_be_empty: bool = False) -> TableData:
    """Rows of cells with their header row; blank rows above it do not matter."""
    if not isinstance(raw, list | tuple) or not raw:
        refuse_error(raw, Range(raw, argument), 0, context)
        raise CellError.value(NO_TABLE(argument=argument))
    rows: Sequence[Sequence[Any]] = raw if isinstance(raw[0], list | tuple) else [raw]
    if not set(map(type, rows)) <= {list, tuple}:
        rows = list(map(_as_row, rows))
    top = next((index for index, row in enumerate(rows) if not is_blank_row(row)), None)
    if top is None:
        raise CellError(NA, NO_NUMBERS(argument=argument))
    header, below = rows[top], rows[top + 1 :]
    for cell in header:
        refuse_error(cell, Range([cell], argument, [top + 1]), 0, context)
    if not may_be_empty and all(map(is_blank_row, below)):
        raise CellError(NA, NO_ROWS(argument=argument))
    return TableData(tuple("" if is_blank(cell) else label(cell) for cell in header), header, below, top + 2)


def is_blank_row(row: Sequence[Any]) -> bool:
    return not row or (is_blank(row[0]) and all(map(is_blank, row)))


def _filled_numbers(column: Sequence[Any]) -> bool:
    """Whether a column holds nothing but numbers: told without looking at each in turn."""
    if not set(map(type, column)) <= {float, int}:
        return False
    total = sum(column)
    return bool(total == total)  # NaN, a blank of some hosts, makes the sum NaN


def cell_columns(data: TableData, indexes: Sequence[int]) -> list[Range]:
    """The columns with these numbers, without the rows that are blank all over."""
    columns: list[list[Any]] = [[] for _ in indexes]
    rows = data.below
    # Rows lie scattered in memory: some hundred at a time stay at hand for all the columns.
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        for column, index in zip(columns, indexes, strict=True):
            try:
                column += [row[index] for row in part]
            except IndexError:  # a row that is shorter than the header
                column += [row[index] if index < len(row) else None for row in part]
    # Only a row with nothing in the first of them can be blank: few need a closer look.
    suspects = [] if _filled_numbers(columns[0]) else [i for i, cell in enumerate(columns[0]) if is_blank(cell)]
    blank = {i for i in suspects if is_blank_row(rows[i])}
    numbers: Sequence[int] = range(data.first, data.first + len(rows))
    if blank:
        numbers = [number for i, number in enumerate(numbers) if i not in blank]
        columns = [[cell for i, cell in enumerate(column) if i not in blank] for column in columns]
    return [
        Range(column, COLUMN(column=data.headers[index]), numbers)
        for column, index in zip(columns, indexes, strict=True)
    ]


def _read_raw(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Any:
    return raw


# --------------------------------------------------------------------- columns of table KPIs


def read_keys(cells: Range, context: Context) -> Column:
    """Names as numbers with the texts they stand for, in the order of the texts; blanks are ``""``."""
    import numpy as np

    flat = cells.flat
    try:
        distinct = list(dict.fromkeys(flat))
    except TypeError:  # an error cell of some host
        for index, cell in enumerate(flat):
            refuse_error(cell, cells, index, context)
        flat = [shown(cell) for cell in flat]
        distinct = list(dict.fromkeys(flat))
    kinds = set(map(type, distinct))
    if kinds <= {str}:
        texts = [cell.strip() for cell in distinct]
    else:
        if bool in kinds:  # 1, 1.0 and TRUE are one key to a dictionary
            flat = [shown(cell) if type(cell) is bool else cell for cell in flat]
            distinct = list(dict.fromkeys(flat))
        texts = ["" if is_blank(cell) else label(cell) for cell in distinct]
    if ERROR_TEXTS.keys() & texts or (context.com and int in kinds):
        for index, cell in enumerate(flat):
            refuse_error(cell, cells, index, context)
    labels = sorted(set(texts))
    code_of = {word: code for code, word in enumerate(labels)}
    codes = {cell: code_of[word] for cell, word in zip(distinct, texts, strict=True)}
    values = np.fromiter(map(codes.__getitem__, flat), dtype="int64", count=len(flat))
    return Column(cells.argument, values, labels)


def read_day_column(cells: Range, context: Context, notes: list[Sentence]) -> Column:
    """Day numbers; a column of nothing but serials in our time is read at once."""
    from kpi_udfs.tables.frames import plain_numbers

    if context.counts_as_usual:
        serials = plain_numbers(cells.flat)
        if serials is not None and _in_our_time(serials):
            import numpy as np

            return Column(cells.argument, np.floor(serials) + (_EPOCH_1900 - 1))
    days = read_days(cells, context, notes)
    for index, day in enumerate(days):
        if day is not None and day < OUR_TIME:
            raise CellError.value(NOT_OUR_TIME(place=cells.place(index), content=shown(cells.flat[index])))
    return Column(cells.argument, days)


#: Numbers below it are counts that landed among dates, not the day of a lead or a purchase.
OUR_TIME = date(1950, 1, 1).toordinal()


def _in_our_time(serials: Any) -> bool:
    """Whether an array of serials holds only days since 1950 and NaN."""
    import numpy as np

    filled = ~np.isnan(serials)
    first, last = OUR_TIME - (_EPOCH_1900 - 1), _LAST_SERIAL
    return bool(np.all(serials >= first, where=filled) and np.all(serials < last, where=filled))


YES = frozenset({"yes", "y", "x", "true", "ja", "oui", "sì", "si", "ya", "wahr", "vrai", "vero", "benar", "✓", "1"})
NO = frozenset({"no", "n", "false", "nein", "non", "tidak", "falsch", "faux", "falso", "salah", "-", "0"})


def flag(cell: Any) -> int | None:
    """1 for yes, 0 for no, -1 for a blank, None for anything else."""
    if is_blank(cell):
        return -1
    if isinstance(cell, bool) or (isinstance(cell, int | float | Decimal) and cell in (0, 1)):
        return int(cell)
    if isinstance(cell, str):
        word = cell.strip().casefold()
        return 1 if word in YES else 0 if word in NO else None
    return None


def read_flag_column(cells: Range, context: Context, blank: int | None = 0) -> Column:
    """1 for yes and 0 for no, in five languages; ``blank`` for a blank cell."""
    flags = list(map(flag, cells.flat))
    if None in flags:
        index = flags.index(None)
        refuse_error(cells.flat[index], cells, index, context)
        raise CellError.value(NOT_YES_OR_NO(place=cells.place(index), content=shown(cells.flat[index])))
    return Column(cells.argument, [blank if one == -1 else one for one in flags])


def read_number_column(cells: Range, kind: Kind, context: Context, notes: list[Sentence]) -> Column:
    """One number per cell, None for a blank; texts that are numbers are read."""
    gathered = _Gathered(cells, kind, context)
    if not gathered.only_numbers():
        gathered.one_by_one()
    gathered.refuse_two_currencies()
    gathered.say_how_texts_were_read(notes)
    return Column(cells.argument, gathered.parts)


def _read_key_column(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return read_keys(Range(raw, param.name), context)


def _read_day_column(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return read_day_column(Range(raw, param.name), context, notes)


def _read_flag_column(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return read_flag_column(Range(raw, param.name), context, blank=None)


def _read_number_column(raw: Any, param: Param, context: Context, notes: list[Sentence]) -> Column:
    return read_number_column(Range(raw, param.name), param.kind, context, notes)


_READERS: Mapping[str, Callable[[Any, Param, Context, list[Sentence]], Any]] = {
    "amount": _read_amount,
    "number": _read_number,
    "dates": _read_dates,
    "date": _read_date,
    "outcomes": _read_outcomes,
    "labels": _read_labels,
    "text": _read_text,
    "choice": _read_choice,
    "table": _read_table,
    "raw": _read_raw,
    "keys": _read_key_column,
    "days": _read_day_column,
    "flags": _read_flag_column,
    "numbers": _read_number_column,
}
