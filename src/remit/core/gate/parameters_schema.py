"""
The JSON Schema (2020-12) that an action type's arguments have to fit, compiled once and asked at every proposal.

Schema and values both come from outside, and neither may hold the process: nothing outside the schema is looked up,
patterns are of the kind that is matched in linear time, and the work that a value of a given size can take is bounded
before it is begun (`schema_cost`). `format` is a remark, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.gate.schema_cost import SchemaCost
from remit.core.paths import below

if TYPE_CHECKING:
    import jsonschema_rs

    from remit.core.proposal import Proposal

LARGEST_SCHEMA_BYTES = 32 * 1024
MOST_WORK = 5_000_000
"""Bytes of the arguments times checks at one place of them: some hundredths of a second at worst."""
MOST_PATTERNS_IN_ALL = 1_000
PATTERN_COST, SMALL_PATTERN_COST = 200, 50
_LARGEST_PATTERN, _SMALL_PATTERN = 64 * 1024, 4 * 1024
_MOST_PROBLEM = 300


@cache
def _library() -> Any:
    # A large one that only bounds with a schema need: no command and no worker waits for it at its start.
    import jsonschema_rs

    return jsonschema_rs


class ParametersSchema(Struct, frozen=True, eq=False):
    """One schema, compiled. Safe to share between threads."""

    validator: jsonschema_rs.Draft202012Validator
    width: int
    patterns: int

    @property
    def most_bytes(self) -> int:
        """The size that arguments may have for this schema."""
        return MOST_WORK // self.width

    def check(self, proposal: Proposal) -> None:
        """
        Raises `InvalidInput` naming the argument that does not fit.

        The answer is kept beside the proposal: asked again, as a write does, it costs nothing.
        """
        misfit = proposal.once(self, lambda: self.misfit(proposal.parameters))
        if misfit is not None:
            raise misfit

    def misfit(self, parameters: dict[str, Any]) -> InvalidInput | None:
        """The argument that does not fit, and why; `None` where all do."""
        size = len(canonical(parameters))
        if size > self.most_bytes:
            problem = f"take {size} bytes, and the schema of this action type allows {self.most_bytes}"
            return InvalidInput("parameters", problem, "send less, or have the schema made simpler")
        try:
            self.validator.validate(parameters)
        except _library().ValidationError as error:
            way_out = f"the schema of its action type asks for that at {_pointer(error.schema_path)}"
            return InvalidInput(_place(error), _problem(error), way_out)
        return None


def check_schemas(schemas: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Raises `InvalidInput` naming the place, which begins with the schema's own, of what cannot be used."""
    patterns = 0
    for field, schema in schemas.items():
        if schema is None:
            continue
        try:
            cost = _cost(schema)
            # Counted first: it is the patterns that take time to compile.
            patterns += cost.patterns
            if patterns > MOST_PATTERNS_IN_ALL:
                problem = f"brings the patterns of all action types above {MOST_PATTERNS_IN_ALL}"
                raise InvalidInput("", problem, "use fewer")
            _compiled(schema, cost)
        except InvalidInput as error:
            place = f"{field}.{error.field}" if error.field else field
            raise InvalidInput(place, error.problem, error.way_out) from None


def schema_in_force(stored: Mapping[str, Any] | None) -> ParametersSchema | str | None:
    """The schema as bounds store it, compiled; as text why it cannot be used, or `None` for none. Never raises."""
    try:
        return None if stored is None else _loaded(canonical(stored))
    except (ValueError, TypeError, RecursionError) as error:
        return str(error)


@lru_cache(maxsize=512)
def _loaded(text: bytes) -> ParametersSchema | str:
    try:
        return compile_schema(msgspec.json.decode(text))
    except InvalidInput as error:
        return str(error)


def compile_schema(schema: Mapping[str, Any]) -> ParametersSchema:
    """Raises `InvalidInput` whose field is the place within the schema, "" for the whole of it."""
    return _compiled(schema, _cost(schema))


def _cost(schema: Mapping[str, Any]) -> SchemaCost:
    size = len(canonical(schema))
    if size > LARGEST_SCHEMA_BYTES:
        raise InvalidInput("", f"takes {size} bytes, the most is {LARGEST_SCHEMA_BYTES}", "say it shorter")
    return SchemaCost(schema, _pattern_cost)


def _pattern_cost(pattern: Any) -> int:
    """By the size of the machine that matches it: for each letter it may have to look at all of its states."""
    # What is no text is told by compiling the whole.
    return _cost_of_text(pattern) if isinstance(pattern, str) else PATTERN_COST


@lru_cache(maxsize=4096)
def _cost_of_text(pattern: str) -> int:
    small = _matching(_SMALL_PATTERN)
    try:
        _library().Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=small)
    except _library().ValidationError:
        return PATTERN_COST
    return SMALL_PATTERN_COST


def _matching(largest: int) -> jsonschema_rs.RegexOptions:
    """In linear time, by a machine of at most so many bytes."""
    matching: jsonschema_rs.RegexOptions = _library().RegexOptions(size_limit=largest, dfa_size_limit=_LARGEST_PATTERN)
    return matching


def _compiled(schema: Mapping[str, Any], cost: SchemaCost) -> ParametersSchema:
    try:
        validator = _library().Draft202012Validator(
            dict(schema),
            validate_formats=False,
            offline=True,
            # What was sent is not said again: errors are logged, and shown to others than who sent it.
            mask="the value",
            pattern_options=_matching(_LARGEST_PATTERN),
        )
    except _library().ValidationError as error:
        raise _unusable(error) from None
    except ValueError as error:
        raise InvalidInput("", f"cannot be used: {error}", "write it as JSON Schema 2020-12") from None
    return ParametersSchema(validator, cost.width, cost.patterns)


def _unusable(error: jsonschema_rs.ValidationError) -> InvalidInput:
    place = ".".join(map(str, error.instance_path))
    if error.message.endswith('is not a "regex"'):
        way_out = "use one without look-around and back-references, and maxLength instead of long repetitions"
        return InvalidInput(place, "is not a pattern that can be matched in bounded time", way_out)
    return InvalidInput(place, _problem(error), "write it as JSON Schema 2020-12")


def _place(error: jsonschema_rs.ValidationError) -> str:
    """The path of the argument that is wrong, also where what is wrong is its name, or that it is missing."""
    steps = list(error.instance_path)
    kinds = _library().ValidationErrorKind
    match error.kind:
        case kinds.Required(property=name):
            steps.append(name)
        case kinds.AdditionalProperties(unexpected=[name, *_]) | kinds.UnevaluatedProperties(unexpected=[name, *_]):
            steps.append(name)
    place = "parameters"
    for step in steps:
        place = below(place, step, in_object=place == "parameters")
    return place


def _problem(error: jsonschema_rs.ValidationError) -> str:
    kinds = _library().ValidationErrorKind
    match error.kind:
        case kinds.Required():
            return "is missing"
        case kinds.AdditionalProperties() | kinds.UnevaluatedProperties():
            return "is not among the arguments of this action type"
    text = error.message.removeprefix("the value ")
    return text if len(text) <= _MOST_PROBLEM else f"{text[:_MOST_PROBLEM]}…"


def _pointer(steps: Sequence[str | int]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps) or "/"
