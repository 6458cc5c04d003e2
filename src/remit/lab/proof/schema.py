"""
The schema of an action type's arguments as a formula over the values at their places: which arguments fit it.

Types, choices, ranges, multiples, lengths, what is required and what may stand beside, and how they are put together
(`allOf`, `anyOf`, `oneOf`, `not`, `if`, `$ref`) are translated. A pattern, the items of a list and what looks at names
that nobody wrote are left open, each as a check of its own, and so is what stands at places that are not named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

from remit.core.canonical import canonical
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.schema_cost import find_reference
from remit.lab.proof.any_action import AnyAction
from remit.lab.proof.arguments import (
    ARRAY,
    BOOLEAN,
    MISSING,
    NULL_VALUE,
    NUMERIC,
    OBJECT,
    STRING,
    Argument,
    Names,
    OpenKeywords,
)
from remit.lab.proof.filling import SAMPLES
from remit.lab.proof.logic import Truth
from remit.lab.proof.parameter import LARGEST_DECIMAL

DEEPEST = 4
"""So many names lead to a place at most that only a schema names."""
MOST_PLACES = 2000
_SHAPES = {
    "null": NULL_VALUE,
    "boolean": BOOLEAN,
    "string": STRING,
    "number": NUMERIC,
    "object": OBJECT,
    "array": ARRAY,
}
_LISTS_IN_PLACE, _IN_PLACE = ("allOf", "anyOf", "oneOf"), ("not", "if", "then", "else")
_LEFT_OPEN = (
    (STRING, ("pattern",)),
    (ARRAY, ("items", "prefixItems")),
    (ARRAY, ("uniqueItems",)),
    (ARRAY, ("contains", "minContains", "maxContains")),
    (OBJECT, ("propertyNames",)),
    (OBJECT, ("minProperties",)),
    (OBJECT, ("maxProperties",)),
)
_Schema = Mapping[str, Any]


def changed_schemas(sides: Sequence[BoundsInForce]) -> set[str]:
    """The action types whose schema is not the same one on all sides."""
    whole = [side.bounds.action_types for side in sides]
    names = {name for types in whole for name, spec in types.items() if spec.parameters is not None}

    def written(types: Any, name: str) -> bytes | None:
        schema = types[name].parameters if name in types else None
        return None if schema is None else canonical(schema)

    return {name for name in names if len({written(types, name) for types in whole}) > 1}


def name_arguments(sides: Sequence[BoundsInForce], any_action: AnyAction) -> None:
    """Name the places that rules read, and those of schemas that change; of what is named, all is translated."""
    types = [side.bounds.action_types for side in sides]
    if not any(spec.parameters is not None for each in types for spec in each.values()):
        return
    for value in any_action.parameters.values():
        for names in (value.place, value.counted):
            if names is not None:
                any_action.arguments.at(names)
    for name in sorted(changed_schemas(sides)):
        for each in types:
            if name in each and (schema := each[name].parameters) is not None:
                _name_all(schema, any_action)


def _name_all(root: _Schema, any_action: AnyAction) -> None:
    for schema, names in _placed(root, root, (), set()):
        wanted = [*_map(schema, "properties"), *_list(schema, "required")]
        for name, needed in _map(schema, "dependentRequired").items():
            wanted += [name, *needed]
        for name in wanted:
            if len(any_action.arguments.known) < MOST_PLACES:
                any_action.arguments.at((*names, name))


def _placed(root: _Schema, schema: Any, names: Names, seen: set[tuple[int, Names]]) -> Iterator[tuple[_Schema, Names]]:
    """Every schema within one, and the place to which it applies."""
    if not isinstance(schema, Mapping) or (id(schema), names) in seen:
        return
    seen.add((id(schema), names))
    yield schema, names
    for inner in _in_place(root, schema):
        yield from _placed(root, inner, names, seen)
    if len(names) < DEEPEST:
        for name, inner in _map(schema, "properties").items():
            yield from _placed(root, inner, (*names, name), seen)


def _in_place(root: _Schema, schema: _Schema) -> Iterator[Any]:
    yield from (each for name in _LISTS_IN_PLACE for each in _list(schema, name))
    yield from (schema[name] for name in _IN_PLACE if name in schema)
    yield from (each for name in ("dependentSchemas", "dependencies") for each in _map(schema, name).values())
    if "$ref" in schema:
        yield find_reference(root, schema["$ref"])


class SchemaTranslator:
    """Translates one schema; `left_open` are the checks of it that are not."""

    def __init__(self, root: _Schema, any_action: AnyAction) -> None:
        self._root, self._any = root, any_action
        self._logic, self._arguments = any_action.logic, any_action.arguments
        self._known: dict[tuple[int, Names], Truth] = {}
        self.left_open: dict[str, OpenKeywords] = {}

    def fits(self) -> Truth:
        """Raises `TooLong`."""
        return self._fits(self._root, self._arguments.root)

    def _fits(self, schema: Any, place: Argument) -> Truth:
        if not isinstance(schema, Mapping):
            return schema is not False
        key = id(schema), place.names
        if key not in self._known:
            self._known[key] = self._logic.all(self._keywords(schema, place))
        return self._known[key]

    def _keywords(self, schema: _Schema, place: Argument) -> Iterator[Truth]:
        if "pattern" in schema:
            self._name_samples(schema)
        for keyword, value in schema.items():
            if keyword in _TRANSLATED:
                yield _TRANSLATED[keyword](self, value, place)
        for shape, keywords in _LEFT_OPEN:
            if written := {name: schema[name] for name in keywords if name in schema}:
                yield self._open(place, shape, written)
        for keyword, shape in (("unevaluatedItems", ARRAY), ("unevaluatedProperties", OBJECT)):
            if keyword in schema:
                yield self._open(place, shape, schema)
        if "if" in schema:
            yield self._conditional(schema, place)
        yield from self._beside(schema, place)

    def _name_samples(self, schema: _Schema) -> None:
        listed = [schema.get("default"), *_list(schema, "examples"), *SAMPLES]
        for text in listed:
            if isinstance(text, str):
                self._any.text(text)

    def _open(self, place: Argument, shape: int, keywords: _Schema) -> Truth:
        return self._logic.implies(self._is(place, shape), self._unknown(place, keywords))

    def _unknown(self, place: Argument, keywords: _Schema) -> Truth:
        check = self._arguments.check(place, keywords, self._root)
        self.left_open[check.name] = check
        return check.holds

    def _is(self, place: Argument, shape: int) -> Truth:
        return self._logic.same(place.shape, shape)

    # --- put together ---

    def _all_of(self, schemas: Any, place: Argument) -> Truth:
        return self._logic.all(self._fits(each, place) for each in schemas)

    def _any_of(self, schemas: Any, place: Argument) -> Truth:
        return self._logic.any(self._fits(each, place) for each in schemas)

    def _one_of(self, schemas: Any, place: Argument) -> Truth:
        fits = [self._fits(each, place) for each in schemas]
        others = [[*fits[:at], *fits[at + 1 :]] for at in range(len(fits))]
        return self._logic.any(
            self._logic.all((one, self._logic.no(self._logic.any(rest))))
            for one, rest in zip(fits, others, strict=True)
        )

    def _not(self, schema: Any, place: Argument) -> Truth:
        return self._logic.no(self._fits(schema, place))

    def _conditional(self, schema: _Schema, place: Argument) -> Truth:
        condition = self._fits(schema["if"], place)
        then, otherwise = (self._fits(schema.get(name, True), place) for name in ("then", "else"))
        return self._logic.all(
            (self._logic.implies(condition, then), self._logic.any((condition, otherwise))),
        )

    def _reference(self, reference: str, place: Argument) -> Truth:
        return self._fits(find_reference(self._root, reference), place)

    # --- values ---

    def _type(self, said: Any, place: Argument) -> Truth:
        types = [said] if isinstance(said, str) else said
        whole = ["integer"] if "integer" in types and "number" not in types else []
        shapes = [self._is(place, _SHAPES[name]) for name in types if name in _SHAPES]
        return self._logic.any([*shapes, *(self._whole_number(place) for _ in whole)])

    def _whole_number(self, place: Argument) -> Truth:
        logic = self._logic
        exact = logic.all((logic.no(place.inexact), place.number % 10_000 == 0))
        whole = logic.choose(self._decimal(place), exact, self._unknown(place, {"type": "integer"}))
        return logic.all((self._is(place, NUMERIC), whole))

    def _decimal(self, place: Argument) -> Truth:
        """Within what is exact in ten-thousandths."""
        return self._logic.all((place.number >= -LARGEST_DECIMAL, place.number <= LARGEST_DECIMAL))

    def _choices(self, choices: Any, place: Argument) -> Truth:
        return self._logic.any(self._equals(each, place) for each in choices)

    def _equals(self, choice: Any, place: Argument) -> Truth:
        logic = self._logic
        if choice is None:
            return self._is(place, NULL_VALUE)
        if isinstance(choice, str | bool):
            shape, text = (STRING, choice) if isinstance(choice, str) else (BOOLEAN, "true" if choice else "false")
            return logic.all((self._is(place, shape), place.text == self._any.text(text)))
        if isinstance(choice, int | float):
            low, exact = _ten_thousandths(choice)
            like_it = logic.no(place.inexact) if exact else self._inexact(place, {"const": choice})
            return logic.all((self._is(place, NUMERIC), place.number == low, like_it))
        shape = ARRAY if isinstance(choice, list) else OBJECT
        return logic.all((self._is(place, shape), self._unknown(place, {"const": choice})))

    def _inexact(self, place: Argument, keywords: _Schema) -> Truth:
        return self._logic.all((place.inexact, self._unknown(place, keywords)))

    # --- numbers ---

    def _less(self, place: Argument, bound: float, *, or_equal: bool) -> Truth:
        logic, (low, exact) = self._logic, _ten_thousandths(bound)
        below = place.number < low
        if exact and not or_equal:
            return below
        keyword = "maximum" if or_equal else "exclusiveMaximum"
        beyond = False if exact else self._unknown(place, {keyword: bound})
        return logic.any((below, logic.all((place.number == low, logic.any((logic.no(place.inexact), beyond))))))

    def _range(self, keyword: str, bound: float, place: Argument) -> Truth:
        less = self._less(place, bound, or_equal=keyword in ("maximum", "exclusiveMinimum"))
        within = less if keyword in ("maximum", "exclusiveMaximum") else self._logic.no(less)
        return self._logic.implies(self._is(place, NUMERIC), within)

    def _multiple(self, of: float, place: Argument) -> Truth:
        logic, step = self._logic, _exactly(of) * 10_000
        divides = place.number * step.denominator % step.numerator == 0
        unknown = partial(self._unknown, place, {"multipleOf": of})
        inexact = False if step.denominator == 1 else logic.all((place.inexact, unknown()))
        exact = logic.all((logic.no(place.inexact), divides))
        fits = logic.choose(self._decimal(place), logic.any((exact, inexact)), unknown())
        return logic.implies(self._is(place, NUMERIC), fits)

    # --- lengths ---

    def _length(self, shape: int, place: Argument, within: Truth) -> Truth:
        self._arguments.measured.add(place.names)
        return self._logic.implies(self._is(place, shape), within)

    # --- objects ---

    def _properties(self, properties: _Schema, place: Argument) -> Truth:
        logic, fits, others = self._logic, list[Truth](), dict[str, Any]()
        for name, schema in properties.items():
            inner = self._arguments.known.get((*place.names, name))
            if inner is None:
                others[name] = schema
            else:
                fits.append(logic.any((self._is(inner, MISSING), self._fits(schema, inner))))
        open_ones = [self._unknown(place, {"properties": others})] if others else []
        return logic.implies(self._is(place, OBJECT), logic.all([*fits, *open_ones]))

    def _required(self, names: Any, place: Argument) -> Truth:
        logic = self._logic
        known = [inner for name in names if (inner := self._arguments.known.get((*place.names, name))) is not None]
        others = sorted({*names} - {inner.names[-1] for inner in known})
        open_ones = [self._unknown(place, {"required": others})] if others else []
        there = logic.all([*(logic.no(self._is(inner, MISSING)) for inner in known), *open_ones])
        return logic.implies(self._is(place, OBJECT), there)

    def _dependent(self, needed: _Schema, place: Argument) -> Truth:
        """The demands of one name beside it: other names, or a schema for the whole."""
        logic = self._logic
        return logic.all(
            logic.implies(
                logic.all((self._is(place, OBJECT), self._required([name], place))),
                self._required(what, place) if isinstance(what, list) else self._fits(what, place),
            )
            for name, what in needed.items()
        )

    def _beside(self, schema: _Schema, place: Argument) -> Iterator[Truth]:
        """The demands on names that have none of their own."""
        others = schema.get("additionalProperties", True)
        properties, patterns = _map(schema, "properties"), schema.get("patternProperties")
        if patterns or (isinstance(others, Mapping) and others):
            written = {"patternProperties": patterns} if patterns else {}
            written |= {"additionalProperties": others, "properties": dict.fromkeys(sorted(properties), True)}
            yield self._open(place, OBJECT, written)
        elif others is False:
            yield self._logic.implies(self._is(place, OBJECT), self._nothing_but(properties, place))

    def _nothing_but(self, properties: _Schema, place: Argument) -> Truth:
        inside = {inner.names[-1]: inner for inner in self._arguments.inside(place)}
        missing = [self._is(inner, MISSING) for name, inner in inside.items() if name not in properties]
        if properties.keys() <= inside.keys():
            return self._logic.all([*missing, self._logic.no(place.others)])
        written = {"additionalProperties": False, "properties": dict.fromkeys(sorted(properties), True)}
        return self._logic.all([*missing, self._unknown(place, written)])


def _exactly(number: float) -> Fraction:
    return Fraction(repr(number))


def _ten_thousandths(number: float) -> tuple[int, bool]:
    """Rounded down, and whether that is exactly it."""
    exact = _exactly(number) * 10_000
    return floor(exact), exact.denominator == 1


def _map(schema: _Schema, name: str) -> Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(schema: _Schema, name: str) -> Sequence[Any]:
    found = schema.get(name)
    return found if isinstance(found, list) else ()


_Translate = Callable[[SchemaTranslator, Any, Argument], Truth]


def _at_least(shape: int) -> _Translate:
    return lambda self, bound, place: self._length(shape, place, place.length >= int(bound))


def _at_most(shape: int) -> _Translate:
    return lambda self, bound, place: self._length(shape, place, place.length <= int(bound))


def _in_range(keyword: str) -> _Translate:
    return lambda self, bound, place: self._range(keyword, bound, place)


_TRANSLATED: Mapping[str, _Translate] = {
    "$ref": SchemaTranslator._reference,
    "allOf": SchemaTranslator._all_of,
    "anyOf": SchemaTranslator._any_of,
    "oneOf": SchemaTranslator._one_of,
    "not": SchemaTranslator._not,
    "type": SchemaTranslator._type,
    "enum": SchemaTranslator._choices,
    "const": lambda self, choice, place: self._equals(choice, place),
    "multipleOf": lambda self, of, place: self._multiple(of, place),
    **{name: _in_range(name) for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
    "minLength": _at_least(STRING),
    "maxLength": _at_most(STRING),
    "minItems": _at_least(ARRAY),
    "maxItems": _at_most(ARRAY),
    "properties": SchemaTranslator._properties,
    "required": SchemaTranslator._required,
    "dependentRequired": SchemaTranslator._dependent,
    "dependentSchemas": SchemaTranslator._dependent,
    "dependencies": SchemaTranslator._dependent,
}
