"""
Parameters as policies read them: by path, only those that a rule names, and each value under one path alone.

Texts, yes and no as "true" and "false", and numbers as decimals; the length of a list as its path with
`.count`. Where a path could mean two values the reading is a problem, and so the rules that read it are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.gate.fact import Facts
from remit.core.paths import COUNT, NotThere, Path, below, find, parse_path

MOST_TEXT = 8 * 1024
"""How many characters a text may have that a rule reads."""
MOST_VALUES = 1000
"""How many values are handed over where a rule works its path out."""
_LARGEST_DECIMAL = Decimal("922337203685477.5807")
_ANY = "(a path that is worked out)"


@dataclass(slots=True)
class Tags:
    """The values by path as Cedar takes them, and the paths that could not be read, each with why."""

    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def entities(self) -> list[dict[str, Any]]:
        return [
            {"uid": {"type": "Texts", "id": "parameters"}, "attrs": {}, "parents": [], "tags": self.texts},
            {"uid": {"type": "Numbers", "id": "parameters"}, "attrs": {}, "parents": [], "tags": self.numbers},
        ]

    def _take(self, path: str, value: Any) -> None:
        if isinstance(value, str):
            self.texts[path] = _text(path, value)
        elif isinstance(value, bool):
            self.texts[path] = "true" if value else "false"
        elif isinstance(value, int | float):
            self.numbers[path] = {"__extn": {"fn": "decimal", "arg": _decimal(path, value)}}
        elif value is not None:
            # Not there for a rule, and there for the far side: a rule that asks whether it is there would be passed by.
            raise InvalidInput(path, "is an object or a list, where a rule reads text, a number, or yes or no")

    def could_not_read(self, paths: frozenset[str], computed: bool) -> bool:
        """Is a path among these that could not be read?"""
        return any(path in paths or (computed and path == _ANY) for path in self.problems)


def read_named(parameters: dict[str, Any], paths: Iterable[Path]) -> Tags:
    """The values at these paths: what nobody names costs nothing."""
    tags = Tags()
    for path in paths:
        try:
            tags._take(path.text, find(path, parameters, lengths=True))
        except NotThere:
            continue
        except InvalidInput as error:
            tags.problems[path.text] = _in_parameters(error)
    return tags


def read_all(parameters: dict[str, Any], tags: Tags) -> Tags:
    """Every value there is, for a path that is worked out; more than some are a problem of such paths."""
    try:
        for number, (path, value) in enumerate(_flattened("", parameters)):
            if number >= MOST_VALUES:
                raise InvalidInput("(parameters)", f"hold more than {MOST_VALUES} values")
            if path not in tags.problems:
                tags._take(path, value)
    except InvalidInput as error:
        tags.problems[_ANY] = _in_parameters(error)
    return tags


def fact_entities(facts: Facts) -> list[dict[str, Any]]:
    """The kept fields of facts as Cedar takes them, each as `name.path`; what is null has no tag."""
    texts: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    booleans: dict[str, Any] = {}
    for name, fact in facts.items():
        for path, value in (fact.kept or {}).items():
            tag = f"{name}.{path}"
            if isinstance(value, bool):
                booleans[tag] = value
            elif isinstance(value, str):
                texts[tag] = value
            elif value is not None:
                numbers[tag] = {"__extn": {"fn": "decimal", "arg": _decimal(tag, value)}}
    kinds = {"FactTexts": texts, "FactNumbers": numbers, "FactBooleans": booleans}
    return [
        {"uid": {"type": kind, "id": "facts"}, "attrs": {}, "parents": [], "tags": it} for kind, it in kinds.items()
    ]


def _in_parameters(error: InvalidInput) -> str:
    dot = "" if error.field.startswith(("[", "(")) else "."
    return f"parameters{dot}{error}"


def _flattened(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in sorted(value.items()):
            inside = below(path, name)
            if inside.endswith("]"):
                raise InvalidInput(inside, "has a name that a path which is worked out cannot tell from another")
            yield from _flattened(inside, inner)
    elif isinstance(value, list):
        yield f"{path}.{COUNT}", len(value)
        for index, inner in enumerate(value):
            yield from _flattened(below(path, index), inner)
    else:
        yield path, value


def _text(path: str, value: str) -> str:
    if len(value) > MOST_TEXT:
        raise InvalidInput(path, f"has {len(value)} characters, and policies read at most {MOST_TEXT}")
    if value in ("true", "false"):
        raise InvalidInput(path, f'is the text "{value}", which a rule cannot tell from yes or no')
    return value


def _decimal(path: str, value: int | float) -> str:
    number = Decimal(repr(value))
    if abs(number) > _LARGEST_DECIMAL or number != round(number, 4):
        raise InvalidInput(path, "does not fit a decimal of four places")
    return f"{number:.4f}"


def parse_paths(texts: Iterable[str]) -> tuple[Path, ...]:
    """The paths that rules name, in one order. Raises `InvalidInput`."""
    return tuple(parse_path(text) for text in sorted(texts))
