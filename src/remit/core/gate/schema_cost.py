"""
Bounds on the work that checking a value against a JSON Schema takes, worked out from the schema alone.

`widths` says, for each level of a value, how much of the schema is at most applied to one single place of it. Where
`allOf`, `anyOf` and references double what they hold, or a schema holds itself, the number says so before any value is
looked at. Places times width is all the work there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

from remit.core.errors import InvalidInput
from remit.core.plain_json import DEEPEST_PARAMETERS
from remit.core.whole_numbers import whole_number

MOST_WIDTH = 5_000
MOST_PATTERNS = 64
MOST_STEPS = 5_000
"""How many schemas are looked at on the way, each time that it is come to: the check is itself bounded."""
OBJECT_COST = 10
"""So much more than a plain comparison an object or list among the values of `enum` may take."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_IN_PLACE = ("not", "if", "then", "else")
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE_MAPS = ("dependentSchemas", "dependencies")
_INSIDE = (
    "additionalProperties",
    "items",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_COUNTED = ("enum", "required", "properties", "prefixItems", "dependentRequired")
_ELSEWHERE = ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
Widths = list[int]


class SchemaCost:
    """One schema, looked through once. Raises `InvalidInput` naming the place in it that asks for too much."""

    def __init__(self, schema: Mapping[str, Any], pattern_cost: Callable[[Any], int]) -> None:
        """`pattern_cost` is how much more than a plain comparison one pattern may take."""
        self._root, self._pattern_cost = schema, pattern_cost
        self._known: dict[tuple[int, int], Widths] = {}
        self._entered: set[tuple[int, int]] = set()
        self._steps = 0
        self._counted: set[int] = set()
        self.patterns = 0
        """How many are written in it."""
        try:
            widths = self._widths(schema, "", DEEPEST_PARAMETERS + 1)
        except RecursionError:
            raise InvalidInput("", "goes too deep", "flatten it") from None
        self.width = max(widths)
        if self.width > MOST_WIDTH:
            raise InvalidInput(
                "",
                f"applies {self.width} checks to one place of a value, the most is {MOST_WIDTH}",
                "say it with fewer alternatives",
            )

    def _widths(self, schema: Any, place: str, levels: int) -> Widths:
        """Of a schema with so many levels of the value left, from the place where it applies downwards."""
        if not isinstance(schema, Mapping) or levels == 0:
            return [1]
        at = id(schema), levels
        if at in self._known:
            return self._known[at]
        if at in self._entered:
            raise InvalidInput(place, "refers to itself without going into the value", "have it refer from inside")
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise InvalidInput("", "is too involved", "say it with fewer references")
        self._entered.add(at)
        self._check_keywords(schema, place)
        here = [self._widths(inner, where, levels) for inner, where in self._in_place(schema, place)]
        found = _sum([[self._own(schema)], *here, [0, *self._inside(schema, place, levels - 1)]])
        self._entered.discard(at)
        self._known[at] = found
        return found

    def _check_keywords(self, schema: Mapping[str, Any], place: str) -> None:
        for name in _ELSEWHERE:
            if name in schema:
                raise InvalidInput(_below(place, name), "is not supported", "refer by $ref to a place in $defs")
        for name in ("$schema", "$id"):
            if name in schema and schema is not self._root:
                raise InvalidInput(_below(place, name), "stands below the top", "remove it")
        if str(schema.get("$schema", DIALECT)).rstrip("#") != DIALECT:
            raise InvalidInput(_below(place, "$schema"), "is not JSON Schema 2020-12", f"use {DIALECT}")

    def _own(self, schema: Mapping[str, Any]) -> int:
        """The comparisons that the schema itself makes at one place."""
        patterns = [*([schema["pattern"]] if "pattern" in schema else []), *_items(schema, "patternProperties")]
        self._count_patterns(schema, len(patterns))
        listed = schema.get("enum")
        nested = sum(isinstance(value, list | dict) for value in listed) if isinstance(listed, list) else 0
        counted = sum(len(_items(schema, name)) for name in _COUNTED)
        return 1 + counted + sum(map(self._pattern_cost, patterns)) + nested * OBJECT_COST

    def _count_patterns(self, schema: Mapping[str, Any], count: int) -> None:
        if id(schema) not in self._counted:
            self._counted.add(id(schema))
            self.patterns += count
        # At once: what a pattern costs takes some time to find out as well.
        if self.patterns > MOST_PATTERNS:
            raise InvalidInput("", f"holds more than {MOST_PATTERNS} patterns", "use fewer")

    def _in_place(self, schema: Mapping[str, Any], place: str) -> Iterable[tuple[Any, str]]:
        yield from ((schema[name], _below(place, name)) for name in _IN_PLACE if name in schema)
        for name in (*_IN_PLACE_LISTS, *_IN_PLACE_MAPS):
            yield from _parts(schema, place, name)
        if "$ref" in schema:
            yield self._referred(schema["$ref"], _below(place, "$ref"))

    def _inside(self, schema: Mapping[str, Any], place: str, levels: int) -> Widths:
        # Of a name only its own schema applies, and of a place in a list: the widest stands for all of them.
        alone = [*_parts(schema, place, "properties"), *_parts(schema, place, "prefixItems")]
        widest = _largest([self._widths(inner, where, levels) for inner, where in alone])
        others = [(schema[name], _below(place, name)) for name in _INSIDE if name in schema]
        others += _parts(schema, place, "patternProperties")
        return _sum([widest, *(self._widths(inner, where, levels) for inner, where in others)])

    def _referred(self, reference: Any, place: str) -> tuple[Any, str]:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise InvalidInput(place, "refers to something outside", "write it into $defs and refer to #/$defs/NAME")
        found = find_reference(self._root, reference)
        if found is None:
            raise InvalidInput(place, f"refers to {reference[:200]!r}, which is not there", "correct it")
        return found, place


def find_reference(root: Mapping[str, Any], reference: str) -> Any:
    """The part that `#/$defs/NAME`, or another pointer into `root`, stands for; `None` where nothing is there."""
    found: Any = root if reference.startswith("#") else None
    for step in reference.split("/")[1:]:
        found = _step(found, unquote(step).replace("~1", "/").replace("~0", "~"))
    return found


def _items(schema: Mapping[str, Any], name: str) -> Sequence[Any] | Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, list | dict) else ()


def _parts(schema: Mapping[str, Any], place: str, name: str) -> list[tuple[Any, str]]:
    found, where = _items(schema, name), _below(place, name)
    named = found.items() if isinstance(found, Mapping) else enumerate(found)
    return [(inner, _below(where, str(key))) for key, inner in named]


def _step(found: Any, name: str) -> Any:
    if isinstance(found, Mapping):
        return found.get(name)
    number = whole_number(name) if isinstance(found, list) else None
    return found[number] if number is not None and number < len(found) else None


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _sum(widths: Sequence[Widths]) -> Widths:
    # Cut where it is too much already, so that doubling does not make numbers of a thousand digits.
    return [min(sum(level), MOST_WIDTH + 1) for level in zip_longest(*widths, fillvalue=0)]


def _largest(widths: Sequence[Widths]) -> Widths:
    return [max(level) for level in zip_longest(*widths, fillvalue=0)]
