"""
Parts of a JSON value by their paths: only these, or all but these.

Paths are written as everywhere (`core.paths`). A plain step `*` is every item of a list, or every name of an object;
a name that is a star stands in quotes. What is not there is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.core.paths import Path, Step, refuse_dotted_name

EVERY = "*"
_GONE: Any = object()
_Place = tuple[Path, int]
"""A path, and how many of its steps lead to where one is."""


def only(paths: Sequence[Path], value: Any) -> Any:
    """
    The value with nothing but what the paths name; of a list, the items in their order.

    Raises `AmbiguousPath` where a name with a dot in it could be meant.
    """
    kept = _only(value, [(path, 0) for path in paths])
    return None if kept is _GONE else kept


def _only(here: Any, places: list[_Place]) -> Any:
    if any(at == len(path.steps) for path, at in places):
        return here
    _check_names(here, places)
    parts = ((name, _only(inner, below)) for name, inner in _inside(here) if (below := _below(name, places)))
    found = [(name, part) for name, part in parts if part is not _GONE]
    if isinstance(here, dict):
        return dict(found)
    return [part for _, part in found] if isinstance(here, list) else _GONE


def without(paths: Sequence[Path], value: Any) -> Any:
    """
    The value without what the paths name; an item of a list leaves null in its place, so that the others keep theirs.

    Raises `AmbiguousPath` where a name with a dot in it could be meant.
    """
    left = _without(value, [(path, 0) for path in paths])
    return None if left is _GONE else left


def _without(here: Any, places: list[_Place]) -> Any:
    if any(at == len(path.steps) for path, at in places):
        return _GONE
    _check_names(here, places)
    parts = [(name, _without(inner, _below(name, places))) for name, inner in _inside(here)]
    if isinstance(here, dict):
        return {name: part for name, part in parts if part is not _GONE}
    if isinstance(here, list):
        return [None if part is _GONE else part for _, part in parts]
    return here


def _check_names(here: Any, places: list[_Place]) -> None:
    if isinstance(here, dict):
        for path, at in places:
            refuse_dotted_name(here, path, at)


def _inside(here: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(here, dict):
        yield from here.items()
    elif isinstance(here, list):
        yield from enumerate(here)


def _below(name: Any, places: list[_Place]) -> list[_Place]:
    """The places one step on, of the paths that lead through this name, or this item."""
    return [(path, at + 1) for path, at in places if _leads_through(path.steps[at], name)]


def _leads_through(step: Step, name: Any) -> bool:
    if step.plain and step.name == EVERY:
        return True
    return step.index == name if isinstance(name, int) else step.name == name and not step.indexed
