"""The one path every host takes: bind → read the cells → run → value or :class:`CellError`.

Nothing is ever raised into a host. What goes wrong for a reason comes back as a ``CellError`` that
carries it; an exception nobody foresaw becomes ``#VALUE!`` in the cell and a full entry in the log.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kpi_udfs import cells, kinds, settings
from kpi_udfs.cells import Context
from kpi_udfs.errors import CellError, ConfigError
from kpi_udfs.kinds import Amount, Kind
from kpi_udfs.messages import Sentence, say, say_all, text, write
from kpi_udfs.registry import Block, KpiSpec, Measure, Required

TOO_MANY = text(
    "calls.too_many", "{kpi} takes {allowed:count} {allowed:argument|arguments} at most. Given: {given:count}."
)
UNEXPECTED = text(
    "calls.unexpected", "{kpi} met an error of its own; the log of kpi_udfs has the details. Please report it."
)
BAD_CONFIG = text("calls.bad_config", "The configuration can't be used: {place}: {problem}")
BAD_CONFIG_MORE = text(
    "calls.bad_config_more",
    "The configuration can't be used: {place}: {problem} (and {more:count} more {more:problem|problems})",
)
TOO_LARGE = text("calls.too_large", "The numbers are too large to calculate with.")
CURRENCIES_DIFFER = text(
    "calls.currencies_differ",
    "{first} is in {first_currency} and {second} in {second_currency}: amounts of one currency belong together.",
)
NO_ARGUMENT = text("calls.no_argument", '{kpi} has no argument "{name}". Its arguments: {names:list}.')
WARNING = text("explain.warning", "Note: {note}")
DAYS_VALUE = text("explain.days", "{days:days} days")
VALUE_TOLD = text("explain.value", "{value}: {told}")


@dataclass(slots=True)  # one in every call: frozen ones take three times as long to make
class Answer:
    """What a call came to. ``result``: a measure, a block, or the error with its reason."""

    spec: KpiSpec
    result: Measure | Block | CellError
    notes: tuple[Sentence, ...]
    context: Context

    @property
    def cell(self) -> Any:
        """What belongs in the cell: a number or text, rows of cells, or a :class:`CellError`."""
        result = self.result
        if isinstance(result, Measure):
            return result.value
        return result.rows if isinstance(result, Block) else result

    @property
    def warnings(self) -> list[str]:
        """What the reader should know besides the result, each in a sentence."""
        own = () if isinstance(self.result, CellError) else self.result.warnings
        return [say(note, self.context.settings.language) for note in (*own, *self.notes)]

    @property
    def explanation(self) -> str:
        """In words, beginning with the value it explains."""
        locale = self.context.settings.language
        result = self.result
        if isinstance(result, CellError):
            notes = [WARNING(note=note) for note in self.notes]
            return say(VALUE_TOLD(value=result.code, told=say_all([result.reason, *notes], locale)), locale)
        notes = [WARNING(note=note) for note in (*result.warnings, *self.notes)]
        if isinstance(result, Block):
            return say_all([*result.working, *_reasons(result), *notes], locale)
        told = say_all([*result.working, *notes], locale)
        value = shown(result, self.spec.shows, locale)
        return say(VALUE_TOLD(value=value, told=told), locale) if told else value


def _reasons(block: Block) -> list[Sentence]:
    """Why cells of a block are errors, each reason once: some of the first, where there are many."""
    said = {str(warning) for warning in block.warnings}
    errors = {str(cell.reason): cell for row in block.rows for cell in row if isinstance(cell, CellError)}
    new = [cell for reason, cell in errors.items() if reason not in said]
    return [VALUE_TOLD(value=cell.code, told=cell.reason) for cell in new[:5]]


def shown(measure: Measure, kind: Kind, locale: str | None) -> str:
    """A result as its kind is written in the reader's language."""
    if isinstance(measure.value, str):
        return measure.value
    if kind.name == "days":
        return say(DAYS_VALUE(days=measure.value), locale)
    return write(measure.value, kind.written, locale, measure.currency)


def context_now(*, date1904: bool | None = None, **facts: Any) -> Context | CellError:
    """The context of a call made now, under the configuration in force; ``facts``: what the host knows of it."""
    try:
        current = settings.current()
    except ConfigError as error:
        return CellError.value(bad_config(error))
    if date1904 is None:
        date1904 = current.date_system == 1904
    return Context(current, date1904=date1904, **facts)


def bad_config(error: ConfigError) -> Sentence:
    """The first problem of a configuration, and how many more there are."""
    first, *more = error.problems
    place = f"{first.file}:{first.line}" if first.line else str(first.file)
    if more:
        return BAD_CONFIG_MORE(place=place, problem=first.message, more=len(more))
    return BAD_CONFIG(place=place, problem=first.message)


def call(spec: KpiSpec, arguments: Sequence[Any], context: Context | CellError) -> Any:
    """What belongs in the cell for these arguments, as a host sent them."""
    return answer(spec, arguments, context).cell


def answer(spec: KpiSpec, arguments: Sequence[Any], context: Context | CellError) -> Answer:
    """The answer with everything needed to explain it. Never raises."""
    if isinstance(context, CellError):
        # What explains says this, too: nothing else could.
        says = spec.shows is kinds.TEXT
        result = Measure(say(VALUE_TOLD(value=context.code, told=context.reason))) if says else context
        return Answer(spec, result, (), Context(settings.Settings()))
    notes: list[Sentence] = []
    return Answer(spec, result_of(spec, arguments, context, notes), tuple(notes), context)


def result_of(
    spec: KpiSpec, arguments: Sequence[Any], context: Context, notes: list[Sentence]
) -> Measure | Block | CellError:
    """The result alone; what is to be said about the reading of the cells goes into ``notes``. Never raises."""
    result: Measure | Block | CellError
    try:
        bound = _bind(spec, arguments, context, notes)
        result = spec.function(*bound, context=context) if spec.wants_context else spec.function(*bound)
    except CellError as error:
        result = error
    except OverflowError:
        result = CellError.num(TOO_LARGE())
    except Exception as error:
        result = _unexpected(spec, error, context)
    if type(result) is Measure and isinstance(value := result.value, float) and value - value != 0:
        result = CellError.num(TOO_LARGE())
    return result


#: What counting tables needs and some hosts' Python does not have, and what brings it.
_LIBRARIES = {"narwhals": "narwhals", "numpy": "pandas", "pandas": "pandas", "polars": "polars"}


def _unexpected(spec: KpiSpec, error: Exception, context: Context) -> CellError:
    """Called where an exception nobody foresaw is being handled."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package in _LIBRARIES:
        return CellError.value(context.needs(kpi=spec.name, package=_LIBRARIES[package]))
    import logging  # a call that goes right never needs it

    logging.getLogger("kpi_udfs").exception("unexpected error in %s", spec.name)
    return CellError.value(UNEXPECTED(kpi=spec.name))


def _bind(spec: KpiSpec, arguments: Sequence[Any], context: Context, notes: list[Sentence]) -> list[Any]:
    params, given = spec.params, len(arguments)
    if given > len(params) and not spec.repeats:
        surplus = arguments[len(params) :]
        if not all(cells.is_left_out(raw, context) for raw in surplus):
            raise CellError.value(TOO_MANY(kpi=spec.name, allowed=len(params), given=given))
    bound: list[Any] = []
    money: tuple[str, str] | None = None
    for index, param in enumerate(params):
        if param.repeats:
            bound.extend(arguments[index:])
            break
        raw = arguments[index] if index < given else None
        if type(raw) is float and param.kind.shape == "amount" and 0 < raw < math.inf and not param.kind.minimum:
            bound.append(Amount.single(raw))  # as in most calls: neither left out nor out of bounds
            continue
        optional = param.default is not Required
        if optional and cells.is_left_out(raw, context):
            bound.append(param.default)
            continue
        if index >= given or (context.com and cells.is_missing(raw, context)):
            raise CellError.value(cells.MISSING(argument=param.name, help=param.help))
        value = cells.read(raw, param, context, notes)
        if optional and param.kind.shape == "number" and value == 0:
            value = param.default  # "0" and "0 %" as text are 0, too
        if type(value) is Amount and value.currency:
            if money and money[1] != value.currency:
                first, first_currency = money
                raise CellError.value(
                    CURRENCIES_DIFFER(
                        first=first, first_currency=first_currency, second=param.name, second_currency=value.currency
                    )
                )
            money = (param.name, value.currency)
        bound.append(value)
    return bound


def answer_on(spec: KpiSpec, table: Any, given: Mapping[str, Any], context: Context | CellError) -> Answer:
    """The answer for the columns of a table: cells with a header row, a data frame or a query.

    ``given``: headers for the arguments that are columns, values for the others. A required column
    that is not named is found by the names in ``columns.yaml``. Never raises.
    """
    if isinstance(context, CellError):
        return answer(spec, (), context)
    try:
        arguments = _arguments_on(spec, table, given, context)
    except CellError as error:
        return Answer(spec, error, (), context)
    except Exception as error:
        return Answer(spec, _unexpected(spec, error, context), (), context)
    return answer(spec, arguments, context)


def _arguments_on(spec: KpiSpec, table: Any, given: Mapping[str, Any], context: Context) -> list[Any]:
    from kpi_udfs.tables.columns import named_column, opened

    if unknown := sorted(given.keys() - {param.name for param in spec.params}):
        raise CellError.value(NO_ARGUMENT(kpi=spec.name, name=unknown[0], names=[p.name for p in spec.params]))
    whole = opened(table, context)
    arguments: list[Any] = []
    for param in spec.params:
        value = given.get(param.name)
        if param.kind.shape == "table" and param.required:
            arguments.append(whole)
        elif param.kind.shape == "table":
            arguments.append(None if value is None else opened(value, context))
        elif param.kind.is_column and (isinstance(value, str) or (value is None and param.required)):
            column = named_column(whole, value or param.name, context, or_number=param.kind.shape == "amount")
            arguments.append(column)
        else:
            arguments.append(value)
    return arguments


def in_language(context: Context, language: str) -> Context:
    """The same context, speaking ``language``."""
    return replace(context, settings=replace(context.settings, language=language))
