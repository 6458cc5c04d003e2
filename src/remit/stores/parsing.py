"""A stored body to its record, for every store that keeps them as JSON."""

from __future__ import annotations

from functools import lru_cache

from pydantic import ValidationError

from remit.core.errors import RemitError
from remit.core.records import ACTION_TYPE, BOUNDS, KINDS, STOPS
from remit.core.values import Record


def parse_record(kind: str, body: str) -> Record:
    """
    The record a body holds.

    Raises `RemitError` if this version of Remit cannot read it.
    """
    try:
        return _READERS.get(kind, _parsed)(kind, body)
    except ValidationError as error:
        raise RemitError(
            f"a record of {kind!r} is stored in a form this version does not know ({error.error_count()} problems); "
            "run the version that wrote it, or a newer one"
        ) from error


def _parsed(kind: str, body: str) -> Record:
    record: Record = KINDS[kind].model.__pydantic_validator__.validate_json(body)
    return record


# Read by every decision and rarely changed. Found by their whole text, so never out of date.
_READERS = dict.fromkeys((BOUNDS.name, STOPS.name, ACTION_TYPE.name), lru_cache(maxsize=256)(_parsed))
