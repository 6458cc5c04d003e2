"""JSON of callers' own that an intent may carry: what its canonical form can say, and as much of it as is allowed."""

from __future__ import annotations

import math
from typing import Any

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.private_values import may_hold_commitments, refuse_commitments

LARGEST_PARAMETERS_BYTES = 64 * 1024
DEEPEST_PARAMETERS = 64
# RFC 8785 carries integers as doubles, and from 2^53 on two of them share one.
LARGEST_INTEGER = 2**53 - 1


def check_json(value: Any, field: str) -> bytes:
    """
    Refuse what canonical JSON cannot carry, naming the place: integers beyond 2^53, NaN, text that is
    not Unicode, more than `DEEPEST_PARAMETERS` levels, more than `LARGEST_PARAMETERS_BYTES`; and what would be taken
    for a commitment. Answers that form.
    """
    _check_value(value, field, 0)
    try:
        written = canonical(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(field, f"cannot be written as canonical JSON ({error})", "send plain JSON") from None
    if len(written) > LARGEST_PARAMETERS_BYTES:
        raise InvalidInput(
            field,
            f"takes {len(written)} bytes, the most is {LARGEST_PARAMETERS_BYTES}",
            "store the bulk elsewhere and refer to it",
        )
    if may_hold_commitments(written):
        refuse_commitments(value, field)
    return written


def _check_value(value: Any, field: str, depth: int) -> None:
    if depth > DEEPEST_PARAMETERS:
        raise InvalidInput(field, f"is nested deeper than {DEEPEST_PARAMETERS} levels", "flatten it")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_scalar(name, field)
            if not _is_plain(inner):
                _check_value(inner, f"{field}.{name}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if not _is_plain(inner):
                _check_value(inner, f"{field}.{index}", depth + 1)
    else:
        _check_scalar(value, field)


def _is_plain(value: Any) -> bool:
    """Is it at sight a fine value with nothing inside? Of a long list most are, and need no path made for them."""
    kind = type(value)
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    return value is None or kind is bool or (kind is str and value.isascii())


_TOO_LARGE = "is an integer beyond 2^53"


def _check_scalar(value: Any, field: str) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(field, "is not valid Unicode text", "send UTF-8 without lone surrogates") from None
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise InvalidInput(field, _TOO_LARGE, "send it as text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(field, "is not a finite number", "send a finite number or null")
        # A float this large is an integer, and canonical JSON spells it as one: 1e17 comes back as digits.
        if abs(value) > LARGEST_INTEGER:
            raise InvalidInput(field, _TOO_LARGE, "send it as text")
    elif value is not None:
        raise InvalidInput(field, f"is a {type(value).__name__}, not a JSON value", "send plain JSON")
