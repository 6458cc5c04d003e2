"""
The one syntax of a path into JSON values, for edits, policies and templates.

Names are separated by dots: `customer.email`. A list's item stands by its number: `to.0`, or `to[0]`. A name
that a dot would cut, or that is empty, is a number, or holds a bracket or a quote, stands in brackets and
quotes: `customer["e.mail"]`, `[""]`, `to['count']`. So every value has a path of its own.

A plain path that could also mean a name with a dot in it is refused where such a name is there: nobody
reads one value and means another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from remit.core.errors import InvalidInput

MOST_CHARACTERS = 1000
MOST_STEPS = 32
COUNT = "count"
"""The last name of a path that a policy reads as the length of a list."""

_STEP = re.compile(
    r"""
      (?P<dot>\.)?(?P<plain>[^.\[\]]+)
    | \[(?P<index>[0-9]{1,9})\]
    | \["(?P<double>(?:[^"\\]|\\.)*)"\]
    | \['(?P<single>(?:[^'\\]|\\.)*)'\]
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMES_SHOWN = 20


class Step(Struct, frozen=True):
    """One name on the way, as it was written: plain, in quotes (a name only), or a list's item in brackets."""

    name: str
    quoted: bool = False
    indexed: bool = False

    @property
    def plain(self) -> bool:
        return not (self.quoted or self.indexed)

    @property
    def index(self) -> int | None:
        """The number of an item of a list, if it can be one."""
        is_number = not self.quoted and re.fullmatch(r"[0-9]{1,9}", self.name)
        return int(self.name) if is_number else None

    @property
    def place(self) -> str:
        """One text for all ways to write one place: `[0]` and `[00]` are one item of a list."""
        return self.name if self.index is None else str(self.index)


class Path(Struct, frozen=True):
    """A path as it was written, taken apart."""

    text: str
    steps: tuple[Step, ...]

    @property
    def only_name(self) -> str | None:
        """The one name that it is, in what is an object at the top; `None` for a longer path, or a list's item."""
        return self.steps[0].name if len(self.steps) == 1 and not self.steps[0].indexed else None

    def __str__(self) -> str:
        return self.text


class NotThere(InvalidInput):
    """Nothing stands at this path."""


class AmbiguousPath(InvalidInput):
    """Two values could be meant by this path."""


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Take a path apart. Raises `InvalidInput`."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput("(path)", f"has {len(text)} characters, the most is {MOST_CHARACTERS}")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        # A dot stands between names, and nowhere else.
        if not match or (match["plain"] and bool(match["dot"]) != bool(steps)):
            raise _no_path(text)
        steps.append(_step(text, match))
        at = match.end()
    if not 0 < len(steps) <= MOST_STEPS:
        raise _no_path(text)
    return Path(text, tuple(steps))


def _step(text: str, match: re.Match[str]) -> Step:
    if match["plain"]:
        return Step(match["plain"])
    if match["index"]:
        return Step(match["index"], indexed=True)
    if match["double"] is not None:
        written = match["double"]
    else:
        # JSON knows no \' and wants " written as \".
        written = re.sub(r"\\'|(?<!\\)\"", lambda found: "'" if found[0] == "\\'" else '\\"', match["single"])
    try:
        return Step(json.loads(f'"{written}"', strict=False), quoted=True)
    except ValueError:
        raise _no_path(text) from None


def _no_path(text: str) -> InvalidInput:
    way_out = 'write names with dots between them, and ["a.b"] for a name with a dot in it'
    return InvalidInput(text or "(path)", "is not a path", way_out)


def below(path: str, name: str | int, *, in_object: bool = False) -> str:
    """
    The path of a name, or of a list's item, in what stands at `path`; "" is the whole.

    `in_object` says that it is always an object, so that none of its names is taken for a list's.
    """
    if isinstance(name, int):
        return f"{path}.{name}" if path else f"[{name}]"
    if not _is_plain(name, at_top=in_object or not path):
        return f"{path}[{json.dumps(name, ensure_ascii=False)}]"
    return f"{path}.{name}" if path else name


def _is_plain(name: str, *, at_top: bool) -> bool:
    # Below the top a number and "count" are what a list has.
    is_list_s = name == COUNT or re.fullmatch(r"[0-9]+", name)
    return bool(name) and not re.search(r"[.\[\]\"'\\]", name) and (at_top or not is_list_s)


def find(path: Path, root: Any, *, lengths: bool = False, counts: bool = False) -> Any:
    """
    The value at `path`; a list's items by number, and with `lengths` or `counts` its length as `count`.

    Raises `NotThere` naming what exists instead, and `AmbiguousPath` where a name with a dot in it could be
    meant, or with `lengths` where an object below the top has a name that reads as what a list has.
    """
    here = root
    for at in range(len(path.steps)):
        here = _value(here, path, at, lengths, counts or lengths)
    return here


def _value(here: Any, path: Path, at: int, lengths: bool, counts: bool) -> Any:
    step = path.steps[at]
    if isinstance(here, Mapping):
        refuse_dotted_name(here, path, at)
        if lengths and at and _reads_as_of_a_list(step) and step.name in here:
            raise AmbiguousPath(
                path.text,
                f"is of a list, and {step.name!r} is a name in an object here",
                f'write ["{step.name}"] for the name',
            )
        if step.name in here and not step.indexed:
            return here[step.name]
    elif isinstance(here, list) and step.index is not None and step.index < len(here):
        return here[step.index]
    elif isinstance(here, list) and counts and step.plain and step.name == COUNT and at == len(path.steps) - 1:
        return len(here)
    raise NotThere(path.text, f"is not there: nothing is called {step.name!r}", f"there is: {_names(here)}")


def _reads_as_of_a_list(step: Step) -> bool:
    return step.plain and (step.name == COUNT or step.index is not None)


def refuse_dotted_name(here: Mapping[str, Any], path: Path, at: int) -> None:
    """Raises `AmbiguousPath` where the steps from `at` on, with their dots, are one name of `here`."""
    name = path.steps[at].name
    for step in path.steps[at:][1:]:
        if not (step.plain and path.steps[at].plain):
            return
        name = f"{name}.{step.name}"
        if name in here:
            raise AmbiguousPath(
                path.text,
                f"could mean the name {name!r}, which has a dot in it",
                f"write [{json.dumps(name, ensure_ascii=False)}] for that one",
            )


def split_assignment(text: str) -> tuple[str, str] | None:
    """`PATH=VALUE` apart, also where the path has a `=` in quotes; `None` where there is no path and `=`."""
    ends = [found.start() for found in re.finditer("=", text[:MOST_CHARACTERS])]
    for end in ends:
        try:
            parse_path(text[:end])
        except InvalidInput:
            continue
        return text[:end], text[end + 1 :]
    return (text[: ends[0]], text[ends[0] + 1 :]) if ends else None


def put(path: Path, root: dict[str, Any], value: Any) -> None:
    """
    Set the value at `path`, making the objects on the way that are not there yet.

    Raises `AmbiguousPath`, and `InvalidInput` where the way leads through what is neither an object nor a list.
    """
    place = _place(path, root, make=True)
    last = path.steps[-1]
    if isinstance(place, dict) and not last.indexed:
        refuse_dotted_name(place, path, len(path.steps) - 1)
        place[last.name] = value
    elif isinstance(place, list) and last.index is not None and last.index < len(place):
        place[last.index] = value
    else:
        raise _no_place(path, len(path.steps) - 1)


def drop(path: Path, root: dict[str, Any]) -> None:
    """Remove the name at `path`. Raises `NotThere`, `AmbiguousPath`, and `InvalidInput` for a list's item."""
    find(path, root)
    place = _place(path, root, make=False)
    if not isinstance(place, dict):
        raise InvalidInput(path.text, "is an item of a list", "set the whole list without it")
    del place[path.steps[-1].name]


def _place(path: Path, root: dict[str, Any], *, make: bool) -> Any:
    here: Any = root
    for at, step in enumerate(path.steps[:-1]):
        if isinstance(here, dict) and not step.indexed:
            refuse_dotted_name(here, path, at)
            here = here.setdefault(step.name, {}) if make else here[step.name]
        elif isinstance(here, list) and step.index is not None and step.index < len(here):
            here = here[step.index]
        else:
            raise _no_place(path, at)
    return here


def _no_place(path: Path, at: int) -> InvalidInput:
    place, name = path.steps[at - 1].name if at else "", path.steps[at].name
    problem = f"{place!r} is not an object, or a list with an item {name!r}"
    return InvalidInput(path.text, problem, "set the whole value one level up")


def _names(value: Any) -> str:
    if isinstance(value, Mapping):
        shown = [below("", name) for name in [*map(str, value)][:_NAMES_SHOWN]]
        return ", ".join(shown) or "nothing, the object is empty"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"
