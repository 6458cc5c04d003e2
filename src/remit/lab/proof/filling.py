"""Arguments with what their schema asks for beside those that a proof is about, so that an example likely fits."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from remit.core.gate.parameters_schema import compile_schema
from remit.core.gate.schema_cost import find_reference

SAMPLES = ("x", "X", "a", "abc", "A", "ABC", "0", "1", "12", "123", "o-1", "a1", "EUR", "2026-03-02", "a@b.example")
"""Texts that a pattern is asked about, so that an example has one that fits, or does not."""
_Schema = Mapping[str, Any]
_Names = tuple[str, ...]
_DEEPEST = 16
_ELSEWHERE = ("",) * _DEEPEST
"""No place that is told."""


class Filler:
    """
    Fills in by one schema: what is required and not there, and the items of lists, which stand there as null.

    What is not there at one of the places that are `told` stays away.
    """

    def __init__(self, root: _Schema, told: Container[_Names]) -> None:
        self._root, self._told = root, told

    def fill(self, arguments: dict[str, Any]) -> dict[str, Any]:
        filled = self._filled(arguments, self._root, (), 0)
        return filled if isinstance(filled, dict) else arguments

    def _filled(self, value: Any, said: Any, names: _Names, depth: int) -> Any:
        schema = self._schema(said)
        if depth > _DEEPEST:
            return value
        if isinstance(value, list):
            return [
                self._some(schema["items"], depth) if each is None and "items" in schema else each for each in value
            ]
        if not isinstance(value, dict):
            return value
        properties, others = _object(schema.get("properties")), schema.get("additionalProperties")
        filled = {
            name: self._filled(each, properties.get(name), (*names, name), depth + 1) for name, each in value.items()
        }
        for name in schema.get("required", ()):
            if (*names, name) not in self._told:
                filled.setdefault(name, self._some(properties.get(name), depth + 1))
        for name, each in value.items():
            if each is None and name not in properties and isinstance(others, Mapping):
                filled[name] = self._some(others, depth + 1)
        return filled

    def _schema(self, said: Any) -> _Schema:
        """With what it refers to, the outermost word on a thing holding."""
        schema, steps = _object(said), 0
        while "$ref" in schema and steps < _DEEPEST:
            referred = _object(find_reference(self._root, schema["$ref"]))
            schema = {**referred, **{name: each for name, each in schema.items() if name != "$ref"}}
            steps += 1
        for other in schema.get("allOf", ()):
            schema = {**_object(other), **schema}
        return schema

    def _some(self, said: Any, depth: int) -> Any:
        """A value that likely fits."""
        schema = self._schema(said)
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        for keyword in ("enum", "examples"):
            if schema.get(keyword):
                return schema[keyword][0]
        types = _types(schema) or ["object" if "properties" in schema else "string"]
        return self._of_type(types[0], schema, depth)

    def _of_type(self, kind: str, schema: _Schema, depth: int) -> Any:
        if kind in ("number", "integer"):
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in schema else 0))
        if kind == "array":
            return [self._some(schema.get("items"), depth + 1)] * int(schema.get("minItems", 0))
        if kind == "object":
            return self._filled({}, schema, _ELSEWHERE, depth)
        return {"boolean": False, "null": None}.get(kind, _text(schema))


def _text(schema: _Schema) -> str:
    texts = ("X" * max(1, int(schema.get("minLength", 1))), *SAMPLES)
    if "pattern" not in schema:
        return texts[0]
    bounds = {name: schema[name] for name in ("pattern", "minLength", "maxLength") if name in schema}
    validator = compile_schema(bounds).validator
    return next((text for text in texts if validator.is_valid(text)), texts[0])


def _types(schema: _Schema) -> list[str]:
    said = schema.get("type")
    return [said] if isinstance(said, str) else said if isinstance(said, list) else []


def _object(value: Any) -> _Schema:
    return value if isinstance(value, Mapping) else {}
