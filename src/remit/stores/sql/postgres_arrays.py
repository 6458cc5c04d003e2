"""
Arrays of one dimension as PostgreSQL receives them in its binary form.

A batch writes an array for each column; the driver asks for the form of every value of one by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import DataError
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = struct.Struct(">iiiii").pack
"""One dimension, there may be nulls, the type of a value, the number of them, the first one's index."""
_EMPTY = struct.Struct(">iii").pack
_LENGTH = struct.Struct(">i").pack
_NUMBER = struct.Struct(">iq").pack
_NULL = _LENGTH(-1)
_TEXT, _BYTES, _BIGINT = 25, 17, 20


class BinaryArray(bytes):
    """One that is sent as it stands; the statement says of what it is (`%b::text[]`)."""

    __slots__ = ()


class BinaryArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> BinaryArray:
        return obj


def texts(values: Sequence[str | None]) -> BinaryArray:
    """Raises `DataError`, as the others do, for what no column of this type holds."""
    try:
        return _array(_TEXT, len(values), _with_lengths([None if each is None else each.encode() for each in values]))
    except UnicodeEncodeError as error:
        raise DataError(str(error)) from None


def _blobs(values: Sequence[bytes | None]) -> BinaryArray:
    return _array(_BYTES, len(values), _with_lengths(values))


def _numbers(values: Sequence[int | None]) -> BinaryArray:
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


def _array(kind: int, count: int, parts: Iterable[bytes]) -> BinaryArray:
    return BinaryArray(b"".join((_HEAD(1, 1, kind, count, 1), *parts)) if count else _EMPTY(0, 0, kind))


ARRAY_OF: dict[str, Callable[[Sequence[Any]], BinaryArray]] = {"text": texts, "bytea": _blobs, "bigint": _numbers}
