"""
The parameters that an action type's JSON Schema declares, for forms: where an edit, a rule or a limit may name one.

A schema says far more than a form can offer. What is read here is what it says of single values: `type`, `enum` and
`const`, `properties`, `required`, a reference within it, `allOf`, and alternatives of which all but one are null, or
all are constants. The rest is left to the check of the schema itself: a form offers, and never decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from remit.core.gate.schema_cost import find_reference
from remit.core.paths import COUNT, below

Kind = Literal["string", "number", "integer", "boolean", "array", "object", "any"]
"""By the names of JSON Schema; `any` where the schema does not say it, or says several."""
MOST_PARAMETERS = 300
DEEPEST = 8
MOST_CHOICES = 200

_KINDS = frozenset(get_args(Kind)) - {"any"}
_NULL = "null"
_NULLABLE = "$nullable"
"""Said of a merged schema of which an alternative is null."""


class DeclaredParameter(Struct, frozen=True):
    """
    One value that a schema declares. `path` is where policies and limits read it, below `parameters`; `level` is 1 for
    a parameter itself and more for what stands inside one. `choices` are the only values it may have, empty where it
    may have others; `required` says that every intent of the type has it.
    """

    path: str
    name: str
    level: int
    kind: Kind
    required: bool = False
    nullable: bool = False
    choices: tuple[Any, ...] = ()
    longest: int | None = None
    description: str = ""


def declared_parameters(schema: Mapping[str, Any] | None) -> tuple[DeclaredParameter, ...]:
    """Every value that the schema names, objects before what is in them, in its order. Never raises."""
    return tuple(_Reading(schema or {}).parameters())


def rule_parameters(schema: Mapping[str, Any] | None) -> tuple[DeclaredParameter, ...]:
    """Those that a rule can compare, by the path that it reads: a list stands there by its length (`to.count`)."""
    found = declared_parameters(schema)
    return tuple(_as_length(each) if each.kind == "array" else each for each in found if each.kind != "object")


def _as_length(of: DeclaredParameter) -> DeclaredParameter:
    length = replace(of, path=f"{of.path}.{COUNT}", name=COUNT, level=of.level + 1, kind="integer", choices=())
    return replace(length, nullable=False, longest=None)


class _Reading:
    """One schema, gone through once; what is too much of it is left out."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._listed = root, 0
        self._known: dict[int, dict[str, Any]] = {}

    def parameters(self) -> Iterator[DeclaredParameter]:
        yield from self._inside(self._merged(self._root), "", 1, True)

    def _inside(self, schema: Mapping[str, Any], path: str, level: int, required: bool) -> Iterator[DeclaredParameter]:
        if level > DEEPEST:
            return
        always = _list(schema, "required") if required else []
        for name, inner in _map(schema, "properties").items():
            if self._listed >= MOST_PARAMETERS:
                return
            self._listed += 1
            merged = self._merged(inner)
            found = _parameter(merged, below(path, str(name)), str(name), level, name in always)
            yield found
            if found.kind == "object":
                yield from self._inside(merged, found.path, level + 1, found.required and not found.nullable)

    def _merged(self, schema: Any) -> dict[str, Any]:
        """The schema with what it refers to and what applies beside it, as one; the outermost word on a thing holds."""
        if not isinstance(schema, Mapping):
            return {}
        if id(schema) not in self._known:
            # One that comes to itself on the way adds nothing to itself, and one that many refer to is read once.
            self._known[id(schema)] = {}
            merged = dict(schema)
            for other in self._beside(schema):
                merged = _joined(merged, other)
            self._known[id(schema)] = merged
        return self._known[id(schema)]

    def _beside(self, schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if isinstance(reference := schema.get("$ref"), str):
            yield self._merged(find_reference(self._root, reference))
        yield from map(self._merged, _list(schema, "allOf"))
        for either in (_list(schema, "anyOf"), _list(schema, "oneOf")):
            others = [each for each in either if not _is_null(each)]
            constants = [each["const"] for each in others if isinstance(each, Mapping) and "const" in each]
            if constants and len(constants) == len(others):
                yield {"enum": constants}
            elif len(others) == 1:
                yield self._merged(others[0])
            yield {_NULLABLE: True} if len(others) < len(either) else {}


def _joined(schema: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    properties = {**_map(other, "properties"), **_map(schema, "properties")}
    joined: dict[str, Any] = {**other, **schema}
    return {
        **joined,
        **({"properties": properties} if properties else {}),
        "required": [*_list(schema, "required"), *_list(other, "required")],
    }


def _parameter(schema: Mapping[str, Any], path: str, name: str, level: int, required: bool) -> DeclaredParameter:
    choices = _choices(schema)
    described, longest = schema.get("description"), schema.get("maxLength")
    return DeclaredParameter(
        path=path,
        name=name,
        level=level,
        kind=_kind(schema, choices),
        required=required,
        nullable=_NULLABLE in schema or _NULL in _types(schema) or None in choices,
        choices=tuple(each for each in choices if each is not None),
        longest=longest if isinstance(longest, int) else None,
        description=described if isinstance(described, str) else "",
    )


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    choices = [schema["const"]] if "const" in schema else _list(schema, "enum")
    return choices if len(choices) <= MOST_CHOICES else []


def _kind(schema: Mapping[str, Any], choices: list[Any]) -> Kind:
    said = [each for each in _types(schema) if each != _NULL]
    said = said or sorted({_kind_of(each) for each in choices if each is not None})
    if not said:
        said = [kind for kind, keyword in (("object", "properties"), ("array", "items")) if keyword in schema]
    if set(said) == {"integer", "number"}:
        return "number"
    # A name that JSON Schema does not have says nothing.
    return said[0] if len(said) == 1 and said[0] in _KINDS else "any"


def _kind_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "any")


def _types(schema: Mapping[str, Any]) -> list[Any]:
    said = schema.get("type")
    return [said] if isinstance(said, str) else _list(schema, "type")


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (
        schema.get("type") == _NULL or ("const" in schema and schema["const"] is None)
    )


def _list(schema: Mapping[str, Any], name: str) -> list[Any]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _map(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, Mapping) else {}
