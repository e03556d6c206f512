"""The format of rules files as a JSON Schema: editors then complete keys, explain them and mark mistakes.

It says which keys there are and of which form their values are. What goes together and what can work
is for ``kpi-udfs rules check``. Editors read YAML in its present version (1.2): a day such as
2026-04-01 and a window such as 30d come as texts.
"""

from __future__ import annotations

import json
from typing import Any

from kpi_udfs.messages import say, text
from kpi_udfs.publish.markdown import RENDERED
from kpi_udfs.rules.format import FILE, Either, Entry, ListOf, Named, OneOf, Shape, Single

TITLE = text("rules.schema.title", "Qualification rules")
ABOUT = text(
    "rules.schema.about", "What makes a lead marketing-qualified (MQL) and sales-qualified (SQL), for kpi_udfs."
)

Schema = dict[str, Any]

#: A text without quotes may look like a number, or like true or false.
_SCALAR = ["string", "number", "boolean"]
_SINGLES: dict[str, Schema] = {
    "text": {"type": _SCALAR, "pattern": r"\S"},
    "value": {"type": _SCALAR},
    "number": {"type": "number"},
    "amount": {"type": "number", "exclusiveMinimum": 0},
    "whole": {"type": "integer", "minimum": 0},
    "flag": {"type": "boolean"},
    "day": {
        "type": "string",
        "pattern": "^[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])$",
        "examples": ["2026-04-01"],
    },
    "window": {"type": "string", "pattern": r"^[0-9]{1,5}\s?[dw]$", "examples": ["30d", "4w"]},
    "pattern": {"type": _SCALAR, "pattern": r"\S"},
    "file": {"type": "string", "pattern": r'^[^/\\:*?"<>|]{1,200}\.ya?ml$', "examples": ["points_b2b.yaml"]},
    "zone": {"type": "string", "pattern": r"\S", "examples": ["Europe/Berlin"]},
}
#: These stand in many places: each of them refers to one definition.
_SHARED = ("text", "value", "day", "window")


def json_schema(language: str = "en") -> Schema:
    """The schema, with descriptions in a language."""
    parts = _Parts(language)
    root = parts.entry(FILE)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": say(RENDERED, language),
        "title": say(TITLE, language),
        "description": say(ABOUT, language),
        **root,
        "$defs": dict(sorted(parts.defined.items())),
    }


def written(language: str = "en") -> str:
    """The schema as it stands in a file."""
    return json.dumps(json_schema(language), indent=2, ensure_ascii=False) + "\n"


class _Parts:
    """Shapes as schemas; what has a name is defined once, so that conditions can hold conditions."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.defined: dict[str, Schema] = {}

    def of(self, shape: Shape) -> Schema:
        """The schema of what belongs in one place."""
        if isinstance(shape, Single):
            if shape.kind not in _SHARED:
                return _SINGLES[shape.kind]
            self.defined[shape.kind] = _SINGLES[shape.kind]
            return {"$ref": f"#/$defs/{shape.kind}"}
        if isinstance(shape, OneOf):
            return {"enum": list(shape.words)}
        if isinstance(shape, Named):
            return {"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": self.of(shape.value)}
        if isinstance(shape, Either):
            return {"anyOf": [self.of(one) for one in shape.shapes]}
        if isinstance(shape, ListOf):
            return self._list(shape)
        if shape.name not in self.defined:
            self.defined[shape.name] = {}  # known before it is made, as it may hold itself
            self.defined[shape.name] = self.entry(shape)
        return {"$ref": f"#/$defs/{shape.name}"}

    def _list(self, shape: ListOf) -> Schema:
        listed: Schema = {"type": "array", "items": self.of(shape.item), "minItems": shape.length or 1}
        if shape.length:
            listed["maxItems"] = shape.length
        return {"anyOf": [self.of(shape.item), listed]} if shape.short else listed

    def entry(self, shape: Entry) -> Schema:
        """A mapping with known keys, each with its help."""
        keys = {
            name: {"description": say(key.help, self.language), **self.of(key.shape)}
            for name, key in shape.keys.items()
        }
        required = [name for name, key in shape.keys.items() if key.required]
        closed = {"type": "object", "properties": keys, "additionalProperties": False}
        return {**closed, "required": required} if required else closed
