"""
Segments: the entries that one write adds to one chain, packed as they are exported, one line an entry.

Shared by every store. A segment says how its lines are packed; each way of packing stays readable for good.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby

import zstandard

from remit.core.errors import RemitError
from remit.core.ledger.entries import EventType, LedgerEntry, event_type_in

PLAIN, DICTIONARY_1 = 0, 1
"""Lines as they are; or zstd with the dictionary of that number, which is shipped for good."""
_PACKED_BY = DICTIONARY_1
_LEVEL = 1

KIND_BITS: tuple[EventType, ...] = (
    "INTENT_PROPOSED",
    "INTENT_SUPERSEDED",
    "INTENT_EXPIRED",
    "GATE_DECIDED",
    "ACTION_APPROVED",
    "ACTION_REJECTED",
    "ACTION_PUBLISHED",
    "BUDGET_RELEASED",
    "EXECUTION_STARTED",
    "ACTION_EXECUTED",
    "ACTION_FAILED",
    "ACTION_UNKNOWN",
    "EXECUTION_CANCELLED",
    "OUTCOME_RESOLVED",
    "CONFIG_CHANGED",
    "AUTONOMY_STOPPED",
    "AUTONOMY_RESUMED",
    "LEDGER_SEALED",
    "APPROVAL_VOTED",
    "KEY_CHANGED",
    "SUBSCRIPTION_CHANGED",
    "LINK_MADE",
    "INTENT_WITHDRAWN",
    "CONTENT_ERASED",
    "QUESTION_ASKED",
    "QUESTION_ANSWERED",
    "CARD_ASSIGNED",
    "QUEUE_HANDED_OVER",
    "AUTONOMY_SAMPLED",
)
"""The bit of each type of event, by its place. Stored: a new type is added at the end, and none ever moves."""
_BITS: dict[str, int] = {name: 1 << place for place, name in enumerate(KIND_BITS)}

COMMON: frozenset[EventType] = frozenset(
    {
        "INTENT_PROPOSED",
        "GATE_DECIDED",
        "ACTION_APPROVED",
        "ACTION_PUBLISHED",
        "EXECUTION_STARTED",
        "ACTION_EXECUTED",
    }
)
"""The events of an action that runs by itself; every other is rare, and can be looked for by its type."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Entries of one chain that follow each other, from one write and of one moment."""

    entries: Sequence[LedgerEntry]

    @property
    def first(self) -> LedgerEntry:
        return self.entries[0]

    @property
    def has_rare(self) -> bool:
        return not COMMON.issuperset([entry.event_type for entry in self.entries])

    @property
    def rare(self) -> set[EventType]:
        return {entry.event_type for entry in self.entries} - COMMON

    @property
    def kinds(self) -> int:
        return kinds_of([entry.event_type for entry in self.entries])

    def packed(self) -> bytes:
        return pack(b"\n".join([entry.line for entry in self.entries]))


def segments_of(entries: Iterable[LedgerEntry]) -> list[Segment]:
    """
    The entries of one write by chain, each chain's in its order.

    Segments in the order of their moments hold entries in theirs: what is read by time relies on it.
    """
    chains: dict[tuple[str, str | None], list[LedgerEntry]] = {}
    for entry in entries:
        chains.setdefault((entry.tenant_id, entry.action_intent_id), []).append(entry)
    return [segment for chain in chains.values() for segment in segments_of_chain(chain)]


def segments_of_chain(entries: Sequence[LedgerEntry]) -> list[Segment]:
    """The entries of one write to one chain, in their order."""
    if len({entry.at for entry in entries}) == 1:
        return [Segment(tuple(entries))]
    return [Segment(tuple(of_moment)) for _, of_moment in groupby(entries, key=lambda entry: entry.at)]


def kinds_of(event_types: Iterable[str]) -> int:
    """A bit for each type of event."""
    kinds = 0
    for name in event_types:
        kinds |= _BITS.get(name, 0)
    return kinds


def pack(lines: bytes) -> bytes:
    """Packed as segments are packed now: its first byte says how."""
    return bytes([_PACKED_BY]) + _here().compress(lines)


def unpack(packed: bytes) -> list[LedgerEntry]:
    """The entries of a segment. Raises `RemitError` for a way of packing that is not known here."""
    return [LedgerEntry.parse(line) for line in _lines(packed)]


def unpack_some(packed: bytes, event_types: Container[str]) -> list[LedgerEntry | None]:
    """As `unpack`, with `None` in the place of each entry that is of another type: it is not read."""
    return [LedgerEntry.parse(line) if event_type_in(line) in event_types else None for line in _lines(packed)]


def _lines(packed: bytes) -> list[bytes]:
    how, body = packed[0], packed[1:]
    if how == DICTIONARY_1:
        body = _here().decompress(body)
    elif how != PLAIN:
        raise RemitError(f"a part of the ledger is packed in way {how}, which this version does not know; upgrade it")
    return body.split(b"\n")


@lru_cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    file = resources.files("remit.stores") / "dictionaries" / f"{number}.zdict"
    return zstandard.ZstdCompressionDict(file.read_bytes())


class _Codec:
    """A compressor and a decompressor: for one thread, they may not be shared."""

    def __init__(self) -> None:
        dictionary = _dictionary(DICTIONARY_1)
        self.compress = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False, write_content_size=True
        ).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=dictionary).decompress


_local = threading.local()


def _here() -> _Codec:
    codec: _Codec | None = getattr(_local, "codec", None)
    if codec is None:
        codec = _local.codec = _Codec()
    return codec
