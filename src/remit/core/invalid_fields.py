"""Fields that do not fit their model, in our words: the path, what is wrong there, and a way out that is one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel

from remit.core.action_name import action_type_name
from remit.core.errors import InvalidInput
from remit.core.values import DIGEST_SHAPE, HOST_SHAPE, ID_SHAPE, TYPE_SHAPE, Request

MOST_MISTAKES = 100
"""So many are told of one request; whoever makes more corrects these first."""
_REFERENCE = "write ${NAME} and set NAME where Remit runs"
_LONGEST_SHOWN = 200
_HOLDS_SECRETS = frozenset({"signing_secret", "bot_token", "bearer_token", "headers", "env", "url"})
"""Names of fields whose value is a secret, or holds one, where it is a mistake; whichever door it came through."""
_KINDS = {
    "list": "is no list",
    "dict": "is no object",
    "model": "is no object",
    "int": "is no whole number",
    "float": "is no number",
    "bool": "is neither true nor false",
    "string": "is no text",
    "json": "is no JSON",
}
"""By the first word of pydantic's type of error, where that is about the kind of a value."""


_SHAPES = {
    ID_SHAPE: ("has to match the pattern of an id", "write 1 to 128 characters of A-Z a-z 0-9 . _ : @ -"),
    TYPE_SHAPE: (
        "has to match the pattern of a name in UPPER_SNAKE",
        "write one such as REFUND_ORDER, of at most 128 characters",
    ),
    DIGEST_SHAPE: ("has to match the pattern of a digest", "send the 64 characters of 0-9 a-f that the queue shows"),
    HOST_SHAPE: (
        "has to match the pattern of a host",
        "write a name or an address, and its port where only that may be reached",
    ),
}
"""Patterns of fields, in words: the problem, and what to write."""
_DURATIONS = ("expires_after", "keep")
"""Fields that are a number and a unit, in which the unit was left out."""


def explain_invalid(error: Any, prefix: str = "", *, secrets: Collection[str] = ()) -> InvalidInput:
    """
    The first problem of a pydantic `ValidationError` as ours: field path, problem, way out; it carries the rest.

    Of the fields in `secrets`, and what is in them, is never said what stands there.
    """
    # A misspelt field is usually the missing one as well; its name says more.
    found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    by_field: dict[str, InvalidInput] = {}
    for each in found[:MOST_MISTAKES]:
        explained = _explained(each, prefix, error.title)
        if each["loc"] and each["loc"][0] in secrets:
            explained = InvalidInput(explained.field, explained.problem, _REFERENCE)
        by_field.setdefault(explained.field, explained)
    first, *others = by_field.values()
    first.others = tuple(others)
    return first


def _explained(found: Any, prefix: str, model: str) -> InvalidInput:
    field = ".".join([*([prefix] if prefix else []), *(str(part) for part in found["loc"])]) or "(request)"
    if found["type"] == "extra_forbidden":
        meant = likely_meant(str(found["loc"][-1]), _fields_at(model, found["loc"][:-1]))
        return InvalidInput(field, "unknown field", f"write {meant}" if meant else "remove it or correct its spelling")
    return InvalidInput(field, *in_words(found))


def in_words(found: Any) -> tuple[str, str]:
    """The problem and the way out, of one of pydantic's errors. Of what may be a secret nobody is told what it is."""
    if _HOLDS_SECRETS.isdisjoint(found["loc"]):
        return _in_words(found, found.get("input"))
    return _in_words(found, None)[0], "" if "url" in found["loc"] else _REFERENCE


def _in_words(found: Any, given: Any) -> tuple[str, str]:
    kind = found["type"]
    received = f" (received {_shown(given)})" if isinstance(given, str | int | float) else ""
    if kind == "missing":
        return "is missing", "send it"
    if kind == "literal_error":
        return _none_of(found["ctx"]["expected"], given, received)
    if kind == "list_type" and isinstance(given, str) and given.isprintable() and len(given) < _LONGEST_SHOWN:
        return _KINDS["list"], f"write [{given}]"
    if kind == "string_type" and received:
        if found["loc"] and found["loc"][-1] in _DURATIONS:
            return "is no duration", f"write it with its unit, s, m, h, d or w: {given}d"
        return _KINDS["string"], f'write "{given}", in quotes'
    if kind == "string_pattern_mismatch" and isinstance(given, str) and found["ctx"]["pattern"] in _SHAPES:
        return _misshapen(found["ctx"]["pattern"], given, received)
    if kind.partition("_")[0] in ("datetime", "timezone"):
        return f"is no time{received}", "send one with its offset from UTC, such as 2026-03-10T12:00:00Z"
    if kind.rpartition("_")[2] in ("type", "parsing", "float", "invalid", "unicode"):
        return f"{_KINDS.get(kind.partition('_')[0], found['msg'])}{received}", ""
    problem = found["msg"].removeprefix("Value error, ")
    return problem.replace("Input should be", "has to be").replace(" should ", " has to ", 1) + received, ""


def _misshapen(pattern: str, given: str, received: str) -> tuple[str, str]:
    """Of a name that is not as such names are: what it has to be, and what to write if that is plain."""
    problem, way_out = _SHAPES[pattern]
    if pattern == TYPE_SHAPE:
        with suppress(InvalidInput):
            way_out = f"write {action_type_name(given)}"
    host = urlsplit(given).netloc if pattern == HOST_SHAPE and "://" in given else ""
    if host and re.match(HOST_SHAPE, host):
        way_out = f"write {host}"
    return problem + received, way_out


def _shown(given: str | float) -> str:
    """The text that was sent, as far as anybody reads on: it may be of any length."""
    said = repr(given[:_LONGEST_SHOWN] if isinstance(given, str) else given)[: _LONGEST_SHOWN * 2]
    rest = len(given) - _LONGEST_SHOWN if isinstance(given, str) else 0
    return f"{said}… and {rest:,} more characters" if rest > 0 else said


def _none_of(expected: str, given: Any, received: str) -> tuple[str, str]:
    """Of a value that is none of the few that are known: `expected` lists them in quotes."""
    known = expected.split("'")[1::2]
    listed = ", ".join(known[:-1]) + f" or {known[-1]}" if len(known) > 1 else expected
    meant = likely_meant(given, known) if isinstance(given, str) else None
    return (f"is not {listed}", f"write {meant}") if meant else (f"is not {listed}{received}", "")


def likely_meant(name: str, known: Iterable[str]) -> str | None:
    """The one of these that was likely meant."""
    by_fold = {each.casefold(): each for each in known}
    begun = [each for folded, each in by_fold.items() if len(name) > 1 and folded.startswith(name.casefold())]
    if len(begun) == 1:
        return begun[0]
    found = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.7)
    return by_fold[found[0]] if found else None


def _fields_at(model: str, place: Sequence[Any]) -> list[str]:
    """The fields that the model, named by its class, has at a place in it; none where that is not known."""
    at = next((each for each in _models(Request) if each.__name__ == model), None)
    for part in place:
        field = at.model_fields.get(str(part)) if at is not None else None
        # Otherwise it is the name of one of several, all of the same model.
        at = at if field is None else next(_models_in(field.annotation), None)
    return list(at.model_fields) if at is not None else []


def _models(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield of
    for each in of.__subclasses__():
        yield from _models(each)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
