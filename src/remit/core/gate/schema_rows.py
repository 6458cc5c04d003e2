"""
A JSON Schema of arguments as rows, for people who write none: one a value, and the rest of the schema beside them.

A row says the `type`, `minimum`, `maximum` and `enum` of one property, and whether it is `required`. Whatever else a
schema says of it, and whatever a row could not say to the letter, stays in the rest: joining both gives the schema.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.gate.declared_parameters import DEEPEST, MOST_CHOICES, Kind

MOST_ROWS = 60
REST = "schema"
"""The field of a mistake in the rest."""
NUMBERS = frozenset({"number", "integer"})
_KINDS = frozenset(get_args(Kind)) - {"any"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_PATH = re.compile(rf"{_NAME.pattern}(?:\.{_NAME.pattern}){{0,{DEEPEST - 1}}}")

Number = int | float
Choice = str | int | float | bool


class SchemaRow(Struct, frozen=True):
    """One property; `kind` is `any` where no `type` is said, `was` the path at which the rest may say more of it."""

    path: str
    kind: Kind = "any"
    required: bool = False
    minimum: Number | None = None
    maximum: Number | None = None
    choices: tuple[Choice, ...] = ()
    was: str = ""

    def said(self) -> dict[str, Any]:
        """Its keywords, as the schema has them."""
        found: dict[str, Any] = {"minimum": self.minimum, "maximum": self.maximum}
        found |= {"type": None if self.kind == "any" else self.kind, "enum": list(self.choices) or None}
        return {keyword: value for keyword, value in found.items() if value is not None}


class SplitSchema(Struct, frozen=True):
    """
    A schema in two parts, and whether it is `closed`: no argument is taken that it does not name. `rest` is `None`
    where there is no schema.
    """

    rows: tuple[SchemaRow, ...] = ()
    rest: dict[str, Any] | None = None
    closed: bool = False


def is_row_path(text: str) -> bool:
    """Can a row stand for the property at this path: plain names with dots between?"""
    return _PATH.fullmatch(text) is not None


def fits(kind: Kind, choice: Any) -> bool:
    """Can a value of this kind be one of the choices of a row?"""
    if isinstance(choice, bool):
        return kind in ("boolean", "any")
    if isinstance(choice, str):
        return kind in ("string", "any")
    if isinstance(choice, int):
        return kind in ("integer", "number", "any")
    return isinstance(choice, float) and kind in ("number", "any")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- from a schema to rows ---


def split_schema(schema: Mapping[str, Any] | None) -> SplitSchema:
    """The rows, objects before what is in them, and what they do not say. Never raises."""
    if schema is None:
        return SplitSchema()
    rest, rows = copy.deepcopy(dict(schema)), list[SchemaRow]()
    _take(rest, "", rows, 1)
    closed = rest.get("additionalProperties") is False
    if closed:
        del rest["additionalProperties"]
    return SplitSchema(tuple(rows), rest, closed)


def _take(node: dict[str, Any], above: str, rows: list[SchemaRow], level: int) -> None:
    """Out of the node, what rows say of the properties in it."""
    properties, required = node.get("properties"), node.get("required")
    if not isinstance(properties, dict) or not properties or level > DEEPEST:
        return
    always = required if isinstance(required, list) and _are_names(required) else []
    for name, inner in list(properties.items()):
        if len(rows) >= MOST_ROWS or not isinstance(inner, dict) or not _NAME.fullmatch(name):
            continue
        path = f"{above}.{name}" if above else name
        rows.append(SchemaRow(path, required=name in always, was=path, **_taken(inner)))
        _take(inner, path, rows, level + 1)
        if name in always:
            always.remove(name)
            if not always:
                del node["required"]
        if not inner:
            del properties[name]
    if not properties:
        del node["properties"]


def _are_names(required: list[Any]) -> bool:
    return all(isinstance(name, str) for name in required)


def _taken(inner: dict[str, Any]) -> dict[str, Any]:
    """The keywords that a row says, out of the property."""
    said = inner.get("type")
    kind: Kind = inner.pop("type") if isinstance(said, str) and said in _KINDS else "any"
    found: dict[str, Any] = {"kind": kind}
    if kind in NUMBERS or kind == "any":
        found |= _bounds_taken(inner)
    choices = inner.get("enum")
    if isinstance(choices, list) and 1 <= len(choices) <= MOST_CHOICES and all(fits(kind, each) for each in choices):
        found["choices"] = tuple(inner.pop("enum"))
    return found


def _bounds_taken(inner: dict[str, Any]) -> dict[str, Any]:
    bounds = {name: inner[name] for name in ("minimum", "maximum") if _is_number(inner.get(name))}
    if len(bounds) == 2 and bounds["maximum"] < bounds["minimum"]:
        # Nothing fits then, which no row may say.
        return {}
    for name in bounds:
        del inner[name]
    return bounds


# --- and back ---


def join_schema(split: SplitSchema, before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """
    The schema that rows and rest say together; of `before` come the orders that do not matter, so that what nobody
    changed is the same to the letter. A row at another path than it `was` takes along what the rest says of it.

    Raises `InvalidInput` naming `REST` where the rest contradicts a row, or has no place for it.
    """
    if split.rest is None and not split.rows and not split.closed:
        return None
    schema = {"type": "object"} if split.rest is None else copy.deepcopy(split.rest)
    for row in split.rows:
        if row.was and row.was != row.path:
            _move(schema, row.was, row.path)
    own = {row.path for row in split.rows}
    for row in split.rows:
        _put(schema, row, own, before)
    if split.closed:
        _say(schema, "additionalProperties", False, "of all")
    return schema


def without_row(rest: dict[str, Any] | None, path: str) -> dict[str, Any] | None:
    """The rest without what it says of the property at this path."""
    left = copy.deepcopy(rest)
    if left is not None:
        _pop(left, path)
    return left


def _move(schema: dict[str, Any], was: str, path: str) -> None:
    residue = _pop(schema, was)
    if residue is None:
        return
    names = path.split(".")
    properties = _properties(_down(schema, names[:-1], set()), path)
    if names[-1] in properties:
        raise InvalidInput(
            REST, f"says something of {path} already", f"take {path} out of it, or name the row otherwise"
        )
    properties[names[-1]] = residue


def _pop(schema: dict[str, Any], path: str) -> Any:
    """The schema's word on the property, taken out of it; `None` for nothing."""
    *above, name = path.split(".")
    node: Any = schema
    for each in above:
        node = node.get("properties", {}).get(each) if _has_properties(node) else None
    if not _has_properties(node) or name not in node["properties"]:
        return None
    found = node["properties"].pop(name)
    if not node["properties"]:
        del node["properties"]
    return found


def _has_properties(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("properties"), dict)


def _put(schema: dict[str, Any], row: SchemaRow, own: Collection[str], before: Mapping[str, Any] | None) -> None:
    *above, name = row.path.split(".")
    parent = _down(schema, above, own)
    node = _properties(parent, row.path).setdefault(name, {})
    if not isinstance(node, dict):
        raise InvalidInput(REST, f"says of {row.path} that it is {str(node).lower()}", "take it out of the text")
    for keyword, value in row.said().items():
        _say(node, keyword, value, f"of {row.path}")
    if row.required:
        _require(parent, name, _required(before, above))


def _say(node: dict[str, Any], keyword: str, value: Any, of: str) -> None:
    # As texts: to Python 1 and true are the same, and what canonical JSON cannot carry is told of the whole bounds.
    if keyword in node and json.dumps(node[keyword], sort_keys=True) != json.dumps(value, sort_keys=True):
        raise InvalidInput(REST, f"says {keyword} {of}, and the form says it otherwise", "say it in one of both")
    node[keyword] = value


def _down(schema: dict[str, Any], names: Sequence[str], own: Collection[str]) -> dict[str, Any]:
    """The node of the property that these names lead to, made where it is not there."""
    node = schema
    for depth, name in enumerate(names):
        path = ".".join(names[: depth + 1])
        # One that has no row of its own is an object, or nothing could be in it.
        node = _properties(node, path).setdefault(name, {} if path in own else {"type": "object"})
        if not isinstance(node, dict):
            raise InvalidInput(REST, f"has nothing below {path}", "take it out of the text")
    return node


def _properties(node: dict[str, Any], path: str) -> dict[str, Any]:
    properties = node.setdefault("properties", {})
    if not isinstance(properties, dict):
        raise InvalidInput(REST, f"has no place for {path}: its properties are no object", "make them one")
    return properties


def _require(node: dict[str, Any], name: str, order: Sequence[str]) -> None:
    listed = node.setdefault("required", [])
    if not isinstance(listed, list):
        raise InvalidInput(REST, "has something else than a list in required", "make it a list of names")
    if name not in listed:
        listed.append(name)
    known = {each: place for place, each in enumerate(order)}
    listed.sort(key=lambda each: known.get(each, len(known)) if isinstance(each, str) else len(known))


def _required(before: Mapping[str, Any] | None, names: Sequence[str]) -> Sequence[str]:
    node: Any = before
    for name in names:
        node = node["properties"].get(name) if _has_properties(node) else None
    found = node.get("required") if isinstance(node, Mapping) else None
    return found if isinstance(found, list) and _are_names(found) else []
