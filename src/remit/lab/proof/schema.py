"""
The schema of an action type's arguments: what any of them must be, as far as rules look at them, and values that fit.

A schema is not translated as a whole. What is said here follows from it; whether more does, the gate's door says of
each example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from remit.lab.proof.any_action import ABSENT, NUMBER, TEXT, UNREADABLE, AnyAction, ParameterValue
from remit.lab.proof.logic import Truth

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def follows_from(schema: Mapping[str, Any], any_action: AnyAction) -> Iterator[Truth]:
    """What holds of every action whose arguments fit."""
    if "$ref" in schema:
        return
    properties, required = _object(schema.get("properties")), schema.get("required", ())
    for name in [*any_action.parameters]:
        value = any_action.parameters[name]
        if len(value.path.steps) != 1 or value.path.steps[0].indexed:
            continue
        if name in properties:
            yield from _of_property(_object(properties[name]), name in required, value, any_action)
        elif schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            yield value.kind == ABSENT


def _of_property(
    schema: Mapping[str, Any], required: bool, value: ParameterValue, any_action: AnyAction
) -> Iterator[Truth]:
    logic, types = any_action.logic, _types(schema)
    if types is not None:
        fits = [value.kind == UNREADABLE, *_kinds(types, value, any_action)]
        if not required or "null" in types:
            fits.append(value.kind == ABSENT)
        yield logic.any(fits)
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, list):
        fits = [value.kind == UNREADABLE, *(_is(value, choice, any_action) for choice in choices)]
        if not required or None in choices:
            fits.append(value.kind == ABSENT)
        yield logic.any(fits)
    for keyword in _BOUNDS:
        if isinstance(bound := schema.get(keyword), int | float) and not isinstance(bound, bool):
            yield logic.implies(value.kind == NUMBER, _within(keyword, bound, value))


def _kinds(types: list[str], value: ParameterValue, any_action: AnyAction) -> Iterator[Truth]:
    logic = any_action.logic
    is_truth = logic.any(value.text == any_action.text(word) for word in ("true", "false"))
    if "string" in types:
        yield logic.all((value.kind == TEXT, logic.no(is_truth)))
    if "boolean" in types:
        yield logic.all((value.kind == TEXT, is_truth))
    if "number" in types:
        yield value.kind == NUMBER
    elif "integer" in types:
        yield logic.all((value.kind == NUMBER, value.number % 10_000 == 0))


def _is(value: ParameterValue, choice: Any, any_action: AnyAction) -> Truth:
    if isinstance(choice, bool):
        choice = "true" if choice else "false"
    if isinstance(choice, str):
        return any_action.logic.all((value.kind == TEXT, value.text == any_action.text(choice)))
    if isinstance(choice, int | float) and float(choice * 10_000).is_integer():
        return any_action.logic.all((value.kind == NUMBER, value.number == int(choice * 10_000)))
    return False


def _within(keyword: str, bound: float, value: ParameterValue) -> Truth:
    # Rounded to the side that lets more through: this is what follows, not all there is.
    if keyword == "minimum":
        return value.number >= floor(bound * 10_000)
    if keyword == "maximum":
        return value.number <= ceil(bound * 10_000)
    if keyword == "exclusiveMinimum":
        return value.number > floor(bound * 10_000)
    return value.number < ceil(bound * 10_000)


def _types(schema: Mapping[str, Any]) -> list[str] | None:
    said = schema.get("type")
    return [said] if isinstance(said, str) else said if isinstance(said, list) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def filled(arguments: dict[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments with what the schema asks for beside them."""
    if schema is None:
        return arguments
    properties = _object(schema.get("properties"))
    written = dict(arguments)
    for name in properties:
        if written.get(name) == {}:
            written[name] = _unreadable(_object(properties[name]))
        elif written.get(name) is None and name in schema.get("required", ()):
            written[name] = _some(_object(properties[name]))
    return written


def _unreadable(schema: Mapping[str, Any]) -> Any:
    """A value that no rule can read: an object, unless the schema asks for another kind."""
    types = _types(schema) or ["object"]
    if "number" in types:
        return _of_type("number", schema) + 0.00001
    return [] if "array" in types else "true" if types == ["string"] else {}


def _some(schema: Mapping[str, Any]) -> Any:
    """A value that likely fits."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("enum", "examples"):
        if schema.get(keyword):
            return schema[keyword][0]
    types = _types(schema) or ["object" if "properties" in schema else "string"]
    return _of_type(types[0], schema)


def _of_type(kind: str, schema: Mapping[str, Any]) -> Any:
    if kind in ("number", "integer"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in schema else 0))
    if kind == "array":
        return [_some(_object(schema.get("items")))] * int(schema.get("minItems", 0))
    if kind == "object":
        return filled({}, schema)
    return {"boolean": False, "null": None}.get(kind, "X" * max(1, int(schema.get("minLength", 1))))
