"""A mapped request, as far as Remit itself cares: it has to be carried from step to step."""

from __future__ import annotations

import json
from typing import Any

import orjson

from remit.core.errors import InvalidInput

LARGEST_REQUEST_BYTES = 224 * 1024
"""As JSON with everything but ASCII escaped: engines carry it between steps, and Step Functions at most 256 KiB."""

_MOST_TIMES_AS_LONG = 4
"""At most so many times as long JSON is with everything escaped and spaces between its parts."""
_LEAVES = frozenset({str, int, float, bool, type(None)})


def bounded(request: dict[str, Any]) -> dict[str, Any]:
    """The request, if it can be carried. Raises `InvalidInput`."""
    if _is_surely_small(request):
        return request
    size = len(json.dumps(request))
    if size > LARGEST_REQUEST_BYTES:
        way_out = f"at most {LARGEST_REQUEST_BYTES} are carried"
        raise InvalidInput("parameters", f"map to a request of {size} bytes", way_out)
    return request


def _is_surely_small(request: dict[str, Any]) -> bool:
    """Is it small and all of it JSON? Told of most without writing it as it is measured, which takes far longer."""
    try:
        if _MOST_TIMES_AS_LONG * len(orjson.dumps(request)) > LARGEST_REQUEST_BYTES:
            return False
    except TypeError:  # a key that is not text, an integer that does not fit, half a character, itself within itself
        return False
    # What else orjson writes, a UUID say, is no JSON to others.
    pending: list[Any] = [request]
    for item in pending:
        if type(item) is not dict and type(item) is not list:
            return False
        inside = item.values() if type(item) is dict else item
        pending.extend([inner for inner in inside if type(inner) not in _LEAVES])
    return True
