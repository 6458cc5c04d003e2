"""
Bounds as a YAML file that people review and version.

The file is read without YAML's surprises: a key that stands twice, a date, a number in base 60 or 8 is
refused with its line instead of becoming something else than it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from remit.core.errors import InvalidInput, PlacedMistake
from remit.core.gate.bounds import Bounds
from remit.core.gate.bounds_checks import InvalidBounds, parse_bounds
from remit.core.gate.bounds_diff import stated_fields
from remit.core.whole_numbers import whole_number

LARGEST_FILE_BYTES = 4 * 1024 * 1024
# Aliases share nodes: a few lines can stand for billions of values.
MOST_VALUES = 200_000

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")


_OF_OTHERS = frozenset({"tool", "parameters"})
"""A connector's fields and a schema's: there null says something."""

FieldPath = tuple[str, ...]
"""The names that lead to a field. Joined where an error shows them only: they may be long, and stand above many."""


class InvalidFile(PlacedMistake):
    """
    A bounds file that cannot be applied: its place says where, `field` the path in it.

    `rest` is what is sound of it, if its fields were looked at and some is.
    """

    rest: Bounds | None = None
    lines: YamlLines | None = None

    def with_mistakes(self, mistakes: Sequence[InvalidInput]) -> InvalidInput:
        """This and the others in their order in the file, with further mistakes that were found in `rest`."""
        placed = [_located(self.file, self.lines, each) if self.lines else each for each in mistakes]
        return in_order([*self.all, *placed])


class YamlLines:
    """On which line each field of a text stands: looked up where it is asked for, for aliases make many of few."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root

    def of(self, field: str) -> int | None:
        """The line of the field, or of the innermost that is there of what holds it."""
        return self.place(field)[0]

    def place(self, field: str) -> tuple[int | None, int | None]:
        """Its line and its column, from 1."""
        if self._root is None:
            return None, None
        return _place(self._root, field.split(".")) or (None, None)


def _place(node: yaml.Node, names: Sequence[str]) -> tuple[int, int] | None:
    """Of the names below `node`; a name of the text may hold dots itself."""
    for length in range(1, len(names) + 1):
        found = _below(node, ".".join(names[:length]))
        if found is not None:
            place, value = found
            return _place(value, names[length:]) or place
    return None


def _below(node: yaml.Node, name: str) -> tuple[tuple[int, int], yaml.Node] | None:
    """The place at which a name stands in a mapping or a list, and its value."""
    if isinstance(node, yaml.SequenceNode):
        number = whole_number(name)
        if number is None or number >= len(node.value):
            return None
        return _start(node.value[number]), node.value[number]
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name:
            return _start(key), value
    merged = [value for key, value in node.value if key.tag == f"{_TAG}merge"]
    parts = [part for each in merged for part in (each.value if isinstance(each, yaml.SequenceNode) else [each])]
    return next((found for part in parts if (found := _below(part, name))), None)


def _start(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


@dataclass(frozen=True, slots=True)
class BoundsFile:
    """A file's bounds, checked, and the line on which each field stands."""

    name: str
    bounds: Bounds
    lines: YamlLines = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Policies are named relative to the file and read as well. Raises `InvalidFile`."""
        reader = _Reader(path.name)
        data = reader.read_mapping(_read_text(path, path.name, None, "(file)"))
        missing: list[InvalidFile] = []
        if isinstance(data.get("policies"), list):
            data["policies"], missing = _policies(path, reader.lines, data["policies"])
        if missing:
            raise _with_missing(missing, reader.lines, lambda: cls._checked(reader, data).bounds)
        return cls._checked(reader, data)

    @classmethod
    def of_text(cls, name: str, text: str) -> Self:
        """Read a text that stands in no file, and so refers to none. Raises `InvalidFile`."""
        reader = _Reader(name)
        return cls._checked(reader, reader.read_mapping(text))

    @classmethod
    def _checked(cls, reader: _Reader, data: dict[str, Any]) -> Self:
        try:
            return cls(reader.file, parse_bounds(data), reader.lines)
        except InvalidInput as error:
            raise located(reader.file, reader.lines, error) from None

    def located(self, error: InvalidInput) -> InvalidInput:
        """`error` with this file and its place, and the others with theirs, if it is about a field of the bounds."""
        if error.field.split(".")[0] not in Bounds.model_fields:
            return error
        return located(self.name, self.lines, error)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are written."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(f"{_TAG}str", text, style="|" if "\n" in text else None),
)


def as_yaml(bounds: Bounds) -> str:
    """The bounds as a file that reads back as the same; policies are written out in it."""
    data = stated_fields(bounds)
    if not bounds.policies:
        del data["policies"]
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_bounds(path: Path) -> Bounds:
    """The bounds in a file, as `App.apply` takes them. Raises `InvalidFile` naming file, line and field."""
    return BoundsFile.read(path).bounds


def read_yaml(path: Path) -> tuple[Any, YamlLines]:
    """The value in another file of this kind, read without YAML's surprises as well, and its lines."""
    reader = _Reader(path.name)
    return reader._read(_read_text(path, path.name, None, "(file)")), reader.lines


def located(file: str, lines: YamlLines, error: InvalidInput) -> InvalidInput:
    """`error` and the others that it carries, each with the file and the place of its field, in their order there."""
    first = in_order([_located(file, lines, each) for each in error.all])
    if isinstance(first, InvalidFile) and isinstance(error, InvalidBounds):
        first.rest, first.lines = error.rest, lines
    return first


def in_order(mistakes: Sequence[InvalidInput]) -> InvalidInput:
    """The first of them down the file, which carries the others; those of policies' own files come last."""
    first, *others = sorted(mistakes, key=_by_place)
    first.others = tuple(others)
    return first


def _located(file: str, lines: YamlLines, error: InvalidInput) -> InvalidInput:
    if isinstance(error, PlacedMistake):
        return error
    return InvalidFile(file, *lines.place(error.field), error.field, error.problem, error.way_out)


def _by_place(error: InvalidInput) -> tuple[bool, int]:
    """This file's own first, down the file; those of policies after them, as they are."""
    own = isinstance(error, InvalidFile)
    return (not own, (error.line or 0) if own and isinstance(error, InvalidFile) else 0)


def _with_missing(missing: list[InvalidFile], lines: YamlLines, checked: Callable[[], Bounds]) -> InvalidInput:
    """Files that cannot be read, with what else is wrong, and what is sound beside them."""
    found: list[InvalidInput] = [*missing]
    try:
        rest: Bounds | None = checked()
    except InvalidInput as error:
        found, rest = [*found, *error.all], error.rest if isinstance(error, InvalidFile) else None
    first = in_order(found)
    if isinstance(first, InvalidFile):
        first.rest, first.lines = rest, lines
    return first


def _policies(bounds_path: Path, lines: YamlLines, entries: list[Any]) -> tuple[list[Any], list[InvalidFile]]:
    """The entries with the texts that they name, and what is wrong with those that cannot be read."""
    read: list[Any] = []
    missing: list[InvalidFile] = []
    for index, entry in enumerate(entries):
        try:
            read.append(_policy(bounds_path, lines.of(f"policies.{index}"), index, entry))
        except InvalidFile as error:
            missing.append(error)
    return read, missing


def _policy(bounds_path: Path, line: int | None, index: int, entry: Any) -> Any:
    # Anything else is left to the check of the bounds, which also takes {name, text}.
    if isinstance(entry, dict) and isinstance(entry.get("name"), str) and "text" not in entry:
        return {**entry, **_policy(bounds_path, line, index, entry["name"])}
    if not isinstance(entry, str):
        return entry
    text = _read_text(bounds_path.parent / entry, bounds_path.name, line, f"policies.{index}")
    return {"name": entry, "text": text}


def _read_text(path: Path, file: str, line: int | None, field: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidFile(
            file, line, None, field, f"{path} cannot be read: {why}", "name a readable UTF-8 file"
        ) from None
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidFile(
            file, line, None, field, f"{path} is larger than {LARGEST_FILE_BYTES} bytes", "split it by tenant"
        )
    return text


class _Reader:
    """From YAML's nodes to JSON values."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines = YamlLines(None)
        self._values = 0

    def read_mapping(self, text: str) -> dict[str, Any]:
        data = self._read(text)
        if not isinstance(data, dict):
            raise InvalidFile(self.file, None, None, "(bounds)", "are not a mapping", "start with 'tenant: NAME'")
        return data

    def _read(self, text: str) -> Any:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
            problem = error.problem or "cannot be read"
            way_out = "indent with blanks: YAML takes no tabs" if "'\\t'" in problem else "correct it"
            raise InvalidFile(self.file, line, column, "(yaml)", problem, way_out) from None
        except (yaml.YAMLError, ValueError) as error:
            raise InvalidFile(self.file, None, None, "(yaml)", str(error).split("\n")[0], "correct it") from None
        except RecursionError:
            raise InvalidFile(self.file, None, None, "(yaml)", "is nested too deeply", "flatten it") from None
        if root is None:
            return None
        value = self._value(root, (), ())
        self.lines = YamlLines(root)
        return value

    def _value(self, node: yaml.Node, path: FieldPath, inside: tuple[yaml.Node, ...]) -> Any:
        self._values += 1
        if any(node is outer for outer in inside):
            raise self._wrong(node, path, "refers to itself", "write it out")
        if self._values > MOST_VALUES or len(inside) > 100:
            raise self._wrong(node, path, "holds too many values, or too deeply", "write it with fewer aliases")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*inside, node))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            items = enumerate(node.value)
            return [self._value(item, (*path, str(index)), (*inside, node)) for index, item in items]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        if node.tag != f"{_TAG}map":
            raise self._wrong(node, path, f"has the type {node.tag}", "use a plain mapping")
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged = self._merged(value_node, path, inside) | merged
                continue
            key = self._key(key_node, path)
            if key in values:
                raise self._wrong(key_node, (*path, key), "stands twice", "keep one of them")
            # "allowlist:" with its items commented out would otherwise be no list, and the tenant's would hold.
            if value_node.tag == f"{_TAG}null" and not _OF_OTHERS & {*path[1:]}:
                raise self._wrong(value_node, (*path, key), "has no value", "write [] for none, or drop it")
            values[key] = self._value(value_node, (*path, key), inside)
        return merged | values

    def _merged(self, node: yaml.Node, path: FieldPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in parts:
            value = self._value(part, path, inside)
            if not isinstance(value, dict):
                raise self._wrong(part, path, "merges something that is not a mapping", "write it out")
            merged = value | merged
        return merged

    def _key(self, node: yaml.Node, path: FieldPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, path, "has a key that is not text", "use a name")
        if node.tag != f"{_TAG}str":
            kind = node.tag.removeprefix(_TAG)
            raise self._wrong(node, (*path, node.value), f"is read as a {kind}, not a name", "put it in quotes")
        return str(node.value)

    def _scalar(self, node: yaml.Node, path: FieldPath) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[text.lower()]
        if kind == "int" and _INTEGER.fullmatch(text) and len(text) < 30:
            return int(text)
        if kind == "float" and _FLOAT.fullmatch(text) and len(text) < 30:
            return float(text)
        what = {"timestamp": "a date", "int": "a number in another base", "float": "a number of another kind"}
        raise self._wrong(node, path, f"{text!r} is read as {what.get(kind, kind)}", "put it in quotes, or write 1.5")

    def _wrong(self, node: yaml.Node, path: FieldPath, problem: str, way_out: str) -> InvalidFile:
        return InvalidFile(self.file, *_start(node), ".".join(path) or "(bounds)", problem, way_out)
