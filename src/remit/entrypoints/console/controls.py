"""Controls of the form in which arguments are edited: as the schema of their action type has them, else by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from remit.core.gate.declared_parameters import DeclaredParameter, declared_parameters

Control = Literal["text", "long", "number", "yes_no", "choice", "json"]
LONG_TEXT = 60
_BY_KIND: dict[str, Control] = {"string": "text", "number": "number", "integer": "number", "boolean": "yes_no"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One argument as a schema declares it. `choices` are JSON texts."""

    control: Control
    choices: tuple[str, ...] = ()


def declared(schema: Mapping[str, Any] | None) -> dict[str, Declared]:
    """The arguments that a schema names, by name, in its order."""
    return {each.name: _declared(each) for each in declared_parameters(schema) if each.level == 1}


def _declared(of: DeclaredParameter) -> Declared:
    if of.choices:
        # Without null: an edit to that takes the argument away, and there is a box for it.
        return Declared("choice", tuple(json.dumps(choice, ensure_ascii=False) for choice in of.choices))
    control = _BY_KIND.get(of.kind, "json")
    return Declared("long" if control == "text" and (of.longest or 0) > LONG_TEXT else control)


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
