"""
JSON (RFC 8259) from callers, read in one way by every door.

Stricter than the parsers around it: what two readers could take for two things is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from math import isfinite
from typing import Any

import msgspec

from remit.core.errors import InvalidInput

WHOLE = "(json)"
"""The field of a problem with the whole text."""
MOST_DEPTH = 100
"""Lists and objects inside each other; deeper ones end the readers behind this one."""
MOST_PARTS = 300_000
"""Commas and opening brackets: each may be a value, and small values take many times their text in memory."""

PLAIN_BYTES = 4000
"""Up to here no number has more digits than are read, and counting names costs less than reading with hooks."""
_NAME = re.compile(rb'"[ \t\n\r]*:')
"""Every name's end, and the begin of a text that begins with a colon."""
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class NotJson(InvalidInput):
    """The text is no JSON at all."""

    def __init__(self, why: str, *, field: str = WHOLE) -> None:
        self.why = why
        super().__init__(field, f"cannot be read as JSON: {why}", "send a JSON document in UTF-8")


class Rounded(float):
    """A number that was written with more digits than a `float` holds."""


def read_json(text: bytes | str, *, most_parts: int | None = MOST_PARTS, tells_rounded: bool = False) -> Any:
    """
    The value that `text`, as UTF-8 if it is bytes, stands for. With `tells_rounded` a number that a `float` does not
    hold as it is written is `Rounded`.

    Raises `NotJson`, and `InvalidInput` for a name that stands twice in one object, nesting that is too deep, or
    too many parts.
    """
    if not tells_rounded and isinstance(text, bytes) and len(text) <= PLAIN_BYTES:
        plain = _plain(text)
        if plain is not None:
            return plain
    decoded = _decoded(text)
    if most_parts is not None:
        _check_parts(decoded, most_parts)
    value = _parsed(decoded, _told_number if tells_rounded else _number)
    if _HALF_A_PAIR.search(decoded):
        _check_unicode(value)
    if decoded.count("[") + decoded.count("{") > MOST_DEPTH:
        _check_depth(value)
    return value


def _plain(text: bytes) -> Any:
    """
    The value of a short text without anything unusual, read quickly; `None` where a closer look has to say what it is.
    """
    if b"\\" in text or text.count(b"[") + text.count(b"{") > MOST_DEPTH:
        return None
    try:
        value = msgspec.json.decode(text)
    except ValueError:
        return None
    # Of two under one name a reader keeps one: then fewer are left than were written.
    return value if _names_in(value) == len(_NAME.findall(text)) else None


def _names_in(value: Any) -> int:
    within: Iterable[Any]
    if type(value) is dict:
        names, within = len(value), value.values()
    elif type(value) is list:
        names, within = 0, value
    else:
        return 0
    for inner in within:
        if type(inner) is dict or type(inner) is list:
            names += _names_in(inner)
    return names


def _decoded(text: bytes | str) -> str:
    try:
        return text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 at byte {error.start}") from None


def _check_parts(text: str, most: int) -> None:
    if text.count(",") + text.count("[") + text.count("{") > most:
        raise InvalidInput(WHOLE, f"holds more than {most} values", "send less at once")


def _parsed(text: str, number: Callable[[str], float]) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=number)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except ValueError:
        # Python's own limit on the digits of a whole number.
        raise NotJson("it holds too large a number") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values under one name each reader takes another one.
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidInput(_twice(pairs)[:100], "stands twice in one object", "send it once")
    return value


def _twice(pairs: list[tuple[str, Any]]) -> str:
    names = sorted(name for name, _ in pairs)
    return next(name for name, following in pairwise(names) if name == following)


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotJson("it holds too large a number")
    return number


def _told_number(text: str) -> float:
    number = _number(text)
    try:
        return number if Decimal(text) == Decimal(repr(number)) else Rounded(number)
    except InvalidOperation:
        return Rounded(number)


def _check_unicode(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotJson("a text in it holds half a surrogate pair") from None
    except RecursionError:
        raise _too_deep() from None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return
    raise _too_deep()


def _inside(outer: Any) -> Any:
    if isinstance(outer, dict):
        return outer.values()
    return outer if isinstance(outer, list) else ()


def _too_deep() -> InvalidInput:
    return InvalidInput(WHOLE, f"is nested more than {MOST_DEPTH} deep", "flatten it")
