"""The JSON Schema of a function's arguments, from its signature: what its annotations say, and no more."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    dict: {"type": "object"},
    list: {"type": "array"},
}
_ANYTHING = (inspect.Parameter.VAR_KEYWORD,)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """
    Of an object with an argument each. What is annotated with something that JSON does not know may be anything.

    Raises `TypeError` for arguments that have no name.
    """
    hints = get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    open_ended = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
            raise TypeError(f"{function.__name__}: the argument {name!r} cannot be given by its name")
        if parameter.kind in _ANYTHING:
            open_ended = True
            continue
        properties[name] = _schema(hints.get(name, Any))
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": open_ended}


def _schema(hint: Any) -> dict[str, Any]:
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(inside)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(each) for each in inside]}
    if origin in (list, Sequence):
        return {"type": "array", "items": _schema(inside[0])} if inside else {"type": "array"}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _schema(inside[1])}
    return {}
