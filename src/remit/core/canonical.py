"""
Canonical JSON (RFC 8785) and the hashes over it.

`rfc8785` is the authority. `orjson` writes the same bytes forty times faster for values of which that
is plain: text, yes, no, null, integers that fit, fractions of everyday size, and objects whose keys are
ASCII. A whole number as a fraction (30.0) is spelled as the integer that it is. Other numbers and keys, which
ECMAScript spells and sorts in its own way, take the slow way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import orjson
import rfc8785

T = TypeVar("T")
_sha256 = hashlib.sha256
_LEAVES = frozenset({str, bool, int, type(None)})
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_FIRST_UNFIT = 2**53
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def canonical(value: Any) -> bytes:
    """
    The RFC 8785 form of a JSON value, UTF-8.

    Raises `ValueError` for what that form cannot carry: integers beyond 2^53, NaN, infinities,
    lone surrogates.
    """
    try:
        plain = _with_plain_numbers(value)
        if plain is not _ODD:
            fast = orjson.dumps(plain, option=_OPTIONS)
            # Keys outside ASCII may sort differently in UTF-16.
            if fast.isascii() or _keys_are_ascii(value):
                return fast
    except TypeError:  # a key that is not text, an integer that does not fit, a lone surrogate: rfc8785 says which
        pass
    return rfc8785.dumps(value)


def canonical_plain(value: Any) -> bytes:
    """
    Canonical JSON of a value of Remit's own that holds only text, yes, no, null, whole numbers that fit, and objects
    with ASCII keys: several times faster, because nobody has to look. A `msgspec.Raw` in it stands as it is.
    """
    return _encode_sorted(value)


def canonical_again(value: Any) -> bytes:
    """
    Canonical JSON of an object with ASCII keys whose values a `canonical_reader` read, in which nothing is spelled
    otherwise.
    """
    return orjson.dumps(value, option=_OPTIONS)


def canonical_reader(kind: type[T]) -> Callable[[bytes], T]:
    """
    A function that reads the JSON value of this kind of which a text is the canonical form.

    It raises `ValueError` or `TypeError` for what is not, and where only the slow way could tell.
    """
    decode = msgspec.json.Decoder(kind, float_hook=_everyday).decode

    def read(text: bytes) -> T:
        value = decode(text)
        if orjson.dumps(value, option=_OPTIONS) != text or not (text.isascii() or _keys_are_ascii(value)):
            raise ValueError("this is not the canonical form of what it says")
        return value

    return read


def _everyday(text: str) -> float:
    number = float(text)
    if not _is_everyday(number):
        raise ValueError(f"{text} may be spelled in another way")
    return number


_ODD = object()


def _with_plain_numbers(value: Any) -> Any:
    """The value as `orjson` writes it canonically; `_ODD` for one that holds a number which it spells otherwise."""
    pending, has_whole = [value], False
    for item in pending:
        kind = type(item)
        if kind is dict or kind is list:
            inside = item.values() if kind is dict else item
            # Their types are taken together: a long list of plain values is passed at once.
            if not _LEAVES.issuperset(map(type, inside)):
                pending.extend(inner for inner in inside if type(inner) not in _LEAVES)
        elif kind is float and _is_whole(item):
            has_whole = True
        elif kind not in _LEAVES and (kind is not float or not _is_everyday(item)):
            return _ODD
    return _with_integers(value) if has_whole else value


def _is_everyday(number: float) -> bool:
    # Both write the shortest digits that read back as the same number, and here neither writes an exponent.
    return 1e-4 <= abs(number) < 1e15 and not number.is_integer()


def _is_whole(number: float) -> bool:
    return number.is_integer() and abs(number) < _FIRST_UNFIT


def _with_integers(value: Any) -> Any:
    if type(value) is dict:
        return {key: _with_integers(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_with_integers(inner) for inner in value]
    return int(value) if type(value) is float and value.is_integer() else value


def _keys_are_ascii(value: Any) -> bool:
    if isinstance(value, dict):
        return all(key.isascii() for key in value) and all(map(_keys_are_ascii, value.values()))
    return all(map(_keys_are_ascii, value)) if isinstance(value, list) else True


def sha256_hex(data: bytes) -> str:
    """Lowercase hex."""
    return _sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256, lowercase hex, over the canonical form of `value`."""
    return sha256_hex(canonical(value))
