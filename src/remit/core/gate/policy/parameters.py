"""
Parameters as policies read them: by path, only those that a rule names, and each value under one path alone.

Texts, yes and no as "true" and "false", and numbers as decimals; the length of a list as its path with
`.count`. Where a path could mean two values the reading is a problem, and so the rules that read it are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from remit.core.canonical import canonical, sha256_hex
from remit.core.errors import InvalidInput
from remit.core.gate.fact import Facts, lacking
from remit.core.gate.policy.reads import Compared
from remit.core.paths import COUNT, NotThere, Path, below, find, parse_path

MOST_TEXT = 8 * 1024
"""How many characters a text may have that a rule reads."""
MOST_VALUES = 1000
"""How many values are handed over where a rule works its path out."""
_LARGEST_DECIMAL = Decimal("922337203685477.5807")
_ANY = "(a path that is worked out)"
_NOWHERE = object()
_YES_OR_NO = ("true", "false")
_EXACT_BELOW = 1e9
"""A decimal of four places below this is a float of its own, so that both compare alike."""
_ANOTHER_TEXT = ["text"]
_LONGEST_KEY = 500
"""The bytes of a key; what is longer is known by its hash."""


class Tags(Struct):
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
            value = _value_at(parameters, path)
            if value is not _NOWHERE:
                tags._take(path.text, value)
        except InvalidInput as error:
            tags.problems[path.text] = _in_parameters(error)
    return tags


def read_key(
    parameters: dict[str, Any], paths: Iterable[Path], compared: Mapping[str, Compared] | None, facts: Facts
) -> str | bytes | None:
    """
    A key for all that `read_named`, `read_all` and `fact_entities` take of these values: one for those that no rule
    can tell apart, by what it compares them with. `compared` is `None` where a path is worked out.

    It is of canonical JSON, never of Python's values: for those `1 == True`. `None` where there is no such text.
    """
    seen = parameters if compared is None else _seen_at(parameters, paths, compared)
    if facts:
        seen = {"values": seen, "facts": {name: fact.kept for name, fact in facts.items()}, "lacking": lacking(facts)}
    try:
        key = canonical(seen)
    except (TypeError, ValueError):
        return None
    return key if len(key) <= _LONGEST_KEY else sha256_hex(key)


def _seen_at(parameters: dict[str, Any], paths: Iterable[Path], compared: Mapping[str, Compared]) -> dict[str, Any]:
    """The value at each of these paths that has one, as rules tell it apart, or why it cannot be read."""
    seen: dict[str, Any] = {}
    for path in paths:
        try:
            value = _value_at(parameters, path)
        except InvalidInput as error:
            value = {"problem": str(error)}
        else:
            value = _told_apart(value, compared[path.text])
        if value is not _NOWHERE:
            seen[path.text] = value
    return seen


def _told_apart(value: Any, compared: Compared) -> Any:
    """The value, or a list or object, which no value that is read is, that stands for all that compare alike."""
    kind = type(value)
    if kind is float or kind is int:
        if compared.numbers is not None and abs(value) < _EXACT_BELOW and round(value, 4) == value:
            return [bisect_left(compared.numbers, value) + bisect_right(compared.numbers, value)]
    elif kind is str:
        if compared.texts is not None and value not in compared.texts and _is_read(value):
            return _ANOTHER_TEXT
    elif kind is dict or kind is list:
        # A problem, whatever it holds.
        return {}
    return value


def _value_at(parameters: dict[str, Any], path: Path) -> Any:
    """`_NOWHERE` where nothing stands at this path."""
    if (name := path.only_name) is not None:
        return parameters.get(name, _NOWHERE)
    try:
        return find(path, parameters, lengths=True)
    except NotThere:
        return _NOWHERE


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


def _is_read(text: str) -> bool:
    return len(text) <= MOST_TEXT and text not in _YES_OR_NO


def _text(path: str, value: str) -> str:
    if len(value) > MOST_TEXT:
        raise InvalidInput(path, f"has {len(value)} characters, and policies read at most {MOST_TEXT}")
    if value in _YES_OR_NO:
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
