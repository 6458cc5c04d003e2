"""
Values as PostgreSQL receives them in its binary form: texts, numbers, and arrays of one dimension.

A batch writes an array for each column; the driver asks for the form of every value of one by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import DataError

_HEAD = struct.Struct(">iiiii").pack
"""One dimension, there may be nulls, the type of a value, the number of them, the first one's index."""
_EMPTY = struct.Struct(">iii").pack
_LENGTH = struct.Struct(">i").pack
_NUMBER = struct.Struct(">iq").pack
_NULL = _LENGTH(-1)
_TEXT, _BYTES, _BIGINT = 25, 17, 20


def text(value: str | None) -> bytes | None:
    """Raises `DataError`, as the others do, for what no column of this type holds."""
    try:
        return None if value is None else value.encode()
    except UnicodeEncodeError as error:
        raise DataError(str(error)) from None


bigint = struct.Struct(">q").pack


def texts(values: Sequence[str | None]) -> bytes:
    try:
        return _array(_TEXT, len(values), _with_lengths([None if each is None else each.encode() for each in values]))
    except UnicodeEncodeError as error:
        raise DataError(str(error)) from None


def _blobs(values: Sequence[bytes | None]) -> bytes:
    return _array(_BYTES, len(values), _with_lengths(values))


def _numbers(values: Sequence[int | None]) -> bytes:
    try:
        return _array(_BIGINT, len(values), [_NULL if each is None else _NUMBER(8, each) for each in values])
    except struct.error as error:
        raise DataError(str(error)) from None


def _with_lengths(values: Iterable[bytes | None]) -> list[bytes]:
    parts: list[bytes] = []
    for each in values:
        if each is None:
            parts.append(_NULL)
        else:
            parts += (_LENGTH(len(each)), each)
    return parts


def _array(kind: int, count: int, parts: Iterable[bytes]) -> bytes:
    return b"".join((_HEAD(1, 1, kind, count, 1), *parts)) if count else _EMPTY(0, 0, kind)


ARRAY_OF: dict[str, Callable[[Sequence[Any]], bytes]] = {"text": texts, "bytea": _blobs, "bigint": _numbers}
