"""Controls of the form in which arguments are edited: as the schema of their action type has them, else by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Control = Literal["text", "long", "number", "yes_no", "choice", "json"]
LONG_TEXT = 60
MOST_CHOICES = 200
_BY_TYPE: dict[str, Control] = {"string": "text", "number": "number", "integer": "number", "boolean": "yes_no"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One argument as a schema declares it. `choices` are JSON texts."""

    control: Control
    choices: tuple[str, ...] = ()


def declared(schema: Mapping[str, Any] | None) -> dict[str, Declared]:
    """The arguments that a schema names, by name, in its order."""
    properties = (schema or {}).get("properties")
    named = properties.items() if isinstance(properties, Mapping) else ()
    return {name: _declared(inner, schema or {}) for name, inner in named}


def _declared(inner: Any, root: Mapping[str, Any]) -> Declared:
    found = _without_null(_referred(inner, root), root)
    choices = found.get("enum")
    if isinstance(choices, list) and 0 < len(choices) <= MOST_CHOICES:
        return Declared("choice", tuple(json.dumps(choice, ensure_ascii=False) for choice in choices))
    kind = found.get("type")
    control = _BY_TYPE.get(kind, "json") if isinstance(kind, str) else "json"
    long = control == "text" and isinstance(most := found.get("maxLength"), int) and most > LONG_TEXT
    return Declared("long" if long else control)


def _referred(inner: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `#/$defs/NAME` stands for, one step; a longer way is edited as JSON."""
    inner = inner if isinstance(inner, Mapping) else {}
    name = str(inner.get("$ref", "")).removeprefix("#/$defs/")
    definitions = root.get("$defs")
    found = definitions.get(name) if isinstance(definitions, Mapping) else None
    return found if isinstance(found, Mapping) else inner


def _without_null(inner: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what may also be null: the other that it may be, if there is just one."""
    either = inner.get("anyOf")
    others = [each for each in either if each != {"type": "null"}] if isinstance(either, list) else []
    return _referred(others[0], root) if len(others) == 1 else inner


def control_of(item: Any, as_declared: Declared | None) -> Control:
    """The control of a value that is there: the declared one, where it can hold the value."""
    by_value = _by_value(item)
    if as_declared is None or by_value == "long":
        return by_value
    if as_declared.control == "choice":
        return "choice" if json.dumps(item, ensure_ascii=False) in as_declared.choices else by_value
    return as_declared.control if (by_value, as_declared.control) == ("text", "long") else by_value


def _by_value(item: Any) -> Control:
    if isinstance(item, bool):
        return "yes_no"
    if isinstance(item, int | float):
        return "number"
    if isinstance(item, str):
        return "long" if "\n" in item or len(item) > LONG_TEXT else "text"
    return "json"
