"""
Packing: bytes in few bytes, with zstd and the dictionaries that are shipped. The first byte says how.

A way of packing stays readable for good, and so does its dictionary: a better one gets the next number. How they are
trained is `bench/dictionary.py`.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import lru_cache
from importlib import resources

import zstandard

from remit.core.errors import RemitError

PLAIN = 0
"""Bytes as they are. Any other way is zstd with the dictionary of that number."""
LINES_BEFORE, LINES, RECORDS = 1, 2, 3
"""Of the ledger's lines, first and now, and of records."""
RESULTS = 4
"""Of records with the content of a result, which stands behind them as it is: base64 is longer, and packs badly."""
_DICTIONARIES = frozenset({LINES_BEFORE, LINES, RECORDS})
SETTINGS = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_DFAST,
    window_log=17,
    hash_log=14,
    chain_log=13,
    search_log=1,
    min_match=6,
    write_checksum=False,
    write_dict_id=False,
    write_content_size=True,
)
"""
As level 3 of zstd, with tables for what is packed here, a few thousand bytes: those of the level are four times as
large, are fetched anew after each wait for the disk, and pack no better.
"""


def packed(plain: bytes, dictionary: int) -> bytes:
    return bytes((dictionary,)) + _here.compress[dictionary](plain)


def packed_result(plain: bytes) -> bytes:
    """A record that may hold the content of a result."""
    head, _, rest = plain.partition(_CONTENT)
    text, quote, tail = rest.partition(b'"')
    if not text or _CONTENT in tail:
        return packed(plain, RECORDS)
    try:
        content = b64decode(text, validate=True)
    except ValueError:
        return packed(plain, RECORDS)
    if b64encode(content) != text:
        return packed(plain, RECORDS)
    apart = b"%b%b%b%b\n%b" % (head, _CONTENT, quote, tail, content)
    return bytes((RESULTS,)) + _here.compress[RECORDS](apart)


_CONTENT = b'"content":"'
"""Stands in no text, where quotes are escaped."""


def _joined(apart: bytes) -> bytes:
    record, _, content = apart.partition(b"\n")
    head, _, tail = record.partition(_CONTENT)
    return b"%b%b%b%b" % (head, _CONTENT, b64encode(content), tail)


def unpacked(data: bytes) -> bytes:
    """Raises `RemitError` for a way of packing that is not known here, and for what is damaged."""
    how = data[0] if data else None
    if how == RESULTS:
        return _joined(unpacked(bytes((RECORDS,)) + data[1:]))
    if how in _DICTIONARIES:
        try:
            return _here.decompress[how](data[1:])
        except zstandard.ZstdError as error:
            raise RemitError(f"a part of the database is damaged ({error}); restore a backup") from error
    if how == PLAIN:
        return data[1:]
    raise RemitError(f"a part of the database is packed in way {how}, which this version does not know; upgrade it")


@lru_cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    file = resources.files("remit.stores") / "dictionaries" / f"{number}.zdict"
    return zstandard.ZstdCompressionDict(file.read_bytes())


class _Codec(threading.local):
    """Compressors and decompressors by dictionary: each is for one thread, and made when it is first asked for."""

    def __init__(self) -> None:
        self.compress, self.decompress = _Made(_compressor), _Made(_decompressor)


class _Made(dict[int, Callable[[bytes], bytes]]):
    def __init__(self, make: Callable[[int], Callable[[bytes], bytes]]) -> None:
        self._make = make

    def __missing__(self, dictionary: int) -> Callable[[bytes], bytes]:
        made = self[dictionary] = self._make(dictionary)
        return made


def _compressor(dictionary: int) -> Callable[[bytes], bytes]:
    return zstandard.ZstdCompressor(compression_params=SETTINGS, dict_data=_dictionary(dictionary)).compress


def _decompressor(dictionary: int) -> Callable[[bytes], bytes]:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(dictionary)).decompress


_here = _Codec()
